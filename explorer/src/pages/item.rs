//! The page of an item: verdict first, then what does not add up, what it is, its story, and what
//! can be drawn of it.

use std::collections::BTreeMap;

use askama::Template;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::canonical;
use tracehold_chain::masterdata::{Product, Texts as Spoken, product_of};
use tracehold_chain::units::MemberId;
use tracehold_contracts::provenance::trace::Present;
use tracehold_contracts::provenance::{Life, Mark, Party};

use super::check::Check;
use super::recalls::Notice;
use super::scan::{self, Scan};
use super::{Frame, STYLE, Texts, rendered};
use crate::figures::map::{self, Stop};
use crate::figures::strip::{self, Strip};
use crate::language::Language;
use crate::numbers::{amount, measure, number, unit};
use crate::story::{
    Chapter, Places, Recorded, Reference, event_path, identify, moment, name_place, shortened,
    tell_all,
};
use crate::verdict::{Oddity, Signal, Verdict, verdict};
use crate::words;

/// Names for people of what a page tells of.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Places, by GLN or canonical identifier.
    pub places: Places,
    /// Products, by the canonical identifier of the class.
    pub products: BTreeMap<String, String>,
    /// Members.
    pub members: BTreeMap<MemberId, String>,
}

impl Names {
    fn member(&self, id: &MemberId) -> String {
        self.members.get(id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// A party by its name.
    #[must_use]
    pub fn party(&self, party: &Party, language: Language) -> Reference {
        match party {
            Party::Member(id) => Reference {
                text: self.member(id),
                path: Some(language.of_path(&format!("/member/{id}"))),
            },
            Party::Other(uri) => name_place(uri, &self.places, language),
        }
    }

    /// A thing by the name of its product and its keys.
    #[must_use]
    pub fn thing(&self, id: &str, language: Language) -> Reference {
        let mut reference = identify(id, language);
        let class = product_of(&canonical(id));
        if let Some(name) = class.and_then(|class| self.products.get(&class)) {
            reference.text = format!("{name} · {}", reference.text);
        }
        reference
    }
}

/// Something that does not add up, or did not.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What.
    pub oddity: Oddity,
    /// The event that shows it.
    pub event_id: Option<String>,
    /// The event that resolved it, of what is resolved; empty when no single one did.
    pub resolved_by: Option<String>,
}

/// How much of a lot there was and is, in one unit.
#[derive(Clone, Debug)]
pub struct Balance {
    /// The unit's code.
    pub unit: String,
    /// Made, used up, ended and left.
    pub amounts: [String; 4],
}

/// Something that is packed in an item.
#[derive(Clone, Debug)]
pub struct Inside {
    /// Its canonical identifier.
    pub id: String,
    /// How much of it, with the unit's code; empty for a single thing, or when it may not be seen.
    pub amounts: Vec<(String, String)>,
    /// What is in that again: the first few.
    pub inside: Vec<Inside>,
    /// Whether there is more in it.
    pub has_more: bool,
}

/// What is known of an item's carbon footprint.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// Milligrams of CO2e.
    pub milligrams: u128,
    /// How many of a thousand of these rest on primary data.
    pub primary_permille: Option<u16>,
    /// Legs of which something is not known.
    pub open: usize,
}

