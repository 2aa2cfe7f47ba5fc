use super::*;
use crate::pictures::MAX_PHOTO_BYTES;
use crate::pictures::image::{MAX_PICTURE_BYTES, some_png};
use crate::pictures::scale::MAX_SMALL_BYTES;

const MILK: &str = "https://id.gs1.org/01/09521321000018";
const DAIRY: &str = "https://id.gs1.org/414/9521321000018";
/// Under the prefix of somebody else.
const FOREIGN: &str = "https://id.gs1.org/01/09521101530001";

async fn member() -> Api {
    Api::of_prefix(config::Capture::default(), "9521321").await
}

fn by_id(path: &str, id: &str) -> String {
    format!("{path}?id={}", percent_encoded(id))
}

/// Promise P30.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_owner_sets_is_read_back_whole_and_replaced_whole() {
    let api = member().await;
    let milk = json!({
        "id": "urn:epc:idpat:sgtin:9521321.000001.*", "names": {"en": "Milk", "zh": "牛奶"},
        "descriptions": {"en": "Whole milk"}, "brand": "Alp", "picture": "ab".repeat(32),
        "limits": [{"type": "Temperature", "min": 2, "max": "8.50", "uom": "CEL"}],
        "netMassKg": 1.03, "expectedTransitHours": 48, "attributes": {"ext:fat": "3.5"}});
    let set = api.put("/api/v1/products", &milk).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let set = set.json();
    assert_eq!(set["id"], MILK);
    assert_eq!(
        set["limits"],
        json!([{"type": "Temperature", "min": "2", "max": "8.5", "uom": "CEL"}])
    );
    assert_eq!(set["record"]["version"], 1);
    assert_eq!(set["record"]["setBy"], "acme/gate");
    // An item's identifier finds its product; what was answered can be sent back, and again.
    let lot = by_id("/api/v1/products", &format!("{MILK}/10/L1"));
    assert_eq!(api.get(&lot).await.json(), set);
    assert_eq!(api.put("/api/v1/products", &set).await.json(), set, "nothing changed");
    let less = api.put("/api/v1/products", &json!({"id": MILK, "brand": "Alm"})).await.json();
    assert_eq!(less["record"]["version"], 2);
    assert!(less.get("limits").is_none(), "{less}");

    let place = json!({"id": DAIRY, "names": {"en": "Dairy"}, "latitude": "47.50",
        "longitude": 9, "address": {"lines": ["Main 1"], "city": "Bern", "country": "CH"}});
    let place = api.put("/api/v1/places", &place).await;
    assert_eq!(place.status, 200, "{}", place.text);
    let dock = format!("{DAIRY}/254/dock1");
    let inside = api.put("/api/v1/places", &json!({"id": dock, "inside": DAIRY})).await;
    assert_eq!(inside.json()["inside"], DAIRY);
    let ring = api.put("/api/v1/places", &json!({"id": DAIRY, "inside": dock})).await;
    assert_eq!((ring.status.as_u16(), &ring.problem()["code"]), (422, &json!("place-nesting")));
    assert_eq!(ring.problem()["errors"][0]["field"], "/inside");
    let party = json!({"id": "https://id.gs1.org/417/9521321000018", "member": "acme"});
    assert_eq!(api.put("/api/v1/parties", &party).await.json()["member"], "acme");
    assert_eq!(api.get(&by_id("/api/v1/places", DAIRY)).await.json()["latitude"], "47.5");
    let none = api.get(&by_id("/api/v1/parties", DAIRY)).await;
    assert_eq!(
        (none.status, &none.problem()["code"]),
        (StatusCode::NOT_FOUND, &json!("not_found"))
    );
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_in_pages_that_neither_repeat_nor_miss() {
    let api = Api::start().await;
    let ids: Vec<String> = (0..7).map(|n| format!("{DAIRY}/254/gate{n}")).collect();
    for id in &ids {
        assert_eq!(api.put("/api/v1/places", &json!({"id": id})).await.status, 200);
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/places?perPage=3".to_owned());
    loop {
        let page = api.get(&path).await;
        let places = page.json()["places"].as_array().unwrap().clone();
        assert!(places.len() <= 3);
        seen.extend(places.iter().map(|place| place["id"].as_str().unwrap().to_owned()));
        let Some((link, _)) = page.header("link").split_once('>') else { break };
        path = link.trim_start_matches('<').to_owned();
    }
    seen.sort();
    assert_eq!(seen, ids);
    assert_eq!(api.get("/api/v1/products").await.json(), json!({"products": []}));
    for (query, field) in [("perPage=0", "perPage"), ("nextPageToken=1-2-3", "nextPageToken")] {
        let problem = api.get(&format!("/api/v1/places?{query}")).await.problem();
        assert_eq!(problem["errors"][0]["field"], field);
    }
    api.stop().await;
}

/// Promise P30, P2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_anothers_or_breaks_a_rule_is_refused_and_named() {
    let api = member().await;
    let refused = |kind: &str, body: Value, status: u16, field: &str, rule: &str| {
        let path = format!("/api/v1/{kind}");
        let (api, field, rule) = (&api, field.to_owned(), rule.to_owned());
        async move {
            let answer = api.put(&path, &body).await;
            let problem = answer.problem();
            assert_eq!(answer.status, status, "{problem}");
            let error = &problem["errors"][0];
            assert_eq!((&error["field"], &error["rule"]), (&json!(field), &json!(rule)));
            assert!(error["mend"].as_str().is_some_and(|mend| mend.len() > 10), "{problem}");
        }
    };
    refused("products", json!({"id": FOREIGN}), 403, "/id", "not-yours").await;
    refused("products", json!({"id": DAIRY}), 400, "/id", "identifier").await;
    refused("products", json!({}), 400, "/id", "required").await;
    refused("products", json!({"id": MILK, "nme": 1}), 400, "/nme", "unknown-field").await;
    let warm = json!([{"type": "Temperature", "min": 9, "max": 8, "uom": "CEL"}]);
    let warm = json!({"id": MILK, "limits": warm});
    refused("products", warm, 400, "/limits/0/min", "range").await;
    let party = json!({"id": "https://id.gs1.org/417/9521321000018", "member": "other"});
    refused("parties", party, 403, "/member", "party-of-another").await;
    let twice = api.request("PUT", "/api/v1/places").body(Body::from("{\"id\":1,\"id\":2}"));
    assert_eq!(api.send(twice.unwrap()).await.status, 400);
    let large = json!({"id": MILK, "brand": "x".repeat(300 * 1024)});
    assert_eq!(api.put("/api/v1/products", &large).await.status, 413);
    assert_eq!(api.get(&by_id("/api/v1/products", MILK)).await.status, 404);
    api.stop().await;
}

