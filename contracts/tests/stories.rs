//! Whatever happens, in whatever order it is uploaded: properties of the story of things, on the
//! real ledger.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

mod world;

use std::collections::BTreeMap;

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tracehold_chain::epcis::canonical;
use tracehold_chain::genesis::Parameters;
use tracehold_chain::state::StateKey;
use tracehold_chain::state::key::name_digest;
use tracehold_chain::units::Height;
use tracehold_contracts::Verdict;
use tracehold_contracts::provenance::{AsOf, ItemRecord, ItemState, Step, fold, state_as_of};
use world::{DAY, World};

const ACTORS: [&str; 5] = ["mill", "mill", "carrier", "shop", "thief"];
const STEPS: [&str; 7] =
    ["shipping", "receiving", "void_shipping", "inspecting", "departing", "accepting", "storing"];

/// One thing that happens, drawn at random.
#[derive(Clone, Debug)]
struct Happening {
    actor: usize,
    verb: u8,
    step: usize,
    item: usize,
    other: usize,
    minute: u64,
    to: usize,
}

fn happening() -> impl Strategy<Value = Happening> {
    (0..ACTORS.len(), 0_u8..12, 0..STEPS.len(), 0_usize..4, 0_usize..4, 0_u64..900, 0..5_usize)
        .prop_map(|(actor, verb, step, item, other, minute, to)| Happening {
            actor,
            verb,
            step,
            item,
            other,
            minute,
            to,
        })
}

fn case(number: usize) -> String {
    format!("urn:epc:id:sgtin:9521101.010000.c{number}")
}

fn pallet(number: usize) -> String {
    format!("urn:epc:id:sscc:9521101.100000000{number}")
}

fn lot(number: usize) -> String {
    format!("urn:epc:class:lgtin:9521101.010001.L{number}")
}

fn base(id: u64, minute: u64) -> Value {
    json!({
        "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "eventID": format!("urn:uuid:00000000-0000-4000-8000-{id:0>12}"),
        "eventTime": DAY.plus_ms(minute * 60_000).to_string(),
        "eventTimeZoneOffset": "+00:00",
        "bizLocation": {"id": format!("urn:epc:id:sgln:9521101.00001.{}", id % 5)},
    })
}

fn event(id: u64, what: &Happening) -> Value {
    let mut event = base(id, what.minute);
    let mut set = |key: &str, value: Value| {
        event[key] = value;
    };
    match what.verb {
        0 | 1 => {
            set("type", "ObjectEvent".into());
            set("action", if what.verb == 0 { "ADD" } else { "DELETE" }.into());
            set("bizStep", if what.verb == 0 { "commissioning" } else { "destroying" }.into());
            set("epcList", json!([case(what.item)]));
        }
        2..=5 => {
            set("type", "ObjectEvent".into());
            set("action", "OBSERVE".into());
            set("bizStep", STEPS[what.step].into());
            let named = if what.verb < 4 { case(what.item) } else { pallet(what.other) };
            set("epcList", json!([named]));
            let party = ["9521101", "9522202", "9523303", "9525505", "9529909"][what.to];
            let party = format!("urn:epc:id:pgln:{party}.00001");
            set("destinationList", json!([{"type": "possessing_party", "destination": party}]));
        }
        6..=11 => {
            set("type", "AggregationEvent".into());
            let adds = what.verb < 9;
            set("action", if adds { "ADD" } else { "DELETE" }.into());
            set("parentID", pallet(what.other).into());
            match what.verb {
                11 => {}
                8 if what.item != what.other => set("childEPCs", json!([pallet(what.item)])),
                _ => set("childEPCs", json!([case(what.item), case((what.item + 1) % 4)])),
            }
        }
        _ => unreachable!("verbs are drawn below twelve"),
    }
    event
}

fn everything() -> impl Iterator<Item = String> {
    (0..4).flat_map(|n| [case(n), pallet(n), lot(n)]).map(|urn| canonical(&urn).into_uri())
}

