//! The form that exchanges an API key for a session, and the way out.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::Frame;
use tracehold_explorer::pages::members::{self, Why};

use super::super::ApiState;
use super::super::extract::{query_pairs, read_body};
use super::super::pages::frame;
use super::super::problem::Problem;
use super::{company, given, private};

/// Where one goes after signing in, unless a page was wanted.
const HOME: &str = "/agreements";

/// Bytes of the sign-in form.
const MAX_FORM_BYTES: usize = 4 * 1024;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

fn is_https(headers: &HeaderMap) -> bool {
    headers.get(FORWARDED_PROTO).is_some_and(|value| value.as_bytes() == b"https")
}

/// Whether a form was sent by a page of ours, as far as the browser says.
fn is_own(headers: &HeaderMap) -> bool {
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    matches!(site, None | Some(b"same-origin" | b"none"))
}

/// A path of this site to go to, and nothing else.
fn own_path(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    let is_plain = next.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if is_path && is_plain { next } else { HOME }
}

/// The fields of a form.
struct Form(Vec<(String, String)>);

impl Form {
    async fn read(state: &ApiState, body: Body) -> Result<Form, Problem> {
        let bytes = read_body(body, MAX_FORM_BYTES, state.limits().body).await?;
        let text = String::from_utf8_lossy(&bytes);
        let uri: http::Uri = format!("/?{text}").parse().unwrap_or_default();
        Ok(Form(query_pairs(&uri)))
    }

    fn field(&self, wanted: &str) -> &str {
        self.0.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.trim())
    }

    /// The frame of the page that answers, in the language of the page that sent the form.
    fn frame(&self, state: &ApiState, headers: &HeaderMap, uri: &http::Uri) -> Frame {
        let mut frame = frame(state, headers, uri);
        if !self.field("lang").is_empty() {
            frame.language = Language::choose(Some(self.field("lang")), None);
        }
        frame
    }
}

/// `GET /sign-in`. Who is signed in is led on.
pub async fn form(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let frame = frame(&state, &headers, &uri);
    if state.sessions().agent(state.keystore(), &headers).is_some() {
        return Redirect::to(&frame.language.of_path(HOME)).into_response();
    }
    let why = match given(&uri, "out") {
        Some(_) => Why::SignedOut,
        None => Why::Asked,
    };
    let next = frame.language.of_path(HOME);
    private(StatusCode::OK, members::sign_in(&frame, &company(&state), &next, why))
}

/// `POST /sign-in`: exchanges an API key for a session.
pub async fn sign_in(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let form = Form::read(&state, body).await?;
    let next = own_path(form.field("next"));
    let cookie = is_own(&headers)
        .then(|| {
            state.sessions().begin(state.keystore(), form.field("api_key"), is_https(&headers))
        })
        .flatten();
    let Some(cookie) = cookie else {
        let frame = form.frame(&state, &headers, &uri);
        let html = members::sign_in(&frame, &company(&state), next, Why::UnknownKey);
        return Ok(private(StatusCode::UNAUTHORIZED, html));
    };
    let mut response = Redirect::to(next).into_response();
    response.headers_mut().insert(SET_COOKIE, cookie);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `POST /sign-out`: a form of another site ends no session.
pub async fn sign_out(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let form = Form::read(&state, body).await?;
    let cookie =
        is_own(&headers).then(|| state.sessions().end(&headers, is_https(&headers))).flatten();
    let language = form.frame(&state, &headers, &uri).language;
    let mut response = Redirect::to(&language.of_path("/sign-in?out=1")).into_response();
    response.headers_mut().extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_back_to_a_page_of_this_site_only() {
        assert_eq!(own_path("/agreements/ab?lang=en"), "/agreements/ab?lang=en");
        for other in ["//evil.example", "https://evil.example", "", "/\\evil.example", "/a\r\nb"] {
            assert_eq!(own_path(other), HOME, "{other}");
        }
    }
}
