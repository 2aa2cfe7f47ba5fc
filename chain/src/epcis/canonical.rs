//! RFC 8785 text of a JSON value (JCS), fast for what events are made of.
//!
//! Keys sorted by UTF-16 code units, no space, the shortest escapes, numbers as ECMAScript writes
//! them. Numbers that are not small integers go through `serde_json_canonicalizer`, against which
//! the whole is tested.

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

/// The canonical text of a value read by [`super::json`].
#[must_use]
pub fn text(value: &Value) -> String {
    let mut out = String::with_capacity(256);
    write(value, &mut out);
    out
}

pub(super) fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(list) => {
            out.push('[');
            for (index, value) in list.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(value, out);
            }
            out.push(']');
        }
        Value::Object(map) => write_map(map, out),
    }
}

pub(super) fn write_map(map: &Map<String, Value>, out: &mut String) {
    out.push('{');
    let mut first = true;
    let mut member = |(key, value): (&String, &Value)| {
        if !first {
            out.push(',');
        }
        first = false;
        write_string(key, out);
        out.push(':');
        write(value, out);
    };
    if map.keys().is_sorted_by(|a, b| by_utf16(a, b).is_lt()) {
        map.iter().for_each(&mut member);
    } else {
        let mut members: Vec<_> = map.iter().collect();
        members.sort_by(|(a, _), (b, _)| by_utf16(a, b));
        members.into_iter().for_each(&mut member);
    }
    out.push('}');
}

/// The order of RFC 8785 §3.2.3: UTF-16 code units. Bytes say the same of ASCII.
fn by_utf16(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

fn write_number(number: &Number, out: &mut String) {
    const EXACT: i64 = 1 << 53;
    match number.as_i64() {
        Some(integer) if (-EXACT..=EXACT).contains(&integer) => {
            write!(out, "{integer}").expect("writing to a string cannot fail");
        }
        _ => {
            let text = serde_json_canonicalizer::to_string(number);
            out.push_str(&text.expect("a JSON number is finite"));
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(text.get(done..at).expect("both ends are at ASCII characters"));
        done = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0x0c => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            other => {
                write!(out, "\\u{other:04x}").expect("writing to a string cannot fail");
            }
        }
    }
    out.push_str(text.get(done..).expect("begins after an ASCII character"));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::epcis::testing::any_json;

    #[test]
    fn keys_are_sorted_by_utf_16() {
        let value = serde_json::json!({"\u{10000}": 1, "\u{ffff}": 2, "a": 3, "\u{7}": 4});
        assert_eq!(text(&value), "{\"\\u0007\":4,\"a\":3,\"\u{10000}\":1,\"\u{ffff}\":2}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn it_writes_what_the_reference_writes(value in any_json()) {
            prop_assert_eq!(text(&value), serde_json_canonicalizer::to_string(&value).unwrap());
        }

        #[test]
        fn reading_canonical_text_gives_the_value(value in any_json()) {
            let read = crate::epcis::json::parse_strict(text(&value).as_bytes()).unwrap();
            prop_assert_eq!(read, value);
        }
    }
}
