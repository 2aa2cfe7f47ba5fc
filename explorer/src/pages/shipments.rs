//! The shipment board, by exception: what is late or does not add up comes first.

use tracehold_chain::units::TimestampMs;
use tracehold_contracts::provenance::Party;

use super::Frame;
use super::item::Names;
use super::plain::{Cell, List, Plain, plain};
use crate::numbers::span;
use crate::story::moment;
use crate::verdict::{Oddity, Signal};

/// A shipment under way.
#[derive(Clone, Debug)]
pub struct Shipment {
    /// What is under way, outermost.
    pub item: String,
    /// Who sent it.
    pub from: Party,
    /// To whom, when the reader may see it.
    pub to: Option<Party>,
    /// When it was sent.
    pub since: TimestampMs,
    /// When it is expected at the latest.
    pub due: TimestampMs,
    /// The worst of what does not add up.
    pub open: Option<Oddity>,
}

/// The shipment board.
#[derive(Clone, Debug)]
pub struct Board {
    /// What is under way.
    pub shipments: Vec<Shipment>,
    /// Names of all that it tells of.
    pub names: Names,
    /// The time of the newest block.
    pub now: TimestampMs,
    /// How many of the newest events were looked at.
    pub looked_at: usize,
}

/// The shipment board.
#[must_use]
pub fn shipments(frame: &Frame, board: &Board) -> String {
    let language = frame.language;
    let mut rows: Vec<(Signal, TimestampMs, Vec<Cell>)> = board
        .shipments
        .iter()
        .map(|shipment| {
            let late = board.now.0.checked_sub(shipment.due.0).filter(|by| *by > 0);
            let (signal, what) = match (&shipment.open, late) {
                (Some(oddity), _) => (oddity.signal(), oddity.told(language).what),
                (None, Some(by)) => {
                    let by = span(by, language);
                    let what = language.pick(format!("Late by {by}"), format!("已逾期 {by}"));
                    (Signal::Attention, what)
                }
                (None, None) => (Signal::Fine, frame.say("On its way", "在途").to_owned()),
            };
            let to = shipment.to.as_ref();
            let cells = vec![
                Cell::signal(signal, what),
                Cell::link(board.names.thing(&shipment.item, language)),
                Cell::link(board.names.party(&shipment.from, language)),
                to.map_or_else(
                    || Cell::text(frame.say("shown with a key", "凭密钥可见")),
                    |to| Cell::link(board.names.party(to, language)),
                ),
                Cell::text(moment(shipment.since, language)),
                Cell::text(moment(shipment.due, language)),
            ];
            (signal, shipment.due, cells)
        })
        .collect();
    rows.sort_by_key(|(signal, due, _)| (std::cmp::Reverse(*signal), *due));
    plain(
        frame,
        &Plain {
            title: frame.say("Shipments under way", "在途货物").to_owned(),
            intro: frame.say(
                "What is late or does not add up comes first.",
                "逾期或存在不符之处的排在最前。",
            ),
            lists: vec![List {
                title: "",
                head: vec![
                    frame.say("State", "状态"),
                    frame.say("What", "货物"),
                    frame.say("From", "发货方"),
                    frame.say("To", "收货方"),
                    frame.say("Sent", "发出时间"),
                    frame.say("Expected by", "预计最迟到达"),
                ],
                rows: rows.into_iter().map(|(_, _, cells)| cells).collect(),
                empty: frame.say(
                    "Nothing is under way. A shipment shows here from the event that sends it to \
                     the one that receives it.",
                    "目前没有在途货物。货物自发货事件起、至收货事件止显示在此。",
                ),
            }],
            notes: vec![looked_at(frame, board.looked_at)],
            is_wide: true,
            ..Plain::default()
        },
    )
}

fn looked_at(frame: &Frame, count: usize) -> String {
    frame.language.pick(
        format!("Looked at: what the newest {count} events on this node name."),
        format!("查看范围：本节点最新 {count} 个事件所涉及的货物。"),
    )
}
