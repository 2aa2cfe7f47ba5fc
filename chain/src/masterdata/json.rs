//! Reading one record of master data from its JSON form, with everything that is wrong with it.
//!
//! Identifiers may come in any spelling, decimals as numbers or as text, measurement types as bare
//! words or URIs; the record has the one spelling of each. A member `record`, with which answers
//! tell when and by whom something was set, is passed over, so that an answer can be sent back.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{
    Address, Attributes, Link, Links, MasterData, MasterKind, Party, Place, Product, SensorLimit,
    Texts, decimal, plain_type,
};
use crate::digest::Digest;
use crate::epcis::vocabulary::Vocabulary;
use crate::epcis::{Checker, Path, Violation, canonical};
use crate::units::MemberId;

impl MasterData {
    /// Reads and checks a record.
    ///
    /// # Errors
    /// Everything that is wrong with it, with pointers into the JSON.
    pub fn from_json(kind: MasterKind, value: &Value) -> Result<MasterData, Vec<Violation>> {
        let mut checker = Checker::default();
        let Some(object) = checker.object(&Path::Root, value) else {
            return Err(checker.into_violations());
        };
        let mut fields = Fields { checker, object, at: Path::Root };
        let data = match kind {
            MasterKind::Product => MasterData::Product(product(&mut fields)),
            MasterKind::Place => MasterData::Place(place(&mut fields)),
            MasterKind::Party => MasterData::Party(party(&mut fields)),
            MasterKind::Links => MasterData::Links(links(&mut fields)),
        };
        fields.checker.finish()?;
        data.check()?;
        Ok(data)
    }
}

fn product(fields: &mut Fields<'_, '_>) -> Product {
    fields.known(&[
        "id",
        "names",
        "descriptions",
        "brand",
        "picture",
        "limits",
        "netMassKg",
        "expectedTransitHours",
        "attributes",
        "record",
    ]);
    Product {
        id: fields.id(),
        names: fields.texts("names"),
        descriptions: fields.texts("descriptions"),
        brand: fields.text("brand"),
        picture: fields.digest("picture"),
        limits: fields.limits(),
        net_mass_kg: fields.decimal("netMassKg"),
        expected_transit_hours: fields.hours("expectedTransitHours"),
        attributes: fields.attributes(),
    }
}

fn place(fields: &mut Fields<'_, '_>) -> Place {
    fields.known(&[
        "id",
        "names",
        "address",
        "latitude",
        "longitude",
        "inside",
        "attributes",
        "record",
    ]);
    Place {
        id: fields.id(),
        names: fields.texts("names"),
        address: fields.address(),
        latitude: fields.decimal("latitude"),
        longitude: fields.decimal("longitude"),
        inside: fields.text("inside").map(|uri| canonical(&uri).into_uri()),
        attributes: fields.attributes(),
    }
}

fn party(fields: &mut Fields<'_, '_>) -> Party {
    fields.known(&["id", "names", "address", "member", "attributes", "record"]);
    Party {
        id: fields.id(),
        names: fields.texts("names"),
        address: fields.address(),
        member: fields.member("member"),
        attributes: fields.attributes(),
    }
}

fn links(fields: &mut Fields<'_, '_>) -> Links {
    fields.known(&["id", "links", "record"]);
    Links { id: fields.id(), links: fields.links() }
}

/// An object that is being read, and what was wrong so far.
struct Fields<'p, 'v> {
    checker: Checker,
    object: &'v Map<String, Value>,
    at: Path<'p>,
}

