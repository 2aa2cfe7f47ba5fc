//! English and Chinese: which one a reader gets, and the words of the pages in both.

use tracehold_contracts::agreement::words;

/// A language that the pages speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// The language of a page: `wanted` (the `lang` parameter) when it names one, else the first
    /// of `accept_language` (RFC 9110 §12.5.4) that the pages speak, else English.
    #[must_use]
    pub fn choose(wanted: Option<&str>, accept_language: Option<&str>) -> Language {
        if let Some(language) = wanted.and_then(Language::of_tag) {
            return language;
        }
        let mut best = (0, Language::English);
        for range in accept_language.unwrap_or("").split(',').take(32) {
            let mut parts = range.split(';');
            let Some(language) = parts.next().and_then(Language::of_tag) else { continue };
            let weight = parts.find_map(|p| p.trim().strip_prefix("q=")).map_or(1_000, thousandths);
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }

    fn of_tag(tag: &str) -> Option<Language> {
        let primary = tag.trim().split(['-', '_']).next()?.to_ascii_lowercase();
        match primary.as_str() {
            "en" => Some(Language::English),
            "zh" => Some(Language::Chinese),
            _ => None,
        }
    }

    /// The BCP 47 tag for the page's `lang` attribute.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Chinese => "zh-Hans",
        }
    }

    /// The other language.
    #[must_use]
    pub fn other(self) -> Language {
        self.pick(Language::Chinese, Language::English)
    }

    /// A path, which may have a query, with the `lang` parameter that chooses this language.
    #[must_use]
    pub fn of_path(self, path: &str) -> String {
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{path}{joint}lang={}", self.tag())
    }

    /// The same language as the sentences of agreements know it.
    #[must_use]
    pub fn spoken(self) -> words::Language {
        self.pick(words::Language::En, words::Language::Zh)
    }

    /// `english` or `chinese`.
    #[must_use]
    pub fn pick<T>(self, english: T, chinese: T) -> T {
        match self {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }

    /// The words of the pages.
    #[must_use]
    pub fn texts(self) -> &'static Texts {
        match self {
            Language::English => &ENGLISH,
            Language::Chinese => &CHINESE,
        }
    }
}

/// A quality value such as `0.8` as thousandths; 0 for what is none.
fn thousandths(text: &str) -> u32 {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = format!("{fraction:0<3}");
    match (whole.parse::<u32>(), digits.get(..3).and_then(|d| d.parse::<u32>().ok())) {
        (Ok(whole @ 0..=1), Some(fraction)) => (whole * 1_000 + fraction).min(1_000),
        _ => 0,
    }
}

/// The fixed words of the pages in one language.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is named by the words it holds")]
pub struct Texts {
    pub tagline: &'static str,
    pub other_language: &'static str,
    pub search_label: &'static str,
    pub search_hint: &'static str,
    pub search: &'static str,
    pub latest: &'static str,
    pub nothing_yet: &'static str,
    pub network: &'static str,
    pub height: &'static str,
    pub block_time: &'static str,
    pub home: &'static str,
    pub story: &'static str,
    pub story_order: &'static str,
    pub happened: &'static str,
    pub recorded: &'static str,
    pub recorded_by: &'static str,
    pub place: &'static str,
    pub now_at: &'static str,
    pub state: &'static str,
    pub goods: &'static str,
    pub container: &'static str,
    pub contents: &'static str,
    pub inputs: &'static str,
    pub outputs: &'static str,
    pub more: &'static str,
    pub more_events: &'static str,
    pub correction: &'static str,
    pub corrected: &'static str,
    pub claim: &'static str,
    pub anomaly: &'static str,
    pub whole_event: &'static str,
    pub public_only: &'static str,
    pub in_block: &'static str,
    pub event: &'static str,
    pub unknown_item: &'static str,
    pub unknown_item_help: &'static str,
    pub unknown_event: &'static str,
    pub unknown_event_help: &'static str,
    pub malformed: &'static str,
    pub malformed_help: &'static str,
    pub try_these: &'static str,
    pub not_proof_of_original: &'static str,
}

