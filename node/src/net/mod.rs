//! The network: bytes between members' nodes, and nothing about what they mean.
//!
//! One libp2p swarm runs in one task: TCP, Noise and Yamux below, gossipsub and request-response
//! above. A node is its Ed25519 key: the key that signs votes is the key that proves who is at the
//! other end of a connection, so peers are [`PublicKey`]s everywhere outside this module.
//!
//! Read in this order. [`limits`] names every bound. [`names`] turns keys into libp2p's peer ids
//! and makes the topic and protocol names, which contain the network's name and genesis so that
//! two networks never mix. [`gate`] comes first in the stack and closes every connection whose
//! other end is not a member. [`transport`] counts and throttles the bytes of a connection;
//! [`gossip`] and [`requests`] configure the protocols; [`redial`] decides when to call
//! whom and [`resolve`] finds where.
//! [`outbox`] hands events to a consumer that may be slower than the network. [`swarm`] is the
//! task that joins them.
//!
//! What can be relied on:
//! - every [`NetCommand::Request`] is answered by exactly one [`NetEvent::Response`];
//! - between [`NetEvent::PeerUp`] and [`NetEvent::PeerDown`] the peer hears what is broadcast,
//!   unless it or a link is overloaded; broadcasts before that may miss it;
//! - the author of gossip is proven by its signature and is a member;
//! - [`NetHandle::file`] ends within [`limits::FILE_TIMEOUT`], and what a peer gives is whatever
//!   it sent: whoever asks checks the digest;
//! - the task never waits for its consumer: gossip is dropped (and counted) instead, transactions
//!   long before consensus messages, and requests, responses and peers never.

pub mod gate;
pub mod gossip;
pub mod limits;
pub mod metrics;
pub mod names;
pub mod outbox;
pub mod rate;
pub mod redial;
pub mod requests;
pub mod resolve;
pub mod swarm;
#[cfg(test)]
mod tests;
pub mod transport;

use std::collections::BTreeSet;
use std::sync::Arc;

use libp2p::Multiaddr;
use tokio::sync::{mpsc, oneshot};
use tracehold_chain::digest::Digest;
use tracehold_chain::keys::{PublicKey, SecretKey};
use tracehold_chain::units::ChainId;

pub use limits::NetLimits;
pub use metrics::NetMetrics;
pub use outbox::NetEvents;
pub use prometheus_client::registry::Registry;

/// What gossip is about. Every node hears all topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Transactions on their way to the proposers. The same bytes from anybody, at any time within
    /// [`limits::DUPLICATE_CACHE_TIME`], arrive once: sending them again sooner does nothing.
    Transactions,
    /// Proposals and votes. The same bytes sent again do arrive again, because a vote is repeated
    /// for those who missed it.
    Consensus,
    /// What nodes tell each other about their height. Repeats arrive again.
    Status,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Topic; 3] = [Topic::Transactions, Topic::Consensus, Topic::Status];

    /// The topic's word in names and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Topic::Transactions => "transactions",
            Topic::Consensus => "consensus",
            Topic::Status => "status",
        }
    }
}

/// What a node's network needs to start.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// The node's key: its identity to its peers.
    pub key: SecretKey,
    /// Where to listen, as `/ip4/0.0.0.0/tcp/7000`. Empty: the node only calls others.
    pub listen: Vec<Multiaddr>,
    /// Whom to keep a connection with, and where they are. The node's own key and keys that are no
    /// members are never called. One key may have several addresses.
    pub peers: Vec<(PublicKey, Multiaddr)>,
    /// The nodes of all members, this one may be among them. Nobody else can connect.
    pub members: BTreeSet<PublicKey>,
    /// The network's name; part of every topic and protocol name.
    pub chain_id: ChainId,
    /// Digest of the genesis record: networks of the same name but another genesis do not mix.
    pub genesis_id: Digest,
    /// The bounds; [`NetLimits::default`] in production.
    pub limits: NetLimits,
    /// The files that peers may have.
    pub files: FileSource,
}

/// Where the files are that peers may have: gives the bytes of a digest, at most
/// [`limits::MAX_FILE_BYTES`]. It is called on a thread that may wait for the disk. The default has
/// none.
#[derive(Clone, Default)]
pub struct FileSource(Option<Arc<ReadFile>>);

