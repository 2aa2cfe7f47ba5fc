//! EPCIS documents: many events under one `@context`, and the answers to queries.

use std::sync::Arc;

use serde_json::{Value, json};

use super::check::{Checker, Object, shown};
use super::context::{self, GS1_CONTEXT};
use super::event::Event;
use super::hash_id::Reading;
use super::json::parse_to_depth;
use super::pointer::Path;
use super::violation::Violation;
use crate::limits::MAX_JSON_DEPTH;
use crate::units::TimestampMs;

/// Levels that an EPCISQueryDocument puts around an event.
pub(super) const LEVELS_AROUND_AN_EVENT: usize = 6;

/// Which kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// What is captured.
    Capture,
    /// What a query answers; may be captured elsewhere.
    Query,
}

impl DocumentKind {
    /// The JSON pointer to the list of events.
    #[must_use]
    pub fn event_list(self) -> &'static str {
        match self {
            DocumentKind::Capture => "/epcisBody/eventList",
            DocumentKind::Query => "/epcisBody/queryResults/resultsBody/eventList",
        }
    }
}

/// A document whose frame is right. Its events are validated one by one.
#[derive(Clone, Debug)]
pub struct Document {
    /// Which kind.
    pub kind: DocumentKind,
    /// Its `@context`, which applies to every event.
    pub context: Arc<Value>,
    /// Its `epcisHeader` with master data, as given.
    pub header: Option<Value>,
    /// All its other members as given, the body with its event list empty.
    pub members: serde_json::Map<String, Value>,
    /// Each event, or everything that is wrong with it, with pointers into the document.
    pub events: Vec<Result<Event, Vec<Violation>>>,
    /// Whether it was read from XML.
    pub(super) from_xml: bool,
}

impl Document {
    /// Reads and validates an EPCISDocument or EPCISQueryDocument; of its events, what is against
    /// good sense ([`Event::strictly`]) is refused.
    ///
    /// # Errors
    /// Everything that is wrong with the document's frame; faults of single events are in
    /// [`Document::events`].
    pub fn parse(bytes: &[u8]) -> Result<Document, Vec<Violation>> {
        let depth = MAX_JSON_DEPTH + LEVELS_AROUND_AN_EVENT;
        let value = parse_to_depth(bytes, depth).map_err(|error| vec![error.into()])?;
        Ok(Document::from_value(value)?.checked(Event::strictly))
    }

    /// The document, its good events being asked for more; what `check` finds wrong has pointers
    /// into the event.
    #[must_use]
    pub fn checked(mut self, check: impl Fn(Event) -> Result<Event, Vec<Violation>>) -> Document {
        let list = self.kind.event_list();
        let ask = |(index, event): (usize, Result<Event, Vec<Violation>>)| {
            check(event?).map_err(|wrong| inside(list, index, wrong))
        };
        self.events = self.events.into_iter().enumerate().map(ask).collect();
        self
    }

    /// Validates a document that [`super::json`] has read, leniently about its events.
    pub(super) fn from_value(value: Value) -> Result<Document, Vec<Violation>> {
        let at = Path::Root;
        let mut checker = Checker::default();
        let Value::Object(mut members) = value else {
            checker.object(&at, &value);
            return Err(checker.into_violations());
        };
        let kind = kind(&mut checker, &at, &members);
        frame(&mut checker, &at, &members, kind);
        checker.finish()?;
        let header = members.remove("epcisHeader");
        let context = Arc::new(members.get("@context").cloned().expect("the frame has a context"));
        let (list, prefix) = take_events(&mut members, kind);
        let event = |(index, value): (usize, Value)| {
            Event::from_value(value, Some(Arc::clone(&context)))
                .map_err(|wrong| inside(prefix, index, wrong))
        };
        let events = list.into_iter().enumerate().map(event).collect();
        Ok(Document { kind, context, header, members, events, from_xml: false })
    }

    /// All events, or everything that is wrong with any of them: what capture with `rollback`
    /// needs.
    ///
    /// # Errors
    /// The violations of all events that have some.
    pub fn all_events(self) -> Result<Vec<Event>, Vec<Violation>> {
        let mut good = Vec::with_capacity(self.events.len());
        let mut bad = Vec::new();
        for event in self.events {
            match event {
                Ok(event) => good.push(event),
                Err(violations) => bad.extend(violations),
            }
        }
        if bad.is_empty() { Ok(good) } else { Err(bad) }
    }

