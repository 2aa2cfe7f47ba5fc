//! Events in salted sections.
//!
//! An event is cut into three sections: `public` (what a scan may show), `trade` (between the
//! parties) and `rest`. Each is a JSON object in canonical text (RFC 8785) with a salt of 32
//! bytes; the event digest is the RFC 6962 root over their leaves
//!
//! ```text
//! leaf = SHA-256 of domain EventSection over: length of name (1 byte) ‖ name ‖ salt ‖ text
//! ```
//!
//! so that a section can be shown, kept back or deleted without changing the digest, and without
//! its salt nobody can guess what it said. A section without content is there too, as `{}`.
//!
//! **Which member goes where** is a fixed policy ([`policy`]), part of the ledger's format: a
//! stored event whose sections are not exactly what the policy makes of it is refused, so nobody
//! can hide a public fact or publish another's trade. Objects and lists of objects may be cut
//! themselves. A list is cut by position: each section that holds a part of it has as many
//! elements, and what an element lacks there is in another section. Merging puts members and
//! elements of the same position together again and gives back the same JSON value. What the
//! recorder marks as public ([`marks`]) is.
//!
//! The `@context` of the document an event came in stands in the public section under the key
//! `@documentContext`, which no event may use.

pub(super) mod marks;
mod policy;

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use self::policy::Cut;
use super::canonical;
use super::check::Object;
use super::context::Contexts;
use super::event::{Event, Origin};
use super::json::{JsonError, parse_to_depth};
use super::violation::Violation;
use crate::digest::{Digest, Domain, Hasher, deserialize_fixed, serialize_fixed};
use crate::limits::MAX_JSON_DEPTH;
use crate::merkle;

/// Where the context of an event's document stands.
const DOCUMENT_CONTEXT: &str = "@documentContext";

/// Which part of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SectionName {
    /// What a scan may show: step, time, identifiers, place, product facts, sensor summary.
    Public,
    /// Business transactions, sources and destinations, quantities, exact positions, prices.
    Trade,
    /// Everything else: extension fields, raw sensor data.
    Rest,
}

impl SectionName {
    /// All sections, in the order of their leaves.
    pub const ALL: [SectionName; 3] = [SectionName::Public, SectionName::Trade, SectionName::Rest];

    /// The name as it is digested and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SectionName::Public => "public",
            SectionName::Trade => "trade",
            SectionName::Rest => "rest",
        }
    }
}

impl std::fmt::Display for SectionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Thirty-two bytes that keep a section from being guessed; secret as long as the section is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt(…)")
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_fixed(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Salt, D::Error> {
        deserialize_fixed(deserializer).map(Salt)
    }
}

/// One section: a JSON object in canonical text, and its salt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    salt: Salt,
    json: String,
}

impl Section {
    /// The canonical text.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The salt.
    #[must_use]
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    fn leaf(&self, name: SectionName) -> Digest {
        SectionedEvent::leaf_of(name, &self.salt, &self.json)
    }
}

/// An event in its three sections, as it travels and is stored. What comes from elsewhere is
/// anything at all until [`SectionedEvent::event`] has accepted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionedEvent {
    public: Section,
    trade: Section,
    rest: Section,
}

/// Why sections are no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SectionError {
    /// A section is no strict JSON.
    #[error("section {0}: {1}")]
    Json(SectionName, JsonError),
    /// A section is JSON but no object.
    #[error("section {0} is no JSON object")]
    NotAnObject(SectionName),
    /// Two sections say something in the same place.
    #[error("section {0} says again what another says")]
    Overlap(SectionName),
    /// The text is not canonical, or something stands in the wrong section.
    #[error("section {0} is not what cutting the event gives")]
    NotAsCut(SectionName),
    /// The event breaks a rule of EPCIS or of the ledger.
    #[error("the event is invalid: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Invalid(Vec<Violation>),
}

