//! Why an agreement stands where it stands: for each milestone what is satisfied by which event,
//! what is awaited from whom, and what happens if it does not come and when.
//!
//! Pure: over the same [`Context`] as the evaluation, so that both always say the same.

mod tree;
mod words;

use serde::Serialize;
use tracehold_chain::agreement::{Label, Milestone};
use tracehold_chain::money::AgreementId;
use tracehold_chain::state::{Position, TableError};
use tracehold_chain::units::{MemberId, TimestampMs};

use super::condition::Context;
use super::facts::is_full;
use super::record::{Ending, MilestoneState, Stage};
use super::words::{capital, money, percent, time};
pub use tree::{ConditionKind, ConditionStatus, Explained, Gap};

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sentence {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

/// A member in its role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Who {
    /// The role.
    pub role: Label,
    /// The member that has it.
    pub member: MemberId,
}

/// An event of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventRef {
    /// Its eventID.
    pub event_id: String,
    /// The member that vouches for it.
    pub recorder: MemberId,
    /// When it happened.
    #[serde(serialize_with = "tracehold_chain::units::rfc3339::serialize")]
    pub event_time: TimestampMs,
    /// When it was recorded.
    #[serde(serialize_with = "tracehold_chain::units::rfc3339::serialize")]
    pub recorded_at: TimestampMs,
    /// Where it stands in the history.
    pub position: Position,
}

/// Where an agreement stands, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Which.
    pub id: AgreementId,
    /// How it stands: what is awaited before it runs, how it ended.
    pub summary: Vec<Sentence>,
    /// Its milestones, in the order of the terms.
    pub milestones: Vec<ExplainedMilestone>,
    /// Members that have recorded as many events as it keeps of one: what more they record does not
    /// count for it.
    pub full: Vec<MemberId>,
}

/// Where a milestone stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MilestoneStatus {
    /// It was fulfilled and paid.
    Fulfilled,
    /// A part was paid.
    InPart,
    /// Its condition holds; its window runs.
    InWindow,
    /// Its condition does not hold yet.
    Waiting,
    /// It waits for others to be fulfilled first.
    Blocked,
    /// It cannot be fulfilled any more.
    Lost,
}

/// A milestone, and why it stands where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedMilestone {
    /// Which.
    pub id: Label,
    /// How it stands.
    pub status: MilestoneStatus,
    /// The same and more in sentences: what comes when, and what happens otherwise.
    pub said: Vec<Sentence>,
    /// The part that was paid, in millionths.
    pub paid_parts: u32,
    /// The events on which it paid.
    pub events: Vec<EventRef>,
    /// Those of them that were corrected since: the money does not move back by itself.
    pub corrected: Vec<EventRef>,
    /// Its condition, while it can still be fulfilled.
    pub condition: Option<Explained>,
}

/// Explains an agreement.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn explain(context: &Context<'_>) -> Result<Explanation, TableError> {
    let record = context.record;
    let mut milestones = Vec::new();
    for (place, clause) in context.terms.milestones.iter().enumerate() {
        let Some(state) = record.milestones.get(place) else { continue };
        milestones.push(milestone(context, (place, clause), state)?);
    }
    let (full, mut summary) = (full(context), summary(context));
    summary.extend(full.iter().map(|member| {
        sentence(
            format!("{member} has recorded as many events as are kept of one: more may not count."),
            format!("{member} 记录的事件数已达上限，此后的事件可能不再计入。"),
        )
    }));
    Ok(Explanation { id: record.id, summary, milestones, full })
}

/// Members of roles of whom no more facts are kept.
fn full(context: &Context<'_>) -> Vec<MemberId> {
    let mut full: Vec<MemberId> =
        context.terms.roles.iter().map(|role| role.member.clone()).collect();
    full.sort_unstable();
    full.dedup();
    full.retain(|member| is_full(context.terms, context.facts, member));
    full
}

fn sentence(en: impl Into<String>, zh: impl Into<String>) -> Sentence {
    Sentence { en: en.into(), zh: zh.into() }
}

