//! Recording one event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tracehold_chain::anomaly::{AnomalyKind, AnomalySet};
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Action, EventType, Level};
use tracehold_chain::genesis::Parameters;
use tracehold_chain::state::key::Index;
use tracehold_chain::state::{ItemRole, Position, StateKey, TableError};
use tracehold_chain::units::{MemberId, TimestampMs};

use super::facts::{Facts, NamedItem};
use super::fold::{fold, fold_of};
use super::journal;
use super::packing::Surroundings;
use super::step::{Basis, Correction, ItemRecord, Party, SensorVerdict, Standing, Step};
use crate::admission::CapturedFacts;
use crate::authority::Authority;
use crate::execute::Staged;
use crate::receipt::{Rejection, RejectionCode};
use crate::stop::{Stop, told};

/// What the state keeps of an event, at [`StateKey::Event`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Where it stands in the history.
    pub position: Position,
    /// The event digest.
    pub digest: Digest,
    /// The member that vouches for it.
    pub recorder: MemberId,
    /// Digest of the public facts that an error declaration must repeat.
    pub likeness: Digest,
    /// For an error declaration: whether its original is on record. One that came without its
    /// original stands alone and corrects nothing.
    pub corrects: bool,
    /// What did not add up when it was recorded: for ever, whatever is found or mended later.
    pub anomalies: Vec<EventAnomaly>,
    /// Whether it moved lots in its parent and no error declaration has undone that.
    pub packs: bool,
    /// Of how many things it only claims something, its recorder having no standing.
    pub claims: u32,
}

/// What did not add up when an event was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventAnomaly {
    /// What.
    pub kind: AnomalyKind,
    /// For how many of the things it names.
    pub items: u32,
    /// The first of them.
    pub first: String,
}

/// Bytes of records that one transaction may write: an event of a few bytes an item can write long
/// records.
pub const MAX_WRITTEN_BYTES_PER_TRANSACTION: usize = 128 * 1024 * 1024;

/// What became of one event of a transaction.
pub enum Captured {
    /// It is new, and recorded.
    New,
    /// The very same event was on record.
    Repeated,
}

/// Where and under which rules an event is recorded.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The members.
    pub authority: &'a Authority,
    /// What the network chose.
    pub parameters: &'a Parameters,
    /// The block's time.
    pub block_time: TimestampMs,
    /// The event's place.
    pub position: Position,
}

/// Records `event`, or says why not. What it has written by then is discarded by the caller with
/// the rest of the transaction.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn capture(
    staged: &mut Staged<'_>,
    event: &CapturedFacts,
    at: At<'_>,
) -> Result<Result<Captured, Rejection>, TableError> {
    told(Recording::of(staged, event, at).run())
}

/// An event while it is being recorded.
pub(super) struct Recording<'r, 's> {
    pub(super) staged: &'r mut Staged<'s>,
    pub(super) at: At<'r>,
    pub(super) recorder: &'r MemberId,
    pub(super) facts: &'r Facts,
    pub(super) correction: Option<Correction>,
    pub(super) around: Surroundings,
    /// What its readings say of each class of goods.
    pub(super) verdicts: BTreeMap<String, Option<SensorVerdict>>,
    /// For an error declaration: whether its original moved lots in its parent, until now.
    pub(super) undoes: bool,
    /// The most levels of packing in anything that this event packs in its parent.
    pub(super) packed_levels: Option<u8>,
    digest: Digest,
    found: Vec<EventAnomaly>,
    claims: u32,
    /// Whether what the event says of its parent counts.
    pub(super) parent_counts: bool,
}

impl<'r, 's> Recording<'r, 's> {
    fn of(staged: &'r mut Staged<'s>, event: &'r CapturedFacts, at: At<'r>) -> Recording<'r, 's> {
        Recording {
            staged,
            at,
            recorder: &event.recorder,
            facts: &event.facts,
            correction: None,
            around: Surroundings::default(),
            verdicts: BTreeMap::new(),
            undoes: false,
            packed_levels: None,
            digest: event.captured.digest,
            found: Vec::new(),
            claims: 0,
            parent_counts: true,
        }
    }

    pub(super) fn refused(&self, code: RejectionCode, subject: impl Into<String>) -> Stop {
        let index = usize::try_from(self.at.position.event).unwrap_or(usize::MAX);
        Stop::Refused(Rejection::of_event(code, index, subject))
    }

