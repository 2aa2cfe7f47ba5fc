//! Terms clause by clause.

use serde::Serialize;
use tracehold_chain::agreement::{
    Condition, Expect, Finding, Goods, Inspected, Milestone, Moment, Observed, Payout, Readings,
    Share, Sighting, Terms,
};

use super::{Language, capital, duration, money, names, role, roles, time};
use crate::agreement::check::is_pro_rata;

/// A clause of terms in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clause {
    /// Where it stands: a JSON pointer into the terms.
    pub pointer: String,
    /// What it says.
    pub text: String,
}

/// All that terms say, a sentence for each clause.
#[must_use]
pub fn terms(terms: &Terms, language: Language) -> Vec<Clause> {
    let mut clauses = Vec::new();
    let mut add = |pointer: String, text: String| clauses.push(Clause { pointer, text });
    for (place, one) in terms.roles.iter().enumerate() {
        let (who, member, account) = (role(&one.role, language), &one.member, &one.account);
        let who = capital(&who);
        add(
            format!("/roles/{place}"),
            match language {
                Language::En => format!("{who} is {member}, paid on {member}/{account}."),
                Language::Zh => format!("{who}为 {member}，收款账户 {member}/{account}。"),
            },
        );
    }
    if let Some(text) = goods(&terms.goods, language) {
        add("/goods".into(), text);
    }
    let accept_by = time(terms.accept_by);
    add(
        "/accept_by".into(),
        match language {
            Language::En => format!("All must accept before {accept_by}."),
            Language::Zh => format!("各方须在 {accept_by} 之前接受。"),
        },
    );
    for (place, deposit) in terms.deposits.iter().enumerate() {
        let (who, what) = (capital(&role(&deposit.role, language)), money(&deposit.money));
        let (id, due) = (&deposit.id, time(deposit.due));
        add(
            format!("/deposits/{place}"),
            match language {
                Language::En => format!("{who} pays in {what} before {due} (“{id}”)."),
                Language::Zh => format!("{who}须在 {due} 之前存入 {what}（“{id}”）。"),
            },
        );
    }
    for (place, one) in terms.milestones.iter().enumerate() {
        add(format!("/milestones/{place}"), milestone(one, language));
    }
    let (deadline, rest) = (time(terms.deadline), payouts(&terms.at_deadline, language));
    add(
        "/at_deadline".into(),
        match language {
            Language::En => format!("At the deadline, {deadline}, it ends: {rest}."),
            Language::Zh => format!("到截止时间 {deadline} 协议结束：{rest}。"),
        },
    );
    let cancel = terms.cancel.as_ref().map(|cancel| payouts(cancel, language));
    add(
        "/cancel".into(),
        match (cancel, language) {
            (Some(pay), Language::En) => {
                format!("When every role but the arbiter asks to cancel, it ends: {pay}.")
            }
            (Some(pay), Language::Zh) => {
                format!("除仲裁方外各方均要求取消时，协议结束：{pay}。")
            }
            (None, Language::En) => "Once it runs it cannot be cancelled.".into(),
            (None, Language::Zh) => "协议开始执行后不能取消。".into(),
        },
    );
    if let Some(dispute) = &terms.dispute {
        let who = roles(&dispute.by, language);
        let (arbiter, within) =
            (role(&dispute.arbiter, language), duration(dispute.ruling_within, language));
        add(
            "/dispute".into(),
            match language {
                Language::En => format!(
                    "{} may open a dispute: nothing is paid until {arbiter} rules, within \
                     {within}; without a ruling it goes on.",
                    capital(&who)
                ),
                Language::Zh => format!(
                    "{who}可提出争议：在{arbiter}于 {within}内作出裁决之前不付款；逾期未裁决则协议继续。"
                ),
            },
        );
    }
    if let Some(dispute) = terms.dispute.as_ref().filter(|dispute| dispute.after_end.0 > 0) {
        let (who, time) = (roles(&dispute.by, language), duration(dispute.after_end, language));
        clauses.push(Clause {
            pointer: "/dispute/after_end".into(),
            text: match language {
                Language::En => format!(
                    "For {time} after the end, when an event that paid was corrected, {who} may \
                     still have a dispute recorded, which moves no money."
                ),
                Language::Zh => format!(
                    "协议结束后 {time}内，若曾据以付款的事件被更正，{who}仍可登记争议，但不再变动款项。"
                ),
            },
        });
    }
    clauses
}

