//! What a recall reaches, against a closure that knows nothing of journals.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

mod goods;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::slice::from_ref;

use proptest::prelude::*;
use serde_json::{Value, json};
use tracehold_chain::epcis::canonical;
use tracehold_chain::masterdata::product_of;
use tracehold_chain::state::{ItemRole, Position};
use tracehold_contracts::Verdict;
use tracehold_contracts::provenance::trace::{Told, TraceReader as _, present};
use tracehold_contracts::provenance::{ItemRecord, Party};
use tracehold_contracts::recall::affected::{
    Affected, Flow, Goods, How, Look, Reached, Touched, reached,
};

use goods::{Store, World, case, event, lot, made, packed, pallet, seen, wrong};

impl Goods for Store {
    type Error = Infallible;

    fn looks(&self, uris: &[String], whole: bool) -> Result<Vec<Option<Box<Look>>>, Infallible> {
        let look = |uri: &String| {
            let is_plain =
                !self.are(&[uri], ItemRole::Parent) && !self.are(&[uri], ItemRole::Input);
            Ok(if is_plain && !whole {
                self.item(uri)?.map(|record| Box::new(Look::of_now(record.state)))
            } else {
                Told::read(self, uri, None)?.map(|told| Box::new(Look::of(told)))
            })
        };
        uris.iter().map(look).collect()
    }

    fn uses_up_containers(&self) -> Result<bool, Infallible> {
        let items = self.bodies.values().flat_map(|body| &body.facts.items);
        let used = items.filter(|item| item.role == ItemRole::Input);
        let used: Vec<&String> = used.map(|item| &item.named.uri).collect();
        Ok(self.are(&used, ItemRole::Parent))
    }

    fn reached(&self, flows: &[Flow]) -> Result<Vec<Reached>, Infallible> {
        flows.iter().map(|flow| reached(self, *flow)).collect()
    }

    fn of_product(&self, class: &str) -> Result<(Vec<String>, Vec<Flow>), Infallible> {
        let items = self.state.iter().filter(|(key, _)| key.starts_with(b"si"));
        let uris = items
            .map(|(_, value)| tracehold_chain::codec::unpack::<ItemRecord>(value).unwrap().uri);
        let of = uris.filter(|uri| product_of(&canonical(uri)).as_deref() == Some(class));
        let flows = self.bodies.keys().filter_map(|at| self.class_flow(*at, class));
        Ok((of.collect(), flows.collect()))
    }
}

trait ClassFlow {
    /// Whether any event names any of these in a role.
    fn are(&self, uris: &[&String], role: ItemRole) -> bool;
    fn class_flow(&self, at: Position, class: &str) -> Option<Flow>;
    fn touched(&self, from: u64) -> Vec<Touched>;
}

impl ClassFlow for Store {
    fn are(&self, uris: &[&String], role: ItemRole) -> bool {
        let mut items = self.bodies.values().flat_map(|body| &body.facts.items);
        items.any(|item| {
            uris.contains(&&item.named.uri)
                && (item.role == role || item.amounts.iter().any(|amount| amount.role == role))
        })
    }

    fn class_flow(&self, position: Position, class: &str) -> Option<Flow> {
        let facts = &self.bodies[&position].facts;
        let named = facts.items.iter().find(|item| item.named.uri == class && !item.has_log)?;
        let goes_in = named.role == ItemRole::Input && facts.declared_at.is_none();
        goes_in.then_some(Flow { position, role: ItemRole::Output })
    }

    /// What the events from a block on named.
    fn touched(&self, from: u64) -> Vec<Touched> {
        let new = self.bodies.iter().filter(|(at, _)| at.height.0 >= from);
        let items = new.flat_map(|(at, body)| body.facts.items.iter().map(move |i| (at, body, i)));
        items
            .map(|(at, body, item)| Touched {
                uri: item.named.uri.clone(),
                product: product_of(&canonical(&item.named.uri)),
                flow: self.class_flow(*at, &item.named.uri),
                part_of: (body.facts.telling.transformation_id.as_ref())
                    .map(|id| (body.recorder.clone(), id.clone())),
                position: *at,
                is_correction: body.facts.declared_at.is_some(),
            })
            .collect()
    }
}