    fn run(mut self) -> Result<Captured, Stop> {
        let (event_id, declared_at) = (&self.facts.event_id, self.facts.declared_at);
        let key = StateKey::Event { event_id: event_id.clone(), declared_at }.encode();
        if let Some(earlier) = self.staged.overlay.record::<EventRecord>(&key)? {
            if earlier.digest == self.digest && earlier.recorder == *self.recorder {
                return Ok(Captured::Repeated);
            }
            return Err(self.refused(RejectionCode::EventIdTaken, event_id));
        }
        if declared_at.is_some() {
            self.correction = Some(self.correction()?);
        }
        let output_above_input = self.weigh_transformation()?;
        let facts = self.facts;
        for item in &facts.items {
            if self.staged.own_written() > MAX_WRITTEN_BYTES_PER_TRANSACTION {
                return Err(self.refused(RejectionCode::TooManyTouches, "bytes of records"));
            }
            let mut noted = self.noted(item)?;
            if output_above_input && self.shows_output(item) {
                noted.insert(AnomalyKind::OutputAboveInput);
            }
            self.record(item, noted)?;
        }
        self.grow_levels()?;
        self.check_refused()?;
        let record = EventRecord {
            position: self.at.position,
            digest: self.digest,
            recorder: self.recorder.clone(),
            likeness: facts.likeness,
            corrects: matches!(self.correction, Some(Correction::Voids(_))),
            packs: self.correction.is_none() && self.parent_counts,
            anomalies: self.found,
            claims: self.claims,
        };
        self.staged.overlay.put(key, codec::pack(&record));
        Ok(Captured::New)
    }

    /// What the error declaration means.
    fn correction(&mut self) -> Result<Correction, Stop> {
        let event_id = self.facts.event_id.clone();
        let key = StateKey::Event { event_id, declared_at: None }.encode();
        let Some(mut original) = self.staged.overlay.record::<EventRecord>(&key)? else {
            return Ok(Correction::Nothing);
        };
        if original.recorder != *self.recorder {
            let subject = original.recorder.to_string();
            return Err(self.refused(RejectionCode::CorrectionByAnother, subject));
        }
        if original.likeness != self.facts.likeness {
            return Err(self.refused(RejectionCode::CorrectionDiffers, &self.facts.event_id));
        }
        self.undoes = original.packs;
        if original.packs {
            original.packs = false;
            self.staged.overlay.put(key, codec::pack(&original));
        }
        Ok(Correction::Voids(original.position))
    }

    /// What does not add up whatever else is known of the item.
    fn noted(&self, item: &NamedItem) -> Result<AnomalySet, Stop> {
        let mut noted = AnomalySet::NONE;
        if item.commissioned && !self.owns(item) {
            if self.at.parameters.refused_anomalies.contains(&AnomalyKind::OthersPrefix) {
                return Err(self.refused(RejectionCode::PrefixNotYours, &item.named.uri));
            }
            noted.insert(AnomalyKind::OthersPrefix);
        }
        let latest = self.at.block_time.plus_ms(self.at.parameters.max_clock_drift_ms);
        if self.facts.telling.event_time > latest && self.correction.is_none() {
            noted.insert(AnomalyKind::TimeInTheFuture);
        }
        Ok(noted)
    }

    /// Whether the recorder holds the item's company prefix.
    fn owns(&self, item: &NamedItem) -> bool {
        let Some(member) = self.at.authority.member(self.recorder) else { return false };
        let digits = item.named.company_digits();
        member.gs1_company_prefixes.iter().any(|prefix| {
            prefix == "*" || digits.is_some_and(|digits| digits.starts_with(prefix.as_str()))
        })
    }

    /// Where an output above the input is shown: on what came out or, when nothing did, on what
    /// went in.
    fn shows_output(&self, item: &NamedItem) -> bool {
        let outputs = self.facts.items.iter().any(|item| item.role == ItemRole::Output);
        item.role == if outputs { ItemRole::Output } else { ItemRole::Input }
    }

    /// Records what the event says of one item.
    fn record(&mut self, item: &NamedItem, mut noted: AnomalySet) -> Result<(), Stop> {
        let mut step = self.step(item);
        if !self.facts.telling.readings.is_empty() && self.correction.is_none() {
            step.sensor = self.judged(item)?;
            if step.sensor.as_ref().is_some_and(|verdict| verdict.limit.is_some()) {
                noted.insert(AnomalyKind::OutsideLimits);
            }
        }
        if item.is_divisible() {
            self.pack_some(item, &step, &mut noted)?;
        }
        step.noted = noted;
        step.anomalies = noted;
        if !item.has_log {
            self.staged.index(Index::Identifier.entry(&item.name, self.at.position));
            self.find(item, noted);
            return Ok(());
        }
        let mut record = journal::item(self.staged, &item.name)?
            .unwrap_or_else(|| ItemRecord { uri: item.named.uri.clone(), ..ItemRecord::default() });
        let parent = record.state.parent.clone();
        let late = self.weigh(item, &mut record, &mut step)?;
        if step.standing == Standing::Claim && step.correction.is_none() {
            self.claims = self.claims.saturating_add(1);
        }
        if item.role == ItemRole::Parent {
            self.parent_counts = step.standing != Standing::Claim;
            if self.facts.telling.action == Some(Action::Add) && self.parent_counts {
                record.levels = record.levels.max(1);
            }
        }
        self.find(item, step.anomalies);
        journal::append(self.staged, &item.name, &mut record, step);
        self.repack(&item.name, parent.as_ref(), &record, late)
    }

