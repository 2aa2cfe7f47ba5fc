//! A dishonest node, and people who check what it shows: with the command, and on a page in a real
//! browser. The network is real, and so is the key with which the node lies: one validator's.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use tracehold_chain::block::BlockHeader;
use tracehold_chain::certificate::{VoteKind, vote_digest};
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::evidence::{Evidence, Trust, VerifyError, Vote, verify};
use tracehold_chain::genesis::Genesis;
use tracehold_chain::keys::Signer as _;
use tracehold_chain::recall::RecallRecord;
use tracehold_chain::units::Height;
use tracehold_node::config::{GENESIS_FILE, load_genesis};
use tracehold_node::keystore::Keystore;
use tracehold_testnet::client::Client;

use super::common::{Network, binary, event, wait_until};
use super::{program, workshop};

/// The built checker, as a page loads it.
const CHECKER: &str = include_str!("../../../explorer/assets/check.js");

const CASE: &str = "https://id.gs1.org/01/09521101530001/21/case";
const PALLET: &str = "https://id.gs1.org/00/095211010000000016";

/// The node that lies.
const LIAR: usize = 3;

/// A file, what the one who checks it knows and wants, and what must be said of it.
struct Shown {
    name: &'static str,
    text: String,
    trust: Trust,
    said: &'static str,
}

fn at(hour: u32, number: u32, mut event: Value) -> Value {
    event["eventID"] = json!(format!("urn:uuid:00000000-0000-4000-8000-{number:012}"));
    event["eventTime"] = json!(format!("2026-03-01T{hour:02}:00:00.000Z"));
    event
}

/// A case that is packed, grows warm on its pallet, and is unpacked and found damaged.
fn story() -> Vec<Value> {
    let packing = |action: &str| {
        let mut event = event("case");
        event["type"] = json!("AggregationEvent");
        event["action"] = json!(action);
        event["parentID"] = json!(PALLET);
        event["childEPCs"] = json!([CASE]);
        event["bizStep"] = json!("packing");
        event.as_object_mut().expect("an event").remove("epcList");
        event
    };
    let of = |things: &[&str], step: &str| {
        let mut event = event("case");
        event["epcList"] = json!(things);
        event["bizStep"] = json!(step);
        event
    };
    vec![
        at(8, 1, of(&[CASE], "inspecting")),
        at(9, 2, packing("ADD")),
        at(10, 3, of(&[PALLET], "storing")),
        at(11, 4, packing("DELETE")),
        at(12, 5, of(&[CASE], "storing")),
    ]
}

/// Evidence of a thing, from an honest node.
fn evidence(network: &Network, node: usize, id: &str) -> Evidence {
    let path = format!("/api/v1/evidence?id={}", percent_encoded(id));
    let answer = network.net.nodes[node].client().get(&path).expect("an answer");
    assert!(answer.is_success(), "{}", answer.text);
    let evidence: Evidence = serde_json::from_str(&answer.text).expect("an evidence file");
    assert_eq!(evidence.to_text(), answer.text, "it has one spelling");
    evidence
}

/// Records the story but for its last event at all nodes, and then that.
fn told(network: &Network) -> (Evidence, Evidence) {
    let events = story();
    let (last, before) = events.split_last().expect("events");
    let record = |event: &Value| {
        let (status, answer) = network.post_event(0, event);
        assert_eq!(status, 201, "{answer}");
        let id = event["eventID"].as_str().expect("an id").to_owned();
        wait_until("the event at the other node", || network.has_event(1, &id));
    };
    before.iter().for_each(record);
    let old = evidence(network, 1, CASE);
    record(last);
    (old, evidence(network, 1, CASE))
}

/// Recalls the case's product and its pallet, at all nodes.
fn recalled(network: &Network) -> Evidence {
    let product = CASE.rsplit_once("/21/").expect("a serial number").0;
    let recall = json!({
        "reference": "R-1", "items": [PALLET, product],
        "reason": {"en": "It was too warm.", "zh": "温度过高。"},
        "what_to_do": {"en": "Do not eat it.", "zh": "请勿食用。"},
        "contact": "+49 30 1234567",
    });
    let client = network.net.nodes[0].client();
    let answer = client.post("/api/v1/recalls", recall.to_string().as_bytes(), &[]);
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text);
    let is_there = || !evidence(network, 1, CASE).recalls.is_empty();
    wait_until("the recall at the other node", is_there);
    evidence(network, 1, CASE)
}

