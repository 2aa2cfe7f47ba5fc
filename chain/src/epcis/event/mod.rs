//! One EPCIS event: the JSON as given, and what the ledger understands of it.

mod lists;
mod sensor;

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::activity::{self, Activity};
use super::check::{Checker, Object, shown};
use super::context::{self, Contexts};
use super::hash_id::{self, Reading};
use super::identifier::{Level, canonical};
use super::pointer::Path;
use super::sections::marks;
use super::violation::Violation;
use super::vocabulary::Vocabulary;
use super::{json, time, validate};
use crate::limits::{MAX_JSON_DEPTH, MAX_URI_BYTES};
use crate::units::TimestampMs;
pub(super) use lists::exact;
use lists::{LISTS, Oddities, identifiers, oddities_of_list, oddities_of_places};

pub use sensor::SensorReading;

/// The five event types of EPCIS 2.0, and others that an extension defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventType {
    /// Something happened to things.
    #[serde(rename = "ObjectEvent")]
    Object,
    /// Things were put into, seen in or taken out of a container.
    #[serde(rename = "AggregationEvent")]
    Aggregation,
    /// Things were joined to a business transaction.
    #[serde(rename = "TransactionEvent")]
    Transaction,
    /// Things became other things.
    #[serde(rename = "TransformationEvent")]
    Transformation,
    /// Things were joined to, seen with or taken from a larger thing, for long.
    #[serde(rename = "AssociationEvent")]
    Association,
    /// A type of an extension, named by a URI.
    Extended,
}

impl EventType {
    fn of(name: &str) -> EventType {
        match name {
            "ObjectEvent" => EventType::Object,
            "AggregationEvent" => EventType::Aggregation,
            "TransactionEvent" => EventType::Transaction,
            "TransformationEvent" => EventType::Transformation,
            "AssociationEvent" => EventType::Association,
            _ => EventType::Extended,
        }
    }
}

/// What an event does to the things it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    /// They begin: to exist, to be packed, to belong to a transaction.
    Add,
    /// They were seen.
    Observe,
    /// They end.
    Delete,
}

impl Action {
    /// The name in the standard (EPCIS 2.0, section 7.3.1.2).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Action::Add => "ADD",
            Action::Observe => "OBSERVE",
            Action::Delete => "DELETE",
        }
    }
}

/// As what an event names a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// What an object or transaction event is about.
    Epc,
    /// What is packed or joined.
    Child,
    /// What it is packed in or joined to; of a transaction event, the outermost container.
    Parent,
    /// What a transformation used.
    Input,
    /// What a transformation made.
    Output,
}

/// A thing that an event names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its identifier in the one spelling (see [`super::identifier`]).
    pub uri: String,
    /// As what it is named.
    pub role: Role,
    /// What kind of thing the identifier says it is.
    pub level: Level,
    /// Whether it stands in a quantity list: so many of a class, not one thing.
    pub by_class: bool,
    /// How much of it; empty when the event does not say, and of single things.
    pub quantities: Vec<Quantity>,
    /// Where in the URI the digits begin and end that begin with a GS1 company prefix.
    pub company: Option<(usize, usize)>,
}

/// So much of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// The number, exactly as its text says.
    pub value: Decimal,
    /// The unit as given, a UN/CEFACT Rec 20 code; pieces when there is none.
    pub uom: Option<String>,
}

impl Named {
    /// The digits that begin with a GS1 company prefix; `None` when it is no GS1 key.
    #[must_use]
    pub fn company_digits(&self) -> Option<&str> {
        self.company.and_then(|(from, to)| self.uri.get(from..to))
    }

    /// Whether the thing has a log of its own: instances, lots, logistic units and whatever else
    /// is one thing or one batch. Classes without lot are found through local indexes only.
    #[must_use]
    pub fn has_log(&self) -> bool {
        match self.level {
            Level::Class => false,
            Level::Other => !self.by_class,
            _ => true,
        }
    }
}

/// A statement that an earlier event, repeated here with the same eventID, was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorDeclaration {
    /// When it was declared.
    pub declaration_time: TimestampMs,
    /// Why: a bare word of CBV or a URI.
    pub reason: Option<String>,
    /// The events that say it right.
    pub corrective_event_ids: Vec<String>,
}

