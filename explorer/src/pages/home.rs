//! The first page: search, what needs looking into, the latest events.

use askama::Template;
use tracehold_chain::units::TimestampMs;

use super::item::Names;
use super::{Frame, STYLE, Texts, rendered};
use crate::story::{Chapter, Recorded, Reference, moment, tell_all};
use crate::verdict::{Oddity, Signal};

/// How far the ledger is.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The newest block.
    pub height: u64,
    /// Its time.
    pub block_time: TimestampMs,
}

/// What the first page shows.
#[derive(Clone, Debug)]
pub struct Home {
    /// How far the ledger is.
    pub head: Head,
    /// The newest events.
    pub latest: Vec<Recorded>,
    /// Items with something open, by identifier, with the worst of it.
    pub open: Vec<(String, Oddity)>,
    /// The newest recalls that hold: what is wrong, with their pages.
    pub recalls: Vec<Reference>,
    /// How many hold besides.
    pub more_recalls: u64,
    /// How many of the newest events were looked at for what is open.
    pub looked_at: usize,
    /// Names of all that the page tells of.
    pub names: Names,
}

struct OpenItem {
    item: Reference,
    signal: Signal,
    word: &'static str,
    what: String,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'a str,
    height: u64,
    block_time: String,
    latest: Vec<Chapter>,
    open: Vec<OpenItem>,
    recalls: &'a [Reference],
    more_recalls: u64,
    looked_at: usize,
}

/// The first page.
#[must_use]
pub fn home(frame: &Frame, home: &Home) -> String {
    let language = frame.language;
    let mut open: Vec<OpenItem> = home
        .open
        .iter()
        .map(|(id, oddity)| OpenItem {
            item: home.names.thing(id, language),
            signal: oddity.signal(),
            word: oddity.signal().word(language),
            what: oddity.told(language).what,
        })
        .collect();
    open.sort_by_key(|item| std::cmp::Reverse(item.signal));
    rendered(&HomePage {
        frame,
        t: frame.texts(),
        style: STYLE,
        title: frame.texts().tagline,
        height: home.head.height,
        block_time: moment(home.head.block_time, language),
        latest: tell_all(&home.latest, &home.names.places, language),
        open,
        recalls: &home.recalls,
        more_recalls: home.more_recalls,
        looked_at: home.looked_at,
    })
}
