//! The journey of a bag of coffee, as the EPCIS events that its companies record.

use serde_json::{Value, json};
use tracehold_chain::genesis::MemberRole;
use tracehold_chain::units::TimestampMs;
use tracehold_testnet::load::gs1::with_check_digit;
use tracehold_testnet::manifest::{MemberPlan, Plan};

/// A company of the story. Prefixes are of GS1's range for examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Cooperative,
    Carrier,
    Roaster,
    Shop,
    Bank,
    Lab,
}

impl Who {
    pub const ALL: [Who; 6] =
        [Who::Cooperative, Who::Carrier, Who::Roaster, Who::Shop, Who::Bank, Who::Lab];

    /// Id, name, GS1 company prefix.
    pub fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Who::Cooperative => ("cooperative", "Sidama Hills Coffee Cooperative", "9521001"),
            Who::Carrier => ("carrier", "Gulf Reefer Lines", "9521002"),
            Who::Roaster => ("roaster", "Harbour Roastery", "9521003"),
            Who::Shop => ("shop", "Corner Grocer", "9521004"),
            Who::Bank => ("harbour-bank", "Harbour Bank", "9521005"),
            Who::Lab => ("lab", "Port Inspection Office", "9521006"),
        }
    }

    fn key(self, prefix_before: &str, reference: &str) -> String {
        with_check_digit(&format!("{prefix_before}{}{reference}", self.row().2))
    }

    fn gln(self) -> String {
        self.key("", "00001")
    }

    fn party(self) -> String {
        format!("https://id.gs1.org/417/{}", self.gln())
    }

    fn place(self, extension: &str) -> String {
        format!("https://id.gs1.org/414/{}/254/{extension}", self.gln())
    }

    fn sgtin(self, item: &str, serial: &str) -> String {
        format!("https://id.gs1.org/01/{}/21/{serial}", self.key("0", item))
    }

    fn sscc(self, serial: &str) -> String {
        format!("https://id.gs1.org/00/{}", self.key("0", serial))
    }

    /// The sender and receiver of a delivery, as EPCIS lists them.
    fn delivery(self, to: Who, event: &mut Value) {
        event["sourceList"] = json!([{ "type": "possessing_party", "source": self.party() }]);
        event["destinationList"] =
            json!([{ "type": "possessing_party", "destination": to.party() }]);
    }
}

/// The network of the story: four companies vote, the bank and the inspection office follow.
pub fn plan() -> Plan {
    let members = Who::ALL.map(|who| {
        let (id, name, prefix) = who.row();
        MemberPlan {
            id: id.to_owned(),
            name: name.to_owned(),
            prefixes: vec![prefix.to_owned()],
            glns: vec![who.gln()],
            agent: "app".to_owned(),
            node: format!("{id}-1"),
            votes: !matches!(who, Who::Bank | Who::Lab),
            roles: match who {
                Who::Bank => vec![MemberRole::Bank],
                Who::Lab => vec![MemberRole::Inspector],
                _ => Vec::new(),
            },
        }
    });
    let chain_id = Some("coffee-demo".to_owned());
    Plan { chain_id, members: members.into(), followers: 0, parameters: Vec::new() }
}

/// The bag whose page the demo shows, as the path of its Digital Link.
pub fn bag_path() -> String {
    path_of(&packs()[0])
}

/// The pallet that crossed the sea, as the path of its Digital Link.
pub fn pallet_path() -> String {
    path_of(&pallet())
}

fn path_of(identifier: &str) -> String {
    identifier.trim_start_matches("https://id.gs1.org").to_owned()
}

fn sacks() -> Vec<String> {
    ["1001", "1002", "1003"].map(|serial| Who::Cooperative.sgtin("00101", serial)).into()
}

/// The pallet that is sold.
pub fn pallet() -> String {
    Who::Cooperative.sscc("000000017")
}

/// The pallet that gets too warm.
pub fn second_pallet() -> String {
    Who::Cooperative.sscc("000000024")
}

fn packs() -> Vec<String> {
    ["2001", "2002", "2003", "2004"].map(|serial| Who::Roaster.sgtin("00301", serial)).into()
}

