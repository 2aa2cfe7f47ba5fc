//! Accounts: which are open, who may be paid, what is free.

use tracehold_chain::money::{AccountId, Amount, ApprovalRule, Asset, ISSUANCE, MAIN, Money};
use tracehold_chain::state::{StateKey, TableError};
use tracehold_chain::units::MemberId;

use super::record::{AccountRecord, AssetRecord, Balance};
use super::{Stop, refuse, told};
use crate::authority::Authority;
use crate::overlay::Overlay;
use crate::receipt::{Rejection, RejectionCode};

/// Assets that one approval rule may name.
pub const MAX_RULE_ASSETS: usize = 16;

/// What is on record of an asset.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn asset_record(
    overlay: &Overlay<'_>,
    asset: &Asset,
) -> Result<Option<AssetRecord>, TableError> {
    overlay.record(&StateKey::Asset(asset.clone()).encode())
}

/// How much of an asset is on an account; none when it never had any.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn balance(
    overlay: &Overlay<'_>,
    account: &AccountId,
    asset: &Asset,
) -> Result<Option<Balance>, TableError> {
    let (account, asset) = (account.clone(), asset.clone());
    overlay.record(&StateKey::Balance { account, asset }.encode())
}

fn record(overlay: &Overlay<'_>, id: &AccountId) -> Result<Option<AccountRecord>, TableError> {
    overlay.record(&StateKey::Account(id.clone()).encode())
}

/// The approval rule of an account: one agent unless its member chose otherwise.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn approval_rule(
    overlay: &Overlay<'_>,
    account: &AccountId,
) -> Result<ApprovalRule, TableError> {
    Ok(record(overlay, account)?.map(|record| record.approval).unwrap_or_default())
}

/// Whether an account is open: every member's `main` and `issuance` are, others once they have a
/// record. The pot of an agreement is not open to anybody.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn is_open(
    overlay: &Overlay<'_>,
    authority: &Authority,
    account: &AccountId,
) -> Result<bool, TableError> {
    match account {
        AccountId::Member { member, .. } if authority.member(member).is_none() => Ok(false),
        AccountId::Member { purpose, .. } if [MAIN, ISSUANCE].contains(&purpose.as_str()) => {
            Ok(true)
        }
        AccountId::Member { .. } => Ok(record(overlay, account)?.is_some()),
        AccountId::Agreement(_) => Ok(false),
    }
}

/// Whether anybody may pay into an account, or why not.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn payable(
    overlay: &Overlay<'_>,
    authority: &Authority,
    account: &AccountId,
) -> Result<Result<(), Rejection>, TableError> {
    told(check_payable(overlay, authority, account, "to"))
}

/// As [`payable`], for the account that a field names.
pub(super) fn check_payable(
    overlay: &Overlay<'_>,
    authority: &Authority,
    account: &AccountId,
    field: &str,
) -> Result<(), Stop> {
    let is_reserved = match account {
        AccountId::Member { purpose, .. } => purpose.as_str() == ISSUANCE,
        AccountId::Agreement(_) => true,
    };
    if is_reserved {
        return refuse(RejectionCode::AccountReserved, format!("{field}: {account}"));
    }
    if !is_open(overlay, authority, account)? {
        return refuse(RejectionCode::AccountUnknown, format!("{field}: {account}"));
    }
    Ok(())
}

/// Whether so much is free on an account, or why not.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn affords(
    overlay: &Overlay<'_>,
    account: &AccountId,
    money: &Money,
) -> Result<Result<(), Rejection>, TableError> {
    told(check_affords(overlay, account, money))
}

pub(super) fn check_affords(
    overlay: &Overlay<'_>,
    account: &AccountId,
    money: &Money,
) -> Result<(), Stop> {
    let found = balance(overlay, account, &money.asset)?;
    if found.is_none() && asset_record(overlay, &money.asset)?.is_none() {
        return refuse(RejectionCode::AssetUnknown, format!("asset: {}", money.asset));
    }
    let free = found.map_or(Amount::ZERO, |balance| balance.free());
    if free < money.amount {
        let free = Money { asset: money.asset.clone(), amount: free };
        let subject = format!("amount: {money}, {account} has {} that is free", free.decimal());
        return refuse(RejectionCode::InsufficientFunds, subject);
    }
    Ok(())
}

/// Whether a rule can be kept.
pub(super) fn check_rule(
    authority: &Authority,
    member: &MemberId,
    rule: &ApprovalRule,
) -> Result<(), Stop> {
    let wrong = |why: String| refuse(RejectionCode::RuleInvalid, why);
    let ApprovalRule::TwoAgents { above } = rule else { return Ok(()) };
    if above.len() > MAX_RULE_ASSETS {
        return wrong(format!("above: {} assets, the limit is {MAX_RULE_ASSETS}", above.len()));
    }
    if let Some(pair) = above.windows(2).find(|pair| pair[0].0.asset >= pair[1].0.asset) {
        return wrong(format!("above: {} after {}", pair[1].0.asset, pair[0].0.asset));
    }
    let agents = authority.member(member).map_or(0, |member| member.agents.len());
    if agents < 2 {
        return wrong(format!("two agents: {member} has {agents}"));
    }
    Ok(())
}
