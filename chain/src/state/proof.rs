//! Proofs of what the state holds at a key, and of what it does not.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::state::tree::{Entry, bucket_digest, bucket_of, inner_digest};

/// One bucket whole, and the way from it to the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateProof {
    /// Every entry of the key's bucket: digest of key, digest of value; ordered by key.
    pub bucket: Vec<(Digest, Digest)>,
    /// The sibling at each level, the bucket's first.
    pub path: Vec<Digest>,
}

/// Why a proof does not show what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The bucket does not hold the value at the key (or holds one where there should be none).
    #[error("the bucket does not hold what is claimed")]
    Bucket,
    /// Entries out of order or twice: an entry could hide.
    #[error("the entries of the bucket are not in order")]
    Order,
    /// The path does not lead to the root.
    #[error("the proof does not lead to the state root")]
    Root,
}

impl StateProof {
    /// Checks that a state of two to the power `log2` buckets with root `root` has `value` at
    /// `key`, or nothing there when `value` is `None`.
    ///
    /// # Errors
    /// [`ProofError`] says where the proof breaks.
    pub fn verify(
        &self,
        root: &Digest,
        log2: u8,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), ProofError> {
        self.verify_digest(root, log2, key, value.map(|value| Entry::value_digest(key, value)))
    }

    /// As [`StateProof::verify`], given the digest that stands for the value.
    ///
    /// # Errors
    /// [`ProofError`] says where the proof breaks.
    pub fn verify_digest(
        &self,
        root: &Digest,
        log2: u8,
        key: &[u8],
        value: Option<Digest>,
    ) -> Result<(), ProofError> {
        let entries: Vec<Entry> =
            self.bucket.iter().map(|(key, value)| Entry { key: *key, value: *value }).collect();
        if !entries.is_sorted_by(|a, b| a.key < b.key) {
            return Err(ProofError::Order);
        }
        let key = Entry::key_digest(key);
        let found = entries.iter().find(|entry| entry.key == key).map(|entry| entry.value);
        if found != value {
            return Err(ProofError::Bucket);
        }
        let mut index = bucket_of(&key, log2);
        let mut digest = bucket_digest(&entries);
        for sibling in &self.path {
            digest = match index & 1 {
                0 => inner_digest(&digest, sibling),
                _ => inner_digest(sibling, &digest),
            };
            index >>= 1;
        }
        if self.path.len() == usize::from(log2) && digest == *root {
            Ok(())
        } else {
            Err(ProofError::Root)
        }
    }
}
