//! Reading through what a block has written so far, transaction by transaction.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::de::DeserializeOwned;
use tracehold_chain::codec;
use tracehold_chain::state::{Batch, Pair, StateTree, Table, TableError};

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
        self.before(key)
    }

    /// Whether there is a value at `key` of the state. Never reads the table.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        let written = self.transaction.get(key).or_else(|| self.block.get(key));
        written.map_or_else(|| self.tree.contains(key), Option::is_some)
    }

    /// The record at `key` of the state, if it is one that [`codec::pack`] wrote.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read, or what it reads is damaged.
    pub fn record<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, TableError> {
        let bytes = self.get(key)?;
        bytes.map(|bytes| codec::unpack(&bytes).map_err(|error| damaged(&error))).transpose()
    }

    /// The value at `key` before the block.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    pub fn before(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        if !self.tree.contains(key) {
            return Ok(None);
        }
        match self.layers.get(key) {
            Some(written) => Ok(written.cloned()),
            None => self.table.get(key),
        }
    }

    /// At most `limit` entries of the state with `first <= key < end`, in ascending order. Always
    /// reads the table: the tree knows single keys only.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    pub fn range(&self, first: &[u8], end: &[u8], limit: usize) -> Result<Vec<Pair>, TableError> {
        if first >= end {
            return Ok(Vec::new());
        }
        let bounds = (Bound::Included(first), Bound::Excluded(end));
        let layers = self.layers.0.iter().map(|layer| &layer.writes);
        let mut written: BTreeMap<&[u8], Option<&[u8]>> = BTreeMap::new();
        for batch in layers.chain([&self.block, &self.transaction]) {
            let newer = batch.range::<[u8], _>(bounds);
            written.extend(newer.map(|(key, value)| (key.as_slice(), value.as_deref())));
        }
        // As many more as may be removed: then what is left of the page is enough.
        let removed = written.values().filter(|value| value.is_none()).count();
        let mut found: BTreeMap<Vec<u8>, Vec<u8>> =
            self.table.range(first, end, limit.saturating_add(removed))?.into_iter().collect();
        for (key, value) in written {
            match value {
                Some(value) => found.insert(key.to_vec(), value.to_vec()),
                None => found.remove(key),
            };
        }
        Ok(found.into_iter().take(limit).collect())
    }

    /// What the block has written, with the transactions kept so far, of `first <= key < end`.
    pub fn block_writes(
        &self,
        first: &[u8],
        end: &[u8],
    ) -> impl Iterator<Item = (&Vec<u8>, Option<&Vec<u8>>)> {
        let bounds = (Bound::Included(first), Bound::Excluded(end));
        self.block.range::<[u8], _>(bounds).map(|(key, value)| (key, value.as_ref()))
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

fn damaged(error: &codec::CodecError) -> TableError {
    TableError(format!("a record of the state is damaged: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracehold_chain::block::{BLOCK_VERSION, BlockHeader, BlockId};
    use tracehold_chain::digest::Digest;
    use tracehold_chain::keys::{SecretKey, Signer};
    use tracehold_chain::state::MemoryTable;
    use tracehold_chain::units::{ChainId, Height, TimestampMs};

    use super::*;
    use crate::layer::{Head, Layer};
    use crate::receipt::Effects;

    fn batch(writes: &[(&str, Option<&str>)]) -> Batch {
        let bytes = |text: &str| text.as_bytes().to_vec();
        writes.iter().map(|(key, value)| (bytes(key), value.map(bytes))).collect()
    }

    fn layer(writes: &[(&str, Option<&str>)]) -> Arc<Layer> {
        let digest = Digest::default();
        let (height, block_time) = (Height(1), TimestampMs(1));
        let head = Head { height, block_id: BlockId(digest), block_time, state_root: digest };
        let header = BlockHeader {
            version: BLOCK_VERSION,
            chain_id: ChainId::new("test").unwrap(),
            height,
            previous_block_id: BlockId(digest),
            block_time,
            proposer: SecretKey::from_seed(&[1; 32]).public_key(),
            validators: digest,
            next_validators: digest,
            transactions_root: digest,
            receipts_root: digest,
            state_root: digest,
        };
        let (due, receipts) = (Effects::default(), Vec::new());
        Arc::new(Layer {
            head,
            header,
            writes: batch(writes),
            due,
            receipts,
            events: 0,
            found: Vec::new(),
        })
    }

    /// Promise: what a transaction sees of a range is what it would see key by key.
    #[test]
    fn a_range_sees_transaction_block_layers_and_table() {
        let table = MemoryTable::default();
        let old = ["a", "b", "c", "d", "e", "z"].map(|key| (key, Some("table")));
        table.apply(&batch(&old)).unwrap();
        let layers = Layers(vec![
            layer(&[("a", None), ("b", Some("old layer")), ("f", Some("old layer"))]),
            layer(&[("b", Some("layer")), ("f", None)]),
        ]);
        let tree = StateTree::new(0);
        let mut overlay = Overlay::new(&table, &layers, &tree);
        overlay.put(b"c".to_vec(), b"block".to_vec());
        overlay.put(b"g".to_vec(), b"block".to_vec());
        overlay.keep();
        overlay.remove(b"d".to_vec());
        overlay.put(b"g".to_vec(), b"transaction".to_vec());
        let range = |first: &str, end: &str, limit| {
            let found = overlay.range(first.as_bytes(), end.as_bytes(), limit).unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            found.into_iter().map(|(k, v)| format!("{} {}", text(k), text(v))).collect::<Vec<_>>()
        };
        let all = ["b layer", "c block", "e table", "g transaction"];
        assert_eq!(range("a", "h", 9), all);
        assert_eq!(range("a", "h", 2), all[..2]);
        assert_eq!(range("d", "f", 1), ["e table"]);
        assert!(range("h", "a", 9).is_empty());
    }

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
