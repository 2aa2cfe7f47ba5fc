use super::*;

pub(super) async fn traders() -> Api {
    Api::of_members(&[
        ("bank", &[MemberRole::Bank], &["desk", "chief"]),
        ("buyer", &[], &["erp", "boss"]),
        ("seller", &[], &["erp"]),
        ("lab", &[MemberRole::Inspector], &["bench"]),
        ("judge", &[], &["court"]),
        ("stranger", &[], &["erp"]),
    ])
    .await
}

/// The bank gives the buyer so much.
pub(super) async fn endow(api: &Api, reference: &str, amount: &str) -> Answer {
    let body = json!({"reference": reference, "asset": "EUR@bank", "amount": amount,
        "to": "buyer/main"});
    api.by("bank/desk", "POST", "/api/v1/accounts/bank:issuance/issues", &body).await
}

fn pay(reference: &str, amount: &str) -> Value {
    json!({"reference": reference, "asset": "EUR@bank", "amount": amount, "to": "seller/main",
        "memo": "invoice 7"})
}

const TRANSFERS: &str = "/api/v1/accounts/buyer:main/transfers";

/// What is free on an account.
pub(super) async fn free(api: &Api, agent: &str, account: &str) -> String {
    let answer = api.by(agent, "GET", &format!("/api/v1/accounts/{account}"), &Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["balances"][0]["available"].as_str().unwrap_or("nothing").to_owned()
}

/// Promise P67, P68.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_issued_paid_and_stands_in_both_statements_and_a_retry_pays_once() {
    let api = traders().await;
    let issued = endow(&api, "print-1", "100.00").await;
    assert_eq!(issued.status, 201, "{}", issued.text);
    let paid = api.by("buyer/erp", "POST", TRANSFERS, &pay("INV-7", "12.50")).await;
    assert_eq!(paid.status, 201, "{}", paid.text);
    let paid = paid.json();
    assert_eq!((&paid["status"], &paid["repeated"]), (&json!("done"), &json!(false)));
    assert_eq!(paid["moved"]["cause"]["memo"], "invoice 7");
    assert_eq!(free(&api, "buyer/erp", "buyer:main").await, "87.50");

    // By whichever agent of the member, however often: the first result.
    for agent in ["buyer/erp", "buyer/boss"] {
        let again = api.by(agent, "POST", TRANSFERS, &pay("INV-7", "12.5")).await;
        let (status, mut again) = (again.status, again.json());
        assert_eq!((status.as_u16(), again["repeated"].take()), (200, json!(true)));
        assert_eq!(again["transaction_id"], paid["transaction_id"]);
        assert_eq!(again["entry"], paid["entry"]);
    }
    let other = api.by("buyer/erp", "POST", TRANSFERS, &pay("INV-7", "12.51")).await;
    let problem = other.problem();
    assert_eq!((other.status.as_u16(), &problem["code"]), (409, &json!("reference-taken")));
    assert_eq!(problem["errors"][0]["field"], "/reference");
    assert_eq!(free(&api, "seller/erp", "seller:main").await, "12.50");
    let known = "/api/v1/accounts/buyer:main/references/INV-7";
    let known = api.by("buyer/boss", "GET", known, &Value::Null).await.json();
    assert_eq!((&known["by"], &known["entry"]), (&json!("buyer/erp"), &paid["entry"]));

    // Newest first, in pages, each line with what was on the account after it.
    for number in 0..4 {
        let paid = api.by("buyer/erp", "POST", TRANSFERS, &pay(&format!("a{number}"), "1")).await;
        assert_eq!(paid.status, 201, "{}", paid.text);
    }
    let mut path = "/api/v1/accounts/buyer%2Fmain/entries?perPage=4".to_owned();
    let mut after = Vec::new();
    loop {
        let page = api.by("buyer/erp", "GET", &path, &Value::Null).await;
        assert_eq!(page.status, 200, "{}", page.text);
        for line in page.json()["entries"].as_array().unwrap() {
            after.push(line["balance"][0]["amount"].as_str().unwrap().to_owned());
            let id = line["transaction_id"].as_str().unwrap();
            let found = format!("/api/v1/transactions/{id}");
            let found = api.by("buyer/erp", "GET", &found, &Value::Null).await.json();
            assert_eq!(found["entries"][0]["postings"], line["postings"]);
        }
        let Some((link, _)) = page.header("link").split_once('>') else { break };
        path = link.trim_start_matches('<').to_owned();
    }
    assert_eq!(after, ["83.50", "84.50", "85.50", "86.50", "87.50", "100.00"]);

    // What was issued stands against what is held.
    let asset = api.by("bank/desk", "GET", "/api/v1/assets/EUR@bank", &Value::Null).await.json();
    assert_eq!((&asset["outstanding"], &asset["decimals"]), (&json!("100.00"), &json!(2)));
    let trial = &asset["trial_balance"];
    assert_eq!((&trial["sum"], &trial["balanced"]), (&json!("0.00"), &json!(true)), "{trial}");
    assert_eq!(trial["balances"][0], json!({"account": "bank/issuance", "amount": "-100.00"}));
    let asset = api.by("seller/erp", "GET", "/api/v1/assets/EUR@bank", &Value::Null).await.json();
    assert_eq!(asset.get("trial_balance"), None);

    // And back.
    let home = json!({"reference": "home", "asset": "EUR@bank", "amount": "16.5",
        "to": "bank/main"});
    let path = "/api/v1/accounts/seller:main/transfers";
    assert_eq!(api.by("seller/erp", "POST", path, &home).await.status, 201);
    let redeem = json!({"reference": "melt", "asset": "EUR@bank", "amount": "16.5"});
    let path = "/api/v1/accounts/bank:issuance/redemptions";
    assert_eq!(api.by("bank/desk", "POST", path, &redeem).await.status, 201);
    let asset = api.by("bank/desk", "GET", "/api/v1/assets/EUR@bank", &Value::Null).await.json();
    assert_eq!(asset["outstanding"], "83.50");
    // What is gone is on the statement and no balance any more.
    assert_eq!(free(&api, "bank/desk", "bank:main").await, "nothing");
    let gone = api.by("bank/desk", "GET", "/api/v1/accounts/bank:main", &Value::Null).await.json();
    assert_eq!((&gone["balances"], gone.get("more")), (&json!([]), None));
    api.stop().await;
}

