//! From item to item.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use tracehold_chain::epcis::{Action, EventType, Level, canonical};
use tracehold_chain::state::{ItemRole, Position};

use super::graph::{Cut, CutReason, Direction, EventNode, ItemNode, Link, Query, StayEdge, Trace};
use super::resolved::findings;
use super::story::{Window, concerns_contents};
use super::told::Told;
use super::{EventBody, MAX_CUTS, MAX_TRACE_STEPS, TraceReader, was_known};
use crate::provenance::{
    Amount, Basis, Correction, Facts, Judgement, LeftOut, MAX_PACKING_DEPTH, Standing, Step,
};

/// Follows an item through transformations and packing; `None` when nothing was known of it.
///
/// Going back leads from what came out of a transformation to what went in, going forward the
/// other way; both lead from a container to what was packed in it. From an item to its container
/// leads neither: the container is shown, with what happened to it while the item was inside.
///
/// # Errors
/// When something cannot be read.
pub fn trace<R: TraceReader>(reader: &R, query: Query) -> Result<Option<Trace>, R::Error> {
    let Some(root) = Told::read(reader, &query.id, query.as_of)? else { return Ok(None) };
    let (uri, direction) = (query.id.clone(), query.direction);
    let mut walk = Walk {
        reader,
        query,
        items: Vec::new(),
        steps: 0,
        places: BTreeMap::new(),
        events: BTreeMap::new(),
        links: Vec::new(),
        bodies: BTreeMap::new(),
        groups: BTreeMap::new(),
        sightings: 0,
        expanded: BTreeSet::new(),
        queue: VecDeque::new(),
        containers: BTreeMap::new(),
        cuts: BTreeMap::new(),
    };
    let root_level = canonical(&uri).level();
    let root = walk.add(uri, root_level, 0, Some(root));
    walk.go(root, direction);
    loop {
        while let Some((item, back, forward)) = walk.queue.pop_front() {
            walk.visit(item, back, forward)?;
        }
        walk.surround()?;
        if walk.queue.is_empty() {
            break;
        }
    }
    walk.tell_containers();
    walk.finish().map(Some)
}

/// The item that the trace begins with.
const ROOT: usize = 0;

/// Whether a step leads on to other things, says who has the item, or does not add up.
fn leads_on(step: &Step, judgement: &Judgement) -> bool {
    let begins_or_ends = matches!(step.action, Some(Action::Add | Action::Delete));
    let moves = matches!(
        step.biz_step.as_deref(),
        Some("shipping" | "departing" | "consigning" | "void_shipping")
            | Some("receiving" | "arriving" | "accepting")
    );
    begins_or_ends
        || moves
        || step.event_type == EventType::Transformation
        || step.correction.is_some()
        || judgement.left_out.is_some()
        || !step.anomalies.union(judgement.anomalies).is_empty()
}

/// An item on the way.
struct Item {
    node: ItemNode,
    /// Directions in which the walk went or will go from here.
    back: bool,
    forward: bool,
    /// Whether its own steps are in the graph.
    is_told: bool,
}

/// What a container had inside of what is traced.
#[derive(Default)]
struct Container {
    windows: BTreeSet<Window>,
    /// Windows of what is traced forward, with its depth.
    forward: BTreeSet<(Window, u8)>,
}

struct Walk<'r, R: TraceReader> {
    reader: &'r R,
    query: Query,
    items: Vec<Item>,
    /// Steps of all their journals together.
    steps: usize,
    places: BTreeMap<String, usize>,
    events: BTreeMap<Position, EventNode>,
    links: Vec<(Position, Link)>,
    bodies: BTreeMap<Position, Option<Rc<EventBody>>>,
    /// The events of one transformation, by each of them.
    groups: BTreeMap<Position, Rc<Vec<Position>>>,
    /// Events that only say that something was seen.
    sightings: usize,
    /// Events whose one side was followed in a direction.
    expanded: BTreeSet<(Position, ItemRole, Direction)>,
    queue: VecDeque<(usize, bool, bool)>,
    containers: BTreeMap<usize, Container>,
    cuts: BTreeMap<(usize, CutReason), (bool, bool, u64)>,
}

/// Something that an event names.
struct Named {
    uri: String,
    level: Level,
    role: ItemRole,
    amounts: Vec<Amount>,
    has_log: bool,
}

