//! Published EPCIS documents, good and bad: what is good is kept to the letter, what is bad is
//! refused with a pointer, and the verdict is that of GS1's own schema.
//!
//! The corpora are not part of the project. They are read from `../shared/corpora` beside the
//! repository; without them only the project's own fixtures run, and the tests say so, or fail when
//! `TRACEHOLD_CORPORA` is `required`.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its input fails")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tracehold_chain::epcis::context::GS1_CONTEXT;
use tracehold_chain::epcis::json::parse_strict;
use tracehold_chain::epcis::{Document, Event, Level, SectionedEvent, Violation, canonical};
use tracehold_chain::masterdata::Changes;

/// The folder `name` of the corpora, if they are here.
fn corpus(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let is_required = std::env::var("TRACEHOLD_CORPORA").is_ok_and(|wanted| wanted == "required");
    assert!(!is_required, "TRACEHOLD_CORPORA is required and {} is missing", folder.display());
    println!("NOT RUN: no corpus at {}; the project's own fixtures only", folder.display());
    None
}

/// The JSON files of a folder by name, its manifest left out; see [`complete`].
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json" || e == "jsonld"))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name != "MANIFEST.json" && !name.contains(".expected.")
        })
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, complete(std::fs::read(&path).unwrap()))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no documents", folder.display());
    files
}

fn manifest(folder: &Path) -> Vec<Value> {
    let list = std::fs::read(folder.join("MANIFEST.json")).unwrap();
    let list: Vec<Value> = serde_json::from_slice(&list).unwrap();
    assert!(!list.is_empty(), "the manifest of {} lists nothing", folder.display());
    list
}

/// The events of a document, or a bare event.
fn read(bytes: &[u8]) -> Result<Vec<Event>, Vec<Violation>> {
    let value: Value = serde_json::from_slice(bytes).unwrap();
    match value["type"].as_str() {
        Some("EPCISDocument" | "EPCISQueryDocument") | None => Document::parse(bytes)?.all_events(),
        Some(_) => Event::parse_bare(bytes).map(|event| vec![event]),
    }
}

/// The file; a bare event without `@context` gets GS1's, as its publisher's tools add it.
fn complete(bytes: Vec<u8>) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(&bytes).unwrap();
    let is_event = value["type"].as_str().is_some_and(|name| name.ends_with("Event"));
    if !is_event || value.get("@context").is_some() {
        return bytes;
    }
    value["@context"] = json!([GS1_CONTEXT]);
    value.to_string().into_bytes()
}

/// The events of a document as plain JSON.
fn plain_events(bytes: &[u8]) -> Vec<Value> {
    let value: Value = serde_json::from_slice(bytes).unwrap();
    match value["type"].as_str() {
        Some("EPCISDocument") => value["epcisBody"]["eventList"].as_array().unwrap().clone(),
        Some("EPCISQueryDocument") => {
            value["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
                .as_array()
                .unwrap()
                .clone()
        }
        _ => vec![value],
    }
}

/// Equal as JSON: members in any order, numbers by value.
fn same_json(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same_json(a, b)))
        }
        (a, b) => a == b,
    }
}

/// The event comes back from its sections as it was given, but for what the standard says the
/// server sets.
fn assert_kept(name: &str, given: &Value, event: Event) {
    let mut expected = given.clone();
    let object = expected.as_object_mut().unwrap();
    object.remove("recordTime");
    object.entry("eventID").or_insert(json!("urn:uuid:00000000-0000-4000-8000-000000000000"));
    let event = event.with_event_id("urn:uuid:00000000-0000-4000-8000-000000000000");
    let cut = SectionedEvent::split(&event, &mut |section| [section as u8; 32]);
    let merged = cut.merge().unwrap();
    assert!(same_json(&merged, &expected), "{name}: {merged} is not {expected}");
    let stored = cut.event().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(stored, event, "{name}: a stored event says the same as a captured one");
    let again = SectionedEvent::split(&stored, &mut |section| [section as u8; 32]);
    assert_eq!(again.digest(), cut.digest(), "{name}: cut again, the digest is the same");
}

