//! Every way an agreement can end.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use tracehold_chain::agreement::Label;
use tracehold_chain::money::{Amount, Asset, Money};
use tracehold_chain::units::TimestampMs;

use super::check::{End, How, List, Plan, Set, bit, places};

/// How an agreement can end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// Not all accept, or one turns it down: nothing moves.
    NotAccepted,
    /// A deposit is missing: those that are in go back.
    Unfunded,
    /// This milestone is the last that pays.
    Released(Label),
    /// The deadline comes.
    Expired,
    /// All ask to cancel.
    Cancelled,
    /// The arbiter settles it.
    Ruled,
}

/// One way to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// How.
    pub kind: OutcomeKind,
    /// The milestones that were fulfilled by then, in the order of the terms.
    pub fulfilled: Vec<Label>,
    /// Those pro rata that may have paid a part by then.
    pub in_part: Vec<Label>,
    /// Who gets what over the whole life of the agreement, deposits that go back included. Roles
    /// and assets that are not listed get nothing.
    pub gets: Vec<Gets>,
    /// When at the latest: in the first block at or after this time.
    #[serde(with = "tracehold_chain::units::rfc3339")]
    pub latest: TimestampMs,
}

/// What a role gets of an asset: an exact amount, or any between two where parts are paid or an
/// arbiter decides. In JSON `{"role": …, "asset": …, "least": "0.00", "most": "12.50"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gets {
    /// Who.
    pub role: Label,
    /// Of what.
    pub asset: Asset,
    /// At least.
    pub least: Amount,
    /// At most.
    pub most: Amount,
}

/// All ways in which an agreement can end, as `check` found them. Kept in numbers: one is spelled
/// out when it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes {
    plan: Plan,
    ends: Vec<End>,
}

/// How an agreement ended in fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActualEnd {
    /// How.
    pub kind: OutcomeKind,
    /// The milestones that were fulfilled, in any order.
    pub fulfilled: Vec<Label>,
    /// Those that paid a part and were not fulfilled.
    pub in_part: Vec<Label>,
    /// Everything that roles got from the pot, deposits that went back included.
    pub got: Vec<(Label, Money)>,
}

/// Why an end is none of those that were listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// A name that the terms do not have.
    Unknown(String),
    /// No way to end with these milestones fulfilled is listed, or more than one.
    Ways(usize),
    /// A milestone that cannot have paid a part by then.
    InPart(Label),
    /// A role that got less or more than it can.
    Got {
        /// What it can get.
        listed: Gets,
        /// What it got.
        got: u64,
    },
    /// Not all of the pot, or more, was given out.
    Total {
        /// Of what.
        asset: Asset,
        /// What was given out.
        given: u64,
    },
}

impl fmt::Display for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unlisted::Unknown(name) => write!(f, "the terms have no {name}"),
            Unlisted::Ways(count) => write!(f, "{count} listed ways to end are like this"),
            Unlisted::InPart(id) => write!(f, "{id} cannot have paid a part by then"),
            Unlisted::Got { listed, got } => write!(
                f,
                "{} got {got} of {}, and gets {} to {}",
                listed.role,
                listed.asset,
                listed.least.minor_units(),
                listed.most.minor_units()
            ),
            Unlisted::Total { asset, given } => write!(f, "{given} of {asset} were given out"),
        }
    }
}

/// The least and most of each role (first) and asset.
type Ranges = Vec<Vec<(u64, u64)>>;

