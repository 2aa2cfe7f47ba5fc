//! Which agreements wait for what: an index from the names that events name to agreements.
//!
//! An agreement that starts to run is registered under the names of its goods and of everything
//! they are packed in, of its class of goods with each member whose word counts, of its business
//! transaction, and of the titles it asks for. When something watched is packed, its registrations
//! go to what it is packed in. An event whose names nobody watches costs a look into memory for
//! each name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tracehold_chain::agreement::Terms;
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::money::AgreementId;
use tracehold_chain::state::key::{
    business_transaction_digest, class_digest, item_key, journal_key, name_digest, watch_range,
};
use tracehold_chain::state::{Position, StateKey, TableError};
use tracehold_chain::units::MemberId;

use super::facts::{Sought, Words};
use super::record::AgreementRecord;
use crate::execute::Staged;
use crate::provenance::{ItemRecord, JournalChunk, MAX_PACKING_DEPTH, Standing, Step};
use crate::work::{UNITS_PER_NOTE, UNITS_PER_WATCH};

/// Running agreements that may wait for one name when another one begins to: it is neither proposed
/// nor accepted then, and its last deposit does not come in.
pub const MAX_AGREEMENTS_PER_NAME: u32 = 256;

/// Of these, those that one member proposed: nobody alone keeps others from agreeing on a thing.
pub const MAX_AGREEMENTS_PER_NAME_AND_PROPOSER: u32 = 64;

/// Agreements whose goods are followed into one container.
pub const MAX_AGREEMENTS_PER_CONTAINER: u32 = 4_096;

/// Of these, those that one member proposed.
pub const MAX_AGREEMENTS_PER_CONTAINER_AND_PROPOSER: u32 = 1_024;

/// Names that one agreement is registered under; goods are not followed into more containers.
pub const MAX_NAMES_PER_AGREEMENT: usize = 8_192;

/// Bytes of a key before the agreement's id.
const WATCH_PREFIX_BYTES: usize = 2 + 32 + 1;

/// An agreement that waits for a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waits {
    /// Which of its items what has the name may be about.
    pub items: Vec<u16>,
    /// Whose events may count.
    pub words: Words,
}

/// How many agreements wait for a name, by who proposed them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Watchers(BTreeMap<MemberId, u32>);

impl Watchers {
    fn of(staged: &Staged<'_>, name: &Digest) -> Result<Watchers, TableError> {
        Ok(staged.overlay.record(&StateKey::Watched(*name).encode())?.unwrap_or_default())
    }

    fn put(self, staged: &mut Staged<'_>, name: &Digest) {
        let key = StateKey::Watched(*name).encode();
        if self.0.is_empty() {
            staged.overlay.remove(key);
        } else {
            staged.overlay.put(key, codec::pack(&self));
        }
    }

    /// Whether there is room for one more that `proposer` proposed, of so many in all and so many
    /// of each proposer.
    fn has_room(&self, proposer: &MemberId, (limit, part): (u32, u32)) -> bool {
        let all = self.0.values().fold(0, |all: u32, count| all.saturating_add(*count));
        all < limit && self.0.get(proposer).copied().unwrap_or(0) < part
    }

    fn add(&mut self, proposer: &MemberId) {
        let count = self.0.entry(proposer.clone()).or_default();
        *count = count.saturating_add(1);
    }

    fn take(&mut self, proposer: &MemberId) {
        let Some(count) = self.0.get_mut(proposer) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.0.remove(proposer);
        }
    }
}

/// Who registers.
struct Registrant<'r> {
    agreement: AgreementId,
    proposer: &'r MemberId,
    words: &'r Words,
    /// Agreements that may be registered, in all and of one proposer.
    limits: (u32, u32),
}

/// What one name holds at most in all and of one proposer, where it was looked at before.
const NO_LIMITS: (u32, u32) = (u32::MAX, u32::MAX);

/// Registers an agreement that starts to run.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn begin(
    staged: &mut Staged<'_>,
    record: &AgreementRecord,
    terms: &Terms,
) -> Result<(), TableError> {
    let names = names(staged, terms)?;
    register_all(staged, record, terms, names)
}

