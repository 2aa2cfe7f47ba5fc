//! Reading the parameters of a query.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::Value;

use super::field::{Area, Extensions, FieldName};
use super::value::{Op, Scalar, number};
use super::{
    Condition, EpcLists, FieldPath, LinkField, MAX_QUERY_PARAMETERS, MAX_QUERY_VALUES, OrderBy,
    ParameterError, Pattern, PlaceField, Query, RecordField, TimeField, WordField,
};
use crate::epcis::event::Action;
use crate::epcis::identifier::canonical;
use crate::epcis::time;
use crate::epcis::uri::is_uri;
use crate::epcis::vocabulary::Vocabulary;
use crate::limits::MAX_URI_BYTES;
use crate::units::TimestampMs;

/// A parameter as it was given.
struct Given<'g> {
    name: &'g str,
    values: Vec<String>,
    extensions: &'g Extensions,
}

/// What is wrong with a parameter: rule and mend.
type Wrong = (String, String);

fn wrong<T>(rule: impl Into<String>, mend: impl Into<String>) -> Result<T, Wrong> {
    Err((rule.into(), mend.into()))
}

pub(super) fn pairs(
    pairs: &[(String, String)],
    extensions: &Extensions,
) -> Result<Query, Vec<ParameterError>> {
    let mut seen = BTreeSet::new();
    let mut errors = Vec::new();
    let mut given = Vec::new();
    for (name, value) in pairs {
        if !seen.insert(name.as_str()) {
            errors.push(ParameterError {
                name: name.clone(),
                rule: "may be given once; join several values by |".to_owned(),
                mend: "give it once".to_owned(),
            });
            continue;
        }
        given.push(Given {
            name,
            values: value.split('|').map(str::to_owned).collect(),
            extensions,
        });
    }
    read(given, errors, extensions)
}

pub(super) fn json(query: &Value, extensions: &Extensions) -> Result<Query, Vec<ParameterError>> {
    let refused = |name: &str, rule: &str, mend: &str| ParameterError {
        name: name.to_owned(),
        rule: rule.to_owned(),
        mend: mend.to_owned(),
    };
    let Value::Object(object) = query else {
        return Err(vec![refused("query", "must be an object", "give parameters with values")]);
    };
    let context = object.get("@context");
    let extensions = &context.map_or_else(|| extensions.clone(), |c| extensions.and_context(c));
    let (mut given, mut errors) = (Vec::new(), Vec::new());
    for (name, value) in object.iter().filter(|(name, _)| *name != "@context") {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            _ => None,
        };
        let values = match value {
            Value::Array(list) => list.iter().map(text).collect::<Option<Vec<_>>>(),
            Value::Null => Some(vec![String::new()]),
            single => text(single).map(|text| vec![text]),
        };
        match values {
            Some(values) => given.push(Given { name, values, extensions }),
            None => errors.push(refused(
                name,
                "must be a text, a number or a list of them",
                "give plain values",
            )),
        }
    }
    read(given, errors, extensions)
}

fn read(
    given: Vec<Given<'_>>,
    mut errors: Vec<ParameterError>,
    extensions: &Extensions,
) -> Result<Query, Vec<ParameterError>> {
    let values: usize = given.iter().map(|given| given.values.len()).sum();
    let (over, what) = match (given.len() > MAX_QUERY_PARAMETERS, values > MAX_QUERY_VALUES) {
        (true, _) => (MAX_QUERY_PARAMETERS, "parameters"),
        (_, true) => (MAX_QUERY_VALUES, "values"),
        _ => (0, ""),
    };
    if over > 0 {
        return Err(vec![ParameterError {
            name: "query".to_owned(),
            rule: format!("may have at most {over} {what}"),
            mend: "ask for less at a time".to_owned(),
        }]);
    }
    let mut query = Query::default();
    for given in &given {
        if let Err((rule, mend)) = one(&mut query, given, extensions) {
            errors.push(ParameterError { name: given.name.to_owned(), rule, mend });
        }
    }
    if query.event_count_limit.is_some() && query.max_event_count.is_some() {
        errors.push(ParameterError {
            name: "maxEventCount".to_owned(),
            rule: "may not stand beside eventCountLimit".to_owned(),
            mend: "leave one of the two out".to_owned(),
        });
    }
    if errors.is_empty() { Ok(query) } else { Err(errors) }
}

