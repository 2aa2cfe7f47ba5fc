//! Transactions that were read lately.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tracehold_chain::block::BlockId;
use tracehold_chain::transaction::Bundle;
use tracehold_chain::units::{Height, TimestampMs};

/// A transaction as the block log has it, with what its block says of it.
#[derive(Debug)]
pub struct StoredBundle {
    /// The transaction and its event bodies.
    pub bundle: Arc<Bundle>,
    /// The block's id.
    pub block_id: BlockId,
    /// The block's time.
    pub block_time: TimestampMs,
}

/// Bytes counted for a transaction beside its events' texts, and for each event.
const OVERHEAD_BYTES: usize = 512;

impl StoredBundle {
    /// About how much memory it takes.
    fn weight(&self) -> usize {
        let texts: usize = self.bundle.events.iter().map(|e| e.text_bytes() + OVERHEAD_BYTES).sum();
        texts + OVERHEAD_BYTES
    }
}

type Key = (Height, u32);

/// The transactions read last, up to a number of bytes.
pub(super) struct BundleCache {
    most_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    bundles: BTreeMap<Key, (Arc<StoredBundle>, u64)>,
    /// By when they were last used.
    used: BTreeMap<u64, Key>,
    clock: u64,
    bytes: usize,
}

impl BundleCache {
    pub fn new(most_bytes: usize) -> BundleCache {
        BundleCache { most_bytes, kept: Mutex::default() }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().expect("nobody panics while holding the lock")
    }

    pub fn get(&self, key: Key) -> Option<Arc<StoredBundle>> {
        let mut kept = self.kept();
        let kept = &mut *kept;
        let (found, used) = kept.bundles.get_mut(&key)?;
        kept.used.remove(used);
        kept.clock += 1;
        *used = kept.clock;
        kept.used.insert(kept.clock, key);
        Some(Arc::clone(found))
    }

    pub fn insert(&self, key: Key, bundle: Arc<StoredBundle>) {
        let mut kept = self.kept();
        let kept = &mut *kept;
        kept.clock += 1;
        kept.bytes += bundle.weight();
        if let Some((old, used)) = kept.bundles.insert(key, (bundle, kept.clock)) {
            kept.bytes -= old.weight();
            kept.used.remove(&used);
        }
        kept.used.insert(kept.clock, key);
        while kept.bytes > self.most_bytes
            && let Some((_, oldest)) = kept.used.pop_first()
            && let Some((old, _)) = kept.bundles.remove(&oldest)
        {
            kept.bytes -= old.weight();
        }
    }
}

#[cfg(test)]
mod tests {
    use tracehold_chain::digest::Digest;
    use tracehold_chain::keys::Signature;
    use tracehold_chain::transaction::{Nonce, Transaction, TransactionBody};
    use tracehold_chain::units::ChainId;

    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let body = TransactionBody {
            chain_id: ChainId::new("cache").unwrap(),
            sender: "a/b".parse().unwrap(),
            nonce: Nonce([0; 16]),
            expires_at: TimestampMs(0),
            commands: Vec::new(),
        };
        let transaction = Transaction { body, signature: Signature([0; 64]) };
        let bundle = Arc::new(Bundle { transaction, events: Vec::new() });
        let (block_id, block_time) = (BlockId(Digest([0; 32])), TimestampMs(0));
        let stored = Arc::new(StoredBundle { bundle, block_id, block_time });
        let cache = BundleCache::new(3 * stored.weight());
        let key = |n| (Height(n), 0);
        for n in 1..=3 {
            cache.insert(key(n), stored.clone());
        }
        assert!(cache.get(key(1)).is_some());
        cache.insert(key(4), stored.clone());
        cache.insert(key(4), stored.clone());
        let left = (1..=4).filter(|n| cache.get(key(*n)).is_some()).collect::<Vec<_>>();
        assert_eq!(left, [1, 3, 4]);
        let kept = cache.kept();
        assert_eq!((kept.bytes, kept.used.len()), (3 * stored.weight(), 3));
    }
}
