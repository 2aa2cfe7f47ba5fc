//! The small checks that validation is made of. Each reports into one list and goes on, so that
//! people see everything that is wrong at once.

use serde_json::{Map, Value};

use super::pointer::Path;
use super::time;
use super::uri::is_uri;
use super::violation::{MAX_VIOLATIONS, Violation};
use super::vocabulary::Vocabulary;
use crate::limits::MAX_URI_BYTES;

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// Collects violations.
#[derive(Default)]
pub(crate) struct Checker {
    violations: Vec<Violation>,
}

impl Checker {
    /// Everything reported, or nothing at all.
    pub(crate) fn finish(self) -> Result<(), Vec<Violation>> {
        if self.violations.is_empty() { Ok(()) } else { Err(self.violations) }
    }

    /// Everything reported.
    pub(crate) fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    pub(crate) fn report(&mut self, at: &Path<'_>, rule: &'static str, message: impl Into<String>) {
        if self.violations.len() < MAX_VIOLATIONS {
            let violation = Violation { pointer: at.pointer(), rule, message: message.into() };
            self.violations.push(violation);
        }
    }

    fn wrong_type(&mut self, at: &Path<'_>, value: &Value, wanted: &str) {
        let given = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.report(at, "type", format!("this is {given}: give {wanted}"));
    }

    pub(crate) fn required(&mut self, at: &Path<'_>, object: &Object, keys: &[&str]) {
        for key in keys {
            if !object.contains_key(*key) {
                self.report(&at.key(key), "required", format!("{key} is missing: add it"));
            }
        }
    }

    pub(crate) fn object<'v>(&mut self, at: &Path<'_>, value: &'v Value) -> Option<&'v Object> {
        if let Value::Object(object) = value {
            return Some(object);
        }
        self.wrong_type(at, value, "an object");
        None
    }

    pub(crate) fn list<'v>(&mut self, at: &Path<'_>, value: &'v Value) -> Option<&'v [Value]> {
        if let Value::Array(list) = value {
            return Some(list);
        }
        self.wrong_type(at, value, "a list");
        None
    }

    pub(crate) fn text<'v>(&mut self, at: &Path<'_>, value: &'v Value) -> Option<&'v str> {
        if let Value::String(text) = value {
            return Some(text);
        }
        self.wrong_type(at, value, "text");
        None
    }

    pub(crate) fn number(&mut self, at: &Path<'_>, value: &Value) {
        if !value.is_number() {
            self.wrong_type(at, value, "a number, without quotes");
        }
    }

    pub(crate) fn boolean(&mut self, at: &Path<'_>, value: &Value) {
        if !value.is_boolean() {
            self.wrong_type(at, value, "true or false");
        }
    }

