//! Data Integrity proofs with the cryptosuite `eddsa-jcs-2022` (W3C Data Integrity EdDSA
//! Cryptosuites 1.0 §3.3).
//!
//! What is signed is `SHA-256(JCS(proof options)) ‖ SHA-256(JCS(document without proof))`, in this
//! order, the options having the document's `@context`.

use serde_json::{Map, Value, json};

use super::did::{from_multibase, multibase};
use crate::digest::Digest;
use crate::epcis::{Violation, canonical_text, shown};
use crate::keys::{PublicKey, Signature, Signer};

/// The name of the cryptosuite.
pub const CRYPTOSUITE: &str = "eddsa-jcs-2022";

pub(super) fn fault(at: &str, rule: &'static str, message: impl Into<String>) -> Violation {
    Violation { pointer: at.to_owned(), rule, message: message.into() }
}

/// The options of a proof: everything of it but its value.
#[must_use]
pub fn options(document: &Map<String, Value>, created: &str, method: &str) -> Map<String, Value> {
    let mut options = Map::new();
    options.insert("type".to_owned(), json!("DataIntegrityProof"));
    options.insert("cryptosuite".to_owned(), json!(CRYPTOSUITE));
    options.insert("created".to_owned(), json!(created));
    options.insert("verificationMethod".to_owned(), json!(method));
    options.insert("proofPurpose".to_owned(), json!("assertionMethod"));
    if let Some(context) = document.get("@context") {
        options.insert("@context".to_owned(), context.clone());
    }
    options
}

/// The two hashes that are signed: of the options, then of the document.
#[must_use]
pub fn hashes(options: &Map<String, Value>, document: &Map<String, Value>) -> [u8; 64] {
    let digest = |map: &Map<String, Value>| {
        Digest::of_file(canonical_text(&Value::Object(map.clone())).as_bytes()).0
    };
    let mut hashes = [0; 64];
    hashes[..32].copy_from_slice(&digest(options));
    hashes[32..].copy_from_slice(&digest(document));
    hashes
}

/// Adds a proof to a document that has none: `created` is an RFC 3339 time, `method` names the
/// signer's key.
#[must_use]
pub fn sign(
    mut document: Map<String, Value>,
    created: &str,
    method: &str,
    signer: &dyn Signer,
) -> Value {
    document.remove("proof");
    let mut proof = options(&document, created, method);
    let signature = signer.sign_hashes(&hashes(&proof, &document));
    proof.insert("proofValue".to_owned(), json!(multibase(&signature.0)));
    document.insert("proof".to_owned(), Value::Object(proof));
    Value::Object(document)
}

/// The proof of a document, after looking at everything but the signature.
///
/// # Errors
/// What is wrong with its form.
pub fn read(document: &Value) -> Result<&Map<String, Value>, Violation> {
    let Some(proof) = document.get("proof") else {
        return Err(fault("/proof", "required", "there is no proof: nobody vouches for this"));
    };
    let Some(proof) = proof.as_object() else {
        let message = "one proof is read here, an object: several in a list are not";
        return Err(fault("/proof", "type", message));
    };
    for (name, wanted) in [
        ("type", "DataIntegrityProof"),
        ("cryptosuite", CRYPTOSUITE),
        ("proofPurpose", "assertionMethod"),
    ] {
        let given = proof.get(name).and_then(Value::as_str).unwrap_or_default();
        if given != wanted {
            let message = format!("{} is not read here: {wanted} is", shown(given));
            return Err(fault(&format!("/proof/{name}"), "proof", message));
        }
    }
    Ok(proof)
}

/// Checks the signature of a document with the key of its signer.
///
/// # Errors
/// What is wrong, with the field.
pub fn verify(document: &Value, key: &PublicKey) -> Result<(), Violation> {
    let proof = read(document)?;
    let value = proof.get("proofValue").and_then(Value::as_str).unwrap_or_default();
    let bytes = from_multibase(value).and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
    let Some(signature) = bytes.map(Signature) else {
        let message = "this is no signature: z and the base58 of 64 bytes are wanted";
        return Err(fault("/proof/proofValue", "proof-value", message));
    };
    let mut options = proof.clone();
    options.remove("proofValue");
    let mut unsecured = document.as_object().cloned().unwrap_or_default();
    unsecured.remove("proof");
    // §3.3.2: the proof's context must begin the document's, and stands in its place.
    if let Some(context) = options.get("@context") {
        if !begins_with(unsecured.get("@context"), context) {
            let message = "the document's @context does not begin with the proof's";
            return Err(fault("/@context", "context", message));
        }
        unsecured.insert("@context".to_owned(), context.clone());
    }
    if key.verify_hashes(&hashes(&options, &unsecured), &signature) {
        return Ok(());
    }
    let message = "the signature is not one of this content by this key: something was changed, \
                   or the key is another";
    Err(fault("/proof/proofValue", "signature", message))
}

fn begins_with(whole: Option<&Value>, start: &Value) -> bool {
    let list = |value: &Value| match value {
        Value::Array(list) => list.clone(),
        single => vec![single.clone()],
    };
    whole.is_some_and(|whole| list(whole).starts_with(&list(start)))
}
