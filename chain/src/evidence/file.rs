//! The evidence file as it is written.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
use crate::epcis::{Salt, SectionName, canonical};
use crate::keys::{PublicKey, Signature};
use crate::state::StateProof;
use crate::units::ChainId;

/// What `format` says.
pub const EVIDENCE_FORMAT: &str = "tracehold-evidence";

/// The version that this code writes and reads.
pub const EVIDENCE_VERSION: u32 = 1;

/// Bytes in the ledger's own encoding, shown as lower-case hex: what digests and signatures are
/// made over, to the byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(&text);
        bytes.map(Bytes).map_err(|_| serde::de::Error::custom("give bytes as hex digits"))
    }
}

/// An evidence file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// [`EVIDENCE_FORMAT`].
    pub format: String,
    /// [`EVIDENCE_VERSION`].
    pub version: u32,
    /// The network.
    pub chain_id: ChainId,
    /// The digest of its genesis record: what names the network for certain.
    pub genesis_digest: Digest,
    /// The block at which everything in the file is true.
    pub height: u64,
    /// The genesis record, encoded.
    pub genesis: Bytes,
    /// The chain of validator sets, encoded: the genesis record's first, the one that decided the
    /// block last. Sets do not change yet, so there is one.
    pub validators: Vec<Bytes>,
    /// The block header, encoded.
    pub header: Bytes,
    /// The votes that made the block final.
    pub certificate: Votes,
    /// What the file is about.
    pub about: About,
    /// The logs in the order in which the walk comes to them: the item's own first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogFile>,
    /// The events that the walk asks for, in the order of their positions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<ShownEvent>,
    /// The products of the items whose logs are shown, and which open recalls name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<ProductFile>,
    /// The open recalls that name one of the items or products, in the order in which they are
    /// mentioned first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recalls: Vec<RecallFile>,
    /// The record that the file is about, when it is not about an item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateFile>,
}

/// What a file is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum About {
    /// The history of an item.
    Item {
        /// Its canonical identifier.
        id: String,
        /// How many levels of what it was made of the file goes back; not more than there are.
        inputs: u8,
    },
    /// How an agreement stands.
    Agreement {
        /// Its id.
        id: Digest,
    },
    /// What is on an account.
    Balance {
        /// The account.
        account: String,
        /// The asset.
        asset: String,
    },
}

/// Votes for the block: the fewest that are enough, ordered by key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Votes {
    /// The round in which it was decided.
    pub round: u32,
    /// Precommits.
    pub signatures: Vec<Vote>,
}

/// One validator's precommit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Whose.
    pub validator: PublicKey,
    /// Over [`crate::certificate::vote_digest`].
    pub signature: Signature,
}

/// A log under the state root, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogFile {
    /// The canonical identifier.
    pub id: String,
    /// The log; absent when no event names the identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Presence>,
    /// [`crate::recall::OpenRecalls`], encoded; absent when no open recall names the identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalls: Option<Bytes>,
    /// Shows the item's record and the recalls, or their absence, under the state root: they stand
    /// in one bucket.
    pub proof: StateProof,
}

/// What is shown of a log: from an index to its head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// The digest of what follows the log in the item's record.
    pub rest: Digest,
    /// The index of the first entry shown.
    pub from: u64,
    /// The peaks of the log before that entry, the oldest (largest) first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Digest>,
    /// The entries from there to the head.
    pub entries: Vec<LogEntry>,
}

/// An entry of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    /// [`crate::state::ItemLeaf`], encoded.
    pub leaf: Bytes,
    /// The canonical identifiers of the items that the leaf leads to, where the walk follows them:
    /// the leaf holds their digests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// An event in its sections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownEvent {
    /// What a scan may show.
    pub public: SectionFile,
    /// Between the parties.
    pub trade: SectionFile,
    /// Everything else.
    pub rest: SectionFile,
}

impl ShownEvent {
    /// The section of that name.
    #[must_use]
    pub fn section(&self, name: SectionName) -> &SectionFile {
        match name {
            SectionName::Public => &self.public,
            SectionName::Trade => &self.trade,
            SectionName::Rest => &self.rest,
        }
    }
}

/// A section, or the digest that stands for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum SectionFile {
    /// As it was recorded.
    Shown {
        /// What keeps the section from being guessed while it is withheld.
        salt: Salt,
        /// A JSON object in canonical text.
        text: String,
    },
    /// Kept back: nothing can be learned from the digest, because the salt is kept back too.
    Withheld {
        /// The leaf of the event digest.
        leaf: Digest,
    },
}

/// The open recalls that name a product, or that none does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductFile {
    /// The canonical identifier.
    pub id: String,
    /// [`crate::recall::OpenRecalls`], encoded; absent when no open recall names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalls: Option<Bytes>,
    /// Shows this under the state root.
    pub proof: StateProof,
}

/// An open recall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecallFile {
    /// [`crate::recall::RecallRecord`], encoded.
    pub value: Bytes,
    /// Shows it under the state root.
    pub proof: StateProof,
}

/// A record of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateFile {
    /// The record, encoded; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Bytes>,
    /// Shows the record, or its absence, under the state root.
    pub proof: StateProof,
}

impl Evidence {
    /// The file's text: canonical JSON (RFC 8785), without a line end.
    ///
    /// # Panics
    /// Never: everything in it is text, a small integer, a list or an object.
    #[must_use]
    pub fn to_text(&self) -> String {
        canonical::text(&serde_json::to_value(self).expect("plain data"))
    }
}
