//! The pages themselves. Every value is HTML-escaped by the templates.

mod chain;
pub mod check;
mod event;
mod home;
pub mod item;
mod label;
pub mod members;
mod message;
mod plain;
pub mod recalls;
mod report;
pub mod scan;
mod search;
mod shipments;
#[cfg(test)]
mod tests;
mod ways;
mod whereabouts;

pub use chain::{Block, Heard, Network, NetworkNode, Transaction, block, network, transaction};
pub use check::Check;
pub use event::event;
pub use home::{Head, Home, home};
pub use item::{Item, item};
pub use label::{Label, label};
pub use message::{
    Trouble, malformed, malformed_because, not_found, trouble, unknown_event, unknown_item,
};
pub use report::{report_form, reported};
pub use scan::Scan;
pub use search::{Hit, HitKind, Hits, found};
pub use shipments::{Board, Shipment, shipments};
pub use ways::{Way, ways};
pub use whereabouts::{Whereabouts, whereabouts};

use askama::Template;

use crate::assets;
use crate::language::{Language, Texts};

/// The style of every page, inlined so that a page is one answer.
pub(crate) const STYLE: &str = include_str!("../../templates/style.css");

/// What every page needs to know about where it is.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The reader's language.
    pub language: Language,
    /// The page's own path, from the root of the site, without the `lang` parameter.
    pub path: String,
    /// The network's name.
    pub chain_id: String,
}

impl Frame {
    /// `english` or `chinese`.
    pub(crate) fn say(&self, english: &'static str, chinese: &'static str) -> &'static str {
        self.language.pick(english, chinese)
    }

    /// The link to another page, in the same language.
    pub(crate) fn to(&self, path: &str) -> String {
        self.language.of_path(path)
    }

    pub(crate) fn texts(&self) -> &'static Texts {
        self.language.texts()
    }

    pub(crate) fn switch(&self) -> String {
        self.language.other().of_path(&self.path)
    }

    pub(crate) fn home(&self) -> String {
        self.to("/")
    }

    pub(crate) fn script(&self) -> &'static str {
        &assets::SCRIPT.path
    }

    pub(crate) fn icon(&self) -> &'static str {
        &assets::ICON.path
    }
}

pub(crate) fn rendered(template: &impl Template) -> String {
    template.render().expect("templates only write to a string")
}
