//! Master data: what the owners of products, places and parties say of them.
//!
//! A record is set whole and replaces what was on record; the state keeps the latest with when it
//! was set and by whom ([`MasterRecord`]). Identifiers stand in their one spelling
//! ([`crate::epcis::canonical`]), numbers as exact decimals without trailing zeros, so that a
//! record has one encoding.
//!
//! [`MasterData::check`] says everything that is wrong with a record, with pointers to the fields
//! of its JSON form. Its rules, beside those of [`crate::epcis::Violation`]:
//!
//! | code | the rule |
//! |---|---|
//! | `identifier` | a GS1 key of the right kind, in its one spelling |
//! | `text-length`, `text` | texts are not empty, not too long, and printable |
//! | `language` | languages are BCP 47 tags such as `en` or `zh-Hans` |
//! | `country` | countries are ISO 3166-1 codes of two capitals |
//! | `number`, `range` | decimals without trailing zeros, inside what they can mean |
//! | `too-many` | named limits of lists |
//! | `position` | latitude and longitude come together |
//! | `inside-itself` | a place does not lie inside itself |

mod document;
pub mod hierarchy;
mod json;
mod links;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::digest::Digest;
use crate::epcis::uri::is_uri;
use crate::epcis::vocabulary::Vocabulary;
use crate::epcis::{Canonical, Flaw, Level, MAX_VIOLATIONS, Violation, canonical, shown};
use crate::limits::{
    MAX_ADDRESS_LINES, MAX_ATTRIBUTES, MAX_LANGUAGES, MAX_LINE_BYTES, MAX_MASTER_DATA_BYTES,
    MAX_SENSOR_LIMITS, MAX_TEXT_BYTES, MAX_URI_BYTES,
};
use crate::state::StateKey;
use crate::units::{AgentId, Height, MemberId, TimestampMs};

pub use document::{Change, Changes};
pub use links::{GS1_VOCABULARY, Link, Links, plain_type, type_uri};

/// Text by language: BCP 47 tags such as `en`; [`UNDETERMINED`] when nobody said which.
pub type Texts = BTreeMap<String, String>;

/// The BCP 47 tag of text whose language nobody said.
pub const UNDETERMINED: &str = "und";

/// Values by name (a URI) of what has no field of its own.
pub type Attributes = BTreeMap<String, Vec<String>>;

/// What an owner says of one product, place or party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MasterData {
    /// Of a product.
    Product(Product),
    /// Of a place.
    Place(Place),
    /// Of a party.
    Party(Party),
    /// Of where to go from something.
    Links(Links),
}

/// Which kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MasterKind {
    /// [`Product`].
    Product,
    /// [`Place`].
    Place,
    /// [`Party`].
    Party,
    /// [`Links`].
    Links,
}

/// A kind of goods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The canonical identifier of the class: GTIN and other keys of the class level.
    pub id: String,
    /// What it is called.
    pub names: Texts,
    /// What it is, at more length.
    pub descriptions: Texts,
    /// Under which brand it is sold.
    pub brand: Option<String>,
    /// The SHA-256 of a picture file.
    pub picture: Option<Digest>,
    /// What sensors may report of it.
    pub limits: Vec<SensorLimit>,
    /// What one piece weighs net, in kilograms.
    pub net_mass_kg: Option<Decimal>,
    /// Hours after which a shipment of it that did not arrive is overdue.
    pub expected_transit_hours: Option<u32>,
    /// Everything else.
    pub attributes: Attributes,
}

/// Bounds for what a sensor reports of a product; both ends are inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorLimit {
    /// What is measured: a standard word such as `Temperature`, or a URI
    /// ([`Vocabulary::MeasurementType`] in its one spelling).
    pub measurement: String,
    /// The least allowed.
    pub min: Option<Decimal>,
    /// The most allowed.
    pub max: Option<Decimal>,
    /// The unit, by its UN/CEFACT Rec 20 code such as `CEL`.
    pub uom: String,
}

