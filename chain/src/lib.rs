//! # tracehold-chain
//!
//! What a record and a block are, and how validators agree on them. Pure: no clock, socket, file
//! or async runtime.
//!
//! Read in this order. [`units`], [`digest`], [`codec`], [`keys`] and [`merkle`] are the alphabet.
//! [`epcis`] is the record people bring: a GS1 event, split into salted sections. A
//! [`transaction`] commits to events under one signature; a [`block`] orders transactions and
//! commits to the result of executing them; a [`certificate`] makes it final for a set of
//! [`validators`]; [`genesis`] is where all of it starts. The [`mempool`] holds what waits.
//! [`masterdata`] is what owners say of products, places and parties. [`money`] is what is owned
//! and moved, [`agreement`] the terms on which it waits. A [`credential`] is what an owner says of
//! a product in a form that strangers check without this ledger; a [`recall`] is what its maker
//! says when it must not be used.
//! [`state`] is what blocks change, under one root. [`consensus`] gives Malachite's core our types.
//! [`evidence`] is what a stranger needs to check any of it without trusting whoever shows it.
//! Every fixed limit is in [`limits`].

pub mod agreement;
pub mod anomaly;
pub mod block;
pub mod certificate;
pub mod codec;
pub mod consensus;
pub mod credential;
pub mod digest;
pub mod epcis;
pub mod evidence;
pub mod genesis;
pub mod keys;
pub mod limits;
pub mod masterdata;
pub mod mempool;
pub mod merkle;
pub mod money;
pub mod recall;
pub mod state;
pub mod transaction;
pub mod units;
pub mod validators;
