//! What is under the goods: the network, blocks and transactions, plainly.

use tracehold_chain::units::TimestampMs;

use super::Frame;
use super::plain::{Cell, List, Plain, plain};
use crate::language::Language;
use crate::numbers::{number, span};
use crate::story::{Places, Recorded, Reference, moment, tell_all};
use crate::verdict::Signal;

/// A node of the network, as the node that is asked knows it.
#[derive(Clone, Debug)]
pub struct NetworkNode {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub member: Reference,
    /// Whether it votes.
    pub is_validator: bool,
    /// Whether it is the node that answers.
    pub is_this: bool,
    /// Whether it is connected to the node that answers.
    pub is_connected: bool,
    /// What it last said of itself; nothing when it was never heard from.
    pub heard: Option<Heard>,
}

/// What a node last said of itself.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The newest block that it has.
    pub height: u64,
    /// The version of its program.
    pub version: String,
    /// How long ago it said so, in milliseconds.
    pub ago_ms: u64,
}

/// A node that has said nothing for this long is called silent: it speaks once a second.
const SILENT_MS: u64 = 30_000;

/// Blocks that a node may be behind before it is said: the newest may be on its way.
const ON_ITS_WAY: u64 = 2;

/// The network, as the node that is asked knows it.
#[derive(Clone, Debug)]
pub struct Network {
    /// All nodes.
    pub nodes: Vec<NetworkNode>,
    /// The newest block here.
    pub height: u64,
    /// Its time.
    pub block_time: TimestampMs,
    /// Blocks that others have and this node does not, as far as it knows.
    pub behind: u64,
    /// Voting power of this node and those connected to it.
    pub power_connected: u64,
    /// Voting power that it takes to decide a block.
    pub power_needed: u64,
    /// Transactions that wait.
    pub waiting: u64,
    /// What this node runs.
    pub version: String,
    /// Height, time and transactions of the newest blocks that hold any.
    pub blocks: Vec<(u64, TimestampMs, u32)>,
}

/// The network page.
#[must_use]
pub fn network(frame: &Frame, network: &Network) -> String {
    let language = frame.language;
    let nodes = network.nodes.iter().map(|node| {
        let role = match node.is_validator {
            true => frame.say("confirms records", "确认记录"),
            false => frame.say("checks and serves", "校验并提供查询"),
        };
        let (height, version, last) = match &node.heard {
            Some(heard) => {
                let behind = network.height.saturating_sub(heard.height);
                let height = number(&heard.height.to_string());
                let height = match behind {
                    0..ON_ITS_WAY => height,
                    _ => language.pick(
                        format!("{height} ({} behind)", number(&behind.to_string())),
                        format!("{height}（落后 {}）", number(&behind.to_string())),
                    ),
                };
                let last = match node.is_this {
                    true => frame.say("now", "现在").to_owned(),
                    false => ago(heard.ago_ms, language),
                };
                (height, heard.version.clone(), last)
            }
            None => {
                let unknown = || frame.say("not known", "未知").to_owned();
                (unknown(), unknown(), frame.say("never", "从未").to_owned())
            }
        };
        vec![
            Cell::text(node.name.clone()),
            Cell::link(node.member.clone()),
            Cell::text(role),
            node_state(frame, node, network.height),
            Cell::text(height),
            Cell::text(version),
            Cell::text(last),
        ]
    });
    let blocks = network.blocks.iter().map(|(height, time, transactions)| {
        vec![
            Cell::link(block_link(frame, *height)),
            Cell::text(moment(*time, language)),
            Cell::text(transactions.to_string()),
        ]
    });
    let lag = match network.behind {
        0 => Cell::signal(Signal::Fine, frame.say("level with the others", "与其他节点同步")),
        blocks => {
            let text =
                language.pick(format!("{blocks} blocks behind"), format!("落后 {blocks} 个区块"));
            Cell::signal(Signal::Attention, text)
        }
    };
    plain(
        frame,
        &Plain {
            title: frame.say("The network", "网络").to_owned(),
            intro: frame.say(
                "As the node that answers you knows it. Every node tells the others once a second how \
                 far it is and which version it runs.",
                "以下为应答节点所知的情况。每个节点每秒向其他节点通报自己的进度和版本。",
            ),
            facts: vec![
                (
                    frame.say("Newest block", "最新区块"),
                    vec![Cell::link(block_link(frame, network.height))],
                ),
                (
                    frame.say("Its time", "区块时间"),
                    vec![Cell::text(moment(network.block_time, language))],
                ),
                (frame.say("Lag", "同步状态"), vec![lag]),
                (frame.say("Can confirm records", "能否确认记录"), vec![quorum(frame, network)]),
                (
                    frame.say("Waiting transactions", "等待中的交易"),
                    vec![Cell::text(number(&network.waiting.to_string()))],
                ),
                (frame.say("Version", "版本"), vec![Cell::text(network.version.clone())]),
            ],
            lists: vec![
                List {
                    title: frame.say("Nodes", "节点"),
                    head: vec![
                        frame.say("Node", "节点"),
                        frame.say("Member", "成员"),
                        frame.say("What it does", "职责"),
                        frame.say("State", "状态"),
                        frame.say("Newest block", "最新区块"),
                        frame.say("Version", "版本"),
                        frame.say("Last heard from", "上次收到消息"),
                    ],
                    rows: nodes.collect(),
                    empty: "",
                },
                List {
                    title: frame.say("Newest blocks with transactions", "最新的含交易区块"),
                    head: vec![
                        frame.say("Block", "区块"),
                        frame.say("Time", "时间"),
                        frame.say("Transactions", "交易数"),
                    ],
                    rows: blocks.collect(),
                    empty: frame.say("No block holds a transaction yet.", "尚无包含交易的区块。"),
                },
            ],
            is_wide: true,
            ..Plain::default()
        },
    )
}

