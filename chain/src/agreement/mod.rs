//! Agreements as they are written down: terms, conditions, payouts and the commands on them.
//!
//! Terms are data, not a program: a closed list of conditions over what is on the ledger, and
//! payouts from what was deposited. They have one JSON form, which
//! `docs/agreement-terms.schema.json` describes, and one encoding. What they mean is in the
//! contracts.

mod command;
mod condition;
pub mod json;
pub mod limits;
mod payout;
mod terms;

pub use command::AgreementCommand;
pub use condition::{
    Condition, Expect, Finding, Inspected, Moment, Observed, Readings, Share, Sighting,
};
pub use json::{TERMS_SCHEMA, TermsError};
pub use payout::{Payout, Percent, WHOLE};
pub use terms::{
    BusinessTransaction, Deposit, DisputeTerms, Goods, GoodsClass, Label, LabelError, Milestone,
    RoleTerms, Terms,
};
