//! `/epcis/v2/events`: one event in, events out.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LINK, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::epcis::{Event, canonical, query_document};
use tracehold_chain::limits::MAX_URI_BYTES;
use tracehold_chain::state::Position;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::Verdict;

use super::auth::Keyed;
use super::extract::{InPath, check_json, read_body};
use super::paging::{from_token, next_link, per_page, to_token};
use super::problem::{Kind, Problem};
use super::submit::{already_recorded, refused, repeated, submit};
use super::visible::{Caller, Record, Sight, visible};
use super::{ApiState, capture, now, prepare, records};
use crate::view::StoredEvent;

/// Capture one event
///
/// Takes one bare event with its `@context`. The answer comes when the event is committed by the
/// network, synced to this node's disk and readable here.
#[utoipa::path(
    post, path = "/epcis/v2/events", tag = "EPCIS",
    request_body(content = serde_json::Value, content_type = "application/json",
        description = "one EPCIS event with its `@context`"),
    responses(
        (status = 201, description = "Recorded; `Location` names the event",
            body = serde_json::Value,
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
        let event = Event::parse_bare(&bytes).map_err(|wrong| prepare::invalid(&wrong))?;
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
/// An EPCISQueryDocument with the event of this eventID and, after it, its error declarations.
#[utoipa::path(
    get, path = "/epcis/v2/events/{eventID}", tag = "EPCIS",
    params(("eventID" = String, Path, description = "the eventID, percent-encoded")),
    responses(
        (status = 200, description = "An EPCISQueryDocument", body = serde_json::Value),
        (status = 404, description = "No event has this eventID"),
    ),
    security(("api_key" = []))
)]
pub async fn get_event(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Response, Problem> {
    let wanted = id.clone();
    let found = state.read(move |view| view.events_by_id(&wanted)).await?;
    if found.is_empty() {
        let detail = format!("no event on record has the eventID {id}");
        return Err(Problem::new(Kind::NotFound, detail));
    }
    let document = document(&state, keyed.caller(), found).await?;
    Ok(axum::Json(document).into_response())
}

/// What `GET /events` understands of its query.
#[derive(Debug, Default, PartialEq)]
struct Query {
    /// Canonical identifiers, any of which an event must name; `None` for all events.
    any_epc: Option<Vec<String>>,
    per_page: usize,
    after: Option<Position>,
}

/// Identifiers that one query may list.
const MAX_QUERY_IDENTIFIERS: usize = 20;

fn read_query(pairs: &[(String, String)]) -> Result<Query, Problem> {
    let mut query = Query { per_page: per_page(None)?.get(), ..Query::default() };
    let mut seen = std::collections::BTreeSet::new();
    for (name, value) in pairs {
        if !seen.insert(name.as_str()) {
            let rule = "may be given once; join several values by |";
            return Err(Problem::new(Kind::Parameter, format!("{name} {rule}")).field(
                name,
                rule,
                "give it once",
            ));
        }
        match name.as_str() {
            "MATCH_anyEPC" => query.any_epc = Some(identifiers(name, value)?),
            "perPage" => query.per_page = per_page(Some(value))?.get(),
            "nextPageToken" => query.after = Some(from_token(name, value)?),
            _ => {
                let known = "MATCH_anyEPC, perPage, nextPageToken";
                let detail = format!("the parameter {name} is not known; known are {known}");
                return Err(Problem::new(Kind::Parameter, detail).field(
                    name,
                    "must be a known parameter",
                    format!("leave it out, or use one of {known}"),
                ));
            }
        }
    }
    Ok(query)
}

fn identifiers(name: &str, value: &str) -> Result<Vec<String>, Problem> {
    let given: Vec<&str> = value.split('|').collect();
    let wrong = |rule: String| {
        Err(Problem::new(Kind::Parameter, format!("{name} {rule}")).field(
            name,
            rule,
            "give one identifier, or several joined by |",
        ))
    };
    if given.len() > MAX_QUERY_IDENTIFIERS {
        return wrong(format!("may list at most {MAX_QUERY_IDENTIFIERS} identifiers"));
    }
    if given.iter().any(|id| id.is_empty()) {
        return wrong("must not hold an empty identifier".to_owned());
    }
    if given.iter().any(|id| id.len() > MAX_URI_BYTES) {
        return wrong(format!("identifiers may have at most {MAX_URI_BYTES} bytes"));
    }
    if given.iter().any(|id| id.starts_with("urn:epc:idpat:")) {
        return wrong("does not take patterns yet".to_owned());
    }
    let mut canonical: Vec<String> = given.into_iter().map(|id| canonical(id).into_uri()).collect();
    canonical.sort();
    canonical.dedup();
    Ok(canonical)
}

/// Read events
///
/// An EPCISQueryDocument with the events that name an identifier, or all events, in the order in
/// which they were committed, oldest first. Pages are stable: new events come at the end.
#[utoipa::path(
    get, path = "/epcis/v2/events", tag = "EPCIS",
    params(
        ("MATCH_anyEPC" = Option<String>, Query,
            description = "an identifier, as EPC URN or Digital Link; several joined by `|`"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "events on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "An EPCISQueryDocument; `Link` with `rel=\"next\"` leads to \
            the next page, if there is one", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_events(
    State(state): State<ApiState>,
    keyed: Keyed,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let pairs = super::extract::query_pairs(&uri);
    let query = read_query(&pairs)?;
    let (most, after) = (query.per_page, query.after);
    let page = state.read(move |view| match query.any_epc {
        None => records::all(view, after, most),
        Some(ids) => records::naming_any(view, &ids, after, most),
    });
    let page = page.await?;
    let next = page.next.map(|last| next_link(uri.path(), &pairs, &to_token(last)));
    let document = document(&state, keyed.caller(), page.events).await?;
    let mut response = axum::Json(document).into_response();
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next);
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
        query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn both_spellings_of_an_identifier_are_one() {
        let query = read_query(&pairs(&[(
            "MATCH_anyEPC",
            "urn:epc:id:sgtin:9506000.013435.12|https://example.com/01/09506000134352/21/12",
        )]));
        let one = "https://id.gs1.org/01/09506000134352/21/12".to_owned();
        assert_eq!(query.unwrap().any_epc, Some(vec![one]));
    }

    #[test]
    fn unknown_repeated_and_broken_parameters_are_refused_by_name() {
        for (name, value) in [
            ("MATCH_epc", "x"),
            ("perpage", "5"),
            ("perPage", "0"),
            ("nextPageToken", "x"),
            ("MATCH_anyEPC", ""),
            ("MATCH_anyEPC", "a||b"),
            ("MATCH_anyEPC", "urn:epc:idpat:sgtin:9506000.013435.*"),
        ] {
            let problem = read_query(&pairs(&[(name, value)])).unwrap_err();
            assert_eq!((problem.status, problem.errors[0].field.as_str()), (400, name), "{value}");
        }
        assert!(read_query(&pairs(&[("perPage", "5"), ("perPage", "6")])).is_err());
    }
}
