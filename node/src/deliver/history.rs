//! The committed history of this node, as subscriptions ask it.
//!
//! Many subscriptions follow the same tip: each block's facts are read once and kept a while.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock};

use futures::future::BoxFuture;
use tokio::sync::{OnceCell, Semaphore, watch};
use tracehold_chain::epcis::{Event, query};
use tracehold_chain::state::Position;
use tracehold_chain::units::Height;

use super::filter::{Facts, Matcher};
use super::query::{Entry, History, Query, Scan};
use super::standing::{self, Standing};
use super::store::{Pending, Subscription};
use super::{MAX_DELIVERY_BYTES, MAX_DELIVERY_EVENTS};
use crate::api::visible::{Caller, Record, Sight, visible};
use crate::api::{after_block, feed_entry};
use crate::fault::Fault;
use crate::index::places::Recorded;
use crate::runtime::NodeHandle;
use crate::view::{ReadView, StoredEvent};

/// Memory for the facts of blocks that were read lately, in bytes.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Blocks that are read at once: subscriptions with a long way to go leave the machine to others.
const MAX_READS: usize = 4;

/// Events that one look into the history goes over before others have their turn.
const MAX_SCANNED_EVENTS: usize = 5_000;

/// What filters look at in an event on record.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn facts(view: &ReadView, stored: &StoredEvent, event: &Event) -> Result<Facts, Fault> {
    Ok(Facts::of(event, stored.recorder(), anomalies(view, stored, event)?))
}

/// The codes of the anomalies that are recorded with an event.
fn anomalies(view: &ReadView, stored: &StoredEvent, event: &Event) -> Result<Vec<String>, Fault> {
    let Some(id) = event.event_id() else { return Ok(Vec::new()) };
    let declared_at = event.error_declaration().map(|declared| declared.declaration_time);
    let record = view.event_record(id, declared_at)?;
    let record = record.filter(|record| record.position == stored.position);
    let found = record.map(|record| record.anomalies).unwrap_or_default();
    Ok(found.iter().map(|anomaly| anomaly.kind.code().to_owned()).collect())
}

/// The history of a running node.
#[derive(Clone)]
pub struct NodeHistory {
    node: NodeHandle,
    recent: Arc<Mutex<Recent>>,
    reads: Arc<Semaphore>,
}

/// Blocks that were read lately, in the order of reading.
#[derive(Default)]
struct Recent {
    blocks: VecDeque<(Height, Cell)>,
    bytes: usize,
}

/// A block, once it is read: whoever wants the same one meanwhile waits for it, and nobody else.
type Cell = Arc<OnceCell<Arc<Block>>>;

/// What a block recorded.
struct Block {
    height: Height,
    events: Vec<Told>,
    bytes: usize,
}

/// An event, its facts, and how it is told once somebody asked for it.
struct Told {
    stored: StoredEvent,
    event: Event,
    facts: Facts,
    json: OnceLock<Arc<str>>,
}

impl Told {
    fn json(&self) -> Result<Arc<str>, String> {
        if let Some(json) = self.json.get() {
            return Ok(Arc::clone(json));
        }
        let told = feed_entry(&self.stored).map_err(|problem| problem.detail.clone())?;
        Ok(Arc::clone(self.json.get_or_init(|| told.into())))
    }
}

impl Recent {
    /// The place of a block.
    fn cell(&mut self, height: Height) -> Cell {
        let found = self.blocks.iter().rev().find(|(known, _)| *known == height);
        if let Some((_, cell)) = found {
            return Arc::clone(cell);
        }
        let cell = Cell::default();
        self.blocks.push_back((height, Arc::clone(&cell)));
        cell
    }

    /// Counts a block that was read, and forgets the oldest beyond the limit.
    fn count(&mut self, block: &Block) {
        if !self.blocks.iter().rev().any(|(height, _)| *height == block.height) {
            return;
        }
        self.bytes += block.bytes;
        while self.bytes > CACHE_BYTES
            && let Some((_, oldest)) = self.blocks.pop_front()
        {
            self.bytes -= oldest.get().map_or(0, |block| block.bytes);
        }
    }
}

fn read_block(view: &ReadView, height: Height) -> Result<Block, Fault> {
    let mut block = Block { height, events: Vec::new(), bytes: size_of::<Block>() };
    for stored in view.recorded_in(height)? {
        let event = stored.body().event();
        let event = event.map_err(|error| {
            Fault::new(format!("the event at {:?} is damaged: {error}", stored.position))
        })?;
        let facts = facts(view, &stored, &event)?;
        // The event in parts is about twice its text.
        block.bytes += facts.weight() + 3 * stored.body().text_bytes();
        block.events.push(Told { stored, event, facts, json: OnceLock::new() });
    }
    Ok(block)
}

impl NodeHistory {
    /// The history of `node`.
    #[must_use]
    pub fn new(node: NodeHandle) -> NodeHistory {
        NodeHistory { node, recent: Arc::default(), reads: Arc::new(Semaphore::new(MAX_READS)) }
    }

