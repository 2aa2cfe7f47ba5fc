//! Whether the condition of a milestone holds.
//!
//! Total: every condition has a value at every time. Facts that were undone do not count, nor
//! anything that was recorded at or after the time asked for. What only a moment decides is decided
//! once; [`Held::decided`] says what to keep.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Deref;

use tracehold_chain::agreement::{
    Condition, Expect, Finding, Inspected, Label, Moment, Observed, Readings, Share, Sighting,
    Terms, WHOLE,
};
use tracehold_chain::anomaly::AnomalyKind;
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::money::{AccountId, Asset};
use tracehold_chain::state::key::{item_key, journal_key, name_digest};
use tracehold_chain::state::{Position, TableError};
use tracehold_chain::units::{MemberId, TimestampMs};

use super::facts::Get;
use super::goods::{Counted, Part, Shown};
use super::readings::{Judged, Span, Verdict, judge};
use super::record::{AgreementRecord, Fact, ReadingSpans};
use super::titles::{self, Has};
use crate::authority::Authority;
use crate::execute::{Now, Staged};
use crate::provenance::{ItemRecord, ItemState, JournalChunk, MAX_REFOLD_STEPS, fold};
use crate::work::UNITS_PER_RECORD;

/// What is known when a condition is asked about.
pub struct View<'a, 's> {
    /// What was agreed.
    pub terms: &'a Terms,
    /// How far it has come.
    pub record: &'a AgreementRecord,
    /// All its facts, as [`super::facts::read`] gives them.
    pub facts: &'a [Fact],
    /// The first time that does not count any more: facts recorded before it count, and a time is
    /// reached when it is before this. Normally [`View::now`]: the block time is the last that
    /// counts. At the deadline the deadline itself.
    pub as_of: TimestampMs,
    /// The first block time of which nothing is known: what was recorded at it or later does not
    /// count. Normally the same; when a time has come that time, before anything of its block.
    pub known_before: TimestampMs,
    /// Whether it is the last look, at the deadline: late readings are awaited no longer.
    pub last: bool,
    /// The state.
    pub staged: &'a Staged<'s>,
    /// The block.
    pub now: Now<'a>,
}

impl View<'_, '_> {
    /// What [`View::as_of`] is in a block of this time: everything up to the block itself counts.
    #[must_use]
    pub fn now(block_time: TimestampMs) -> TimestampMs {
        block_time.plus_ms(1)
    }
}

/// Whether a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Whether it does. With a share pro rata: whether any part has come, and all else holds.
    pub holds: bool,
    /// The part of the goods that has come; all of it when nothing is pro rata.
    pub part: Part,
    /// The events that make it hold, ordered, each once.
    pub events: Vec<Position>,
    /// The earliest later block time at which it may change by itself.
    pub next: Option<TimestampMs>,
    /// Moments that were reached just now: condition, whether it held, and the events with which
    /// the moment came. To be kept.
    pub decided: Vec<(u8, bool, Vec<Position>)>,
}

/// Whether the condition of a milestone of the terms, from 0, holds.
///
/// # Errors
/// [`TableError`] when this machine cannot read.
pub fn evaluate(view: &View<'_, '_>, milestone: usize) -> Result<Held, TableError> {
    evaluate_again(view, milestone, &Memo::default())
}

/// As [`evaluate`], of a milestone that was asked about before in the same look at an agreement, as
/// of the same time: what was found of the facts then is not looked for again.
pub(super) fn evaluate_again(
    view: &View<'_, '_>,
    milestone: usize,
    memo: &Memo,
) -> Result<Held, TableError> {
    let context = Context {
        terms: view.terms,
        record: view.record,
        facts: view.facts,
        as_of: view.as_of,
        known_before: view.known_before,
        last: view.last,
        get: &|key| view.staged.overlay.get(key),
        authority: view.now.authority,
    };
    let asked = Asked { context, memo: Some(memo) }.tree(milestone)?;
    let Some(tree) = asked else {
        let (events, decided) = (Vec::new(), Vec::new());
        return Ok(Held { holds: false, part: Part::default(), events, next: None, decided });
    };
    let mut decided = Vec::new();
    tree.decided(&mut decided);
    let Tree { holds, part, mut events, next, .. } = tree;
    events.sort_unstable();
    events.dedup();
    Ok(Held { holds, part, events, next, decided })
}