/// Promise P67.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_paid_is_refused_with_the_field_and_leaves_no_trace() {
    let api = traders().await;
    endow(&api, "print-1", "10").await;
    let with = |field: &str, value: &str| {
        let mut body = pay("x", "1");
        body[field] = json!(value);
        body
    };
    let cases = [
        (with("amount", "0.001"), 400, "/amount", "too-many-decimals"),
        (with("amount", "-1"), 400, "/amount", "negative"),
        (with("amount", "0"), 400, "/amount", "positive"),
        (with("amount", "9999999999999999999"), 400, "/amount", "too-large"),
        (with("amount", "ten"), 400, "/amount", "amount"),
        (with("asset", "EUX@bank"), 400, "/asset", "asset"),
        (with("asset", "USD@bank"), 404, "/asset", "asset-unknown"),
        (with("to", "seller"), 400, "/to", "account"),
        (with("to", "seller/nowhere"), 404, "/to", "account-unknown"),
        (with("to", "nobody/main"), 404, "/to", "account-unknown"),
        (with("to", "buyer/main"), 400, "/to", "same-account"),
        (with("to", "bank/issuance"), 403, "/to", "account-reserved"),
        (with("reference", "a b"), 400, "/reference", "reference"),
        (with("memo", &"x".repeat(141)), 400, "/memo", "text-invalid"),
        (with("amount", "10.01"), 422, "/amount", "insufficient-funds"),
        (with("purpose", "x"), 400, "/purpose", "unknown-field"),
    ];
    for (body, status, field, rule) in cases {
        let answer = api.by("buyer/erp", "POST", TRANSFERS, &body).await;
        let problem = answer.problem();
        assert_eq!(answer.status, status, "{body} {problem}");
        let error = &problem["errors"][0];
        assert_eq!((&error["field"], &error["rule"]), (&json!(field), &json!(rule)), "{problem}");
        assert!(error["mend"].as_str().is_some_and(|mend| mend.len() > 10), "{problem}");
    }
    // The reference of what was refused is free.
    assert_eq!(api.by("buyer/erp", "POST", TRANSFERS, &pay("x", "1")).await.status, 201);
    // Nobody makes money but a bank, and nobody in another's name.
    let issue = json!({"reference": "i", "asset": "EUR@seller", "amount": "1", "to": "buyer/main"});
    let path = "/api/v1/accounts/seller:issuance/issues";
    let answer = api.by("seller/erp", "POST", path, &issue).await;
    assert_eq!(answer.problem()["code"], "not-a-bank");
    let path = "/api/v1/accounts/bank:issuance/issues";
    assert_eq!(api.by("seller/erp", "POST", path, &issue).await.status, 404);
    api.stop().await;
}

