//! When a query subscription is due: the schedule of EPCIS 2.0 (`second` to `dayOfWeek`), in UTC.
//!
//! A field lists numbers and ranges: `5`, `0,15,30`, `[8-17]`. Taken beside the standard's grammar
//! are `*` for any, and a step as GS1's own example has it: `0/30` is every 30 from 0, `*/5` every
//! 5. A time must match every field that is given. A field that is left out matches anything when
//! a finer one is given, and its lowest value otherwise: `hour` 1 and `minute` 5 mean 01:05:00, as
//! the standard explains them, and not sixty times in that minute. Pure: the clock is the caller's.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Deserializer, Serialize};
use tracehold_chain::units::TimestampMs;

/// Characters of one field.
const MAX_FIELD: usize = 200;

/// How far ahead a time is looked for: the 29th of February falls on each weekday within 40 years.
const MAX_DAYS: i32 = 41 * 366;

/// A schedule as it is given; every field as text, as the standard has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Schedule {
    /// 0 to 59.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// 0 to 59.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub minute: Option<String>,
    /// 0 to 23.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub hour: Option<String>,
    /// 1 to 31.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub day_of_month: Option<String>,
    /// 1 to 12.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// 1 (Monday) to 7 (Sunday).
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub day_of_week: Option<String>,
}

/// Clients send numbers as numbers, too.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "text such as \"0,15,30\", or a number")]
    enum Given {
        Text(String),
        Number(u32),
    }
    Ok(Option::<Given>::deserialize(deserializer)?.map(|given| match given {
        Given::Text(text) => text,
        Given::Number(number) => number.to_string(),
    }))
}

/// A field of a schedule that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct ScheduleError {
    /// Which field; empty for the whole.
    pub field: &'static str,
    /// What it must be.
    pub rule: String,
}

/// The values that one field allows, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowed(u64);

impl Allowed {
    fn has(self, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|bit| bit < 64 && self.0 >> bit & 1 == 1)
    }

    /// The first value allowed from `from` on.
    fn first(self, from: i8) -> Option<i8> {
        (from..64).find(|value| self.has(*value))
    }
}

/// A schedule that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    seconds: Allowed,
    minutes: Allowed,
    hours: Allowed,
    days: Allowed,
    months: Allowed,
    weekdays: Allowed,
}

impl Schedule {
    /// Whether no field is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Schedule::default()
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`ScheduleError`] names the first field that cannot be taken, or says that no time matches.
    pub fn times(&self) -> Result<Times, ScheduleError> {
        // From coarse to fine; the day of the week and of the month are as fine.
        let fields: [(&'static str, &Option<String>, i8, i8, u8); 6] = [
            ("month", &self.month, 1, 12, 0),
            ("dayOfMonth", &self.day_of_month, 1, 31, 1),
            ("dayOfWeek", &self.day_of_week, 1, 7, 1),
            ("hour", &self.hour, 0, 23, 2),
            ("minute", &self.minute, 0, 59, 3),
            ("second", &self.second, 0, 59, 4),
        ];
        let finest = fields.iter().filter(|(_, given, ..)| given.is_some()).map(|field| field.4);
        let Some(finest) = finest.max() else {
            let rule = "must have at least one of second, minute, hour, dayOfMonth, month and \
                        dayOfWeek";
            return Err(ScheduleError { field: "", rule: rule.to_owned() });
        };
        let mut read = [Allowed(0); 6];
        for (slot, (name, given, low, high, fineness)) in read.iter_mut().zip(fields) {
            *slot = match given {
                Some(text) => values(name, text, low, high)?,
                // Any day of the week will do once there is a day of the month, or none is needed.
                None if fineness <= finest || name == "dayOfWeek" => range(low, high),
                None => range(low, low),
            };
        }
        let [months, days, weekdays, hours, minutes, seconds] = read;
        let times = Times { seconds, minutes, hours, days, months, weekdays };
        if times.after(TimestampMs(0)).is_none() {
            let rule = "matches no day: the month has no such day".to_owned();
            return Err(ScheduleError { field: "dayOfMonth", rule });
        }
        Ok(times)
    }
}

