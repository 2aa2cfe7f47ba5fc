//! Date-times as EPCIS writes them (RFC 3339, zone mandatory), without a clock.

use crate::units::TimestampMs;

/// Why text is not a time the ledger can keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFault {
    /// Not an RFC 3339 date-time with a zone.
    Syntax,
    /// Before 1970 or beyond the year 9999.
    OutOfRange,
}

/// Reads an RFC 3339 date-time; digits below the millisecond are dropped.
///
/// # Errors
/// [`TimeFault`].
pub fn parse(text: &str) -> Result<TimestampMs, TimeFault> {
    let ms = milliseconds(text.as_bytes()).ok_or(TimeFault::Syntax)?;
    u64::try_from(ms).map(TimestampMs).map_err(|_| TimeFault::OutOfRange)
}

/// Whether `text` is an RFC 3339 date-time, in any year.
#[must_use]
pub fn is_date_time(text: &str) -> bool {
    milliseconds(text.as_bytes()).is_some()
}

/// An RFC 3339 date-time in UTC with milliseconds, rounded half up; `None` for other text.
#[must_use]
pub fn rounded_utc(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    // The fourth digit behind the second, where there is one.
    let behind = bytes.get(19..).and_then(|rest| rest.strip_prefix(b"."));
    let up = behind.is_some_and(|digits| {
        digits.iter().take(4).filter(|b| b.is_ascii_digit()).count() == 4
            && digits.get(3).is_some_and(|digit| *digit >= b'5')
    });
    let ms = milliseconds(bytes)? + i64::from(up);
    Some(format!("{:.3}", jiff::Timestamp::from_millisecond(ms).ok()?))
}

/// Minutes of an `eventTimeZoneOffset` such as `+02:00`, from -14:00 to +14:00.
#[must_use]
pub fn zone_offset_minutes(text: &str) -> Option<i16> {
    let [sign, h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let hours = number(&[*h1, *h2])?;
    let minutes = number(&[*m1, *m2])?;
    if minutes > 59 || hours > 14 || (hours == 14 && minutes > 0) {
        return None;
    }
    let total = i16::try_from(hours * 60 + minutes).ok()?;
    match sign {
        b'+' => Some(total),
        b'-' => Some(-total),
        _ => None,
    }
}

/// The zone that a date-time is written in, as `±hh:mm`; `None` when it is no date-time or its zone
/// is no `eventTimeZoneOffset`.
#[must_use]
pub fn zone_of(text: &str) -> Option<String> {
    if !is_date_time(text) {
        return None;
    }
    let zone = match text.strip_suffix(['Z', 'z']) {
        Some(_) => "+00:00",
        None => text.get(text.len().checked_sub(6)?..)?,
    };
    zone_offset_minutes(zone).map(|_| zone.to_owned())
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum: i64, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
    })
}

/// Milliseconds since 1970-01-01T00:00:00Z, negative before.
fn milliseconds(text: &[u8]) -> Option<i64> {
    let (fixed, rest) = text.split_at_checked(19)?;
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        mo1,
        mo2,
        b'-',
        d1,
        d2,
        b'T' | b't',
        h1,
        h2,
        b':',
        mi1,
        mi2,
        b':',
        s1,
        s2,
    ] = fixed
    else {
        return None;
    };
    let (year, month, day) =
        (number(&[*y1, *y2, *y3, *y4])?, number(&[*mo1, *mo2])?, number(&[*d1, *d2])?);
    let (hour, minute, second) =
        (number(&[*h1, *h2])?, number(&[*mi1, *mi2])?, number(&[*s1, *s2])?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction_ms, zone) = fraction(rest)?;
    let offset_minutes = zone_of_time(zone)?;
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    // A leap second stands only at the end of a UTC day.
    if second == 60 && minutes.rem_euclid(24 * 60) != 24 * 60 - 1 {
        return None;
    }
    Some((minutes * 60 + second) * 1000 + fraction_ms)
}

/// The milliseconds of `.fff…` at the start of `text`, and what follows.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(after_dot) = text.strip_prefix(b".") else { return Some((0, text)) };
    let length = after_dot.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = after_dot.split_at_checked(length)?;
    let digit = |place: usize| digits.get(place).map_or(0, |b| i64::from(b - b'0'));
    (length > 0).then(|| (digit(0) * 100 + digit(1) * 10 + digit(2), rest))
}

/// Minutes east of UTC of `Z` or `±hh:mm`.
fn zone_of_time(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let total = hours * 60 + minutes;
            Some(if *sign == b'+' { total } else { -total })
        }
        _ => None,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the leap day
/// is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_TO_1970: i64 = 719_468;
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_to_the_millisecond() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-03-01T09:30:00.250Z", 1_772_357_400_250),
            ("2026-03-01T11:30:00.2509+02:00", 1_772_357_400_250),
            ("2026-03-01t04:00:00.25-05:30", 1_772_357_400_250),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("2017-01-01T00:59:60+01:00", 1_483_228_800_000),
            ("2024-02-29T00:00:00z", 1_709_164_800_000),
        ] {
            assert_eq!(parse(text), Ok(TimestampMs(ms)), "{text}");
        }
        assert_eq!(parse("1969-12-31T23:59:59Z"), Err(TimeFault::OutOfRange));
        for bad in [
            "2026-03-01T10:00:00",
            "2026-03-01",
            "22-07-2026",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T10:00:60Z",
            "2026-01-01T10:00:00.Z",
            "2026-01-01T10:00:00+2:00",
            "2026-01-01T10:00:00+24:00",
            "2026-01-01 10:00:00Z",
            "",
        ] {
            assert_eq!(parse(bad), Err(TimeFault::Syntax), "{bad}");
        }
    }

    #[test]
    fn times_are_rounded_to_the_millisecond() {
        for (text, utc) in [
            ("2023-01-18T11:04:03.1415Z", "2023-01-18T11:04:03.142Z"),
            ("2023-01-18T11:04:03.14149Z", "2023-01-18T11:04:03.141Z"),
            ("2023-12-31T23:59:59.9995-01:00", "2024-01-01T01:00:00.000Z"),
            ("2023-01-18T11:04:03+01:00", "2023-01-18T10:04:03.000Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
        ] {
            assert_eq!(rounded_utc(text).as_deref(), Some(utc));
        }
        assert_eq!(rounded_utc("soon"), None);
    }

    #[test]
    fn zone_offsets_reach_fourteen_hours() {
        for (text, minutes) in [("+00:00", 0), ("-05:30", -330), ("+14:00", 840), ("-14:00", -840)]
        {
            assert_eq!(zone_offset_minutes(text), Some(minutes), "{text}");
        }
        for bad in ["Z", "+2:00", "+15:00", "+14:01", "+01:60", "01:00", "+0100", ""] {
            assert_eq!(zone_offset_minutes(bad), None, "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn what_is_shown_is_read_back(ms in 0_u64..253_402_300_800_000) {
            prop_assert_eq!(parse(&TimestampMs(ms).to_string()), Ok(TimestampMs(ms)));
        }
    }
}