fn own_fixtures() -> Vec<(&'static str, Value)> {
    let document = |events: Value| {
        json!({
            "@context": [GS1_CONTEXT, {"ext": "https://example.com/ext/"}],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-03-01T10:00:00.000Z",
            "epcisBody": {"eventList": events},
        })
    };
    let base = json!({
        "eventTime": "2026-03-01T10:00:00.000+01:00",
        "eventTimeZoneOffset": "+01:00",
        "recordTime": "2026-03-01T09:00:01Z",
        "bizStep": "shipping",
        "readPoint": {"id": "urn:epc:id:sgln:9521321.00001.0"},
        "ext:weights": [1.50, {"ext:net": 1e3}],
    });
    let event = |rest: Value| {
        let mut event = base.clone();
        event.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        event
    };
    vec![
        (
            "two events in a document",
            document(json!([
                event(json!({
                    "type": "ObjectEvent", "action": "OBSERVE",
                    "epcList": ["urn:epc:id:sgtin:9521568.025120.A1"],
                })),
                event(json!({
                    "type": "AggregationEvent", "action": "ADD",
                    "parentID": "https://id.gs1.org/00/095213210000000018",
                    "childQuantityList": [{
                        "epcClass": "https://id.gs1.org/01/09521568251204/10/L1",
                        "quantity": 2.0, "uom": "KGM",
                    }],
                })),
            ])),
        ),
        (
            "a bare event",
            event(json!({
                "@context": [GS1_CONTEXT, {"ext": "https://example.com/ext/"}],
                "type": "TransformationEvent", "eventID": "urn:uuid:1",
                "inputEPCList": ["urn:x:1"], "outputEPCList": ["urn:x:2"],
            })),
        ),
    ]
}

/// Promise P1.
#[test]
fn what_is_captured_is_kept_to_the_letter() {
    for (name, value) in own_fixtures() {
        let bytes = value.to_string().into_bytes();
        let events = read(&bytes).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        for (given, event) in plain_events(&bytes).iter().zip(events) {
            assert_kept(name, given, event);
        }
    }
    let Some(folder) = corpus("epcis-examples") else { return };
    let (mut documents, mut count) = (0, 0);
    let others = ["hash-vectors", "hash-vectors/tier2"].into_iter().filter_map(corpus);
    for (name, bytes) in std::iter::once(folder).chain(others).flat_map(|folder| files(&folder)) {
        let events = read(&bytes).unwrap_or_else(|faults| panic!("{name}: {faults:#?}"));
        let given = plain_events(&bytes);
        assert_eq!(given.len(), events.len(), "{name}");
        for (given, event) in given.iter().zip(events) {
            assert_kept(&name, given, event);
            count += 1;
        }
        documents += 1;
    }
    println!("{documents} documents with {count} events are kept to the letter");
}

/// Every fault has a place in the document, a rule and words.
fn assert_pointed(name: &str, bytes: &[u8], faults: &[Violation]) {
    assert!(!faults.is_empty(), "{name}");
    let value: Value = serde_json::from_slice(bytes).unwrap();
    for fault in faults {
        assert!(!fault.rule.is_empty() && fault.message.len() > 10, "{name}: {fault}");
        // What is missing has no place yet, but its parent does.
        let parent = fault.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        assert!(value.pointer(parent).is_some(), "{name}: nothing is at {}", fault.pointer);
    }
}

/// Promise P2.
#[test]
fn what_breaks_the_schema_is_refused_with_the_field_and_the_rule() {
    let bad = json!({"type": "EPCISDocument", "@context": GS1_CONTEXT}).to_string();
    assert_pointed("own fixture", bad.as_bytes(), &read(bad.as_bytes()).unwrap_err());
    for set in ["declared", "derived"] {
        let Some(folder) = corpus("epcis-invalid").map(|folder| folder.join(set)) else { return };
        let mut refused = 0;
        for entry in manifest(&folder) {
            let name = entry["file"].as_str().unwrap();
            let bytes = complete(std::fs::read(folder.join(name)).unwrap());
            let of_schema = entry["level"] == "schema" || entry["schema_rejects"] == true;
            match read(&bytes) {
                Ok(_) => assert!(!of_schema, "{set}/{name} is accepted: {}", entry["reason"]),
                Err(faults) => {
                    assert_pointed(name, &bytes, &faults);
                    refused += 1;
                }
            }
        }
        assert!(refused > 0, "{set}");
        println!("{set}: {refused} refused");
    }
}

