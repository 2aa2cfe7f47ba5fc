use super::*;

/// Promise P78.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_shows_the_story_of_the_item_and_nothing_that_is_not_public() {
    let api = Api::start().await;
    let mut first = event(9, 7);
    first["bizStep"] = json!("commissioning");
    first["eventTime"] = json!("2026-02-01T08:00:00Z");
    // Recorded first, happened later.
    assert_eq!(api.capture(&[event(1, 7), first], &[]).await["success"], true);
    let page = api.anonymous("/01/09521321001015/21/7").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let (born, shipped) = (page.text.find("Given its identity"), page.text.find("Shipped"));
    assert!(born.unwrap() < shipped.unwrap(), "in the order in which things happened");
    assert!(page.text.contains("Acme (GLN 9521321000018)"), "{}", page.text);
    assert!(page.text.contains("serial 7") && page.text.contains("1 Mar 2026, 09:00:01"));
    assert!(page.text.contains("/01/09521321001015?lang=en"), "leads to the product");
    for path in ["/01/09521321001015/21/7", "/", &format!("/event/{}", event_id(1))] {
        let page = api.anonymous(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains("Shipped"), "{path}");
        assert!(!page.text.contains("secret-order"), "{path}");
        assert!(!page.text.contains("not for everyone"), "{path}");
        assert!(!page.text.contains("@documentContext"), "{path}");
    }
    let whole = api.get(&format!("/event/{}", event_id(1))).await;
    assert!(whole.text.contains("secret-order") && whole.text.contains("not for everyone"));
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_speak_the_readers_language_and_help_the_lost() {
    let api = Api::start().await;
    assert_eq!(api.capture(&[event(1, 7)], &[]).await["success"], true);
    assert!(api.anonymous("/?lang=zh").await.text.contains("最新事件"));
    let request = Request::builder().uri("/").header("accept-language", "zh-CN,zh;q=0.9");
    let page = api.send(request.body(Body::empty()).unwrap()).await;
    assert!(page.text.contains("发货") && page.text.contains("lang=\"zh-Hans\""));

    let unknown = api.anonymous("/01/09521321001015/21/none").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text.contains("Nothing is recorded about this item"));
    assert!(unknown.text.contains("name=\"q\""), "offers a search");
    for malformed in ["/01/123", "/01/09521321001016/21/7", "/00", "/01/09521321001015/99/x"] {
        let page = api.anonymous(malformed).await;
        assert_eq!(page.status, 400, "{malformed}");
        assert!(page.text.contains("This is not an identifier"), "{malformed}");
    }
    let unknown = api.anonymous("/event/urn%3Ax%3A%3Cscript%3E").await;
    assert_eq!(unknown.status, 404);
    assert!(!unknown.text.contains("<script>"));

    let found = api.anonymous("/search?q=urn:epc:id:sgtin:9521321.000101.7&lang=zh").await;
    assert_eq!((found.status.as_u16(), found.header("location")), {
        (303, "/01/09521321001015/21/7?lang=zh-Hans")
    });
    assert_eq!(api.anonymous("/search").await.status, 400);
    api.stop().await;
}

