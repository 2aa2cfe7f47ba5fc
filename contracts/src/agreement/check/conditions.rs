//! What milestones wait for, clause by clause.

use std::collections::BTreeSet;

use tracehold_chain::agreement::{
    Condition, Expect, Inspected, Label, Moment, Observed, Readings, Share, Sighting, Terms,
};
use tracehold_chain::epcis::vocabulary::Vocabulary;
use tracehold_chain::epcis::{Level, canonical};
use tracehold_chain::limits::MAX_URI_BYTES;
use tracehold_chain::money::Asset;

use super::structure::{duration, identifier, is_line, is_unit, word};
use super::{Found, Known, Names, RefusalCode};

pub(super) fn check(terms: &Terms, known: &Known<'_>, names: &Names<'_>, found: &mut Found) {
    for (place, milestone) in terms.milestones.iter().enumerate() {
        let mut looking = Looking { terms, known, names, found, milestone: place, pro_rata: 0 };
        let at = format!("/milestones/{place}/when");
        looking.condition(&milestone.when, &at, true);
        looking.agree(&milestone.when, &at);
        if looking.pro_rata > 0 {
            looking.pro_rata_milestone();
        }
    }
}

/// Whether the condition counts the goods pro rata. Only said of conditions that were checked.
pub(in crate::agreement) fn is_pro_rata(condition: &Condition) -> bool {
    match condition {
        Condition::Observed(Observed { share, .. })
        | Condition::Inspected(Inspected { share, .. }) => *share == Share::ProRata,
        Condition::All(of) => of.iter().any(is_pro_rata),
        _ => false,
    }
}

