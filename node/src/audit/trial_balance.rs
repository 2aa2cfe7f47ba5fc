//! The trial balance, added up from the journal alone and held against the state.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracehold_chain::codec;
use tracehold_chain::money::{AccountId, Asset, JournalEntry, Money, Purpose};
use tracehold_chain::state::StateKey;
use tracehold_chain::state::key::{ASSETS_END, ASSETS_FIRST, BALANCES_END, BALANCES_FIRST};
use tracehold_contracts::Layer;
use tracehold_contracts::money::{AssetRecord, Balance};

/// What is on every account, summed up from journal entries.
///
/// Each block's entries are added with [`TrialBalance::note`], which also compares what the block
/// wrote into the state with the sums. Because every balance in the state was written by some
/// block, a history without a difference has none at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialBalance {
    lines: BTreeMap<(Asset, AccountId), Line>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Line {
    /// The sum of all postings, in smallest units.
    posted: i128,
    /// How many there were.
    postings: u64,
}

/// How an asset stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetBalance {
    /// Which.
    pub asset: Asset,
    /// What stands against it on its issuer's issuance account.
    pub outstanding: i128,
    /// What members have on their accounts.
    pub on_accounts: i128,
    /// What is in the pots of agreements.
    pub in_agreements: i128,
    /// On how many accounts there is some.
    pub accounts: u64,
    /// In how many agreements.
    pub agreements: u64,
}

impl AssetBalance {
    /// Whether holders have exactly what is outstanding: all postings sum to zero.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.outstanding == self.on_accounts + self.in_agreements
    }

    /// So many smallest units of the asset as a decimal with all its places. A sum that is out of
    /// all bounds is shown in smallest units.
    #[must_use]
    pub fn decimal(&self, units: i128) -> String {
        let amount = u64::try_from(units).ok().and_then(|units| units.try_into().ok());
        let money = amount.map(|amount| Money { asset: self.asset.clone(), amount });
        money.map_or_else(|| format!("{units} smallest units"), |m| m.decimal().to_string())
    }
}

impl TrialBalance {
    /// Adds the journal entries of a block, and compares with them what it wrote into the state.
    ///
    /// # Errors
    /// What does not hold, in words.
    pub fn note(&mut self, layer: &Layer) -> Result<(), String> {
        let of_receipts = layer.receipts.iter().flat_map(|receipt| &receipt.effects.entries);
        for entry in layer.due.entries.iter().chain(of_receipts) {
            self.add(entry, layer)?;
        }
        for balance in written::<Balance>(layer, BALANCES_FIRST, BALANCES_END)? {
            self.compare(&balance)?;
        }
        for record in written::<AssetRecord>(layer, ASSETS_FIRST, ASSETS_END)? {
            let issuance = AccountId::of(record.asset.issuer().clone(), Purpose::issuance());
            let outstanding = -self.line(&record.asset, &issuance).posted;
            if outstanding != i128::from(record.outstanding.minor_units()) {
                return Err(format!(
                    "{} smallest units of {} are said to be outstanding, the journal has \
                     {outstanding}",
                    record.outstanding.minor_units(),
                    record.asset
                ));
            }
        }
        Ok(())
    }

    fn add(&mut self, entry: &JournalEntry, layer: &Layer) -> Result<(), String> {
        if !entry.balances() {
            return Err(format!("a journal entry does not sum to zero: {:?}", entry.cause));
        }
        for posting in &entry.postings {
            let (account, asset) = (posting.account.clone(), posting.asset.clone());
            let key = StateKey::Balance { account: account.clone(), asset: asset.clone() };
            if !layer.writes.get(&key.encode()).is_some_and(Option::is_some) {
                return Err(format!("{asset} of {account} moved and its balance was not written"));
            }
            let line = self.lines.entry((asset, account)).or_default();
            line.posted += i128::from(posting.amount);
            line.postings += 1;
        }
        Ok(())
    }

    fn line(&self, asset: &Asset, account: &AccountId) -> Line {
        self.lines.get(&(asset.clone(), account.clone())).copied().unwrap_or_default()
    }

    fn compare(&self, balance: &Balance) -> Result<(), String> {
        let Balance { account, asset, posted, held, postings } = balance;
        let line = self.line(asset, account);
        if (line.posted, line.postings) != (i128::from(*posted), *postings) {
            return Err(format!(
                "account {account} has {posted} smallest units of {asset} after {postings} \
                 postings, the journal sums to {} after {}",
                line.posted, line.postings
            ));
        }
        let may_be_below = account.stands_against(asset);
        if !may_be_below && line.posted < i128::from(held.minor_units()) {
            return Err(format!(
                "account {account} has {posted} smallest units of {asset} and {} of them held",
                held.minor_units()
            ));
        }
        Ok(())
    }

    /// How every asset stands, by its name.
    #[must_use]
    pub fn assets(&self) -> Vec<AssetBalance> {
        let mut assets: Vec<AssetBalance> = Vec::new();
        for ((asset, account), line) in &self.lines {
            if assets.last().is_none_or(|last| last.asset != *asset) {
                assets.push(AssetBalance {
                    asset: asset.clone(),
                    outstanding: 0,
                    on_accounts: 0,
                    in_agreements: 0,
                    accounts: 0,
                    agreements: 0,
                });
            }
            let Some(sums) = assets.last_mut() else { continue };
            let some = u64::from(line.posted != 0);
            match account {
                account if account.stands_against(asset) => sums.outstanding -= line.posted,
                AccountId::Member { .. } => {
                    sums.on_accounts += line.posted;
                    sums.accounts += some;
                }
                AccountId::Agreement(_) => {
                    sums.in_agreements += line.posted;
                    sums.agreements += some;
                }
            }
        }
        assets
    }

