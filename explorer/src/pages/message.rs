//! Pages that say what is not here, and what to do about it.

use askama::Template;

use super::{Frame, STYLE, Texts, rendered};

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'a str,
    about: &'a str,
    help: &'a str,
    examples: &'a [&'a str],
}

/// Scan links that show what one looks like.
const EXAMPLES: [&str; 4] = [
    "/01/09506000134352/21/12345",
    "/01/09506000134352/10/LOT-A",
    "/01/09506000134352",
    "/00/095060001343520006",
];

/// The page for a well-formed identifier that no event names.
#[must_use]
pub fn unknown_item(frame: &Frame, described: &str) -> String {
    let t = frame.texts();
    message(frame, t.unknown_item, described, t.unknown_item_help, &[])
}

/// The page for an eventID that nobody recorded.
#[must_use]
pub fn unknown_event(frame: &Frame, event_id: &str) -> String {
    let t = frame.texts();
    message(frame, t.unknown_event, event_id, t.unknown_event_help, &[])
}

/// The page for what is no identifier.
#[must_use]
pub fn malformed(frame: &Frame, given: &str) -> String {
    let t = frame.texts();
    message(frame, t.malformed, given, t.malformed_help, &EXAMPLES)
}

pub(super) fn message(
    frame: &Frame,
    title: &str,
    about: &str,
    help: &str,
    examples: &[&str],
) -> String {
    rendered(&MessagePage { frame, t: frame.texts(), style: STYLE, title, about, help, examples })
}
