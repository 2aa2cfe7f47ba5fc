//! `/.well-known/gs1resolver`: what this resolver does (GS1-Conformant Resolver Standard 1.2 §3).

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use serde::Serialize;
use tracehold_chain::epcis::digital_link::primary_keys;
use tracehold_chain::masterdata::GS1_VOCABULARY;

use super::super::ApiState;
use super::linkset::LINKSET_CONTEXT;
use super::{allow_everybody, root};

/// The description of a resolver.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolverDescription {
    /// What it is called.
    pub name: String,
    /// Before the first key of its links.
    pub resolver_root: String,
    /// The GS1 keys that it resolves, by application identifier.
    pub supported_primary_keys: Vec<&'static str>,
    /// The vocabularies of its link types.
    pub supported_link_type: Vec<SupportedLinkType>,
    /// Whether the default link can be the set of all links: it cannot.
    pub link_type_default_can_be_linkset: bool,
    /// What makes JSON-LD of a link set.
    pub json_ld_context_location: &'static str,
    /// Who runs it.
    pub contact: Contact,
}

/// A vocabulary of link types.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SupportedLinkType {
    /// Where its words begin.
    pub namespace: &'static str,
    /// What stands for that.
    pub prefix: &'static str,
}

/// Who runs a resolver.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Contact {
    /// The name, as vCard has it.
    #[serde(rename = "fn")]
    pub name: String,
}

/// Describe the resolver
///
/// Which GS1 keys are resolved under which address, and which link types are known.
#[utoipa::path(
    get, path = "/.well-known/gs1resolver", tag = "Goods",
    responses((status = 200, description = "The description", body = ResolverDescription)),
)]
pub async fn describe(State(state): State<ApiState>, headers: HeaderMap) -> Response {
    let member = state.own_member_name();
    let description = ResolverDescription {
        name: format!("{member} on {}", state.chain_id()),
        resolver_root: root(&state, &headers),
        supported_primary_keys: primary_keys().collect(),
        supported_link_type: vec![SupportedLinkType { namespace: GS1_VOCABULARY, prefix: "gs1:" }],
        link_type_default_can_be_linkset: false,
        json_ld_context_location: LINKSET_CONTEXT,
        contact: Contact { name: member },
    };
    let mut response = Json(description).into_response();
    allow_everybody(response.headers_mut());
    response
}
