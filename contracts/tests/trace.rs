//! Stories traced over the real ledger: what is told, by whom, when, and as of when.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

mod goods;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::slice::from_ref;

use proptest::prelude::*;
use serde_json::{Value, json};
use tracehold_chain::units::Height;
use tracehold_contracts::Verdict;
use tracehold_contracts::provenance::AsOf;
use tracehold_contracts::provenance::trace::{
    CutReason, Direction, Leaving, Query, Told, Trace, TraceReader, contents, derive, findings,
    present, story, surroundings, trace,
};

use goods::{
    Store, World, case, event, lot, made, measured, packed, pallet, seen, some_packed, wrong,
};

/// The numbers of the events of an item's story, each with how many containers it came through.
fn told(store: &Store, uri: &str, as_of: Option<AsOf>) -> Vec<(u32, usize)> {
    let Some(item) = Told::read(store, uri, as_of).unwrap() else { return Vec::new() };
    let (around, is_whole) = surroundings(store, &item, as_of, 1_000).unwrap();
    assert!(is_whole);
    let chapters = story(&item, &|uri| around.get(uri));
    let number = |position| {
        let id = store.event_id(position).unwrap().unwrap();
        id[id.len() - 12..].parse().unwrap()
    };
    chapters.iter().map(|c| (number(c.step.position), c.through.len())).collect()
}

fn traced(store: &Store, query: Query) -> Trace {
    trace(store, query).unwrap().unwrap()
}

fn uris(trace: &Trace) -> BTreeSet<&str> {
    trace.items.iter().map(|item| item.uri.as_str()).collect()
}

fn ids(trace: &Trace) -> Vec<u32> {
    let number = |id: &String| id[id.len() - 12..].parse().unwrap();
    trace.events.iter().map(|event| number(event.event_id.as_ref().unwrap())).collect()
}

/// Promise P47: many ways that lead outwards through the same containers are gone once each.
#[test]
fn lots_in_lots_in_lots_have_a_story_all_the_same() {
    const LAYERS: u32 = 12;
    const WIDTH: u32 = 6;
    let layer = |n: u32| (0..WIDTH).map(|m| lot(&format!("l{n}m{m}"))).collect::<Vec<_>>();
    let mut world = World::new();
    let mut events = Vec::new();
    for n in 1..LAYERS {
        for (m, parent) in (0..).zip(layer(n)) {
            let time = format!("01T{:02}:{m:02}", n + 1);
            events.push(some_packed(n * WIDTH + m, &time, &parent, &layer(n - 1)));
        }
    }
    world.records(&events);
    let store = world.store();
    let story = told(&store, &lot("l0m0"), None);
    assert!(story.len() >= usize::try_from(WIDTH).unwrap(), "{story:?}");
}

/// Promise P44: what happened to the pallet happened to the case inside, only while it was inside.
#[test]
fn a_break_of_the_cold_chain_concerns_the_cases_inside_at_that_time() {
    let mut world = World::new();
    let (early, late) = (case(1), case(2));
    world.records(&[
        made(1, "01T06:00", &[early.clone(), late.clone()]),
        packed(2, "01T08:00", "ADD", &pallet(1), from_ref(&early)),
        measured(3, "01T10:00", &pallet(1), 19),
        packed(4, "01T12:00", "DELETE", &pallet(1), from_ref(&early)),
        packed(5, "01T14:00", "ADD", &pallet(1), from_ref(&late)),
        measured(6, "01T16:00", &pallet(1), 4),
    ]);
    let store = world.store();
    assert_eq!(told(&store, &early, None), [(1, 0), (2, 0), (3, 1), (4, 0)]);
    assert_eq!(told(&store, &late, None), [(1, 0), (5, 0), (6, 1)]);
    let trace = traced(&store, Query::of(&early, Direction::Back));
    assert_eq!(ids(&trace), [1, 2, 3, 4], "the other case's events are not this one's");
    let stay = &trace.stays[0].stay;
    assert_eq!(stay.left.unwrap().how, Leaving::Unpacked);
    assert!(trace.items[1].is_container && !trace.items[0].is_container);
}

