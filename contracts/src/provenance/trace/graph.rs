//! The graph that a trace gives.

use tracehold_chain::anomaly::AnomalyKind;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Action, EventType, Level};
use tracehold_chain::state::{ItemRole, Position};
use tracehold_chain::units::{MemberId, TimestampMs};

use super::Left;
use super::{
    DEFAULT_TRACE_DEPTH, MAX_TRACE_EVENTS, MAX_TRACE_ITEMS, MAX_TRACE_SIGHTINGS, Stay, Told,
};
use crate::provenance::{Amount, AsOf, Mark, Party, Standing};

/// Which way to go from an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// What it was made of.
    Back,
    /// What became of it.
    Forward,
    /// Back and forward from where the trace begins.
    Both,
}

impl Direction {
    /// Its word in a query.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Direction::Back => "back",
            Direction::Forward => "forward",
            Direction::Both => "both",
        }
    }

    /// The direction with this word.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Direction> {
        [Direction::Back, Direction::Forward, Direction::Both]
            .into_iter()
            .find(|direction| direction.code() == code)
    }

    pub(super) fn is_back(self) -> bool {
        self != Direction::Forward
    }

    pub(super) fn is_forward(self) -> bool {
        self != Direction::Back
    }
}

/// What to trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The canonical identifier to begin with.
    pub id: String,
    /// Which way.
    pub direction: Direction,
    /// How many levels of transformations and packing.
    pub depth: u8,
    /// What was known when; `None` for now.
    pub as_of: Option<AsOf>,
    /// Items in the answer, at most.
    pub items: usize,
    /// Events in the answer, at most.
    pub events: usize,
    /// Of these, at most so many that only say that another item than the first was seen.
    pub sightings: usize,
}

impl Query {
    /// A trace of this item with the usual limits.
    #[must_use]
    pub fn of(id: &str, direction: Direction) -> Query {
        Query {
            id: id.to_owned(),
            direction,
            depth: DEFAULT_TRACE_DEPTH,
            as_of: None,
            items: MAX_TRACE_ITEMS,
            events: MAX_TRACE_EVENTS,
            sightings: MAX_TRACE_SIGHTINGS,
        }
    }
}

/// An item in the graph.
#[derive(Clone, Debug)]
pub struct ItemNode {
    /// Its canonical identifier.
    pub uri: String,
    /// What kind of thing.
    pub level: Level,
    /// How many levels from where the trace began.
    pub depth: u8,
    /// Whether it is there only because something else was packed in it: its events are those that
    /// happened to what was inside.
    pub is_container: bool,
    /// Which way the walk came here: where it began, both.
    pub way: Direction,
    /// How many of its events are not in the answer, for want of room.
    pub events_left_out: u64,
    /// Its story; `None` for a class, which has none.
    pub told: Option<Told>,
}

/// An event in the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventNode {
    /// Where it stands in the history.
    pub position: Position,
    /// Its digest.
    pub digest: Digest,
    /// Its eventID.
    pub event_id: Option<String>,
    /// Which type.
    pub event_type: EventType,
    /// What it does.
    pub action: Option<Action>,
    /// When it happened.
    pub happened: TimestampMs,
    /// When it was recorded.
    pub recorded: TimestampMs,
    /// Who recorded it.
    pub recorder: MemberId,
    /// The business step.
    pub biz_step: Option<String>,
    /// The disposition.
    pub disposition: Option<String>,
    /// Where it happened.
    pub read_point: Option<String>,
    /// Where the things were afterwards.
    pub biz_location: Option<String>,
    /// From whom.
    pub from: Option<Party>,
    /// To whom.
    pub to: Option<Party>,
    /// The event that declares it wrong.
    pub voided_by: Option<Position>,
    /// The event that it declares wrong.
    pub corrects: Option<Position>,
    /// Whether sensors reported something.
    pub is_sensed: bool,
}

impl EventNode {
    /// Where it stands in the story.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { time: self.happened.min(self.recorded), position: self.position }
    }
}

/// What became of an anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The event that showed it was declared wrong by the event at this position.
    Voided(Position),
    /// What the event at this position said later made it fit.
    Mended(Position),
    /// It fits by now; the story is too long to say since which event.
    Fits,
}

/// Something that does not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: AnomalyKind,
    /// What resolved it; `None` while it is open.
    pub resolved: Option<Resolution>,
}

/// What an event says of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The item, by its place among the items.
    pub item: usize,
    /// The event, by its place among the events.
    pub event: usize,
    /// As what the event names the item.
    pub role: ItemRole,
    /// The recorder's standing; a claim changes nothing.
    pub standing: Standing,
    /// How much.
    pub amounts: Vec<Amount>,
    /// What does not add up.
    pub findings: Vec<Finding>,
}

/// A time that an item spent in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StayEdge {
    /// What was inside, by its place among the items.
    pub item: usize,
    /// The container, by its place among the items.
    pub container: usize,
    /// From when to when.
    pub stay: Stay,
}

impl StayEdge {
    /// What took it out.
    #[must_use]
    pub fn left(&self) -> Option<Left> {
        self.stay.left
    }
}

/// Why an answer ends somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CutReason {
    /// As many levels as were asked for.
    Depth,
    /// As many items as an answer holds.
    Items,
    /// As many events as an answer holds.
    Events,
    /// A longer journal than is read.
    Journal,
    /// More events of one transformationID than are kept apart.
    Joined,
    /// Events that only say that something was seen, of other items than the first.
    Sightings,
}

impl CutReason {
    /// A word for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            CutReason::Depth => "depth",
            CutReason::Items => "items",
            CutReason::Events => "events",
            CutReason::Journal => "journal",
            CutReason::Joined => "joined",
            CutReason::Sightings => "sightings",
        }
    }
}

/// Where an answer ends though there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The item beyond which there is more, by its place among the items.
    pub item: usize,
    /// Why.
    pub reason: CutReason,
    /// Which way one would go on.
    pub direction: Direction,
    /// How many items, events or steps are left out, as far as that is known.
    pub left_out: u64,
}

/// What a trace found.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What was asked.
    pub query: Query,
    /// The items: first the one that the trace began with, then the nearest first, then
    /// containers.
    pub items: Vec<ItemNode>,
    /// The events, in the order of the story.
    pub events: Vec<EventNode>,
    /// What each event says of each item, by event.
    pub links: Vec<Link>,
    /// What was packed in what, and when.
    pub stays: Vec<StayEdge>,
    /// Where there is more, the first [`super::MAX_CUTS`].
    pub cuts: Vec<Cut>,
    /// In how many places there is more.
    pub cut_count: usize,
}
