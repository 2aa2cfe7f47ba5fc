//! What a newly recorded event means for the agreements that wait for what it names.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use tracehold_chain::agreement::{Inspected, Label, Sighting, Terms};
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Action, EventType, Level};
use tracehold_chain::money::AgreementId;
use tracehold_chain::state::key::{
    business_transaction_digest, class_digest, event_digest, name_digest,
};
use tracehold_chain::state::{ItemRole, Position, StateKey, TableError};

use super::condition::{is_inspection, looks_like};
use super::facts::{self, Sought};
use super::goods::Counted;
use super::inside::Inside;
use super::life;
use super::readings::spans;
use super::record::{AgreementRecord, Fact, Stage};
use super::watch;
use super::watch::Waits;
use crate::admission::CapturedFacts;
use crate::execute::{Concern, Now, Staged};
use crate::provenance::{EventRecord, Facts, Mark, NamedItem, Standing};
use crate::work::UNITS_PER_NOTE;

/// Why an event may concern an agreement.
#[derive(Default)]
struct Via {
    /// Things that the event names, by their places in it, and which items of the agreement they
    /// are or may hold.
    things: Vec<(usize, Vec<u16>)>,
}

/// Notes what a newly recorded event means for the agreements that wait for what it names. What
/// fell due before and is not done yet need not be done first: facts say when they were recorded,
/// and when they were undone.
pub(super) fn observe(
    staged: &mut Staged<'_>,
    event: &CapturedFacts,
    position: Position,
    now: Now<'_>,
) -> Result<(), TableError> {
    let concerned = concerned(staged, event)?;
    if event.facts.declared_at.is_some() {
        let agreements: Vec<AgreementId> = concerned.into_keys().collect();
        undo(staged, &event.facts, &agreements, position, now)?;
        return follow(staged, &event.facts);
    }
    let time = event.facts.telling.event_time.min(now.block_time);
    let mut inside = Inside::at(Mark { time, position });
    for (agreement, via) in concerned {
        staged.work.spend(UNITS_PER_NOTE);
        let Some(mut record) = running(staged, agreement)? else { continue };
        let Some(terms) = terms(staged, agreement)? else { continue };
        let noting = Noting { event, position, now, terms: &terms };
        let Some(fact) = noting.fact(staged, &via, &mut inside)? else { continue };
        let by_name = terms.goods.business_transaction.is_some();
        let is_own = terms.roles.iter().any(|role| role.member == event.recorder);
        if !facts::add(staged, &mut record, &terms, fact)? {
            // Strangers do not fill the stories of others.
            if is_own {
                life::not_kept(staged, agreement, &event.recorder, position, now)?;
            }
            continue;
        }
        put(staged, &record);
        let concern = if is_own { Concern::Own } else { Concern::Others(record.units) };
        staged.touched.insert((concern, agreement));
        if by_name {
            // A correction need not name the business transaction again.
            let event = event_digest(&event.facts.event_id);
            watch::register_events(staged, &record, &terms, [event])?;
        }
    }
    follow(staged, &event.facts)
}

/// The agreements that wait for anything that the event names, and for which its recorder's word
/// may count.
fn concerned(
    staged: &mut Staged<'_>,
    event: &CapturedFacts,
) -> Result<BTreeMap<AgreementId, Via>, TableError> {
    let mut concerned: BTreeMap<AgreementId, Via> = BTreeMap::new();
    let facts = &event.facts;
    let has_readings = !facts.telling.readings.is_empty();
    let may_count = |waits: &Waits| waits.words.may_count(&event.recorder, has_readings);
    for (place, item) in facts.items.iter().enumerate() {
        for (agreement, waits) in watch::waiting(staged, &item.name)? {
            if may_count(&waits) {
                concerned.entry(agreement).or_default().things.push((place, waits.items));
            }
        }
    }
    let classes: BTreeSet<&str> = facts.items.iter().flat_map(classes_of).collect();
    let classes = classes.into_iter().map(|class| class_digest(class, &event.recorder));
    let transactions = facts.telling.biz_transactions.iter();
    let transactions = transactions.map(|(_, id)| business_transaction_digest(id));
    let original = facts.declared_at.map(|_| event_digest(&facts.event_id));
    for name in classes.chain(transactions).chain(original) {
        for (agreement, waits) in watch::waiting(staged, &name)? {
            if may_count(&waits) {
                concerned.entry(agreement).or_default();
            }
        }
    }
    Ok(concerned)
}

