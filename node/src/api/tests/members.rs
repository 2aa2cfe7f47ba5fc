use super::money::{endow, traders};
use super::*;

/// A page for an agent of another member.
async fn page(api: &Api, agent: &str, path: &str) -> Answer {
    let answer = api.by(agent, "GET", path, &Value::Null).await;
    assert!(answer.header("content-type").starts_with("text/html"), "{path}: {}", answer.text);
    answer
}

fn next_of(html: &str) -> Option<String> {
    let at = html.find("rel=\"next\"")?;
    let link = html[..at].rsplit("href=\"").next()?;
    Some(link.split('"').next()?.replace("&#38;", "&").replace("&amp;", "&"))
}

fn proposal(number: usize) -> Value {
    let hours = |hours: u64| now().plus_ms(hours * 3_600_000).to_string();
    let item = format!("https://id.gs1.org/01/09521321001015/21/{number}");
    let rest = |to: &str| json!([{"remainder": {"to": to, "asset": "EUR@bank"}}]);
    json!({"reference": format!("order-{number}"), "terms": {
        "title": format!("Crate number {number}."),
        "roles": [{"role": "buyer", "member": "buyer"}, {"role": "seller", "member": "seller"}],
        "goods": {"items": [item]}, "accept_by": hours(1),
        "deposits": [{"id": "price", "role": "buyer", "due": hours(2),
            "money": {"asset": "EUR@bank", "amount": "7,5".replace(',', ".")}}],
        "milestones": [{"id": "delivered", "ends": true, "pay": rest("seller"),
            "when": {"observed": {"event": {"biz_step": "receiving", "by": ["buyer"]}}}}],
        "deadline": hours(100), "at_deadline": rest("buyer"),
    }})
}

/// Promise P90: lists lead to everything that is older, in both languages; what waits for a second
/// agent is shown; an item's page leads its parties to their agreement and nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_members_lead_to_all_there_is() {
    let api = traders().await;
    endow(&api, "print-1", "500").await;
    let rule = json!({"reference": "rule-1", "approval": {"two_agents": {"above": []}}});
    let set = api.by("buyer/erp", "PUT", "/api/v1/accounts/buyer:main", &rule).await;
    assert_eq!(set.status, 201, "{}", set.text);
    let mut ids = Vec::new();
    for number in 0..35 {
        let body = proposal(number);
        let told = api.by("seller/erp", "POST", "/api/v1/agreements", &body).await.json();
        ids.push(told["id"].as_str().unwrap().to_owned());
        let purpose = json!({"reference": "open"});
        let path = format!("/api/v1/accounts/buyer:crate-{number}");
        assert_eq!(api.by("buyer/erp", "PUT", &path, &purpose).await.status, 201);
    }
    for (lang, list, name) in
        [("en", "/agreements", "Crate number "), ("zh", "/accounts", "crate-")]
    {
        let mut path = format!("{list}?lang={lang}");
        let (mut seen, mut pages) = (String::new(), 0);
        loop {
            let html = page(&api, "buyer/erp", &path).await.text;
            seen.push_str(&html);
            pages += 1;
            let Some(next) = next_of(&html) else { break };
            assert!(next.contains(&format!("lang={lang}")), "{next}");
            path = next;
        }
        assert_eq!(pages, 2, "{list}");
        for number in 0..35 {
            let end = if list == "/agreements" { "." } else { "<" };
            assert!(seen.contains(&format!("{name}{number}{end}")), "{list} lacks {number}");
        }
    }
    // One of two has accepted: the second sees it, with what it means.
    let accept = format!("/api/v1/agreements/{}/accept", ids[3]);
    assert_eq!(api.by("buyer/erp", "POST", &accept, &json!({})).await.status, 200);
    let told = api.by("buyer/boss", "GET", "/api/v1/approvals", &Value::Null).await.json();
    assert_eq!(told["acceptances"][0]["agreement"], json!(ids[3]), "{told}");
    assert_eq!(told["acceptances"][0]["pays_in"][0]["amount"], "7.50");
    assert_eq!(told["complete"], true);
    let html = page(&api, "buyer/boss", "/approvals?lang=zh").await.text;
    assert!(html.contains("接受协议") && html.contains(&ids[3]) && html.contains("7.50"), "{html}");
    let shown = format!("/agreements/{}", ids[3]);
    let mine = page(&api, "buyer/boss", &shown).await.text;
    assert!(mine.contains("Your move") && mine.contains("a second agent"), "{mine}");
    let first = page(&api, "buyer/erp", &shown).await.text;
    assert!(!first.contains("Your move"), "whoever was first cannot be second");
    assert_eq!(page(&api, "stranger/erp", &shown).await.status, 404);
    assert_eq!(page(&api, "stranger/erp", "/accounts/buyer:main").await.status, 404);
    assert_eq!(page(&api, "buyer/erp", "/accounts/none").await.status, 404);

    // The item leads its parties to the agreement about it.
    assert_eq!(api.capture(&[event(1, 3)], &[]).await["success"], true);
    let item = "/01/09521321001015/21/3";
    for (agent, is_shown) in [("seller/erp", true), ("stranger/erp", false)] {
        let html = page(&api, agent, item).await.text;
        assert_eq!(html.contains(&ids[3]), is_shown, "{agent}");
        assert!(!html.contains("7.50"), "{agent} reads a price on the page of an item");
    }
    assert!(!api.anonymous(item).await.text.contains(&ids[3]));

    // A session reads what a key reads, on pages; out again, it says so.
    let form = format!("api_key={}&next=%2Faccounts&lang=zh", api.keys["buyer/erp"]);
    let post = |path: &str, body: String, cookie: &str| {
        let request = Request::builder().method("POST").uri(path).header("cookie", cookie);
        api.send(request.body(Body::from(body)).unwrap())
    };
    let answer = post("/sign-in", form, "").await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let get = |path: &str| {
        let request = Request::builder().uri(path).header("cookie", &cookie);
        api.send(request.body(Body::empty()).unwrap())
    };
    assert!(get(item).await.text.contains(&ids[3]));
    let whole = get(&format!("/event/{}", event_id(1))).await.text;
    assert!(whole.contains("secret-order"), "the whole event, as with a key");
    assert_eq!(get("/api/v1/accounts").await.status, 401);
    let out = post("/sign-out", "lang=zh".to_owned(), &cookie).await;
    assert_eq!(out.header("location"), "/sign-in?out=1&lang=zh-Hans");
    assert!(get(out.header("location")).await.text.contains("您已退出登录"));
    assert_eq!(get("/accounts").await.status, 401);
    api.stop().await;
}
