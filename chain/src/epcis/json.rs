//! Strict reading of JSON.
//!
//! What the ledger keeps must be one value for every reader, now and in twenty years. So this
//! refuses what readers disagree about: duplicate keys, lone surrogates, nesting without end, and
//! numbers that change when written by RFC 8785. A number survives when its decimal value is
//! exactly the shortest decimal of its IEEE double: `0.1` and `4.50` do, `9007199254740993` and
//! `1e400` do not. Whole numbers become integers (`4.0` and `4` are one value), so values compare
//! equal after any number of round trips.

use serde_json::{Map, Number, Value};

use super::pointer;
use crate::limits::{MAX_JSON_DEPTH, MAX_URI_BYTES};

/// Why text was refused as JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct JsonError {
    /// Line of the fault, from 1.
    pub line: usize,
    /// Column of the fault in characters, from 1.
    pub column: usize,
    /// JSON pointer of the value at fault; empty for the whole.
    pub pointer: String,
    /// What is wrong.
    pub fault: JsonFault,
}

/// What is wrong with a JSON text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// The bytes are not UTF-8.
    #[error("the text is not UTF-8: send JSON as UTF-8")]
    NotUtf8,
    /// The text ends too early.
    #[error("the text ends before the JSON value does")]
    Ended,
    /// Something else stands where this was expected.
    #[error("this is not JSON: expected {0}")]
    Expected(&'static str),
    /// Text after the value.
    #[error("there is more text after the JSON value: send one value")]
    Trailing,
    /// A key that its object already has.
    #[error("the key {0:?} is given twice in one object: keep one of them")]
    DuplicateKey(String),
    /// A key longer than any sense.
    #[error("a key has {0} bytes, {MAX_URI_BYTES} is the limit: give it a shorter name")]
    LongKey(usize),
    /// Half a surrogate pair.
    #[error("\\u{0:04x} is half of a surrogate pair: write the whole character")]
    LoneSurrogate(u32),
    /// An unescaped control character in a string.
    #[error("a control character stands in a string: escape it")]
    ControlCharacter,
    /// Too deep.
    #[error("arrays and objects are nested deeper than {0}: flatten them")]
    TooDeep(usize),
    /// A number that RFC 8785 would change.
    #[error(
        "the number {0} is changed by RFC 8785 (IEEE 754 doubles): write it with fewer digits, or \
         as text"
    )]
    NumberChanges(String),
}

impl JsonFault {
    /// The stable code of the rule that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            JsonFault::NotUtf8 => "json-utf8",
            JsonFault::Ended | JsonFault::Expected(_) | JsonFault::ControlCharacter => {
                "json-syntax"
            }
            JsonFault::Trailing => "json-trailing",
            JsonFault::DuplicateKey(_) => "json-duplicate-key",
            JsonFault::LongKey(_) => "json-key",
            JsonFault::LoneSurrogate(_) => "json-surrogate",
            JsonFault::TooDeep(_) => "json-depth",
            JsonFault::NumberChanges(_) => "json-number",
        }
    }
}

/// Reads one JSON value, nested at most [`MAX_JSON_DEPTH`] deep.
///
/// # Errors
/// [`JsonError`] with the place, the fault and how to mend it.
pub fn parse_strict(bytes: &[u8]) -> Result<Value, JsonError> {
    parse_to_depth(bytes, MAX_JSON_DEPTH)
}

/// Reads one JSON value, nested at most `max_depth` deep.
pub(super) fn parse_to_depth(bytes: &[u8], max_depth: usize) -> Result<Value, JsonError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            return Err(Failure::at(good.len(), JsonFault::NotUtf8).locate(bytes));
        }
    };
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, max_depth };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    reader.whole().map_err(|failure| failure.locate(bytes))
}

/// A fault on its way out: each level it passes adds where it was.
struct Failure {
    at: usize,
    fault: JsonFault,
    /// Innermost first.
    path: Vec<String>,
}

impl Failure {
    fn at(at: usize, fault: JsonFault) -> Box<Failure> {
        Box::new(Failure { at, fault, path: Vec::new() })
    }

    fn inside(mut self: Box<Failure>, segment: String) -> Box<Failure> {
        self.path.push(segment);
        self
    }

