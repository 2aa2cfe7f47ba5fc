//! What waits to be committed: bounded, and fair between members.
//!
//! Each member has a lane. Proposers take one transaction from each lane in turn, so a member that
//! sends much delays itself and not the others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::transaction::TransactionId;
use crate::units::{MemberId, TimestampMs};

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct MempoolLimits {
    /// Encoded bytes of all transactions together.
    pub bytes: usize,
    /// Transactions of all members together.
    pub transactions: usize,
    /// Encoded bytes of one member's transactions.
    pub lane_bytes: usize,
}

impl Default for MempoolLimits {
    /// 64 MiB and 20,000 transactions; a quarter of the bytes for one member.
    fn default() -> MempoolLimits {
        const MIB: usize = 1024 * 1024;
        MempoolLimits { bytes: 64 * MIB, transactions: 20_000, lane_bytes: 16 * MIB }
    }
}

/// Why a transaction does not wait here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MempoolError {
    /// It waits already.
    #[error("the transaction is waiting already")]
    Known,
    /// All places are taken.
    #[error("too many transactions are waiting: send it again in a moment")]
    Full,
    /// The member's own places are taken.
    #[error("too many transactions of this member are waiting: send it again in a moment")]
    LaneFull,
}

/// One transaction that waits; `T` is whatever its owner keeps with it.
#[derive(Debug)]
struct Waiting<T> {
    id: TransactionId,
    bytes: usize,
    expires_at: TimestampMs,
    payload: T,
}

#[derive(Debug)]
struct Lane<T> {
    bytes: usize,
    waiting: VecDeque<Waiting<T>>,
}

/// Transactions that wait, in lanes.
#[derive(Debug)]
pub struct Mempool<T> {
    limits: MempoolLimits,
    bytes: usize,
    ids: BTreeSet<TransactionId>,
    lanes: BTreeMap<MemberId, Lane<T>>,
}

impl<T: Clone> Mempool<T> {
    /// An empty mempool.
    #[must_use]
    pub fn new(limits: MempoolLimits) -> Mempool<T> {
        Mempool { limits, bytes: 0, ids: BTreeSet::new(), lanes: BTreeMap::new() }
    }

    /// How many transactions wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Encoded bytes of all that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether this transaction waits.
    #[must_use]
    pub fn contains(&self, id: &TransactionId) -> bool {
        self.ids.contains(id)
    }

    /// Lets a transaction of `bytes` encoded bytes wait in its member's lane.
    ///
    /// # Errors
    /// [`MempoolError`] when it waits already or there is no room.
    pub fn insert(
        &mut self,
        member: &MemberId,
        id: TransactionId,
        bytes: usize,
        expires_at: TimestampMs,
        payload: T,
    ) -> Result<(), MempoolError> {
        if self.ids.contains(&id) {
            return Err(MempoolError::Known);
        }
        let limits = self.limits;
        if self.ids.len() >= limits.transactions || self.bytes.saturating_add(bytes) > limits.bytes
        {
            return Err(MempoolError::Full);
        }
        let lane_bytes = self.lanes.get(member).map_or(0, |lane| lane.bytes);
        if lane_bytes.saturating_add(bytes) > limits.lane_bytes {
            return Err(MempoolError::LaneFull);
        }
        let lane = self
            .lanes
            .entry(member.clone())
            .or_insert_with(|| Lane { bytes: 0, waiting: VecDeque::new() });
        lane.bytes = lane.bytes.saturating_add(bytes);
        lane.waiting.push_back(Waiting { id, bytes, expires_at, payload });
        self.bytes = self.bytes.saturating_add(bytes);
        self.ids.insert(id);
        Ok(())
    }

    /// Takes out the transactions with these ids.
    pub fn remove(&mut self, ids: &BTreeSet<TransactionId>) {
        if ids.iter().any(|id| self.ids.contains(id)) {
            self.take_out(|waiting| ids.contains(&waiting.id));
        }
    }