fn uris(affected: &Affected) -> BTreeSet<String> {
    affected.entries().iter().map(|entry| entry.uri.clone()).collect()
}

fn transformed(id: u32, time: &str, inputs: &[String], outputs: &[String]) -> Value {
    let is_lot = |uri: &&String| uri.contains("/10/");
    let things = |list: &[String]| list.iter().filter(|u| !is_lot(u)).cloned().collect::<Vec<_>>();
    let lots = |list: &[String]| {
        let of = |lot: &String| json!({"epcClass": lot, "quantity": 1, "uom": "KGM"});
        list.iter().filter(is_lot).map(of).collect::<Vec<_>>()
    };
    let more = json!({"bizStep": "commissioning", "inputEPCList": things(inputs),
        "outputEPCList": things(outputs), "inputQuantityList": lots(inputs),
        "outputQuantityList": lots(outputs)});
    event(id, time, "TransformationEvent", more)
}

fn how_of(affected: &Affected, uri: &str) -> Option<How> {
    affected.entry(uri).map(|entry| entry.how)
}

/// Promise P116: what was made of it, what was packed in it, and what holds it, with who has it.
#[test]
fn a_recall_of_a_lot_reaches_what_was_made_of_it_and_finds_it() {
    let mut world = World::new();
    let (bad, bar) = (lot("bad"), case(1));
    let mut shipped = seen(5, "01T05:00", "shipping", &[pallet(1)]);
    shipped["destinationList"] = json!([{"type": "possessing_party",
        "destination": "https://id.gs1.org/417/9522200000013"}]);
    world.records(&[
        transformed(1, "01T01:00", from_ref(&bad), &[bar.clone(), case(2)]),
        made(2, "01T02:00", &[case(3)]),
        packed(3, "01T03:00", "ADD", &pallet(1), &[bar.clone(), case(3)]),
        packed(4, "01T04:00", "ADD", &pallet(2), &[pallet(1)]),
        shipped,
        seen(6, "01T06:00", "receiving", &[pallet(2)]),
    ]);
    let store = world.store();
    let affected = Affected::by(&store, from_ref(&bad)).unwrap();
    let found = [&bad, &bar, &case(2), &case(3), &pallet(1)].map(|uri| how_of(&affected, uri));
    assert_eq!(found, [Some(How::Named), Some(How::Made), Some(How::Made), None, None]);
    let rows = affected.rows();
    assert_eq!((rows.affected, rows.rows.len()), (3, 5));
    let row = |uri: &str| rows.rows.iter().find(|row| row.uri == uri).unwrap();
    assert_eq!(row(&bar).container.as_deref(), Some(pallet(2).as_str()));
    assert_eq!(row(&bar).from, Some(0));
    assert_eq!(row(&case(2)).container, None);
    for holder in [pallet(1), pallet(2)] {
        let row = rows.container(&holder).unwrap();
        assert_eq!((row.how, row.inside), (How::Holds, 1), "{holder}");
    }
}

