//! URI syntax (RFC 3986): enough to say whether text is one, as the JSON schema's format `uri`.

/// Whether `text` is a URI with a scheme. CURIEs such as `ext:field` are URIs by syntax.
#[must_use]
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    is_scheme(scheme) && is_after_scheme(rest)
}

fn is_scheme(scheme: &str) -> bool {
    scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn is_after_scheme(rest: &str) -> bool {
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match hierarchy.strip_prefix("//") {
        None => (None, hierarchy),
        Some(after) => {
            let end = after.find('/').unwrap_or(after.len());
            let (authority, path) = after.split_at(end);
            (Some(authority), path)
        }
    };
    authority.is_none_or(is_authority)
        && is_made_of(path, |b| is_path_byte(b) || b == b'/')
        && is_made_of(query, |b| is_path_byte(b) || matches!(b, b'/' | b'?'))
        && is_made_of(fragment, |b| is_path_byte(b) || matches!(b, b'/' | b'?'))
}

fn is_authority(authority: &str) -> bool {
    let (user, host_port) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host_ok, port) = match host_port.strip_prefix('[') {
        Some(literal) => match literal.split_once(']') {
            Some((address, port)) => (
                !address.is_empty()
                    && address.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')),
                port.strip_prefix(':').or(port.is_empty().then_some("")),
            ),
            None => (false, None),
        },
        None => {
            let (host, port) = host_port.rsplit_once(':').unwrap_or((host_port, ""));
            (is_made_of(host, |b| is_unreserved(b) || is_sub_delimiter(b)), Some(port))
        }
    };
    host_ok
        && port.is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
        && is_made_of(user, |b| is_unreserved(b) || is_sub_delimiter(b) || b == b':')
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_sub_delimiter(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte) || is_sub_delimiter(byte) || matches!(byte, b':' | b'@')
}

/// Whether every byte is allowed, `%` being followed by two hexadecimal digits.
fn is_made_of(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fine = match byte {
            b'%' => {
                let mut hex = || bytes.next().is_some_and(|b| b.is_ascii_hexdigit());
                hex() && hex()
            }
            other => allowed(other),
        };
        if !fine {
            return false;
        }
    }
    true
}

/// What follows the scheme of a `geo:` URI (RFC 5870), an exact position. Schemes are in any case
/// (RFC 3986 §3.1).
#[must_use]
pub fn geo(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    scheme.eq_ignore_ascii_case("geo").then_some(rest)
}

/// Decodes `%XX`; `None` when an escape is broken or the result is not UTF-8.
#[must_use]
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

/// Appends `text`, all but RFC 3986's unreserved characters percent-encoded.
pub fn push_percent_encoded(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// `text`, all but RFC 3986's unreserved characters percent-encoded: fit for one segment of a path
/// or one value of a query.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_percent_encoded(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_have_a_scheme_and_only_allowed_characters() {
        for good in [
            "https://id.gs1.org/01/09521568251204/21/A1",
            "urn:epc:idpat:sgtin:4012345.012345.*",
            "urn:uuid:f7d0c2c1-0f53-4e33-9d6b-3ae0a2e0b7a5",
            "ni:///sha-256;df7bb3c3?ver=CBV2.0",
            "ext:field",
            "geo:47.5,9.6",
            "http://user@[2001:db8::1]:80/a%20b?q=a/b?c#f",
            "a:",
        ] {
            assert!(is_uri(good), "{good}");
        }
        for bad in [
            "",
            "A1",
            "_:b0",
            "1a:b",
            "http://a b",
            "urn:x:%zz",
            "urn:x:ä",
            "http://[::1",
            "http://h:port/",
            "a:#b#c",
            "urn:x:{a}",
            "urn:x:\"",
        ] {
            assert!(!is_uri(bad), "{bad}");
        }
    }

    #[test]
    fn identifiers_travel_in_paths_unharmed() {
        assert_eq!(percent_encoded("ni:///sha-256;ab?v"), "ni%3A%2F%2F%2Fsha-256%3Bab%3Fv");
    }

    #[test]
    fn percent_encoding_goes_both_ways() {
        let mut out = String::new();
        push_percent_encoded(&mut out, "a/b+ä~");
        assert_eq!(out, "a%2Fb%2B%C3%A4~");
        assert_eq!(percent_decoded(&out).as_deref(), Some("a/b+ä~"));
        assert_eq!(percent_decoded("%2"), None);
        assert_eq!(percent_decoded("%ff"), None);
    }
}
