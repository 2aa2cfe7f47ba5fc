//! A walk through every endpoint of money, agreements and evidence on a real node: what it asked
//! and was answered are the examples of the description.

use super::money::traders;
use super::walk::Walk;
use super::*;

/// The price is paid on delivery, a part of it when the buyer likes the samples.
fn terms(number: u32) -> Value {
    let hours = |hours: u64| now().plus_ms(hours * 3_600_000).to_string();
    let rest = |to: &str| json!([{"remainder": {"to": to, "asset": "EUR@bank"}}]);
    let money = |amount: &str| json!({"asset": "EUR@bank", "amount": amount});
    let item = format!("https://id.gs1.org/01/09521321001015/21/{number}");
    json!({
        "title": format!("Crate {number} of apples"),
        "roles": [
            {"role": "buyer", "member": "buyer", "account": "main"},
            {"role": "seller", "member": "seller", "account": "main"},
            {"role": "arbiter", "member": "judge", "account": "main"},
        ],
        "goods": {"items": [item]},
        "accept_by": hours(24),
        "deposits": [
            {"id": "price", "role": "buyer", "money": money("400.00"), "due": hours(48)}
        ],
        "milestones": [
            {"id": "samples", "when": {"approved": {"by": "buyer", "what": "samples"}},
             "pay": [{"amount": {"to": "seller", "money": money("50.00")}}]},
            {"id": "delivered", "ends": true, "pay": rest("seller"),
             "when": {"observed": {"event": {"biz_step": "receiving", "by": ["buyer"]}}}},
        ],
        "deadline": hours(2_400),
        "at_deadline": rest("buyer"),
        "cancel": rest("buyer"),
        "dispute": {"arbiter": "arbiter", "by": ["buyer", "seller"], "ruling_within": "P7D",
            "after_end": "P30D"},
    })
}

async fn pay(walk: &mut Walk<'_>) {
    let euros = |reference: &str, amount: &str, to: &str| json!({"reference": reference, "asset": "EUR@bank", "amount": amount, "to": to});
    let later = now().plus_ms(14 * 86_400_000).to_string();
    let (issues, transfers) =
        ("POST /api/v1/accounts/{id}/issues", "POST /api/v1/accounts/{id}/transfers");
    let holds = "POST /api/v1/accounts/{id}/holds";
    let print = euros("print-1", "5000.00", "buyer/main");
    walk.ask("bank/desk", issues, &["bank:issuance"], print, 201).await;
    let mut invoice = euros("INV-7", "12.50", "seller/main");
    invoice["memo"] = json!("invoice 7");
    walk.ask("buyer/erp", transfers, &["buyer:main"], invoice.clone(), 201).await;
    walk.ask("buyer/erp", transfers, &["buyer:main"], invoice, 200).await;
    let poor = euros("INV-8", "90000.00", "seller/main");
    walk.ask("buyer/erp", transfers, &["buyer:main"], poor, 422).await;
    for trip in ["trip-8", "trip-9"] {
        let mut hold = euros(trip, "60.00", "seller/main");
        hold["expires_at"] = json!(later);
        walk.ask("buyer/erp", holds, &["buyer:main"], hold, 201).await;
    }
    let held = ["buyer:main", "trip-9"];
    let look = "GET /api/v1/accounts/{id}/holds/{reference}";
    walk.ask("seller/erp", look, &held, Value::Null, 200).await;
    let take = json!({"reference": "trip-9-bill", "amount": "25.50"});
    let post = "POST /api/v1/accounts/{id}/holds/{reference}/post";
    walk.ask("seller/erp", post, &held, take, 201).await;
    let void = "POST /api/v1/accounts/{id}/holds/{reference}/void";
    let off = json!({"reference": "trip-8-off"});
    walk.ask("seller/erp", void, &["buyer:main", "trip-8"], off, 201).await;
    let home = euros("home-1", "20.00", "bank/main");
    walk.ask("seller/erp", transfers, &["seller:main"], home, 201).await;
    let melt = json!({"reference": "melt-1", "asset": "EUR@bank", "amount": "20.00"});
    let redeem = "POST /api/v1/accounts/{id}/redemptions";
    walk.ask("bank/desk", redeem, &["bank:issuance"], melt, 201).await;

    let rule = json!({"reference": "rule-1", "approval": {"two_agents": {"above": [
        {"asset": "EUR@bank", "amount": "1000.00"}]}}});
    walk.ask("buyer/erp", "PUT /api/v1/accounts/{id}", &["buyer:main"], rule, 201).await;
    for reference in ["INV-9", "INV-10"] {
        let large = euros(reference, "1500.00", "seller/main");
        walk.ask("buyer/erp", transfers, &["buyer:main"], large, 202).await;
    }
    let yes = "POST /api/v1/approvals/{id}/{waiting}/approve";
    let said = |reference: &str| json!({"reference": reference});
    let mine = walk.ask("buyer/erp", yes, &["buyer:main", "INV-9"], said("yes-8"), 403).await;
    assert_eq!(mine["errors"][0]["field"], "waiting", "{mine}");
    walk.ask("buyer/boss", yes, &["buyer:main", "INV-9"], said("yes-9"), 201).await;
    let no = "POST /api/v1/approvals/{id}/{waiting}/decline";
    walk.ask("buyer/boss", no, &["buyer:main", "INV-10"], said("no-10"), 201).await;
    let reference = "GET /api/v1/accounts/{id}/references/{reference}";
    walk.ask("buyer/erp", reference, &["buyer:main", "INV-9"], Value::Null, 200).await;
    walk.ask("buyer/erp", "GET /api/v1/accounts", &[], Value::Null, 200).await;
    let one = "GET /api/v1/accounts/{id}";
    walk.ask("buyer/erp", one, &["buyer:main"], Value::Null, 200).await;
    walk.ask("seller/erp", one, &["buyer:main"], Value::Null, 404).await;
    let entries = "GET /api/v1/accounts/{id}/entries";
    walk.ask("seller/erp", entries, &["seller:main"], Value::Null, 200).await;
    walk.ask("bank/desk", "GET /api/v1/assets/{asset}", &["EUR@bank"], Value::Null, 200).await;
}

