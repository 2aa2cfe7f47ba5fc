//! Recalls: who may declare one, and what is affected by it.
//!
//! | who | may recall |
//! |---|---|
//! | a member | what its GS1 company prefixes begin: products, lots, things, logistic units |
//! | a member with prefix `*` (test networks) | everything |
//! | a member | withdraw what it declared itself |
//!
//! A recall is declared under a reference of the member's own. Declaring the very same again, or
//! withdrawing it again in the same words, changes nothing, so that a retry is harmless. A recall
//! stays as it was declared; that it was withdrawn, by whom and why, is added.
//!
//! [`affected`] works out what a recall reaches.

pub mod affected;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracehold_chain::codec;
use tracehold_chain::epcis::canonical;
use tracehold_chain::limits::MAX_OPEN_RECALLS_OF_ONE;
use tracehold_chain::masterdata::{MasterKind, Texts};
use tracehold_chain::money::Reference;
use tracehold_chain::recall::{
    Act, OpenRecalls, RecallCommand, RecallCount, RecallId, RecallNotice, RecallRecord, Withdrawal,
};
use tracehold_chain::state::{StateKey, TableError};
use tracehold_chain::units::AgentId;

use crate::execute::Now;
use crate::masterdata::may_describe;
use crate::overlay::Overlay;
use crate::receipt::{Rejection, RejectionCode};

/// Declares or withdraws a recall, or says why not. What it has written by then is discarded by the
/// caller with the rest of the transaction.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn run(
    overlay: &mut Overlay<'_>,
    command: &RecallCommand,
    sender: &AgentId,
    now: Now<'_>,
) -> Result<Result<(), Rejection>, TableError> {
    match command {
        RecallCommand::Declare { reference, notice } => {
            declare(overlay, reference, notice, sender, now)
        }
        RecallCommand::Withdraw { reference, reason } => {
            withdraw(overlay, reference, reason, sender, now)
        }
    }
}

fn declare(
    overlay: &mut Overlay<'_>,
    reference: &Reference,
    notice: &RecallNotice,
    sender: &AgentId,
    now: Now<'_>,
) -> Result<Result<(), Rejection>, TableError> {
    let refuse = |code, subject: &str| Ok(Err(Rejection::new(code, subject)));
    let id = RecallId { member: sender.member().clone(), reference: reference.clone() };
    if let Some(before) = read::<RecallRecord>(overlay, &id.key())? {
        if before.notice == *notice {
            return Ok(Ok(()));
        }
        return refuse(RejectionCode::RecallExists, &id.to_string());
    }
    let Some(member) = now.authority.member(sender.member()) else {
        return refuse(RejectionCode::UnknownAgent, &sender.to_string());
    };
    for item in &notice.items {
        // Whoever may say where to go from a thing may say that it must not be used. Of goods that
        // is the holder of the company prefix.
        if !may_describe(member, MasterKind::Links, &canonical(item)) {
            return refuse(RejectionCode::NotYours, item);
        }
        let key = StateKey::RecallsOf(item.clone());
        let mut of = read::<OpenRecalls>(overlay, &key)?.unwrap_or_default();
        if of.open.len() >= MAX_OPEN_RECALLS_OF_ONE {
            return refuse(RejectionCode::TooManyRecalls, item);
        }
        of.uri.clone_from(item);
        of.open.push(id.clone());
        overlay.put(key.encode(), codec::encode(&of));
    }
    let mut count = count(overlay)?;
    count.declared = count.declared.saturating_add(1);
    count.open = count.open.saturating_add(1);
    overlay.put(StateKey::RecallNumber(count.declared).encode(), codec::encode(&id));
    overlay.put(StateKey::RecallCount.encode(), codec::encode(&count));
    let record = RecallRecord {
        number: count.declared,
        notice: notice.clone(),
        declared: act(sender, now),
        withdrawn: None,
        id,
    };
    overlay.put(record.id.key().encode(), codec::encode(&record));
    Ok(Ok(()))
}

fn withdraw(
    overlay: &mut Overlay<'_>,
    reference: &Reference,
    reason: &Texts,
    sender: &AgentId,
    now: Now<'_>,
) -> Result<Result<(), Rejection>, TableError> {
    let refuse = |code, subject: &str| Ok(Err(Rejection::new(code, subject)));
    let id = RecallId { member: sender.member().clone(), reference: reference.clone() };
    let Some(mut record) = read::<RecallRecord>(overlay, &id.key())? else {
        return refuse(RejectionCode::RecallUnknown, &id.to_string());
    };
    if let Some(before) = &record.withdrawn {
        if before.reason == *reason {
            return Ok(Ok(()));
        }
        return refuse(RejectionCode::RecallEnded, &id.to_string());
    }
    for item in &record.notice.items {
        let key = StateKey::RecallsOf(item.clone());
        let mut of = read::<OpenRecalls>(overlay, &key)?.unwrap_or_default();
        of.open.retain(|open| *open != id);
        if of.open.is_empty() {
            overlay.remove(key.encode());
        } else {
            overlay.put(key.encode(), codec::encode(&of));
        }
    }
    let mut count = count(overlay)?;
    count.open = count.open.saturating_sub(1);
    overlay.put(StateKey::RecallCount.encode(), codec::encode(&count));
    record.withdrawn = Some(Withdrawal { reason: reason.clone(), act: act(sender, now) });
    overlay.put(id.key().encode(), codec::encode(&record));
    Ok(Ok(()))
}

fn act(sender: &AgentId, now: Now<'_>) -> Act {
    Act { by: sender.clone(), height: now.height, at: now.block_time }
}

fn count(overlay: &Overlay<'_>) -> Result<RecallCount, TableError> {
    Ok(read(overlay, &StateKey::RecallCount)?.unwrap_or_default())
}

fn read<T: Serialize + DeserializeOwned>(
    overlay: &Overlay<'_>,
    key: &StateKey,
) -> Result<Option<T>, TableError> {
    let damaged = |error| TableError(format!("a record of recalls is damaged: {error}"));
    let bytes = overlay.get(&key.encode())?;
    bytes.map(|bytes| codec::decode(&bytes).map_err(damaged)).transpose()
}

#[cfg(test)]
mod tests;
