//! What stays open, and why.

use super::*;

fn open(graph: &Graph, id: &str) -> Vec<(Option<usize>, Reason, String)> {
    footprint(graph, id).open.into_iter().map(|open| (open.leg, open.reason, open.at)).collect()
}

const KG: u64 = 1_000_000_000;

/// Promise P43.
#[test]
fn every_reason_has_its_words() {
    let codes: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert!(reason.english().ends_with('.') && reason.mend().ends_with('.'), "{reason:?}");
        assert!(reason.chinese().ends_with('。') && reason.mend_chinese().ends_with('。'));
        assert!(!reason.mender().code().is_empty());
    }
}

/// Promise P43.
#[test]
fn a_leg_without_factor_is_open_and_the_others_count() {
    let mut unknown = measured(0);
    unknown.basis = Basis::NoFactor;
    let mut ttw = measured(5);
    ttw.basis = Basis::Measured { emissions: quantity(5, "kg"), scope: Scope::TankToWheel };
    let mut silent = leg(4, measured(1), vec![one("a")]);
    silent.activity = None;
    let graph = Graph {
        legs: vec![
            leg(1, measured(7), vec![one("a")]),
            leg(2, unknown, vec![one("a")]),
            leg(3, ttw, vec![one("a")]),
            silent,
        ],
        ..Graph::default()
    };
    let a = footprint(&graph, "a");
    assert_eq!((a.milligrams, a.primary_permille), (7, Some(1000)));
    assert_eq!(
        open(&graph, "a"),
        [
            (Some(1), Reason::Factor, "a".to_owned()),
            (Some(2), Reason::Scope, "a".to_owned()),
            (Some(3), Reason::NoActivity, "a".to_owned()),
        ]
    );
}

/// Promise P43.
#[test]
fn a_parcel_without_mass_is_open() {
    // Three parcels, 30 kg declared, 10 kg known: one unknown gets the rest, two are open.
    let declared = Some(quantity(30, "kg"));
    let mut graph = Graph {
        masses: masses([("a", 10 * KG), ("b", 5 * KG)]),
        legs: vec![leg(1, carried(declared, 100, 100), vec![one("a"), one("b"), one("c")])],
        ..Graph::default()
    };
    // 30 kg x 100 km x 100 g/t.km = 300 g.
    assert_eq!(milligrams(&graph, "a"), 100_000);
    assert_eq!(milligrams(&graph, "b"), 50_000);
    assert_eq!(milligrams(&graph, "c"), 150_000);
    graph.masses.remove("b");
    assert_eq!(milligrams(&graph, "a"), 100_000);
    assert_eq!(open(&graph, "b"), [(Some(0), Reason::ParcelMass, "b".to_owned())]);
    assert_eq!(open(&graph, "c"), [(Some(0), Reason::ParcelMass, "c".to_owned())]);
    // Nothing declared, reckoned by mass: each known one by its own.
    graph.legs[0].activity = Some(carried(None, 100, 100));
    assert_eq!(milligrams(&graph, "a"), 100_000);
    assert_eq!(footprint(&graph, "b").milligrams, 0);
    assert_eq!(open(&graph, "b"), [(Some(0), Reason::ParcelMass, "b".to_owned())]);
    // Measured, and nothing declared: nobody can share.
    graph.legs[0].activity = Some(measured(300));
    assert_eq!(open(&graph, "a"), [(Some(0), Reason::ParcelMass, "b".to_owned())]);
    // Alone it has all of it.
    graph.legs[0].loads = vec![one("c")];
    assert_eq!(milligrams(&graph, "c"), 300);
    // Alone, and reckoned by a mass that nobody says.
    graph.legs[0].activity = Some(carried(None, 100, 100));
    assert_eq!(open(&graph, "c"), [(Some(0), Reason::LoadMass, "c".to_owned())]);
}

/// Promise P41.
#[test]
fn other_peoples_goods_bear_their_share() {
    let mut shared = measured(12_000);
    shared.mass = Some(quantity(12, "t"));
    shared.covers = Covers::Vehicle;
    let mut graph = Graph {
        masses: masses([("a", 500 * KG)]),
        legs: vec![leg(1, shared, vec![one("a")])],
        ..Graph::default()
    };
    assert_eq!(milligrams(&graph, "a"), 500);
    graph.masses.clear();
    assert_eq!(open(&graph, "a"), [(Some(0), Reason::ParcelMass, "a".to_owned())]);
}

/// Promise P43.
#[test]
fn a_claim_is_shown_and_not_counted() {
    let mut graph = Graph {
        masses: masses([("a", KG), ("b", KG)]),
        legs: vec![leg(1, measured(1_000), vec![one("a"), one("b")])],
        ..Graph::default()
    };
    graph.legs[0].loads[0].is_claim = true;
    assert_eq!(open(&graph, "a"), [(Some(0), Reason::Claim, "a".to_owned())]);
    assert_eq!(footprint(&graph, "a").milligrams, 0);
    assert_eq!(milligrams(&graph, "b"), 500);
}

#[test]
fn packing_counts_only_while_it_lasts() {
    let graph = Graph {
        masses: masses([("a", 3 * KG), ("b", KG)]),
        legs: vec![
            leg(1, measured(1_000), vec![one("box")]),
            leg(5, measured(1_000), vec![one("box")]),
            leg(9, measured(1_000), vec![one("box")]),
        ],
        packing: vec![packed("a", "box", 2, Some(7)), packed("b", "box", 3, None)],
        ..Graph::default()
    };
    let a = footprint(&graph, "a");
    let part = Part { leg: 1, milligrams: 750, carried_by: vec!["box".to_owned()] };
    assert_eq!((a.milligrams, a.parts), (750, vec![part]));
    assert_eq!(milligrams(&graph, "b"), 250 + 1_000);
    assert_eq!(milligrams(&graph, "box"), 3_000);
}

