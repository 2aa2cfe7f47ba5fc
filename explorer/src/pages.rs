//! The pages themselves. Every value is HTML-escaped by the templates.

use askama::Template;
use tracehold_chain::units::TimestampMs;

use crate::language::{Language, Texts};
use crate::story::{Chapter, Places, Recorded, Reference, moment, tell};

/// The style of every page, inlined so that a page is one answer.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");

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
    fn texts(&self) -> &'static Texts {
        self.language.texts()
    }

    pub(crate) fn switch(&self) -> String {
        format!("{}?lang={}", self.path, self.language.other())
    }

    pub(crate) fn home(&self) -> String {
        format!("/?lang={}", self.language.tag())
    }
}

/// How far the ledger is.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The newest block.
    pub height: u64,
    /// Its time.
    pub block_time: TimestampMs,
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
}

#[derive(Template)]
#[template(path = "item.html")]
struct ItemPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'a str,
    identifier: &'a str,
    wider: &'a [Reference],
    chapters: Vec<Chapter>,
    has_more: bool,
}

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'a str,
    event_id: &'a str,
    parts: Vec<EventPart>,
}

struct EventPart {
    chapter: Chapter,
    json: String,
    is_partial: bool,
    height: u64,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'a str,
    about: &'a str,
    help: &'a str,
    examples: &'a [&'a str],
}

pub(crate) fn rendered(template: &impl Template) -> String {
    template.render().expect("templates only write to a string")
}

/// The home page: search, the latest events, how far the network is.
#[must_use]
pub fn home(frame: &Frame, head: Head, latest: &[Recorded], places: &Places) -> String {
    rendered(&HomePage {
        frame,
        t: frame.texts(),
        style: STYLE,
        title: frame.texts().tagline,
        height: head.height,
        block_time: moment(head.block_time, frame.language),
        latest: latest.iter().map(|event| tell(event, places, frame.language)).collect(),
    })
}

/// An item as its page shows it.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is, in words.
    pub title: String,
    /// Its canonical identifier.
    pub identifier: String,
    /// The lot or product it is one of, when those have pages.
    pub wider: Vec<Reference>,
    /// Its events, in the order to show.
    pub events: Vec<Recorded>,
    /// Whether there are more than these.
    pub has_more: bool,
}

/// The page of an item: its story.
#[must_use]
pub fn item(frame: &Frame, item: &Item, places: &Places) -> String {
    rendered(&ItemPage {
        frame,
        t: frame.texts(),
        style: STYLE,
        title: &item.title,
        identifier: &item.identifier,
        wider: &item.wider,
        chapters: item.events.iter().map(|event| tell(event, places, frame.language)).collect(),
        has_more: item.has_more,
    })
}

/// The page of an event: the original and its error declarations, oldest first.
#[must_use]
pub fn event(frame: &Frame, event_id: &str, recorded: &[Recorded], places: &Places) -> String {
    let parts = recorded.iter().map(|recorded| EventPart {
        chapter: tell(recorded, places, frame.language),
        json: serde_json::to_string_pretty(&recorded.event).expect("JSON is JSON"),
        is_partial: recorded.is_partial,
        height: recorded.height,
    });
    rendered(&EventPage {
        frame,
        t: frame.texts(),
        style: STYLE,
        title: frame.texts().event,
        event_id,
        parts: parts.collect(),
    })
}

/// Scan links that show what one looks like.
const EXAMPLES: [&str; 4] = [
    "/01/09506000134352/21/12345",
    "/01/09506000134352/10/LOT-A",
    "/01/09506000134352",
    "/00/095060001343520006",
];

/// The page for a well-formed identifier that no event names.
#[must_use]
pub fn unknown_item(frame: &Frame, described: &str) -> String {
    let t = frame.texts();
    message(frame, t.unknown_item, described, t.unknown_item_help, &[])
}

/// The page for an eventID that nobody recorded.
#[must_use]
pub fn unknown_event(frame: &Frame, event_id: &str) -> String {
    let t = frame.texts();
    message(frame, t.unknown_event, event_id, t.unknown_event_help, &[])
}

/// The page for what is no identifier.
#[must_use]
pub fn malformed(frame: &Frame, given: &str) -> String {
    let t = frame.texts();
    message(frame, t.malformed, given, t.malformed_help, &EXAMPLES)
}

pub(crate) fn message(
    frame: &Frame,
    title: &str,
    about: &str,
    help: &str,
    examples: &[&str],
) -> String {
    rendered(&MessagePage { frame, t: frame.texts(), style: STYLE, title, about, help, examples })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame(language: Language) -> Frame {
        Frame { language, path: "/01/09506000134352".to_owned(), chain_id: "demo".to_owned() }
    }

    fn hostile() -> Recorded {
        let script = "<script>alert('x')</script>\"&";
        Recorded {
            event: json!({
                "type": script, "bizStep": script, "disposition": script, "eventTime": script,
                "epcList": [script], "readPoint": {"id": script}, "parentID": script,
            }),
            event_id: script.to_owned(),
            recorded_by: script.to_owned(),
            recorded_at: TimestampMs(0),
            height: 1,
            declared_wrong: true,
            is_claim: true,
            anomalies: vec![script.to_owned()],
            is_partial: true,
        }
    }

    #[test]
    fn nothing_that_people_record_becomes_markup() {
        let script = "<script>alert('x')</script>\"&";
        for language in [Language::English, Language::Chinese] {
            let mut frame = frame(language);
            frame.path = "/\"><script>".to_owned();
            let places = Places::new();
            let head = Head { height: 1, block_time: TimestampMs(1) };
            let shown = Item {
                title: script.to_owned(),
                identifier: script.to_owned(),
                wider: vec![Reference { text: script.to_owned(), path: Some(script.to_owned()) }],
                events: vec![hostile()],
                has_more: true,
            };
            for page in [
                home(&frame, head, &[hostile()], &places),
                item(&frame, &shown, &places),
                event(&frame, script, &[hostile()], &places),
                unknown_item(&frame, script),
                unknown_event(&frame, script),
                malformed(&frame, script),
            ] {
                assert!(!page.contains("<script"), "{page}");
                assert!(page.contains("&#60;script") || page.contains("&lt;script"), "{page}");
            }
        }
    }

    #[test]
    fn pages_load_nothing_from_elsewhere_and_fit_a_phone() {
        let page = malformed(&frame(Language::Chinese), "x");
        assert!(page.contains("lang=\"zh-Hans\""));
        assert!(page.contains("name=\"viewport\""));
        assert!(page.contains("没有") || page.contains("不是有效的编号"));
        assert!(!page.contains("src=") && !page.contains("<link"));
        assert!(!page.contains("http://") && !page.contains("https://"));
    }
}
