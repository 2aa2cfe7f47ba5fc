//! What one event said of one item, and where an item keeps it.
//!
//! An item's record ([`ItemRecord`]) holds its log, its present state and the steps that are not
//! sealed yet; every [`JOURNAL_CHUNK`] steps are sealed into a key of their own and never written
//! again. So an event writes one record for each item it names, and one key more for every fourth.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tracehold_chain::anomaly::{AnomalyKind, AnomalySet};
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Action, EventType};
use tracehold_chain::merkle::Frontier;
use tracehold_chain::state::{ItemRole, Position};
use tracehold_chain::units::{Height, MemberId, TimestampMs};

use super::state::{ItemState, Transit};

/// Steps in one sealed part of a journal.
pub const JOURNAL_CHUNK: usize = 4;

/// What the state keeps of an item, at [`tracehold_chain::state::StateKey::Item`].
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ItemRecord {
    /// Its canonical identifier.
    pub uri: String,
    /// The log of the events that name it: RFC 6962 over the digests of
    /// [`tracehold_chain::state::ItemLeaf`].
    pub log: Frontier,
    /// What is known of it now.
    pub state: ItemState,
    /// How many levels of packing it ever held, at most: what is packed in it is one, what is
    /// packed in that is two.
    pub levels: u8,
    /// The steps that are not sealed yet: the last of the journal, fewer than [`JOURNAL_CHUNK`].
    pub tail: Vec<Step>,
}

impl ItemRecord {
    /// Sealed parts of the journal.
    #[must_use]
    pub fn chunks(&self) -> u32 {
        let sealed = self.log.count().saturating_sub(self.tail.len() as u64);
        u32::try_from(sealed / JOURNAL_CHUNK as u64).unwrap_or(u32::MAX)
    }
}

/// A sealed part of a journal, at [`tracehold_chain::state::StateKey::Journal`].
pub type JournalChunk = Vec<Step>;

/// Where something stands in the story: by when it happened and, of what happened at one time, by
/// when it was committed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Mark {
    /// When it happened.
    pub time: TimestampMs,
    /// The event.
    pub position: Position,
}

/// Somebody who can hold things.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Party {
    /// A member of the network.
    Member(MemberId),
    /// Somebody else, by the canonical identifier of the party or place.
    Other(String),
}

impl Party {
    /// Whether this is that member.
    #[must_use]
    pub fn is(&self, member: &MemberId) -> bool {
        matches!(self, Party::Member(own) if own == member)
    }
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Party::Member(member) => member.fmt(f),
            Party::Other(uri) => uri.fmt(f),
        }
    }
}

/// So much of the item, and as what the event names that much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// As what.
    pub role: ItemRole,
    /// In which unit.
    pub unit: Unit,
    /// How much.
    pub value: Decimal,
}

/// A unit of measure after conversion: `KGM` for every mass, `LTR` for every volume, nothing for
/// pieces, any other code as given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit(pub String);

/// Why a recorder's word counts for an item, or that it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Standing {
    /// It holds the item's GS1 company prefix.
    Owner,
    /// It holds the item, or the container that the item is in.
    Holder,
    /// The shipment under way names it.
    Named,
    /// The network accredits it as an inspector.
    Accredited,
    /// Nobody on this network holds the item or its company prefix.
    FirstFinder,
    /// None of these: what it says is shown and changes nothing.
    Claim,
}

/// What was known of a step when it was recorded and does not depend on the item's other steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Basis(u8);

impl Basis {
    /// The recorder holds the item's company prefix.
    pub const OWNER: Basis = Basis(1);
    /// The recorder is an inspector.
    pub const ACCREDITED: Basis = Basis(2);
    /// No member holds the item's company prefix.
    pub const NOBODYS: Basis = Basis(4);
    /// The item is of a kind that begins with a commissioning, under a member's company prefix.
    pub const COMMISSIONABLE: Basis = Basis(8);
    /// The event carries sensor data.
    pub const SENSED: Basis = Basis(16);
    /// Too late in too long a story: the step is in the journal and changes nothing.
    pub const UNWEIGHED: Basis = Basis(32);
    /// The item is a lot, of which there may be any quantity at any number of places.
    pub const LOT: Basis = Basis(64);
    /// An aggregation event that takes everything out of its parent.
    pub const EMPTIES: Basis = Basis(128);

    /// Whether all of `other` is in this.
    #[must_use]
    pub fn has(self, other: Basis) -> bool {
        self.0 & other.0 == other.0
    }

