//! Who had the titles that an agreement asks for, and when: what its conditions read as of a time.
//!
//! Balances say who has a title now. An agreement that is looked at as of a time, because that has
//! just come, a dispute over it has ended, or more was due than a block does, needs to know who had
//! it then. So while it runs each move of a title that it asks for is noted with it, and kept as
//! long as a look can be as of before the next.

use serde::{Deserialize, Serialize};
use tracehold_chain::agreement::{Condition, Moment, Terms};
use tracehold_chain::codec;
use tracehold_chain::money::{AccountId, AgreementId, Asset, Purpose};
use tracehold_chain::state::key::name_digest;
use tracehold_chain::state::{StateKey, TableError};
use tracehold_chain::units::TimestampMs;

use super::facts::{Get, walk};
use super::record::AgreementRecord;
use super::watch::waiting;
use crate::execute::{Concern, Staged};
use crate::money::{self, Balance};
use crate::work::UNITS_PER_NOTE;

/// Who had the titles of an agreement, at `StateKey::AgreementTitles`, from when it begins to run
/// until it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Titles {
    /// The times that its terms name and as of which it may be looked at, in order.
    times: Vec<TimestampMs>,
    titles: Vec<Title>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Title {
    asset: Asset,
    /// The accounts that the terms ask about: of others nothing is noted but that none of these
    /// has it.
    accounts: Vec<AccountId>,
    /// What was noted, in order. The first is as it was when the agreement began to run.
    moves: Vec<Move>,
}

/// Where a title is from a time on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Move {
    /// Since when: the block time of the transaction that moved it, or the time as of which it was
    /// moved by itself.
    at: TimestampMs,
    /// Whether it was moved by itself: then it counts for what is due at the same time.
    by_itself: bool,
    /// On which of the accounts that are asked about it is.
    account: Option<AccountId>,
    /// Until when it is set aside for somebody, if it is.
    set_aside: Option<TimestampMs>,
}

/// Where a title went, or that it was set aside there or is free again.
#[derive(Clone, Copy)]
pub(crate) struct Moved<'m> {
    /// Which.
    pub title: &'m Asset,
    /// The account that it is on now.
    pub account: &'m AccountId,
    /// Until when it is set aside there, if it is.
    pub set_aside: Option<TimestampMs>,
    /// When: the block time, or the time as of which this happened by itself.
    pub at: TimestampMs,
    /// Whether it happened by itself.
    pub by_itself: bool,
}

impl Titles {
    /// What an agreement with these terms has to know of titles; nothing when it asks for none.
    fn of(terms: &Terms) -> Option<Titles> {
        let mut titles = Titles { times: vec![terms.deadline], titles: Vec::new() };
        for clause in &terms.milestones {
            titles.times.extend(clause.by);
            walk(&clause.when, &mut 0, &mut |_, condition| titles.ask(terms, condition));
        }
        titles.times.sort_unstable();
        titles.times.dedup();
        (!titles.titles.is_empty()).then_some(titles)
    }

    fn ask(&mut self, terms: &Terms, condition: &Condition) {
        let (title, account) = match condition {
            Condition::TitleHeld { title, by } => {
                let Some(role) = terms.roles.iter().find(|role| role.role == *by) else { return };
                (title, AccountId::of(role.member.clone(), role.account.clone()))
            }
            Condition::TitleSurrendered { title } => (title, surrendered_to(title)),
            Condition::NoOpenAnomaly { at: Moment::Time(time), .. }
            | Condition::Not { at: Moment::Time(time), .. } => {
                self.times.push(*time);
                return;
            }
            _ => return,
        };
        let place = self.titles.iter().position(|known| known.asset == *title);
        let known = place.and_then(|place| self.titles.get_mut(place));
        match known {
            Some(known) if known.accounts.contains(&account) => {}
            Some(known) => known.accounts.push(account),
            None => {
                let (asset, accounts) = (title.clone(), vec![account]);
                self.titles.push(Title { asset, accounts, moves: Vec::new() });
            }
        }
    }