/// Where mail finds somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Street and house, from the most exact line.
    pub lines: Vec<String>,
    /// The city.
    pub city: Option<String>,
    /// The state, province or region.
    pub state: Option<String>,
    /// The postal code.
    pub postal_code: Option<String>,
    /// The country: two capitals of ISO 3166-1.
    pub country: Option<String>,
}

/// A place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The canonical identifier: a GLN with or without extension.
    pub id: String,
    /// What it is called.
    pub names: Texts,
    /// Where it is.
    pub address: Address,
    /// Degrees north, WGS 84.
    pub latitude: Option<Decimal>,
    /// Degrees east, WGS 84.
    pub longitude: Option<Decimal>,
    /// The canonical identifier of the place it lies in.
    pub inside: Option<String>,
    /// Everything else.
    pub attributes: Attributes,
}

/// A company or other party.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The canonical identifier: a party GLN, or a GLN.
    pub id: String,
    /// What it is called.
    pub names: Texts,
    /// Where it is.
    pub address: Address,
    /// The member of this network that it is.
    pub member: Option<MemberId>,
    /// Everything else.
    pub attributes: Attributes,
}

/// What the state keeps, at [`StateKey::Product`], [`StateKey::Place`], [`StateKey::Party`] and
/// [`StateKey::Links`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterRecord {
    /// What was set last.
    pub data: MasterData,
    /// How often it was set, this time included.
    pub version: u64,
    /// The block that set it.
    pub height: Height,
    /// The time of that block.
    pub set_at: TimestampMs,
    /// Who signed.
    pub set_by: AgentId,
}

impl MasterData {
    /// Which kind of record this is.
    #[must_use]
    pub fn kind(&self) -> MasterKind {
        match self {
            MasterData::Product(_) => MasterKind::Product,
            MasterData::Place(_) => MasterKind::Place,
            MasterData::Party(_) => MasterKind::Party,
            MasterData::Links(_) => MasterKind::Links,
        }
    }

    /// The canonical identifier of what this is about.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            MasterData::Product(product) => &product.id,
            MasterData::Place(place) => &place.id,
            MasterData::Party(party) => &party.id,
            MasterData::Links(links) => &links.id,
        }
    }

    /// The picture it names.
    #[must_use]
    pub fn picture(&self) -> Option<&Digest> {
        match self {
            MasterData::Product(product) => product.picture.as_ref(),
            MasterData::Place(_) | MasterData::Party(_) | MasterData::Links(_) => None,
        }
    }

    /// Where the state keeps it.
    #[must_use]
    pub fn key(&self) -> StateKey {
        self.kind().key(self.id())
    }

    /// Checks the whole record.
    ///
    /// # Errors
    /// Everything that is wrong with it, at most [`MAX_VIOLATIONS`].
    pub fn check(&self) -> Result<(), Vec<Violation>> {
        let mut faults = Faults::default();
        faults.identifier("/id", self.id(), self.kind());
        match self {
            MasterData::Product(product) => product.check(&mut faults),
            MasterData::Place(place) => place.check(&mut faults),
            MasterData::Party(party) => party.check(&mut faults),
            MasterData::Links(links) => links.check(&mut faults),
        }
        if faults.0.is_empty() {
            let bytes = codec::encode(self).len();
            if bytes > MAX_MASTER_DATA_BYTES {
                let limit = MAX_MASTER_DATA_BYTES;
                let message =
                    format!("the record has {bytes} bytes, the limit is {limit}: say less");
                faults.report("", "too-many", message);
            }
        }
        faults.finish()
    }
}

impl MasterKind {
    /// Every kind.
    pub const ALL: [MasterKind; 4] =
        [MasterKind::Product, MasterKind::Place, MasterKind::Party, MasterKind::Links];

