//! The EPCIS binding as its clients meet it: names, retries, forms, headers, jobs.

use tracehold_chain::epcis::{hash_id, xml_to_json};

use super::*;
use crate::api::limits::MAX_CLOCK_AHEAD_MS;

const PROCEED: (&str, &str) = ("GS1-Capture-Error-Behaviour", "proceed");
const LENIENT: (&str, &str) = ("Prefer", "handling=lenient");

fn unnamed(number: u32, serial: u32) -> Value {
    let mut event = event(number, serial);
    event.as_object_mut().unwrap().remove("eventID");
    event
}

async fn count(api: &Api) -> usize {
    api.get("/epcis/v2/events?perPage=1000").await.events().len()
}

/// Promise P127.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_against_good_sense_is_told_in_the_job() {
    let api = Api::start().await;
    let mut odd = event(1, 1);
    odd["parentID"] = json!("https://id.gs1.org/00/395213210000000018");
    odd["type"] = json!("TransactionEvent");
    odd["action"] = json!("ADD");
    odd["eventTime"] = json!(now().plus_ms(MAX_CLOCK_AHEAD_MS / 2).to_string());
    let mut wrong = event(2, 2);
    assert_eq!(api.capture(&[wrong.clone()], &[]).await.get("notices"), None);
    wrong["errorDeclaration"] = json!({"declarationTime": "2026-03-02T08:00:00Z",
        "correctiveEventIDs": [event_id(1), event_id(2), event_id(3)]});
    for headers in [&[][..], &[PROCEED]] {
        let job = api.capture(&[odd.clone(), wrong.clone()], headers).await;
        assert_eq!(job["success"], true, "{job}");
        let notices = job["notices"].as_array().unwrap();
        let told: Vec<(&str, &str)> = notices
            .iter()
            .map(|notice| (notice["field"].as_str().unwrap(), notice["rule"].as_str().unwrap()))
            .collect();
        let list = "/epcisBody/eventList";
        let expected = [
            (format!("{list}/0/parentID"), "check-digit"),
            (format!("{list}/0/eventTime"), "future-event-time"),
            (format!("{list}/1/errorDeclaration/correctiveEventIDs/2"), "unknown-corrective-event"),
        ];
        let expected: Vec<_> = expected.iter().map(|(at, rule)| (at.as_str(), *rule)).collect();
        assert_eq!(told, expected);
        assert!(notices.iter().all(|notice| notice["mend"].is_string()), "{job}");
    }
    api.stop().await;
}

/// Promises P82 and P127: what the schema cannot say is refused; who asks for the lenient reading
/// gets it recorded, each finding on the job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_schema_cannot_say_is_refused_unless_it_is_read_leniently() {
    let api = Api::start().await;
    let thing = "https://id.gs1.org/01/09521321001015";
    for (number, (field, value, at, rule)) in (1..).zip([
        (
            "epcList",
            json!(["https://id.gs1.org/01/09521321001016/21/1"]),
            "/epcList/0",
            "check-digit",
        ),
        (
            "readPoint",
            json!({"id": "https://id.gs1.org/414/9521321000019"}),
            "/readPoint/id",
            "check-digit",
        ),
        ("epcList", json!([format!("{thing}/10/L1")]), "/epcList/0", "class-in-epc-list"),
        (
            "quantityList",
            json!([{"epcClass": format!("{thing}/21/1"), "quantity": 2}]),
            "/quantityList/0/epcClass",
            "instance-in-quantity-list",
        ),
        (
            "persistentDisposition",
            json!({"set": ["damaged"], "unset": ["damaged"]}),
            "/persistentDisposition/unset/0",
            "set-and-unset",
        ),
        ("eventTime", json!("2999-01-01T00:00:00Z"), "/eventTime", "future-event-time"),
    ]) {
        let mut odd = event(number, number);
        odd[field] = value;
        let in_document = format!("/epcisBody/eventList/0{at}");
        let answer = api.post("/epcis/v2/events", &bare(odd.clone()), &[]).await;
        let error = &answer.problem()["errors"][0];
        assert_eq!((answer.status.as_u16(), &error["field"]), (400, &json!(at)), "{answer:?}");
        assert_eq!(error["rule"], rule);
        let refused = api.post("/epcis/v2/capture", &document(&[odd.clone()]), &[]).await;
        let error = &refused.problem()["errors"][0];
        assert_eq!((refused.status.as_u16(), &error["field"]), (400, &json!(in_document)));
        assert_eq!((&error["rule"], error["mend"].is_string()), (&json!(rule), true));
        let among = api.capture(&[odd.clone(), event(100 + number, 1)], &[PROCEED]).await;
        assert_eq!(among["errors"][0]["errors"][0]["field"], in_document, "{among}");
        let taken = api.capture(&[odd], &[LENIENT]).await;
        let notice = &taken["notices"][0];
        assert_eq!(taken["success"], true, "{taken}");
        assert_eq!((&notice["field"], &notice["rule"]), (&json!(in_document), &json!(rule)));
    }
    assert_eq!(count(&api).await, 12);
    api.stop().await;
}

