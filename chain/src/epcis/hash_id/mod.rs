//! The event hash id of CBV 2.0: a name that an event gives itself.
//!
//! CBV 2.0 §8.9.2 ("EPCIS Event Hash ID") lays an event out as one line of text, the pre-hash
//! string, and names the event by its SHA-256 as a RFC 6920 URI:
//!
//! ```text
//! ni:///sha-256;<64 hexadecimal digits>?ver=CBV2.0
//! ```
//!
//! Two spellings of one event, in JSON or XML, with URNs or Digital Links, in whatever order, give
//! one id. It serves as eventID where none is given and to recognise a duplicate; what it leaves
//! out (recordTime, eventID, errorDeclaration, comments) makes it no evidence of what was
//! recorded. [`layout`](self) writes the fields in their order, `value` each value in its one
//! spelling.
//!
//! **Where the text and the published vectors disagree, the vectors decide**, since other
//! implementations were checked against them: `certificationInfo` follows the zone offset;
//! `parentID` comes before `epcList`; the lists of business transactions, destinations and sources
//! stand, in this order, among `ilmd` and the extensions behind all other fields, and in each entry
//! the type comes first; a field that the text gives no place, such as bizRules in a sensorReport,
//! stands there too. Prefixes that a document in XML declares count for names and not for values
//! ([`Reading::from_xml`]), and numbers go through a double ([`EventHash::exact`]). Times between
//! two milliseconds are rounded half up, as the text says.

mod layout;
mod value;

use std::collections::BTreeSet;

use serde_json::Value;

use super::Event;
use super::check::Object;
use super::context::Contexts;
use crate::digest::Digest;

/// An event's hash id and the text it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHash {
    /// The pre-hash string; its SHA-256 is in the id.
    pub prehash: String,
    /// The id: a `ni` URI of RFC 6920.
    pub id: String,
    /// Whether events of this id are one event. A number of more than 15 digits is rounded, so
    /// that two events that differ in its last digits have one id.
    pub exact: bool,
}

/// What the document of an event says of how its id is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Members of the event that are no part of it, as they are spelled there.
    pub ignored: BTreeSet<String>,
    /// Whether the document was in XML. There a prefix belongs to the name of an element or
    /// attribute; a value is a whole URI, so that of `example:x` nothing is expanded. GS1's own
    /// prefixes (`gs1:`, `cbv:`) are.
    pub from_xml: bool,
}

/// The hash id of an event that has been validated, of a document read so (see
/// [`super::Document::reading`]).
#[must_use]
pub fn of_event(event: &Event, reading: &Reading) -> EventHash {
    of(event.object(), event.contexts(), reading)
}

/// The hash id of an event object.
#[must_use]
pub fn of(event: &Object, contexts: Contexts<'_>, reading: &Reading) -> EventHash {
    let prehash = layout::prehash(event, contexts, reading);
    let id = format!("ni:///sha-256;{}?ver=CBV2.0", Digest::of_file(prehash.as_bytes()));
    EventHash { prehash, id, exact: event.values().all(is_exact) }
}

/// Whether no number in `value` may be rounded.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().all(is_exact),
        Value::Object(object) => object.values().all(is_exact),
        single => !value::may_be_rounded(&value::plain_text(single)),
    }
}

/// Whether `uri` has the form of an event hash id of CBV 2.0.
#[must_use]
pub fn is_hash_id(uri: &str) -> bool {
    let digits = uri.strip_prefix("ni:///sha-256;").and_then(|r| r.strip_suffix("?ver=CBV2.0"));
    digits.is_some_and(|digits| {
        digits.len() == 64
            && digits
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase() && b.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests;