    /// What it is called: `product`, `place`, `party` or `links`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            MasterKind::Product => "product",
            MasterKind::Place => "place",
            MasterKind::Party => "party",
            MasterKind::Links => "links",
        }
    }

    /// Where the state keeps the record of this canonical identifier.
    #[must_use]
    pub fn key(self, id: &str) -> StateKey {
        let id = id.to_owned();
        match self {
            MasterKind::Product => StateKey::Product(id),
            MasterKind::Place => StateKey::Place(id),
            MasterKind::Party => StateKey::Party(id),
            MasterKind::Links => StateKey::Links(id),
        }
    }

    /// Whether an identifier can name a thing of this kind.
    #[must_use]
    pub fn fits(self, identifier: &Canonical) -> bool {
        identifier.key().is_some()
            && match self {
                MasterKind::Product => identifier.level() == Level::Class,
                MasterKind::Place => identifier.level() == Level::Location,
                MasterKind::Party => matches!(identifier.level(), Level::Party | Level::Location),
                MasterKind::Links => true,
            }
    }

    fn wanted(self) -> &'static str {
        match self {
            MasterKind::Product => {
                "give the GTIN of a product without lot or serial, such as \
                 https://id.gs1.org/01/09521568251204"
            }
            MasterKind::Place => {
                "give the GLN of a place, such as https://id.gs1.org/414/9521321000018"
            }
            MasterKind::Party => {
                "give the GLN of a party, such as https://id.gs1.org/417/9521321000018"
            }
            MasterKind::Links => {
                "give a GS1 key with or without lot and serial, such as \
                 https://id.gs1.org/01/09521568251204"
            }
        }
    }
}

impl Product {
    fn check(&self, faults: &mut Faults) {
        faults.texts("/names", &self.names, MAX_LINE_BYTES);
        faults.texts("/descriptions", &self.descriptions, MAX_TEXT_BYTES);
        faults.line("/brand", self.brand.as_deref());
        faults.count("/limits", self.limits.len(), MAX_SENSOR_LIMITS);
        for (index, limit) in self.limits.iter().enumerate().take(MAX_SENSOR_LIMITS) {
            let at = format!("/limits/{index}");
            limit.check(&at, faults);
            let same = |other: &&SensorLimit| {
                other.measurement == limit.measurement && other.uom == limit.uom
            };
            if self.limits.iter().take(index).any(|other| same(&other)) {
                let message = format!(
                    "{} in {} is limited already: give one limit for each",
                    limit.measurement, limit.uom
                );
                faults.report(&at, "unique", message);
            }
        }
        if let Some(mass) = &self.net_mass_kg {
            let at = "/netMassKg";
            faults.decimal(at, mass);
            if *mass <= Decimal::ZERO {
                faults.report(at, "range", format!("a mass of {mass} kg: give more than 0"));
            }
        }
        if self.expected_transit_hours == Some(0) {
            faults.report("/expectedTransitHours", "range", "0 hours: give at least 1");
        }
        faults.attributes(&self.attributes);
    }
}

impl SensorLimit {
    fn check(&self, at: &str, faults: &mut Faults) {
        let vocabulary = Vocabulary::MeasurementType;
        let given = &self.measurement;
        let is_word = vocabulary.has(given);
        let is_own = is_uri(given) && given.len() <= MAX_URI_BYTES && vocabulary.allows_uri(given);
        if !(is_word || is_own && vocabulary.plain(given) == given) {
            let message = format!(
                "{} is no measurement type: give a standard word such as Temperature, or a URI of \
                 your own",
                shown(given)
            );
            faults.report(&format!("{at}/type"), "vocabulary", message);
        }
        let fine = (2..=3).contains(&self.uom.len())
            && self.uom.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !fine {
            let message = format!(
                "{} is no unit: give a UN/CEFACT Rec 20 code of 2 or 3 capitals or digits, such as \
                 CEL",
                shown(&self.uom)
            );
            faults.report(&format!("{at}/uom"), "unit", message);
        }
        for (name, bound) in [("min", &self.min), ("max", &self.max)] {
            if let Some(bound) = bound {
                faults.decimal(&format!("{at}/{name}"), bound);
            }
        }
        match (self.min, self.max) {
            (None, None) => faults.report(at, "required", "this limits nothing: add min or max"),
            (Some(min), Some(max)) if min > max => {
                let message = format!("min {min} is above max {max}: exchange them");
                faults.report(&format!("{at}/min"), "range", message);
            }
            _ => {}
        }
    }