/// How a node is, in one word or two.
fn node_state(frame: &Frame, node: &NetworkNode, height: u64) -> Cell {
    let attention = |text| Cell::signal(Signal::Attention, text);
    if node.is_this {
        return Cell::signal(Signal::Fine, frame.say("answers you", "正在应答"));
    }
    match &node.heard {
        None if node.is_connected => attention(frame.say("connected, silent", "已连接，无消息")),
        None => attention(frame.say("never heard from", "从未收到消息")),
        Some(heard) if heard.ago_ms >= SILENT_MS => attention(frame.say("silent", "无消息")),
        Some(heard) if height.saturating_sub(heard.height) >= ON_ITS_WAY => {
            attention(frame.say("catching up", "正在追赶"))
        }
        Some(_) if node.is_connected => {
            Cell::signal(Signal::Fine, frame.say("connected", "已连接"))
        }
        Some(_) => Cell::signal(Signal::Fine, frame.say("heard through others", "经其他节点收到")),
    }
}

/// Whether enough validators are connected to go on.
fn quorum(frame: &Frame, network: &Network) -> Cell {
    let (connected, needed) = (network.power_connected, network.power_needed);
    let language = frame.language;
    if connected >= needed {
        return Cell::signal(Signal::Fine, frame.say("yes", "可以"));
    }
    let text = language.pick(
        format!("no: {connected} of the {needed} votes that it takes are connected"),
        format!("不能：需要 {needed} 票，目前已连接 {connected} 票"),
    );
    Cell::signal(Signal::Stop, text)
}

/// How long ago something was, to the second under a minute.
fn ago(ms: u64, language: Language) -> String {
    match ms / 1_000 {
        0..2 => language.pick("just now", "刚刚").to_owned(),
        seconds @ 2..60 => {
            language.pick(format!("{seconds} seconds ago"), format!("{seconds} 秒前"))
        }
        _ => {
            let span = span(ms, language);
            language.pick(format!("{span} ago"), format!("{span}前"))
        }
    }
}

fn block_link(frame: &Frame, height: u64) -> Reference {
    let path = Some(frame.to(&format!("/block/{height}")));
    Reference { text: number(&height.to_string()), path }
}

/// A block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its height.
    pub height: u64,
    /// The newest height.
    pub newest: u64,
    /// The digest of its header.
    pub id: String,
    /// Its time.
    pub time: TimestampMs,
    /// The member whose node proposed it, or the address of its key.
    pub proposer: String,
    /// The root of the state after it.
    pub state_root: String,
    /// How many validators signed for it.
    pub signatures: usize,
    /// Ids of its transactions and whether they were recorded.
    pub transactions: Vec<(String, bool)>,
    /// The events that it put on record: the first.
    pub events: Vec<Recorded>,
    /// How many more there are.
    pub more: usize,
}

