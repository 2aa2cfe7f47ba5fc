//! Whole events and documents.

use std::sync::Arc;

use serde_json::{Value, json};

use super::hash_id::Reading;
use super::testing::sample_event;
use super::*;
use crate::limits::{MAX_IDENTIFIERS_PER_EVENT, MAX_URI_BYTES};
use crate::units::TimestampMs;

fn event(value: Value) -> Event {
    Event::from_value(value, None).unwrap()
}

/// The pointers and rules that are broken.
fn broken(value: Value) -> Vec<(String, &'static str)> {
    let violations = Event::from_value(value, None).unwrap_err();
    violations.into_iter().map(|violation| (violation.pointer, violation.rule)).collect()
}

/// The sample event with the value at `pointer` replaced, or removed when `None`.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut event = sample_event();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(object), Some(value)) => drop(object.insert(key.into(), value)),
        (Value::Object(object), None) => drop(object.remove(key)),
        (Value::Array(list), Some(value)) => list[key.parse::<usize>().unwrap()] = value,
        _ => panic!("nothing at {pointer}"),
    }
    event
}

#[test]
fn facts_are_taken_in_one_spelling() {
    let event = event(sample_event());
    assert_eq!(event.event_type(), EventType::Object);
    assert_eq!(event.type_name(), "ObjectEvent");
    assert_eq!(event.event_time().to_string(), "2026-03-01T09:00:00.000Z");
    assert_eq!(event.event_time_text(), "2026-03-01T10:00:00.000+01:00");
    assert_eq!(event.zone_offset_minutes(), 60);
    assert_eq!(event.action(), Some(Action::Add));
    assert_eq!(event.biz_step(), Some("commissioning"));
    assert_eq!(event.disposition(), Some("active"));
    assert_eq!(event.read_point(), Some("geo:47.5,9.6"));
    assert_eq!(event.biz_location(), Some("https://id.gs1.org/414/9521321000018"));
    assert_eq!(event.sources()[0].id, "https://id.gs1.org/417/9521321000018");
    assert_eq!(event.biz_transactions()[0].kind.as_deref(), Some("po"));
    let named: Vec<_> = event
        .identifiers()
        .iter()
        .map(|named| (named.uri.as_str(), named.level, named.by_class, named.has_log()))
        .collect();
    assert_eq!(
        named,
        [
            ("https://id.gs1.org/01/09521568251204/21/A1", Level::Instance, false, true),
            ("https://id.gs1.org/01/09521568251204/10/L1", Level::Lot, true, true),
            ("urn:x:y", Level::Other, true, false),
        ]
    );
    assert_eq!(event.notices(), []);
}

/// Promise P4.
#[test]
fn an_identifier_in_two_spellings_is_one() {
    let mut value = sample_event();
    value["epcList"] = json!([
        "https://id.gs1.org/01/09521568251204/21/A1",
        "urn:epc:id:sgtin:9521568.025120.A1",
        "https://example.com/01/09521568251204/21/A2",
    ]);
    let event = event(value);
    let uris: Vec<_> = event.identifiers().iter().map(|named| named.uri.as_str()).collect();
    assert_eq!(
        uris[..2],
        [
            "https://id.gs1.org/01/09521568251204/21/A1",
            "https://id.gs1.org/01/09521568251204/21/A2",
        ]
    );
    assert_eq!(uris.len(), 4);
}

/// Promise P1.
#[test]
fn the_json_stays_as_given_but_for_the_record_time() {
    let event = event(with("/recordTime", Some(json!("2026-03-01T10:00:00Z"))));
    assert_eq!(Value::Object(event.object().clone()), sample_event());
    assert_eq!(event.clone().with_event_id("urn:uuid:2"), event, "a given eventID stays");
    let named =
        Event::from_value(with("/eventID", None), None).unwrap().with_event_id("urn:uuid:2");
    assert_eq!(named.event_id(), Some("urn:uuid:2"));
    assert_eq!(named.object()["eventID"], json!("urn:uuid:2"));
}