/// What a node makes of it that would rather not show the recall.
fn hidden(before: &Evidence, warned: &Evidence, trust: &Trust) -> Vec<Shown> {
    let trust = Trust { least_height: Some(Height(warned.height)), ..trust.clone() };
    let one = |name, file: &Evidence, said| Shown {
        name,
        text: file.to_text(),
        trust: trust.clone(),
        said,
    };
    let changed = |change: &dyn Fn(&mut Evidence)| {
        let mut file = warned.clone();
        change(&mut file);
        file
    };
    let denied = changed(&|file| {
        file.logs[1].recalls = None;
        file.products[0].recalls = None;
        file.recalls.clear();
    });
    let forgotten = changed(&|file| file.recalls.clear());
    let unasked = changed(&|file| file.products.clear());
    // That another product has no recall, before there was one.
    let spoofed = changed(&|file| file.products.clone_from(&before.products));
    vec![
        one("recall", warned, "holds"),
        one("recall-denied", &denied, "state-proof /products/0/proof"),
        one("recall-left-out", &forgotten, "missing-recall /recalls/0"),
        one("recall-not-looked-up", &unasked, "missing-product /products/0"),
        one("recall-absence-of-before", &spoofed, "state-proof /products/0/proof"),
        one("before-the-recall", before, "too-old /height"),
    ]
}

/// Where the page of a scan says the checker is.
fn checker(client: &Client) -> String {
    let path = CASE.trim_start_matches("https://id.gs1.org");
    let page = client.get_as(path, "text/html").expect("a page");
    let (_, after) = page.text.split_once("data-checker=\"").expect("a checker");
    after.split('"').next().expect("a path").to_owned()
}

/// The file with another header, signed by the liar alone.
fn signed(file: &Evidence, header: &BlockHeader, keys: &Keystore) -> Evidence {
    let key = keys.node_key();
    let (height, round) = (header.height, file.certificate.round);
    let kind = VoteKind::Precommit;
    let digest = vote_digest(&header.chain_id, kind, height, round, Some(header.id()));
    let mut file = file.clone();
    file.header.0 = codec::encode(header);
    file.height = height.0;
    file.certificate.signatures =
        vec![Vote { validator: key.public_key(), signature: key.sign(&digest) }];
    file
}

