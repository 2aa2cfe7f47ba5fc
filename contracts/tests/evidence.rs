//! Evidence of random histories, and of what dishonest servers make of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

mod witness;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tracehold_chain::codec;
use tracehold_chain::epcis::{SectionName, canonical};
use tracehold_chain::evidence::{
    About, CutReason, Evidence, SectionFile, Trust, VerifyError, Vote, verify,
};
use tracehold_chain::genesis::Parameters;
use tracehold_chain::state::Leads;
use tracehold_chain::units::{Height, TimestampMs};
use tracehold_contracts::Verdict;
use witness::{Dice, certificate, check, everybody, evidence, evidence_of, fault, mutated, trust};
use world::{DAY, World};

fn case(number: usize) -> String {
    format!("urn:epc:id:sgtin:9521101.010000.c{number}")
}

fn pallet(number: usize) -> String {
    format!("urn:epc:id:sscc:9521101.100000000{number}")
}

fn lot(number: usize) -> String {
    format!("urn:epc:class:lgtin:9521101.010001.L{number}")
}

fn uri(urn: &str) -> String {
    tracehold_chain::epcis::identifier::canonical(urn).into_uri()
}

struct History {
    world: World,
    next: u64,
}

impl History {
    fn new() -> History {
        History { world: World::new(witness::parameters()), next: 0 }
    }

    fn tell(&mut self, who: &str, minute: u64, mut event: Value) -> u64 {
        self.next += 1;
        let id = self.next;
        event["@context"] = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld".into();
        event["eventID"] = format!("urn:uuid:00000000-0000-4000-8000-{id:0>12}").into();
        event["eventTime"] = DAY.plus_ms(minute * 60_000).to_string().into();
        event["eventTimeZoneOffset"] = "+00:00".into();
        // Refusals are part of the life of a ledger: whatever is recorded must be provable.
        let _: Verdict = self.world.send(who, vec![event]);
        id
    }

    fn object(&mut self, who: &str, minute: u64, action: &str, step: &str, urn: &str) {
        let mut event = json!({"type": "ObjectEvent", "action": action, "bizStep": step});
        if urn.starts_with("urn:epc:class") {
            event["quantityList"] = json!([{"epcClass": urn, "quantity": 5, "uom": "KGM"}]);
        } else {
            event["epcList"] = json!([urn]);
        }
        self.tell(who, minute, event);
    }

    fn pack(&mut self, who: &str, minute: u64, action: &str, parent: &str, children: &[String]) {
        let mut event = json!({"type": "AggregationEvent", "action": action, "parentID": parent});
        let (lots, cases): (Vec<&String>, Vec<&String>) =
            children.iter().partition(|child| child.starts_with("urn:epc:class"));
        if !cases.is_empty() {
            event["childEPCs"] = json!(cases);
        }
        if !lots.is_empty() {
            let some = |lot: &&String| json!({"epcClass": lot, "quantity": 1, "uom": "KGM"});
            event["childQuantityList"] = lots.iter().map(some).collect();
        }
        self.tell(who, minute, event);
    }

    fn make(&mut self, who: &str, minute: u64, inputs: &[String], outputs: &[String]) {
        let some = |lot: &String| json!({"epcClass": lot, "quantity": 1, "uom": "KGM"});
        let (lots, cases): (Vec<&String>, Vec<&String>) =
            inputs.iter().partition(|input| input.starts_with("urn:epc:class"));
        let mut event = json!({"type": "TransformationEvent", "bizStep": "assembling"});
        event["inputQuantityList"] = lots.into_iter().map(some).collect();
        if !cases.is_empty() {
            event["inputEPCList"] = json!(cases);
        }
        event["outputQuantityList"] = outputs.iter().map(some).collect();
        self.tell(who, minute, event);
    }

