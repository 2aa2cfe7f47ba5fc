//! What happened to one item: its own steps, and those of the containers it was in while it was.

use std::collections::BTreeMap;

use tracehold_chain::epcis::{Action, EventType};
use tracehold_chain::state::{ItemRole, Position};
use tracehold_chain::units::{Height, TimestampMs};

use super::told::{Left, Stay, Told};
use super::{MAX_SURROUNDINGS, TraceReader};
use crate::provenance::{AsOf, Basis, Judgement, MAX_PACKING_DEPTH, Mark, Step};

/// The stories of the containers that an item was ever in, by canonical identifier.
pub type Surroundings = BTreeMap<String, Told>;

/// One step of an item's story.
#[derive(Clone, Debug)]
pub struct Chapter<'a> {
    /// The step, of the item itself or of a container.
    pub step: &'a Step,
    /// What became of it.
    pub judgement: &'a Judgement,
    /// The containers it came through, from the inside out; none for the item's own steps.
    pub through: Vec<&'a str>,
}

/// Before everything.
const FIRST: Mark = Mark {
    time: TimestampMs(0),
    position: Position { height: Height(0), transaction: 0, event: 0 },
};

/// A span of a container's story: while something was inside, the events at both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Window {
    pub from: Mark,
    pub to: Option<Mark>,
}

impl Window {
    /// All of time.
    pub const ALL: Window = Window { from: FIRST, to: None };

    pub fn has(self, mark: Mark) -> bool {
        self.from <= mark && self.to.is_none_or(|to| mark <= to)
    }

    /// Whether everything of `other` is in this.
    fn covers(self, other: Window) -> bool {
        let ends_later = match (self.to, other.to) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(to), Some(other)) => other <= to,
        };
        self.from <= other.from && ends_later
    }

    /// What both have, if they have anything in common.
    pub fn within(self, other: Window) -> Option<Window> {
        let from = self.from.max(other.from);
        let to = match (self.to, other.to) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        to.is_none_or(|to| from <= to).then_some(Window { from, to })
    }

    pub fn of(stay: &Stay, left: Option<Left>) -> Window {
        Window { from: stay.joined, to: left.map(|left| left.mark) }
    }
}

/// Whether a container's step happened to what was inside: what else was packed in it or taken
/// out did not, unless sensors reported something with it.
pub(super) fn concerns_contents(step: &Step) -> bool {
    let packs = matches!(step.event_type, EventType::Aggregation | EventType::Association)
        && step.role == ItemRole::Parent
        && matches!(step.action, Some(Action::Add | Action::Delete));
    !packs || step.basis.has(Basis::SENSED) || step.basis.has(Basis::EMPTIES)
}

/// What happened to an item, in the order of the story. `around` gives the stories of containers.
#[must_use]
pub fn story<'a>(told: &'a Told, around: &dyn Fn(&str) -> Option<&'a Told>) -> Vec<Chapter<'a>> {
    let own = told.steps.iter().zip(&told.judgements);
    let own = own
        .map(|(step, judgement)| (step.mark(), Chapter { step, judgement, through: Vec::new() }));
    let mut gathering = Gathering { chapters: own.collect(), seen: BTreeMap::new() };
    let mut through = Vec::new();
    for stay in &told.stays {
        gathering.gather(stay, Window::ALL, around, &mut through);
    }
    gathering.chapters.into_values().collect()
}

/// The chapters found so far. A lot can be in many containers at once, and these in others: each
/// is gone through once for a span of time, not once for each way that leads to it.
struct Gathering<'a> {
    /// One for each event, through the fewest containers: an event that names the item and its
    /// container is the item's own.
    chapters: BTreeMap<Mark, Chapter<'a>>,
    /// The spans of each container that were gone through, and how deep.
    seen: BTreeMap<&'a str, Vec<(Window, usize)>>,
}

impl<'a> Gathering<'a> {
    fn gather(
        &mut self,
        stay: &'a Stay,
        within: Window,
        around: &dyn Fn(&str) -> Option<&'a Told>,
        through: &mut Vec<&'a str>,
    ) {
        let Some(container) = around(&stay.parent) else { return };
        let window = Window::of(stay, Told::end_of(stay, Some(container)));
        let Some(window) = window.within(within) else { return };
        if through.len() >= MAX_PACKING_DEPTH || through.contains(&stay.parent.as_str()) {
            return;
        }
        let depth = through.len().saturating_add(1);
        let seen = self.seen.entry(&stay.parent).or_default();
        if seen.iter().any(|(wider, known)| *known <= depth && wider.covers(window)) {
            return;
        }
        seen.push((window, depth));
        through.push(&stay.parent);
        for (step, judgement) in container.steps.iter().zip(&container.judgements) {
            let mark = step.mark();
            let is_news = |known: &Chapter<'_>| known.through.len() > depth;
            if window.has(mark)
                && concerns_contents(step)
                && self.chapters.get(&mark).is_none_or(is_news)
            {
                self.chapters.insert(mark, Chapter { step, judgement, through: through.clone() });
            }
        }
        for outer in &container.stays {
            self.gather(outer, window, around, through);
        }
        through.pop();
    }
}

/// Reads the stories of all containers that an item was ever in, but of those with more than
/// `most_steps` steps. Says whether these are all.
///
/// # Errors
/// When they cannot be read.
pub fn surroundings<R: TraceReader>(
    reader: &R,
    told: &Told,
    as_of: Option<AsOf>,
    most_steps: u64,
) -> Result<(Surroundings, bool), R::Error> {
    let mut around = Surroundings::new();
    let mut is_whole = true;
    let mut wanted: Vec<String> = told.stays.iter().map(|stay| stay.parent.clone()).collect();
    while let Some(uri) = wanted.pop() {
        if around.contains_key(&uri) || uri == told.uri {
            continue;
        }
        let length = reader.item(&uri)?.map_or(0, |record| record.log.count());
        if around.len() >= MAX_SURROUNDINGS || length > most_steps {
            is_whole = false;
            continue;
        }
        let Some(container) = Told::read(reader, &uri, as_of)? else { continue };
        wanted.extend(container.stays.iter().map(|stay| stay.parent.clone()));
        around.insert(uri, container);
    }
    Ok((around, is_whole))
}