    /// Adds `other` if `when`.
    #[must_use]
    pub fn with(self, other: Basis, when: bool) -> Basis {
        if when { Basis(self.0 | other.0) } else { self }
    }
}

/// What is true of everything in a container, at the time of a step of something in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    /// The container directly around the item.
    pub parent: String,
    /// When everything was taken out of it by an event that does not name the item.
    pub emptied: Option<Mark>,
    /// Who holds the outermost container.
    pub holder: Option<Party>,
    /// Where that is known to be, and since when.
    pub place: Option<(String, Mark)>,
    /// Whether and where to the outermost is on its way.
    pub transits: Vec<Transit>,
}

/// What an error declaration means for the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Correction {
    /// The step of the event at this position never counted.
    Voids(Position),
    /// Its original is not on record: it corrects nothing.
    Nothing,
}

/// What sensors said of an item whose product has declared limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorVerdict {
    /// What was measured, such as `Temperature`.
    pub measurement: String,
    /// The unit of the values, that of the declared limits.
    pub uom: String,
    /// The reading farthest outside the limits; the last reading when all were inside.
    pub value: Decimal,
    /// The limit that was broken; `None` when all readings were inside.
    pub limit: Option<Decimal>,
    /// The first reading outside, or the first of all.
    pub from: TimestampMs,
    /// The last reading outside, or the last of all.
    pub to: TimestampMs,
    /// For how long it was outside, as far as the readings tell.
    pub outside_ms: u64,
    /// Whether that is the most it can have been: a summary tells the highest and lowest value of
    /// a span, not for how long.
    pub at_most: bool,
}

/// What one event said of one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The event.
    pub position: Position,
    /// Its digest.
    pub event: Digest,
    /// The block's time.
    pub recorded_at: TimestampMs,
    /// When it happened, as the event says.
    pub event_time: TimestampMs,
    /// As what the event names the item.
    pub role: ItemRole,
    /// Which type.
    pub event_type: EventType,
    /// What it does.
    pub action: Option<Action>,
    /// The member that vouches for it.
    pub recorder: MemberId,
    /// What was known when it was recorded.
    pub basis: Basis,
    /// The recorder's standing as it was seen when this was recorded; what is recorded later of an
    /// earlier time can change it (see [`super::fold()`]).
    pub standing: Standing,
    /// What did not add up, as seen when this was recorded.
    pub anomalies: AnomalySet,
    /// Those of them that do not depend on the item's other steps.
    pub noted: AnomalySet,
    /// The business step: a bare word of CBV, or a URI.
    pub biz_step: Option<String>,
    /// The disposition: a bare word of CBV, or a URI.
    pub disposition: Option<String>,
    /// Where it happened.
    pub read_point: Option<String>,
    /// Where the item was afterwards.
    pub biz_location: Option<String>,
    /// For a child: what it was packed in, seen in or taken from.
    pub parent: Option<String>,
    /// How much of it.
    pub amounts: Vec<Amount>,
    /// Who the event says it comes from.
    pub from: Option<Party>,
    /// Who the event says it goes to: who possesses it, else who owns it, else the place.
    pub to: Option<Party>,
    /// Who the event says is to own it, if that is somebody else.
    pub then: Option<Party>,
    /// For an error declaration: what it means here. Such a step says nothing else.
    pub correction: Option<Correction>,
    /// What sensors said, if the product's owner has declared limits.
    pub sensor: Option<SensorVerdict>,
    /// What was true of the container it was in, if that was not known of the item before.
    pub inherited: Option<Inherited>,
}

impl Mark {
    /// After everything.
    pub const LAST: Mark = Mark {
        time: TimestampMs(u64::MAX),
        position: Position { height: Height(u64::MAX), transaction: u32::MAX, event: u32::MAX },
    };
}

impl Step {
    /// Where it stands in the story. What claims to be later than its recording stands where it
    /// was recorded: nobody can put himself at the end of a story by a date far ahead.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { time: self.event_time.min(self.recorded_at), position: self.position }
    }

    /// Whether it was recorded with this anomaly.
    #[must_use]
    pub fn was(&self, kind: AnomalyKind) -> bool {
        self.anomalies.contains(kind)
    }
}

/// What is, or was, packed in a parent, at [`tracehold_chain::state::StateKey::Edge`]. It is out
/// when the parent was emptied later than it was put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The canonical identifier of the child.
    pub child: String,
    /// When it was put in, for the last time.
    pub mark: Mark,
    /// How much of it, for lots and classes.
    pub amounts: Vec<(Unit, Decimal)>,
}
