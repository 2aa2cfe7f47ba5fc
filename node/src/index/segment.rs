//! A segment: some thousand events that were committed one after the other.
//!
//! Within a segment an event is a number, from 0. In the table a segment is
//!
//! - a directory: where it begins and ends, and the first term of each of its blocks;
//! - its columns: position and time of each event, as differences;
//! - blocks of about [`BLOCK_BYTES`]: terms in order, each with the numbers of the events that are
//!   filed under it, as differences.
//!
//! All numbers are written in groups of seven bits, the lowest first.

use std::collections::HashMap;

use tracehold_chain::codec;
use tracehold_chain::epcis::query::terms::{Findable, TERM_BYTES, Term};
use tracehold_chain::state::{Position, TableError};
use tracehold_chain::units::Height;

use super::{Bounds, damaged, number};

/// Bytes after which a block takes no further term.
const BLOCK_BYTES: usize = 8 * 1024;

/// Where events stand and when they happened, by their numbers in their segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Ascending.
    pub positions: Vec<Position>,
    /// In milliseconds since 1970.
    pub times: Vec<u64>,
}

impl Columns {
    /// The event's number, if it is here.
    #[must_use]
    pub fn number_of(&self, position: Position) -> Option<u32> {
        self.positions.binary_search(&position).ok().map(number)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.positions.len() * 6);
        push(&mut out, number(self.positions.len()).into());
        let mut before = Position { height: Height(0), transaction: 0, event: 0 };
        for at in &self.positions {
            let blocks = at.height.0 - before.height.0;
            push(&mut out, blocks);
            if blocks > 0 {
                before = Position { height: at.height, transaction: 0, event: 0 };
            }
            let transactions = at.transaction - before.transaction;
            push(&mut out, transactions.into());
            push(&mut out, at.event.into());
            before = *at;
        }
        let mut before = 0_u64;
        for time in &self.times {
            push(&mut out, zigzag(time.wrapping_sub(before).cast_signed()));
            before = *time;
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Columns> {
        let mut bytes = bytes;
        let count = usize::try_from(take(&mut bytes)?).ok()?;
        // A damaged count must not take the memory.
        let (mut positions, mut times) = (Vec::new(), Vec::new());
        let mut at = Position { height: Height(0), transaction: 0, event: 0 };
        for _ in 0..count {
            let blocks = take(&mut bytes)?;
            if blocks > 0 {
                at = Position { height: Height(at.height.0.checked_add(blocks)?), ..at };
                at.transaction = 0;
            }
            let transactions = u32::try_from(take(&mut bytes)?).ok()?;
            at.transaction = at.transaction.checked_add(transactions)?;
            at.event = u32::try_from(take(&mut bytes)?).ok()?;
            positions.push(at);
        }
        let mut time = 0_u64;
        for _ in 0..count {
            time = time.wrapping_add(unzigzag(take(&mut bytes)?).cast_unsigned());
            times.push(time);
        }
        bytes.is_empty().then_some(Columns { positions, times })
    }
}

/// What the table says of a segment first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    pub bounds: Bounds,
    /// The first term of each block.
    first_terms: Vec<Term>,
}

/// A directory as it is written: first and last position, earliest and latest time, terms.
type WrittenDirectory = (Position, Position, u64, u64, Vec<Term>);

impl Directory {
    pub fn encode(&self) -> Vec<u8> {
        let Bounds { first, last, earliest, latest } = self.bounds;
        codec::encode::<WrittenDirectory>(&(
            first,
            last,
            earliest,
            latest,
            self.first_terms.clone(),
        ))
    }

    pub fn decode(bytes: &[u8]) -> Result<Directory, TableError> {
        let (first, last, earliest, latest, first_terms) =
            codec::decode::<WrittenDirectory>(bytes).map_err(|e| damaged(&e.to_string()))?;
        Ok(Directory { bounds: Bounds { first, last, earliest, latest }, first_terms })
    }

    /// The block in which a term stands if the segment has it.
    pub fn block_of(&self, term: &Term) -> Option<u32> {
        self.first_terms.partition_point(|first| first <= term).checked_sub(1).map(number)
    }
}

/// A segment in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenSegment {
    columns: Columns,
    postings: HashMap<Term, Vec<u32>>,
    earliest: u64,
    latest: u64,
}

impl OpenSegment {
    pub fn len(&self) -> usize {
        self.columns.positions.len()
    }

    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    pub fn push(&mut self, position: Position, findable: &Findable) {
        let event = number(self.len());
        let time = findable.event_time.0;
        self.earliest = if event == 0 { time } else { self.earliest.min(time) };
        self.latest = self.latest.max(time);
        self.columns.positions.push(position);
        self.columns.times.push(time);
        for term in &findable.terms {
            self.postings.entry(*term).or_default().push(event);
        }
    }

    pub fn postings(&self, term: &Term) -> Vec<u32> {
        self.postings.get(term).cloned().unwrap_or_default()
    }

    pub fn bounds(&self) -> Option<Bounds> {
        let (first, last) = (*self.columns.positions.first()?, *self.columns.positions.last()?);
        Some(Bounds { first, last, earliest: self.earliest, latest: self.latest })
    }

