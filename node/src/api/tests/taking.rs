//! A walk through everything that takes events in, reports them or tries them: what it asked and
//! was answered are the examples of the description.

use super::epcis::XML;
use super::walk::{Sent, Walk};
use super::*;

const ME: &str = "maker/erp";
const CAPTURE: &str = "/epcis/v2/capture";

/// Captures what the lenient reading changes; the walk's own requests ask for nothing special.
async fn capture_leniently(api: &Api, document: &Value) {
    let key = format!("Bearer {}", api.keys[ME]);
    let request = Request::builder().method("POST").uri(CAPTURE).header("authorization", key);
    let request = request.header("content-type", "application/json");
    let request = request.header("prefer", "handling=lenient");
    let answer = api.send(request.body(Body::from(document.to_string())).unwrap()).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
}

/// The member's newest job, when it has ended.
async fn ended(api: &Api) -> String {
    let wait = async {
        loop {
            let jobs = api.by(ME, "GET", CAPTURE, &Value::Null).await.json();
            if jobs[0]["running"] == false {
                return jobs[0]["captureID"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap()
}

/// Promise P102: the examples of the description are what a real node answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_captures_are_answers_of_a_real_node() {
    let api = Api::of_members(&[("maker", &[], &["erp"])]).await;
    let mut walk = Walk::of(&api);
    let post = format!("POST {CAPTURE}");
    walk.ask(ME, &post, &[], document(&[event(1, 1), event(2, 2)]), 202).await;
    ended(&api).await;
    let mut wrong = event(3, 3);
    wrong["action"] = json!("LOOK");
    walk.ask(ME, &post, &[], document(&[wrong]), 400).await;
    let mut sloppy = event(4, 4);
    sloppy["bizStep"] = json!("urn:epcglobal:cbv:bizstep:shipping");
    capture_leniently(&api, &document(&[sloppy])).await;
    let id = ended(&api).await;
    let one = format!("GET {CAPTURE}/{{captureID}}");
    walk.ask(ME, &format!("GET {CAPTURE}"), &[], Value::Null, 200).await;
    walk.ask(ME, &one, &[&id], Value::Null, 200).await;
    walk.ask(ME, &one, &["none"], Value::Null, 404).await;
    walk.ask(ME, &format!("{one}/document"), &[&id], Value::Null, 200).await;
    let xml = [("content-type", "application/xml")];
    let sent = Sent { agent: ME, headers: &xml, body: XML.as_bytes() };
    walk.send(&post, &[], sent, 202).await;
    let id = ended(&api).await;
    let sent = Sent { agent: ME, headers: &[("accept", "application/xml")], body: b"" };
    walk.send(&format!("{one}/document"), &[&id], sent, 200).await;

    let query = json!({"name": "shipped", "query": {"EQ_bizStep": ["shipping"]}});
    assert_eq!(api.by(ME, "POST", "/epcis/v2/queries", &query).await.status, 201);
    let all = "/epcis/v2/queries/{queryName}/subscriptions";
    let receiver = "https://203.0.113.7/epcis";
    let nightly = json!({"dest": receiver, "signatureToken": "13df38d8275b13f05704629e5f1cf3d4",
        "reportIfEmpty": true, "schedule": {"hour": "1", "minute": "5"}});
    let made = walk.ask(ME, &format!("POST {all}"), &["shipped"], nightly, 201).await;
    let never = json!({"dest": receiver});
    walk.ask(ME, &format!("POST {all}"), &["shipped"], never, 400).await;
    walk.ask(ME, &format!("GET {all}"), &["shipped"], Value::Null, 200).await;
    let names = ["shipped", made["subscriptionID"].as_str().unwrap()];
    let one = format!("{all}/{{subscriptionID}}");
    walk.ask(ME, &format!("GET {one}"), &names, Value::Null, 200).await;
    walk.ask(ME, &format!("DELETE {one}"), &names, Value::Null, 204).await;
    walk.ask(ME, &format!("DELETE {one}"), &names, Value::Null, 404).await;

    let tool = "POST /api/v1/tools/event-hash";
    walk.ask(ME, tool, &[], bare(event(5, 5)), 200).await;
    walk.ask(ME, tool, &[], json!({"type": "ObjectEvent"}), 400).await;
    let sent = Sent { agent: ME, headers: &xml, body: XML.as_bytes() };
    walk.send(tool, &[], sent, 200).await;
    walk.compare("captures.json");
    api.stop().await;
}
