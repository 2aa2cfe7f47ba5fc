//! Bad EPCIS documents: each is refused with a pointer, or read after recorded changes, or read
//! with a notice of what is against good sense. What becomes of which is in `outcomes.tsv`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use tracehold_chain::epcis::context::GS1_CONTEXT;
use tracehold_chain::epcis::hash_id::Reading;
use tracehold_chain::epcis::{Document, Event, Normalisation, Violation};
use tracehold_chain::units::TimestampMs;

use crate::{corpus, read_json};

/// What a node does with each file: folder and name, what the strict reading does and by which
/// rule first, what the lenient one does. The end-to-end tests ask a node for the same.
const OUTCOMES: &str = include_str!("outcomes.tsv");

/// What needs more than the document: a clock, or the ledger. Here these files are read in silence
/// or with another outcome than by a node.
const BY_THE_NODE: [&str; 2] =
    ["derived/sem-future-eventTime.json", "derived/sem-errdecl-correctiveIDs-missing.json"];

/// Published good documents that are odd, with the rule of which they are told. What they break
/// is therefore not refused; `docs/epcis.md` names them.
const ODD: [(&str, &str); 9] = [
    ("epcis2js--example-with-full-possibility-result.json", "undeclared-prefix"),
    ("oe-sentry--ACME-ES-SCE-0dot1-InspectingEventDocument1.json", "check-digit"),
    ("oe-sentry--ACME-ES-SCE-0dot1-ReplacementEventDocument1.json", "check-digit"),
    ("oe-sentry--TransformationBareEvent.json", "undeclared-prefix"),
    ("oe-sentry--valid-event.json", "check-digit"),
    ("oe-testgen--Generated-Events.json", "check-digit"),
    ("oe-testres--Combination-of-different-event.json", "check-digit"),
    ("oe-testres--q-Combination-of-different-event.json", "check-digit"),
    ("oe-testres--q-queryDocument.json", "check-digit"),
];

/// Published good documents with an eventID that was made by an older draft of the event hash id,
/// or of other content.
const OTHER_HASH_IDS: usize = 32;

/// When the documents come: after all of them were written.
const NOW: TimestampMs = TimestampMs(1_790_000_000_000);

/// What was read: the events, how their ids are made, and what was changed.
struct Read {
    events: Vec<Event>,
    reading: Reading,
    changes: Vec<Normalisation>,
}

impl Read {
    fn notices(&self) -> BTreeSet<&'static str> {
        let of = |event: &Event| event.notices_at(NOW, &self.reading);
        self.events.iter().flat_map(of).map(|notice| notice.rule).collect()
    }
}

fn read(value: &Value, lenient: bool) -> Result<Read, Vec<Violation>> {
    let bytes = value.to_string().into_bytes();
    let is_event = value["type"].as_str().is_some_and(|name| name.ends_with("Event"));
    if is_event {
        let (event, changes) = match lenient {
            true => Event::parse_bare_lenient(&bytes)?,
            false => (Event::parse_bare(&bytes)?, Vec::new()),
        };
        return Ok(Read { events: vec![event], reading: Reading::default(), changes });
    }
    let (document, changes) = match lenient {
        true => Document::parse_lenient(&bytes)?,
        false => (Document::parse(&bytes)?, Vec::new()),
    };
    let reading = document.reading();
    Ok(Read { events: document.all_events()?, reading, changes })
}

/// A bare event in a document of its own, as the end-to-end tests send it.
fn wrapped(mut value: Value) -> Value {
    if value.get("epcisBody").is_some() {
        return value;
    }
    let own = value.as_object_mut().unwrap().remove("@context");
    json!({
        "@context": own.unwrap_or(json!(GS1_CONTEXT)),
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-01T00:00:00Z",
        "epcisBody": {"eventList": [value]}
    })
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
        .filter(|(name, _)| name != "MANIFEST.json" && !name.contains(".expected."))
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(!files.is_empty(), "{} has no documents", folder.display());
    files
}