/// Promise P44: a container's containers too, and neither before nor after.
#[test]
fn what_is_around_the_container_counts_while_both_were_inside() {
    let mut world = World::new();
    let (thing, box_, truck) = (case(1), pallet(1), pallet(9));
    world.records(&[
        seen(1, "01T01:00", "arriving", from_ref(&truck)),
        made(2, "01T02:00", from_ref(&thing)),
        packed(3, "01T03:00", "ADD", &box_, from_ref(&thing)),
        packed(4, "01T04:00", "ADD", &truck, from_ref(&box_)),
        seen(5, "01T05:00", "departing", from_ref(&truck)),
        packed(6, "01T06:00", "DELETE", &box_, from_ref(&thing)),
        seen(7, "01T07:00", "arriving", from_ref(&truck)),
    ]);
    let store = world.store();
    assert_eq!(told(&store, &thing, None), [(2, 0), (3, 0), (4, 1), (5, 2), (6, 0)]);
}

/// Promise P44.
#[test]
fn a_thing_that_is_packed_elsewhere_or_whose_container_is_emptied_is_out() {
    let mut world = World::new();
    let (one, two) = (case(1), case(2));
    world.records(&[
        made(1, "01T01:00", &[one.clone(), two.clone()]),
        packed(2, "01T02:00", "ADD", &pallet(1), &[one.clone(), two.clone()]),
        packed(3, "01T03:00", "ADD", &pallet(2), from_ref(&one)),
        seen(4, "01T04:00", "shipping", &[pallet(1)]),
        packed(5, "01T05:00", "DELETE", &pallet(1), &[]),
        seen(6, "01T06:00", "receiving", &[pallet(1)]),
    ]);
    let store = world.store();
    assert_eq!(told(&store, &one, None), [(1, 0), (2, 0), (3, 0)]);
    assert_eq!(told(&store, &two, None), [(1, 0), (2, 0), (4, 1), (5, 1)]);
    let trace = traced(&store, Query::of(&one, Direction::Forward));
    let left: Vec<_> = trace.stays.iter().map(|s| s.stay.left.map(|left| left.how)).collect();
    assert_eq!(left, [Some(Leaving::Repacked), None]);
    let emptied = present(&store, &two, None).unwrap().unwrap();
    assert!(emptied.containers.is_empty() && emptied.emptied.is_some());
    let packed = present(&store, &one, None).unwrap().unwrap();
    assert_eq!(packed.containers[0].what, pallet(2));
    assert!(contents(&store, &pallet(1), None, None, 10).unwrap().is_empty());
    assert_eq!(contents(&store, &pallet(2), None, None, 10).unwrap()[0].child, one);
}

/// Promise P45: what is uploaded late takes its place in the story, and `as_of` tells what was
/// known before.
#[test]
fn a_late_upload_takes_its_place_and_was_not_known_before() {
    let mut world = World::new();
    let thing = case(1);
    world.records(&[made(1, "01T01:00", from_ref(&thing)), measured(2, "01T05:00", &pallet(1), 3)]);
    let before = world.ledger.head().clone();
    world.records(&[packed(3, "01T03:00", "ADD", &pallet(1), from_ref(&thing))]);
    let store = world.store();
    assert_eq!(told(&store, &thing, None), [(1, 0), (3, 0), (2, 1)]);
    for as_of in [AsOf::Height(before.height), AsOf::Recorded(before.block_time)] {
        assert_eq!(told(&store, &thing, Some(as_of)), [(1, 0)]);
        let query = Query { as_of: Some(as_of), ..Query::of(&thing, Direction::Both) };
        assert_eq!(ids(&traced(&store, query)), [1]);
        assert!(present(&store, &thing, Some(as_of)).unwrap().unwrap().containers.is_empty());
        assert!(contents(&store, &pallet(1), Some(as_of), None, 9).unwrap().is_empty());
    }
    let never = Some(AsOf::Height(Height(0)));
    let query = Query { as_of: never, ..Query::of(&thing, Direction::Both) };
    assert!(trace(&store, query).unwrap().is_none());
}

