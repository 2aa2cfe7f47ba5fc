//! Pages of facts and lists: one form for places, parties, the network, blocks and shipments.

use askama::Template;

use super::{Frame, STYLE, Texts, rendered};
use crate::story::{Chapter, Reference};
use crate::verdict::Signal;

/// One cell of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub text: String,
    pub path: Option<String>,
    pub signal: Option<Signal>,
    pub is_code: bool,
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }

    pub fn code(text: impl Into<String>) -> Cell {
        Cell { is_code: true, ..Cell::text(text) }
    }

    pub fn link(to: Reference) -> Cell {
        Cell { text: to.text, path: to.path, ..Cell::default() }
    }

    pub fn signal(signal: Signal, text: impl Into<String>) -> Cell {
        Cell { signal: Some(signal), ..Cell::text(text) }
    }
}

/// A list, which turns its rows into cards on a narrow screen.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    pub title: &'static str,
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// What is said when there are no rows.
    pub empty: &'static str,
}

/// A page of facts and lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Plain {
    pub title: String,
    pub id: Option<String>,
    pub intro: &'static str,
    pub facts: Vec<(&'static str, Vec<Cell>)>,
    pub lists: Vec<List>,
    pub chapters: Option<(&'static str, Vec<Chapter>, &'static str)>,
    pub notes: Vec<String>,
    pub is_wide: bool,
}

#[derive(Template)]
#[template(path = "plain.html")]
struct PlainPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'a str,
    plain: &'a Plain,
}

pub(super) fn plain(frame: &Frame, plain: &Plain) -> String {
    let (t, title) = (frame.texts(), plain.title.as_str());
    rendered(&PlainPage { frame, t, style: STYLE, title, plain })
}
