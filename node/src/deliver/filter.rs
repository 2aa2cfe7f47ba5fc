//! What a subscriber wants to hear of: by item, shipment, party and kind.
//!
//! The feed and the webhooks take the same filter. Fields are joined by *and*, the values of one
//! field by *or*; an empty field asks for nothing. Identifiers compare in their one spelling.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};
use tracehold_chain::anomaly::AnomalyKind;
use tracehold_chain::epcis::vocabulary::Vocabulary;
use tracehold_chain::epcis::{Event, Level, canonical, has_valid_check_digit, uri};
use tracehold_chain::genesis::Member;
use tracehold_chain::limits::MAX_URI_BYTES;
use tracehold_chain::units::MemberId;

/// Values that one field of a filter may list.
pub const MAX_FILTER_VALUES: usize = 20;

/// The kind that stands for any anomaly at all.
pub const ANY_ANOMALY: &str = "anomaly";

const EVENT_TYPES: [&str; 5] = [
    "ObjectEvent",
    "AggregationEvent",
    "TransactionEvent",
    "TransformationEvent",
    "AssociationEvent",
];

/// "Tell me when": which events a subscriber hears of. Without any field, of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Items by their URI; a class (a GTIN without serial or lot) stands for all of its items.
    #[serde(deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub item: Vec<String>,
    /// Shipments: an SSCC, GINC or GSIN by its URI, an SSCC by its 18 digits, or the id of a
    /// business document.
    #[serde(deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub shipment: Vec<String>,
    /// Parties: a member's name, a GLN by its 13 digits, or a party's or place's URI. An event is
    /// a party's when it recorded it, is its source or destination, or is where it happened.
    #[serde(deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub party: Vec<String>,
    /// Kinds: an event type, a business step, an anomaly's code, or `anomaly` for any.
    #[serde(deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<String>,
}

/// A field of a filter that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct FilterError {
    /// Which field.
    pub field: &'static str,
    /// What it must be.
    pub rule: String,
    /// How to mend it.
    pub mend: String,
}

/// One value or a list of them.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "text, or a list of texts")]
    enum Given {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::One(text) => vec![text],
        Given::Many(texts) => texts,
    })
}

impl Filter {
    /// Whether it lets everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    /// The same filter with each value in its one spelling.
    ///
    /// # Errors
    /// [`FilterError`] names the first field that cannot be taken.
    pub fn settled<'m>(
        self,
        members: impl Iterator<Item = &'m Member>,
    ) -> Result<Filter, FilterError> {
        let members: BTreeSet<&str> = members.map(|member| member.id.as_str()).collect();
        Ok(Filter {
            item: settle("item", self.item, item)?,
            shipment: settle("shipment", self.shipment, shipment)?,
            party: settle("party", self.party, |text| party(text, &members))?,
            kind: settle("kind", self.kind, kind)?,
        })
    }

    /// Identifiers one of which every matching event names, if the filter says so: what an index
    /// by identifier can be asked for.
    #[must_use]
    pub fn named(&self) -> Option<&[String]> {
        let single = |uri: &String| canonical(uri).level() != Level::Class;
        (!self.item.is_empty() && self.item.iter().all(single)).then_some(&self.item)
    }

    /// The filter, ready to be asked; `members` are those of the network.
    #[must_use]
    pub fn matcher<'m>(&self, members: impl Iterator<Item = &'m Member>) -> Matcher {
        let members: Vec<&Member> = members.collect();
        let mut matcher = Matcher {
            classes: Vec::new(),
            items: self.item.iter().cloned().collect(),
            shipments: self.shipment.iter().cloned().collect(),
            parties: BTreeSet::new(),
            members: BTreeSet::new(),
            kinds: self.kind.iter().cloned().collect(),
        };
        let classes = self.item.iter().filter(|uri| canonical(uri).level() == Level::Class);
        matcher.classes = classes.map(|uri| format!("{uri}/")).collect();
        for party in &self.party {
            // A member and the GLNs it has on record stand for each other.
            let named = members.iter().find(|member| member.id.as_str() == party);
            let located = members.iter().find(|member| member.glns.contains(party));
            if let Some(member) = named.or(located) {
                matcher.members.insert(member.id.clone());
            }
            match named {
                Some(member) => matcher.parties.extend(member.glns.iter().cloned()),
                None => {
                    matcher.parties.insert(party.clone());
                }
            }
        }
        matcher
    }
}

