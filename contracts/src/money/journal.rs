//! The journal: entries in balance, the lines of statements, and conservation.

use std::collections::BTreeMap;

use serde::Deserialize;
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::money::{
    AccountId, Amount, Asset, EntryId, JournalEntry, MoneyCause, Posting,
};
use tracehold_chain::state::TableError;
use tracehold_chain::state::key::{
    BALANCES_END, BALANCES_FIRST, balance_key, holder_key, member_account_key, name_digest,
    statement_line_key,
};

use super::record::Balance;
use crate::agreement::{self, Moved};
use crate::execute::{Now, Staged};
use crate::overlay::Overlay;

/// The place in the history of the next journal entry.
pub(super) fn next_entry(staged: &Staged<'_>, now: Now<'_>) -> EntryId {
    let entry = u32::try_from(staged.effects.entries.len()).expect("a block's bytes bound these");
    EntryId { height: now.height, receipt: now.receipt, entry }
}

/// An account that an entry concerns.
struct Concerned<'a> {
    account: &'a AccountId,
    name: Digest,
    /// For each posting: asset and balance after it.
    after: Vec<(&'a Asset, i64)>,
}

/// What is known of the accounts and assets of an entry, each looked up once.
#[derive(Default)]
pub(super) struct Known<'a> {
    accounts: Vec<Concerned<'a>>,
    assets: Vec<(&'a Asset, Digest)>,
    /// Balances by their keys.
    pub balances: Vec<(Vec<u8>, Balance)>,
}

/// Posts a journal entry. Whether there is enough was checked before.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
///
/// # Panics
/// When the postings do not sum to zero, or an account that may not be would be below zero or have
/// less than what its holds set aside: a fault of ours.
pub fn post(
    staged: &mut Staged<'_>,
    cause: MoneyCause,
    postings: Vec<Posting>,
    now: Now<'_>,
) -> Result<EntryId, TableError> {
    let entry = JournalEntry { cause, postings };
    let id = Known::default().post(staged, &entry, now)?;
    staged.effects.entries.push(entry);
    Ok(id)
}

impl<'a> Known<'a> {
    /// Notes an account and the digest of its name.
    pub(super) fn account(&mut self, account: &'a AccountId, name: Digest) {
        self.accounts.push(Concerned { account, name, after: Vec::new() });
    }

    /// Notes an asset and the digest of its name.
    pub(super) fn asset(&mut self, asset: &'a Asset, name: Digest) {
        self.assets.push((asset, name));
    }

    /// The place of an account among those that are known.
    fn place_of(&mut self, account: &'a AccountId) -> usize {
        let place = self.accounts.iter().position(|known| known.account == account);
        place.unwrap_or_else(|| {
            self.account(account, name_digest(&account.to_string()));
            self.accounts.len().saturating_sub(1)
        })
    }

    fn name_of(&mut self, asset: &'a Asset) -> Digest {
        let known = self.assets.iter().find(|(known, _)| *known == asset);
        known.map(|known| known.1).unwrap_or_else(|| {
            let name = name_digest(&asset.to_string());
            self.asset(asset, name);
            name
        })
    }

    /// Writes balances and statement lines of an entry, which the caller puts among the effects.
    pub(super) fn post(
        mut self,
        staged: &mut Staged<'_>,
        entry: &'a JournalEntry,
        now: Now<'_>,
    ) -> Result<EntryId, TableError> {
        assert!(entry.balances(), "an entry's postings sum to zero for each asset: {entry:?}");
        let id = next_entry(staged, now);
        for posting in &entry.postings {
            let (account, asset) = (&posting.account, &posting.asset);
            let place = self.place_of(account);
            let asset_name = self.name_of(asset);
            let key = balance_key(&self.accounts[place].name, &asset_name);
            let at = self.balances.iter().position(|(known, _)| *known == key);
            let at = match at {
                Some(at) => at,
                None => {
                    let balance = balance_at(staged, &key, account, asset)?;
                    self.balances.push((key, balance));
                    self.balances.len().saturating_sub(1)
                }
            };
            let balance = &mut self.balances[at].1;
            balance.posted =
                balance.posted.checked_add(posting.amount).expect("there is far less of any asset");
            balance.postings = balance.postings.saturating_add(1);
            self.accounts[place].after.push((asset, balance.posted));
        }
        for (key, balance) in self.balances {
            assert!(balance.is_covered(), "below zero, or what is set aside is gone: {balance:?}");
            staged.overlay.put(key, codec::pack(&balance));
        }
        // A `StatementLine`, piece by piece: the entry is encoded once for all accounts.
        let (time, written) = (codec::pack(&now.block_time), codec::pack(entry));
        for Concerned { name, after, .. } in self.accounts {
            let line = [time.as_slice(), &written, &codec::pack(&after)].concat();
            staged.index_value(statement_line_key(&name, id), line);
        }
        for (asset, _) in self.assets {
            if !matches!(asset, Asset::Title { .. }) {
                continue;
            }
            let (at, by_itself) = staged.moves_at.unwrap_or((now.block_time, false));
            let mut postings = entry.postings.iter();
            let onto = postings.find(|posting| posting.asset == *asset && posting.amount > 0);
            let Some(Posting { account, .. }) = onto else { continue };
            let moved = Moved { title: asset, account, set_aside: None, at, by_itself };
            agreement::title_moved(staged, moved)?;
        }
        Ok(id)
    }
}

