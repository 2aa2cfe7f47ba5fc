//! Terms as people write them, and what they are told when they write something else.

use serde_json::{Value, json};

use super::*;

fn terms() -> Value {
    json!({
        "title": "One crate of apples",
        "roles": [{"role": "buyer", "member": "shop"}, {"role": "seller", "member": "mill"}],
        "goods": {"items": ["https://id.gs1.org/01/09521101000016/21/1"]},
        "accept_by": "2026-06-02T00:00:00Z",
        "deposits": [{
            "id": "price", "role": "buyer", "money": {"asset": "EUR@bank", "amount": "1000.00"},
            "due": "2026-06-03T00:00:00Z"
        }],
        "milestones": [{
            "id": "delivered",
            "when": {"all": [
                {"observed": {"event": {
                    "biz_step": "receiving", "event_type": "ObjectEvent", "action": "OBSERVE",
                    "place": "https://id.gs1.org/414/9521101000009", "by": ["buyer"]
                }}},
                {"no_open_anomaly": {
                    "kinds": ["moved-by-non-holder"], "at": {"time": "2026-06-20T00:00:00Z"}
                }}
            ]},
            "window": "P2D",
            "pay": [{"remainder": {"to": "seller", "asset": "EUR@bank"}}],
            "ends": true
        }],
        "deadline": "2026-07-01T00:00:00Z",
        "at_deadline": [{"remainder": {"to": "buyer", "asset": "EUR@bank"}}]
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut terms = terms();
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    let parent = terms.pointer_mut(parent).expect("a place");
    match parent {
        Value::Object(map) if value.is_null() => drop(map.remove(field)),
        Value::Object(map) => drop(map.insert(field.to_owned(), value)),
        Value::Array(list) => list[field.parse::<usize>().expect("a number")] = value,
        _ => panic!("nothing stands in {pointer}"),
    }
    terms
}

fn schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(TERMS_SCHEMA).expect("JSON");
    jsonschema::meta::validate(&schema).expect("a schema");
    jsonschema::validator_for(&schema).expect("a schema")
}

/// Promise P58: any spelling that EPCIS knows is read, and leads to one.
#[test]
fn spellings_become_one() {
    let expected = Terms::from_value(terms()).expect("terms");
    let sgtin = "urn:epc:id:sgtin:9521101.000001.1";
    let place = "/milestones/0/when/all/0/observed/event/place";
    let step = "/milestones/0/when/all/0/observed/event/biz_step";
    for other in [
        with("/goods/items/0", json!(sgtin)),
        with("/goods/items/0", json!("https://shop.example/01/9521101000016/21/1?x=y")),
        with(place, json!("urn:epc:id:sgln:9521101.00000.0")),
        with(step, json!("https://ref.gs1.org/cbv/BizStep-receiving")),
        with(step, json!("cbv:BizStep-receiving")),
    ] {
        assert_eq!(Terms::from_value(other), Ok(expected.clone()));
    }
    assert_eq!(
        serde_json::to_value(&expected).expect("JSON")["deadline"],
        "2026-07-01T00:00:00.000Z"
    );
    let written = serde_json::to_vec(&expected).expect("JSON");
    assert_eq!(Terms::from_json(&written), Ok(expected));
}

/// Promise P58: what is no terms is refused with the field, the rule and the mend; the published
/// schema refuses it too.
#[test]
fn errors_name_the_field_and_the_mend() {
    let schema = schema();
    assert!(schema.is_valid(&terms()), "{:?}", schema.validate(&terms()));
    let event = "/milestones/0/when/all/0/observed/event";
    let cases = [
        ("/title", json!(null), "", "missing field `title`"),
        ("/titel", json!("x"), "/titel", "unknown field `titel`"),
        ("/title", json!(7), "/title", "invalid type"),
        ("/deposits/0/money/amount", json!(1000), "/deposits/0/money/amount", "in quotes"),
        ("/deposits/0/money/amount", json!("1.001"), "/deposits/0/money", "decimal places"),
        ("/deposits/0/money/amount", json!("-1"), "/deposits/0/money", "below zero"),
        ("/deposits/0/money/asset", json!("EUX@bank"), "/deposits/0/money/asset", "ISO 4217"),
        ("/deposits/0/due", json!("tomorrow"), "/deposits/0/due", "write date, time and offset"),
        ("/deposits/0/id", json!("The Price"), "/deposits/0/id", "lower-case"),
        ("/milestones/0/window", json!("2 days"), "/milestones/0/window", "write days"),
        ("/milestones/0/when", json!({"seen": {}}), "/milestones/0/when", "choose one of"),
        (
            "/milestones/0/pay/0",
            json!({"share": {"to": "seller", "asset": "EUR@bank", "percent": "101"}}),
            "/milestones/0/pay/0/share/percent",
            "from \"0\" to \"100\"",
        ),
        (&format!("{event}/action"), json!("LOOK"), &format!("{event}/action"), "OBSERVE"),
        (&format!("{event}/by"), json!(null), event, "missing field `by`"),
        (
            "/milestones/0/when/all/1/no_open_anomaly/kinds/0",
            json!("bad-smell"),
            "/milestones/0/when/all/1/no_open_anomaly/kinds/0",
            "docs/custody.md",
        ),
    ];
    for (place, value, pointer, says) in cases {
        let bad = with(place, value);
        let error = Terms::from_value(bad.clone()).expect_err(place);
        assert_eq!(error.pointer, pointer, "{error}");
        assert!(error.message.contains(says), "{error}");
        // Some rules are more than a schema can say.
        let beyond = ["decimal places", "ISO 4217"].contains(&says);
        assert_eq!(schema.is_valid(&bad), beyond, "the schema on {place}");
    }
    let twice = br#"{"title": "a", "title": "b"}"#;
    assert!(Terms::from_json(twice).expect_err("twice").message.contains("keep one"));
}