/// What is known when a condition is asked about, wherever it comes from.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// What was agreed.
    pub terms: &'a Terms,
    /// How far it has come.
    pub record: &'a AgreementRecord,
    /// All its facts.
    pub facts: &'a [Fact],
    /// As [`View::as_of`].
    pub as_of: TimestampMs,
    /// As [`View::known_before`].
    pub known_before: TimestampMs,
    /// As [`View::last`].
    pub last: bool,
    /// The state.
    pub get: Get<'a>,
    /// The members.
    pub authority: &'a Authority,
}

/// What was found of the facts in one look at an agreement, by milestone and condition: it is asked
/// for again after everything that changes, and does not change itself.
#[derive(Debug, Default)]
pub(super) struct Memo {
    values: RefCell<BTreeMap<(u8, u8), Value>>,
    spent: Cell<u64>,
}

impl Memo {
    /// Units of work that were done beside going past the facts.
    pub fn spent(&self) -> u64 {
        self.spent.get()
    }
}

/// A context that is asked, with what is known of it already.
#[derive(Clone, Copy)]
struct Asked<'a, 'm> {
    context: Context<'a>,
    memo: Option<&'m Memo>,
}

impl<'a> Deref for Asked<'a, '_> {
    type Target = Context<'a>;

    fn deref(&self) -> &Context<'a> {
        &self.context
    }
}

/// A condition with its value, and those inside it.
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    /// Its number inside the milestone.
    pub number: u8,
    /// The condition.
    pub condition: &'a Condition,
    /// Whether it holds.
    pub holds: bool,
    /// The part that has come; all of it when nothing is pro rata.
    pub part: Part,
    /// The events that make it hold, or that it has so far.
    pub events: Vec<Position>,
    /// When it may change by itself.
    pub next: Option<TimestampMs>,
    /// More about it.
    pub state: State,
    /// The conditions inside it.
    pub of: Vec<Tree<'a>>,
}

/// More about the value of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing more.
    Plain,
    /// How much of the goods was shown.
    Shown(Shown),
    /// What sensors said of each interval.
    Read(Vec<Interval>),
    /// Its moment has not come.
    Undecided,
    /// Its moment is now.
    DecidedNow,
    /// It was decided then.
    Decided(TimestampMs),
}

/// What sensors said between two events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Of which item, by its place in the terms; of all goods when they are not items.
    pub item: Option<u16>,
    /// The event that begins it.
    pub from: Option<(TimestampMs, Position)>,
    /// The event that ends it.
    pub to: Option<(TimestampMs, Position)>,
    /// Late readings are awaited until then.
    pub settles: Option<TimestampMs>,
    /// What they said, once that time is over.
    pub judged: Option<Judged>,
}

/// The value of a condition, before it is put in its place.
#[derive(Clone, Debug)]
struct Value {
    holds: bool,
    part: Part,
    events: Vec<Position>,
    next: Option<TimestampMs>,
    state: State,
}

impl Value {
    fn plain(holds: bool) -> Value {
        let (part, events) = (Part::WHOLE, Vec::new());
        Value { holds, part, events, next: None, state: State::Plain }
    }
}

impl Tree<'_> {
    fn decided(&self, into: &mut Vec<(u8, bool, Vec<Position>)>) {
        if self.state == State::DecidedNow {
            into.push((self.number, self.holds, self.events.clone()));
        }
        for inner in &self.of {
            inner.decided(into);
        }
    }
}

impl<'a> Context<'a> {
    /// The condition of a milestone with its value; `None` when the terms have no such milestone.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    pub fn tree(&self, milestone: usize) -> Result<Option<Tree<'a>>, TableError> {
        Asked { context: *self, memo: None }.tree(milestone)
    }
}

