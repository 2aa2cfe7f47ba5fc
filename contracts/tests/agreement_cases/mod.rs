//! Terms and what people try with them, drawn at random: sensible more often than not.

use std::collections::{BTreeMap, BTreeSet};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tracehold_chain::agreement::{
    BusinessTransaction, Condition, Deposit, DisputeTerms, Expect, Finding, Goods, GoodsClass,
    Inspected, Label, Milestone, Moment, Observed, Payout, Percent, Readings, RoleTerms, Share,
    Sighting, Terms,
};
use tracehold_chain::epcis::canonical;
use tracehold_chain::money::{Amount, Asset, Money, Purpose};
use tracehold_chain::units::{DurationMs, TimestampMs};

use crate::agreement_model::{Act, Model, Sent, Stage};
use crate::agreement_terms::{Cast, terms};
use crate::agreement_world::{MINUTE, member};

/// Numbers that look random, the same ones for the same seed (SplitMix64).
pub struct Rng(pub u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last.saturating_sub(first) + 1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn word(&mut self, from: &[&'static str]) -> &'static str {
        self.pick::<&'static str>(from)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

const STEPS: [&str; 4] = ["shipping", "receiving", "accepting", "arriving"];
const PLACES: [&str; 2] = ["urn:epc:id:sgln:9521101.00001.0", "urn:epc:id:sgln:9522202.00001.0"];
const CERTIFICATES: [&str; 2] = ["https://cert.example/1", "https://cert.example/2"];

pub fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

pub fn uri(urn: &str) -> String {
    canonical(urn).uri().to_owned()
}

fn eur() -> Asset {
    "EUR@bank".parse().unwrap()
}

fn usd() -> Asset {
    "USD@bank".parse().unwrap()
}

/// The bill of lading of a case.
pub fn title(case: u64) -> Asset {
    format!("title:carrier/BL-{case}").parse().unwrap()
}

fn money(asset: Asset, units: u64) -> Money {
    Money { asset, amount: Amount::new(units).unwrap() }
}

/// Draws terms, for a case of a batch.
pub struct Drawing<'r> {
    rng: &'r mut Rng,
    case: u64,
    /// When it may begin to run and when it ends, in milliseconds.
    from: u64,
    deadline: u64,
    roles: Vec<Label>,
    has_title: bool,
    /// What is left of each deposit for milestones that do not end it.
    budget: BTreeMap<Asset, u64>,
    total: BTreeMap<Asset, u64>,
    milestones: Vec<Label>,
}

impl<'r> Drawing<'r> {
    pub fn draw_terms(rng: &'r mut Rng, case: u64, now: u64) -> Terms {
        let accept_by = now + rng.between(10, 40) * MINUTE;
        let deadline = accept_by + rng.between(60, 600) * MINUTE;
        let mut roles = vec![label("buyer"), label("seller"), label("carrier")];
        if rng.percent(60) {
            roles.push(label("inspector"));
        }
        let disputes = rng.percent(60);
        if disputes {
            roles.push(label("arbiter"));
        }
        let has_title = rng.percent(30);
        let mut drawing = Drawing {
            rng,
            case,
            from: accept_by,
            deadline,
            roles,
            has_title,
            budget: BTreeMap::new(),
            total: BTreeMap::new(),
            milestones: Vec::new(),
        };
        drawing.draw(accept_by, disputes)
    }

    fn draw(&mut self, accept_by: u64, disputes: bool) -> Terms {
        let deposits = self.deposits(accept_by);
        let goods = self.goods();
        let mut milestones = Vec::new();
        for place in 0..self.rng.between(1, 5) {
            let milestone = self.milestone(&format!("m{place}"), &goods);
            self.milestones.push(milestone.id.clone());
            milestones.push(milestone);
        }
        let dispute = disputes.then(|| DisputeTerms {
            arbiter: label("arbiter"),
            by: if self.rng.percent(50) {
                vec![label("buyer")]
            } else {
                vec![label("buyer"), label("seller")]
            },
            ruling_within: DurationMs(self.rng.between(1, 300) * MINUTE),
            after_end: DurationMs(self.rng.below(2) * 600 * MINUTE),
        });
        let roles = self.roles.iter().map(|role| RoleTerms {
            role: role.clone(),
            member: member(role.as_str()),
            account: Purpose::main(),
        });
        Terms {
            title: format!("Case {}", self.case),
            roles: roles.collect(),
            goods,
            accept_by: TimestampMs(accept_by),
            deposits,
            milestones,
            deadline: TimestampMs(self.deadline),
            at_deadline: self.all(),
            cancel: self.rng.percent(60).then(|| self.all()),
            dispute,
        }
    }

    fn deposits(&mut self, accept_by: u64) -> Vec<Deposit> {
        let mut deposits = Vec::new();
        let mut add = |rng: &mut Rng, id: &str, role: &str, money: Money| {
            let due = TimestampMs(accept_by + rng.between(0, 30) * MINUTE);
            deposits.push(Deposit { id: label(id), role: label(role), money, due });
        };
        let price = self.rng.between(1, 9_999);
        add(self.rng, "price", "buyer", money(eur(), price));
        if self.rng.percent(30) {
            let asset = if self.rng.percent(50) { eur() } else { usd() };
            let bond = self.rng.between(1, 999);
            add(self.rng, "bond", "seller", money(asset, bond));
        }
        if self.has_title && self.rng.percent(60) {
            add(self.rng, "title", "seller", money(title(self.case), 1));
        }
        for deposit in &deposits {
            let units = deposit.money.amount.minor_units();
            *self.budget.entry(deposit.money.asset.clone()).or_default() += units;
        }
        self.total = self.budget.clone();
        deposits
    }

    fn goods(&mut self) -> Goods {
        let case = self.case;
        let order = BusinessTransaction {
            kind: Some("po".to_owned()),
            id: format!("urn:epcglobal:cbv:bt:9521101000009:PO-{case}"),
        };
        match self.rng.below(5) {
            0 => Goods { business_transaction: Some(order), ..Goods::default() },
            1 => Goods {
                class: Some(GoodsClass {
                    class: uri(&format!("urn:epc:class:lgtin:9522202.010000.L{case}")),
                    quantity: Decimal::from(self.rng.between(1, 30)),
                    uom: self.rng.percent(50).then(|| "KGM".to_owned()),
                }),
                ..Goods::default()
            },
            _ => {
                let count = self.rng.between(1, 4);
                let item = |place| uri(&format!("urn:epc:id:sgtin:9522202.010000.{case}i{place}"));
                Goods { items: (0..count).map(item).collect(), ..Goods::default() }
            }
        }
    }

    /// Who gets something.
    fn payee(&mut self) -> Label {
        label(self.rng.word(&["buyer", "seller", "carrier"]))
    }

    /// A part of what milestones may still pay.
    fn part(&mut self) -> Option<Payout> {
        let assets: Vec<Asset> = self
            .budget
            .iter()
            .filter(|(_, left)| **left > 0)
            .map(|(asset, _)| asset.clone())
            .collect();
        if assets.is_empty() {
            return None;
        }
        let asset = self.rng.pick(&assets).clone();
        let (left, total) = (self.budget[&asset], self.total[&asset]);
        let to = self.payee();
        if self.rng.percent(40) {
            let most = left * 1_000_000 / total;
            let parts = u32::try_from(self.rng.between(1, most.max(1))).unwrap();
            let used = (u64::from(parts) * total).div_ceil(1_000_000);
            if used <= left {
                *self.budget.get_mut(&asset).unwrap() -= used;
                return Some(Payout::Share { to, asset, percent: Percent::from_parts(parts)? });
            }
        }
        let units = self.rng.between(1, left);
        *self.budget.get_mut(&asset).unwrap() -= units;
        Some(Payout::Amount { to, money: money(asset, units) })
    }

    /// Payouts that give out everything.
    fn all(&mut self) -> Vec<Payout> {
        let before = self.budget.clone();
        let mut list = Vec::new();
        if self.rng.percent(40) {
            list.extend(self.part());
        }
        self.budget = before;
        for asset in self.total.keys().cloned().collect::<Vec<_>>() {
            let to = self.payee();
            list.push(Payout::Remainder { to, asset });
        }
        list
    }

    fn time(&mut self) -> TimestampMs {
        TimestampMs(self.rng.between(self.from, self.deadline - 1))
    }

    fn milestone(&mut self, id: &str, goods: &Goods) -> Milestone {
        let is_counted = goods.business_transaction.is_none();
        let pro_rata = is_counted && self.rng.percent(25);
        let when = if pro_rata {
            let observed =
                Condition::Observed(Observed { event: self.sighting(), share: Share::ProRata });
            match self.rng.below(3) {
                0 => Condition::All(vec![observed, self.leaf(goods)]),
                _ => observed,
            }
        } else {
            self.condition(goods, 2)
        };
        let ends = !pro_rata && self.rng.percent(40);
        let mut pay = Vec::new();
        if ends {
            pay = self.all();
        } else {
            for _ in 0..self.rng.between(1, 2) {
                pay.extend(self.part());
            }
        }
        let mut links = |chance| {
            let known: Vec<Label> = self.milestones.clone();
            known.into_iter().filter(|_| self.rng.percent(chance)).collect::<Vec<_>>()
        };
        let after = links(15);
        let unless = links(15).into_iter().filter(|other| !after.contains(other)).collect();
        let by = self.rng.percent(25).then(|| self.time());
        let windowed = !pro_rata && self.rng.percent(35);
        let window = if windowed { self.rng.between(1, 200) * MINUTE } else { 0 };
        Milestone { id: label(id), after, unless, when, by, window: DurationMs(window), pay, ends }
    }

    fn condition(&mut self, goods: &Goods, depth: u32) -> Condition {
        if depth == 0 || self.rng.percent(60) {
            return self.leaf(goods);
        }
        let of = |drawing: &mut Self| {
            (0..drawing.rng.between(2, 3)).map(|_| drawing.condition(goods, depth - 1)).collect()
        };
        match self.rng.below(4) {
            0 => Condition::All(of(self)),
            1 => Condition::Any(of(self)),
            2 => Condition::AtLeast { count: 2, of: of(self) },
            _ => Condition::Not { of: Box::new(self.leaf(goods)), at: self.moment() },
        }
    }

    fn moment(&mut self) -> Moment {
        match self.rng.below(3) {
            0 => Moment::Observed(self.sighting()),
            1 if !self.milestones.is_empty() => {
                Moment::Milestone(self.rng.pick(&self.milestones).clone())
            }
            _ => Moment::Time(self.time()),
        }
    }

    fn sighting(&mut self) -> Sighting {
        let by = self.rng.word(&["buyer", "seller", "carrier"]);
        Sighting {
            biz_step: Some(self.rng.word(&STEPS).to_owned()),
            place: self.rng.percent(20).then(|| uri(self.rng.word(&PLACES))),
            by: vec![label(by)],
            ..Sighting::default()
        }
    }

    fn share(&mut self, goods: &Goods) -> Share {
        match self.rng.below(3) {
            0 if goods.business_transaction.is_none() => {
                let parts = u32::try_from(self.rng.between(1, 1_000_000)).unwrap();
                Share::AtLeast(Percent::from_parts(parts).unwrap())
            }
            _ => Share::All,
        }
    }

    fn leaf(&mut self, goods: &Goods) -> Condition {
        loop {
            return match self.rng.below(12) {
                0..=3 => Condition::Observed(Observed {
                    event: self.sighting(),
                    share: self.share(goods),
                }),
                4 | 5 if self.roles.contains(&label("inspector")) => {
                    Condition::Inspected(Inspected {
                        by: vec![label("inspector")],
                        finding: if self.rng.percent(50) {
                            Finding::Conformant
                        } else {
                            Finding::NonConformant
                        },
                        certification: self
                            .rng
                            .percent(40)
                            .then(|| self.rng.word(&CERTIFICATES).to_owned()),
                        share: self.share(goods),
                    })
                }
                6 => Condition::Approved {
                    by: self.payee(),
                    what: label(self.rng.word(&["goods", "papers"])),
                },
                7 => Condition::After(self.time()),
                8 if !self.milestones.is_empty() => Condition::Elapsed {
                    since: self.rng.pick(&self.milestones).clone(),
                    time: DurationMs(self.rng.between(1, 120) * MINUTE),
                },
                9 if self.has_title => match self.rng.below(3) {
                    0 => Condition::TitleSurrendered { title: title(self.case) },
                    _ => Condition::TitleHeld { title: title(self.case), by: self.payee() },
                },
                10 | 11 if goods.class.is_none() => self.readings(),
                _ => continue,
            };
        }
    }

    fn readings(&mut self) -> Condition {
        Condition::Readings(Readings {
            measurement: "Temperature".to_owned(),
            uom: "CEL".to_owned(),
            min: None,
            max: Some(Decimal::from(8)),
            outside_at_most: DurationMs(self.rng.below(3) * 10 * MINUTE),
            max_gap: DurationMs(self.rng.between(5, 60) * MINUTE),
            by: vec![label("carrier")],
            from: self.sighting(),
            to: self.sighting(),
            settle: DurationMs(self.rng.below(3) * 20 * MINUTE),
            expect: if self.rng.percent(50) { Expect::Kept } else { Expect::Broken },
        })
    }
}

/// Terms as they are generated for the tests of the check, with what this test cannot answer asked
/// in another way.
pub fn generated(seed: u64, case: u64, now: u64) -> Terms {
    let item = |place| uri(&format!("urn:epc:id:sgtin:9522202.010000.{case}i{place}"));
    let cast = Cast {
        parties: ["buyer", "seller", "carrier"].map(member).to_vec(),
        inspector: member("inspector"),
        arbiter: member("arbiter"),
        cash: vec![eur(), usd()],
        title: Some(title(case)),
        items: (0..4).map(item).collect(),
        class: Some(uri(&format!("urn:epc:class:lgtin:9522202.010000.L{case}"))),
        now: TimestampMs(now),
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut terms = terms(cast).new_tree(&mut runner).unwrap().current();
    for milestone in &mut terms.milestones {
        answerable(&mut milestone.when);
    }
    terms
}

fn answerable(condition: &mut Condition) {
    match condition {
        // What the tables of scenarios test: this model knows nothing of the story of things.
        Condition::NoOpenAnomaly { at, .. } => {
            let of = Condition::Approved { by: label("seller"), what: label("papers") };
            *condition = Condition::Not { of: Box::new(of), at: at.clone() };
        }
        Condition::Readings(readings) => readings.by = vec![label("carrier")],
        Condition::All(of) | Condition::Any(of) | Condition::AtLeast { of, .. } => {
            of.iter_mut().for_each(answerable);
        }
        Condition::Not { of, .. } => answerable(of),
        _ => {}
    }
}

/// What a condition asks approval to.
fn asked(condition: &Condition, found: &mut Vec<(Label, Label)>) {
    match condition {
        Condition::Approved { by, what } => found.push((by.clone(), what.clone())),
        Condition::All(of) | Condition::Any(of) | Condition::AtLeast { of, .. } => {
            of.iter().for_each(|one| asked(one, found));
        }
        Condition::Not { of, .. } => asked(of, found),
        _ => {}
    }
}

/// An approval: one that the terms ask for, if they do.
fn approval(rng: &mut Rng, terms: &Terms, role: Label) -> (String, Act) {
    let mut found = Vec::new();
    terms.milestones.iter().for_each(|milestone| asked(&milestone.when, &mut found));
    if found.is_empty() || rng.percent(5) {
        let who = terms.roles.iter().find(|known| known.role == role).unwrap();
        return (who.member.as_str().to_owned(), Act::Approve(role, label("nothing")));
    }
    let (role, what) = rng.pick(&found).clone();
    let who = terms.roles.iter().find(|known| known.role == role).unwrap();
    (who.member.as_str().to_owned(), Act::Approve(role, what))
}

/// Numbers of events, unique on a ledger.
#[derive(Default)]
pub struct Ids(u64);

/// What somebody tries next: who, and what.
pub fn draw_act(rng: &mut Rng, ids: &mut Ids, case: u64, model: &Model, now: u64) -> (String, Act) {
    let terms = &model.terms;
    let role = rng.pick(&terms.roles).clone();
    let mut who = role.member.as_str().to_owned();
    if rng.percent(2) {
        who = "stranger".to_owned();
    }
    let mut role = role.role;
    if model.stage == Stage::Proposed && rng.percent(90) {
        let missing = |role: &&RoleTerms| !model.accepted.contains(&role.role);
        let missing = terms.roles.iter().find(missing).unwrap();
        (role, who) = (missing.role.clone(), missing.member.as_str().to_owned());
    }
    let dice = rng.below(100);
    let act = match model.stage {
        Stage::Proposed => match dice {
            0..=95 => Act::Accept(role),
            96 => Act::Decline(role),
            97 => Act::Cancel(role),
            _ => return wild(rng, ids, case, model, now),
        },
        Stage::Accepted => match dice {
            0..=92 => {
                let missing = model.deposited.iter().position(|paid| !paid).unwrap();
                let deposit = &terms.deposits[missing];
                return (deposit.role.as_str().to_owned(), Act::Fund(deposit.id.clone()));
            }
            93 | 94 => Act::Cancel(role),
            _ => return wild(rng, ids, case, model, now),
        },
        Stage::Running => match dice {
            0..=59 => return record(rng, ids, case, model, now),
            60..=66 => return approval(rng, terms, role),
            67..=74 => return correct(rng, ids, case, model, now),
            75..=80 => cancel(rng, model, role),
            81..=86 => Act::Dispute(role),
            _ => return wild(rng, ids, case, model, now),
        },
        Stage::Disputed(_) => match dice {
            0..=40 => return record(rng, ids, case, model, now),
            41..=70 => return ("arbiter".to_owned(), Act::Rule(ruling(rng, model))),
            71..=80 => return correct(rng, ids, case, model, now),
            _ => return wild(rng, ids, case, model, now),
        },
        Stage::Ended(_) => return wild(rng, ids, case, model, now),
    };
    if let Act::Cancel(asks) | Act::KeepOn(asks) = &act {
        who = terms.roles.iter().find(|one| one.role == *asks).unwrap().member.to_string();
    }
    (who, act)
}

/// A request to cancel: when somebody asked before, often of one who is still to ask.
fn cancel(rng: &mut Rng, model: &Model, role: Label) -> Act {
    let asked: Vec<&Label> = model.cancels.keys().collect();
    if !asked.is_empty() && rng.percent(10) {
        return Act::KeepOn((*rng.pick(&asked)).clone());
    }
    let arbiter = model.terms.dispute.as_ref().map(|dispute| &dispute.arbiter);
    let roles = model.terms.roles.iter().map(|one| &one.role);
    let mut missing = roles.filter(|one| !model.cancels.contains_key(one) && arbiter != Some(one));
    match missing.next() {
        Some(next) if !asked.is_empty() && rng.percent(80) => Act::Cancel(next.clone()),
        _ => Act::Cancel(role),
    }
}

/// Anything, whether it makes sense or not.
fn wild(rng: &mut Rng, ids: &mut Ids, case: u64, model: &Model, now: u64) -> (String, Act) {
    let role = rng.pick(&model.terms.roles).clone();
    let who = role.member.as_str().to_owned();
    let role = role.role;
    let act = match rng.below(10) {
        0 => Act::Accept(role),
        1 => Act::Fund(rng.pick(&model.terms.deposits).id.clone()),
        2 => return approval(rng, &model.terms, role),
        3 => Act::Cancel(role),
        4 => Act::Dispute(role),
        5 => Act::Rule(ruling(rng, model)),
        6 | 7 => {
            let holder = model.titles.get(&title(case)).cloned().flatten();
            let Some(holder) = holder else { return record(rng, ids, case, model, now) };
            let to = rng.word(&["buyer", "seller", "carrier"]);
            return (holder, Act::Move(title(case), to.to_owned()));
        }
        8 => return correct(rng, ids, case, model, now),
        _ => return record(rng, ids, case, model, now),
    };
    (who, act)
}

fn correct(rng: &mut Rng, ids: &mut Ids, case: u64, model: &Model, now: u64) -> (String, Act) {
    let right: Vec<usize> = model
        .events
        .iter()
        .enumerate()
        .filter(|(_, event)| !event.corrected)
        .map(|(place, _)| place)
        .collect();
    if right.is_empty() {
        return record(rng, ids, case, model, now);
    }
    let place = *rng.pick(&right);
    (model.events[place].recorder.clone(), Act::Correct(place))
}

/// A ruling: it gives out everything, most of the time.
fn ruling(rng: &mut Rng, model: &Model) -> Vec<Payout> {
    let roles: Vec<Label> = model.terms.roles.iter().map(|role| role.role.clone()).collect();
    let mut pay = Vec::new();
    for (asset, left) in &model.pot {
        let to = rng.pick(&roles).clone();
        let rest = Payout::Remainder { to: rng.pick(&roles).clone(), asset: asset.clone() };
        match rng.below(4) {
            0 if *left > 0 => pay.push(Payout::Amount { to, money: money(asset.clone(), *left) }),
            1 if *left > 1 => {
                let part = rng.between(1, *left);
                pay.push(Payout::Amount { to, money: money(asset.clone(), part) });
                pay.push(rest);
            }
            2 => {
                let percent = u32::try_from(rng.between(0, 1_000_000)).unwrap();
                let percent = Percent::from_parts(percent).unwrap();
                pay.push(Payout::Share { to, asset: asset.clone(), percent });
                if rng.percent(80) {
                    pay.push(rest);
                }
            }
            _ => pay.push(rest),
        }
    }
    pay
}

fn record(rng: &mut Rng, ids: &mut Ids, case: u64, model: &Model, now: u64) -> (String, Act) {
    let goods = &model.terms.goods;
    ids.0 += 1;
    let inspects = rng.percent(25);
    let recorder = if inspects { "inspector" } else { rng.word(&["buyer", "seller", "carrier"]) };
    let step = if inspects { "inspecting" } else { rng.word(&STEPS) };
    let found = rng.word(&["conformant", "non_conformant"]);
    let count = goods.items.len().max(1);
    let all = rng.percent(50);
    let mut items: BTreeSet<usize> = (0..count).filter(|_| all || rng.percent(50)).collect();
    if items.is_empty() {
        items.insert(0);
    }
    let happened = now - rng.below(10) * MINUTE;
    let readings = (recorder == "carrier" && rng.percent(60)).then(|| {
        // Each record begins after the last one ended.
        let last = model.events.iter().filter_map(|e| e.readings.last()).map(|(at, _)| *at).max();
        let mut at = last.unwrap_or(now - 120 * MINUTE).max(now - 120 * MINUTE);
        let mut readings = Vec::new();
        for _ in 0..rng.between(1, 6) {
            at += rng.between(1, 25) * MINUTE;
            let degrees = if rng.percent(80) { 5 } else { 9 };
            readings.push((at, Decimal::from(degrees)));
        }
        readings
    });
    let sent = Sent {
        id: format!("urn:uuid:00000000-0000-4000-8000-{:0>12}", ids.0),
        recorded: now,
        happened,
        recorder: recorder.to_owned(),
        step: step.to_owned(),
        disposition: inspects.then(|| found.to_owned()),
        place: rng.percent(50).then(|| uri(rng.word(&PLACES))),
        items,
        quantity: goods.class.as_ref().map(|_| Decimal::from(rng.between(1, 20))),
        certifications: if inspects && rng.percent(80) {
            vec![rng.word(&CERTIFICATES).to_owned()]
        } else {
            Vec::new()
        },
        readings: readings.unwrap_or_default(),
        corrected: false,
    };
    let _ = case;
    (sent.recorder.clone(), Act::Record(sent))
}

/// An event as it is sent.
pub fn event(terms: &Terms, case: u64, sent: &Sent) -> Value {
    let time = |ms: u64| TimestampMs(ms).to_string();
    let mut event = json!({
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventID": sent.id,
        "eventTime": time(sent.happened),
        "eventTimeZoneOffset": "+00:00",
        "bizStep": sent.step,
    });
    if let Some(found) = &sent.disposition {
        event["disposition"] = found.clone().into();
    }
    if let Some(place) = &sent.place {
        event["readPoint"] = json!({"id": place});
    }
    if !sent.certifications.is_empty() {
        event["certificationInfo"] = json!(sent.certifications);
    }
    match (&terms.goods.class, &terms.goods.business_transaction) {
        (Some(class), _) => {
            let quantity: f64 = sent.quantity.unwrap().to_string().parse().unwrap();
            let mut entry = json!({"epcClass": class.class, "quantity": quantity});
            if let Some(uom) = &class.uom {
                entry["uom"] = uom.clone().into();
            }
            event["quantityList"] = json!([entry]);
        }
        (None, Some(order)) => {
            event["bizTransactionList"] = json!([{"type": order.kind, "bizTransaction": order.id}]);
            event["epcList"] = json!([uri(&format!("urn:epc:id:sgtin:9522202.010000.{case}x"))]);
        }
        _ => {
            let items: Vec<&String> =
                sent.items.iter().map(|place| &terms.goods.items[*place]).collect();
            event["epcList"] = json!(items);
        }
    }
    if !sent.readings.is_empty() {
        let reports: Vec<Value> = sent
            .readings
            .iter()
            .map(|(at, degrees)| {
                let degrees: i64 = degrees.to_string().parse().unwrap();
                json!({"type": "Temperature", "value": degrees, "uom": "CEL", "time": time(*at)})
            })
            .collect();
        event["sensorElementList"] = json!([{"sensorReport": reports}]);
    }
    event
}
