//! Addresses with a host name, looked up at every call: names move, addresses in settings do not.

use std::net::IpAddr;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use super::limits;

/// Whether an address begins with a host name.
#[must_use]
pub fn has_name(address: &Multiaddr) -> bool {
    name_and_port(address).is_some()
}

/// What the system's resolver knows of these addresses, at most
/// [`limits::MAX_RESOLVED_ADDRESSES`]. Addresses without a name stay as they are; a name that is
/// not found gives none.
pub async fn resolve(addresses: Vec<Multiaddr>) -> Vec<Multiaddr> {
    let mut resolved = Vec::new();
    for address in addresses {
        let Some((family, host, port)) = name_and_port(&address) else {
            resolved.push(address);
            continue;
        };
        let lookup = tokio::net::lookup_host((host.as_str(), port));
        match tokio::time::timeout(limits::RESOLVE_TIMEOUT, lookup).await {
            Ok(Ok(found)) => {
                let fitting = found.map(|found| found.ip()).filter(|ip| family.fits(ip));
                resolved.extend(fitting.map(|ip| Multiaddr::from(ip).with(Protocol::Tcp(port))));
            }
            Ok(Err(error)) => tracing::warn!(host, %error, "a peer's name was not found"),
            Err(_) => tracing::warn!(host, "a peer's name was not found in time"),
        }
    }
    resolved.truncate(limits::MAX_RESOLVED_ADDRESSES);
    resolved
}

#[derive(Clone, Copy)]
enum Family {
    Any,
    V4,
    V6,
}

impl Family {
    fn fits(self, ip: &IpAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => ip.is_ipv4(),
            Family::V6 => ip.is_ipv6(),
        }
    }
}

fn name_and_port(address: &Multiaddr) -> Option<(Family, String, u16)> {
    let mut parts = address.iter();
    let (family, host) = match parts.next()? {
        Protocol::Dns(host) => (Family::Any, host),
        Protocol::Dns4(host) => (Family::V4, host),
        Protocol::Dns6(host) => (Family::V6, host),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) => Some((family, host.into_owned(), port)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_become_addresses_and_addresses_stay() {
        let plain: Multiaddr = "/ip4/192.0.2.1/tcp/7".parse().unwrap();
        let named: Multiaddr = "/dns4/localhost/tcp/7070".parse().unwrap();
        assert!(has_name(&named) && !has_name(&plain));
        let resolved = resolve(vec![plain.clone(), named]).await;
        assert_eq!(resolved, [plain, "/ip4/127.0.0.1/tcp/7070".parse().unwrap()]);
        let nowhere: Multiaddr = "/dns4/no.such.host.invalid/tcp/1".parse().unwrap();
        assert_eq!(resolve(vec![nowhere]).await, Vec::<Multiaddr>::new());
    }
}
