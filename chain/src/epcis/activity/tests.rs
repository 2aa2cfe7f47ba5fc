//! What the reader of activity data takes and refuses, and what activities come to.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::epcis::testing::{any_json, sample_event};
use crate::epcis::{Event, Violation};

fn with_activity(activity: Value) -> Result<Event, Vec<Violation>> {
    let mut event = sample_event();
    event["@context"][1]["carbon"] = json!(NAMESPACE);
    event["carbon:activity"] = activity;
    Event::from_value(event, None)
}

/// The pointers below the activity and the rules that are broken.
fn broken(activity: Value) -> Vec<(String, &'static str)> {
    let violations = with_activity(activity).unwrap_err();
    let below = |pointer: &str| pointer.strip_prefix("/carbon:activity").unwrap().to_owned();
    violations.into_iter().map(|wrong| (below(&wrong.pointer), wrong.rule)).collect()
}

fn emissions(activity: Value) -> Result<u128, Unknown> {
    let event = with_activity(activity).unwrap();
    let [activity] = event.activities().try_into().unwrap();
    activity.emissions(None)
}

/// A lorry with 12 t over 250 km at 62 g per tonne kilometre.
fn road() -> Value {
    json!({
        "kind": "transport", "mode": "road", "vehicleClass": "articulated lorry, 40 t",
        "mass": {"value": 12, "uom": "TNE"},
        "distance": {"value": 250, "uom": "KMT", "kind": "shortest"},
        "dataType": "default",
        "factor": {"value": 62, "uom": "g", "per": "t.km", "scope": "WTW",
            "source": "example table", "year": 2023, "id": "road-40t"},
    })
}

/// Diesel and electricity of one lorry.
fn fuel() -> Value {
    json!({
        "kind": "transport", "mode": "road", "dataType": "primary",
        "distance": {"value": 261.4, "uom": "km", "kind": "actual"},
        "energy": [
            {"carrier": "diesel B7", "value": 85.5, "uom": "LTR", "factor":
                {"value": 3.24, "uom": "kg", "per": "L", "scope": "WTW", "source": "x",
                 "year": 2023}},
            {"carrier": "electricity for cooling", "value": 12, "uom": "KWH", "factor":
                {"value": 90, "uom": "g", "per": "MJ", "scope": "WTW", "source": "y",
                 "year": 2024}},
        ],
    })
}

fn changed(mut activity: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = activity.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Value::Null => drop(parent.remove(key)),
        value => drop(parent.insert(key.to_owned(), value)),
    }
    activity
}

#[test]
fn a_leg_is_mass_by_distance_by_factor() {
    // 12 t x 250 km x 62 g = 186 kg.
    assert_eq!(emissions(road()), Ok(186_000_000));
    // 85.5 L x 3.24 kg = 277.02 kg; 12 kWh = 43.2 MJ, x 90 g = 3.888 kg.
    assert_eq!(emissions(fuel()), Ok(277_020_000 + 3_888_000));
    let hub = json!({
        "kind": "hub", "dataType": "modelled", "mass": {"value": 1500, "uom": "KGM"},
        "factor": {"value": 1.2, "uom": "kg", "per": "t", "scope": "WTW", "source": "x",
            "year": 2022},
    });
    assert_eq!(emissions(hub), Ok(1_800_000));
    let measured = json!({
        "kind": "process", "dataType": "primary",
        "emissions": {"value": 0.0000015, "uom": "kg", "scope": "WTW"},
    });
    assert_eq!(emissions(measured), Ok(2), "1.5 mg, half upwards");
}

#[test]
fn every_field_is_read() {
    let [lorry] = with_activity(road()).unwrap().activities().try_into().unwrap();
    assert_eq!((lorry.kind, lorry.mode), (Kind::Transport, Some(Mode::Road)));
    assert_eq!(lorry.vehicle_class.as_deref(), Some("articulated lorry, 40 t"));
    assert_eq!(lorry.mass.and_then(Quantity::micrograms), Some(12_000_000_000_000));
    let distance = lorry.distance.unwrap();
    assert_eq!((distance.kind, distance.length.unit.symbol), (DistanceKind::Shortest, "km"));
    assert_eq!((lorry.data_type, lorry.covers), (DataType::Default, Covers::Named));
    let Basis::MassDistance(factor) = &lorry.basis else { panic!("{:?}", lorry.basis) };
    assert_eq!((factor.year, factor.id.as_deref()), (2023, Some("road-40t")));
    assert_eq!((factor.source.as_str(), factor.scope), ("example table", Scope::WellToWheel));
    let [van] = with_activity(fuel()).unwrap().activities().try_into().unwrap();
    assert_eq!((van.basis, van.energy[0].carrier.as_str()), (Basis::Energy, "diesel B7"));
}

