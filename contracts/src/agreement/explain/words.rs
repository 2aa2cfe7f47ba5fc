//! The words of explanations.

use tracehold_chain::agreement::{Label, Payout, Sighting};

use super::{Sentence, sentence};
use crate::agreement::condition::Context;

/// Roles with the members that have them: `buyer (member buyer-gmbh)`.
pub(super) fn who(context: &Context<'_>, roles: &[Label]) -> Sentence {
    let named = |role: &Label, with: (&str, &str)| {
        let member = context.terms.roles.iter().find(|one| one.role == *role);
        let member = member.map(|one| one.member.to_string()).unwrap_or_default();
        format!("{role}{}{member}{}", with.0, with.1)
    };
    let all = |with: (&str, &str)| roles.iter().map(|role| named(role, with)).collect::<Vec<_>>();
    sentence(all((" (", ")")).join(" or "), all(("（", "）")).join("或"))
}

/// Who gets what.
pub(super) fn payouts(pay: &[Payout]) -> Sentence {
    let en: Vec<String> = pay
        .iter()
        .map(|one| match one {
            Payout::Amount { to, money } => format!("{to} gets {money}"),
            Payout::Share { to, asset, percent } => {
                format!("{to} gets {percent} % of the {asset} paid in")
            }
            Payout::Remainder { to, asset } => format!("{to} gets what is left of {asset}"),
        })
        .collect();
    let zh: Vec<String> = pay
        .iter()
        .map(|one| match one {
            Payout::Amount { to, money } => format!("{to} 得 {money}"),
            Payout::Share { to, asset, percent } => format!("{to} 得所存 {asset} 的 {percent}%"),
            Payout::Remainder { to, asset } => format!("{to} 得 {asset} 余款"),
        })
        .collect();
    if pay.is_empty() {
        return sentence("nobody gets anything", "不付款");
    }
    sentence(en.join(", "), zh.join("，"))
}

/// What an event looks like: its business step, and what else it must say.
pub(super) fn sighting(wanted: &Sighting) -> Sentence {
    let step = wanted.biz_step.as_deref();
    let mut en = step.map_or("an event".to_owned(), |step| step.replace('_', " "));
    let mut zh = step.map_or("任一事件".to_owned(), step_zh);
    if let Some(disposition) = &wanted.disposition {
        en += &format!(" as {disposition}");
        zh += &format!("（状态 {disposition}）");
    }
    if let Some(place) = &wanted.place {
        en += &format!(" at {place}");
        zh += &format!("（地点 {place}）");
    }
    sentence(en, zh)
}

fn step_zh(step: &str) -> String {
    let known = match step {
        "accepting" => "验收",
        "arriving" => "到达",
        "commissioning" => "启用",
        "consigning" => "托运",
        "departing" => "出发",
        "inspecting" => "检验",
        "loading" => "装载",
        "packing" => "装箱",
        "receiving" => "收货",
        "shipping" => "发货",
        "storing" => "入库",
        "transporting" => "运输",
        "unloading" => "卸货",
        "unpacking" => "拆箱",
        other => other,
    };
    known.to_owned()
}
