//! Reading the table with the layers that are not in it yet.

use std::collections::BTreeMap;

use tracehold_chain::state::table::{Pair, Table, TableError};
use tracehold_contracts::layer::Layers;

/// Which end of a range to begin at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// In the order of commitment.
    OldestFirst,
    /// The other way round.
    NewestFirst,
}

/// The value at `key`.
pub(super) fn get(
    layers: &Layers,
    table: &dyn Table,
    key: &[u8],
) -> Result<Option<Vec<u8>>, TableError> {
    match layers.get(key) {
        Some(written) => Ok(written.cloned()),
        None => table.get(key),
    }
}

/// At most `limit` pairs with `from <= key < to`, from the wanted end on.
pub(super) fn range(
    layers: &Layers,
    table: &dyn Table,
    (from, to): (&[u8], &[u8]),
    limit: usize,
    order: Order,
) -> Result<Vec<Pair>, TableError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let mut written: BTreeMap<&[u8], Option<&Vec<u8>>> = BTreeMap::new();
    for layer in &layers.0 {
        let bounds = (std::ops::Bound::Included(from), std::ops::Bound::Excluded(to));
        for (key, value) in layer.writes.range::<[u8], _>(bounds) {
            written.insert(key, value.as_ref());
        }
    }
    // As many more as the layers may take away again.
    let removed = written.values().filter(|value| value.is_none()).count();
    let page = limit.saturating_add(removed);
    let stored = match order {
        Order::OldestFirst => table.range(from, to, page)?,
        Order::NewestFirst => table.range_back(from, to, page)?,
    };
    let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = stored.into_iter().collect();
    for (key, value) in written {
        match value {
            Some(value) => merged.insert(key.to_vec(), value.clone()),
            None => merged.remove(key),
        };
    }
    Ok(match order {
        Order::OldestFirst => merged.into_iter().take(limit).collect(),
        Order::NewestFirst => merged.into_iter().rev().take(limit).collect(),
    })
}
