//! What the rest of the process knows of the running node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, RwLock};

use libp2p::Multiaddr;
use tokio::sync::{mpsc, oneshot, watch};
use tracehold_chain::block::BlockId;
use tracehold_chain::digest::Digest;
use tracehold_chain::genesis::{Genesis, NodeRole};
use tracehold_chain::keys::PublicKey;
use tracehold_chain::mempool::MempoolError;
use tracehold_chain::transaction::Bundle;
use tracehold_chain::units::{ChainId, Height, NodeName, TimestampMs};
use tracehold_contracts::Rejection;

use crate::fault::Fault;
use crate::replica::{Committed, Heard, NotCommitted};
use crate::store::recover::{Progress, ProgressReport};
use crate::view::{ReadView, ViewSource};

/// Submissions that wait for the node's loop; more are refused as [`SubmitError::Busy`].
pub const MAX_WAITING_SUBMISSIONS: usize = 1_024;

/// How the node is doing as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It opens its logs and brings its table to their tip.
    Starting(ProgressReport),
    /// It serves reads and takes part in the network.
    Running,
    /// It was told to stop, or has stopped.
    Stopped,
    /// It has stopped because of this.
    Failed(Fault),
}

/// Why there is nothing to read from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The node starts.
    #[error(
        "the node is starting: block {} of {} is in its table; try again soon", .0.height, .0.tip
    )]
    Starting(ProgressReport),
    /// The node stops or has stopped.
    #[error("the node is stopping")]
    Stopping,
}

/// Why a submission has no receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// It breaks a rule, or expired while it waited: the sender's to mend. It is in no block.
    #[error("{0}")]
    Rejected(Rejection),
    /// There is no room for it to wait. It is in no block; try again later.
    #[error("the node has no room for the transaction now: {0}; send it again later")]
    Busy(String),
    /// The node is not ready. It is in no block.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// The node stopped before the outcome was known: it may yet be in a block. Look it up by its
    /// id when the node is back, or send the very same again.
    #[error("the node stopped before the outcome was known")]
    Unknown,
}

/// What a node says of itself.
#[derive(Clone, Debug)]
pub struct Status {
    /// The network.
    pub chain_id: ChainId,
    /// This node's name in the genesis record.
    pub node: Option<NodeName>,
    /// What this node does; followers need not be listed.
    pub role: NodeRole,
    /// The last committed height.
    pub height: Height,
    /// Its block; at height 0 the digest of the genesis record.
    pub block_id: BlockId,
    /// The root of the state after it.
    pub state_root: Digest,
    /// Its block time.
    pub block_time: TimestampMs,
    /// Nodes connected now.
    pub peers: BTreeSet<PublicKey>,
    /// Blocks that the furthest peer is thought to be ahead.
    pub behind: u64,
    /// Transactions that wait here for a block.
    pub waiting: usize,
    /// Their encoded bytes.
    pub waiting_bytes: usize,
    /// What other nodes last said of themselves.
    pub heard: Arc<BTreeMap<PublicKey, Heard>>,
    /// The round of agreement above the last block, when one is under way.
    pub round: Option<u32>,
}

/// A transaction on its way in.
pub(super) struct Submission {
    pub bundle: Arc<Bundle>,
    pub answer: oneshot::Sender<Result<Committed, NotCommitted>>,
}

/// What the loop is told beside submissions and the network.
pub(super) enum Control {
    /// How far the table has come.
    Flushed(Result<Height, Fault>),
    /// A reader has found damage.
    Damaged(Fault),
    /// Finish.
    Stop,
}

/// Parts of the replica's state that others may read.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulse {
    pub behind: u64,
    pub waiting: usize,
    pub waiting_bytes: usize,
    pub heard: Arc<BTreeMap<PublicKey, Heard>>,
    pub round: Option<u32>,
}

/// What the loop and the handles share.
pub(super) struct Shared {
    pub chain_id: ChainId,
    pub node: Option<NodeName>,
    pub role: NodeRole,
    pub progress: Progress,
    pub views: OnceLock<ViewSource>,
    pub peers: RwLock<BTreeSet<PublicKey>>,
    pub addresses: RwLock<Vec<Multiaddr>>,
    pub pulse: RwLock<Pulse>,
    pub height: watch::Sender<Height>,
    pub end: watch::Sender<Option<Result<(), Fault>>>,
    pub stopping: std::sync::atomic::AtomicBool,
}

impl Shared {
    pub fn new(genesis: &Genesis, me: &PublicKey) -> Shared {
        let listed = genesis.nodes().find(|(_, node)| node.public_key == *me);
        Shared {
            chain_id: genesis.chain_id.clone(),
            node: listed.map(|(_, node)| node.name.clone()),
            role: listed.map_or(NodeRole::Follower, |(_, node)| node.role),
            progress: Progress::default(),
            views: OnceLock::new(),
            peers: RwLock::default(),
            addresses: RwLock::default(),
            pulse: RwLock::default(),
            height: watch::Sender::new(Height::GENESIS),
            end: watch::Sender::new(None),
            stopping: false.into(),
        }
    }
}

