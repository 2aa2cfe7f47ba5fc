//! Single events in the lenient reading.

use serde_json::{Map, Number, Value};

use super::{Changes, comments, fill, leave_out, null, wrap};
use crate::epcis::check::shown;
use crate::epcis::pointer::Path;
use crate::epcis::time::{zone_of, zone_offset_minutes};
use crate::epcis::vocabulary::Vocabulary;

type Object = Map<String, Value>;

const LISTS_OF_URIS: [&str; 4] = ["epcList", "childEPCs", "inputEPCList", "outputEPCList"];

const LISTS_OF_QUANTITIES: [&str; 4] =
    ["quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"];

/// Lists of objects with a type from a vocabulary, and the field beside it.
const TYPED: [(&str, Vocabulary, &str); 3] = [
    ("bizTransactionList", Vocabulary::BizTransactionType, "bizTransaction"),
    ("sourceList", Vocabulary::SourceDestinationType, "source"),
    ("destinationList", Vocabulary::SourceDestinationType, "destination"),
];

/// The numbers of a sensor report.
const MEASURES: [&str; 7] =
    ["value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"];

/// Brings one event into the standard's form.
pub(super) fn normalise(changes: &mut Changes, at: &Path<'_>, event: &mut Value) {
    let Value::Object(event) = event else { return };
    comments(changes, at, event);
    let nulls: Vec<String> =
        event.iter().filter(|(_, v)| v.is_null()).map(|(key, _)| key.clone()).collect();
    for key in nulls.iter().filter(|key| !key.contains(':')) {
        null(changes, at, event, key);
    }
    draft_type(changes, at, event);
    times(changes, at, event);
    action(changes, at, event);
    word(changes, at, event, "bizStep", Vocabulary::BizStep);
    word(changes, at, event, "disposition", Vocabulary::Disposition);
    persistent(changes, at, event);
    for key in ["readPoint", "bizLocation"] {
        place(changes, at, event, key);
    }
    for key in LISTS_OF_URIS {
        wrap(changes, at, event, key);
        once(changes, at, event, key);
    }
    for key in LISTS_OF_QUANTITIES {
        wrap(changes, at, event, key);
        for_each(changes, &at.key(key), event.get_mut(key), |changes, at, element| {
            for key in ["quantity", "uom"] {
                null(changes, at, element, key);
            }
            number(changes, at, element, "quantity");
        });
    }
    for (key, vocabulary, field) in TYPED {
        wrap(changes, at, event, key);
        for_each(changes, &at.key(key), event.get_mut(key), |changes, at, element| {
            for key in ["type", field] {
                null(changes, at, element, key);
            }
            word(changes, at, element, "type", vocabulary);
        });
    }
    if let Some(Value::Object(declaration)) = event.get_mut("errorDeclaration") {
        let at = at.key("errorDeclaration");
        null(changes, &at, declaration, "reason");
        word(changes, &at, declaration, "reason", Vocabulary::ErrorReason);
        wrap(changes, &at, declaration, "correctiveEventIDs");
    }
    sensors(changes, at, event);
}

/// `isA`, as drafts of the standard called the type.
fn draft_type(changes: &mut Changes, at: &Path<'_>, event: &mut Object) {
    if event.contains_key("type") {
        return;
    }
    let Some(name) = event.get("isA").and_then(Value::as_str).map(str::to_owned) else { return };
    if changes.make(&at.key("isA"), "unknown-field", "what drafts called isA, taken as type") {
        event.remove("isA");
        event.insert("type".to_owned(), name.into());
    }
}

fn times(changes: &mut Changes, at: &Path<'_>, event: &mut Object) {
    if event.get("recordTime").is_some_and(|time| !time.is_string()) {
        let message = "the ledger says when an event was recorded: left out";
        leave_out(changes, at, event, "recordTime", "type", message);
    }
    let offset = event.get("eventTimeZoneOffset").and_then(Value::as_str).map(str::to_owned);
    match offset {
        None if !event.contains_key("eventTimeZoneOffset") => {
            let zone = event.get("eventTime").and_then(Value::as_str).and_then(zone_of);
            if let Some(zone) = zone {
                fill(changes, at, event, "eventTimeZoneOffset", &zone);
            }
        }
        Some(given) if zone_offset_minutes(&given).is_none() => {
            let Some(zone) = offset_meant(&given) else { return };
            let message = format!("{}, taken as {zone}", shown(&given));
            if changes.make(&at.key("eventTimeZoneOffset"), "zone-offset", message) {
                event.insert("eventTimeZoneOffset".to_owned(), zone.into());
            }
        }
        _ => {}
    }
}

/// `Z`, `+0100`, `+1:00`, `+01` as `±hh:mm`.
fn offset_meant(given: &str) -> Option<String> {
    if matches!(given, "Z" | "z") {
        return Some("+00:00".to_owned());
    }
    let (sign, digits) = given.split_at_checked(1).filter(|(s, _)| matches!(*s, "+" | "-"))?;
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "00"),
    };
    let zone = format!("{sign}{hours:0>2}:{minutes}");
    zone_offset_minutes(&zone).map(|_| zone)
}