    /// Takes out and returns those that can no longer be committed at `block_time`.
    pub fn expire(&mut self, block_time: TimestampMs) -> Vec<(TransactionId, T)> {
        self.take_out(|waiting| waiting.expires_at < block_time)
    }

    fn take_out(&mut self, leaves: impl Fn(&Waiting<T>) -> bool) -> Vec<(TransactionId, T)> {
        let mut gone = Vec::new();
        for lane in self.lanes.values_mut() {
            let waiting = std::mem::take(&mut lane.waiting);
            for waiting in waiting {
                if leaves(&waiting) {
                    lane.bytes = lane.bytes.saturating_sub(waiting.bytes);
                    self.bytes = self.bytes.saturating_sub(waiting.bytes);
                    self.ids.remove(&waiting.id);
                    gone.push((waiting.id, waiting.payload));
                } else {
                    lane.waiting.push_back(waiting);
                }
            }
        }
        self.lanes.retain(|_, lane| !lane.waiting.is_empty());
        gone
    }

    /// All that wait, one from each lane in turn, oldest first within a lane. `turn` says which
    /// lane begins, so that no name is favoured: pass the height.
    pub fn in_turn(&self, turn: u64) -> impl Iterator<Item = T> + '_ {
        let lanes: Vec<&Lane<T>> = self.lanes.values().collect();
        let count = u64::try_from(lanes.len()).unwrap_or(u64::MAX).max(1);
        let first = usize::try_from(turn % count).unwrap_or(0);
        let longest = lanes.iter().map(|lane| lane.waiting.len()).max().unwrap_or(0);
        (0..longest).flat_map(move |depth| {
            let row: Vec<T> = (0..lanes.len())
                .filter_map(|offset| {
                    let lane = lanes[first.wrapping_add(offset) % lanes.len()];
                    lane.waiting.get(depth).map(|waiting| waiting.payload.clone())
                })
                .collect();
            row.into_iter()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Digest, Domain};

    fn id(n: u8) -> TransactionId {
        TransactionId(Digest::of(Domain::Transaction, &[n]))
    }

    fn pool() -> Mempool<u8> {
        Mempool::new(MempoolLimits { bytes: 100, transactions: 8, lane_bytes: 60 })
    }

    fn put(pool: &mut Mempool<u8>, member: &str, n: u8, bytes: usize) -> Result<(), MempoolError> {
        let expires_at = TimestampMs(n.into());
        pool.insert(&MemberId::new(member).unwrap(), id(n), bytes, expires_at, n)
    }

    #[test]
    fn lanes_take_turns() {
        let mut pool = pool();
        for n in 0..4 {
            put(&mut pool, "busy", n, 10).unwrap();
        }
        put(&mut pool, "quiet", 9, 10).unwrap();
        assert_eq!(pool.in_turn(0).collect::<Vec<_>>(), [0, 9, 1, 2, 3]);
        assert_eq!(pool.in_turn(1).collect::<Vec<_>>(), [9, 0, 1, 2, 3]);
    }

    #[test]
    fn places_are_limited_in_all_and_for_one_member() {
        let mut pool = pool();
        put(&mut pool, "a", 1, 60).unwrap();
        assert_eq!(put(&mut pool, "a", 1, 1), Err(MempoolError::Known));
        assert_eq!(put(&mut pool, "a", 2, 1), Err(MempoolError::LaneFull));
        put(&mut pool, "b", 3, 40).unwrap();
        assert_eq!(put(&mut pool, "c", 4, 1), Err(MempoolError::Full));
        pool.remove(&BTreeSet::from([id(1)]));
        assert_eq!((pool.len(), pool.bytes()), (1, 40));
        put(&mut pool, "a", 2, 60).unwrap();
        assert_eq!(pool.expire(TimestampMs(3)), [(id(2), 2)]);
        assert_eq!((pool.len(), pool.bytes()), (1, 40));
    }
}
