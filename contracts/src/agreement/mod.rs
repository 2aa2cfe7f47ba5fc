//! Agreements: money that moves when the goods do.

pub mod check;
pub mod condition;
pub mod explain;
pub mod facts;
pub mod goods;
mod inside;
mod life;
mod life_commands;
mod observe;
mod outcome;
mod pay;
pub mod readings;
mod record;
mod refusals;
mod revise;
mod settle;
mod step;
pub mod templates;
mod titles;
pub mod watch;
pub mod words;

pub use condition::{Context, Held, View, evaluate};
pub use life::{CORRECTIONS_NOTED_MS, MAX_UNWATCHED_AT_ONCE, MAX_UNWATCHED_PER_PIECE};
pub use life_commands::{MAX_REASON_BYTES, MAX_RULING_PAYOUTS};
pub use settle::MAX_LOOKED_AT;

pub use check::{Known, Refusal, RefusalCode, check};
pub use outcome::{ActualEnd, Gets, Outcome, OutcomeKind, Outcomes, Unlisted};
pub use record::{
    Acceptance, AgreementRecord, CANCEL_STANDS_MS, Decision, DisputeState, Ending, Fact,
    MilestoneState, ReadingSpans, Stage,
};
pub use step::{AgreementStep, MAX_EVENTS_PER_STEP, Paid, StepKind, StoryLine};
pub(crate) use titles::{Moved, title_moved};

use tracehold_chain::agreement::{AgreementCommand, Label};
use tracehold_chain::money::{AccountId, AgreementId, Money, Reference};
use tracehold_chain::state::{Position, TableError};
use tracehold_chain::units::AgentId;

use crate::admission::CapturedFacts;
use crate::execute::{Now, Staged};
use crate::receipt::Rejection;
use crate::stop::told;

/// Runs a command on an agreement.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn run(
    staged: &mut Staged<'_>,
    command: &AgreementCommand,
    sender: &AgentId,
    now: Now<'_>,
) -> Result<Result<(), Rejection>, TableError> {
    told(life_commands::run(staged, command, sender, now))
}

/// How much a deposit of an agreement is, for the account that is to pay it. Refused when it is not
/// its member's to pay: to members without a role as if there were no such agreement.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn deposit(
    staged: &Staged<'_>,
    agreement: AgreementId,
    deposit: &Label,
    account: &AccountId,
) -> Result<Result<Money, Rejection>, TableError> {
    told(life_commands::deposit(staged, agreement, deposit, account))
}

/// Pays a deposit from an account that has so much free, and whose rule was kept.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn fund(
    staged: &mut Staged<'_>,
    agreement: AgreementId,
    deposit: &Label,
    account: &AccountId,
    reference: &Reference,
    now: Now<'_>,
) -> Result<Result<(), Rejection>, TableError> {
    told(life_commands::fund(staged, agreement, deposit, (account, reference), now))
}

/// Notes what a newly recorded event means for the agreements that wait for what it names.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn observe(
    staged: &mut Staged<'_>,
    event: &CapturedFacts,
    position: Position,
    now: Now<'_>,
) -> Result<(), TableError> {
    staged.for_agreements(|staged| observe::observe(staged, event, position, now))
}

/// Looks at all agreements that were touched, and pays what is to be paid.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn settle(staged: &mut Staged<'_>, now: Now<'_>) -> Result<(), TableError> {
    settle::touched(staged, now)
}

/// Looks at an agreement that is due, whose entry of the queue was taken out.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn look_at(
    staged: &mut Staged<'_>,
    agreement: AgreementId,
    now: Now<'_>,
) -> Result<(), TableError> {
    settle::due(staged, agreement, now)
}
