//! Agreements: money that moves when the goods do.

pub mod check;
mod outcome;
mod record;
mod step;
pub mod templates;
pub mod words;

pub use check::{Known, Refusal, RefusalCode, check};
pub use outcome::{ActualEnd, Gets, Outcome, OutcomeKind, Outcomes, Unlisted};
pub use record::{
    Acceptance, AgreementRecord, Decision, DisputeState, Ending, Fact, MilestoneState,
    ReadingSpans, Stage,
};
pub use step::{AgreementStep, Paid, StepKind, StoryLine};

use tracehold_chain::agreement::{AgreementCommand, Label};
use tracehold_chain::money::{AccountId, AgreementId, Asset, Money, Reference};
use tracehold_chain::state::{Position, TableError};
use tracehold_chain::units::AgentId;

use crate::admission::CapturedFacts;
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

/// Notes what a newly recorded event means for the agreements that wait for what it names.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn observe(
    _staged: &mut Staged<'_>,
    _event: &CapturedFacts,
    _position: Position,
    _now: Now<'_>,
) -> Result<(), TableError> {
    Ok(())
}

/// Notes that a title moved: agreements that wait for it are to be looked at.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn title_moved(_staged: &mut Staged<'_>, _title: &Asset) -> Result<(), TableError> {
    Ok(())
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
