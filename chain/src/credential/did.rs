//! Whose a key is: Multikeys, `did:key` and `did:web`.
//!
//! A Multikey is `z` and the base58 of `0xed 0x01` and the 32 bytes of an Ed25519 key (Controlled
//! Identifiers 1.0 §2.2.2). A `did:key` is one such key and needs no document. The document of a
//! `did:web` is at `https://HOST/.well-known/did.json`, or at `https://HOST/PATH/did.json`.

use serde_json::{Value, json};

use super::proof::fault;
use crate::epcis::{Violation, shown};
use crate::keys::PublicKey;

/// The multicodec of an Ed25519 public key, as a varint.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];

/// What base58btc text begins with (multibase).
const BASE58BTC: char = 'z';

/// Characters of multibase text that are read: a signature has 88.
const MAX_MULTIBASE: usize = 200;

/// Bytes as multibase text, base58btc.
#[must_use]
pub fn multibase(bytes: &[u8]) -> String {
    format!("{BASE58BTC}{}", bs58::encode(bytes).into_string())
}

/// Reads multibase text in base58btc; `None` when it is none.
#[must_use]
pub fn from_multibase(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix(BASE58BTC).filter(|digits| digits.len() <= MAX_MULTIBASE)?;
    bs58::decode(digits).into_vec().ok()
}

/// The key as a Multikey.
#[must_use]
pub fn multikey(key: &PublicKey) -> String {
    multibase(&[ED25519_PUB.as_slice(), &key.0].concat())
}

/// Reads a Multikey; `None` when it is none of Ed25519.
#[must_use]
pub fn from_multikey(text: &str) -> Option<PublicKey> {
    let bytes = from_multibase(text)?;
    let key = bytes.strip_prefix(&ED25519_PUB)?;
    key.try_into().ok().map(PublicKey)
}

/// The `did:key` of a key.
#[must_use]
pub fn did_key(key: &PublicKey) -> String {
    format!("did:key:{}", multikey(key))
}

/// The `did:web` under a web address such as `https://trace.example.com:8443`, with the segments of
/// a path; `None` when the address is not one of HTTPS, which `did:web` needs.
#[must_use]
pub fn did_web(root: &str, path: &[&str]) -> Option<String> {
    let authority = root.strip_prefix("https://")?.trim_end_matches('/');
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':');
    if authority.is_empty() || !authority.bytes().all(plain) {
        return None;
    }
    let host = authority.replace(':', "%3A");
    Some([&["did:web", host.as_str()], path].concat().join(":"))
}

/// Where the document of a `did:web` is; `None` for other identifiers.
#[must_use]
pub fn document_url(did: &str) -> Option<String> {
    let rest = did.strip_prefix("did:web:")?;
    let mut parts = rest.split(':');
    let host = parts.next().filter(|host| !host.is_empty())?.replace("%3A", ":");
    let path: Vec<&str> = parts.collect();
    Some(if path.is_empty() {
        format!("https://{host}/.well-known/did.json")
    } else {
        format!("https://{host}/{}/did.json", path.join("/"))
    })
}

/// The name of a key in the document of `did`.
#[must_use]
pub fn method_id(did: &str, key: &PublicKey) -> String {
    format!("{did}#{}", multikey(key))
}

/// The document that says that these keys speak for `did` (DID Core §5).
#[must_use]
pub fn document(did: &str, also_known_as: &[String], keys: &[PublicKey]) -> Value {
    let methods = keys.iter().map(|key| {
        json!({
            "id": method_id(did, key),
            "type": "Multikey",
            "controller": did,
            "publicKeyMultibase": multikey(key),
        })
    });
    let ids: Vec<String> = keys.iter().map(|key| method_id(did, key)).collect();
    let mut document = json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": methods.collect::<Vec<_>>(),
        "assertionMethod": ids,
    });
    if !also_known_as.is_empty() {
        document["alsoKnownAs"] = json!(also_known_as);
    }
    document
}

/// The key that `method` names, for assertions. For a `did:key` the name is enough; for a
/// `did:web` its document must be given.
///
/// # Errors
/// What is wrong, with the field of the credential's proof.
pub fn resolve(method: &str, given: Option<&Value>) -> Result<PublicKey, Violation> {
    let at = "/proof/verificationMethod";
    let wrong = |rule, message: String| Err(fault(at, rule, message));
    let Some((did, fragment)) = method.split_once('#') else {
        let message = format!("{} names no key: a key follows a #", shown(method));
        return wrong("verification-method", message);
    };
    if let Some(text) = did.strip_prefix("did:key:") {
        return match from_multikey(text) {
            Some(key) if text == fragment => Ok(key),
            _ => {
                let message = format!("{} is no did:key of an Ed25519 key", shown(method));
                wrong("verification-method", message)
            }
        };
    }
    let Some(url) = document_url(did) else {
        let message =
            format!("{} is not read here: keys are named by did:key and did:web", shown(method));
        return wrong("did-method", message);
    };
    let Some(document) = given else {
        let message = format!("the key is in the document at {url}: get it and give it too");
        return wrong("did-document", message);
    };
    if document["id"] != did {
        let message = format!(
            "the document given is of {}, the key is one of {did}: give the one at {url}",
            shown(document["id"].as_str().unwrap_or("nobody"))
        );
        return wrong("did-document", message);
    }
    let is_method = |id: &Value| {
        id.as_str().is_some_and(|id| id == method || id.strip_prefix('#') == Some(fragment))
    };
    let listed = |name: &str| document[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let asserts = listed("assertionMethod").iter();
    let Some(found) = asserts.clone().find(|entry| is_method(entry) || is_method(&entry["id"]))
    else {
        let message = format!("the document of {did} does not let this key make assertions");
        return wrong("assertion-method", message);
    };
    let method_of = |entry: &&Value| is_method(&entry["id"]);
    let entry = match found.is_object() {
        true => Some(found),
        false => listed("verificationMethod").iter().find(method_of),
    };
    let key = entry
        .filter(|entry| entry["controller"] == did && entry["type"] == "Multikey")
        .and_then(|entry| from_multikey(entry["publicKeyMultibase"].as_str()?));
    match key {
        Some(key) => Ok(key),
        None => {
            let message =
                format!("the document of {did} has no Ed25519 Multikey of its own by this name");
            wrong("verification-method", message)
        }
    }
}
