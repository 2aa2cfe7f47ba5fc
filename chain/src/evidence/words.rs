//! Sentences for what was shown, and for what is wrong.

use super::failure::{Failure, Reason};
use super::file::About;
use super::recalls::OpenRecall;
use super::report::{Finding, ItemReport, Report, Sentence};
use super::walk::{Cut, CutReason, Span};
use crate::masterdata::{Texts, text_in};
use crate::units::TimestampMs;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Cuts that are told one by one; of the others, how many.
const MAX_CUTS_TOLD: usize = 20;

fn proof(code: &'static str, en: String, zh: String) -> Finding {
    Finding { code, is_proof: true, is_warning: false, sentence: Sentence { en, zh } }
}

fn warning(code: &'static str, en: String, zh: String) -> Finding {
    Finding { is_warning: true, ..proof(code, en, zh) }
}

fn note(code: &'static str, en: String, zh: String) -> Finding {
    Finding { code, is_proof: false, is_warning: false, sentence: Sentence { en, zh } }
}

impl Report {
    /// A sentence for each thing that was shown, and for what the reader should know was not.
    /// `now` is the checker's clock.
    #[must_use]
    pub fn findings(&self, now: TimestampMs) -> Vec<Finding> {
        let mut all: Vec<Finding> = self.recalls.iter().map(recalled).collect();
        all.extend([self.network(), self.finality()]);
        match (&self.about, &self.item) {
            (About::Item { id, .. }, Some(item)) => item.tell(id, self.height.0, &mut all),
            (about, _) => all.push(self.record_of(about)),
        }
        all.extend(self.not_recalled());
        all.push(self.freshness(now));
        all
    }

    fn network(&self) -> Finding {
        let (chain, genesis) = (&self.chain_id, &self.genesis_digest);
        if self.is_known_network {
            let en = format!("Network: {chain}, which is the one you trust ({genesis}).");
            return proof("network", en, format!("网络：{chain}，即您信任的网络（{genesis}）。"));
        }
        note(
            "network-not-compared",
            format!(
                "Network: {chain}, as the file itself says. Compare {genesis} with the genesis \
                 digest that you got from a member."
            ),
            format!("网络：{chain}，仅为文件自述。请将 {genesis} 与您从成员处获得的创世摘要核对。"),
        )
    }

    fn finality(&self) -> Finding {
        let Report { height, block_time, votes, validators, power, total_power, .. } = self;
        proof(
            "final",
            format!(
                "Final: block {height} of {block_time} is signed by {votes} of {validators} \
                 validators, with {power} of {total_power} votes; more than two thirds are needed."
            ),
            format!(
                "已终局：区块 {height}（{block_time}）由 {validators} 个验证节点中的 {votes} \
                 个签名，票数 {power}/{total_power}，超过所需的三分之二。"
            ),
        )
    }

    fn record_of(&self, about: &About) -> Finding {
        let height = self.height;
        let (code, en, zh) = match (about, self.exists) {
            (About::Item { id, .. }, _) => (
                "absent",
                format!("No event recorded up to block {height} names {id}."),
                format!("截至区块 {height}，没有任何已记录的事件提及 {id}。"),
            ),
            (About::Agreement { id }, true) => (
                "record",
                format!("Agreement {id} stood at block {height} exactly as this file says."),
                format!("协议 {id} 在区块 {height} 时的状态与本文件所示完全一致。"),
            ),
            (About::Agreement { id }, false) => (
                "absent",
                format!("There was no agreement {id} at block {height}."),
                format!("在区块 {height} 时不存在协议 {id}。"),
            ),
            (About::Balance { account, asset }, true) => (
                "record",
                format!(
                    "Account {account} had at block {height} exactly so much of {asset} as this \
                     file says."
                ),
                format!("账户 {account} 在区块 {height} 时的 {asset} 余额与本文件所示完全一致。"),
            ),
            (About::Balance { account, asset }, false) => (
                "absent",
                format!("Account {account} had no {asset} on record at block {height}."),
                format!("在区块 {height} 时，账户 {account} 没有 {asset} 的记录。"),
            ),
        };
        proof(code, en, zh)
    }

