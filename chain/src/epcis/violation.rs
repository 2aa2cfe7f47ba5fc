//! What is wrong with a record somebody brought: where, which rule, and how to mend it.
//!
//! Rules have stable codes, for programs:
//!
//! | code | the rule |
//! |---|---|
//! | `required` | a field that must be there |
//! | `type` | a value of the wrong JSON type |
//! | `uri`, `uri-length` | URIs, and how long they may be |
//! | `date-time`, `time-range`, `zone-offset` | times with a zone, from 1970, offsets to 14:00 |
//! | `event-type`, `document-type`, `version`, `action`, `vocabulary` | words of the standard |
//! | `unit`, `hexadecimal` | how units and hexadecimal are written |
//! | `unknown-field`, `json-ld-keyword` | fields that are none here |
//! | `empty`, `unique`, `what`, `ilmd-needs-add`, `parent-is-child` | what events must say |
//! | `context` | the form and bounds of `@context` |
//! | `identifier-count` | how many things an event may name |
//! | `activity`, `activity-number` | what activity data must say, and numbers they may hold |
//! | `public-marks` | what is marked as public must be in the event |
//! | `record-time` | a stored event with a recordTime |
//! | `json-utf8`, `json-syntax`, `json-trailing` | one JSON value in UTF-8 |
//! | `json-duplicate-key`, `json-key`, `json-surrogate` | keys and text that all read alike |
//! | `xml`, `xml-size`, `xml-depth`, `xml-doctype` | XML that can be read, and its bounds |
//! | `json-depth`, `json-number` | nesting, and numbers that RFC 8785 keeps |
//!
//! Refused in the strict reading and noticed in the lenient one: `check-digit` (that of an SSCC or
//! GRAI is noticed in both), `class-in-epc-list`, `instance-in-quantity-list`, `set-and-unset`; at
//! a node, which has a clock, `future-event-time`.
//!
//! Notices, which refuse nothing: `malformed-key`, `undeclared-prefix`, `event-hash-id`.

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
