//! Commit certificates: the proof that a block is final.

use serde::{Deserialize, Serialize};

use crate::block::{Block, BlockId};
use crate::codec;
use crate::digest::{Digest, Domain};
use crate::keys::{PublicKey, Signature};
use crate::units::{ChainId, Height};
use crate::validators::ValidatorSet;

/// The two votes of a round (Tendermint, arXiv:1807.04938, algorithm 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum VoteKind {
    /// "This value is valid here."
    Prevote,
    /// "I saw more than two thirds prevote it."
    Precommit,
}

/// What a validator signs when it votes. `block_id` is `None` for a vote for nothing (nil).
#[must_use]
pub fn vote_digest(
    chain_id: &ChainId,
    kind: VoteKind,
    height: Height,
    round: u32,
    block_id: Option<BlockId>,
) -> Digest {
    Digest::of(Domain::Vote, &codec::encode(&(chain_id, kind, height, round, block_id)))
}

/// More than two thirds of the voting power precommitted this block: it is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitCertificate {
    /// The decided height.
    pub height: Height,
    /// The round in which it was decided.
    pub round: u32,
    /// The decided block.
    pub block_id: BlockId,
    /// Who precommitted, ordered by key, each once.
    pub signatures: Vec<CommitSignature>,
}

/// One validator's precommit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitSignature {
    /// Whose.
    pub validator: PublicKey,
    /// Signs [`vote_digest`] of the precommit.
    pub signature: Signature,
}

/// A block and the proof that it is final: what the block log holds and what nodes that lag are
/// sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedBlock {
    /// The block.
    pub block: Block,
    /// Decides [`DecidedBlock::block`].
    pub certificate: CommitCertificate,
}

/// Why a certificate proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not in the set that decides this height.
    #[error("{0} is not a validator of this height")]
    NotAValidator(PublicKey),
    /// Signatures out of order, or one validator twice.
    #[error("signatures must be ordered by key, each validator once")]
    Order,
    /// A signature that does not verify.
    #[error("the signature of {0} is wrong")]
    Signature(PublicKey),
    /// Too little voting power.
    #[error("the signatures have power {power} of {total}: more than two thirds are needed")]
    Power {
        /// Power of those who signed.
        power: u64,
        /// Power of the whole set.
        total: u64,
    },
}

impl CommitCertificate {
    /// Checks that `validators`, the set of this height, decided `block_id`.
    ///
    /// # Errors
    /// [`CertificateError`] says what is wrong.
    pub fn verify(
        &self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
    ) -> Result<(), CertificateError> {
        let digest = vote_digest(
            chain_id,
            VoteKind::Precommit,
            self.height,
            self.round,
            Some(self.block_id),
        );
        let ordered = self.signatures.is_sorted_by(|a, b| a.validator < b.validator);
        if !ordered {
            return Err(CertificateError::Order);
        }
        let mut power: u64 = 0;
        for CommitSignature { validator, signature } in &self.signatures {
            let Some(known) = validators.get(validator) else {
                return Err(CertificateError::NotAValidator(*validator));
            };
            if !validator.verify(&digest, signature) {
                return Err(CertificateError::Signature(*validator));
            }
            power = power.saturating_add(known.power);
        }
        if !validators.is_quorum(power) {
            return Err(CertificateError::Power { power, total: validators.total_power() });
        }
        Ok(())
    }
}
