//! What this node keeps on its disk, and how it comes back from it.
//!
//! The truth is in two logs of plain append-only files, reached through [`disk`]: the
//! [`block_log`] holds every decided block with its certificate, the [`vote_log`] what this node
//! has said in the height being decided. Both are synced before anything that rests on them leaves
//! the node. The sled table ([`sled_table`]) holds the state and the history indexes that queries
//! read; the [`writer`] fills it behind the blocks, and [`recover`] brings it back to the log's tip
//! at start, from nothing if need be: it may be deleted at any time.

pub mod block_log;
pub mod disk;
pub mod file_disk;
pub mod lock;
pub mod memory_disk;
pub mod recover;
pub mod sled_table;
mod squeeze;
pub mod vote_log;
pub mod writer;

pub use block_log::{BlockLog, BlockReader};
pub use disk::Disk;
pub use file_disk::FileDisk;
pub(crate) use file_disk::sync_folder;
pub use lock::{DataLock, LockError};
pub use memory_disk::MemoryDisk;
pub use sled_table::SledTable;
pub use vote_log::{VoteLog, Votes};
pub use writer::TableWriter;
