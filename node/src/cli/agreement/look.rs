//! `tracehold agreement list`, `show`, `explain` and `story`.

use serde_json::{Value, json};
use tracehold_chain::agreement::Label;
use tracehold_contracts::agreement::words::{self, Language};

use super::super::calling::{Call, encoded, money, pair, print, tag, text};
use super::super::{Failure, output};
use super::{list_of, path, said};

#[derive(Debug, clap::Args)]
pub struct One {
    /// The agreement's id
    #[arg(value_name = "ID")]
    pub(super) id: String,
    #[command(flatten)]
    pub(super) call: Call,
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// Only those that are proposed, accepted, running, disputed or ended
    #[arg(long, value_name = "STAGE")]
    pub(super) stage: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) count: u16,
    #[command(flatten)]
    pub(super) call: Call,
}

/// A role as people say it.
fn role(value: &Value, language: Language) -> String {
    let label = Label::new(text(value));
    label.map_or_else(|_| text(value).to_owned(), |label| words::role(&label, language))
}

pub fn list(args: &List) -> Result<(), Failure> {
    let mut path = format!("/api/v1/agreements?perPage={}", args.count);
    if let Some(stage) = &args.stage {
        path = format!("{path}&stage={}", encoded(stage));
    }
    let answer = args.call.get(&path)?;
    if args.call.printed(&answer.json)? {
        return Ok(());
    }
    let language = args.call.language();
    for agreement in list_of(&answer.json["agreements"]) {
        output::line(text(&agreement["id"]))?;
        let roles = list_of(&agreement["your_roles"]).iter();
        let roles: Vec<String> = roles.map(|label| role(label, language)).collect();
        let (title, stage) = (text(&agreement["title"]), said(agreement, language));
        let line = match language {
            Language::En => format!("  {title}. You are {}. {stage}", roles.join(" and ")),
            Language::Zh => format!("  {title}。贵方为{}。{stage}", roles.join("、")),
        };
        print(&line, 4)?;
    }
    Ok(())
}

pub fn show(args: &One) -> Result<(), Failure> {
    let answer = args.call.get(&path(&args.id, ""))?;
    if args.call.printed(&answer.json)? {
        return Ok(());
    }
    for (name, value) in shown(&answer.json, args.call.language()) {
        pair(name, &value)?;
    }
    Ok(())
}

/// An agreement in two columns.
fn shown(agreement: &Value, language: Language) -> Vec<(&'static str, String)> {
    let say = |en: &'static str, zh: &'static str| language.say(en, zh);
    let mut rows = vec![
        (say("agreement", "协议"), text(&agreement["id"]).to_owned()),
        (say("title", "名称"), text(&agreement["title"]).to_owned()),
        (say("stage", "状态"), said(agreement, language).to_owned()),
    ];
    if let Some(at) = agreement["ended"]["at"].as_str() {
        rows.push((say("ended at", "结束时间"), at.to_owned()));
    }
    rows.push((say("deadline", "截止时间"), text(&agreement["deadline"]).to_owned()));
    for one in list_of(&agreement["roles"]) {
        let accepted = match (one["accepted"] == true, list_of(&one["accepted_by"])) {
            (true, _) => say("accepted", "已接受"),
            (false, [_, ..]) => say("waits for a second agent", "等待第二名代理人"),
            (false, []) => say("has not accepted", "尚未接受"),
        };
        let (name, member) = (role(&one["role"], language), text(&one["member"]));
        rows.push((say("role", "角色"), format!("{name}: {member}, {accepted}")));
    }
    for deposit in list_of(&agreement["deposits"]) {
        let when = match deposit["paid_at"].as_str() {
            Some(at) => format!("{} {at}", say("paid in", "存入于")),
            None => format!("{} {}", say("due", "到期"), text(&deposit["due"])),
        };
        let id = text(&deposit["id"]);
        let line = format!("{id}: {}, {when}", money(&deposit["money"]));
        rows.push((say("deposit", "存入款项"), line));
    }
    for left in list_of(&agreement["pot"]) {
        rows.push((say("in the pot", "协议持有"), money(left)));
    }
    for milestone in list_of(&agreement["milestones"]) {
        milestone_rows(milestone, language, &mut rows);
    }
    let corrected = &agreement["corrected_after_payment"]["sentence"];
    if corrected.is_object() {
        rows.push((say("corrected", "更正"), text(&corrected[tag(language)]).to_owned()));
    }
    let dispute = &agreement["dispute"];
    if dispute.is_object() {
        let by = role(&dispute["by"], language);
        rows.push((say("dispute", "争议"), format!("{by}: {}", text(&dispute["reason"]))));
        if let Some(ruled) = dispute["ruled"].as_str() {
            rows.push((say("ruling", "裁决"), ruled.to_owned()));
        }
    }
    rows
}

