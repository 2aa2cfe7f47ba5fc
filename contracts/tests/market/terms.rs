//! Terms from the sentences of the tables.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;
use tracehold_chain::agreement::{
    BusinessTransaction, Condition, Deposit, DisputeTerms, Expect, Finding, Goods, GoodsClass,
    Inspected, Label, Milestone, Moment, Observed, Payout, Percent, Readings, RoleTerms, Share,
    Sighting, Terms,
};
use tracehold_chain::anomaly::AnomalyKind;
use tracehold_chain::epcis::{Action, EventType};
use tracehold_chain::money::{Amount, Asset, Money, Purpose};
use tracehold_chain::units::{DurationMs, TimestampMs};
use tracehold_contracts::agreement::templates::{ParameterKind, template};

use super::event::{canonical_place, canonical_uri, order, unit};
use super::{DAY, member};

/// Terms while their lines are read.
pub struct Draft {
    pub terms: Terms,
}

pub fn label(text: &str) -> Label {
    Label::new(text.trim()).unwrap_or_else(|error| panic!("{error}"))
}

/// `09:30`, `tomorrow 09:30`, `09:30:15`.
pub fn time(text: &str) -> TimestampMs {
    let (day, text) = match text.trim().strip_prefix("tomorrow ") {
        Some(text) => (DAY.plus_ms(24 * 3_600_000), text),
        None => (DAY, text.trim()),
    };
    let parts: Vec<u64> = text
        .split(':')
        .map(|part| part.parse().unwrap_or_else(|_| panic!("{text:?} is no time")))
        .collect();
    let seconds = parts.get(2).copied().unwrap_or(0);
    day.plus_ms(((parts[0] * 60 + parts[1]) * 60 + seconds) * 1_000)
}

/// `30m`, `2h`, `1d`.
pub fn duration(text: &str) -> DurationMs {
    let text = text.trim();
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        _ => panic!("{text:?} is no duration"),
    };
    DurationMs(number.parse::<u64>().unwrap_or_else(|_| panic!("{text:?}")) * unit)
}

/// `EUR` is cash of the bank; titles and notes by their whole names.
pub fn asset(text: &str) -> Asset {
    let text = text.trim();
    let name = if text.contains(':') { text.to_owned() } else { format!("{text}@bank") };
    name.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// `300 EUR`, `12.50 EUR`, `title:carrier/BL1`.
pub fn money(text: &str) -> Money {
    let text = text.trim();
    let Some((number, name)) = text.split_once(' ') else {
        return Money { asset: asset(text), amount: Amount::new(1).unwrap() };
    };
    let asset = asset(name);
    let value: Decimal = number.parse().unwrap_or_else(|_| panic!("{text:?} is no amount"));
    let units = value * Decimal::from(10_u64.pow(asset.minor_digits()));
    Money { asset, amount: Amount::new(units.try_into().unwrap()).unwrap() }
}

/// `seller 300 EUR, buyer 10% of EUR, buyer rest of EUR`.
pub fn payouts(text: &str) -> Vec<Payout> {
    if text.trim() == "nothing" {
        return Vec::new();
    }
    text.split(',').map(|one| payout(one.trim())).collect()
}

fn payout(text: &str) -> Payout {
    let (to, what) = text.split_once(' ').unwrap_or_else(|| panic!("{text:?} pays what?"));
    let to = label(to);
    if let Some(of) = what.strip_prefix("rest") {
        let name = of.trim().strip_prefix("of ").unwrap_or("EUR");
        return Payout::Remainder { to, asset: asset(name) };
    }
    if let Some((share, of)) = what.split_once('%') {
        let name = of.trim().strip_prefix("of ").unwrap_or("EUR");
        return Payout::Share { to, asset: asset(name), percent: percent(share) };
    }
    Payout::Amount { to, money: money(what) }
}

fn percent(text: &str) -> Percent {
    let parts = text.trim().parse::<Decimal>().unwrap() * Decimal::from(10_000);
    Percent::from_parts(parts.try_into().unwrap()).unwrap()
}

fn labels(text: &str) -> Vec<Label> {
    text.split('/').map(label).collect()
}

/// Parts of a text between `by`, outside of parentheses.
fn parts<'t>(text: &'t str, by: &str) -> Vec<&'t str> {
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 && at >= from && text[at..].starts_with(by) {
            found.push(&text[from..at]);
            from = at + by.len();
        }
    }
    found.push(&text[from..]);
    found
}

