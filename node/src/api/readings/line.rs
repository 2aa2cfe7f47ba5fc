//! One line of a batch: a reading, or a device's own summary.

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use tracehold_chain::epcis::vocabulary::Vocabulary;
use tracehold_chain::epcis::{Flaw, Level, canonical, time, uri};
use tracehold_chain::limits::MAX_URI_BYTES;
use tracehold_chain::units::TimestampMs;

use super::super::limits::MAX_CLOCK_AHEAD_MS;
use super::units;

/// Numbers stay below this, on both sides of zero.
const MAX_NUMBER: u64 = 1_000_000_000;
/// Decimals of a value.
pub const MAX_DECIMALS: u32 = 4;
/// Decimals of a mean.
pub const MAX_MEAN_DECIMALS: u32 = MAX_DECIMALS + 2;
/// Devices whose clock was never set say 1970: nothing was measured before the year 2000.
const EARLIEST: TimestampMs = TimestampMs(946_684_800_000);

const SERIES_FIELDS: [&str; 7] = ["item", "device", "type", "uom", "readPoint", "low", "high"];
const READING_FIELDS: [&str; 2] = ["time", "value"];
const SUMMARY_FIELDS: [&str; 7] = ["start", "end", "min", "max", "mean", "count", "outsideSeconds"];

/// A reading (`time`, `value`), or a device's own summary of many (`start`, `end`, `min`, `max`,
/// `mean`, `count`).
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct ReadingLine {
    /// What it was measured on: the item's, lot's or logistic unit's EPC URN or Digital Link.
    item: String,
    /// What measured: the device's GIAI or another URI of it.
    device: String,
    /// What was measured, such as `Temperature`.
    #[schema(rename = "type")]
    type_: String,
    /// The unit: a UN/CEFACT Rec 20 code such as `CEL`.
    uom: String,
    /// Where: the place's URI.
    read_point: Option<String>,
    /// Below this is outside.
    low: Option<f64>,
    /// Above this is outside.
    high: Option<f64>,
    /// When a reading was taken (RFC 3339).
    time: Option<String>,
    /// What was read, with at most 4 decimals.
    value: Option<f64>,
    /// The beginning of what a summary is about.
    start: Option<String>,
    /// The end of it.
    end: Option<String>,
    /// The least.
    min: Option<f64>,
    /// The most.
    max: Option<f64>,
    /// The mean, with at most 6 decimals.
    mean: Option<f64>,
    /// How many readings it stands for.
    count: Option<u64>,
    /// For how many seconds it was outside.
    outside_seconds: Option<f64>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// The field, or nothing for the whole line.
    pub field: &'static str,
    /// The rule it breaks.
    pub rule: String,
    /// How to mend it.
    pub mend: String,
}

impl LineError {
    pub fn new(field: &'static str, rule: impl Into<String>, mend: impl Into<String>) -> LineError {
        LineError { field, rule: rule.into(), mend: mend.into() }
    }
}

/// What belongs together: readings of one device on one item of one type, under the same limits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// What was measured on, in the one spelling.
    pub item: String,
    /// What measured.
    pub device: String,
    /// What was measured: a word of the standard or a URI.
    pub kind: String,
    /// The unit's code.
    pub uom: String,
    /// Where.
    pub read_point: Option<String>,
    /// Below this is outside.
    pub low: Option<Decimal>,
    /// Above this is outside.
    pub high: Option<Decimal>,
    /// Whether the item is a class or a lot, which events name in another list.
    pub by_class: bool,
}

impl Series {
    /// Whether a value is outside the limits.
    pub fn is_outside(&self, value: Decimal) -> bool {
        self.low.is_some_and(|low| value < low) || self.high.is_some_and(|high| value > high)
    }
}

/// A line that has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// One value at one time.
    Reading { series: Series, at: TimestampMs, value: Decimal },
    /// What the device made of many.
    Summary(Summary),
}

