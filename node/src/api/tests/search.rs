use super::*;

const MILK: &str = "https://id.gs1.org/01/09521321000018";
const DAIRY: &str = "https://id.gs1.org/414/9521321000025";
const SHOP: &str = "https://id.gs1.org/417/9521321000032";

fn path_of(uri: &str) -> &str {
    uri.strip_prefix("https://id.gs1.org").unwrap()
}

/// Promise P93: whatever people have in their hands leads to its page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anything_leads_to_its_page() {
    let api = Api::of_prefix(config::Capture::default(), "9521321").await;
    assert_eq!(api.capture(&[event(1, 7)], &[]).await["success"], true);
    for (kind, record) in [
        (
            "products",
            json!({"id": MILK, "names": {"en": "Whole Milk", "zh": "全脂牛奶"}, "brand": "Alp"}),
        ),
        (
            "products",
            json!({"id": "https://id.gs1.org/01/09521321000049", "names": {"en": "Milk powder"}}),
        ),
        (
            "places",
            json!({"id": DAIRY, "names": {"en": "Dairy at the Lake", "de": "Molkerei am See"}}),
        ),
        ("parties", json!({"id": SHOP, "names": {"en": "Corner shop"}})),
    ] {
        let set = api.put(&format!("/api/v1/{kind}"), &record).await;
        assert_eq!(set.status, 200, "{}", set.text);
    }
    let height = api.anonymous("/api/v1/status").await.json()["height"].as_u64().unwrap();
    let mut transaction = Value::Null;
    for height in 1..=height {
        let block = api.anonymous(&format!("/api/v1/blocks/{height}")).await.json();
        transaction = block["transactions"].get(0).cloned().unwrap_or(transaction);
    }
    let transaction = transaction.as_str().unwrap().to_owned();
    let at_transaction = format!("/transaction/{transaction}");
    let at_event = format!("/event/{}", percent_encoded(&event_id(1)));
    for (typed, at) in [
        // Identifiers in any spelling.
        ("09521321001015", "/01/09521321001015"),
        ("urn:epc:id:sgtin:9521321.000101.7", "/01/09521321001015/21/7"),
        ("(01)09521321001015(21)7", "/01/09521321001015/21/7"),
        ("]d20109521321001015217", "/01/09521321001015/21/7"),
        ("https://shop.example/01/09521321001015/21/7?lang=zh", "/01/09521321001015/21/7"),
        ("  09521321001015 7 ", "/01/09521321001015/21/7"),
        // Thirteen digits are what is on record: a place, a party, a member, or else a product.
        ("9521321000025", path_of(DAIRY)),
        ("9521321000032", path_of(SHOP)),
        ("9521321000018", path_of(MILK)),
        ("urn:epc:id:sgln:9521321.00002.0", path_of(DAIRY)),
        // Records of the ledger.
        (&event_id(1), &at_event),
        (&transaction, &at_transaction),
        (&transaction.to_uppercase(), &at_transaction),
        ("1", "/block/1"),
        ("block 1", "/block/1"),
        ("#1", "/block/1"),
        ("区块1", "/block/1"),
        // Names, in any language, by any of their words.
        ("whole milk", path_of(MILK)),
        ("全脂", path_of(MILK)),
        ("alp", path_of(MILK)),
        ("molkerei", path_of(DAIRY)),
        ("lake dairy", path_of(DAIRY)),
        ("Corner", path_of(SHOP)),
        ("acme", "/member/acme"),
    ] {
        let answer = api.anonymous(&format!("/search?q={}&lang=en", percent_encoded(typed))).await;
        let expected = (303, format!("{at}?lang=en"));
        let found = (answer.status.as_u16(), answer.header("location").to_owned());
        assert_eq!(found, expected, "{typed}: {}", answer.text);
        let there = api.anonymous(answer.header("location")).await;
        // Goods of which nothing is recorded have a page that says so.
        assert!(matches!(there.status.as_u16(), 200 | 404), "{typed}");
        assert!(there.status == 200 || at.starts_with("/01/"), "{typed}: {}", there.text);
    }
    let several = api.anonymous("/search?q=MILK&lang=en").await;
    assert_eq!(several.status, 200);
    let at = |what: &str| several.text.find(what).unwrap_or_else(|| panic!("{what}"));
    assert!(at("Milk powder") < at("Whole Milk"), "what begins so comes first");
    assert!(!several.text.contains("Corner shop"));
    for typed in ["coffee", "999999", "ab", &"0".repeat(64), "<script>alert(1)</script>"] {
        let answer = api.anonymous(&format!("/search?q={}", percent_encoded(typed))).await;
        assert_eq!(answer.status, 404, "{typed}: {}", answer.text);
        assert!(!answer.text.contains("<script>alert"), "{typed}");
    }
    api.stop().await;
}

/// Promise P93: every node of every member is told of, also one that was never heard from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_are_told_of() {
    let api = Api::start().await;
    let network = api.anonymous("/api/v1/network").await.json();
    let status = api.anonymous("/api/v1/status").await.json();
    let nodes = network["nodes"].as_array().unwrap();
    let listed = api.network.genesis.nodes().count();
    assert_eq!(nodes.len(), listed);
    let own = nodes.iter().find(|node| node["this"] == true).unwrap();
    assert_eq!((&own["node"], &own["member"]), (&status["node"], &status["member"]));
    assert_eq!((&own["version"], &own["behind"]), (&status["version"], &json!(0)));
    assert!(own["last_heard"].is_string() && own["height"].as_u64() >= status["height"].as_u64());
    assert_eq!(network["power_connected"], network["power_needed"], "alone and enough: {network}");
    let page = api.anonymous("/network?lang=en").await;
    assert!(page.text.contains("answers you") && page.text.contains("level with the others"));
    assert!(page.text.contains(own["version"].as_str().unwrap()), "{}", page.text);
    assert!(api.anonymous("/network?lang=zh").await.text.contains("正在应答"));
    api.stop().await;
}
