//! What an event says that the ledger acts on.

use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::SectionedEvent;
use tracehold_chain::state::ItemRole;
use tracehold_chain::units::TimestampMs;

use crate::receipt::{Rejection, RejectionCode};

/// One item that an event names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedItem {
    /// The digest by which its canonical identifier is filed.
    pub name: Digest,
    /// How the event names it.
    pub role: ItemRole,
    /// Whether it has a log under the state root: places and classes without lot have a local
    /// index only.
    pub has_log: bool,
}

/// An identifier that an event commissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commissioned(String);

impl Commissioned {
    /// Whether one of `prefixes` covers it.
    #[must_use]
    pub fn is_under(&self, prefixes: &[String]) -> bool {
        !prefixes.is_empty()
    }

    /// Its canonical spelling.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.0
    }
}

/// What an event says that the ledger acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its eventID.
    pub event_id: String,
    /// When it was declared in error, for an error declaration.
    pub declared_at: Option<TimestampMs>,
    /// Digest of the public facts that an error declaration must repeat.
    pub likeness: Digest,
    /// The items it names, each once, in the order of the digests of their names.
    pub items: Vec<NamedItem>,
    /// The identifiers it brings into the world.
    pub commissioned: Vec<Commissioned>,
}

/// Why a body is no event that can be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventFault {
    /// It has no eventID.
    NoEventId,
    /// It breaks a rule; the first one, in words.
    Invalid(String),
}

impl EventFault {
    /// The rejection of the transaction that carries it as its event `index`.
    #[must_use]
    pub fn rejection(self, index: usize) -> Rejection {
        match self {
            EventFault::NoEventId => {
                Rejection::of_event(RejectionCode::EventIdMissing, index, "eventID")
            }
            EventFault::Invalid(what) => {
                Rejection::of_event(RejectionCode::EventInvalid, index, what)
            }
        }
    }
}

impl Facts {
    /// Reads and checks the body of an event.
    ///
    /// # Errors
    /// [`EventFault`] when it is none that can be recorded.
    pub fn read(_body: &SectionedEvent) -> Result<Facts, EventFault> {
        Err(EventFault::NoEventId)
    }

    /// State entries that recording this writes: the event and the head of each log.
    #[must_use]
    pub fn touches(&self) -> usize {
        self.items.len().saturating_add(1)
    }
}
