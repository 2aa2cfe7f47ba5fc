//! `GET /epcis/v2/events` and everything else that answers with events that were asked for.
//!
//! The grammar is [`tracehold_chain::epcis::query`], the search [`crate::index::search`]. Here
//! parameters become a query, and pages answers. [`browse`] are GS1's resources for values that
//! events have, [`named`] the queries that are kept.

pub(super) mod browse;
pub(super) mod named;
pub(super) mod shown;
mod token;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::header::LINK;
use http::{HeaderMap, StatusCode};
use tracehold_chain::epcis::query::{Extensions, ParameterError, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Keyed;
use super::extract::{InPath, query_pairs};
use super::limits::MAX_PAGE_BYTES;
use super::paging::{next_link, per_page};
use super::problem::{Kind, Problem};
use super::visible::Caller;
use super::{ApiState, events, now};
use crate::index::search::{Cursor, Search, SearchError};

use shown::{Collection, QueryDocument};

/// The routes of this module.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(browse::routes())
        .routes(routes!(named::post_query, named::get_queries))
        .routes(routes!(named::get_query, named::delete_query))
        .routes(routes!(named::get_query_events))
        .routes(routes!(get_resources))
        .routes(routes!(delete_token))
        .route("/epcis/v2", axum::routing::get(get_resources))
}

/// GS1's top-level resources.
const TOP_LEVEL: [&str; 9] = [
    "events",
    "eventTypes",
    "epcs",
    "bizSteps",
    "bizLocations",
    "readPoints",
    "dispositions",
    "capture",
    "queries",
];

/// List the resources of EPCIS
///
/// A Collection of GS1's top-level resources that this node has: all of them.
#[utoipa::path(
    get, path = "/epcis/v2/", tag = "EPCIS",
    responses((status = 200, description = "A Collection", body = Collection)),
    security(("api_key" = []))
)]
pub async fn get_resources(_keyed: Keyed) -> Response {
    let names = TOP_LEVEL.iter().map(|name| (*name).to_owned()).collect();
    axum::Json(Collection::of(names)).into_response()
}

/// Give a page token back
///
/// A token says itself where its walk goes on: this node holds nothing for it, so that nothing is
/// to be released, and the token does not expire.
#[utoipa::path(
    delete, path = "/epcis/v2/nextPageToken/{token}", tag = "EPCIS",
    params(("token" = String, Path, description = "from a `Link` header")),
    responses((status = 204, description = "Nothing is held for it")),
    security(("api_key" = []))
)]
pub async fn delete_token(_keyed: Keyed, InPath(_token): InPath<String>) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// The parameters of a page, beside those of the query.
#[derive(Debug)]
pub(super) struct Paging {
    /// Events on a page.
    pub per_page: usize,
    /// Where it begins.
    pub cursor: Option<Cursor>,
}

/// A query's parameters without those of the page, and these.
pub(super) fn split_paging(
    pairs: &[(String, String)],
) -> Result<(Vec<(String, String)>, Paging), Problem> {
    let mut rest = Vec::new();
    let (mut size, mut token) = (None, None);
    for (name, value) in pairs {
        let given = match name.as_str() {
            "perPage" => &mut size,
            "nextPageToken" => &mut token,
            _ => {
                rest.push((name.clone(), value.clone()));
                continue;
            }
        };
        if given.replace(value.as_str()).is_some() {
            let rule = "may be given once";
            return Err(Problem::new(Kind::Parameter, format!("{name} {rule}")).field(
                name,
                rule,
                "give it once",
            ));
        }
    }
    let per_page = per_page(size)?.get();
    let cursor = token.map(token::from_token).transpose()?;
    Ok((rest, Paging { per_page, cursor }))
}

/// The prefixes that a request declares.
pub(super) fn extensions(headers: &HeaderMap) -> Extensions {
    let header = headers.get("GS1-Extensions").and_then(|value| value.to_str().ok());
    header.map(Extensions::of_header).unwrap_or_default()
}

