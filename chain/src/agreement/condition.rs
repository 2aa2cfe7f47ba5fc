//! The closed language of conditions: all that an agreement can wait for.

use std::cell::Cell;

use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::limits::MAX_CONDITION_DEPTH;
use super::payout::Percent;
use super::terms::Label;
use crate::anomaly::AnomalyKind;
use crate::epcis::{Action, EventType};
use crate::money::Asset;
use crate::units::{DurationMs, TimestampMs};

/// Something that is true or not yet true of what is on the ledger. Only events that were recorded
/// while the agreement ran count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case", deny_unknown_fields)]
#[expect(
    clippy::large_enum_variant,
    reason = "terms have few conditions and are not kept in memory"
)]
pub enum Condition {
    /// Events were recorded about a share of the goods.
    Observed(Observed),
    /// Sensors reported values inside bounds, or outside of them, between two events.
    Readings(Readings),
    /// An inspector recorded an inspection with a certification reference.
    Inspected(Inspected),
    /// A role has a title on its account.
    TitleHeld {
        /// Which.
        title: Asset,
        /// Who.
        by: Label,
    },
    /// A title is back with its issuer.
    TitleSurrendered {
        /// Which.
        title: Asset,
    },
    /// A role said yes.
    Approved {
        /// Who.
        by: Label,
        /// To what.
        what: Label,
    },
    /// The block time is at or after this.
    After(#[serde(with = "crate::units::rfc3339")] TimestampMs),
    /// So much time has passed since a milestone was fulfilled.
    Elapsed {
        /// Which milestone.
        since: Label,
        /// How much.
        time: DurationMs,
    },
    /// Nothing open does not add up with the goods, as it is known at a moment. Claims of strangers
    /// open no anomalies.
    NoOpenAnomaly {
        /// Which kinds; all when the list is empty.
        #[serde(default)]
        kinds: Vec<AnomalyKind>,
        /// Decided then, once.
        at: Moment,
    },
    /// All of these.
    All(Vec<Condition>),
    /// One of these at least.
    Any(Vec<Condition>),
    /// So many of these at least.
    AtLeast {
        /// How many.
        count: u8,
        /// Of these.
        of: Vec<Condition>,
    },
    /// Not this, as it is known at a moment.
    Not {
        /// What.
        of: Box<Condition>,
        /// Decided then, once.
        at: Moment,
    },
}

thread_local! {
    /// How many conditions are being read around the next one.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// One condition deeper, as long as this lives.
struct Deeper;

impl Deeper {
    fn enter() -> Option<Deeper> {
        let depth = DEPTH.get();
        (depth < MAX_CONDITION_DEPTH).then(|| {
            DEPTH.set(depth.saturating_add(1));
            Deeper
        })
    }
}

impl Drop for Deeper {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Condition::serialize(self, serializer)
    }
}

/// Conditions that are nested too deep are refused while they are read: they come from strangers,
/// and two bytes for each level would lead deeper than any stack.
impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Condition, D::Error> {
        let Some(_deeper) = Deeper::enter() else {
            return Err(D::Error::custom(format!(
                "conditions are nested more than {MAX_CONDITION_DEPTH} deep: nest fewer"
            )));
        };
        Condition::deserialize(deserializer)
    }
}

/// When something is decided for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Moment {
    /// At the first block at or after this time.
    Time(#[serde(with = "crate::units::rfc3339")] TimestampMs),
    /// When all of the goods were observed so.
    Observed(Sighting),
    /// When this milestone is fulfilled.
    Milestone(Label),
}

/// What an event must look like. What is not given may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sighting {
    /// The business step in its one spelling, such as `receiving`.
    #[serde(default)]
    pub biz_step: Option<String>,
    /// The disposition in its one spelling.
    #[serde(default)]
    pub disposition: Option<String>,
    /// The type of the event.
    #[serde(default)]
    pub event_type: Option<EventType>,
    /// What it does.
    #[serde(default)]
    pub action: Option<Action>,
    /// The read point or business location, by canonical identifier.
    #[serde(default)]
    pub place: Option<String>,
    /// Recorded by one of these roles.
    pub by: Vec<Label>,
}

