//! GS1's resources for the values that events have: `/eventTypes`, `/epcs`, `/bizSteps` …

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::LINK;
use serde_json::{Value, json};
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::context::GS1_CONTEXT;
use tracehold_chain::epcis::query::terms::Browsed;
use tracehold_chain::epcis::query::{Condition, EpcLists, Pattern, Query};
use tracehold_chain::epcis::{Level, canonical};
use tracehold_chain::state::key::name_digest;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::ApiState;
use super::super::auth::Keyed;
use super::super::extract::{InPath, query_pairs};
use super::super::paging::{next_link, per_page};
use super::super::problem::{Kind, Problem};
use super::token::wrong_token;
use crate::view::Order;

/// The types that every node knows.
const EVENT_TYPES: [&str; 5] = [
    "AggregationEvent",
    "AssociationEvent",
    "ObjectEvent",
    "TransactionEvent",
    "TransformationEvent",
];

/// Items of which the records are read to list things by class level.
const ITEMS_AT_A_TIME: usize = 1_000;

/// A kind of value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resource {
    EventTypes,
    Epcs,
    BizSteps,
    BizLocations,
    ReadPoints,
    Dispositions,
}

impl Resource {
    fn browsed(self) -> Option<Browsed> {
        match self {
            Resource::EventTypes => Some(Browsed::EventType),
            Resource::Epcs => None,
            Resource::BizSteps => Some(Browsed::BizStep),
            Resource::BizLocations => Some(Browsed::BizLocation),
            Resource::ReadPoints => Some(Browsed::ReadPoint),
            Resource::Dispositions => Some(Browsed::Disposition),
        }
    }

    /// The parameter that asks for one value.
    fn parameter(self) -> &'static str {
        match self {
            Resource::EventTypes => "eventType",
            Resource::Epcs => "MATCH_anyEPC",
            Resource::BizSteps => "EQ_bizStep",
            Resource::BizLocations => "EQ_bizLocation",
            Resource::ReadPoints => "EQ_readPoint",
            Resource::Dispositions => "EQ_disposition",
        }
    }

    /// The condition that asks for `value`, and the value in its one spelling; `None` when no
    /// event can have it.
    fn condition(self, value: &str) -> Option<(Condition, String)> {
        if self == Resource::Epcs {
            let thing = canonical(value);
            let lists = match thing.level() {
                Level::Class | Level::Lot => EpcLists::AnyClass,
                _ => EpcLists::Any,
            };
            let uri = thing.into_uri();
            let pattern = Pattern::Exactly(uri.clone());
            return Some((Condition::Match(lists, vec![pattern]), uri));
        }
        let pair = (self.parameter().to_owned(), value.to_owned());
        let query = Query::parse(&[pair], &Default::default()).ok()?;
        let condition = query.conditions().first()?.clone();
        let plain = match &condition {
            Condition::EventType(values)
            | Condition::Word(_, values)
            | Condition::Place(_, values) => values.first().filter(|_| values.len() == 1)?.clone(),
            _ => return None,
        };
        Some((condition, plain))
    }
}

fn collection(members: &[String]) -> Value {
    json!({"@context": [GS1_CONTEXT], "type": "Collection", "member": members})
}

/// Tokens hold the last value shown, in hex: it may be any text.
fn to_token(last: &str) -> String {
    use std::fmt::Write as _;
    last.bytes().fold(String::new(), |mut token, byte| {
        let _ = write!(token, "{byte:02x}");
        token
    })
}

fn from_token(token: &str) -> Option<String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = token.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
        _ => None,
    });
    String::from_utf8(pairs.collect::<Option<Vec<u8>>>()?).ok()
}

async fn list(state: ApiState, uri: http::Uri, resource: Resource) -> Result<Response, Problem> {
    let pairs = query_pairs(&uri);
    let (mut size, mut after) = (None, None);
    for (name, value) in &pairs {
        match name.as_str() {
            "perPage" => size = Some(value.as_str()),
            "nextPageToken" => {
                after = Some(from_token(value).ok_or_else(|| wrong_token(name))?);
            }
            _ => {
                let rule = "is not known";
                let mend = "leave it out; known are perPage and nextPageToken";
                return Err(
                    Problem::new(Kind::Parameter, format!("{name} {rule}")).field(name, rule, mend)
                );
            }
        }
    }
    let most = per_page(size)?.get();
    let found = state.read(move |view| {
        let Some(field) = resource.browsed() else {
            return things(view, after.as_deref(), most + 1);
        };
        let mut values = view.index().values(field, after.as_deref(), most + 1)?;
        if resource == Resource::EventTypes {
            let after = after.as_deref();
            let beyond = EVENT_TYPES.iter().filter(|own| after.is_none_or(|after| **own > after));
            values.extend(beyond.map(|own| (*own).to_owned()));
            values.sort_unstable();
            values.dedup();
        }
        Ok(values)
    });
    let mut found = found.await?;
    let more = found.len() > most;
    found.truncate(most);
    let mut response = axum::Json(collection(&found)).into_response();
    if let Some(last) = found.last().filter(|_| more) {
        response.headers_mut().insert(LINK, next_link(uri.path(), &pairs, &to_token(last)));
    }
    Ok(response)
}

