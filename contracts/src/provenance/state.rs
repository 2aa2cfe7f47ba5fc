//! What is known of an item, from its steps in the order of the story.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tracehold_chain::anomaly::AnomalyKind;
use tracehold_chain::state::Position;

use super::step::{Mark, Party, SensorVerdict, Unit};

/// Anomalies that an item's state lists; when there are more, the newest of them.
pub const MAX_OPEN_ANOMALIES: usize = 16;

/// Times at which a container was emptied that its state lists: the newest. What was put in before
/// the oldest of a full list is taken to have come out then.
pub const MAX_EMPTIED: usize = 4;

/// Units in which a lot's quantities are kept; what comes in more is not balanced.
pub const MAX_BALANCES: usize = 8;

/// Holders of one lot that its state lists: the newest.
pub const MAX_HOLDERS: usize = 16;

/// Shipments of one lot under way that its state lists: the newest.
pub const MAX_TRANSITS: usize = 16;

/// Something that an event said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said<T> {
    /// What.
    pub what: T,
    /// The event.
    pub mark: Mark,
}

/// Whether an item exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Life {
    /// No event on record brought it into the world.
    #[default]
    NotCommissioned,
    /// Since this event.
    Active(Mark),
    /// No more since this event.
    Ended(Ending, Mark),
}

/// How an item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Its identifier was taken off; it can be commissioned anew.
    Decommissioned,
    /// It was destroyed.
    Destroyed,
    /// It became something else.
    Consumed,
    /// Another deletion.
    Other,
}

/// A shipment under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transit {
    /// Who sent it, and holds it until it is received.
    pub from: Party,
    /// To whom; `None` when nobody was named.
    pub to: Option<Party>,
    /// Who is to own it in the end, when somebody else carries it there.
    pub then: Option<Party>,
    /// The event that sent it.
    pub since: Mark,
}

impl Transit {
    /// Whether it is on its way to that party, there or further on.
    #[must_use]
    pub fn is_for(&self, party: &Party) -> bool {
        self.to.as_ref() == Some(party) || self.then.as_ref() == Some(party)
    }
}

/// When everything was taken out of a container, and what was true of the container then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emptied {
    /// The event.
    pub mark: Mark,
    /// Who held it.
    pub holder: Option<Party>,
    /// Where it was.
    pub place: Option<(String, Mark)>,
    /// Whether and where to it was on its way.
    pub transits: Vec<Transit>,
}

/// What was made of a lot and what became of it, in one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// The unit.
    pub unit: Unit,
    /// Commissioned or put out by transformations.
    pub made: Decimal,
    /// Used up by transformations.
    pub used: Decimal,
    /// Ended: destroyed, dispensed, decommissioned.
    pub ended: Decimal,
}

impl Balance {
    /// What should be left.
    #[must_use]
    pub fn left(&self) -> Decimal {
        // Each amount is bounded, so that no sum of them comes near a decimal's end.
        self.made.saturating_sub(self.used).saturating_sub(self.ended)
    }
}

/// Something that does not add up and is not resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAnomaly {
    /// What.
    pub kind: AnomalyKind,
    /// The event that shows it.
    pub position: Position,
}

/// What is known of an item. Everything says which event says so.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ItemState {
    /// The newest event of the story.
    pub last: Mark,
    /// Whether it exists.
    pub life: Life,
    /// The first event that counted.
    pub first: Option<Mark>,
    /// The last business step.
    pub biz_step: Option<Said<String>>,
    /// The last disposition.
    pub disposition: Option<Said<String>>,
    /// Where it was seen last by itself; while it is packed, its container's place counts.
    pub place: Option<Said<String>>,
    /// What it was packed in; it is out when the parent was emptied since (see [`Emptied`]).
    pub parent: Option<Said<String>>,
    /// When it was emptied, as a container.
    pub emptied: Vec<Emptied>,
    /// Who holds it, the newest holder last: one of a thing, each who has some of a lot. While it
    /// is packed, the outermost container's holder counts.
    pub holders: Vec<Said<Party>>,
    /// Shipments under way: one of a thing, several of a lot.
    pub transits: Vec<Transit>,
    /// Quantities by unit, for lots.
    pub balances: Vec<Balance>,
    /// What sensors said last, if limits are declared.
    pub sensor: Option<Said<SensorVerdict>>,
    /// Claims: steps of those without standing.
    pub claims: u32,
    /// What does not add up, oldest first.
    pub open: Vec<OpenAnomaly>,
    /// How much does not add up, what is not listed included.
    pub open_count: u32,
}

impl ItemState {
    /// Whether an anomaly of this kind is open.
    #[must_use]
    pub fn has_open(&self, kind: AnomalyKind) -> bool {
        self.open.iter().any(|open| open.kind == kind)
    }

    /// Who holds it; of a lot, who got some last.
    #[must_use]
    pub fn holder(&self) -> Option<&Said<Party>> {
        self.holders.last()
    }

    /// The shipment under way; of a lot, the newest.
    #[must_use]
    pub fn transit(&self) -> Option<&Transit> {
        self.transits.last()
    }

    /// When a container was first emptied after `mark`, if it was.
    #[must_use]
    pub fn emptied_after(&self, mark: Mark) -> Option<&Emptied> {
        self.emptied.iter().find(|emptied| emptied.mark > mark)
    }

    pub(super) fn open(&mut self, kind: AnomalyKind, position: Position) {
        self.open_count = self.open_count.saturating_add(1);
        if self.open.len() >= MAX_OPEN_ANOMALIES {
            self.open.remove(0);
        }
        self.open.push(OpenAnomaly { kind, position });
    }
}