fn with_master_data(events: &[Value], vocabularies: &Value) -> Value {
    let mut document = document(events);
    document["epcisHeader"] = json!({"epcisMasterData": {"vocabularyList": vocabularies}});
    document
}

fn vocabulary(kind: &str, elements: &Value) -> Value {
    let kind = format!("urn:epcglobal:epcis:vtype:{kind}");
    json!({"type": kind, "vocabularyElementList": elements})
}

fn named(id: &str, name: &str) -> Value {
    json!({"id": id, "attributes": [
        {"id": "urn:epcglobal:cbv:mda#descriptionShort", "attribute": name}]})
}

/// Promise P31.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn master_data_of_a_document_is_set_and_what_is_left_out_is_told() {
    let api = member().await;
    api.put("/api/v1/products", &json!({"id": MILK, "netMassKg": 1})).await;
    let elements = json!([named(MILK, "Milk"), named(FOREIGN, "Cheese")]);
    let places = json!([{"id": "https://id.gs1.org/414/9521321000018",
        "children": ["https://id.gs1.org/414/9521321000018/254/dock1", FOREIGN],
        "attributes": [{"id": "cbvmda:city", "attribute": "Bern"}]}]);
    let list = json!([vocabulary("EPCClass", &elements), vocabulary("ReadPoint", &places)]);
    let job = api.capture_document(&with_master_data(&[event(1, 1)], &list), &[]).await;
    assert_eq!(job["success"], true, "{job}");
    let done = &job["masterData"];
    assert_eq!((&done["set"], &done["unchanged"]), (&json!(3), &json!(0)));
    let start = "/epcisHeader/epcisMasterData/vocabularyList";
    let left_out = done["leftOut"].as_array().unwrap();
    let told: Vec<(&str, &str)> = left_out
        .iter()
        .map(|e| (e["field"].as_str().unwrap(), e["rule"].as_str().unwrap()))
        .collect();
    let child = format!("{start}/1/vocabularyElementList/0/children/1");
    let foreign = format!("{start}/0/vocabularyElementList/1");
    assert_eq!(told, [(child.as_str(), "identifier"), (foreign.as_str(), "not-yours")]);
    let milk = api.get(&by_id("/api/v1/products", MILK)).await.json();
    assert_eq!((&milk["names"]["und"], &milk["netMassKg"]), (&json!("Milk"), &json!("1")));
    let dock = api.get(&by_id("/api/v1/places", &format!("{DAIRY}/254/dock1"))).await.json();
    assert_eq!(dock["inside"], DAIRY);
    assert_eq!(api.get(&by_id("/api/v1/products", FOREIGN)).await.status, 404);
    let found = api.get(&format!("/epcis/v2/events/{}", percent_encoded(&event_id(1)))).await;
    assert_eq!(found.events().len(), 1, "the event is captured all the same");

    // The same again changes nothing; `proceed` sets it too; a document may have no events.
    let proceed = [("gs1-capture-error-behaviour", "proceed")];
    for headers in [[].as_slice(), &proceed] {
        let again = json!([vocabulary("EPCClass", &json!([named(MILK, "Milk")]))]);
        let job = api.capture_document(&with_master_data(&[], &again), headers).await;
        assert_eq!(job["success"], true, "{job}");
        assert_eq!(job["masterData"], json!({"set": 0, "unchanged": 1}));
    }
    for (name, headers) in [("Milch", [].as_slice()), ("Lait", &proceed)] {
        let anew = json!([vocabulary("EPCClass", &json!([named(MILK, name)]))]);
        let job = api.capture_document(&with_master_data(&[], &anew), headers).await;
        assert_eq!((&job["success"], &job["masterData"]["set"]), (&json!(true), &json!(1)));
        let milk = api.get(&by_id("/api/v1/products", MILK)).await.json();
        assert_eq!(milk["names"]["und"], name);
    }
    // A document of which nothing can be kept fails.
    let foreign = json!([vocabulary("EPCClass", &json!([named(FOREIGN, "Cheese")]))]);
    let job = api.capture_document(&with_master_data(&[], &foreign), &[]).await;
    assert_eq!(
        (&job["success"], &job["errors"][0]["code"]),
        (&json!(false), &json!("nothing_kept"))
    );
    api.stop().await;
}

