//! The pages: what the explorer is handed, and which path shows which.

use axum::extract::{OriginalUri, Request, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::epcis::{Canonical, Level, SectionName, canonical, digital_link};
use tracehold_chain::limits::MAX_URI_BYTES;
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::{self, Frame, Head, Item};
use tracehold_explorer::story::{self, Recorded, Reference};

use super::extract::{InPath, query_pairs};
use super::limits::{LATEST_EVENTS, MAX_EVENTS_ON_ITEM_PAGE};
use super::problem::{Kind, Problem};
use super::visible::{Caller, Record, Sight, visible};
use super::{ApiState, records};
use crate::view::{Order, StoredEvent};

const CONTENT_SECURITY_POLICY: HeaderName = HeaderName::from_static("content-security-policy");
const CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");
const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");

/// Pages are text and style: nothing is loaded or run, and nobody may frame them.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// The parameters that every page knows; others that a scan link carries are left alone.
#[derive(Debug, Default, Deserialize)]
struct PageQuery {
    lang: Option<String>,
    q: Option<String>,
}

impl PageQuery {
    fn of(uri: &http::Uri) -> PageQuery {
        let mut query = PageQuery::default();
        for (name, value) in query_pairs(uri) {
            match name.as_str() {
                "lang" => query.lang = Some(value),
                "q" => query.q = Some(value),
                _ => {}
            }
        }
        query
    }
}

pub(super) fn frame(state: &ApiState, headers: &HeaderMap, uri: &http::Uri) -> Frame {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Frame {
        language: Language::choose(PageQuery::of(uri).lang.as_deref(), accepted),
        path: uri.path().to_owned(),
        chain_id: state.chain_id().to_string(),
    }
}

pub(super) fn page(status: StatusCode, html: String) -> Response {
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Language, Authorization"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A stored event as its page may show it to `caller`.
fn recorded(state: &ApiState, caller: &Caller, stored: &StoredEvent) -> Result<Recorded, Problem> {
    let record = Record { recorded_by: stored.recorder() };
    let (event, is_partial) = match visible(caller, &record) {
        Sight::Whole => {
            (serde_json::Value::Object(records::event(stored)?.object().clone()), false)
        }
        Sight::Public => {
            let text = stored.body().section(SectionName::Public).json();
            let mut event: serde_json::Value = serde_json::from_str(text).map_err(|error| {
                Problem::new(Kind::Internal, format!("a stored section is no JSON: {error}"))
            })?;
            if let Some(object) = event.as_object_mut() {
                object.retain(|key, _| !key.starts_with('@'));
            }
            (event, true)
        }
    };
    let event_id = event.get("eventID").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
    Ok(Recorded {
        event,
        event_id,
        recorded_by: state.member_name(stored.recorder()),
        recorded_at: stored.record_time(),
        height: stored.position.height.0,
        declared_wrong: false,
        is_claim: false,
        anomalies: Vec::new(),
        is_partial,
    })
}

/// Marks the events that a later declaration among them says are wrong.
fn mark_declared_wrong(events: &mut [Recorded]) {
    let wrong: std::collections::BTreeSet<String> = events
        .iter()
        .filter(|recorded| recorded.event.get("errorDeclaration").is_some())
        .map(|recorded| recorded.event_id.clone())
        .collect();
    for recorded in events {
        let is_original = recorded.event.get("errorDeclaration").is_none();
        recorded.declared_wrong = is_original && wrong.contains(&recorded.event_id);
    }
}

fn told(
    state: &ApiState,
    caller: &Caller,
    found: &[StoredEvent],
) -> Result<Vec<Recorded>, Problem> {
    let mut events: Vec<Recorded> =
        found.iter().map(|stored| recorded(state, caller, stored)).collect::<Result<_, _>>()?;
    mark_declared_wrong(&mut events);
    Ok(events)
}

/// `/`: search, latest events, how far the network is.
pub async fn home(
    State(state): State<ApiState>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let found = state.read(|view| Ok((view.latest(None, LATEST_EVENTS)?, view.head().clone())));
    let (latest, head) = found.await?;
    let latest = told(&state, &caller, &latest.events)?;
    let head = Head { height: head.height.0, block_time: head.block_time };
    Ok(page(StatusCode::OK, pages::home(&frame, head, &latest, state.places())))
}

/// `/search?q=`: to the page of what was typed.
pub async fn search(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let frame = frame(&state, &headers, &uri);
    let wanted = PageQuery::of(&uri).q.unwrap_or_default();
    let wanted = wanted.trim();
    if wanted.is_empty() || wanted.len() > MAX_URI_BYTES {
        let shown: String = wanted.chars().take(80).collect();
        return page(StatusCode::BAD_REQUEST, pages::malformed(&frame, &shown));
    }
    let path = found_path(wanted);
    Redirect::to(&format!("{path}?lang={}", frame.language.tag())).into_response()
}

/// The path of the page for something typed: digits of a GS1 key, an identifier in any spelling,
/// or else an eventID.
fn found_path(wanted: &str) -> String {
    let digits: String = wanted.chars().filter(|c| !c.is_ascii_whitespace() && *c != '-').collect();
    let is_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits {
        return match digits.len() {
            18 => format!("/00/{digits}"),
            // GTIN-8, -12 and -13 are GTIN-14 with zeros in front.
            8..=14 => format!("/01/{digits:0>14}"),
            _ => format!("/event/{digits}"),
        };
    }
    let path_of = |uri: &str| {
        let canonical = canonical(uri);
        let path = story::path_of(&canonical).map(str::to_owned);
        path.filter(|_| !matches!(canonical.level(), Level::Location | Level::Party))
    };
    let typed = wanted.strip_prefix('/').unwrap_or(wanted);
    path_of(wanted)
        .or_else(|| path_of(&format!("https://id.gs1.org/{typed}")))
        .unwrap_or_else(|| format!("/event/{}", percent_encoded(wanted)))
}

/// `/event/{eventID}`: the event and its corrections.
pub async fn event(
    State(state): State<ApiState>,
    caller: Caller,
    InPath(id): InPath<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let wanted = id.clone();
    let found = state.read(move |view| view.events_by_id(&wanted)).await?;
    if found.is_empty() {
        return Ok(page(StatusCode::NOT_FOUND, pages::unknown_event(&frame, &id)));
    }
    let events = told(&state, &caller, &found)?;
    Ok(page(StatusCode::OK, pages::event(&frame, &id, &events, state.places())))
}

/// Every path that no other route has: Digital Link paths show their item, others are not found.
pub async fn item_or_nothing(
    State(state): State<ApiState>,
    caller: Result<Caller, Problem>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let begins_with_key = uri.path().split('/').nth(1).is_some_and(|first| {
        (2..=4).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_digit())
    });
    if !begins_with_key {
        let detail = format!("there is nothing at {}; /openapi.json lists all", uri.path());
        return Problem::new(Kind::NotFound, detail).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let detail = format!("{} is not known here; use GET", request.method());
        return Problem::new(Kind::MethodNotAllowed, detail)
            .header(http::header::ALLOW, HeaderValue::from_static("GET,HEAD"))
            .into_response();
    }
    let caller = match caller {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let frame = frame(&state, &headers, &uri);
    match digital_link::from_path(uri.path()) {
        Some(canonical) => item(&state, &caller, &frame, &canonical)
            .await
            .unwrap_or_else(IntoResponse::into_response),
        None => page(StatusCode::BAD_REQUEST, pages::malformed(&frame, uri.path())),
    }
}

async fn item(
    state: &ApiState,
    caller: &Caller,
    frame: &Frame,
    canonical: &Canonical,
) -> Result<Response, Problem> {
    let title =
        story::describe(canonical, frame.language).unwrap_or_else(|| canonical.uri().to_owned());
    let wanted = canonical.uri().to_owned();
    let found = state
        .read(move |view| view.history(&wanted, None, MAX_EVENTS_ON_ITEM_PAGE, Order::NewestFirst));
    let found = found.await?;
    if found.events.is_empty() && canonical.flaw().is_some() {
        // Nothing on record has this slip of the pen.
        return Ok(page(StatusCode::BAD_REQUEST, pages::malformed(frame, &title)));
    }
    if found.events.is_empty() {
        return Ok(page(StatusCode::NOT_FOUND, pages::unknown_item(frame, &title)));
    }
    let mut events = told(state, caller, &found.events)?;
    // The story is ordered by when things happened; the log, by when they were recorded.
    events.sort_by_key(|recorded| {
        let time = recorded.event.get("eventTime").and_then(|time| time.as_str());
        time.and_then(|time| time.parse::<jiff::Timestamp>().ok())
    });
    let item = Item {
        title,
        identifier: canonical.uri().to_owned(),
        wider: wider(canonical, frame.language),
        events,
        has_more: found.next.is_some(),
    };
    Ok(page(StatusCode::OK, pages::item(frame, &item, state.places())))
}

/// The product that a serial or lot is one of.
fn wider(canonical: &Canonical, language: Language) -> Vec<Reference> {
    let Some(path) = story::path_of(canonical) else { return Vec::new() };
    let mut parts = path.splitn(4, '/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(key @ ("01" | "8006" | "8010")), Some(value), Some(_)) => {
            vec![story::identify(&format!("https://id.gs1.org/{key}/{value}"), language)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_leads_to_the_page_of_what_was_typed() {
        for (typed, path) in [
            ("09506000134352", "/01/09506000134352"),
            ("9506000134352", "/01/09506000134352"),
            ("095060001343520006", "/00/095060001343520006"),
            ("0 9506000 13435 2", "/01/09506000134352"),
            ("urn:epc:id:sgtin:9506000.013435.12", "/01/09506000134352/21/12"),
            ("https://shop.example/01/09506000134352/21/12?x=1", "/01/09506000134352/21/12"),
            ("/01/09506000134352/21/12", "/01/09506000134352/21/12"),
            ("urn:uuid:1-2", "/event/urn%3Auuid%3A1-2"),
            ("a/../b\r\nX: y", "/event/a%2F..%2Fb%0D%0AX%3A%20y"),
        ] {
            assert_eq!(found_path(typed), path, "{typed}");
        }
    }

    #[test]
    fn a_serial_leads_to_its_product() {
        let serial = canonical("https://id.gs1.org/01/09506000134352/21/12");
        let wider = wider(&serial, Language::English);
        assert_eq!(wider[0].path.as_deref(), Some("/01/09506000134352?lang=en"));
    }
}
