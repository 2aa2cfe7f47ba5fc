//! Evidence: what a stranger needs to check what is on record of a thing, without trusting whoever
//! shows it.
//!
//! One file ([`Evidence`], JSON in the one spelling of RFC 8785; `docs/evidence.md` describes it)
//! holds a block header with the votes that made it final, the validators with the genesis record
//! they come from, and under the header's state root the log of the item, the logs of what it was
//! packed in and, on request, of what it was made of, with the events in their sections, and the
//! open recalls that name any of these or its product, or that none does.
//!
//! What must be in the file is not for its maker to say. [`walk`](mod@walk) follows the leaves of
//! the logs themselves: every packing leads to the container's log, every transformation to the
//! logs of what went in. The maker ([`draft`], [`Draft::seal`]) and the checker ([`verify()`]) both
//! walk; the checker refuses a file that lacks anything the walk asks for, holds anything it does
//! not ask for, or ends anywhere but at the named limits below. Pure: no clock, no socket, no file.

mod build;
mod failure;
mod file;
mod recalls;
mod report;
mod verify;
pub mod walk;
mod words;

pub use build::{Draft, Entry, Network, Show, Source, Unsealed, draft, draft_state};
pub use failure::{Failure, Reason, Trust, Unreadable, VerifyError};
pub use file::{
    About, Bytes, EVIDENCE_FORMAT, EVIDENCE_VERSION, Evidence, LogEntry, LogFile, Presence,
    ProductFile, RecallFile, SectionFile, ShownEvent, StateFile, Vote, Votes,
};
pub use recalls::OpenRecall;
pub use report::{Finding, Place, Report, Sentence};
pub use verify::verify;
pub use walk::{Cut, CutReason, Span};

/// Bytes of an evidence file that is read.
pub const MAX_EVIDENCE_BYTES: usize = 16 * 1024 * 1024;

/// Logs in one file: of the item, of containers and of what it was made of.
pub const MAX_EVIDENCE_LOGS: usize = 256;

/// Newest entries of one log that are shown; of a longer one the older are left out, which is said.
pub const MAX_LOG_ENTRIES: u64 = 512;

/// Entries of one log beyond which none of it is shown: to show the newest, all must be read.
pub const MAX_LOG_COUNT: u64 = 65_536;

/// Levels of what a thing was made of that are followed at most.
pub const MAX_INPUT_LEVELS: u8 = 16;

/// Containers in containers that are followed: as many as the ledger allows.
pub const MAX_CONTAINER_LEVELS: u8 = 16;

/// Spans of time in containers that one walk looks into.
pub const MAX_SPANS: usize = 4_096;

/// Bytes of events shown in one file; of what comes later in the order of recording all sections
/// are withheld.
pub const MAX_SHOWN_BYTES: usize = 4 * 1024 * 1024;
