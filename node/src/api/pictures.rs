//! `/api/v1/pictures`: files of products, by their SHA-256.

use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use tracehold_chain::digest::Digest;

use super::ApiState;
use super::auth::Keyed;
use super::extract::{InPath, media_type, query_pairs, read_or_drain};
use super::limits::{MAX_DRAINED_BYTES, PLACEHOLDER_SECONDS};
use super::problem::{Finished, Kind, Problem};
use super::visible::Caller;
use crate::pictures::{MAX_PHOTO_BYTES, NoPicture, NotKept, PLACEHOLDER, Shape, image};

/// Says on an answer that it is no picture of the product but what is shown in its place.
const PLACEHOLDER_MARK: HeaderName = HeaderName::from_static("tracehold-placeholder");

/// Members that name one picture that are looked at, to ask their nodes first.
const MAX_NAMED_BY: usize = 16;

/// A picture that this node keeps.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PictureView {
    /// The SHA-256 of the file: what a product names as its `picture`.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Its size.
    pub bytes: usize,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Whether it was too large to be kept as it was sent, and was made smaller.
    pub scaled: bool,
}

/// Upload a picture
///
/// Takes the bytes of a PNG, JPEG or WebP file of at most 16 MiB, such as a photograph straight
/// from a phone. One of at most 1 MiB and 24 million pixels is kept byte for byte. A larger one is
/// made smaller first (`scaled` is true): the right side up, at most 2,048 pixels along its longer
/// side, as JPEG and without what the camera wrote beside it; `digest` is that of what is kept.
/// Other nodes fetch it by its digest once a product names it.
#[utoipa::path(
    post, path = "/api/v1/pictures", tag = "Master data",
    request_body(content = Vec<u8>, content_type = "application/octet-stream",
        description = "the file as it is; `image/png`, `image/jpeg` and `image/webp` are taken too"),
    responses(
        (status = 200, description = "This node had it already", body = PictureView),
        (status = 201, description = "Kept; `Location` names it", body = PictureView,
            headers(("Location" = String, description = "the picture"))),
        (status = 400, description = "Not a picture"),
        (status = 413, description = "More than a limit allows"),
        (status = 415, description = "Another kind of file"),
    ),
    security(("api_key" = []))
)]
pub async fn post_picture(
    State(state): State<ApiState>,
    _keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let _room = state.make_room(&headers, MAX_PHOTO_BYTES).await?;
    let deadline = state.limits().body;
    let read = read_or_drain(body, MAX_PHOTO_BYTES, MAX_DRAINED_BYTES, deadline).await;
    let bytes = read.map_err(|problem| match problem.status() {
        StatusCode::PAYLOAD_TOO_LARGE => no_picture(&NoPicture::TooLarge),
        _ => problem,
    })?;
    let shape = image::shape(&bytes).map_err(|wrong| no_picture(&wrong))?;
    let said = media_type(&headers, "application/octet-stream");
    let is = shape.format.media_type();
    if said.starts_with("image/") && said != is {
        let detail = format!("the bytes are {is}, and the request says {said}");
        let mend = format!("send Content-Type: {is}, or the file that was meant");
        let problem = Problem::new(Kind::UnsupportedMedia, detail).code("wrong_media_type");
        return Err(problem.field("Content-Type", "must be what the bytes are", mend));
    }
    let sent = bytes.len();
    let (shape, bytes) = match state.pictures().to_keep(bytes, shape).await {
        Some(kept) => kept.map_err(|wrong| no_picture(&wrong))?,
        None => {
            let detail =
                "other photographs are being made smaller: send this one again in a moment";
            return Err(Problem::new(Kind::Unavailable, detail).code("busy"));
        }
    };
    let scaled = bytes.len() != sent;
    let (store, length) = (state.pictures().store(), bytes.len());
    let kept = tokio::task::spawn_blocking(move || store.upload(&bytes)).await;
    let kept = kept.map_err(|error| Problem::new(Kind::Internal, error.to_string()))?;
    let (digest, new) = kept.map_err(|error| match &error {
        NotKept::Full { .. } => {
            let detail = format!("{error}: the one who runs the node can remove some");
            Problem::new(Kind::TooLarge, detail).code("pictures_full")
        }
        NotKept::Io(_) => {
            tracing::error!(%error, "a picture is not kept");
            Problem::new(Kind::Internal, error.to_string())
        }
    })?;
    let Shape { width, height, .. } = shape;
    let (media_type, bytes) = (shape.format.media_type().to_owned(), length);
    let digest_text = digest.to_string();
    let view = PictureView { digest: digest_text, media_type, bytes, width, height, scaled };
    let location = format!("/api/v1/pictures/{digest}");
    let location = HeaderValue::from_str(&location).expect("a digest is plain");
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(LOCATION, location)], Json(view)).into_response())
}

