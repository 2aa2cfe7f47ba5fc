//! The one loop that performs effects.
//!
//! [`start`] gives a [`NodeHandle`] at once and does the rest on a thread of its own: it opens the
//! data folder, brings the table to the tip of the block log (which can take minutes when the table
//! is built again; the handle tells how far it is), starts the network, and then steps the replica
//! with whatever comes in. The thread owns the replica and both logs; nothing else writes to them.
//!
//! Effects are performed in the order that keeps the node's word: votes are synced before anything
//! leaves, blocks before they are published or acknowledged. Whatever fails on this machine is a
//! [`Fault`]: the loop ends, and [`NodeHandle::ended`] says why. The process then exits with a
//! code of its own for that.

mod handle;
#[cfg(test)]
mod tests;
mod timers;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;
use tracehold_chain::genesis::Genesis;
use tracehold_chain::keys::Signer;
use tracehold_chain::mempool::MempoolLimits;

use crate::fault::Fault;
use crate::net::{NetError, NetEvents, NetHandle};
use crate::store::recover::DataFolder;
use crate::store::{DataLock, LockError};

pub use handle::{
    MAX_WAITING_SUBMISSIONS, NodeHandle, NotReady, Phase, Proved, Status, SubmitError,
};

/// Starts the network; called once, when the node is ready to take part in it.
pub type StartNetwork = Box<dyn FnOnce() -> Result<(NetHandle, NetEvents), NetError> + Send>;

/// What a node is made from.
pub struct NodeParts {
    /// The record its network starts from.
    pub genesis: Genesis,
    /// Where its data is.
    pub folder: DataFolder,
    /// Signs votes and proposals; its public key names the node.
    pub signer: Arc<dyn Signer>,
    /// How much may wait for a block.
    pub mempool: MempoolLimits,
    /// Starts the network.
    pub network: StartNetwork,
}

/// Why a node did not even begin to start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder is not to be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The system gives no thread.
    #[error("cannot start the node's thread: {0}")]
    Thread(std::io::Error),
}

/// Starts a node on a thread of its own and returns at once. The network's tasks run on the tokio
/// runtime that this is called from.
///
/// # Errors
/// [`StartError`] when another process works in the data folder.
///
/// # Panics
/// Outside a tokio runtime.
pub fn start(parts: NodeParts) -> Result<NodeHandle, StartError> {
    let lock = lock(&parts.folder.path)?;
    let tokio = tokio::runtime::Handle::current();
    let me = parts.signer.public_key();
    let shared = Arc::new(handle::Shared::new(&parts.genesis, &me));
    let (submissions, submissions_in) = mpsc::channel(MAX_WAITING_SUBMISSIONS);
    let (control, control_in) = mpsc::unbounded_channel();
    let handle = NodeHandle { shared: Arc::clone(&shared), submissions, control: control.clone() };
    let work = move || {
        let _tasks = tokio.enter();
        let inbox = worker::Inbox { submissions: submissions_in, control: control_in };
        let worked =
            catch_unwind(AssertUnwindSafe(|| worker::work(parts, &shared, inbox, control)));
        let ended = worked.unwrap_or_else(|panic| Err(panicked(&*panic)));
        if let Err(fault) = &ended {
            tracing::error!(%fault, "the node stops: this machine or this program is at fault");
        }
        // Another process may have the folder as soon as somebody hears of the end.
        drop(lock);
        shared.end.send_replace(Some(ended));
    };
    let spawned = std::thread::Builder::new().name("node".into()).spawn(work);
    spawned.map_err(StartError::Thread)?;
    Ok(handle)
}

fn lock(folder: &Path) -> Result<DataLock, LockError> {
    DataLock::acquire(folder)
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Fault {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    Fault::new(format!("the node's loop panicked, which is a mistake in this program: {text}"))
}
