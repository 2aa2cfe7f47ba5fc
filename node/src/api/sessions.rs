//! Sessions of browsers: an API key, exchanged for a cookie, opens the pages that hold prices.
//!
//! A session only reads. Its cookie is a random token that scripts cannot see (`HttpOnly`) and that
//! a browser sends with requests from this site's own pages only (`SameSite=Strict`). Sessions are
//! held in memory: they end with the node, with their time, or when their API key is revoked.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use tracehold_chain::digest::{Digest, Domain};
use zeroize::Zeroizing;

use crate::keystore::{AgentSigner, Keystore};

/// How long a session lasts.
pub const SESSION_TIME: Duration = Duration::from_secs(8 * 3_600);

/// Sessions that are held at once; the oldest gives way.
pub const MAX_SESSIONS: usize = 1_000;

/// The cookie's name.
const COOKIE_NAME: &str = "tracehold_session";

/// Bytes of cookies that are looked at.
const MAX_COOKIE_BYTES: usize = 4 * 1024;

/// The sessions of this node.
#[derive(Default)]
pub struct Sessions(Mutex<BTreeMap<Digest, Session>>);

struct Session {
    /// Looked up anew at each use, so that a revoked key opens nothing.
    api_key: Zeroizing<String>,
    ends: Instant,
}

/// By what a token is known here: the token itself is in the browser only.
fn name_of(token: &str) -> Digest {
    Digest::of(Domain::ApiKey, token.as_bytes())
}

/// The token in a request's cookies.
fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies = cookies.filter(|text| text.len() <= MAX_COOKIE_BYTES);
    let mut pairs = cookies.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE_NAME).then_some(value)
    })
}

impl Sessions {
    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session for an API key that this node knows; the cookie to set, or none when it
    /// does not know the key, or has no randomness to make a token of.
    pub fn begin(&self, keystore: &Keystore, api_key: &str, is_https: bool) -> Option<HeaderValue> {
        keystore.agent_for_api_key(api_key)?;
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).ok()?;
        let token = hex::encode(random);
        let now = Instant::now();
        let session =
            Session { api_key: Zeroizing::new(api_key.to_owned()), ends: now + SESSION_TIME };
        let mut held = self.held();
        held.retain(|_, session| session.ends > now);
        if held.len() >= MAX_SESSIONS {
            let oldest = held.iter().min_by_key(|(_, session)| session.ends);
            if let Some(oldest) = oldest.map(|(name, _)| *name) {
                held.remove(&oldest);
            }
        }
        held.insert(name_of(&token), session);
        cookie(&token, SESSION_TIME, is_https)
    }

    /// The agent whose session a request carries.
    pub fn agent(&self, keystore: &Keystore, headers: &HeaderMap) -> Option<AgentSigner> {
        let name = name_of(token(headers)?);
        let api_key = {
            let held = self.held();
            let session = held.get(&name).filter(|session| session.ends > Instant::now())?;
            session.api_key.clone()
        };
        keystore.agent_for_api_key(&api_key)
    }

    /// Ends the session that a request carries; the cookie that removes the browser's.
    pub fn end(&self, headers: &HeaderMap, is_https: bool) -> Option<HeaderValue> {
        if let Some(token) = token(headers) {
            self.held().remove(&name_of(token));
        }
        cookie("", Duration::ZERO, is_https)
    }
}

fn cookie(token: &str, age: Duration, is_https: bool) -> Option<HeaderValue> {
    let secure = if is_https { "; Secure" } else { "" };
    let age = age.as_secs();
    let text =
        format!("{COOKIE_NAME}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_cookie(cookie: &HeaderValue) -> HeaderMap {
        let text = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(&format!("a=b; {text}")).unwrap());
        headers
    }

    /// Promise P72: a session opens with a key that the node knows, and ends when it is told to or
    /// the key is revoked.
    #[test]
    fn a_session_lasts_as_long_as_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let keystore = Keystore::create(dir.path()).unwrap();
        let agent = "acme/app".parse().unwrap();
        keystore.create_agent(&agent).unwrap();
        let time = tracehold_chain::units::TimestampMs(1);
        let key = keystore.create_api_key(&agent, time).unwrap();
        let sessions = Sessions::default();
        assert!(sessions.begin(&keystore, "wrong", false).is_none());
        let cookie = sessions.begin(&keystore, &key.clear, false).unwrap();
        let text = cookie.to_str().unwrap();
        assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict"), "{text}");
        assert!(!text.contains(key.clear.as_str()), "the key itself is in no cookie");
        let headers = with_cookie(&cookie);
        assert_eq!(sessions.agent(&keystore, &headers).unwrap().agent_id, agent);
        assert!(sessions.agent(&keystore, &HeaderMap::new()).is_none());

        let other = sessions.begin(&keystore, &key.clear, true).unwrap();
        assert!(other.to_str().unwrap().contains("Secure"));
        sessions.end(&headers, false);
        assert!(sessions.agent(&keystore, &headers).is_none());
        let headers = with_cookie(&other);
        assert!(sessions.agent(&keystore, &headers).is_some());
        keystore.revoke_api_key(&key.record.id).unwrap();
        assert!(sessions.agent(&keystore, &headers).is_none());
    }
}