/// What became of a document in one reading, as the table spells it.
fn outcome(name: &str, value: &Value, lenient: bool) -> String {
    match read(value, lenient) {
        Err(faults) => {
            assert_pointed(name, value, &faults);
            match lenient {
                true => "refused".to_owned(),
                false => format!("refused {}", faults[0].rule),
            }
        }
        Ok(read) => {
            assert!(!read.events.is_empty(), "{name}");
            let notices = Vec::from_iter(read.notices()).join(",");
            match (lenient, read.changes.is_empty()) {
                (true, false) => "normalised".to_owned(),
                (true, true) if !notices.is_empty() => "noticed".to_owned(),
                (false, _) if !notices.is_empty() => format!("noticed {notices}"),
                _ => "silent".to_owned(),
            }
        }
    }
}

/// Promise P82.
#[test]
fn no_bad_document_is_taken_in_silence() {
    let mut found = BTreeMap::new();
    for set in ["declared", "derived", "wild"] {
        let Some(folder) = corpus(&format!("epcis-invalid/{set}")) else { return };
        for (name, mut value) in files(&folder) {
            let name = format!("{set}/{name}");
            if set != "derived" {
                value = wrapped(value);
            }
            let outcomes = [outcome(&name, &value, false), outcome(&name, &value, true)];
            found.insert(name, outcomes);
        }
    }
    let expected = OUTCOMES.lines().map(|line| {
        let [name, strict, lenient] = Vec::from_iter(line.split('\t')).try_into().unwrap();
        (name, [strict, lenient])
    });
    let expected: BTreeMap<&str, [&str; 2]> = expected.collect();
    assert_eq!(expected.len(), 18 + 83 + 80);
    assert!(expected.keys().eq(found.keys()), "the table has other files than the corpus");
    let others = found.iter().filter(|(name, outcomes)| {
        !BY_THE_NODE.contains(&name.as_str()) && expected[name.as_str()] != outcomes[..]
    });
    let others: Vec<String> =
        others.map(|(name, of)| format!("{name}\t{}\t{}", of[0], of[1])).collect();
    assert!(others.is_empty(), "other outcomes than the table's:\n{}", others.join("\n"));
    let count = |reading: usize, begin: &str| {
        expected.values().filter(|of| of[reading].starts_with(begin)).count()
    };
    assert_eq!((count(0, "refused"), count(0, "noticed")), (177, 4), "read strictly");
    let lenient = (count(1, "refused"), count(1, "normalised"), count(1, "noticed"));
    assert_eq!(lenient, (106, 67, 8), "read leniently");
}

/// Promise P82: what the strict reading refuses is no habit of those who publish examples; where
/// one is odd, it is told and not refused.
#[test]
fn good_documents_are_taken_and_not_changed() {
    let (mut odd, mut other_hash_ids) = (Vec::new(), 0);
    for set in ["epcis-examples", "epcis-query", "hash-vectors", "hash-vectors/tier2"] {
        let Some(folder) = corpus(set) else { return };
        for (name, mut value) in files(&folder) {
            let refused = |faults| panic!("{set}/{name}: {faults:?}");
            let lenient = read(&value, true).unwrap_or_else(refused);
            // A bare event without context is completed: the schema asks documents only for one.
            let mut changes = lenient.changes.iter().filter(|change| change.pointer != "/@context");
            assert_eq!(changes.next(), None, "{name}");
            if value.get("epcisBody").is_none() && value.get("@context").is_none() {
                value["@context"] = json!(GS1_CONTEXT);
            }
            let strict = read(&value, false).unwrap_or_else(refused);
            if set == "epcis-examples" {
                let (hash_id, other): (Vec<_>, Vec<_>) =
                    strict.notices().into_iter().partition(|rule| *rule == "event-hash-id");
                other_hash_ids += hash_id.len();
                odd.extend(other.into_iter().map(|rule| (name.clone(), rule)));
            }
        }
    }
    assert_eq!(odd, ODD.map(|(name, rule)| (name.to_owned(), rule)));
    assert_eq!(other_hash_ids, OTHER_HASH_IDS);
}