    pub(crate) fn each(
        &mut self,
        at: &Path<'_>,
        value: &Value,
        mut check: impl FnMut(&mut Checker, &Path<'_>, &Value),
    ) {
        for (index, element) in self.list(at, value).unwrap_or_default().iter().enumerate() {
            check(self, &at.index(index), element);
        }
    }

    pub(crate) fn not_empty(&mut self, at: &Path<'_>, value: &Value) {
        if value.as_array().is_some_and(Vec::is_empty) {
            self.report(at, "empty", "this list is empty: leave it out or put something in");
        }
    }

    /// Texts in a list may not repeat.
    pub(crate) fn unique(&mut self, at: &Path<'_>, value: &Value) {
        let Value::Array(list) = value else { return };
        let mut seen = std::collections::BTreeSet::new();
        for (index, element) in list.iter().enumerate() {
            if element.as_str().is_some_and(|text| !seen.insert(text)) {
                self.report(
                    &at.index(index),
                    "unique",
                    "this is in the list already: give it once",
                );
            }
        }
    }

    pub(crate) fn uri(&mut self, at: &Path<'_>, value: &Value) {
        let Some(text) = self.text(at, value) else { return };
        self.uri_text(at, text);
    }

    pub(crate) fn uri_text(&mut self, at: &Path<'_>, text: &str) {
        if text.len() > MAX_URI_BYTES {
            let length = text.len();
            let message = format!("this URI has {length} bytes: {MAX_URI_BYTES} is the limit");
            self.report(at, "uri-length", message);
        } else if !is_uri(text) {
            let message = format!(
                "{} is not a URI: give one such as https://id.gs1.org/01/09521568251204/21/A1",
                shown(text)
            );
            self.report(at, "uri", message);
        }
    }

    pub(crate) fn uris(&mut self, at: &Path<'_>, value: &Value) {
        self.each(at, value, Checker::uri);
    }

    pub(crate) fn date_time(&mut self, at: &Path<'_>, value: &Value) {
        let Some(text) = self.text(at, value) else { return };
        if !time::is_date_time(text) {
            let message = format!(
                "{} is not a date-time with a zone: write it as 2026-03-01T10:00:00.000+01:00",
                shown(text)
            );
            self.report(at, "date-time", message);
        }
    }

    /// A date-time that the ledger keeps as milliseconds since 1970.
    pub(crate) fn kept_time(&mut self, at: &Path<'_>, value: &Value) {
        self.date_time(at, value);
        if value.as_str().is_some_and(|t| time::parse(t) == Err(time::TimeFault::OutOfRange)) {
            self.report(at, "time-range", "this time is before 1970: give a later one");
        }
    }

    pub(crate) fn word(&mut self, at: &Path<'_>, value: &Value, vocabulary: Vocabulary) {
        let Some(text) = self.text(at, value) else { return };
        if vocabulary.has(text) {
            return;
        }
        let what = vocabulary.what();
        if !is_uri(text) {
            let known = vocabulary.words();
            let message = match nearest(text, known) {
                Some(near) => {
                    format!("{} is no {what} of CBV 2.0: did you mean {near}?", shown(text))
                }
                None if known.len() <= 20 => format!(
                    "{} is no {what} of CBV 2.0: give one of {} or a URI of your own",
                    shown(text),
                    known.join(", ")
                ),
                None => format!(
                    "{} is no {what} of CBV 2.0: give a standard value or a URI of your own",
                    shown(text)
                ),
            };
            self.report(at, "vocabulary", message);
        } else if text.len() > MAX_URI_BYTES {
            self.uri_text(at, text);
        } else if !vocabulary.allows_uri(text) {
            let bare = text.rsplit([':', '/', '-']).find(|word| vocabulary.has(word));
            let mend = bare.map_or("the bare word".to_owned(), |word| format!("{word:?}"));
            let message =
                format!("{} is not how JSON spells a standard {what}: write {mend}", shown(text));
            self.report(at, "vocabulary", message);
        }
    }

    /// Every key is one of `known` or a URI (a CURIE such as `ext:field`).
    pub(crate) fn keys(&mut self, at: &Path<'_>, object: &Object, known: impl Fn(&str) -> bool) {
        for key in object.keys() {
            if !known(key) && !is_uri(key) {
                let message = format!(
                    "{} is no field of EPCIS here: give an extension as prefix:{}, its prefix \
                     declared in @context",
                    shown(key),
                    key.chars().filter(char::is_ascii_alphanumeric).take(40).collect::<String>()
                );
                self.report(&at.key(key), "unknown-field", message);
            }
        }
    }

    /// Every key is one of `known`.
    pub(crate) fn only_keys(&mut self, at: &Path<'_>, object: &Object, known: &[&str]) {
        for key in object.keys() {
            if !known.contains(&key.as_str()) {
                let message =
                    format!("{} does not belong here: only {} do", shown(key), known.join(", "));
                self.report(&at.key(key), "unknown-field", message);
            }
        }
    }
}

/// Text as it is quoted in a message: not too long.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    format!("{:?}…", text.chars().take(LONGEST).collect::<String>())
}

/// The known word that differs by one letter put in, left out or changed, if there is one.
fn nearest(text: &str, known: &'static [&'static str]) -> Option<&'static str> {
    let close = |word: &&&str| {
        let (a, b) = (text.as_bytes(), word.as_bytes());
        let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
        let same_start =
            short.iter().zip(long).take_while(|(x, y)| x.eq_ignore_ascii_case(y)).count();
        let rest = |bytes: &[u8], skip: usize| bytes.get(same_start + skip..).map(<[u8]>::to_vec);
        match long.len() - short.len() {
            0 => same_start == short.len() || rest(short, 1) == rest(long, 1),
            1 => rest(short, 0) == rest(long, 1),
            _ => false,
        }
    };
    known.iter().find(close).copied()
}
