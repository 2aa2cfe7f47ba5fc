//! The facts of an agreement: events that count for it, kept in parts.

use serde::{Deserialize, Serialize};
use tracehold_chain::agreement::{Condition, Inspected, Label, Moment, Readings, Sighting, Terms};
use tracehold_chain::codec;
use tracehold_chain::money::AgreementId;
use tracehold_chain::state::{Position, StateKey, TableError};
use tracehold_chain::units::{MemberId, TimestampMs};

use super::condition::{is_inspection, looks_like};
use super::record::{AgreementRecord, Fact};
use crate::execute::Staged;
use crate::work::{MAX_UNITS_PER_AGREEMENT, UNITS_PER_FACT};

/// Facts that one agreement keeps: of eight roles and all others together, each has room for one
/// event for each of the most items that terms can name. How much they cost is bounded apart, by
/// [`MAX_UNITS_PER_AGREEMENT`].
pub const MAX_FACTS: u32 = 16_384;

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
    // A fact may stand where one was that counts no more.
    facts.sort_unstable_by_key(|fact| fact.position);
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

/// How many facts of one member can each show something new of goods by name: an event for each
/// item and each look of its own that conditions ask for. Of other goods nobody can say.
fn useful(terms: &Terms, sought: &Sought<'_>, member: &MemberId) -> usize {
    let mut sightings: Vec<&Sighting> = Vec::new();
    let mut inspections: Vec<&Inspected> = Vec::new();
    for sighting in &sought.sightings {
        if has_role(terms, &sighting.by, member) && !sightings.contains(sighting) {
            sightings.push(sighting);
        }
    }
    for inspected in &sought.inspections {
        let is_same = |other: &&Inspected| {
            (other.finding, &other.certification) == (inspected.finding, &inspected.certification)
        };
        if has_role(terms, &inspected.by, member) && !inspections.iter().any(is_same) {
            inspections.push(inspected);
        }
    }
    let looks = sightings.len().saturating_add(inspections.len());
    looks.saturating_mul(terms.goods.items.len())
}

/// The member of whom, when each of the goods is recorded by an event of its own, more events than
/// are kept can be needed: with how many these are and how many are kept. Terms of which there is
/// one are refused.
#[must_use]
pub fn too_many_for(terms: &Terms) -> Option<(&MemberId, usize, usize)> {
    let sought = Sought::of(terms);
    let roles = terms.roles.len();
    let looks = looks_of(terms);
    let each = UNITS_PER_FACT.saturating_add(1).saturating_mul(looks).max(1);
    let by_work = usize::try_from(share_of_units(roles).checked_div(each).unwrap_or(0));
    let most = share_of_facts(roles).min(by_work.unwrap_or(usize::MAX));
    let members = terms.roles.iter().map(|role| &role.member);
    let needs = members.map(|member| (member, useful(terms, &sought, member), most));
    needs.into_iter().find(|(_, needed, most)| needed > most)
}

/// Whether a member has one of these roles.
pub(super) fn has_role(terms: &Terms, by: &[Label], member: &MemberId) -> bool {
    let mut own = terms.roles.iter().filter(|role| role.member == *member);
    own.any(|role| by.contains(&role.role))
}

/// What the facts of one member that count show of goods by name, look by look.
struct Showing<'t> {
    terms: &'t Terms,
    sought: Sought<'t>,
    /// For each look and, in it, each item: whether a fact showed it.
    shown: Vec<bool>,
    /// Facts that showed something new, and those that did not.
    useful: usize,
    repeats: usize,
    units: u64,
}

impl<'t> Showing<'t> {
    fn new(terms: &'t Terms) -> Showing<'t> {
        let sought = Sought::of(terms);
        let looks = sought.sightings.len().saturating_add(sought.inspections.len());
        let shown = vec![false; looks.saturating_mul(terms.goods.items.len())];
        Showing { terms, sought, shown, useful: 0, repeats: 0, units: 0 }
    }

    /// Adds a fact. Whether it shows something that none before it showed.
    fn add(&mut self, fact: &Fact) -> bool {
        let is_new = fact.voided_by.is_none() && self.show(fact);
        let count = if is_new { &mut self.useful } else { &mut self.repeats };
        *count = count.saturating_add(1);
        self.units = self.units.saturating_add(units_of(looks_of(self.terms), fact));
        is_new
    }

    fn show(&mut self, fact: &Fact) -> bool {
        let has_role = |by: &[Label]| has_role(self.terms, by, &fact.recorder);
        let sightings = self.sought.sightings.iter();
        let sightings = sightings.map(|wanted| has_role(&wanted.by) && looks_like(wanted, fact));
        let inspections = self.sought.inspections.iter();
        let inspections =
            inspections.map(|wanted| has_role(&wanted.by) && is_inspection(wanted, fact));
        let (mut is_new, count) = (false, self.terms.goods.items.len().max(1));
        let looks = sightings.chain(inspections).zip(self.shown.chunks_mut(count));
        for (_, shown) in looks.filter(|(is_such, _)| *is_such) {
            for item in &fact.items {
                if let Some(shown) = shown.get_mut(usize::from(*item)) {
                    is_new |= !std::mem::replace(shown, true);
                }
            }
        }
        is_new
    }

    /// Those facts that take up room of the party of `member`: all that count, and of those that
    /// were undone the ones that cannot be forgotten.
    fn of(
        terms: &'t Terms,
        facts: &[Fact],
        member: &MemberId,
        is_free: impl Fn(&Fact) -> bool,
    ) -> Showing<'t> {
        let mut showing = Showing::new(terms);
        let own = facts.iter().filter(|fact| party(terms, &fact.recorder) == party(terms, member));
        for fact in own.filter(|fact| !is_free(fact)) {
            showing.add(fact);
        }
        showing
    }

