//! One agreement while it is worked on: its terms, how far it has come, and the steps from one
//! stage to the next.

use std::collections::BTreeSet;

use tracehold_chain::agreement::{Label, RoleTerms, Terms};
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::money::{AccountId, AgreementId, EntryId};
use tracehold_chain::state::key::{Due, agreement_step_key, event_digest};
use tracehold_chain::state::{Position, StateKey, TableError};
use tracehold_chain::units::{MemberId, TimestampMs};

use super::facts;
use super::pay;
use super::record::{AgreementRecord, Ending, Stage};
use super::step::{AgreementStep, Paid, StepKind, StoryLine};
use super::titles;
use super::watch;
use crate::execute::{Concern, Now, Staged};

/// How long after its end it is noted, at least, that an event on which an agreement paid was
/// corrected: a year.
pub const CORRECTIONS_NOTED_MS: u64 = 365 * 24 * 3_600_000;

/// Names that an agreement is taken off in the very transaction that ends it. One that waits for
/// more is taken off them when the next block begins: transactions may write so much and no more.
pub const MAX_UNWATCHED_AT_ONCE: usize = 64;

/// Names that an agreement is taken off in one block.
pub const MAX_UNWATCHED_PER_PIECE: usize = 1_024;

/// An agreement, read from the state.
pub(super) struct Life {
    /// How far it has come.
    pub record: AgreementRecord,
    /// What it says.
    pub terms: Terms,
    /// When its conditions may change by themselves, as far as it is known.
    pub next: Option<TimestampMs>,
}

/// The place of the next step of a receipt.
pub(super) fn next_step(staged: &Staged<'_>, now: Now<'_>) -> EntryId {
    let entry = u32::try_from(staged.effects.steps.len()).unwrap_or(u32::MAX);
    EntryId { height: now.height, receipt: now.receipt, entry }
}

/// Notes that an event on which a milestone had paid was corrected. The money stays where it is.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub(super) fn corrected(
    staged: &mut Staged<'_>,
    agreement: AgreementId,
    milestone: usize,
    event: Position,
    now: Now<'_>,
) -> Result<(), TableError> {
    let Some(mut life) = Life::find(staged, agreement)? else { return Ok(()) };
    let Some(terms) = life.terms.milestones.get(milestone) else { return Ok(()) };
    // Of a milestone that pays nothing it is seen, when it is looked at, whether it stays.
    let runs = matches!(life.record.stage, Stage::Running | Stage::Disputed);
    if terms.pay.is_empty() && runs {
        return Ok(());
    }
    let label = terms.id.clone();
    let Some(state) = life.record.milestones.get_mut(milestone) else { return Ok(()) };
    if state.corrected.contains(&event) {
        return Ok(());
    }
    state.corrected.push(event);
    let what = StepKind::CorrectedAfterPayment { milestone: label, event };
    life.tell_of(staged, what, Some(event), now);
    life.keep(staged);
    Ok(())
}

/// Notes that an event was not kept, because so many of its recorder were before: it counts for
/// nothing.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub(super) fn not_kept(
    staged: &mut Staged<'_>,
    agreement: AgreementId,
    by: &MemberId,
    event: Position,
    now: Now<'_>,
) -> Result<(), TableError> {
    let Some(life) = Life::find(staged, agreement)? else { return Ok(()) };
    life.tell_of(staged, StepKind::NotKept { by: by.clone() }, Some(event), now);
    Ok(())
}

impl Life {
    /// Reads an agreement.
    pub fn find(staged: &Staged<'_>, id: AgreementId) -> Result<Option<Life>, TableError> {
        let Some(record) =
            staged.overlay.record::<AgreementRecord>(&StateKey::Agreement(id).encode())?
        else {
            return Ok(None);
        };
        let terms = staged
            .overlay
            .record(&StateKey::Terms(id).encode())?
            .ok_or_else(|| TableError(format!("the terms of agreement {id} are missing")))?;
        let next = record.due;
        Ok(Some(Life { record, terms, next }))
    }

