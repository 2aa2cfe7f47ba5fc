//! Fields of extensions: their names, and where they stand in an event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::FieldPath;
use crate::epcis::check::Object;
use crate::epcis::context::Contexts;
use crate::epcis::event::Event;

/// The prefixes that a caller declares: the header `GS1-Extensions`, or a named query's `@context`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Extensions(BTreeMap<String, String>);

impl Extensions {
    /// Reads the header: `prefix=namespace`, joined by commas. What is no such pair is left out;
    /// the edge of the node refuses it.
    #[must_use]
    pub fn of_header(text: &str) -> Extensions {
        let pairs = text.split(',').filter_map(|pair| pair.trim().split_once('='));
        Extensions(pairs.map(|(p, ns)| (p.trim().to_owned(), ns.trim().to_owned())).collect())
    }

    /// The same, and what a JSON-LD context declares.
    #[must_use]
    pub fn and_context(&self, context: &Value) -> Extensions {
        let mut all = self.0.clone();
        let items = match context {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        for (prefix, term) in items.iter().filter_map(Value::as_object).flatten() {
            let namespace = term.as_str().or_else(|| term.get("@id").and_then(Value::as_str));
            if let Some(namespace) = namespace {
                all.insert(prefix.clone(), namespace.to_owned());
            }
        }
        Extensions(all)
    }

    /// Every prefix with its namespace.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(prefix, namespace)| (prefix.as_str(), namespace.as_str()))
    }

    /// The full URI of `prefix:name`; `None` when nobody declares the prefix.
    #[must_use]
    pub fn expand(&self, curie: &str) -> Option<String> {
        let (prefix, name) = curie.split_once(':')?;
        if name.starts_with("//") {
            return None;
        }
        match self.0.get(prefix) {
            Some(namespace) => Some(format!("{namespace}{name}")),
            None => Contexts::default().expand(curie),
        }
    }
}

/// The name of a field of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldName {
    /// As given.
    pub given: String,
    /// The full URI, when the prefix is declared or it was given so.
    full: Option<String>,
}

impl FieldName {
    pub(super) fn new(given: &str, extensions: &Extensions) -> FieldName {
        let whole = given.split_once(':').is_some_and(|(_, name)| name.starts_with("//"));
        let whole = whole || given.starts_with("urn:");
        let full = if whole { Some(given.to_owned()) } else { extensions.expand(given) };
        FieldName { given: given.to_owned(), full }
    }

    /// Whether a key of an event means this field. Both sides declare prefixes of their own; a
    /// prefix that one of them does not declare stands for itself.
    fn means(&self, key: &str, contexts: Contexts<'_>) -> bool {
        if !key.contains(':') {
            return false;
        }
        match (&self.full, contexts.expand(key)) {
            (Some(wanted), Some(found)) => *wanted == found,
            (Some(wanted), None) => wanted == key || self.given == key,
            (None, _) => self.given == key,
        }
    }
}

/// A part of an event that has fields of extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// The event itself.
    Event,
    /// `ilmd`.
    Ilmd,
    /// `errorDeclaration`.
    ErrorDeclaration,
    /// The elements of `sensorElementList`.
    SensorElement,
    /// Their `sensorMetadata`.
    SensorMetadata,
    /// Their `sensorReport`s.
    SensorReport,
    /// `readPoint`.
    ReadPoint,
    /// `bizLocation`.
    BizLocation,
}

impl Area {
    /// How parameters spell it before a field's name.
    pub(super) const SPELLED: [(&'static str, Area); 7] = [
        ("ILMD_", Area::Ilmd),
        ("ERROR_DECLARATION_", Area::ErrorDeclaration),
        ("SENSORELEMENT_", Area::SensorElement),
        ("SENSORMETADATA_", Area::SensorMetadata),
        ("SENSORREPORT_", Area::SensorReport),
        ("readPoint_", Area::ReadPoint),
        ("bizLocation_", Area::BizLocation),
    ];

    fn objects(self, event: &Event) -> Vec<&Object> {
        let whole = event.object();
        let one = |key: &str| whole.get(key).and_then(Value::as_object).into_iter().collect();
        match self {
            Area::Event => vec![whole],
            Area::Ilmd => one("ilmd"),
            Area::ErrorDeclaration => one("errorDeclaration"),
            Area::ReadPoint => one("readPoint"),
            Area::BizLocation => one("bizLocation"),
            Area::SensorElement => sensor_elements(event).collect(),
            Area::SensorMetadata => sensor_metadata(event).collect(),
            Area::SensorReport => sensor_reports(event).collect(),
        }
    }
}

fn objects<'o>(object: &'o Object, key: &str) -> impl Iterator<Item = &'o Object> {
    object.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

pub(super) fn sensor_elements(event: &Event) -> impl Iterator<Item = &Object> {
    objects(event.object(), "sensorElementList")
}

pub(super) fn sensor_metadata(event: &Event) -> impl Iterator<Item = &Object> {
    sensor_elements(event)
        .filter_map(|element| element.get("sensorMetadata").and_then(Value::as_object))
}

pub(super) fn sensor_reports(event: &Event) -> impl Iterator<Item = &Object> {
    sensor_elements(event).flat_map(|element| objects(element, "sensorReport"))
}

impl FieldPath {
    /// Whether any field that this means satisfies `test`.
    pub(super) fn any(&self, event: &Event, test: &mut dyn FnMut(&Value) -> bool) -> bool {
        let contexts = event.contexts();
        self.area.objects(event).into_iter().any(|object| {
            if self.inner {
                let outer = object.iter().filter(|(key, _)| key.contains(':'));
                outer.into_iter().any(|(_, value)| self.inside(value, contexts, test))
            } else {
                object.iter().any(|(key, value)| self.name.means(key, contexts) && test(value))
            }
        })
    }

    /// Looks into a value at any depth; events are nested in bounds.
    fn inside(
        &self,
        value: &Value,
        contexts: Contexts<'_>,
        test: &mut dyn FnMut(&Value) -> bool,
    ) -> bool {
        match value {
            Value::Array(list) => list.iter().any(|value| self.inside(value, contexts, test)),
            Value::Object(object) => object.iter().any(|(key, value)| {
                (self.name.means(key, contexts) && test(value))
                    || self.inside(value, contexts, test)
            }),
            _ => false,
        }
    }
}