/// Promise P80: numbers of which an id keeps the first digits only make no two events one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_an_id_cannot_tell_apart_are_not_taken_for_one_another() {
    let api = Api::start().await;
    let long = |number: &str| {
        let mut event = unnamed(1, 1);
        event["example:pallet"] = json!(number);
        event
    };
    let first = long("040123451111111110");
    assert_eq!(api.capture(std::slice::from_ref(&first), &[]).await["success"], true);
    for headers in [&[][..], &[PROCEED]] {
        let job = api.capture(&[long("040123451111111111")], headers).await;
        assert_eq!(job["success"], false, "{job}");
        assert_eq!(job["errors"][0]["code"], "event-id-taken", "{job}");
        let again = api.capture(std::slice::from_ref(&first), headers).await;
        let told = (&again["success"], &again["alreadyRecorded"]);
        assert_eq!(told, (&json!(true), &json!(1)), "{again}");
        assert_eq!(count(&api).await, 1);
    }
    api.stop().await;
}

/// Promise P100.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_sent_again_gives_the_same_and_records_nothing_twice() {
    let api = Api::start().await;
    let events = [unnamed(1, 1), event(2, 2), unnamed(3, 3), unnamed(3, 3)];
    for (headers, already) in [(&[][..], 1), (&[], 4), (&[PROCEED], 4)] {
        let job = api.capture(&events, headers).await;
        assert_eq!((&job["success"], &job["errors"]), (&json!(true), &json!([])), "{job}");
        assert_eq!(job["alreadyRecorded"], already, "{job}");
        assert_eq!(count(&api).await, 3);
    }
    // Some that are known among some that are new.
    let more = api.capture(&[event(2, 2), event(4, 4), unnamed(1, 1)], &[]).await;
    assert_eq!((&more["success"], &more["alreadyRecorded"]), (&json!(true), &json!(2)), "{more}");
    assert_eq!(count(&api).await, 4);

    // Spelled in another way, under another context, it is the same event.
    let mut spelled = bare(unnamed(1, 1));
    spelled["epcList"] = json!(["https://id.gs1.org/01/09521321001015/21/1"]);
    spelled["@context"].as_array_mut().unwrap().push(json!({"other": "http://other.example/"}));
    let answer = api.post("/epcis/v2/events", &spelled, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.problem()["type"].as_str()), {
        (409, Some("epcisException:ResourceAlreadyExistsException"))
    });
    let found = api.get(answer.header("location")).await.events();
    let id = found[0]["eventID"].as_str().unwrap().to_owned();
    assert!(hash_id::is_hash_id(&id), "{id}");

    // An error declaration shares the hash id with its original and is no duplicate.
    let mut declared = bare(unnamed(1, 1));
    declared["errorDeclaration"] = json!({"declarationTime": "2026-03-02T00:00:00Z"});
    let answer = api.post("/epcis/v2/events", &declared, &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["eventID"], id.as_str());
    let both = api.get(answer.header("location")).await.events();
    assert_eq!(both.len(), 2);
    assert!(both[1].get("errorDeclaration").is_some());
    assert_eq!(api.post("/epcis/v2/events", &declared, &[]).await.status, 409, "a retry");
    api.stop().await;
}

