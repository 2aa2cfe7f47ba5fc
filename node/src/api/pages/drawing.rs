//! `/drawing`: where a thing came from and what became of it, as a picture for its page.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};
use tracehold_contracts::provenance::trace::{Direction, Query, trace};
use tracehold_explorer::drawing;

use super::super::ApiState;
use super::super::auth::PageReader;
use super::super::limits::MAX_DRAWN_ITEMS;
use super::super::problem::Problem;
use super::super::told::{as_of, identifier, unknown};
use super::super::trace::{Names, prune};
use super::{CONTENT_SECURITY_POLICY, CONTENT_TYPE_OPTIONS, PageQuery, frame};

/// Levels of transformations and packing that a page draws.
const DRAWN_DEPTH: u8 = 6;

/// The drawing of an item, smaller than what the API gives.
pub async fn get_drawing(
    State(state): State<ApiState>,
    PageReader(caller): PageReader,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let language = frame(&state, &headers, &uri).language;
    let id = identifier(&PageQuery::of(&uri).id.unwrap_or_default())?;
    let head = state.head()?;
    let query = Query {
        depth: DRAWN_DEPTH,
        items: MAX_DRAWN_ITEMS,
        events: MAX_DRAWN_ITEMS,
        sightings: 0,
        ..Query::of(id.uri(), Direction::Both)
    };
    let api = state.clone();
    let drawn = state.read_much(move |view| {
        let Some(mut found) = trace(view, query)? else { return Ok(None) };
        let without_amounts = prune(view, &caller, &mut found)?;
        let names = Names::of(view, &found, |member| api.member_name(member))?;
        let labels = drawing::Labels { without_amounts, ..names.labels(language) };
        Ok(Some(drawing::draw(&found, &labels, language)))
    });
    let Some(svg) = drawn.await? else { return Err(unknown(&id, &as_of(None, &head)?)) };
    let mut response = svg.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Language, Authorization"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let alone = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(alone));
    Ok(response)
}
