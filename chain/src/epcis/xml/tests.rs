use serde_json::json;

use super::*;
use crate::epcis::testing::any_json;

const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2"
    creationDate="2026-03-01T10:00:00Z" xmlns:ex="https://example.com/x/"
    xmlns:cbvmda="urn:epcglobal:cbv:mda" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="a b">
  <EPCISHeader><extension><EPCISMasterData><VocabularyList>
    <Vocabulary type="urn:epcglobal:epcis:vtype:Location"><VocabularyElementList>
      <VocabularyElement id="urn:epc:id:sgln:9521321.00001.0">
        <attribute id="urn:epcglobal:cbv:mda:name">Shed &amp; yard</attribute>
        <children><id>urn:epc:id:sgln:9521321.00001.1</id></children>
      </VocabularyElement>
    </VocabularyElementList></Vocabulary>
  </VocabularyList></EPCISMasterData></extension></EPCISHeader>
  <EPCISBody><EventList>
    <ObjectEvent>
      <eventTime>2026-03-01T10:00:00+01:00</eventTime>
      <eventTimeZoneOffset>+01:00</eventTimeZoneOffset>
      <baseExtension><eventID>urn:uuid:1</eventID></baseExtension>
      <epcList><epc> urn:epc:id:sgtin:9521568.025120.A1 </epc></epcList>
      <action>ADD</action>
      <bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>
      <readPoint><id>urn:epc:id:sgln:9521321.00001.0</id><ex:door>4</ex:door></readPoint>
      <bizTransactionList>
        <bizTransaction type="urn:epcglobal:cbv:btt:po">urn:x:po</bizTransaction>
      </bizTransactionList>
      <extension>
        <quantityList><quantityElement>
          <epcClass>urn:x:c</epcClass><quantity>2.5</quantity><uom>KGM</uom>
        </quantityElement></quantityList>
        <sourceList><source type="urn:epcglobal:cbv:sdt:owning_party">urn:x:s</source></sourceList>
        <ilmd><cbvmda:lotNumber>L1</cbvmda:lotNumber></ilmd>
      </extension>
      <ex:note kind="a"><ex:line>1</ex:line><ex:line><![CDATA[<2>]]></ex:line></ex:note>
    </ObjectEvent>
    <extension><TransformationEvent>
      <eventTime>2026-03-01T10:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
      <inputEPCList><epc>urn:x:1</epc></inputEPCList>
      <outputEPCList><epc>urn:x:2</epc></outputEPCList>
      <persistentDisposition><set>cbv:Disp-damaged</set></persistentDisposition>
      <sensorElementList><sensorElement>
        <sensorMetadata time="2026-03-01T10:00:00Z" ex:grade="b"/>
        <sensorReport type="gs1:Temperature" value="4.0" booleanValue="1"/>
        <sensorReport type="gs1:Temperature" exception="gs1:ALARM_CONDITION"/>
      </sensorElement></sensorElementList>
    </TransformationEvent></extension>
  </EventList></EPCISBody>
</epcis:EPCISDocument>"#;

#[test]
fn a_document_of_1_2_becomes_the_json_that_says_the_same() {
    let document = Document::parse_xml(DOCUMENT.as_bytes()).unwrap();
    assert_eq!(*document.context, json!([GS1_CONTEXT, {"ex": "https://example.com/x/"}]));
    assert_eq!(
        document.header,
        Some(json!({"epcisMasterData": {"vocabularyList": [{
            "type": "urn:epcglobal:epcis:vtype:Location",
            "vocabularyElementList": [{
                "id": "urn:epc:id:sgln:9521321.00001.0",
                "attributes": [{"id": "urn:epcglobal:cbv:mda:name", "attribute": "Shed & yard"}],
                "children": ["urn:epc:id:sgln:9521321.00001.1"],
            }],
        }]}}))
    );
    let events = document.all_events().unwrap();
    assert_eq!(
        Value::Object(events[0].object().clone()),
        json!({
            "type": "ObjectEvent",
            "eventID": "urn:uuid:1",
            "eventTime": "2026-03-01T10:00:00+01:00",
            "eventTimeZoneOffset": "+01:00",
            "epcList": ["urn:epc:id:sgtin:9521568.025120.A1"],
            "action": "ADD",
            "bizStep": "commissioning",
            "readPoint": {"id": "urn:epc:id:sgln:9521321.00001.0", "ex:door": "4"},
            "bizTransactionList": [{"type": "po", "bizTransaction": "urn:x:po"}],
            "quantityList": [{"epcClass": "urn:x:c", "quantity": 2.5, "uom": "KGM"}],
            "sourceList": [{"type": "owning_party", "source": "urn:x:s"}],
            "ilmd": {"cbvmda:lotNumber": "L1"},
            "ex:note": {"kind": "a", "ex:line": ["1", "<2>"]},
        })
    );
    assert_eq!(events[1].object()["persistentDisposition"], json!({"set": ["damaged"]}));
    assert_eq!(
        events[1].object()["sensorElementList"],
        json!([{
            "sensorMetadata": {"time": "2026-03-01T10:00:00Z", "ex:grade": "b"},
            "sensorReport": [
                {"type": "Temperature", "value": 4, "booleanValue": true},
                {"type": "Temperature", "exception": "ALARM_CONDITION"},
            ],
        }])
    );
}

