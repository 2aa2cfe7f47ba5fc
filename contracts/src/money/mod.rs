//! Money: accounts in balance.
//!
//! Every change is a journal entry whose postings sum to zero for each asset; only the account that
//! stands against what a member issued may be below zero. Conservation is asserted for each entry
//! and for each block.
//!
//! [`run`] runs a command once: `command` knows references, retries and second agents, `transfer`,
//! `asset` and `hold` what commands do, `account` who may be paid and what is free, [`post`] the
//! journal.

mod account;
mod asset;
mod command;
mod hold;
mod journal;
mod record;
mod transfer;

pub use account::{
    MAX_RULE_ASSETS, affords, approval_rule, asset_record, balance, is_open, payable,
};
pub use command::{APPROVAL_WITHIN_MS, command_digest, expire_approval, run};
pub use hold::{MAX_AHEAD_MS, expire_hold};
pub use journal::{assert_conserved, post};
pub use record::{
    AccountRecord, AssetRecord, Balance, HoldRecord, HoldStatus, ReferenceRecord, ReferenceStatus,
    StatementLine,
};
