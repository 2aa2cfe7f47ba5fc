//! What the state keeps of money. All of it in the shorter form of
//! [`tracehold_chain::codec::pack`].

use serde::{Deserialize, Serialize};
use tracehold_chain::digest::Digest;
use tracehold_chain::money::{
    AccountId, Amount, ApprovalRule, Asset, AssetTerms, EntryId, HoldId, JournalEntry, Money,
    MoneyCommand, Reference,
};
use tracehold_chain::transaction::TransactionId;
use tracehold_chain::units::{AgentId, TimestampMs};

/// An asset that was issued, at `StateKey::Asset`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetRecord {
    /// Its name.
    pub asset: Asset,
    /// What was said of it.
    pub terms: AssetTerms,
    /// How much of it is outstanding: what stands against it, below zero, on its issuer's issuance
    /// account.
    pub outstanding: Amount,
}

/// An account, at `StateKey::Account`. A member's `main` account is open without one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// Its name.
    pub account: AccountId,
    /// When two agents are needed.
    pub approval: ApprovalRule,
}

/// How much of an asset is on an account, at `StateKey::Balance`. Missing when it never had any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Whose.
    pub account: AccountId,
    /// Of what.
    pub asset: Asset,
    /// The sum of all postings, in smallest units.
    pub posted: i64,
    /// How much of it is set aside by holds.
    pub held: Amount,
    /// How many postings there were: a statement with fewer is not complete.
    pub postings: u64,
}

impl Balance {
    /// What is there and not set aside.
    #[must_use]
    pub fn free(&self) -> Amount {
        let posted = u64::try_from(self.posted).ok().and_then(|posted| Amount::new(posted).ok());
        posted.and_then(|posted| posted.minus(self.held)).unwrap_or(Amount::ZERO)
    }

    /// Whether it is as it must be: nothing below zero, nothing set aside that is not there; save
    /// on the account that stands against what was issued.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        let held = i64::try_from(self.held.minor_units());
        held.is_ok_and(|held| self.posted >= held) || self.account.stands_against(&self.asset)
    }
}

/// What became of a command under a reference, at `StateKey::Reference`. Kept for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceRecord {
    /// The account and reference.
    pub account: AccountId,
    /// The reference.
    pub reference: Reference,
    /// The digest of the command (`Domain::MoneyCommand`), to tell a retry from another command.
    pub command: Digest,
    /// Who gave it.
    pub by: AgentId,
    /// In which transaction.
    pub transaction: TransactionId,
    /// What became of it.
    pub status: ReferenceStatus,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReferenceStatus {
    /// It took effect.
    Done {
        /// At what place of the history: its journal entry's, if it moved money.
        at: EntryId,
        /// The second agent, when two were needed.
        approved_by: Option<AgentId>,
    },
    /// It waits for a second agent.
    Waiting {
        /// The command itself.
        command: Box<MoneyCommand>,
        /// Until this block time.
        until: TimestampMs,
    },
    /// An agent of the member said no, or nobody said yes in time.
    Declined {
        /// Who said no; nobody when its time was over.
        by: Option<AgentId>,
        /// When.
        at: TimestampMs,
    },
}

/// Money set aside, at `StateKey::Hold`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRecord {
    /// Which.
    pub id: HoldId,
    /// How much was set aside.
    pub money: Money,
    /// For whom.
    pub to: AccountId,
    /// From this block time on it is free again.
    pub expires_at: TimestampMs,
    /// How it stands.
    pub status: HoldStatus,
}

/// How a hold stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldStatus {
    /// It waits.
    Pending,
    /// So much of it was taken, the rest is free.
    Posted(Amount),
    /// The payee gave it back.
    Voided,
    /// Its time was over.
    Expired,
}

/// One line of an account's statement, in the local index: one for each posting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementLine {
    /// When: the block's time.
    pub time: TimestampMs,
    /// The whole journal entry.
    pub entry: JournalEntry,
    /// For each posting to this account: asset and balance after it, in smallest units.
    pub after: Vec<(Asset, i64)>,
}
