//! Checks of single components, under the names that GS1's dictionary gives them (GS1 General
//! Specifications §3 and §7: check digits, dates, codes).
//!
//! Not checked beyond their characters: coupon data (`couponcode`, `couponposoffer`) and package
//! types (`packagetype`), whose lists are not part of the standard. Which piece of how many
//! (`pieceoftotal`) is looked at in [`super::association::pieces`]: links and element strings are
//! read with any four digits there.

use super::lists;
use crate::epcis::identifier::check_digit;

/// Why a component is refused.
pub(super) struct Why {
    pub(super) rule: &'static str,
    pub(super) message: String,
}

fn unless(fine: bool, rule: &'static str, message: impl Into<String>) -> Result<(), Why> {
    if fine { Ok(()) } else { Err(Why { rule, message: message.into() }) }
}

/// Runs the check called `name`. `part` is of the right length and characters.
pub(super) fn check(name: &str, part: &str) -> Result<(), Why> {
    let number = || part.parse::<u64>().unwrap_or(u64::MAX);
    let within = |from: u64, to: u64| (from..=to).contains(&number());
    match name {
        "csum" => checksum(part),
        "csumalpha" => check_pair(part),
        "gcppos1" => company_prefix(part, 0),
        "gcppos2" => company_prefix(part, 1),
        "yymmd0" => date(part, true),
        "yymmdd" => date(part, false),
        "yyyymmdd" => date(part.get(2..).unwrap_or_default(), false),
        "hh" => unless(within(0, 23), "time", "has no such hour: give 00 to 23"),
        "mi" | "ss" => unless(within(0, 59), "time", "has no such minute or second: give 00 to 59"),
        "hhmi" => {
            unless(number() / 100 < 24 && number() % 100 < 60, "time", "is no time: write HHMM")
        }
        "iso3166" => {
            let fine = lists::has(lists::COUNTRIES, part);
            unless(fine, "country", "names no country: give three digits of ISO 3166-1")
        }
        "iso3166999" => {
            let fine = part == "999" || lists::has(lists::COUNTRIES, part);
            unless(fine, "country", "names no country: give three digits of ISO 3166-1, or 999")
        }
        "iso3166alpha2" => {
            let fine = lists::has(lists::COUNTRY_LETTERS, part);
            unless(fine, "country", "names no country: give two capitals of ISO 3166-1")
        }
        "iso4217" => {
            let fine = lists::has(lists::CURRENCIES, part);
            unless(fine, "currency", "names no currency: give three digits of ISO 4217")
        }
        "iso5218" => {
            let fine = matches!(part, "0" | "1" | "2" | "9");
            unless(fine, "code", "is no code of ISO 5218: give 0, 1, 2 or 9")
        }
        "iban" => iban(part),
        "yesno" => unless(matches!(part, "0" | "1"), "code", "is neither 0 for no nor 1 for yes"),
        "winding" => {
            unless(matches!(part, "0" | "1" | "9"), "code", "winds no way: give 0, 1 or 9")
        }
        "zero" => unless(number() == 0, "zero", "must begin with 0"),
        "nonzero" => unless(number() != 0, "zero", "may not be all zeros here"),
        "nozeroprefix" => {
            let fine = part == "0" || !part.starts_with('0');
            unless(fine, "zero", "may not begin with 0: leave the zeros out")
        }
        "hyphen" => unless(part == "-", "code", "may only end with a minus sign"),
        "hasnondigit" => {
            let fine = part.bytes().any(|b| !b.is_ascii_digit());
            unless(fine, "charset", "has only digits: another character must be among them")
        }
        "latitude" => unless(within(0, 1_800_000_000), "position", "lies beyond the poles"),
        "longitude" => unless(within(0, 3_600_000_000), "position", "lies beyond 360 degrees"),
        "mediatype" => {
            let fine = within(1, 10) || within(80, 99);
            unless(fine, "code", "is no media type: give 01 to 10, or 80 to 99")
        }
        "importeridx" => {
            let fine = part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            unless(fine, "charset", "has no importer index: end it with a letter, digit, - or _")
        }
        "posinseqslash" => {
            let fine = part.split_once('/').is_some_and(|(position, end)| {
                let read = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0);
                read(position).zip(read(end)).is_some_and(|(position, end)| position <= end)
            });
            unless(fine, "sequence", "is no place in a sequence: write it as 1/2")
        }
        "pcenc" => {
            let fine = crate::epcis::uri::percent_decoded(part).is_some();
            unless(fine, "percent", "has a % without two hexadecimal digits: write % as %25")
        }
        _ => Ok(()),
    }
}

fn checksum(part: &str) -> Result<(), Why> {
    let right = part.get(..part.len().saturating_sub(1)).and_then(check_digit);
    match right {
        Some(right) if part.ends_with(right) => Ok(()),
        Some(right) => {
            let digits = part.len();
            let message = format!("has a wrong check digit: digit {digits} should be {right}");
            unless(false, "check-digit", message)
        }
        None => unless(false, "check-digit", "has no check digit"),
    }
}

