//! Generated terms of agreements: mostly ones that the check accepts, over a few roles, assets,
//! milestones and conditions. A test names its cast, and gets terms for it.
#![allow(dead_code, reason = "each test uses what it needs")]

use proptest::prelude::*;
use rust_decimal::Decimal;
use tracehold_chain::agreement::{
    Condition, Deposit, DisputeTerms, Expect, Finding, Goods, GoodsClass, Inspected, Label,
    Milestone, Moment, Observed, Payout, Percent, Readings, RoleTerms, Share, Sighting, Terms,
    WHOLE,
};
use tracehold_chain::money::{Amount, Asset, Money, Purpose};
use tracehold_chain::units::{DurationMs, MemberId, TimestampMs};

pub const HOUR_MS: u64 = 3_600_000;

/// Who and what terms may be about.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Members that pay in and are paid: two or three.
    pub parties: Vec<MemberId>,
    /// A member that the network accredits as an inspector.
    pub inspector: MemberId,
    /// A member that rules.
    pub arbiter: MemberId,
    /// Cash that was issued.
    pub cash: Vec<Asset>,
    /// A title that was made, if there is one.
    pub title: Option<Asset>,
    /// Canonical identifiers of things.
    pub items: Vec<String>,
    /// The canonical identifier of a class, if terms may be about one.
    pub class: Option<String>,
    /// The block time at which terms are put forward.
    pub now: TimestampMs,
}

/// The business steps that generated sightings name.
pub const STEPS: [&str; 3] = ["shipping", "receiving", "accepting"];

/// What generated terms ask approval to.
pub const WHATS: [&str; 2] = ["samples", "papers"];

pub fn label(text: &str) -> Label {
    Label::new(text).expect("a label")
}

/// Terms for a cast. About three in four are accepted by the check.
pub fn terms(cast: Cast) -> impl Strategy<Value = Terms> {
    proptest::collection::vec(any::<u32>(), 24..160)
        .prop_map(move |numbers| Writer { cast: cast.clone(), numbers, next: 0 }.terms())
}

/// Writes terms as drawn numbers say; once they are used up, the simplest that there are.
struct Writer {
    cast: Cast,
    numbers: Vec<u32>,
    next: usize,
}

