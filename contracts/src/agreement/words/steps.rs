//! Stages, endings and the steps of a story, a sentence each.

use tracehold_chain::agreement::Label;

use super::{Language, capital, money, percent, role, time};
use crate::agreement::record::{Ending, Stage};
use crate::agreement::step::{Paid, StepKind};

/// A stage in a few words.
#[must_use]
pub fn stage(stage: &Stage, language: Language) -> String {
    let (en, zh) = match stage {
        Stage::Proposed => ("Proposed: not all have accepted yet", "已提议：尚未全部接受"),
        Stage::Accepted => ("Accepted: deposits are awaited", "已接受：等待存入款项"),
        Stage::Running => ("Running: the money waits for the goods", "执行中：款项等待货物"),
        Stage::Disputed => ("In dispute: nothing is paid", "争议中：暂不付款"),
        Stage::Ended { how, .. } => return ending(how, language),
    };
    language.say(en, zh).to_owned()
}

/// How an agreement ended, in a few words.
#[must_use]
pub fn ending(how: &Ending, language: Language) -> String {
    let (en, zh) = match how {
        Ending::Released { milestone } => {
            return match language {
                Language::En => format!("Ended: paid out with “{milestone}”"),
                Language::Zh => format!("已结束：随“{milestone}”付清"),
            };
        }
        Ending::NotAccepted { declined_by: Some(label) } => {
            let who = role(label, language);
            return match language {
                Language::En => format!("Ended: {who} turned it down"),
                Language::Zh => format!("已结束：{who}拒绝"),
            };
        }
        Ending::NotAccepted { declined_by: None } => ("Ended: not accepted", "已结束：未被接受"),
        Ending::Cancelled => ("Ended: cancelled by all", "已结束：各方同意取消"),
        Ending::Unfunded => {
            ("Ended: a deposit was missing, the others went back", "已结束：款项未到齐，已退回")
        }
        Ending::Ruled => ("Ended: settled by the arbiter", "已结束：由仲裁方裁决"),
        Ending::Expired => ("Ended: the deadline came", "已结束：截止时间已到"),
    };
    language.say(en, zh).to_owned()
}

fn paid(paid: &[Paid], language: Language) -> String {
    let one = |paid: &Paid| {
        let (who, what) = (role(&paid.to, language), money(&paid.money));
        match language {
            Language::En => format!("; {who} gets {what}"),
            Language::Zh => format!("；{who}获得 {what}"),
        }
    };
    paid.iter().map(one).collect()
}

