//! What readings of sensors say of bounds: kept, broken, or not covered.
//!
//! Pure functions. [`spans`] boils the readings of one event down to spans of time when it is
//! recorded; [`judge`] holds the spans of many events against an interval.

use rust_decimal::Decimal;
use tracehold_chain::agreement::Readings;
use tracehold_chain::epcis::SensorReading;
use tracehold_chain::units::TimestampMs;

use super::record::ReadingSpans;
use crate::provenance::quantity::celsius;

/// Spans of either kind that are kept of one event. What its later readings say is not kept, so
/// that their time is not covered: long records are sent as several events.
pub const MAX_SPANS_PER_EVENT: usize = 256;

/// A span of time, both ends included.
pub type Span = (TimestampMs, TimestampMs);

/// What readings say of an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Kept, broken or neither.
    pub verdict: Verdict,
    /// How long it was outside the bounds, in milliseconds.
    pub outside_ms: u64,
    /// Gaps between readings, or between them and the ends, that are longer than the terms allow.
    pub gaps: Vec<Span>,
}

/// Three values: silence is not good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Covered by readings, and outside no longer than tolerated.
    Kept,
    /// Outside for longer than tolerated.
    Broken,
    /// Neither: for some time there are no readings.
    NotCovered,
}

/// A reading in the unit of the bounds.
struct Measured {
    span: Span,
    /// Whether any of it, and all of it, was outside.
    outside: (bool, bool),
}

/// What the readings of one event say of a condition's bounds; `None` when none of them speaks of
/// what it measures, in a unit that can be compared.
///
/// Between two readings with no more than the allowed gap the time is covered. A reading outside
/// stands until the next one of its event; the last of an event, if it is outside, is a span of no
/// length, which [`judge`] lets stand until the next reading of any event. A summary with its least
/// and most (a span of its own) is outside when all of it was. When only a part was, nobody knows
/// for how long: it breaks bounds without tolerance, and covers nothing where some is tolerated.
#[must_use]
pub fn spans(condition: &Readings, readings: &[SensorReading]) -> Option<ReadingSpans> {
    let measured = measured(condition, readings)?;
    let mut found = ReadingSpans::default();
    for (place, one) in measured.iter().enumerate() {
        if found.covered.len() >= MAX_SPANS_PER_EVENT || found.outside.len() >= MAX_SPANS_PER_EVENT
        {
            break;
        }
        let (from, to) = one.span;
        let (some, all) = one.outside;
        if some && !all && condition.outside_at_most.0 > 0 {
            continue;
        }
        match found.covered.last_mut() {
            Some(last) if from.since_ms(last.1) <= condition.max_gap.0 => last.1 = last.1.max(to),
            _ => found.covered.push((from, to)),
        }
        if !some {
            continue;
        }
        let until = match measured.get(place + 1) {
            Some(next) if from == to && next.span.0.since_ms(to) <= condition.max_gap.0 => {
                next.span.0
            }
            _ => to,
        };
        match found.outside.last_mut() {
            // A span of no length at the end of the last one stays apart: it is still outside.
            Some(last) if from <= last.1 && until > last.1 => last.1 = until,
            _ => found.outside.push((from, until)),
        }
    }
    Some(found)
}

fn measured(condition: &Readings, readings: &[SensorReading]) -> Option<Vec<Measured>> {
    let bound =
        |value: Option<Decimal>| value.and_then(|v| celsius(v, &condition.uom)).map(|b| b.0);
    let (least, most) = (bound(condition.min), bound(condition.max));
    let (_, uom) = celsius(Decimal::ZERO, &condition.uom)?;
    let mut measured: Vec<Measured> = readings
        .iter()
        .filter(|reading| reading.measurement == condition.measurement)
        .filter_map(|reading| {
            let given = reading.uom.as_deref().unwrap_or(&condition.uom);
            let (low, unit) = celsius(reading.min, given)?;
            let (high, _) = celsius(reading.max, given)?;
            let below = |value: Decimal| least.is_some_and(|least| value < least);
            let above = |value: Decimal| most.is_some_and(|most| value > most);
            let outside = (below(low) || above(high), below(high) || above(low));
            (unit == uom).then_some(Measured { span: (reading.from, reading.to), outside })
        })
        .collect();
    measured.sort_by_key(|one| one.span);
    (!measured.is_empty()).then_some(measured)
}

/// Holds what events say against the interval of `within`.
#[must_use]
pub fn judge(condition: &Readings, events: &[&ReadingSpans], within: Span) -> Judged {
    let max_gap = condition.max_gap.0;
    let covered = united(events.iter().flat_map(|event| event.covered.iter().copied()));
    let outside = events.iter().flat_map(|event| event.outside.iter().copied());
    let mut found_outside = false;
    let standing =
        outside.map(
            |(from, to)| {
                if from == to { (from, stands(&covered, to, max_gap)) } else { (from, to) }
            },
        );
    let mut outside_ms = 0_u64;
    for (from, to) in united(standing) {
        if to < within.0 || from > within.1 {
            continue;
        }
        found_outside = true;
        let (from, to) = (from.max(within.0), to.min(within.1));
        outside_ms = outside_ms.saturating_add(to.since_ms(from));
    }
    let tolerated = condition.outside_at_most.0;
    let gaps = gaps(&covered, within, max_gap);
    let verdict = if outside_ms > tolerated || (found_outside && tolerated == 0) {
        Verdict::Broken
    } else if gaps.is_empty() {
        Verdict::Kept
    } else {
        Verdict::NotCovered
    };
    Judged { verdict, outside_ms, gaps }
}

/// Until when a last reading outside stands: until another event's next reading, but no longer than
/// the allowed gap.
fn stands(covered: &[Span], from: TimestampMs, max_gap: u64) -> TimestampMs {
    let later = covered.partition_point(|span| span.0 <= from);
    let next = covered.get(later).map(|span| span.0);
    let most = from.plus_ms(max_gap);
    next.map_or(from, |next| if next <= most { next } else { from })
}

/// The same time as spans that do not touch, in order.
fn united(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut spans: Vec<Span> = spans.collect();
    spans.sort_unstable();
    let mut united: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match united.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => united.push((from, to)),
        }
    }
    united
}

/// What of the interval lies in gaps longer than allowed.
fn gaps(covered: &[Span], within: Span, max_gap: u64) -> Vec<Span> {
    let mut gaps = Vec::new();
    let mut at = within.0;
    let inside = covered.iter().filter(|span| span.1 >= within.0 && span.0 <= within.1);
    let end = (within.1, within.1);
    for (from, to) in inside.copied().chain(std::iter::once(end)) {
        if from.since_ms(at) > max_gap {
            gaps.push((at, from));
        }
        at = at.max(to);
    }
    gaps
}

#[cfg(test)]
mod tests;
