//! Nothing is made and nothing is lost.

use proptest::prelude::*;
use tracehold_chain::epcis::activity::{MAX_MASS, MAX_MILLIGRAMS};

use super::*;

fn any_mass() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => Just(0_u64),
        1 => Just(MAX_MASS),
        2 => 1_u64..10,
        4 => 1_u64..50_000_000_000,
        1 => 0..=MAX_MASS,
    ]
}

fn any_total() -> impl Strategy<Value = u128> {
    prop_oneof![0..=MAX_MILLIGRAMS, 0_u128..1_000, Just(MAX_MILLIGRAMS), Just(0)]
}

fn total_of(legs: &[Leg]) -> u128 {
    legs.iter().map(|leg| leg.activity.as_ref().unwrap().emissions(None).unwrap()).sum()
}

#[test]
fn left_over_milligrams_go_to_the_largest_remainders() {
    let equal = BTreeMap::from([("a", 1), ("b", 1), ("c", 1)]);
    assert_eq!(allocate(11, &equal), BTreeMap::from([("a", 4), ("b", 4), ("c", 3)]));
    // 100 mg by 1 : 2 : 4 is 14.29, 28.57, 57.14.
    let uneven = BTreeMap::from([("a", 1), ("b", 2), ("c", 4)]);
    assert_eq!(allocate(100, &uneven), BTreeMap::from([("a", 14), ("b", 29), ("c", 57)]));
    let nothing = BTreeMap::from([("a", 0), ("b", 0)]);
    assert_eq!(allocate(3, &nothing), BTreeMap::from([("a", 2), ("b", 1)]));
    let some = BTreeMap::from([("a", 0), ("b", 7)]);
    assert_eq!(allocate(3, &some), BTreeMap::from([("a", 0), ("b", 3)]));
    assert_eq!(allocate::<&str>(3, &BTreeMap::new()), BTreeMap::new());
}

/// Promise P41.
#[test]
fn five_thousand_parcels_sum_to_the_vehicle() {
    for (total, step) in [(MAX_MILLIGRAMS, 7_919), (4_999, 0), (1, MAX_MASS / 5_000), (0, 1)] {
        let parcels: BTreeMap<u64, u64> = (0..5_000).map(|i| (i, i * step)).collect();
        let shares = allocate(total, &parcels);
        assert_eq!(shares.len(), 5_000);
        assert_eq!(shares.values().sum::<u128>(), total);
    }
}

/// Cases in pallets in a vehicle: for each pallet, for each case, the masses of the items.
fn any_load() -> impl Strategy<Value = Vec<Vec<Vec<u64>>>> {
    use proptest::collection::vec;
    let item = prop_oneof![1 => Just(0_u64), 9 => 1_u64..50_000_000_000];
    vec(vec(vec(item, 1..5), 1..4), 1..4)
}

/// The graph of such a load with legs on the road, packed as deep as `levels` says.
fn loaded(load: &[Vec<Vec<u64>>], legs: &[u64], levels: usize) -> (Graph, Vec<String>) {
    let mut graph = Graph::default();
    let (mut named, mut items) = (Vec::new(), Vec::new());
    for (p, cases) in load.iter().enumerate() {
        let pallet = format!("pallet {p}");
        if levels >= 2 {
            named.push(pallet.clone());
        }
        for (c, contents) in cases.iter().enumerate() {
            let case = format!("case {p}.{c}");
            match levels {
                0 => {}
                1 => named.push(case.clone()),
                _ => graph.packing.push(packed(&case, &pallet, 2, Some(1_000))),
            }
            for (i, mass) in contents.iter().enumerate() {
                let item = format!("item {p}.{c}.{i}");
                graph.masses.insert(item.clone(), *mass);
                match levels {
                    0 => named.push(item.clone()),
                    _ => graph.packing.push(packed(&item, &case, 1, None)),
                }
                items.push(item);
            }
        }
    }
    for (index, milligrams) in legs.iter().enumerate() {
        let loads = named.iter().map(one).collect();
        graph.legs.push(leg(10 + index as u64, measured(*milligrams), loads));
    }
    (graph, items)
}

/// Something that happens in a made-up factory.
#[derive(Clone, Debug)]
enum Deed {
    /// A leg on some things: which, and its milligrams.
    Carry(Vec<usize>, u64),
    /// A transformation of parts of things into new batches: which and how much of each, the
    /// masses made, and the milligrams of the process.
    Make(Vec<(usize, u64)>, Vec<u64>, u64),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    use proptest::collection::vec;
    let which = || vec(0_usize..100, 1..4);
    prop_oneof![
        (which(), 0_u64..1_000_000).prop_map(|(which, mg)| Deed::Carry(which, mg)),
        (vec((0_usize..100, 0_u64..2_000), 1..4), vec(0_u64..1_000, 1..4), 0_u64..1_000_000)
            .prop_map(|(from, to, mg)| Deed::Make(from, to, mg)),
    ]
}

