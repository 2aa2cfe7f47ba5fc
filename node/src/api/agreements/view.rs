//! The shapes of agreements as clients see them.

use serde::{Deserialize, Serialize};
use tracehold_chain::agreement::Terms;

use super::super::accounts::EventLink;
use super::super::command::CommandView;
use super::super::entries::MoneyView;

/// Terms of an agreement. Their schema is that of `GET /api/v1/agreements/schema`, which the
/// description holds as a component.
pub struct AgreementTerms;

/// Who gets how much: one payout of terms, or of a ruling.
pub struct Payout;

/// The component that [`AgreementTerms`] stands for.
pub const TERMS_COMPONENT: &str = "AgreementTerms";

macro_rules! elsewhere {
    ($name:ident, $at:expr) => {
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::Ref::new($at).into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

elsewhere!(Payout, "#/components/schemas/AgreementTerms/$defs/payout");

impl utoipa::PartialSchema for AgreementTerms {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        // The published schema takes this place when the description is written.
        utoipa::openapi::schema::Object::new().into()
    }
}

impl utoipa::ToSchema for AgreementTerms {}

/// The same in English and Chinese.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Both {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

/// Plain sentences by language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Sentences {
    /// In English.
    pub en: Vec<String>,
    /// In Chinese.
    pub zh: Vec<String>,
}

/// How an agreement ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EndedView {
    /// `released`, `cancelled`, `unfunded`, `ruled`, `expired` or `not_accepted`.
    pub how: String,
    /// The last milestone that paid, when it was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestone: Option<String>,
    /// The role that turned it down, when one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined_by: Option<String>,
    /// When (RFC 3339).
    pub at: String,
}

/// An agreement in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgreementSummary {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// `proposed`, `accepted`, `running`, `disputed` or `ended`.
    pub stage: String,
    /// The same in a few words, and how it ended.
    pub said: Both,
    /// How it ended, if it did.
    pub ended: Option<EndedView>,
    /// The roles of the caller's member.
    pub your_roles: Vec<String>,
    /// The agent that proposed it.
    pub proposer: String,
    /// The proposer's name for it.
    pub reference: String,
    /// When (RFC 3339).
    pub proposed_at: String,
    /// When it ends at the latest (RFC 3339).
    pub deadline: String,
    /// What is in its pot.
    pub pot: Vec<MoneyView>,
}

/// A role of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RoleView {
    /// Its name in the terms.
    pub role: String,
    /// Which member has it.
    pub member: String,
    /// On which account it is paid.
    pub account: String,
    /// Whether it has accepted.
    pub accepted: bool,
    /// The agents that did; a second one may still be needed.
    pub accepted_by: Vec<String>,
    /// Whether it asked to cancel, and that still stands.
    pub asked_to_cancel: bool,
    /// Whether it has opened the one dispute that it may open.
    pub opened_dispute: bool,
}

/// A deposit of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DepositView {
    /// Its name in the terms.
    pub id: String,
    /// Who pays it in.
    pub role: String,
    /// How much.
    pub money: MoneyView,
    /// By when (RFC 3339).
    pub due: String,
    /// When it came in, if it did.
    pub paid_at: Option<String>,
}

/// What a role got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PaidView {
    /// Who.
    pub to: String,
    /// How much.
    pub money: MoneyView,
}

/// How a milestone stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MilestoneView {
    /// Its name in the terms.
    pub id: String,
    /// Since when its condition has held, while its window runs.
    pub holds_since: Option<String>,
    /// When it was fulfilled, if it was.
    pub fulfilled_at: Option<String>,
    /// The part that was paid so far, in percent: a decimal as text.
    pub paid_percent: String,
    /// What it paid.
    pub paid: Vec<PaidView>,
    /// The events on which it paid.
    pub events: Vec<EventLink>,
    /// Those of them that were corrected afterwards.
    pub corrected: Vec<EventLink>,
}

/// A yes that a condition asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApprovedView {
    /// Whose.
    pub role: String,
    /// To what.
    pub what: String,
    /// When (RFC 3339).
    pub at: String,
}

