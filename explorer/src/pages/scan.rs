//! What whoever scans a thing sees: a verdict in the first second, what was checked on the phone,
//! a short story with who attests each step, and what is not shown.
//!
//! Nothing on this page is green as it is served: a node says it, and nobody has checked it. The
//! script of the page has the evidence checked on the phone and turns what holds green; where no
//! script runs the page says that nothing was checked.

use askama::Template;
use tracehold_contracts::provenance::{Ending, ItemState, Life};

use super::item::{
    Fact, Finding, FindingShown, FootprintShown, Item, ProductShown, facts, footprint_shown,
    gathered, product_shown,
};
use super::{Frame, STYLE, Texts, rendered};
use crate::figures::{map, strip};
use crate::language::Language;
use crate::story::{Chapter, moment, shortened, tell_all};
use crate::verdict::{Oddity, Signal, verdict};

/// What a scan shows beside what is known of the thing.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// What kind of thing it is.
    pub kind: Kind,
    /// Who made it, or at least holds the prefix of its code.
    pub maker: Option<String>,
    /// Whether the maker has recorded its beginning.
    pub is_from_maker: bool,
    /// What its maker says of this very thing: name and value.
    pub facts: Vec<(&'static str, String)>,
    /// Since when it should not be used any more, if that day is over.
    pub expired: Option<String>,
    /// Its certificates.
    pub certificates: Vec<Certificate>,
    /// Steps before those that are shown, after the first one.
    pub left_out: usize,
    /// How often it was scanned at this node.
    pub count: Option<Count>,
    /// What is odd about these scans, in the reader's language.
    pub warning: Option<String>,
    /// The path of the form for problems.
    pub report: String,
}

/// What kind of thing is scanned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A single thing, lot or logistic unit that is on record.
    #[default]
    Known,
    /// One that nobody has recorded, of a product that is described.
    Unknown,
    /// A kind of goods.
    Class,
}

/// A certificate of a thing or its product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Its name or address.
    pub name: String,
    /// Where it is.
    pub url: Option<String>,
    /// Who names it.
    pub said_by: String,
    /// The last day on which it is valid, if that is said, such as `2027-03-01`.
    pub until: Option<String>,
    /// Whether that day is over.
    pub is_over: bool,
}

/// How often a thing was scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// In all.
    pub total: u64,
    /// Today.
    pub today: u32,
    /// The day of the first scan.
    pub since: Option<String>,
}

/// The verdict as whoever scans is told it.
struct Told {
    /// The style: `said` until it was checked, `attention` or `stop`.
    class: &'static str,
    icon: &'static str,
    word: &'static str,
    reason: String,
}

#[derive(Template)]
#[template(path = "scan.html")]
struct ScanPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: String,
    item: &'a Item,
    scan: &'a Scan,
    told: Option<Told>,
    facts: Vec<Fact>,
    open: Vec<FindingShown>,
    product: Option<ProductShown>,
    chapters: Vec<Chapter>,
    withheld: (usize, usize),
    map: Option<String>,
    stops: Vec<(usize, &'a str)>,
    strips: Vec<strip::Shown>,
    footprint: Option<FootprintShown>,
    certificates: Vec<(&'a Certificate, &'static str, String)>,
    read_at: Option<String>,
}

/// Dispositions under which a thing is called back.
fn is_recalled(state: &ItemState) -> bool {
    let said = state.disposition.as_ref().map(|said| crate::words::bare(&said.what));
    said == Some("recalled")
}

