//! # tracehold-node
//!
//! One member's node, and the `tracehold` command.

pub mod cli;
pub mod config;
pub mod fault;
pub mod keystore;
pub mod net;
pub mod replica;
pub mod runtime;
pub mod store;
pub mod view;
