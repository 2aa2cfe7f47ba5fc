//! `GET /epcis/v2/events` with every parameter, browse resources and named queries.

use std::path::Path;

use super::*;

fn join(path: &str, params: &[(String, String)]) -> String {
    let pairs = params
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)));
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["eventID"].as_str().unwrap().to_owned()).collect()
}

/// Promise P96: the public queries of others find what their maker expects.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_queries_find_what_is_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/epcis-query");
    if !folder.is_dir() {
        println!("NOT RUN: no corpus at {}", folder.display());
        return;
    }
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