#[test]
fn what_is_named_beside_its_container_counts_once() {
    let graph = Graph {
        masses: masses([("a", KG), ("b", KG), ("c", 2 * KG)]),
        legs: vec![leg(5, measured(1_000), vec![one("box"), one("a"), one("c")])],
        packing: vec![packed("a", "box", 2, None), packed("b", "box", 2, None)],
        ..Graph::default()
    };
    assert_eq!(["a", "b", "c"].map(|id| milligrams(&graph, id)), [250, 250, 500]);
}

/// Promise P43.
#[test]
fn contents_without_mass_are_open() {
    let graph = Graph {
        masses: masses([("a", KG)]),
        legs: vec![leg(5, measured(1_000), vec![one("box")])],
        packing: vec![packed("a", "box", 2, None), packed("b", "box", 2, None)],
        ..Graph::default()
    };
    assert_eq!(milligrams(&graph, "box"), 1_000);
    assert_eq!(open(&graph, "a"), [(Some(0), Reason::ContentMass, "b".to_owned())]);
}

/// Promise P42.
#[test]
fn a_batch_is_used_in_parts() {
    let mill = |time, used, made: &str| Transformation {
        mark: mark(time),
        inputs: vec![lot("grain", Some(used * KG))],
        outputs: vec![lot(made, Some(used * KG))],
        legs: Vec::new(),
    };
    let mut graph = Graph {
        made: vec![Made { id: "grain".to_owned(), mark: mark(0), mass: Some(100 * KG) }],
        legs: vec![
            leg(1, measured(1_000), vec![lot("grain", Some(100 * KG))]),
            leg(3, measured(600), vec![lot("grain", Some(60 * KG))]),
        ],
        transformations: vec![mill(2, 40, "flour 1"), mill(4, 20, "flour 2")],
        ..Graph::default()
    };
    // The second leg carries only what the first mill left.
    assert_eq!(milligrams(&graph, "flour 1"), 400);
    assert_eq!(milligrams(&graph, "flour 2"), 200 + 200);
    let grain = footprint(&graph, "grain");
    assert_eq!((grain.milligrams, grain.passed_on), (1_600, 800));
    let flour = footprint(&graph, "flour 2");
    assert_eq!(flour.parts[1].carried_by, ["grain"]);
    // Without the mass of the batch nobody can say which part was used.
    graph.made.clear();
    let missing = (None, Reason::InputMass, "grain".to_owned());
    assert_eq!(open(&graph, "flour 1"), std::slice::from_ref(&missing));
    // Inputs that are named by class have no history.
    graph.transformations[0].inputs[0].nature = Nature::Class;
    assert_eq!(open(&graph, "flour 1"), [(None, Reason::InputClass, "grain".to_owned())]);
    // Two outputs, one without mass.
    graph.transformations[1].outputs.push(lot("bran", None));
    graph.legs.push(leg(4, measured(50), Vec::new()));
    graph.transformations[1].legs.push(2);
    let nobody = (None, Reason::OutputMass, "bran".to_owned());
    assert_eq!(open(&graph, "flour 2"), [missing, nobody]);
}

/// Promise P43.
#[test]
fn limits_are_named_when_they_bite() {
    let mut graph = Graph { cut: vec!["thing 0".to_owned()], ..Graph::default() };
    graph.legs.push(leg(1, measured(10), vec![one("thing 0")]));
    let limit = |at: &str| vec![(None, Reason::Limit, at.to_owned())];
    assert_eq!(open(&graph, "thing 0"), limit("thing 0"));
    for level in 0..=MAX_TRANSFORMATION_LEVELS {
        graph.transformations.push(Transformation {
            mark: mark(2 + level as u64),
            inputs: vec![one(format!("thing {level}"))],
            outputs: vec![one(format!("thing {}", level + 1))],
            legs: Vec::new(),
        });
    }
    graph.cut.clear();
    let last = format!("thing {MAX_TRANSFORMATION_LEVELS}");
    assert_eq!(milligrams(&graph, &last), 10);
    let beyond = format!("thing {}", MAX_TRANSFORMATION_LEVELS + 1);
    assert_eq!(open(&graph, &beyond), limit("thing 1"));
}

/// Promise P43. When the steps are used up, nothing is counted that was looked up in part.
#[test]
fn a_reckoning_has_an_end_and_says_so() {
    let mut graph = Graph::default();
    for item in 0..2_000 {
        let item = format!("item {item}");
        graph.masses.insert(item.clone(), KG);
        graph.packing.push(packed(item, "box", 1, None));
    }
    for time in 0..2_000 {
        graph.legs.push(leg(5 + time, measured(2_000), vec![one("box")]));
    }
    let found = footprint(&graph, "item 0");
    assert!(found.milligrams < 2_000, "{}", found.milligrams);
    assert_eq!(found.milligrams, found.parts.len() as u128, "each known share is right");
    assert!(found.open.iter().all(|open| open.reason == Reason::Limit));
    assert!(!found.open.is_empty());
}

/// A container in itself cannot be recorded; if it were, the reckoning would still end.
#[test]
fn nonsense_comes_to_an_end() {
    let graph = Graph {
        legs: vec![leg(5, measured(1_000), vec![one("a"), one("b")])],
        packing: vec![packed("a", "b", 2, None), packed("b", "a", 2, None)],
        ..Graph::default()
    };
    let _ = footprint(&graph, "a");
    let mut rework = Graph::default();
    rework.transformations.push(Transformation {
        mark: mark(5),
        inputs: vec![one("a")],
        outputs: vec![one("a")],
        legs: Vec::new(),
    });
    assert_eq!(milligrams(&rework, "a"), 0);
}
