//! Pages that say what is not here, and what to do about it.

use askama::Template;

use super::{Frame, STYLE, Texts, rendered};

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

/// Scan links that show what one looks like.
const EXAMPLES: [&str; 4] = [
    "/01/09506000134352/21/12345",
    "/01/09506000134352/10/LOT-A",
    "/01/09506000134352",
    "/00/095060001343520006",
];

/// What can be searched for.
const SEARCHES: [&str; 5] = [
    "09506000134352",
    "(01)09506000134352(10)LOT-A",
    "09506000134352 12345",
    "urn:epc:id:sgtin:9506000.013435.12345",
    "095060001343520006",
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

/// The page for a search that found nothing.
#[must_use]
pub fn not_found(frame: &Frame, given: &str) -> String {
    let title = frame.say("Nothing on record has this", "没有找到相关记录");
    let help = frame.say(
        "Search by what is printed on the goods or named by an event: a GTIN (8 to 14 digits), an \
         SSCC (18 digits), a GTIN with its lot or serial number, a link or an EPC, a GLN, or the \
         id of an event.",
        "可按货物上印刷的内容或事件中的编号查找：GTIN（8 至 14 位数字）、SSCC（18 位数字）、\
         GTIN 加批次或序列号、链接或 EPC、GLN，或事件编号。",
    );
    message(frame, title, given, help, &SEARCHES)
}

/// The page for what is no identifier.
#[must_use]
pub fn malformed(frame: &Frame, given: &str) -> String {
    let t = frame.texts();
    message(frame, t.malformed, given, t.malformed_help, &EXAMPLES)
}

fn message(frame: &Frame, title: &str, about: &str, help: &str, examples: &[&str]) -> String {
    rendered(&MessagePage { frame, t: frame.texts(), style: STYLE, title, about, help, examples })
}