    /// How event hash ids of its events are made.
    ///
    /// They leave out members that the document says are no part of its events: the extension
    /// field `ignoreFields` of a capture document or of query results, which repositories use for
    /// what they add to events they pass on.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let results = || self.members.get("epcisBody")?.get("queryResults")?.as_object();
        let holder = match self.kind {
            DocumentKind::Capture => Some(&self.members),
            DocumentKind::Query => results(),
        };
        let lists = holder.into_iter().flatten().filter(|(key, _)| key.ends_with(":ignoreFields"));
        let names = lists.filter_map(|(_, value)| value.as_array()).flatten();
        let ignored = names.filter_map(|name| name.as_str().map(str::to_owned)).collect();
        Reading { ignored, from_xml: self.from_xml }
    }
}

/// Violations of an event, seen from the document.
fn inside(list: &str, index: usize, violations: Vec<Violation>) -> Vec<Violation> {
    let prefix = format!("{list}/{index}");
    violations.into_iter().map(|violation| violation.inside(&prefix)).collect()
}

fn kind(checker: &mut Checker, at: &Path<'_>, members: &Object) -> DocumentKind {
    checker.required(at, members, &["type"]);
    match members.get("type").and_then(Value::as_str) {
        Some("EPCISQueryDocument") => DocumentKind::Query,
        Some("EPCISDocument") => DocumentKind::Capture,
        other => {
            if let Some(value) = members.get("type") {
                let given = shown(other.unwrap_or(&value.to_string()));
                let message = format!(
                    "{given} is no document: give EPCISDocument or EPCISQueryDocument (one event \
                     alone is sent to /events)"
                );
                checker.report(&at.key("type"), "document-type", message);
            }
            DocumentKind::Capture
        }
    }
}

fn frame(checker: &mut Checker, at: &Path<'_>, members: &Object, kind: DocumentKind) {
    match kind {
        DocumentKind::Capture => {
            let required = ["@context", "schemaVersion", "creationDate", "epcisBody"];
            checker.required(at, members, &required);
            checker.keys(at, members, |key| {
                required.contains(&key)
                    || matches!(
                        key,
                        "id" | "type"
                            | "instanceIdentifier"
                            | "sender"
                            | "receiver"
                            | "epcisHeader"
                    )
            });
        }
        DocumentKind::Query => {
            checker.required(at, members, &["@context", "epcisBody"]);
            checker.keys(at, members, |key| {
                matches!(
                    key,
                    "@context" | "id" | "type" | "schemaVersion" | "creationDate" | "epcisBody"
                )
            });
        }
    }
    for (key, value) in members {
        let at = at.key(key);
        match key.as_str() {
            "@context" => context::check(checker, &at, value),
            "id" => checker.uri(&at, value),
            "schemaVersion" => schema_version(checker, &at, value),
            "creationDate" => checker.date_time(&at, value),
            "instanceIdentifier" | "sender" | "receiver" if kind == DocumentKind::Capture => {
                checker.text(&at, value);
            }
            "epcisHeader" if kind == DocumentKind::Capture => header(checker, &at, value),
            "epcisBody" => body(checker, &at, value, kind),
            _ => {}
        }
    }
}

fn schema_version(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(text) = checker.text(at, value) else { return };
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !text.split('.').all(number) {
        let message = format!("{} is no version: write it as \"2.0\"", shown(text));
        checker.report(at, "version", message);
    }
}

fn header(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(header) = checker.object(at, value) else { return };
    checker.keys(at, header, |key| key == "epcisMasterData");
    let Some(master_data) = header.get("epcisMasterData") else { return };
    let at = at.key("epcisMasterData");
    let Some(master_data) = checker.object(&at, master_data) else { return };
    if let Some(vocabularies) = master_data.get("vocabularyList") {
        checker.each(&at.key("vocabularyList"), vocabularies, vocabulary);
    }
}

fn vocabulary(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(vocabulary) = checker.object(at, value) else { return };
    checker.required(at, vocabulary, &["type"]);
    if let Some(kind) = vocabulary.get("type") {
        checker.uri(&at.key("type"), kind);
    }
    if let Some(elements) = vocabulary.get("vocabularyElementList") {
        checker.each(&at.key("vocabularyElementList"), elements, vocabulary_element);
    }
}

