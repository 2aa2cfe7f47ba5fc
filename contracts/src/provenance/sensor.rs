//! What sensors reported, against what the product's owner declared.

use rust_decimal::Decimal;
use tracehold_chain::epcis::SensorReading;
use tracehold_chain::masterdata::SensorLimit;
use tracehold_chain::state::TableError;
use tracehold_chain::units::TimestampMs;

use super::capture::Recording;
use super::facts::NamedItem;
use super::quantity::celsius;
use super::step::SensorVerdict;
use crate::execute::Staged;
use crate::masterdata;
use crate::receipt::RejectionCode;
use crate::stop::Stop;

/// Where canonical identifiers of trade items begin, and how long a GTIN is.
const TRADE_ITEM: &str = "https://id.gs1.org/01/";
const GTIN_DIGITS: usize = 14;

/// Readings that one block may hold against declared limits: a reading counts once for each class
/// of goods that the event names and each of its limits.
pub const MAX_READINGS_JUDGED_PER_BLOCK: u64 = 4_000_000;

impl Recording<'_, '_> {
    /// What the readings say of an item whose product has declared limits; `None` when none of them
    /// speaks of what was declared. Judged once for each class.
    pub(super) fn judged(&mut self, item: &NamedItem) -> Result<Option<SensorVerdict>, Stop> {
        let Some(class) = class_of(&item.named.uri) else { return Ok(None) };
        if let Some(known) = self.verdicts.get(class) {
            return Ok(known.clone());
        }
        let limits = declared_limits(self.staged, class)?;
        let readings = &self.facts.telling.readings;
        let work = (limits.len() as u64).saturating_mul(readings.len() as u64);
        let Some(left) = self.staged.readings_left.checked_sub(work) else {
            self.staged.is_short = true;
            let subject = format!("{} sensor readings", readings.len());
            return Err(self.refused(RejectionCode::TooManyTouches, subject));
        };
        self.staged.readings_left = left;
        let verdict = verdict(&limits, readings);
        self.verdicts.insert(class.to_owned(), verdict.clone());
        Ok(verdict)
    }
}

/// The class of a trade item.
fn class_of(uri: &str) -> Option<&str> {
    uri.starts_with(TRADE_ITEM).then(|| uri.get(..TRADE_ITEM.len() + GTIN_DIGITS)).flatten()
}

/// What the owner of a class of goods declared.
fn declared_limits(staged: &Staged<'_>, class: &str) -> Result<Vec<SensorLimit>, TableError> {
    let product = masterdata::product(&staged.overlay, class)?;
    Ok(product.map(|product| product.limits).unwrap_or_default())
}

/// The verdict that is farthest outside its limit or, when everything is inside, the first.
pub(super) fn verdict(limits: &[SensorLimit], readings: &[SensorReading]) -> Option<SensorVerdict> {
    let mut worst: Option<SensorVerdict> = None;
    for limit in limits {
        let Some(found) = against(limit, readings) else { continue };
        if worst.as_ref().is_none_or(|known| excess(&found) > excess(known)) {
            worst = Some(found);
        }
    }
    worst
}

fn excess(verdict: &SensorVerdict) -> Option<Decimal> {
    verdict.limit.map(|limit| verdict.value.saturating_sub(limit).abs())
}

/// A reading in the unit of a limit.
struct Measured {
    min: Decimal,
    max: Decimal,
    from: TimestampMs,
    to: TimestampMs,
}

