//! `/api/v1/links`: where owners send those who look their things up.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;
use tracehold_chain::masterdata::{Link, Links, MasterKind};

use super::ApiState;
use super::auth::Keyed;
use super::extract::Params;
use super::masterdata::{RecordView, Wanted, get, put};
use super::one_or_page::LinksAnswer;
use super::problem::Problem;

/// Where to go from one identifier, as clients see it, and send it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "https://id.gs1.org/01/09521321000018",
    "links": [
        {"linkType": "gs1:pip", "href": "https://alp.example/milk", "title": "About this milk",
         "hreflang": ["en"], "type": "text/html", "default": true},
        {"linkType": "gs1:pip", "href": "https://alp.example/zh/milk", "title": "产品信息",
         "hreflang": ["zh"], "type": "text/html", "default": true},
        {"linkType": "gs1:instructions", "href": "https://alp.example/keep-cold.pdf",
         "title": "How to keep it", "hreflang": ["en"], "type": "application/pdf"},
        {"linkType": "gs1:recallStatus", "href": "https://alp.example/recalls", "title": "Recalls"}
    ]
}))]
pub struct LinksView {
    /// A product, lot, thing, logistic unit or place as a GS1 Digital Link; any spelling is taken.
    pub id: String,
    /// In the owner's order; an empty list takes all away.
    pub links: Vec<LinkView>,
    /// When and by whom it was set: in answers only.
    #[schema(required = false)]
    pub record: RecordView,
}

/// A link as clients see it, and send it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkView {
    /// What is found there: a word of GS1's web vocabulary such as `gs1:pip`, or a URI.
    pub link_type: String,
    /// Where: an address that begins with `https://`.
    pub href: String,
    /// What it is, for people.
    pub title: String,
    /// Its languages as BCP 47 tags; one may also be given as text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub hreflang: Vec<String>,
    /// Its media type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Whether a lookup that asks for nothing else goes there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub default: bool,
}

/// Records of links, in an order that does not change.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
// A record has `links` as well: by its other fields it is told from a page.
#[serde(deny_unknown_fields)]
pub struct LinksPage {
    /// One page of them.
    pub links: Vec<LinksView>,
}

impl LinksView {
    pub(super) fn of(links: Links, record: RecordView) -> LinksView {
        let view = |link: Link| LinkView {
            link_type: link.link_type,
            href: link.href,
            title: link.title,
            hreflang: link.hreflang,
            media_type: link.media_type,
            default: link.is_default,
        };
        LinksView { id: links.id, links: links.links.into_iter().map(view).collect(), record }
    }
}

/// Set links
///
/// Puts this in the place of all links of the identifier that were on record. Only the member that
/// holds the GS1 company prefix may, or whose record lists the GLN. Everybody who looks the thing
/// up can see them.
#[utoipa::path(
    put, path = "/api/v1/links", tag = "Master data",
    request_body(content = LinksView, content_type = "application/json"),
    responses(
        (status = 200, description = "On record", body = LinksView),
        (status = 400, description = "It breaks a rule"),
        (status = 403, description = "It is another's"),
        (status = 413, description = "More than a limit allows"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet"),
    ),
    security(("api_key" = []))
)]
pub async fn put_links(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    put(&state, keyed, MasterKind::Links, &headers, body).await
}

/// Read links
///
/// With `id` the links that were set for exactly this identifier (a lookup of it also finds those
/// of its lot and its product); without, all records in pages.
#[utoipa::path(
    get, path = "/api/v1/links", tag = "Master data",
    params(
        ("id" = Option<String>, Query, description = "any spelling of the identifier"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "30 by default"),
        ("nextPageToken" = Option<String>, Query, description = "from the `Link` header"),
    ),
    responses(
        (status = 200, description = "A `LinksView` when `id` is given, else a page",
            body = LinksAnswer, headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter breaks a rule"),
        (status = 404, description = "Nothing is on record of it"),
    ),
    security(("api_key" = []))
)]
pub async fn get_links(
    State(state): State<ApiState>,
    _keyed: Keyed,
    OriginalUri(uri): OriginalUri,
    Params(wanted): Params<Wanted>,
) -> Result<Response, Problem> {
    get(&state, MasterKind::Links, &uri, wanted).await
}
