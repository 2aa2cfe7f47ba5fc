//! The index of events: under which terms each is found, where it stands and when it happened.
//!
//! Local and rebuildable. Events are filed in the order of commitment. The newest are in memory, in
//! an open segment; at [`SEGMENT_EVENTS`] it is sealed and written to the table in a few dozen
//! sorted records (see [`segment`]), with the next batch of blocks. Each event costs the table a
//! hundredth of a key that way, where one key for each of its terms would cost fifteen. What was in
//! memory when a node stopped is read again from the block log, as is the whole index of a data
//! folder that has none ([`EventIndex::catch_up`]).
//!
//! A search goes through segments ([`search`]): of each it reads what is filed under the terms
//! asked for, and passes over segments without the time asked for.

mod catch_up;
pub mod places;
pub mod search;
pub mod segment;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::{Deserialize, Serialize};
use tracehold_chain::codec;
use tracehold_chain::epcis::query::terms::{Browsed, Findable, Term};
use tracehold_chain::state::key::{
    BROWSED_END, BROWSED_FIRST, EVENT_INDEX_KEY, EVENT_INDEX_RANGES, SEGMENTS_END, SEGMENTS_FIRST,
    browsed_key, browsed_value, segment_columns_key, segment_key, segment_terms_key,
};
use tracehold_chain::state::{Batch, Position, Table, TableError};
use tracehold_chain::units::Height;
use tracehold_contracts::Layer;

use segment::{Columns, Directory, OpenSegment};

/// Events at which a segment is sealed, at the end of their block.
pub const SEGMENT_EVENTS: usize = 8_192;

/// Segments whose columns are kept in memory: about 200 KB each.
const CACHED_COLUMNS: usize = 128;

/// Keys that are removed from the table at a time.
const REMOVED_AT_ONCE: usize = 10_000;

/// What the index is made like; one of another version is made anew.
const INDEX_VERSION: u16 = 2;

/// How far the index in the table has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    version: u16,
    segments: u32,
    through: Height,
}

/// The index of the events of a node; there is one for a node.
pub struct EventIndex {
    table: Arc<dyn Table>,
    inner: RwLock<Inner>,
    columns: Mutex<VecDeque<(u32, Arc<Columns>)>>,
    segment_events: usize,
}

#[derive(Default)]
struct Inner {
    /// The directories of sealed segments, by number.
    sealed: Vec<Arc<Directory>>,
    /// Sealed segments that may not be in the table yet: number, last block and content.
    unwritten: VecDeque<(u32, Height, Arc<OpenSegment>)>,
    open: OpenSegment,
    /// The last block that is filed.
    height: Height,
    /// The terms of the browsed values that are known.
    known: HashSet<Term>,
    /// Values that may not be in the table yet, with the block that brought them.
    values: BTreeMap<(Browsed, String), Height>,
}

/// What is known of a segment without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first event in it.
    pub first: Position,
    /// The last event in it.
    pub last: Position,
    /// When the earliest happened, in milliseconds.
    pub earliest: u64,
    /// When the latest happened.
    pub latest: u64,
}

impl EventIndex {
    /// Opens the index of a table as far as it is there. The rest is to be filed with
    /// [`EventIndex::add`] or [`EventIndex::catch_up`].
    ///
    /// # Errors
    /// [`TableError`] when the table cannot be read, or what it has is damaged.
    pub fn open(table: Arc<dyn Table>) -> Result<EventIndex, TableError> {
        EventIndex::with_segments_of(table, SEGMENT_EVENTS)
    }