fn vocabulary_element(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(element) = checker.object(at, value) else { return };
    checker.required(at, element, &["id"]);
    if let Some(id) = element.get("id") {
        checker.uri(&at.key("id"), id);
    }
    if let Some(children) = element.get("children") {
        checker.uris(&at.key("children"), children);
    }
    if let Some(attributes) = element.get("attributes") {
        checker.each(&at.key("attributes"), attributes, |checker, at, value| {
            let Some(attribute) = checker.object(at, value) else { return };
            checker.required(at, attribute, &["id"]);
            if let Some(id) = attribute.get("id") {
                checker.uri(&at.key("id"), id);
            }
            if let Some(value @ (Value::Null | Value::Bool(_) | Value::Array(_))) =
                attribute.get("attribute")
            {
                let given = shown(&value.to_string());
                let message = format!("{given} is no attribute: give text, a number or an object");
                checker.report(&at.key("attribute"), "type", message);
            }
        });
    }
}

fn body(checker: &mut Checker, at: &Path<'_>, value: &Value, kind: DocumentKind) {
    let Some(mut holder) = checker.object(at, value) else { return };
    let (at_results, at_results_body);
    let mut at = at;
    if kind == DocumentKind::Query {
        checker.required(at, holder, &["queryResults"]);
        checker.keys(at, holder, |key| key == "queryResults");
        let Some(results) = holder.get("queryResults") else { return };
        at_results = at.key("queryResults");
        let Some(results) = checker.object(&at_results, results) else { return };
        checker.required(&at_results, results, &["queryName", "resultsBody"]);
        checker.keys(&at_results, results, |key| {
            matches!(key, "queryName" | "subscriptionID" | "resultsBody")
        });
        for key in ["queryName", "subscriptionID"] {
            if let Some(name) = results.get(key) {
                checker.text(&at_results.key(key), name);
            }
        }
        let Some(results_body) = results.get("resultsBody") else { return };
        at_results_body = at_results.key("resultsBody");
        let Some(results_body) = checker.object(&at_results_body, results_body) else { return };
        checker.keys(&at_results_body, results_body, |key| {
            matches!(key, "eventList" | "vocabularyList")
        });
        if let Some(vocabularies) = results_body.get("vocabularyList") {
            checker.each(&at_results_body.key("vocabularyList"), vocabularies, vocabulary);
        }
        holder = results_body;
        at = &at_results_body;
    }
    checker.required(at, holder, &["eventList"]);
    if let Some(list) = holder.get("eventList") {
        checker.list(&at.key("eventList"), list);
    }
}

/// Takes the events out of a document whose frame is right, and says where they stood.
fn take_events(members: &mut Object, kind: DocumentKind) -> (Vec<Value>, &'static str) {
    let pointer = kind.event_list();
    let inner = pointer.strip_prefix("/epcisBody").unwrap_or_default();
    let list = members.get_mut("epcisBody").and_then(|body| body.pointer_mut(inner));
    match list {
        Some(Value::Array(events)) => (std::mem::take(events), pointer),
        _ => unreachable!("the frame has been checked"),
    }
}

/// An EPCISQueryDocument that answers with these events, each with its record time (the time of
/// its block).
///
/// When all came under one document context, that is the context of the answer and each event is
/// exactly as it was given; otherwise each carries all its contexts itself.
#[must_use]
pub fn query_document(events: &[(&Event, TimestampMs)], now: TimestampMs) -> Value {
    let parts = events.iter().map(|(event, recorded)| Answered {
        object: event.object().clone(),
        document_context: event.document_context().cloned().map(Arc::new),
        recorded: *recorded,
    });
    query_document_of(parts.collect(), now)
}

/// An event on record, as part of an answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The event's object.
    pub object: Object,
    /// The `@context` of the document it came in.
    pub document_context: Option<Arc<Value>>,
    /// When it was recorded.
    pub recorded: TimestampMs,
}

/// As [`query_document`], of events that are not needed otherwise.
#[must_use]
pub fn query_document_of(events: Vec<Answered>, now: TimestampMs) -> Value {
    let first = events.first().and_then(|event| event.document_context.clone());
    let shared = events.iter().all(|event| event.document_context == first);
    let answer = |event: Answered| {
        let Answered { mut object, document_context, recorded } = event;
        if !shared {
            let own = object.get("@context");
            let effective = context::Contexts::new(document_context.as_deref(), own).effective();
            object.insert("@context".to_owned(), effective);
        }
        object.insert("recordTime".to_owned(), Value::from(recorded.to_string()));
        Value::Object(object)
    };
    let list: Vec<Value> = events.into_iter().map(answer).collect();
    let context = first.filter(|_| shared).map(|context| Value::clone(&context));
    let context = context.unwrap_or_else(|| json!([GS1_CONTEXT]));
    json!({
        "@context": context,
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": now.to_string(),
        "epcisBody": {
            "queryResults": {
                "queryName": "SimpleEventQuery",
                "resultsBody": { "eventList": list },
            },
        },
    })
}
