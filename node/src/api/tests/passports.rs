//! Product passports: who issues them, what they say, and what they must not.

use tracehold_chain::credential;
use tracehold_chain::genesis::{Agent, Genesis, Node, NodeRole};
use tracehold_chain::keys::SecretKey;
use tracehold_chain::units::NodeName;

use super::*;
use crate::api::limits::MAX_PASSPORT_EVENTS;

const MILK: &str = "https://id.gs1.org/01/09521321000018";
const SERIAL: &str = "/01/09521321000018/21/A1";
const CREDENTIAL: &str = "application/vc+ld+json";

async fn passport(api: &Api, path: &str) -> Answer {
    let request = Request::builder().uri(path).header("accept", CREDENTIAL);
    let request = request.header("host", "evil.example");
    api.send(request.body(Body::empty()).unwrap()).await
}

fn public() -> config::Http {
    let public_url = Some("https://trace.acme.example".to_owned());
    config::Http { public_url, ..config::Http::default() }
}

/// Somebody whose keys are not here.
fn far(genesis: &mut Genesis) {
    let key = SecretKey::from_seed(&[77; 32]).public_key();
    genesis.members.push(Member {
        id: MemberId::new("far").unwrap(),
        name: "Far Foods".to_owned(),
        gs1_company_prefixes: vec!["9521101".to_owned()],
        glns: Vec::new(),
        roles: Vec::new(),
        agents: vec![Agent { id: "far/erp".parse().unwrap(), public_key: key }],
        nodes: vec![Node {
            name: NodeName::new("far-1").unwrap(),
            public_key: SecretKey::from_seed(&[78; 32]).public_key(),
            role: NodeRole::Follower,
        }],
    });
}

