//! Which member of an event belongs to which section.
//!
//! - **public**: type, times, eventID, contexts, action, bizStep, dispositions, identifiers, class
//!   ids of quantity lists, ids of places, certificationInfo, errorDeclaration, product facts of
//!   ilmd in GS1's vocabularies, sensor types, values, times and alerts.
//! - **trade**: bizTransactionList, sourceList, destinationList, quantities and units, places given
//!   as `geo:` position, sensor readings of a position, members of ilmd that say what something
//!   costs.
//! - **rest**: extension fields wherever they stand, raw sensor data and device details, and what
//!   has not the form that EPCIS gives it.
//!
//! Members of the event that its recorder marks ([`super::marks`]) are public, whole.
//!
//! This list is part of the ledger's format: to change it is to change what digests mean.

use serde_json::Value;

use super::super::check::Object;
use super::super::uri;
use super::SectionName;

/// Something in three parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cut<T> {
    pub(super) public: T,
    pub(super) trade: T,
    pub(super) rest: T,
}

impl<T> Cut<T> {
    fn part(&mut self, name: SectionName) -> &mut T {
        match name {
            SectionName::Public => &mut self.public,
            SectionName::Trade => &mut self.trade,
            SectionName::Rest => &mut self.rest,
        }
    }

    fn into_parts(self) -> [(SectionName, T); 3] {
        [
            (SectionName::Public, self.public),
            (SectionName::Trade, self.trade),
            (SectionName::Rest, self.rest),
        ]
    }
}

/// Where one member goes.
enum Place {
    /// All of it there.
    Whole(SectionName),
    /// An object whose members go their own ways.
    Members(Policy),
    /// A list of objects whose members go their own ways.
    Elements(Policy),
}

/// Says where the member of that name goes; sees the object it is in.
type Policy = fn(&Object, &str) -> Place;

const PUBLIC: Place = Place::Whole(SectionName::Public);
const TRADE: Place = Place::Whole(SectionName::Trade);
const REST: Place = Place::Whole(SectionName::Rest);

/// Cuts an event object; the members that are marked are public, whole.
pub(super) fn cut_event(event: &Object, marked: &[&str]) -> Cut<Object> {
    if marked.is_empty() {
        return cut_object(event, event_member);
    }
    let is_marked = |key: &String| marked.contains(&key.as_str());
    let (open, others): (Object, Object) =
        event.clone().into_iter().partition(|(key, _)| is_marked(key));
    let mut parts = cut_object(&others, event_member);
    parts.public.extend(open);
    parts
}

fn cut_object(object: &Object, policy: Policy) -> Cut<Object> {
    let mut parts = Cut::<Object>::default();
    for (key, value) in object {
        match (policy(object, key), value) {
            (Place::Whole(name), value) => {
                parts.part(name).insert(key.clone(), value.clone());
            }
            (Place::Members(inner), Value::Object(object)) if !object.is_empty() => {
                for (name, part) in cut_object(object, inner).into_parts() {
                    if !part.is_empty() {
                        parts.part(name).insert(key.clone(), Value::Object(part));
                    }
                }
            }
            (Place::Elements(inner), Value::Array(list)) if is_cuttable(list) => {
                for (name, part) in cut_list(list, inner).into_parts() {
                    if !part.is_empty() {
                        parts.part(name).insert(key.clone(), Value::Array(part));
                    }
                }
            }
            // Empty, so there is nothing to cut; or of another form than EPCIS gives it.
            (_, value) => {
                let empty = matches!(value, Value::Object(o) if o.is_empty())
                    || matches!(value, Value::Array(list) if list.iter().all(is_empty_object));
                let home = if empty { SectionName::Public } else { SectionName::Rest };
                parts.part(home).insert(key.clone(), value.clone());
            }
        }
    }
    parts
}

fn is_empty_object(value: &Value) -> bool {
    value.as_object().is_some_and(Object::is_empty)
}

/// A list of objects, not all of them empty.
fn is_cuttable(list: &[Value]) -> bool {
    list.iter().all(Value::is_object) && !list.iter().all(is_empty_object)
}

/// Cuts each element; a section that gets nothing of any element gets no list.
fn cut_list(list: &[Value], policy: Policy) -> Cut<Vec<Value>> {
    let mut parts = Cut::<Vec<Value>>::default();
    for element in list.iter().filter_map(Value::as_object) {
        for (name, part) in cut_object(element, policy).into_parts() {
            parts.part(name).push(Value::Object(part));
        }
    }
    for name in SectionName::ALL {
        let part = parts.part(name);
        if part.iter().all(is_empty_object) {
            part.clear();
        }
    }
    parts
}

