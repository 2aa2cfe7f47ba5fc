//! A slow line between a browser and a node: what a browser offers for this differs between its
//! versions, and some slow nothing down.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that travel at once: about a packet.
const PACKET_BYTES: usize = 1_400;

/// What all connections share: when the line is free again.
struct Downward {
    bits_per_s: u64,
    free_at: Mutex<Instant>,
}

impl Downward {
    /// Waits as long as so many bytes take, behind what travels already.
    fn carry(&self, bytes: usize) {
        let bits = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(8);
        let takes = Duration::from_micros(bits.saturating_mul(1_000_000) / self.bits_per_s.max(1));
        let arrived = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            *free_at = (*free_at).max(Instant::now()) + takes;
            *free_at
        };
        thread::sleep(arrived.saturating_duration_since(Instant::now()));
    }
}

/// Opens a line to the node at `node` (`host:port`); the address to call instead. A connection
/// takes `latency` to be made, and each packet to the node as long again: the way there and back.
/// What comes back shares `kilobits` a second. It lasts as long as the process.
///
/// # Errors
/// No port of this machine can be opened.
pub fn open(node: &str, kilobits: u64, latency: Duration) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?.to_string();
    let bits_per_s = kilobits.saturating_mul(1_000);
    let down = Arc::new(Downward { bits_per_s, free_at: Mutex::new(Instant::now()) });
    let node = node.to_owned();
    thread::spawn(move || {
        for browser in listener.incoming().map_while(Result::ok) {
            let (node, down) = (node.clone(), Arc::clone(&down));
            // Whoever hangs up ends it: that is no fault.
            thread::spawn(move || join(browser, &node, &down, latency).ok());
        }
    });
    Ok(address)
}

fn join(browser: TcpStream, node: &str, down: &Downward, latency: Duration) -> io::Result<()> {
    thread::sleep(latency);
    let node = TcpStream::connect(node)?;
    browser.set_nodelay(true)?;
    node.set_nodelay(true)?;
    let (asking, asked) = (browser.try_clone()?, node.try_clone()?);
    thread::spawn(move || pass(asking, asked, |_| thread::sleep(latency)).ok());
    pass(node, browser, |bytes| down.carry(bytes))
}

/// Passes on until one side ends.
fn pass(mut from: TcpStream, mut to: TcpStream, wait: impl Fn(usize)) -> io::Result<()> {
    let mut packet = [0; PACKET_BYTES];
    loop {
        let bytes = from.read(&mut packet)?;
        let Some(part) = packet.get(..bytes).filter(|part| !part.is_empty()) else {
            return to.shutdown(Shutdown::Write);
        };
        wait(bytes);
        to.write_all(part)?;
    }
}
