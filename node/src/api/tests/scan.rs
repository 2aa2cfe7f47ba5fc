use super::*;

const THING: &str = "https://id.gs1.org/01/09521321001015/21/7";
const PAGE: &str = "/01/09521321001015/21/7";
const PHONE: &str = "Mozilla/5.0 (Linux; Android 14) Mobile";

fn of(number: u32, time: &str, more: Value) -> Value {
    let mut event = json!({
        "type": "ObjectEvent", "eventID": event_id(number), "action": "OBSERVE",
        "eventTime": format!("2026-03-{time}:00Z"), "eventTimeZoneOffset": "+00:00",
        "readPoint": {"id": "https://id.gs1.org/414/9521321000018"}, "epcList": [THING],
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

fn order() -> Value {
    json!([{"type": "po", "bizTransaction": "urn:example:secret-order"}])
}

async fn story(api: &Api) {
    let place = json!({
        "id": "https://id.gs1.org/414/9521321000018", "names": {"en": "Roastery"},
        "address": {"lines": ["Secret street 5"], "city": "Hamburg", "country": "DE"},
        "latitude": "53.5511", "longitude": "9.9937",
    });
    assert_eq!(api.put("/api/v1/places", &place).await.status, 200);
    let events = [
        of(
            1,
            "01T08:00",
            json!({
                "action": "ADD", "bizStep": "commissioning", "disposition": "active",
                "ilmd": {
                    "cbvmda:lotNumber": "L-77", "cbvmda:itemExpirationDate": "2999-12-31",
                    "cbvmda:countryOfOrigin": "GT",
                },
                "certificationInfo": "https://cert.example/organic",
                "bizTransactionList": order(),
            }),
        ),
        of(2, "02T08:00", json!({"bizStep": "inspecting", "bizTransactionList": order()})),
    ];
    assert_eq!(api.capture(&events, &[]).await["success"], true);
}

/// A browser of somebody with a phone.
async fn scan(api: &Api, path: &str, more: &str) -> Answer {
    let request = Request::builder().uri(path).header("accept", "text/html");
    let request = request.header("user-agent", format!("{PHONE} {more}"));
    api.send(request.body(Body::empty()).unwrap()).await
}

/// Promise P118: without a key the API tells of an event what is public, who attests it, where by
/// name and city, when it happened and when it was recorded, and how much is withheld.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_the_api_serves_the_public_view() {
    let api = Api::of_prefix(config::Capture::default(), "9521321").await;
    story(&api).await;
    let mut open = of(3, "03T08:00", json!({"bizStep": "receiving"}));
    open["@context"] = json!([
        "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        {"tracehold": "urn:tracehold:", "example": "https://example.com/"},
    ]);
    open["bizTransactionList"] =
        json!([{"type": "po", "bizTransaction": "urn:example:open-order"}]);
    open["example:price"] = json!("12.50 EUR");
    open["tracehold:public"] = json!(["bizTransactionList"]);
    assert_eq!(api.post("/epcis/v2/events", &open, &[]).await.status, 201);
    let query = format!("/epcis/v2/events?MATCH_anyEPC={}", percent_encoded(THING));
    let answer = api.anonymous(&query).await;
    let events = answer.events();
    assert_eq!(events.len(), 3);
    for secret in ["secret-order", "12.50", "Secret street", "53.55"] {
        assert!(!answer.text.contains(secret), "{secret}: {}", answer.text);
    }
    let whole = api.get(&query).await.text;
    assert!(whole.contains("secret-order") && whole.contains("12.50"), "{whole}");
    let first = &events[0];
    assert_eq!(first["ilmd"]["cbvmda:countryOfOrigin"], "GT");
    assert_eq!(first["certificationInfo"], "https://cert.example/organic");
    assert_eq!(first["eventTime"], "2026-03-01T08:00:00Z");
    assert!(first["recordTime"].as_str().unwrap() > "2026-03-01T08:00:00Z");
    let view = &first["tracehold:view"];
    let read: public::PublicView = serde_json::from_value(view.clone()).unwrap();
    assert_eq!(json!(read), *view);
    assert_eq!((&view["recordedBy"], &view["withheld"]), (&json!("acme"), &json!(1)));
    assert_eq!(
        view["place"],
        json!({
            "names": {"en": "Roastery"}, "city": "Hamburg", "country": "DE"
        })
    );
    // What the recorder opened is open, and nothing else.
    assert_eq!(events[2]["bizTransactionList"][0]["bizTransaction"], "urn:example:open-order");
    assert_eq!(events[2]["tracehold:view"]["withheld"], 1);
    let one = api.anonymous(&format!("/epcis/v2/events/{}", event_id(2))).await;
    assert_eq!((one.events().len(), one.text.contains("secret-order")), (1, false));
    let pages = api.anonymous(&format!("{query}&perPage=2")).await;
    let link = pages.header("link").to_owned();
    let next = api.anonymous(&link[1..link.find('>').unwrap()]).await.events();
    assert_eq!((next.len(), &next[0]["eventID"]), (1, &json!(event_id(3))));
    for closed in ["/epcis/v2/events", "/epcis/v2/events?MATCH_anyEPC=x&EQ_bizTransaction=y"] {
        assert_eq!(api.anonymous(closed).await.status, 401, "{closed}");
    }
    let item = api.anonymous(&format!("/api/v1/items?id={}", percent_encoded(THING))).await;
    assert_eq!(item.json()["life"]["value"], "active", "{}", item.text);
    api.stop().await;
}

/// Promise P131: a trace without a key has the steps and none of what is not public.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_without_a_key_keeps_back_what_is_not_public() {
    let api = Api::of_prefix(config::Capture::default(), "9521321").await;
    let lot = "https://id.gs1.org/01/09521321002012/10/L9";
    let amount = |quantity: u32| json!([{"epcClass": lot, "quantity": quantity, "uom": "KGM"}]);
    let party = |name: &str| json!([{"type": "possessing_party", "destination": name}]);
    let buyer = "https://id.gs1.org/417/9506000000015";
    let mut made = of(1, "01T08:00", json!({"action": "ADD", "bizStep": "commissioning"}));
    // Of so many digits that no digest has them by chance.
    made["quantityList"] = amount(75_311_111);
    made.as_object_mut().unwrap().remove("epcList");
    let bag = json!({"type": "TransformationEvent", "bizStep": "commissioning",
        "inputQuantityList": amount(75_322_222), "outputEPCList": [THING]});
    let mut bag = of(2, "02T08:00", bag);
    bag.as_object_mut().unwrap().retain(|name, _| name != "epcList" && name != "action");
    let sent = json!({"bizStep": "shipping", "destinationList": party(buyer)});
    let box_ = "https://id.gs1.org/00/095213210000000019";
    let packed = json!({"type": "AggregationEvent", "action": "ADD", "parentID": box_,
        "childQuantityList": amount(75_333_333)});
    let mut packed = of(4, "04T08:00", packed);
    packed.as_object_mut().unwrap().remove("epcList");
    let events = [made, bag, of(3, "03T08:00", sent), packed];
    assert_eq!(api.capture(&events, &[]).await["success"], true);
    for id in [THING, lot] {
        let path = format!("/api/v1/trace?id={}", percent_encoded(id));
        let (open, whole) = (api.anonymous(&path).await, api.get(&path).await);
        assert_eq!(open.status, 200, "{}", open.text);
        let count = |answer: &Answer, list: &str| answer.json()[list].as_array().unwrap().len();
        for list in ["items", "events", "links", "packing", "story"] {
            assert_eq!(count(&open, list), count(&whole, list), "{list} of {id}");
        }
        for secret in ["75311111", "75322222", "75333333", "quantities", buyer] {
            assert!(!open.text.contains(secret), "{secret} of {id}: {}", open.text);
            assert!(whole.text.contains(secret), "{secret} of {id}: {}", whole.text);
        }
        let drawn = api.anonymous(&format!("{path}&format=svg")).await;
        assert!(drawn.text.contains("<svg"), "{}", drawn.text);
        for secret in ["75311111", "75,311,111", "75322222", "75,322,222"] {
            assert!(!drawn.text.contains(secret), "{}", drawn.text);
        }
    }
    assert_eq!(api.anonymous("/api/v1/feed?wait=0").await.status, 401, "what all do is no scan");
    api.stop().await;
}

/// Promise P118: evidence without a key shows public sections only, whatever is asked for, and
/// holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_without_a_key_is_public_and_holds() {
    use tracehold_chain::evidence::{Trust, verify};
    let api = Api::of_prefix(config::Capture::default(), "9521321").await;
    story(&api).await;
    let id = percent_encoded(THING);
    for more in ["", "&sections=public,trade", "&sections=rest"] {
        let answer = api.anonymous(&format!("/api/v1/evidence?id={id}{more}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(!answer.text.contains("secret-order"));
        assert!(answer.text.contains("countryOfOrigin"));
        let genesis = Some(api.network.genesis.id().0);
        assert!(verify(&answer.bytes, &Trust { genesis, ..Trust::default() }).is_ok());
    }
    let money = api.anonymous("/api/v1/evidence?account=acme%2Fmain&asset=EUR%40acme").await;
    assert_eq!(money.status, 401);
    api.stop().await;
}

/// Promise P119: the page says what matters first, calls nothing checked, and says what it keeps
/// back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_shows_a_verdict_and_claims_no_check() {
    let api = Api::of_prefix(config::Capture::default(), "9521321").await;
    story(&api).await;
    let page = scan(&api, PAGE, "").await;
    assert_eq!(page.status, 200);
    let text = &page.text;
    for told in [
        "Matches the maker&#39;s record",
        "Not checked here",
        "Nothing was checked on your phone",
        "Download the evidence",
        "Given its identity",
        "Roastery, Hamburg, DE",
        "https://cert.example/organic",
        "until when is not said",
        "L-77",
        "What is not shown here",
        "parts withheld:",
        "Report a problem",
        "Recorded",
    ] {
        let is_told = text.contains(told) || text.contains(&told.replace("&#39;", "'"));
        assert!(is_told, "{told}: {text}");
    }
    for absent in ["lockchain", "区块链", "secret-order", "class=\"verdict fine", "badge fine"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    let verdict = text.find("class=\"verdict").unwrap();
    assert!(verdict < text.find("class=\"story\"").unwrap(), "the verdict comes first");
    let chinese = scan(&api, &format!("{PAGE}?lang=zh"), "").await;
    assert!(chinese.text.contains("与生产者的记录一致") && chinese.text.contains("尚未在此核验"));
    assert!(!chinese.text.contains("区块链"));

    let recalled = of(5, "04T08:00", json!({"bizStep": "holding", "disposition": "recalled"}));
    assert_eq!(api.capture(&[recalled], &[]).await["success"], true);
    let page = scan(&api, PAGE, "").await.text;
    assert!(page.contains("verdict stop") && page.contains("Recalled"), "{page}");
    api.stop().await;
}

/// Promise P128: a page is kept in one file with its evidence, which holds, and who keeps it has
/// no more in it than what anybody may see.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_kept_with_its_evidence() {
    use tracehold_chain::evidence::{Trust, verify};
    use tracehold_explorer::pages::check::evidence_in;
    let api = Api::of_prefix(config::Capture::default(), "9521321").await;
    story(&api).await;
    let path = format!("{PAGE}?view=kept&lang=zh");
    let shown = scan(&api, PAGE, "").await.text;
    assert!(shown.contains("?view=kept"), "{shown}");
    for answer in [scan(&api, &path, "").await, api.get(&path).await] {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("content-disposition"), "attachment; filename=\"tracehold.html\"");
        assert!(answer.text.contains("尚未在此核验") && answer.text.contains("<base href=\"http"));
        assert!(!answer.text.contains("src=\"/"), "it loads nothing: {}", answer.text);
        let evidence = evidence_in(&answer.text).expect("evidence");
        let genesis = Some(api.network.genesis.id().0);
        let item = Some(THING.to_owned());
        let report = verify(evidence.as_bytes(), &Trust { genesis, item, ..Trust::default() });
        assert!(report.is_ok_and(|report| report.exists));
        for secret in ["secret-order", "Secret street"] {
            assert!(!answer.text.contains(secret) && !evidence.contains(secret), "{secret}");
        }
    }
    let count = api.anonymous(&format!("/api/v1/scans?id={}", percent_encoded(THING))).await;
    assert_eq!(count.json()["total"], 1, "what is kept is no scan");
    assert_eq!(scan(&api, "/01/09521321001015/21/none?view=kept", "").await.status, 404);
    api.stop().await;
}

