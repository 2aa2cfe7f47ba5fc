//! `GET /epcis/v2/events` with every parameter, browse resources and named queries.

use super::walk::Walk;
use super::*;

fn join(path: &str, params: &[(String, String)]) -> String {
    let pairs = params
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)));
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// The height of the node.
async fn height(api: &Api) -> u64 {
    api.get("/api/v1/status").await.json()["height"].as_u64().unwrap()
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["eventID"].as_str().unwrap().to_owned()).collect()
}

/// Promise P96: the public queries of others find what their maker expects.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_queries_find_what_is_expected() {
    let Some(folder) = corpus("epcis-query") else { return };
    let api = Api::start().await;
    let pool: Value =
        serde_json::from_slice(&std::fs::read(folder.join("events.json")).unwrap()).unwrap();
    assert_eq!(api.capture_document(&pool, &[]).await["success"], true);
    let lines = std::fs::read_to_string(folder.join("queries.jsonl")).unwrap();
    let mut failed = Vec::new();
    let mut count = 0;
    for line in lines.lines() {
        count += 1;
        let case: Value = serde_json::from_str(line).unwrap();
        let params: Vec<(String, String)> = case["params"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, values)| {
                let values: Vec<&str> =
                    values.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
                (name.clone(), values.join("|"))
            })
            .collect();
        let answer = api.get(&join("/epcis/v2/events", &params)).await;
        let expected = &case["expect"];
        let fine = if expected["error"].is_string() {
            answer.status.as_u16() == expected["status"]
                && answer.problem()["type"] == expected["error"]
        } else {
            let mut found = if answer.status == 200 { ids(&answer.events()) } else { Vec::new() };
            let mut wanted: Vec<String> =
                serde_json::from_value(expected["eventIDs"].clone()).unwrap();
            if expected["ordered"] != true {
                found.sort();
                wanted.sort();
            }
            answer.status == 200 && found == wanted
        };
        if !fine {
            failed.push(format!("{line}\n  {} {}", answer.status, answer.text));
        }
    }
    assert!(count > 0, "the corpus has no queries");
    assert!(failed.is_empty(), "{} of {count}:\n{}", failed.len(), failed.join("\n"));
    println!("{count} queries find what is expected");
    api.stop().await;
}

/// Promise P98.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_named_query_is_kept_asked_and_deleted() {
    let api = Api::start().await;
    let mut events: Vec<Value> = (1..=5).map(|number| event(number, number)).collect();
    events[0]["bizStep"] = json!("receiving");
    assert_eq!(api.capture(&events, &[]).await["success"], true);
    let body = json!({"name": "shipped", "query": {"EQ_bizStep": ["shipping"]}});
    let made = api.post("/epcis/v2/queries", &body, &[]).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (201, "/epcis/v2/queries/shipped"));
    assert_eq!(api.get("/epcis/v2/queries/shipped").await.json(), body);
    assert_eq!(api.get("/epcis/v2/queries").await.json(), json!([body]));

    let page = api.get("/epcis/v2/queries/shipped/events?perPage=3").await;
    assert_eq!(ids(&page.events()), [event_id(2), event_id(3), event_id(4)]);
    assert_eq!(page.json()["epcisBody"]["queryResults"]["queryName"], "shipped");
    let link = page.header("link").to_owned();
    let next = api.get(&link[1..link.find('>').unwrap()]).await;
    assert_eq!((ids(&next.events()), next.header("link")), (vec![event_id(5)], ""));

    let again = api.post("/epcis/v2/queries", &body, &[]).await;
    assert_eq!(again.status, 409);
    assert_eq!(again.problem()["type"], "epcisException:ResourceAlreadyExistsException");
    for (bad, exception) in [
        (json!({"name": "a b", "query": {}}), "ValidationException"),
        (json!({"name": "x"}), "ValidationException"),
        (json!({"name": "x", "query": {}, "more": 1}), "ValidationException"),
        (json!({"name": "x", "query": {"EQ_what": ["y"]}}), "QueryValidationException"),
    ] {
        let refused = api.post("/epcis/v2/queries", &bad, &[]).await;
        assert_eq!(refused.status, 400, "{bad}");
        assert_eq!(refused.problem()["type"], format!("epcisException:{exception}"), "{bad}");
    }
    let other = api.get("/epcis/v2/queries/shipped/events?EQ_action=ADD").await;
    assert_eq!(
        (other.status.as_u16(), &other.problem()["errors"][0]["field"]),
        (400, &json!("EQ_action"))
    );

    let delete = || api.request("DELETE", "/epcis/v2/queries/shipped").body(Body::empty()).unwrap();
    assert_eq!(api.send(delete()).await.status, 204);
    assert_eq!(api.send(delete()).await.status, 404);
    assert_eq!(api.get("/epcis/v2/queries/shipped/events").await.status, 404);
    api.stop().await;
}