/// Promise P46: what was declared wrong stays visible, says what voids it, and is not followed.
#[test]
fn a_voided_event_is_shown_as_such_and_leads_nowhere() {
    let mut world = World::new();
    let (from, into) = (lot("A"), lot("B"));
    let mixed = transformed(2, "02T10:00", &[(&from, 5)], &[(&into, 5)], None);
    let thing = case(1);
    world.records(&[
        transformed(1, "01T10:00", &[(&lot("0"), 9)], &[(&from, 9)], None),
        mixed.clone(),
        made(3, "03T10:00", from_ref(&thing)),
        made(4, "03T11:00", from_ref(&thing)),
    ]);
    let query = Query::of(&from, Direction::Forward);
    assert!(uris(&traced(&world.store(), query.clone())).contains(into.as_str()));
    let twice = Told::read(&world.store(), &thing, None).unwrap().unwrap();
    assert_eq!(findings(&twice, 1)[0].resolved, None);
    world.records(&[wrong(&mixed), wrong(&made(3, "03T10:00", from_ref(&thing)))]);
    let trace = traced(&world.store(), query);
    assert!(!uris(&trace).contains(into.as_str()), "{:?}", uris(&trace));
    assert_eq!(ids(&trace), [1, 2, 2], "the declaration stands beside what it voids");
    let voided = &trace.events[1];
    assert_eq!(voided.voided_by, Some(trace.events[2].position));
    assert_eq!(trace.events[2].corrects, Some(voided.position));
    let mended = Told::read(&world.store(), &thing, None).unwrap().unwrap();
    assert!(findings(&mended, 1)[0].resolved.is_some(), "it is commissioned once by now");
}

fn transformed(
    id: u32,
    time: &str,
    from: &[(&str, u32)],
    into: &[(&str, u32)],
    joined: Option<&str>,
) -> Value {
    let list = |of: &[(&str, u32)]| {
        let one =
            |(class, kg): &(&str, u32)| json!({"epcClass": class, "quantity": kg, "uom": "KGM"});
        of.iter().map(one).collect::<Vec<Value>>()
    };
    let mut more = json!({"inputQuantityList": list(from), "outputQuantityList": list(into)});
    more.as_object_mut().unwrap().retain(|_, list| !list.as_array().unwrap().is_empty());
    if let Some(joined) = joined {
        more["transformationID"] = json!(joined);
    }
    event(id, time, "TransformationEvent", more)
}

/// Promise P44: transformations lead back to what went in and forward to what came out, with
/// quantities, also when one transformation is told in several events.
#[test]
fn transformations_lead_back_and_forward() {
    let mut world = World::new();
    let lots: Vec<String> = ["A", "B", "C", "D"].iter().map(|name| lot(name)).collect();
    let (a, b, c, d) = (&lots[0], &lots[1], &lots[2], &lots[3]);
    let salt = "https://id.gs1.org/01/09521101530902";
    let id = Some("urn:uuid:00000000-0000-4000-8000-00000000beef");
    world.records(&[
        transformed(1, "01T10:00", &[(a, 10), (salt, 1)], &[(b, 11)], None),
        transformed(2, "02T10:00", &[(b, 11)], &[], id),
        transformed(3, "02T11:00", &[], &[(c, 6)], id),
        transformed(4, "02T12:00", &[], &[(d, 5)], id),
    ]);
    let store = world.store();
    let back = traced(&store, Query::of(d, Direction::Back));
    assert_eq!(uris(&back), BTreeSet::from([a.as_str(), b, d, salt]));
    let forward = traced(&store, Query::of(a, Direction::Forward));
    assert_eq!(uris(&forward), BTreeSet::from([a.as_str(), b, c, d]));
    assert_eq!(forward.items.iter().map(|item| item.depth).collect::<Vec<_>>(), [0, 1, 2, 2]);
    let both = traced(&store, Query::of(b, Direction::Both));
    assert_eq!(both.items.len(), 5);
    let salted = back.links.iter().find(|link| back.items[link.item].uri == salt).unwrap();
    assert_eq!(salted.amounts[0].value.to_string(), "1");
    assert!(back.cuts.is_empty());
}