#[test]
fn numbers_of_xml_are_numbers_of_json() {
    let read = |number: &str| {
        let text = DOCUMENT.replace(">2.5<", &format!("> {number} <"));
        Document::parse_xml(text.as_bytes()).unwrap().all_events()
    };
    for (given, expected) in [
        ("+5", json!(5)),
        (".5", json!(0.5)),
        ("5.", json!(5)),
        ("-007.50", json!(-7.5)),
        ("0", json!(0)),
        ("1.5E+2", json!(150)),
    ] {
        let events = read(given).unwrap_or_else(|wrong| panic!("{given}: {wrong:?}"));
        let quantity = &events[0].object()["quantityList"][0]["quantity"];
        assert_eq!(*quantity, expected, "{given}");
    }
    // Nothing is rounded in silence.
    for wrong in ["", ".", "five", "INF", "1e", "--1", "0.12345678901234567890123"] {
        let found = read(wrong).unwrap_err();
        assert_eq!(found[0].pointer, "/epcisBody/eventList/0/quantityList/0/quantity", "{wrong}");
    }
}

/// What a repository has added to events it passes on is no part of them.
#[test]
fn fields_to_ignore_are_read() {
    let with = "<ex:ignoreFields><ex:note/><cbvmda:x/></ex:ignoreFields><EPCISBody>";
    let capture = DOCUMENT.replace("<EPCISBody>", with);
    let query = capture
        .replace("EPCISDocument", "EPCISQueryDocument")
        .replace("<EventList>", "<epcis:QueryResults><resultsBody><EventList>")
        .replace("</EventList>", "</EventList></resultsBody></epcis:QueryResults>");
    for text in [capture, query] {
        let document = Document::parse_xml(text.as_bytes()).unwrap();
        let reading = document.reading();
        assert!(reading.from_xml);
        assert_eq!(reading.ignored, ["cbvmda:x", "ex:note"].map(str::to_owned).into());
        assert_eq!(document.all_events().unwrap().len(), 2);
        let (lenient, changes) = Document::parse_xml_lenient(text.as_bytes()).unwrap();
        assert_eq!((lenient.reading(), changes.len()), (reading, 0));
    }
}

#[test]
fn what_is_no_such_document_is_refused() {
    let rule = |text: &str| xml_to_json(text.as_bytes()).unwrap_err().rule;
    assert_eq!(rule(""), "xml");
    assert_eq!(rule("<a>"), "xml");
    assert_eq!(rule("<a></b>"), "xml");
    assert_eq!(rule("<a/><b/>"), "xml");
    assert_eq!(rule("<a/>text"), "xml");
    assert_eq!(rule("<x:a/>"), "xml");
    assert_eq!(rule("<a>&nbsp;</a>"), "xml");
    assert_eq!(rule("<a b='&x;'/>"), "xml");
    assert_eq!(rule("<a/>"), "document-type");
    assert_eq!(rule("<EPCISDocument/>"), "required");
    let bomb = "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>";
    assert_eq!(rule(bomb), "xml-doctype");
    assert_eq!(rule(&"<a>".repeat(100)), "xml-depth");
    assert_eq!(xml_to_json(b"\xff<a/>").unwrap_err().rule, "xml");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_makes_the_reader_panic(
        text in "(<(/)?[a-z:]{0,5}( [a-z:]{1,7}=\"[a-z&;]{0,4}\")?(/)?>|[a-z&;#0-9]{0,4}|<!\\[CDATA\\[){0,12}",
        value in any_json(),
    ) {
        let _ = xml_to_json(text.as_bytes());
        let inside = DOCUMENT.replace("L1", &value.to_string());
        let _ = Document::parse_xml(inside.as_bytes());
        let _ = Document::parse_xml(DOCUMENT.get(..text.len() * 40).unwrap_or(DOCUMENT).as_bytes());
    }
}