impl Writer {
    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        let number = self.numbers.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::try_from(number).expect("64 bits") % end.max(1)
    }

    /// True once in `of` times.
    fn rarely(&mut self, of: usize) -> bool {
        self.below(of) == of - 1
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let place = self.below(from.len());
        from[place].clone()
    }

    fn hours(&mut self, least: usize, most: usize) -> u64 {
        u64::try_from(least + self.below(most - least + 1)).expect("few hours") * HOUR_MS
    }

    fn terms(&mut self) -> Terms {
        let names = ["buyer", "seller", "carrier"];
        let mut roles: Vec<RoleTerms> =
            self.cast.parties.iter().zip(names).map(|(member, name)| role(name, member)).collect();
        let parties: Vec<Label> = roles.iter().map(|role| role.role.clone()).collect();
        roles.push(role("inspector", &self.cast.inspector));
        let has_arbiter = self.below(3) > 0;
        if has_arbiter {
            roles.push(role("arbiter", &self.cast.arbiter));
        }
        let accept_by = self.cast.now.plus_ms(self.hours(1, 4));
        let deposits = self.deposits(&parties, accept_by);
        let last_due = deposits.iter().map(|deposit| deposit.due).max().expect("a deposit");
        let deadline = last_due.plus_ms(self.hours(12, 96));
        let pot = pot(&deposits);
        let goods = self.goods();
        // What milestones that do not end it may still pay, in parts of the whole.
        let mut budget: Vec<u32> = pot.iter().map(|_| WHOLE.parts()).collect();
        let count = 1 + self.below(5);
        let mut milestones: Vec<Milestone> = Vec::new();
        for place in 0..count {
            let milestone =
                self.milestone(place, &milestones, (&parties, &goods), &pot, &mut budget, deadline);
            milestones.push(milestone);
        }
        let at_deadline = self.last_list(&parties, &pot, &budget);
        let cancel = (self.below(2) == 0).then(|| self.last_list(&parties, &pot, &budget));
        let dispute = has_arbiter.then(|| DisputeTerms {
            arbiter: label("arbiter"),
            by: parties.clone(),
            ruling_within: DurationMs(self.hours(1, 24)),
            after_end: DurationMs(self.hours(0, 24)),
        });
        Terms {
            title: "Generated terms".into(),
            roles,
            goods,
            accept_by,
            deposits,
            milestones,
            deadline,
            at_deadline,
            cancel,
            dispute,
        }
    }

    fn goods(&mut self) -> Goods {
        match (self.cast.class.clone(), self.below(3)) {
            (Some(class), 2) => Goods {
                class: Some(GoodsClass {
                    class,
                    quantity: Decimal::from(10 + self.below(3) * 45),
                    uom: None,
                }),
                ..Goods::default()
            },
            _ => {
                let count = 1 + self.below(self.cast.items.len());
                Goods { items: self.cast.items[..count].to_vec(), ..Goods::default() }
            }
        }
    }

    fn deposits(&mut self, parties: &[Label], accept_by: TimestampMs) -> Vec<Deposit> {
        let count = 1 + self.below(3);
        let mut deposits = Vec::new();
        let mut has_title = false;
        for place in 0..count {
            let title = self.cast.title.clone().filter(|_| !has_title);
            let money = match (title, self.below(6)) {
                (Some(title), 5) => {
                    has_title = true;
                    Money { asset: title, amount: Amount::new(1).expect("one") }
                }
                _ => {
                    let cash = self.cast.cash.clone();
                    let units = self.pick(&[100_000_u64, 33_333, 1_000, 7]);
                    Money { asset: self.pick(&cash), amount: Amount::new(units).expect("small") }
                }
            };
            deposits.push(Deposit {
                id: label(&format!("d{place}")),
                role: self.pick(parties),
                money,
                due: accept_by.plus_ms(self.hours(0, 6)),
            });
        }
        deposits
    }

    fn milestone(
        &mut self,
        place: usize,
        before: &[Milestone],
        (parties, goods): (&[Label], &Goods),
        pot: &[Money],
        budget: &mut [u32],
        deadline: TimestampMs,
    ) -> Milestone {
        let others: Vec<Label> = before.iter().map(|milestone| milestone.id.clone()).collect();
        let going: Vec<Label> = before
            .iter()
            .filter(|milestone| !milestone.ends)
            .map(|milestone| milestone.id.clone())
            .collect();
        let by = (self.below(3) == 2)
            .then(|| self.cast.now.plus_ms(self.hours(12, 60)))
            .filter(|by| *by <= deadline);
        let limit = by.unwrap_or(deadline);
        let ends = self.below(2) == 0;
        let pro_rata = !ends && self.below(3) == 2;
        let context = Context { parties, goods, others: &going, limit };
        let when = if pro_rata {
            let share = self.observed(&context, Share::ProRata);
            if self.below(3) == 0 {
                Condition::All(vec![share, self.condition(&context, 1)])
            } else {
                share
            }
        } else {
            self.condition(&context, 2)
        };
        let gates = |writer: &mut Writer, from: &[Label], of: usize| {
            let mut gates: Vec<Label> = Vec::new();
            if !from.is_empty() && writer.rarely(of) {
                gates.push(writer.pick(from));
            }
            gates
        };
        let after = gates(self, &going, 3);
        let unless = gates(self, &others, 4);
        let unless = unless.into_iter().filter(|id| !after.contains(id)).collect();
        Milestone {
            id: label(&format!("m{place}")),
            after,
            unless,
            when,
            by,
            window: DurationMs(if pro_rata || self.below(3) > 0 { 0 } else { self.hours(1, 6) }),
            pay: if ends {
                self.last_list(parties, pot, budget)
            } else {
                self.payouts(parties, pot, budget)
            },
            ends,
        }
    }

    /// Payouts from what the budget leaves; now and then more than that.
    fn payouts(&mut self, parties: &[Label], pot: &[Money], budget: &mut [u32]) -> Vec<Payout> {
        let mut pay = Vec::new();
        for (money, left) in pot.iter().zip(budget) {
            if self.below(4) == 0 {
                continue;
            }
            let careless = self.rarely(40);
            let part = match self.below(4) {
                0 => *left,
                1 => *left / 2,
                2 => (*left).min(100_000),
                _ => (*left).min(333_333),
            };
            let part = if careless { WHOLE.parts() } else { part };
            if let Some(payout) = self.payout(parties, money, part) {
                *left = left.saturating_sub(part);
                pay.push(payout);
            }
        }
        pay
    }

    /// A payment of a part of what is paid in, as a share or as an amount, unless it is nothing.
    fn payout(&mut self, parties: &[Label], money: &Money, part: u32) -> Option<Payout> {
        let amount = money.amount.share(part.into(), WHOLE.parts().into());
        if amount.is_zero() {
            return None;
        }
        let (to, asset) = (self.pick(parties), money.asset.clone());
        Some(if self.below(2) == 0 {
            Payout::Share { to, asset, percent: Percent::from_parts(part).expect("a part") }
        } else {
            Payout::Amount { to, money: Money { asset, amount } }
        })
    }

    /// A list that ends the agreement.
    fn last_list(&mut self, parties: &[Label], pot: &[Money], budget: &[u32]) -> Vec<Payout> {
        let mut list = Vec::new();
        for (money, left) in pot.iter().zip(budget) {
            // Milestones yet to be written may use what is left: an end takes little of it.
            if list.len() < 4 && self.below(4) == 3 {
                let part = (*left).min(50_000);
                list.extend(self.payout(parties, money, part));
            }
            if !self.rarely(80) {
                let to = self.pick(parties);
                list.push(Payout::Remainder { to, asset: money.asset.clone() });
            }
        }
        list
    }

    fn sighting(&mut self, context: &Context<'_>) -> Sighting {
        let by = self.pick(context.parties);
        let biz_step = (self.below(8) > 0).then(|| self.pick(&STEPS).to_owned());
        Sighting { biz_step, by: vec![by], ..Sighting::default() }
    }

    fn observed(&mut self, context: &Context<'_>, share: Share) -> Condition {
        Condition::Observed(Observed { event: self.sighting(context), share })
    }

    fn share(&mut self) -> Share {
        match self.below(3) {
            2 => Share::AtLeast(Percent::from_parts(500_000).expect("half")),
            _ => Share::All,
        }
    }

    fn time(&mut self, context: &Context<'_>) -> TimestampMs {
        let hours = self.hours(6, 40);
        let time = self.cast.now.plus_ms(hours);
        if time < context.limit || self.rarely(30) {
            time
        } else {
            TimestampMs(context.limit.0.saturating_sub(HOUR_MS))
        }
    }

    fn moment(&mut self, context: &Context<'_>) -> Moment {
        match self.below(3) {
            1 if !context.others.is_empty() => Moment::Milestone(self.pick(context.others)),
            2 => Moment::Observed(self.sighting(context)),
            _ => Moment::Time(self.time(context)),
        }
    }

    fn condition(&mut self, context: &Context<'_>, depth: usize) -> Condition {
        let kinds = if depth == 0 { 10 } else { 16 };
        match self.below(kinds) {
            0..=2 => {
                let share = self.share();
                self.observed(context, share)
            }
            3 => Condition::Inspected(Inspected {
                by: vec![label("inspector")],
                finding: if self.below(3) == 2 {
                    Finding::NonConformant
                } else {
                    Finding::Conformant
                },
                certification: (self.below(2) == 1).then(|| "urn:certificate:1".to_owned()),
                share: self.share(),
            }),
            4 | 5 => {
                let by = self.pick(context.parties);
                Condition::Approved { by, what: label(self.pick(&WHATS)) }
            }
            6 => Condition::After(self.time(context)),
            7 if !context.others.is_empty() => Condition::Elapsed {
                since: self.pick(context.others),
                time: DurationMs(self.hours(1, 4)),
            },
            8 => Condition::Readings(self.readings(context)),
            9 => match self.cast.title.clone() {
                Some(title) if self.below(2) == 0 => {
                    Condition::TitleHeld { title, by: self.pick(context.parties) }
                }
                Some(title) => Condition::TitleSurrendered { title },
                None => self.observed(context, Share::All),
            },
            10 | 11 => Condition::All(self.conditions(context, depth)),
            12 | 13 => Condition::Any(self.conditions(context, depth)),
            14 => {
                let of = self.conditions(context, depth);
                let count = 1 + self.below(of.len());
                Condition::AtLeast { count: u8::try_from(count).expect("few"), of }
            }
            15 if context.goods.items.is_empty() || self.below(2) == 0 => Condition::Not {
                of: Box::new(self.condition(context, depth - 1)),
                at: self.moment(context),
            },
            15 => Condition::NoOpenAnomaly { kinds: vec![], at: self.moment(context) },
            _ => self.observed(context, Share::All),
        }
    }

    fn conditions(&mut self, context: &Context<'_>, depth: usize) -> Vec<Condition> {
        let count = 1 + self.below(3);
        (0..count).map(|_| self.condition(context, depth.saturating_sub(1))).collect()
    }

    fn readings(&mut self, context: &Context<'_>) -> Readings {
        let sighting = |step: &str, by: &Label| Sighting {
            biz_step: Some(step.to_owned()),
            by: vec![by.clone()],
            ..Sighting::default()
        };
        let (from, to) = (self.pick(context.parties), self.pick(context.parties));
        Readings {
            measurement: "Temperature".into(),
            uom: "CEL".into(),
            min: None,
            max: Some(Decimal::from(8)),
            outside_at_most: DurationMs(self.hours(0, 1)),
            max_gap: DurationMs(self.hours(1, 3)),
            by: if self.below(4) == 3 { vec![from.clone()] } else { Vec::new() },
            from: sighting("shipping", &from),
            to: sighting("receiving", &to),
            settle: DurationMs(self.hours(0, 2)),
            expect: if self.below(2) == 0 { Expect::Kept } else { Expect::Broken },
        }
    }
}

struct Context<'a> {
    parties: &'a [Label],
    goods: &'a Goods,
    /// Milestones written before that do not end the agreement.
    others: &'a [Label],
    limit: TimestampMs,
}

fn role(name: &str, member: &MemberId) -> RoleTerms {
    RoleTerms { role: label(name), member: member.clone(), account: Purpose::main() }
}

/// What is paid in, each asset once.
pub fn pot(deposits: &[Deposit]) -> Vec<Money> {
    let mut pot: Vec<Money> = Vec::new();
    for deposit in deposits {
        match pot.iter_mut().find(|money| money.asset == deposit.money.asset) {
            Some(money) => money.amount = money.amount.plus(deposit.money.amount).expect("small"),
            None => pot.push(deposit.money.clone()),
        }
    }
    pot
}
