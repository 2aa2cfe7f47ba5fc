//! Reading and writing an item's record, log and journal.

use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Action, EventType};
use tracehold_chain::state::item_log::inputs_digest;
use tracehold_chain::state::key::{item_key, journal_key, name_digest};
use tracehold_chain::state::{ItemLeaf, ItemRole, Leads, TableError};

use super::facts::Facts;
use super::step::{Basis, Correction, ItemRecord, JOURNAL_CHUNK, JournalChunk, Standing, Step};
use crate::execute::Staged;

/// Steps of one item's journal that are told again when something comes late or is corrected. In a
/// longer story what comes late is recorded and shown, and changes nothing.
pub const MAX_REFOLD_STEPS: u64 = 1_024;

/// Steps that one block may read again for what comes late or is corrected in it.
pub const MAX_REFOLD_STEPS_PER_BLOCK: u64 = 65_536;

/// An item's record, if an event has named it.
pub(crate) fn item(staged: &Staged<'_>, name: &Digest) -> Result<Option<ItemRecord>, TableError> {
    staged.overlay.record(&item_key(name))
}

/// All steps of an item's journal, in the order of commitment.
pub(super) fn steps(
    staged: &Staged<'_>,
    name: &Digest,
    record: &ItemRecord,
) -> Result<Vec<Step>, TableError> {
    let mut steps = Vec::new();
    for chunk in 0..record.chunks() {
        let Some(mut sealed) = staged.overlay.record::<JournalChunk>(&journal_key(name, chunk))?
        else {
            return Err(TableError(format!("part {chunk} of a journal is missing")));
        };
        steps.append(&mut sealed);
    }
    steps.extend(record.tail.iter().cloned());
    Ok(steps)
}

/// As [`steps`], unless the story is too long to be told again, or the block has told too much
/// again already.
pub(crate) fn steps_to_refold(
    staged: &mut Staged<'_>,
    name: &Digest,
    record: &ItemRecord,
) -> Result<Option<Vec<Step>>, TableError> {
    let count = record.log.count();
    if count > MAX_REFOLD_STEPS {
        return Ok(None);
    }
    if count > staged.refold_left {
        staged.is_short = true;
        return Ok(None);
    }
    staged.refold_left = staged.refold_left.saturating_sub(count);
    steps(staged, name, record).map(Some)
}

/// Appends a step to the item's log and journal, and writes the record.
pub(super) fn append(
    staged: &mut Staged<'_>,
    name: &Digest,
    record: &mut ItemRecord,
    step: Step,
    made_of: Option<&MadeOf>,
) {
    let chunk = record.chunks();
    record.log.append(&leaf(&step, made_of).digest());
    record.tail.push(step);
    if record.tail.len() >= JOURNAL_CHUNK {
        let sealed = std::mem::take(&mut record.tail);
        staged.overlay.put(journal_key(name, chunk), codec::pack(&sealed));
    }
    write(staged, name, record);
}

/// What a transformation used up, as far as it has logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeOf {
    /// The canonical identifiers, in the order in which they are recorded.
    pub inputs: Vec<String>,
    /// [`inputs_digest`] of them.
    pub digest: Digest,
    /// Whether it is part of a process of several events (`transformationID`).
    pub joined: bool,
}

impl MadeOf {
    /// What an event says of it; `None` when it is no transformation.
    #[must_use]
    pub fn of(facts: &Facts) -> Option<MadeOf> {
        if facts.telling.event_type != EventType::Transformation {
            return None;
        }
        let inputs = facts.items.iter().filter(|item| item.has_log && item.role == ItemRole::Input);
        let inputs: Vec<String> = inputs.map(|item| item.named.uri.clone()).collect();
        let digest = inputs_digest(&inputs.iter().map(String::as_str).collect::<Vec<_>>());
        Some(MadeOf { inputs, digest, joined: facts.telling.transformation_id.is_some() })
    }
}

/// The leaf of the item's log for a step of its journal. `made_of` is what the step's event says,
/// and counts for what a transformation made only.
#[must_use]
pub fn leaf(step: &Step, made_of: Option<&MadeOf>) -> ItemLeaf {
    ItemLeaf {
        position: step.position,
        event: step.event,
        role: step.role,
        happened: step.event_time,
        recorded_at: step.recorded_at,
        recorder: step.recorder.clone(),
        counts: step.standing != Standing::Claim,
        leads: leads(step, made_of),
    }
}

fn leads(step: &Step, made_of: Option<&MadeOf>) -> Leads {
    match step.correction {
        Some(Correction::Voids(position)) => return Leads::Voids(position),
        Some(Correction::Nothing) => return Leads::Nowhere,
        None => {}
    }
    let is_lot = step.basis.has(Basis::LOT);
    let changes = matches!(step.action, Some(Action::Add | Action::Delete));
    match (step.event_type, step.role) {
        (EventType::Aggregation | EventType::Association, ItemRole::Child) if changes => {
            let Some(parent) = step.parent.as_deref().map(name_digest) else {
                return Leads::Nowhere;
            };
            if step.action == Some(Action::Add) {
                Leads::Into { parent, moves: !is_lot }
            } else {
                Leads::OutOf { parent, whole: !is_lot || step.amounts.is_empty() }
            }
        }
        (EventType::Aggregation | EventType::Association, ItemRole::Parent) if changes => {
            match (step.basis.has(Basis::EMPTIES), step.basis.has(Basis::SENSED)) {
                (true, _) => Leads::Emptied,
                (false, false) => Leads::Packing,
                (false, true) => Leads::Nowhere,
            }
        }
        (EventType::Object, ItemRole::Subject)
            if step.action == Some(Action::Delete) && !is_lot =>
        {
            Leads::Ended
        }
        (EventType::Transformation, ItemRole::Input) if !is_lot => Leads::Ended,
        (EventType::Transformation, ItemRole::Output) => {
            made_of.map_or(Leads::Nowhere, |made_of| Leads::Made {
                inputs: made_of.digest,
                joined: made_of.joined,
            })
        }
        _ => Leads::Nowhere,
    }
}

/// Writes an item's record.
pub(super) fn write(staged: &mut Staged<'_>, name: &Digest, record: &ItemRecord) {
    staged.overlay.put(item_key(name), codec::pack(record));
}
