//! The order in which events that may answer a query are looked at.

use std::collections::BTreeSet;

use tracehold_chain::epcis::query::terms::{Term, Terms};
use tracehold_chain::epcis::query::{Condition, OrderBy, Pattern, Query, TimeField};
use tracehold_chain::state::{Position, TableError};
use tracehold_chain::units::{Height, TimestampMs};

use super::places::Recorded;
use super::search::{
    MAX_PLACE_TERMS, MAX_PLACES_WEIGHED, MAX_SEGMENTS_A_PAGE, MAX_SORTED_STEPS, SearchError,
};
use super::{Bounds, EventIndex, segment};
use crate::fault::Fault;
use crate::view::{Order, ReadView};

/// What a walk goes by: when an event happened (0 in the order of commitment), then its position.
pub type Key = (u64, Position);

/// The next candidates of a walk.
#[derive(Debug, Default)]
pub struct Next {
    /// In order.
    pub keys: Vec<Key>,
    /// Set when the walk may go on behind this, though it has fewer than were wanted; and how many
    /// events it has passed over, all that one page may when it stopped for the work.
    pub stopped: Option<(Key, usize)>,
}

/// Where the candidates come from.
enum Source {
    /// The journals of these identifiers, canonical.
    Journals(Vec<String>),
    /// These positions.
    Positions(BTreeSet<Position>),
    /// The segments of the index.
    Segments,
}

/// How a query is answered.
pub struct Walk<'v> {
    view: &'v ReadView,
    index: &'v EventIndex,
    source: Source,
    /// Of each an event must be filed under one.
    selectors: Vec<Vec<Term>>,
    /// When it happened: from, and before.
    times: (u64, u64),
    /// Where it stands: from, and before.
    positions: (Position, Position),
    by_time: bool,
    ascending: bool,
    /// Whether every candidate meets every condition.
    exact: bool,
}

const FIRST: Position = Position { height: Height(0), transaction: 0, event: 0 };

