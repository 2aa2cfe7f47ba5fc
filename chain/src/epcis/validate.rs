//! The rules of EPCIS 2.0 for one event: GS1's published JSON schema 2.0.1, and what the standard
//! says beyond it where that is clear.
//!
//! Beyond the schema, refused: an aggregation added or deleted without parent, a parent among its
//! own children (found with the identifiers, in [`super::event`]), times before 1970, JSON-LD
//! keywords as fields, and the limits of [`crate::limits`]. Standard fields in events of an
//! extension type keep their standard meaning. What is against good sense (wrong check digits,
//! classes among single things) is refused by the strict reading, [`super::Event::strictly`], and
//! told of by [`super::Event::notices`]: that is asked of what comes in, not of what stands on a
//! ledger.

use serde_json::Value;

use super::check::{Checker, Object, shown};
use super::context;
use super::event::EventType;
use super::pointer::Path;
use super::time::zone_offset_minutes;
use super::vocabulary::Vocabulary;

const COMMON: [&str; 8] = [
    "@context",
    "type",
    "eventTime",
    "recordTime",
    "eventTimeZoneOffset",
    "eventID",
    "certificationInfo",
    "errorDeclaration",
];

const WHERE_AND_WHY: [&str; 9] = [
    "bizStep",
    "disposition",
    "persistentDisposition",
    "readPoint",
    "bizLocation",
    "bizTransactionList",
    "sourceList",
    "destinationList",
    "sensorElementList",
];

/// The fields of an event type beside the common ones.
fn own_fields(event_type: EventType) -> &'static [&'static str] {
    match event_type {
        EventType::Object => &["action", "epcList", "quantityList", "ilmd"],
        EventType::Aggregation | EventType::Association => {
            &["action", "parentID", "childEPCs", "childQuantityList"]
        }
        EventType::Transaction => &["action", "parentID", "epcList", "quantityList"],
        EventType::Transformation => &[
            "inputEPCList",
            "inputQuantityList",
            "outputEPCList",
            "outputQuantityList",
            "transformationID",
            "ilmd",
        ],
        EventType::Extended => &[],
    }
}

/// Checks an event whose type is known.
pub(super) fn check(checker: &mut Checker, at: &Path<'_>, event: &Object, event_type: EventType) {
    checker.required(at, event, &["eventTime", "eventTimeZoneOffset"]);
    for (key, value) in event {
        field(checker, &at.key(key), key, value);
        if key.starts_with('@') && key != "@context" {
            let message = format!("{} is a JSON-LD keyword, no field: leave it out", shown(key));
            checker.report(&at.key(key), "json-ld-keyword", message);
        }
    }
    if event_type != EventType::Extended {
        let own = own_fields(event_type);
        checker.keys(at, event, |key| {
            COMMON.contains(&key) || WHERE_AND_WHY.contains(&key) || own.contains(&key)
        });
    }
    match event_type {
        EventType::Object => object(checker, at, event),
        EventType::Aggregation | EventType::Association => link(checker, at, event, event_type),
        EventType::Transaction => transaction(checker, at, event),
        EventType::Transformation => transformation(checker, at, event),
        EventType::Extended => {}
    }
}

fn field(checker: &mut Checker, at: &Path<'_>, key: &str, value: &Value) {
    match key {
        "@context" => context::check(checker, at, value),
        "eventTime" => checker.kept_time(at, value),
        "recordTime" => checker.date_time(at, value),
        "eventTimeZoneOffset" => zone_offset(checker, at, value),
        "eventID" | "parentID" | "transformationID" => checker.uri(at, value),
        "certificationInfo" => match value {
            Value::Array(_) => checker.uris(at, value),
            _ => checker.uri(at, value),
        },
        "errorDeclaration" => error_declaration(checker, at, value),
        "action" => action(checker, at, value),
        "bizStep" => checker.word(at, value, Vocabulary::BizStep),
        "disposition" => checker.word(at, value, Vocabulary::Disposition),
        "persistentDisposition" => persistent_disposition(checker, at, value),
        "readPoint" | "bizLocation" => place(checker, at, value),
        "epcList" | "childEPCs" | "inputEPCList" | "outputEPCList" => checker.uris(at, value),
        "quantityList" | "childQuantityList" | "inputQuantityList" | "outputQuantityList" => {
            checker.each(at, value, quantity);
        }
        "bizTransactionList" => checker.each(at, value, biz_transaction),
        "sourceList" => checker.each(at, value, |c, at, v| party(c, at, v, "source")),
        "destinationList" => checker.each(at, value, |c, at, v| party(c, at, v, "destination")),
        "sensorElementList" => checker.each(at, value, sensor_element),
        "ilmd" => {
            if let Some(ilmd) = checker.object(at, value) {
                checker.keys(at, ilmd, |_| false);
            }
        }
        _ => {}
    }
}

