//! One item's journal as it was known at a time.

use rust_decimal::Decimal;
use tracehold_chain::epcis::{Action, EventType};
use tracehold_chain::state::ItemRole;

use super::{MAX_JOURNAL_STEPS, MAX_STATE_STEPS, TraceReader};
use crate::provenance::{
    Amount, AsOf, Basis, Folded, ItemState, Judgement, Mark, Standing, Step, Unit, fold,
    state_as_of,
};

/// One item's journal as it was known at a time.
#[derive(Clone, Debug)]
pub struct Told {
    /// The item's canonical identifier.
    pub uri: String,
    /// What was known, in the order of commitment.
    pub steps: Vec<Step>,
    /// What became of each step.
    pub judgements: Vec<Judgement>,
    /// The state at the end.
    pub state: ItemState,
    /// When it was in which container, in the order of the story.
    pub stays: Vec<Stay>,
    /// When it was emptied, as a container, in the order of the story.
    pub emptied: Vec<Mark>,
    /// Whether these are all steps; a longer journal shows its oldest.
    pub is_whole: bool,
}

/// A time that an item spent in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The container's canonical identifier.
    pub parent: String,
    /// Whether it was joined for long (an association) and not packed.
    pub associated: bool,
    /// The event that packed it.
    pub joined: Mark,
    /// What took it out; `None` while it is inside.
    pub left: Option<Left>,
    /// How much of it, for lots.
    pub amounts: Vec<(Unit, Decimal)>,
}

/// How an item left a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The event.
    pub mark: Mark,
    /// How.
    pub how: Leaving,
}

/// How an item left a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It was taken out by name.
    Unpacked,
    /// Everything was taken out.
    Emptied,
    /// It was put into another container.
    Repacked,
    /// It ended or was used up.
    Ended,
}

impl Leaving {
    /// A word for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Leaving::Unpacked => "unpacked",
            Leaving::Emptied => "emptied",
            Leaving::Repacked => "repacked",
            Leaving::Ended => "ended",
        }
    }
}

impl Told {
    /// Reads an item's journal as it was known; `None` when nothing was.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read<R: TraceReader>(
        reader: &R,
        uri: &str,
        as_of: Option<AsOf>,
    ) -> Result<Option<Told>, R::Error> {
        let Some(record) = reader.item(uri)? else { return Ok(None) };
        let mut steps = reader.journal(&record, MAX_JOURNAL_STEPS)?;
        let read = steps.len();
        if let Some(as_of) = as_of {
            steps.retain(|step| as_of.has(step));
        }
        // Steps stand in the order of commitment: when one that was read is too new, none that was
        // not read belongs here.
        let by_recording = matches!(as_of, Some(AsOf::Height(_) | AsOf::Recorded(_)));
        let ends_here = by_recording && steps.len() < read;
        let is_whole = ends_here || record.log.count() <= MAX_JOURNAL_STEPS as u64;
        if steps.is_empty() {
            return Ok(None);
        }
        let is_present = as_of.is_none() && steps.len() as u64 == record.log.count();
        let folded = match is_present.then(|| straight(&steps)).flatten() {
            Some(judgements) => Folded { state: record.state, judgements },
            None if is_whole => fold(&steps),
            None => {
                let state = match as_of {
                    None => record.state,
                    Some(as_of) => state_as_of(&reader.journal(&record, MAX_STATE_STEPS)?, as_of),
                };
                Folded { state, ..fold(&steps) }
            }
        };
        let mut told = Told::with(uri.to_owned(), steps, folded);
        told.is_whole = is_whole;
        Ok(Some(told))
    }

    /// Tells these steps, which are in the order of commitment.
    #[must_use]
    pub fn of(uri: String, steps: Vec<Step>) -> Told {
        let folded = fold(&steps);
        Told::with(uri, steps, folded)
    }

    fn with(uri: String, steps: Vec<Step>, folded: Folded) -> Told {
        let Folded { state, judgements } = folded;
        let told = |index: &usize| judgements[*index].left_out.is_none();
        let mut order: Vec<usize> = (0..steps.len()).filter(told).collect();
        order.sort_by_key(|index| steps[*index].mark());
        let is_claim = |index: usize| judgements[index].standing == Standing::Claim;
        let in_order = || order.iter().map(|index| (&steps[*index], is_claim(*index)));
        let emptied =
            in_order().filter(|(step, is_claim)| !is_claim && step.basis.has(Basis::EMPTIES));
        let emptied = emptied.map(|(step, _)| step.mark()).collect();
        let stays = stays(in_order());
        Told { uri, steps, judgements, state, stays, emptied, is_whole: true }
    }

    /// The steps with what became of them, in the order of the story.
    #[must_use]
    pub fn in_order(&self) -> Vec<(&Step, &Judgement)> {
        let mut told: Vec<_> = self.steps.iter().zip(&self.judgements).collect();
        told.sort_by_key(|(step, _)| step.mark());
        told
    }

    /// When the stay ended, as the item's own journal and the container's say.
    #[must_use]
    pub fn end_of(stay: &Stay, container: Option<&Told>) -> Option<Left> {
        let emptied = container.and_then(|container| {
            let after = container.emptied.partition_point(|mark| *mark <= stay.joined);
            container.emptied.get(after)
        });
        let emptied = emptied.map(|mark| Left { mark: *mark, how: Leaving::Emptied });
        match (stay.left, emptied) {
            (Some(left), Some(emptied)) if emptied.mark < left.mark => Some(emptied),
            (None, emptied) => emptied,
            (left, _) => left,
        }
    }
}