/// Promise P2.
#[test]
fn what_is_wrong_is_named_with_field_and_rule() {
    let one = |pointer: &str, rule: &'static str| vec![(pointer.to_owned(), rule)];
    for (pointer, value, rule) in [
        ("/eventTime", None, "required"),
        ("/eventTimeZoneOffset", None, "required"),
        ("/action", None, "required"),
        ("/type", None, "required"),
        ("/@context", None, "required"),
        ("/type", Some(json!("QuantityEvent")), "event-type"),
        ("/eventTime", Some(json!("2026-03-01T10:00:00")), "date-time"),
        ("/eventTime", Some(json!(5)), "type"),
        ("/eventTime", Some(json!("1969-01-01T10:00:00Z")), "time-range"),
        ("/eventTimeZoneOffset", Some(json!("Z")), "zone-offset"),
        ("/eventID", Some(json!("1234")), "uri"),
        ("/bizStep", Some(json!("teleporting")), "vocabulary"),
        ("/bizStep", Some(json!("urn:epcglobal:cbv:bizstep:shipping")), "vocabulary"),
        ("/epcList/0", Some(json!("A1")), "uri"),
        ("/epcList/0", Some(json!(format!("urn:{}", "x".repeat(MAX_URI_BYTES)))), "uri-length"),
        ("/epcList", Some(json!("urn:a:b")), "type"),
        ("/epcList", Some(json!({})), "type"),
        ("/quantityList/0/quantity", Some(json!("5")), "type"),
        ("/quantityList/0/uom", Some(json!("kg")), "unit"),
        ("/quantityList/0/note", Some(json!("x")), "unknown-field"),
        ("/quantityList/0/epcClass", None, "required"),
        ("/readPoint", Some(json!("urn:a:b")), "type"),
        ("/readPoint/id", None, "required"),
        ("/myField", Some(json!(1)), "unknown-field"),
        ("/ilmd/lot", Some(json!(1)), "unknown-field"),
        ("/bizTransactionList/0/type", Some(json!("mortgage")), "vocabulary"),
        ("/bizTransactionList/0/bizTransaction", None, "required"),
        ("/sourceList/0/type", None, "required"),
        ("/errorDeclaration", Some(json!({"reason": "did_not_occur"})), "required"),
        ("/persistentDisposition", Some(json!({})), "required"),
        ("/certificationInfo", Some(json!(7)), "type"),
        ("/sensorElementList/0/sensorReport", None, "required"),
        ("/sensorElementList/0/sensorReport/0/type", None, "required"),
        ("/sensorElementList/0/sensorReport/0/type", Some(json!("Temprature")), "vocabulary"),
        ("/sensorElementList/0/sensorReport/0/value", Some(json!("1")), "type"),
        ("/sensorElementList/0/sensorReport/0/hexBinaryValue", Some(json!("XYZ")), "hexadecimal"),
        ("/@context", Some(json!(["a:b", "a:b"])), "unique"),
        ("/@context", Some(json!(5)), "context"),
        ("/@graph", Some(json!([])), "json-ld-keyword"),
    ] {
        let shown = format!("{pointer} {value:?}");
        let found = broken(with(pointer, value));
        let wanted = match rule {
            // These stand where the field should be.
            "required" if pointer == "/errorDeclaration" => {
                one("/errorDeclaration/declarationTime", rule)
            }
            _ if rule == "unique" => one("/@context/1", rule),
            _ => one(pointer, rule),
        };
        assert_eq!(found.first(), wanted.first(), "{shown}");
    }
}

#[test]
fn messages_say_how_to_mend_it() {
    let message = |value: Value| Event::from_value(value, None).unwrap_err().remove(0).to_string();
    assert_eq!(
        message(with("/bizStep", Some(json!("shiping")))),
        "/bizStep: \"shiping\" is no bizStep of CBV 2.0: did you mean shipping? (vocabulary)"
    );
    assert_eq!(
        message(with("/bizStep", Some(json!("urn:epcglobal:cbv:bizstep:shipping")))),
        "/bizStep: \"urn:epcglobal:cbv:bizstep:shipping\" is not how JSON spells a standard \
         bizStep: write \"shipping\" (vocabulary)"
    );
    assert_eq!(
        message(with("/eventTime", None)),
        "/eventTime: eventTime is missing: add it (required)"
    );
}

