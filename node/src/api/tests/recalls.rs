//! Recalls over HTTP, and on the pages of what they reach.

use super::walk::{Sent, Walk};
use super::*;

const LOT: &str = "https://id.gs1.org/01/09521321001015/10/L1";

pub fn recall(reference: &str, items: &[&str]) -> Value {
    json!({
        "reference": reference,
        "items": items,
        "reason": {"en": "Glass was found in it.", "zh": "发现玻璃碎片。"},
        "what_to_do": {"en": "Do not eat it. Bring it back.", "zh": "请勿食用，请退回。"},
        "contact": "+49 30 1234567",
        "web": "https://acme.example/recall",
    })
}

fn thing(serial: u32) -> String {
    format!("https://id.gs1.org/01/09521321001015/21/{serial}")
}

const PALLET: &str = "https://id.gs1.org/00/095213210000000018";

fn event(number: u32, more: Value) -> Value {
    let mut event = json!({
        "eventID": event_id(number),
        "eventTime": format!("2026-03-01T08:00:{number:02}Z"),
        "eventTimeZoneOffset": "+01:00",
        "readPoint": {"id": "https://id.gs1.org/414/9521321000018"},
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

/// A lot becomes things 1 and 2; thing 1 is packed on a pallet, which goes to another.
fn goods() -> Vec<Value> {
    vec![
        event(
            1,
            json!({"type": "TransformationEvent", "bizStep": "commissioning",
            "inputQuantityList": [{"epcClass": LOT, "quantity": 5, "uom": "KGM"}],
            "outputEPCList": [thing(1), thing(2)]}),
        ),
        event(
            2,
            json!({"type": "AggregationEvent", "action": "ADD", "bizStep": "packing",
            "parentID": PALLET, "childEPCs": [thing(1), thing(3)]}),
        ),
        event(
            3,
            json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping",
            "epcList": [PALLET]}),
        ),
    ]
}

async fn api() -> Api {
    let api = Api::of_members(&[("other", &[], &["erp"])]).await;
    let job = api.capture(&goods(), &[]).await;
    assert_eq!(job["success"], true, "{job}");
    api
}

fn page_of(uri: &str) -> String {
    uri.trim_start_matches("https://id.gs1.org").to_owned()
}

/// Promise P89: the examples of the description are what a real node answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_recalls_are_answers_of_a_real_node() {
    let api = api().await;
    let mut walk = Walk::of(&api);
    let base = "/api/v1/recalls";
    walk.ask("acme/gate", &format!("POST {base}"), &[], recall("R-2026-01", &[LOT]), 201).await;
    let foreign = recall("R-2026-02", &[LOT]);
    walk.ask("other/erp", &format!("POST {base}"), &[], foreign, 403).await;
    let id = ["acme:R-2026-01"];
    let affected = format!("GET {base}/{{id}}/affected");
    walk.ask("other/erp", &affected, &id, Value::Null, 200).await;
    let table = [("accept", "text/csv")];
    let sent = Sent { agent: "other/erp", headers: &table, body: b"" };
    walk.send(&affected, &id, sent, 200).await;
    walk.ask("other/erp", &format!("GET {base}/{{id}}"), &id, Value::Null, 200).await;
    let why = json!({"reason": {"en": "The laboratory was wrong."}});
    walk.ask("acme/gate", &format!("POST {base}/{{id}}/withdraw"), &id, why, 200).await;
    walk.ask("other/erp", &format!("GET {base}"), &[], Value::Null, 200).await;
    walk.compare("recalls.json");
    api.stop().await;
}