/// Promise P98.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_on_record_are_listed_and_lead_to_their_events() {
    let api = Api::start().await;
    let mut events: Vec<Value> = (1..=4).map(|number| event(number, number)).collect();
    events[0]["bizStep"] = json!("https://ref.gs1.org/cbv/BizStep-receiving");
    events[1]["bizStep"] = json!("example:dancing");
    assert_eq!(api.capture(&events, &[]).await["success"], true);
    let members = |answer: Answer| answer.json()["member"].clone();
    let steps = api.get("/epcis/v2/bizSteps").await;
    assert_eq!(steps.json()["type"], "Collection");
    let dancing = "http://ns.example.com/epcis/dancing";
    assert_eq!(members(steps), json!([dancing, "receiving", "shipping"]));
    let first = api.get("/epcis/v2/bizSteps?perPage=2").await;
    let link = first.header("link").to_owned();
    assert_eq!(members(first), json!([dancing, "receiving"]));
    let rest = api.get(&link[1..link.find('>').unwrap()]).await;
    assert_eq!((rest.header("link"), rest.json()["member"].clone()), ("", json!(["shipping"])));

    assert_eq!(members(api.get("/epcis/v2/bizSteps/receiving").await), json!(["events"]));
    assert_eq!(api.get("/epcis/v2/bizSteps/packing").await.status, 404);
    assert_eq!(api.get("/epcis/v2/bizSteps/packing/events").await.status, 404);
    let of =
        |path: &str, value: &str| format!("/epcis/v2/{path}/{}/events", percent_encoded(value));
    for (path, value, expected) in [
        ("bizSteps", "shipping", vec![3, 4]),
        ("bizSteps", "cbv:BizStep-receiving", vec![1]),
        ("bizSteps", dancing, vec![2]),
        ("eventTypes", "ObjectEvent", vec![1, 2, 3, 4]),
        ("eventTypes", "AggregationEvent", vec![]),
        ("readPoints", "urn:epc:id:sgln:9521321.00001.0", vec![1, 2, 3, 4]),
        ("dispositions", "in_transit", vec![1, 2, 3, 4]),
        ("epcs", "urn:epc:id:sgtin:9521321.000101.3", vec![3]),
    ] {
        let answer = api.get(&of(path, value)).await;
        let expected: Vec<String> = expected.into_iter().map(event_id).collect();
        assert_eq!(ids(&answer.events()), expected, "{path} {value}");
    }
    let narrowed = format!("{}?EQ_bizStep=shipping", of("dispositions", "in_transit"));
    assert_eq!(api.get(&narrowed).await.events().len(), 2);
    let epcs = api.get("/epcis/v2/epcs").await.json();
    assert_eq!(epcs["member"].as_array().unwrap().len(), 4);
    let item = percent_encoded("https://id.gs1.org/01/09521321001015/21/2");
    assert_eq!(members(api.get(&format!("/epcis/v2/epcs/{item}")).await), json!(["events"]));
    assert_eq!(api.get("/epcis/v2/epcs/urn%3Ax%3Anone").await.status, 404);
    assert_eq!(api.get("/epcis/v2/bizLocations").await.json()["member"], json!([]));
    let types = api.get("/epcis/v2/eventTypes").await.json();
    assert_eq!(types["member"].as_array().unwrap().len(), 5);
    for (path, field) in
        [("bizSteps?what=1", "what"), ("bizSteps?nextPageToken=x", "nextPageToken")]
    {
        let refused = api.get(&format!("/epcis/v2/{path}")).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.problem()["errors"][0]["field"]),
            (400, &json!(field))
        );
    }
    assert_eq!(api.anonymous("/epcis/v2/bizSteps").await.status, 401);
    api.stop().await;
}

/// Promise P98: GS1's list of resources leads to what there is, and a token can be given back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_resources_of_epcis_are_listed_and_each_is_there() {
    let api = Api::start().await;
    let told = api.get("/epcis/v2/").await.json();
    assert_eq!(api.get("/epcis/v2").await.json(), told);
    let names = told["member"].as_array().unwrap();
    assert_eq!(names.len(), 9);
    for name in names.iter().map(|name| name.as_str().unwrap()) {
        let answer = api.get(&format!("/epcis/v2/{name}")).await;
        let there = answer.status == 200 || (name == "capture" && answer.status == 405);
        assert!(there, "{name}: {}", answer.status);
    }
    assert_eq!(api.anonymous("/epcis/v2/").await.status, 401);
    let token = || {
        let path = "/epcis/v2/nextPageToken/7-0-3-0-1";
        api.request("DELETE", path).body(Body::empty()).unwrap()
    };
    assert_eq!(api.send(token()).await.status, 204);
    assert_eq!(api.send(token()).await.status, 204);
    api.stop().await;
}