fn one(query: &mut Query, given: &Given<'_>, extensions: &Extensions) -> Result<(), Wrong> {
    if given.values.is_empty() {
        return wrong("must have a value", "give at least one");
    }
    if given.values.iter().any(|value| value.len() > MAX_URI_BYTES) {
        return wrong(format!("values may have at most {MAX_URI_BYTES} bytes"), "shorten it");
    }
    match given.name {
        "orderBy" => query.order_by = Some(order_by(given.single()?, extensions)?),
        "orderDirection" => {
            query.ascending = match given.single()? {
                "ASC" => true,
                "DESC" => false,
                _ => return wrong("must be ASC or DESC", "write ASC or DESC"),
            }
        }
        "eventCountLimit" => query.event_count_limit = Some(given.count()?),
        "maxEventCount" => query.max_event_count = Some(given.count()?),
        name => {
            let condition = fixed(name, given)
                .or_else(|| flexible(name, given, extensions))
                .unwrap_or_else(|| Err(unknown(name)))?;
            query.conditions.push(condition);
        }
    }
    Ok(())
}

fn order_by(value: &str, extensions: &Extensions) -> Result<OrderBy, Wrong> {
    match value {
        "eventTime" => Ok(OrderBy::EventTime),
        "recordTime" => Ok(OrderBy::RecordTime),
        field if is_field(field) => Ok(OrderBy::Field(FieldName::new(field, extensions))),
        _ => wrong(
            "must name a field that can be ordered",
            "give eventTime, recordTime or the field of an extension, as prefix:name",
        ),
    }
}

