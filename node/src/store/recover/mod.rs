//! Back to work after a stop of whatever kind.
//!
//! The block log is the truth. The table is taken as it is when the state in it has the root of the
//! block it says it is at; if it lags, the rest is replayed from the log; if it is missing, damaged
//! or of another history, it is removed and everything is replayed. What is replayed is not
//! verified again (its checksums hold, and it was verified before it was written), but every
//! state root is computed and compared.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use tracehold_chain::certificate::DecidedBlock;
use tracehold_chain::genesis::Genesis;
use tracehold_chain::units::Height;
use tracehold_contracts::{Ledger, LedgerError};

use super::block_log::{BlockLog, BlockReader};
use super::file_disk::FileDisk;
use super::sled_table::SledTable;
use super::vote_log::{VoteLog, Votes};
use super::writer::TableWriter;
use crate::fault::Fault;
use crate::index::EventIndex;

/// The folder of the block log and the vote log in a data folder: the truth.
pub const LOG_FOLDER: &str = "log";
/// The folder of the table in a data folder: it may be deleted while the node is stopped.
pub const TABLE_FOLDER: &str = "sled";

/// Blocks read ahead of the one being replayed.
pub(crate) const READ_AHEAD: usize = 8;

/// How far a start has come, for `/readyz`. Shared between threads.
#[derive(Debug, Default)]
pub struct Progress {
    height: AtomicU64,
    tip: AtomicU64,
    rebuilding: AtomicBool,
}

/// How far a start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgressReport {
    /// The last block that the table holds or that was replayed.
    pub height: Height,
    /// The last block of the log; 0 until the log is open.
    pub tip: Height,
    /// Whether the whole table is built again.
    pub rebuilding: bool,
}

impl Progress {
    /// How far it is now.
    #[must_use]
    pub fn report(&self) -> ProgressReport {
        ProgressReport {
            height: Height(self.height.load(Ordering::Relaxed)),
            tip: Height(self.tip.load(Ordering::Relaxed)),
            rebuilding: self.rebuilding.load(Ordering::Relaxed),
        }
    }

    /// The index of events is made anew and has come to `height`.
    pub fn filing(&self, height: Height) {
        self.rebuilding.store(true, Ordering::Relaxed);
        self.at(height);
    }

    fn at(&self, height: Height) {
        self.height.store(height.0, Ordering::Relaxed);
    }
}

/// Where a node's data is.
#[derive(Clone, Debug)]
pub struct DataFolder {
    /// The folder.
    pub path: PathBuf,
    /// What the table is told to keep in memory, in bytes.
    pub table_cache_bytes: u64,
}

impl DataFolder {
    /// The folder of the two logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join(LOG_FOLDER)
    }

    /// The folder of the table.
    #[must_use]
    pub fn table(&self) -> PathBuf {
        self.path.join(TABLE_FOLDER)
    }
}

/// Everything a node keeps, at the block log's tip.
pub struct Recovered {
    /// The ledger after the last block of the log.
    pub ledger: Ledger,
    /// The block log.
    pub blocks: BlockLog,
    /// The vote log.
    pub vote_log: VoteLog,
    /// What was in it.
    pub votes: Votes,
    /// The table under the ledger; it holds everything.
    pub table: Arc<SledTable>,
    /// The index of events in it, as far as it has come: [`EventIndex::catch_up`] does the rest.
    pub index: Arc<EventIndex>,
}

/// Opens a data folder and brings its table to the tip of its block log. The caller holds the
/// folder's lock.
///
/// # Errors
/// [`Fault`] when the logs cannot be opened, do not fit each other or this network, or a block of
/// the log does not give the state its header says.
pub fn recover(
    folder: &DataFolder,
    genesis: &Genesis,
    progress: &Progress,
) -> Result<Recovered, Fault> {
    let disk = Arc::new(FileDisk::open(folder.logs())?);
    let blocks = BlockLog::open(disk.clone())?;
    if let Some(torn) = blocks.torn_tail() {
        tracing::warn!(
            file = torn.file,
            offset = torn.offset,
            bytes = torn.bytes,
            "cut off a block that was not written to its end when the node stopped"
        );
    }
    let (vote_log, votes) = VoteLog::open(disk)?;
    let reader = blocks.reader();
    progress.tip.store(reader.tip().0, Ordering::Relaxed);
    check_logs(&reader, genesis, &votes)?;
    let (mut ledger, mut table) = open_table(folder, genesis, &reader)?;
    let mut index = open_index(&table)?;
    if let Err(fault) = replay(&mut ledger, &table, &index, &reader, progress) {
        if progress.report().rebuilding {
            return Err(fault);
        }
        tracing::warn!(%fault, "the table does not carry the next block: building it again");
        progress.rebuilding.store(true, Ordering::Relaxed);
        drop(ledger);
        drop(table);
        drop(index);
        (ledger, table) = fresh_table(folder, genesis)?;
        index = open_index(&table)?;
        replay(&mut ledger, &table, &index, &reader, progress)?;
    }
    Ok(Recovered { ledger, blocks, vote_log, votes, table, index })
}

/// The logs belong to this network and to each other.
fn check_logs(reader: &BlockReader, genesis: &Genesis, votes: &Votes) -> Result<(), Fault> {
    if let Some(first) = reader.read_header(Height(1))?
        && first.header.previous_block_id != genesis.id()
    {
        return Err(Fault::new(format!(
            "the block log belongs to another network than the genesis record of {}: its first \
             block follows {}, the record is {}",
            genesis.chain_id,
            first.header.previous_block_id,
            genesis.id()
        )));
    }
    // A height is voted on only when the block below is synced.
    if votes.height > reader.tip().next() {
        return Err(Fault::new(format!(
            "the block log ends at height {}, but this node has voted at height {}: blocks that \
             were on this disk are missing",
            reader.tip(),
            votes.height
        )));
    }
    Ok(())
}