/// Promise P97: whoever pages through events while others are captured sees each that was there
/// when the first page came, and none twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_stable_while_events_are_captured() {
    let api = Api::start().await;
    let first: Vec<Value> = (1..=60).map(|number| event(number, number % 7)).collect();
    assert_eq!(api.capture(&first, &[]).await["success"], true);
    let there: Vec<String> = (1..=60).map(event_id).collect();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let capture = async {
        let mut number = 1_000;
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            let more: Vec<Value> = (number..number + 2).map(|n| event(n, n % 7)).collect();
            assert_eq!(api.capture(&more, &[]).await["success"], true);
            number += 2;
        }
        number
    };
    let walks = async {
        for query in [
            "EQ_bizStep=shipping",
            "orderBy=eventTime",
            "orderBy=eventTime&orderDirection=ASC&eventType=ObjectEvent",
            "orderBy=recordTime&orderDirection=ASC",
            "MATCH_epc=urn:epc:idpat:sgtin:9521321.*.*",
            "EQ_readPoint=urn:epc:id:sgln:9521321.00001.0",
        ] {
            let (mut seen, mut last) = (Vec::new(), height(&api).await);
            let mut path = format!("/epcis/v2/events?{query}&perPage=15");
            loop {
                let page = api.get(&path).await;
                seen.extend(ids(&page.events()));
                let link = page.header("link");
                if link.is_empty() {
                    break;
                }
                path = link[1..link.find('>').unwrap()].to_owned();
                // The next page comes from a longer history.
                let before = last;
                while last <= before {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    last = height(&api).await;
                }
            }
            let once: std::collections::BTreeSet<&String> = seen.iter().collect();
            assert_eq!(once.len(), seen.len(), "{query}: an event is shown twice");
            assert!(there.iter().all(|id| once.contains(id)), "{query}: an event is missed");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let (captured, ()) = tokio::join!(capture, walks);
    assert!(captured > 1_010, "events were captured meanwhile");
    api.stop().await;
}

/// Promise P98: the examples of the description are what a real node answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_queries_are_answers_of_a_real_node() {
    let api = Api::of_members(&[("grower", &[], &["erp"])]).await;
    let mut walk = Walk::of(&api);
    let me = "grower/erp";
    let mut made = bare(event(1, 1));
    made["bizLocation"] = json!({"id": "urn:epc:id:sgln:9521321.00002.0"});
    walk.ask(me, "POST /epcis/v2/events", &[], made.clone(), 201).await;
    walk.ask(me, "POST /epcis/v2/events", &[], made, 409).await;
    let get = "GET /epcis/v2/events";
    let one = format!("{get}/{{eventID}}");
    walk.ask(me, &one, &[&event_id(1)], Value::Null, 200).await;
    walk.ask(me, &one, &[&event_id(2)], Value::Null, 404).await;
    walk.ask(me, &format!("{get}?EQ_bizStep=shipping"), &[], Value::Null, 200).await;
    walk.ask(me, &format!("{get}?EQ_bizStep=dancing"), &[], Value::Null, 400).await;
    let token = "DELETE /epcis/v2/nextPageToken/{token}";
    walk.ask(me, token, &["7-0-3-0-1"], Value::Null, 204).await;
    walk.ask(me, "GET /epcis/v2/", &[], Value::Null, 200).await;
    for (path, parameter, value) in [
        ("eventTypes", "eventType", "ObjectEvent"),
        ("epcs", "epc", "urn:epc:id:sgtin:9521321.000101.1"),
        ("bizSteps", "bizStep", "shipping"),
        ("bizLocations", "bizLocation", "urn:epc:id:sgln:9521321.00002.0"),
        ("readPoints", "readPoint", "urn:epc:id:sgln:9521321.00001.0"),
        ("dispositions", "disposition", "in_transit"),
    ] {
        let list = format!("GET /epcis/v2/{path}");
        walk.ask(me, &list, &[], Value::Null, 200).await;
        walk.ask(me, &format!("{list}/{{{parameter}}}"), &[value], Value::Null, 200).await;
        let events = format!("{list}/{{{parameter}}}/events");
        walk.ask(me, &events, &[value], Value::Null, 200).await;
    }
    let queries = "/epcis/v2/queries";
    let query = json!({"name": "shipped", "query": {
        "EQ_bizStep": ["shipping"], "GE_eventTime": "2026-01-01T00:00:00Z"}});
    walk.ask(me, &format!("POST {queries}"), &[], query.clone(), 201).await;
    walk.ask(me, &format!("POST {queries}"), &[], query, 409).await;
    walk.ask(me, &format!("GET {queries}"), &[], Value::Null, 200).await;
    let named = format!("{queries}/{{queryName}}");
    walk.ask(me, &format!("GET {named}"), &["shipped"], Value::Null, 200).await;
    walk.ask(me, &format!("GET {named}/events"), &["shipped"], Value::Null, 200).await;
    walk.ask(me, &format!("DELETE {named}"), &["shipped"], Value::Null, 204).await;
    walk.compare("queries.json");
    api.stop().await;
}
