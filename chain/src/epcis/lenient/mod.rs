//! The lenient reading: what many systems write that the JSON binding of EPCIS 2.0 does not allow,
//! brought into its form where only one form can be meant.
//!
//! Nothing is guessed, and nothing is done in silence: each change is a [`Normalisation`] with the
//! place it was made. What is still wrong afterwards is refused as always. The strict reading
//! changes nothing.

mod event;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::check::shown;
use super::context::GS1_CONTEXT;
use super::json::{parse_strict, parse_to_depth};
use super::pointer::Path;
use super::violation::{MAX_VIOLATIONS, Violation};
use super::{Document, Event};
use crate::limits::MAX_JSON_DEPTH;

/// One change that the lenient reading made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Normalisation {
    /// JSON pointer (RFC 6901) into the document as it was given, to what was changed.
    pub pointer: String,
    /// A stable short code of the rule that it broke.
    pub rule: &'static str,
    /// What was done, in plain English.
    pub message: String,
}

/// Collects the changes. After [`MAX_VIOLATIONS`] of them no more are made: what is so far from
/// the standard is refused by the strict rules.
#[derive(Default)]
pub(super) struct Changes {
    made: Vec<Normalisation>,
}

impl Changes {
    /// Records a change and says whether it may be made.
    fn make(&mut self, at: &Path<'_>, rule: &'static str, message: impl Into<String>) -> bool {
        if self.made.len() >= MAX_VIOLATIONS {
            return false;
        }
        self.made.push(Normalisation { pointer: at.pointer(), rule, message: message.into() });
        true
    }
}

impl Document {
    /// Reads a document as [`Document::parse`] does, after bringing it into the standard's form.
    ///
    /// # Errors
    /// Everything that is wrong with the document's frame even so.
    pub fn parse_lenient(bytes: &[u8]) -> Result<(Document, Vec<Normalisation>), Vec<Violation>> {
        let depth = MAX_JSON_DEPTH + super::document::LEVELS_AROUND_AN_EVENT;
        let mut value = parse_to_depth(bytes, depth).map_err(|error| vec![error.into()])?;
        let mut changes = Changes::default();
        document(&mut changes, &mut value);
        Ok((Document::from_value(value)?, changes.made))
    }
}

impl Event {
    /// Reads one event as [`Event::parse_bare`] does, after bringing it into the standard's form.
    ///
    /// # Errors
    /// Everything that is wrong with it even so.
    pub fn parse_bare_lenient(bytes: &[u8]) -> Result<(Event, Vec<Normalisation>), Vec<Violation>> {
        let mut value = parse_strict(bytes).map_err(|error| vec![error.into()])?;
        let mut changes = Changes::default();
        let at = Path::Root;
        event::normalise(&mut changes, &at, &mut value);
        if let Value::Object(object) = &mut value {
            context(&mut changes, &at, object);
        }
        Ok((Event::from_value(value, None)?, changes.made))
    }
}