/// Promise P117: what a recall reaches says so to everybody from the next block on, first of all,
/// in both languages; and no more when it is withdrawn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_everything_affected_says_so_above_all() {
    let api = api().await;
    assert!(!api.anonymous(&page_of(&thing(1))).await.text.contains("Glass"));
    let links = format!("{}?linkType=linkset", page_of(&thing(1)));
    assert!(!api.anonymous(&links).await.text.contains("recallStatus"));
    let status = format!("{}?linkType=gs1:recallStatus", page_of(&thing(1)));
    assert_eq!(api.anonymous(&status).await.status, 404);
    let answer = api.post("/api/v1/recalls", &recall("R-1", &[LOT]), &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    for (uri, how, zh) in [
        (LOT.to_owned(), "This is recalled.", "该物品已被召回。"),
        (thing(2), "This was made of something that is recalled.", "该物品由被召回的物品制成。"),
        (PALLET.to_owned(), "Recalled goods are inside: 1.", "内有被召回的物品：1 件。"),
    ] {
        let page = api.anonymous(&page_of(&uri)).await;
        assert_eq!(page.status, 200, "{uri}");
        let at = |text: &str| page.text.find(text).unwrap_or_else(|| panic!("{uri}: {text}"));
        let main = at("<main");
        assert!(main < at(how) && at(how) < at("<h1>"), "{uri}: above all");
        for told in ["Glass was found in it.", "Bring it back.", "+49 30 1234567", "Acme"] {
            assert!(page.text.contains(told), "{uri}: {told}");
        }
        let page = api.anonymous(&format!("{}?lang=zh", page_of(&uri))).await;
        assert!(page.text.contains(zh) && page.text.contains("发现玻璃碎片。"), "{uri}");
    }
    let told = api.anonymous(&links).await.json();
    let voc = |name: &str| told["linkset"][0][format!("https://ref.gs1.org/voc/{name}")].clone();
    assert_eq!(voc("recallStatus").as_array().map(Vec::len), Some(2), "{told}");
    assert_eq!(voc("recallStatus")[0]["href"], voc("defaultLink")[0]["href"]);
    let found = api.anonymous(&status).await;
    assert_eq!(found.status, 307, "{}", found.text);
    assert!(found.header("location").contains("?view=scan"), "{}", found.header("location"));
    let beside = api.anonymous(&page_of(&thing(3))).await;
    assert!(!beside.text.contains("Glass"), "it only stood on the same pallet");
    let home = api.anonymous("/").await;
    assert!(
        home.text.contains("Glass was found in it.") && home.text.contains("A recall concerns")
    );
    let board = api.anonymous("/shipments").await;
    assert!(board.text.contains("A recall concerns it."), "{}", board.text);

    // What is made of it later is affected from its own block on.
    let mut later = goods().remove(0);
    later["eventID"] = json!(event_id(9));
    later["eventTime"] = json!("2026-03-01T09:00:00Z");
    later["inputEPCList"] = json!([thing(2)]);
    later["outputEPCList"] = json!([thing(7)]);
    later.as_object_mut().unwrap().remove("inputQuantityList");
    assert_eq!(api.capture(&[later], &[]).await["success"], true);
    assert!(api.anonymous(&page_of(&thing(7))).await.text.contains("made of something"));

    let why = json!({"reason": {"en": "The laboratory was wrong."}});
    let over = api.post("/api/v1/recalls/acme:R-1/withdraw", &why, &[]).await;
    assert_eq!(over.status, 200, "{}", over.text);
    assert_eq!(over.json()["status"], "withdrawn");
    for uri in [LOT.to_owned(), thing(2), thing(7), PALLET.to_owned()] {
        assert!(!api.anonymous(&page_of(&uri)).await.text.contains("Glass"), "{uri}");
    }
    let page = api.anonymous("/recalls/acme:R-1").await;
    assert!(page.text.contains("The laboratory was wrong."), "{}", page.text);
    api.stop().await;
}

/// Promise P117: a product that is recalled says so on pages of what nobody recorded yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_serial_of_a_recalled_product_is_no_unknown_thing() {
    let api = api().await;
    let class = "https://id.gs1.org/01/09521321001015";
    assert_eq!(api.anonymous(&page_of(&thing(99))).await.status, 404);
    let answer = api.post("/api/v1/recalls", &recall("R-2", &[class]), &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    for uri in [class.to_owned(), thing(99), thing(1), LOT.to_owned()] {
        let page = api.anonymous(&page_of(&uri)).await;
        assert_eq!(page.status, 200, "{uri}");
        assert!(page.text.contains("Glass was found in it."), "{uri}");
    }
    api.stop().await;
}