    /// The first block from `from` on that has transactions.
    async fn block(&self, view: &ReadView, from: Height) -> Result<Option<Arc<Block>>, String> {
        let Some(height) = view.next_filled(from) else { return Ok(None) };
        let cell = self.lock().cell(height);
        let block = cell.get_or_try_init(|| async {
            let _turn = self.reads.acquire().await;
            let view = view.clone();
            let read = tokio::task::spawn_blocking(move || read_block(&view, height)).await;
            let block = read.map_err(|error| error.to_string())?;
            let block = Arc::new(block.map_err(|fault| fault.to_string())?);
            self.lock().count(&block);
            Ok::<_, String>(block)
        });
        Ok(Some(Arc::clone(block.await?)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().expect("no one panics while holding the blocks")
    }
}

impl History for NodeHistory {
    fn query(&self, subscription: &Subscription) -> Arc<dyn Query> {
        let asked = match &subscription.standing {
            Some(standing) => Asked::Standing(Box::new((standing.asked(), standing.clone()))),
            None => Asked::Filter(
                self.node
                    .view()
                    .map(|view| subscription.filter.matcher(view.authority().members()))
                    .unwrap_or_else(|_| subscription.filter.matcher(std::iter::empty())),
            ),
        };
        Arc::new(NodeQuery {
            history: self.clone(),
            id: subscription.id.clone(),
            caller: Caller::Agent(subscription.agent.clone()),
            asked,
        })
    }

    fn changes(&self) -> watch::Receiver<Height> {
        self.node.changes()
    }
}

/// What is asked of each event.
enum Asked {
    Filter(Matcher),
    Standing(Box<(Result<query::Query, String>, Standing)>),
}

struct NodeQuery {
    history: NodeHistory,
    id: String,
    caller: Caller,
    asked: Asked,
}

impl NodeQuery {
    fn wants(&self, told: &Told, records: &Recorded<'_>) -> Result<bool, String> {
        let record = Record { recorded_by: told.stored.recorder() };
        if visible(&self.caller, &record) != Sight::Whole {
            return Ok(false);
        }
        Ok(match &self.asked {
            Asked::Filter(matcher) => matcher.matches(&told.facts),
            Asked::Standing(both) => {
                let query = both.0.as_ref().map_err(Clone::clone)?;
                let at = told.stored.record_time();
                let wanted = query.matches(&told.event, at, records);
                records.check().map_err(|fault| fault.to_string())?;
                wanted
            }
        })
    }

    fn json(&self, told: &Told) -> Result<Arc<str>, String> {
        match &self.asked {
            Asked::Filter(_) => told.json(),
            Asked::Standing(both) => {
                let at = told.stored.record_time();
                Ok(standing::told(&told.event, at, both.1.format).into())
            }
        }
    }

    async fn look(&self, after: Option<Position>, until: Option<Position>) -> Result<Scan, String> {
        let view = self.history.node.view().map_err(|why| why.to_string())?;
        if until.is_some_and(|until| until.height > view.height()) {
            return Err("the history does not reach so far yet".to_owned());
        }
        let mut entries: Vec<Entry> = Vec::new();
        let (mut bytes, mut scanned) = (0, 0);
        let mut from = after.map_or(Height(1), |after| after.height);
        let mut seen = until.unwrap_or_else(|| after_block(view.height()));
        let mut more = false;
        'blocks: while let Some(block) = self.history.block(&view, from).await? {
            if until.is_some_and(|until| block.height > until.height) {
                break;
            }
            // What is on record of places and products now: the events are judged as of today.
            let records = Recorded::new(&view);
            for told in &block.events {
                let position = told.stored.position;
                let before = after.is_some_and(|after| position <= after);
                if before
                    || until.is_some_and(|until| position > until)
                    || !self.wants(told, &records)?
                {
                    continue;
                }
                let json = self.json(told)?;
                bytes += json.len();
                let full = entries.len() >= MAX_DELIVERY_EVENTS || bytes > MAX_DELIVERY_BYTES;
                if until.is_none()
                    && full
                    && let Some(last) = entries.last()
                {
                    (seen, more) = (last.position, true);
                    break 'blocks;
                }
                entries.push(Entry { position, json });
            }
            scanned += block.events.len();
            from = block.height.next();
            if until.is_none() && scanned >= MAX_SCANNED_EVENTS {
                (seen, more) = (after_block(block.height), true);
                break;
            }
        }
        Ok(Scan { entries, seen, more })
    }
}

impl Query for NodeQuery {
    fn scan(
        &self,
        after: Option<Position>,
        until: Option<Position>,
    ) -> BoxFuture<'_, Result<Scan, String>> {
        Box::pin(self.look(after, until))
    }

    fn body(&self, pending: &Pending, entries: &[Entry]) -> Vec<u8> {
        if let Asked::Standing(both) = &self.asked {
            return standing::document(&both.1, &self.id, pending, entries);
        }
        let delivery = &pending.delivery;
        let head = serde_json::json!({"webhook": self.id, "delivery": delivery, "test": false});
        let mut text = head.to_string();
        text.pop();
        text.push_str(",\"events\":[");
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&entry.json);
        }
        text.push_str("]}");
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_kept_in_bounded_memory() {
        let mut recent = Recent::default();
        let third = CACHE_BYTES / 3;
        for height in (1..=5).map(Height) {
            let cell = recent.cell(height);
            assert!(Arc::ptr_eq(&cell, &recent.cell(height)), "one place for each");
            let block = Arc::new(Block { height, events: Vec::new(), bytes: third });
            cell.set(Arc::clone(&block)).ok().unwrap();
            recent.count(&block);
        }
        let kept: Vec<u64> = recent.blocks.iter().map(|(height, _)| height.0).collect();
        assert_eq!((kept, recent.bytes), (vec![3, 4, 5], 3 * third));
        // One that was forgotten while it was read is not counted.
        recent.count(&Block { height: Height(1), events: Vec::new(), bytes: third });
        assert_eq!(recent.bytes, 3 * third);
    }
}