fn event_member(_: &Object, key: &str) -> Place {
    match key {
        "@context"
        | "type"
        | "eventID"
        | "eventTime"
        | "eventTimeZoneOffset"
        | "action"
        | "bizStep"
        | "disposition"
        | "persistentDisposition"
        | "epcList"
        | "parentID"
        | "childEPCs"
        | "inputEPCList"
        | "outputEPCList"
        | "transformationID"
        | "certificationInfo" => PUBLIC,
        "bizTransactionList" | "sourceList" | "destinationList" => TRADE,
        "quantityList" | "childQuantityList" | "inputQuantityList" | "outputQuantityList" => {
            Place::Elements(quantity_member)
        }
        "readPoint" | "bizLocation" => Place::Members(place_member),
        "errorDeclaration" => Place::Members(error_declaration_member),
        "sensorElementList" => Place::Elements(sensor_element_member),
        "ilmd" => Place::Members(ilmd_member),
        _ => REST,
    }
}

fn quantity_member(_: &Object, key: &str) -> Place {
    match key {
        "epcClass" => PUBLIC,
        "quantity" | "uom" => TRADE,
        _ => REST,
    }
}

fn place_member(place: &Object, key: &str) -> Place {
    let id = || place.get("id").and_then(Value::as_str);
    match key {
        "id" if id().and_then(uri::geo).is_some() => TRADE,
        "id" => PUBLIC,
        _ => REST,
    }
}

fn error_declaration_member(_: &Object, key: &str) -> Place {
    match key {
        "declarationTime" | "reason" | "correctiveEventIDs" => PUBLIC,
        _ => REST,
    }
}

/// Product facts in GS1's own vocabularies are for everybody; others their maker must publish. What
/// something costs is between the parties, in whatever words of GS1's.
fn ilmd_member(ilmd: &Object, key: &str) -> Place {
    const GS1: [&str; 4] = ["cbvmda:", "gs1:", "urn:epcglobal:cbv:mda:", "https://gs1.org/voc/"];
    if !GS1.iter().any(|prefix| key.starts_with(prefix)) {
        return REST;
    }
    let is_money = names_money(key) || ilmd.get(key).is_some_and(holds_money);
    if is_money { TRADE } else { PUBLIC }
}

/// Whether a member of this name says what something costs: `gs1:price`, `gs1:priceSpecification`,
/// `gs1:priceCurrency`, `gs1:exactDiscountAmount` and their like of the GS1 Web Vocabulary. Told by
/// the words in the name, so that a term which comes later is not public before it is known here.
fn names_money(key: &str) -> bool {
    const WORDS: [&str; 8] = [
        "price",
        "currency",
        "payable",
        "payment",
        "discount",
        "purchaseamount",
        "depositamount",
        "taxamount",
    ];
    let key = key.to_ascii_lowercase();
    WORDS.iter().any(|word| key.contains(word))
}

/// Whether such a member stands anywhere in `value`.
fn holds_money(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(holds_money),
        Value::Object(object) => {
            object.iter().any(|(key, value)| names_money(key) || holds_money(value))
        }
        _ => false,
    }
}

fn sensor_element_member(_: &Object, key: &str) -> Place {
    match key {
        "sensorMetadata" => Place::Members(sensor_metadata_member),
        "sensorReport" => Place::Elements(sensor_report_member),
        _ => REST,
    }
}

fn sensor_metadata_member(_: &Object, key: &str) -> Place {
    match key {
        "time" | "startTime" | "endTime" => PUBLIC,
        _ => REST,
    }
}

fn sensor_report_member(report: &Object, key: &str) -> Place {
    match key {
        "type" => PUBLIC,
        _ if is_position(report) => TRADE,
        "exception" | "time" | "value" | "minValue" | "maxValue" | "meanValue" | "sDev"
        | "percRank" | "percValue" | "uom" | "component" | "stringValue" | "booleanValue" => PUBLIC,
        _ => REST,
    }
}

/// Whether a sensor report says where something was.
fn is_position(report: &Object) -> bool {
    let component = report.get("component").and_then(Value::as_str).unwrap_or_default();
    let word = component.rsplit(['-', ':', '/']).next().unwrap_or_default();
    report.contains_key("coordinateReferenceSystem")
        || matches!(word, "latitude" | "longitude" | "easting" | "northing")
}