/// An item as it is handed to its page: no more of it than its reader may see.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// What it is by its keys, in words.
    pub title: String,
    /// Its canonical identifier.
    pub identifier: String,
    /// The link to the page with all of it, when this is what a scan shows.
    pub full: Option<String>,
    /// The lot or product it is one of, when those have pages.
    pub wider: Vec<Reference>,
    /// What is known of it; nothing of a kind of goods.
    pub present: Option<Present>,
    /// What its owner says of the product it is one of.
    pub product: Option<Product>,
    /// Names of all that the page tells of.
    pub names: Names,
    /// What does not add up, open and resolved.
    pub findings: Vec<Finding>,
    /// Open anomalies that are not among the findings.
    pub more_open: usize,
    /// Its events, in the order to show.
    pub events: Vec<Recorded>,
    /// Whether there are more than these, which only the API tells.
    pub has_more: bool,
    /// The link to earlier events, if there are.
    pub earlier: Option<String>,
    /// The link to later events, if there are.
    pub later: Option<String>,
    /// Where it was, in the order of the story.
    pub stops: Vec<Stop>,
    /// What sensors said of it.
    pub strips: Vec<Strip>,
    /// How much of it there is.
    pub balances: Vec<Balance>,
    /// What is packed in it.
    pub contents: Vec<Inside>,
    /// The link to more of what is packed in it, if there is.
    pub more_contents: Option<String>,
    /// The path of the drawing of what it was made of and what became of it.
    pub drawing: Option<String>,
    /// Its carbon footprint.
    pub footprint: Option<Footprint>,
    /// The path of its label.
    pub label: Option<String>,
    /// The reader's agreements about it.
    pub about: About,
    /// What whoever scans it is shown beside that; without it the page is the one that has all.
    pub scan: Option<Scan>,
    /// The recalls that concern it.
    pub recalls: Vec<Notice>,
    /// How many there are besides.
    pub more_recalls: usize,
    /// What it takes to check the page; nothing of a kind of goods.
    pub check: Option<Check>,
}

/// Agreements about an item in which its reader has a part.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Each with its page, what its stage means, and how it stands.
    pub agreements: Vec<(Reference, Signal, String)>,
    /// How many of the reader's newest agreements were looked at.
    pub looked_at: usize,
}

/// A line of what is known: an icon, a question and its answer.
pub(super) struct Fact {
    pub icon: &'static str,
    pub title: &'static str,
    pub answers: Vec<Reference>,
    pub note: String,
}

/// A finding in words.
pub(super) struct FindingShown {
    pub signal: Signal,
    pub word: &'static str,
    pub what: String,
    pub who: String,
    pub how: String,
    /// The events that show it: the first few.
    pub events: Vec<String>,
    /// How often it was found.
    pub times: usize,
    pub resolved_by: Option<String>,
}

pub(super) struct ProductShown {
    pub name: Option<String>,
    pub brand: Option<String>,
    pub description: Option<String>,
    pub picture: Option<String>,
    pub limits: Vec<(String, String)>,
    pub mass: Option<String>,
}

struct InsideShown {
    thing: Reference,
    amounts: String,
    inside: Vec<InsideShown>,
    has_more: bool,
}

struct BalanceShown {
    unit: String,
    amounts: [String; 4],
}

pub(super) struct FootprintShown {
    pub kilograms: String,
    pub primary: Option<String>,
    pub open: usize,
}

#[derive(Template)]
#[template(path = "item.html")]
struct ItemPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: String,
    item: &'a Item,
    /// Class and icon: what nobody has checked is not green.
    style_of_verdict: (&'static str, &'static str),
    word: &'static str,
    reason: String,
    facts: Vec<Fact>,
    open: Vec<FindingShown>,
    resolved: Vec<FindingShown>,
    product: Option<ProductShown>,
    chapters: Vec<Chapter>,
    map: Option<String>,
    stops: Vec<(usize, &'a str)>,
    strips: Vec<strip::Shown>,
    balances: Vec<BalanceShown>,
    contents: Vec<InsideShown>,
    footprint: Option<FootprintShown>,
}

/// The text in a language, else in English, else in any.
#[must_use]
pub fn text_in(texts: &Spoken, language: Language) -> Option<&str> {
    tracehold_chain::masterdata::text_in(texts, language.pick("en", "zh"))
}

/// The page of an item: for whoever scans it, or with all of it.
#[must_use]
pub fn item(frame: &Frame, item: &Item) -> String {
    match &item.scan {
        Some(scan) => scan::page(frame, item, scan),
        None => whole(frame, item),
    }
}

