//! The HTTP side of a node.
//!
//! [`server`] accepts connections under deadlines; [`router`] is what they reach. A request passes
//! [`metrics`], [`headers`] and [`rate`], [`auth`] says who it is from, and it reaches a handler:
//!
//! - [`capture`], [`events`], [`query`], [`subscriptions`] and [`sockets`] speak GS1's EPCIS
//!   binding;
//! - [`blocks`] and [`feed`] tell of the ledger itself, [`network`] of its nodes;
//! - [`items`], [`trace`] and [`footprint`] tell of goods, [`readings`] takes what sensors say;
//! - [`masterdata`] and [`pictures`] are about products, places and parties;
//! - [`resolver`] answers lookups of Digital Links by what [`links`] has on record;
//! - [`recalls`] says what must not be used any more, and all that it reaches;
//! - [`passport`] issues credentials under the keys that [`did`] shows;
//! - [`accounts`], [`money`], [`holds`] and [`approvals`] are about money, [`agreements`] about
//!   money that moves when the goods do; [`entries`] says how both are written, [`body`] reads
//!   commands and [`command`] hands them in;
//! - [`scans`] counts scans and takes reports of problems;
//! - [`webhooks`] sends news out, [`tools`] help without recording anything;
//! - [`pages`] and [`money_pages`] show all that to people;
//! - [`health`], [`metrics`] and [`gauges`] are for those who run the node.
//!
//! [`prepare`] makes transactions of events, [`submit`] hands them in, [`records`] reads.
//! [`visible`] decides who sees what, [`public`] is what callers without a key are told. Whatever
//! fails is a [`problem`]. Every limit is in [`limits`].

mod accounts;
mod agreements;
mod approvals;
mod auth;
mod blocks;
mod body;
mod capture;
mod command;
mod described;
mod did;
mod entries;
mod epc_format;
mod events;
mod evidence;
mod evidence_file;
mod extract;
mod feed;
mod footprint;
mod gauges;
mod goods;
mod headers;
mod health;
mod holds;
mod items;
mod jobs;
pub mod limits;
mod links;
mod masterdata;
mod metrics;
mod money;
mod money_pages;
mod network;
mod one_or_page;
mod openapi;
mod pages;
mod paging;
mod passport;
mod pictures;
pub(crate) mod prepare;
pub mod problem;
mod public;
mod query;
mod rate;
mod readings;
mod recalls;
mod records;
mod resolver;
mod scans;
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

pub(crate) use agreements::stage_code;
pub(crate) use entries::decimal;
pub use epc_format::EpcFormat;
pub(crate) use feed::{after_block, entry as feed_entry};
pub use health::Readiness;
pub use jobs::Jobs;
pub use metrics::SharedRegistry;
pub use openapi::{document as openapi_document, router};
pub use recalls::find_ahead as find_recalls_ahead;
pub use server::serve;
pub use state::{ApiParts, ApiState};

use tracehold_chain::units::TimestampMs;

/// This machine's clock. Only the edge of the node reads it.
pub(crate) fn now() -> TimestampMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.map(|since| since.as_millis()).unwrap_or_default();
    TimestampMs(u64::try_from(ms).unwrap_or(u64::MAX))
}
