//! The thread that brings decided blocks into the table.
//!
//! sled writes many keys at once far more cheaply than a few at a time, so the layers of several
//! blocks are merged into one batch. Each layer carries the note of the head it belongs to,
//! and the last one wins: a crash leaves the table exactly at some block. Readers do not wait for
//! this; until a layer is in the table it lies over it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use tracehold_chain::state::{Batch, Table, TableError};
use tracehold_chain::units::Height;
use tracehold_contracts::Layer;

use crate::fault::Fault;

/// Blocks merged into one batch.
const BATCH_BLOCKS: usize = 16;
/// Keys above which a batch takes no further block. While sled applies a batch it frees no old
/// version of any page, so that this many versions are in memory at once.
const BATCH_KEYS: usize = 8_000;
/// How long the writer waits for another block before it writes what it has.
const IDLE: Duration = Duration::from_millis(100);
/// Blocks that may wait for the table. Above this the node waits for its table, for every read
/// looks through all of them.
pub const MAX_UNFLUSHED_BLOCKS: usize = 32;
/// Bytes that may wait for the table, with [`MAX_UNFLUSHED_BLOCKS`].
pub const MAX_UNFLUSHED_BYTES: usize = 128 * 1024 * 1024;
/// Batches after which what the table itself holds back is written out, at the latest: it is
/// what a kill can make a start replay.
const FLUSH_EVERY: usize = 16;

/// Writes out what a table holds back.
pub type Flush = Box<dyn Fn() -> Result<(), TableError> + Send>;
/// Hears how far the table has come, or that it failed. Must not wait.
pub type Report = Box<dyn Fn(Result<Height, Fault>) + Send>;

/// The handing-over end of the writer thread.
pub struct TableWriter {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// A layer that waits, what is to be written with it, and the bytes of both.
struct Waiting {
    layer: Arc<Layer>,
    beside: Option<Batch>,
    bytes: usize,
}

#[derive(Default)]
struct Queue {
    /// Waiting, oldest first, with their bytes.
    waiting: VecDeque<Waiting>,
    /// Blocks and bytes that wait or are being written.
    blocks: usize,
    bytes: usize,
    flushed: Height,
    stop: bool,
    fault: Option<Fault>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nobody panics while holding the lock")
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait(queue).expect("nobody panics while holding the lock")
    }
}

impl Queue {
    fn has_room(&self) -> bool {
        self.blocks == 0 || (self.blocks < MAX_UNFLUSHED_BLOCKS && self.bytes < MAX_UNFLUSHED_BYTES)
    }

    fn batch_is_full(&self) -> bool {
        self.waiting.len() >= BATCH_BLOCKS || self.keys() >= BATCH_KEYS
    }

    fn keys(&self) -> usize {
        self.waiting.iter().map(|waiting| waiting.layer.writes.len()).sum()
    }

    /// The next layers to write together.
    fn take(&mut self) -> Vec<Waiting> {
        let (mut layers, mut keys) = (Vec::new(), 0);
        while layers.len() < BATCH_BLOCKS && keys < BATCH_KEYS {
            let Some(next) = self.waiting.pop_front() else { break };
            keys += next.layer.writes.len();
            layers.push(next);
        }
        layers
    }
}

impl TableWriter {
    /// Starts the thread over a table that holds every block up to `flushed`.
    ///
    /// # Errors
    /// [`Fault`] when the system gives no thread.
    pub fn start(
        table: Arc<dyn Table>,
        flush: Flush,
        flushed: Height,
        report: Report,
    ) -> Result<TableWriter, Fault> {
        let shared = Arc::new(Shared::default());
        shared.lock().flushed = flushed;
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("table-writer".into())
            .spawn(move || run(&theirs, &*table, &flush, &report))
            .map_err(|error| Fault::new(format!("cannot start the table's writer: {error}")))?;
        Ok(TableWriter { shared, thread })
    }

