//! Accounts and who may move what is on them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::asset::{Asset, Reference};
use crate::agreement::Terms;
use crate::codec;
use crate::digest::{Digest, Domain};
use crate::units::MemberId;

/// The account every member has from the beginning.
pub const MAIN: &str = "main";

/// The account that stands against what a member issued: the only one that may be below zero.
pub const ISSUANCE: &str = "issuance";

/// Bytes of a purpose.
pub const MAX_PURPOSE_BYTES: usize = 32;

/// What a member keeps an account for, such as `main` or `escrow-cn`: lower-case letters, digits
/// and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Purpose(String);

/// The digest by which an agreement is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgreementId(pub Digest);

/// Where money is: `buyer/main`, or `agreement:` and the agreement's id for its pot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountId {
    /// A member's.
    Member {
        /// Whose.
        member: MemberId,
        /// What for.
        purpose: Purpose,
    },
    /// The pot of an agreement, which nobody but the agreement moves.
    Agreement(AgreementId),
}

/// When two different agents of a member must say the same before money moves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalRule {
    /// One agent is always enough.
    #[default]
    OneAgent,
    /// Two agents for what is above these amounts; assets that are not listed always need two.
    TwoAgents {
        /// At most one entry for an asset, ordered by asset.
        above: Vec<ThresholdFor>,
    },
}

/// Up to which amount of an asset one agent is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ThresholdFor(pub super::amount::Money);

/// Why a text names no account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no account: write member/purpose such as buyer/main, the purpose in at most \
     {MAX_PURPOSE_BYTES} lower-case letters, digits and '-', or agreement: and an id"
)]
pub struct AccountIdError(String);

fn wrong(text: &str) -> AccountIdError {
    AccountIdError(text.chars().take(80).collect())
}

impl Purpose {
    /// Checks `text` against the rules for purposes.
    ///
    /// # Errors
    /// [`AccountIdError`].
    pub fn new(text: impl Into<String>) -> Result<Purpose, AccountIdError> {
        let text = text.into();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=MAX_PURPOSE_BYTES).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Purpose(text))
        } else {
            Err(wrong(&text))
        }
    }

    /// The account every member has.
    #[must_use]
    pub fn main() -> Purpose {
        Purpose(MAIN.to_owned())
    }

    /// The account against which a member issues.
    #[must_use]
    pub fn issuance() -> Purpose {
        Purpose(ISSUANCE.to_owned())
    }

    /// The purpose as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Purpose {
    type Error = AccountIdError;
    fn try_from(text: String) -> Result<Purpose, AccountIdError> {
        Purpose::new(text)
    }
}

impl From<Purpose> for String {
    fn from(purpose: Purpose) -> String {
        purpose.0
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AgreementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl AgreementId {
    /// The id of the agreement that a member proposes under a reference with these terms.
    #[must_use]
    pub fn of(proposer: &MemberId, reference: &Reference, terms: &Terms) -> AgreementId {
        AgreementId(Digest::of(Domain::Agreement, &codec::encode(&(proposer, reference, terms))))
    }
}

impl FromStr for AgreementId {
    type Err = AccountIdError;
    fn from_str(text: &str) -> Result<AgreementId, AccountIdError> {
        text.parse().map(AgreementId).map_err(|_| wrong(text))
    }
}

impl AccountId {
    /// A member's account.
    #[must_use]
    pub fn of(member: MemberId, purpose: Purpose) -> AccountId {
        AccountId::Member { member, purpose }
    }

    /// Whose it is; the pot of an agreement is nobody's.
    #[must_use]
    pub fn member(&self) -> Option<&MemberId> {
        match self {
            AccountId::Member { member, .. } => Some(member),
            AccountId::Agreement(_) => None,
        }
    }

    /// Whether it may be below zero in this asset: the issuer's own issuance account.
    #[must_use]
    pub fn stands_against(&self, asset: &Asset) -> bool {
        matches!(self, AccountId::Member { member, purpose }
            if member == asset.issuer() && purpose.as_str() == ISSUANCE)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountId::Member { member, purpose } => write!(f, "{member}/{purpose}"),
            AccountId::Agreement(id) => write!(f, "agreement:{id}"),
        }
    }
}

impl FromStr for AccountId {
    type Err = AccountIdError;
    fn from_str(text: &str) -> Result<AccountId, AccountIdError> {
        if let Some(id) = text.strip_prefix("agreement:") {
            return Ok(AccountId::Agreement(id.parse()?));
        }
        let (member, purpose) = text.split_once('/').ok_or_else(|| wrong(text))?;
        let member = MemberId::new(member).map_err(|_| wrong(text))?;
        Ok(AccountId::Member { member, purpose: Purpose::new(purpose)? })
    }
}

/// The text form, in JSON and in bytes.
impl Serialize for AccountId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AccountId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<AccountId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl ApprovalRule {
    /// Whether moving this much needs two agents.
    #[must_use]
    pub fn needs_two(&self, asset: &Asset, amount: Amount) -> bool {
        match self {
            ApprovalRule::OneAgent => false,
            ApprovalRule::TwoAgents { above } => {
                let limit = above.iter().find(|limit| limit.0.asset == *asset);
                limit.is_none_or(|limit| amount > limit.0.amount)
            }
        }
    }

    /// Whether any rule of two applies.
    #[must_use]
    pub fn is_two(&self) -> bool {
        !matches!(self, ApprovalRule::OneAgent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_written_in_one_way() {
        let pot = format!("agreement:{}", "ab".repeat(32));
        for good in ["buyer/main", "bank-1/issuance", pot.as_str()] {
            assert_eq!(good.parse::<AccountId>().expect(good).to_string(), good);
        }
        for bad in ["buyer", "buyer/", "/main", "buyer/Main", "buyer/a/b", "agreement:xy"] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }
}