    /// Whether a value in this limit's unit keeps it.
    #[must_use]
    pub fn allows(&self, value: Decimal) -> bool {
        self.min.is_none_or(|min| min <= value) && self.max.is_none_or(|max| value <= max)
    }
}

impl Address {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Address::default()
    }

    fn check(&self, faults: &mut Faults) {
        faults.count("/address/lines", self.lines.len(), MAX_ADDRESS_LINES);
        for (index, line) in self.lines.iter().enumerate().take(MAX_ADDRESS_LINES) {
            faults.text(&format!("/address/lines/{index}"), line, MAX_LINE_BYTES);
        }
        faults.line("/address/city", self.city.as_deref());
        faults.line("/address/state", self.state.as_deref());
        faults.line("/address/postalCode", self.postal_code.as_deref());
        if let Some(country) = &self.country
            && !is_country(country)
        {
            let message = format!(
                "{} is no country: give two capitals of ISO 3166-1, such as DE",
                shown(country)
            );
            faults.report("/address/country", "country", message);
        }
    }
}

impl Place {
    fn check(&self, faults: &mut Faults) {
        faults.texts("/names", &self.names, MAX_LINE_BYTES);
        self.address.check(faults);
        let degrees = [("/latitude", &self.latitude, 90), ("/longitude", &self.longitude, 180)];
        for (at, given, most) in degrees {
            let Some(given) = given else { continue };
            faults.decimal(at, given);
            let most = Decimal::from(most);
            if given.abs() > most {
                let message = format!("{given} degrees: give a number from -{most} to {most}");
                faults.report(at, "range", message);
            }
        }
        match (self.latitude, self.longitude) {
            (Some(_), None) => faults.report("/longitude", "position", "add the longitude too"),
            (None, Some(_)) => faults.report("/latitude", "position", "add the latitude too"),
            _ => {}
        }
        if let Some(outer) = &self.inside {
            faults.identifier("/inside", outer, MasterKind::Place);
            if *outer == self.id {
                let message = "a place does not lie inside itself: name the place around it";
                faults.report("/inside", "inside-itself", message);
            }
        }
        faults.attributes(&self.attributes);
    }
}

impl Party {
    fn check(&self, faults: &mut Faults) {
        faults.texts("/names", &self.names, MAX_LINE_BYTES);
        self.address.check(faults);
        faults.attributes(&self.attributes);
    }
}

/// Reads an exact decimal such as `-18.0` or `+7` in its one spelling; `None` when the text is no
/// decimal or has more digits than can be kept.
#[must_use]
pub fn decimal(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit());
    if !plain {
        return None;
    }
    Decimal::from_str_exact(text).ok().map(|number| number.normalize())
}

/// The canonical identifier of the product that an item, a lot or a class is of; `None` when it is
/// of none that has a record here, such as a logistic unit or a place.
#[must_use]
pub fn product_of(identifier: &Canonical) -> Option<String> {
    /// A GRAI's digits: what follows is its serial.
    const GRAI_DIGITS: usize = 14;
    let key = identifier.key()?;
    let of_class = match (identifier.level(), key) {
        (Level::Class, _) => return Some(identifier.uri().to_owned()),
        (Level::Instance | Level::Lot, "01" | "8006" | "8003") => identifier.uri(),
        _ => return None,
    };
    let at = of_class.find(&format!("/{key}/"))? + key.len() + 2;
    let value = of_class.get(at..)?;
    let value = value.split('/').next()?;
    let value = if key == "8003" { value.get(..GRAI_DIGITS)? } else { value };
    let class = canonical(&format!("{}{value}", of_class.get(..at)?));
    (class.level() == Level::Class).then(|| class.into_uri())
}

/// The text in a language, given as its primary tag such as `zh`; else in English, else in any.
#[must_use]
pub fn text_in<'t>(texts: &'t Texts, language: &str) -> Option<&'t str> {
    let primary = |wanted: &str| {
        let of = |tag: &str| tag.split('-').next().is_some_and(|tag| tag == wanted);
        texts.iter().find(|(tag, _)| of(tag))
    };
    let found = primary(language).or_else(|| primary("en"));
    found.or_else(|| texts.iter().next()).map(|(_, text)| text.as_str())
}

