//! Evidence of random histories, and of what dishonest servers make of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

#[path = "evidence/browser.rs"]
mod browser;
#[path = "evidence/dishonest.rs"]
mod dishonest;
#[path = "evidence/history.rs"]
mod history;
#[path = "evidence/recalled.rs"]
mod recalled;
#[path = "evidence/vectors.rs"]
mod vectors;
#[path = "evidence/weight.rs"]
mod weight;
mod witness;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use browser::{in_the_browser, spelled, summary};
use history::{History, case, everything, journey, lot, pallet, product, uri};
use recalled::Seen;
use serde_json::Value;
use tracehold_chain::codec;
use tracehold_chain::epcis::{SectionName, canonical};
use tracehold_chain::evidence::{About, CutReason, VerifyError, verify};
use tracehold_chain::state::Leads;
use witness::{Dice, Touched, check, evidence, evidence_of, fault, mutated, trust};
use world::DAY;

/// Promises P111 and P122: evidence of any item of any history verifies, whole and with sections
/// withheld; it holds every event of the item, and exactly the open recalls that name something in
/// its story. Both checkers find the same in it.
#[test]
fn evidence_of_any_item_verifies() {
    let mut found = Vec::new();
    let mut recalls = Seen::default();
    for seed in 0..24 {
        let history = History::random(seed, 40);
        for urn in everything() {
            let id = uri(&urn);
            let record: Option<tracehold_contracts::provenance::ItemRecord> =
                history.world.get(&tracehold_chain::state::StateKey::Item(id.clone()));
            for inputs in [0, 1, 16] {
                let file = history.of(&urn, inputs);
                let report = check(&file).unwrap_or_else(|error| panic!("{seed} {id}: {error:?}"));
                let count = report.item.as_ref().map_or(0, |item| item.count);
                assert_eq!(count, record.as_ref().map_or(0, |record| record.log.count()));
                assert_eq!(report.exists, record.is_some());
                recalls.note(&history, &file, &report);
                assert!(!report.findings(DAY).is_empty());
                found.push((file.to_text(), summary(&report)));
            }
            let public = evidence(&history.world, &id, 1, &[SectionName::Public]);
            let report = check(&public).unwrap();
            let item = report.item.clone().unwrap_or_default();
            assert_eq!(item.withheld_sections, 2 * item.events);
            recalls.note(&history, &public, &report);
            assert!(!public.to_text().contains("\"trade\":{\"salt\""));
        }
    }
    recalls.enough();
    let theirs = in_the_browser(found.iter().map(|(text, _)| (text.clone(), trust(None))), &[]);
    assert_eq!(theirs.len(), found.len());
    for ((text, ours), theirs) in found.iter().zip(theirs) {
        let (theirs, told) = browser::found(&theirs);
        assert_eq!(*ours, theirs, "{text}");
        assert_eq!(told.len() as u64, ours["item"]["events"].as_u64().unwrap_or_default());
    }
}

/// Promise P111: whoever checks in a browser is told who recorded each event, and of an event of
/// the thing itself from one of what it was made of.
#[test]
fn who_recorded_each_event_is_told() {
    let mut history = journey();
    history.object("thief", 12, "OBSERVE", "inspecting", &lot(2));
    history.pack("mill", 13, "ADD", &pallet(3), &[lot(0), lot(2)]);
    history.object("carrier", 14, "OBSERVE", "shipping", &pallet(3));
    let files = [(case(0), 0), (lot(2), 2)].map(|(urn, inputs)| history.of(&urn, inputs).to_text());
    let said = in_the_browser(files.into_iter().map(|text| (text, trust(None))), &[]);
    let told: Vec<_> = said.iter().map(|said| browser::found(said).1).collect();
    assert!(told[0].len() == 7 && told[0].iter().all(|of| *of == ("mill".to_owned(), 0)));
    // The first lot, the second made of it, the third made of that; then what happened to the
    // third, alone and beside the first.
    let wanted = [("mill", 2), ("mill", 1), ("mill", 0), ("thief", 0), ("mill", 0), ("carrier", 0)];
    assert_eq!(told[1], wanted.map(|(who, level)| (who.to_owned(), level)));
}

