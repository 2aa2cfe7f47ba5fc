//! The order of fields in the pre-hash string (CBV 2.0 §8.9.2, "canonical property order").

use serde_json::Value;

use super::Reading;
use super::value::{any, instant, plain_text, word};
use crate::epcis::check::Object;
use crate::epcis::context::{Contexts, RDFS};
use crate::epcis::vocabulary::Vocabulary;

/// How the value of a field is written.
#[derive(Clone, Copy)]
enum Kind {
    /// As [`any`] says.
    Any,
    Time,
    Word(Vocabulary),
    /// A list whose members are called by this name.
    List(&'static str),
    /// A list of objects called by this name, with these fields.
    Elements(&'static str, &'static [(&'static str, Kind)]),
    /// An object with these fields, then its extensions.
    Members(&'static [(&'static str, Kind)]),
}

const QUANTITY: &[(&str, Kind)] =
    &[("epcClass", Kind::Any), ("quantity", Kind::Any), ("uom", Kind::Any)];

const QUANTITIES: Kind = Kind::Elements("quantityElement", QUANTITY);

const PLACE: Kind = Kind::Members(&[("id", Kind::Any)]);

/// The fields of an event that come in this order; all others follow, sorted.
const EVENT: &[(&str, Kind)] = &[
    ("eventTime", Kind::Time),
    ("eventTimeZoneOffset", Kind::Any),
    ("certificationInfo", Kind::Any),
    ("parentID", Kind::Any),
    ("epcList", Kind::List("epc")),
    ("inputEPCList", Kind::List("epc")),
    ("childEPCs", Kind::List("epc")),
    ("quantityList", QUANTITIES),
    ("childQuantityList", QUANTITIES),
    ("inputQuantityList", QUANTITIES),
    ("outputEPCList", Kind::List("epc")),
    ("outputQuantityList", QUANTITIES),
    ("action", Kind::Any),
    ("transformationID", Kind::Any),
    ("bizStep", Kind::Word(Vocabulary::BizStep)),
    ("disposition", Kind::Word(Vocabulary::Disposition)),
    (
        "persistentDisposition",
        Kind::Members(&[
            ("set", Kind::Word(Vocabulary::Disposition)),
            ("unset", Kind::Word(Vocabulary::Disposition)),
        ]),
    ),
    ("readPoint", PLACE),
    ("bizLocation", PLACE),
    ("sensorElementList", Kind::Elements("sensorElement", SENSOR_ELEMENT)),
];

/// Fields that stand among the extensions.
const AMONG_EXTENSIONS: &[(&str, Kind)] = &[
    (
        "bizTransactionList",
        Kind::Elements(
            "",
            &[("type", Kind::Word(Vocabulary::BizTransactionType)), ("bizTransaction", Kind::Any)],
        ),
    ),
    (
        "destinationList",
        Kind::Elements(
            "",
            &[("type", Kind::Word(Vocabulary::SourceDestinationType)), ("destination", Kind::Any)],
        ),
    ),
    (
        "sourceList",
        Kind::Elements(
            "",
            &[("type", Kind::Word(Vocabulary::SourceDestinationType)), ("source", Kind::Any)],
        ),
    ),
];

const SENSOR_ELEMENT: &[(&str, Kind)] = &[
    (
        "sensorMetadata",
        Kind::Members(&[
            ("time", Kind::Time),
            ("startTime", Kind::Time),
            ("endTime", Kind::Time),
            ("deviceID", Kind::Any),
            ("deviceMetadata", Kind::Any),
            ("rawData", Kind::Any),
            ("dataProcessingMethod", Kind::Any),
            ("bizRules", Kind::Any),
        ]),
    ),
    (
        "sensorReport",
        Kind::Members(&[
            ("type", Kind::Word(Vocabulary::MeasurementType)),
            ("exception", Kind::Word(Vocabulary::SensorAlert)),
            ("deviceID", Kind::Any),
            ("deviceMetadata", Kind::Any),
            ("rawData", Kind::Any),
            ("dataProcessingMethod", Kind::Any),
            ("time", Kind::Time),
            ("microorganism", Kind::Any),
            ("chemicalSubstance", Kind::Any),
            ("value", Kind::Any),
            ("component", Kind::Word(Vocabulary::Component)),
            ("stringValue", Kind::Any),
            ("booleanValue", Kind::Any),
            ("hexBinaryValue", Kind::Any),
            ("uriValue", Kind::Any),
            ("minValue", Kind::Any),
            ("maxValue", Kind::Any),
            ("meanValue", Kind::Any),
            ("sDev", Kind::Any),
            ("percRank", Kind::Any),
            ("percValue", Kind::Any),
            ("uom", Kind::Any),
            ("coordinateReferenceSystem", Kind::Any),
        ]),
    ),
];

/// The pre-hash string.
pub(super) fn prehash(event: &Object, contexts: Contexts<'_>, reading: &Reading) -> String {
    let values = if reading.from_xml { Contexts::default() } else { contexts };
    let writer = Writer { names: contexts, values };
    let mut out = String::from("eventType=");
    let name = event.get("type").map(plain_text).unwrap_or_default();
    out.push_str(&contexts.expand(&name).unwrap_or(name));
    writer.fields(event, EVENT, &mut out);
    let mut rest = writer.unlisted(event, EVENT);
    for (key, value) in event {
        let left_out =
            matches!(key.as_str(), "type" | "recordTime" | "eventID" | "errorDeclaration")
                || EVENT.iter().any(|(name, _)| name == key)
                || reading.ignored.contains(key);
        if left_out {
            continue;
        }
        match AMONG_EXTENSIONS.iter().find(|(name, _)| name == key) {
            Some((_, kind)) => rest.push(writer.field(key, value, *kind)),
            None => writer.extension(key, value, &mut rest),
        }
    }
    push_sorted(rest, &mut out);
    out
}

struct Writer<'a> {
    /// What prefixes in names stand for.
    names: Contexts<'a>,
    /// What prefixes in values stand for.
    values: Contexts<'a>,
}

impl Writer<'_> {
    fn fields(&self, object: &Object, fields: &[(&str, Kind)], out: &mut String) {
        for (key, kind) in fields {
            if let Some(value) = object.get(*key) {
                out.push_str(&self.field(key, value, *kind));
            }
        }
    }