#[test]
fn each_type_says_what_it_needs() {
    let base = |event_type: &str, rest: Value| {
        let mut event = json!({
            "@context": context::GS1_CONTEXT,
            "type": event_type,
            "eventTime": "2026-03-01T10:00:00Z",
            "eventTimeZoneOffset": "+00:00",
        });
        for (key, value) in rest.as_object().unwrap() {
            event[key] = value.clone();
        }
        Event::from_value(event, None)
            .map(drop)
            .map_err(|violations| violations.into_iter().map(|v| v.rule).collect::<Vec<_>>())
    };
    let parent = "https://id.gs1.org/00/095213210000000018";
    let child = "https://id.gs1.org/01/09521568251204/21/A1";
    for (event_type, rest, wanted) in [
        ("ObjectEvent", json!({"action": "OBSERVE"}), Err(vec!["what"])),
        ("ObjectEvent", json!({"action": "OBSERVE", "epcList": []}), Ok(())),
        ("ObjectEvent", json!({"action": "OBSERVE", "quantityList": []}), Err(vec!["what"])),
        (
            "ObjectEvent",
            json!({"action": "OBSERVE", "epcList": [child, child]}),
            Err(vec!["unique"]),
        ),
        (
            "ObjectEvent",
            json!({"action": "OBSERVE", "epcList": [child], "ilmd": {}}),
            Err(vec!["ilmd-needs-add"]),
        ),
        ("ObjectEvent", json!({"action": "REMOVE", "epcList": [child]}), Err(vec!["action"])),
        (
            "AggregationEvent",
            json!({"action": "ADD", "parentID": parent, "childEPCs": [child]}),
            Ok(()),
        ),
        ("AggregationEvent", json!({"action": "ADD", "childEPCs": [child]}), Err(vec!["required"])),
        ("AggregationEvent", json!({"action": "OBSERVE", "childEPCs": [child]}), Ok(())),
        ("AggregationEvent", json!({"action": "DELETE", "parentID": parent}), Ok(())),
        ("AggregationEvent", json!({"action": "ADD", "parentID": parent}), Err(vec!["what"])),
        (
            "AggregationEvent",
            json!({"action": "ADD", "parentID": child, "childEPCs": ["urn:epc:id:sgtin:9521568.025120.A1"]}),
            Err(vec!["parent-is-child"]),
        ),
        (
            "AssociationEvent",
            json!({"action": "OBSERVE", "childEPCs": [child]}),
            Err(vec!["required"]),
        ),
        ("TransactionEvent", json!({"action": "ADD", "epcList": [child]}), Err(vec!["required"])),
        (
            "TransactionEvent",
            json!({"action": "ADD", "epcList": [child], "bizTransactionList": []}),
            Err(vec!["empty"]),
        ),
        (
            "TransactionEvent",
            json!({"action": "DELETE", "bizTransactionList": [{"bizTransaction": "urn:a:b"}]}),
            Ok(()),
        ),
        (
            "TransactionEvent",
            json!({"action": "ADD", "bizTransactionList": [{"bizTransaction": "urn:a:b"}]}),
            Err(vec!["what"]),
        ),
        ("TransformationEvent", json!({"inputEPCList": [child]}), Err(vec!["what"])),
        (
            "TransformationEvent",
            json!({"inputEPCList": [child], "transformationID": "urn:a:b"}),
            Ok(()),
        ),
        ("TransformationEvent", json!({"transformationID": "urn:a:b"}), Err(vec!["what"])),
        (
            "TransformationEvent",
            json!({"inputEPCList": [child], "outputEPCList": [parent]}),
            Ok(()),
        ),
        (
            "TransformationEvent",
            json!({"inputEPCList": [child], "outputEPCList": [parent], "action": "ADD"}),
            Err(vec!["unknown-field"]),
        ),
        ("ext:MyEvent", json!({"anything": 1}), Ok(())),
        ("ext:MyEvent", json!({"bizStep": 1}), Err(vec!["type"])),
        ("ext:MyEvent", json!({"@documentContext": 1}), Err(vec!["json-ld-keyword"])),
    ] {
        assert_eq!(base(event_type, rest.clone()), wanted, "{event_type} {rest}");
    }
}

