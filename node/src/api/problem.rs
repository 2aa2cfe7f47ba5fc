//! Problems: every error that the HTTP side answers, as `application/problem+json` (RFC 9457).
//!
//! One table, [`Kind`], gives status, title, code and EPCIS exception. Under `/epcis/v2` the `type`
//! is the exception's name; elsewhere it is `tracehold:` and the code. [`render`] is the last layer
//! of the router: it rewrites problems for their path, and turns whatever bare error a library
//! answered into a problem, so that no other shape leaves this node.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use tracehold_chain::epcis::{Normalisation, Violation};

use super::limits::MAX_FIELD_ERRORS;

/// What went wrong, as far as a client's program needs to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A body that breaks a rule.
    Validation,
    /// A query parameter, path or header that breaks a rule.
    Parameter,
    /// A key is needed, or the given one is unknown.
    Unauthorized,
    /// The caller may not do this.
    Forbidden,
    /// There is no such thing here.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The answer cannot have the form that was asked for.
    NotAcceptable,
    /// The request did not arrive in time.
    RequestTimeout,
    /// It exists already.
    Exists,
    /// More than a limit allows.
    TooLarge,
    /// A query that breaks a rule, where it stands in a body.
    QueryValidation,
    /// More events than the query allows itself.
    QueryTooLarge,
    /// A query that would take more work than one answer may.
    QueryTooComplex,
    /// The path and query are too long.
    UriTooLong,
    /// The body has a media type that is not read here.
    UnsupportedMedia,
    /// Well formed, but the ledger refused it; `code` says why.
    Refused,
    /// More requests than one address may make.
    TooMany,
    /// The standard has it, this node does not yet.
    NotImplemented,
    /// This node cannot do it now; it may be tried again.
    Unavailable,
    /// The block did not come in time; the outcome is not known yet.
    CommitTimeout,
    /// A mistake on our side.
    Internal,
}

impl Kind {
    /// Status, code, title and EPCIS exception.
    fn row(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Kind::Validation => {
                (S::BAD_REQUEST, "validation", "The body breaks a rule", "ValidationException")
            }
            Kind::Parameter => (
                S::BAD_REQUEST,
                "parameter",
                "A parameter breaks a rule",
                "QueryParameterException",
            ),
            Kind::Unauthorized => {
                (S::UNAUTHORIZED, "unauthorized", "An API key is needed", "SecurityException")
            }
            Kind::Forbidden => {
                (S::FORBIDDEN, "forbidden", "This is not allowed", "SecurityException")
            }
            Kind::NotFound => {
                (S::NOT_FOUND, "not_found", "There is no such thing here", "NoSuchNameException")
            }
            Kind::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This path does not know this method",
                "ImplementationException",
            ),
            Kind::NotAcceptable => (
                S::NOT_ACCEPTABLE,
                "not_acceptable",
                "The answer cannot have the form asked for",
                "NotAcceptableException",
            ),
            Kind::RequestTimeout => (
                S::REQUEST_TIMEOUT,
                "request_timeout",
                "The request did not arrive in time",
                "ImplementationException",
            ),
            Kind::Exists => {
                (S::CONFLICT, "exists", "It exists already", "ResourceAlreadyExistsException")
            }
            Kind::TooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "too_large",
                "More than a limit allows",
                "CaptureLimitExceededException",
            ),
            Kind::QueryValidation => (
                S::BAD_REQUEST,
                "query_validation",
                "The query breaks a rule",
                "QueryValidationException",
            ),
            Kind::QueryTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "query_too_large",
                "More events than the query allows itself",
                "QueryTooLargeException",
            ),
            Kind::QueryTooComplex => (
                S::PAYLOAD_TOO_LARGE,
                "query_too_complex",
                "The query takes more work than one answer may",
                "QueryTooComplexException",
            ),
            Kind::UriTooLong => (
                S::URI_TOO_LONG,
                "uri_too_long",
                "The path and query are too long",
                "URITooLongException",
            ),
            Kind::UnsupportedMedia => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "This media type is not read here",
                "UnsupportedMediaTypeException",
            ),
            Kind::Refused => {
                (S::UNPROCESSABLE_ENTITY, "refused", "The ledger refused it", "ValidationException")
            }
            Kind::TooMany => (
                S::TOO_MANY_REQUESTS,
                "too_many_requests",
                "Too many requests",
                "ImplementationException",
            ),
            Kind::NotImplemented => (
                S::NOT_IMPLEMENTED,
                "not_implemented",
                "This node does not do that yet",
                "ImplementationException",
            ),
            Kind::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "This node cannot do it now",
                "ImplementationException",
            ),
            Kind::CommitTimeout => (
                S::GATEWAY_TIMEOUT,
                "commit_timeout",
                "The block did not come in time",
                "ImplementationException",
            ),
            Kind::Internal => (
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "A mistake on our side",
                "ImplementationException",
            ),
        }
    }

    /// The kind that stands for a bare status.
    fn of_status(status: StatusCode) -> Kind {
        match status.as_u16() {
            401 => Kind::Unauthorized,
            403 => Kind::Forbidden,
            404 => Kind::NotFound,
            405 => Kind::MethodNotAllowed,
            406 => Kind::NotAcceptable,
            408 => Kind::RequestTimeout,
            409 => Kind::Exists,
            413 => Kind::TooLarge,
            414 => Kind::UriTooLong,
            415 => Kind::UnsupportedMedia,
            422 => Kind::Refused,
            429 => Kind::TooMany,
            501 => Kind::NotImplemented,
            503 => Kind::Unavailable,
            504 => Kind::CommitTimeout,
            400..=499 => Kind::Parameter,
            _ => Kind::Internal,
        }
    }
}