/// The classes that a thing belongs to: itself when it is a lot or class, and whatever its
/// identifier narrows.
fn classes_of(item: &NamedItem) -> impl Iterator<Item = &str> {
    let uri = item.named.uri.as_str();
    let own = (item.is_divisible() || item.named.level == Level::Class).then_some(uri);
    let numbers = uri.strip_prefix(TRADE_ITEM).unwrap_or_default();
    let ends = numbers.match_indices('/').map(|(at, _)| at.saturating_add(TRADE_ITEM.len()));
    own.into_iter().chain(ends.step_by(2).filter_map(move |end| uri.get(..end)))
}

/// Where canonical identifiers of trade items begin: then come the GTIN and pairs of an application
/// identifier and its value.
const TRADE_ITEM: &str = "https://id.gs1.org/01/";

/// The agreement, if it runs as far as it is known.
fn running(
    staged: &Staged<'_>,
    agreement: AgreementId,
) -> Result<Option<AgreementRecord>, TableError> {
    let record = record(staged, agreement)?;
    Ok(record.filter(|record| matches!(record.stage, Stage::Running | Stage::Disputed)))
}

fn record(
    staged: &Staged<'_>,
    agreement: AgreementId,
) -> Result<Option<AgreementRecord>, TableError> {
    staged.overlay.record(&StateKey::Agreement(agreement).encode())
}

fn terms(staged: &Staged<'_>, agreement: AgreementId) -> Result<Option<Terms>, TableError> {
    staged.overlay.record(&StateKey::Terms(agreement).encode())
}

fn put(staged: &mut Staged<'_>, record: &AgreementRecord) {
    let key = StateKey::Agreement(record.id).encode();
    staged.overlay.put(key, codec::pack(record));
}

/// An error declaration: the facts of its original count no more.
fn undo(
    staged: &mut Staged<'_>,
    facts: &Facts,
    agreements: &[AgreementId],
    by: Position,
    now: Now<'_>,
) -> Result<(), TableError> {
    if agreements.is_empty() {
        return Ok(());
    }
    let key = StateKey::Event { event_id: facts.event_id.clone(), declared_at: None }.encode();
    let Some(original) = staged.overlay.record::<EventRecord>(&key)? else { return Ok(()) };
    let original = original.position;
    for agreement in agreements {
        staged.work.spend(UNITS_PER_NOTE);
        let Some(record) = record(staged, *agreement)? else { continue };
        if !facts::void(staged, &record, original, (by, now.block_time))? {
            continue;
        }
        if matches!(record.stage, Stage::Running | Stage::Disputed) {
            staged.touched.insert((Concern::Own, *agreement));
        }
        for (place, milestone) in record.milestones.iter().enumerate() {
            if !milestone.paid_part.is_nothing() && milestone.events.contains(&original) {
                life::corrected(staged, *agreement, place, original, now)?;
            }
        }
    }
    Ok(())
}

/// What was packed is watched for in what it was packed in, unless who says so only claims
/// something of the container: nobody's agreements are to wait for the pallets of others by his
/// word alone. After the correction of a packing or unpacking, it is watched for in what it is in
/// then.
fn follow(staged: &mut Staged<'_>, facts: &Facts) -> Result<(), TableError> {
    let telling = &facts.telling;
    let packing = matches!(telling.event_type, EventType::Aggregation | EventType::Association);
    let packs = facts.declared_at.is_some() || telling.action == Some(Action::Add);
    let Some(parent) = facts.parent().filter(|_| packing && packs) else { return Ok(()) };
    let mut around: Option<Vec<Digest>> = None;
    for child in facts.items.iter().filter(|item| item.role == ItemRole::Child) {
        let waiting = watch::waiting(staged, &child.name)?;
        if waiting.is_empty() {
            continue;
        }
        if facts.declared_at.is_some() {
            let containers = watch::containers(staged, &child.name)?;
            watch::follow(staged, &waiting, &containers)?;
            continue;
        }
        let containers = match &around {
            Some(known) => known,
            None if !packs_for_good(staged, facts)? => return Ok(()),
            None => {
                let mut containers = vec![parent.name];
                containers.extend(watch::containers(staged, &parent.name)?);
                around.insert(containers)
            }
        };
        watch::follow(staged, &waiting, containers)?;
    }
    Ok(())
}

