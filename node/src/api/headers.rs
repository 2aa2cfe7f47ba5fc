//! GS1's headers: which versions are spoken, which limits hold, what a client asks for.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, ALLOW};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tracehold_chain::limits::MAX_EVENTS_PER_TRANSACTION;

use super::ApiState;
use super::jobs::ErrorBehaviour;
use super::problem::{Kind, Problem};

/// The version of EPCIS that is spoken.
const EPCIS_VERSION: &str = "2.0.0";
/// The version of the Core Business Vocabulary that is spoken.
const CBV_VERSION: &str = "2.0.0";

const GS1_EPCIS_VERSION: HeaderName = HeaderName::from_static("gs1-epcis-version");
const GS1_CBV_VERSION: HeaderName = HeaderName::from_static("gs1-cbv-version");
const GS1_EPCIS_MIN: HeaderName = HeaderName::from_static("gs1-epcis-min");
const GS1_EPCIS_MAX: HeaderName = HeaderName::from_static("gs1-epcis-max");
const GS1_CBV_MIN: HeaderName = HeaderName::from_static("gs1-cbv-min");
const GS1_CBV_MAX: HeaderName = HeaderName::from_static("gs1-cbv-max");
const GS1_EPC_FORMAT: HeaderName = HeaderName::from_static("gs1-epc-format");
const CAPTURE_ERROR_BEHAVIOUR: HeaderName = HeaderName::from_static("gs1-capture-error-behaviour");
const CAPTURE_LIMIT: HeaderName = HeaderName::from_static("gs1-epcis-capture-limit");
const CAPTURE_FILE_SIZE_LIMIT: HeaderName =
    HeaderName::from_static("gs1-epcis-capture-file-size-limit");

/// Reads `GS1-Capture-Error-Behaviour`.
///
/// # Errors
/// [`Kind::Parameter`] when it is neither `rollback` nor `proceed`.
pub fn error_behaviour(headers: &HeaderMap) -> Result<ErrorBehaviour, Problem> {
    match headers.get(CAPTURE_ERROR_BEHAVIOUR).map(HeaderValue::as_bytes) {
        None => Ok(ErrorBehaviour::Rollback),
        Some(value) if value.eq_ignore_ascii_case(b"rollback") => Ok(ErrorBehaviour::Rollback),
        Some(value) if value.eq_ignore_ascii_case(b"proceed") => Ok(ErrorBehaviour::Proceed),
        Some(_) => {
            let rule = "must be rollback or proceed";
            let name = "GS1-Capture-Error-Behaviour";
            Err(Problem::new(Kind::Parameter, format!("the header {name} {rule}")).field(
                name,
                rule,
                "leave it out for rollback",
            ))
        }
    }
}

/// The headers in which the limits of a capture are announced: events and bytes of one document
/// that is captured whole.
#[must_use]
pub fn capture_limits(state: &ApiState) -> [(HeaderName, HeaderValue); 2] {
    let bytes = state.capture_bytes(ErrorBehaviour::Rollback);
    [
        (CAPTURE_LIMIT, HeaderValue::from(MAX_EVENTS_PER_TRANSACTION)),
        (CAPTURE_FILE_SIZE_LIMIT, HeaderValue::from(bytes)),
    ]
}

/// What `OPTIONS` tells of a resource of the EPCIS binding: methods, versions,
/// forms, limits.
pub async fn discover(State(state): State<ApiState>, uri: http::Uri) -> Response {
    let path = uri.path();
    let is_capture = path == "/epcis/v2/capture";
    let methods = match path {
        "/epcis/v2/capture" => "OPTIONS,POST",
        "/epcis/v2/events" => "GET,HEAD,OPTIONS,POST",
        _ => "GET,HEAD,OPTIONS",
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (ALLOW, methods),
        (GS1_EPCIS_MIN, EPCIS_VERSION),
        (GS1_EPCIS_MAX, EPCIS_VERSION),
        (GS1_CBV_MIN, CBV_VERSION),
        (GS1_CBV_MAX, CBV_VERSION),
        (GS1_EPC_FORMAT, "Never_Translates"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_capture {
        headers.insert(CAPTURE_ERROR_BEHAVIOUR, HeaderValue::from_static("all"));
        headers.extend(capture_limits(&state));
    }
    response
}

/// A version such as `2.0` or `2.0.1` as numbers.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().map_or(Some(0), |part| part.parse().ok())?;
    parts.all(|part| part.parse::<u32>().is_ok()).then_some((major, minor))
}

/// Whether an `Accept` header allows JSON (RFC 9110 §12.5.1), weights other than 0 left aside.
fn accepts_json(accept: &str) -> bool {
    let mut ranges = accept.split(',').filter(|range| !range.trim().is_empty()).peekable();
    ranges.peek().is_none()
        || ranges.any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            let allowed = matches!(
                media.as_str(),
                "*/*" | "application/*" | "application/json" | "application/ld+json"
            );
            allowed && !refused
        })
}