pub(super) const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0"
    creationDate="2026-03-01T09:00:00Z" xmlns:example="http://ns.example.com/epcis/">
  <EPCISBody><EventList>
    <ObjectEvent>
      <eventTime>2026-03-01T08:00:01Z</eventTime>
      <eventTimeZoneOffset>+01:00</eventTimeZoneOffset>
      <epcList><epc>urn:epc:id:sgtin:9521321.000101.1</epc></epcList>
      <action>OBSERVE</action>
      <bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep>
      <disposition>urn:epcglobal:cbv:disp:in_transit</disposition>
      <readPoint><id>https://id.gs1.org/414/9521321000018</id></readPoint>
      <bizTransactionList>
        <bizTransaction type="urn:epcglobal:cbv:btt:po">urn:epcglobal:cbv:bt:9521321000018:secret-order</bizTransaction>
      </bizTransactionList>
      <example:note>not for everyone</example:note>
    </ObjectEvent>
  </EventList></EPCISBody>
</epcis:EPCISDocument>"#;

async fn post_as(api: &Api, media: &str, body: &[u8], headers: &[(&str, &str)]) -> Answer {
    let mut request = api.request("POST", "/epcis/v2/capture").header("content-type", media);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.body(Body::from(body.to_vec())).unwrap()).await
}

async fn ended(api: &Api, answer: &Answer) -> Value {
    assert_eq!(answer.status, 202, "{}", answer.text);
    let request = api.request("GET", answer.header("location")).header("prefer", "wait=30");
    api.send(request.body(Body::empty()).unwrap()).await.json()
}

/// Promise P99.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_in_xml_is_recorded_as_the_json_document_that_says_the_same() {
    let api = Api::start().await;
    for (media, headers, already) in [
        ("application/xml", &[][..], 0),
        ("text/xml; charset=utf-8", &[PROCEED], 1),
        ("application/xml", &[LENIENT], 1),
    ] {
        let answer = post_as(&api, media, XML.as_bytes(), headers).await;
        let job = ended(&api, &answer).await;
        assert_eq!(job["success"], true, "{job}");
        assert_eq!(job.get("alreadyRecorded").unwrap_or(&json!(0)), already, "{job}");
        let original = &job["original"];
        assert_eq!(original["mediaType"], "application/xml");
        assert_eq!(original["bytes"], XML.len());
        let digest = tracehold_chain::digest::Digest::of_file(XML.as_bytes()).to_string();
        assert_eq!(original["sha256"], digest.as_str());
        let request = api.request("GET", original["document"].as_str().unwrap());
        let request = request.header("accept", "application/xml").body(Body::empty()).unwrap();
        let kept = api.send(request).await;
        assert_eq!((kept.header("content-type"), kept.bytes.as_slice()), {
            ("application/xml", XML.as_bytes())
        });
    }
    // The very event that the JSON document has.
    let json = api.capture(&[unnamed(1, 1)], &[]).await;
    assert_eq!((&json["success"], &json["alreadyRecorded"]), (&json!(true), &json!(1)), "{json}");
    assert!(json["original"].get("document").is_none(), "the ledger has it as it came");
    let mut read = api.get("/epcis/v2/events").await.events();
    assert_eq!(read.len(), 1);
    let of_xml = &xml_to_json(XML.as_bytes()).unwrap()["epcisBody"]["eventList"][0];
    let read = read[0].as_object_mut().unwrap();
    read.remove("recordTime").unwrap();
    read.remove("eventID").unwrap();
    assert_eq!(Value::Object(read.clone()), *of_xml);

    // What cannot be read is refused with its place in the JSON document.
    let wrong = XML.replace("OBSERVE", "LOOK");
    let answer = post_as(&api, "application/xml", wrong.as_bytes(), &[]).await;
    let problem = answer.problem();
    assert_eq!((answer.status.as_u16(), problem["type"].as_str()), {
        (400, Some("epcisException:ValidationException"))
    });
    assert_eq!(problem["errors"][0]["field"], "/epcisBody/eventList/0/action");
    let answer = post_as(&api, "application/xml", b"<x/>", &[]).await;
    assert_eq!(answer.status, 400);
    api.stop().await;
}