fn action(changes: &mut Changes, at: &Path<'_>, event: &mut Object) {
    let Some(given) = event.get("action").and_then(Value::as_str) else { return };
    let upper = given.trim().to_ascii_uppercase();
    let known = matches!(upper.as_str(), "ADD" | "OBSERVE" | "DELETE");
    if known && upper != given {
        let message = format!("{}, taken as {upper}", shown(given));
        if changes.make(&at.key("action"), "action", message) {
            event.insert("action".to_owned(), upper.into());
        }
    }
}

/// A standard value in a form that JSON does not have becomes the bare word.
fn word(
    changes: &mut Changes,
    at: &Path<'_>,
    object: &mut Object,
    key: &str,
    vocabulary: Vocabulary,
) {
    if let Some(value) = object.get_mut(key) {
        bare(changes, &at.key(key), value, vocabulary);
    }
}

fn bare(changes: &mut Changes, at: &Path<'_>, value: &mut Value, vocabulary: Vocabulary) {
    let Some(given) = value.as_str() else { return };
    if vocabulary.has(given) || vocabulary.allows_uri(given) {
        return;
    }
    let last = given.rsplit([':', '/', '-']).next().unwrap_or_default().to_owned();
    if vocabulary.has(&last) {
        let message = format!("{}, taken as {last:?}", shown(given));
        if changes.make(at, "vocabulary", message) {
            *value = last.into();
        }
    }
}

fn persistent(changes: &mut Changes, at: &Path<'_>, event: &mut Object) {
    let at_both = at.key("persistentDisposition");
    let Some(Value::Object(both)) = event.get_mut("persistentDisposition") else { return };
    for key in ["set", "unset"] {
        let at = at_both.key(key);
        null(changes, &at_both, both, key);
        wrap(changes, &at_both, both, key);
        match both.get_mut(key) {
            Some(Value::Array(list)) if list.is_empty() => {
                let message = "an empty list says nothing: left out";
                leave_out(changes, &at_both, both, key, "empty", message);
            }
            Some(Value::Array(list)) => {
                for (index, value) in list.iter_mut().enumerate() {
                    bare(changes, &at.index(index), value, Vocabulary::Disposition);
                }
            }
            _ => {}
        }
    }
    if both.is_empty() {
        let message = "neither set nor unset stands here: left out";
        leave_out(changes, at, event, "persistentDisposition", "required", message);
    }
}

fn place(changes: &mut Changes, at: &Path<'_>, event: &mut Object, key: &str) {
    let Some(Value::String(id)) = event.get(key) else { return };
    let mut place = Object::new();
    place.insert("id".to_owned(), id.clone().into());
    if changes.make(&at.key(key), "type", "text, taken as the id of the place") {
        event.insert(key.to_owned(), Value::Object(place));
    }
}

/// What stands twice in a list of things counts once.
fn once(changes: &mut Changes, at: &Path<'_>, event: &mut Object, key: &str) {
    let Some(Value::Array(list)) = event.get_mut(key) else { return };
    let at = at.key(key);
    let mut seen = std::collections::BTreeSet::new();
    let mut index = 0;
    list.retain(|value| {
        let again = value.as_str().is_some_and(|text| !seen.insert(text.to_owned()));
        let message = "this is in the list already: left out";
        let gone = again && changes.make(&at.index(index), "unique", message);
        index += 1;
        !gone
    });
}

/// A number in quotes.
fn number(changes: &mut Changes, at: &Path<'_>, object: &mut Object, key: &str) {
    let Some(Value::String(text)) = object.get(key) else { return };
    let Ok(number) = text.trim().parse::<Number>() else { return };
    if changes.make(&at.key(key), "type", format!("{}, taken as the number", shown(text))) {
        object.insert(key.to_owned(), Value::Number(number));
    }
}

fn for_each(
    changes: &mut Changes,
    at: &Path<'_>,
    list: Option<&mut Value>,
    mut change: impl FnMut(&mut Changes, &Path<'_>, &mut Object),
) {
    let Some(Value::Array(list)) = list else { return };
    for (index, element) in list.iter_mut().enumerate() {
        if let Value::Object(element) = element {
            change(changes, &at.index(index), element);
        }
    }
}

fn sensors(changes: &mut Changes, at: &Path<'_>, event: &mut Object) {
    wrap(changes, at, event, "sensorElementList");
    let at = at.key("sensorElementList");
    for_each(changes, &at, event.get_mut("sensorElementList"), |changes, at, element| {
        null(changes, at, element, "sensorMetadata");
        wrap(changes, at, element, "sensorReport");
        let at = at.key("sensorReport");
        for_each(changes, &at, element.get_mut("sensorReport"), |changes, at, report| {
            word(changes, at, report, "type", Vocabulary::MeasurementType);
            word(changes, at, report, "exception", Vocabulary::SensorAlert);
            word(changes, at, report, "component", Vocabulary::Component);
            for key in MEASURES {
                number(changes, at, report, key);
            }
        });
    });
}
