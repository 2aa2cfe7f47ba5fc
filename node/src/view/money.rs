//! Accounts, what is on them, and what became of commands on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracehold_chain::money::{AccountId, Asset, EntryId, HoldId, Purpose, Reference};
use tracehold_chain::state::StateKey;
use tracehold_chain::state::key::{
    balances_range, holders_range, member_account_key, member_accounts_range, reference_key,
    statement_key, statement_range, waiting_range,
};
use tracehold_chain::transaction::{Bundle, TransactionId};
use tracehold_chain::units::{Height, MemberId};
use tracehold_contracts::money::{
    AccountRecord, AssetRecord, Balance, HoldRecord, ReferenceRecord, StatementLine,
};

use super::{Order, ReadView};
use crate::fault::Fault;

/// Entries that are looked at together.
const PAGE: usize = 500;

/// Assets of one account that are told with how much of them is on it.
pub const MAX_BALANCES_TOLD: usize = 1_000;

/// Assets that were ever on one account among which those that are there now are looked for.
pub const MAX_BALANCES_SEEN: usize = 10_000;

/// A line of a statement and where it stands.
pub type Line = (EntryId, StatementLine);

impl ReadView {
    /// What was said of an account when it was opened; none for a `main` account without a rule.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn account(&self, account: &AccountId) -> Result<Option<AccountRecord>, Fault> {
        self.packed(&StateKey::Account(account.clone()).encode())
    }

    /// How much of each asset is on an account, by asset, of which there is any: at most
    /// [`MAX_BALANCES_TOLD`], found among the first [`MAX_BALANCES_SEEN`] it ever had; and whether
    /// there may be more.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn balances(&self, account: &AccountId) -> Result<(Vec<Balance>, bool), Fault> {
        let (mut from, to) = balances_range(account);
        let (mut balances, mut seen) = (Vec::new(), 0_usize);
        let more = loop {
            let page = self.pairs((&from, &to), PAGE, Order::OldestFirst)?;
            seen = seen.saturating_add(page.len());
            for (_, value) in &page {
                let balance: Balance = self.unpacked(value)?;
                if balance.account == *account && balance.posted != 0 {
                    balances.push(balance);
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => {
                    if seen >= MAX_BALANCES_SEEN || balances.len() > MAX_BALANCES_TOLD {
                        break true;
                    }
                    from.clone_from(last);
                    from.push(0);
                }
                _ => break balances.len() > MAX_BALANCES_TOLD,
            }
        };
        balances.truncate(MAX_BALANCES_TOLD);
        balances.sort_by(|a, b| a.asset.cmp(&b.asset));
        Ok((balances, more))
    }

    /// Whether an account has, or ever had, anything.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read.
    pub fn is_used(&self, account: &AccountId) -> Result<bool, Fault> {
        let (from, to) = balances_range(account);
        Ok(!self.pairs((&from, &to), 1, Order::OldestFirst)?.is_empty())
    }

    /// How much of an asset is on an account; none when it never had any.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn balance(&self, account: &AccountId, asset: &Asset) -> Result<Option<Balance>, Fault> {
        let (account, asset) = (account.clone(), asset.clone());
        self.packed(&StateKey::Balance { account, asset }.encode())
    }

    /// A member's accounts in the order of their names, after `after`, at most `limit`; and whether
    /// there are more. `main` is always among them.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn accounts_of(
        &self,
        member: &MemberId,
        after: Option<&AccountId>,
        limit: usize,
    ) -> Result<(Vec<AccountId>, bool), Fault> {
        let (mut from, to) = member_accounts_range(member);
        let prefix = from.clone();
        let main = AccountId::of(member.clone(), Purpose::main());
        if let Some(after) = after {
            from = member_account_key(member, after);
            from.push(0);
        }
        let wanted = limit.saturating_add(1);
        let found = self.pairs((&from, &to), wanted, Order::OldestFirst)?;
        let named = found.iter().filter_map(|(key, _)| named(key, &prefix));
        let mut accounts: Vec<AccountId> = named.collect();
        let is_beyond = after.is_none_or(|after| main.to_string() > after.to_string());
        if is_beyond && !accounts.contains(&main) {
            accounts.push(main);
            accounts.sort_by_key(AccountId::to_string);
        }
        let more = accounts.len() > limit;
        accounts.truncate(limit);
        Ok((accounts, more))
    }

    /// An asset that was issued.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn asset(&self, asset: &Asset) -> Result<Option<AssetRecord>, Fault> {
        self.packed(&StateKey::Asset(asset.clone()).encode())
    }

    /// Every balance of an asset that is not nothing, by account; its issuer's issuance account
    /// among them. None when there are more than `most` accounts that hold or held it.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read or are damaged.
    pub fn holders(&self, asset: &Asset, most: usize) -> Result<Option<Vec<Balance>>, Fault> {
        let (mut from, to) = holders_range(asset);
        let prefix = from.clone();
        let (mut held, mut seen) = (Vec::new(), 0_usize);
        loop {
            let page = self.pairs((&from, &to), PAGE, Order::OldestFirst)?;
            seen = seen.saturating_add(page.len());
            if seen > most {
                return Ok(None);
            }
            for account in page.iter().filter_map(|(key, _)| named(key, &prefix)) {
                held.extend(self.balance(&account, asset)?.filter(|balance| balance.posted != 0));
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => {
                    from.clone_from(last);
                    from.push(0);
                }
                _ => return Ok(Some(held)),
            }
        }
    }

    /// What became of a command.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn reference(
        &self,
        account: &AccountId,
        reference: &Reference,
    ) -> Result<Option<ReferenceRecord>, Fault> {
        let (account, reference) = (account.clone(), reference.clone());
        self.packed(&StateKey::Reference { account, reference }.encode())
    }

    /// Money that was set aside.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn hold(&self, hold: &HoldId) -> Result<Option<HoldRecord>, Fault> {
        self.packed(&StateKey::Hold(hold.clone()).encode())
    }

    /// The lines of an account's statement before `before`, newest first, at most `limit`; and
    /// whether there are more.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read, or one is missing between two others.
    pub fn statement(
        &self,
        account: &AccountId,
        before: Option<EntryId>,
        limit: usize,
    ) -> Result<(Vec<Line>, bool), Fault> {
        let end = EntryId { height: self.height().next(), receipt: 0, entry: 0 };
        let before = before.map_or(end, |before| before.min(end));
        let (from, to) = statement_range(account, Some(before));
        let found = self.pairs((&from, &to), limit.saturating_add(1), Order::NewestFirst)?;
        let lines = found.iter().map(|(key, value)| {
            let id = key.last_chunk().map(EntryId::from_sortable);
            let id = id.ok_or_else(|| self.table_damaged("a statement's key".to_owned()))?;
            Ok((id, self.unpacked::<StatementLine>(value)?))
        });
        let mut lines: Vec<Line> = lines.collect::<Result<_, Fault>>()?;
        if let Some(gap) = gap(account, &lines) {
            let what = format!("the statement of {account} lacks a line before {gap}");
            return Err(self.table_damaged(what));
        }
        let more = lines.len() > limit;
        lines.truncate(limit);
        Ok((lines, more))
    }

    /// One line of an account's statement.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn statement_line(
        &self,
        account: &AccountId,
        entry: EntryId,
    ) -> Result<Option<StatementLine>, Fault> {
        self.packed(&statement_key(account, entry))
    }

    /// What was, at some time, waiting for a second agent of a member, newest first; at most
    /// `limit` of them are looked at.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read or are damaged.
    pub fn waited(&self, member: &MemberId, limit: usize) -> Result<Vec<ReferenceRecord>, Fault> {
        let (from, to) = waiting_range(member);
        let mut found = Vec::new();
        for (key, _) in self.pairs((&from, &to), limit, Order::NewestFirst)? {
            let Some(which) = key.last_chunk::<32>() else { continue };
            let which = tracehold_chain::digest::Digest(*which);
            found.extend(self.packed::<ReferenceRecord>(&reference_key(&which))?);
        }
        Ok(found)
    }

    /// The transaction at a place of a block, as it was handed in.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read.
    pub fn transaction_at(&self, height: Height, index: u32) -> Result<Option<Arc<Bundle>>, Fault> {
        Ok(self.bundle(height, index)?.map(|stored| Arc::clone(&stored.bundle)))
    }

    /// The transaction in whose receipt an entry stands; none for what was due when its block
    /// began.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read.
    pub fn transaction_of(&self, entry: EntryId) -> Result<Option<TransactionId>, Fault> {
        let Some(place) = entry.receipt.checked_sub(1) else { return Ok(None) };
        let stored = self.bundle(entry.height, place)?;
        Ok(stored.map(|stored| stored.bundle.transaction.id()))
    }
}

