//! Commands: each under its reference once, by one agent or two.

use tracehold_chain::codec;
use tracehold_chain::digest::{Digest, Domain};
use tracehold_chain::money::{
    AccountId, ApprovalRule, ISSUANCE, MoneyAction, MoneyCommand, Reference,
};
use tracehold_chain::state::key::{
    member_account_key, reference_digest, reference_key, waiting_key,
};
use tracehold_chain::state::{Due, StateKey, TableError};
use tracehold_chain::transaction::TransactionId;
use tracehold_chain::units::{AgentId, MemberId};

use super::account::{Named, affords, check_rule, is_always_open};
use super::journal::next_entry;
use super::record::{AccountRecord, ReferenceRecord, ReferenceStatus};
use crate::agreement;
use crate::execute::{Now, Staged};
use crate::receipt::{Rejection, RejectionCode, Repeat};
use crate::stop::{Stop, refuse, told};

/// How long a command waits for a second agent: seven days.
pub const APPROVAL_WITHIN_MS: u64 = 7 * 24 * 3_600_000;

/// One thing to do, on an account of its member.
pub(super) struct Order<'a> {
    pub account: &'a AccountId,
    /// The digest of the account's name.
    pub name: Digest,
    pub reference: &'a Reference,
    pub action: &'a MoneyAction,
    pub now: Now<'a>,
    /// Whether to stop when everything is checked: another agent must say the same.
    pub only_check: bool,
}

/// By what a retry is told from another command: the member and all of the command.
#[must_use]
pub fn command_digest(member: &MemberId, command: &MoneyCommand) -> Digest {
    Digest::of(Domain::MoneyCommand, &codec::encode(&(member, command)))
}

/// Runs a money command: the `place`th command of transaction `id`, from 0.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn run(
    staged: &mut Staged<'_>,
    command: &MoneyCommand,
    sender: &AgentId,
    place: u32,
    id: TransactionId,
    now: Now<'_>,
) -> Result<Result<(), Rejection>, TableError> {
    told(run_once(staged, command, sender, (place, id), now))
}

fn run_once(
    staged: &mut Staged<'_>,
    command: &MoneyCommand,
    sender: &AgentId,
    (place, id): (u32, TransactionId),
    now: Now<'_>,
) -> Result<(), Stop> {
    let MoneyCommand { account, reference, action } = command;
    let account = &AccountId::of(sender.member().clone(), account.clone());
    let filed = reference_digest(account, reference);
    let key = reference_key(&filed);
    let digest = command_digest(sender.member(), command);
    if let Some(before) = staged.overlay.record::<ReferenceRecord>(&key)? {
        if before.command != digest {
            let subject = format!("reference: {reference} of {account}");
            return refuse(RejectionCode::ReferenceTaken, subject);
        }
        staged.repeats.push(Repeat { command: place, first: before.transaction });
        return Ok(());
    }
    let at = next_entry(staged, now);
    let mut status = ReferenceStatus::Done { at, approved_by: None };
    match action {
        MoneyAction::Approve { waiting } => approve(staged, account, waiting, sender, now)?,
        MoneyAction::Decline { waiting } => decline(staged, account, waiting, sender, now)?,
        _ => {
            let named = Named::of(account);
            let record = named.record(&staged.overlay)?;
            check_purpose(account, action, record.is_some())?;
            let rule = record.map(|record| record.approval).unwrap_or_default();
            let only_check = needs_two(staged, account, &rule, action)?;
            let name = named.name;
            Order { account, name, reference, action, now, only_check }.carry_out(staged)?;
            if only_check {
                let until = now.block_time.plus_ms(APPROVAL_WITHIN_MS);
                staged.queue(Due { at: until, kind: Due::APPROVAL, which: filed });
                staged.index(waiting_key(sender.member(), at, &filed));
                status = ReferenceStatus::Waiting { command: Box::new(command.clone()), until };
            }
        }
    }
    let record = ReferenceRecord {
        account: account.clone(),
        reference: reference.clone(),
        command: digest,
        by: sender.clone(),
        transaction: id,
        status,
    };
    staged.overlay.put(key, codec::pack(&record));
    Ok(())
}

/// Checks that an account serves for what is to be done: `issuance` issues and redeems and does
/// nothing else, and whatever else pays was opened.
fn check_purpose(account: &AccountId, action: &MoneyAction, was_opened: bool) -> Result<(), Stop> {
    let AccountId::Member { purpose, .. } = account else {
        return refuse(RejectionCode::AccountReserved, format!("account: {account}"));
    };
    let issues = match action {
        MoneyAction::Issue { .. } | MoneyAction::Redeem { .. } => true,
        MoneyAction::Transfer { .. }
        | MoneyAction::Hold { .. }
        | MoneyAction::Post { .. }
        | MoneyAction::Void { .. }
        | MoneyAction::Fund { .. } => false,
        MoneyAction::SetRule(_) | MoneyAction::Approve { .. } | MoneyAction::Decline { .. } => {
            return Ok(());
        }
    };
    if issues != (purpose.as_str() == ISSUANCE) {
        return refuse(RejectionCode::AccountReserved, format!("account: {account}"));
    }
    if !was_opened && !is_always_open(purpose) {
        return refuse(RejectionCode::AccountUnknown, format!("account: {account}"));
    }
    Ok(())
}

