//! The coffee: from three farms over a roastery and the sea to a shop.

use serde_json::{Value, json};

use super::companies::Who;
use super::parts::{Chapter, Start, Step, kilograms, process, summary, transport};

/// Places of the coffee maker, by number.
pub const FARMS: [u32; 3] = [1, 2, 3];
pub const MILL: u32 = 4;
pub const ROASTERY: u32 = 5;
/// Places of the carrier.
pub const DJIBOUTI: u32 = 1;
pub const HAMBURG: u32 = 2;
/// Places of the inspector.
pub const LABORATORY: u32 = 1;
pub const CUSTOMS: u32 = 2;
/// Places of the store.
pub const STORE_DOOR: u32 = 1;
pub const STORE_SHELF: u32 = 2;

/// Products of the coffee maker: cherries, green coffee, roasted coffee, the bag.
pub const CHERRIES: u32 = 101;
pub const GREEN: u32 = 102;
pub const ROASTED: u32 = 103;
pub const BAG: u32 = 104;

const BAGS: u32 = 240;
const BAGS_IN_A_CASE: u32 = 12;
const CASES_ON_A_PALLET: u32 = 10;

const ETHIOPIA: &str = "+03:00";
const GERMANY: &str = "+01:00";

fn bag(number: u32) -> String {
    format!("{}/21/{}", Who::Coffee.product(BAG), 1000 + number)
}

/// The bag that is sold in the end, whose page the demo shows.
pub fn sold_bag() -> String {
    bag(1)
}

fn case(number: u32) -> String {
    Who::Coffee.sscc(100 + number)
}

/// One of the two pallets, 1 or 2.
pub fn pallet(number: u32) -> String {
    Who::Coffee.sscc(number)
}

fn pallets() -> [String; 2] {
    [pallet(1), pallet(2)]
}

fn bags_of(case: u32) -> Vec<String> {
    let first = (case - 1) * BAGS_IN_A_CASE;
    (first + 1..=first + BAGS_IN_A_CASE).map(bag).collect()
}

fn cases_of(pallet: u32) -> Vec<String> {
    let first = (pallet - 1) * CASES_ON_A_PALLET;
    (first + 1..=first + CASES_ON_A_PALLET).map(case).collect()
}

fn lot(product: u32, name: &str) -> String {
    format!("{}/10/{name}", Who::Coffee.product(product))
}

/// Of each farm: the name of its lots, kilograms of cherries and of green coffee.
const HARVEST: [(&str, u32, u32); 3] =
    [("BOMBE-1", 680, 110), ("SHANTA-1", 590, 95), ("HAMASHO-1", 530, 85)];
const ROASTED_LOT: &str = "ROAST-27";
const ROASTED_KG: u32 = 246;

/// The journey of the coffee, in order of time.
pub fn journey(start: Start) -> Vec<Chapter> {
    vec![
        Chapter { title: "Coffee: three farms harvest, a mill washes", steps: harvest(start) },
        Chapter { title: "Coffee: inspected, roasted, packed", steps: roasting(start) },
        Chapter { title: "Coffee: across the sea in a reefer", steps: voyage(start) },
        Chapter { title: "Coffee: customs, the shop, a bag sold", steps: selling(start) },
    ]
}

fn harvest(start: Start) -> Vec<Step> {
    let who = Who::Coffee;
    let picked = HARVEST.iter().zip(FARMS).zip(0..).map(|(((name, cherries, _), farm), day)| {
        Step::new(who, "ObjectEvent", start.at(day, 13, 30), ETHIOPIA)
            .with("action", "ADD")
            .with("quantityList", json!([kilograms(&lot(CHERRIES, name), *cherries)]))
            .with(
                "ilmd",
                json!({
                    "cbvmda:lotNumber": name, "cbvmda:countryOfOrigin": "ET",
                    "cbvmda:harvestStartDate": start.date(day),
                    "cbvmda:harvestEndDate": start.date(day),
                }),
            )
            .doing("commissioning", "active")
            .staying(&who.place(farm))
    });
    let milled = HARVEST.iter().zip(4..).map(|((name, cherries, green), day)| {
        Step::new(who, "TransformationEvent", start.at(day, 12, 0), ETHIOPIA)
            .with("inputQuantityList", json!([kilograms(&lot(CHERRIES, name), *cherries)]))
            .with("outputQuantityList", json!([kilograms(&lot(GREEN, name), *green)]))
            .with("ilmd", json!({ "cbvmda:lotNumber": name }))
            .doing("creating_class_instance", "active")
            .staying(&who.place(MILL))
            .emitting(process("electricity", green * 3, "KWH", 40, "kWh"))
    });
    picked.chain(milled).collect()
}