/// Whether `code` has the form of an ISO 3166-1 code of two letters.
#[must_use]
pub fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())
}

/// Whether `tag` has the form of a BCP 47 language tag.
#[must_use]
pub fn is_language(tag: &str) -> bool {
    const LONGEST: usize = 35;
    let mut parts = tag.split('-');
    let letters =
        |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic());
    let alphanumeric = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    tag.len() <= LONGEST && parts.next().is_some_and(letters) && parts.all(alphanumeric)
}

/// Everything wrong with one record.
#[derive(Default)]
pub(crate) struct Faults(Vec<Violation>);

impl Faults {
    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong, if anything is.
    pub(crate) fn finish(self) -> Result<(), Vec<Violation>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }

    pub(crate) fn report(&mut self, at: &str, rule: &'static str, message: impl Into<String>) {
        if self.0.len() < MAX_VIOLATIONS {
            let (pointer, message) = (at.to_owned(), message.into());
            self.0.push(Violation { pointer, rule, message });
        }
    }

    fn identifier(&mut self, at: &str, id: &str, kind: MasterKind) {
        let identifier = canonical(id);
        let wanted = kind.wanted();
        if id.len() > MAX_URI_BYTES {
            let message = format!("this has {} bytes: {MAX_URI_BYTES} is the limit", id.len());
            self.report(at, "uri-length", message);
        } else if !kind.fits(&identifier) {
            let named = if kind == MasterKind::Links { "GS1 key" } else { kind.as_str() };
            let message = format!("{} names no {named}: {wanted}", shown(id));
            self.report(at, "identifier", message);
        } else if let Some(Flaw::CheckDigit { right }) = identifier.flaw() {
            let message = format!("{} has a wrong check digit: it should be {right}", shown(id));
            self.report(at, "identifier", message);
        } else if identifier.uri() != id {
            let message = format!("write this identifier as {}", identifier.uri());
            self.report(at, "identifier", message);
        }
    }

    pub(crate) fn text(&mut self, at: &str, text: &str, limit: usize) {
        if text.trim().is_empty() {
            self.report(at, "text", "this text is empty: leave it out or write something");
        } else if text.len() > limit {
            let message = format!("this text has {} bytes: {limit} is the limit", text.len());
            self.report(at, "text-length", message);
        } else if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            self.report(at, "text", "this text has control characters: take them out");
        }
    }

    fn line(&mut self, at: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(at, text, MAX_LINE_BYTES);
        }
    }

    pub(crate) fn texts(&mut self, at: &str, texts: &Texts, limit: usize) {
        self.count(at, texts.len(), MAX_LANGUAGES);
        for (language, text) in texts.iter().take(MAX_LANGUAGES) {
            let at = format!("{at}/{}", escaped(language));
            if !is_language(language) {
                let message = format!(
                    "{} is no language: give a BCP 47 tag such as en or zh-Hans",
                    shown(language)
                );
                self.report(&at, "language", message);
            }
            self.text(&at, text, limit);
        }
    }

    fn count(&mut self, at: &str, count: usize, limit: usize) {
        if count > limit {
            let message = format!("there are {count} here: {limit} is the limit");
            self.report(at, "too-many", message);
        }
    }

    fn decimal(&mut self, at: &str, number: &Decimal) {
        if number.normalize().serialize() != number.serialize() {
            let message = format!("write {number} without trailing zeros: {}", number.normalize());
            self.report(at, "number", message);
        }
    }

    fn attributes(&mut self, attributes: &Attributes) {
        let count = attributes.values().map(|values| values.len().max(1)).sum();
        self.count("/attributes", count, MAX_ATTRIBUTES);
        for (name, values) in attributes.iter().take(MAX_ATTRIBUTES) {
            let at = format!("/attributes/{}", escaped(name));
            if !is_uri(name) || name.len() > MAX_LINE_BYTES {
                let message = format!(
                    "{} is no name of an attribute: give a URI of at most {MAX_LINE_BYTES} bytes, \
                     such as urn:epcglobal:cbv:mda#netContent",
                    shown(name)
                );
                self.report(&at, "uri", message);
            }
            if values.is_empty() {
                self.report(&at, "empty", "this has no value: leave it out or give one");
            }
            for (index, value) in values.iter().enumerate().take(MAX_ATTRIBUTES) {
                self.text(&format!("{at}/{index}"), value, MAX_TEXT_BYTES);
            }
        }
    }
}