async fn agree(walk: &mut Walk<'_>) {
    let base = "/api/v1/agreements";
    let get = format!("GET {base}/templates");
    walk.ask("buyer/erp", &get, &[], Value::Null, 200).await;
    walk.shorten(&get, "/200/templates");
    let at = |hours: u64| now().plus_ms(hours * 3_600_000).to_string();
    let given = json!({"parameters": {
        "title": "Crates for June", "buyer": "buyer", "seller": "seller",
        "price": "1000.00 EUR@bank", "goods": "https://id.gs1.org/01/09521101000016/21/1",
        "accept_by": at(24), "pay_by": at(48), "deadline": at(240),
    }});
    let fill = format!("POST {base}/templates/{{name}}");
    walk.ask("buyer/erp", &fill, &["escrow-on-delivery"], given, 200).await;
    let check = format!("POST {base}/check");
    walk.ask("buyer/erp", &check, &[], json!({"terms": terms(1)}), 200).await;

    let propose = format!("POST {base}");
    let mut ids = Vec::new();
    for number in 1..=4 {
        let body = json!({"reference": format!("order-{number}"), "terms": terms(number)});
        let told = walk.ask("seller/erp", &propose, &[], body, 201).await;
        ids.push(told["id"].as_str().unwrap().to_owned());
    }
    let mut stranded = terms(5);
    stranded["at_deadline"] = json!([]);
    let body = json!({"reference": "order-5", "terms": stranded});
    walk.ask("seller/erp", &propose, &[], body, 422).await;
    walk.ask("buyer/erp", &format!("GET {base}"), &[], Value::Null, 200).await;
    let [first, second, third, fourth] = [0, 1, 2, 3].map(|place| ids[place].as_str());
    let of = |method: &str, what: &str| format!("{method} {base}/{{id}}{what}");
    let fund = of("POST", "/fund");
    let pay = json!({"reference": "order-1-price"});
    walk.ask("buyer/erp", &fund, &[first], pay.clone(), 422).await;
    for id in [first, fourth] {
        for agent in ["buyer/erp", "seller/erp", "judge/court"] {
            walk.ask(agent, &of("POST", "/accept"), &[id], json!({}), 200).await;
        }
    }
    walk.ask("buyer/erp", &fund, &[first], pay, 201).await;
    let yes = json!({"what": "samples"});
    walk.ask("buyer/erp", &of("POST", "/approve"), &[first], yes, 200).await;
    walk.ask("buyer/erp", &of("GET", "/explain"), &[first], Value::Null, 200).await;
    walk.ask("buyer/erp", &of("GET", ""), &[first], Value::Null, 200).await;
    let why = json!({"reason": "half of it is missing"});
    walk.ask("buyer/erp", &of("POST", "/dispute"), &[first], why, 200).await;
    let ruling = json!({"reason": "half was there", "pay": [
        {"amount": {"to": "seller", "money": {"asset": "EUR@bank", "amount": "150.00"}}},
        {"remainder": {"to": "buyer", "asset": "EUR@bank"}},
    ]});
    walk.ask("judge/court", &of("POST", "/rule"), &[first], ruling, 200).await;
    walk.ask("buyer/erp", &of("GET", "/story"), &[first], Value::Null, 200).await;
    walk.ask("buyer/erp", &of("POST", "/decline"), &[second], json!({}), 200).await;
    walk.ask("buyer/erp", &of("POST", "/cancel"), &[third], json!({}), 200).await;
    let back = of("POST", "/withdraw-cancel");
    walk.ask("buyer/erp", &back, &[third], json!({}), 200).await;
    let deposit = json!({"reference": "order-4-price", "agreement": fourth, "deposit": "price"});
    let deposits = "POST /api/v1/accounts/{id}/deposits";
    walk.ask("buyer/erp", deposits, &["buyer:main"], deposit, 201).await;

    // What one agent has said yes to, and another one must.
    let mut large = terms(6);
    large["deposits"][0]["money"]["amount"] = json!("1500.00");
    let body = json!({"reference": "order-6", "terms": large});
    let told = walk.ask("seller/erp", &propose, &[], body, 201).await;
    let sixth = told["id"].as_str().unwrap();
    walk.ask("buyer/erp", &of("POST", "/accept"), &[sixth], json!({}), 200).await;
    let pay = json!({"reference": "INV-11", "asset": "EUR@bank", "amount": "1500.00",
        "to": "seller/main"});
    let transfers = "POST /api/v1/accounts/{id}/transfers";
    walk.ask("buyer/erp", transfers, &["buyer:main"], pay, 202).await;
    let told = walk.ask("buyer/boss", "GET /api/v1/approvals", &[], Value::Null, 200).await;
    assert_eq!(told["acceptances"][0]["agreement"], sixth);
}

/// Evidence of a thing of one event, of which one section is shown, and whose product is recalled.
async fn prove(walk: &mut Walk<'_>) {
    let captured = walk.api.capture(&[event(7, 7)], &[]).await;
    assert_eq!(captured["success"], true, "{captured}");
    let recall = super::recalls::recall("R-2026-01", &["https://id.gs1.org/01/09521321001015"]);
    let answer = walk.api.post("/api/v1/recalls", &recall, &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let operation = "GET /api/v1/evidence?sections=public&id={id}";
    let id = "https://id.gs1.org/01/09521321001015/21/7";
    let told = walk.ask("buyer/erp", operation, &[id], Value::Null, 200).await;
    assert_eq!(told["events"].as_array().map(Vec::len), Some(1), "{told}");
}

/// Promise P89: the examples of the description are what a real node answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_are_answers_of_a_real_node() {
    let api = traders().await;
    let mut walk = Walk::of(&api);
    pay(&mut walk).await;
    agree(&mut walk).await;
    prove(&mut walk).await;
    walk.compare("money.json");
    api.stop().await;
}
