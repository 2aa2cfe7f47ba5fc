//! Every set of milestones that can be fulfilled, and every way to end from there.
//!
//! Sets are visited in the order of their numbers: a set comes after all of its subsets, so after
//! everything that leads to it. A milestone pro rata may have paid a part of its payouts from when
//! it could first pay, whatever happens afterwards; as the pot must be enough for all of them, it
//! is counted with the whole wherever it may have paid a part.

use tracehold_chain::agreement::Terms;
use tracehold_chain::agreement::limits::MAX_OUTCOMES;
use tracehold_chain::money::{Amount, Money};

use super::plan::{List, Plan, Set, Step, bit, places};
use super::{Found, RefusalCode};

/// A way to end, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agreement) struct End {
    pub how: How,
    pub fulfilled: Set,
    /// Those that may have paid a part and were not fulfilled.
    pub in_part: Set,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agreement) enum How {
    NotAccepted,
    Unfunded,
    /// The place of the last milestone.
    Released(usize),
    Expired,
    Cancelled,
    Ruled,
}

/// Lists all ways to end. What can pay too much, or never be fulfilled, is refused.
pub(super) fn enumerate(plan: &Plan, terms: &Terms, found: &mut Found) -> Vec<End> {
    let count = plan.milestones.len().min(Set::BITS as usize - 1);
    let sets = 1_usize << count;
    let mut walk = Walk {
        plan,
        found,
        ends: vec![
            End { how: How::NotAccepted, fulfilled: 0, in_part: 0 },
            End { how: How::Unfunded, fulfilled: 0, in_part: 0 },
        ],
        reached: vec![false; sets],
        parts: vec![0; sets],
        ever: 0,
        over_paid: Vec::new(),
    };
    if let Some(first) = walk.reached.first_mut() {
        *first = true;
    }
    // It can end wherever it can come to; where that would pay too much no end is listed, so what
    // was visited is counted too.
    let mut visited = 0_usize;
    for set in 0..sets {
        if !walk.reached.get(set).copied().unwrap_or(false) {
            continue;
        }
        walk.visit(u32::try_from(set).unwrap_or(0));
        visited = visited.saturating_add(1);
        if walk.ends.len() > MAX_OUTCOMES || visited > MAX_OUTCOMES {
            let en = format!("It can end in more than {MAX_OUTCOMES} ways.");
            let zh = format!("可能的结局超过 {MAX_OUTCOMES} 种。");
            walk.found.refuse(RefusalCode::TooManyOutcomes, "/milestones", en, zh);
            return Vec::new();
        }
    }
    let Walk { ends, ever, over_paid, .. } = walk;
    if over_paid.is_empty() {
        never_fulfilled(plan, terms, ever, found);
    }
    ends
}

struct Walk<'a> {
    plan: &'a Plan,
    found: &'a mut Found,
    ends: Vec<End>,
    /// For each set, whether it can come to it and goes on from there.
    reached: Vec<bool>,
    /// For each set, which milestones may have paid a part before it was reached.
    parts: Vec<Set>,
    /// Every milestone that can be fulfilled.
    ever: Set,
    /// The lists that were found to pay too much.
    over_paid: Vec<String>,
}