/// What many readings of a series say together: a device folded them, or this node did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub series: Series,
    pub start: TimestampMs,
    pub end: TimestampMs,
    pub min: Decimal,
    pub max: Decimal,
    pub mean: Decimal,
    pub count: u64,
    /// Milliseconds outside the limits, when they are known; a reading holds until the next one of
    /// its series.
    pub outside_ms: Option<u64>,
}

/// Takes fields out of a line and collects what is wrong with them.
struct Reader<'a> {
    fields: &'a Map<String, Value>,
    errors: Vec<LineError>,
}

impl Line {
    /// Reads and checks a line at the time `now`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(value: &Value, now: TimestampMs) -> Result<Line, Vec<LineError>> {
        let Value::Object(fields) = value else {
            let mend =
                "write {\"item\":…,\"device\":…,\"type\":…,\"uom\":…,\"time\":…,\"value\":…}";
            return Err(vec![LineError::new("", "must be a JSON object", mend)]);
        };
        let mut reader = Reader { fields, errors: Vec::new() };
        let is_summary = SUMMARY_FIELDS.iter().any(|name| fields.contains_key(*name));
        let own: &[&str] = if is_summary { &SUMMARY_FIELDS } else { &READING_FIELDS };
        for name in fields.keys() {
            if !SERIES_FIELDS.contains(&name.as_str()) && !own.contains(&name.as_str()) {
                let known = SERIES_FIELDS.iter().chain(own).copied().collect::<Vec<_>>();
                let shown: String = name.chars().take(40).collect();
                let mend = format!("leave out {shown:?}; known are {}", known.join(", "));
                reader.errors.push(LineError::new("", "has an unknown field", mend));
            }
        }
        let series = reader.series();
        let line = if is_summary {
            reader.summary(series, now).map(Line::Summary)
        } else {
            let at = reader.time("time", now);
            let value = reader.number("value", MAX_DECIMALS);
            reader.in_bounds("value", value, &series);
            at.zip(value).map(|(at, value)| Line::Reading { series, at, value })
        };
        match line {
            Some(line) if reader.errors.is_empty() => Ok(line),
            _ => Err(reader.errors),
        }
    }
}

