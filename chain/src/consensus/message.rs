//! What nodes send each other.
//!
//! Gossip goes to everybody; requests go to one peer and are answered. Everything is read through
//! [`crate::codec`] and converted to the core's types only when it is within bounds. Nothing read
//! here is to be believed yet: signatures are the driver's to check.

use std::sync::Arc;

use malachitebft_core_types as malachite;
use malachitebft_core_types::{
    NilOrVal, PolkaSignature, Round, RoundCertificateType, RoundSignature, SignedMessage, VoteType,
};
use serde::{Deserialize, Serialize};

use crate::block::BlockId;
use crate::certificate::VoteKind;
use crate::codec::{self, CodecError};
use crate::consensus::vote::{Proposal, Vote};
use crate::consensus::{LedgerContext, MAX_ROUND};
use crate::keys::{PublicKey, Signature};
use crate::limits::{MAX_TRANSACTION_BYTES, MAX_VALIDATORS};
use crate::transaction::Bundle;
use crate::units::Height;

/// Bytes of one gossip message: the largest transaction and its envelope.
pub const MAX_GOSSIP_BYTES: usize = MAX_TRANSACTION_BYTES + 64;

/// Bytes of one request.
pub const MAX_REQUEST_BYTES: usize = 256;

/// Bytes of one answer to a request: the largest block with its certificate, or a run of smaller
/// ones.
pub const MAX_RESPONSE_BYTES: usize = crate::limits::MAX_ENCODED_BYTES + 1024;

/// What a node tells everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gossip {
    /// A signed vote.
    Vote(VoteMessage),
    /// A signed proposal of a block id; the bytes are fetched by whoever lacks them.
    Proposal(ProposalMessage),
    /// Proof that more than two thirds prevoted a block.
    Polka(PolkaMessage),
    /// Proof that a round may be entered.
    Round(RoundMessage),
    /// A transaction that waits for a block.
    Transaction(Arc<Bundle>),
    /// How far the sender is; lets nodes that lag notice it.
    Status(StatusMessage),
}

/// A signed vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteMessage {
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// The height voted on.
    pub height: Height,
    /// The round voted in.
    pub round: u32,
    /// The block, or nothing.
    pub block_id: Option<BlockId>,
    /// Whose vote.
    pub validator: PublicKey,
    /// Signs [`crate::certificate::vote_digest`].
    pub signature: Signature,
}

/// A signed proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalMessage {
    /// The height it is for.
    pub height: Height,
    /// The round it is made in.
    pub round: u32,
    /// The block.
    pub block_id: BlockId,
    /// The round of the proof of lock, when the block is proposed again.
    pub pol_round: Option<u32>,
    /// The proposer of the round.
    pub proposer: PublicKey,
    /// Signs [`crate::consensus::proposal_digest`].
    pub signature: Signature,
}

/// More than two thirds of prevotes for one block in one round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolkaMessage {
    /// The height voted on.
    pub height: Height,
    /// The round voted in.
    pub round: u32,
    /// The block.
    pub block_id: BlockId,
    /// Who prevoted it.
    pub signatures: Vec<(PublicKey, Signature)>,
}

/// Votes that justify entering a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundMessage {
    /// The height voted on.
    pub height: Height,
    /// The round voted in.
    pub round: u32,
    /// `true`: more than a third voted in `round`, which may be entered. `false`: more than two
    /// thirds precommitted in `round`, and the next may be entered.
    pub skip: bool,
    /// The votes.
    pub votes: Vec<RoundVote>,
}

/// A vote inside a [`RoundMessage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundVote {
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// The block, or nothing.
    pub block_id: Option<BlockId>,
    /// Whose vote.
    pub validator: PublicKey,
    /// Signs [`crate::certificate::vote_digest`].
    pub signature: Signature,
}

/// Bytes of the version that a node says it runs.
pub const MAX_VERSION_BYTES: usize = 32;

/// How far a node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusMessage {
    /// Its highest decided block.
    pub height: Height,
    /// The version of its program, for the people who run nodes: 1 to [`MAX_VERSION_BYTES`] of
    /// printable ASCII. Nothing is decided by it.
    pub version: String,
}

impl StatusMessage {
    fn is_sound(&self) -> bool {
        (1..=MAX_VERSION_BYTES).contains(&self.version.len())
            && self.version.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

/// A question to one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The bytes of a proposed block.
    Block {
        /// The height it is proposed for.
        height: Height,
        /// Its id.
        id: BlockId,
    },
    /// Decided blocks with their certificates, from this height on.
    Decided {
        /// The first height wanted.
        from: Height,
    },
}

/// The answer to a [`Request`], read without copying. Block bytes are long, so the answer is
/// framed by hand around bytes that are already encoded: one kind byte, then the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response<'a> {
    /// The peer does not have it.
    None,
    /// An encoded [`crate::block::Block`].
    Block(&'a [u8]),
    /// Encoded [`crate::certificate::DecidedBlock`]s of consecutive heights.
    Decided(Vec<&'a [u8]>),
}

const RESPONSE_NONE: u8 = 0;
const RESPONSE_BLOCK: u8 = 1;
const RESPONSE_DECIDED: u8 = 2;
const LENGTH_BYTES: usize = 8;

impl<'a> Response<'a> {
    /// Writes the answer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Response::None => vec![RESPONSE_NONE],
            Response::Block(bytes) => [&[RESPONSE_BLOCK], *bytes].concat(),
            Response::Decided(blocks) => {
                let length = blocks.iter().map(|b| b.len() + LENGTH_BYTES).sum::<usize>() + 1;
                let mut out = Vec::with_capacity(length);
                out.push(RESPONSE_DECIDED);
                for block in blocks {
                    let length = u64::try_from(block.len()).expect("lengths fit in 64 bits");
                    out.extend_from_slice(&length.to_le_bytes());
                    out.extend_from_slice(block);
                }
                out
            }
        }
    }

