//! `/livez` and `/readyz`: for whoever starts, stops and routes to this node.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::ApiState;
use super::problem::Finished;

/// Whether the process runs
///
/// 200 as long as it answers at all: restart it when this does not come.
#[utoipa::path(
    get, path = "/livez", tag = "Operation",
    responses((status = 200, description = "It runs", body = String))
)]
pub async fn livez() -> &'static str {
    "live\n"
}

/// Whether the node can serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Readiness {
    /// Whether it can.
    pub ready: bool,
    /// What it is doing: `rebuilding`, `opening`, `connecting`, `catching_up`, `ready`, `stopping`.
    pub phase: String,
    /// Blocks done in this phase, when it counts blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// Blocks to do in this phase, when it counts blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// What is in the way, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Whether the node can serve
///
/// 200 when it can, 503 with the progress of its recovery when it cannot yet: do not route to it.
#[utoipa::path(
    get, path = "/readyz", tag = "Operation",
    responses(
        (status = 200, description = "Ready", body = Readiness),
        (status = 503, description = "Not yet, with progress", body = Readiness),
    )
)]
pub async fn readyz(State(state): State<ApiState>) -> Response {
    let readiness = state.readiness();
    let status = match readiness.ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Extension(Finished), Json(readiness)).into_response()
}
