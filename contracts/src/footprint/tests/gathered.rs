//! From EPCIS events to footprints.

use std::convert::Infallible;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use tracehold_chain::epcis::Event;
use tracehold_chain::epcis::activity::NAMESPACE;

use super::super::gather::{History, Sources, Told, gather};
use super::*;

const KG: u64 = 1_000_000_000;
const WHEAT: &str = "https://id.gs1.org/01/09521321001015/10/W1";
const FLOUR: &str = "https://id.gs1.org/01/09521321002012/10/F1";
const BRAN: &str = "https://id.gs1.org/01/09521321003019/10/B1";
const PALLET: &str = "https://id.gs1.org/00/095213210000000012";
const CASE_1: &str = "https://id.gs1.org/00/095213210000000029";
const CASE_2: &str = "https://id.gs1.org/00/095213210000000036";

fn piece(number: u32) -> String {
    format!("https://id.gs1.org/01/09521321004016/21/{number}")
}

/// Everything on record.
#[derive(Default)]
struct Record {
    told: Vec<Told>,
    /// Who has no say over what.
    claims: Vec<(usize, String)>,
}

impl Record {
    fn add(&mut self, hour: u32, fields: Value) -> &mut Record {
        let number = self.told.len();
        let mut event = json!({
            "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
                {"carbon": NAMESPACE}],
            "type": "ObjectEvent",
            "eventTime": format!("2026-03-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24),
            "eventTimeZoneOffset": "+00:00",
            "eventID": format!("urn:event:{number}"),
        });
        let event_fields = event.as_object_mut().unwrap();
        for (key, value) in fields.as_object().unwrap() {
            event_fields.insert(key.clone(), value.clone());
        }
        let event = Event::from_value(event, None).unwrap();
        let position = Position { height: Height(number as u64), transaction: 0, event: 0 };
        self.told.push(Told {
            position,
            recorded_at: TimestampMs(u64::MAX),
            recorder: "acme".to_owned(),
            is_claim: false,
            event: Arc::new(event),
        });
        self
    }

    fn gathered(&self, id: &str) -> Graph {
        let mut history = |id: &str, most: usize| {
            let mut told = Vec::new();
            for (number, entry) in self.told.iter().enumerate() {
                if entry.event.identifiers().iter().any(|named| named.uri == id) {
                    let is_claim = self.claims.contains(&(number, id.to_owned()));
                    told.push(Told { is_claim, ..entry.clone() });
                }
            }
            let has_more = told.len() > most;
            told.truncate(most);
            Ok::<_, Infallible>(History { told, has_more })
        };
        let mut transformation = |_: &str, id: &str| {
            let parts = self.told.iter().filter(|told| told.event.transformation_id() == Some(id));
            Ok((parts.cloned().collect(), true))
        };
        let mut net_mass =
            |class: &str| Ok((class == "https://id.gs1.org/01/09521321004016").then_some(2 * KG));
        let sources = Sources {
            history: &mut history,
            transformation: &mut transformation,
            net_mass: &mut net_mass,
        };
        gather(id, sources).unwrap_or_else(|never| match never {})
    }

    fn milligrams(&self, id: &str) -> u128 {
        milligrams(&self.gathered(id), id)
    }

    fn open(&self, id: &str) -> Vec<(Reason, String)> {
        let found = footprint(&self.gathered(id), id);
        found.open.into_iter().map(|open| (open.reason, open.at)).collect()
    }
}

fn kilograms(class: &str, mass: u32) -> Value {
    json!([{"epcClass": class, "quantity": mass, "uom": "KGM"}])
}

fn factor_per(value: f64, per: &str) -> Value {
    json!({"value": value, "uom": "g", "per": per, "scope": "WTW", "source": "x", "year": 2023})
}

fn lorry(kilometres: u32, grams: f64) -> Value {
    json!({"kind": "transport", "mode": "road", "dataType": "default",
        "distance": {"value": kilometres, "uom": "km", "kind": "shortest"},
        "factor": factor_per(grams, "t.km")})
}

