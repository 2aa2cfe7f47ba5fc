//! From what events name to the agreements that wait for it.

use tracehold_chain::agreement::Terms;
use tracehold_chain::state::TableError;

use super::record::AgreementRecord;
use crate::execute::{Now, Staged};

/// An agreement begins to wait.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn begin(
    _staged: &mut Staged<'_>,
    _record: &AgreementRecord,
    _terms: &Terms,
    _now: Now<'_>,
) -> Result<(), TableError> {
    Ok(())
}

/// Nothing concerns it any more.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn end(
    _staged: &mut Staged<'_>,
    _record: &AgreementRecord,
    _terms: &Terms,
    _now: Now<'_>,
) -> Result<(), TableError> {
    Ok(())
}

/// Whether there is room for one more agreement that waits for the same.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn has_room(_staged: &Staged<'_>, _terms: &Terms, _now: Now<'_>) -> Result<bool, TableError> {
    Ok(true)
}