fn zone_offset(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(text) = checker.text(at, value) else { return };
    if zone_offset_minutes(text).is_none() {
        let message = format!("{} is no zone offset: write ±hh:mm, at most 14:00", shown(text));
        checker.report(at, "zone-offset", message);
    }
}

fn action(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(text) = checker.text(at, value) else { return };
    if !matches!(text, "ADD" | "OBSERVE" | "DELETE") {
        let message = format!("{} is no action: give ADD, OBSERVE or DELETE", shown(text));
        checker.report(at, "action", message);
    }
}

fn error_declaration(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(declaration) = checker.object(at, value) else { return };
    checker.required(at, declaration, &["declarationTime"]);
    checker.keys(at, declaration, |key| {
        matches!(key, "declarationTime" | "reason" | "correctiveEventIDs")
    });
    for (key, value) in declaration {
        let at = at.key(key);
        match key.as_str() {
            "declarationTime" => checker.kept_time(&at, value),
            "reason" => checker.word(&at, value, Vocabulary::ErrorReason),
            "correctiveEventIDs" => checker.uris(&at, value),
            _ => {}
        }
    }
}

fn persistent_disposition(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(both) = checker.object(at, value) else { return };
    checker.only_keys(at, both, &["set", "unset"]);
    if both.is_empty() {
        checker.report(at, "required", "give set, unset or both here");
    }
    for (key, value) in both {
        let at = at.key(key);
        checker.each(&at, value, |c, at, v| c.word(at, v, Vocabulary::Disposition));
        checker.not_empty(&at, value);
        checker.unique(&at, value);
    }
}

fn place(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(place) = checker.object(at, value) else { return };
    checker.required(at, place, &["id"]);
    if let Some(id) = place.get("id") {
        checker.uri(&at.key("id"), id);
    }
}

fn quantity(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(quantity) = checker.object(at, value) else { return };
    checker.required(at, quantity, &["epcClass"]);
    checker.only_keys(at, quantity, &["epcClass", "quantity", "uom"]);
    for (key, value) in quantity {
        let at = at.key(key);
        match key.as_str() {
            "epcClass" => checker.uri(&at, value),
            "quantity" => checker.number(&at, value),
            "uom" => unit(checker, &at, value),
            _ => {}
        }
    }
}

fn unit(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(text) = checker.text(at, value) else { return };
    let fine = (2..=3).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !fine {
        let message = format!(
            "{} is no unit: give a UN/CEFACT Rec 20 code of 2 or 3 capitals or digits, such as KGM",
            shown(text)
        );
        checker.report(at, "unit", message);
    }
}

fn biz_transaction(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(transaction) = checker.object(at, value) else { return };
    checker.required(at, transaction, &["bizTransaction"]);
    checker.only_keys(at, transaction, &["type", "bizTransaction"]);
    if let Some(kind) = transaction.get("type") {
        checker.word(&at.key("type"), kind, Vocabulary::BizTransactionType);
    }
    if let Some(id) = transaction.get("bizTransaction") {
        checker.uri(&at.key("bizTransaction"), id);
    }
}

fn party(checker: &mut Checker, at: &Path<'_>, value: &Value, name: &str) {
    let Some(party) = checker.object(at, value) else { return };
    checker.required(at, party, &["type", name]);
    checker.only_keys(at, party, &["type", name]);
    if let Some(kind) = party.get("type") {
        checker.word(&at.key("type"), kind, Vocabulary::SourceDestinationType);
    }
    if let Some(id) = party.get(name) {
        checker.uri(&at.key(name), id);
    }
}

fn sensor_element(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(element) = checker.object(at, value) else { return };
    checker.required(at, element, &["sensorReport"]);
    checker.keys(at, element, |key| matches!(key, "sensorMetadata" | "sensorReport"));
    if let Some(metadata) = element.get("sensorMetadata") {
        sensor_metadata(checker, &at.key("sensorMetadata"), metadata);
    }
    if let Some(reports) = element.get("sensorReport") {
        let at = at.key("sensorReport");
        checker.each(&at, reports, sensor_report);
        checker.not_empty(&at, reports);
    }
}

fn sensor_metadata(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(metadata) = checker.object(at, value) else { return };
    let time = |key: &str| matches!(key, "time" | "startTime" | "endTime");
    let uri = |key: &str| {
        matches!(
            key,
            "deviceID" | "deviceMetadata" | "rawData" | "dataProcessingMethod" | "bizRules"
        )
    };
    checker.keys(at, metadata, |key| time(key) || uri(key));
    for (key, value) in metadata {
        let at = at.key(key);
        if time(key) {
            checker.date_time(&at, value);
        } else if uri(key) {
            checker.uri(&at, value);
        }
    }
}