pub fn condition(text: &str) -> Condition {
    let text = text.trim();
    let several = parts(text, " and ");
    if several.len() > 1 {
        return Condition::All(several.into_iter().map(condition).collect());
    }
    let several = parts(text, " or ");
    if several.len() > 1 {
        return Condition::Any(several.into_iter().map(condition).collect());
    }
    if let Some(inner) = text.strip_prefix("not (") {
        let (inner, at) = inner.rsplit_once(") at ").unwrap_or_else(|| panic!("{text}"));
        return Condition::Not { of: Box::new(condition(inner)), at: moment(at) };
    }
    if let Some(inner) = text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        return condition(inner);
    }
    if let Some(rest) = text.strip_prefix("no anomaly ") {
        let (kinds, at) = match rest.split_once("at ") {
            Some((kinds, at)) => (kinds.trim(), at),
            None => panic!("{text:?} at which moment?"),
        };
        let kinds = kinds.split('/').filter(|kind| !kind.is_empty());
        let kinds = kinds.map(|kind| kind.parse::<AnomalyKind>().unwrap()).collect();
        return Condition::NoOpenAnomaly { kinds, at: moment(at) };
    }
    if let Some((count, rest)) = text.split_once(" of (")
        && let Ok(count) = count.parse()
    {
        let inner = rest.strip_suffix(')').unwrap_or_else(|| panic!("{text}"));
        return Condition::AtLeast {
            count,
            of: parts(inner, "; ").into_iter().map(condition).collect(),
        };
    }
    if let Some(at) = text.strip_prefix("after ") {
        return Condition::After(time(at));
    }
    if let Some((length, since)) = text.split_once(" since ") {
        return Condition::Elapsed { since: label(since), time: duration(length) };
    }
    if let Some((by, what)) = text.split_once(" approves ") {
        return Condition::Approved { by: label(by), what: label(what) };
    }
    if let Some((by, title)) = text.split_once(" holds ") {
        return Condition::TitleHeld { title: asset(title), by: label(by) };
    }
    if let Some(title) = text.strip_suffix(" surrendered") {
        return Condition::TitleSurrendered { title: asset(title) };
    }
    for (verb, finding) in [(" passes ", Finding::Conformant), (" fails ", Finding::NonConformant)]
    {
        if let Some((by, rest)) = text.split_once(verb) {
            let (share, certification) = match rest.split_once(" with ") {
                Some((share, certification)) => (share, Some(certification.trim().to_owned())),
                None => (rest, None),
            };
            let by = labels(by);
            return Condition::Inspected(Inspected {
                by,
                finding,
                certification,
                share: self::share(share),
            });
        }
    }
    if text.starts_with("temperature ") {
        return Condition::Readings(readings(text));
    }
    let (sighted, share) = match text.split_once(" of ") {
        Some((sighted, share)) => (sighted, share),
        None => (text.trim_end_matches(" pro rata"), "pro rata"),
    };
    Condition::Observed(Observed { event: sighting(sighted), share: self::share(share) })
}

fn share(text: &str) -> Share {
    match text.trim() {
        "all" => Share::All,
        "pro rata" => Share::ProRata,
        part => Share::AtLeast(percent(part.trim_end_matches('%'))),
    }
}

fn moment(text: &str) -> Moment {
    if let Some(milestone) = text.strip_prefix("milestone ") {
        return Moment::Milestone(label(milestone));
    }
    if text.contains(':') { Moment::Time(time(text)) } else { Moment::Observed(sighting(text)) }
}

/// `buyer receiving`, `buyer/carrier * @buyer.dock disposition=damaged`.
fn sighting(text: &str) -> Sighting {
    let mut words = text.split_whitespace();
    let by = labels(words.next().unwrap_or_else(|| panic!("who?")));
    let step = words.next().unwrap_or_else(|| panic!("{text:?} does what?"));
    let biz_step = (step != "*").then(|| step.to_owned());
    let mut sighting = Sighting { biz_step, by, ..Sighting::default() };
    for word in words {
        if let Some(place) = word.strip_prefix('@') {
            sighting.place = Some(canonical_place(place));
        } else if let Some(disposition) = word.strip_prefix("disposition=") {
            sighting.disposition = Some(disposition.to_owned());
        } else if let Some(action) = word.strip_prefix("action=") {
            sighting.action = Some(match action {
                "ADD" => Action::Add,
                "DELETE" => Action::Delete,
                _ => Action::Observe,
            });
        } else if word == "type=aggregation" {
            sighting.event_type = Some(EventType::Aggregation);
        } else {
            panic!("{word:?} in {text:?}");
        }
    }
    sighting
}