/// Promise P119: what somebody has in the hand though the record says it is gone, or past its day,
/// is a reason to take care; what its maker never recorded does not match.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_takes_care() {
    let api = Api::of_prefix(config::Capture::default(), "9521321").await;
    let other = |serial: u32| format!("https://id.gs1.org/01/09521321001015/21/{serial}");
    let made = |serial: u32, until: &str| {
        json!({"action": "ADD", "bizStep": "commissioning", "epcList": [other(serial)],
            "ilmd": {"cbvmda:itemExpirationDate": until}})
    };
    let events = [
        of(1, "01T08:00", made(1, "2999-01-01")),
        of(
            2,
            "02T08:00",
            json!({"action": "DELETE", "bizStep": "destroying",
            "epcList": [other(1)]}),
        ),
        of(3, "01T08:00", made(2, "2020-01-01")),
        of(4, "01T08:00", json!({"epcList": [other(3)]})),
    ];
    assert_eq!(api.capture(&events, &[]).await["success"], true);
    for (serial, class, told) in [
        (1, "verdict attention", "the code may be a copy"),
        (2, "verdict attention", "Its use-by date is over: 2020-01-01"),
        (3, "verdict attention", "used before it was commissioned, or never was"),
    ] {
        let page = scan(&api, &format!("/01/09521321001015/21/{serial}"), "").await.text;
        assert!(page.contains(class) && page.contains(told), "{serial}: {page}");
    }
    api.stop().await;
}

