//! The append-only log that every item has: which events name it, in the order they were
//! committed.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::digest::{Digest, Domain};
use crate::units::Height;

/// How an event names an item. One event is one entry in an item's log, under the first of these
/// that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ItemRole {
    /// What the event is about.
    Subject,
    /// What others are packed in, aggregated to or associated with.
    Parent,
    /// What is packed in, aggregated to or associated with a parent.
    Child,
    /// What a transformation used up.
    Input,
    /// What a transformation made.
    Output,
}

/// One entry of an item's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemLeaf {
    /// How the event names the item.
    pub role: ItemRole,
    /// The event.
    pub event: Digest,
    /// The block that recorded it.
    pub height: Height,
}

impl ItemLeaf {
    /// The leaf of the item's Merkle log.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::ItemLogLeaf, &codec::encode(self))
    }
}
