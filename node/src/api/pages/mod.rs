//! The pages: what the explorer is handed, and which path shows which.
//!
//! [`item`] reads what is known of a thing and [`figures`] what can be drawn of it. [`recent`]
//! looks at the newest events for what is open or under way, [`search`] finds pages, [`board`]
//! lists shipments, [`whereabouts`] tells of places, parties and members, [`chain`] of what is
//! under the goods. [`scan`] adds what whoever scans is shown, [`kept`] makes one file of that and
//! its evidence, [`report`] takes what they report. [`label`] prints codes, [`drawing`] draws
//! traces, [`live`] says what is being recorded, [`errors`] what is wrong. Whoever has no key is
//! handed the public sections only.

mod board;
mod chain;
mod drawing;
mod errors;
mod figures;
mod item;
mod kept;
mod label;
mod live;
mod recent;
mod report;
mod scan;
mod search;
mod whereabouts;

use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use tower_http::compression::CompressionLayer;
use tracehold_chain::epcis::{Canonical, SectionName, canonical};
use tracehold_explorer::assets;
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::Names;
use tracehold_explorer::pages::{self, Frame, Head, Home};
use tracehold_explorer::story::{self, Places, Recorded};

pub use self::errors::error_pages;
use self::item::{Asked, Reading};
pub(in crate::api) use self::item::{name_products, place_name, product};
pub(in crate::api) use self::label::base;
pub(in crate::api) use self::whereabouts::is_whereabouts;
use super::ApiState;
use super::auth::PageReader;
use super::extract::{InPath, query_pairs};
use super::limits::{LATEST_EVENTS, LOOKED_AT_EVENTS};
use super::problem::{Kind, Problem};
use super::scans::{Visitor, is_person};
use super::visible::{Caller, Record, Sight, visible};
use super::{recalls, resolver};
use crate::fault::Fault;
use crate::view::{ReadView, StoredEvent};

/// Answers of pages are compressed for whoever takes that; those of the API are not, so that a
/// feed comes line by line.
pub fn compression() -> CompressionLayer {
    CompressionLayer::new()
}

/// The pages that have a path of their own; Digital Link paths come to [`item_or_nothing`].
pub fn routes() -> Router<ApiState> {
    Router::new()
        .route("/", get(home))
        .route("/search", get(search::search))
        .route("/event/{eventID}", get(event))
        .route("/shipments", get(board::shipments))
        .route("/member/{id}", get(whereabouts::member))
        .route("/network", get(chain::network))
        .route("/block/{height}", get(chain::block))
        .route("/transaction/{id}", get(chain::transaction))
        .route("/label", get(label::label))
        .route("/qr", get(label::code))
        .route("/live", get(live::live))
        .route("/report", get(report::form).post(report::take))
        .route("/drawing", get(drawing::get_drawing))
        .route("/assets/{name}", get(asset))
        .layer(compression())
}

const CONTENT_SECURITY_POLICY: HeaderName = HeaderName::from_static("content-security-policy");
const CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");
const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");

/// Pages load and run only what this node serves, and nobody may frame them.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; \
                      script-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// The parameters that every page knows; others that a scan link carries are left alone.
#[derive(Debug, Default, Deserialize)]
struct PageQuery {
    lang: Option<String>,
    q: Option<String>,
    /// `full` for all that a page has.
    view: Option<String>,
    /// The part of a long story, from 1.
    story: Option<String>,
    /// Where to go on in a container.
    inside: Option<String>,
    id: Option<String>,
}

impl PageQuery {
    fn of(uri: &http::Uri) -> PageQuery {
        let mut query = PageQuery::default();
        for (name, value) in query_pairs(uri) {
            match name.as_str() {
                "lang" => query.lang = Some(value),
                "q" => query.q = Some(value),
                "view" => query.view = Some(value),
                "story" => query.story = Some(value),
                "inside" => query.inside = Some(value),
                "id" => query.id = Some(value),
                _ => {}
            }
        }
        query
    }
}

