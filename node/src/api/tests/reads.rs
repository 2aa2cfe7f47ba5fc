use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_stable_while_events_come_and_neither_repeat_nor_miss() {
    let api = Api::start().await;
    let first: Vec<Value> = (1..=12).map(|number| event(number, number % 2)).collect();
    assert_eq!(api.capture(&first, &[]).await["success"], true);
    let mut seen = Vec::new();
    let mut path = "/epcis/v2/events?perPage=5".to_owned();
    let mut extra = 100;
    loop {
        let answer = api.get(&path).await;
        seen.extend(answer.events().iter().map(|e| e["eventID"].as_str().unwrap().to_owned()));
        let Some(link) = answer.headers.get("link") else { break };
        let link = link.to_str().unwrap();
        assert!(link.ends_with("; rel=\"next\""), "{link}");
        path = link[1..link.find('>').unwrap()].to_owned();
        if extra < 102 {
            extra += 1;
            assert_eq!(api.capture(&[event(extra, 1)], &[]).await["success"], true);
        }
    }
    let expected: Vec<String> = (1..=12).map(event_id).collect();
    assert_eq!(seen, expected, "oldest first, and none that came after the walk began");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_is_found_under_every_spelling_of_its_identifier() {
    let api = Api::start().await;
    let events: Vec<Value> = (1..=3).map(|number| event(number, number)).collect();
    assert_eq!(api.capture(&events, &[]).await["success"], true);
    for spelling in [
        "urn:epc:id:sgtin:9521321.000101.2",
        "https://id.gs1.org/01/09521321001015/21/2",
        "https://shop.example/p/01/09521321001015/21/2?lot=x",
    ] {
        let path = format!("/epcis/v2/events?MATCH_anyEPC={}", percent_encoded(spelling));
        let found = api.get(&path).await.events();
        assert_eq!(found.len(), 1, "{spelling}");
        assert_eq!(found[0]["eventID"], event_id(2));
    }
    let both = "urn:epc:id:sgtin:9521321.000101.2|urn:epc:id:sgtin:9521321.000101.3";
    let path = format!("/epcis/v2/events?MATCH_anyEPC={}&perPage=1", percent_encoded(both));
    let answer = api.get(&path).await;
    assert_eq!(answer.events().len(), 1);
    assert!(answer.header("link").contains("MATCH_anyEPC=urn%3Aepc"), "{:?}", answer.headers);
    let none = api.get("/epcis/v2/events?MATCH_anyEPC=urn:x:none").await;
    assert_eq!(none.events().len(), 0);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_follows_its_original() {
    let api = Api::start().await;
    assert_eq!(api.capture(&[event(1, 7)], &[]).await["success"], true);
    let mut correction = event(1, 7);
    correction["errorDeclaration"] = json!({
        "declarationTime": "2026-03-02T00:00:00Z", "reason": "did_not_occur"
    });
    let answer = api.post("/epcis/v2/events", &bare(correction), &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let read = api.get(&format!("/epcis/v2/events/{}", event_id(1))).await.events();
    assert_eq!(read.len(), 2);
    assert!(read[0].get("errorDeclaration").is_none());
    assert_eq!(read[1]["errorDeclaration"]["reason"], "did_not_occur");
    let page = api.anonymous(&format!("/event/{}", event_id(1))).await;
    assert!(page.text.contains("Declared wrong later"), "{}", page.text);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_tells_of_itself() {
    let api = Api::start().await;
    assert_eq!(api.capture(&[event(1, 7)], &[]).await["success"], true);
    let status = api.anonymous("/api/v1/status").await.json();
    assert_eq!((&status["chain_id"], &status["role"]), (&json!("test"), &json!("validator")));
    assert_eq!((&status["node"], &status["peers"]), (&json!("acme-1"), &json!(0)));
    let mut height = status["height"].as_u64().unwrap();
    // The last block may be an empty one.
    let block = loop {
        let block = api.anonymous(&format!("/api/v1/blocks/{height}")).await.json();
        if !block["transactions"].as_array().unwrap().is_empty() {
            break block;
        }
        height -= 1;
    };
    assert_eq!((&block["header"]["height"], &block["height"]), (&json!(height), &json!(height)));
    assert_eq!(block["header"]["state_root"], block["state_root"]);
    assert_eq!(block["certificate"]["block_id"], block["block_id"]);
    assert_eq!(block["receipts"][0]["result"], "recorded");
    assert_eq!(block["receipts"][0]["transaction_id"], block["transactions"][0]);
    let page = api.anonymous("/api/v1/blocks/1").await;
    assert!(!page.text.contains("secret-order"), "headers only");
    assert_eq!(api.anonymous("/livez").await.status, 200);
    let metrics = api.anonymous("/metrics").await;
    assert!(metrics.text.contains("tracehold_captured_events_total 1"), "{}", metrics.text);
    assert!(metrics.text.contains("route=\"/api/v1/blocks/{height}\""), "{}", metrics.text);
    let options = api.request("OPTIONS", "/epcis/v2/capture").body(Body::empty()).unwrap();
    let told = api.send(options).await;
    assert_eq!((told.status.as_u16(), told.header("allow")), (204, "GET, HEAD, OPTIONS, POST"));
    assert_eq!(told.header("gs1-capture-error-behaviour"), "all");
    assert_eq!(told.header("gs1-epcis-max"), "2.0.0");
    let description = api.anonymous("/openapi.json").await.json();
    assert_eq!(description["openapi"], "3.1.0");
    api.stop().await;
}
