//! What happens by itself: milestones that pay, windows that are over, disputes that lapse, the
//! deadline.
//!
//! Everything that falls due at a time is done as of that time, in the first block whose time is
//! not before it and in the order of those times: what was recorded later does not count, however
//! late the block comes. So nobody loses a right because blocks were slow or the queue long, and
//! what would be too much work for one block ([`crate::work`]) can go on in the next, between one
//! time and another.

use std::collections::BTreeSet;

use tracehold_chain::agreement::Label;
use tracehold_chain::money::AgreementId;
use tracehold_chain::state::{Position, TableError};
use tracehold_chain::units::TimestampMs;

use super::condition::{self, Held, Memo, View};
use super::facts;
use super::life::Life;
use super::pay;
use super::record::{Decision, DisputeState, Ending, Fact, Stage};
use super::step::{MAX_EVENTS_PER_STEP, StepKind};
use super::titles::Titles;
use crate::execute::{Now, Staged};
use crate::work;

/// Agreements that one transaction, or one thing that was due, may set going, if they make no more
/// work than it may ([`crate::work`]). More of them are looked at when the next block begins.
pub const MAX_LOOKED_AT: usize = 200;

/// As of when conditions are held against what is on record.
#[derive(Clone, Copy)]
struct AsOf {
    /// Times up to this one have come.
    time: TimestampMs,
    /// What was recorded before this time counts. When a time has come, that is what was recorded
    /// before it, in whichever block it is done.
    known_before: TimestampMs,
    /// Whether it is the last look before the deadline: windows are waived, and late readings
    /// awaited no longer.
    last: bool,
    /// Whether a time that has come set it going.
    by_itself: bool,
    /// A dispute that ends now without a ruling, by when it was opened.
    disputed_since: Option<TimestampMs>,
}

impl AsOf {
    fn time(time: TimestampMs) -> AsOf {
        let known_before = time.plus_ms(1);
        AsOf { time, known_before, last: false, by_itself: false, disputed_since: None }
    }

    /// As of when something fell due.
    fn due(at: TimestampMs) -> AsOf {
        AsOf { known_before: at, by_itself: true, ..AsOf::time(at) }
    }

    /// Just before the deadline.
    fn deadline(deadline: TimestampMs) -> AsOf {
        let time = TimestampMs(deadline.0.saturating_sub(1));
        AsOf { time, last: true, ..AsOf::due(deadline) }
    }
}

/// Looks at all agreements that were touched, and pays what is to be paid. What is too much for the
/// transaction is left to the next block.
pub(super) fn touched(staged: &mut Staged<'_>, now: Now<'_>) -> Result<(), TableError> {
    let mut looked_at = 0;
    while let Some((_, id)) = staged.touched.pop_first() {
        staged.for_agreements(|staged| {
            staged.work.spend(work::UNITS_PER_NOTE);
            let Some(mut life) = Life::find(staged, id)? else { return Ok(()) };
            let mut is_done = false;
            if looked_at < MAX_LOOKED_AT && !staged.work.is_over() {
                looked_at += 1;
                is_done = life.catch_up(staged, now)?;
            }
            if is_done {
                life.evaluate(staged, AsOf::time(now.block_time), now)?;
            } else {
                // What waits for a block already is looked at as of all blocks since.
                life.record.unseen = life.record.unseen.or(Some(now.block_time));
            }
            life.keep(staged);
            Ok::<(), TableError>(())
        })?;
    }
    Ok(())
}

/// Looks at an agreement whose entry was taken out of the queue.
pub(super) fn due(
    staged: &mut Staged<'_>,
    id: AgreementId,
    now: Now<'_>,
) -> Result<(), TableError> {
    staged.for_agreements(|staged| {
        let Some(mut life) = Life::find(staged, id)? else { return Ok(()) };
        if life.record.due.is_some_and(|due| due <= now.block_time) {
            life.record.due = None;
        }
        // What is not done is queued again.
        life.catch_up(staged, now)?;
        life.keep(staged);
        Ok(())
    })
}

fn sooner(one: Option<TimestampMs>, other: Option<TimestampMs>) -> Option<TimestampMs> {
    one.into_iter().chain(other).min()
}

