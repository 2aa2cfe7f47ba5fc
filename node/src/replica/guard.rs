//! The sign guard: this node's key signs one thing for each height, round and kind, whatever the
//! consensus core asks for.
//!
//! It covers votes and proposals. What was signed before a crash is put back from the vote log, and
//! everything signed is in that log before it leaves the node.

use std::collections::BTreeMap;

use malachitebft_core_types::{SignedProposal, SignedVote};
use tracehold_chain::block::BlockId;
use tracehold_chain::certificate::VoteKind;
use tracehold_chain::consensus::{LedgerContext, Proposal, Vote};
use tracehold_chain::units::Height;

/// What may be signed once for each height and round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SignedKind {
    Prevote,
    Precommit,
    Proposal,
}

/// Names one thing to sign: kind, height and round.
pub(super) type SignKey = (Height, u32, SignedKind);

/// What was signed: the block, or nothing, and for a proposal the round of its proof of lock.
type Content = (Option<BlockId>, Option<u32>);

/// Remembers what this node's key has signed.
#[derive(Debug, Default)]
pub(super) struct SignGuard {
    signed: BTreeMap<SignKey, Content>,
}

impl SignGuard {
    /// Whether `vote` may be signed: nothing else was signed in its place. Remembers it if so.
    pub(super) fn allow_vote(&mut self, vote: &Vote) -> bool {
        self.allow(vote_key(vote), (vote.block_id(), None))
    }

    /// Whether `proposal` may be signed: nothing else was signed in its place. Remembers it if so.
    pub(super) fn allow_proposal(&mut self, proposal: &Proposal) -> bool {
        let content = (Some(proposal.block_id), proposal.pol_round.as_u32());
        self.allow(proposal_key(proposal), content)
    }

    fn allow(&mut self, key: SignKey, content: Content) -> bool {
        *self.signed.entry(key).or_insert(content) == content
    }

    /// Forgets what lies below `height`: it is decided and durable, nothing is signed there again.
    pub(super) fn forget_below(&mut self, height: Height) {
        self.signed = self.signed.split_off(&(height, 0, SignedKind::Prevote));
    }

    /// Puts back a vote found in the vote log. The first one stands.
    pub(super) fn restore_vote(&mut self, vote: &SignedVote<LedgerContext>) {
        self.allow_vote(&vote.message);
    }

    /// Puts back a proposal found in the vote log. The first one stands.
    pub(super) fn restore_proposal(&mut self, proposal: &SignedProposal<LedgerContext>) {
        self.allow_proposal(&proposal.message);
    }
}

/// The place of a vote.
pub(super) fn vote_key(vote: &Vote) -> SignKey {
    let kind = match vote.kind {
        VoteKind::Prevote => SignedKind::Prevote,
        VoteKind::Precommit => SignedKind::Precommit,
    };
    (vote.height, vote.round.as_u32().expect("votes are cast in a round"), kind)
}

/// The place of a proposal.
pub(super) fn proposal_key(proposal: &Proposal) -> SignKey {
    let round = proposal.round.as_u32().expect("proposals are made in a round");
    (proposal.height, round, SignedKind::Proposal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use malachitebft_core_types::{NilOrVal, Round};
    use tracehold_chain::digest::Digest;
    use tracehold_chain::keys::PublicKey;

    fn id(n: u8) -> BlockId {
        BlockId(Digest([n; 32]))
    }

    fn vote(kind: VoteKind, round: u32, value: NilOrVal<BlockId>) -> Vote {
        let validator = PublicKey([1; 32]);
        Vote { height: Height(3), round: Round::new(round), kind, value, validator }
    }

    #[test]
    fn one_vote_of_a_kind_in_a_round_and_the_same_again() {
        let mut guard = SignGuard::default();
        assert!(guard.allow_vote(&vote(VoteKind::Prevote, 0, NilOrVal::Val(id(1)))));
        assert!(guard.allow_vote(&vote(VoteKind::Prevote, 0, NilOrVal::Val(id(1)))));
        assert!(!guard.allow_vote(&vote(VoteKind::Prevote, 0, NilOrVal::Nil)));
        assert!(!guard.allow_vote(&vote(VoteKind::Prevote, 0, NilOrVal::Val(id(2)))));
        assert!(guard.allow_vote(&vote(VoteKind::Precommit, 0, NilOrVal::Nil)));
        assert!(guard.allow_vote(&vote(VoteKind::Prevote, 1, NilOrVal::Val(id(2)))));
    }

    #[test]
    fn one_proposal_in_a_round_with_one_proof_of_lock() {
        let mut guard = SignGuard::default();
        let proposal = |block_id, pol_round| Proposal {
            height: Height(3),
            round: Round::new(1),
            block_id,
            pol_round,
            proposer: PublicKey([1; 32]),
        };
        assert!(guard.allow_proposal(&proposal(id(1), Round::Nil)));
        assert!(!guard.allow_proposal(&proposal(id(2), Round::Nil)));
        assert!(!guard.allow_proposal(&proposal(id(1), Round::new(0))));
        guard.forget_below(Height(4));
        assert!(guard.allow_proposal(&proposal(id(2), Round::Nil)));
    }
}
