//! The traits of Malachite's core, answered with the ledger's types.

use std::convert::Infallible;

use malachitebft_core_types as malachite;
use malachitebft_core_types::{LinearTimeouts, NilOrVal, Round};

use crate::block::BlockId;
use crate::certificate::VoteKind;
use crate::consensus::vote::{Proposal, Vote};
use crate::digest::{HexError, fixed_from_hex};
use crate::keys::{PublicKey, Signature};
use crate::units::Height;
use crate::validators::{Validator, ValidatorSet};

/// Ties our types together for Malachite's core.
#[derive(Clone, Copy, Debug, Default)]
pub struct LedgerContext;

/// The validator that proposes in `round` of `height`: all take turns, one place further with each
/// height and each round, whatever their power. A dead proposer then costs one round, and the next
/// height begins with another.
///
/// # Panics
/// Never: a validator set is not empty.
#[must_use]
pub fn proposer(validators: &ValidatorSet, height: Height, round: u32) -> &Validator {
    let all = validators.as_slice();
    let count = u64::try_from(all.len()).expect("lengths fit in 64 bits");
    let turn = (height.0 % count + u64::from(round) % count) % count;
    &all[usize::try_from(turn).expect("less than the length")]
}

impl malachite::Context for LedgerContext {
    type Address = PublicKey;
    type Height = Height;
    type ProposalPart = NoPart;
    type Proposal = Proposal;
    type Validator = Validator;
    type ValidatorSet = ValidatorSet;
    type Timeouts = LinearTimeouts;
    type Value = BlockId;
    type Vote = Vote;
    type Extension = ();
    type SigningScheme = Ed25519;

    fn select_proposer<'a>(
        &self,
        validator_set: &'a ValidatorSet,
        height: Height,
        round: Round,
    ) -> &'a Validator {
        proposer(validator_set, height, round.as_u32().unwrap_or(0))
    }

    fn new_proposal(
        &self,
        height: Height,
        round: Round,
        value: BlockId,
        pol_round: Round,
        address: PublicKey,
    ) -> Proposal {
        Proposal { height, round, block_id: value, pol_round, proposer: address }
    }

    fn new_prevote(
        &self,
        height: Height,
        round: Round,
        value: NilOrVal<BlockId>,
        validator: PublicKey,
    ) -> Vote {
        Vote { height, round, kind: VoteKind::Prevote, value, validator }
    }

    fn new_precommit(
        &self,
        height: Height,
        round: Round,
        value: NilOrVal<BlockId>,
        validator: PublicKey,
    ) -> Vote {
        Vote { height, round, kind: VoteKind::Precommit, value, validator }
    }
}

/// Ed25519 as [`crate::keys`] has it. Malachite's core passes keys and signatures through; signing
/// and verifying is the driver's, so the private key never enters the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ed25519;

impl malachite::SigningScheme for Ed25519 {
    type DecodingError = HexError;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Signature, HexError> {
        fixed_from_hex(&hex::encode(bytes)).map(Signature)
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, HexError> {
        fixed_from_hex(&hex::encode(bytes)).map(PublicKey)
    }

    fn encode_public_key(public_key: &PublicKey) -> Vec<u8> {
        public_key.0.to_vec()
    }
}

/// Blocks are fetched whole, by digest: there are no proposal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPart(Infallible);

impl malachite::ProposalPart<LedgerContext> for NoPart {
    fn is_first(&self) -> bool {
        match self.0 {}
    }

    fn is_last(&self) -> bool {
        match self.0 {}
    }
}

impl malachite::Address for PublicKey {}

impl malachite::Height for Height {
    const ZERO: Height = Height::GENESIS;
    const INITIAL: Height = Height(1);

    fn increment_by(&self, n: u64) -> Height {
        Height(self.0.checked_add(n).expect("heights never reach 2^64"))
    }

    fn decrement_by(&self, n: u64) -> Option<Height> {
        self.0.checked_sub(n).map(Height)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

impl malachite::Value for BlockId {
    type Id = BlockId;

    fn id(&self) -> BlockId {
        *self
    }
}

impl malachite::Validator<LedgerContext> for Validator {
    fn address(&self) -> &PublicKey {
        &self.public_key
    }

    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn voting_power(&self) -> u64 {
        self.power
    }
}

impl malachite::ValidatorSet<LedgerContext> for ValidatorSet {
    fn count(&self) -> usize {
        self.as_slice().len()
    }

    fn total_voting_power(&self) -> u64 {
        self.total_power()
    }

    fn get_by_address(&self, address: &PublicKey) -> Option<&Validator> {
        self.get(address)
    }

    fn get_by_index(&self, index: usize) -> Option<&Validator> {
        self.as_slice().get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::NodeName;

    #[test]
    fn every_validator_proposes_in_its_turn_and_a_new_round_passes_the_turn_on() {
        let validators = (0..4)
            .map(|i| Validator {
                public_key: PublicKey([i; 32]),
                name: NodeName::new(format!("n{i}")).unwrap(),
                power: 1,
            })
            .collect();
        let set = ValidatorSet::new(validators).unwrap();
        let key = |height, round| proposer(&set, Height(height), round).public_key;
        let turns: Vec<PublicKey> = (4..8).map(|height| key(height, 0)).collect();
        assert_eq!(turns, (0..4).map(|i| PublicKey([i; 32])).collect::<Vec<_>>());
        assert_eq!(key(4, 1), key(5, 0));
        assert_eq!(key(u64::MAX, u32::MAX), PublicKey([(3 + 3) % 4; 32]));
    }
}