impl Walk<'_> {
    fn visit(&mut self, set: Set) {
        let plan = self.plan;
        let paid = sums(plan, set);
        let mut parts = self.parts.get(set as usize).copied().unwrap_or(0) & !set;
        let mut open = 0;
        for (place, step) in plan.milestones.iter().enumerate() {
            if set & bit(place) == 0 && step.is_open(set) {
                open |= bit(place);
                if step.pro_rata {
                    parts |= bit(place);
                    if !self.fits(&paid, parts, None) {
                        let pointer = format!("/milestones/{place}/pay");
                        self.over_pays(pointer, set, parts, None);
                        return;
                    }
                }
            }
        }
        self.end(How::Expired, set, parts, Some(&plan.at_deadline), "/at_deadline", &paid);
        if let Some(cancel) = &plan.cancel {
            self.end(How::Cancelled, set, parts, Some(cancel), "/cancel", &paid);
        }
        if plan.may_be_ruled {
            self.end(How::Ruled, set, parts, None, "/dispute", &paid);
        }
        for place in places(open) {
            let Some(step) = plan.milestones.get(place) else { continue };
            self.ever |= bit(place);
            let (next, parts) = (set | bit(place), parts & !bit(place));
            if !self.fits(&paid, parts, Some(&step.pay)) {
                self.over_pays(format!("/milestones/{place}/pay"), set, parts, Some(step));
            } else if step.ends || is_empty_after(plan, &paid, step) {
                self.ends.push(End { how: How::Released(place), fulfilled: next, in_part: parts });
            } else {
                if let Some(reached) = self.reached.get_mut(next as usize) {
                    *reached = true;
                }
                if let Some(known) = self.parts.get_mut(next as usize) {
                    *known |= parts;
                }
            }
        }
    }

    fn end(
        &mut self,
        how: How,
        fulfilled: Set,
        in_part: Set,
        list: Option<&List>,
        pointer: &str,
        paid: &[u64],
    ) {
        if self.fits(paid, in_part, list) {
            self.ends.push(End { how, fulfilled, in_part });
        } else {
            self.over_pays(pointer.into(), fulfilled, in_part, None);
        }
    }

    /// Whether the pot is enough for what was paid, for the whole of what may have been paid in
    /// part, and for a list.
    fn fits(&self, paid: &[u64], parts: Set, list: Option<&List>) -> bool {
        self.plan.pot.iter().enumerate().all(|(asset, pot)| {
            let of = |list: &List| list.sums.get(asset).copied().unwrap_or(0);
            let before = paid.get(asset).copied().unwrap_or(0);
            let in_part = places(parts).filter_map(|place| self.plan.milestones.get(place));
            let mut all = in_part.map(|step| of(&step.pay)).chain(list.map(of));
            all.try_fold(before, u64::checked_add).is_some_and(|sum| sum <= *pot)
        })
    }

    fn over_pays(&mut self, pointer: String, set: Set, parts: Set, step: Option<&Step>) {
        if self.over_paid.contains(&pointer) {
            return;
        }
        let plan = self.plan;
        let among = |set: Set| {
            places(set).filter_map(|place| plan.milestones.get(place)).collect::<Vec<_>>()
        };
        let names = |steps: Vec<&Step>| {
            steps.iter().map(|step| step.id.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (fulfilled, in_part) = (names(among(set)), names(among(parts)));
        let pot: Vec<String> = plan.assets.iter().zip(&plan.pot).map(shown).collect();
        let (mut en, mut zh) = (String::new(), String::new());
        if step.is_some() || !fulfilled.is_empty() {
            en +=
                &format!(" after these milestones: {}", if set == 0 { "none" } else { &fulfilled });
            zh += &format!("在已完成里程碑（{}）之后", if set == 0 { "无" } else { &fulfilled });
        }
        if parts != 0 {
            en += &format!(" while these may have paid in part or whole: {in_part}");
            zh += &format!("在这些里程碑可能已部分或全部付款（{in_part}）的情况下");
        }
        let pot = pot.join(", ");
        let en = format!("Together this can pay more than the pot of {pot}{en}.");
        let zh = format!("{zh}，合计付款可能超过资金池 {pot}。");
        let zh = zh.trim_start_matches('，').to_owned();
        self.found.refuse(RefusalCode::OverPaid, pointer.as_str(), en, zh);
        self.over_paid.push(pointer);
    }
}

fn shown((asset, amount): (&tracehold_chain::money::Asset, &u64)) -> String {
    let amount = Amount::new(*amount).unwrap_or_default();
    Money { asset: asset.clone(), amount }.to_string()
}

/// How much of each asset the milestones of a set pay.
fn sums(plan: &Plan, set: Set) -> Vec<u64> {
    let mut sums = vec![0_u64; plan.pot.len()];
    for step in places(set).filter_map(|place| plan.milestones.get(place)) {
        for (sum, more) in sums.iter_mut().zip(&step.pay.sums) {
            *sum = sum.saturating_add(*more);
        }
    }
    sums
}

/// Whether nothing is left once the milestone has paid.
fn is_empty_after(plan: &Plan, paid: &[u64], step: &Step) -> bool {
    let sums = paid.iter().zip(&step.pay.sums);
    sums.zip(&plan.pot).all(|((paid, more), pot)| paid.checked_add(*more) == Some(*pot))
}

/// Refuses the milestones that no order leads to.
fn never_fulfilled(plan: &Plan, terms: &Terms, ever: Set, found: &mut Found) {
    let ending = plan.milestones.iter().enumerate().filter(|(_, step)| step.ends);
    let ending = ending.fold(0, |set, (place, _)| set | bit(place));
    for (place, step) in plan.milestones.iter().enumerate() {
        if ever & bit(place) != 0 {
            continue;
        }
        let named = |set: Set| {
            let ids = places(set).filter_map(|place| plan.milestones.get(place));
            ids.map(|step| step.id.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (after, unless) = step.gates();
        let (en, zh) = if after & ending != 0 {
            let names = named(after & ending);
            (
                format!("It waits for what ends the agreement: {names}."),
                format!("它等待的里程碑会结束协议：{names}。"),
            )
        } else if after & unless != 0 {
            let names = named(after & unless);
            (
                format!("It needs what excludes it: {names}."),
                format!("它所需的里程碑同时将其排除：{names}。"),
            )
        } else if after & !ever != 0 {
            let names = named(after & !ever);
            (
                format!("It waits for what cannot come before it: {names}."),
                format!("它等待的里程碑不可能先完成：{names}。"),
            )
        } else {
            (
                "No order of the milestones leads to it: it is excluded, or nothing is left to pay \
                 by then."
                    .into(),
                "任何顺序都无法到达它：它被排除，或届时资金已全部付清。".into(),
            )
        };
        let has_after = terms.milestones.get(place).is_some_and(|m| !m.after.is_empty());
        let field = if has_after { "after" } else { "when" };
        found.refuse(RefusalCode::NeverFulfilled, format!("/milestones/{place}/{field}"), en, zh);
    }
}
