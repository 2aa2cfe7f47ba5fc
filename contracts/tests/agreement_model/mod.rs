//! What an agreement must do, written down a second time from what docs/agreements.md says: the
//! slow way. Nothing is queued, indexed or kept ready; every question is answered by going through
//! the list of everything that happened, at every point in time at which anything could change.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use tracehold_chain::agreement::{
    Condition, Expect, Finding, Goods, Inspected, Label, Moment, Payout, Percent, Readings, Share,
    Sighting, Terms,
};
use tracehold_chain::money::Asset;

/// All of the goods.
const ALL: u32 = 1_000_000;

/// An event as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub id: String,
    /// The block time.
    pub recorded: u64,
    pub happened: u64,
    pub recorder: String,
    pub step: String,
    pub disposition: Option<String>,
    pub place: Option<String>,
    /// Places in the terms' goods.
    pub items: BTreeSet<usize>,
    pub quantity: Option<Decimal>,
    pub certifications: Vec<String>,
    /// Time and degrees, in order.
    pub readings: Vec<(u64, Decimal)>,
    pub corrected: bool,
}

/// What somebody tries.
#[derive(Clone, Debug)]
pub enum Act {
    Accept(Label),
    Decline(Label),
    Fund(Label),
    Approve(Label, Label),
    Cancel(Label),
    /// A request to cancel is taken back.
    KeepOn(Label),
    Dispute(Label),
    Rule(Vec<Payout>),
    Record(Sent),
    /// The event at this place of the list is declared wrong.
    Correct(usize),
    /// A title goes from member to member.
    Move(Asset, String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    Proposed,
    Accepted,
    Running,
    Disputed(u64),
    Ended(End),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    NotAccepted,
    Unfunded,
    Released(Label),
    Expired,
    Cancelled,
    Ruled,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub terms: Terms,
    pub stage: Stage,
    pub ended_at: u64,
    pub now: u64,
    pub fulfilled: Vec<Option<u64>>,
    pub parts: Vec<Part>,
    pub paid: Vec<Vec<u64>>,
    pub deposited: Vec<bool>,
    pub pot: BTreeMap<Asset, u64>,
    pub got: BTreeMap<(Label, Asset), u64>,
    pub events: Vec<Sent>,
    /// Who has each title; nobody when it is in the pot.
    pub titles: BTreeMap<Asset, Option<String>>,
    pub accepted: BTreeSet<Label>,
    /// Everywhere that each title ever was, and since when.
    went: BTreeMap<Asset, Vec<(u64, Option<String>)>>,
    /// Who asked to cancel, and when.
    pub cancels: BTreeMap<Label, u64>,
    disputes: BTreeSet<Label>,
    disputed_by: Option<Label>,
    disputed_at: u64,
    approvals: BTreeMap<(Label, Label), u64>,
    holding: Vec<Option<u64>>,
    /// While a dispute is open: since when each would have held its condition without it.
    through: Vec<Option<u64>>,
    /// What was decided, and on which events.
    decisions: BTreeMap<(usize, usize), (bool, Vec<usize>)>,
    /// The events on which each milestone was fulfilled.
    stands_on: Vec<BTreeSet<usize>>,
    /// Whether it is tried for the last time: late readings are awaited no longer.
    is_last: bool,
    running_since: u64,
}

/// A condition that was decided, how, and on which events.
type Decided = ((usize, usize), (bool, Vec<usize>));

/// Goes through a condition and those inside it as they are numbered.
fn each(condition: &Condition, number: &mut usize, visit: &mut dyn FnMut(usize, &Condition)) {
    visit(*number, condition);
    *number += 1;
    match condition {
        Condition::All(of) | Condition::Any(of) | Condition::AtLeast { of, .. } => {
            of.iter().for_each(|one| each(one, number, visit));
        }
        Condition::Not { of, .. } => each(of, number, visit),
        _ => {}
    }
}

/// So many of so many, never rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part(pub u64, pub u64);

impl Part {
    const NONE: Part = Part(0, 1);
    const ALL: Part = Part(1, 1);

    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    fn is_all(self) -> bool {
        self.0 >= self.1
    }

