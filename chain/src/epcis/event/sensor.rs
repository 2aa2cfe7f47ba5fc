//! What sensors reported with an event.

use rust_decimal::Decimal;
use serde_json::Value;

use super::lists::exact;
use super::{list, text};
use crate::epcis::check::Object;
use crate::epcis::time;
use crate::epcis::vocabulary::Vocabulary;
use crate::units::TimestampMs;

/// What one report of a sensor says of a time or a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorReading {
    /// What was measured: a bare word of GS1's vocabulary (`Temperature`) or a URI.
    pub measurement: String,
    /// The smallest value; the value itself when there is one only.
    pub min: Decimal,
    /// The largest value.
    pub max: Decimal,
    /// The unit as given, a UN/CEFACT Rec 20 code.
    pub uom: Option<String>,
    /// When, or the beginning of the span.
    pub from: TimestampMs,
    /// The end of the span; the same time for a single reading.
    pub to: TimestampMs,
}

/// Reads the sensorElementList of an event, but for parts of a position and what has no number.
/// A report without a time of its own has its element's, and an element without has the event's.
pub(super) fn readings(event: &Object) -> Vec<SensorReading> {
    let event_time = time_of(event, "eventTime").unwrap_or_default();
    let elements = list(event, "sensorElementList").iter().filter_map(Value::as_object);
    elements.flat_map(|element| readings_of(element, event_time)).collect()
}

fn readings_of(element: &Object, event_time: TimestampMs) -> Vec<SensorReading> {
    let about = element.get("sensorMetadata").and_then(Value::as_object);
    let at = |key| about.and_then(|about| time_of(about, key));
    let moment = at("time");
    let from = at("startTime").or(moment).unwrap_or(event_time);
    let to = at("endTime").or(moment).unwrap_or(event_time).max(from);
    let reports = list(element, "sensorReport").iter().filter_map(Value::as_object);
    reports.filter_map(|report| reading(report, (from, to))).collect()
}

fn reading(report: &Object, span: (TimestampMs, TimestampMs)) -> Option<SensorReading> {
    if report.contains_key("component") {
        return None;
    }
    let number = |key: &str| report.get(key).and_then(exact);
    let value = number("value");
    let mean = number("meanValue");
    let min = number("minValue").or(value).or(mean).or(number("maxValue"))?;
    let max = number("maxValue").or(value).or(mean).unwrap_or(min);
    let own = time_of(report, "time");
    let (from, to) = own.map_or(span, |time| (time, time));
    Some(SensorReading {
        measurement: Vocabulary::MeasurementType.plain(text(report, "type")?).to_owned(),
        min: min.min(max),
        max: max.max(min),
        uom: text(report, "uom").map(str::to_owned),
        from,
        to,
    })
}

fn time_of(object: &Object, key: &str) -> Option<TimestampMs> {
    time::parse(text(object, key)?).ok()
}