/// Promise P111: what happens to a container belongs to the story of what was packed in it a second
/// time, when the container was emptied in between and the thing's own log does not tell so.
#[test]
fn a_container_that_was_emptied_and_filled_again_is_followed() {
    let mut history = History::new();
    history.object("mill", 1, "ADD", "commissioning", &case(0));
    history.pack("mill", 2, "ADD", &pallet(0), &[case(0)]);
    history.pack("mill", 3, "DELETE", &pallet(0), &[]);
    history.object("mill", 4, "OBSERVE", "storing", &pallet(0));
    history.pack("mill", 5, "ADD", &pallet(0), &[case(0)]);
    history.object("mill", 6, "OBSERVE", "inspecting", &pallet(0));
    let file = history.of(&case(0), 0);
    let report = check(&file).unwrap();
    let steps = ["commissioning", "inspecting", "storing"];
    let has = steps.map(|step| file.to_text().contains(step));
    assert_eq!(has, [true, true, false], "it was stored without the case");
    assert_eq!(report.item.as_ref().map(|item| item.spans.len()), Some(2));
    let said = in_the_browser([(file.to_text(), trust(None))].into_iter(), &[]);
    assert_eq!(browser::found(&said[0]).0, summary(&report));
}

/// Promise P112: of 10,000 files in which one thing was dropped, added, reordered, altered or taken
/// from another file, every one is refused, by this checker and by the browser's, which shares no
/// line with it; and the browser's accepts what they were made from.
#[test]
fn ten_thousand_mutations_are_caught_by_both_checkers() {
    let mut originals = BTreeSet::new();
    let mut codes = BTreeMap::<String, usize>::new();
    let mut ours = Vec::new();
    let mut done = BTreeMap::<Touched, usize>::new();
    let files = mutations(10_000).map(|(text, mutated, touched)| {
        *done.entry(touched).or_default() += 1;
        let item = serde_json::from_str::<Value>(&text).unwrap()["about"]["id"].clone();
        originals.insert(text);
        let trust = trust(item.as_str());
        let (code, place) = fault(&mutated, &trust);
        assert_ne!(code, "ok", "{place}: {mutated}");
        *codes.entry(code.clone()).or_default() += 1;
        ours.push(code);
        (mutated, trust)
    });
    let theirs = in_the_browser(files, &[]);
    assert_eq!((theirs.len(), ours.len()), (10_000, 10_000));
    assert!(!theirs.iter().any(|said| said.starts_with("holds")));
    // Everything was done to everything.
    let lists = ["event", "vote", "entry", "path", "bucket", "product", "recall"];
    for (how, parts) in [
        ("drop", &lists[..]),
        ("reorder", &lists),
        ("add", &lists),
        ("member", &["event", "vote", "entry", "head", "log", "product", "recall"]),
        ("exchange", &["event", "vote", "entry", "path", "bucket", "header", "head", "product"]),
        ("exchange", &["recall", "list"]),
        ("alter", &["event", "vote", "entry", "path", "bucket", "header", "head", "genesis"]),
        ("alter", &["product", "recall", "list"]),
    ] {
        for part in parts {
            let times = done.get(&(how, *part)).copied().unwrap_or_default();
            assert!(times >= 20, "{how} of {part} {times} times: {done:?}");
        }
    }
    // They are caught by what they break, and not by their spelling alone.
    assert!(codes.len() >= 16, "{codes:?}");
    let alike = theirs.iter().zip(&ours).filter(|(theirs, ours)| {
        let theirs = theirs.split(' ').next().unwrap_or_default();
        spelled(theirs) == spelled(ours)
    });
    let alike = alike.count();
    assert!(alike > 9_500, "the checkers agree on what is wrong in {alike} of 10,000: {codes:?}");
    let whole = originals.into_iter().map(|text| (text, trust(None)));
    assert!(in_the_browser(whole, &[]).iter().all(|said| said.starts_with("holds")));
}

/// Promise P112: whichever byte of a file is changed, and though it can be read as before, both
/// checkers refuse it. Both see every byte of a file about an item, with its container.
#[test]
fn no_byte_can_be_changed() {
    let text = journey().of(&case(0), 0).to_text();
    let changed: Vec<String> =
        (0..text.len()).filter_map(|at| with_another_byte(&text, at)).collect();
    assert!(changed.len() > 10_000, "{}", changed.len());
    for file in &changed {
        let (code, place) = fault(file, &trust(None));
        assert_ne!(code, "ok", "{place}: {file}");
    }
    let theirs = in_the_browser(changed.iter().map(|file| (file.clone(), trust(None))), &[]);
    assert_eq!(theirs.len(), changed.len());
    let taken = theirs.iter().zip(&changed).find(|(said, _)| said.starts_with("holds"));
    assert_eq!(taken, None);
}

