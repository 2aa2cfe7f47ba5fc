//! What readers see: everything up to one committed block, and nothing half done.
//!
//! The runtime publishes each committed block's layer to a [`ViewSource`]; [`ViewSource::view`]
//! gives a [`ReadView`] of the newest. A view reads the layers that were not in the table yet when
//! it was made, then the table, and event bodies from the block log. The table may run ahead of a
//! view while it is used. Events, receipts, entries and steps do not change once committed, and
//! what stands above a view's height is left out, so a view may then see an item's log longer than
//! its height says, never shorter. Balances, references, holds, agreements and other records of how
//! things stand do change: a view may read some of them newer than others. Who adds up several of
//! them asks [`ReadView::is_whole`] afterwards, and reads again with a new view when it is not.
//!
//! What happened to an item is in its journal, part of the agreed state, and its log says how many
//! steps that has: when one is missing it is a [`Fault`], and the node rebuilds its table, rather
//! than tell half a story. The history of a class has a local index only.

mod agreements;
mod cache;
mod evidence;
mod merged;
mod money;
mod reading;
mod recalls;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracehold_chain::block::BlockId;
use tracehold_chain::certificate::DecidedBlock;
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::SectionedEvent;
use tracehold_chain::masterdata::{MasterKind, MasterRecord};
use tracehold_chain::state::key::{
    HEAD_KEY, Index, block_due_key, edge_range, event_range, item_key, item_range, journal_key,
    master_key, master_range, name_digest, picture_member, picture_range, transaction_key,
};
use tracehold_chain::state::table::Pair;
use tracehold_chain::state::{Batch, Position, StateKey, Table, TableError};
use tracehold_chain::transaction::{CapturedEvent, TransactionId};
use tracehold_chain::units::{AgentId, Height, MemberId, TimestampMs};
use tracehold_contracts::authority::Authority;
use tracehold_contracts::layer::Layers;
use tracehold_contracts::provenance::{
    Edge, EventRecord, ItemRecord, JOURNAL_CHUNK, JournalChunk, Step,
};
use tracehold_contracts::{Effects, Head, Layer, TransactionRecord, Verdict, masterdata};

use crate::fault::Fault;
use crate::index::EventIndex;
use crate::store::BlockReader;
use crate::store::block_log::{EncodedBundle, StoredHeader};
use cache::BundleCache;

pub use agreements::Told;
pub use cache::StoredBundle;
pub use merged::Order;
pub use money::Line;

/// Memory for transactions that were read lately, in bytes.
pub const BUNDLE_CACHE_BYTES: usize = 32 * 1024 * 1024;

/// Edges of a parent that are read at a time.
const EDGE_PAGE: usize = 500;

/// What a reader found to be damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The table: it can be built again from the block log.
    Table,
    /// The block log.
    Log,
}

/// Hears of damage that a reader has found. Must not wait.
pub type Alarm = Box<dyn Fn(Damage, &Fault) + Send + Sync>;

/// Where views come from; there is one for a node.
pub struct ViewSource {
    shared: Arc<Shared>,
    newest: ArcSwap<Snapshot>,
}

struct Shared {
    table: Arc<dyn Table>,
    blocks: BlockReader,
    index: Arc<EventIndex>,
    authority: Authority,
    cache: BundleCache,
    alarm: Alarm,
}

struct Snapshot {
    head: Head,
    layers: Layers,
}

impl ViewSource {
    /// A source of views of `head`, which is in the table.
    #[must_use]
    pub fn new(
        table: Arc<dyn Table>,
        blocks: BlockReader,
        index: Arc<EventIndex>,
        authority: Authority,
        head: Head,
        alarm: Alarm,
    ) -> ViewSource {
        let cache = BundleCache::new(BUNDLE_CACHE_BYTES);
        let shared = Arc::new(Shared { table, blocks, index, authority, cache, alarm });
        let newest = ArcSwap::from_pointee(Snapshot { head, layers: Layers::default() });
        ViewSource { shared, newest }
    }

