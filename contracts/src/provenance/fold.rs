//! The rules: what each step does to what is known of an item.
//!
//! Pure: steps in, state out. `docs/custody.md` tells each rule in a sentence. A step is applied in
//! the order of the story ([`Mark`]), so what comes late gives the same state as if it had come in
//! time.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use tracehold_chain::anomaly::{AnomalyKind, AnomalySet};
use tracehold_chain::epcis::{Action, EventType};
use tracehold_chain::state::{ItemRole, Position};
use tracehold_chain::units::{Height, MemberId, TimestampMs};

use super::state::{
    Balance, Emptied, Ending, ItemState, Life, MAX_BALANCES, MAX_EMPTIED, MAX_HOLDERS,
    MAX_TRANSITS, Said, Transit,
};
use super::step::{Amount, Basis, Correction, Inherited, Mark, Party, Standing, Step};

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The recorder's standing.
    pub standing: Standing,
    /// What does not add up.
    pub anomalies: AnomalySet,
    /// Why it does not count, if it does not.
    pub left_out: Option<LeftOut>,
}

/// Why a step is no part of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It was declared in error by the event at this position.
    Voided(Position),
    /// It is such a declaration.
    Declaration,
    /// It came too late in too long a story.
    Unweighed,
}

/// A story told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// What is known at its end.
    pub state: ItemState,
    /// What became of each step, in the order in which they were given.
    pub judgements: Vec<Judgement>,
}

/// How much of an item's journal to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// What was on record at a height.
    Height(Height),
    /// What was on record at a block time.
    Recorded(TimestampMs),
    /// What had happened at a time, as far as is known today.
    Happened(TimestampMs),
}

impl AsOf {
    /// Whether the step belongs to it.
    #[must_use]
    pub fn has(self, step: &Step) -> bool {
        match self {
            AsOf::Height(height) => step.position.height <= height,
            AsOf::Recorded(time) => step.recorded_at <= time,
            // A correction is no happening: it holds for all times once it is known.
            AsOf::Happened(time) => step.correction.is_some() || step.mark().time <= time,
        }
    }
}

/// The state of an item whose journal has these steps, as it was known or was at a time.
#[must_use]
pub fn state_as_of(steps: &[Step], as_of: AsOf) -> ItemState {
    fold_of(steps.iter().filter(|step| as_of.has(step))).state
}

/// Tells the story of a journal: steps in the order of commitment.
#[must_use]
pub fn fold(steps: &[Step]) -> Folded {
    fold_of(steps.iter())
}

/// As [`fold()`], over any selection of steps.
#[must_use]
pub fn fold_of<'a>(steps: impl Iterator<Item = &'a Step>) -> Folded {
    let steps: Vec<&Step> = steps.collect();
    let mut voided: BTreeMap<Position, Position> = BTreeMap::new();
    for step in &steps {
        if let Some(Correction::Voids(position)) = step.correction
            && !step.basis.has(Basis::UNWEIGHED)
        {
            voided.entry(position).or_insert(step.position);
        }
    }
    let left_out = |step: &Step| {
        if step.basis.has(Basis::UNWEIGHED) {
            Some(LeftOut::Unweighed)
        } else if step.correction.is_some() {
            Some(LeftOut::Declaration)
        } else {
            voided.get(&step.position).map(|by| LeftOut::Voided(*by))
        }
    };
    let mut judgements: Vec<Judgement> = steps
        .iter()
        .map(|step| Judgement {
            standing: step.standing,
            anomalies: step.noted,
            left_out: left_out(step),
        })
        .collect();
    let mut order: Vec<usize> =
        (0..steps.len()).filter(|index| judgements[*index].left_out.is_none()).collect();
    order.sort_by_key(|index| steps[*index].mark());
    let backwards = gone_back(order.iter().map(|index| steps[*index]));
    let mut state = ItemState::default();
    for index in order {
        let step = steps[index];
        let back = backwards.contains(&step.position);
        let (standing, anomalies) = state.apply(step, back);
        judgements[index] = Judgement { standing, anomalies, left_out: None };
    }
    Folded { state, judgements }
}

