use serde_json::{Value, json};

use super::*;
use crate::epcis::context::GS1_CONTEXT;
use crate::epcis::testing::sample_event;

fn prehash(event: &Value) -> String {
    let context = json!([GS1_CONTEXT, {"ext": "https://ns.example.com/x/"}]);
    let contexts = Contexts::new(Some(&context), event.get("@context"));
    of(event.as_object().unwrap(), contexts, &Reading::default()).prehash
}

fn event(more: Value) -> Value {
    let mut event = json!({
        "type": "ObjectEvent",
        "eventTime": "2026-03-01T10:00:00.1235+01:00",
        "eventTimeZoneOffset": "+01:00",
        "action": "OBSERVE",
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

const START: &str = "eventType=ObjectEventeventTime=2026-03-01T09:00:00.124Z\
                     eventTimeZoneOffset=+01:00";

#[test]
fn the_id_is_the_sha_256_of_the_prehash() {
    let found = of_event(&Event::from_value(sample_event(), None).unwrap(), &Reading::default());
    let hash = Digest::of_file(found.prehash.as_bytes());
    assert_eq!(found.id, format!("ni:///sha-256;{hash}?ver=CBV2.0"));
    assert!(is_hash_id(&found.id));
    for other in ["urn:uuid:1", "ni:///sha-256;AB?ver=CBV2.0", "ni:///sha-256;?ver=CBV2.0"] {
        assert!(!is_hash_id(other), "{other}");
    }
}

#[test]
fn fields_come_in_their_order_and_lists_sorted() {
    let given = event(json!({
        "bizLocation": {"id": "urn:epc:id:sgln:4012345.00005.0", "ext:dock": " 07 "},
        "bizStep": "shipping",
        "disposition": "urn:epcglobal:cbv:disp:in_transit",
        "persistentDisposition": {"unset": ["damaged"], "set": ["recalled", "expired"]},
        "quantityList": [
            {"uom": "KGM", "quantity": 2.50, "epcClass": "urn:epc:class:lgtin:4012345.012345.L1"},
            {"epcClass": "urn:x:b"},
        ],
        "epcList": ["urn:epc:id:sgtin:4012345.011111.B", "https://a.b/gtin/4012345111118/ser/A?17=1"],
        "parentID": "https://example.com/p",
        "certificationInfo": ["https://c/2", "https://c/1"],
    }));
    assert_eq!(
        prehash(&given),
        format!(
            "{START}certificationInfo=https://c/1certificationInfo=https://c/2\
             parentID=https://example.com/p\
             epcListepc=https://id.gs1.org/01/04012345111118/21/Aepc=https://id.gs1.org/01/\
             04012345111118/21/BquantityListquantityElementepcClass=https://id.gs1.org/01/\
             04012345123456/10/L1quantity=2.5uom=KGMquantityElementepcClass=urn:x:baction=OBSERVE\
             bizStep=https://ref.gs1.org/cbv/BizStep-shippingdisposition=https://ref.gs1.org/cbv/\
             Disp-in_transitpersistentDispositionset=https://ref.gs1.org/cbv/Disp-expired\
             set=https://ref.gs1.org/cbv/Disp-recalledunset=https://ref.gs1.org/cbv/Disp-damaged\
             bizLocationid=https://id.gs1.org/414/4012345000054{{https://ns.example.com/x/}}dock=7"
        )
    );
}

#[test]
fn transactions_and_ends_stand_sorted_among_extensions() {
    let given = event(json!({
        "ext:zeta": {"ext:b": [2, 1], "ext:a": "x", "rdfs:comment": "no"},
        "ilmd": {"cbvmda:lotNumber": "L1", "ext:grade": "A"},
        "sourceList": [{"source": "urn:x:s", "type": "owning_party"}],
        "destinationList": [{"destination": "urn:x:d", "type": "ext:mine"}],
        "bizTransactionList": [
            {"bizTransaction": "urn:x:2", "type": "po"},
            {"bizTransaction": "urn:x:1"},
        ],
        "ext:notesList": ["b", "a"],
        "ext:nothing": [],
    }));
    assert_eq!(
        prehash(&given),
        format!(
            "{START}action=OBSERVE\
             bizTransactionListbizTransaction=urn:x:1type=https://ref.gs1.org/cbv/BTT-po\
             bizTransaction=urn:x:2destinationListtype=https://ns.example.com/x/mine\
             destination=urn:x:dilmd{{https://ns.example.com/x/}}grade=A\
             {{urn:epcglobal:cbv:mda}}lotNumber=L1\
             sourceListtype=https://ref.gs1.org/cbv/SDT-owning_partysource=urn:x:s\
             {{https://ns.example.com/x/}}notesList{{https://ns.example.com/x/}}notes=a\
             {{https://ns.example.com/x/}}notes=b\
             {{https://ns.example.com/x/}}zeta{{https://ns.example.com/x/}}a=x\
             {{https://ns.example.com/x/}}b=1{{https://ns.example.com/x/}}b=2"
        )
    );
}

#[test]
fn sensors_keep_their_times_words_and_extensions() {
    let given = event(json!({
        "sensorElementList": [{
            "ext:e": 1,
            "sensorReport": [
                {"uom": "CEL", "value": 4.0, "type": "gs1:Temperature", "ext:r": "y"},
                {"type": "Angle", "component": "longitude", "booleanValue": true},
            ],
            "sensorMetadata": {"endTime": "2026-03-01T10:00:00Z", "deviceID": "urn:x:d"},
        }],
    }));
    assert_eq!(
        prehash(&given),
        format!(
            "{START}action=OBSERVEsensorElementListsensorElementsensorMetadata\
             endTime=2026-03-01T10:00:00.000ZdeviceID=urn:x:dsensorReporttype=https://gs1.org/voc/\
             Anglecomponent=https://ref.gs1.org/cbv/Comp-longitudebooleanValue=true\
             sensorReporttype=https://gs1.org/voc/Temperaturevalue=4uom=CEL\
             {{https://ns.example.com/x/}}r=y{{https://ns.example.com/x/}}e=1"
        )
    );
}

#[test]
fn what_says_nothing_of_the_event_is_left_out() {
    let bare = event(json!({}));
    let mut more = event(json!({
        "@context": {"other": "urn:other:"},
        "eventID": "urn:uuid:1",
        "recordTime": "2026-03-01T10:00:00Z",
        "errorDeclaration": {"declarationTime": "2026-03-02T10:00:00Z"},
        "comment": "x",
        "rdfs:comment": "y",
        "epcList": [],
        "other:hash": "z",
    }));
    let contexts = Contexts::default();
    let none = Reading::default();
    let ignored =
        Reading { ignored: BTreeSet::from(["other:hash".to_owned()]), ..Reading::default() };
    let of = |event: &Value, reading: &Reading| of(event.as_object().unwrap(), contexts, reading);
    assert_eq!(of(&bare, &none), of(&more, &ignored));
    assert_ne!(of(&bare, &none), of(&more, &none));
    more["eventTime"] = json!("2026-03-01T10:00:01Z");
    assert_ne!(of(&bare, &ignored), of(&more, &ignored));
}

#[test]
fn fields_without_a_place_stand_behind_all_others() {
    let report = |rules: &str| json!({"type": "Angle", "bizRules": rules, "ext:r": "x"});
    let given = event(json!({
        "ilmd": {"ext:grade": "A"},
        "sourceList": [{"source": "urn:x:s", "type": "location"}],
        "sensorElementList": [
            {"sensorReport": [report("https://b.example/2"), report("https://b.example/1")]},
            {"sensorReport": [{"type": "Angle"}]},
        ],
    }));
    assert_eq!(
        prehash(&given),
        format!(
            "{START}action=OBSERVEsensorElementListsensorElementsensorReporttype=https://gs1.org/\
             voc/AnglesensorElementsensorReporttype=https://gs1.org/voc/Angle\
             {{https://ns.example.com/x/}}r=xsensorReporttype=https://gs1.org/voc/Angle\
             {{https://ns.example.com/x/}}r=x\
             ilmd{{https://ns.example.com/x/}}grade=A\
             sensorElementListsensorElementsensorReportbizRules=https://b.example/1\
             sensorReportbizRules=https://b.example/2\
             sourceListtype=https://ref.gs1.org/cbv/SDT-locationsource=urn:x:s"
        )
    );
}

/// A prefix of XML stands for a namespace in names only, GS1's own also in values.
#[test]
fn values_of_xml_are_whole_uris() {
    let given = event(json!({"ext:kind": ["ext:mine", "gs1:Angle"]}));
    let context = json!([GS1_CONTEXT, {"ext": "https://ns.example.com/x/"}]);
    let contexts = Contexts::new(Some(&context), None);
    let from_xml = Reading { from_xml: true, ..Reading::default() };
    let key = "{https://ns.example.com/x/}kind";
    assert_eq!(
        of(given.as_object().unwrap(), contexts, &from_xml).prehash,
        format!("{START}action=OBSERVE{key}=ext:mine{key}=https://gs1.org/voc/Angle")
    );
    assert_eq!(
        prehash(&given),
        format!(
            "{START}action=OBSERVE{key}=https://gs1.org/voc/Angle\
             {key}=https://ns.example.com/x/mine"
        )
    );
}

/// What differs only in digits that a double does not hold has one id, which then is no proof that
/// two events are one.
#[test]
fn an_id_that_rounds_says_so() {
    let of = |number: &str| {
        let event = event(json!({"ext:list": [{"ext:number": number}]}));
        of(event.as_object().unwrap(), Contexts::default(), &Reading::default())
    };
    let (one, other) = (of("040123451111111110"), of("040123451111111111"));
    assert_eq!(one.id, other.id);
    assert!(!one.exact && !other.exact);
    assert!(of("123456789012345").exact);
}