/// The dispute that is open, or was the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DisputeView {
    /// Which role opened it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When (RFC 3339).
    pub at: String,
    /// Until when the arbiter may rule.
    pub until: String,
    /// The arbiter's reason, once it has ruled.
    pub ruled: Option<String>,
    /// Who got what, as the arbiter said.
    #[schema(value_type = Vec<Payout>)]
    pub pay: Vec<tracehold_chain::agreement::Payout>,
    /// Whether its time passed without a ruling.
    pub lapsed: bool,
    /// Whether it was opened after the end: then it moves no money.
    pub after_end: bool,
}

/// That an event on which money was paid was corrected afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CorrectedView {
    /// The milestones that had paid on such events.
    pub milestones: Vec<String>,
    /// What that means.
    pub sentence: Both,
}

/// An agreement with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgreementView {
    /// What a list says of it.
    #[serde(flatten)]
    pub summary: AgreementSummary,
    /// Who takes part, in the order of the terms.
    pub roles: Vec<RoleView>,
    /// What is paid in, in the order of the terms.
    pub deposits: Vec<DepositView>,
    /// Since when it runs, if it does or did.
    pub running_since: Option<String>,
    /// Its milestones, in the order of the terms.
    pub milestones: Vec<MilestoneView>,
    /// What is said of events that were corrected after they had paid.
    pub corrected_after_payment: Option<CorrectedView>,
    /// What was said yes to.
    pub approvals: Vec<ApprovedView>,
    /// The dispute that is open, or was the last.
    pub dispute: Option<DisputeView>,
    /// How many events count for it.
    pub facts: u32,
    /// When it is looked at next though nothing is recorded until then.
    pub next_look: Option<String>,
    /// What was agreed.
    #[schema(value_type = AgreementTerms)]
    pub terms: Terms,
}

/// A step of an agreement: in receipts, and with its place and time in the story.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StepView {
    /// What happened: `proposed`, `accepted`, `deposited`, `started`, `approved`, `holds`,
    /// `holds_no_more`, `decided`, `paid_part`, `fulfilled`, `corrected_after_payment`,
    /// `cancel_asked`, `cancel_withdrawn`, `cancels_cleared`, `not_kept`, `disputed`,
    /// `dispute_lapsed`, `ruled` or `ended`.
    pub kind: String,
    /// The same in a sentence, with who got what.
    pub said: Both,
    /// Which agreement.
    pub agreement: String,
    /// Where it stands in the history: the cursor of this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The time of its block (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Its block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// The transaction in whose receipt it is; none for what was due when the block began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// The event that caused it, when one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventLink>,
    /// The agent that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// For which role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Of an acceptance: whether it is enough, or a second agent is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// Which deposit came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposit: Option<String>,
    /// What was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Which milestone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestone: Option<String>,
    /// Which condition of it, from 0, was decided for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<u8>,
    /// Whether that condition held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<bool>,
    /// The part of the goods that has come, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<String>,
    /// Who got what with this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Vec<PaidView>>,
    /// Cursors of the events that it was paid on, at most the last 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// The cursor of the event that was corrected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<String>,
    /// Why a dispute was opened or settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when the arbiter may rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How it ended, as in [`EndedView`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// The role that turned it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined_by: Option<String>,
}

/// The answer after something was done with an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DoneView {
    /// The agreement.
    pub id: String,
    /// Whether it had been done before: nothing happened again.
    pub repeated: bool,
    /// The transaction that was handed in.
    pub transaction_id: String,
    /// What it did.
    pub steps: Vec<StepView>,
    /// The agreement as it is now; none for a proposer without a role in it.
    pub agreement: Option<AgreementView>,
}

/// The answer after a deposit was paid.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FundedView {
    /// What became of the payment.
    pub payment: CommandView,
    /// The agreement as it is now.
    pub agreement: Option<AgreementView>,
}

/// Agreements, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Agreements {
    /// One page of them.
    pub agreements: Vec<AgreementSummary>,
}

/// The story of an agreement.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Story {
    /// The agreement.
    pub agreement: String,
    /// Its steps, oldest first.
    pub steps: Vec<StepView>,
}