    /// A history drawn at random: packing, moving, emptying, transforming, correcting, late.
    fn random(seed: u64, events: usize) -> History {
        let mut history = History::new();
        let mut dice = Dice(seed);
        let actors = ["mill", "mill", "mill", "carrier", "shop", "thief"];
        let mut told: Vec<(String, u64, Value)> = Vec::new();
        for number in 0..4 {
            history.object("mill", 0, "ADD", "commissioning", &case(number));
            history.object("mill", 0, "ADD", "commissioning", &lot(number));
        }
        for _ in 0..events {
            let who = actors[dice.roll(actors.len())];
            let minute = dice.roll(900) as u64;
            let (one, two) = (dice.roll(4), dice.roll(4));
            match dice.roll(13) {
                0 | 1 => history.object(who, minute, "OBSERVE", "inspecting", &case(one)),
                2 | 3 => history.object(who, minute, "OBSERVE", "shipping", &pallet(one)),
                4 => history.object(who, minute, "DELETE", "destroying", &case(one)),
                5 | 6 => history.pack(who, minute, "ADD", &pallet(two), &[case(one), lot(two)]),
                7 => history.pack(who, minute, "DELETE", &pallet(two), &[case(one), lot(two)]),
                8 => history.pack(who, minute, "DELETE", &pallet(two), &[]),
                9 if one != two => {
                    history.pack(who, minute, "ADD", &pallet(two), &[pallet(one)]);
                }
                10 => history.make(who, minute, &[lot(one), case(two)], &[lot(two)]),
                11 => {
                    let event = json!({
                        "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "storing",
                        "epcList": [case(one), pallet(two)],
                    });
                    let id = history.tell(who, minute, event.clone());
                    told.push((who.to_owned(), minute, event));
                    told.last_mut().unwrap().2["number"] = id.into();
                }
                12 if !told.is_empty() => {
                    let (who, minute, event) = told.swap_remove(dice.roll(told.len()));
                    history.correct(&who, minute, event);
                }
                _ => {}
            }
        }
        history
    }

    fn correct(&mut self, who: &str, minute: u64, mut event: Value) {
        let id = event["number"].as_u64().unwrap();
        event.as_object_mut().unwrap().remove("number");
        event["@context"] = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld".into();
        event["eventID"] = format!("urn:uuid:00000000-0000-4000-8000-{id:0>12}").into();
        event["eventTime"] = DAY.plus_ms(minute * 60_000).to_string().into();
        event["eventTimeZoneOffset"] = "+00:00".into();
        event["errorDeclaration"] = json!({
            "declarationTime": DAY.plus_ms(80_000_000 + id).to_string(),
        });
        let verdict = self.world.send(who, vec![event]);
        assert!(matches!(verdict, Verdict::Recorded { .. }), "{verdict:?}");
    }

    fn of(&self, urn: &str, inputs: u8) -> Evidence {
        evidence(&self.world, &uri(urn), inputs, &SectionName::ALL)
    }
}

fn everything() -> impl Iterator<Item = String> {
    (0..4).flat_map(|n| [case(n), pallet(n), lot(n)])
}

/// Promise P111: evidence of any item of any history verifies, whole and with sections withheld;
/// and it holds every event of the item.
#[test]
fn evidence_of_any_item_verifies() {
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
                assert!(!report.findings(DAY).is_empty());
            }
            let public = evidence(&history.world, &id, 1, &[SectionName::Public]);
            let report = check(&public).unwrap();
            let item = report.item.unwrap_or_default();
            assert_eq!(item.withheld_sections, 2 * item.events);
            assert!(!public.to_text().contains("\"trade\":{\"salt\""));
        }
    }
}

