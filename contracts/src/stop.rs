//! Why something that was begun does not go on: refused, or this machine cannot read. Inside the
//! contracts `?` carries both; at their doors a refusal is part of the answer.

use tracehold_chain::state::TableError;

use crate::receipt::{Rejection, RejectionCode};

/// Why something does not go on.
pub(crate) enum Stop {
    /// The sender must mend something.
    Refused(Rejection),
    /// This machine cannot read.
    Table(TableError),
}

impl From<TableError> for Stop {
    fn from(error: TableError) -> Stop {
        Stop::Table(error)
    }
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Stop {
        Stop::Refused(rejection)
    }
}

/// Refuses with what it is about.
pub(crate) fn refuse<T>(code: RejectionCode, subject: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Refused(Rejection::new(code, subject)))
}

/// As those at the door see it.
pub(crate) fn told<T>(done: Result<T, Stop>) -> Result<Result<T, Rejection>, TableError> {
    match done {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Refused(rejection)) => Ok(Err(rejection)),
        Err(Stop::Table(error)) => Err(error),
    }
}
