//! The handbag: its tag was copied, and turns up at two ends of the world in one morning.

use serde_json::json;

use super::coffee::{STORE_DOOR, STORE_SHELF};
use super::companies::Who;
use super::parts::{Chapter, Start, Step, transport};

/// Places of the store: its workshop, its service desk, its shop abroad.
pub const WORKSHOP: u32 = 4;
pub const SERVICE: u32 = 5;
pub const ABROAD: u32 = 6;
/// The product of the store.
pub const HANDBAG: u32 = 301;

const EUROPE: &str = "+01:00";
const CHINA: &str = "+08:00";

/// The handbag.
pub fn handbag() -> [String; 1] {
    [format!("{}/21/LM-00417", Who::Store.product(HANDBAG))]
}

/// The journey of the handbag, in order of time.
pub fn journey(start: Start) -> Chapter {
    let who = Who::Store;
    let bag = handbag();
    let at = |number: u32| who.place(number);
    let steps = vec![
        Step::new(who, "ObjectEvent", start.at(20, 14, 0), EUROPE)
            .with("action", "ADD")
            .with("epcList", json!(bag))
            .with("ilmd", json!({ "cbvmda:countryOfOrigin": "IT" }))
            .doing("commissioning", "active")
            .staying(&at(WORKSHOP)),
        Step::seen(who, start.at(21, 9, 0), EUROPE, &bag)
            .doing("inspecting", "conformant")
            .staying(&at(WORKSHOP)),
        Step::seen(who, start.at(24, 7, 0), EUROPE, &bag)
            .handing(who, None)
            .doing("shipping", "in_transit")
            .passing(&at(WORKSHOP))
            .emitting(transport("road", "van", 1, 1_290, 320)),
        Step::seen(who, start.at(26, 9, 30), EUROPE, &bag)
            .doing("receiving", "in_progress")
            .staying(&at(STORE_DOOR)),
        Step::seen(who, start.at(27, 8, 0), EUROPE, &bag)
            .doing("stocking", "sellable_accessible")
            .staying(&at(STORE_SHELF)),
        Step::seen(who, start.at(60, 16, 25), EUROPE, &bag)
            .doing("retail_selling", "retail_sold")
            .passing(&at(STORE_SHELF)),
        // The owner has a strap mended; two hours later the same number is offered for resale.
        Step::seen(who, start.at(352, 8, 30), EUROPE, &bag)
            .doing("repairing", "in_progress")
            .passing(&at(SERVICE)),
        Step::seen(who, start.at(352, 10, 40), CHINA, &bag)
            .doing("inspecting", "in_progress")
            .passing(&at(ABROAD)),
    ];
    Chapter { title: "Handbag: a tag that turns up twice", steps }
}
