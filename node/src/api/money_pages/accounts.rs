//! The pages of accounts: the list, and one with its statement.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::money::{AccountId, ApprovalRule, MoneyCause, Posting};
use tracehold_contracts::agreement::words;
use tracehold_explorer::language::Language;
use tracehold_explorer::numbers::number;
use tracehold_explorer::pages::members::{self, Account, Balance, Part, Payment, Statement};
use tracehold_explorer::story::{Reference, moment};

use super::super::ApiState;
use super::super::accounts::{AccountView, account_of, entry_token, paid_on_positions};
use super::super::auth::Keyed;
use super::super::entries::{account_in_path, path_of};
use super::super::extract::InPath;
use super::super::problem::{Kind, Problem};
use super::super::visible::Caller;
use super::{LINES_ON_PAGE, events_at, given, private, reader};
use crate::fault::Fault;
use crate::view::{Line, ReadView};

/// `/accounts`: the accounts of the reader's member, by name; `?after=` leads to more.
pub async fn accounts(
    State(state): State<ApiState>,
    keyed: Result<Option<Keyed>, Problem>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let reader = match reader(&state, keyed, &headers, &uri)? {
        Ok(reader) => reader,
        Err(form) => return Ok(form),
    };
    let after = given(&uri, "after").map(|text| account_in_path(&text)).transpose()?;
    let (caller, language) = (reader.caller(), reader.language());
    let member = reader.agent.agent_id.member().clone();
    let read = move |view: &ReadView| {
        let (names, more) = view.accounts_of(&member, after.as_ref(), LINES_ON_PAGE)?;
        let mut list = Vec::with_capacity(names.len());
        for name in &names {
            let found = account_of(view, &caller, name)?;
            list.extend(found.map(|found| account(found, language)));
        }
        let last = names.last().filter(|_| more);
        let next = last.map(|name| {
            language.of_path(&format!("/accounts?after={}", percent_encoded(&path_of(name))))
        });
        let first = after.map(|_| language.of_path("/accounts"));
        Ok(Part { list, next, first })
    };
    let part = state.read_much(read).await?;
    let html = members::accounts(&reader.frame, &reader.who, &part);
    Ok(private(StatusCode::OK, html))
}

/// `/accounts/{id}`: what is on it, and its statement; `?before=` leads to older lines.
pub async fn statement(
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
    let before = entry_token(given(&uri, "before").as_deref())?;
    let found = match account_in_path(&id) {
        Err(problem) if problem.code == Problem::new(Kind::Parameter, "").code => None,
        Err(problem) => return Err(problem),
        Ok(name) => {
            let (state, caller, language) = (state.clone(), reader.caller(), reader.language());
            let api = state.clone();
            let read = move |view: &ReadView| {
                let Some(found) = account_of(view, &caller, &name)? else { return Ok(None) };
                let (lines, more) = view.statement(&name, before, LINES_ON_PAGE)?;
                let account = account(found, language);
                let last = lines.last().filter(|_| more).map(|(id, _)| id);
                let here = format!("/accounts/{}", path_of(&name));
                let older = last.map(|id| language.of_path(&format!("{here}?before={id}")));
                let lines = lines
                    .iter()
                    .map(|line| payment(&api, view, &caller, &name, line, (language, false)));
                Ok(Some(Statement {
                    account,
                    lines: lines.collect::<Result<_, Fault>>()?,
                    older,
                    newest: before.map(|_| language.of_path(&here)),
                }))
            };
            state.read_much(read).await?
        }
    };
    let (frame, who) = (&reader.frame, &reader.who);
    let Some(found) = found else {
        return Ok(private(StatusCode::NOT_FOUND, members::no_account(frame, who, &id)));
    };
    Ok(private(StatusCode::OK, members::statement(frame, who, &found)))
}

fn account(found: AccountView, language: Language) -> Account {
    let balances = found.balances.into_iter().map(|one| Balance {
        asset: one.asset,
        posted: number(&one.posted),
        held: number(&one.held),
        free: number(&one.available),
    });
    Account {
        path: language.of_path(&format!("/accounts/{}", found.id)),
        name: found.account,
        rule: rule(&found.approval, language),
        balances: balances.collect(),
        has_more: found.more,
    }
}