/// Parameters whose names are fixed, with how their values are read.
const FIXED: [(&str, fn(&Given<'_>) -> Result<Condition, Wrong>); 59] = [
    ("eventType", |g| g.each(|t| event_type(t, g.extensions)).map(Condition::EventType)),
    ("GE_eventTime", |g| g.time().map(|at| Condition::From(TimeField::Event, at))),
    ("LT_eventTime", |g| g.time().map(|at| Condition::Before(TimeField::Event, at))),
    ("GE_recordTime", |g| g.time().map(|at| Condition::From(TimeField::Record, at))),
    ("LT_recordTime", |g| g.time().map(|at| Condition::Before(TimeField::Record, at))),
    ("EQ_action", |g| g.each(action).map(Condition::Action)),
    ("EQ_bizStep", |g| g.words(WordField::BizStep)),
    ("EQ_disposition", |g| g.words(WordField::Disposition)),
    ("EQ_persistentDisposition_set", |g| g.words(WordField::Set)),
    ("EQ_persistentDisposition_unset", |g| g.words(WordField::Unset)),
    ("EQ_readPoint", |g| g.ids().map(|ids| Condition::Place(PlaceField::ReadPoint, ids))),
    ("WD_readPoint", |g| g.ids().map(|ids| Condition::Within(PlaceField::ReadPoint, ids))),
    ("EQ_bizLocation", |g| g.ids().map(|ids| Condition::Place(PlaceField::BizLocation, ids))),
    ("WD_bizLocation", |g| g.ids().map(|ids| Condition::Within(PlaceField::BizLocation, ids))),
    ("EQ_transformationID", |g| g.ids().map(Condition::TransformationId)),
    ("EQ_eventID", |g| g.texts().map(Condition::EventId)),
    ("MATCH_epc", |g| g.matching(EpcLists::Epc)),
    ("MATCH_parentID", |g| g.matching(EpcLists::Parent)),
    ("MATCH_inputEPC", |g| g.matching(EpcLists::Input)),
    ("MATCH_outputEPC", |g| g.matching(EpcLists::Output)),
    ("MATCH_anyEPC", |g| g.matching(EpcLists::Any)),
    ("MATCH_epcClass", |g| g.matching(EpcLists::EpcClass)),
    ("MATCH_inputEPCClass", |g| g.matching(EpcLists::InputClass)),
    ("MATCH_outputEPCClass", |g| g.matching(EpcLists::OutputClass)),
    ("MATCH_anyEPCClass", |g| g.matching(EpcLists::AnyClass)),
    ("EQ_quantity", |g| g.numbers().map(|n| Condition::Quantity(Op::Eq, n))),
    ("GT_quantity", |g| g.numbers().map(|n| Condition::Quantity(Op::Gt, n))),
    ("GE_quantity", |g| g.numbers().map(|n| Condition::Quantity(Op::Ge, n))),
    ("LT_quantity", |g| g.numbers().map(|n| Condition::Quantity(Op::Lt, n))),
    ("LE_quantity", |g| g.numbers().map(|n| Condition::Quantity(Op::Le, n))),
    ("EXISTS_errorDeclaration", |g| g.truth().map(Condition::ErrorDeclared)),
    ("GE_errorDeclarationTime", declared_from),
    ("LT_errorDeclarationTime", declared_before),
    // So spelled by the standard's schema of named queries.
    ("GE_errorDeclaration_Time", declared_from),
    ("LT_errorDeclaration_Time", declared_before),
    ("EQ_errorReason", |g| g.words(WordField::ErrorReason)),
    ("EQ_correctiveEventID", |g| g.texts().map(Condition::CorrectiveEventId)),
    ("EXISTS_sensorElementList", |g| g.truth().map(Condition::Sensed)),
    ("GE_time", |g| g.time().map(|at| Condition::From(TimeField::Sensor, at))),
    ("LT_time", |g| g.time().map(|at| Condition::Before(TimeField::Sensor, at))),
    ("GE_startTime", |g| g.time().map(|at| Condition::From(TimeField::SensorStart, at))),
    ("LT_startTime", |g| g.time().map(|at| Condition::Before(TimeField::SensorStart, at))),
    ("GE_endTime", |g| g.time().map(|at| Condition::From(TimeField::SensorEnd, at))),
    ("LT_endTime", |g| g.time().map(|at| Condition::Before(TimeField::SensorEnd, at))),
    ("EQ_type", |g| g.words(WordField::Measurement)),
    ("EQ_exception", |g| g.words(WordField::Alert)),
    ("EQ_component", |g| g.words(WordField::Component)),
    ("EQ_deviceID", |g| g.ids().map(|ids| Condition::SensorText("deviceID", ids))),
    ("EQ_deviceMetadata", |g| g.ids().map(|ids| Condition::SensorText("deviceMetadata", ids))),
    ("EQ_rawData", |g| g.ids().map(|ids| Condition::SensorText("rawData", ids))),
    ("EQ_dataProcessingMethod", |g| {
        g.ids().map(|ids| Condition::SensorText("dataProcessingMethod", ids))
    }),
    ("EQ_bizRules", |g| g.ids().map(|ids| Condition::SensorText("bizRules", ids))),
    ("EQ_microorganism", |g| g.ids().map(|ids| Condition::SensorText("microorganism", ids))),
    ("EQ_chemicalSubstance", |g| {
        g.ids().map(|ids| Condition::SensorText("chemicalSubstance", ids))
    }),
    ("EQ_coordinateReferenceSystem", |g| {
        g.ids().map(|ids| Condition::SensorText("coordinateReferenceSystem", ids))
    }),
    ("EQ_stringValue", |g| g.texts().map(|texts| Condition::SensorText("stringValue", texts))),
    ("EQ_hexBinaryValue", |g| {
        g.texts().map(|texts| {
            let upper = texts.iter().map(|text| text.to_ascii_uppercase()).collect();
            Condition::SensorText("hexBinaryValue", upper)
        })
    }),
    ("EQ_uriValue", |g| g.ids().map(|ids| Condition::SensorText("uriValue", ids))),
    ("EQ_booleanValue", |g| g.truth().map(Condition::SensorBoolean)),
];

fn declared_from(given: &Given<'_>) -> Result<Condition, Wrong> {
    given.time().map(|at| Condition::From(TimeField::ErrorDeclaration, at))
}

fn declared_before(given: &Given<'_>) -> Result<Condition, Wrong> {
    given.time().map(|at| Condition::Before(TimeField::ErrorDeclaration, at))
}

fn fixed(name: &str, given: &Given<'_>) -> Option<Result<Condition, Wrong>> {
    FIXED.iter().find(|(known, _)| *known == name).map(|(_, read)| read(given))
}

/// Numbers that sensors report, in a unit that the parameter names.
const IN_UNITS: [&str; 6] = ["value", "minValue", "maxValue", "meanValue", "sDev", "percValue"];

/// Parameters whose names hold a type, a unit or the name of a field.
fn flexible(
    name: &str,
    given: &Given<'_>,
    extensions: &Extensions,
) -> Option<Result<Condition, Wrong>> {
    if let Some(field) = name.strip_prefix("HASATTR_") {
        return Some(record_field(field).and_then(|field| {
            let names = given.texts()?;
            let full = names.iter().map(|name| attribute_name(name, extensions)).collect();
            Ok(Condition::HasAttribute(field, full))
        }));
    }
    if let Some(rest) = name.strip_prefix("EQATTR_").or_else(|| name.strip_prefix("EQ_ATTR_")) {
        let Some((field, attribute)) = rest.split_once('_') else {
            return Some(wrong("names no attribute", "write EQATTR_field_attribute"));
        };
        return Some(record_field(field).and_then(|field| {
            let name = attribute_name(attribute, extensions);
            Ok(Condition::Attribute(field, name, given.texts()?))
        }));
    }
    if let Some(rest) = name.strip_prefix("EXISTS_") {
        let path = field_path(rest, extensions)?;
        return Some(given.truth().map(|there| Condition::Exists(path, there)));
    }
    let (op, rest) = Op::split(name)?;
    for (prefix, field, vocabulary) in [
        ("bizTransaction_", LinkField::BizTransaction, Vocabulary::BizTransactionType),
        ("source_", LinkField::Source, Vocabulary::SourceDestinationType),
        ("destination_", LinkField::Destination, Vocabulary::SourceDestinationType),
    ] {
        if op == Op::Eq
            && let Some(kind) = rest.strip_prefix(prefix)
        {
            return Some(
                word(vocabulary, kind, extensions)
                    .and_then(|kind| Ok(Condition::Link(field, kind, given.ids()?))),
            );
        }
    }
    if rest == "percRank" {
        return Some(given.numbers().map(|n| Condition::SensorNumber("percRank", None, op, n)));
    }
    if let Some((field, unit)) = rest.split_once('_')
        && let Some(field) = IN_UNITS.iter().find(|known| **known == field)
    {
        let fine = (1..=4).contains(&unit.len())
            && unit.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !fine {
            let mend = "end it with a UN/CEFACT Rec 20 code such as CEL";
            return Some(wrong("names no unit of measure", mend));
        }
        let unit = Some(unit.to_owned());
        return Some(given.numbers().map(|n| Condition::SensorNumber(field, unit, op, n)));
    }
    let path = field_path(rest, extensions)?;
    Some(given.scalars(op).map(|values| Condition::Field(path, op, values)))
}

/// `[INNER_][ILMD_ …]prefix:name`; `None` when it names no field of an extension.
fn field_path(text: &str, extensions: &Extensions) -> Option<FieldPath> {
    let (inner, rest) = match text.strip_prefix("INNER_") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let spelled = Area::SPELLED
        .iter()
        .find_map(|(prefix, area)| rest.strip_prefix(prefix).map(|rest| (*area, rest)));
    let (area, name) = spelled.unwrap_or((Area::Event, rest));
    // Some write INNER_ behind the area.
    let (inner, name) = match name.strip_prefix("INNER_") {
        Some(name) if spelled.is_some() => (true, name),
        _ => (inner, name),
    };
    is_field(name).then(|| FieldPath { area, inner, name: FieldName::new(name, extensions) })
}

/// Whether this is `prefix:name` or a URI.
fn is_field(name: &str) -> bool {
    name.split_once(':').is_some_and(|(prefix, local)| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        !local.is_empty() && prefix.bytes().all(plain) && !prefix.is_empty()
    })
}

fn record_field(name: &str) -> Result<RecordField, Wrong> {
    Ok(match name {
        "readPoint" => RecordField::Place(PlaceField::ReadPoint),
        "bizLocation" => RecordField::Place(PlaceField::BizLocation),
        "epcClass" => RecordField::EpcClass,
        "source" => RecordField::Source,
        "destination" => RecordField::Destination,
        _ => {
            return wrong(
                "names a field without records",
                "use readPoint, bizLocation, epcClass, source or destination",
            );
        }
    })
}

/// The full name of an attribute as it is kept; the attributes of CBV may go without their prefix.
fn attribute_name(given: &str, extensions: &Extensions) -> String {
    const CBV: &str = "urn:epcglobal:cbv:mda:";
    if !given.contains(':') {
        return format!("{CBV}{given}");
    }
    let full = extensions.expand(given).unwrap_or_else(|| given.to_owned());
    match full.strip_prefix("urn:epcglobal:cbv:mda#") {
        Some(word) => format!("{CBV}{word}"),
        None => full,
    }
}

fn unknown(name: &str) -> Wrong {
    let others = ["orderBy", "orderDirection", "eventCountLimit", "maxEventCount"];
    let near = FIXED.iter().map(|(known, _)| *known).chain(others);
    let near = near.into_iter().find(|known| known.eq_ignore_ascii_case(name));
    let mend = match near {
        Some(known) => format!("write {known}"),
        None => "leave it out, or use a parameter of the simple event query of EPCIS 2.0 \
                 (§8.2.7.1); fields of extensions are named as prefix:name"
            .to_owned(),
    };
    ("is not known".to_owned(), mend)
}

fn event_type(text: &str, extensions: &Extensions) -> Result<String, Wrong> {
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

fn action(text: &str) -> Result<Action, Wrong> {
    match text {
        "ADD" => Ok(Action::Add),
        "OBSERVE" => Ok(Action::Observe),
        "DELETE" => Ok(Action::Delete),
        _ => wrong("must be ADD, OBSERVE or DELETE", "write them in capitals"),
    }
}

/// A word of CBV in any spelling, also that of older versions, as the bare word; or a URI.
fn word(vocabulary: Vocabulary, text: &str, extensions: &Extensions) -> Result<String, Wrong> {
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
    fn single(&self) -> Result<&str, Wrong> {
        match self.values.as_slice() {
            [one] => Ok(one),
            _ => wrong("takes one value", "give one"),
        }
    }

    fn each<T>(&self, read: impl Fn(&str) -> Result<T, Wrong>) -> Result<Vec<T>, Wrong> {
        self.values.iter().map(|value| read(value)).collect()
    }

    fn texts(&self) -> Result<Vec<String>, Wrong> {
        self.each(|value| match value {
            "" => wrong("must not hold an empty value", "take the empty one out"),
            value => Ok(value.to_owned()),
        })
    }

    /// Identifiers, in their one spelling.
    fn ids(&self) -> Result<Vec<String>, Wrong> {
        self.each(|value| match is_uri(value) {
            true => Ok(canonical(value).into_uri()),
            false => wrong(
                "must hold identifiers that are URIs",
                "give each as EPC URN or GS1 Digital Link, and join several by |",
            ),
        })
    }

    fn matching(&self, lists: EpcLists) -> Result<Condition, Wrong> {
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

    fn words(&self, field: WordField) -> Result<Condition, Wrong> {
        let words = self.each(|value| word(field.vocabulary(), value, self.extensions))?;
        Ok(Condition::Word(field, words))
    }

    fn time(&self) -> Result<TimestampMs, Wrong> {
        time::parse(self.single()?).or_else(|_| {
            wrong(
                "must be a date-time with a zone, from 1970 on",
                "write it as 2026-03-01T10:00:00Z; a + in a URL is %2B",
            )
        })
    }

    fn numbers(&self) -> Result<Vec<Decimal>, Wrong> {
        self.each(|value| match number(value) {
            Some(number) => Ok(number),
            None => wrong("must be a number", "write it as 20.5"),
        })
    }

    fn count(&self) -> Result<usize, Wrong> {
        let count = self.single()?.parse::<u32>().ok().filter(|count| *count > 0);
        match count.and_then(|count| usize::try_from(count).ok()) {
            Some(count) => Ok(count),
            None => wrong("must be a whole number above 0", "leave it out for no limit"),
        }
    }

    /// The standard gives these parameters no value; the OpenAPI document gives them a boolean.
    fn truth(&self) -> Result<bool, Wrong> {
        match self.single()? {
            "" | "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => wrong("must be true or false", "write true"),
        }
    }

    fn scalars(&self, op: Op) -> Result<Vec<Scalar>, Wrong> {
        let values: Vec<Scalar> = self.values.iter().map(|value| Scalar::new(value)).collect();
        if op != Op::Eq && !values.iter().all(Scalar::is_ordered) {
            return wrong("must be a number or a date-time with a zone", "or ask with EQ_");
        }
        Ok(values)
    }
}
