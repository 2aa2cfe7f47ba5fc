//! Money set aside for a payee until it is taken, given back or free again.

use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::money::{AccountId, Amount, Asset, HoldId, Money};
use tracehold_chain::state::key::{hold_digest, hold_key};
use tracehold_chain::state::{Due, StateKey, TableError};
use tracehold_chain::units::TimestampMs;

use super::account::{Named, affords, balance};
use super::command::Order;
use super::journal::post;
use super::record::{HoldRecord, HoldStatus};
use super::transfer::{check_amount, postings};
use crate::agreement::{self, Moved};
use crate::execute::Staged;
use crate::receipt::RejectionCode;
use crate::stop::{Stop, refuse};

/// How far ahead a hold may expire: ten years.
pub const MAX_AHEAD_MS: u64 = 3_653 * 24 * 3_600_000;

fn due(hold: &HoldRecord) -> Due {
    Due { at: hold.expires_at, kind: Due::HOLD, which: hold_digest(&hold.id) }
}

/// Sets aside, or frees, so much on the account of a hold at a time, by itself or not. Who has a
/// title freely changes with it, though it stays where it is.
fn set_held(
    staged: &mut Staged<'_>,
    hold: &HoldRecord,
    (at, by_itself): (TimestampMs, bool),
    change: impl FnOnce(Amount) -> Option<Amount>,
) -> Result<(), TableError> {
    let (account, asset) = (&hold.id.account, &hold.money.asset);
    let mut balance =
        balance(&staged.overlay, account, asset)?.expect("something was on the account");
    balance.held = change(balance.held).expect("holds are of what is there");
    let key = StateKey::Balance { account: account.clone(), asset: asset.clone() }.encode();
    staged.overlay.put(key, codec::pack(&balance));
    if matches!(asset, Asset::Title { .. }) {
        let key = StateKey::SetAside(asset.clone()).encode();
        let set_aside = (!balance.held.is_zero()).then_some(hold.expires_at);
        match set_aside {
            Some(until) => staged.overlay.put(key, codec::pack(&until)),
            None => staged.overlay.remove(key),
        }
        let moved = Moved { title: asset, account, set_aside, at, by_itself };
        agreement::title_moved(staged, moved)?;
    }
    Ok(())
}

/// Frees what a hold set aside, and says how it ended.
fn end(
    staged: &mut Staged<'_>,
    mut hold: HoldRecord,
    status: HoldStatus,
    when: (TimestampMs, bool),
) -> Result<(), TableError> {
    set_held(staged, &hold, when, |held| held.minus(hold.money.amount))?;
    hold.status = status;
    staged.overlay.put(hold_key(&hold_digest(&hold.id)), codec::pack(&hold));
    Ok(())
}

/// What is set aside is free again: the time of the hold filed under this digest is over.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn expire_hold(staged: &mut Staged<'_>, which: &Digest) -> Result<(), TableError> {
    match staged.overlay.record::<HoldRecord>(&hold_key(which))? {
        Some(hold) if hold.status == HoldStatus::Pending => {
            let when = (hold.expires_at, true);
            end(staged, hold, HoldStatus::Expired, when)
        }
        _ => Ok(()),
    }
}

impl Order<'_> {
    pub(super) fn hold(
        &self,
        staged: &mut Staged<'_>,
        money: &Money,
        to: &AccountId,
        expires_at: TimestampMs,
    ) -> Result<(), Stop> {
        check_amount(money)?;
        self.check_payee(staged, &Named::of(to))?;
        let now = self.now.block_time;
        if expires_at <= now || expires_at > now.plus_ms(MAX_AHEAD_MS) {
            return refuse(RejectionCode::TimeInvalid, format!("expires_at: {expires_at}"));
        }
        affords(&staged.overlay, self.account, money)??;
        if self.only_check {
            return Ok(());
        }
        let (account, reference) = (self.account.clone(), self.reference.clone());
        let hold = HoldRecord {
            id: HoldId { account, reference },
            money: money.clone(),
            to: to.clone(),
            expires_at,
            status: HoldStatus::Pending,
        };
        set_held(staged, &hold, (now, false), |held| held.plus(money.amount))?;
        staged.overlay.put(hold_key(&hold_digest(&hold.id)), codec::pack(&hold));
        staged.queue(due(&hold));
        Ok(())
    }

    /// A hold that the account may take or give back.
    fn pending(&self, staged: &Staged<'_>, id: &HoldId) -> Result<HoldRecord, Stop> {
        let named = || format!("hold: {} of {}", id.reference, id.account);
        let found = staged.overlay.record::<HoldRecord>(&hold_key(&hold_digest(id)))?;
        let Some(hold) = found else { return refuse(RejectionCode::HoldUnknown, named()) };
        if hold.to != *self.account {
            return refuse(RejectionCode::HoldNotYours, named());
        }
        if hold.status != HoldStatus::Pending || self.now.block_time >= hold.expires_at {
            return refuse(RejectionCode::HoldEnded, named());
        }
        Ok(hold)
    }

    pub(super) fn post_hold(
        &self,
        staged: &mut Staged<'_>,
        id: &HoldId,
        amount: Amount,
    ) -> Result<(), Stop> {
        let hold = self.pending(staged, id)?;
        let taken = Money { asset: hold.money.asset.clone(), amount };
        check_amount(&taken)?;
        if amount > hold.money.amount {
            let subject = format!("amount: {taken}, the hold has {}", hold.money.decimal());
            return refuse(RejectionCode::AmountInvalid, subject);
        }
        staged.unqueue(due(&hold));
        let from = hold.id.account.clone();
        end(staged, hold, HoldStatus::Posted(amount), (self.now.block_time, false))?;
        post(staged, self.cause(None), postings(&taken, &from, self.account), self.now)?;
        Ok(())
    }

    pub(super) fn void_hold(&self, staged: &mut Staged<'_>, id: &HoldId) -> Result<(), Stop> {
        let hold = self.pending(staged, id)?;
        staged.unqueue(due(&hold));
        end(staged, hold, HoldStatus::Voided, (self.now.block_time, false))?;
        Ok(())
    }
}
