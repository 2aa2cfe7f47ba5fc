use super::*;

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
