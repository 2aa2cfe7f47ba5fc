//! What happens to a replica: everything it ever learns arrives as an [`Input`].

use std::sync::Arc;

use tracehold_chain::block::BlockId;
use tracehold_chain::keys::PublicKey;
use tracehold_chain::transaction::Bundle;
use tracehold_chain::units::Height;

/// Names a question to a peer; answers carry it back.
pub type RequestId = u64;

/// Names somebody who waits for the outcome of a submission; chosen by the runtime, unique while
/// the node runs.
pub type Ticket = u64;

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// The node has started: always the first input, once.
    Start,
    /// A gossip message. `from` is the peer that handed it over, which need not be its author.
    Gossip {
        /// The peer that handed it over, a member's node.
        from: PublicKey,
        /// As received; nothing about them is to be believed.
        bytes: Vec<u8>,
    },
    /// A peer asks. Answer with [`super::Effect::Respond`] and the same `id`.
    Request {
        /// Who asks, a member's node.
        from: PublicKey,
        /// The runtime's name for the open request.
        id: RequestId,
        /// As received.
        bytes: Vec<u8>,
    },
    /// An answer to our own [`super::Effect::Request`], or `None` when none will come.
    Response {
        /// The replica's name for the request.
        id: RequestId,
        /// As received.
        answer: Option<Vec<u8>>,
    },
    /// A member's node is now connected.
    PeerUp(PublicKey),
    /// It is no longer connected.
    PeerDown(PublicKey),
    /// A timer fired.
    Timer(TimerId),
    /// Somebody on this node submits a transaction.
    Submit {
        /// Comes back in [`super::Effect::Answer`], exactly once.
        ticket: Ticket,
        /// The transaction with its event bodies.
        bundle: Arc<Bundle>,
    },
    /// The table now holds every layer up to this height.
    Flushed(Height),
}

/// Names a timer. Setting a timer that is set already moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerId {
    /// A timeout of the consensus protocol.
    Consensus {
        /// What is awaited.
        step: TimerStep,
        /// The round it belongs to.
        round: u32,
        /// Grows with every height and restart: a firing of an older generation is ignored, for
        /// the core's own timeouts do not say which height they belong to.
        generation: u64,
    },
    /// Whether the next height should begin.
    Pace,
    /// Whether a wanted block has come.
    Fetch(BlockId),
    /// Whether peers are ahead.
    Sync,
    /// Time to tell peers how far this node is.
    Status,
    /// Time to look after waiting transactions.
    Pool,
}

/// What a consensus timeout waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerStep {
    /// A proposal.
    Propose,
    /// More prevotes.
    Prevote,
    /// More precommits.
    Precommit,
    /// Nothing: our votes are sent again.
    Rebroadcast,
}
