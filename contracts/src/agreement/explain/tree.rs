//! Each condition of a milestone, explained.

use serde::Serialize;
use tracehold_chain::agreement::{
    Condition, Expect, Finding, Label, Moment, Readings, Share, Sighting,
};
use tracehold_chain::state::Position;
use tracehold_chain::units::TimestampMs;

use super::words::{sighting, who};
use super::{EventRef, Sentence, Who, sentence};
use crate::agreement::condition::{Context, Interval, State, Tree};
use crate::agreement::goods::{Counted, Shown};
use crate::agreement::readings::Verdict;
use crate::agreement::words::{self, Language, percent};

/// Missing items that an explanation names; it counts the others.
const MAX_NAMED: usize = 20;

/// Gaps in readings that an explanation names.
const MAX_GAPS: usize = 20;

/// Events that an explanation of one condition lists.
const MAX_EVENTS: usize = 100;

/// What kind of condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// Events observed.
    Observed,
    /// Readings of sensors.
    Readings,
    /// An inspection.
    Inspected,
    /// A title held.
    TitleHeld,
    /// A title surrendered.
    TitleSurrendered,
    /// A role said yes.
    Approved,
    /// A time.
    After,
    /// Time since a milestone.
    Elapsed,
    /// Nothing open that does not add up.
    NoOpenAnomaly,
    /// All of those inside.
    All,
    /// One of those inside.
    Any,
    /// So many of those inside.
    AtLeast,
    /// Not what is inside.
    Not,
}

/// How a condition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionStatus {
    /// It holds.
    Holds,
    /// It holds for a part of the goods.
    InPart,
    /// It is awaited.
    Waiting,
    /// Of readings: they do not cover the interval, so that it neither holds nor fails.
    NotCovered,
    /// It does not hold, and only a correction or more events could change that.
    DoesNotHold,
    /// It was decided for good that it does not hold.
    DecidedAgainst,
}

/// A time without readings that is longer than the terms allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The item, when the goods are named.
    pub item: Option<String>,
    /// From when.
    #[serde(serialize_with = "tracehold_chain::units::rfc3339::serialize")]
    pub from: TimestampMs,
    /// To when.
    #[serde(serialize_with = "tracehold_chain::units::rfc3339::serialize")]
    pub to: TimestampMs,
}

/// A condition, and why it stands as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Its number in the milestone, in the order in which conditions are written, from 0.
    pub condition: u8,
    /// What kind.
    pub kind: ConditionKind,
    /// How it stands.
    pub status: ConditionStatus,
    /// The same in a sentence.
    pub said: Sentence,
    /// The events that count for it so far; at most 100.
    pub events: Vec<EventRef>,
    /// From whom what is missing is awaited.
    pub awaits: Vec<Who>,
    /// The items that are missing; at most 20.
    pub missing: Vec<String>,
    /// Times without readings; at most 20.
    pub gaps: Vec<Gap>,
    /// When it may change by itself.
    #[serde(serialize_with = "tracehold_chain::units::rfc3339_option::serialize")]
    pub next: Option<TimestampMs>,
    /// The conditions inside it.
    pub of: Vec<Explained>,
}

/// Explains a condition and those inside it.
pub(super) fn explained(context: &Context<'_>, tree: &Tree<'_>) -> Explained {
    let mut explained = Explained {
        condition: tree.number,
        kind: kind(tree.condition),
        status: if tree.holds { ConditionStatus::Holds } else { ConditionStatus::Waiting },
        said: sentence("", ""),
        events: events(context, &tree.events),
        awaits: Vec::new(),
        missing: Vec::new(),
        gaps: Vec::new(),
        next: tree.next,
        of: tree.of.iter().map(|inner| self::explained(context, inner)).collect(),
    };
    tell(context, tree, &mut explained);
    explained
}

/// The facts at these places of the history.
pub(super) fn events(context: &Context<'_>, positions: &[Position]) -> Vec<EventRef> {
    let facts = context.facts.iter().filter(|fact| positions.contains(&fact.position));
    let event = facts.take(MAX_EVENTS).map(|fact| EventRef {
        event_id: fact.event_id.clone(),
        recorder: fact.recorder.clone(),
        event_time: fact.event_time,
        recorded_at: fact.recorded_at,
        position: fact.position,
    });
    event.collect()
}