    /// How many facts that show nothing new are kept of a member: what its share has beyond one
    /// for each item and look.
    fn most_repeats(&self, member: &MemberId) -> usize {
        let share = share_of_facts(self.terms.roles.len());
        share.saturating_sub(useful(self.terms, &self.sought, member))
    }
}

/// Whether the facts of a member have filled its share, so that some that it records later may not
/// be kept.
#[must_use]
pub fn is_full(terms: &Terms, facts: &[Fact], member: &MemberId) -> bool {
    let showing = Showing::of(terms, facts, member, |fact| fact.voided_by.is_some());
    let most_units = share_of_units(terms.roles.len());
    showing.repeats >= showing.most_repeats(member)
        || showing.useful.saturating_add(showing.repeats) >= share_of_facts(terms.roles.len())
        || showing.units.saturating_mul(8) >= most_units.saturating_mul(7)
}

/// Whether a fact that was undone can be forgotten: nothing was paid on it, and everything that
/// happened since was looked at.
fn is_free(record: &AgreementRecord, fact: &Fact, now: TimestampMs) -> bool {
    let is_behind = record.due.is_some_and(|due| due <= now);
    let is_paid_on = || {
        let mut paid = record.milestones.iter().map(|milestone| &milestone.events);
        paid.any(|events| events.contains(&fact.position))
    };
    fact.voided_at.is_some_and(|at| at < now) && !is_behind && !is_paid_on()
}

/// Adds a fact, if there is room for it. Says whether there was; the caller writes the record.
///
/// Of each member as many are kept as can show something new of goods by name, and as many repeats
/// of that as its share has room for beside. Those that were undone make room for others.
pub(super) fn add(
    staged: &mut Staged<'_>,
    record: &mut AgreementRecord,
    terms: &Terms,
    fact: Fact,
) -> Result<bool, TableError> {
    let units = units_of(looks_of(terms), &fact);
    let (roles, now) = (terms.roles.len(), fact.recorded_at);
    let (most, most_units) = (share_of_facts(roles), share_of_units(roles));
    let after = record.units.saturating_add(units);
    let few = most.saturating_sub(useful(terms, &Sought::of(terms), &fact.recorder));
    if (record.facts as usize) < few && after <= most_units {
        return append(staged, record, fact, after);
    }
    staged.work.spend(record.units);
    let facts = read(staged, record)?;
    let is_free = |other: &Fact| is_free(record, other, now);
    let mut showing = Showing::of(terms, &facts, &fact.recorder, is_free);
    let is_new = showing.add(&fact);
    let kept = showing.useful.saturating_add(showing.repeats);
    let is_room = is_new || showing.repeats <= showing.most_repeats(&fact.recorder);
    if !is_room || kept > most || showing.units > most_units {
        return Ok(false);
    }
    let own = |other: &&Fact| party(terms, &other.recorder) == party(terms, &fact.recorder);
    let stored = facts.iter().filter(own);
    if stored.clone().count() < most && record.facts < MAX_FACTS && after <= MAX_UNITS_PER_AGREEMENT
    {
        return append(staged, record, fact, after);
    }
    let Some(free) = stored.into_iter().find(|other| is_free(other)) else { return Ok(false) };
    let freed = units_of(looks_of(terms), free);
    let after = after.saturating_sub(freed);
    if after > MAX_UNITS_PER_AGREEMENT {
        return Ok(false);
    }
    replace(staged, record, free.position, fact)?;
    record.units = after;
    Ok(true)
}

fn append(
    staged: &mut Staged<'_>,
    record: &mut AgreementRecord,
    fact: Fact,
    units: u64,
) -> Result<bool, TableError> {
    let chunk = record.facts / CHUNK;
    let key = StateKey::AgreementFacts { agreement: record.id, chunk }.encode();
    let mut part: Vec<Fact> = match record.facts % CHUNK {
        0 => Vec::new(),
        _ => staged.overlay.record(&key)?.ok_or_else(|| damaged(record.id))?,
    };
    part.push(fact);
    staged.overlay.put(key, codec::pack(&part));
    record.facts = record.facts.saturating_add(1);
    record.units = units;
    Ok(true)
}

/// Puts a fact in the place of the one of another event.
fn replace(
    staged: &mut Staged<'_>,
    record: &AgreementRecord,
    before: Position,
    fact: Fact,
) -> Result<(), TableError> {
    for chunk in 0..record.facts.div_ceil(CHUNK) {
        let key = StateKey::AgreementFacts { agreement: record.id, chunk }.encode();
        let mut part: Vec<Fact> = staged.overlay.record(&key)?.ok_or_else(|| damaged(record.id))?;
        let Some(place) = part.iter_mut().find(|other| other.position == before) else { continue };
        *place = fact;
        staged.overlay.put(key, codec::pack(&part));
        return Ok(());
    }
    Ok(())
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