/// A business document the event belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BizTransaction {
    /// What kind: a bare word of CBV or a URI.
    pub kind: Option<String>,
    /// Its identifier in the one spelling.
    pub id: String,
}

/// A party or place at one end of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferEnd {
    /// What it is to the goods: a bare word of CBV or a URI.
    pub kind: String,
    /// Its identifier in the one spelling.
    pub id: String,
}

/// A validated EPCIS event: the JSON object as given, and what it says in types.
///
/// The JSON never holds `recordTime`: that is the ledger's to say. Two contexts may apply: the one
/// of the document the event came in, kept beside it, and its own, kept in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    object: Object,
    document_context: Option<Arc<Value>>,
    event_type: EventType,
    event_id: Option<String>,
    event_time: TimestampMs,
    zone_offset_minutes: i16,
    action: Option<Action>,
    biz_step: Option<String>,
    disposition: Option<String>,
    read_point: Option<String>,
    biz_location: Option<String>,
    error_declaration: Option<ErrorDeclaration>,
    identifiers: Vec<Named>,
    biz_transactions: Vec<BizTransaction>,
    sources: Vec<TransferEnd>,
    destinations: Vec<TransferEnd>,
}

/// Where an event comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client: `recordTime` is ignored, `eventID` may be missing.
    Client,
    /// The sections of a stored event: both must be as the recorder's node leaves them.
    Stored,
}

