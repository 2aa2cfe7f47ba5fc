//! The story of an agreement, step by step: part of the receipts.

use serde::{Deserialize, Serialize};
use tracehold_chain::agreement::Label;
use tracehold_chain::money::{AgreementId, Money};
use tracehold_chain::state::Position;
use tracehold_chain::units::{AgentId, MemberId, TimestampMs};

use super::record::Ending;

/// Events that a step of a payment names, the last ones when there are more: receipts stay small,
/// and the record of the milestone has all of them.
pub const MAX_EVENTS_PER_STEP: usize = 64;

/// A step of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementStep {
    /// Which agreement.
    pub agreement: AgreementId,
    /// What happened.
    pub what: StepKind,
}

/// What one role got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// Who.
    pub to: Label,
    /// What.
    pub money: Money,
}

/// What happened to an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepKind {
    /// Terms were put forward.
    Proposed {
        /// By whom.
        by: AgentId,
    },
    /// An agent accepted for a role.
    Accepted {
        /// Which role.
        role: Label,
        /// Who.
        by: AgentId,
        /// Whether that is enough for the role, or a second agent is awaited.
        complete: bool,
    },
    /// A deposit came in.
    Deposited {
        /// Which.
        deposit: Label,
    },
    /// All deposits are in: it runs.
    Started,
    /// A role said yes.
    Approved {
        /// Which role.
        role: Label,
        /// To what.
        what: Label,
    },
    /// The condition of a milestone holds; it pays when its window is over.
    Holds {
        /// Which milestone.
        milestone: Label,
    },
    /// It does not hold any more: an event was corrected.
    HoldsNoMore {
        /// Which milestone.
        milestone: Label,
    },
    /// A condition was decided for good.
    Decided {
        /// Of which milestone.
        milestone: Label,
        /// Which condition inside it.
        condition: u8,
        /// Whether it held.
        held: bool,
    },
    /// A milestone paid a part: pro rata.
    PaidPart {
        /// Which milestone.
        milestone: Label,
        /// The part of the goods that has come, in millionths, rounded down.
        parts: u32,
        /// What was paid with this step.
        paid: Vec<Paid>,
        /// The events that it was paid on, at most the [`MAX_EVENTS_PER_STEP`] last of them.
        events: Vec<Position>,
    },
    /// A milestone was fulfilled and paid.
    Fulfilled {
        /// Which milestone.
        milestone: Label,
        /// What was paid with this step.
        paid: Vec<Paid>,
        /// The events that it was paid on, at most the [`MAX_EVENTS_PER_STEP`] last of them.
        events: Vec<Position>,
    },
    /// An event on which a milestone paid was corrected. The money does not move back by itself.
    CorrectedAfterPayment {
        /// Which milestone.
        milestone: Label,
        /// Which event.
        event: Position,
    },
    /// A role asked to cancel.
    CancelAsked {
        /// Which.
        role: Label,
    },
    /// A role called the arbiter.
    Disputed {
        /// Which.
        role: Label,
        /// Why.
        reason: String,
        /// Until when the arbiter may rule.
        until: TimestampMs,
    },
    /// The arbiter's time was over; it goes on.
    DisputeLapsed,
    /// The arbiter ruled.
    Ruled {
        /// Why.
        reason: String,
    },
    /// It ended.
    Ended {
        /// How.
        how: Ending,
        /// Who got what with this step.
        paid: Vec<Paid>,
    },
    /// An event was not kept: as many of its recorder are as may. It does not count.
    NotKept {
        /// Who recorded it.
        by: MemberId,
    },
    /// A role took its request to cancel back.
    CancelWithdrawn {
        /// Which.
        role: Label,
    },
    /// Requests to cancel count no more: it went on.
    CancelsCleared {
        /// Of which roles.
        roles: Vec<Label>,
    },
}

/// A step with its time, in the local index of an agreement's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryLine {
    /// The block time.
    pub time: TimestampMs,
    /// The event that caused it, when one did.
    pub event: Option<Position>,
    /// What happened.
    pub what: StepKind,
}