    /// Lets readers see a committed block, which is synced in the block log. One thread calls this
    /// and [`ViewSource::flushed`]. What it returns, if anything, is to be written to the table
    /// with the layer.
    ///
    /// # Panics
    /// When it is not the next block.
    #[must_use]
    pub fn publish(&self, layer: Arc<Layer>) -> Option<Batch> {
        let newest = self.newest.load();
        assert_eq!(layer.head.height, newest.head.height.next(), "blocks are published in order");
        let mut layers = newest.layers.clone();
        let head = layer.head.clone();
        // Before anybody sees the block: what a view shows is in the index.
        let sealed = self.shared.index.add(&layer);
        layers.0.push(layer);
        self.newest.store(Arc::new(Snapshot { head, layers }));
        sealed
    }

    /// The table now holds every layer up to `height`.
    pub fn flushed(&self, height: Height) {
        let newest = self.newest.load();
        let mut layers = newest.layers.clone();
        layers.0.retain(|layer| layer.head.height > height);
        self.newest.store(Arc::new(Snapshot { head: newest.head.clone(), layers }));
        self.shared.index.flushed(height);
    }

    /// A view of the newest committed block.
    #[must_use]
    pub fn view(&self) -> ReadView {
        ReadView { shared: Arc::clone(&self.shared), snapshot: self.newest.load_full() }
    }
}

/// Everything up to one committed block.
#[derive(Clone)]
pub struct ReadView {
    shared: Arc<Shared>,
    snapshot: Arc<Snapshot>,
}

/// An event on record.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Where it stands in the history: also a cursor to read on from.
    pub position: Position,
    /// The transaction it came with.
    pub stored: Arc<StoredBundle>,
}

impl StoredEvent {
    /// The event in its sections.
    #[must_use]
    pub fn body(&self) -> &SectionedEvent {
        &self.stored.bundle.events[self.index()]
    }

    /// What was signed for it.
    #[must_use]
    pub fn captured(&self) -> &CapturedEvent {
        let mut captured = self.stored.bundle.transaction.captured_events();
        captured.nth(self.index()).expect("a stored bundle has one body for each event")
    }

    /// The event digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.captured().digest
    }

    /// When it was recorded: its block's time.
    #[must_use]
    pub fn record_time(&self) -> TimestampMs {
        self.stored.block_time
    }

    /// The block that recorded it.
    #[must_use]
    pub fn block_id(&self) -> BlockId {
        self.stored.block_id
    }

    /// Who sent it.
    #[must_use]
    pub fn sender(&self) -> &AgentId {
        &self.stored.bundle.transaction.body.sender
    }

    /// The member that vouches for it: its author's when it carries an author's signature, else
    /// the sender's.
    #[must_use]
    pub fn recorder(&self) -> &MemberId {
        let author = self.captured().author.as_ref();
        author.map_or(self.sender(), |author| &author.agent).member()
    }

    /// The id of the transaction it came with.
    #[must_use]
    pub fn transaction_id(&self) -> TransactionId {
        self.stored.bundle.transaction.id()
    }

    fn index(&self) -> usize {
        self.position.event as usize
    }
}

/// One event on record, without the others that came with it.
#[derive(Clone, Debug)]
pub struct OneEvent {
    /// The event in its sections.
    pub body: SectionedEvent,
    /// The member that vouches for it.
    pub recorder: MemberId,
    /// When it was recorded.
    pub record_time: TimestampMs,
}

/// Some events, and where to read on.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order asked for.
    pub events: Vec<StoredEvent>,
    /// Give this as the cursor of the next page; `None` when there is nothing more.
    pub next: Option<Position>,
}

/// Where the history begins and ends.
const FIRST: Position = Position { height: Height(0), transaction: 0, event: 0 };
const LAST: Position =
    Position { height: Height(u64::MAX), transaction: u32::MAX, event: u32::MAX };

