//! The page of an agreement: how it stands and why, what was paid on which event, what was agreed.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use tracehold_chain::agreement::Terms;
use tracehold_chain::money::{AccountId, AgreementId};
use tracehold_chain::state::Position;
use tracehold_contracts::agreement::explain::{
    ConditionStatus, EventRef, Explained, ExplainedMilestone, MilestoneStatus, Sentence,
};
use tracehold_contracts::agreement::{AgreementRecord, DisputeState, MilestoneState, Stage, words};
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::members::{
    self, Agreement, Condition, Deposit, Dispute, Met, Milestone, Party, Step,
};
use tracehold_explorer::story::{Reference, moment};
use tracehold_explorer::verdict::Signal;

use super::super::ApiState;
use super::super::agreements::explain::explanation;
use super::super::agreements::found;
use super::super::auth::Keyed;
use super::super::extract::InPath;
use super::super::problem::Problem;
use super::super::visible::Caller;
use super::accounts::payment;
use super::moves::Board;
use super::{
    MAX_GOODS_ON_PAGE, MAX_STEPS_ON_PAGE, event_at, events_at, member, private, reader, things,
};
use crate::fault::Fault;
use crate::keystore::AgentSigner;
use crate::view::ReadView;

/// `/agreements/{id}`.
pub async fn agreement(
    State(state): State<ApiState>,
    keyed: Result<Option<Keyed>, Problem>,
    InPath(id): InPath<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let reader = match reader(&state, keyed, &headers, &uri)? {
        Ok(reader) => reader,
        Err(form) => return Ok(form),
    };
    let told = match id.parse::<AgreementId>() {
        Err(_) => None,
        Ok(agreement) => {
            let telling = Telling {
                state: state.clone(),
                agent: reader.agent.clone(),
                caller: reader.caller(),
                language: reader.language(),
            };
            let read = move |view: &ReadView| {
                let Some((record, terms)) = found(view, &telling.caller, agreement)? else {
                    return Ok(None);
                };
                telling.agreement(view, &record, &terms).map(Some)
            };
            state.read_much(read).await?
        }
    };
    let (frame, who) = (&reader.frame, &reader.who);
    let Some(told) = told else {
        let html = members::no_agreement(frame, who, &id);
        return Ok(private(StatusCode::NOT_FOUND, html));
    };
    Ok(private(StatusCode::OK, members::agreement(frame, who, &told)))
}

/// What a stage means for whoever looks at it.
#[must_use]
pub fn signal(record: &AgreementRecord, has_moves: bool) -> Signal {
    use tracehold_contracts::agreement::Ending as E;
    let is_corrected = record.milestones.iter().any(|state| !state.corrected.is_empty());
    match &record.stage {
        _ if is_corrected || has_moves => Signal::Attention,
        Stage::Disputed => Signal::Attention,
        Stage::Ended { how: E::Expired | E::Unfunded | E::NotAccepted { .. }, .. } => {
            Signal::Attention
        }
        Stage::Proposed | Stage::Accepted | Stage::Running | Stage::Ended { .. } => Signal::Fine,
    }
}

/// The roles of a member in an agreement, in words.
#[must_use]
pub fn roles(
    terms: &Terms,
    member: &tracehold_chain::units::MemberId,
    language: Language,
) -> String {
    let own = terms.roles.iter().filter(|role| role.member == *member);
    let named: Vec<String> = own.map(|role| words::role(&role.role, language.spoken())).collect();
    named.join(language.pick(", ", "、"))
}

/// One telling of one agreement.
struct Telling {
    state: ApiState,
    agent: AgentSigner,
    caller: Caller,
    language: Language,
}

