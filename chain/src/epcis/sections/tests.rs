use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::epcis::testing::{any_event_like, sample_event};

fn salts(seed: u8) -> impl FnMut(SectionName) -> [u8; 32] {
    move |name| [seed ^ (name as u8); 32]
}

fn sectioned(parts: &Cut<Object>) -> SectionedEvent {
    let section = |part: &Object| Section {
        salt: Salt([7; 32]),
        json: canonical::text(&Value::Object(part.clone())),
    };
    SectionedEvent {
        public: section(&parts.public),
        trade: section(&parts.trade),
        rest: section(&parts.rest),
    }
}

#[test]
fn each_fact_goes_to_its_section() {
    let event = Event::from_value(sample_event(), None).unwrap();
    let cut = SectionedEvent::split(&event, &mut salts(1));
    let read = |name| serde_json::from_str::<Value>(cut.section(name).json()).unwrap();
    let (public, trade, rest) =
        (read(SectionName::Public), read(SectionName::Trade), read(SectionName::Rest));
    assert_eq!(public["epcList"], json!(["https://id.gs1.org/01/09521568251204/21/A1"]));
    assert_eq!(
        public["quantityList"],
        json!([{"epcClass": "https://id.gs1.org/01/09521568251204/10/L1"}, {"epcClass": "urn:x:y"}])
    );
    assert_eq!(trade["quantityList"], json!([{"quantity": 3.5, "uom": "KGM"}, {}]));
    assert_eq!(trade["readPoint"], json!({"id": "geo:47.5,9.6"}));
    assert_eq!(public["bizLocation"], json!({"id": "https://id.gs1.org/414/9521321000018"}));
    assert_eq!(rest["bizLocation"], json!({"ext:gate": 4}));
    assert_eq!(trade["sourceList"].as_array().unwrap().len(), 1);
    assert_eq!(public["ilmd"], json!({"cbvmda:lotNumber": "L1"}));
    assert_eq!(rest["ilmd"], json!({"ext:recipe": "secret"}));
    let reports = |section: &Value| section["sensorElementList"][0]["sensorReport"].clone();
    assert_eq!(
        reports(&public),
        json!([{"type": "Temperature", "value": 4.2, "uom": "CEL"}, {"type": "Angle"}])
    );
    assert_eq!(reports(&trade), json!([{}, {"component": "latitude", "value": 47.5, "uom": "DD"}]));
    assert_eq!(reports(&rest), json!([{"rawData": "https://example.com/raw"}, {}]));
    assert_eq!(rest["ext:note"], json!({"a": [1, {"b": null}]}));
    assert_eq!(cut.event().unwrap(), event.with_event_id("urn:uuid:x"));
}

/// Promise P132.
#[test]
fn exact_positions_are_not_public_however_the_scheme_is_written() {
    for (id, section) in [
        ("geo:47.5,9.6", SectionName::Trade),
        ("GEO:47.5,9.6", SectionName::Trade),
        ("Geo:47.5,9.6;u=5", SectionName::Trade),
        ("https://id.gs1.org/414/9521321000018", SectionName::Public),
        ("urn:geo:47.5,9.6", SectionName::Public),
        ("geology:47.5,9.6", SectionName::Public),
    ] {
        let mut event = sample_event();
        event["readPoint"] = json!({"id": id});
        let event = Event::from_value(event, None).unwrap().with_event_id("urn:uuid:x");
        let cut = SectionedEvent::split(&event, &mut salts(1));
        for name in SectionName::ALL {
            let told = cut.section(name).json().contains(id);
            assert_eq!(told, name == section, "{id} in {name}");
        }
        assert_eq!(cut.event().unwrap(), event, "every node cuts it the same way");
    }
}

/// Promise P132.
#[test]
fn what_something_costs_is_not_public_in_whatever_words_of_gs1() {
    let price = json!({"gs1:price": 4.5, "gs1:priceCurrency": "CHF"});
    for (key, value, section) in [
        ("gs1:price", json!(4.5), SectionName::Trade),
        ("gs1:priceCurrency", json!("CHF"), SectionName::Trade),
        ("gs1:priceSpecification", price.clone(), SectionName::Trade),
        ("gs1:netPrice", json!({"gs1:value": 4.5}), SectionName::Trade),
        ("gs1:exactDiscountAmount", json!(1), SectionName::Trade),
        ("gs1:offers", json!([{"gs1:priceSpecification": price}]), SectionName::Trade),
        ("cbvmda:unitPrice", json!("4.50"), SectionName::Trade),
        ("https://gs1.org/voc/price", json!(4.5), SectionName::Trade),
        ("urn:epcglobal:cbv:mda:unitPrice", json!("4.50"), SectionName::Trade),
        ("ext:price", json!(4.5), SectionName::Rest),
        ("gs1:netWeight", json!({"gs1:value": 1, "gs1:unitCode": "KGM"}), SectionName::Public),
        ("cbvmda:lotNumber", json!("price"), SectionName::Public),
    ] {
        let mut event = sample_event();
        event["ilmd"] = json!({key: value});
        let event = Event::from_value(event, None).unwrap().with_event_id("urn:uuid:x");
        let cut = SectionedEvent::split(&event, &mut salts(1));
        for name in SectionName::ALL {
            let part: Value = serde_json::from_str(cut.section(name).json()).unwrap();
            let expected = (name == section).then_some(&value);
            assert_eq!(part.pointer("/ilmd").map(|ilmd| &ilmd[key]), expected, "{key} in {name}");
        }
        assert_eq!(cut.event().unwrap(), event, "every node cuts it the same way");
    }
}