impl<'v> Walk<'v> {
    /// Decides how to answer `query` from what was committed up to `bound`.
    pub fn plan(
        view: &'v ReadView,
        index: &'v EventIndex,
        query: &Query,
        bound: Height,
        records: &Recorded<'_>,
    ) -> Result<Walk<'v>, SearchError> {
        let end = Position { height: bound.next(), ..FIRST };
        let mut walk = Walk {
            view,
            index,
            source: Source::Segments,
            selectors: Vec::new(),
            times: (0, u64::MAX),
            positions: (FIRST, end),
            by_time: query.order_by() == Some(&OrderBy::EventTime),
            ascending: query.is_ascending() || query.order_by().is_none(),
            exact: true,
        };
        for condition in query.conditions() {
            walk.narrow(condition, bound)?;
        }
        if matches!(walk.source, Source::Segments) {
            for condition in query.conditions() {
                walk.narrow_places(condition, records)?;
            }
        } else {
            // What leads there is not all that is asked.
            walk.exact = false;
        }
        Ok(walk)
    }

    /// Whether the index alone decides: every candidate meets every condition.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Takes from a condition what leads to events that meet it. What it does not lead by is asked
    /// of each event.
    fn narrow(&mut self, condition: &Condition, bound: Height) -> Result<(), SearchError> {
        if let Some(Terms { any, exact }) = condition.terms() {
            self.selectors.push(any);
            self.exact &= exact;
            return Ok(());
        }
        match condition {
            Condition::EventId(ids) => {
                let mut found = BTreeSet::new();
                for id in ids {
                    found.extend(self.view.events_by_id(id)?.iter().map(|event| event.position));
                }
                self.source = Source::Positions(found);
            }
            Condition::Match(_, patterns) if matches!(self.source, Source::Segments) => {
                let exact = patterns.iter().map(|pattern| match pattern {
                    Pattern::Exactly(uri) => Some(uri.clone()),
                    _ => None,
                });
                match exact.collect::<Option<BTreeSet<String>>>() {
                    Some(ids) => self.source = Source::Journals(ids.into_iter().collect()),
                    None => self.exact = false,
                }
            }
            Condition::From(TimeField::Event, at) => self.times.0 = self.times.0.max(at.0),
            Condition::Before(TimeField::Event, at) => self.times.1 = self.times.1.min(at.0),
            Condition::From(TimeField::Record, at) => {
                let height = self.first_at(*at, bound)?;
                self.positions.0 = self.positions.0.max(Position { height, ..FIRST });
            }
            Condition::Before(TimeField::Record, at) => {
                let height = self.first_at(*at, bound)?;
                self.positions.1 = self.positions.1.min(Position { height, ..FIRST });
            }
            // Places are narrowed afterwards.
            _ => self.exact &= condition.place_field().is_some(),
        }
        Ok(())
    }

    /// The lowest block, up to the one behind `bound`, of this time or later.
    fn first_at(&self, at: TimestampMs, bound: Height) -> Result<Height, Fault> {
        let (mut from, mut to) = (1, bound.next().0);
        while from < to {
            let middle = from.midpoint(to);
            let header = self.view.header(Height(middle))?;
            if header.is_some_and(|stored| stored.header.block_time >= at) {
                to = middle;
            } else {
                from = middle + 1;
            }
        }
        Ok(Height(from))
    }

    /// Of a condition on places by what is on record of them, the places that meet it.
    fn narrow_places(
        &mut self,
        condition: &Condition,
        records: &Recorded<'_>,
    ) -> Result<(), SearchError> {
        let Some(field) = condition.place_field() else { return Ok(()) };
        const PAGE: usize = 1_000;
        let (mut after, mut weighed, mut terms) = (None::<String>, 0, Vec::new());
        loop {
            let page = self.index.values(field.browsed(), after.as_deref(), PAGE)?;
            weighed += page.len();
            let meets = page.iter().filter(|place| condition.is_met_by_place(place, records));
            terms.extend(meets.map(|place| Term::of_value(field.browsed(), place)));
            if weighed > MAX_PLACES_WEIGHED || terms.len() > MAX_PLACE_TERMS {
                self.exact = false;
                return Ok(());
            }
            let full = page.len() == PAGE;
            after = page.into_iter().next_back();
            if !full {
                break;
            }
        }
        self.selectors.push(terms);
        Ok(())
    }

    /// The next candidates behind `after`, at least `wanted` unless there are no more.
    pub fn next(&self, after: Option<Key>, wanted: usize) -> Result<Next, SearchError> {
        match (&self.source, self.by_time) {
            (Source::Segments, false) => self.segments_by_commit(after, wanted),
            (Source::Segments, true) => self.segments_by_time(after, wanted),
            (Source::Positions(positions), _) => {
                self.sorted(positions.iter().copied().collect(), after, wanted)
            }
            (Source::Journals(ids), true) => {
                let all = self.journals(ids, None, MAX_SORTED_STEPS + 1)?;
                if all.len() > MAX_SORTED_STEPS {
                    return Err(SearchError::TooComplex(format!(
                        "more than {MAX_SORTED_STEPS} events name these things, which is the \
                         limit for putting them in the order of eventTime: leave orderBy out, or \
                         order by recordTime"
                    )));
                }
                self.sorted(all, after, wanted)
            }
            (Source::Journals(ids), false) => {
                let found = self.journals(ids, after.map(|(_, position)| position), wanted)?;
                // A journal gives as many as are wanted, unless it has no more.
                let (read, last) = (found.len(), found.last().copied());
                let within = found.into_iter().filter(|at| self.is_within(*at));
                let keys: Vec<Key> = within.map(|at| (0, at)).collect();
                let passed_over = read - keys.len();
                let stopped = last.filter(|_| read >= wanted).map(|at| ((0, at), passed_over));
                Ok(Next { keys, stopped })
            }
        }
    }

    fn is_within(&self, at: Position) -> bool {
        self.positions.0 <= at && at < self.positions.1
    }

    /// The events that name any of these, in the order of the walk; at most `limit`.
    fn journals(
        &self,
        ids: &[String],
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Position>, Fault> {
        let order = if self.ascending { Order::OldestFirst } else { Order::NewestFirst };
        let mut all = Vec::new();
        for id in ids {
            all.extend(self.view.positions(id, after, limit, order)?);
        }
        all.sort_unstable();
        all.dedup();
        if !self.ascending {
            all.reverse();
        }
        all.truncate(limit);
        Ok(all)
    }

    /// These positions in the order of the walk, behind `after`.
    fn sorted(
        &self,
        positions: Vec<Position>,
        after: Option<Key>,
        wanted: usize,
    ) -> Result<Next, SearchError> {
        let mut keys = Vec::new();
        for at in positions.into_iter().filter(|at| self.is_within(*at)) {
            let time = if self.by_time { self.time_of(at)? } else { 0 };
            keys.extend(Some((time, at)).filter(|key| self.is_behind(*key, after)));
        }
        self.sort(&mut keys);
        keys.truncate(wanted);
        Ok(Next { keys, stopped: None })
    }

    fn time_of(&self, at: Position) -> Result<u64, SearchError> {
        let unfiled = || Fault::new(format!("the event at {at:?} is not in the index of events"));
        let segment = self.index.segment_of(at).ok_or_else(unfiled)?;
        let columns = self.index.columns(segment)?;
        let number = columns.number_of(at).ok_or_else(unfiled)?;
        Ok(columns.times.get(super::to_usize(number)).copied().unwrap_or_default())
    }

    fn is_behind(&self, key: Key, after: Option<Key>) -> bool {
        after.is_none_or(|after| if self.ascending { key > after } else { key < after })
    }

    fn sort(&self, keys: &mut [Key]) {
        keys.sort_unstable();
        if !self.ascending {
            keys.reverse();
        }
    }

    /// Whether anything in a segment can be asked for.
    fn may_hold(&self, bounds: &Bounds) -> bool {
        bounds.last >= self.positions.0
            && bounds.first < self.positions.1
            && bounds.latest >= self.times.0
            && bounds.earliest < self.times.1
    }

    /// The candidates in a segment, in the order of commitment.
    fn in_segment(&self, segment: u32) -> Result<Vec<Key>, TableError> {
        let mut numbers: Option<Vec<u32>> = None;
        for any in &self.selectors {
            let lists = any.iter().map(|term| self.index.postings(segment, term));
            let filed = segment::either(lists.collect::<Result<Vec<_>, _>>()?);
            numbers = Some(match numbers {
                None => filed,
                Some(before) => segment::both(before, &filed),
            });
            if numbers.as_ref().is_some_and(Vec::is_empty) {
                return Ok(Vec::new());
            }
        }
        let columns = self.index.columns(segment)?;
        let all = || (0..super::number(columns.positions.len())).collect();
        let numbers = numbers.unwrap_or_else(all).into_iter().map(super::to_usize);
        let keys = numbers.filter_map(|number| {
            Some((*columns.times.get(number)?, *columns.positions.get(number)?))
        });
        let wanted = keys.filter(|(time, at)| {
            self.is_within(*at) && self.times.0 <= *time && *time < self.times.1
        });
        Ok(wanted.collect())
    }

    fn segments_by_commit(&self, after: Option<Key>, wanted: usize) -> Result<Next, SearchError> {
        let count = self.index.segments();
        let order: Box<dyn Iterator<Item = u32>> =
            if self.ascending { Box::new(0..count) } else { Box::new((0..count).rev()) };
        let after = after.map(|(_, at)| at);
        let mut next = Next::default();
        let mut read = 0;
        for segment in order {
            let Some(bounds) = self.index.bounds(segment) else { continue };
            let passed = after.is_some_and(|after| {
                if self.ascending { bounds.last <= after } else { bounds.first >= after }
            });
            if passed || !self.may_hold(&bounds) {
                continue;
            }
            let mut found = self.in_segment(segment)?;
            if !self.ascending {
                found.reverse();
            }
            let found = found.into_iter().map(|(_, at)| (0, at));
            next.keys.extend(found.filter(|key| self.is_behind(*key, after.map(|at| (0, at)))));
            if next.keys.len() >= wanted {
                break;
            }
            read += 1;
            if read >= MAX_SEGMENTS_A_PAGE {
                let end = if self.ascending { bounds.last } else { bounds.first };
                next.stopped = Some(((0, end), usize::MAX));
                break;
            }
        }
        next.keys.truncate(wanted);
        Ok(next)
    }

    /// The segments whose events can come next are read first; the walk ends when no other can
    /// have an earlier one.
    fn segments_by_time(&self, after: Option<Key>, wanted: usize) -> Result<Next, SearchError> {
        let mut segments: Vec<(u64, u32)> = (0..self.index.segments())
            .filter_map(|segment| {
                let bounds = self.index.bounds(segment).filter(|b| self.may_hold(b))?;
                let passed = after.is_some_and(|(time, _)| {
                    if self.ascending { bounds.latest < time } else { bounds.earliest > time }
                });
                let nearest = if self.ascending { bounds.earliest } else { bounds.latest };
                (!passed).then_some((nearest, segment))
            })
            .collect();
        segments.sort_unstable();
        if !self.ascending {
            segments.reverse();
        }
        let mut keys: Vec<Key> = Vec::new();
        for (nearest, segment) in segments {
            let further = keys.get(wanted.saturating_sub(1)).is_some_and(|(time, _)| {
                if self.ascending { nearest > *time } else { nearest < *time }
            });
            if further {
                break;
            }
            let found = self.in_segment(segment)?.into_iter();
            keys.extend(found.filter(|key| self.is_behind(*key, after)));
            self.sort(&mut keys);
            keys.truncate(wanted);
        }
        Ok(Next { keys, stopped: None })
    }
}
