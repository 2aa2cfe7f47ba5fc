//! One node in the world: the unchanged replica over the real logs and ledger, on a disk that can
//! lose what was not synced.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracehold_chain::genesis::Genesis;
use tracehold_chain::keys::SecretKey;
use tracehold_chain::mempool::MempoolLimits;
use tracehold_chain::state::{MemoryTable, Table};
use tracehold_chain::units::{Height, TimestampMs};
use tracehold_contracts::{Layer, Ledger};
use tracehold_node::replica::{Effect, Input, Replica, ReplicaParts, TimerId};
use tracehold_node::store::{BlockLog, BlockReader, MemoryDisk, VoteLog};

use crate::random::Random;
use crate::scenario::Bug;

/// A node, whether it runs or not.
pub struct Node {
    key: SecretKey,
    votes: MemoryDisk,
    blocks: MemoryDisk,
    table: Arc<MemoryTable>,
    /// Milliseconds that its clock is ahead of virtual time.
    pub clock_ahead: u64,
    /// Grows with every start; what was meant for an earlier one does not reach a later one.
    pub incarnation: u64,
    /// What runs, if it runs.
    pub running: Option<Running>,
}

/// A running node.
pub struct Running {
    replica: Replica,
    votes: VoteLog,
    blocks: BlockLog,
    unflushed: Vec<Arc<Layer>>,
    /// Effects of steps that are not performed yet.
    pub batch: Vec<Effect>,
    /// The setting of each timer; a firing of an older setting is void.
    pub timers: BTreeMap<TimerId, u64>,
}

impl Node {
    /// A node that has never run.
    #[must_use]
    pub fn new(key: SecretKey, clock_ahead: u64) -> Node {
        Node {
            key,
            votes: MemoryDisk::new(),
            blocks: MemoryDisk::new(),
            table: Arc::new(MemoryTable::default()),
            clock_ahead,
            incarnation: 0,
            running: None,
        }
    }

    /// Starts the node from what its disks hold.
    ///
    /// # Errors
    /// What keeps it from starting: always a violation.
    pub fn start(&mut self, genesis: &Genesis, bug: Option<Bug>) -> Result<(), String> {
        let (votes, restored) =
            VoteLog::open(Arc::new(self.votes.clone())).map_err(|f| f.to_string())?;
        let blocks = BlockLog::open(Arc::new(self.blocks.clone())).map_err(|f| f.to_string())?;
        let mut ledger =
            Ledger::open(genesis, self.table.clone()).map_err(|error| error.to_string())?;
        if ledger.head().height > blocks.tip() {
            return Err(format!(
                "the table is at {}, the block log at {}",
                ledger.head().height,
                blocks.tip()
            ));
        }
        let reader = blocks.reader();
        let mut unflushed = Vec::new();
        while ledger.head().height < blocks.tip() {
            let decided = read(&reader, ledger.head().height.next()).ok_or("a block is missing")?;
            let outcome = ledger.replay_block(&decided.block).map_err(|e| e.to_string())?;
            unflushed.push(ledger.commit(outcome));
        }
        let parts = ReplicaParts {
            ledger,
            signer: Arc::new(self.key.clone()),
            blocks: Box::new(move |height| read(&reader, height)),
            votes: restored.entries,
            mempool: MempoolLimits::default(),
        };
        let replica = match bug {
            Some(Bug::Replica(planted)) => Replica::with_bug(parts, planted),
            _ => Replica::new(parts),
        };
        self.incarnation += 1;
        let (batch, timers) = (Vec::new(), BTreeMap::new());
        self.running = Some(Running { replica, votes, blocks, unflushed, batch, timers });
        Ok(())
    }

    /// Kills the node. Of what was not synced, a random part survives; now and then the table is
    /// lost altogether.
    pub fn crash(&mut self, random: &mut Random) {
        self.running = None;
        let mut keep = |unsynced: tracehold_node::store::memory_disk::Unsynced<'_>| {
            let most = match unsynced {
                tracehold_node::store::memory_disk::Unsynced::Names(count) => count,
                tracehold_node::store::memory_disk::Unsynced::Bytes(_, bytes) => bytes,
            };
            match random.below(3) {
                0 => 0,
                1 => most,
                _ => random.index(most + 1),
            }
        };
        self.votes.crash(&mut keep);
        self.blocks.crash(&mut keep);
        if random.per_mille(100) {
            self.table = Arc::new(MemoryTable::default());
        }
    }

    /// Lets one of the node's next syncs fail, as a dying disk would.
    pub fn fail_a_sync(&self, random: &mut Random) {
        let disk = if random.per_mille(500) { &self.votes } else { &self.blocks };
        disk.fail_sync_after(random.below(4));
    }

    /// The height of the last synced block, read from the disk when the node does not run.
    #[must_use]
    pub fn reader(&self) -> Option<BlockReader> {
        match &self.running {
            Some(running) => Some(running.blocks.reader()),
            None => BlockLog::open(Arc::new(self.blocks.clone())).ok().map(|log| log.reader()),
        }
    }
}

fn read(
    reader: &BlockReader,
    height: Height,
) -> Option<tracehold_chain::certificate::DecidedBlock> {
    reader.read(height).expect("the disk in memory does not fail")
}

impl Running {
    /// Steps the replica.
    pub fn step(&mut self, now: TimestampMs, input: Input) -> Vec<Effect> {
        self.replica.step(now, input)
    }

    /// The replica, to look at.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// The height of the last synced block.
    #[must_use]
    pub fn synced_tip(&self) -> Height {
        self.blocks.tip()
    }

    /// Performs an effect of the logs; gives back the others.
    ///
    /// # Errors
    /// What the disk says.
    pub fn log(&mut self, effect: Effect, bug: Option<Bug>) -> Result<Option<Effect>, String> {
        let done = match effect {
            Effect::AppendVote(record) => self.votes.append(&record),
            Effect::ResetVotes(height) if height < self.votes.height() => {
                return Err(format!("lost: votes of {height} were dropped, and it is not decided"));
            }
            Effect::ResetVotes(height) => self.votes.reset(height),
            Effect::SyncVotes if bug == Some(Bug::VotesNotSynced) => Ok(()),
            Effect::SyncVotes => self.votes.sync(),
            Effect::AppendBlock { decided, .. } => self.blocks.append(&decided),
            Effect::SyncBlocks if bug == Some(Bug::BlocksNotSynced) => Ok(()),
            Effect::SyncBlocks => self.blocks.sync(),
            other => return Ok(Some(other)),
        };
        done.map(|()| None).map_err(|fault| fault.to_string())
    }

    /// Takes a committed layer over for the table.
    pub fn publish(&mut self, layer: Arc<Layer>) {
        self.unflushed.push(layer);
    }

    /// Writes what was committed into the table.
    ///
    /// # Errors
    /// What the table says.
    pub fn flush(&mut self, table: &MemoryTable) -> Result<Option<Height>, String> {
        let last = self.unflushed.last().map(|layer| layer.head.height);
        for layer in self.unflushed.drain(..) {
            table.apply(&layer.writes).map_err(|error| error.to_string())?;
        }
        Ok(last)
    }
}

impl Node {
    /// Flushes the running node's layers.
    ///
    /// # Errors
    /// What the table says.
    pub fn flush(&mut self) -> Result<Option<Height>, String> {
        let table = self.table.clone();
        self.running.as_mut().map_or(Ok(None), |running| running.flush(&table))
    }
}