    /// The field with everything in it; a list of values as often as it has members. Nothing when
    /// there is nothing to say.
    fn field(&self, key: &str, value: &Value, kind: Kind) -> String {
        let elements: &[Value] = match value {
            Value::Array(elements) => elements,
            single => std::slice::from_ref(single),
        };
        let mut parts = Vec::with_capacity(elements.len());
        let mut once = "";
        for element in elements {
            match kind {
                Kind::Any | Kind::Time | Kind::Word(_) => {
                    parts.push(self.value(key, element, kind));
                }
                Kind::List(name) => {
                    once = key;
                    parts.push(self.value(name, element, Kind::Any));
                }
                Kind::Members(fields) => parts.push(self.object(key, element, fields)),
                Kind::Elements(name, fields) => {
                    once = key;
                    parts.push(self.object(name, element, fields));
                }
            }
        }
        parts.retain(|part| !part.is_empty());
        let mut out = String::new();
        if !parts.is_empty() {
            out.push_str(once);
        }
        push_sorted(parts, &mut out);
        out
    }

    fn value(&self, name: &str, value: &Value, kind: Kind) -> String {
        let text = match kind {
            Kind::Time => instant(value),
            Kind::Word(vocabulary) => word(value, vocabulary, self.values),
            _ => any(value, self.values),
        };
        if text.is_empty() { String::new() } else { format!("{name}={text}") }
    }

    /// An object under its name: fields in order, then its extensions, sorted.
    fn object(&self, name: &str, value: &Value, fields: &[(&str, Kind)]) -> String {
        let Value::Object(object) = value else { return self.value(name, value, Kind::Any) };
        let mut inside = String::new();
        self.fields(object, fields, &mut inside);
        let mut rest = Vec::new();
        for (key, value) in object {
            if is_extension(key) {
                self.extension(key, value, &mut rest);
            }
        }
        push_sorted(rest, &mut inside);
        if inside.is_empty() { inside } else { format!("{name}{inside}") }
    }

