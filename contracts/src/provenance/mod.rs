//! The story of a thing: what each event says of each item, and what is known of the item then.
//!
//! [`Facts`] is what one event says. [`capture`] records it: a [`Step`] in the journal of each item
//! it names, and the item's new [`ItemState`]. The rules are in [`mod@fold`], a pure function over
//! steps in the order of the story; `docs/custody.md` tells them in sentences.

mod capture;
mod facts;
pub mod fold;
pub(crate) mod journal;
mod packing;
mod present;
pub mod quantity;
mod sensor;
mod state;
mod step;
pub mod trace;
mod transformation;
mod words;

pub use capture::{
    At, Captured, EventAnomaly, EventRecord, MAX_WRITTEN_BYTES_PER_TRANSACTION, capture,
};
pub use facts::{
    Facts, MAX_PACKING_DEPTH, MAX_REFERENCES, MAX_STEP_TEXT_BYTES, NamedItem, Telling,
};
pub use fold::{AsOf, Folded, Judgement, LeftOut, fold, fold_of, state_as_of};
pub use journal::{MAX_REFOLD_STEPS, MAX_REFOLD_STEPS_PER_BLOCK, MadeOf, leaf};
pub use present::{Present, present};
pub use quantity::MAX_UNITS;
pub use sensor::MAX_READINGS_JUDGED_PER_BLOCK;
pub use state::{
    Balance, Emptied, Ending, ItemState, Life, MAX_BALANCES, MAX_EMPTIED, MAX_HOLDERS,
    MAX_OPEN_ANOMALIES, MAX_TRANSITS, OpenAnomaly, Said, Transit,
};
pub use step::{
    Amount, Basis, Correction, Edge, Inherited, ItemRecord, JOURNAL_CHUNK, JournalChunk, Mark,
    Party, SensorVerdict, Standing, Step, Unit,
};
pub use transformation::{MAX_TRANSFORMATION_PARTS, TransformationPart, TransformationRecord};
pub use words::{AnomalyWords, words};
