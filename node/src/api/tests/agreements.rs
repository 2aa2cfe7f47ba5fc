use super::money::{endow, free, traders};
use super::*;

/// The price is paid when the buyer has received the item; else it goes back at the deadline.
fn escrow(price: &str) -> Value {
    let hours = |hours: u64| now().plus_ms(hours * 3_600_000).to_string();
    let rest = |to: &str| json!([{"remainder": {"to": to, "asset": "EUR@bank"}}]);
    json!({
        "title": "One crate of apples",
        "roles": [
            {"role": "buyer", "member": "buyer"},
            {"role": "seller", "member": "seller"},
            {"role": "arbiter", "member": "judge"},
        ],
        "goods": {"items": [tracehold_chain::epcis::canonical(ITEM).into_uri()]},
        "accept_by": hours(1),
        "deposits": [{"id": "price", "role": "buyer",
            "money": {"asset": "EUR@bank", "amount": price}, "due": hours(2)}],
        "milestones": [{
            "id": "delivered",
            "when": {"observed": {"event": {"biz_step": "receiving", "by": ["buyer"]}}},
            "pay": rest("seller"),
            "ends": true,
        }],
        "deadline": hours(100),
        "at_deadline": rest("buyer"),
        "dispute": {"arbiter": "arbiter", "by": ["buyer", "seller"], "ruling_within": "P1D",
            "after_end": "P30D"},
    })
}

const ITEM: &str = "urn:epc:id:sgtin:9521321.000101.7";

fn received(number: u32) -> Value {
    let mut event = event(number, 7);
    event["bizStep"] = json!("receiving");
    bare(event)
}