    /// Reads what is known of an agreement's titles.
    fn read(get: Get<'_>, agreement: AgreementId) -> Result<Option<Titles>, TableError> {
        let Some(bytes) = get(&StateKey::AgreementTitles(agreement).encode())? else {
            return Ok(None);
        };
        let damaged = |error| TableError(format!("what is known of titles is damaged: {error}"));
        codec::unpack(&bytes).map(Some).map_err(damaged)
    }

    /// The first time after `time` at which a title was moved.
    pub fn next_move(
        staged: &Staged<'_>,
        agreement: AgreementId,
        time: TimestampMs,
    ) -> Result<Option<TimestampMs>, TableError> {
        let titles = Titles::read(&|key| staged.overlay.get(key), agreement)?;
        let titles = titles.map(|titles| titles.titles).unwrap_or_default();
        let moves = titles.iter().flat_map(|title| &title.moves);
        Ok(moves.map(|one| one.at).filter(|at| *at > time).min())
    }
}

impl Title {
    /// Adds a move, and forgets those that no look can need any more: all looks to come are as of
    /// one of `times`, or of `horizon` or later.
    fn note(&mut self, moved: Move, times: &[TimestampMs], horizon: TimestampMs) {
        let last = self.moves.last();
        if last.is_some_and(|last| {
            (&last.account, last.set_aside) == (&moved.account, moved.set_aside)
        }) {
            return;
        }
        // Of one block, where it is in the end.
        let is_same = |last: &Move| (last.at, last.by_itself) == (moved.at, moved.by_itself);
        if last.is_some_and(is_same) && self.moves.len() > 1 {
            self.moves.pop();
        }
        let last = self.moves.last();
        if last.is_some_and(|last| {
            (&last.account, last.set_aside) == (&moved.account, moved.set_aside)
        }) {
            return;
        }
        let at = self.moves.last().map_or(moved.at, |last| last.at.max(moved.at));
        self.moves.push(Move { at, ..moved });
        let ends: Vec<TimestampMs> = self.moves.iter().skip(1).map(|next| next.at).collect();
        let mut place = 0;
        self.moves.retain(|one| {
            let end = ends.get(place).copied();
            place = place.saturating_add(1);
            end.is_none_or(|end| {
                let first = times.partition_point(|time| *time < one.at);
                end >= horizon || times.get(first).is_some_and(|time| *time <= end)
            })
        });
    }
}

/// The account that a title is on when it was surrendered.
fn surrendered_to(title: &Asset) -> AccountId {
    AccountId::of(title.issuer().clone(), Purpose::main())
}

/// Notes where the titles are that an agreement asks for when it begins to run.
pub(super) fn begin(
    staged: &mut Staged<'_>,
    agreement: AgreementId,
    terms: &Terms,
) -> Result<(), TableError> {
    let Some(mut titles) = Titles::of(terms) else { return Ok(()) };
    for title in &mut titles.titles {
        let mut first =
            Move { at: TimestampMs(0), by_itself: true, account: None, set_aside: None };
        for account in &title.accounts {
            let balance = money::balance(&staged.overlay, account, &title.asset)?;
            if balance.is_some_and(|balance| balance.posted > 0) {
                first.account = Some(account.clone());
                let key = StateKey::SetAside(title.asset.clone()).encode();
                first.set_aside = staged.overlay.record(&key)?;
            }
        }
        title.moves.push(first);
    }
    staged.overlay.put(StateKey::AgreementTitles(agreement).encode(), codec::pack(&titles));
    Ok(())
}

/// An agreement ended: nothing is asked of its titles any more.
pub(super) fn end(staged: &mut Staged<'_>, agreement: AgreementId) {
    let key = StateKey::AgreementTitles(agreement).encode();
    if staged.overlay.contains(&key) {
        staged.overlay.remove(key);
    }
}