    /// That no open recall is in the file, which then holds for all that it looked up.
    fn not_recalled(&self) -> Option<Finding> {
        if !matches!(self.about, About::Item { .. }) || !self.recalls.is_empty() {
            return None;
        }
        let height = self.height;
        let (en, zh) = match self.exists {
            true => (
                format!(
                    "No open recall at block {height} names it, its product, what it was packed \
                     in or what it was made of, as far as this file goes."
                ),
                format!(
                    "截至区块 {height}，在本文件范围内，没有有效的召回涉及该物品、其产品、\
                     其所在的包装或其原料。"
                ),
            ),
            false => (
                format!("No open recall at block {height} names it or its product."),
                format!("截至区块 {height}，没有有效的召回涉及该编号或其产品。"),
            ),
        };
        Some(proof("not-recalled", en, zh))
    }

    fn freshness(&self, now: TimestampMs) -> Finding {
        let time = self.block_time;
        if time > now.plus_ms(HOUR_MS) {
            return note(
                "fresh",
                format!("The block's time, {time}, is ahead of this machine's clock."),
                format!("区块时间 {time} 晚于本机时钟。"),
            );
        }
        let (en, zh) = age(now.since_ms(time));
        note(
            "fresh",
            format!("The block is {en} old. What was recorded since is not in this file."),
            format!("该区块距今{zh}。此后记录的内容不在本文件中。"),
        )
    }
}

impl ItemReport {
    fn tell(&self, id: &str, height: u64, all: &mut Vec<Finding>) {
        all.push(self.completeness(id, height));
        let ItemReport { events, withheld_events, withheld_sections, .. } = self;
        all.push(proof(
            "unaltered",
            format!("Unaltered: {} in this file, to the byte as recorded.", some(*events, "event")),
            format!("未被篡改：本文件中的全部 {events} 个事件与记录时一致。"),
        ));
        if *withheld_sections > 0 {
            all.push(note(
                "withheld",
                format!(
                    "Not shown: {} of {}. That they exist is proved; what they say is withheld.",
                    some(*withheld_sections, "section"),
                    some(*withheld_events, "event")
                ),
                format!(
                    "未显示：{withheld_events} 个事件中的 {withheld_sections} \
                     个部分被保留。其存在已得到证明，内容未显示。"
                ),
            ));
        }
        if self.claims > 0 {
            let claims = self.claims;
            all.push(note(
                "claims",
                format!(
                    "Claims by others than those responsible: {} of its log.",
                    some_of(claims, "entry", "entries")
                ),
                format!("其中 {claims} 条记录是由非责任方作出的声明。"),
            ));
        }
        all.extend(self.spans.iter().filter_map(span));
        if self.levels > 0 {
            let (levels, inputs) = (self.levels, self.inputs);
            all.push(proof(
                "inputs",
                format!(
                    "What it was made of: {}, followed back {}.",
                    some(inputs, "item"),
                    some(usize::from(levels), "level")
                ),
                format!("其原料：{inputs} 件物品，向上追溯 {levels} 级。"),
            ));
        }
        all.extend(self.cuts.iter().take(MAX_CUTS_TOLD).map(cut));
        let more = self.cuts.len().saturating_sub(MAX_CUTS_TOLD);
        if more > 0 {
            all.push(note(
                "cut",
                format!("The story goes on in {} more.", some(more, "place")),
                format!("文件还在另外 {more} 处截止。"),
            ));
        }
    }

    fn completeness(&self, id: &str, height: u64) -> Finding {
        let ItemReport { count, from, .. } = self;
        let last = count.saturating_sub(1);
        let (en, zh) = if *count == 1 {
            (
                format!(
                    "Complete: this is the only event of {id} recorded up to block {height} \
                     (entry 0 of its log)."
                ),
                format!("完整：这是截至区块 {height} 记录的 {id} 的唯一事件（日志第 0 条）。"),
            )
        } else if *from == 0 {
            (
                format!(
                    "Complete: these are all {count} events of {id} recorded up to block {height} \
                     (entries 0 to {last} of its log)."
                ),
                format!(
                    "完整：这是截至区块 {height} 记录的 {id} 的全部 {count} 个事件（日志第 0 至 \
                     {last} 条）。"
                ),
            )
        } else {
            (
                format!(
                    "Complete from entry {from}: of the {count} events of {id} recorded up to \
                     block {height}, all from entry {from} on are here; older ones are not."
                ),
                format!(
                    "自第 {from} 条起完整：截至区块 {height} 记录的 {id} 的 {count} \
                     个事件中，第 {from} 条及之后的全部在此，更早的不在。"
                ),
            )
        };
        proof("complete", en, zh)
    }
}