#[test]
fn too_many_identifiers_are_refused() {
    let list = |count: usize| {
        let uris: Vec<String> = (0..count).map(|i| format!("urn:x:{i}")).collect();
        with("/epcList", Some(json!(uris)))
    };
    // Two more stand in the quantity list.
    assert!(Event::from_value(list(MAX_IDENTIFIERS_PER_EVENT - 2), None).is_ok());
    assert_eq!(broken(list(MAX_IDENTIFIERS_PER_EVENT - 1)), [(String::new(), "identifier-count")]);
}

#[test]
fn violations_have_an_end() {
    let words: Vec<Value> = (0..1_000).map(Value::from).collect();
    assert_eq!(broken(with("/epcList", Some(json!(words)))).len(), MAX_VIOLATIONS);
}

#[test]
fn numbers_and_depth_are_checked_in_values_too() {
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!([deep]);
    }
    assert_eq!(broken(with("/ext:note", Some(deep)))[0].1, "json-depth");
    let large = with("/ext:note", Some(json!(9_007_199_254_740_993_u64)));
    assert_eq!(broken(large), [("/ext:note".to_owned(), "json-number")]);
    let whole = event(with("/ext:note", Some(json!(4.0))));
    assert_eq!(whole.object()["ext:note"], json!(4));
}

/// Promise P82.
#[test]
fn oddities_are_refused_strictly_and_noticed_leniently() {
    let mut value = sample_event();
    value["epcList"] = json!([
        "https://id.gs1.org/01/09521568251205/21/A1",
        "https://id.gs1.org/01/09521568251204/10/L1",
        "urn:epc:id:sgtin:1.2.3",
    ]);
    value["quantityList"] = json!([{"epcClass": "https://id.gs1.org/01/09521568251204/21/A1"}]);
    value["other:field"] = json!(1);
    let read = event(value.clone());
    let bare = Event::parse_bare(value.to_string().as_bytes());
    assert_eq!(bare, read.clone().strictly(), "one alone is read strictly");
    let refused: Vec<&str> = bare.unwrap_err().iter().map(|fault| fault.rule).collect();
    let rules = ["check-digit", "class-in-epc-list", "instance-in-quantity-list"];
    assert_eq!(refused, rules);
    let found: Vec<_> = read
        .notices()
        .into_iter()
        .map(|notice| format!("{} {}", notice.pointer, notice.rule))
        .collect();
    assert_eq!(
        found,
        [
            "/epcList/0 check-digit",
            "/epcList/1 class-in-epc-list",
            "/quantityList/0/epcClass instance-in-quantity-list",
            "/epcList/2 malformed-key",
            "/other:field undeclared-prefix",
        ]
    );
    // Published examples have these two wrong.
    let mut value = sample_event();
    value["epcList"] = json!([
        "https://id.gs1.org/00/095213210000000019",
        "https://id.gs1.org/8003/09521321000017XYZ",
    ]);
    let loose = event(value).strictly().unwrap();
    assert!(loose.notices().iter().all(|notice| notice.rule == "check-digit"));
    assert_eq!(loose.notices().len(), 2);
}

/// Promise P82.
#[test]
fn an_event_hash_id_of_other_content_is_noticed() {
    let mut value = sample_event();
    let own = hash_id::of_event(&event(value.clone()), &Reading::default()).id;
    value["eventID"] = json!(own);
    let rules = |value: &Value| {
        let notices = event(value.clone()).notices_at(TimestampMs(u64::MAX), &Reading::default());
        notices.into_iter().map(|notice| (notice.pointer, notice.rule)).collect::<Vec<_>>()
    };
    assert_eq!(rules(&value), []);
    value["bizStep"] = json!("receiving");
    assert_eq!(rules(&value), [("/eventID".to_owned(), "event-hash-id")]);
}

