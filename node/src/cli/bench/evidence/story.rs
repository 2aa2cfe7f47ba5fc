//! Things with a story as long as the bar for evidence asks for.

use serde_json::{Value, json};
use tracehold_chain::units::TimestampMs;
use tracehold_testnet::load::gs1;

/// Events of the thing itself.
pub const EVENTS: u64 = 20;
/// Levels of what it was made of, with two inputs to each thing.
pub const LEVELS: u32 = 3;

const HOUR_MS: u64 = 3_600_000;

/// One thing, with everything that it was made of.
pub struct Story {
    number: u64,
    /// When it begins.
    start: TimestampMs,
}

impl Story {
    pub fn new(number: u64, start: TimestampMs) -> Story {
        Story { number, start }
    }

    /// The thing.
    pub fn piece(&self) -> String {
        gs1::sgtin(60, self.number)
    }

    fn pallet(&self) -> String {
        // Beside those of the history.
        gs1::sscc(self.number / 100 % 100 * 10_000_000 + 9_000_000 + self.number % 100)
    }

    /// What stands on a level of what it was made of, the nearest being 1.
    fn lot(&self, level: u32, place: u32) -> String {
        gs1::lgtin(60 + level, &format!("E{}-{place}", self.number))
    }

    /// Everything that happened, in its order; each document is one transaction.
    pub fn documents(&self) -> Vec<String> {
        let mut hour = 0;
        let mut told = |of: Value| {
            hour += 1;
            let time = self.start.plus_ms(hour * HOUR_MS);
            let place = gs1::place(u32::try_from(hour % 90).unwrap_or(0));
            let mut event = json!({
                "eventTime": time.to_string(), "eventTimeZoneOffset": "+01:00",
                "readPoint": {"id": place}, "bizLocation": {"id": place},
            });
            if let (Some(event), Value::Object(of)) = (event.as_object_mut(), of) {
                event.extend(of);
            }
            event
        };
        let mut before = Vec::new();
        for level in (1..=LEVELS).rev() {
            for place in 0..2_u32.pow(level) {
                let lot = kilograms(&self.lot(level, place));
                before.push(told(if level == LEVELS {
                    object("ADD", "commissioning", &json!({"quantityList": [lot]}))
                } else {
                    made(&self.inputs(level + 1, place), &json!({"outputQuantityList": [lot]}))
                }));
                let seen = json!({"quantityList": [lot], "disposition": "active"});
                before.push(told(object("OBSERVE", "inspecting", &seen)));
            }
        }
        let (piece, pallet) = (self.piece(), self.pallet());
        let mut own = vec![told(made(&self.inputs(1, 0), &json!({"outputEPCList": [piece]})))];
        own.push(told(packed("ADD", "packing", &pallet, &piece)));
        for step in ["shipping", "receiving"] {
            own.push(told(self.trade(&object("OBSERVE", step, &json!({"epcList": [pallet]})))));
        }
        own.push(told(packed("DELETE", "unpacking", &pallet, &piece)));
        for step in ["storing", "inspecting", "stocking"].into_iter().cycle() {
            // Those on the pallet are the pallet's.
            if own.len() as u64 == EVENTS + 2 {
                break;
            }
            own.push(told(warm(self.trade(&object(
                "OBSERVE",
                step,
                &json!({"epcList": [piece]}),
            )))));
        }
        [before, own].iter().flat_map(|events| events.chunks(10)).map(document).collect()
    }

    fn inputs(&self, level: u32, of: u32) -> Vec<Value> {
        (2 * of..2 * of + 2).map(|place| kilograms(&self.lot(level, place))).collect()
    }

    /// With the papers that go with it.
    fn trade(&self, event: &Value) -> Value {
        let mut event = event.clone();
        event["bizTransactionList"] =
            json!([{"type": "po", "bizTransaction": format!("urn:example:po:{}", self.number)}]);
        event["sourceList"] = json!([{"type": "owning_party", "source": gs1::place(1)}]);
        event["destinationList"] = json!([{"type": "owning_party", "destination": gs1::place(2)}]);
        event
    }
}

/// With what a thermometer said.
fn warm(mut event: Value) -> Value {
    event["sensorElementList"] = json!([{
        "sensorMetadata": {"deviceID": "urn:epc:id:giai:9521234.thermo-7"},
        "sensorReport": [{"type": "Temperature", "value": 4.5, "minValue": 3.5, "maxValue": 6.0,
            "uom": "CEL"}],
    }]);
    event
}

fn kilograms(lot: &str) -> Value {
    json!({"epcClass": lot, "quantity": 10, "uom": "KGM"})
}

fn with(mut event: Value, more: &Value) -> Value {
    if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
        event.extend(more.clone());
    }
    event
}

fn object(action: &str, step: &str, more: &Value) -> Value {
    with(json!({"type": "ObjectEvent", "action": action, "bizStep": step}), more)
}

fn made(inputs: &[Value], outputs: &Value) -> Value {
    let event = json!({"type": "TransformationEvent", "bizStep": "commissioning",
        "inputQuantityList": inputs});
    with(event, outputs)
}

fn packed(action: &str, step: &str, parent: &str, child: &str) -> Value {
    json!({"type": "AggregationEvent", "action": action, "bizStep": step, "parentID": parent,
        "childEPCs": [child]})
}

fn document(events: &[Value]) -> String {
    json!({
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": "2026-01-01T00:00:00.000Z",
        "epcisBody": {"eventList": events},
    })
    .to_string()
}