type ReadFile = dyn Fn(&Digest) -> Option<Vec<u8>> + Send + Sync;

impl FileSource {
    /// Files that `read` finds.
    pub fn new(read: impl Fn(&Digest) -> Option<Vec<u8>> + Send + Sync + 'static) -> FileSource {
        FileSource(Some(Arc::new(read)))
    }

    fn read(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.0.as_ref().and_then(|read| read(digest))
    }
}

impl std::fmt::Debug for FileSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "FileSource" } else { "FileSource(none)" })
    }
}

/// Somebody here wants a file of a peer.
struct FileAsk {
    to: PublicKey,
    digest: Digest,
    answer: oneshot::Sender<Result<Vec<u8>, RequestFailure>>,
}

/// What the network is told to do.
#[derive(Clone, PartialEq, Eq)]
pub enum NetCommand {
    /// Tell every peer. At most [`limits::MAX_GOSSIP_BYTES`], else dropped and counted.
    Broadcast {
        /// On which topic.
        topic: Topic,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Ask one peer; exactly one [`NetEvent::Response`] with this `id` follows. At most
    /// [`limits::MAX_REQUEST_BYTES`], else [`RequestFailure::TooLarge`].
    Request {
        /// Whom.
        to: PublicKey,
        /// The caller's number for this request; unique among those unanswered.
        id: u64,
        /// The question.
        bytes: Vec<u8>,
    },
    /// Answer the [`NetEvent::Request`] of this `id`. An answer to a request that is gone (its
    /// asker left or gave up) is dropped; so is one above [`limits::MAX_RESPONSE_BYTES`], and the
    /// asker sees [`RequestFailure::Refused`].
    Respond {
        /// The request's number as the event gave it.
        id: u64,
        /// The answer.
        bytes: Vec<u8>,
    },
    /// From now on exactly these nodes may connect; others are cut off at once.
    SetMembers(BTreeSet<PublicKey>),
    /// Close every connection and end the task. The event channel then ends.
    Stop,
}

impl std::fmt::Debug for NetCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NetCommand::Broadcast { topic, bytes } => {
                write!(f, "Broadcast({}, {} bytes)", topic.as_str(), bytes.len())
            }
            NetCommand::Request { to, id, bytes } => {
                write!(f, "Request({id} to {to}, {} bytes)", bytes.len())
            }
            NetCommand::Respond { id, bytes } => write!(f, "Respond({id}, {} bytes)", bytes.len()),
            NetCommand::SetMembers(members) => write!(f, "SetMembers({})", members.len()),
            NetCommand::Stop => f.write_str("Stop"),
        }
    }
}

/// What the network tells.
#[derive(Clone, PartialEq, Eq)]
pub enum NetEvent {
    /// A member's node is connected and listens to gossip.
    PeerUp(PublicKey),
    /// It is no longer.
    PeerDown(PublicKey),
    /// A member said something to everybody.
    Gossip {
        /// Who wrote it (proven), not who passed it on.
        from: PublicKey,
        /// On which topic.
        topic: Topic,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A peer asks; answer with [`NetCommand::Respond`] within [`limits::REQUEST_TIMEOUT`].
    Request {
        /// Who.
        from: PublicKey,
        /// The network's number for this request.
        id: u64,
        /// The question.
        bytes: Vec<u8>,
    },
    /// The one answer to the [`NetCommand::Request`] of this `id`.
    Response {
        /// The caller's number.
        id: u64,
        /// The answer, or why there is none.
        result: Result<Vec<u8>, RequestFailure>,
    },
    /// The node listens at this address (port 0 has become a real port).
    Listening(Multiaddr),
}

impl std::fmt::Debug for NetEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NetEvent::PeerUp(peer) => write!(f, "PeerUp({peer})"),
            NetEvent::PeerDown(peer) => write!(f, "PeerDown({peer})"),
            NetEvent::Gossip { from, topic, bytes } => {
                write!(f, "Gossip({} from {from}, {} bytes)", topic.as_str(), bytes.len())
            }
            NetEvent::Request { from, id, bytes } => {
                write!(f, "Request({id} from {from}, {} bytes)", bytes.len())
            }
            NetEvent::Response { id, result: Ok(bytes) } => {
                write!(f, "Response({id}, {} bytes)", bytes.len())
            }
            NetEvent::Response { id, result: Err(failure) } => {
                write!(f, "Response({id}, {failure})")
            }
            NetEvent::Listening(address) => write!(f, "Listening({address})"),
        }
    }
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestFailure {
    /// The peer is not connected; nothing was sent.
    #[error("the peer is not connected")]
    NotConnected,
    /// The request is larger than [`limits::MAX_REQUEST_BYTES`]; nothing was sent.
    #[error("the request is larger than {} bytes", limits::MAX_REQUEST_BYTES)]
    TooLarge,
    /// Too many requests wait for this peer ([`limits::MAX_REQUESTS_PER_PEER`]); nothing was sent.
    #[error("too many requests wait for this peer")]
    Busy,
    /// No answer within [`limits::REQUEST_TIMEOUT`].
    #[error("the peer did not answer in time")]
    Timeout,
    /// The connection closed before the answer was complete.
    #[error("the connection closed before the answer was complete")]
    Disconnected,
    /// The peer would not answer, speaks another protocol, or sent an answer beyond the limits.
    #[error("the peer refused to answer or answered outside the protocol")]
    Refused,
}

