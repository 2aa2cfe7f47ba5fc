//! Tables of what happened and what the ledger then says, in words that a warehouse manager reads.
//!
//! `scenarios/*.txt` are run against the real ledger with real EPCIS events, each line a signed
//! transaction in a block of its own, in the order of the lines: a line with an earlier time came
//! late. `scenarios/README.md` lists the sentences.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tracehold_chain::anomaly::AnomalyKind;
use tracehold_chain::epcis::canonical;
use tracehold_chain::genesis::Parameters;
use tracehold_chain::masterdata::{MasterData, Product, SensorLimit};
use tracehold_chain::state::StateKey;
use tracehold_chain::state::key::name_digest;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::provenance::{
    AsOf, Edge, Ending, EventRecord, ItemRecord, ItemState, Life, Party, fold, present, state_as_of,
};
use tracehold_contracts::{RejectionCode, Verdict};
use world::{DAY, World, members, prefix};

/// What a line of a table says is not so.
struct Wrong {
    expected: String,
    found: String,
}

/// A scenario while it runs.
struct Scenario {
    world: World,
    /// Events by label, as they were sent.
    sent: BTreeMap<String, (String, Value)>,
    last: Option<Verdict>,
    events: u32,
}

fn text_of(words: &[&str]) -> String {
    words.join(" ")
}

/// A list such as `a, b and c`.
fn list(text: &str) -> Vec<&str> {
    text.split(", ").flat_map(|part| part.split(" and ")).map(str::trim).collect()
}

/// The identifier of a thing by its name in the tables.
fn uri(name: &str) -> String {
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let (owner, kind) = match kind.split_once('-') {
        Some((owner, kind)) if members().any(|m| m.0 == owner) || owner == "foreign" => {
            (owner, kind)
        }
        _ => ("mill", kind),
    };
    let company = prefix(owner);
    let number = |kind: &str| kind.bytes().fold(7_u32, |n, b| (n * 31 + u32::from(b)) % 90_000);
    let gtin = || format!("{company}.0{:05}", 10_000 + number(kind) % 90_000);
    match kind {
        "pallet" | "container" | "truck" => {
            let first = ["pallet", "container", "truck"].iter().position(|k| *k == kind).unwrap();
            format!("urn:epc:id:sscc:{company}.1{first}{digits:0>8}")
        }
        "crate" => format!("urn:epc:id:grai:{company}.00012.{digits}"),
        _ if kind.starts_with("lot") => {
            format!("urn:epc:class:lgtin:{}.{name}", gtin())
        }
        _ if kind.starts_with("class") => format!("urn:epc:idpat:sgtin:{}.*", gtin()),
        _ => format!("urn:epc:id:sgtin:{}.{name}", gtin()),
    }
}

fn canonical_uri(name: &str) -> String {
    canonical(&uri(name)).into_uri()
}

fn is_lot(name: &str) -> bool {
    let kind = name.split_once('-').map_or(name, |(owner, kind)| {
        if members().any(|m| m.0 == owner) || owner == "foreign" { kind } else { name }
    });
    kind.starts_with("lot") || kind.starts_with("class")
}

/// `mill.dock` as a place.
fn place(name: &str) -> String {
    let (owner, room) = name.split_once('.').unwrap_or((name, "0"));
    format!("urn:epc:id:sgln:{}.00001.{room}", prefix(owner))
}

fn party(name: &str) -> String {
    format!("urn:epc:id:pgln:{}.00001", prefix(name))
}

/// Things of a sentence: single ones, and so much of others.
#[derive(Default)]
struct Things {
    single: Vec<String>,
    quantities: Vec<Value>,
}

fn things(text: &str) -> Things {
    let mut found = Things::default();
    for entry in list(text) {
        match entry.split_once(" of ") {
            Some((amount, name)) => {
                let mut words = amount.split(' ');
                let number: Value = serde_json::from_str(words.next().unwrap()).unwrap();
                let mut element = json!({"epcClass": uri(name), "quantity": number});
                match words.next() {
                    None | Some("pieces") => {}
                    Some("kg") => element["uom"] = "KGM".into(),
                    Some("g") => element["uom"] = "GRM".into(),
                    Some("l") => element["uom"] = "LTR".into(),
                    Some(code) => element["uom"] = code.into(),
                }
                found.quantities.push(element);
            }
            None if is_lot(entry) => found.quantities.push(json!({"epcClass": uri(entry)})),
            None => found.single.push(uri(entry)),
        }
    }
    found
}