/// Promise P101.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lenient_reading_is_asked_for_and_each_change_stands_in_the_job() {
    let api = Api::start().await;
    let mut sloppy = document(&[event(1, 1)]);
    let given = &mut sloppy["epcisBody"]["eventList"][0];
    given["bizStep"] = json!("urn:epcglobal:cbv:bizstep:shipping");
    given.as_object_mut().unwrap().remove("eventTimeZoneOffset");
    let strict = api.post("/epcis/v2/capture", &sloppy, &[]).await;
    assert_eq!(strict.status, 400, "{}", strict.text);

    let answer = api.post("/epcis/v2/capture", &sloppy, &[LENIENT]).await;
    assert_eq!(answer.header("preference-applied"), "handling=lenient");
    let job = ended(&api, &answer).await;
    assert_eq!(job["success"], true, "{job}");
    let changed: Vec<&str> = job["normalised"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["field"].as_str().unwrap())
        .collect();
    for field in ["bizStep", "eventTimeZoneOffset"] {
        let pointer = format!("/epcisBody/eventList/0/{field}");
        assert!(changed.contains(&pointer.as_str()), "{changed:?}");
    }
    let kept = api.get(job["original"]["document"].as_str().unwrap()).await;
    assert_eq!(kept.text, sloppy.to_string(), "as it was sent");
    // What is right is not changed, and nothing is kept of it.
    let answer = api.post("/epcis/v2/capture", &document(&[event(2, 2)]), &[LENIENT]).await;
    let job = ended(&api, &answer).await;
    assert!(job.get("normalised").is_none() && job["original"].get("document").is_none(), "{job}");
    let none = format!("/epcis/v2/capture/{}/document", job["captureID"].as_str().unwrap());
    assert_eq!(api.get(&none).await.problem()["code"], "document_not_kept");
    api.stop().await;
}

