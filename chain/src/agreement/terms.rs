//! What an agreement says.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::payout::Payout;
use crate::money::{Money, Purpose};
use crate::units::{DurationMs, MemberId, TimestampMs};

/// A short name inside terms, of a role, deposit, milestone or approval: 1 to 32 lower-case
/// letters, digits, `-` or `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

/// Why a text is no label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no label: use 1 to 32 lower-case letters, digits, '-' or '_'")]
pub struct LabelError(String);

/// Bytes of a label.
const MAX_LABEL_BYTES: usize = 32;

/// The terms of an agreement. Times compare with block time; a thing that is to happen by a time
/// must be in a block whose time is before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What people call it.
    pub title: String,
    /// Who takes part. Everybody listed must accept.
    pub roles: Vec<RoleTerms>,
    /// What it is about.
    #[serde(default)]
    pub goods: Goods,
    /// When all must have accepted; otherwise it ends without anything having moved.
    #[serde(with = "crate::units::rfc3339")]
    pub accept_by: TimestampMs,
    /// What is paid in. It runs from when the last deposit is in; when one is missing at its due
    /// time, those that are in go back.
    pub deposits: Vec<Deposit>,
    /// What pays what on which condition. In one block they are tried in this order.
    pub milestones: Vec<Milestone>,
    /// When it ends at the latest.
    #[serde(with = "crate::units::rfc3339")]
    pub deadline: TimestampMs,
    /// Who gets what is left at the deadline.
    pub at_deadline: Vec<Payout>,
    /// Who gets what is left when every role but the arbiter asks to cancel; without it, it cannot
    /// be cancelled once it runs.
    #[serde(default)]
    pub cancel: Option<Vec<Payout>>,
    /// Who may call whom to rule.
    #[serde(default)]
    pub dispute: Option<DisputeTerms>,
}

/// One who takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleTerms {
    /// As the rest of the terms calls it, such as `buyer`.
    pub role: Label,
    /// Which member.
    pub member: MemberId,
    /// The account that it is paid on, and whose approval rule its acceptance follows.
    #[serde(default = "Purpose::main")]
    pub account: Purpose,
}

/// What an agreement is about: things by name, or so much of a class, or whatever a business
/// transaction names. A class may be narrowed by a business transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goods {
    /// Canonical identifiers of things: instances, lots, logistic units.
    #[serde(default)]
    pub items: Vec<String>,
    /// So much of a kind.
    #[serde(default)]
    pub class: Option<GoodsClass>,
    /// The business transaction that events about the goods name.
    #[serde(default)]
    pub business_transaction: Option<BusinessTransaction>,
}

/// So much of a kind of goods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoodsClass {
    /// The canonical identifier of the class, or of a lot of it.
    pub class: String,
    /// How much.
    pub quantity: Decimal,
    /// In which unit (UN/CEFACT Rec 20); pieces when there is none.
    #[serde(default)]
    pub uom: Option<String>,
}

/// A business transaction as EPCIS events name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusinessTransaction {
    /// Its type in the standard vocabulary, such as `po`; any when there is none.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Its identifier.
    pub id: String,
}

/// What one role pays in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deposit {
    /// As the rest calls it.
    pub id: Label,
    /// Who pays.
    pub role: Label,
    /// What and how much.
    pub money: Money,
    /// By when.
    #[serde(with = "crate::units::rfc3339")]
    pub due: TimestampMs,
}

/// A milestone: when a condition holds, something is paid. Each is fulfilled at most once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Milestone {
    /// As the rest calls it.
    pub id: Label,
    /// Only when all of these were fulfilled before.
    #[serde(default)]
    pub after: Vec<Label>,
    /// Never once one of these was fulfilled.
    #[serde(default)]
    pub unless: Vec<Label>,
    /// The condition.
    pub when: Condition,
    /// Before this time; before the deadline when there is none.
    #[serde(default, with = "crate::units::rfc3339_option")]
    pub by: Option<TimestampMs>,
    /// How long the condition must have held without a dispute before it pays: corrections in this
    /// time undo it. At the deadline what remains of this time is waived.
    #[serde(default)]
    pub window: DurationMs,
    /// What it pays. With a share `pro_rata` in its condition, each amount is paid in the
    /// proportion that has come, more as more comes, and it is fulfilled when all has come.
    pub pay: Vec<Payout>,
    /// Whether the agreement ends with it.
    #[serde(default)]
    pub ends: bool,
}

/// Who settles a dispute, and in which time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputeTerms {
    /// The role that rules; its member has no other role.
    pub arbiter: Label,
    /// Who may open a dispute.
    pub by: Vec<Label>,
    /// How long the arbiter has, at most until the deadline. Nothing is paid in this time. Without
    /// a ruling the agreement goes on as if there had been no dispute.
    pub ruling_within: DurationMs,
    /// How long after the end a dispute may still be recorded, when an event that paid was
    /// corrected. It moves no money.
    #[serde(default)]
    pub after_end: DurationMs,
}

impl Label {
    /// Checks `text` against the rules for labels.
    ///
    /// # Errors
    /// [`LabelError`].
    pub fn new(text: impl Into<String>) -> Result<Label, LabelError> {
        let text = text.into();
        let plain =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        if (1..=MAX_LABEL_BYTES).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Label(text))
        } else {
            Err(LabelError(text.chars().take(MAX_LABEL_BYTES).collect()))
        }
    }

    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Label {
    type Error = LabelError;
    fn try_from(text: String) -> Result<Label, LabelError> {
        Label::new(text)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> String {
        label.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