    /// Writes how far it has come, and queues it for when it may go on by itself.
    pub fn keep(&mut self, staged: &mut Staged<'_>) {
        let id = self.record.id;
        let due = self.record.unseen.into_iter().chain(self.due()).min();
        let queued = |at| Due { at, kind: Due::AGREEMENT, which: id.0 };
        if due != self.record.due {
            if let Some(before) = self.record.due {
                staged.unqueue(queued(before));
            }
            if let Some(at) = due {
                staged.queue(queued(at));
            }
            self.record.due = due;
        }
        staged.overlay.put(StateKey::Agreement(id).encode(), codec::pack(&self.record));
    }

    /// Adds a step to the story.
    pub fn tell(&self, staged: &mut Staged<'_>, what: StepKind, now: Now<'_>) {
        self.tell_of(staged, what, None, now);
    }

    /// Adds a step that an event caused.
    pub fn tell_of(
        &self,
        staged: &mut Staged<'_>,
        what: StepKind,
        event: Option<Position>,
        now: Now<'_>,
    ) {
        let key = agreement_step_key(&self.record.id, next_step(staged, now));
        let line = StoryLine { time: now.block_time, event, what: what.clone() };
        staged.index_value(key, codec::pack(&line));
        staged.effects.steps.push(AgreementStep { agreement: self.record.id, what });
    }

    /// The place of a role in the terms.
    pub fn role(&self, label: &Label) -> Option<(usize, &RoleTerms)> {
        self.terms.roles.iter().enumerate().find(|(_, role)| role.role == *label)
    }

    /// The account that a role is paid on.
    pub fn account(&self, label: &Label) -> Option<AccountId> {
        let (_, role) = self.role(label)?;
        Some(AccountId::of(role.member.clone(), role.account.clone()))
    }

    /// Whether a role rules in disputes.
    pub fn is_arbiter(&self, label: &Label) -> bool {
        self.terms.dispute.as_ref().is_some_and(|dispute| dispute.arbiter == *label)
    }

    /// The member that rules in disputes.
    pub fn arbiter(&self) -> Option<&MemberId> {
        let dispute = self.terms.dispute.as_ref()?;
        self.role(&dispute.arbiter).map(|(_, role)| &role.member)
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        matches!(self.record.stage, Stage::Ended { .. })
    }

    /// When it is to be looked at next though nothing is recorded until then.
    pub fn due(&self) -> Option<TimestampMs> {
        match &self.record.stage {
            Stage::Proposed => Some(self.terms.accept_by),
            Stage::Accepted => {
                let deposits = self.terms.deposits.iter().zip(&self.record.deposited);
                let missing = deposits.filter(|(_, at)| at.is_none()).map(|(d, _)| d.due);
                missing.chain([self.terms.deadline]).min()
            }
            Stage::Running => self.next.into_iter().chain([self.terms.deadline]).min(),
            Stage::Disputed => {
                let until = self.record.dispute.as_ref().map(|dispute| dispute.until);
                self.next.into_iter().chain(until).chain([self.terms.deadline]).min()
            }
            Stage::Ended { at, .. } => {
                let open = self.record.dispute.as_ref();
                let open = open.filter(|d| d.after_end && d.ruled.is_none() && !d.lapsed);
                let until = self.record.unwatch_at.unwrap_or_else(|| self.corrections_until(*at));
                let watch = self.record.is_watching.then_some(until);
                open.map(|dispute| dispute.until).into_iter().chain(watch).min()
            }
        }
    }

    /// Until when, after the end, disputes may be recorded.
    pub fn disputable_until(&self, ended: TimestampMs) -> TimestampMs {
        let dispute = self.terms.dispute.as_ref();
        ended.plus_ms(dispute.map(|dispute| dispute.after_end.0).unwrap_or_default())
    }