fn kind(condition: &Condition) -> ConditionKind {
    match condition {
        Condition::Observed(_) => ConditionKind::Observed,
        Condition::Readings(_) => ConditionKind::Readings,
        Condition::Inspected(_) => ConditionKind::Inspected,
        Condition::TitleHeld { .. } => ConditionKind::TitleHeld,
        Condition::TitleSurrendered { .. } => ConditionKind::TitleSurrendered,
        Condition::Approved { .. } => ConditionKind::Approved,
        Condition::After(_) => ConditionKind::After,
        Condition::Elapsed { .. } => ConditionKind::Elapsed,
        Condition::NoOpenAnomaly { .. } => ConditionKind::NoOpenAnomaly,
        Condition::All(_) => ConditionKind::All,
        Condition::Any(_) => ConditionKind::Any,
        Condition::AtLeast { .. } => ConditionKind::AtLeast,
        Condition::Not { .. } => ConditionKind::Not,
    }
}

fn members(context: &Context<'_>, roles: &[Label]) -> Vec<Who> {
    let roles = context.terms.roles.iter().filter(|one| roles.contains(&one.role));
    roles.map(|one| Who { role: one.role.clone(), member: one.member.clone() }).collect()
}

fn tell(context: &Context<'_>, tree: &Tree<'_>, into: &mut Explained) {
    let holds = tree.holds;
    into.said = match tree.condition {
        Condition::Observed(observed) => {
            let what = sighting(&observed.event);
            return shown(context, tree, (&observed.event.by, observed.share), &what, into);
        }
        Condition::Inspected(inspected) => {
            let what = match inspected.finding {
                Finding::Conformant => {
                    sentence("a passed inspection with its certificate", "检验合格并附证书")
                }
                Finding::NonConformant => {
                    sentence("a failed inspection with its certificate", "检验不合格并附证书")
                }
            };
            return shown(context, tree, (&inspected.by, inspected.share), &what, into);
        }
        Condition::Readings(readings) => return read(context, tree, readings, into),
        Condition::TitleHeld { title, by } => {
            into.awaits =
                if holds { Vec::new() } else { members(context, std::slice::from_ref(by)) };
            let who = who(context, std::slice::from_ref(by));
            if holds {
                sentence(format!("{} holds {title}.", who.en), format!("{}持有 {title}。", who.zh))
            } else {
                sentence(
                    format!("Waiting for {title} to be on the account of {}.", who.en),
                    format!("等待 {title} 转入{}的账户。", who.zh),
                )
            }
        }
        Condition::TitleSurrendered { title } => {
            let issuer = title.issuer();
            if holds {
                sentence(
                    format!("{title} is back with {issuer}."),
                    format!("{title} 已交回 {issuer}。"),
                )
            } else {
                sentence(
                    format!("Waiting for {title} to be surrendered to {issuer}."),
                    format!("等待 {title} 交回 {issuer}。"),
                )
            }
        }
        Condition::Approved { by, what } => {
            into.awaits =
                if holds { Vec::new() } else { members(context, std::slice::from_ref(by)) };
            let who = who(context, std::slice::from_ref(by));
            if holds {
                sentence(
                    format!("{} approved {what}.", who.en),
                    format!("{}已批准 {what}。", who.zh),
                )
            } else {
                sentence(
                    format!("Waiting for {} to approve {what}.", who.en),
                    format!("等待{}批准 {what}。", who.zh),
                )
            }
        }
        Condition::After(time) => {
            let time = words::time(*time);
            if holds {
                sentence(format!("{time} has come."), format!("{time} 已到。"))
            } else {
                sentence(format!("Waiting for {time}."), format!("等待 {time}。"))
            }
        }
        Condition::Elapsed { since, time } => {
            let en = words::duration(*time, Language::En);
            let zh = words::duration(*time, Language::Zh);
            match (holds, tree.next.map(words::time)) {
                (true, _) => sentence(
                    format!("{en} have passed since “{since}” was fulfilled."),
                    format!("“{since}”完成后已过 {zh}。"),
                ),
                (false, Some(next)) => sentence(
                    format!("Waiting until {next}: {en} after “{since}”."),
                    format!("等待至 {next}（“{since}”完成后 {zh}）。"),
                ),
                (false, None) => sentence(
                    format!("Waiting for “{since}” to be fulfilled, and {en} more."),
                    format!("等待“{since}”完成，再过 {zh}。"),
                ),
            }
        }
        Condition::All(_) => inside(tree, sentence("all of these", "以下全部条件")),
        Condition::Any(_) => inside(tree, sentence("one of these", "以下任一条件")),
        Condition::AtLeast { count, .. } => {
            inside(tree, sentence(format!("{count} of these"), format!("以下条件中的 {count} 项")))
        }
        Condition::NoOpenAnomaly { at, .. } => {
            let what = sentence(
                "nothing that does not add up is open with the goods",
                "货物没有未解决的异常",
            );
            return decided(context, tree, (&what, at), into);
        }
        Condition::Not { at, .. } => {
            let what = sentence("the condition below does not hold", "下列条件不成立");
            return decided(context, tree, (&what, at), into);
        }
    };
}