impl ReadView {
    /// The committed block that this is a view of.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.snapshot.head
    }

    /// Its height.
    #[must_use]
    pub fn height(&self) -> Height {
        self.snapshot.head.height
    }

    /// Whether the table has not run ahead of this view: then everything that was read with it so
    /// far is of one block.
    ///
    /// # Errors
    /// [`Fault`] when the table cannot be read.
    pub fn is_whole(&self) -> Result<bool, Fault> {
        let bytes = self.table(self.shared.table.get(HEAD_KEY))?;
        let bytes = bytes.ok_or_else(|| self.table_damaged("the table has no head".to_owned()))?;
        let head: Head = codec::decode(&bytes)
            .map_err(|error| self.table_damaged(format!("the head of the table: {error}")))?;
        Ok(head.height <= self.height())
    }

    /// Members and their agents.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.shared.authority
    }

    /// The index of events. It may have come further than this view.
    #[must_use]
    pub fn index(&self) -> &EventIndex {
        &self.shared.index
    }

    /// Items on record in the order of the digests of their names, after the one with this digest;
    /// at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read or are damaged.
    pub fn items(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<ItemRecord>, Fault> {
        let (mut from, to) = item_range();
        if let Some(after) = after {
            from = item_key(after);
            from.push(0);
        }
        let found = self.pairs((&from, &to), limit, Order::OldestFirst)?;
        found.iter().map(|(_, value)| self.unpacked(value)).collect()
    }

    /// The value of the agreed state at `key`, decoded: parameters, members and master data. What
    /// events write is packed, and has functions of its own.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn state<T: Serialize + DeserializeOwned>(
        &self,
        key: &StateKey,
    ) -> Result<Option<T>, Fault> {
        self.decoded(&key.encode())
    }

    /// What the state keeps of an event: the original when `declared_at` is `None`, else the error
    /// declaration of that time.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn event_record(
        &self,
        event_id: &str,
        declared_at: Option<TimestampMs>,
    ) -> Result<Option<EventRecord>, Fault> {
        self.packed(&StateKey::Event { event_id: event_id.to_owned(), declared_at }.encode())
    }

    /// What is on record of the item with this canonical identifier; `None` when no event names
    /// it, or it is of a kind that has no log (a class).
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn item(&self, identifier: &str) -> Result<Option<ItemRecord>, Fault> {
        self.packed(&StateKey::Item(identifier.to_owned()).encode())
    }

    /// What is on record of a product, place or party with this canonical identifier.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn master_record(&self, kind: MasterKind, id: &str) -> Result<Option<MasterRecord>, Fault> {
        self.state(&kind.key(id))
    }

    /// The records of a kind, in the order of the digests of their identifiers, after the one with
    /// this digest; and whether there are more than `limit`.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read or are damaged.
    pub fn master_records(
        &self,
        kind: MasterKind,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<(Vec<MasterRecord>, bool), Fault> {
        let (mut from, to) = master_range(kind);
        if let Some(after) = after {
            from = master_key(kind, after);
            from.push(0);
        }
        let mut found = self.pairs((&from, &to), limit.saturating_add(1), Order::OldestFirst)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let records = found.into_iter().map(|(_, value)| self.table(masterdata::decode(&value)));
        Ok((records.collect::<Result<_, _>>()?, more))
    }

    /// The members that name, or have named, the picture with this digest in a product's record;
    /// at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn picture_members(&self, picture: &Digest, limit: usize) -> Result<Vec<MemberId>, Fault> {
        let (from, to) = picture_range(picture);
        let found = self.pairs((&from, &to), limit, Order::OldestFirst)?;
        Ok(found.iter().filter_map(|(key, _)| picture_member(key)).collect())
    }

    /// Where a transaction was recorded and what became of it.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<TransactionRecord>, Fault> {
        self.decoded(&transaction_key(id))
    }

    /// What fell due when the block at a height began, if anything did.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn due_in(&self, height: Height) -> Result<Option<Effects>, Fault> {
        self.decoded(&block_due_key(height))
    }

    /// The event at a position of the history.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn event_at(&self, position: Position) -> Result<Option<StoredEvent>, Fault> {
        if position.height > self.height() {
            return Ok(None);
        }
        let Some(stored) = self.bundle(position.height, position.transaction)? else {
            return Ok(None);
        };
        let exists = (position.event as usize) < stored.bundle.events.len();
        Ok(exists.then_some(StoredEvent { position, stored }))
    }

    /// The event with this eventID and its error declarations, in the order of commitment.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn events_by_id(&self, event_id: &str) -> Result<Vec<StoredEvent>, Fault> {
        let (from, to) = event_range(event_id);
        let mut positions = Vec::new();
        for (_, value) in self.pairs((&from, &to), usize::MAX, Order::OldestFirst)? {
            let record: EventRecord = self.unpacked(&value)?;
            positions.push(record.position);
        }
        positions.sort_unstable();
        self.events_at(positions)
    }

    /// Whether its recorder, or whoever else may, has declared wrong the event with this eventID.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn is_declared_wrong(&self, event_id: &str, recorder: &MemberId) -> Result<bool, Fault> {
        // The original, if it is there, stands at the first key.
        let (original, to) = event_range(event_id);
        for (key, value) in self.pairs((&original, &to), usize::MAX, Order::OldestFirst)? {
            let record: EventRecord = self.unpacked(&value)?;
            if key != original && (record.corrects || record.recorder == *recorder) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The events that name an identifier, by its canonical form: at most `limit`, beyond the
    /// cursor `after`. From its journal, if it has one; from the index, if events named it as a
    /// class.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read, or the journal has fewer steps than the item's log.
    pub fn history(
        &self,
        identifier: &str,
        after: Option<Position>,
        limit: usize,
        order: Order,
    ) -> Result<Page, Fault> {
        let mut positions = self.positions(identifier, after, limit.saturating_add(1), order)?;
        let more = positions.len() > limit;
        positions.truncate(limit);
        let next = positions.last().copied().filter(|_| more);
        Ok(Page { events: self.events_at(positions)?, next })
    }

    /// Where the events stand that [`ReadView::history`] gives.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read, or the journal has fewer steps than the item's log.
    pub fn positions(
        &self,
        identifier: &str,
        after: Option<Position>,
        limit: usize,
        order: Order,
    ) -> Result<Vec<Position>, Fault> {
        let mut positions = self.indexed(identifier, after, limit, order)?;
        if let Some(record) = self.item(identifier)? {
            let steps = self.steps(identifier, &record, after, limit, order)?;
            positions.extend(steps.iter().map(|step| step.position));
        }
        positions.sort_unstable();
        if order == Order::NewestFirst {
            positions.reverse();
        }
        positions.truncate(limit);
        Ok(positions)
    }

    /// The steps of an item's journal that this view shows: at most `limit`, beyond the cursor
    /// `after`. `record` is the item's, as [`ReadView::item`] gives it.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read, or the journal has fewer steps than the item's log.
    pub fn steps(
        &self,
        identifier: &str,
        record: &ItemRecord,
        after: Option<Position>,
        limit: usize,
        order: Order,
    ) -> Result<Vec<Step>, Fault> {
        let wanted = |step: &Step| {
            let at = step.position;
            let beyond = after.is_none_or(|after| match order {
                Order::OldestFirst => at > after,
                Order::NewestFirst => at < after,
            });
            beyond && at.height <= self.height()
        };
        let name = name_digest(identifier);
        let chunks = record.chunks();
        let mut found: Vec<Step> = Vec::new();
        match order {
            Order::OldestFirst => {
                let first = match after {
                    None => 0,
                    Some(after) => self.chunk_with(&name, chunks, after)?,
                };
                for chunk in first..chunks {
                    found.extend(self.chunk(&name, chunk)?.into_iter().filter(wanted));
                    if found.len() >= limit {
                        break;
                    }
                }
                found.extend(record.tail.iter().filter(|step| wanted(step)).cloned());
            }
            Order::NewestFirst => {
                let end = match after {
                    None => chunks,
                    Some(after) => self.chunk_with(&name, chunks, after)?.saturating_add(1),
                };
                found.extend(record.tail.iter().rev().filter(|step| wanted(step)).cloned());
                for chunk in (0..end.min(chunks)).rev() {
                    if found.len() >= limit {
                        break;
                    }
                    found.extend(self.chunk(&name, chunk)?.into_iter().rev().filter(wanted));
                }
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// The sealed part of a journal in which `position` stands, or would stand: the last that
    /// does not begin after it.
    fn chunk_with(&self, name: &Digest, chunks: u32, position: Position) -> Result<u32, Fault> {
        let (mut from, mut to) = (0, chunks);
        while from < to {
            let middle = from.midpoint(to);
            let begins = self.chunk(name, middle)?.first().map(|step| step.position);
            if begins.is_some_and(|begins| begins <= position) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        Ok(from.saturating_sub(1))
    }

    fn chunk(&self, name: &Digest, chunk: u32) -> Result<JournalChunk, Fault> {
        let found: Option<JournalChunk> = self.packed(&journal_key(name, chunk))?;
        found.filter(|steps| steps.len() == JOURNAL_CHUNK).ok_or_else(|| {
            self.table_damaged(format!("part {chunk} of the journal of item {name} is missing"))
        })
    }

    fn indexed(
        &self,
        identifier: &str,
        after: Option<Position>,
        limit: usize,
        order: Order,
    ) -> Result<Vec<Position>, Fault> {
        let name = name_digest(identifier);
        let (first, end) = Index::Identifier.range_from(&name, FIRST);
        let (from, to) = match (order, after) {
            (_, None) => (first, end),
            (Order::OldestFirst, Some(cursor)) => {
                // The first key beyond the cursor's.
                let mut from = Index::Identifier.entry(&name, cursor);
                from.push(0);
                (from, end)
            }
            (Order::NewestFirst, Some(cursor)) => (first, Index::Identifier.entry(&name, cursor)),
        };
        let pairs = self.pairs((&from, &to), limit, order)?;
        let positions = pairs.iter().filter_map(|(key, _)| Index::position(key));
        Ok(positions.filter(|position| position.height <= self.height()).collect())
    }

    /// What is in a parent now: the edges to it that its being emptied has not cut, by the digests
    /// of their names; at most `limit`, beyond the cursor `after`.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn contents(
        &self,
        parent: &str,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<Edge>, Fault> {
        let Some(record) = self.item(parent)? else { return Ok(Vec::new()) };
        let name = name_digest(parent);
        let (mut from, to) = edge_range(&name);
        if let Some(after) = after {
            from = StateKey::Edge { parent: name, child: *after }.encode();
            from.push(0);
        }
        let mut found = Vec::new();
        loop {
            let page = self.pairs((&from, &to), EDGE_PAGE, Order::OldestFirst)?;
            for (_, value) in &page {
                let edge: Edge = self.unpacked(value)?;
                if record.state.emptied_after(edge.mark).is_none() {
                    found.push(edge);
                }
                if found.len() >= limit {
                    return Ok(found);
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == EDGE_PAGE => {
                    from.clone_from(last);
                    from.push(0);
                }
                _ => return Ok(found),
            }
        }
    }

    /// The newest events before the cursor `before`, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn latest(&self, before: Option<Position>, limit: usize) -> Result<Page, Fault> {
        let before = before.unwrap_or(LAST);
        let mut events = Vec::new();
        let mut to = before.height.min(self.height());
        while let Some(height) = self.shared.blocks.last_filled(Height(1), to) {
            for event in self.recorded_in(height)?.into_iter().rev() {
                if event.position >= before {
                    continue;
                }
                if events.len() == limit {
                    return Ok(page_with_more(events));
                }
                events.push(event);
            }
            let Some(below) = height.previous() else { break };
            to = below;
        }
        Ok(Page { events, next: None })
    }

    /// The events after the cursor `after` in the order of commitment, at most `limit`: the feed.
    /// `next` is always set; it is the cursor to go on from, also when nothing is there yet.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn events_after(&self, after: Option<Position>, limit: usize) -> Result<Page, Fault> {
        let cursor = after.unwrap_or(FIRST);
        let mut events: Vec<StoredEvent> = Vec::new();
        let mut from = cursor.height;
        while let Some(height) = self.shared.blocks.next_filled(from, self.height()) {
            let block = self.recorded_in(height)?;
            events.extend(block.into_iter().filter(|e| after.is_none_or(|a| e.position > a)));
            if events.len() >= limit {
                break;
            }
            from = height.next();
        }
        events.truncate(limit);
        let next = events.last().map_or(cursor, |event| event.position);
        Ok(Page { events, next: Some(next) })
    }

    /// The lowest block from `from` on that has transactions.
    #[must_use]
    pub fn next_filled(&self, from: Height) -> Option<Height> {
        self.shared.blocks.next_filled(from, self.height())
    }

    /// The header and certificate at `height`; `None` at genesis and above this view.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn header(&self, height: Height) -> Result<Option<StoredHeader>, Fault> {
        if height > self.height() {
            return Ok(None);
        }
        self.log(self.shared.blocks.read_header(height))
    }

    /// The whole block at `height`; `None` at genesis and above this view.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read.
    pub fn block(&self, height: Height) -> Result<Option<DecidedBlock>, Fault> {
        if height > self.height() {
            return Ok(None);
        }
        self.log(self.shared.blocks.read(height))
    }

    /// The events that the block at `height` put on record, in order: not those of transactions
    /// that were refused, nor those that were on record before.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn recorded_in(&self, height: Height) -> Result<Vec<StoredEvent>, Fault> {
        let mut events = Vec::new();
        let Some(header) = self.header(height)? else { return Ok(events) };
        for transaction in 0..header.transactions {
            let Some(stored) = self.bundle_of(height, transaction, Some(&header))? else { break };
            let id = stored.bundle.transaction.id();
            let Some(record) = self.transaction(&id)? else {
                let what = format!("the table lacks transaction {id} of block {height}");
                return Err(self.table_damaged(what));
            };
            let Verdict::Recorded { repeated } = record.receipt.verdict else { continue };
            let count = u32::try_from(stored.bundle.events.len()).expect("limited");
            for event in (0..count).filter(|event| repeated.binary_search(event).is_err()) {
                let position = Position { height, transaction, event };
                events.push(StoredEvent { position, stored: Arc::clone(&stored) });
            }
        }
        Ok(events)
    }

    /// The event at `position`, read alone: cheaper than [`ReadView::event_at`] for one that came
    /// with many others that are not asked for. `None` when there is none, or it is above this
    /// view. The bundle it came in is left in `last`, for the next one.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn one_event(
        &self,
        position: Position,
        last: &mut Option<EncodedBundle>,
    ) -> Result<Option<OneEvent>, Fault> {
        let Position { height, transaction, event } = position;
        if height > self.height() {
            return Ok(None);
        }
        if let Some(stored) = self.shared.cache.get((height, transaction)) {
            let exists = (event as usize) < stored.bundle.events.len();
            let stored = exists.then_some(StoredEvent { position, stored });
            return Ok(stored.map(|stored| OneEvent {
                body: stored.body().clone(),
                recorder: stored.recorder().clone(),
                record_time: stored.record_time(),
            }));
        }
        let place = (height, transaction);
        if last.as_ref().is_none_or(|bundle| bundle.place() != place) {
            *last = self.log(self.shared.blocks.read_encoded(height, transaction))?;
        }
        let Some(bundle) = last else { return Ok(None) };
        let record_time = bundle.block_time();
        Ok(self.log(bundle.event(event))?.map(|(transaction, body)| {
            let author = transaction.captured_events().nth(event as usize);
            let author = author.and_then(|captured| captured.author.as_ref());
            let agent = author.map_or(&transaction.body.sender, |author| &author.agent);
            OneEvent { body, recorder: agent.member().clone(), record_time }
        }))
    }

    fn events_at(&self, positions: Vec<Position>) -> Result<Vec<StoredEvent>, Fault> {
        let seen = positions.into_iter().filter(|position| position.height <= self.height());
        let found = seen.map(|position| {
            self.event_at(position)?.ok_or_else(|| {
                let what = format!("an index names an event at {position:?} and none is there");
                self.table_damaged(what)
            })
        });
        found.collect()
    }

    fn bundle(&self, height: Height, transaction: u32) -> Result<Option<Arc<StoredBundle>>, Fault> {
        self.bundle_of(height, transaction, None)
    }

    /// A transaction of a block, whose header is read unless it is given.
    fn bundle_of(
        &self,
        height: Height,
        transaction: u32,
        header: Option<&StoredHeader>,
    ) -> Result<Option<Arc<StoredBundle>>, Fault> {
        let key = (height, transaction);
        if let Some(stored) = self.shared.cache.get(key) {
            return Ok(Some(stored));
        }
        let blocks = &self.shared.blocks;
        let Some(bundle) = self.log(blocks.read_bundle(height, transaction))? else {
            return Ok(None);
        };
        let (block_id, block_time) = match header {
            Some(header) => (header.certificate.block_id, header.header.block_time),
            None => match self.header(height)? {
                Some(header) => (header.certificate.block_id, header.header.block_time),
                None => return Ok(None),
            },
        };
        let stored = Arc::new(StoredBundle { bundle: Arc::new(bundle), block_id, block_time });
        self.shared.cache.insert(key, Arc::clone(&stored));
        Ok(Some(stored))
    }

    fn decoded<T: Serialize + DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, Fault> {
        let Some(bytes) = self.bytes(key)? else { return Ok(None) };
        let decoded = codec::decode(&bytes).map(Some);
        decoded.map_err(|error| self.table_damaged(format!("a record of the table: {error}")))
    }

    /// As [`ReadView::decoded`], for records that events write.
    pub(crate) fn packed<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, Fault> {
        self.bytes(key)?.map(|bytes| self.unpacked(&bytes)).transpose()
    }

    /// A record of the state, as it is.
    fn bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.table(merged::get(&self.snapshot.layers, &*self.shared.table, key))
    }

    fn unpacked<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Fault> {
        let unpacked = codec::unpack(bytes);
        unpacked.map_err(|error| self.table_damaged(format!("a record of the table: {error}")))
    }

    /// What a packed record begins with.
    fn unpacked_prefix<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Fault> {
        let unpacked = codec::unpack_prefix(bytes);
        unpacked.map_err(|error| self.table_damaged(format!("a record of the table: {error}")))
    }

    fn pairs(&self, range: (&[u8], &[u8]), limit: usize, order: Order) -> Result<Vec<Pair>, Fault> {
        let layers = &self.snapshot.layers;
        self.table(merged::range(layers, &*self.shared.table, range, limit, order))
    }

    fn table<T>(&self, read: Result<T, TableError>) -> Result<T, Fault> {
        read.map_err(|error| self.table_damaged(error.to_string()))
    }

    fn log<T>(&self, read: Result<T, Fault>) -> Result<T, Fault> {
        read.inspect_err(|fault| (self.shared.alarm)(Damage::Log, fault))
    }

    fn table_damaged(&self, what: String) -> Fault {
        let fault = Fault::new(format!("{what}; the table is rebuilt at the next start"));
        (self.shared.alarm)(Damage::Table, &fault);
        fault
    }
}

/// A page that was filled before everything was read.
fn page_with_more(events: Vec<StoredEvent>) -> Page {
    let next = events.last().map(|event| event.position);
    Page { events, next }
}