fn told(item: &Item, scan: &Scan, language: Language) -> Option<Told> {
    let care = language.pick("Take care", "请留意");
    let attention =
        |reason: String| Some(Told { class: "attention", icon: "attention", word: care, reason });
    match scan.kind {
        Kind::Class => return None,
        Kind::Unknown => {
            return attention(
                language
                    .pick(
                        "Nobody has recorded this very number, though its product is known here. \
                         Compare the number with the one on the thing. If it is right, the code may \
                         be made up: ask the seller, or report it below.",
                        "此产品在此有记录，但没有人记录过这个编号。请与物品上的编号核对。如果无误，\
                         此码可能是伪造的：请咨询售卖者，或在下方反馈。",
                    )
                    .to_owned(),
            );
        }
        Kind::Known => {}
    }
    let state = item.present.as_ref().map(|present| &present.state);
    let open: Vec<&Oddity> = item
        .findings
        .iter()
        .filter(|finding| finding.resolved_by.is_none())
        .map(|finding| &finding.oddity)
        .collect();
    let verdict = verdict(state, &open, language);
    if !item.recalls.is_empty() || state.is_some_and(is_recalled) {
        let word = language.pick("Recalled", "已召回");
        let reason = language
            .pick("Do not use it. Take it back to where you got it.", "请勿使用，并退回购买处。");
        return Some(Told { class: "stop", icon: "stop", word, reason: reason.to_owned() });
    }
    match verdict.signal {
        Signal::Stop => {
            return Some(Told { class: "stop", icon: "stop", word: care, reason: verdict.reason });
        }
        Signal::Attention => return attention(verdict.reason),
        Signal::Fine => {}
    }
    if let Some(day) = &scan.expired {
        return attention(
            language
                .pick(format!("Its use-by date is over: {day}."), format!("已过有效期：{day}。")),
        );
    }
    match state.map(|state| state.life) {
        // Whoever scans it has it in the hand.
        Some(Life::Ended(Ending::Destroyed | Ending::Consumed, _)) => {
            return attention(format!(
                "{} {}",
                verdict.reason,
                language.pick(
                    "If you hold it in your hand, the code may be a copy.",
                    "如果它就在您手中，此码可能是复制的。",
                )
            ));
        }
        Some(_) if scan.is_from_maker => {}
        _ => {
            return Some(Told {
                class: "said",
                icon: "seal",
                word: language.pick("On record", "有记录"),
                reason: language
                    .pick(
                        "Others have recorded what happened to it; its maker has not recorded how \
                         it began. Nothing on record speaks against it.",
                        "其他企业记录了它的经历；其生产者没有记录它的产生。记录中没有发现异常。",
                    )
                    .to_owned(),
            });
        }
    }
    let reason = match &scan.maker {
        Some(maker) => language.pick(
            format!("{maker} recorded this very thing. {}", verdict.reason),
            format!("{maker} 记录了这件物品。{}", verdict.reason),
        ),
        None => verdict.reason,
    };
    Some(Told {
        class: "said",
        icon: "seal",
        word: language.pick("Matches the maker's record", "与生产者的记录一致"),
        reason,
    })
}

fn certificate(one: &Certificate, language: Language) -> (&Certificate, &'static str, String) {
    let (class, state) = match (&one.until, one.is_over) {
        (Some(day), true) => {
            ("attention", language.pick(format!("expired on {day}"), format!("已于 {day} 到期")))
        }
        (Some(day), false) => {
            ("said", language.pick(format!("valid until {day}"), format!("有效期至 {day}")))
        }
        (None, _) => {
            let unsaid =
                ("until when is not said; its issuer knows", "未注明有效期，可向颁发者查询");
            ("plain", language.pick(unsaid.0, unsaid.1).to_owned())
        }
    };
    (one, class, state)
}

/// The page that a scan shows.
pub(super) fn page(frame: &Frame, item: &Item, scan: &Scan) -> String {
    let language = frame.language;
    let open: Vec<&Finding> =
        item.findings.iter().filter(|finding| finding.resolved_by.is_none()).collect();
    let mut open = gathered(&open, language);
    open.sort_by_key(|finding| std::cmp::Reverse(finding.signal));
    let product = item.product.as_ref().map(|product| product_shown(product, language));
    let name = product.as_ref().and_then(|product| product.name.clone());
    let chapters = tell_all(&item.events, &item.names.places, language);
    let parts = item.events.iter().map(|recorded| recorded.withheld);
    let withheld = (parts.clone().filter(|parts| *parts > 0).count(), parts.sum());
    let map_title = frame.say("Where it was, as a map", "所到之处示意图");
    rendered(&ScanPage {
        frame,
        t: frame.texts(),
        style: STYLE,
        title: name.unwrap_or_else(|| shortened(&item.title)),
        item,
        scan,
        told: told(item, scan, language),
        facts: item.present.as_ref().map(|p| facts(p, &item.names, language)).unwrap_or_default(),
        open,
        product,
        chapters,
        withheld,
        map: map::draw(&item.stops, map_title),
        stops: (1..).zip(item.stops.iter().map(|stop| stop.name.as_str())).collect(),
        strips: item.strips.iter().filter_map(|strip| strip.shown(language)).collect(),
        footprint: item.footprint.map(footprint_shown),
        certificates: scan.certificates.iter().map(|one| certificate(one, language)).collect(),
        read_at: item.check.as_ref().map(|check| moment(check.at, language)),
    })
}