/// A step of an agreement: what happened, and who got what with it.
#[must_use]
pub fn step(what: &StepKind, language: Language) -> String {
    let who = |label: &Label| role(label, language);
    let pick = |en: String, zh: String| match language {
        Language::En => en,
        Language::Zh => zh,
    };
    let said = match what {
        StepKind::Proposed { by } => pick(format!("{by} put it forward"), format!("{by} 提出")),
        StepKind::Accepted { role, by, complete: true } => {
            let who = who(role);
            pick(format!("{by} accepted for {who}"), format!("{by} 代表{who}接受"))
        }
        StepKind::Accepted { role, by, complete: false } => {
            let who = who(role);
            pick(
                format!("{by} accepted for {who}; a second agent must too"),
                format!("{by} 代表{who}接受，尚需第二名代理人"),
            )
        }
        StepKind::Deposited { deposit } => {
            pick(format!("The deposit “{deposit}” is in"), format!("“{deposit}”已存入"))
        }
        StepKind::Started => {
            pick("All deposits are in: it runs".into(), "款项已全部存入，开始执行".into())
        }
        StepKind::Approved { role, what } => {
            let who = who(role);
            pick(format!("{who} approved “{what}”"), format!("{who}同意“{what}”"))
        }
        StepKind::Holds { milestone } => pick(
            format!("The condition of “{milestone}” holds; its window runs"),
            format!("“{milestone}”的条件成立，等待期开始"),
        ),
        StepKind::HoldsNoMore { milestone } => pick(
            format!("An event was corrected: “{milestone}” holds no more"),
            format!("事件被更正：“{milestone}”的条件不再成立"),
        ),
        StepKind::Decided { milestone, held, .. } => match held {
            true => pick(
                format!("A condition of “{milestone}” was decided for good: it held"),
                format!("“{milestone}”的一项条件已最终判定：成立"),
            ),
            false => pick(
                format!("A condition of “{milestone}” was decided for good: it did not hold"),
                format!("“{milestone}”的一项条件已最终判定：不成立"),
            ),
        },
        StepKind::PaidPart { milestone, parts, paid: got, .. } => {
            let (part, got) = (percent(*parts), paid(got, language));
            pick(
                format!("“{milestone}” has paid for {part} % of the goods{got}"),
                format!("“{milestone}”已按货物的 {part}% 付款{got}"),
            )
        }
        StepKind::Fulfilled { milestone, paid: got, .. } => {
            let got = paid(got, language);
            pick(format!("“{milestone}” is fulfilled{got}"), format!("“{milestone}”完成{got}"))
        }
        StepKind::CorrectedAfterPayment { milestone, .. } => pick(
            format!(
                "An event on which “{milestone}” paid was corrected; the money does not move back \
                 by itself"
            ),
            format!("“{milestone}”付款所依据的事件被更正；款项不会自动退回"),
        ),
        StepKind::CancelAsked { role } => {
            let who = who(role);
            pick(format!("{who} asked to cancel"), format!("{who}要求取消"))
        }
        StepKind::Disputed { role, reason, until } => {
            let (who, until) = (who(role), time(*until));
            pick(
                format!("{who} opened a dispute: {reason} (the arbiter rules before {until})"),
                format!("{who}提出争议：{reason}（仲裁方须在 {until} 之前裁决）"),
            )
        }
        StepKind::DisputeLapsed => pick(
            "The arbiter's time was over without a ruling: it goes on".into(),
            "仲裁方逾期未裁决，协议继续".into(),
        ),
        StepKind::Ruled { reason } => {
            pick(format!("The arbiter ruled: {reason}"), format!("仲裁方裁决：{reason}"))
        }
        StepKind::Ended { how, paid: got } => {
            format!("{}{}", ending(how, language), paid(got, language))
        }
        StepKind::NotKept { by } => pick(
            format!(
                "An event of {by} was not kept and does not count here: as many of {by} are kept \
                 as may be"
            ),
            format!("{by} 的一项事件未被保留，在此不计入：保留的事件数已达上限"),
        ),
        StepKind::CancelWithdrawn { role } => {
            let who = who(role);
            pick(format!("{who} took the request to cancel back"), format!("{who}撤回了取消要求"))
        }
        StepKind::CancelsCleared { roles } => {
            let names: Vec<String> = roles.iter().map(who).collect();
            pick(
                format!("It went on: what {} asked to cancel counts no more", names.join(" and ")),
                format!("协议继续执行：{}的取消要求不再有效", names.join("、")),
            )
        }
    };
    capital(&said)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P90: what happened is told in whole sentences in both languages.
    #[test]
    fn steps_are_told_in_both_languages() {
        let label = |text| Label::new(text).expect("a label");
        let got = Paid {
            to: label("seller"),
            money: tracehold_chain::money::Money::parse(
                "EUR@bank".parse().expect("an asset"),
                "1200.5",
            )
            .expect("an amount"),
        };
        let told = StepKind::Fulfilled {
            milestone: label("delivered"),
            paid: vec![got],
            events: Vec::new(),
        };
        assert_eq!(
            step(&told, Language::En),
            "“delivered” is fulfilled; the seller gets 1,200.50 EUR@bank"
        );
        assert_eq!(step(&told, Language::Zh), "“delivered”完成；卖方获得 1,200.50 EUR@bank");
        let asked = StepKind::CancelAsked { role: label("buyer") };
        assert_eq!(step(&asked, Language::En), "The buyer asked to cancel");
        assert_eq!(stage(&Stage::Running, Language::Zh), "执行中：款项等待货物");
    }
}