fn inside(tree: &Tree<'_>, what: Sentence) -> Sentence {
    let count = tree.of.iter().filter(|inner| inner.holds).count();
    let all = tree.of.len();
    let needs = sentence(format!("It needs {}", what.en), format!("需要{}", what.zh));
    sentence(
        format!("{}: {count} of {all} hold.", needs.en),
        format!("{}：{all} 项中已有 {count} 项成立。", needs.zh),
    )
}

/// Something shown for a share of the goods.
fn shown(
    context: &Context<'_>,
    tree: &Tree<'_>,
    (by, share): (&[Label], Share),
    what: &Sentence,
    into: &mut Explained,
) {
    let State::Shown(Shown { part, missing, .. }) = &tree.state else { return };
    let who = who(context, by);
    if tree.holds && (part.is_whole() || share != Share::ProRata) {
        into.said = sentence(
            format!("On record from {}: {}, for what was asked.", who.en, what.en),
            format!("{}已记录：{}，数量已满足。", who.zh, what.zh),
        );
        return;
    }
    if !part.is_nothing() {
        into.status = ConditionStatus::InPart;
    }
    into.awaits = members(context, by);
    let name = |item: &u16| context.terms.goods.items.get(usize::from(*item)).cloned();
    into.missing = missing.iter().take(MAX_NAMED).filter_map(name).collect();
    let (least, least_zh) = match share {
        Share::AtLeast(percent) => {
            (format!("at least {percent} % of the goods"), format!("至少 {percent}% 的货物"))
        }
        Share::All | Share::ProRata => ("all goods".to_owned(), "全部货物".to_owned()),
    };
    let so_far = percent(part.millionths());
    let (count, count_zh) = match Counted::of(&context.terms.goods) {
        Counted::Items(_) => (
            match missing.len() {
                1 => " One item is missing.".to_owned(),
                many => format!(" {many} items are missing."),
            },
            format!("尚缺 {} 件。", missing.len()),
        ),
        _ => (String::new(), String::new()),
    };
    into.said = sentence(
        format!(
            "Waiting for {} to record {} for {least}; {so_far} % is on record.{count}",
            who.en, what.en
        ),
        format!("等待{}为{least_zh}记录：{}；目前已记录 {so_far}%。{count_zh}", who.zh, what.zh),
    );
}

/// Something that a moment decides.
fn decided(
    context: &Context<'_>,
    tree: &Tree<'_>,
    (what, at): (&Sentence, &Moment),
    into: &mut Explained,
) {
    let moment = match at {
        Moment::Time(time) => {
            let time = words::time(*time);
            sentence(format!("at {time}"), format!("{time} 时"))
        }
        Moment::Observed(event) => {
            let (event, by) = (sighting(event), who(context, &event.by));
            into.awaits = awaited(context, tree, at);
            sentence(
                format!("when all goods have {} by {}", event.en, by.en),
                format!("{}为全部货物记录{}时", by.zh, event.zh),
            )
        }
        Moment::Milestone(label) => {
            sentence(format!("when {label} is fulfilled"), format!("{label} 完成时"))
        }
    };
    into.said = match tree.state {
        State::Decided(time) if tree.holds => {
            let time = words::time(time);
            sentence(
                format!("Decided at {time}: {}.", what.en),
                format!("已于 {time} 判定：{}。", what.zh),
            )
        }
        State::DecidedNow if tree.holds => {
            sentence(format!("Decided now: {}.", what.en), format!("现已判定：{}。", what.zh))
        }
        State::Decided(_) | State::DecidedNow => {
            into.status = ConditionStatus::DecidedAgainst;
            sentence(
                format!("Decided {}, for good: it is not so that {}.", moment.en, what.en),
                format!("{}已最终判定：并非{}。", moment.zh, what.zh),
            )
        }
        _ => sentence(
            format!("It is decided {}, once, whether {}.", moment.en, what.en),
            format!("将在{}一次性判定：{}。", moment.zh, what.zh),
        ),
    };
}