/// What is wrong with the parameters of a query, as a problem.
pub(super) fn refused(kind: Kind, errors: Vec<ParameterError>) -> Problem {
    let detail = errors.iter().take(3).map(|error| format!("{} {}", error.name, error.rule));
    let detail = detail.collect::<Vec<_>>().join("; ");
    errors.into_iter().fold(Problem::new(kind, detail), |problem, error| {
        problem.field(error.name, error.rule, error.mend)
    })
}

/// Answers a query with a page of events.
pub(super) async fn answer(
    state: &ApiState,
    caller: Caller,
    query: Query,
    paging: Paging,
    link: (&str, &[(String, String)]),
    name: Option<String>,
) -> Result<Response, Problem> {
    let now = now();
    let found = state.read(move |view| {
        let search = Search::new(view, view.index(), &query, paging.cursor);
        let page = match search.and_then(|search| search.page(paging.per_page, MAX_PAGE_BYTES)) {
            Ok(page) => page,
            Err(SearchError::Fault(fault)) => return Err(fault),
            Err(SearchError::TooLarge(limit)) => {
                let rule = format!("allows {limit} events and there are more");
                let detail = format!("maxEventCount {rule}");
                let mend = "ask for less, or leave it out and read page by page";
                return Ok(Err(Problem::new(Kind::QueryTooLarge, detail).field(
                    "maxEventCount",
                    rule,
                    mend,
                )));
            }
            Err(SearchError::TooComplex(why)) => {
                return Ok(Err(Problem::new(Kind::QueryTooComplex, why)));
            }
            Err(SearchError::Behind(bound)) => {
                let detail = format!(
                    "the walk ends at block {bound}, which this node has not come to: go on with \
                     it at the node where it began, or in a moment"
                );
                return Ok(Err(Problem::new(Kind::Unavailable, detail)));
            }
        };
        let mut document = events::shown(&caller, page.hits, now);
        if let Some(name) = name {
            document["epcisBody"]["queryResults"]["queryName"] = name.into();
        }
        Ok(serde_json::to_vec(&document).map(|json| (json, page.next)).map_err(|error| {
            Problem::new(Kind::Internal, format!("the answer cannot be written: {error}"))
        }))
    });
    let (json, next) = found.await??;
    let json_type = [(http::header::CONTENT_TYPE, "application/json")];
    let mut response = (json_type, json).into_response();
    if let Some(next) = next {
        let (path, pairs) = link;
        response.headers_mut().insert(LINK, next_link(path, pairs, &token::to_token(&next)));
    }
    Ok(response)
}

/// Query events
///
/// An EPCISQueryDocument with the events that meet every parameter: the whole simple event query of
/// EPCIS 2.0 (§8.2.7.1). Lists are joined by `|`; identifiers and words may come in any spelling;
/// fields of extensions are `EQ_prefix:name` and the like, with the prefix declared by the header
/// `GS1-Extensions` or as the events write it. Without `orderBy` events come in the order in which
/// they were committed, oldest first. A walk through pages shows what was committed when its first
/// page was asked for, each event once. A page may have fewer events than asked for, or none, and
/// still lead on: the work for one page is bounded.
#[utoipa::path(
    get, path = "/epcis/v2/events", tag = "EPCIS",
    params(
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "events on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "An EPCISQueryDocument; `Link` with `rel=\"next\"` leads to \
            the next page, if there is one", body = QueryDocument,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 413, description = "More events than `maxEventCount`, or too much work"),
        (status = 503, description = "This node has not come as far as the token"),
    ),
    security(("api_key" = []))
)]
pub async fn get_events(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let pairs = query_pairs(&uri);
    let (rest, paging) = split_paging(&pairs)?;
    let query = Query::parse(&rest, &extensions(&headers));
    let query = query.map_err(|errors| refused(Kind::Parameter, errors))?;
    answer(&state, keyed.caller(), query, paging, (uri.path(), &pairs), None).await
}
