//! What is known of the way of things: the input of the reckoning.

use std::collections::BTreeMap;

use tracehold_chain::epcis::activity::Activity;

use crate::provenance::Mark;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nature {
    /// One thing; used as a whole.
    One,
    /// A batch; used in parts.
    Lot,
    /// So many of a kind, of which nobody can tell where they come from.
    Class,
}

/// A thing, or a part of a batch, that an event names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Its canonical identifier.
    pub id: String,
    /// What the identifier stands for.
    pub nature: Nature,
    /// The mass of what is named, in micrograms, when the event or product data say it.
    pub mass: Option<u64>,
    /// Whether the recorder of the event has no say over this thing: what it says is shown and
    /// not counted.
    pub is_claim: bool,
}

/// A transport, a hub operation or a process, or a carriage of which nobody says more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The event that tells it.
    pub event_id: String,
    /// Which of the event's activities, from 0.
    pub number: usize,
    /// When.
    pub mark: Mark,
    /// The member that recorded it.
    pub recorder: String,
    /// What it did; `None` when goods were carried and nobody gives activity data.
    pub activity: Option<Activity>,
    /// What it was about. Empty for the process of a transformation: see
    /// [`Transformation::legs`].
    pub loads: Vec<Load>,
}

/// A thing was in another from one moment to another, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packing {
    /// What was inside.
    pub child: String,
    /// Its mass in micrograms, when the packing event says it.
    pub mass: Option<u64>,
    /// What it was in.
    pub parent: String,
    /// When it went in.
    pub from: Mark,
    /// When it came out; `None` while it is inside.
    pub until: Option<Mark>,
}

/// A batch, or more of it, began to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The batch.
    pub id: String,
    /// When.
    pub mark: Mark,
    /// How much, in micrograms.
    pub mass: Option<u64>,
}

/// Things became other things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transformation {
    /// When; of one that several events tell, the last of them.
    pub mark: Mark,
    /// What was used.
    pub inputs: Vec<Load>,
    /// What was made.
    pub outputs: Vec<Load>,
    /// Its processes, by their place in [`Graph::legs`].
    pub legs: Vec<usize>,
}

/// Everything that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The mass of single things in micrograms, where product data say it.
    pub masses: BTreeMap<String, u64>,
    /// All legs.
    pub legs: Vec<Leg>,
    /// What was in what, and when.
    pub packing: Vec<Packing>,
    /// What began to exist other than by transformation.
    pub made: Vec<Made>,
    /// What became what.
    pub transformations: Vec<Transformation>,
    /// Things whose whole history is not in here, because a limit was reached.
    pub cut: Vec<String>,
}
