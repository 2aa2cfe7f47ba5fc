//! # tracehold-node
//!
//! One member's node, and the `tracehold` command.

pub mod config;
pub mod keystore;
pub mod net;
pub mod replica;
