//! A parameter as it was given, and how its values are read.

use rust_decimal::Decimal;

use super::field::Extensions;
use super::value::{Op, Scalar, number};
use super::{Condition, EpcLists, Pattern, WordField};
use crate::epcis::event::Action;
use crate::epcis::identifier::canonical;
use crate::epcis::time;
use crate::epcis::uri::is_uri;
use crate::epcis::vocabulary::Vocabulary;
use crate::units::TimestampMs;

/// A parameter as it was given.
pub(super) struct Given<'g> {
    pub name: &'g str,
    pub values: Vec<String>,
    pub extensions: &'g Extensions,
}

/// What is wrong with a parameter: rule and mend.
pub(super) type Wrong = (String, String);

pub(super) fn wrong<T>(rule: impl Into<String>, mend: impl Into<String>) -> Result<T, Wrong> {
    Err((rule.into(), mend.into()))
}

pub(super) fn event_type(text: &str, extensions: &Extensions) -> Result<String, Wrong> {
    const KNOWN: [&str; 5] = [
        "ObjectEvent",
        "AggregationEvent",
        "TransactionEvent",
        "TransformationEvent",
        "AssociationEvent",
    ];
    let plain = ["https://ref.gs1.org/epcis/", "epcis:"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text);
    if KNOWN.contains(&plain) {
        return Ok(plain.to_owned());
    }
    if is_uri(text) {
        return Ok(extensions.expand(text).unwrap_or_else(|| text.to_owned()));
    }
    wrong("must name event types", format!("use {} or the URI of an extension", KNOWN.join(", ")))
}

pub(super) fn action(text: &str) -> Result<Action, Wrong> {
    match text {
        "ADD" => Ok(Action::Add),
        "OBSERVE" => Ok(Action::Observe),
        "DELETE" => Ok(Action::Delete),
        _ => wrong("must be ADD, OBSERVE or DELETE", "write them in capitals"),
    }
}

/// A word of CBV in any spelling, also that of older versions, as the bare word; or a URI.
pub(super) fn word(
    vocabulary: Vocabulary,
    text: &str,
    extensions: &Extensions,
) -> Result<String, Wrong> {
    let urn = match vocabulary {
        Vocabulary::BizStep => "urn:epcglobal:cbv:bizstep:",
        Vocabulary::Disposition => "urn:epcglobal:cbv:disp:",
        Vocabulary::BizTransactionType => "urn:epcglobal:cbv:btt:",
        Vocabulary::SourceDestinationType => "urn:epcglobal:cbv:sdt:",
        Vocabulary::ErrorReason => "urn:epcglobal:cbv:er:",
        Vocabulary::Component => "urn:epcglobal:cbv:comp:",
        Vocabulary::MeasurementType | Vocabulary::SensorAlert => "https://www.gs1.org/voc/",
    };
    let plain = text.strip_prefix(urn).unwrap_or_else(|| vocabulary.plain(text));
    if vocabulary.has(plain) {
        return Ok(plain.to_owned());
    }
    if is_uri(plain) {
        return Ok(extensions.expand(plain).unwrap_or_else(|| plain.to_owned()));
    }
    let what = vocabulary.what();
    wrong(
        format!("must be a {what} of CBV 2.0 or a URI"),
        format!("use a bare word such as {:?}", vocabulary.words().first().unwrap_or(&"")),
    )
}

impl WordField {
    fn vocabulary(self) -> Vocabulary {
        match self {
            WordField::BizStep => Vocabulary::BizStep,
            WordField::Disposition | WordField::Set | WordField::Unset => Vocabulary::Disposition,
            WordField::ErrorReason => Vocabulary::ErrorReason,
            WordField::Measurement => Vocabulary::MeasurementType,
            WordField::Alert => Vocabulary::SensorAlert,
            WordField::Component => Vocabulary::Component,
        }
    }
}

impl Given<'_> {
    pub(super) fn single(&self) -> Result<&str, Wrong> {
        match self.values.as_slice() {
            [one] => Ok(one),
            _ => wrong("takes one value", "give one"),
        }
    }

    pub(super) fn each<T>(&self, read: impl Fn(&str) -> Result<T, Wrong>) -> Result<Vec<T>, Wrong> {
        self.values.iter().map(|value| read(value)).collect()
    }

    pub(super) fn texts(&self) -> Result<Vec<String>, Wrong> {
        self.each(|value| match value {
            "" => wrong("must not hold an empty value", "take the empty one out"),
            value => Ok(value.to_owned()),
        })
    }

    /// Identifiers, in their one spelling.
    pub(super) fn ids(&self) -> Result<Vec<String>, Wrong> {
        self.each(|value| match is_uri(value) {
            true => Ok(canonical(value).into_uri()),
            false => wrong(
                "must hold identifiers that are URIs",
                "give each as EPC URN or GS1 Digital Link, and join several by |",
            ),
        })
    }

    pub(super) fn matching(&self, lists: EpcLists) -> Result<Condition, Wrong> {
        let patterns = self.each(|value| match is_uri(value) || value.starts_with("urn:epc:") {
            true => Pattern::parse(value)
                .or_else(|rule| wrong(rule, "write it as urn:epc:idpat:sgtin:9521321.012345.*")),
            false => wrong(
                "must hold identifiers that are URIs",
                "give each as EPC URN, pattern or GS1 Digital Link, and join several by |",
            ),
        })?;
        Ok(Condition::Match(lists, patterns))
    }

    pub(super) fn words(&self, field: WordField) -> Result<Condition, Wrong> {
        let words = self.each(|value| word(field.vocabulary(), value, self.extensions))?;
        Ok(Condition::Word(field, words))
    }

    pub(super) fn time(&self) -> Result<TimestampMs, Wrong> {
        time::parse(self.single()?).or_else(|_| {
            wrong(
                "must be a date-time with a zone, from 1970 on",
                "write it as 2026-03-01T10:00:00Z; a + in a URL is %2B",
            )
        })
    }

    pub(super) fn numbers(&self) -> Result<Vec<Decimal>, Wrong> {
        self.each(|value| match number(value) {
            Some(number) => Ok(number),
            None => wrong("must be a number", "write it as 20.5"),
        })
    }

    pub(super) fn count(&self) -> Result<usize, Wrong> {
        let count = self.single()?.parse::<u32>().ok().filter(|count| *count > 0);
        match count.and_then(|count| usize::try_from(count).ok()) {
            Some(count) => Ok(count),
            None => wrong("must be a whole number above 0", "leave it out for no limit"),
        }
    }

    /// The standard gives these parameters no value; the OpenAPI document gives them a boolean.
    pub(super) fn truth(&self) -> Result<bool, Wrong> {
        match self.single()? {
            "" | "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => wrong("must be true or false", "write true"),
        }
    }

    pub(super) fn scalars(&self, op: Op) -> Result<Vec<Scalar>, Wrong> {
        let values: Vec<Scalar> = self.values.iter().map(|value| Scalar::new(value)).collect();
        if op != Op::Eq && !values.iter().all(Scalar::is_ordered) {
            return wrong("must be a number or a date-time with a zone", "or ask with EQ_");
        }
        Ok(values)
    }
}
