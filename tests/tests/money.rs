//! Money on four real nodes: nothing is lost, made or paid twice, whatever is done to them.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::{Network, wait_until};
use serde_json::{Value, json};
use tracehold_testnet::client::{Answer, Client};

/// The bank is the first member, the inspector the last.
const ASSET: &str = "EUR@member-0";
const BUYER: usize = 1;
const SELLER: usize = 2;

/// Sends a command again and again, to one node after the other, until one of them says that it is
/// done. What the client does not know it asks again: that is what references are for.
fn insist(clients: &[Client], path: &str, body: &Value) -> Answer {
    let mut last = None;
    for try_number in 0..600 {
        let client = &clients[try_number % clients.len()];
        if let Ok(answer) = client.post(path, body.to_string().as_bytes(), &[]) {
            // 404 and 422: a node that has not caught up with what came before.
            if answer.is_success() {
                return answer;
            }
            assert!(
                matches!(answer.status, 404 | 422 | 503 | 504),
                "{path}: {} {}",
                answer.status,
                answer.text
            );
            last = Some(answer.text);
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{path} was never done: {last:?}");
}

fn client(network: &Network, member: usize) -> Client {
    let node = &network.net.nodes[member];
    Client::with_timeout(&node.http, Duration::from_secs(20)).with_key(&node.api_key)
}

fn issue(network: &Network, member: usize, amount: &str) {
    let body = json!({
        "reference": format!("open-{member}"), "asset": ASSET, "amount": amount,
        "to": format!("member-{member}/main"),
    });
    insist(&[client(network, 0)], "/api/v1/accounts/member-0:issuance/issues", &body);
}

/// What a member has, as its own node says.
fn balance(network: &Network, member: usize) -> String {
    let path = format!("/api/v1/accounts/member-{member}:main");
    let told = client(network, member).get(&path).expect("an answer").json;
    let balances = told["balances"].as_array().cloned().unwrap_or_default();
    let found = balances.iter().find(|balance| balance["asset"] == ASSET);
    found.map_or("0.00", |balance| balance["posted"].as_str().unwrap_or("?")).to_owned()
}

fn terms(number: usize, piece: &str) -> Value {
    let now = jiff::Timestamp::now();
    let at = |hours: i64| (now + jiff::SignedDuration::from_hours(hours)).to_string();
    json!({
        "title": format!("Sale {number}"),
        "roles": [
            { "role": "buyer", "member": format!("member-{BUYER}") },
            { "role": "seller", "member": format!("member-{SELLER}") },
        ],
        "goods": { "items": [piece] },
        "accept_by": at(1),
        "deposits": [{
            "id": "price", "role": "buyer", "due": at(2),
            "money": { "asset": ASSET, "amount": "10.00" },
        }],
        "milestones": [{
            "id": "delivered",
            "when": { "observed": { "event": { "biz_step": "receiving", "by": ["buyer"] } } },
            "pay": [{ "remainder": { "to": "seller", "asset": ASSET } }],
            "ends": true,
        }],
        "deadline": at(24),
        "at_deadline": [{ "remainder": { "to": "buyer", "asset": ASSET } }],
    })
}

fn piece(number: usize) -> String {
    format!("https://id.gs1.org/01/09521101530001/21/sale{number}")
}

fn delivery(number: usize) -> Value {
    let mut event = common::event(&format!("sale{number}"));
    event["bizStep"] = "receiving".into();
    event
}

/// Proposes and accepts a sale; its path.
fn agreed(network: &Network, number: usize) -> String {
    let (buyer, seller) = (client(network, BUYER), client(network, SELLER));
    let body = json!({
        "reference": format!("sale-{number}"), "terms": terms(number, &piece(number)),
    });
    let proposed = insist(std::slice::from_ref(&seller), "/api/v1/agreements", &body).json;
    let id = proposed["id"].as_str().expect("an id");
    let path = format!("/api/v1/agreements/{id}");
    insist(&[seller], &format!("{path}/accept"), &json!({ "role": "seller" }));
    insist(&[buyer], &format!("{path}/accept"), &json!({ "role": "buyer" }));
    path
}

/// Promise P72: nodes are killed in the middle of funding and release. Nothing is lost, and every
/// sale is paid once, though its buyer pays again and again until somebody says that it is paid.
#[test]
fn kills_in_the_middle_of_paying_pay_once() {
    const SALES: usize = 12;
    let mut network = Network::up(4, 0);
    issue(&network, BUYER, "1000.00");
    let paths: Vec<String> = (0..SALES).map(|number| agreed(&network, number)).collect();

    let buyer = client(&network, BUYER);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (paths, over) = (&paths, &over);
        scope.spawn(move || {
            for (number, path) in paths.iter().enumerate() {
                let body = json!({ "reference": format!("pay-{number}") });
                insist(std::slice::from_ref(&buyer), &format!("{path}/fund"), &body);
                let event = delivery(number).to_string();
                for _ in 0..600 {
                    // 409: an attempt whose answer was lost has arrived.
                    let posted = buyer.post("/epcis/v2/events", event.as_bytes(), &[]);
                    if posted.is_ok_and(|answer| matches!(answer.status, 201 | 409)) {
                        break;
                    }
                    thread::sleep(Duration::from_millis(100));
                }
            }
            over.store(true, Ordering::SeqCst);
        });
        for round in 0.. {
            if over.load(Ordering::SeqCst) {
                break;
            }
            thread::sleep(Duration::from_millis(300 + 110 * (round % 5)));
            // The buyer's own node every other time.
            let victim = if round % 2 == 0 { BUYER } else { [0, 2, 3][round as usize / 2 % 3] };
            network.net.kill(victim);
            thread::sleep(Duration::from_millis(150));
            network.net.restart(victim).expect("the node restarts");
        }
    });
    network.net.kill_all();
    network.net.start_missing().expect("the network restarts");

    for path in &paths {
        for member in [BUYER, SELLER] {
            let reader = client(&network, member);
            wait_until("the release", || {
                let told = reader.get(path).expect("an answer").json;
                told["ended"]["how"] == "released"
            });
        }
    }
    assert_eq!(balance(&network, BUYER), "880.00");
    assert_eq!(balance(&network, SELLER), "120.00");
    // Asked once more, everything was paid already.
    for (number, path) in paths.iter().enumerate() {
        let body = json!({ "reference": format!("pay-{number}") });
        let again = insist(&[client(&network, BUYER)], &format!("{path}/fund"), &body);
        assert_eq!(again.status, 200, "{}", again.text);
    }
    assert_eq!(balance(&network, BUYER), "880.00");
    network.assert_agreement(&[0, 1, 2, 3]);
    audited(&mut network);
}