    /// Hands over the next layer. Waits while too many are unwritten.
    ///
    /// # Errors
    /// [`Fault`] when the table failed.
    pub fn push(&self, layer: Arc<Layer>) -> Result<(), Fault> {
        self.push_with(layer, None)
    }

    /// As [`TableWriter::push`], with something beside the layer that is to be in the table when,
    /// and only when, the layer is.
    ///
    /// # Errors
    /// [`Fault`] when the table failed.
    pub fn push_with(&self, layer: Arc<Layer>, beside: Option<Batch>) -> Result<(), Fault> {
        let bytes = weight(&layer.writes) + beside.as_ref().map_or(0, weight);
        let mut queue = self.shared.lock();
        while queue.fault.is_none() && !queue.has_room() {
            queue = self.shared.wait(queue);
        }
        if let Some(fault) = &queue.fault {
            return Err(fault.clone());
        }
        queue.blocks += 1;
        queue.bytes += bytes;
        queue.waiting.push_back(Waiting { layer, beside, bytes });
        self.shared.changed.notify_all();
        Ok(())
    }

    /// The height up to which the table holds everything.
    #[must_use]
    pub fn flushed(&self) -> Height {
        self.shared.lock().flushed
    }

    /// Writes everything that waits and ends the thread.
    ///
    /// # Errors
    /// [`Fault`] when the table failed.
    pub fn finish(self) -> Result<Height, Fault> {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        let ended = self.thread.join();
        let queue = self.shared.lock();
        match (&queue.fault, ended) {
            (Some(fault), _) => Err(fault.clone()),
            (None, Err(_)) => Err(Fault::new("the table's writer panicked")),
            (None, Ok(())) => Ok(queue.flushed),
        }
    }
}

fn weight(batch: &Batch) -> usize {
    let sizes = batch.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len));
    sizes.sum()
}

fn run(shared: &Shared, table: &dyn Table, flush: &Flush, report: &Report) {
    let mut unflushed_batches = 0;
    while let Some(layers) = next_batch(shared) {
        let last = layers.last().expect("a batch has a layer").layer.head.height;
        let bytes: usize = layers.iter().map(|waiting| waiting.bytes).sum();
        let count = layers.len();
        let batches: Vec<&Batch> = layers
            .iter()
            .flat_map(|waiting| waiting.beside.iter().chain([&waiting.layer.writes]))
            .collect();
        let written = table.apply_all(&batches).and_then(|()| {
            unflushed_batches += 1;
            let idle = shared.lock().waiting.is_empty();
            if idle || unflushed_batches >= FLUSH_EVERY {
                unflushed_batches = 0;
                return flush();
            }
            Ok(())
        });
        let outcome = written.map(|()| last).map_err(Fault::from);
        let mut queue = shared.lock();
        queue.blocks -= count;
        queue.bytes -= bytes;
        match &outcome {
            Ok(height) => queue.flushed = *height,
            Err(fault) => queue.fault = Some(fault.clone()),
        }
        drop(queue);
        shared.changed.notify_all();
        let failed = outcome.is_err();
        report(outcome);
        if failed {
            return;
        }
    }
}