/// Promise P112: of 10,000 files in which one thing was dropped, added, reordered, altered or taken
/// from another file, every one is refused, by this checker and by the browser's, which shares no
/// line with it; and the browser's accepts what they were made from.
#[test]
fn ten_thousand_mutations_are_caught_by_both_checkers() {
    let mut originals = BTreeSet::new();
    let mut codes = BTreeMap::<String, usize>::new();
    let mut ours = Vec::new();
    let files = mutations(10_000).map(|(text, mutated)| {
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
    assert!(!theirs.iter().any(|said| said == "holds"));
    // They are caught by what they break, and not by their spelling alone.
    assert!(codes.len() >= 12, "{codes:?}");
    let alike = theirs.iter().zip(&ours).filter(|(theirs, ours)| {
        let theirs = theirs.split(' ').next().unwrap_or_default();
        spelled(theirs) == spelled(ours)
    });
    let alike = alike.count();
    assert!(alike > 9_500, "the checkers agree on what is wrong in {alike} of 10,000: {codes:?}");
    let whole = originals.into_iter().map(|text| (text, trust(None)));
    assert!(in_the_browser(whole, &[]).iter().all(|said| said == "holds"));
}

/// JSON.parse takes what a strict reader refuses; what is then spelled in another way is told from
/// what cannot be read by one checker and not by the other.
fn spelled(code: &str) -> &str {
    if code == "unreadable" { "spelling" } else { code }
}

/// Files and what was made of them.
fn mutations(count: usize) -> impl Iterator<Item = (String, String)> {
    let mut dice = Dice(7);
    let mut files = Vec::new();
    for seed in 0..6 {
        let history = History::random(seed, 30);
        for urn in [case(0), case(1), lot(1), pallet(2)] {
            files.push(history.of(&urn, 2).to_text());
        }
        let value = history.of("urn:epc:id:sgtin:9521101.010000.nobody", 0);
        files.push(value.to_text());
    }
    let values: Vec<Value> = files.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let changed = std::iter::from_fn(move || {
        let (one, two) = (dice.roll(files.len()), dice.roll(files.len()));
        let text = mutated(&files[one], &values[two], &mut dice);
        Some((files[one].clone(), text))
    });
    changed.filter(|(text, mutated)| text != mutated).take(count)
}

/// A story with a case packed on a pallet that goes on a second one, and the lot it was made of.
fn journey() -> History {
    let mut history = History::new();
    history.object("mill", 1, "ADD", "commissioning", &lot(0));
    history.make("mill", 2, &[lot(0)], &[lot(1)]);
    history.make("mill", 3, &[lot(1)], &[lot(2)]);
    history.object("mill", 4, "ADD", "commissioning", &case(0));
    history.pack("mill", 5, "ADD", &pallet(0), &[case(0), case(1)]);
    history.object("mill", 6, "OBSERVE", "storing", &pallet(0));
    history.pack("mill", 7, "ADD", &pallet(1), &[pallet(0)]);
    history.object("mill", 8, "OBSERVE", "inspecting", &pallet(1));
    history.pack("mill", 9, "DELETE", &pallet(0), &[case(0)]);
    history.object("mill", 10, "OBSERVE", "inspecting", &pallet(0));
    history.object("mill", 11, "OBSERVE", "storing", &case(0));
    history
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

/// Promise P113: a server that withholds the last event is exposed, however it goes about it.
#[test]
fn withholding_an_event_is_exposed() {
    let history = journey();
    let honest = history.of(&case(0), 0);
    let code = |file: &Evidence| fault(&file.to_text(), &trust(None)).0;
    assert_eq!(code(&honest), "ok");
    let mut file = honest.clone();
    file.logs[0].log.as_mut().unwrap().entries.pop();
    assert_eq!(code(&file), "state-proof");
    file.events.pop();
    assert_eq!(code(&file), "state-proof");
    let mut file = honest.clone();
    file.events.pop();
    assert_eq!(code(&file), "missing-event");
    // The first instead: the log would begin later than it must.
    let mut file = honest.clone();
    let log = file.logs[0].log.as_mut().unwrap();
    log.from = 1;
    log.before = vec![tracehold_chain::merkle::leaf_hash(
        &codec::decode::<tracehold_chain::state::ItemLeaf>(&log.entries[0].leaf.0)
            .unwrap()
            .digest(),
    )];
    log.entries.remove(0);
    assert_eq!(code(&file), "log-start");
    // What happened to the container, with the container's log or only the events.
    let mut file = honest.clone();
    file.logs.truncate(1);
    assert_eq!(code(&file), "missing-log");
    let mut file = honest;
    file.logs[1].log = None;
    assert_eq!(code(&file), "state-proof");
}

/// Promise P113: a container's log cannot be given under another name.
#[test]
fn another_container_is_exposed() {
    let history = journey();
    let mut file = history.of(&case(0), 0);
    let entries = &mut file.logs[0].log.as_mut().unwrap().entries;
    let packed = entries.iter_mut().find(|entry| !entry.names.is_empty()).unwrap();
    packed.names = vec![uri(&pallet(3))];
    assert_eq!(fault(&file.to_text(), &trust(None)).0, "names");
}

/// Promise P113: an old head is what it is: the height is shown, and whoever asks for a newer block
/// refuses it; old entries under a new head are exposed.
#[test]
fn an_old_head_is_exposed() {
    let mut history = journey();
    let old = history.of(&case(0), 0);
    history.object("mill", 12, "OBSERVE", "inspecting", &case(0));
    let new = history.of(&case(0), 0);
    let report = check(&old).unwrap();
    assert_eq!(report.height.0 + 1, check(&new).unwrap().height.0);
    let fresh = Trust { least_height: Some(Height(new.height)), ..trust(None) };
    assert_eq!(fault(&old.to_text(), &fresh).0, "too-old");
    assert_eq!(fault(&new.to_text(), &fresh).0, "ok");
    let mut mixed = new;
    mixed.logs.clone_from(&old.logs);
    mixed.events.clone_from(&old.events);
    assert_eq!(fault(&mixed.to_text(), &trust(None)).0, "state-proof");
    let words = report.findings(report.block_time.plus_ms(3 * 86_400_000));
    assert!(words.iter().any(|finding| finding.sentence.en.contains("3 days old")));
    let early = report.findings(TimestampMs(0));
    assert!(early.iter().any(|finding| finding.sentence.en.contains("ahead")));
}

/// Promise P113: votes that are too few, twice there, another's or for another block are exposed.
#[test]
fn a_forged_certificate_is_exposed() {
    let history = journey();
    let honest = history.of(&case(0), 0);
    let code = |file: &Evidence| fault(&file.to_text(), &trust(None)).0;
    let header = history.world.header.clone().unwrap();
    let votes = |voters: &[&str]| -> Vec<Vote> {
        let signatures = certificate(&header, voters).signatures;
        let vote = |one: &tracehold_chain::certificate::CommitSignature| Vote {
            validator: one.validator,
            signature: one.signature,
        };
        signatures.iter().map(vote).collect()
    };
    let with = |signatures: Vec<Vote>| {
        let mut file = honest.clone();
        file.certificate.signatures = signatures;
        file
    };
    assert_eq!(code(&with(votes(&["mill", "carrier", "shop"]))), "too-little-power");
    assert_eq!(code(&with(votes(&everybody()))), "spare-vote");
    let mut twice = votes(&["mill", "carrier", "shop"]);
    twice.insert(1, twice[0].clone());
    assert_eq!(code(&with(twice)), "vote-order");
    let mut reordered = honest.certificate.signatures.clone();
    reordered.swap(0, 1);
    assert_eq!(code(&with(reordered)), "vote-order");
    let mut stranger = honest.certificate.signatures.clone();
    stranger[3].validator = tracehold_chain::keys::PublicKey([255; 32]);
    assert_eq!(code(&with(stranger)), "not-a-validator");
    let mut forged = header.clone();
    forged.state_root = tracehold_chain::digest::Digest([7; 32]);
    let mut file = honest.clone();
    file.header.0 = codec::encode(&forged);
    assert_eq!(code(&file), "vote-signature");
}

/// Promise P113: a validator set of the server's own is exposed, with and without a genesis record
/// of its own.
#[test]
fn a_swapped_validator_set_is_exposed() {
    let history = journey();
    let honest = history.of(&case(0), 0);
    let mut own = world::genesis(witness::parameters());
    own.members.truncate(1);
    let mut file = honest.clone();
    file.validators[0].0 = codec::encode(&own.validators().unwrap());
    assert_eq!(fault(&file.to_text(), &trust(None)).0, "validators");
    file.genesis.0 = codec::encode(&own);
    assert_eq!(fault(&file.to_text(), &trust(None)).0, "genesis-digest");
    file.genesis_digest = own.id().0;
    assert_eq!(fault(&file.to_text(), &trust(None)).0, "other-network");
    // Whoever knows no network is told by the report that nothing was compared.
    assert_eq!(fault(&file.to_text(), &Trust::default()).0, "header-validators");
    let report = verify(honest.to_text().as_bytes(), &Trust::default()).unwrap();
    let compared = report.findings(DAY).iter().any(|finding| finding.code == "network");
    assert!(!report.is_known_network && !compared);
    let mut file = honest;
    file.validators.push(file.validators[0].clone());
    assert_eq!(fault(&file.to_text(), &trust(None)).0, "validators");
}

/// Promise P113: the evidence of another item, its events and swapped sections are exposed.
#[test]
fn another_items_events_are_exposed() {
    let history = journey();
    let honest = history.of(&case(0), 0);
    let other = history.of(&case(1), 0);
    let wanted = trust(Some(&uri(&case(0))));
    assert_eq!(fault(&other.to_text(), &wanted).0, "other-subject");
    let mut file = honest.clone();
    file.logs.clone_from(&other.logs);
    assert_eq!(fault(&file.to_text(), &wanted).0, "missing-log");
    let mut file = honest.clone();
    file.logs[0].log.clone_from(&other.logs[0].log);
    assert_eq!(fault(&file.to_text(), &wanted).0, "state-proof");
    let mut file = honest.clone();
    file.events[0] = file.events[1].clone();
    assert_eq!(fault(&file.to_text(), &wanted).0, "event");
    let mut file = honest.clone();
    let event = &mut file.events[0];
    std::mem::swap(&mut event.public, &mut event.trade);
    assert_eq!(fault(&file.to_text(), &wanted).0, "event");
    let mut file = honest;
    file.events[0].rest = SectionFile::Withheld { leaf: tracehold_chain::digest::Digest([1; 32]) };
    assert_eq!(fault(&file.to_text(), &wanted).0, "event");
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

/// Promise P111: evidence of an item with 20 events and three levels of what it was made of, on a
/// ledger with as many buckets as a real one, is at most 50 KB compressed.
#[test]
fn evidence_is_small() {
    let mut history = History { world: World::new(Parameters::default()), next: 0 };
    let input = |level: usize, number: usize| {
        format!("urn:epc:class:lgtin:9521101.010001.R{level}{number}")
    };
    // Three levels, with two inputs on each and something happening to every one.
    for level in (0..3).rev() {
        for number in 0..2 {
            let minute = 10 * (3 - level as u64);
            let made = input(level, number);
            if level == 2 {
                history.object("mill", minute, "ADD", "commissioning", &made);
            } else {
                let from = [input(level + 1, 0), input(level + 1, 1)];
                history.make("mill", minute, &from, &[made.clone()]);
            }
            history.object("mill", minute + 1, "OBSERVE", "inspecting", &made);
        }
    }
    history.make("mill", 50, &[input(0, 0), input(0, 1)], &[lot(0)]);
    for minute in 0..19 {
        history.object("mill", 60 + minute, "OBSERVE", "inspecting", &lot(0));
    }
    let file = history.of(&lot(0), 3);
    let genesis = world::genesis(Parameters::default()).id().0;
    let known = Trust { genesis: Some(genesis), ..Trust::default() };
    let report = verify(file.to_text().as_bytes(), &known).unwrap().item.unwrap();
    assert_eq!((report.count, report.levels, report.inputs), (20, 3, 6));
    let count = "process.stdin.toArray().then((all) => console.log(\
                 require('node:zlib').gzipSync(Buffer.concat(all)).length))";
    let mut node = Command::new("node");
    let mut node =
        node.args(["-e", count]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    node.stdin.take().unwrap().write_all(file.to_text().as_bytes()).unwrap();
    let said = String::from_utf8(node.wait_with_output().unwrap().stdout).unwrap();
    let bytes: usize = said.trim().parse().unwrap();
    assert!(bytes <= 50_000, "{bytes} bytes compressed, {} not", file.to_text().len());
    println!("{bytes} bytes compressed, {} not", file.to_text().len());
}

/// What the browser's checker says of files: `holds`, `unreadable`, or a code and a place.
fn in_the_browser(files: impl Iterator<Item = (String, Trust)>, args: &[&str]) -> Vec<String> {
    let batch = concat!(env!("CARGO_MANIFEST_DIR"), "/../explorer/web/test/batch.mjs");
    let mut node = Command::new("node");
    node.arg(batch).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut node = node.spawn().unwrap_or_else(|error| panic!("node is needed: {error}"));
    let mut input = std::io::BufWriter::new(node.stdin.take().unwrap());
    for (text, trust) in files {
        let Trust { genesis, least_height, item } = trust;
        let mut told = serde_json::Map::new();
        told.extend(genesis.map(|digest| ("genesis".to_owned(), json!(digest))));
        told.extend(least_height.map(|least| ("leastHeight".to_owned(), json!(least.0))));
        told.extend(item.as_ref().map(|item| ("item".to_owned(), json!(item))));
        serde_json::to_writer(&mut input, &json!({"text": text, "trust": told})).unwrap();
        input.write_all(b"\n").unwrap();
    }
    drop(input);
    let done = node.wait_with_output().unwrap();
    assert!(done.status.success());
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Promise P114: the published vectors are what this build makes, and both checkers say of them
/// what is written beside them; the browser's with its own signatures too.
#[test]
fn published_vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evidence-vectors");
    let vectors = vectors();
    let genesis = trust(None).genesis.unwrap();
    let mut listed = Vec::new();
    for (name, text, trust) in &vectors {
        let (code, place) = fault(text, trust);
        let mut entry = json!({"file": name, "result": code, "place": place});
        if let Some(item) = &trust.item {
            entry["trust"]["item"] = json!(item);
        }
        if let Some(least) = trust.least_height {
            entry["trust"]["least_height"] = json!(least.0);
        }
        listed.push(entry);
    }
    let index = json!({"genesis_digest": genesis, "vectors": listed});
    let index = format!("{}\n", serde_json::to_string_pretty(&index).unwrap());
    let writes = std::env::var("GOLDEN").is_ok_and(|word| word == "write");
    for (name, text) in
        vectors.iter().map(|(name, text, _)| (*name, text)).chain([("index.json", &index)])
    {
        if writes {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let kept = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(kept == *text, "{name} changed: see docs/evidence.md");
    }
    for args in [&[][..], &["--no-webcrypto"]] {
        let files = vectors.iter().map(|(_, text, trust)| (text.clone(), trust.clone()));
        for ((name, text, trust), said) in vectors.iter().zip(in_the_browser(files, args)) {
            let (code, place) = fault(text, trust);
            let wanted = match code.as_str() {
                "ok" => "holds".to_owned(),
                _ => format!("{} {place}", spelled(&code)),
            };
            assert_eq!(said, wanted, "{name}");
        }
    }
}

/// Files that others can test a checker with: good ones, and one for each way to cheat.
fn vectors() -> Vec<(&'static str, String, Trust)> {
    let mut history = journey();
    let old = history.of(&case(0), 0);
    history.object("mill", 12, "OBSERVE", "inspecting", &case(0));
    let item = history.of(&case(0), 0);
    let any = trust(None);
    let public = evidence(&history.world, &uri(&case(0)), 0, &[SectionName::Public]);
    let nobody = evidence(
        &history.world,
        "https://id.gs1.org/01/09521101010009/21/nobody",
        0,
        &SectionName::ALL,
    );
    let about = About::Balance { account: "mill/main".into(), asset: "EUR@shop".into() };
    let balance = evidence_of(&history.world, about);
    let altered = |change: &dyn Fn(&mut Evidence)| {
        let mut file = item.clone();
        change(&mut file);
        file.to_text()
    };
    let votes = |file: &mut Evidence| {
        file.certificate.signatures.pop();
    };
    let withheld = |file: &mut Evidence| {
        file.logs[0].log.as_mut().unwrap().entries.pop();
        file.events.pop();
    };
    let twice = item.to_text().replacen("\"height\":", "\"height\":1,\"height\":", 1);
    vec![
        ("good-item.json", item.to_text(), any.clone()),
        ("good-public.json", public.to_text(), any.clone()),
        ("good-inputs.json", history.of(&lot(2), 1).to_text(), any.clone()),
        ("good-absent.json", nobody.to_text(), any.clone()),
        ("good-balance.json", balance.to_text(), any.clone()),
        ("bad-last-event-withheld.json", altered(&withheld), any.clone()),
        ("bad-event-missing.json", altered(&|file| drop(file.events.remove(0))), any.clone()),
        ("bad-container-missing.json", altered(&|file| file.logs.truncate(1)), any.clone()),
        (
            "bad-old-head.json",
            old.to_text(),
            Trust { least_height: Some(Height(item.height)), ..any.clone() },
        ),
        ("bad-old-log.json", altered(&|file| file.logs.clone_from(&old.logs)), any.clone()),
        ("bad-too-little-power.json", altered(&votes), any.clone()),
        (
            "bad-vote-twice.json",
            altered(&|file| {
                file.certificate.signatures[1] = file.certificate.signatures[0].clone();
            }),
            any.clone(),
        ),
        ("bad-other-item.json", item.to_text(), trust(Some(&uri(&case(1))))),
        (
            "bad-sections-swapped.json",
            altered(&|file| {
                let event = &mut file.events[0];
                std::mem::swap(&mut event.public, &mut event.rest);
            }),
            any.clone(),
        ),
        ("bad-member-twice.json", twice, any),
    ]
}
