//! Who votes, and with how much power.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::digest::{Digest, Domain};
use crate::keys::PublicKey;
use crate::limits::{MAX_TOTAL_POWER, MAX_VALIDATORS};
use crate::units::NodeName;

/// One voting node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Validator {
    /// The node's key: it signs votes with it and proves itself to peers with it.
    pub public_key: PublicKey,
    /// The node's name in the network.
    pub name: NodeName,
    /// Voting power, at least 1.
    pub power: u64,
}

/// Why a list of validators is no set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// Nobody could ever decide anything.
    #[error("a network needs at least one validator")]
    Empty,
    /// More than every block could be signed by.
    #[error("{0} validators are more than the limit of {MAX_VALIDATORS}")]
    TooMany(usize),
    /// The same key twice.
    #[error("validator key {0} is listed twice")]
    Twice(PublicKey),
    /// No power, or all together more than [`MAX_TOTAL_POWER`].
    #[error("validator {0}: power must be at least 1 and all together at most {MAX_TOTAL_POWER}")]
    Power(NodeName),
}

/// The validators of a height, ordered by public key. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Validator>", into = "Vec<Validator>")]
pub struct ValidatorSet {
    validators: Vec<Validator>,
}

impl ValidatorSet {
    /// Checks and orders `validators`.
    ///
    /// # Errors
    /// [`ValidatorSetError`] when there is none, too many, a key twice, or unusable power.
    pub fn new(mut validators: Vec<Validator>) -> Result<ValidatorSet, ValidatorSetError> {
        if validators.is_empty() {
            return Err(ValidatorSetError::Empty);
        }
        if validators.len() > MAX_VALIDATORS {
            return Err(ValidatorSetError::TooMany(validators.len()));
        }
        validators.sort();
        let mut total: u64 = 0;
        for (index, validator) in validators.iter().enumerate() {
            let twice =
                validators[..index].last().is_some_and(|v| v.public_key == validator.public_key);
            if twice {
                return Err(ValidatorSetError::Twice(validator.public_key));
            }
            total = total.saturating_add(validator.power);
            if validator.power == 0 || total > MAX_TOTAL_POWER {
                return Err(ValidatorSetError::Power(validator.name.clone()));
            }
        }
        Ok(ValidatorSet { validators })
    }

    /// All validators, ordered by public key.
    #[must_use]
    pub fn as_slice(&self) -> &[Validator] {
        &self.validators
    }

    /// The validator with this key.
    #[must_use]
    pub fn get(&self, key: &PublicKey) -> Option<&Validator> {
        let found = self.validators.binary_search_by(|v| v.public_key.cmp(key));
        found.ok().map(|index| &self.validators[index])
    }

    /// Power of all validators together.
    #[must_use]
    pub fn total_power(&self) -> u64 {
        self.validators.iter().map(|v| v.power).sum()
    }

    /// Whether `power` is more than two thirds of the whole: enough to decide a block.
    #[must_use]
    pub fn is_quorum(&self, power: u64) -> bool {
        u128::from(power) * 3 > u128::from(self.total_power()) * 2
    }

    /// The digest that block headers carry.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::ValidatorSet, &codec::encode(&self.validators))
    }
}

impl TryFrom<Vec<Validator>> for ValidatorSet {
    type Error = ValidatorSetError;
    fn try_from(validators: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        ValidatorSet::new(validators)
    }
}

impl From<ValidatorSet> for Vec<Validator> {
    fn from(set: ValidatorSet) -> Vec<Validator> {
        set.validators
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validator(seed: u8, power: u64) -> Validator {
        let name = NodeName::new(format!("node-{seed}")).unwrap();
        Validator { public_key: PublicKey([seed; 32]), name, power }
    }

    #[test]
    fn sets_are_ordered_and_checked() {
        let set = ValidatorSet::new(vec![validator(2, 1), validator(1, 1)]).unwrap();
        assert_eq!(set.as_slice()[0].public_key, PublicKey([1; 32]));
        assert_eq!(set.get(&PublicKey([2; 32])).unwrap().power, 1);
        assert!(set.get(&PublicKey([3; 32])).is_none());
        assert_eq!(ValidatorSet::new(vec![]), Err(ValidatorSetError::Empty));
        assert!(ValidatorSet::new(vec![validator(1, 1), validator(1, 2)]).is_err());
        assert!(ValidatorSet::new(vec![validator(1, 0)]).is_err());
        assert!(ValidatorSet::new(vec![validator(1, u64::MAX), validator(2, 1)]).is_err());
    }

    #[test]
    fn a_quorum_is_strictly_more_than_two_thirds() {
        let set = ValidatorSet::new((1..=3).map(|i| validator(i, 1)).collect()).unwrap();
        assert!(!set.is_quorum(2));
        assert!(set.is_quorum(3));
    }
}
