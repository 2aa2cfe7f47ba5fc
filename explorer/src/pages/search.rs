//! What a search by name found.

use super::Frame;
use super::plain::{Cell, List, Plain, plain};
use crate::numbers::number;
use crate::story::Reference;

/// What a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HitKind {
    /// A kind of goods.
    Product,
    /// A place.
    Place,
    /// A party.
    Party,
    /// A member of the network.
    Member,
}

/// Something that has a name like the one that was searched for.
#[derive(Clone, Debug)]
pub struct Hit {
    /// What it is.
    pub kind: HitKind,
    /// What it is called.
    pub name: String,
    /// Its identifier.
    pub id: String,
    /// Its page, from the root of the site.
    pub path: String,
}

/// All that was found.
#[derive(Clone, Debug)]
pub struct Hits {
    /// The best first.
    pub hits: Vec<Hit>,
    /// How many records were looked through.
    pub searched: usize,
    /// Whether there may be more.
    pub has_more: bool,
}

/// The page of what a search by name found.
#[must_use]
pub fn found(frame: &Frame, given: &str, hits: &Hits) -> String {
    let rows = hits.hits.iter().map(|hit| {
        let kind = match hit.kind {
            HitKind::Product => frame.say("product", "产品"),
            HitKind::Place => frame.say("place", "地点"),
            HitKind::Party => frame.say("party", "参与方"),
            HitKind::Member => frame.say("member", "成员"),
        };
        let path = Some(frame.to(&hit.path));
        vec![
            Cell::link(Reference { text: hit.name.clone(), path }),
            Cell::text(kind),
            Cell::code(hit.id.clone()),
        ]
    });
    let mut notes = Vec::new();
    if hits.has_more {
        let searched = number(&hits.searched.to_string());
        notes.push(frame.language.pick(
            format!(
                "There may be more: {searched} names were looked through and the best are shown. \
                 Search with more words, or with the identifier."
            ),
            format!(
                "可能还有更多：已查看 {searched} 个名称，仅显示最接近的结果。请输入更多字词或编号。"
            ),
        ));
    }
    plain(
        frame,
        &Plain {
            title: frame.say("Found by name", "按名称找到").to_owned(),
            id: Some(given.to_owned()),
            lists: vec![List {
                title: "",
                head: vec![
                    frame.say("Name", "名称"),
                    frame.say("What it is", "类别"),
                    frame.say("Identifier", "编号"),
                ],
                rows: rows.collect(),
                empty: "",
            }],
            notes,
            ..Plain::default()
        },
    )
}
