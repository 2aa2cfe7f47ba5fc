//! What must hold in every world, watched from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracehold_chain::block::BlockId;
use tracehold_chain::certificate::{DecidedBlock, VoteKind};
use tracehold_chain::consensus::message::{Gossip, decode_gossip};
use tracehold_chain::digest::Digest;
use tracehold_chain::genesis::{Genesis, NodeRole};
use tracehold_chain::keys::PublicKey;
use tracehold_chain::state::MemoryTable;
use tracehold_chain::transaction::TransactionId;
use tracehold_chain::units::{Height, TimestampMs};
use tracehold_contracts::{Layer, Ledger};
use tracehold_node::replica::{Committed, NotCommitted, Ticket};
use tracehold_node::store::BlockReader;

use crate::ledger_check::{MoneyChecks, Moved};

/// What one key may sign once: height, round, and which of the three.
type Place = (PublicKey, Height, u32, u8);

/// What was signed: the block or nothing, and the round of the proof of lock.
type Content = (Option<BlockId>, Option<u32>);

/// An acknowledged transaction: at which node, which, in which block.
type Acknowledged = (usize, TransactionId, Height);

fn followers(genesis: &Genesis) -> BTreeSet<PublicKey> {
    let nodes = genesis.nodes().filter(|(_, node)| node.role == NodeRole::Follower);
    nodes.map(|(_, node)| node.public_key).collect()
}

/// Watches a world.
pub struct Checks {
    /// Runs every decided block once more, by itself.
    reference: Ledger,
    decided: BTreeMap<Height, (BlockId, Digest)>,
    money: MoneyChecks,
    signed: BTreeMap<Place, Content>,
    submitted: BTreeMap<Ticket, TransactionId>,
    acknowledged: Vec<Acknowledged>,
    open: BTreeMap<Ticket, usize>,
    /// Transactions in decided blocks.
    pub transactions: usize,
    /// The highest round that an honest node has signed anything in.
    pub highest_round: u32,
    /// Keys of nodes that must not sign anything.
    followers: BTreeSet<PublicKey>,
    /// The latest time any clock shows when a world begins, with the drift that validators allow;
    /// `None` when a clock is wrong altogether.
    pub latest: Option<TimestampMs>,
}

impl Checks {
    /// Watches the network of `genesis`.
    ///
    /// # Panics
    /// When the genesis is no good.
    #[must_use]
    pub fn new(genesis: &Genesis) -> Checks {
        let table = Arc::new(MemoryTable::default());
        Checks {
            reference: Ledger::open(genesis, table).expect("a good genesis"),
            decided: BTreeMap::new(),
            money: MoneyChecks::default(),
            signed: BTreeMap::new(),
            submitted: BTreeMap::new(),
            acknowledged: Vec::new(),
            open: BTreeMap::new(),
            transactions: 0,
            highest_round: 0,
            followers: followers(genesis),
            latest: None,
        }
    }

    /// The highest height that any honest node has decided.
    #[must_use]
    pub fn tip(&self) -> Height {
        self.reference.head().height
    }

    /// Acknowledged transactions so far.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// What happened to money so far.
    #[must_use]
    pub fn moved(&self) -> Moved {
        self.money.moved
    }

    /// **Agreement**, **validity** and **conservation**: an honest node has committed a block,
    /// `time` milliseconds after the world began.
    ///
    /// # Errors
    /// The violation, in words.
    pub fn on_commit(
        &mut self,
        node: usize,
        decided: &DecidedBlock,
        layer: &Layer,
        time: u64,
    ) -> Result<(), String> {
        let height = decided.block.header.height;
        let (id, root) = (decided.block.id(), layer.head.state_root);
        if let Some(first) = self.decided.get(&height) {
            return match *first == (id, root) {
                true => Ok(()),
                false => Err(format!("agreement: node {node} has {id} at {height}, not {first:?}")),
            };
        }
        let block_time = decided.block.header.block_time;
        if self.latest.is_some_and(|latest| block_time > latest.plus_ms(time)) {
            return Err(format!("validity: block {height} is of {block_time}, in the future"));
        }
        let certificate = &decided.certificate;
        if let Err(error) =
            certificate.verify(self.reference.chain_id(), self.reference.validators())
        {
            return Err(format!("validity: the certificate of {height}: {error}"));
        }
        if certificate.block_id != id || certificate.height != height {
            return Err(format!("validity: the certificate of {height} is for another block"));
        }
        let outcome = self
            .reference
            .apply_block(&decided.block, &|_| None)
            .map_err(|error| format!("validity: node {node} has decided {height}: {error}"))?;
        let layer = self.reference.commit(outcome);
        self.money.on_layer(&layer)?;
        self.transactions += decided.block.bundles.len();
        self.decided.insert(height, (id, root));
        Ok(())
    }