fn commissioned(number: u32, what: &Value) -> Value {
    let mut event = event(number, 1);
    event["action"] = json!("ADD");
    event["bizStep"] = json!("commissioning");
    event["disposition"] = json!("active");
    event.as_object_mut().unwrap().remove("epcList");
    for (name, value) in what.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

/// A serial number, a lot and an asset of the member, described and linked.
async fn dairy(http: config::Http) -> Api {
    let api = Api::changed("9521321", http, far).await;
    let events = [
        commissioned(
            1,
            &json!({"epcList": [format!("{MILK}/21/A1")],
            "certificationInfo": "https://cert.example/organic"}),
        ),
        commissioned(
            2,
            &json!({"quantityList":
            [{"epcClass": format!("{MILK}/10/L1"), "quantity": 70_417, "uom": "KGM"}]}),
        ),
        commissioned(
            3,
            &json!({"epcList": ["https://id.gs1.org/8003/09521321000018XYZ",
            "https://id.gs1.org/8004/9521321ABC", "https://id.gs1.org/00/395213210000000019"]}),
        ),
    ];
    assert_eq!(api.capture(&events, &[]).await["success"], true);
    let product = json!({"id": MILK, "names": {"en": "Milk", "zh": "牛奶"}, "netMassKg": "1.03",
        "descriptions": {"en": "Whole milk"}, "picture": "ab".repeat(32)});
    assert_eq!(api.put("/api/v1/products", &product).await.status, 200);
    let place = json!({"id": "https://id.gs1.org/414/9521321000018", "names": {"en": "Dairy"},
        "address": {"lines": ["Secret lane 1"], "city": "Bern", "country": "CH"}});
    assert_eq!(api.put("/api/v1/places", &place).await.status, 200);
    let links = json!({"id": MILK, "links": [
        {"linkType": "gs1:certificationInfo", "href": "https://cert.example/2", "title": "Organic"},
        {"linkType": "gs1:instructions", "href": "https://a.example/keep", "title": "Keep cold"}]});
    assert_eq!(api.put("/api/v1/links", &links).await.status, 200);
    api
}

/// UNTP's schema of passports, when the public corpora are beside the repository.
fn schema() -> Option<jsonschema::Validator> {
    let path = corpus("untp-dpp/schema/digitalProductPassport-v0.6.0.schema.json")?;
    let schema = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    Some(jsonschema::draft202012::new(&schema).unwrap())
}

/// Promise P104, P105.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passport_says_what_the_owner_put_on_record() {
    let api = dairy(public()).await;
    let schema = schema();
    let document = api.anonymous("/.well-known/did.json").await;
    assert_eq!(document.header("content-type"), "application/did+json");
    let document = document.json();
    assert_eq!(document["id"], "did:web:trace.acme.example");
    for (path, granularity) in [
        (SERIAL, "item"),
        ("/01/09521321000018/10/L1", "batch"),
        ("/01/09521321000018", "model"),
        ("/8003/09521321000018XYZ", "item"),
        ("/8004/9521321ABC", "item"),
    ] {
        let answer = passport(&api, path).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text);
        assert_eq!(answer.header("content-type"), CREDENTIAL);
        let passport = answer.json();
        assert_eq!(passport["credentialSubject"]["granularityLevel"], granularity, "{path}");
        if let Some(schema) = &schema {
            let wrong = schema.iter_errors(&passport);
            let wrong: Vec<String> = wrong.map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert_eq!(wrong, Vec::<String>::new(), "{path}");
        }
        let verified = credential::verify(&passport, Some(&document), now()).unwrap();
        assert_eq!(verified.issuer_name.as_deref(), Some("Acme"));
        assert!(
            credential::verify(&passport, None, now()).is_err(),
            "a did:web needs its document"
        );
        let mut changed = passport.clone();
        changed["credentialSubject"]["product"]["name"] = json!("Cream");
        let wrong = credential::verify(&changed, Some(&document), now()).unwrap_err();
        assert_eq!(wrong[0].rule, "signature");
    }
    let told = passport(&api, &format!("{SERIAL}?linkType=gs1:dpp")).await;
    let subject = &told.json()["credentialSubject"];
    let product = &subject["product"];
    assert_eq!((&product["name"], &product["serialNumber"]), (&json!("Milk"), &json!("A1")));
    assert_eq!(product["productionDate"], "2026-03-01");
    assert_eq!(product["countryOfProduction"], "CH");
    assert_eq!(product["dimensions"]["weight"]["value"], json!(1.03));
    let further = &product["furtherInformation"][0];
    assert_eq!(further["linkType"], "https://ref.gs1.org/voc/instructions");
    let claims = subject["conformityClaim"].as_array().unwrap();
    let claims: Vec<&str> = claims.iter().map(|claim| claim["id"].as_str().unwrap()).collect();
    assert_eq!(claims, ["https://cert.example/organic", "https://cert.example/2"]);
    let events = &subject["traceabilityInformation"][0]["traceabilityEvent"];
    let query = "https://trace.acme.example/epcis/v2/events?MATCH_anyEPC=\
                 https%3A%2F%2Fid.gs1.org%2F01%2F09521321000018%2F21%2FA1";
    assert_eq!(events[0]["linkURL"], query);
    // It leads to the events.
    let path = query.strip_prefix("https://trace.acme.example").unwrap();
    assert_eq!(api.get(path).await.events().len(), 1);
    // Nothing of the request is signed, and nothing that a scan does not show.
    let lot = passport(&api, "/01/09521321000018/10/L1").await;
    for text in [&told.text, &lot.text] {
        for secret in ["evil.example", "secret-order", "not for everyone", "Secret lane", "70417"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    // For people, and asked for by name only.
    let other = Request::builder().uri(SERIAL).header("accept", "application/vc");
    let other = api.send(other.body(Body::empty()).unwrap()).await;
    assert_eq!(other.header("content-type"), "application/vc");
    let by_name = api.anonymous(&format!("{SERIAL}?linkType=gs1:dpp")).await;
    assert_eq!(by_name.header("content-type"), CREDENTIAL);
    api.stop().await;
}

/// Promise P104.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_passport_of_what_nobody_can_speak_for() {
    let api = dairy(public()).await;
    for (path, status, code) in [
        ("/01/09521321000018/21/unknown", 404, "no_passport"),
        ("/01/09521321000018/10/unknown", 404, "no_passport"),
        ("/01/09521321000025", 404, "not_found"),
        ("/00/395213210000000019", 404, "no_passport"),
        ("/414/9521321000018", 404, "no_passport"),
        ("/01/09521321000019", 400, "digital_link"),
    ] {
        let answer = passport(&api, path).await;
        let problem = answer.problem();
        assert_eq!((answer.status.as_u16(), &problem["code"]), (status, &json!(code)), "{path}");
    }
    // Seen here, but of somebody whose key is elsewhere.
    let mut seen = event(9, 1);
    seen["epcList"] = json!(["https://id.gs1.org/01/09521101530001/21/1"]);
    assert_eq!(api.capture(&[seen], &[]).await["success"], true);
    let answer = passport(&api, "/01/09521101530001/21/1").await;
    let problem = answer.problem();
    assert_eq!((answer.status.as_u16(), &problem["code"]), (404, &json!("passport_elsewhere")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("Far Foods") && detail.contains("far-1"), "{detail}");
    let set = api.anonymous("/01/09521101530001/21/1?linkType=linkset").await.json();
    assert!(set["linkset"][0].get("https://ref.gs1.org/voc/dpp").is_none(), "{set}");
    let far = api.anonymous("/member/far/did.json").await;
    assert_eq!(far.status, 404);
    assert!(far.problem()["detail"].as_str().unwrap().contains("far"));
    assert_eq!(api.anonymous("/member/A%20B/did.json").await.status, 400);
    // An owner that has its passports elsewhere says so with a link.
    let away = json!({"id": MILK, "links": [{"linkType": "gs1:dpp", "title": "Passport",
        "href": "https://dpp.example/p", "type": CREDENTIAL}]});
    assert_eq!(api.put("/api/v1/links", &away).await.status, 200);
    let answer = passport(&api, &format!("{SERIAL}?a=1")).await;
    let told = (answer.status.as_u16(), answer.header("location"));
    assert_eq!(told, (307, "https://dpp.example/p?a=1"));
    api.stop().await;
}

/// Promise P104, P105.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_say_of_a_thing_is_not_in_its_passport() {
    let api = Api::of_members(&[("other", &[], &["erp"])]).await;
    let serial = format!("{MILK}/21/A1");
    let own = commissioned(
        1,
        &json!({"epcList": [serial],
        "certificationInfo": ["https://cert.example/own", "https://cert.example/wrong"]}),
    );
    let mut corrected = commissioned(
        2,
        &json!({"epcList": [serial], "action": "OBSERVE",
        "certificationInfo": "https://cert.example/taken-back"}),
    );
    assert_eq!(api.capture(&[own, corrected.clone()], &[]).await["success"], true);
    corrected["errorDeclaration"] = json!({"declarationTime": "2026-03-02T08:00:00Z",
        "reason": "incorrect_data"});
    assert_eq!(api.capture(&[corrected], &[]).await["success"], true);
    let claim = bare({
        let mut claim = event(5, 1);
        claim["epcList"] = json!([serial]);
        claim["certificationInfo"] = json!("https://cert.example/claimed");
        claim
    });
    let answer = api.by("other/erp", "POST", "/epcis/v2/events", &claim).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    // Its owner has to describe the product before there is anybody to issue it.
    assert_eq!(passport(&api, SERIAL).await.problem()["code"], "no_passport");
    assert_eq!(api.put("/api/v1/products", &json!({"id": MILK})).await.status, 200);
    let answer = passport(&api, SERIAL).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("cert.example/own"));
    for foreign in ["claimed", "taken-back"] {
        assert!(!answer.text.contains(foreign), "{}", answer.text);
    }
    // Without an address of HTTPS the key itself is the name, and no document is needed.
    let told = answer.json();
    assert!(told["issuer"]["id"].as_str().unwrap().starts_with("did:key:z6Mk"));
    let verified = credential::verify(&told, None, now()).unwrap();
    assert_eq!(verified.key, api.keystore.agent(&api.agent).unwrap().signer.public_key());
    let document = api.anonymous("/.well-known/did.json").await.json();
    assert_eq!(document["id"], told["issuer"]["id"]);
    api.stop().await;
}