/// One place in a request that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or the name of a parameter or header.
    pub field: String,
    /// The rule it breaks.
    pub rule: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// A change that the lenient reading made, told like a fault: what was broken, and what was done.
impl From<Violation> for FieldError {
    fn from(violation: Violation) -> FieldError {
        let Violation { pointer, rule, message } = violation;
        FieldError { field: pointer, rule: rule.to_owned(), mend: Some(message) }
    }
}

impl From<Normalisation> for FieldError {
    fn from(change: Normalisation) -> FieldError {
        let Normalisation { pointer, rule, message } = change;
        FieldError { field: pointer, rule: rule.to_owned(), mend: Some(message) }
    }
}

/// An error on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Problem(Box<ProblemBody>);

impl std::ops::Deref for Problem {
    type Target = ProblemBody;
    fn deref(&self) -> &ProblemBody {
        &self.0
    }
}

impl std::ops::DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut ProblemBody {
        &mut self.0
    }
}

/// An error as a client sees it (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the kind of problem: an EPCIS exception such as
    /// `epcisException:ValidationException` under `/epcis/v2`, `tracehold:` and `code` elsewhere.
    #[serde(rename = "type")]
    pub type_: String,
    /// The kind of problem in plain words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A stable name for programs.
    pub code: String,
    /// This occurrence in plain words.
    pub detail: String,
    /// The places at fault, when they can be named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The event at fault, counted from 0 in the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<u32>,
    /// The eventID of the event at fault, when it has one.
    #[serde(rename = "eventID", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The command at fault, counted from 0 in its transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<u32>,
    /// The clause of an agreement's terms that this is about: a JSON pointer into them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// The transaction that this is about, when there is one.
    #[serde(rename = "transactionID", skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    #[serde(skip)]
    epcis_type: &'static str,
    #[serde(skip)]
    headers: Vec<(http::HeaderName, HeaderValue)>,
}

/// The media type of problems.
pub const PROBLEM_JSON: &str = "application/problem+json";