    /// The directory and the blocks.
    pub fn encode(&self) -> (Directory, Vec<Vec<u8>>) {
        let mut terms: Vec<(&Term, &Vec<u32>)> = self.postings.iter().collect();
        terms.sort_unstable_by_key(|(term, _)| **term);
        let (mut first_terms, mut blocks) = (Vec::new(), Vec::<Vec<u8>>::new());
        let mut list = Vec::new();
        for (term, events) in terms {
            if blocks.last().is_none_or(|block| block.len() >= BLOCK_BYTES) {
                first_terms.push(*term);
                blocks.push(Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 4));
            }
            list.clear();
            let mut before = 0;
            for event in events {
                push(&mut list, u64::from(event - before));
                before = *event;
            }
            let block = blocks.last_mut().expect("there is one now");
            block.extend_from_slice(&term.0);
            push(block, number(list.len()).into());
            block.extend_from_slice(&list);
        }
        let bounds = self.bounds().expect("only what has events is sealed");
        (Directory { bounds, first_terms }, blocks)
    }
}

/// The events filed under a term in a block that would have it; `None` when the block is damaged.
pub(super) fn find(block: &[u8], wanted: &Term) -> Option<Vec<u32>> {
    let mut rest = block;
    while !rest.is_empty() {
        let (term, after) = rest.split_first_chunk::<TERM_BYTES>()?;
        rest = after;
        let length = usize::try_from(take(&mut rest)?).ok()?;
        let (mut list, after) = rest.split_at_checked(length)?;
        rest = after;
        if *term == wanted.0 {
            let (mut events, mut event) = (Vec::new(), 0_u32);
            while !list.is_empty() {
                event = event.checked_add(u32::try_from(take(&mut list)?).ok()?)?;
                events.push(event);
            }
            return Some(events);
        }
        if *term > wanted.0 {
            break;
        }
    }
    Some(Vec::new())
}

fn push(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Puts two ascending lists together to what is in both.
pub(super) fn both(mut one: Vec<u32>, other: &[u32]) -> Vec<u32> {
    let mut other = other.iter().copied().peekable();
    one.retain(|event| {
        while other.next_if(|next| next < event).is_some() {}
        other.peek() == Some(event)
    });
    one
}

/// Puts ascending lists together to what is in any.
pub(super) fn either(mut lists: Vec<Vec<u32>>) -> Vec<u32> {
    if lists.len() == 1 {
        return lists.pop().unwrap_or_default();
    }
    let mut all: Vec<u32> = lists.into_iter().flatten().collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use tracehold_chain::units::TimestampMs;

    use super::super::to_usize;
    use super::*;

    fn position(height: u64, transaction: u32, event: u32) -> Position {
        Position { height: Height(height), transaction, event }
    }

    fn findable(time: u64, terms: &[u8]) -> Findable {
        let mut terms: Vec<Term> = terms.iter().map(|n| Term([*n; TERM_BYTES])).collect();
        terms.sort_unstable();
        terms.dedup();
        let terms = terms.into_boxed_slice();
        Findable { event_time: TimestampMs(time), terms, values: Box::default() }
    }

    #[test]
    fn numbers_are_written_in_groups_of_seven_bits() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            push(&mut out, value);
            let mut rest = out.as_slice();
            assert_eq!((take(&mut rest), rest.len()), (Some(value), 0));
        }
        assert_eq!(take(&mut [0xff; 11].as_slice()), None);
        for value in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Promise P97: what is written of a segment is what was in memory.
        #[test]
        fn a_segment_comes_back_from_the_table(
            events in proptest::collection::vec(
                (0_u64..3, 0_u32..3, any::<u32>(), proptest::collection::vec(0_u8..40, 0..12)),
                1..300,
            ),
        ) {
            let mut segment = OpenSegment::default();
            let mut at = position(1, 0, 0);
            for (blocks, transactions, time, terms) in &events {
                if *blocks > 0 {
                    at = position(at.height.0 + blocks, 0, 0);
                } else if *transactions > 0 {
                    at = position(at.height.0, at.transaction + transactions, 0);
                } else {
                    at = position(at.height.0, at.transaction, at.event + 1);
                }
                segment.push(at, &findable(u64::from(*time), terms));
            }
            let (directory, blocks) = segment.encode();
            prop_assert_eq!(&Directory::decode(&directory.encode()).unwrap(), &directory);
            let columns = segment.columns();
            prop_assert_eq!(&Columns::decode(&columns.encode()).unwrap(), columns);
            for term in (0..41).map(|n| Term([n; TERM_BYTES])) {
                let found = match directory.block_of(&term) {
                    Some(block) => find(&blocks[to_usize(block)], &term).unwrap(),
                    None => Vec::new(),
                };
                prop_assert_eq!(found, segment.postings(&term));
            }
            for bytes in &blocks {
                for end in 0..bytes.len() {
                    // Damage is said or seen as absence, and never a panic.
                    let _ = find(&bytes[..end], &Term([39; TERM_BYTES]));
                }
            }
        }

        #[test]
        fn lists_are_joined_as_sets(one in proptest::collection::btree_set(0_u32..50, 0..30),
                                    other in proptest::collection::btree_set(0_u32..50, 0..30)) {
            let list = |set: &BTreeSet<u32>| set.iter().copied().collect::<Vec<_>>();
            let both_of: Vec<u32> = one.intersection(&other).copied().collect();
            prop_assert_eq!(both(list(&one), &list(&other)), both_of);
            let any_of: Vec<u32> = one.union(&other).copied().collect();
            prop_assert_eq!(either(vec![list(&one), list(&other)]), any_of);
        }
    }
}
