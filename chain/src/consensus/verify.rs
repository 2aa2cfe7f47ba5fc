//! Checks of the certificates that Malachite's core builds or receives.
//!
//! All four kinds follow one rule: each validator signs once, each is in the set of the height,
//! each signature verifies, and their power together reaches the threshold. Limits on a set's power
//! ([`crate::limits::MAX_TOTAL_POWER`]) keep the sums far from overflow.

// The error is Malachite's own, and what its core wants to be answered with.
#![allow(clippy::result_large_err)]

use malachitebft_core_types::{
    CertificateError, CommitCertificate, CommitSignature, ExtendedCommitCertificate, NilOrVal,
    PolkaCertificate, RoundCertificate, RoundCertificateType, ThresholdParam, ThresholdParams,
    VoteType,
};

use crate::certificate::VoteKind;
use crate::consensus::LedgerContext;
use crate::consensus::vote::Vote;
use crate::keys::{PublicKey, Signature};
use crate::validators::ValidatorSet;

type Refusal = CertificateError<LedgerContext>;

/// Whether a vote's signature is its validator's. Given to the checks, so that the driver can
/// remember what it has verified before.
pub type CheckVote<'a> = &'a mut dyn FnMut(&Vote, &Signature) -> bool;

/// Adds up the power of the signers, each of them checked, and compares it with `threshold`.
fn check(
    votes: impl Iterator<Item = (Vote, Signature)>,
    validators: &ValidatorSet,
    threshold: ThresholdParam,
    check_vote: CheckVote<'_>,
    wrong_signature: impl Fn(PublicKey, Signature) -> Refusal,
) -> Result<(), Refusal> {
    let mut seen: Vec<PublicKey> = Vec::new();
    let mut signed: u64 = 0;
    for (vote, signature) in votes {
        let key = vote.validator;
        if seen.contains(&key) {
            return Err(CertificateError::DuplicateVote(key));
        }
        seen.push(key);
        let validator = validators.get(&key).ok_or(CertificateError::UnknownValidator(key))?;
        if !check_vote(&vote, &signature) {
            return Err(wrong_signature(key, signature));
        }
        signed = signed.saturating_add(validator.power);
    }
    let total = validators.total_power();
    if threshold.is_met(signed, total) {
        return Ok(());
    }
    let expected = threshold.min_expected(total);
    Err(CertificateError::NotEnoughVotingPower { signed, total, expected })
}

/// Checks that more than two thirds precommitted the certificate's block.
///
/// # Errors
/// Malachite's `CertificateError` names the signer at fault.
pub fn commit(
    certificate: &CommitCertificate<LedgerContext>,
    validators: &ValidatorSet,
    thresholds: ThresholdParams,
    check_vote: CheckVote<'_>,
) -> Result<(), Refusal> {
    let votes = certificate.commit_signatures.iter().map(|signature| {
        let vote = Vote {
            height: certificate.height,
            round: certificate.round,
            kind: VoteKind::Precommit,
            value: NilOrVal::Val(certificate.value_id),
            validator: signature.address,
        };
        (vote, signature.signature)
    });
    check(votes, validators, thresholds.quorum, check_vote, |address, signature| {
        CertificateError::InvalidCommitSignature(CommitSignature::new(address, signature))
    })
}

/// Checks an extended commit certificate: as [`commit`], and no signature carries an extension.
///
/// # Errors
/// Malachite's `CertificateError` names the signer at fault.
pub fn extended_commit(
    certificate: &ExtendedCommitCertificate<LedgerContext>,
    validators: &ValidatorSet,
    thresholds: ThresholdParams,
    check_vote: CheckVote<'_>,
) -> Result<(), Refusal> {
    if let Some(extended) = certificate.commit_signatures.iter().find(|s| s.extension.is_some()) {
        return Err(CertificateError::UnexpectedVoteExtension(extended.address));
    }
    commit(&certificate.trim_vote_extensions(), validators, thresholds, check_vote)
}

