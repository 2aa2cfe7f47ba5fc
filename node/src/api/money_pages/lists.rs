//! The list of a member's agreements, and those about one item.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use tracehold_chain::agreement::Terms;
use tracehold_chain::epcis::canonical;
use tracehold_chain::masterdata::product_of;
use tracehold_chain::money::AccountId;
use tracehold_chain::units::AgentId;
use tracehold_contracts::agreement::{AgreementRecord, Stage, words};
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::About;
use tracehold_explorer::pages::members::{self, Listed, Part};
use tracehold_explorer::story::{Reference, moment};

use super::super::ApiState;
use super::super::accounts::entry_token;
use super::super::agreements::found;
use super::super::auth::Keyed;
use super::super::limits::ITEM_AGREEMENTS_LOOKED_AT;
use super::super::problem::Problem;
use super::super::visible::Caller;
use super::agreement::{roles, signal};
use super::moves::Board;
use super::{LINES_ON_PAGE, given, private, reader};
use crate::fault::Fault;
use crate::view::ReadView;

/// `/agreements`: those in which the reader's member has a role, newest first; `?before=` leads to
/// older ones.
pub async fn agreements(
    State(state): State<ApiState>,
    keyed: Result<Option<Keyed>, Problem>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let reader = match reader(&state, keyed, &headers, &uri)? {
        Ok(reader) => reader,
        Err(form) => return Ok(form),
    };
    let before = entry_token(given(&uri, "before").as_deref())?;
    let (agent, language) = (reader.agent.agent_id.clone(), reader.language());
    let names = state.clone();
    let read = move |view: &ReadView| {
        let caller = Caller::Agent(agent.clone());
        let wanted = LINES_ON_PAGE.saturating_add(1);
        let ids = view.agreements_of(agent.member(), before, wanted)?;
        let mut list = Vec::new();
        for (_, id) in ids.iter().take(LINES_ON_PAGE) {
            let Some((record, terms)) = found(view, &caller, *id)? else { continue };
            list.push(listed(&names, view, &agent, (&record, &terms), language)?);
        }
        let last = ids.get(LINES_ON_PAGE.saturating_sub(1)).filter(|_| ids.len() == wanted);
        let next = last.map(|(at, _)| language.of_path(&format!("/agreements?before={at}")));
        let first = before.map(|_| language.of_path("/agreements"));
        Ok(Part { list, next, first })
    };
    let part = state.read_much(read).await?;
    let html = members::agreements(&reader.frame, &reader.who, &part);
    Ok(private(StatusCode::OK, html))
}

fn listed(
    state: &ApiState,
    view: &ReadView,
    reader: &AgentId,
    (record, terms): (&AgreementRecord, &Terms),
    language: Language,
) -> Result<Listed, Fault> {
    let mut moves = Board { state, reader, terms, record, language }.moves();
    moves.retain(|one| one.is_yours);
    let (left, _) = view.balances(&AccountId::Agreement(record.id))?;
    let until = match &record.stage {
        Stage::Ended { at, .. } => *at,
        Stage::Proposed => terms.accept_by,
        _ => terms.deadline,
    };
    Ok(Listed {
        link: link(record, terms, language),
        signal: signal(record, !moves.is_empty()),
        stage: words::stage(&record.stage, language.spoken()),
        roles: roles(terms, reader.member(), language),
        time: moment(until, language),
        pot: left.iter().map(|one| words::money_of(one.posted, &one.asset)).collect(),
        moves,
    })
}

fn link(record: &AgreementRecord, terms: &Terms, language: Language) -> Reference {
    let path = Some(language.of_path(&format!("/agreements/{}", record.id)));
    Reference { text: terms.title.clone(), path }
}

/// The agreements about an item in which the caller's member has a role, among its newest: by the
/// item's name, or by the class it is one of. How many were looked at is said with them.
///
/// # Errors
/// [`Fault`] when one cannot be read.
pub fn about(
    view: &ReadView,
    caller: &Caller,
    uri: &str,
    language: Language,
) -> Result<Option<About>, Fault> {
    let Caller::Agent(agent) = caller else { return Ok(None) };
    let ids = view.agreements_of(agent.member(), None, ITEM_AGREEMENTS_LOOKED_AT)?;
    let class = product_of(&canonical(uri));
    let mut found_ones = Vec::new();
    for (_, id) in &ids {
        let Some((record, terms)) = found(view, caller, *id)? else { continue };
        let goods = &terms.goods;
        let names_class = goods.class.as_ref().is_some_and(|wanted| {
            wanted.class == uri || class.as_ref().is_some_and(|class| *class == wanted.class)
        });
        if names_class || goods.items.iter().any(|item| item == uri) {
            let stage = words::stage(&record.stage, language.spoken());
            found_ones.push((link(&record, &terms, language), signal(&record, false), stage));
        }
    }
    Ok(Some(About { agreements: found_ones, looked_at: ids.len() }))
}
