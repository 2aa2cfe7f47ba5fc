//! The simple event query of EPCIS 2.0 (§8.2.7.1): what it asks, and whether an event answers it.
//!
//! [`Query::parse`] reads the parameters of a URL, [`Query::from_json`] the object of a named
//! query. Every parameter is a [`Condition`]; an event must meet all of them, and of the values of
//! one it must meet any. Identifiers, CBV words and web URIs are brought into one spelling on both
//! sides. A parameter that is not known is refused by name, never ignored.
//!
//! [`Query::matches`] looks at the event alone, and through [`Places`] at the master data on
//! record. Which events need to be looked at is the node's to find: [`terms`] says under which
//! names an event is found.

mod field;
mod fixed;
mod given;
mod matching;
mod parse;
mod pattern;
pub mod terms;
#[cfg(test)]
mod tests;
mod value;

use rust_decimal::Decimal;
use serde_json::Value;

use super::event::{Action, Event};
use crate::masterdata::MasterKind;
use crate::units::TimestampMs;

pub use field::{Area, Extensions, FieldName};
pub use fixed::{Parameter, parameters};
pub use pattern::Pattern;
pub use value::{Op, Scalar, SortKey};

/// Parameters that one query may have.
pub const MAX_QUERY_PARAMETERS: usize = 64;

/// Values that all parameters of one query may list together.
pub const MAX_QUERY_VALUES: usize = 200;

/// Why a parameter is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterError {
    /// The parameter as it was given.
    pub name: String,
    /// The rule it breaks, as the end of a sentence that begins with its name.
    pub rule: String,
    /// How to mend it.
    pub mend: String,
}

/// What is on record of places, products and parties, for the conditions that ask for it.
pub trait Places {
    /// The places in which `place`, a canonical identifier, lies directly: as a read point or as a
    /// business location, as `field` says.
    fn around(&self, field: PlaceField, place: &str) -> Vec<String>;

    /// The values of the attribute with this full name; `None` when it is not on record.
    fn attribute(&self, kind: MasterKind, id: &str, name: &str) -> Option<Vec<String>>;
}

/// Nothing is on record.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPlaces;

impl Places for NoPlaces {
    fn around(&self, _: PlaceField, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn attribute(&self, _: MasterKind, _: &str, _: &str) -> Option<Vec<String>> {
        None
    }
}

/// Which place of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceField {
    /// `readPoint`.
    ReadPoint,
    /// `bizLocation`.
    BizLocation,
}

/// Which time of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeField {
    /// When it happened.
    Event,
    /// When it was recorded: the time of its block.
    Record,
    /// When it was declared wrong.
    ErrorDeclaration,
    /// `time` of sensor metadata or of a report.
    Sensor,
    /// `startTime` of sensor metadata.
    SensorStart,
    /// `endTime` of sensor metadata.
    SensorEnd,
}

/// Which word of the vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WordField {
    /// `bizStep`.
    BizStep,
    /// `disposition`.
    Disposition,
    /// What `persistentDisposition` sets.
    Set,
    /// What `persistentDisposition` unsets.
    Unset,
    /// Why an event is declared wrong.
    ErrorReason,
    /// What a sensor measures.
    Measurement,
    /// What a sensor warns of.
    Alert,
    /// Which component of a vector a sensor reports.
    Component,
}

/// Which list of what belongs to an event, by type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkField {
    /// `bizTransactionList`.
    BizTransaction,
    /// `sourceList`.
    Source,
    /// `destinationList`.
    Destination,
}

/// In which lists a thing is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EpcLists {
    /// `epcList` and `childEPCs`.
    Epc,
    /// `parentID`.
    Parent,
    /// `inputEPCList`.
    Input,
    /// `outputEPCList`.
    Output,
    /// All of these.
    Any,
    /// `quantityList` and `childQuantityList`.
    EpcClass,
    /// `inputQuantityList`.
    InputClass,
    /// `outputQuantityList`.
    OutputClass,
    /// All lists of quantities.
    AnyClass,
}

/// Which fields can have attributes on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordField {
    /// A place of the event.
    Place(PlaceField),
    /// The classes in its quantity lists, and of its single things.
    EpcClass,
    /// The parties or places it goes from.
    Source,
    /// The parties or places it goes to.
    Destination,
    /// What a field of an extension, at the top of the event, names.
    Field(FieldName),
}

