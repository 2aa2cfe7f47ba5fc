//! Which agreements wait for what: an index from the names that events name to agreements.
//!
//! An agreement that starts to run is registered under the names of its goods and of everything
//! they are packed in, of its class of goods with each member whose word counts, of its business
//! transaction, and of the titles it asks for. When something watched is packed, its registrations
//! go to what it is packed in. An event whose names nobody watches costs a look into memory for
//! each name.

use std::collections::BTreeMap;

use tracehold_chain::agreement::Terms;
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::money::{AgreementId, Asset};
use tracehold_chain::state::key::{
    business_transaction_digest, class_digest, item_key, name_digest, watch_range,
};
use tracehold_chain::state::{StateKey, TableError};

use super::facts::Sought;
use super::record::AgreementRecord;
use crate::execute::{Now, Staged};
use crate::provenance::{ItemRecord, MAX_PACKING_DEPTH};

/// Running agreements that may wait for one name when another one begins to: it is neither proposed
/// nor accepted then, and its last deposit does not come in.
pub const MAX_AGREEMENTS_PER_NAME: u32 = 256;

/// Agreements whose goods are followed into one container.
pub const MAX_AGREEMENTS_PER_CONTAINER: u32 = 4_096;

/// Names that one agreement is registered under; goods are not followed into more containers.
pub const MAX_NAMES_PER_AGREEMENT: usize = 8_192;

/// Bytes of a key before the agreement's id.
const WATCH_PREFIX_BYTES: usize = 2 + 32 + 1;

/// Registers an agreement that starts to run.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn begin(
    staged: &mut Staged<'_>,
    record: &AgreementRecord,
    terms: &Terms,
    _now: Now<'_>,
) -> Result<(), TableError> {
    let mut names = names(staged, terms)?;
    let key = StateKey::Watching(record.id).encode();
    let mut watching: Vec<Digest> = staged.overlay.record(&key)?.unwrap_or_default();
    for (name, items) in &mut names {
        register(staged, record.id, (*name, items), &mut watching, u32::MAX)?;
    }
    staged.overlay.put(key, codec::pack(&watching));
    Ok(())
}

/// Takes an agreement off all its registrations, when nothing can concern it any more.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn end(
    staged: &mut Staged<'_>,
    record: &AgreementRecord,
    _terms: &Terms,
    _now: Now<'_>,
) -> Result<(), TableError> {
    let key = StateKey::Watching(record.id).encode();
    let watching: Vec<Digest> = staged.overlay.record(&key)?.unwrap_or_default();
    for name in watching {
        let watch = StateKey::Watch { name, agreement: record.id }.encode();
        if staged.overlay.get(&watch)?.is_none() {
            continue;
        }
        staged.overlay.remove(watch);
        let marker = StateKey::Watched(name).encode();
        match staged.overlay.record::<u32>(&marker)?.unwrap_or(0) {
            0 | 1 => staged.overlay.remove(marker),
            more => staged.overlay.put(marker, codec::pack(&more.saturating_sub(1))),
        }
    }
    staged.overlay.remove(key);
    Ok(())
}

/// How many names an agreement is registered under.
pub(super) fn size(staged: &Staged<'_>, agreement: AgreementId) -> Result<usize, TableError> {
    let key = StateKey::Watching(agreement).encode();
    Ok(staged.overlay.record::<Vec<Digest>>(&key)?.map_or(0, |names| names.len()))
}

/// Whether one more agreement may wait for what these terms wait for.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn has_room(staged: &Staged<'_>, terms: &Terms, _now: Now<'_>) -> Result<bool, TableError> {
    for name in names(staged, terms)?.keys() {
        if count(staged, name)? >= MAX_AGREEMENTS_PER_NAME {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Notes that a title moved: agreements that wait for it are to be looked at.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn title_moved(staged: &mut Staged<'_>, title: &Asset) -> Result<(), TableError> {
    let name = name_digest(&title.to_string());
    for (agreement, _) in waiting(staged, &name)? {
        staged.touched.insert(agreement);
    }
    Ok(())
}

/// How many agreements wait for a name.
fn count(staged: &Staged<'_>, name: &Digest) -> Result<u32, TableError> {
    Ok(staged.overlay.record(&StateKey::Watched(*name).encode())?.unwrap_or(0))
}

/// The agreements that wait for a name, and which of their items it may be about.
pub(super) fn waiting(
    staged: &Staged<'_>,
    name: &Digest,
) -> Result<Vec<(AgreementId, Vec<u16>)>, TableError> {
    if staged.overlay.get(&StateKey::Watched(*name).encode())?.is_none() {
        return Ok(Vec::new());
    }
    let (first, end) = watch_range(name);
    let mut waiting = Vec::new();
    for (key, value) in staged.overlay.range(&first, &end, usize::MAX)? {
        let id = key.get(WATCH_PREFIX_BYTES..).and_then(|id| id.try_into().ok());
        let items = codec::unpack(&value).ok();
        let (Some(id), Some(items)) = (id, items) else {
            return Err(TableError("an entry of what is watched is damaged".to_owned()));
        };
        waiting.push((AgreementId(Digest(id)), items));
    }
    Ok(waiting)
}

/// What is registered under what is registered under what goes into it, too: the agreements that
/// wait for `child` wait for these containers from now on.
pub(super) fn follow(
    staged: &mut Staged<'_>,
    child: &[(AgreementId, Vec<u16>)],
    containers: &[Digest],
) -> Result<(), TableError> {
    for (agreement, items) in child.iter().filter(|(_, items)| !items.is_empty()) {
        let key = StateKey::Watching(*agreement).encode();
        let mut watching: Vec<Digest> = staged.overlay.record(&key)?.unwrap_or_default();
        let before = watching.len();
        for name in containers {
            let limit = MAX_AGREEMENTS_PER_CONTAINER;
            register(staged, *agreement, (*name, items), &mut watching, limit)?;
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
    agreement: AgreementId,
    events: impl IntoIterator<Item = Digest>,
) -> Result<(), TableError> {
    let key = StateKey::Watching(agreement).encode();
    let mut watching: Vec<Digest> = staged.overlay.record(&key)?.unwrap_or_default();
    for name in events {
        register(staged, agreement, (name, &[]), &mut watching, u32::MAX)?;
    }
    staged.overlay.put(key, codec::pack(&watching));
    Ok(())
}

fn register(
    staged: &mut Staged<'_>,
    agreement: AgreementId,
    (name, items): (Digest, &[u16]),
    watching: &mut Vec<Digest>,
    limit: u32,
) -> Result<(), TableError> {
    let key = StateKey::Watch { name, agreement }.encode();
    let known: Option<Vec<u16>> = staged.overlay.record(&key)?;
    let is_new = known.is_none();
    let mut all = known.unwrap_or_default();
    let before = all.len();
    all.extend(items);
    all.sort_unstable();
    all.dedup();
    if is_new {
        let others = count(staged, &name)?;
        if others >= limit || watching.len() >= MAX_NAMES_PER_AGREEMENT {
            return Ok(());
        }
        let marker = StateKey::Watched(name).encode();
        staged.overlay.put(marker, codec::pack(&others.saturating_add(1)));
        watching.push(name);
    }
    if is_new || all.len() > before {
        staged.overlay.put(key, codec::pack(&all));
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
                names.entry(class_digest(&class.class, member)).or_default();
            }
        }
        _ => {}
    }
    for title in &sought.titles {
        names.entry(name_digest(title)).or_default();
    }
    Ok(names)
}

/// What a thing is packed in now, from the inside out; what was emptied since included.
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
        found.push(next);
    }
    Ok(found)
}