impl Reader<'_> {
    fn wrong(&mut self, field: &'static str, rule: impl Into<String>, mend: impl Into<String>) {
        self.errors.push(LineError::new(field, rule, mend));
    }

    fn text(&mut self, field: &'static str, mend: &str) -> Option<String> {
        match self.fields.get(field) {
            Some(Value::String(text)) if !text.is_empty() && text.len() <= MAX_URI_BYTES => {
                Some(text.clone())
            }
            Some(Value::String(_)) => {
                self.wrong(field, format!("must have 1 to {MAX_URI_BYTES} bytes"), mend);
                None
            }
            Some(_) => {
                self.wrong(field, "must be text", mend);
                None
            }
            None => {
                self.wrong(field, "is missing", mend);
                None
            }
        }
    }

    fn uri(&mut self, field: &'static str, mend: &str) -> Option<String> {
        let text = self.text(field, mend)?;
        if uri::is_uri(&text) {
            return Some(text);
        }
        self.wrong(field, "must be a URI", mend);
        None
    }

    /// What the line is about; fields that are wrong are noted and left empty.
    fn series(&mut self) -> Series {
        let item = self.uri("item", "give the item's or logistic unit's EPC URN or Digital Link");
        let item = item.map(|item| canonical(&item));
        if let Some(found) = &item {
            match (found.flaw(), found.level()) {
                (Some(Flaw::CheckDigit { right }), _) => {
                    let mend = format!("the check digit should be {right}");
                    self.wrong("item", "must have the right check digit", mend);
                }
                (Some(Flaw::Malformed), _) => {
                    self.wrong("item", "must keep the rules of its GS1 key", "check the digits");
                }
                (None, Level::Location | Level::Party | Level::Document) => {
                    let mend = "name the thing that was measured on; give a place as readPoint";
                    self.wrong("item", "must be an item, a lot or a logistic unit", mend);
                }
                _ => {}
            }
        }
        let device = self.uri("device", "give the device's GIAI or another URI of it");
        let read_point = match self.fields.contains_key("readPoint") {
            true => self.uri("readPoint", "give the place's URI, or leave it out"),
            false => None,
        };
        let kind = self.text("type", "give a type such as Temperature").unwrap_or_default();
        let kind = Vocabulary::MeasurementType.plain(&kind).to_owned();
        let is_own = uri::is_uri(&kind) && Vocabulary::MeasurementType.allows_uri(&kind);
        if !kind.is_empty() && !Vocabulary::MeasurementType.has(&kind) && !is_own {
            let mend = "give a word of GS1's list, such as Temperature or RelativeHumidity";
            self.wrong("type", "must be a type of measurement", mend);
        }
        let uom = self.unit(&kind);
        let (low, high) = (self.limit("low"), self.limit("high"));
        if let (Some(low), Some(high)) = (low, high)
            && low > high
        {
            self.wrong("low", "must not be above high", "exchange them");
        }
        Series {
            by_class: item
                .as_ref()
                .is_some_and(|item| matches!(item.level(), Level::Class | Level::Lot)),
            item: item.map(|item| item.into_uri()).unwrap_or_default(),
            device: device.unwrap_or_default(),
            kind,
            uom,
            read_point,
            low,
            high,
        }
    }

    fn unit(&mut self, kind: &str) -> String {
        let mend = match units::units_of(kind) {
            Some(units) => format!("{kind} is in {}", units.join(", ")),
            None => "give a code of UN/ECE Recommendation 20, such as CEL or P1".to_owned(),
        };
        let Some(uom) = self.text("uom", &mend) else { return String::new() };
        let known = units::units_of(kind).map(|units| units.contains(&uom.as_str()));
        if !known.unwrap_or_else(|| units::is_code(&uom)) {
            self.wrong("uom", format!("must be a unit of {kind}"), mend);
        }
        uom
    }

    fn limit(&mut self, field: &'static str) -> Option<Decimal> {
        self.fields.contains_key(field).then(|| self.number(field, MAX_DECIMALS)).flatten()
    }

    fn number(&mut self, field: &'static str, decimals: u32) -> Option<Decimal> {
        let rule = format!("must be a number below {MAX_NUMBER} with at most {decimals} decimals");
        let mend = "give a JSON number without quotes; use a larger or smaller unit if it does \
                    not fit";
        let Some(given) = self.fields.get(field) else {
            self.wrong(field, "is missing", mend);
            return None;
        };
        let read = match given {
            // A strictly read number is exactly what its text says.
            Value::Number(number) => exact(&number.to_string()),
            _ => None,
        };
        let fits =
            |number: &Decimal| number.scale() <= decimals && number.abs() < MAX_NUMBER.into();
        let number = read.filter(fits);
        if number.is_none() {
            self.wrong(field, rule, mend);
        }
        number
    }

    fn time(&mut self, field: &'static str, now: TimestampMs) -> Option<TimestampMs> {
        let mend = "give a time with its zone, such as 2026-03-01T09:30:00Z";
        let text = self.text(field, mend)?;
        let Ok(at) = time::parse(&text) else {
            self.wrong(field, "must be a date and time of RFC 3339", mend);
            return None;
        };
        if at < EARLIEST || at > now.plus_ms(MAX_CLOCK_AHEAD_MS) {
            let rule = "must be after the year 1999 and not ahead of the clock";
            self.wrong(field, rule, "set the device's clock");
            return None;
        }
        Some(at)
    }

    fn in_bounds(&mut self, field: &'static str, value: Option<Decimal>, series: &Series) {
        let Some(value) = value else { return };
        let (least, most) = units::bounds(&series.kind, &series.uom);
        if least.is_some_and(|least| value < least) || most.is_some_and(|most| value > most) {
            let rule = format!("{value} {} is no {} there can be", series.uom, series.kind);
            self.wrong(field, rule, "check the sensor and the unit");
        }
    }

    fn summary(&mut self, series: Series, now: TimestampMs) -> Option<Summary> {
        let (start, end) = (self.time("start", now), self.time("end", now));
        let (min, max) = (self.number("min", MAX_DECIMALS), self.number("max", MAX_DECIMALS));
        let mean = self.number("mean", MAX_MEAN_DECIMALS);
        self.in_bounds("min", min, &series);
        self.in_bounds("max", max, &series);
        let count = match self.fields.get("count").map(Value::as_u64) {
            Some(Some(count)) if (1..MAX_NUMBER).contains(&count) => Some(count),
            _ => {
                let rule = format!("must be a whole number from 1 to below {MAX_NUMBER}");
                self.wrong("count", rule, "say how many readings the summary stands for");
                None
            }
        };
        let outside = match self.fields.contains_key("outsideSeconds") {
            true => Some(self.number("outsideSeconds", 3)?),
            false => None,
        };
        let (start, end, min, max) = (start?, end?, min?, max?);
        let (mean, count) = (mean?, count?);
        if start > end {
            self.wrong("start", "must not be after end", "exchange them");
        }
        if min > mean || mean > max {
            self.wrong("mean", "must be from min to max", "check the three");
        }
        let outside_ms = outside.map(|seconds| {
            let ms = (seconds * Decimal::ONE_THOUSAND).normalize();
            let limited = series.low.is_some() || series.high.is_some();
            let went_out = series.is_outside(min) || series.is_outside(max);
            let ms = u64::try_from(ms).unwrap_or(u64::MAX);
            if !limited {
                let mend = "say which limits: give low, high, or both";
                self.wrong("outsideSeconds", "needs low or high", mend);
            } else if ms > end.since_ms(start) {
                let rule = "must be from 0 to the time from start to end";
                self.wrong("outsideSeconds", rule, "check the times");
            } else if ms > 0 && !went_out {
                let rule = "must be 0 while min and max are inside the limits";
                self.wrong("outsideSeconds", rule, "check the limits");
            }
            ms
        });
        Some(Summary { series, start, end, min, max, mean, count, outside_ms })
    }
}