/// Promise P116: a recalled product is every lot and thing of it, what is made later too.
#[test]
fn a_recall_of_a_product_reaches_all_of_it_now_and_later() {
    let mut world = World::new();
    let class = "https://id.gs1.org/01/09521101530001".to_owned();
    let cake = |serial: u32| format!("https://id.gs1.org/01/09521101530018/21/{serial}");
    let kilo = json!([{"epcClass": class, "quantity": 1, "uom": "KGM"}]);
    let baked = |id: u32, serial: u32| {
        let more = json!({"bizStep": "commissioning", "inputQuantityList": kilo,
            "outputEPCList": [cake(serial)]});
        event(id, &format!("0{id}T01:00"), "TransformationEvent", more)
    };
    world.records(&[made(1, "01T01:00", &[case(1)]), baked(2, 1)]);
    let mut affected = Affected::by(&world.store(), from_ref(&class)).unwrap();
    assert_eq!(uris(&affected), BTreeSet::from([class.clone(), case(1), cake(1)]));
    let from = world.ledger.head().height.0 + 1;
    world.records(&[made(3, "03T01:00", &[case(2)]), baked(4, 2)]);
    let store = world.store();
    assert!(affected.follow(&store, &store.touched(from)).unwrap());
    let all = BTreeSet::from([class, case(1), case(2), cake(1), cake(2)]);
    assert_eq!(uris(&affected), all);
    assert_eq!(affected.entry(&case(2)).unwrap().how, How::OfProduct);
}

/// One thing that the property lets happen.
#[derive(Clone, Debug)]
enum Happening {
    Transformed(Vec<usize>, Vec<usize>, Option<u8>),
    Packed(usize, Vec<usize>),
    Unpacked(usize, usize),
    Emptied(usize),
    Seen(usize),
    Voided(usize),
}

/// Things that can be anywhere: cases, then pallets, then lots.
fn thing(number: usize) -> String {
    let n = u32::try_from(number).unwrap();
    match number {
        0..8 => case(n),
        8..12 => pallet(n),
        _ => lot(&format!("L{n}")),
    }
}

fn happening() -> impl Strategy<Value = (Happening, u32, bool)> {
    use Happening::{Emptied, Packed, Seen, Transformed, Unpacked, Voided};
    let some = |range: std::ops::Range<usize>| prop::collection::btree_set(range, 1..3);
    let list = |set: BTreeSet<usize>| set.into_iter().collect::<Vec<_>>();
    let what = prop_oneof![
        3 => (some(0..16), some(0..16), prop::option::of(0..2_u8))
            .prop_map(move |(i, o, id)| Transformed(list(i), list(o), id)),
        4 => (0..12_usize, some(0..12)).prop_map(move |(p, c)| Packed(p, list(c))),
        1 => (0..12_usize, 0..12_usize).prop_map(|(p, c)| Unpacked(p, c)),
        1 => (8..12_usize).prop_map(Emptied),
        1 => (0..16_usize).prop_map(Seen),
        1 => (0..30_usize).prop_map(Voided),
    ];
    (what, 0..27_u32, any::<bool>())
}

fn as_event(id: u32, what: &Happening, day: u32, before: &[Value]) -> Option<Value> {
    let time = format!("{:02}T{:02}:{:02}", day + 1, id / 60, id % 60);
    let all = |list: &[usize]| list.iter().map(|n| thing(*n)).collect::<Vec<_>>();
    Some(match what {
        Happening::Transformed(inputs, outputs, joined) => {
            let outputs: Vec<usize> =
                outputs.iter().copied().filter(|output| !inputs.contains(output)).collect();
            if outputs.is_empty() {
                return None;
            }
            let mut event = transformed(id, &time, &all(inputs), &all(&outputs));
            if let Some(joined) = joined {
                event["transformationID"] = json!(format!("urn:x:process:{joined}"));
            }
            event
        }
        Happening::Packed(parent, children) => {
            let children: Vec<usize> = children.iter().copied().filter(|c| c != parent).collect();
            if children.is_empty() {
                return None;
            }
            packed(id, &time, "ADD", &thing(*parent), &all(&children))
        }
        Happening::Unpacked(parent, child) if parent != child => {
            packed(id, &time, "DELETE", &thing(*parent), &[thing(*child)])
        }
        Happening::Unpacked(..) => return None,
        Happening::Emptied(parent) => packed(id, &time, "DELETE", &thing(*parent), &[]),
        Happening::Seen(number) if *number < 12 => seen(id, &time, "storing", &[thing(*number)]),
        Happening::Seen(_) => return None,
        Happening::Voided(number) => {
            let original = before.get(*number)?;
            // What a step of something inside knew of its container's emptying stays known to it,
            // also when the emptying is declared wrong afterwards: as its own page has it.
            let empties = original["action"] == "DELETE"
                && original["childEPCs"].as_array().is_some_and(Vec::is_empty);
            if original.get("errorDeclaration").is_some() || empties {
                return None;
            }
            wrong(original)
        }
    })
}