/// The steps before whose time lies an event that their own recorder had recorded in an earlier
/// transaction. `steps` come in the order of the story.
fn gone_back<'a>(steps: impl DoubleEndedIterator<Item = &'a Step>) -> BTreeSet<Position> {
    let mut earliest: BTreeMap<&MemberId, (Height, u32, TimestampMs)> = BTreeMap::new();
    let mut back = BTreeSet::new();
    for step in steps.rev() {
        let recorded = (step.position.height, step.position.transaction, step.mark().time);
        let known = earliest.entry(&step.recorder).or_insert(recorded);
        if (known.0, known.1) < (recorded.0, recorded.1) && known.2 > recorded.2 {
            back.insert(step.position);
        }
        if (recorded.0, recorded.1) < (known.0, known.1) {
            *known = recorded;
        }
    }
    back
}

/// What a business step does to custody.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Handover {
    Sends,
    Receives,
    CallsBack,
}

fn handover(step: &Step) -> Option<Handover> {
    match step.biz_step.as_deref()? {
        "shipping" | "departing" | "consigning" => Some(Handover::Sends),
        "receiving" | "arriving" | "accepting" => Some(Handover::Receives),
        "void_shipping" => Some(Handover::CallsBack),
        _ => None,
    }
}

/// Whether the step brings the item into the world.
fn begins(step: &Step) -> bool {
    match step.event_type {
        EventType::Object => step.action == Some(Action::Add) && step.role == ItemRole::Subject,
        EventType::Transformation => {
            step.role == ItemRole::Output
                || step.amounts.iter().any(|amount| amount.role == ItemRole::Output)
        }
        _ => false,
    }
}

/// Whether the step ends the item, and how. Taking some of a lot does not end the lot.
fn ends(step: &Step) -> Option<Ending> {
    if step.basis.has(Basis::LOT) && !step.amounts.is_empty() {
        return None;
    }
    match (step.event_type, step.role) {
        (EventType::Object, ItemRole::Subject) if step.action == Some(Action::Delete) => {
            Some(match step.biz_step.as_deref() {
                Some("decommissioning") => Ending::Decommissioned,
                Some("destroying") => Ending::Destroyed,
                _ => Ending::Other,
            })
        }
        // Of a lot that goes in without a quantity nobody knows what is left.
        (EventType::Transformation, ItemRole::Input) if !step.basis.has(Basis::LOT) => {
            Some(Ending::Consumed)
        }
        _ => None,
    }
}

/// Whether the step joins the item to its parent, sees it there, or takes it out.
fn packs(step: &Step) -> Option<Action> {
    let packing = matches!(step.event_type, EventType::Aggregation | EventType::Association);
    (packing && step.role == ItemRole::Child && !step.basis.has(Basis::LOT))
        .then_some(step.action)
        .flatten()
}

impl ItemState {
    /// Tells the next step of the story, which is not left out. `back` says that its recorder had
    /// recorded a later one before.
    pub fn apply(&mut self, step: &Step, back: bool) -> (Standing, AnomalySet) {
        let mark = step.mark();
        self.last = mark;
        if let Some(inherited) = &step.inherited {
            self.inherit(inherited, mark);
        }
        let mut found = step.noted;
        if back {
            found.insert(AnomalyKind::TimeGoesBack);
        }
        let standing = self.standing(step);
        if standing == Standing::Claim {
            // What a stranger says is judged, so that it can be shown, and forgotten.
            self.clone().tell(step, standing, &mut found);
            self.claims = self.claims.saturating_add(1);
            return (standing, found);
        }
        self.tell(step, standing, &mut found);
        for kind in found.iter() {
            self.open(kind, step.position);
        }
        (standing, found)
    }

    fn tell(&mut self, step: &Step, standing: Standing, found: &mut AnomalySet) {
        let mark = step.mark();
        self.live(step, mark, found);
        self.be_packed(step, mark, found);
        self.change_hands(step, standing, mark, found);
        self.count(step, found);
        if step.basis.has(Basis::EMPTIES) {
            self.empty(mark);
        }
        if self.first.is_none() {
            self.first = Some(mark);
        }
        let said = |what: &Option<String>| what.clone().map(|what| Said { what, mark });
        if step.biz_step.is_some() {
            self.biz_step = said(&step.biz_step);
        }
        if step.disposition.is_some() {
            self.disposition = said(&step.disposition);
        }
        if step.biz_location.is_some() {
            self.place = said(&step.biz_location);
        } else if step.read_point.is_some() {
            self.place = said(&step.read_point);
        }
        if let Some(sensor) = &step.sensor {
            self.sensor = Some(Said { what: sensor.clone(), mark });
        }
    }