/// The graph of some deeds, and the names of all things in it.
fn factory(deeds: &[Deed]) -> (Graph, Vec<String>) {
    let mut graph = Graph::default();
    let mut things: Vec<String> = Vec::new();
    let begin = |graph: &mut Graph, things: &mut Vec<String>, mass: Option<u64>| {
        let id = format!("thing {:04}", things.len());
        things.push(id.clone());
        if let Some(mass) = mass {
            graph.made.push(Made { id: id.clone(), mark: mark(0), mass: Some(mass) });
        }
        id
    };
    for mass in [1_000, 10, 777] {
        begin(&mut graph, &mut things, Some(mass));
    }
    for (index, deed) in deeds.iter().enumerate() {
        let time = 1 + index as u64;
        match deed {
            Deed::Carry(which, milligrams) => {
                let loads = which.iter().map(|i| lot(&things[i % things.len()], Some(1 + time)));
                let loads = loads.collect();
                graph.legs.push(leg(time, measured(*milligrams), loads));
            }
            Deed::Make(from, to, milligrams) => {
                let inputs = from.iter().map(|(i, m)| lot(&things[i % things.len()], Some(*m)));
                let inputs = inputs.collect();
                let outputs = to.iter().map(|mass| {
                    let id = begin(&mut graph, &mut things, None);
                    lot(id, Some(*mass))
                });
                let outputs = outputs.collect();
                graph.legs.push(leg(time, measured(*milligrams), Vec::new()));
                let legs = vec![graph.legs.len() - 1];
                graph.transformations.push(Transformation {
                    mark: mark(time),
                    inputs,
                    outputs,
                    legs,
                });
            }
        }
    }
    (graph, things)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Promise P41.
    #[test]
    fn shares_sum_to_the_total(
        total in any_total(),
        parcels in proptest::collection::btree_map(any::<u32>(), any_mass(), 1..200),
    ) {
        let shares = allocate(total, &parcels);
        prop_assert_eq!(shares.values().sum::<u128>(), total);
        // Nobody is more than a milligram from the exact share.
        let sum: u128 = parcels.values().map(|mass| u128::from(*mass)).sum();
        for (key, mass) in parcels.iter().filter(|_| sum > 0) {
            let down = total * u128::from(*mass) / sum;
            prop_assert!((down..=down + 1).contains(&shares[key]));
        }
    }

    /// Promise P41.
    #[test]
    fn a_heavier_parcel_never_gets_less(
        total in any_total(),
        parcels in proptest::collection::btree_map(any::<u32>(), any_mass(), 1..50),
    ) {
        let shares = allocate(total, &parcels);
        let mut both: Vec<(u64, u128)> = parcels.iter().map(|(k, m)| (*m, shares[k])).collect();
        both.sort_unstable();
        for pair in both.windows(2) {
            prop_assert!(pair[0].0 == pair[1].0 || pair[0].1 <= pair[1].1);
        }
    }

    /// Promise P41.
    #[test]
    fn packing_changes_no_sum(
        load in any_load(),
        legs in proptest::collection::vec(0_u64..1_000_000, 1..4),
    ) {
        for levels in 0..=2 {
            let (graph, items) = loaded(&load, &legs, levels);
            let sum: u128 = items.iter().map(|item| milligrams(&graph, item)).sum();
            prop_assert_eq!(sum, total_of(&graph.legs), "{} levels", levels);
        }
    }

    /// Promise P41.
    #[test]
    fn the_order_of_the_input_does_not_matter(
        load in any_load(),
        legs in proptest::collection::vec(0_u64..1_000_000, 1..3),
    ) {
        let (graph, items) = loaded(&load, &legs, 2);
        let mut other = graph.clone();
        other.packing.reverse();
        other.legs.iter_mut().for_each(|leg| leg.loads.reverse());
        for item in items {
            prop_assert_eq!(footprint(&graph, &item), footprint(&other, &item));
        }
    }

    /// Promise P42.
    #[test]
    fn transformations_conserve_milligrams(deeds in proptest::collection::vec(any_deed(), 1..14)) {
        let (graph, things) = factory(&deeds);
        let held: u128 = things.iter().map(|thing| {
            let footprint = footprint(&graph, thing);
            assert!(footprint.open.is_empty(), "{:?}", footprint.open);
            footprint.milligrams - footprint.passed_on
        }).sum();
        prop_assert_eq!(held, total_of(&graph.legs));
    }

    /// Promise P43. Whatever is left out of the graph, what is known is never more than there is.
    #[test]
    fn what_is_not_known_is_open_and_never_more(
        deeds in proptest::collection::vec(any_deed(), 1..10),
        hidden in proptest::collection::vec(any::<bool>(), 60),
    ) {
        let (mut graph, things) = factory(&deeds);
        let mut hidden = hidden.into_iter().cycle();
        let loads = graph.legs.iter_mut().flat_map(|leg| leg.loads.iter_mut());
        loads.for_each(|load| if hidden.next() == Some(true) { load.mass = None });
        for made in &mut graph.transformations {
            for load in made.inputs.iter_mut().chain(&mut made.outputs) {
                if hidden.next() == Some(true) {
                    load.mass = None;
                }
            }
        }
        let mut held = 0;
        let mut open = false;
        for thing in &things {
            let footprint = footprint(&graph, thing);
            held += footprint.milligrams - footprint.passed_on;
            open |= !footprint.open.is_empty();
        }
        let total = total_of(&graph.legs);
        prop_assert!(held <= total);
        prop_assert!(held == total || open);
    }
}