/// When two agents are needed, in words.
pub fn rule(rule: &ApprovalRule, language: Language) -> Vec<String> {
    let ApprovalRule::TwoAgents { above } = rule else {
        let one = language.pick("One agent is enough to pay.", "付款只需一名代理人。");
        return vec![one.to_owned()];
    };
    if above.is_empty() {
        let two = language.pick("Every payment needs two agents.", "每笔付款均需两名代理人。");
        return vec![two.to_owned()];
    }
    let mut said: Vec<String> = above
        .iter()
        .map(|limit| {
            let money = words::money(&limit.0);
            language.pick(
                format!("Two agents for more than {money}."),
                format!("超过 {money} 需两名代理人。"),
            )
        })
        .collect();
    let others = language.pick("Other assets always need two.", "其他资产始终需要两名。");
    said.push(others.to_owned());
    said
}

/// What an entry was for.
fn cause(cause: &MoneyCause, language: Language) -> (String, Option<String>) {
    match cause {
        MoneyCause::Command { reference, memo, .. } => {
            let what = memo.clone();
            let what = what.unwrap_or_else(|| language.pick("Payment", "付款").to_owned());
            (what, Some(reference.to_string()))
        }
        MoneyCause::Deposit { deposit, reference, .. } => {
            let what = language
                .pick(format!("Deposit “{deposit}” paid in"), format!("存入款项“{deposit}”"));
            (what, Some(reference.to_string()))
        }
        MoneyCause::Milestone { milestone, .. } => {
            let what = language
                .pick(format!("Milestone “{milestone}” paid"), format!("里程碑“{milestone}”付款"));
            (what, None)
        }
        MoneyCause::End { .. } => {
            (language.pick("The agreement ended", "协议结束").to_owned(), None)
        }
    }
}

/// A line of the statement of `own`. Of a pot the other side is shown, since its own side says
/// nothing new; of any other account its own side, and what is there afterwards.
///
/// # Errors
/// [`Fault`] when something of it cannot be read.
pub fn payment(
    state: &ApiState,
    view: &ReadView,
    caller: &Caller,
    own: &AccountId,
    (id, line): &Line,
    (language, is_pot): (Language, bool),
) -> Result<Payment, Fault> {
    let (what, reference) = cause(&line.entry.cause, language);
    let agreement = match &line.entry.cause {
        MoneyCause::Deposit { agreement, .. }
        | MoneyCause::Milestone { agreement, .. }
        | MoneyCause::End { agreement }
            if !is_pot =>
        {
            Some(*agreement)
        }
        _ => None,
    };
    let mut links = Vec::new();
    if let Some(agreement) = agreement {
        let title = view.terms(agreement)?.map(|terms| terms.title);
        let path = Some(language.of_path(&format!("/agreements/{agreement}")));
        links.push(Reference { text: title.unwrap_or_else(|| agreement.to_string()), path });
    }
    let events = paid_on_positions(view, *id, &line.entry.cause)?;
    links.extend(events_at(state, view, caller, &events, language)?);
    if let Some(transaction) = view.transaction_of(*id)? {
        let path = Some(language.of_path(&format!("/transaction/{transaction}")));
        links.push(Reference { text: language.pick("transaction", "交易").to_owned(), path });
    }
    let amount = |posting: &Posting| {
        let sign = if posting.amount > 0 { "+" } else { "" };
        format!("{sign}{}", words::money_of(posting.amount, &posting.asset))
    };
    let (own_side, other_side): (Vec<&Posting>, Vec<&Posting>) =
        line.entry.postings.iter().partition(|posting| posting.account == *own);
    let (moved, with) = match is_pot {
        true => {
            let told = |posting: &&Posting| format!("{} {}", amount(posting), posting.account);
            (other_side.iter().map(told).collect(), Vec::new())
        }
        false => {
            let mut names: Vec<String> = Vec::new();
            for posting in &other_side {
                let name = match (&posting.account, posting.amount > 0) {
                    (AccountId::Agreement(_), _) => continue,
                    (account, true) => {
                        language.pick(format!("to {account}"), format!("付至 {account}"))
                    }
                    (account, false) => {
                        language.pick(format!("from {account}"), format!("来自 {account}"))
                    }
                };
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            (own_side.iter().map(|posting| amount(posting)).collect(), names)
        }
    };
    let after = line.after.iter().filter(|_| !is_pot);
    Ok(Payment {
        time: moment(line.time, language),
        what,
        reference,
        with,
        moved,
        after: after.map(|(asset, left)| words::money_of(*left, asset)).collect(),
        links,
    })
}