/// GS1 company prefixes begin with at least four digits.
fn company_prefix(part: &str, at: usize) -> Result<(), Why> {
    let fine =
        part.get(at..at + 4).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    unless(fine, "company-prefix", "does not begin with a GS1 company prefix of at least 4 digits")
}

/// YYMMDD. Years are within 49 years before and 50 after now (General Specifications §7.12), so
/// that each year of two digits that 4 divides is a leap year.
fn date(part: &str, day_may_be_missing: bool) -> Result<(), Why> {
    let two = |at: usize| part.get(at..at + 2).and_then(|text| text.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (two(0), two(2), two(4)) else {
        return unless(false, "date", "is no date: write it as YYMMDD");
    };
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    let least = u32::from(!day_may_be_missing);
    let fine = days > 0 && (least..=days).contains(&day);
    unless(fine, "date", "holds no date of the calendar: write it as YYMMDD")
}

/// The pair of check characters (General Specifications §7.9.5), modulo 1021.
fn check_pair(part: &str) -> Result<(), Why> {
    const SET_82: &str = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_\
                          abcdefghijklmnopqrstuvwxyz";
    const SET_32: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    const PRIMES: [u64; 23] =
        [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83];
    const MODULUS: u64 = 1021;
    let split = part.len().checked_sub(2).and_then(|at| part.split_at_checked(at));
    let Some((body, pair)) = split.filter(|(body, _)| !body.is_empty()) else {
        return unless(false, "check-characters", "is too short for its two check characters");
    };
    let weights = PRIMES.iter();
    let sum: u64 = body
        .chars()
        .rev()
        .zip(weights)
        .map(|(character, weight)| {
            let value = SET_82.chars().position(|known| known == character).unwrap_or(0);
            weight * u64::try_from(value).unwrap_or(0)
        })
        .sum();
    let check = usize::try_from(sum % MODULUS).unwrap_or(0);
    let right = [check >> 5, check & 31].map(|at| SET_32.get(at).copied().map(char::from));
    let right: String = right.into_iter().flatten().collect();
    let message = format!("has wrong check characters: it should end with {right}");
    unless(pair == right, "check-characters", message)
}

/// ISO 13616: country, two check digits, at least one more; 97 divides the whole with remainder 1.
fn iban(part: &str) -> Result<(), Why> {
    let bytes = part.as_bytes();
    let moved = bytes.iter().skip(4).chain(bytes.iter().take(4));
    let mut remainder = 0_u32;
    let mut fine =
        part.len() > 4 && part.get(..2).is_some_and(|c| lists::has(lists::COUNTRY_LETTERS, c));
    for byte in moved {
        remainder = match byte {
            b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
            b'A'..=b'Z' => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
            _ => {
                fine = false;
                0
            }
        };
    }
    unless(fine && remainder == 1, "iban", "is no IBAN: check its letters and digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_knows_good_from_bad() {
        for (name, good, bad) in [
            ("csum", "9521321000018", "9521321000019"),
            ("csumalpha", "1987654Ad4X4bL5ttr2310c2K", "1987654Ad4X4bL5ttr2310c2J"),
            ("gcppos1", "9521A", "952A"),
            ("gcppos2", "09521A", "0A521"),
            ("yymmd0", "260200", "261300"),
            ("yymmdd", "240229", "250229"),
            ("yyyymmdd", "20260331", "20260431"),
            ("hh", "23", "24"),
            ("hhmi", "2359", "2360"),
            ("ss", "59", "60"),
            ("iso3166", "528", "999"),
            ("iso3166999", "999", "998"),
            ("iso3166alpha2", "NL", "XX"),
            ("iso4217", "978", "001"),
            ("iso5218", "9", "3"),
            ("iban", "GB82WEST12345698765432", "GB82WEST12345698765431"),
            ("yesno", "1", "2"),
            ("winding", "9", "2"),
            ("zero", "0", "1"),
            ("nonzero", "01", "00"),
            ("nozeroprefix", "10", "01"),
            ("hyphen", "-", "+"),
            ("hasnondigit", "1A", "11"),
            ("latitude", "1800000000", "1800000001"),
            ("longitude", "3600000000", "3600000001"),
            ("mediatype", "10", "11"),
            ("importeridx", "_", "!"),
            ("posinseqslash", "1/2", "3/2"),
            ("pcenc", "a%20b", "a%2"),
        ] {
            assert!(check(name, good).is_ok(), "{name} {good}");
            assert!(check(name, bad).is_err(), "{name} {bad}");
        }
        for odd in ["", "A", "ä"] {
            for name in ["csum", "csumalpha", "gcppos2", "yymmdd", "yyyymmdd", "iban"] {
                assert!(check(name, odd).is_err(), "{name} {odd}");
            }
        }
    }
}
