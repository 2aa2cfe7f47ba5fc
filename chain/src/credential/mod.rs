//! Credentials: what an owner says of a product, signed so that a stranger checks it offline.
//!
//! [`passport`] puts facts into the shape of a UNTP Digital Product Passport, a W3C Verifiable
//! Credential 2.0. [`proof`] signs it (Data Integrity, `eddsa-jcs-2022`), [`did`] says whose the
//! key is (`did:key`, `did:web`), and [`verify`] checks all of it without a network.

pub mod did;
pub mod passport;
pub mod proof;
pub mod verify;

pub use passport::{Emissions, Facts, Granularity, Issuer, KnownAs, WebLink};
pub use verify::{Verified, verify};

#[cfg(test)]
mod tests;
