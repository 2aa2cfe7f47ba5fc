//! Title, roles, goods and times.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use tracehold_chain::agreement::limits::{
    MAX_AHEAD_MS, MAX_CONDITION_DEPTH, MAX_CONDITIONS, MAX_DEPOSITS, MAX_GOODS_QUANTITY, MAX_ITEMS,
    MAX_MILESTONES, MAX_PAYOUTS, MAX_READINGS, MAX_TITLE_BYTES, ROLES,
};
use tracehold_chain::agreement::{Condition, GoodsClass, Terms};
use tracehold_chain::epcis::uri::is_uri;
use tracehold_chain::epcis::vocabulary::Vocabulary;
use tracehold_chain::epcis::{Flaw, Level, canonical};
use tracehold_chain::limits::MAX_URI_BYTES;
use tracehold_chain::money::{AccountId, ISSUANCE, MAIN};
use tracehold_chain::units::DurationMs;

use super::{Found, Known, Names, RefusalCode};
use crate::agreement::facts;

/// Whether every list is as long as it may be; nothing else is looked at otherwise.
pub(super) fn counts(terms: &Terms, found: &mut Found) -> bool {
    let mut count = |pointer: String, has: usize, least: usize, most: usize| {
        if !(least..=most).contains(&has) {
            let en = format!("There are {has} here, and there must be {least} to {most}.");
            let zh = format!("此处有 {has} 项，应为 {least} 至 {most} 项。");
            found.refuse(RefusalCode::Count, pointer, en, zh);
        }
    };
    count("/roles".into(), terms.roles.len(), *ROLES.start(), *ROLES.end());
    count("/deposits".into(), terms.deposits.len(), 1, MAX_DEPOSITS);
    count("/milestones".into(), terms.milestones.len(), 1, MAX_MILESTONES);
    count("/goods/items".into(), terms.goods.items.len(), 0, MAX_ITEMS);
    count("/at_deadline".into(), terms.at_deadline.len(), 1, MAX_PAYOUTS);
    if let Some(cancel) = &terms.cancel {
        count("/cancel".into(), cancel.len(), 1, MAX_PAYOUTS);
    }
    if let Some(dispute) = &terms.dispute {
        count("/dispute/by".into(), dispute.by.len(), 1, *ROLES.end());
    }
    for (place, milestone) in terms.milestones.iter().take(MAX_MILESTONES).enumerate() {
        let at = |field: &str| format!("/milestones/{place}/{field}");
        count(at("pay"), milestone.pay.len(), 0, MAX_PAYOUTS);
        count(at("after"), milestone.after.len(), 0, MAX_MILESTONES);
        count(at("unless"), milestone.unless.len(), 0, MAX_MILESTONES);
    }
    let mut left = Left { all: MAX_CONDITIONS, readings: MAX_READINGS };
    for (place, milestone) in terms.milestones.iter().take(MAX_MILESTONES).enumerate() {
        let pointer = || format!("/milestones/{place}/when");
        match measure(&milestone.when, &mut left) {
            Measured::Fine => {}
            Measured::TooDeep => {
                let en = format!("Conditions are nested more than {MAX_CONDITION_DEPTH} deep.");
                let zh = format!("条件嵌套超过 {MAX_CONDITION_DEPTH} 层。");
                found.refuse(RefusalCode::TooDeep, pointer(), en, zh);
            }
            Measured::TooMany => {
                let en =
                    format!("All milestones together have more than {MAX_CONDITIONS} conditions.");
                let zh = format!("所有里程碑的条件合计超过 {MAX_CONDITIONS} 个。");
                found.refuse(RefusalCode::Count, pointer(), en, zh);
                break;
            }
            Measured::TooManyReadings => {
                let en = format!(
                    "All milestones together have more than {MAX_READINGS} conditions on readings."
                );
                let zh = format!("所有里程碑的读数条件合计超过 {MAX_READINGS} 个。");
                found.refuse(RefusalCode::Count, pointer(), en, zh);
                break;
            }
        }
    }
    found.refusals.is_empty()
}

enum Measured {
    Fine,
    TooDeep,
    TooMany,
    TooManyReadings,
}

/// How many conditions there may still be.
struct Left {
    all: usize,
    readings: usize,
}