fn whole(frame: &Frame, item: &Item) -> String {
    let language = frame.language;
    let state = item.present.as_ref().map(|present| &present.state);
    let is_open = |finding: &&Finding| finding.resolved_by.is_none();
    let open: Vec<&Oddity> =
        item.findings.iter().filter(is_open).map(|finding| &finding.oddity).collect();
    let mut verdict = verdict(state, &open, language);
    if let Some(recall) = item.recalls.first() {
        verdict = Verdict { signal: Signal::Stop, reason: recall.how.clone() };
    }
    let (open, resolved): (Vec<&Finding>, Vec<&Finding>) =
        item.findings.iter().partition(|finding| finding.resolved_by.is_none());
    let mut open = gathered(&open, language);
    open.sort_by_key(|finding| std::cmp::Reverse(finding.signal));
    let product = item.product.as_ref().map(|product| product_shown(product, language));
    let name = product.as_ref().and_then(|product| product.name.clone());
    let map_title = frame.say("Where it was, as a map", "所到之处示意图");
    rendered(&ItemPage {
        frame,
        t: frame.texts(),
        style: STYLE,
        title: name.unwrap_or_else(|| item.title.clone()),
        item,
        style_of_verdict: match verdict.signal {
            Signal::Fine => ("said", "seal"),
            worse => (worse.code(), worse.code()),
        },
        word: verdict.signal.word(language),
        reason: verdict.reason,
        facts: item.present.as_ref().map(|p| facts(p, &item.names, language)).unwrap_or_default(),
        open,
        resolved: gathered(&resolved, language),
        product,
        chapters: tell_all(&item.events, &item.names.places, language),
        map: map::draw(&item.stops, map_title),
        stops: (1..).zip(item.stops.iter().map(|stop| stop.name.as_str())).collect(),
        strips: item.strips.iter().filter_map(|strip| strip.shown(language)).collect(),
        balances: item.balances.iter().map(|balance| balance_shown(balance, language)).collect(),
        contents: item.contents.iter().map(|one| inside(one, &item.names, language)).collect(),
        footprint: item.footprint.map(footprint_shown),
    })
}

pub(super) fn facts(present: &Present, names: &Names, language: Language) -> Vec<Fact> {
    let say = |english, chinese| language.pick(english, chinese);
    let at = |mark: Mark| moment(mark.time, language);
    let mut facts = Vec::new();
    if let Some(place) = &present.place {
        facts.push(Fact {
            icon: "place",
            title: say("Where", "所在地"),
            answers: vec![name_place(&place.said.what, &names.places, language)],
            note: format!("{} {}", say("seen", "观察于"), at(place.said.mark)),
        });
    }
    if let Some(holder) = &present.holder {
        let mut answers = vec![names.party(&holder.said.what, language)];
        for other in present.state.holders.iter().rev().filter(|o| o.what != holder.said.what) {
            answers.push(names.party(&other.what, language));
        }
        facts.push(Fact {
            icon: "holder",
            title: say("Held by", "持有者"),
            answers,
            note: format!("{} {}", say("since", "始于"), at(holder.said.mark)),
        });
    }
    for transit in &present.transits {
        let what = &transit.said.what;
        let mut note = format!("{} {}", say("sent", "发出于"), at(transit.said.mark));
        let mut answers = Vec::new();
        if let Some(to) = &what.to {
            answers.push(names.party(to, language));
        } else {
            note = format!(
                "{} {}, {note}",
                say("from", "发自"),
                names.party(&what.from, language).text
            );
        }
        facts
            .push(Fact { icon: "way", title: say("On its way to", "正在运往"), answers, note });
    }
    if !present.containers.is_empty() {
        facts.push(Fact {
            icon: "inside",
            title: say("Packed in", "装于"),
            answers: present.containers.iter().map(|c| names.thing(&c.what, language)).collect(),
            note: String::new(),
        });
    }
    let state = &present.state;
    let (title, note) = match state.life {
        Life::NotCommissioned => {
            (say("Began", "产生"), say("not on record", "没有记录").to_owned())
        }
        Life::Active(mark) => (say("Began", "产生"), at(mark)),
        Life::Ended(_, mark) => (say("Ended", "终止"), at(mark)),
    };
    facts.push(Fact { icon: "time", title, answers: Vec::new(), note });
    if let Some(said) = &state.disposition {
        let note = words::state(&said.what, language);
        facts.push(Fact { icon: "", title: say("State", "状态"), answers: Vec::new(), note });
    }
    facts
}