fn settle(
    field: &'static str,
    given: Vec<String>,
    settle: impl Fn(&str) -> Result<String, (&'static str, String)>,
) -> Result<Vec<String>, FilterError> {
    let wrong = |rule: &str, mend: String| FilterError { field, rule: rule.to_owned(), mend };
    if given.len() > MAX_FILTER_VALUES {
        let rule = format!("may list at most {MAX_FILTER_VALUES} values");
        return Err(wrong(&rule, "ask for fewer, or make several subscriptions".to_owned()));
    }
    let mut settled = Vec::with_capacity(given.len());
    for text in given {
        if text.is_empty() || text.len() > MAX_URI_BYTES {
            let rule = format!("values have from 1 to {MAX_URI_BYTES} bytes");
            return Err(wrong(&rule, "leave the field out to ask for all".to_owned()));
        }
        settled.push(settle(&text).map_err(|(rule, mend)| wrong(rule, mend))?);
    }
    settled.sort();
    settled.dedup();
    Ok(settled)
}

fn item(text: &str) -> Result<String, (&'static str, String)> {
    if text.starts_with("urn:epc:idpat:") {
        return Err(("does not take patterns", "give the class itself, without `*`".to_owned()));
    }
    is_uri(text)?;
    Ok(canonical(text).into_uri())
}

fn shipment(text: &str) -> Result<String, (&'static str, String)> {
    if text.len() == 18 && has_valid_check_digit(text) {
        return Ok(canonical(&format!("https://id.gs1.org/00/{text}")).into_uri());
    }
    is_uri(text)?;
    Ok(canonical(text).into_uri())
}

fn is_uri(text: &str) -> Result<(), (&'static str, String)> {
    if uri::is_uri(text) {
        return Ok(());
    }
    let mend = "give an EPC URN, a GS1 Digital Link or another URI".to_owned();
    Err(("must be a URI", mend))
}

fn party(text: &str, members: &BTreeSet<&str>) -> Result<String, (&'static str, String)> {
    if members.contains(text) || (text.len() == 13 && has_valid_check_digit(text)) {
        return Ok(text.to_owned());
    }
    if uri::is_uri(text) {
        let uri = canonical(text).into_uri();
        // A place or party without extension is known by its digits.
        let plain = [PLACE, PARTY].into_iter().find_map(|key| uri.strip_prefix(key));
        return Ok(plain.filter(|gln| !gln.contains('/')).unwrap_or(&uri).to_owned());
    }
    let known: Vec<&str> = members.iter().copied().take(10).collect();
    let mend = format!(
        "give a member's name ({}), a GLN of 13 digits with its check digit, or a URI",
        known.join(", ")
    );
    Err(("must be a member, a GLN or a URI", mend))
}

fn kind(text: &str) -> Result<String, (&'static str, String)> {
    let plain = Vocabulary::BizStep.plain(text);
    let known = plain == ANY_ANOMALY
        || EVENT_TYPES.contains(&plain)
        || Vocabulary::BizStep.has(plain)
        || uri::is_uri(plain)
        || AnomalyKind::from_code(plain).is_some();
    if known {
        return Ok(plain.to_owned());
    }
    let mend = format!(
        "give an event type ({}), a business step such as shipping, an anomaly's code, or \
         {ANY_ANOMALY} for any",
        EVENT_TYPES.join(", ")
    );
    Err(("must be an event type, a business step or an anomaly's code", mend))
}

const PLACE: &str = "https://id.gs1.org/414/";
const PARTY: &str = "https://id.gs1.org/417/";

/// The GLN of a place's or party's URI.
fn gln(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix(PLACE).or_else(|| uri.strip_prefix(PARTY))?;
    rest.split('/').next()
}

/// What a filter looks at in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    recorder: MemberId,
    things: Vec<String>,
    documents: Vec<String>,
    /// Sources, destinations and places.
    parties: Vec<String>,
    event_type: String,
    step: Option<String>,
    anomalies: Vec<String>,
}

