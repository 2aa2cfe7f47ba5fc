//! What queries ask of master data: which places lie in which, and attributes by name.
//!
//! EPCIS has one hierarchy for read points and another for business locations: a warehouse's gate
//! may be a read point of the warehouse, and the warehouse a business location of a region, without
//! the gate being a read point of the region. A record's `inside` counts for both, unless a
//! document has said as what a place lies in another: then that is kept among its attributes, under
//! the vocabulary's type.

use super::document::known_word;
use super::{Address, MasterData, Texts};
use crate::epcis::query::PlaceField;

/// The attribute with the places in which a place lies as a read point.
pub const READ_POINT_IN: &str = "urn:epcglobal:epcis:vtype:ReadPoint";

/// The attribute with the places in which a place lies as a business location.
pub const LOCATION_IN: &str = "urn:epcglobal:epcis:vtype:BusinessLocation";

/// The attribute that says so for a field.
#[must_use]
pub fn attribute_of(field: PlaceField) -> &'static str {
    match field {
        PlaceField::ReadPoint => READ_POINT_IN,
        PlaceField::BizLocation => LOCATION_IN,
    }
}

/// The places in which a place lies directly, as a read point or as a business location.
#[must_use]
pub fn around(data: &MasterData, field: PlaceField) -> Vec<String> {
    let MasterData::Place(place) = data else { return Vec::new() };
    let said = [READ_POINT_IN, LOCATION_IN].iter().any(|key| place.attributes.contains_key(*key));
    if said {
        return place.attributes.get(attribute_of(field)).cloned().unwrap_or_default();
    }
    place.inside.iter().cloned().collect()
}

/// The values of an attribute by its full name, also of those that have a field of their own;
/// `None` when it is not on record.
#[must_use]
pub fn attribute(data: &MasterData, name: &str) -> Option<Vec<String>> {
    let (attributes, names, address) = match data {
        MasterData::Product(product) => (&product.attributes, &product.names, None),
        MasterData::Place(place) => (&place.attributes, &place.names, Some(&place.address)),
        MasterData::Party(party) => (&party.attributes, &party.names, Some(&party.address)),
        MasterData::Links(_) => return None,
    };
    if let Some(values) = attributes.get(name) {
        return Some(values.clone());
    }
    let word = known_word(name)?;
    let values = own_field(data, names, address, word)?;
    (!values.is_empty()).then_some(values)
}

fn own_field(
    data: &MasterData,
    names: &Texts,
    address: Option<&Address>,
    word: &str,
) -> Option<Vec<String>> {
    let one = |value: &Option<String>| Some(value.iter().cloned().collect::<Vec<_>>());
    let line = |place: usize| Some(address?.lines.get(place).cloned().into_iter().collect());
    let all = |texts: &Texts| Some(texts.values().cloned().collect::<Vec<_>>());
    if let MasterData::Product(product) = data {
        return match word {
            "descriptionShort" | "name" | "productName" | "functionalName" => all(names),
            "tradeItemDescription" | "description" | "productDescription" => {
                all(&product.descriptions)
            }
            "brand" | "brandName" => one(&product.brand),
            _ => None,
        };
    }
    match word {
        "name"
        | "descriptionShort"
        | "locationName"
        | "physicalLocationName"
        | "organizationName" => all(names),
        "streetAddressOne" | "streetAddress" => line(0),
        "streetAddressTwo" => line(1),
        "streetAddressThree" => line(2),
        "city" | "addressLocality" => one(&address?.city),
        "state" | "addressRegion" => one(&address?.state),
        "postalCode" => one(&address?.postal_code),
        "countryCode" | "addressCountry" => one(&address?.country),
        _ => match (data, word) {
            (MasterData::Place(place), "latitude") => place.latitude.map(|d| vec![d.to_string()]),
            (MasterData::Place(place), "longitude") => place.longitude.map(|d| vec![d.to_string()]),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::masterdata::Place;

    fn place(inside: Option<&str>, attributes: &[(&str, &str)]) -> MasterData {
        let attributes: BTreeMap<String, Vec<String>> = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
            .collect();
        let names = BTreeMap::from([("en".to_owned(), "Dairy".to_owned())]);
        let address = Address { city: Some("Bern".to_owned()), ..Address::default() };
        let inside = inside.map(str::to_owned);
        MasterData::Place(Place { inside, attributes, names, address, ..Place::default() })
    }

    /// Promise P96.
    #[test]
    fn a_place_lies_in_another_as_what_it_was_said_to() {
        let both = place(Some("urn:x:out"), &[]);
        assert_eq!(around(&both, PlaceField::ReadPoint), ["urn:x:out"]);
        assert_eq!(around(&both, PlaceField::BizLocation), ["urn:x:out"]);
        let one = place(Some("urn:x:out"), &[(READ_POINT_IN, "urn:x:hall")]);
        assert_eq!(around(&one, PlaceField::ReadPoint), ["urn:x:hall"]);
        assert_eq!(around(&one, PlaceField::BizLocation), Vec::<String>::new());
    }

    #[test]
    fn attributes_are_found_in_their_fields_and_under_their_names() {
        let record = place(None, &[("https://ns.example.org/v#region", "EU")]);
        let found = |name: &str| attribute(&record, name);
        assert_eq!(found("https://ns.example.org/v#region"), Some(vec!["EU".to_owned()]));
        assert_eq!(found("urn:epcglobal:cbv:mda:city"), Some(vec!["Bern".to_owned()]));
        assert_eq!(found("https://gs1.org/voc/locationName"), Some(vec!["Dairy".to_owned()]));
        assert_eq!(found("urn:epcglobal:cbv:mda:postalCode"), None);
        assert_eq!(found("https://ns.example.org/v#other"), None);
    }
}