/// `09:30` of the day, or of the day after for `tomorrow 09:30`.
fn time(text: &str) -> Option<TimestampMs> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    Some(DAY.plus_ms((hours * 60 + minutes) * 60_000))
}

impl Scenario {
    fn new(parameters: Parameters) -> Scenario {
        let world = World::new(parameters);
        Scenario { world, sent: BTreeMap::new(), last: None, events: 0 }
    }

    /// Runs one line.
    fn line(&mut self, line: &str) -> Result<(), Wrong> {
        if let Some(expectation) = line.strip_prefix("expect ") {
            return self.expect(expectation);
        }
        if !matches!(self.last, None | Some(Verdict::Recorded { .. })) {
            // A refusal that nobody expected.
            return Err(Wrong { expected: "recorded".to_owned(), found: self.refusal() });
        }
        let (label, line) = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            Some((label, line)) => (label, line),
            None => ("", line),
        };
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let mut when = DAY;
        if words[0] == "tomorrow" {
            words.remove(0);
            when = when.plus_ms(24 * 3_600_000);
        }
        if let Some(at) = time(words[0]) {
            words.remove(0);
            when = when.plus_ms(at.since_ms(DAY));
        }
        let (who, verb, rest) = (words[0], words[1], text_of(&words[2..]));
        if verb == "declares" {
            self.declare_limits(who, &words[2..]);
            return Ok(());
        }
        let mut event = match verb {
            "corrects" => {
                let (by, mut event) = self.sent[&rest].clone();
                assert!(!by.is_empty());
                event["errorDeclaration"] = json!({"declarationTime": when.to_string(),
                    "reason": "incorrect_data"});
                event
            }
            _ => self.event(who, verb, &rest),
        };
        if verb != "corrects" {
            event["eventTime"] = when.to_string().into();
        }
        self.last = Some(self.world.send(who, vec![event.clone()]));
        self.sent.insert(label.to_owned(), (who.to_owned(), event.clone()));
        self.sent.insert("it".to_owned(), (who.to_owned(), event));
        Ok(())
    }

    /// The EPCIS event that a sentence tells.
    fn event(&mut self, who: &str, verb: &str, rest: &str) -> Value {
        self.events += 1;
        let mut event = json!({
            "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            "eventID": format!("urn:uuid:00000000-0000-4000-8000-{:0>12}", self.events),
            "eventTimeZoneOffset": "+00:00",
        });
        let (rest, place_name) = match rest.rsplit_once(" at ") {
            Some((rest, at)) if at.contains('.') => (rest, Some(at)),
            _ => (rest, None),
        };
        if let Some(at) = place_name {
            event["readPoint"] = json!({"id": place(at)});
            event["bizLocation"] = json!({"id": place(at)});
        }
        let (rest, process) = match rest.rsplit_once(" in process ") {
            Some((rest, id)) => (rest, Some(id)),
            None => (rest, None),
        };
        let (rest, to) = match rest.rsplit_once(" to ") {
            Some((rest, to)) if verb != "measures" => (rest, Some(to)),
            _ => (rest, None),
        };
        if let Some(to) = to {
            let (owner, carrier) = match to.split_once(" by ") {
                Some((owner, carrier)) => (Some(owner), carrier),
                None => (None, to),
            };
            let mut ends = vec![json!({"type": "possessing_party", "destination": party(carrier)})];
            if let Some(owner) = owner {
                ends.push(json!({"type": "owning_party", "destination": party(owner)}));
            }
            event["destinationList"] = ends.into();
            event["sourceList"] = json!([{"type": "possessing_party", "source": party(who)}]);
        }
        let object = |event: &mut Value, action: &str, step: &str, text: &str| {
            event["type"] = "ObjectEvent".into();
            event["action"] = action.into();
            event["bizStep"] = step.into();
            let named = things(text);
            event["epcList"] = named.single.into();
            event["quantityList"] = named.quantities.into();
        };
        let packing = |event: &mut Value, action: &str, step: &str, text: &str, parent: &str| {
            event["type"] = "AggregationEvent".into();
            event["action"] = action.into();
            event["bizStep"] = step.into();
            event["parentID"] = uri(parent).into();
            let named = if text.is_empty() { Things::default() } else { things(text) };
            event["childEPCs"] = named.single.into();
            event["childQuantityList"] = named.quantities.into();
        };
        let making = |event: &mut Value, made: &str, used: &str| {
            event["type"] = "TransformationEvent".into();
            event["bizStep"] = "commissioning".into();
            let of = |text: &str| if text.is_empty() { Things::default() } else { things(text) };
            let (made, used) = (of(made), of(used));
            event["inputEPCList"] = used.single.into();
            event["inputQuantityList"] = used.quantities.into();
            event["outputEPCList"] = made.single.into();
            event["outputQuantityList"] = made.quantities.into();
            if let Some(process) = process {
                event["transformationID"] = format!("urn:example:process:{process}").into();
            }
        };
        match verb {
            "commissions" => {
                object(&mut event, "ADD", "commissioning", rest);
                event["disposition"] = "active".into();
            }
            "destroys" => object(&mut event, "DELETE", "destroying", rest),
            "decommissions" => object(&mut event, "DELETE", "decommissioning", rest),
            "dispenses" => object(&mut event, "DELETE", "dispensing", rest),
            "ships" => {
                object(&mut event, "OBSERVE", "shipping", rest);
                event["disposition"] = "in_transit".into();
            }
            "departs" => {
                object(&mut event, "OBSERVE", "departing", rest.trim_start_matches("with "))
            }
            "consigns" => object(&mut event, "OBSERVE", "consigning", rest),
            "receives" => object(&mut event, "OBSERVE", "receiving", rest),
            "arrives" => {
                object(&mut event, "OBSERVE", "arriving", rest.trim_start_matches("with "))
            }
            "accepts" => object(&mut event, "OBSERVE", "accepting", rest),
            "recalls" => object(&mut event, "OBSERVE", "void_shipping", rest),
            "inspects" => object(&mut event, "OBSERVE", "inspecting", rest),
            "stores" => object(&mut event, "OBSERVE", "storing", rest),
            "packs" => {
                let (children, parent) = rest.split_once(" into ").expect("packs … into …");
                packing(&mut event, "ADD", "packing", children, parent);
            }
            "fits" => {
                let (children, parent) = rest.split_once(" on ").expect("fits … on …");
                packing(&mut event, "ADD", "installing", children, parent);
                event["type"] = "AssociationEvent".into();
            }
            "unpacks" => {
                let (children, parent) = rest.split_once(" from ").expect("unpacks … from …");
                packing(&mut event, "DELETE", "unpacking", children, parent);
            }
            "sees" => {
                let (children, parent) = rest.split_once(" in ").expect("sees … in …");
                packing(&mut event, "OBSERVE", "inspecting", children, parent);
            }
            "empties" => packing(&mut event, "DELETE", "unpacking", "", rest),
            "makes" => {
                let (made, used) = rest.split_once(" from ").unwrap_or((rest, ""));
                making(&mut event, made, used);
            }
            "uses" => making(&mut event, "", rest),
            "measures" => {
                let (name, values) = rest.split_once(": ").expect("measures …: values");
                object(&mut event, "OBSERVE", "sensor_reporting", name);
                event["sensorElementList"] = json!([sensor(values)]);
            }
            _ => panic!("{verb:?} is no verb of the tables"),
        }
        let object = event.as_object_mut().unwrap();
        object.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
        event
    }

    fn declare_limits(&mut self, who: &str, words: &[&str]) {
        // Temperature 2 to 8 CEL for case
        let [measurement, min, "to", max, uom, "for", name] = words else {
            panic!("declares Temperature 2 to 8 CEL for case1")
        };
        let id = canonical_uri(name);
        let id = id.split("/21/").next().unwrap().split("/10/").next().unwrap().to_owned();
        let product = Product {
            id,
            limits: vec![SensorLimit {
                measurement: (*measurement).to_owned(),
                min: Some(min.parse().unwrap()),
                max: Some(max.parse().unwrap()),
                uom: (*uom).to_owned(),
            }],
            names: [("en".to_owned(), "Goods".to_owned())].into(),
            ..Product::default()
        };
        self.last = Some(self.world.set(who, MasterData::Product(product)));
    }

    fn item(&self, name: &str) -> ItemRecord {
        self.world.get(&StateKey::Item(canonical_uri(name))).unwrap_or_default()
    }

    fn refusal(&self) -> String {
        match &self.last {
            Some(Verdict::Rejected(rejection)) => format!("refused {}", rejection.code.as_str()),
            _ => "recorded".to_owned(),
        }
    }

    fn expect(&mut self, text: &str) -> Result<(), Wrong> {
        if let Some(code) = text.strip_prefix("refused ") {
            assert!(RejectionCode::ALL.iter().any(|known| known.as_str() == code), "{code}");
            let found = self.refusal();
            self.last = None;
            return compare(&format!("refused {code}"), &found);
        }
        let words: Vec<&str> = text.split(' ').collect();
        let (expected, found) = match words.as_slice() {
            ["no", "anomaly", "on", name] => ("none".to_owned(), self.open(name)),
            ["no", "anomaly"] => ("none".to_owned(), self.recorded("it")),
            ["anomaly", codes @ .., "on", name] => (codes_of(codes), self.open(name)),
            ["the", "event", "with", codes @ ..] => (codes_of(codes), self.recorded("it")),
            ["event", label, "with", codes @ ..] => (codes_of(codes), self.recorded(label)),
            [name, "in", rest @ ..] => (text_of(rest), self.parents(name)),
            [name, "held", "by", rest @ ..] => (text_of(rest), self.holder(name)),
            [name, "on", "its", "way", "to", rest @ ..] => (text_of(rest), self.on_its_way(name)),
            [name, "not", "on", "its", "way"] => {
                ("not on its way".to_owned(), self.on_its_way(name))
            }
            [name, "nowhere"] => ("nowhere".to_owned(), self.place(name)),
            [name, "at", rest @ ..] => (text_of(rest), self.place(name)),
            [name, "step", rest @ ..] => (text_of(rest), self.step(name)),
            [name, "claims", count] => {
                ((*count).to_owned(), self.item(name).state.claims.to_string())
            }
            [name, "steps", count] => {
                ((*count).to_owned(), self.item(name).log.count().to_string())
            }
            [name, "balance", rest @ ..] => (text_of(rest), self.balance(name)),
            [name, "contains", rest @ ..] => {
                let rest = text_of(rest);
                let mut wanted: Vec<&str> = rest.split(", ").collect();
                wanted.sort_unstable();
                (wanted.join(", "), self.contents(name))
            }
            [name, "sensor", rest @ ..] => (text_of(rest), self.sensor(name)),
            [name, rest @ ..] => (text_of(rest), life(&self.item(name).state)),
            [] => panic!("nothing is expected"),
        };
        compare(&expected, &found)
    }

    /// Open anomalies of a thing.
    fn open(&self, name: &str) -> String {
        let open = self.item(name).state.open;
        let mut codes: Vec<&str> = open.iter().map(|open| open.kind.code()).collect();
        codes.sort_unstable();
        if codes.is_empty() { "none".to_owned() } else { codes.join(" ") }
    }

    /// Anomalies with which an event was recorded.
    fn recorded(&self, label: &str) -> String {
        let Some((_, event)) = self.sent.get(label) else { panic!("no event is called {label}") };
        let declared = event.get("errorDeclaration").map(|d| {
            let time = d["declarationTime"].as_str().unwrap();
            tracehold_chain::epcis::time::parse(time).unwrap()
        });
        let event_id = event["eventID"].as_str().unwrap().to_owned();
        let key = StateKey::Event { event_id, declared_at: declared };
        let Some(record) = self.world.get::<EventRecord>(&key) else { return self.refusal() };
        let mut codes: Vec<&str> = record.anomalies.iter().map(|a| a.kind.code()).collect();
        codes.sort_unstable();
        if codes.is_empty() { "none".to_owned() } else { codes.join(" ") }
    }

    fn present(&self, name: &str) -> tracehold_contracts::provenance::Present {
        let mut read = |uri: &str| {
            let record: Option<ItemRecord> = self.world.get(&StateKey::Item(uri.to_owned()));
            Ok::<_, ()>(record.map(|record| record.state))
        };
        present(&self.item(name).state, &mut read).unwrap()
    }

    fn known(&self, uri: &str) -> String {
        let names = self.world.names.borrow();
        names.get(uri).cloned().unwrap_or_else(|| uri.to_owned())
    }

    fn parents(&self, name: &str) -> String {
        let parents = self.present(name).parents;
        if parents.is_empty() {
            return "nothing".to_owned();
        }
        let names: Vec<String> = parents.iter().map(|uri| self.known(uri)).collect();
        names.join(" in ")
    }

    fn holder(&self, name: &str) -> String {
        let record = self.item(name);
        if is_lot(name) {
            let mut holders: Vec<String> =
                record.state.holders.iter().map(|holder| shown(&holder.what)).collect();
            holders.sort_unstable();
            return if holders.is_empty() { "nobody".to_owned() } else { holders.join(", ") };
        }
        self.present(name).holder.as_ref().map_or("nobody".to_owned(), shown)
    }

    fn on_its_way(&self, name: &str) -> String {
        let transits = self.present(name).transits;
        if transits.is_empty() {
            return "not on its way".to_owned();
        }
        let to = |to: &Option<Party>| to.as_ref().map_or("somebody".to_owned(), shown);
        let mut names: Vec<String> = transits.iter().map(|transit| to(&transit.to)).collect();
        names.sort_unstable();
        names.join(", ")
    }

    fn place(&self, name: &str) -> String {
        let Some(place) = self.present(name).place else { return "nowhere".to_owned() };
        let of = |owner: &str| {
            let rest = canonical(&super_place(owner)).into_uri();
            place
                .what
                .strip_prefix(rest.trim_end_matches("/254/0"))
                .map(|ext| format!("{owner}.{}", ext.trim_start_matches("/254/")))
        };
        members().find_map(|(name, ..)| of(name)).unwrap_or(place.what)
    }

    fn step(&self, name: &str) -> String {
        self.item(name).state.biz_step.map_or("none".to_owned(), |said| said.what)
    }

    fn balance(&self, name: &str) -> String {
        let state = self.item(name).state;
        let unit = |unit: &str| match unit {
            "KGM" => " kg".to_owned(),
            "LTR" => " l".to_owned(),
            "" => " pieces".to_owned(),
            other => format!(" {other}"),
        };
        let shown = state.balances.iter().map(|balance| {
            let left = balance.left().normalize();
            format!(
                "made {} used {} ended {} left {left}{}",
                balance.made,
                balance.used,
                balance.ended,
                unit(&balance.unit.0)
            )
        });
        shown.collect::<Vec<_>>().join("; ")
    }

    fn contents(&self, name: &str) -> String {
        let record = self.item(name);
        let parent = name_digest(&canonical_uri(name));
        let edges: Vec<Edge> = self.world.edges(&parent);
        let inside = edges.iter().filter(|edge| record.state.emptied_after(edge.mark).is_none());
        let mut names: Vec<String> = inside
            .map(|edge| {
                let amounts: Vec<String> = edge
                    .amounts
                    .iter()
                    .map(|(unit, value)| match unit.0.as_str() {
                        "KGM" => format!("{value} kg of "),
                        "LTR" => format!("{value} l of "),
                        _ => format!("{value} of "),
                    })
                    .collect();
                format!("{}{}", amounts.concat(), self.known(&edge.child))
            })
            .collect();
        names.sort_unstable();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }

    fn sensor(&self, name: &str) -> String {
        let Some(said) = self.item(name).state.sensor else { return "silent".to_owned() };
        let verdict = said.what;
        let minutes = verdict.outside_ms / 60_000;
        let most = if verdict.at_most { "at most " } else { "" };
        match verdict.limit {
            None => "inside".to_owned(),
            Some(limit) => format!("{} past {limit} for {most}{minutes} min", verdict.value),
        }
    }

    /// Whatever a scenario did: every state is the fold of its journal, at every height.
    fn check_states(&self) {
        for uri in self.world.names.borrow().keys() {
            let record: Option<ItemRecord> = self.world.get(&StateKey::Item(uri.clone()));
            let Some(record) = record else { continue };
            let steps = self.world.steps(uri, &record);
            assert_eq!(steps.len() as u64, record.log.count());
            assert_eq!(fold(&steps).state, record.state, "{uri}");
            let head = self.world.ledger.head().height;
            assert_eq!(state_as_of(&steps, AsOf::Height(head)), record.state, "{uri}");
        }
    }
}