/// Counts conditions without following them deeper, or further, than they may go.
fn measure(condition: &Condition, left: &mut Left) -> Measured {
    let mut open = vec![(condition, 1)];
    while let Some((condition, depth)) = open.pop() {
        if depth > MAX_CONDITION_DEPTH {
            return Measured::TooDeep;
        }
        let Some(fewer) = left.all.checked_sub(1) else { return Measured::TooMany };
        left.all = fewer;
        if matches!(condition, Condition::Readings(_)) {
            let Some(fewer) = left.readings.checked_sub(1) else {
                return Measured::TooManyReadings;
            };
            left.readings = fewer;
        }
        let inside: &[Condition] = match condition {
            Condition::All(of) | Condition::Any(of) | Condition::AtLeast { of, .. } => of,
            Condition::Not { of, .. } => std::slice::from_ref(of.as_ref()),
            _ => &[],
        };
        if inside.len() > left.all {
            return Measured::TooMany;
        }
        open.extend(inside.iter().map(|inside| (inside, depth + 1)));
    }
    Measured::Fine
}

pub(super) fn check(terms: &Terms, known: &Known<'_>, names: &Names<'_>, found: &mut Found) {
    if !is_line(&terms.title, MAX_TITLE_BYTES) {
        let en = format!("The title is not a text of 1 to {MAX_TITLE_BYTES} bytes.");
        let zh = format!("标题须为 1 至 {MAX_TITLE_BYTES} 字节的文本。");
        found.refuse(RefusalCode::Text, "/title", en, zh);
    }
    roles(terms, known, found);
    times(terms, known, found);
    goods(terms, found);
    dispute(terms, names, found);
}

/// Whether it is one line of text.
pub(super) fn is_line(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len())
        && !text.chars().any(char::is_control)
        && !text.trim().is_empty()
}

fn roles(terms: &Terms, known: &Known<'_>, found: &mut Found) {
    let mut seen = BTreeSet::new();
    for (place, role) in terms.roles.iter().enumerate() {
        let at = |field: &str| format!("/roles/{place}/{field}");
        let (name, member, account) = (&role.role, &role.member, &role.account);
        if !seen.insert(name) {
            let en = format!("There is another role \"{name}\".");
            let zh = format!("角色“{name}”重复。");
            found.refuse(RefusalCode::Twice, at("role"), en, zh);
        }
        if known.authority.member(member).is_none() {
            let en = format!("The network has no member \"{member}\".");
            let zh = format!("本网络没有成员“{member}”。");
            found.refuse(RefusalCode::UnknownMember, at("member"), en, zh);
            continue;
        }
        let is_open = || (known.account_is_open)(&AccountId::of(member.clone(), account.clone()));
        if account.as_str() == ISSUANCE {
            let en =
                format!("The account {member}/{account} stands against what the member issued.");
            let zh = format!("账户 {member}/{account} 仅用于该成员的发行，不能收款。");
            found.refuse(RefusalCode::UnknownAccount, at("account"), en, zh);
        } else if account.as_str() != MAIN && !is_open() {
            let en = format!("The account {member}/{account} is not open.");
            let zh = format!("账户 {member}/{account} 尚未开立。");
            found.refuse(RefusalCode::UnknownAccount, at("account"), en, zh);
        }
    }
}

fn times(terms: &Terms, known: &Known<'_>, found: &mut Found) {
    let (now, accept_by, deadline) = (known.block_time, terms.accept_by, terms.deadline);
    let mut order = |pointer: String, en: String, zh: String| {
        found.refuse(RefusalCode::TimesOutOfOrder, pointer, en, zh);
    };
    if accept_by <= now {
        order(
            "/accept_by".into(),
            format!("{accept_by} is not after now, which is {now}."),
            format!("{accept_by} 不晚于当前时间 {now}。"),
        );
    }
    for (place, deposit) in terms.deposits.iter().enumerate() {
        let (pointer, due) = (format!("/deposits/{place}/due"), deposit.due);
        if due < accept_by {
            order(
                pointer,
                format!("{due} is before accept_by, {accept_by}."),
                format!("{due} 早于 accept_by {accept_by}。"),
            );
        } else if due >= deadline {
            order(
                pointer,
                format!("{due} is not before the deadline, {deadline}."),
                format!("{due} 不早于截止时间 {deadline}。"),
            );
        }
    }
    if deadline <= accept_by {
        order(
            "/deadline".into(),
            format!("{deadline} is not after accept_by, {accept_by}."),
            format!("{deadline} 不晚于 accept_by {accept_by}。"),
        );
    }
    if deadline > now.plus_ms(MAX_AHEAD_MS) {
        let en = format!("{deadline} is more than ten years ahead.");
        let zh = format!("{deadline} 超过十年。");
        found.refuse(RefusalCode::TooFar, "/deadline", en, zh);
    }
}

