//! Why terms are refused: a stable code, the clause, the reason and the mend.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// Why a clause of terms is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which rule.
    pub code: RefusalCode,
    /// The clause: a JSON pointer into the terms.
    pub pointer: String,
    /// What is wrong there, in English.
    pub en: String,
    /// The same in Chinese.
    pub zh: String,
}

impl Refusal {
    pub(super) fn new(
        code: RefusalCode,
        pointer: impl Into<String>,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> Refusal {
        Refusal { code, pointer: pointer.into(), en: en.into(), zh: zh.into() }
    }
}

/// The clause, the rule, what is wrong and the mend, in English: the subject of a rejection.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clause = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{clause}: {}: {} {}", self.code.as_str(), self.en, self.code.mend())
    }
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut written = serializer.serialize_struct("Refusal", 6)?;
        written.serialize_field("code", self.code.as_str())?;
        written.serialize_field("pointer", &self.pointer)?;
        written.serialize_field("why", &self.en)?;
        written.serialize_field("why_zh", &self.zh)?;
        written.serialize_field("mend", self.code.mend())?;
        written.serialize_field("mend_zh", self.code.mend_zh())?;
        written.end()
    }
}

macro_rules! refusal_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $mend:literal, $mend_zh:literal;)*) => {
        /// The rules that terms can break. Codes are stable: programs may rely on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum RefusalCode {
            $($(#[$doc])* $name,)*
        }

        impl RefusalCode {
            /// Every code.
            pub const ALL: &'static [RefusalCode] = &[$(RefusalCode::$name),*];

            /// The stable name that programs see.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(RefusalCode::$name => $code,)*
                }
            }

            /// How to mend it.
            #[must_use]
            pub fn mend(self) -> &'static str {
                match self {
                    $(RefusalCode::$name => $mend,)*
                }
            }

            /// The same in Chinese.
            #[must_use]
            pub fn mend_zh(self) -> &'static str {
                match self {
                    $(RefusalCode::$name => $mend_zh,)*
                }
            }
        }
    };
}

