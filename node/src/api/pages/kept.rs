//! A page of a thing in one file with its evidence: what is shown today can be checked years later,
//! without any node.

use axum::body::to_bytes;
use axum::response::Response;
use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use http::{HeaderMap, HeaderValue, StatusCode};
use tracehold_chain::epcis::Canonical;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_explorer::pages::{self, Frame, Item, check};

use super::super::ApiState;
use super::super::evidence::{EvidenceQuery, evidence};
use super::super::limits::{MAX_KEPT_EVIDENCE_BYTES, SCAN_INPUTS};
use super::super::problem::{Kind, Problem};
use super::super::visible::Caller;
use super::{base, page};

/// Where the evidence of a page is.
pub fn evidence_path(id: &Canonical) -> String {
    let id = percent_encoded(id.uri());
    format!("/api/v1/evidence?id={id}&sections=public&inputs={SCAN_INPUTS}")
}

/// The page of an item as a file.
///
/// # Errors
/// [`Problem`]: there is nothing to check, or too much to be in one file.
pub async fn kept(
    state: &ApiState,
    frame: &Frame,
    (id, item): (&Canonical, &Item),
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let query = EvidenceQuery::public(id.uri(), SCAN_INPUTS);
    let evidence = evidence(state, &Caller::Anonymous, &query).await?;
    let evidence = to_bytes(evidence.into_body(), MAX_KEPT_EVIDENCE_BYTES).await.map_err(|_| {
        let detail = "the evidence is too large to be kept in a page: download it by itself";
        Problem::new(Kind::TooLarge, detail)
    })?;
    let picture = item.product.as_ref().and_then(|product| product.picture);
    let photograph = match picture {
        Some(digest) => match state.pictures().here(digest).await {
            Some((shape, bytes)) => state.pictures().small(digest, shape, bytes).await,
            None => None,
        },
        None => None,
    };
    let path = picture.map(|digest| pages::item::picture_path(&digest)).unwrap_or_default();
    let photograph = photograph.as_ref();
    let photograph = photograph
        .map(|(shape, bytes)| (path.as_str(), shape.format.media_type(), bytes.as_slice()));
    let proof = evidence_path(id);
    let needed = [(proof.as_str(), "application/json", evidence.as_ref())];
    let html = pages::item(frame, item);
    let more: Vec<check::Part<'_>> = photograph.into_iter().collect();
    let Some(html) = check::kept(&html, &base(state, headers), &needed, &more) else {
        return Err(Problem::new(Kind::NotFound, "this page has nothing to check"));
    };
    let mut response = page(StatusCode::OK, html);
    let headers = response.headers_mut();
    let name = HeaderValue::from_static("attachment; filename=\"tracehold.html\"");
    headers.insert(CONTENT_DISPOSITION, name);
    // Should a browser show it in place, it loads what is in it all the same, and nothing else.
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(check::POLICY));
    Ok(response)
}
