//! What did not add up when it was recorded, and what became of it.

use tracehold_chain::anomaly::{AnomalyKind, AnomalySet};

use super::graph::{Finding, Resolution};
use super::told::Told;
use crate::provenance::{Judgement, LeftOut, Step, fold};

/// Steps of a story up to which the event that resolved an anomaly is looked for.
const MAX_SEARCHED_STEPS: usize = 64;

/// What does not add up in a step of the story, or did not when it was recorded.
#[must_use]
pub fn findings(told: &Told, index: usize) -> Vec<Finding> {
    let (Some(step), Some(judgement)) = (told.steps.get(index), told.judgements.get(index)) else {
        return Vec::new();
    };
    let all = step.anomalies.union(judgement.anomalies);
    if all.is_empty() {
        return Vec::new();
    }
    let now = still(step, judgement);
    all.iter()
        .map(|kind| {
            let resolved = (!now.contains(kind)).then(|| match judgement.left_out {
                Some(LeftOut::Voided(by)) => Resolution::Voided(by),
                _ => mended(told, index, kind),
            });
            Finding { kind, resolved }
        })
        .collect()
}

/// What does not add up as the story stands.
fn still(step: &Step, judgement: &Judgement) -> AnomalySet {
    match judgement.left_out {
        Some(LeftOut::Voided(_)) => AnomalySet::NONE,
        Some(LeftOut::Unweighed) => step.anomalies,
        Some(LeftOut::Declaration) | None => judgement.anomalies,
    }
}

/// The first event since which the anomaly has not come back.
fn mended(told: &Told, index: usize, kind: AnomalyKind) -> Resolution {
    let steps = &told.steps;
    if steps.len() > MAX_SEARCHED_STEPS {
        return Resolution::Fits;
    }
    let shows = |end: usize| {
        let known = fold(&steps[..=end]).judgements;
        known.get(index).is_some_and(|judgement| judgement.anomalies.contains(kind))
    };
    let last = (index..steps.len()).rev().find(|end| shows(*end));
    let by = last.and_then(|last| steps.get(last + 1));
    by.map_or(Resolution::Fits, |by| Resolution::Mended(by.position))
}