impl<'a> Asked<'a, '_> {
    fn tree(&self, milestone: usize) -> Result<Option<Tree<'a>>, TableError> {
        let Some(clause) = self.terms.milestones.get(milestone) else { return Ok(None) };
        let milestone = u8::try_from(milestone).unwrap_or(u8::MAX);
        self.ask(milestone, &mut 0, &clause.when).map(Some)
    }

    fn ask(
        &self,
        milestone: u8,
        counter: &mut u8,
        condition: &'a Condition,
    ) -> Result<Tree<'a>, TableError> {
        let number = *counter;
        *counter = counter.saturating_add(1);
        let mut of = Vec::new();
        let value = match condition {
            Condition::All(inner) => {
                of = self.ask_all(milestone, counter, inner)?;
                together(&of, of.len())
            }
            Condition::Any(inner) => {
                of = self.ask_all(milestone, counter, inner)?;
                together(&of, 1)
            }
            Condition::AtLeast { count, of: inner } => {
                of = self.ask_all(milestone, counter, inner)?;
                together(&of, usize::from(*count))
            }
            Condition::Not { of: inner, at } => {
                let then = self.at(at);
                of.push(then.ask(milestone, counter, inner)?);
                self.decide((milestone, number), at, &mut || {
                    Ok(of.first().is_some_and(|inner| !inner.holds))
                })?
            }
            Condition::NoOpenAnomaly { kinds, at } => {
                let then = self.at(at);
                self.decide((milestone, number), at, &mut || then.nothing_open(kinds))?
            }
            Condition::Observed(observed) => {
                self.once((milestone, number), || self.observed(observed))
            }
            Condition::Inspected(inspected) => {
                self.once((milestone, number), || self.inspected(inspected))
            }
            Condition::Readings(readings) => {
                let place = (milestone, number);
                self.once(place, || self.read(place, readings))
            }
            Condition::TitleHeld { title, .. } | Condition::TitleSurrendered { title } => {
                match titles::account_of(self.terms, condition) {
                    Some(account) => self.has(title, &account)?,
                    None => Value::plain(false),
                }
            }
            Condition::Approved { by, what } => {
                let said = |(role, to, at): &(Label, Label, TimestampMs)| {
                    role == by && to == what && *at < self.known_before
                };
                Value::plain(self.record.approvals.iter().any(said))
            }
            Condition::After(time) => self.reached(*time),
            Condition::Elapsed { since, time } => match self.fulfilled(since) {
                Some(at) => self.reached(at.plus_ms(time.0)),
                None => Value::plain(false),
            },
        };
        let Value { holds, part, events, next, state } = value;
        Ok(Tree { number, condition, holds, part, events, next, state, of })
    }

    fn ask_all(
        &self,
        milestone: u8,
        counter: &mut u8,
        inner: &'a [Condition],
    ) -> Result<Vec<Tree<'a>>, TableError> {
        inner.iter().map(|condition| self.ask(milestone, counter, condition)).collect()
    }

    /// What is found of the facts, once in a look.
    fn once(&self, place: (u8, u8), find: impl FnOnce() -> Value) -> Value {
        let Some(memo) = self.memo else { return find() };
        if let Some(value) = memo.values.borrow().get(&place) {
            return value.clone();
        }
        // Who looks does not explain: more than the value is not asked for.
        let value = Value { state: State::Plain, ..find() };
        memo.values.borrow_mut().insert(place, value.clone());
        value
    }

    fn reached(&self, time: TimestampMs) -> Value {
        let holds = time < self.as_of;
        Value { next: (!holds).then_some(time), ..Value::plain(holds) }
    }

    fn fulfilled(&self, milestone: &Label) -> Option<TimestampMs> {
        let place = self.terms.milestones.iter().position(|clause| clause.id == *milestone)?;
        let at = self.record.milestones.get(place)?.fulfilled_at?;
        (at < self.as_of).then_some(at)
    }

    /// The member that has a role.
    fn member(&self, role: &Label) -> Option<&'a MemberId> {
        self.terms.roles.iter().find(|one| one.role == *role).map(|one| &one.member)
    }

    /// The facts that count.
    fn facts(&self) -> impl Iterator<Item = &'a Fact> {
        let end = self.known_before;
        self.facts.iter().filter(move |fact| fact.voided_by.is_none() && fact.recorded_at < end)
    }

    /// Whether an event looks like this and was recorded by one of those it counts from.
    fn sees(&self, sighting: &Sighting, fact: &Fact) -> bool {
        let by = sighting.by.iter().any(|role| self.member(role) == Some(&fact.recorder));
        by && looks_like(sighting, fact)
    }

    fn shows(&self, sighting: &Sighting, enough: u32) -> Shown {
        let facts = self.facts().filter(|fact| self.sees(sighting, fact));
        Counted::of(&self.terms.goods).shown(facts, enough)
    }

    fn observed(&self, observed: &Observed) -> Value {
        shared(observed.share, |enough| self.shows(&observed.event, enough))
    }

    fn inspected(&self, inspected: &Inspected) -> Value {
        let sees = |fact: &&Fact| self.sees_inspection(inspected, fact);
        shared(inspected.share, |enough| {
            Counted::of(&self.terms.goods).shown(self.facts().filter(sees), enough)
        })
    }

    /// An inspection is recorded by an accredited inspector who has one of the roles.
    fn sees_inspection(&self, inspected: &Inspected, fact: &Fact) -> bool {
        let by = inspected.by.iter().any(|role| self.member(role) == Some(&fact.recorder));
        by && self.authority.is_inspector(&fact.recorder) && is_inspection(inspected, fact)
    }

    /// Whether a title was free on an account; when it was set aside there, until when.
    fn has(&self, title: &Asset, account: &AccountId) -> Result<Value, TableError> {
        let when = titles::When { as_of: self.as_of, known_before: self.known_before };
        Ok(match titles::has(self.get, self.record.id, (title, account), when)? {
            Has::Free => Value::plain(true),
            Has::SetAside(until) => Value { next: Some(until), ..Value::plain(false) },
            Has::Not => Value::plain(false),
        })
    }

    fn load<T: serde::de::DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, TableError> {
        let Some(bytes) = (self.get)(key)? else { return Ok(None) };
        let damaged = |error| TableError(format!("a record of the state is damaged: {error}"));
        codec::unpack(&bytes).map(Some).map_err(damaged)
    }

    /// The same, as it is known at a moment: what came later does not count.
    fn at(&self, moment: &Moment) -> Self {
        match moment {
            Moment::Time(time) => {
                let (as_of, known_before) = (self.as_of.min(*time), self.known_before.min(*time));
                let context = Context { as_of, known_before, ..self.context };
                Asked { context, memo: self.memo }
            }
            Moment::Observed(_) | Moment::Milestone(_) => *self,
        }
    }

    /// What a moment decides: what was decided before, or `value` now if it has come.
    fn decide(
        &self,
        (milestone, number): (u8, u8),
        moment: &Moment,
        value: &mut dyn FnMut() -> Result<bool, TableError>,
    ) -> Result<Value, TableError> {
        let known = self
            .record
            .decisions
            .iter()
            .find(|decision| (decision.milestone, decision.condition) == (milestone, number));
        if let Some(decision) = known {
            let (state, events) = (State::Decided(decision.at), decision.events.clone());
            return Ok(Value { state, events, ..Value::plain(decision.held) });
        }
        let (reached, next, events) = match moment {
            Moment::Time(time) => (*time < self.as_of, Some(*time), Vec::new()),
            Moment::Observed(sighting) => {
                let seen = self.once((milestone, number), || {
                    let shown = self.shows(sighting, WHOLE.parts());
                    let whole = shown.part.is_whole();
                    Value { events: shown.events, ..Value::plain(whole) }
                });
                (seen.holds, None, seen.events)
            }
            Moment::Milestone(label) => (self.fulfilled(label).is_some(), None, Vec::new()),
        };
        if reached {
            return Ok(Value { state: State::DecidedNow, events, ..Value::plain(value()?) });
        }
        Ok(Value { state: State::Undecided, next, ..Value::plain(false) })
    }

    /// Whether nothing of these kinds is open with any item of the goods.
    fn nothing_open(&self, kinds: &[AnomalyKind]) -> Result<bool, TableError> {
        let goods = &self.terms.goods;
        let class = goods.class.as_ref().map(|class| &class.class);
        let mut known = false;
        for uri in goods.items.iter().chain(class) {
            if let Some(memo) = self.memo {
                memo.spent.set(memo.spent.get().saturating_add(UNITS_PER_RECORD));
            }
            let Some(record) = self.load::<ItemRecord>(&item_key(&name_digest(uri)))? else {
                continue;
            };
            let Some(state) = self.state_then(&name_digest(uri), record)? else { continue };
            known = true;
            // The state lists the newest; of a longer list nobody knows what is not there.
            let more = state.open_count as usize > state.open.len();
            let open = if kinds.is_empty() {
                state.open_count > 0
            } else {
                more || kinds.iter().any(|kind| state.has_open(*kind))
            };
            if open {
                return Ok(false);
            }
        }
        // Of what the ledger knows nothing, it cannot be said that everything adds up.
        Ok(known)
    }

    /// What was known of a thing as of then; nothing when nothing was. Of a story that is longer
    /// than is told again ([`MAX_REFOLD_STEPS`]) what is known now.
    fn state_then(
        &self,
        name: &Digest,
        record: ItemRecord,
    ) -> Result<Option<ItemState>, TableError> {
        let part = |chunk: u32| -> Result<JournalChunk, TableError> {
            if let Some(memo) = self.memo {
                memo.spent.set(memo.spent.get().saturating_add(UNITS_PER_RECORD));
            }
            Ok(self.load(&journal_key(name, chunk))?.unwrap_or_default())
        };
        let newest = match (record.tail.last(), record.chunks().checked_sub(1)) {
            (Some(step), _) => Some(step.recorded_at),
            (None, Some(last)) => part(last)?.last().map(|step| step.recorded_at),
            (None, None) => None,
        };
        let is_all = newest.is_none_or(|at| at < self.known_before);
        if is_all || record.log.count() > MAX_REFOLD_STEPS {
            return Ok(Some(record.state));
        }
        let mut steps = Vec::new();
        for chunk in 0..record.chunks() {
            steps.append(&mut part(chunk)?);
        }
        steps.extend(record.tail);
        steps.retain(|step| step.recorded_at < self.known_before);
        Ok((!steps.is_empty()).then(|| fold(&steps).state))
    }

    fn read(&self, place: (u8, u8), readings: &Readings) -> Value {
        let counted = Counted::of(&self.terms.goods);
        let told: Vec<Told<'a>> =
            self.facts().filter_map(|fact| self.told(place, readings, fact)).collect();
        let intervals: Vec<Interval> = match counted {
            Counted::Items(count) => {
                let mut about: Vec<Vec<usize>> = vec![Vec::new(); usize::from(count)];
                for (number, told) in told.iter().enumerate() {
                    for item in &told.fact.items {
                        if let Some(about) = about.get_mut(usize::from(*item)) {
                            about.push(number);
                        }
                    }
                }
                let mut intervals: Vec<Interval> = Vec::with_capacity(about.len());
                let mut last: &[usize] = &[];
                for (item, about) in (0..count).zip(&about) {
                    let found = match intervals.last() {
                        // Things that go together, as on one pallet, have one story.
                        Some(same) if last == about.as_slice() => {
                            Interval { item: Some(item), ..same.clone() }
                        }
                        _ => {
                            let about = about.iter().filter_map(|number| told.get(*number));
                            let about: Vec<&Told<'a>> = about.collect();
                            self.interval(readings, Some(item), &counted, &about)
                        }
                    };
                    last = about;
                    intervals.push(found);
                }
                intervals
            }
            _ => {
                let about: Vec<&Told<'a>> = told.iter().collect();
                vec![self.interval(readings, None, &counted, &about)]
            }
        };
        let said = |interval: &Interval| interval.judged.as_ref().map(|judged| judged.verdict);
        let holds = match readings.expect {
            Expect::Kept => intervals.iter().all(|one| said(one) == Some(Verdict::Kept)),
            Expect::Broken => intervals.iter().any(|one| said(one) == Some(Verdict::Broken)),
        };
        let waits = intervals.iter().filter(|one| one.judged.is_none());
        let next = waits.filter_map(|one| one.settles).min();
        let ends = intervals.iter().flat_map(|one| [one.from, one.to]).flatten();
        let mut events: Vec<Position> = ends.map(|(_, position)| position).collect();
        let read = told.iter().filter(|told| told.said.is_some());
        events.extend(read.map(|told| told.fact.position));
        events.sort_unstable();
        events.dedup();
        Value { events, next, state: State::Read(intervals), ..Value::plain(holds) }
    }

    /// What a fact is to a condition on readings, if it is anything.
    fn told(&self, place: (u8, u8), readings: &Readings, fact: &'a Fact) -> Option<Told<'a>> {
        let begins = self.sees(&readings.from, fact);
        let ends = self.sees(&readings.to, fact);
        let said = spans_of(fact, place);
        (begins || ends || said.is_some()).then_some(Told { fact, begins, ends, said })
    }

    fn interval(
        &self,
        readings: &Readings,
        item: Option<u16>,
        counted: &Counted,
        about: &[&Told<'a>],
    ) -> Interval {
        let mut interval = Interval { item, from: None, to: None, settles: None, judged: None };
        interval.from = about.iter().filter(|told| told.begins).map(|told| told.when()).min();
        let Some(from) = interval.from else { return interval };
        let ends = about.iter().filter(|told| told.ends && told.when() >= from);
        let mut ends: Vec<&Told<'a>> = ends.copied().collect();
        ends.sort_by_key(|told| told.when());
        let end = match counted {
            // All of it has come with the last that was missing.
            Counted::Class(..) => {
                let shown = counted.shown(ends.iter().map(|told| told.fact), WHOLE.parts());
                let last = shown.events.last().filter(|_| shown.part.is_whole());
                last.and_then(|last| ends.iter().find(|told| told.fact.position == *last))
            }
            _ => ends.first(),
        };
        let Some(end) = end else { return interval };
        let to = end.when();
        interval.to = Some(to);
        let settles = end.fact.recorded_at.plus_ms(readings.settle.0);
        interval.settles = Some(settles);
        if settles < self.as_of || self.last {
            let said: Vec<&ReadingSpans> = about.iter().filter_map(|told| told.said).collect();
            let within: Span = (from.0, to.0);
            interval.judged = Some(judge(readings, &said, within));
        }
        interval
    }
}

/// A fact as a condition on readings sees it.
struct Told<'a> {
    fact: &'a Fact,
    /// Whether it looks like what begins the interval.
    begins: bool,
    /// Whether it looks like what ends it.
    ends: bool,
    said: Option<&'a ReadingSpans>,
}

