//! `/label` and `/qr`: the Digital Link of a thing as a code to print.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, StatusCode};
use tracehold_chain::epcis::uri::percent_decoded;
use tracehold_chain::epcis::{Canonical, canonical};
use tracehold_chain::masterdata::product_of;
use tracehold_explorer::figures::qr;
use tracehold_explorer::pages::{self, Label};
use tracehold_explorer::story;

use super::super::ApiState;
use super::super::extract::query_pairs;
use super::super::problem::Problem;
use super::super::told::identifier;
use super::item::product;
use super::{CONTENT_SECURITY_POLICY, CONTENT_TYPE_OPTIONS, PageQuery, frame, page};
use tracehold_explorer::pages::item::text_in;

/// Labels on one sheet, at most.
const MAX_LABELS: usize = 60;

/// Labels on a sheet when nobody says how many.
const DEFAULT_LABELS: usize = 6;

/// Where this node is reached: what its operator said, else what the request names.
pub fn base(state: &ApiState, headers: &HeaderMap) -> String {
    match state.public_url() {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let host = headers.get(HOST).and_then(|host| host.to_str().ok());
            let is_host = |host: &&str| {
                let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
                !host.is_empty() && host.len() <= 255 && host.bytes().all(plain)
            };
            format!("http://{}", host.filter(is_host).unwrap_or("localhost"))
        }
    }
}

/// The link that a code holds: where this node is reached, and the path of the thing.
fn link(state: &ApiState, headers: &HeaderMap, path: &str) -> String {
    format!("{}{path}", base(state, headers))
}

fn asked(uri: &http::Uri) -> Result<(Canonical, Option<String>), Problem> {
    let id = identifier(&PageQuery::of(uri).id.unwrap_or_default())?;
    let path = story::path_of(&id).map(str::to_owned);
    Ok((id, path))
}

/// GS1 application identifiers and their values, as they stand in a path.
fn keys(path: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let pairs = parts.chunks_exact(2).map(|pair| {
        let value = percent_decoded(pair[1]).unwrap_or_else(|| pair[1].to_owned());
        (pair[0].to_owned(), value)
    });
    pairs.collect()
}

/// `/label?id=`: a sheet of labels.
pub async fn label(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut frame = frame(&state, &headers, &uri);
    let (id, path) = asked(&uri)?;
    let wrong = |frame| Ok(page(StatusCode::BAD_REQUEST, pages::malformed(frame, id.uri())));
    let Some(path) = path.filter(|_| id.flaw().is_none()) else { return wrong(&frame) };
    let pairs = query_pairs(&uri);
    let count = pairs.iter().find(|(name, _)| name == "count");
    let count = count.and_then(|(_, count)| count.parse().ok()).unwrap_or(DEFAULT_LABELS);
    let class = product_of(&canonical(id.uri()));
    let language = frame.language;
    let name = state.read(move |view| {
        let Some(class) = class else { return Ok(None) };
        let product = product(view, &class)?;
        Ok(product.and_then(|product| text_in(&product.names, language).map(str::to_owned)))
    });
    frame.path =
        format!("{}?id={}", uri.path(), tracehold_chain::epcis::uri::percent_encoded(id.uri()));
    let label = Label {
        name: name.await?,
        link: link(&state, &headers, &path),
        keys: keys(&path),
        count: count.clamp(1, MAX_LABELS),
        path,
    };
    match pages::label(&frame, &label) {
        Some(html) => Ok(page(StatusCode::OK, html)),
        None => wrong(&frame),
    }
}

/// `/qr?id=`: the code alone, as SVG.
pub async fn code(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let (id, path) = asked(&uri)?;
    let drawn = path.filter(|_| id.flaw().is_none()).and_then(|path| {
        let link = link(&state, &headers, &path);
        qr::draw(&link, &link)
    });
    let Some(svg) = drawn else {
        return Ok(page(StatusCode::BAD_REQUEST, pages::malformed(&frame, id.uri())));
    };
    let mut response = svg.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    Ok(response)
}