/// The single things on record, in the order of their names' digests, behind the one called
/// `after`.
fn things(
    view: &crate::view::ReadView,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, crate::fault::Fault> {
    let mut at: Option<Digest> = after.map(name_digest);
    let mut found = Vec::new();
    loop {
        let page = view.items(at.as_ref(), ITEMS_AT_A_TIME.min(limit.max(1)))?;
        let Some(last) = page.last() else { return Ok(found) };
        at = Some(name_digest(&last.uri));
        let single = |uri: &str| !matches!(canonical(uri).level(), Level::Class | Level::Lot);
        found.extend(page.into_iter().map(|item| item.uri).filter(|uri| single(uri)));
        if found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
    }
}

/// The condition for a value that some event has.
async fn on_record(
    state: &ApiState,
    resource: Resource,
    value: String,
) -> Result<Condition, Problem> {
    let nothing = format!("no event on record has {value}");
    let nothing = || Problem::new(Kind::NotFound, nothing);
    let Some((condition, plain)) = resource.condition(&value) else { return Err(nothing()) };
    let known = state.read(move |view| match resource.browsed() {
        None => Ok(!view.positions(&plain, None, 1, Order::OldestFirst)?.is_empty()),
        Some(field) => {
            let always = resource == Resource::EventTypes && EVENT_TYPES.contains(&plain.as_str());
            Ok(always || view.index().has_value(field, &plain))
        }
    });
    if known.await? { Ok(condition) } else { Err(nothing()) }
}

async fn one(state: ApiState, resource: Resource, value: String) -> Result<Response, Problem> {
    on_record(&state, resource, value).await?;
    Ok(axum::Json(collection(&["events".to_owned()])).into_response())
}

async fn events_of(
    state: ApiState,
    keyed: Keyed,
    headers: HeaderMap,
    uri: http::Uri,
    resource: Resource,
    value: String,
) -> Result<Response, Problem> {
    let condition = on_record(&state, resource, value).await?;
    let pairs = query_pairs(&uri);
    let (rest, paging) = super::split_paging(&pairs)?;
    let query = Query::parse(&rest, &super::extensions(&headers));
    let query = query.map_err(|errors| super::refused(Kind::Parameter, errors))?;
    let link = (uri.path(), pairs.as_slice());
    super::answer(&state, keyed.caller(), query.with(condition), paging, link, None).await
}

/// The routes of this module.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_event_types))
        .routes(routes!(get_event_types_one))
        .routes(routes!(get_event_types_events))
        .routes(routes!(get_epcs))
        .routes(routes!(get_epcs_one))
        .routes(routes!(get_epcs_events))
        .routes(routes!(get_biz_steps))
        .routes(routes!(get_biz_steps_one))
        .routes(routes!(get_biz_steps_events))
        .routes(routes!(get_biz_locations))
        .routes(routes!(get_biz_locations_one))
        .routes(routes!(get_biz_locations_events))
        .routes(routes!(get_read_points))
        .routes(routes!(get_read_points_one))
        .routes(routes!(get_read_points_events))
        .routes(routes!(get_dispositions))
        .routes(routes!(get_dispositions_one))
        .routes(routes!(get_dispositions_events))
}

/// List event types
///
/// The event types that events on record have, in alphabetical order.
#[utoipa::path(
    get, path = "/epcis/v2/eventTypes", tag = "EPCIS",
    params(
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "values on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_event_types(
    State(state): State<ApiState>,
    _keyed: Keyed,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    list(state, uri, Resource::EventTypes).await
}

