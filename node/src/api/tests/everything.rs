//! Walks through what is neither money nor asks for events: goods and what their owners say of
//! them, and the node itself.

use super::walk::{Sent, Walk};
use super::*;
use crate::deliver::tests::receiver::Receiver;
use crate::pictures::image::some_png;
use crate::testing::observed;

const ME: &str = "acme/gate";
const MILK: &str = "https://id.gs1.org/01/09521321000018";
const BOTTLE: &str = "https://id.gs1.org/01/09521321000018/21/A1";
const TANK: &str = "https://id.gs1.org/01/09521321000018/10/L1";
const PALLET: &str = "https://id.gs1.org/00/095213210000000018";
const DAIRY: &str = "https://id.gs1.org/414/9521321000018";

fn told(number: u32, kind: &str, more: Value) -> Value {
    let mut event = json!({
        "type": kind,
        "eventID": event_id(number),
        "eventTime": format!("2026-03-01T{number:02}:00:00Z"),
        "eventTimeZoneOffset": "+00:00",
        "readPoint": {"id": DAIRY},
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

/// Milk of a tank is filled into a bottle, which is packed on a pallet and shipped; somebody says
/// twice that the bottle was made.
fn story() -> Vec<Value> {
    let kilograms = |mass: f64| json!([{"epcClass": TANK, "quantity": mass, "uom": "KGM"}]);
    let made = json!({"action": "ADD", "bizStep": "commissioning", "disposition": "active"});
    let mut twice = made.clone();
    twice["epcList"] = json!([BOTTLE]);
    let mut tank = made;
    tank["quantityList"] = kilograms(5.0);
    vec![
        told(1, "ObjectEvent", tank),
        told(
            2,
            "TransformationEvent",
            json!({"bizStep": "commissioning", "inputQuantityList": kilograms(1.0),
                "outputEPCList": [BOTTLE], "certificationInfo": "https://cert.example/organic",
                "@context": {"carbon": "urn:tracehold:carbon:"},
                "carbon:activity": {"kind": "process", "dataType": "primary",
                    "emissions": {"value": 1, "uom": "kg", "scope": "WTW"}}}),
        ),
        told(3, "ObjectEvent", twice),
        told(
            4,
            "AggregationEvent",
            json!({"action": "ADD", "bizStep": "packing", "parentID": PALLET,
                "childEPCs": [BOTTLE]}),
        ),
        told(
            5,
            "ObjectEvent",
            json!({"action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit",
                "epcList": [PALLET],
                "@context": {"carbon": "urn:tracehold:carbon:"},
                "carbon:activity": {"kind": "transport", "mode": "road", "dataType": "default",
                    "mass": {"value": 400, "uom": "KGM"},
                    "distance": {"value": 100, "uom": "KMT", "kind": "shortest"},
                    "factor": {"value": 80, "uom": "g", "per": "t.km", "scope": "WTW",
                        "source": "a table", "year": 2024, "id": "road"}},
                "destinationList": [{"type": "possessing_party",
                    "destination": "https://id.gs1.org/417/9521321000025"}]}),
        ),
    ]
}

/// What owners say of what is theirs.
async fn describe(walk: &mut Walk<'_>) {
    let png = some_png(3, 4, b"pixels");
    let media = [("content-type", "image/png")];
    let sent = Sent { agent: ME, headers: &media, body: &png };
    let kept = walk.send("POST /api/v1/pictures", &[], sent, 201).await.json();
    let digest = kept["digest"].as_str().unwrap();
    walk.look("GET /api/v1/pictures/{digest}", &[digest], "*/*").await;
    let product = json!({"id": MILK, "names": {"en": "Milk", "zh": "牛奶"},
        "descriptions": {"en": "Whole milk"}, "brand": "Alp", "picture": digest,
        "limits": [{"type": "Temperature", "min": "2", "max": "8", "uom": "CEL"}],
        "netMassKg": "1.03", "expectedTransitHours": 48, "attributes": {"ext:fat": ["3.5"]}});
    walk.ask(ME, "PUT /api/v1/products", &[], product, 200).await;
    let place = json!({"id": DAIRY, "names": {"en": "Dairy"}, "latitude": "47.5",
        "longitude": "9", "address": {"lines": ["Main 1"], "city": "Bern", "country": "CH"}});
    walk.ask(ME, "PUT /api/v1/places", &[], place, 200).await;
    let party = json!({"id": "https://id.gs1.org/417/9521321000018", "names": {"en": "Alp dairy"},
        "member": "acme"});
    walk.ask(ME, "PUT /api/v1/parties", &[], party, 200).await;
    let foreign = json!({"id": "https://id.gs1.org/01/09521101530001"});
    walk.ask(ME, "PUT /api/v1/products", &[], foreign, 403).await;
    let links = json!({"id": MILK, "links": [{"linkType": "gs1:instructions",
        "href": "https://a.example/keep", "title": "Keep cold", "hreflang": ["en"]}]});
    walk.ask(ME, "PUT /api/v1/links", &[], links, 200).await;
    for kind in ["products", "places", "parties", "links"] {
        walk.ask(ME, &format!("GET /api/v1/{kind}"), &[], Value::Null, 200).await;
        let one = format!("GET /api/v1/{kind}?id={{id}}");
        walk.ask(ME, &one, &["https://id.gs1.org/01/09521321000025"], Value::Null, 404).await;
    }
}

/// What is known of a thing.
async fn ask_of_goods(walk: &mut Walk<'_>) {
    for of in ["items", "trace", "footprint"] {
        let ask = format!("GET /api/v1/{of}?id={{id}}");
        walk.ask(ME, &ask, &[BOTTLE], Value::Null, 200).await;
        walk.ask(ME, &ask, &[&format!("{MILK}/21/none")], Value::Null, 404).await;
    }
    let drawing = [("accept", "image/svg+xml")];
    let sent = Sent { agent: ME, headers: &drawing, body: b"" };
    walk.send("GET /api/v1/trace?id={id}", &[TANK], sent, 200).await;
    let link = "GET /01/{gtin}/21/{serial}";
    for media in ["application/linkset+json", "application/vc+ld+json"] {
        let answer = walk.look(link, &["09521321000018", "A1"], media).await;
        assert_eq!(answer.header("content-type"), media);
    }
    walk.look("GET /.well-known/gs1resolver", &[], "*/*").await;
    walk.look("GET /.well-known/did.json", &[], "*/*").await;
    walk.look("GET /member/{id}/did.json", &["acme"], "*/*").await;
}

/// What people say who have the thing in hand.
async fn scan(walk: &mut Walk<'_>) {
    let phone = [
        ("content-type", "application/json"),
        ("user-agent", "Mozilla/5.0 (Linux; Android 14) Mobile"),
    ];
    let scanned = json!({"id": BOTTLE, "utcOffsetMinutes": 60}).to_string();
    let sent = Sent { agent: "", headers: &phone, body: scanned.as_bytes() };
    walk.send("POST /api/v1/scans", &[], sent, 200).await;
    walk.look("GET /api/v1/scans?id={id}", &[BOTTLE], "*/*").await;
    let reported = json!({"id": BOTTLE, "kind": "copy",
        "text": "I have seen the same number twice."});
    let reported = reported.to_string();
    let sent = Sent { agent: "", headers: &phone, body: reported.as_bytes() };
    let kept = walk.send("POST /api/v1/reports", &[], sent, 201).await.json();
    walk.ask(ME, "GET /api/v1/reports", &[], Value::Null, 200).await;
    let name = kept["report"].as_str().unwrap();
    walk.ask(ME, "DELETE /api/v1/reports/{report}", &[name], Value::Null, 204).await;
}

/// Promise P126: the examples of the description are what a real node answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_goods_are_answers_of_a_real_node() {
    let public_url = Some("https://trace.acme.example".to_owned());
    let http = config::Http { public_url, ..config::Http::default() };
    let api = Api::changed("9521321", http, |_| {}).await;
    let mut walk = Walk::of(&api);
    describe(&mut walk).await;
    let job = api.capture(&story(), &[]).await;
    assert_eq!(job["success"], true, "{job}");
    ask_of_goods(&mut walk).await;
    scan(&mut walk).await;
    walk.compare("goods.json");
    api.stop().await;
}

/// What the node is told live, and tells.
async fn live(walk: &mut Walk<'_>) {
    let readings =
        [("2026-03-01T08:00:00Z", 4.5), ("2026-03-01T08:05:00Z", 9.5)].map(|(time, value)| {
            json!({"item": "urn:epc:id:sscc:9521321.0000000001", "device": "urn:x:device:1",
                "type": "Temperature", "uom": "CEL", "low": 2, "high": 8, "value": value,
                "time": time})
            .to_string()
        });
    let lines = readings.map(|line| format!("{line}\n")).concat();
    let media = [("content-type", "application/x-ndjson")];
    for status in [201, 200] {
        let sent = Sent { agent: ME, headers: &media, body: lines.as_bytes() };
        walk.send("POST /api/v1/readings", &[], sent, status).await;
    }
    let summary = json!([{"item": "urn:epc:id:sscc:9521321.0000000001",
        "device": "urn:x:device:1", "type": "Temperature", "uom": "CEL",
        "start": "2026-03-01T09:00:00Z", "end": "2026-03-01T10:00:00Z",
        "min": 3, "max": 5, "mean": 4.25, "count": 720}]);
    walk.ask(ME, "POST /api/v1/readings", &[], summary, 201).await;
    for accept in ["application/x-ndjson", "text/event-stream"] {
        let headers = [("accept", accept)];
        let sent = Sent { agent: ME, headers: &headers, body: b"" };
        walk.send("GET /api/v1/feed?wait=0&limit=1", &[], sent, 200).await;
    }

    let receiver = Receiver::start([]).await;
    let url = receiver.url();
    let asked = json!({"url": url, "description": "the warehouse's own system",
        "filter": {"kind": ["shipping", "anomaly"]}});
    let hooks = "/api/v1/webhooks";
    let made = walk.ask(ME, &format!("POST {hooks}"), &[], asked, 201).await;
    walk.ask(ME, &format!("POST {hooks}"), &[], json!({"url": "gopher://x"}), 400).await;
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let one = format!("{hooks}/{{id}}");
    walk.ask(ME, &format!("POST {one}/test"), &[id], Value::Null, 200).await;
    walk.ask(ME, &format!("GET {one}/deliveries"), &[id], Value::Null, 200).await;
    walk.ask(ME, &format!("POST {one}/pause"), &[id], Value::Null, 200).await;
    walk.ask(ME, &format!("GET {hooks}"), &[], Value::Null, 200).await;
    walk.ask(ME, &format!("POST {one}/resume"), &[id], Value::Null, 200).await;
    walk.ask(ME, &format!("GET {one}"), &[id], Value::Null, 200).await;
    walk.ask(ME, &format!("DELETE {one}"), &[id], Value::Null, 204).await;
    walk.ask(ME, &format!("GET {one}"), &[id], Value::Null, 404).await;
    walk.call(&url, "https://erp.acme.example/tracehold");
    walk.call(secret, "whsec_told-only-once");
}

/// Promise P126: the examples of the description are what a real node answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_node_are_answers_of_a_real_node() {
    let mut api = Api::start().await;
    let bundle = api.network.bundle(now(), &[observed(1, 7)]);
    let mut walk = Walk::of(&api);
    let bundle = serde_json::to_value(&*bundle).unwrap();
    let post = "POST /api/v1/transactions";
    let receipt = walk.ask(ME, post, &[], bundle.clone(), 201).await;
    walk.ask(ME, post, &[], bundle, 409).await;
    let id = receipt["transaction_id"].as_str().unwrap();
    let height = receipt["height"].to_string();
    walk.ask(ME, "GET /api/v1/transactions/{id}", &[id], Value::Null, 200).await;
    walk.look("GET /api/v1/blocks/{height}", &[&height], "*/*").await;
    live(&mut walk).await;
    for path in ["/api/v1/status", "/api/v1/network", "/livez", "/readyz", "/metrics"] {
        walk.look(&format!("GET {path}"), &[], "*/*").await;
    }
    let metrics: Vec<&str> =
        walk.seen["GET /metrics"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(metrics, ["200 application/openmetrics-text"]);
    walk.shorten("GET /metrics", "/200 application~1openmetrics-text");
    walk.compare("node.json");
    api.stop().await;
}
