//! Other people's documents through a real network: captured at one node, read back from another.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::{Network, corpora, wait_until};
use serde_json::{Value, json};
use tracehold_chain::epcis::{Document, hash_id};
use tracehold_testnet::client::Client;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the corpora");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    files.retain(|path| path.file_name().is_some_and(|name| name != "MANIFEST.json"));
    files.sort();
    files
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a corpus file")).expect("JSON")
}

/// The events of a document of either kind, or the bare event itself.
fn events_of(document: &mut Value) -> Vec<&mut Value> {
    if document.get("epcisBody").is_none() {
        return vec![document];
    }
    let body = &mut document["epcisBody"];
    let list = match body.get("eventList") {
        Some(_) => &mut body["eventList"],
        None => &mut body["queryResults"]["resultsBody"]["eventList"],
    };
    list.as_array_mut().expect("an event list").iter_mut().collect()
}

/// A bare event in a document of its own.
fn wrapped(mut value: Value) -> Value {
    if value.get("epcisBody").is_some() {
        return value;
    }
    let gs1 = json!("https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld");
    let own = value.as_object_mut().expect("an event").remove("@context");
    json!({
        "@context": own.unwrap_or(gs1),
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-01T00:00:00Z",
        "epcisBody": {"eventList": [value]}
    })
}

/// An event without what the server sets.
fn comparable(event: &Value, without_id: bool) -> Value {
    let mut event = event.clone();
    let object = event.as_object_mut().expect("an event");
    object.remove("recordTime");
    if without_id {
        object.remove("eventID");
    }
    // Numbers compare by value: 2.0 and 2 are one JSON number.
    serde_json::from_str(&plain_numbers(&event)).expect("JSON")
}

