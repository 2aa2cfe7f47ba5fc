//! Agreements as clients see them.

use tracehold_chain::agreement::{Label, Terms};
use tracehold_chain::money::{AccountId, AgreementId};
use tracehold_chain::state::Position;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::agreement::words::{self, percent};
use tracehold_contracts::agreement::{
    AgreementRecord, DisputeState, Ending, MilestoneState, Paid, Stage, StepKind,
};

use super::super::accounts::{EventLink, event_link};
use super::super::entries::MoneyView;
use super::super::paging::to_token;
use super::super::visible::{Caller, has_part};
use super::stage_code;
use super::view::{
    AgreementSummary, AgreementView, ApprovedView, Both, CorrectedView, DepositView, DisputeView,
    EndedView, MilestoneView, PaidView, RoleView, StepView,
};
use crate::fault::Fault;
use crate::view::{ReadView, Told};

/// The same in both languages.
fn both(say: impl Fn(words::Language) -> String) -> Both {
    Both { en: say(words::Language::En), zh: say(words::Language::Zh) }
}

fn time(at: Option<TimestampMs>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// The roles that the caller's member has.
fn your_roles(caller: &Caller, terms: &Terms) -> Vec<String> {
    let own = terms.roles.iter().filter(|role| has_part(caller, [&role.member]));
    own.map(|role| role.role.to_string()).collect()
}

/// The word of an ending.
fn ending_code(how: &Ending) -> &'static str {
    match how {
        Ending::Released { .. } => "released",
        Ending::Cancelled => "cancelled",
        Ending::Unfunded => "unfunded",
        Ending::Ruled => "ruled",
        Ending::Expired => "expired",
        Ending::NotAccepted { .. } => "not_accepted",
    }
}

/// The milestone that released, and the role that declined.
fn ending_names(how: &Ending) -> (Option<String>, Option<String>) {
    match how {
        Ending::Released { milestone } => (Some(milestone.to_string()), None),
        Ending::NotAccepted { declined_by } => (None, declined_by.as_ref().map(Label::to_string)),
        _ => (None, None),
    }
}

fn ended(stage: &Stage) -> Option<EndedView> {
    let Stage::Ended { how, at } = stage else { return None };
    let (milestone, declined_by) = ending_names(how);
    let how = ending_code(how).to_owned();
    Some(EndedView { how, milestone, declined_by, at: at.to_string() })
}

/// What is in the pot.
fn pot(view: &ReadView, id: AgreementId) -> Result<Vec<MoneyView>, Fault> {
    let (left, _) = view.balances(&AccountId::Agreement(id))?;
    Ok(left.iter().map(|left| MoneyView::minor(left.posted, &left.asset)).collect())
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
) -> Result<AgreementSummary, Fault> {
    Ok(AgreementSummary {
        id: record.id.to_string(),
        title: terms.title.clone(),
        stage: stage_code(&record.stage).to_owned(),
        said: both(|language| words::stage(&record.stage, language)),
        ended: ended(&record.stage),
        your_roles: your_roles(caller, terms),
        proposer: record.proposer.to_string(),
        reference: record.reference.to_string(),
        proposed_at: record.proposed_at.to_string(),
        deadline: terms.deadline.to_string(),
        pot: pot(view, record.id)?,
    })
}