async fn proposed(api: &Api, reference: &str, price: &str) -> String {
    let body = json!({"reference": reference, "terms": escrow(price)});
    let answer = api.by("seller/erp", "POST", "/api/v1/agreements", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let path = answer.header("location").to_owned();
    assert_eq!(path, format!("/api/v1/agreements/{}", answer.json()["id"].as_str().unwrap()));
    path
}

async fn accepted(api: &Api, path: &str) {
    for agent in ["buyer/erp", "seller/erp", "judge/court"] {
        let answer = api.by(agent, "POST", &format!("{path}/accept"), &json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// Promise P67, P68.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agreement_goes_from_proposal_to_release_and_every_step_can_be_read() {
    let api = traders().await;
    endow(&api, "print-1", "500").await;
    let path = proposed(&api, "order-1", "400").await;
    let view = |agent: &str| {
        let (api, path, agent) = (&api, path.clone(), agent.to_owned());
        async move { api.by(&agent, "GET", &path, &Value::Null).await.json() }
    };
    let told = view("buyer/erp").await;
    assert_eq!((&told["stage"], &told["your_roles"]), (&json!("proposed"), &json!(["buyer"])));
    assert_eq!(told["terms"]["deposits"][0]["money"]["amount"], "400.00");

    // Funding comes after acceptance; doing a thing again changes nothing.
    let fund = json!({"reference": "fund-1"});
    let early = api.by("buyer/erp", "POST", &format!("{path}/fund"), &fund).await;
    let early = early.problem();
    assert_eq!((&early["status"], &early["code"]), (&json!(422), &json!("wrong-stage")));
    assert_eq!((&early["clause"], &early["command"]), (&json!("/deposits/0"), &Value::Null));
    assert_eq!(early["errors"][0]["field"], "/deposit", "{early}");
    let said = early["detail"].as_str().unwrap();
    assert!(said.contains("buyer, seller, arbiter must accept or decline before"), "{said}");
    accepted(&api, &path).await;
    let poor = json!({"reference": "fund-0", "account": "empty"});
    let poor = api.by("buyer/erp", "POST", &format!("{path}/fund"), &poor).await.problem();
    assert_eq!(poor["code"], "account-unknown", "{poor}");
    assert_eq!(poor["errors"][0]["field"], "/account", "{poor}");
    let again = api.by("buyer/erp", "POST", &format!("{path}/accept"), &json!({})).await;
    assert_eq!((again.status.as_u16(), &again.json()["repeated"]), (200, &json!(true)));
    assert_eq!(view("buyer/erp").await["stage"], "accepted");
    let wrong = json!({"reference": "fund-0", "deposit": "rent"});
    let wrong = api.by("buyer/erp", "POST", &format!("{path}/fund"), &wrong).await.problem();
    assert_eq!(wrong["errors"][0]["field"], "/deposit", "{wrong}");
    let funded = api.by("buyer/erp", "POST", &format!("{path}/fund"), &fund).await;
    assert_eq!(funded.status, 201, "{}", funded.text);
    assert_eq!(
        funded.json()["agreement"]["pot"],
        json!([{"asset": "EUR@bank", "amount": "400.00"}])
    );
    let again = api.by("buyer/erp", "POST", &format!("{path}/fund"), &fund).await;
    assert_eq!((again.status.as_u16(), &again.json()["payment"]["repeated"]), (200, &json!(true)));
    assert_eq!(free(&api, "buyer/erp", "buyer:main").await, "100.00");
    let pot = format!("agreement:{}", path.rsplit('/').next().unwrap());
    assert_eq!(free(&api, "judge/court", &pot).await, "400.00");

    // What is awaited from whom, before; what was satisfied by which event, after.
    let explain = format!("{path}/explain");
    let told = api.by("seller/erp", "GET", &explain, &Value::Null).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let told = told.json();
    let milestone = &told["milestones"][0];
    assert_eq!((&told["stage"], &milestone["status"]), (&json!("running"), &json!("waiting")));
    let awaits = json!([{"role": "buyer", "member": "buyer"}]);
    assert_eq!(milestone["condition"]["awaits"], awaits, "{told}");
    for language in ["en", "zh"] {
        let lines = told["sentences"][language].as_array().unwrap();
        assert!(lines.iter().any(|line| line.as_str().unwrap().contains("delivered")), "{lines:?}");
    }

    // The block with the event carries the release.
    let event = api.by("buyer/erp", "POST", "/epcis/v2/events", &received(1)).await;
    assert_eq!(event.status, 201, "{}", event.text);
    let told = api.by("seller/erp", "GET", &explain, &Value::Null).await.json();
    let milestone = &told["milestones"][0];
    assert_eq!(milestone["status"], "fulfilled", "{told}");
    assert_eq!(milestone["events"][0]["event_id"], event_id(1));
    let told = view("seller/erp").await;
    assert_eq!((&told["stage"], &told["ended"]["how"]), (&json!("ended"), &json!("released")));
    let milestone = &told["milestones"][0];
    assert_eq!(
        milestone["paid"][0],
        json!({"to": "seller",
        "money": {"asset": "EUR@bank", "amount": "400.00"}})
    );
    assert_eq!(milestone["events"][0]["event_id"], event_id(1));
    assert_eq!(told["pot"], json!([]));
    let statement = "/api/v1/accounts/seller:main/entries";
    let line = api.by("seller/erp", "GET", statement, &Value::Null).await.json();
    assert_eq!(line["entries"][0]["cause"]["kind"], "milestone", "{line}");
    let line = &line["entries"][0];
    assert_eq!(line["events"][0]["event_id"], event_id(1), "{line}");

    // Its story, in pages.
    let (mut kinds, mut page) = (Vec::new(), format!("{path}/story?perPage=3"));
    loop {
        let answer = api.by("judge/court", "GET", &page, &Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        for step in answer.json()["steps"].as_array().unwrap() {
            assert!(step["transaction_id"].is_string(), "{step}");
            kinds.push(step["kind"].as_str().unwrap().to_owned());
        }
        let Some((link, _)) = answer.header("link").split_once('>') else { break };
        page = link.trim_start_matches('<').to_owned();
    }
    let all = ["proposed", "accepted", "accepted", "accepted", "deposited", "started", "fulfilled"];
    assert_eq!(kinds[..7], all, "{kinds:?}");
    assert_eq!(kinds.last().unwrap(), "ended");

    // A correction moves nothing back, and is said.
    let mut wrong = received(1);
    wrong["errorDeclaration"] = json!({"declarationTime": now().to_string(), "reason":
        "incorrect_data"});
    let corrected = api.by("buyer/erp", "POST", "/epcis/v2/events", &wrong).await;
    assert_eq!(corrected.status, 201, "{}", corrected.text);
    let told = view("buyer/erp").await;
    assert_eq!(told["milestones"][0]["corrected"][0]["event_id"], event_id(1), "{told}");
    assert!(told["corrected_after_payment"]["sentence"]["zh"].is_string());
    let reason = json!({"reason": "it never came"});
    let dispute = api.by("buyer/erp", "POST", &format!("{path}/dispute"), &reason).await;
    assert_eq!(dispute.status, 200, "{}", dispute.text);
    assert_eq!(dispute.json()["agreement"]["dispute"]["after_end"], true);
    api.stop().await;
}

/// Promise P69: an agreement is there for its parties only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agreement_is_seen_by_its_roles_only() {
    let api = traders().await;
    endow(&api, "print-1", "500").await;
    let path = proposed(&api, "order-1", "400").await;
    let pot = format!("/api/v1/accounts/agreement:{}", path.rsplit('/').next().unwrap());
    let explain = format!("{path}/explain");
    for path in
        [path.clone(), explain, format!("{path}/story"), pot.clone(), format!("{pot}/entries")]
    {
        for (agent, status) in [("judge/court", 200), ("stranger/erp", 404), ("bank/desk", 404)] {
            let answer = api.by(agent, "GET", &path, &Value::Null).await;
            assert_eq!(answer.status, status, "{agent} {path} {}", answer.text);
        }
    }
    for action in ["accept", "decline", "approve", "cancel", "dispute", "rule", "fund"] {
        let body = json!({"reference": "x", "what": "x", "reason": "x", "role": "buyer"});
        let answer = api.by("stranger/erp", "POST", &format!("{path}/{action}"), &body).await;
        assert_eq!(answer.status, 404, "{action} {}", answer.text);
    }
    // Nobody acts for another's role.
    let body = json!({"role": "buyer"});
    let answer = api.by("seller/erp", "POST", &format!("{path}/accept"), &body).await;
    assert_eq!(answer.problem()["code"], "role-not-yours");
    let list = |agent: &str, query: &str| {
        let (api, agent) = (&api, agent.to_owned());
        let path = format!("/api/v1/agreements{query}");
        async move { api.by(&agent, "GET", &path, &Value::Null).await.json()["agreements"].clone() }
    };
    assert_eq!(list("stranger/erp", "").await, json!([]));
    assert_eq!(list("buyer/erp", "?stage=running").await, json!([]));
    assert_eq!(list("buyer/erp", "?stage=proposed").await[0]["title"], "One crate of apples");
    let wrong = api.by("buyer/erp", "GET", "/api/v1/agreements?stage=x", &Value::Null).await;
    assert_eq!(wrong.problem()["errors"][0]["field"], "stage");

    // The newest first, in pages.
    let second = proposed(&api, "order-2", "1").await;
    let page = api.by("buyer/erp", "GET", "/api/v1/agreements?perPage=1", &Value::Null).await;
    assert!(second.ends_with(page.json()["agreements"][0]["id"].as_str().unwrap()));
    let next = page.header("link").split_once('>').unwrap().0.trim_start_matches('<').to_owned();
    let page = api.by("buyer/erp", "GET", &next, &Value::Null).await;
    assert!(path.ends_with(page.json()["agreements"][0]["id"].as_str().unwrap()));
    assert_eq!(page.header("link"), "");

    let declined = api.by("buyer/erp", "POST", &format!("{path}/decline"), &json!({})).await;
    let ended = &declined.json()["agreement"]["ended"];
    assert_eq!((&ended["how"], &ended["declined_by"]), (&json!("not_accepted"), &json!("buyer")));
    api.stop().await;
}

/// Promise P67: what nobody should agree to is refused with the clause, the reason and the mend.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terms_are_checked_before_they_are_put_forward() {
    let api = traders().await;
    endow(&api, "print-1", "500").await;
    let check = |terms: Value| {
        let (api, body) = (&api, json!({"terms": terms}));
        async move { api.by("buyer/erp", "POST", "/api/v1/agreements/check", &body).await }
    };
    let good = check(escrow("400")).await;
    assert_eq!(good.status, 200, "{}", good.text);
    let good = good.json();
    assert_eq!(good["sound"], true, "{good}");
    let released = good["outcomes"].as_array().unwrap().iter();
    let released: Vec<&Value> =
        released.filter(|o| o["kind"] == json!({"released": "delivered"})).collect();
    assert_eq!(released[0]["gets"][0]["most"], "400.00", "{released:?}");

    let mut stranded = escrow("400");
    stranded["at_deadline"] = json!([]);
    let refused = check(stranded.clone()).await.json();
    assert_eq!(refused["sound"], false);
    let refusal = &refused["refusals"][0];
    assert!(refusal["pointer"].as_str().unwrap().starts_with("/at_deadline"), "{refusal}");
    assert!(refusal["why"].is_string() && refusal["why_zh"].is_string(), "{refusal}");

    let body = json!({"reference": "order-1", "terms": stranded});
    let answer = api.by("seller/erp", "POST", "/api/v1/agreements", &body).await;
    let problem = answer.problem();
    assert_eq!((answer.status.as_u16(), &problem["code"]), (422, &json!("terms-refused")));
    let field = problem["errors"][0]["field"].as_str().unwrap();
    assert!(field.starts_with("/terms/at_deadline"), "{problem}");

    let mut fine = escrow("400");
    fine["deposits"][0]["money"]["amount"] = json!("400.001");
    let problem = check(fine).await.problem();
    let field = problem["errors"][0]["field"].as_str().unwrap();
    assert!(field.starts_with("/terms/deposits/0/money"), "{problem}");
    // Again is once.
    let path = proposed(&api, "order-2", "400").await;
    let terms = api.by("seller/erp", "GET", &path, &Value::Null).await.json()["terms"].clone();
    let body = json!({"reference": "order-2", "terms": terms});
    let again = api.by("seller/erp", "POST", "/api/v1/agreements", &body).await;
    assert_eq!((again.status.as_u16(), again.header("location")), (200, path.as_str()));
    api.stop().await;
}

/// Promise P67: each template is filled in over HTTP, and what is missing is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_are_filled_in_and_put_forward() {
    let api = traders().await;
    endow(&api, "print-1", "500").await;
    let all = api.by("buyer/erp", "GET", "/api/v1/agreements/templates", &Value::Null).await.json();
    let all = all["templates"].as_array().unwrap();
    assert_eq!(all.len(), 6);
    for template in all {
        let name = template["name"].as_str().unwrap();
        let path = format!("/api/v1/agreements/templates/{name}");
        let parameters = template["parameters"].as_array().unwrap().iter();
        let examples: Value = Value::Object(
            parameters
                .map(|one| (one["name"].as_str().unwrap().to_owned(), one["example"].clone()))
                .collect(),
        );
        let filled = api.by("buyer/erp", "POST", &path, &json!({"parameters": examples})).await;
        assert_eq!(filled.status, 200, "{name} {}", filled.text);
        let filled = filled.json();
        assert!(filled["terms"]["milestones"].is_array(), "{filled}");
        let said = filled["check"]["sentences"]["zh"].as_array().unwrap();
        assert!(!said.is_empty(), "{filled}");
        let missing = api.by("buyer/erp", "POST", &path, &json!({"parameters": {}})).await;
        let field = missing.problem()["errors"][0]["field"].as_str().unwrap().to_owned();
        assert!(field.starts_with("/parameters/"), "{field}");
    }
    let none = json!({"reference": "a", "template": "lottery"});
    let none = api.by("buyer/erp", "POST", "/api/v1/agreements", &none).await.problem();
    assert_eq!(none["errors"][0]["field"], "/template");
    let schema = api.by("buyer/erp", "GET", "/api/v1/agreements/schema", &Value::Null).await;
    assert_eq!(schema.header("content-type"), "application/schema+json");
    assert!(schema.json()["properties"]["milestones"].is_object());
    api.stop().await;
}

/// Promise P67: what waits for a second agent is not done, and shows what it would pay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_that_waits_for_a_second_agent_says_so_again() {
    let api = traders().await;
    endow(&api, "print-1", "1000").await;
    let path = proposed(&api, "order-7", "400").await;
    accepted(&api, &path).await;
    let rule = json!({"reference": "rule-1", "approval": {"two_agents": {"above": []}}});
    let set = api.by("buyer/erp", "PUT", "/api/v1/accounts/buyer:main", &rule).await;
    assert_eq!(set.status, 201, "{}", set.text);
    let fund = json!({"reference": "fund-1", "deposit": null});
    for repeated in [false, true] {
        let answer = api.by("buyer/erp", "POST", &format!("{path}/fund"), &fund).await;
        let (status, told) = (answer.status, answer.json());
        assert_eq!((status.as_u16(), &told["payment"]["status"]), (202, &json!("waiting")));
        assert_eq!(told["payment"]["repeated"], json!(repeated));
    }
    let waiting = api.by("buyer/boss", "GET", "/api/v1/approvals", &Value::Null).await.json();
    let command = &waiting["waiting"][0]["command"];
    assert_eq!(command["money"], json!({"asset": "EUR@bank", "amount": "400.00"}), "{command}");
    assert_eq!(command["deposit"], "price");
    let decline = "/api/v1/approvals/buyer:main/fund-1/decline";
    let no = api.by("buyer/boss", "POST", decline, &json!({"reference": "no-1"})).await;
    assert_eq!(no.status, 201, "{}", no.text);
    let again = api.by("buyer/erp", "POST", &format!("{path}/fund"), &fund).await;
    assert_eq!((again.status.as_u16(), &again.problem()["code"]), (409, &json!("declined")));
    api.stop().await;
}

