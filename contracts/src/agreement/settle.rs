//! What happens by itself: milestones that pay, windows that are over, disputes that lapse, the
//! deadline.
//!
//! Everything that falls due at a time is done as of that time, in the first block whose time is
//! not before it and in the order of those times: what was recorded later does not count, however
//! late the block comes. So nobody loses a right because blocks were slow or the queue long.

use tracehold_chain::agreement::Label;
use tracehold_chain::money::AgreementId;
use tracehold_chain::state::{Position, TableError};
use tracehold_chain::units::TimestampMs;

use super::condition::{self, Held, View};
use super::facts;
use super::life::Life;
use super::pay;
use super::record::{Decision, DisputeState, Ending, Fact, Stage};
use super::step::{MAX_EVENTS_PER_STEP, StepKind};
use crate::execute::{Now, Staged};

/// Agreements that one transaction, or one thing that was due, may set going. More of them are
/// looked at when the next block begins.
pub const MAX_LOOKED_AT: usize = 200;

/// As of when conditions are held against what is on record: what was recorded up to this time
/// counts, and times up to it have come.
#[derive(Clone, Copy)]
struct AsOf {
    time: TimestampMs,
    /// Whether it is the last look before the deadline: windows are waived.
    last: bool,
}

impl AsOf {
    fn time(time: TimestampMs) -> AsOf {
        AsOf { time, last: false }
    }

    /// Just before the deadline.
    fn deadline(deadline: TimestampMs) -> AsOf {
        AsOf { time: TimestampMs(deadline.0.saturating_sub(1)), last: true }
    }
}

/// Looks at all agreements that were touched, and pays what is to be paid.
pub(super) fn touched(staged: &mut Staged<'_>, now: Now<'_>) -> Result<(), TableError> {
    let mut looked_at = 0;
    while let Some(id) = staged.touched.pop_first() {
        let Some(mut life) = Life::find(staged, id)? else { continue };
        let is_full = looked_at >= MAX_LOOKED_AT || has_written_much(staged, now);
        // What waited for a block already does not wait for another.
        if is_full && life.record.unseen.is_none() {
            life.record.unseen = Some(now.block_time);
            life.keep(staged);
            continue;
        }
        looked_at += 1;
        life.catch_up(staged, now)?;
        life.evaluate(staged, AsOf::time(now.block_time), now)?;
        life.keep(staged);
    }
    Ok(())
}

/// Whether a transaction comes near to what it may write: it is not refused because many agreements
/// waited for it. What is due when a block begins has no such limit.
fn has_written_much(staged: &Staged<'_>, now: Now<'_>) -> bool {
    let limit = usize::try_from(now.parameters.max_block_touches).unwrap_or(usize::MAX);
    now.receipt > 0 && staged.overlay.touched() > limit.saturating_sub(limit / 4)
}

/// Looks at an agreement that is due, and at those that its payments touch.
pub(super) fn due(
    staged: &mut Staged<'_>,
    id: AgreementId,
    now: Now<'_>,
) -> Result<(), TableError> {
    if let Some(mut life) = Life::find(staged, id)? {
        life.catch_up(staged, now)?;
        life.keep(staged);
    }
    touched(staged, now)
}

/// Does what fell due before the block and could not be done when it began, before anything new is
/// held against the agreement.
pub(super) fn catch_up(
    staged: &mut Staged<'_>,
    id: AgreementId,
    now: Now<'_>,
) -> Result<(), TableError> {
    if let Some(mut life) = Life::find(staged, id)? {
        life.catch_up(staged, now)?;
        life.keep(staged);
    }
    Ok(())
}

fn sooner(one: Option<TimestampMs>, other: Option<TimestampMs>) -> Option<TimestampMs> {
    one.into_iter().chain(other).min()
}

impl Life {
    /// Does everything that fell due by the block's time, in the order in which it fell due.
    pub fn catch_up(&mut self, staged: &mut Staged<'_>, now: Now<'_>) -> Result<(), TableError> {
        loop {
            let due = self.due().filter(|at| *at <= now.block_time);
            // What could not be looked at in its block may have come after something was due that
            // was not done either: that comes first, without it.
            match (self.record.unseen, due) {
                (Some(unseen), due) if due.is_none_or(|due| unseen < due) => {
                    self.record.unseen = None;
                    self.evaluate(staged, AsOf::time(unseen), now)?;
                }
                (_, Some(at)) => self.fall_due(staged, at, now)?,
                (_, None) => return Ok(()),
            }
        }
    }