    fn locate(self, bytes: &[u8]) -> JsonError {
        let before = bytes.get(..self.at).unwrap_or(bytes);
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        let characters = |bytes: &[u8]| bytes.iter().filter(|b| **b & 0xc0 != 0x80).count();
        let mut pointer = String::new();
        for segment in self.path.iter().rev() {
            pointer::push(&mut pointer, segment);
        }
        JsonError {
            line: before.iter().filter(|b| **b == b'\n').count() + 1,
            column: characters(before.get(line_start..).unwrap_or_default()) + 1,
            pointer,
            fault: self.fault,
        }
    }
}

type Read<T> = Result<T, Box<Failure>>;

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    max_depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fail<T>(&self, fault: JsonFault) -> Read<T> {
        Err(Failure::at(self.at, fault))
    }

    /// Fails with what was expected here, or with the end of the text.
    fn expected<T>(&self, what: &'static str) -> Read<T> {
        match self.peek() {
            None => self.fail(JsonFault::Ended),
            Some(_) => self.fail(JsonFault::Expected(what)),
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn whole(&mut self) -> Read<Value> {
        self.skip_space();
        let value = self.value(0)?;
        self.skip_space();
        match self.peek() {
            None => Ok(value),
            Some(_) => self.fail(JsonFault::Trailing),
        }
    }

    fn value(&mut self, depth: usize) -> Read<Value> {
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => self.expected("a value"),
        }
    }

    fn word(&mut self, word: &'static str, value: Value) -> Read<Value> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            return Ok(value);
        }
        self.expected("true, false or null")
    }

    fn enter(&mut self, depth: usize) -> Read<usize> {
        if depth >= self.max_depth {
            return self.fail(JsonFault::TooDeep(self.max_depth));
        }
        self.at += 1;
        self.skip_space();
        Ok(depth + 1)
    }

    fn object(&mut self, depth: usize) -> Read<Value> {
        let depth = self.enter(depth)?;
        let mut map = Map::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(map));
        }
        loop {
            self.skip_space();
            let key_at = self.at;
            if self.peek() != Some(b'"') {
                return self.expected("a key in double quotes");
            }
            let key = self.string()?;
            if key.len() > MAX_URI_BYTES {
                return Err(Failure::at(key_at, JsonFault::LongKey(key.len())));
            }
            self.skip_space();
            if self.peek() != Some(b':') {
                return self.expected("a colon after the key");
            }
            self.at += 1;
            self.skip_space();
            let value = match self.value(depth) {
                Ok(value) => value,
                Err(failure) => return Err(failure.inside(key)),
            };
            match map.entry(key) {
                serde_json::map::Entry::Vacant(place) => {
                    place.insert(value);
                }
                serde_json::map::Entry::Occupied(place) => {
                    let key = place.key().clone();
                    return Err(
                        Failure::at(key_at, JsonFault::DuplicateKey(key.clone())).inside(key)
                    );
                }
            }
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(map));
                }
                _ => return self.expected("a comma or a closing brace"),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Read<Value> {
        let depth = self.enter(depth)?;
        let mut list = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(list));
        }
        loop {
            self.skip_space();
            match self.value(depth) {
                Ok(value) => list.push(value),
                Err(failure) => return Err(failure.inside(list.len().to_string())),
            }
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(list));
                }
                _ => return self.expected("a comma or a closing bracket"),
            }
        }
    }

    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let stop = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f));
        let Some(stop) = stop else {
            self.at = self.bytes.len();
            return self.fail(JsonFault::Ended);
        };
        self.at = start + stop;
        let mut text = self.slice(start, self.at).to_owned();
        loop {
            match self.peek() {
                None => return self.fail(JsonFault::Ended),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    let character = self.escape()?;
                    text.push(character);
                }
                Some(0..=0x1f) => return self.fail(JsonFault::ControlCharacter),
                Some(_) => {
                    let start = self.at;
                    while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                        self.at += 1;
                    }
                    text.push_str(self.slice(start, self.at));
                }
            }
        }
    }

    /// The text between two places that both stand at ASCII characters.
    fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).expect("the reader stops at ASCII characters only")
    }

    fn escape(&mut self) -> Read<char> {
        let start = self.at;
        self.at += 1;
        let character = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(start),
            _ => return self.expected("one of \" \\ / b f n r t u after a backslash"),
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self, start: usize) -> Read<char> {
        let first = self.four_hex()?;
        let code = match first {
            0xd800..=0xdbff => {
                let paired = self.bytes.get(self.at..).is_some_and(|r| r.starts_with(b"\\u"));
                if !paired {
                    return Err(Failure::at(start, JsonFault::LoneSurrogate(first)));
                }
                self.at += 1;
                match self.four_hex()? {
                    second @ 0xdc00..=0xdfff => {
                        0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    _ => return Err(Failure::at(start, JsonFault::LoneSurrogate(first))),
                }
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| Failure::at(start, JsonFault::LoneSurrogate(code)))
    }

    /// Reads `uXXXX`.
    fn four_hex(&mut self) -> Read<u32> {
        self.at += 1;
        let digits = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        let plain = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        match u32::from_str_radix(digits, 16) {
            Ok(code) if plain => {
                self.at += 4;
                Ok(code)
            }
            _ => self.expected("four hexadecimal digits after \\u"),
        }
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { self.expected("a digit") } else { Ok(()) }
    }

    fn number(&mut self) -> Read<Number> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return self.expected("no digit after a leading zero");
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.slice(start, self.at);
        surviving(text).ok_or_else(|| {
            let shown = text.chars().take(40).collect();
            Failure::at(start, JsonFault::NumberChanges(shown))
        })
    }
}

