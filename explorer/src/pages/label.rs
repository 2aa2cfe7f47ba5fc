//! Labels to print: the QR code of a thing's Digital Link, with the same in letters.

use askama::Template;

use super::{Frame, STYLE, Texts, rendered};
use crate::figures::qr;

/// Labels on one sheet, at most.
pub const MAX_LABELS: usize = 60;

/// A label as it is handed to its page.
#[derive(Clone, Debug)]
pub struct Label {
    /// The product, when its owner named it.
    pub name: Option<String>,
    /// The link that the code holds.
    pub link: String,
    /// The path of the item, from the root of the site.
    pub path: String,
    /// GS1 application identifiers and their values.
    pub keys: Vec<(String, String)>,
    /// How many to print.
    pub count: usize,
}

#[derive(Template)]
#[template(path = "label.html")]
struct LabelPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'static str,
    label: &'a Label,
    code: String,
    others: Vec<usize>,
}

/// The sheet of labels; nothing for a link that is too long for a code.
#[must_use]
pub fn label(frame: &Frame, label: &Label) -> Option<String> {
    let code = qr::draw(&label.link, frame.say("QR code of the link below", "下方链接的二维码"))?;
    Some(rendered(&LabelPage {
        frame,
        t: frame.texts(),
        style: STYLE,
        title: frame.say("Labels to print", "可打印标签"),
        label,
        code,
        others: [1, 6, 24, MAX_LABELS].into_iter().filter(|n| *n != label.count).collect(),
    }))
}
