//! TCP with Noise and Yamux, every connection counted and throttled.
//!
//! The throttle makes a stream wait instead of reading. Its peer's bytes then stay on the peer's
//! side, by Yamux's and TCP's own flow control; other peers' connections do not notice.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent};
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, Transport as _, noise, tcp, yamux};
use prometheus_client::metrics::counter::Counter;
use tokio::time::Sleep;

use super::NetError;
use super::limits::{self, NetLimits};
use super::metrics::{Direction, NetMetrics};
use super::rate::Bucket;

/// The transport of a node.
///
/// # Errors
/// [`NetError::Setup`] when Noise cannot use the key.
pub fn transport(
    key: &Keypair,
    limits: NetLimits,
    metrics: &NetMetrics,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetError> {
    let noise = noise::Config::new(key)
        .map_err(|error| NetError::Setup(format!("the transport's key: {error}")))?;
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(limits::MAX_STREAMS_PER_CONNECTION);
    let inbound = metrics.byte_counter(Direction::In);
    let outbound = metrics.byte_counter(Direction::Out);
    let transport = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux)
        .timeout(limits::HANDSHAKE_TIMEOUT)
        .map(move |(peer, muxer), _| {
            let meter = Meter {
                bucket: Arc::new(Mutex::new(Bucket::new(
                    limits.inbound_bytes_per_second,
                    limits.inbound_burst_bytes,
                    Instant::now(),
                ))),
                inbound: inbound.clone(),
                outbound: outbound.clone(),
            };
            (peer, StreamMuxerBox::new(MeteredMuxer { inner: muxer, meter }))
        })
        .boxed();
    Ok(transport)
}

/// Whether nobody else listens at a TCP address. libp2p opens its sockets so that several may
/// share a port (`SO_REUSEPORT`): a second node on the same port would not be refused, but get
/// every other connection meant for the first.
///
/// # Errors
/// What the system says of the address.
pub fn check_free(address: &Multiaddr) -> io::Result<()> {
    let mut parts = address.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        _ => return Ok(()), // libp2p will say what it thinks of it.
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

/// Counts the bytes of one connection and says when it may read more.
#[derive(Clone, Debug)]
struct Meter {
    bucket: Arc<Mutex<Bucket>>,
    inbound: Counter,
    outbound: Counter,
}

impl Meter {
    fn wait(&self) -> Option<Duration> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).wait(Instant::now())
    }

    fn read(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.inbound.inc_by(bytes);
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(bytes, Instant::now());
    }

    fn wrote(&self, bytes: usize) {
        self.outbound.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

struct MeteredMuxer<M> {
    inner: M,
    meter: Meter,
}

impl<M> MeteredMuxer<M> {
    fn stream<S>(&self, inner: S) -> MeteredStream<S> {
        MeteredStream { inner, meter: self.meter.clone(), pause: None }
    }
}

impl<M> StreamMuxer for MeteredMuxer<M>
where
    M: StreamMuxer + Unpin,
    M::Substream: Unpin,
{
    type Substream = MeteredStream<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        let stream = Pin::new(&mut self.inner).poll_inbound(context);
        stream.map(|result| result.map(|stream| self.stream(stream)))
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        let stream = Pin::new(&mut self.inner).poll_outbound(context);
        stream.map(|result| result.map(|stream| self.stream(stream)))
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.inner).poll_close(context)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        Pin::new(&mut self.inner).poll(context)
    }
}

struct MeteredStream<S> {
    inner: S,
    meter: Meter,
    /// Runs while the connection has read more than its share.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for MeteredStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        loop {
            if let Some(pause) = &mut this.pause {
                std::task::ready!(pause.as_mut().poll(context));
                this.pause = None;
            }
            let Some(wait) = this.meter.wait() else { break };
            this.pause = Some(Box::pin(tokio::time::sleep(wait)));
        }
        let read = std::task::ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
        this.meter.read(read);
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MeteredStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = std::task::ready!(Pin::new(&mut self.inner).poll_write(context, buffer))?;
        self.meter.wrote(wrote);
        Poll::Ready(Ok(wrote))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let inner = Pin::new(&mut self.inner);
        let wrote = std::task::ready!(inner.poll_write_vectored(context, buffers))?;
        self.meter.wrote(wrote);
        Poll::Ready(Ok(wrote))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(context)
    }
}