/// Promise P133.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_declared_wrong_is_in_no_passport_however_late() {
    let api = dairy(public()).await;
    let told = passport(&api, SERIAL).await;
    assert!(told.text.contains("cert.example/organic"), "{}", told.text);
    assert_eq!(told.json()["credentialSubject"]["product"]["productionDate"], "2026-03-01");
    // More events than a passport looks through stand between the original and its correction.
    let count = u32::try_from(MAX_PASSPORT_EVENTS).unwrap() + 1;
    let seen = |number: u32| {
        let mut seen = event(number, 1);
        seen["epcList"] = json!([format!("{MILK}/21/A1")]);
        seen
    };
    let seen: Vec<Value> = (10..10 + count).map(seen).collect();
    assert_eq!(api.capture(&seen, &[]).await["success"], true);
    let mut wrong = commissioned(
        1,
        &json!({"epcList": [format!("{MILK}/21/A1")],
        "certificationInfo": "https://cert.example/organic"}),
    );
    wrong["errorDeclaration"] = json!({"declarationTime": "2026-03-02T08:00:00Z"});
    assert_eq!(api.capture(&[wrong], &[]).await["success"], true);
    let told = passport(&api, SERIAL).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert!(!told.text.contains("cert.example/organic"), "{}", told.text);
    assert!(told.json()["credentialSubject"]["product"].get("productionDate").is_none());
    api.stop().await;
}

/// Promise P104.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_footprint_is_in_a_passport_for_the_owner_only() {
    let api = Api::changed("9521321", public(), |_| {}).await;
    let mut leg = commissioned(1, &json!({"epcList": [format!("{MILK}/21/A1")]}));
    leg["@context"] = json!({"carbon": "urn:tracehold:carbon:"});
    leg["carbon:activity"] = json!({"kind": "transport", "mode": "road",
        "mass": {"value": 1, "uom": "TNE"},
        "distance": {"value": 250, "uom": "KMT", "kind": "shortest"}, "dataType": "primary",
        "factor": {"value": 62, "uom": "g", "per": "t.km", "scope": "WTW", "source": "a table",
            "year": 2024}});
    assert_eq!(api.capture(&[leg], &[]).await["success"], true);
    let product = json!({"id": MILK, "names": {"en": "Milk"}, "netMassKg": 1});
    assert_eq!(api.put("/api/v1/products", &product).await.status, 200);
    let open = passport(&api, SERIAL).await.json();
    assert!(open["credentialSubject"].get("emissionsScorecard").is_none(), "{open:#}");
    let request = api.request("GET", SERIAL).header("accept", CREDENTIAL);
    let own = api.send(request.body(Body::empty()).unwrap()).await.json();
    let scorecard = &own["credentialSubject"]["emissionsScorecard"];
    assert_eq!(scorecard["carbonFootprint"], json!(15.5), "{own:#}");
    if let Some(schema) = schema() {
        assert!(schema.is_valid(&own));
    }
    api.stop().await;
}