/// Whether the recorder of a packing that was recorded just now had standing for what it packs in.
fn packs_for_good(staged: &Staged<'_>, facts: &Facts) -> Result<bool, TableError> {
    let key = StateKey::Event { event_id: facts.event_id.clone(), declared_at: None }.encode();
    let event = staged.overlay.record::<EventRecord>(&key)?;
    Ok(event.is_some_and(|event| event.packs))
}

/// An event while it is noted for one agreement.
struct Noting<'n> {
    event: &'n CapturedFacts,
    position: Position,
    now: Now<'n>,
    terms: &'n Terms,
}

impl Noting<'_> {
    /// What the event is to the agreement, if it is anything that its conditions look for.
    fn fact(
        &self,
        staged: &mut Staged<'_>,
        via: &Via,
        inside: &mut Inside,
    ) -> Result<Option<Fact>, TableError> {
        let sought = Sought::of(self.terms);
        let mut fact = self.outline(&sought);
        let said = sought.readings.len().saturating_mul(self.event.facts.telling.readings.len());
        staged.work.spend(said as u64);
        let heard = sought.readings.iter().filter(|(.., wanted)| {
            // Whose readings do not count are not even read.
            wanted.by.is_empty() || self.has_role(&wanted.by)
        });
        let mut readings: Vec<_> = heard
            .filter_map(|(milestone, number, wanted)| {
                let said = spans(wanted, &self.event.facts.telling.readings)?;
                Some((*milestone, *number, said, wanted.by.as_slice()))
            })
            .collect();
        let seen = self.is_sought(&sought, &fact);
        if (!seen && readings.is_empty()) || !self.names_transaction() {
            return Ok(None);
        }
        let things = self.count(staged, &mut fact, via, inside)?;
        let Some(things) = things else { return Ok(None) };
        let mut standing: Option<bool> = None;
        let mut kept = Vec::new();
        for (milestone, number, said, by) in readings.drain(..) {
            let counts = !by.is_empty()
                || match standing {
                    Some(known) => known,
                    None => *standing.insert(self.has_standing(staged, &things)?),
                };
            if counts {
                kept.push((milestone, number, said));
            }
        }
        fact.readings = kept;
        Ok((seen || !fact.readings.is_empty()).then_some(fact))
    }

    /// The event, with nothing of the goods yet.
    fn outline(&self, sought: &Sought<'_>) -> Fact {
        let telling = &self.event.facts.telling;
        // The first stands for any; of the others, those that the terms ask for.
        let wanted = |text: &String| {
            let mut inspections = sought.inspections.iter();
            inspections.any(|inspected| inspected.certification.as_ref() == Some(text))
        };
        let certifications = telling.certifications.iter().enumerate();
        let certifications = certifications.filter(|(place, text)| *place == 0 || wanted(text));
        Fact {
            position: self.position,
            event_id: self.event.facts.event_id.clone(),
            recorded_at: self.now.block_time,
            event_time: telling.event_time,
            recorder: self.event.recorder.clone(),
            event_type: telling.event_type,
            action: telling.action,
            biz_step: telling.biz_step.clone(),
            disposition: telling.disposition.clone(),
            read_point: telling.read_point.clone(),
            biz_location: telling.biz_location.clone(),
            items: Vec::new(),
            quantity: None,
            certifications: certifications.map(|(_, text)| text.clone()).collect(),
            readings: Vec::new(),
            voided_by: None,
            voided_at: None,
        }
    }

    fn has_role(&self, by: &[Label]) -> bool {
        facts::has_role(self.terms, by, &self.event.recorder)
    }

    /// Whether any sighting or inspection looks for such an event from this recorder.
    fn is_sought(&self, sought: &Sought<'_>, fact: &Fact) -> bool {
        let sighted = |wanted: &&Sighting| self.has_role(&wanted.by) && looks_like(wanted, fact);
        let inspected =
            |wanted: &&Inspected| self.has_role(&wanted.by) && is_inspection(wanted, fact);
        sought.sightings.iter().any(sighted) || sought.inspections.iter().any(inspected)
    }

    /// Whether the event names the business transaction that the terms ask for, if they do.
    fn names_transaction(&self) -> bool {
        let Some(wanted) = &self.terms.goods.business_transaction else { return true };
        self.event
            .facts
            .telling
            .biz_transactions
            .iter()
            .any(|(kind, id)| *id == wanted.id && (wanted.kind.is_none() || wanted.kind == *kind))
    }

    /// Fills in how much of the goods the event is about. Gives the places of the things in it that
    /// are, or hold, goods; `None` when it is about none of the goods.
    fn count(
        &self,
        staged: &mut Staged<'_>,
        fact: &mut Fact,
        via: &Via,
        inside: &mut Inside,
    ) -> Result<Option<Vec<usize>>, TableError> {
        match Counted::of(&self.terms.goods) {
            Counted::Items(_) => {
                let things = self.count_items(staged, fact, via, inside)?;
                Ok((!fact.items.is_empty()).then_some(things))
            }
            Counted::Class(unit, _) => {
                let Some(class) = &self.terms.goods.class else { return Ok(None) };
                let things = self.count_class(fact, &class.class, &unit.0);
                Ok((!things.is_empty()).then_some(things))
            }
            Counted::Transaction => Ok(Some((0..self.event.facts.items.len()).collect())),
            Counted::Nothing => Ok(None),
        }
    }

    fn count_items(
        &self,
        staged: &mut Staged<'_>,
        fact: &mut Fact,
        via: &Via,
        inside: &mut Inside,
    ) -> Result<Vec<usize>, TableError> {
        let facts = &self.event.facts;
        let mut found: BTreeSet<u16> = BTreeSet::new();
        let mut things = Vec::new();
        for (place, items) in &via.things {
            let Some(thing) = facts.items.get(*place) else { continue };
            // An event that names what it puts in, sees in or takes from a container is about that,
            // not about everything else in there.
            let holds = thing.role != ItemRole::Parent || !facts.telling.has_children;
            let before = found.len();
            for item in items {
                let Some(uri) = self.terms.goods.items.get(usize::from(*item)) else { continue };
                let name = name_digest(uri);
                if name == thing.name || (holds && inside.is_in(staged, &name, &thing.name)?) {
                    found.insert(*item);
                }
            }
            if found.len() > before {
                things.push(*place);
            }
        }
        fact.items = found.into_iter().collect();
        Ok(things)
    }

    /// Adds up what the event names of a class: a single thing is one piece. What goes in and comes
    /// out again counts as what comes out.
    fn count_class(&self, fact: &mut Fact, class: &str, unit: &str) -> Vec<usize> {
        let is_of = |uri: &str| {
            uri.strip_prefix(class).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut things = Vec::new();
        let (mut sum, mut used) = (Decimal::ZERO, Decimal::ZERO);
        for (place, item) in self.event.facts.items.iter().enumerate() {
            if !is_of(&item.named.uri) {
                continue;
            }
            things.push(place);
            if item.amounts.is_empty() && !item.is_divisible() && unit.is_empty() {
                let of = if item.role == ItemRole::Input { &mut used } else { &mut sum };
                *of = of.saturating_add(Decimal::ONE);
            }
            for amount in item.amounts.iter().filter(|amount| amount.unit.0 == unit) {
                let of = if amount.role == ItemRole::Input { &mut used } else { &mut sum };
                *of = of.saturating_add(amount.value);
            }
        }
        let quantity = if sum.is_zero() { used } else { sum };
        fact.quantity = Some(quantity.normalize());
        things
    }

    /// Whether the recorder's word counts for each of these things that the event names. Of a class
    /// without lot nobody is holder or owner: there the word of the agreement's members counts.
    fn has_standing(&self, staged: &Staged<'_>, things: &[usize]) -> Result<bool, TableError> {
        for place in things {
            let Some(item) = self.event.facts.items.get(*place) else { return Ok(false) };
            if !item.has_log {
                if !self.terms.roles.iter().any(|role| role.member == self.event.recorder) {
                    return Ok(false);
                }
                continue;
            }
            let standing = watch::standing_at(staged, &item.name, self.position)?;
            if standing.is_none_or(|standing| standing == Standing::Claim) {
                return Ok(false);
            }
        }
        Ok(!things.is_empty())
    }
}