fn goods(goods: &Goods, language: Language) -> Option<String> {
    const SHOWN: usize = 3;
    let mut parts = Vec::new();
    if !goods.items.is_empty() {
        let shown: Vec<&str> = goods.items.iter().take(SHOWN).map(String::as_str).collect();
        let (count, list) = (goods.items.len(), shown.join(", "));
        let more = if count > SHOWN { " …" } else { "" };
        parts.push(match (count, language) {
            (1, Language::En) => format!("1 thing: {list}"),
            (_, Language::En) => format!("{count} things: {list}{more}"),
            (_, Language::Zh) => format!("{count} 件物品：{list}{more}"),
        });
    }
    if let Some(class) = &goods.class {
        let pieces = language.say("pieces", "件");
        let unit = class.uom.as_deref().unwrap_or(pieces);
        parts.push(match language {
            Language::En => format!("{} {unit} of {}", class.quantity, class.class),
            Language::Zh => format!("{} {unit} {}", class.quantity, class.class),
        });
    }
    if let Some(transaction) = &goods.business_transaction {
        let kind = transaction.kind.as_deref().map(|kind| format!("{kind} ")).unwrap_or_default();
        parts.push(match language {
            Language::En => format!("what events name with {kind}{}", transaction.id),
            Language::Zh => format!("事件中以 {kind}{} 标明的货物", transaction.id),
        });
    }
    (!parts.is_empty()).then(|| match language {
        Language::En => format!("The goods are {}.", parts.join(", ")),
        Language::Zh => format!("货物：{}。", parts.join("，")),
    })
}

/// A milestone: when it is fulfilled and what it pays.
#[must_use]
pub fn milestone(milestone: &Milestone, language: Language) -> String {
    let when = condition(&milestone.when, language);
    let mut gates = String::new();
    let mut gate = |en: String, zh: String| {
        gates += &match language {
            Language::En => format!(", {en}"),
            Language::Zh => format!("，{zh}"),
        };
    };
    if !milestone.after.is_empty() {
        let names = names(&milestone.after, language);
        gate(format!("only after {names}"), format!("且须在{names}完成之后"));
    }
    if !milestone.unless.is_empty() {
        let names = names(&milestone.unless, language);
        gate(format!("unless {names} came first"), format!("但{names}已先完成的除外"));
    }
    if let Some(by) = milestone.by {
        let by = time(by);
        gate(format!("before {by}"), format!("且须在 {by} 之前"));
    }
    if milestone.window.0 > 0 {
        let window = duration(milestone.window, language);
        gate(format!("and that has held for {window}"), format!("且该状态已持续 {window}"));
    }
    let id = &milestone.id;
    let pay = match (milestone.pay.is_empty(), language) {
        (true, Language::En) => "nothing is paid".to_owned(),
        (true, Language::Zh) => "不付款".to_owned(),
        (false, _) => payouts(&milestone.pay, language),
    };
    let parts = if is_pro_rata(&milestone.when) {
        language.say(", in the proportion that has come", "，按到货比例支付")
    } else {
        ""
    };
    let end =
        if milestone.ends { language.say("; then it ends", "；协议随即结束") } else { "" };
    match language {
        Language::En => format!("“{id}”: when {when}{gates}: {pay}{parts}{end}."),
        Language::Zh => format!("“{id}”：当{when}{gates}：{pay}{parts}{end}。"),
    }
}

