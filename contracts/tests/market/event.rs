//! EPCIS events from the sentences of the tables.

use serde_json::{Value, json};
use tracehold_chain::epcis::canonical;
use tracehold_chain::units::TimestampMs;

use super::terms::{duration, time};
use super::{MEMBERS, prefix};

/// A list such as `a, b and c`.
pub fn list(text: &str) -> Vec<&str> {
    text.split(", ").flat_map(|part| part.split(" and ")).map(str::trim).collect()
}

/// `case1-3` is case1, case2 and case3.
pub fn several(name: &str) -> Vec<String> {
    let range = name.rsplit_once('-').and_then(|(first, last)| {
        let kind = first.trim_end_matches(|c: char| c.is_ascii_digit());
        let first: u32 = first.get(kind.len()..)?.parse().ok()?;
        Some((kind, first, last.parse::<u32>().ok()?))
    });
    match range {
        Some((kind, first, last)) => (first..=last).map(|n| format!("{kind}{n}")).collect(),
        None => vec![name.to_owned()],
    }
}

/// The identifier of a thing by its name in the tables: the seller's, or whoever's stands before.
pub fn uri(name: &str) -> String {
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let (owner, kind) = match kind.split_once('-') {
        Some((owner, kind)) if MEMBERS.iter().any(|m| m.0 == owner) => (owner, kind),
        _ => ("seller", kind),
    };
    let company = prefix(owner);
    let product = |kind: &str| {
        let number = kind.bytes().fold(7_u32, |n, b| (n * 31 + u32::from(b)) % 90_000);
        format!("{company}.0{:05}", 10_000 + number)
    };
    match kind {
        "pallet" | "container" => {
            let first = if kind == "pallet" { 0 } else { 1 };
            format!("urn:epc:id:sscc:{company}.1{first}{digits:0>8}")
        }
        _ => match kind.split_once('-') {
            Some(("lot", what)) => format!("urn:epc:class:lgtin:{}.L{digits}", product(what)),
            Some(("class", what)) => format!("urn:epc:idpat:sgtin:{}.*", product(what)),
            _ => format!("urn:epc:id:sgtin:{}.{digits}", product(kind)),
        },
    }
}

pub fn canonical_uri(name: &str) -> String {
    canonical(&uri(name)).into_uri()
}

/// `buyer.dock` as a place.
fn place(name: &str) -> String {
    let (owner, room) = name.split_once('.').unwrap_or((name, "0"));
    format!("urn:epc:id:sgln:{}.00001.{room}", prefix(owner))
}

pub fn canonical_place(name: &str) -> String {
    canonical(&place(name)).into_uri()
}

/// A purchase order.
pub fn order(name: &str) -> String {
    canonical(&format!("urn:epcglobal:cbv:bt:{}00001:{name}", prefix("buyer"))).into_uri()
}

pub fn unit(name: &str) -> Option<&'static str> {
    match name {
        "kg" => Some("KGM"),
        "g" => Some("GRM"),
        "t" => Some("TNE"),
        "l" => Some("LTR"),
        "pieces" => None,
        other => panic!("{other:?} is no unit of the tables"),
    }
}

/// Things of a sentence: single ones, and so much of others.
fn things(text: &str) -> (Vec<String>, Vec<Value>) {
    let (mut single, mut quantities) = (Vec::new(), Vec::new());
    for entry in list(text).into_iter().filter(|entry| !entry.is_empty()) {
        match entry.split_once(" of ") {
            Some((amount, name)) => {
                let (number, named) = amount.split_once(' ').unwrap_or((amount, "pieces"));
                let number: Value = serde_json::from_str(number).unwrap();
                let mut element = json!({"epcClass": uri(name), "quantity": number});
                if let Some(code) = unit(named) {
                    element["uom"] = code.into();
                }
                quantities.push(element);
            }
            None => single.extend(several(entry).iter().map(|name| uri(name))),
        }
    }
    (single, quantities)
}

