//! `/api/v1/agreements`: terms are checked and put forward, agreements are accepted, funded, looked
//! at and ended. Only the members that have a role in an agreement see it.

mod act;
mod checked;
pub mod explain;
mod terms;
mod told;
mod view;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracehold_chain::agreement::Terms;
use tracehold_chain::money::{AgreementId, EntryId};
use tracehold_contracts::agreement::{AgreementRecord, Stage};

use super::ApiState;
use super::accounts::entry_token;
use super::auth::Keyed;
use super::extract::{InPath, Params, query_pairs};
use super::limits::MAX_AGREEMENTS_SCANNED;
use super::paging::{next_link, per_page};
use super::problem::{Kind, Problem};
use super::visible::{Caller, has_part};
use crate::fault::Fault;
use crate::view::ReadView;

pub use act::*;
pub use explain::*;
pub use terms::*;
pub use told::{agreement_view, step_view};
pub use view::*;

/// The problem of an agreement that is not there, or not the caller's to see.
#[must_use]
pub fn no_agreement(id: &AgreementId) -> Problem {
    let detail = format!("there is no agreement {id} in which your member has a role");
    Problem::new(Kind::NotFound, detail).code("agreement-unknown")
}

/// What the ledger's own code says, in the shape that clients are told of.
///
/// # Errors
/// [`Fault`] when the shapes differ: a mistake of ours.
fn mirrored<T: DeserializeOwned>(told: &impl Serialize) -> Result<T, Fault> {
    let read = serde_json::to_value(told).and_then(serde_json::from_value);
    read.map_err(|error| Fault::new(format!("an answer has another shape than is told: {error}")))
}

/// The agreement in a path.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "described here, read by id_in_path")]
struct AgreementPath {
    /// The agreement's id, 64 hex digits.
    #[param(pattern = "^[0-9a-f]{64}$")]
    id: String,
}

/// The id that a path names.
fn id_in_path(text: &str) -> Result<AgreementId, Problem> {
    text.parse().map_err(|_| {
        let rule = "must be 64 lower-case hex digits";
        Problem::new(Kind::Parameter, format!("id {rule}")).field(
            "id",
            rule,
            "take it from the list of your agreements",
        )
    })
}

/// An agreement, when the caller has a role in it.
pub(super) fn found(
    view: &ReadView,
    caller: &Caller,
    id: AgreementId,
) -> Result<Option<(AgreementRecord, Terms)>, Fault> {
    let Some(terms) = view.terms(id)? else { return Ok(None) };
    if !has_part(caller, terms.roles.iter().map(|role| &role.member)) {
        return Ok(None);
    }
    Ok(view.agreement(id)?.map(|record| (record, terms)))
}

/// The words of stages, as the filter takes them.
const STAGES: [&str; 5] = ["proposed", "accepted", "running", "disputed", "ended"];

/// A stage's word.
pub(crate) fn stage_code(stage: &Stage) -> &'static str {
    match stage {
        Stage::Proposed => "proposed",
        Stage::Accepted => "accepted",
        Stage::Running => "running",
        Stage::Disputed => "disputed",
        Stage::Ended { .. } => "ended",
    }
}

/// What may be asked of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    stage: Option<String>,
    #[serde(rename = "perPage")]
    per_page: Option<String>,
    #[serde(rename = "nextPageToken")]
    next_page_token: Option<String>,
}