    /// As [`EventIndex::open`], with segments of another size.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn with_segments_of(
        table: Arc<dyn Table>,
        segment_events: usize,
    ) -> Result<EventIndex, TableError> {
        let mut inner = Inner::default();
        let note = table.get(EVENT_INDEX_KEY)?.and_then(|bytes| codec::decode::<Note>(&bytes).ok());
        match note.filter(|note| note.version == INDEX_VERSION) {
            Some(note) => {
                inner.height = note.through;
                for (_, value) in table.range(SEGMENTS_FIRST, SEGMENTS_END, usize::MAX)? {
                    inner.sealed.push(Arc::new(Directory::decode(&value)?));
                }
                if u32::try_from(inner.sealed.len()) != Ok(note.segments) {
                    return Err(damaged("segments are missing"));
                }
                for (key, _) in table.range(BROWSED_FIRST, BROWSED_END, usize::MAX)? {
                    if let Some((field, value)) = browsed(&key) {
                        inner.known.insert(Term::of_value(field, value));
                    }
                }
            }
            None => EventIndex::remove(&*table)?,
        }
        let (inner, columns) = (RwLock::new(inner), Mutex::default());
        Ok(EventIndex { table, inner, columns, segment_events })
    }

    /// Removes what is in a table of an index.
    ///
    /// # Errors
    /// [`TableError`] when the table cannot be written.
    pub fn remove(table: &dyn Table) -> Result<(), TableError> {
        table.apply(&Batch::from([(EVENT_INDEX_KEY.to_vec(), None)]))?;
        for (from, to) in EVENT_INDEX_RANGES {
            loop {
                let page = table.range(from, to, REMOVED_AT_ONCE)?;
                if page.is_empty() {
                    break;
                }
                table.apply(&page.into_iter().map(|(key, _)| (key, None)).collect())?;
            }
        }
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last block that is filed.
    #[must_use]
    pub fn height(&self) -> Height {
        self.read().height
    }

    /// Files the events of the next block; one that is not the next is left alone. What it returns
    /// must reach the table no later than with the next block after this one, and not before this
    /// one.
    pub fn add(&self, layer: &Layer) -> Option<Batch> {
        self.file(layer.head.height, &layer.found)
    }

    fn file(&self, height: Height, found: &[(Position, Arc<Findable>)]) -> Option<Batch> {
        let mut inner = self.write();
        let inner = &mut *inner;
        if height != inner.height.next() {
            return None;
        }
        inner.height = height;
        for (position, findable) in found {
            inner.open.push(*position, findable);
            for (field, term, value) in &findable.values {
                if inner.known.insert(*term) {
                    inner.values.insert((*field, value.clone()), height);
                }
            }
        }
        (inner.open.len() >= self.segment_events).then(|| inner.seal())
    }

    /// The table now holds everything up to `height`.
    pub fn flushed(&self, height: Height) {
        let mut inner = self.write();
        inner.unwritten.retain(|(_, last, _)| *last > height);
        // Values are written when the segment that brought them is sealed.
        let through = inner.sealed.last().map(|directory| directory.bounds.last.height);
        let written = through.filter(|through| *through <= height);
        if let Some(written) = written
            && inner.unwritten.is_empty()
        {
            inner.values.retain(|_, brought| *brought > written);
        }
    }

    /// How many segments there are, the open one included when something is in it.
    #[must_use]
    pub fn segments(&self) -> u32 {
        let inner = self.read();
        number(inner.sealed.len() + usize::from(inner.open.len() > 0))
    }

    /// What is known of a segment; `None` when there is none of this number, or nothing in it.
    #[must_use]
    pub fn bounds(&self, segment: u32) -> Option<Bounds> {
        let inner = self.read();
        match inner.sealed.get(to_usize(segment)) {
            Some(directory) => Some(directory.bounds),
            None => inner.open.bounds().filter(|_| to_usize(segment) == inner.sealed.len()),
        }
    }

    /// Which events of a segment are filed under a term, by their numbers in it, ascending.
    ///
    /// # Errors
    /// [`TableError`] when it cannot be read.
    pub fn postings(&self, segment: u32, term: &Term) -> Result<Vec<u32>, TableError> {
        let block = {
            let inner = self.read();
            if let Some(found) = inner.in_memory(segment) {
                return Ok(found.postings(term));
            }
            let directory = inner.sealed.get(to_usize(segment));
            directory.and_then(|directory| directory.block_of(term))
        };
        let Some(block) = block else { return Ok(Vec::new()) };
        let bytes = self.table.get(&segment_terms_key(segment, block))?;
        let bytes = bytes.ok_or_else(|| damaged("a block of terms is missing"))?;
        segment::find(&bytes, term).ok_or_else(|| damaged("a block of terms cannot be read"))
    }

    /// Whether any event is filed under a term.
    ///
    /// # Errors
    /// [`TableError`] when it cannot be read.
    pub fn has(&self, term: &Term) -> Result<bool, TableError> {
        for segment in (0..self.segments()).rev() {
            if !self.postings(segment, term)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where the events stand that are filed under a term, at most `limit` of them, in the order in
    /// which they were recorded.
    ///
    /// # Errors
    /// [`TableError`] when it cannot be read.
    pub fn positions(&self, term: &Term, limit: usize) -> Result<Vec<Position>, TableError> {
        let mut found = Vec::new();
        for segment in 0..self.segments() {
            let postings = self.postings(segment, term)?;
            if postings.is_empty() {
                continue;
            }
            let columns = self.columns(segment)?;
            let position = |number: &u32| columns.positions.get(to_usize(*number)).copied();
            found.extend(postings.iter().filter_map(position));
            if found.len() >= limit {
                found.truncate(limit);
                break;
            }
        }
        Ok(found)
    }

    /// Where the events of a segment stand and when they happened.
    ///
    /// # Errors
    /// [`TableError`] when it cannot be read.
    pub fn columns(&self, segment: u32) -> Result<Arc<Columns>, TableError> {
        if let Some(found) = self.read().in_memory(segment) {
            return Ok(Arc::new(found.columns().clone()));
        }
        let cache = || self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = cache().iter().find(|(number, _)| *number == segment) {
            return Ok(Arc::clone(&found.1));
        }
        let bytes = self.table.get(&segment_columns_key(segment))?;
        let bytes = bytes.ok_or_else(|| damaged("the columns of a segment are missing"))?;
        let columns = Columns::decode(&bytes);
        let columns = Arc::new(columns.ok_or_else(|| damaged("columns cannot be read"))?);
        let mut cache = cache();
        if cache.len() >= CACHED_COLUMNS {
            cache.pop_front();
        }
        cache.push_back((segment, Arc::clone(&columns)));
        Ok(columns)
    }

    /// The segment in which an event of this position stands, if it is filed.
    #[must_use]
    pub fn segment_of(&self, position: Position) -> Option<u32> {
        let inner = self.read();
        let after = inner.sealed.partition_point(|directory| directory.bounds.last < position);
        let bounds = match inner.sealed.get(after) {
            Some(directory) => Some(directory.bounds),
            None => inner.open.bounds(),
        };
        bounds
            .filter(|bounds| bounds.first <= position && position <= bounds.last)
            .map(|_| number(after))
    }

    /// The values that events have in a field, in their order, after `after`; at most `limit`.
    ///
    /// # Errors
    /// [`TableError`] when they cannot be read.
    pub fn values(
        &self,
        field: Browsed,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, TableError> {
        let mut from = browsed_key(field.tag(), after.unwrap_or_default());
        if after.is_some() {
            from.push(0);
        }
        let to = [BROWSED_FIRST, &[field.tag() + 1]].concat();
        let mut found: Vec<String> = {
            let inner = self.read();
            let own = inner.values.keys().filter(|(own, _)| *own == field);
            let beyond = own.filter(|(_, value)| after.is_none_or(|after| value.as_str() > after));
            beyond.map(|(_, value)| value.clone()).collect()
        };
        for (key, _) in self.table.range(&from, &to, limit)? {
            found.extend(browsed(&key).map(|(_, value)| value.to_owned()));
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }

    /// Whether an event has this value in a field.
    #[must_use]
    pub fn has_value(&self, field: Browsed, value: &str) -> bool {
        self.read().known.contains(&Term::of_value(field, value))
    }
}

impl Inner {
    fn in_memory(&self, segment: u32) -> Option<&OpenSegment> {
        if to_usize(segment) == self.sealed.len() {
            return Some(&self.open);
        }
        let unwritten = self.unwritten.iter().find(|(number, _, _)| *number == segment);
        unwritten.map(|(_, _, content)| &**content)
    }

    /// Ends the open segment; what comes back is to be written.
    fn seal(&mut self) -> Batch {
        let content = std::mem::take(&mut self.open);
        let segment = number(self.sealed.len());
        let mut batch = Batch::new();
        let (directory, blocks) = content.encode();
        batch.insert(segment_key(segment), Some(directory.encode()));
        batch.insert(segment_columns_key(segment), Some(content.columns().encode()));
        for (block, bytes) in (0_u32..).zip(blocks) {
            batch.insert(segment_terms_key(segment, block), Some(bytes));
        }
        for (field, value) in self.values.keys() {
            batch.insert(browsed_key(field.tag(), value), Some(Vec::new()));
        }
        self.sealed.push(Arc::new(directory));
        self.unwritten.push_back((segment, self.height, Arc::new(content)));
        let segments = number(self.sealed.len());
        let note = Note { version: INDEX_VERSION, segments, through: self.height };
        batch.insert(EVENT_INDEX_KEY.to_vec(), Some(codec::encode(&note)));
        batch
    }
}

/// The field and the value of a key.
fn browsed(key: &[u8]) -> Option<(Browsed, &str)> {
    let (tag, value) = browsed_value(key)?;
    Browsed::ALL.into_iter().find(|field| field.tag() == tag).map(|field| (field, value))
}

fn damaged(what: &str) -> TableError {
    TableError(format!("the index of events: {what}"))
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("segments and their events are counted in 32 bits")
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
