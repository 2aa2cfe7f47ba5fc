//! Answering queries, page by page.
//!
//! A search is a walk through candidates that the index gives ([`super::walk`]); each is read and
//! asked every condition. The first page of a walk fixes its end, the newest block there was, and
//! each page tells the next where it stopped ([`Cursor`]). Nothing on record changes, so a walk
//! shows every event once, whatever is captured meanwhile. The work for one page is bounded: a page
//! may come with fewer events than were asked for, or none, and still lead on.

use std::cell::RefCell;

use tracehold_chain::epcis::Answered;
use tracehold_chain::epcis::query::{OrderBy, Query, SortKey};
use tracehold_chain::state::{Position, TableError};
use tracehold_chain::units::{Height, MemberId};

use super::EventIndex;
use super::places::Recorded;
use super::walk::{Key, Walk};
use crate::fault::Fault;
use crate::store::block_log::EncodedBundle;
use crate::view::{OneEvent, ReadView};

/// Events that are read for one page at most, whether they are part of it or not.
pub const MAX_LOOKED_AT: usize = 2_000;

/// Events that are read at most to count the answer (`maxEventCount`), or to put it in the order of
/// a field of an extension.
pub const MAX_COUNTED: usize = 20_000;

/// Events that name a thing that can be put in the order of eventTime.
pub const MAX_SORTED_STEPS: usize = 20_000;

/// Segments of the index that are read for one page in the order of commitment.
pub const MAX_SEGMENTS_A_PAGE: u32 = 4_096;

/// Places that are held against a condition on their records; with more on record, events are
/// looked at instead.
pub const MAX_PLACES_WEIGHED: usize = 20_000;

/// Places that meet such a condition and whose events are found through the index.
pub const MAX_PLACE_TERMS: usize = 256;

/// Candidates that are asked for at a time.
const CANDIDATES: usize = 128;

/// Where a walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The walk's last block.
    pub bound: Height,
    /// Behind this; in the order of a field the number of events shown, and no position.
    pub after: Key,
    /// How many events are still to be shown, when `eventCountLimit` says how many.
    pub left: Option<usize>,
}

/// An event that answers a query.
#[derive(Debug)]
pub struct Hit {
    /// Where it stands.
    pub position: Position,
    /// The member that vouches for it.
    pub recorder: MemberId,
    /// Bytes of its text.
    pub bytes: usize,
    /// What it says, and when it was recorded.
    pub answered: Answered,
    /// What it is ordered by, when that is a field.
    key: Option<SortKey>,
}

/// A page of an answer.
#[derive(Debug)]
pub struct Page {
    /// The events, in order.
    pub hits: Vec<Hit>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<Cursor>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum SearchError {
    /// More events than `maxEventCount`.
    TooLarge(usize),
    /// More work than one answer may take; why, and what helps.
    TooComplex(String),
    /// This node has not come as far as the walk.
    Behind(Height),
    /// The records cannot be read.
    Fault(Fault),
}

impl From<Fault> for SearchError {
    fn from(fault: Fault) -> SearchError {
        SearchError::Fault(fault)
    }
}

impl From<TableError> for SearchError {
    fn from(error: TableError) -> SearchError {
        SearchError::Fault(Fault::from(error))
    }
}

/// A query on what is on record.
pub struct Search<'s> {
    view: &'s ReadView,
    query: &'s Query,
    walk: Walk<'s>,
    records: Recorded<'s>,
    bound: Height,
    cursor: Option<Cursor>,
    /// The bundle of the event that was read last.
    last: RefCell<Option<EncodedBundle>>,
}

/// How far one page may go.
struct Room {
    /// Events in it.
    hits: usize,
    /// Events read for it.
    looked_at: usize,
    /// Bytes of their bodies.
    bytes: usize,
}