/// A key as RFC 6901 writes it in a pointer, cut when it is long.
fn escaped(key: &str) -> String {
    const LONGEST: usize = 80;
    key.chars().take(LONGEST).collect::<String>().replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milk() -> Product {
        Product {
            id: "https://id.gs1.org/01/09521568251204".to_owned(),
            names: Texts::from([("en".to_owned(), "Milk".to_owned())]),
            limits: vec![SensorLimit {
                measurement: "Temperature".to_owned(),
                min: decimal("2"),
                max: decimal("8.5"),
                uom: "CEL".to_owned(),
            }],
            net_mass_kg: decimal("1.03"),
            ..Product::default()
        }
    }

    fn dairy() -> Place {
        Place {
            id: "https://id.gs1.org/414/9521321000018/254/dock1".to_owned(),
            names: Texts::from([("de".to_owned(), "Molkerei".to_owned())]),
            latitude: decimal("47.5"),
            longitude: decimal("-9.25"),
            inside: Some("https://id.gs1.org/414/9521321000018".to_owned()),
            ..Place::default()
        }
    }

    fn faults(data: MasterData) -> Vec<(String, &'static str)> {
        let faults = data.check().expect_err("it is wrong");
        faults.into_iter().map(|fault| (fault.pointer, fault.rule)).collect()
    }

    #[test]
    fn good_records_pass_and_come_back_from_their_encoding() {
        let party = Party {
            id: "https://id.gs1.org/417/9521321000018".to_owned(),
            member: Some(MemberId::new("acme").unwrap()),
            ..Party::default()
        };
        let all =
            [MasterData::Product(milk()), MasterData::Place(dairy()), MasterData::Party(party)];
        for data in all {
            assert_eq!(data.check(), Ok(()));
            assert_eq!(codec::decode::<MasterData>(&codec::encode(&data)), Ok(data));
        }
    }

    /// Promise P2.
    #[test]
    fn every_fault_is_reported_with_its_field_and_rule() {
        let product = |change: &dyn Fn(&mut Product)| {
            let mut product = milk();
            change(&mut product);
            faults(MasterData::Product(product))
        };
        let place = |change: &dyn Fn(&mut Place)| {
            let mut place = dairy();
            change(&mut place);
            faults(MasterData::Place(place))
        };
        let is = |at: &str, rule: &'static str| vec![(at.to_owned(), rule)];
        let other = |uri: &str| {
            let uri = uri.to_owned();
            product(&move |p| p.id.clone_from(&uri))
        };
        assert_eq!(other("https://id.gs1.org/01/09521568251204/21/1"), is("/id", "identifier"));
        assert_eq!(other("https://id.gs1.org/414/9521321000018"), is("/id", "identifier"));
        assert_eq!(other("urn:epc:idpat:sgtin:9521568.025120.*"), is("/id", "identifier"));
        assert_eq!(other("https://id.gs1.org/01/09521568251205"), is("/id", "identifier"));
        assert_eq!(other("https://example.com/milk"), is("/id", "identifier"));
        let names = |language: &str, text: &str| {
            let names = Texts::from([(language.to_owned(), text.to_owned())]);
            product(&move |p| p.names.clone_from(&names))
        };
        assert_eq!(names("english!", "Milk"), is("/names/english!", "language"));
        assert_eq!(names("en", " "), is("/names/en", "text"));
        assert_eq!(names("en", "\u{7}"), is("/names/en", "text"));
        assert_eq!(names("en", &"x".repeat(513)), is("/names/en", "text-length"));
        assert_eq!(product(&|p| p.limits[0].min = decimal("9")), is("/limits/0/min", "range"));
        assert_eq!(
            product(&|p| (p.limits[0].min, p.limits[0].max) = (None, None)),
            is("/limits/0", "required")
        );
        assert_eq!(product(&|p| p.limits[0].uom = "°C".into()), is("/limits/0/uom", "unit"));
        assert_eq!(
            product(&|p| p.limits[0].measurement = "gs1:Temperature".into()),
            is("/limits/0/type", "vocabulary")
        );
        assert_eq!(product(&|p| p.limits.push(p.limits[0].clone())), is("/limits/1", "unique"));
        assert_eq!(
            product(&|p| p.net_mass_kg = Some(Decimal::new(-10, 0))),
            is("/netMassKg", "range")
        );
        assert_eq!(
            product(&|p| p.net_mass_kg = Some(Decimal::new(10, 1))),
            is("/netMassKg", "number")
        );
        assert_eq!(product(&|p| p.expected_transit_hours = Some(0)).len(), 1);
        let attribute = |name: &str, values: usize| {
            let attributes = Attributes::from([(name.to_owned(), vec!["v".to_owned(); values])]);
            product(&move |p| p.attributes.clone_from(&attributes))
        };
        assert_eq!(attribute("a/b", 1), is("/attributes/a~1b", "uri"));
        assert_eq!(attribute("ext:b", 0), is("/attributes/ext:b", "empty"));
        assert_eq!(attribute("ext:b", MAX_ATTRIBUTES + 1), is("/attributes", "too-many"));
        assert_eq!(place(&|p| p.latitude = decimal("90.1")), is("/latitude", "range"));
        assert_eq!(place(&|p| p.longitude = None), is("/longitude", "position"));
        assert_eq!(place(&|p| p.inside = Some(p.id.clone())), is("/inside", "inside-itself"));
        let street = |p: &mut Place| p.address.lines = vec!["x".to_owned(); 7];
        assert_eq!(place(&street), is("/address/lines", "too-many"));
        let country = |p: &mut Place| p.address.country = Some("Germany".to_owned());
        assert_eq!(place(&country), is("/address/country", "country"));
        let large = |p: &mut Product| {
            let value = "x".repeat(MAX_TEXT_BYTES);
            p.attributes = Attributes::from([("ext:a".to_owned(), vec![value; 9])]);
        };
        assert_eq!(product(&large), is("", "too-many"));
    }

    #[test]
    fn items_and_lots_are_of_a_product() {
        let milk = Some("https://id.gs1.org/01/09521568251204".to_owned());
        for id in [
            "https://id.gs1.org/01/09521568251204",
            "https://id.gs1.org/01/09521568251204/21/A1",
            "https://id.gs1.org/01/09521568251204/10/L1",
            "urn:epc:id:sgtin:9521568.025120.A1",
            "urn:epc:idpat:sgtin:9521568.025120.*",
        ] {
            assert_eq!(product_of(&canonical(id)), milk, "{id}");
        }
        let crate_ = product_of(&canonical("https://id.gs1.org/8003/09521321000018XYZ"));
        assert_eq!(crate_.as_deref(), Some("https://id.gs1.org/8003/09521321000018"));
        for id in ["https://id.gs1.org/00/395213210000000017", "urn:uuid:1", "a:b"] {
            assert_eq!(product_of(&canonical(id)), None, "{id}");
        }
    }

    #[test]
    fn limits_hold_at_their_ends() {
        let [limit] = milk().limits.try_into().unwrap();
        for (value, fine) in [("2", true), ("8.5", true), ("1.999", false), ("8.51", false)] {
            assert_eq!(limit.allows(decimal(value).unwrap()), fine, "{value}");
        }
    }

    #[test]
    fn decimals_are_exact_or_nothing() {
        let spelled = |text: &str| decimal(text).map(|number| number.to_string());
        for (text, kept) in [("+18.0000", "18"), ("-70.0000", "-70"), ("0.10", "0.1"), ("-0", "0")]
        {
            assert_eq!(spelled(text).as_deref(), Some(kept));
        }
        let long = "0.12345678901234567890123456789012345";
        for bad in ["", "+", "1e3", ".5", "5.", "1_000", "1.2.3", "--1", "+-1", long] {
            assert_eq!(spelled(bad), None, "{bad}");
        }
    }
}