/// Promise P115: every refusal of a recall names what is wrong, and a retry is harmless.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recalls_are_declared_by_owners_and_once() {
    let api = api().await;
    let path = "/api/v1/recalls";
    let foreign = api.by("other/erp", "POST", path, &recall("R-1", &[LOT])).await;
    assert_eq!((foreign.status.as_u16(), foreign.problem()["code"].as_str()), {
        (403, Some("not-yours"))
    });
    assert_eq!(foreign.problem()["errors"][0]["field"], "/items");
    // Any spelling and order, and twice the same.
    let spelled = ["urn:epc:id:sgtin:9521321.000101.1", LOT, LOT];
    let first = api.post(path, &recall("R-1", &spelled), &[]).await;
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!(first.json()["items"], json!([LOT, thing(1)]));
    let again = api.post(path, &recall("R-1", &[LOT, &thing(1)]), &[]).await;
    assert_eq!(again.json(), first.json());
    let other = api.post(path, &recall("R-1", &[LOT]), &[]).await;
    assert_eq!((other.status.as_u16(), other.problem()["code"].as_str()), {
        (409, Some("recall-exists"))
    });
    let why = json!({"reason": "over"});
    let foreign = api.by("other/erp", "POST", "/api/v1/recalls/acme:R-1/withdraw", &why).await;
    assert_eq!(foreign.status, 403);
    assert_eq!(api.post("/api/v1/recalls/acme:R-9/withdraw", &why, &[]).await.status, 404);
    assert_eq!(api.get("/api/v1/recalls/acme:R-9").await.status, 404);
    assert_eq!(api.get("/api/v1/recalls/nothing").await.status, 400);
    assert_eq!(api.anonymous(path).await.status, 401);

    let wrong = json!({"reference": "a b", "items": ["urn:x"], "reason": 7, "contact": ""});
    let wrong = api.post(path, &wrong, &[]).await.problem();
    let fields = wrong["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap());
    assert_eq!(fields.collect::<Vec<_>>(), ["/reference", "/reason", "/what_to_do"]);
    let mut wrong = recall("R-3", &["https://id.gs1.org/414/9521321000018"]);
    wrong["web"] = json!("http://acme.example/");
    let wrong = api.post(path, &wrong, &[]).await.problem();
    let fields = wrong["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap());
    assert_eq!(fields.collect::<Vec<_>>(), ["/items/0", "/web"]);

    assert_eq!(api.post(path, &recall("R-4", &[PALLET]), &[]).await.status, 201);
    let page = api.get("/api/v1/recalls?perPage=1").await;
    assert_eq!(page.json()["recalls"][0]["id"], "acme:R-4");
    let next = page.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
    let page = api.get(&next).await;
    assert_eq!(page.json()["recalls"][0]["id"], "acme:R-1");
    let over = api.post("/api/v1/recalls/acme:R-4/withdraw", &why, &[]).await;
    assert_eq!(over.json()["withdrawn"]["reason"], json!({"und": "over"}));
    let ids = |answer: &Answer| {
        let recalls = answer.json()["recalls"].as_array().unwrap().clone();
        recalls.iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&api.get("/api/v1/recalls?status=open").await), ["acme:R-1"]);
    assert_eq!(ids(&api.get("/api/v1/recalls?status=withdrawn").await), ["acme:R-4"]);
    assert_eq!(api.get("/api/v1/recalls?status=both").await.status, 400);
    api.stop().await;
}