/// How the agreement stands.
fn summary(context: &Context<'_>) -> Vec<Sentence> {
    let (terms, record) = (context.terms, context.record);
    let mut said = Vec::new();
    match &record.stage {
        Stage::Proposed => {
            for (role, accepted) in terms.roles.iter().zip(&record.accepted) {
                if !accepted.complete {
                    let who = words::who(context, std::slice::from_ref(&role.role));
                    let second = if accepted.by.is_empty() { "" } else { "a second agent of " };
                    let second_zh =
                        if accepted.by.is_empty() { "" } else { "的第二名代理人" };
                    said.push(sentence(
                        format!("Waiting for {second}{} to accept.", who.en),
                        format!("等待{}{second_zh}接受。", who.zh),
                    ));
                }
            }
            let at = time(terms.accept_by);
            said.push(sentence(
                format!("If not all have accepted before {at}, it ends and nothing has moved."),
                format!("若在 {at} 之前未全部接受，协议结束，不发生任何资金变动。"),
            ));
        }
        Stage::Accepted => {
            for (deposit, paid) in terms.deposits.iter().zip(&record.deposited) {
                if paid.is_none() {
                    let who = words::who(context, std::slice::from_ref(&deposit.role));
                    let (money, due) = (money(&deposit.money), time(deposit.due));
                    said.push(sentence(
                        format!(
                            "Waiting for {} to pay in {money} before {due}; otherwise \
                                 everything that is in goes back.",
                            who.en
                        ),
                        format!(
                            "等待{}在 {due} 之前存入 {money}；否则已存入的款项全部退回。",
                            who.zh
                        ),
                    ));
                }
            }
        }
        Stage::Running | Stage::Disputed => {
            if let Some(dispute) =
                record.dispute.as_ref().filter(|_| record.stage == Stage::Disputed)
            {
                let arbiter = terms.dispute.iter().map(|clause| clause.arbiter.clone());
                let who = words::who(context, &arbiter.collect::<Vec<_>>());
                let (by, until) = (words::role(&dispute.by), time(dispute.until));
                said.push(sentence(
                    format!(
                        "{} has opened a dispute: nothing is paid until {} rules, at the \
                             latest until {until}. Without a ruling it goes on as before.",
                        capital(&by.en),
                        who.en
                    ),
                    format!(
                        "{}已提出争议：在{}裁决之前不付款，最迟至 {until}；若无裁决则照常继续。",
                        by.zh, who.zh
                    ),
                ));
            }
            let (pay, at) = (words::payouts(&terms.at_deadline), time(terms.deadline));
            said.push(sentence(
                format!("At {at} it ends at the latest; of what is left then: {}.", pay.en),
                format!("最迟于 {at} 结束；届时余款：{}。", pay.zh),
            ));
        }
        Stage::Ended { how, at } => said.push(ended(how, *at)),
    }
    if !matches!(record.stage, Stage::Ended { .. }) {
        said.extend(cancels(context));
    }
    said
}

/// Requests to cancel that stand: until when, and what ends them.
fn cancels<'c>(context: &'c Context<'_>) -> impl Iterator<Item = Sentence> + 'c {
    context.terms.roles.iter().enumerate().filter_map(|(place, role)| {
        // The last block time that counts.
        let at = TimestampMs(context.as_of.0.saturating_sub(1));
        let until = time(context.record.cancel_stands(place, at)?);
        let who = words::who(context, std::slice::from_ref(&role.role));
        Some(sentence(
            format!(
                "{} has asked to cancel: it is cancelled when all others ask, too, before {until}. \
                 The request ends then, when a milestone pays or its condition begins to hold, \
                 when a dispute is opened, or when it is taken back.",
                capital(&who.en)
            ),
            format!(
                "{}已要求取消：若其他各方在 {until} 之前均要求取消，则协议取消。届时、任一里程碑付款或\
                 其条件开始成立、提出争议或撤回要求时，该要求失效。",
                who.zh
            ),
        ))
    })
}

fn ended(how: &Ending, at: TimestampMs) -> Sentence {
    let at = time(at);
    match how {
        Ending::Released { milestone } => sentence(
            format!("It ended at {at}: released with the milestone {milestone}."),
            format!("已于 {at} 结束：随里程碑 {milestone} 放款。"),
        ),
        Ending::Cancelled => sentence(
            format!("It was cancelled by all at {at}."),
            format!("已于 {at} 经各方同意取消。"),
        ),
        Ending::Unfunded => sentence(
            format!("It ended at {at}: a deposit was missing, what was in went back."),
            format!("已于 {at} 结束：缺少存款，已存入的款项已退回。"),
        ),
        Ending::Ruled => sentence(
            format!("The arbiter settled it at {at}."),
            format!("仲裁方已于 {at} 裁决结案。"),
        ),
        Ending::Expired => sentence(
            format!("It ended at {at}, its deadline."),
            format!("已于截止时间 {at} 结束。"),
        ),
        Ending::NotAccepted { declined_by } => match declined_by {
            Some(label) => {
                let role = words::role(label);
                sentence(
                    format!("{} turned it down at {at}.", capital(&role.en)),
                    format!("{}已于 {at} 拒绝。", role.zh),
                )
            }
            None => sentence(
                format!("It ended at {at}: not all had accepted."),
                format!("已于 {at} 结束：未获全部接受。"),
            ),
        },
    }
}