#[test]
fn units_are_converted_exactly() {
    for (uom, kilometres) in [("m", 250_000.0), ("km", 250.0), ("MTR", 250_000.0)] {
        let distance = json!({"value": kilometres, "uom": uom, "kind": "shortest"});
        assert_eq!(emissions(changed(road(), "/distance", distance)), Ok(186_000_000), "{uom}");
    }
    // 12 t x 100 mi = 160.9344 km: 1 931 212.8 g x 62 / 1000 …
    let miles = json!({"value": 100, "uom": "SMI", "kind": "shortest"});
    assert_eq!(emissions(changed(road(), "/distance", miles)), Ok(119_735_194));
    // 1 lb over 1 nmi at 1 kg: 0.000 453 592 37 t x 1.852 km x 1 000 000 mg = 840.053 mg.
    let mut pound = changed(road(), "/mass", json!({"value": 1, "uom": "LBR"}));
    pound["distance"] = json!({"value": 1, "uom": "NMI", "kind": "greatCircle"});
    pound["factor"]["value"] = json!(1);
    pound["factor"]["uom"] = json!("KGM");
    assert_eq!(emissions(pound), Ok(840));
    // A gallon (US) by a factor per litre.
    let gallon = json!([{"carrier": "kerosene", "value": 1, "uom": "gal", "factor":
        {"value": 1, "uom": "t", "per": "LTR", "scope": "WTW", "source": "x", "year": 2023}}]);
    assert_eq!(emissions(changed(fuel(), "/energy", gallon)), Ok(3_785_411_784));
}

#[test]
fn what_is_not_known_leaves_it_open() {
    let without = |pointer| changed(road(), pointer, Value::Null);
    assert_eq!(emissions(without("/factor")), Err(Unknown::Factor));
    assert_eq!(emissions(without("/mass")), Err(Unknown::Mass));
    let named = json!({"scope": "WTW", "source": "x", "year": 2023, "id": "A-17"});
    assert_eq!(emissions(changed(road(), "/factor", named)), Err(Unknown::Factor));
    let ttw = changed(road(), "/factor/scope", json!("TTW"));
    assert_eq!(emissions(ttw), Err(Unknown::Scope));
    let mut half = fuel();
    half["energy"][1].as_object_mut().unwrap().remove("factor");
    assert_eq!(emissions(half), Err(Unknown::Factor));
    // An activity that does not say its mass takes that of its things: 1 kg.
    let [open] = with_activity(without("/mass")).unwrap().activities().try_into().unwrap();
    assert_eq!(open.emissions(Some(1_000_000_000)), Ok(15_500));
    assert_eq!(open.emissions(Some(MAX_MASS)), Ok(155_000_000_000_000));
}

