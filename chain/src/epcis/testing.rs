//! Made-up JSON for property tests.

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

/// A number as [`super::json`] reads it.
fn any_number() -> impl Strategy<Value = Number> {
    let double = any::<f64>().prop_filter_map("finite", |double| {
        let text = serde_json_canonicalizer::to_string(&double).ok()?;
        match super::json::parse_strict(text.as_bytes()) {
            Ok(Value::Number(number)) => Some(number),
            _ => None,
        }
    });
    prop_oneof![(-1_i64 << 53..=1 << 53).prop_map(Number::from), double]
}

/// Any JSON value, not deep.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any_number().prop_map(Value::Number),
        any::<String>().prop_map(Value::from),
        "[a-z:]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any_key(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "id",
        "epcClass",
        "quantity",
        "uom",
        "sensorMetadata",
        "sensorReport",
        "type",
        "value",
        "component",
        "time",
        "declarationTime",
        "cbvmda:lotNumber",
        "ext:a",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

/// An object with the keys of events and anything under them.
pub(super) fn any_event_like() -> impl Strategy<Value = Map<String, Value>> {
    let key = prop::sample::select(vec![
        "@context",
        "type",
        "eventTime",
        "epcList",
        "quantityList",
        "childQuantityList",
        "readPoint",
        "bizLocation",
        "errorDeclaration",
        "sensorElementList",
        "ilmd",
        "sourceList",
        "ext:other",
        "unheard",
    ]);
    let objects = proptest::collection::vec(
        proptest::collection::btree_map(any_key(), any_json(), 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        0..4,
    )
    .prop_map(Value::from);
    let value = prop_oneof![any_json(), objects];
    proptest::collection::btree_map(key.prop_map(str::to_owned), value, 0..8)
        .prop_map(|map| map.into_iter().collect())
}

/// An event with something for every section.
pub(super) fn sample_event() -> Value {
    json!({
        "@context": [super::context::GS1_CONTEXT, {"ext": "https://example.com/ext/"}],
        "type": "ObjectEvent",
        "eventID": "urn:uuid:00000000-0000-4000-8000-000000000001",
        "eventTime": "2026-03-01T10:00:00.000+01:00",
        "eventTimeZoneOffset": "+01:00",
        "action": "ADD",
        "bizStep": "commissioning",
        "disposition": "active",
        "epcList": ["https://id.gs1.org/01/09521568251204/21/A1"],
        "quantityList": [
            {"epcClass": "https://id.gs1.org/01/09521568251204/10/L1", "quantity": 3.5, "uom": "KGM"},
            {"epcClass": "urn:x:y"},
        ],
        "readPoint": {"id": "geo:47.5,9.6"},
        "bizLocation": {"id": "https://id.gs1.org/414/9521321000018", "ext:gate": 4},
        "bizTransactionList": [{"type": "po", "bizTransaction": "urn:x:po:1"}],
        "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:9521321.00001"}],
        "ilmd": {"cbvmda:lotNumber": "L1", "ext:recipe": "secret"},
        "sensorElementList": [{
            "sensorMetadata": {"time": "2026-03-01T09:00:00Z", "deviceID": "urn:x:device:1"},
            "sensorReport": [
                {"type": "Temperature", "value": 4.2, "uom": "CEL", "rawData": "https://example.com/raw"},
                {"type": "Angle", "component": "latitude", "value": 47.5, "uom": "DD"},
            ],
        }],
        "ext:note": {"a": [1, {"b": null}]},
    })
}
