//! Reading and writing an item's record and journal.

use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::state::key::{item_key, journal_key};
use tracehold_chain::state::{ItemLeaf, TableError};

use super::step::{ItemRecord, JOURNAL_CHUNK, JournalChunk, Step};
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
pub(super) fn append(staged: &mut Staged<'_>, name: &Digest, record: &mut ItemRecord, step: Step) {
    let (role, event, height) = (step.role, step.event, step.position.height);
    let chunk = record.chunks();
    record.log.append(&ItemLeaf { role, event, height }.digest());
    record.tail.push(step);
    if record.tail.len() >= JOURNAL_CHUNK {
        let sealed = std::mem::take(&mut record.tail);
        staged.overlay.put(journal_key(name, chunk), codec::pack(&sealed));
    }
    write(staged, name, record);
}

/// Writes an item's record.
pub(super) fn write(staged: &mut Staged<'_>, name: &Digest, record: &ItemRecord) {
    staged.overlay.put(item_key(name), codec::pack(record));
}
