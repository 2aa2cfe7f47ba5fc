//! Ed25519 keys and signatures.
//!
//! One rule everywhere: [`PublicKey::verify`] is `verify_strict`, one signature at a time. Batch
//! verification accepts some signatures that single verification refuses, and nodes that differ
//! in what they accept could fork. What is signed is always a domain-separated [`Digest`].

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::Signer as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, HexError, deserialize_fixed, fixed_from_hex, serialize_fixed};

/// An Ed25519 public key: 32 bytes, shown as hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// An Ed25519 signature: 64 bytes, shown as hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

impl PublicKey {
    /// Whether `signature` is this key's signature of `digest` (`verify_strict`: no weak keys, no
    /// second spelling of a signature).
    #[must_use]
    pub fn verify(&self, digest: &Digest, signature: &Signature) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
            key.verify_strict(digest.as_bytes(), &signature).is_ok()
        })
    }

    /// Whether `signature` is this key's signature of the two hashes of a credential, by the same
    /// strict rule ([`crate::credential::proof`]).
    #[must_use]
    pub fn verify_hashes(&self, hashes: &[u8; 64], signature: &Signature) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
            key.verify_strict(hashes, &signature).is_ok()
        })
    }
}

/// Holds a private key and signs with it. The one seam for keys: a key file now, a hardware module
/// later.
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> PublicKey;
    /// Signs a domain-separated digest.
    fn sign(&self, digest: &Digest) -> Signature;
    /// Signs the two hashes of a W3C credential (Data Integrity EdDSA Cryptosuites §3.3.7), which
    /// have no domain of ours. What the ledger signs has 32 bytes, so neither passes for the other.
    fn sign_hashes(&self, hashes: &[u8; 64]) -> Signature;
}

/// A private key in memory, wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

impl SecretKey {
    /// The key with this 32-byte seed (RFC 8032 §5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> SecretKey {
        SecretKey(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The 32-byte seed, for the key store and the network's own identity.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }
}

impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, digest: &Digest) -> Signature {
        Signature(self.0.sign(digest.as_bytes()).to_bytes())
    }

    fn sign_hashes(&self, hashes: &[u8; 64]) -> Signature {
        Signature(self.0.sign(hashes).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public_key())
    }
}

macro_rules! hex_bytes {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
        impl FromStr for $name {
            type Err = HexError;
            fn from_str(text: &str) -> Result<Self, HexError> {
                fixed_from_hex(text).map(Self)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize_fixed(&self.0, serializer)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_fixed(deserializer).map(Self)
            }
        }
    };
}

hex_bytes!(PublicKey);
hex_bytes!(Signature);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Domain;

    #[test]
    fn signatures_verify_for_their_key_and_digest_only() {
        let key = SecretKey::from_seed(&[7; 32]);
        let digest = Digest::of(Domain::Transaction, b"body");
        let signature = key.sign(&digest);
        assert!(key.public_key().verify(&digest, &signature));
        assert!(!key.public_key().verify(&Digest::of(Domain::Vote, b"body"), &signature));
        assert!(!SecretKey::from_seed(&[8; 32]).public_key().verify(&digest, &signature));
        // A weak key (the neutral element) verifies nothing.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert!(!PublicKey(neutral).verify(&digest, &Signature([0; 64])));
    }
}
