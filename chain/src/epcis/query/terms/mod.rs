//! Terms: the names under which an event is found.
//!
//! [`Findable::of`] says under which terms an event is filed, and
//! [`Condition::terms`](super::Condition::terms) under which of them the events that meet a
//! condition are to be found. Both sides are made here, so that they agree: an event that meets the
//! condition is filed under one of its terms. Whether every event so filed meets it,
//! [`Terms::exact`] says. Identifiers have no terms, but classes: the ledger keeps the journal of
//! each thing anyway.

mod asked;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::field::{sensor_elements, sensor_metadata, sensor_reports};
use super::{LinkField, PlaceField};
use crate::digest::{Domain, Hasher};
use crate::epcis::check::Object;
use crate::epcis::digital_link::CANONICAL_DOMAIN;
use crate::epcis::event::{Event, Named, Role};
use crate::epcis::identifier::{Level, canonical};
use crate::epcis::vocabulary::Vocabulary;
use crate::units::TimestampMs;

/// Bytes of a term: enough that nobody makes two names with one.
pub const TERM_BYTES: usize = 16;

/// Fields of extensions, by name, under which one event is filed; one with more is filed under
/// all.
pub const MAX_FIELD_TERMS: usize = 64;

/// Digits that every GS1 company prefix has at least.
const SHORTEST_PREFIX: usize = 6;

/// The name of something that events can have in common.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct Term(pub [u8; TERM_BYTES]);

impl Term {
    fn of(kind: u8, parts: &[&str]) -> Term {
        let mut hasher = Hasher::new(Domain::EventTerm).chain(&[kind]);
        for part in parts {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            hasher = hasher.chain(&length.to_be_bytes()).chain(part.as_bytes());
        }
        let digest = hasher.finish();
        let mut term = [0; TERM_BYTES];
        term.copy_from_slice(digest.0.split_at(TERM_BYTES).0);
        Term(term)
    }

    /// The term of events that say that things were in something of a class: the product of a
    /// piece, by its canonical identifier.
    #[must_use]
    pub fn held_in(class: &str) -> Term {
        Term::of(HELD_IN, &[class])
    }

    /// The term of events that use up a thing of a class by its own number.
    #[must_use]
    pub fn used_up(class: &str) -> Term {
        Term::of(USED_UP, &[class])
    }

    /// The term of events that use up any thing by its own number.
    #[must_use]
    pub fn uses_up_things() -> Term {
        Term::of(USED_UP, &[])
    }

    /// The term of events that say that things were in a lot.
    #[must_use]
    pub fn held_in_a_lot() -> Term {
        Term::of(HELD_IN, &[])
    }

    /// The term of a value that can be browsed.
    #[must_use]
    pub fn of_value(field: Browsed, value: &str) -> Term {
        Term::of(field.tag(), &[value])
    }
}

const ACTION: u8 = b'A';
const SET: u8 = b'p';
const UNSET: u8 = b'u';
const TRANSFORMATION: u8 = b'x';
const CORRECTIVE: u8 = b'c';
const DECLARED_WRONG: u8 = b'E';
const SENSED: u8 = b'S';
const MEASUREMENT: u8 = b'm';
const DEVICE: u8 = b'D';
const FIELD: u8 = b'X';
const MANY_FIELDS: u8 = b'Y';
/// A class that the event names itself.
const CLASS: u8 = b'G';
/// The class of something that it names, which may be a class.
const UNDER_CLASS: u8 = b'g';
/// What it says that things were in, by its class.
const HELD_IN: u8 = b'P';
/// What it uses up by its own number, by its class.
const USED_UP: u8 = b'i';
const BEGINS: u8 = b'k';
const KEY: u8 = b'K';
const URN_SCHEME: u8 = b'U';

/// A field whose values can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Browsed {
    /// The type.
    EventType,
    /// The business step.
    BizStep,
    /// The disposition.
    Disposition,
    /// The read point.
    ReadPoint,
    /// The business location.
    BizLocation,
}

impl Browsed {
    /// Every such field.
    pub const ALL: [Browsed; 5] = [
        Browsed::EventType,
        Browsed::BizStep,
        Browsed::Disposition,
        Browsed::ReadPoint,
        Browsed::BizLocation,
    ];

    /// The byte that stands for it in keys.
    #[must_use]
    pub fn tag(self) -> u8 {
        match self {
            Browsed::EventType => b'T',
            Browsed::BizStep => b's',
            Browsed::Disposition => b'd',
            Browsed::ReadPoint => b'r',
            Browsed::BizLocation => b'l',
        }
    }
}