static ENGLISH: Texts = Texts {
    tagline: "The recorded story of goods",
    other_language: "中文",
    search_label: "Find goods, a place or a record",
    search_hint: "What is printed on it, a link, a name, or the id of an event",
    search: "Find",
    latest: "Latest events",
    nothing_yet: "Nothing has been recorded yet.",
    network: "Network",
    height: "block",
    block_time: "newest block at",
    home: "Home",
    story: "Story",
    story_order: "In the order things happened.",
    happened: "Happened",
    recorded: "Recorded",
    recorded_by: "Recorded by",
    place: "Where",
    now_at: "Then at",
    state: "State",
    goods: "Goods",
    container: "Container",
    contents: "Contents",
    inputs: "Made from",
    outputs: "Into",
    more: "more",
    more_events: "There are more events than this page shows; the API pages through all of them.",
    correction: "This declares an earlier event with the same id to be wrong.",
    corrected: "Declared wrong later",
    claim: "A claim: whoever recorded this has no known part in the goods.",
    anomaly: "Does not fit the story",
    whole_event: "Everything recorded in this event",
    public_only: "What anyone may see of this event. Members of the network see the rest with a \
                  key.",
    in_block: "in block",
    event: "Event",
    unknown_item: "Nothing is recorded about this item",
    unknown_item_help: "The identifier is well formed, but no event on this ledger names it. The \
                        item may be new, or from somebody who does not record here. If it was \
                        sold to you as recorded here, ask the seller.",
    unknown_event: "There is no event with this id",
    unknown_event_help: "Ids must match exactly, letter by letter.",
    malformed: "This is not an identifier",
    malformed_help: "A scan link looks like one of these:",
    try_these: "Check the digits, or search:",
    not_proof_of_original: "A code can be copied: the story tells about the item that carries this \
                            number, not whether the thing in your hand is that item.",
};

static CHINESE: Texts = Texts {
    tagline: "货物经历的记录",
    other_language: "English",
    search_label: "查找货物、地点或记录",
    search_hint: "货物上印刷的内容、链接、名称或事件编号",
    search: "查找",
    latest: "最新事件",
    nothing_yet: "尚无任何记录。",
    network: "网络",
    height: "区块",
    block_time: "最新区块时间",
    home: "首页",
    story: "经历",
    story_order: "按发生时间排列。",
    happened: "发生时间",
    recorded: "记录时间",
    recorded_by: "记录者",
    place: "地点",
    now_at: "之后位于",
    state: "状态",
    goods: "货物",
    container: "容器",
    contents: "内容",
    inputs: "原料",
    outputs: "产出",
    more: "更多",
    more_events: "事件多于本页所示；可通过接口分页查看全部。",
    correction: "本记录声明先前同编号的事件有误。",
    corrected: "后被声明有误",
    claim: "仅为声称：记录者与该货物没有已知关系。",
    anomaly: "与经历不符",
    whole_event: "本事件记录的全部内容",
    public_only: "任何人可见的内容。网络成员凭密钥可查看其余部分。",
    in_block: "所在区块",
    event: "事件",
    unknown_item: "没有关于此物品的记录",
    unknown_item_help: "编号格式正确，但本账本上没有任何事件提到它。物品可能是新的，\
                        或其经手者不在此记录。如果售卖者声称在此有记录，请向其询问。",
    unknown_event: "没有此编号的事件",
    unknown_event_help: "编号必须逐字一致。",
    malformed: "这不是有效的编号",
    malformed_help: "扫码链接的形式如下：",
    try_these: "请核对数字，或重新查找：",
    not_proof_of_original: "条码可以被复制：这里讲述的是带有此编号的物品的经历，\
                            并不证明您手中的就是该物品。",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_chooses_the_language() {
        use Language::{Chinese, English};
        for (wanted, accepted, expected) in [
            (None, None, English),
            (None, Some("zh-CN,zh;q=0.9,en;q=0.8"), Chinese),
            (None, Some("fr, en;q=0.5, zh;q=0.7"), Chinese),
            (None, Some("de"), English),
            (None, Some("zh;q=0, en"), English),
            (None, Some("zh;q=x;;,,"), English),
            (Some("zh"), Some("en"), Chinese),
            (Some("EN-gb"), Some("zh"), English),
            (Some("xx"), Some("zh"), Chinese),
        ] {
            assert_eq!(Language::choose(wanted, accepted), expected, "{wanted:?} {accepted:?}");
        }
    }
}