/// `temperature 2..8 kept from seller shipping to buyer receiving, gap 20m, outside 30m`.
fn readings(text: &str) -> Readings {
    let mut clauses = text.split(',').map(str::trim);
    let first = clauses.next().unwrap();
    let (head, ends) = first.split_once(" from ").unwrap_or_else(|| panic!("{text} from?"));
    let (from, to) = ends.split_once(" to ").unwrap_or_else(|| panic!("{text} to?"));
    let words: Vec<&str> = head.split(' ').collect();
    let (least, most) = words[1].split_once("..").unwrap_or_else(|| panic!("{text} bounds"));
    let bound = |text: &str| (!text.is_empty()).then(|| text.parse::<Decimal>().unwrap());
    let mut readings = Readings {
        measurement: "Temperature".to_owned(),
        uom: "CEL".to_owned(),
        min: bound(least),
        max: bound(most),
        outside_at_most: DurationMs(0),
        max_gap: duration("15m"),
        by: Vec::new(),
        from: sighting(from),
        to: sighting(to),
        settle: DurationMs(0),
        expect: if words[2] == "broken" { Expect::Broken } else { Expect::Kept },
    };
    for clause in clauses {
        match clause.split_once(' ').unwrap_or_else(|| panic!("{clause}")) {
            ("gap", length) => readings.max_gap = duration(length),
            ("outside", length) => readings.outside_at_most = duration(length),
            ("settle", length) => readings.settle = duration(length),
            ("by", roles) => readings.by = labels(roles),
            _ => panic!("{clause:?} in {text:?}"),
        }
    }
    readings
}

/// `case1, case2`, `100 kg of class-flour under order po1`, `order po1`.
fn goods(text: &str) -> Goods {
    let (text, transaction) = match text.split_once(" under order ") {
        Some((text, id)) => (text, Some(id)),
        None => match text.strip_prefix("order ") {
            Some(id) => ("", Some(id)),
            None => (text, None),
        },
    };
    let business_transaction =
        transaction.map(|id| BusinessTransaction { kind: Some("po".to_owned()), id: order(id) });
    if let Some((amount, class)) = text.split_once(" of ") {
        let (number, name) = amount.split_once(' ').unwrap_or((amount, "pieces"));
        let class = GoodsClass {
            class: canonical_uri(class),
            quantity: number.parse().unwrap(),
            uom: unit(name).map(str::to_owned),
        };
        return Goods { class: Some(class), business_transaction, ..Goods::default() };
    }
    let items = super::event::list(text).into_iter().filter(|name| !name.is_empty());
    Goods {
        items: items.flat_map(super::event::several).map(|name| canonical_uri(&name)).collect(),
        business_transaction,
        class: None,
    }
}

impl Draft {
    pub fn new(title: &str) -> Draft {
        let terms = Terms {
            title: title.to_owned(),
            roles: Vec::new(),
            goods: Goods::default(),
            accept_by: time("08:30"),
            deposits: Vec::new(),
            milestones: Vec::new(),
            deadline: time("20:00"),
            at_deadline: Vec::new(),
            cancel: None,
            dispute: None,
        };
        Draft { terms }
    }

    /// Reads a line, if it is one of terms.
    pub fn line(&mut self, line: &str) -> bool {
        let terms = &mut self.terms;
        if let Some(names) = line.strip_prefix("between ") {
            terms.roles = super::event::list(names).into_iter().map(role).collect();
        } else if let Some(rest) = line.strip_prefix("template ") {
            *terms = from_template(rest);
        } else if let Some(text) = line.strip_prefix("about ") {
            terms.goods = goods(text);
        } else if let Some(at) = line.strip_prefix("accept by ") {
            terms.accept_by = time(at);
        } else if let Some((who, rest)) = line.split_once(" pays in ") {
            let (what, due) = rest.split_once(" by ").unwrap_or((rest, "09:00"));
            let id = label(&format!("{who}-{}", terms.deposits.len() + 1));
            let (role, money, due) = (label(who), money(what), time(due));
            terms.deposits.push(Deposit { id, role, money, due });
        } else if let Some(rest) = line.strip_prefix("milestone ") {
            terms.milestones.push(milestone(rest));
        } else if let Some(rest) = line.strip_prefix("deadline ") {
            let (at, pay) = rest.split_once(" => ").unwrap_or_else(|| panic!("{line}"));
            (terms.deadline, terms.at_deadline) = (time(at), payouts(pay));
        } else if let Some(pay) = line.strip_prefix("cancel => ") {
            terms.cancel = Some(payouts(pay));
        } else if let Some(rest) = line.strip_prefix("dispute by ") {
            terms.dispute = Some(dispute(rest));
        } else {
            return false;
        }
        true
    }
}