/// The account that a note names behind `prefix`.
fn named(key: &[u8], prefix: &[u8]) -> Option<AccountId> {
    let text = key.strip_prefix(prefix)?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The line, newest first, before which one must be missing: balances do not follow each other.
fn gap(account: &AccountId, lines: &[Line]) -> Option<EntryId> {
    let mut newer: BTreeMap<&Asset, (i64, EntryId)> = BTreeMap::new();
    for (id, line) in lines {
        for (asset, after) in &line.after {
            let postings = line.entry.postings.iter();
            let own = postings.filter(|p| p.account == *account && p.asset == *asset);
            let moved = own.fold(0_i64, |sum, posting| sum.saturating_add(posting.amount));
            let before = after.saturating_sub(moved);
            if let Some((expected, next)) = newer.insert(asset, (before, *id))
                && expected != *after
            {
                return Some(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use tracehold_chain::money::{JournalEntry, MoneyCause, Posting};
    use tracehold_chain::units::TimestampMs;

    use super::*;

    /// Promise P68: a statement is complete, or the node says that its table is damaged.
    #[test]
    fn a_line_that_is_missing_is_noticed() {
        let account: AccountId = "buyer/main".parse().unwrap();
        let asset: Asset = "EUR@bank".parse().unwrap();
        let line = |height: u64, moved: i64, after: i64| {
            let id = EntryId { height: Height(height), receipt: 1, entry: 0 };
            let posting = Posting { account: account.clone(), asset: asset.clone(), amount: moved };
            let cause = MoneyCause::Command {
                account: account.clone(),
                reference: Reference::new("a").unwrap(),
                memo: None,
            };
            let entry = JournalEntry { cause, postings: vec![posting] };
            let after = vec![(asset.clone(), after)];
            (id, StatementLine { time: TimestampMs(height), entry, after })
        };
        let mut lines = vec![line(9, -3, 4), line(7, 2, 7), line(3, 5, 5)];
        assert_eq!(gap(&account, &lines), None);
        lines.remove(1);
        assert_eq!(gap(&account, &lines).map(|id| id.height), Some(Height(9)));
    }
}