/// Promise P78 and P74: quantities and receivers are for those with a key, on every page and in the
/// drawing; the verdict is for all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quantities_and_receivers_are_shown_with_a_key_only() {
    let api = Api::start().await;
    let lot = "https://id.gs1.org/01/09521321001015/10/L1";
    let of = |number: u32, time: &str, more: Value| {
        let mut event = json!({
            "type": "ObjectEvent", "eventID": event_id(number),
            "eventTime": format!("2026-03-01T{time}:00Z"), "eventTimeZoneOffset": "+00:00",
            "readPoint": {"id": "https://id.gs1.org/414/9521321000018"},
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let amount = |value: u32| json!([{"epcClass": lot, "quantity": value, "uom": "KGM"}]);
    let thing = "https://id.gs1.org/01/09521321001015/21/1";
    let receiver = "https://id.gs1.org/417/9521321000025";
    let to = json!([{"type": "possessing_party", "destination": receiver}]);
    let events = [
        of(
            1,
            "08:00",
            json!({"action": "ADD", "bizStep": "commissioning",
            "quantityList": amount(75_312_468)}),
        ),
        of(
            2,
            "09:00",
            json!({"type": "TransformationEvent",
            "inputQuantityList": amount(24_681_357), "outputEPCList": [thing]}),
        ),
        of(
            3,
            "10:00",
            json!({"action": "OBSERVE", "bizStep": "shipping", "epcList": [thing],
            "destinationList": to}),
        ),
    ];
    assert_eq!(api.capture(&events, &[]).await["success"], true);
    let lot_path = "/01/09521321001015/10/L1?view=full";
    let thing_path = "/01/09521321001015/21/1?view=full";
    let drawing = format!("/drawing?id={}", percent_encoded(thing));
    let event = format!("/event/{}", event_id(2));
    // Of so many digits that no digest on a page has them by chance.
    let secrets = ["75,312,468", "75312468", "24,681,357", "24681357", "9521321000025"];
    for path in [lot_path, thing_path, &drawing, &event, "/shipments", "/", "/block/1"] {
        let page = api.anonymous(path).await;
        assert_eq!(page.status, 200, "{path}");
        for secret in secrets {
            assert!(!page.text.contains(secret), "{path} shows {secret}: {}", page.text);
        }
    }
    for (path, shown) in [
        (lot_path, "75,312,468"),
        (thing_path, "9521321000025"),
        (&drawing, "24681357"),
        (&event, "24681357"),
        ("/shipments", "9521321000025"),
    ] {
        let page = api.get(path).await;
        assert!(page.text.contains(shown), "{path} lacks {shown}: {}", page.text);
    }
    let page = api.anonymous(thing_path).await;
    assert!(page.text.contains("class=\"verdict "), "{}", page.text);
    assert!(page.text.contains("/drawing?id="), "{}", page.text);
    api.stop().await;
}

/// Promise P79: lists say how far they looked; places and members have pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_say_how_far_they_looked() {
    let api = Api::start().await;
    let mut born = event(1, 7);
    born["action"] = json!("ADD");
    born["bizStep"] = json!("commissioning");
    let mut again = born.clone();
    again["eventID"] = json!(event_id(2));
    again["eventTime"] = json!("2026-03-02T08:00:00Z");
    assert_eq!(api.capture(&[born, again], &[]).await["success"], true);
    let home = api.anonymous("/").await.text;
    assert!(home.contains("commissioned a second time") && home.contains("looked at: 2"), "{home}");
    for path in ["/shipments", "/414/9521321000018", "/member/acme"] {
        let page = api.anonymous(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains("newest 2 events"), "{path}: {}", page.text);
    }
    for path in ["/network", "/block/1", "/label?id=https%3A%2F%2Fid.gs1.org%2F01%2F09521321001015"]
    {
        assert_eq!(api.anonymous(path).await.status, 200, "{path}");
    }
    for path in ["/member/nobody", "/block/999", "/block/x", "/transaction/x", "/search?q=coffee"] {
        assert_eq!(api.anonymous(path).await.status, 404, "{path}");
    }
    assert_eq!(api.anonymous("/label?id=urn%3Ax%3Ay").await.status, 400);
    let script = api.anonymous(&tracehold_explorer::assets::SCRIPT.path).await;
    assert!(script.header("cache-control").contains("immutable"));
    assert_eq!(api.anonymous("/assets/none.js").await.status, 404);
    let id = percent_encoded(&event_id(1));
    let found = api.anonymous(&format!("/search?q={id}")).await;
    assert_eq!(found.header("location"), format!("/event/{id}?lang=en"));
    api.stop().await;
}

/// Promise P93: who opens an address with a browser gets a page, whatever is wrong with it;
/// programs get their problem.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_to_people_on_a_page() {
    let api = Api::start().await;
    let open = async |path: &str, accept: &str| {
        let request = Request::builder().uri(path).header("accept", accept);
        api.send(request.body(Body::empty()).unwrap()).await
    };
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (path, status, told) in [
        ("/nothing/here", 404, "There is no such page"),
        ("//evil.example/x", 404, "There is no such page"),
        ("/label?id=x", 400, "This is not an identifier"),
        ("/drawing", 400, "This is not an identifier"),
        ("/drawing?id=https://id.gs1.org/01/09521321001015/21/none", 404, "no such page"),
        ("/sign-out", 405, "This page cannot be shown"),
    ] {
        let page = open(path, browser).await;
        assert_eq!(page.status.as_u16(), status, "{path}: {}", page.text);
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(page.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(page.text.contains(told), "{path}: {}", page.text);
        assert!(!page.text.contains("href=\"//"), "{path} leads elsewhere: {}", page.text);
        // The page of labels is one for whoever asks.
        if !path.starts_with("/label") {
            let problem = open(path, "application/json").await;
            assert_eq!(problem.problem()["status"], status, "{path}");
        }
    }
    let chinese = open("/nothing?lang=zh", browser).await;
    assert!(chinese.text.contains("没有这个页面"), "{}", chinese.text);
    for path in ["/api/v1/nothing", "/epcis/v2/nothing"] {
        assert_eq!(open(path, browser).await.problem()["status"], 404, "{path}");
    }
    api.stop().await;
}
