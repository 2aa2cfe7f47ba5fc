//! Recording one event.

use serde::{Deserialize, Serialize};
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::company_prefix_owns;
use tracehold_chain::genesis::Member;
use tracehold_chain::state::key::{Index, item_key, name_digest};
use tracehold_chain::state::{ItemHead, ItemLeaf, Position, StateKey, TableError};
use tracehold_chain::units::MemberId;

use crate::admission::CapturedFacts;
use crate::authority::Authority;
use crate::execute::Staged;
use crate::provenance::Facts;
use crate::receipt::{Rejection, RejectionCode};

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
}

/// What became of one event of a transaction.
pub enum Captured {
    /// It is new, and recorded.
    New,
    /// The very same event was on record.
    Repeated,
}

/// Records `event` at `position`, or says why not. What it has written by then is discarded by the
/// caller with the rest of the transaction.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn capture(
    staged: &mut Staged<'_>,
    authority: &Authority,
    event: &CapturedFacts,
    position: Position,
) -> Result<Result<Captured, Rejection>, TableError> {
    let CapturedFacts { recorder, captured, facts } = event;
    let index = usize::try_from(position.event).unwrap_or(usize::MAX);
    let refuse = |code, subject: String| Ok(Err(Rejection::of_event(code, index, subject)));
    let declared_at = facts.declared_at;
    let key = StateKey::Event { event_id: facts.event_id.clone(), declared_at }.encode();
    if let Some(earlier) = read::<EventRecord>(staged, &key)? {
        if earlier.digest == captured.digest && earlier.recorder == *recorder {
            return Ok(Ok(Captured::Repeated));
        }
        return refuse(RejectionCode::EventIdTaken, facts.event_id.clone());
    }
    let mut corrects = false;
    if declared_at.is_some() {
        let original = StateKey::Event { event_id: facts.event_id.clone(), declared_at: None };
        if let Some(original) = read::<EventRecord>(staged, &original.encode())? {
            if original.recorder != *recorder {
                return refuse(RejectionCode::CorrectionByAnother, original.recorder.to_string());
            }
            if original.likeness != facts.likeness {
                return refuse(RejectionCode::CorrectionDiffers, facts.event_id.clone());
            }
            corrects = true;
        }
    }
    if let Some(uri) = authority.member(recorder).and_then(|member| not_theirs(member, facts)) {
        return refuse(RejectionCode::PrefixNotYours, uri);
    }
    let (digest, likeness) = (captured.digest, facts.likeness);
    let record = EventRecord { position, digest, recorder: recorder.clone(), likeness, corrects };
    staged.overlay.put(key, codec::encode(&record));
    staged.index(Index::EventId.entry(&name_digest(&facts.event_id), position));
    log_items(staged, facts, digest, position)?;
    Ok(Ok(Captured::New))
}

/// The first identifier that the event commissions under a prefix its recorder does not hold.
fn not_theirs(member: &Member, facts: &Facts) -> Option<String> {
    let prefixes = &member.gs1_company_prefixes;
    let mut commissioned = facts.commissioned.iter();
    commissioned
        .find(|identifier| !company_prefix_owns(prefixes, identifier))
        .map(|identifier| identifier.uri().to_owned())
}

/// Appends the event to the log of each item it names and to the index of each identifier.
fn log_items(
    staged: &mut Staged<'_>,
    facts: &Facts,
    event: Digest,
    position: Position,
) -> Result<(), TableError> {
    for item in &facts.items {
        staged.index(Index::Identifier.entry(&item.name, position));
        if item.has_log {
            let key = item_key(&item.name);
            let mut head = read::<ItemHead>(staged, &key)?.unwrap_or_default();
            let leaf = ItemLeaf { role: item.role, event, height: position.height };
            head.log.append(&leaf.digest());
            staged.overlay.put(key, codec::encode(&head));
        }
    }
    Ok(())
}

fn read<T: Serialize + serde::de::DeserializeOwned>(
    staged: &Staged<'_>,
    key: &[u8],
) -> Result<Option<T>, TableError> {
    let Some(bytes) = staged.overlay.get(key)? else { return Ok(None) };
    let damaged = |error| TableError(format!("a record of the state is damaged: {error}"));
    codec::decode(&bytes).map(Some).map_err(damaged)
}