fn sensor_report(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(report) = checker.object(at, value) else { return };
    checker.required(at, report, &["type"]);
    let mut unknown = false;
    for (key, value) in report {
        let at = at.key(key);
        match key.as_str() {
            "type" => checker.word(&at, value, Vocabulary::MeasurementType),
            "exception" => checker.word(&at, value, Vocabulary::SensorAlert),
            "component" => checker.word(&at, value, Vocabulary::Component),
            "time" => checker.date_time(&at, value),
            "value" | "minValue" | "maxValue" | "meanValue" | "sDev" | "percRank" | "percValue" => {
                checker.number(&at, value);
            }
            "stringValue" | "uom" => {
                checker.text(&at, value);
            }
            "booleanValue" => checker.boolean(&at, value),
            "hexBinaryValue" => hexadecimal(checker, &at, value),
            "deviceID"
            | "deviceMetadata"
            | "rawData"
            | "dataProcessingMethod"
            | "bizRules"
            | "microorganism"
            | "chemicalSubstance"
            | "coordinateReferenceSystem"
            | "uriValue" => checker.uri(&at, value),
            _ => unknown = true,
        }
    }
    if unknown {
        checker.keys(at, report, is_report_field);
    }
}

fn is_report_field(key: &str) -> bool {
    matches!(
        key,
        "type"
            | "exception"
            | "deviceID"
            | "deviceMetadata"
            | "rawData"
            | "dataProcessingMethod"
            | "bizRules"
            | "time"
            | "microorganism"
            | "chemicalSubstance"
            | "coordinateReferenceSystem"
            | "value"
            | "component"
            | "stringValue"
            | "booleanValue"
            | "hexBinaryValue"
            | "uriValue"
            | "minValue"
            | "maxValue"
            | "meanValue"
            | "sDev"
            | "percRank"
            | "percValue"
            | "uom"
    )
}

fn hexadecimal(checker: &mut Checker, at: &Path<'_>, value: &Value) {
    let Some(text) = checker.text(at, value) else { return };
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        let message = format!("{} is not hexadecimal: give digits 0-9 and A-F", shown(text));
        checker.report(at, "hexadecimal", message);
    }
}

fn is_filled(event: &Object, key: &str) -> bool {
    event.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

fn is_action(event: &Object, action: &str) -> bool {
    event.get("action").and_then(Value::as_str) == Some(action)
}

fn object(checker: &mut Checker, at: &Path<'_>, event: &Object) {
    checker.required(at, event, &["action"]);
    let sensed = is_filled(event, "sensorElementList") && event.contains_key("readPoint");
    if !event.contains_key("epcList") && !is_filled(event, "quantityList") && !sensed {
        let message = "the event names nothing: give epcList or quantityList, or \
                       sensorElementList with a readPoint";
        checker.report(at, "what", message);
    }
    if event.contains_key("ilmd") && !is_action(event, "ADD") {
        let message = "ilmd describes things as they begin: give it with action ADD only";
        checker.report(&at.key("ilmd"), "ilmd-needs-add", message);
    }
    if let Some(list) = event.get("epcList") {
        checker.unique(&at.key("epcList"), list);
    }
}

fn link(checker: &mut Checker, at: &Path<'_>, event: &Object, event_type: EventType) {
    checker.required(at, event, &["action"]);
    let children = is_filled(event, "childEPCs") || is_filled(event, "childQuantityList");
    if !children && !is_action(event, "DELETE") {
        let message = "the event names no children: give childEPCs or childQuantityList (only \
                       DELETE may leave them out, and means all)";
        checker.report(at, "what", message);
    }
    if event_type == EventType::Association {
        checker.required(at, event, &["parentID"]);
    } else if !event.contains_key("parentID") && !is_action(event, "OBSERVE") {
        let message = "parentID is missing: name the container (only OBSERVE may leave it out)";
        checker.report(&at.key("parentID"), "required", message);
    }
}

fn transaction(checker: &mut Checker, at: &Path<'_>, event: &Object) {
    checker.required(at, event, &["action", "bizTransactionList"]);
    if let Some(list) = event.get("bizTransactionList") {
        checker.not_empty(&at.key("bizTransactionList"), list);
    }
    let named = event.contains_key("epcList") || is_filled(event, "quantityList");
    if !named && !is_action(event, "DELETE") {
        let message = "the event names nothing: give epcList or quantityList (only DELETE may \
                       leave them out)";
        checker.report(at, "what", message);
    }
}

fn transformation(checker: &mut Checker, at: &Path<'_>, event: &Object) {
    let inputs = is_filled(event, "inputEPCList") || is_filled(event, "inputQuantityList");
    let outputs = is_filled(event, "outputEPCList") || is_filled(event, "outputQuantityList");
    let whole = inputs && outputs;
    if !whole && !event.contains_key("transformationID") {
        let missing = if inputs { "outputs" } else { "inputs" };
        let message = format!(
            "the event has no {missing}: give them, or a transformationID that joins it to the \
             event that does"
        );
        checker.report(at, "what", message);
    } else if !inputs && !outputs {
        checker.report(at, "what", "the event names nothing: give inputs or outputs");
    }
    for key in ["inputEPCList", "outputEPCList"] {
        if let Some(list) = event.get(key) {
            checker.unique(&at.key(key), list);
        }
    }
}
