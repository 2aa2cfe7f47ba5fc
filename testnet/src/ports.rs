//! Finding TCP ports that are free on an address of this machine.

use std::collections::BTreeSet;
use std::net::{IpAddr, TcpListener};

/// Ports tried above a taken one before giving up.
const TRIES: u16 = 2_000;

/// Hands out ports, none of them twice.
#[derive(Debug, Default)]
pub struct Ports {
    given: BTreeSet<u16>,
}

impl Ports {
    /// `wanted` if it is free on `address` now, else the next free port above it; `None` when there
    /// is none near. 0 stands for any free port. Another process may still take the port before it
    /// is used: whoever starts a server on it must be ready to ask again.
    pub fn take(&mut self, address: IpAddr, wanted: u16) -> Option<u16> {
        if wanted == 0 {
            return self.take_any(address);
        }
        let last = wanted.saturating_add(TRIES);
        let port =
            (wanted..=last).find(|port| !self.given.contains(port) && is_free(address, *port))?;
        self.given.insert(port);
        Some(port)
    }

    fn take_any(&mut self, address: IpAddr) -> Option<u16> {
        // A port of the system's choice may have been given before, and be free still.
        let chosen = (0..TRIES).find_map(|_| {
            let listener = TcpListener::bind((address, 0)).ok()?;
            let port = listener.local_addr().ok()?.port();
            (!self.given.contains(&port)).then_some(port)
        })?;
        self.given.insert(chosen);
        Some(chosen)
    }
}

/// Whether a server could listen on this port of the address now.
#[must_use]
pub fn is_free(address: IpAddr, port: u16) -> bool {
    port != 0 && TcpListener::bind((address, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn taken_ports_are_passed_over() {
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        let taken = TcpListener::bind((loopback, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let mut ports = Ports::default();
        let first = ports.take(loopback, port).unwrap();
        assert!(first > port);
        assert_ne!(ports.take(loopback, port).unwrap(), first);
        assert_ne!(ports.take(loopback, 0).unwrap(), ports.take(loopback, 0).unwrap());
    }
}
