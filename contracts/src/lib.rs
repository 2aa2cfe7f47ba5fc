//! # tracehold-contracts
//!
//! What a transaction means. Pure: a block and a state go in, an outcome comes out.
//!
//! [`ledger`] is the door: it admits transactions, proposes, applies and commits blocks.
//! [`admission`] is everything that can be said of a transaction before its turn; [`execute`] runs
//! admitted transactions over an [`overlay`], each all or nothing, and gives a [`receipt`] for
//! each. [`authority`] knows members and who signs for them; [`provenance`] records events in the
//! logs of the items they name; [`masterdata`] keeps what owners say of products, places and
//! parties; [`money`] keeps accounts in balance; [`agreement`] moves money when the goods do. A
//! decided block becomes a [`layer`] of writes. [`footprint`] adds up the carbon that
//! events tell of. [`recall`] says what must not be used any more, and all that it reaches.

pub mod admission;
pub mod agreement;
pub mod authority;
mod due;
pub mod execute;
pub mod footprint;
pub mod layer;
pub mod ledger;
pub mod masterdata;
pub mod money;
pub mod overlay;
pub mod provenance;
pub mod recall;
pub mod receipt;
mod stop;
pub mod work;

pub use admission::Admitted;
pub use layer::{Head, Layer};
pub use ledger::{InvalidBlock, Ledger, LedgerError, Outcome};
pub use receipt::{Effects, Receipt, Rejection, RejectionCode, TransactionRecord, Verdict};
