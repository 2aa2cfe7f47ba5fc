//! Stands in for the contracts crate until its ledger is on the main branch.

/// What a block changed.
#[derive(Debug)]
pub struct Layer;

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt;

/// Why a transaction was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection;