/// What is on record, and what a dishonest node makes of it with its key.
fn shown(
    old: &Evidence,
    new: &Evidence,
    other: &Evidence,
    genesis: &Genesis,
    keys: &Keystore,
) -> Vec<Shown> {
    let known = Trust { genesis: Some(genesis.id().0), ..Trust::default() };
    let item = Trust { item: Some(CASE.to_owned()), ..known.clone() };
    // The height that a second member's node tells.
    let fresh = Trust { least_height: Some(Height(new.height)), ..item.clone() };
    let mut all = Vec::new();
    let mut show = |name, file: &Evidence, trust: &Trust, said| {
        all.push(Shown { name, text: file.to_text(), trust: trust.clone(), said });
    };
    let changed = |change: &dyn Fn(&mut Evidence)| {
        let mut file = new.clone();
        change(&mut file);
        file
    };
    let newest: BlockHeader = codec::decode(&new.header.0).expect("a header");
    let before: BlockHeader = codec::decode(&old.header.0).expect("a header");

    show("honest", new, &fresh, "holds");
    show("unknown-network", new, &Trust::default(), "holds");
    // The last event was never there: taken out of log and file, or only shown of the rest.
    let withheld = changed(&|file| {
        let log = file.logs[0].log.as_mut().expect("a log");
        log.entries.pop();
        file.events.pop();
    });
    show("last-event-withheld", &withheld, &fresh, "state-proof /logs/0/proof");
    let torn = changed(&|file| drop(file.events.pop()));
    show("last-body-withheld", &torn, &fresh, "missing-event");
    let unpacked = changed(&|file| file.logs.truncate(1));
    show("container-withheld", &unpacked, &fresh, "missing-log /logs/1");
    // What was true once.
    show("old-head", old, &fresh, "too-old /height");
    let mixed = Evidence {
        logs: old.logs.clone(),
        events: old.events.clone(),
        products: old.products.clone(),
        ..new.clone()
    };
    show("old-story-under-the-new-head", &mixed, &fresh, "state-proof /logs/0/proof");
    // A block in which the old state still holds, with the votes that one validator can give, and
    // with those that others gave for the real one.
    let lie = BlockHeader { state_root: before.state_root, ..newest.clone() };
    let forged = signed(&mixed, &lie, keys);
    show("too-little-power", &forged, &fresh, "too-little-power /certificate/signatures");
    let mut borrowed = forged.clone();
    borrowed.certificate = new.certificate.clone();
    show("votes-for-another-block", &borrowed, &fresh, "vote-signature /certificate/signatures/0");
    let fewer = changed(&|file| file.certificate.signatures.truncate(2));
    show("votes-missing", &fewer, &fresh, "too-little-power /certificate/signatures");
    let mut again = forged.clone();
    again.certificate.signatures = vec![forged.certificate.signatures[0].clone(); 3];
    show("one-vote-three-times", &again, &fresh, "vote-order /certificate/signatures");
    // Validators of its own: itself alone.
    let liar = keys.node_key().public_key();
    let mut own = genesis.clone();
    own.members.retain(|member| member.nodes.iter().any(|node| node.public_key == liar));
    let validators = own.validators().expect("one validator");
    let (validators, encoded) = (validators.digest(), codec::encode(&validators));
    let lie = BlockHeader { validators, next_validators: validators, ..lie };
    let mut swapped = signed(&mixed, &lie, keys);
    swapped.validators[0].0 = encoded;
    show("validators-swapped", &swapped, &fresh, "validators /validators/0");
    let mut network = swapped.clone();
    network.genesis.0 = codec::encode(&own);
    network.genesis_digest = own.id().0;
    show("network-of-its-own", &network, &fresh, "other-network /genesis_digest");
    show("another-thing", other, &item, "other-subject /about");
    all
}

/// Answers with files by their paths, to pages of any origin.
fn serve(files: BTreeMap<String, (&'static str, String)>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let files = Arc::new(files);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let files = files.clone();
            // A browser that goes away ends it.
            std::thread::spawn(move || answer(stream, &files));
        }
    });
    port
}

fn answer(
    mut stream: TcpStream,
    files: &BTreeMap<String, (&'static str, String)>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, kind, body) = match files.get(path) {
        Some((kind, body)) => ("200 OK", *kind, body.as_str()),
        None => ("404 Not Found", "text/plain", ""),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
         access-control-allow-origin: *\r\nconnection: close\r\n\r\n{body}"
    )
}

/// The id of the recall in the file.
fn warned_id(file: &Evidence) -> String {
    let recall: RecallRecord = codec::decode(&file.recalls[0].value.0).expect("a recall");
    recall.id.to_string()
}

/// What `verify` says, as the browser's checker does.
fn said(shown: &Shown) -> String {
    match verify(shown.text.as_bytes(), &shown.trust) {
        Ok(report) => {
            assert_eq!(report.is_known_network, shown.trust.genesis.is_some());
            "holds".to_owned()
        }
        Err(VerifyError::Unreadable(_)) => "unreadable".to_owned(),
        Err(VerifyError::Failed(failure)) => {
            format!("{} {}", failure.reason.code(), failure.place.0)
        }
    }
}

/// What the command says: its exit code.
fn commanded(shown: &Shown, genesis: &std::path::Path, folder: &std::path::Path) -> i32 {
    let file = folder.join(format!("{}.json", shown.name));
    std::fs::write(&file, &shown.text).expect("a file");
    let mut command = Command::new(binary());
    command.arg("verify").arg(&file);
    if shown.trust.genesis.is_some() {
        command.arg("--genesis").arg(genesis);
    }
    if let Some(item) = &shown.trust.item {
        command.arg("--id").arg(item);
    }
    if let Some(least) = shown.trust.least_height {
        command.arg("--least-height").arg(least.0.to_string());
    }
    let done = command.output().expect("the command runs");
    done.status.code().expect("it ends by itself")
}