/// Promise P2.
#[test]
fn the_wild_is_accepted_or_refused_and_nothing_panics() {
    let Some(folder) = corpus("epcis-invalid").map(|folder| folder.join("wild")) else { return };
    let (mut accepted, mut refused) = (0, 0);
    for (name, bytes) in files(&folder) {
        match read(&bytes) {
            Ok(_) => accepted += 1,
            Err(faults) => {
                assert_pointed(&name, &bytes, &faults);
                refused += 1;
            }
        }
    }
    assert_eq!((accepted, refused), (0, 80));
}

/// Rules of ours that go beyond the schema; see `validate` in the chain crate.
fn is_beyond_the_schema(fault: &Violation) -> bool {
    let missing_parent = fault.rule == "required" && fault.pointer.ends_with("/parentID");
    let persistent = fault.pointer.contains("/persistentDisposition");
    missing_parent
        || persistent
        || matches!(
            fault.rule,
            "parent-is-child"
                | "check-digit"
                | "class-in-epc-list"
                | "instance-in-quantity-list"
                | "time-range"
                | "json-ld-keyword"
                | "uri-length"
                | "identifier-count"
                | "json-depth"
                | "json-number"
        )
}

struct Schema(jsonschema::Validator);

impl Schema {
    fn load() -> Option<Schema> {
        let file = corpus("epcis-schema")?.join("published-2.0.1/epcis-json-schema.json");
        let schema: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let options = jsonschema::draft7::options().should_validate_formats(true);
        Some(Schema(options.build(&schema).unwrap()))
    }

    /// Compares our verdict with the schema's.
    fn agrees(&self, name: &str, value: &Value) -> Result<(), String> {
        let theirs = self.0.is_valid(value);
        let ours = read(value.to_string().as_bytes());
        let fine = match &ours {
            Ok(_) => theirs,
            Err(faults) => !theirs || faults.iter().all(is_beyond_the_schema),
        };
        if fine {
            return Ok(());
        }
        let why = match ours {
            Ok(_) => {
                let error = self.0.iter_errors(value).next().unwrap();
                format!("accepted, the schema says at {}: {error}", error.instance_path())
            }
            Err(faults) => format!("the schema accepts, we say {}", faults[0]),
        };
        Err(format!("{name}: {}", why.chars().take(400).collect::<String>()))
    }
}

#[test]
fn the_verdict_is_that_of_the_published_schema() {
    let Some(schema) = Schema::load() else { return };
    let mut disagreements = Vec::new();
    let mut count = 0;
    for set in [
        "epcis-examples",
        "epcis-invalid/declared",
        "epcis-invalid/derived",
        "epcis-invalid/wild",
        "hash-vectors",
        "hash-vectors/tier2",
        "epcis-query",
    ] {
        let Some(folder) = corpus(set) else { return };
        for (name, bytes) in files(&folder) {
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            disagreements.extend(schema.agrees(&name, &value).err());
            count += 1;
        }
    }
    println!("{count} documents compared with the schema");
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}

/// Every place in a value.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut inside = |segment: &str, value: &Value| {
        let pointer = format!("{at}/{}", segment.replace('~', "~0").replace('/', "~1"));
        found.push(pointer.clone());
        places(value, &pointer, found);
    };
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| inside(key, value)),
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                inside(&index.to_string(), value);
            }
        }
        _ => {}
    }
}

/// The value with one thing changed at `pointer`.
fn changed(value: &Value, pointer: &str, change: &Value) -> Option<Value> {
    let mut value = value.clone();
    let (parent, key) = pointer.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    match (value.pointer_mut(parent)?, change) {
        (Value::Object(object), Value::Null) => drop(object.remove(&key)),
        (Value::Array(list), Value::Null) => drop(list.remove(key.parse().ok()?)),
        (Value::Object(object), change) => drop(object.insert(key, change.clone())),
        (Value::Array(list), change) => list[key.parse::<usize>().ok()?] = change.clone(),
        _ => return None,
    }
    Some(value)
}