    pub(super) fn standing(&self, step: &Step) -> Standing {
        let recorder = &step.recorder;
        let container = step.inherited.as_ref().filter(|_| step.basis.has(Basis::LOT));
        let around = container.and_then(|container| container.holder.as_ref());
        let mut holders = self.holders.iter().map(|said| &said.what).chain(around);
        let on_the_way = container.map(|c| c.transits.as_slice()).unwrap_or_default();
        let names = |transit: &Transit| {
            let receivers = [&transit.to, &transit.then].into_iter().flatten();
            transit.from.is(recorder) || receivers.into_iter().any(|to| to.is(recorder))
        };
        if step.basis.has(Basis::OWNER) {
            Standing::Owner
        } else if holders.any(|holder| holder.is(recorder)) {
            Standing::Holder
        } else if self.transits.iter().chain(on_the_way).any(names) {
            Standing::Named
        } else if step.basis.has(Basis::ACCREDITED) {
            Standing::Accredited
        } else if step.basis.has(Basis::NOBODYS) && !self.is_held_by_a_member() {
            Standing::FirstFinder
        } else {
            Standing::Claim
        }
    }

    fn is_held_by_a_member(&self) -> bool {
        self.holders.iter().any(|holder| matches!(holder.what, Party::Member(_)))
    }

    /// What happened to the container happened to the item, as long as it was inside.
    fn inherit(&mut self, inherited: &Inherited, mark: Mark) {
        let Some(parent) = &self.parent else { return };
        if parent.what != inherited.parent || parent.mark >= mark {
            return;
        }
        let since = parent.mark;
        let left = inherited.emptied.unwrap_or(mark);
        if let Some(holder) = &inherited.holder {
            self.take(holder.clone(), left, false);
        }
        if let Some((place, at)) = &inherited.place
            && *at > since
            && self.place.as_ref().is_none_or(|own| own.mark < *at)
        {
            self.place = Some(Said { what: place.clone(), mark: *at });
        }
        self.transits.clone_from(&inherited.transits);
        if inherited.emptied.is_some_and(|emptied| emptied > since) {
            self.parent = None;
        }
    }

    /// Whether inheriting this would change anything.
    pub(super) fn learns_from(&self, inherited: &Inherited) -> bool {
        let Some(parent) = &self.parent else { return true };
        let own = |at: &Mark| self.place.as_ref().is_none_or(|own| own.mark < *at);
        inherited.emptied.is_some()
            || inherited.holder.as_ref().is_some_and(|holder| {
                self.holders.len() != 1 || self.holder().is_none_or(|own| own.what != *holder)
            })
            || inherited.place.as_ref().is_some_and(|(_, at)| *at > parent.mark && own(at))
            || inherited.transits != self.transits
    }

    /// The party has it now; of a lot, has some of it too.
    fn take(&mut self, party: Party, mark: Mark, lot: bool) {
        if self.holders.last().is_some_and(|own| own.what == party) {
            return;
        }
        if lot {
            self.holders.retain(|own| own.what != party);
            if self.holders.len() >= MAX_HOLDERS {
                self.holders.remove(0);
            }
        } else {
            self.holders.clear();
        }
        self.holders.push(Said { what: party, mark });
    }

    fn live(&mut self, step: &Step, mark: Mark, found: &mut AnomalySet) {
        let lot = step.basis.has(Basis::LOT);
        let begins = begins(step);
        match (self.life, begins) {
            (Life::NotCommissioned, true) => {
                if self.first.is_some() {
                    found.insert(AnomalyKind::UsedBeforeCommissioning);
                }
                self.life = Life::Active(mark);
            }
            (Life::NotCommissioned, false) => {
                if step.basis.has(Basis::COMMISSIONABLE) && self.first.is_none() {
                    found.insert(AnomalyKind::UsedBeforeCommissioning);
                }
            }
            (Life::Active(_), true) if !lot => found.insert(AnomalyKind::CommissionedTwice),
            (Life::Ended(Ending::Decommissioned, _), true) => self.life = Life::Active(mark),
            (Life::Ended(..), _) => found.insert(AnomalyKind::UsedAfterEnd),
            (Life::Active(_), _) => {}
        }
        if let Some(ending) = ends(step)
            && !matches!(self.life, Life::Ended(..))
        {
            self.life = Life::Ended(ending, mark);
        }
    }

