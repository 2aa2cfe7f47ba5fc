//! Deposits, milestones and the lists of payouts.

use std::collections::{BTreeMap, BTreeSet};

use tracehold_chain::agreement::{Label, Milestone, Payout, Terms};
use tracehold_chain::money::{Amount, Asset, MAX_AMOUNT};

use super::structure::duration;
use super::{Found, Known, Names, RefusalCode};

/// How much of each asset is paid in, as far as there can be so much.
pub(super) type Pot<'a> = BTreeMap<&'a Asset, Amount>;

pub(super) fn check(terms: &Terms, known: &Known<'_>, names: &Names<'_>, found: &mut Found) {
    let pot = deposits(terms, known, names, found);
    let mut ids = BTreeSet::new();
    for (place, milestone) in terms.milestones.iter().enumerate() {
        let at = |field: &str| format!("/milestones/{place}/{field}");
        if !ids.insert(&milestone.id) {
            let en = format!("There is another milestone \"{}\".", milestone.id);
            let zh = format!("里程碑“{}”重复。", milestone.id);
            found.refuse(RefusalCode::Twice, at("id"), en, zh);
        }
        for (field, gates) in [("after", &milestone.after), ("unless", &milestone.unless)] {
            gate(milestone, gates, names, &at(field), found);
        }
        by(terms, milestone, known, &at, found);
        duration(milestone.window, || at("window"), found);
        list(&milestone.pay, &at("pay"), milestone.ends, &pot, names, found);
    }
    list(&terms.at_deadline, "/at_deadline", true, &pot, names, found);
    if let Some(cancel) = &terms.cancel {
        list(cancel, "/cancel", true, &pot, names, found);
    }
}

fn deposits<'a>(
    terms: &'a Terms,
    known: &Known<'_>,
    names: &Names<'_>,
    found: &mut Found,
) -> Pot<'a> {
    let mut pot = Pot::new();
    let mut ids = BTreeSet::new();
    for (place, deposit) in terms.deposits.iter().enumerate() {
        let at = |field: &str| format!("/deposits/{place}/{field}");
        if !ids.insert(&deposit.id) {
            let en = format!("There is another deposit \"{}\".", deposit.id);
            let zh = format!("存入款项“{}”重复。", deposit.id);
            found.refuse(RefusalCode::Twice, at("id"), en, zh);
        }
        names.role(&deposit.role, || at("role"), found);
        let (asset, amount) = (&deposit.money.asset, deposit.money.amount);
        if !(known.asset_exists)(asset) {
            let en = format!("Nobody has issued {asset}.");
            let zh = format!("{asset} 尚未发行。");
            found.refuse(RefusalCode::UnknownAsset, at("money/asset"), en, zh);
        }
        if amount.is_zero() {
            let en = "A deposit of nothing is none.";
            found.refuse(RefusalCode::Nothing, at("money/amount"), en, "存入金额为零。");
        }
        let sum = pot.get(asset).copied().unwrap_or_default().plus(amount);
        let most = if matches!(asset, Asset::Title { .. }) { 1 } else { MAX_AMOUNT };
        match sum.filter(|sum| sum.minor_units() <= most) {
            Some(sum) => {
                pot.insert(asset, sum);
            }
            None => {
                let en = format!("There is never so much of {asset}.");
                let zh = format!("{asset} 不可能有这么多。");
                found.refuse(RefusalCode::TooLarge, at("money/amount"), en, zh);
            }
        }
    }
    pot
}

fn gate(
    milestone: &Milestone,
    gates: &[Label],
    names: &Names<'_>,
    pointer: &str,
    found: &mut Found,
) {
    let mut seen = BTreeSet::new();
    for (place, other) in gates.iter().enumerate() {
        let pointer = format!("{pointer}/{place}");
        if *other == milestone.id {
            let en = "A milestone does not wait for itself.";
            found.refuse(RefusalCode::UnknownMilestone, pointer, en, "里程碑不能以自身为条件。");
        } else if !names.milestones.contains_key(other) {
            let en = format!("There is no milestone \"{other}\".");
            let zh = format!("没有里程碑“{other}”。");
            found.refuse(RefusalCode::UnknownMilestone, pointer, en, zh);
        } else if !seen.insert(other) {
            let en = format!("\"{other}\" is listed before.");
            let zh = format!("“{other}”重复。");
            found.refuse(RefusalCode::Twice, pointer, en, zh);
        }
    }
}