/// Events about a share of the goods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// What the events look like.
    pub event: Sighting,
    /// For how much of the goods.
    #[serde(default)]
    pub share: Share,
}

/// How much of the goods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// All.
    #[default]
    All,
    /// At least so much of them.
    AtLeast(Percent),
    /// Each part when it comes: what the milestone pays grows with it.
    ProRata,
}

/// What sensors reported between two events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readings {
    /// What is measured: a standard word such as `Temperature`, or a URI, in its one spelling.
    pub measurement: String,
    /// The unit of the bounds (UN/CEFACT Rec 20), such as `CEL`.
    pub uom: String,
    /// The least allowed, itself included.
    #[serde(default)]
    pub min: Option<Decimal>,
    /// The most allowed, itself included.
    #[serde(default)]
    pub max: Option<Decimal>,
    /// Time outside the bounds that is tolerated, over the whole interval.
    #[serde(default)]
    pub outside_at_most: DurationMs,
    /// Time without any reading that still counts as covered.
    pub max_gap: DurationMs,
    /// Whose readings count: those that members of these roles recorded. When nobody is listed,
    /// those of members with standing for the thing: its holder, whoever its shipment names, the
    /// holder of its company prefix, an inspector.
    #[serde(default)]
    pub by: Vec<Label>,
    /// The interval begins with this event.
    pub from: Sighting,
    /// And ends with this one.
    pub to: Sighting,
    /// How long after the ending event was recorded late readings are awaited.
    #[serde(default)]
    pub settle: DurationMs,
    /// What must be true.
    #[serde(default)]
    pub expect: Expect,
}

/// Whether bounds are to be kept or broken. An interval that readings do not cover is neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// Covered by readings, and outside no longer than tolerated.
    #[default]
    Kept,
    /// Outside for longer than tolerated.
    Broken,
}

/// An inspection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inspected {
    /// The roles that may have done it; their members are inspectors of the network.
    pub by: Vec<Label>,
    /// What it found.
    #[serde(default)]
    pub finding: Finding,
    /// The certification reference that the event must carry; any when there is none.
    #[serde(default)]
    pub certification: Option<String>,
    /// For how much of the goods.
    #[serde(default)]
    pub share: Share,
}

/// What an inspection found: the dispositions `conformant` and `non_conformant`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The goods are as they should be.
    #[default]
    Conformant,
    /// They are not.
    NonConformant,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    fn nested(depth: usize) -> Condition {
        let innermost = Condition::After(TimestampMs(1));
        (1..depth).fold(innermost, |inside, _| Condition::All(vec![inside]))
    }

    /// Promise P56: hostile terms stop no node.
    #[test]
    fn conditions_nested_too_deep_are_not_read() {
        let deep = nested(MAX_CONDITION_DEPTH);
        assert_eq!(codec::decode(&codec::encode(&deep)), Ok(deep.clone()));
        let json = serde_json::to_value(&deep).expect("JSON");
        assert_eq!(serde_json::from_value::<Condition>(json).ok(), Some(deep));
        let deeper = nested(MAX_CONDITION_DEPTH + 1);
        assert!(codec::decode::<Condition>(&codec::encode(&deeper)).is_err());
        let json = serde_json::to_value(&deeper).expect("JSON");
        let error = serde_json::from_value::<Condition>(json).expect_err("too deep");
        assert!(error.to_string().contains("nest fewer"), "{error}");
        // As many levels as a transaction has room for. A condition `all` is its number and length.
        let level = [9_u32.to_le_bytes().as_slice(), &1_u64.to_le_bytes()].concat();
        assert_eq!(codec::encode(&nested(2))[..level.len()], level);
        assert!(codec::decode::<Condition>(&level.repeat(80_000)).is_err());
        // And the count is back at nought.
        assert!(codec::decode::<Condition>(&codec::encode(&nested(8))).is_ok());
    }
}