/// Events that one finding leads to.
const MAX_SHOWING: usize = 5;

/// What was found several times is told once.
pub(super) fn gathered(findings: &[&Finding], language: Language) -> Vec<FindingShown> {
    let mut told: Vec<FindingShown> = Vec::new();
    for finding in findings {
        let one = shown(finding, language);
        let same = |known: &&mut FindingShown| {
            known.what == one.what && known.resolved_by == one.resolved_by
        };
        match told.iter_mut().find(same) {
            Some(known) => {
                known.times += 1;
                if known.events.len() < MAX_SHOWING {
                    known.events.extend(one.events);
                }
            }
            None => told.push(one),
        }
    }
    told
}

fn shown(finding: &Finding, language: Language) -> FindingShown {
    let told = finding.oddity.told(language);
    let signal = finding.oddity.signal();
    FindingShown {
        signal,
        word: signal.word(language),
        what: told.what,
        who: told.who,
        how: told.how,
        events: finding.event_id.iter().map(|id| event_path(id, language)).collect(),
        times: 1,
        resolved_by: finding
            .resolved_by
            .as_ref()
            .filter(|id| !id.is_empty())
            .map(|id| event_path(id, language)),
    }
}

/// Where the photograph of a product is, as pages show it.
#[must_use]
pub fn picture_path(digest: &Digest) -> String {
    format!("/api/v1/pictures/{digest}?size=small")
}

pub(super) fn product_shown(product: &Product, language: Language) -> ProductShown {
    let limits = product.limits.iter().map(|limit| {
        let told = Strip { limit: limit.clone(), readings: Vec::new(), is_cut: false };
        (measure(&limit.measurement, language), told.allowed(language))
    });
    ProductShown {
        name: text_in(&product.names, language).map(shortened),
        brand: product.brand.as_deref().map(shortened),
        description: text_in(&product.descriptions, language).map(shortened),
        picture: product.picture.as_ref().map(picture_path),
        limits: limits.collect(),
        mass: product
            .net_mass_kg
            .map(|mass| amount(&mass.normalize().to_string(), "KGM", language)),
    }
}

fn balance_shown(balance: &Balance, language: Language) -> BalanceShown {
    BalanceShown {
        unit: unit(&balance.unit, language),
        amounts: balance.amounts.each_ref().map(|amount| number(amount)),
    }
}

fn inside(one: &Inside, names: &Names, language: Language) -> InsideShown {
    let amounts: Vec<String> =
        one.amounts.iter().map(|(value, unit)| amount(value, unit, language)).collect();
    InsideShown {
        thing: names.thing(&one.id, language),
        amounts: amounts.join(", "),
        inside: one.inside.iter().map(|one| inside(one, names, language)).collect(),
        has_more: one.has_more,
    }
}

pub(super) fn footprint_shown(footprint: Footprint) -> FootprintShown {
    let grams = footprint.milligrams / 1_000;
    let kilograms = format!("{}.{:03}", grams / 1_000, grams % 1_000);
    let primary = footprint.primary_permille;
    FootprintShown {
        kilograms: number(kilograms.trim_end_matches('0').trim_end_matches('.')),
        primary: primary.map(|part| format!("{}.{}", part / 10, part % 10)),
        open: footprint.open,
    }
}
