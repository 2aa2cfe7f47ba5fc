//! Sales to look at: money of a bank, and agreements at every stage, with words long enough to
//! break a page.

use serde_json::{Value, json};
use tracehold_testnet::client::{Answer, Unreachable};

use super::goods;
use crate::common::Network;

/// The bank, which also sells: the follower whose pages are looked at is its own.
const SELLER: usize = 0;
const BUYER: usize = 1;
const INSPECTOR: usize = 3;
const ASSET: &str = "EUR@member-0";

/// What there is to look at; paths of pages.
pub struct Sales {
    /// Accepted by one, not yet by the other.
    pub proposed: String,
    /// The price is there, the goods are not.
    pub waiting: String,
    /// Paid on delivery, and the delivery corrected afterwards.
    pub paid: String,
    /// A dispute is open.
    pub disputed: String,
}

fn done(answer: Result<Answer, Unreachable>, what: &str) -> Value {
    let answer = answer.expect("an answer");
    assert!(answer.is_success(), "{what}: {}", answer.text);
    answer.json
}

/// What came before may have been written at another node, which this one must know of.
fn post(network: &Network, member: usize, path: &str, body: &Value) -> Value {
    network.caught_up();
    let client = network.net.nodes[member].client();
    done(client.post(path, body.to_string().as_bytes(), &[]), path)
}

fn put(network: &Network, member: usize, path: &str, body: &Value) -> Value {
    network.caught_up();
    let client = network.net.nodes[member].client();
    done(client.put(path, body.to_string().as_bytes()), path)
}

/// Terms between the two, the inspector being the arbiter.
fn terms(title: &str, serial: u32) -> Value {
    let now = jiff::Timestamp::now();
    let at = |hours: i64| (now + jiff::SignedDuration::from_hours(hours)).to_string();
    let money = |amount: &str| json!({ "asset": ASSET, "amount": amount });
    let rest = |to: &str| json!([{ "remainder": { "to": to, "asset": ASSET } }]);
    json!({
        "title": title,
        "roles": [
            { "role": "buyer", "member": format!("member-{BUYER}") },
            { "role": "seller", "member": format!("member-{SELLER}") },
            { "role": "arbiter", "member": format!("member-{INSPECTOR}") },
        ],
        "goods": { "items": [format!("{}/21/sale-{serial}", goods::product(0, 1))] },
        "accept_by": at(48),
        "deposits": [
            { "id": "price", "role": "buyer", "due": at(72), "money": money("1234567.89") },
        ],
        "milestones": [
            { "id": "samples", "when": { "approved": { "by": "buyer", "what": "samples" } },
              "pay": [{ "amount": { "to": "seller", "money": money("50.00") } }] },
            { "id": "delivered", "ends": true, "pay": rest("seller"),
              "when": { "observed": { "event": { "biz_step": "receiving", "by": ["buyer"] } } } },
        ],
        "deadline": at(2_400),
        "at_deadline": rest("buyer"),
        "cancel": rest("buyer"),
        "dispute": { "arbiter": "arbiter", "by": ["buyer", "seller"], "ruling_within": "P7D",
            "after_end": "P30D" },
    })
}

fn accepted(network: &Network, title: &str, serial: u32, roles: &[(usize, &str)]) -> String {
    let body = json!({ "reference": format!("sale-{serial}"), "terms": terms(title, serial) });
    let proposed = post(network, SELLER, "/api/v1/agreements", &body);
    let path = format!("/api/v1/agreements/{}", proposed["id"].as_str().expect("an id"));
    for (member, role) in roles {
        post(network, *member, &format!("{path}/accept"), &json!({ "role": role }));
    }
    path
}

/// All of it on record.
pub fn record(network: &Network) -> Sales {
    const ALL: [(usize, &str); 3] = [(BUYER, "buyer"), (SELLER, "seller"), (INSPECTOR, "arbiter")];
    let issuance = format!("/api/v1/accounts/member-{SELLER}:issuance/issues");
    for (member, amount) in [(BUYER, "5000000.00"), (SELLER, "800.00")] {
        let body = json!({
            "reference": format!("open-{member}"), "asset": ASSET, "amount": amount,
            "to": format!("member-{member}/main"),
        });
        post(network, SELLER, &issuance, &body);
    }
    let proposed = accepted(network, "Green coffee, spring", 1, &ALL[1..2]);
    let funded = |title: &str, serial: u32| {
        let path = accepted(network, title, serial, &ALL);
        let body = json!({ "reference": format!("pay-{serial}") });
        post(network, BUYER, &format!("{path}/fund"), &body);
        path
    };
    let long = "Grüner-Kaffee-aus-der-Frühjahrsernte-ohne-Leerzeichen-in-einem-einzigen-Wort";
    let waiting = funded(&format!("{long} {}", goods::ATTACK), 2);
    let paid = funded("绿咖啡，春季 Green coffee", 3);
    let disputed = funded("Green coffee, autumn", 4);
    let reason =
        json!({ "role": "seller", "reason": format!("Short by 3 bags. {}", goods::ATTACK) });
    post(network, SELLER, &format!("{disputed}/dispute"), &reason);

    let samples = json!({ "role": "buyer", "what": "samples" });
    post(network, BUYER, &format!("{paid}/approve"), &samples);
    let mut delivery = json!({
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "receiving",
        "eventID": "urn:example:delivery-3", "eventTime": "2026-11-01T10:00:00Z",
        "eventTimeZoneOffset": "+01:00", "epcList": [format!("{}/21/sale-3", goods::product(0, 1))],
    });
    network.caught_up();
    let (status, answer) = network.post_event(BUYER, &delivery);
    assert_eq!(status, 201, "{answer}");
    delivery["errorDeclaration"] = json!({
        "declarationTime": "2026-11-02T10:00:00Z",
        "reason": "https://ref.gs1.org/cbv/ER-did_not_occur",
    });
    let (status, answer) = network.post_event(BUYER, &delivery);
    assert!(status < 300, "{answer}");

    // Whatever leaves the second account waits for a second agent.
    let careful = format!("/api/v1/accounts/member-{SELLER}:careful");
    let rule = json!({ "reference": "rule-1", "approval": { "two_agents": { "above": [] } } });
    let open = json!({ "reference": "open", "approval": "one_agent" });
    put(network, SELLER, &careful, &open);
    let money = json!({ "reference": "fill", "asset": ASSET, "amount": "300.00",
        "memo": goods::ATTACK, "to": format!("member-{SELLER}/careful") });
    post(network, SELLER, &format!("/api/v1/accounts/member-{SELLER}:main/transfers"), &money);
    put(network, SELLER, &careful, &rule);
    let out = json!({ "reference": "out", "asset": ASSET, "amount": "120.00",
        "to": format!("member-{BUYER}/main"), "memo": "invoice 12" });
    post(network, SELLER, &format!("{careful}/transfers"), &out);
    let page = |path: String| path.replace("/api/v1", "");
    Sales {
        proposed: page(proposed),
        waiting: page(waiting),
        paid: page(paid),
        disputed: page(disputed),
    }
}