    /// Tells the story with the new step. Says whether the story had to be told again.
    fn weigh(
        &mut self,
        item: &NamedItem,
        record: &mut ItemRecord,
        step: &mut Step,
    ) -> Result<bool, Stop> {
        if step.correction == Some(Correction::Nothing) {
            step.standing = record.state.standing(step);
            return Ok(false);
        }
        let mark = step.mark();
        if step.correction.is_none() && (record.log.count() == 0 || mark > record.state.last) {
            let inherited = self.inherited(item, record.state.parent.as_ref(), step)?;
            step.inherited = inherited.filter(|inherited| record.state.learns_from(inherited));
            (step.standing, step.anomalies) = record.state.apply(step, false);
            return Ok(false);
        }
        let Some(mut steps) = journal::steps_to_refold(self.staged, &item.name, record)? else {
            step.basis = step.basis.with(Basis::UNWEIGHED, true);
            step.noted.insert(AnomalyKind::TooLateToWeigh);
            step.anomalies = step.noted;
            step.standing = record.state.standing(step);
            return Ok(false);
        };
        if step.correction.is_none() {
            let counts = |step: &&Step| step.correction.is_some() || step.mark() < mark;
            let before = fold_of(steps.iter().filter(counts)).state;
            let inherited = self.inherited(item, before.parent.as_ref(), step)?;
            step.inherited = inherited.filter(|inherited| before.learns_from(inherited));
        }
        steps.push(step.clone());
        let folded = fold(&steps);
        record.state = folded.state;
        if let Some(judgement) = folded.judgements.last() {
            step.anomalies = judgement.anomalies;
            step.standing = match step.correction {
                None => judgement.standing,
                Some(_) => record.state.standing(step),
            };
        }
        Ok(true)
    }

    fn step(&self, item: &NamedItem) -> Step {
        let telling = &self.facts.telling;
        let digits = item.named.company_digits();
        let owner = digits.and_then(|digits| self.at.authority.prefix_owner(digits));
        let begins_on_record = matches!(item.named.level, Level::Instance | Level::Lot);
        let packing = matches!(telling.event_type, EventType::Aggregation | EventType::Association);
        let empties = packing
            && item.role == ItemRole::Parent
            && telling.action == Some(Action::Delete)
            && !telling.has_children;
        let basis = Basis::default()
            .with(Basis::OWNER, self.owns(item))
            .with(Basis::ACCREDITED, self.at.authority.is_inspector(self.recorder))
            .with(Basis::NOBODYS, owner.is_none())
            .with(Basis::COMMISSIONABLE, owner.is_some() && begins_on_record)
            .with(Basis::SENSED, !telling.readings.is_empty())
            .with(Basis::LOT, item.is_divisible())
            .with(Basis::EMPTIES, empties);
        let party = |uri: &Option<String>| uri.as_deref().map(|uri| self.party(uri));
        let to = party(&telling.destination);
        let then = party(&telling.new_owner).filter(|then| to.as_ref() != Some(then));
        Step {
            position: self.at.position,
            event: self.digest,
            recorded_at: self.at.block_time,
            event_time: telling.event_time,
            role: item.role,
            event_type: telling.event_type,
            action: telling.action,
            recorder: self.recorder.clone(),
            basis,
            standing: Standing::Claim,
            anomalies: AnomalySet::NONE,
            noted: AnomalySet::NONE,
            biz_step: telling.biz_step.clone(),
            disposition: telling.disposition.clone(),
            read_point: telling.read_point.clone(),
            biz_location: telling.biz_location.clone(),
            parent: (item.role == ItemRole::Child)
                .then(|| self.facts.parent().map(|parent| parent.named.uri.clone()))
                .flatten(),
            amounts: item.amounts.clone(),
            from: party(&telling.source),
            to,
            then,
            correction: self.correction,
            sensor: None,
            inherited: None,
        }
    }

    fn party(&self, uri: &str) -> Party {
        match self.at.authority.member_at(uri) {
            Some(member) => Party::Member(member.clone()),
            None => Party::Other(uri.to_owned()),
        }
    }

    fn find(&mut self, item: &NamedItem, anomalies: AnomalySet) {
        for kind in anomalies.iter() {
            match self.found.iter_mut().find(|found| found.kind == kind) {
                Some(found) => found.items = found.items.saturating_add(1),
                None => {
                    let first = item.named.uri.clone();
                    self.found.push(EventAnomaly { kind, items: 1, first });
                }
            }
        }
    }

    fn check_refused(&self) -> Result<(), Stop> {
        let refused = &self.at.parameters.refused_anomalies;
        match self.found.iter().find(|found| refused.contains(&found.kind)) {
            None => Ok(()),
            Some(found) => {
                let subject = format!("{}: {}", found.kind, found.first);
                Err(self.refused(RejectionCode::AnomalyRefused, subject))
            }
        }
    }
}