fn document(events: Value) -> Value {
    json!({
        "@context": [context::GS1_CONTEXT, {"ext": "https://example.com/ext/"}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-01T10:00:00Z",
        "epcisHeader": {"epcisMasterData": {"vocabularyList": []}},
        "epcisBody": {"eventList": events},
    })
}

#[test]
fn documents_give_each_event_or_what_is_wrong_with_it() {
    let mut good = sample_event();
    good.as_object_mut().unwrap().remove("@context");
    let mut bad = good.clone();
    bad["bizStep"] = json!("teleporting");
    let text = document(json!([good, bad])).to_string();
    let document = Document::parse(text.as_bytes()).unwrap();
    assert_eq!(document.kind, DocumentKind::Capture);
    assert!(document.header.is_some());
    assert_eq!(document.members["schemaVersion"], json!("2.0"));
    let first = document.events[0].as_ref().unwrap();
    assert_eq!(Value::Object(first.object().clone()), good);
    assert_eq!(first.document_context(), Some(&*document.context));
    let faults = document.events[1].as_ref().unwrap_err();
    assert_eq!(faults[0].pointer, "/epcisBody/eventList/1/bizStep");
    assert_eq!(document.all_events().unwrap_err().len(), 1);
}

#[test]
fn a_documents_frame_is_checked() {
    for (pointer, value, wanted) in [
        ("/@context", None, "required"),
        ("/type", None, "required"),
        ("/type", Some(json!("Envelope")), "document-type"),
        ("/creationDate", None, "required"),
        ("/schemaVersion", Some(json!(2.0)), "type"),
        ("/schemaVersion", Some(json!("two")), "version"),
        ("/epcisBody", Some(json!([])), "type"),
        ("/epcisBody/eventList", None, "required"),
        ("/epcisBody/eventList", Some(json!({})), "type"),
        ("/id", Some(json!("_:b0")), "uri"),
        ("/note", Some(json!(1)), "unknown-field"),
        ("/epcisHeader/epcisMasterData/vocabularyList", Some(json!({})), "type"),
    ] {
        let mut whole = document(json!([]));
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = whole.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => drop(parent.insert(key.into(), value)),
            None => drop(parent.remove(key)),
        }
        let faults = Document::parse(whole.to_string().as_bytes()).unwrap_err();
        assert_eq!((faults[0].pointer.as_str(), faults[0].rule), (pointer, wanted));
    }
    assert_eq!(Document::parse(b"[]").unwrap_err()[0].rule, "type");
    assert_eq!(Document::parse(b"{").unwrap_err()[0].rule, "json-syntax");
}

#[test]
fn answers_can_be_captured_again() {
    let mut without = sample_event();
    without.as_object_mut().unwrap().remove("@context");
    let context = Arc::new(json!([context::GS1_CONTEXT, {"ext": "urn:ext:"}]));
    let one = Event::from_value(without.clone(), Some(context)).unwrap();
    let other = event(sample_event());
    let recorded = TimestampMs(1_772_357_400_250);
    let same = query_document(&[(&one, recorded)], recorded);
    let given = &same["epcisBody"]["queryResults"]["resultsBody"]["eventList"][0];
    let mut expected = without;
    expected["recordTime"] = json!("2026-03-01T09:30:00.250Z");
    assert_eq!(*given, expected, "exactly as given");
    assert_eq!(same["@context"], *one.document_context().unwrap());
    for answer in [same, query_document(&[(&one, recorded), (&other, recorded)], recorded)] {
        let document = Document::parse(answer.to_string().as_bytes()).unwrap();
        assert_eq!(document.kind, DocumentKind::Query);
        let events = document.all_events().unwrap();
        assert_eq!(events[0].contexts().expand("ext:a").as_deref(), Some("urn:ext:a"));
    }
}

/// Promise P2.
#[test]
fn hostile_text_never_panics() {
    let text = sample_event().to_string();
    for at in 0..text.len() {
        let _ = Event::parse_bare(&text.as_bytes()[..at]);
        let mut bytes = text.clone().into_bytes();
        bytes[at] = b'"';
        let _ = Event::parse_bare(&bytes);
        bytes[at] = b'0';
        let _ = Event::parse_bare(&bytes);
    }
}
