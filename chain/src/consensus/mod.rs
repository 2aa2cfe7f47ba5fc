//! Malachite's core with our types.
//!
//! [`context`] answers the traits that Malachite's consensus core asks for with the ledger's own
//! types: a validator's address is its public key, a value is a block id, the block's bytes travel
//! apart from the proposal (`ValuePayload::ProposalAndParts`), votes carry no extensions.
//! [`vote`] says what is signed. [`message`] is what nodes send each other. [`verify`] checks the
//! certificates that the core puts together or receives.
//!
//! A vote signs [`crate::certificate::vote_digest`], so the precommits that decide a block are,
//! unchanged, the [`crate::certificate::CommitCertificate`] that proves it for ever.

pub mod context;
pub mod message;
pub mod verify;
pub mod vote;

pub use context::{LedgerContext, proposer};
pub use vote::{Proposal, Vote, proposal_digest};

/// The highest round of a height that messages may speak of. Rounds take longer and longer, so no
/// height comes near it; it keeps arithmetic on rounds that peers name away from its end.
pub const MAX_ROUND: u32 = 1_000_000;
