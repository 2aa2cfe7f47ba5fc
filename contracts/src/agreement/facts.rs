//! The facts of an agreement: events that count for it, kept in parts.

use tracehold_chain::agreement::{Condition, Inspected, Moment, Readings, Sighting, Terms};
use tracehold_chain::codec;
use tracehold_chain::money::AgreementId;
use tracehold_chain::state::{Position, StateKey, TableError};
use tracehold_chain::units::MemberId;

use super::record::{AgreementRecord, Fact};
use crate::execute::Staged;

/// Facts that one agreement keeps.
pub const MAX_FACTS: u32 = 4_096;

/// Facts in one part.
pub const FACTS_PER_CHUNK: usize = 8;

/// All facts of an agreement, those that were undone included, in the order in which they were
/// recorded.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn read(staged: &Staged<'_>, record: &AgreementRecord) -> Result<Vec<Fact>, TableError> {
    read_with(record, &|key| staged.overlay.get(key))
}

/// Reads the value at a key of the state.
pub type Get<'a> = &'a dyn Fn(&[u8]) -> Result<Option<Vec<u8>>, TableError>;

/// As [`read`], for whoever has no block at hand.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn read_with(record: &AgreementRecord, get: Get<'_>) -> Result<Vec<Fact>, TableError> {
    let mut facts = Vec::new();
    for chunk in 0..record.facts.div_ceil(CHUNK) {
        let key = StateKey::AgreementFacts { agreement: record.id, chunk }.encode();
        let bytes = get(&key)?.ok_or_else(|| damaged(record.id))?;
        let mut part: Vec<Fact> = codec::unpack(&bytes).map_err(|_| damaged(record.id))?;
        facts.append(&mut part);
    }
    Ok(facts)
}

const CHUNK: u32 = 8;
const _: () = assert!(FACTS_PER_CHUNK == CHUNK as usize);

fn damaged(id: AgreementId) -> TableError {
    TableError(format!("the facts of the agreement {id} are damaged"))
}

/// How many facts of one member an agreement with so many roles keeps: each of them, and all others
/// together, have an equal share, so that nobody can crowd out what others attest.
#[must_use]
pub fn share_of_facts(roles: usize) -> usize {
    let parts = roles.saturating_add(1).max(1);
    (MAX_FACTS as usize).checked_div(parts).unwrap_or(0)
}

/// Adds a fact, if there is room for it. Says whether there was; the caller writes the record.
pub(super) fn add(
    staged: &mut Staged<'_>,
    record: &mut AgreementRecord,
    terms: &Terms,
    fact: Fact,
) -> Result<bool, TableError> {
    let is_party = |member: &MemberId| terms.roles.iter().any(|role| role.member == *member);
    let same = |other: &Fact| {
        other.recorder == fact.recorder || (!is_party(&other.recorder) && !is_party(&fact.recorder))
    };
    let limit = share_of_facts(terms.roles.len());
    if record.facts as usize >= limit {
        let facts = read(staged, record)?;
        if record.facts >= MAX_FACTS || facts.iter().filter(|other| same(other)).count() >= limit {
            return Ok(false);
        }
    }
    let chunk = record.facts / CHUNK;
    let key = StateKey::AgreementFacts { agreement: record.id, chunk }.encode();
    let mut part: Vec<Fact> = match record.facts % CHUNK {
        0 => Vec::new(),
        _ => staged.overlay.record(&key)?.ok_or_else(|| damaged(record.id))?,
    };
    part.push(fact);
    staged.overlay.put(key, codec::pack(&part));
    record.facts = record.facts.saturating_add(1);
    Ok(true)
}

/// Notes that the fact of the event at `original` was undone by the declaration at `by`. Says
/// whether there is such a fact.
pub(super) fn void(
    staged: &mut Staged<'_>,
    record: &AgreementRecord,
    original: Position,
    by: Position,
) -> Result<bool, TableError> {
    for chunk in 0..record.facts.div_ceil(CHUNK) {
        let key = StateKey::AgreementFacts { agreement: record.id, chunk }.encode();
        let mut part: Vec<Fact> = staged.overlay.record(&key)?.ok_or_else(|| damaged(record.id))?;
        let Some(fact) = part.iter_mut().find(|fact| fact.position == original) else { continue };
        if fact.voided_by.is_some() {
            return Ok(false);
        }
        fact.voided_by = Some(by);
        staged.overlay.put(key, codec::pack(&part));
        return Ok(true);
    }
    Ok(false)
}

/// Everything that the conditions of terms look for in events.
#[derive(Default)]
pub(super) struct Sought<'t> {
    /// Sightings, of moments and ends of intervals too.
    pub sightings: Vec<&'t Sighting>,
    /// Inspections.
    pub inspections: Vec<&'t Inspected>,
    /// Readings, with milestone and condition.
    pub readings: Vec<(u8, u8, &'t Readings)>,
    /// Titles, as text.
    pub titles: Vec<String>,
}

impl<'t> Sought<'t> {
    /// What these terms look for.
    pub fn of(terms: &'t Terms) -> Sought<'t> {
        let mut sought = Sought::default();
        for (milestone, clause) in (0_u8..).zip(&terms.milestones) {
            let mut number = 0;
            walk(&clause.when, &mut number, &mut |number, condition| {
                sought.note(milestone, number, condition);
            });
        }
        sought
    }

    fn note(&mut self, milestone: u8, number: u8, condition: &'t Condition) {
        match condition {
            Condition::Observed(observed) => self.sightings.push(&observed.event),
            Condition::Inspected(inspected) => self.inspections.push(inspected),
            Condition::Readings(readings) => {
                self.sightings.extend([&readings.from, &readings.to]);
                self.readings.push((milestone, number, readings));
            }
            Condition::TitleHeld { title, .. } | Condition::TitleSurrendered { title } => {
                self.titles.push(title.to_string());
            }
            Condition::NoOpenAnomaly { at, .. } | Condition::Not { at, .. } => {
                if let Moment::Observed(sighting) = at {
                    self.sightings.push(sighting);
                }
            }
            _ => {}
        }
    }

    /// The members whose word may count for anything: those of the roles that are listed, and of
    /// all roles when some readings list none.
    pub fn members(&self, terms: &'t Terms) -> Vec<&'t MemberId> {
        let by = self.sightings.iter().map(|sighting| &sighting.by);
        let by = by.chain(self.inspections.iter().map(|inspected| &inspected.by));
        let by = by.chain(self.readings.iter().map(|(.., readings)| &readings.by));
        let labels: Vec<_> = by.flatten().collect();
        let anybody = self.readings.iter().any(|(.., readings)| readings.by.is_empty());
        let mut members: Vec<&MemberId> = terms
            .roles
            .iter()
            .filter(|role| anybody || labels.contains(&&role.role))
            .map(|role| &role.member)
            .collect();
        members.sort_unstable();
        members.dedup();
        members
    }
}

/// Goes through a condition and those inside it, in the order in which they are written, from 0.
pub(super) fn walk<'t>(
    condition: &'t Condition,
    number: &mut u8,
    visit: &mut dyn FnMut(u8, &'t Condition),
) {
    visit(*number, condition);
    *number = number.saturating_add(1);
    match condition {
        Condition::All(of) | Condition::Any(of) | Condition::AtLeast { of, .. } => {
            for inner in of {
                walk(inner, number, visit);
            }
        }
        Condition::Not { of, .. } => walk(of, number, visit),
        _ => {}
    }
}