/// Promise P118.
#[test]
fn what_the_recorder_marks_is_public_whole() {
    let mut event = sample_event();
    event["@context"].as_array_mut().unwrap().push(json!({"tracehold": "urn:tracehold:"}));
    event["tracehold:public"] = json!(["quantityList", "readPoint", "sourceList"]);
    let event = Event::from_value(event, None).unwrap().with_event_id("urn:uuid:x");
    let cut = SectionedEvent::split(&event, &mut salts(1));
    let read = |name| serde_json::from_str::<Value>(cut.section(name).json()).unwrap();
    let (public, trade) = (read(SectionName::Public), read(SectionName::Trade));
    for name in ["quantityList", "readPoint", "sourceList", "tracehold:public"] {
        assert_eq!(public[name], event.object()[name], "{name}");
        assert_eq!(trade.get(name), None, "{name}");
    }
    assert!(cut.withheld_members() > 0);
    assert_eq!(cut.event().unwrap(), event, "every node cuts it the same way");
    let parts = policy::cut_event(event.object(), &[]);
    let error = sectioned(&parts).event().unwrap_err();
    assert!(matches!(error, SectionError::NotAsCut(_)), "nobody hides what is marked: {error}");
}

/// Promise P118: a slip of the pen is told, and a prefix of others means nothing.
#[test]
fn marks_that_name_nothing_are_refused() {
    for (namespace, marks, wrong) in [
        ("urn:tracehold:", json!(["quantitylist"]), Some("/tracehold:public/0")),
        ("urn:tracehold:", json!("quantityList"), Some("/tracehold:public")),
        ("urn:tracehold:", json!([5]), Some("/tracehold:public/0")),
        ("urn:other:", json!(["nothing"]), None),
    ] {
        let mut event = sample_event();
        event["@context"].as_array_mut().unwrap().push(json!({"tracehold": namespace}));
        event["tracehold:public"] = marks;
        match (Event::from_value(event, None), wrong) {
            (Ok(event), None) => {
                let cut = SectionedEvent::split(&event.with_event_id("urn:uuid:x"), &mut salts(1));
                assert!(cut.section(SectionName::Rest).json().contains("tracehold:public"));
            }
            (Err(violations), Some(at)) => assert_eq!(violations[0].pointer, at),
            (told, _) => panic!("{told:?}"),
        }
    }
}

#[test]
fn a_section_without_content_is_there() {
    let event = json!({
        "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "type": "ObjectEvent",
        "eventID": "urn:uuid:1",
        "eventTime": "2026-03-01T10:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "epcList": [],
    });
    let event = Event::from_value(event, None).unwrap();
    let cut = SectionedEvent::split(&event, &mut salts(1));
    assert_eq!(cut.section(SectionName::Trade).json(), "{}");
    assert_eq!(cut.section(SectionName::Rest).json(), "{}");
}

#[test]
fn the_documents_context_comes_back_apart() {
    let context = Arc::new(json!(["https://example.com/context", {"ext": "urn:ext:"}]));
    let event = Event::from_value(sample_event(), Some(Arc::clone(&context))).unwrap();
    let stored = SectionedEvent::split(&event, &mut salts(3)).event().unwrap();
    assert_eq!(stored.document_context(), Some(&*context));
    assert_eq!(stored, event);
}

#[test]
fn a_part_shows_its_sections_and_no_more() {
    let context = Arc::new(json!({"other": "urn:other:"}));
    let event = Event::from_value(sample_event(), Some(context)).unwrap();
    let cut = SectionedEvent::split(&event, &mut salts(1));
    let public = cut.part(&[SectionName::Public]).unwrap();
    assert_eq!(public["@context"], event.contexts().effective());
    assert_eq!(public["quantityList"][1], json!({"epcClass": "urn:x:y"}));
    for hidden in ["sourceList", "readPoint", "ext:note", "@documentContext"] {
        assert_eq!(public.get(hidden), None, "{hidden}");
    }
    assert_eq!(cut.part(&SectionName::ALL).unwrap(), event.self_contained());
    let again = cut.part(&[SectionName::Public, SectionName::Public]);
    assert!(matches!(again, Err(SectionError::Overlap(SectionName::Public))));
}

