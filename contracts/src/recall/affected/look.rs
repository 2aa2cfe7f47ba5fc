//! What a list of affected things keeps of one item.

use tracehold_chain::epcis::{Action, EventType};
use tracehold_chain::state::{ItemRole, Position};

use super::Flow;
use crate::provenance::trace::Told;
use crate::provenance::{Emptied, ItemState, Life, Mark, Party, Said, Standing};

/// What one item's journal says of where it went and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The transformations that used it up, or some of it.
    pub used_in: Vec<(Mark, Position)>,
    /// The events that packed something in it.
    pub packed_by: Vec<Position>,
    /// When it was in which container, in the order of the story.
    pub stays: Vec<StayOf>,
    /// When it was emptied, as a container.
    pub emptied: Vec<Mark>,
    /// What is known of it now.
    pub now: Now,
    /// Whether the journal was not read: `stays` has what it is in now, the other lists nothing.
    pub is_short: bool,
}

/// A time in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StayOf {
    /// The container.
    pub parent: String,
    /// When it was put in.
    pub joined: Mark,
    /// When it came out, as its own journal says.
    pub left: Option<Mark>,
}

/// What is known of an item now, by itself: while it is packed, its container counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Now {
    /// What it is packed in.
    pub parent: Option<Said<String>>,
    /// Who holds it, the newest last: of a lot, each who has some.
    pub holders: Vec<Said<Party>>,
    /// Where it was seen last.
    pub place: Option<Said<String>>,
    /// To whom it is on its way, with what sent it.
    pub to: Option<(Option<Party>, Mark)>,
    /// When it was emptied, and who held it then and where, as a container.
    pub emptied: Vec<Emptied>,
    /// Whether it exists.
    pub life: Life,
}

impl Look {
    /// What matters of a whole journal.
    #[must_use]
    pub fn of(told: Told) -> Look {
        let mut look = Look {
            used_in: Vec::new(),
            packed_by: Vec::new(),
            stays: Vec::new(),
            emptied: told.emptied,
            now: Now::of(told.state),
            is_short: false,
        };
        let mut joins = Vec::new();
        for (step, judgement) in told.steps.iter().zip(&told.judgements) {
            if judgement.left_out.is_some() || judgement.standing == Standing::Claim {
                continue;
            }
            let is = |role| step.role == role || step.amounts.iter().any(|a| a.role == role);
            match step.event_type {
                EventType::Transformation if is(ItemRole::Input) => {
                    look.used_in.push((step.mark(), step.position));
                }
                EventType::Aggregation | EventType::Association
                    if step.role == ItemRole::Child && step.action == Some(Action::Add) =>
                {
                    joins.extend(step.parent.as_ref().map(|parent| (parent.clone(), step.mark())));
                }
                EventType::Aggregation | EventType::Association
                    if step.role == ItemRole::Parent && step.action == Some(Action::Add) =>
                {
                    look.packed_by.push(step.position);
                }
                _ => {}
            }
        }
        let stay = |stay: crate::provenance::trace::Stay| StayOf {
            left: stay.left.map(|left| left.mark),
            parent: stay.parent,
            joined: stay.joined,
        };
        // A hundred thousand of these are kept: without the room that what they were read from had,
        // which collecting in place would keep.
        look.stays = Vec::with_capacity(told.stays.len());
        look.stays.extend(told.stays.into_iter().map(stay));
        look.stay_again(joins);
        look.used_in.shrink_to_fit();
        look.packed_by.shrink_to_fit();
        look.emptied.shrink_to_fit();
        look.now.holders.shrink_to_fit();
        look.now.emptied.shrink_to_fit();
        look
    }

    /// What is known of an item now, of which no event says that anything was in it or that it was
    /// used up.
    #[must_use]
    pub fn of_now(state: ItemState) -> Look {
        let now = Now::of(state);
        let stay = |said: &Said<String>| StayOf {
            parent: said.what.clone(),
            joined: said.mark,
            left: None,
        };
        Look {
            used_in: Vec::new(),
            packed_by: Vec::new(),
            stays: now.parent.iter().map(stay).collect(),
            emptied: Vec::new(),
            now,
            is_short: true,
        }
    }

    /// Packed again in what it was not taken out of, it is inside anew: the container may have been
    /// emptied in between, which a story that was recorded late does not tell of the thing.
    fn stay_again(&mut self, joins: Vec<(String, Mark)>) {
        let known = self.stays.len();
        for (parent, joined) in joins {
            let is_during = |stay: &&StayOf| {
                stay.parent == parent
                    && stay.joined < joined
                    && stay.left.is_none_or(|left| joined < left)
            };
            let left = self.stays[..known].iter().find(is_during).map(|stay| stay.left);
            self.stays.extend(left.map(|left| StayOf { parent, joined, left }));
        }
        self.stays.sort_by_key(|stay| stay.joined);
    }

    /// Where things go on from it.
    pub fn flows(&self) -> impl Iterator<Item = Flow> + '_ {
        let used = self.used_in.iter().map(|(_, position)| (*position, ItemRole::Output));
        let packed = self.packed_by.iter().map(|position| (*position, ItemRole::Child));
        used.chain(packed).map(|(position, role)| Flow { position, role })
    }

    /// Whether all that led on from it before still does: otherwise something was declared wrong
    /// or told anew, and what it led to may not be affected after all. When `ends_count`, because
    /// containers were used up, no stay may have ended either: it may have ended before that.
    #[must_use]
    pub fn is_kept_by(&self, now: Option<&Look>, ends_count: bool) -> bool {
        let Some(now) = now else { return false };
        let are_known = !self.is_short && !now.is_short;
        let stays = !are_known
            || self.stays.len() <= now.stays.len()
                && self.stays.iter().zip(&now.stays).all(|(before, now)| {
                    before.parent == now.parent
                        && before.joined == now.joined
                        && (before.left == now.left || before.left.is_none() && !ends_count)
                });
        stays
            && self.used_in.iter().all(|used| now.used_in.contains(used))
            && self.packed_by.iter().all(|packed| now.packed_by.contains(packed))
            && self.emptied.iter().all(|emptied| now.emptied.contains(emptied))
            && (self.emptied.len() == now.emptied.len() || !ends_count)
    }
}

impl StayOf {
    /// The stay with its end, as the container's journal tells it too.
    #[must_use]
    pub fn ended_by(&self, container: &Look) -> StayOf {
        let after = container.emptied.partition_point(|mark| *mark <= self.joined);
        let emptied = container.emptied.get(after).copied();
        let left = match (self.left, emptied) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        StayOf { left, ..self.clone() }
    }
}

impl Now {
    fn of(mut state: ItemState) -> Now {
        let to = state.transits.pop().map(|transit| (transit.to, transit.since));
        Now {
            parent: state.parent,
            holders: state.holders,
            place: state.place,
            to,
            emptied: state.emptied,
            life: state.life,
        }
    }
}
