//! Handing transactions to the ledger and telling what became of them.

use std::time::Duration;

use tracehold_chain::transaction::{Bundle, TransactionId};
use tracehold_contracts::{Rejection, RejectionCode, Verdict};

use super::ApiState;
use super::metrics::Submitted;
use super::problem::{Kind, Problem};
use crate::replica::Committed;
use crate::runtime::{NotReady, SubmitError};

/// Hands in a transaction and waits until it is committed, synced and readable here, or refused.
///
/// # Errors
/// [`Kind::CommitTimeout`] after `deadline`, when the outcome is open; otherwise the problem of the
/// rejection, or of a node that cannot take it now.
pub async fn submit(
    state: &ApiState,
    bundle: Bundle,
    deadline: Duration,
) -> Result<Committed, Problem> {
    submit_telling(state, bundle, deadline, refused).await
}

/// As [`submit`], with the problem of a refusal as `tell` has it.
///
/// # Errors
/// As [`submit`].
pub async fn submit_telling(
    state: &ApiState,
    bundle: Bundle,
    deadline: Duration,
    tell: fn(&Rejection) -> Problem,
) -> Result<Committed, Problem> {
    let id = bundle.transaction.id();
    let outcome = tokio::time::timeout(deadline, state.node()?.submit(bundle)).await;
    state.metrics().submitted(match &outcome {
        Ok(Ok(committed)) => match &committed.receipt.verdict {
            Verdict::Recorded { .. } => Submitted::Recorded,
            Verdict::Rejected(rejection) => Submitted::Refused(rejection.code),
        },
        Ok(Err(SubmitError::Rejected(rejection))) => Submitted::Refused(rejection.code),
        Ok(Err(_)) => Submitted::Busy,
        Err(_) => Submitted::TimedOut,
    });
    match outcome {
        Ok(Ok(committed)) => Ok(committed),
        Ok(Err(error)) => Err(not_committed(&error, tell).transaction(id)),
        Err(_) => Err(timed_out(&id, deadline)),
    }
}

fn not_committed(error: &SubmitError, tell: fn(&Rejection) -> Problem) -> Problem {
    match error {
        SubmitError::Rejected(rejection) => tell(rejection),
        SubmitError::Busy(_) => Problem::new(Kind::Unavailable, error.to_string()).code("busy"),
        SubmitError::NotReady(not_ready) => self::not_ready(not_ready),
        SubmitError::Unknown => {
            Problem::new(Kind::Unavailable, format!("{error}: look it up by its id"))
                .code("outcome_unknown")
        }
    }
}

/// The problem of a node that starts or stops.
#[must_use]
pub fn not_ready(why: &NotReady) -> Problem {
    let code = match why {
        NotReady::Starting(_) => "starting",
        NotReady::Stopping => "stopping",
    };
    Problem::new(Kind::Unavailable, why.to_string()).code(code)
}

fn timed_out(id: &TransactionId, deadline: Duration) -> Problem {
    let detail = format!(
        "the transaction was handed in and no block with it came within {} s; it may still be \
         committed: ask for /api/v1/transactions/{id} before sending it again",
        deadline.as_secs()
    );
    Problem::new(Kind::CommitTimeout, detail).transaction(id)
}

/// The one table from what the ledger refuses to what a client sees.
#[must_use]
pub fn refused(rejection: &Rejection) -> Problem {
    use RejectionCode as Code;
    let kind = match rejection.code {
        Code::EventIdTaken
        | Code::Replayed
        | Code::ReferenceTaken
        | Code::AssetExists
        | Code::RecallExists => Kind::Exists,
        Code::Malformed
        | Code::EventInvalid
        | Code::WrongChain
        | Code::AmountInvalid
        | Code::RuleInvalid
        | Code::AssetTermsWrong
        | Code::TimeInvalid
        | Code::TextInvalid
        | Code::SameAccount => Kind::Validation,
        Code::AccountUnknown
        | Code::AssetUnknown
        | Code::HoldUnknown
        | Code::NothingWaits
        | Code::AgreementUnknown
        | Code::RecallUnknown
        | Code::DepositUnknown => Kind::NotFound,
        Code::UnknownAgent
        | Code::BadSignature
        | Code::BadAuthor
        | Code::CorrectionByAnother
        | Code::PrefixNotYours
        | Code::NotYours
        | Code::PartyOfAnother
        | Code::AccountReserved
        | Code::NotABank
        | Code::NotTheIssuer
        | Code::HoldNotYours
        | Code::SameAgent
        | Code::RoleNotYours
        | Code::NotTheArbiter => Kind::Forbidden,
        Code::Expired
        | Code::ExpiresTooLate
        | Code::CorrectionDiffers
        | Code::PlaceNesting
        | Code::PackingCycle
        | Code::PackingTooDeep
        | Code::AnomalyRefused
        | Code::TooMuchIssued
        | Code::InsufficientFunds
        | Code::HoldEnded
        | Code::TermsRefused
        | Code::WrongStage
        | Code::ApprovalNotAsked
        | Code::NotDisputable
        | Code::RulingInvalid
        | Code::TooManyAgreements
        | Code::RecallEnded
        | Code::TooManyRecalls => Kind::Refused,
        Code::TooManyTouches => Kind::TooLarge,
    };
    let detail = format!("{}: {}", rejection.subject, rejection.code.message());
    let mut problem = Problem::new(kind, detail).code(rejection.code.as_str());
    problem.event = rejection.event;
    problem.command = rejection.command;
    problem.clause = rejection.clause().map(str::to_owned);
    problem
}

/// As [`refused`], for who may not read what the ledger says of it: the rule and no more.
#[must_use]
pub fn refused_by_rule(rejection: &Rejection) -> Problem {
    let mut problem = refused(rejection);
    problem.detail = rejection.code.message().to_owned();
    problem.clause = None;
    problem
}

/// The events of a committed transaction that were on record before, by their place in it.
#[must_use]
pub fn repeated(verdict: &Verdict) -> &[u32] {
    match verdict {
        Verdict::Recorded { repeated } => repeated,
        Verdict::Rejected(_) => &[],
    }
}

/// The problem of an event that is on record.
#[must_use]
pub fn already_recorded(event_id: &str) -> Problem {
    Problem::new(
        Kind::Exists,
        format!(
            "an event with the eventID {event_id} is on record: give this one its own eventID, or \
             correct the other with an error declaration; if this is a retry, nothing is left to do"
        ),
    )
    .code("event-id-taken")
}
