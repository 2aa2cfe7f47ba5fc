//! Which logs and events belong to the story of an item, worked out from the logs alone.
//!
//! Breadth first from the item's own log. An entry that packs it leads into the parent's log, for
//! as long as it was inside; an entry that made it leads to the logs of what went in. When it left
//! is taken from the item's own entries and from the parent's being emptied, never from the word of
//! whoever shows the logs. Entries of those without standing never take anything out; an entry
//! that was declared in error says nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{MAX_CONTAINER_LEVELS, MAX_EVIDENCE_LOGS, MAX_LOG_COUNT, MAX_LOG_ENTRIES, MAX_SPANS};
use crate::digest::Digest;
use crate::state::item_log::inputs_digest;
use crate::state::{ItemLeaf, Leads, Position};
use crate::units::TimestampMs;

/// Where something stands in the story ([`ItemLeaf::mark`]).
pub type Mark = (TimestampMs, Position);

/// What is shown of a log: the entries from an index to the head.
#[derive(Clone, Debug)]
pub struct Log {
    /// The index of the first entry.
    pub from: u64,
    /// Each entry, and the canonical identifiers that it leads to.
    pub entries: Vec<(ItemLeaf, Vec<String>)>,
}

impl Log {
    /// The first entry that is shown of a log of so many.
    #[must_use]
    pub fn first_shown(count: u64) -> u64 {
        if count > MAX_LOG_COUNT { count } else { count.saturating_sub(MAX_LOG_ENTRIES) }
    }
}

/// Where logs come from.
pub trait Logs {
    /// Why one cannot be given.
    type Error;

    /// The log of an item; `None` when there is none. Asked for once for each identifier, in the
    /// order of the walk.
    ///
    /// # Errors
    /// When it cannot be given.
    fn log(&mut self, id: &str) -> Result<Option<Log>, Self::Error>;

    /// The names of an entry are needed and are not there, or are others than the leaf says.
    fn names_missing(&self, id: &str, entry: usize) -> Self::Error;
}

/// Why the story goes on where the file does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CutReason {
    /// The older entries of a log are not shown.
    Older,
    /// What it was made of is not followed so far back.
    Inputs,
    /// Other events of the same process may say more of what went in.
    Joined,
    /// There are more logs than one file holds.
    Logs,
    /// Containers in containers, deeper than are followed.
    Deep,
}

impl CutReason {
    /// A word for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            CutReason::Older => "older",
            CutReason::Inputs => "inputs",
            CutReason::Joined => "joined",
            CutReason::Logs => "logs",
            CutReason::Deep => "deep",
        }
    }
}

/// A place where the story goes on and the file does not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// The item there.
    pub id: String,
    /// Why.
    pub reason: CutReason,
}

/// A span of time that something was in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The container.
    pub container: String,
    /// The indexes in the container's log of the first and the last entry of the span.
    pub range: Option<(u64, u64)>,
    /// Whether it ended by the container's being emptied, at that position.
    pub emptied: Option<Position>,
}

/// What belongs to the story.
#[derive(Clone, Debug, Default)]
pub struct Walked {
    /// The items whose logs belong to it, in the order of the walk.
    pub order: Vec<String>,
    /// The events that belong to it.
    pub events: BTreeMap<Position, Digest>,
    /// Where it goes on.
    pub cuts: BTreeSet<Cut>,
    /// How many levels of what it was made of were followed.
    pub levels: u8,
    /// The entries whose names were needed, by item and place among those shown.
    pub named: BTreeSet<(String, usize)>,
    /// The time in containers.
    pub spans: Vec<Span>,
    /// Items other than the first that were followed as what went in.
    pub inputs: usize,
}

enum Task {
    Story { id: String, level: u8 },
    Inside { container: String, from: Mark, to: Option<Mark>, depth: u8 },
}

struct Walk<'a, L> {
    logs: &'a mut L,
    levels: u8,
    known: BTreeMap<String, Option<Log>>,
    told: BTreeSet<String>,
    looked: BTreeMap<String, Vec<(Mark, Option<Mark>)>>,
    spans: usize,
    tasks: VecDeque<Task>,
    found: Walked,
}