fn against(limit: &SensorLimit, readings: &[SensorReading]) -> Option<SensorVerdict> {
    let bound = |value: Option<Decimal>| value.and_then(|v| celsius(v, &limit.uom)).map(|b| b.0);
    let (least, most) = (bound(limit.min), bound(limit.max));
    let (_, uom) = celsius(Decimal::ZERO, &limit.uom)?;
    let mut measured: Vec<Measured> = readings
        .iter()
        .filter(|reading| reading.measurement == limit.measurement)
        .filter_map(|reading| {
            let given = reading.uom.as_deref().unwrap_or(&limit.uom);
            let (min, unit) = celsius(reading.min, given)?;
            let (max, _) = celsius(reading.max, given)?;
            (unit == uom).then_some(Measured { min, max, from: reading.from, to: reading.to })
        })
        .collect();
    measured.sort_by_key(|one| (one.from, one.to));
    let (first, last) = (measured.first()?, measured.last()?);
    let mut verdict = SensorVerdict {
        measurement: limit.measurement.clone(),
        uom: uom.to_owned(),
        value: last.max,
        limit: None,
        from: first.from,
        to: last.to,
        outside_ms: 0,
        at_most: false,
    };
    for (place, one) in measured.iter().enumerate() {
        let below = least.filter(|least| one.min < *least);
        let above = most.filter(|most| one.max > *most);
        let broken = below.map(|limit| (one.min, limit)).into_iter();
        let mut worst = broken.chain(above.map(|limit| (one.max, limit))).peekable();
        if worst.peek().is_none() {
            continue;
        }
        if verdict.limit.is_none() {
            (verdict.from, verdict.to) = (one.from, one.to);
        }
        verdict.to = verdict.to.max(one.to);
        for (value, limit) in worst {
            let by = value.saturating_sub(limit).abs();
            if excess(&verdict).is_none_or(|known| by > known) {
                (verdict.value, verdict.limit) = (value, Some(limit));
            }
        }
        // A single reading stands until the next one; a span that was outside only at its highest
        // or lowest was outside for no more than all of it.
        let all_outside =
            below.is_some_and(|least| one.max < least) || above.is_some_and(|most| one.min > most);
        let outside = if one.from == one.to {
            measured.get(place + 1).map_or(0, |next| next.from.since_ms(one.from))
        } else {
            verdict.at_most |= !all_outside;
            one.to.since_ms(one.from)
        };
        verdict.outside_ms = verdict.outside_ms.saturating_add(outside);
    }
    Some(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit() -> SensorLimit {
        SensorLimit {
            measurement: "Temperature".to_owned(),
            min: Some(Decimal::from(2)),
            max: Some(Decimal::from(8)),
            uom: "CEL".to_owned(),
        }
    }

    fn reading(minutes: (u64, u64), min: &str, max: &str, uom: &str) -> SensorReading {
        SensorReading {
            measurement: "Temperature".to_owned(),
            min: min.parse().expect("a number"),
            max: max.parse().expect("a number"),
            uom: Some(uom.to_owned()),
            from: TimestampMs(minutes.0 * 60_000),
            to: TimestampMs(minutes.1 * 60_000),
        }
    }

    fn shown(readings: &[SensorReading]) -> Option<String> {
        let verdict = verdict(&[limit()], readings)?;
        let word = if verdict.at_most { "at most " } else { "" };
        Some(match verdict.limit {
            None => format!("inside, last {}", verdict.value),
            Some(limit) => {
                let minutes = verdict.outside_ms / 60_000;
                format!("{} past {limit} for {word}{minutes} min", verdict.value)
            }
        })
    }

    /// Promise P28: how far and for how long.
    #[test]
    fn readings_are_judged_with_how_far_and_how_long() {
        let single = |at, value, uom| reading((at, at), value, value, uom);
        for (readings, expected) in [
            (vec![single(0, "5", "CEL")], Some("inside, last 5")),
            (vec![single(0, "8", "CEL")], Some("inside, last 8")),
            (vec![single(0, "8.01", "CEL")], Some("8.01 past 8 for 0 min")),
            (vec![single(0, "50", "FAH")], Some("10 past 8 for 0 min")),
            (vec![single(0, "5", "P1")], None),
            (
                vec![
                    single(0, "9", "CEL"),
                    single(10, "12", "CEL"),
                    single(25, "7", "CEL"),
                    single(40, "1", "CEL"),
                ],
                Some("12 past 8 for 25 min"),
            ),
            (vec![reading((0, 30), "9", "12", "CEL")], Some("12 past 8 for 30 min")),
            (vec![reading((0, 30), "5", "12", "CEL")], Some("12 past 8 for at most 30 min")),
            (vec![reading((0, 30), "-1", "5", "CEL")], Some("-1 past 2 for at most 30 min")),
            (vec![], None),
        ] {
            assert_eq!(shown(&readings).as_deref(), expected, "{readings:?}");
        }
    }
}