fn no_picture(wrong: &NoPicture) -> Problem {
    let (kind, code) = match wrong {
        NoPicture::Empty | NoPicture::Damaged(_) => (Kind::Validation, "damaged_picture"),
        NoPicture::TooLarge => (Kind::TooLarge, "picture_too_large"),
        NoPicture::Unknown => (Kind::UnsupportedMedia, "not_a_picture"),
        NoPicture::Side { .. } => (Kind::Validation, "picture_too_wide"),
    };
    Problem::new(kind, wrong.to_string()).code(code)
}

/// Read a picture
///
/// Needs no key: pages that anyone may see show pictures. A picture that a product on record names
/// and this node does not have is fetched from other nodes and checked. When nobody has it the
/// answer is 404 with a drawing in its place and the header `Tracehold-Placeholder`; whoever asks
/// for `application/json` gets a problem instead.
#[utoipa::path(
    get, path = "/api/v1/pictures/{digest}", tag = "Master data",
    params(
        ("digest" = String, Path, pattern = "^[0-9a-f]{64}$",
            description = "the SHA-256 of the file: 64 hex digits"),
        ("size" = Option<String>, Query, pattern = "^small$", description = "`small` for at most \
            40 KB and 384 pixels along the longer side, as pages show it"),
    ),
    responses(
        (status = 200, description = "The picture, byte for byte; it never changes. With \
            `size=small` it is the same picture made small",
            content_type = "image/*"),
        (status = 304, description = "The caller has it already"),
        (status = 400, description = "Not a digest"),
        (status = 404, description = "Nobody who was asked has it; a drawing stands in its place",
            content_type = "image/svg+xml"),
    )
)]
pub async fn get_picture(
    State(state): State<ApiState>,
    _caller: Caller,
    headers: HeaderMap,
    InPath(digest): InPath<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let is_small = wants_small(&uri)?;
    let digest: Digest = digest.parse().map_err(|_| {
        let rule = "must be a SHA-256: 64 lower-case hexadecimal digits";
        let mend = "take it from the product's record or from the answer to the upload";
        Problem::new(Kind::Parameter, format!("digest {rule}")).field("digest", rule, mend)
    })?;
    let mut found = state.pictures().here(digest).await;
    // Only what a product names is looked for elsewhere: strangers cannot send this node around.
    if found.is_none() {
        let named = state.read(move |view| view.picture_members(&digest, MAX_NAMED_BY)).await?;
        if !named.is_empty() {
            found = state.pictures().find(digest, state.likely_peers(&digest, &named)?).await;
        }
    }
    match found {
        Some((shape, bytes)) if is_small => {
            match state.pictures().small(digest, shape, bytes).await {
                Some((shape, bytes)) => {
                    let tag = format!("\"{digest}-small\"");
                    Ok(picture(&headers, &tag, shape, bytes.to_vec()))
                }
                None => missing(&headers, &digest),
            }
        }
        Some((shape, bytes)) => Ok(picture(&headers, &format!("\"{digest}\""), shape, bytes)),
        None => missing(&headers, &digest),
    }
}

/// Whether the picture is wanted as pages show it.
fn wants_small(uri: &http::Uri) -> Result<bool, Problem> {
    let pairs = query_pairs(uri);
    match pairs.iter().find(|(name, _)| name == "size").map(|(_, size)| size.as_str()) {
        None => Ok(false),
        Some("small") => Ok(true),
        Some(other) => {
            let rule = "must be small, or left out for the picture as it is kept";
            Err(Problem::new(Kind::Parameter, format!("size {rule}, not {other:?}")).field(
                "size",
                rule,
                "use ?size=small",
            ))
        }
    }
}

fn picture(headers: &HeaderMap, tag: &str, shape: Shape, bytes: Vec<u8>) -> Response {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*");
    let (status, body) = match is_known {
        true => (StatusCode::NOT_MODIFIED, Vec::new()),
        false => (StatusCode::OK, bytes),
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(CACHE_CONTROL, forever);
    headers.insert(ETAG, HeaderValue::from_str(tag).expect("a digest is plain"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(shape.format.media_type()));
    harmless(headers);
    response
}

/// No browser takes the bytes for anything else than a picture.
fn harmless(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let nothing = HeaderValue::from_static("default-src 'none'; sandbox");
    headers.insert(CONTENT_SECURITY_POLICY, nothing);
}

fn missing(headers: &HeaderMap, digest: &Digest) -> Result<Response, Problem> {
    let soon = format!("public, max-age={PLACEHOLDER_SECONDS}");
    let soon = HeaderValue::from_str(&soon).expect("a number is plain");
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wants_json = ["application/json", "application/problem+json"];
    if wants_json.iter().any(|media| accept.contains(media)) {
        let detail = format!(
            "no node that was asked has the picture {digest}: ask again in {PLACEHOLDER_SECONDS} s, \
             or upload it"
        );
        return Err(Problem::new(Kind::NotFound, detail).header(CACHE_CONTROL, soon));
    }
    let mut response =
        (StatusCode::NOT_FOUND, axum::Extension(Finished), PLACEHOLDER).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, soon);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(PLACEHOLDER_MARK, HeaderValue::from_static("true"));
    harmless(headers);
    Ok(response)
}