/// Promise P32, P33.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_are_kept_by_their_digest_and_others_are_refused() {
    let api = Api::start().await;
    let upload = |bytes: Vec<u8>, media: &str| {
        let request = api.request("POST", "/api/v1/pictures").header("content-type", media);
        api.send(request.body(Body::from(bytes)).unwrap())
    };
    let png = some_png(3, 4, b"pixels");
    let kept = upload(png.clone(), "image/png").await;
    assert_eq!(kept.status, 201, "{}", kept.text);
    let digest = tracehold_chain::digest::Digest::of_file(&png).to_string();
    let told = json!({"digest": digest, "mediaType": "image/png", "bytes": png.len(),
        "width": 3, "height": 4, "scaled": false});
    assert_eq!(kept.json(), told);
    assert_eq!(upload(png.clone(), "application/octet-stream").await.status, 200);
    let shown = api.anonymous(kept.header("location")).await;
    assert_eq!((shown.status, &shown.bytes), (StatusCode::OK, &png));
    assert_eq!(shown.header("content-type"), "image/png");
    assert!(shown.header("cache-control").contains("immutable"));
    assert_eq!(shown.header("x-content-type-options"), "nosniff");
    let request = api.request("GET", kept.header("location"));
    let request = request.header("if-none-match", shown.header("etag"));
    assert_eq!(api.send(request.body(Body::empty()).unwrap()).await.status, 304);

    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec();
    let too_large = some_png(1, 1, &vec![0; MAX_PHOTO_BYTES]);
    let damaged = some_png(1, 1, &vec![0; MAX_PICTURE_BYTES]);
    for (bytes, media, status, code) in [
        (svg, "image/svg+xml", 415, "not_a_picture"),
        (b"\x89PNG\r\n\x1a\n".to_vec(), "image/png", 400, "damaged_picture"),
        (Vec::new(), "image/png", 400, "damaged_picture"),
        (png.clone(), "image/jpeg", 415, "wrong_media_type"),
        (some_png(9_000, 1, b""), "image/png", 400, "picture_too_wide"),
        (too_large, "image/png", 413, "picture_too_large"),
        // One that is kept as it is need not be decoded; this one must.
        (damaged, "image/png", 400, "damaged_picture"),
    ] {
        let answer = upload(bytes, media).await;
        let problem = answer.problem();
        assert_eq!((answer.status.as_u16(), &problem["code"]), (status, &json!(code)), "{problem}");
    }

    // A photograph as a phone makes it: made smaller, and small for pages.
    let mut photo = Vec::new();
    let mut state = 1_u32;
    let noise = image::RgbImage::from_fn(1_600, 1_200, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Rgb([state.to_le_bytes()[3]; 3])
    });
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut photo, 97);
    encoder.encode_image(&noise).unwrap();
    assert!(photo.len() > MAX_PICTURE_BYTES, "{}", photo.len());
    let kept = upload(photo.clone(), "image/jpeg").await;
    assert_eq!((kept.status.as_u16(), &kept.json()["scaled"]), (201, &json!(true)));
    assert!(kept.json()["bytes"].as_u64().unwrap() <= MAX_PICTURE_BYTES as u64);
    assert_eq!(upload(photo, "image/jpeg").await.status, 200, "the same photograph again");
    let path = kept.header("location").to_owned();
    let small = api.anonymous(&format!("{path}?size=small")).await;
    assert_eq!((small.status.as_u16(), small.header("content-type")), (200, "image/jpeg"));
    assert!(small.bytes.len() <= MAX_SMALL_BYTES, "{}", small.bytes.len());
    let whole = api.anonymous(&path).await;
    assert!(whole.bytes.len() > MAX_SMALL_BYTES && whole.header("etag") != small.header("etag"));
    let wrong = api.anonymous(&format!("{path}?size=huge")).await.problem();
    assert_eq!((&wrong["status"], &wrong["errors"][0]["field"]), (&json!(400), &json!("size")));

    // What nobody has: a drawing for browsers, a problem for programs, neither kept for long.
    let nobody = format!("/api/v1/pictures/{}", "ab".repeat(32));
    api.put("/api/v1/products", &json!({"id": MILK, "picture": "ab".repeat(32)})).await;
    let drawing = api.anonymous(&nobody).await;
    assert_eq!(drawing.status, 404);
    assert_eq!(drawing.header("content-type"), "image/svg+xml");
    assert_eq!(drawing.header("tracehold-placeholder"), "true");
    assert_eq!(drawing.header("cache-control"), "public, max-age=30");
    assert!(drawing.text.starts_with("<svg") && !drawing.text.contains("script"));
    let request = api.request("GET", &nobody).header("accept", "application/json");
    let problem = api.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(problem.problem()["code"], "not_found");
    let wrong = api.get("/api/v1/pictures/ABC").await;
    assert_eq!(wrong.problem()["errors"][0]["field"], "digest");
    api.stop().await;
}
