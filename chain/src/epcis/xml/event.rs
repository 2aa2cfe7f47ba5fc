//! Events of the XML binding as events of the JSON binding.

use serde_json::{Map, Value};

use super::Names;
use super::tree::Node;
use crate::epcis::json::parse_strict;
use crate::epcis::vocabulary::Vocabulary;

type Object = Map<String, Value>;

/// The events of an event list; those that 1.2 puts into `extension` too.
pub(super) fn all(list: &Node, names: &Names) -> Vec<Value> {
    let mut events = Vec::new();
    for node in &list.children {
        if node.name.namespace.is_empty() && node.name.local == "extension" {
            events.extend(all(node, names));
            continue;
        }
        let mut event = Object::new();
        event.insert("type".to_owned(), names.key(&node.name).into());
        members(node, names, &mut event, standard);
        events.push(Value::Object(event));
    }
    events
}

/// Reads one child into the object; `false` when it is no standard field there.
type Standard = fn(&Node, &Names, &mut Object) -> bool;

/// Reads all children: standard fields, what `extension` and `baseExtension` hold as if it stood
/// outside of them, and extensions.
fn members(node: &Node, names: &Names, out: &mut Object, standard: Standard) {
    for child in &node.children {
        let plain = child.name.namespace.is_empty();
        let wrapper = matches!(child.name.local.as_str(), "extension" | "baseExtension");
        if plain && wrapper {
            members(child, names, out, standard);
        } else if !plain || !standard(child, names, out) {
            add(out, names.key(&child.name), free(child, names));
        }
    }
}

