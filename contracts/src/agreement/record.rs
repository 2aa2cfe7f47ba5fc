//! What the state keeps of an agreement beside its terms.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tracehold_chain::agreement::{Label, Payout};
use tracehold_chain::epcis::{Action, EventType};
use tracehold_chain::money::{AgreementId, EntryId, Money, Reference};
use tracehold_chain::state::Position;
use tracehold_chain::units::{AgentId, MemberId, TimestampMs};

use super::goods::Part;

/// How far an agreement has come, at `StateKey::Agreement`. What is in the pot is the balance of
/// the account `agreement:ID`, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementRecord {
    /// Which.
    pub id: AgreementId,
    /// Who proposed it.
    pub proposer: AgentId,
    /// The proposer's name for it.
    pub reference: Reference,
    /// Where the proposal stands in the history.
    pub proposed: EntryId,
    /// The block time of the proposal.
    pub proposed_at: TimestampMs,
    /// How it stands.
    pub stage: Stage,
    /// For each role of the terms: who accepted.
    pub accepted: Vec<Acceptance>,
    /// For each deposit of the terms: when it came in.
    pub deposited: Vec<Option<TimestampMs>>,
    /// When it began to run: the block time.
    pub running_since: Option<TimestampMs>,
    /// For each milestone of the terms.
    pub milestones: Vec<MilestoneState>,
    /// What was said yes to: role, what, when.
    pub approvals: Vec<(Label, Label, TimestampMs)>,
    /// For each role of the terms: when it asked to cancel, if that still stands; see
    /// [`AgreementRecord::cancel_stands`].
    pub cancels: Vec<Option<TimestampMs>>,
    /// What was decided at a moment, for good.
    pub decisions: Vec<Decision>,
    /// The dispute that is open, or was the last.
    pub dispute: Option<DisputeState>,
    /// How many facts there are; those beyond the limit are not kept.
    pub facts: u32,
    /// The most units of work that holding the conditions against these facts once can be.
    pub units: u64,
    /// For each role of the terms: whether it has opened the one dispute that it may open.
    pub disputed: Vec<bool>,
    /// When it is queued to be looked at.
    pub due: Option<TimestampMs>,
    /// What was recorded in the block of this time could not be looked at in that block, nor what
    /// was recorded in later ones.
    pub unseen: Option<TimestampMs>,
    /// Whether events are still held against it.
    pub is_watching: bool,
    /// When it ended and waited for much: when it is taken off all that, or the next piece of it.
    pub unwatch_at: Option<TimestampMs>,
}

/// How long a request to cancel stands when nothing ends it before: seven days. Who has not been
/// answered by then asks again, knowing how things are.
pub const CANCEL_STANDS_MS: u64 = 7 * 24 * 3_600_000;

impl AgreementRecord {
    /// Until when the request of a role, from 0, to cancel stands, if it does at a block time.
    #[must_use]
    pub fn cancel_stands(&self, role: usize, at: TimestampMs) -> Option<TimestampMs> {
        let asked = self.cancels.get(role).copied().flatten()?;
        let until = asked.plus_ms(CANCEL_STANDS_MS);
        (at < until).then_some(until)
    }
}

/// How an agreement stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Not all have accepted.
    Proposed,
    /// All have accepted; deposits are awaited.
    Accepted,
    /// All deposits are in.
    Running,
    /// A dispute is open: nothing is paid.
    Disputed,
    /// It is over.
    Ended {
        /// How.
        how: Ending,
        /// When.
        at: TimestampMs,
    },
}

/// How an agreement ended. Each ends exactly once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ending {
    /// A milestone ended it, or the pot was empty: released.
    Released {
        /// The last milestone that paid.
        milestone: Label,
    },
    /// All asked to cancel: refunded by the clause.
    Cancelled,
    /// A deposit was missing: those that were in went back.
    Unfunded,
    /// The arbiter settled it.
    Ruled,
    /// The deadline came.
    Expired,
    /// A role turned it down, or not all accepted in time. Nothing had moved.
    NotAccepted {
        /// Who turned it down, if anybody.
        declined_by: Option<Label>,
    },
}

/// Who accepted for a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The agents, in order; two when the account's rule asks for two.
    pub by: Vec<AgentId>,
    /// Whether these are enough.
    pub complete: bool,
}

/// How a milestone stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MilestoneState {
    /// Since when its condition has held, while it waits for its window.
    pub holds_since: Option<TimestampMs>,
    /// While a dispute is open: since when its condition has held but for the dispute.
    pub held_through: Option<TimestampMs>,
    /// When it was fulfilled, for good: the time as of which it was looked at.
    pub fulfilled_at: Option<TimestampMs>,
    /// The part of the goods that was paid so far, for a milestone pro rata.
    pub paid_part: Part,
    /// What it paid so far, for each of its payouts.
    pub paid: Vec<Money>,
    /// The events on which it paid.
    pub events: Vec<Position>,
    /// Those of them that were corrected after it had paid.
    pub corrected: Vec<Position>,
}

/// What was decided at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Which milestone of the terms, from 0.
    pub milestone: u8,
    /// Which condition inside it, in the order in which they are written, from 0.
    pub condition: u8,
    /// Whether it held.
    pub held: bool,
    /// When it was decided.
    pub at: TimestampMs,
    /// The events with which its moment came, when that was an observation.
    pub events: Vec<Position>,
}

/// A dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeState {
    /// Which role opened it.
    pub by: Label,
    /// Why.
    pub reason: String,
    /// When.
    pub at: TimestampMs,
    /// Until when the arbiter may rule.
    pub until: TimestampMs,
    /// How it was settled, once it was: the arbiter's reason.
    pub ruled: Option<String>,
    /// Who got what was left, as the arbiter said.
    pub pay: Vec<Payout>,
    /// Whether its time passed without a ruling.
    pub lapsed: bool,
    /// Whether it was opened after the end; then it moves no money.
    pub after_end: bool,
}

/// An event that counts for an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Where it stands in the history.
    pub position: Position,
    /// Its eventID.
    pub event_id: String,
    /// When it was recorded: the block time.
    pub recorded_at: TimestampMs,
    /// When it happened.
    pub event_time: TimestampMs,
    /// Who vouches for it.
    pub recorder: MemberId,
    /// Its type.
    pub event_type: EventType,
    /// What it does.
    pub action: Option<Action>,
    /// Its business step.
    pub biz_step: Option<String>,
    /// Its disposition.
    pub disposition: Option<String>,
    /// Its read point.
    pub read_point: Option<String>,
    /// Its business location.
    pub biz_location: Option<String>,
    /// Which items of the terms' goods it is about, by their places there; itself or through what
    /// they were packed in.
    pub items: Vec<u16>,
    /// How much of the class of the terms' goods it is about.
    pub quantity: Option<Decimal>,
    /// The certifications that it refers to.
    pub certifications: Vec<String>,
    /// For each `readings` condition that its sensors speak of: milestone, condition, and what they
    /// say.
    pub readings: Vec<(u8, u8, ReadingSpans)>,
    /// The error declaration that undid it.
    pub voided_by: Option<Position>,
    /// When that was recorded: the block time.
    pub voided_at: Option<TimestampMs>,
}

/// What the readings of one event say of bounds: spans of time, each from its first reading to its
/// last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingSpans {
    /// Spans without a gap longer than the terms allow.
    pub covered: Vec<(TimestampMs, TimestampMs)>,
    /// Spans outside the bounds.
    pub outside: Vec<(TimestampMs, TimestampMs)>,
}
