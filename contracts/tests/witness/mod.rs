//! Evidence of what a small network has recorded, and what dishonest servers do to it.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::collections::BTreeMap;
use std::convert::Infallible;

use serde_json::Value;
use tracehold_chain::block::BlockHeader;
use tracehold_chain::certificate::{CommitCertificate, CommitSignature, VoteKind, vote_digest};
use tracehold_chain::epcis::{SectionName, SectionedEvent, canonical};
use tracehold_chain::evidence::{
    About, Entry, Evidence, Network, Report, Show, Source, Trust, Unsealed, VerifyError, draft,
    draft_state, verify,
};
use tracehold_chain::genesis::{Genesis, Parameters};
use tracehold_chain::keys::Signer;
use tracehold_chain::state::{Position, StateKey};
use tracehold_contracts::provenance::{Facts, ItemRecord, MadeOf, leaf};

use crate::world::{World, genesis, members, node_key};

/// Few buckets: small proofs, several entries in each bucket.
pub fn parameters() -> Parameters {
    Parameters { state_buckets_log2: 4, ..Parameters::default() }
}

struct WorldSource<'a>(&'a World);

impl Source for WorldSource<'_> {
    type Error = Infallible;

    fn record(&mut self, key: &StateKey) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.0.bytes(&key.encode()))
    }

    fn entries(&mut self, id: &str, record: &[u8], count: u64) -> Result<Vec<Entry>, Infallible> {
        let record: ItemRecord = tracehold_chain::codec::unpack(record).unwrap();
        let steps = self.0.steps(id, &record);
        assert_eq!(steps.len() as u64, count);
        let entries = steps.into_iter().map(|step| {
            let facts = Facts::read(&self.0.bodies[&step.position]).unwrap();
            let made_of = MadeOf::of(&facts);
            let leaf = leaf(&step, made_of.as_ref());
            let names = match (&leaf.leads, step.parent, made_of) {
                (tracehold_chain::state::Leads::Made { .. }, _, Some(made_of)) => made_of.inputs,
                (_, Some(parent), _) => vec![parent],
                _ => Vec::new(),
            };
            Entry { leaf, names }
        });
        Ok(entries.collect())
    }

    fn event(&mut self, position: Position) -> Result<Option<SectionedEvent>, Infallible> {
        Ok(self.0.bodies.get(&position).cloned())
    }
}

/// A certificate of these members' nodes.
pub fn certificate(header: &BlockHeader, voters: &[&str]) -> CommitCertificate {
    let (height, round, block_id) = (header.height, 0, header.id());
    let kind = VoteKind::Precommit;
    let digest = vote_digest(&header.chain_id, kind, height, round, Some(block_id));
    let sign = |name: &&str| {
        let key = node_key(name);
        CommitSignature { validator: key.public_key(), signature: key.sign(&digest) }
    };
    let mut signatures: Vec<CommitSignature> = voters.iter().map(sign).collect();
    signatures.sort_by_key(|vote| vote.validator);
    CommitCertificate { height, round, block_id, signatures }
}

pub fn everybody() -> Vec<&'static str> {
    members().map(|(name, ..)| name).collect()
}

/// Evidence of an item, as an honest node makes it.
pub fn evidence(world: &World, id: &str, inputs: u8, sections: &[SectionName]) -> Evidence {
    let show = Show { sections: sections.to_vec(), inputs };
    let draft = draft(&mut WorldSource(world), id, &show).unwrap();
    sealed(world, draft)
}

/// Evidence of the record of an agreement or account.
pub fn evidence_of(world: &World, about: About) -> Evidence {
    let value = world.bytes(&about.state_key().unwrap().encode());
    sealed(world, draft_state(about, value).unwrap())
}

fn sealed(world: &World, draft: tracehold_chain::evidence::Draft) -> Evidence {
    let header = world.header.as_ref().unwrap();
    let proofs = draft.keys().iter().map(|key| world.ledger.tree().prove(key)).collect();
    let network = Network {
        genesis: &genesis(world.ledger.parameters().clone()),
        validators: world.ledger.validators(),
        header,
        certificate: &certificate(header, &everybody()),
    };
    let sealed: Result<_, Unsealed<Infallible>> = draft.seal(network, proofs);
    sealed.unwrap()
}

pub fn trust(item: Option<&str>) -> Trust {
    let genesis: Genesis = genesis(parameters());
    Trust { genesis: Some(genesis.id().0), least_height: None, item: item.map(str::to_owned) }
}

pub fn check(evidence: &Evidence) -> Result<Report, VerifyError> {
    verify(evidence.to_text().as_bytes(), &trust(None))
}

/// The word for what is wrong, and the place.
pub fn fault(text: &str, trust: &Trust) -> (String, String) {
    match verify(text.as_bytes(), trust) {
        Ok(_) => ("ok".to_owned(), String::new()),
        Err(VerifyError::Unreadable(_)) => ("unreadable".to_owned(), String::new()),
        Err(VerifyError::Failed(failure)) => {
            (failure.reason.code().to_owned(), failure.place.0.clone())
        }
    }
}