/// Promise P99.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_listed_to_their_member_and_survive_a_restart() {
    let api = Api::of_members(&[("other", &[], &["erp"])]).await;
    let mut ids = Vec::new();
    for (number, headers) in [(1, &[][..]), (2, &[PROCEED]), (3, &[])] {
        let job = api.capture(&[event(number, 7)], headers).await;
        ids.insert(0, job["captureID"].as_str().unwrap().to_owned());
    }
    let failed = api.capture(&[event(1, 9), event(4, 4)], &[PROCEED]).await;
    assert_eq!(failed["success"], false);
    assert_eq!(failed["errors"].as_array().unwrap().len(), 1);
    ids.insert(0, failed["captureID"].as_str().unwrap().to_owned());
    let xml = ended(&api, &post_as(&api, "application/xml", XML.as_bytes(), &[]).await).await;
    ids.insert(0, xml["captureID"].as_str().unwrap().to_owned());
    let theirs = api.by("other/erp", "POST", "/epcis/v2/capture", &document(&[event(9, 9)])).await;
    let theirs = theirs.header("location").to_owned();
    api.by("other/erp", "GET", &theirs, &Value::Null).await;

    let api = api.again().await;
    let mut seen = Vec::new();
    let mut path = "/epcis/v2/capture?perPage=2".to_owned();
    loop {
        let answer = api.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page = answer.json();
        let page = page.as_array().unwrap();
        assert!(page.len() <= 2 && page.iter().all(|job| job["running"] == false), "{page:?}");
        seen.extend(page.iter().map(|job| job["captureID"].as_str().unwrap().to_owned()));
        let Some(link) = answer.headers.get("link") else { break };
        assert!(answer.header("gs1-next-page-token-expires") > "2026");
        let link = link.to_str().unwrap();
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(seen, ids, "newest first, the caller's only");
    let again = api.get(&format!("/epcis/v2/capture/{}", ids[1])).await.json();
    assert_eq!(again, failed, "as it was told before");
    let kept = api.get(xml["original"]["document"].as_str().unwrap()).await;
    assert_eq!(kept.text, XML);
    // Another member's document is not read; its transaction is on the ledger for all.
    assert_eq!(api.get(&format!("{theirs}/document")).await.status, 404);
    for (query, field) in
        [("perPage=0", "perPage"), ("nextPageToken=x", "nextPageToken"), { ("since=1", "since") }]
    {
        let problem = api.get(&format!("/epcis/v2/capture?{query}")).await.problem();
        assert_eq!(problem["type"], "epcisException:QueryParameterException");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    api.stop().await;
}

/// Promise P102.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_spoken_is_said_and_what_is_not_is_refused() {
    let api = Api::start().await;
    let link = "https://shop.example/01/09521321001015/21/8";
    let mut linked = event(2, 8);
    linked["epcList"] = json!([link]);
    assert_eq!(api.capture(&[event(1, 7), linked], &[]).await["success"], true);

    let described = serde_json::to_value(openapi_document()).unwrap();
    let resources = described["paths"].as_object().unwrap().iter();
    let resources: Vec<_> = resources.filter(|(path, _)| path.starts_with("/epcis/")).collect();
    assert!(resources.len() >= 5);
    for (path, methods) in resources {
        // Without a key: what is spoken is no secret.
        let concrete = path.replace(['{', '}'], "");
        let options = Request::builder().method("OPTIONS").uri(&concrete);
        let answer = api.send(options.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""), "{path}");
        let allowed: Vec<&str> = answer.header("allow").split(", ").collect();
        assert!(allowed.contains(&"OPTIONS"), "{path}: {allowed:?}");
        for method in methods.as_object().unwrap().keys() {
            assert!(allowed.contains(&method.to_uppercase().as_str()), "{path}: {allowed:?}");
        }
        for (name, value) in [
            ("gs1-epcis-version", "2.0.0"),
            ("gs1-epcis-min", "2.0.0"),
            ("gs1-epcis-max", "2.0.0"),
            ("gs1-cbv-version", "2.0.0"),
            ("gs1-cbv-min", "2.0.0"),
            ("gs1-cbv-max", "2.0.0"),
            ("gs1-epc-format", "Never_Translates"),
            ("gs1-extensions", "tracehold=urn:tracehold:carbon:"),
        ] {
            assert_eq!(answer.header(name), value, "{path} {name}");
        }
        let is_capture = path == "/epcis/v2/capture";
        assert_eq!(answer.headers.contains_key("gs1-epcis-capture-limit"), is_capture, "{path}");
    }

    let get = async |headers: &[(&str, &str)]| {
        let mut request = api.request("GET", "/epcis/v2/events");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        api.send(request.body(Body::empty()).unwrap()).await
    };
    let json = "application/json";
    let exception = |name: &str| format!("epcisException:{name}Exception");
    for (name, value, status, told) in [
        ("accept", "application/json", 200, json),
        ("accept", "application/ld+json", 200, "application/ld+json"),
        ("accept", "application/xml, */*;q=0.1", 200, json),
        ("accept", "application/xml", 406, "NotAcceptable"),
        ("gs1-epcis-min", "1.2.0", 200, json),
        ("gs1-epcis-min", "2.1.0", 406, "NotAcceptable"),
        ("gs1-epcis-max", "1.2.0", 406, "NotAcceptable"),
        ("gs1-cbv-max", "2.0", 200, json),
        ("gs1-cbv-max", "1.2", 406, "NotAcceptable"),
        ("gs1-extensions", "example=http://ns.example.com/epcis/", 200, json),
        ("gs1-extensions", "example", 406, "NotAcceptable"),
        ("gs1-cbv-xml-format", "No_Preference", 200, json),
        ("gs1-cbv-xml-format", "urn", 406, "NotAcceptable"),
        ("gs1-epc-format", "No_Preference", 200, json),
        ("gs1-epc-format", "Always_GS1_Digital_Link", 200, json),
        ("gs1-epc-format", "Never_Translates", 200, json),
        ("gs1-epc-format", "Always_EPC_URN", 406, "NotAcceptable"),
        ("gs1-epc-format", "urn", 406, "NotAcceptable"),
    ] {
        let answer = get(&[(name, value)]).await;
        assert_eq!(answer.status, status, "{name}: {value}: {}", answer.text);
        assert_eq!(answer.header("gs1-epcis-version"), "2.0.0");
        assert_eq!(answer.header("gs1-cbv-version"), "2.0.0");
        if status == 200 {
            assert_eq!(answer.header("content-type"), told, "{name}: {value}");
            let format = if name == "gs1-epc-format" && value.starts_with("Always") {
                value
            } else {
                "Never_Translates"
            };
            assert_eq!(answer.header("gs1-epc-format"), format, "{name}: {value}");
            let first = if format == "Never_Translates" {
                "urn:epc:id:sgtin:9521321.000101.7"
            } else {
                "https://id.gs1.org/01/09521321001015/21/7"
            };
            let mut epcs: Vec<String> = answer
                .events()
                .iter()
                .map(|event| event["epcList"][0].as_str().unwrap().to_owned())
                .collect();
            epcs.sort_by_key(|epc| epc == link);
            assert_eq!(epcs, [first, link], "{name}: {value}");
        } else {
            assert_eq!(answer.problem()["type"], exception(told), "{name}: {value}");
        }
    }
    // What was given in URNs can be had in them.
    let request = api.request("GET", &format!("/epcis/v2/events/{}", event_id(1)));
    let request = request.header("gs1-epc-format", "Always_EPC_URN");
    let answer = api.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.problem()["errors"][0]["field"], {
        "/epcisBody/queryResults/resultsBody/eventList/0/readPoint/id"
    });
    let head = api.request("HEAD", "/epcis/v2/events");
    let head = head.header("gs1-epc-format", "Always_GS1_Digital_Link");
    let answer = api.send(head.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    let patch = api.request("PATCH", "/epcis/v2/capture").body(Body::empty()).unwrap();
    let answer = api.send(patch).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), {
        (405, "GET, HEAD, OPTIONS, POST")
    });
    api.stop().await;
}

