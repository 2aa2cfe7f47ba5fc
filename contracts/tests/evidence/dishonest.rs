//! What a dishonest server shows, and that it is exposed.

use tracehold_chain::block::BlockHeader;
use tracehold_chain::codec;
use tracehold_chain::evidence::{Evidence, SectionFile, Trust, Vote, verify};
use tracehold_chain::units::{Height, TimestampMs};

use crate::history::{History, case, journey, pallet, uri};
use crate::witness::{self, certificate, check, everybody, fault, trust};
use crate::world::{self, DAY};

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
    // Whoever knows no network is told by the report that nothing was compared, also when
    // everything is of the server's own making.
    let old = history.of(&case(1), 0);
    let (_, other, swapped) = lies(&history, &old, &honest);
    assert_eq!(fault(&other.to_text(), &trust(None)).0, "other-network");
    assert_eq!(fault(&swapped.to_text(), &trust(None)).0, "validators");
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

/// What the mill's node alone can sign: that the last event never was, under the network's own
/// validators; the same under a network of its own; and under validators of its own.
pub fn lies(history: &History, old: &Evidence, new: &Evidence) -> (Evidence, Evidence, Evidence) {
    let mut header = history.world.header.clone().unwrap();
    let before: BlockHeader = codec::decode(&old.header.0).unwrap();
    header.state_root = before.state_root;
    let with = |header: &BlockHeader| {
        let mut file = Evidence {
            logs: old.logs.clone(),
            events: old.events.clone(),
            products: old.products.clone(),
            recalls: old.recalls.clone(),
            ..new.clone()
        };
        file.header.0 = codec::encode(header);
        let vote = certificate(header, &["mill"]).signatures.remove(0);
        file.certificate.signatures =
            vec![Vote { validator: vote.validator, signature: vote.signature }];
        file
    };
    let forged = with(&header);
    let mut own = world::genesis(witness::parameters());
    own.members.retain(|member| member.id.as_str() == "mill");
    let validators = own.validators().unwrap();
    header.validators = validators.digest();
    header.next_validators = validators.digest();
    let mut swapped = with(&header);
    swapped.validators[0].0 = codec::encode(&validators);
    let mut other = swapped.clone();
    other.genesis.0 = codec::encode(&own);
    other.genesis_digest = own.id().0;
    (forged, other, swapped)
}
