//! The server: axum's router on hyper, with the deadlines that `axum::serve` lacks.
//!
//! A client that sends its head or body drop by drop, reads its answer drop by drop, or opens more
//! connections than it should, is cut off; the others do not notice.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};
use tower::ServiceExt as _;

use super::limits::{HttpLimits, MAX_HEAD_BYTES};

/// How long to wait after the system refused to accept (too many open files, mostly).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `stop` turns true (or its sender is gone). Then no
/// connection is accepted, answers under way are finished, and what is left after
/// [`HttpLimits::grace`] is cut.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: HttpLimits,
    mut stop: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let peers = Peers::default();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let (stream, address, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let Some(seat) = peers.enter(address.ip(), limits.connections_per_address) else {
            tracing::debug!(%address, "too many connections from one address");
            continue;
        };
        let connection = connection(stream, address, router.clone(), limits.clone(), stop.clone());
        connections.spawn(async move {
            connection.await;
            drop((slot, seat));
        });
    }
    drop(listener);
    let finished = tokio::time::timeout(limits.grace, async {
        while connections.join_next().await.is_some() {}
    });
    if finished.await.is_err() {
        tracing::info!(left = connections.len(), "cutting connections that did not finish");
    }
    connections.shutdown().await;
}

/// Comes back when the node stops.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, address, slot))
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    limits: HttpLimits,
    mut stop: watch::Receiver<bool>,
) {
    let router = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        request.map(axum::body::Body::new)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(
            TokioIo::new(IdleDeadline::new(stream, limits.idle)),
            TowerToHyperService::new(router),
        )
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%address, %error, "connection ended");
    }
}

/// How many connections each address has open.
#[derive(Clone, Default)]
struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection of an address, counted until dropped.
struct Seat(Peers, IpAddr);

impl Peers {
    fn enter(&self, address: IpAddr, most: usize) -> Option<Seat> {
        let mut counts = self.0.lock().expect("no one panics while counting");
        let count = counts.entry(address).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat(self.clone(), address))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock().expect("no one panics while counting");
        if let Some(count) = counts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

/// A stream that fails when no byte has moved for a while, in either direction.
struct IdleDeadline<S> {
    stream: S,
    idle: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl<S> IdleDeadline<S> {
    fn new(stream: S, idle: Duration) -> IdleDeadline<S> {
        IdleDeadline { stream, idle, sleep: Box::pin(tokio::time::sleep(idle)) }
    }

    /// Moves the deadline when bytes moved; fails when it has passed.
    fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            let deadline = Instant::now() + self.idle;
            self.sleep.as_mut().reset(deadline);
            return polled;
        }
        match self.sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleDeadline<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.judge(cx, polled)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleDeadline<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A flush of a socket always succeeds and moves nothing.
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judge(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Longer than anything here takes on a busy machine, shorter than any limit that is not made
    /// short.
    const SOON: Duration = Duration::from_secs(15);

    fn short() -> HttpLimits {
        let ms = Duration::from_millis;
        HttpLimits {
            head: ms(300),
            body: ms(300),
            idle: ms(600),
            grace: ms(500),
            ..HttpLimits::default()
        }
    }

    async fn start(limits: HttpLimits) -> (SocketAddr, watch::Sender<bool>, JoinSet<()>) {
        let big = || async { vec![b'x'; 64 * 1024 * 1024] };
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            "done"
        };
        let body = limits.body;
        let echo = move |request: axum::extract::Request| async move {
            super::super::extract::read_body(request.into_body(), 1024, body).await
        };
        let router = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/big", get(big))
            .route("/slow", get(slow))
            .route("/echo", post(echo));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let mut server = JoinSet::new();
        server.spawn(serve(listener, router, limits, stopped));
        (address, stop, server)
    }

    /// Reads until the server closes.
    async fn read_to_end(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        // A reset is a way of closing, too.
        let _ = tokio::time::timeout(SOON, read)
            .await
            .expect("the server closes the connection by itself");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[tokio::test]
    async fn a_head_that_comes_drop_by_drop_is_cut_off() {
        let (address, _stop, _server) = start(short()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let begun = Instant::now();
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: yes\r\n".iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(begun.elapsed() < SOON, "still open");
        }
    }

    #[tokio::test]
    async fn a_body_that_comes_drop_by_drop_is_answered_408() {
        let (address, _stop, _server) = start(short()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
            .await
            .unwrap();
        let (mut read, mut write) = stream.split();
        let drip = async {
            while write.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let mut first = [0; 12];
        tokio::select! {
            read = read.read_exact(&mut first) => { read.unwrap(); }
            () = drip => {}
            () = tokio::time::sleep(SOON) => panic!("still open"),
        }
        assert_eq!(&first, b"HTTP/1.1 408");
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_its_answer_is_cut_off() {
        let (address, _stop, _server) = start(short()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let got = read_to_end(&mut stream).await;
        assert!(got.len() < 64 * 1024 * 1024, "the answer was cut");
    }

    #[tokio::test]
    async fn an_idle_connection_is_closed_and_others_are_served() {
        let (address, _stop, _server) = start(short()).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        let mut busy = TcpStream::connect(address).await.unwrap();
        busy.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(read_to_end(&mut busy).await.ends_with("hello"));
        assert_eq!(read_to_end(&mut idle).await, "");
    }

    #[tokio::test]
    async fn connections_beyond_the_cap_wait_and_those_of_one_address_are_refused() {
        let limits = HttpLimits { connections_per_address: 1, ..short() };
        let (address, _stop, _server) = start(limits).await;
        let _first = TcpStream::connect(address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut second = TcpStream::connect(address).await.unwrap();
        let _ = second.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(read_to_end(&mut second).await, "");
    }

    #[tokio::test]
    async fn a_stop_finishes_answers_under_way() {
        let (address, stop, mut server) = start(short()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(true).unwrap();
        assert!(read_to_end(&mut stream).await.ends_with("done"));
        server.join_next().await.unwrap().unwrap();
    }
}