/// The event that a sentence tells: `buyer receives case1 at buyer.dock under order po1`.
pub fn event(number: u32, who: &str, verb: &str, rest: &str, when: TimestampMs) -> Value {
    let mut event = json!({
        "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "eventID": format!("urn:uuid:00000000-0000-4000-8000-{number:0>12}"),
        "eventTimeZoneOffset": "+00:00",
        "eventTime": when.to_string(),
    });
    let (rest, values) = match rest.split_once(": ").filter(|_| verb == "measures") {
        Some((names, values)) => (names, Some(values)),
        None => (rest, None),
    };
    let mut rest = rest.to_owned();
    let mut option = |marker: &str| {
        let (before, value) = rest.rsplit_once(marker)?;
        let value = value.to_owned();
        rest = before.to_owned();
        Some(value)
    };
    if let Some(orders) = option(" under order ") {
        let entry = |id: &str| json!({"type": "po", "bizTransaction": order(id)});
        event["bizTransactionList"] = orders.split('/').map(entry).collect();
    }
    if let Some(certificate) = option(" certified ") {
        event["certificationInfo"] = certificate.into();
    }
    if let Some(disposition) = option(" as ") {
        event["disposition"] = disposition.into();
    }
    if let Some(at) = option(" at ") {
        event["readPoint"] = json!({"id": place(&at)});
        event["bizLocation"] = json!({"id": place(&at)});
    }
    if let Some(to) = option(" to ") {
        let party = |name: &str| format!("urn:epc:id:pgln:{}.00001", prefix(name));
        event["destinationList"] = json!([{"type": "possessing_party", "destination": party(&to)}]);
        event["sourceList"] = json!([{"type": "possessing_party", "source": party(who)}]);
    }
    let (action, step) = match verb {
        "commissions" => ("ADD", "commissioning"),
        "ships" => ("OBSERVE", "shipping"),
        "receives" => ("OBSERVE", "receiving"),
        "accepts" => ("OBSERVE", "accepting"),
        "arrives" => ("OBSERVE", "arriving"),
        "stores" => ("OBSERVE", "storing"),
        "inspects" | "sees" => ("OBSERVE", "inspecting"),
        "measures" => ("OBSERVE", "sensor_reporting"),
        "packs" => ("ADD", "packing"),
        "unpacks" | "empties" => ("DELETE", "unpacking"),
        _ => panic!("{verb:?} is no verb of the tables"),
    };
    event["action"] = action.into();
    event["bizStep"] = step.into();
    let packing = match verb {
        "packs" => rest.split_once(" into "),
        "unpacks" => rest.split_once(" from "),
        "sees" => rest.split_once(" in "),
        "empties" => Some(("", rest.as_str())),
        _ => None,
    };
    if let Some((children, parent)) = packing {
        let (single, quantities) = things(children);
        event["type"] = "AggregationEvent".into();
        event["parentID"] = uri(parent).into();
        event["childEPCs"] = single.into();
        event["childQuantityList"] = quantities.into();
    } else {
        let (single, quantities) = things(&rest);
        event["type"] = "ObjectEvent".into();
        event["epcList"] = single.into();
        event["quantityList"] = quantities.into();
        if let Some(values) = values {
            event["sensorElementList"] = json!([sensor(values)]);
        }
    }
    let object = event.as_object_mut().unwrap();
    object.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
    event
}

/// `4, 9 every 10m from 09:00`, `3 to 9 during 09:00-10:00`.
fn sensor(text: &str) -> Value {
    if let Some((range, span)) = text.split_once(" during ") {
        let (least, most) = range.split_once(" to ").unwrap();
        let (from, to) = span.split_once('-').unwrap();
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        return json!({
            "sensorMetadata": {"startTime": time(from).to_string(), "endTime": time(to).to_string()},
            "sensorReport": [{"type": "Temperature", "uom": "CEL",
                "minValue": number(least), "maxValue": number(most)}],
        });
    }
    let (values, rest) = text.split_once(" every ").unwrap_or((text, "1m from 00:00"));
    let (every, from) = rest.split_once(" from ").unwrap();
    let mut at = time(from);
    let mut reports = Vec::new();
    for value in values.split(", ") {
        // `5 x12` is twelve times 5.
        let (value, times) = value.split_once(" x").unwrap_or((value, "1"));
        for _ in 0..times.parse::<u32>().unwrap() {
            let value: Value = serde_json::from_str(value).unwrap();
            reports.push(json!({"type": "Temperature", "uom": "CEL", "value": value,
                "time": at.to_string()}));
            at = at.plus_ms(duration(every).0);
        }
    }
    json!({"sensorReport": reports})
}
