//! Every way an agreement can end.

use tracehold_chain::agreement::Label;
use tracehold_chain::money::{Amount, Asset};
use tracehold_chain::units::TimestampMs;

/// How an agreement can end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutcomeKind {
    /// Not all accept, or one turns it down: nothing moves.
    NotAccepted,
    /// A deposit is missing: those that are in go back.
    Unfunded,
    /// This milestone is the last that pays.
    Released(Label),
    /// The deadline comes.
    Expired,
    /// All ask to cancel.
    Cancelled,
    /// The arbiter settles it.
    Ruled,
}

/// One way to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How.
    pub kind: OutcomeKind,
    /// The milestones that were fulfilled by then, in the order of the terms.
    pub fulfilled: Vec<Label>,
    /// Those pro rata that may have paid a part by then.
    pub in_part: Vec<Label>,
    /// Who gets what over the whole life of the agreement, deposits that go back included. Roles
    /// and assets that are not listed get nothing.
    pub gets: Vec<Gets>,
    /// When at the latest.
    pub latest: TimestampMs,
}

/// What a role gets of an asset: an exact amount, or any between two where parts are paid or an
/// arbiter decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gets {
    /// Who.
    pub role: Label,
    /// Of what.
    pub asset: Asset,
    /// At least.
    pub least: Amount,
    /// At most.
    pub most: Amount,
}