/// A mill: wheat is carried, milled and the flour delivered on a pallet.
fn mill() -> Record {
    let mut record = Record::default();
    record
        .add(
            0,
            json!({"action": "ADD", "bizStep": "commissioning",
            "quantityList": kilograms(WHEAT, 1000)}),
        )
        // 1 t x 100 km x 80 g = 8 kg.
        .add(
            1,
            json!({"action": "OBSERVE", "bizStep": "shipping",
            "quantityList": kilograms(WHEAT, 1000), "carbon:activity": lorry(100, 80.0)}),
        )
        .add(
            5,
            json!({"action": "OBSERVE", "bizStep": "receiving",
            "quantityList": kilograms(WHEAT, 1000)}),
        )
        // 600 of 1000 kg: 4.8 kg go on; 10 kWh x 300 g = 3 kg for 450 + 150 kg.
        .add(
            8,
            json!({"type": "TransformationEvent",
            "inputQuantityList": kilograms(WHEAT, 600),
            "outputQuantityList": [
                {"epcClass": FLOUR, "quantity": 450, "uom": "KGM"},
                {"epcClass": BRAN, "quantity": 150, "uom": "KGM"}],
            "carbon:activity": {"kind": "process", "dataType": "primary",
                "energy": [{"carrier": "electricity", "value": 10, "uom": "KWH",
                    "factor": factor_per(300.0, "KWH")}]}}),
        )
        .add(
            9,
            json!({"type": "AggregationEvent", "action": "ADD", "parentID": PALLET,
            "childQuantityList": kilograms(FLOUR, 450)}),
        )
        // 5 t in the lorry, 0.45 t on the pallet: 50 km x 100 g x 0.45 t = 2.25 kg of 25 kg.
        .add(
            10,
            json!({"action": "OBSERVE", "bizStep": "departing", "epcList": [PALLET],
            "carbon:activity": {"kind": "transport", "mode": "road", "dataType": "modelled",
                "covers": "vehicle", "mass": {"value": 5, "uom": "t"},
                "distance": {"value": 50, "uom": "km", "kind": "shortest"},
                "factor": factor_per(100.0, "t.km")}}),
        )
        .add(12, json!({"action": "OBSERVE", "bizStep": "arriving", "epcList": [PALLET]}))
        .add(13, json!({"type": "AggregationEvent", "action": "DELETE", "parentID": PALLET}))
        // What happens to the pallet afterwards is nothing to the flour.
        .add(
            14,
            json!({"action": "OBSERVE", "epcList": [PALLET],
            "carbon:activity": {"kind": "hub", "dataType": "primary",
                "emissions": {"value": 7, "uom": "kg", "scope": "WTW"}}}),
        );
    record
}

/// Promises P41 and P42.
#[test]
fn from_the_field_to_the_shop() {
    let record = mill();
    let graph = record.gathered(FLOUR);
    let flour = footprint(&graph, FLOUR);
    assert_eq!(flour.open, []);
    // 3/4 of 4.8 kg and of 3 kg, and all of the pallet's 2.25 kg.
    let parts: Vec<_> = flour.parts.iter().map(|part| part.milligrams).collect();
    assert_eq!(parts, [3_600_000, 2_250_000, 2_250_000]);
    assert_eq!((flour.milligrams, flour.primary_permille), (8_100_000, Some(278)));
    assert_eq!(flour.parts[0].carried_by, [WHEAT]);
    assert_eq!(flour.parts[2].carried_by, [PALLET]);
    assert_eq!(record.milligrams(BRAN), 1_200_000 + 750_000);
    let wheat = footprint(&record.gathered(WHEAT), WHEAT);
    assert_eq!((wheat.milligrams, wheat.passed_on), (8_000_000, 4_800_000));
}

/// Promise P41. Masses come from product data, and a pallet weighs what is in its cases.
#[test]
fn a_pallet_of_cases_of_pieces() {
    let mut record = Record::default();
    let pieces = |numbers: std::ops::Range<u32>| numbers.map(piece).collect::<Vec<_>>();
    let add = |parent: &str, children: Vec<String>| {
        json!({"type": "AggregationEvent", "action": "ADD", "parentID": parent,
            "childEPCs": children})
    };
    record
        .add(0, json!({"action": "ADD", "epcList": pieces(0..4)}))
        .add(1, add(CASE_1, pieces(0..3)))
        .add(1, add(CASE_2, pieces(3..4)))
        .add(2, add(PALLET, vec![CASE_1.to_owned(), CASE_2.to_owned()]))
        // 8 kg x 100 km x 100 g/t.km = 80 g; and 101 mg that do not divide evenly.
        .add(
            3,
            json!({"action": "OBSERVE", "epcList": [PALLET],
            "carbon:activity": [lorry(100, 100.0), {"kind": "hub", "dataType": "primary",
                "emissions": {"value": 101, "uom": "mg", "scope": "WTW"}}]}),
        );
    let each: Vec<u128> = (0..4).map(|number| record.milligrams(&piece(number))).collect();
    assert_eq!(each, [20_026, 20_025, 20_025, 20_025]);
    assert_eq!(record.milligrams(CASE_1), 60_076);
    assert_eq!(record.milligrams(PALLET), 80_101);
}

