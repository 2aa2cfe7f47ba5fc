//! The HTTP side of a node.
//!
//! [`server`] accepts connections under deadlines; [`router`] is what they reach. A request passes
//! [`metrics`], [`headers`] and [`rate`], [`auth`] says who it is from, and it reaches a handler:
//! [`capture`] and [`events`] speak GS1's EPCIS binding, [`blocks`] and [`feed`] tell of the ledger
//! itself, [`items`] and [`trace`] of goods, [`pages`] shows items to people, [`health`] and [`metrics`] are for those who run the
//! node. [`prepare`] makes transactions of events, [`submit`] hands them in, [`records`] reads.
//! [`visible`] decides who sees what. Whatever fails is a [`problem`]. Every limit is in
//! [`limits`].

mod auth;
mod blocks;
mod capture;
mod events;
mod extract;
mod feed;
mod headers;
mod health;
mod items;
mod jobs;
pub mod limits;
mod metrics;
mod openapi;
mod pages;
mod paging;
mod prepare;
pub mod problem;
mod rate;
mod records;
mod server;
mod state;
mod submit;
#[cfg(test)]
mod tests;
mod told;
mod trace;
pub mod visible;

pub use health::Readiness;
pub use metrics::SharedRegistry;
pub use openapi::{document as openapi_document, router};
pub use server::serve;
pub use state::{ApiParts, ApiState};

use tracehold_chain::units::TimestampMs;

/// This machine's clock. Only the edge of the node reads it.
fn now() -> TimestampMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.map(|since| since.as_millis()).unwrap_or_default();
    TimestampMs(u64::try_from(ms).unwrap_or(u64::MAX))
}