impl Outcomes {
    pub(super) fn new(plan: Plan, ends: Vec<End>) -> Outcomes {
        Outcomes { plan, ends }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none. Never: an agreement can always fail to be accepted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What is paid in, each asset once.
    #[must_use]
    pub fn pot(&self) -> Vec<Money> {
        let pot = self.plan.assets.iter().zip(&self.plan.pot);
        pot.map(|(asset, units)| Money { asset: asset.clone(), amount: amount(*units) }).collect()
    }

    /// Each of them, beginning with those before it runs.
    pub fn iter(&self) -> impl Iterator<Item = Outcome> {
        self.ends.iter().map(|end| self.spell_out(end))
    }

    /// The one listed outcome that an end in fact is.
    ///
    /// # Errors
    /// [`Unlisted`] when it is none of them, or more than one.
    pub fn the_one(&self, end: &ActualEnd) -> Result<Outcome, Unlisted> {
        let plan = &self.plan;
        let set = |labels: &[Label]| {
            labels.iter().try_fold(0, |set, label| {
                let place = plan.milestones.iter().position(|step| step.id == *label);
                let place = place.ok_or_else(|| Unlisted::Unknown(label.to_string()))?;
                Ok(set | bit(place))
            })
        };
        let (fulfilled, in_part): (Set, Set) = (set(&end.fulfilled)?, set(&end.in_part)?);
        let like =
            |listed: &&End| listed.fulfilled == fulfilled && self.kind(listed.how) == end.kind;
        let found: Vec<&End> = self.ends.iter().filter(like).collect();
        let [listed] = found.as_slice() else { return Err(Unlisted::Ways(found.len())) };
        if let Some(place) = places(in_part & !listed.in_part).next() {
            return Err(Unlisted::InPart(self.labels(bit(place)).remove(0)));
        }
        self.amounts(listed, &end.got)?;
        Ok(self.spell_out(listed))
    }

    fn amounts(&self, listed: &End, got: &[(Label, Money)]) -> Result<(), Unlisted> {
        let plan = &self.plan;
        let mut sums = vec![vec![0_u64; plan.assets.len()]; plan.roles.len()];
        for (role, money) in got {
            let unknown = |name: String| Unlisted::Unknown(name);
            let role = plan.roles.iter().position(|known| known == role);
            let asset = plan.assets.iter().position(|known| *known == money.asset);
            let sum = role
                .and_then(|role| sums.get_mut(role))
                .zip(asset)
                .and_then(|(sums, asset)| sums.get_mut(asset))
                .ok_or_else(|| unknown(money.to_string()))?;
            *sum = sum.saturating_add(money.amount.minor_units());
        }
        let ranges = self.ranges(listed);
        for (role, (ranges, sums)) in ranges.iter().zip(&sums).enumerate() {
            for (asset, ((least, most), got)) in ranges.iter().zip(sums).enumerate() {
                if !(least..=most).contains(&got) {
                    let listed = self.gets(role, asset, (*least, *most));
                    return Err(listed
                        .map_or(Unlisted::Ways(0), |listed| Unlisted::Got { listed, got: *got }));
                }
            }
        }
        let is_all = !matches!(listed.how, How::NotAccepted | How::Unfunded);
        for (place, (asset, pot)) in plan.assets.iter().zip(&plan.pot).enumerate() {
            let given = sums.iter().filter_map(|sums| sums.get(place));
            let given = given.fold(0_u64, |sum, more| sum.saturating_add(*more));
            if is_all && given != *pot {
                return Err(Unlisted::Total { asset: asset.clone(), given });
            }
        }
        Ok(())
    }

    fn spell_out(&self, end: &End) -> Outcome {
        let ranges = self.ranges(end);
        let mut gets = Vec::new();
        for (role, ranges) in ranges.iter().enumerate() {
            for (asset, range) in ranges.iter().enumerate().filter(|(_, range)| range.1 > 0) {
                gets.extend(self.gets(role, asset, *range));
            }
        }
        let plan = &self.plan;
        Outcome {
            kind: self.kind(end.how),
            fulfilled: self.labels(end.fulfilled),
            in_part: self.labels(end.in_part),
            gets,
            latest: match end.how {
                How::NotAccepted => plan.accept_by,
                How::Unfunded => plan.last_due,
                How::Released(last) => {
                    plan.milestones.get(last).map_or(plan.deadline, |step| step.limit)
                }
                How::Expired | How::Cancelled | How::Ruled => plan.deadline,
            },
        }
    }

    fn gets(&self, role: usize, asset: usize, (least, most): (u64, u64)) -> Option<Gets> {
        Some(Gets {
            role: self.plan.roles.get(role)?.clone(),
            asset: self.plan.assets.get(asset)?.clone(),
            least: amount(least),
            most: amount(most),
        })
    }

    fn kind(&self, how: How) -> OutcomeKind {
        let milestone = |place: usize| self.plan.milestones.get(place).map(|step| step.id.clone());
        match how {
            How::NotAccepted => OutcomeKind::NotAccepted,
            How::Unfunded => OutcomeKind::Unfunded,
            How::Released(last) => {
                milestone(last).map_or(OutcomeKind::Expired, OutcomeKind::Released)
            }
            How::Expired => OutcomeKind::Expired,
            How::Cancelled => OutcomeKind::Cancelled,
            How::Ruled => OutcomeKind::Ruled,
        }
    }

    fn labels(&self, set: Set) -> Vec<Label> {
        let steps = places(set).filter_map(|place| self.plan.milestones.get(place));
        steps.map(|step| step.id.clone()).collect()
    }

    /// Who gets what, from least to most.
    fn ranges(&self, end: &End) -> Ranges {
        let plan = &self.plan;
        let mut ranges = Ranges::new();
        ranges.resize(plan.roles.len(), vec![(0, 0); plan.assets.len()]);
        let mut left: Vec<u64> = plan.pot.clone();
        match end.how {
            How::NotAccepted => return ranges,
            How::Unfunded => {
                self.refunds(&mut ranges);
                return ranges;
            }
            How::Released(_) | How::Expired | How::Cancelled | How::Ruled => {}
        }
        let pay = |list: &List, ranges: &mut Ranges, left: &mut Vec<u64>| {
            for (role, asset, units) in &list.pays {
                add(ranges, (*role, *asset), (*units, *units));
                take(left, *asset, *units);
            }
        };
        let last = match end.how {
            How::Released(last) => plan.milestones.get(last),
            _ => None,
        };
        let before = match end.how {
            How::Released(last) => end.fulfilled & !bit(last),
            _ => end.fulfilled,
        };
        for step in places(before).filter_map(|place| plan.milestones.get(place)) {
            pay(&step.pay, &mut ranges, &mut left);
        }
        let list = match end.how {
            How::Released(_) => last.map(|step| &step.pay),
            How::Expired => Some(&plan.at_deadline),
            How::Cancelled => plan.cancel.as_ref(),
            How::NotAccepted | How::Unfunded | How::Ruled => None,
        };
        let Some(list) = list else {
            // The arbiter may give all that is left to anybody.
            for role in 0..plan.roles.len() {
                for (asset, left) in left.iter().enumerate() {
                    add(&mut ranges, (role, asset), (0, *left));
                }
            }
            return ranges;
        };
        pay(list, &mut ranges, &mut left);
        for (asset, left) in left.iter().enumerate() {
            self.share_out(list, end.in_part, (asset, *left), &mut ranges);
        }
        ranges
    }

    /// What is left of an asset once exact amounts are paid: parts go to whom the milestones in
    /// part pay, the rest to whom the list says.
    fn share_out(
        &self,
        list: &List,
        in_part: Set,
        (asset, left): (usize, u64),
        ranges: &mut Ranges,
    ) {
        let rest = list.rest.get(asset).copied().flatten();
        let mut to_others = 0_u64;
        for step in places(in_part).filter_map(|place| self.plan.milestones.get(place)) {
            for (role, _, units) in step.pay.pays.iter().filter(|pay| pay.1 == asset) {
                // What a part gives to whoever gets the rest, the rest does not give.
                if Some(*role) != rest {
                    to_others = to_others.saturating_add(*units);
                    add(ranges, (*role, asset), (0, *units));
                }
            }
        }
        if let Some(role) = rest {
            add(ranges, (role, asset), (left.saturating_sub(to_others), left));
        }
    }

    /// A deposit at least is missing; the others may have come in or not.
    fn refunds(&self, ranges: &mut Ranges) {
        for (role, asset, units) in &self.plan.deposits {
            add(ranges, (*role, *asset), (0, *units));
        }
        let mut owners = self.plan.deposits.iter().map(|(role, asset, _)| (role, asset));
        let first = owners.next();
        let alone = first.filter(|first| owners.all(|other| other == *first));
        if let Some((role, asset)) = alone
            && let Some(least) = self.plan.deposits.iter().map(|(_, _, units)| *units).min()
            && let Some(range) = ranges.get_mut(*role).and_then(|ranges| ranges.get_mut(*asset))
        {
            range.1 = range.1.saturating_sub(least);
        }
    }
}

fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap_or_default()
}

fn add(ranges: &mut Ranges, (role, asset): (usize, usize), (least, most): (u64, u64)) {
    if let Some(range) = ranges.get_mut(role).and_then(|ranges| ranges.get_mut(asset)) {
        *range = (range.0.saturating_add(least), range.1.saturating_add(most));
    }
}

fn take(left: &mut [u64], asset: usize, units: u64) {
    if let Some(left) = left.get_mut(asset) {
        *left = left.saturating_sub(units);
    }
}

impl Gets {
    /// The least, with its asset.
    #[must_use]
    pub fn least(&self) -> Money {
        Money { asset: self.asset.clone(), amount: self.least }
    }

    /// The most, with its asset.
    #[must_use]
    pub fn most(&self) -> Money {
        Money { asset: self.asset.clone(), amount: self.most }
    }
}

/// A list.
impl Serialize for Outcomes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl Serialize for Gets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut written = serializer.serialize_struct("Gets", 4)?;
        written.serialize_field("role", &self.role)?;
        written.serialize_field("asset", &self.asset)?;
        written.serialize_field("least", &self.least().decimal().to_string())?;
        written.serialize_field("most", &self.most().decimal().to_string())?;
        written.end()
    }
}