/// An agreement with everything that is known of it.
///
/// # Errors
/// [`Fault`] when something of it cannot be read.
pub fn agreement_view(
    view: &ReadView,
    caller: &Caller,
    record: &AgreementRecord,
    terms: &Terms,
) -> Result<AgreementView, Fault> {
    let roles = terms.roles.iter().enumerate().map(|(place, role)| {
        let accepted = record.accepted.get(place);
        let flag = |flags: &[bool]| flags.get(place).copied().unwrap_or_default();
        let by = accepted.into_iter().flat_map(|accepted| &accepted.by);
        RoleView {
            role: role.role.to_string(),
            member: role.member.to_string(),
            account: AccountId::of(role.member.clone(), role.account.clone()).to_string(),
            accepted: accepted.is_some_and(|accepted| accepted.complete),
            accepted_by: by.map(ToString::to_string).collect(),
            asked_to_cancel: record.cancel_stands(place, view.head().block_time).is_some(),
            opened_dispute: flag(&record.disputed),
        }
    });
    let deposits = terms.deposits.iter().enumerate().map(|(place, deposit)| DepositView {
        id: deposit.id.to_string(),
        role: deposit.role.to_string(),
        money: (&deposit.money).into(),
        due: deposit.due.to_string(),
        paid_at: time(record.deposited.get(place).copied().flatten()),
    });
    let clauses = || terms.milestones.iter().zip(&record.milestones);
    let milestones = clauses().map(|(clause, state)| {
        let to = clause.pay.iter().map(tracehold_chain::agreement::Payout::to);
        milestone(view, &clause.id, state, to)
    });
    let corrected_in: Vec<&Label> = clauses()
        .filter(|(_, state)| !state.corrected.is_empty())
        .map(|(clause, _)| &clause.id)
        .collect();
    let corrected =
        (!corrected_in.is_empty()).then(|| corrected(&corrected_in, terms.dispute.is_some()));
    let approvals = record.approvals.iter().map(|(role, what, at)| ApprovedView {
        role: role.to_string(),
        what: what.to_string(),
        at: at.to_string(),
    });
    Ok(AgreementView {
        summary: summary(view, caller, record, terms)?,
        roles: roles.collect(),
        deposits: deposits.collect(),
        running_since: time(record.running_since),
        milestones: milestones.collect::<Result<_, Fault>>()?,
        corrected_after_payment: corrected,
        approvals: approvals.collect(),
        dispute: record.dispute.as_ref().map(dispute),
        facts: record.facts,
        next_look: time(record.due),
        terms: terms.clone(),
    })
}

fn dispute(dispute: &DisputeState) -> DisputeView {
    DisputeView {
        by: dispute.by.to_string(),
        reason: dispute.reason.clone(),
        at: dispute.at.to_string(),
        until: dispute.until.to_string(),
        ruled: dispute.ruled.clone(),
        pay: dispute.pay.clone(),
        lapsed: dispute.lapsed,
        after_end: dispute.after_end,
    }
}

/// What is said of events that were corrected after they had paid.
fn corrected(milestones: &[&Label], is_disputable: bool) -> CorrectedView {
    let names: Vec<&str> = milestones.iter().map(|label| label.as_str()).collect();
    let (en, zh) = match is_disputable {
        true => (
            " The terms have a dispute clause: whoever it names may open a dispute.",
            "条款含有争议条款：其中列明的各方可以提出争议。",
        ),
        false => ("", ""),
    };
    CorrectedView {
        milestones: names.iter().map(|name| (*name).to_owned()).collect(),
        sentence: Both {
            en: format!(
                "An event on which {} paid was corrected afterwards. The money does not move back \
                 by itself.{en}",
                names.join(", ")
            ),
            zh: format!("{}付款所依据的事件后来被更正。款项不会自动退回。{zh}", names.join("、")),
        },
    }
}

fn milestone<'t>(
    view: &ReadView,
    id: &Label,
    state: &MilestoneState,
    to: impl Iterator<Item = &'t Label>,
) -> Result<MilestoneView, Fault> {
    let paid = state.paid.iter().zip(to).filter(|(paid, _)| !paid.amount.is_zero());
    let paid = paid.map(|(paid, to)| PaidView { to: to.to_string(), money: paid.into() });
    Ok(MilestoneView {
        id: id.to_string(),
        holds_since: time(state.holds_since),
        fulfilled_at: time(state.fulfilled_at),
        paid_percent: percent(state.paid_part.millionths()),
        paid: paid.collect(),
        events: links(view, &state.events)?,
        corrected: links(view, &state.corrected)?,
    })
}

