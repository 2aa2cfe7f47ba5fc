//! The replica: a whole node but for its input and output.

mod driver;
mod effect;
mod guard;
mod input;
mod standin;
mod vote_log;

pub use effect::{Committed, Effect, Topic};
pub use input::{Input, RequestId, Ticket, TimerId, TimerStep};
pub use standin::{Layer, Receipt, Rejection};
