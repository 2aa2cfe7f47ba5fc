//! The grammar as a table: which of three events each parameter finds, and which are refused.

use serde_json::{Value, json};

use super::terms::Findable;
use super::*;
use crate::epcis::context::GS1_CONTEXT;

fn events() -> Vec<Event> {
    let context = json!([GS1_CONTEXT, {"ex": "https://ns.example.org/v#"}]);
    let all = [
        json!({
            "@context": context, "type": "ObjectEvent", "eventID": "urn:uuid:1",
            "eventTime": "2026-01-10T08:00:00Z", "eventTimeZoneOffset": "+01:00",
            "epcList": ["urn:epc:id:sgtin:9521321.012000.1001", "urn:epc:id:gid:1.2.3"],
            "quantityList": [{"epcClass": "urn:epc:class:lgtin:9521321.012000.L7",
                "quantity": 20.5, "uom": "KGM"}],
            "action": "ADD", "bizStep": "cbv:BizStep-commissioning", "disposition": "active",
            "readPoint": {"id": "urn:epc:id:sgln:9521321.00001.line1", "ex:hall": "B"},
            "bizTransactionList": [{"type": "po", "bizTransaction": "urn:x:po-1"}],
            "sourceList": [{"type": "location", "source": "https://id.gs1.org/414/9521321000018"}],
            "ilmd": {"ex:lot": "L7", "ex:origin": {"ex:farm": "north", "ex:height": "1200"}},
            "ex:operator": "anna", "ex:weights": [1, {"@value": 2.50}],
            "ex:made": "2026-01-09T00:00:00+02:00",
            "persistentDisposition": {"set": ["completeness_verified"]},
        }),
        json!({
            "@context": context, "type": "TransformationEvent", "eventID": "urn:uuid:2",
            "eventTime": "2026-01-11T08:00:00Z", "eventTimeZoneOffset": "+01:00",
            "inputEPCList": ["https://id.gs1.org/00/095213210000000018"],
            "outputQuantityList": [{"epcClass": "https://id.gs1.org/01/09521321120020"}],
            "transformationID": "urn:x:t-1", "bizStep": "ex:weighing",
            "ex:weighedAt": "urn:epc:id:sgln:9521321.00003.0",
            "bizLocation": {"id": "https://id.gs1.org/414/9521321000032"},
            "sensorElementList": [{
                "sensorMetadata": {"startTime": "2026-01-11T06:00:00Z",
                    "endTime": "2026-01-11T07:00:00Z", "deviceID": "urn:x:dev", "ex:rate": 5},
                "sensorReport": [
                    {"type": "Temperature", "value": 8.5, "minValue": -2, "uom": "CEL"},
                    {"type": "gs1:RelativeHumidity", "percRank": 50, "booleanValue": true,
                        "stringValue": "ok", "time": "2026-01-11T06:30:00Z"}],
            }],
        }),
        json!({
            "@context": context, "type": "AggregationEvent", "eventID": "urn:uuid:3",
            "eventTime": "2026-01-12T08:00:00Z", "eventTimeZoneOffset": "+01:00",
            "parentID": "urn:epc:id:sscc:9521321.0000000001",
            "childEPCs": ["https://example.com/01/09521321120006/21/1001"], "action": "DELETE",
            "errorDeclaration": {"declarationTime": "2026-01-17T09:00:00Z",
                "reason": "incorrect_data", "correctiveEventIDs": ["urn:uuid:4"],
                "ex:ticket": {"ex:number": 7}},
        }),
    ];
    all.iter().map(|event| Event::parse_bare(event.to_string().as_bytes()).unwrap()).collect()
}

/// What is on record: the line lies in the plant, which is in the EU.
struct Records;

impl Places for Records {
    fn around(&self, field: PlaceField, place: &str) -> Vec<String> {
        let plant = "https://id.gs1.org/414/9521321000018";
        let line = place == format!("{plant}/254/line1") && field == PlaceField::ReadPoint;
        line.then(|| plant.to_owned()).into_iter().collect()
    }

    fn attribute(&self, kind: MasterKind, id: &str, name: &str) -> Option<Vec<String>> {
        let known = (kind, id, name);
        let eu = || Some(vec!["EU".to_owned()]);
        match known {
            (MasterKind::Place, "https://id.gs1.org/414/9521321000032", "urn:x:region") => eu(),
            (MasterKind::Product, "https://id.gs1.org/01/09521321120020", _) => eu(),
            _ => None,
        }
    }
}

