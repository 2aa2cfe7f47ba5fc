//! # tracehold-node
//!
//! One member's node, and the `tracehold` command.

pub mod api;
pub mod audit;
pub mod cli;
pub mod config;
pub mod deliver;
pub mod fault;
pub mod index;
pub mod keystore;
pub mod net;
pub mod node;
pub mod pictures;
pub mod queries;
pub mod recalls;
pub mod replica;
pub mod runtime;
pub mod scans;
pub mod store;
#[cfg(test)]
mod testing;
pub mod view;