/// Promise P67: two agents must say the same where the rule asks for two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_agent_approves_or_declines() {
    let api = traders().await;
    endow(&api, "print-1", "1000").await;
    let above = json!({"two_agents": {"above": [{"asset": "EUR@bank", "amount": "100"}]}});
    let rule = json!({"reference": "rule-1", "approval": above});
    let path = "/api/v1/accounts/buyer:main";
    let set = api.by("buyer/erp", "PUT", path, &rule).await;
    assert_eq!(set.status, 201, "{}", set.text);
    let account = api.by("buyer/erp", "GET", path, &Value::Null).await.json();
    assert_eq!(account["approval"]["two_agents"]["above"][0]["amount"], "100.00");

    assert_eq!(api.by("buyer/erp", "POST", TRANSFERS, &pay("small", "100")).await.status, 201);
    for reference in ["large", "larger"] {
        let large = api.by("buyer/erp", "POST", TRANSFERS, &pay(reference, "100.01")).await;
        let (status, large) = (large.status, large.json());
        assert_eq!((status.as_u16(), &large["status"]), (202, &json!("waiting")));
        assert!(large["waiting_until"].is_string() && large.get("moved").is_none(), "{large}");
        // Sent again it still waits: that is no 200, which means done.
        let again = api.by("buyer/erp", "POST", TRANSFERS, &pay(reference, "100.01")).await;
        let (status, again) = (again.status, again.json());
        assert_eq!((status.as_u16(), &again["status"]), (202, &json!("waiting")));
        assert_eq!(again["repeated"], true);
    }
    assert_eq!(free(&api, "buyer/erp", "buyer:main").await, "900.00");
    let waiting = api.by("buyer/boss", "GET", "/api/v1/approvals", &Value::Null).await.json();
    assert_eq!(waiting["waiting"].as_array().map(Vec::len), Some(2));
    assert_eq!(waiting["waiting"][1]["command"]["money"]["amount"], "100.01");
    let others = api.by("seller/erp", "GET", "/api/v1/approvals", &Value::Null).await.json();
    assert_eq!(others, json!({"waiting": [], "acceptances": [], "complete": true}));

    let approve = "/api/v1/approvals/buyer:main/large/approve";
    let own = api.by("buyer/erp", "POST", approve, &json!({"reference": "yes-1"})).await;
    assert_eq!((own.status.as_u16(), &own.problem()["code"]), (403, &json!("same-agent")));
    let yes = api.by("buyer/boss", "POST", approve, &json!({"reference": "yes-2"})).await;
    assert_eq!(yes.status, 201, "{}", yes.text);
    let yes = yes.json();
    assert_eq!((&yes["status"], &yes["approved_by"]), (&json!("done"), &json!("buyer/boss")));
    assert!(yes["moved"].is_object(), "{yes}");
    let again = api.by("buyer/boss", "POST", approve, &json!({"reference": "yes-2"})).await;
    assert_eq!((again.status.as_u16(), &again.json()["repeated"]), (200, &json!(true)));
    let decline = "/api/v1/approvals/buyer:main/larger/decline";
    let no = api.by("buyer/erp", "POST", decline, &json!({"reference": "no-1"})).await;
    assert_eq!((no.status.as_u16(), &no.json()["status"]), (201, &json!("declined")));
    let no = api.by("buyer/erp", "POST", decline, &json!({"reference": "no-1"})).await;
    assert_eq!((no.status.as_u16(), &no.json()["status"]), (200, &json!("declined")));
    let again = api.by("buyer/erp", "POST", TRANSFERS, &pay("larger", "100.01")).await;
    let problem = again.problem();
    assert_eq!((again.status.as_u16(), &problem["code"]), (409, &json!("declined")), "{problem}");
    let done = api.by("buyer/erp", "POST", TRANSFERS, &pay("large", "100.01")).await;
    assert_eq!((done.status.as_u16(), &done.json()["status"]), (200, &json!("done")));
    assert_eq!(free(&api, "buyer/erp", "buyer:main").await, "799.99");
    let none = api.by("buyer/boss", "POST", decline, &json!({"reference": "no-2"})).await;
    assert_eq!((none.status.as_u16(), &none.problem()["code"]), (404, &json!("nothing-waits")));
    api.stop().await;
}