/// Payouts, in their order.
#[must_use]
pub fn payouts(pay: &[Payout], language: Language) -> String {
    let all: Vec<String> = pay.iter().map(|one| payout(one, language)).collect();
    all.join(language.say(", ", "，"))
}

/// A payout.
#[must_use]
pub fn payout(payout: &Payout, language: Language) -> String {
    let to = role(payout.to(), language);
    match (payout, language) {
        (Payout::Amount { money: what, .. }, Language::En) => format!("{to} gets {}", money(what)),
        (Payout::Amount { money: what, .. }, Language::Zh) => format!("{to}获得 {}", money(what)),
        (Payout::Share { asset, percent, .. }, Language::En) => {
            format!("{to} gets {percent} % of the {asset} that was paid in")
        }
        (Payout::Share { asset, percent, .. }, Language::Zh) => {
            format!("{to}获得存入的 {asset} 的 {percent}%")
        }
        (Payout::Remainder { asset, .. }, Language::En) => {
            format!("{to} gets what is left of {asset}")
        }
        (Payout::Remainder { asset, .. }, Language::Zh) => format!("{to}获得剩余的 {asset}"),
    }
}

/// A condition, as what is true when it holds.
#[must_use]
pub fn condition(condition: &Condition, language: Language) -> String {
    match (condition, language) {
        (Condition::Observed(Observed { event, share }), _) => observed(event, *share, language),
        (Condition::Readings(readings), _) => self::readings(readings, language),
        (Condition::Inspected(inspected), _) => self::inspected(inspected, language),
        (Condition::TitleHeld { title, by }, Language::En) => {
            format!("{} holds {title}", role(by, language))
        }
        (Condition::TitleHeld { title, by }, Language::Zh) => {
            format!("{}持有 {title}", role(by, language))
        }
        (Condition::TitleSurrendered { title }, Language::En) => {
            format!("{title} is back with its issuer")
        }
        (Condition::TitleSurrendered { title }, Language::Zh) => format!("{title} 已交还发行方"),
        (Condition::Approved { by, what }, Language::En) => {
            format!("{} has approved “{what}”", role(by, language))
        }
        (Condition::Approved { by, what }, Language::Zh) => {
            format!("{}已同意“{what}”", role(by, language))
        }
        (Condition::After(at), Language::En) => format!("it is {} or later", time(*at)),
        (Condition::After(at), Language::Zh) => format!("时间到达 {}", time(*at)),
        (Condition::Elapsed { since, time }, Language::En) => {
            format!("{} have passed since “{since}” was fulfilled", duration(*time, language))
        }
        (Condition::Elapsed { since, time }, Language::Zh) => {
            format!("“{since}”完成后已过 {}", duration(*time, language))
        }
        (Condition::NoOpenAnomaly { kinds, at }, _) => {
            let codes: Vec<&str> = kinds.iter().map(|kind| kind.code()).collect();
            let (codes, at) = (codes.join(", "), moment(at, language));
            match (codes.is_empty(), language) {
                (true, Language::En) => format!("no anomaly of the goods is open {at}"),
                (true, Language::Zh) => format!("{at}货物没有未解决的异常"),
                (false, Language::En) => {
                    format!("no anomaly of these kinds is open {at}: {codes}")
                }
                (false, Language::Zh) => format!("{at}货物没有以下未解决的异常：{codes}"),
            }
        }
        (Condition::All(of), _) => joined(of, language.say(" and ", "，且"), language),
        (Condition::Any(of), _) => joined(of, language.say(" or ", "，或"), language),
        (Condition::AtLeast { count, of }, Language::En) => {
            format!("at least {count} of these hold: {}", joined(of, "; ", language))
        }
        (Condition::AtLeast { count, of }, Language::Zh) => {
            format!("以下至少 {count} 项成立：{}", joined(of, "；", language))
        }
        (Condition::Not { of, at }, Language::En) => {
            let (of, at) = (self::condition(of, language), moment(at, language));
            format!("it is not so {at} that {of}")
        }
        (Condition::Not { of, at }, Language::Zh) => {
            let (of, at) = (self::condition(of, language), moment(at, language));
            format!("{at}以下情况不成立：{of}")
        }
    }
}