/// Waits for a batch worth writing; `None` when it is time to end.
fn next_batch(shared: &Shared) -> Option<Vec<Waiting>> {
    let mut queue = shared.lock();
    loop {
        if queue.batch_is_full() || queue.stop {
            break;
        }
        let before = queue.waiting.len();
        if before == 0 {
            queue = shared.wait(queue);
            continue;
        }
        let waited = shared
            .changed
            .wait_timeout_while(queue, IDLE, |queue| queue.waiting.len() == before && !queue.stop);
        let (after, timeout) = waited.expect("nobody panics while holding the lock");
        queue = after;
        if timeout.timed_out() {
            break;
        }
    }
    let layers = queue.take();
    (!layers.is_empty()).then_some(layers)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tracehold_chain::block::{BLOCK_VERSION, BlockHeader, BlockId};
    use tracehold_chain::digest::Digest;
    use tracehold_chain::keys::PublicKey;
    use tracehold_chain::state::MemoryTable;
    use tracehold_chain::state::table::Pair;
    use tracehold_chain::units::{ChainId, TimestampMs};
    use tracehold_contracts::Head;

    use super::*;

    fn layer(height: u64) -> Arc<Layer> {
        let digest = Digest([0; 32]);
        let (height, block_time) = (Height(height), TimestampMs(height));
        let header = BlockHeader {
            version: BLOCK_VERSION,
            chain_id: ChainId::new("writer").unwrap(),
            height,
            previous_block_id: BlockId(digest),
            block_time,
            proposer: PublicKey([0; 32]),
            validators: digest,
            next_validators: digest,
            transactions_root: digest,
            receipts_root: digest,
            state_root: digest,
        };
        let writes = Batch::from([
            (b"head".to_vec(), Some(height.0.to_be_bytes().to_vec())),
            (format!("block {height}").into_bytes(), Some(vec![1])),
        ]);
        let head = Head { height, block_id: header.id(), block_time, state_root: digest };
        Arc::new(Layer {
            head,
            header,
            writes,
            due: Default::default(),
            receipts: Vec::new(),
            events: 0,
            found: Vec::new(),
        })
    }

    fn writer(table: Arc<dyn Table>) -> (TableWriter, mpsc::Receiver<Result<Height, Fault>>) {
        let (sender, reports) = mpsc::channel();
        let report = move |outcome| sender.send(outcome).unwrap();
        let flush = Box::new(|| Ok(()));
        let writer = TableWriter::start(table, flush, Height(0), Box::new(report)).unwrap();
        (writer, reports)
    }

    #[test]
    fn everything_handed_over_is_in_the_table_when_it_ends() {
        let table = Arc::new(MemoryTable::default());
        let (writer, reports) = writer(table.clone());
        for height in 1..=200 {
            writer.push(layer(height)).unwrap();
        }
        assert_eq!(writer.finish().unwrap(), Height(200));
        assert_eq!(table.get(b"head").unwrap(), Some(200_u64.to_be_bytes().to_vec()));
        assert!(table.get(b"block 77").unwrap().is_some());
        let heights: Vec<Height> = reports.iter().map(Result::unwrap).collect();
        assert!(heights.is_sorted() && heights.last() == Some(&Height(200)));
        assert!(heights.len() < 100, "blocks are merged: {}", heights.len());
    }

    #[test]
    fn one_block_alone_is_soon_in_the_table() {
        let table = Arc::new(MemoryTable::default());
        let (writer, reports) = writer(table);
        writer.push(layer(1)).unwrap();
        assert_eq!(reports.recv_timeout(crate::testing::PATIENCE).unwrap(), Ok(Height(1)));
        assert_eq!(writer.flushed(), Height(1));
    }

    /// A table that cannot be written.
    struct Broken;

    impl Table for Broken {
        fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
            Ok(None)
        }
        fn range(&self, _: &[u8], _: &[u8], _: usize) -> Result<Vec<Pair>, TableError> {
            Ok(Vec::new())
        }
        fn range_back(&self, _: &[u8], _: &[u8], _: usize) -> Result<Vec<Pair>, TableError> {
            Ok(Vec::new())
        }
        fn apply_all(&self, _: &[&Batch]) -> Result<(), TableError> {
            Err(TableError("planned failure".into()))
        }
    }

    #[test]
    fn a_table_that_fails_is_reported_and_nobody_waits_for_ever() {
        let (writer, reports) = writer(Arc::new(Broken));
        let pushed = (1..=1_000).try_for_each(|height| writer.push(layer(height)));
        assert!(pushed.is_err());
        assert!(reports.recv().unwrap().is_err());
        assert!(writer.finish().is_err());
    }
}
