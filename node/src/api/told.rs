//! What the answers about items share: words for programs, sentences for people, and as of when.

use serde::Serialize;
use serde_json::{Value, json};
use tracehold_chain::anomaly::AnomalyKind;
use tracehold_chain::epcis::{Canonical, EventType, Flaw, Level, canonical, time};
use tracehold_chain::limits::MAX_URI_BYTES;
use tracehold_chain::state::ItemRole;
use tracehold_chain::units::{Height, TimestampMs};
use tracehold_contracts::Head;
use tracehold_contracts::provenance::trace::Derived;
use tracehold_contracts::provenance::{Amount, AsOf, Ending, Life, Standing, Unit, words};

use super::problem::{Kind, Problem};
use crate::fault::Fault;
use crate::view::ReadView;

/// The identifier that a query names, in its one spelling.
pub fn identifier(given: &str) -> Result<Canonical, Problem> {
    let wrong = |rule: String| {
        let mend = "give one identifier: an EPC URN or a GS1 Digital Link, percent-encoded";
        Problem::new(Kind::Parameter, format!("id {rule}")).field("id", rule, mend)
    };
    if given.is_empty() {
        return Err(wrong("must not be empty".to_owned()));
    }
    if given.len() > MAX_URI_BYTES {
        return Err(wrong(format!("may have at most {MAX_URI_BYTES} bytes")));
    }
    if given.starts_with("urn:epc:idpat:") {
        return Err(wrong("does not take patterns".to_owned()));
    }
    Ok(canonical(given))
}

/// What a caller asked to know as of.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// As it was given.
    pub given: Option<String>,
    /// What that means; `None` for now.
    pub as_of: Option<AsOf>,
    head: (Height, TimestampMs),
}

/// As of when an answer is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AsOf)]
pub struct AsOfJson {
    /// The block up to which it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    /// The time up to which it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    /// Whether that is all that is known.
    now: bool,
}

/// Reads `as_of`: a height, or a time of RFC 3339.
///
/// # Errors
/// [`Kind::Parameter`] when it is neither, or a height that is not reached yet.
pub fn as_of(given: Option<&str>, head: &Head) -> Result<Wanted, Problem> {
    let at = (head.height, head.block_time);
    let Some(text) = given else { return Ok(Wanted { given: None, as_of: None, head: at }) };
    let wrong = |rule: String| {
        let mend = "give a height such as 120, or a time such as 2026-03-01T09:30:00Z; leave it \
                    out for now";
        Problem::new(Kind::Parameter, format!("as_of {rule}")).field("as_of", rule, mend)
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let as_of = if digits {
        let height = text.parse().ok().map(Height).filter(|height| *height <= head.height);
        let rule = || wrong(format!("must not be above the newest block, {}", head.height));
        AsOf::Height(height.ok_or_else(rule)?)
    } else {
        // A plus sign that was not percent-encoded arrives as a space.
        let time = time::parse(&text.replace(' ', "+")).map_err(|_| {
            wrong("must be a height, or a time of RFC 3339 with its offset".to_owned())
        })?;
        AsOf::Recorded(time)
    };
    Ok(Wanted { given: Some(text.to_owned()), as_of: Some(as_of), head: at })
}

impl Wanted {
    /// The block time as of which absences are judged.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read.
    pub fn moment(&self, view: &ReadView) -> Result<TimestampMs, Fault> {
        Ok(match self.as_of {
            Some(AsOf::Height(height)) => {
                let header = view.header(height)?;
                header.map_or(TimestampMs(0), |header| header.header.block_time)
            }
            Some(AsOf::Recorded(time) | AsOf::Happened(time)) => time.min(self.head.1),
            None => view.head().block_time,
        })
    }

    /// What the answer says of it.
    pub fn json(&self) -> AsOfJson {
        match self.as_of {
            Some(AsOf::Height(height)) => {
                AsOfJson { height: Some(height.0), time: None, now: false }
            }
            Some(AsOf::Recorded(time) | AsOf::Happened(time)) => {
                AsOfJson { height: None, time: Some(time.to_string()), now: false }
            }
            None => {
                let (height, time) = self.head;
                AsOfJson { height: Some(height.0), time: Some(time.to_string()), now: true }
            }
        }
    }
}

/// Nothing is on record of the item: says why that may be.
pub fn unknown(id: &Canonical, wanted: &Wanted) -> Problem {
    let then = match &wanted.given {
        Some(then) => format!(" as of {then}"),
        None => String::new(),
    };
    let (rule, mend) = match (id.flaw(), id.level()) {
        (Some(Flaw::CheckDigit { right }), _) => (
            "the last digit does not check".to_owned(),
            format!("check the digits: the check digit of these would be {right}"),
        ),
        (Some(Flaw::Malformed), _) => (
            "breaks the rules of its GS1 scheme and is compared exactly".to_owned(),
            "check the identifier".to_owned(),
        ),
        (None, Level::Class) => (
            "names a kind of goods, which has no story of its own".to_owned(),
            "give the identifier of one thing or lot; /api/v1/products tells of kinds, \
             /epcis/v2/events?MATCH_anyEPC= of events that name them"
                .to_owned(),
        ),
        (None, Level::Location | Level::Party) => (
            "names a place or a party, which has no story of its own".to_owned(),
            "give the identifier of goods; /api/v1/places tells of places".to_owned(),
        ),
        (None, _) => (
            "must name something that an event on record names".to_owned(),
            "check the identifier; what was recorded under another spelling is found under all"
                .to_owned(),
        ),
    };
    let detail = format!("nothing is on record of {}{then}", id.uri());
    Problem::new(Kind::NotFound, detail).code("unknown-item").field("id", rule, mend)
}

/// So much in a unit: UN/CEFACT Rec 20 codes, pieces when there is none.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Quantity<'a> {
    /// A decimal as text.
    value: String,
    /// The unit.
    #[serde(skip_serializing_if = "str::is_empty")]
    #[schema(required = false)]
    uom: &'a str,
}

