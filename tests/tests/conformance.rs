//! Other people's documents through a real network: captured at one node, read back from another.

mod common;

use std::collections::BTreeSet;
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
    let Some(corpora) = corpora() else {
        println!("no corpora beside the checkout: the project's own fixtures are tried elsewhere");
        return;
    };
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

/// Sends what was refused with a request for the lenient reading: it is refused by field and rule
/// again, or its job lists each change. Gives whether it was taken.
fn leniently(client: &Client, name: &str, document: &Value) -> bool {
    let headers = [("prefer", "handling=lenient")];
    let body = document.to_string();
    let answer = client.post("/epcis/v2/capture", body.as_bytes(), &headers).expect("an answer");
    let told = if answer.status == 400 {
        answer.json["errors"].clone()
    } else {
        assert_eq!(answer.status, 202, "{name}: {}", answer.text);
        let at = answer.location.expect("a job has a place");
        client.get(&at).expect("the node lives").json["normalised"].clone()
    };
    let told = told.as_array().unwrap_or_else(|| panic!("{name} is taken in silence"));
    for change in told {
        assert!(change["field"].is_string() && change["rule"].is_string(), "{name}: {change}");
    }
    assert!(!told.is_empty(), "{name}");
    answer.status == 202
}

/// What is taken though its publisher calls it invalid: the schema and the standard allow it.
const RIGHT_AFTER_ALL: &str = "fastnt--ObjectEvent-StringCertificationInfoArrayInvalid.json";

/// What is taken as it is has notices in its job: what is against good sense, and where.
fn noticed(client: &Client, name: &str, location: Option<&str>) {
    let job = client.get(location.expect("a job has a place")).expect("the node lives").json;
    let notices = job["notices"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(notices.is_empty(), name == RIGHT_AFTER_ALL, "{name}: {job}");
    for notice in notices {
        let told = ["field", "rule", "mend"].iter().all(|part| notice[part].is_string());
        assert!(told, "{name}: {notice}");
    }
}

/// Promises P2, P82 and P127: broken documents are refused with the field and the rule, or taken
/// with notices in their jobs, with the node alive after each. Of what is refused the lenient
/// reading takes some, on request, and tells each change.
#[test]
fn broken_documents_are_refused_with_the_field_and_the_rule() {
    let Some(corpora) = corpora() else {
        println!("no corpora beside the checkout: the project's own fixtures are tried elsewhere");
        return;
    };
    let network = Network::up(1, 0);
    let client = network.net.nodes[0].client();
    let invalid = corpora.join("epcis-invalid");
    let (mut refused, mut normalised) = (0, 0);
    for folder in ["declared", "derived", "wild"] {
        let manifest = read(&invalid.join(folder).join("MANIFEST.json"));
        for entry in manifest.as_array().expect("a list") {
            let name = entry["file"].as_str().expect("a name");
            let path = invalid.join(folder).join(name);
            // Documents whose fault is in the envelope must be sent as they are.
            let text = match read(&path) {
                value if value.get("epcisBody").is_some() || folder == "derived" => value,
                value => wrapped(value),
            };
            let answer = client
                .post("/epcis/v2/capture", text.to_string().as_bytes(), &[])
                .expect("the node lives");
            let must = match folder {
                "declared" => entry["schema_rejects"] == true,
                "derived" => entry["level"] == "schema",
                _ => false,
            };
            if must {
                assert_eq!(answer.status, 400, "{folder}/{name}: {}", answer.text);
            }
            if answer.status == 400 {
                refused += 1;
                let first = &answer.json["errors"][0];
                assert!(first["field"].is_string(), "{folder}/{name}: {}", answer.text);
                assert!(first["rule"].is_string(), "{folder}/{name}: {}", answer.text);
                normalised += u32::from(leniently(&client, name, &text));
            } else {
                assert_eq!(answer.status, 202, "{folder}/{name}: {}", answer.text);
                noticed(&client, name, answer.location.as_deref());
            }
        }
    }
    println!("{refused} documents refused, {normalised} of them taken on request with each change");
    assert!(normalised > 0);
    assert!(network.height(0) < u64::MAX, "the node still answers");
}
