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
    /// Whether the same address may show a page later; searching is of no use then.
    again: bool,
}

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing has this address.
    NoPage,
    /// The reader's network asks too often.
    TooMany,
    /// The node starts.
    Starting,
    /// The node has too much to do.
    Busy,
    /// Something else.
    Other,
}

/// The page that is shown when there is none: what is wrong, and who can do what about it.
#[must_use]
pub fn trouble(frame: &Frame, trouble: Trouble, given: &str) -> String {
    let (title, help) = match trouble {
        Trouble::NoPage => (
            frame.say("There is no such page", "没有这个页面"),
            frame.say(
                "Perhaps a part of the address is missing. What is recorded can be found by searching.",
                "地址可能不完整。已记录的内容可以通过查找找到。",
            ),
        ),
        Trouble::TooMany => (
            frame.say("Too many requests at once", "请求过于频繁"),
            frame.say(
                "Your network has asked for very many pages in a short time. Wait ten seconds, then \
                 load this one again.",
                "您所在的网络在短时间内请求了过多页面。请等待十秒后重新加载。",
            ),
        ),
        Trouble::Starting => (
            frame.say("This node is just starting", "本节点正在启动"),
            frame.say(
                "It reads its records, which takes from a few seconds to a few minutes. Nothing is \
                 lost, and the other members' nodes answer meanwhile. Load this page again in a \
                 minute.",
                "节点正在读取记录，需要几秒到几分钟。没有任何记录丢失，其他成员的节点仍可查询。\
                 请一分钟后重新加载。",
            ),
        ),
        Trouble::Busy => (
            frame.say("This node is busy", "本节点繁忙"),
            frame.say(
                "It has more to do than it can at the moment. Load this page again in a few seconds.",
                "节点目前任务过多。请几秒后重新加载。",
            ),
        ),
        Trouble::Other => (
            frame.say("This page cannot be shown", "无法显示此页面"),
            frame.say(
                "Something went wrong at this node. Load the page again; if that does not help, tell \
                 whoever runs the node: its log says what happened.",
                "本节点出现问题。请重新加载；如仍无法显示，请告知节点的运行者，其日志中有说明。",
            ),
        ),
    };
    if trouble == Trouble::NoPage {
        return message(frame, title, given, help, &[]);
    }
    let t = frame.texts();
    let again = true;
    let examples: &[&str] = &[];
    rendered(&MessagePage { frame, t, style: STYLE, title, about: given, help, examples, again })
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
        "Search by what is printed on the goods: a GTIN (8 to 14 digits), alone or with its lot or \
         serial number, an SSCC (18 digits), a link or an EPC. By the name of a product, a place or \
         a company, or a GLN. Or by the id of an event or transaction, or the number of a block. An \
         agreement is found by those who have a part in it, when they have signed in.",
        "可按货物上印刷的内容查找：GTIN（8 至 14 位数字，可加批次或序列号）、SSCC（18 位数字）、\
         链接或 EPC；也可按产品、地点或公司的名称或 GLN，按事件编号、交易编号或区块号查找。\
         协议仅供其参与方在登录后查找。",
    );
    message(frame, title, given, help, &SEARCHES)
}

/// The page for what is no identifier.
#[must_use]
pub fn malformed(frame: &Frame, given: &str) -> String {
    let t = frame.texts();
    message(frame, t.malformed, given, t.malformed_help, &EXAMPLES)
}

/// The page for what is no identifier, with the rule that it breaks.
#[must_use]
pub fn malformed_because(frame: &Frame, given: &str, why: &str) -> String {
    let t = frame.texts();
    let help = format!("{why}{} {}", frame.say(".", "。"), t.malformed_help);
    message(frame, t.malformed, given, &help, &EXAMPLES)
}

fn message(frame: &Frame, title: &str, about: &str, help: &str, examples: &[&str]) -> String {
    let (t, again) = (frame.texts(), false);
    rendered(&MessagePage { frame, t, style: STYLE, title, about, help, examples, again })
}
