//! What the standards' authors and others publish as test data, against this crate.
//!
//! The corpora are not part of the project. They are read from `../shared/corpora` beside the
//! repository; without them only the project's own fixtures run, and the tests say so, or fail when
//! `TRACEHOLD_CORPORA` is `required`.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its input fails")]

mod application_identifiers;
mod digital_link;
mod event_hash;
mod invalid;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The file or folder `name` of the corpora, if it is here.
fn corpus(name: &str) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora").join(name);
    if place.exists() {
        return Some(place);
    }
    let is_required = std::env::var("TRACEHOLD_CORPORA").is_ok_and(|wanted| wanted == "required");
    assert!(!is_required, "TRACEHOLD_CORPORA is required and {} is missing", place.display());
    println!("NOT RUN: no corpus at {}; the project's own fixtures only", place.display());
    None
}

/// The JSON value in a file.
fn read_json(file: &Path) -> Value {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