    /// Rounded down, as people read it.
    pub fn millionths(self) -> u32 {
        u32::try_from(part_of(u64::from(ALL), self)).unwrap()
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Part) -> Option<std::cmp::Ordering> {
        let wide = |a: u64, b: u64| u128::from(a) * u128::from(b);
        Some(wide(self.0, other.1).cmp(&wide(other.0, self.1)))
    }
}

fn part_of(amount: u64, part: Part) -> u64 {
    let part = if part.is_all() { Part::ALL } else { part };
    u64::try_from(u128::from(amount) * u128::from(part.0) / u128::from(part.1)).unwrap()
}

fn thousandths(quantity: Decimal) -> u64 {
    let number = quantity * Decimal::from(1_000);
    assert!(number.is_integer(), "{quantity}");
    number.to_u64().unwrap()
}

fn percent_of(amount: u64, percent: Percent) -> u64 {
    part_of(amount, Part(percent.parts().into(), ALL.into()))
}

impl Model {
    pub fn new(terms: Terms, now: u64, titles: BTreeMap<Asset, Option<String>>) -> Model {
        let milestones = terms.milestones.len();
        Model {
            stage: Stage::Proposed,
            ended_at: 0,
            now,
            fulfilled: vec![None; milestones],
            parts: vec![Part::NONE; milestones],
            paid: terms.milestones.iter().map(|m| vec![0; m.pay.len()]).collect(),
            deposited: vec![false; terms.deposits.len()],
            pot: BTreeMap::new(),
            got: BTreeMap::new(),
            events: Vec::new(),
            went: titles
                .iter()
                .map(|(title, who)| (title.clone(), vec![(0, who.clone())]))
                .collect(),
            titles,
            accepted: BTreeSet::new(),
            cancels: BTreeMap::new(),
            disputes: BTreeSet::new(),
            disputed_by: None,
            disputed_at: 0,
            approvals: BTreeMap::new(),
            holding: vec![None; milestones],
            through: vec![None; milestones],
            decisions: BTreeMap::new(),
            stands_on: vec![BTreeSet::new(); milestones],
            is_last: false,
            running_since: 0,
            terms,
        }
    }

    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ended(_))
    }

    fn member(&self, role: &Label) -> &str {
        let role = self.terms.roles.iter().find(|r| r.role == *role).expect("a role");
        role.member.as_str()
    }

    fn arbiter(&self) -> Option<&Label> {
        self.terms.dispute.as_ref().map(|dispute| &dispute.arbiter)
    }

    // ---- time ----

    /// Every time at which anything could change by itself, and many at which nothing can.
    pub fn times(&self) -> BTreeSet<u64> {
        let terms = &self.terms;
        let mut times = BTreeSet::from([terms.accept_by.0, terms.deadline.0]);
        times.extend(terms.deposits.iter().map(|deposit| deposit.due.0));
        if let Stage::Disputed(until) = self.stage {
            times.insert(until);
        }
        for (place, milestone) in terms.milestones.iter().enumerate() {
            times.extend(self.holding[place].map(|since| since + milestone.window.0));
            self.times_of(&milestone.when, &mut times);
        }
        times
    }

    fn times_of(&self, condition: &Condition, times: &mut BTreeSet<u64>) {
        match condition {
            Condition::After(time) => {
                times.insert(time.0);
            }
            Condition::Elapsed { since, time } => {
                times.extend(self.fulfilled_at(since).map(|at| at + time.0));
            }
            Condition::NoOpenAnomaly { at, .. } | Condition::Not { at, .. } => {
                if let Moment::Time(time) = at {
                    times.insert(time.0);
                }
                if let Condition::Not { of, .. } = condition {
                    self.times_of(of, times);
                }
            }
            Condition::All(of) | Condition::Any(of) | Condition::AtLeast { of, .. } => {
                of.iter().for_each(|one| self.times_of(one, times));
            }
            Condition::Readings(readings) => {
                times.extend(self.events.iter().map(|event| event.recorded + readings.settle.0));
            }
            _ => {}
        }
    }

    /// A block begins: everything until its time has happened.
    pub fn advance(&mut self, to: u64) {
        while !self.is_over() {
            let next = self.times().into_iter().find(|time| *time > self.now && *time <= to);
            let Some(next) = next else { break };
            self.now = next;
            self.at(next);
        }
        self.now = self.now.max(to);
    }

    fn at(&mut self, time: u64) {
        let missing = self.terms.deposits.iter().zip(&self.deposited);
        let overdue = missing.filter(|(_, paid)| !**paid).any(|(d, _)| d.due.0 <= time);
        let deadline = self.terms.deadline.0;
        let mut disputed = None;
        match self.stage {
            Stage::Proposed if time >= self.terms.accept_by.0 => self.end(End::NotAccepted, time),
            Stage::Accepted if overdue || time >= deadline => {
                self.refund();
                self.end(End::Unfunded, time);
            }
            Stage::Disputed(until) if time >= until => {
                disputed = Some(self.disputed_at);
                self.stage = Stage::Running;
            }
            _ => {}
        }
        if time < deadline {
            self.settle(time, false, disputed);
            if disputed.is_some() {
                self.through.fill(None);
            }
            return;
        }
        self.settle(deadline - 1, true, disputed);
        if self.stage == Stage::Running {
            let list = self.terms.at_deadline.clone();
            self.give_all(&list);
            self.end(End::Expired, time);
        }
    }

    fn end(&mut self, how: End, time: u64) {
        assert!(!self.is_over());
        self.stage = Stage::Ended(how);
        self.ended_at = time;
    }

    // ---- commands ----

    /// Somebody does something; whether it is recorded. Nothing when this model does not say.
    pub fn act(&mut self, who: &str, act: &Act) -> Option<bool> {
        let recorded = self.try_act(who, act);
        if !self.is_over() {
            self.at(self.now);
        }
        recorded
    }

    fn try_act(&mut self, who: &str, act: &Act) -> Option<bool> {
        if let Act::Accept(role)
        | Act::Decline(role)
        | Act::Approve(role, _)
        | Act::Cancel(role)
        | Act::KeepOn(role)
        | Act::Dispute(role) = act
            && self.member(role) != who
        {
            return Some(false);
        }
        Some(match act {
            Act::Accept(role) if self.accepted.contains(role) => true,
            Act::Accept(role) => {
                if self.stage != Stage::Proposed {
                    return Some(false);
                }
                self.accepted.insert(role.clone());
                if self.accepted.len() == self.terms.roles.len() {
                    self.stage = Stage::Accepted;
                }
                true
            }
            Act::Decline(_) if self.stage == Stage::Proposed => {
                self.end(End::NotAccepted, self.now);
                true
            }
            Act::Decline(_) => return (!self.is_over()).then_some(false),
            Act::Fund(deposit) => self.fund(who, deposit),
            Act::Approve(role, what) => {
                if !self.terms.milestones.iter().any(|m| asked(&m.when, role, what)) {
                    return Some(false);
                }
                let key = (role.clone(), what.clone());
                if self.approvals.contains_key(&key) {
                    return Some(true);
                }
                if !matches!(self.stage, Stage::Running | Stage::Disputed(_)) {
                    return Some(false);
                }
                self.approvals.insert(key, self.now);
                true
            }
            Act::Cancel(role) => {
                if self.is_over() {
                    return None;
                }
                self.cancel(role)
            }
            Act::KeepOn(role) => {
                if self.is_over() {
                    return Some(false);
                }
                self.cancels.remove(role);
                true
            }
            Act::Dispute(role) => {
                if self.is_over() {
                    return None;
                }
                self.dispute(role)
            }
            Act::Rule(pay) => {
                let is_open = matches!(self.stage, Stage::Disputed(_));
                let arbiter = self.arbiter().map(|role| self.member(role));
                if self.is_over() {
                    return None;
                }
                if !is_open || arbiter != Some(who) || !self.gives_all(pay) {
                    return Some(false);
                }
                let pot = self.pot.clone();
                self.give(pay, &pot);
                self.end(End::Ruled, self.now);
                true
            }
            Act::Record(event) => {
                self.events.push(event.clone());
                true
            }
            Act::Correct(place) => {
                self.events[*place].corrected = true;
                true
            }
            Act::Move(title, to) => {
                let holder = self.titles.get_mut(title).unwrap();
                if holder.as_deref() != Some(who) || to == who {
                    return Some(false);
                }
                *holder = Some(to.clone());
                self.went.get_mut(title).unwrap().push((self.now, Some(to.clone())));
                true
            }
        })
    }

    fn fund(&mut self, who: &str, deposit: &Label) -> bool {
        let place = self.terms.deposits.iter().position(|d| d.id == *deposit).unwrap();
        let terms = self.terms.deposits[place].clone();
        if self.stage != Stage::Accepted || self.deposited[place] || self.member(&terms.role) != who
        {
            return false;
        }
        let asset = terms.money.asset.clone();
        if let Some(holder) = self.titles.get_mut(&asset) {
            if holder.as_deref() != Some(who) {
                return false;
            }
            *holder = None;
            self.went.get_mut(&asset).unwrap().push((self.now, None));
        }
        *self.pot.entry(asset).or_default() += terms.money.amount.minor_units();
        self.deposited[place] = true;
        if self.deposited.iter().all(|paid| *paid) {
            self.stage = Stage::Running;
            self.running_since = self.now;
            self.events.clear();
            self.cancels.clear();
            // Where titles were when it began is where they were before.
            for (title, who) in &self.titles {
                self.went.insert(title.clone(), vec![(0, who.clone())]);
            }
        }
        true
    }

    fn cancel(&mut self, role: &Label) -> bool {
        let may = match self.stage {
            Stage::Proposed | Stage::Accepted => true,
            Stage::Running => self.terms.cancel.is_some(),
            _ => false,
        };
        if !may || self.arbiter() == Some(role) {
            return false;
        }
        const WEEK: u64 = 7 * 24 * 60 * 60 * 1_000;
        let now = self.now;
        self.cancels.retain(|_, asked| now - *asked < WEEK);
        self.cancels.entry(role.clone()).or_insert(now);
        let roles = self.terms.roles.iter().map(|r| &r.role);
        if roles.filter(|r| self.arbiter() != Some(r)).all(|r| self.cancels.contains_key(r)) {
            let how = match self.stage {
                Stage::Proposed => End::NotAccepted,
                Stage::Accepted => {
                    self.refund();
                    End::Unfunded
                }
                _ => {
                    let list = self.terms.cancel.clone().unwrap();
                    self.give_all(&list);
                    End::Cancelled
                }
            };
            self.end(how, self.now);
        }
        true
    }

    fn dispute(&mut self, role: &Label) -> bool {
        let Some(dispute) = &self.terms.dispute else { return false };
        if !dispute.by.contains(role) {
            return false;
        }
        if matches!(self.stage, Stage::Disputed(_)) {
            return self.disputed_by.as_ref() == Some(role);
        }
        if self.stage != Stage::Running || self.disputes.contains(role) {
            return false;
        }
        let until = (self.now + dispute.ruling_within.0).min(self.terms.deadline.0);
        self.disputes.insert(role.clone());
        self.disputed_by = Some(role.clone());
        self.stage = Stage::Disputed(until);
        self.disputed_at = self.now;
        self.cancels.clear();
        self.through = std::mem::replace(&mut self.holding, vec![None; self.through.len()]);
        true
    }

    /// Whether a ruling gives everything that is left, and no more.
    fn gives_all(&self, pay: &[Payout]) -> bool {
        let mut left = self.pot.clone();
        let mut rest = BTreeSet::new();
        for payout in pay {
            let Some(left) = left.get_mut(payout.asset()) else { return false };
            let whole = self.pot[payout.asset()];
            let units = match payout {
                Payout::Amount { money, .. } => money.amount.minor_units(),
                Payout::Share { percent, .. } => percent_of(whole, *percent),
                Payout::Remainder { asset, .. } => {
                    if !rest.insert(asset.clone()) {
                        return false;
                    }
                    0
                }
            };
            let Some(now_left) = left.checked_sub(units) else { return false };
            *left = now_left;
        }
        left.iter().all(|(asset, left)| *left == 0 || rest.contains(asset))
    }

    // ---- money ----

    fn pay(&mut self, time: u64, to: &Label, asset: &Asset, units: u64) {
        let left = self.pot.get_mut(asset).expect("it was deposited");
        *left = left.checked_sub(units).expect("terms never pay more than there is");
        *self.got.entry((to.clone(), asset.clone())).or_default() += units;
        let member = self.member(to).to_owned();
        if units > 0
            && let Some(holder) = self.titles.get_mut(asset)
        {
            *holder = Some(member.clone());
            self.went.get_mut(asset).unwrap().push((time, Some(member)));
        }
    }

    fn refund(&mut self) {
        for (deposit, paid) in self.terms.deposits.clone().iter().zip(self.deposited.clone()) {
            if paid {
                let units = deposit.money.amount.minor_units();
                self.pay(self.now, &deposit.role, &deposit.money.asset, units);
            }
        }
    }

    fn total(&self) -> BTreeMap<Asset, u64> {
        let mut sums = BTreeMap::new();
        for deposit in &self.terms.deposits {
            let sum: &mut u64 = sums.entry(deposit.money.asset.clone()).or_default();
            *sum += deposit.money.amount.minor_units();
        }
        sums
    }

    fn give_all(&mut self, list: &[Payout]) {
        let total = self.total();
        self.give(list, &total);
    }

    fn give(&mut self, list: &[Payout], base: &BTreeMap<Asset, u64>) {
        for payout in list {
            match payout {
                Payout::Amount { to, money } => {
                    self.pay(self.now, to, &money.asset, money.amount.minor_units());
                }
                Payout::Share { to, asset, percent } => {
                    self.pay(self.now, to, asset, percent_of(base[asset], *percent));
                }
                Payout::Remainder { .. } => {}
            }
        }
        for payout in list {
            if let Payout::Remainder { to, asset } = payout {
                self.pay(self.now, to, asset, self.pot[asset]);
            }
        }
        assert!(self.pot.values().all(|left| *left == 0), "the pot is empty at the end");
    }

    // ---- milestones ----

    fn fulfilled_at(&self, label: &Label) -> Option<u64> {
        let place = self.terms.milestones.iter().position(|m| m.id == *label)?;
        self.fulfilled[place]
    }

    /// Tries all milestones; `disputed` is when the dispute was opened that is over just now.
    fn settle(&mut self, time: u64, last: bool, disputed: Option<u64>) {
        if matches!(self.stage, Stage::Running | Stage::Disputed(_)) {
            self.take_back();
        }
        let mut again = true;
        while again {
            again = false;
            for place in 0..self.terms.milestones.len() {
                if !matches!(self.stage, Stage::Running | Stage::Disputed(_)) {
                    return;
                }
                again |= self.try_milestone(place, time, last, disputed);
            }
        }
    }

    fn is_wrong(&self, events: impl IntoIterator<Item = usize>) -> bool {
        events.into_iter().any(|event| self.events[event].corrected)
    }

    fn is_begun(&self, place: usize) -> bool {
        self.fulfilled[place].is_some() || !self.parts[place].is_none()
    }

    /// What rested on events that were corrected, and on which no money moved.
    fn take_back(&mut self) {
        for place in 0..self.terms.milestones.len() {
            let is_done = self.fulfilled[place].is_some();
            if !is_done || !self.is_wrong(self.stands_on[place].iter().copied()) {
                continue;
            }
            // With everything that came because of it: none of it may have moved money.
            let mut all = BTreeSet::from([place]);
            loop {
                let more: Vec<usize> = (0..self.terms.milestones.len())
                    .filter(|other| !all.contains(other) && self.is_begun(*other))
                    .filter(|other| {
                        let needs = self.needs(*other);
                        all.iter().any(|one| needs.contains(&self.terms.milestones[*one].id))
                    })
                    .collect();
                if more.is_empty() {
                    break;
                }
                all.extend(more);
            }
            if all.iter().any(|one| !self.terms.milestones[*one].pay.is_empty()) {
                continue;
            }
            for one in all.iter().copied() {
                self.fulfilled[one] = None;
                self.parts[one] = Part::NONE;
                self.stands_on[one].clear();
                (self.holding[one], self.through[one]) = (None, None);
            }
            for one in all {
                let id = self.terms.milestones[one].id.clone();
                for other in 0..self.terms.milestones.len() {
                    if self.is_begun(other) {
                        continue;
                    }
                    for number in self.decided_at(other, &id) {
                        self.decisions.remove(&(other, number));
                    }
                }
            }
        }
        let wrong = |model: &Model, (place, _): (usize, usize), on: &[usize]| {
            !model.is_begun(place) && model.is_wrong(on.iter().copied())
        };
        let kept = self.decisions.iter().filter(|(own, (_, on))| !wrong(self, **own, on));
        self.decisions = kept.map(|(own, held)| (*own, held.clone())).collect();
    }

    /// The milestones that one asks for in any way.
    fn needs(&self, place: usize) -> Vec<Label> {
        let milestone = &self.terms.milestones[place];
        let mut needs = milestone.after.clone();
        each(&milestone.when, &mut 0, &mut |_, condition| match condition {
            Condition::Elapsed { since, .. } => needs.push(since.clone()),
            Condition::Not { at: Moment::Milestone(label), .. } => needs.push(label.clone()),
            _ => {}
        });
        needs
    }

    /// The conditions of a milestone that are decided when another is fulfilled.
    fn decided_at(&self, place: usize, milestone: &Label) -> Vec<usize> {
        let mut found = Vec::new();
        each(&self.terms.milestones[place].when, &mut 0, &mut |number, condition| {
            if let Condition::Not { at: Moment::Milestone(label), .. } = condition
                && label == milestone
            {
                found.push(number);
            }
        });
        found
    }

    fn try_milestone(
        &mut self,
        place: usize,
        time: u64,
        last: bool,
        disputed: Option<u64>,
    ) -> bool {
        let milestone = self.terms.milestones[place].clone();
        // A dispute delays a payment: what was missed because of it is made good after it.
        let missed = milestone.by.map(|by| by.0).filter(|by| *by <= time);
        let missed = missed.filter(|by| disputed.is_some_and(|opened| opened < *by));
        if self.fulfilled[place].is_some()
            || milestone.unless.iter().any(|other| self.fulfilled_at(other).is_some())
            || (missed.is_none() && milestone.by.is_some_and(|by| time >= by.0))
        {
            return false;
        }
        let mut decided = Vec::new();
        let asked_of = missed.map_or(time, |by| by - 1);
        self.is_last = last && missed.is_none();
        let (holds, parts) = self.ask(place, &mut 0, &milestone.when, asked_of, &mut decided);
        let changed = !decided.is_empty();
        self.decisions.extend(decided);
        let blocked = milestone.after.iter().any(|before| self.fulfilled_at(before).is_none());
        if matches!(self.stage, Stage::Disputed(_)) {
            let since = self.through[place].unwrap_or(time);
            self.through[place] = (holds && !blocked).then_some(since);
        }
        if self.stage != Stage::Running || blocked {
            return changed;
        }
        if !holds {
            self.holding[place] = None;
            return changed;
        }
        if let Some(by) = missed {
            let window = milestone.window.0;
            let in_time = self.through[place].is_some_and(|since| since + window < by);
            if window > 0 && !in_time {
                return changed;
            }
        } else {
            let is_new = self.holding[place].is_none();
            let since = *self.holding[place].get_or_insert(time);
            if time < since + milestone.window.0 && !last {
                if is_new {
                    self.cancels.clear();
                }
                return changed;
            }
        }
        if parts <= self.parts[place] {
            return changed;
        }
        self.parts[place] = parts;
        self.cancels.clear();
        if milestone.pay.is_empty() {
            self.stands_on[place] = self.grounds(place, &mut 0, &milestone.when, asked_of);
        }
        let total = self.total();
        for (place_in_list, payout) in milestone.pay.iter().enumerate() {
            let whole = match payout {
                Payout::Amount { money, .. } => money.amount.minor_units(),
                Payout::Share { asset, percent, .. } => percent_of(total[asset], *percent),
                Payout::Remainder { .. } => continue,
            };
            let units = part_of(whole, parts) - self.paid[place][place_in_list];
            self.paid[place][place_in_list] += units;
            self.pay(time, payout.to(), payout.asset(), units);
        }
        if parts.is_all() {
            self.fulfilled[place] = Some(time);
            for (place_in_list, payout) in milestone.pay.iter().enumerate() {
                if let Payout::Remainder { to, asset } = payout {
                    let units = self.pot[asset];
                    self.paid[place][place_in_list] += units;
                    self.pay(time, to, asset, units);
                }
            }
        }
        if (milestone.ends && parts.is_all()) || self.pot.values().all(|left| *left == 0) {
            self.end(End::Released(milestone.id), time);
        }
        true
    }

    // ---- conditions ----

    /// Whether a condition holds at a time, that time included, and for which part of the goods.
    fn ask(
        &self,
        milestone: usize,
        number: &mut usize,
        condition: &Condition,
        time: u64,
        decided: &mut Vec<Decided>,
    ) -> (bool, Part) {
        let own = (milestone, *number);
        *number += 1;
        let plain = |holds: bool| (holds, Part::ALL);
        match condition {
            Condition::Observed(observed) => {
                let seen = self.seen(time, |event| self.matches(&observed.event, event));
                share(observed.share, seen)
            }
            Condition::Inspected(inspected) => {
                let seen = self.seen(time, |event| self.inspects(inspected, event));
                share(inspected.share, seen)
            }
            Condition::Readings(readings) => plain(self.read(readings, time)),
            Condition::TitleHeld { title, by } => {
                plain(self.had(title, time) == Some(self.member(by)))
            }
            Condition::TitleSurrendered { title } => {
                plain(self.had(title, time) == Some(title.issuer().as_str()))
            }
            Condition::Approved { by, what } => {
                let at = self.approvals.get(&(by.clone(), what.clone()));
                plain(at.is_some_and(|at| *at <= time))
            }
            Condition::After(at) => plain(at.0 <= time),
            Condition::Elapsed { since, time: length } => {
                plain(self.fulfilled_at(since).is_some_and(|at| at + length.0 <= time))
            }
            Condition::NoOpenAnomaly { .. } => unreachable!("these tests do not ask for it"),
            Condition::All(of) => self.count(milestone, number, of, of.len(), time, decided),
            Condition::Any(of) => self.count(milestone, number, of, 1, time, decided),
            Condition::AtLeast { count, of } => {
                self.count(milestone, number, of, usize::from(*count), time, decided)
            }
            Condition::Not { of, at } => {
                let as_of = match at {
                    Moment::Time(at) => time.min(at.0 - 1),
                    _ => time,
                };
                let (holds, _) = self.ask(milestone, number, of, as_of, decided);
                plain(self.decision(own, at, time, !holds, decided))
            }
        }
    }

    fn count(
        &self,
        milestone: usize,
        number: &mut usize,
        of: &[Condition],
        wanted: usize,
        time: u64,
        decided: &mut Vec<Decided>,
    ) -> (bool, Part) {
        let answers: Vec<(bool, Part)> =
            of.iter().map(|one| self.ask(milestone, number, one, time, decided)).collect();
        let holds = answers.iter().filter(|(holds, _)| *holds).count() >= wanted;
        let least = |one: Part, other: Part| if other < one { other } else { one };
        (holds, answers.iter().map(|(_, part)| *part).fold(Part::ALL, least))
    }

    fn decision(
        &self,
        own: (usize, usize),
        moment: &Moment,
        time: u64,
        value: bool,
        decided: &mut Vec<Decided>,
    ) -> bool {
        if let Some((held, _)) = self.decisions.get(&own) {
            return *held;
        }
        let is_now = match moment {
            Moment::Time(at) => at.0 <= time,
            Moment::Observed(sighting) => {
                self.seen(time, |event| self.matches(sighting, event)).is_all()
            }
            Moment::Milestone(label) => self.fulfilled_at(label).is_some_and(|at| at <= time),
        };
        if is_now {
            let on = match moment {
                Moment::Observed(sighting) => {
                    self.shown_by(time, ALL, |event| self.matches(sighting, event))
                }
                _ => Vec::new(),
            };
            decided.push((own, (value, on)));
        }
        is_now && value
    }

    /// Who had a title at a time, that time included.
    fn had(&self, title: &Asset, time: u64) -> Option<&str> {
        let went = &self.went[title];
        let last = went.iter().rev().find(|(at, _)| *at <= time);
        last.and_then(|(_, who)| who.as_deref())
    }

    /// The events that each added to what was seen of the goods, until that was enough.
    fn shown_by(&self, time: u64, enough: u32, is_such: impl Fn(&Sent) -> bool) -> Vec<usize> {
        let Goods { items, class, .. } = &self.terms.goods;
        let (mut on, mut seen, mut sum) = (Vec::new(), BTreeSet::new(), Decimal::ZERO);
        for (place, event) in self.events.iter().enumerate() {
            if event.recorded > time || event.corrected || !is_such(event) {
                continue;
            }
            let so_far = if !items.is_empty() {
                Part(seen.len() as u64, items.len() as u64)
            } else if let Some(class) = class {
                Part(thousandths(sum), thousandths(class.quantity))
            } else if on.is_empty() {
                Part::NONE
            } else {
                Part::ALL
            };
            if so_far >= Part(enough.into(), ALL.into()) {
                break;
            }
            let before = seen.len();
            seen.extend(event.items.iter().copied());
            let quantity = event.quantity.unwrap_or_default();
            sum += quantity;
            let adds = match (items.is_empty(), class) {
                (false, _) => seen.len() > before,
                (true, Some(_)) => !quantity.is_zero(),
                (true, None) => true,
            };
            if adds {
                on.push(place);
            }
        }
        on
    }

    /// The events on which a condition that holds rests: of several of which not all hold, those
    /// of the ones that do.
    fn grounds(
        &self,
        milestone: usize,
        number: &mut usize,
        condition: &Condition,
        time: u64,
    ) -> BTreeSet<usize> {
        let own = (milestone, *number);
        let enough = |share: Share| match share {
            Share::AtLeast(percent) => percent.parts().max(1),
            _ => ALL,
        };
        let found: Vec<usize> = match condition {
            Condition::Observed(observed) => {
                let is_such = |event: &Sent| self.matches(&observed.event, event);
                self.shown_by(time, enough(observed.share), is_such)
            }
            Condition::Inspected(inspected) => {
                let is_such = |event: &Sent| self.inspects(inspected, event);
                self.shown_by(time, enough(inspected.share), is_such)
            }
            Condition::Readings(readings) => self.read_on(readings, time),
            Condition::Not { of, .. } => {
                let on = self.decisions.get(&own).map(|(_, on)| on.clone());
                *number += 1;
                self.grounds(milestone, number, of, time);
                return on.unwrap_or_default().into_iter().collect();
            }
            Condition::All(of) | Condition::Any(of) | Condition::AtLeast { of, .. } => {
                *number += 1;
                let mut all = BTreeSet::new();
                for one in of {
                    let (holds, _) =
                        self.ask(milestone, &mut number.clone(), one, time, &mut Vec::new());
                    let on = self.grounds(milestone, number, one, time);
                    if holds {
                        all.extend(on);
                    }
                }
                return all;
            }
            _ => Vec::new(),
        };
        *number += 1;
        found.into_iter().collect()
    }

    /// The events that a condition on readings rests on: both ends of each interval, and all that
    /// tell of readings.
    fn read_on(&self, readings: &Readings, time: u64) -> Vec<usize> {
        let mut found = BTreeSet::new();
        let count = self.terms.goods.items.len().max(1);
        for item in 0..count {
            let (from, to) = self.ends_of(readings, item, time);
            found.extend(from.into_iter().chain(to));
        }
        let heard = self.events.iter().enumerate().filter(|(_, event)| {
            event.recorded <= time
                && !event.corrected
                && !event.readings.is_empty()
                && self.is_by(&readings.by, event)
        });
        found.extend(heard.map(|(place, _)| place));
        found.into_iter().collect()
    }

    fn known(&self, time: u64) -> impl Iterator<Item = &Sent> {
        self.events.iter().filter(move |event| event.recorded <= time && !event.corrected)
    }

    fn is_by(&self, roles: &[Label], event: &Sent) -> bool {
        roles.iter().any(|role| self.member(role) == event.recorder)
    }

    fn matches(&self, sighting: &Sighting, event: &Sent) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == found)
        };
        self.is_by(&sighting.by, event)
            && is(&sighting.biz_step, Some(event.step.as_str()))
            && is(&sighting.disposition, event.disposition.as_deref())
            && is(&sighting.place, event.place.as_deref())
    }

    fn inspects(&self, inspected: &Inspected, event: &Sent) -> bool {
        let found = match inspected.finding {
            Finding::Conformant => "conformant",
            Finding::NonConformant => "non_conformant",
        };
        let certified = match &inspected.certification {
            Some(wanted) => event.certifications.contains(wanted),
            None => !event.certifications.is_empty(),
        };
        certified
            && self.is_by(&inspected.by, event)
            && event.recorder == "inspector"
            && event.step == "inspecting"
            && event.disposition.as_deref() == Some(found)
    }

    /// The part of the goods that such events are about.
    fn seen(&self, time: u64, is_such: impl Fn(&Sent) -> bool) -> Part {
        let such = self.known(time).filter(|event| is_such(event));
        let Goods { items, class, .. } = &self.terms.goods;
        if !items.is_empty() {
            let seen: BTreeSet<usize> = such.flat_map(|event| event.items.clone()).collect();
            return Part(seen.len() as u64, items.len() as u64);
        }
        if let Some(class) = class {
            let sum: Decimal = such.filter_map(|event| event.quantity).sum();
            return Part(thousandths(sum), thousandths(class.quantity));
        }
        if such.count() > 0 { Part::ALL } else { Part::NONE }
    }

    /// What sensors said between two events: of each item, or of all goods when they are not items.
    fn read(&self, readings: &Readings, time: u64) -> bool {
        let count = self.terms.goods.items.len();
        let mut answers = (0..count.max(1)).map(|item| self.read_one(readings, item, time));
        match readings.expect {
            Expect::Kept => answers.all(|said| said == Some(Expect::Kept)),
            Expect::Broken => answers.any(|said| said == Some(Expect::Broken)),
        }
    }

    /// Where the events are that begin and end an interval, in the list of all.
    fn ends_of(
        &self,
        readings: &Readings,
        item: usize,
        time: u64,
    ) -> (Option<usize>, Option<usize>) {
        let is_about =
            |event: &Sent| self.terms.goods.items.is_empty() || event.items.contains(&item);
        let when = |place: usize| self.events[place].happened.min(self.events[place].recorded);
        let known: Vec<usize> = (0..self.events.len())
            .filter(|place| {
                let event = &self.events[*place];
                event.recorded <= time && !event.corrected && is_about(event)
            })
            .collect();
        let such = |sighting: &Sighting| {
            let mut such: Vec<usize> = known
                .iter()
                .copied()
                .filter(|place| self.matches(sighting, &self.events[*place]))
                .collect();
            such.sort_by_key(|place| (when(*place), *place));
            such
        };
        let Some(from) = such(&readings.from).first().copied() else { return (None, None) };
        let mut ends = such(&readings.to);
        ends.retain(|place| (when(*place), *place) >= (when(from), from));
        let to = match &self.terms.goods.class {
            None => ends.first().copied(),
            Some(class) => {
                // All of it has come with the last that was missing.
                let mut sum = Decimal::ZERO;
                ends.into_iter().find(|place| {
                    sum += self.events[*place].quantity.unwrap_or_default();
                    sum >= class.quantity
                })
            }
        };
        (Some(from), to)
    }

    /// Kept or broken, or neither. Counted in minutes: in these tests every reading is on one.
    fn read_one(&self, readings: &Readings, item: usize, time: u64) -> Option<Expect> {
        let about =
            |event: &&Sent| self.terms.goods.items.is_empty() || event.items.contains(&item);
        let known: Vec<&Sent> = self.known(time).filter(about).collect();
        let when = |event: &Sent| event.happened.min(event.recorded);
        let (from, to) = self.ends_of(readings, item, time);
        let (from, to) = (&self.events[from?], &self.events[to?]);
        if to.recorded + readings.settle.0 > time && !self.is_last {
            return None;
        }
        let within = when(from)..=when(to);
        // One line of all readings: in these tests no two records overlap.
        let mut line: Vec<(u64, bool, usize)> = Vec::new();
        for (record, event) in known.iter().enumerate() {
            if self.is_by(&readings.by, event) {
                let is_out = |value: Decimal| readings.max.is_some_and(|most| value > most);
                line.extend(event.readings.iter().map(|(at, value)| (*at, is_out(*value), record)));
            }
        }
        line.sort_unstable();
        let gap = readings.max_gap.0;
        let (mut outside, mut any_outside) = (0, false);
        for (place, (at, is_out, _)) in line.iter().enumerate() {
            let next = line.get(place + 1).map(|next| next.0).filter(|next| next - at <= gap);
            let until = next.unwrap_or(*at);
            if *is_out && until >= *within.start() && at <= within.end() {
                any_outside = true;
                outside += until.min(*within.end()) - (*at).max(*within.start());
            }
        }
        if outside > readings.outside_at_most.0 || (any_outside && readings.outside_at_most.0 == 0)
        {
            return Some(Expect::Broken);
        }
        // Covered: inside of one record, readings with no longer gap; between records, too, and
        // at both ends.
        let mut at = *within.start();
        for (place, (reading, _, record)) in line.iter().enumerate() {
            let before = place.checked_sub(1).map(|before| line[before]);
            let is_joined = before.is_some_and(|(b, _, r)| r == *record && reading - b <= gap);
            let start = if is_joined { before.unwrap().0 } else { *reading };
            if *reading < *within.start() || start > *within.end() {
                continue;
            }
            if start > at + gap {
                return None;
            }
            at = at.max(*reading);
        }
        (*within.end() <= at + gap).then_some(Expect::Kept)
    }
}

fn share(wanted: Share, seen: Part) -> (bool, Part) {
    match wanted {
        Share::All => (seen.is_all(), Part::ALL),
        Share::AtLeast(percent) => {
            (seen >= Part(percent.parts().max(1).into(), ALL.into()), Part::ALL)
        }
        Share::ProRata => (!seen.is_none(), seen),
    }
}

fn asked(condition: &Condition, role: &Label, approval: &Label) -> bool {
    match condition {
        Condition::Approved { by, what } => by == role && what == approval,
        Condition::All(of) | Condition::Any(of) | Condition::AtLeast { of, .. } => {
            of.iter().any(|one| asked(one, role, approval))
        }
        Condition::Not { of, .. } => asked(of, role, approval),
        _ => false,
    }
}
