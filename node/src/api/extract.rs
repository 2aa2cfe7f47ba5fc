//! What handlers take from a request, with every refusal a [`Problem`].

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, Query};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::problem::{Kind, Problem};

/// Reads a whole body, of at most `limit` bytes, within `deadline`.
///
/// # Errors
/// [`Problem`]: too large, too slow, or broken off.
pub async fn read_body(body: Body, limit: usize, deadline: Duration) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(deadline, Limited::new(body, limit).collect());
    match read.await {
        Err(_) => Err(too_slow(deadline)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(Problem::new(Kind::Validation, "the body broke off")),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}

/// Reads a whole body of at most `limit` bytes within `deadline`. Of a larger one the rest, up to
/// `drained` bytes in all, is taken and thrown away: a sender that is not interrupted sees the
/// answer, where one that is cut off often sees a broken connection only.
///
/// # Errors
/// [`Problem`]: too large, too slow, or broken off.
pub async fn read_or_drain(
    mut body: Body,
    limit: usize,
    drained: usize,
    deadline: Duration,
) -> Result<Vec<u8>, Problem> {
    let read = async {
        let (mut kept, mut length) = (Vec::new(), 0_usize);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Problem::new(Kind::Validation, "the body broke off"))?;
            let Ok(data) = frame.into_data() else { continue };
            length = length.saturating_add(data.len());
            if length > drained {
                break;
            }
            if length > limit {
                kept = Vec::new();
            } else {
                kept.extend_from_slice(&data);
            }
        }
        if length > limit { Err(too_large(limit)) } else { Ok(kept) }
    };
    tokio::time::timeout(deadline, read).await.unwrap_or_else(|_| Err(too_slow(deadline)))
}

fn too_slow(deadline: Duration) -> Problem {
    let detail = format!("the body did not arrive within {} ms", deadline.as_millis());
    Problem::new(Kind::RequestTimeout, detail)
        .header(http::header::CONNECTION, HeaderValue::from_static("close"))
}

/// The problem of a body beyond its limit. The connection is closed, since the rest of the body
/// is not read.
pub fn too_large(limit: usize) -> Problem {
    Problem::new(
        Kind::TooLarge,
        format!("the body is larger than the limit of {limit} bytes; send it in smaller parts"),
    )
    .header(http::header::CONNECTION, HeaderValue::from_static("close"))
}

/// The length of the body that its head announces, if it does; at most `limit`.
///
/// # Errors
/// [`too_large`], before any of it is read.
pub fn check_announced(headers: &HeaderMap, limit: usize) -> Result<Option<usize>, Problem> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > limit => Err(too_large(limit)),
        length => Ok(length),
    }
}

/// The media type of the body, without parameters and in lower case; `default` when none is given.
pub fn media_type(headers: &HeaderMap, default: &str) -> String {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.map_or(default, |text| text.split(';').next().unwrap_or(text).trim());
    essence.to_ascii_lowercase()
}

/// Refuses a body that does not say it is JSON.
///
/// # Errors
/// [`Kind::UnsupportedMedia`].
pub fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = media_type(headers, "application/json");
    if matches!(given.as_str(), "application/json" | "application/ld+json") {
        return Ok(());
    }
    Err(Problem::new(
        Kind::UnsupportedMedia,
        format!("bodies here are application/json or application/ld+json, not {given}"),
    ))
}

/// Query parameters as they are named by the fields of `T`; unknown ones must be refused by `T`
/// (`deny_unknown_fields`).
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params<T>, Problem> {
        let Query(value) = Query::<T>::try_from_uri(&parts.uri).map_err(|error| {
            let text = std::error::Error::source(&error).map_or(error.to_string(), |source| {
                std::error::Error::source(source).unwrap_or(source).to_string()
            });
            Problem::new(Kind::Parameter, text)
        })?;
        Ok(Params(value))
    }
}

/// The query as pairs, in order, decoded as forms are (`+` is a space).
#[must_use]
pub fn query_pairs(uri: &http::Uri) -> Vec<(String, String)> {
    // Any query decodes to pairs of text; what is not UTF-8 becomes replacement characters.
    Query::<Vec<(String, String)>>::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// The variable parts of the path, percent-decoded.
pub struct InPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<InPath<T>, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(InPath(value)),
            Err(rejection) => Err(Problem::new(Kind::Parameter, rejection.body_text())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_beyond_the_limit_are_refused_whether_announced_or_not() {
        let second = Duration::from_secs(1);
        assert_eq!(read_body(Body::from("abc"), 3, second).await.unwrap(), "abc");
        let refused = read_body(Body::from("abcd"), 3, second).await.unwrap_err();
        assert_eq!(refused.status, 413);
        assert!(refused.detail.contains("3 bytes"), "{}", refused.detail);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("4"));
        assert_eq!(check_announced(&headers, 4).unwrap(), Some(4));
        assert!(check_announced(&headers, 3).is_err());
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("99999999999999999999"));
        assert!(check_announced(&headers, 3).is_ok(), "hyper refuses such a head by itself");
    }

    #[tokio::test]
    async fn of_a_body_that_is_a_little_too_large_the_rest_is_thrown_away() {
        let second = Duration::from_secs(1);
        let pieces = |count: usize| {
            let piece = || Ok::<_, std::io::Error>(vec![b'x'; 10]);
            let pieces = std::iter::repeat_with(piece).take(count);
            Body::from_stream(futures::stream::iter(pieces))
        };
        assert_eq!(read_or_drain(pieces(2), 20, 50, second).await.unwrap().len(), 20);
        for count in [3, 5, 1_000_000_000] {
            assert_eq!(read_or_drain(pieces(count), 20, 50, second).await.unwrap_err().status, 413);
        }
        let stuck = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let stuck = read_or_drain(Body::from_stream(stuck), 20, 50, Duration::from_millis(10));
        assert_eq!(stuck.await.unwrap_err().status, 408);
    }

    #[test]
    fn only_json_is_read() {
        let mut headers = HeaderMap::new();
        assert!(check_json(&headers).is_ok());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("Application/JSON; charset=utf-8"));
        assert!(check_json(&headers).is_ok());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        assert_eq!(check_json(&headers).unwrap_err().status, 415);
    }
}