/// Random numbers, the same for the same seed (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides.max(1) as u64).unwrap()
    }
}

/// JSON pointers of everything in a value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                pointers(value, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

/// What was done to a file, and to which part of it.
pub type Touched = (&'static str, &'static str);

/// The part of a file that a place is in.
fn part(place: &str) -> &'static str {
    let mut words = place.split('/').skip(1);
    let first = words.next().unwrap_or_default();
    match (first, words.nth(1), words.next()) {
        ("logs", Some("log"), Some("entries")) => "entry",
        ("logs", Some("log"), _) => "head",
        ("logs", Some("proof"), Some("path")) => "path",
        ("logs", Some("proof"), _) => "bucket",
        ("logs", Some("recalls"), _) => "list",
        ("logs", ..) => "log",
        ("events", ..) => "event",
        ("products", ..) => "product",
        ("recalls", ..) => "recall",
        ("certificate", ..) => "vote",
        ("header", ..) => "header",
        ("validators", ..) => "validators",
        ("genesis", ..) => "genesis",
        _ => "rest",
    }
}

/// One thing changed in a file: in its text, or in what it says, then spelled canonically. `other`
/// is a file from which something can be taken. `None` when nothing came of it.
pub fn mutated(text: &str, other: &Value, dice: &mut Dice) -> Option<(String, Touched)> {
    let kind = dice.roll(10);
    if kind == 0 {
        let mut bytes = text.as_bytes().to_vec();
        let at = dice.roll(bytes.len());
        bytes[at] ^= 1 << dice.roll(7);
        return Some((String::from_utf8(bytes).ok()?, ("bit", "text")));
    }
    if kind == 1 {
        // The same member twice.
        let places: Vec<usize> = text.match_indices(":\"").map(|(at, _)| at).collect();
        let at = places[dice.roll(places.len())];
        let start = text[..at].rfind([',', '{'])? + 1;
        let text = format!("{}{}:\"0\",{}", &text[..start], &text[start..at], &text[start..]);
        return Some((text, ("twice", "text")));
    }
    let mut value: Value = serde_json::from_str(text).unwrap();
    let mut places = Vec::new();
    pointers(&value, "", &mut places);
    // Every part as often as any other, however long.
    let mut parts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for place in places {
        let fits = match (kind, value.pointer(&place)?) {
            (2 | 4, Value::Array(list)) => !list.is_empty(),
            (3, Value::Array(list)) => list.len() > 1,
            (5, Value::Object(_)) | (6, Value::Number(_)) => true,
            (7 | 8, Value::String(text)) => !text.is_empty(),
            // Not the whole file: another one is no changed one.
            (9, _) => !place.is_empty() && other.pointer(&place).is_some(),
            _ => false,
        };
        if fits {
            parts.entry(part(&place)).or_default().push(place);
        }
    }
    let (part, places) = parts.iter().nth(dice.roll(parts.len()))?;
    let place = &places[dice.roll(places.len())];
    let how = touched(kind, &mut value, place, other, dice)?;
    Some((canonical::text(&value), (how, *part)))
}

/// Does one thing to what is at a place, where it can be done.
fn touched(
    kind: usize,
    value: &mut Value,
    place: &str,
    other: &Value,
    dice: &mut Dice,
) -> Option<&'static str> {
    let how = match (kind, value.pointer_mut(place).unwrap()) {
        (2, Value::Array(list)) if !list.is_empty() => {
            list.remove(dice.roll(list.len()));
            "drop"
        }
        (3, Value::Array(list)) if list.len() > 1 => {
            let (one, two) = (dice.roll(list.len()), dice.roll(list.len()));
            list.swap(one, two);
            "reorder"
        }
        (4, Value::Array(list)) if !list.is_empty() => {
            let again = list[dice.roll(list.len())].clone();
            list.insert(dice.roll(list.len() + 1), again);
            "add"
        }
        (5, Value::Object(map)) if !map.is_empty() => {
            let key = map.keys().nth(dice.roll(map.len())).unwrap().clone();
            map.remove(&key);
            "member"
        }
        (6, target @ Value::Number(_)) => {
            let number = target.as_u64().unwrap();
            let up = dice.roll(2) == 0;
            *target = if up { number + 1 } else { number.saturating_sub(1) }.into();
            "number"
        }
        (7 | 8, Value::String(text)) if !text.is_empty() => {
            let mut chars: Vec<char> = text.chars().collect();
            let at = dice.roll(chars.len());
            let digits = ['0', '1', '7', 'a', 'f'];
            chars[at] = digits[dice.roll(digits.len())];
            *text = chars.into_iter().collect();
            "alter"
        }
        (9, target) => {
            *target = other.pointer(place)?.clone();
            "exchange"
        }
        _ => return None,
    };
    Some(how)
}
