//! What was observed of the goods of an agreement.

use tracehold_chain::state::TableError;

use super::record::{AgreementRecord, Fact};
use crate::execute::Staged;

/// The facts of an agreement, oldest first.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn read(_staged: &Staged<'_>, _record: &AgreementRecord) -> Result<Vec<Fact>, TableError> {
    Ok(Vec::new())
}
