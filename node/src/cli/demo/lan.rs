//! The address of this machine in its local network.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use crate::cli::Failure;

/// An address for documentation (RFC 5737): no packet is sent to it.
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// The address from which this machine would speak to others.
///
/// # Errors
/// [`Failure::Refused`] when it is in no network.
pub fn address() -> Result<IpAddr, Failure> {
    let own = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|socket| socket.connect(ELSEWHERE).and_then(|()| socket.local_addr()));
    let own = own.map(|own| own.ip()).ok().filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    own.ok_or_else(|| {
        let reason = "this machine is in no network that a phone could reach it in: connect it, \
                      or leave out --lan";
        Failure::Refused(reason.to_owned())
    })
}
