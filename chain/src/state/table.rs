//! The seam to where keys and values are kept.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::RwLock;

/// This machine could not read or write its table. Not the sender's fault: the node stops.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table failed: {0}")]
pub struct TableError(pub String);

/// Writes that take effect together: the value, or `None` to remove the key.
pub type Batch = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Ordered keys and values: sled in production, [`MemoryTable`] in simulation.
pub trait Table: Send + Sync {
    /// The value at `key`.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError>;

    /// At most `limit` pairs with `from <= key < to`, in ascending order.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, TableError>;

    /// As [`Table::range`], from the end backwards.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, TableError>;

    /// Writes all of `batches` or, after a crash, nothing of them. What a later one says of a key
    /// wins.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot write.
    fn apply_all(&self, batches: &[&Batch]) -> Result<(), TableError>;

    /// As [`Table::apply_all`], for one batch.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot write.
    fn apply(&self, batch: &Batch) -> Result<(), TableError> {
        self.apply_all(&[batch])
    }
}

/// A table in memory.
#[derive(Debug, Default)]
pub struct MemoryTable(RwLock<BTreeMap<Vec<u8>, Vec<u8>>>);

impl MemoryTable {
    /// A copy of everything, as a crash would leave it.
    #[must_use]
    pub fn snapshot(&self) -> MemoryTable {
        MemoryTable(RwLock::new(self.read().clone()))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.0.read().expect("no writer panics while it holds the lock")
    }
}

type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

fn bounds<'a>(from: &'a [u8], to: &'a [u8]) -> Option<Bounds<'a>> {
    // `BTreeMap::range` panics on a reversed range; an empty answer is what is meant.
    (from < to).then_some((Bound::Included(from), Bound::Excluded(to)))
}

impl Table for MemoryTable {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        Ok(self.read().get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, TableError> {
        let Some(bounds) = bounds(from, to) else { return Ok(Vec::new()) };
        let map = self.read();
        let pairs = map.range::<[u8], _>(bounds).take(limit);
        Ok(pairs.map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, TableError> {
        let Some(bounds) = bounds(from, to) else { return Ok(Vec::new()) };
        let map = self.read();
        let pairs = map.range::<[u8], _>(bounds).rev().take(limit);
        Ok(pairs.map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    fn apply_all(&self, batches: &[&Batch]) -> Result<(), TableError> {
        let mut map = self.0.write().expect("no writer panics while it holds the lock");
        for (key, value) in batches.iter().copied().flatten() {
            match value {
                Some(value) => map.insert(key.clone(), value.clone()),
                None => map.remove(key),
            };
        }
        Ok(())
    }
}