impl Event {
    /// Reads and validates one event that stands alone, with its own `@context`; what is against
    /// good sense ([`Event::strictly`]) is refused.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse_bare(bytes: &[u8]) -> Result<Event, Vec<Violation>> {
        let value = json::parse_strict(bytes).map_err(|error| vec![error.into()])?;
        Event::build(value, None, Origin::Client)?.strictly()
    }

    /// Validates one event by the rules that hold for every event on a ledger. `document_context`
    /// is the `@context` of the document it came in; an event without one must have its own.
    ///
    /// # Errors
    /// Everything that is wrong with it, with pointers into the event.
    pub fn from_value(
        mut value: Value,
        document_context: Option<Arc<Value>>,
    ) -> Result<Event, Vec<Violation>> {
        let mut checker = Checker::default();
        settle(&mut checker, &Path::Root, &mut value, 0);
        checker.finish()?;
        Event::build(value, document_context, Origin::Client)
    }

    /// Validates a value that [`json`] has read.
    pub(super) fn build(
        value: Value,
        document_context: Option<Arc<Value>>,
        origin: Origin,
    ) -> Result<Event, Vec<Violation>> {
        let at = Path::Root;
        let mut checker = Checker::default();
        let Value::Object(mut object) = value else {
            checker.object(&at, &value);
            return Err(checker.into_violations());
        };
        let event_type = event_type(&mut checker, &at, &object);
        if document_context.is_none() && !object.contains_key("@context") {
            let message = format!(
                "@context is missing: an event that comes without a document needs it; for GS1's \
                 own fields give {GS1:?}",
                GS1 = context::GS1_CONTEXT
            );
            checker.report(&at.key("@context"), "required", message);
        }
        if let Some(context) = document_context.as_deref() {
            context::check(&mut checker, &at.key("@documentContext"), context);
        }
        validate::check(&mut checker, &at, &object, event_type);
        let contexts = Contexts::new(document_context.as_deref(), object.get("@context"));
        activity::check(&mut checker, &at, &object, contexts);
        marks::check(&mut checker, &at, &object, contexts);
        match origin {
            Origin::Client => {
                object.remove("recordTime");
            }
            Origin::Stored => {
                checker.required(&at, &object, &["eventID"]);
                if object.contains_key("recordTime") {
                    let message = "the ledger says when an event was recorded: leave it out";
                    checker.report(&at.key("recordTime"), "record-time", message);
                }
            }
        }
        checker.finish()?;
        Event::understand(object, document_context, event_type)
    }

    /// Understands an object that was validated before it was stored.
    pub(super) fn recorded(
        object: Object,
        document_context: Option<Arc<Value>>,
    ) -> Result<Event, Vec<Violation>> {
        let event_type = event_type(&mut Checker::default(), &Path::Root, &object);
        Event::understand(object, document_context, event_type)
    }

    /// Takes the facts from an object that has been checked.
    fn understand(
        object: Object,
        document_context: Option<Arc<Value>>,
        event_type: EventType,
    ) -> Result<Event, Vec<Violation>> {
        let mut checker = Checker::default();
        let identifiers = identifiers(&mut checker, &object, event_type);
        let plain = |key: &str, vocabulary: Vocabulary| {
            text(&object, key).map(|value| vocabulary.plain(value).to_owned())
        };
        let place = |key: &str| {
            let id = object.get(key)?.get("id")?.as_str()?;
            Some(canonical(id).into_uri())
        };
        let read_time = |value: Option<&str>| {
            let text = value.expect("validation asks for this time");
            time::parse(text).expect("validation reads this time")
        };
        let zone = text(&object, "eventTimeZoneOffset").and_then(time::zone_offset_minutes);
        let event = Event {
            event_type,
            event_id: text(&object, "eventID").map(str::to_owned),
            event_time: read_time(text(&object, "eventTime")),
            zone_offset_minutes: zone.expect("validation reads the zone offset"),
            action: text(&object, "action").map(|action| match action {
                "ADD" => Action::Add,
                "DELETE" => Action::Delete,
                _ => Action::Observe,
            }),
            biz_step: plain("bizStep", Vocabulary::BizStep),
            disposition: plain("disposition", Vocabulary::Disposition),
            read_point: place("readPoint"),
            biz_location: place("bizLocation"),
            error_declaration: object.get("errorDeclaration").and_then(Value::as_object).map(
                |declaration| ErrorDeclaration {
                    declaration_time: read_time(text(declaration, "declarationTime")),
                    reason: text(declaration, "reason")
                        .map(|reason| Vocabulary::ErrorReason.plain(reason).to_owned()),
                    corrective_event_ids: list(declaration, "correctiveEventIDs")
                        .iter()
                        .filter_map(|id| id.as_str().map(str::to_owned))
                        .collect(),
                },
            ),
            biz_transactions: list(&object, "bizTransactionList")
                .iter()
                .filter_map(|entry| {
                    let kind = entry.get("type").and_then(Value::as_str);
                    Some(BizTransaction {
                        kind: kind.map(|k| Vocabulary::BizTransactionType.plain(k).to_owned()),
                        id: canonical(entry.get("bizTransaction")?.as_str()?).into_uri(),
                    })
                })
                .collect(),
            sources: transfer_ends(&object, "sourceList", "source"),
            destinations: transfer_ends(&object, "destinationList", "destination"),
            identifiers,
            document_context,
            object,
        };
        checker.finish()?;
        Ok(event)
    }

    /// The JSON object as given, but for `recordTime` (never there) and `eventID` (filled in when
    /// it was missing).
    #[must_use]
    pub fn object(&self) -> &serde_json::Map<String, Value> {
        &self.object
    }

    /// The `@context` of the document the event came in.
    #[must_use]
    pub fn document_context(&self) -> Option<&Value> {
        self.document_context.as_deref()
    }

    /// The contexts that apply.
    #[must_use]
    pub fn contexts(&self) -> Contexts<'_> {
        Contexts::new(self.document_context(), self.object.get("@context"))
    }

    /// The object, and the `@context` of the document the event came in.
    #[must_use]
    pub fn into_parts(self) -> (serde_json::Map<String, Value>, Option<Arc<Value>>) {
        (self.object, self.document_context)
    }

    /// The event with all contexts that apply in its own `@context`: readable alone.
    #[must_use]
    pub fn self_contained(&self) -> Value {
        let mut object = self.object.clone();
        object.insert("@context".to_owned(), self.contexts().effective());
        Value::Object(object)
    }

    /// The event with `id` as its eventID, unless it has one.
    ///
    /// # Panics
    /// When `id` is no URI: nodes make good ones.
    #[must_use]
    pub fn with_event_id(mut self, id: &str) -> Event {
        assert!(super::uri::is_uri(id), "an eventID is a URI");
        if self.event_id.is_none() {
            self.event_id = Some(id.to_owned());
            self.object.insert("eventID".to_owned(), Value::from(id));
        }
        self
    }

    /// Which type.
    #[must_use]
    pub fn event_type(&self) -> EventType {
        self.event_type
    }

    /// The type as the event names it: `ObjectEvent` … or a URI.
    #[must_use]
    pub fn type_name(&self) -> &str {
        text(&self.object, "type").expect("validation asks for a type")
    }

    /// The eventID, exactly as given; a stored event always has one.
    #[must_use]
    pub fn event_id(&self) -> Option<&str> {
        self.event_id.as_deref()
    }

    /// When it happened, to the millisecond.
    #[must_use]
    pub fn event_time(&self) -> TimestampMs {
        self.event_time
    }

    /// `eventTime` as given.
    #[must_use]
    pub fn event_time_text(&self) -> &str {
        text(&self.object, "eventTime").expect("validation asks for a time")
    }

    /// Minutes that the clock at the place was ahead of UTC.
    #[must_use]
    pub fn zone_offset_minutes(&self) -> i16 {
        self.zone_offset_minutes
    }

    /// What it does; transformations do not say.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.action
    }

    /// The business step: a bare word of CBV (`shipping`), or a URI as given.
    #[must_use]
    pub fn biz_step(&self) -> Option<&str> {
        self.biz_step.as_deref()
    }

    /// The disposition: a bare word of CBV (`in_transit`), or a URI as given.
    #[must_use]
    pub fn disposition(&self) -> Option<&str> {
        self.disposition.as_deref()
    }

    /// Where it happened, in the one spelling.
    #[must_use]
    pub fn read_point(&self) -> Option<&str> {
        self.read_point.as_deref()
    }

    /// Where the things are afterwards, in the one spelling.
    #[must_use]
    pub fn biz_location(&self) -> Option<&str> {
        self.biz_location.as_deref()
    }

    /// The statement that this event was wrong.
    #[must_use]
    pub fn error_declaration(&self) -> Option<&ErrorDeclaration> {
        self.error_declaration.as_ref()
    }

    /// The things it names, each once for each role, in the order of the lists they stand in:
    /// parent first, inputs before outputs, instances before quantities.
    #[must_use]
    pub fn identifiers(&self) -> &[Named] {
        &self.identifiers
    }

    /// The business documents it belongs to.
    #[must_use]
    pub fn biz_transactions(&self) -> &[BizTransaction] {
        &self.biz_transactions
    }

    /// Where a transfer begins.
    #[must_use]
    pub fn sources(&self) -> &[TransferEnd] {
        &self.sources
    }

    /// Where a transfer ends.
    #[must_use]
    pub fn destinations(&self) -> &[TransferEnd] {
        &self.destinations
    }

    /// What it says of its carbon footprint.
    #[must_use]
    pub fn activities(&self) -> Vec<Activity> {
        activity::of(&self.object, self.contexts())
    }

    /// The process that several transformation events are parts of.
    #[must_use]
    pub fn transformation_id(&self) -> Option<&str> {
        text(&self.object, "transformationID")
    }

    /// Facts about the things themselves, as their maker says them.
    #[must_use]
    pub fn ilmd(&self) -> Option<&Object> {
        self.object.get("ilmd")?.as_object()
    }

    /// What sensors reported with the event, reading by reading.
    #[must_use]
    pub fn sensor_readings(&self) -> Vec<SensorReading> {
        sensor::readings(&self.object)
    }

    /// What the rules of all events allow and good sense does not.
    fn oddities(&self) -> Oddities {
        let mut found = Oddities::default();
        for list_name in &LISTS {
            oddities_of_list(&mut found, &self.object, list_name);
        }
        oddities_of_places(&mut found, &self.object);
        found
    }

    /// The event, unless it breaks what the schema cannot say: wrong check digits (but for SSCC
    /// and GRAI, which published examples have wrong), classes among single things and single
    /// things among quantities, dispositions set and unset at once.
    ///
    /// This is about what is taken from a client. What stands on a ledger was taken by some
    /// member's node, perhaps leniently, and is never asked for it.
    ///
    /// # Errors
    /// All of it, with pointers into the event.
    pub fn strictly(self) -> Result<Event, Vec<Violation>> {
        self.oddities().refused.finish()?;
        Ok(self)
    }

    /// What is odd about the event: what [`Event::strictly`] refuses, the other wrong check
    /// digits, undeclared prefixes.
    #[must_use]
    pub fn notices(&self) -> Vec<Violation> {
        let Oddities { refused, mut noticed } = self.oddities();
        context::undeclared(&mut noticed, &Path::Root, &self.object, self.contexts());
        let mut notices = refused.into_violations();
        notices.append(&mut noticed.into_violations());
        notices
    }

    /// As [`Event::notices`], and what only shows beside the time at which the event came and the
    /// document that it came in, which is read so: that it says it happened later, and that its
    /// eventID has the form of an event hash id and is not its own.
    #[must_use]
    pub fn notices_at(&self, now: TimestampMs, reading: &Reading) -> Vec<Violation> {
        let mut notices = self.notices();
        // Only what has the form can be one, and making one takes a while.
        if let Some(id) = self.event_id().filter(|id| hash_id::is_hash_id(id)) {
            let own = hash_id::of_event(self, reading).id;
            if own != id {
                let message = format!(
                    "this has the form of an event hash id and is not that of this event, {own}: \
                     check what was changed since, or leave eventID out"
                );
                let pointer = "/eventID".to_owned();
                notices.push(Violation { pointer, rule: "event-hash-id", message });
            }
        }
        if self.event_time > now {
            notices.push(Violation {
                pointer: "/eventTime".to_owned(),
                rule: "future-event-time",
                message: format!("this is later than now, {now}: check the clock that wrote it"),
            });
        }
        notices
    }
}