/// The number that JSON text says, exactly; `None` when it has too many digits.
fn exact(text: &str) -> Option<Decimal> {
    let read = match text.contains(['e', 'E']) {
        true => Decimal::from_scientific(text),
        false => Decimal::from_str_exact(text),
    };
    read.ok().map(|number| number.normalize())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: TimestampMs = TimestampMs(1_772_357_400_000);

    fn reading() -> Value {
        json!({
            "item": "urn:epc:id:sgtin:9521321.000101.7", "device": "urn:x:device:1",
            "type": "Temperature", "uom": "CEL", "time": "2026-03-01T09:00:00+01:00", "value": 4.5
        })
    }

    fn summary() -> Value {
        json!({
            "item": "urn:epc:id:sscc:9521321.0000000001", "device": "urn:x:device:1",
            "type": "Temperature", "uom": "CEL", "start": "2026-03-01T08:00:00Z",
            "end": "2026-03-01T08:10:00Z", "min": 2.1, "max": 9, "mean": 4.123456, "count": 60,
            "low": 2, "high": 8, "outsideSeconds": 30.5
        })
    }

    fn with(mut line: Value, field: &str, value: Value) -> Value {
        line[field] = value;
        line
    }

    fn without(mut line: Value, field: &str) -> Value {
        line.as_object_mut().unwrap().remove(field);
        line
    }

    #[test]
    fn good_lines_are_read_exactly() {
        let Line::Reading { series, at, value } = Line::read(&reading(), NOW).unwrap() else {
            panic!("a reading")
        };
        assert_eq!(series.item, "https://id.gs1.org/01/09521321001015/21/7");
        assert_eq!((at.to_string().as_str(), value.to_string().as_str()), {
            ("2026-03-01T08:00:00.000Z", "4.5")
        });
        let Line::Summary(given) = Line::read(&summary(), NOW).unwrap() else {
            panic!("a summary")
        };
        let series = &given.series;
        assert!(!series.by_class && series.is_outside(given.max) && !series.is_outside(given.min));
        assert_eq!((given.mean.to_string().as_str(), given.outside_ms), ("4.123456", Some(30_500)));
        let lot = with(reading(), "item", json!("https://id.gs1.org/01/09521321001015/10/L1"));
        let Line::Reading { series, .. } = Line::read(&lot, NOW).unwrap() else { panic!() };
        assert!(series.by_class);
        for (kind, uom) in [("RelativeHumidity", "P1"), ("Torque", "NU"), ("urn:x:shock", "K40")] {
            let line = with(with(reading(), "type", json!(kind)), "uom", json!(uom));
            assert!(Line::read(&line, NOW).is_ok(), "{kind}");
        }
    }

    #[test]
    fn each_wrong_field_is_named_with_its_rule_and_mend() {
        for (line, field) in [
            (json!(7), ""),
            (with(reading(), "temperature", json!(4)), ""),
            (without(reading(), "item"), "item"),
            (with(reading(), "item", json!("case 7")), "item"),
            (with(reading(), "item", json!("https://id.gs1.org/414/9521321000018")), "item"),
            (with(reading(), "item", json!("https://id.gs1.org/01/09521321001016/21/7")), "item"),
            (with(reading(), "device", json!("logger 1")), "device"),
            (with(reading(), "type", json!("Temprature")), "type"),
            (with(reading(), "uom", json!("KGM")), "uom"),
            (with(reading(), "uom", json!("°C")), "uom"),
            (with(reading(), "uom", json!("cel")), "uom"),
            (without(reading(), "uom"), "uom"),
            (with(reading(), "time", json!("2026-03-01 09:00")), "time"),
            (with(reading(), "time", json!("2026-03-01T09:00:00")), "time"),
            (with(reading(), "time", json!("1970-01-01T00:00:10Z")), "time"),
            (with(reading(), "time", json!("2026-03-01T10:00:00Z")), "time"),
            (with(reading(), "value", json!("4.5")), "value"),
            (with(reading(), "value", json!(null)), "value"),
            (with(reading(), "value", json!(4.12345)), "value"),
            (with(reading(), "value", json!(1_000_000_000)), "value"),
            (with(reading(), "value", json!(1e300)), "value"),
            (with(reading(), "value", json!(-300)), "value"),
            (with(with(reading(), "low", json!(8)), "high", json!(2)), "low"),
            (with(reading(), "readPoint", json!("gate")), "readPoint"),
            (with(summary(), "start", json!("2026-03-01T08:20:00Z")), "start"),
            (with(summary(), "mean", json!(10)), "mean"),
            (with(summary(), "mean", json!(4.1234567)), "mean"),
            (with(summary(), "count", json!(0)), "count"),
            (with(summary(), "count", json!(1.5)), "count"),
            (with(summary(), "outsideSeconds", json!(601)), "outsideSeconds"),
            (with(summary(), "outsideSeconds", json!(-1)), "outsideSeconds"),
            (with(summary(), "max", json!(7)), "outsideSeconds"),
            (without(without(summary(), "low"), "high"), "outsideSeconds"),
            (with(summary(), "value", json!(4)), ""),
            (without(summary(), "min"), "min"),
        ] {
            let errors = Line::read(&line, NOW).unwrap_err();
            assert!(errors.iter().any(|error| error.field == field), "{line}: {errors:?}");
            assert!(errors.iter().all(|error| !error.rule.is_empty() && !error.mend.is_empty()));
        }
    }

    #[test]
    fn numbers_are_read_without_binary_fractions() {
        for (text, exactly) in [("0.1", "0.1"), ("1e-4", "0.0001"), ("1e2", "100"), ("-0", "0")] {
            assert_eq!(exact(text).unwrap().to_string(), exactly);
        }
        assert_eq!(exact("1e300"), None);
    }
}
