//! Domain-separated SHA-256.
//!
//! Every digest is computed as `SHA-256(len(tag) ‖ tag ‖ data)`, where the tag names what is being
//! digested. Bytes that mean one thing can then never pass for another: a block header is no vote,
//! an event leaf is no transaction.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// What a digest is of. The tag is part of the ledger's format: it never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// A transaction body; what its sender signs.
    Transaction,
    /// A transaction with its signature; the leaf of a block's transaction tree.
    SignedTransaction,
    /// A block header; the block's id.
    BlockHeader,
    /// A genesis record.
    Genesis,
    /// A consensus vote.
    Vote,
    /// A consensus proposal.
    Proposal,
    /// A validator set.
    ValidatorSet,
    /// One salted section of an event.
    EventSection,
    /// The leaf of an item's log.
    ItemLogLeaf,
    /// What an author signs when somebody else submits the event.
    AuthoredEvent,
    /// A receipt; the leaf of a block's receipt tree.
    Receipt,
    /// A name looked up in the state (identifier, eventID …).
    StateName,
    /// A key of the authenticated state.
    StateKey,
    /// A value of the authenticated state.
    StateValue,
    /// A bucket of the authenticated state tree.
    StateBucket,
    /// An inner node of the authenticated state tree.
    StateNode,
    /// The salt of a section, derived from a member's secret.
    SectionSalt,
    /// An API key, stored so that whoever reads the store cannot use it.
    ApiKey,
    /// The trace of a simulation run.
    Trace,
    /// A message between nodes, so that each is delivered once.
    GossipMessage,
    /// What was due when a block began; a leaf of the block's receipt tree.
    DueReceipt,
    /// An agreement: who proposed it, under which reference, with which terms.
    Agreement,
    /// A money command, so that a retry is told from another one under its reference.
    MoneyCommand,
    /// Something by which an event is found. Local: no other node sees it.
    EventTerm,
}

impl Domain {
    const fn tag(self) -> &'static [u8] {
        match self {
            Domain::Transaction => b"tracehold/1/transaction",
            Domain::SignedTransaction => b"tracehold/1/signed-transaction",
            Domain::BlockHeader => b"tracehold/1/block-header",
            Domain::Genesis => b"tracehold/1/genesis",
            Domain::Vote => b"tracehold/1/vote",
            Domain::Proposal => b"tracehold/1/proposal",
            Domain::ValidatorSet => b"tracehold/1/validator-set",
            Domain::EventSection => b"tracehold/1/event-section",
            Domain::ItemLogLeaf => b"tracehold/1/item-log-leaf",
            Domain::AuthoredEvent => b"tracehold/1/authored-event",
            Domain::Receipt => b"tracehold/1/receipt",
            Domain::StateName => b"tracehold/1/state-name",
            Domain::StateKey => b"tracehold/1/state-key",
            Domain::StateValue => b"tracehold/1/state-value",
            Domain::StateBucket => b"tracehold/1/state-bucket",
            Domain::StateNode => b"tracehold/1/state-node",
            Domain::SectionSalt => b"tracehold/1/section-salt",
            Domain::ApiKey => b"tracehold/1/api-key",
            Domain::Trace => b"tracehold/1/trace",
            Domain::GossipMessage => b"tracehold/1/gossip-message",
            Domain::DueReceipt => b"tracehold/1/due-receipt",
            Domain::Agreement => b"tracehold/1/agreement",
            Domain::MoneyCommand => b"tracehold/1/money-command",
            Domain::EventTerm => b"tracehold/1/event-term",
        }
    }
}

/// A SHA-256 digest: 32 bytes, shown as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digests `data` as a thing of kind `domain`.
    #[must_use]
    pub fn of(domain: Domain, data: &[u8]) -> Digest {
        Hasher::new(domain).chain(data).finish()
    }

    /// The plain SHA-256 of a file, without a domain: what `sha256sum` prints.
    #[must_use]
    pub fn of_file(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Digests data that comes in pieces. The pieces are joined without marks between them: give every
/// piece but one a fixed length, or write its length first.
pub struct Hasher(Sha256);

impl Hasher {
    /// Begins a digest of kind `domain`.
    #[must_use]
    pub fn new(domain: Domain) -> Hasher {
        let tag = domain.tag();
        let length = u8::try_from(tag.len()).expect("tags are short");
        Hasher(Sha256::new().chain_update([length]).chain_update(tag))
    }

    /// Adds bytes.
    #[must_use]
    pub fn chain(self, data: &[u8]) -> Hasher {
        Hasher(self.0.chain_update(data))
    }

    /// The digest of everything added.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// SHA-256 as RFC 6962 uses it, without a tag; only [`crate::merkle`] calls it.
pub(crate) fn plain_sha256(pieces: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    for piece in pieces {
        hasher.update(piece);
    }
    Digest(hasher.finalize().into())
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The text is not 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0} bytes as lower-case hex digits")]
pub struct HexError(pub(crate) usize);

impl FromStr for Digest {
    type Err = HexError;
    fn from_str(text: &str) -> Result<Digest, HexError> {
        fixed_from_hex(text).map(Digest)
    }
}

/// Reads exactly `N` bytes from lower-case hex: one spelling for each value.
pub(crate) fn fixed_from_hex<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let mut bytes = [0; N];
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(HexError(N));
    }
    hex::decode_to_slice(text, &mut bytes).map_err(|_| HexError(N))?;
    Ok(bytes)
}

/// Serialises fixed bytes as hex for people (JSON) and as they are for the codec.
pub(crate) fn serialize_fixed<const N: usize, S: Serializer>(
    bytes: &[u8; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        return serializer.serialize_str(&hex::encode(bytes));
    }
    use serde::ser::SerializeTuple;
    let mut tuple = serializer.serialize_tuple(N)?;
    for byte in bytes {
        tuple.serialize_element(byte)?;
    }
    tuple.end()
}

/// The inverse of [`serialize_fixed`].
pub(crate) fn deserialize_fixed<'de, const N: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    struct Bytes<const N: usize>;
    impl<'de, const N: usize> serde::de::Visitor<'de> for Bytes<N> {
        type Value = [u8; N];
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{N} bytes, as lower-case hex digits")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<[u8; N], E> {
            fixed_from_hex(text).map_err(E::custom)
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<[u8; N], A::Error> {
            let mut bytes = [0; N];
            for (index, byte) in bytes.iter_mut().enumerate() {
                let missing = || serde::de::Error::invalid_length(index, &"fixed bytes");
                *byte = seq.next_element()?.ok_or_else(missing)?;
            }
            Ok(bytes)
        }
    }
    if deserializer.is_human_readable() {
        deserializer.deserialize_str(Bytes::<N>)
    } else {
        deserializer.deserialize_tuple(N, Bytes::<N>)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_fixed(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        deserialize_fixed(deserializer).map(Digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_separate() {
        assert_ne!(Digest::of(Domain::Vote, b"x"), Digest::of(Domain::Proposal, b"x"));
        let joined = Hasher::new(Domain::Vote).chain(b"a").chain(b"b").finish();
        assert_eq!(joined, Digest::of(Domain::Vote, b"ab"));
    }

    #[test]
    fn the_digest_of_a_file_is_what_other_programs_print() {
        let printed = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of_file(b"abc").to_string(), printed);
    }

    #[test]
    fn hex_has_one_spelling() {
        let digest = Digest::of(Domain::Genesis, b"");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        assert!("00".parse::<Digest>().is_err());
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    }
}
