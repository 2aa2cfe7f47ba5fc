//! What an agent asks to be done with money.

use serde::{Deserialize, Serialize};

use super::account::{AccountId, AgreementId, ApprovalRule, Purpose};
use super::amount::{Amount, Money};
use super::asset::{AssetTerms, Reference};
use crate::agreement::Label;
use crate::units::TimestampMs;

/// Bytes of a memo: what a payment is for, as ISO 20022 gives unstructured remittance information.
pub const MAX_MEMO_BYTES: usize = 140;

/// One thing to do with an account of the sender's member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneyCommand {
    /// Which of the member's accounts acts. Its approval rule applies.
    pub account: Purpose,
    /// Unique on that account for ever. The same command under the same reference takes effect
    /// once; a retry gets the first result. Another command under it is refused.
    pub reference: Reference,
    /// What to do.
    pub action: MoneyAction,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MoneyAction {
    /// Opens the account, or gives it another approval rule. Loosening a rule of two needs two.
    SetRule(ApprovalRule),
    /// Makes an asset, or more of it. The account is the member's `issuance` account.
    Issue {
        /// What and how much. Cash needs the bank role; a note's debtor and a title's issuer is the
        /// sender's member; a title is made once, in the amount of 1, a note once.
        money: Money,
        /// Who gets it.
        to: AccountId,
        /// What is said of it.
        terms: AssetTerms,
    },
    /// Takes cash out of the world. The account is the bank's `issuance` account.
    Redeem {
        /// What and how much.
        money: Money,
        /// The bank's own account that it comes from, to which holders paid it before.
        from: Purpose,
    },
    /// Pays.
    Transfer {
        /// What and how much.
        money: Money,
        /// To whom.
        to: AccountId,
        /// What for.
        memo: Option<String>,
    },
    /// Sets money aside for a payee until it is posted, voided or expires.
    Hold {
        /// What and how much.
        money: Money,
        /// For whom.
        to: AccountId,
        /// From this block time on it is free again.
        expires_at: TimestampMs,
    },
    /// Takes all or a part of what is held for the account; the rest is free again.
    Post {
        /// Which.
        hold: HoldId,
        /// How much.
        amount: Amount,
    },
    /// Gives back what is held for the account.
    Void {
        /// Which.
        hold: HoldId,
    },
    /// Pays a deposit of an agreement in full.
    Fund {
        /// Which.
        agreement: AgreementId,
        /// Which of its deposits.
        deposit: Label,
    },
    /// Says yes, as the second agent, to what waits under a reference of this account.
    Approve {
        /// Which.
        waiting: Reference,
    },
    /// Says no to it, as any agent of the member.
    Decline {
        /// Which.
        waiting: Reference,
    },
}

/// A hold: the account it is on and the reference it was made under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HoldId {
    /// The payer's account.
    pub account: AccountId,
    /// The payer's reference.
    pub reference: Reference,
}
