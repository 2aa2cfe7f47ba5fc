//! Terms read from JSON, as people and programs write them.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::condition::{Condition, Moment, Sighting};
use super::terms::Terms;
use crate::epcis::vocabulary::Vocabulary;
use crate::epcis::{canonical, json};

/// The JSON Schema (2020-12) of terms, as `docs/agreement-terms.schema.json` publishes it.
pub const TERMS_SCHEMA: &str = include_str!("../../../docs/agreement-terms.schema.json");

/// Why a text is no terms: where, which rule, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", if pointer.is_empty() { "/" } else { pointer.as_str() })]
pub struct TermsError {
    /// JSON pointer (RFC 6901) to the field at fault; empty for the whole.
    pub pointer: String,
    /// What is wrong with it, and how to mend it.
    pub message: String,
}

impl Terms {
    /// Reads terms. Identifiers, steps, dispositions and measurements may be written in any form
    /// that EPCIS knows; the terms have them in their one spelling.
    ///
    /// # Errors
    /// [`TermsError`] names the first field at fault.
    pub fn from_json(bytes: &[u8]) -> Result<Terms, TermsError> {
        let value = json::parse_strict(bytes)
            .map_err(|error| TermsError { pointer: String::new(), message: error.to_string() })?;
        Terms::from_value(value)
    }

    /// As [`Terms::from_json`], from a value that was read.
    ///
    /// # Errors
    /// [`TermsError`] names the first field at fault.
    pub fn from_value(value: Value) -> Result<Terms, TermsError> {
        let mut terms: Terms = read(value)?;
        terms.spell();
        Ok(terms)
    }

    /// Brings every identifier and word into its one spelling.
    fn spell(&mut self) {
        for item in &mut self.goods.items {
            identifier(item);
        }
        if let Some(class) = &mut self.goods.class {
            identifier(&mut class.class);
        }
        if let Some(transaction) = &mut self.goods.business_transaction {
            identifier(&mut transaction.id);
            transaction.kind.iter_mut().for_each(|kind| word(kind, Vocabulary::BizTransactionType));
        }
        self.milestones.iter_mut().for_each(|milestone| condition(&mut milestone.when));
    }
}

/// Reads any value whose errors name the field: terms, parts of them, commands on them.
///
/// # Errors
/// [`TermsError`] names the first field at fault.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, TermsError> {
    serde_path_to_error::deserialize(value).map_err(|error| TermsError {
        pointer: pointer(error.path()),
        message: mended(&error.inner().to_string()),
    })
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let key = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.clone(),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer += &key.replace('~', "~0").replace('/', "~1");
    }
    pointer
}

/// What was found wrong, with the mend where the reader does not say it.
fn mended(message: &str) -> String {
    let mend = [
        ("missing field", "add it"),
        ("unknown field", "leave it out or mend its name"),
        ("unknown variant", "choose one of these"),
        ("duplicate field", "keep one of them"),
    ];
    let mend = mend.into_iter().find(|(start, _)| message.starts_with(start));
    match mend {
        Some((_, mend)) => format!("{message}: {mend}"),
        None if message.starts_with("invalid type: integer")
            || message.starts_with("invalid type: floating point") =>
        {
            format!("{message}: write numbers as text in quotes, such as \"12.50\"")
        }
        None if message.starts_with("invalid type") || message.starts_with("invalid value") => {
            format!("{message}: the schema of terms shows what belongs here")
        }
        None => message.to_owned(),
    }
}

fn identifier(text: &mut String) {
    let one = canonical(text);
    if one.uri() != text {
        *text = one.into_uri();
    }
}

fn word(text: &mut String, vocabulary: Vocabulary) {
    let plain = vocabulary.plain(text);
    if plain != text {
        *text = plain.to_owned();
    }
}

fn condition(condition: &mut Condition) {
    match condition {
        Condition::Observed(observed) => sighting(&mut observed.event),
        Condition::Readings(readings) => {
            word(&mut readings.measurement, Vocabulary::MeasurementType);
            sighting(&mut readings.from);
            sighting(&mut readings.to);
        }
        Condition::NoOpenAnomaly { at, .. } => moment(at),
        Condition::All(of) | Condition::Any(of) | Condition::AtLeast { of, .. } => {
            of.iter_mut().for_each(self::condition);
        }
        Condition::Not { of, at } => {
            self::condition(of);
            moment(at);
        }
        Condition::Inspected(_)
        | Condition::TitleHeld { .. }
        | Condition::TitleSurrendered { .. }
        | Condition::Approved { .. }
        | Condition::After(_)
        | Condition::Elapsed { .. } => {}
    }
}

fn moment(moment: &mut Moment) {
    if let Moment::Observed(event) = moment {
        sighting(event);
    }
}

fn sighting(sighting: &mut Sighting) {
    sighting.biz_step.iter_mut().for_each(|step| word(step, Vocabulary::BizStep));
    let disposition = sighting.disposition.iter_mut();
    disposition.for_each(|disposition| word(disposition, Vocabulary::Disposition));
    sighting.place.iter_mut().for_each(identifier);
}

#[cfg(test)]
mod tests;