/// What became of the steps, when everything was recorded in the order in which it happened and
/// nothing was corrected: what was seen then holds, and the story need not be told again.
fn straight(steps: &[Step]) -> Option<Vec<Judgement>> {
    let plain = |step: &Step| step.correction.is_none() && !step.basis.has(Basis::UNWEIGHED);
    let in_order = steps.iter().all(plain) && steps.is_sorted_by_key(Step::mark);
    let seen = |step: &Step| Judgement {
        standing: step.standing,
        anomalies: step.anomalies,
        left_out: None,
    };
    in_order.then(|| steps.iter().map(seen).collect())
}

/// The stays that steps in the order of the story tell of. A claim tells of none, but what was
/// known of the container when it was recorded is known.
fn stays<'a>(steps: impl Iterator<Item = (&'a Step, bool)>) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    // Of a thing at most one is open, of a lot one in each container.
    let mut open: Vec<usize> = Vec::new();
    for (step, is_claim) in steps {
        let mark = step.mark();
        let is_lot = step.basis.has(Basis::LOT);
        if let Some(inherited) = &step.inherited
            && let Some(emptied) = inherited.emptied
        {
            let of = |stay: &Stay| stay.parent == inherited.parent && stay.joined < emptied;
            close(&mut stays, &mut open, of, Left { mark: emptied, how: Leaving::Emptied });
        }
        if is_claim {
            continue;
        }
        if !is_lot && ends(step) {
            close(&mut stays, &mut open, |_| true, Left { mark, how: Leaving::Ended });
            continue;
        }
        let packing = matches!(step.event_type, EventType::Aggregation | EventType::Association);
        let (true, ItemRole::Child, Some(parent)) = (packing, step.role, &step.parent) else {
            continue;
        };
        let place = open.iter().copied().find(|index| stays[*index].parent == *parent);
        match (step.action, place) {
            (Some(Action::Add), None) => {
                if !is_lot {
                    let left = Left { mark, how: Leaving::Repacked };
                    close(&mut stays, &mut open, |_| true, left);
                }
                open.push(stays.len());
                stays.push(Stay {
                    parent: parent.clone(),
                    associated: step.event_type == EventType::Association,
                    joined: mark,
                    left: None,
                    amounts: sums(&step.amounts),
                });
            }
            (Some(Action::Add), Some(place)) => {
                for amount in &step.amounts {
                    let inside = &mut stays[place].amounts;
                    let _ = super::super::quantity::add(inside, &amount.unit, amount.value);
                }
            }
            (Some(Action::Delete), Some(place)) => {
                if !is_lot || takes_all(&mut stays[place].amounts.clone(), &step.amounts) {
                    let left = Left { mark, how: Leaving::Unpacked };
                    close(&mut stays, &mut open, |stay| stay.parent == *parent, left);
                } else {
                    let stay = &mut stays[place];
                    let mut inside = std::mem::take(&mut stay.amounts);
                    takes_all(&mut inside, &step.amounts);
                    stay.amounts = inside;
                }
            }
            _ => {}
        }
    }
    stays
}

fn close(stays: &mut [Stay], open: &mut Vec<usize>, of: impl Fn(&Stay) -> bool, left: Left) {
    open.retain(|index| {
        let stay = &mut stays[*index];
        let leaves = of(stay);
        if leaves {
            stay.left = Some(left);
        }
        !leaves
    });
}

/// Whether the step ends a thing.
fn ends(step: &Step) -> bool {
    match (step.event_type, step.role) {
        (EventType::Object, ItemRole::Subject) => step.action == Some(Action::Delete),
        (EventType::Transformation, ItemRole::Input) => true,
        _ => false,
    }
}

fn sums(amounts: &[Amount]) -> Vec<(Unit, Decimal)> {
    let mut sums = Vec::new();
    for amount in amounts {
        let _ = super::super::quantity::add(&mut sums, &amount.unit, amount.value);
    }
    sums
}

/// Takes so much out; whether nothing is left, which is also so when nobody says how much.
fn takes_all(inside: &mut Vec<(Unit, Decimal)>, taken: &[Amount]) -> bool {
    if taken.is_empty() || inside.is_empty() {
        return true;
    }
    for amount in taken {
        if let Some((_, left)) = inside.iter_mut().find(|(unit, _)| *unit == amount.unit) {
            *left = left.saturating_sub(amount.value);
        }
    }
    inside.retain(|(_, left)| *left > Decimal::ZERO);
    inside.is_empty()
}