/// What there is of an event type
///
/// A Collection of sub-resources: `events`.
#[utoipa::path(
    get, path = "/epcis/v2/eventTypes/{eventType}", tag = "EPCIS",
    params(("eventType" = String, Path, description = "the event type, percent-encoded")),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value),
        (status = 404, description = "No event has it"),
    ),
    security(("api_key" = []))
)]
pub async fn get_event_types_one(
    State(state): State<ApiState>,
    _keyed: Keyed,
    InPath(value): InPath<String>,
) -> Result<Response, Problem> {
    one(state, Resource::EventTypes, value).await
}

/// Events of an event type
///
/// As `GET /events`, with all its parameters, for this event type.
#[utoipa::path(
    get, path = "/epcis/v2/eventTypes/{eventType}/events", tag = "EPCIS",
    params(
        ("eventType" = String, Path, description = "the event type, percent-encoded"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "events on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "An EPCISQueryDocument", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 404, description = "No event has it"),
        (status = 413, description = "More events than `maxEventCount`, or too much work"),
    ),
    security(("api_key" = []))
)]
pub async fn get_event_types_events(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    InPath(value): InPath<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    events_of(state, keyed, headers, uri, Resource::EventTypes, value).await
}

/// List things
///
/// The things that events on record have, in the order of digests of their identifiers.
#[utoipa::path(
    get, path = "/epcis/v2/epcs", tag = "EPCIS",
    params(
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "values on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_epcs(
    State(state): State<ApiState>,
    _keyed: Keyed,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    list(state, uri, Resource::Epcs).await
}

/// What there is of a thing
///
/// A Collection of sub-resources: `events`.
#[utoipa::path(
    get, path = "/epcis/v2/epcs/{epc}", tag = "EPCIS",
    params(("epc" = String, Path, description = "the thing, percent-encoded")),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value),
        (status = 404, description = "No event has it"),
    ),
    security(("api_key" = []))
)]
pub async fn get_epcs_one(
    State(state): State<ApiState>,
    _keyed: Keyed,
    InPath(value): InPath<String>,
) -> Result<Response, Problem> {
    one(state, Resource::Epcs, value).await
}

/// Events of a thing
///
/// As `GET /events`, with all its parameters, for this thing.
#[utoipa::path(
    get, path = "/epcis/v2/epcs/{epc}/events", tag = "EPCIS",
    params(
        ("epc" = String, Path, description = "the thing, percent-encoded"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "events on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "An EPCISQueryDocument", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 404, description = "No event has it"),
        (status = 413, description = "More events than `maxEventCount`, or too much work"),
    ),
    security(("api_key" = []))
)]
pub async fn get_epcs_events(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    InPath(value): InPath<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    events_of(state, keyed, headers, uri, Resource::Epcs, value).await
}

/// List business steps
///
/// The business steps that events on record have, in alphabetical order.
#[utoipa::path(
    get, path = "/epcis/v2/bizSteps", tag = "EPCIS",
    params(
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "values on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_biz_steps(
    State(state): State<ApiState>,
    _keyed: Keyed,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    list(state, uri, Resource::BizSteps).await
}

/// What there is of a business step
///
/// A Collection of sub-resources: `events`.
#[utoipa::path(
    get, path = "/epcis/v2/bizSteps/{bizStep}", tag = "EPCIS",
    params(("bizStep" = String, Path, description = "the business step, percent-encoded")),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value),
        (status = 404, description = "No event has it"),
    ),
    security(("api_key" = []))
)]
pub async fn get_biz_steps_one(
    State(state): State<ApiState>,
    _keyed: Keyed,
    InPath(value): InPath<String>,
) -> Result<Response, Problem> {
    one(state, Resource::BizSteps, value).await
}

/// Events of a business step
///
/// As `GET /events`, with all its parameters, for this business step.
#[utoipa::path(
    get, path = "/epcis/v2/bizSteps/{bizStep}/events", tag = "EPCIS",
    params(
        ("bizStep" = String, Path, description = "the business step, percent-encoded"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "events on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "An EPCISQueryDocument", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 404, description = "No event has it"),
        (status = 413, description = "More events than `maxEventCount`, or too much work"),
    ),
    security(("api_key" = []))
)]
pub async fn get_biz_steps_events(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    InPath(value): InPath<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    events_of(state, keyed, headers, uri, Resource::BizSteps, value).await
}

/// List business locations
///
/// The business locations that events on record have, in alphabetical order.
#[utoipa::path(
    get, path = "/epcis/v2/bizLocations", tag = "EPCIS",
    params(
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "values on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_biz_locations(
    State(state): State<ApiState>,
    _keyed: Keyed,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    list(state, uri, Resource::BizLocations).await
}

