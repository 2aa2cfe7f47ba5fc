//! Master data that comes with an EPCIS document: in its header, or beside the events of a query's
//! answer.
//!
//! A document says something of a thing and seldom everything, so what it names is changed and the
//! rest stays as it is on record. What has a field of its own goes there, when it fits; every other
//! attribute is kept by its name. Nothing is dropped without a notice that says where it stood.
//!
//! | vocabulary type (the last word of it) | becomes |
//! |---|---|
//! | `EPCClass` | product |
//! | `BusinessLocation`, `BizLocation`, `ReadPoint`, `Location` | place |
//! | `Party` | party |
//! | `SourceDest` | party or place, as its key says |
//!
//! | attribute (of CBV, FMCG or GS1's web vocabulary, in any spelling) | field |
//! |---|---|
//! | `descriptionShort`, `name`, `productName`, `locationName` … | `names` |
//! | `tradeItemDescription`, `description`, `productDescription` | `descriptions` |
//! | `brand`, `brandName` | `brand` |
//! | `streetAddressOne`, `streetAddressTwo`, `streetAddressThree`, `streetAddress` | `lines` |
//! | `city`, `state`, `postalCode`, `countryCode` | fields of the address |
//! | `latitude`, `longitude` | the position |
//!
//! A place's `children` lie inside it. A child of several places lies in the innermost of them. As
//! what it lies there, read point or business location, is kept beside ([`super::hierarchy`]).

use std::collections::BTreeMap;

use serde_json::Value;

use super::hierarchy::attribute_of;
use super::{
    Address, Attributes, Links, MasterData, MasterKind, Party, Place, Product, Texts, UNDETERMINED,
    decimal, is_country, is_language,
};
use crate::epcis::context::Contexts;
use crate::epcis::query::PlaceField;
use crate::epcis::{
    Canonical, Document, DocumentKind, Flaw, MAX_VIOLATIONS, Violation, canonical, canonical_text,
    shown,
};
use crate::limits::{MAX_ADDRESS_LINES, MAX_ATTRIBUTES, MAX_LINE_BYTES, MAX_TEXT_BYTES};

/// What a document says of one product, place or party.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What kind of thing.
    pub kind: MasterKind,
    /// Its canonical identifier.
    pub id: String,
    /// Where the document says it first: a JSON pointer.
    pub pointer: String,
    inside: Option<String>,
    /// In which places it lies, as the vocabulary says that names it.
    lies: Vec<(PlaceField, String)>,
    attributes: Vec<Attribute>,
}

#[derive(Clone, Debug, PartialEq)]
struct Attribute {
    /// The full name, in one spelling.
    name: String,
    pointer: String,
    language: Option<String>,
    text: String,
}

/// All that a document says, and what of it cannot be kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// In the order of the document.
    pub changes: Vec<Change>,
    /// What is left out, and why; at most [`MAX_VIOLATIONS`].
    pub left_out: Vec<Violation>,
}

/// The namespaces whose words are known.
const NAMESPACES: [&str; 7] = [
    CBV,
    "urn:epcglobal:cbv:mda#",
    "urn:epcglobal:fmcg:mda:",
    "urn:epcglobal:fmcg:mda#",
    "https://gs1.org/voc/",
    "https://www.gs1.org/voc/",
    "http://gs1.org/voc/",
];

/// Attributes of CBV are kept under this, as GS1's context has it.
const CBV: &str = "urn:epcglobal:cbv:mda:";

impl Changes {
    /// Reads the master data of a document.
    #[must_use]
    pub fn of(document: &Document) -> Changes {
        let (list, at) = match document.kind {
            DocumentKind::Capture => {
                let header = document.header.as_ref();
                let inner = "/epcisMasterData/vocabularyList";
                (header.and_then(|header| header.pointer(inner)), format!("/epcisHeader{inner}"))
            }
            DocumentKind::Query => {
                let inner = "/queryResults/resultsBody/vocabularyList";
                let body = document.members.get("epcisBody");
                (body.and_then(|body| body.pointer(inner)), format!("/epcisBody{inner}"))
            }
        };
        let contexts = Contexts::new(Some(&document.context), None);
        let mut reader = Reader { contexts, ..Reader::default() };
        for (index, vocabulary) in entries(list).enumerate() {
            reader.vocabulary(&format!("{at}/{index}"), vocabulary);
        }
        reader.finish()
    }