/// Says so when a duration is longer than any agreement.
pub(super) fn duration(time: DurationMs, pointer: impl FnOnce() -> String, found: &mut Found) {
    if time.0 > MAX_AHEAD_MS {
        let en = format!("{time} is longer than ten years.");
        let zh = format!("{time} 超过十年。");
        found.refuse(RefusalCode::TooFar, pointer(), en, zh);
    }
}

fn goods(terms: &Terms, found: &mut Found) {
    if let Some((member, needed, most)) = facts::too_many_for(terms) {
        let en = format!(
            "Item by item {member} may have to record {needed} events, and {most} of each member \
             are kept."
        );
        let zh =
            format!("{member} 逐件记录可能需要 {needed} 项事件，而每个成员最多保留 {most} 项。");
        found.refuse(RefusalCode::Count, "/goods/items", en, zh);
    }
    let goods = &terms.goods;
    let kinds = [!goods.items.is_empty(), goods.class.is_some()];
    if kinds == [true, true] || (kinds[0] && goods.business_transaction.is_some()) {
        found.refuse(
            RefusalCode::Goods,
            "/goods",
            "The goods are named in two ways.",
            "货物以两种方式指定。",
        );
    }
    let mut seen = BTreeSet::new();
    for (place, item) in goods.items.iter().enumerate() {
        let pointer = || format!("/goods/items/{place}");
        if !identifier(item, pointer, found) {
            continue;
        }
        let level = canonical(item).level();
        if matches!(level, Level::Class | Level::Location | Level::Party) {
            let en = format!("{item} names no single thing, lot or logistic unit.");
            let zh = format!("{item} 不是单件、批次或物流单元。");
            found.refuse(RefusalCode::Goods, pointer(), en, zh);
        }
        if !seen.insert(item) {
            let en = format!("{item} is listed before.");
            let zh = format!("{item} 重复。");
            found.refuse(RefusalCode::Twice, pointer(), en, zh);
        }
    }
    if let Some(class) = &goods.class {
        goods_class(class, found);
    }
    if let Some(transaction) = &goods.business_transaction {
        identifier(&transaction.id, || "/goods/business_transaction/id".into(), found);
        if let Some(kind) = &transaction.kind {
            let pointer = || "/goods/business_transaction/type".into();
            word(kind, Vocabulary::BizTransactionType, pointer, found);
        }
    }
}

fn goods_class(goods: &GoodsClass, found: &mut Found) {
    if identifier(&goods.class, || "/goods/class/class".into(), found) {
        let level = canonical(&goods.class).level();
        if !matches!(level, Level::Class | Level::Lot | Level::Other) {
            let en = format!("{} names no class of goods and no lot.", goods.class);
            let zh = format!("{} 不是货物类别或批次。", goods.class);
            found.refuse(RefusalCode::Goods, "/goods/class/class", en, zh);
        }
    }
    let quantity = goods.quantity;
    if quantity <= Decimal::ZERO {
        let en = format!("A quantity of {quantity} is nothing.");
        let zh = format!("数量 {quantity} 不大于零。");
        found.refuse(RefusalCode::Nothing, "/goods/class/quantity", en, zh);
    } else if quantity > Decimal::from(MAX_GOODS_QUANTITY) {
        let en = format!("The quantity is larger than {MAX_GOODS_QUANTITY}.");
        let zh = format!("数量大于 {MAX_GOODS_QUANTITY}。");
        found.refuse(RefusalCode::TooLarge, "/goods/class/quantity", en, zh);
    }
    if goods.uom.as_ref().is_some_and(|uom| !is_unit(uom)) {
        found.refuse(
            RefusalCode::Word,
            "/goods/class/uom",
            "The unit is no code of UN/CEFACT Rec 20, such as KGM.",
            "单位不是 UN/CEFACT Rec 20 代码（例如 KGM）。",
        );
    }
}

