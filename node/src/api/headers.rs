//! GS1's headers: which versions are spoken, which limits hold, what a client asks for.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, ALLOW, CONTENT_LENGTH, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tracehold_chain::epcis::{activity, uri};
use tracehold_chain::limits::MAX_EVENTS_PER_TRANSACTION;
use tracehold_chain::units::TimestampMs;

use super::epc_format::EpcFormat;
use super::jobs::ErrorBehaviour;
use super::problem::{Kind, Problem};
use super::{ApiState, now};

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
pub(super) const GS1_EPC_FORMAT: HeaderName = HeaderName::from_static("gs1-epc-format");
const GS1_CBV_XML_FORMAT: HeaderName = HeaderName::from_static("gs1-cbv-xml-format");
const GS1_EXTENSIONS: HeaderName = HeaderName::from_static("gs1-extensions");
const GS1_VENDOR_VERSION: HeaderName = HeaderName::from_static("gs1-vendor-version");
const NEXT_PAGE_TOKEN_EXPIRES: HeaderName = HeaderName::from_static("gs1-next-page-token-expires");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const CAPTURE_ERROR_BEHAVIOUR: HeaderName = HeaderName::from_static("gs1-capture-error-behaviour");
const CAPTURE_LIMIT: HeaderName = HeaderName::from_static("gs1-epcis-capture-limit");
const CAPTURE_FILE_SIZE_LIMIT: HeaderName =
    HeaderName::from_static("gs1-epcis-capture-file-size-limit");

