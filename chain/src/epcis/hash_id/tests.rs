use serde_json::{Value, json};

use super::*;
use crate::epcis::context::GS1_CONTEXT;
use crate::epcis::testing::sample_event;

fn prehash(event: &Value) -> String {
    let context = json!([GS1_CONTEXT, {"ext": "https://ns.example.com/x/"}]);
    let contexts = Contexts::new(Some(&context), event.get("@context"));
    of(event.as_object().unwrap(), contexts, &BTreeSet::new()).prehash
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
    let found = of_event(&Event::from_value(sample_event(), None).unwrap());
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
    let ignored = BTreeSet::from(["other:hash".to_owned()]);
    let of = |event: &Value, ignored: &BTreeSet<String>| {
        of(event.as_object().unwrap(), contexts, ignored)
    };
    assert_eq!(of(&bare, &BTreeSet::new()), of(&more, &ignored));
    assert_ne!(of(&bare, &BTreeSet::new()), of(&more, &BTreeSet::new()));
    more["eventTime"] = json!("2026-03-01T10:00:01Z");
    assert_ne!(of(&bare, &ignored), of(&more, &ignored));
}
