//! Every bound of the network, once. `docs/operating.md` lists them.

use std::time::Duration;

/// Bytes of one gossip message's content: a block of 4 MiB with its proposal fits with room.
pub const MAX_GOSSIP_BYTES: usize = 5 * 1024 * 1024;

/// Bytes of one gossip frame: a message with its signature, author and topic.
pub const MAX_GOSSIP_FRAME_BYTES: usize = MAX_GOSSIP_BYTES + 64 * 1024;

/// Bytes of one request.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// Bytes of one response: a batch of blocks, or a piece of a state snapshot.
pub const MAX_RESPONSE_BYTES: usize = 12 * 1024 * 1024;

/// From sending a request to the last byte of its answer, for both ends.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Streams that requests and answers may have open in one connection.
pub const MAX_REQUEST_STREAMS: usize = 32;

/// Own requests that may be unanswered by one peer. Fewer than [`MAX_REQUEST_STREAMS`], so that
/// the peer's own requests find room beside them.
pub const MAX_REQUESTS_PER_PEER: usize = 16;

/// Requests of all peers that may wait for this node's answer. More are refused.
pub const MAX_INBOUND_REQUESTS: usize = 256;

/// Requests of one peer that may wait for this node's answer. More are refused.
pub const MAX_INBOUND_REQUESTS_PER_PEER: usize = 16;

/// Bytes of one file that peers ask for by its digest: a picture.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// Bytes of the question for a file: its digest.
pub const MAX_FILE_REQUEST_BYTES: usize = 32;

/// From asking for a file to its last byte, for both ends.
pub const FILE_TIMEOUT: Duration = Duration::from_secs(5);

/// Streams that files may have open in one connection.
pub const MAX_FILE_STREAMS: usize = 16;

/// Own questions for files that may be unanswered by one peer.
pub const MAX_FILE_REQUESTS_PER_PEER: usize = 8;

/// Questions for files, of all peers, that are answered at once. More are refused.
pub const MAX_INBOUND_FILES: usize = 32;

/// Questions of one peer for files that are answered at once. More are refused.
pub const MAX_INBOUND_FILES_PER_PEER: usize = 8;

/// Questions for files that may wait for the task.
pub const FILE_QUEUE: usize = 256;

/// Streams of all protocols that one connection may have open.
pub const MAX_STREAMS_PER_CONNECTION: usize = 128;

/// Members up to which a network is *small*: every node sends what it has to say to every other,
/// and nothing is passed on unless asked for. Above, messages travel in a mesh.
pub const SMALL_NETWORK: usize = 16;

/// Peers that a node of a larger network passes every message on to.
pub const MESH_PEERS: usize = 6;

/// Below this many mesh peers a node looks for more.
pub const MESH_PEERS_LOW: usize = 4;

/// Above this many mesh peers a node drops some.
pub const MESH_PEERS_HIGH: usize = 10;

/// Peers that are told, at every heartbeat, which messages a node has lately heard, so that they
/// may ask for those they missed.
pub const LAZY_PEERS: usize = 4;

/// How often the mesh is tended and lately heard messages are announced.
pub const GOSSIP_HEARTBEAT: Duration = Duration::from_millis(500);

/// Heartbeats for which a message is announced.
pub const GOSSIP_ANNOUNCED_HEARTBEATS: usize = 3;

/// Heartbeats for which a message can be asked for.
pub const GOSSIP_KEPT_HEARTBEATS: usize = 6;

/// Message ids in one announcement.
pub const MAX_ANNOUNCED_IDS: usize = 1_500;

/// Bytes of one announcement: [`MAX_ANNOUNCED_IDS`] ids of 32 bytes fit with room.
pub const MAX_ANNOUNCEMENT_BYTES: usize = 64 * 1024;

/// For how long a message is remembered, so that it is delivered once. A transaction that is said
/// again sooner is not sent: nodes repeat what waits long, and that must not add to what makes it
/// wait.
pub const DUPLICATE_CACHE_TIME: Duration = Duration::from_secs(10);

/// Gossip messages that may wait for one peer; later ones are dropped.
pub const GOSSIP_QUEUE_PER_PEER: usize = 1_024;

