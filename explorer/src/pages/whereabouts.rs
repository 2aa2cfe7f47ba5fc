//! Pages of places, parties and members: who and where they are, and what was recorded there last.

use tracehold_chain::masterdata::{Address, Party, Place, Texts as Spoken};

use super::Frame;
use super::item::{Names, text_in};
use super::plain::{Cell, Plain, plain};
use crate::language::Language;
use crate::story::{Recorded, Reference, name_place, tell_all};

/// A place, a party or a member as it is handed to its page.
#[derive(Clone, Debug, Default)]
pub struct Whereabouts {
    /// What it is called when nobody described it.
    pub title: String,
    /// Its canonical identifier, or a member's short name.
    pub id: String,
    /// What its owner says of the place.
    pub place: Option<Place>,
    /// What its owner says of the party.
    pub party: Option<Party>,
    /// The member that it is, or whose place it is.
    pub member: Option<Reference>,
    /// Its Global Location Numbers, of a member.
    pub glns: Vec<String>,
    /// Its nodes, of a member.
    pub nodes: Vec<String>,
    /// Whether the reader may see the whole address and position.
    pub is_whole: bool,
    /// What was recorded there, or by it, among the newest events.
    pub events: Vec<Recorded>,
    /// Names of all that the page tells of.
    pub names: Names,
    /// How many of the newest events were looked at.
    pub looked_at: usize,
}

/// The page of a place, a party or a member.
#[must_use]
pub fn whereabouts(frame: &Frame, about: &Whereabouts) -> String {
    let language = frame.language;
    let mut facts: Vec<(&'static str, Vec<Cell>)> = Vec::new();
    let mut title = about.title.clone();
    let mut describe = |names: &Spoken, address: &Address| {
        if let Some(name) = text_in(names, language) {
            name.clone_into(&mut title);
        }
        let lines = address_lines(address, about.is_whole);
        if !lines.is_empty() {
            let cells = lines.into_iter().map(Cell::text).collect();
            facts.push((frame.say("Address", "地址"), cells));
        }
    };
    if let Some(place) = &about.place {
        describe(&place.names, &place.address);
    }
    if let Some(party) = &about.party {
        describe(&party.names, &party.address);
    }
    if let Some(place) = &about.place {
        if let Some(outer) = &place.inside {
            let outer = name_place(outer, &about.names.places, language);
            facts.push((frame.say("Lies in", "位于"), vec![Cell::link(outer)]));
        }
        if let (true, Some(north), Some(east)) = (about.is_whole, place.latitude, place.longitude) {
            let told = position(&north.to_string(), &east.to_string(), language);
            facts.push((frame.say("Position", "位置"), vec![Cell::text(told)]));
        }
    }
    if let Some(member) = &about.member {
        facts.push((frame.say("Member", "成员"), vec![Cell::link(member.clone())]));
    }
    if !about.glns.is_empty() {
        let glns = about.glns.iter().map(|gln| {
            let uri = format!("https://id.gs1.org/414/{gln}");
            Cell::link(name_place(&uri, &about.names.places, language))
        });
        facts.push((frame.say("Places", "地点"), glns.collect()));
    }
    if !about.nodes.is_empty() {
        facts.push((frame.say("Nodes", "节点"), about.nodes.iter().map(Cell::text).collect()));
    }
    let described = about.place.is_some() || about.party.is_some() || about.member.is_some();
    let mut notes = Vec::new();
    if !described && about.glns.is_empty() {
        notes.push(
            frame
                .say(
                    "Its owner has not described it here: the member that holds its GS1 company \
                     prefix can.",
                    "其所有者尚未在此登记资料：持有其 GS1 厂商识别代码的成员可以登记。",
                )
                .to_owned(),
        );
    }
    notes.push(language.pick(
        format!("Looked at: the newest {} events on this node.", about.looked_at),
        format!("查看范围：本节点最新 {} 个事件。", about.looked_at),
    ));
    let chapters = tell_all(&about.events, &about.names.places, language);
    let empty = frame.say("None of the newest events.", "最新事件中没有。");
    plain(
        frame,
        &Plain {
            title,
            id: Some(about.id.clone()),
            facts,
            chapters: Some((frame.say("Recorded last", "最近的记录"), chapters, empty)),
            notes,
            ..Plain::default()
        },
    )
}

/// The lines of an address; whoever may not see it whole sees city and country.
fn address_lines(address: &Address, is_whole: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if is_whole {
        lines.extend(address.lines.iter().cloned());
    }
    let code = address.postal_code.as_ref().filter(|_| is_whole);
    let city = [code, address.city.as_ref()];
    let city: Vec<&str> = city.into_iter().flatten().map(String::as_str).collect();
    let rest = [(!city.is_empty()).then(|| city.join(" ")), address.state.clone()];
    lines.extend(rest.into_iter().flatten());
    lines.extend(address.country.clone());
    lines
}

fn position(north: &str, east: &str, language: Language) -> String {
    let side = |degrees: &str, positive: &str, negative: &str| match degrees.strip_prefix('-') {
        Some(degrees) => format!("{degrees}° {negative}"),
        None => format!("{degrees}° {positive}"),
    };
    match language {
        Language::English => format!("{}, {}", side(north, "N", "S"), side(east, "E", "W")),
        Language::Chinese => format!("{}，{}", side(north, "北", "南"), side(east, "东", "西")),
    }
}
