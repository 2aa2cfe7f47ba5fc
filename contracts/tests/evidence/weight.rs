//! How much a file weighs.

use std::io::Write as _;
use std::process::{Command, Stdio};

use tracehold_chain::digest::Digest;
use tracehold_chain::evidence::{Evidence, Trust, verify};
use tracehold_chain::genesis::Parameters;
use tracehold_chain::recall::RecallRecord;
use tracehold_chain::state::tree::{Entry, bucket_of};
use tracehold_chain::state::{StateKey, StateProof};

use crate::history::{History, lot, pallet, product, uri};
use crate::world;

/// Entries of a bucket on a ledger with a million events.
const BUCKET_ENTRIES: usize = 4;

/// A lot of what it was made of, each of a product of its own.
fn input(level: u32, number: u32) -> String {
    format!("urn:epc:class:lgtin:9521101.0{level}{number:02}07.R")
}

/// As the proof of a key is on a ledger that holds much: nothing in it is empty, and two proofs
/// share what they share.
fn filled(proof: &mut StateProof, key: &StateKey) {
    let index = bucket_of(&Entry::key_digest(&key.encode()), 20);
    for (level, sibling) in proof.path.iter_mut().enumerate() {
        let name = format!("{level} {}", (index >> level) ^ 1);
        *sibling = Digest::of_file(name.as_bytes());
    }
    for entry in proof.bucket.len()..BUCKET_ENTRIES {
        let digest = |of: &str| Digest::of_file(format!("{index} {entry} {of}").as_bytes());
        proof.bucket.push((digest("key"), digest("value")));
    }
}

fn compressed(file: &Evidence) -> usize {
    let mut file = file.clone();
    for log in &mut file.logs {
        filled(&mut log.proof, &StateKey::Item(log.id.clone()));
    }
    for product in &mut file.products {
        filled(&mut product.proof, &StateKey::RecallsOf(product.id.clone()));
    }
    for recall in &mut file.recalls {
        let record: RecallRecord = tracehold_chain::codec::decode(&recall.value.0).unwrap();
        filled(&mut recall.proof, &record.id.key());
    }
    let count = "process.stdin.toArray().then((all) => console.log(\
                 require('node:zlib').gzipSync(Buffer.concat(all)).length))";
    let mut node = Command::new("node");
    let mut node =
        node.args(["-e", count]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    node.stdin.take().unwrap().write_all(file.to_text().as_bytes()).unwrap();
    let said = String::from_utf8(node.wait_with_output().unwrap().stdout).unwrap();
    said.trim().parse().unwrap()
}

/// Promise P111: evidence of an item with 20 events, packed for a while, and three levels of what
/// it was made of, two inputs to each thing and each of another product, on a ledger with as many
/// buckets as a real one and something in all of them, is at most 50 KB compressed; with a recall
/// of something, too.
#[test]
fn evidence_is_small() {
    let mut history = History::with(Parameters::default());
    for level in (1..=3_u32).rev() {
        for number in 0..2_u32.pow(level) {
            let minute = 10 * (4 - u64::from(level));
            let made = input(level, number);
            if level == 3 {
                history.object("mill", minute, "ADD", "commissioning", &made);
            } else {
                let from = [2 * number, 2 * number + 1].map(|number| input(level + 1, number));
                history.make("mill", minute, &from, std::slice::from_ref(&made));
            }
            history.object("mill", minute + 1, "OBSERVE", "inspecting", &made);
        }
    }
    history.make("mill", 50, &[input(1, 0), input(1, 1)], &[lot(0)]);
    history.pack("mill", 51, "ADD", &pallet(0), &[lot(0)]);
    history.object("mill", 52, "OBSERVE", "shipping", &pallet(0));
    history.pack("mill", 53, "DELETE", &pallet(0), &[]);
    for minute in 0..18 {
        history.object("mill", 60 + minute, "OBSERVE", "inspecting", &lot(0));
    }
    let genesis = world::genesis(Parameters::default()).id().0;
    let known = Trust { genesis: Some(genesis), ..Trust::default() };
    let mut weigh = |recalls: usize| {
        let file = history.of(&lot(0), 3);
        let report = verify(file.to_text().as_bytes(), &known).unwrap();
        let item = report.item.unwrap();
        assert_eq!((item.count, item.levels, item.inputs), (20, 3, 14));
        assert_eq!((file.logs.len(), file.products.len()), (16, 15));
        assert_eq!(report.recalls.len(), recalls);
        let bytes = compressed(&file);
        assert!(bytes <= 50_000, "{bytes} bytes compressed");
        println!("{bytes} bytes compressed with {recalls} recalls");
        let all = [uri(&input(3, 7)), product(&input(2, 1)), uri(&pallet(0))];
        assert!(history.recall("mill", &all));
        bytes
    };
    let none = weigh(0);
    assert!(none < weigh(1), "a recall weighs something");
}
