use std::fmt::Write as _;

use tracehold_chain::agreement::{Expect, Sighting};
use tracehold_chain::units::DurationMs;

use super::*;

/// Temperature of 2 to 8 °C with so many minutes tolerated and a longest gap, from minute 0.
fn condition(tolerated: u64, gap: u64) -> Readings {
    Readings {
        measurement: "Temperature".to_owned(),
        uom: "CEL".to_owned(),
        min: Some(Decimal::from(2)),
        max: Some(Decimal::from(8)),
        outside_at_most: DurationMs(tolerated * 60_000),
        max_gap: DurationMs(gap * 60_000),
        by: Vec::new(),
        from: Sighting::default(),
        to: Sighting::default(),
        settle: DurationMs(0),
        expect: Expect::Kept,
    }
}

fn minute(number: u64) -> TimestampMs {
    TimestampMs(number * 60_000)
}

/// `5@10` is 5 °C at minute 10, `1..9@10-20` a summary, `50F@0` fifty degrees Fahrenheit.
fn reading(text: &str) -> SensorReading {
    let (value, time) = text.split_once('@').expect("value@minute");
    let (from, to) = time.split_once('-').unwrap_or((time, time));
    let (value, uom) = match value.strip_suffix('F') {
        Some(value) => (value, Some("FAH")),
        None => match value.strip_suffix('%') {
            Some(value) => (value, Some("P1")),
            None => (value, None),
        },
    };
    let (min, max) = value.split_once("..").unwrap_or((value, value));
    let number = |text: &str| text.parse().expect("a number");
    let time = |text: &str| minute(text.parse().expect("a minute"));
    SensorReading {
        measurement: "Temperature".to_owned(),
        min: number(min),
        max: number(max),
        uom: uom.map(str::to_owned),
        from: time(from),
        to: time(to),
    }
}

fn shown(spans: &[Span]) -> String {
    let mut text = String::new();
    for (from, to) in spans {
        let _ = write!(text, " {}-{}", from.0 / 60_000, to.0 / 60_000);
    }
    text
}

/// Promise P65: readings are boiled down without making them better than they were.
#[test]
fn the_readings_of_one_event_become_spans() {
    for (tolerated, readings, expected) in [
        (0, "5@0 5@10 5@20", "covered 0-20 outside"),
        (0, "5@0 5@10 5@40 5@50", "covered 0-10 40-50 outside"),
        (0, "5@20 5@0 5@10", "covered 0-20 outside"),
        (0, "5@0 9@10 5@20", "covered 0-20 outside 10-20"),
        (0, "5@0 9@10 9@20 5@30", "covered 0-30 outside 10-30"),
        (0, "5@0 9@10", "covered 0-10 outside 10-10"),
        (0, "5@0 9@10 9@20", "covered 0-20 outside 10-20 20-20"),
        (0, "9@0", "covered 0-0 outside 0-0"),
        (0, "9@0 5@30", "covered 0-0 30-30 outside 0-0"),
        (0, "8@0 2@5", "covered 0-5 outside"),
        (0, "50F@0", "covered 0-0 outside 0-0"),
        (0, "41F@0", "covered 0-0 outside"),
        (0, "3..7@0-30", "covered 0-30 outside"),
        (0, "9..12@0-30", "covered 0-30 outside 0-30"),
        (0, "3..9@0-30", "covered 0-30 outside 0-30"),
        (15, "3..9@0-30", "covered outside"),
        (15, "9..12@0-30", "covered 0-30 outside 0-30"),
        (15, "0..1@0-30 5@35", "covered 0-35 outside 0-30"),
    ] {
        let given: Vec<SensorReading> = readings.split(' ').map(reading).collect();
        let found = spans(&condition(tolerated, 15), &given).expect(readings);
        let found = format!("covered{} outside{}", shown(&found.covered), shown(&found.outside));
        assert_eq!(found, expected, "{readings}, {tolerated} minutes tolerated");
    }
    assert_eq!(spans(&condition(0, 15), &[reading("60%@0")]), None);
    let mut humid = reading("5@0");
    humid.measurement = "RelativeHumidity".to_owned();
    assert_eq!(spans(&condition(0, 15), &[humid]), None);
}