fn carton() -> String {
    Who::Roaster.sscc("000000042")
}

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// How long the journey takes.
pub const JOURNEY_MS: u64 = 24 * DAY_MS;

/// One step of the journey.
pub struct Step {
    /// Who records it.
    pub who: Who,
    /// What it is, in a few words.
    pub title: &'static str,
    /// The event.
    pub event: Value,
}

/// The journey, beginning at `start`. The same start gives the same events, to the byte.
pub fn journey(start: TimestampMs) -> Vec<Step> {
    let mut steps = harvest(start);
    steps.extend(voyage(start));
    steps.extend(roasting(start));
    steps.extend(selling(start));
    for (index, step) in steps.iter_mut().enumerate() {
        step.event["eventID"] = event_id(start, index).into();
    }
    steps
}

/// The second pallet's way across the sea, where its container fails. In order of time.
pub fn second_shipment(start: TimestampMs) -> Vec<Step> {
    let day = |days: u64| start.plus_ms(days * DAY_MS);
    let coop = Who::Cooperative;
    let sacks: Vec<String> = ["1004", "1005"].map(|serial| coop.sgtin("00101", serial)).into();
    let mut commission = object("ADD", day(0), "+03:00", "commissioning", "active");
    commission["epcList"] = json!(sacks);
    at(&mut commission, coop, "MILL");
    let mut pack = packing("ADD", day(1), "+03:00", &second_pallet(), &sacks);
    at(&mut pack, coop, "STORE");

    let mut ship = object("OBSERVE", day(2), "+03:00", "shipping", "in_transit");
    ship["epcList"] = json!([second_pallet()]);
    coop.delivery(Who::Carrier, &mut ship);
    let owner = json!({ "type": "owning_party", "destination": Who::Roaster.party() });
    ship["destinationList"].as_array_mut().expect("a list").push(owner);
    at(&mut ship, coop, "GATE");

    let who = Who::Carrier;
    let celsius = [(2, 19.5), (5, 20.1), (7, 31.4), (8, 30.2), (9, 21.0), (12, 19.8)];
    let mut log = object("OBSERVE", day(12), "+00:00", "transporting", "in_transit");
    log["epcList"] = json!([second_pallet()]);
    log["sensorElementList"] = json!([{
        "sensorReport": celsius.map(|(days, value)| json!({
            "type": "Temperature", "value": value, "uom": "CEL", "time": day(days).to_string(),
        })),
    }]);
    log["readPoint"] = json!({ "id": who.place("VESSEL") });
    let mut receive = object("OBSERVE", day(14), "+01:00", "receiving", "in_progress");
    receive["epcList"] = json!([second_pallet()]);
    who.delivery(Who::Roaster, &mut receive);
    at(&mut receive, Who::Roaster, "DOCK");
    let mut steps = vec![
        Step { who: coop, title: "harvested and bagged", event: commission },
        Step { who: coop, title: "packed on a second pallet", event: pack },
        Step { who: coop, title: "the second pallet shipped", event: ship },
        Step { who, title: "too warm at sea", event: log },
        Step { who: Who::Roaster, title: "the second pallet received", event: receive },
    ];
    for (index, step) in steps.iter_mut().enumerate() {
        step.event["eventID"] = event_id(start, 200 + index).into();
    }
    steps
}

/// A further event, for people to capture by hand: the bag is offered once more.
pub fn example_event(start: TimestampMs) -> Value {
    let time = start.plus_ms(JOURNEY_MS + HOUR_MS);
    let mut event = object("OBSERVE", time, "+02:00", "inspecting", "sellable_accessible");
    event["@context"] = json!(["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"]);
    event["eventID"] = event_id(start, 99).into();
    event["epcList"] = json!([packs()[1]]);
    at(&mut event, Who::Shop, "SHELF");
    event
}

/// A step's eventID: a UUID that belongs to this run of the story.
fn event_id(start: TimestampMs, index: usize) -> String {
    format!(
        "urn:uuid:{:08x}-{:04x}-4000-8000-{index:012x}",
        start.0 >> 16 & 0xFFFF_FFFF,
        start.0 & 0xFFFF
    )
}