impl<R: TraceReader> Walk<'_, R> {
    /// Whether no further item can be taken in.
    fn is_full(&self) -> bool {
        self.items.len() >= self.query.items || self.steps >= MAX_TRACE_STEPS
    }

    fn add(&mut self, uri: String, level: Level, depth: u8, told: Option<Told>) -> usize {
        self.steps = self.steps.saturating_add(told.as_ref().map_or(0, |told| told.steps.len()));
        let place = self.items.len();
        self.places.insert(uri.clone(), place);
        let way = Direction::Both;
        let (is_container, events_left_out) = (false, 0);
        let node = ItemNode { uri, level, depth, is_container, way, events_left_out, told };
        self.items.push(Item { node, back: false, forward: false, is_told: false });
        place
    }

    /// Goes on from an item, unless the walk has been there in this direction.
    fn go(&mut self, item: usize, direction: Direction) {
        let known = &mut self.items[item];
        let back = direction.is_back() && !known.back;
        let forward = direction.is_forward() && !known.forward;
        known.node.is_container = false;
        if back || forward {
            known.back |= back;
            known.forward |= forward;
            self.queue.push_back((item, back, forward));
        }
    }

    fn cut(&mut self, item: usize, reason: CutReason, direction: Direction, left_out: u64) {
        let cut = self.cuts.entry((item, reason)).or_default();
        cut.0 |= direction.is_back();
        cut.1 |= direction.is_forward();
        cut.2 = cut.2.saturating_add(left_out);
    }

    fn body(&mut self, position: Position) -> Result<Option<Rc<EventBody>>, R::Error> {
        if let Some(known) = self.bodies.get(&position) {
            return Ok(known.clone());
        }
        let body = self.reader.event(position)?;
        let body = body.filter(|body| was_known(self.query.as_of, position, body)).map(Rc::new);
        self.bodies.insert(position, body.clone());
        Ok(body)
    }

    /// Puts an item's own steps into the graph and follows them.
    fn visit(&mut self, item: usize, back: bool, forward: bool) -> Result<(), R::Error> {
        let is_new = !std::mem::replace(&mut self.items[item].is_told, true);
        let Some(told) = self.items[item].node.told.take() else { return Ok(()) };
        let way = match (back, forward) {
            (true, true) => Direction::Both,
            (true, false) => Direction::Back,
            _ => Direction::Forward,
        };
        if is_new && !told.is_whole {
            self.cut(item, CutReason::Journal, way, 0);
        }
        for (index, (step, judgement)) in told.steps.iter().zip(&told.judgements).enumerate() {
            if is_new && !self.tell(item, &told, index, way) {
                continue;
            }
            if !is_new && !self.events.contains_key(&step.position) {
                continue;
            }
            if judgement.left_out.is_none() && judgement.standing != Standing::Claim {
                self.follow(item, step, (back, forward))?;
            }
        }
        self.items[item].node.told = Some(told);
        Ok(())
    }

    /// Puts one step of an item into the graph, if there is room.
    fn tell(&mut self, item: usize, told: &Told, index: usize, way: Direction) -> bool {
        let (step, judgement) = (&told.steps[index], &told.judgements[index]);
        let is_known = self.events.contains_key(&step.position);
        if !is_known && item != ROOT && !leads_on(step, judgement) {
            if self.sightings >= self.query.sightings {
                self.items[item].node.events_left_out += 1;
                self.cut(ROOT, CutReason::Sightings, self.query.direction, 1);
                return false;
            }
            self.sightings += 1;
        }
        if !self.has_event(step, judgement) {
            self.items[item].node.events_left_out += 1;
            self.cut(item, CutReason::Events, way, 1);
            return false;
        }
        let findings = findings(told, index);
        let link = Link {
            item,
            event: 0,
            role: step.role,
            standing: judgement.standing,
            amounts: step.amounts.clone(),
            findings,
        };
        self.links.push((step.position, link));
        true
    }

    /// Whether the event of a step is in the graph, now at least.
    fn has_event(&mut self, step: &Step, judgement: &Judgement) -> bool {
        let voided_by = match judgement.left_out {
            Some(LeftOut::Voided(by)) => Some(by),
            _ => None,
        };
        if let Some(known) = self.events.get_mut(&step.position) {
            known.voided_by = known.voided_by.or(voided_by);
            return true;
        }
        if self.events.len() >= self.query.events {
            return false;
        }
        let node = EventNode {
            position: step.position,
            digest: step.event,
            event_id: None,
            event_type: step.event_type,
            action: step.action,
            happened: step.event_time,
            recorded: step.recorded_at,
            recorder: step.recorder.clone(),
            biz_step: step.biz_step.clone(),
            disposition: step.disposition.clone(),
            read_point: step.read_point.clone(),
            biz_location: step.biz_location.clone(),
            from: step.from.clone(),
            to: step.to.clone(),
            voided_by,
            corrects: match step.correction {
                Some(Correction::Voids(original)) => Some(original),
                _ => None,
            },
            is_sensed: step.basis.has(Basis::SENSED),
        };
        self.events.insert(step.position, node);
        true
    }

    fn follow(
        &mut self,
        item: usize,
        step: &Step,
        (back, forward): (bool, bool),
    ) -> Result<(), R::Error> {
        let is = |role| step.role == role || step.amounts.iter().any(|a| a.role == role);
        match step.event_type {
            EventType::Transformation => {
                if forward && is(ItemRole::Input) {
                    self.expand(item, step.position, ItemRole::Output, Direction::Forward)?;
                }
                if back && is(ItemRole::Output) {
                    self.expand(item, step.position, ItemRole::Input, Direction::Back)?;
                }
            }
            EventType::Aggregation | EventType::Association
                if step.role == ItemRole::Parent && step.action == Some(Action::Add) =>
            {
                let way = match (back, forward) {
                    (true, true) => Direction::Both,
                    (true, false) => Direction::Back,
                    _ => Direction::Forward,
                };
                self.expand(item, step.position, ItemRole::Child, way)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Goes to everything that an event, or those joined with it, names in a role.
    fn expand(
        &mut self,
        item: usize,
        position: Position,
        role: ItemRole,
        way: Direction,
    ) -> Result<(), R::Error> {
        let events = match role {
            ItemRole::Child => Rc::new(vec![position]),
            _ => self.joined(item, position, way)?,
        };
        let depth = self.items[item].node.depth;
        for position in events.iter() {
            let Some(body) = self.body(*position)? else { continue };
            // Whoever comes later comes from at least as far.
            if !self.expanded.insert((*position, role, way)) {
                continue;
            }
            let named = named(&body.facts, role);
            if depth >= self.query.depth {
                let unknown = named.iter().filter(|n| !self.places.contains_key(&n.uri)).count();
                if unknown > 0 {
                    self.cut(item, CutReason::Depth, way, unknown as u64);
                }
                continue;
            }
            for named in named {
                self.reach(item, *position, &body, named, way)?;
            }
        }
        Ok(())
    }

    /// Goes to one thing that an event names.
    fn reach(
        &mut self,
        from: usize,
        position: Position,
        body: &EventBody,
        named: Named,
        way: Direction,
    ) -> Result<(), R::Error> {
        let place = match self.places.get(&named.uri) {
            Some(place) => *place,
            None if self.is_full() => {
                self.cut(from, CutReason::Items, way, 1);
                return Ok(());
            }
            None => {
                let depth = self.items[from].node.depth.saturating_add(1);
                let told = match named.has_log {
                    true => Told::read(self.reader, &named.uri, self.query.as_of)?,
                    false => None,
                };
                self.add(named.uri, named.level, depth, told)
            }
        };
        if !named.has_log && self.has_event_of(position, body) {
            // A class has no journal: what the event says of it is all there is.
            let link = Link {
                item: place,
                event: 0,
                role: named.role,
                standing: Standing::Owner,
                amounts: named.amounts,
                findings: Vec::new(),
            };
            self.links.push((position, link));
        }
        self.go(place, way);
        Ok(())
    }

    fn has_event_of(&mut self, position: Position, body: &EventBody) -> bool {
        if self.events.contains_key(&position) {
            return true;
        }
        if self.events.len() >= self.query.events {
            return false;
        }
        let telling = &body.facts.telling;
        let node = EventNode {
            position,
            digest: body.digest,
            event_id: Some(body.facts.event_id.clone()),
            event_type: telling.event_type,
            action: telling.action,
            happened: telling.event_time,
            recorded: body.recorded_at,
            recorder: body.recorder.clone(),
            biz_step: telling.biz_step.clone(),
            disposition: telling.disposition.clone(),
            read_point: telling.read_point.clone(),
            biz_location: telling.biz_location.clone(),
            from: None,
            to: None,
            voided_by: None,
            corrects: None,
            is_sensed: !telling.readings.is_empty(),
        };
        self.events.insert(position, node);
        true
    }

    /// The events of the transformation that this event is part of.
    fn joined(
        &mut self,
        item: usize,
        position: Position,
        way: Direction,
    ) -> Result<Rc<Vec<Position>>, R::Error> {
        if let Some(known) = self.groups.get(&position) {
            return Ok(Rc::clone(known));
        }
        let mut group = vec![position];
        if let Some(body) = self.body(position)?
            && let Some(id) = &body.facts.telling.transformation_id
        {
            let (others, has_more) = self.reader.transformation(&body.recorder, id)?;
            if has_more {
                self.cut(item, CutReason::Joined, way, 0);
            }
            group.extend(others.into_iter().filter(|other| *other != position));
            group.sort_unstable();
        }
        let group = Rc::new(group);
        for position in group.iter() {
            self.groups.insert(*position, Rc::clone(&group));
        }
        Ok(group)
    }

    /// Finds the containers around what was visited, and follows those that were used up.
    fn surround(&mut self) -> Result<(), R::Error> {
        let inner: Vec<usize> =
            (0..self.items.len()).filter(|item| self.items[*item].is_told).collect();
        let mut wanted: BTreeMap<String, Container> = BTreeMap::new();
        for item in inner {
            self.want(item, Window::ALL, self.items[item].forward, &mut wanted)?;
        }
        for _ in 0..MAX_PACKING_DEPTH {
            if wanted.is_empty() {
                break;
            }
            let mut outer = BTreeMap::new();
            for (uri, container) in std::mem::take(&mut wanted) {
                self.enter(&uri, container, &mut outer)?;
            }
            wanted = outer;
        }
        Ok(())
    }

    /// Asks for the containers that an item was in during a window.
    fn want(
        &mut self,
        item: usize,
        within: Window,
        forward: bool,
        wanted: &mut BTreeMap<String, Container>,
    ) -> Result<(), R::Error> {
        let depth = self.items[item].node.depth;
        let Some(told) = self.items[item].node.told.take() else { return Ok(()) };
        for stay in &told.stays {
            if !self.places.contains_key(&stay.parent) {
                if self.is_full() {
                    self.cut(item, CutReason::Items, self.query.direction, 1);
                    continue;
                }
                let container = Told::read(self.reader, &stay.parent, self.query.as_of)?;
                let level = canonical(&stay.parent).level();
                let place = self.add(stay.parent.clone(), level, depth, container);
                self.items[place].node.is_container = true;
            }
            let place = self.places[&stay.parent];
            let left = Told::end_of(stay, self.items[place].node.told.as_ref());
            if let Some(window) = Window::of(stay, left).within(within) {
                let container = wanted.entry(stay.parent.clone()).or_default();
                container.windows.insert(window);
                if forward {
                    container.forward.insert((window, depth));
                }
            }
        }
        self.items[item].node.told = Some(told);
        Ok(())
    }

    /// Notes what was inside a container, asks for what is around it, and follows it when it was
    /// used up with what was inside.
    fn enter(
        &mut self,
        uri: &str,
        found: Container,
        outer: &mut BTreeMap<String, Container>,
    ) -> Result<(), R::Error> {
        let Some(place) = self.places.get(uri).copied() else { return Ok(()) };
        let known = self.containers.entry(place).or_default();
        let windows: Vec<Window> =
            found.windows.into_iter().filter(|window| known.windows.insert(*window)).collect();
        let forward: Vec<(Window, u8)> =
            found.forward.into_iter().filter(|window| known.forward.insert(*window)).collect();
        for window in joined_windows(windows) {
            self.want(place, window, false, outer)?;
        }
        let Some(told) = self.items[place].node.told.take() else { return Ok(()) };
        for (window, depth) in forward {
            let used_up = told.steps.iter().zip(&told.judgements).filter(|(step, judgement)| {
                step.event_type == EventType::Transformation
                    && step.role == ItemRole::Input
                    && judgement.left_out.is_none()
                    && judgement.standing != Standing::Claim
                    && window.has(step.mark())
            });
            for (step, judgement) in used_up {
                let before = self.items[place].node.depth;
                self.items[place].node.depth = depth;
                if self.has_event(step, judgement) {
                    let way = Direction::Forward;
                    self.expand(place, step.position, ItemRole::Output, way)?;
                }
                self.items[place].node.depth = before;
            }
        }
        self.items[place].node.told = Some(told);
        Ok(())
    }

    /// Puts what happened to containers while something was inside into the graph.
    fn tell_containers(&mut self) {
        let way = self.query.direction;
        for (place, container) in std::mem::take(&mut self.containers) {
            if self.items[place].is_told {
                continue;
            }
            let Some(told) = self.items[place].node.told.take() else { continue };
            if !told.is_whole {
                self.cut(place, CutReason::Journal, way, 0);
            }
            let windows = joined_windows(container.windows.into_iter().collect());
            for (index, step) in told.steps.iter().enumerate() {
                let known = self.events.contains_key(&step.position);
                if known || (concerns_contents(step) && is_within(&windows, step)) {
                    self.tell(place, &told, index, way);
                }
            }
            self.items[place].node.told = Some(told);
        }
    }

    fn finish(mut self) -> Result<Trace, R::Error> {
        let stays = self.stays();
        let mut events: Vec<EventNode> = std::mem::take(&mut self.events).into_values().collect();
        // The block log is read in its own order: neighbours stand in one transaction.
        for event in &mut events {
            if event.event_id.is_none() {
                event.event_id = match self.bodies.get(&event.position) {
                    Some(Some(body)) => Some(body.facts.event_id.clone()),
                    _ => self.reader.event_id(event.position)?,
                };
            }
        }
        events.sort_by_key(EventNode::mark);
        let order: BTreeMap<Position, usize> =
            events.iter().enumerate().map(|(place, event)| (event.position, place)).collect();
        let links = std::mem::take(&mut self.links).into_iter();
        let mut links: Vec<Link> = links
            .filter_map(|(position, link)| Some(Link { event: *order.get(&position)?, ..link }))
            .collect();
        links.sort_by_key(|link| (link.event, link.item));
        links.dedup_by_key(|link| (link.event, link.item));
        let cut_count = self.cuts.len();
        let cuts = std::mem::take(&mut self.cuts).into_iter().take(MAX_CUTS);
        let cuts = cuts.map(|((item, reason), (back, forward, left_out))| {
            let direction = match (back, forward) {
                (true, true) => Direction::Both,
                (true, false) => Direction::Back,
                _ => Direction::Forward,
            };
            Cut { item, reason, direction, left_out }
        });
        let cuts = cuts.collect();
        let direction = self.query.direction;
        let node = |item: Item| {
            let way = match (item.back, item.forward) {
                (true, false) => Direction::Back,
                (false, true) => Direction::Forward,
                (true, true) => Direction::Both,
                (false, false) => direction,
            };
            ItemNode { way, ..item.node }
        };
        let items = self.items.into_iter().map(node).collect();
        Ok(Trace { query: self.query, items, events, links, stays, cuts, cut_count })
    }

    fn stays(&self) -> Vec<StayEdge> {
        let mut edges = Vec::new();
        for (item, known) in self.items.iter().enumerate() {
            let Some(told) = &known.node.told else { continue };
            for stay in &told.stays {
                let Some(container) = self.places.get(&stay.parent).copied() else { continue };
                let mut stay = stay.clone();
                let around = self.items[container].node.told.as_ref();
                stay.left = Told::end_of(&stay, around);
                edges.push(StayEdge { item, container, stay });
            }
        }
        edges
    }
}

/// Windows that touch as one, in their order.
fn joined_windows(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_unstable();
    let mut joined: Vec<Window> = Vec::new();
    for window in windows {
        match joined.last_mut() {
            Some(last) if last.to.is_none_or(|to| window.from <= to) => {
                last.to = match (last.to, window.to) {
                    (Some(one), Some(two)) => Some(one.max(two)),
                    _ => None,
                };
            }
            _ => joined.push(window),
        }
    }
    joined
}

/// Whether the step lies in one of these windows, which are apart and in order.
fn is_within(windows: &[Window], step: &Step) -> bool {
    let mark = step.mark();
    let after = windows.partition_point(|window| window.from <= mark);
    after.checked_sub(1).and_then(|last| windows.get(last)).is_some_and(|window| window.has(mark))
}

/// What an event names in a role.
fn named(facts: &Facts, role: ItemRole) -> Vec<Named> {
    let is = |item: &&crate::provenance::NamedItem| {
        item.role == role || item.amounts.iter().any(|amount| amount.role == role)
    };
    facts
        .items
        .iter()
        .filter(is)
        .map(|item| Named {
            uri: item.named.uri.clone(),
            level: item.named.level,
            role,
            amounts: item.amounts.clone(),
            has_log: item.has_log,
        })
        .collect()
}
