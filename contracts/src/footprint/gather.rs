//! From events to the [`Graph`] of one thing: which histories to read, and what they say.
//!
//! It begins with the thing that is asked for and reads on: what it was packed in, what it was made
//! of, and, where the mass of something that shares a load is not said, what is in that. Events
//! that were declared in error say nothing; what a recorder without standing says of a thing is a
//! claim.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tracehold_chain::epcis::{Action, Event, EventType, Level, Named, Role};
use tracehold_chain::state::Position;
use tracehold_chain::units::TimestampMs;

use super::graph::{Graph, Leg, Load, Made, Nature, Packing, Transformation};
use super::mass::{is_one, mass_of};
use super::reckon::{MAX_PACKING_LEVELS, MAX_TRANSFORMATION_LEVELS, Reckoner};
use crate::provenance::Mark;

/// Histories that are read for one footprint.
pub const MAX_HISTORIES: usize = 2_000;

/// Events of one thing that are read; of a longer history, the oldest.
pub const MAX_EVENTS_OF_A_THING: usize = 1_000;

/// Events that are read for one footprint.
pub const MAX_EVENTS: usize = 20_000;

/// Things packed by one event whose histories are read to know whether they were packed elsewhere
/// since, without being unpacked; of more, only unpacking tells.
pub const MAX_NEIGHBOURS: usize = 500;

/// Things that all these events together may name; whoever reads histories stops there.
pub const MAX_NAMES: usize = 200_000;

/// An event as one of the things it names has it on record.
#[derive(Clone, Debug)]
pub struct Told {
    /// Where it stands in the history.
    pub position: Position,
    /// When it was recorded.
    pub recorded_at: TimestampMs,
    /// The member that vouches for it.
    pub recorder: String,
    /// Whether that member had no say over the thing.
    pub is_claim: bool,
    /// What it says.
    pub event: Arc<Event>,
}

/// What is on record of a thing.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The events that name it.
    pub told: Vec<Told>,
    /// Whether there are more.
    pub has_more: bool,
}

/// Gives the history of a thing, by its canonical identifier: at most so many events.
pub type HistoryOf<'s, E> = &'s mut dyn FnMut(&str, usize) -> Result<History, E>;

/// Gives the events of a transformation that several events tell, by recorder and
/// transformationID, and whether these are all of them.
pub type PartsOf<'s, E> = &'s mut dyn FnMut(&str, &str) -> Result<(Vec<Told>, bool), E>;

/// Gives the net mass of a piece of a product in micrograms, by the canonical identifier of the
/// class.
pub type NetMassOf<'s, E> = &'s mut dyn FnMut(&str) -> Result<Option<u64>, E>;

/// Where histories and master data come from.
pub struct Sources<'s, E> {
    /// Of things.
    pub history: HistoryOf<'s, E>,
    /// Of transformations.
    pub transformation: PartsOf<'s, E>,
    /// Of products.
    pub net_mass: NetMassOf<'s, E>,
}

/// Why a history is read; later ones read on more than earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    /// To weigh it by what is in it, or to know where it went.
    Weigh,
    /// It carried what is asked for.
    Container,
    /// What it carried went into what is asked for.
    Story,
}

/// Gathers what is known of the way of `id`, a canonical identifier.
///
/// # Errors
/// What the sources fail with.
pub fn gather<E>(id: &str, sources: Sources<'_, E>) -> Result<Graph, E> {
    let mut gatherer = Gatherer {
        sources,
        net_masses: BTreeMap::new(),
        told: BTreeMap::new(),
        claims: BTreeSet::new(),
        voided: BTreeSet::new(),
        histories: BTreeMap::new(),
        parts: BTreeMap::new(),
        whole: BTreeSet::new(),
        reasons: BTreeMap::new(),
        queue: VecDeque::new(),
        later: VecDeque::new(),
        gives_off: false,
        cut: BTreeSet::new(),
    };
    gatherer.want(id, Purpose::Story, 0);
    // The way of the thing comes first, so that what is beside it cannot use the limits up. What is
    // beside it says how loads are shared: nothing is when nothing on the way gave anything off.
    while let Some((id, purpose, depth)) = gatherer.next() {
        gatherer.follow(&id, purpose, depth)?;
    }
    gatherer.graph()
}

