//! Reading through what a block has written so far, transaction by transaction.

use tracehold_chain::state::{Batch, StateTree, Table, TableError};

use crate::layer::Layers;

/// The state as a transaction sees it: its own writes, over its block's, over the layers that are
/// decided but not yet in the table, over the table.
pub struct Overlay<'a> {
    table: &'a dyn Table,
    layers: &'a Layers,
    tree: &'a StateTree,
    block: Batch,
    transaction: Batch,
    /// Bytes of values that the transaction has written, what it wrote over included.
    written: usize,
}

impl<'a> Overlay<'a> {
    /// The state before a block; `tree` is the tree over it.
    #[must_use]
    pub fn new(table: &'a dyn Table, layers: &'a Layers, tree: &'a StateTree) -> Overlay<'a> {
        let (block, transaction) = (Batch::new(), Batch::new());
        Overlay { table, layers, tree, block, transaction, written: 0 }
    }

    /// The value at `key` of the state. Most keys asked for are new, which the tree, being over
    /// everything decided, knows without a look into layers or table.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        if let Some(written) = self.transaction.get(key).or_else(|| self.block.get(key)) {
            return Ok(written.clone());
        }
        if !self.tree.contains(key) {
            return Ok(None);
        }
        match self.layers.get(key) {
            Some(written) => Ok(written.cloned()),
            None => self.table.get(key),
        }
    }

    /// Entries of the state; replaced by the money branch.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    pub fn range(
        &self,
        first: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<tracehold_chain::state::table::Pair>, TableError> {
        let mut found: std::collections::BTreeMap<Vec<u8>, Vec<u8>> =
            self.table.range(first, end, limit)?.into_iter().collect();
        let layers = self.layers.0.iter().map(|layer| &layer.writes);
        for batch in layers.chain([&self.block, &self.transaction]) {
            for (key, value) in batch.iter() {
                if key.as_slice() >= first && key.as_slice() < end {
                    match value {
                        Some(value) => found.insert(key.clone(), value.clone()),
                        None => found.remove(key),
                    };
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    /// Writes, for now only for this transaction.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.written = self.written.saturating_add(value.len());
        self.transaction.insert(key, Some(value));
    }

    /// Removes, for now only for this transaction.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.transaction.insert(key, None);
    }

    /// How many entries the transaction has written.
    #[must_use]
    pub fn touched(&self) -> usize {
        self.transaction.len()
    }

    /// How many bytes of values the transaction has written.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }

    /// How many entries the block has written with all transactions kept so far.
    #[must_use]
    pub fn block_touched(&self) -> usize {
        self.block.len()
    }

    /// Keeps what the transaction wrote.
    pub fn keep(&mut self) {
        // `append` would go through the whole block for each transaction.
        self.block.extend(std::mem::take(&mut self.transaction));
        self.written = 0;
    }

    /// Forgets what the transaction wrote.
    pub fn discard(&mut self) {
        self.transaction.clear();
        self.written = 0;
    }

    /// Everything the block wrote.
    #[must_use]
    pub fn into_writes(self) -> Batch {
        assert!(self.transaction.is_empty(), "every transaction is kept or discarded");
        self.block
    }
}

#[cfg(test)]
mod tests {
    use tracehold_chain::state::MemoryTable;

    use super::*;

    /// Promise: a transaction takes effect whole or not at all.
    #[test]
    fn a_discarded_transaction_leaves_no_trace() {
        let (table, layers) = (MemoryTable::default(), Layers::default());
        let tree = StateTree::new(0);
        let mut overlay = Overlay::new(&table, &layers, &tree);
        overlay.put(b"a".to_vec(), b"1".to_vec());
        overlay.keep();
        overlay.put(b"a".to_vec(), b"2".to_vec());
        overlay.put(b"b".to_vec(), b"2".to_vec());
        assert_eq!(overlay.get(b"a").unwrap(), Some(b"2".to_vec()));
        overlay.discard();
        overlay.remove(b"a".to_vec());
        assert_eq!(overlay.get(b"a").unwrap(), None);
        overlay.discard();
        assert_eq!(overlay.get(b"a").unwrap(), Some(b"1".to_vec()));
        assert_eq!(overlay.get(b"b").unwrap(), None);
        assert_eq!(overlay.into_writes(), Batch::from([(b"a".to_vec(), Some(b"1".to_vec()))]));
    }
}