/// Promise P40.
#[test]
fn wrong_and_missing_units_are_refused() {
    for (pointer, value, at, rule) in [
        ("/mass/uom", Value::Null, "/mass/uom", "required"),
        ("/mass/uom", json!("stone"), "/mass/uom", "unit"),
        ("/mass/uom", json!("KMT"), "/mass/uom", "unit"),
        ("/mass/uom", json!(5), "/mass/uom", "type"),
        ("/mass", json!(12), "/mass", "type"),
        ("/mass/value", json!("12"), "/mass/value", "type"),
        ("/mass/value", json!(-1), "/mass/value", "activity-number"),
        ("/mass/value", json!(0.000_000_000_000_1), "/mass/value", "activity-number"),
        ("/mass/value", json!(10_000_001), "/mass/value", "activity-number"),
        ("/mass/value", json!(1e15), "/mass/value", "activity-number"),
        ("/distance/uom", Value::Null, "/distance/uom", "required"),
        ("/distance/uom", json!("kg"), "/distance/uom", "unit"),
        ("/distance/kind", Value::Null, "/distance/kind", "required"),
        ("/distance/kind", json!("bird"), "/distance/kind", "vocabulary"),
        ("/distance", Value::Null, "/distance", "required"),
        ("/factor/uom", Value::Null, "/factor/uom", "required"),
        ("/factor/per", Value::Null, "/factor/per", "required"),
        ("/factor/per", json!("L"), "/factor/per", "unit"),
        ("/factor/per", json!("km"), "/factor/per", "unit"),
        ("/factor/value", json!(-3), "/factor/value", "activity-number"),
        ("/factor/scope", Value::Null, "/factor/scope", "required"),
        ("/factor/source", Value::Null, "/factor/source", "required"),
        ("/factor/source", json!(" "), "/factor/source", "empty"),
        ("/factor/year", json!(1066), "/factor/year", "activity-number"),
        ("/factor/colour", json!("red"), "/factor/colour", "unknown-field"),
        ("/kind", Value::Null, "/kind", "required"),
        ("/kind", json!("magic"), "/kind", "vocabulary"),
        ("/mode", Value::Null, "/mode", "required"),
        ("/mode", json!("teleport"), "/mode", "vocabulary"),
        ("/dataType", Value::Null, "/dataType", "required"),
        ("/dataType", json!("guess"), "/dataType", "vocabulary"),
        ("/massKg", json!(3), "/massKg", "unknown-field"),
        ("/adjustment", json!(1.05), "/adjustment", "activity"),
        ("/adjustment", json!(0), "/adjustment", "activity-number"),
        ("/adjustment", json!(11), "/adjustment", "activity-number"),
        ("/vehicleClass", json!("x".repeat(501)), "/vehicleClass", "activity"),
    ] {
        let given = changed(road(), pointer, value.clone());
        assert_eq!(broken(given), [(at.to_owned(), rule)], "{pointer} {value}");
    }
    for (pointer, value, at, rule) in [
        ("/energy/0/uom", json!("km"), "/energy/0/uom", "unit"),
        ("/energy/0/uom", json!("KWH"), "/energy/0/factor/per", "unit"),
        ("/energy/0/carrier", Value::Null, "/energy/0/carrier", "required"),
        ("/energy/1/factor/per", json!("t.km"), "/energy/1/factor/per", "unit"),
        ("/energy/1/factor/distance", json!("actual"), "/energy/1/factor/distance", "activity"),
        ("/energy", json!([]), "/energy", "empty"),
        ("/covers", json!("vehicle"), "/mass", "required"),
    ] {
        let given = changed(fuel(), pointer, value.clone());
        assert!(broken(given).contains(&(at.to_owned(), rule)), "{pointer} {value}");
    }
}

/// Promise P40.
#[test]
fn the_actual_distance_goes_with_a_factor_built_on_it() {
    let at = |pointer: &str, rule| vec![(pointer.to_owned(), rule)];
    let actual = changed(road(), "/distance/kind", json!("actual"));
    assert_eq!(broken(actual.clone()), at("/distance/kind", "activity"));
    let open = changed(actual.clone(), "/factor", Value::Null);
    assert_eq!(broken(open), at("/distance/kind", "activity"));
    let both = changed(actual, "/factor/distance", json!("actual"));
    assert_eq!(emissions(both), Ok(186_000_000));
    let built_on_actual = changed(road(), "/factor/distance", json!("actual"));
    assert_eq!(broken(built_on_actual.clone()), at("/adjustment", "required"));
    // 186 kg x 1.05.
    let adjusted = changed(built_on_actual, "/adjustment", json!(1.05));
    assert_eq!(emissions(adjusted), Ok(195_300_000));
    let other = changed(road(), "/factor/distance", json!("greatCircle"));
    assert_eq!(broken(other), at("/adjustment", "required"));
    let same = changed(road(), "/factor/distance", json!("shortest"));
    assert_eq!(emissions(same), Ok(186_000_000));
}

#[test]
fn one_way_of_reckoning_only() {
    let measured = json!({"value": 1, "uom": "kg", "scope": "WTW"});
    assert_eq!(
        broken(changed(road(), "/emissions", measured)),
        [("/emissions".to_owned(), "activity")]
    );
    let mut both = road();
    both["energy"] = fuel()["energy"].clone();
    assert_eq!(broken(both.clone()), [("/factor".to_owned(), "activity")]);
    // Energy without factors beside the factor of the leg is for information.
    for energy in both["energy"].as_array_mut().unwrap() {
        energy.as_object_mut().unwrap().remove("factor");
    }
    assert_eq!(emissions(both), Ok(186_000_000));
    let nothing = json!({"kind": "hub", "dataType": "primary"});
    assert_eq!(broken(nothing), [(String::new(), "activity")]);
    let far_hub = json!({"kind": "hub", "dataType": "primary", "factor": {"value": 1, "uom": "kg",
        "per": "t", "scope": "WTW", "source": "x", "year": 2023, "distance": "actual"}});
    assert_eq!(broken(far_hub), [("/factor/distance".to_owned(), "activity")]);
    let sailing_hub = json!({"kind": "hub", "mode": "sea", "dataType": "primary",
        "mass": {"value": 1, "uom": "kg"}});
    assert_eq!(broken(sailing_hub), [("/mode".to_owned(), "activity")]);
}