/// Promise P88: a refusal names the clause of the terms, the role, how it stands and who acts next,
/// in fields that the client sent; of a transaction of several commands the one at fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_names_the_clause_the_field_and_the_command() {
    use tracehold_chain::agreement::{AgreementCommand, Label};
    use tracehold_chain::transaction::Command;
    let api = traders().await;
    endow(&api, "print-1", "500").await;
    let path = proposed(&api, "order-1", "400").await;
    let act = |agent: &str, what: &str, body: Value| {
        let (api, agent, path) = (&api, agent.to_owned(), format!("{path}/{what}"));
        async move { api.by(&agent, "POST", &path, &body).await.problem() }
    };
    for (agent, what, body, code, clause, field, words) in [
        (
            "seller/erp",
            "accept",
            json!({"role": "buyer"}),
            "role-not-yours",
            "/roles/0",
            "/role",
            "the role of seller is seller",
        ),
        (
            "buyer/erp",
            "accept",
            json!({"role": "owner"}),
            "role-not-yours",
            "/roles",
            "/role",
            "there is no owner",
        ),
        (
            "buyer/erp",
            "dispute",
            json!({"reason": "late"}),
            "wrong-stage",
            "/dispute",
            "/role",
            "must accept or decline",
        ),
        (
            "judge/court",
            "dispute",
            json!({"reason": "late"}),
            "not-disputable",
            "/dispute",
            "/role",
            "buyer or seller may",
        ),
        ("judge/court", "cancel", json!({}), "wrong-stage", "/cancel", "/role", "is not asked"),
        (
            "buyer/erp",
            "approve",
            json!({"what": "samples"}),
            "approval-not-asked",
            "/milestones",
            "/what",
            "no condition asks buyer",
        ),
        (
            "judge/court",
            "rule",
            json!({"reason": "so"}),
            "not-the-arbiter",
            "/dispute",
            "",
            "no dispute is open",
        ),
        (
            "buyer/erp",
            "fund",
            json!({"reference": "a", "deposit": "rent"}),
            "deposit-unknown",
            "/deposits",
            "/deposit",
            "there is no rent",
        ),
    ] {
        let told = act(agent, what, body).await;
        assert_eq!((&told["code"], &told["clause"]), (&json!(code), &json!(clause)), "{told}");
        let named = told["errors"][0]["field"].as_str().unwrap_or_default();
        assert_eq!(named, field, "{what}: {told}");
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{what}: {detail}");
    }

    // Of several commands the second is at fault: a payment of more than there is.
    let id = path.rsplit('/').next().unwrap().parse().unwrap();
    let accept = AgreementCommand::Accept { agreement: id, role: Label::new("buyer").unwrap() };
    let pay = json!({"account": "main", "reference": "p", "action": {"Transfer": {"money":
        {"asset": "EUR@bank", "amount": "900.00"}, "to": "seller/main", "memo": null}}});
    let pay = serde_json::from_value(pay).unwrap();
    let signer = api.keystore.agent_for_api_key(&api.keys["buyer/erp"]).unwrap();
    let chain_id = api.network.genesis.chain_id.clone();
    let commands = vec![Command::Agreement(accept), Command::Money(pay)];
    let signed = |expires_in_ms: u64| {
        let (at, commands) = (now().plus_ms(expires_in_ms), commands.clone());
        let bundle = super::prepare::commanded(&signer, &chain_id, at, commands);
        serde_json::to_value(&bundle).unwrap()
    };
    let body = signed(60_000);
    let told = api.by("buyer/erp", "POST", "/api/v1/transactions", &body).await.problem();
    assert_eq!((&told["code"], &told["command"]), (&json!("insufficient-funds"), &json!(1)));
    let field = told["errors"][0]["field"].as_str().unwrap();
    assert_eq!(field, "/transaction/body/commands/1/Money/action/Transfer/money/amount");
    let place = body.pointer(field).unwrap();
    assert_eq!(place, "900.00", "it leads to what the client sent");
    // Somebody else who hands such a one in learns the rule and the place, and no more.
    let body = signed(61_000);
    let told = api.by("stranger/erp", "POST", "/api/v1/transactions", &body).await.problem();
    assert_eq!((&told["command"], &told["clause"]), (&json!(1), &Value::Null), "{told}");
    let receipt = told["transactionID"].as_str().unwrap();
    let path = format!("/api/v1/transactions/{receipt}");
    let receipt = api.by("buyer/erp", "GET", &path, &Value::Null).await.json();
    assert_eq!((&receipt["result"], &receipt["command"]), (&json!("rejected"), &json!(1)));
    api.stop().await;
}

