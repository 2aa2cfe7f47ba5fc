//! A page of links: where somebody who looked a thing up can go.

use askama::Template;

use super::{Frame, STYLE, Texts, rendered};

/// A link, as its owner put it on record.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Where.
    pub href: String,
    /// What it is.
    pub title: String,
    /// Its link type.
    pub kind: String,
    /// Its languages; empty when it has none.
    pub languages: String,
}

#[derive(Template)]
#[template(path = "ways.html")]
struct WaysPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'a str,
    about: &'a str,
    ways: &'a [Way],
}

/// The page of these links.
#[must_use]
pub fn ways(frame: &Frame, title: &str, about: &str, ways: &[Way]) -> String {
    rendered(&WaysPage { frame, t: frame.texts(), style: STYLE, title, about, ways })
}