    fn be_packed(&mut self, step: &Step, mark: Mark, found: &mut AnomalySet) {
        if ends(step).is_some() {
            self.parent = None;
            return;
        }
        let (Some(action), Some(parent)) = (packs(step), &step.parent) else { return };
        let inside = self.parent.as_ref().map(|said| said.what == *parent);
        match (action, inside) {
            (Action::Add | Action::Observe, Some(false)) => {
                found.insert(AnomalyKind::PackedInTwoParents);
            }
            (Action::Delete, None | Some(false)) => found.insert(AnomalyKind::UnpackedWhereNotIn),
            _ => {}
        }
        match action {
            Action::Add if inside != Some(true) => {
                self.parent = Some(Said { what: parent.clone(), mark });
            }
            Action::Delete if inside == Some(true) => self.parent = None,
            _ => {}
        }
    }

    fn change_hands(
        &mut self,
        step: &Step,
        standing: Standing,
        mark: Mark,
        found: &mut AnomalySet,
    ) {
        let lot = step.basis.has(Basis::LOT);
        let recorder = Party::Member(step.recorder.clone());
        // A lot that comes out of a container is with whoever holds the container.
        let packing = matches!(step.event_type, EventType::Aggregation | EventType::Association);
        let out = packing && step.role == ItemRole::Child && step.action == Some(Action::Delete);
        if lot
            && out
            && let Some(holder) = step.inherited.as_ref().and_then(|around| around.holder.clone())
        {
            self.take(holder, mark, true);
        }
        let holds = self.holders.iter().any(|own| own.what == recorder);
        let sent_to_it = self.transits.iter().any(|transit| transit.is_for(&recorder));
        let stranger = standing == Standing::Claim;
        let by_another = !holds && (stranger || self.is_held_by_a_member());

        if begins(step) {
            if !by_another || lot {
                self.take(recorder, mark, lot);
            }
            return;
        }
        let delete = step.event_type == EventType::Object && step.action == Some(Action::Delete);
        let joins = packs(step).is_some_and(|action| action != Action::Observe);
        let used_up = step.role == ItemRole::Input || delete || joins;
        if used_up && by_another && !sent_to_it {
            found.insert(AnomalyKind::MovedByNonHolder);
        }
        // Whoever packs something in a container that nobody holds yet, holds the container.
        let fills = packing && step.role == ItemRole::Parent && step.action == Some(Action::Add);
        if fills && self.holders.is_empty() {
            self.take(recorder.clone(), mark, false);
        }
        // What is done to the container is done to what is in it: it has no custody of its own.
        if self.parent.is_some() && step.role != ItemRole::Subject {
            return;
        }
        match handover(step) {
            Some(Handover::Sends) => {
                if by_another && !sent_to_it {
                    found.insert(AnomalyKind::MovedByNonHolder);
                } else {
                    self.send(step, recorder, sent_to_it, mark);
                }
            }
            Some(Handover::Receives) => self.receive(step, standing, recorder, mark, found),
            Some(Handover::CallsBack) if holds => {
                self.transits.retain(|transit| transit.from != recorder);
            }
            Some(Handover::CallsBack) if by_another => found.insert(AnomalyKind::MovedByNonHolder),
            Some(Handover::CallsBack) | None => {}
        }
    }

    /// Whoever sends on what was sent to it has thereby received it; and whoever may speak of a
    /// thing that no member holds speaks for its holder.
    fn send(&mut self, step: &Step, recorder: Party, sent_to_it: bool, mark: Mark) {
        let lot = step.basis.has(Basis::LOT);
        let from = match self.holders.last().map(|own| &own.what) {
            Some(other @ Party::Other(_)) if !sent_to_it => other.clone(),
            _ => recorder,
        };
        // A carrier that hands on to another carrier does not forget for whom it carries.
        let mine = self.transits.iter().find(|t| t.is_for(&from) || t.from == from);
        let on_to = mine.and_then(|transit| transit.then.clone()).filter(|then| *then != from);
        if lot {
            self.transits.retain(|transit| !transit.is_for(&from));
            if self.transits.len() >= MAX_TRANSITS {
                self.transits.remove(0);
            }
        } else {
            self.transits.clear();
        }
        self.take(from.clone(), mark, lot);
        let then = match step.then.as_ref().filter(|then| **then != from) {
            Some(then) => Some(then.clone()),
            None => on_to,
        };
        let then = then.filter(|then| step.to.as_ref() != Some(then));
        self.transits.push(Transit { from, to: step.to.clone(), then, since: mark });
    }

