//! Checking a credential without a network: who signed, whether that is the issuer, whether
//! anything was changed, and whether it is valid now.

use serde_json::Value;

use super::proof::fault;
use super::{did, proof};
use crate::epcis::time::parse as parse_time;
use crate::epcis::{Violation, shown};
use crate::keys::PublicKey;
use crate::units::TimestampMs;

/// How far the issuer's clock may be ahead of ours.
const CLOCK_LEEWAY_MS: u64 = 5 * 60 * 1_000;

/// What a good credential says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The DID of who issued it.
    pub issuer: String,
    /// The issuer's name, in its own words: the signature says only that the issuer wrote it.
    pub issuer_name: Option<String>,
    /// The key that signed.
    pub key: PublicKey,
    /// The product that it is about.
    pub product: Option<String>,
    /// What the product is called.
    pub product_name: Option<String>,
    /// From when on it is valid.
    pub valid_from: Option<String>,
    /// Until when it is valid.
    pub valid_until: Option<String>,
}

/// Checks a credential at a time; `document` is that of the issuer's DID, which a `did:key` does
/// not need.
///
/// # Errors
/// Everything that is wrong with it.
pub fn verify(
    credential: &Value,
    document: Option<&Value>,
    at: TimestampMs,
) -> Result<Verified, Vec<Violation>> {
    let text = |pointer: &str| credential.pointer(pointer).and_then(Value::as_str);
    let mut wrong = Vec::new();
    if !credential.get("type").is_some_and(is_credential) {
        let message = "this is no VerifiableCredential: its type does not say so";
        wrong.push(fault("/type", "type", message));
    }
    let issuer = text("/issuer").or_else(|| text("/issuer/id")).unwrap_or_default();
    let method = text("/proof/verificationMethod").unwrap_or_default();
    let signed = proof::read(credential)
        .and_then(|_| did::resolve(method, document))
        .and_then(|key| proof::verify(credential, &key).map(|()| key));
    if method.split('#').next() != Some(issuer) && signed.is_ok() {
        let message = format!(
            "it is signed with a key of {}, which is not its issuer",
            shown(method.split('#').next().unwrap_or_default())
        );
        wrong.push(fault("/issuer", "issuer", message));
    }
    for (pointer, is_fine) in [
        ("/validFrom", begun as fn(u64, u64) -> bool),
        ("/proof/created", begun),
        ("/validUntil", |moment, at| at <= moment),
        ("/proof/expires", |moment, at| at <= moment),
    ] {
        let Some(given) = credential.pointer(pointer) else { continue };
        let Some(moment) = given.as_str().and_then(moment) else {
            let message = "this is no time with a zone, such as 2026-03-01T08:30:00Z";
            wrong.push(fault(pointer, "date-time", message));
            continue;
        };
        if !is_fine(moment, at.0) {
            let given = shown(given.as_str().unwrap_or_default());
            wrong.push(fault(pointer, "validity", format!("it is not valid at {at}: {given}")));
        }
    }
    match signed {
        Err(violation) => wrong.insert(0, violation),
        Ok(key) if wrong.is_empty() => {
            let own = |pointer: &str| text(pointer).map(str::to_owned);
            return Ok(Verified {
                issuer: issuer.to_owned(),
                issuer_name: own("/issuer/name"),
                key,
                product: own("/credentialSubject/product/id"),
                product_name: own("/credentialSubject/product/name"),
                valid_from: own("/validFrom"),
                valid_until: own("/validUntil"),
            });
        }
        Ok(_) => {}
    }
    Err(wrong)
}

fn begun(moment: u64, at: u64) -> bool {
    moment <= at.saturating_add(CLOCK_LEEWAY_MS)
}

fn is_credential(types: &Value) -> bool {
    let is = |value: &Value| value == "VerifiableCredential";
    types.as_array().map_or_else(|| is(types), |list| list.iter().any(is))
}

/// Milliseconds of an RFC 3339 time.
fn moment(text: &str) -> Option<u64> {
    parse_time(text).ok().map(|time| time.0)
}
