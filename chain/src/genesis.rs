//! The record every network starts from: its members, their agents and nodes, its parameters.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::anomaly::AnomalyKind;
use crate::block::BlockId;
use crate::codec;
use crate::digest::{Digest, Domain};
use crate::keys::PublicKey;
use crate::units::{AgentId, ChainId, MemberId, NodeName, TimestampMs};
use crate::validators::{Validator, ValidatorSet, ValidatorSetError};

/// What a network is at height 0. Every node holds the same; its digest is the first block's
/// `previous_block_id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The network's name.
    pub chain_id: ChainId,
    /// When the network began: the block time that the first block must be later than.
    pub created_at: TimestampMs,
    /// What the network chose.
    pub parameters: Parameters,
    /// The companies that take part.
    pub members: Vec<Member>,
}

/// What a network may choose for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Least time between two blocks while work waits.
    pub min_block_interval_ms: u64,
    /// Time after which an idle network makes an empty block.
    pub idle_block_interval_ms: u64,
    /// How far a newly proposed block's time may be from a validator's clock.
    pub max_clock_drift_ms: u64,
    /// How far ahead of block time a transaction may expire.
    pub expiry_window_ms: u64,
    /// Bytes of all bundles in one block, encoded.
    pub max_block_bytes: u64,
    /// State entries that one block may write.
    pub max_block_touches: u64,
    /// The authenticated state has two to this power buckets.
    pub state_buckets_log2: u8,
    /// How long a proposal is awaited in round 0; each round adds half as much again.
    pub propose_timeout_ms: u64,
    /// How long votes are awaited after two thirds have voted without agreement.
    pub vote_timeout_ms: u64,
    /// Kinds of anomalies for which an event is refused, instead of being recorded with them.
    #[serde(default = "refused_by_default")]
    pub refused_anomalies: Vec<AnomalyKind>,
    /// The share, in thousandths, of what goes into a transformation that is declared to be lost
    /// in it: what comes out above the rest is an anomaly.
    #[serde(default)]
    pub declared_loss_permille: u16,
}

fn refused_by_default() -> Vec<AnomalyKind> {
    vec![AnomalyKind::OthersPrefix]
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters {
            min_block_interval_ms: 50,
            idle_block_interval_ms: 15_000,
            max_clock_drift_ms: 10_000,
            expiry_window_ms: 600_000,
            max_block_bytes: 4 * 1024 * 1024,
            max_block_touches: 30_000,
            state_buckets_log2: 20,
            propose_timeout_ms: 1_000,
            vote_timeout_ms: 500,
            refused_anomalies: refused_by_default(),
            declared_loss_permille: 0,
        }
    }
}

/// A company that takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its short name on the ledger.
    pub id: MemberId,
    /// Its name for people.
    pub name: String,
    /// GS1 company prefixes (4 to 12 digits) under which it may commission identifiers; `*` stands
    /// for every prefix and is for test networks.
    pub gs1_company_prefixes: Vec<String>,
    /// Global Location Numbers (13 digits) that name the member or its places.
    pub glns: Vec<String>,
    /// What it does for others.
    #[serde(default)]
    pub roles: Vec<MemberRole>,
    /// Who signs for it.
    pub agents: Vec<Agent>,
    /// The nodes it runs.
    pub nodes: Vec<Node>,
}

/// What a member does for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// Inspects things of any member: what it says of them counts.
    Inspector,
    /// Issues and redeems cash.
    Bank,
}

/// A person, device or program that signs for a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// `member/agent`, the member being the one it is listed under.
    pub id: AgentId,
    /// Verifies its signatures.
    pub public_key: PublicKey,
}

/// A member's node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Unique in the network.
    pub name: NodeName,
    /// Signs its votes and proves it to its peers.
    pub public_key: PublicKey,
    /// What it does.
    pub role: NodeRole,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    /// Votes, with this power.
    Validator {
        /// At least 1.
        power: u64,
    },
    /// Verifies everything, votes nothing, serves reads.
    Follower,
}