fn plain_numbers(value: &Value) -> String {
    match value {
        Value::Number(number) => {
            let number = number.as_f64().expect("a double");
            format!("{number:?}")
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(plain_numbers).collect::<Vec<_>>().join(","))
        }
        Value::Object(map) => {
            let fields =
                map.iter().map(|(key, value)| format!("{}:{}", json!(key), plain_numbers(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// All events that a node has, in the order they were committed. One a page: then the answer's
/// `@context` is that of the document the event came in, and the event has nothing added.
fn all_events(network: &Network, node: usize) -> Vec<Value> {
    let client = network.net.nodes[node].client();
    let mut events = Vec::new();
    let mut path = Some("/epcis/v2/events?perPage=1".to_owned());
    while let Some(page) = path.take() {
        let answer = client.get(&page).expect("a page of events");
        assert!(answer.is_success(), "{}", answer.text);
        let mut document = answer.json;
        events.extend(events_of(&mut document).into_iter().map(|event| event.clone()));
        path = answer.next;
    }
    events
}

/// The hash id of an event of this document, which is what names one without eventID.
fn hash_id(document: &Value, index: usize) -> String {
    let document = Document::parse(document.to_string().as_bytes()).expect("it is captured next");
    let reading = document.reading();
    let event = document.events[index].as_ref().expect("it is captured next");
    hash_id::of_event(event, &reading).id
}

/// Promises P1 and P100: every example document of GS1, OpenEPCIS, epcis2.js, FasTnT and others
/// comes back as it was given. Several files use one eventID for different events; as one ledger
/// has one event for an eventID, the later ones are sent without, and are named by their hash id.
/// Some files have the same event as others, which is recorded once.
#[test]
fn example_documents_come_back_as_they_were_given() {
    let Some(corpora) = corpora() else { return };
    let network = Network::up(4, 0);
    let mut ids = BTreeSet::new();
    let mut sent: Vec<(String, Value, bool)> = Vec::new();
    for path in files(&corpora.join("epcis-examples")) {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let mut document = wrapped(read(&path));
        for event in events_of(&mut document) {
            let given = event["eventID"].as_str().map(str::to_owned);
            if given.is_some_and(|id| !ids.insert(id)) {
                event.as_object_mut().expect("an event").remove("eventID");
            }
        }
        let events: Vec<Value> = events_of(&mut document).into_iter().map(|e| e.clone()).collect();
        for (index, event) in events.into_iter().enumerate() {
            let unnamed = event.get("eventID").is_none();
            if !unnamed || ids.insert(hash_id(&document, index)) {
                sent.push((name.clone(), event, unnamed));
            }
        }
        let body = document.to_string();
        let client = network.net.nodes[0].client();
        let captured = tracehold_testnet::load::capture(&client, body.as_bytes());
        captured.unwrap_or_else(|problem| panic!("{name} is not captured: {problem}"));
    }
    assert!(sent.len() > 1_000, "{} events", sent.len());
    let height = network.height(0);
    wait_until("node 2", || network.height(2) >= height);
    let received = all_events(&network, 2);
    assert_eq!(received.len(), sent.len());
    for ((name, sent, without_id), received) in sent.iter().zip(&received) {
        assert_eq!(comparable(received, *without_id), comparable(sent, *without_id), "{name}");
    }
    network.assert_agreement(&[0, 1, 2, 3]);
}

/// What a node does with each bad document: folder and name, what the strict reading does and by
/// which rules, what the lenient one does. The chain's own test compares with the same.
const OUTCOMES: &str = include_str!("../../chain/tests/corpora/outcomes.tsv");

/// Every entry of a list has these members, as text.
fn assert_told(name: &str, list: &Value, members: &[&str]) {
    let list = list.as_array().unwrap_or_else(|| panic!("{name} is taken in silence"));
    assert!(!list.is_empty(), "{name}");
    for told in list {
        assert!(members.iter().all(|member| told[*member].is_string()), "{name}: {told}");
    }
}

/// Sends a document and gives what becomes of it, as the table spells it.
fn outcome(client: &Client, name: &str, document: &Value, lenient: bool) -> String {
    let headers: &[(&str, &str)] = if lenient { &[("prefer", "handling=lenient")] } else { &[] };
    let body = document.to_string();
    let answer = client.post("/epcis/v2/capture", body.as_bytes(), headers).expect("an answer");
    if answer.status == 400 {
        assert_told(name, &answer.json["errors"], &["field", "rule", "mend"]);
        let first = answer.json["errors"][0]["rule"].as_str().expect("it is text");
        return if lenient { "refused".to_owned() } else { format!("refused {first}") };
    }
    assert_eq!(answer.status, 202, "{name}: {}", answer.text);
    let at = answer.location.expect("a job has a place");
    let job = client.get(&at).expect("the node lives").json;
    if job.get("normalised").is_some() {
        assert!(lenient, "{name}: {job}");
        assert_told(name, &job["normalised"], &["field", "rule"]);
        return "normalised".to_owned();
    }
    assert_told(name, &job["notices"], &["field", "rule", "mend"]);
    let rules = job["notices"].as_array().expect("a list").iter().map(|notice| &notice["rule"]);
    let rules: BTreeSet<&str> = rules.map(|rule| rule.as_str().expect("it is text")).collect();
    match lenient {
        true => "noticed".to_owned(),
        false => format!("noticed {}", Vec::from_iter(rules).join(",")),
    }
}

/// Promises P2, P82 and P127: every broken document is refused with the field, the rule and the
/// mend, or taken with notices in its job, as the table of outcomes has it; so it is with the
/// lenient reading, which tells each change. The node lives on, and takes what is good.
#[test]
fn each_broken_document_has_its_outcome() {
    let Some(corpora) = corpora() else { return };
    let network = Network::up(1, 0);
    let client = network.net.nodes[0].client();
    let invalid = corpora.join("epcis-invalid");
    let mut expected: BTreeMap<&str, Vec<&str>> = OUTCOMES
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, outcomes)| (name, outcomes.split('\t').collect()))
        .collect();
    for (folder, files) in [("declared", 18), ("derived", 83), ("wild", 80)] {
        let manifest = read(&invalid.join(folder).join("MANIFEST.json"));
        let manifest = manifest.as_array().expect("a list");
        assert_eq!(manifest.len(), files, "{folder}");
        for entry in manifest {
            let name = format!("{folder}/{}", entry["file"].as_str().expect("a name"));
            let mut document = read(&invalid.join(&name));
            // Bare events go into a document; what is made with one fault is sent as it is.
            if folder != "derived" {
                document = wrapped(document);
            }
            let expected = expected.remove(name.as_str()).expect("the table has every file");
            let of_schema = entry["schema_rejects"] == true || entry["level"] == "schema";
            assert!(!of_schema || expected[0].starts_with("refused"), "{name}");
            let outcomes = [false, true].map(|lenient| outcome(&client, &name, &document, lenient));
            assert_eq!(outcomes.each_ref().map(String::as_str), expected[..], "{name}");
        }
    }
    assert!(expected.is_empty(), "the corpus has no {expected:?}");
    let before = network.height(0);
    let good = json!({
        "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "inspecting",
        "eventTime": "2026-03-01T10:00:00.000Z", "eventTimeZoneOffset": "+00:00",
        "epcList": ["https://id.gs1.org/01/09521568251204/21/after-all"],
    });
    let taken = tracehold_testnet::load::capture(&client, wrapped(good).to_string().as_bytes());
    taken.expect("a good document is captured");
    assert!(network.height(0) > before, "it is in a new block");
}
