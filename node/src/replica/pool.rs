//! Transactions that wait: submitted here or gossiped by peers, until a block has them or their
//! time is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracehold_chain::codec;
use tracehold_chain::consensus::message::Gossip;
use tracehold_chain::mempool::{Mempool, MempoolError, MempoolLimits};
use tracehold_chain::transaction::{Bundle, TransactionId};
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::{Admitted, Layer, Rejection, RejectionCode};

use super::{Committed, Effect, NotCommitted, Replica, Ticket, TimerId, Topic};

/// How often waiting transactions are looked after.
pub(super) const POOL_TICK_MS: u64 = 1_000;

/// A transaction submitted here is gossiped again when it still waits after this long.
const GOSSIP_AGAIN_MS: u64 = 3_000;

/// Transactions gossiped again at one tick.
const MAX_GOSSIPED_AGAIN: usize = 16;

/// Submissions of the same transaction that wait for its outcome.
const MAX_TICKETS: usize = 16;

/// What waits and who waits for it.
pub(super) struct Pool {
    mempool: Mempool<Arc<Admitted>>,
    entries: BTreeMap<TransactionId, Entry>,
}

struct Entry {
    admitted: Arc<Admitted>,
    /// Who submitted it here.
    tickets: Vec<Ticket>,
    /// When it was last gossiped by this node; `None` when it came from a peer.
    gossiped_at: Option<TimestampMs>,
}

impl Pool {
    pub(super) fn new(limits: MempoolLimits) -> Pool {
        Pool { mempool: Mempool::new(limits), entries: BTreeMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.mempool.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.mempool.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.mempool.bytes()
    }

    /// What waits, in the order in which a block takes it.
    pub(super) fn in_turn(&self, turn: u64) -> impl Iterator<Item = Arc<Admitted>> + '_ {
        self.mempool.in_turn(turn)
    }

    /// The transaction as it was admitted, so that blocks need not admit it again.
    pub(super) fn known(&self, id: &TransactionId) -> Option<Arc<Admitted>> {
        self.entries.get(id).map(|entry| entry.admitted.clone())
    }

    fn insert(
        &mut self,
        admitted: Admitted,
        ticket: Option<Ticket>,
        gossiped_at: Option<TimestampMs>,
    ) -> Result<(), MempoolError> {
        let admitted = Arc::new(admitted);
        let (id, expires_at) = (admitted.id, admitted.expires_at());
        self.mempool.insert(&admitted.member, id, admitted.bytes, expires_at, admitted.clone())?;
        let tickets = ticket.into_iter().collect();
        self.entries.insert(id, Entry { admitted, tickets, gossiped_at });
        Ok(())
    }
}

impl Replica {
    /// Somebody on this node submits a transaction.
    pub(super) fn on_submit(&mut self, ticket: Ticket, bundle: Arc<Bundle>) {
        if let Err(error) = self.try_submit(ticket, bundle) {
            self.outbox.push(Effect::Answer { ticket, result: Err(error) });
        }
    }

    fn try_submit(&mut self, ticket: Ticket, bundle: Arc<Bundle>) -> Result<(), NotCommitted> {
        if let Some(entry) = self.pool.entries.get_mut(&bundle.transaction.id()) {
            if entry.tickets.len() >= MAX_TICKETS {
                return Err(MempoolError::Known.into());
            }
            entry.tickets.push(ticket);
            return Ok(());
        }
        let admitted =
            self.ledger.admit(bundle.clone(), self.now).map_err(NotCommitted::Rejected)?;
        self.pool.insert(admitted, Some(ticket), Some(self.now))?;
        self.gossip_transaction(bundle);
        self.pace();
        Ok(())
    }

    /// A peer passes a transaction on.
    pub(super) fn on_transaction(&mut self, bundle: Arc<Bundle>) {
        let id = bundle.transaction.id();
        if self.pool.entries.contains_key(&id) || self.ledger.is_recorded(&id) {
            return;
        }
        // What is refused here was refused or will be by the node it was submitted to.
        let Ok(admitted) = self.ledger.admit(bundle, self.now) else { return };
        if self.pool.insert(admitted, None, None).is_ok() {
            self.pace();
        }
    }

    fn gossip_transaction(&mut self, bundle: Arc<Bundle>) {
        let bytes = codec::encode(&Gossip::Transaction(bundle)).into();
        self.outbox.push(Effect::Broadcast { topic: Topic::Transactions, bytes });
    }

    /// Gossips again what was submitted here and still waits: messages are lost, peers restart.
    pub(super) fn on_pool_timer(&mut self) {
        let now = self.now;
        let late = |entry: &&mut Entry| {
            entry.gossiped_at.is_some_and(|at| now.since_ms(at) >= GOSSIP_AGAIN_MS)
        };
        let mut again = Vec::new();
        for entry in self.pool.entries.values_mut().filter(late).take(MAX_GOSSIPED_AGAIN) {
            entry.gossiped_at = Some(now);
            again.push(entry.admitted.bundle.clone());
        }
        for bundle in again {
            self.gossip_transaction(bundle);
        }
        self.outbox.push(Effect::SetTimer { id: TimerId::Pool, after_ms: POOL_TICK_MS });
    }

    /// Answers for the transactions of a committed block, and for those that can no longer be
    /// committed after it.
    pub(super) fn settle_pool(&mut self, layer: &Layer) {
        let height = layer.head.height;
        let mut gone = BTreeSet::new();
        for receipt in &layer.receipts {
            let Some(entry) = self.pool.entries.remove(&receipt.transaction_id) else { continue };
            gone.insert(receipt.transaction_id);
            for ticket in entry.tickets {
                let result = Ok(Committed { height, receipt: receipt.clone() });
                self.outbox.push(Effect::Answer { ticket, result });
            }
        }
        self.pool.mempool.remove(&gone);
        for (id, admitted) in self.pool.mempool.expire(layer.head.block_time) {
            let Some(entry) = self.pool.entries.remove(&id) else { continue };
            let subject = admitted.expires_at().to_string();
            let rejection = Rejection::new(RejectionCode::Expired, subject);
            for ticket in entry.tickets {
                let result = Err(NotCommitted::Rejected(rejection.clone()));
                self.outbox.push(Effect::Answer { ticket, result });
            }
        }
    }
}