fn range(low: i8, high: i8) -> Allowed {
    Allowed((low..=high).fold(0, |bits, value| bits | 1 << value))
}

fn values(field: &'static str, text: &str, low: i8, high: i8) -> Result<Allowed, ScheduleError> {
    let wrong = || ScheduleError {
        field,
        rule: format!(
            "must list numbers from {low} to {high}, ranges as [{low}-{high}] or steps as \
             {low}/2, joined by commas"
        ),
    };
    if text.len() > MAX_FIELD {
        return Err(wrong());
    }
    let mut bits = 0;
    for element in text.split(',') {
        bits |= element_of(element.trim(), low, high).ok_or_else(wrong)?.0;
    }
    Ok(Allowed(bits))
}

fn element_of(element: &str, low: i8, high: i8) -> Option<Allowed> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = digits.then(|| text.parse::<i8>().ok()).flatten()?;
        (low..=high).contains(&value).then_some(value)
    };
    if let Some((from, step)) = element.split_once('/') {
        let step: usize = step.parse().ok().filter(|step| (1..64).contains(step))?;
        let from = if from == "*" { low } else { number(from)? };
        let every = (from..=high).step_by(step).fold(0, |bits, value| bits | 1 << value);
        return Some(Allowed(every));
    }
    if element == "*" {
        return Some(range(low, high));
    }
    let inner = element.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some((from, to)) = inner.unwrap_or(element).split_once('-') {
        let (from, to) = (number(from.trim())?, number(to.trim())?);
        return (from <= to).then(|| range(from, to));
    }
    number(element).map(|value| range(value, value))
}