impl<'a> Quantity<'a> {
    /// So much in this unit.
    pub fn of(unit: &'a Unit, value: impl ToString) -> Quantity<'a> {
        Quantity { value: value.to_string(), uom: &unit.0 }
    }
}

/// Amounts as an answer has them.
pub fn quantities(amounts: &[Amount]) -> Vec<Quantity<'_>> {
    amounts.iter().map(|amount| Quantity::of(&amount.unit, amount.value)).collect()
}

/// A time as an answer has it.
pub fn moment(time: TimestampMs) -> String {
    time.to_string()
}

/// What kind of thing.
pub fn level_code(level: Level) -> &'static str {
    match level {
        Level::Instance => "instance",
        Level::Lot => "lot",
        Level::Class => "class",
        Level::LogisticUnit => "logistic_unit",
        Level::Location => "location",
        Level::Party => "party",
        Level::Document => "document",
        Level::Other => "other",
    }
}

/// As what an event names an item.
pub fn role_code(role: ItemRole) -> &'static str {
    match role {
        ItemRole::Subject => "subject",
        ItemRole::Parent => "parent",
        ItemRole::Child => "child",
        ItemRole::Input => "input",
        ItemRole::Output => "output",
    }
}

/// Why a recorder's word counts.
pub fn standing_code(standing: Standing) -> &'static str {
    match standing {
        Standing::Owner => "owner",
        Standing::Holder => "holder",
        Standing::Named => "named",
        Standing::Accredited => "accredited",
        Standing::FirstFinder => "first_finder",
        Standing::Claim => "claim",
    }
}

/// The type of an event as EPCIS names it.
pub fn type_code(event_type: EventType) -> &'static str {
    match event_type {
        EventType::Object => "ObjectEvent",
        EventType::Aggregation => "AggregationEvent",
        EventType::Transaction => "TransactionEvent",
        EventType::Transformation => "TransformationEvent",
        EventType::Association => "AssociationEvent",
        EventType::Extended => "extension",
    }
}

/// Whether an item exists.
pub fn life(life: Life) -> &'static str {
    match life {
        Life::NotCommissioned => "not_commissioned",
        Life::Active(_) => "active",
        Life::Ended(Ending::Decommissioned, _) => "decommissioned",
        Life::Ended(Ending::Destroyed, _) => "destroyed",
        Life::Ended(Ending::Consumed, _) => "used_up",
        Life::Ended(Ending::Other, _) => "ended",
    }
}

/// What a kind of anomaly means, who can mend it and how.
pub fn explained(kind: AnomalyKind) -> Value {
    let words = words(kind);
    json!({
        "code": kind.code(),
        "derived": false,
        "sentence": {"en": words.en, "zh": words.zh},
        "who_mends": {"en": words.who, "zh": words.who_zh},
        "how": {"en": words.how, "zh": words.how_zh},
    })
}

/// Something derived at reading, in the shape of an anomaly; `cursor` names the event.
pub fn derived_json(derived: &Derived, cursor: String) -> Value {
    let (who, how) = (derived.kind.who(), derived.kind.how());
    let mut json = json!({
        "code": derived.kind.code(),
        "derived": true,
        "open": true,
        "sentence": {"en": derived.sentence.en, "zh": derived.sentence.zh},
        "who_mends": {"en": who.en, "zh": who.zh},
        "how": {"en": how.en, "zh": how.zh},
        "event": {"cursor": cursor},
    });
    if let Some(container) = &derived.through {
        json["through"] = json!(container);
    }
    json
}