/// The conditions that must hold for this one to hold, with their places, as `needed`; those of
/// which only some must, or not yet at the same time, as `inside`.
fn needs<'c>(
    condition: &'c Condition,
    at: String,
    needed: &mut Vec<(&'c Condition, String)>,
    inside: &mut Vec<(&'c Condition, String)>,
) {
    let (of, count, list) = match condition {
        Condition::All(of) => (of, of.len(), "all"),
        Condition::Any(of) => (of, 1, "any"),
        Condition::AtLeast { count, of } => (of, usize::from(*count), "at_least/of"),
        Condition::Not { of, .. } => return inside.push((of.as_ref(), format!("{at}/not/of"))),
        _ => return needed.push((condition, at)),
    };
    for (place, one) in of.iter().enumerate() {
        let at = format!("{at}/{list}/{place}");
        if count >= of.len() {
            needs(one, at, needed, inside);
        } else {
            inside.push((one, at));
        }
    }
}

/// Whether the condition is sure to hold when all of the goods were just observed so.
fn is_certain(condition: &Condition, moment: &Sighting) -> bool {
    let many = |of: &[Condition]| of.iter().filter(|one| is_certain(one, moment)).count();
    match condition {
        Condition::Observed(Observed { event, .. }) => is_seen_with(event, moment),
        Condition::All(of) => many(of) == of.len(),
        Condition::Any(of) => many(of) > 0,
        Condition::AtLeast { count, of } => many(of) >= (*count).into(),
        _ => false,
    }
}

/// Whether every event that looks like `narrow` looks like `wide`, too.
fn is_seen_with(wide: &Sighting, narrow: &Sighting) -> bool {
    fn fits<T: PartialEq>(wide: &Option<T>, narrow: &Option<T>) -> bool {
        wide.is_none() || wide == narrow
    }
    fits(&wide.event_type, &narrow.event_type)
        && fits(&wide.action, &narrow.action)
        && fits(&wide.biz_step, &narrow.biz_step)
        && fits(&wide.disposition, &narrow.disposition)
        && fits(&wide.place, &narrow.place)
        && narrow.by.iter().all(|role| wide.by.contains(role))
}

/// One look at the conditions of a milestone.
struct Looking<'a, 'f> {
    terms: &'a Terms,
    known: &'a Known<'a>,
    names: &'a Names<'a>,
    found: &'f mut Found,
    milestone: usize,
    pro_rata: usize,
}

impl Looking<'_, '_> {
    fn refuse(&mut self, code: RefusalCode, pointer: &str, en: &str, zh: &str) {
        self.found.refuse(code, pointer, en, zh);
    }

    /// A condition. `plain` is whether it must hold for the milestone: nothing but `all` is around
    /// it.
    fn condition(&mut self, condition: &Condition, at: &str, plain: bool) {
        match condition {
            Condition::Observed(observed) => {
                let at = format!("{at}/observed");
                self.goods(&at);
                self.sighting(&observed.event, &format!("{at}/event"));
                self.share(observed.share, &format!("{at}/share"), plain);
            }
            Condition::Readings(readings) => self.readings(readings, &format!("{at}/readings")),
            Condition::Inspected(inspected) => {
                self.inspected(inspected, &format!("{at}/inspected"), plain);
            }
            Condition::TitleHeld { title, by } => {
                self.title(title, &format!("{at}/title_held/title"));
                self.names.role(by, || format!("{at}/title_held/by"), self.found);
            }
            Condition::TitleSurrendered { title } => {
                self.title(title, &format!("{at}/title_surrendered/title"));
            }
            Condition::Approved { by, .. } => {
                self.names.role(by, || format!("{at}/approved/by"), self.found);
            }
            Condition::After(_) => {}
            Condition::Elapsed { since, time } => {
                self.other_milestone(since, &format!("{at}/elapsed/since"));
                duration(*time, || format!("{at}/elapsed/time"), self.found);
            }
            Condition::NoOpenAnomaly { kinds, at: moment } => {
                let at = format!("{at}/no_open_anomaly");
                self.goods(&at);
                self.traced_goods(&at);
                let mut seen = BTreeSet::new();
                if let Some(twice) = kinds.iter().position(|kind| !seen.insert(*kind)) {
                    let pointer = format!("{at}/kinds/{twice}");
                    let en = "This kind is listed before.";
                    self.refuse(RefusalCode::Twice, &pointer, en, "该类别重复。");
                }
                self.moment(moment, &format!("{at}/at"));
            }
            Condition::All(of) => {
                self.some(of, at);
                for (place, inside) in of.iter().enumerate() {
                    self.condition(inside, &format!("{at}/all/{place}"), plain);
                }
            }
            Condition::Any(of) => {
                self.some(of, at);
                for (place, inside) in of.iter().enumerate() {
                    self.condition(inside, &format!("{at}/any/{place}"), false);
                }
            }
            Condition::AtLeast { count, of } => {
                self.some(of, at);
                if *count == 0 || usize::from(*count) > of.len() {
                    let en = format!("It asks for {count} of {} conditions.", of.len());
                    let zh = format!("要求 {} 个条件中的 {count} 个。", of.len());
                    let pointer = format!("{at}/at_least/count");
                    self.refuse(RefusalCode::EmptyCondition, &pointer, &en, &zh);
                }
                for (place, inside) in of.iter().enumerate() {
                    self.condition(inside, &format!("{at}/at_least/of/{place}"), false);
                }
            }
            Condition::Not { of, at: moment } => {
                self.condition(of, &format!("{at}/not/of"), false);
                self.moment(moment, &format!("{at}/not/at"));
                if let Moment::Observed(sighting) = moment
                    && is_certain(of, sighting)
                {
                    let en = "What is not to be so is always so at its moment.";
                    let zh = "在该时刻，所否定的条件必然成立。";
                    self.refuse(RefusalCode::NeverFulfilled, &format!("{at}/not"), en, zh);
                }
            }
        }
    }

    fn some(&mut self, of: &[Condition], at: &str) {
        if of.is_empty() {
            let en = "No condition is listed.";
            self.refuse(RefusalCode::EmptyCondition, at, en, "没有列出任何条件。");
        }
    }

    fn sighting(&mut self, sighting: &Sighting, at: &str) {
        if let Some(step) = &sighting.biz_step {
            word(step, Vocabulary::BizStep, || format!("{at}/biz_step"), self.found);
        }
        if let Some(disposition) = &sighting.disposition {
            let pointer = || format!("{at}/disposition");
            word(disposition, Vocabulary::Disposition, pointer, self.found);
        }
        if let Some(place) = &sighting.place {
            let pointer = || format!("{at}/place");
            let level = canonical(place).level();
            if identifier(place, pointer, self.found)
                && !matches!(level, Level::Location | Level::Other)
            {
                let (en, zh) = ("This names no place.", "不是地点标识。");
                self.refuse(RefusalCode::Identifier, &pointer(), en, zh);
            }
        }
        self.roles(&sighting.by, &format!("{at}/by"));
    }

    fn roles(&mut self, roles: &[Label], at: &str) {
        if roles.is_empty() || roles.len() > self.terms.roles.len() {
            let most = self.terms.roles.len();
            let en = format!("It must name 1 to {most} roles.");
            let zh = format!("应填写 1 至 {most} 个角色。");
            self.refuse(RefusalCode::Count, at, &en, &zh);
            return;
        }
        let mut seen = BTreeSet::new();
        for (place, role) in roles.iter().enumerate() {
            self.names.role(role, || format!("{at}/{place}"), self.found);
            if !seen.insert(role) {
                let pointer = format!("{at}/{place}");
                let (en, zh) = ("This role is listed before.", "该角色重复。");
                self.refuse(RefusalCode::Twice, &pointer, en, zh);
            }
        }
    }

    fn share(&mut self, share: Share, at: &str, plain: bool) {
        let goods = &self.terms.goods;
        let counted = !goods.items.is_empty() || goods.class.is_some();
        match share {
            Share::All => {}
            Share::AtLeast(percent) if percent.parts() == 0 => {
                let en = "A share of 0 % holds of nothing at all.";
                self.refuse(RefusalCode::Nothing, at, en, "份额为 0%。");
            }
            Share::AtLeast(_) | Share::ProRata if !counted => {
                let en =
                    "The goods cannot be counted: they are whatever a business transaction names.";
                let zh = "货物仅由业务单据指定，无法计量份额。";
                self.refuse(RefusalCode::Goods, at, en, zh);
            }
            Share::AtLeast(_) => {}
            Share::ProRata => {
                self.pro_rata += 1;
                if !plain {
                    let en = "A share pro rata stands inside of any, at_least or not.";
                    let zh = "“pro_rata”份额不能置于 any、at_least 或 not 之内。";
                    self.refuse(RefusalCode::ProRata, at, en, zh);
                }
            }
        }
    }

    fn pro_rata_milestone(&mut self) {
        let Some(milestone) = self.terms.milestones.get(self.milestone) else { return };
        let at = |field: &str| format!("/milestones/{}/{field}", self.milestone);
        let rules = [
            (self.pro_rata > 1, "when", "It counts pro rata twice.", "出现两个按比例份额。"),
            (milestone.window.0 > 0, "window", "It pays pro rata.", "该里程碑按比例付款。"),
            (milestone.ends, "ends", "It pays pro rata.", "该里程碑按比例付款。"),
        ];
        for (broken, field, en, zh) in rules {
            if broken {
                self.found.refuse(RefusalCode::ProRata, at(field), en, zh);
            }
        }
    }

    fn inspected(&mut self, inspected: &Inspected, at: &str, plain: bool) {
        self.goods(at);
        self.roles(&inspected.by, &format!("{at}/by"));
        for (place, role) in inspected.by.iter().enumerate() {
            let terms = self.names.roles.get(role).and_then(|place| self.terms.roles.get(*place));
            let Some(terms) = terms else { continue };
            if !self.known.authority.is_inspector(&terms.member) {
                let en = format!("{} is no inspector of this network.", terms.member);
                let zh = format!("{} 不是本网络的检验成员。", terms.member);
                self.refuse(RefusalCode::NotAnInspector, &format!("{at}/by/{place}"), &en, &zh);
            }
        }
        if let Some(reference) = &inspected.certification
            && !is_line(reference, MAX_URI_BYTES)
        {
            let en = format!("The reference is no text of 1 to {MAX_URI_BYTES} bytes.");
            let zh = format!("证书编号须为 1 至 {MAX_URI_BYTES} 字节的文本。");
            self.refuse(RefusalCode::Text, &format!("{at}/certification"), &en, &zh);
        }
        self.share(inspected.share, &format!("{at}/share"), plain);
    }

    fn readings(&mut self, readings: &Readings, at: &str) {
        self.goods(at);
        let pointer = || format!("{at}/measurement");
        word(&readings.measurement, Vocabulary::MeasurementType, pointer, self.found);
        self.sighting(&readings.from, &format!("{at}/from"));
        self.sighting(&readings.to, &format!("{at}/to"));
        if !readings.by.is_empty() {
            self.roles(&readings.by, &format!("{at}/by"));
        }
        let bounds = (readings.min, readings.max);
        let rules = [
            (
                !is_unit(&readings.uom),
                "uom",
                "The unit is no Rec 20 code.",
                "单位不是 Rec 20 代码。",
            ),
            (bounds == (None, None), "min", "There is neither min nor max.", "未填写 min 或 max。"),
            (
                matches!(bounds, (Some(min), Some(max)) if min > max),
                "max",
                "It is below min.",
                "小于 min。",
            ),
            (readings.max_gap.0 == 0, "max_gap", "No readings are so close.", "间隔不能为零。"),
            (
                readings.from == readings.to,
                "to",
                "The interval ends with the event with which it begins.",
                "区间的起止为同一事件。",
            ),
        ];
        for (broken, field, en, zh) in rules {
            if broken {
                self.refuse(RefusalCode::Readings, &format!("{at}/{field}"), en, zh);
            }
        }
        duration(readings.outside_at_most, || format!("{at}/outside_at_most"), self.found);
        duration(readings.max_gap, || format!("{at}/max_gap"), self.found);
        duration(readings.settle, || format!("{at}/settle"), self.found);
    }

    fn title(&mut self, title: &Asset, at: &str) {
        if !matches!(title, Asset::Title { .. }) || !(self.known.asset_exists)(title) {
            let en = format!("There is no title {title}.");
            let zh = format!("没有权证 {title}。");
            self.refuse(RefusalCode::UnknownTitle, at, &en, &zh);
        }
    }

    fn goods(&mut self, at: &str) {
        let goods = &self.terms.goods;
        let none =
            goods.items.is_empty() && goods.class.is_none() && goods.business_transaction.is_none();
        if none {
            let en = "It is about goods, and the terms name none.";
            self.refuse(RefusalCode::Goods, at, en, "该条件涉及货物，但条款未指定货物。");
        }
    }

    /// Only things with a story of their own have anomalies.
    fn traced_goods(&mut self, at: &str) {
        let goods = &self.terms.goods;
        let is_lot = |class: &str| canonical(class).level() == Level::Lot;
        let traced = !goods.items.is_empty()
            || goods.class.as_ref().is_some_and(|goods| is_lot(&goods.class));
        if !traced {
            let en = "Only items and lots have anomalies, and the terms name neither.";
            self.refuse(RefusalCode::Goods, at, en, "只有物品和批次才有异常记录，条款未指定。");
        }
    }

    fn moment(&mut self, moment: &Moment, at: &str) {
        match moment {
            Moment::Time(_) => {}
            Moment::Observed(sighting) => {
                self.goods(at);
                self.sighting(sighting, &format!("{at}/observed"));
            }
            Moment::Milestone(label) => self.other_milestone(label, &format!("{at}/milestone")),
        }
    }

    fn other_milestone(&mut self, label: &Label, at: &str) {
        match self.names.milestones.get(label) {
            None => {
                let en = format!("There is no milestone \"{label}\".");
                let zh = format!("没有里程碑“{label}”。");
                self.refuse(RefusalCode::UnknownMilestone, at, &en, &zh);
            }
            Some(place) if *place == self.milestone => {
                let en = "A milestone does not wait for itself.";
                self.refuse(RefusalCode::UnknownMilestone, at, en, "里程碑不能以自身为条件。");
            }
            Some(_) => {}
        }
    }

    /// Refuses conditions that must all hold and can never hold together, however deep they stand
    /// in `all`s inside each other; and so in every condition that is one of several.
    fn agree(&mut self, condition: &Condition, at: &str) {
        let mut needed = Vec::new();
        let mut inside = Vec::new();
        needs(condition, at.to_owned(), &mut needed, &mut inside);
        for (place, (one, pointer)) in needed.iter().enumerate() {
            if needed.iter().take(place).any(|(other, _)| self.exclude(one, other)) {
                let en = "It can never hold together with another condition beside it.";
                let zh = "该条件与并列的另一条件不可能同时成立。";
                self.refuse(RefusalCode::Contradiction, pointer, en, zh);
            }
        }
        for (one, pointer) in inside {
            self.agree(one, &pointer);
        }
    }

    fn exclude(&self, one: &Condition, other: &Condition) -> bool {
        let account = |role: &Label| {
            let terms = self.names.roles.get(role).and_then(|place| self.terms.roles.get(*place));
            terms.map(|role| (&role.member, &role.account))
        };
        match (one, other) {
            (Condition::Readings(one), Condition::Readings(other)) => {
                one.expect != other.expect
                    && Readings { expect: Expect::Kept, ..one.clone() }
                        == Readings { expect: Expect::Kept, ..other.clone() }
            }
            (
                Condition::TitleHeld { title, by },
                Condition::TitleHeld { title: same, by: another },
            ) => title == same && account(by) != account(another),
            (Condition::TitleHeld { title, by }, Condition::TitleSurrendered { title: same })
            | (Condition::TitleSurrendered { title: same }, Condition::TitleHeld { title, by }) => {
                title == same && account(by).is_some_and(|(member, _)| member != title.issuer())
            }
            _ => false,
        }
    }
}