/// Promise P47: an answer that ends early says where, why, and how many are left out.
#[test]
fn cut_points_are_named() {
    let mut world = World::new();
    let cases: Vec<String> = (1..=5).map(case).collect();
    world.records(&[
        made(1, "01T01:00", &cases),
        packed(2, "01T02:00", "ADD", &pallet(1), &cases),
        packed(3, "01T03:00", "ADD", &pallet(2), &[pallet(1)]),
    ]);
    let store = world.store();
    let whole = traced(&store, Query::of(&pallet(2), Direction::Back));
    assert_eq!((whole.items.len(), whole.cuts.len()), (7, 0));
    let shallow = Query { depth: 1, ..Query::of(&pallet(2), Direction::Back) };
    let shallow = traced(&store, shallow);
    assert_eq!(shallow.items.len(), 2);
    let cut = shallow.cuts[0];
    assert_eq!((cut.reason, cut.left_out, cut.item), (CutReason::Depth, 5, 1));
    let few = traced(&store, Query { items: 4, ..Query::of(&pallet(2), Direction::Back) });
    assert_eq!(
        (few.items.len(), few.cuts[0].reason, few.cuts[0].left_out),
        (4, CutReason::Items, 3)
    );
    let brief = traced(&store, Query { events: 1, ..Query::of(&pallet(2), Direction::Back) });
    assert_eq!(brief.events.len(), 1);
    assert!(brief.cuts.iter().any(|cut| cut.reason == CutReason::Events));
}

/// Promise P47: of far things the steps that lead on come first; how many others there are is told.
#[test]
fn sightings_of_far_things_are_counted_when_there_are_too_many() {
    let mut world = World::new();
    world.records(&[
        made(1, "01T01:00", &[case(1)]),
        seen(2, "01T02:00", "storing", &[case(1)]),
        packed(3, "01T03:00", "ADD", &pallet(1), &[case(1)]),
        seen(4, "01T04:00", "storing", &[pallet(1)]),
        seen(5, "01T05:00", "shipping", &[pallet(1)]),
    ]);
    let query = Query { sightings: 0, ..Query::of(&pallet(1), Direction::Both) };
    let trace = traced(&world.store(), query.clone());
    assert_eq!(ids(&trace), [1, 3, 4, 5]);
    assert_eq!((trace.items[0].events_left_out, trace.items[1].events_left_out), (0, 1));
    let cut = trace.cuts[0];
    assert_eq!((cut.item, cut.reason, cut.left_out), (0, CutReason::Sightings, 1));
    let around = traced(&world.store(), Query { id: case(1), ..query });
    assert_eq!(ids(&around), [1, 2, 3, 5], "the container's too");
}

/// Promise P46: what somebody without a part in the goods says is a claim, and leads nowhere.
#[test]
fn claims_are_shown_and_not_followed() {
    let mut world = World::new();
    let thing = case(1);
    world.records(&[made(1, "01T01:00", from_ref(&thing))]);
    let foreign = "https://id.gs1.org/00/095222000000000010";
    let claim = packed(2, "01T02:00", "ADD", foreign, from_ref(&thing));
    world.records_by("carrier", 2, &[claim]);
    let trace = traced(&world.store(), Query::of(&thing, Direction::Both));
    assert_eq!(ids(&trace), [1, 2]);
    assert_eq!(uris(&trace), BTreeSet::from([thing.as_str()]));
    assert_eq!(format!("{:?}", trace.links[1].standing), "Claim");
}