fn recalled(recall: &OpenRecall) -> Finding {
    let OpenRecall { record, names } = recall;
    let (id, height, member) = (&record.id, record.declared.height, &record.id.member);
    let said = |texts: &Texts, tag| one_line(text_in(texts, tag).unwrap_or_default());
    let (reason, todo) = (&record.notice.reason, &record.notice.what_to_do);
    let contact = one_line(&record.notice.contact);
    let web = record.notice.web.as_deref().map(one_line);
    let (en, zh) = match web {
        Some(web) => (format!(" or {web}"), format!("；{web}")),
        None => (String::new(), String::new()),
    };
    warning(
        "recalled",
        format!(
            "RECALLED by {member} ({id}, block {height}): {}. Why: \"{}\" What to do: \"{}\" \
             Ask: {contact}{en}",
            names.join(", "),
            said(reason, "en"),
            said(todo, "en"),
        ),
        format!(
            "已被 {member} 召回（{id}，区块 {height}）：{}。原因：“{}”处理办法：“{}”\
             联系方式：{contact}{zh}",
            names.join("、"),
            said(reason, "zh"),
            said(todo, "zh"),
        ),
    )
}

/// A member's words on one line: they are shown beside what the checker says.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn span(span: &Span) -> Option<Finding> {
    let container = &span.container;
    // Of a log of which nothing is shown, that is told as a cut.
    let (first, last) = span.range?;
    let (en, zh) = match span.emptied {
        Some(at) => (
            format!(", until everything was taken out (block {})", at.height),
            format!("，直至被清空（区块 {}）", at.height),
        ),
        None => (String::new(), String::new()),
    };
    Some(proof(
        "container",
        format!("While it was in {container}: entries {first} to {last} of that log{en}."),
        format!("在 {container} 内期间：该日志第 {first} 至 {last} 条{zh}。"),
    ))
}

fn cut(cut: &Cut) -> Finding {
    let id = &cut.id;
    let (en, zh) = match cut.reason {
        CutReason::Older => (
            format!("Older entries of {id} are not in this file."),
            format!("{id} 的较早记录不在本文件中。"),
        ),
        CutReason::Inputs => (
            format!("What {id} was made of is not in this file."),
            format!("{id} 的原料不在本文件中。"),
        ),
        CutReason::Joined => (
            format!("{id} was made in a process of several events: others may say what went in."),
            format!("{id} 由多个事件组成的过程制成：其他事件可能记录了投入。"),
        ),
        CutReason::Logs => (
            format!("The story goes on with {id}, for which this file has no room."),
            format!("历史还涉及 {id}，本文件容纳不下。"),
        ),
        CutReason::Deep => (
            format!("{id} is packed deeper than is followed."),
            format!("{id} 的包装层级超出追溯深度。"),
        ),
    };
    note("cut", en, zh)
}

/// A number of things.
fn some(number: usize, one: &str) -> String {
    some_of(number, one, &format!("{one}s"))
}

