//! Event hash ids of CBV 2.0 against published vectors.

use std::path::Path;

use serde_json::Value;
use tracehold_chain::epcis::Document;
use tracehold_chain::epcis::hash_id::{self, EventHash};

use crate::{corpus, read_json};

fn hashes(name: &str, document: &[u8]) -> Vec<EventHash> {
    let document = Document::parse(document).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
    let ignored = document.ignored_fields();
    let events = document.all_events().unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
    events.iter().map(|event| hash_id::of(event.object(), event.contexts(), &ignored)).collect()
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
    println!("{equal} variants are equal, {different} are not");
}