    /// Reads an answer; `None` when the bytes are none.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Response<'a>> {
        if bytes.len() > MAX_RESPONSE_BYTES {
            return None;
        }
        let (kind, mut rest) = bytes.split_first()?;
        match *kind {
            RESPONSE_NONE if rest.is_empty() => Some(Response::None),
            RESPONSE_BLOCK => Some(Response::Block(rest)),
            RESPONSE_DECIDED => {
                let mut blocks = Vec::new();
                while !rest.is_empty() {
                    let (length, tail) = rest.split_first_chunk::<LENGTH_BYTES>()?;
                    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
                    let (block, tail) = tail.split_at_checked(length)?;
                    blocks.push(block);
                    rest = tail;
                }
                Some(Response::Decided(blocks))
            }
            _ => None,
        }
    }
}

/// Reads a gossip message and checks its bounds.
///
/// # Errors
/// [`CodecError`] when the bytes are no gossip message, or one that no honest node sends.
pub fn decode_gossip(bytes: &[u8]) -> Result<Gossip, CodecError> {
    if bytes.len() > MAX_GOSSIP_BYTES {
        return Err(CodecError::TooLarge(bytes.len()));
    }
    let gossip: Gossip = codec::decode(bytes)?;
    let in_bounds = match &gossip {
        Gossip::Vote(vote) => vote.round <= MAX_ROUND,
        Gossip::Proposal(proposal) => {
            proposal.round <= MAX_ROUND && proposal.pol_round.is_none_or(|pol| pol < proposal.round)
        }
        Gossip::Polka(polka) => {
            polka.round <= MAX_ROUND && polka.signatures.len() <= MAX_VALIDATORS
        }
        Gossip::Round(round) => round.round <= MAX_ROUND && round.votes.len() <= MAX_VALIDATORS,
        Gossip::Status(status) => status.is_sound(),
        Gossip::Transaction(_) => true,
    };
    if in_bounds { Ok(gossip) } else { Err(CodecError::Malformed) }
}

/// Reads a request.
///
/// # Errors
/// [`CodecError`] when the bytes are none.
pub fn decode_request(bytes: &[u8]) -> Result<Request, CodecError> {
    if bytes.len() > MAX_REQUEST_BYTES {
        return Err(CodecError::TooLarge(bytes.len()));
    }
    codec::decode(bytes)
}

fn nil_or(block_id: Option<BlockId>) -> NilOrVal<BlockId> {
    block_id.map_or(NilOrVal::Nil, NilOrVal::Val)
}

fn or_nil(value: &NilOrVal<BlockId>) -> Option<BlockId> {
    match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(id) => Some(*id),
    }
}

fn round_number(round: Round) -> u32 {
    round.as_u32().expect("the core sends messages of a round")
}

fn vote_type(kind: VoteKind) -> VoteType {
    match kind {
        VoteKind::Prevote => VoteType::Prevote,
        VoteKind::Precommit => VoteType::Precommit,
    }
}

fn vote_kind(kind: VoteType) -> VoteKind {
    match kind {
        VoteType::Prevote => VoteKind::Prevote,
        VoteType::Precommit => VoteKind::Precommit,
    }
}

impl From<&malachite::SignedVote<LedgerContext>> for VoteMessage {
    fn from(signed: &malachite::SignedVote<LedgerContext>) -> VoteMessage {
        VoteMessage {
            kind: signed.message.kind,
            height: signed.message.height,
            round: round_number(signed.message.round),
            block_id: signed.message.block_id(),
            validator: signed.message.validator,
            signature: signed.signature,
        }
    }
}

impl From<VoteMessage> for malachite::SignedVote<LedgerContext> {
    fn from(message: VoteMessage) -> Self {
        let vote = Vote {
            height: message.height,
            round: Round::new(message.round),
            kind: message.kind,
            value: nil_or(message.block_id),
            validator: message.validator,
        };
        SignedMessage::new(vote, message.signature)
    }
}

impl From<&malachite::SignedProposal<LedgerContext>> for ProposalMessage {
    fn from(signed: &malachite::SignedProposal<LedgerContext>) -> ProposalMessage {
        ProposalMessage {
            height: signed.message.height,
            round: round_number(signed.message.round),
            block_id: signed.message.block_id,
            pol_round: signed.message.pol_round.as_u32(),
            proposer: signed.message.proposer,
            signature: signed.signature,
        }
    }
}

