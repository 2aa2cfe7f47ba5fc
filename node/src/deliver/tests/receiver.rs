//! A receiver on this machine that behaves as a test says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::testing::PATIENCE;

/// What a receiver does with one request.
#[derive(Clone, Debug)]
pub enum Act {
    Answer(u16),
    /// An answer whose body never ends.
    Huge,
    /// Bytes that are no HTTP.
    Garbage,
    /// A head without end.
    LongHead,
    /// The head's first half.
    CloseMidway,
    /// Nothing, not even a reading of the request.
    CloseAtOnce,
    Hang,
    Slow(Duration),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Got {
    pub head: String,
    pub body: Vec<u8>,
}

impl Got {
    pub fn header(&self, name: &str) -> String {
        let named = |line: &&str| {
            line.split_once(':').is_some_and(|(given, _)| given.eq_ignore_ascii_case(name))
        };
        let line = self.head.lines().find(named).unwrap_or_else(|| panic!("no {name}"));
        line.split_once(':').unwrap().1.trim().to_owned()
    }

    pub fn delivery(&self) -> (String, u32) {
        (self.header("tracehold-delivery"), self.header("tracehold-attempt").parse().unwrap())
    }
}

pub struct Receiver {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Does what `script` says, one act a connection, and then answers 200.
    pub async fn start(script: impl IntoIterator<Item = Act>) -> Receiver {
        Receiver::at("127.0.0.1:0".parse().unwrap(), script, None).await
    }

    pub async fn at(
        address: SocketAddr,
        script: impl IntoIterator<Item = Act>,
        tls: Option<TlsAcceptor>,
    ) -> Receiver {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let mut script: VecDeque<Act> = script.into_iter().collect();
        let seen = Arc::clone(&got);
        let task = tokio::spawn(async move {
            // Connections of a test end with its runtime.
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let act = script.pop_front().unwrap_or(Act::Answer(200));
                let (seen, tls) = (Arc::clone(&seen), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, act, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, act, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Receiver { address, got, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until so many requests came.
    pub async fn wait_for(&self, count: usize) -> Vec<Got> {
        let wait = async {
            loop {
                let got = self.got();
                if got.len() >= count {
                    return got;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("{count} requests wanted, {} came", self.got().len()))
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, act: Act, seen: &Mutex<Vec<Got>>) {
    if matches!(act, Act::CloseAtOnce) {
        return;
    }
    let Some(got) = read(&mut stream).await else { return };
    seen.lock().unwrap().push(got);
    let answer: &[u8] = match act {
        Act::Answer(status) => {
            let location = "location: http://127.0.0.1:1/elsewhere\r\n";
            let text = format!("HTTP/1.1 {status} X\r\n{location}content-length: 0\r\n\r\n");
            let _ = stream.write_all(text.as_bytes()).await;
            return;
        }
        Act::Hang => {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            return;
        }
        Act::Slow(by) => {
            tokio::time::sleep(by).await;
            b"HTTP/1.1 204 No Content\r\n\r\n"
        }
        Act::Huge => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
            return;
        }
        Act::LongHead => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while stream.write_all(b"x-more: and more and more\r\n").await.is_ok() {}
            return;
        }
        Act::Garbage => b"\0\x01\x02 what? \r\n\r\n",
        Act::CloseMidway => b"HTTP/1.1 200 OK\r\nconten",
        Act::CloseAtOnce => return,
    };
    let _ = stream.write_all(answer).await;
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Got> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut got = Got { head, body: bytes.split_off(end) };
    let length: usize = got.header("content-length").parse().unwrap();
    while got.body.len() < length {
        if stream.read_buf(&mut got.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(got)
}