/// Whether the rule of the account asks for a second agent.
fn needs_two(
    staged: &Staged<'_>,
    account: &AccountId,
    rule: &ApprovalRule,
    action: &MoneyAction,
) -> Result<bool, Stop> {
    if !rule.is_two() {
        return Ok(false);
    }
    Ok(match action {
        MoneyAction::SetRule(_) => true,
        MoneyAction::Issue { money, .. }
        | MoneyAction::Redeem { money, .. }
        | MoneyAction::Transfer { money, .. }
        | MoneyAction::Hold { money, .. } => rule.needs_two(&money.asset, money.amount),
        MoneyAction::Fund { agreement, deposit } => {
            let money = agreement::deposit(staged, *agreement, deposit, account)??;
            rule.needs_two(&money.asset, money.amount)
        }
        MoneyAction::Post { .. }
        | MoneyAction::Void { .. }
        | MoneyAction::Approve { .. }
        | MoneyAction::Decline { .. } => false,
    })
}

impl Order<'_> {
    /// Does it, with all checks.
    fn carry_out(&self, staged: &mut Staged<'_>) -> Result<(), Stop> {
        match self.action {
            MoneyAction::SetRule(rule) => self.set_rule(staged, rule),
            MoneyAction::Issue { money, to, terms } => self.issue(staged, money, to, terms),
            MoneyAction::Redeem { money, from } => self.redeem(staged, money, from),
            MoneyAction::Transfer { money, to, memo } => {
                self.transfer(staged, money, to, memo.as_ref())
            }
            MoneyAction::Hold { money, to, expires_at } => {
                self.hold(staged, money, to, *expires_at)
            }
            MoneyAction::Post { hold, amount } => self.post_hold(staged, hold, *amount),
            MoneyAction::Void { hold } => self.void_hold(staged, hold),
            MoneyAction::Fund { agreement, deposit } => {
                // Whose it is comes before what is on the account.
                let money = agreement::deposit(staged, *agreement, deposit, self.account)??;
                affords(&staged.overlay, self.account, &money)??;
                if self.only_check {
                    return Ok(());
                }
                let (account, reference) = (self.account, self.reference);
                agreement::fund(staged, *agreement, deposit, account, reference, self.now)??;
                Ok(())
            }
            // These need no second agent and never wait: nobody approves an approval.
            MoneyAction::Approve { waiting } | MoneyAction::Decline { waiting } => {
                refuse(RejectionCode::NothingWaits, format!("waiting: {waiting}"))
            }
        }
    }

    fn set_rule(&self, staged: &mut Staged<'_>, rule: &ApprovalRule) -> Result<(), Stop> {
        let Some(member) = self.account.member() else {
            return refuse(RejectionCode::AccountReserved, format!("account: {}", self.account));
        };
        check_rule(self.now.authority, member, rule)?;
        if self.only_check {
            return Ok(());
        }
        let account = self.account.clone();
        let record = AccountRecord { account: account.clone(), approval: rule.clone() };
        staged.index(member_account_key(member, &account));
        staged.overlay.put(StateKey::Account(account).encode(), codec::pack(&record));
        Ok(())
    }
}

/// What waits under a reference of an account, while it may still be approved or declined.
fn awaited(
    staged: &Staged<'_>,
    account: &AccountId,
    waiting: &Reference,
    now: Now<'_>,
) -> Result<(Due, ReferenceRecord, MoneyCommand), Stop> {
    let which = reference_digest(account, waiting);
    let record = staged.overlay.record::<ReferenceRecord>(&reference_key(&which))?;
    match record {
        Some(ReferenceRecord {
            status: ReferenceStatus::Waiting { ref command, until }, ..
        }) if now.block_time < until => {
            let command = MoneyCommand::clone(command);
            let record = record.expect("it was looked at");
            Ok((Due { at: until, kind: Due::APPROVAL, which }, record, command))
        }
        _ => refuse(RejectionCode::NothingWaits, format!("waiting: {waiting} of {account}")),
    }
}

fn approve(
    staged: &mut Staged<'_>,
    account: &AccountId,
    waiting: &Reference,
    sender: &AgentId,
    now: Now<'_>,
) -> Result<(), Stop> {
    let (due, mut record, command) = awaited(staged, account, waiting, now)?;
    if record.by == *sender {
        let subject = format!("waiting: {waiting} of {account}, given by {sender}");
        return refuse(RejectionCode::SameAgent, subject);
    }
    let at = next_entry(staged, now);
    // It may have become impossible since: then it goes on waiting.
    let (reference, action) = (waiting, &command.action);
    let name = Named::of(account).name;
    Order { account, name, reference, action, now, only_check: false }.carry_out(staged)?;
    record.status = ReferenceStatus::Done { at, approved_by: Some(sender.clone()) };
    staged.overlay.put(reference_key(&due.which), codec::pack(&record));
    staged.unqueue(due);
    Ok(())
}

fn decline(
    staged: &mut Staged<'_>,
    account: &AccountId,
    waiting: &Reference,
    sender: &AgentId,
    now: Now<'_>,
) -> Result<(), Stop> {
    let (due, mut record, _) = awaited(staged, account, waiting, now)?;
    record.status = ReferenceStatus::Declined { by: Some(sender.clone()), at: now.block_time };
    staged.overlay.put(reference_key(&due.which), codec::pack(&record));
    staged.unqueue(due);
    Ok(())
}

/// What waits for a second agent under this digest waits no longer: its time is over.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn expire_approval(
    staged: &mut Staged<'_>,
    which: &Digest,
    now: Now<'_>,
) -> Result<(), TableError> {
    let key = reference_key(which);
    if let Some(mut record) = staged.overlay.record::<ReferenceRecord>(&key)?
        && matches!(record.status, ReferenceStatus::Waiting { .. })
    {
        record.status = ReferenceStatus::Declined { by: None, at: now.block_time };
        staged.overlay.put(key, codec::pack(&record));
    }
    Ok(())
}