impl Facts {
    /// The facts of an event that `recorder` vouches for, with the codes of its anomalies.
    #[must_use]
    pub fn of(event: &Event, recorder: &MemberId, anomalies: Vec<String>) -> Facts {
        let ends = event.sources().iter().chain(event.destinations()).map(|end| end.id.clone());
        let places = [event.read_point(), event.biz_location()];
        Facts {
            recorder: recorder.clone(),
            things: event.identifiers().iter().map(|named| named.uri.clone()).collect(),
            documents: event
                .biz_transactions()
                .iter()
                .map(|document| document.id.clone())
                .collect(),
            parties: ends.chain(places.into_iter().flatten().map(str::to_owned)).collect(),
            event_type: event.type_name().to_owned(),
            step: event.biz_step().map(str::to_owned),
            anomalies,
        }
    }

    /// About how many bytes they take.
    #[must_use]
    pub fn weight(&self) -> usize {
        let texts = self.things.iter().chain(&self.documents).chain(&self.parties);
        texts.map(|text| text.len() + size_of::<String>()).sum::<usize>() + size_of::<Facts>()
    }
}

/// A filter, ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    items: BTreeSet<String>,
    classes: Vec<String>,
    shipments: BTreeSet<String>,
    /// GLNs, and whole URIs of others.
    parties: BTreeSet<String>,
    members: BTreeSet<MemberId>,
    kinds: BTreeSet<String>,
}

impl Matcher {
    /// Whether the filter lets the event through.
    #[must_use]
    pub fn matches(&self, facts: &Facts) -> bool {
        self.by_item(facts)
            && self.by_shipment(facts)
            && self.by_party(facts)
            && self.by_kind(facts)
    }

    fn by_item(&self, facts: &Facts) -> bool {
        let wanted = |uri: &String| {
            self.items.contains(uri) || self.classes.iter().any(|class| uri.starts_with(class))
        };
        self.items.is_empty() || facts.things.iter().any(wanted)
    }

    fn by_shipment(&self, facts: &Facts) -> bool {
        let mut named = facts.things.iter().chain(&facts.documents);
        self.shipments.is_empty() || named.any(|id| self.shipments.contains(id))
    }

    fn by_party(&self, facts: &Facts) -> bool {
        let anyone = self.parties.is_empty() && self.members.is_empty();
        let at = |uri: &String| {
            self.parties.contains(uri) || gln(uri).is_some_and(|gln| self.parties.contains(gln))
        };
        anyone || self.members.contains(&facts.recorder) || facts.parties.iter().any(at)
    }

