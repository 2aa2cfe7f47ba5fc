//! Money as it is written down: assets, exact amounts, accounts, commands and journal entries.
//!
//! An amount is a whole number of an asset's smallest unit ([`Amount`]); decimals exist only where
//! people read and write them ([`Money`]). Every change is a [`JournalEntry`] whose postings sum to
//! zero for each asset. What the commands mean is in the contracts.

mod account;
mod amount;
mod asset;
mod command;
mod journal;

pub use account::{
    AccountId, AccountIdError, AgreementId, ApprovalRule, ISSUANCE, MAIN, MAX_PURPOSE_BYTES,
    Purpose, ThresholdFor,
};
pub use amount::{Amount, AmountError, MAX_AMOUNT, Money};
pub use asset::{Asset, AssetError, AssetTerms, Currency, MAX_REFERENCE_BYTES, Reference};
pub use command::{HoldId, MAX_MEMO_BYTES, MoneyAction, MoneyCommand};
pub use journal::{EntryId, JournalEntry, MoneyCause, Posting};