/// Promise P67.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_taken_in_part_or_given_back_by_the_payee() {
    let api = traders().await;
    endow(&api, "print-1", "100").await;
    let holds = "/api/v1/accounts/buyer:main/holds";
    let hold = |reference: &str| {
        json!({"reference": reference, "asset": "EUR@bank", "amount": "60", "to": "seller/main",
            "expires_at": now().plus_ms(3_600_000).to_string()})
    };
    assert_eq!(api.by("buyer/erp", "POST", holds, &hold("h1")).await.status, 201);
    assert_eq!(free(&api, "buyer/erp", "buyer:main").await, "40.00");
    let short = api.by("buyer/erp", "POST", holds, &hold("h2")).await;
    assert_eq!(short.problem()["errors"][0]["field"], "/amount");
    let past = json!({"reference": "h3", "asset": "EUR@bank", "amount": "1", "to": "seller/main",
        "expires_at": "2020-01-01T00:00:00Z"});
    let past = api.by("buyer/erp", "POST", holds, &past).await;
    assert_eq!(past.problem()["errors"][0]["field"], "/expires_at");

    let one = format!("{holds}/h1");
    for (agent, status) in [("buyer/erp", 200), ("seller/erp", 200), ("stranger/erp", 404)] {
        assert_eq!(api.by(agent, "GET", &one, &Value::Null).await.status, status, "{agent}");
    }
    let take = json!({"reference": "t1", "amount": "25.5"});
    let payer = api.by("buyer/erp", "POST", &format!("{one}/post"), &take).await;
    assert_eq!((payer.status.as_u16(), &payer.problem()["code"]), (403, &json!("hold-not-yours")));
    let taken = api.by("seller/erp", "POST", &format!("{one}/post"), &take).await;
    assert_eq!(taken.status, 201, "{}", taken.text);
    assert_eq!(free(&api, "buyer/erp", "buyer:main").await, "74.50");
    let shown = api.by("buyer/erp", "GET", &one, &Value::Null).await.json();
    assert_eq!((&shown["status"], &shown["posted"]), (&json!("posted"), &json!("25.50")));
    let (void, late) = (format!("{one}/void"), json!({"reference": "t2"}));
    let ended = api.by("seller/erp", "POST", &void, &late).await;
    assert_eq!(ended.problem()["code"], "hold-ended");

    // A field that is null is one that was left out.
    let null = |reference: &str| json!({"reference": reference, "amount": null});
    for (reference, how, free_after) in [("h4", "void", "74.50"), ("h5", "post", "14.50")] {
        let mut body = hold(reference);
        body["memo"] = Value::Null;
        let held = api.by("buyer/erp", "POST", holds, &body).await;
        assert_eq!(held.status, 201, "{}", held.text);
        let path = format!("{holds}/{reference}/{how}");
        let settled = api.by("seller/erp", "POST", &path, &null(reference)).await;
        assert_eq!(settled.status, 201, "{}", settled.text);
        assert_eq!(free(&api, "buyer/erp", "buyer:main").await, free_after);
    }
    api.stop().await;
}

/// Promise P69: accounts, statements and who paid whom are for those who have a part in them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_see_no_account_no_statement_and_no_amount() {
    let api = traders().await;
    endow(&api, "print-1", "100").await;
    let paid = api.by("buyer/erp", "POST", TRANSFERS, &pay("INV-7", "12.50")).await.json();
    let bill = json!({"reference": "bl", "asset": "title:seller/BL-1", "amount": "1",
        "to": "seller/main", "terms": {"title": {}}});
    let made = api.by("seller/erp", "POST", "/api/v1/accounts/seller:issuance/issues", &bill).await;
    assert_eq!(made.status, 201, "{}", made.text);
    for path in [
        "/api/v1/accounts/buyer:main",
        "/api/v1/accounts/buyer:main/entries",
        "/api/v1/accounts/buyer:main/references/INV-7",
        "/api/v1/assets/title:seller%2FBL-1",
    ] {
        let answer = api.by("stranger/erp", "GET", path, &Value::Null).await;
        assert_eq!(answer.status, 404, "{path} {}", answer.text);
        assert!(!answer.text.contains("12.50"));
    }
    let bill = api.by("seller/erp", "GET", "/api/v1/assets/title:seller%2FBL-1", &Value::Null);
    assert_eq!(bill.await.json()["outstanding"], "1");
    let own = api.by("stranger/erp", "GET", "/api/v1/accounts", &Value::Null).await.json();
    assert_eq!(own["accounts"][0]["account"], "stranger/main");
    let own = api.by("seller/erp", "GET", "/api/v1/accounts", &Value::Null).await.json();
    let names = own["accounts"].as_array().unwrap().iter().map(|account| &account["account"]);
    assert_eq!(names.collect::<Vec<_>>(), ["seller/issuance", "seller/main"]);

    // Receipts say what moved to those who have a part in it.
    let refused = api.by("buyer/erp", "POST", TRANSFERS, &pay("more", "5000")).await.problem();
    let id = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
    let receipt = format!("/api/v1/transactions/{}", id(&paid, "transaction_id"));
    let refusal = format!("/api/v1/transactions/{}", id(&refused, "transactionID"));
    for (agent, sees, why) in [
        ("buyer/erp", true, true),
        ("seller/erp", true, false),
        ("stranger/erp", false, false),
        ("bank/desk", false, false),
    ] {
        let told = api.by(agent, "GET", &receipt, &Value::Null).await.json();
        assert_eq!(told["result"], "recorded");
        assert_eq!(told.get("entries").is_some(), sees, "{agent} {told}");
        let block = format!("/api/v1/blocks/{}", told["height"]);
        let told = api.by(agent, "GET", &block, &Value::Null).await.json();
        let entries =
            told["receipts"].as_array().unwrap().iter().any(|r| r.get("entries").is_some());
        assert_eq!(entries, sees, "{agent} {told}");
        let told = api.by(agent, "GET", &refusal, &Value::Null).await.json();
        assert_eq!(told["code"], "insufficient-funds");
        assert_eq!(told.get("detail").is_some(), why, "{agent} {told}");
    }
    let told = api.get(&receipt).await.json();
    let block = api.anonymous(&format!("/api/v1/blocks/{}", told["height"])).await;
    assert!(!block.text.contains("12.50") && !block.text.contains("seller"), "{}", block.text);
    api.stop().await;
}