    fn by_kind(&self, facts: &Facts) -> bool {
        let wanted = |word: &String| self.kinds.contains(word);
        self.kinds.is_empty()
            || wanted(&facts.event_type)
            || facts.step.as_ref().is_some_and(wanted)
            || facts.anomalies.iter().any(wanted)
            || (!facts.anomalies.is_empty() && self.kinds.contains(ANY_ANOMALY))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::TestNetwork;

    fn member(id: &str, gln: &str) -> Member {
        let mut member = TestNetwork::new().genesis.members.remove(0);
        member.id = MemberId::new(id).unwrap();
        member.glns = vec![gln.to_owned()];
        member
    }

    fn members() -> Vec<Member> {
        vec![member("acme", "9521321000018"), member("fern", "9521987000001")]
    }

    fn facts(anomalies: &[&str]) -> Facts {
        let event = json!({
            "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping",
            "eventTime": "2026-03-01T08:00:00Z", "eventTimeZoneOffset": "+00:00",
            "epcList": ["urn:epc:id:sgtin:9521321.000101.7", "urn:epc:id:sscc:9521321.0000000001"],
            "readPoint": {"id": "https://id.gs1.org/414/9521321000018/254/gate"},
            "bizTransactionList": [{"type": "po", "bizTransaction": "urn:x:order:1"}],
            "destinationList": [
                {"type": "owning_party", "destination": "https://id.gs1.org/417/9521987000001"},
                {"type": "possessing_party", "destination": "urn:x:carrier"}
            ]
        });
        let event = Event::parse_bare(event.to_string().as_bytes()).unwrap();
        let acme = MemberId::new("acme").unwrap();
        Facts::of(&event, &acme, anomalies.iter().map(|code| (*code).to_owned()).collect())
    }

    fn told(filter: serde_json::Value, facts: &Facts) -> bool {
        let filter: Filter = serde_json::from_value(filter).unwrap();
        let members = members();
        filter.settled(members.iter()).unwrap().matcher(members.iter()).matches(facts)
    }

    #[test]
    fn each_field_asks_for_any_of_its_values_and_all_fields_must_agree() {
        let sscc = canonical("urn:epc:id:sscc:9521321.0000000001").into_uri();
        let digits = sscc.rsplit('/').next().unwrap().to_owned();
        for (filter, expected) in [
            (json!({}), true),
            (json!({"item": "https://example.com/01/09521321001015/21/7"}), true),
            (json!({"item": "https://id.gs1.org/01/09521321001015/21/70"}), false),
            (json!({"item": ["urn:x:none", "urn:epc:id:sgtin:9521321.000101.7"]}), true),
            (json!({"item": "https://id.gs1.org/01/09521321001015"}), true),
            (json!({"item": "https://id.gs1.org/01/09521321001022"}), false),
            (json!({"shipment": sscc}), true),
            (json!({"shipment": digits}), true),
            (json!({"shipment": "urn:x:order:1"}), true),
            (json!({"shipment": "urn:x:order:2"}), false),
            (json!({"party": "acme"}), true),
            (json!({"party": "fern"}), true),
            (json!({"party": "9521987000001"}), true),
            (json!({"party": "urn:epc:id:pgln:9521987.00000"}), true),
            (json!({"party": "https://id.gs1.org/414/9521321000018"}), true),
            (json!({"party": "https://id.gs1.org/414/9521321000018/254/gate"}), true),
            (json!({"party": "https://id.gs1.org/414/9521321000018/254/dock"}), false),
            (json!({"party": "urn:x:carrier"}), true),
            (json!({"party": "urn:x:other"}), false),
            (json!({"kind": "shipping"}), true),
            (json!({"kind": ["https://ref.gs1.org/cbv/BizStep-shipping"]}), true),
            (json!({"kind": "ObjectEvent"}), true),
            (json!({"kind": "receiving"}), false),
            (json!({"kind": "anomaly"}), false),
            (json!({"kind": "shipping", "party": "fern", "shipment": "urn:x:order:1"}), true),
            (json!({"kind": "shipping", "party": "urn:x:other"}), false),
        ] {
            assert_eq!(told(filter.clone(), &facts(&[])), expected, "{filter}");
        }
    }

    #[test]
    fn anomalies_are_asked_for_by_code_or_all_together() {
        let odd = facts(&["packed-in-two-parents"]);
        assert!(told(json!({"kind": "packed-in-two-parents"}), &odd));
        assert!(told(json!({"kind": "anomaly"}), &odd));
        assert!(!told(json!({"kind": "commissioned-twice"}), &odd));
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused_by_field() {
        let members = members();
        let many = vec!["urn:x:1"; MAX_FILTER_VALUES + 1];
        for (filter, field) in [
            (json!({"item": ""}), "item"),
            (json!({"item": "no uri"}), "item"),
            (json!({"item": many}), "item"),
            (json!({"item": "urn:epc:idpat:sgtin:9521321.000101.*"}), "item"),
            (json!({"shipment": "12"}), "shipment"),
            (json!({"party": "nobody"}), "party"),
            (json!({"party": "9521321000019"}), "party"),
            (json!({"kind": "No Kind"}), "kind"),
        ] {
            let filter: Filter = serde_json::from_value(filter).unwrap();
            let refused = filter.clone().settled(members.iter()).unwrap_err();
            assert_eq!(refused.field, field, "{filter:?}");
            assert!(!refused.rule.is_empty() && !refused.mend.is_empty());
        }
        assert!(serde_json::from_value::<Filter>(json!({"items": []})).is_err());
        assert!(serde_json::from_value::<Filter>(json!({"item": 1})).is_err());
    }
}