fn read(name: &str, value: &str) -> Result<Query, Vec<ParameterError>> {
    let extensions = Extensions::of_header("ex=https://ns.example.org/v#, q=https://other/");
    Query::parse(&[(name.to_owned(), value.to_owned())], &extensions)
}

/// Promise P96: every parameter of the simple event query finds what it asks for, and nothing else.
#[test]
fn every_parameter_finds_what_it_asks_for() {
    let table: &[(&str, &str, &[usize])] = &[
        ("eventType", "ObjectEvent|AggregationEvent", &[1, 3]),
        ("GE_eventTime", "2026-01-11T08:00:00Z", &[2, 3]),
        ("LT_eventTime", "2026-01-11T09:00:00+01:00", &[1]),
        ("GE_recordTime", "2026-01-20T00:00:00Z", &[1, 2, 3]),
        ("LT_recordTime", "2026-01-20T00:00:00Z", &[]),
        ("EQ_action", "ADD|DELETE", &[1, 3]),
        ("EQ_bizStep", "commissioning", &[1]),
        ("EQ_bizStep", "urn:epcglobal:cbv:bizstep:commissioning", &[1]),
        ("EQ_bizStep", "https://ref.gs1.org/cbv/BizStep-commissioning|packing", &[1]),
        ("EQ_bizStep", "https://ns.example.org/v#weighing", &[2]),
        ("EQ_bizStep", "ex:weighing", &[2]),
        ("EQ_disposition", "urn:epcglobal:cbv:disp:active", &[1]),
        ("EQ_persistentDisposition_set", "completeness_verified", &[1]),
        ("EQ_persistentDisposition_unset", "completeness_verified", &[]),
        ("EQ_readPoint", "https://id.gs1.org/414/9521321000018/254/line1", &[1]),
        ("WD_readPoint", "urn:epc:id:sgln:9521321.00001.0", &[1]),
        ("EQ_readPoint", "urn:epc:id:sgln:9521321.00001.0", &[]),
        ("WD_bizLocation", "https://id.gs1.org/414/9521321000032", &[2]),
        ("EQ_bizLocation", "urn:epc:id:sgln:9521321.00003.0", &[2]),
        ("EQ_transformationID", "urn:x:t-1", &[2]),
        ("EQ_eventID", "urn:uuid:2|urn:uuid:3", &[2, 3]),
        ("EQ_bizTransaction_po", "urn:x:po-1", &[1]),
        ("EQ_bizTransaction_inv", "urn:x:po-1", &[]),
        ("EQ_source_location", "urn:epc:id:sgln:9521321.00001.0", &[1]),
        ("EQ_destination_location", "urn:epc:id:sgln:9521321.00001.0", &[]),
        ("MATCH_epc", "https://id.gs1.org/01/09521321120006/21/1001", &[1, 3]),
        ("MATCH_epc", "urn:epc:idpat:sgtin:9521321.012000.*", &[1, 3]),
        ("MATCH_epc", "urn:epc:idpat:sgtin:9521321.*.*", &[1, 3]),
        ("MATCH_epc", "urn:epc:idpat:sgtin:952139.*.*", &[]),
        ("MATCH_epc", "urn:epc:idpat:gid:1.2.*", &[1]),
        ("MATCH_epc", "urn:epc:idpat:gid:1.3.*", &[]),
        ("MATCH_parentID", "https://id.gs1.org/00/095213210000000018", &[3]),
        ("MATCH_parentID", "urn:epc:idpat:sscc:9521321.*", &[3]),
        ("MATCH_inputEPC", "urn:epc:id:sscc:9521321.0000000001", &[2]),
        ("MATCH_outputEPC", "urn:epc:id:sscc:9521321.0000000001", &[]),
        ("MATCH_anyEPC", "urn:epc:id:sscc:9521321.0000000001", &[2, 3]),
        ("MATCH_anyEPC", "urn:epc:idpat:sscc:*.*|urn:x:none", &[2, 3]),
        ("MATCH_epcClass", "https://id.gs1.org/01/09521321120006/10/L7", &[1]),
        ("MATCH_outputEPCClass", "urn:epc:idpat:sgtin:9521321.012002.*", &[2]),
        ("MATCH_inputEPCClass", "https://id.gs1.org/01/09521321120020", &[]),
        ("MATCH_anyEPCClass", "https://id.gs1.org/01/09521321120020", &[2]),
        ("EQ_quantity", "20.50", &[1]),
        ("GT_quantity", "20.5", &[]),
        ("GE_quantity", "2.05e1", &[1]),
        ("GE_quantity_KGM", "20", &[1]),
        ("GE_quantity_GRM", "20", &[]),
        ("EXISTS_errorDeclaration", "", &[3]),
        ("EXISTS_sensorElementList", "", &[2]),
        ("GE_errorDeclarationTime", "2026-01-17T09:00:00Z", &[3]),
        ("LT_errorDeclaration_Time", "2026-01-17T09:00:00Z", &[]),
        ("EQ_errorReason", "urn:epcglobal:cbv:er:incorrect_data", &[3]),
        ("EQ_correctiveEventID", "urn:uuid:4", &[3]),
        ("EXISTS_sensorElementList", "true", &[2]),
        ("EQ_type", "https://gs1.org/voc/RelativeHumidity|Speed", &[2]),
        ("EQ_deviceID", "urn:x:dev", &[2]),
        ("EQ_stringValue", "ok", &[2]),
        ("EQ_booleanValue", "true", &[2]),
        ("EQ_booleanValue", "false", &[]),
        ("GE_startTime", "2026-01-11T06:00:00Z", &[2]),
        ("LT_endTime", "2026-01-11T07:00:00Z", &[]),
        ("GE_time", "2026-01-11T06:30:00Z", &[2]),
        ("GE_value_CEL", "8.5", &[2]),
        ("GE_value_FAH", "8.5", &[]),
        ("LT_minValue_CEL", "0", &[2]),
        ("EQ_percRank", "50", &[2]),
        ("EQ_ex:operator", "anna|bob", &[1]),
        ("EQ_https://ns.example.org/v#operator", "anna", &[1]),
        ("EQ_q:operator", "anna", &[]),
        ("EQ_ex:weights", "2.5", &[1]),
        ("GT_ex:weights", "3", &[]),
        ("EQ_ex:made", "2026-01-08T22:00:00Z", &[1]),
        ("LT_ex:made", "2026-01-09T00:00:00Z", &[1]),
        ("EXISTS_ex:operator", "true", &[1]),
        ("EQ_ILMD_ex:lot", "L7", &[1]),
        ("EQ_ex:lot", "L7", &[]),
        ("EQ_INNER_ILMD_ex:farm", "north", &[1]),
        ("EQ_ILMD_INNER_ex:farm", "north", &[1]),
        ("EQ_ILMD_ex:farm", "north", &[]),
        ("GT_INNER_ILMD_ex:height", "1000", &[1]),
        ("EXISTS_ERROR_DECLARATION_ex:ticket", "", &[3]),
        ("EQ_INNER_ERROR_DECLARATION_ex:number", "7", &[3]),
        ("EQ_SENSORMETADATA_ex:rate", "5", &[2]),
        ("EQ_readPoint_ex:hall", "B", &[1]),
        ("HASATTR_bizLocation", "urn:x:region", &[2]),
        ("EQATTR_bizLocation_urn:x:region", "EU", &[2]),
        ("EQ_ATTR_bizLocation_urn:x:region", "US", &[]),
        ("EQATTR_epcClass_region", "EU", &[2]),
        ("HASATTR_ex:weighedAt", "urn:x:region", &[2]),
        ("EQATTR_ex:weighedAt_urn:x:region", "US", &[]),
    ];
    let recorded = crate::epcis::time::parse("2026-01-20T00:00:00Z").unwrap();
    for (name, value, expected) in table {
        let query = read(name, value).unwrap_or_else(|errors| panic!("{name}={value}: {errors:?}"));
        let mut found = Vec::new();
        for (number, event) in events().iter().enumerate() {
            let matches = query.matches(event, recorded, &Records);
            if matches {
                found.push(number + 1);
            }
            let [condition] = query.conditions() else { panic!("{name}") };
            if let Some(terms) = condition.terms() {
                let filed = Findable::of(event).terms;
                let listed = terms.any.iter().any(|term| filed.contains(term));
                assert!(listed || !matches, "{name}={value}: event {} is missed", number + 1);
                assert!(listed == matches || !terms.exact, "{name}={value}: {}", number + 1);
            }
        }
        assert_eq!(&found, expected, "{name}={value}");
    }
}

