//! What sensors said over time, with the limits that the product's owner declared.

use std::fmt::Write as _;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use tracehold_chain::masterdata::SensorLimit;
use tracehold_chain::units::TimestampMs;

use super::hundredths;
use crate::language::Language;
use crate::numbers::{amount, measure};
use crate::story;

/// Readings that a strip draws; more are folded together.
pub const MAX_MARKS: usize = 120;

/// The drawing, in hundredths of a unit.
const WIDTH: i64 = 36_000;
const HEIGHT: i64 = 14_000;
const TOP: i64 = 800;
const BOTTOM: i64 = 11_600;
const LEFT: i64 = 400;

/// A reading, or the lowest and highest of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When, or the beginning of the span.
    pub from: TimestampMs,
    /// The end of the span.
    pub to: TimestampMs,
    /// The lowest.
    pub min: Decimal,
    /// The highest.
    pub max: Decimal,
}

/// Readings of one kind, all in the unit of the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    /// What was declared.
    pub limit: SensorLimit,
    /// What was read, by time.
    pub readings: Vec<Reading>,
    /// Whether more was read than is here.
    pub is_cut: bool,
}

/// A strip as its page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What is measured.
    pub title: String,
    /// The drawing.
    pub svg: String,
    /// The lowest and highest reading.
    pub range: String,
    /// What was declared.
    pub allowed: String,
    /// How much was outside; `None` when nothing was.
    pub outside: Option<String>,
    /// Whether more was read than is drawn.
    pub is_cut: bool,
}

impl Strip {
    fn is_outside(&self, reading: &Reading) -> bool {
        self.limit.min.is_some_and(|min| reading.min < min)
            || self.limit.max.is_some_and(|max| reading.max > max)
    }

    /// The readings folded into at most [`MAX_MARKS`] spans.
    fn folded(&self) -> Vec<Reading> {
        let each = self.readings.len().div_ceil(MAX_MARKS).max(1);
        let fold = |part: &[Reading]| {
            let first = part.first()?;
            Some(part.iter().fold(*first, |all, one| Reading {
                from: all.from.min(one.from),
                to: all.to.max(one.to),
                min: all.min.min(one.min),
                max: all.max.max(one.max),
            }))
        };
        self.readings.chunks(each).filter_map(fold).collect()
    }

    /// What was declared, in words.
    #[must_use]
    pub fn allowed(&self, language: Language) -> String {
        let told =
            |value: Decimal| amount(&value.normalize().to_string(), &self.limit.uom, language);
        match (self.limit.min, self.limit.max) {
            (Some(min), Some(max)) => language.pick(
                format!("{} to {}", told(min), told(max)),
                format!("{} 至 {}", told(min), told(max)),
            ),
            (Some(min), None) => {
                language.pick(format!("at least {}", told(min)), format!("不低于 {}", told(min)))
            }
            (None, Some(max)) => {
                language.pick(format!("at most {}", told(max)), format!("不高于 {}", told(max)))
            }
            (None, None) => language.pick("anything", "不限").to_owned(),
        }
    }

    /// The strip in one language; nothing without readings.
    #[must_use]
    pub fn shown(&self, language: Language) -> Option<Shown> {
        let lowest = self.readings.iter().map(|reading| reading.min).min()?;
        let highest = self.readings.iter().map(|reading| reading.max).max()?;
        let told =
            |value: Decimal| amount(&value.normalize().to_string(), &self.limit.uom, language);
        let range = match lowest == highest {
            true => told(lowest),
            false => language.pick(
                format!("{} to {}", told(lowest), told(highest)),
                format!("{} 至 {}", told(lowest), told(highest)),
            ),
        };
        let outside = self.readings.iter().filter(|reading| self.is_outside(reading)).count();
        let outside = (outside > 0).then(|| {
            let all = self.readings.len();
            language.pick(
                format!("{outside} of {all} readings outside the limits"),
                format!("{all} 个读数中有 {outside} 个超出限值"),
            )
        });
        let title = measure(&self.limit.measurement, language);
        let whole = match &outside {
            Some(outside) => format!("{title}: {range}. {outside}"),
            None => format!("{title}: {range}"),
        };
        let svg = self.draw(&whole, (lowest, highest), language);
        let allowed = self.allowed(language);
        Some(Shown { title, svg, range, allowed, outside, is_cut: self.is_cut })
    }

