//! What happens by itself when a block begins: holds and approvals that expire, agreements to look
//! at.
//!
//! Each kind has a queue of its own. What is oldest is done first, of all kinds; when more is due
//! than one block does, what expires takes at most its part, so that no number of holds keeps
//! agreements waiting. What is left, of which agreements also are bounded by the work they make
//! ([`crate::work`]), is done by the next blocks, as of the time when it was due.

use std::collections::VecDeque;

use tracehold_chain::money::AgreementId;
use tracehold_chain::state::{Due, Pair, TableError};
use tracehold_chain::units::TimestampMs;

use crate::agreement;
use crate::execute::{Now, Staged};
use crate::money;

/// Things that are done at the beginning of one block; what else is due waits for the next.
pub const MAX_DUE_PER_BLOCK: usize = 1_000;

/// Holds and approvals that expire at the beginning of one block while agreements are due: half of
/// what a block does, so that agreements always have the other half.
pub const MAX_EXPIRED_PER_BLOCK: usize = 500;

/// Reads at most one entry of the state between two keys.
pub(crate) type First<'a> = &'a dyn Fn(&[u8], &[u8]) -> Result<Vec<Pair>, TableError>;

/// When something is due next.
pub(crate) fn next(first: First<'_>) -> Result<Option<TimestampMs>, TableError> {
    let mut next: Option<TimestampMs> = None;
    for kind in Due::KINDS {
        let (from, end) = Due::range_of(kind);
        if let Some((key, _)) = first(&from, &end)?.first() {
            let at = read(key)?.at;
            next = Some(next.map_or(at, |next| next.min(at)));
        }
    }
    Ok(next)
}

fn read(key: &[u8]) -> Result<Due, TableError> {
    Due::of_key(key).ok_or_else(|| TableError("the queue of what is due is damaged".into()))
}

/// The queue of one kind.
struct Queue {
    kind: u8,
    /// The oldest that are due, as they were when they were read.
    read: VecDeque<Due>,
}

impl Queue {
    /// The oldest that is due; reads on when those that were read are done.
    fn first(
        &mut self,
        staged: &Staged<'_>,
        block_time: TimestampMs,
        room: usize,
    ) -> Result<Option<&Due>, TableError> {
        if self.read.is_empty() {
            let (first, end) = Due::range_until(self.kind, block_time);
            let page = staged.overlay.range(&first, &end, room)?;
            self.read = page.iter().map(|(key, _)| read(key)).collect::<Result<_, _>>()?;
        }
        Ok(self.read.front())
    }
}

/// Does what is due, oldest first.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub(crate) fn run(staged: &mut Staged<'_>, now: Now<'_>) -> Result<(), TableError> {
    let mut queues = Due::KINDS.map(|kind| Queue { kind, read: VecDeque::new() });
    let mut expired = 0;
    for done in 0..MAX_DUE_PER_BLOCK {
        let room = MAX_DUE_PER_BLOCK.saturating_sub(done);
        // What expires costs little: it goes on when agreements have used up the block's work.
        let is_over = staged.work.is_over();
        let (mut oldest, mut agreement): (Option<Due>, Option<Due>) = (None, None);
        for queue in &mut queues {
            if is_over && queue.kind == Due::AGREEMENT {
                continue;
            }
            let Some(first) = queue.first(staged, now.block_time, room)?.cloned() else { continue };
            if first.kind == Due::AGREEMENT {
                agreement = Some(first.clone());
            }
            let is_older = |oldest: &Due| (first.at, first.kind) < (oldest.at, oldest.kind);
            if oldest.as_ref().is_none_or(is_older) {
                oldest = Some(first);
            }
        }
        let next = if expired >= MAX_EXPIRED_PER_BLOCK { agreement.or(oldest) } else { oldest };
        let Some(due) = next else { return Ok(()) };
        if due.kind != Due::AGREEMENT {
            expired += 1;
        }
        for queue in queues.iter_mut().filter(|queue| queue.kind == due.kind) {
            queue.read.pop_front();
        }
        do_one(staged, due, now)?;
    }
    Ok(())
}

/// Does one thing, and what it sets going: what is paid can be what agreements wait for.
fn do_one(staged: &mut Staged<'_>, due: Due, now: Now<'_>) -> Result<(), TableError> {
    let (kind, which) = (due.kind, due.which);
    staged.unqueue(due);
    match kind {
        Due::HOLD => staged.for_agreements(|staged| money::expire_hold(staged, &which))?,
        Due::APPROVAL => staged.for_agreements(|s| money::expire_approval(s, &which, now))?,
        _ => agreement::look_at(staged, AgreementId(which), now)?,
    }
    agreement::settle(staged, now)
}