fn record(world: &World, uri: &str) -> Option<ItemRecord> {
    world.get(&StateKey::Item(uri.to_owned()))
}

/// Of which lot, in pieces or not; whether made, used or ended; how much.
type Change = ((usize, bool), usize, i64);

fn small() -> Parameters {
    Parameters { state_buckets_log2: 6, ..Parameters::default() }
}

/// What does not depend on where an event stands in the log.
fn told(state: &ItemState) -> String {
    let life = format!("{:?}", state.life);
    let life = life.split('(').next().unwrap_or_default().to_owned();
    let holders: Vec<String> =
        state.holders.iter().map(|h| format!("{} {}", h.what, h.mark.time)).collect();
    let transits: Vec<String> =
        state.transits.iter().map(|t| format!("{} {:?} {}", t.from, t.to, t.since.time)).collect();
    let said = |said: &Option<tracehold_contracts::provenance::Said<String>>| {
        said.as_ref().map(|said| format!("{} {}", said.what, said.mark.time))
    };
    format!(
        "{life} {holders:?} {transits:?} {:?} {:?} claims {}",
        said(&state.biz_step),
        said(&state.place),
        state.claims
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Promises P24, P26: an item is in one parent at most; its state is the naive replay of its
    /// steps; and what it was at any height is what a ledger that stopped there has.
    #[test]
    fn every_state_is_the_replay_of_its_steps(
        story in proptest::collection::vec((happening(), 0_u8..8), 1..36),
    ) {
        let mut world = World::new(small());
        let mut stopped: Vec<BTreeMap<String, ItemState>> = vec![BTreeMap::new()];
        let mut sent: Vec<(usize, Value)> = Vec::new();
        for (id, (what, correct)) in story.iter().enumerate() {
            let (actor, value) = match sent.get(what.step * 3) {
                // Now and then the recorder of an event declares it in error.
                Some((actor, value)) if *correct == 0 => {
                    let mut value = value.clone();
                    let time = DAY.plus_ms(72_000_000 + id as u64).to_string();
                    value["errorDeclaration"] = json!({"declarationTime": time});
                    (*actor, value)
                }
                _ => (what.actor, event(id as u64, what)),
            };
            world.send(ACTORS[actor], vec![value.clone()]);
            if value.get("errorDeclaration").is_none() {
                sent.push((actor, value));
            }
            let states = everything().filter_map(|uri| {
                record(&world, &uri).map(|record| (uri, record.state))
            });
            stopped.push(states.collect());
        }
        let mut live: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for uri in everything() {
            let Some(record) = record(&world, &uri) else { continue };
            let steps: Vec<Step> = world.steps(&uri, &record);
            prop_assert_eq!(steps.len() as u64, record.log.count());
            prop_assert_eq!(&fold(&steps).state, &record.state, "{}", uri);
            for (height, states) in (0..).zip(&stopped) {
                let known = state_as_of(&steps, AsOf::Height(Height(height)));
                let then = states.get(&uri).cloned().unwrap_or_default();
                prop_assert_eq!(known, then, "{} at {}", uri, height);
            }
            for edge in world.edges(&name_digest(&uri)) {
                if record.state.emptied_after(edge.mark).is_none() {
                    live.entry(edge.child).or_default().push(uri.clone());
                }
            }
        }
        for (child, parents) in live {
            prop_assert_eq!(parents.len(), 1, "{} in {:?}", child, parents);
            let parent = record(&world, &child).unwrap().state.parent.unwrap();
            prop_assert_eq!(&parent.what, &parents[0]);
            // Nothing is inside of itself.
            let mut seen = vec![child.clone()];
            let mut next = Some(parent);
            while let Some(parent) = next {
                let around = record(&world, &parent.what).unwrap().state;
                if around.emptied_after(parent.mark).is_some() {
                    // It came out with everything else.
                    break;
                }
                prop_assert!(!seen.contains(&parent.what), "{:?} again {}", seen, parent.what);
                seen.push(parent.what.clone());
                next = around.parent;
            }
        }
    }

    /// Promise P26: the same events in another order of upload tell the same story.
    #[test]
    fn the_order_of_upload_does_not_matter(
        story in proptest::collection::vec(happening(), 1..24),
        keys in proptest::collection::vec(any::<u64>(), 24),
    ) {
        // Each at its own time, and nothing packed: what a container passes on is written when it
        // is known.
        let story: Vec<(u64, Happening)> = (0..)
            .zip(story)
            .map(|(id, what)| {
                let verb = what.verb % 6;
                (id, Happening { minute: what.minute / 24 * 24 + id, verb, ..what })
            })
            .collect();
        let mut shuffled = story.clone();
        shuffled.sort_by_key(|(id, _)| keys[usize::try_from(*id).unwrap()]);
        let mut told_by: Vec<BTreeMap<String, String>> = Vec::new();
        for order in [story, shuffled] {
            let mut world = World::new(small());
            for (id, what) in &order {
                let verdict = world.send(ACTORS[what.actor], vec![event(*id, what)]);
                let refused = matches!(verdict, Verdict::Rejected(_));
                // Only a commissioning under another's prefix is refused, whenever it comes.
                prop_assert_eq!(refused, what.verb == 0 && what.actor > 1);
            }
            told_by.push(
                everything()
                    .filter_map(|uri| record(&world, &uri).map(|r| (uri, told(&r.state))))
                    .collect(),
            );
        }
        prop_assert_eq!(&told_by[0], &told_by[1]);
    }

    /// Promise P25: kilograms and pieces are conserved, to the last gram and in any order.
    #[test]
    fn kilograms_and_pieces_are_conserved(
        story in proptest::collection::vec(
            (0_u8..6, 0_usize..4, 0_usize..4, 1_i64..5_000, 0_u64..900, any::<bool>(), 0_u8..6),
            1..36,
        ),
    ) {
        let mut world = World::new(small());
        // Made, used and ended of each lot in grams (or pieces), and what lies on each pallet.
        let mut sums: BTreeMap<(usize, bool), [i64; 3]> = BTreeMap::new();
        let mut lying: BTreeMap<(usize, usize, bool), i64> = BTreeMap::new();
        let mut sent: Vec<(Value, Vec<Change>)> = Vec::new();
        for (id, (verb, of, other, amount, minute, pieces, correct)) in (0..).zip(story) {
            let mut event = base(id, minute);
            let much = |number: usize| {
                if pieces {
                    json!([{"epcClass": lot(number), "quantity": amount}])
                } else if amount % 2 == 0 {
                    json!([{"epcClass": lot(number), "quantity": amount, "uom": "GRM"}])
                } else {
                    let kilograms: Value =
                        serde_json::from_str(&format!("{}.{:03}", amount / 1000, amount % 1000))
                            .unwrap();
                    json!([{"epcClass": lot(number), "quantity": kilograms, "uom": "KGM"}])
                }
            };
            let mut changes = Vec::new();
            match verb {
                0 | 1 => {
                    event["type"] = "ObjectEvent".into();
                    event["action"] = if verb == 0 { "ADD" } else { "DELETE" }.into();
                    event["quantityList"] = much(of);
                    changes.push(((of, pieces), if verb == 0 { 0 } else { 2 }, amount));
                }
                2 | 3 => {
                    event["type"] = "TransformationEvent".into();
                    event["inputQuantityList"] = much(of);
                    event["outputQuantityList"] = much(other);
                    changes.push(((of, pieces), 1, amount));
                    changes.push(((other, pieces), 0, amount));
                }
                _ => {
                    event["type"] = "AggregationEvent".into();
                    event["parentID"] = pallet(other).into();
                    event["childQuantityList"] = much(of);
                    event["action"] = if verb == 4 { "ADD" } else { "DELETE" }.into();
                    let on = lying.entry((other, of, pieces)).or_default();
                    // Taking out without an amount of that unit takes nothing.
                    *on = if verb == 4 { *on + amount } else { (*on - amount).max(0) };
                }
            }
            world.send("mill", vec![event.clone()]);
            for (lot, place, amount) in &changes {
                sums.entry(*lot).or_default()[*place] += amount;
            }
            if correct == 0 && let Some((mut wrong, changes)) = sent.pop() {
                let time = DAY.plus_ms(72_000_000 + id).to_string();
                wrong["errorDeclaration"] = json!({"declarationTime": time});
                world.send("mill", vec![wrong]);
                for (lot, place, amount) in changes {
                    sums.entry(lot).or_default()[place] -= amount;
                }
            }
            if !changes.is_empty() {
                sent.push((event, changes));
            }
        }
        for ((number, pieces), [made, used, ended]) in sums {
            let state = record(&world, &canonical(&lot(number)).into_uri()).unwrap().state;
            let code = if pieces { "" } else { "KGM" };
            let found = state.balances.iter().find(|balance| balance.unit.0 == code);
            let grams = |amount| Decimal::new(amount, if pieces { 0 } else { 3 }).normalize();
            let found = found.map(|b| (b.made, b.used, b.ended)).unwrap_or_default();
            prop_assert_eq!(found, (grams(made), grams(used), grams(ended)));
        }
        for ((parent, number, pieces), amount) in lying {
            let code = if pieces { "" } else { "KGM" };
            let uri = canonical(&lot(number)).into_uri();
            let edges = world.edges(&name_digest(&canonical(&pallet(parent)).into_uri()));
            let edge = edges.iter().find(|edge| edge.child == uri);
            let found = edge.and_then(|e| e.amounts.iter().find(|(unit, _)| unit.0 == code));
            let grams = Decimal::new(amount, if pieces { 0 } else { 3 }).normalize();
            prop_assert_eq!(found.map_or(Decimal::ZERO, |(_, value)| *value), grams);
        }
    }
}

/// Promise P17: a transaction that changes more than a block may is refused, and holds nobody up.
#[test]
fn what_no_block_can_hold_is_refused_and_does_not_wait() {
    let mut world = World::new(Parameters { max_block_touches: 25_000, ..small() });
    let children = |from: usize| -> Vec<String> {
        (from..from + 4_990).map(|n| format!("urn:epc:id:sgtin:9521101.010000.p{n}")).collect()
    };
    let pack = |id: u64, minute: u64, parent: usize, from: usize| {
        let mut event = base(id, minute);
        event["type"] = "AggregationEvent".into();
        event["action"] = "ADD".into();
        event["parentID"] = pallet(parent).into();
        event["childEPCs"] = children(from).into();
        event
    };
    let first = world.send("mill", vec![pack(1, 10, 0, 0)]);
    assert!(matches!(first, Verdict::Recorded { .. }), "{first:?}");
    // The most that one event can change: everything leaves one parent for another.
    let moved = world.send("mill", vec![pack(2, 20, 1, 0)]);
    assert!(matches!(moved, Verdict::Recorded { .. }), "{moved:?}");
    // More than a block by what is named, and more than a block only by what goes away.
    let named = vec![pack(3, 30, 0, 0), pack(4, 40, 2, 5_000), pack(5, 50, 3, 10_000)];
    let mut few = pack(7, 50, 3, 10_000);
    few["childEPCs"].as_array_mut().unwrap().truncate(200);
    let run = vec![pack(8, 30, 0, 0), pack(9, 40, 2, 5_000), few];
    for too_much in [named, run] {
        let Verdict::Rejected(rejection) = world.send("mill", too_much) else { panic!("it fits") };
        assert_eq!(rejection.code, tracehold_contracts::RejectionCode::TooManyTouches);
    }
    let again = world.send("mill", vec![pack(6, 60, 2, 0)]);
    assert!(matches!(again, Verdict::Recorded { .. }), "{again:?}");
}