/// List your agreements
///
/// Those in which the caller's member has a role, newest first.
#[utoipa::path(
    get, path = "/api/v1/agreements", tag = "Agreements",
    params(
        ("stage" = Option<String>, Query,
            description = "only those that are `proposed`, `accepted`, `running`, `disputed` or \
                `ended`"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "30 by default"),
        ("nextPageToken" = Option<String>, Query, description = "from the `Link` header"),
    ),
    responses(
        (status = 200, description = "A page of them; with a filter it may be shorter than asked \
            for, and still have a next page", body = Agreements,
            headers(("Link" = String, description = "older ones"))),
        (status = 400, description = "A parameter breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_agreements(
    State(state): State<ApiState>,
    keyed: Keyed,
    OriginalUri(uri): OriginalUri,
    Params(query): Params<ListQuery>,
) -> Result<Response, Problem> {
    let most = per_page(query.per_page.as_deref())?.get();
    let before = entry_token(query.next_page_token.as_deref())?;
    let stage = query.stage;
    if let Some(stage) = stage.as_deref().filter(|stage| !STAGES.contains(stage)) {
        let rule = format!("must be one of {}", STAGES.join(", "));
        return Err(Problem::new(Kind::Parameter, format!("stage {rule}, not {stage:?}")).field(
            "stage",
            rule,
            "leave it out for all",
        ));
    }
    let caller = keyed.caller();
    let member = keyed.agent.agent_id.member().clone();
    let read = move |view: &ReadView| {
        let scan = match stage {
            Some(_) => MAX_AGREEMENTS_SCANNED.max(most),
            None => most,
        };
        let names = view.agreements_of(&member, before, scan.saturating_add(1))?;
        let (mut told, mut last): (Vec<AgreementSummary>, Option<EntryId>) = (Vec::new(), None);
        let mut seen = 0_usize;
        for (proposed, id) in names.iter().take(scan) {
            if told.len() == most {
                break;
            }
            seen = seen.saturating_add(1);
            last = Some(*proposed);
            let Some((record, terms)) = found(view, &caller, *id)? else { continue };
            if stage.as_deref().is_none_or(|stage| stage == stage_code(&record.stage)) {
                told.push(told::summary(view, &caller, &record, &terms)?);
            }
        }
        Ok((told, last.filter(|_| seen < names.len())))
    };
    let (agreements, next) = state.read_much(read).await?;
    let mut response = Json(Agreements { agreements }).into_response();
    if let Some(next) = next {
        let link = next_link(uri.path(), &query_pairs(&uri), &next.to_string());
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Look at an agreement
///
/// Its terms, stage, roles, deposits, pot, milestones with what they paid on which events, events
/// that were corrected after they had paid, approvals, and the dispute if there is one.
#[utoipa::path(
    get, path = "/api/v1/agreements/{id}", tag = "Agreements",
    params(AgreementPath),
    responses(
        (status = 200, description = "The agreement", body = AgreementView),
        (status = 400, description = "Not an id"),
        (status = 404, description = "There is none in which you have a role"),
    ),
    security(("api_key" = []))
)]
pub async fn get_agreement(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Json<AgreementView>, Problem> {
    let id = id_in_path(&id)?;
    let caller = keyed.caller();
    let read = state.read(move |view| {
        let Some((record, terms)) = found(view, &caller, id)? else { return Ok(None) };
        agreement_view(view, &caller, &record, &terms).map(Some)
    });
    read.await?.map(Json).ok_or_else(|| no_agreement(&id))
}

/// What may be asked of a story.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoryQuery {
    #[serde(rename = "perPage")]
    per_page: Option<String>,
    #[serde(rename = "nextPageToken")]
    next_page_token: Option<String>,
}

/// Read an agreement's story
///
/// Every step that it went, oldest first, each with its time, its transaction, the event that
/// caused it and what was paid.
#[utoipa::path(
    get, path = "/api/v1/agreements/{id}/story", tag = "Agreements",
    params(
        AgreementPath,
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "30 by default"),
        ("nextPageToken" = Option<String>, Query, description = "from the `Link` header"),
    ),
    responses(
        (status = 200, description = "A page of steps", body = Story,
            headers(("Link" = String, description = "later steps"))),
        (status = 400, description = "A parameter breaks a rule"),
        (status = 404, description = "There is none in which you have a role"),
    ),
    security(("api_key" = []))
)]
pub async fn get_story(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
    OriginalUri(uri): OriginalUri,
    Params(query): Params<StoryQuery>,
) -> Result<Response, Problem> {
    let id = id_in_path(&id)?;
    let most = per_page(query.per_page.as_deref())?.get();
    let after = entry_token(query.next_page_token.as_deref())?;
    let caller = keyed.caller();
    let read = state.read_much(move |view| {
        if found(view, &caller, id)?.is_none() {
            return Ok(None);
        }
        let (steps, more) = view.agreement_story(id, after, most)?;
        let next = steps.last().filter(|_| more).map(|(step, _)| step.to_string());
        let told = steps.iter().map(|step| told::story_line(view, id, step));
        Ok(Some((told.collect::<Result<Vec<_>, Fault>>()?, next)))
    });
    let (steps, next) = read.await?.ok_or_else(|| no_agreement(&id))?;
    let mut response = Json(Story { agreement: id.to_string(), steps }).into_response();
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next_link(uri.path(), &query_pairs(&uri), &next));
    }
    Ok(response)
}