/// The balance before a posting. The first of an account and asset makes local notes of both.
fn balance_at(
    staged: &mut Staged<'_>,
    key: &[u8],
    account: &AccountId,
    asset: &Asset,
) -> Result<Balance, TableError> {
    if let Some(balance) = staged.overlay.record(key)? {
        return Ok(balance);
    }
    staged.index(holder_key(asset, account));
    if let Some(member) = account.member() {
        staged.index(member_account_key(member, account));
    }
    let (account, asset) = (account.clone(), asset.clone());
    Ok(Balance { account, asset, posted: 0, held: Amount::ZERO, postings: 0 })
}

/// Checks that a block made and lost no money: over all balances that it wrote, what each asset
/// gained on some accounts it lost on others. It looks at what was written and at what was there
/// before, and not at journal entries.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
///
/// # Panics
/// When money was made or lost: a fault of ours, and the block must not be.
pub fn assert_conserved(overlay: &Overlay<'_>) -> Result<(), TableError> {
    let read = |bytes: &[u8]| {
        codec::unpack::<Written>(bytes).map_err(|error| TableError(format!("a balance: {error}")))
    };
    let mut sums: BTreeMap<String, i128> = BTreeMap::new();
    for (key, value) in overlay.block_writes(BALANCES_FIRST, BALANCES_END) {
        let after = read(value.expect("balances are never removed"))?;
        let before = overlay.before(key)?.map(|bytes| read(&bytes)).transpose()?;
        let before = before.map_or(0, |balance| balance.posted);
        let gain = i128::from(after.posted).saturating_sub(before.into());
        match sums.get_mut(&after.asset) {
            Some(sum) => *sum = sum.saturating_add(gain),
            None => {
                sums.insert(after.asset, gain);
            }
        }
    }
    for (asset, sum) in sums {
        assert!(sum == 0, "the block made {sum} of {asset} out of nothing");
    }
    Ok(())
}

/// A [`Balance`] as it is written, its names not read.
#[derive(Deserialize)]
struct Written {
    #[serde(rename = "account")]
    _account: String,
    asset: String,
    posted: i64,
    #[serde(rename = "held")]
    _held: u64,
    #[serde(rename = "postings")]
    _postings: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracehold_chain::state::{MemoryTable, StateTree};
    use tracehold_chain::units::TimestampMs;

    use crate::layer::Layers;
    use crate::money::StatementLine;

    fn balance(account: &str, posted: i64) -> (Vec<u8>, Vec<u8>) {
        let (account, asset): (AccountId, Asset) =
            (account.parse().unwrap(), "EUR@bank".parse().unwrap());
        let (of, name) = (name_digest(&account.to_string()), name_digest(&asset.to_string()));
        let balance = Balance { account, asset, posted, held: Amount::ZERO, postings: 1 };
        (balance_key(&of, &name), codec::pack(&balance))
    }

    /// Promise P51: a block that made money out of nothing is none.
    #[test]
    #[should_panic(expected = "the block made 1 of EUR@bank out of nothing")]
    fn money_out_of_nothing_stops_the_node() {
        let (table, layers) = (MemoryTable::default(), Layers::default());
        let tree = StateTree::new(0);
        let mut overlay = Overlay::new(&table, &layers, &tree);
        for (account, posted) in [("bank/issuance", -5), ("buyer/main", 5)] {
            let (key, value) = balance(account, posted);
            overlay.put(key, value);
        }
        overlay.keep();
        assert_conserved(&overlay).unwrap();
        let (key, value) = balance("buyer/main", 6);
        overlay.put(key, value);
        overlay.keep();
        assert_conserved(&overlay).unwrap();
    }

    #[test]
    fn what_is_written_in_pieces_is_read_whole() {
        let (account, asset): (AccountId, Asset) =
            ("buyer/main".parse().unwrap(), "EUR@bank".parse().unwrap());
        let balance = Balance {
            account: account.clone(),
            asset: asset.clone(),
            posted: -7,
            held: Amount::new(3).unwrap(),
            postings: 9,
        };
        let written: Written = codec::unpack(&codec::pack(&balance)).unwrap();
        assert_eq!((written.posted, written.asset), (-7, asset.to_string()));
        let entry = JournalEntry {
            cause: MoneyCause::Command {
                account: account.clone(),
                reference: tracehold_chain::money::Reference::new("p1").unwrap(),
                memo: None,
            },
            postings: vec![Posting { account, asset: asset.clone(), amount: -1 }],
        };
        let line = StatementLine { time: TimestampMs(300), entry, after: vec![(asset, -7)] };
        let pieces = [codec::pack(&line.time), codec::pack(&line.entry), codec::pack(&line.after)];
        assert_eq!(pieces.concat(), codec::pack(&line));
    }
}
