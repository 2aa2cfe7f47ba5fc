//! The page of what waits for a second agent.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use tracehold_chain::agreement::Label;
use tracehold_chain::money::AssetTerms;
use tracehold_contracts::agreement::words;
use tracehold_explorer::language::Language;
use tracehold_explorer::numbers::number;
use tracehold_explorer::pages::members::{self, Waiting};
use tracehold_explorer::story::Reference;

use super::super::ApiState;
use super::super::approvals::{AcceptanceView, Approvals};
use super::super::auth::Keyed;
use super::super::command::{Asked, CommandView};
use super::super::entries::MoneyView;
use super::super::problem::Problem;
use super::accounts::rule;
use super::{private, reader};
use crate::view::ReadView;

/// `/approvals`.
pub async fn approvals(
    State(state): State<ApiState>,
    keyed: Result<Option<Keyed>, Problem>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let reader = match reader(&state, keyed, &headers, &uri)? {
        Ok(reader) => reader,
        Err(form) => return Ok(form),
    };
    let (member, language) = (reader.agent.agent_id.member().clone(), reader.language());
    let found = state.read_much(move |view: &ReadView| Approvals::of(view, &member)).await?;
    let commands = found.waiting.iter().map(|one| command(one, language));
    let acceptances = found.acceptances.iter().map(|one| acceptance(one, language));
    let waiting: Vec<Waiting> = acceptances.chain(commands).collect();
    let html = members::approvals(&reader.frame, &reader.who, &waiting, found.complete);
    Ok(private(StatusCode::OK, html))
}

fn amount(money: &MoneyView) -> String {
    format!("{} {}", number(&money.amount), money.asset)
}

fn acceptance(one: &AcceptanceView, language: Language) -> Waiting {
    let role = Label::new(one.role.clone()).ok();
    let role = role.map(|role| words::role(&role, language.spoken()));
    let mut details = vec![
        (language.pick("Agreement", "协议"), one.title.clone()),
        (language.pick("For", "角色"), role.unwrap_or_else(|| one.role.clone())),
    ];
    details.extend(
        one.pays_in.iter().map(|paid| (language.pick("Will pay in", "须存入"), amount(paid))),
    );
    let path = Some(language.of_path(&format!("/agreements/{}", one.agreement)));
    let text = language.pick("Read the terms", "查看条款").to_owned();
    Waiting {
        what: language.pick("Accept an agreement", "接受协议").to_owned(),
        details,
        by: by(&one.by, &one.until, language),
        commands: ["accept", "decline"]
            .map(|what| format!("tracehold agreement {what} {} --role {}", one.agreement, one.role))
            .into(),
        link: Some(Reference { text, path }),
    }
}

fn by(agent: &str, until: &str, language: Language) -> String {
    let until = until.parse::<jiff::Timestamp>().ok();
    let until = until.and_then(|until| u64::try_from(until.as_millisecond()).ok());
    let until = until.map(|ms| {
        tracehold_explorer::story::moment(tracehold_chain::units::TimestampMs(ms), language)
    });
    let until = until.unwrap_or_default();
    language.pick(
        format!("Asked for by {agent}; it waits until {until}."),
        format!("由 {agent} 提出，等待至 {until}。"),
    )
}

fn action(asked: &Asked, language: Language) -> String {
    let (en, zh) = match asked.action.as_str() {
        "set_rule" => ("Change when two agents are needed", "更改双人复核规则"),
        "issue" => ("Issue", "发行"),
        "redeem" => ("Redeem", "赎回"),
        "transfer" => ("Pay", "转账"),
        "hold" => ("Set aside", "冻结"),
        "fund" => ("Pay a deposit of an agreement", "存入协议款项"),
        other => return other.to_owned(),
    };
    language.pick(en, zh).to_owned()
}

/// All that the second agent says yes to.
fn command(one: &CommandView, language: Language) -> Waiting {
    let say = |english, chinese| language.pick(english, chinese);
    let mut details: Vec<(&'static str, String)> = Vec::new();
    let (mut what, mut link) = (String::new(), None);
    if let Some(asked) = &one.command {
        what = action(asked, language);
        details.extend(asked.money.iter().map(|money| (say("Amount", "金额"), amount(money))));
        let texts = [
            (say("To", "收款账户"), &asked.to),
            (say("From", "来源账户"), &asked.from),
            (say("For", "用途"), &asked.memo),
            (say("Held until", "冻结至"), &asked.expires_at),
            (say("Deposit", "存入款项"), &asked.deposit),
        ];
        for (name, text) in texts {
            details.extend(text.iter().map(|text| (name, text.clone())));
        }
        match &asked.terms {
            Some(AssetTerms::Note { due }) => {
                details.push((say("Due", "到期"), due.to_string()));
            }
            Some(AssetTerms::Title { document: Some(document) }) => {
                details.push((say("Document", "单据"), document.to_string()));
            }
            _ => {}
        }
        for line in asked.approval.iter().flat_map(|asked| rule(asked, language)) {
            details.push((say("Rule", "规则"), line));
        }
        link = asked.agreement.as_ref().map(|id| Reference {
            text: say("The agreement", "查看协议").to_owned(),
            path: Some(language.of_path(&format!("/agreements/{id}"))),
        });
    }
    details.push((say("On the account", "账户"), one.account.clone()));
    details.push((say("Reference", "参考号"), one.reference.clone()));
    let (account, reference) = (&one.account, &one.reference);
    Waiting {
        what,
        details,
        by: by(&one.by, one.waiting_until.as_deref().unwrap_or_default(), language),
        commands: ["approve", "decline"]
            .map(|what| format!("tracehold money {what} {account} {reference}"))
            .into(),
        link,
    }
}