/// Promise P48: absences and impossible speeds are derived at reading.
#[test]
fn what_no_block_can_see_is_derived() {
    let at = |km: u32| json!({"id": format!("https://id.gs1.org/414/952110000{km:04}0")});
    let mut world = World::new();
    let thing = case(1);
    let mut shipped = seen(3, "01T03:00", "shipping", from_ref(&thing));
    shipped["readPoint"] = at(10);
    let mut far = seen(4, "01T03:30", "inspecting", from_ref(&thing));
    far["readPoint"] = at(2_000);
    let mut made = made(1, "01T01:00", from_ref(&thing));
    made["readPoint"] = at(0);
    world.records(&[made, shipped, far, measured(5, "01T04:00", &thing, 5)]);
    let store = world.store();
    let item = Told::read(&store, &thing, None).unwrap().unwrap();
    let chapters = story(&item, &|_| None);
    let now = present(&store, &thing, None).unwrap().unwrap();
    let derived = |hours: u64| {
        let time = item.steps[1].event_time.plus_ms(hours * 3_600_000);
        let found = derive(&store, &thing, &chapters, &now, time).unwrap();
        found.iter().map(|found| found.kind.code()).collect::<Vec<_>>()
    };
    assert_eq!(derived(2), ["impossible-speed"]);
    assert_eq!(derived(24), ["silent-gap", "impossible-speed"]);
    assert_eq!(derived(400), ["overdue-receipt", "silent-gap", "impossible-speed"]);
}