    /// Does what is due at `at`; after it, nothing is due at `at` any more.
    fn fall_due(
        &mut self,
        staged: &mut Staged<'_>,
        at: TimestampMs,
        now: Now<'_>,
    ) -> Result<(), TableError> {
        match &self.record.stage {
            Stage::Proposed => {
                let how = Ending::NotAccepted { declined_by: None };
                self.end(staged, how, Vec::new(), at, now)
            }
            Stage::Accepted => {
                let paid = pay::give_back(staged, self, now)?;
                self.end(staged, Ending::Unfunded, paid, at, now)
            }
            Stage::Running => self.time_passes(staged, at, now),
            Stage::Disputed => {
                let open = self.record.dispute.as_mut();
                if let Some(dispute) = open.filter(|dispute| dispute.until <= at) {
                    dispute.lapsed = true;
                    self.record.stage = Stage::Running;
                    self.tell(staged, StepKind::DisputeLapsed, now);
                }
                self.time_passes(staged, at, now)
            }
            Stage::Ended { at: ended, .. } => {
                let until = self.corrections_until(*ended);
                let open = self.record.dispute.as_mut();
                let lapses = |dispute: &&mut DisputeState| {
                    dispute.after_end
                        && dispute.ruled.is_none()
                        && !dispute.lapsed
                        && dispute.until <= at
                };
                if let Some(dispute) = open.filter(lapses) {
                    dispute.lapsed = true;
                    self.tell(staged, StepKind::DisputeLapsed, now);
                }
                match self.record.unwatch_at {
                    Some(unwatch) if unwatch <= at => self.watch_paid(staged, now),
                    None if until <= at => self.stop_watching(staged, now),
                    _ => Ok(()),
                }
            }
        }
    }

    /// A time has come for an agreement that runs.
    fn time_passes(
        &mut self,
        staged: &mut Staged<'_>,
        at: TimestampMs,
        now: Now<'_>,
    ) -> Result<(), TableError> {
        if at < self.terms.deadline {
            return self.evaluate(staged, AsOf::time(at), now);
        }
        self.evaluate(staged, AsOf::deadline(self.terms.deadline), now)?;
        if self.is_over() {
            return Ok(());
        }
        let base = pay::deposited(&self.terms);
        let paid = pay::give_out(staged, self, &self.terms.at_deadline, &base, now)?;
        self.end(staged, Ending::Expired, paid, at, now)
    }

    /// Tries the milestones in the order of the terms until nothing changes any more.
    fn evaluate(
        &mut self,
        staged: &mut Staged<'_>,
        as_of: AsOf,
        now: Now<'_>,
    ) -> Result<(), TableError> {
        if !matches!(self.record.stage, Stage::Running | Stage::Disputed) {
            return Ok(());
        }
        let facts = facts::read(staged, &self.record)?;
        loop {
            let (mut changed, mut next) = (false, None);
            for place in 0..self.terms.milestones.len() {
                let Some(held) = self.held(staged, place, &facts, as_of, now)? else { continue };
                next = sooner(next, held.next.filter(|next| *next > as_of.time));
                changed |= self.decide(staged, place, &held, as_of, now);
                // While a dispute is open what can be known is noted, and nothing is paid.
                if self.record.stage != Stage::Running || !self.is_next(place) {
                    continue;
                }
                match self.wait(staged, place, &held, as_of, now) {
                    Wait::Until(time) => next = sooner(next, time),
                    Wait::Over => {
                        changed |= self.pay(staged, place, held, as_of, now)?;
                        if self.is_over() {
                            return Ok(());
                        }
                    }
                }
            }
            self.next = next;
            if !changed {
                return Ok(());
            }
        }
    }

    /// How the condition of a milestone stands; nothing when it cannot be fulfilled any more.
    fn held(
        &self,
        staged: &Staged<'_>,
        place: usize,
        facts: &[Fact],
        as_of: AsOf,
        now: Now<'_>,
    ) -> Result<Option<Held>, TableError> {
        let is_live = self.terms.milestones.get(place).is_some_and(|milestone| {
            !self.is_fulfilled(&milestone.id)
                && !milestone.unless.iter().any(|other| self.is_fulfilled(other))
                && milestone.by.is_none_or(|by| as_of.time < by)
        });
        if !is_live {
            return Ok(None);
        }
        let view = View {
            terms: &self.terms,
            record: &self.record,
            facts,
            as_of: as_of.time.plus_ms(1),
            staged,
            now,
        };
        condition::evaluate(&view, place).map(Some)
    }