/// Promise P43.
#[test]
fn a_carriage_of_which_nobody_tells_anything_is_open() {
    let mut record = Record::default();
    let step = |step: &str| json!({"action": "OBSERVE", "bizStep": step, "epcList": [piece(1)]});
    record.add(1, step("shipping"));
    assert_eq!(record.open(&piece(1)), [], "it has not arrived yet");
    record.add(2, step("receiving"));
    let silent = (Reason::NoActivity, piece(1));
    assert_eq!(record.open(&piece(1)), std::slice::from_ref(&silent));
    record.add(3, step("shipping")).add(4, step("departing")).add(5, step("arriving"));
    assert_eq!(record.open(&piece(1)), [silent.clone(), silent]);
    // Told afterwards, before the next one begins.
    let mut told = step("transporting");
    told["carbon:activity"] = lorry(10, 100.0);
    told["bizStep"] = json!("other");
    record.add(6, told);
    let found = footprint(&record.gathered(&piece(1)), &piece(1));
    assert_eq!((found.milligrams, found.open.len()), (2_000, 1));
}

/// Promise P43. What happens to the container happens to what is inside.
#[test]
fn a_silent_carriage_of_the_container_is_open_too() {
    let mut record = Record::default();
    let step =
        |step: &str, what: &str| json!({"action": "OBSERVE", "bizStep": step, "epcList": [what]});
    record
        .add(
            1,
            json!({"type": "AggregationEvent", "action": "ADD", "parentID": PALLET,
            "childEPCs": [piece(1), piece(2)]}),
        )
        .add(2, step("shipping", PALLET))
        // Received one by one, without the pallet.
        .add(3, step("receiving", &piece(1)));
    assert_eq!(record.open(&piece(1)), [(Reason::NoActivity, piece(1))]);
    assert_eq!(record.open(&piece(2)), [], "it is still on its way");
    // Told of the piece, or of the pallet: either will do.
    let mut of_piece = step("other", &piece(1));
    of_piece["carbon:activity"] = lorry(10, 100.0);
    record.add(4, of_piece);
    assert_eq!(record.milligrams(&piece(1)), 2_000);
}

/// Promise P43. What was declared in error says nothing.
#[test]
fn a_corrected_leg_counts_once() {
    let mut record = mill();
    let wrong = json!({"action": "OBSERVE", "quantityList": kilograms(WHEAT, 1000),
        "eventID": "urn:wrong", "carbon:activity": lorry(9_000, 80.0)});
    let mut declared = wrong.clone();
    declared["errorDeclaration"] = json!({"declarationTime": "2026-03-03T00:00:00Z"});
    record.add(2, wrong).add(2, declared);
    assert_eq!(record.milligrams(FLOUR), 8_100_000);
}

/// Promise P43.
#[test]
fn claims_open_legs_and_change_nothing_else() {
    let mut record = mill();
    record.add(
        2,
        json!({"action": "OBSERVE", "quantityList": kilograms(WHEAT, 1000),
        "carbon:activity": lorry(9_000, 80.0)}),
    );
    record.claims.push((9, WHEAT.to_owned()));
    let found = footprint(&record.gathered(WHEAT), WHEAT);
    assert_eq!(found.milligrams, 8_000_000);
    assert_eq!(record.open(WHEAT), [(Reason::Claim, WHEAT.to_owned())]);
    // Who has no say over the wheat cannot take its footprint either.
    record.claims = vec![(3, WHEAT.to_owned())];
    let wheat = footprint(&record.gathered(WHEAT), WHEAT);
    assert_eq!(wheat.passed_on, 0);
    assert_eq!(record.open(FLOUR), [(Reason::Claim, WHEAT.to_owned())]);
}

/// Promise P42.
#[test]
fn a_transformation_told_in_several_events() {
    let mut record = Record::default();
    record
        .add(0, json!({"action": "ADD", "quantityList": kilograms(WHEAT, 100)}))
        .add(
            1,
            json!({"action": "OBSERVE", "quantityList": kilograms(WHEAT, 100),
            "carbon:activity": lorry(100, 100.0)}),
        )
        .add(
            2,
            json!({"type": "TransformationEvent", "transformationID": "urn:mill:1",
            "inputQuantityList": kilograms(WHEAT, 50)}),
        )
        .add(
            3,
            json!({"type": "TransformationEvent", "transformationID": "urn:mill:1",
            "outputQuantityList": kilograms(FLOUR, 40),
            "carbon:activity": {"kind": "process", "dataType": "primary",
                "emissions": {"value": 3, "uom": "g", "scope": "WTW"}}}),
        );
    // Half of 1 kg, and 3 g.
    assert_eq!(record.milligrams(FLOUR), 503_000);
    record.told.remove(2);
    assert_eq!(record.open(FLOUR), [(Reason::InputClass, "urn:mill:1".to_owned())]);
}

