//! The footprint over HTTP, from capture to answer.

use super::*;

const WHEAT: &str = "https://id.gs1.org/01/09521321001015/10/W1";
const FLOUR: &str = "https://id.gs1.org/01/09521321002012/10/F1";

fn told(number: u32, fields: Value) -> Value {
    let mut event = json!({
        "@context": [{"carbon": "urn:tracehold:carbon:"}],
        "type": "ObjectEvent",
        "eventID": event_id(number),
        "eventTime": format!("2026-03-01T08:{number:02}:00Z"),
        "eventTimeZoneOffset": "+01:00",
    });
    for (key, value) in fields.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

fn kilograms(class: &str, mass: u32) -> Value {
    json!([{"epcClass": class, "quantity": mass, "uom": "KGM"}])
}

fn lorry() -> Value {
    json!({"kind": "transport", "mode": "road", "dataType": "default",
        "distance": {"value": 100, "uom": "KMT", "kind": "shortest"},
        "factor": {"value": 80, "uom": "g", "per": "t.km", "scope": "WTW",
            "source": "a table", "year": 2024, "id": "road"}})
}

fn path(id: &str) -> String {
    format!("/api/v1/footprint?id={}", percent_encoded(id))
}

/// Promises P41, P42 and P43.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn legs_are_added_and_what_is_open_is_said() {
    let api = Api::start().await;
    let events = [
        told(
            1,
            json!({"action": "ADD", "bizStep": "commissioning",
            "quantityList": kilograms(WHEAT, 1000)}),
        ),
        told(
            2,
            json!({"action": "OBSERVE", "bizStep": "transporting",
            "quantityList": kilograms(WHEAT, 1000), "carbon:activity": lorry()}),
        ),
        told(
            3,
            json!({"type": "TransformationEvent", "inputQuantityList": kilograms(WHEAT, 500),
            "outputQuantityList": kilograms(FLOUR, 400),
            "carbon:activity": {"kind": "process", "dataType": "primary",
                "emissions": {"value": 1, "uom": "kg", "scope": "WTW"}}}),
        ),
        told(
            4,
            json!({"action": "OBSERVE", "quantityList": kilograms(FLOUR, 400),
            "carbon:activity": {"kind": "hub", "dataType": "modelled",
                "mass": {"value": 400, "uom": "kg"}}}),
        ),
    ];
    let job = api.capture(&events, &[]).await;
    assert_eq!(job["success"], true, "{job}");
    let answer = api.get(&path(FLOUR)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let found = answer.json();
    // Half of 1 t x 100 km x 80 g, and the mill's kilogram.
    assert_eq!(found["milligrams"], "5000000");
    assert_eq!((&found["kilograms"], &found["primaryPermille"]), (&json!("5"), &json!(200)));
    assert_eq!((&found["id"], &found["complete"]), (&json!(FLOUR), &json!(false)));
    let page = FLOUR.strip_prefix("https://id.gs1.org").unwrap();
    let shown = api.get(page).await.text;
    assert!(shown.contains("5 kg CO₂e · 20.0 %"), "{shown}");
    assert!(!api.anonymous(page).await.text.contains("CO₂e"), "activities are not public");
    assert_eq!(api.anonymous(&path(FLOUR)).await.status, 401);
    let leg = &found["legs"][0];
    assert_eq!(leg["eventID"], event_id(2));
    assert_eq!(leg["carriedBy"], json!([WHEAT]));
    assert_eq!((&leg["mode"], &leg["basis"]), (&json!("road"), &json!("mass-distance")));
    assert_eq!(leg["factors"][0]["value"], "80 g/t.km");
    assert_eq!(leg["distance"], "100 km shortest");
    let open = &found["open"][0];
    assert_eq!((&open["reason"], &open["mender"]), (&json!("factor-missing"), &json!("recorder")));
    assert_eq!((&open["eventID"], &open["at"]), (&json!(event_id(4)), &json!(FLOUR)));
    assert!(open["what"]["zh"].as_str().is_some_and(|text| text.ends_with('。')));
    // The lot itself, by its URN; before anything was known of it there is no footprint of nought.
    let wheat = api.get(&path("urn:epc:class:lgtin:9521321.000101.W1")).await.json();
    assert_eq!((&wheat["milligrams"], &wheat["complete"]), (&json!("8000000"), &json!(true)));
    assert_eq!(wheat["passedOnMilligrams"], "4000000");
    let before = api.get(&format!("{}&as_of=0", path(WHEAT))).await;
    assert_eq!(before.problem()["status"], 404);
    api.stop().await;
}

/// Promise P131: without a key a footprint is told when everybody made public what its legs did.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_public_footprint_needs_no_key() {
    let api = Api::start().await;
    let carried = |number: u32, public: Value| {
        let mut event = told(
            number,
            json!({"action": "OBSERVE", "bizStep": "transporting",
                "quantityList": kilograms(WHEAT, 1000), "carbon:activity": lorry()}),
        );
        event["@context"] =
            json!([{"carbon": "urn:tracehold:carbon:", "tracehold": "urn:tracehold:"}]);
        event["tracehold:public"] = public;
        event
    };
    let made = told(
        1,
        json!({"action": "ADD", "bizStep": "commissioning",
            "quantityList": kilograms(WHEAT, 1000)}),
    );
    let job = api.capture(&[made, carried(2, json!(["carbon:activity"]))], &[]).await;
    assert_eq!(job["success"], true, "{job}");
    let (open, whole) = (api.anonymous(&path(WHEAT)).await, api.get(&path(WHEAT)).await);
    assert_eq!(open.status, 200, "{}", open.text);
    assert_eq!(open.json(), whole.json());
    assert_eq!(open.json()["legs"][0]["distance"], "100 km shortest");
    let page = api.anonymous(WHEAT.strip_prefix("https://id.gs1.org").unwrap()).await.text;
    assert!(page.contains("8 kg CO₂e"), "{page}");
    // One leg that is not public closes it.
    let job = api.capture(&[carried(3, json!([]))], &[]).await;
    assert_eq!(job["success"], true, "{job}");
    assert_eq!(api.anonymous(&path(WHEAT)).await.status, 401);
    api.stop().await;
}

/// Promise P40.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_units_are_refused_at_capture_and_bad_questions_by_name() {
    let api = Api::start().await;
    let mut wrong = told(
        1,
        json!({"action": "OBSERVE", "quantityList": kilograms(WHEAT, 1),
        "carbon:activity": lorry()}),
    );
    wrong["carbon:activity"]["distance"]["uom"] = json!("KGM");
    let answer = api.post("/epcis/v2/capture", &document(&[wrong]), &[]).await;
    assert_eq!(answer.status, 400);
    let error = &answer.problem()["errors"][0];
    assert_eq!(error["field"], "/epcisBody/eventList/0/carbon:activity/distance/uom");
    assert_eq!(error["rule"], "unit");

    assert_eq!(api.get(&path(WHEAT)).await.problem()["code"], "unknown-item");
    assert_eq!(api.anonymous(&path(WHEAT)).await.problem()["code"], "unknown-item");
    for (query, field) in [
        ("", "id"),
        ("?id=apple", "id"),
        ("?id=https://id.gs1.org/01/09521321001015", "id"),
        ("?id=urn:epc:idpat:sgtin:9521321.000101.*", "id"),
        ("?id=urn:x:y&as_of=soon", "as_of"),
    ] {
        let answer = api.get(&format!("/api/v1/footprint{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.problem()["errors"][0]["field"], field, "{query}");
    }
    assert_eq!(api.get("/api/v1/footprint?id=urn:x:y&depth=3").await.status, 400);
    api.stop().await;
}