/// The audit adds up the same from the log alone.
fn audited(network: &mut Network) {
    network.net.stop_node(3);
    let output = std::process::Command::new(common::binary())
        .args(["audit", "--json", "--dir"])
        .arg(&network.net.nodes[3].dir)
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let [asset] = report["money"].as_array().expect("assets").as_slice() else {
        panic!("one asset: {report}");
    };
    assert_eq!((&asset["asset"], &asset["outstanding"]), (&json!(ASSET), &json!("1000.00")));
    assert_eq!((&asset["on_accounts"], &asset["in_balance"]), (&json!("1000.00"), &json!(true)));
}

/// Promise P72: the same money is sent to four payees at four nodes at once. One of them gets it,
/// and all nodes say who.
#[test]
fn a_double_spend_at_four_nodes_at_once_has_one_winner() {
    let network = Network::up(4, 0);
    issue(&network, BUYER, "10.00");
    wait_until("the money", || balance(&network, BUYER) == "10.00");
    let signed = common::signed_transfers(&network, BUYER, ASSET);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let sent: Vec<_> = signed
            .iter()
            .enumerate()
            .map(|(node, bytes)| {
                let client = client(&network, node);
                scope.spawn(move || {
                    client.upload("/api/v1/transactions", "application/octet-stream", bytes)
                })
            })
            .collect();
        sent.into_iter().map(|sent| sent.join().expect("no panic").expect("an answer")).collect()
    });
    let won = answers.iter().filter(|answer| answer.status == 201).count();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(won, 1, "{statuses:?} {:?}", answers[0].text);
    assert!(answers.iter().filter(|a| a.status != 201).all(|a| a.status == 422), "{statuses:?}");
    assert_eq!(balance(&network, BUYER), "0.00");
    let paid = [0, 2, 3].iter().filter(|member| balance(&network, **member) == "10.00").count();
    assert_eq!(paid, 1);
    network.assert_agreement(&[0, 1, 2, 3]);
}

