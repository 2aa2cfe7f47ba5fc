//! `tracehold money` and `tracehold agreement` on real nodes, as people and programs use them.

mod common;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use common::{Network, binary};
use serde_json::{Value, json};

/// The bank is the first member; the last settles disputes.
const BANK: usize = 0;
const BUYER: usize = 1;
const SELLER: usize = 2;
const ARBITER: usize = 3;

/// A shell of each member.
struct Shells<'a> {
    network: &'a Network,
    dir: &'a Path,
}

impl Shells<'_> {
    fn run(&self, member: usize, words: &[&str]) -> Output {
        let node = &self.network.net.nodes[member];
        Command::new(binary())
            .args(words)
            .current_dir(self.dir)
            .env("TRACEHOLD_NODE", &node.http)
            .env("TRACEHOLD_API_KEY", &node.api_key)
            .env_remove("TRACEHOLD_LANG")
            .env("LC_ALL", "C")
            .output()
            .expect("the command runs")
    }

    /// What a command prints when it does what it was asked to. A node that has not caught up with
    /// what another one did refuses; it is asked again.
    fn told(&self, member: usize, words: &[&str]) -> String {
        let since = Instant::now();
        loop {
            let output = self.run(member, words);
            if output.status.success() {
                return String::from_utf8(output.stdout).expect("text");
            }
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(since.elapsed() < Duration::from_secs(60), "{words:?}: {said}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn json(&self, member: usize, words: &[&str]) -> Value {
        let told = self.told(member, &[words, &["--json"]].concat());
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"))
    }

    /// The exit code of a command that is refused, and what it says.
    fn refused(&self, member: usize, words: &[&str]) -> (Option<i32>, String) {
        let output = self.run(member, words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.stdout.is_empty() || words.contains(&"check"), "{words:?}");
        (output.status.code(), said)
    }
}

fn terms() -> Value {
    let now = jiff::Timestamp::now();
    let at = |hours: i64| (now + jiff::SignedDuration::from_hours(hours)).to_string();
    let rest = |to: &str| json!([{"remainder": {"to": to, "asset": "EUR@member-0"}}]);
    json!({
        "title": "One crate",
        "roles": [
            {"role": "buyer", "member": "member-1"},
            {"role": "seller", "member": "member-2"},
            {"role": "arbiter", "member": "member-3"},
        ],
        "goods": {"items": ["https://id.gs1.org/01/09521101530001/21/crate"]},
        "accept_by": at(1),
        "deposits": [{"id": "price", "role": "buyer", "due": at(2),
            "money": {"asset": "EUR@member-0", "amount": "400.00"}}],
        "milestones": [{"id": "delivered", "ends": true, "pay": rest("seller"),
            "when": {"observed": {"event": {"biz_step": "receiving", "by": ["buyer"]}}}}],
        "deadline": at(48),
        "at_deadline": rest("buyer"),
        "dispute": {"arbiter": "arbiter", "by": ["buyer", "seller"], "ruling_within": "P1D"},
    })
}

/// Promise P90: an agreement from its templates to the ruling, and the money in it, from a shell:
/// in plain words of both languages, as JSON, and with an exit code for each kind of failure.
#[test]
fn an_agreement_is_made_and_settled_from_a_shell() {
    let network = Network::up(4, 0);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shells = Shells { network: &network, dir: folder.path() };
    let asset = "EUR@member-0";

    let issue = ["money", "issue", "500.00", asset, "--to", "member-1/main", "--reference", "p-1"];
    assert!(shells.told(BANK, &issue).contains("p-1 of member-0/issuance is done"));
    let again = shells.told(BANK, &[&issue[..], &["--lang", "zh"]].concat());
    assert!(again.contains("没有再次发生"), "{again}");
    let pay =
        ["money", "transfer", "20.00", asset, "--to", "member-2/main", "--reference", "INV-7"];
    assert!(shells.told(BUYER, &pay).contains("INV-7 of member-1/main is done"));
    let told = shells.json(BUYER, &["money", "balance"]);
    assert_eq!(told["accounts"][0]["balances"][0]["available"], "480.00", "{told}");
    let told = shells.told(BUYER, &["money", "statement", "--lang", "zh"]);
    assert!(told.contains("-20.00 EUR@member-0, 之后 480.00"), "{told}");

    let (code, said) = shells.refused(
        BUYER,
        &["money", "transfer", "9000.00", asset, "--to", "member-2/main", "--reference", "INV-8"],
    );
    assert_eq!(code, Some(1));
    assert!(said.contains("amount (insufficient-funds)") && said.contains("code: "), "{said}");
    let (code, _) = shells.refused(BUYER, &["money", "transfer", "1.00"]);
    assert_eq!(code, Some(2), "the command line is not whole");
    let gone = ["agreement", "list", "--node", "http://127.0.0.1:1"];
    assert_eq!(shells.refused(BUYER, &gone).0, Some(4), "nobody answers there");

    let told =
        shells.told(BUYER, &["agreement", "templates", "escrow-on-delivery", "--lang", "zh"]);
    assert!(told.contains("买方") && told.contains("price"), "{told}");
    let mut stranded = terms();
    let little = json!({ "asset": asset, "amount": "1.00" });
    stranded["at_deadline"] = json!([{ "amount": { "to": "buyer", "money": little } }]);
    for (file, terms) in [("good.json", terms()), ("bad.json", stranded)] {
        std::fs::write(folder.path().join(file), terms.to_string()).expect("a file");
    }
    let told = shells.told(SELLER, &["agreement", "check", "good.json"]);
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("the seller gets 400.00 EUR@member-0"), "{told}");
    assert_eq!(shells.refused(SELLER, &["agreement", "check", "bad.json"]).0, Some(1));
    let propose = ["agreement", "propose", "bad.json", "--reference", "order-1"];
    let (code, said) = shells.refused(SELLER, &propose);
    assert_eq!(code, Some(1));
    assert!(said.contains("terms/at_deadline (stranded-money)"), "{said}");

    let propose = ["agreement", "propose", "good.json", "--reference", "order-1"];
    let proposed = shells.json(SELLER, &propose);
    let id = proposed["id"].as_str().expect("an id");
    let fund = ["agreement", "fund", id, "--reference", "order-1-price"];
    shells.told(BUYER, &["agreement", "show", id]);
    let (code, said) = shells.refused(BUYER, &fund);
    assert_eq!(code, Some(1));
    assert!(said.contains("clause of the terms: /deposits/0"), "{said}");
    assert!(said.contains("must accept or decline before"), "{said}");
    for member in [BUYER, SELLER, ARBITER] {
        let told = shells.told(member, &["agreement", "accept", id]);
        assert!(told.contains("accepted for the"), "{told}");
    }
    assert!(shells.told(BUYER, &fund).contains("order-1-price of member-1/main is done"));
    let told = shells.told(BUYER, &["agreement", "show", id, "--lang", "zh"]);
    for word in ["执行中", "买方: member-1, 已接受", "存入款项", "协议持有", "400.00 EUR@member-0"]
    {
        assert!(told.contains(word), "{word}: {told}");
    }
    let told = shells.told(SELLER, &["agreement", "explain", id]);
    assert!(told.contains("Waiting for the buyer (member-1) to record “receiving”"), "{told}");
    let told = shells.told(SELLER, &["agreement", "explain", id, "--lang", "zh"]);
    assert!(told.contains("等待买方（member-1）"), "{told}");

    let dispute = ["agreement", "dispute", id, "--reason", "half of it is missing"];
    assert!(shells.told(BUYER, &dispute).contains("opened a dispute: half of it is missing"));
    let (half, rest) = ("seller=150.00 EUR@member-0", "buyer=EUR@member-0");
    let rule = ["agreement", "rule", id, "--amount", half, "--rest", rest, "--reason", "half came"];
    assert_eq!(shells.refused(SELLER, &rule).0, Some(1), "the seller is no arbiter");
    let told = shells.told(ARBITER, &rule);
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("the seller gets 150.00 EUR@member-0"), "{told}");
    let told = shells.json(SELLER, &["agreement", "show", id]);
    assert_eq!((&told["stage"], &told["ended"]["how"]), (&json!("ended"), &json!("ruled")));
    let told = shells.told(SELLER, &["agreement", "story", id, "--lang", "zh"]);
    assert!(told.contains("仲裁方裁决：half came") && told.contains("卖方获得 150.00"), "{told}");
    let told = shells.told(BUYER, &["money", "balance", "main"]);
    assert!(told.contains("330.00 EUR@member-0"), "{told}");
}
