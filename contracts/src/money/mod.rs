//! Money: accounts in balance.
//!
//! Every change is a journal entry whose postings sum to zero for each asset; only the account that
//! stands against what a member issued may be below zero. Conservation is asserted for each entry
//! and for each block.

mod record;

pub use record::{
    AccountRecord, AssetRecord, Balance, HoldRecord, HoldStatus, ReferenceRecord, ReferenceStatus,
    StatementLine,
};

use tracehold_chain::money::{EntryId, MoneyCause, MoneyCommand, Posting};
use tracehold_chain::state::TableError;
use tracehold_chain::transaction::TransactionId;
use tracehold_chain::units::AgentId;

use crate::execute::{Now, Staged};
use crate::receipt::Rejection;

/// Runs a money command: the `place`th command of transaction `id`, from 0.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn run(
    _staged: &mut Staged<'_>,
    _command: &MoneyCommand,
    _sender: &AgentId,
    _place: u32,
    _id: TransactionId,
    _now: Now<'_>,
) -> Result<Result<(), Rejection>, TableError> {
    Ok(Ok(()))
}

/// Posts a journal entry. Whether there is enough was checked before.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
///
/// # Panics
/// When the postings do not sum to zero, or an account that may not be would be below zero: a fault
/// of ours.
pub fn post(
    _staged: &mut Staged<'_>,
    _cause: MoneyCause,
    _postings: Vec<Posting>,
    _now: Now<'_>,
) -> Result<EntryId, TableError> {
    unreachable!("skeleton")
}
