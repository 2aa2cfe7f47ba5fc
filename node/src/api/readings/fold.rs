//! From readings to summaries, and from summaries to events. All arithmetic is exact.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sha2::Sha256;
use tracehold_chain::epcis::canonical;
use tracehold_chain::epcis::context::GS1_CONTEXT;
use tracehold_chain::units::TimestampMs;

use super::line::{Line, Series, Summary};

/// What the prefix of our extension fields stands for.
pub const EXTENSIONS: &str = "urn:tracehold:";

/// Folds the readings among `lines` into one summary for each series and interval; devices' own
/// summaries stay as they are. The order of the lines does not matter, and the same line twice is
/// one.
pub fn summaries(lines: Vec<Line>, interval_ms: u64) -> Vec<Summary> {
    let mut series: BTreeMap<Series, Vec<(TimestampMs, Decimal)>> = BTreeMap::new();
    let mut folded = Vec::new();
    for line in lines {
        match line {
            Line::Reading { series: of, at, value } => {
                series.entry(of).or_default().push((at, value));
            }
            Line::Summary(summary) => folded.push(summary),
        }
    }
    for (series, mut readings) in series {
        readings.sort_unstable();
        readings.dedup();
        let limited = series.low.is_some() || series.high.is_some();
        let mut rest = readings.as_slice();
        while let Some((first, _)) = rest.first() {
            let interval = first.0 / interval_ms;
            let length = rest.iter().take_while(|(at, _)| at.0 / interval_ms == interval).count();
            let (inside, after) = rest.split_at(length);
            // The next reading after the interval ends the time that its last one stands for.
            let ends = inside.iter().skip(1).chain(after.first()).map(|(at, _)| *at);
            let held = inside.iter().zip(ends);
            let outside = held.filter(|((_, value), _)| series.is_outside(*value));
            let outside_ms = outside.map(|((at, _), end)| end.since_ms(*at)).sum();
            folded.extend(summary(series.clone(), inside, limited.then_some(outside_ms)));
            rest = after;
        }
    }
    folded.sort_by(|a, b| (&a.series, a.start, a.end).cmp(&(&b.series, b.start, b.end)));
    folded.dedup();
    folded
}

/// `None` for no readings.
fn summary(
    series: Series,
    readings: &[(TimestampMs, Decimal)],
    outside_ms: Option<u64>,
) -> Option<Summary> {
    let ((start, _), (end, _)) = (readings.first()?, readings.last()?);
    let values = || readings.iter().map(|(_, value)| *value);
    Some(Summary {
        series,
        start: *start,
        end: *end,
        min: values().min()?,
        max: values().max()?,
        mean: mean(&values().collect::<Vec<_>>())?,
        count: u64::try_from(readings.len()).ok()?,
        outside_ms,
    })
}

/// The mean to two decimals more than the values have, half to even. `None` for no values.
pub fn mean(values: &[Decimal]) -> Option<Decimal> {
    let decimals = values.iter().map(Decimal::scale).max()?;
    // In the smallest unit of all values everything is a whole number.
    let whole = |value: &Decimal| value.mantissa() * 10_i128.pow(decimals - value.scale());
    let sum: i128 = values.iter().map(whole).sum::<i128>() * 100;
    let count = i128::try_from(values.len()).ok()?;
    let (below, rest) = (sum.div_euclid(count), sum.rem_euclid(count));
    let up = match (rest * 2).cmp(&count) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => below.rem_euclid(2),
    };
    Some(Decimal::from_i128_with_scale(below + up, decimals + 2).normalize())
}

