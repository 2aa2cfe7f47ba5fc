//! What a check has shown.

use super::file::About;
use super::recalls::OpenRecall;
use super::walk::{Cut, Span};
use crate::block::BlockId;
use crate::digest::Digest;
use crate::units::{ChainId, Height, TimestampMs};

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// One thing that a check has shown, or that it could not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A word for programs.
    pub code: &'static str,
    /// Whether something is proved; `false` for what the reader should know is not.
    pub is_proof: bool,
    /// Whether it is proved and speaks against the thing.
    pub is_warning: bool,
    /// For people.
    pub sentence: Sentence,
}

/// A place in an evidence file: a JSON pointer (RFC 6901), empty for the whole.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place(pub String);

/// What a check has shown of a file that holds.
#[derive(Clone, Debug)]
pub struct Report {
    /// The network.
    pub chain_id: ChainId,
    /// The digest of its genesis record.
    pub genesis_digest: Digest,
    /// Whether that is the one the checker was given; otherwise the file says of itself which
    /// network it is from.
    pub is_known_network: bool,
    /// The block.
    pub height: Height,
    /// Its id.
    pub block_id: BlockId,
    /// Its time.
    pub block_time: TimestampMs,
    /// Validators that voted for it, in the file.
    pub votes: usize,
    /// All validators.
    pub validators: usize,
    /// The power of those who voted.
    pub power: u64,
    /// The power of all.
    pub total_power: u64,
    /// What the file is about.
    pub about: About,
    /// What is shown of the item; `None` for other files, and when there is no such item.
    pub item: Option<ItemReport>,
    /// Whether there is anything under that name.
    pub exists: bool,
    /// The open recalls that name something in the story of the item, or its product.
    pub recalls: Vec<OpenRecall>,
    /// The record that the file is about, when it is not about an item: as the state has it.
    pub record: Option<Vec<u8>>,
}

/// What is shown of an item.
#[derive(Clone, Debug, Default)]
pub struct ItemReport {
    /// Entries in its log.
    pub count: u64,
    /// The first that is shown.
    pub from: u64,
    /// Entries of its log whose recorder had no standing.
    pub claims: usize,
    /// Events shown, of the item and of everything around it.
    pub events: usize,
    /// Events of which a section is withheld.
    pub withheld_events: usize,
    /// Sections that are withheld.
    pub withheld_sections: usize,
    /// The times in containers.
    pub spans: Vec<Span>,
    /// Levels of what went in that were followed.
    pub levels: u8,
    /// Items that were followed as what went in.
    pub inputs: usize,
    /// Where the story goes on and the file does not.
    pub cuts: Vec<Cut>,
}
