//! Recalls: the notice on the page of everything that one reaches, the list of all, and the page of
//! one with what it reaches.

use askama::Template;
use tracehold_chain::recall::RecallRecord;
use tracehold_contracts::recall::affected::How;

use super::item::text_in;
use super::members::SignedIn;
use super::{Frame, STYLE, Texts, rendered};
use crate::language::Language;
use crate::numbers::number;
use crate::story::{Reference, moment};
use crate::verdict::Signal;

/// A recall as it is told to those who hold, sell or use something that it reaches.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Its name.
    pub id: String,
    /// Why it concerns the thing whose page this is, in a sentence.
    pub how: String,
    /// What the thing was made of or packed in, with its page.
    pub from: Option<Reference>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub what_to_do: String,
    /// Whom to ask.
    pub contact: String,
    /// Where more is said.
    pub web: Option<String>,
    /// Who declared it.
    pub who: String,
    /// When.
    pub since: String,
    /// Its page.
    pub path: String,
}

impl Notice {
    /// A recall in the words of one language.
    #[must_use]
    pub fn of(record: &RecallRecord, who: String, language: Language) -> Notice {
        let notice = &record.notice;
        let said = |texts| text_in(texts, language).unwrap_or_default().to_owned();
        Notice {
            id: record.id.to_string(),
            how: String::new(),
            from: None,
            reason: said(&notice.reason),
            what_to_do: said(&notice.what_to_do),
            contact: notice.contact.clone(),
            web: notice.web.clone(),
            who,
            since: moment(record.declared.at, language),
            path: path(record, language),
        }
    }

    /// Why a recall concerns a thing.
    #[must_use]
    pub fn because(mut self, how: How, inside: u64, language: Language) -> Notice {
        self.how = match how {
            How::Named => language.pick("This is recalled.", "该物品已被召回。").to_owned(),
            How::OfProduct => {
                language.pick("This product is recalled.", "该产品已被召回。").to_owned()
            }
            How::Made => language
                .pick("This was made of something that is recalled.", "该物品由被召回的物品制成。")
                .to_owned(),
            How::Packed => language
                .pick(
                    "This was packed in something that is recalled.",
                    "该物品曾装于被召回的物品中。",
                )
                .to_owned(),
            How::Holds => {
                let count = number(&inside.to_string());
                language.pick(
                    format!("Recalled goods are inside: {count}."),
                    format!("内有被召回的物品：{count} 件。"),
                )
            }
        };
        self
    }
}

/// The page of a recall.
#[must_use]
pub fn path(record: &RecallRecord, language: Language) -> String {
    language.of_path(&format!("/recalls/{}", record.id))
}

/// A recall in the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What it says.
    pub notice: Notice,
    /// What it names: the first few, with their pages.
    pub items: Vec<Reference>,
    /// How many it names besides.
    pub more: usize,
    /// When it was withdrawn.
    pub over: Option<String>,
}

/// One part of the list of recalls.
#[derive(Clone, Debug)]
pub struct Recalls {
    /// The newest first.
    pub list: Vec<Listed>,
    /// The link to older ones.
    pub next: Option<String>,
    /// The link to the newest, when these are not.
    pub first: Option<String>,
}

/// A line of what a recall reaches.
#[derive(Clone, Debug)]
pub struct Line {
    /// What, with its page.
    pub thing: Reference,
    /// How it is affected, in a word or two.
    pub how: String,
    /// What it was made of or packed in.
    pub from: Option<Reference>,
    /// Who has it.
    pub holders: Vec<Reference>,
    /// Where it was seen last.
    pub place: Option<Reference>,
    /// When.
    pub seen: String,
    /// To whom it is on its way.
    pub to: Option<Reference>,
    /// The outermost container that it is in.
    pub container: Option<Reference>,
}

/// What a recall reaches, for members.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Who reads.
    pub who: SignedIn,
    /// How many things are affected.
    pub affected: usize,
    /// How many hold what is.
    pub holding: usize,
    /// Whether something is left out.
    pub is_cut: bool,
    /// The block as of which it is.
    pub height: u64,
    /// Who has how many, the most first.
    pub holders: Vec<(Reference, usize)>,
    /// Holders that are not listed.
    pub more_holders: usize,
    /// One part of the list.
    pub lines: Vec<Line>,
    /// The link to the next part.
    pub next: Option<String>,
    /// The link to the first part, when this is not it.
    pub first: Option<String>,
    /// The path of the list as a file.
    pub csv: String,
}

/// A recall as its page shows it.
#[derive(Clone, Debug)]
pub struct Recall {
    /// The recall's own name.
    pub id: String,
    /// What it says, and names.
    pub listed: Listed,
    /// Why it was withdrawn, if it was.
    pub over_because: Option<String>,
    /// What it reaches; strangers see that members can.
    pub reach: Option<Reach>,
    /// Where members sign in.
    pub sign_in: String,
}

#[derive(Template)]
#[template(path = "recalls.html")]
struct RecallsPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'static str,
    part: &'a Recalls,
}

#[derive(Template)]
#[template(path = "recall.html")]
struct RecallPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: String,
    recall: &'a Recall,
    signal: Signal,
    word: &'static str,
}

/// The list of recalls.
#[must_use]
pub fn recalls(frame: &Frame, part: &Recalls) -> String {
    let (t, style) = (frame.texts(), STYLE);
    rendered(&RecallsPage { frame, t, style, title: frame.say("Recalls", "召回"), part })
}

/// The page of a recall.
#[must_use]
pub fn recall(frame: &Frame, recall: &Recall) -> String {
    let is_over = recall.listed.over.is_some();
    let (signal, word) = match is_over {
        true => (Signal::Fine, frame.say("Withdrawn", "已撤销")),
        false => (Signal::Stop, frame.say("Recalled", "召回中")),
    };
    let title = format!("{} {}", frame.say("Recall", "召回"), recall.id);
    let (t, style) = (frame.texts(), STYLE);
    rendered(&RecallPage { frame, t, style, title, recall, signal, word })
}
