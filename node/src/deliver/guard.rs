//! Where a webhook may go: never into the network that this node stands in, unless its operator
//! says so.
//!
//! A destination is checked when it is given and again at every delivery, after its name was looked
//! up; the connection is then made to one of the very addresses that were checked, so that a name
//! that is looked up anew cannot lead elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::Uri;

/// Bytes of a destination.
pub const MAX_URL_BYTES: usize = 2_048;

/// Addresses of one name that are tried.
pub const MAX_ADDRESSES: usize = 4;

/// Ports below this are other services' and are refused, but for those of the web.
const FIRST_FREE_PORT: u16 = 1_024;

/// What the operator allows beyond the safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// `http://` beside `https://`.
    pub allow_http: bool,
    /// Loopback, private and link-local addresses.
    pub allow_private: bool,
}

/// A destination that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// The host: a name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// As the `Host` header names it.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

/// Why a destination is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct Refused {
    /// The rule it breaks.
    pub rule: String,
    /// How to mend it.
    pub mend: &'static str,
}

fn refused(rule: impl Into<String>, mend: &'static str) -> Refused {
    Refused { rule: rule.into(), mend }
}

impl Guard {
    /// Reads a destination.
    ///
    /// # Errors
    /// [`Refused`] when it is no URL of a web server, or its address is written in it and not
    /// allowed.
    pub fn read(&self, url: &str) -> Result<Target, Refused> {
        let whole = "give a whole URL, such as https://erp.example.com/hooks/tracehold";
        if url.len() > MAX_URL_BYTES {
            return Err(refused(format!("has at most {MAX_URL_BYTES} bytes"), "shorten it"));
        }
        if url.contains('#') {
            return Err(refused("must not have a fragment", "leave out what follows the #"));
        }
        let uri: Uri = url.parse().map_err(|_| refused("must be a URL", whole))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if self.allow_http => false,
            Some("http") => {
                let mend = "use https, or let the node's operator set webhooks.allow_http";
                return Err(refused("must begin with https://", mend));
            }
            _ => return Err(refused("must begin with https://", whole)),
        };
        let authority = uri.authority().ok_or_else(|| refused("must name a host", whole))?;
        if authority.as_str().contains('@') {
            let mend = "leave out what stands before the @; deliveries are signed instead";
            return Err(refused("must not hold a user name or password", mend));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || host.contains('%') {
            return Err(refused("must name a host", whole));
        }
        let usual = if tls { 443 } else { 80 };
        let named = authority.as_str().get(authority.host().len()..).unwrap_or_default();
        let port = match (named, authority.port_u16()) {
            ("", _) => usual,
            (_, Some(port)) => port,
            _ => {
                let mend = "leave out the colon and what follows it";
                return Err(refused("must name a port from 1 to 65535", mend));
            }
        };
        if port < FIRST_FREE_PORT && port != 443 && port != 80 {
            let rule = format!("ports are 443, 80, or from {FIRST_FREE_PORT} on");
            return Err(refused(rule, "serve webhooks on 443"));
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            self.check(address)?;
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Target { tls, host, port, authority: authority.to_string(), path })
    }

    /// Checks every address of a name, and gives those that are tried.
    ///
    /// # Errors
    /// [`Refused`] when there is none, or any is not allowed: a name that leads inside with one
    /// address and outside with another leads inside.
    pub fn check_all(&self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        if found.is_empty() {
            return Err(refused("the host has no address", "check the name"));
        }
        found.iter().try_for_each(|address| self.check(address.ip()))?;
        Ok(found.into_iter().take(MAX_ADDRESSES).collect())
    }

    /// Checks one address.
    ///
    /// # Errors
    /// [`Refused`] when it is not allowed.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        match class(address) {
            Class::Public => Ok(()),
            Class::Private if self.allow_private => Ok(()),
            Class::Private => Err(refused(
                "the host must have a public address, none that is private, loopback, link-local \
                 or reserved",
                "give a public host, or let the node's operator set \
                 webhooks.allow_private_addresses",
            )),
            Class::Never => Err(refused(
                "the host's address must be one that a web server can have",
                "give the address of a web server",
            )),
        }
    }
}

/// What kind of place an address is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Anywhere on the internet.
    Public,
    /// Inside somebody's network, or reserved.
    Private,
    /// Nobody's web server: nothing, everybody, or a cloud's metadata service.
    Never,
}

fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(v4) => class_v4(v4),
        IpAddr::V6(v6) => class_v6(v6),
    }
}

fn class_v4(address: Ipv4Addr) -> Class {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        // Metadata services of clouds: instance credentials are read there.
        (169, 254, 169, 254 | 253)
        | (169, 254, 170, 2)
        | (168, 63, 129, 16)
        | (100, 100, 100, 200)
        | (192, 0, 0, 192) => Class::Never,
        (0, ..) | (224..=255, ..) => Class::Never,
        (10 | 127, ..)
        | (100, 64..=127, ..)
        | (169, 254, ..)
        | (172, 16..=31, ..)
        | (192, 0, 0 | 2, _)
        | (192, 31, 196, _)
        | (192, 52, 193, _)
        | (192, 88, 99, _)
        | (192, 168, ..)
        | (192, 175, 48, _)
        | (198, 18..=19, ..)
        | (198, 51, 100, _)
        | (203, 0, 113, _) => Class::Private,
        _ => Class::Public,
    }
}