/// The table as it is, if it can be used; else a new one.
fn open_table(
    folder: &DataFolder,
    genesis: &Genesis,
    reader: &BlockReader,
) -> Result<(Ledger, Arc<SledTable>), Fault> {
    let why = match SledTable::open(&folder.table(), folder.table_cache_bytes) {
        Err(error) => error.to_string(),
        Ok(table) => {
            let table = Arc::new(table);
            match Ledger::open(genesis, table.clone()) {
                Ok(ledger) => match fits_log(&ledger, reader)? {
                    None => return Ok((ledger, table)),
                    Some(why) => why,
                },
                Err(LedgerError::Genesis(error)) => return Err(Fault::new(error.to_string())),
                Err(error) => error.to_string(),
            }
        }
    };
    tracing::warn!(why, "the table cannot be used: building it again from the block log");
    fresh_table(folder, genesis)
}

/// Why the ledger is not at a block of the log; `None` when it is.
fn fits_log(ledger: &Ledger, reader: &BlockReader) -> Result<Option<String>, Fault> {
    let head = ledger.head();
    if head.height == Height::GENESIS {
        return Ok(None);
    }
    Ok(match reader.read_header(head.height)? {
        None => Some(format!("it is at height {}, above the log's last block", head.height)),
        Some(stored) if stored.header.id() != head.block_id => {
            Some(format!("its block {} is not the log's", head.height))
        }
        Some(stored) if stored.header.state_root != head.state_root => {
            Some(format!("its state root at block {} is not the log's", head.height))
        }
        Some(_) => None,
    })
}

fn open_index(table: &Arc<SledTable>) -> Result<Arc<EventIndex>, Fault> {
    let opened = EventIndex::open(table.clone());
    let opened = opened.or_else(|error| {
        tracing::warn!(%error, "the index of events cannot be used: making it anew");
        EventIndex::remove(&**table)?;
        EventIndex::open(table.clone())
    });
    Ok(Arc::new(opened?))
}

fn fresh_table(folder: &DataFolder, genesis: &Genesis) -> Result<(Ledger, Arc<SledTable>), Fault> {
    SledTable::remove(&folder.table())?;
    let table = Arc::new(SledTable::open(&folder.table(), folder.table_cache_bytes)?);
    let ledger = Ledger::open(genesis, table.clone()).map_err(|e| Fault::new(e.to_string()))?;
    Ok((ledger, table))
}

/// Applies every block of the log above the ledger's head.
fn replay(
    ledger: &mut Ledger,
    table: &Arc<SledTable>,
    index: &EventIndex,
    reader: &BlockReader,
    progress: &Progress,
) -> Result<(), Fault> {
    let (first, tip) = (ledger.head().height.next(), reader.tip());
    progress.at(ledger.head().height);
    if first > tip {
        return Ok(());
    }
    tracing::info!(from = first.0, to = tip.0, "replaying the block log");
    if first == Height(1) {
        progress.rebuilding.store(true, Ordering::Relaxed);
    }
    let flush = flush_of(table);
    let report = Box::new(|_| {});
    let writer = TableWriter::start(table.clone(), flush, ledger.head().height, report)?;
    let replayed: Result<(), Fault> = std::thread::scope(|scope| {
        let (sender, blocks) = mpsc::sync_channel(READ_AHEAD);
        scope.spawn(move || read_ahead(reader, first, tip, &sender));
        for block in blocks {
            replay_one(ledger, &writer, index, &block?)?;
            progress.at(ledger.head().height);
        }
        Ok(())
    });
    let finished = writer.finish();
    replayed?;
    ledger.flushed(finished?);
    table.flush()?;
    Ok(())
}

/// Reads the blocks from `first` to `tip` in order and sends them, until one fails or nobody
/// listens any more.
pub(crate) fn read_ahead(
    reader: &BlockReader,
    first: Height,
    tip: Height,
    sender: &mpsc::SyncSender<Result<DecidedBlock, Fault>>,
) {
    for height in (first.0..=tip.0).map(Height) {
        let block = reader.read(height).transpose();
        let block = block.unwrap_or_else(|| Err(Fault::new(format!("block {height} is missing"))));
        let failed = block.is_err();
        // The receiver is gone when a block before this one failed.
        if sender.send(block).is_err() || failed {
            return;
        }
    }
}

fn replay_one(
    ledger: &mut Ledger,
    writer: &TableWriter,
    index: &EventIndex,
    decided: &DecidedBlock,
) -> Result<(), Fault> {
    let height = decided.block.header.height;
    let outcome = ledger.replay_block(&decided.block).map_err(|error| {
        Fault::new(format!(
            "block {height} of this node's log does not give the state that was agreed on: {error}"
        ))
    })?;
    let layer = ledger.commit(outcome);
    let sealed = index.add(&layer);
    writer.push_with(layer, sealed)?;
    ledger.flushed(writer.flushed());
    index.flushed(writer.flushed());
    Ok(())
}

/// How the writer writes out what this table holds back.
#[must_use]
pub fn flush_of(table: &Arc<SledTable>) -> super::writer::Flush {
    let table = Arc::clone(table);
    Box::new(move || table.flush())
}

#[cfg(test)]
mod tests;