refusal_codes! {
    /// A list that is too short or too long.
    Count = "count",
        "Give as many as the limit allows, or divide the agreement.",
        "请将数量控制在限制之内，或拆分为多份协议。";
    /// A text that is none.
    Text = "text",
        "Give a text of the named length without control characters.",
        "请填写长度合适且不含控制字符的文本。";
    /// A name used twice.
    Twice = "listed-twice",
        "Name each once.",
        "每个名称只能使用一次。";
    /// A role that is not among the roles.
    UnknownRole = "unknown-role",
        "Name a role that the terms list.",
        "请使用条款中列出的角色。";
    /// A member that the network does not have.
    UnknownMember = "unknown-member",
        "Name a member of this network.",
        "请填写本网络的成员。";
    /// An account that cannot be paid.
    UnknownAccount = "unknown-account",
        "Name an account that the member has opened, or leave it out to use its main account.",
        "请填写该成员已开立的账户，或省略以使用其主账户。";
    /// An asset that nobody has issued.
    UnknownAsset = "unknown-asset",
        "Name an asset that has been issued.",
        "请填写已发行的资产。";
    /// A title that there is not.
    UnknownTitle = "unknown-title",
        "Name a title that was made, as title:issuer/reference.",
        "请填写已创建的权证，格式为 title:发行方/编号。";
    /// A milestone that is not among the milestones.
    UnknownMilestone = "unknown-milestone",
        "Name another milestone that the terms list.",
        "请使用条款中列出的其他里程碑。";
    /// An inspection by a member that does not inspect.
    NotAnInspector = "not-an-inspector",
        "Give the inspection to a role whose member the network accredits as an inspector.",
        "请由本网络认可的检验成员所担任的角色进行检验。";
    /// A payment of nothing.
    Nothing = "comes-to-nothing",
        "Give more than nothing, or leave it out.",
        "请填写大于零的数值，或删除该项。";
    /// More than there can be.
    TooLarge = "too-large",
        "Give less.",
        "请减少数额。";
    /// A payment of what nobody pays in.
    NotDeposited = "not-deposited",
        "Add a deposit of this asset, or pay another one.",
        "请增加该资产的存入款项，或改付其他资产。";
    /// What nobody gets.
    Stranded = "stranded-money",
        "Say with one \"remainder\" of this asset who gets what is left.",
        "请用一项该资产的 \"remainder\" 说明剩余部分归谁。";
    /// A remainder where the agreement goes on.
    RemainderMisplaced = "remainder-misplaced",
        "Pay an amount or a share, or let the milestone end the agreement.",
        "请支付固定金额或份额，或令该里程碑结束协议。";
    /// Payouts of more than the pot.
    OverPaid = "pays-more-than-the-pot",
        "Pay less, or exclude these milestones from each other with \"unless\".",
        "请减少付款，或用 \"unless\" 使这些里程碑互斥。";
    /// A milestone whose time never comes.
    NeverFulfilled = "never-fulfilled",
        "Mend what it waits for, or leave the milestone out.",
        "请修改其等待的内容，或删除该里程碑。";
    /// Times that cannot follow each other.
    TimesOutOfOrder = "times-out-of-order",
        "Order them: now, accept_by, the deposits' due times, the deadline.",
        "请按顺序排列：当前时间、accept_by、各存入款项的到期时间、deadline。";
    /// A time or duration that is too far.
    TooFar = "too-far-ahead",
        "Choose a time within ten years.",
        "请选择十年以内的时间。";
    /// A condition of nothing.
    EmptyCondition = "empty-condition",
        "List conditions, and ask for at least one and at most all of them.",
        "请列出条件，且要求满足的数量至少为一、至多为全部。";
    /// Conditions in too many levels.
    TooDeep = "nested-too-deep",
        "Nest fewer conditions in each other.",
        "请减少条件的嵌套层数。";
    /// A share pro rata where it cannot be.
    ProRata = "pro-rata-misplaced",
        "Use one share \"pro_rata\", directly or under \"all\", in a milestone that has no window \
         and does not end the agreement.",
        "每个里程碑只能有一个 \"pro_rata\" 份额，直接使用或置于 \"all\" 之下，\
         且该里程碑不设 window、不结束协议。";
    /// Goods that are missing or do not fit.
    Goods = "goods-unfit",
        "Name the goods by items, or by a class and quantity, or by a business transaction.",
        "请用物品清单、类别与数量或业务单据之一说明货物。";
    /// An identifier in another spelling, or none.
    Identifier = "identifier-unfit",
        "Give the identifier in its one spelling, as an answer of the ledger shows it.",
        "请使用账本给出的规范写法填写标识。";
    /// No word of a vocabulary.
    Word = "word-unfit",
        "Give a standard word of CBV 2.0, or a URI of your own.",
        "请使用 CBV 2.0 的标准词，或自定义 URI。";
    /// Readings that cannot be judged.
    Readings = "readings-unfit",
        "Give a measurement with its unit, a bound, a gap above nothing, and two different events.",
        "请给出带单位的测量项、至少一个界限、大于零的间隔以及两个不同的事件。";
    /// Conditions that exclude each other.
    Contradiction = "contradiction",
        "Use \"any\" where one of them is enough, or divide them over two milestones.",
        "若满足其一即可请使用 \"any\"，或分为两个里程碑。";
    /// An arbiter that is a party.
    Arbiter = "arbiter-not-apart",
        "Name an arbiter whose member has no other role and opens no disputes.",
        "请指定不担任其他角色、也不提出争议的成员为仲裁方。";
    /// Too many ways to end.
    TooManyOutcomes = "too-many-outcomes",
        "Order the milestones with \"after\", or exclude some with \"unless\".",
        "请用 \"after\" 规定里程碑的先后，或用 \"unless\" 使其互斥。";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Promise P57: what is told of a refusal is told in one way everywhere.
    #[test]
    fn the_page_has_every_code_with_its_mend() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/agreements.md");
        let page = std::fs::read_to_string(page).expect("docs/agreements.md");
        for code in RefusalCode::ALL {
            let mend = format!("| {}<br>{} |", code.mend(), code.mend_zh());
            let row =
                page.lines().find(|line| line.starts_with(&format!("| `{}` |", code.as_str())));
            assert!(row.is_some_and(|row| row.ends_with(&mend)), "{}: {mend}", code.as_str());
        }
    }

    /// Promise P57: every refusal has a stable code, the clause and the mend.
    #[test]
    fn codes_are_distinct_and_speak() {
        let codes: BTreeSet<&str> = RefusalCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), RefusalCode::ALL.len());
        for code in RefusalCode::ALL {
            assert!(code.mend().ends_with('.') && code.mend_zh().ends_with('。'), "{code:?}");
            assert!(!code.mend().contains("  ") && !code.mend_zh().contains("  "), "{code:?}");
        }
    }
}
