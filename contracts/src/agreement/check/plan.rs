//! Terms in numbers: places instead of names, amounts instead of shares.

use tracehold_chain::agreement::{Condition, Label, Moment, Payout, Terms};
use tracehold_chain::money::{Amount, Asset};
use tracehold_chain::units::TimestampMs;

use super::Names;
use super::clauses::share;
use super::conditions::is_pro_rata;
use super::timing::latest;

/// A set of milestones: a bit for each, by its place in the terms.
pub(in crate::agreement) type Set = u32;

/// The bit of a milestone.
pub(in crate::agreement) fn bit(place: usize) -> Set {
    u32::try_from(place).ok().and_then(|place| 1_u32.checked_shl(place)).unwrap_or(0)
}

/// The places of the milestones in a set, ascending.
pub(in crate::agreement) fn places(set: Set) -> impl Iterator<Item = usize> {
    let mut left = set;
    std::iter::from_fn(move || {
        let place = (left != 0).then(|| left.trailing_zeros() as usize)?;
        left &= left.wrapping_sub(1);
        Some(place)
    })
}

/// What of the terms decides who gets what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::agreement) struct Plan {
    pub roles: Vec<Label>,
    /// What is paid in, each asset once.
    pub assets: Vec<Asset>,
    /// How much of each asset is paid in.
    pub pot: Vec<u64>,
    /// Each deposit: the place of its role, that of its asset, how much.
    pub deposits: Vec<(usize, usize, u64)>,
    pub milestones: Vec<Step>,
    pub at_deadline: List,
    pub cancel: Option<List>,
    pub may_be_ruled: bool,
    pub accept_by: TimestampMs,
    pub last_due: TimestampMs,
    pub deadline: TimestampMs,
}

/// A milestone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::agreement) struct Step {
    pub id: Label,
    after: Set,
    unless: Set,
    gate: Gate,
    pub ends: bool,
    pub pro_rata: bool,
    pub pay: List,
    /// By this time it is fulfilled, a dispute that delays it included.
    pub limit: TimestampMs,
}

/// A list of payouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::agreement) struct List {
    /// Place of the role, place of the asset, how much.
    pub pays: Vec<(usize, usize, u64)>,
    /// For each asset, who gets the rest.
    pub rest: Vec<Option<usize>>,
    /// For each asset, how much is paid beside the rest.
    pub sums: Vec<u64>,
}

/// Which milestones must have been fulfilled for a condition to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Gate {
    /// All of these.
    Needs(Set),
    /// So many of these gates.
    AtLeast(usize, Vec<Gate>),
}

impl Plan {
    pub(super) fn of(terms: &Terms, names: &Names<'_>) -> Option<Plan> {
        let mut assets: Vec<Asset> = Vec::new();
        let mut pot: Vec<u64> = Vec::new();
        let mut deposits = Vec::new();
        for deposit in &terms.deposits {
            let (asset, amount) = (&deposit.money.asset, deposit.money.amount.minor_units());
            let place = assets.iter().position(|known| known == asset).unwrap_or(assets.len());
            if place == assets.len() {
                assets.push(asset.clone());
                pot.push(0);
            }
            let sum = pot.get_mut(place)?;
            *sum = sum.checked_add(amount)?;
            deposits.push((*names.roles.get(&deposit.role)?, place, amount));
        }
        let list = |pay: &[Payout]| List::of(pay, names, &assets, &pot);
        let milestones = terms.milestones.iter().map(|milestone| {
            Some(Step {
                id: milestone.id.clone(),
                after: set(&milestone.after, names)?,
                unless: set(&milestone.unless, names)?,
                gate: Gate::of(&milestone.when, names)?,
                ends: milestone.ends,
                pro_rata: is_pro_rata(&milestone.when),
                pay: list(&milestone.pay)?,
                limit: latest(terms, milestone),
            })
        });
        Some(Plan {
            roles: terms.roles.iter().map(|role| role.role.clone()).collect(),
            milestones: milestones.collect::<Option<_>>()?,
            at_deadline: list(&terms.at_deadline)?,
            cancel: match &terms.cancel {
                Some(cancel) => Some(list(cancel)?),
                None => None,
            },
            may_be_ruled: terms.dispute.is_some(),
            accept_by: terms.accept_by,
            last_due: terms.deposits.iter().map(|deposit| deposit.due).max()?,
            deadline: terms.deadline,
            assets,
            pot,
            deposits,
        })
    }
}