struct Gatherer<'s, E> {
    sources: Sources<'s, E>,
    net_masses: BTreeMap<String, Option<u64>>,
    told: BTreeMap<Position, Told>,
    /// Events that are claims, for which thing.
    claims: BTreeSet<(Position, String)>,
    /// The eventIDs of events that were declared in error.
    voided: BTreeSet<String>,
    histories: BTreeMap<String, Vec<Position>>,
    /// The events of transformations that several events tell, by recorder and transformationID.
    parts: BTreeMap<(String, String), BTreeSet<Position>>,
    /// Those that were asked for.
    whole: BTreeSet<(String, String)>,
    reasons: BTreeMap<String, Purpose>,
    queue: VecDeque<(String, Purpose, usize)>,
    /// What is read after all that.
    later: VecDeque<(String, Purpose, usize)>,
    /// Whether an event on the way of the thing tells of something that gave off carbon dioxide.
    gives_off: bool,
    cut: BTreeSet<String>,
}

/// The recorder and transformationID of an event of a transformation that several tell.
fn part_of(told: &Told) -> Option<(String, String)> {
    let id = told.event.transformation_id()?;
    Some((told.recorder.clone(), id.to_owned()))
}

fn nature(thing: &Named) -> Nature {
    match thing.level {
        Level::Lot => Nature::Lot,
        Level::Class => Nature::Class,
        Level::Other if thing.by_class => Nature::Class,
        _ => Nature::One,
    }
}

fn parent_of(event: &Event) -> Option<&str> {
    let parent = event.identifiers().iter().find(|named| named.role == Role::Parent);
    parent.map(|parent| parent.uri.as_str())
}

/// The class that a thing is one of, for things with a GTIN.
fn class_of(uri: &str) -> Option<&str> {
    let value = uri.strip_prefix("https://id.gs1.org/01/")?;
    let length = value.find('/').unwrap_or(value.len());
    uri.get(..uri.len() - value.len() + length)
}

/// The moment after `mark`.
fn after(mark: Mark) -> Mark {
    let position = Position { event: mark.position.event.saturating_add(1), ..mark.position };
    Mark { position, ..mark }
}