/// The node, for whoever submits to it, reads from it or watches it. Clones are the same node.
#[derive(Clone)]
pub struct NodeHandle {
    pub(super) shared: Arc<Shared>,
    pub(super) submissions: mpsc::Sender<Submission>,
    pub(super) control: mpsc::UnboundedSender<Control>,
}

impl NodeHandle {
    /// Hands in a transaction and waits until it is committed, synced and readable through
    /// [`NodeHandle::view`], or refused. That it was recorded is said by the receipt. The caller
    /// sets a deadline; giving up waiting does not take the transaction back.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn submit(&self, bundle: impl Into<Arc<Bundle>>) -> Result<Committed, SubmitError> {
        self.view()?;
        let (answer, outcome) = oneshot::channel();
        let submission = Submission { bundle: bundle.into(), answer };
        self.submissions.try_send(submission).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                SubmitError::Busy(format!("{MAX_WAITING_SUBMISSIONS} wait to be looked at"))
            }
            mpsc::error::TrySendError::Closed(_) => NotReady::Stopping.into(),
        })?;
        match outcome.await {
            Ok(Ok(committed)) => Ok(committed),
            Ok(Err(NotCommitted::Rejected(rejection))) => Err(SubmitError::Rejected(rejection)),
            Ok(Err(NotCommitted::Busy(error))) => Err(busy(&error)),
            Err(_) => Err(SubmitError::Unknown),
        }
    }

    /// A view of the newest committed block.
    ///
    /// # Errors
    /// [`NotReady`] while the node starts and when it stops.
    pub fn view(&self) -> Result<ReadView, NotReady> {
        match self.phase() {
            Phase::Starting(report) => Err(NotReady::Starting(report)),
            Phase::Stopped | Phase::Failed(_) => Err(NotReady::Stopping),
            Phase::Running => {
                let views = self.shared.views.get();
                Ok(views.expect("a running node has views").view())
            }
        }
    }

    /// How the node is doing as a whole: what `/livez` and `/readyz` ask.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match &*self.shared.end.borrow() {
            Some(Err(fault)) => return Phase::Failed(fault.clone()),
            Some(Ok(())) => return Phase::Stopped,
            None => {}
        }
        if self.shared.stopping.load(std::sync::atomic::Ordering::Relaxed) {
            return Phase::Stopped;
        }
        match self.shared.views.get() {
            Some(_) => Phase::Running,
            None => Phase::Starting(self.shared.progress.report()),
        }
    }

    /// What the node says of itself.
    ///
    /// # Errors
    /// [`NotReady`] while the node starts and when it stops.
    pub fn status(&self) -> Result<Status, NotReady> {
        let view = self.view()?;
        let head = view.head().clone();
        let pulse = self.shared.pulse.read().expect("nobody panics while holding the lock");
        let Pulse { behind, waiting, waiting_bytes, heard, round } = pulse.clone();
        drop(pulse);
        let peers = self.shared.peers.read().expect("nobody panics while holding the lock");
        Ok(Status {
            chain_id: self.shared.chain_id.clone(),
            node: self.shared.node.clone(),
            role: self.shared.role,
            height: head.height,
            block_id: head.block_id,
            state_root: head.state_root,
            block_time: head.block_time,
            peers: peers.clone(),
            behind,
            waiting,
            waiting_bytes,
            heard,
            round,
        })
    }

    /// The network.
    #[must_use]
    pub fn chain_id(&self) -> &ChainId {
        &self.shared.chain_id
    }

    /// Where the node listens for other nodes, with the real port where the settings say 0.
    #[must_use]
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.shared.addresses.read().expect("nobody panics while holding the lock").clone()
    }

    /// Tells of every new committed height, which is readable then.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Height> {
        self.shared.height.subscribe()
    }

    /// Asks the node to finish: to stop taking part, write everything to its table and end.
    pub fn stop(&self) {
        // A loop that has ended needs no asking.
        let _ = self.control.send(Control::Stop);
    }

    /// Waits until the node has ended.
    ///
    /// # Errors
    /// The [`Fault`] that ended it.
    pub async fn ended(&self) -> Result<(), Fault> {
        let mut end = self.shared.end.subscribe();
        let ended = end.wait_for(Option::is_some).await;
        let ended = ended.expect("a handle keeps the sender alive").clone();
        ended.expect("waited for it")
    }
}

fn busy(error: &MempoolError) -> SubmitError {
    SubmitError::Busy(error.to_string())
}