fn milestone_rows(milestone: &Value, language: Language, rows: &mut Vec<(&'static str, String)>) {
    let say = |en: &'static str, zh: &'static str| language.say(en, zh);
    let id = text(&milestone["id"]);
    let how = match (milestone["fulfilled_at"].as_str(), text(&milestone["paid_percent"])) {
        (Some(at), _) => format!("{} {at}", say("fulfilled", "完成于")),
        (None, "" | "0") => say("open", "未完成").to_owned(),
        (None, percent) => format!("{percent} % {}", say("paid", "已付")),
    };
    rows.push((say("milestone", "里程碑"), format!("{id}: {how}")));
    for paid in list_of(&milestone["paid"]) {
        let (sum, to) = (money(&paid["money"]), role(&paid["to"], language));
        rows.push((
            "",
            match language {
                Language::En => format!("{sum} to {to}"),
                Language::Zh => format!("{to}获得 {sum}"),
            },
        ));
    }
    for event in list_of(&milestone["events"]) {
        rows.push(("", format!("{} {}", say("on", "依据"), text(&event["event_id"]))));
    }
}

pub fn explain(args: &One) -> Result<(), Failure> {
    let answer = args.call.get(&path(&args.id, "/explain"))?;
    if args.call.printed(&answer.json)? {
        return Ok(());
    }
    for line in list_of(&answer.json["sentences"][tag(args.call.language())]) {
        let line = text(line);
        let lead = line.len().saturating_sub(line.trim_start().len());
        print(line, lead.saturating_add(2))?;
    }
    Ok(())
}

pub fn story(args: &One) -> Result<(), Failure> {
    let first = format!("{}?perPage=1000", path(&args.id, "/story"));
    let steps = args.call.all(&first, "steps")?;
    if args.call.printed(&json!({"agreement": args.id, "steps": steps}))? {
        return Ok(());
    }
    for step in &steps {
        let time = text(&step["time"]).get(..19).unwrap_or_default().replace('T', " ");
        print(&format!("{time}  {}", said(step, args.call.language())), 21)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P90.
    #[test]
    fn an_agreement_is_shown_in_plain_words_of_both_languages() {
        let agreement = json!({"id": "ab", "title": "Apples",
            "said": {"en": "Running", "zh": "执行中"}, "deadline": "2026-03-01T00:00:00.000Z",
            "roles": [{"role": "buyer", "member": "fern", "accepted": true}],
            "deposits": [{"id": "price", "due": "x", "paid_at": null,
                "money": {"asset": "EUR@bank", "amount": "1.00"}}],
            "milestones": [{"id": "m", "fulfilled_at": null, "paid_percent": "40", "paid": [
                {"to": "seller", "money": {"asset": "EUR@bank", "amount": "0.40"}}]}]});
        let values = |language| -> Vec<String> {
            shown(&agreement, language).into_iter().map(|(_, value)| value).collect()
        };
        let english = values(Language::En);
        assert_eq!(
            english[2..],
            [
                "Running",
                "2026-03-01T00:00:00.000Z",
                "the buyer: fern, accepted",
                "price: 1.00 EUR@bank, due x",
                "m: 40 % paid",
                "0.40 EUR@bank to the seller",
            ]
        );
        let chinese = values(Language::Zh);
        assert_eq!(chinese[2], "执行中");
        assert_eq!(chinese[4], "买方: fern, 已接受");
        assert_eq!(chinese[7], "卖方获得 0.40 EUR@bank");
    }
}