/// Promise P69: whoever carries a transaction for another learns the rule that refused it only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_money_was_refused_is_told_to_the_senders_member_only() {
    use tracehold_chain::money::{Money, MoneyAction, MoneyCommand, Purpose, Reference};
    use tracehold_chain::transaction::Command;

    let api = traders().await;
    endow(&api, "print-1", "100").await;
    let signer = api.keystore.agent(&"buyer/erp".parse().unwrap()).unwrap();
    let mut told = Vec::new();
    for (agent, reference) in [("buyer/boss", "x1"), ("stranger/erp", "x2")] {
        let money = Money::parse("EUR@bank".parse().unwrap(), "5000").unwrap();
        let command = Command::Money(MoneyCommand {
            account: Purpose::main(),
            reference: Reference::new(reference).unwrap(),
            action: MoneyAction::Transfer { money, to: "seller/main".parse().unwrap(), memo: None },
        });
        let (chain, expiry) = (&api.network.genesis.chain_id, now().plus_ms(60_000));
        let bundle = super::super::prepare::commanded(&signer, chain, expiry, vec![command]);
        let body = serde_json::to_value(&bundle).unwrap();
        let answer = api.by(agent, "POST", "/api/v1/transactions", &body).await;
        let problem = answer.problem();
        assert_eq!(answer.status, 422, "{problem}");
        assert_eq!(problem["code"], "insufficient-funds");
        told.push(problem["detail"].as_str().unwrap().to_owned());
    }
    let subject = told[0].strip_suffix(&told[1]).expect("the rule alone");
    assert!(subject.len() > 5, "{told:?}");
    api.stop().await;
}

/// Promise P67: the second agent sees everything that would be done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_shows_all_that_is_approved() {
    let api = traders().await;
    let rule = json!({"reference": "rule", "approval": {"two_agents": {"above": []}}});
    for account in ["bank:issuance", "bank:main"] {
        let path = format!("/api/v1/accounts/{account}");
        let set = api.by("bank/desk", "PUT", &path, &rule).await;
        assert_eq!(set.status, 201, "{}", set.text);
    }
    let (due, document) = (now().plus_ms(3_600_000).to_string(), "ab".repeat(32));
    for (asset, terms) in [
        ("note:EUR@bank/N-1", json!({"note": {"due": due}})),
        ("title:bank/T-1", json!({"title": {"document": document}})),
    ] {
        let body = json!({"reference": asset.replace(['/', '@'], "-"), "asset": asset,
            "amount": "1", "to": "buyer/main", "terms": terms});
        let path = "/api/v1/accounts/bank:issuance/issues";
        let answer = api.by("bank/desk", "POST", path, &body).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        assert_eq!(answer.json()["command"]["terms"], terms);
    }
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_of_another_site_ends_no_session() {
    let api = traders().await;
    for (site, ends) in [("same-origin", true), ("cross-site", false), ("same-site", false)] {
        let request = Request::builder().method("POST").uri("/sign-out");
        let request = request.header("sec-fetch-site", site).body(Body::empty()).unwrap();
        let answer = api.send(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.headers.contains_key("set-cookie")),
            (303, ends)
        );
    }
    api.stop().await;
}
