//! `tracehold audit`: does the history follow from its beginning?
//!
//! Every block of a node's log is taken as if a stranger had sent it: its checksums, its place in
//! the chain, the certificate of the validators of its height, every signature and every event
//! digest, and all of it is executed again from the genesis record on a table of its own. What
//! comes out must have the state root and the receipts root of every header. The log is only read,
//! so this can run beside the node. Money is added up once more from the journal alone
//! ([`TrialBalance`]) and held against the state.

mod trial_balance;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

use tracehold_chain::block::BlockId;
use tracehold_chain::certificate::DecidedBlock;
use tracehold_chain::digest::Digest;
use tracehold_chain::genesis::Genesis;
use tracehold_chain::units::{ChainId, Height, TimestampMs};
use tracehold_contracts::{Ledger, LedgerError};

use crate::fault::Fault;
use crate::store::block_log::{BlockLog, BlockReader, TornTail};
use crate::store::recover::{LOG_FOLDER, READ_AHEAD, flush_of, read_ahead};
use crate::store::{FileDisk, SledTable, TableWriter};

pub use trial_balance::{AssetBalance, TrialBalance};

/// What the audit's table is told to keep in memory, in bytes.
const TABLE_CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// A history that follows from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// The network.
    pub chain_id: ChainId,
    /// The last block of the log; 0 when there is none.
    pub height: Height,
    /// Its id; at height 0 the digest of the genesis record.
    pub block_id: BlockId,
    /// The state root after it, computed again.
    pub state_root: Digest,
    /// Its time.
    pub block_time: TimestampMs,
    /// Transactions in all blocks.
    pub transactions: u64,
    /// Events put on record by them.
    pub events: u64,
    /// Validators' signatures checked on certificates.
    pub signatures: u64,
    /// How every asset stands, summed up from the journal entries of all blocks.
    pub money: Vec<AssetBalance>,
    /// An unfinished block at the end of the log: a running node may be writing it, or the node
    /// was stopped while it did. It is no part of the history yet.
    pub unfinished: Option<TornTail>,
}

/// Why the history does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The log cannot be read or is damaged.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The genesis record is wrong.
    #[error("the genesis record cannot start a network: {0}")]
    Genesis(String),
    /// A block that does not follow.
    #[error("block {height} does not hold: {reason}")]
    Block {
        /// Which.
        height: Height,
        /// What is wrong with it.
        reason: String,
    },
}

/// Audits the log in a data folder. `progress` hears of each block done and the number of blocks.
///
/// # Errors
/// [`AuditError`] with the first block that does not hold.
pub fn audit(
    folder: &Path,
    genesis: &Genesis,
    progress: &mut dyn FnMut(Height, Height),
) -> Result<AuditReport, AuditError> {
    let logs = folder.join(LOG_FOLDER);
    if !logs.is_dir() {
        let what = "there is no block log here: give the data folder of a node that has run";
        return Err(Fault::in_file(logs.display().to_string(), what).into());
    }
    let (reader, unfinished) = BlockLog::read_only(Arc::new(FileDisk::open(logs)?))?;
    let scratch = Scratch::new(folder)?;
    let table = SledTable::open(&scratch.0, TABLE_CACHE_BYTES).map_err(Fault::from)?;
    let table = Arc::new(table);
    let mut ledger = Ledger::open(genesis, table.clone()).map_err(|error| match error {
        LedgerError::Genesis(error) => AuditError::Genesis(error.to_string()),
        other => AuditError::Fault(Fault::new(other.to_string())),
    })?;
    let height = ledger.head().height;
    let writer = TableWriter::start(table.clone(), flush_of(&table), height, Box::new(|_| {}))?;
    let mut counts = Counts::default();
    let audited = audit_blocks(&reader, &mut ledger, &writer, &mut counts, progress);
    writer.finish()?;
    audited?;
    let head = ledger.head();
    let reason = |reason| AuditError::Block { height: head.height, reason };
    counts.money.check().map_err(reason)?;
    Ok(AuditReport {
        chain_id: genesis.chain_id.clone(),
        height: head.height,
        block_id: head.block_id,
        state_root: head.state_root,
        block_time: head.block_time,
        transactions: counts.transactions,
        events: counts.events,
        signatures: counts.signatures,
        money: counts.money.assets(),
        unfinished,
    })
}

#[derive(Default)]
struct Counts {
    transactions: u64,
    events: u64,
    signatures: u64,
    money: TrialBalance,
}

fn audit_blocks(
    reader: &BlockReader,
    ledger: &mut Ledger,
    writer: &TableWriter,
    counts: &mut Counts,
    progress: &mut dyn FnMut(Height, Height),
) -> Result<(), AuditError> {
    let tip = reader.tip();
    std::thread::scope(|scope| {
        let (sender, blocks) = mpsc::sync_channel(READ_AHEAD);
        scope.spawn(move || read_ahead(reader, Height(1), tip, &sender));
        for decided in blocks {
            let decided = decided?;
            audit_one(ledger, writer, &decided, counts)?;
            progress(ledger.head().height, tip);
        }
        Ok(())
    })
}

fn audit_one(
    ledger: &mut Ledger,
    writer: &TableWriter,
    decided: &DecidedBlock,
    counts: &mut Counts,
) -> Result<(), AuditError> {
    let DecidedBlock { block, certificate } = decided;
    let height = ledger.head().height.next();
    let wrong = |reason: String| AuditError::Block { height, reason };
    if certificate.height != height || certificate.block_id != block.id() {
        return Err(wrong("its certificate is of another block".into()));
    }
    let verified = certificate.verify(ledger.chain_id(), ledger.validators());
    verified.map_err(|error| wrong(format!("its certificate: {error}")))?;
    let outcome = ledger.apply_block(block, &|_| None).map_err(|error| wrong(error.to_string()))?;
    let layer = ledger.commit(outcome);
    counts.transactions += block.bundles.len() as u64;
    counts.events += layer.events as u64;
    counts.signatures += certificate.signatures.len() as u64;
    counts.money.note(&layer).map_err(|reason| wrong(format!("its money: {reason}")))?;
    writer.push(layer)?;
    ledger.flushed(writer.flushed());
    Ok(())
}

/// A folder that is gone when the audit is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(folder: &Path) -> Result<Scratch, Fault> {
        let path = folder.join(format!("audit-{}", std::process::id()));
        SledTable::remove(&path)?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = SledTable::remove(&self.0) {
            tracing::warn!(%error, "the audit's table is left behind");
        }
    }
}
