//! GS1 EPCIS 2.0 events: the record people bring.
//!
//! A client sends a [`Document`] of events, or one [`Event`] alone. [`json`] reads the text
//! strictly, `validate` checks it against the standard with the words of [`vocabulary`], and
//! everything wrong comes back as a [`Violation`]: where, which rule, how to mend it. The event
//! keeps its JSON as given; what the ledger understands of it (times, steps, the things it names
//! in the one spelling of [`identifier`] and [`digital_link`]) stands beside it in types.
//!
//! To be recorded, an event is cut into salted sections ([`SectionedEvent`]), whose Merkle root is
//! the event digest. Every node puts the sections of others together again and validates them as
//! if they came from a stranger.
//!
//! Documents in XML become such in JSON ([`Document::parse_xml`]).
//!
//! Strict is the default; [`Document::parse_lenient`] brings what many systems write into form and
//! records each change as a [`Normalisation`]. [`hash_id`] gives events their CBV 2.0 names;
//! [`gs1`] and [`digital_link`] read and write GS1's identifiers to the letter.
//!
//! What an event says of its carbon footprint is read by [`activity`].
//!
//! Contexts are resolved from what documents and events declare ([`context`]) and never fetched.

pub mod activity;
pub mod canonical;
mod check;
pub mod context;
pub mod digital_link;
mod document;
mod epc_urn;
mod event;
pub mod gs1;
pub mod hash_id;
pub mod identifier;
pub mod json;
mod lenient;
mod pointer;
pub mod query;
mod sections;
#[cfg(test)]
mod testing;
pub mod time;
pub mod translate;
pub mod uri;
mod validate;
mod violation;
pub mod vocabulary;
mod xml;

pub(crate) use canonical::text as canonical_text;
pub(crate) use check::{Checker, shown};
pub use document::{Answered, Document, DocumentKind, query_document, query_document_of};
pub use event::{
    Action, BizTransaction, ErrorDeclaration, Event, EventType, Named, Quantity, Role,
    SensorReading, TransferEnd,
};
pub use identifier::{
    Canonical, Flaw, Level, canonical, check_digit, company_prefix_owns, has_valid_check_digit,
};
pub use lenient::Normalisation;
pub(crate) use pointer::Path;
pub use sections::{Salt, Section, SectionError, SectionName, SectionedEvent};
pub use violation::{MAX_VIOLATIONS, Violation};
pub use xml::xml_to_json;

#[cfg(test)]
mod tests;
