//! The append-only log that every item has: which events name it, in the order they were
//! committed.
//!
//! A leaf says what somebody who checks an item's history must know without understanding the
//! event: who recorded it and when, whether the recorder's word counted, and where the history
//! goes on: in which container, in which other items.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::digest::{Digest, Domain, Hasher};
use crate::merkle::Frontier;
use crate::state::key::Position;
use crate::units::{MemberId, TimestampMs};

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

/// Where an event leads from an item. Names are the digests by which the state files canonical
/// identifiers ([`crate::state::key::name_digest`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Leads {
    /// Nowhere else.
    Nowhere,
    /// It is packed in a parent.
    Into {
        /// The parent.
        parent: Digest,
        /// Whether it is then in no other: a single thing, not some of a lot.
        moves: bool,
    },
    /// It is taken out of a parent.
    OutOf {
        /// The parent.
        parent: Digest,
        /// Whether nothing of it stays inside.
        whole: bool,
    },
    /// It is a parent, and everything is taken out of it.
    Emptied,
    /// It is a parent, and something is packed in it or taken out: what else is inside is not
    /// concerned.
    Packing,
    /// It is a single thing, and ends.
    Ended,
    /// A transformation made it.
    Made {
        /// [`inputs_digest`] of what the event says was used up and has a log.
        inputs: Digest,
        /// Whether other events of the same process may say more of what was used up.
        joined: bool,
    },
    /// The event at this position, which is in this log too, is declared in error.
    Voids(Position),
}

/// One entry of an item's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemLeaf {
    /// Where the event stands in the history.
    pub position: Position,
    /// The event digest.
    pub event: Digest,
    /// How the event names the item.
    pub role: ItemRole,
    /// When it happened, as the event says.
    pub happened: TimestampMs,
    /// The time of the block that recorded it.
    pub recorded_at: TimestampMs,
    /// The member that vouches for it.
    pub recorder: MemberId,
    /// Whether the recorder had standing, as seen when it was recorded: `false` for a claim, which
    /// is shown and changes nothing.
    pub counts: bool,
    /// Where it leads.
    pub leads: Leads,
}

impl ItemLeaf {
    /// The leaf of the item's Merkle log.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::ItemLogLeaf, &codec::encode(self))
    }

    /// Where it stands in the story: by when it happened, at the latest when it was recorded, and
    /// of what happened at one time by when it was committed.
    #[must_use]
    pub fn mark(&self) -> (TimestampMs, Position) {
        (self.happened.min(self.recorded_at), self.position)
    }
}

/// The digest of the canonical identifiers of what a transformation used up, in the order in which
/// the event's items are recorded.
#[must_use]
pub fn inputs_digest(inputs: &[&str]) -> Digest {
    Digest::of(Domain::ItemInputs, &codec::encode(&inputs))
}

/// The beginning of an item's record in the state: its canonical identifier and its log. What
/// follows in the record (its present state, its newest steps) stands under the root as a digest of
/// its own, so that the log can be proved without showing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemHead {
    /// The canonical identifier.
    pub uri: String,
    /// The log: RFC 6962 over the digests of [`ItemLeaf`].
    pub log: Frontier,
}

impl ItemHead {
    /// The digest that stands for an item's record in the state tree, given the digest of what
    /// follows the head in it.
    #[must_use]
    pub fn value_digest(&self, rest: &Digest) -> Digest {
        split_digest(&codec::pack(self), rest)
    }
}

/// The digest of what follows the head in an item's record.
#[must_use]
pub fn rest_digest(record: &[u8]) -> Digest {
    Digest::of(Domain::StateValue, record.get(head_bytes(record)..).unwrap_or_default())
}

/// The digest that stands for an item's record in the state tree.
#[must_use]
pub fn record_digest(record: &[u8]) -> Digest {
    split_digest(record.get(..head_bytes(record)).unwrap_or(record), &rest_digest(record))
}

fn split_digest(head: &[u8], rest: &Digest) -> Digest {
    let length = u64::try_from(head.len()).unwrap_or(u64::MAX);
    let hasher = Hasher::new(Domain::ItemRecord).chain(&length.to_le_bytes());
    hasher.chain(head).chain(rest.as_bytes()).finish()
}

/// How many bytes of a record are its [`ItemHead`], packed. Reads lengths only, because every
/// record that a block writes comes by here; a value that is no record is all head.
fn head_bytes(record: &[u8]) -> usize {
    let mut at = 0;
    let head = skip_text(record, &mut at)
        .and_then(|()| length(record, &mut at))
        .and_then(|_count| length(record, &mut at))
        .and_then(|peaks| peaks.checked_mul(size_of::<Digest>())?.checked_add(at))
        .filter(|end| *end <= record.len());
    head.unwrap_or(record.len())
}

fn skip_text(record: &[u8], at: &mut usize) -> Option<()> {
    *at = length(record, at)?.checked_add(*at)?;
    Some(())
}

/// An integer as [`codec::pack`] writes it: below 251 as one byte, else a mark and 2, 4 or 8 bytes.
fn length(record: &[u8], at: &mut usize) -> Option<usize> {
    let first = *record.get(*at)?;
    *at = at.checked_add(1)?;
    let bytes = match first {
        0..=250 => return Some(first.into()),
        251 => 2,
        252 => 4,
        253 => 8,
        _ => return None,
    };
    let end = at.checked_add(bytes)?;
    let mut number = [0; 8];
    number.get_mut(..bytes)?.copy_from_slice(record.get(*at..end)?);
    *at = end;
    usize::try_from(u64::from_le_bytes(number)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P110: an item's log is proved without what else its record says.
    #[test]
    fn the_head_of_a_record_ends_where_its_log_does() {
        for (length, count) in [(0, 0), (40, 1), (250, 7), (251, 300), (3_000, 65_537)] {
            let mut log = Frontier::default();
            for index in 0..count {
                log.append(&Digest::of(Domain::ItemLogLeaf, &[u8::try_from(index % 251).unwrap()]));
            }
            let head = ItemHead { uri: "x".repeat(length), log };
            let packed = codec::pack(&head);
            let record = [packed.as_slice(), b"the rest of the record"].concat();
            assert_eq!(head_bytes(&record), packed.len());
            assert_eq!(record_digest(&record), head.value_digest(&rest_digest(&record)));
            let other = [packed.as_slice(), b"another rest of the record"].concat();
            assert_ne!(record_digest(&record), record_digest(&other));
        }
        // A head that grows into the rest is another one.
        assert_ne!(record_digest(&[1, b'a', 0, 0, 9]), record_digest(&[1, b'a', 0, 0]));
        for broken in [&b""[..], &[255], &[251, 1], &[1, b'a', 0, 200], &[253; 9]] {
            assert_eq!(head_bytes(broken), broken.len());
        }
    }
}