/// The events that hold, in the order in which they happened.
fn holding(recorded: &[Value]) -> Vec<Value> {
    let id = |event: &Value| event["eventID"].as_str().unwrap().to_owned();
    let is_declaration = |event: &&Value| event.get("errorDeclaration").is_some();
    let voided: BTreeSet<String> = recorded.iter().filter(is_declaration).map(id).collect();
    let mut held: Vec<Value> =
        recorded.iter().filter(|e| !voided.contains(&id(e))).cloned().collect();
    held.sort_by_key(|event| event["eventTime"].as_str().unwrap().to_owned());
    held
}

fn named(event: &Value, lists: &[&str]) -> Vec<String> {
    let entries = lists.iter().filter_map(|list| event[*list].as_array()).flatten();
    let uri = |one: &Value| one.as_str().or(one["epcClass"].as_str()).unwrap().to_owned();
    entries.map(uri).map(|uri| canonical(&uri).into_uri()).collect()
}

/// What is affected, by going through all events again and again. `inside` says what was in what
/// when each event happened.
fn naive(recorded: &[Value], seed: &str) -> BTreeSet<String> {
    let events = holding(recorded);
    let mut parents: BTreeMap<String, String> = BTreeMap::new();
    let mut inside: Vec<BTreeMap<String, String>> = Vec::new();
    for event in &events {
        inside.push(parents.clone());
        let parent = event["parentID"].as_str().map(|uri| canonical(uri).into_uri());
        let children = named(event, &["childEPCs"]);
        match (event["type"].as_str().unwrap(), event["action"].as_str(), parent) {
            ("TransformationEvent", ..) => {
                for input in named(event, &["inputEPCList"]) {
                    parents.remove(&input);
                }
            }
            ("AggregationEvent", Some("ADD"), Some(parent)) => {
                parents.extend(children.into_iter().map(|child| (child, parent.clone())));
            }
            ("AggregationEvent", Some("DELETE"), Some(parent)) if children.is_empty() => {
                parents.retain(|_, around| *around != parent);
            }
            ("AggregationEvent", Some("DELETE"), Some(parent)) => {
                parents.retain(|child, around| !(children.contains(child) && *around == parent));
            }
            _ => {}
        }
    }
    let outputs = |event: &Value| -> Vec<String> {
        let joined = events.iter().filter(|other| {
            other["eventID"] == event["eventID"]
                || event["transformationID"].is_string()
                    && other["transformationID"] == event["transformationID"]
        });
        joined.flat_map(|e| named(e, &["outputEPCList", "outputQuantityList"])).collect()
    };
    let mut affected = BTreeSet::from([seed.to_owned()]);
    loop {
        let mut found = BTreeSet::new();
        for (event, parents) in events.iter().zip(&inside) {
            let is_in = |uri: &String, container: &String| {
                let mut around = parents.get(uri);
                for _ in 0..16 {
                    match around {
                        Some(outer) if outer == container => return true,
                        Some(outer) => around = parents.get(outer),
                        None => return false,
                    }
                }
                false
            };
            let inputs = named(event, &["inputEPCList", "inputQuantityList"]);
            let goes_in = inputs.iter().any(|input| {
                affected.contains(input) || affected.iter().any(|uri| is_in(uri, input))
            });
            if goes_in {
                found.extend(outputs(event));
            }
            if event["action"] == "ADD"
                && let Some(parent) = event["parentID"].as_str()
                && affected.contains(&canonical(parent).into_uri())
            {
                found.extend(named(event, &["childEPCs"]));
            }
        }
        let before = affected.len();
        affected.extend(found);
        if affected.len() == before {
            return affected;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Promise P116: a recall reaches what a naive closure over all events reaches, whether it is
    /// found at the end or followed block by block; and each thing is where its own page says.
    #[test]
    fn a_recall_reaches_what_a_naive_closure_reaches(
        story in prop::collection::vec(happening(), 1..40),
        seed in 0..16_usize,
        begin in 0..40_usize,
    ) {
        let mut world = World::new();
        let (mut sent, mut recorded) = (Vec::new(), Vec::new());
        let seed = thing(seed);
        let mut followed: Option<Affected> = None;
        for (id, (what, day, in_order)) in (1_u32..).zip(&story) {
            // In order, or as late as it comes.
            let day = if *in_order { id / 2 } else { *day };
            let Some(event) = as_event(id, what, day, &sent) else { continue };
            let verdict = world.records(from_ref(&event));
            sent.push(event.clone());
            if !matches!(verdict[0], Verdict::Recorded { .. }) {
                // The bodies that are read are those on record.
                let height = world.ledger.head().height;
                world.bodies.retain(|at, _| at.height != height);
                continue;
            }
            recorded.push(event);
            let store = world.store();
            match &mut followed {
                Some(followed) => {
                    let from = world.ledger.head().height.0;
                    followed.follow(&store, &store.touched(from)).unwrap();
                }
                None if usize::try_from(id).unwrap() > begin => {
                    followed = Some(Affected::by(&store, from_ref(&seed)).unwrap());
                }
                None => {}
            }
        }
        let store = world.store();
        let expected = naive(&recorded, &seed);
        let anew = Affected::by(&store, from_ref(&seed)).unwrap();
        prop_assert_eq!(uris(&anew), expected.clone());
        if let Some(followed) = followed {
            prop_assert_eq!(uris(&followed), expected);
            let sorted = |affected: &Affected| {
                let rows = affected.rows().rows.into_iter();
                let told = rows.map(|row| (row.uri, row.holders, row.place, row.container));
                told.collect::<BTreeSet<(String, Vec<Party>, _, _)>>()
            };
            prop_assert_eq!(sorted(&followed), sorted(&anew));
        }
        let rows = anew.rows();
        for row in rows.rows.iter().filter(|row| !row.uri.contains("/10/")) {
            let Some(now) = present(&store, &row.uri, None).unwrap() else { continue };
            prop_assert_eq!(row.holders.first(), now.holder.as_ref().map(|h| &h.said.what));
            let place = now.place.as_ref().map(|p| (p.said.what.clone(), p.said.mark));
            prop_assert_eq!(&row.place, &place);
            let outermost = now.containers.last().map(|c| c.what.clone());
            prop_assert_eq!(&row.container, &outermost);
        }
    }
}

/// Promise P116. That it was packed before, too, is heard of only afterwards.
#[test]
fn what_was_packed_again_in_an_emptied_container_is_inside() {
    use Happening::{Emptied, Packed, Transformed};
    let story = [
        (Emptied(8), 8),
        (Packed(8, vec![3]), 8),
        (Packed(8, vec![3]), 0),
        (Transformed(vec![8], vec![0], None), 8),
    ];
    let mut world = World::new();
    let mut recorded = Vec::new();
    for (id, (what, day)) in (1_u32..).zip(&story) {
        let event = as_event(id, what, *day, &[]).unwrap();
        assert!(matches!(world.records(from_ref(&event))[0], Verdict::Recorded { .. }));
        recorded.push(event);
    }
    let affected = Affected::by(&world.store(), from_ref(&thing(3))).unwrap();
    assert_eq!(uris(&affected), BTreeSet::from([thing(3), thing(0)]));
    assert_eq!(uris(&affected), naive(&recorded, &thing(3)));
}
