//! Webhooks, filtered feeds and sensor readings over a real node.

use super::*;
use crate::deliver::tests::receiver::{Act, Receiver};

fn ids(entries: &[Value]) -> Vec<String> {
    let id = |entry: &Value| entry["event"]["eventID"].as_str().unwrap().to_owned();
    entries.iter().map(id).collect()
}

/// The events of all deliveries to a receiver, once for each delivery.
fn delivered(receiver: &Receiver) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let mut all = Vec::new();
    for got in receiver.got() {
        if seen.insert(got.delivery().0) {
            let body: Value = serde_json::from_slice(&got.body).unwrap();
            all.extend(ids(body["events"].as_array().unwrap()));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_hears_of_what_it_asked_for_and_its_member_sees_how_far_it_is() {
    let api = Api::start().await;
    assert_eq!(api.capture(&[event(1, 7), event(2, 8)], &[]).await["success"], true);
    let receiver = Receiver::start([Act::Answer(500)]).await;
    let item = "urn:epc:id:sgtin:9521321.000101.7";
    let request = json!({"url": receiver.url(), "after": "start", "filter": {"item": item}});
    let answer = api.post("/api/v1/webhooks", &request, &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let made = answer.json();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(made["filter"]["item"][0], "https://id.gs1.org/01/09521321001015/21/7");
    let path = answer.header("location").to_owned();
    assert_eq!(path, format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap()));
    assert_eq!(api.capture(&[event(3, 8), event(4, 7), event(5, 7)], &[]).await["success"], true);
    until(async || api.get(&path).await.json()["deliveredEvents"] == 3).await;
    assert_eq!(delivered(&receiver), [event_id(1), event_id(4), event_id(5)]);
    // What is told is what the feed tells.
    let feed = lines(&api.get("/api/v1/feed?wait=0&limit=1").await.text);
    let body: Value = serde_json::from_slice(&receiver.got()[0].body).unwrap();
    assert_eq!(body["events"][0], feed[0]);
    assert_eq!((&body["webhook"], &body["test"]), (&made["id"], &json!(false)));

    let seen = api.get(&path).await.json();
    assert_eq!((&seen["state"], seen.get("secret")), (&json!("active"), None));
    let deliveries = api.get(&format!("{path}/deliveries")).await.json()["deliveries"].clone();
    let attempts: Vec<_> = deliveries.as_array().unwrap().iter().rev().collect();
    assert_eq!((&attempts[0]["status"], &attempts[0]["delivered"]), (&json!(500), &json!(false)));
    assert_eq!(attempts[1]["delivery"], attempts[0]["delivery"]);
    assert_eq!(attempts[1]["attempt"], 2);
    let tested = api.post(&format!("{path}/test"), &json!({}), &[]).await.json();
    assert_eq!((&tested["test"], &tested["delivered"]), (&json!(true), &json!(true)));

    let paused = api.post(&format!("{path}/pause"), &json!({}), &[]).await.json();
    assert_eq!((&paused["state"], &paused["pausedBy"]), (&json!("paused"), &json!("caller")));
    assert_eq!(api.capture(&[event(6, 7)], &[]).await["success"], true);
    assert_eq!(
        api.post(&format!("{path}/resume"), &json!({}), &[]).await.json()["state"],
        "active"
    );
    until(async || delivered(&receiver).contains(&event_id(6))).await;
    let all = api.get("/api/v1/webhooks").await.json();
    assert_eq!(all["webhooks"].as_array().unwrap().len(), 1);
    assert!(!all.to_string().contains("whsec_"));
    let metrics = api.anonymous("/metrics").await.text;
    assert!(
        metrics.contains("tracehold_webhook_attempts_total{outcome=\"failed\"} 1"),
        "{metrics}"
    );

    let delete = api.request("DELETE", &path).body(Body::empty()).unwrap();
    assert_eq!(api.send(delete).await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
    assert_eq!(api.anonymous("/api/v1/webhooks").await.status, 401);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_history_is_delivered_whole_in_bounded_parts() {
    let api = Api::start().await;
    let events: Vec<Value> = (1..=250).map(|number| event(number, number % 5)).collect();
    for part in events.chunks(50) {
        assert_eq!(api.capture(part, &[]).await["success"], true);
    }
    let receiver = Receiver::start([]).await;
    let request = json!({"url": receiver.url(), "after": "start"});
    let made = api.post("/api/v1/webhooks", &request, &[]).await.json();
    let path = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    until(async || api.get(&path).await.json()["deliveredEvents"] == 250).await;
    assert_eq!(delivered(&receiver), (1..=250).map(event_id).collect::<Vec<_>>());
    for got in receiver.got() {
        let body: Value = serde_json::from_slice(&got.body).unwrap();
        assert!(body["events"].as_array().unwrap().len() <= deliver::MAX_DELIVERY_EVENTS);
    }
    // Another begins where a cursor says, and hears of nothing before.
    let feed = lines(&api.get("/api/v1/feed?wait=0&limit=240").await.text);
    let after = feed.last().unwrap()["cursor"].as_str().unwrap();
    let late = Receiver::start([]).await;
    let request = json!({"url": late.url(), "after": after});
    assert_eq!(api.post("/api/v1/webhooks", &request, &[]).await.status, 201);
    until(async || delivered(&late).len() == 10).await;
    assert_eq!(delivered(&late), (241..=250).map(event_id).collect::<Vec<_>>());
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_cannot_be_is_refused_by_field() {
    let safe = Client::new(Guard::default(), DEADLINES);
    let api = Api::with_deliverer(config::Capture::default(), safe).await;
    let good = "https://1.1.1.1/hook";
    for (request, field) in [
        (json!({"url": "http://1.1.1.1/hook"}), "/url"),
        (json!({"url": "https://127.0.0.1/hook"}), "/url"),
        (json!({"url": "https://localhost/hook"}), "/url"),
        (json!({"url": "https://169.254.169.254/latest"}), "/url"),
        (json!({"url": "https://no.such.host.invalid/hook"}), "/url"),
        (json!({"url": "gopher://x"}), "/url"),
        (json!({"url": good, "secret": "short"}), "/secret"),
        (json!({"url": good, "secret": "long enough but with spaces"}), "/secret"),
        (json!({"url": good, "description": "x".repeat(201)}), "/description"),
        (json!({"url": good, "after": "yesterday"}), "/after"),
        (json!({"url": good, "filter": {"party": "nobody"}}), "/filter/party"),
        (json!({"url": good, "filter": {"kind": "Shipping!"}}), "/filter/kind"),
    ] {
        let answer = api.post("/api/v1/webhooks", &request, &[]).await;
        assert_eq!(answer.status, 400, "{request}");
        let error = answer.problem()["errors"][0].clone();
        assert_eq!(error["field"], field, "{request}: {error}");
        assert!(error["rule"].is_string() && error["mend"].is_string(), "{error}");
    }
    for request in [json!({}), json!([]), json!({"url": good, "events": []})] {
        assert_eq!(api.post("/api/v1/webhooks", &request, &[]).await.problem()["status"], 400);
    }
    let list = api.get("/api/v1/webhooks").await.json();
    assert_eq!(list["webhooks"], json!([]));
    let missing = api.post("/api/v1/webhooks/wh_none/pause", &json!({}), &[]).await;
    assert_eq!(missing.problem()["code"], "not_found");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_tells_what_it_is_asked_for_and_goes_on_from_any_cursor() {
    let api = Api::start().await;
    let mut received = event(5, 9);
    received["bizStep"] = json!("receiving");
    let mut events: Vec<Value> = (1..=4).map(|number| event(number, number % 2)).collect();
    events.push(received);
    assert_eq!(api.capture(&events, &[]).await["success"], true);
    let order = percent_encoded("urn:epcglobal:cbv:bt:9521321000018:secret-order");
    let serial = percent_encoded("urn:epc:id:sgtin:9521321.000101.1");
    let both = percent_encoded("urn:epc:id:sgtin:9521321.000101.1|urn:x:none");
    let class = percent_encoded("https://id.gs1.org/01/09521321001015");
    for (query, expected) in [
        (format!("item={serial}"), vec![1, 3]),
        (format!("item={both}"), vec![1, 3]),
        (format!("item={class}"), vec![1, 2, 3, 4, 5]),
        (format!("shipment={order}"), vec![1, 2, 3, 4, 5]),
        ("shipment=urn:x:none".to_owned(), vec![]),
        ("party=acme".to_owned(), vec![1, 2, 3, 4, 5]),
        ("party=9521321000018&kind=receiving".to_owned(), vec![5]),
        (format!("item={serial}&kind=receiving"), vec![]),
        ("kind=receiving|shipping&limit=2".to_owned(), vec![1, 2]),
        ("kind=anomaly".to_owned(), vec![]),
    ] {
        let told = lines(&api.get(&format!("/api/v1/feed?wait=0&{query}")).await.text);
        assert_eq!(ids(&told), expected.into_iter().map(event_id).collect::<Vec<_>>(), "{query}");
    }
    let first = lines(&api.get(&format!("/api/v1/feed?wait=0&limit=1&item={serial}")).await.text);
    let cursor = first[0]["cursor"].as_str().unwrap();
    let path = format!("/api/v1/feed?wait=0&after={cursor}&item={serial}");
    assert_eq!(ids(&lines(&api.get(&path).await.text)), [event_id(3)]);
    for (query, field) in [("item=x", "item"), ("party=nobody", "party"), ("kind=%20", "kind")] {
        let problem = api.get(&format!("/api/v1/feed?wait=0&{query}")).await.problem();
        assert_eq!(problem["code"], "parameter");
        assert_eq!(problem["errors"][0]["field"], field);
    }

    // Signs of life carry the cursor on, so that who comes back passes nothing twice.
    let request = api
        .request("GET", "/api/v1/feed?kind=anomaly&wait=1")
        .header("accept", "text/event-stream")
        .body(Body::empty())
        .unwrap();
    let told = api.send(request).await.text;
    assert!(told.starts_with(": heartbeat\nid: "), "{told}");
    let id = told.lines().nth(1).unwrap().strip_prefix("id: ").unwrap().to_owned();
    let request = api
        .request("GET", "/api/v1/feed?kind=shipping&wait=0")
        .header("last-event-id", id)
        .body(Body::empty())
        .unwrap();
    assert_eq!(api.send(request).await.text, "");
    api.stop().await;
}

fn temperature(second: u32, value: f64) -> Value {
    json!({
        "item": "urn:epc:id:sscc:9521321.0000000001", "device": "urn:x:device:1",
        "type": "Temperature", "uom": "CEL", "low": 2, "high": 8, "value": value,
        "time": format!("2026-03-01T08:{:02}:{:02}Z", second / 60, second % 60)
    })
}

async fn send_lines(api: &Api, query: &str, lines: &[Value]) -> Answer {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let request = api
        .request("POST", &format!("/api/v1/readings{query}"))
        .header("content-type", "application/x-ndjson")
        .body(Body::from(body))
        .unwrap();
    api.send(request).await
}

/// Promise P39.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truck_sends_a_flood_and_the_ledger_keeps_a_line_once() {
    let api = Api::start().await;
    let mut batch: Vec<Value> = (0..240).map(|n| temperature(n * 5, 4.5)).collect();
    batch[10]["value"] = json!(9.5);
    let answer = send_lines(&api, "", &batch).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let told = answer.json();
    assert_eq!((&told["taken"], told["events"].as_array().unwrap().len()), (&json!(240), 2));
    assert_eq!(told["events"][0]["readings"], 120);
    assert_eq!(told["events"][0]["repeated"], false);
    let id = told["events"][0]["eventID"].as_str().unwrap();
    let read = api.get(&format!("/epcis/v2/events/{}", percent_encoded(id))).await.events();
    let sensor = &read[0]["sensorElementList"][0];
    assert_eq!(sensor["sensorMetadata"]["startTime"], "2026-03-01T08:00:00.000Z");
    assert_eq!(sensor["sensorMetadata"]["endTime"], "2026-03-01T08:09:55.000Z");
    let report = &sensor["sensorReport"][0];
    assert_eq!((report["minValue"].to_string(), report["maxValue"].to_string()), {
        ("4.5".to_owned(), "9.5".to_owned())
    });
    assert_eq!(report["meanValue"].to_string(), "4.542");
    assert_eq!(read[0]["tracehold:sensorSummary"]["outsideSeconds"], 5);
    assert_eq!(read[0]["bizStep"], "sensor_reporting");

    // The very same again, in another order and form; and then with more.
    let mut again = batch.clone();
    again.reverse();
    let repeated = api.post("/api/v1/readings", &json!(again), &[]).await;
    assert_eq!(repeated.status, 200, "{}", repeated.text);
    let events = repeated.json()["events"].clone();
    assert!(events.as_array().unwrap().iter().all(|event| event["repeated"] == true), "{events}");
    assert_eq!(events[0]["eventID"], id);
    let summary = json!({
        "item": "urn:epc:id:sscc:9521321.0000000001", "device": "urn:x:device:1",
        "type": "Temperature", "uom": "CEL", "start": "2026-03-01T09:00:00Z",
        "end": "2026-03-01T10:00:00Z", "min": 3, "max": 5, "mean": 4.25, "count": 720
    });
    again.push(summary);
    let more = send_lines(&api, "", &again).await;
    assert_eq!(more.status, 201, "{}", more.text);
    let more = more.json()["events"].clone();
    let flags: Vec<_> = more.as_array().unwrap().iter().map(|e| e["repeated"].clone()).collect();
    assert_eq!(flags.iter().filter(|flag| **flag == json!(true)).count(), 2, "{more}");
    assert_eq!(flags.len(), 3);
    let path = "/epcis/v2/events?perPage=100";
    assert_eq!(api.get(path).await.events().len(), 3, "each is on record once");
    api.stop().await;
}

/// Promise P39.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_line_refuses_the_batch_or_is_left_out_as_the_sender_asks() {
    let api = Api::start().await;
    let mut wrong_unit = temperature(1, 4.0);
    wrong_unit["uom"] = json!("KGM");
    let mut wrong_time = temperature(2, 4.0);
    wrong_time["time"] = json!("1970-01-01T00:00:00Z");
    let batch = [temperature(0, 4.0), wrong_unit, wrong_time];
    let refused = send_lines(&api, "", &batch).await;
    assert_eq!(refused.status, 400);
    let problem = refused.problem();
    let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().collect();
    assert_eq!((&fields[0]["field"], &fields[1]["field"]), (&json!("/1/uom"), &json!("/2/time")));
    assert!(fields[0]["rule"].as_str().unwrap().starts_with("line 2: "), "{problem}");
    assert!(fields[0]["mend"].as_str().unwrap().contains("CEL"), "{problem}");
    assert_eq!(api.get("/epcis/v2/events").await.events().len(), 0);
    let skipped = send_lines(&api, "?onError=skip", &batch).await;
    assert_eq!(skipped.status, 201, "{}", skipped.text);
    let skipped = skipped.json();
    assert_eq!((&skipped["taken"], skipped["refused"].as_array().unwrap().len()), (&json!(1), 2));
    assert_eq!(api.get("/epcis/v2/events").await.events().len(), 1);

    for (query, field) in [("?interval=1", "interval"), ("?interval=86401", "interval")] {
        let problem = send_lines(&api, query, &batch).await.problem();
        assert_eq!(problem["errors"][0]["field"], field);
    }
    assert_eq!(send_lines(&api, "?onError=ignore", &batch).await.status, 400);
    assert_eq!(send_lines(&api, "", &[]).await.problem()["code"], "validation");
    let xml = [("content-type", "application/xml")];
    let request = api.request("POST", "/api/v1/readings").header(xml[0].0, xml[0].1);
    assert_eq!(api.send(request.body(Body::from("<a/>")).unwrap()).await.status, 415);
    api.stop().await;
}

/// "Tell me when something does not add up."
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anomalies_are_told_by_code_and_all_together() {
    let api = Api::start().await;
    let commissioned = |number: u32| {
        let mut event = event(number, 7);
        event["action"] = json!("ADD");
        event["bizStep"] = json!("commissioning");
        event["disposition"] = json!("active");
        event
    };
    let receiver = Receiver::start([]).await;
    let request = json!({"url": receiver.url(), "filter": {"kind": "commissioned-twice"}});
    assert_eq!(api.post("/api/v1/webhooks", &request, &[]).await.status, 201);
    assert_eq!(api.capture(&[commissioned(1)], &[]).await["success"], true);
    assert_eq!(api.capture(&[commissioned(2)], &[]).await["success"], true);
    until(async || !receiver.got().is_empty()).await;
    assert_eq!(delivered(&receiver), [event_id(2)]);
    for (kind, expected) in [
        ("commissioned-twice", vec![event_id(2)]),
        ("anomaly", vec![event_id(2)]),
        ("used-after-end", vec![]),
        ("commissioning", vec![event_id(1), event_id(2)]),
    ] {
        let told = lines(&api.get(&format!("/api/v1/feed?wait=0&kind={kind}")).await.text);
        assert_eq!(ids(&told), expected, "{kind}");
    }
    let unknown = api.get("/api/v1/feed?wait=0&kind=commissioned-thrice").await.problem();
    assert_eq!(unknown["errors"][0]["field"], "kind");
    api.stop().await;
}
