//! `/epcis/v2/queries`: queries that were given a name.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::header::{LINK, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use tracehold_chain::epcis::json::parse_strict;
use tracehold_chain::epcis::uri::percent_encoded;

use super::super::auth::Keyed;
use super::super::extract::{InPath, check_json, query_pairs, read_body};
use super::super::limits::MAX_QUERY_BODY_BYTES;
use super::super::paging::{next_link, per_page, wrong_token};
use super::super::problem::{Kind, Problem};
use super::super::{ApiState, now};
use super::shown::{QueryDefinition, QueryDocument};
use crate::queries::{MAX_QUERY_NAME, NamedQuery, QueriesError};

/// Whether a query may be called so.
fn is_name(name: &str) -> bool {
    (1..=MAX_QUERY_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && name.bytes().any(|b| b != b'.')
}

fn unknown(name: &str) -> Problem {
    let detail = format!("no query of your company is called {name} on this node");
    Problem::new(Kind::NotFound, detail)
}

fn invalid(field: &str, rule: &str, mend: &str) -> Problem {
    Problem::new(Kind::Validation, format!("{field} {rule}")).field(field, rule, mend)
}

/// Name a query
///
/// Keeps a query on this node under a name, for every agent of the caller's member. What it asks
/// is the object of GS1's `query-schema.json`; prefixes of extensions are declared by its
/// `@context` or by the header `GS1-Extensions`.
#[utoipa::path(
    post, path = "/epcis/v2/queries", tag = "EPCIS",
    request_body(content = QueryDefinition, content_type = "application/json"),
    responses(
        (status = 201, description = "Kept; `Location` names it", body = QueryDefinition,
            headers(("Location" = String, description = "the query"))),
        (status = 400, description = "The body or the query breaks a rule"),
        (status = 409, description = "The name is taken"),
        (status = 413, description = "More than a limit allows"),
        (status = 415, description = "Not JSON"),
    ),
    security(("api_key" = []))
)]
pub async fn post_query(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check_json(&headers)?;
    let bytes = read_body(body, MAX_QUERY_BODY_BYTES, state.limits().body).await?;
    let body = parse_strict(&bytes).map_err(|error| {
        Problem::new(Kind::Validation, format!("the body is no JSON that is read here: {error}"))
    })?;
    let Value::Object(mut members) = body else {
        return Err(invalid("", "must be an object", "give name and query"));
    };
    let name = match members.remove("name") {
        Some(Value::String(name)) if is_name(&name) => name,
        _ => {
            let rule = format!(
                "must be a name of 1 to {MAX_QUERY_NAME} letters, digits, hyphens, underscores \
                 and dots"
            );
            return Err(invalid("/name", &rule, "name it as shipped-to-us"));
        }
    };
    let query = members.remove("query");
    let query = query.ok_or_else(|| invalid("/query", "is missing", "say what it asks"))?;
    if let Some(other) = members.keys().find(|key| *key != "@context") {
        let mend = "give name and query only";
        return Err(invalid(&format!("/{other}"), "is not known", mend));
    }
    let mut extensions = super::extensions(&headers);
    if let Some(context) = members.get("@context") {
        extensions = extensions.and_context(context);
    }
    let agent = keyed.agent.agent_id.clone();
    let kept = NamedQuery { name, agent, query, extensions, created_at: now() };
    kept.parsed().map_err(|errors| super::refused(Kind::QueryValidation, errors))?;
    let location = format!("/epcis/v2/queries/{}", percent_encoded(&kept.name));
    let location = HeaderValue::from_str(&location).expect("names are percent-encoded");
    let answer = axum::Json(QueryDefinition::from(&kept));
    // A file is written and synced: not on a thread that others wait for.
    let queries = std::sync::Arc::clone(state.queries());
    let put = tokio::task::spawn_blocking(move || queries.put(kept)).await;
    let put = put.map_err(|error| Problem::new(Kind::Internal, error.to_string()))?;
    put.map_err(|error| store_problem(&error))?;
    Ok((StatusCode::CREATED, [(LOCATION, location)], answer).into_response())
}

fn store_problem(error: &QueriesError) -> Problem {
    match error {
        QueriesError::Taken(name) => {
            let detail = format!("a query is called {name} already: give another name");
            Problem::new(Kind::Exists, detail)
        }
        QueriesError::TooMany => Problem::new(Kind::TooLarge, format!("{error}: delete one first")),
        QueriesError::Store { .. } => {
            tracing::error!(%error, "a named query was not kept");
            Problem::new(Kind::Internal, "this node cannot keep its named queries now")
        }
    }
}

