//! Agreements: money that moves when the goods do.

pub mod condition;
pub mod facts;
pub mod goods;
mod inside;
mod observe;
mod outcome;
pub mod readings;
mod record;
mod step;
pub mod watch;

pub use condition::{Held, View, evaluate};
pub use observe::observe;

pub use outcome::{Gets, Outcome, OutcomeKind};
pub use record::{
    Acceptance, AgreementRecord, Decision, DisputeState, Ending, Fact, MilestoneState,
    ReadingSpans, Stage,
};
pub use step::{AgreementStep, Paid, StepKind, StoryLine};
pub use watch::title_moved;

use tracehold_chain::agreement::{AgreementCommand, Label};
use tracehold_chain::money::{AccountId, AgreementId, Money, Reference};
use tracehold_chain::state::TableError;
use tracehold_chain::units::AgentId;

use crate::execute::{Now, Staged};
use crate::receipt::Rejection;

/// Runs a command on an agreement.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn run(
    _staged: &mut Staged<'_>,
    _command: &AgreementCommand,
    _sender: &AgentId,
    _now: Now<'_>,
) -> Result<Result<(), Rejection>, TableError> {
    Ok(Ok(()))
}

/// How much a deposit of an agreement is, for the approval rule of the account that pays it.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn deposit(
    _staged: &Staged<'_>,
    _agreement: AgreementId,
    _deposit: &Label,
) -> Result<Option<Money>, TableError> {
    Ok(None)
}

/// Pays a deposit from an account, whose rule was kept.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn fund(
    _staged: &mut Staged<'_>,
    _agreement: AgreementId,
    _deposit: &Label,
    _account: &AccountId,
    _reference: &Reference,
    _now: Now<'_>,
) -> Result<Result<(), Rejection>, TableError> {
    Ok(Ok(()))
}

/// Looks at all agreements that were touched, and pays what is to be paid.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn settle(_staged: &mut Staged<'_>, _now: Now<'_>) -> Result<(), TableError> {
    Ok(())
}

/// Looks at an agreement that is due.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn look_at(
    _staged: &mut Staged<'_>,
    _agreement: AgreementId,
    _now: Now<'_>,
) -> Result<(), TableError> {
    Ok(())
}