/// Takes an agreement off names that it waits for, at most so many, but for those that are to stay.
/// Whether that was all of them.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub(super) fn take_off(
    staged: &mut Staged<'_>,
    record: &AgreementRecord,
    stay: &BTreeSet<Digest>,
    at_most: usize,
) -> Result<bool, TableError> {
    let key = StateKey::Watching(record.id).encode();
    let watching: Vec<Digest> = staged.overlay.record(&key)?.unwrap_or_default();
    let (mut left, mut taken_off, mut is_all) = (Vec::new(), 0, true);
    for name in watching {
        if stay.contains(&name) {
            left.push(name);
            continue;
        }
        if taken_off >= at_most {
            is_all = false;
            left.push(name);
            continue;
        }
        taken_off += 1;
        let watch = StateKey::Watch { name, agreement: record.id }.encode();
        if staged.overlay.contains(&watch) {
            staged.overlay.remove(watch);
            let mut watchers = Watchers::of(staged, &name)?;
            watchers.take(record.proposer.member());
            watchers.put(staged, &name);
        }
    }
    if left.is_empty() {
        staged.overlay.remove(key);
    } else {
        staged.overlay.put(key, codec::pack(&left));
    }
    Ok(is_all)
}

/// How many names an agreement is registered under.
pub(super) fn size(staged: &Staged<'_>, agreement: AgreementId) -> Result<usize, TableError> {
    let key = StateKey::Watching(agreement).encode();
    Ok(staged.overlay.record::<Vec<Digest>>(&key)?.map_or(0, |names| names.len()))
}