/// One thing that a query asks of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Its type is one of these.
    EventType(Vec<String>),
    /// A time is at or after this.
    From(TimeField, TimestampMs),
    /// A time is before this.
    Before(TimeField, TimestampMs),
    /// Its action is one of these.
    Action(Vec<Action>),
    /// A word is one of these, in the one spelling.
    Word(WordField, Vec<String>),
    /// A place is one of these, canonical.
    Place(PlaceField, Vec<String>),
    /// A place is one of these or lies in it, by the records.
    Within(PlaceField, Vec<String>),
    /// Its transformationID is one of these, canonical.
    TransformationId(Vec<String>),
    /// Its eventID is one of these.
    EventId(Vec<String>),
    /// It names one of these as what says it right.
    CorrectiveEventId(Vec<String>),
    /// It has, under this type, one of these identifiers, canonical.
    Link(LinkField, String, Vec<String>),
    /// It names a thing that one of these patterns fits.
    Match(EpcLists, Vec<Pattern>),
    /// A quantity compares so with any of these; in this unit, when there is one.
    Quantity(Option<String>, Op, Vec<Decimal>),
    /// It is declared wrong.
    ErrorDeclared,
    /// It has sensor elements.
    Sensed,
    /// A text or URI of its sensor elements, by the name of the field, is one of these.
    SensorText(&'static str, Vec<String>),
    /// A truth value that a sensor reported.
    SensorBoolean(bool),
    /// A number that a sensor reported, by the field's name, compares so; in this unit.
    SensorNumber(&'static str, Option<String>, Op, Vec<Decimal>),
    /// A field of an extension compares so with any of these.
    Field(FieldPath, Op, Vec<Scalar>),
    /// There is a field of an extension.
    Exists(FieldPath),
    /// What a field names has one of these attributes on record, by full name.
    HasAttribute(RecordField, Vec<String>),
    /// What a field names has one of these values of an attribute on record.
    Attribute(RecordField, String, Vec<String>),
}

/// Where a field of an extension is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    /// In what part of the event.
    pub area: Area,
    /// Inside the fields of extensions there, at any depth, and not beside them.
    pub inner: bool,
    /// Its name.
    pub name: FieldName,
}

/// By what the answer is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderBy {
    /// `eventTime`.
    EventTime,
    /// `recordTime`.
    RecordTime,
    /// A field of an extension at the top of the event.
    Field(FieldName),
}

/// A query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    conditions: Vec<Condition>,
    order_by: Option<OrderBy>,
    ascending: bool,
    event_count_limit: Option<usize>,
    max_event_count: Option<usize>,
}

impl Query {
    /// Reads the parameters of a URL, decoded: lists are joined by `|`. Prefixes of extensions are
    /// those of `extensions`; one that nobody declares stands for itself.
    ///
    /// # Errors
    /// Every parameter that is unknown or breaks a rule.
    pub fn parse(
        pairs: &[(String, String)],
        extensions: &Extensions,
    ) -> Result<Query, Vec<ParameterError>> {
        parse::pairs(pairs, extensions)
    }

    /// Reads the object of a named query (`query-schema.json` of the standard): lists are arrays,
    /// and its `@context` declares prefixes beside those of `extensions`.
    ///
    /// # Errors
    /// Every parameter that is unknown or breaks a rule.
    pub fn from_json(query: &Value, extensions: &Extensions) -> Result<Query, Vec<ParameterError>> {
        parse::json(query, extensions)
    }

    /// What an event must meet: all of these.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// By what the answer is ordered; `None` when that is all the same.
    #[must_use]
    pub fn order_by(&self) -> Option<&OrderBy> {
        self.order_by.as_ref()
    }

    /// Whether the smallest comes first. The standard's default is the largest.
    #[must_use]
    pub fn is_ascending(&self) -> bool {
        self.ascending
    }

    /// How many events are wanted at most: `eventCountLimit`.
    #[must_use]
    pub fn event_count_limit(&self) -> Option<usize> {
        self.event_count_limit
    }

    /// Above how many events the query is to fail: `maxEventCount`.
    #[must_use]
    pub fn max_event_count(&self) -> Option<usize> {
        self.max_event_count
    }

    /// The same query with one more condition.
    #[must_use]
    pub fn with(mut self, condition: Condition) -> Query {
        self.conditions.push(condition);
        self
    }

    /// Whether an event recorded at `recorded_at` meets every condition.
    #[must_use]
    pub fn matches(&self, event: &Event, recorded_at: TimestampMs, places: &dyn Places) -> bool {
        self.conditions.iter().all(|condition| condition.is_met(event, recorded_at, places))
    }
}