/// Under which terms one event is filed, and what of it can be browsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findable {
    /// When it happened.
    pub event_time: TimestampMs,
    /// Sorted, each once.
    pub terms: Box<[Term]>,
    /// The values of its fields that can be browsed, with their terms.
    pub values: Box<[(Browsed, Term, String)]>,
}

impl Findable {
    /// Under which terms `event` is filed.
    #[must_use]
    pub fn of(event: &Event) -> Findable {
        let mut filing = Filing { terms: Vec::with_capacity(24), values: Vec::new(), event };
        filing.words();
        filing.links();
        filing.things();
        filing.sensors();
        filing.fields();
        let Filing { mut terms, values, .. } = filing;
        terms.sort_unstable();
        terms.dedup();
        Findable {
            event_time: event.event_time(),
            terms: terms.into_boxed_slice(),
            values: values.into_boxed_slice(),
        }
    }
}

/// An event while its terms are collected.
struct Filing<'e> {
    terms: Vec<Term>,
    values: Vec<(Browsed, Term, String)>,
    event: &'e Event,
}

impl Filing<'_> {
    fn add(&mut self, kind: u8, parts: &[&str]) {
        self.terms.push(Term::of(kind, parts));
    }

    /// A word that a query may give as written, or as its full URI.
    fn word(&mut self, kind: u8, before: &[&str], word: &str) {
        let full = self.event.contexts().expand(word);
        for spelled in std::iter::once(word).chain(full.as_deref()) {
            let parts: Vec<&str> = before.iter().copied().chain([spelled]).collect();
            self.add(kind, &parts);
        }
    }

    fn browsed(&mut self, field: Browsed, value: Option<&str>) {
        let Some(value) = value else { return };
        let full = self.event.contexts().expand(value);
        self.add(field.tag(), &[value]);
        let shown = full.as_deref().unwrap_or(value);
        let term = Term::of_value(field, shown);
        self.terms.push(term);
        self.values.push((field, term, shown.to_owned()));
    }

    fn words(&mut self) {
        let event = self.event;
        self.browsed(Browsed::EventType, Some(event.type_name()));
        self.browsed(Browsed::BizStep, event.biz_step());
        self.browsed(Browsed::Disposition, event.disposition());
        for (field, place) in
            [(Browsed::ReadPoint, event.read_point()), (Browsed::BizLocation, event.biz_location())]
        {
            // Identifiers compare in their one spelling only.
            if let Some(place) = place {
                let term = Term::of_value(field, place);
                self.terms.push(term);
                self.values.push((field, term, place.to_owned()));
            }
        }
        if let Some(action) = event.action() {
            self.add(ACTION, &[action.name()]);
        }
        let persistent = event.object().get("persistentDisposition");
        for (key, kind) in [("set", SET), ("unset", UNSET)] {
            let list = persistent.and_then(|both| both.get(key)).and_then(Value::as_array);
            for word in list.into_iter().flatten().filter_map(Value::as_str) {
                self.word(kind, &[], Vocabulary::Disposition.plain(word));
            }
        }
        if let Some(declared) = event.error_declaration() {
            self.add(DECLARED_WRONG, &[]);
            for id in &declared.corrective_event_ids {
                self.add(CORRECTIVE, &[id]);
            }
        }
        if let Some(id) = event.transformation_id() {
            self.add(TRANSFORMATION, &[canonical(id).uri()]);
        }
    }

    fn links(&mut self) {
        let event = self.event;
        for field in [LinkField::BizTransaction, LinkField::Source, LinkField::Destination] {
            for (kind, id) in field.of(event) {
                let Some(kind) = kind else { continue };
                let full = event.contexts().expand(kind);
                for kind in std::iter::once(kind).chain(full.as_deref()) {
                    self.add(field.tag(), &[kind, id]);
                }
            }
        }
    }

    fn things(&mut self) {
        // Of the many things that one event may name, most are of a few classes.
        let (mut classes, mut begins) = (BTreeSet::new(), BTreeSet::new());
        for named in self.event.identifiers() {
            if named.level == Level::Class || (named.by_class && !named.has_log()) {
                self.terms.push(Term::of(CLASS, &[&named.uri]));
            }
            let key = GS1Key::of(named);
            self.part(named, key.as_ref().and_then(|key| key.class));
            match key {
                Some(key) => {
                    if let Some(class) = key.class {
                        classes.insert(class);
                    }
                    begins.insert((key.ai, key.first_digits));
                }
                None => {
                    if let Some(scheme) = urn_scheme(&named.uri) {
                        begins.insert((scheme, ""));
                    }
                }
            }
        }
        for class in classes {
            self.add(UNDER_CLASS, &[class]);
        }
        for (key, digits) in begins {
            if key.contains(':') {
                self.add(URN_SCHEME, &[key]);
            } else {
                self.add(KEY, &[key]);
                self.add(BEGINS, &[key, digits]);
            }
        }
    }

    /// Files the event under the part that a thing has in it, when that is one that a recall goes
    /// on from: what things were in, and what was used up by its own number.
    fn part(&mut self, named: &Named, class: Option<&str>) {
        match named.role {
            Role::Parent => {
                self.terms.extend(class.map(Term::held_in));
                if named.level == Level::Lot {
                    self.terms.push(Term::held_in_a_lot());
                }
            }
            Role::Input if named.has_log() && named.level != Level::Lot => {
                self.terms.extend(class.map(Term::used_up));
                self.terms.push(Term::uses_up_things());
            }
            _ => {}
        }
    }

    fn sensors(&mut self) {
        let event = self.event;
        if sensor_elements(event).next().is_none() {
            return;
        }
        self.add(SENSED, &[]);
        for report in sensor_reports(event) {
            if let Some(measured) = report.get("type").and_then(Value::as_str) {
                self.word(MEASUREMENT, &[], Vocabulary::MeasurementType.plain(measured));
            }
        }
        for part in sensor_metadata(event).chain(sensor_reports(event)) {
            if let Some(device) = part.get("deviceID").and_then(Value::as_str) {
                self.add(DEVICE, &[canonical(device).uri()]);
            }
        }
    }

    fn fields(&mut self) {
        let mut names = BTreeSet::new();
        collect_fields(self.event.object(), &mut names);
        if names.len() > MAX_FIELD_TERMS {
            return self.add(MANY_FIELDS, &[]);
        }
        for name in names {
            self.add(FIELD, &[name]);
        }
    }
}