/// Why the network did not start.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The transport or the node's key could not be set up.
    #[error("the network could not be set up: {0}")]
    Setup(String),
    /// An address to listen on is not usable.
    #[error(
        "cannot listen on {address}: {reason}; give a free address such as /ip4/0.0.0.0/tcp/7000"
    )]
    Listen {
        /// The address as configured.
        address: Multiaddr,
        /// What the system said.
        reason: String,
    },
    /// A configured peer's key is not a point of the curve.
    #[error("the key {0} of a configured peer is not an Ed25519 public key")]
    PeerKey(PublicKey),
}

/// The network task has ended; nothing can be sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the network has stopped")]
pub struct NetStopped;

/// Where commands go in. Clones share the one task, which stops when the last is dropped.
#[derive(Clone, Debug)]
pub struct NetHandle {
    commands: mpsc::Sender<NetCommand>,
    files: mpsc::Sender<FileAsk>,
    metrics: NetMetrics,
}

impl NetHandle {
    /// Gives the task a command. Waits only while [`limits::COMMAND_QUEUE`] commands wait, which
    /// the task, never blocked by its consumer, soon takes.
    ///
    /// # Errors
    /// [`NetStopped`] when the task has ended.
    pub async fn send(&self, command: NetCommand) -> Result<(), NetStopped> {
        self.commands.send(command).await.map_err(|_| NetStopped)
    }

    /// Asks a peer for the file with this digest; `None` when it does not have it. The bytes are
    /// not checked. Giving up waiting is allowed.
    ///
    /// # Errors
    /// [`RequestFailure`].
    pub async fn file(
        &self,
        to: PublicKey,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, RequestFailure> {
        let (answer, answered) = oneshot::channel();
        let ask = FileAsk { to, digest, answer };
        self.files.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => RequestFailure::Busy,
            mpsc::error::TrySendError::Closed(_) => RequestFailure::Disconnected,
        })?;
        let bytes = answered.await.unwrap_or(Err(RequestFailure::Disconnected))?;
        Ok((!bytes.is_empty()).then_some(bytes))
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &NetMetrics {
        &self.metrics
    }
}

/// Starts the network.
pub struct Network;

impl Network {
    /// Opens the listening sockets and starts the swarm's task on the current tokio runtime.
    /// Counters are registered in `registry`.
    ///
    /// # Errors
    /// [`NetError`] when a socket cannot be opened or a configured key is no key.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(
        config: NetConfig,
        registry: &mut Registry,
    ) -> Result<(NetHandle, NetEvents), NetError> {
        let metrics = NetMetrics::register(registry);
        let (commands, commands_in) = mpsc::channel(limits::COMMAND_QUEUE);
        let (files, files_in) = mpsc::channel(limits::FILE_QUEUE);
        let (outbox, events) =
            outbox::channel(config.limits.event_queue, config.limits.event_bytes);
        let inbox = swarm::Inbox { commands: commands_in, files: files_in };
        let task = swarm::SwarmTask::new(config, inbox, outbox, metrics.clone())?;
        tokio::spawn(task.run());
        Ok((NetHandle { commands, files, metrics }, events))
    }
}