/// Promise P96: what is not known or breaks a rule is refused by name, with how to mend it.
#[test]
fn what_breaks_the_grammar_is_refused_by_name() {
    for (name, value) in [
        ("EQ_nonsense", "x"),
        ("eq_bizStep", "shipping"),
        ("MATCH_something", "urn:x:1"),
        ("EQ_bizStep", "dancing"),
        ("EQ_action", "MOVE"),
        ("eventType", "Event"),
        ("GE_eventTime", "yesterday"),
        ("GE_eventTime", "2026-01-10T08:00:00"),
        ("GE_eventTime", "2026-01-10T08:00:00Z|2026-01-11T08:00:00Z"),
        ("EQ_readPoint", "9521321000018"),
        ("MATCH_epc", ""),
        ("MATCH_epc", "urn:x:1||urn:x:2"),
        ("MATCH_epc", "urn:epc:idpat:sgtin:9521321.*.5"),
        ("MATCH_epc", "urn:epc:idpat:sgtin:9521321.*"),
        ("MATCH_epc", "urn:epc:idpat:"),
        ("GE_quantity", "many"),
        ("GT_ex:weights", "heavy"),
        ("GE_value_celsius", "8"),
        ("EXISTS_errorDeclaration", "perhaps"),
        ("EQ_booleanValue", "yes"),
        ("orderBy", "color"),
        ("orderDirection", "UP"),
        ("eventCountLimit", "0"),
        ("eventCountLimit", "5"),
        ("LT_quantity_kilo", "5"),
        ("eventCountLimit", "-1"),
        ("maxEventCount", "1.5"),
        ("EQATTR_bizStep_urn:x:a", "b"),
        ("HASATTR_nothing", "urn:x:a"),
        ("EQ_INNER_farm", "north"),
        ("EQ_bizTransaction_bill", "urn:x:1"),
    ] {
        let errors = read(name, value).expect_err(&format!("{name}={value}"));
        assert_eq!(errors[0].name, name, "{value}");
        assert!(!errors[0].rule.is_empty() && !errors[0].mend.is_empty());
    }
    assert!(read("eq_bizstep", "shipping").unwrap_err()[0].mend.contains("EQ_bizStep"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let none = Extensions::default();
    let both = [pair("eventCountLimit", "5"), pair("maxEventCount", "5")];
    assert_eq!(Query::parse(&both, &none).unwrap_err()[0].name, "maxEventCount");
    let twice = [pair("EQ_action", "ADD"), pair("EQ_action", "DELETE")];
    assert_eq!(Query::parse(&twice, &none).unwrap_err()[0].name, "EQ_action");
    let many = vec!["urn:x:1"; MAX_QUERY_VALUES + 1].join("|");
    assert!(read("MATCH_epc", &many).is_err());
}

/// Promise P96: what need not be there may be there (GS1's description of the REST binding).
#[test]
fn a_field_that_need_not_be_there_is_not_asked_for() {
    for name in ["EXISTS_errorDeclaration", "EXISTS_sensorElementList", "EXISTS_ex:operator"] {
        assert_eq!(read(name, "false").unwrap().conditions(), [], "{name}");
        assert_eq!(read(name, "true").unwrap().conditions().len(), 1, "{name}");
    }
}

/// Promise P96: what descriptions tell of parameters is so.
#[test]
fn the_example_of_every_parameter_is_read() {
    let mut names = std::collections::BTreeSet::new();
    for Parameter { name, meaning, example } in parameters() {
        assert!(names.insert(name) && !meaning.is_empty(), "{name}");
        let mut pairs = vec![(name.to_owned(), example.to_owned())];
        if name == "eventCountLimit" {
            pairs.push(("orderBy".to_owned(), "eventTime".to_owned()));
        }
        Query::parse(&pairs, &Extensions::default())
            .unwrap_or_else(|errors| panic!("{name}={example}: {errors:?}"));
    }
    assert!(names.len() > 60);
}

#[test]
fn a_named_query_says_the_same_in_json() {
    let query = json!({
        "@context": {"ex": "https://ns.example.org/v#"},
        "eventType": ["ObjectEvent"], "EQ_ex:operator": ["anna"], "GE_quantity": 5,
        "EXISTS_ex:made": null, "EQ_booleanValue": true, "orderBy": "ex:operator",
        "eventCountLimit": 3, "EXISTS_errorDeclaration": 0,
    });
    let read = Query::from_json(&query, &Extensions::default()).unwrap();
    assert_eq!((read.conditions().len(), read.event_count_limit()), (5, Some(3)));
    let first = &events()[0];
    let key = read.order_by().unwrap().key(first);
    assert_eq!(key, Some(SortKey::Text("anna".to_owned())));
    for bad in [json!([]), json!({"EQ_bizStep": {"a": 1}}), json!({"EQ_bizStep": [[]]})] {
        assert!(Query::from_json(&bad, &Extensions::default()).is_err(), "{bad}");
    }
    assert!(Query::from_json(&Value::Null, &Extensions::default()).is_err());
}