/// A batch that is taken out of a container in part stays in it with the rest.
#[test]
fn part_of_a_batch_stays_in_its_container() {
    let mut record = Record::default();
    let pack = |action: &str, class: &str, mass: u32| {
        json!({"type": "AggregationEvent", "action": action, "parentID": PALLET,
            "childQuantityList": kilograms(class, mass)})
    };
    let hub = json!({"action": "OBSERVE", "epcList": [PALLET], "carbon:activity":
        {"kind": "hub", "dataType": "primary",
            "emissions": {"value": 100, "uom": "g", "scope": "WTW"}}});
    record
        .add(1, pack("ADD", FLOUR, 300))
        .add(1, pack("ADD", BRAN, 100))
        .add(2, hub.clone())
        .add(3, pack("DELETE", FLOUR, 200))
        .add(4, hub.clone())
        .add(5, pack("DELETE", FLOUR, 100))
        .add(6, hub);
    assert_eq!(record.milligrams(FLOUR), 75_000 + 50_000);
    assert_eq!(record.milligrams(BRAN), 25_000 + 50_000 + 100_000);
}

/// Promise P43.
#[test]
fn a_history_beyond_the_limit_says_so() {
    let mut record = Record::default();
    for hour in 0..=gather::MAX_EVENTS_OF_A_THING as u32 {
        record.add(hour % 600, json!({"action": "OBSERVE", "epcList": [piece(1)]}));
    }
    assert_eq!(record.open(&piece(1)), [(Reason::Limit, piece(1))]);
}

/// Something that happens to pieces and boxes.
#[derive(Clone, Debug)]
enum Handling {
    Pack(u32, u32),
    Unpack(u32),
    Empty(u32),
    Destroy(u32),
    Carry(u32, u32),
}

fn any_handling() -> impl Strategy<Value = Handling> {
    prop_oneof![
        4 => (0_u32..6, 0_u32..3).prop_map(|(piece, case)| Handling::Pack(piece, case)),
        1 => (0_u32..6).prop_map(Handling::Unpack),
        1 => (0_u32..3).prop_map(Handling::Empty),
        1 => (0_u32..6).prop_map(Handling::Destroy),
        3 => (0_u32..3, 0_u32..1_000).prop_map(|(case, mg)| Handling::Carry(case, mg)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Promise P41. Whatever is packed and unpacked, what is in a box when it is carried shares the
    /// whole leg.
    #[test]
    fn what_is_inside_shares_the_leg(
        handlings in proptest::collection::vec(any_handling(), 1..25),
        late in any::<bool>(),
    ) {
        let case = |number: u32| format!("urn:case:{number}");
        let mut record = Record::default();
        let mut inside: BTreeMap<u32, u32> = BTreeMap::new();
        let mut expected = 0;
        for (hour, handling) in handlings.into_iter().enumerate() {
            let hour = u32::try_from(hour).unwrap();
            let pack = |action: &str, parent: String, children: Value| {
                json!({"type": "AggregationEvent", "action": action, "parentID": parent,
                    "childEPCs": children})
            };
            match handling {
                // Also out of another box, of which nobody says that it was unpacked.
                Handling::Pack(number, into) => {
                    inside.insert(number, into);
                    record.add(hour, pack("ADD", case(into), json!([piece(number)])));
                }
                Handling::Unpack(number) => {
                    if let Some(from) = inside.remove(&number) {
                        record.add(hour, pack("DELETE", case(from), json!([piece(number)])));
                    }
                }
                Handling::Empty(from) => {
                    inside.retain(|_, of| *of != from);
                    record.add(hour, pack("DELETE", case(from), json!([])));
                }
                Handling::Destroy(number) => {
                    inside.remove(&number);
                    record.add(hour, json!({"action": "DELETE", "epcList": [piece(number)]}));
                }
                Handling::Carry(of, milligrams) => {
                    if inside.values().any(|inside| *inside == of) {
                        expected += u128::from(milligrams);
                    }
                    record.add(hour, json!({"action": "OBSERVE", "epcList": [case(of)],
                        "carbon:activity": {"kind": "hub", "dataType": "primary", "emissions":
                            {"value": milligrams, "uom": "mg", "scope": "WTW"}}}));
                }
            }
        }
        if late {
            // Recorded in the opposite order, told by the same times.
            let last = record.told.len() as u64;
            for (number, told) in record.told.iter_mut().enumerate() {
                told.position.height = Height(last - number as u64);
            }
        }
        let sum: u128 = (0..6).map(|number| record.milligrams(&piece(number))).sum();
        prop_assert_eq!(sum, expected);
    }
}