/// Promise P119: who holds the wrong end of a code is helped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_known_thing_has_a_helpful_page() {
    let api = Api::of_prefix(config::Capture::default(), "9521321").await;
    story(&api).await;
    let product =
        json!({"id": "https://id.gs1.org/01/09521321001015", "names": {"en": "Espresso"}});
    assert_eq!(api.put("/api/v1/products", &product).await.status, 200);
    let unknown = scan(&api, "/01/09521321001015/21/none", "").await;
    assert_eq!(unknown.status, 404);
    for told in
        ["Espresso", "Nobody has recorded this very number", "/report?id=", "/api/v1/evidence"]
    {
        assert!(unknown.text.contains(told), "{told}: {}", unknown.text);
    }
    assert!(!unknown.text.contains("scan-count"), "what does not exist is not counted");
    let class = scan(&api, "/01/09521321001015", "").await;
    assert_eq!(class.status, 200);
    assert!(class.text.contains("names a kind of goods"), "{}", class.text);
    assert!(!class.text.contains("class=\"verdict"), "a kind of goods has no verdict");
    assert!(class.text.contains("name=\"q\""), "and leads to its pieces");
    let stranger = scan(&api, "/01/09521321001046/21/1", "").await;
    assert_eq!(stranger.status, 404);
    assert!(stranger.text.contains("Nothing is recorded about this item"));
    assert!(stranger.text.contains("/report?id="), "{}", stranger.text);
    let broken = scan(&api, "/01/09521321001016/21/7", "").await;
    assert_eq!(broken.status, 400);
    assert!(broken.text.contains("This is not an identifier"));
    api.stop().await;
}