/// Whether one more agreement that this member proposed may wait for what these terms wait for.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn has_room(
    staged: &Staged<'_>,
    terms: &Terms,
    proposer: &MemberId,
) -> Result<bool, TableError> {
    let limits = (MAX_AGREEMENTS_PER_NAME, MAX_AGREEMENTS_PER_NAME_AND_PROPOSER);
    for name in names(staged, terms)?.keys() {
        if !Watchers::of(staged, name)?.has_room(proposer, limits) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The agreements that wait for a name.
pub(super) fn waiting(
    staged: &mut Staged<'_>,
    name: &Digest,
) -> Result<Vec<(AgreementId, Waits)>, TableError> {
    if !staged.overlay.contains(&StateKey::Watched(*name).encode()) {
        return Ok(Vec::new());
    }
    let (first, end) = watch_range(name);
    let mut waiting = Vec::new();
    for (key, value) in staged.overlay.range(&first, &end, usize::MAX)? {
        let id = key.get(WATCH_PREFIX_BYTES..).and_then(|id| id.try_into().ok());
        let waits: Option<Waits> = codec::unpack(&value).ok();
        let (Some(id), Some(waits)) = (id, waits) else {
            return Err(TableError("an entry of what is watched is damaged".to_owned()));
        };
        waiting.push((AgreementId(Digest(id)), waits));
    }
    staged.work.spend(UNITS_PER_WATCH.saturating_mul(waiting.len() as u64));
    Ok(waiting)
}

/// What is registered under what is registered under what goes into it, too: the agreements that
/// wait for `child` wait for these containers from now on.
pub(super) fn follow(
    staged: &mut Staged<'_>,
    child: &[(AgreementId, Waits)],
    containers: &[Digest],
) -> Result<(), TableError> {
    for (agreement, waits) in child.iter().filter(|(_, waits)| !waits.items.is_empty()) {
        staged.work.spend(UNITS_PER_NOTE);
        let key = StateKey::Agreement(*agreement).encode();
        let Some(record) = staged.overlay.record::<AgreementRecord>(&key)? else { continue };
        let key = StateKey::Watching(*agreement).encode();
        let mut watching: Vec<Digest> = staged.overlay.record(&key)?.unwrap_or_default();
        let before = watching.len();
        let registrant = Registrant {
            agreement: *agreement,
            proposer: record.proposer.member(),
            words: &waits.words,
            limits: (MAX_AGREEMENTS_PER_CONTAINER, MAX_AGREEMENTS_PER_CONTAINER_AND_PROPOSER),
        };
        for name in containers {
            register(staged, &registrant, (*name, &waits.items), &mut watching)?;
        }
        if watching.len() > before {
            staged.overlay.put(key, codec::pack(&watching));
        }
    }
    Ok(())
}

/// Registers an agreement for the corrections of these events.
pub(super) fn register_events(
    staged: &mut Staged<'_>,
    record: &AgreementRecord,
    terms: &Terms,
    events: impl IntoIterator<Item = Digest>,
) -> Result<(), TableError> {
    register_all(staged, record, terms, events.into_iter().map(|event| (event, Vec::new())))
}

/// Registers a running agreement under names, each with the items it may be about.
fn register_all(
    staged: &mut Staged<'_>,
    record: &AgreementRecord,
    terms: &Terms,
    names: impl IntoIterator<Item = (Digest, Vec<u16>)>,
) -> Result<(), TableError> {
    let key = StateKey::Watching(record.id).encode();
    let mut watching: Vec<Digest> = staged.overlay.record(&key)?.unwrap_or_default();
    let words = Sought::of(terms).words(terms);
    let (agreement, proposer) = (record.id, record.proposer.member());
    let registrant = Registrant { agreement, proposer, words: &words, limits: NO_LIMITS };
    for (name, items) in names {
        register(staged, &registrant, (name, &items), &mut watching)?;
    }
    staged.overlay.put(key, codec::pack(&watching));
    Ok(())
}

fn register(
    staged: &mut Staged<'_>,
    registrant: &Registrant<'_>,
    (name, items): (Digest, &[u16]),
    watching: &mut Vec<Digest>,
) -> Result<(), TableError> {
    let key = StateKey::Watch { name, agreement: registrant.agreement }.encode();
    let known: Option<Waits> = staged.overlay.record(&key)?;
    let is_new = known.is_none();
    let fresh = || Waits { items: Vec::new(), words: registrant.words.clone() };
    let mut waits = known.unwrap_or_else(fresh);
    let before = waits.items.len();
    waits.items.extend(items);
    waits.items.sort_unstable();
    waits.items.dedup();
    if is_new {
        let mut watchers = Watchers::of(staged, &name)?;
        let has_room = watchers.has_room(registrant.proposer, registrant.limits);
        if !has_room || watching.len() >= MAX_NAMES_PER_AGREEMENT {
            return Ok(());
        }
        watchers.add(registrant.proposer);
        watchers.put(staged, &name);
        watching.push(name);
    }
    if is_new || waits.items.len() > before {
        staged.overlay.put(key, codec::pack(&waits));
    }
    Ok(())
}

/// The names that terms wait for as things are now, each with the items it may be about.
fn names(staged: &Staged<'_>, terms: &Terms) -> Result<BTreeMap<Digest, Vec<u16>>, TableError> {
    let sought = Sought::of(terms);
    let mut names: BTreeMap<Digest, Vec<u16>> = BTreeMap::new();
    for (place, uri) in (0_u16..).zip(&terms.goods.items) {
        let name = name_digest(uri);
        names.entry(name).or_default().push(place);
        for container in containers(staged, &name)? {
            names.entry(container).or_default().push(place);
        }
    }
    match (&terms.goods.class, &terms.goods.business_transaction) {
        (_, Some(transaction)) if terms.goods.items.is_empty() => {
            names.entry(business_transaction_digest(&transaction.id)).or_default();
        }
        (Some(class), _) => {
            for member in sought.members(terms) {
                names.entry(class_digest(&class.class, &member)).or_default();
            }
        }
        _ => {}
    }
    for title in &sought.titles {
        names.entry(name_digest(title)).or_default();
    }
    Ok(names)
}

/// What a thing is packed in now, from the inside out; what was emptied since included. Only as far
/// as who packed it had standing for what it was packed in: by the word of a stranger nothing waits
/// for somebody else's pallet, whether it was packed before the agreement began to run or after.
pub(super) fn containers(staged: &Staged<'_>, thing: &Digest) -> Result<Vec<Digest>, TableError> {
    let mut found: Vec<Digest> = Vec::new();
    let mut next = *thing;
    while found.len() < MAX_PACKING_DEPTH {
        let Some(record) = staged.overlay.record::<ItemRecord>(&item_key(&next))? else { break };
        let Some(parent) = record.state.parent else { break };
        next = name_digest(&parent.what);
        if next == *thing || found.contains(&next) {
            break;
        }
        if standing_at(staged, &next, parent.mark.position)? == Some(Standing::Claim) {
            break;
        }
        found.push(next);
    }
    Ok(found)
}

/// The standing that the recorder of the event at `position` had for a thing, as it was seen when
/// the event was recorded. Steps are kept in the order in which they were recorded.
pub(super) fn standing_at(
    staged: &Staged<'_>,
    thing: &Digest,
    position: Position,
) -> Result<Option<Standing>, TableError> {
    let Some(record) = staged.overlay.record::<ItemRecord>(&item_key(thing))? else {
        return Ok(None);
    };
    let of = |steps: &[Step]| {
        let found = steps.iter().find(|step| step.position == position);
        found.map(|step| step.standing)
    };
    if record.tail.first().is_some_and(|first| first.position <= position) {
        return Ok(of(&record.tail));
    }
    let (mut first, mut end) = (0, record.chunks());
    while first < end {
        let middle = first.midpoint(end);
        let sealed = staged.overlay.record::<JournalChunk>(&journal_key(thing, middle))?;
        let sealed = sealed.unwrap_or_default();
        match (sealed.first(), sealed.last()) {
            (Some(oldest), _) if position < oldest.position => end = middle,
            (_, Some(newest)) if position > newest.position => first = middle.saturating_add(1),
            _ => return Ok(of(&sealed)),
        }
    }
    Ok(None)
}
