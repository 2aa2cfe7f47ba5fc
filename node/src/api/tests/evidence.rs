use tracehold_chain::epcis::canonical;
use tracehold_chain::evidence::{Report, Trust, VerifyError, verify};
use tracehold_chain::units::Height;

use super::*;

const CASE: &str = "https://id.gs1.org/01/09521321001015/21/7";
const PALLET: &str = "https://id.gs1.org/00/095213210000000018";
const LOT: &str = "https://id.gs1.org/01/09521321001015/10/raw";

fn told(number: u32, kind: &str, more: Value) -> Value {
    let mut event = json!({
        "type": kind,
        "eventID": event_id(number),
        "eventTime": format!("2026-03-01T{number:02}:00:00Z"),
        "eventTimeZoneOffset": "+00:00",
        "bizTransactionList": [{"type": "po", "bizTransaction": "urn:example:secret-order"}],
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

async fn story(api: &Api) {
    let events = [
        told(
            1,
            "TransformationEvent",
            json!({
                "inputQuantityList": [{"epcClass": LOT, "quantity": 12.5, "uom": "KGM"}],
                "outputEPCList": [CASE],
            }),
        ),
        told(
            2,
            "AggregationEvent",
            json!({"action": "ADD", "parentID": PALLET, "childEPCs": [CASE]}),
        ),
        told(3, "ObjectEvent", json!({"action": "OBSERVE", "epcList": [PALLET]})),
        told(4, "ObjectEvent", json!({"action": "OBSERVE", "epcList": [CASE]})),
        told(5, "ObjectEvent", json!({"action": "OBSERVE", "epcList": [CASE]})),
    ];
    // In transactions of their own, so that parts of the journal are sealed at several heights.
    for event in events {
        assert_eq!(api.capture(&[event], &[]).await["success"], true);
    }
}

fn of(id: &str, more: &str) -> String {
    format!("/api/v1/evidence?id={}{more}", percent_encoded(id))
}

fn trust(api: &Api) -> Trust {
    Trust { genesis: Some(api.network.genesis.id().0), ..Trust::default() }
}

async fn checked(api: &Api, path: &str) -> (Report, String) {
    let answer = api.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let report = verify(&answer.bytes, &trust(api));
    (report.unwrap_or_else(|error| panic!("{error:?}: {}", answer.text)), answer.text)
}

/// Promises P111 and P114, over HTTP: what a running node serves verifies, with what happened to
/// the container and what the thing was made of; nothing is denied that there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_serves_evidence() {
    let api = Api::start().await;
    story(&api).await;
    let (report, text) = checked(&api, &of(CASE, "&inputs=3")).await;
    let item = report.item.unwrap();
    assert_eq!((item.count, item.from, item.events), (4, 0, 5));
    assert_eq!((item.levels, item.inputs, item.spans.len()), (1, 1, 1));
    assert!(item.cuts.is_empty() && text.contains("secret-order"));
    // The EPC URN names the same thing.
    let urn = "urn:epc:id:sgtin:9521321.000101.7";
    assert_eq!(canonical(urn).uri(), CASE);
    let (report, text) = checked(&api, &of(urn, "&sections=public")).await;
    let item = report.item.unwrap();
    assert_eq!((item.withheld_events, item.withheld_sections), (5, 10));
    assert!(!text.contains("secret-order"));
    let (report, _) = checked(&api, &of("https://id.gs1.org/01/09521321001015/21/none", "")).await;
    assert!(!report.exists);
    let (report, _) = checked(&api, "/api/v1/evidence?account=acme/main&asset=EUR@acme").await;
    assert!(!report.exists);
    // The block that it is of is the one that the node serves to anybody.
    let height = report.height.0;
    let block = api.anonymous(&format!("/api/v1/blocks/{height}")).await.json();
    assert_eq!(block["block_id"], report.block_id.to_string(), "{block}");
    api.stop().await;
}

async fn recall(api: &Api, reference: &str, items: &[&str]) {
    let body = super::recalls::recall(reference, items);
    let answer = api.post("/api/v1/recalls", &body, &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

/// Promises P122 and P123, over HTTP: what a running node serves has the open recalls of the thing,
/// its product, its container and its inputs, without a key too; and a withdrawn one no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_has_the_recalls_of_its_story() {
    let api = Api::start().await;
    story(&api).await;
    let of = |id: &str| of(id, "&inputs=1");
    let (report, text) = checked(&api, &of(CASE)).await;
    assert!(report.recalls.is_empty());
    let class = "https://id.gs1.org/01/09521321001015";
    recall(&api, "R-1", &[PALLET]).await;
    recall(&api, "R-2", &[class, LOT]).await;
    let open = |report: &Report| -> Vec<(String, Vec<String>)> {
        let one = |recall: &tracehold_chain::evidence::OpenRecall| {
            (recall.record.id.to_string(), recall.names.clone())
        };
        report.recalls.iter().map(one).collect()
    };
    let names = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let pallet = ("acme:R-1".to_owned(), names(&[PALLET]));
    let both = [("acme:R-2".to_owned(), names(&[class, LOT])), pallet.clone()];
    let (report, _) = checked(&api, &of(CASE)).await;
    assert_eq!(open(&report), both);
    let anonymous = api.anonymous(&of(CASE)).await;
    let report = verify(&anonymous.bytes, &trust(&api)).unwrap();
    assert_eq!(open(&report), both);
    let (report, _) = checked(&api, &of(&format!("{class}/21/none"))).await;
    assert!(!report.exists && report.recalls.len() == 1);
    // Whoever knows that there was a block since does not believe what was said before the recall.
    let fresh = Trust { least_height: Some(report.height), ..trust(&api) };
    let Err(VerifyError::Failed(failure)) = verify(text.as_bytes(), &fresh) else {
        panic!("an old head hides a recall");
    };
    assert_eq!(failure.reason.code(), "too-old");
    let why = json!({"reason": {"en": "It was not glass."}});
    let over = api.post("/api/v1/recalls/acme:R-2/withdraw", &why, &[]).await;
    assert_eq!(over.status, 200, "{}", over.text);
    let (report, _) = checked(&api, &of(CASE)).await;
    assert_eq!(open(&report), [pallet]);
    api.stop().await;
}

/// Promise P124: a page of any origin reads public evidence and the checker, and why there is none;
/// what needs a key, and other files, it does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_may_ask_for_public_evidence() {
    use tracehold_explorer::assets::{CHECK, SCAN};
    const ALLOWED: &str = "access-control-allow-origin";
    let api = Api::start().await;
    story(&api).await;
    let wrong = "/api/v1/evidence?id=urn:x&inputs=17";
    let money = "/api/v1/evidence?account=acme%2Fmain&asset=EUR%40acme";
    for (path, status) in [(of(CASE, "").as_str(), 200), (wrong, 400), (money, 401)] {
        let answer = api.anonymous(path).await;
        assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (status, "*"), "{path}");
        assert_eq!(api.get(path).await.headers.get(ALLOWED), None, "{path}");
    }
    assert_eq!(api.anonymous(&CHECK.path).await.header(ALLOWED), "*");
    for path in [SCAN.path.as_str(), "/api/v1/status", "/api/v1/items?id=urn:x"] {
        assert_eq!(api.anonymous(path).await.headers.get(ALLOWED), None, "{path}");
    }
    api.stop().await;
}

/// Promise P113, over HTTP: what a server changes on the way is exposed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_on_the_way_is_exposed() {
    let api = Api::start().await;
    story(&api).await;
    let (_, text) = checked(&api, &of(CASE, "")).await;
    let changed = text.replacen("secret-order", "secret-odrer", 1);
    assert!(matches!(verify(changed.as_bytes(), &trust(&api)), Err(VerifyError::Failed(_))));
    assert_eq!(api.capture(&[event(6, 7)], &[]).await["success"], true);
    let (report, _) = checked(&api, &of(CASE, "")).await;
    let fresh = Trust { least_height: Some(Height(report.height.0)), ..trust(&api) };
    let Err(VerifyError::Failed(failure)) = verify(text.as_bytes(), &fresh) else {
        panic!("an old head passes for a new one");
    };
    assert_eq!(failure.reason.code(), "too-old");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_says_what_it_cannot_be_of() {
    let api = Api::start().await;
    for (path, field) in [
        ("/api/v1/evidence", "id"),
        ("/api/v1/evidence?id=", "id"),
        ("/api/v1/evidence?id=urn:x&inputs=17", "inputs"),
        ("/api/v1/evidence?id=urn:x&inputs=-1", "inputs"),
        ("/api/v1/evidence?id=urn:x&sections=secret", "sections"),
        ("/api/v1/evidence?id=urn:x&agreement=00", "id"),
        ("/api/v1/evidence?agreement=00", "agreement"),
        ("/api/v1/evidence?account=acme/main&asset=EUR@acme&inputs=1", "inputs"),
        ("/api/v1/evidence?account=nobody&asset=EUR@acme", "account"),
        ("/api/v1/evidence?account=acme/main&asset=gold", "asset"),
        ("/api/v1/evidence?id=urn:x&height=new", "height"),
    ] {
        let answer = api.get(path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        assert_eq!(answer.problem()["errors"][0]["field"], field, "{path}: {}", answer.text);
    }
    assert_eq!(api.capture(&[event(1, 7)], &[]).await["success"], true);
    let answer = api.get("/api/v1/evidence?id=urn:x&height=1000000").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.problem()["code"]),
        (404, &json!("height_not_served"))
    );
    let other = "/api/v1/evidence?account=other/main&asset=EUR@acme";
    assert_eq!(api.get(other).await.problem()["code"], "account-unknown");
    let agreement = format!("/api/v1/evidence?agreement={}", "00".repeat(32));
    assert_eq!(api.get(&agreement).await.problem()["code"], "agreement-unknown");
    assert_eq!(api.anonymous(&agreement).await.status, 401);
    api.stop().await;
}
