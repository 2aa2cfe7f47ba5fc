//! Votes and proposals, as Malachite's core handles them, and what is signed of each.

use malachitebft_core_types as malachite;
use malachitebft_core_types::{NilOrVal, Round, SignedExtension, VoteType};

use crate::block::BlockId;
use crate::certificate::{VoteKind, vote_digest};
use crate::codec;
use crate::consensus::LedgerContext;
use crate::digest::{Digest, Domain};
use crate::keys::PublicKey;
use crate::units::{ChainId, Height};

/// One validator's vote, without its signature.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vote {
    /// The height voted on.
    pub height: Height,
    /// The round voted in; never nil.
    pub round: Round,
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// The block, or nothing.
    pub value: NilOrVal<BlockId>,
    /// Whose vote.
    pub validator: PublicKey,
}

impl Vote {
    /// What the validator signs.
    ///
    /// # Panics
    /// When the round is nil: the core makes no such vote, and none can be read from the network.
    #[must_use]
    pub fn digest(&self, chain_id: &ChainId) -> Digest {
        let round = self.round.as_u32().expect("votes are cast in a round");
        vote_digest(chain_id, self.kind, self.height, round, self.block_id())
    }

    /// The block voted for; `None` for a vote for nothing.
    #[must_use]
    pub fn block_id(&self) -> Option<BlockId> {
        match self.value {
            NilOrVal::Nil => None,
            NilOrVal::Val(id) => Some(id),
        }
    }
}

/// A proposer's proposal of a block id, without its signature.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proposal {
    /// The height it is for.
    pub height: Height,
    /// The round it is made in; never nil.
    pub round: Round,
    /// The block.
    pub block_id: BlockId,
    /// The earlier round in which more than two thirds prevoted this block ("proof of lock"), or
    /// nil when it is proposed for the first time.
    pub pol_round: Round,
    /// The proposer of the round. The block's own header may name another, who built it in an
    /// earlier round.
    pub proposer: PublicKey,
}

impl Proposal {
    /// What the proposer signs.
    ///
    /// # Panics
    /// When the round is nil: the core makes no such proposal, and none can be read from the
    /// network.
    #[must_use]
    pub fn digest(&self, chain_id: &ChainId) -> Digest {
        let round = self.round.as_u32().expect("proposals are made in a round");
        proposal_digest(chain_id, self.height, round, self.block_id, self.pol_round.as_u32())
    }
}

/// What a proposer signs. `pol_round` is `None` when the block is proposed for the first time.
#[must_use]
pub fn proposal_digest(
    chain_id: &ChainId,
    height: Height,
    round: u32,
    block_id: BlockId,
    pol_round: Option<u32>,
) -> Digest {
    Digest::of(Domain::Proposal, &codec::encode(&(chain_id, height, round, block_id, pol_round)))
}

impl malachite::Vote<LedgerContext> for Vote {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<BlockId> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<BlockId> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        match self.kind {
            VoteKind::Prevote => VoteType::Prevote,
            VoteKind::Precommit => VoteType::Precommit,
        }
    }

    fn validator_address(&self) -> &PublicKey {
        &self.validator
    }

    // Extensions are disabled at every height.
    fn extension(&self) -> Option<&SignedExtension<LedgerContext>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<LedgerContext>> {
        None
    }

    fn extend(self, _extension: SignedExtension<LedgerContext>) -> Vote {
        self
    }
}

impl malachite::Proposal<LedgerContext> for Proposal {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &BlockId {
        &self.block_id
    }

    fn take_value(self) -> BlockId {
        self.block_id
    }

    fn pol_round(&self) -> Round {
        self.pol_round
    }

    fn validator_address(&self) -> &PublicKey {
        &self.proposer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_signed_with_all_it_says() {
        let chain = ChainId::new("test").unwrap();
        let id = BlockId(Digest([1; 32]));
        let base = proposal_digest(&chain, Height(3), 2, id, None);
        assert_eq!(base, proposal_digest(&chain, Height(3), 2, id, None));
        let other = ChainId::new("other").unwrap();
        for changed in [
            proposal_digest(&other, Height(3), 2, id, None),
            proposal_digest(&chain, Height(4), 2, id, None),
            proposal_digest(&chain, Height(3), 3, id, None),
            proposal_digest(&chain, Height(3), 2, BlockId(Digest([2; 32])), None),
            proposal_digest(&chain, Height(3), 2, id, Some(0)),
        ] {
            assert_ne!(base, changed);
        }
    }
}