/// Checks that more than two thirds prevoted the certificate's block.
///
/// # Errors
/// Malachite's `CertificateError` names the signer at fault.
pub fn polka(
    certificate: &PolkaCertificate<LedgerContext>,
    validators: &ValidatorSet,
    thresholds: ThresholdParams,
    check_vote: CheckVote<'_>,
) -> Result<(), Refusal> {
    let votes = certificate.polka_signatures.iter().map(|signature| {
        let vote = Vote {
            height: certificate.height,
            round: certificate.round,
            kind: VoteKind::Prevote,
            value: NilOrVal::Val(certificate.value_id),
            validator: signature.address,
        };
        (vote, signature.signature)
    });
    check(votes, validators, thresholds.quorum, check_vote, |address, signature| {
        CertificateError::InvalidPolkaSignature(malachitebft_core_types::PolkaSignature::new(
            address, signature,
        ))
    })
}

/// Checks that enough voted in the certificate's round: more than two thirds by precommit, or more
/// than a third by any vote when the certificate is one to skip to its round.
///
/// # Errors
/// Malachite's `CertificateError` names the signer at fault.
pub fn round(
    certificate: &RoundCertificate<LedgerContext>,
    validators: &ValidatorSet,
    thresholds: ThresholdParams,
    check_vote: CheckVote<'_>,
) -> Result<(), Refusal> {
    let threshold = match certificate.cert_type {
        RoundCertificateType::Precommit => {
            let prevote =
                certificate.round_signatures.iter().find(|s| s.vote_type == VoteType::Prevote);
            if let Some(prevote) = prevote {
                return Err(CertificateError::InvalidVoteType(prevote.address));
            }
            thresholds.quorum
        }
        RoundCertificateType::Skip => thresholds.honest,
    };
    let find = |address: PublicKey| {
        certificate.round_signatures.iter().find(|s| s.address == address).cloned()
    };
    let votes = certificate.round_signatures.iter().map(|signature| {
        let vote = Vote {
            height: certificate.height,
            round: certificate.round,
            kind: match signature.vote_type {
                VoteType::Prevote => VoteKind::Prevote,
                VoteType::Precommit => VoteKind::Precommit,
            },
            value: signature.value_id,
            validator: signature.address,
        };
        (vote, signature.signature)
    });
    check(votes, validators, threshold, check_vote, |address, _| match find(address) {
        Some(signature) => CertificateError::InvalidRoundSignature(signature),
        None => CertificateError::UnknownValidator(address),
    })
}