/// A title moved, was set aside or is free again: agreements that wait for it note that and are to
/// be looked at.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub(crate) fn title_moved(staged: &mut Staged<'_>, moved: Moved<'_>) -> Result<(), TableError> {
    let name = name_digest(&moved.title.to_string());
    for (agreement, _) in waiting(staged, &name)? {
        staged.work.spend(UNITS_PER_NOTE);
        let key = StateKey::Agreement(agreement).encode();
        let Some(record) = staged.overlay.record::<AgreementRecord>(&key)? else { continue };
        staged.for_agreements(|staged| note(staged, &record, moved))?;
        staged.touched.insert((Concern::Others(record.units), agreement));
    }
    Ok(())
}

fn note(
    staged: &mut Staged<'_>,
    record: &AgreementRecord,
    moved: Moved<'_>,
) -> Result<(), TableError> {
    let Some(mut titles) = Titles::read(&|key| staged.overlay.get(key), record.id)? else {
        return Ok(());
    };
    let times = std::mem::take(&mut titles.times);
    // What fell due and is not done yet is done as of then.
    let horizon = record.due.map_or(moved.at, |due| due.min(moved.at));
    for title in titles.titles.iter_mut().filter(|title| title.asset == *moved.title) {
        let account = title.accounts.contains(moved.account).then(|| moved.account.clone());
        let set_aside = moved.set_aside.filter(|_| account.is_some());
        let (at, by_itself) = (moved.at, moved.by_itself);
        title.note(Move { at, by_itself, account, set_aside }, &times, horizon);
    }
    titles.times = times;
    staged.overlay.put(StateKey::AgreementTitles(record.id).encode(), codec::pack(&titles));
    Ok(())
}

/// As of when a title is asked for.
#[derive(Clone, Copy)]
pub(super) struct When {
    /// The first time that has not come.
    pub as_of: TimestampMs,
    /// The first block time of which what was recorded is not known.
    pub known_before: TimestampMs,
}

/// Whether a title is on an account, and free; when not, since it is set aside there, until when.
pub(super) enum Has {
    Free,
    SetAside(TimestampMs),
    Not,
}

/// Whether an agreement's title was free on an account as of a time; before it runs, whether it is.
pub(super) fn has(
    get: Get<'_>,
    agreement: AgreementId,
    (title, account): (&Asset, &AccountId),
    when: When,
) -> Result<Has, TableError> {
    let Some(titles) = Titles::read(get, agreement)? else {
        return is_free_now(get, account, title);
    };
    let Some(title) = titles.titles.iter().find(|known| known.asset == *title) else {
        return Ok(Has::Not);
    };
    let is_known =
        |one: &&Move| one.at < when.known_before || (one.by_itself && one.at < when.as_of);
    // A first look as of a time before it ran finds it as it was when it began to.
    let last = title.moves.iter().rev().find(is_known).or(title.moves.first());
    Ok(match last {
        Some(one) if one.account.as_ref() == Some(account) => match one.set_aside {
            Some(until) if until >= when.as_of => Has::SetAside(until),
            _ => Has::Free,
        },
        _ => Has::Not,
    })
}

fn is_free_now(get: Get<'_>, account: &AccountId, title: &Asset) -> Result<Has, TableError> {
    let key = StateKey::Balance { account: account.clone(), asset: title.clone() }.encode();
    let Some(bytes) = get(&key)? else { return Ok(Has::Not) };
    let damaged = |error| TableError(format!("a balance is damaged: {error}"));
    let balance: Balance = codec::unpack(&bytes).map_err(damaged)?;
    let held = i64::try_from(balance.held.minor_units()).unwrap_or(i64::MAX);
    Ok(if balance.posted.saturating_sub(held) > 0 { Has::Free } else { Has::Not })
}

/// The accounts on which conditions ask for a title.
pub(super) fn account_of(terms: &Terms, condition: &Condition) -> Option<AccountId> {
    match condition {
        Condition::TitleHeld { by, .. } => {
            let role = terms.roles.iter().find(|role| role.role == *by)?;
            Some(AccountId::of(role.member.clone(), role.account.clone()))
        }
        Condition::TitleSurrendered { title } => Some(surrendered_to(title)),
        _ => None,
    }
}
