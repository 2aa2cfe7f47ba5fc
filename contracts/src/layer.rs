//! What a decided block writes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracehold_chain::block::{BlockHeader, BlockId};
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::query::terms::Findable;
use tracehold_chain::state::{Batch, Position};
use tracehold_chain::units::{Height, TimestampMs};

use crate::receipt::{Effects, Receipt};

/// How far a ledger has come. Noted in the table in the same batch as what it speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last decided height.
    pub height: Height,
    /// Its block; at height 0 the digest of the genesis record.
    pub block_id: BlockId,
    /// Its block time; at height 0 when the network was created.
    pub block_time: TimestampMs,
    /// The root of the state after it.
    pub state_root: Digest,
}

/// Everything one block writes to the table: state, history indexes, notes and the new [`Head`].
#[derive(Debug)]
pub struct Layer {
    /// The head after this block.
    pub head: Head,
    /// The block's header.
    pub header: BlockHeader,
    /// Keys and values; `None` removes.
    pub writes: Batch,
    /// What was due when the block began.
    pub due: Effects,
    /// What became of each transaction, in order.
    pub receipts: Vec<Receipt>,
    /// How many events were recorded.
    pub events: usize,
    /// Where each of them stands, and under which terms it is found.
    pub found: Vec<(Position, Arc<Findable>)>,
}

/// Layers that are decided and not yet in the table, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Layers(pub Vec<Arc<Layer>>);

impl Layers {
    /// What the newest layer that speaks of `key` says: `Some(None)` when it removed it.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Option<&Vec<u8>>> {
        self.0.iter().rev().find_map(|layer| layer.writes.get(key)).map(Option::as_ref)
    }
}