/// The page of a block.
#[must_use]
pub fn block(frame: &Frame, block: &Block, places: &Places) -> String {
    let language = frame.language;
    let neighbours = [block.height.checked_sub(1).filter(|h| *h > 0), Some(block.height + 1)];
    let neighbours = neighbours.into_iter().flatten().filter(|height| *height <= block.newest);
    let rows = block.transactions.iter().map(|(id, recorded)| {
        let (signal, word) = match recorded {
            true => (Signal::Fine, frame.say("recorded", "已记录")),
            false => (Signal::Attention, frame.say("refused", "被拒绝")),
        };
        let path = Some(frame.to(&format!("/transaction/{id}")));
        vec![Cell::link(Reference { text: id.clone(), path }), Cell::signal(signal, word)]
    });
    let empty = frame.say("This block put no event on record.", "此区块没有记录事件。");
    let mut notes = Vec::new();
    if block.more > 0 {
        notes.push(language.pick(
            format!("and {} more events", block.more),
            format!("另有 {} 个事件", block.more),
        ));
    }
    plain(
        frame,
        &Plain {
            title: format!("{} {}", frame.say("Block", "区块"), number(&block.height.to_string())),
            id: Some(block.id.clone()),
            facts: vec![
                (frame.say("Time", "时间"), vec![Cell::text(moment(block.time, language))]),
                (frame.say("Proposed by", "提议者"), vec![Cell::text(block.proposer.clone())]),
                (frame.say("Signatures", "签名数"), vec![Cell::text(block.signatures.to_string())]),
                (frame.say("State root", "状态根"), vec![Cell::code(block.state_root.clone())]),
                (
                    frame.say("Neighbours", "相邻区块"),
                    neighbours.map(|height| Cell::link(block_link(frame, height))).collect(),
                ),
            ],
            lists: vec![List {
                title: frame.say("Transactions", "交易"),
                head: vec![frame.say("Transaction", "交易"), frame.say("Result", "结果")],
                rows: rows.collect(),
                empty: frame.say("This block holds no transaction.", "此区块不含交易。"),
            }],
            chapters: Some((
                frame.say("Events", "事件"),
                tell_all(&block.events, places, language),
                empty,
            )),
            notes,
            ..Plain::default()
        },
    )
}

/// A transaction.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Its id.
    pub id: String,
    /// Its block.
    pub height: u64,
    /// The time of that.
    pub time: TimestampMs,
    /// The agent that signed it.
    pub sender: String,
    /// The code of the rule that it broke, if it was refused.
    pub refused: Option<String>,
    /// The events that it brought: the first.
    pub events: Vec<Recorded>,
    /// How many more there are.
    pub more: usize,
}

/// The page of a transaction.
#[must_use]
pub fn transaction(frame: &Frame, transaction: &Transaction, places: &Places) -> String {
    let language = frame.language;
    let result = match &transaction.refused {
        None => Cell::signal(Signal::Fine, frame.say("recorded", "已记录")),
        Some(code) => {
            Cell::signal(Signal::Attention, format!("{}: {code}", frame.say("refused", "被拒绝")))
        }
    };
    let mut notes = Vec::new();
    if transaction.more > 0 {
        notes.push(language.pick(
            format!("and {} more events", transaction.more),
            format!("另有 {} 个事件", transaction.more),
        ));
    }
    let empty = frame.say("It put no event on record.", "此交易没有记录事件。");
    let block = Cell::link(block_link(frame, transaction.height));
    plain(
        frame,
        &Plain {
            title: frame.say("Transaction", "交易").to_owned(),
            id: Some(transaction.id.clone()),
            facts: vec![
                (frame.say("Result", "结果"), vec![result]),
                (frame.say("Signed by", "签署者"), vec![Cell::text(transaction.sender.clone())]),
                (frame.say("Block", "区块"), vec![block]),
                (frame.say("Time", "时间"), vec![Cell::text(moment(transaction.time, language))]),
            ],
            chapters: Some((
                frame.say("Events", "事件"),
                tell_all(&transaction.events, places, language),
                empty,
            )),
            notes,
            ..Plain::default()
        },
    )
}