    fn receive(
        &mut self,
        step: &Step,
        standing: Standing,
        recorder: Party,
        mark: Mark,
        found: &mut AnomalySet,
    ) {
        let lot = step.basis.has(Basis::LOT);
        let to_it = self.transits.iter().position(|transit| transit.is_for(&recorder));
        let held = self.holders.iter().any(|own| own.what == recorder);
        let open = |transit: &Transit| !matches!(transit.to, Some(Party::Member(_)));
        if let Some(place) = to_it {
            let transit = self.transits.remove(place);
            self.take(recorder.clone(), mark, lot);
            self.go_on(transit, recorder);
        } else if let Some(place) = self.transits.iter().position(open) {
            // On its way to nobody in particular, whoever has standing receives it; on its way to
            // somebody who is no member, whoever has standing says that he received it.
            let transit = self.transits.remove(place);
            let receiver = transit.to.clone().unwrap_or(recorder);
            self.take(receiver.clone(), mark, lot);
            self.go_on(transit, receiver);
        } else if held {
            // He has it already: it comes to another place of his, or its receiver has not said so.
        } else if !self.transits.is_empty() {
            found.insert(AnomalyKind::MovedByNonHolder);
        } else if self.is_held_by_a_member() {
            found.insert(AnomalyKind::ReceivedWithoutShipment);
        } else {
            // Nobody on this network has it: it comes from outside.
            let known = matches!(standing, Standing::Owner | Standing::FirstFinder);
            if self.holders.is_empty() && !known && !step.basis.has(Basis::NOBODYS) {
                found.insert(AnomalyKind::ReceivedWithoutShipment);
            }
            self.take(recorder, mark, lot);
        }
    }

    /// What was sent by a carrier is on its way to its new owner when the carrier has it.
    fn go_on(&mut self, transit: Transit, receiver: Party) {
        if let Some(then) = transit.then.filter(|then| *then != receiver) {
            let since = transit.since;
            let (to, then) = (Some(then.clone()), Some(then));
            self.transits.push(Transit { from: receiver, to, then, since });
        }
    }

    fn count(&mut self, step: &Step, found: &mut AnomalySet) {
        let delete = step.event_type == EventType::Object && step.action == Some(Action::Delete);
        for amount in &step.amounts {
            let made = begins(step) && matches!(amount.role, ItemRole::Subject | ItemRole::Output);
            let used =
                step.event_type == EventType::Transformation && amount.role == ItemRole::Input;
            let ended = delete && amount.role == ItemRole::Subject;
            if !(made || used || ended) {
                continue;
            }
            let Some(balance) = self.balance(amount) else { continue };
            let sum = if made {
                &mut balance.made
            } else if used {
                &mut balance.used
            } else {
                &mut balance.ended
            };
            *sum = sum.saturating_add(amount.value).normalize();
            // Of what was made outside of the network nobody knows how much there was.
            if !made && balance.left() < Decimal::ZERO && balance.made > Decimal::ZERO {
                found.insert(AnomalyKind::MoreUsedThanMade);
            }
        }
    }

    fn balance(&mut self, amount: &Amount) -> Option<&mut Balance> {
        let known = self.balances.iter().position(|balance| balance.unit == amount.unit);
        if known.is_none() && self.balances.len() < MAX_BALANCES {
            let zero = Decimal::ZERO;
            let unit = amount.unit.clone();
            self.balances.push(Balance { unit, made: zero, used: zero, ended: zero });
            return self.balances.last_mut();
        }
        self.balances.get_mut(known?)
    }

    fn empty(&mut self, mark: Mark) {
        if self.emptied.len() >= MAX_EMPTIED {
            self.emptied.remove(0);
        }
        let holder = self.holder().map(|holder| holder.what.clone());
        let place = self.place.as_ref().map(|place| (place.what.clone(), place.mark));
        let transits = self.transit().cloned().into_iter().collect();
        self.emptied.push(Emptied { mark, holder, place, transits });
    }
}
