//! The address of this machine in its local network.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use crate::cli::Failure;

/// Whom to ask the way to, the first that there is a way to: an address for documentation (RFC
/// 5737) by way of a router, else first addresses of private networks (RFC 1918). No packet is
/// sent.
const ELSEWHERE: [Ipv4Addr; 5] = [
    Ipv4Addr::new(192, 0, 2, 1),
    Ipv4Addr::new(192, 168, 0, 1),
    Ipv4Addr::new(192, 168, 1, 1),
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(172, 16, 0, 1),
];

/// The address from which this machine would speak to others.
///
/// # Errors
/// [`Failure::Refused`] when it is in no network.
pub fn address() -> Result<IpAddr, Failure> {
    let own = ELSEWHERE.into_iter().find_map(|elsewhere| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.connect((elsewhere, 9)).ok()?;
        let own = socket.local_addr().ok()?.ip();
        (!own.is_loopback() && !own.is_unspecified()).then_some(own)
    });
    own.ok_or_else(|| {
        let reason = "this machine is in no network that a phone could reach it in: connect it, \
                      or leave out --lan";
        Failure::Refused(reason.to_owned())
    })
}
