//! Terms, outcomes and refusals as plain sentences, in English and Chinese.

mod outcomes;
mod steps;
mod terms;

pub use outcomes::{outcome, outcomes};
pub use steps::{ending, stage, step};
pub(super) use terms::sighting;
pub use terms::{Clause, condition, milestone, payout, payouts, terms};

use rust_decimal::Decimal;
use tracehold_chain::agreement::Label;
use tracehold_chain::money::{Amount, Asset, Money};
use tracehold_chain::units::{DurationMs, TimestampMs};

use super::check::Refusal;

/// A language that sentences are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
}

impl Language {
    /// One of two texts.
    #[must_use]
    pub fn say<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Language::En => en,
            Language::Zh => zh,
        }
    }
}

/// A role as people say it. Common ones have a word in Chinese.
#[must_use]
pub fn role(role: &Label, language: Language) -> String {
    let known = match role.as_str() {
        "buyer" => "买方",
        "seller" => "卖方",
        "inspector" => "检验方",
        "arbiter" => "仲裁方",
        "carrier" => "承运方",
        "logger" => "测温方",
        "bank" => "银行",
        "financier" | "lender" => "资金方",
        _ => "",
    };
    match language {
        Language::En => format!("the {role}"),
        Language::Zh if known.is_empty() => format!("“{role}”"),
        Language::Zh => known.to_owned(),
    }
}

/// An amount with its asset, thousands apart: `1,000.00 EUR@bank`. A title by its name.
#[must_use]
pub fn money(money: &Money) -> String {
    if matches!(money.asset, Asset::Title { .. }) && money.amount.minor_units() == 1 {
        return money.asset.to_string();
    }
    format!("{} {}", amount(&money.asset, money.amount), money.asset)
}

/// So many smallest units of an asset, below zero too: `-1,000.00 EUR@bank`.
#[must_use]
pub fn money_of(minor_units: i64, asset: &Asset) -> String {
    let sign = if minor_units < 0 { "-" } else { "" };
    let amount =
        Decimal::from_i128_with_scale(i128::from(minor_units.unsigned_abs()), asset.minor_digits());
    format!("{sign}{} {asset}", grouped(&amount.to_string()))
}

fn amount(asset: &Asset, amount: Amount) -> String {
    grouped(&Money { asset: asset.clone(), amount }.decimal().to_string())
}

/// Thousands apart.
fn grouped(plain: &str) -> String {
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len().saturating_sub(place)).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

/// A time to the minute where that is all there is: `2026-06-02 00:00 UTC`.
#[must_use]
pub fn time(time: TimestampMs) -> String {
    let text = time.to_string();
    let (Some(day), Some(clock)) = (text.get(..10), text.get(11..)) else { return text };
    let clock = clock.trim_end_matches('Z');
    let clock = clock.strip_suffix(".000").unwrap_or(clock);
    let clock = if clock.len() == 8 { clock.strip_suffix(":00").unwrap_or(clock) } else { clock };
    format!("{day} {clock} UTC")
}

/// Units of time, in seconds and in words.
const UNITS: [(u64, &str, &str); 4] =
    [(86_400, "day", "天"), (3_600, "hour", "小时"), (60, "minute", "分钟"), (1, "second", "秒")];

fn counted(number: u64, (_, en, zh): (u64, &str, &str), language: Language) -> String {
    match language {
        Language::En if number == 1 => format!("1 {en}"),
        Language::En => format!("{number} {en}s"),
        Language::Zh => format!("{number} {zh}"),
    }
}

/// A length of time to the second: `1 day 12 hours`.
#[must_use]
pub fn duration(duration: DurationMs, language: Language) -> String {
    let mut left = duration.0 / 1_000;
    let mut parts = Vec::new();
    for unit in UNITS {
        let number = left / unit.0;
        left %= unit.0;
        if number > 0 {
            parts.push(counted(number, unit, language));
        }
    }
    if parts.is_empty() { language.say("no time", "0 秒").to_owned() } else { parts.join(" ") }
}

/// About how long something took or takes, as people say it: days from two days on, hours from two
/// hours on, else minutes.
#[must_use]
pub fn about(duration: DurationMs, language: Language) -> String {
    let seconds = duration.0 / 1_000;
    let [day, hour, minute, _] = UNITS;
    match seconds / hour.0 {
        48.. => counted(seconds / day.0, day, language),
        hours @ 2..48 => counted(hours, hour, language),
        _ if seconds < minute.0 => language.say("less than a minute", "不到 1 分钟").to_owned(),
        _ => counted(seconds / minute.0, minute, language),
    }
}

/// A sentence's beginning.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Millionths as a percentage.
#[must_use]
pub fn percent(parts: u32) -> String {
    Decimal::new(parts.into(), 4).normalize().to_string()
}

/// A refusal: the clause, what is wrong and the mend.
#[must_use]
pub fn refusal(refusal: &Refusal, language: Language) -> String {
    let clause = if refusal.pointer.is_empty() { "/" } else { &refusal.pointer };
    match language {
        Language::En => format!("{clause}: {} {}", refusal.en, refusal.code.mend()),
        Language::Zh => format!("{clause}：{}{}", refusal.zh, refusal.code.mend_zh()),
    }
}

/// `“a”, “b” and “c”`.
fn names(labels: &[Label], language: Language) -> String {
    let quoted: Vec<String> = labels.iter().map(|label| format!("“{label}”")).collect();
    listed(&quoted, language.say(" and ", "和"), language)
}

fn roles(labels: &[Label], language: Language) -> String {
    let named: Vec<String> = labels.iter().map(|label| role(label, language)).collect();
    listed(&named, language.say(" or ", "或"), language)
}

fn listed(parts: &[String], last: &str, language: Language) -> String {
    match parts.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, before)) => {
            format!("{}{last}{end}", before.join(language.say(", ", "、")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_times_and_durations_read_well() {
        let euros = |text: &str| {
            Money::parse("EUR@bank".parse().expect("an asset"), text).expect("an amount")
        };
        assert_eq!(money(&euros("1234567.8")), "1,234,567.80 EUR@bank");
        assert_eq!(money(&euros("999")), "999.00 EUR@bank");
        assert_eq!(money_of(-123_456, &euros("1").asset), "-1,234.56 EUR@bank");
        assert_eq!(time(TimestampMs(1_772_357_400_000)), "2026-03-01 09:30 UTC");
        assert_eq!(time(TimestampMs(1_772_357_400_250)), "2026-03-01 09:30:00.250 UTC");
        let day_and_half = "P1DT12H".parse().expect("a duration");
        assert_eq!(duration(day_and_half, Language::En), "1 day 12 hours");
        assert_eq!(duration(day_and_half, Language::Zh), "1 天 12 小时");
        assert_eq!(duration(DurationMs(61_000), Language::En), "1 minute 1 second");
    }

    /// Nobody counts days in hours.
    #[test]
    fn long_times_are_told_in_days() {
        for (ms, en, zh) in [
            (0, "less than a minute", "不到 1 分钟"),
            (59_999, "less than a minute", "不到 1 分钟"),
            (60_000, "1 minute", "1 分钟"),
            (119 * 60_000, "119 minutes", "119 分钟"),
            (120 * 60_000, "2 hours", "2 小时"),
            (48 * 3_600_000 - 1, "47 hours", "47 小时"),
            (48 * 3_600_000, "2 days", "2 天"),
            (1_033 * 3_600_000, "43 days", "43 天"),
        ] {
            assert_eq!(about(DurationMs(ms), Language::En), en);
            assert_eq!(about(DurationMs(ms), Language::Zh), zh);
        }
    }
}