/// Promise P68: what a block did by itself is in its answer, for those who have a part in it, and
/// can be followed to what the validators agreed on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_tells_what_fell_due_when_it_began() {
    let api = traders().await;
    endow(&api, "print-1", "500").await;
    let mut terms = escrow("400");
    terms["accept_by"] = json!(now().plus_ms(1_500).to_string());
    let body = json!({"reference": "order-1", "terms": terms});
    let answer = api.by("seller/erp", "POST", "/api/v1/agreements", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let path = answer.header("location").to_owned();
    // Nobody accepts; nothing else happens until the block that its time makes.
    let story = format!("{path}/story");
    let ended = loop {
        let told = api.by("seller/erp", "GET", &story, &Value::Null).await.json();
        let steps = told["steps"].as_array().unwrap().clone();
        if let Some(step) = steps.into_iter().find(|step| step["kind"] == "ended") {
            break step;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let block = format!("/api/v1/blocks/{}", ended["height"]);
    let told = api.by("buyer/erp", "GET", &block, &Value::Null).await.json();
    let step = &told["due"]["steps"][0];
    assert_eq!((&step["kind"], &step["how"]), (&json!("ended"), &json!("not_accepted")), "{told}");
    assert_eq!(step["agreement"], json!(path.rsplit('/').next().unwrap()));
    // It is the only leaf under the root of a block without transactions.
    assert_eq!(told["transactions"], json!([]));
    let leaf = told["due"]["leaf"].as_str().unwrap().parse().unwrap();
    let root = tracehold_chain::merkle::root(&[leaf]).to_string();
    assert_eq!(root, told["header"]["receipts_root"], "{told}");
    // Others see that something was, and not what.
    let hidden = api.by("stranger/erp", "GET", &block, &Value::Null).await.json();
    assert_eq!(hidden["due"]["leaf"], told["due"]["leaf"]);
    assert_eq!(hidden["due"]["steps"], json!([]));
    assert_eq!(api.anonymous(&block).await.json()["due"], hidden["due"]);
    assert!(api.anonymous("/api/v1/blocks/1").await.json().get("due").is_none());
    api.stop().await;
}
