//! Blocks: an ordered list of transactions and the result of executing them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::digest::{Digest, Domain};
use crate::keys::PublicKey;
use crate::merkle;
use crate::transaction::Bundle;
use crate::units::{ChainId, Height, TimestampMs};

/// The format version that this code writes and reads.
pub const BLOCK_VERSION: u16 = 1;

/// The digest of a block's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockId(pub Digest);

impl std::fmt::Display for BlockId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What validators agree on: the transactions *and* the result of executing them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockHeader {
    /// [`BLOCK_VERSION`].
    pub version: u16,
    /// The network.
    pub chain_id: ChainId,
    /// Position in the history; the first block is 1.
    pub height: Height,
    /// The block below; for the first block the digest of the genesis record.
    pub previous_block_id: BlockId,
    /// Later than the previous block's, and near the proposer's clock when first proposed.
    pub block_time: TimestampMs,
    /// The validator that built this block.
    pub proposer: PublicKey,
    /// Digest of the validator set that decides this block.
    pub validators: Digest,
    /// Digest of the set that decides the next one.
    pub next_validators: Digest,
    /// RFC 6962 root over [`crate::transaction::Transaction::leaf`] of each transaction.
    pub transactions_root: Digest,
    /// RFC 6962 root over the digests of the receipts: one for what was due when the block began,
    /// if anything was, then one for each transaction.
    pub receipts_root: Digest,
    /// Root of the authenticated state after this block.
    pub state_root: Digest,
}

impl BlockHeader {
    /// The digest of this header: the block's id.
    #[must_use]
    pub fn id(&self) -> BlockId {
        BlockId(Digest::of(Domain::BlockHeader, &codec::encode(self)))
    }
}

/// A header and its transactions with their event bodies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What is agreed on.
    pub header: BlockHeader,
    /// The transactions, in the order they are executed.
    pub bundles: Vec<Arc<Bundle>>,
}

impl Block {
    /// The header's digest.
    #[must_use]
    pub fn id(&self) -> BlockId {
        self.header.id()
    }

    /// The root that the header must carry for `bundles`.
    #[must_use]
    pub fn transactions_root(bundles: &[Arc<Bundle>]) -> Digest {
        let leaves: Vec<Digest> = bundles.iter().map(|b| b.transaction.leaf()).collect();
        merkle::root(&leaves)
    }
}