impl<E> Gatherer<'_, E> {
    /// Has the history of `id` read, unless that was done for as good a reason.
    fn want(&mut self, id: &str, purpose: Purpose, depth: usize) {
        if self.reasons.get(id).is_some_and(|earlier| *earlier >= purpose) {
            return;
        }
        self.reasons.insert(id.to_owned(), purpose);
        let queue = if purpose == Purpose::Weigh { &mut self.later } else { &mut self.queue };
        queue.push_back((id.to_owned(), purpose, depth));
    }

    /// What is to be read next.
    fn next(&mut self) -> Option<(String, Purpose, usize)> {
        let next = self.queue.pop_front();
        if next.is_some() || self.later.is_empty() {
            return next;
        }
        self.gives_off |= self.told.values().any(|told| !told.event.activities().is_empty());
        if self.gives_off { self.later.pop_front() } else { None }
    }

    fn keep(&mut self, id: &str, told: Told) {
        if told.event.error_declaration().is_some()
            && let Some(event_id) = told.event.event_id()
        {
            self.voided.insert(event_id.to_owned());
        }
        if told.is_claim {
            self.claims.insert((told.position, id.to_owned()));
        }
        if let Some(key) = part_of(&told) {
            self.parts.entry(key).or_default().insert(told.position);
        }
        self.told.entry(told.position).or_insert(told);
    }

    /// Reads the history of a thing, once.
    fn read(&mut self, id: &str, purpose: Purpose) -> Result<Vec<Position>, E> {
        if let Some(known) = self.histories.get(id) {
            return Ok(known.clone());
        }
        let room = MAX_EVENTS.saturating_sub(self.told.len()).min(MAX_EVENTS_OF_A_THING);
        let full = self.histories.len() >= MAX_HISTORIES || room == 0;
        let history = match full {
            true => History { told: Vec::new(), has_more: true },
            false => (self.sources.history)(id, room)?,
        };
        // A thing that cannot be weighed is told at the load it shares.
        if history.has_more && purpose > Purpose::Weigh {
            self.cut.insert(id.to_owned());
        }
        let mut positions = Vec::with_capacity(history.told.len());
        for told in history.told {
            positions.push(told.position);
            self.keep(id, told);
        }
        self.histories.insert(id.to_owned(), positions.clone());
        Ok(positions)
    }

    /// Whether an event says something of `id` that counts.
    fn counts(&self, told: &Told, id: &str) -> bool {
        let void = told.event.event_id().is_some_and(|event_id| self.voided.contains(event_id));
        !void && !self.claims.contains(&(told.position, id.to_owned()))
    }

    fn net_mass(&mut self, uri: &str) -> Result<Option<u64>, E> {
        let Some(class) = class_of(uri) else { return Ok(None) };
        if let Some(known) = self.net_masses.get(class) {
            return Ok(*known);
        }
        let mass = (self.sources.net_mass)(class)?;
        self.net_masses.insert(class.to_owned(), mass);
        Ok(mass)
    }

    fn mass(&mut self, thing: &Named) -> Result<Option<u64>, E> {
        let each = self.net_mass(&thing.uri)?;
        Ok(mass_of(thing, each))
    }

    /// Has those read that can only be weighed by what is in them.
    fn weigh(&mut self, things: &[&Named]) -> Result<(), E> {
        for thing in things {
            if nature(thing) == Nature::One && self.mass(thing)?.is_none() {
                self.want(&thing.uri, Purpose::Weigh, 0);
            }
        }
        Ok(())
    }

    /// Reads on from what is on record of `id`.
    fn follow(&mut self, id: &str, purpose: Purpose, depth: usize) -> Result<(), E> {
        for position in self.read(id, purpose)? {
            let Some(told) = self.told.get(&position).cloned() else { continue };
            if !self.counts(&told, id) {
                continue;
            }
            let event = &told.event;
            let things = event.identifiers();
            let of = |role: Role| things.iter().filter(move |thing| thing.role == role);
            let is = |role: Role| of(role).any(|thing| thing.uri == id);
            match event.event_type() {
                EventType::Aggregation => {
                    let Some(parent) = parent_of(event) else { continue };
                    if parent == id {
                        let children: Vec<&Named> = of(Role::Child).collect();
                        self.weigh(&children)?;
                        let packs = event.action() == Some(Action::Add);
                        if packs && purpose > Purpose::Weigh && children.len() <= MAX_NEIGHBOURS {
                            for child in children.into_iter().filter(|child| is_one(child)) {
                                self.want(&child.uri, Purpose::Weigh, 0);
                            }
                        }
                    } else if is(Role::Child) && purpose > Purpose::Weigh {
                        self.want(parent, Purpose::Container, 0);
                    }
                }
                EventType::Transformation if purpose == Purpose::Story => {
                    self.whole_transformation(&told, id)?;
                    if is(Role::Output) && depth < MAX_TRANSFORMATION_LEVELS {
                        self.weigh(&of(Role::Output).collect::<Vec<_>>())?;
                        self.want_inputs(&told, depth)?;
                    }
                }
                _ => {
                    if purpose > Purpose::Weigh && is(Role::Epc) && !event.activities().is_empty() {
                        self.weigh(&of(Role::Epc).collect::<Vec<_>>())?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Has the inputs of a transformation read, of whichever of its events tells them.
    fn want_inputs(&mut self, told: &Told, depth: usize) -> Result<(), E> {
        let mut inputs = told.event.identifiers().to_vec();
        let parts = part_of(told).and_then(|key| self.parts.get(&key));
        for other in parts.into_iter().flatten().filter_map(|position| self.told.get(position)) {
            inputs.extend_from_slice(other.event.identifiers());
        }
        for input in inputs {
            if input.role == Role::Input && nature(&input) != Nature::Class {
                self.want(&input.uri, Purpose::Story, depth + 1);
            }
        }
        Ok(())
    }

    /// Reads the other events of a transformation that several tell. Of very many, the oldest are
    /// known by their sums only: then what `of` is made of is not all known.
    fn whole_transformation(&mut self, told: &Told, of: &str) -> Result<(), E> {
        let Some((recorder, id)) = part_of(told) else { return Ok(()) };
        if !self.whole.insert((recorder.clone(), id.clone())) {
            return Ok(());
        }
        let (parts, is_whole) = (self.sources.transformation)(&recorder, &id)?;
        if !is_whole {
            self.cut.insert(of.to_owned());
        }
        for other in parts {
            self.keep("", other);
        }
        Ok(())
    }

    /// What the events say, in the order of the story.
    fn graph(mut self) -> Result<Graph, E> {
        let mut graph = Graph { cut: self.cut.iter().cloned().collect(), ..Graph::default() };
        let mut story: Vec<(Mark, Told)> = Vec::new();
        for told in self.told.values() {
            let id = told.event.event_id().unwrap_or_default();
            if !self.voided.contains(id) {
                // As journals do: nobody can put himself at the end of a story by a date far ahead.
                let time = told.event.event_time().min(told.recorded_at);
                story.push((Mark { time, position: told.position }, told.clone()));
            }
        }
        story.sort_by_key(|(mark, _)| *mark);
        let mut open = OpenPackings::new();
        let mut joined: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (mark, told) in &story {
            let things = told.event.identifiers();
            let mut loads = Vec::with_capacity(things.len());
            for thing in things {
                let load = self.load(told, thing)?;
                if let Some(mass) =
                    self.net_mass(&thing.uri)?.filter(|_| load.nature == Nature::One)
                {
                    graph.masses.insert(load.id.clone(), mass);
                }
                loads.push((thing.role, load));
            }
            let of = |role: Role| {
                loads.iter().filter(move |(as_what, _)| *as_what == role).map(|(_, load)| load)
            };
            let mut of_transformation = None;
            match told.event.event_type() {
                EventType::Aggregation => {
                    if let Some(parent) = parent_of(&told.event) {
                        let counts = self.counts(told, parent);
                        let children: Vec<&Load> =
                            of(Role::Child).filter(|load| counts && !load.is_claim).collect();
                        let all = of(Role::Child).next().is_none() && counts;
                        pack(&mut graph, &mut open, *mark, told, parent, &children, all);
                    }
                }
                EventType::Object if told.event.action() == Some(Action::Delete) => {
                    for load in of(Role::Epc) {
                        end(&mut graph, &mut open, *mark, load);
                    }
                }
                EventType::Object if told.event.action() == Some(Action::Add) => {
                    for load in of(Role::Epc).filter(|load| load.nature == Nature::Lot) {
                        if !load.is_claim {
                            let (id, mass) = (load.id.clone(), load.mass);
                            graph.made.push(Made { id, mark: *mark, mass });
                        }
                    }
                }
                EventType::Transformation => {
                    for load in of(Role::Input) {
                        end(&mut graph, &mut open, *mark, load);
                    }
                    let inputs = of(Role::Input).cloned().collect();
                    let outputs = of(Role::Output).cloned().collect();
                    let index = transform(&mut graph, &mut joined, *mark, told, inputs, outputs);
                    of_transformation = Some(index);
                }
                _ => {}
            }
            self.legs(&mut graph, *mark, told, of_transformation, &of);
        }
        for ((_, id), index) in &joined {
            if let Some(transformation) = graph.transformations.get_mut(*index)
                && transformation.inputs.is_empty()
            {
                // What went in was told elsewhere, and is not known here.
                let input =
                    Load { id: id.clone(), nature: Nature::Class, mass: None, is_claim: false };
                transformation.inputs.push(input);
            }
        }
        self.silent_carriages(&mut graph, &story);
        Ok(graph)
    }

    fn load(&mut self, told: &Told, thing: &Named) -> Result<Load, E> {
        let nature = nature(thing);
        // One thing is weighed by its product data or by what is in it, wherever it is named.
        let mass = if is_one(thing) { None } else { self.mass(thing)? };
        let is_claim = self.claims.contains(&(told.position, thing.uri.clone()));
        Ok(Load { id: thing.uri.clone(), nature, mass, is_claim })
    }

    /// The activities of an event, about the things that it is about: of an aggregation, the
    /// container.
    fn legs<'l, I: Iterator<Item = &'l Load>>(
        &self,
        graph: &mut Graph,
        mark: Mark,
        told: &Told,
        of_transformation: Option<usize>,
        of: &dyn Fn(Role) -> I,
    ) {
        let activities = told.event.activities();
        if activities.is_empty() {
            return;
        }
        let parent = || {
            let uri = parent_of(&told.event)?;
            let is_claim = self.claims.contains(&(told.position, uri.to_owned()));
            Some(Load { id: uri.to_owned(), nature: Nature::One, mass: None, is_claim })
        };
        let loads: Vec<Load> = match told.event.event_type() {
            EventType::Transformation => Vec::new(),
            EventType::Aggregation | EventType::Association => match parent() {
                Some(parent) => vec![parent],
                None => of(Role::Child).cloned().collect(),
            },
            _ => {
                let named: Vec<Load> = of(Role::Epc).cloned().collect();
                if named.is_empty() { parent().into_iter().collect() } else { named }
            }
        };
        for (number, activity) in activities.into_iter().enumerate() {
            if let Some(transformation) = of_transformation
                && let Some(transformation) = graph.transformations.get_mut(transformation)
            {
                transformation.legs.push(graph.legs.len());
            }
            graph.legs.push(Leg {
                event_id: told.event.event_id().unwrap_or_default().to_owned(),
                number,
                mark,
                recorder: told.recorder.clone(),
                activity: Some(activity),
                loads: loads.clone(),
            });
        }
    }

    /// Adds an open leg for each carriage that has ended and of which no activity is told: a
    /// footprint must not look complete because nobody said anything. What is asked for and what it
    /// was made of is looked at, with what happened to the containers around it.
    fn silent_carriages(&self, graph: &mut Graph, story: &[(Mark, Told)]) {
        let mut seen = Happened {
            gatherer: self,
            by_position: story.iter().map(|entry| (entry.0.position, entry)).collect(),
            packing: BTreeMap::new(),
        };
        for packing in &graph.packing {
            seen.packing.entry(packing.child.as_str()).or_default().push(packing);
        }
        let mut reckoner = Reckoner::new(graph);
        let mut silent: Vec<Leg> = Vec::new();
        let asked = self.reasons.iter().filter(|(_, purpose)| **purpose == Purpose::Story);
        for (id, _) in asked {
            let mut happened = BTreeMap::new();
            let mut visited = Visited::new();
            seen.to(id, None, None, MAX_PACKING_LEVELS, &mut visited, &mut happened);
            let mut begun: Option<(Mark, &Told)> = None;
            let mut carriages: Vec<(Mark, &Told)> = Vec::new();
            let mut starts: Vec<Mark> = Vec::new();
            for (mark, told) in happened {
                let unpacks = told.event.event_type() == EventType::Aggregation
                    && told.event.action() == Some(Action::Delete);
                match told.event.biz_step() {
                    Some("shipping" | "departing" | "consigning" | "transporting")
                        if begun.is_none() =>
                    {
                        begun = Some((mark, told));
                        starts.push(mark);
                    }
                    Some("void_shipping") => begun = None,
                    Some(
                        "arriving" | "receiving" | "accepting" | "unloading" | "unpacking"
                        | "storing" | "stocking",
                    ) => carriages.extend(begun.take()),
                    _ if unpacks => carriages.extend(begun.take()),
                    _ => {}
                }
            }
            for (from, told) in carriages {
                let next = starts.iter().find(|start| **start > from).copied();
                if reckoner.has_transport(id, from, next) {
                    continue;
                }
                let id = id.clone();
                silent.push(Leg {
                    event_id: told.event.event_id().unwrap_or_default().to_owned(),
                    number: 0,
                    mark: from,
                    recorder: told.recorder.clone(),
                    activity: None,
                    loads: vec![Load { id, nature: Nature::One, mass: None, is_claim: false }],
                });
            }
        }
        graph.legs.extend(silent);
    }
}

/// Things and the spans of their stories that were looked through, and how many levels of packing
/// outwards.
type Visited<'h> = BTreeMap<(&'h str, Option<Mark>, Option<Mark>), usize>;

/// What happened to things, containers included.
struct Happened<'h, 's, E> {
    gatherer: &'h Gatherer<'s, E>,
    by_position: BTreeMap<Position, &'h (Mark, Told)>,
    packing: BTreeMap<&'h str, Vec<&'h Packing>>,
}

impl<'h, E> Happened<'h, '_, E> {
    /// What happened to `id` in a span of time, and to what it was in. A lot can be in many
    /// containers at once, and these in others: `visited` keeps the spans that were looked through,
    /// so that each is once, and not once for each way that leads to it.
    fn to(
        &self,
        id: &'h str,
        from: Option<Mark>,
        until: Option<Mark>,
        levels: usize,
        visited: &mut Visited<'h>,
        found: &mut BTreeMap<Mark, &'h Told>,
    ) {
        if visited.get(&(id, from, until)).is_some_and(|known| *known >= levels) {
            return;
        }
        visited.insert((id, from, until), levels);
        let own = self.gatherer.histories.get(id).into_iter().flatten();
        for (mark, told) in own.filter_map(|position| self.by_position.get(position)) {
            let within = from.is_none_or(|from| from <= *mark)
                && until.is_none_or(|until| *mark <= until)
                && told.event.event_type() != EventType::Transformation;
            if within && self.gatherer.counts(told, id) {
                found.insert(*mark, told);
            }
        }
        if levels == 0 {
            return;
        }
        for packing in self.packing.get(id).into_iter().flatten() {
            let from = from.map_or(packing.from, |from| from.max(packing.from));
            let until = match (until, packing.until) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            if until.is_none_or(|until| from <= until) {
                self.to(&packing.parent, Some(from), until, levels - 1, visited, found);
            }
        }
    }
}

/// What is in what just now: for each parent and child, its open packings.
type OpenPackings = BTreeMap<String, BTreeMap<String, Vec<usize>>>;

/// A thing that ends, or is used up, leaves whatever it was in.
fn end(graph: &mut Graph, open: &mut OpenPackings, mark: Mark, load: &Load) {
    if load.nature == Nature::One && !load.is_claim {
        for contents in open.values_mut() {
            for index in contents.remove(&load.id).unwrap_or_default() {
                if let Some(packing) = graph.packing.get_mut(index) {
                    packing.until = Some(mark);
                }
            }
        }
    }
}

/// Puts things into their container or takes them out.
fn pack(
    graph: &mut Graph,
    open: &mut OpenPackings,
    mark: Mark,
    told: &Told,
    parent: &str,
    children: &[&Load],
    all: bool,
) {
    let close = |packing: &mut Vec<Packing>, indexes: Vec<usize>| {
        for index in indexes {
            if let Some(packing) = packing.get_mut(index) {
                packing.until = Some(mark);
            }
        }
    };
    match told.event.action() {
        Some(Action::Add) => {
            for load in children {
                let one = load.nature == Nature::One;
                if one {
                    // A thing is in one container: packing it elsewhere takes it out.
                    for (other, contents) in open.iter_mut() {
                        if other != parent {
                            close(
                                &mut graph.packing,
                                contents.remove(&load.id).unwrap_or_default(),
                            );
                        }
                    }
                }
                let inside = open.entry(parent.to_owned()).or_default();
                let inside = inside.entry(load.id.clone()).or_default();
                if !one || inside.is_empty() {
                    inside.push(graph.packing.len());
                    graph.packing.push(Packing {
                        child: load.id.clone(),
                        mass: load.mass,
                        parent: parent.to_owned(),
                        from: mark,
                        until: None,
                    });
                }
            }
        }
        Some(Action::Delete) if all => {
            for indexes in open.remove(parent).unwrap_or_default().into_values() {
                close(&mut graph.packing, indexes);
            }
        }
        Some(Action::Delete) => {
            for load in children {
                let Some(contents) = open.get_mut(parent) else { continue };
                let indexes = contents.remove(&load.id).unwrap_or_default();
                let masses = indexes.iter().map(|index| graph.packing.get(*index)?.mass);
                let inside: Option<u64> = masses.sum();
                close(&mut graph.packing, indexes);
                // Of a batch, what is not taken out stays inside.
                let rest = inside.zip(load.mass).and_then(|(inside, out)| inside.checked_sub(out));
                if load.nature != Nature::One
                    && let Some(rest) = rest.filter(|rest| *rest > 0)
                {
                    contents.insert(load.id.clone(), vec![graph.packing.len()]);
                    graph.packing.push(Packing {
                        child: load.id.clone(),
                        mass: Some(rest),
                        parent: parent.to_owned(),
                        from: after(mark),
                        until: None,
                    });
                }
            }
        }
        _ => {}
    }
}

/// Adds a transformation, or more of one that several events tell.
fn transform(
    graph: &mut Graph,
    joined: &mut BTreeMap<(String, String), usize>,
    mark: Mark,
    told: &Told,
    inputs: Vec<Load>,
    outputs: Vec<Load>,
) -> usize {
    let fresh = graph.transformations.len();
    let index = match told.event.transformation_id() {
        Some(id) => *joined.entry((told.recorder.clone(), id.to_owned())).or_insert(fresh),
        None => fresh,
    };
    match graph.transformations.get_mut(index) {
        Some(known) => {
            known.mark = known.mark.max(mark);
            known.inputs.extend(inputs);
            known.outputs.extend(outputs);
        }
        None => {
            graph.transformations.push(Transformation { mark, inputs, outputs, legs: Vec::new() });
        }
    }
    index
}
