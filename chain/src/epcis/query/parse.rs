//! Reading the parameters of a query.

use std::collections::BTreeSet;

use serde_json::Value;

use super::field::{Area, Extensions, FieldName};
use super::fixed::{fixed, parameters};
use super::given::{Given, Wrong, word, wrong};
use super::value::Op;
use super::{
    Condition, FieldPath, LinkField, MAX_QUERY_PARAMETERS, MAX_QUERY_VALUES, OrderBy,
    ParameterError, PlaceField, Query, RecordField,
};
use crate::epcis::vocabulary::Vocabulary;
use crate::limits::MAX_URI_BYTES;

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
    if query.event_count_limit.is_some() && query.order_by.is_none() {
        errors.push(ParameterError {
            name: "eventCountLimit".to_owned(),
            rule: "needs orderBy: without an order there are no first events".to_owned(),
            mend: "add orderBy=eventTime, or read page by page with perPage".to_owned(),
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
            let condition = fixed(given)
                .or_else(|| flexible(name, given, extensions))
                .unwrap_or_else(|| Err(unknown(name)))?;
            // What need not be there may be there.
            if !name.starts_with("EXISTS_") || given.truth()? {
                query.conditions.push(condition);
            }
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

/// Numbers that sensors report, in a unit that the parameter names.
const IN_UNITS: [&str; 6] = ["value", "minValue", "maxValue", "meanValue", "sDev", "percValue"];

/// Parameters whose names hold a type, a unit or the name of a field.
fn flexible(
    name: &str,
    given: &Given<'_>,
    extensions: &Extensions,
) -> Option<Result<Condition, Wrong>> {
    if let Some(field) = name.strip_prefix("HASATTR_") {
        return Some(record_field(field, extensions).and_then(|field| {
            let names = given.texts()?;
            let full = names.iter().map(|name| attribute_name(name, extensions)).collect();
            Ok(Condition::HasAttribute(field, full))
        }));
    }
    if let Some(rest) = name.strip_prefix("EQATTR_").or_else(|| name.strip_prefix("EQ_ATTR_")) {
        let Some((field, attribute)) = rest.split_once('_') else {
            return Some(wrong("names no attribute", "write EQATTR_field_attribute"));
        };
        return Some(record_field(field, extensions).and_then(|field| {
            let name = attribute_name(attribute, extensions);
            Ok(Condition::Attribute(field, name, given.texts()?))
        }));
    }
    if let Some(rest) = name.strip_prefix("EXISTS_") {
        let path = field_path(rest, extensions)?;
        return Some(given.truth().map(|_| Condition::Exists(path)));
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
        && (field == "quantity" || IN_UNITS.contains(&field))
    {
        let fine = (1..=4).contains(&unit.len())
            && unit.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !fine {
            let mend = "end it with a UN/CEFACT Rec 20 code such as CEL";
            return Some(wrong("names no unit of measure", mend));
        }
        let unit = Some(unit.to_owned());
        return Some(given.numbers().map(|n| match IN_UNITS.iter().find(|own| **own == field) {
            Some(field) => Condition::SensorNumber(field, unit, op, n),
            None => Condition::Quantity(unit, op, n),
        }));
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

fn record_field(name: &str, extensions: &Extensions) -> Result<RecordField, Wrong> {
    Ok(match name {
        "readPoint" => RecordField::Place(PlaceField::ReadPoint),
        "bizLocation" => RecordField::Place(PlaceField::BizLocation),
        "epcClass" => RecordField::EpcClass,
        "source" => RecordField::Source,
        "destination" => RecordField::Destination,
        field if is_field(field) => RecordField::Field(FieldName::new(field, extensions)),
        _ => {
            return wrong(
                "names a field without records",
                "use readPoint, bizLocation, epcClass, source, destination or prefix:name",
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
    let mut known = parameters().map(|parameter| parameter.name);
    let near = known.find(|known| known.eq_ignore_ascii_case(name));
    let mend = match near {
        Some(known) => format!("write {known}"),
        None => "leave it out, or use a parameter of the simple event query of EPCIS 2.0 \
                 (§8.2.7.1); fields of extensions are named as prefix:name"
            .to_owned(),
    };
    ("is not known".to_owned(), mend)
}
