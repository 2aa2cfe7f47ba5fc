use futures::StreamExt as _;
use tracehold_chain::codec;
use tracehold_chain::transaction::Bundle;

use super::*;
use crate::testing::{item, observed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_tells_everything_once_and_goes_on_where_it_stopped() {
    let api = Api::start().await;
    let events: Vec<Value> = (1..=5).map(|number| event(number, 7)).collect();
    assert_eq!(api.capture(&events, &[]).await["success"], true);
    let told = lines(&api.get("/api/v1/feed?wait=0").await.text);
    let ids: Vec<_> = told.iter().map(|entry| entry["event"]["eventID"].clone()).collect();
    assert_eq!(ids, (1..=5).map(|number| json!(event_id(number))).collect::<Vec<_>>());
    assert_eq!(told[0]["recordedBy"], "acme/gate");
    assert!(told[0]["event"]["@context"].is_array());

    let after = told[1]["cursor"].as_str().unwrap();
    let rest = lines(&api.get(&format!("/api/v1/feed?after={after}&wait=0&limit=2")).await.text);
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[0]["cursor"], told[2]["cursor"]);
    assert_eq!(api.get("/api/v1/feed?after=now&wait=0").await.text, "");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_feed_gives_signs_of_life_and_new_events_and_ends_with_the_node() {
    let api = Api::start().await;
    let request = api
        .request("GET", "/api/v1/feed?after=now")
        .header("accept", "text/event-stream")
        .body(Body::empty())
        .unwrap();
    let response = api.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    let mut next = async || {
        let next = tokio::time::timeout(PATIENCE, stream.next()).await;
        next.unwrap().map(|bytes| String::from_utf8(bytes.unwrap().to_vec()).unwrap())
    };
    assert_eq!(next().await.unwrap(), ": heartbeat\n\n");
    assert_eq!(api.capture(&[event(1, 7)], &[]).await["success"], true);
    let told = loop {
        let told = next().await.unwrap();
        if told != ": heartbeat\n\n" {
            break told;
        }
    };
    assert!(told.starts_with("event: epcis\nid: "), "{told}");
    assert!(told.contains(&event_id(1)) && told.ends_with("\n\n"));

    // Without the other form's framing, and resumed by the standard header.
    let id = told.lines().nth(1).unwrap().strip_prefix("id: ").unwrap();
    let request = api
        .request("GET", "/api/v1/feed?wait=0")
        .header("last-event-id", id)
        .body(Body::empty())
        .unwrap();
    assert_eq!(api.send(request).await.text, "");
    api.stop.send_replace(true);
    while next().await.is_some() {}
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_signed_elsewhere_is_taken_in_both_forms() {
    let mut api = Api::start().await;
    let one: Arc<Bundle> = api.network.bundle(now(), &[observed(1, 7)]);
    let json = serde_json::to_value(&*one).unwrap();
    let answer = api.post("/api/v1/transactions", &json, &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let receipt = answer.json();
    assert_eq!(receipt["result"], "recorded");
    assert_eq!(api.get(answer.header("location")).await.json(), receipt);
    let again = api.post("/api/v1/transactions", &json, &[]).await;
    assert_eq!((again.status.as_u16(), again.problem()["code"].as_str()), (409, Some("replayed")));

    let two = api.network.bundle(now(), &[observed(2, 7)]);
    let octets = |bytes: Vec<u8>| {
        api.request("POST", "/api/v1/transactions")
            .header("content-type", "application/octet-stream")
            .body(Body::from(bytes))
            .unwrap()
    };
    assert_eq!(api.send(octets(codec::encode(&*two))).await.status, 201);
    let path = format!("/epcis/v2/events?MATCH_anyEPC={}", percent_encoded(&item(7)));
    assert_eq!(api.get(&path).await.events().len(), 2);

    // Signed by somebody else than it says; cut short; not the events that were signed.
    let mut forged = Bundle::clone(&two);
    forged.transaction.body.sender = api.agent.clone();
    let answer = api.send(octets(codec::encode(&forged))).await;
    assert_eq!((answer.status.as_u16(), answer.problem()["code"].as_str()), {
        (403, Some("bad-signature"))
    });
    let mut short = codec::encode(&*two);
    short.pop();
    assert_eq!(api.send(octets(short)).await.problem()["code"], "validation");
    let mut swapped = Bundle::clone(&two);
    swapped.events.clone_from(&one.events);
    let swapped = serde_json::to_value(swapped).unwrap();
    assert_eq!(api.post("/api/v1/transactions", &swapped, &[]).await.status, 400);
    api.stop().await;
}