fn class_v6(address: Ipv6Addr) -> Class {
    let words = address.segments();
    // The addresses of IPv4 that IPv6 knows are judged as what they lead to.
    let embedded = || {
        let [.., high, low] = words;
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match words {
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Private,
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Never,
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => class_v4(embedded()),
        // Metadata services of clouds.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
            Class::Never
        }
        [0xff00..=0xffff, ..] => Class::Never,
        // Tunnels and other special uses among the global ones.
        [0x2001, 0..=0x1ff, ..]
        | [0x2001, 0xdb8, ..]
        | [0x2002, ..]
        | [0x2620, 0x4f, 0x8000, ..]
        | [0x3fff, 0..=0xfff, ..] => Class::Private,
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Private,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAFE: Guard = Guard { allow_http: false, allow_private: false };
    const LOOSE: Guard = Guard { allow_http: true, allow_private: true };

    #[test]
    fn addresses_inside_are_refused_and_public_ones_pass() {
        for (address, class_expected) in [
            ("1.1.1.1", Class::Public),
            ("93.184.216.34", Class::Public),
            ("172.15.0.1", Class::Public),
            ("172.32.0.1", Class::Public),
            ("100.63.0.1", Class::Public),
            ("2606:4700::1111", Class::Public),
            ("2a00:1450:4001::1", Class::Public),
            ("64:ff9b::101:101", Class::Public),
            ("127.0.0.1", Class::Private),
            ("127.8.8.8", Class::Private),
            ("10.0.0.1", Class::Private),
            ("172.16.0.1", Class::Private),
            ("172.31.255.255", Class::Private),
            ("192.168.1.1", Class::Private),
            ("100.64.0.1", Class::Private),
            ("169.254.1.1", Class::Private),
            ("192.0.0.8", Class::Private),
            ("192.0.2.1", Class::Private),
            ("198.18.0.1", Class::Private),
            ("198.51.100.7", Class::Private),
            ("203.0.113.7", Class::Private),
            ("::1", Class::Private),
            ("fc00::1", Class::Private),
            ("fd12:3456::1", Class::Private),
            ("fe80::1", Class::Private),
            ("fec0::1", Class::Private),
            ("::ffff:127.0.0.1", Class::Private),
            ("::ffff:10.0.0.1", Class::Private),
            ("::7f00:1", Class::Private),
            ("64:ff9b::7f00:1", Class::Private),
            ("64:ff9b:1::1", Class::Private),
            ("100::1", Class::Private),
            ("2001::1", Class::Private),
            ("2001:db8::1", Class::Private),
            ("2002:7f00:1::", Class::Private),
            ("3fff::1", Class::Private),
            ("5f00::1", Class::Private),
            ("0.0.0.0", Class::Never),
            ("0.1.2.3", Class::Never),
            ("224.0.0.1", Class::Never),
            ("240.0.0.1", Class::Never),
            ("255.255.255.255", Class::Never),
            ("169.254.169.254", Class::Never),
            ("::ffff:169.254.169.254", Class::Never),
            ("64:ff9b::a9fe:a9fe", Class::Never),
            ("168.63.129.16", Class::Never),
            ("fd00:ec2::254", Class::Never),
            ("::", Class::Never),
            ("ff02::1", Class::Never),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(class(address), class_expected, "{address}");
            assert_eq!(SAFE.check(address).is_ok(), class_expected == Class::Public, "{address}");
            assert_eq!(LOOSE.check(address).is_ok(), class_expected != Class::Never, "{address}");
        }
    }

    #[test]
    fn destinations_are_read_or_refused_by_rule() {
        let read = SAFE.read("https://erp.example.com/hooks?x=1").unwrap();
        assert_eq!((read.host.as_str(), read.port, read.tls), ("erp.example.com", 443, true));
        assert_eq!(read.path, "/hooks?x=1");
        let read = SAFE.read("https://[2606:4700::1111]:8443").unwrap();
        assert_eq!((read.host.as_str(), read.port, read.path.as_str()), {
            ("2606:4700::1111", 8443, "/")
        });
        assert_eq!(LOOSE.read("http://127.0.0.1:9999/x").unwrap().port, 9999);
        for url in [
            "",
            "erp.example.com",
            "/hooks",
            "ftp://erp.example.com/",
            "file:///etc/passwd",
            "http://erp.example.com/",
            "https://",
            "https://user:secret@erp.example.com/",
            "https://erp.example.com/#part",
            "https://erp.example.com:22/",
            "https://erp.example.com:0/",
            "https://erp.example.com:70000/",
            "https://erp.example.com:/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://[fe80::1%25eth0]/",
            "https://exa mple.com/",
        ] {
            let refused = SAFE.read(url).unwrap_err();
            assert!(!refused.rule.is_empty() && !refused.mend.is_empty(), "{url}");
        }
        assert!(SAFE.read(&format!("https://a.example/{}", "x".repeat(3_000))).is_err());
    }

    #[test]
    fn one_address_inside_spoils_the_name() {
        let outside: SocketAddr = "1.1.1.1:443".parse().unwrap();
        let inside: SocketAddr = "10.0.0.1:443".parse().unwrap();
        assert_eq!(SAFE.check_all(vec![outside; 9]).unwrap().len(), MAX_ADDRESSES);
        assert!(SAFE.check_all(vec![outside, inside]).is_err());
        assert!(SAFE.check_all(Vec::new()).is_err());
        // Other ways to write loopback are names to us, and are refused when they are looked up.
        for odd in ["https://2130706433/", "https://0x7f.1/", "https://127.1/"] {
            if let Ok(target) = SAFE.read(odd) {
                assert!(target.host.parse::<IpAddr>().is_err(), "{odd}");
            }
        }
    }
}