fn milestone(
    context: &Context<'_>,
    (place, clause): (usize, &Milestone),
    state: &MilestoneState,
) -> Result<ExplainedMilestone, TableError> {
    let mut said = Vec::new();
    let status = status(context, clause, state, &mut said);
    let open = !matches!(status, MilestoneStatus::Fulfilled | MilestoneStatus::Lost);
    let tree = if open { context.tree(place)? } else { None };
    let condition = tree.map(|tree| tree::explained(context, &tree));
    if open {
        outlook(context, clause, &mut said);
    }
    let events = |positions: &[Position]| tree::events(context, positions);
    let corrected = events(&state.corrected);
    if !corrected.is_empty() {
        said.push(sentence(
            "An event on which it paid was corrected since. The money does not move back by itself; \
             a dispute may be opened if the terms have an arbiter.",
            "其付款所依据的事件已被更正。款项不会自动退回；若条款约定了仲裁方，可提出争议。",
        ));
    }
    Ok(ExplainedMilestone {
        id: clause.id.clone(),
        status,
        said,
        paid_parts: state.paid_part.millionths(),
        events: events(&state.events),
        corrected,
        condition,
    })
}

fn status(
    context: &Context<'_>,
    clause: &Milestone,
    state: &MilestoneState,
    said: &mut Vec<Sentence>,
) -> MilestoneStatus {
    if let Some(at) = state.fulfilled_at.map(time) {
        said.push(sentence(
            format!("Fulfilled and paid at {at}."),
            format!("已于 {at} 完成并付款。"),
        ));
        return MilestoneStatus::Fulfilled;
    }
    if matches!(context.record.stage, Stage::Ended { .. }) {
        said.push(sentence("It was not fulfilled.", "未完成。"));
        return MilestoneStatus::Lost;
    }
    let done = |label: &&Label| {
        let place = context.terms.milestones.iter().position(|other| other.id == **label);
        let state = place.and_then(|place| context.record.milestones.get(place));
        state.is_some_and(|state| state.fulfilled_at.is_some())
    };
    if let Some(other) = clause.unless.iter().find(done) {
        said.push(sentence(
            format!("It cannot be fulfilled any more, because {other} was."),
            format!("由于 {other} 已完成，本里程碑不再可能完成。"),
        ));
        return MilestoneStatus::Lost;
    }
    let dispute = context.record.dispute.as_ref();
    let dispute = dispute.filter(|_| context.record.stage == Stage::Disputed);
    if let (Some(by), Some(dispute)) = (clause.by, dispute)
        && by < context.as_of
        && by > dispute.at
    {
        let by = time(by);
        said.push(sentence(
            format!(
                "Its time was over at {by}, while a dispute was open. When that ends without a \
                 ruling, it pays if it would have paid by then without the dispute."
            ),
            format!(
                "其期限 {by} 在争议期间届满。若争议结束而无裁决，则按无争议时在该期限前是否应付款处理。"
            ),
        ));
        return MilestoneStatus::Waiting;
    }
    if let Some(by) = clause.by.filter(|by| *by < context.as_of).map(time) {
        said.push(sentence(
            format!("It cannot be fulfilled any more: its time was over at {by}."),
            format!("期限 {by} 已过，不再可能完成。"),
        ));
        return MilestoneStatus::Lost;
    }
    let before: Vec<&str> = clause.after.iter().filter(|l| !done(l)).map(Label::as_str).collect();
    if !before.is_empty() {
        said.push(sentence(
            format!("It waits for these to be fulfilled first: {}.", before.join(", ")),
            format!("须先完成：{}。", before.join("、")),
        ));
        return MilestoneStatus::Blocked;
    }
    if let Some(since) = state.holds_since {
        let (since, until) = (time(since), time(since.plus_ms(clause.window.0)));
        said.push(sentence(
            format!(
                "Its condition has held since {since}. It pays at {until}, unless an event is \
                     corrected or a dispute is opened before."
            ),
            format!("条件自 {since} 起成立。若其间无更正、无争议，将于 {until} 付款。"),
        ));
        return MilestoneStatus::InWindow;
    }
    if !state.paid_part.is_nothing() {
        let percent = percent(state.paid_part.millionths());
        said.push(sentence(
            format!("{percent} % of it was paid so far."),
            format!("已按 {percent}% 付款。"),
        ));
        return MilestoneStatus::InPart;
    }
    MilestoneStatus::Waiting
}

/// What the milestone pays, and what happens if it is not fulfilled.
fn outlook(context: &Context<'_>, clause: &Milestone, said: &mut Vec<Sentence>) {
    let pay = words::payouts(&clause.pay);
    said.push(sentence(
        format!("When it is fulfilled: {}.", pay.en),
        format!("完成时：{}。", pay.zh),
    ));
    let deadline = context.terms.deadline;
    let by = clause.by.filter(|by| *by < deadline).map(time);
    let deadline = time(deadline);
    said.push(match by {
        Some(by) => sentence(
            format!(
                "If it is not fulfilled before {by}, it pays nothing and the agreement goes on \
                     without it."
            ),
            format!("若在 {by} 之前未完成，则不付款，协议不再考虑该里程碑。"),
        ),
        None => {
            let rest = words::payouts(&context.terms.at_deadline);
            sentence(
                format!(
                    "If it is not fulfilled before {deadline}, the agreement ends then: {}.",
                    rest.en
                ),
                format!("若在 {deadline} 之前未完成，协议届时结束：{}。", rest.zh),
            )
        }
    });
}
