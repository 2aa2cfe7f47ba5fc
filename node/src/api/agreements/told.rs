//! Agreements as clients see them.

use serde_json::{Map, Value, json};
use tracehold_chain::agreement::{Label, Terms};
use tracehold_chain::money::{AccountId, AgreementId, Money};
use tracehold_chain::state::Position;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::agreement::{
    AgreementRecord, Ending, MilestoneState, Paid, Stage, StepKind,
};

use super::super::accounts::event_link;
use super::super::entries::MoneyView;
use super::super::paging::to_token;
use super::super::visible::{Caller, has_part};
use super::stage_code;
use crate::fault::Fault;
use crate::view::{ReadView, Told};

fn money(money: &Money) -> Value {
    json!(MoneyView::from(money))
}

fn time(at: Option<TimestampMs>) -> Value {
    at.map_or(Value::Null, |at| json!(at.to_string()))
}

/// A share in millionths as a text of percent.
fn percent(parts: u32) -> String {
    rust_decimal::Decimal::new(parts.into(), 4).normalize().to_string()
}

/// The roles that the caller's member has.
fn your_roles(caller: &Caller, terms: &Terms) -> Vec<String> {
    let own = terms.roles.iter().filter(|role| has_part(caller, [&role.member]));
    own.map(|role| role.role.to_string()).collect()
}

/// How an agreement ended.
fn ending(how: &Ending) -> Map<String, Value> {
    let mut told = Map::new();
    let word = match how {
        Ending::Released { milestone } => {
            told.insert("milestone".into(), json!(milestone));
            "released"
        }
        Ending::Cancelled => "cancelled",
        Ending::Unfunded => "unfunded",
        Ending::Ruled => "ruled",
        Ending::Expired => "expired",
        Ending::NotAccepted { declined_by } => {
            if let Some(role) = declined_by {
                told.insert("declined_by".into(), json!(role));
            }
            "not_accepted"
        }
    };
    told.insert("how".into(), json!(word));
    told
}

fn ended(stage: &Stage) -> Value {
    let Stage::Ended { how, at } = stage else { return Value::Null };
    let mut told = ending(how);
    told.insert("at".into(), json!(at.to_string()));
    Value::Object(told)
}

/// What is in the pot.
fn pot(view: &ReadView, id: AgreementId) -> Result<Value, Fault> {
    let (left, _) = view.balances(&AccountId::Agreement(id))?;
    Ok(left.iter().map(|left| json!(MoneyView::minor(left.posted, &left.asset))).collect())
}

/// An agreement in a list.
///
/// # Errors
/// [`Fault`] when its pot cannot be read.
pub fn summary(
    view: &ReadView,
    caller: &Caller,
    record: &AgreementRecord,
    terms: &Terms,
) -> Result<Value, Fault> {
    Ok(json!({
        "id": record.id.to_string(),
        "title": terms.title,
        "stage": stage_code(&record.stage),
        "ended": ended(&record.stage),
        "your_roles": your_roles(caller, terms),
        "proposer": record.proposer,
        "reference": record.reference,
        "proposed_at": record.proposed_at.to_string(),
        "deadline": terms.deadline.to_string(),
        "pot": pot(view, record.id)?,
    }))
}

/// An agreement with everything that is known of it.
///
/// # Errors
/// [`Fault`] when something of it cannot be read.
pub fn agreement_json(
    view: &ReadView,
    caller: &Caller,
    record: &AgreementRecord,
    terms: &Terms,
) -> Result<Value, Fault> {
    let mut told = summary(view, caller, record, terms)?;
    let roles = terms.roles.iter().enumerate().map(|(place, role)| {
        let accepted = record.accepted.get(place);
        let flag = |flags: &[bool]| flags.get(place).copied().unwrap_or_default();
        json!({
            "role": role.role,
            "member": role.member,
            "account": AccountId::of(role.member.clone(), role.account.clone()).to_string(),
            "accepted": accepted.is_some_and(|accepted| accepted.complete),
            "accepted_by": accepted.map(|accepted| &accepted.by),
            "asked_to_cancel": flag(&record.cancels),
            "opened_dispute": flag(&record.disputed),
        })
    });
    told["roles"] = roles.collect();
    let deposits = terms.deposits.iter().enumerate().map(|(place, deposit)| {
        json!({
            "id": deposit.id,
            "role": deposit.role,
            "money": money(&deposit.money),
            "due": deposit.due.to_string(),
            "paid_at": time(record.deposited.get(place).copied().flatten()),
        })
    });
    told["deposits"] = deposits.collect();
    told["running_since"] = time(record.running_since);
    let mut milestones = Vec::with_capacity(terms.milestones.len());
    let mut corrected_in = Vec::new();
    for (clause, state) in terms.milestones.iter().zip(&record.milestones) {
        if !state.corrected.is_empty() {
            corrected_in.push(&clause.id);
        }
        let to = clause.pay.iter().map(tracehold_chain::agreement::Payout::to);
        milestones.push(milestone(view, &clause.id, state, to)?);
    }
    told["corrected_after_payment"] = match corrected_in.is_empty() {
        true => Value::Null,
        false => corrected(&corrected_in, terms.dispute.is_some()),
    };
    told["milestones"] = Value::Array(milestones);
    let approvals = record.approvals.iter();
    told["approvals"] = approvals
        .map(|(role, what, at)| json!({"role": role, "what": what, "at": at.to_string()}))
        .collect();
    told["dispute"] = match &record.dispute {
        None => Value::Null,
        Some(dispute) => json!({
            "by": dispute.by,
            "reason": dispute.reason,
            "at": dispute.at.to_string(),
            "until": dispute.until.to_string(),
            "ruled": dispute.ruled,
            "lapsed": dispute.lapsed,
            "after_end": dispute.after_end,
        }),
    };
    told["facts"] = json!(record.facts);
    told["next_look"] = time(record.due);
    told["terms"] = serde_json::to_value(terms).unwrap_or_default();
    Ok(told)
}

