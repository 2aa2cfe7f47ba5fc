use serde_json::json;

use super::*;
use crate::epcis::testing::{any_json, sample_event};

fn read(document: &Value) -> (Document, Vec<(String, &'static str)>) {
    let (document, changes) = Document::parse_lenient(document.to_string().as_bytes()).unwrap();
    (document, changes.into_iter().map(|change| (change.pointer, change.rule)).collect())
}

#[test]
fn what_can_only_mean_one_thing_is_brought_into_form_and_recorded() {
    let given = json!({
        "id": "_:1",
        "schemaVersion": 2.0,
        "creationDate": "2026-03-01T10:00:00Z",
        "_comment": "x",
        "epcisBody": {"event": {
            "isA": "ObjectEvent",
            "eventTime": "2026-03-01T10:00:00-05:00",
            "recordTime": 5,
            "action": "observe",
            "bizStep": "urn:epcglobal:cbv:bizstep:shipping",
            "disposition": null,
            "persistentDisposition": {"set": "urn:epcglobal:cbv:disp:damaged", "unset": []},
            "readPoint": "urn:epc:id:sgln:9521321.00001.0",
            "epcList": ["urn:x:1", "urn:x:1"],
            "quantityList": [{"epcClass": "urn:x:c", "quantity": "2.50", "uom": null}],
            "bizTransactionList": {"type": "urn:epcglobal:cbv:btt:po", "bizTransaction": "urn:x:b"},
            "sensorElementList": [{"sensorReport": {"type": "https://gs1.org/voc/Temperature", "value": "4"}}],
        }},
    });
    let (document, changes) = read(&given);
    let event = document.events[0].clone().unwrap();
    let object = event.object();
    assert_eq!(object["eventTimeZoneOffset"], "-05:00");
    assert_eq!(object["bizStep"], "shipping");
    assert_eq!(object["persistentDisposition"], json!({"set": ["damaged"]}));
    assert_eq!(object["readPoint"], json!({"id": "urn:epc:id:sgln:9521321.00001.0"}));
    assert_eq!(object["quantityList"], json!([{"epcClass": "urn:x:c", "quantity": 2.5}]));
    assert_eq!(object["bizTransactionList"], json!([{"type": "po", "bizTransaction": "urn:x:b"}]));
    assert_eq!(
        object["sensorElementList"],
        json!([{"sensorReport": [{"type": "Temperature", "value": 4}]}])
    );
    let places: Vec<&str> = changes.iter().map(|(pointer, _)| pointer.as_str()).collect();
    for place in ["/_comment", "/@context", "/type", "/schemaVersion", "/id", "/epcisBody/event"] {
        assert!(places.contains(&place), "{place}: {places:?}");
    }
    assert!(changes.contains(&("/epcisBody/eventList/0/bizStep".into(), "vocabulary")));
    assert!(changes.contains(&("/epcisBody/eventList/0/epcList/1".into(), "unique")));
}

#[test]
fn what_is_right_stays_as_it_is() {
    let event = sample_event();
    let (read, changes) = Event::parse_bare_lenient(event.to_string().as_bytes()).unwrap();
    assert_eq!(changes, []);
    assert_eq!(read, Event::from_value(event, None).unwrap());
}

#[test]
fn zone_offsets_are_understood() {
    let offset = |text: &str| {
        let mut event = sample_event();
        event["eventTimeZoneOffset"] = json!(text);
        let read = Event::parse_bare_lenient(event.to_string().as_bytes()).ok()?;
        Some(read.0.object()["eventTimeZoneOffset"].clone())
    };
    for (given, expected) in
        [("Z", "+00:00"), ("+0130", "+01:30"), ("-5:00", "-05:00"), ("+01", "+01:00")]
    {
        assert_eq!(offset(given), Some(json!(expected)), "{given}");
    }
    for bad in ["", "+15:00", "1:00", "+1:0", "ä"] {
        assert_eq!(offset(bad), None, "{bad}");
    }
}

#[test]
fn what_can_mean_several_things_is_refused() {
    for (key, value) in [
        ("bizStep", json!("dancing")),
        ("eventTime", json!(1_700_000_000)),
        ("unknown", json!(1)),
        ("quantityList", json!([{"epcClass": "urn:x:c", "quantity": "twenty"}])),
    ] {
        let mut event = sample_event();
        event[key] = value;
        let read = Event::parse_bare_lenient(event.to_string().as_bytes());
        assert!(read.unwrap_err().iter().all(|fault| fault.pointer.contains(key)), "{key}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_makes_the_lenient_reading_panic(value in any_json()) {
        let bytes = value.to_string().into_bytes();
        let _ = Document::parse_lenient(&bytes);
        let _ = Event::parse_bare_lenient(&bytes);
    }
}