    /// Whether all postings of each asset sum to zero.
    ///
    /// # Errors
    /// The asset that does not balance, in words.
    pub fn check(&self) -> Result<(), String> {
        match self.assets().iter().find(|asset| !asset.balances()) {
            None => Ok(()),
            Some(wrong) => Err(format!(
                "{} smallest units of {} are outstanding, and holders have {}",
                wrong.outstanding,
                wrong.asset,
                wrong.on_accounts + wrong.in_agreements
            )),
        }
    }
}

/// The records of one kind that a block wrote.
fn written<T: Serialize + DeserializeOwned>(
    layer: &Layer,
    from: &[u8],
    to: &[u8],
) -> Result<Vec<T>, String> {
    let records = layer.writes.range(from.to_vec()..to.to_vec());
    let kept = records.filter_map(|(_, value)| value.as_deref());
    kept.map(|bytes| codec::unpack(bytes).map_err(|error| format!("a record of money: {error}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use tracehold_chain::money::{MoneyCause, Posting};
    use tracehold_chain::units::Height;

    use super::*;

    fn posting(account: &str, amount: i64) -> Posting {
        let account = account.parse().expect("an account");
        Posting { account, asset: "EUR@bank".parse().expect("an asset"), amount }
    }

    fn layer(entries: Vec<JournalEntry>, balances: &[(&str, i64, u64)]) -> Layer {
        use tracehold_contracts::{Effects, Head};
        let writes = balances.iter().map(|(account, posted, postings)| {
            let (account, asset): (AccountId, Asset) =
                (account.parse().expect("an account"), "EUR@bank".parse().expect("an asset"));
            let key = StateKey::Balance { account: account.clone(), asset: asset.clone() };
            let held = tracehold_chain::money::Amount::ZERO;
            let balance = Balance { account, asset, posted: *posted, held, postings: *postings };
            (key.encode(), Some(codec::pack(&balance)))
        });
        let zero = tracehold_chain::digest::Digest([0; 32]);
        let id = tracehold_chain::block::BlockId(zero);
        let time = tracehold_chain::units::TimestampMs(1);
        Layer {
            head: Head { height: Height(1), block_id: id, block_time: time, state_root: zero },
            header: tracehold_chain::block::BlockHeader {
                version: tracehold_chain::block::BLOCK_VERSION,
                chain_id: tracehold_chain::units::ChainId::new("test").expect("a name"),
                height: Height(1),
                previous_block_id: id,
                block_time: time,
                proposer: tracehold_chain::keys::PublicKey([0; 32]),
                validators: zero,
                next_validators: zero,
                transactions_root: zero,
                receipts_root: zero,
                state_root: zero,
            },
            writes: writes.collect(),
            due: Effects { entries, steps: Vec::new() },
            receipts: Vec::new(),
            events: 0,
            found: Vec::new(),
        }
    }

    fn entry(postings: Vec<Posting>) -> JournalEntry {
        let account = AccountId::of("bank".parse().expect("a name"), Purpose::issuance());
        let reference = "r".to_owned().try_into().expect("a reference");
        JournalEntry { cause: MoneyCause::Command { account, reference, memo: None }, postings }
    }

    /// Promise P70: what the audit adds up is what holders have, and a difference is found.
    #[test]
    fn the_journal_and_the_state_must_agree() {
        let issue = entry(vec![posting("bank/issuance", -500), posting("buyer/main", 500)]);
        let after = [("bank/issuance", -500, 1), ("buyer/main", 500, 1)];
        let mut balance = TrialBalance::default();
        assert_eq!(balance.note(&layer(vec![issue.clone()], &after)), Ok(()));
        assert_eq!(balance.check(), Ok(()));
        let [asset] = balance.assets().try_into().expect("one asset");
        assert_eq!((asset.outstanding, asset.on_accounts, asset.accounts), (500, 500, 1));
        assert_eq!(asset.decimal(asset.outstanding), "5.00");

        let note =
            |entries, balances: &[_]| TrialBalance::default().note(&layer(entries, balances));
        let more = [("bank/issuance", -500, 1), ("buyer/main", 501, 1)];
        assert!(note(vec![issue.clone()], &more).unwrap_err().contains("buyer/main"));
        let missing = [("bank/issuance", -500, 1)];
        assert!(note(vec![issue], &missing).unwrap_err().contains("not written"));
        assert!(note(vec![], &[("buyer/main", 1, 0)]).unwrap_err().contains("buyer/main"));
        let torn = entry(vec![posting("buyer/main", 5)]);
        assert!(note(vec![torn], &[("buyer/main", 5, 1)]).unwrap_err().contains("zero"));
        let below = entry(vec![posting("buyer/main", -5), posting("shop/main", 5)]);
        let after = [("buyer/main", -5, 1), ("shop/main", 5, 1)];
        assert!(note(vec![below], &after).unwrap_err().contains("held"));
    }
}
