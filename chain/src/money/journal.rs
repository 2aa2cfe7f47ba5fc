//! The journal: what moved, from where to where, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::account::{AccountId, AgreementId};
use super::asset::{Asset, Reference};
use crate::agreement::Label;
use crate::units::Height;

/// Where a journal entry stands in the history, written `height-receipt-entry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntryId {
    /// The block.
    pub height: Height,
    /// Which receipt of the block: 0 for what was due when it began, 1 for its first transaction.
    pub receipt: u32,
    /// Which entry of the receipt, from 0.
    pub entry: u32,
}

/// One account gets or gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Whose.
    pub account: AccountId,
    /// Of what.
    pub asset: Asset,
    /// In smallest units; below zero for what leaves the account.
    pub amount: i64,
}

/// One change: its postings sum to zero for each asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Why.
    pub cause: MoneyCause,
    /// What moved.
    pub postings: Vec<Posting>,
}

/// Why money moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MoneyCause {
    /// A command under this reference of an account.
    Command {
        /// The account that acted.
        account: AccountId,
        /// Its reference.
        reference: Reference,
        /// What a transfer is for.
        memo: Option<String>,
    },
    /// A deposit of an agreement came in, by a command under this reference.
    Deposit {
        /// Which agreement.
        agreement: AgreementId,
        /// Which deposit.
        deposit: Label,
        /// The account that paid.
        account: AccountId,
        /// Its reference.
        reference: Reference,
    },
    /// A milestone of an agreement paid.
    Milestone {
        /// Which agreement.
        agreement: AgreementId,
        /// Which milestone.
        milestone: Label,
    },
    /// An agreement ended in another way and gave out what was left.
    End {
        /// Which agreement.
        agreement: AgreementId,
    },
}

impl JournalEntry {
    /// Whether the postings of each asset sum to zero.
    #[must_use]
    pub fn balances(&self) -> bool {
        let mut sums: BTreeMap<&Asset, i128> = BTreeMap::new();
        for posting in &self.postings {
            let sum = sums.entry(&posting.asset).or_default();
            *sum = sum.saturating_add(posting.amount.into());
        }
        sums.values().all(|sum| *sum == 0)
    }
}

impl EntryId {
    /// Bytes that sort as entries were made.
    #[must_use]
    pub fn to_sortable(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.height.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.receipt.to_be_bytes());
        bytes[12..].copy_from_slice(&self.entry.to_be_bytes());
        bytes
    }

    /// The inverse of [`EntryId::to_sortable`].
    #[must_use]
    pub fn from_sortable(bytes: &[u8; 16]) -> EntryId {
        let [h0, h1, h2, h3, h4, h5, h6, h7, r0, r1, r2, r3, e0, e1, e2, e3] = *bytes;
        EntryId {
            height: Height(u64::from_be_bytes([h0, h1, h2, h3, h4, h5, h6, h7])),
            receipt: u32::from_be_bytes([r0, r1, r2, r3]),
            entry: u32::from_be_bytes([e0, e1, e2, e3]),
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.height, self.receipt, self.entry)
    }
}

impl FromStr for EntryId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<EntryId, Self::Err> {
        let mut parts = text.splitn(3, '-');
        let mut part = || parts.next().unwrap_or_default();
        Ok(EntryId {
            height: Height(part().parse()?),
            receipt: part().parse()?,
            entry: part().parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_sort_as_they_were_made() {
        let id = |height, receipt, entry| EntryId { height: Height(height), receipt, entry };
        let ordered = [id(1, 0, 0), id(1, 0, 256), id(1, 1, 0), id(2, 0, 0), id(256, 0, 0)];
        assert!(ordered.is_sorted_by_key(|id| id.to_sortable()));
        for one in ordered {
            assert_eq!(EntryId::from_sortable(&one.to_sortable()), one);
            assert_eq!(one.to_string().parse(), Ok(one));
        }
        assert!("1-2".parse::<EntryId>().is_err());
    }
}