impl<'s> Search<'s> {
    /// Begins a walk, or goes on with one.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn new(
        view: &'s ReadView,
        index: &'s EventIndex,
        query: &'s Query,
        cursor: Option<Cursor>,
    ) -> Result<Search<'s>, SearchError> {
        let bound = cursor.map_or(view.height(), |cursor| cursor.bound);
        if bound > view.height() {
            return Err(SearchError::Behind(bound));
        }
        let records = Recorded::new(view);
        let walk = Walk::plan(view, index, query, bound, &records)?;
        Ok(Search { view, query, walk, records, bound, cursor, last: RefCell::default() })
    }

    /// One page of at most `most` events and about `bytes` bytes.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn page(&self, most: usize, bytes: usize) -> Result<Page, SearchError> {
        if self.cursor.is_none()
            && let Some(limit) = self.query.max_event_count()
        {
            self.check_count(limit)?;
        }
        let left = match self.cursor {
            Some(cursor) => cursor.left,
            None => self.query.event_count_limit(),
        };
        let wanted = left.map_or(most, |left| left.min(most));
        let mut page = match self.query.order_by() {
            Some(OrderBy::Field(_)) => self.by_field(wanted, bytes)?,
            _ => {
                let room = Room { hits: wanted, looked_at: MAX_LOOKED_AT, bytes };
                self.gather(self.cursor.map(|cursor| cursor.after), &room)?
            }
        };
        let left = left.map(|left| left.saturating_sub(page.hits.len()));
        page.next = page.next.filter(|_| left != Some(0)).map(|next| Cursor { left, ..next });
        self.records.check()?;
        Ok(page)
    }

    /// Walks on behind `after` as far as there is room.
    fn gather(&self, after: Option<Key>, room: &Room) -> Result<Page, SearchError> {
        let (mut after, mut hits, mut looked_at, mut bytes) = (after, Vec::new(), 0, 0);
        let cursor =
            |after: Option<Key>| after.map(|after| Cursor { bound: self.bound, after, left: None });
        loop {
            let next = self.walk.next(after, CANDIDATES)?;
            let full = next.keys.len() >= CANDIDATES;
            for key in next.keys {
                if looked_at >= room.looked_at {
                    return Ok(Page { hits, next: cursor(after) });
                }
                looked_at += 1;
                if let Some(hit) = self.look_at(key.1)? {
                    let size = hit.bytes;
                    let over = !hits.is_empty() && bytes + size > room.bytes;
                    if hits.len() >= room.hits || over {
                        // There is more: the page behind begins with it.
                        return Ok(Page { hits, next: cursor(after) });
                    }
                    bytes += size;
                    hits.push(hit);
                }
                after = Some(key);
            }
            match next.stopped {
                Some((stopped, passed_over)) => {
                    after = Some(stopped);
                    looked_at = looked_at.saturating_add(passed_over);
                    if looked_at >= room.looked_at {
                        return Ok(Page { hits, next: cursor(after) });
                    }
                }
                None if full => {}
                None => return Ok(Page { hits, next: None }),
            }
        }
    }

    /// The event at a position, if it meets every condition.
    fn look_at(&self, at: Position) -> Result<Option<Hit>, SearchError> {
        let OneEvent { body, recorder, record_time: recorded } =
            self.view.one_event(at, &mut self.last.borrow_mut())?.ok_or_else(|| {
                Fault::new(format!("the index names an event at {at:?} and none is there"))
            })?;
        let damaged = |error| Fault::new(format!("the event at {at:?} is damaged: {error}"));
        let order = self.query.order_by();
        let mut key = None;
        let by_field = matches!(order, Some(OrderBy::Field(_)));
        let (object, document_context) = if self.walk.is_exact() && !by_field {
            body.recorded_parts().map_err(damaged)?
        } else {
            let event = body.recorded().map_err(damaged)?;
            if !self.query.matches(&event, recorded, &self.records) {
                return Ok(None);
            }
            key = order.and_then(|order| order.key(&event));
            event.into_parts()
        };
        let answered = Answered { object, document_context, recorded };
        let bytes = body.text_bytes();
        Ok(Some(Hit { position: at, recorder, bytes, answered, key }))
    }

    /// Refuses when the answer has more than `limit` events.
    fn check_count(&self, limit: usize) -> Result<(), SearchError> {
        let most = limit.saturating_add(1).min(MAX_COUNTED);
        let room = Room { hits: most, looked_at: MAX_COUNTED, bytes: usize::MAX };
        let page = self.gather(None, &room)?;
        match (page.hits.len() > limit, page.next) {
            (true, _) => Err(SearchError::TooLarge(limit)),
            (false, Some(_)) => Err(SearchError::TooComplex(format!(
                "more than {MAX_COUNTED} events would have to be read to count the answer: ask \
                 for less, or use eventCountLimit"
            ))),
            (false, None) => Ok(()),
        }
    }

    /// Reads the whole answer and puts it in the order of a field. Events that lack the field come
    /// last.
    fn by_field(&self, wanted: usize, bytes: usize) -> Result<Page, SearchError> {
        let room = Room { hits: MAX_COUNTED, looked_at: MAX_COUNTED, bytes: usize::MAX };
        let all = self.gather(None, &room)?;
        if all.next.is_some() {
            return Err(SearchError::TooComplex(format!(
                "more than {MAX_COUNTED} events would have to be read to put them in this order: \
                 ask for less, or order by eventTime or recordTime"
            )));
        }
        let mut sorted = all.hits;
        sorted.sort_by(|one, other| {
            let by_value = match (&one.key, &other.key) {
                (Some(a), Some(b)) if self.query.is_ascending() => a.cmp(b),
                (Some(a), Some(b)) => b.cmp(a),
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            by_value.then(one.position.cmp(&other.position))
        });
        let shown = self.cursor.map_or(0, |cursor| cursor.after.0);
        let from = usize::try_from(shown).unwrap_or(usize::MAX);
        let (count, mut size) = (sorted.len(), 0);
        let rest = sorted.into_iter().skip(from).take(wanted);
        let hits: Vec<Hit> = rest
            .take_while(|hit| {
                let first = size == 0;
                size += hit.bytes;
                first || size <= bytes
            })
            .collect();
        let shown = from.saturating_add(hits.len());
        let none = Position { height: Height(0), transaction: 0, event: 0 };
        let after = (u64::try_from(shown).unwrap_or(u64::MAX), none);
        let next = (shown < count).then_some(Cursor { bound: self.bound, after, left: None });
        Ok(Page { hits, next })
    }
}