#[test]
fn one_change_anywhere_gets_the_schemas_verdict() {
    let Some(schema) = Schema::load() else { return };
    let changes = [
        Value::Null,
        json!(1),
        json!(true),
        json!("x"),
        json!("a:b"),
        json!("ADD"),
        json!("2026-03-01T10:00:00Z"),
        json!([]),
        json!(["a:b", "a:b"]),
        json!({}),
        json!({"id": "a:b"}),
        json!({"x": 1}),
    ];
    let mut disagreements = Vec::new();
    let mut count = 0_usize;
    for (name, bytes) in files(&corpus("epcis-examples").unwrap()) {
        // The bulk file repeats itself.
        if bytes.len() > 60_000 {
            continue;
        }
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        let mut pointers = Vec::new();
        places(&value, "", &mut pointers);
        // Each change is tried at some places of each file: the files are alike.
        for (index, pointer) in pointers.iter().enumerate() {
            for (kind, change) in changes.iter().enumerate() {
                if (index + kind) % 3 != 0 || pointer == "/type" {
                    continue;
                }
                let Some(other) = changed(&value, pointer, change) else { continue };
                count += 1;
                let name = format!("{name} with {change} at {pointer}");
                disagreements.extend(schema.agrees(&name, &other).err());
            }
        }
    }
    println!("{count} changed documents compared with the schema");
    disagreements.truncate(40);
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}

#[test]
fn strict_reading_agrees_with_plain_reading() {
    let Some(folder) = corpus("epcis-examples") else { return };
    for (name, bytes) in files(&folder) {
        let plain: Value = serde_json::from_slice(&bytes).unwrap();
        let strict = parse_strict(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(same_json(&plain, &strict), "{name}");
    }
}

/// Promise P4.
#[test]
fn identifiers_have_the_spelling_of_the_published_vectors() {
    let Some(folder) = corpus("digital-link-vectors") else { return };
    let lines = std::fs::read_to_string(folder.join("normalise-to-canonical-dl.jsonl")).unwrap();
    let mut count = 0;
    for line in lines.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let given = vector["input"].as_str().unwrap();
        let found = canonical(given);
        match vector["expect"]["uri"].as_str() {
            Some(expected) => assert_eq!(found.uri(), expected, "{given}"),
            // What is no GS1 identifier compares exactly.
            None => assert_eq!((found.uri(), found.level()), (given, Level::Other)),
        }
        count += 1;
    }
    assert!(count > 0);
    println!("{count} identifiers in their one spelling");
}

/// Values of master data in a document, wherever they stand.
fn master_data_values(value: &Value) -> usize {
    let element = |element: &Value| {
        let count = |name: &str| element[name].as_array().map_or(0, Vec::len);
        1 + count("attributes") + count("children")
    };
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| match value {
                Value::Array(list) if key == "vocabularyElementList" => {
                    list.iter().map(element).sum()
                }
                value => master_data_values(value),
            })
            .sum(),
        Value::Array(list) => list.iter().map(master_data_values).sum(),
        _ => 0,
    }
}

/// Promise P31: of published master data everything is kept or named.
#[test]
fn published_master_data_is_kept_or_named() {
    let mut documents = 0;
    for folder in ["epcis-examples", "epcis-query", "epcis-invalid/wild"] {
        let Some(folder) = corpus(folder) else { continue };
        for (name, bytes) in files(&folder) {
            let Ok(document) = Document::parse(&bytes) else { continue };
            let given = master_data_values(&serde_json::from_slice(&bytes).unwrap());
            let changes = Changes::of(&document);
            assert_eq!(changes == Changes::default(), given == 0, "{name}");
            documents += usize::from(given > 0);
            let mut left_out = changes.left_out.len();
            let mut kept = 0;
            for change in &changes.changes {
                let (record, more) = change.apply(None);
                left_out += more.len();
                assert_eq!(record.check(), Ok(()), "{name}");
                assert_eq!(change.apply(Some(&record)).0, record, "{name}: the same again");
                kept += 1;
            }
            if given > 0 {
                println!("{name}: of {given} values {kept} records, {left_out} left out");
            }
            for violation in &changes.left_out {
                println!("  {violation}");
            }
        }
    }
    assert!(documents > 0 || corpus("epcis-examples").is_none());
    println!("{documents} documents with master data");
}
