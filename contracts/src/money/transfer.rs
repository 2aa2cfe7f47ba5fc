//! Paying: from one account to another.

use tracehold_chain::money::{AccountId, JournalEntry, MAX_MEMO_BYTES, Money, MoneyCause, Posting};
use tracehold_chain::state::key::{balance_key, name_digest};

use super::account::{Named, check_affords, check_payable};
use super::command::Order;
use super::journal::Known;
use crate::execute::Staged;
use crate::receipt::RejectionCode;
use crate::stop::{Stop, refuse};

/// Checks that an amount is not nothing.
pub(super) fn check_amount(money: &Money) -> Result<(), Stop> {
    if money.amount.is_zero() {
        return refuse(RejectionCode::AmountInvalid, format!("amount: {money}"));
    }
    Ok(())
}

/// The two postings by which an amount goes from one account to another.
pub(super) fn postings(money: &Money, from: &AccountId, to: &AccountId) -> Vec<Posting> {
    let units = i64::try_from(money.amount.minor_units()).expect("amounts are far smaller");
    let posting = |account: &AccountId, amount| {
        let (account, asset) = (account.clone(), money.asset.clone());
        Posting { account, asset, amount }
    };
    vec![posting(from, units.saturating_neg()), posting(to, units)]
}

impl Order<'_> {
    /// That this command caused an entry.
    pub(super) fn cause(&self, memo: Option<String>) -> MoneyCause {
        let (account, reference) = (self.account.clone(), self.reference.clone());
        MoneyCause::Command { account, reference, memo }
    }

    /// Checks that money may be meant for an account: another one, that may be paid.
    pub(super) fn check_payee(&self, staged: &Staged<'_>, to: &Named<'_>) -> Result<(), Stop> {
        if to.id == self.account {
            return refuse(RejectionCode::SameAccount, format!("to: {}", to.id));
        }
        check_payable(&staged.overlay, self.now.authority, to, "to")
    }

    pub(super) fn transfer(
        &self,
        staged: &mut Staged<'_>,
        money: &Money,
        to: &AccountId,
        memo: Option<&String>,
    ) -> Result<(), Stop> {
        check_amount(money)?;
        check_memo(memo)?;
        let to = Named::of(to);
        self.check_payee(staged, &to)?;
        let asset = name_digest(&money.asset.to_string());
        let key = balance_key(&self.name, &asset);
        let found = staged.overlay.record(&key)?;
        let found = check_affords(&staged.overlay, self.account, money, found)?;
        if self.only_check {
            return Ok(());
        }
        let entry = JournalEntry {
            cause: self.cause(memo.cloned()),
            postings: postings(money, self.account, to.id),
        };
        // What was looked up to check it is not looked up again to post it.
        let [from_posting, to_posting] = entry.postings.as_slice() else { unreachable!() };
        let mut known = Known::default();
        known.account(&from_posting.account, self.name);
        known.account(&to_posting.account, to.name);
        known.asset(&from_posting.asset, asset);
        known.balances.extend(found.map(|balance| (key, balance)));
        known.post(staged, &entry, self.now)?;
        staged.effects.entries.push(entry);
        Ok(())
    }
}

fn check_memo(memo: Option<&String>) -> Result<(), Stop> {
    let Some(memo) = memo else { return Ok(()) };
    let wrong = |why: String| refuse(RejectionCode::TextInvalid, format!("memo: {why}"));
    if memo.is_empty() {
        return wrong("empty, leave it out instead".to_owned());
    }
    if memo.len() > MAX_MEMO_BYTES {
        return wrong(format!("{} bytes, the limit is {MAX_MEMO_BYTES}", memo.len()));
    }
    if memo.chars().any(char::is_control) {
        return wrong("a control character".to_owned());
    }
    Ok(())
}