/// Promise P72: the block with the delivery carries the release, prices are on no page that anybody
/// may see, and the pages that hold them ask for a key.
#[test]
fn a_delivery_releases_in_its_own_block_and_prices_stay_private() {
    let network = Network::up(4, 0);
    issue(&network, BUYER, "100.00");
    let path = agreed(&network, 0);
    let buyer = client(&network, BUYER);
    insist(std::slice::from_ref(&buyer), &format!("{path}/fund"), &json!({ "reference": "pay" }));
    let (status, posted) = network.post_event(BUYER, &delivery(0));
    assert_eq!(status, 201, "{posted}");

    let seller = client(&network, SELLER);
    wait_until("the release", || seller.get(&path).is_ok_and(|a| a.json["stage"] == "ended"));
    let story = seller.get(&format!("{path}/story?perPage=100")).expect("an answer").json;
    let steps = story["steps"].as_array().expect("steps");
    let released = steps.iter().find(|step| step["kind"] == "fulfilled").expect("a release");
    let height = released["height"].as_u64().expect("a height");
    let block = seller.get(&format!("/api/v1/blocks/{height}")).expect("a block").json;
    let of = &released["transaction_id"];
    assert!(block["transactions"].as_array().expect("ids").contains(of), "{block}");
    let receipt = seller.get(&format!("/api/v1/transactions/{}", of.as_str().expect("an id")));
    assert_eq!(receipt.expect("a receipt").json["height"].as_u64(), Some(height));

    let page = path.replace("/api/v1", "");
    let anybody = Client::new(&network.net.nodes[SELLER].http);
    let scan = piece(0).replace("https://id.gs1.org", "");
    let html = anybody.get_as(&scan, "text/html").expect("a page");
    assert_eq!(html.status, 200);
    for secret in ["10.00", "EUR", page.as_str(), "buyer", "price"] {
        assert!(!html.text.contains(secret), "{secret} is on the scan page");
    }
    // Whoever has a role in the agreement is led to it; its price is not on the item's page either.
    let html = seller.get_as(&scan, "text/html").expect("a page").text;
    assert!(html.contains(page.as_str()) && !html.contains("10.00"), "{html}");
    for closed in
        [page.as_str(), "/accounts", "/accounts/member-2:main", "/agreements", "/approvals"]
    {
        let asked = anybody.get_as(closed, "text/html").expect("a page");
        assert_eq!(asked.status, 401, "{closed}");
        assert!(asked.text.contains("/sign-in") && !asked.text.contains("10.00"), "{closed}");
    }
    for language in ["en", "zh"] {
        let html = seller.get_as(&format!("{page}?lang={language}"), "text/html").expect("a page");
        assert_eq!(html.status, 200);
        assert!(html.text.contains("10.00 EUR@member-0"), "{}", html.text);
        assert!(html.text.contains("urn%3Aexample%3Aevent%3Asale0"), "the event is linked");
        let html = seller.get_as(&format!("/accounts?lang={language}"), "text/html").expect("it");
        assert!(
            html.text.contains("member-2/main") && html.text.contains("/accounts/member-2:main")
        );
        let statement = format!("/accounts/member-2:main?lang={language}");
        let html = seller.get_as(&statement, "text/html").expect("it");
        assert!(html.text.contains("+10.00 EUR@member-0") && html.text.contains(page.as_str()));
    }
    // Somebody with a key and no role in it sees nothing of it.
    let stranger = client(&network, 3).get_as(&page, "text/html").expect("a page");
    assert_eq!(stranger.status, 404);
    assert!(!stranger.text.contains("10.00"));
    let html = client(&network, 3).get_as(&scan, "text/html").expect("a page").text;
    assert!(!html.contains(page.as_str()), "nor does the item lead there");

    sign_in(&network, &page);
}

/// A browser: the form, the cookie, the page, and out again.
fn sign_in(network: &Network, page: &str) {
    let node = &network.net.nodes[SELLER];
    let browser = Client::new(&node.http);
    let form = |key: &str| format!("api_key={key}&next={}", page.replace('/', "%2F"));
    let media = "application/x-www-form-urlencoded";
    let refused = browser.upload("/sign-in", media, form("wrong").as_bytes()).expect("an answer");
    assert_eq!(refused.status, 401);
    let signed_in = browser.upload("/sign-in", media, form(&node.api_key).as_bytes());
    let signed_in = signed_in.expect("an answer");
    assert_eq!((signed_in.status, signed_in.location.as_deref()), (303, Some(page)));
    let cookie = signed_in.cookie.expect("a cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let headers = [("cookie", cookie.as_str()), ("accept", "text/html")];
    let shown = browser.get_with(page, &headers).expect("a page");
    assert!(shown.status == 200 && shown.text.contains("10.00 EUR@member-0"));
    // A session reads pages and nothing else.
    let item = browser.get_with(&piece(0).replace("https://id.gs1.org", ""), &headers);
    assert!(item.expect("a page").text.contains(page), "the item leads to the agreement");
    let api = browser.get_with("/api/v1/accounts", &headers).expect("an answer");
    assert_eq!(api.status, 401);
}
