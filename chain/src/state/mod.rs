//! What blocks change: ordered keys and values, and one root over all of them.
//!
//! [`table`] is where keys and values are kept, [`key`] spells every key, [`tree`] keeps the root,
//! [`proof`] shows a stranger what is under it, and [`item_log`] is the log each item has there.

pub mod item_log;
pub mod key;
pub mod proof;
pub mod table;
pub mod tree;

pub use item_log::{ItemHead, ItemLeaf, ItemRole, Leads};
pub use key::{Due, Position, StateKey};
pub use proof::{ProofError, StateProof};
pub use table::{Batch, MemoryTable, Pair, Table, TableError};
pub use tree::{StateTree, TreeChange};
