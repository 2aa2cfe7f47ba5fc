//! One event: what it says, who attests it, and its corrections.

use askama::Template;

use super::{Frame, STYLE, Texts, rendered};
use crate::story::{Chapter, Places, Recorded, tell};

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
