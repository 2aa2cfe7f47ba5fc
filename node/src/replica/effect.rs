//! What a replica wants done, in the order in which it must be done.
//!
//! **One step.** [`super::Replica::step`] returns a list of effects; performing them in order is
//! always right. The list keeps the order of durability: `AppendVote`… `SyncVotes` come before any
//! vote, proposal or certificate leaves, because a certificate can carry this node's own vote too;
//! `AppendBlock`, `SyncBlocks` come before the block is published (`Commit`), acknowledged
//! (`Answer`) or spoken of to peers.
//!
//! **Several steps at once.** To share one sync between inputs, the runtime may step through
//! several of them and then perform the effects of all: first every `ResetVotes` and `AppendVote`
//! in order, one `SyncVotes`, every `AppendBlock` in order, one `SyncBlocks`, then everything else
//! in order. One rule makes that safe: **a batch ends with a step whose effects contain an
//! `AppendBlock`.** The next step may drop the votes of the block's height (`ResetVotes`), and
//! those are needed until the block is synced: with votes dropped and the block lost in a crash,
//! the node would vote a second time in the same round.
//!
//! A failed append or sync is never tried again: the node stops.

use std::sync::Arc;

use tracehold_chain::certificate::DecidedBlock;
use tracehold_chain::keys::PublicKey;
use tracehold_chain::mempool::MempoolError;
use tracehold_chain::units::Height;
use tracehold_contracts::{Layer, Receipt, Rejection};

use super::input::{RequestId, Ticket, TimerId};

/// One thing to do.
#[derive(Debug)]
pub enum Effect {
    /// Append a record to the vote log. Records say themselves which height they belong to.
    AppendVote(Vec<u8>),
    /// Records of heights below this one may be dropped from the vote log.
    ResetVotes(Height),
    /// Make the vote log durable.
    SyncVotes,
    /// Append a decided block to the block log.
    AppendBlock {
        /// Its height, one above the log's last.
        height: Height,
        /// The block and its certificate.
        decided: Arc<DecidedBlock>,
    },
    /// Make the block log durable.
    SyncBlocks,
    /// Publish a committed block to readers and hand it to the table's writer.
    Commit {
        /// The block and its certificate.
        decided: Arc<DecidedBlock>,
        /// What it changed.
        layer: Arc<Layer>,
    },
    /// Tell somebody what became of a submission.
    Answer {
        /// Whose.
        ticket: Ticket,
        /// The receipt and where it is, or why the transaction never entered a block.
        result: Result<Committed, NotCommitted>,
    },
    /// Send to every connected peer.
    Broadcast {
        /// Under which topic.
        topic: Topic,
        /// The message.
        bytes: Arc<[u8]>,
    },
    /// Ask one peer. [`super::Input::Response`] brings the answer, or word that none will come.
    Request {
        /// Whom.
        to: PublicKey,
        /// The replica's name for the request.
        id: RequestId,
        /// The question.
        bytes: Vec<u8>,
    },
    /// Answer a peer's request.
    Respond {
        /// The runtime's name for the open request.
        id: RequestId,
        /// The answer.
        bytes: Vec<u8>,
    },
    /// Fire a timer once after so many milliseconds, instead of when it was set to fire before.
    SetTimer {
        /// Which.
        id: TimerId,
        /// When, from now.
        after_ms: u64,
    },
    /// Do not fire a timer.
    CancelTimer(TimerId),
    /// Stop the node: what is wrong is on this machine, or in this program.
    Halt(String),
}

/// Gossip is carried under two topics, so that large transactions do not delay votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Votes, proposals, certificates, status.
    Consensus,
    /// Transactions.
    Transactions,
}

/// Where a transaction was committed and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The height of its block.
    pub height: Height,
    /// Its receipt; `result` there says whether it took effect.
    pub receipt: Receipt,
}

/// Why a submitted transaction is in no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCommitted {
    /// It breaks a rule, or expired while it waited: the sender's to mend.
    #[error("{0}")]
    Rejected(Rejection),
    /// There is no room for it to wait here now.
    #[error(transparent)]
    Busy(#[from] MempoolError),
}
