//! One spelling for every value of the pre-hash string.

use serde_json::Value;

use crate::epcis::context::Contexts;
use crate::epcis::digital_link;
use crate::epcis::identifier::canonical;
use crate::epcis::time;
use crate::epcis::vocabulary::Vocabulary;

/// The text of a JSON value that is neither list nor object.
pub(super) fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// Any value: CURIEs expanded, URNs of the vocabulary as web URIs, numbers without needless
/// zeros, GS1 keys as constrained canonical Digital Links.
pub(super) fn any(value: &Value, contexts: Contexts<'_>) -> String {
    let text = plain_text(value);
    let text = match value {
        Value::String(_) => contexts.expand(&text).unwrap_or(text),
        _ => text,
    };
    let text = web_vocabulary(text);
    number(&text).unwrap_or_else(|| key(text))
}

/// A value of the Core Business Vocabulary: bare words too become web URIs.
pub(super) fn word(value: &Value, vocabulary: Vocabulary, contexts: Contexts<'_>) -> String {
    match value {
        Value::String(text) if vocabulary.has(vocabulary.plain(text.trim())) => {
            vocabulary.web_uri(text.trim()).into_owned()
        }
        other => any(other, contexts),
    }
}

/// A time: UTC with milliseconds, rounded half up. What is no time stays as it is.
pub(super) fn instant(value: &Value) -> String {
    let text = plain_text(value);
    time::rounded_utc(&text).unwrap_or(text)
}

/// Standard values in the URN form of CBV 1.x as web URIs.
fn web_vocabulary(text: String) -> String {
    const FORMS: [(&str, &str); 5] = [
        ("bizstep:", "BizStep-"),
        ("disp:", "Disp-"),
        ("btt:", "BTT-"),
        ("sdt:", "SDT-"),
        ("er:", "ER-"),
    ];
    let Some(form) = text.strip_prefix("urn:epcglobal:cbv:") else { return text };
    let web = FORMS.iter().find_map(|(urn, web)| {
        form.strip_prefix(urn).map(|word| format!("https://ref.gs1.org/cbv/{web}{word}"))
    });
    web.unwrap_or(text)
}

/// The constrained canonical Digital Link of a GS1 key; other text as it is.
fn key(text: String) -> String {
    if !text.starts_with("urn:epc:") && !text.starts_with("http") && !text.starts_with("HTTP") {
        return text;
    }
    let found = canonical(&text);
    // GS1's own domain has no stem: with something before the key this is no canonical link, and
    // the published vectors leave it as it is.
    if let Some(path) = text.strip_prefix("https://id.gs1.org/")
        && found
            .key()
            .is_some_and(|key| digital_link::primary_key(first_segment(path)) != Some(key))
    {
        return text;
    }
    // The model number (8013) is not among the keys that CBV lists here.
    match found.key() {
        None | Some("8013") => text,
        // Table 7-1 of GS1 Digital Link does not ask to encode these three.
        Some(_) => found.uri().replace("%27", "'").replace("%3B", ";").replace("%3D", "="),
    }
}

fn first_segment(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// Significant digits that a double of IEEE 754 always gives back.
const KEPT_DIGITS: i64 = 15;

/// A decimal number without plus sign, leading or trailing zeros; `None` when `text` is none.
///
/// Whatever reads as a number is written as one, since XML does not tell text from numbers. Below
/// a ten-thousandth it is written with an exponent (`1.5e-05`), and what a double cannot hold is
/// rounded to the nearest one, as the published vectors' maker does. Nothing is reckoned with:
/// which double is nearest to a text, and which text names a double, the same everywhere, IEEE 754
/// says.
pub(super) fn number(text: &str) -> Option<String> {
    let exact = Decimal::parse(text)?;
    if !exact.may_be_rounded() {
        return exact.written();
    }
    let double = text.parse::<f64>().ok().filter(|double| double.is_finite())?;
    // A whole number has all the digits of the double, any other as few as lead back to it.
    let rounded = if double.fract() == 0.0 { format!("{double:.0}") } else { double.to_string() };
    Decimal::parse(&rounded)?.written()
}

/// Whether `text` is a number of which not every digit may be kept.
pub(super) fn may_be_rounded(text: &str) -> bool {
    Decimal::parse(text.trim()).is_some_and(|number| number.may_be_rounded())
}

/// The number 0.DIGITS times ten to the power of `point`.
struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: String,
    point: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Decimal> {
        const LARGEST_EXPONENT: i64 = 308;
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            None => (unsigned, 0),
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Decimal { negative: false, digits: String::new(), point: 0 });
        }
        let leading = i64::try_from(all.len() - significant.len()).ok()?;
        let point = i64::try_from(whole.len()).ok()?.checked_sub(leading)?.checked_add(exponent)?;
        let digits = significant.trim_end_matches('0').to_owned();
        (-LARGEST_EXPONENT..=LARGEST_EXPONENT).contains(&point).then_some(Decimal {
            negative,
            digits,
            point,
        })
    }

    fn count(&self) -> i64 {
        i64::try_from(self.digits.len()).unwrap_or(i64::MAX)
    }

    fn may_be_rounded(&self) -> bool {
        self.count() > KEPT_DIGITS || self.point > KEPT_DIGITS
    }

    fn written(&self) -> Option<String> {
        let Decimal { negative, digits, point } = self;
        if digits.is_empty() {
            return Some("0".to_owned());
        }
        let (point, count) = (*point, self.count());
        let mut out = String::from(if *negative { "-" } else { "" });
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        if point >= count {
            out.push_str(digits);
            out.push_str(&zeros(point - count));
        } else if point > 0 {
            let (before, after) = digits.split_at_checked(usize::try_from(point).ok()?)?;
            out.push_str(before);
            out.push('.');
            out.push_str(after);
        } else if point > -4 {
            out.push_str("0.");
            out.push_str(&zeros(-point));
            out.push_str(digits);
        } else {
            let (first, rest) = digits.split_at_checked(1)?;
            out.push_str(first);
            if !rest.is_empty() {
                out.push('.');
                out.push_str(rest);
            }
            let exponent = 1 - point;
            out.push_str(&format!("e-{exponent:02}"));
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_needless_zeros() {
        for (given, expected) in [
            ("1.0", "1"),
            ("0.34340", "0.3434"),
            ("+07", "7"),
            ("-0.50", "-0.5"),
            ("-0", "0"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("1.25E+2", "125"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1.5e-7", "1.5e-07"),
            ("123456789012345", "123456789012345"),
            ("12345678901234567890", "12345678901234567168"),
            ("9007199254740993", "9007199254740992"),
            ("111100001111000011110000", "111100001111000003641344"),
            ("1e23", "99999999999999991611392"),
            ("0.12345678901234567890", "0.12345678901234568"),
            ("-1234567.8901234567890", "-1234567.8901234567"),
        ] {
            assert_eq!(number(given).as_deref(), Some(expected), "{given}");
        }
        for text in ["", "-", ".", "A1", "1e", "1e999999", "0x10", "1 2", "NaN", "inf", "١"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_of_many_digits_may_be_rounded() {
        for text in ["1234567890123456", " 0.1234567890123456 ", "1e15", "-1e20"] {
            assert!(may_be_rounded(text), "{text}");
        }
        for text in ["123456789012345", "0.000123456789012345", "1e14", "0", "LOT1234567890123456"]
        {
            assert!(!may_be_rounded(text), "{text}");
        }
    }
}