/// Promises P113, P123 and P124: a node that withholds the last event, shows an old head, forges a
/// certificate with too little power, swaps the validators or hides a recall is exposed by both
/// checkers: by the command, and on a page in a real browser, with and without a secure context. A
/// page of another origin reads the evidence of a real node, and checks it with its checker.
#[test]
fn a_dishonest_node_is_exposed() {
    let chromium = program(&["chromium", "chromium-browser"], "chromium");
    let node = program(&["node", "nodejs"], "nodejs");
    let shop = workshop();
    let network = Network::up(4, 0);
    let (old, new) = told(&network);
    let other = evidence(&network, 1, PALLET);
    let folder = &network.net.nodes[LIAR].dir;
    let genesis = load_genesis(folder).expect("the genesis record");
    let keys = Keystore::open(folder).expect("the liar's keys");
    let mut all = shown(&old, &new, &other, &genesis, &keys);
    let known = Trust { genesis: Some(genesis.id().0), ..Trust::default() };
    let warned = recalled(&network);
    all.extend(hidden(&new, &warned, &known));
    let asked = Client::new(network.net.nodes[1].client().base());

    for one in &all {
        let said = said(one);
        // The place of a missing event depends on how many there are.
        assert!(said.starts_with(one.said), "{}: {said}, not {}", one.name, one.said);
        let code = commanded(one, &folder.join(GENESIS_FILE), network.dir.path());
        assert_eq!(code, if said == "holds" { 0 } else { 6 }, "{}", one.name);
    }

    // The page is the shop's, the evidence the liar's.
    let page = "<!doctype html><html lang=\"en\"><title>Shop</title>".to_owned();
    let site = BTreeMap::from([
        ("/".to_owned(), ("text/html; charset=utf-8", page)),
        ("/check.js".to_owned(), ("text/javascript; charset=utf-8", CHECKER.to_owned())),
    ]);
    let site = serve(site);
    let lies =
        all.iter().map(|one| (format!("/{}", one.name), ("application/json", one.text.clone())));
    let liar = serve(lies.collect());
    let trust = |trust: &Trust| {
        let mut told = serde_json::Map::new();
        let digest = |digest: &Digest| json!(digest.to_string());
        told.extend(trust.genesis.iter().map(|of| ("genesis".to_owned(), digest(of))));
        told.extend(trust.least_height.map(|least| ("leastHeight".to_owned(), json!(least.0))));
        told.extend(trust.item.iter().map(|item| ("item".to_owned(), json!(item))));
        told
    };
    let files: Vec<Value> =
        all.iter().map(|one| json!({"name": one.name, "trust": trust(&one.trust)})).collect();
    let plan = json!({
        "chromium": chromium, "files": files,
        "node": {
            "base": asked.base(), "checker": checker(&asked),
            "evidence": format!("/api/v1/evidence?id={}", percent_encoded(CASE)),
            "trust": trust(&known),
        },
        "page": format!("http://127.0.0.1:{site}/"),
        "insecure": format!("http://shop.example:{site}/"),
        "server": format!("http://127.0.0.1:{liar}"),
    });
    std::fs::write(shop.join("evidence.json"), plan.to_string()).expect("a plan");
    let done = Command::new(node)
        .args(["evidence.mjs", "evidence.json"])
        .current_dir(&shop)
        .output()
        .expect("node runs");
    assert!(done.status.success(), "the browser: {}", String::from_utf8_lossy(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).expect("a report");
    for (context, is_secure) in [("secure", true), ("insecure", false)] {
        let seen = &report[context];
        assert_eq!(seen["errors"], json!([]), "{seen}");
        assert_eq!(seen["isSecure"], is_secure, "{seen}");
        assert_eq!(seen["hasSubtle"], is_secure, "{seen}");
        for one in &all {
            assert_eq!(seen["said"][one.name], said(one), "{context}: {}", one.name);
        }
        // What a real node serves to pages of others: evidence with the recall, and no more.
        let product = CASE.rsplit_once("/21/").map(|(product, _)| product);
        let id = warned_id(&warned);
        let wanted =
            json!({"state": "holds", "recalls": [[id, [product, PALLET]]], "closed": true});
        assert_eq!(seen["node"], wanted, "{context}");
        println!("{context}: milliseconds {}", seen["times"]);
    }
}
