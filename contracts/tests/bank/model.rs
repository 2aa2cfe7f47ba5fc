//! The rules of money once more, as plainly as they can be written: maps from names to numbers.
//! Nothing here is the ledger's own code but the names of its refusals.

use std::collections::{BTreeMap, BTreeSet};

use tracehold_contracts::RejectionCode;

use super::MEMBERS;

pub const WEEK_MS: u64 = 7 * 24 * 3_600_000;
pub const TEN_YEARS_MS: u64 = 3_653 * 24 * 3_600_000;
pub const MOST: u64 = 100_000_000_000_000_000;

/// Account and reference, as text.
pub type Named = (String, String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Above which amounts of which assets two agents are needed; one is enough when none.
    SetRule(Option<Vec<(String, u64)>>),
    /// The kind is what the terms say it is: `cash`, `note` or `title`.
    Issue {
        asset: String,
        amount: u64,
        to: String,
        kind: &'static str,
    },
    Redeem {
        asset: String,
        amount: u64,
        from: String,
    },
    Pay {
        asset: String,
        amount: u64,
        to: String,
    },
    Hold {
        asset: String,
        amount: u64,
        to: String,
        expires_at: u64,
    },
    Post {
        hold: Named,
        amount: u64,
    },
    Void {
        hold: Named,
    },
    Approve(String),
    Decline(String),
}

/// A command: `buyer`, `main`, `r1`, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub member: String,
    pub purpose: String,
    pub reference: String,
    pub what: Do,
}

impl Order {
    fn account(&self) -> String {
        format!("{}/{}", self.member, self.purpose)
    }
}

#[derive(Clone, Debug)]
enum Fate {
    Done,
    Waits { by: String, until: u64 },
    Over,
}

#[derive(Clone, Debug)]
struct Held {
    asset: String,
    amount: u64,
    to: String,
    expires_at: u64,
    is_open: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub now: u64,
    /// What is on accounts, by account and asset.
    pub posted: BTreeMap<(String, String), i128>,
    /// How much of each asset is outstanding.
    outstanding: BTreeMap<String, u64>,
    rules: BTreeMap<String, Option<Vec<(String, u64)>>>,
    orders: BTreeMap<Named, (Order, usize, Fate)>,
    holds: BTreeMap<Named, Held>,
}

fn issuer(asset: &str) -> &str {
    let name = asset.strip_prefix("note:").or_else(|| asset.strip_prefix("title:"));
    let name = name.unwrap_or(asset);
    let name = name.split_once('@').map_or(name, |(_, issuer)| issuer);
    name.split_once('/').map_or(name, |(issuer, _)| issuer)
}

fn kind(asset: &str) -> &'static str {
    match asset.split_once(':') {
        Some(("note", _)) => "note",
        Some(_) => "title",
        None => "cash",
    }
}

fn agents(member: &str) -> usize {
    MEMBERS.iter().find(|known| known.0 == member).map_or(0, |known| known.2.len())
}

impl Model {
    /// What happens by itself when a block of this time begins.
    pub fn begin(&mut self, now: u64) {
        self.now = now;
        for hold in self.holds.values_mut().filter(|hold| hold.expires_at <= now) {
            hold.is_open = false;
        }
        for (_, _, fate) in self.orders.values_mut() {
            if matches!(fate, Fate::Waits { until, .. } if *until <= now) {
                *fate = Fate::Over;
            }
        }
    }

    /// How much of an asset holds set aside on an account.
    pub fn held(&self, account: &str, asset: &str) -> u64 {
        let open = self
            .holds
            .iter()
            .filter(|(named, hold)| hold.is_open && named.0 == account && hold.asset == asset);
        open.map(|(_, hold)| hold.amount).sum()
    }

    /// Gives all orders of one transaction, or none: the transactions that some repeat, or the
    /// rules that the first wrong one breaks.
    pub fn transaction(
        &mut self,
        agent: &str,
        orders: &[Order],
        number: usize,
    ) -> Result<Vec<usize>, BTreeSet<RejectionCode>> {
        let mut after = self.clone();
        let mut repeats = Vec::new();
        for order in orders {
            repeats.extend(after.order(agent, order, number)?);
        }
        *self = after;
        Ok(repeats)
    }