/// Conditions with a word between; those that have words between themselves stand in brackets.
fn joined(of: &[Condition], between: &str, language: Language) -> String {
    let one = |inside: &Condition| {
        let said = condition(inside, language);
        let many = matches!(
            inside,
            Condition::All(_)
                | Condition::Any(_)
                | Condition::AtLeast { .. }
                | Condition::Not { .. }
        );
        match (many && of.len() > 1, language) {
            (false, _) => said,
            (true, Language::En) => format!("({said})"),
            (true, Language::Zh) => format!("（{said}）"),
        }
    };
    of.iter().map(one).collect::<Vec<_>>().join(between)
}

fn moment(moment: &Moment, language: Language) -> String {
    match (moment, language) {
        (Moment::Time(at), Language::En) => format!("at {}", time(*at)),
        (Moment::Time(at), Language::Zh) => format!("在 {} 时，", time(*at)),
        (Moment::Observed(event), Language::En) => {
            format!("at the time when {}", observed(event, Share::All, language))
        }
        (Moment::Observed(event), Language::Zh) => {
            format!("在{}时，", observed(event, Share::All, language))
        }
        (Moment::Milestone(label), Language::En) => {
            format!("at the time when “{label}” is fulfilled")
        }
        (Moment::Milestone(label), Language::Zh) => format!("在“{label}”完成时，"),
    }
}

fn share(share: Share, language: Language) -> String {
    match (share, language) {
        (Share::All, Language::En) => "all of the goods".into(),
        (Share::All, Language::Zh) => "全部货物".into(),
        (Share::AtLeast(percent), _) if percent.parts() == 1 => {
            language.say("any of the goods", "任何货物").into()
        }
        (Share::AtLeast(percent), Language::En) => format!("at least {percent} % of the goods"),
        (Share::AtLeast(percent), Language::Zh) => format!("至少 {percent}% 的货物"),
        (Share::ProRata, Language::En) => "the goods, part by part".into(),
        (Share::ProRata, Language::Zh) => "货物（逐部分）".into(),
    }
}

/// `the buyer has recorded “receiving” of all of the goods`.
fn observed(event: &Sighting, of: Share, language: Language) -> String {
    let (who, goods) = (roles(&event.by, language), share(of, language));
    let what = sighting(event, language);
    match language {
        Language::En => format!("{who} has recorded {what} of {goods}"),
        Language::Zh => format!("{who}已记录{goods}的{what}"),
    }
}

/// What an event must look like, without who.
pub(in crate::agreement) fn sighting(event: &Sighting, language: Language) -> String {
    let mut what = match (&event.biz_step, language) {
        (Some(step), _) => format!("“{}”", step_word(step, language)),
        (None, Language::En) => "an event".into(),
        (None, Language::Zh) => "事件".into(),
    };
    let mut more = Vec::new();
    if let Some(event_type) = event.event_type {
        more.push(word(&event_type));
    }
    if let Some(action) = event.action {
        more.push(word(&action));
    }
    more.extend(event.disposition.clone());
    if let Some(place) = &event.place {
        more.push(match language {
            Language::En => format!("at {place}"),
            Language::Zh => format!("地点 {place}"),
        });
    }
    if !more.is_empty() {
        let more = more.join(", ");
        what += &match language {
            Language::En => format!(" ({more})"),
            Language::Zh => format!("（{more}）"),
        };
    }
    what
}

/// A business step as people say it. Common ones have a word in Chinese.
fn step_word(step: &str, language: Language) -> String {
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
        _ => "",
    };
    match language {
        Language::Zh if !known.is_empty() => known.to_owned(),
        _ => step.replace('_', " "),
    }
}

