//! What an error declaration undoes beside facts, as long as no money moved on it: what a moment
//! decided, and milestones that pay nothing.

use std::collections::BTreeSet;

use tracehold_chain::agreement::{Condition, Label, Milestone, Moment};
use tracehold_chain::state::Position;

use super::facts::walk;
use super::life::Life;
use super::record::{Decision, MilestoneState};
use super::settle::Look;
use super::step::StepKind;
use crate::execute::Staged;

/// Whether anything was paid on a milestone, or it was fulfilled without paying anything.
fn is_done(state: &MilestoneState) -> bool {
    state.fulfilled_at.is_some() || !state.paid_part.is_nothing()
}

/// Whether a condition, or one inside it, asks when a milestone was fulfilled.
fn asks_for(clause: &Milestone, milestone: &Label) -> bool {
    let mut found = clause.after.contains(milestone);
    walk(&clause.when, &mut 0, &mut |_, condition| {
        found |= match condition {
            Condition::Elapsed { since, .. } => since == milestone,
            _ => is_decided_at(condition, milestone),
        };
    });
    found
}

/// Whether a condition is decided when a milestone is fulfilled.
fn is_decided_at(condition: &Condition, milestone: &Label) -> bool {
    match condition {
        Condition::NoOpenAnomaly { at: Moment::Milestone(label), .. }
        | Condition::Not { at: Moment::Milestone(label), .. } => label == milestone,
        _ => false,
    }
}

impl Life {
    /// Undoes what was decided, and fulfilled without paying anything, on events that count no
    /// more, unless money moved on it since: then it is noted that they were corrected.
    pub fn revise(&mut self, staged: &mut Staged<'_>, look: &Look<'_>) {
        let undone = look.facts.iter().filter(|fact| fact.voided_by.is_some());
        let undone: BTreeSet<Position> = undone.map(|fact| fact.position).collect();
        if undone.is_empty() {
            return;
        }
        for place in 0..self.terms.milestones.len() {
            let state = self.record.milestones.get(place);
            let Some((clause, state)) = self.terms.milestones.get(place).zip(state) else {
                continue;
            };
            let wrong = state.events.iter().filter(|event| undone.contains(event));
            let wrong: Vec<Position> = wrong.copied().collect();
            if !clause.pay.is_empty() || state.fulfilled_at.is_none() || wrong.is_empty() {
                continue;
            }
            match self.built_on(place) {
                Some(places) => self.unfulfil(staged, &places, look),
                None => self.note_corrected(staged, place, wrong, look),
            }
        }
        // After that: what waits again is not held up, or fulfilled, by what was decided wrongly.
        self.drop_decisions(|decision, _| {
            decision.events.iter().any(|event| undone.contains(event))
        });
    }

    /// Forgets decisions of milestones on which nothing was paid.
    fn drop_decisions(&mut self, is_wrong: impl Fn(&Decision, &Condition) -> bool) {
        let (terms, milestones) = (&self.terms.milestones, &self.record.milestones);
        self.record.decisions.retain(|decision| {
            let place = usize::from(decision.milestone);
            let mut is_kept = milestones.get(place).is_none_or(is_done);
            if let Some(clause) = terms.get(place).filter(|_| !is_kept) {
                is_kept = true;
                walk(&clause.when, &mut 0, &mut |number, condition| {
                    is_kept &= number != decision.condition || !is_wrong(decision, condition);
                });
            }
            is_kept
        });
    }

    /// A fulfilled milestone, and those that were fulfilled because it was; nothing when any of
    /// them pays something.
    fn built_on(&self, place: usize) -> Option<BTreeSet<usize>> {
        let (mut found, mut left) = (BTreeSet::new(), vec![place]);
        while let Some(place) = left.pop() {
            let clause = self.terms.milestones.get(place)?;
            if !clause.pay.is_empty() {
                return None;
            }
            if !found.insert(place) {
                continue;
            }
            let all = self.terms.milestones.iter().zip(&self.record.milestones).enumerate();
            let later =
                all.filter(|(_, (other, state))| is_done(state) && asks_for(other, &clause.id));
            left.extend(later.map(|(place, _)| place));
        }
        Some(found)
    }

    /// Milestones that paid nothing wait again.
    fn unfulfil(&mut self, staged: &mut Staged<'_>, places: &BTreeSet<usize>, look: &Look<'_>) {
        let mut undone: Vec<Label> = Vec::new();
        for place in places {
            if let Some(state) = self.record.milestones.get_mut(*place) {
                *state = MilestoneState::default();
            }
            undone.extend(self.terms.milestones.get(*place).map(|clause| clause.id.clone()));
        }
        self.drop_decisions(|_, condition| {
            undone.iter().any(|milestone| is_decided_at(condition, milestone))
        });
        for milestone in undone {
            self.tell(staged, StepKind::HoldsNoMore { milestone }, look.now);
        }
    }

    fn note_corrected(
        &mut self,
        staged: &mut Staged<'_>,
        place: usize,
        wrong: Vec<Position>,
        look: &Look<'_>,
    ) {
        let Some(clause) = self.terms.milestones.get(place) else { return };
        let milestone = clause.id.clone();
        for event in wrong {
            let Some(state) = self.record.milestones.get_mut(place) else { return };
            if state.corrected.contains(&event) {
                continue;
            }
            state.corrected.push(event);
            let milestone = milestone.clone();
            let what = StepKind::CorrectedAfterPayment { milestone, event };
            self.tell_of(staged, what, Some(event), look.now);
        }
    }
}
