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

/// A length of time: `1 day 12 hours`.
#[must_use]
pub fn duration(duration: DurationMs, language: Language) -> String {
    let seconds = duration.0 / 1_000;
    let units = [
        (seconds / 86_400, "day", "天"),
        (seconds / 3_600 % 24, "hour", "小时"),
        (seconds / 60 % 60, "minute", "分钟"),
        (seconds % 60, "second", "秒"),
    ];
    let parts: Vec<String> = units
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, en, zh)| match language {
            Language::En if number == 1 => format!("1 {en}"),
            Language::En => format!("{number} {en}s"),
            Language::Zh => format!("{number} {zh}"),
        })
        .collect();
    if parts.is_empty() { language.say("no time", "0 秒").to_owned() } else { parts.join(" ") }
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
    }
}
