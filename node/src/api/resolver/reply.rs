//! Heads and bodies of answers to lookups.

use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE,
    LINK, LOCATION,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::epcis::{Canonical, Level};

use super::super::problem::{Kind, Problem};
use super::linkset::{LINKSET_CONTEXT, LINKSET_JSON};
use super::{JSON, JSON_LD};

/// What a lookup may be asked with.
pub const METHODS: &str = "GET, HEAD, OPTIONS";

/// How long a browser may remember that everybody may ask: a day.
const CORS_SECONDS: u32 = 86_400;

/// Any page in a browser may ask: nothing here depends on who is signed in (Fetch §3.2).
pub fn allow_everybody(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Link, Location"));
}

/// What a browser asks before it asks (CORS), and what may be asked at all.
pub fn options() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    allow_everybody(headers);
    headers.insert(ALLOW, HeaderValue::from_static(METHODS));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    let allowed = HeaderValue::from_static("Accept, Accept-Language, Authorization");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(CORS_SECONDS));
    response
}

/// Where the events of an identifier are.
pub fn events_path(id: &Canonical) -> String {
    let parameter = match id.level() {
        Level::Lot | Level::Class => "MATCH_anyEPCClass",
        Level::Location => "EQ_bizLocation",
        _ => "MATCH_anyEPC",
    };
    format!("/epcis/v2/events?{parameter}={}", percent_encoded(id.uri()))
}

pub fn redirect_to(href: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(href) else {
        return Problem::new(Kind::Internal, "the link on record is no address").into_response();
    };
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// An address with a query handed on, letter by letter, before its fragment.
pub fn with_query(href: &str, query: Option<&str>) -> String {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return href.to_owned() };
    let (before, fragment) = match href.split_once('#') {
        Some((before, fragment)) => (before, format!("#{fragment}")),
        None => (href, String::new()),
    };
    let joint = match before.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, own)) if own.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{before}{joint}{query}{fragment}")
}

pub fn json_answer(status: StatusCode, media: &'static str, value: &Value) -> Response {
    let mut response = (status, value.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if matches!(media, LINKSET_JSON | JSON) {
        let context = format!(
            "<{LINKSET_CONTEXT}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"{JSON_LD}\""
        );
        headers.append(LINK, HeaderValue::from_str(&context).expect("plain ASCII"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P103.
    #[test]
    fn queries_are_handed_on_letter_by_letter() {
        for (href, query, wanted) in [
            ("https://a.example/x", None, "https://a.example/x"),
            ("https://a.example/x", Some(""), "https://a.example/x"),
            ("https://a.example/x", Some("a=1&b=%20;c"), "https://a.example/x?a=1&b=%20;c"),
            ("https://a.example/x?y=1", Some("a=1"), "https://a.example/x?y=1&a=1"),
            ("https://a.example/x?", Some("a=1"), "https://a.example/x?a=1"),
            ("https://a.example/x?y=1#z", Some("a=1"), "https://a.example/x?y=1&a=1#z"),
            ("https://a.example/#z", Some("a"), "https://a.example/?a#z"),
        ] {
            assert_eq!(with_query(href, query), wanted);
        }
    }
}
