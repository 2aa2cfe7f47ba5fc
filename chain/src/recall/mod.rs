//! Recalls: who made something says, for everybody, that it must not be used or sold.
//!
//! A recall names products, lots, single things or logistic units by their canonical identifiers
//! ([`crate::epcis::canonical`]) and says why, what to do and whom to ask. It is known by the
//! member that declared it and a reference of that member's own ([`RecallId`]). It is never edited:
//! withdrawing it is a record of its own, and what else turns out to be affected is another recall.
//! Whatever was made of what it names, or was packed in it, is affected too; who reads works that
//! out from the record of events.
//!
//! | key of the state | what it has |
//! |---|---|
//! | [`StateKey::Recall`] | the recall, and its withdrawal ([`RecallRecord`]) |
//! | [`StateKey::RecallsOf`] | the open recalls that name one identifier ([`OpenRecalls`]) |
//! | [`StateKey::RecallNumber`] | which recall was the n-th |
//! | [`StateKey::RecallCount`] | how many there were ([`RecallCount`]) |
//!
//! That a thing is named by no open recall is provable: nothing is at its [`StateKey::RecallsOf`],
//! which is filed beside the thing's own record, so that one proof shows both.

mod notice;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::masterdata::Texts;
use crate::money::Reference;
use crate::state::StateKey;
use crate::units::{AgentId, Height, MemberId, TimestampMs};

pub use notice::{RecallNotice, can_be_recalled, check_reason};

/// Which recall: written `member:reference`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecallId {
    /// Who declared it.
    pub member: MemberId,
    /// That member's own name for it.
    pub reference: Reference,
}

impl fmt::Display for RecallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.member, self.reference)
    }
}

/// A text that names no recall.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recall is named by its member and reference, such as acme:R-2026-01")]
pub struct RecallIdError;

impl FromStr for RecallId {
    type Err = RecallIdError;

    fn from_str(text: &str) -> Result<RecallId, RecallIdError> {
        let (member, reference) = text.split_once(':').ok_or(RecallIdError)?;
        let member = MemberId::new(member).map_err(|_| RecallIdError)?;
        let reference = Reference::new(reference).map_err(|_| RecallIdError)?;
        Ok(RecallId { member, reference })
    }
}

/// What a member does with a recall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecallCommand {
    /// Declares one of its own.
    Declare {
        /// The member's name for it, unique for ever.
        reference: Reference,
        /// What it says.
        notice: RecallNotice,
    },
    /// Withdraws one of its own.
    Withdraw {
        /// Which.
        reference: Reference,
        /// Why, by language.
        reason: Texts,
    },
}

/// Who did something, and in which block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who signed.
    pub by: AgentId,
    /// The block.
    pub height: Height,
    /// Its time.
    pub at: TimestampMs,
}

/// That a recall is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Why, by language.
    pub reason: Texts,
    /// By whom and when.
    pub act: Act,
}

/// What the state keeps of a recall, at [`StateKey::Recall`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallRecord {
    /// Which.
    pub id: RecallId,
    /// The how-manieth of the ledger, from 1.
    pub number: u64,
    /// What it says.
    pub notice: RecallNotice,
    /// By whom and when.
    pub declared: Act,
    /// Set when it is over.
    pub withdrawn: Option<Withdrawal>,
}

impl RecallRecord {
    /// Whether it holds.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.withdrawn.is_none()
    }
}

/// The open recalls that name one identifier, at [`StateKey::RecallsOf`].
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OpenRecalls {
    /// The canonical identifier.
    pub uri: String,
    /// In the order in which they were declared, at most
    /// [`crate::limits::MAX_OPEN_RECALLS_OF_ONE`]. Never empty: then nothing is kept.
    pub open: Vec<RecallId>,
}

/// How many recalls the ledger has, at [`StateKey::RecallCount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecallCount {
    /// That were ever declared.
    pub declared: u64,
    /// That hold.
    pub open: u64,
}

impl RecallId {
    /// Where the state keeps the recall.
    #[must_use]
    pub fn key(&self) -> StateKey {
        StateKey::Recall(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_member_and_a_reference() {
        for text in ["acme:R-1", "acme:2026:7"] {
            assert_eq!(text.parse::<RecallId>().map(|id| id.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "acme", "acme:", ":R-1", "acme:a b", "Ac me:R"] {
            assert!(text.parse::<RecallId>().is_err(), "{text}");
        }
    }
}
