//! How much work, and how many writes, agreements may make in one block: what makes a block cheap
//! whatever its members agree on.
//!
//! Work is counted in units that every validator counts alike, never in time. A unit is about what
//! it takes to go past one identifier in a list: a few nanoseconds. It is counted before it is
//! done and from what is kept of the agreement, as the most that it can be, so that no counting is
//! needed while conditions are evaluated.
//!
//! What a block does when it begins, and what its transactions set going, are counted apart: no
//! queue of things due keeps a delivery from being paid in its own block. What one transaction may
//! set going is less than what the block may: whatever others did in the block, there is that much
//! for each, or it waits for the next block.

/// Units for taking up an agreement: reading it and its terms, paying, writing it and queueing it.
pub const UNITS_PER_LOOK: u64 = 4_096;

/// Units for noting an event for an agreement that waits for one of its names.
pub const UNITS_PER_NOTE: u64 = 1_024;

/// Units for an entry of the index from names to agreements that is gone past.
pub const UNITS_PER_WATCH: u64 = 32;

/// Units for one fact that a condition is held against, beside what it says of items and readings.
pub const UNITS_PER_FACT: u64 = 16;

/// Bytes of values that agreements write for one unit: what long records cost to write and to put
/// under the root.
pub const BYTES_PER_UNIT: usize = 4;

/// Units for reading the record of a thing or of a balance.
pub const UNITS_PER_RECORD: u64 = 256;

/// The most that one look at one agreement may cost: facts that would make it cost more are not
/// kept ([`crate::agreement::facts`]). At a few nanoseconds a unit, some tens of milliseconds.
pub const MAX_UNITS_PER_AGREEMENT: u64 = 1 << 24;

/// Units that what is due may take when a block begins; the rest is done by the next blocks. The
/// agreement that goes over it is the last one.
pub const MAX_DUE_UNITS: u64 = 1 << 24;

/// Entries of the state that what is due may write when a block begins; the rest is done by the
/// next blocks.
pub const MAX_DUE_WRITES: usize = 30_000;

/// Units that the agreements which one transaction sets going may take in its block; the rest of
/// them is looked at when the next block begins.
pub const MAX_UNITS_PER_TRANSACTION: u64 = 1 << 24;

/// Units that all transactions of a block may take; one for which there is not enough left waits
/// for the next block. The first one of a block always has room.
pub const MAX_UNITS_PER_BLOCK: u64 = 1 << 25;

/// Entries of the state that agreements may write for one transaction before the rest of them is
/// left to the next block.
pub const MAX_WRITES_PER_TRANSACTION: usize = 15_000;

/// Entries of the state that agreements may write for all transactions of a block. They do not
/// count against who sent them; one for which there is no room left waits for the next block. The
/// first one of a block always has room.
pub const MAX_WRITES_PER_BLOCK: usize = 30_000;

/// What agreements did in a block so far, and may still do.
#[derive(Debug)]
pub struct Work {
    /// Units and writes of the transaction that runs, or of what is due.
    units: u64,
    writes: usize,
    bytes: usize,
    may: (u64, usize),
    /// Units and writes of the transactions before it.
    block_units: u64,
    block_writes: usize,
}

impl Work {
    /// At the beginning of a block.
    #[must_use]
    pub(crate) fn of_what_is_due() -> Work {
        let may = (MAX_DUE_UNITS, MAX_DUE_WRITES);
        Work { units: 0, writes: 0, bytes: 0, may, block_units: 0, block_writes: 0 }
    }

    /// What is due is done: from now on transactions run.
    pub(crate) fn begin_transactions(&mut self) {
        let may = (MAX_UNITS_PER_TRANSACTION, MAX_WRITES_PER_TRANSACTION);
        *self = Work { may, ..Work::of_what_is_due() };
    }

    /// Counts work.
    pub(crate) fn spend(&mut self, units: u64) {
        self.units = self.units.saturating_add(units);
    }

    /// Counts entries, and bytes of values, that agreements wrote.
    pub(crate) fn wrote(&mut self, entries: usize, bytes: usize) {
        self.writes = self.writes.saturating_add(entries);
        self.bytes = self.bytes.saturating_add(bytes);
        self.spend((bytes / BYTES_PER_UNIT) as u64);
    }

    /// Whether nothing more is to be begun in this block for the transaction that runs, or of what
    /// is due.
    #[must_use]
    pub(crate) fn is_over(&self) -> bool {
        self.units >= self.may.0 || self.writes >= self.may.1
    }

    /// Entries that agreements wrote for the transaction.
    #[must_use]
    pub(crate) fn writes(&self) -> usize {
        self.writes
    }

    /// Bytes of values that agreements wrote for the transaction.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Entries that agreements wrote for the transactions before.
    #[must_use]
    pub(crate) fn writes_before(&self) -> usize {
        self.block_writes
    }

    /// Whether the block has room for what agreements did for the transaction.
    #[must_use]
    pub(crate) fn fits(&self) -> bool {
        self.block_units.saturating_add(self.units) <= MAX_UNITS_PER_BLOCK
            && self.block_writes.saturating_add(self.writes) <= MAX_WRITES_PER_BLOCK
    }

    /// The transaction is in the block. Its work counts even when it was refused in the end: every
    /// node has done it. Of its writes only those that stay count.
    pub(crate) fn keep(&mut self, writes_stay: bool) {
        self.block_units = self.block_units.saturating_add(self.units);
        if writes_stay {
            self.block_writes = self.block_writes.saturating_add(self.writes);
        }
        self.give_back();
    }

    /// The transaction is not in the block.
    pub(crate) fn give_back(&mut self) {
        (self.units, self.writes, self.bytes) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P86: whatever transactions before it did, each has its part, or waits for a block
    /// in which it has; what one that is not in the block did costs the others nothing.
    #[test]
    fn each_transaction_has_its_part() {
        let mut work = Work::of_what_is_due();
        work.spend(MAX_DUE_UNITS);
        assert!(work.is_over());
        work.begin_transactions();
        assert!(!work.is_over());
        for _ in 0..2 {
            work.spend(MAX_UNITS_PER_TRANSACTION);
            assert!(work.is_over() && work.fits());
            work.keep(true);
        }
        work.spend(1);
        assert!(!work.is_over() && !work.fits());
        work.give_back();
        assert!(work.fits());
    }

    /// Promise P86: a refused transaction wrote nothing, but every node has done its work.
    #[test]
    fn work_of_a_refused_transaction_counts_and_its_writes_do_not() {
        let mut work = Work::of_what_is_due();
        work.begin_transactions();
        work.spend(MAX_UNITS_PER_BLOCK);
        work.wrote(MAX_WRITES_PER_BLOCK, 0);
        work.keep(false);
        work.wrote(MAX_WRITES_PER_BLOCK, 0);
        assert!(work.fits());
        work.spend(1);
        assert!(!work.fits());
    }
}
