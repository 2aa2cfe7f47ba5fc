//! Events in the logs of the items they name.

mod capture;
mod facts;

pub use capture::{Captured, EventRecord, capture};
pub use facts::{Facts, NamedItem};
