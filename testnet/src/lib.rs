//! # tracehold-testnet
//!
//! Makes and runs a whole network on one machine, loads it, breaks it, measures it.
//!
//! It knows a node only from outside: the `tracehold` binary, its files, its HTTP interface.
//! [`manifest`] says who takes part and makes their data folders with the binary's own commands.
//! [`spawn`] runs one node as a process. [`Testnet`] is a network of them; its methods in
//! [`perturb`] kill, pause and restart nodes. [`load`] makes realistic events and sends them.
//! [`measure`] reads what a node costs. [`client`] is a node's HTTP interface as its users see it.

pub mod client;
pub mod load;
pub mod manifest;
pub mod measure;
pub mod network;
pub mod perturb;
pub mod ports;
pub mod spawn;

pub use network::{Options, Testnet, TestnetError};