/// The word that JSON has for it.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn inspected(inspected: &Inspected, language: Language) -> String {
    let (who, goods) = (roles(&inspected.by, language), share(inspected.share, language));
    let conformant = inspected.finding == Finding::Conformant;
    let reference = inspected.certification.as_deref();
    match language {
        Language::En => {
            let found = if conformant { "conformant" } else { "not conformant" };
            let with = reference.map_or(String::new(), |reference| format!(" {reference}"));
            format!("{who} has inspected {goods} with certification{with} and found them {found}")
        }
        Language::Zh => {
            let found = if conformant { "合格" } else { "不合格" };
            let with = reference.map_or(String::new(), |reference| format!(" {reference} "));
            format!("{who}已凭证书{with}检验{goods}并判定{found}")
        }
    }
}

fn readings(readings: &Readings, language: Language) -> String {
    let Readings { measurement, uom, .. } = readings;
    let bounds = match (readings.min, readings.max, language) {
        (Some(min), Some(max), Language::En) => format!("from {min} to {max} {uom}"),
        (Some(min), Some(max), Language::Zh) => format!("{min} 至 {max} {uom}"),
        (Some(min), None, Language::En) => format!("at {min} {uom} or above"),
        (Some(min), None, Language::Zh) => format!("不低于 {min} {uom}"),
        (None, Some(max), Language::En) => format!("at {max} {uom} or below"),
        (None, Some(max), Language::Zh) => format!("不高于 {max} {uom}"),
        (None, None, _) => String::new(),
    };
    let end = |event: &Sighting| {
        let (what, who) = (sighting(event, language), roles(&event.by, language));
        match language {
            Language::En => format!("{what} by {who}"),
            Language::Zh => format!("{who}的{what}"),
        }
    };
    let (from, to) = (end(&readings.from), end(&readings.to));
    let gap = duration(readings.max_gap, language);
    let (outside, settle) = (readings.outside_at_most, readings.settle);
    let tolerated = match (outside.0, readings.expect, language) {
        (0, Expect::Kept, Language::En) => "never outside".to_owned(),
        (0, Expect::Kept, Language::Zh) => "从未超出".to_owned(),
        (0, Expect::Broken, Language::En) => "outside at any time".to_owned(),
        (0, Expect::Broken, Language::Zh) => "曾经超出".to_owned(),
        (_, Expect::Kept, Language::En) => {
            format!("outside for at most {}", duration(outside, language))
        }
        (_, Expect::Kept, Language::Zh) => {
            format!("累计超出不超过 {}", duration(outside, language))
        }
        (_, Expect::Broken, Language::En) => {
            format!("outside for more than {}", duration(outside, language))
        }
        (_, Expect::Broken, Language::Zh) => {
            format!("累计超出超过 {}", duration(outside, language))
        }
    };
    let source = match (readings.by.is_empty(), language) {
        (true, _) => String::new(),
        (false, Language::En) => format!(" of {}", roles(&readings.by, language)),
        (false, Language::Zh) => format!("{}的", roles(&readings.by, language)),
    };
    let waits = match (settle.0, language) {
        (0, _) => String::new(),
        (_, Language::En) => {
            format!(" (late readings are awaited for {})", duration(settle, language))
        }
        (_, Language::Zh) => format!("（等待迟到读数 {}）", duration(settle, language)),
    };
    match (readings.expect, language) {
        (Expect::Kept, Language::En) => format!(
            "readings{source} without a gap above {gap} show {measurement} {bounds} from {from} to {to}, \
             {tolerated}{waits}"
        ),
        (Expect::Kept, Language::Zh) => format!(
            "从{from}到{to}，间隔不超过 {gap}的{source}读数表明 {measurement} {bounds}，{tolerated}{waits}"
        ),
        (Expect::Broken, Language::En) => format!(
            "readings{source} show that {measurement}, to be {bounds} from {from} to {to}, was \
             {tolerated}{waits}"
        ),
        (Expect::Broken, Language::Zh) => {
            format!(
                "{source}读数表明从{from}到{to}，{measurement} 应{bounds}，但{tolerated}{waits}"
            )
        }
    }
}
