//! Element strings (GS1 General Specifications §7.8): application identifiers and values one after
//! another.
//!
//! Three ways to write them are read. For people, in brackets: `(01)09521568251204(10)A1`, a
//! bracket inside a value as `\(`. For machines with FNC1 as `^` or as the character ASCII 29
//! that scanners send, perhaps written `<GS>`: `^010952156825120410A1^17261231`, with or without
//! one at the beginning.

use super::{Element, Fault, table};

const FIELD: &str = "element string";

/// ASCII 29, which scanners send for FNC1.
const GROUP_SEPARATOR: char = '\u{1d}';

/// Reads an element string in any of its ways and checks every value.
///
/// # Errors
/// [`Fault`] with the first that is wrong.
pub fn parse(text: &str) -> Result<Vec<Element>, Fault> {
    if text.starts_with('(') {
        let pairs = bracketed(text)?;
        return pairs.iter().map(|(ai, value)| Element::checked(ai, value)).collect();
    }
    scanned(text)
}

/// Cuts a bracketed element string, without looking at what stands in it.
///
/// # Errors
/// [`Fault`] when brackets are missing or a bracket holds no two to four digits.
pub fn bracketed(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let fault = |message: String| Fault::new(FIELD, "brackets", message);
    let mut pairs = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let cut = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let Some((ai, after)) = cut else {
            let message = "each application identifier stands in brackets: write (01)0952…(10)A1";
            return Err(fault(message.to_owned()));
        };
        if !(2..=4).contains(&ai.len()) || !ai.bytes().all(|b| b.is_ascii_digit()) {
            let shown: String = ai.chars().take(8).collect();
            let message = format!(
                "({shown}) is no application identifier: two to four digits stand in the brackets"
            );
            return Err(fault(message));
        }
        let mut value = String::new();
        let mut signs = after.char_indices().peekable();
        let mut end = after.len();
        while let Some((at, sign)) = signs.next() {
            match sign {
                '\\' if signs.peek().is_some_and(|(_, next)| *next == '(') => {
                    value.push('(');
                    signs.next();
                }
                '(' => {
                    end = at;
                    break;
                }
                other => value.push(other),
            }
        }
        if value.is_empty() {
            return Err(Fault::of(ai, "empty", "no value follows the brackets: give one"));
        }
        pairs.push((ai.to_owned(), value));
        rest = after.get(end..).unwrap_or_default();
    }
    Ok(pairs)
}

fn scanned(text: &str) -> Result<Vec<Element>, Fault> {
    let text = text.replace("<GS>", "^").replace("<gs>", "^").replace(GROUP_SEPARATOR, "^");
    let mut rest = text.strip_prefix('^').unwrap_or(&text);
    if rest.is_empty() {
        let message = "nothing stands here: write ^0109521568251204 or (01)09521568251204";
        return Err(Fault::new(FIELD, "empty", message));
    }
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let Some((rule, after)) = table::at_start(rest) else {
            let shown: String = rest.chars().take(8).collect();
            let message = format!(
                "no application identifier begins {shown:?}: what was before it may be too long, \
                 or a separator (^) is missing"
            );
            return Err(Fault::new(FIELD, "unknown-ai", message));
        };
        let end = after.find('^').unwrap_or(after.len());
        let end = if rule.predefined { end.min(rule.longest()) } else { end };
        let (value, after) = after.split_at_checked(end).unwrap_or((after, ""));
        elements.push(Element::checked(&rule.ai, value)?);
        rest = after.strip_prefix('^').unwrap_or(after);
    }
    Ok(elements)
}

/// The elements for machines: `^` at the beginning and behind each value whose length is not
/// fixed in advance, but for the last.
#[must_use]
pub fn with_fnc1(elements: &[Element]) -> String {
    let mut out = String::from("^");
    for (index, element) in elements.iter().enumerate() {
        out.push_str(&element.ai);
        out.push_str(&element.value);
        let fixed = table::find(&element.ai).is_some_and(|rule| rule.predefined);
        if !fixed && index + 1 < elements.len() {
            out.push('^');
        }
    }
    out
}

/// The elements for people, in brackets.
#[must_use]
pub fn with_brackets(elements: &[Element]) -> String {
    let mut out = String::new();
    for element in elements {
        let value = element.value.replace('(', "\\(");
        out.push_str(&format!("({}){value}", element.ai));
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_three_ways_say_the_same() {
        let expected = "(01)09521568251204(10)A\\(1)(3103)000195(17)261231";
        for text in [
            expected,
            "^010952156825120410A(1)^310300019517261231",
            "010952156825120410A(1)<GS>310300019517261231",
            "\u{1d}010952156825120410A(1)\u{1d}310300019517261231\u{1d}",
            "^0109521568251204^10A(1)^3103000195^17261231",
        ] {
            let elements = parse(text).unwrap();
            assert_eq!(with_brackets(&elements), expected, "{text}");
            assert_eq!(with_fnc1(&elements), "^010952156825120410A(1)^310300019517261231");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, field, rule) in [
            ("", "element string", "empty"),
            ("^", "element string", "empty"),
            ("(01", "element string", "brackets"),
            ("(1)2", "element string", "brackets"),
            ("(10)A(11)", "(11)", "empty"),
            ("(89)A", "(89)", "unknown-ai"),
            ("^89A", "element string", "unknown-ai"),
            ("^010952156825120", "(01)", "length"),
            ("^01095215682512049", "element string", "unknown-ai"),
            ("^10", "(10)", "empty"),
            ("ä", "element string", "unknown-ai"),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!((fault.field.as_str(), fault.rule), (field, rule), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn nothing_makes_the_reader_panic(text in "[\\(\\)\\\\^<GS>0-9A-Zaä]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_is_read_back(serial in "[!-%&-\\]_a-z]{1,20}", lot in "[A-Z0-9(]{1,20}") {
            let elements = |ai: &str, value: &str| Element::checked(ai, value);
            if let (Ok(serial), Ok(lot)) = (elements("21", &serial), elements("10", &lot)) {
                // The sign `^` and its written form `<GS>` separate; they are no data.
                prop_assume!(!serial.value.to_uppercase().contains("<GS>"));
                let both = vec![serial, lot];
                prop_assert_eq!(parse(&with_brackets(&both)).ok(), Some(both.clone()));
                prop_assert_eq!(parse(&with_fnc1(&both)).ok(), Some(both));
            }
        }
    }
}