impl SectionedEvent {
    /// Cuts an event. `salt` gives each section its salt, once each, in the order of
    /// [`SectionName::ALL`].
    #[must_use]
    pub fn split(event: &Event, salt: &mut dyn FnMut(SectionName) -> [u8; 32]) -> SectionedEvent {
        let parts = cut(event.object(), event.document_context());
        let mut section = |name: SectionName, part: &Object| {
            let mut json = String::with_capacity(256);
            canonical::write_map(part, &mut json);
            Section { salt: Salt(salt(name)), json }
        };
        let public = section(SectionName::Public, &parts.public);
        let trade = section(SectionName::Trade, &parts.trade);
        let rest = section(SectionName::Rest, &parts.rest);
        SectionedEvent { public, trade, rest }
    }

    /// The leaf of a section with this salt and text, whatever the text is.
    #[must_use]
    pub fn leaf_of(name: SectionName, salt: &Salt, text: &str) -> Digest {
        let name = name.as_str().as_bytes();
        let length = u8::try_from(name.len()).expect("section names are short");
        Hasher::new(Domain::EventSection)
            .chain(&[length])
            .chain(name)
            .chain(&salt.0)
            .chain(text.as_bytes())
            .finish()
    }

    /// The section of that name.
    #[must_use]
    pub fn section(&self, name: SectionName) -> &Section {
        match name {
            SectionName::Public => &self.public,
            SectionName::Trade => &self.trade,
            SectionName::Rest => &self.rest,
        }
    }

    /// The leaves of the event digest, in the order of [`SectionName::ALL`].
    #[must_use]
    pub fn leaves(&self) -> [Digest; 3] {
        SectionName::ALL.map(|name| self.section(name).leaf(name))
    }

    /// The event digest: what is signed, logged and proved.
    #[must_use]
    pub fn digest(&self) -> Digest {
        merkle::root(&self.leaves())
    }

    /// How many members of the event are not in the public section, or not whole. A member that is
    /// cut counts once.
    #[must_use]
    pub fn withheld_members(&self) -> usize {
        let read = |name| self.read(name).unwrap_or_default();
        let (mut trade, rest) = (read(SectionName::Trade), read(SectionName::Rest));
        trade.extend(rest);
        trade.len()
    }