/// Promise P120: scans are counted by the node that shows the page, of people, and a pattern that
/// one thing cannot make is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scans_are_counted_and_copies_noticed() {
    let api = Api::of_prefix(config::Capture::default(), "9521321").await;
    story(&api).await;
    let count = format!("/api/v1/scans?id={}", percent_encoded(THING));
    assert_eq!(api.anonymous(&count).await.json(), json!({"id": THING, "total": 0, "today": 0}));
    assert!(scan(&api, PAGE, "one").await.text.contains("Scans counted at this node: 1"));
    assert!(scan(&api, PAGE, "one").await.text.contains("Scans counted at this node: 1"));
    // Programs, robots, members and the whole page are no scans.
    api.anonymous(PAGE).await;
    api.get(PAGE).await;
    scan(&api, PAGE, "Googlebot/2.1").await;
    scan(&api, &format!("{PAGE}?view=full"), "three").await;
    assert!(scan(&api, PAGE, "two").await.text.contains("Scans counted at this node: 2"));
    let said = |offset: i32, agent: &str| {
        let body = json!({"id": THING, "utcOffsetMinutes": offset}).to_string();
        let request = Request::builder().method("POST").uri("/api/v1/scans");
        let request = request.header("content-type", "application/json");
        request.header("user-agent", format!("{PHONE} {agent}")).body(Body::from(body)).unwrap()
    };
    assert_eq!(api.send(said(60, "one")).await.json().get("warning"), None);
    assert_eq!(api.send(said(-480, "one")).await.json().get("warning"), None, "one phone");
    let told = api.send(said(-480, "two")).await.json();
    assert_eq!(told["warning"]["code"], "far-apart", "{told}");
    let page = scan(&api, PAGE, "four").await.text;
    assert!(page.contains("9 time zones apart"), "{page}");
    assert!(page.contains("Yours may well be the real one"), "a gentle word: {page}");
    let wrong = api.send(said(5_000, "one")).await.problem();
    assert_eq!(wrong["errors"][0]["field"], "utcOffsetMinutes");
    assert_eq!(api.anonymous("/api/v1/scans").await.status, 400);
    api.stop().await;
}

