//! Master data: owners say what their products, places and parties are.
//!
//! | who | may describe |
//! |---|---|
//! | a member | all that its GS1 company prefixes begin: products, places, parties, and links |
//! | a member | places, parties and links of the GLNs its record lists, whoever holds the prefix |
//! | a member with prefix `*` (test networks) | everything |
//!
//! A record is put whole in the place of the one before and names the block, its time and who
//! signed. Setting what is on record already changes nothing, so that a retry is harmless. A party
//! names no member but the one that describes it. A place lies at most [`MAX_PLACE_DEPTH`] places
//! deep and never inside itself. All master data of a transaction is set before its events are
//! captured, and all of it or nothing takes effect.

use std::collections::BTreeMap;

use tracehold_chain::codec;
use tracehold_chain::epcis::{Canonical, canonical, company_prefix_owns};
use tracehold_chain::genesis::Member;
use tracehold_chain::limits::MAX_PLACE_DEPTH;
use tracehold_chain::masterdata::{MasterData, MasterKind, MasterRecord, Party, Place, Product};
use tracehold_chain::state::TableError;
use tracehold_chain::units::{AgentId, Height, TimestampMs};

use crate::authority::Authority;
use crate::overlay::Overlay;
use crate::receipt::{Rejection, RejectionCode};

/// Whether `member` may describe what the identifier names.
#[must_use]
pub fn may_describe(member: &Member, kind: MasterKind, identifier: &Canonical) -> bool {
    let listed = || {
        kind != MasterKind::Product
            && gln(identifier).is_some_and(|gln| member.glns.iter().any(|own| own == gln))
    };
    company_prefix_owns(&member.gs1_company_prefixes, identifier) || listed()
}

/// The GLN of a canonical place or party, without extension.
fn gln(identifier: &Canonical) -> Option<&str> {
    matches!(identifier.key()?, "414" | "417").then(|| identifier.company_digits()).flatten()
}

/// What is on record of a product, place or party.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn record(
    overlay: &Overlay<'_>,
    kind: MasterKind,
    id: &str,
) -> Result<Option<MasterRecord>, TableError> {
    overlay.get(&kind.key(id).encode())?.as_deref().map(decode).transpose()
}

/// What the owner of a product says of it, by the canonical identifier of its class.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn product(overlay: &Overlay<'_>, id: &str) -> Result<Option<Product>, TableError> {
    let found = record(overlay, MasterKind::Product, id)?;
    Ok(found.and_then(|record| match record.data {
        MasterData::Product(product) => Some(product),
        MasterData::Place(_) | MasterData::Party(_) | MasterData::Links(_) => None,
    }))
}

/// Reads a record of master data as the state has it.
///
/// # Errors
/// [`TableError`] when it is damaged.
pub fn decode(bytes: &[u8]) -> Result<MasterRecord, TableError> {
    let damaged = |error| TableError(format!("a record of master data is damaged: {error}"));
    codec::decode(bytes).map_err(damaged)
}

/// Sets the master data of one transaction, or says why not. What it has written by then is
/// discarded by the caller with the rest of the transaction.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn set<'r>(
    overlay: &mut Overlay<'_>,
    authority: &Authority,
    sender: &AgentId,
    records: impl Iterator<Item = &'r MasterData>,
    (height, block_time): (Height, TimestampMs),
) -> Result<Result<(), Rejection>, TableError> {
    let refuse = |code, subject: &str| Ok(Err(Rejection::new(code, subject)));
    let mut moved = Vec::new();
    for data in records {
        let (kind, id) = (data.kind(), data.id());
        let member = authority.member(sender.member());
        if !member.is_some_and(|member| may_describe(member, kind, &canonical(id))) {
            return refuse(RejectionCode::NotYours, id);
        }
        if let MasterData::Party(Party { member: Some(named), .. }) = data
            && named != sender.member()
        {
            return refuse(RejectionCode::PartyOfAnother, named.as_str());
        }
        let before = record(overlay, kind, id)?;
        if before.as_ref().is_some_and(|before| before.data == *data) {
            continue;
        }
        if let MasterData::Place(place) = data
            && place.inside.is_some()
            && before.as_ref().and_then(|before| inside(&before.data)) != place.inside.as_ref()
        {
            moved.push(place);
        }
        let version = before.map_or(0, |before| before.version).saturating_add(1);
        let (data, set_by) = (data.clone(), sender.clone());
        let key = data.key().encode();
        let record = MasterRecord { data, version, height, set_at: block_time, set_by };
        overlay.put(key, codec::encode(&record));
    }
    // After all writes, so that places may change their order in one transaction. A ring has a
    // place that was moved, and what was read once is not read again.
    let mut read = BTreeMap::new();
    for place in moved {
        let nests = nests_well(place, |id| match read.get(id) {
            Some(around) => Ok(Option::clone(around)),
            None => {
                let around = record(overlay, MasterKind::Place, id)?
                    .and_then(|record| inside(&record.data).cloned());
                read.insert(id.to_owned(), around.clone());
                Ok::<_, TableError>(around)
            }
        });
        if !nests? {
            return refuse(RejectionCode::PlaceNesting, &place.id);
        }
    }
    Ok(Ok(()))
}

/// The place that a place lies in.
#[must_use]
pub fn inside(data: &MasterData) -> Option<&String> {
    match data {
        MasterData::Place(place) => place.inside.as_ref(),
        MasterData::Product(_) | MasterData::Party(_) | MasterData::Links(_) => None,
    }
}

/// Whether the places around a place end, soon enough, without coming back to it. `read` gives
/// where the place of a canonical identifier lies.
///
/// # Errors
/// Those of `read`.
pub fn nests_well<E>(
    place: &Place,
    mut read: impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<bool, E> {
    let mut around = place.inside.clone();
    for _ in 0..MAX_PLACE_DEPTH {
        let Some(outer) = around else { return Ok(true) };
        if outer == place.id {
            return Ok(false);
        }
        around = read(&outer)?;
    }
    Ok(around.is_none())
}

#[cfg(test)]
mod tests;
