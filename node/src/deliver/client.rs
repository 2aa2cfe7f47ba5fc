//! One POST to a destination: looked up, checked, connected to what was checked, answered in time.
//!
//! Nothing of the answer but its status is kept. Redirects are not followed, cookies and proxies
//! are not known, and no connection is kept: a delivery tells its receiver's server nothing of any
//! other.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::guard::{Guard, Target};

/// Bytes of an answer's head that are read; a longer one is a failure.
const MAX_ANSWER_HEAD_BYTES: usize = 16 * 1024;

/// Headers that an answer may have.
const MAX_ANSWER_HEADERS: usize = 100;

/// Bytes of an answer's body that are read, and for how long, before the connection is closed. What
/// they are is not looked at.
const DRAIN_BYTES: usize = 16 * 1024;
const DRAIN_TIME: Duration = Duration::from_millis(500);

/// How long a delivery may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// To look up a name, and to connect to one address.
    pub connect: Duration,
    /// From the beginning to the head of the answer.
    pub answer: Duration,
}

impl Default for Deadlines {
    fn default() -> Deadlines {
        Deadlines { connect: Duration::from_secs(5), answer: Duration::from_secs(15) }
    }
}

/// Names that are looked up at once: each takes a thread for as long as the system's resolver does.
pub const MAX_LOOKUPS: usize = 16;

/// Finds the addresses of a name: the system's resolver, but in tests.
pub type Lookup =
    Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Sends deliveries.
pub struct Client {
    guard: Guard,
    deadlines: Deadlines,
    lookup: Lookup,
    tls: OnceLock<Result<TlsConnector, String>>,
}

impl Client {
    /// A client that goes where `guard` allows.
    #[must_use]
    pub fn new(guard: Guard, deadlines: Deadlines) -> Client {
        let turns = Arc::new(Semaphore::new(MAX_LOOKUPS));
        let lookup: Lookup = Arc::new(move |host, port| {
            let turns = Arc::clone(&turns);
            Box::pin(async move {
                let turn = turns.acquire_owned().await.map_err(io::Error::other)?;
                let found = tokio::task::spawn_blocking(move || {
                    // The turn goes with the thread, which goes on when nobody waits any more.
                    let _turn = turn;
                    (host.as_str(), port).to_socket_addrs().map(Iterator::collect)
                });
                found.await.map_err(io::Error::other)?
            })
        });
        Client { guard, deadlines, lookup, tls: OnceLock::new() }
    }

    /// The same with another way to look up names.
    #[cfg(test)]
    #[must_use]
    pub fn with_lookup(mut self, lookup: Lookup) -> Client {
        self.lookup = lookup;
        self
    }

    /// The same with other authorities to believe.
    #[cfg(test)]
    #[must_use]
    pub fn with_roots(self, roots: RootCertStore) -> Client {
        let _ = self.tls.set(connector(roots));
        self
    }

    /// Checks a destination as a delivery would, without connecting.
    ///
    /// # Errors
    /// The rule it breaks and how to mend it.
    pub async fn check(&self, url: &str) -> Result<(), (String, &'static str)> {
        let target = self.guard.read(url).map_err(|refused| (refused.rule, refused.mend))?;
        let found = self.addresses(&target).await;
        found.map(drop).map_err(|why| (why, "give a name that leads to a public web server"))
    }

    /// Checks a destination like [`Client::check`], but takes a name that cannot be looked up now:
    /// every delivery looks it up again and judges where it leads.
    ///
    /// # Errors
    /// The rule it breaks and how to mend it.
    pub async fn check_if_found(&self, url: &str) -> Result<(), (String, &'static str)> {
        let target = self.guard.read(url).map_err(|refused| (refused.rule, refused.mend))?;
        match self.looked_up(&target).await {
            Ok(found) => match self.guard.check_all(found) {
                Ok(_) => Ok(()),
                Err(refused) => Err((refused.rule, refused.mend)),
            },
            Err(_) => Ok(()),
        }
    }

    /// Sends `body` to `url` and gives the status of the answer.
    ///
    /// # Errors
    /// Why there is no answer, in plain words.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(HeaderName, String)],
        body: Bytes,
    ) -> Result<u16, String> {
        let target = self.guard.read(url).map_err(|refused| format!("the URL {refused}"))?;
        let sent = self.send(&target, headers, body);
        match tokio::time::timeout(self.deadlines.answer, sent).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(format!("no answer came within {} ms", self.deadlines.answer.as_millis()))
            }
        }
    }

    async fn send(
        &self,
        target: &Target,
        headers: &[(HeaderName, String)],
        body: Bytes,
    ) -> Result<u16, String> {
        let addresses = self.addresses(target).await?;
        let stream = self.connect(&addresses).await?;
        if !target.tls {
            return exchange(stream, target, headers, body).await;
        }
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| format!("{} is no name that a certificate can have", target.host))?;
        let connector = self.tls.get_or_init(|| connector(system_roots()));
        let connector = connector.as_ref().map_err(Clone::clone)?;
        let stream = connector.connect(name, stream).await;
        let stream = stream.map_err(|error| format!("no TLS connection was made: {error}"))?;
        exchange(stream, target, headers, body).await
    }

    /// The addresses of the target, each of which may be connected to.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        let found = self.looked_up(target).await?;
        self.guard.check_all(found).map_err(|refused| refused.rule)
    }

    async fn looked_up(&self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        let lookup = (self.lookup)(target.host.clone(), target.port);
        match tokio::time::timeout(self.deadlines.connect, lookup).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(format!("{} was not found: {error}", target.host)),
            Err(_) => Err(format!("{} was not found in time", target.host)),
        }
    }

    async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, String> {
        let mut why = "the host has no address".to_owned();
        for address in addresses {
            let connecting = TcpStream::connect(address);
            why = match tokio::time::timeout(self.deadlines.connect, connecting).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => format!("no connection was made: {error}"),
                Err(_) => "no connection was made in time".to_owned(),
            };
        }
        Err(why)
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &Target,
    headers: &[(HeaderName, String)],
    body: Bytes,
) -> Result<u16, String> {
    let mut request = Request::post(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, concat!("tracehold/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header(CONNECTION, "close");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(body))
        .map_err(|error| format!("no request can be made of the URL: {error}"))?;
    let failed = |error: hyper::Error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        format!("the answer broke off or was no HTTP: {error}{}", cause.unwrap_or_default())
    };
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_ANSWER_HEAD_BYTES)
        .max_headers(MAX_ANSWER_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // Ends with this function, however it ends.
    let mut connection = Box::pin(connection.fuse());
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The answer may have come with the connection's last bytes.
        ended = &mut connection => answer.await.map_err(|error| ended.err().unwrap_or(error)),
    };
    let answer = answer.map_err(failed)?;
    let status = answer.status().as_u16();
    // Who is cut off while answering may take the delivery for failed.
    tokio::select! {
        () = drain(answer.into_body()) => {}
        () = tokio::time::sleep(DRAIN_TIME) => {}
        () = async {
            let _ = (&mut connection).await;
            std::future::pending().await
        } => {}
    }
    Ok(status)
}

/// Reads and drops the beginning of a body.
async fn drain(mut body: Incoming) {
    let mut bytes = 0;
    while bytes < DRAIN_BYTES {
        match body.frame().await {
            Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Bytes::len),
            _ => return,
        }
    }
}

fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a list of certificate authorities was not read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, String> {
    if roots.is_empty() {
        return Err(
            "this machine has no list of certificate authorities: install it (the package \
                    ca-certificates), or name its file in SSL_CERT_FILE"
                .to_owned(),
        );
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be spoken: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
