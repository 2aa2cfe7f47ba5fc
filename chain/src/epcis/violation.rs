//! What is wrong with a record somebody brought: where, which rule, and how to mend it.

use std::fmt;

use serde::Serialize;

use super::json::JsonError;

/// Violations reported for one event or document; more would help nobody.
pub const MAX_VIOLATIONS: usize = 100;

/// One thing wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// JSON pointer (RFC 6901) to the field at fault; empty for the whole.
    pub pointer: String,
    /// A stable short code of the rule that was broken, such as `required`.
    pub rule: &'static str,
    /// The fault and its mend in plain English.
    pub message: String,
}

impl Violation {
    /// The same fault, seen from the document or list that holds the value at `prefix`.
    #[must_use]
    pub fn inside(mut self, prefix: &str) -> Violation {
        self.pointer.insert_str(0, prefix);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{place}: {} ({})", self.message, self.rule)
    }
}

impl From<JsonError> for Violation {
    fn from(error: JsonError) -> Violation {
        Violation { message: error.to_string(), rule: error.fault.rule(), pointer: error.pointer }
    }
}