fn some_of(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn age(ms: u64) -> (String, String) {
    let (number, en, zh) = match ms {
        0..MINUTE_MS => (ms / 1_000, "second", "秒"),
        MINUTE_MS..HOUR_MS => (ms / MINUTE_MS, "minute", "分钟"),
        HOUR_MS..DAY_MS => (ms / HOUR_MS, "hour", "小时"),
        _ => (ms / DAY_MS, "day", "天"),
    };
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    (some(number, en), format!("{number} {zh}"))
}

impl Failure {
    /// What is wrong, for people.
    #[must_use]
    pub fn sentence(&self) -> Sentence {
        let (en, zh) = words(&self.reason);
        let (at_en, at_zh) = match self.place.0.as_str() {
            "" => (String::new(), String::new()),
            place => (format!(" (at {place})"), format!("（位置：{place}）")),
        };
        Sentence { en: format!("{en}{at_en}."), zh: format!("{zh}{at_zh}。") }
    }
}

fn words(reason: &Reason) -> (String, String) {
    let (en, zh) = match reason {
        Reason::Spelling(byte) => {
            return (
                format!("the text is not spelled as evidence is written, from byte {byte} on"),
                format!("自第 {byte} 字节起，文本不符合证据文件的规范写法"),
            );
        }
        Reason::Certificate(error) => {
            return (format!("the votes do not hold: {error}"), format!("投票不成立：{error}"));
        }
        Reason::TooOld { height, least } => {
            return (
                format!("the block is {height}, and at least {least} was asked for"),
                format!("区块为 {height}，低于要求的 {least}"),
            );
        }
        Reason::Encoding => ("the bytes are no valid encoding", "字节编码无效"),
        Reason::OtherNetwork => ("the file is from another network", "文件来自另一个网络"),
        Reason::GenesisDigest => {
            ("the genesis record does not have this digest", "创世记录与此摘要不符")
        }
        Reason::Genesis => ("the genesis record starts no network", "创世记录无效"),
        Reason::ChainId => ("the network's name differs", "网络名称不一致"),
        Reason::Validators => {
            ("the validators are not those of the genesis record", "验证节点与创世记录中的不一致")
        }
        Reason::HeaderValidators => {
            ("the block was decided by other validators", "区块由其他验证节点决定")
        }
        Reason::Height => ("the header is of another block", "区块头属于另一个区块"),
        Reason::Version => ("the block has an unknown format", "区块格式未知"),
        Reason::SpareVote => ("there is a vote more than is needed", "投票多于所需"),
        Reason::OtherSubject => ("the file is about something else", "文件涉及的是其他对象"),
        Reason::StateProof => ("the state at this block does not say this", "该区块的状态与此不符"),
        Reason::LogStart => {
            ("the entries shown do not begin where they must", "所示记录未从应有的位置开始")
        }
        Reason::MissingLog => {
            ("a log that belongs to the story is missing here", "此处缺少属于该历史的日志")
        }
        Reason::SpareLog => ("this log does not belong to the story", "此日志不属于该历史"),
        Reason::AbsentLog => {
            ("this item has a log, and the file denies it", "该物品有日志，文件却予以否认")
        }
        Reason::Names => {
            ("the names are not those that the entry leads to", "名称与该条记录所指的不一致")
        }
        Reason::SpareNames => ("no names are needed here", "此处不需要名称"),
        Reason::Levels => ("the file goes back fewer levels than it says", "追溯级数少于文件所述"),
        Reason::MissingEvent => {
            ("an event that belongs to the story is missing here", "此处缺少属于该历史的事件")
        }
        Reason::SpareEvent => ("this event does not belong to the story", "此事件不属于该历史"),
        Reason::Event => ("the event is not the one that was recorded", "事件与记录时的不一致"),
        Reason::NotCanonical => (
            "this is no canonical identifier: what is on record stands under another spelling",
            "标识符不是规范写法：记录保存在另一写法之下",
        ),
        Reason::MissingProduct => (
            "whether a product of the story is recalled is not told here",
            "此处未说明该历史中的某产品是否被召回",
        ),
        Reason::SpareProduct => {
            ("this product is not looked up for this story", "该历史不需要在此查询该产品")
        }
        Reason::RecallsOf => {
            ("these are the recalls of another identifier", "这是另一标识符的召回列表")
        }
        Reason::MissingRecall => ("an open recall is missing here", "此处缺少一项有效的召回"),
        Reason::SpareRecall => ("nothing of the story mentions this recall", "该历史未涉及此召回"),
        Reason::OtherRecall => ("another recall must be shown here", "此处应为另一项召回"),
        Reason::Withdrawn => {
            ("a recall that was withdrawn is shown as open", "已撤回的召回被显示为有效")
        }
        Reason::MissingState => ("the record is missing", "缺少记录"),
        Reason::SpareState => ("this record does not belong here", "此记录不属于本文件"),
    };
    (en.to_owned(), zh.to_owned())
}