/// Promise P100.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hash_ids_are_given_without_a_key_and_are_those_that_capture_gives() {
    let api = Api::start().await;
    let ask = async |media: &str, body: String, headers: &[(&str, &str)]| {
        let request = Request::builder().method("POST").uri("/api/v1/tools/event-hash");
        let mut request = request.header("content-type", media);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        api.send(request.body(Body::from(body)).unwrap()).await
    };
    let json = "application/json";
    let answer = ask(json, document(&[event(1, 1), event(2, 2)]).to_string(), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let told = answer.json();
    assert_eq!(told["events"][1]["event"], 1);
    assert_eq!(told["events"][1]["eventID"], event_id(2));
    let prehash = told["events"][0]["prehash"].as_str().unwrap();
    assert!(prehash.starts_with("eventType=ObjectEventeventTime=2026-03-01T08:00:01.000Z"));
    let hash = &told["events"][0]["hash"];
    let digest = tracehold_chain::digest::Digest::of_file(prehash.as_bytes());
    assert_eq!(*hash, format!("ni:///sha-256;{digest}?ver=CBV2.0"));
    // One event, and the same in XML.
    let one = ask(json, bare(unnamed(1, 1)).to_string(), &[]).await.json();
    assert_eq!((&one["events"][0]["hash"], one["events"].as_array().unwrap().len()), (hash, 1));
    assert_eq!(
        &ask("application/xml", XML.to_owned(), &[]).await.json()["events"][0]["hash"],
        hash
    );
    let named = api.post("/epcis/v2/events", &bare(unnamed(1, 1)), &[]).await;
    assert_eq!(&named.json()["eventID"], hash);

    let mut broken = event(3, 3);
    broken["action"] = json!("observe");
    let some = ask(json, document(&[broken.clone(), event(2, 2)]).to_string(), &[]).await.json();
    assert_eq!(some["events"][0]["errors"][0]["field"], "/epcisBody/eventList/0/action");
    assert!(some["events"][0].get("hash").is_none() && some["events"][1]["hash"].is_string());
    let lenient = ask(json, bare(broken).to_string(), &[LENIENT]).await.json();
    assert_eq!(lenient["normalised"][0]["field"], "/action");
    for (media, body, status) in
        [(json, "{", 400), (json, "{}", 400), ("text/plain", "{}", 415), ("text/xml", "<x/>", 400)]
    {
        let answer = ask(media, body.to_owned(), &[]).await;
        assert_eq!(answer.status, status, "{media} {body}");
        answer.problem();
    }
    api.stop().await;
}
