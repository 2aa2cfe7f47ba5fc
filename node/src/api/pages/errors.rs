//! What people see instead of a page: the API's problems are for programs.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{ACCEPT, ALLOW, RETRY_AFTER};
use http::{Method, StatusCode};
use tracehold_explorer::pages::{self, Trouble};

use super::super::ApiState;
use super::super::problem::PROBLEM_JSON;
use super::{frame, page};

/// Paths under which answers are for programs, whatever they say that they take.
const FOR_PROGRAMS: [&str; 6] =
    ["/api/", "/epcis/", "/metrics", "/livez", "/readyz", "/openapi.json"];

/// Letters of an address that a page repeats.
const SHOWN_LETTERS: usize = 200;

/// The layer that turns problems on the paths of pages into pages, for browsers.
pub async fn error_pages(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let wants_page = accept.is_some_and(|accept| accept.contains("text/html"));
    let uri = request.uri().clone();
    let is_page = !FOR_PROGRAMS.iter().any(|path| uri.path().starts_with(path));
    let headers = (is_read && wants_page && is_page).then(|| request.headers().clone());
    let response = next.run(request).await;
    let Some(headers) = headers else { return response };
    let media = response.headers().get(http::header::CONTENT_TYPE);
    if media.is_none_or(|media| media.as_bytes() != PROBLEM_JSON.as_bytes()) {
        return response;
    }
    let mut frame = frame(&state, &headers, &uri);
    let status = response.status();
    let whole = uri.path_and_query().map_or(uri.path(), |whole| whole.as_str());
    let given: String = whole.chars().take(SHOWN_LETTERS).collect();
    let trouble = match status {
        StatusCode::BAD_REQUEST | StatusCode::URI_TOO_LONG => {
            // A link to the same address in the other language would be as wrong.
            "/".clone_into(&mut frame.path);
            return page(status, pages::malformed(&frame, &given));
        }
        StatusCode::NOT_FOUND => Trouble::NoPage,
        StatusCode::TOO_MANY_REQUESTS => Trouble::TooMany,
        StatusCode::SERVICE_UNAVAILABLE if state.node().is_err() => Trouble::Starting,
        StatusCode::SERVICE_UNAVAILABLE => Trouble::Busy,
        _ => Trouble::Other,
    };
    let mut answer = page(status, pages::trouble(&frame, trouble, &given));
    for name in [RETRY_AFTER, ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}