/// Adds a value; a second one under the same key makes a list.
fn add(out: &mut Object, key: String, value: Value) {
    match out.get_mut(&key) {
        None => {
            out.insert(key, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

/// A value of an extension.
fn free(node: &Node, names: &Names) -> Value {
    if node.children.is_empty() && node.attributes.is_empty() {
        return node.trimmed().into();
    }
    let mut object = Object::new();
    for (name, value) in &node.attributes {
        add(&mut object, names.key(name), value.as_str().into());
    }
    for child in &node.children {
        add(&mut object, names.key(&child.name), free(child, names));
    }
    if !node.trimmed().is_empty() {
        object.insert("#text".to_owned(), node.trimmed().into());
    }
    Value::Object(object)
}

/// A number when the text is one, and one that JSON keeps, else the text, which validation refuses.
fn number(text: &str) -> Value {
    let text = text.trim();
    let spelled = as_json(text).unwrap_or_else(|| text.to_owned());
    match parse_strict(spelled.as_bytes()) {
        Ok(number @ Value::Number(_)) => number,
        _ => text.into(),
    }
}

/// A decimal of XML Schema as JSON spells it: `+5`, `.5`, `5.` and `05` are none there.
fn as_json(text: &str) -> Option<String> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => unsigned.split_at_checked(at)?,
        None => (unsigned, ""),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}{exponent}"))
}

/// A value of the vocabulary as JSON has it: the bare word.
fn word(text: &str, vocabulary: Vocabulary) -> Value {
    let plain = vocabulary.plain(text);
    if vocabulary.has(plain) || vocabulary.allows_uri(plain) {
        return plain.into();
    }
    let last = plain.rsplit([':', '/', '-']).next().unwrap_or_default();
    if vocabulary.has(last) { last.into() } else { plain.into() }
}

fn standard(node: &Node, names: &Names, out: &mut Object) -> bool {
    let key = node.name.local.as_str();
    let text = || Value::from(node.trimmed());
    let value = match key {
        "eventTime"
        | "recordTime"
        | "eventTimeZoneOffset"
        | "eventID"
        | "action"
        | "parentID"
        | "transformationID" => text(),
        "certificationInfo" => {
            add(out, key.to_owned(), text());
            return true;
        }
        "bizStep" => word(node.trimmed(), Vocabulary::BizStep),
        "disposition" => word(node.trimmed(), Vocabulary::Disposition),
        "epcList" | "childEPCs" | "inputEPCList" | "outputEPCList" => texts(node),
        "quantityList" | "childQuantityList" | "inputQuantityList" | "outputQuantityList" => {
            node.children.iter().map(|element| object(element, names, quantity)).collect()
        }
        "readPoint" | "bizLocation" => object(node, names, place),
        "bizTransactionList" => typed(node, "bizTransaction", Vocabulary::BizTransactionType),
        "sourceList" => typed(node, "source", Vocabulary::SourceDestinationType),
        "destinationList" => typed(node, "destination", Vocabulary::SourceDestinationType),
        "persistentDisposition" => object(node, names, persistent),
        "errorDeclaration" => object(node, names, error_declaration),
        "ilmd" => object(node, names, |_, _, _| false),
        "sensorElementList" => {
            node.children.iter().map(|element| object(element, names, sensor)).collect()
        }
        _ => return false,
    };
    out.insert(key.to_owned(), value);
    true
}

fn object(node: &Node, names: &Names, standard: Standard) -> Value {
    let mut out = Object::new();
    members(node, names, &mut out, standard);
    Value::Object(out)
}

fn texts(node: &Node) -> Value {
    node.children.iter().map(|child| Value::from(child.trimmed())).collect()
}

fn typed(node: &Node, name: &str, vocabulary: Vocabulary) -> Value {
    let element = |child: &Node| {
        let mut out = Object::new();
        if let Some(kind) = child.attribute("type") {
            out.insert("type".to_owned(), word(kind, vocabulary));
        }
        out.insert(name.to_owned(), child.trimmed().into());
        Value::Object(out)
    };
    node.children.iter().map(element).collect()
}

fn quantity(node: &Node, _: &Names, out: &mut Object) -> bool {
    let value = match node.name.local.as_str() {
        "epcClass" | "uom" => node.trimmed().into(),
        "quantity" => number(node.trimmed()),
        _ => return false,
    };
    out.insert(node.name.local.clone(), value);
    true
}

fn place(node: &Node, _: &Names, out: &mut Object) -> bool {
    let is_id = node.name.local == "id";
    if is_id {
        out.insert("id".to_owned(), node.trimmed().into());
    }
    is_id
}

fn persistent(node: &Node, _: &Names, out: &mut Object) -> bool {
    let key = node.name.local.as_str();
    if !matches!(key, "set" | "unset") {
        return false;
    }
    let list = out.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list {
        list.push(word(node.trimmed(), Vocabulary::Disposition));
    }
    true
}

fn error_declaration(node: &Node, _: &Names, out: &mut Object) -> bool {
    let value = match node.name.local.as_str() {
        "declarationTime" => node.trimmed().into(),
        "reason" => word(node.trimmed(), Vocabulary::ErrorReason),
        "correctiveEventIDs" => texts(node),
        _ => return false,
    };
    out.insert(node.name.local.clone(), value);
    true
}

fn sensor(node: &Node, names: &Names, out: &mut Object) -> bool {
    let key = node.name.local.as_str();
    if !matches!(key, "sensorMetadata" | "sensorReport") {
        return false;
    }
    let mut inside = Object::new();
    for (name, value) in &node.attributes {
        let value = match name.local.as_str() {
            _ if !name.namespace.is_empty() => value.as_str().into(),
            "type" => word(value, Vocabulary::MeasurementType),
            "exception" => word(value, Vocabulary::SensorAlert),
            "component" => word(value, Vocabulary::Component),
            "value" | "minValue" | "maxValue" | "meanValue" | "sDev" | "percRank" | "percValue" => {
                number(value)
            }
            "booleanValue" => match value.as_str() {
                "true" | "1" => Value::Bool(true),
                "false" | "0" => Value::Bool(false),
                other => other.into(),
            },
            _ => value.as_str().into(),
        };
        inside.insert(names.key(name), value);
    }
    members(node, names, &mut inside, |_, _, _| false);
    let inside = Value::Object(inside);
    if key == "sensorMetadata" {
        out.insert(key.to_owned(), inside);
        return true;
    }
    let list = out.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list {
        list.push(inside);
    }
    true
}