/// `retention: price 1000 EUR; goods case1`. Members that are not given have the name of their role
/// or are left out when they may be.
fn from_template(text: &str) -> Terms {
    let (name, rest) = text.split_once(": ").unwrap_or_else(|| panic!("{text}"));
    let template = template(name).unwrap_or_else(|| panic!("there is no template {name}"));
    let mut given: BTreeMap<String, Value> = BTreeMap::new();
    for parameter in &template.parameters {
        let value = match parameter.name.as_str() {
            "title" => name.to_owned(),
            "accept_by" => time("08:30").to_string(),
            "pay_by" => time("09:00").to_string(),
            "deadline" => time("20:00").to_string(),
            role if parameter.kind == ParameterKind::Member && !parameter.optional => {
                role.to_owned()
            }
            _ => continue,
        };
        given.insert(parameter.name.clone(), value.into());
    }
    for one in rest.split("; ") {
        let (name, text) = one.split_once(' ').unwrap_or_else(|| panic!("{one}"));
        let parameter = template.parameters.iter().find(|parameter| parameter.name == name);
        let value: Value = match parameter.map(|parameter| parameter.kind) {
            Some(ParameterKind::Amount) => serde_json::to_value(money(text)).unwrap(),
            Some(ParameterKind::Identifiers) => goods(text).items.into(),
            Some(ParameterKind::Time) => time(text).to_string().into(),
            _ => text.into(),
        };
        given.insert(name.to_owned(), value);
    }
    template.fill(&given).unwrap_or_else(|error| panic!("{error}"))
}

fn role(text: &str) -> RoleTerms {
    let (role, who) = text.split_once('=').unwrap_or((text, text));
    let (who, account) = who.split_once('/').unwrap_or((who, "main"));
    RoleTerms { role: label(role), member: member(who), account: Purpose::new(account).unwrap() }
}

/// `delivered after shipped unless lost by 14:00 window 2h: CONDITION => PAYOUTS; ends`.
fn milestone(text: &str) -> Milestone {
    let (head, rest) = text.split_once(": ").unwrap_or_else(|| panic!("{text}"));
    let (when, pay) = rest.rsplit_once(" => ").unwrap_or_else(|| panic!("{text} pays what?"));
    let (pay, ends) = match pay.strip_suffix("; ends") {
        Some(pay) => (pay, true),
        None => (pay, false),
    };
    let mut words = head.split_whitespace();
    let mut milestone = Milestone {
        id: label(words.next().unwrap()),
        after: Vec::new(),
        unless: Vec::new(),
        when: condition(when),
        by: None,
        window: DurationMs(0),
        pay: payouts(pay),
        ends,
    };
    while let Some(word) = words.next() {
        let value = words.next().unwrap_or_else(|| panic!("{head}"));
        match word {
            "after" => milestone.after = labels(value),
            "unless" => milestone.unless = labels(value),
            "by" => milestone.by = Some(time(value)),
            "window" => milestone.window = duration(value),
            _ => panic!("{word:?} in {head:?}"),
        }
    }
    milestone
}

/// `buyer/seller to arbiter within 3h, after end 24h`.
fn dispute(text: &str) -> DisputeTerms {
    let (text, after_end) = match text.split_once(", after end ") {
        Some((text, length)) => (text, duration(length)),
        None => (text, DurationMs(0)),
    };
    let (by, rest) = text.split_once(" to ").unwrap();
    let (arbiter, within) = rest.split_once(" within ").unwrap();
    DisputeTerms {
        arbiter: label(arbiter),
        by: labels(by),
        ruling_within: duration(within),
        after_end,
    }
}