impl Summary {
    /// The event that says this. Its id is made of what it says under a secret of the member's, so
    /// that the same summary is the same event and nobody can guess what it says from the id.
    pub fn event(&self, secret: &[u8; 32]) -> Value {
        let series = &self.series;
        let mut report = json!({
            "type": series.kind,
            "minValue": number(self.min),
            "maxValue": number(self.max),
            "meanValue": number(self.mean),
            "uom": series.uom,
        });
        if series.is_outside(self.min) || series.is_outside(self.max) {
            report["exception"] = json!("ALARM_CONDITION");
        }
        let mut more = json!({"readings": self.count});
        let limits = [("low", series.low), ("high", series.high)];
        for (name, limit) in limits.into_iter().filter_map(|(name, l)| Some((name, l?))) {
            more[name] = number(limit);
        }
        if let Some(ms) = self.outside_ms {
            more["outsideSeconds"] = number(Decimal::from_i128_with_scale(ms.into(), 3));
        }
        let mut event = json!({
            "@context": [GS1_CONTEXT, {"tracehold": EXTENSIONS}],
            "type": "ObjectEvent",
            "action": "OBSERVE",
            "bizStep": "sensor_reporting",
            "eventTime": self.end.to_string(),
            "eventTimeZoneOffset": "+00:00",
            "sensorElementList": [{
                "sensorMetadata": {
                    "startTime": self.start.to_string(),
                    "endTime": self.end.to_string(),
                    "deviceID": series.device,
                },
                "sensorReport": [report],
            }],
            "tracehold:sensorSummary": more,
        });
        if series.by_class {
            event["quantityList"] = json!([{"epcClass": series.item}]);
        } else {
            event["epcList"] = json!([series.item]);
        }
        if let Some(place) = &series.read_point {
            event["readPoint"] = json!({"id": place});
        }
        event["eventID"] = event_id(secret, &event);
        event
    }
}

fn event_id(secret: &[u8; 32], event: &Value) -> Value {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key will do");
    mac.update(b"tracehold/1/readings");
    mac.update(canonical::text(event).as_bytes());
    let digest = mac.finalize().into_bytes();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.iter()).for_each(|(byte, from)| *byte = *from);
    let id = uuid::Builder::from_custom_bytes(bytes).into_uuid();
    Value::from(id.urn().to_string())
}