fn roasting(start: Start) -> Vec<Step> {
    let who = Who::Coffee;
    let green: Vec<Value> =
        HARVEST.iter().map(|(name, _, mass)| kilograms(&lot(GREEN, name), *mass)).collect();
    let roasted = lot(ROASTED, ROASTED_LOT);
    let mut steps = vec![
        Step::seen(Who::Inspector, start.at(12, 8, 30), ETHIOPIA, &[])
            .with("quantityList", green.clone())
            .with("certificationInfo", "https://northgate.example/certificates/GC-4471")
            .doing("inspecting", "conformant")
            .staying(&Who::Inspector.place(LABORATORY)),
        Step::new(who, "TransformationEvent", start.at(285, 6, 0), ETHIOPIA)
            .with("inputQuantityList", green)
            .with("outputQuantityList", json!([kilograms(&roasted, ROASTED_KG)]))
            .with("ilmd", json!({ "cbvmda:lotNumber": ROASTED_LOT }))
            .doing("creating_class_instance", "active")
            .staying(&who.place(ROASTERY))
            .emitting(process("natural gas", 315, "MTQ", 2_300, "m3")),
        Step::new(who, "TransformationEvent", start.at(285, 11, 0), ETHIOPIA)
            .with("inputQuantityList", json!([kilograms(&roasted, BAGS)]))
            .with("outputEPCList", (1..=BAGS).map(bag).collect::<Vec<_>>())
            .with(
                "ilmd",
                json!({
                    "cbvmda:lotNumber": ROASTED_LOT, "cbvmda:countryOfOrigin": "ET",
                    "cbvmda:bestBeforeDate": start.date(285 + 365),
                }),
            )
            .doing("commissioning", "active")
            .staying(&who.place(ROASTERY)),
    ];
    steps.extend((1..=2 * CASES_ON_A_PALLET).map(|number| {
        let time = start.at(286, 6, u64::from(number) * 3);
        Step::packing(who, time, ETHIOPIA, "ADD", (&case(number), &bags_of(number)))
            .staying(&who.place(ROASTERY))
    }));
    steps.extend([1, 2].map(|number| {
        let time = start.at(286, 9, u64::from(number) * 20);
        Step::packing(who, time, ETHIOPIA, "ADD", (&pallet(number), &cases_of(number)))
            .staying(&who.place(ROASTERY))
    }));
    steps.push(
        Step::seen(who, start.at(288, 4, 0), ETHIOPIA, &pallets())
            .with("bizTransactionList", despatch_advice("DA-881"))
            .handing(Who::Carrier, Some(Who::Store))
            .doing("shipping", "in_transit")
            .staying(&who.place(ROASTERY))
            .emitting(transport("road", "lorry, 12 t", BAGS, 870, 110)),
    );
    steps
}

fn despatch_advice(number: &str) -> Value {
    let gln = Who::Coffee.gln();
    json!([{ "type": "desadv", "bizTransaction": format!("urn:epcglobal:cbv:bt:{gln}:{number}") }])
}

/// Day on which the ship leaves, and days that it takes.
const SAILS: u64 = 292;
const AT_SEA: u64 = 21;

