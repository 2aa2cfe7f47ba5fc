//! A small JSON body, read field by field: every fault is named, not only the first.

use std::fmt::Display;
use std::str::FromStr;

use axum::body::Body;
use http::HeaderMap;
use serde_json::{Map, Value};
use tracehold_chain::agreement::Label;
use tracehold_chain::epcis::json::parse_strict;
use tracehold_chain::money::{AmountError, Asset, Money, Reference};
use tracehold_chain::units::TimestampMs;

use super::extract::{check_json, read_body};
use super::limits::{MAX_COMMAND_BODY_BYTES, MAX_FIELD_ERRORS};
use super::problem::{FieldError, Kind, Problem};
use super::{ApiState, prepare};

/// The fields of a body that were not looked at yet, and what was wrong with the others.
pub struct Fields {
    object: Map<String, Value>,
    wrong: Vec<FieldError>,
}

impl Fields {
    /// Reads a body of at most [`MAX_COMMAND_BODY_BYTES`]; an empty one is an object without
    /// fields.
    ///
    /// # Errors
    /// [`Problem`]: too large, too slow, or no JSON object.
    pub async fn read(
        state: &ApiState,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Fields, Problem> {
        check_json(headers)?;
        let _room = state.make_room(headers, MAX_COMMAND_BODY_BYTES).await?;
        let bytes = read_body(body, MAX_COMMAND_BODY_BYTES, state.limits().body).await?;
        Fields::of(&bytes)
    }

    /// Reads the bytes of a body. A field that is null counts as left out.
    ///
    /// # Errors
    /// [`Kind::Validation`] when they are no JSON object.
    pub fn of(bytes: &[u8]) -> Result<Fields, Problem> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Fields { object: Map::new(), wrong: Vec::new() });
        }
        let value = parse_strict(bytes).map_err(|wrong| prepare::invalid(&[wrong.into()]))?;
        match value {
            Value::Object(mut object) => {
                object.retain(|_, value| !value.is_null());
                Ok(Fields { object, wrong: Vec::new() })
            }
            _ => Err(Problem::new(Kind::Validation, "the body must be a JSON object").field(
                "",
                "object",
                "write {\"field\": \"value\"}",
            )),
        }
    }

    /// Notes that a field breaks a rule.
    pub fn refuse(&mut self, field: &str, rule: &str, mend: impl Into<String>) {
        if self.wrong.len() < MAX_FIELD_ERRORS {
            let (rule, mend) = (rule.to_owned(), Some(mend.into()));
            self.wrong.push(FieldError { field: format!("/{field}"), rule, mend });
        }
    }

    /// A field of any kind, if it is there.
    pub fn value(&mut self, name: &str) -> Option<Value> {
        self.object.remove(name)
    }

    /// Whether a field is there.
    pub fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// A short name inside terms.
    pub fn label(&mut self, name: &str) -> Option<Label> {
        let text = self.text(name)?;
        Label::new(text).map_err(|error| self.refuse(name, "label", error.to_string())).ok()
    }

    /// A text, if the field is there.
    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.refuse(name, "text", format!("write {name} as a text in quotes"));
                None
            }
        }
    }

    /// A text that must be there.
    pub fn text(&mut self, name: &str) -> Option<String> {
        if !self.has(name) {
            self.refuse(name, "required", format!("give {name}"));
        }
        self.optional_text(name)
    }

    /// What a text that must be there stands for.
    pub fn parse<T: FromStr<Err: Display>>(&mut self, name: &str, rule: &str) -> Option<T> {
        let text = self.text(name)?;
        text.parse().map_err(|error: T::Err| self.refuse(name, rule, error.to_string())).ok()
    }

    /// The client's name for what it asks.
    pub fn reference(&mut self) -> Option<Reference> {
        let text = self.text("reference")?;
        Reference::new(text)
            .map_err(|error| self.refuse("reference", "reference", error.to_string()))
            .ok()
    }

    /// A time, as RFC 3339.
    pub fn time(&mut self, name: &str) -> Option<TimestampMs> {
        let text = self.text(name)?;
        let time: Option<jiff::Timestamp> = text.parse().ok();
        let ms = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
        if ms.is_none() {
            let mend = "write date, time and offset as 2026-03-01T09:30:00Z";
            self.refuse(name, "time", mend);
        }
        ms.map(TimestampMs)
    }

    /// The fields `asset` and `amount`.
    pub fn money(&mut self) -> Option<Money> {
        let (asset, amount) = (self.parse("asset", "asset"), self.amount_text());
        self.money_of(asset?, &amount?)
    }

    /// The text of `amount`: numbers are refused, since JSON readers round them.
    pub fn amount_text(&mut self) -> Option<String> {
        if matches!(self.object.get("amount"), Some(Value::Number(_))) {
            self.object.remove("amount");
            let mend = "write it as a text such as \"1250.00\": programs round JSON numbers";
            self.refuse("amount", "text", mend);
            return None;
        }
        self.text("amount")
    }

    /// An amount of an asset. Nothing is no amount.
    pub fn money_of(&mut self, asset: Asset, amount: &str) -> Option<Money> {
        match Money::parse(asset, amount) {
            Ok(money) if money.amount.is_zero() => {
                self.refuse("amount", "positive", "give more than nothing");
                None
            }
            Ok(money) => Some(money),
            Err(error) => {
                self.refuse("amount", amount_rule(&error), error.to_string());
                None
            }
        }
    }

    /// Ends the reading: nothing may be wrong and no field left over.
    ///
    /// # Errors
    /// [`Kind::Validation`] naming every field at fault.
    pub fn finish<T>(mut self, read: Option<T>) -> Result<T, Problem> {
        let unknown: Vec<String> = self.object.keys().cloned().collect();
        for name in unknown {
            self.refuse(&name, "unknown-field", "leave it out: it is not known here");
        }
        let Some(first) = self.wrong.first() else {
            let lost = || Problem::new(Kind::Internal, "a field of the body was lost");
            return read.ok_or_else(lost);
        };
        let mend = first.mend.as_deref().unwrap_or_default();
        let mut detail = format!("{}: {mend} ({})", first.field, first.rule);
        if self.wrong.len() > 1 {
            detail = format!("{detail}; and {} more", self.wrong.len() - 1);
        }
        let mut problem = Problem::new(Kind::Validation, detail);
        problem.errors = self.wrong;
        Err(problem)
    }
}

