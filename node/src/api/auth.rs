//! Who calls: an API key in `Authorization: Bearer` names an agent whose key this node holds.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::ApiState;
use super::problem::{Kind, Problem};
use super::visible::Caller;
use crate::keystore::AgentSigner;

/// Bytes of an `Authorization` header that are looked at; no key of ours is longer.
const MAX_AUTHORIZATION_BYTES: usize = 512;

/// A caller with a key. A handler that takes one cannot be reached without.
pub struct Keyed {
    /// The agent, ready to sign.
    pub agent: AgentSigner,
}

impl Keyed {
    /// The caller as [`super::visible::visible`] knows it.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller::Agent(self.agent.agent_id.clone())
    }
}

fn agent(parts: &Parts, state: &ApiState) -> Result<Option<AgentSigner>, Problem> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else { return Ok(None) };
    let key = header
        .to_str()
        .ok()
        .filter(|text| text.len() <= MAX_AUTHORIZATION_BYTES)
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim());
    let Some(key) = key else {
        return Err(Problem::new(
            Kind::Unauthorized,
            "the Authorization header is not read: write it as `Authorization: Bearer KEY`",
        ));
    };
    match state.keystore().agent_for_api_key(key) {
        Some(agent) => Ok(Some(agent)),
        None => Err(Problem::new(
            Kind::Unauthorized,
            "this API key is not known to this node: use one that `tracehold keys` on this node \
             made and nobody revoked",
        )),
    }
}

impl FromRequestParts<ApiState> for Keyed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Keyed, Problem> {
        let agent = agent(parts, state)?.ok_or_else(|| {
            Problem::new(
                Kind::Unauthorized,
                "this needs an agent's API key: send it as `Authorization: Bearer KEY`",
            )
        })?;
        Ok(Keyed { agent })
    }
}

impl OptionalFromRequestParts<ApiState> for Keyed {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Option<Keyed>, Problem> {
        Ok(agent(parts, state)?.map(|agent| Keyed { agent }))
    }
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    /// Anyone; but a key that is given must be a known one.
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Caller, Problem> {
        Ok(match agent(parts, state)? {
            Some(agent) => Caller::Agent(agent.agent_id),
            None => Caller::Anonymous,
        })
    }
}

/// Who reads a page: by a key in the header or the session of the browser; or anyone. The API takes
/// no sessions.
pub struct PageReader(pub Caller);

impl FromRequestParts<ApiState> for PageReader {
    type Rejection = Problem;

    /// Anyone; but a key that is given must be a known one.
    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<PageReader, Problem> {
        let keyed = agent(parts, state)?;
        let agent = keyed.or_else(|| state.sessions().agent(state.keystore(), &parts.headers));
        Ok(PageReader(match agent {
            Some(agent) => Caller::Agent(agent.agent_id),
            None => Caller::Anonymous,
        }))
    }
}
