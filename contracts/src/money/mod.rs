//! Money: accounts in balance.
//!
//! Every change is a journal entry whose postings sum to zero for each asset; only the account that
//! stands against what a member issued may be below zero. Conservation is asserted for each entry
//! and for each block.
//!
//! [`run`] runs a command once: `command` knows references, retries and second agents, `transfer`,
//! `asset` and `hold` what commands do, `account` who may be paid and what is free, [`post`] the
//! journal.

mod account;
mod asset;
mod command;
mod hold;
mod journal;
mod record;
mod transfer;

pub use account::{
    MAX_RULE_ASSETS, affords, approval_rule, asset_record, balance, is_open, payable,
};
pub use command::{APPROVAL_WITHIN_MS, command_digest, expire_approval, run};
pub use hold::{MAX_AHEAD_MS, expire_hold};
pub use journal::{assert_conserved, post};
pub use record::{
    AccountRecord, AssetRecord, Balance, HoldRecord, HoldStatus, ReferenceRecord, ReferenceStatus,
    StatementLine,
};

use tracehold_chain::state::TableError;

use crate::receipt::{Rejection, RejectionCode};

/// Why a command does not go on.
enum Stop {
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

/// Refuses with the field and its fault.
fn refuse<T>(code: RejectionCode, subject: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Refused(Rejection::new(code, subject)))
}

/// As those outside of money see it.
fn told<T>(done: Result<T, Stop>) -> Result<Result<T, Rejection>, TableError> {
    match done {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Refused(rejection)) => Ok(Err(rejection)),
        Err(Stop::Table(error)) => Err(error),
    }
}
