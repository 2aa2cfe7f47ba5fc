//! Accounts: which are open, who may be paid, what is free.

use tracehold_chain::digest::Digest;
use tracehold_chain::money::{
    AccountId, Amount, ApprovalRule, Asset, ISSUANCE, MAIN, Money, Purpose,
};
use tracehold_chain::state::key::{account_key, name_digest};
use tracehold_chain::state::{StateKey, TableError};
use tracehold_chain::units::MemberId;

use super::record::{AccountRecord, AssetRecord, Balance};
use crate::authority::Authority;
use crate::overlay::Overlay;
use crate::receipt::{Rejection, RejectionCode};
use crate::stop::{Stop, refuse, told};

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

/// An account and the digest of its name, by which it is filed: made once for each command.
pub(super) struct Named<'a> {
    pub id: &'a AccountId,
    pub name: Digest,
}

impl<'a> Named<'a> {
    pub(super) fn of(id: &'a AccountId) -> Named<'a> {
        Named { id, name: name_digest(&id.to_string()) }
    }

    /// What is on record of the account, if it is more than its name.
    pub(super) fn record(
        &self,
        overlay: &Overlay<'_>,
    ) -> Result<Option<AccountRecord>, TableError> {
        overlay.record(&account_key(&self.name))
    }
}

/// The approval rule of an account: one agent unless its member chose otherwise.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn approval_rule(
    overlay: &Overlay<'_>,
    account: &AccountId,
) -> Result<ApprovalRule, TableError> {
    let record = Named::of(account).record(overlay)?;
    Ok(record.map(|record| record.approval).unwrap_or_default())
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
    Ok(is_open_named(overlay, authority, &Named::of(account)))
}

fn is_open_named(overlay: &Overlay<'_>, authority: &Authority, account: &Named<'_>) -> bool {
    match account.id {
        AccountId::Member { member, .. } if authority.member(member).is_none() => false,
        AccountId::Member { purpose, .. } => {
            is_always_open(purpose) || overlay.contains(&account_key(&account.name))
        }
        AccountId::Agreement(_) => false,
    }
}

/// Whether every member has the account from the beginning.
pub(super) fn is_always_open(purpose: &Purpose) -> bool {
    [MAIN, ISSUANCE].contains(&purpose.as_str())
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
    told(check_payable(overlay, authority, &Named::of(account), "to"))
}

/// As [`payable`], for the account that a field names.
pub(super) fn check_payable(
    overlay: &Overlay<'_>,
    authority: &Authority,
    account: &Named<'_>,
    field: &str,
) -> Result<(), Stop> {
    let id = account.id;
    let is_reserved = match id {
        AccountId::Member { purpose, .. } => purpose.as_str() == ISSUANCE,
        AccountId::Agreement(_) => true,
    };
    if is_reserved {
        return refuse(RejectionCode::AccountReserved, format!("{field}: {id}"));
    }
    if !is_open_named(overlay, authority, account) {
        return refuse(RejectionCode::AccountUnknown, format!("{field}: {id}"));
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
    let found = balance(overlay, account, &money.asset)?;
    told(check_affords(overlay, account, money, found).map(|_| ()))
}

/// As [`affords`], of the balance that was found.
pub(super) fn check_affords(
    overlay: &Overlay<'_>,
    account: &AccountId,
    money: &Money,
    found: Option<Balance>,
) -> Result<Option<Balance>, Stop> {
    if found.is_none() && asset_record(overlay, &money.asset)?.is_none() {
        return refuse(RejectionCode::AssetUnknown, format!("asset: {}", money.asset));
    }
    let free = found.as_ref().map_or(Amount::ZERO, Balance::free);
    if free < money.amount {
        let free = Money { asset: money.asset.clone(), amount: free };
        let subject = format!("amount: {money}, {account} has {} that is free", free.decimal());
        return refuse(RejectionCode::InsufficientFunds, subject);
    }
    Ok(found)
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
        return wrong(format!("agents: two are needed, {member} has {agents}"));
    }
    Ok(())
}