/// Promise P121: whoever has a thing in hand can report a problem with a form alone; the member
/// that runs the node reads it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn problems_are_reported_and_read() {
    let api = Api::of_members(&[("far", &[], &["erp"])]).await;
    let id = percent_encoded(THING);
    let form = api.anonymous(&format!("/report?id={id}")).await;
    assert_eq!(form.status, 200);
    assert!(form.text.contains("<form method=\"post\" action=\"/report\""), "{}", form.text);
    assert!(form.text.contains("Not kept: your name"));
    let send = |fields: String| {
        let request = Request::builder().method("POST").uri("/report");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(Body::from(fields)).unwrap()
    };
    let words = "Two+of+them+%3Cb%3E";
    let sent = api.send(send(format!("id={id}&lang=zh&kind=copy&text={words}"))).await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    assert!(sent.text.contains("感谢您的反馈"));
    let again = api.send(send(format!("id={id}&kind=copy&text={words}"))).await;
    assert_eq!(again.status, 429);
    assert!(again.text.contains("Two of them &#60;b&#62;"), "what was typed stays: {}", again.text);
    let long = json!({"id": THING, "kind": "other", "text": "x".repeat(1_001)});
    assert_eq!(api.post("/api/v1/reports", &long, &[]).await.status, 400);
    let unknown = json!({"id": THING, "kind": "rumour"});
    assert_eq!(api.post("/api/v1/reports", &unknown, &[]).await.status, 400);

    assert_eq!(api.anonymous("/api/v1/reports").await.status, 401);
    let far = api.by("far/erp", "GET", "/api/v1/reports", &Value::Null).await;
    assert_eq!(far.status, 403, "{}", far.text);
    let told = api.get(&format!("/api/v1/reports?id={id}")).await.json();
    let report = &told["reports"][0];
    assert_eq!((&report["kind"], &report["text"]), (&json!("copy"), &json!("Two of them <b>")));
    assert_eq!(report.as_object().unwrap().len(), 5, "nothing of who reported: {report}");
    let name = report["report"].as_str().unwrap();
    for status in [204, 404] {
        let path = format!("/api/v1/reports/{name}");
        let request = api.request("DELETE", &path).body(Body::empty()).unwrap();
        assert_eq!(api.send(request).await.status, status);
    }
    assert_eq!(api.anonymous("/report?id=urn%3Ax%3Ay").await.status, 400);
    api.stop().await;
}
