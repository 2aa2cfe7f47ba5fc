//! What can be drawn of a story: where it went, and what sensors said.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use tracehold_chain::masterdata::{Product, SensorLimit};
use tracehold_contracts::provenance::Basis;
use tracehold_contracts::provenance::quantity::celsius;
use tracehold_contracts::provenance::trace::{Chapter, TraceReader};
use tracehold_explorer::figures::map::{MAX_STOPS, Stop};
use tracehold_explorer::figures::strip::{Reading as Measured, Strip};
use tracehold_explorer::language::Language;

use super::super::limits::MAX_SENSED_EVENTS;
use super::item::place_name;
use crate::fault::Fault;
use crate::view::ReadView;

/// Where a place is, in tenths of a degree.
fn position(view: &ReadView, uri: &str) -> Result<Option<(i64, i64)>, Fault> {
    let tenths = |degrees: Decimal| (degrees * Decimal::TEN).round().to_i64();
    let recorded = view.coordinates_of(uri)?;
    Ok(recorded.and_then(|(north, east)| tenths(north).zip(tenths(east))))
}

/// Where a story goes, each place once in a row.
pub fn stops(
    view: &ReadView,
    chapters: &[&Chapter<'_>],
    language: Language,
) -> Result<Vec<Stop>, Fault> {
    let mut stops: Vec<Stop> = Vec::new();
    let mut known: BTreeMap<&str, Option<Stop>> = BTreeMap::new();
    for chapter in chapters {
        let step = chapter.step;
        let Some(uri) = step.read_point.as_deref().or(step.biz_location.as_deref()) else {
            continue;
        };
        if !known.contains_key(uri) {
            let stop = match position(view, uri)? {
                Some((north, east)) => {
                    let name = place_name(view, uri, language)?;
                    Some(Stop { name: name.unwrap_or_else(|| uri.to_owned()), north, east })
                }
                None => None,
            };
            known.insert(uri, stop);
        }
        if let Some(Some(stop)) = known.get(uri)
            && stops.last() != Some(stop)
        {
            stops.push(stop.clone());
        }
    }
    let from = stops.len().saturating_sub(MAX_STOPS);
    Ok(stops.split_off(from))
}

/// What sensors said, against each limit of the product.
pub fn strips(
    view: &ReadView,
    product: &Product,
    chapters: &[&Chapter<'_>],
) -> Result<Vec<Strip>, Fault> {
    let mut strips: Vec<Strip> = product.limits.iter().filter_map(in_celsius).collect();
    if strips.is_empty() {
        return Ok(strips);
    }
    let sensed: Vec<_> =
        chapters.iter().filter(|chapter| chapter.step.basis.has(Basis::SENSED)).collect();
    let from = sensed.len().saturating_sub(MAX_SENSED_EVENTS);
    for chapter in &sensed[from..] {
        let Some(body) = TraceReader::event(view, chapter.step.position)? else { continue };
        for reading in &body.facts.telling.readings {
            for strip in &mut strips {
                let limit = &strip.limit;
                if reading.measurement != limit.measurement {
                    continue;
                }
                let given = reading.uom.as_deref().unwrap_or(&limit.uom);
                let both = celsius(reading.min, given).zip(celsius(reading.max, given));
                let Some(((min, uom), (max, _))) = both else { continue };
                if uom == limit.uom {
                    strip.readings.push(Measured { from: reading.from, to: reading.to, min, max });
                }
            }
        }
    }
    strips.retain(|strip| !strip.readings.is_empty());
    for strip in &mut strips {
        strip.readings.sort_by_key(|reading| (reading.from, reading.to));
        strip.is_cut = from > 0;
    }
    Ok(strips)
}

/// An empty strip for a limit; temperatures are compared in degrees Celsius.
fn in_celsius(limit: &SensorLimit) -> Option<Strip> {
    let convert = |bound: Option<rust_decimal::Decimal>| match bound {
        None => Some(None),
        Some(bound) => celsius(bound, &limit.uom).map(|(value, _)| Some(value)),
    };
    let (_, uom) = celsius(rust_decimal::Decimal::ZERO, &limit.uom)?;
    let limit = SensorLimit {
        measurement: limit.measurement.clone(),
        min: convert(limit.min)?,
        max: convert(limit.max)?,
        uom: uom.to_owned(),
    };
    Some(Strip { limit, readings: Vec::new(), is_cut: false })
}
