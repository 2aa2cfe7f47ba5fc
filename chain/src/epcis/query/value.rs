//! Comparing the values of fields.

use std::cmp::Ordering;
use std::str::FromStr as _;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::epcis::identifier::canonical;
use crate::epcis::{event, time};
use crate::units::TimestampMs;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Eq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

impl Op {
    /// Splits the operator from a parameter's name.
    pub(super) fn split(name: &str) -> Option<(Op, &str)> {
        let (op, rest) = name.split_once('_')?;
        let op = match op {
            "EQ" => Op::Eq,
            "GT" => Op::Gt,
            "GE" => Op::Ge,
            "LT" => Op::Lt,
            "LE" => Op::Le,
            _ => return None,
        };
        Some((op, rest))
    }

    /// Whether something that stands so to the wanted value is what is asked for.
    #[must_use]
    pub fn allows(self, found: Ordering) -> bool {
        match self {
            Op::Eq => found.is_eq(),
            Op::Gt => found.is_gt(),
            Op::Ge => found.is_ge(),
            Op::Lt => found.is_lt(),
            Op::Le => found.is_le(),
        }
    }
}

/// A value to compare with. Text that can be read as a number or time is compared as such with
/// numbers and times.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// As given.
    pub text: String,
    pub(super) number: Option<Decimal>,
    pub(super) time: Option<TimestampMs>,
    /// The one spelling, where it is an identifier with several.
    identifier: Option<String>,
}

impl Scalar {
    /// Reads a value as it stands in a query.
    #[must_use]
    pub fn new(text: &str) -> Scalar {
        Scalar {
            text: text.to_owned(),
            number: number(text),
            time: time::parse(text).ok(),
            identifier: respelled(text),
        }
    }

    /// Whether it can be ordered: a number or a time.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        self.number.is_some() || self.time.is_some()
    }

    /// Whether a value of an event compares so with this one: any of a list, the value of a typed
    /// one, the id of an object.
    #[must_use]
    pub fn compares(&self, op: Op, found: &Value) -> bool {
        match found {
            Value::Array(list) => list.iter().any(|found| self.compares(op, found)),
            Value::Object(object) => ["@value", "@id", "id"]
                .iter()
                .find_map(|key| object.get(*key))
                .is_some_and(|found| self.compares(op, found)),
            Value::Number(_) => match (event::exact(found), self.number) {
                (Some(found), Some(wanted)) => op.allows(found.cmp(&wanted)),
                _ => false,
            },
            Value::String(found) => self.compares_text(op, found),
            Value::Bool(found) => op == Op::Eq && self.text == found.to_string(),
            Value::Null => false,
        }
    }

    fn compares_text(&self, op: Op, found: &str) -> bool {
        if op == Op::Eq && found == self.text {
            return true;
        }
        if let Some(wanted) = self.time {
            return time::parse(found).is_ok_and(|found| op.allows(found.cmp(&wanted)));
        }
        if op == Op::Eq {
            let Some(wanted) = &self.identifier else { return false };
            return respelled(found).as_ref().map_or(found, String::as_str) == wanted;
        }
        // In documents that were XML once, numbers stand as text.
        match (number(found), self.number) {
            (Some(found), Some(wanted)) => op.allows(found.cmp(&wanted)),
            _ => false,
        }
    }
}

/// The one spelling of what looks like an identifier.
fn respelled(text: &str) -> Option<String> {
    text.contains(':').then(|| canonical(text).into_uri())
}

/// A decimal number, also with an exponent.
pub(super) fn number(text: &str) -> Option<Decimal> {
    let begins = text.bytes().next().is_some_and(|b| b.is_ascii_digit() || b == b'-' || b == b'.');
    if !begins {
        return None;
    }
    let read = if text.contains(['e', 'E']) {
        Decimal::from_scientific(text)
    } else {
        Decimal::from_str(text)
    };
    read.ok().map(|value| value.normalize())
}

/// A value of an event by which answers are ordered: numbers before times before texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// A number.
    Number(Decimal),
    /// A time.
    Time(TimestampMs),
    /// Any other text.
    Text(String),
}

impl SortKey {
    pub(super) fn of(value: &Value) -> Option<SortKey> {
        match value {
            Value::Number(_) => event::exact(value).map(SortKey::Number),
            Value::String(text) => Some(match time::parse(text) {
                Ok(time) => SortKey::Time(time),
                Err(_) => SortKey::Text(text.clone()),
            }),
            Value::Bool(truth) => Some(SortKey::Text(truth.to_string())),
            Value::Array(list) => list.first().and_then(SortKey::of),
            Value::Object(object) => object.get("@value").and_then(SortKey::of),
            Value::Null => None,
        }
    }
}