impl<'v> Fields<'_, 'v> {
    fn known(&mut self, known: &[&str]) {
        self.checker.only_keys(&self.at, self.object, known);
    }

    /// The value of a field; `null` stands for none.
    fn value(&self, name: &str) -> Option<&'v Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn required(&mut self, name: &str) -> String {
        if self.value(name).is_none() {
            let message = format!("{name} is missing: add it");
            self.checker.report(&self.at.key(name), "required", message);
        }
        self.text(name).unwrap_or_default()
    }

    fn id(&mut self) -> String {
        canonical(&self.required("id")).into_uri()
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let value = self.value(name)?;
        self.checker.text(&self.at.key(name), value).map(str::to_owned)
    }

    fn texts(&mut self, name: &str) -> Texts {
        let Some(value) = self.value(name) else { return Texts::new() };
        let at = self.at.key(name);
        let Some(object) = self.checker.object(&at, value) else { return Texts::new() };
        let mut texts = Texts::new();
        for (language, text) in object {
            if let Some(text) = self.checker.text(&at.key(language), text) {
                texts.insert(language.clone(), text.to_owned());
            }
        }
        texts
    }

    fn decimal(&mut self, name: &str) -> Option<Decimal> {
        let value = self.value(name)?;
        let number = match value {
            Value::String(text) => decimal(text),
            Value::Number(number) => decimal(&number.to_string()),
            _ => None,
        };
        if number.is_none() {
            let message = format!(
                "{name} is not a decimal that can be kept exactly: give one of at most 28 digits, \
                 such as 8.5, or as text such as \"0.000001\""
            );
            self.checker.report(&self.at.key(name), "number", message);
        }
        number
    }

    fn hours(&mut self, name: &str) -> Option<u32> {
        let value = self.value(name)?;
        let hours = value.as_u64().and_then(|hours| u32::try_from(hours).ok());
        if hours.is_none() {
            let message = format!("{name} is no whole number of hours: give one such as 48");
            self.checker.report(&self.at.key(name), "number", message);
        }
        hours
    }

    fn digest(&mut self, name: &str) -> Option<Digest> {
        let text = self.text(name)?;
        let digest = text.parse().ok();
        if digest.is_none() {
            let message = "this is no SHA-256: give the 64 lower-case hexadecimal digits that the \
                           upload answered";
            self.checker.report(&self.at.key(name), "digest", message);
        }
        digest
    }

    fn member(&mut self, name: &str) -> Option<MemberId> {
        let text = self.text(name)?;
        let member = MemberId::new(text);
        if let Err(error) = &member {
            self.checker.report(&self.at.key(name), "name", error.to_string());
        }
        member.ok()
    }

    fn limits(&mut self) -> Vec<SensorLimit> {
        self.each("limits", |fields| {
            fields.known(&["type", "min", "max", "uom"]);
            let measurement = fields.required("type");
            SensorLimit {
                measurement: Vocabulary::MeasurementType.plain(&measurement).to_owned(),
                min: fields.decimal("min"),
                max: fields.decimal("max"),
                uom: fields.required("uom"),
            }
        })
    }

    fn links(&mut self) -> Vec<Link> {
        if self.value("links").is_none() {
            let message = "links is missing: add a list, an empty one to take all links away";
            self.checker.report(&self.at.key("links"), "required", message);
        }
        self.each("links", |fields| {
            fields.known(&["linkType", "href", "title", "hreflang", "type", "default"]);
            Link {
                link_type: plain_type(&fields.required("linkType")),
                href: fields.required("href"),
                title: fields.required("title"),
                hreflang: match fields.value("hreflang") {
                    Some(Value::String(one)) => vec![one.clone()],
                    _ => fields.lines("hreflang"),
                },
                media_type: fields.text("type"),
                is_default: fields.flag("default"),
            }
        })
    }

    /// What is read of each object in the list that a field has; of a missing field nothing.
    fn each<T>(&mut self, name: &str, read: impl Fn(&mut Fields<'_, '_>) -> T) -> Vec<T> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let at = self.at.key(name);
        let mut found = Vec::new();
        let list = self.checker.list(&at, value).unwrap_or_default();
        for (index, value) in list.iter().enumerate() {
            let at = at.index(index);
            let Some(object) = self.checker.object(&at, value) else { continue };
            let checker = std::mem::take(&mut self.checker);
            let mut fields = Fields { checker, object, at };
            found.push(read(&mut fields));
            self.checker = fields.checker;
        }
        found
    }

    fn flag(&mut self, name: &str) -> bool {
        let Some(value) = self.value(name) else { return false };
        if !value.is_boolean() {
            let message = format!("{name} is true or false");
            self.checker.report(&self.at.key(name), "type", message);
        }
        *value == Value::Bool(true)
    }

    fn address(&mut self) -> Address {
        let Some(value) = self.value("address") else { return Address::default() };
        let at = self.at.key("address");
        let Some(object) = self.checker.object(&at, value) else { return Address::default() };
        let checker = std::mem::take(&mut self.checker);
        let mut fields = Fields { checker, object, at };
        fields.known(&["lines", "city", "state", "postalCode", "country"]);
        let address = Address {
            lines: fields.lines("lines"),
            city: fields.text("city"),
            state: fields.text("state"),
            postal_code: fields.text("postalCode"),
            country: fields.text("country"),
        };
        self.checker = fields.checker;
        address
    }

    fn lines(&mut self, name: &str) -> Vec<String> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let at = self.at.key(name);
        let list = self.checker.list(&at, value).unwrap_or_default();
        let mut lines = Vec::new();
        for (index, line) in list.iter().enumerate() {
            lines.extend(self.checker.text(&at.index(index), line).map(str::to_owned));
        }
        lines
    }

    /// Attributes: each a text, a number, or a list of these.
    fn attributes(&mut self) -> Attributes {
        let Some(value) = self.value("attributes") else { return Attributes::new() };
        let at = self.at.key("attributes");
        let Some(object) = self.checker.object(&at, value) else { return Attributes::new() };
        let mut attributes = Attributes::new();
        for (name, value) in object {
            let at = at.key(name);
            let values = match value {
                Value::Array(list) => list.as_slice(),
                single => std::slice::from_ref(single),
            };
            let mut texts = Vec::with_capacity(values.len());
            for (index, value) in values.iter().enumerate() {
                match value {
                    Value::Number(number) => texts.push(number.to_string()),
                    value => {
                        let text = self.checker.text(&at.index(index), value);
                        texts.extend(text.map(str::to_owned));
                    }
                }
            }
            attributes.insert(name.clone(), texts);
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(kind: MasterKind, value: &Value) -> Vec<(String, &'static str)> {
        let wrong = MasterData::from_json(kind, value).expect_err("it is wrong");
        wrong.into_iter().map(|violation| (violation.pointer, violation.rule)).collect()
    }

    #[test]
    fn every_spelling_becomes_the_one() {
        let value = json!({
            "id": "urn:epc:idpat:sgtin:9521568.025120.*", "names": {"en": "Milk", "zh": "牛奶"},
            "brand": "Alp", "picture": null, "netMassKg": 1.03, "expectedTransitHours": 48,
            "limits": [{"type": "gs1:Temperature", "min": "2.0", "max": 8, "uom": "CEL"}],
            "attributes": {"ext:fat": 3.5, "ext:made": ["here", "there"]}});
        let by_urn = MasterData::from_json(MasterKind::Product, &value).unwrap();
        let MasterData::Product(product) = &by_urn else { panic!() };
        assert_eq!(product.id, "https://id.gs1.org/01/09521568251204");
        assert_eq!(product.limits[0].measurement, "Temperature");
        assert_eq!(product.limits[0].min, decimal("2"));
        assert_eq!(product.net_mass_kg, decimal("1.03"));
        assert_eq!(product.attributes["ext:fat"], ["3.5"]);
        assert_eq!(product.attributes["ext:made"], ["here", "there"]);
        let place = json!({"id": "https://example.com/414/9521321000018/254/dock1",
            "inside": "urn:epc:id:sgln:9521321.00001.0", "latitude": -1.5, "longitude": "+7.0"});
        let place = MasterData::from_json(MasterKind::Place, &place).unwrap();
        let MasterData::Place(place) = place else { panic!() };
        assert_eq!(place.id, "https://id.gs1.org/414/9521321000018/254/dock1");
        assert_eq!(place.inside.as_deref(), Some("https://id.gs1.org/414/9521321000018"));
        assert_eq!(place.longitude, decimal("7"));
    }

    /// Promise P2.
    #[test]
    fn faults_name_their_fields() {
        let is = |at: &str, rule: &'static str| (at.to_owned(), rule);
        let product = json!({"id": 5, "name": "Milk", "netMassKg": true, "picture": "abc",
            "limits": [{"min": "cold"}, 3], "expectedTransitHours": -1,
            "attributes": {"a:b": {}}, "names": {"en": 1}});
        assert_eq!(
            rules(MasterKind::Product, &product),
            [
                is("/name", "unknown-field"),
                is("/id", "type"),
                is("/names/en", "type"),
                is("/picture", "digest"),
                is("/limits/0/type", "required"),
                is("/limits/0/min", "number"),
                is("/limits/0/uom", "required"),
                is("/limits/1", "type"),
                is("/netMassKg", "number"),
                is("/expectedTransitHours", "number"),
                is("/attributes/a:b/0", "type"),
            ]
        );
        let party = json!({"id": "https://id.gs1.org/417/9521321000018", "member": "A B",
            "address": {"zip": "1", "lines": [1]}});
        assert_eq!(
            rules(MasterKind::Party, &party),
            [
                is("/address/zip", "unknown-field"),
                is("/address/lines/0", "type"),
                is("/member", "name"),
            ]
        );
        assert_eq!(rules(MasterKind::Place, &json!([])), [is("", "type")]);
        let long = json!({"id": "https://id.gs1.org/414/9521321000018",
            "latitude": "1.00000000000000000000000000000000001", "longitude": 1});
        assert_eq!(rules(MasterKind::Place, &long), [is("/latitude", "number")]);
    }
}
