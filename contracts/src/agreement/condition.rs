//! Whether the condition of a milestone holds.

use tracehold_chain::agreement::{Condition, Terms};
use tracehold_chain::state::{Position, TableError};
use tracehold_chain::units::TimestampMs;

use super::record::{AgreementRecord, Fact};
use crate::execute::{Now, Staged};

/// What a condition is held against.
pub struct View<'a, 's> {
    /// What was agreed.
    pub terms: &'a Terms,
    /// How far it has come.
    pub record: &'a AgreementRecord,
    /// What was observed.
    pub facts: &'a [Fact],
    /// The first time that does not count any more: facts recorded before it count, and a time is
    /// reached when it is before this.
    pub as_of: TimestampMs,
    /// For balances of titles and anomalies.
    pub staged: &'a Staged<'s>,
    /// The block.
    pub now: Now<'a>,
}

/// How a condition stands.
pub struct Held {
    /// Whether it holds.
    pub holds: bool,
    /// Millionths of the goods; a whole million when nothing is pro rata.
    pub parts: u32,
    /// The events on which it holds.
    pub events: Vec<Position>,
    /// The earliest later time at which this may change by itself.
    pub next: Option<TimestampMs>,
    /// Moments that were reached just now: condition, and whether it held.
    pub decided: Vec<(u8, bool)>,
}

/// Evaluates the condition of a milestone.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn evaluate(view: &View<'_, '_>, milestone: usize) -> Result<Held, TableError> {
    let mut next = None;
    let holds = view
        .terms
        .milestones
        .get(milestone)
        .is_some_and(|milestone| holds(view, &milestone.when, &mut next));
    Ok(Held { holds, parts: 1_000_000, events: Vec::new(), next, decided: Vec::new() })
}

fn holds(view: &View<'_, '_>, condition: &Condition, next: &mut Option<TimestampMs>) -> bool {
    let mut reached = |at: TimestampMs| {
        let is_reached = at < view.as_of;
        if !is_reached {
            *next = Some(next.map_or(at, |next: TimestampMs| next.min(at)));
        }
        is_reached
    };
    match condition {
        Condition::Approved { by, what } => {
            view.record.approvals.iter().any(|(role, said, _)| role == by && said == what)
        }
        Condition::After(at) => reached(*at),
        Condition::Elapsed { since, time } => {
            let place = view.terms.milestones.iter().position(|m| m.id == *since);
            let state = place.and_then(|place| view.record.milestones.get(place));
            let fulfilled = state.and_then(|state| state.fulfilled_at);
            fulfilled.is_some_and(|at| reached(at.plus_ms(time.0)))
        }
        Condition::All(of) => {
            let held: Vec<bool> = of.iter().map(|one| holds(view, one, next)).collect();
            held.into_iter().all(|held| held)
        }
        Condition::Any(of) => {
            let held: Vec<bool> = of.iter().map(|one| holds(view, one, next)).collect();
            held.into_iter().any(|held| held)
        }
        _ => false,
    }
}