/// A JSON number that says exactly this.
fn number(decimal: Decimal) -> Value {
    serde_json::from_str(&decimal.normalize().to_string()).expect("a decimal is a JSON number")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tracehold_chain::epcis::Event;

    use super::*;

    macro_rules! dec {
        ($($digits:tt)*) => {
            stringify!($($digits)*).replace(' ', "").parse::<Decimal>().unwrap()
        };
    }

    fn series(low: Option<Decimal>, high: Option<Decimal>) -> Series {
        Series {
            item: "https://id.gs1.org/01/09521321001015/21/7".to_owned(),
            device: "urn:x:device:1".to_owned(),
            kind: "Temperature".to_owned(),
            uom: "CEL".to_owned(),
            read_point: None,
            low,
            high,
            by_class: false,
        }
    }

    const START: u64 = 1_772_352_000_000;

    fn reading(series: &Series, second: u64, value: Decimal) -> Line {
        Line::Reading { series: series.clone(), at: TimestampMs(START + second * 1_000), value }
    }

    #[test]
    fn readings_of_an_interval_become_one_summary() {
        let cold = series(Some(dec!(2)), Some(dec!(8)));
        let lines: Vec<Line> = [(0, dec!(4)), (60, dec!(9)), (180, dec!(5.5)), (590, dec!(8.1))]
            .into_iter()
            .chain([(610, dec!(3)), (700, dec!(1))])
            .map(|(second, value)| reading(&cold, second, value))
            .collect();
        let folded = summaries(lines.clone(), 600_000);
        assert_eq!(folded.len(), 2);
        let first = &folded[0];
        assert_eq!((first.min, first.max, first.count), (dec!(4), dec!(9), 4));
        assert_eq!(first.mean, dec!(6.65));
        // From 60 to 180, and from 590 to the next reading, in the next interval.
        assert_eq!(first.outside_ms, Some(140_000));
        // The last reading of all stands for no time yet.
        assert_eq!((folded[1].count, folded[1].outside_ms), (2, Some(0)));
        let mut shuffled = lines.clone();
        shuffled.reverse();
        shuffled.extend(lines);
        assert_eq!(summaries(shuffled, 600_000), folded, "neither order nor repetition matters");
    }

    #[test]
    fn what_differs_in_anything_is_not_folded_together() {
        let one = series(None, None);
        let other = Series { device: "urn:x:device:2".to_owned(), ..one.clone() };
        let limited = series(None, Some(dec!(8)));
        let lines = [&one, &other, &limited].map(|series| reading(series, 0, dec!(4)));
        assert_eq!(summaries(lines.to_vec(), 600_000).len(), 3);
    }

    #[test]
    fn means_are_rounded_half_to_even() {
        for (values, expected) in [
            (vec![dec!(1), dec!(2)], dec!(1.5)),
            (vec![dec!(1), dec!(1), dec!(2)], dec!(1.33)),
            (vec![dec!(2), dec!(2), dec!(1)], dec!(1.67)),
            (vec![dec!(-1), dec!(-1), dec!(-2)], dec!(-1.33)),
            (vec![dec!(0.1); 10], dec!(0.1)),
            // 0.125 and 0.375 to two decimals: to the even neighbour.
            ([vec![dec!(0); 7], vec![dec!(1)]].concat(), dec!(0.12)),
            ([vec![dec!(0); 5], vec![dec!(1); 3]].concat(), dec!(0.38)),
        ] {
            assert_eq!(mean(&values).unwrap(), expected, "{values:?}");
        }
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn a_summary_becomes_a_valid_event_with_an_id_of_its_own() {
        let limited = series(Some(dec!(2)), Some(dec!(8)));
        let summary = summaries(
            vec![reading(&limited, 0, dec!(9.5)), reading(&limited, 30, dec!(4))],
            60_000,
        )
        .remove(0);
        let value = summary.event(&[1; 32]);
        assert_eq!(value, summary.event(&[1; 32]));
        assert_ne!(value["eventID"], summary.event(&[2; 32])["eventID"]);
        let other = Summary { count: 3, ..summary.clone() };
        assert_ne!(value["eventID"], other.event(&[1; 32])["eventID"]);
        let event = Event::from_value(value.clone(), None).unwrap();
        assert_eq!(event.notices(), []);
        assert_eq!(event.biz_step(), Some("sensor_reporting"));
        let report = &value["sensorElementList"][0]["sensorReport"][0];
        assert_eq!(report["exception"], "ALARM_CONDITION");
        assert_eq!(report["meanValue"].to_string(), "6.75");
        assert_eq!(value["tracehold:sensorSummary"]["outsideSeconds"].to_string(), "30");
        let lot = Summary {
            series: Series {
                item: "https://id.gs1.org/01/09521321001015/10/L1".to_owned(),
                by_class: true,
                read_point: Some("https://id.gs1.org/414/9521321000018".to_owned()),
                ..limited
            },
            ..summary
        };
        let event = Event::from_value(lot.event(&[1; 32]), None).unwrap();
        assert_eq!(event.notices(), []);
        assert_eq!(event.read_point(), Some("https://id.gs1.org/414/9521321000018"));
    }

    /// Nine digits and four decimals.
    const DIGITS: i64 = 9_999_999_999_999;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// What a mean says survives JSON: the digits are those of its double.
        #[test]
        fn means_are_between_the_values_and_survive_json(
            values in proptest::collection::vec((-DIGITS..=DIGITS, 0_u32..=4), 1..40)
        ) {
            let values: Vec<Decimal> = values
                .into_iter()
                .map(|(digits, scale)| {
                    let most = 10_i64.pow(9 + scale) - 1;
                    Decimal::new(digits.clamp(-most, most), scale).normalize()
                })
                .collect();
            let found = mean(&values).unwrap();
            let (min, max) = (values.iter().min().unwrap(), values.iter().max().unwrap());
            prop_assert!(*min <= found && found <= *max);
            let text = tracehold_chain::epcis::json::parse_strict(found.to_string().as_bytes());
            prop_assert!(text.is_ok(), "{found}");
        }
    }
}
