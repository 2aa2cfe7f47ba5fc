//! The signature of a delivery, by which its receiver knows who sent it and when.
//!
//! `Tracehold-Signature: t=1772357400,v1=5257a8…`: `v1` is HMAC-SHA-256, under the subscription's
//! secret, of the time in seconds as in `t`, a full stop, and the body; in lower-case hex.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderName;
use sha2::Sha256;

/// The header's name in subscriptions of the EPCIS binding; the value is made in the same way.
pub const GS1_SIGNATURE_HEADER: HeaderName = HeaderName::from_static("gs1-signature");

/// The header's name.
pub const SIGNATURE_HEADER: HeaderName = HeaderName::from_static("tracehold-signature");

/// The value of the header for a body that is sent at `seconds` since 1970.
#[must_use]
pub fn signature(secret: &str, seconds: u64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `printf '1772357400.{"a":1}' | openssl dgst -sha256 -hmac whsec_example`.
    #[test]
    fn the_signature_is_what_other_tools_make() {
        assert_eq!(
            signature("whsec_example", 1_772_357_400, br#"{"a":1}"#),
            "t=1772357400,v1=dca3caa1c78538eed27c54b6534bc7d7dbab989b4eddc793540ece967c47e7f5"
        );
    }
}
