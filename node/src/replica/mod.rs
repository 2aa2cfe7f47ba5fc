//! The replica: a whole node but for its input and output.

mod effect;
mod input;
mod standin;

pub use effect::{Committed, Effect, Topic};
pub use input::{Input, RequestId, Ticket, TimerId, TimerStep};
pub use standin::{Layer, Receipt, Rejection};
