//! A node's HTTP interface as its users see it: JSON in and out, an API key, deadlines.

use std::time::{Duration, Instant};

use serde_json::Value;

/// How long one request may take unless told otherwise: above the node's own deadlines, so that the
/// node's answer is seen rather than ours.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of an answer that are read.
pub const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// A node's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Location` header, as given.
    pub location: Option<String>,
    /// The `Set-Cookie` header, as given.
    pub cookie: Option<String>,
    /// The next page, from the `Link` header with `rel="next"`.
    pub next: Option<String>,
    /// The body, when it is JSON; null otherwise.
    pub json: Value,
    /// The body as text; what is no UTF-8 in it is replaced.
    pub text: String,
    /// The body as it is.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What a problem answer says, in one line for people.
    #[must_use]
    pub fn problem(&self) -> String {
        let field = |name: &str| self.json.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut line = format!("{} {}", self.status, field("title"));
        if !field("detail").is_empty() {
            line = format!("{line}: {}", field("detail"));
        }
        line.trim_end().to_owned()
    }
}

/// The node could not be reached, or did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer from {url}: {reason}")]
pub struct Unreachable {
    /// What was asked.
    pub url: String,
    /// Why there is no answer.
    pub reason: String,
}

/// Talks to one node, keeping connections open between requests.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    authorization: Option<String>,
}

impl Client {
    /// A client of the node at `base`, such as `http://127.0.0.1:8080`, without an API key.
    #[must_use]
    pub fn new(base: &str) -> Client {
        Client::with_timeout(base, REQUEST_TIMEOUT)
    }

    /// As [`Client::new`], each request ending after `timeout`.
    #[must_use]
    pub fn with_timeout(base: &str, timeout: Duration) -> Client {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections_per_host(64)
            .proxy(None)
            .timeout_global(Some(timeout))
            .build();
        let base = base.trim_end_matches('/').to_owned();
        Client { agent: config.new_agent(), base, authorization: None }
    }

    /// This client with an API key.
    #[must_use]
    pub fn with_key(mut self, api_key: &str) -> Client {
        self.authorization = Some(format!("Bearer {api_key}"));
        self
    }

    /// The node's address, as given, without a slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Asks for `path`, which begins with `/` or is a whole URL of this node.
    ///
    /// # Errors
    /// [`Unreachable`] when there is no answer; an answer of any status is no error.
    pub fn get(&self, path: &str) -> Result<Answer, Unreachable> {
        self.get_as(path, "application/json")
    }

    /// As [`Client::get`], naming the media type wanted.
    ///
    /// # Errors
    /// [`Unreachable`] when there is no answer.
    pub fn get_as(&self, path: &str, accept: &str) -> Result<Answer, Unreachable> {
        self.get_with(path, &[("accept", accept)])
    }

    /// As [`Client::get`], with headers.
    ///
    /// # Errors
    /// [`Unreachable`] when there is no answer.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, Unreachable> {
        let url = self.url(path);
        let mut request = self.agent.get(&url);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(&url, request.call())
    }

    /// As [`Client::get`], without reading anything into the body: its status, its text, and how
    /// long it took until all of it was there.
    ///
    /// # Errors
    /// [`Unreachable`] when there is no answer.
    pub fn get_timed(&self, path: &str) -> Result<(u16, String, Duration), Unreachable> {
        let url = self.url(path);
        let mut request = self.agent.get(&url);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let since = Instant::now();
        let failed =
            |error: ureq::Error| Unreachable { url: url.clone(), reason: error.to_string() };
        let mut response = request.call().map_err(failed)?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let text = body.read_to_string().map_err(failed)?;
        Ok((status, text, since.elapsed()))
    }

    /// Sends JSON to `path`, with more headers if any.
    ///
    /// # Errors
    /// [`Unreachable`] when there is no answer.
    pub fn post(
        &self,
        path: &str,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Result<Answer, Unreachable> {
        let url = self.url(path);
        let mut request = self.agent.post(&url).header("content-type", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(&url, request.send(body))
    }

    /// Puts JSON at `path`.
    ///
    /// # Errors
    /// [`Unreachable`] when there is no answer.
    pub fn put(&self, path: &str, body: &[u8]) -> Result<Answer, Unreachable> {
        let url = self.url(path);
        let mut request = self.agent.put(&url).header("content-type", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        read(&url, request.send(body))
    }

    /// Sends a file of this media type to `path`.
    ///
    /// # Errors
    /// [`Unreachable`] when there is no answer.
    pub fn upload(&self, path: &str, media: &str, file: &[u8]) -> Result<Answer, Unreachable> {
        let url = self.url(path);
        let mut request = self.agent.post(&url).header("content-type", media);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        read(&url, request.send(file))
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http://") { path.to_owned() } else { format!("{}{path}", self.base) }
    }
}

fn read(
    url: &str,
    result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer, Unreachable> {
    let failed =
        |error: ureq::Error| Unreachable { url: url.to_owned(), reason: error.to_string() };
    let mut response = result.map_err(failed)?;
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let location = header("location");
    let cookie = header("set-cookie");
    let next = header("link").and_then(|link| {
        let (target, relation) = link.split_once(">;")?;
        let is_next = relation.contains("next");
        target.strip_prefix('<').filter(|_| is_next).map(str::to_owned)
    });
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES);
    let bytes = body.read_to_vec().map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer { status, location, cookie, next, json, text, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_not_there_is_named() {
        let error = Client::new("http://127.0.0.1:1/").get("/livez").unwrap_err().to_string();
        assert!(error.contains("http://127.0.0.1:1/livez"), "{error}");
    }
}
