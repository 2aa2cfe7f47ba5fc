//! Histories that evidence is made of: one told on purpose, and random ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tracehold_chain::epcis::SectionName;
use tracehold_chain::evidence::Evidence;
use tracehold_chain::genesis::Parameters;
use tracehold_chain::masterdata::Texts;
use tracehold_chain::money::Reference;
use tracehold_chain::recall::{RecallCommand, RecallNotice};
use tracehold_contracts::Verdict;

use crate::witness::{self, Dice, evidence};
use crate::world::{DAY, World};

pub fn case(number: usize) -> String {
    format!("urn:epc:id:sgtin:9521101.010000.c{number}")
}

pub fn pallet(number: usize) -> String {
    format!("urn:epc:id:sscc:9521101.100000000{number}")
}

pub fn lot(number: usize) -> String {
    format!("urn:epc:class:lgtin:9521101.010001.L{number}")
}

pub fn uri(urn: &str) -> String {
    tracehold_chain::epcis::identifier::canonical(urn).into_uri()
}

/// The product of a case, or of a lot.
pub fn product(urn: &str) -> String {
    let uri = uri(urn);
    uri.rsplitn(3, '/').last().unwrap().to_owned()
}

pub struct History {
    pub world: World,
    pub next: u64,
    /// What the open recalls name, in the order in which they were declared.
    pub open: Vec<(String, Vec<String>)>,
}

impl History {
    pub fn new() -> History {
        History::with(witness::parameters())
    }

    pub fn with(parameters: Parameters) -> History {
        History { world: World::new(parameters), next: 0, open: Vec::new() }
    }

    /// Recalls things by their canonical identifiers; whether it is done.
    pub fn recall(&mut self, who: &str, items: &[String]) -> bool {
        self.next += 1;
        let reference = Reference::new(format!("R-{}", self.next)).unwrap();
        let text = |en: &str, zh: &str| {
            Texts::from([("en".to_owned(), en.to_owned()), ("zh".to_owned(), zh.to_owned())])
        };
        let mut items = items.to_vec();
        items.sort_unstable();
        items.dedup();
        let notice = RecallNotice {
            items: items.clone(),
            reason: text("Glass was found in it.", "发现玻璃碎片。"),
            what_to_do: text("Do not eat it. Bring it back.", "请勿食用，请退回。"),
            contact: "+49 30 1234567".to_owned(),
            web: self.next.is_multiple_of(2).then(|| "https://mill.example/recall".to_owned()),
        };
        let id = format!("{who}:{reference}");
        let verdict = self.world.recall(who, RecallCommand::Declare { reference, notice });
        let is_done = matches!(verdict, Verdict::Recorded { .. });
        if is_done {
            self.open.push((id, items));
        }
        is_done
    }

    /// Withdraws the n-th of the open recalls.
    pub fn withdraw(&mut self, number: usize) {
        let (id, _) = self.open.remove(number);
        let (who, reference) = id.split_once(':').unwrap();
        let reference = Reference::new(reference).unwrap();
        let reason = Texts::from([("en".to_owned(), "A mistake.".to_owned())]);
        let verdict = self.world.recall(who, RecallCommand::Withdraw { reference, reason });
        assert!(matches!(verdict, Verdict::Recorded { .. }), "{verdict:?}");
    }

    /// What the open recalls name of these and their products, as evidence of them must have it:
    /// worked out from what was declared alone.
    pub fn recalled(&self, ids: &[String]) -> BTreeMap<String, Vec<String>> {
        let mut looked_up: Vec<String> = Vec::new();
        for id in ids {
            let parts: Vec<&str> = id.split('/').collect();
            let class = (parts[3] == "01").then(|| parts[..5].join("/"));
            for id in std::iter::once(id.clone()).chain(class) {
                if !looked_up.contains(&id) {
                    looked_up.push(id);
                }
            }
        }
        let named = self.open.iter().map(|(recall, items)| {
            let names = looked_up.iter().filter(|id| items.contains(id)).cloned();
            (recall.clone(), names.collect::<Vec<_>>())
        });
        named.filter(|(_, names)| !names.is_empty()).collect()
    }

    pub fn tell(&mut self, who: &str, minute: u64, mut event: Value) -> u64 {
        self.next += 1;
        let id = self.next;
        event["@context"] = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld".into();
        event["eventID"] = format!("urn:uuid:00000000-0000-4000-8000-{id:0>12}").into();
        event["eventTime"] = DAY.plus_ms(minute * 60_000).to_string().into();
        event["eventTimeZoneOffset"] = "+00:00".into();
        // Refusals are part of the life of a ledger: whatever is recorded must be provable.
        let _: Verdict = self.world.send(who, vec![event]);
        id
    }

    pub fn object(&mut self, who: &str, minute: u64, action: &str, step: &str, urn: &str) {
        let mut event = json!({"type": "ObjectEvent", "action": action, "bizStep": step});
        if urn.starts_with("urn:epc:class") {
            event["quantityList"] = json!([{"epcClass": urn, "quantity": 5, "uom": "KGM"}]);
        } else {
            event["epcList"] = json!([urn]);
        }
        self.tell(who, minute, event);
    }

    pub fn pack(
        &mut self,
        who: &str,
        minute: u64,
        action: &str,
        parent: &str,
        children: &[String],
    ) {
        let mut event = json!({"type": "AggregationEvent", "action": action, "parentID": parent});
        let (lots, cases): (Vec<&String>, Vec<&String>) =
            children.iter().partition(|child| child.starts_with("urn:epc:class"));
        if !cases.is_empty() {
            event["childEPCs"] = json!(cases);
        }
        if !lots.is_empty() {
            let some = |lot: &&String| json!({"epcClass": lot, "quantity": 1, "uom": "KGM"});
            event["childQuantityList"] = lots.iter().map(some).collect();
        }
        self.tell(who, minute, event);
    }