/// The local names of all fields of extensions in an object, however deep; of more than are
/// wanted, no further ones.
fn collect_fields<'o>(object: &'o Object, names: &mut BTreeSet<&'o str>) {
    for (key, value) in object {
        if names.len() > MAX_FIELD_TERMS || key == "@context" {
            continue;
        }
        if key.contains(':') {
            names.insert(local_name(key));
        }
        collect_inside(value, names);
    }
}

fn collect_inside<'o>(value: &'o Value, names: &mut BTreeSet<&'o str>) {
    match value {
        Value::Object(object) => collect_fields(object, names),
        Value::Array(list) => {
            for value in list.iter().filter(|value| value.is_object() || value.is_array()) {
                collect_inside(value, names);
            }
        }
        _ => {}
    }
}

/// What stands behind the prefix, or behind the namespace of a full URI: the same of both.
fn local_name(name: &str) -> &str {
    name.rsplit([':', '/', '#']).next().unwrap_or(name)
}

/// `urn:epc:id:gid` of an EPC URN that has no GS1 key.
fn urn_scheme(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix("urn:epc:id:")?;
    let scheme = rest.split(':').next()?;
    uri.get(..uri.len() - rest.len() + scheme.len())
}

/// What can be told of a canonical Digital Link without knowing where its company prefix ends.
struct GS1Key<'u> {
    ai: &'u str,
    /// The first digits of the company prefix.
    first_digits: &'u str,
    /// The class that it is of, or is.
    class: Option<&'u str>,
}

impl GS1Key<'_> {
    fn of(named: &Named) -> Option<GS1Key<'_>> {
        let uri = named.uri.as_str();
        let digits = named.company_digits()?;
        let path = uri.strip_prefix(CANONICAL_DOMAIN)?.strip_prefix('/')?;
        let (ai, value) = path.split_once('/')?;
        let begin = uri.len() - value.len();
        let whole = value.split('/').next().map_or(0, str::len);
        let length = match ai {
            // What follows the type is the serial.
            "8003" => whole.min(14),
            "253" | "255" => whole.min(13),
            "01" | "8006" | "8010" | "414" => whole,
            _ => 0,
        };
        let class = if length > 0 { uri.get(..begin + length) } else { None };
        let first_digits = digits.get(..SHORTEST_PREFIX).unwrap_or(digits);
        Some(GS1Key { ai, first_digits, class })
    }
}

impl LinkField {
    fn tag(self) -> u8 {
        match self {
            LinkField::BizTransaction => b'b',
            LinkField::Source => b'o',
            LinkField::Destination => b'e',
        }
    }
}

impl PlaceField {
    /// As what it is browsed.
    #[must_use]
    pub fn browsed(self) -> Browsed {
        match self {
            PlaceField::ReadPoint => Browsed::ReadPoint,
            PlaceField::BizLocation => Browsed::BizLocation,
        }
    }
}

/// Under which terms events that meet a condition are filed: under any of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The terms.
    pub any: Vec<Term>,
    /// Whether every event filed under one of them meets the condition.
    pub exact: bool,
}