    /// Bytes of the three texts.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        SectionName::ALL.iter().map(|name| self.section(*name).json.len()).sum()
    }

    /// Puts the sections together and validates the event, trusting nobody.
    ///
    /// # Errors
    /// [`SectionError`]: a malformed section, one that is not as [`SectionedEvent::split`] makes
    /// it, or an event that breaks the rules.
    pub fn event(&self) -> Result<Event, SectionError> {
        let (object, context) = self.checked_parts()?;
        let context = context.map(Arc::new);
        Event::build(Value::Object(object), context, Origin::Stored).map_err(SectionError::Invalid)
    }

    /// The event of sections that this node has accepted before: as [`SectionedEvent::event`], and
    /// several times faster, since nothing is validated again. Never for what others send.
    ///
    /// # Errors
    /// [`SectionError`] for malformed sections.
    ///
    /// # Panics
    /// When they were never accepted.
    pub fn recorded(&self) -> Result<Event, SectionError> {
        let (object, context) = self.recorded_parts()?;
        Event::recorded(object, context).map_err(SectionError::Invalid)
    }

    /// The object of such an event, and the context of the document it came in.
    ///
    /// # Errors
    /// [`SectionError`] for malformed sections.
    pub fn recorded_parts(&self) -> Result<(Object, Option<Arc<Value>>), SectionError> {
        let mut merged = self.read(SectionName::Public)?;
        for name in [SectionName::Trade, SectionName::Rest] {
            let part = self.read(name)?;
            merge_objects(&mut merged, part).ok_or(SectionError::Overlap(name))?;
        }
        let context = merged.remove(DOCUMENT_CONTEXT).map(Arc::new);
        Ok((merged, context))
    }

    /// What follows the encoding of an event in `bytes`; `None` when they are too few.
    pub(crate) fn encoded_after(bytes: &[u8]) -> Option<&[u8]> {
        // Each section is its salt, the length of its text and the text.
        let mut rest = bytes;
        for _ in 0..3 {
            let (_salt, after) = rest.split_first_chunk::<32>()?;
            let (length, after) = after.split_first_chunk::<8>()?;
            rest = after.get(usize::try_from(u64::from_le_bytes(*length)).ok()?..)?;
        }
        Some(rest)
    }

    /// Puts the sections together: the event as JSON, exactly as it was cut, without validating it
    /// against EPCIS. Contexts of the document are left out; [`SectionedEvent::event`] has them.
    ///
    /// # Errors
    /// [`SectionError`] for malformed sections.
    pub fn merge(&self) -> Result<Value, SectionError> {
        self.checked_parts().map(|(object, _)| Value::Object(object))
    }

    /// What only these sections say of an event that [`SectionedEvent::event`] has accepted, with
    /// the contexts that apply in its `@context`: what somebody may see who may not see all. In a
    /// list that is cut, each element shows what these sections have of it.
    ///
    /// # Errors
    /// [`SectionError`] for malformed sections.
    pub fn part(&self, names: &[SectionName]) -> Result<Value, SectionError> {
        let mut merged = Object::new();
        for name in names {
            let part = self.read(*name)?;
            merge_objects(&mut merged, part).ok_or(SectionError::Overlap(*name))?;
        }
        if let Some(context) = merged.remove(DOCUMENT_CONTEXT) {
            let all = Contexts::new(Some(&context), merged.get("@context")).effective();
            merged.insert("@context".to_owned(), all);
        }
        Ok(Value::Object(merged))
    }

    /// The merged object and the document's context, the sections being exactly as cut.
    fn checked_parts(&self) -> Result<(Object, Option<Value>), SectionError> {
        let mut merged = self.read(SectionName::Public)?;
        for name in [SectionName::Trade, SectionName::Rest] {
            let part = self.read(name)?;
            merge_objects(&mut merged, part).ok_or(SectionError::Overlap(name))?;
        }
        let context = merged.remove(DOCUMENT_CONTEXT);
        let parts = cut(&merged, context.as_ref());
        let mut text = String::with_capacity(self.public.json.len());
        for (name, part) in [
            (SectionName::Public, &parts.public),
            (SectionName::Trade, &parts.trade),
            (SectionName::Rest, &parts.rest),
        ] {
            text.clear();
            canonical::write_map(part, &mut text);
            if text != self.section(name).json {
                return Err(SectionError::NotAsCut(name));
            }
        }
        Ok((merged, context))
    }

    fn read(&self, name: SectionName) -> Result<Object, SectionError> {
        let bytes = self.section(name).json.as_bytes();
        let value = parse_to_depth(bytes, MAX_JSON_DEPTH)
            .map_err(|error| SectionError::Json(name, error))?;
        match value {
            Value::Object(object) => Ok(object),
            _ => Err(SectionError::NotAnObject(name)),
        }
    }
}

fn cut(object: &Object, document_context: Option<&Value>) -> Cut<Object> {
    let contexts = Contexts::new(document_context, object.get("@context"));
    let mut parts = policy::cut_event(object, &marks::marked(object, contexts));
    if let Some(context) = document_context {
        parts.public.insert(DOCUMENT_CONTEXT.to_owned(), context.clone());
    }
    parts
}

/// Adds what `part` says to `whole`; `None` when both say something in the same place.
fn merge_objects(whole: &mut Object, part: Object) -> Option<()> {
    for (key, value) in part {
        match whole.entry(key) {
            serde_json::map::Entry::Vacant(place) => {
                place.insert(value);
            }
            serde_json::map::Entry::Occupied(mut place) => merge_values(place.get_mut(), value)?,
        }
    }
    Some(())
}

fn merge_values(whole: &mut Value, part: Value) -> Option<()> {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => merge_objects(whole, part),
        (Value::Array(whole), Value::Array(part)) if whole.len() == part.len() => {
            whole.iter_mut().zip(part).try_for_each(|(whole, part)| merge_values(whole, part))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