/// What there is of a business location
///
/// A Collection of sub-resources: `events`.
#[utoipa::path(
    get, path = "/epcis/v2/bizLocations/{bizLocation}", tag = "EPCIS",
    params(("bizLocation" = String, Path, description = "the business location, percent-encoded")),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value),
        (status = 404, description = "No event has it"),
    ),
    security(("api_key" = []))
)]
pub async fn get_biz_locations_one(
    State(state): State<ApiState>,
    _keyed: Keyed,
    InPath(value): InPath<String>,
) -> Result<Response, Problem> {
    one(state, Resource::BizLocations, value).await
}

/// Events of a business location
///
/// As `GET /events`, with all its parameters, for this business location.
#[utoipa::path(
    get, path = "/epcis/v2/bizLocations/{bizLocation}/events", tag = "EPCIS",
    params(
        ("bizLocation" = String, Path, description = "the business location, percent-encoded"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "events on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "An EPCISQueryDocument", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 404, description = "No event has it"),
        (status = 413, description = "More events than `maxEventCount`, or too much work"),
    ),
    security(("api_key" = []))
)]
pub async fn get_biz_locations_events(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    InPath(value): InPath<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    events_of(state, keyed, headers, uri, Resource::BizLocations, value).await
}

/// List read points
///
/// The read points that events on record have, in alphabetical order.
#[utoipa::path(
    get, path = "/epcis/v2/readPoints", tag = "EPCIS",
    params(
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "values on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_read_points(
    State(state): State<ApiState>,
    _keyed: Keyed,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    list(state, uri, Resource::ReadPoints).await
}

/// What there is of a read point
///
/// A Collection of sub-resources: `events`.
#[utoipa::path(
    get, path = "/epcis/v2/readPoints/{readPoint}", tag = "EPCIS",
    params(("readPoint" = String, Path, description = "the read point, percent-encoded")),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value),
        (status = 404, description = "No event has it"),
    ),
    security(("api_key" = []))
)]
pub async fn get_read_points_one(
    State(state): State<ApiState>,
    _keyed: Keyed,
    InPath(value): InPath<String>,
) -> Result<Response, Problem> {
    one(state, Resource::ReadPoints, value).await
}

/// Events of a read point
///
/// As `GET /events`, with all its parameters, for this read point.
#[utoipa::path(
    get, path = "/epcis/v2/readPoints/{readPoint}/events", tag = "EPCIS",
    params(
        ("readPoint" = String, Path, description = "the read point, percent-encoded"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "events on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "An EPCISQueryDocument", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 404, description = "No event has it"),
        (status = 413, description = "More events than `maxEventCount`, or too much work"),
    ),
    security(("api_key" = []))
)]
pub async fn get_read_points_events(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    InPath(value): InPath<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    events_of(state, keyed, headers, uri, Resource::ReadPoints, value).await
}

/// List dispositions
///
/// The dispositions that events on record have, in alphabetical order.
#[utoipa::path(
    get, path = "/epcis/v2/dispositions", tag = "EPCIS",
    params(
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "values on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_dispositions(
    State(state): State<ApiState>,
    _keyed: Keyed,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    list(state, uri, Resource::Dispositions).await
}

/// What there is of a disposition
///
/// A Collection of sub-resources: `events`.
#[utoipa::path(
    get, path = "/epcis/v2/dispositions/{disposition}", tag = "EPCIS",
    params(("disposition" = String, Path, description = "the disposition, percent-encoded")),
    responses(
        (status = 200, description = "A Collection", body = serde_json::Value),
        (status = 404, description = "No event has it"),
    ),
    security(("api_key" = []))
)]
pub async fn get_dispositions_one(
    State(state): State<ApiState>,
    _keyed: Keyed,
    InPath(value): InPath<String>,
) -> Result<Response, Problem> {
    one(state, Resource::Dispositions, value).await
}

/// Events of a disposition
///
/// As `GET /events`, with all its parameters, for this disposition.
#[utoipa::path(
    get, path = "/epcis/v2/dispositions/{disposition}/events", tag = "EPCIS",
    params(
        ("disposition" = String, Path, description = "the disposition, percent-encoded"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "events on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "An EPCISQueryDocument", body = serde_json::Value,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 404, description = "No event has it"),
        (status = 413, description = "More events than `maxEventCount`, or too much work"),
    ),
    security(("api_key" = []))
)]
pub async fn get_dispositions_events(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    InPath(value): InPath<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    events_of(state, keyed, headers, uri, Resource::Dispositions, value).await
}