    /// Notes that something is left out.
    pub fn leave_out(&mut self, at: &str, rule: &'static str, message: impl Into<String>) {
        leave_out(&mut self.left_out, at, rule, message);
    }
}

fn leave_out(
    left_out: &mut Vec<Violation>,
    at: &str,
    rule: &'static str,
    message: impl Into<String>,
) {
    if left_out.len() < MAX_VIOLATIONS {
        left_out.push(Violation { pointer: at.to_owned(), rule, message: message.into() });
    }
}

fn entries(list: Option<&Value>) -> std::slice::Iter<'_, Value> {
    list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter()
}

/// Collects what a document says of each thing.
#[derive(Default)]
struct Reader<'a> {
    contexts: Contexts<'a>,
    /// By kind and identifier: the place in `changes`.
    known: BTreeMap<(MasterKind, String), usize>,
    changes: Vec<Change>,
    /// The places named around each place, with where.
    around: BTreeMap<String, Vec<(String, String)>>,
    left_out: Vec<Violation>,
}

impl Reader<'_> {
    fn leave_out(&mut self, at: &str, rule: &'static str, message: impl Into<String>) {
        leave_out(&mut self.left_out, at, rule, message);
    }

    fn vocabulary(&mut self, at: &str, vocabulary: &Value) {
        let kind = vocabulary.get("type").and_then(Value::as_str).unwrap_or_default();
        let word = kind.rsplit([':', '/', '#']).next().unwrap_or_default();
        let elements = vocabulary.get("vocabularyElementList");
        let at = format!("{at}/vocabularyElementList");
        for (index, element) in entries(elements).enumerate() {
            self.element(&format!("{at}/{index}"), word, element);
        }
    }

    fn element(&mut self, at: &str, word: &str, element: &Value) {
        let id = element.get("id").and_then(Value::as_str).unwrap_or_default();
        let identifier = canonical(id);
        let kind = match word {
            "EPCClass" => MasterKind::Product,
            "BusinessLocation" | "BizLocation" | "ReadPoint" | "Location" => MasterKind::Place,
            "Party" => MasterKind::Party,
            "SourceDest" if MasterKind::Place.fits(&identifier) => MasterKind::Place,
            "SourceDest" => MasterKind::Party,
            other => {
                let message = format!(
                    "master data of type {} has no record here: products, places and parties have",
                    shown(other)
                );
                return self.leave_out(at, "vocabulary-type", message);
            }
        };
        let Some(place) = self.change(at, kind, &identifier) else { return };
        let attributes = element.get("attributes");
        for (index, attribute) in entries(attributes).enumerate() {
            let at = format!("{at}/attributes/{index}");
            if let Some(attribute) = self.attribute(&at, attribute)
                && let Some(change) = self.changes.get_mut(place)
                && !change.attributes.iter().any(|earlier| {
                    (&earlier.name, &earlier.language, &earlier.text)
                        == (&attribute.name, &attribute.language, &attribute.text)
                })
            {
                change.attributes.push(attribute);
            }
        }
        let outer = identifier.uri();
        for (index, child) in entries(element.get("children")).enumerate() {
            let at = format!("{at}/children/{index}");
            let child = canonical(child.as_str().unwrap_or_default());
            if kind != MasterKind::Place {
                let what = kind.as_str();
                let message = format!("what lies under a {what} is not kept, only under a place");
                self.leave_out(&at, "children", message);
            } else if let Some(place) = self.change(&at, kind, &child) {
                let lies = match word {
                    "ReadPoint" => Some(PlaceField::ReadPoint),
                    "BusinessLocation" | "BizLocation" => Some(PlaceField::BizLocation),
                    _ => None,
                };
                if let (Some(field), Some(change)) = (lies, self.changes.get_mut(place))
                    && !change.lies.iter().any(|own| own.0 == field && own.1 == outer)
                {
                    change.lies.push((field, outer.to_owned()));
                }
                let around = self.around.entry(child.into_uri()).or_default();
                around.push((outer.to_owned(), at));
            }
        }
    }

    /// The place in `changes` of what is said of a thing; `None` when it cannot have a record.
    fn change(&mut self, at: &str, kind: MasterKind, identifier: &Canonical) -> Option<usize> {
        let id = identifier.uri();
        if !kind.fits(identifier) {
            let message = format!("{} names no {}: {}", shown(id), kind.as_str(), kind.wanted());
            self.leave_out(at, "identifier", message);
            return None;
        }
        if let Some(Flaw::CheckDigit { right }) = identifier.flaw() {
            let message = format!("{} has a wrong check digit: it should be {right}", shown(id));
            self.leave_out(at, "identifier", message);
            return None;
        }
        let next = self.changes.len();
        let place = *self.known.entry((kind, id.to_owned())).or_insert(next);
        if place == next {
            self.changes.push(Change {
                kind,
                id: id.to_owned(),
                pointer: at.to_owned(),
                inside: None,
                lies: Vec::new(),
                attributes: Vec::new(),
            });
        }
        Some(place)
    }

    fn attribute(&mut self, at: &str, attribute: &Value) -> Option<Attribute> {
        let given = attribute.get("id").and_then(Value::as_str).unwrap_or_default();
        let name = full_name(given, self.contexts);
        if name.len() > MAX_LINE_BYTES {
            let message =
                format!("this name has {} bytes: {MAX_LINE_BYTES} is the limit", name.len());
            self.leave_out(at, "uri-length", message);
            return None;
        }
        let (text, language) = match attribute.get("attribute") {
            Some(Value::String(text)) => (text.clone(), None),
            Some(Value::Number(number)) => (number.to_string(), None),
            Some(Value::Object(object)) => {
                let text = |key| object.get(key).and_then(Value::as_str).map(str::to_owned);
                match (text("@value"), text("@language")) {
                    (Some(value), language) if object.len() <= 2 => {
                        (value, language.filter(|language| is_language(language)))
                    }
                    _ => (canonical_text(&Value::Object(object.clone())), None),
                }
            }
            _ => {
                self.leave_out(at, "required", "this attribute has no value: add it");
                return None;
            }
        };
        let fault = if text.trim().is_empty() {
            Some(("text", "this text is empty: leave it out or write something".to_owned()))
        } else if text.len() > MAX_TEXT_BYTES {
            let message = format!("this has {} bytes: {MAX_TEXT_BYTES} is the limit", text.len());
            Some(("text-length", message))
        } else if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            Some(("text", "this text has control characters: take them out".to_owned()))
        } else {
            None
        };
        if let Some((rule, message)) = fault {
            self.leave_out(at, rule, message);
            return None;
        }
        Some(Attribute { name, pointer: at.to_owned(), language, text })
    }

    fn finish(mut self) -> Changes {
        let around = std::mem::take(&mut self.around);
        let mut inside: BTreeMap<&str, &str> = BTreeMap::new();
        for (child, outers) in &around {
            // The innermost is the one that lies in most of the others.
            let further = |outer: &(String, String)| {
                let around = around.get(&outer.0).map(Vec::as_slice).unwrap_or_default();
                outers.iter().filter(|(name, _)| around.iter().any(|(n, _)| n == name)).count()
            };
            let most = outers.iter().map(further).max();
            let Some((outer, at)) = outers.iter().find(|outer| Some(further(outer)) == most) else {
                continue;
            };
            for (other, at) in outers {
                let around = around.get(outer).map(Vec::as_slice).unwrap_or_default();
                if other != outer && !around.iter().any(|(name, _)| name == other) {
                    let message = format!("this place lies in {outer} by this document");
                    leave_out(&mut self.left_out, at, "children", message);
                }
            }
            let mut step = Some(outer.as_str());
            let mut rings = false;
            while let Some(name) = step {
                rings |= name == child;
                step = if rings { None } else { inside.get(name).copied() };
            }
            if rings {
                let message = "this place would lie inside itself: it is left where it was";
                leave_out(&mut self.left_out, at, "inside-itself", message);
            } else {
                inside.insert(child, outer);
            }
        }
        for (child, outer) in inside {
            let key = (MasterKind::Place, child.to_owned());
            if let Some(change) = self.known.get(&key).and_then(|at| self.changes.get_mut(*at)) {
                change.inside = Some(outer.to_owned());
            }
        }
        Changes { changes: self.changes, left_out: self.left_out }
    }
}

