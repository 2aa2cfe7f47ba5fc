//! The evidence file as the description of the HTTP side shows it. What makes and checks it is in
//! [`tracehold_chain::evidence`]; a test compares both.

use serde::{Deserialize, Serialize};

/// An evidence file (`docs/evidence.md`): canonical JSON (RFC 8785). Digests, keys and encodings
/// are lower-case hex.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceFile {
    /// `tracehold-evidence`.
    pub format: String,
    /// The format's version, 1.
    pub version: u32,
    /// The network.
    pub chain_id: String,
    /// The digest of its genesis record: what names the network for certain.
    pub genesis_digest: String,
    /// The block at which everything in the file is true.
    pub height: u64,
    /// The genesis record, encoded.
    pub genesis: String,
    /// The chain of validator sets, encoded, from the genesis record's to the block's.
    pub validators: Vec<String>,
    /// The block's header, encoded.
    pub header: String,
    /// What made the block final.
    pub certificate: EvidenceVotes,
    /// What the file is about.
    pub about: EvidenceAbout,
    /// The item's log first, then those of what it was packed in and made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub logs: Vec<EvidenceLog>,
    /// The events of those logs that belong to the story, in the order of recording.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub events: Vec<EvidenceEvent>,
    /// The products of the items whose logs are shown, and which open recalls name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub products: Vec<EvidenceProduct>,
    /// The open recalls that name one of the items or products.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub recalls: Vec<EvidenceRecall>,
    /// The record, when the file is about an agreement or a balance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<EvidenceRecord>,
}

/// The fewest votes that are enough.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceVotes {
    /// The round in which the block was decided.
    pub round: u32,
    /// Votes, by key.
    pub signatures: Vec<EvidenceVote>,
}

/// One validator's vote.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceVote {
    /// Its public key.
    pub validator: String,
    /// Its signature (Ed25519).
    pub signature: String,
}

/// What a file is about.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum EvidenceAbout {
    /// The history of an item.
    Item {
        /// Its canonical identifier.
        id: String,
        /// How many levels of what it was made of the file goes back.
        inputs: u8,
    },
    /// How an agreement stands.
    Agreement {
        /// Its id.
        id: String,
    },
    /// What is on an account.
    Balance {
        /// The account.
        account: String,
        /// The asset.
        asset: String,
    },
}

/// An item's log under the state root, or that there is none.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceLog {
    /// The item's canonical identifier.
    pub id: String,
    /// The log; absent when no event names the identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<EvidencePresence>,
    /// The ids of the open recalls that name it, encoded; absent when none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recalls: Option<String>,
    /// Shows both under the state root.
    pub proof: EvidenceProof,
}

/// A log from an index to its head.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidencePresence {
    /// The digest of what follows the log in the item's record.
    pub rest: String,
    /// The index of the first entry shown.
    pub from: u64,
    /// The roots of the log before it, the largest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub before: Vec<String>,
    /// The entries from there on.
    pub entries: Vec<EvidenceEntry>,
}

/// An entry of a log.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceEntry {
    /// What the log's tree is made of, encoded.
    pub leaf: String,
    /// The identifiers that it leads to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub names: Vec<String>,
}

/// That the state has a record, or that it has none.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceProof {
    /// Everything in the key's bucket: digests of keys and of their records, by key.
    pub bucket: Vec<Vec<String>>,
    /// The nodes beside the way up to the root.
    pub path: Vec<String>,
}

/// An event in its sections.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceEvent {
    /// What a scan may show.
    pub public: EvidenceSection,
    /// Between the parties.
    pub trade: EvidenceSection,
    /// Everything else.
    pub rest: EvidenceSection,
}

/// A section as it was recorded, or the digest that stands for it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum EvidenceSection {
    /// As it was recorded.
    Shown {
        /// What keeps it from being guessed while it is withheld.
        salt: String,
        /// A JSON object in canonical text.
        text: String,
    },
    /// Withheld.
    Withheld {
        /// Its leaf of the event's digest.
        leaf: String,
    },
}

/// The open recalls that name a product, or that none does.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceProduct {
    /// Its canonical identifier.
    pub id: String,
    /// Their ids, encoded; absent when none names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recalls: Option<String>,
    /// Shows this under the state root.
    pub proof: EvidenceProof,
}

/// An open recall.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRecall {
    /// The recall, encoded.
    pub value: String,
    /// Shows it under the state root.
    pub proof: EvidenceProof,
}

/// A record of the state.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRecord {
    /// The record, encoded; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Shows it under the state root.
    pub proof: EvidenceProof,
}

#[cfg(test)]
mod tests {
    use tracehold_chain::epcis::canonical;

    use super::*;

    /// Promise P114: the published vectors that hold are what the description says a file is.
    #[test]
    fn the_description_knows_every_member_of_a_file() {
        for name in ["item", "public", "inputs", "absent", "balance", "recalled"] {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/evidence-vectors");
            let text = std::fs::read_to_string(format!("{folder}/good-{name}.json")).unwrap();
            let file: EvidenceFile = serde_json::from_str(&text).unwrap();
            assert_eq!(canonical::text(&serde_json::to_value(file).unwrap()), text, "{name}");
        }
    }
}