/// Walks from the item `id`, back over so many levels of what it was made of.
///
/// # Errors
/// Whatever `logs` fails with.
pub fn walk<L: Logs>(logs: &mut L, id: &str, levels: u8) -> Result<Walked, L::Error> {
    let mut walk = Walk {
        logs,
        levels,
        known: BTreeMap::new(),
        told: BTreeSet::new(),
        looked: BTreeMap::new(),
        spans: 0,
        tasks: VecDeque::from([Task::Story { id: id.to_owned(), level: 0 }]),
        found: Walked::default(),
    };
    while let Some(task) = walk.tasks.pop_front() {
        match task {
            Task::Story { id, level } => walk.story(&id, level)?,
            Task::Inside { container, from, to, depth } => {
                walk.inside(&container, from, to, depth)?;
            }
        }
    }
    Ok(walk.found)
}

impl<L: Logs> Walk<'_, L> {
    /// Makes a log known; `false` when there is no room for it.
    fn open(&mut self, id: &str) -> Result<bool, L::Error> {
        if self.known.contains_key(id) {
            return Ok(true);
        }
        if self.known.len() >= MAX_EVIDENCE_LOGS {
            self.cut(id, CutReason::Logs);
            return Ok(false);
        }
        let log = self.logs.log(id)?;
        if log.as_ref().is_some_and(|log| log.from > 0) {
            self.cut(id, CutReason::Older);
        }
        self.found.order.push(id.to_owned());
        self.known.insert(id.to_owned(), log);
        Ok(true)
    }

    fn cut(&mut self, id: &str, reason: CutReason) {
        self.found.cuts.insert(Cut { id: id.to_owned(), reason });
    }

    fn story(&mut self, id: &str, level: u8) -> Result<(), L::Error> {
        if self.told.contains(id) || !self.open(id)? {
            return Ok(());
        }
        self.told.insert(id.to_owned());
        self.found.levels = self.found.levels.max(level);
        self.found.inputs = self.told.len().saturating_sub(1);
        let Some(Some(log)) = self.known.get(id) else { return Ok(()) };
        let voided = voided(log);
        for (leaf, _) in &log.entries {
            self.found.events.insert(leaf.position, leaf.event);
        }
        let mut inputs = Vec::new();
        let mut cuts = Vec::new();
        for (index, (leaf, names)) in log.entries.iter().enumerate() {
            let Leads::Made { inputs: digest, joined } = leaf.leads else { continue };
            if voided.contains(&leaf.position) {
                continue;
            }
            if joined {
                cuts.push(CutReason::Joined);
            }
            if digest == inputs_digest(&[]) {
                continue;
            }
            if level >= self.levels {
                cuts.push(CutReason::Inputs);
                continue;
            }
            let refs: Vec<&str> = names.iter().map(String::as_str).collect();
            if inputs_digest(&refs) != digest {
                return Err(self.logs.names_missing(id, index));
            }
            self.found.named.insert((id.to_owned(), index));
            inputs.extend(names.iter().cloned());
        }
        for reason in cuts {
            self.cut(id, reason);
        }
        for stay in self.stays(id)? {
            let (container, from, to) = (stay.parent, stay.joined, stay.left);
            self.tasks.push_back(Task::Inside { container, from, to, depth: 1 });
        }
        let level = level.saturating_add(1);
        self.tasks.extend(inputs.into_iter().map(|id| Task::Story { id, level }));
        Ok(())
    }

    fn inside(
        &mut self,
        container: &str,
        from: Mark,
        to: Option<Mark>,
        depth: u8,
    ) -> Result<(), L::Error> {
        if depth > MAX_CONTAINER_LEVELS {
            self.cut(container, CutReason::Deep);
            return Ok(());
        }
        if self.spans >= MAX_SPANS {
            self.cut(container, CutReason::Logs);
            return Ok(());
        }
        self.spans = self.spans.saturating_add(1);
        if !self.open(container)? {
            return Ok(());
        }
        let Some(Some(log)) = self.known.get(container) else { return Ok(()) };
        let voided = voided(log);
        let emptied = log.entries.iter().map(|(leaf, _)| leaf).filter(|leaf| {
            let later = leaf.mark() > from && to.is_none_or(|to| leaf.mark() < to);
            leaf.leads == Leads::Emptied && leaf.counts && later && !voided.contains(&leaf.position)
        });
        let emptied = emptied.map(ItemLeaf::mark).min();
        let to = emptied.or(to);
        let covers = |span: &(Mark, Option<Mark>)| {
            let ends_later = match (span.1, to) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(wider), Some(to)) => wider >= to,
            };
            span.0 <= from && ends_later
        };
        let looked = self.looked.entry(container.to_owned()).or_default();
        if looked.iter().any(covers) {
            return Ok(());
        }
        looked.push((from, to));
        let has = |mark: Mark| from <= mark && to.is_none_or(|to| mark <= to);
        let within: BTreeSet<Position> = log
            .entries
            .iter()
            .filter(|(leaf, _)| has(leaf.mark()))
            .map(|(leaf, _)| leaf.position)
            .collect();
        let mut range = None;
        for (index, (leaf, _)) in (log.from..).zip(&log.entries) {
            let corrects = matches!(leaf.leads, Leads::Voids(of) if within.contains(&of));
            if !within.contains(&leaf.position) && !corrects {
                continue;
            }
            range = Some(range.map_or((index, index), |(first, _)| (first, index)));
            if leaf.leads != Leads::Packing {
                self.found.events.insert(leaf.position, leaf.event);
            }
        }
        let emptied = emptied.map(|(_, position)| position);
        self.found.spans.push(Span { container: container.to_owned(), range, emptied });
        for stay in self.stays(container)? {
            let from = from.max(stay.joined);
            let to = match (to, stay.left) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            };
            if to.is_none_or(|to| from <= to) {
                let depth = depth.saturating_add(1);
                self.tasks.push_back(Task::Inside { container: stay.parent, from, to, depth });
            }
        }
        Ok(())
    }

    /// When an item was in which parent, as its own log says.
    fn stays(&mut self, id: &str) -> Result<Vec<Stay>, L::Error> {
        let Some(Some(log)) = self.known.get(id) else { return Ok(Vec::new()) };
        let voided = voided(log);
        let mut order: Vec<usize> = (0..log.entries.len()).collect();
        order.retain(|index| !voided.contains(&log.entries[*index].0.position));
        order.sort_by_key(|index| log.entries[*index].0.mark());
        let mut stays: Vec<Stay> = Vec::new();
        for index in order {
            let (leaf, names) = &log.entries[index];
            let mark = leaf.mark();
            let mut close = |of: &dyn Fn(&Stay) -> bool| {
                let open = stays.iter_mut().filter(|stay| stay.left.is_none() && of(stay));
                open.for_each(|stay| stay.left = Some(mark));
            };
            match leaf.leads {
                Leads::Into { parent, moves } => {
                    if moves && leaf.counts {
                        close(&|stay| stay.name != parent);
                    }
                    let uri = match names.as_slice() {
                        [uri] if crate::state::key::name_digest(uri) == parent => uri.clone(),
                        _ => return Err(self.logs.names_missing(id, index)),
                    };
                    self.found.named.insert((id.to_owned(), index));
                    // Also when it is in there already as far as its own log tells: the container
                    // may have been emptied in between, which only the container's log tells.
                    stays.push(Stay { parent: uri, name: parent, joined: mark, left: None });
                }
                Leads::OutOf { parent, whole } if whole && leaf.counts => {
                    close(&|stay| stay.name == parent);
                }
                Leads::Ended if leaf.counts => close(&|_| true),
                _ => {}
            }
        }
        Ok(stays)
    }
}

struct Stay {
    parent: String,
    name: Digest,
    joined: Mark,
    left: Option<Mark>,
}

/// The entries that were declared in error.
fn voided(log: &Log) -> BTreeSet<Position> {
    let voided = log.entries.iter().filter_map(|(leaf, _)| match leaf.leads {
        Leads::Voids(position) => Some(position),
        _ => None,
    });
    voided.collect()
}
