//! The parts that the events of the demo are made of.

use serde_json::{Number, Value, json};
use tracehold_chain::units::TimestampMs;

use super::companies::Who;

/// A minute in milliseconds.
pub const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// A day in milliseconds.
pub const DAY_MS: u64 = 24 * HOUR_MS;

/// When the year of the demo begins: the midnight (UTC) that its days are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start(pub TimestampMs);

impl Start {
    /// A time on a day of the story, in UTC.
    pub fn at(self, day: u64, hour: u64, minute: u64) -> TimestampMs {
        self.0.plus_ms(day * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS)
    }

    /// The calendar date of a day of the story.
    pub fn date(self, day: u64) -> String {
        self.at(day, 0, 0).to_string()[..10].to_owned()
    }
}

/// An event and who records it.
#[derive(Clone, Debug)]
pub struct Step {
    pub who: Who,
    pub event: Value,
}

/// Events that are told of together.
pub struct Chapter {
    /// What happens, in a few words.
    pub title: &'static str,
    /// In the order in which they happen.
    pub steps: Vec<Step>,
}

impl Step {
    /// An event of one type, at a time that clocks at the place show with this offset.
    pub fn new(who: Who, kind: &str, time: TimestampMs, zone: &str) -> Step {
        let event = json!({
            "type": kind, "eventTime": time.to_string(), "eventTimeZoneOffset": zone,
        });
        Step { who, event }
    }

    /// An observation of things.
    pub fn seen(who: Who, time: TimestampMs, zone: &str, things: &[String]) -> Step {
        let mut step = Step::new(who, "ObjectEvent", time, zone).with("action", "OBSERVE");
        if !things.is_empty() {
            step = step.with("epcList", things);
        }
        step
    }

    /// Things are packed into a container (`ADD`), or taken out of it (`DELETE`).
    pub fn packing(
        who: Who,
        time: TimestampMs,
        zone: &str,
        action: &str,
        (container, things): (&str, &[String]),
    ) -> Step {
        let step = if action == "ADD" { "packing" } else { "unpacking" };
        Step::new(who, "AggregationEvent", time, zone)
            .with("action", action)
            .with("parentID", container)
            .with("childEPCs", things)
            .doing(step, "in_progress")
    }

    /// With this field.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Step {
        self.event[field] = value.into();
        self
    }

    /// With this business step and disposition.
    pub fn doing(self, step: &str, disposition: &str) -> Step {
        self.with("bizStep", step).with("disposition", disposition)
    }

    /// Seen at a place, where the goods stay.
    pub fn staying(self, place: &str) -> Step {
        self.passing(place).with("bizLocation", json!({ "id": place }))
    }

    /// Seen at a place on the way.
    pub fn passing(self, place: &str) -> Step {
        self.with("readPoint", json!({ "id": place }))
    }

    /// Given to `carrier` by its recorder; `owner` is to have it in the end.
    pub fn handing(mut self, carrier: Who, owner: Option<Who>) -> Step {
        self.who.sends(carrier, owner, &mut self.event);
        self
    }

    /// With what was done for it and what that emitted, for the footprint.
    pub fn emitting(self, activity: Value) -> Step {
        self.with("carbon:activity", activity)
    }
}

/// So much of a lot, as EPCIS lists it.
pub fn kilograms(lot: &str, mass: u32) -> Value {
    json!({ "epcClass": lot, "quantity": mass, "uom": "KGM" })
}

/// A number from its tenths.
fn tenths(number: u32) -> Value {
    let text = format!("{}.{}", number / 10, number % 10);
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// A summary of a sensor: the lowest, mean and highest temperature of a span, in tenths of a
/// degree.
pub fn summary(from: TimestampMs, to: TimestampMs, device: &str, celsius: [u32; 3]) -> Value {
    let [least, mean, most] = celsius.map(tenths);
    json!({
        "sensorMetadata": {
            "startTime": from.to_string(), "endTime": to.to_string(), "deviceID": device,
        },
        "sensorReport": [{
            "type": "Temperature", "uom": "CEL",
            "minValue": least, "meanValue": mean, "maxValue": most,
        }],
    })
}

/// A transport by the mass of its load in kilograms, the distance and a factor of the trade.
pub fn transport(mode: &str, vehicle: &str, mass: u32, km: u32, grams_per_tkm: u32) -> Value {
    json!({
        "kind": "transport", "mode": mode, "vehicleClass": vehicle, "dataType": "default",
        "mass": { "value": mass, "uom": "KGM" },
        "distance": { "value": km, "uom": "KMT", "kind": "shortest" },
        "factor": {
            "value": grams_per_tkm, "uom": "g", "per": "t.km", "scope": "WTW",
            "source": EXAMPLE_FACTOR, "year": 2025,
        },
    })
}

/// A process by the energy that was measured, in tenths of a unit.
pub fn process(carrier: &str, amount: u32, uom: &str, grams: u32, per: &str) -> Value {
    json!({
        "kind": "process", "dataType": "primary",
        "energy": [{
            "carrier": carrier, "value": tenths(amount), "uom": uom,
            "factor": {
                "value": grams, "uom": "g", "per": per, "scope": "WTW",
                "source": EXAMPLE_FACTOR, "year": 2025,
            },
        }],
    })
}

/// Where the emission factors come from: they are examples, and say so.
const EXAMPLE_FACTOR: &str = "an example of this demo, not a published factor";

/// What the extension fields of the events mean.
pub fn context() -> Value {
    json!([
        "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        { "cbvmda": "urn:epcglobal:cbv:mda:", "carbon": "urn:tracehold:carbon:" }
    ])
}