fn voyage(start: Start) -> Vec<Step> {
    let who = Who::Carrier;
    let reefer = who.container(101, "REEFER77");
    let quay = who.place(DJIBOUTI);
    let leave = start.at(SAILS, 3, 0);
    let mut steps = vec![
        Step::seen(who, start.at(289, 15, 0), ETHIOPIA, &pallets())
            .doing("accepting", "in_progress")
            .staying(&quay),
        Step::new(who, "ObjectEvent", start.at(290, 6, 0), ETHIOPIA)
            .with("action", "ADD")
            .with("epcList", json!([reefer]))
            .doing("commissioning", "active")
            .staying(&quay),
        Step::packing(who, start.at(291, 7, 0), ETHIOPIA, "ADD", (&reefer, &pallets()))
            .doing("loading", "in_progress")
            .staying(&quay),
        Step::seen(who, leave, ETHIOPIA, std::slice::from_ref(&reefer))
            .handing(who, None)
            .doing("departing", "in_transit")
            .passing(&quay)
            .emitting(transport("sea", "container ship, reefer", BAGS, 8_300, 16)),
    ];
    // A summary for every day at sea, sent once a week.
    let device = who.device("LOGGER77");
    for week in 0..AT_SEA / 7 {
        let days = (week * 7..week * 7 + 7).map(|day| {
            let from = start.at(SAILS + day, 3, 0);
            // Warmest in the Red Sea, in the first week; in tenths of a degree.
            let warm = [14, 19, 12, 6, 3, 1, 4][usize::try_from(day % 7).unwrap_or(0)]
                * if week == 0 { 3 } else { 1 }
                / 2;
            let celsius = [164, 171, 178].map(|tenths: u32| tenths + warm);
            summary(from, start.at(SAILS + day + 1, 3, 0), &device, celsius)
        });
        let reported = start.at(SAILS + week * 7 + 7, 3, 0);
        steps.push(
            Step::seen(who, reported, "+00:00", std::slice::from_ref(&reefer))
                .with("sensorElementList", days.collect::<Vec<_>>())
                .doing("sensor_reporting", "in_transit"),
        );
    }
    let landed = who.place(HAMBURG);
    steps.push(
        Step::seen(who, start.at(SAILS + AT_SEA, 5, 0), GERMANY, std::slice::from_ref(&reefer))
            .doing("arriving", "in_progress")
            .passing(&landed),
    );
    steps.push(
        Step::packing(who, start.at(314, 7, 0), GERMANY, "DELETE", (&reefer, &pallets()))
            .doing("unloading", "in_progress")
            .staying(&landed),
    );
    steps
}

fn selling(start: Start) -> Vec<Step> {
    let (carrier, store) = (Who::Carrier, Who::Store);
    let (door, shelf) = (store.place(STORE_DOOR), store.place(STORE_SHELF));
    let drive = |number: u32, day: u64, hour: u64| {
        Step::seen(carrier, start.at(day, hour, 0), GERMANY, &[pallet(number)])
            .handing(store, None)
            .doing("departing", "in_transit")
            .passing(&carrier.place(HAMBURG))
            .emitting(delivery_by_lorry())
    };
    vec![
        Step::seen(Who::Inspector, start.at(314, 12, 30), GERMANY, &pallets())
            .with("certificationInfo", "https://northgate.example/certificates/IMP-20917")
            .doing("inspecting", "conformant")
            .staying(&Who::Inspector.place(CUSTOMS)),
        drive(1, 315, 6),
        Step::seen(store, start.at(315, 8, 10), GERMANY, &[pallet(1)])
            .doing("receiving", "in_progress")
            .staying(&door),
        Step::packing(store, start.at(315, 9, 0), GERMANY, "DELETE", (&pallet(1), &cases_of(1)))
            .staying(&door),
        Step::packing(store, start.at(318, 7, 0), GERMANY, "DELETE", (&case(1), &bags_of(1)))
            .staying(&door),
        Step::seen(store, start.at(318, 8, 0), GERMANY, &bags_of(1))
            .doing("stocking", "sellable_accessible")
            .staying(&shelf),
        Step::seen(store, start.at(341, 15, 42), GERMANY, &[sold_bag()])
            .doing("retail_selling", "retail_sold")
            .passing(&shelf),
        drive(2, 359, 6),
    ]
}

/// The last kilometres, by the diesel that the lorry used for one pallet.
fn delivery_by_lorry() -> Value {
    let mut activity = process("diesel", 11, "LTR", 3_240, "L");
    activity["kind"] = "transport".into();
    activity["mode"] = "road".into();
    activity["vehicleClass"] = "lorry, 7.5 t".into();
    activity["mass"] = json!({ "value": BAGS / 2, "uom": "KGM" });
    activity["distance"] = json!({ "value": 14, "uom": "KMT", "kind": "shortest" });
    activity
}

/// The receipt of the second pallet, for people to record by hand: it pays for the pallet.
pub fn second_receipt(start: Start) -> Step {
    Step::seen(Who::Store, start.at(359, 8, 20), GERMANY, &[pallet(2)])
        .doing("receiving", "in_progress")
        .staying(&Who::Store.place(STORE_DOOR))
}