/// The full name of an attribute in one spelling.
fn full_name(given: &str, contexts: Contexts<'_>) -> String {
    let full = contexts.expand(given).unwrap_or_else(|| given.to_owned());
    match full.strip_prefix("urn:epcglobal:cbv:mda#") {
        Some(word) => format!("{CBV}{word}"),
        None => full,
    }
}

pub(super) fn known_word(name: &str) -> Option<&str> {
    NAMESPACES.iter().find_map(|namespace| name.strip_prefix(namespace))
}

impl Change {
    /// What is on record after this change, and what of it cannot be kept. The record still has to
    /// be checked.
    #[must_use]
    pub fn apply(&self, before: Option<&MasterData>) -> (MasterData, Vec<Violation>) {
        let mut after = before.filter(|before| before.kind() == self.kind).cloned();
        let after = after.get_or_insert_with(|| empty(self.kind, &self.id));
        let mut rest: Vec<&Attribute> = Vec::new();
        match after {
            MasterData::Product(product) => {
                let Product { names, descriptions, brand, .. } = product;
                let mut named = Spoken::new(names);
                let mut described = Spoken::new(descriptions);
                let mut branded = None;
                for attribute in &self.attributes {
                    let word = known_word(&attribute.name).unwrap_or_default();
                    let kept = match word {
                        "descriptionShort" | "name" | "productName" | "functionalName" => {
                            named.say(attribute, MAX_LINE_BYTES)
                        }
                        "tradeItemDescription" | "description" | "productDescription" => {
                            described.say(attribute, MAX_TEXT_BYTES)
                        }
                        "brand" | "brandName" => once(&mut branded, attribute),
                        _ => false,
                    };
                    if !kept {
                        rest.push(attribute);
                    }
                }
                if branded.is_some() {
                    *brand = branded;
                }
            }
            MasterData::Place(place) => {
                if let Some(outer) = &self.inside {
                    place.inside = Some(outer.clone());
                }
                rest = address(&self.attributes, &mut place.names, &mut place.address);
                position(&mut rest, place);
            }
            MasterData::Party(party) => {
                rest = address(&self.attributes, &mut party.names, &mut party.address);
            }
            // No vocabulary of a document is about links.
            MasterData::Links(_) => {}
        }
        let mut left_out = Vec::new();
        let attributes = match after {
            MasterData::Product(product) => &mut product.attributes,
            MasterData::Place(place) => &mut place.attributes,
            MasterData::Party(party) => &mut party.attributes,
            MasterData::Links(_) => return (after.clone(), left_out),
        };
        keep(attributes, &rest, &mut left_out);
        for field in [PlaceField::ReadPoint, PlaceField::BizLocation] {
            let own = self.lies.iter().filter(|(own, _)| *own == field);
            let outers: Vec<String> = own.map(|(_, outer)| outer.clone()).collect();
            let count: usize = attributes.values().map(Vec::len).sum();
            if outers.is_empty() {
                continue;
            }
            if count.saturating_add(outers.len()) > MAX_ATTRIBUTES {
                let message = format!("the record has {MAX_ATTRIBUTES} attributes, the limit");
                leave_out(&mut left_out, &self.pointer, "too-many", message);
                continue;
            }
            attributes.insert(attribute_of(field).to_owned(), outers);
        }
        (after.clone(), left_out)
    }
}