#[test]
fn the_documents_context_of_a_stranger_is_checked() {
    let event = sample_event();
    let parts = cut(event.as_object().unwrap(), Some(&json!(5)));
    let error = sectioned(&parts).event().unwrap_err();
    let SectionError::Invalid(violations) = error else { panic!("{error}") };
    assert_eq!(violations[0].pointer, "/@documentContext");
}

#[test]
fn the_digest_covers_every_salt_text_and_place() {
    let event = Event::from_value(sample_event(), None).unwrap();
    let cut = SectionedEvent::split(&event, &mut salts(1));
    let mut seen = vec![cut.digest()];
    for name in 0..3 {
        let change = |change: &dyn Fn(&mut Section)| {
            let mut other = cut.clone();
            change(match name {
                0 => &mut other.public,
                1 => &mut other.trade,
                _ => &mut other.rest,
            });
            other.digest()
        };
        seen.push(change(&|section| section.salt.0[31] ^= 1));
        seen.push(change(&|section| section.json.push(' ')));
        seen.push(change(&|section| section.json = "{}".into()));
    }
    let mut moved = cut.clone();
    std::mem::swap(&mut moved.public, &mut moved.rest);
    seen.push(moved.digest());
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "every change gives another digest");
}

#[test]
fn the_digest_is_pinned() {
    let event = Event::from_value(sample_event(), None).unwrap();
    let cut = SectionedEvent::split(&event, &mut salts(1));
    assert_eq!(
        cut.digest().to_string(),
        "e73e8a5a174bb84340c7de406f9faf9b30e0fc1e1c58463b3e7609459b23873d",
        "the format of event digests has changed: every recorded event would lose its proof"
    );
}

#[test]
fn hostile_sections_are_errors() {
    let event = Event::from_value(sample_event(), None).unwrap();
    let good = SectionedEvent::split(&event, &mut salts(1));
    let with = |name: SectionName, json: &str| {
        let mut bad = good.clone();
        let section = match name {
            SectionName::Public => &mut bad.public,
            SectionName::Trade => &mut bad.trade,
            SectionName::Rest => &mut bad.rest,
        };
        section.json = json.to_owned();
        bad.event().unwrap_err()
    };
    let (public, trade, rest) = (SectionName::Public, SectionName::Trade, SectionName::Rest);
    assert!(matches!(with(public, ""), SectionError::Json(SectionName::Public, _)));
    assert!(matches!(with(public, "{\"a\":1,\"a\":1}"), SectionError::Json(..)));
    assert_eq!(with(trade, "[]"), SectionError::NotAnObject(trade));
    assert_eq!(with(rest, "{\"type\":\"ObjectEvent\"}"), SectionError::Overlap(rest));
    assert_eq!(with(rest, "{\"quantityList\":[{}]}"), SectionError::Overlap(rest));
    assert_eq!(with(rest, "{\"epcList\":[{}]}"), SectionError::Overlap(rest));
    let spaced = format!("{} ", good.section(rest).json());
    assert_eq!(with(rest, &spaced), SectionError::NotAsCut(rest));
    let longer = good.section(rest).json().replacen('{', "{\"destinationList\":[],", 1);
    assert!(matches!(with(rest, &longer), SectionError::NotAsCut(_)));
    assert!(matches!(with(public, "{}"), SectionError::Invalid(_)));
}

#[test]
fn a_stored_event_has_an_id_and_no_record_time() {
    let mut object = sample_event();
    let object = object.as_object_mut().unwrap();
    object.remove("eventID");
    let missing = sectioned(&cut(object, None)).event().unwrap_err();
    let SectionError::Invalid(violations) = missing else { panic!("{missing}") };
    assert_eq!(violations[0].pointer, "/eventID");
    object.insert("eventID".into(), json!("urn:uuid:1"));
    object.insert("recordTime".into(), json!("2026-03-01T10:00:00Z"));
    let given = sectioned(&cut(object, None)).event().unwrap_err();
    let SectionError::Invalid(violations) = given else { panic!("{given}") };
    assert_eq!(violations[0].rule, "record-time");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn merging_gives_back_what_was_cut(object in any_event_like()) {
        let cut = sectioned(&cut(&object, None));
        prop_assert_eq!(cut.merge().unwrap(), Value::Object(object));
    }

    #[test]
    fn merging_anything_never_panics(parts in proptest::array::uniform3(any_event_like())) {
        let [public, trade, rest] = parts;
        let cut = sectioned(&Cut { public, trade, rest });
        let _ = cut.event();
        let _ = cut.merge();
    }

    #[test]
    fn other_events_have_other_digests(a in any_event_like(), b in any_event_like()) {
        let same = a == b;
        let digest = |object: &Object| sectioned(&cut(object, None)).digest();
        prop_assert_eq!(digest(&a) == digest(&b), same);
    }
}