impl Told<'_> {
    fn when(&self) -> (TimestampMs, Position) {
        (self.fact.event_time.min(self.fact.recorded_at), self.fact.position)
    }
}

fn spans_of(fact: &Fact, place: (u8, u8)) -> Option<&ReadingSpans> {
    let found = fact.readings.iter().find(|(milestone, number, _)| (*milestone, *number) == place);
    found.map(|(_, _, spans)| spans)
}

/// The business step of an inspection.
pub(super) const INSPECTING: &str = "inspecting";

/// The disposition that a finding is.
pub(super) fn disposition(finding: Finding) -> &'static str {
    match finding {
        Finding::Conformant => "conformant",
        Finding::NonConformant => "non_conformant",
    }
}

/// Whether an event looks like this, whoever recorded it.
pub(super) fn looks_like(sighting: &Sighting, fact: &Fact) -> bool {
    let is = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
    let place = sighting.place.is_none()
        || sighting.place == fact.read_point
        || sighting.place == fact.biz_location;
    is(&sighting.biz_step, &fact.biz_step)
        && is(&sighting.disposition, &fact.disposition)
        && sighting.event_type.is_none_or(|wanted| wanted == fact.event_type)
        && (sighting.action.is_none() || sighting.action == fact.action)
        && place
}

/// Whether an event is such an inspection, whoever recorded it.
pub(super) fn is_inspection(inspected: &Inspected, fact: &Fact) -> bool {
    let certified = match &inspected.certification {
        Some(wanted) => fact.certifications.contains(wanted),
        None => !fact.certifications.is_empty(),
    };
    certified
        && fact.biz_step.as_deref() == Some(INSPECTING)
        && fact.disposition.as_deref() == Some(disposition(inspected.finding))
}

/// A share of the goods: what holds when so much was shown.
fn shared(share: Share, shown: impl FnOnce(u32) -> Shown) -> Value {
    let enough = match share {
        Share::All | Share::ProRata => WHOLE.parts(),
        Share::AtLeast(percent) => percent.parts().max(1),
    };
    let shown = shown(enough);
    let (holds, part) = match share {
        Share::ProRata => (!shown.part.is_nothing(), shown.part),
        _ => (shown.part.reaches(enough), Part::WHOLE),
    };
    let events = shown.events.clone();
    Value { holds, part, events, next: None, state: State::Shown(shown) }
}

/// Conditions of which so many must hold.
fn together(of: &[Tree<'_>], count: usize) -> Value {
    let holds = of.iter().filter(|inner| inner.holds).count() >= count;
    let counted = of.iter().filter(|inner| inner.holds || !holds);
    // At most one of them counts pro rata.
    let part = of.iter().map(|inner| inner.part).find(|part| !part.is_whole());
    Value {
        holds,
        part: part.unwrap_or(Part::WHOLE),
        events: counted.flat_map(|inner| inner.events.iter().copied()).collect(),
        next: of.iter().filter_map(|inner| inner.next).min(),
        state: State::Plain,
    }
}
