//! Every way to end, a sentence each.

use super::{Language, amount, money, names, role, time};
use crate::agreement::outcome::{Gets, Outcome, OutcomeKind, Outcomes};

/// A sentence for each way to end, in their order.
pub fn outcomes(outcomes: &Outcomes, language: Language) -> impl Iterator<Item = String> {
    outcomes.iter().map(move |one| outcome(&one, language))
}

/// How it ends, latest when, and who gets what. Who is not named gets nothing.
#[must_use]
pub fn outcome(outcome: &Outcome, language: Language) -> String {
    let latest = time(outcome.latest);
    let gets = gets(&outcome.gets, language);
    let after = after(outcome, language);
    match (&outcome.kind, language) {
        (OutcomeKind::NotAccepted, Language::En) => {
            format!("Not all accept before {latest}, or one turns it down: nothing moves.")
        }
        (OutcomeKind::NotAccepted, Language::Zh) => {
            format!("{latest} 之前未获全部接受，或有一方拒绝：无任何款项变动。")
        }
        (OutcomeKind::Unfunded, _) => {
            let back = match (gets.is_empty(), language) {
                (true, Language::En) => "nothing was paid in".to_owned(),
                (true, Language::Zh) => "没有已存入的款项".to_owned(),
                (false, Language::En) => format!("what was paid in goes back, {gets}"),
                (false, Language::Zh) => format!("已存入的款项退回，{gets}"),
            };
            match language {
                Language::En => format!("A deposit is missing at {latest}: {back}."),
                Language::Zh => format!("{latest} 时仍缺少存入款项：{back}。"),
            }
        }
        (OutcomeKind::Released(last), Language::En) => {
            format!("“{last}” is fulfilled before {latest}{after}, and it ends: {gets}.")
        }
        (OutcomeKind::Released(last), Language::Zh) => {
            format!("“{last}”于 {latest} 之前完成{after}，协议结束：{gets}。")
        }
        (OutcomeKind::Expired, Language::En) => {
            format!("The deadline, {latest}, comes{after}: {gets}.")
        }
        (OutcomeKind::Expired, Language::Zh) => format!("截止时间 {latest} 到期{after}：{gets}。"),
        (OutcomeKind::Cancelled, Language::En) => {
            format!("All agree to cancel before {latest}{after}: {gets}.")
        }
        (OutcomeKind::Cancelled, Language::Zh) => {
            format!("各方于 {latest} 之前一致同意取消{after}：{gets}。")
        }
        (OutcomeKind::Ruled, Language::En) => {
            format!(
                "The arbiter settles a dispute before {latest}{after}, and says who gets what is \
                 left: {gets}."
            )
        }
        (OutcomeKind::Ruled, Language::Zh) => {
            format!("仲裁方于 {latest} 之前裁决争议{after}，并决定剩余部分的归属：{gets}。")
        }
    }
}

/// What came before.
fn after(outcome: &Outcome, language: Language) -> String {
    let last = match &outcome.kind {
        OutcomeKind::Released(last) => Some(last),
        _ => None,
    };
    let before: Vec<_> =
        outcome.fulfilled.iter().filter(|label| Some(*label) != last).cloned().collect();
    let mut said = match (before.is_empty(), last, language) {
        (true, Some(_), _) => String::new(),
        (true, None, Language::En) => " with no milestone fulfilled".to_owned(),
        (true, None, Language::Zh) => "且没有里程碑完成".to_owned(),
        (false, _, Language::En) => format!(" after {}", names(&before, language)),
        (false, _, Language::Zh) => format!("（此前已完成{}）", names(&before, language)),
    };
    if !outcome.in_part.is_empty() {
        let parts = names(&outcome.in_part, language);
        said += &match language {
            Language::En => format!(", {parts} having paid for what came"),
            Language::Zh => format!("，{parts}已按到货部分付款"),
        };
    }
    said
}

fn gets(gets: &[Gets], language: Language) -> String {
    let one = |gets: &Gets| {
        let who = role(&gets.role, language);
        let most = money(&gets.most());
        let least = amount(&gets.asset, gets.least);
        match (gets.least == gets.most, gets.least.is_zero(), language) {
            (true, _, Language::En) => format!("{who} gets {most}"),
            (true, _, Language::Zh) => format!("{who}获得 {most}"),
            (false, true, Language::En) => format!("{who} gets up to {most}"),
            (false, true, Language::Zh) => format!("{who}最多获得 {most}"),
            (false, false, Language::En) => format!("{who} gets {least} to {most}"),
            (false, false, Language::Zh) => format!("{who}获得 {least} 至 {most}"),
        }
    };
    let all: Vec<String> = gets.iter().map(one).collect();
    all.join(language.say(", ", "，"))
}