impl Step {
    /// Whether it can be fulfilled next, or pay a part, when these were.
    pub fn is_open(&self, fulfilled: Set) -> bool {
        self.after & !fulfilled == 0 && self.unless & fulfilled == 0 && self.gate.opens(fulfilled)
    }

    /// All that it must wait for by name, and what excludes it.
    pub fn gates(&self) -> (Set, Set) {
        let needs = if let Gate::Needs(needs) = self.gate { needs } else { 0 };
        (self.after | needs, self.unless)
    }
}

impl List {
    fn of(pay: &[Payout], names: &Names<'_>, assets: &[Asset], pot: &[u64]) -> Option<List> {
        let mut list =
            List { pays: Vec::new(), rest: vec![None; pot.len()], sums: vec![0; pot.len()] };
        for payout in pay {
            let role = *names.roles.get(payout.to())?;
            let asset = assets.iter().position(|asset| asset == payout.asset())?;
            let deposited = Amount::new(*pot.get(asset)?).ok()?;
            let amount = match payout {
                Payout::Amount { money, .. } => money.amount,
                Payout::Share { percent, .. } => share(deposited, percent.parts()),
                Payout::Remainder { .. } => {
                    *list.rest.get_mut(asset)? = Some(role);
                    continue;
                }
            };
            let sum = list.sums.get_mut(asset)?;
            *sum = sum.checked_add(amount.minor_units())?;
            list.pays.push((role, asset, amount.minor_units()));
        }
        Some(list)
    }
}

fn set(labels: &[Label], names: &Names<'_>) -> Option<Set> {
    labels.iter().try_fold(0, |set, label| Some(set | bit(*names.milestones.get(label)?)))
}

impl Gate {
    const OPEN: Gate = Gate::Needs(0);

    fn of(condition: &Condition, names: &Names<'_>) -> Option<Gate> {
        let gates = |of: &[Condition]| {
            of.iter().map(|one| Gate::of(one, names)).collect::<Option<Vec<_>>>()
        };
        Some(match condition {
            Condition::Elapsed { since, .. } => {
                Gate::Needs(set(std::slice::from_ref(since), names)?)
            }
            Condition::NoOpenAnomaly { at, .. } | Condition::Not { at, .. } => match at {
                Moment::Milestone(label) => Gate::Needs(set(std::slice::from_ref(label), names)?),
                Moment::Time(_) | Moment::Observed(_) => Gate::OPEN,
            },
            Condition::All(of) => Gate::at_least(of.len(), gates(of)?),
            Condition::Any(of) => Gate::at_least(1, gates(of)?),
            Condition::AtLeast { count, of } => Gate::at_least((*count).into(), gates(of)?),
            _ => Gate::OPEN,
        })
    }

    fn at_least(count: usize, of: Vec<Gate>) -> Gate {
        let simple = |gate: &Gate| match gate {
            Gate::Needs(set) => Some(*set),
            Gate::AtLeast(..) => None,
        };
        let open = of.iter().filter(|gate| **gate == Gate::OPEN).count();
        if open >= count {
            return Gate::OPEN;
        }
        if count == of.len()
            && let Some(needs) = of.iter().map(simple).try_fold(0, |all, set| Some(all | set?))
        {
            return Gate::Needs(needs);
        }
        Gate::AtLeast(count, of)
    }

    fn opens(&self, fulfilled: Set) -> bool {
        match self {
            Gate::Needs(needs) => needs & !fulfilled == 0,
            Gate::AtLeast(count, of) => {
                of.iter().filter(|gate| gate.opens(fulfilled)).count() >= *count
            }
        }
    }
}
