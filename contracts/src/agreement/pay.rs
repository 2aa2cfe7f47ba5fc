//! What is paid out of the pot of an agreement: how much, and the journal entry that does it.

use std::collections::BTreeMap;

use tracehold_chain::agreement::{Label, Payout, Terms, WHOLE};
use tracehold_chain::money::{AccountId, Amount, Asset, Money, MoneyCause, Posting};
use tracehold_chain::state::TableError;

use super::goods::Part;
use super::life::Life;
use super::step::Paid;
use crate::execute::{Now, Staged};
use crate::money;

/// Amounts by asset.
pub(super) type Amounts = BTreeMap<Asset, Amount>;

/// How much the deposits of an agreement are together. What a share in its terms is a share of.
pub(super) fn deposited(terms: &Terms) -> Amounts {
    let mut sums = Amounts::new();
    for deposit in &terms.deposits {
        let sum = sums.entry(deposit.money.asset.clone()).or_default();
        // There is never more of an asset than an amount can say: they cannot all come in.
        *sum = sum.plus(deposit.money.amount).unwrap_or(*sum);
    }
    sums
}

/// How much is in the pot, for each asset that is deposited.
pub(super) fn pot(staged: &Staged<'_>, life: &Life) -> Result<Amounts, TableError> {
    let account = AccountId::Agreement(life.record.id);
    let mut found = Amounts::new();
    for deposit in &life.terms.deposits {
        let asset = &deposit.money.asset;
        if found.contains_key(asset) {
            continue;
        }
        let balance = money::balance(&staged.overlay, &account, asset)?;
        let posted = balance.and_then(|b| u64::try_from(b.posted).ok()).unwrap_or_default();
        found.insert(asset.clone(), Amount::new(posted).unwrap_or_default());
    }
    Ok(found)
}

/// Whether there is nothing in it.
pub(super) fn is_empty(pot: &Amounts) -> bool {
    pot.values().all(|amount| amount.is_zero())
}

/// How much each of some payouts is, taken out of `pot`.
///
/// Shares are of `base`, rounded down. Of each payout `part` is due, rounded down, less what it
/// `paid` before; a remainder is due with the last part, and is what the others leave: what
/// rounding leaves, too. The check of the terms makes sure that there is always enough; were it not
/// so, a payout gets what is there, because a node that stops would hold up everybody else's money.
pub(super) fn amounts(
    payouts: &[Payout],
    base: &Amounts,
    pot: &mut Amounts,
    part: Part,
    paid: &[Money],
) -> Vec<Amount> {
    let mut amounts = vec![Amount::ZERO; payouts.len()];
    for takes_rest in [false, true] {
        for ((place, payout), amount) in payouts.iter().enumerate().zip(&mut amounts) {
            let Some(left) = pot.get_mut(payout.asset()) else { continue };
            let whole = match payout {
                Payout::Amount { money, .. } => Some(money.amount),
                Payout::Share { asset, percent, .. } => {
                    let base = base.get(asset).copied().unwrap_or_default();
                    Some(base.share(percent.parts().into(), WHOLE.parts().into()))
                }
                Payout::Remainder { .. } => None,
            };
            let due = match whole {
                Some(whole) if !takes_rest => {
                    let so_far = paid.get(place).map(|paid| paid.amount).unwrap_or_default();
                    part.share(whole).minus(so_far).unwrap_or_default()
                }
                None if takes_rest && part.is_whole() => *left,
                _ => continue,
            };
            *amount = due.min(*left);
            *left = left.minus(*amount).unwrap_or_default();
        }
    }
    amounts
}

/// Pays out of the pot to roles.
pub(super) fn give(
    staged: &mut Staged<'_>,
    life: &Life,
    cause: MoneyCause,
    payments: impl IntoIterator<Item = (Label, Money)>,
    now: Now<'_>,
) -> Result<Vec<Paid>, TableError> {
    let (mut paid, mut moved) = (Vec::new(), BTreeMap::<(AccountId, Asset), i64>::new());
    for (to, money) in payments {
        let Some(account) = life.account(&to) else { continue };
        let amount = i64::try_from(money.amount.minor_units()).unwrap_or_default();
        if amount == 0 {
            continue;
        }
        let pot = AccountId::Agreement(life.record.id);
        let from = moved.entry((pot, money.asset.clone())).or_default();
        *from = from.saturating_sub(amount);
        let onto = moved.entry((account, money.asset.clone())).or_default();
        *onto = onto.saturating_add(amount);
        paid.push(Paid { to, money });
    }
    if !paid.is_empty() {
        let postings = moved
            .into_iter()
            .map(|((account, asset), amount)| Posting { account, asset, amount })
            .collect();
        money::post(staged, cause, postings, now)?;
    }
    Ok(paid)
}

/// Pays by a list of payouts that gives out everything.
pub(super) fn give_out(
    staged: &mut Staged<'_>,
    life: &Life,
    payouts: &[Payout],
    base: &Amounts,
    now: Now<'_>,
) -> Result<Vec<Paid>, TableError> {
    let mut left = pot(staged, life)?;
    let amounts = amounts(payouts, base, &mut left, Part::WHOLE, &[]);
    let cause = MoneyCause::End { agreement: life.record.id };
    give(staged, life, cause, payments(payouts, &amounts), now)
}

/// Pays the deposits that are in back to those who paid them.
pub(super) fn give_back(
    staged: &mut Staged<'_>,
    life: &Life,
    now: Now<'_>,
) -> Result<Vec<Paid>, TableError> {
    let came_in = life.terms.deposits.iter().zip(&life.record.deposited);
    let back: Vec<(Label, Money)> = came_in
        .filter(|(_, at)| at.is_some())
        .map(|(deposit, _)| (deposit.role.clone(), deposit.money.clone()))
        .collect();
    give(staged, life, MoneyCause::End { agreement: life.record.id }, back, now)
}

/// Pays what a milestone owes when this part of the goods has come.
pub(super) fn pay_milestone(
    staged: &mut Staged<'_>,
    life: &mut Life,
    milestone: usize,
    part: Part,
    now: Now<'_>,
) -> Result<Vec<Paid>, TableError> {
    let (Some(terms), Some(state)) =
        (life.terms.milestones.get(milestone), life.record.milestones.get(milestone))
    else {
        return Ok(Vec::new());
    };
    let mut left = pot(staged, life)?;
    let amounts = amounts(&terms.pay, &deposited(&life.terms), &mut left, part, &state.paid);
    let cause = MoneyCause::Milestone { agreement: life.record.id, milestone: terms.id.clone() };
    let paid = give(staged, life, cause, payments(&terms.pay, &amounts), now)?;
    let so_far = terms.pay.iter().enumerate().zip(&amounts).map(|((place, payout), amount)| {
        let before = state.paid.get(place).map(|paid| paid.amount).unwrap_or_default();
        let amount = before.plus(*amount).unwrap_or(before);
        Money { asset: payout.asset().clone(), amount }
    });
    let so_far = so_far.collect();
    if let Some(state) = life.record.milestones.get_mut(milestone) {
        state.paid = so_far;
        state.paid_part = part;
    }
    Ok(paid)
}

fn payments(payouts: &[Payout], amounts: &[Amount]) -> Vec<(Label, Money)> {
    let pairs = payouts.iter().zip(amounts);
    pairs
        .map(|(payout, amount)| {
            (payout.to().clone(), Money { asset: payout.asset().clone(), amount: *amount })
        })
        .collect()
}