fn object(action: &str, time: TimestampMs, zone: &str, step: &str, disposition: &str) -> Value {
    json!({
        "type": "ObjectEvent",
        "eventTime": time.to_string(),
        "eventTimeZoneOffset": zone,
        "action": action,
        "bizStep": step,
        "disposition": disposition,
    })
}

fn packing(
    action: &str,
    time: TimestampMs,
    zone: &str,
    parent: &str,
    children: &[String],
) -> Value {
    json!({
        "type": "AggregationEvent",
        "eventTime": time.to_string(),
        "eventTimeZoneOffset": zone,
        "action": action,
        "bizStep": if action == "ADD" { "packing" } else { "unpacking" },
        "disposition": "in_progress",
        "parentID": parent,
        "childEPCs": children,
    })
}

fn at(event: &mut Value, who: Who, place: &str) {
    event["readPoint"] = json!({ "id": who.place(place) });
    event["bizLocation"] = json!({ "id": who.place(place) });
}

fn harvest(start: TimestampMs) -> Vec<Step> {
    let who = Who::Cooperative;
    let mut commission = object("ADD", start, "+03:00", "commissioning", "active");
    commission["epcList"] = json!(sacks());
    commission["ilmd"] = json!({
        "cbvmda:lotNumber": "SH-2026-031",
        "cbvmda:countryOfOrigin": "ET",
        "cbvmda:harvestEndDate": start.to_string()[..10],
    });
    commission["@context"] = json!([
        "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        { "cbvmda": "urn:epcglobal:cbv:mda:" }
    ]);
    at(&mut commission, who, "MILL");

    let mut pack = packing("ADD", start.plus_ms(20 * HOUR_MS), "+03:00", &pallet(), &sacks());
    at(&mut pack, who, "STORE");

    let mut ship = object("OBSERVE", start.plus_ms(DAY_MS), "+03:00", "shipping", "in_transit");
    ship["epcList"] = json!([pallet()]);
    ship["bizTransactionList"] = json!([{ "type": "desadv", "bizTransaction": format!("urn:epcglobal:cbv:bt:{}:DA-881", who.gln()) }]);
    who.delivery(Who::Carrier, &mut ship);
    // The carrier carries it; the roaster is to own it.
    let owner = json!({ "type": "owning_party", "destination": Who::Roaster.party() });
    ship["destinationList"].as_array_mut().expect("a list").push(owner);
    at(&mut ship, who, "GATE");
    vec![
        Step { who, title: "harvested and bagged", event: commission },
        Step { who, title: "packed on a pallet", event: pack },
        Step { who, title: "shipped", event: ship },
    ]
}

/// The voyage, with the temperature in the container twice a week.
fn voyage(start: TimestampMs) -> Vec<Step> {
    let who = Who::Carrier;
    let readings = [(4, 18.4, 17.9, 19.2), (8, 19.1, 18.2, 20.3), (12, 18.7, 17.6, 19.9)];
    let logs = readings.map(|(day, mean, least, most)| {
        let time = start.plus_ms(day * DAY_MS);
        let mut event = object("OBSERVE", time, "+00:00", "transporting", "in_transit");
        event["epcList"] = json!([pallet()]);
        event["sensorElementList"] = json!([{
            "sensorMetadata": {
                "startTime": start.plus_ms((day - 4) * DAY_MS).plus_ms(30 * HOUR_MS).to_string(),
                "endTime": time.to_string(),
                "deviceID": format!("https://id.gs1.org/8004/{}REEFER77", who.row().2),
            },
            "sensorReport": [{
                "type": "Temperature",
                "minValue": least,
                "meanValue": mean,
                "maxValue": most,
                "uom": "CEL",
            }],
        }]);
        event["readPoint"] = json!({ "id": who.place("VESSEL") });
        Step { who, title: "temperature at sea", event }
    });
    let mut arrive =
        object("OBSERVE", start.plus_ms(14 * DAY_MS), "+01:00", "arriving", "in_transit");
    arrive["epcList"] = json!([pallet()]);
    arrive["readPoint"] = json!({ "id": who.place("QUAY") });
    let mut steps = Vec::from(logs);
    steps.push(Step { who, title: "landed", event: arrive });
    steps
}