/// Promise P40.
#[test]
fn what_overflows_is_refused() {
    let mut huge = road();
    huge["mass"] = json!({"value": 10_000_000, "uom": "t"});
    huge["factor"]["value"] = json!(1_000_000_000_000_u64);
    huge["factor"]["uom"] = json!("t");
    assert_eq!(broken(huge), [(String::new(), "activity-number")]);
}

#[test]
fn several_activities_stand_in_a_list() {
    let two = with_activity(json!([road(), fuel()])).unwrap();
    assert_eq!(two.activities().len(), 2);
    assert_eq!(broken(json!([])), [(String::new(), "empty")]);
    assert_eq!(broken(json!([road(), 5])), [("/1".to_owned(), "type")]);
    let many: Vec<Value> = (0..=MAX_ACTIVITIES_PER_EVENT).map(|_| road()).collect();
    assert_eq!(broken(json!(many)), [(String::new(), "activity")]);
}

/// Promise P1. What others mean by their words is theirs.
#[test]
fn extensions_of_others_are_not_looked_at() {
    let mut event = sample_event();
    event["ext:activity"] = json!({"mass": -5, "uom": "stone"});
    event["undeclared:activity"] = json!(1);
    let event = Event::from_value(event, None).unwrap();
    assert_eq!(event.activities(), []);
}

#[test]
fn the_namespace_is_found_under_any_prefix_and_in_full() {
    for (context, key) in [
        (json!({"c": NAMESPACE}), "c:activity"),
        (json!({"c": {"@id": NAMESPACE}}), "c:activity"),
        (json!({"t": "urn:tracehold:"}), "t:carbon:activity"),
        (json!({}), ACTIVITY),
    ] {
        let mut event = sample_event();
        event["@context"].as_array_mut().unwrap().push(context.clone());
        event[key] = road();
        let read = Event::from_value(event.clone(), None).unwrap();
        assert_eq!(read.activities().len(), 1, "{context} {key}");
        event[key] = json!(5);
        assert!(Event::from_value(event, None).is_err(), "{context} {key}");
    }
    let mut event = sample_event();
    event["@context"][1]["carbon"] = json!(NAMESPACE);
    event["carbon:activities"] = road();
    event["ilmd"]["carbon:activity"] = road();
    let violations = Event::from_value(event, None).unwrap_err();
    let found: Vec<_> = violations.iter().map(|v| (v.pointer.as_str(), v.rule)).collect();
    assert_eq!(
        found,
        [("/carbon:activities", "unknown-field"), ("/ilmd/carbon:activity", "activity")]
    );
}

/// Promise P1. The context of the document counts too, and a stored event reads the same.
#[test]
fn the_documents_context_declares_the_prefix() {
    let mut event = sample_event();
    event["carbon:activity"] = road();
    let context = std::sync::Arc::new(json!({"carbon": NAMESPACE}));
    let read = Event::from_value(event, Some(context)).unwrap();
    assert_eq!(read.activities().len(), 1);
    let cut = crate::epcis::SectionedEvent::split(&read, &mut |_| [7; 32]);
    assert_eq!(cut.event().unwrap().activities(), read.activities());
}

proptest! {
    #[test]
    fn no_activity_makes_the_reader_panic(value in any_json()) {
        let _ = with_activity(value);
    }

    #[test]
    fn no_member_makes_the_reader_panic(
        value in any_json(),
        pointer in prop::sample::select(vec![
            "/mass", "/mass/value", "/mass/uom", "/distance", "/distance/value", "/distance/kind",
            "/factor", "/factor/value", "/factor/per", "/factor/year", "/energy", "/emissions",
            "/adjustment", "/covers", "/kind", "/mode", "/dataType",
        ]),
    ) {
        if let Ok(event) = with_activity(changed(road(), pointer, value)) {
            for activity in event.activities() {
                let _ = activity.emissions(Some(u64::MAX));
            }
        }
    }
}

/// Promise P40. What the guide shows is taken.
#[test]
fn the_examples_of_the_guide_are_taken() {
    let guide = include_str!("../../../../docs/footprint.md");
    let examples: Vec<&str> = guide.split("```json\n").skip(1).collect();
    assert_eq!(examples.len(), 2);
    for (example, milligrams) in examples.into_iter().zip([193_750_000, 281_580_000]) {
        let text = example.split("```").next().unwrap();
        let event = Event::parse_bare(text.as_bytes()).unwrap();
        assert_eq!(event.activities()[0].emissions(None), Ok(milligrams));
        assert_eq!(event.notices(), []);
    }
    for code in ["LBR", "NMI", "GLI", "3B"] {
        assert!(guide.contains(&format!("`{code}`")) && Unit::named(code).is_some());
    }
}
