//! `/.well-known/did.json` and `/member/{id}/did.json`: whose keys sign passports here (`did:web`).

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use tracehold_chain::credential::did;
use tracehold_chain::units::MemberId;

use super::ApiState;
use super::extract::InPath;
use super::passport::{did_of, signer};
use super::problem::{Kind, Problem};
use super::resolver::allow_everybody;

/// The media type of DID documents in JSON.
const DID_JSON: &str = "application/did+json";

/// Read the keys of this node's member
///
/// The DID document of the member that runs this node: the key with which it signs product
/// passports, as a Multikey under `assertionMethod`. Under a `did:web` when the operator gave the
/// node an address of HTTPS, under a `did:key` otherwise.
#[utoipa::path(
    get, path = "/.well-known/did.json", tag = "Goods",
    responses(
        (status = 200, description = "The DID document", body = Value,
            content_type = "application/did+json"),
        (status = 404, description = "This node holds no key of its member"),
        (status = 503, description = "The node is starting"),
    ),
)]
pub async fn own(State(state): State<ApiState>) -> Result<Response, Problem> {
    match state.own_member().cloned() {
        Some(member) => document(&state, member).await,
        None => Err(Problem::new(Kind::NotFound, "this node belongs to no member")),
    }
}

/// Read the keys of a member
///
/// As for this node's member, of a member whose key this node holds.
#[utoipa::path(
    get, path = "/member/{id}/did.json", tag = "Goods",
    params(("id" = String, Path, pattern = "^[a-z0-9][a-z0-9.-]{0,63}$",
        description = "the member's short name", example = "acme")),
    responses(
        (status = 200, description = "The DID document", body = Value,
            content_type = "application/did+json"),
        (status = 400, description = "This is no name of a member"),
        (status = 404, description = "This node holds no key of that member"),
        (status = 503, description = "The node is starting"),
    ),
)]
pub async fn of_member(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
) -> Result<Response, Problem> {
    match MemberId::new(id) {
        Ok(member) => document(&state, member).await,
        Err(error) => {
            let rule = error.to_string();
            let mend = "give the short name of a member, such as acme";
            Err(Problem::new(Kind::Parameter, rule.clone()).field("id", rule, mend))
        }
    }
}

async fn document(state: &ApiState, id: MemberId) -> Result<Response, Problem> {
    let wanted = id.clone();
    let member = state.read(move |view| Ok(view.authority().member(&wanted).cloned())).await?;
    let Some(agent) = member.and_then(|member| signer(state, &member)) else {
        let detail = format!("this node holds no key of {id}: ask a node of that member");
        return Err(Problem::new(Kind::NotFound, detail));
    };
    let key = agent.signer.public_key();
    let did = did_of(state, &id, &key);
    let same = did::did_key(&key);
    let also = if did == same { Vec::new() } else { vec![same] };
    let mut response = did::document(&did, &also, &[key]).to_string().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(DID_JSON));
    allow_everybody(headers);
    Ok(response)
}