    fn draw(
        &self,
        title: &str,
        (lowest, highest): (Decimal, Decimal),
        language: Language,
    ) -> String {
        let marks = self.folded();
        let ends = [self.limit.min, self.limit.max].into_iter().flatten();
        let low = ends.clone().fold(lowest, Decimal::min);
        let high = ends.fold(highest, Decimal::max);
        let room = (high - low).max(Decimal::ONE) / Decimal::from(8);
        let (low, high) = (low - room, high + room);
        let tall = Decimal::from(BOTTOM - TOP);
        let y = |value: Decimal| {
            let share = (high - value) / (high - low) * tall;
            TOP + share.to_i64().unwrap_or(0)
        };
        let begin = marks.first().map_or(0, |mark| mark.from.0);
        let end = marks.iter().map(|mark| mark.to.0).max().unwrap_or(begin);
        let long = i128::from(end.saturating_sub(begin).max(1));
        let x = |at: TimestampMs| {
            let part = i128::from(at.0.saturating_sub(begin)) * i128::from(WIDTH - 2 * LEFT) / long;
            LEFT + i64::try_from(part).unwrap_or(0)
        };
        let mut out = String::with_capacity(2_048);
        let _ = write!(
            out,
            r#"<svg viewBox="0 0 360 140" role="img" aria-label="{}"><rect class="sea" width="360" height="116"/>"#,
            crate::drawing::escaped(title)
        );
        let upper = self.limit.max.map_or(0, y);
        let lower = self.limit.min.map_or(BOTTOM, y);
        let _ = write!(
            out,
            r#"<rect class="band" y="{}" width="360" height="{}"/>"#,
            hundredths(upper),
            hundredths((lower - upper).max(0))
        );
        for (limit, below) in [(self.limit.max, -300), (self.limit.min, 1_300)] {
            let Some(limit) = limit else { continue };
            let at = y(limit);
            let text = amount(&limit.normalize().to_string(), &self.limit.uom, language);
            let _ = write!(
                out,
                r#"<path class="limit" d="M0 {at}H360"/><text x="356" y="{}" text-anchor="end">{}</text>"#,
                hundredths(at + below),
                crate::drawing::escaped(&text),
                at = hundredths(at),
            );
        }
        let line: Vec<String> = marks
            .iter()
            .map(|mark| {
                let middle = i64::midpoint(y(mark.min), y(mark.max));
                let at = i64::midpoint(x(mark.from), x(mark.to));
                format!("{} {}", hundredths(at), hundredths(middle))
            })
            .collect();
        if line.len() > 1 {
            let _ = write!(out, r#"<path class="reading" d="M{}"/>"#, line.join("L"));
        }
        for mark in &marks {
            let (from, to) = (x(mark.from), x(mark.to));
            let (upper, lower) = (y(mark.max), y(mark.min));
            let is_outside = self.is_outside(mark);
            if from == to && upper == lower {
                if is_outside || marks.len() == 1 {
                    let class = if is_outside { "out" } else { "reading" };
                    let _ = write!(
                        out,
                        r#"<circle class="{class}" cx="{}" cy="{}" r="2"/>"#,
                        hundredths(from),
                        hundredths(upper)
                    );
                }
                continue;
            }
            let class = if is_outside { "out" } else { "span" };
            let _ = write!(
                out,
                r#"<rect class="{class}" x="{}" y="{}" width="{}" height="{}"/>"#,
                hundredths(from),
                hundredths(upper),
                hundredths((to - from).max(100)),
                hundredths((lower - upper).max(100))
            );
        }
        let (first, last) = (story::moment(TimestampMs(begin), language), end);
        let last = story::moment(TimestampMs(last), language);
        let height = hundredths(HEIGHT - 800);
        let _ = write!(
            out,
            r#"<text x="0" y="{height}" style="font-size:9.5px">{}</text><text x="360" y="{height}" style="font-size:9.5px" text-anchor="end">{}</text></svg>"#,
            crate::drawing::escaped(&first),
            crate::drawing::escaped(if begin == end { "" } else { &last })
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(values: &[(u64, &str)]) -> Strip {
        let limit = SensorLimit {
            measurement: "Temperature".to_owned(),
            min: Some(Decimal::from(2)),
            max: Some(Decimal::from(8)),
            uom: "CEL".to_owned(),
        };
        let readings = values.iter().map(|(minute, value)| {
            let value: Decimal = value.parse().unwrap();
            let at = TimestampMs(minute * 60_000);
            Reading { from: at, to: at, min: value, max: value }
        });
        Strip { limit, readings: readings.collect(), is_cut: false }
    }

    #[test]
    fn a_strip_says_how_far_and_what_is_allowed() {
        assert_eq!(strip(&[]).shown(Language::English), None);
        let shown = strip(&[(0, "5"), (10, "9.50"), (20, "4")]).shown(Language::English).unwrap();
        assert_eq!(shown.range, "4 °C to 9.5 °C");
        assert_eq!(shown.allowed, "2 °C to 8 °C");
        assert_eq!(shown.outside.as_deref(), Some("1 of 3 readings outside the limits"));
        assert!(shown.svg.contains("class=\"out\"") && shown.svg.contains("class=\"band\""));
        let fine = strip(&[(0, "5")]).shown(Language::Chinese).unwrap();
        assert_eq!((fine.range.as_str(), fine.outside), ("5 °C", None));
    }

    #[test]
    fn a_strip_of_very_many_readings_stays_small() {
        let many: Vec<(u64, &str)> = (0..50_000).map(|minute| (minute, "5")).collect();
        let shown = strip(&many).shown(Language::English).unwrap();
        assert!(shown.svg.len() < 20_000, "{}", shown.svg.len());
    }
}