fn super_place(owner: &str) -> String {
    place(&format!("{owner}.0"))
}

fn codes_of(words: &[&str]) -> String {
    let mut codes = words.to_vec();
    for code in &codes {
        assert!(AnomalyKind::from_code(code).is_some(), "{code:?} is no anomaly");
    }
    codes.sort_unstable();
    codes.join(" ")
}

fn shown(party: &Party) -> String {
    match party {
        Party::Member(member) => member.to_string(),
        Party::Other(_) => "someone else".to_owned(),
    }
}

fn life(state: &ItemState) -> String {
    match state.life {
        Life::NotCommissioned => "not commissioned".to_owned(),
        Life::Active(_) => "active".to_owned(),
        Life::Ended(Ending::Destroyed, _) => "destroyed".to_owned(),
        Life::Ended(Ending::Decommissioned, _) => "decommissioned".to_owned(),
        Life::Ended(Ending::Consumed, _) => "consumed".to_owned(),
        Life::Ended(Ending::Other, _) => "ended".to_owned(),
    }
}

fn compare(expected: &str, found: &str) -> Result<(), Wrong> {
    if expected == found {
        return Ok(());
    }
    Err(Wrong { expected: expected.to_owned(), found: found.to_owned() })
}

/// `4, 9, 5 CEL every 10 min from 08:00` or `from 3 to 12 CEL during 08:00-08:30`.
fn sensor(text: &str) -> Value {
    let words: Vec<&str> = text.split_whitespace().collect();
    if let ["from", min, "to", max, uom, "during", span] = words.as_slice() {
        let (from, to) = span.split_once('-').unwrap();
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        return json!({
            "sensorMetadata": {
                "startTime": time(from).unwrap().to_string(),
                "endTime": time(to).unwrap().to_string(),
            },
            "sensorReport": [{"type": "Temperature", "uom": uom, "minValue": number(min),
                "maxValue": number(max)}],
        });
    }
    let (values, rest) = text.split_once(" CEL every ").expect("4, 9 CEL every 10 min from 08:00");
    let (minutes, from) = rest.split_once(" min from ").unwrap();
    let (minutes, from): (u64, _) = (minutes.parse().unwrap(), time(from).unwrap());
    let reports: Vec<Value> = values
        .split(", ")
        .zip(0..)
        .map(|(value, place)| {
            let at = from.plus_ms(place * minutes * 60_000);
            let value: Value = serde_json::from_str(value).unwrap();
            json!({"type": "Temperature", "uom": "CEL", "value": value, "time": at.to_string()})
        })
        .collect();
    json!({"sensorReport": reports})
}

