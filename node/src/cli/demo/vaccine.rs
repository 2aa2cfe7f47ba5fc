//! The vaccine: a box of it gets too warm on the way.

use serde_json::{Value, json};
use tracehold_chain::units::TimestampMs;

use super::companies::Who;
use super::parts::{Chapter, Start, Step, transport};

/// Places: the maker's plant, the carrier's hub, the store's pharmacy.
pub const PLANT: u32 = 1;
pub const HUB: u32 = 3;
pub const PHARMACY: u32 = 3;
/// The product of the vaccine maker.
pub const CARTON: u32 = 201;

const SUMMER: &str = "+02:00";
const CARTONS: u32 = 3;
/// The day on which it leaves, about the middle of the story.
const LEAVES: u64 = 204;
/// Readings are half an hour apart, and a message has so many.
const IN_A_MESSAGE: usize = 12;

/// Degrees Celsius in the box, every half hour from when it is shipped. The doors of the hub stay
/// open in the heat of the second half of the first day.
const CELSIUS: [f64; 72] = [
    4.1, 4.0, 4.2, 4.3, 4.1, 4.4, 4.3, 4.5, 4.6, 4.4, 4.3, 4.5, // the first six hours
    4.8, 4.7, 4.9, 5.1, 5.0, 5.2, 5.1, 5.3, 5.4, 5.2, 5.5, 5.9, //
    6.8, 7.9, 9.6, 11.4, 12.9, 13.8, 13.5, 12.1, 10.2, 8.7, 7.4, 6.6, // at the hub
    6.1, 5.8, 5.6, 5.5, 5.3, 5.2, 5.1, 5.0, 4.9, 4.8, 4.8, 4.7, //
    4.7, 4.6, 4.6, 4.5, 4.6, 4.5, 4.4, 4.5, 4.4, 4.4, 4.3, 4.4, //
    4.5, 4.4, 4.6, 4.7, 4.6, 4.8, 4.7, 4.9, 4.8, 4.9, 5.0, 4.9, // the last six
];

/// A carton.
pub fn carton(number: u32) -> String {
    format!("{}/21/VX-{}", Who::Vaccine.product(CARTON), 7000 + number)
}

/// The box that the cartons travel in.
pub fn cool_box() -> String {
    Who::Vaccine.sscc(1)
}

/// The journey of the vaccine, in order of time.
pub fn journey(start: Start) -> Chapter {
    let (maker, carrier, store) = (Who::Vaccine, Who::Carrier, Who::Store);
    let cartons: Vec<String> = (1..=CARTONS).map(carton).collect();
    let the_box = [cool_box()];
    let (plant, pharmacy) = (maker.place(PLANT), store.place(PHARMACY));
    let mut steps = vec![
        Step::new(maker, "ObjectEvent", start.at(190, 9, 0), SUMMER)
            .with("action", "ADD")
            .with("epcList", cartons.clone())
            .with(
                "ilmd",
                json!({
                    "cbvmda:lotNumber": "VX-2291",
                    "cbvmda:itemExpirationDate": start.date(190 + 540),
                }),
            )
            .doing("commissioning", "active")
            .staying(&plant),
        Step::packing(maker, start.at(LEAVES, 3, 30), SUMMER, "ADD", (&the_box[0], &cartons))
            .staying(&plant),
        Step::seen(maker, start.at(LEAVES, 4, 0), SUMMER, &the_box)
            .handing(carrier, Some(store))
            .doing("shipping", "in_transit")
            .passing(&plant)
            .emitting(transport("road", "refrigerated van", 6, 1_760, 320)),
        Step::seen(carrier, start.at(LEAVES, 4, 10), SUMMER, &the_box)
            .doing("accepting", "in_transit")
            .passing(&plant),
    ];
    let time = |number: usize| {
        let minutes = 30 * u64::try_from(number).unwrap_or(0);
        start.at(LEAVES, 4, minutes)
    };
    // The logger lies among the cartons: what it reads is said of the box and of each of them.
    let measured: Vec<String> = the_box.iter().chain(&cartons).cloned().collect();
    for (message, celsius) in CELSIUS.chunks(IN_A_MESSAGE).enumerate() {
        let first = message * IN_A_MESSAGE;
        let last = time(first + celsius.len() - 1);
        let mut step = Step::seen(carrier, last, SUMMER, &measured)
            .with("sensorElementList", json!([readings(celsius, |n| time(first + n))]))
            .doing("sensor_reporting", "in_transit");
        if message == 2 {
            step = step.passing(&carrier.place(HUB));
        }
        steps.push(step);
    }
    let arrived = time(CELSIUS.len());
    steps.extend([
        Step::seen(store, arrived, SUMMER, &the_box)
            .doing("receiving", "in_progress")
            .staying(&pharmacy),
        Step::packing(store, arrived.plus_ms(600_000), SUMMER, "DELETE", (&the_box[0], &cartons))
            .staying(&pharmacy),
        Step::seen(store, arrived.plus_ms(1_200_000), SUMMER, &cartons)
            .doing("holding", "non_sellable_other")
            .staying(&pharmacy),
    ]);
    Chapter { title: "Vaccine: a box that gets too warm", steps }
}

fn readings(celsius: &[f64], time: impl Fn(usize) -> TimestampMs) -> Value {
    let reports = celsius.iter().enumerate().map(|(number, value)| {
        json!({
            "type": "Temperature", "uom": "CEL", "value": value,
            "time": time(number).to_string(),
        })
    });
    json!({
        "sensorMetadata": { "deviceID": Who::Carrier.device("LOGGER12") },
        "sensorReport": reports.collect::<Vec<_>>(),
    })
}