impl Problem {
    /// A problem of this kind; `detail` says what happened and how to mend it.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        let (status, code, title, epcis_type) = kind.row();
        let mut headers = Vec::new();
        if kind == Kind::Unauthorized {
            headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        if kind == Kind::Unavailable {
            headers.push((RETRY_AFTER, HeaderValue::from_static("1")));
        }
        Problem(Box::new(ProblemBody {
            type_: format!("tracehold:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            errors: Vec::new(),
            event: None,
            event_id: None,
            command: None,
            clause: None,
            transaction_id: None,
            epcis_type,
            headers,
        }))
    }

    /// Replaces the kind's general code by one that says more.
    #[must_use]
    pub fn code(mut self, code: &str) -> Problem {
        self.type_ = format!("tracehold:{code}");
        self.code = code.to_owned();
        self
    }

    /// Names another exception of the EPCIS binding than its kind does.
    #[must_use]
    pub fn exception(mut self, name: &'static str) -> Problem {
        self.epcis_type = name;
        self
    }

    /// Names a place at fault; beyond [`MAX_FIELD_ERRORS`] it is left out.
    #[must_use]
    pub fn field(
        mut self,
        field: impl Into<String>,
        rule: impl Into<String>,
        mend: impl Into<String>,
    ) -> Problem {
        if self.errors.len() < MAX_FIELD_ERRORS {
            let (field, rule, mend) = (field.into(), rule.into(), mend.into());
            let mend = (!mend.is_empty()).then_some(mend);
            self.errors.push(FieldError { field, rule, mend });
        }
        self
    }

    /// Names the event at fault.
    #[must_use]
    pub fn event(mut self, index: usize, event_id: Option<&str>) -> Problem {
        self.event = u32::try_from(index).ok();
        self.event_id = event_id.map(str::to_owned);
        self
    }

    /// Names the transaction that this is about.
    #[must_use]
    pub fn transaction(mut self, id: impl std::fmt::Display) -> Problem {
        self.transaction_id = Some(id.to_string());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: http::HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    /// The same problem with the `type` that the EPCIS binding prescribes.
    #[must_use]
    pub fn in_epcis(mut self) -> Problem {
        // One that was written down and read again has its name already.
        if !self.epcis_type.is_empty() {
            self.type_ = format!("epcisException:{}", self.epcis_type);
        }
        // The binding has no 422.
        if self.status == 422 {
            self.status = 400;
        }
        self
    }

    /// About how many bytes it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let texts = [&self.type_, &self.title, &self.code, &self.detail];
        let options = [&self.event_id, &self.transaction_id];
        let fields = self.errors.iter().map(|error| {
            error.field.len() + error.rule.len() + error.mend.as_ref().map_or(0, String::len)
        });
        let texts = texts.into_iter().chain(options.into_iter().flatten()).map(String::len);
        size_of::<ProblemBody>() + texts.sum::<usize>() + fields.sum::<usize>()
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn to_response(&self) -> Response {
        let body = serde_json::to_vec(self).expect("a problem is plain data");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.to_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Marks an answer whose status is an error's and whose body says what its reader came for, such as
/// the progress of a start: it passes as it is.
#[derive(Clone, Copy, Debug)]
pub struct Finished;

/// The last layer: gives problems the `type` of their path, and turns bare errors into problems.
/// Pages (HTML), finished problems and what is marked [`Finished`] pass.
pub async fn render(request: Request, next: Next) -> Response {
    let epcis = request.uri().path().starts_with("/epcis/");
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    if let Some(problem) = response.extensions().get::<Arc<Problem>>() {
        return match epcis {
            true => Problem::clone(problem).in_epcis().to_response(),
            false => response,
        };
    }
    let is_page = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    if is_page || response.extensions().get::<Finished>().is_some() {
        return response;
    }
    let detail = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            format!("{method} is not known here; the Allow header lists what is")
        }
        StatusCode::NOT_FOUND => format!("there is nothing at {path}; /openapi.json lists all"),
        _ => status.canonical_reason().unwrap_or("error").to_lowercase(),
    };
    let mut problem = Problem::new(Kind::of_status(status), detail);
    problem.status = status.as_u16();
    if epcis {
        problem = problem.in_epcis();
    }
    problem.to_response()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn answer(method: &str, path: &str) -> (StatusCode, serde_json::Value) {
        let refuse = || async {
            Problem::new(Kind::Validation, "no").field("/a", "must be text", "write \"…\"")
        };
        let router = Router::new()
            .route("/epcis/v2/x", get(refuse))
            .route("/api/v1/x", get(refuse))
            .route("/bare", get(|| async { (StatusCode::IM_A_TEAPOT, "short and stout") }))
            .layer(axum::middleware::from_fn(render));
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_JSON, "{method} {path}");
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn the_type_is_the_epcis_exception_under_epcis_and_a_stable_code_elsewhere() {
        let (status, problem) = answer("GET", "/epcis/v2/x").await;
        assert_eq!(status, 400);
        assert_eq!(problem["type"], "epcisException:ValidationException");
        assert_eq!(problem["errors"][0]["field"], "/a");
        let (_, problem) = answer("GET", "/api/v1/x").await;
        assert_eq!(problem["type"], "tracehold:validation");
        assert_eq!(problem["code"], "validation");
    }

    #[tokio::test]
    async fn an_error_of_a_library_becomes_a_problem() {
        assert_eq!(answer("GET", "/epcis/v2/none").await.1["type"], {
            "epcisException:NoSuchNameException"
        });
        let (status, problem) = answer("PUT", "/api/v1/x").await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (405, Some("method_not_allowed")));
        let (status, problem) = answer("GET", "/bare").await;
        assert_eq!((status.as_u16(), problem["status"].as_u64()), (418, Some(418)));
    }

    /// The progress of a start reaches whoever asks, though its status is an error's.
    #[tokio::test]
    async fn what_is_marked_finished_passes_as_it_is() {
        let progress = || async {
            let body = axum::Json(serde_json::json!({"done": 7, "of": 9}));
            (StatusCode::SERVICE_UNAVAILABLE, axum::Extension(Finished), body)
        };
        let router =
            Router::new().route("/readyz", get(progress)).layer(axum::middleware::from_fn(render));
        let request = Request::builder().uri("/readyz").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 503);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], br#"{"done":7,"of":9}"#);
    }
}