/// Runs the scenarios of one file; returns how many there were.
fn run(path: &Path, failures: &mut Vec<String>) -> usize {
    let text = std::fs::read_to_string(path).unwrap();
    let mut scenario: Option<Scenario> = None;
    let mut title = String::new();
    let mut count = 0;
    let mut skip = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("scenario ") {
            if let Some(done) = scenario.take().filter(|_| !skip) {
                done.check_states();
            }
            count += 1;
            skip = false;
            name.clone_into(&mut title);
            scenario =
                Some(Scenario::new(Parameters { state_buckets_log2: 6, ..Parameters::default() }));
            continue;
        }
        if skip {
            continue;
        }
        if let Some(what) = line.strip_prefix("network ") {
            let mut parameters = Parameters { state_buckets_log2: 6, ..Parameters::default() };
            for rule in what.split(" and ") {
                if let Some(code) = rule.strip_prefix("refuses ") {
                    parameters.refused_anomalies.push(AnomalyKind::from_code(code).unwrap());
                } else if let Some(code) = rule.strip_prefix("records ") {
                    let kind = AnomalyKind::from_code(code).unwrap();
                    parameters.refused_anomalies.retain(|refused| *refused != kind);
                } else if let Some(permille) = rule.strip_prefix("declares lost ") {
                    parameters.declared_loss_permille = permille.parse().unwrap();
                } else {
                    panic!("{}:{number}: {rule:?}", path.display());
                }
            }
            scenario = Some(Scenario::new(parameters));
            continue;
        }
        let running = scenario.as_mut().expect("a scenario begins with its title");
        for word in line.split([' ', ',', '[', ']', ':']) {
            let named = word.ends_with(|c: char| c.is_ascii_digit())
                && word.starts_with(|c: char| c.is_ascii_lowercase());
            if named || is_lot(word) {
                running.world.names.borrow_mut().insert(canonical_uri(word), word.to_owned());
            }
        }
        if let Err(wrong) = running.line(line) {
            failures.push(format!(
                "{}:{number}: {title}\n    {line}\n    expected: {}\n    found:    {}",
                path.file_name().unwrap().to_string_lossy(),
                wrong.expected,
                wrong.found
            ));
            skip = true;
        }
    }
    if let Some(done) = scenario.filter(|_| !skip) {
        done.check_states();
    }
    count
}

/// Promises P21 to P29.
#[test]
fn the_tables_tell_what_the_ledger_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    let mut failures = Vec::new();
    let count: usize = files.iter().map(|path| run(path, &mut failures)).sum();
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 80, "{count} scenarios");
}