/// The text with another byte of its kind there: a digit for a digit, a letter for a letter.
fn with_another_byte(text: &str, at: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = match bytes[at] {
        b'9' => b'8',
        b'f' => b'e',
        b'z' => b'y',
        b'Z' => b'Y',
        byte @ (b'0'..=b'8' | b'a'..=b'e' | b'g'..=b'y' | b'A'..=b'Y') => byte + 1,
        byte if byte.is_ascii() => b'~',
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

/// Files and what was made of them.
fn mutations(count: usize) -> impl Iterator<Item = (String, String, Touched)> {
    let mut dice = Dice(7);
    let mut files = Vec::new();
    for seed in 0..6 {
        let mut history = History::random(seed, 30);
        // So that there are recalls to change.
        assert!(history.recall("mill", &[product(&lot(1)), uri(&pallet(2))]));
        assert!(history.recall("mill", &[uri(&case(0)), uri(&case(1)), product(&lot(1))]));
        for urn in [case(0), case(1), lot(1), pallet(2)] {
            files.push(history.of(&urn, 2).to_text());
        }
        let value = history.of("urn:epc:id:sgtin:9521101.010000.nobody", 0);
        files.push(value.to_text());
    }
    let values: Vec<Value> = files.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let changed = std::iter::from_fn(move || {
        let (one, two) = (dice.roll(files.len()), dice.roll(files.len()));
        let changed = mutated(&files[one], &values[two], &mut dice);
        Some(changed.map(|(text, touched)| (files[one].clone(), text, touched)))
    });
    changed.flatten().filter(|(text, mutated, _)| text != mutated).take(count)
}

/// Promise P111: what happened to a container, and to the container that it was in, is in the file,
/// from joining to leaving and no longer.
#[test]
fn containers_belong_to_the_story_while_it_was_inside() {
    let history = journey();
    let file = history.of(&case(0), 0);
    let logs: Vec<String> = file.logs.iter().map(|log| log.id.clone()).collect();
    assert_eq!(logs, [case(0), pallet(0), pallet(1)].map(|urn| uri(&urn)));
    let report = check(&file).unwrap().item.unwrap();
    assert_eq!((report.count, report.from), (4, 0));
    // Its own four, the storing of the pallet, the pallet's packing and what happened to the outer
    // pallet; not the inspection of the pallet after it had left.
    assert_eq!(report.events, 7);
    assert_eq!(report.spans.len(), 2);
}

/// Promise P111: what it was made of is followed back, so far as was asked, and the file says where
/// it ends.
#[test]
fn inputs_are_followed_and_cut_where_asked() {
    let history = journey();
    for (asked, levels, logs) in [(0, 0, 1), (1, 1, 2), (2, 2, 3), (16, 2, 3)] {
        let file = history.of(&lot(2), asked);
        assert_eq!(file.logs.len(), logs);
        let report = check(&file).unwrap().item.unwrap();
        assert_eq!(report.levels, levels);
        let cut = report.cuts.iter().any(|cut| cut.reason == CutReason::Inputs);
        assert_eq!(cut, asked < 2, "{:?}", report.cuts);
    }
}

/// Promise P111: what somebody without standing says takes nothing out of a container, so that
/// nobody can end a story by a claim.
#[test]
fn a_claim_ends_no_stay() {
    let mut history = journey();
    history.pack("mill", 20, "ADD", &pallet(2), &[case(0)]);
    history.pack("thief", 21, "DELETE", &pallet(2), &[case(0)]);
    history.pack("thief", 22, "DELETE", &pallet(2), &[]);
    history.object("mill", 23, "OBSERVE", "inspecting", &pallet(2));
    let file = history.of(&case(0), 0);
    let report = check(&file).unwrap().item.unwrap();
    assert_eq!(report.claims, 1);
    let log = file.logs.iter().find(|log| log.id == uri(&pallet(2))).unwrap();
    let entries = &log.log.as_ref().unwrap().entries;
    let leaf: tracehold_chain::state::ItemLeaf =
        codec::decode(&entries.last().unwrap().leaf.0).unwrap();
    assert_eq!(leaf.leads, Leads::Nowhere);
    let span = report.spans.iter().find(|span| span.container == uri(&pallet(2))).unwrap();
    assert_eq!(span.range, Some((0, entries.len() as u64 - 1)));
    assert_eq!(span.emptied, None);
}

/// Promise P111: the newest entries of a long log are shown, and the file says that older ones are
/// not.
#[test]
fn a_long_log_shows_its_newest() {
    let mut history = History::new();
    history.object("mill", 1, "ADD", "commissioning", &case(0));
    let most = tracehold_chain::evidence::MAX_LOG_ENTRIES;
    for minute in 0..most + 5 {
        history.object("mill", 2 + minute, "OBSERVE", "inspecting", &case(0));
    }
    let file = history.of(&case(0), 0);
    let report = check(&file).unwrap().item.unwrap();
    assert_eq!((report.from, report.count), (6, most + 6));
    assert!(report.cuts.iter().any(|cut| cut.reason == CutReason::Older));
    let mut file = file;
    file.logs[0].log.as_mut().unwrap().before.swap(0, 1);
    assert_eq!(fault(&file.to_text(), &trust(None)).0, "state-proof");
}

/// Promise P111: a file that has no room for all that a thing was made of ends at the limit, in the
/// same place for whoever makes it and whoever checks it.
#[test]
fn more_inputs_than_fit_are_cut_where_everybody_cuts() {
    let most = tracehold_chain::evidence::MAX_EVIDENCE_LOGS;
    let mut history = History::new();
    history.object("mill", 1, "ADD", "commissioning", &lot(0));
    let many: Vec<String> =
        (0..most + 20).map(|n| format!("urn:epc:class:lgtin:9521101.010001.M{n}")).collect();
    for some in many.chunks(50) {
        history.make("mill", 2, &[lot(0)], some);
    }
    history.make("mill", 3, &many, &[lot(1)]);
    for (asked, levels) in [(0, 0), (1, 1), (16, 1)] {
        let file = history.of(&lot(1), asked);
        let report = check(&file).unwrap().item.unwrap();
        assert_eq!(report.levels, levels);
        assert_eq!(file.logs.len(), if asked == 0 { 1 } else { most });
        let left_out = report.cuts.iter().filter(|cut| cut.reason == CutReason::Logs).count();
        assert_eq!(left_out, if asked == 0 { 0 } else { 21 });
        // Nobody may stop before the limit.
        if asked > 0 {
            let mut file = file;
            file.logs.pop();
            assert_eq!(fault(&file.to_text(), &trust(None)).0, "missing-log");
        }
    }
}

/// Promise P114: that there is no such item, agreement or balance is proved, and denying one that
/// there is is exposed.
#[test]
fn absence_is_proved() {
    let history = journey();
    let nobody = "https://id.gs1.org/01/09521101010009/21/nobody";
    let file = evidence(&history.world, nobody, 3, &SectionName::ALL);
    let report = check(&file).unwrap();
    assert!(!report.exists && report.item.is_none());
    let words = report.findings(DAY);
    assert!(words.iter().any(|finding| finding.code == "absent" && finding.is_proof));
    let mut denied = history.of(&case(0), 0);
    denied.logs[0].log = None;
    denied.logs.truncate(1);
    denied.events.clear();
    assert_eq!(fault(&denied.to_text(), &trust(None)).0, "state-proof");
    let about = About::Balance { account: "mill/main".into(), asset: "EUR@shop".into() };
    let file = evidence_of(&history.world, about);
    let report = check(&file).unwrap();
    assert!(!report.exists && report.record.is_none());
    let agreement = About::Agreement { id: tracehold_chain::digest::Digest([7; 32]) };
    assert!(!check(&evidence_of(&history.world, agreement)).unwrap().exists);
    let mut file = file;
    file.about = About::Balance { account: "mill/main".into(), asset: "no asset".into() };
    assert_eq!(fault(&file.to_text(), &trust(None)).0, "encoding");
}

/// Promise P112: what is no evidence file is told from one that was tampered with, and every
/// failure has its sentence in both languages.
#[test]
fn unreadable_files_and_failures_are_told_apart() {
    let history = journey();
    let text = history.of(&case(0), 0).to_text();
    for broken in ["", "{}", "[1]", "not json", &text[..text.len() / 2]] {
        assert_eq!(fault(broken, &trust(None)).0, "unreadable");
    }
    assert_eq!(
        fault(&text.replace("\"version\":1", "\"version\":2"), &trust(None)).0,
        "unreadable"
    );
    let (code, place) = fault(&format!("{text} "), &trust(None));
    assert_eq!((code.as_str(), place.as_str()), ("spelling", ""));
    let mut value: Value = serde_json::from_str(&text).unwrap();
    value["logs"][1]["log"]["rest"] = "00".repeat(32).into();
    let broken = canonical::text(&value);
    let Err(VerifyError::Failed(failure)) = verify(broken.as_bytes(), &trust(None)) else {
        panic!("a changed digest holds");
    };
    assert_eq!(failure.place.0, "/logs/1/proof");
    let sentence = failure.sentence();
    assert!(sentence.en.contains("/logs/1/proof") && sentence.zh.contains("/logs/1/proof"));
}