/// A gossip message that could not be sent to a peer for this long is dropped.
pub const GOSSIP_SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes per second that this node reads from one connection, over all protocols. A member that
/// sends more is not cut off: its bytes wait on its side of the connection, nobody else's do.
pub const INBOUND_BYTES_PER_SECOND: u32 = 64 * 1024 * 1024;

/// Bytes that may arrive at once after a pause, before [`INBOUND_BYTES_PER_SECOND`] applies.
pub const INBOUND_BURST_BYTES: u32 = 32 * 1024 * 1024;

/// Bytes per second of transactions that are taken from, and passed on for, one author. What a
/// member says above it is dropped: no member can drown the others.
pub const TRANSACTION_BYTES_PER_SECOND: u32 = 24 * 1024 * 1024;

/// The same for consensus messages, counted apart: a flood of transactions cannot silence votes.
pub const CONSENSUS_BYTES_PER_SECOND: u32 = 48 * 1024 * 1024;

/// The same for status messages.
pub const STATUS_BYTES_PER_SECOND: u32 = 256 * 1024;

/// Messages per second of one author on one topic.
pub const MESSAGES_PER_SECOND: u32 = 10_000;

/// Connections with one peer: one called by each side at the same moment.
pub const MAX_CONNECTIONS_PER_PEER: u32 = 2;

/// Connections in all.
pub const MAX_CONNECTIONS: u32 = 512;

/// Inbound connections that have not yet proven who they are.
pub const MAX_PENDING_INBOUND: usize = 128;

/// The same from one IP address, so that a stranger cannot take all of them.
pub const MAX_PENDING_INBOUND_PER_ADDRESS: usize = 32;

/// Time in which a new connection must prove who it is.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a connection is checked for life.
pub const PING_INTERVAL: Duration = Duration::from_secs(5);

/// A connection that does not answer for this long is closed.
pub const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Wait before a lost or unreachable peer is called again; doubled after every failure.
pub const REDIAL_FIRST: Duration = Duration::from_millis(200);

/// The longest wait between two calls.
pub const REDIAL_LONGEST: Duration = Duration::from_secs(5);

/// At the start the node with the larger key leaves the first call to the other for this long, so
/// that two nodes started together do not call each other at once.
pub const REDIAL_COURTESY: Duration = Duration::from_millis(300);

/// Time in which a peer's host name must be found.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Addresses tried in one call.
pub const MAX_RESOLVED_ADDRESSES: usize = 8;

/// Commands that may wait for the task.
pub const COMMAND_QUEUE: usize = 1_024;

/// Events that may wait for the consumer before gossip is dropped.
pub const EVENT_QUEUE: usize = 8_192;

/// Bytes of events that may wait for the consumer before gossip is dropped.
pub const EVENT_BYTES: usize = 64 * 1024 * 1024;

/// The bounds that tests tighten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetLimits {
    /// See [`EVENT_QUEUE`].
    pub event_queue: usize,
    /// See [`EVENT_BYTES`].
    pub event_bytes: usize,
    /// See [`INBOUND_BYTES_PER_SECOND`].
    pub inbound_bytes_per_second: u32,
    /// See [`INBOUND_BURST_BYTES`].
    pub inbound_burst_bytes: u32,
    /// See [`TRANSACTION_BYTES_PER_SECOND`].
    pub transaction_bytes_per_second: u32,
    /// See [`SMALL_NETWORK`].
    pub small_network: usize,
    /// See [`PING_INTERVAL`].
    pub ping_interval: Duration,
    /// See [`PING_TIMEOUT`].
    pub ping_timeout: Duration,
}

impl Default for NetLimits {
    fn default() -> NetLimits {
        NetLimits {
            event_queue: EVENT_QUEUE,
            event_bytes: EVENT_BYTES,
            inbound_bytes_per_second: INBOUND_BYTES_PER_SECOND,
            inbound_burst_bytes: INBOUND_BURST_BYTES,
            transaction_bytes_per_second: TRANSACTION_BYTES_PER_SECOND,
            small_network: SMALL_NETWORK,
            ping_interval: PING_INTERVAL,
            ping_timeout: PING_TIMEOUT,
        }
    }
}
