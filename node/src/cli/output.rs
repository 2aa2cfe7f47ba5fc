//! Writing to people and programs. A reader that goes away (`tracehold … | head`) is no error.

use std::io::{ErrorKind, Write as _};

use serde::Serialize;

use super::Failure;

/// Writes one line to stdout at once.
///
/// # Errors
/// [`Failure::ReaderGone`] when nobody reads it any more.
pub fn line(text: impl AsRef<str>) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_ref().as_bytes())
        .and_then(|()| stdout.write_all(b"\n"))
        .and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Refused(format!("cannot write to stdout: {error}")),
    })
}

/// Writes `value` to stdout as one line of JSON.
///
/// # Errors
/// [`Failure::ReaderGone`] when nobody reads it any more.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(serde_json::to_string(value).expect("plain records are JSON"))
}

/// Writes one line to stderr; when nobody reads it, it is lost.
pub fn note(text: impl AsRef<str>) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_ref().as_bytes()).and_then(|()| stderr.write_all(b"\n"));
}