/// The stable name of the rule that an amount breaks.
#[must_use]
pub fn amount_rule(error: &AmountError) -> &'static str {
    match error {
        AmountError::Form(_) => "amount",
        AmountError::Negative => "negative",
        AmountError::TooFine { .. } => "too-many-decimals",
        AmountError::TooLarge => "too-large",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &str) -> Vec<(String, String)> {
        let mut fields = Fields::of(body.as_bytes()).unwrap();
        let read = (fields.reference(), fields.money());
        let problem = match fields.finish(read.0.zip(read.1)) {
            Ok(_) => return Vec::new(),
            Err(problem) => problem,
        };
        problem.errors.iter().map(|e| (e.field.clone(), e.rule.clone())).collect()
    }

    fn fault(field: &str, rule: &str) -> (String, String) {
        (field.to_owned(), rule.to_owned())
    }

    /// Promise P67: an amount that cannot be is refused with its field named.
    #[test]
    fn every_fault_of_a_body_is_named() {
        let body = |asset: &str, amount: &str| {
            faults(&format!(r#"{{"reference":"a","asset":"{asset}","amount":"{amount}"}}"#))
        };
        assert_eq!(body("EUR@bank", "12.50"), []);
        for (amount, rule) in [
            ("12.505", "too-many-decimals"),
            ("-1", "negative"),
            ("0.00", "positive"),
            ("1e9", "amount"),
            ("99999999999999999999", "too-large"),
        ] {
            assert_eq!(body("EUR@bank", amount), [fault("/amount", rule)], "{amount}");
        }
        assert_eq!(body("JPY@bank", "1.5"), [fault("/amount", "too-many-decimals")]);
        assert_eq!(body("EUX@bank", "1"), [fault("/asset", "asset")]);
        let number = faults(r#"{"reference":"a","asset":"EUR@bank","amount":12.5}"#);
        assert_eq!(number, [fault("/amount", "text")]);
        let many = faults(r#"{"reference":"a b","amonut":"1"}"#);
        let fields: Vec<&str> = many.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["/reference", "/asset", "/amount", "/amonut"]);
        assert_eq!(faults("").len(), 3);
        let null = faults(r#"{"reference":"a","asset":null,"amount":"1","else":null}"#);
        assert_eq!(null, [fault("/asset", "required")]);
        assert!(Fields::of(b"[]").is_err());
        assert!(Fields::of(br#"{"a":1,"a":2}"#).is_err());
    }
}