    /// **No second signature**: an honest node sends this.
    ///
    /// # Errors
    /// The violation, in words.
    pub fn on_broadcast(&mut self, sender: PublicKey, bytes: &[u8]) -> Result<(), String> {
        let gossip = decode_gossip(bytes).map_err(|e| format!("an honest node sent junk: {e}"))?;
        let (place, content) = match gossip {
            Gossip::Vote(vote) if vote.validator == sender => {
                let kind = match vote.kind {
                    VoteKind::Prevote => 0,
                    VoteKind::Precommit => 1,
                };
                ((sender, vote.height, vote.round, kind), (vote.block_id, None))
            }
            Gossip::Proposal(p) if p.proposer == sender => {
                ((sender, p.height, p.round, 2), (Some(p.block_id), p.pol_round))
            }
            _ => return Ok(()),
        };
        self.highest_round = self.highest_round.max(place.2);
        if self.followers.contains(&sender) {
            return Err(format!("follower {sender} signs at {place:?}"));
        }
        let first = *self.signed.entry(place).or_insert(content);
        match first == content {
            true => Ok(()),
            false => Err(format!("second signature at {place:?}: {first:?}, now {content:?}")),
        }
    }

    /// Somebody submits a transaction at `node`.
    pub fn on_submit(&mut self, node: usize, ticket: Ticket, id: TransactionId) {
        self.submitted.insert(ticket, id);
        self.open.insert(ticket, node);
    }

    /// A node that crashes owes no answers.
    pub fn on_crash(&mut self, node: usize) {
        self.open.retain(|_, at| *at != node);
    }

    /// **Durability**: a node whose block log is synced up to `synced` answers.
    ///
    /// # Errors
    /// The violation, in words.
    pub fn on_answer(
        &mut self,
        node: usize,
        ticket: Ticket,
        result: &Result<Committed, NotCommitted>,
        synced: Height,
    ) -> Result<(), String> {
        if self.open.remove(&ticket).is_none() {
            return Err(format!("node {node} answers {ticket} twice, or unasked"));
        }
        let Ok(committed) = result else { return Ok(()) };
        let id = self.submitted.get(&ticket).copied();
        if id != Some(committed.receipt.transaction_id) {
            return Err(format!("node {node} answers {ticket} with another's receipt"));
        }
        if committed.height > synced {
            return Err(format!(
                "durability: node {node} acknowledges {} and is synced up to {synced}",
                committed.height
            ));
        }
        self.acknowledged.push((node, committed.receipt.transaction_id, committed.height));
        Ok(())
    }

    /// Submissions at nodes that have not crashed since and that have no answer.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.open.len()
    }

    /// **Nothing acknowledged is lost**, seen on the disks after everybody has crashed; and all
    /// logs hold the same blocks.
    ///
    /// # Errors
    /// The violation, in words.
    pub fn on_disks(&self, disks: &[(usize, BlockReader)]) -> Result<(), String> {
        let mut holds: BTreeMap<usize, BTreeMap<Height, BTreeSet<TransactionId>>> = BTreeMap::new();
        for (node, reader) in disks {
            let held = holds.entry(*node).or_default();
            for height in (1..=reader.tip().0).map(Height) {
                let decided = reader.read(height).map_err(|fault| fault.to_string())?;
                let Some(decided) = decided else {
                    return Err(format!("node {node} misses block {height} below its tip"));
                };
                let known = self.decided.get(&height);
                if known.is_some_and(|(id, _)| *id != decided.block.id()) {
                    return Err(format!("agreement: node {node} logged another block at {height}"));
                }
                let ids = decided.block.bundles.iter().map(|b| b.transaction.id());
                held.insert(height, ids.collect());
            }
        }
        for (node, id, height) in &self.acknowledged {
            let Some(held) = holds.get(node) else { continue };
            if !held.get(height).is_some_and(|ids| ids.contains(id)) {
                return Err(format!("lost: node {node} acknowledged {id} at {height}"));
            }
        }
        Ok(())
    }
}