/// Whether it has the form of a UN/CEFACT Rec 20 code.
pub(super) fn is_unit(uom: &str) -> bool {
    (2..=3).contains(&uom.len())
        && uom.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Whether an identifier is one, in its one spelling; says so otherwise.
pub(super) fn identifier(text: &str, at: impl Fn() -> String, found: &mut Found) -> bool {
    if text.len() > MAX_URI_BYTES || !is_uri(text) {
        found.refuse(
            RefusalCode::Identifier,
            at(),
            format!("This is no URI of at most {MAX_URI_BYTES} bytes."),
            format!("不是长度在 {MAX_URI_BYTES} 字节以内的 URI。"),
        );
        return false;
    }
    let one = canonical(text);
    if one.flaw() == Some(Flaw::Malformed) {
        let en = "This has the form of a GS1 identifier and breaks its rules.";
        found.refuse(RefusalCode::Identifier, at(), en, "具有 GS1 标识的形式但不符合其规则。");
        return false;
    }
    if one.uri() != text {
        let en = format!("Its one spelling is {}.", one.uri());
        let zh = format!("规范写法为 {}。", one.uri());
        found.refuse(RefusalCode::Identifier, at(), en, zh);
        return false;
    }
    true
}

/// Whether a value is a standard word or a URI of one's own; says so otherwise.
pub(super) fn word(text: &str, vocabulary: Vocabulary, at: impl Fn() -> String, found: &mut Found) {
    let own = text.len() <= MAX_URI_BYTES
        && is_uri(text)
        && vocabulary.allows_uri(text)
        && vocabulary.plain(text) == text;
    if vocabulary.has(text) || own {
        return;
    }
    let what = vocabulary.what();
    let (en, zh) = match vocabulary.plain(text) {
        plain if plain != text => {
            (format!("The bare word is {plain}."), format!("应使用标准词 {plain}。"))
        }
        _ => (format!("This is no {what} of CBV 2.0."), "不是 CBV 2.0 的标准词。".into()),
    };
    found.refuse(RefusalCode::Word, at(), en, zh);
}

fn dispute(terms: &Terms, names: &Names<'_>, found: &mut Found) {
    let Some(dispute) = &terms.dispute else { return };
    let arbiter = &dispute.arbiter;
    names.role(arbiter, || "/dispute/arbiter".into(), found);
    let member = terms.roles.iter().find(|role| role.role == *arbiter).map(|role| &role.member);
    let other = |role: &&tracehold_chain::agreement::RoleTerms| {
        role.role != *arbiter && Some(&role.member) == member
    };
    if let Some(other) = terms.roles.iter().find(other) {
        let en = format!("The arbiter's member is also the {}.", other.role);
        let zh = format!("仲裁方的成员同时担任“{}”。", other.role);
        found.refuse(RefusalCode::Arbiter, "/dispute/arbiter", en, zh);
    }
    let mut seen = BTreeSet::new();
    for (place, role) in dispute.by.iter().enumerate() {
        let pointer = || format!("/dispute/by/{place}");
        names.role(role, pointer, found);
        if role == arbiter {
            let en = "The arbiter does not open disputes.";
            found.refuse(RefusalCode::Arbiter, pointer(), en, "仲裁方不能提出争议。");
        }
        if !seen.insert(role) {
            let en = format!("The role \"{role}\" is listed before.");
            let zh = format!("角色“{role}”重复。");
            found.refuse(RefusalCode::Twice, pointer(), en, zh);
        }
    }
    if dispute.ruling_within.0 == 0 {
        let en = "The arbiter has no time to rule.";
        found.refuse(RefusalCode::Nothing, "/dispute/ruling_within", en, "仲裁方没有裁决时间。");
    }
    duration(dispute.ruling_within, || "/dispute/ruling_within".into(), found);
    duration(dispute.after_end, || "/dispute/after_end".into(), found);
}
