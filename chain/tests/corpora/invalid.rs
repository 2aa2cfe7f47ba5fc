//! Bad EPCIS documents: each is refused with a pointer, or read after recorded changes, or read
//! with a notice of what is against good sense.

use std::path::Path;

use serde_json::Value;
use tracehold_chain::epcis::{Document, Event, Normalisation, Violation};
use tracehold_chain::units::TimestampMs;

use crate::{corpus, read_json};

/// What a ledger of its own cannot know: whether another event is on record. And one that its
/// publisher calls invalid though the schema and the standard allow it.
const FINE_BY_ITSELF: [&str; 2] = [
    "sem-errdecl-correctiveIDs-missing.json",
    "fastnt--ObjectEvent-StringCertificationInfoArrayInvalid.json",
];

type Read = Result<(Vec<Event>, Vec<Normalisation>), Vec<Violation>>;

fn read(value: &Value, lenient: bool) -> Read {
    let bytes = value.to_string().into_bytes();
    let is_event = value["type"].as_str().is_some_and(|name| name.ends_with("Event"));
    match (is_event, lenient) {
        (true, false) => Event::parse_bare(&bytes).map(|event| (vec![event], Vec::new())),
        (true, true) => Event::parse_bare_lenient(&bytes).map(|(event, made)| (vec![event], made)),
        (false, false) => Document::parse(&bytes)?.all_events().map(|events| (events, Vec::new())),
        (false, true) => {
            let (document, made) = Document::parse_lenient(&bytes)?;
            document.all_events().map(|events| (events, made))
        }
    }
}

fn assert_pointed(name: &str, value: &Value, faults: &[Violation]) {
    assert!(!faults.is_empty(), "{name}");
    for fault in faults {
        assert!(!fault.rule.is_empty() && fault.message.len() > 10, "{name}: {fault}");
        // What is missing has no place yet, but what it is missing from does; and what the
        // lenient reading filled in has neither.
        let mut at = fault.pointer.as_str();
        while value.pointer(at).is_none() {
            at = at.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        assert!(
            fault.pointer.is_empty() || !at.is_empty() || fault.pointer.matches('/').count() == 1,
            "{name}: {fault}"
        );
    }
}

fn files(folder: &Path) -> Vec<(String, Value)> {
    let mut files: Vec<(String, Value)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json" || e == "jsonld"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), read_json(&path)))
        .filter(|(name, _)| name != "MANIFEST.json")
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// Promise P82.
#[test]
fn no_bad_document_is_taken_in_silence() {
    let now = TimestampMs(1_790_000_000_000);
    for set in ["declared", "derived", "wild"] {
        let Some(folder) = corpus(&format!("epcis-invalid/{set}")) else { return };
        let (mut refused, mut changed, mut noticed) = (0, 0, 0);
        for (name, value) in files(&folder) {
            match read(&value, true) {
                Err(faults) => {
                    assert_pointed(&name, &value, &faults);
                    refused += 1;
                }
                Ok((events, made)) if !made.is_empty() => {
                    assert!(!events.is_empty(), "{name}");
                    assert!(read(&value, false).is_err(), "{name}: changed though it is right");
                    changed += 1;
                }
                Ok((events, _)) => {
                    let silent = events.iter().all(|event| event.notices_at(now).is_empty());
                    assert!(!silent || FINE_BY_ITSELF.contains(&name.as_str()), "{name}");
                    noticed += 1;
                }
            }
        }
        println!("{set}: {refused} refused, {changed} read after changes, {noticed} with notices");
    }
}

/// Promise P82.
#[test]
fn good_documents_are_not_changed() {
    let Some(folder) = corpus("epcis-examples") else { return };
    for (name, value) in files(&folder) {
        let (events, made) =
            read(&value, true).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        // A bare event without context is completed: the schema asks documents only for one.
        let made: Vec<_> = made.iter().filter(|made| made.pointer != "/@context").collect();
        assert!(made.is_empty() && !events.is_empty(), "{name}: {made:?}");
    }
}