/// The number that `text`, in the grammar of JSON numbers, stands for; `None` when RFC 8785 would
/// write another.
fn surviving(text: &str) -> Option<Number> {
    let plain = text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit());
    if plain && text.len() <= 15 {
        // All whole numbers below 2^53 are exact; "-0" is 0.
        return text.parse::<i64>().ok().map(Number::from);
    }
    let double: f64 = text.parse().ok()?;
    if !double.is_finite() {
        return None;
    }
    let decimal = Decimal::of(text)?;
    // Asked of the canonicalizer itself: Rust writes a shortest decimal too, but where two are as
    // short and as near, ECMAScript, whose choice is RFC 8785's, takes the even one.
    let written = serde_json_canonicalizer::to_string(&double).ok()?;
    if decimal != Decimal::of(&written)? {
        return None;
    }
    match decimal.as_integer(text.starts_with('-')) {
        Some(integer) => Some(integer),
        None => Number::from_f64(double),
    }
}

/// The number as integer where it is a whole number; `None` when RFC 8785 would change it.
pub(super) fn settled(number: &Number) -> Option<Number> {
    const EXACT: u64 = 1 << 53;
    match (number.as_i64(), number.as_u64()) {
        (Some(n), _) if n.unsigned_abs() <= EXACT => Some(number.clone()),
        _ => surviving(&number.to_string()),
    }
}