    fn order(
        &mut self,
        agent: &str,
        order: &Order,
        number: usize,
    ) -> Result<Option<usize>, BTreeSet<RejectionCode>> {
        let named = (order.account(), order.reference.clone());
        match self.orders.get(&named) {
            Some((same, first, _)) if same == order => return Ok(Some(*first)),
            Some(_) => return Err(BTreeSet::from([RejectionCode::ReferenceTaken])),
            None => {}
        }
        let broken = self.broken(agent, order);
        if !broken.is_empty() {
            return Err(broken);
        }
        let fate = if self.needs_two(order) {
            Fate::Waits { by: agent.to_owned(), until: self.now + WEEK_MS }
        } else {
            self.carry_out(order);
            Fate::Done
        };
        self.orders.insert(named, (order.clone(), number, fate));
        Ok(None)
    }

    fn needs_two(&self, order: &Order) -> bool {
        let Some(Some(above)) = self.rules.get(&order.account()) else { return false };
        match &order.what {
            Do::SetRule(_) => true,
            Do::Issue { asset, amount, .. }
            | Do::Redeem { asset, amount, .. }
            | Do::Pay { asset, amount, .. }
            | Do::Hold { asset, amount, .. } => {
                above.iter().find(|(of, _)| of == asset).is_none_or(|(_, limit)| amount > limit)
            }
            _ => false,
        }
    }

    fn is_open(&self, account: &str) -> bool {
        let Some((member, purpose)) = account.split_once('/') else { return false };
        agents(member) > 0
            && (["main", "issuance"].contains(&purpose) || self.rules.contains_key(account))
    }

    /// Every rule that an order breaks.
    fn broken(&self, agent: &str, order: &Order) -> BTreeSet<RejectionCode> {
        use RejectionCode as No;
        let mut broken = BTreeSet::new();
        let mut refuse_if = |wrong: bool, code: RejectionCode| {
            if wrong {
                broken.insert(code);
            }
        };
        let account = order.account();
        match &order.what {
            Do::SetRule(_) | Do::Approve(_) | Do::Decline(_) => {}
            what => {
                let issues = matches!(what, Do::Issue { .. } | Do::Redeem { .. });
                refuse_if(issues != (order.purpose == "issuance"), No::AccountReserved);
                refuse_if(!self.is_open(&account), No::AccountUnknown);
            }
        }
        let short = |account: &str, asset: &str, amount: u64| {
            let there = self.posted.get(&(account.to_owned(), asset.to_owned()));
            let free = there.copied().unwrap_or(0) - i128::from(self.held(account, asset));
            if self.outstanding.contains_key(asset) {
                (free < i128::from(amount)).then_some(No::InsufficientFunds)
            } else {
                Some(No::AssetUnknown)
            }
        };
        let not_payable = |to: &str| {
            if to.ends_with("/issuance") || to.starts_with("agreement:") {
                Some(No::AccountReserved)
            } else {
                (!self.is_open(to)).then_some(No::AccountUnknown)
            }
        };
        match &order.what {
            Do::SetRule(None) => {}
            Do::SetRule(Some(above)) => {
                let in_order = above.windows(2).all(|pair| pair[0].0 < pair[1].0);
                refuse_if(!in_order || agents(&order.member) < 2, No::RuleInvalid);
            }
            Do::Issue { asset, amount, to, kind: said } => {
                let is_bank = MEMBERS.iter().any(|known| known.0 == order.member && known.1);
                let there = self.outstanding.get(asset).copied();
                refuse_if(*amount == 0, No::AmountInvalid);
                refuse_if(issuer(asset) != order.member, No::NotTheIssuer);
                refuse_if(kind(asset) == "cash" && !is_bank, No::NotABank);
                refuse_if(kind(asset) != *said, No::AssetTermsWrong);
                refuse_if(kind(asset) == "title" && *amount != 1, No::AssetTermsWrong);
                refuse_if(kind(asset) != "cash" && there.is_some(), No::AssetExists);
                refuse_if(there.unwrap_or(0) + amount > MOST, No::TooMuchIssued);
                broken.extend(not_payable(to));
            }
            Do::Redeem { asset, amount, from } => {
                let is_bank = MEMBERS.iter().any(|known| known.0 == order.member && known.1);
                let from = format!("{}/{from}", order.member);
                refuse_if(*amount == 0, No::AmountInvalid);
                refuse_if(issuer(asset) != order.member, No::NotTheIssuer);
                refuse_if(kind(asset) == "cash" && !is_bank, No::NotABank);
                refuse_if(kind(asset) != "cash", No::AssetTermsWrong);
                refuse_if(from.ends_with("/issuance"), No::AccountReserved);
                refuse_if(!self.is_open(&from), No::AccountUnknown);
                broken.extend(short(&from, asset, *amount));
            }
            Do::Pay { asset, amount, to } => {
                refuse_if(*amount == 0, No::AmountInvalid);
                refuse_if(*to == account, No::SameAccount);
                broken.extend(not_payable(to));
                broken.extend(short(&account, asset, *amount));
            }
            Do::Hold { asset, amount, to, expires_at } => {
                let ahead = expires_at.checked_sub(self.now).unwrap_or(0);
                refuse_if(*amount == 0, No::AmountInvalid);
                refuse_if(*to == account, No::SameAccount);
                refuse_if(ahead == 0 || ahead > TEN_YEARS_MS, No::TimeInvalid);
                broken.extend(not_payable(to));
                broken.extend(short(&account, asset, *amount));
            }
            Do::Post { hold, .. } | Do::Void { hold } => match self.holds.get(hold) {
                None => refuse_if(true, No::HoldUnknown),
                Some(held) => {
                    refuse_if(held.to != account, No::HoldNotYours);
                    refuse_if(!held.is_open, No::HoldEnded);
                    if let Do::Post { amount, .. } = &order.what {
                        refuse_if(*amount == 0 || *amount > held.amount, No::AmountInvalid);
                    }
                }
            },
            Do::Approve(waiting) => match self.orders.get(&(account.clone(), waiting.clone())) {
                Some((_, _, Fate::Waits { by, .. })) if by == agent => {
                    refuse_if(true, No::SameAgent);
                }
                Some((inner, _, Fate::Waits { .. })) => {
                    broken.extend(self.broken(agent, inner));
                }
                _ => refuse_if(true, No::NothingWaits),
            },
            Do::Decline(waiting) => {
                let found = self.orders.get(&(account.clone(), waiting.clone()));
                let waits = matches!(found, Some((_, _, Fate::Waits { .. })));
                refuse_if(!waits, No::NothingWaits);
            }
        }
        broken
    }

