//! Reporting a problem with a thing.

use askama::Template;

use super::{Frame, STYLE, Texts, rendered};

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'static str,
    about: &'a str,
    id: &'a str,
    item: &'a str,
    kinds: [(&'static str, &'static str); 4],
    most: usize,
    /// The text that was typed, and why it was not kept.
    refused: Option<(&'a str, &'a str)>,
    is_done: bool,
}

fn page(
    frame: &Frame,
    (about, id, item): (&str, &str, &str),
    most: usize,
    refused: Option<(&str, &str)>,
    is_done: bool,
) -> String {
    let title = match is_done {
        true => frame.say("Thank you: it was noted", "感谢您的反馈，已记录"),
        false => frame.say("Report a problem", "反馈问题"),
    };
    let kinds = [
        ("copy", frame.say("It may be a copy", "可能是仿冒品")),
        ("damaged", frame.say("It is damaged or spoilt", "物品损坏或变质")),
        ("wrong", frame.say("Something on its page is wrong", "页面信息有误")),
        ("other", frame.say("Something else", "其他问题")),
    ];
    let (t, style) = (frame.texts(), STYLE);
    rendered(&ReportPage { frame, t, style, title, about, id, item, kinds, most, refused, is_done })
}

/// The form in which a problem of a thing is reported: `about` in words, its canonical identifier
/// and the path of its page. At most `most` letters; `refused` is what was typed before and why it
/// was not kept.
#[must_use]
pub fn report_form(
    frame: &Frame,
    thing: (&str, &str, &str),
    most: usize,
    refused: Option<(&str, &str)>,
) -> String {
    page(frame, thing, most, refused, false)
}

/// The page after a problem was reported.
#[must_use]
pub fn reported(frame: &Frame, thing: (&str, &str, &str)) -> String {
    page(frame, thing, 0, None, true)
}