/// Refuses a request for what is not spoken here: another version, identifiers translated to URNs.
///
/// # Errors
/// [`Kind::NotAcceptable`] naming the header.
fn check(headers: &HeaderMap) -> Result<(), Problem> {
    let accept = headers.get(ACCEPT).map(|value| value.to_str().unwrap_or_default());
    if !accept.is_none_or(accepts_json) {
        return Err(Problem::new(Kind::NotAcceptable, "answers here are application/json").field(
            "Accept",
            "must allow application/json",
            "leave it out or add it",
        ));
    }
    const SPOKEN: (u32, u32) = (2, 0);
    type Allows = fn((u32, u32)) -> bool;
    let rules: [(HeaderName, Allows); 6] = [
        (GS1_EPCIS_VERSION, |asked| asked == SPOKEN),
        (GS1_CBV_VERSION, |asked| asked == SPOKEN),
        (GS1_EPCIS_MIN, |asked| asked <= SPOKEN),
        (GS1_CBV_MIN, |asked| asked <= SPOKEN),
        (GS1_EPCIS_MAX, |asked| asked >= SPOKEN),
        (GS1_CBV_MAX, |asked| asked >= SPOKEN),
    ];
    for (name, allows) in rules {
        let Some(value) = headers.get(&name) else { continue };
        let text = value.to_str().unwrap_or("?");
        if !version(text).is_some_and(allows) {
            let detail = format!(
                "{name}: {text} is asked for; EPCIS and CBV {EPCIS_VERSION} are \
                                  spoken here"
            );
            return Err(Problem::new(Kind::NotAcceptable, detail).field(
                name.as_str(),
                "must allow version 2.0",
                "leave it out or give 2.0.0",
            ));
        }
    }
    let Some(format) = headers.get(GS1_EPC_FORMAT) else { return Ok(()) };
    // Events are answered as they were given. That is what three of the four values allow when
    // nothing has to be translated.
    match format.as_bytes() {
        b"No_Preference" | b"Never_Translates" | b"Always_GS1_Digital_Link" => Ok(()),
        b"Always_EPC_URN" => Err(Problem::new(
            Kind::NotAcceptable,
            "identifiers are not translated to EPC URNs here: ask for Never_Translates",
        )
        .code("epc_format")),
        _ => Err(Problem::new(
            Kind::Parameter,
            "GS1-EPC-Format must be No_Preference, Always_GS1_Digital_Link, Always_EPC_URN or \
             Never_Translates",
        )),
    }
}

/// The layer of `/epcis/v2`: refuses versions that are not spoken, and says on every answer what
/// is.
pub async fn layer(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/epcis/v2/") {
        return next.run(request).await;
    }
    let is_capture = request.uri().path().starts_with("/epcis/v2/capture");
    let is_write = request.method() == Method::POST;
    let mut response = match check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(GS1_EPCIS_VERSION, HeaderValue::from_static(EPCIS_VERSION));
    headers.insert(GS1_CBV_VERSION, HeaderValue::from_static(CBV_VERSION));
    if is_capture && is_write {
        for (name, value) in capture_limits(&state) {
            headers.insert(name, value);
        }
    }
    response
}

/// How long the caller would wait for an answer that has more to say (RFC 7240 `Prefer: wait`);
/// zero when nothing is said of it. A preference that cannot be read is none.
#[must_use]
pub fn wait(headers: &HeaderMap) -> Duration {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let seconds = values
        .flat_map(|value| value.split(','))
        .find_map(|part| part.trim().strip_prefix("wait=")?.trim().parse::<u32>().ok());
    Duration::from_secs(seconds.unwrap_or(0).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn what_is_not_spoken_is_refused_with_406() {
        for (name, value) in [
            (GS1_EPCIS_VERSION, "2.0.0"),
            (GS1_EPCIS_VERSION, "2.0"),
            (GS1_CBV_MIN, "1.2.0"),
            (GS1_EPCIS_MAX, "2.1"),
            (GS1_EPC_FORMAT, "Never_Translates"),
            (ACCEPT, "text/html, */*;q=0.1"),
            (ACCEPT, "Application/JSON"),
            (ACCEPT, ""),
        ] {
            assert!(check(&with(name.clone(), value)).is_ok(), "{name} {value}");
        }
        for (name, value) in [
            (GS1_EPCIS_VERSION, "1.2"),
            (GS1_CBV_VERSION, "3.0"),
            (GS1_EPCIS_MIN, "2.1.0"),
            (GS1_EPCIS_MAX, "1.2"),
            (GS1_EPCIS_MAX, "x"),
            (GS1_EPC_FORMAT, "Always_EPC_URN"),
            (ACCEPT, "application/xml"),
            (ACCEPT, "application/json;q=0"),
        ] {
            assert_eq!(
                check(&with(name.clone(), value)).unwrap_err().status,
                406,
                "{name} {value}"
            );
        }
    }

    #[test]
    fn a_wish_to_wait_is_found_among_other_preferences() {
        let read = |value| wait(&with(HeaderName::from_static("prefer"), value)).as_secs();
        assert_eq!(wait(&HeaderMap::new()).as_secs(), 0);
        assert_eq!((read("wait=5"), read("respond-async, wait=7"), read("wait=x")), (5, 7, 0));
    }

    #[test]
    fn the_error_behaviour_is_one_of_two() {
        let read = |value| error_behaviour(&with(CAPTURE_ERROR_BEHAVIOUR, value));
        assert_eq!(error_behaviour(&HeaderMap::new()).unwrap(), ErrorBehaviour::Rollback);
        assert_eq!(read("proceed").unwrap(), ErrorBehaviour::Proceed);
        assert_eq!(read("all").unwrap_err().errors[0].field, "GS1-Capture-Error-Behaviour");
    }
}
