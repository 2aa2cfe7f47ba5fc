//! The root of the EPCIS binding, and what it lets a client give back.

use axum::Json;
use serde::{Deserialize, Serialize};
use tracehold_chain::epcis::context::GS1_CONTEXT;

use super::auth::Keyed;
use super::extract::InPath;
use super::problem::{Kind, Problem};

/// What GS1's binding has at its top.
const TOP: [&str; 9] = [
    "bizLocations",
    "bizSteps",
    "capture",
    "dispositions",
    "epcs",
    "eventTypes",
    "events",
    "queries",
    "readPoints",
];

/// Names of resources, or values that events have.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Collection {
    /// GS1's context.
    #[serde(rename = "@context")]
    pub context: Vec<String>,
    /// `Collection`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The names or values.
    pub member: Vec<String>,
}

/// List what there is
///
/// The top-level resources of the EPCIS binding. `OPTIONS` on any of them says which versions and
/// methods it knows.
#[utoipa::path(
    get, path = "/epcis/v2", tag = "EPCIS",
    responses((status = 200, description = "The resources", body = Collection)),
    security(("api_key" = []))
)]
pub async fn get_root(_keyed: Keyed) -> Json<Collection> {
    Json(Collection {
        context: vec![GS1_CONTEXT.to_owned()],
        type_: "Collection".to_owned(),
        member: TOP.map(str::to_owned).to_vec(),
    })
}

/// Give a page token back
///
/// The binding lets a server free what it holds for a token. Here a token is a place in the history
/// and holds nothing, so that there is nothing to free, and it stays good.
#[utoipa::path(
    delete, path = "/epcis/v2/nextPageToken/{token}", tag = "EPCIS",
    params(("token" = String, Path, description = "from the `Link` header of a page")),
    responses((status = 501, description = "Tokens hold nothing that could be freed")),
    security(("api_key" = []))
)]
pub async fn delete_token(_keyed: Keyed, InPath(_): InPath<String>) -> Problem {
    let detail = "a token holds nothing at this node that could be freed: leave it be";
    Problem::new(Kind::NotImplemented, detail)
}