    /// Fields of the standard that the order has no place for, such as the bizRules of a
    /// sensorReport, under the names of what encloses them.
    fn unlisted(&self, object: &Object, fields: &[(&str, Kind)]) -> Vec<String> {
        let mut found = Vec::new();
        for (key, kind) in fields {
            let (name, fields, once) = match kind {
                Kind::Members(fields) => (*key, *fields, false),
                Kind::Elements(name, fields) => (*name, *fields, true),
                Kind::Any | Kind::Time | Kind::Word(_) | Kind::List(_) => continue,
            };
            let elements = match object.get(*key) {
                Some(Value::Array(elements)) => elements.as_slice(),
                Some(single) => std::slice::from_ref(single),
                None => continue,
            };
            let mut parts = Vec::new();
            for element in elements.iter().filter_map(Value::as_object) {
                let mut inside = self.unlisted(element, fields);
                for (key, value) in element {
                    let listed = fields.iter().any(|(field, _)| field == key);
                    if !listed && !is_extension(key) && !self.is_comment(key) {
                        inside.push(self.field(key, value, Kind::Any));
                    }
                }
                inside.retain(|part| !part.is_empty());
                if !inside.is_empty() {
                    let mut whole = name.to_owned();
                    push_sorted(inside, &mut whole);
                    parts.push(whole);
                }
            }
            if once && !parts.is_empty() {
                let mut whole = (*key).to_owned();
                push_sorted(parts, &mut whole);
                found.push(whole);
            } else {
                found.extend(parts);
            }
        }
        found
    }

    /// Adds a field of an extension: once for each member of a list.
    fn extension(&self, key: &str, value: &Value, out: &mut Vec<String>) {
        if key.starts_with('@') || self.is_comment(key) {
            return;
        }
        let name = self.name(key);
        match (value, name.strip_suffix("List")) {
            // The name of a list stands once, before its members.
            (Value::Array(elements), Some(member)) => {
                let mut parts = Vec::new();
                for element in elements {
                    parts.push(self.free(member, element));
                }
                if !parts.is_empty() {
                    let mut whole = name.clone();
                    push_sorted(parts, &mut whole);
                    out.push(whole);
                }
            }
            (Value::Array(elements), None) => {
                out.extend(elements.iter().map(|element| self.free(&name, element)));
            }
            (single, _) => out.push(self.free(&name, single)),
        }
    }

    /// A value of an extension under its name, whatever it is.
    fn free(&self, name: &str, value: &Value) -> String {
        let mut out = name.to_owned();
        let mut parts = Vec::new();
        let text = match value {
            Value::Object(object) => {
                for (key, value) in object {
                    if key != "#text" {
                        self.extension(key, value, &mut parts);
                    }
                }
                object.get("#text").map(|text| any(text, self.values)).unwrap_or_default()
            }
            Value::Array(elements) => {
                parts.extend(elements.iter().map(|element| self.free("", element)));
                String::new()
            }
            single => any(single, self.values),
        };
        if !text.is_empty() {
            out.push('=');
            out.push_str(&text);
        }
        push_sorted(parts, &mut out);
        out
    }

    fn is_comment(&self, key: &str) -> bool {
        key == "comment"
            || key == "rdfs:comment"
            || key.strip_suffix(":comment").and_then(|p| self.names.namespace(p)) == Some(RDFS)
    }

    /// The name of an extension field: `{namespace}name` when its prefix is declared.
    fn name(&self, key: &str) -> String {
        let parts = key.split_once(':').filter(|(_, name)| !name.starts_with("//"));
        let found =
            parts.and_then(|(prefix, name)| self.names.xml_namespace(prefix).map(|ns| (ns, name)));
        match found {
            Some((namespace, name)) => format!("{{{namespace}}}{name}"),
            None => key.to_owned(),
        }
    }
}

/// Whether a field is an extension's: only those have a prefix.
fn is_extension(key: &str) -> bool {
    key.contains(':')
}

/// Appends the parts in the order of their bytes.
fn push_sorted(mut parts: Vec<String>, out: &mut String) {
    parts.sort_unstable();
    for part in parts {
        out.push_str(&part);
    }
}