fn empty(kind: MasterKind, id: &str) -> MasterData {
    let id = id.to_owned();
    match kind {
        MasterKind::Product => MasterData::Product(Product { id, ..Product::default() }),
        MasterKind::Place => MasterData::Place(Place { id, ..Place::default() }),
        MasterKind::Party => MasterData::Party(Party { id, ..Party::default() }),
        MasterKind::Links => MasterData::Links(Links { id, ..Links::default() }),
    }
}

/// Texts by language that a document says anew; each language once.
struct Spoken<'t> {
    texts: &'t mut Texts,
    said: Vec<String>,
}

impl<'t> Spoken<'t> {
    fn new(texts: &'t mut Texts) -> Spoken<'t> {
        Spoken { texts, said: Vec::new() }
    }

    /// Whether the attribute is kept here: not when its language has been said, or it is too long.
    fn say(&mut self, attribute: &Attribute, limit: usize) -> bool {
        let language = attribute.language.as_deref().unwrap_or(UNDETERMINED);
        if attribute.text.len() > limit || self.said.iter().any(|said| said == language) {
            return false;
        }
        self.said.push(language.to_owned());
        self.texts.insert(language.to_owned(), attribute.text.clone());
        true
    }
}

/// Takes the first text that fits one line.
fn once(field: &mut Option<String>, attribute: &Attribute) -> bool {
    let fits = field.is_none() && attribute.text.len() <= MAX_LINE_BYTES;
    if fits {
        *field = Some(attribute.text.clone());
    }
    fits
}

/// Takes names and address, and gives back the other attributes.
fn address<'a>(
    attributes: &'a [Attribute],
    names: &mut Texts,
    address: &mut Address,
) -> Vec<&'a Attribute> {
    let mut named = Spoken::new(names);
    let mut new = Address::default();
    let mut lines: BTreeMap<u8, String> = BTreeMap::new();
    let mut rest = Vec::new();
    for attribute in attributes {
        let mut line = |place: u8| {
            let fits = attribute.text.len() <= MAX_LINE_BYTES
                && lines.len() < MAX_ADDRESS_LINES
                && !lines.contains_key(&place);
            if fits {
                lines.insert(place, attribute.text.clone());
            }
            fits
        };
        let word = known_word(&attribute.name).unwrap_or_default();
        let kept = match word {
            "name"
            | "descriptionShort"
            | "locationName"
            | "physicalLocationName"
            | "organizationName" => named.say(attribute, MAX_LINE_BYTES),
            "streetAddressOne" | "streetAddress" => line(1),
            "streetAddressTwo" => line(2),
            "streetAddressThree" => line(3),
            "city" | "addressLocality" => once(&mut new.city, attribute),
            "state" | "addressRegion" => once(&mut new.state, attribute),
            "postalCode" => once(&mut new.postal_code, attribute),
            "countryCode" | "addressCountry" if is_country(&attribute.text) => {
                once(&mut new.country, attribute)
            }
            _ => false,
        };
        if !kept {
            rest.push(attribute);
        }
    }
    if !lines.is_empty() {
        address.lines = lines.into_values().collect();
    }
    address.city = new.city.or(address.city.take());
    address.state = new.state.or(address.state.take());
    address.postal_code = new.postal_code.or(address.postal_code.take());
    address.country = new.country.or(address.country.take());
    rest
}