fn event_type(checker: &mut Checker, at: &Path<'_>, object: &Object) -> EventType {
    let Some(value) = object.get("type") else {
        checker.required(at, object, &["type"]);
        return EventType::Extended;
    };
    let at = at.key("type");
    let Some(name) = checker.text(&at, value) else { return EventType::Extended };
    let event_type = EventType::of(name);
    if event_type == EventType::Extended && !super::uri::is_uri(name) {
        let message = format!(
            "{} is no event type: give ObjectEvent, AggregationEvent, TransactionEvent, \
             TransformationEvent, AssociationEvent or the URI of an extension (a document is sent \
             to /capture)",
            shown(name)
        );
        checker.report(&at, "event-type", message);
    }
    event_type
}

/// Brings numbers into their one form and checks what [`json`] checks while reading, for values
/// that came another way.
fn settle(checker: &mut Checker, at: &Path<'_>, value: &mut Value, depth: usize) {
    match value {
        Value::Number(number) => match json::settled(number) {
            Some(settled) => *number = settled,
            None => {
                let fault = json::JsonFault::NumberChanges(number.to_string());
                checker.report(at, fault.rule(), fault.to_string());
            }
        },
        Value::Array(_) | Value::Object(_) if depth >= MAX_JSON_DEPTH => {
            let fault = json::JsonFault::TooDeep(MAX_JSON_DEPTH);
            checker.report(at, fault.rule(), fault.to_string());
        }
        Value::Array(list) => {
            for (index, value) in list.iter_mut().enumerate() {
                settle(checker, &at.index(index), value, depth + 1);
            }
        }
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                if key.len() > MAX_URI_BYTES {
                    let fault = json::JsonFault::LongKey(key.len());
                    checker.report(at, fault.rule(), fault.to_string());
                    continue;
                }
                settle(checker, &at.key(key), value, depth + 1);
            }
        }
        _ => {}
    }
}

fn text<'o>(object: &'o Object, key: &str) -> Option<&'o str> {
    object.get(key)?.as_str()
}

fn list<'o>(object: &'o Object, key: &str) -> &'o [Value] {
    object.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn transfer_ends(object: &Object, key: &str, name: &str) -> Vec<TransferEnd> {
    let end = |entry: &Value| {
        let kind = entry.get("type")?.as_str()?;
        Some(TransferEnd {
            kind: Vocabulary::SourceDestinationType.plain(kind).to_owned(),
            id: canonical(entry.get(name)?.as_str()?).into_uri(),
        })
    };
    list(object, key).iter().filter_map(end).collect()
}
