//! The story of a thing told to whoever asks: where it came from, what became of it, what happened
//! to it and to what it was packed in, and what is known of it.
//!
//! Pure functions over a [`TraceReader`]. [`Told`] is one item's journal as it was known at a time,
//! with when it was in which container ([`Stay`]). [`trace`] walks from item to item and gives the
//! graph ([`Trace`]); [`story`] is what happened to one item, containers included; [`present`] is
//! what is known of it now, holder and place resolved through its containers. [`derive`] finds what
//! no single block can see: absences, and places too far apart.
//!
//! What happened to a container happened to what was inside while it was inside: a container's
//! steps count for an item from the event that packed it until the event that took it out.

mod derived;
mod graph;
mod present;
mod resolved;
mod story;
mod told;
mod walk;

pub use derived::{
    DEFAULT_TRANSIT_HOURS, Derived, DerivedKind, MAX_METRES_PER_HOUR, MAX_SILENCE_MS, SLACK_MS,
    Sentences, derive,
};
pub use graph::{
    Cut, CutReason, Direction, EventNode, Finding, ItemNode, Link, Query, Resolution, StayEdge,
    Trace,
};
pub use present::{Contained, Present, Through, contents, present};
pub use resolved::findings;
pub use story::{Chapter, Surroundings, story, surroundings};
pub use told::{Leaving, Left, Stay, Told};
pub use walk::trace;

use tracehold_chain::digest::Digest;
use tracehold_chain::masterdata::{MasterKind, MasterRecord};
use tracehold_chain::state::Position;
use tracehold_chain::units::{MemberId, TimestampMs};

use super::{AsOf, Edge, Facts, ItemRecord, Step};

/// Items in one answer to a trace.
pub const MAX_TRACE_ITEMS: usize = 20_000;

/// Events in one answer to a trace.
pub const MAX_TRACE_EVENTS: usize = 20_000;

/// Events in one answer that lead nowhere and say nothing of custody, of other items than the one
/// asked for; the nearest items come first.
pub const MAX_TRACE_SIGHTINGS: usize = 500;

/// Levels of transformations and packing that a trace follows at most.
pub const MAX_TRACE_DEPTH: u8 = 32;

/// Levels that a trace follows when nobody says how many.
pub const DEFAULT_TRACE_DEPTH: u8 = 16;

/// Steps of one item's journal that are read; of a longer one, the oldest.
pub const MAX_JOURNAL_STEPS: usize = 4_096;

/// Steps that are read to tell the state of an item with a longer journal as it was known; of one
/// that is longer still, the oldest.
pub const MAX_STATE_STEPS: usize = 65_536;

/// Steps of all journals of one trace together; beyond them no further item is taken in.
pub const MAX_TRACE_STEPS: usize = 500_000;

/// Places where an answer was cut off that it names; it counts the others.
pub const MAX_CUTS: usize = 100;

/// Containers of one item whose stories are read for the item's own.
pub const MAX_SURROUNDINGS: usize = 256;

/// Steps in the journal of a container beyond which an item's state is told without what happened
/// to the container; a trace tells it.
pub const MAX_STEPS_AROUND: u64 = 512;

/// What an event says, and when and by whom it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBody {
    /// What it says.
    pub facts: Facts,
    /// Its digest.
    pub digest: Digest,
    /// The member that vouches for it.
    pub recorder: MemberId,
    /// Its block's time.
    pub recorded_at: TimestampMs,
}

/// Where a trace reads from.
pub trait TraceReader {
    /// Why something cannot be read.
    type Error;

    /// What is on record of the item with this canonical identifier.
    ///
    /// # Errors
    /// When it cannot be read.
    fn item(&self, uri: &str) -> Result<Option<ItemRecord>, Self::Error>;

    /// The steps of the item's journal in the order of commitment, the oldest `limit` of them.
    ///
    /// # Errors
    /// When they cannot be read.
    fn journal(&self, record: &ItemRecord, limit: usize) -> Result<Vec<Step>, Self::Error>;

    /// What the event at a position says.
    ///
    /// # Errors
    /// When it cannot be read.
    fn event(&self, position: Position) -> Result<Option<EventBody>, Self::Error>;

    /// The eventID of the event at a position.
    ///
    /// # Errors
    /// When it cannot be read.
    fn event_id(&self, position: Position) -> Result<Option<String>, Self::Error>;

    /// What is in a parent now, in the order of the digests of their names, at most `limit` after
    /// the cursor `after`.
    ///
    /// # Errors
    /// When it cannot be read.
    fn contents(
        &self,
        parent: &str,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<Edge>, Self::Error>;

    /// The events of one transformationID of a recorder, and whether there are older ones.
    ///
    /// # Errors
    /// When they cannot be read.
    fn transformation(
        &self,
        recorder: &MemberId,
        id: &str,
    ) -> Result<(Vec<Position>, bool), Self::Error>;

    /// What is on record of a product, place or party.
    ///
    /// # Errors
    /// When it cannot be read.
    fn master(&self, kind: MasterKind, uri: &str) -> Result<Option<MasterRecord>, Self::Error>;

    /// How far two places are from each other over ground, when both positions are known.
    ///
    /// # Errors
    /// When it cannot be read.
    fn metres_between(&self, from: &str, to: &str) -> Result<Option<u64>, Self::Error>;
}

/// Whether an event was known at a time.
fn was_known(as_of: Option<AsOf>, position: Position, body: &EventBody) -> bool {
    match as_of {
        None => true,
        Some(AsOf::Height(height)) => position.height <= height,
        Some(AsOf::Recorded(time)) => body.recorded_at <= time,
        Some(AsOf::Happened(time)) => body.facts.telling.event_time <= time,
    }
}