/// The magnitude `0.digits × 10^point` with no zeros at either end; zero has no digits.
#[derive(PartialEq, Eq)]
struct Decimal {
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    fn of(text: &str) -> Option<Decimal> {
        let text = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|b| **b == b'0').count();
        let trailing = all.iter().rev().take_while(|b| **b == b'0').count();
        if leading == all.len() {
            return Some(Decimal { digits: Vec::new(), point: 0 });
        }
        let point = exponent
            .checked_add(i64::try_from(whole.len()).ok()?)?
            .checked_sub(i64::try_from(leading).ok()?)?;
        Some(Decimal { digits: all.get(leading..all.len() - trailing)?.to_vec(), point })
    }

    fn as_integer(&self, negative: bool) -> Option<Number> {
        if self.digits.is_empty() {
            return Some(Number::from(0));
        }
        let point = usize::try_from(self.point).ok()?;
        if point < self.digits.len() || point > 20 {
            return None;
        }
        let mut text = String::from_utf8(self.digits.clone()).ok()?;
        text.extend(std::iter::repeat_n('0', point - self.digits.len()));
        if negative {
            return format!("-{text}").parse::<i64>().ok().map(Number::from);
        }
        text.parse::<u64>().ok().map(Number::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(text: &str) -> JsonFault {
        parse_strict(text.as_bytes()).unwrap_err().fault
    }

    #[test]
    fn values_are_read_as_any_reader_does() {
        let text = r#" {"a":[1,-2,3.5,true,false,null,"x\n\u00e9\ud83d\ude00\/"],"b":{},"c":[]} "#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse_strict(text.as_bytes()).unwrap(), expected);
        assert_eq!(parse_strict(b"\xef\xbb\xbf1").unwrap(), Value::from(1), "a byte order mark");
    }

    #[test]
    fn what_readers_disagree_about_is_refused_with_its_place() {
        let twice = parse_strict(b"{\"a\": 1,\n \"b\": {\"x\": 1, \"x\": 2}}").unwrap_err();
        assert_eq!(twice.fault, JsonFault::DuplicateKey("x".into()));
        assert_eq!((twice.line, twice.column), (2, 16));
        assert_eq!(twice.pointer, "/b/x");
        assert_eq!(fault(r#""\ud800""#), JsonFault::LoneSurrogate(0xd800));
        assert_eq!(fault(r#""\ud800\u0041""#), JsonFault::LoneSurrogate(0xd800));
        assert_eq!(fault(r#""\udc00""#), JsonFault::LoneSurrogate(0xdc00));
        assert_eq!(fault("\"a\nb\""), JsonFault::ControlCharacter);
        let long = MAX_URI_BYTES + 1;
        assert_eq!(fault(&format!("{{\"{}\":1}}", "k".repeat(long))), JsonFault::LongKey(long));
        assert_eq!(fault("[1] 2"), JsonFault::Trailing);
        assert_eq!(parse_strict(b"\"\xff\"").unwrap_err().fault, JsonFault::NotUtf8);
        for ended in ["", "{", "[1", "\"a", "{\"a\"", "-", "1.", "tru", "\"\\"] {
            assert!(parse_strict(ended.as_bytes()).is_err(), "{ended}");
        }
        for wrong in ["01", "+1", ".5", "1.e1", "'a'", "{a:1}", "[1,]", "{\"a\":1,}", "NaN", "//"] {
            assert!(parse_strict(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse_strict(nested(MAX_JSON_DEPTH).as_bytes()).is_ok());
        assert_eq!(fault(&nested(MAX_JSON_DEPTH + 1)), JsonFault::TooDeep(MAX_JSON_DEPTH));
        assert_eq!(fault(&"[".repeat(1_000_000)), JsonFault::TooDeep(MAX_JSON_DEPTH));
    }

    #[test]
    fn numbers_survive_rfc_8785_or_are_refused() {
        for (text, same) in [
            ("4.0", "4"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0e5", "0"),
            ("1e2", "100"),
            ("4.50", "4.5"),
            ("0.1", "0.1"),
            ("9007199254740992", "9007199254740992"),
            ("9007199254740994", "9007199254740994"),
            ("1E21", "1e21"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("5e-324", "5e-324"),
        ] {
            let value = parse_strict(text.as_bytes()).unwrap();
            assert_eq!(value, serde_json::from_str::<Value>(same).unwrap(), "{text}");
        }
        for text in [
            "9007199254740993",
            "18446744073709551616",
            "1e400",
            "-1e400",
            "1e-400",
            "0.1234567890123456789",
            "1e99999999999999999999",
            // As short and as near as the …107.12 that RFC 8785 writes.
            "103045971933107.13",
        ] {
            assert!(matches!(fault(text), JsonFault::NumberChanges(_)), "{text}");
        }
    }

    #[test]
    fn of_two_decimals_as_near_the_one_of_rfc_8785_survives() {
        let value = parse_strict(b"103045971933107.12").unwrap();
        assert_eq!(value.as_f64(), Some(103_045_971_933_107.12));
        assert_eq!(serde_json_canonicalizer::to_string(&value).unwrap(), "103045971933107.12");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse_strict(&bytes);
        }

        #[test]
        fn every_double_survives(double in any::<f64>()) {
            prop_assume!(double.is_finite());
            let text = serde_json_canonicalizer::to_string(&double).unwrap();
            let value = parse_strict(text.as_bytes()).unwrap();
            prop_assert_eq!(&value, &serde_json::from_str::<Value>(&text).unwrap());
            prop_assert_eq!(serde_json_canonicalizer::to_string(&value).unwrap(), text);
        }
    }
}