fn by(
    terms: &Terms,
    milestone: &Milestone,
    known: &Known<'_>,
    at: &impl Fn(&str) -> String,
    found: &mut Found,
) {
    let Some(by) = milestone.by else { return };
    if by <= known.block_time {
        let en = format!("{by} is not after now, which is {}.", known.block_time);
        let zh = format!("{by} 不晚于当前时间 {}。", known.block_time);
        found.refuse(RefusalCode::TimesOutOfOrder, at("by"), en, zh);
    } else if by > terms.deadline {
        let en = format!("{by} is after the deadline, {}.", terms.deadline);
        let zh = format!("{by} 晚于截止时间 {}。", terms.deadline);
        found.refuse(RefusalCode::TimesOutOfOrder, at("by"), en, zh);
    }
}

/// A list of payouts; one that ends the agreement gives out what is left of everything.
fn list(
    pay: &[Payout],
    pointer: &str,
    ends: bool,
    pot: &Pot<'_>,
    names: &Names<'_>,
    found: &mut Found,
) {
    let mut rest = BTreeSet::new();
    for (place, payout) in pay.iter().enumerate() {
        let kind = match payout {
            Payout::Amount { .. } => "amount",
            Payout::Share { .. } => "share",
            Payout::Remainder { .. } => "remainder",
        };
        let at = |field: &str| format!("{pointer}/{place}/{kind}/{field}");
        names.role(payout.to(), || at("to"), found);
        let asset = payout.asset();
        let asset_field = if kind == "amount" { "money/asset" } else { "asset" };
        let Some(deposited) = pot.get(asset) else {
            let en = format!("Nobody pays in any {asset}.");
            let zh = format!("无人存入 {asset}。");
            found.refuse(RefusalCode::NotDeposited, at(asset_field), en, zh);
            continue;
        };
        match payout {
            Payout::Amount { money, .. } if money.amount.is_zero() => {
                let en = "A payout of nothing is none.";
                found.refuse(RefusalCode::Nothing, at("money/amount"), en, "付款金额为零。");
            }
            Payout::Share { percent, .. } if share(*deposited, percent.parts()).is_zero() => {
                let en = format!("{percent} % of what is paid in comes to nothing.");
                let zh = format!("存入金额的 {percent}% 为零。");
                found.refuse(RefusalCode::Nothing, at("percent"), en, zh);
            }
            Payout::Remainder { .. } if !ends => {
                let en = "There is no remainder as long as the agreement goes on.";
                let zh = "协议继续期间没有“剩余部分”。";
                found.refuse(RefusalCode::RemainderMisplaced, at("asset"), en, zh);
            }
            Payout::Remainder { .. } if !rest.insert(asset) => {
                let en = format!("The remainder of {asset} is given out before.");
                let zh = format!("{asset} 的剩余部分已分配。");
                found.refuse(RefusalCode::Twice, at("asset"), en, zh);
            }
            _ => {}
        }
    }
    for asset in pot.keys().filter(|asset| ends && !rest.contains(*asset)) {
        let en = format!("It ends here, and nobody gets what is left of {asset}.");
        let zh = format!("协议在此结束，但 {asset} 的剩余部分无人领取。");
        found.refuse(RefusalCode::Stranded, pointer, en, zh);
    }
}

/// A share of what was paid in, as it is paid.
pub(super) fn share(deposited: Amount, parts: u32) -> Amount {
    let whole = tracehold_chain::agreement::WHOLE.parts();
    deposited.share(parts.into(), whole.into())
}
