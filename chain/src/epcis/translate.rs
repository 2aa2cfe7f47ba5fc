//! Identifiers of an event written anew: EPC URNs as GS1 Digital Links, for who asks for them.
//!
//! An event on record is never changed; what is translated is an answer. Every field that holds an
//! identifier of a thing, place, party or document is looked at, and nothing else: extensions mean
//! what their makers say. From a Digital Link to an EPC URN there is no way without GS1's list of
//! company prefixes, so that direction only tells what stands in it.

use serde_json::{Map, Value};

use super::identifier::canonical;

/// Lists of identifiers.
const LISTS: [&str; 4] = ["epcList", "childEPCs", "inputEPCList", "outputEPCList"];

/// Lists of objects, and the member of each that is an identifier.
const LISTED: [(&str, &str); 7] = [
    ("quantityList", "epcClass"),
    ("childQuantityList", "epcClass"),
    ("inputQuantityList", "epcClass"),
    ("outputQuantityList", "epcClass"),
    ("bizTransactionList", "bizTransaction"),
    ("sourceList", "source"),
    ("destinationList", "destination"),
];

/// Objects with an `id`.
const PLACES: [&str; 2] = ["readPoint", "bizLocation"];

/// Writes the identifiers of an event that are EPC URNs as GS1 Digital Links (EPCIS 2.0 REST
/// binding, `GS1-EPC-Format: Always_GS1_Digital_Link`). An EPC of a scheme without GS1 key, and
/// every other URI, stays as it is.
pub fn to_digital_links(event: &mut Map<String, Value>) {
    each_identifier(event, &mut |_, text| {
        if !text.starts_with("urn:epc:") {
            return;
        }
        let canonical = canonical(text);
        if canonical.key().is_some() {
            *text = canonical.into_uri();
        }
    });
}

/// The JSON pointer and text of the first identifier of an event that is a GS1 Digital Link, and so
/// no EPC URN; `None` when all are EPC URNs or no GS1 identifiers.
#[must_use]
pub fn first_digital_link(event: &Map<String, Value>) -> Option<(String, String)> {
    let mut found = None;
    // Looked at in a copy: one walk serves for reading and writing.
    each_identifier(&mut event.clone(), &mut |pointer, text| {
        if found.is_none() && !text.starts_with("urn:") && canonical(text).key().is_some() {
            found = Some((pointer.to_owned(), text.clone()));
        }
    });
    found
}

fn each_identifier(event: &mut Map<String, Value>, visit: &mut dyn FnMut(&str, &mut String)) {
    let mut text = |pointer: &str, value: &mut Value| {
        if let Value::String(text) = value {
            visit(pointer, text);
        }
    };
    if let Some(parent) = event.get_mut("parentID") {
        text("/parentID", parent);
    }
    for list in LISTS {
        let Some(Value::Array(values)) = event.get_mut(list) else { continue };
        for (index, value) in values.iter_mut().enumerate() {
            text(&format!("/{list}/{index}"), value);
        }
    }
    for (list, member) in LISTED {
        let Some(Value::Array(values)) = event.get_mut(list) else { continue };
        for (index, value) in values.iter_mut().enumerate() {
            if let Some(value) = value.get_mut(member) {
                text(&format!("/{list}/{index}/{member}"), value);
            }
        }
    }
    for place in PLACES {
        if let Some(value) = event.get_mut(place).and_then(|place| place.get_mut("id")) {
            text(&format!("/{place}/id"), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("an object") };
        object
    }

    /// Promise P102.
    #[test]
    fn urns_of_every_field_become_links_and_nothing_else_changes() {
        let mut event = object(json!({
            "type": "ObjectEvent",
            "eventID": "urn:epc:id:sgtin:9521321.000101.7",
            "parentID": "urn:epc:id:sscc:9521321.0000000001",
            "epcList": ["urn:epc:id:sgtin:9521321.000101.7", "urn:x:7",
                "https://shop.example/01/09521321001015/21/8"],
            "quantityList": [{"epcClass": "urn:epc:class:lgtin:9521321.000101.L1", "quantity": 3}],
            "readPoint": {"id": "urn:epc:id:sgln:9521321.00001.0"},
            "bizLocation": {"id": "urn:epc:id:sgln:9521321.00001.7"},
            "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:9521321.00001"}],
            "bizTransactionList": [{"bizTransaction": "urn:epcglobal:cbv:bt:9521321000018:1"}],
            "childEPCs": ["urn:epc:id:adi:W81X9C.3KL984PX1.2WMA52"],
            "example:epc": "urn:epc:id:sgtin:9521321.000101.7"
        }));
        to_digital_links(&mut event);
        assert_eq!(
            Value::Object(event.clone()),
            json!({
                "type": "ObjectEvent",
                "eventID": "urn:epc:id:sgtin:9521321.000101.7",
                "parentID": "https://id.gs1.org/00/095213210000000018",
                "epcList": ["https://id.gs1.org/01/09521321001015/21/7", "urn:x:7",
                    "https://shop.example/01/09521321001015/21/8"],
                "quantityList": [
                    {"epcClass": "https://id.gs1.org/01/09521321001015/10/L1", "quantity": 3}
                ],
                "readPoint": {"id": "https://id.gs1.org/414/9521321000018"},
                "bizLocation": {"id": "https://id.gs1.org/414/9521321000018/254/7"},
                "sourceList": [
                    {"type": "owning_party", "source": "https://id.gs1.org/417/9521321000018"}
                ],
                "bizTransactionList": [{"bizTransaction": "urn:epcglobal:cbv:bt:9521321000018:1"}],
                "childEPCs": ["urn:epc:id:adi:W81X9C.3KL984PX1.2WMA52"],
                "example:epc": "urn:epc:id:sgtin:9521321.000101.7"
            })
        );
        let found = first_digital_link(&event).unwrap();
        assert_eq!(found.0, "/parentID");
    }

    #[test]
    fn a_link_that_stands_in_the_way_of_urns_is_named_with_its_place() {
        let urns = object(json!({"epcList": ["urn:epc:id:sgtin:9521321.000101.7", "urn:x:1"],
            "readPoint": {"id": "https://example.com/gate/7"}}));
        assert_eq!(first_digital_link(&urns), None);
        let link = "https://shop.example/01/09521321001015/21/8";
        let mixed = object(json!({"epcList": ["urn:epc:id:sgtin:9521321.000101.7", link]}));
        assert_eq!(first_digital_link(&mixed), Some(("/epcList/1".to_owned(), link.to_owned())));
    }
}