/// Takes latitude and longitude out of `rest` when both can be read.
fn position(rest: &mut Vec<&Attribute>, place: &mut Place) {
    let degrees = |word: &str, most: i64| {
        let attribute = rest.iter().find(|a| known_word(&a.name) == Some(word))?;
        let number = decimal(attribute.text.trim())?;
        (number.abs() <= most.into()).then_some((number, *attribute))
    };
    let (Some((north, lat)), Some((east, long))) =
        (degrees("latitude", 90), degrees("longitude", 180))
    else {
        return;
    };
    (place.latitude, place.longitude) = (Some(north), Some(east));
    let taken = [lat.clone(), long.clone()];
    rest.retain(|attribute| !taken.contains(attribute));
}

/// Keeps attributes by name; what a document names replaces what was there under that name.
fn keep(attributes: &mut Attributes, said: &[&Attribute], left_out: &mut Vec<Violation>) {
    for attribute in said {
        attributes.remove(&attribute.name);
    }
    for attribute in said {
        let count: usize = attributes.values().map(Vec::len).sum();
        if count >= MAX_ATTRIBUTES {
            let message = format!("the record has {MAX_ATTRIBUTES} attributes, which is the limit");
            leave_out(left_out, &attribute.pointer, "too-many", message);
            continue;
        }
        attributes.entry(attribute.name.clone()).or_default().push(attribute.text.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(vocabularies: &Value) -> Document {
        let document = json!({
            "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
                {"own": "https://example.com/v/"}],
            "type": "EPCISDocument", "schemaVersion": "2.0",
            "creationDate": "2026-03-01T10:00:00Z",
            "epcisHeader": {"epcisMasterData": {"vocabularyList": vocabularies}},
            "epcisBody": {"eventList": []}});
        Document::parse(document.to_string().as_bytes()).unwrap()
    }

    fn read(kind: &str, elements: &Value) -> Changes {
        let kind = format!("urn:epcglobal:epcis:vtype:{kind}");
        Changes::of(&document(&json!([{"type": kind, "vocabularyElementList": elements}])))
    }

    fn after(changes: &Changes, index: usize) -> MasterData {
        let (after, left_out) = changes.changes[index].apply(None);
        assert_eq!(left_out, []);
        assert_eq!(after.check(), Ok(()));
        after
    }

    const MILK: &str = "urn:epc:idpat:sgtin:9521568.025120.*";
    const DAIRY: &str = "urn:epc:id:sgln:9521321.00001.0";
    const DOCK: &str = "urn:epc:id:sgln:9521321.00001.dock1";

    /// Promise P31.
    #[test]
    fn attributes_in_any_spelling_find_their_fields_and_the_others_keep_their_names() {
        let changes = read(
            "EPCClass",
            &json!([{"id": MILK, "attributes": [
                {"id": "urn:epcglobal:cbv:mda#descriptionShort", "attribute": "Milk"},
                {"id": "cbvmda:name",
                    "attribute": {"@value": "Milch", "@language": "de"}},
                {"id": "urn:epcglobal:cbv:mda:brand", "attribute": "Alp"},
                {"id": "cbvmda:tradeItemDescription", "attribute": "Whole milk"},
                {"id": "cbvmda:netContent", "attribute": 1},
                {"id": "urn:epcglobal:cbv:mda#netContent", "attribute": "1 l"},
                {"id": "own:box", "attribute": {"b": 1, "a": [2]}},
                {"id": "other:x", "attribute": "y"}]}]),
        );
        assert_eq!(changes.left_out, []);
        let MasterData::Product(milk) = after(&changes, 0) else { panic!() };
        assert_eq!(milk.id, "https://id.gs1.org/01/09521568251204");
        let names = [("de", "Milch"), ("und", "Milk")];
        assert!(milk.names.iter().map(|(l, t)| (l.as_str(), t.as_str())).eq(names));
        assert_eq!(milk.descriptions["und"], "Whole milk");
        assert_eq!(milk.brand.as_deref(), Some("Alp"));
        assert_eq!(milk.attributes["urn:epcglobal:cbv:mda:netContent"], ["1", "1 l"]);
        assert_eq!(milk.attributes["https://example.com/v/box"], [r#"{"a":[2],"b":1}"#]);
        assert_eq!(milk.attributes["other:x"], ["y"]);
    }

    #[test]
    fn places_have_an_address_a_position_and_places_inside() {
        let attribute =
            |name: &str, value: &str| json!({"id": format!("cbvmda:{name}"), "attribute": value});
        let changes = read(
            "BusinessLocation",
            &json!([{"id": DAIRY, "children": [DOCK], "attributes": [
                attribute("name", "Dairy"), attribute("streetAddressTwo", "Yard"),
                attribute("streetAddressOne", "Main 1"), attribute("city", "Bern"),
                attribute("countryCode", "CH"), attribute("latitude", "+46.9480"),
                attribute("longitude", "7.4474"), attribute("countryCode", "Swiss")]}]),
        );
        let MasterData::Place(dairy) = after(&changes, 0) else { panic!() };
        assert_eq!(dairy.address.lines, ["Main 1", "Yard"]);
        assert_eq!(dairy.address.country.as_deref(), Some("CH"));
        assert_eq!((dairy.latitude, dairy.longitude), (decimal("46.948"), decimal("7.4474")));
        assert_eq!(dairy.attributes["urn:epcglobal:cbv:mda:countryCode"], ["Swiss"]);
        let MasterData::Place(dock) = after(&changes, 1) else { panic!() };
        assert_eq!(dock.inside, Some(dairy.id));
        // Half a position is kept as it came.
        let half = json!([{"id": DAIRY, "attributes": [attribute("latitude", "1")]}]);
        let MasterData::Place(half) = after(&read("ReadPoint", &half), 0) else { panic!() };
        assert_eq!(half.latitude, None);
        assert_eq!(half.attributes["urn:epcglobal:cbv:mda:latitude"], ["1"]);
    }

    /// Promise P31: nothing is dropped in silence.
    #[test]
    fn what_cannot_be_kept_is_named() {
        let rules = |kind: &str, elements: &Value| -> Vec<(String, &'static str)> {
            let changes = read(kind, elements);
            let start = "/epcisHeader/epcisMasterData/vocabularyList/0/vocabularyElementList";
            let each = changes.left_out.into_iter();
            each.map(|v| (v.pointer.strip_prefix(start).unwrap().to_owned(), v.rule)).collect()
        };
        let is = |at: &str, rule: &'static str| vec![(at.to_owned(), rule)];
        let plain = |id: &str| json!([{"id": id}]);
        assert_eq!(rules("EPCClass", &plain(MILK)), []);
        assert_eq!(rules("EPCClass", &plain("urn:x:1")), is("/0", "identifier"));
        let wrong = "https://id.gs1.org/01/09521568251205";
        assert_eq!(rules("EPCClass", &plain(wrong)), is("/0", "identifier"));
        assert_eq!(rules("BusinessTransaction", &plain(MILK)), is("/0", "vocabulary-type"));
        let children = json!([{"id": MILK, "children": [MILK]}]);
        assert_eq!(rules("EPCClass", &children), is("/0/children/0", "children"));
        let attribute = |value: &Value| json!([{"id": MILK, "attributes": [{"id": "a:b", "attribute": value}]}]);
        let at = "/0/attributes/0";
        assert_eq!(rules("EPCClass", &attribute(&json!(""))), is(at, "text"));
        assert_eq!(rules("EPCClass", &attribute(&json!("\u{1}"))), is(at, "text"));
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        assert_eq!(rules("EPCClass", &attribute(&json!(long))), is(at, "text-length"));
        let none = json!([{"id": MILK, "attributes": [{"id": "a:b"}]}]);
        assert_eq!(rules("EPCClass", &none), is(at, "required"));
        let ring = json!([{"id": DAIRY, "children": [DOCK]}, {"id": DOCK, "children": [DAIRY]}]);
        assert_eq!(rules("ReadPoint", &ring).len(), 1);
        let many: Vec<Value> = (0..MAX_ATTRIBUTES + 2)
            .map(|n| json!({"id": format!("a:{n}"), "attribute": "x"}))
            .collect();
        let many = read("EPCClass", &json!([{"id": MILK, "attributes": many}]));
        let (after, left_out) = many.changes[0].apply(None);
        assert_eq!((after.check(), left_out.len()), (Ok(()), 2));
    }

    #[test]
    fn what_a_document_does_not_name_stays() {
        let before = MasterData::Product(Product {
            id: canonical(MILK).into_uri(),
            names: Texts::from([("en".to_owned(), "Milk".to_owned())]),
            net_mass_kg: decimal("1.03"),
            attributes: Attributes::from([
                ("a:kept".to_owned(), vec!["1".to_owned()]),
                ("a:changed".to_owned(), vec!["1".to_owned(), "2".to_owned()]),
            ]),
            ..Product::default()
        });
        let changes = read(
            "EPCClass",
            &json!([{"id": MILK, "attributes": [{"id": "a:changed", "attribute": "3"}]}]),
        );
        let (MasterData::Product(after), left_out) = changes.changes[0].apply(Some(&before)) else {
            panic!()
        };
        assert_eq!(left_out, []);
        assert_eq!((after.names.len(), after.net_mass_kg), (1, decimal("1.03")));
        assert_eq!(after.attributes["a:kept"], ["1"]);
        assert_eq!(after.attributes["a:changed"], ["3"]);
        let again = changes.changes[0].apply(Some(&MasterData::Product(after.clone()))).0;
        assert_eq!(again, MasterData::Product(after), "the same document changes nothing more");
    }

    #[test]
    fn a_child_of_several_places_lies_in_the_innermost() {
        let deep = "urn:epc:id:sgln:9521321.00001.deep";
        let changes = read(
            "BusinessLocation",
            &json!([{"id": DAIRY, "children": [DOCK, deep]}, {"id": DOCK, "children": [deep]}]),
        );
        assert_eq!(changes.left_out, []);
        let inside: Vec<Option<&str>> =
            changes.changes.iter().map(|change| change.inside.as_deref()).collect();
        let (dairy, dock) = (canonical(DAIRY).into_uri(), canonical(DOCK).into_uri());
        assert_eq!(inside, [None, Some(dairy.as_str()), Some(dock.as_str())]);
        let two = json!([{"id": DAIRY, "children": [deep]}, {"id": DOCK, "children": [deep]}]);
        let two = read("BusinessLocation", &two);
        assert_eq!(two.changes[1].inside.as_deref(), Some(dairy.as_str()));
        assert_eq!(two.left_out.len(), 1, "the other place is named");
    }
}