/// Why a genesis record cannot start a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// A name or key that must be unique is not.
    #[error("{0} is listed twice")]
    Twice(String),
    /// An agent listed under a member it does not name.
    #[error("agent {agent} is listed under member {member}: name it {member}/…")]
    AgentOfOther {
        /// The agent.
        agent: AgentId,
        /// The member it is listed under.
        member: MemberId,
    },
    /// A prefix that is none.
    #[error("member {member}: {prefix:?} is not a GS1 company prefix: give 4 to 12 digits, or *")]
    Prefix {
        /// Whose.
        member: MemberId,
        /// As given.
        prefix: String,
    },
    /// A GLN that is none.
    #[error("member {member}: {gln:?} is not a GLN: give 13 digits with a right check digit")]
    Gln {
        /// Whose.
        member: MemberId,
        /// As given.
        gln: String,
    },
    /// A parameter outside its bounds.
    #[error("parameter {name} is {value}: it must be from {least} to {most}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// As given.
        value: u64,
        /// Smallest allowed.
        least: u64,
        /// Largest allowed.
        most: u64,
    },
    /// The validators make no set.
    #[error(transparent)]
    Validators(#[from] ValidatorSetError),
}

impl Genesis {
    /// The digest of this record, in the place of a block id below the first block.
    #[must_use]
    pub fn id(&self) -> BlockId {
        BlockId(Digest::of(Domain::Genesis, &codec::encode(self)))
    }

    /// All nodes of all members.
    pub fn nodes(&self) -> impl Iterator<Item = (&Member, &Node)> {
        self.members.iter().flat_map(|member| member.nodes.iter().map(move |node| (member, node)))
    }

    /// The validators of the first block.
    ///
    /// # Errors
    /// [`ValidatorSetError`] when they make no set.
    pub fn validators(&self) -> Result<ValidatorSet, ValidatorSetError> {
        let validators = self.nodes().filter_map(|(_, node)| match node.role {
            NodeRole::Validator { power } => {
                Some(Validator { public_key: node.public_key, name: node.name.clone(), power })
            }
            NodeRole::Follower => None,
        });
        ValidatorSet::new(validators.collect())
    }

    /// Checks the whole record.
    ///
    /// # Errors
    /// [`GenesisError`] names the first entry at fault and how to mend it.
    pub fn check(&self) -> Result<(), GenesisError> {
        self.parameters.check()?;
        let mut names = BTreeSet::new();
        let mut once = |what: String| match names.insert(what.clone()) {
            true => Ok(()),
            false => Err(GenesisError::Twice(what)),
        };
        for member in &self.members {
            once(format!("member {}", member.id))?;
            for agent in &member.agents {
                if *agent.id.member() != member.id {
                    return Err(GenesisError::AgentOfOther {
                        agent: agent.id.clone(),
                        member: member.id.clone(),
                    });
                }
                once(format!("agent {}", agent.id))?;
            }
            for node in &member.nodes {
                once(format!("node {}", node.name))?;
                once(format!("node key {}", node.public_key))?;
            }
            let is_prefix = |p: &str| {
                p == "*" || ((4..=12).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
            };
            if let Some(prefix) = member.gs1_company_prefixes.iter().find(|p| !is_prefix(p)) {
                return Err(GenesisError::Prefix {
                    member: member.id.clone(),
                    prefix: prefix.clone(),
                });
            }
            let is_gln = |gln: &str| gln.len() == 13 && crate::epcis::has_valid_check_digit(gln);
            if let Some(gln) = member.glns.iter().find(|gln| !is_gln(gln)) {
                return Err(GenesisError::Gln { member: member.id.clone(), gln: gln.clone() });
            }
        }
        self.validators()?;
        Ok(())
    }
}

impl Parameters {
    fn check(&self) -> Result<(), GenesisError> {
        const HOUR_MS: u64 = 3_600_000;
        let rules = [
            ("min_block_interval_ms", self.min_block_interval_ms, 1, 60_000),
            ("idle_block_interval_ms", self.idle_block_interval_ms, 100, HOUR_MS),
            ("max_clock_drift_ms", self.max_clock_drift_ms, 100, HOUR_MS),
            ("expiry_window_ms", self.expiry_window_ms, 1_000, 24 * HOUR_MS),
            ("max_block_bytes", self.max_block_bytes, 1024 * 1024, 12 * 1024 * 1024),
            ("max_block_touches", self.max_block_touches, 25_000, 10_000_000),
            ("state_buckets_log2", self.state_buckets_log2.into(), 0, 28),
            ("propose_timeout_ms", self.propose_timeout_ms, 10, HOUR_MS),
            ("vote_timeout_ms", self.vote_timeout_ms, 10, HOUR_MS),
        ];
        let permille = self.declared_loss_permille.into();
        let rules = rules.into_iter().chain([("declared_loss_permille", permille, 0, 1_000)]);
        for (name, value, least, most) in rules {
            if !(least..=most).contains(&value) {
                return Err(GenesisError::Parameter { name, value, least, most });
            }
        }
        Ok(())
    }
}