    fn add(&mut self, account: &str, asset: &str, amount: i128) {
        *self.posted.entry((account.to_owned(), asset.to_owned())).or_default() += amount;
    }

    fn carry_out(&mut self, order: &Order) {
        let account = order.account();
        match &order.what {
            Do::SetRule(rule) => {
                self.rules.insert(account, rule.clone());
            }
            Do::Issue { asset, amount, to, .. } => {
                *self.outstanding.entry(asset.clone()).or_default() += amount;
                self.add(&account, asset, -i128::from(*amount));
                self.add(to, asset, i128::from(*amount));
            }
            Do::Redeem { asset, amount, from } => {
                *self.outstanding.get_mut(asset).unwrap() -= amount;
                self.add(&format!("{}/{from}", order.member), asset, -i128::from(*amount));
                self.add(&account, asset, i128::from(*amount));
            }
            Do::Pay { asset, amount, to } => {
                self.add(&account, asset, -i128::from(*amount));
                self.add(to, asset, i128::from(*amount));
            }
            Do::Hold { asset, amount, to, expires_at } => {
                let (asset, to) = (asset.clone(), to.clone());
                let (amount, expires_at) = (*amount, *expires_at);
                let held = Held { asset, amount, to, expires_at, is_open: true };
                self.holds.insert((account, order.reference.clone()), held);
            }
            Do::Post { hold, amount } => {
                let held = self.holds.get_mut(hold).unwrap();
                held.is_open = false;
                let asset = held.asset.clone();
                self.add(&hold.0, &asset, -i128::from(*amount));
                self.add(&account, &asset, i128::from(*amount));
            }
            Do::Void { hold } => self.holds.get_mut(hold).unwrap().is_open = false,
            Do::Approve(waiting) => {
                let (inner, _, fate) = self.orders.get_mut(&(account, waiting.clone())).unwrap();
                *fate = Fate::Done;
                let inner = inner.clone();
                self.carry_out(&inner);
            }
            Do::Decline(waiting) => {
                self.orders.get_mut(&(account, waiting.clone())).unwrap().2 = Fate::Over;
            }
        }
    }
}