/// Promise P116: the list says of each thing how it is affected, who has it and where, in pages, as
/// CSV and on a page for members; strangers see the notice only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_what_is_affected_has_holders_and_places() {
    let api = api().await;
    assert_eq!(api.post("/api/v1/recalls", &recall("R-1", &[LOT]), &[]).await.status, 201);
    let list = "/api/v1/recalls/acme:R-1/affected";
    let whole = api.get(list).await;
    assert_eq!(whole.status, 200, "{}", whole.text);
    let told = whole.json();
    let counts = ["affected", "holding", "complete"].map(|name| told[name].clone());
    assert_eq!(counts, [json!(3), json!(1), json!(true)]);
    let items = told["items"].as_array().unwrap();
    let of = |uri: &str| items.iter().find(|item| item["id"] == uri).unwrap();
    assert_eq!(of(LOT)["how"], "named");
    assert_eq!(of(&thing(1))["how"], "made_from");
    assert_eq!(of(&thing(1))["from"], LOT);
    assert_eq!(of(&thing(1))["container"], PALLET);
    assert_eq!(of(&thing(1))["holders"][0], json!({"member": "acme", "name": "Acme"}));
    assert_eq!(of(&thing(1))["place"]["id"], "https://id.gs1.org/414/9521321000018");
    assert_eq!((&of(PALLET)["how"], &of(PALLET)["inside"]), (&json!("holds"), &json!(1)));
    let mut paged = Vec::new();
    let mut next = Some(format!("{list}?perPage=3"));
    while let Some(path) = next {
        let page = api.get(&path).await;
        paged.extend(page.json()["items"].as_array().unwrap().clone());
        next = page.header("link").split(['<', '>']).nth(1).map(str::to_owned);
    }
    assert_eq!(&paged, items);
    for wrong in ["?perPage=0", "?perPage=10001", "?format=xml", "?nextPageToken=x"] {
        assert_eq!(api.get(&format!("{list}{wrong}")).await.status, 400, "{wrong}");
    }

    let csv = api.get(&format!("{list}?format=csv")).await;
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert!(csv.header("content-disposition").contains("recall-acme-R-1.csv"));
    let lines: Vec<&str> = csv.text.split("\r\n").collect();
    assert_eq!(lines.len(), 1 + items.len() + 1, "{}", csv.text);
    assert!(lines[0].starts_with("id,kind,product,how,from,life,holder,holder_name,place"));
    let line = lines.iter().find(|line| line.starts_with(&thing(1))).unwrap();
    assert!(line.contains("made_from") && line.contains("acme,Acme") && line.contains(PALLET));

    let public = api.anonymous("/recalls/acme:R-1").await;
    assert_eq!(public.status, 200);
    assert!(public.text.contains("Bring it back.") && public.text.contains("Members sign in"));
    assert!(!public.text.contains("21/1") && !public.text.contains("serial 1<"));
    assert_eq!(api.anonymous("/recalls/acme:R-1/affected.csv").await.status, 401);
    let file = api.get("/recalls/acme:R-1/affected.csv").await;
    assert!(file.text.starts_with('\u{feff}') && file.text.contains(&thing(2)));
    for (lang, says) in [("en", "Everything affected"), ("zh", "全部受影响物品")] {
        let page = api.get(&format!("/recalls/acme:R-1?lang={lang}")).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains(says) && page.text.contains("affected.csv"), "{lang}");
        assert!(page.header("cache-control").contains("no-store"));
    }
    let all = api.anonymous("/recalls?lang=zh").await;
    assert!(all.text.contains("发现玻璃碎片。") && all.text.contains("召回中"));
    assert_eq!(api.anonymous("/recalls/acme:R-7").await.status, 404);
    api.stop().await;
}

/// Promise P116: many pieces of one product, whose journals are not read while nothing goes on from
/// such pieces; and then one is used up, and then the pallet with all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_pieces_are_followed_from_where_something_goes_on() {
    let api = Api::of_members(&[("other", &[], &["erp"])]).await;
    let pieces: Vec<String> = (100..200).map(thing).collect();
    let goods = [
        event(
            1,
            json!({"type": "TransformationEvent", "bizStep": "commissioning",
            "inputQuantityList": [{"epcClass": LOT, "quantity": 5, "uom": "KGM"}],
            "outputEPCList": pieces}),
        ),
        event(
            2,
            json!({"type": "AggregationEvent", "action": "ADD", "bizStep": "packing",
            "parentID": PALLET, "childEPCs": pieces}),
        ),
    ];
    assert_eq!(api.capture(&goods, &[]).await["success"], true);
    assert_eq!(api.post("/api/v1/recalls", &recall("R-1", &[LOT]), &[]).await.status, 201);
    let listed = async |reference: &str| {
        let path = format!("/api/v1/recalls/acme:{reference}/affected?perPage=1000");
        let told = api.get(&path).await.json();
        let items = told["items"].as_array().unwrap();
        let is_on_pallet = items.iter().filter(|item| item["container"] == PALLET).count();
        (told["affected"].as_u64().unwrap(), told["holding"].as_u64().unwrap(), is_on_pallet)
    };
    assert_eq!(listed("R-1").await, (101, 1, 100));

    // One is taken out and used up; then the pallet is, with the others.
    let used = |number, input: &str, output| {
        event(
            number,
            json!({"type": "TransformationEvent", "bizStep": "commissioning",
            "inputEPCList": [input], "outputEPCList": [thing(output)]}),
        )
    };
    let taken_out = event(
        3,
        json!({"type": "AggregationEvent", "action": "DELETE", "bizStep": "unpacking",
        "parentID": PALLET, "childEPCs": [thing(100)]}),
    );
    let one = [taken_out, used(4, &thing(100), 900)];
    assert_eq!(api.capture(&one, &[]).await["success"], true);
    assert_eq!(listed("R-1").await, (102, 1, 99));
    assert_eq!(api.capture(&[used(5, PALLET, 901)], &[]).await["success"], true);
    let after = listed("R-1").await;
    assert_eq!(after.0, 103, "what the pallet became is affected");
    // Found anew it is the same.
    assert_eq!(api.post("/api/v1/recalls", &recall("R-2", &[LOT]), &[]).await.status, 201);
    assert_eq!(listed("R-2").await, after);
    api.stop().await;
}