/// List named queries
///
/// The queries of the caller's member on this node, by name.
#[utoipa::path(
    get, path = "/epcis/v2/queries", tag = "EPCIS",
    params(
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "queries on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "The queries, by name", body = Vec<QueryDefinition>,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_queries(
    State(state): State<ApiState>,
    keyed: Keyed,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let pairs = query_pairs(&uri);
    let (most, after) = name_paging(&pairs)?;
    let member = keyed.agent.agent_id.member();
    let mut found = state.queries().list(member, after.as_deref(), most + 1);
    let more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| more).map(|query| query.name.clone());
    let list: Vec<QueryDefinition> = found.iter().map(QueryDefinition::from).collect();
    let mut response = axum::Json(list).into_response();
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next_link(uri.path(), &pairs, &next));
    }
    Ok(response)
}

fn name_paging(pairs: &[(String, String)]) -> Result<(usize, Option<String>), Problem> {
    let (mut size, mut after) = (None, None);
    for (name, value) in pairs {
        match name.as_str() {
            "perPage" => size = Some(value.as_str()),
            "nextPageToken" if is_name(value) => after = Some(value.clone()),
            "nextPageToken" => return Err(wrong_token(name)),
            _ => {
                let rule = "is not known";
                let mend = "leave it out; known are perPage and nextPageToken";
                return Err(
                    Problem::new(Kind::Parameter, format!("{name} {rule}")).field(name, rule, mend)
                );
            }
        }
    }
    Ok((per_page(size)?.get(), after))
}

/// Read a named query
///
/// What it asks.
#[utoipa::path(
    get, path = "/epcis/v2/queries/{queryName}", tag = "EPCIS",
    params(("queryName" = String, Path, description = "its name")),
    responses(
        (status = 200, description = "It is kept here", body = QueryDefinition),
        (status = 404, description = "No query has this name"),
    ),
    security(("api_key" = []))
)]
pub async fn get_query(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(name): InPath<String>,
) -> Result<Response, Problem> {
    let found = state.queries().get(keyed.agent.agent_id.member(), &name);
    let found = found.ok_or_else(|| unknown(&name))?;
    Ok(axum::Json(QueryDefinition::from(&found)).into_response())
}

/// Delete a named query
///
/// Its subscriptions end with it.
#[utoipa::path(
    delete, path = "/epcis/v2/queries/{queryName}", tag = "EPCIS",
    params(("queryName" = String, Path, description = "its name")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No query has this name"),
    ),
    security(("api_key" = []))
)]
pub async fn delete_query(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(name): InPath<String>,
) -> Result<Response, Problem> {
    let member = keyed.agent.agent_id.member().clone();
    let (queries, wanted) = (std::sync::Arc::clone(state.queries()), name.clone());
    let removed = tokio::task::spawn_blocking(move || queries.remove(&member, &wanted)).await;
    let removed = removed.map_err(|error| Problem::new(Kind::Internal, error.to_string()))?;
    match removed.map_err(|error| store_problem(&error))? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(unknown(&name)),
    }
}

/// Ask a named query
///
/// The events that it asks for, page by page, as `GET /events` answers.
#[utoipa::path(
    get, path = "/epcis/v2/queries/{queryName}/events", tag = "EPCIS",
    params(
        ("queryName" = String, Path, description = "its name"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "events on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "An EPCISQueryDocument", body = QueryDocument,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 404, description = "No query has this name"),
        (status = 413, description = "More events than `maxEventCount`, or too much work"),
        (status = 503, description = "This node has not come as far as the token"),
    ),
    security(("api_key" = []))
)]
pub async fn get_query_events(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(name): InPath<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let found = state.queries().get(keyed.agent.agent_id.member(), &name);
    let found = found.ok_or_else(|| unknown(&name))?;
    let pairs = query_pairs(&uri);
    let (rest, paging) = super::split_paging(&pairs)?;
    if let Some((other, _)) = rest.first() {
        let rule = "is not known here";
        let mend = "a named query says itself what it asks; only perPage and nextPageToken may \
                    stand beside it";
        let problem = Problem::new(Kind::Parameter, format!("{other} {rule}"));
        return Err(problem.field(other, rule, mend));
    }
    let query = found.parsed().map_err(|errors| super::refused(Kind::QueryValidation, errors))?;
    let link = (uri.path(), pairs.as_slice());
    super::answer(&state, keyed.caller(), query, paging, link, Some(name)).await
}
