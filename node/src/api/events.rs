//! `/epcis/v2/events`: one event in, events out.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::epcis::{Event, query_document, query_document_of};
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::Verdict;

use super::auth::Keyed;
use super::extract::{InPath, check_json, read_body};
use super::problem::{Kind, Problem};
use super::query::shown::{EpcisEvent, QueryDocument};
use super::submit::{already_recorded, refused, repeated, submit};
use super::visible::{Caller, Record, Sight, visible};
use super::{ApiState, capture, now, prepare, public, records};
use crate::index::search::Hit;
use crate::view::StoredEvent;

/// Capture one event
///
/// Takes one bare event with its `@context`. The answer comes when the event is committed by the
/// network, synced to this node's disk and readable here.
#[utoipa::path(
    post, path = "/epcis/v2/events", tag = "EPCIS",
    request_body(content = EpcisEvent, content_type = "application/json",
        description = "one EPCIS event with its `@context`"),
    responses(
        (status = 201, description = "Recorded; `Location` names the event",
            body = EpcisEvent,
            headers(("Location" = String, description = "the event"))),
        (status = 400, description = "The event breaks a rule"),
        (status = 403, description = "The agent may not record this"),
        (status = 409, description = "An event with this eventID is on record"),
        (status = 413, description = "More than a limit allows"),
        (status = 415, description = "Not JSON"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet"),
    ),
    security(("api_key" = []))
)]
pub async fn post_event(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check_json(&headers)?;
    let limit = state.body_bytes();
    let _room = state.make_room(&headers, limit).await?;
    let bytes = read_body(body, limit, state.limits().body).await?;
    let (chain_id, expires_at) = (state.chain_id().clone(), state.expiry());
    let prepared = state.compute(bytes.len(), move || {
        let event = Event::parse_bare(&bytes).and_then(|event| prepare::not_ahead(event, now()));
        let event = event.map_err(|wrong| prepare::invalid(&wrong))?;
        let event = prepare::with_event_id(event);
        let cut = vec![prepare::sectioned(&keyed.agent, &event)];
        Ok((prepare::signed(&keyed.agent, &chain_id, expires_at, Vec::new(), cut), event))
    });
    let (bundle, event) = prepared.await?;
    capture::fits(&bundle)?;
    let event_id = event.event_id().unwrap_or_default();
    let location = format!("/epcis/v2/events/{}", percent_encoded(event_id));
    let location = HeaderValue::from_str(&location).expect("ids are percent-encoded");
    let known = |problem: Problem| {
        // Who sends again because an answer was lost finds the event.
        let taken = problem.status == 409;
        let problem = problem.event(0, Some(event_id));
        if taken { problem.header(LOCATION, location.clone()) } else { problem }
    };
    let committed = submit(&state, bundle, state.limits().commit).await?;
    match &committed.receipt.verdict {
        Verdict::Rejected(rejection) => {
            return Err(known(refused(rejection)));
        }
        verdict if !repeated(verdict).is_empty() => {
            return Err(known(already_recorded(event_id)));
        }
        _ => state.metrics().captured(1),
    }
    let json = axum::Json(event.object().clone());
    Ok((StatusCode::CREATED, [(LOCATION, location)], json).into_response())
}

/// Read one event
///
/// An EPCISQueryDocument with the event of this eventID and, after it, its error declarations;
/// without a key, their public views.
#[utoipa::path(
    get, path = "/epcis/v2/events/{eventID}", tag = "EPCIS",
    params(("eventID" = String, Path, description = "the eventID, percent-encoded")),
    responses(
        (status = 200, description = "An EPCISQueryDocument", body = QueryDocument),
        (status = 404, description = "No event has this eventID"),
    ),
    security((), ("api_key" = []))
)]
pub async fn get_event(
    State(state): State<ApiState>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<Response, Problem> {
    let wanted = id.clone();
    let found = state.read(move |view| view.events_by_id(&wanted)).await?;
    if found.is_empty() {
        let detail = format!("no event on record has the eventID {id}");
        return Err(Problem::new(Kind::NotFound, detail));
    }
    let document = match caller {
        Caller::Anonymous => {
            let api = state.clone();
            state.read(move |view| public::document(&api, view, &found, now())).await?
        }
        caller => document(&state, caller, found).await?,
    };
    Ok(axum::Json(document).into_response())
}

/// The EPCISQueryDocument of what `caller` may see of the events that answer a query.
pub(super) fn shown(caller: &Caller, hits: Vec<Hit>, now: TimestampMs) -> serde_json::Value {
    let seen = hits
        .into_iter()
        .filter(|hit| visible(caller, &Record { recorded_by: &hit.recorder }) == Sight::Whole);
    query_document_of(seen.map(|hit| hit.answered).collect(), now)
}

/// The EPCISQueryDocument that answers with what `caller` may see of these events.
async fn document(
    state: &ApiState,
    caller: Caller,
    found: Vec<StoredEvent>,
) -> Result<serde_json::Value, Problem> {
    let now = now();
    let bytes = found.iter().map(|stored| stored.body().text_bytes()).sum();
    state
        .compute(bytes, move || {
            let shown = found.iter().filter(|stored| {
                let record = Record { recorded_by: stored.recorder() };
                visible(&caller, &record) == Sight::Whole
            });
            let events: Vec<(Event, TimestampMs)> = shown
                .map(|stored| Ok((records::event(stored)?, stored.record_time())))
                .collect::<Result<_, Problem>>()?;
            let answered: Vec<(&Event, TimestampMs)> =
                events.iter().map(|(event, at)| (event, *at)).collect();
            Ok(query_document(&answered, now))
        })
        .await
}