/// The ledger's own commit certificate for a decision of the core: signers in order of key, those
/// who carry it and no more than the core gave.
///
/// # Panics
/// When the certificate's round is nil: the core decides in a round.
#[must_use]
pub fn to_ledger(
    certificate: &CommitCertificate<LedgerContext>,
) -> crate::certificate::CommitCertificate {
    let mut signatures: Vec<crate::certificate::CommitSignature> = certificate
        .commit_signatures
        .iter()
        .map(|s| crate::certificate::CommitSignature {
            validator: s.address,
            signature: s.signature,
        })
        .collect();
    signatures.sort_by_key(|s| s.validator);
    crate::certificate::CommitCertificate {
        height: certificate.height,
        round: certificate.round.as_u32().expect("a decision is made in a round"),
        block_id: certificate.value_id,
        signatures,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::BlockId;
    use crate::digest::Digest;
    use crate::keys::{SecretKey, Signer};
    use crate::units::{ChainId, Height, NodeName};
    use crate::validators::Validator;
    use malachitebft_core_types::{PolkaSignature, Round, RoundSignature};

    const ID: BlockId = BlockId(Digest([7; 32]));

    struct World {
        chain: ChainId,
        keys: Vec<SecretKey>,
        set: ValidatorSet,
    }

    fn world() -> World {
        let keys: Vec<SecretKey> = (1..=4).map(|i| SecretKey::from_seed(&[i; 32])).collect();
        let validators = keys.iter().enumerate().map(|(i, key)| Validator {
            public_key: key.public_key(),
            name: NodeName::new(format!("n{i}")).unwrap(),
            power: 1,
        });
        let set = ValidatorSet::new(validators.collect()).unwrap();
        World { chain: ChainId::new("test").unwrap(), keys, set }
    }

    impl World {
        fn vote(&self, who: usize, kind: VoteKind, value: NilOrVal<BlockId>) -> (Vote, Signature) {
            let key = &self.keys[who];
            let (height, round) = (Height(5), Round::new(1));
            let vote = Vote { height, round, kind, value, validator: key.public_key() };
            let signature = key.sign(&vote.digest(&self.chain));
            (vote, signature)
        }

        fn commit(&self, who: &[usize]) -> CommitCertificate<LedgerContext> {
            let signatures = who.iter().map(|who| {
                let (vote, sig) = self.vote(*who, VoteKind::Precommit, NilOrVal::Val(ID));
                CommitSignature::new(vote.validator, sig)
            });
            CommitCertificate {
                height: Height(5),
                round: Round::new(1),
                value_id: ID,
                commit_signatures: signatures.collect(),
            }
        }

        fn check(&self) -> impl FnMut(&Vote, &Signature) -> bool {
            |vote, signature| vote.validator.verify(&vote.digest(&self.chain), signature)
        }
    }

    #[test]
    fn a_commit_certificate_needs_two_thirds_each_once_and_every_signature_right() {
        let world = world();
        let check = |c: &CommitCertificate<LedgerContext>| {
            commit(c, &world.set, ThresholdParams::default(), &mut world.check())
        };
        assert_eq!(check(&world.commit(&[0, 1, 2])), Ok(()));
        assert!(check(&world.commit(&[0, 1])).is_err());
        assert!(check(&world.commit(&[0, 1, 1])).is_err());
        let mut wrong = world.commit(&[0, 1, 2]);
        wrong.commit_signatures[2].signature.0[0] ^= 1;
        assert!(check(&wrong).is_err());
        let mut stranger = world.commit(&[0, 1, 2]);
        stranger.commit_signatures[2].address = PublicKey([9; 32]);
        assert!(check(&stranger).is_err());
    }

    #[test]
    fn the_cores_decision_verifies_as_the_ledgers_certificate() {
        let world = world();
        let ledger = to_ledger(&world.commit(&[3, 0, 2]));
        assert_eq!(ledger.verify(&world.chain, &world.set), Ok(()));
    }

    #[test]
    fn polka_and_round_certificates_are_checked_like_commits() {
        let world = world();
        let thresholds = ThresholdParams::default();
        let polka_of = |who: &[usize]| PolkaCertificate {
            height: Height(5),
            round: Round::new(1),
            value_id: ID,
            polka_signatures: who
                .iter()
                .map(|who| {
                    let (vote, sig) = world.vote(*who, VoteKind::Prevote, NilOrVal::Val(ID));
                    PolkaSignature::new(vote.validator, sig)
                })
                .collect(),
        };
        let ok = |who: &[usize]| {
            polka(&polka_of(who), &world.set, thresholds, &mut world.check()).is_ok()
        };
        assert!(ok(&[0, 1, 2]) && !ok(&[0, 1]) && !ok(&[0, 0, 1]));

        let round_of = |who: &[usize], kind, cert_type| RoundCertificate {
            height: Height(5),
            round: Round::new(1),
            cert_type,
            round_signatures: who
                .iter()
                .map(|who| {
                    let (vote, sig) = world.vote(*who, kind, NilOrVal::Nil);
                    let kind = malachitebft_core_types::Vote::vote_type(&vote);
                    RoundSignature::new(kind, NilOrVal::Nil, vote.validator, sig)
                })
                .collect(),
        };
        let ok = |who: &[usize], kind, cert_type| {
            let certificate = round_of(who, kind, cert_type);
            round(&certificate, &world.set, thresholds, &mut world.check()).is_ok()
        };
        use RoundCertificateType::{Precommit, Skip};
        assert!(ok(&[0, 1, 2], VoteKind::Precommit, Precommit));
        assert!(!ok(&[0, 1], VoteKind::Precommit, Precommit));
        assert!(!ok(&[0, 1, 2], VoteKind::Prevote, Precommit), "prevotes justify no new round");
        assert!(ok(&[0, 1], VoteKind::Prevote, Skip));
        assert!(!ok(&[0], VoteKind::Prevote, Skip));
        assert!(!ok(&[], VoteKind::Prevote, Skip));
    }
}