/// Promise P65: kept, broken, or not covered by readings; silence never counts as kept.
#[test]
fn an_interval_is_kept_broken_or_not_covered() {
    for (tolerated, events, expected) in [
        // Covered from the beginning to the end.
        (0, "5@0 5@10 5@20 5@30 5@40 5@50 5@60", "kept"),
        (0, "5@0 5@10 5@20 | 5@35 5@50 5@60", "kept"),
        (0, "3..7@0-60", "kept"),
        (0, "5@10 5@25 5@40 5@55", "kept"),
        // A gap anywhere.
        (0, "5@0 5@10 5@20 5@50 5@60", "not covered 20-50"),
        (0, "5@20 5@35 5@50 5@60", "not covered 0-20"),
        (0, "5@0 5@15 5@30 5@40", "not covered 40-60"),
        (0, "5@0 5@60", "not covered 0-60"),
        (0, "5@100", "not covered 0-60"),
        (0, "", "not covered 0-60"),
        // Outside, and nothing tolerated.
        (0, "5@0 5@10 9@20 5@30 5@40 5@50 5@60", "broken 10"),
        (0, "9@20", "broken 0"),
        (0, "9@70", "not covered 0-60"),
        (0, "1@0 5@1", "broken 1"),
        // Outside before and after the interval does not count.
        (0, "5@0 5@15 5@30 5@45 5@60 9@61 9@70", "kept"),
        // Some minutes are tolerated, all together.
        (10, "5@0 5@10 9@20 5@30 5@40 5@50 5@60", "kept"),
        (9, "5@0 5@10 9@20 5@30 5@40 5@50 5@60", "broken 10"),
        (15, "5@0 9@10 5@20 5@30 9@40 5@50 5@60", "broken 20"),
        (10, "9@20", "not covered 0-20 20-60"),
        // The last of an event stands until the next of another, as long as there is no gap.
        (5, "5@0 5@10 9@20 | 5@30 5@40 5@50 5@60", "broken 10"),
        (15, "5@0 5@10 9@20 | 9@30 | 5@40 5@50 5@60", "broken 20"),
        (5, "9@0 | 9@10 | 9@20", "broken 20"),
        // Two sensors: the same time counts once.
        (10, "5@0 5@10 9@20 5@30 5@40 5@50 5@60 | 5@0 9@20 9@25 5@30", "kept"),
        // Of a summary that was outside in part, nobody knows for how long.
        (10, "3..9@0-60", "not covered 0-60"),
        (0, "3..9@0-60", "broken 60"),
        // What is broken stays broken, covered or not.
        (10, "9@0 9@10 9@15", "broken 15"),
    ] {
        let condition = condition(tolerated, 15);
        let events: Vec<ReadingSpans> = events
            .split(" | ")
            .filter_map(|event| {
                let given: Vec<_> = event.split(' ').filter(|one| !one.is_empty()).collect();
                spans(&condition, &given.into_iter().map(reading).collect::<Vec<_>>())
            })
            .collect();
        let judged = judge(&condition, &events.iter().collect::<Vec<_>>(), (minute(0), minute(60)));
        let found = match judged.verdict {
            Verdict::Kept => "kept".to_owned(),
            Verdict::Broken => format!("broken {}", judged.outside_ms / 60_000),
            Verdict::NotCovered => format!("not covered{}", shown(&judged.gaps)),
        };
        assert_eq!(found, expected, "{tolerated} minutes tolerated: {events:?}");
    }
}

/// Promise P65: what one event can make the ledger keep is bounded, and what is not kept is not
/// covered.
#[test]
fn too_many_spans_of_one_event_are_not_covered() {
    let condition = condition(60, 5);
    let mut given = Vec::new();
    for place in 0..2_000 {
        given.push(reading(&format!("{}@{place}", if place % 2 == 0 { 5 } else { 9 })));
    }
    let found = spans(&condition, &given).expect("readings of a temperature");
    assert_eq!(found.outside.len(), MAX_SPANS_PER_EVENT);
    let judged = judge(&condition, &[&found], (minute(0), minute(1_999)));
    assert_eq!(judged.verdict, Verdict::Broken);
    let judged = judge(&self::condition(600, 5), &[&found], (minute(0), minute(1_999)));
    assert_eq!(judged.verdict, Verdict::NotCovered);
}