fn links(view: &ReadView, positions: &[Position]) -> Result<Vec<EventLink>, Fault> {
    positions.iter().map(|position| event_link(view, *position)).collect()
}

/// A step of a story with its place and time.
///
/// # Errors
/// [`Fault`] when its transaction or event cannot be read.
pub fn story_line(
    view: &ReadView,
    id: AgreementId,
    (step, line): &Told,
) -> Result<StepView, Fault> {
    Ok(StepView {
        step: Some(step.to_string()),
        time: Some(line.time.to_string()),
        height: Some(step.height.0),
        transaction_id: view.transaction_of(*step)?.map(|id| id.to_string()),
        event: line.event.map(|event| event_link(view, event)).transpose()?,
        ..step_view(id, &line.what)
    })
}

/// A step as receipts and stories show it.
#[must_use]
pub fn step_view(agreement: AgreementId, what: &StepKind) -> StepView {
    let paid = |paid: &[Paid]| {
        let paid = paid.iter();
        let told = paid.map(|p| PaidView { to: p.to.to_string(), money: (&p.money).into() });
        Some(told.collect())
    };
    let cursors = |events: &[Position]| Some(events.iter().map(|e| to_token(*e)).collect());
    let text = |label: &Label| Some(label.to_string());
    let bare = |kind: &str| StepView {
        kind: kind.to_owned(),
        said: both(|language| words::step(what, language)),
        agreement: agreement.to_string(),
        ..StepView::default()
    };
    let of = |kind: &str, milestone: &Label| StepView { milestone: text(milestone), ..bare(kind) };
    match what {
        StepKind::Proposed { by } => StepView { by: Some(by.to_string()), ..bare("proposed") },
        StepKind::Accepted { role, by, complete } => StepView {
            role: text(role),
            by: Some(by.to_string()),
            complete: Some(*complete),
            ..bare("accepted")
        },
        StepKind::Deposited { deposit } => StepView { deposit: text(deposit), ..bare("deposited") },
        StepKind::Started => bare("started"),
        StepKind::Approved { role, what } => {
            StepView { role: text(role), what: text(what), ..bare("approved") }
        }
        StepKind::Holds { milestone } => of("holds", milestone),
        StepKind::HoldsNoMore { milestone } => of("holds_no_more", milestone),
        StepKind::Decided { milestone, condition, held } => {
            StepView { condition: Some(*condition), held: Some(*held), ..of("decided", milestone) }
        }
        StepKind::PaidPart { milestone, parts, paid: got, events } => StepView {
            percent: Some(percent(*parts)),
            paid: paid(got),
            events: cursors(events),
            ..of("paid_part", milestone)
        },
        StepKind::Fulfilled { milestone, paid: got, events } => {
            StepView { paid: paid(got), events: cursors(events), ..of("fulfilled", milestone) }
        }
        StepKind::CorrectedAfterPayment { milestone, event } => StepView {
            corrected: Some(to_token(*event)),
            ..of("corrected_after_payment", milestone)
        },
        StepKind::CancelAsked { role } => StepView { role: text(role), ..bare("cancel_asked") },
        StepKind::Disputed { role, reason, until } => StepView {
            role: text(role),
            reason: Some(reason.clone()),
            until: Some(until.to_string()),
            ..bare("disputed")
        },
        StepKind::DisputeLapsed => bare("dispute_lapsed"),
        StepKind::Ruled { reason } => StepView { reason: Some(reason.clone()), ..bare("ruled") },
        StepKind::NotKept { by } => StepView { by: Some(by.to_string()), ..bare("not_kept") },
        StepKind::CancelWithdrawn { role } => {
            StepView { role: text(role), ..bare("cancel_withdrawn") }
        }
        StepKind::CancelsCleared { .. } => bare("cancels_cleared"),
        StepKind::Ended { how, paid: got } => {
            let (milestone, declined_by) = ending_names(how);
            let how = Some(ending_code(how).to_owned());
            StepView { how, milestone, declined_by, paid: paid(got), ..bare("ended") }
        }
    }
}