fn document(changes: &mut Changes, value: &mut Value) {
    let root = Path::Root;
    let Value::Object(object) = value else { return };
    comments(changes, &root, object);
    context(changes, &root, object);
    if !object.contains_key("type") {
        let results =
            object.get("epcisBody").is_some_and(|body| body.get("queryResults").is_some());
        let name = if results { "EPCISQueryDocument" } else { "EPCISDocument" };
        fill(changes, &root, object, "type", name);
    }
    if let Some(Value::Number(version)) = object.get("schemaVersion") {
        // JSON loses the zero of 2.0 in some writers.
        let text =
            if version.as_f64() == Some(2.0) { "2.0".to_owned() } else { version.to_string() };
        if changes.make(&root.key("schemaVersion"), "type", format!("a number, taken as {text:?}"))
        {
            object.insert("schemaVersion".to_owned(), text.into());
        }
    } else if object.get("type") == Some(&json!("EPCISDocument")) {
        fill(changes, &root, object, "schemaVersion", "2.0");
    }
    let blank = object.get("id").and_then(Value::as_str).is_some_and(|id| id.starts_with("_:"));
    if blank {
        let message = "a blank node names nothing outside its document: left out";
        leave_out(changes, &root, object, "id", "uri", message);
    }
    for key in ["epcisHeader", "instanceIdentifier", "sender", "receiver"] {
        null(changes, &root, object, key);
    }
    let Some(Value::Object(body)) = object.get_mut("epcisBody") else { return };
    let at_body = root.key("epcisBody");
    comments(changes, &at_body, body);
    let at_results = at_body.key("queryResults");
    let at_results_body = at_results.key("resultsBody");
    let in_results = body.contains_key("queryResults");
    let results_body = body
        .get_mut("queryResults")
        .and_then(|results| results.get_mut("resultsBody"))
        .and_then(Value::as_object_mut);
    match (in_results, results_body) {
        (true, Some(holder)) => events(changes, &at_results_body, holder),
        (true, None) => {}
        (false, _) => events(changes, &at_body, body),
    }
}

fn events(changes: &mut Changes, at: &Path<'_>, holder: &mut Map<String, Value>) {
    if let Some(single @ Value::Object(_)) = holder.get("event").cloned()
        && !holder.contains_key("eventList")
        && changes.make(&at.key("event"), "unknown-field", "one event, put into eventList")
    {
        holder.remove("event");
        holder.insert("eventList".to_owned(), Value::Array(vec![single]));
    }
    wrap(changes, at, holder, "eventList");
    if let Some(Value::Array(list)) = holder.get_mut("eventList") {
        let at = at.key("eventList");
        for (index, event) in list.iter_mut().enumerate() {
            event::normalise(changes, &at.index(index), event);
        }
    }
}

/// A missing context is GS1's.
fn context(changes: &mut Changes, at: &Path<'_>, object: &mut Map<String, Value>) {
    if !object.contains_key("@context") {
        fill(changes, at, object, "@context", GS1_CONTEXT);
    }
}

/// Fills in what is missing and can only be this.
fn fill(
    changes: &mut Changes,
    at: &Path<'_>,
    object: &mut Map<String, Value>,
    key: &str,
    text: &str,
) {
    if !object.contains_key(key)
        && changes.make(&at.key(key), "required", format!("missing, taken as {text:?}"))
    {
        object.insert(key.to_owned(), text.into());
    }
}

fn leave_out(
    changes: &mut Changes,
    at: &Path<'_>,
    object: &mut Map<String, Value>,
    key: &str,
    rule: &'static str,
    message: &str,
) {
    if object.contains_key(key) && changes.make(&at.key(key), rule, message) {
        object.remove(key);
    }
}

/// A field that is null says nothing.
fn null(changes: &mut Changes, at: &Path<'_>, object: &mut Map<String, Value>, key: &str) {
    if object.get(key) == Some(&Value::Null) {
        leave_out(changes, at, object, key, "type", "null says nothing: left out");
    }
}

/// Notes that people put beside fields: keys without prefix that begin with an underscore.
fn comments(changes: &mut Changes, at: &Path<'_>, object: &mut Map<String, Value>) {
    let is_note = |key: &&String| key.starts_with('_') && !key.contains(':');
    let notes: Vec<String> = object.keys().filter(is_note).cloned().collect();
    for key in notes {
        let message = format!("{} is a note beside the fields, no field: left out", shown(&key));
        leave_out(changes, at, object, &key, "unknown-field", &message);
    }
}

/// One value where a list of them belongs.
fn wrap(changes: &mut Changes, at: &Path<'_>, object: &mut Map<String, Value>, key: &str) {
    let Some(value) = object.get_mut(key) else { return };
    if matches!(value, Value::String(_) | Value::Object(_))
        && changes.make(&at.key(key), "type", "one value, taken as a list of one")
    {
        *value = Value::Array(vec![value.take()]);
    }
}

#[cfg(test)]
mod tests;