/// One thing that a property test lets happen.
#[derive(Clone, Debug)]
enum Happening {
    Made(u32),
    Seen(u32, &'static str),
    Packed(u32, u32),
    Unpacked(u32, u32),
    Emptied(u32),
    PalletSeen(u32, &'static str),
    Stacked(u32, u32),
    Voided(usize),
}

fn happening() -> impl Strategy<Value = (Happening, u32, bool)> {
    use Happening::{Emptied, Made, Packed, PalletSeen, Seen, Stacked, Unpacked, Voided};
    let steps = || prop::sample::select(vec!["shipping", "receiving", "inspecting"]);
    let what = prop_oneof![
        (1..5_u32).prop_map(Made),
        (1..5_u32, steps()).prop_map(|(n, step)| Seen(n, step)),
        (1..5_u32, 1..4_u32).prop_map(|(n, p)| Packed(n, p)),
        (1..5_u32, 1..4_u32).prop_map(|(n, p)| Unpacked(n, p)),
        (1..4_u32).prop_map(Emptied),
        (1..4_u32, steps()).prop_map(|(p, step)| PalletSeen(p, step)),
        (1..4_u32, 1..4_u32).prop_map(|(p, q)| Stacked(p, q)),
        (0..30_usize).prop_map(Voided),
    ];
    (what, 0..28_u32, any::<bool>())
}

fn as_event(id: u32, what: &Happening, day: u32, before: &[Value]) -> Option<Value> {
    use Happening::{Emptied, Made, Packed, PalletSeen, Seen, Stacked, Unpacked, Voided};
    let time = format!("{:02}T{:02}:00", day + 1, id % 24);
    Some(match what {
        Made(n) => made(id, &time, &[case(*n)]),
        Seen(n, step) => seen(id, &time, step, &[case(*n)]),
        Packed(n, p) => packed(id, &time, "ADD", &pallet(*p), &[case(*n)]),
        Unpacked(n, p) => packed(id, &time, "DELETE", &pallet(*p), &[case(*n)]),
        Emptied(p) => packed(id, &time, "DELETE", &pallet(*p), &[]),
        PalletSeen(p, step) => seen(id, &time, step, &[pallet(*p)]),
        Stacked(p, q) if p == q => return None,
        Stacked(p, q) => packed(id, &time, "ADD", &pallet(*p), &[pallet(*q)]),
        Voided(index) => wrong(before.get(*index)?),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Promise P45: `as_of` a height is what a ledger that stopped there would have said.
    #[test]
    fn as_of_equals_a_ledger_that_stopped_there(
        happenings in prop::collection::vec(happening(), 1..30),
    ) {
        let mut world = World::new();
        let mut events: Vec<Value> = Vec::new();
        let mut stops: Vec<(Height, Store)> = Vec::new();
        for (index, (what, day, by_carrier)) in happenings.iter().enumerate() {
            let id = u32::try_from(index).unwrap() + 1;
            let Some(event) = as_event(id, what, *day, &events) else { continue };
            let (who, seed) = if *by_carrier { ("carrier", 2) } else { ("farm", 1) };
            let verdicts = world.records_by(who, seed, from_ref(&event));
            if matches!(verdicts[0], Verdict::Recorded { .. }) && event.get("errorDeclaration").is_none() {
                events.push(event);
            }
            stops.push((world.ledger.head().height, world.store()));
        }
        let now = world.store();
        let things: Vec<String> = (1..5).map(case).chain((1..4).map(pallet)).collect();
        for (height, stopped) in &stops {
            let as_of = Some(AsOf::Height(*height));
            for thing in &things {
                let then = stopped.item(thing).unwrap().map(|record| record.state);
                let known = Told::read(&now, thing, as_of).unwrap();
                prop_assert_eq!(known.as_ref().map(|told| &told.state), then.as_ref());
                let packed = |told: &Told| {
                    let open = told.stays.last().filter(|stay| stay.left.is_none());
                    open.map(|stay| (stay.parent.clone(), stay.joined))
                };
                let parent = then.and_then(|state| state.parent);
                let parent = parent.map(|parent| (parent.what, parent.mark));
                prop_assert_eq!(known.as_ref().and_then(packed), parent);
                prop_assert_eq!(
                    present(&now, thing, as_of).unwrap(),
                    present(stopped, thing, None).unwrap()
                );
                let own = present(stopped, thing, None).unwrap();
                let rules = stopped.item(thing).unwrap().map(|record| {
                    let mut read = |uri: &str| {
                        Ok::<_, Infallible>(stopped.item(uri)?.map(|record| record.state))
                    };
                    tracehold_contracts::provenance::present(&record.state, &mut read).unwrap()
                });
                let told_alike = own.zip(rules).is_none_or(|(own, rules)| {
                    let containers = own.containers.iter().map(|joined| &joined.what);
                    let holder = own.holder.map(|holder| holder.said.what);
                    containers.eq(rules.parents.iter())
                        && holder == rules.holder
                        && own.transits.iter().map(|t| &t.said.what).eq(rules.transits.iter())
                });
                prop_assert!(told_alike, "{thing} at {height}");
                prop_assert_eq!(
                    contents(&now, thing, as_of, None, 100).unwrap(),
                    contents(stopped, thing, None, None, 100).unwrap()
                );
                prop_assert_eq!(told(&now, thing, as_of), told(stopped, thing, None));
                let query = Query::of(thing, Direction::Both);
                let known = trace(&now, Query { as_of, ..query.clone() }).unwrap();
                let then = trace(stopped, query).unwrap();
                prop_assert_eq!(known.is_some(), then.is_some());
                if let (Some(known), Some(then)) = (known, then) {
                    prop_assert_eq!(uris(&known), uris(&then));
                    prop_assert_eq!(known.events, then.events);
                    prop_assert_eq!(known.links, then.links);
                    prop_assert_eq!(known.stays, then.stays);
                }
            }
        }
    }
}
