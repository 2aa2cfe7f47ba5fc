//! The journal: entries in balance, the lines of statements, and conservation.

use std::collections::BTreeMap;

use serde::Serialize;
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
use tracehold_chain::units::TimestampMs;

use super::record::Balance;
use crate::agreement;
use crate::execute::{Now, Staged};
use crate::overlay::Overlay;

/// The place in the history of the next journal entry.
pub(super) fn next_entry(staged: &Staged<'_>, now: Now<'_>) -> EntryId {
    let entry = u32::try_from(staged.effects.entries.len()).expect("a block's bytes bound these");
    EntryId { height: now.height, receipt: now.receipt, entry }
}

/// [`super::StatementLine`] as it is written: the entry is not copied for each account.
#[derive(Serialize)]
struct Line<'a> {
    time: TimestampMs,
    entry: &'a JournalEntry,
    after: Vec<(&'a Asset, i64)>,
}

/// An account that an entry concerns.
struct Concerned<'a> {
    account: &'a AccountId,
    name: Digest,
    /// For each posting: asset and balance after it.
    after: Vec<(&'a Asset, i64)>,
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
    assert!(entry.balances(), "the postings of an entry sum to zero for each asset: {entry:?}");
    let id = next_entry(staged, now);
    let mut accounts: Vec<Concerned<'_>> = Vec::new();
    let mut assets: Vec<(&Asset, Digest)> = Vec::new();
    let mut balances: Vec<(Vec<u8>, Balance)> = Vec::new();
    for posting in &entry.postings {
        let (account, asset) = (&posting.account, &posting.asset);
        let known = assets.iter().find(|(known, _)| *known == asset);
        let asset_name = known.map_or_else(|| name_digest(&asset.to_string()), |known| known.1);
        if known.is_none() {
            assets.push((asset, asset_name));
        }
        let place = accounts.iter().position(|known| known.account == account);
        let place = place.unwrap_or_else(|| {
            let name = name_digest(&account.to_string());
            accounts.push(Concerned { account, name, after: Vec::new() });
            accounts.len().saturating_sub(1)
        });
        let key = balance_key(&accounts[place].name, &asset_name);
        let at = balances.iter().position(|(known, _)| *known == key);
        let at = match at {
            Some(at) => at,
            None => {
                let balance = balance_at(staged, &key, account, asset)?;
                balances.push((key, balance));
                balances.len().saturating_sub(1)
            }
        };
        let balance = &mut balances[at].1;
        balance.posted =
            balance.posted.checked_add(posting.amount).expect("there is far less of any asset");
        balance.postings = balance.postings.saturating_add(1);
        accounts[place].after.push((asset, balance.posted));
    }
    for (key, balance) in balances {
        assert!(
            balance.is_covered(),
            "{} has {} of {} posted and {} set aside",
            balance.account,
            balance.posted,
            balance.asset,
            balance.held.minor_units()
        );
        staged.overlay.put(key, codec::pack(&balance));
    }
    for Concerned { name, after, .. } in accounts {
        let line = Line { time: now.block_time, entry: &entry, after };
        staged.index_value(statement_line_key(&name, id), codec::pack(&line));
    }
    for (asset, _) in assets.iter().filter(|(asset, _)| matches!(asset, Asset::Title { .. })) {
        agreement::title_moved(staged, asset)?;
    }
    staged.effects.entries.push(entry);
    Ok(id)
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
    let mut sums: BTreeMap<Asset, i128> = BTreeMap::new();
    for (key, value) in overlay.block_writes(BALANCES_FIRST, BALANCES_END) {
        let value = value.expect("balances are never removed");
        let after: Balance =
            codec::unpack(value).map_err(|error| TableError(format!("a balance: {error}")))?;
        assert!(after.is_covered(), "{} is below zero in {}", after.account, after.asset);
        let before = overlay.before(key)?.map(|bytes| codec::unpack::<Balance>(&bytes));
        let before = before.transpose();
        let before = before.map_err(|error| TableError(format!("a balance: {error}")))?;
        let before = before.map_or(0, |balance| balance.posted);
        let sum = sums.entry(after.asset).or_default();
        *sum = sum.saturating_add(i128::from(after.posted)).saturating_sub(before.into());
    }
    for (asset, sum) in sums {
        assert!(sum == 0, "the block made {sum} of {asset} out of nothing");
    }
    Ok(())
}
