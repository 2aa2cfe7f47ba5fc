//! Event hash ids of CBV 2.0 against published vectors.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tracehold_chain::epcis::hash_id::{self, EventHash};
use tracehold_chain::epcis::{Document, Violation};

use crate::{corpus, read_json};

fn hashes(name: &str, document: &[u8]) -> Vec<EventHash> {
    hashes_of(name, Document::parse(document))
}

fn hashes_of(name: &str, document: Result<Document, Vec<Violation>>) -> Vec<EventHash> {
    let document = document.unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
    let reading = document.reading();
    let events = document.all_events().unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
    events.iter().map(|event| hash_id::of_event(event, &reading)).collect()
}

fn value_hashes(name: &str, document: &Value) -> Vec<EventHash> {
    hashes(name, document.to_string().as_bytes())
}

/// The JSON documents of a folder that have an expectation beside them.
fn expected_in(folder: &Path) -> Vec<(String, Vec<u8>, Value)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(input) = name.strip_suffix(".expected.json") else { continue };
        if !input.ends_with(".xml") {
            let bytes = std::fs::read(folder.join(input)).unwrap();
            all.push((input.to_owned(), bytes, read_json(&path)));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(!all.is_empty(), "{} has no vectors", folder.display());
    all
}

/// Promise P80.
#[test]
fn published_events_have_their_published_ids() {
    for set in ["hash-vectors", "hash-vectors/tier2"] {
        let Some(folder) = corpus(set) else { return };
        let (mut files, mut events) = (0, 0);
        for (name, bytes, expected) in expected_in(&folder) {
            let found = hashes(&name, &bytes);
            for expected in expected["events"].as_array().unwrap() {
                let index = usize::try_from(expected["index"].as_u64().unwrap()).unwrap();
                assert_eq!(found[index].prehash, expected["prehash"].as_str().unwrap(), "{name}");
                assert_eq!(found[index].id, expected["hashID"].as_str().unwrap(), "{name}");
                events += 1;
            }
            files += 1;
        }
        println!("{set}: {events} events in {files} JSON files");
    }
}

/// Promise P80.
#[test]
fn equal_events_have_equal_ids_and_others_do_not() {
    let Some(file) = corpus("hash-vectors/equal-sets/json-variants.json") else { return };
    let (mut equal, mut different) = (0, 0);
    for base in read_json(&file).as_array().unwrap() {
        let name = base["base"].as_str().unwrap();
        let own = value_hashes(name, &base["base_document"]);
        if let Some(id) = base["hashID"].as_str() {
            assert_eq!(own[0].id, id, "{name}");
        }
        for (kind, same) in [("must_equal", true), ("must_differ", false)] {
            for variant in base[kind].as_array().into_iter().flatten() {
                let found = value_hashes(name, &variant["document"]);
                assert_eq!(found[0].id == own[0].id, same, "{name}: {}", variant["variant"]);
                if same { equal += 1 } else { different += 1 }
            }
        }
    }
    assert!(equal > 0 && different > 0);
    println!("{equal} variants are equal, {different} are not");
}

/// The XML documents of a folder by name.
fn xml_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path))
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect();
    all.sort();
    assert!(!all.is_empty(), "{} has no documents in XML", folder.display());
    all
}

/// The ids of an XML document's events.
fn xml_hashes(name: &str, bytes: &[u8]) -> Vec<EventHash> {
    hashes_of(name, Document::parse_xml(bytes))
}

/// Promise P80.
#[test]
fn events_in_xml_have_their_published_ids() {
    let Some(folder) = corpus("hash-vectors") else { return };
    let mut events = 0;
    for (name, bytes) in xml_in(&folder) {
        let expected = read_json(&folder.join(format!("{name}.expected.json")));
        let expected = expected["events"].as_array().unwrap();
        let found = xml_hashes(&name, &bytes);
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(expected) {
            events += 1;
            assert_eq!(found.prehash, expected["prehash"].as_str().unwrap(), "{name}");
            assert_eq!(found.id, expected["hashID"].as_str().unwrap(), "{name}");
        }
    }
    assert!(events > 0);
    println!("{events} events in XML");
}

/// Promise P80.
#[test]
fn equal_events_in_xml_have_equal_ids() {
    let Some(folder) = corpus("hash-vectors/equal-sets") else { return };
    for (name, bytes) in xml_in(&folder) {
        let found = xml_hashes(&name, &bytes);
        assert!(!found.is_empty(), "{name}");
        for other in &found {
            assert_eq!(other.prehash, found[0].prehash, "{name}");
        }
    }
    let folder = folder.join("gs1-WithEventHashID");
    let mut ids = BTreeSet::new();
    for (name, bytes) in xml_in(&folder) {
        // The second file gives another zone offset, so that it is another event after all.
        if name == "event_with_identical_hash_id_2.xml" {
            continue;
        }
        ids.extend(xml_hashes(&name, &bytes).into_iter().map(|hash| hash.prehash));
    }
    assert_eq!(ids.len(), 1, "{ids:#?}");
}
