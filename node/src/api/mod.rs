//! The HTTP side of a node.
//!
//! [`server`] accepts connections under deadlines; [`router`] is what they reach. A request passes
//! [`metrics`], [`headers`] and [`rate`], [`auth`] says who it is from, and it reaches a handler:
//! [`capture`], [`events`], [`query`], [`subscriptions`] and [`sockets`] speak GS1's EPCIS binding,
//! [`blocks`] and [`feed`] tell of the ledger itself, [`items`], [`trace`] and [`footprint`] of
//! goods, [`masterdata`] and [`pictures`] of products, places and parties, [`webhooks`] sends news
//! out, [`readings`] takes what sensors say, [`tools`] help without recording anything,
//! [`accounts`], [`money`], [`holds`] and [`approvals`] are about money, [`agreements`] about money
//! that moves when the goods do; [`entries`] says how both are written and [`body`] reads commands.
//! [`pages`] shows items to people, [`health`] and [`metrics`] are for those who run the node.
//! [`prepare`] makes transactions of events, [`submit`] hands them in, [`records`] reads.
//! [`visible`] decides who sees what. Whatever fails is a [`problem`]. Every limit is in
//! [`limits`].

mod accounts;
mod agreements;
mod approvals;
mod auth;
mod blocks;
mod body;
mod capture;
mod entries;
mod epc_format;
mod events;
mod extract;
mod feed;
mod footprint;
mod headers;
mod health;
mod holds;
mod items;
mod jobs;
pub mod limits;
mod masterdata;
mod metrics;
mod money;
mod money_pages;
mod openapi;
mod pages;
mod paging;
mod pictures;
mod prepare;
pub mod problem;
mod query;
mod rate;
mod readings;
mod records;
mod server;
mod sessions;
mod sockets;
mod state;
mod submit;
mod subscriptions;
#[cfg(test)]
mod tests;
mod told;
mod tools;
mod trace;
pub mod visible;
mod webhooks;

pub use epc_format::EpcFormat;
pub(crate) use feed::{after_block, entry as feed_entry};
pub use health::Readiness;
pub use jobs::Jobs;
pub use metrics::SharedRegistry;
pub use openapi::{document as openapi_document, router};
pub use server::serve;
pub use state::{ApiParts, ApiState};

use tracehold_chain::units::TimestampMs;

/// This machine's clock. Only the edge of the node reads it.
pub(crate) fn now() -> TimestampMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.map(|since| since.as_millis()).unwrap_or_default();
    TimestampMs(u64::try_from(ms).unwrap_or(u64::MAX))
}