impl From<ProposalMessage> for malachite::SignedProposal<LedgerContext> {
    fn from(message: ProposalMessage) -> Self {
        let proposal = Proposal {
            height: message.height,
            round: Round::new(message.round),
            block_id: message.block_id,
            pol_round: Round::from(message.pol_round),
            proposer: message.proposer,
        };
        SignedMessage::new(proposal, message.signature)
    }
}

impl From<&malachite::PolkaCertificate<LedgerContext>> for PolkaMessage {
    fn from(polka: &malachite::PolkaCertificate<LedgerContext>) -> PolkaMessage {
        PolkaMessage {
            height: polka.height,
            round: round_number(polka.round),
            block_id: polka.value_id,
            signatures: polka.polka_signatures.iter().map(|s| (s.address, s.signature)).collect(),
        }
    }
}

impl From<PolkaMessage> for malachite::PolkaCertificate<LedgerContext> {
    fn from(message: PolkaMessage) -> Self {
        let signatures = message.signatures.into_iter();
        malachite::PolkaCertificate {
            height: message.height,
            round: Round::new(message.round),
            value_id: message.block_id,
            polka_signatures: signatures.map(|(key, sig)| PolkaSignature::new(key, sig)).collect(),
        }
    }
}

impl From<&malachite::RoundCertificate<LedgerContext>> for RoundMessage {
    fn from(certificate: &malachite::RoundCertificate<LedgerContext>) -> RoundMessage {
        let votes = certificate.round_signatures.iter().map(|signature| RoundVote {
            kind: vote_kind(signature.vote_type),
            block_id: or_nil(&signature.value_id),
            validator: signature.address,
            signature: signature.signature,
        });
        RoundMessage {
            height: certificate.height,
            round: round_number(certificate.round),
            skip: certificate.cert_type == RoundCertificateType::Skip,
            votes: votes.collect(),
        }
    }
}

impl From<RoundMessage> for malachite::RoundCertificate<LedgerContext> {
    fn from(message: RoundMessage) -> Self {
        let votes = message.votes.into_iter().map(|vote| {
            let value = nil_or(vote.block_id);
            RoundSignature::new(vote_type(vote.kind), value, vote.validator, vote.signature)
        });
        malachite::RoundCertificate {
            height: message.height,
            round: Round::new(message.round),
            cert_type: match message.skip {
                true => RoundCertificateType::Skip,
                false => RoundCertificateType::Precommit,
            },
            round_signatures: votes.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn vote() -> VoteMessage {
        VoteMessage {
            kind: VoteKind::Precommit,
            height: Height(9),
            round: 2,
            block_id: Some(BlockId(Digest([3; 32]))),
            validator: PublicKey([1; 32]),
            signature: Signature([2; 64]),
        }
    }

    #[test]
    fn messages_survive_the_way_to_the_core_and_back() {
        let signed = malachite::SignedVote::<LedgerContext>::from(vote());
        assert_eq!(VoteMessage::from(&signed), vote());
        let proposal = ProposalMessage {
            height: Height(9),
            round: 2,
            block_id: BlockId(Digest([3; 32])),
            pol_round: Some(1),
            proposer: PublicKey([1; 32]),
            signature: Signature([2; 64]),
        };
        let signed = malachite::SignedProposal::<LedgerContext>::from(proposal);
        assert_eq!(ProposalMessage::from(&signed), proposal);
        let bytes = codec::encode(&Gossip::Proposal(proposal));
        assert_eq!(decode_gossip(&bytes), Ok(Gossip::Proposal(proposal)));
    }

    #[test]
    fn rounds_that_no_honest_node_names_are_refused_on_reading() {
        let far = Gossip::Vote(VoteMessage { round: u32::MAX, ..vote() });
        assert!(decode_gossip(&codec::encode(&far)).is_err());
        let polka = PolkaMessage {
            height: Height(1),
            round: 0,
            block_id: BlockId(Digest([3; 32])),
            signatures: vec![(PublicKey([1; 32]), Signature([2; 64])); MAX_VALIDATORS + 1],
        };
        assert!(decode_gossip(&codec::encode(&Gossip::Polka(polka))).is_err());
        assert!(decode_gossip(&vec![0; MAX_GOSSIP_BYTES + 1]).is_err());
        assert!(decode_gossip(&[]).is_err());
    }

    #[test]
    fn answers_are_read_as_written_and_junk_is_not_read() {
        for response in [
            Response::None,
            Response::Block(b"block"),
            Response::Decided(vec![b"one", b"", b"three"]),
            Response::Decided(vec![]),
        ] {
            assert_eq!(Response::decode(&response.encode()), Some(response));
        }
        for junk in [&[][..], &[0, 0], &[9], &[2, 1], &[2, 255, 255, 255, 255, 255, 255, 255, 255]]
        {
            assert_eq!(Response::decode(junk), None);
        }
    }
}