    fn is_fulfilled(&self, label: &Label) -> bool {
        let mut milestones = self.terms.milestones.iter().zip(&self.record.milestones);
        milestones.any(|(terms, state)| terms.id == *label && state.fulfilled_at.is_some())
    }

    /// Whether all milestones that come before one were fulfilled.
    fn is_next(&self, place: usize) -> bool {
        let milestone = self.terms.milestones.get(place);
        milestone.is_some_and(|m| m.after.iter().all(|before| self.is_fulfilled(before)))
    }

    /// Keeps what was decided for good just now.
    fn decide(
        &mut self,
        staged: &mut Staged<'_>,
        place: usize,
        held: &Held,
        as_of: AsOf,
        now: Now<'_>,
    ) -> bool {
        let Ok(milestone) = u8::try_from(place) else { return false };
        let mut changed = false;
        for (condition, held) in held.decided.iter().copied() {
            let is_same = |d: &Decision| d.milestone == milestone && d.condition == condition;
            if self.record.decisions.iter().any(is_same) {
                continue;
            }
            self.record.decisions.push(Decision { milestone, condition, held, at: as_of.time });
            if let Some(terms) = self.terms.milestones.get(place) {
                let what = StepKind::Decided { milestone: terms.id.clone(), condition, held };
                self.tell(staged, what, now);
            }
            changed = true;
        }
        changed
    }

    /// Whether a condition has held for its window, or until when it has to.
    fn wait(
        &mut self,
        staged: &mut Staged<'_>,
        place: usize,
        held: &Held,
        as_of: AsOf,
        now: Now<'_>,
    ) -> Wait {
        let (Some(terms), Some(state)) =
            (self.terms.milestones.get(place), self.record.milestones.get_mut(place))
        else {
            return Wait::Until(None);
        };
        let (milestone, window) = (terms.id.clone(), terms.window.0);
        if !held.holds {
            if state.holds_since.take().is_some() {
                self.tell(staged, StepKind::HoldsNoMore { milestone }, now);
            }
            return Wait::Until(None);
        }
        if window == 0 || as_of.last {
            return Wait::Over;
        }
        let begins = state.holds_since.is_none();
        let until = state.holds_since.get_or_insert(as_of.time).plus_ms(window);
        if until <= as_of.time {
            return Wait::Over;
        }
        if begins {
            self.tell(staged, StepKind::Holds { milestone }, now);
        }
        Wait::Until(Some(until))
    }

    /// Pays what a milestone owes now; whether that was anything.
    fn pay(
        &mut self,
        staged: &mut Staged<'_>,
        place: usize,
        held: Held,
        as_of: AsOf,
        now: Now<'_>,
    ) -> Result<bool, TableError> {
        let (Some(terms), Some(state)) =
            (self.terms.milestones.get(place), self.record.milestones.get_mut(place))
        else {
            return Ok(false);
        };
        let Held { parts, mut events, .. } = held;
        let parts = parts.min(pay::ALL_PARTS);
        if parts <= state.paid_parts {
            return Ok(false);
        }
        let (milestone, ends) = (terms.id.clone(), terms.ends);
        events.retain(|event| !state.events.contains(event));
        state.events.extend(&events);
        let is_whole = parts == pay::ALL_PARTS;
        if is_whole {
            state.fulfilled_at = Some(as_of.time);
        }
        let cause = cause(&events, now);
        if let Some(more) = events.len().checked_sub(MAX_EVENTS_PER_STEP) {
            events.sort_unstable();
            events.drain(..more);
        }
        let paid = pay::pay_milestone(staged, self, place, parts, now)?;
        let what = if is_whole {
            StepKind::Fulfilled { milestone: milestone.clone(), paid, events }
        } else {
            StepKind::PaidPart { milestone: milestone.clone(), parts, paid, events }
        };
        self.tell_of(staged, what, cause, now);
        if (ends && is_whole) || pay::is_empty(&pay::pot(staged, self)?) {
            let how = Ending::Released { milestone };
            self.end(staged, how, Vec::new(), as_of.time, now)?;
        }
        Ok(true)
    }
}

/// What a milestone whose condition is looked at has to do.
enum Wait {
    /// It waits: for its window when there is a time, or for its condition.
    Until(Option<TimestampMs>),
    /// It is to be paid.
    Over,
}

/// The event that caused a payment: the last of them, when the transaction that is run recorded it.
fn cause(events: &[Position], now: Now<'_>) -> Option<Position> {
    let last = events.iter().max()?;
    let is_here = last.height == now.height && last.transaction.checked_add(1) == Some(now.receipt);
    is_here.then_some(*last)
}