fn roasting(start: TimestampMs) -> Vec<Step> {
    let who = Who::Roaster;
    let day = |days: u64| start.plus_ms(days * DAY_MS);
    let mut receive = object("OBSERVE", day(15), "+01:00", "receiving", "in_progress");
    receive["epcList"] = json!([pallet()]);
    Who::Carrier.delivery(who, &mut receive);
    at(&mut receive, who, "DOCK");

    let inspected = day(15).plus_ms(HOUR_MS);
    let mut inspect = object("OBSERVE", inspected, "+01:00", "inspecting", "conformant");
    inspect["epcList"] = json!([pallet()]);
    inspect["certificationInfo"] = json!("https://inspection.example/certificates/PSI-7731");
    at(&mut inspect, who, "DOCK");

    let mut unpack = packing("DELETE", day(15).plus_ms(2 * HOUR_MS), "+01:00", &pallet(), &sacks());
    at(&mut unpack, who, "STORE");

    let mut roast = json!({
        "type": "TransformationEvent",
        "eventTime": day(16).to_string(),
        "eventTimeZoneOffset": "+01:00",
        "inputEPCList": [sacks()[0]],
        "outputEPCList": packs(),
        "bizStep": "commissioning",
        "disposition": "active",
    });
    at(&mut roast, who, "ROASTER");

    let mut pack = packing("ADD", day(17), "+01:00", &carton(), &packs());
    at(&mut pack, who, "STORE");
    let mut ship = object("OBSERVE", day(18), "+01:00", "shipping", "in_transit");
    ship["epcList"] = json!([carton()]);
    who.delivery(Who::Shop, &mut ship);
    at(&mut ship, who, "DOCK");
    vec![
        Step { who, title: "received", event: receive },
        Step { who: Who::Lab, title: "inspected and found good", event: inspect },
        Step { who, title: "taken off the pallet", event: unpack },
        Step { who, title: "roasted and bagged", event: roast },
        Step { who, title: "packed in a carton", event: pack },
        Step { who, title: "shipped", event: ship },
    ]
}

fn selling(start: TimestampMs) -> Vec<Step> {
    let who = Who::Shop;
    let day = |days: u64| start.plus_ms(days * DAY_MS);
    let mut receive = object("OBSERVE", day(20), "+02:00", "receiving", "in_progress");
    receive["epcList"] = json!([carton()]);
    Who::Roaster.delivery(who, &mut receive);
    at(&mut receive, who, "DOOR");
    let mut unpack = packing("DELETE", day(20).plus_ms(HOUR_MS), "+02:00", &carton(), &packs());
    at(&mut unpack, who, "STORE");
    let shelf_time = day(20).plus_ms(2 * HOUR_MS);
    let mut shelf = object("OBSERVE", shelf_time, "+02:00", "stocking", "sellable_accessible");
    shelf["epcList"] = json!(packs());
    at(&mut shelf, who, "SHELF");
    let time = start.plus_ms(JOURNEY_MS);
    let mut sell = object("OBSERVE", time, "+02:00", "retail_selling", "retail_sold");
    sell["epcList"] = json!([packs()[0]]);
    at(&mut sell, who, "TILL");
    vec![
        Step { who, title: "received", event: receive },
        Step { who, title: "taken out of the carton", event: unpack },
        Step { who, title: "on the shelf", event: shelf },
        Step { who, title: "sold", event: sell },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_the_same_for_the_same_start_and_in_order_of_time() {
        let start = TimestampMs(1_772_357_400_000);
        let steps = journey(start);
        let times: Vec<&str> =
            steps.iter().map(|step| step.event["eventTime"].as_str().unwrap()).collect();
        assert!(times.is_sorted());
        assert!(times.last().unwrap() <= &start.plus_ms(JOURNEY_MS).to_string().as_str());
        let second: Vec<String> = second_shipment(start)
            .iter()
            .map(|step| step.event["eventTime"].as_str().unwrap().to_owned())
            .collect();
        assert!(second.is_sorted());
        let again: Vec<Value> = journey(start).into_iter().map(|step| step.event).collect();
        let events: Vec<Value> = steps.into_iter().map(|step| step.event).collect();
        assert_eq!(again, events);
    }
}