/// What is said of events that were corrected after they had paid.
fn corrected(milestones: &[&Label], is_disputable: bool) -> Value {
    let names: Vec<&str> = milestones.iter().map(|label| label.as_str()).collect();
    let (en, zh) = match is_disputable {
        true => (
            " The terms have a dispute clause: whoever it names may open a dispute.",
            "条款含有争议条款：其中列明的各方可以提出争议。",
        ),
        false => ("", ""),
    };
    json!({
        "milestones": milestones,
        "sentence": {
            "en": format!("An event on which {} paid was corrected afterwards. The money does not \
                           move back by itself.{en}", names.join(", ")),
            "zh": format!("{}付款所依据的事件后来被更正。款项不会自动退回。{zh}", names.join("、")),
        },
    })
}

fn milestone<'t>(
    view: &ReadView,
    id: &Label,
    state: &MilestoneState,
    to: impl Iterator<Item = &'t Label>,
) -> Result<Value, Fault> {
    let paid = state.paid.iter().zip(to).filter(|(paid, _)| !paid.amount.is_zero());
    let paid: Vec<Value> = paid.map(|(paid, to)| json!({"to": to, "money": money(paid)})).collect();
    Ok(json!({
        "id": id,
        "holds_since": time(state.holds_since),
        "fulfilled_at": time(state.fulfilled_at),
        "paid_percent": percent(state.paid_parts),
        "paid": paid,
        "events": links(view, &state.events)?,
        "corrected": links(view, &state.corrected)?,
    }))
}

fn links(view: &ReadView, positions: &[Position]) -> Result<Value, Fault> {
    let told = positions.iter().map(|position| Ok(json!(event_link(view, *position)?)));
    Ok(Value::Array(told.collect::<Result<_, Fault>>()?))
}

/// A step of a story with its place and time.
///
/// # Errors
/// [`Fault`] when its transaction or event cannot be read.
pub fn story_line(view: &ReadView, id: AgreementId, (step, line): &Told) -> Result<Value, Fault> {
    let mut told = step_json(id, &line.what);
    told["step"] = json!(step.to_string());
    told["time"] = json!(line.time.to_string());
    told["height"] = json!(step.height.0);
    if let Some(transaction) = view.transaction_of(*step)? {
        told["transaction_id"] = json!(transaction.to_string());
    }
    if let Some(event) = line.event {
        told["event"] = json!(event_link(view, event)?);
    }
    Ok(told)
}

/// A step as receipts and stories show it.
#[must_use]
pub fn step_json(agreement: AgreementId, what: &StepKind) -> Value {
    let paid = |paid: &[Paid]| -> Value {
        paid.iter().map(|paid| json!({"to": paid.to, "money": money(&paid.money)})).collect()
    };
    let cursors = |events: &[Position]| -> Value {
        events.iter().map(|event| json!(to_token(*event))).collect()
    };
    let mut told = match what {
        StepKind::Proposed { by } => json!({"kind": "proposed", "by": by}),
        StepKind::Accepted { role, by, complete } => {
            json!({"kind": "accepted", "role": role, "by": by, "complete": complete})
        }
        StepKind::Deposited { deposit } => json!({"kind": "deposited", "deposit": deposit}),
        StepKind::Started => json!({"kind": "started"}),
        StepKind::Approved { role, what } => {
            json!({"kind": "approved", "role": role, "what": what})
        }
        StepKind::Holds { milestone } => json!({"kind": "holds", "milestone": milestone}),
        StepKind::HoldsNoMore { milestone } => {
            json!({"kind": "holds_no_more", "milestone": milestone})
        }
        StepKind::Decided { milestone, condition, held } => json!({
            "kind": "decided", "milestone": milestone, "condition": condition, "held": held,
        }),
        StepKind::PaidPart { milestone, parts, paid: got, events } => json!({
            "kind": "paid_part", "milestone": milestone, "percent": percent(*parts),
            "paid": paid(got), "events": cursors(events),
        }),
        StepKind::Fulfilled { milestone, paid: got, events } => json!({
            "kind": "fulfilled", "milestone": milestone, "paid": paid(got),
            "events": cursors(events),
        }),
        StepKind::CorrectedAfterPayment { milestone, event } => json!({
            "kind": "corrected_after_payment", "milestone": milestone,
            "corrected": to_token(*event),
        }),
        StepKind::CancelAsked { role } => json!({"kind": "cancel_asked", "role": role}),
        StepKind::Disputed { role, reason, until } => json!({
            "kind": "disputed", "role": role, "reason": reason, "until": until.to_string(),
        }),
        StepKind::DisputeLapsed => json!({"kind": "dispute_lapsed"}),
        StepKind::Ruled { reason } => json!({"kind": "ruled", "reason": reason}),
        StepKind::Ended { how, paid: got } => {
            let mut told = ending(how);
            told.insert("kind".into(), json!("ended"));
            told.insert("paid".into(), paid(got));
            Value::Object(told)
        }
    };
    told["agreement"] = json!(agreement.to_string());
    told
}
