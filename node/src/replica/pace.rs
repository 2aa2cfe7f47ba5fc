//! When the next height begins. An idle network makes no blocks but one now and then, and one when
//! something is due on the ledger: a deadline is work, as a transaction is.

use tracehold_chain::state::Due;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::Layer;

use super::{Effect, Replica, TimerId};

/// Doublings of the minimum interval while blocks come out empty though work waits: what waits is
/// then not (yet) fit for a block, and the network should not spin on it.
const MAX_FRUITLESS_DOUBLINGS: u32 = 8;

/// The clock of the next height.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// No height begins before this, so that blocks are at least the minimum interval apart.
    not_before: TimestampMs,
    /// A height begins at this time even if nothing waits.
    idle_at: TimestampMs,
    /// Whether work waited when the height under way began.
    work_waited: bool,
    /// Empty blocks in a row while work waited.
    fruitless: u32,
}

impl Replica {
    /// Sets the clock after a block. `decided_here` says that this node took part in deciding it
    /// just now, rather than taking it over from a peer; `empty` that it did nothing.
    pub(super) fn reset_pace(&mut self, decided_here: bool, empty: bool) {
        let (min, idle) =
            (self.parameters.min_block_interval_ms, self.parameters.idle_block_interval_ms);
        let block_time = self.ledger.head().block_time;
        if decided_here {
            let fruitless = empty && self.pace.work_waited;
            self.pace.fruitless = if fruitless { self.pace.fruitless.saturating_add(1) } else { 0 };
            let doublings = self.pace.fruitless.min(MAX_FRUITLESS_DOUBLINGS);
            let wait = min.saturating_mul(1 << doublings).min(idle.max(min));
            self.pace.not_before = self.now.plus_ms(wait);
            self.pace.idle_at = self.now.plus_ms(idle);
        } else {
            // Peers may be waiting for this node: it joins them at once.
            self.pace.not_before = self.now;
            self.pace.idle_at = self.now.min(block_time).plus_ms(idle).max(self.now);
        }
    }

    /// Begins the next height if it is time, or sets the timer for when it will be.
    ///
    /// It is time when work waits, or something is due on the ledger, or others have begun (their
    /// messages for this height came, rightly signed), and the minimum interval has passed; or when
    /// the idle interval has passed.
    pub(super) fn pace(&mut self) {
        if self.running || self.stalled || self.outbox.is_halted() {
            return;
        }
        let begun = self.early.begun(self.height, self.ledger.validators());
        let due = match begun || !self.pool.is_empty() {
            true => self.pace.not_before,
            false => self.pace.idle_at.min(self.work_due_at()).max(self.pace.not_before),
        };
        // A step that commits a block never votes on the next one: the votes of the block's height
        // are dropped with the next height's start, and the block must be synced by then.
        if due <= self.now && !self.committed_in_step {
            self.pace.work_waited = !self.pool.is_empty() || self.work_due_at() <= self.now;
            self.start_height();
        } else {
            let after_ms = due.since_ms(self.now);
            self.outbox.push(Effect::SetTimer { id: TimerId::Pace, after_ms });
        }
    }

    /// From when on, by this node's clock, the next block has something due to do. A block whose
    /// time could not be earlier than that has it at once, whatever the clock says.
    fn work_due_at(&self) -> TimestampMs {
        let earliest = self.ledger.head().block_time.plus_ms(1);
        match self.ledger.next_due() {
            Some(at) if at <= earliest => TimestampMs(0),
            Some(at) => at,
            None => TimestampMs(u64::MAX),
        }
    }

    /// Whether a block of this time does something that is due.
    pub(super) fn is_due_at(&self, block_time: TimestampMs) -> bool {
        self.ledger.next_due().is_some_and(|at| at <= block_time)
    }
}

/// Whether a block did something that was due: it took something off the queue.
pub(super) fn did_due_work(layer: &Layer) -> bool {
    let (first, end) = Due::range();
    layer.writes.range(first..end).any(|(_, value)| value.is_none())
}