fn awaited(context: &Context<'_>, tree: &Tree<'_>, at: &Moment) -> Vec<Who> {
    match (at, &tree.state) {
        (Moment::Observed(event), State::Undecided) => members(context, &event.by),
        _ => Vec::new(),
    }
}

/// Readings between two events.
fn read(context: &Context<'_>, tree: &Tree<'_>, readings: &Readings, into: &mut Explained) {
    let State::Read(intervals) = &tree.state else { return };
    let name = |item: Option<u16>| {
        item.and_then(|item| context.terms.goods.items.get(usize::from(item)).cloned())
    };
    let said = |verdict: Verdict| {
        intervals
            .iter()
            .filter(move |one| one.judged.as_ref().is_some_and(|judged| judged.verdict == verdict))
    };
    let all = intervals.len();
    let (broken, kept) = (said(Verdict::Broken).count(), said(Verdict::Kept).count());
    let holes = said(Verdict::NotCovered).count();
    let gaps = intervals.iter().flat_map(|one| {
        let gaps = one.judged.iter().flat_map(|judged| judged.gaps.iter());
        gaps.map(move |(from, to)| Gap { item: name(one.item), from: *from, to: *to })
    });
    into.gaps = gaps.take(MAX_GAPS).collect();
    let open = |wanted: &Sighting, is: &dyn Fn(&Interval) -> bool, into: &mut Explained| {
        let missing: Vec<u16> =
            intervals.iter().filter(|one| is(one)).filter_map(|one| one.item).collect();
        into.awaits = members(context, &wanted.by);
        into.missing =
            missing.iter().take(MAX_NAMED).filter_map(|item| name(Some(*item))).collect();
        let (who, what) = (who(context, &wanted.by), sighting(wanted));
        sentence(
            format!("Waiting for {} to record {}.", who.en, what.en),
            format!("等待{}记录：{}。", who.zh, what.zh),
        )
    };
    let bounds = bounds(readings);
    into.said = if broken > 0 {
        let most =
            said(Verdict::Broken).filter_map(|one| one.judged.as_ref().map(|j| j.outside_ms));
        let minutes = most.max().unwrap_or(0) / 60_000;
        if readings.expect == Expect::Kept {
            into.status = ConditionStatus::DoesNotHold;
        }
        sentence(
            format!(
                "{} was outside of {} for {minutes} min: the bounds are broken.",
                readings.measurement, bounds.en
            ),
            format!("{} 超出 {} 达 {minutes} 分钟：已违反界限。", readings.measurement, bounds.zh),
        )
    } else if intervals.iter().any(|one| one.from.is_none()) {
        open(&readings.from, &|one| one.from.is_none(), into)
    } else if intervals.iter().any(|one| one.to.is_none()) {
        open(&readings.to, &|one| one.to.is_none(), into)
    } else if let Some(until) = tree.next.map(words::time) {
        sentence(
            format!("Late readings are awaited until {until}; then it is judged."),
            format!("等待补传读数至 {until}，届时判定。"),
        )
    } else if holes > 0 {
        into.status = ConditionStatus::NotCovered;
        let first = into.gaps.first();
        let span = first.map_or(String::new(), |gap| {
            format!(" ({} – {})", words::time(gap.from), words::time(gap.to))
        });
        sentence(
            format!(
                "Readings do not cover the way of {holes} of {all}{span}: neither kept nor broken. \
                     Late readings still count."
            ),
            format!("{all} 项中有 {holes} 项途中缺少读数{span}：既非保持也非违反。仍可补传读数。"),
        )
    } else {
        if readings.expect == Expect::Broken {
            into.status = ConditionStatus::DoesNotHold;
        }
        sentence(
            format!(
                "{} stayed within {} all the way, for {kept} of {all}.",
                readings.measurement, bounds.en
            ),
            format!(
                "{} 全程保持在 {} 之内（{all} 项中 {kept} 项）。",
                readings.measurement, bounds.zh
            ),
        )
    };
}

fn bounds(readings: &Readings) -> Sentence {
    let uom = &readings.uom;
    match (readings.min, readings.max) {
        (Some(min), Some(max)) => {
            sentence(format!("{min} to {max} {uom}"), format!("{min} 至 {max} {uom}"))
        }
        (Some(min), None) => {
            sentence(format!("{min} {uom} and above"), format!("{min} {uom} 以上"))
        }
        (None, Some(max)) => {
            sentence(format!("{max} {uom} and below"), format!("{max} {uom} 以下"))
        }
        (None, None) => sentence("its bounds", "界限"),
    }
}
