//! Numbers, units and spans of time as people write them.

use tracehold_chain::units::DurationMs;
use tracehold_contracts::agreement::words::about;

use crate::language::Language;

/// Units by UN/CEFACT Rec 20 code: symbol, or word in English and Chinese.
const UNITS: &[(&str, &str, &str)] = &[
    ("", "pieces", "件"),
    ("C62", "pieces", "件"),
    ("EA", "pieces", "件"),
    ("H87", "pieces", "件"),
    ("KGM", "kg", "kg"),
    ("GRM", "g", "g"),
    ("MGM", "mg", "mg"),
    ("TNE", "t", "t"),
    ("LBR", "lb", "lb"),
    ("LTR", "L", "L"),
    ("MLT", "mL", "mL"),
    ("MTQ", "m³", "m³"),
    ("MTR", "m", "m"),
    ("KMT", "km", "km"),
    ("CEL", "°C", "°C"),
    ("FAH", "°F", "°F"),
    ("KEL", "K", "K"),
    ("A93", "g/m³", "g/m³"),
    ("P1", "%", "%"),
    ("LUX", "lx", "lx"),
    ("PAL", "Pa", "Pa"),
    ("KWH", "kWh", "kWh"),
];

/// What is measured, by GS1's word for it.
const MEASURES: &[(&str, &str, &str)] = &[
    ("Temperature", "Temperature", "温度"),
    ("RelativeHumidity", "Relative humidity", "相对湿度"),
    ("AbsoluteHumidity", "Absolute humidity", "绝对湿度"),
    ("Pressure", "Pressure", "压力"),
    ("Illuminance", "Light", "光照度"),
    ("Acceleration", "Shock", "加速度"),
];

/// A unit as people write it; one that is not known stays as its code.
#[must_use]
pub fn unit(code: &str, language: Language) -> String {
    let found = UNITS.iter().find(|row| row.0 == code);
    found.map_or_else(|| code.to_owned(), |row| language.pick(row.1, row.2).to_owned())
}

/// What is measured, in plain words; what is not known stays as it is.
#[must_use]
pub fn measure(word: &str, language: Language) -> String {
    let found = MEASURES.iter().find(|row| row.0 == word);
    found.map_or_else(|| word.to_owned(), |row| language.pick(row.1, row.2).to_owned())
}

/// A decimal number with its thousands apart and a real minus sign: `-1234.5` is `−1,234.5`.
#[must_use]
pub fn number(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("−", rest),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return text.to_owned();
    }
    let mut out = String::from(sign);
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// So much of something, with its unit.
#[must_use]
pub fn amount(value: &str, code: &str, language: Language) -> String {
    format!("{} {}", number(value), unit(code, language))
}

/// A span of time as people say it: in minutes, hours or days.
#[must_use]
pub fn span(ms: u64, language: Language) -> String {
    about(DurationMs(ms), language.spoken())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_units_are_written_as_people_do() {
        for (text, shown) in [
            ("0", "0"),
            ("-1234.50", "−1,234.50"),
            ("1234567", "1,234,567"),
            ("999", "999"),
            ("1e5", "1e5"),
            (".5", ".5"),
            ("<b>", "<b>"),
        ] {
            assert_eq!(number(text), shown);
        }
        assert_eq!(amount("1500", "KGM", Language::English), "1,500 kg");
        assert_eq!(amount("3", "", Language::Chinese), "3 件");
        assert_eq!(unit("XYZ", Language::English), "XYZ");
        assert_eq!(measure("Temperature", Language::Chinese), "温度");
    }
}
