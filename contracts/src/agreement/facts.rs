//! The facts of an agreement: events that count for it, kept in parts.

use serde::{Deserialize, Serialize};
use tracehold_chain::agreement::{Condition, Inspected, Moment, Readings, Sighting, Terms};
use tracehold_chain::codec;
use tracehold_chain::money::AgreementId;
use tracehold_chain::state::{Position, StateKey, TableError};
use tracehold_chain::units::{MemberId, TimestampMs};

use super::record::{AgreementRecord, Fact};
use crate::execute::Staged;
use crate::work::{MAX_UNITS_PER_AGREEMENT, UNITS_PER_FACT};

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

/// The most units of work that the facts of one member may make each time the conditions are held
/// against them: as [`share_of_facts`] of [`MAX_UNITS_PER_AGREEMENT`].
#[must_use]
pub fn share_of_units(roles: usize) -> u64 {
    let parts = roles.saturating_add(1).max(1) as u64;
    MAX_UNITS_PER_AGREEMENT.checked_div(parts).unwrap_or(0)
}

/// How often facts are gone past when the conditions of terms are held against them.
#[must_use]
pub fn looks_of(terms: &Terms) -> u64 {
    let sought = Sought::of(terms);
    sought.sightings.len().saturating_add(sought.inspections.len()).max(1) as u64
}

/// The most units of work that holding conditions which take so many `looks` ([`looks_of`]) against
/// a fact can be: each goes past it and the items that it is about, and what its readings say may
/// have to be held against an interval for each of these.
#[must_use]
pub fn units_of(looks: u64, fact: &Fact) -> u64 {
    let items = fact.items.len() as u64;
    let spans = fact.readings.iter().map(|(_, _, said)| said.covered.len() + said.outside.len());
    let spans = spans.sum::<usize>() as u64;
    let passed = UNITS_PER_FACT.saturating_add(items).saturating_mul(looks);
    passed.saturating_add(spans.saturating_mul(items.max(1)))
}

/// Which of the members whose shares are apart a recorder is: itself when it has a role, or one of
/// all others.
fn party<'m>(terms: &Terms, member: &'m MemberId) -> Option<&'m MemberId> {
    terms.roles.iter().any(|role| role.member == *member).then_some(member)
}

/// Whether the facts of a member have filled its share, so that some that it records later may not
/// be kept.
#[must_use]
pub fn is_full(terms: &Terms, facts: &[Fact], member: &MemberId) -> bool {
    let own = || facts.iter().filter(|fact| party(terms, &fact.recorder) == party(terms, member));
    let looks = looks_of(terms);
    let units = own().map(|fact| units_of(looks, fact)).fold(0, u64::saturating_add);
    own().count() >= share_of_facts(terms.roles.len())
        || units.saturating_mul(8) >= share_of_units(terms.roles.len()).saturating_mul(7)
}

/// Adds a fact, if there is room for it. Says whether there was; the caller writes the record.
pub(super) fn add(
    staged: &mut Staged<'_>,
    record: &mut AgreementRecord,
    terms: &Terms,
    fact: Fact,
) -> Result<bool, TableError> {
    let looks = looks_of(terms);
    let units = units_of(looks, &fact);
    let roles = terms.roles.len();
    let (most, most_units) = (share_of_facts(roles), share_of_units(roles));
    let after = record.units.saturating_add(units);
    if record.facts as usize >= most || after > most_units {
        staged.work.spend(record.units);
        let facts = read(staged, record)?;
        let own = |other: &&Fact| party(terms, &other.recorder) == party(terms, &fact.recorder);
        let used = facts.iter().filter(own).map(|other| units_of(looks, other));
        let used = used.fold(units, u64::saturating_add);
        let is_full = facts.iter().filter(own).count() >= most || used > most_units;
        if is_full || record.facts >= MAX_FACTS || after > MAX_UNITS_PER_AGREEMENT {
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
    record.units = after;
    Ok(true)
}

/// Notes that the fact of the event at `original` was undone by the declaration at `by`, recorded
/// at a block time. Says whether there is such a fact.
pub(super) fn void(
    staged: &mut Staged<'_>,
    record: &AgreementRecord,
    original: Position,
    (by, at): (Position, TimestampMs),
) -> Result<bool, TableError> {
    staged.work.spend(UNITS_PER_FACT.saturating_mul(record.facts.into()));
    for chunk in 0..record.facts.div_ceil(CHUNK) {
        let key = StateKey::AgreementFacts { agreement: record.id, chunk }.encode();
        let mut part: Vec<Fact> = staged.overlay.record(&key)?.ok_or_else(|| damaged(record.id))?;
        let Some(fact) = part.iter_mut().find(|fact| fact.position == original) else { continue };
        if fact.voided_by.is_some() {
            return Ok(false);
        }
        (fact.voided_by, fact.voided_at) = (Some(by), Some(at));
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

/// Whose events may count for anything in terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Words {
    /// The members of the roles that conditions name, ordered.
    pub by: Vec<MemberId>,
    /// Whether some readings count whoever recorded them, if with standing.
    pub anybody_reads: bool,
}

impl Words {
    /// Whether an event of this member, with or without readings, may count.
    pub fn may_count(&self, recorder: &MemberId, has_readings: bool) -> bool {
        (self.anybody_reads && has_readings) || self.by.binary_search(recorder).is_ok()
    }
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

    /// Whose word may count for anything.
    pub fn words(&self, terms: &Terms) -> Words {
        let by = self.sightings.iter().map(|sighting| &sighting.by);
        let by = by.chain(self.inspections.iter().map(|inspected| &inspected.by));
        let by = by.chain(self.readings.iter().map(|(.., readings)| &readings.by));
        let labels: Vec<_> = by.flatten().collect();
        let mut by: Vec<MemberId> = terms
            .roles
            .iter()
            .filter(|role| labels.contains(&&role.role))
            .map(|role| role.member.clone())
            .collect();
        by.sort_unstable();
        by.dedup();
        Words { by, anybody_reads: self.readings.iter().any(|(.., r)| r.by.is_empty()) }
    }

    /// The members whose events of a class may count: of all roles when some readings list none.
    pub fn members(&self, terms: &Terms) -> Vec<MemberId> {
        let words = self.words(terms);
        if !words.anybody_reads {
            return words.by;
        }
        let mut all: Vec<MemberId> = terms.roles.iter().map(|role| role.member.clone()).collect();
        all.sort_unstable();
        all.dedup();
        all
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