impl Telling {
    fn say(&self, english: &'static str, chinese: &'static str) -> &'static str {
        self.language.pick(english, chinese)
    }

    fn said(&self, sentence: &Sentence) -> String {
        self.language.pick(&sentence.en, &sentence.zh).clone()
    }

    fn events(&self, view: &ReadView, at: &[Position]) -> Result<Vec<Reference>, Fault> {
        events_at(&self.state, view, &self.caller, at, self.language)
    }

    /// An agreement as its page shows it.
    fn agreement(
        &self,
        view: &ReadView,
        record: &AgreementRecord,
        terms: &Terms,
    ) -> Result<Agreement, Fault> {
        let language = self.language;
        let pot = AccountId::Agreement(record.id);
        let (left, _) = view.balances(&pot)?;
        let held = left.iter().map(|one| words::money_of(one.posted, &one.asset));
        let (mut lines, has_more_payments) = view.statement(&pot, None, MAX_STEPS_ON_PAGE)?;
        lines.reverse();
        let payments = lines
            .iter()
            .map(|line| payment(&self.state, view, &self.caller, &pot, line, (language, true)));
        let explained = explanation(view, record, terms)?;
        let reader = &self.agent.agent_id;
        let board = Board { state: &self.state, reader, terms, record, language };
        let moves = board.all(&explained);
        let milestones = terms.milestones.iter().zip(&record.milestones);
        let milestones = milestones.zip(&explained.milestones);
        let milestones =
            milestones.map(|((clause, state), one)| self.milestone(view, clause, state, one));
        let (steps, has_more_steps) = view.agreement_story(record.id, None, MAX_STEPS_ON_PAGE)?;
        let steps = steps.iter().map(|(_, line)| {
            let event = line.event;
            let event = event.map(|at| event_at(&self.state, view, &self.caller, at, language));
            Ok(Step {
                time: moment(line.time, language),
                text: words::step(&line.what, language.spoken()),
                event: event.transpose()?.flatten(),
            })
        });
        let goods = &terms.goods.items;
        let shown = goods.get(..MAX_GOODS_ON_PAGE).unwrap_or(goods);
        let class = terms.goods.class.iter().map(|class| class.class.clone());
        let named: Vec<String> = shown.iter().cloned().chain(class).collect();
        let clauses = words::terms(terms, language.spoken()).into_iter();
        Ok(Agreement {
            title: terms.title.clone(),
            id: record.id.to_string(),
            roles: roles(terms, reader.member(), language),
            signal: signal(record, moves.iter().any(|one| one.is_yours)),
            stage: words::stage(&record.stage, language.spoken()),
            summary: explained.summary.iter().map(|sentence| self.said(sentence)).collect(),
            moves,
            corrected: self.corrected(record, terms),
            pot: held.collect(),
            deadline: moment(terms.deadline, language),
            goods: things(view, &named, language)?,
            more_goods: goods.len().saturating_sub(shown.len()),
            deposits: self.deposits(record, terms),
            milestones: milestones.collect::<Result<_, Fault>>()?,
            dispute: record.dispute.as_ref().map(|dispute| self.dispute(dispute, record)),
            payments: payments.collect::<Result<_, Fault>>()?,
            has_more_payments,
            steps: steps.collect::<Result<_, Fault>>()?,
            has_more_steps,
            clauses: clauses.map(|clause| clause.text).collect(),
            parties: self.parties(record, terms),
        })
    }

    fn corrected(&self, record: &AgreementRecord, terms: &Terms) -> Option<String> {
        if record.milestones.iter().all(|state| state.corrected.is_empty()) {
            return None;
        }
        let text = self.say(
            "An event on which money was paid was corrected afterwards. The money does not move \
             back by itself: whoever was paid may pay it back.",
            "付款所依据的事件后来被更正。款项不会自动退回：收款方可自行退还。",
        );
        let Some(clause) = &terms.dispute else { return Some(text.to_owned()) };
        let roles: Vec<String> =
            clause.by.iter().map(|role| words::role(role, self.language.spoken())).collect();
        Some(self.language.pick(
            format!("{text} A dispute may be opened by {}.", roles.join(" or ")),
            format!("{text}{}可提出争议。", roles.join("或")),
        ))
    }

    fn parties(&self, record: &AgreementRecord, terms: &Terms) -> Vec<Party> {
        let roles = terms.roles.iter().zip(&record.accepted);
        roles
            .map(|(role, accepted)| {
                let by: Vec<String> = accepted.by.iter().map(ToString::to_string).collect();
                let by = by.join(", ");
                let (signal, accepted) = match (accepted.complete, by.is_empty()) {
                    (true, _) => {
                        (Signal::Fine, format!("{} ({by})", self.say("accepted", "已接受")))
                    }
                    (false, true) => (Signal::Attention, self.say("not yet", "尚未").to_owned()),
                    (false, false) => {
                        let waits = self.say("a second agent is awaited", "等待第二名代理人");
                        (Signal::Attention, format!("{waits} ({by})"))
                    }
                };
                Party {
                    role: words::role(&role.role, self.language.spoken()),
                    company: member(&self.state, &role.member, self.language),
                    accepted,
                    signal,
                    account: AccountId::of(role.member.clone(), role.account.clone()).to_string(),
                }
            })
            .collect()
    }

    fn deposits(&self, record: &AgreementRecord, terms: &Terms) -> Vec<Deposit> {
        let deposits = terms.deposits.iter().zip(&record.deposited);
        deposits
            .map(|(deposit, paid)| {
                let (signal, state) = match paid {
                    Some(at) => {
                        let at = moment(*at, self.language);
                        (Signal::Fine, format!("{} {at}", self.say("in since", "存入于")))
                    }
                    None => {
                        let due = moment(deposit.due, self.language);
                        (Signal::Attention, format!("{} {due}", self.say("due", "到期于")))
                    }
                };
                Deposit {
                    name: deposit.id.to_string(),
                    role: words::role(&deposit.role, self.language.spoken()),
                    amount: words::money(&deposit.money),
                    state,
                    signal,
                }
            })
            .collect()
    }

    fn dispute(&self, dispute: &DisputeState, record: &AgreementRecord) -> Dispute {
        let language = self.language;
        let opener = words::role(&dispute.by, language.spoken());
        let (at, until) = (moment(dispute.at, language), moment(dispute.until, language));
        let (signal, word) = match (&dispute.ruled, dispute.lapsed) {
            (Some(_), _) => (Signal::Fine, self.say("Settled", "已裁决")),
            (None, true) => (Signal::Attention, self.say("Ended without a ruling", "未裁决而终止")),
            (None, false) if dispute.after_end => {
                (Signal::Attention, self.say("Recorded after the end", "结束后登记"))
            }
            (None, false) if matches!(record.stage, Stage::Ended { .. }) => {
                (Signal::Attention, self.say("Ended by the deadline", "因截止时间终止"))
            }
            (None, false) => (Signal::Attention, self.say("Open", "进行中")),
        };
        let mut said = vec![language.pick(
            format!("Opened by {opener} at {at}; the arbiter may rule until {until}."),
            format!("由{opener}于 {at} 提出；仲裁方可在 {until} 之前裁决。"),
        )];
        if dispute.after_end {
            said.push(
                self.say(
                    "It was opened after the end: neither it nor its ruling moves money.",
                    "争议在协议结束后提出：争议与裁决均不变动款项。",
                )
                .to_owned(),
            );
        }
        let pays = dispute.pay.iter().map(|pay| words::payout(pay, language.spoken()));
        Dispute {
            signal,
            word: word.to_owned(),
            said,
            reason: dispute.reason.clone(),
            ruling: dispute.ruled.clone(),
            pays: pays.collect(),
        }
    }

    fn milestone(
        &self,
        view: &ReadView,
        clause: &tracehold_chain::agreement::Milestone,
        state: &MilestoneState,
        explained: &ExplainedMilestone,
    ) -> Result<Milestone, Fault> {
        let mut conditions = Vec::new();
        if let Some(condition) = &explained.condition {
            self.condition(view, condition, 0, &mut conditions)?;
        }
        let (signal, word) = match explained.status {
            MilestoneStatus::Fulfilled => {
                (Some(Signal::Fine), self.say("fulfilled and paid", "已完成并付款"))
            }
            MilestoneStatus::InPart => (None, self.say("paid in part", "已部分付款")),
            MilestoneStatus::InWindow => {
                (None, self.say("holds; its window runs", "条件成立，等待期内"))
            }
            MilestoneStatus::Waiting => (None, self.say("waiting", "等待中")),
            MilestoneStatus::Blocked => (None, self.say("others come first", "须先完成其他里程碑")),
            MilestoneStatus::Lost => (None, self.say("not fulfilled", "未完成")),
        };
        let is_wrong = conditions.iter().any(|one| one.met == Met::No);
        let signal = match (explained.corrected.is_empty(), is_wrong) {
            (true, false) => signal,
            _ => Some(Signal::Attention),
        };
        let paid = state.paid.iter().zip(&clause.pay);
        let paid = paid.filter(|(paid, _)| !paid.amount.is_zero()).map(|(paid, to)| {
            let (who, what) = (words::role(to.to(), self.language.spoken()), words::money(paid));
            self.language.pick(format!("{what} to {who}"), format!("{who} {what}"))
        });
        let positions = |events: &[EventRef]| -> Vec<Position> {
            events.iter().map(|event| event.position).collect()
        };
        Ok(Milestone {
            name: explained.id.to_string(),
            signal,
            word,
            said: explained.said.iter().map(|sentence| self.said(sentence)).collect(),
            paid: paid.collect(),
            conditions,
            events: self.events(view, &positions(&explained.events))?,
            corrected: self.events(view, &positions(&explained.corrected))?,
        })
    }

    /// A condition and those inside it, one line each.
    fn condition(
        &self,
        view: &ReadView,
        explained: &Explained,
        depth: usize,
        lines: &mut Vec<Condition>,
    ) -> Result<(), Fault> {
        let met = match explained.status {
            ConditionStatus::Holds => Met::Yes,
            ConditionStatus::InPart | ConditionStatus::Waiting => Met::NotYet,
            ConditionStatus::NotCovered
            | ConditionStatus::DoesNotHold
            | ConditionStatus::DecidedAgainst => Met::No,
        };
        let at: Vec<Position> = explained.events.iter().map(|event| event.position).collect();
        let missing = &explained.missing;
        let missing = missing.get(..MAX_GOODS_ON_PAGE).unwrap_or(missing);
        lines.push(Condition {
            depth,
            met,
            text: self.said(&explained.said),
            events: self.events(view, &at)?,
            missing: things(view, missing, self.language)?,
        });
        for inner in &explained.of {
            self.condition(view, inner, depth.saturating_add(1), lines)?;
        }
        Ok(())
    }
}
