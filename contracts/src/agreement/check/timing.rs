//! Times that come too late for their milestone.

use tracehold_chain::agreement::{Condition, Label, Milestone, Moment, Terms};
use tracehold_chain::units::TimestampMs;

use super::{Found, Known, Names, RefusalCode};

/// Refuses milestones that can only be fulfilled when their time is over. `by` and the deadline are
/// exclusive.
pub(super) fn check(terms: &Terms, known: &Known<'_>, names: &Names<'_>, found: &mut Found) {
    let earliest = Earliest::of(terms, known.block_time, names);
    for (place, milestone) in terms.milestones.iter().enumerate() {
        let limit = limit(terms, milestone);
        let refused = found.refusals.len();
        let at = format!("/milestones/{place}/when");
        earliest.condition(&milestone.when, &at, limit, found);
        if found.refusals.len() > refused {
            continue;
        }
        let begins = earliest.milestone(place);
        let field = if milestone.by.is_some() { "by" } else { "when" };
        if begins >= limit {
            let en = format!("It cannot come before {begins}, which is not before {limit}.");
            let zh = format!("最早于 {begins} 成立，不早于 {limit}。");
            found.refuse(
                RefusalCode::NeverFulfilled,
                format!("/milestones/{place}/{field}"),
                en,
                zh,
            );
        } else if milestone.by.is_some() && begins.plus_ms(milestone.window.0) >= limit {
            let en = format!("Its window is over only when its time is, at {limit}.");
            let zh = format!("等待期结束时已超过其时限 {limit}。");
            found.refuse(
                RefusalCode::NeverFulfilled,
                format!("/milestones/{place}/window"),
                en,
                zh,
            );
        }
    }
}

/// Before what a milestone is fulfilled, but for disputes.
fn limit(terms: &Terms, milestone: &Milestone) -> TimestampMs {
    milestone.by.map_or(terms.deadline, |by| by.min(terms.deadline))
}

/// When a milestone is fulfilled at the latest: a dispute that is opened just before its time
/// delays it for as long as the arbiter may take.
pub(super) fn latest(terms: &Terms, milestone: &Milestone) -> TimestampMs {
    let limit = limit(terms, milestone);
    let delay = terms.dispute.as_ref().map_or(0, |dispute| dispute.ruling_within.0);
    limit.plus_ms(delay).min(terms.deadline)
}

/// A lower bound for when each milestone can be fulfilled.
struct Earliest<'a> {
    now: TimestampMs,
    names: &'a Names<'a>,
    milestones: Vec<TimestampMs>,
}

impl<'a> Earliest<'a> {
    fn of(terms: &Terms, now: TimestampMs, names: &'a Names<'a>) -> Earliest<'a> {
        let mut earliest = Earliest { now, names, milestones: vec![now; terms.milestones.len()] };
        // Each round carries a bound one gate further; what goes in a circle is refused elsewhere.
        for _ in &terms.milestones {
            for (place, milestone) in terms.milestones.iter().enumerate() {
                let gates = milestone.after.iter().map(|after| earliest.label(after));
                let gates = gates.max().unwrap_or(now);
                let bound = earliest.when(&milestone.when).max(gates);
                if let Some(known) = earliest.milestones.get_mut(place) {
                    *known = bound.max(*known);
                }
            }
        }
        earliest
    }

    fn milestone(&self, place: usize) -> TimestampMs {
        self.milestones.get(place).copied().unwrap_or(self.now)
    }

    fn label(&self, label: &Label) -> TimestampMs {
        self.names.milestones.get(label).map_or(self.now, |place| self.milestone(*place))
    }

    fn when(&self, condition: &Condition) -> TimestampMs {
        let of = |of: &[Condition]| of.iter().map(|one| self.when(one)).collect::<Vec<_>>();
        let nth = |of: Vec<TimestampMs>, count: usize| {
            let mut of = of;
            of.sort_unstable();
            of.get(count.saturating_sub(1)).copied().unwrap_or(self.now)
        };
        match condition {
            Condition::After(time) => (*time).max(self.now),
            Condition::Elapsed { since, time } => self.label(since).plus_ms(time.0),
            Condition::Readings(readings) => self.now.plus_ms(readings.settle.0),
            Condition::NoOpenAnomaly { at, .. } | Condition::Not { at, .. } => self.moment(at),
            Condition::All(all) => of(all).into_iter().max().unwrap_or(self.now),
            Condition::Any(any) => nth(of(any), 1),
            Condition::AtLeast { count, of: some } => nth(of(some), (*count).into()),
            _ => self.now,
        }
    }

    fn moment(&self, moment: &Moment) -> TimestampMs {
        match moment {
            Moment::Time(time) => (*time).max(self.now),
            Moment::Observed(_) => self.now,
            Moment::Milestone(label) => self.label(label),
        }
    }

    /// Refuses what inside a condition only holds when it is too late.
    fn condition(&self, condition: &Condition, at: &str, limit: TimestampMs, found: &mut Found) {
        let mut late = |pointer: String, begins: TimestampMs| {
            if begins >= limit {
                let en = format!("It cannot come before {begins}, which is not before {limit}.");
                let zh = format!("最早于 {begins} 成立，不早于 {limit}。");
                found.refuse(RefusalCode::NeverFulfilled, pointer, en, zh);
            }
        };
        match condition {
            Condition::After(_) => late(format!("{at}/after"), self.when(condition)),
            Condition::Elapsed { .. } => late(format!("{at}/elapsed"), self.when(condition)),
            Condition::Readings(_) => late(format!("{at}/readings/settle"), self.when(condition)),
            Condition::NoOpenAnomaly { at: moment, .. } => {
                late(format!("{at}/no_open_anomaly/at"), self.moment(moment));
            }
            Condition::Not { of, at: moment } => {
                let begins = self.moment(moment);
                late(format!("{at}/not/at"), begins);
                if let Condition::After(time) = of.as_ref()
                    && begins >= *time
                {
                    let en = format!("It is always after {time} by then.");
                    let zh = format!("届时必然已过 {time}。");
                    found.refuse(RefusalCode::NeverFulfilled, format!("{at}/not"), en, zh);
                }
            }
            Condition::All(of) => self.conditions(of, &format!("{at}/all"), limit, found),
            Condition::Any(of) => self.conditions(of, &format!("{at}/any"), limit, found),
            Condition::AtLeast { of, .. } => {
                self.conditions(of, &format!("{at}/at_least/of"), limit, found);
            }
            _ => {}
        }
    }

    fn conditions(&self, of: &[Condition], at: &str, limit: TimestampMs, found: &mut Found) {
        for (place, one) in of.iter().enumerate() {
            self.condition(one, &format!("{at}/{place}"), limit, found);
        }
    }
}