pub(in crate::api) fn frame(state: &ApiState, headers: &HeaderMap, uri: &http::Uri) -> Frame {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Frame {
        language: Language::choose(PageQuery::of(uri).lang.as_deref(), accepted),
        // Two slashes would begin the address of another host.
        path: format!("/{}", uri.path().trim_start_matches(['/', '\\'])),
        chain_id: state.chain_id().to_string(),
    }
}

pub(in crate::api) fn page(status: StatusCode, html: String) -> Response {
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Language, Authorization, Cookie"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// A stored event as its page may show it to `caller`.
pub(in crate::api) fn recorded(
    state: &ApiState,
    caller: &Caller,
    stored: &StoredEvent,
) -> Result<Recorded, Fault> {
    let record = Record { recorded_by: stored.recorder() };
    let damaged = |error: String| Fault::new(format!("a stored event is damaged: {error}"));
    let (event, is_partial) = match visible(caller, &record) {
        Sight::Whole => (stored.body().merge().map_err(|error| damaged(error.to_string()))?, false),
        Sight::Public => {
            let text = stored.body().section(SectionName::Public).json();
            let mut event: serde_json::Value =
                serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
            if let Some(object) = event.as_object_mut() {
                object.retain(|key, _| !key.starts_with('@'));
            }
            (event, true)
        }
    };
    Ok(Recorded {
        recorder: stored.recorder().to_string(),
        recorded_by: state.member_name(stored.recorder()),
        recorded_at: stored.record_time(),
        height: stored.position.height.0,
        is_partial,
        withheld: if is_partial { stored.body().withheld_members() } else { 0 },
        ..Recorded::of(event)
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

fn told(state: &ApiState, caller: &Caller, found: &[StoredEvent]) -> Result<Vec<Recorded>, Fault> {
    let mut events: Vec<Recorded> =
        found.iter().map(|stored| recorded(state, caller, stored)).collect::<Result<_, _>>()?;
    mark_declared_wrong(&mut events);
    Ok(events)
}

/// Names of the places that these events name, and of the members that have GLNs.
fn places_of(
    state: &ApiState,
    view: &ReadView,
    events: &[Recorded],
    language: Language,
) -> Result<Places, Fault> {
    let mut places = state.places().clone();
    for recorded in events {
        for name in ["readPoint", "bizLocation"] {
            let id = recorded.event.get(name).and_then(|place| place.get("id"));
            let Some(id) = id.and_then(|id| id.as_str()) else { continue };
            let uri = canonical(id).into_uri();
            if places.contains_key(&uri) {
                continue;
            }
            if let Some(name) = item::place_name(view, &uri, language)? {
                places.insert(uri, name);
            }
        }
    }
    Ok(places)
}

/// `/assets/{name}`: what pages name; it never changes under its path.
pub async fn asset(OriginalUri(uri): OriginalUri) -> Response {
    let Some(asset) = assets::at(uri.path()) else {
        let detail = format!("there is nothing at {}", uri.path());
        return Problem::new(Kind::NotFound, detail).into_response();
    };
    let mut response = asset.text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(CACHE_CONTROL, forever);
    headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Opened by itself, a drawing is text and style.
    let alone = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    headers.insert(CONTENT_SECURITY_POLICY, alone);
    if asset.path == assets::CHECK.path {
        // Pages of others check with it, too.
        resolver::allow_everybody(headers);
    }
    response
}

/// `/`: search, what is open, latest events, how far the network is.
pub async fn home(
    State(state): State<ApiState>,
    PageReader(caller): PageReader,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let (api, language) = (state.clone(), frame.language);
    let found = state.read(move |view| {
        let newest = view.latest(None, LOOKED_AT_EVENTS)?.events;
        let latest = told(&api, &caller, newest.get(..LATEST_EVENTS).unwrap_or(&newest))?;
        let head = view.head();
        let open = recent::open(&api, view, &newest)?;
        let (recalls, more_recalls) = recalls::newest_open(&api, view, language)?;
        let mut names =
            Names { places: places_of(&api, view, &latest, language)?, ..Names::default() };
        let things = open.iter().map(|(id, _)| id.as_str());
        item::name_products(view, things, language, &mut names)?;
        Ok(Home {
            head: Head { height: head.height.0, block_time: head.block_time },
            looked_at: newest.len(),
            open,
            recalls,
            more_recalls,
            latest,
            names,
        })
    });
    Ok(page(StatusCode::OK, pages::home(&frame, &found.await?)))
}

/// `/event/{eventID}`: the event and its corrections.
pub async fn event(
    State(state): State<ApiState>,
    PageReader(caller): PageReader,
    InPath(id): InPath<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let (api, wanted, language) = (state.clone(), id.clone(), frame.language);
    let found = state.read(move |view| {
        let events = told(&api, &caller, &view.events_by_id(&wanted)?)?;
        let places = places_of(&api, view, &events, language)?;
        Ok((events, places))
    });
    let (events, places) = found.await?;
    if events.is_empty() {
        return Ok(page(StatusCode::NOT_FOUND, pages::unknown_event(&frame, &id)));
    }
    Ok(page(StatusCode::OK, pages::event(&frame, &id, &events, &places)))
}

/// Every path that no other route has: Digital Link paths are resolved, others are not found.
pub async fn item_or_nothing(
    State(state): State<ApiState>,
    reader: Result<PageReader, Problem>,
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
    let caller = match reader {
        Ok(PageReader(caller)) => caller,
        Err(problem) => return problem.into_response(),
    };
    let method = request.method().clone();
    let looks = caller == Caller::Anonymous && method == http::Method::GET && is_person(&headers);
    let visitor = looks.then(|| Visitor::of(request.extensions(), &headers));
    resolver::resolve(&state, resolver::Request { method, uri, headers, caller, visitor }).await
}

/// The page of what an identifier names.
pub(in crate::api) async fn item_page(
    state: &ApiState,
    caller: &Caller,
    frame: &Frame,
    canonical: &Canonical,
    (uri, headers, visitor): (&http::Uri, &HeaderMap, Option<&Visitor>),
) -> Result<Response, Problem> {
    let query = &PageQuery::of(uri);
    let is_kept = query.view.as_deref() == Some(item::KEPT);
    // Whoever keeps a page may pass it on.
    let caller = if is_kept { &Caller::Anonymous } else { caller };
    let title =
        story::describe(canonical, frame.language).unwrap_or_else(|| canonical.uri().to_owned());
    if whereabouts::is_whereabouts(canonical)
        && let Some(page) = whereabouts::place_or_party(state, caller, frame, canonical).await?
    {
        return Ok(page);
    }
    let mut asked = Asked::of(canonical, frame, query, caller);
    asked.visitor = scan::visitor(&asked, visitor.filter(|_| !is_kept));
    let reading = Reading { state: state.clone(), caller: caller.clone(), asked };
    // With a key the page adds up what events tell, which may take long.
    let found = match caller {
        Caller::Anonymous => state.read(move |view| reading.item(view)).await?,
        Caller::Agent(_) => state.read_much(move |view| reading.item(view)).await?,
    };
    match found {
        Some(item) if is_kept => kept::kept(state, frame, (canonical, &item), headers).await,
        Some(item) => {
            let kind = item.scan.as_ref().map(|scan| scan.kind);
            let status = match kind {
                Some(pages::scan::Kind::Unknown) => StatusCode::NOT_FOUND,
                _ => StatusCode::OK,
            };
            Ok(page(status, pages::item(frame, &item)))
        }
        // Nothing on record has this slip of the pen.
        None if canonical.flaw().is_some() => {
            Ok(page(StatusCode::BAD_REQUEST, pages::malformed(frame, &title)))
        }
        None => {
            Ok(page(StatusCode::NOT_FOUND, pages::unknown_item(frame, &title, canonical.uri())))
        }
    }
}