impl Life {
    /// Does everything that fell due by the block's time, in the order in which it fell due, while
    /// there is work left. Whether all of it is done; if not, it can go on from there.
    pub fn catch_up(&mut self, staged: &mut Staged<'_>, now: Now<'_>) -> Result<bool, TableError> {
        loop {
            let due = self.due().filter(|at| *at <= now.block_time);
            if due.is_none() && self.record.unseen.is_none() {
                return Ok(true);
            }
            if staged.work.is_over() {
                return Ok(false);
            }
            // What could not be looked at in its block may have come after something was due that
            // was not done either: that comes first, without it.
            match (self.record.unseen, due) {
                (Some(unseen), due) if due.is_none_or(|due| unseen < due) => {
                    // Since it could not be looked at, it was not looked at as of any later block.
                    self.record.unseen =
                        self.evaluate(staged, AsOf::time(unseen), now)?.recorded_next;
                }
                (_, Some(at)) => self.fall_due(staged, at, now)?,
                (_, None) => {}
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
        staged.work.spend(work::UNITS_PER_LOOK);
        staged.moves_at = Some((at, true));
        let done = self.do_due(staged, at, now);
        staged.moves_at = None;
        done
    }

    fn do_due(
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
            Stage::Running => self.time_passes(staged, at, None, now),
            Stage::Disputed => {
                let open = self.record.dispute.as_mut();
                let mut disputed_since = None;
                if let Some(dispute) = open.filter(|dispute| dispute.until <= at) {
                    dispute.lapsed = true;
                    disputed_since = Some(dispute.at);
                    self.record.stage = Stage::Running;
                    self.tell(staged, StepKind::DisputeLapsed, now);
                }
                self.time_passes(staged, at, disputed_since, now)?;
                if disputed_since.is_some() {
                    for milestone in &mut self.record.milestones {
                        milestone.held_through = None;
                    }
                }
                Ok(())
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
                    Some(unwatch) if unwatch <= at => self.unwatch(staged, at < until, now),
                    None if until <= at => self.unwatch(staged, false, now),
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
        disputed_since: Option<TimestampMs>,
        now: Now<'_>,
    ) -> Result<(), TableError> {
        if at < self.terms.deadline {
            self.evaluate(staged, AsOf { disputed_since, ..AsOf::due(at) }, now)?;
            return Ok(());
        }
        let as_of = AsOf { disputed_since, ..AsOf::deadline(self.terms.deadline) };
        self.evaluate(staged, as_of, now)?;
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
    ) -> Result<Looked, TableError> {
        staged.work.spend(work::UNITS_PER_LOOK);
        if !matches!(self.record.stage, Stage::Running | Stage::Disputed) {
            return Ok(Looked { recorded_next: None });
        }
        staged.work.spend(self.record.units);
        let mut facts = facts::read(staged, &self.record)?;
        let times = facts.iter().flat_map(|fact| [Some(fact.recorded_at), fact.voided_at]);
        let later = times.flatten().filter(|at| *at > as_of.time);
        let moved = Titles::next_move(staged, self.record.id, as_of.time)?;
        let looked = Looked { recorded_next: later.chain(moved).min() };
        // Of what came later nothing is known, nor of what was undone later.
        let is_later = |at: TimestampMs| at >= as_of.known_before;
        facts.retain(|fact| !is_later(fact.recorded_at));
        for fact in &mut facts {
            if fact.voided_at.is_some_and(is_later) {
                fact.voided_by = None;
            }
        }
        let memo = Memo::default();
        let look = Look { facts: &facts, memo: &memo, as_of, now };
        let before = staged.moves_at.replace((as_of.time, as_of.by_itself));
        self.revise(staged, &look);
        self.try_all(staged, &look)?;
        staged.moves_at = before;
        staged.work.spend(memo.spent());
        Ok(looked)
    }

    fn try_all(&mut self, staged: &mut Staged<'_>, look: &Look<'_>) -> Result<(), TableError> {
        let (as_of, now) = (look.as_of, look.now);
        loop {
            let (mut changed, mut next) = (false, None);
            for place in 0..self.terms.milestones.len() {
                let Some(held) = self.held(staged, place, look)? else { continue };
                next = sooner(next, held.next.filter(|next| *next > as_of.time));
                changed |= self.decide(staged, place, &held, as_of, now);
                // While a dispute is open what can be known is noted, and nothing is paid.
                if self.record.stage != Stage::Running || !self.is_next(place) {
                    self.hold_through(place, &held, as_of);
                    continue;
                }
                match self.wait(staged, place, &held, as_of, now) {
                    Wait::Until(time) => next = sooner(next, time),
                    Wait::Over => {
                        changed |= self.pay(staged, place, held, look)?;
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

    /// The time of a milestone that came while a dispute was open that ends now without a ruling:
    /// what was to be by then is held against what was on record by then. A dispute delays a
    /// payment; it does not decide about it.
    fn missed(&self, place: usize, as_of: AsOf) -> Option<TimestampMs> {
        let (by, since) = (self.terms.milestones.get(place)?.by?, as_of.disputed_since?);
        (since < by && by <= as_of.time).then_some(by)
    }

    /// How the condition of a milestone stands; nothing when it cannot be fulfilled any more.
    fn held(
        &self,
        staged: &Staged<'_>,
        place: usize,
        look: &Look<'_>,
    ) -> Result<Option<Held>, TableError> {
        let missed = self.missed(place, look.as_of);
        let time = look.as_of.time;
        let is_live = self.terms.milestones.get(place).is_some_and(|milestone| {
            !self.is_fulfilled(&milestone.id)
                && !milestone.unless.iter().any(|other| self.is_fulfilled(other))
                && (missed.is_some() || milestone.by.is_none_or(|by| time < by))
        });
        if !is_live {
            return Ok(None);
        }
        let view = View {
            terms: &self.terms,
            record: &self.record,
            facts: look.facts,
            as_of: missed.unwrap_or_else(|| time.plus_ms(1)),
            known_before: missed.unwrap_or(look.as_of.known_before),
            last: look.as_of.last && missed.is_none(),
            staged,
            now: look.now,
        };
        condition::evaluate_again(&view, place, look.memo).map(Some)
    }

    /// Notes, while a dispute is open, since when a condition holds for which a window would run
    /// but for the dispute.
    fn hold_through(&mut self, place: usize, held: &Held, as_of: AsOf) {
        if self.record.stage != Stage::Disputed {
            return;
        }
        let is_next = self.is_next(place);
        let Some(state) = self.record.milestones.get_mut(place) else { return };
        if held.holds && is_next {
            state.held_through.get_or_insert(as_of.time);
        } else {
            state.held_through = None;
        }
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
        for (condition, held, events) in held.decided.iter().cloned() {
            let is_same = |d: &Decision| d.milestone == milestone && d.condition == condition;
            if self.record.decisions.iter().any(is_same) {
                continue;
            }
            let at = as_of.time;
            self.record.decisions.push(Decision { milestone, condition, held, at, events });
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
        let missed = self.missed(place, as_of);
        let (Some(terms), Some(state)) =
            (self.terms.milestones.get(place), self.record.milestones.get_mut(place))
        else {
            return Wait::Until(None);
        };
        let (milestone, window) = (terms.id.clone(), terms.window.0);
        if let Some(by) = missed {
            let since = state.held_through.filter(|_| held.holds);
            let is_over = since.is_some_and(|since| since.plus_ms(window) < by);
            return if held.holds && (window == 0 || is_over) {
                Wait::Over
            } else {
                Wait::Until(None)
            };
        }
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
            self.clear_cancels(staged, now);
        }
        Wait::Until(Some(until))
    }

    /// Pays what a milestone owes now; whether that was anything.
    fn pay(
        &mut self,
        staged: &mut Staged<'_>,
        place: usize,
        held: Held,
        look: &Look<'_>,
    ) -> Result<bool, TableError> {
        let (as_of, now) = (look.as_of, look.now);
        let (Some(terms), Some(state)) =
            (self.terms.milestones.get(place), self.record.milestones.get_mut(place))
        else {
            return Ok(false);
        };
        let Held { part, mut events, .. } = held;
        if !part.is_more_than(state.paid_part) {
            return Ok(false);
        }
        let (milestone, ends) = (terms.id.clone(), terms.ends);
        if terms.pay.is_empty() {
            // No part of it was paid: it rests on what shows all of it now.
            state.events.clear();
        }
        let known: BTreeSet<Position> = state.events.iter().copied().collect();
        events.retain(|event| !known.contains(event));
        state.events.extend(&events);
        let is_whole = part.is_whole();
        if is_whole {
            state.fulfilled_at = Some(as_of.time);
        }
        let cause = cause(&events, now);
        if let Some(more) = events.len().checked_sub(MAX_EVENTS_PER_STEP) {
            events.sort_unstable();
            events.drain(..more);
        }
        let paid = pay::pay_milestone(staged, self, place, part, now)?;
        let what = if is_whole {
            StepKind::Fulfilled { milestone: milestone.clone(), paid, events }
        } else {
            let parts = part.millionths();
            StepKind::PaidPart { milestone: milestone.clone(), parts, paid, events }
        };
        self.tell_of(staged, what, cause, now);
        self.clear_cancels(staged, now);
        self.note_undone(staged, place, look);
        if (ends && is_whole) || pay::is_empty(&pay::pot(staged, self)?) {
            let how = Ending::Released { milestone };
            self.end(staged, how, Vec::new(), as_of.time, now)?;
        }
        Ok(true)
    }
}

impl Life {
    /// A payment that is made as of a time after which an event was undone on which it is made:
    /// that is noted as if it had been made then.
    fn note_undone(&mut self, staged: &mut Staged<'_>, place: usize, look: &Look<'_>) {
        let Some(terms) = self.terms.milestones.get(place) else { return };
        let Some(state) = self.record.milestones.get_mut(place) else { return };
        let undone = look.facts.iter().filter(|fact| fact.voided_at.is_some());
        let undone = undone.filter(|fact| fact.voided_by.is_none()).map(|fact| fact.position);
        let undone: Vec<Position> = undone
            .filter(|event| state.events.contains(event) && !state.corrected.contains(event))
            .collect();
        state.corrected.extend(&undone);
        let milestone = terms.id.clone();
        for event in undone {
            let what = StepKind::CorrectedAfterPayment { milestone: milestone.clone(), event };
            self.tell_of(staged, what, Some(event), look.now);
        }
    }
}

/// A look at an agreement.
pub(super) struct Look<'l> {
    /// What is on record, as it was known then.
    pub facts: &'l [Fact],
    memo: &'l Memo,
    as_of: AsOf,
    /// The block.
    pub now: Now<'l>,
}

/// What a look at an agreement found.
struct Looked {
    /// When the next event was recorded for it after what was looked at, if there is one.
    recorded_next: Option<TimestampMs>,
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