/// Reads `GS1-Capture-Error-Behaviour`.
///
/// # Errors
/// [`Kind::Validation`] when it is neither `rollback` nor `proceed`.
pub fn error_behaviour(headers: &HeaderMap) -> Result<ErrorBehaviour, Problem> {
    match headers.get(CAPTURE_ERROR_BEHAVIOUR).map(HeaderValue::as_bytes) {
        None => Ok(ErrorBehaviour::Rollback),
        Some(value) if value.eq_ignore_ascii_case(b"rollback") => Ok(ErrorBehaviour::Rollback),
        Some(value) if value.eq_ignore_ascii_case(b"proceed") => Ok(ErrorBehaviour::Proceed),
        Some(_) => {
            let rule = "must be rollback or proceed";
            let name = "GS1-Capture-Error-Behaviour";
            Err(Problem::new(Kind::Validation, format!("the header {name} {rule}")).field(
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

/// The methods of a resource, as an `Allow` header lists them.
fn methods(allow: &HeaderValue) -> Vec<String> {
    let listed = allow.to_str().unwrap_or_default().split(',');
    let mut methods: Vec<String> = listed.map(|method| method.trim().to_owned()).collect();
    methods.push("OPTIONS".to_owned());
    methods.sort();
    methods.dedup();
    methods
}

/// The layer that answers `OPTIONS` for every resource of the EPCIS binding: which methods it has,
/// and what is spoken here. It stands around the router, whose refusal of the method lists the
/// others.
pub async fn discover(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let asked = request.method() == Method::OPTIONS;
    let mut answer = next.run(request).await;
    let Some(allow) = answer.headers().get(ALLOW).cloned() else { return answer };
    if !in_epcis(&path) || answer.status() != StatusCode::METHOD_NOT_ALLOWED {
        return answer;
    }
    let methods = methods(&allow).join(", ");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_str(&methods).unwrap_or(allow));
    if !asked {
        return answer;
    }
    let (parts, _) = answer.into_parts();
    let mut headers = parts.headers;
    headers.remove(CONTENT_TYPE);
    headers.remove(CONTENT_LENGTH);
    for (name, value) in [
        (GS1_EPCIS_MIN, EPCIS_VERSION),
        (GS1_EPCIS_MAX, EPCIS_VERSION),
        (GS1_CBV_MIN, CBV_VERSION),
        (GS1_CBV_MAX, CBV_VERSION),
        (GS1_EPC_FORMAT, EpcFormat::default().as_str()),
        (GS1_VENDOR_VERSION, concat!("tracehold-", env!("CARGO_PKG_VERSION"))),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(ours) = HeaderValue::from_str(&format!("tracehold={}", activity::NAMESPACE)) {
        headers.insert(GS1_EXTENSIONS, ours);
    }
    if path == "/epcis/v2/capture" {
        headers.insert(CAPTURE_ERROR_BEHAVIOUR, HeaderValue::from_static("all"));
        headers.extend(capture_limits(&state));
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    *response.headers_mut() = headers;
    response
}

fn in_epcis(path: &str) -> bool {
    path == "/epcis/v2" || path.starts_with("/epcis/v2/")
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

/// Refuses a request for an answer that is not JSON.
///
/// # Errors
/// [`Kind::NotAcceptable`] naming the header.
fn check_accept(headers: &HeaderMap) -> Result<(), Problem> {
    let accept = headers.get(ACCEPT).map(|value| value.to_str().unwrap_or_default());
    if accept.is_none_or(accepts_json) {
        return Ok(());
    }
    Err(Problem::new(Kind::NotAcceptable, "answers here are application/json").field(
        "Accept",
        "must allow application/json or application/ld+json",
        "leave it out or add it",
    ))
}

/// Refuses a `GS1-CBV-XML-Format` that the binding does not know. Those that it knows are about
/// answers in XML, of which there are none here, and change nothing.
///
/// # Errors
/// [`Kind::NotAcceptable`] naming the header.
fn check_xml_format(headers: &HeaderMap) -> Result<(), Problem> {
    const FORMATS: [&str; 4] =
        ["No_Preference", "Always_Web_URI", "Always_URN", "Never_Translates"];
    let Some(value) = headers.get(GS1_CBV_XML_FORMAT) else { return Ok(()) };
    if FORMATS.iter().any(|format| format.as_bytes() == value.as_bytes()) {
        return Ok(());
    }
    let rule = format!("must be one of {}", FORMATS.join(", "));
    let detail = format!("the header GS1-CBV-XML-Format {rule}");
    Err(Problem::new(Kind::NotAcceptable, detail).field(
        "GS1-CBV-XML-Format",
        rule,
        "leave it out: answers here are JSON",
    ))
}

/// Refuses a request for a version, or a form, that is not spoken here.
///
/// # Errors
/// [`Kind::NotAcceptable`] naming the header.
fn check(headers: &HeaderMap) -> Result<(), Problem> {
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
    check_xml_format(headers)?;
    check_extensions(headers)
}

/// The layer of `/epcis/v2`: refuses versions that are not spoken, says on every answer what is,
/// and writes identifiers in the form that is asked for.
pub async fn layer(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if !in_epcis(request.uri().path()) {
        return next.run(request).await;
    }
    let is_capture = request.uri().path().starts_with("/epcis/v2/capture");
    let is_write = request.method() == Method::POST;
    let wants_linked = prefers_linked_data(request.headers());
    // A document that was captured comes back in its own form.
    let is_document = is_capture && request.uri().path().ends_with("/document");
    let accepted = if is_document { Ok(()) } else { check_accept(request.headers()) };
    let checked = accepted.and_then(|()| check(request.headers()));
    let checked = checked.and_then(|()| EpcFormat::of(request.headers()));
    let (format, mut response) = match checked {
        Ok(format) => (format, next.run(request).await),
        Err(problem) => (EpcFormat::default(), problem.in_epcis().into_response()),
    };
    if !is_write {
        response = format.answer(response).await;
    }
    let headers = response.headers_mut();
    headers.insert(GS1_EPCIS_VERSION, HeaderValue::from_static(EPCIS_VERSION));
    headers.insert(GS1_CBV_VERSION, HeaderValue::from_static(CBV_VERSION));
    if wants_linked && headers.get(CONTENT_TYPE).is_some_and(|media| media == "application/json") {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/ld+json"));
    }
    if headers.contains_key(LINK)
        && let Some(until) = next_page_good_until()
    {
        headers.insert(NEXT_PAGE_TOKEN_EXPIRES, until);
    }
    if is_capture && is_write {
        for (name, value) in capture_limits(&state) {
            headers.insert(name, value);
        }
    }
    response
}

/// Whether `Accept` names JSON-LD and does not name plain JSON.
fn prefers_linked_data(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let names = |media: &str| {
        accept.split(',').any(|range| range.split(';').next().unwrap_or(range).trim() == media)
    };
    names("application/ld+json") && !names("application/json")
}

/// Refuses a `GS1-Extensions` that does not read `prefix=uri,…`: prefixes of extension fields that
/// are named in a query.
///
/// # Errors
/// [`Kind::NotAcceptable`] naming the header.
fn check_extensions(headers: &HeaderMap) -> Result<(), Problem> {
    for value in headers.get_all(GS1_EXTENSIONS) {
        let entries = value.to_str().unwrap_or("?").split(',').map(str::trim);
        for entry in entries.filter(|entry| !entry.is_empty()) {
            let pair = entry.split_once('=').map(|(prefix, uri)| (prefix.trim(), uri.trim()));
            if !pair.is_some_and(|(prefix, uri)| is_prefix(prefix) && uri::is_uri(uri)) {
                let rule = "must be prefix=uri, several of them joined by commas";
                let detail = format!("the header GS1-Extensions {rule}");
                return Err(Problem::new(Kind::NotAcceptable, detail).field(
                    "GS1-Extensions",
                    rule,
                    "write it as example=http://ns.example.com/epcis/, or leave it out",
                ));
            }
        }
    }
    Ok(())
}

fn is_prefix(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed)
}

/// Until when the token of a next page is good at least. A token holds a place in a history that
/// only grows, so it does not expire.
fn next_page_good_until() -> Option<HeaderValue> {
    const GOOD_FOR_MS: u64 = 30 * 24 * 3_600_000;
    let until = TimestampMs(now().0.saturating_add(GOOD_FOR_MS)).to_string();
    HeaderValue::from_str(&until).ok()
}

/// Whether the caller asks for the lenient reading (RFC 7240 `Prefer: handling=lenient`).
#[must_use]
pub fn lenient(headers: &HeaderMap) -> bool {
    preferences(headers).any(|part| part.eq_ignore_ascii_case("handling=lenient"))
}

/// The header that says that the lenient reading was used.
#[must_use]
pub fn lenient_applied() -> (HeaderName, HeaderValue) {
    (PREFERENCE_APPLIED, HeaderValue::from_static("handling=lenient"))
}

/// The preferences of a request, without space and quotes around their values.
fn preferences(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split([',', ';'])).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match value.trim().trim_matches('"') {
            "" => name.trim().to_owned(),
            value => format!("{}={value}", name.trim()),
        }
    })
}

/// How long the caller would wait for an answer that has more to say (RFC 7240 `Prefer: wait`);
/// zero when nothing is said of it. A preference that cannot be read is none.
#[must_use]
pub fn wait(headers: &HeaderMap) -> Duration {
    let seconds = preferences(headers)
        .find_map(|part| part.strip_prefix("wait=").and_then(|value| value.parse::<u32>().ok()));
    Duration::from_secs(seconds.unwrap_or(0).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    /// Promise P102.
    #[test]
    fn what_is_not_spoken_is_refused_with_406() {
        let judge = |headers: &HeaderMap| check_accept(headers).and_then(|()| check(headers));
        for (name, value) in [
            (GS1_EPCIS_VERSION, "2.0.0"),
            (GS1_EPCIS_VERSION, "2.0"),
            (GS1_CBV_MIN, "1.2.0"),
            (GS1_EPCIS_MAX, "2.1"),
            (GS1_EXTENSIONS, "example=http://ns.example.com/epcis/, b=urn:x:b"),
            (GS1_EXTENSIONS, ""),
            (GS1_CBV_XML_FORMAT, "Always_Web_URI"),
            (ACCEPT, "text/html, */*;q=0.1"),
            (ACCEPT, "Application/JSON"),
            (ACCEPT, ""),
        ] {
            assert!(judge(&with(name.clone(), value)).is_ok(), "{name} {value}");
        }
        for (name, value, status) in [
            (GS1_EPCIS_VERSION, "1.2", 406),
            (GS1_CBV_VERSION, "3.0", 406),
            (GS1_EPCIS_MIN, "2.1.0", 406),
            (GS1_EPCIS_MAX, "1.2", 406),
            (GS1_EPCIS_MAX, "x", 406),
            (ACCEPT, "application/xml", 406),
            (ACCEPT, "application/json;q=0", 406),
            (GS1_EXTENSIONS, "example", 406),
            (GS1_EXTENSIONS, "example=no uri", 406),
            (GS1_CBV_XML_FORMAT, "urn", 406),
        ] {
            let refused = judge(&with(name.clone(), value)).unwrap_err();
            assert_eq!(refused.status, status, "{name} {value}");
        }
    }

    #[test]
    fn preferences_are_found_among_others() {
        let prefer = |value| with(HeaderName::from_static("prefer"), value);
        let read = |value| wait(&prefer(value)).as_secs();
        assert_eq!(wait(&HeaderMap::new()).as_secs(), 0);
        assert_eq!((read("wait=5"), read("respond-async, wait=7"), read("wait=x")), (5, 7, 0));
        assert_eq!(read("handling=lenient; wait = \"9\""), 9);
        for (value, is_lenient) in [
            ("handling=lenient", true),
            ("wait=5, Handling=\"lenient\"", true),
            ("handling=strict", false),
            ("lenient", false),
        ] {
            assert_eq!(lenient(&prefer(value)), is_lenient, "{value}");
        }
    }

    #[test]
    fn the_error_behaviour_is_one_of_two() {
        let read = |value| error_behaviour(&with(CAPTURE_ERROR_BEHAVIOUR, value));
        assert_eq!(error_behaviour(&HeaderMap::new()).unwrap(), ErrorBehaviour::Rollback);
        assert_eq!(read("proceed").unwrap(), ErrorBehaviour::Proceed);
        assert_eq!(read("all").unwrap_err().errors[0].field, "GS1-Capture-Error-Behaviour");
    }

    #[test]
    fn json_ld_is_answered_to_who_names_it_alone() {
        let asks = |value| prefers_linked_data(&with(ACCEPT, value));
        assert!(asks("application/ld+json"));
        assert!(asks("application/ld+json;q=0.9, text/html"));
        assert!(!asks("application/ld+json, application/json"));
        assert!(!asks("*/*"));
    }
}