impl Times {
    /// The first time after `moment`, in UTC; `None` when there is none within some decades.
    #[must_use]
    pub fn after(&self, moment: TimestampMs) -> Option<TimestampMs> {
        let seconds = i64::try_from(moment.0 / 1_000).ok()?.checked_add(1)?;
        let from = Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).datetime();
        let mut date = from.date();
        let mut time = Some(from.time());
        for _ in 0..MAX_DAYS {
            if self.has_day(date)
                && let Some(found) = self.first_time(time.unwrap_or(Time::midnight()))
            {
                let found = date.to_datetime(found).to_zoned(TimeZone::UTC).ok()?;
                let ms = u64::try_from(found.timestamp().as_millisecond()).ok()?;
                return Some(TimestampMs(ms));
            }
            date = date.checked_add(1.day()).ok()?;
            time = None;
        }
        None
    }

    fn has_day(&self, date: Date) -> bool {
        self.months.has(date.month())
            && self.days.has(date.day())
            && self.weekdays.has(date.weekday().to_monday_one_offset())
    }

    /// The first time of a day from `from` on.
    fn first_time(&self, from: Time) -> Option<Time> {
        let mut hour = self.hours.first(from.hour())?;
        loop {
            let is_first = hour == from.hour();
            let mut minute = self.minutes.first(if is_first { from.minute() } else { 0 });
            while let Some(found) = minute {
                let is_first = is_first && found == from.minute();
                let second = self.seconds.first(if is_first { from.second() } else { 0 });
                if let Some(second) = second {
                    return Time::new(hour, found, second, 0).ok();
                }
                minute = self.minutes.first(found + 1);
            }
            hour = self.hours.first(hour + 1)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tracehold_chain::epcis::time;

    use super::*;

    fn schedule(value: serde_json::Value) -> Schedule {
        serde_json::from_value(value).unwrap()
    }

    fn next(schedule: &Times, after: &str) -> String {
        schedule.after(time::parse(after).unwrap()).unwrap().to_string()
    }

    /// Promise P101.
    #[test]
    fn the_next_time_after_a_moment() {
        for (given, after, expected) in [
            // The standard's own examples: 01:05 every morning, every half minute.
            (
                json!({"hour": "1", "minute": "5"}),
                "2026-03-01T00:00:00Z",
                "2026-03-01T01:05:00.000Z",
            ),
            (
                json!({"hour": "1", "minute": "5"}),
                "2026-03-01T01:05:00Z",
                "2026-03-02T01:05:00.000Z",
            ),
            (
                json!({"hour": 1, "minute": 5}),
                "2026-03-01T01:04:59.999Z",
                "2026-03-01T01:05:00.000Z",
            ),
            (json!({"second": "0/30"}), "2026-03-01T01:05:00Z", "2026-03-01T01:05:30.000Z"),
            (json!({"second": "0/30"}), "2026-12-31T23:59:30.500Z", "2027-01-01T00:00:00.000Z"),
            (json!({"second": "*"}), "2026-03-01T01:05:00.999Z", "2026-03-01T01:05:01.000Z"),
            (json!({"minute": "0,15,30,45"}), "2026-03-01T01:46:00Z", "2026-03-01T02:00:00.000Z"),
            (json!({"hour": "[8-17]"}), "2026-03-01T17:00:00Z", "2026-03-02T08:00:00.000Z"),
            (
                json!({"hour": "8-17", "second": "5"}),
                "2026-03-01T08:00:05Z",
                "2026-03-01T08:01:05.000Z",
            ),
            (json!({"minute": "[0-2],59"}), "2026-03-01T08:02:00Z", "2026-03-01T08:59:00.000Z"),
            // Days: 2026-03-01 is a Sunday.
            (json!({"dayOfWeek": "1"}), "2026-03-01T08:00:00Z", "2026-03-02T00:00:00.000Z"),
            (
                json!({"dayOfWeek": "7", "hour": "9"}),
                "2026-03-01T09:00:00Z",
                "2026-03-08T09:00:00.000Z",
            ),
            (json!({"dayOfMonth": "31"}), "2026-03-31T00:00:00Z", "2026-05-31T00:00:00.000Z"),
            (
                json!({"month": "2", "dayOfMonth": "29"}),
                "2026-03-01T00:00:00Z",
                "2028-02-29T00:00:00.000Z",
            ),
            (json!({"month": "12"}), "2026-03-01T00:00:00Z", "2026-12-01T00:00:00.000Z"),
            (
                json!({"dayOfMonth": "13", "dayOfWeek": "5"}),
                "2026-03-14T00:00:00Z",
                "2026-11-13T00:00:00.000Z",
            ),
            (
                json!({"month": "2", "dayOfMonth": "29", "dayOfWeek": "1", "minute": "7"}),
                "2026-03-01T00:00:00Z",
                "2044-02-29T00:07:00.000Z",
            ),
        ] {
            let times = schedule(given.clone()).times().unwrap();
            assert_eq!(next(&times, after), expected, "{given} after {after}");
        }
    }

    /// Promise P101.
    #[test]
    fn what_is_no_schedule_is_refused_by_field() {
        for (given, field) in [
            (json!({}), ""),
            (json!({"second": "60"}), "second"),
            (json!({"minute": "-1"}), "minute"),
            (json!({"hour": "24"}), "hour"),
            (json!({"hour": ""}), "hour"),
            (json!({"hour": "1,"}), "hour"),
            (json!({"hour": "[5-1]"}), "hour"),
            (json!({"hour": "noon"}), "hour"),
            (json!({"hour": "0/0"}), "hour"),
            (json!({"dayOfMonth": "0"}), "dayOfMonth"),
            (json!({"month": "13"}), "month"),
            (json!({"dayOfWeek": "0"}), "dayOfWeek"),
            (json!({"dayOfWeek": "8"}), "dayOfWeek"),
            (json!({"month": "2", "dayOfMonth": "30"}), "dayOfMonth"),
            (json!({"second": "1,".repeat(200)}), "second"),
        ] {
            let refused = schedule(given.clone()).times().unwrap_err();
            assert_eq!(refused.field, field, "{given}: {refused}");
        }
        assert!(serde_json::from_value::<Schedule>(json!({"year": "2026"})).is_err());
        assert!(schedule(json!({})).is_empty());
    }
}
