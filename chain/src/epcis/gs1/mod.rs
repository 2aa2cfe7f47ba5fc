//! GS1 application identifiers (GS1 General Specifications §3): the language that barcodes and
//! Digital Links are written in.
//!
//! [`table`] has what each of them may hold, what it needs beside it and what it excludes;
//! `format` and `lint` check values; [`element_string`] reads and writes element strings, in
//! brackets `(01)09521568251204(10)A1` or as scanners give them; [`association`] says which of
//! them may stand together. Digital Links are written in the same language:
//! [`super::digital_link`].

pub mod association;
pub mod element_string;
mod format;
mod lint;
mod lists;
pub mod table;

use std::fmt;

use serde::Serialize;

/// An application identifier and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Element {
    /// Its digits: `01`, `3103` …
    pub ai: String,
    /// What it says, not percent-encoded.
    pub value: String,
}

impl Element {
    /// An element whose value is checked against the table.
    ///
    /// # Errors
    /// [`Fault`] for an unknown application identifier or a value that it may not hold.
    pub fn checked(ai: &str, value: &str) -> Result<Element, Fault> {
        let rule = table::find(ai).ok_or_else(|| Fault::unknown(ai))?;
        format::check(rule, value)?;
        Ok(Element { ai: ai.to_owned(), value: value.to_owned() })
    }
}

/// What is wrong with an element string or a Digital Link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Fault {
    /// Where: an application identifier such as `(01)`, or `uri`, `stem`, `element string` …
    pub field: String,
    /// A stable short code of the rule.
    pub rule: &'static str,
    /// The fault and its mend in plain English.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.field, self.message, self.rule)
    }
}

impl Fault {
    pub(super) fn new(
        field: impl Into<String>,
        rule: &'static str,
        message: impl Into<String>,
    ) -> Fault {
        Fault { field: field.into(), rule, message: message.into() }
    }

    /// A fault of the application identifier `ai`.
    pub(super) fn of(ai: &str, rule: &'static str, message: impl Into<String>) -> Fault {
        Fault::new(format!("({ai})"), rule, message)
    }

    fn unknown(ai: &str) -> Fault {
        let shown: String = ai.chars().take(8).collect();
        let message = "no application identifier of GS1 has these digits: see the list at \
                       https://ref.gs1.org/ai/";
        Fault::of(&shown, "unknown-ai", message)
    }
}