    pub fn make(&mut self, who: &str, minute: u64, inputs: &[String], outputs: &[String]) {
        let some = |lot: &String| json!({"epcClass": lot, "quantity": 1, "uom": "KGM"});
        let (lots, cases): (Vec<&String>, Vec<&String>) =
            inputs.iter().partition(|input| input.starts_with("urn:epc:class"));
        let mut event = json!({"type": "TransformationEvent", "bizStep": "assembling"});
        event["inputQuantityList"] = lots.into_iter().map(some).collect();
        if !cases.is_empty() {
            event["inputEPCList"] = json!(cases);
        }
        event["outputQuantityList"] = outputs.iter().map(some).collect();
        self.tell(who, minute, event);
    }

    /// A history drawn at random: packing, moving, emptying, transforming, correcting, late.
    pub fn random(seed: u64, events: usize) -> History {
        let mut history = History::new();
        let mut dice = Dice(seed);
        let actors = ["mill", "mill", "mill", "carrier", "shop", "thief"];
        let mut told: Vec<(String, u64, Value)> = Vec::new();
        for number in 0..4 {
            history.object("mill", 0, "ADD", "commissioning", &case(number));
            history.object("mill", 0, "ADD", "commissioning", &lot(number));
        }
        for _ in 0..events {
            let who = actors[dice.roll(actors.len())];
            let minute = dice.roll(900) as u64;
            let (one, two) = (dice.roll(4), dice.roll(4));
            match dice.roll(16) {
                0 | 1 => history.object(who, minute, "OBSERVE", "inspecting", &case(one)),
                2 | 3 => history.object(who, minute, "OBSERVE", "shipping", &pallet(one)),
                4 => history.object(who, minute, "DELETE", "destroying", &case(one)),
                5 | 6 => history.pack(who, minute, "ADD", &pallet(two), &[case(one), lot(two)]),
                7 => history.pack(who, minute, "DELETE", &pallet(two), &[case(one), lot(two)]),
                8 => history.pack(who, minute, "DELETE", &pallet(two), &[]),
                9 if one != two => {
                    history.pack(who, minute, "ADD", &pallet(two), &[pallet(one)]);
                }
                10 => history.make(who, minute, &[lot(one), case(two)], &[lot(two)]),
                11 => {
                    let event = json!({
                        "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "storing",
                        "epcList": [case(one), pallet(two)],
                    });
                    let id = history.tell(who, minute, event.clone());
                    told.push((who.to_owned(), minute, event));
                    told.last_mut().unwrap().2["number"] = id.into();
                }
                12 if !told.is_empty() => {
                    let (who, minute, event) = told.swap_remove(dice.roll(told.len()));
                    history.correct(&who, minute, event);
                }
                13 | 14 => {
                    let (lot, case) = (lot(two), case(one));
                    let all =
                        [uri(&case), uri(&lot), uri(&pallet(one)), product(&case), product(&lot)];
                    let one = dice.roll(all.len());
                    let other = dice.roll(2 * all.len());
                    let named: Vec<String> =
                        [one, other].iter().filter_map(|at| all.get(*at).cloned()).collect();
                    history.recall(who, &named);
                }
                15 if !history.open.is_empty() => {
                    history.withdraw(dice.roll(history.open.len()));
                }
                _ => {}
            }
        }
        history
    }

    pub fn correct(&mut self, who: &str, minute: u64, mut event: Value) {
        let id = event["number"].as_u64().unwrap();
        event.as_object_mut().unwrap().remove("number");
        event["@context"] = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld".into();
        event["eventID"] = format!("urn:uuid:00000000-0000-4000-8000-{id:0>12}").into();
        event["eventTime"] = DAY.plus_ms(minute * 60_000).to_string().into();
        event["eventTimeZoneOffset"] = "+00:00".into();
        event["errorDeclaration"] = json!({
            "declarationTime": DAY.plus_ms(80_000_000 + id).to_string(),
        });
        let verdict = self.world.send(who, vec![event]);
        assert!(matches!(verdict, Verdict::Recorded { .. }), "{verdict:?}");
    }

    pub fn of(&self, urn: &str, inputs: u8) -> Evidence {
        evidence(&self.world, &uri(urn), inputs, &SectionName::ALL)
    }
}

/// What the random histories are about, and something that nobody recorded.
pub fn everything() -> impl Iterator<Item = String> {
    (0..4).flat_map(|n| [case(n), pallet(n), lot(n)]).chain([case(9)])
}

/// A story with a case packed on a pallet that goes on a second one, and the lot it was made of.
pub fn journey() -> History {
    let mut history = History::new();
    history.object("mill", 1, "ADD", "commissioning", &lot(0));
    history.make("mill", 2, &[lot(0)], &[lot(1)]);
    history.make("mill", 3, &[lot(1)], &[lot(2)]);
    history.object("mill", 4, "ADD", "commissioning", &case(0));
    history.pack("mill", 5, "ADD", &pallet(0), &[case(0), case(1)]);
    history.object("mill", 6, "OBSERVE", "storing", &pallet(0));
    history.pack("mill", 7, "ADD", &pallet(1), &[pallet(0)]);
    history.object("mill", 8, "OBSERVE", "inspecting", &pallet(1));
    history.pack("mill", 9, "DELETE", &pallet(0), &[case(0)]);
    history.object("mill", 10, "OBSERVE", "inspecting", &pallet(0));
    history.object("mill", 11, "OBSERVE", "storing", &case(0));
    history
}
