//! Every limit of terms, once. `docs/operating.md` lists them.

/// Bytes of an agreement's title.
pub const MAX_TITLE_BYTES: usize = 200;

/// Roles of an agreement, at least and at most.
pub const ROLES: std::ops::RangeInclusive<usize> = 2..=8;

/// Deposits of an agreement.
pub const MAX_DEPOSITS: usize = 8;

/// Milestones of an agreement.
pub const MAX_MILESTONES: usize = 16;

/// Conditions of all milestones together, those inside others counted.
pub const MAX_CONDITIONS: usize = 64;

/// Conditions on readings among them: what sensors said is kept for each of them, with each event.
pub const MAX_READINGS: usize = 8;

/// Conditions one inside another. Deeper ones are not even read.
pub const MAX_CONDITION_DEPTH: usize = 8;

/// Payouts of one list.
pub const MAX_PAYOUTS: usize = 8;

/// Things that an agreement names as its goods.
pub const MAX_ITEMS: usize = 1_000;

/// The largest quantity of a class of goods.
pub const MAX_GOODS_QUANTITY: u64 = 1_000_000_000_000_000;

/// Ways in which an agreement may end, those before it runs included.
pub const MAX_OUTCOMES: usize = 4_096;

/// How far ahead the deadline may be, and the longest of all durations: ten years.
pub const MAX_AHEAD_MS: u64 = 10 * 366 * 24 * 3_600_000;