    /// Until when, after the end, it is noted that an event on which it paid was corrected.
    pub fn corrections_until(&self, ended: TimestampMs) -> TimestampMs {
        self.disputable_until(ended).max(ended.plus_ms(CORRECTIONS_NOTED_MS))
    }

    /// All deposits are in: it begins to run.
    pub fn start(&mut self, staged: &mut Staged<'_>, now: Now<'_>) -> Result<(), TableError> {
        self.record.stage = Stage::Running;
        self.record.running_since = Some(now.block_time);
        // Who asked before anything was paid in asked for something else.
        self.record.cancels.fill(None);
        self.record.is_watching = true;
        self.next = None;
        self.tell(staged, StepKind::Started, now);
        watch::begin(staged, &self.record, &self.terms)?;
        titles::begin(staged, self.record.id, &self.terms)?;
        staged.touched.insert((Concern::Own, self.record.id));
        Ok(())
    }

    /// It went on, so that who asked to cancel asked of something else: what still stands of that
    /// counts no more.
    pub fn clear_cancels(&mut self, staged: &mut Staged<'_>, now: Now<'_>) {
        let roles = self.terms.roles.iter().enumerate();
        let roles =
            roles.filter(|(place, _)| self.record.cancel_stands(*place, now.block_time).is_some());
        let roles: Vec<Label> = roles.map(|(_, role)| role.role.clone()).collect();
        self.record.cancels.fill(None);
        if !roles.is_empty() {
            self.tell(staged, StepKind::CancelsCleared { roles }, now);
        }
    }

    /// It ends, everything having been given out.
    pub fn end(
        &mut self,
        staged: &mut Staged<'_>,
        how: Ending,
        paid: Vec<Paid>,
        at: TimestampMs,
        now: Now<'_>,
    ) -> Result<(), TableError> {
        assert!(!self.is_over(), "an agreement ends once");
        let left = pay::pot(staged, self)?;
        assert!(pay::is_empty(&left), "an agreement ends with nothing left: {left:?}");
        self.record.stage = Stage::Ended { how: how.clone(), at };
        titles::end(staged, self.record.id);
        self.next = None;
        self.tell(staged, StepKind::Ended { how, paid }, now);
        if !self.record.is_watching {
            return Ok(());
        }
        let paid = self.record.milestones.iter().map(|milestone| milestone.events.len());
        let names = watch::size(staged, self.record.id)?.saturating_add(paid.sum());
        if names <= MAX_UNWATCHED_AT_ONCE {
            return self.unwatch(staged, true, now);
        }
        self.record.unwatch_at = Some(now.block_time.plus_ms(1));
        Ok(())
    }

    /// Takes it off a piece of what it waited for. Of what concerned it, only corrections of the
    /// events on which it paid still do, if they are `noted`.
    pub fn unwatch(
        &mut self,
        staged: &mut Staged<'_>,
        noted: bool,
        now: Now<'_>,
    ) -> Result<(), TableError> {
        let mut stay: BTreeSet<Digest> = BTreeSet::new();
        let milestones = self.record.milestones.iter().filter(|_| noted);
        let paid: BTreeSet<Position> = milestones.flat_map(|m| m.events.iter().copied()).collect();
        if !paid.is_empty() {
            staged.work.spend(self.record.units);
            let facts = facts::read(staged, &self.record)?;
            let facts = facts.iter().filter(|fact| paid.contains(&fact.position));
            stay.extend(facts.map(|fact| event_digest(&fact.event_id)));
            // Before it is taken off anything: between two pieces, too, corrections are noted.
            watch::register_events(staged, &self.record, &self.terms, stay.iter().copied())?;
        }
        let is_all = watch::take_off(staged, &self.record, &stay, MAX_UNWATCHED_PER_PIECE)?;
        self.record.is_watching = !is_all || !stay.is_empty();
        self.record.unwatch_at = (!is_all).then(|| now.block_time.plus_ms(1));
        Ok(())
    }
}
