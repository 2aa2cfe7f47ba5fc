//! What a recall reaches: the forward trace of everything it names, without an end.
//!
//! An item is affected when
//!
//! 1. the recall names it, or it is of a product that the recall names;
//! 2. it came out of a transformation into which something affected went, or of one of the same
//!    transformationID;
//! 3. it was packed in something affected;
//! 4. it came out of a transformation that used up a container while something affected was
//!    inside, however deep.
//!
//! Claims of those without standing and what was declared wrong lead nowhere. A container is not
//! affected by what is in it: it *holds* what is affected, and so do the containers around it.
//!
//! What was in what in former times matters for the fourth rule only. While no container was ever
//! used up, of things that hold nothing and were not used up themselves only what is known of them
//! now is read: that is most of what a recall reaches, and their journals are most of what would be
//! read.
//!
//! [`Affected`] is grown once and then follows the ledger: told which items new events name, it
//! looks at those again ([`Affected::follow`]). What it keeps of an item is a [`Look`]; where it
//! reads from is [`Goods`], which is asked for many things at once and may read them side by side.

mod look;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use tracehold_chain::epcis::{EventType, Level, canonical};
use tracehold_chain::state::{ItemRole, Position};
use tracehold_chain::units::MemberId;

pub use look::{Look, Now, StayOf};
pub use rows::{Row, Rows};

use crate::provenance::MAX_PACKING_DEPTH;
use crate::provenance::trace::{EventBody, TraceReader};

/// Items that one recall is followed to; the list says when there are more.
pub const MAX_AFFECTED: usize = 1_000_000;

/// Items and events that are asked for at once: many, so that whoever reads them can do so in the
/// order in which they are stored.
const BATCH: usize = 65_536;

/// Where the list of affected things reads from.
pub trait Goods {
    /// Why something cannot be read.
    type Error;

    /// What the journals of these items say, in the order given; `None` of what has none. Unless
    /// `whole` is asked for, what is known of it now ([`Look::of_now`]) will do for an item of
    /// which no event says that anything was in it or that it was used up.
    ///
    /// # Errors
    /// When they cannot be read.
    fn looks(&self, uris: &[String], whole: bool) -> Result<Vec<Option<Box<Look>>>, Self::Error>;

    /// Whether anything that things were ever in may have been used up: whether events say both of
    /// one thing.
    ///
    /// # Errors
    /// When it cannot be read.
    fn uses_up_containers(&self) -> Result<bool, Self::Error>;

    /// What these flows lead to, in the order given (see [`reached`]).
    ///
    /// # Errors
    /// When they cannot be read.
    fn reached(&self, flows: &[Flow]) -> Result<Vec<Reached>, Self::Error>;

    /// Every item on record of a product, by the product's canonical identifier; and the flows
    /// from the product itself where an event names it without lot or serial.
    ///
    /// # Errors
    /// When they cannot be read.
    fn of_product(&self, class: &str) -> Result<(Vec<String>, Vec<Flow>), Self::Error>;
}

/// That something goes on from an item in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// The event.
    pub position: Position,
    /// As what the event names the things that are reached.
    pub role: ItemRole,
}

/// Several events that are one transformation: who recorded them, and their transformationID.
pub type Process = (MemberId, String);

/// What a flow leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Canonical identifiers, each with which level of goods it is.
    pub things: Vec<(String, Level)>,
    /// The transformation that its event is a part of; what comes out of other parts is reached
    /// too.
    pub process: Option<Process>,
}

/// What a flow leads to: the canonical identifiers that its event names in the role, and those of
/// the events that belong to the same transformation.
///
/// # Errors
/// When something cannot be read.
pub fn reached<R: TraceReader>(reader: &R, flow: Flow) -> Result<Reached, R::Error> {
    let Some(body) = reader.event(flow.position)? else { return Ok(Reached::default()) };
    let mut things = named(&body, flow.role);
    let mut process = None;
    let telling = &body.facts.telling;
    if let (EventType::Transformation, Some(id)) = (telling.event_type, &telling.transformation_id)
    {
        let (events, _) = reader.transformation(&body.recorder, id)?;
        for position in events.into_iter().filter(|other| *other != flow.position) {
            if let Some(body) = reader.event(position)? {
                things.extend(named(&body, flow.role));
            }
        }
        process = Some((body.recorder.clone(), id.clone()));
    }
    Ok(Reached { things, process })
}

fn named(body: &EventBody, role: ItemRole) -> Vec<(String, Level)> {
    let items =
        body.facts.items.iter().filter(|item| {
            item.role == role || item.amounts.iter().any(|amount| amount.role == role)
        });
    items.map(|item| (item.named.uri.clone(), item.named.level)).collect()
}

/// How something is affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The recall names it.
    Named,
    /// It is of a product that the recall names.
    OfProduct,
    /// It was made of something affected.
    Made,
    /// It was packed in something affected.
    Packed,
    /// It is not affected and holds what is.
    Holds,
}

impl How {
    /// A word for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            How::Named => "named",
            How::OfProduct => "of_product",
            How::Made => "made_from",
            How::Packed => "packed_in",
            How::Holds => "holds",
        }
    }
}

/// Something affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its canonical identifier.
    pub uri: String,
    /// Which level of goods it is.
    pub level: Level,
    /// How it is affected; the first that was found.
    pub how: How,
    /// The place in the list of what it was made of or packed in.
    pub from: Option<usize>,
    /// The event that made or packed it.
    pub via: Option<Position>,
    /// What its journal says; nothing of a product, or of what no event names.
    pub look: Option<Box<Look>>,
}

/// Everything that a recall reaches.
#[derive(Clone, Debug)]
pub struct Affected {
    named: Vec<String>,
    products: BTreeSet<String>,
    entries: Vec<Entry>,
    places: BTreeMap<String, usize>,
    /// Flows that were followed.
    followed: BTreeSet<Flow>,
    /// The transformations of several events that were followed, with what led there first.
    processes: BTreeMap<Process, usize>,
    /// The containers that anything in the list was ever in, and those around them.
    around: BTreeMap<String, Option<Box<Look>>>,
    /// Whether there is more than [`MAX_AFFECTED`].
    is_cut: bool,
    /// Whether whole journals are read, because containers were used up.
    whole: bool,
}

impl Affected {
    /// Finds all that a recall of these things reaches.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn by<G: Goods>(goods: &G, named: &[String]) -> Result<Affected, G::Error> {
        let mut found = Affected {
            named: named.to_vec(),
            products: BTreeSet::new(),
            entries: Vec::new(),
            places: BTreeMap::new(),
            followed: BTreeSet::new(),
            processes: BTreeMap::new(),
            around: BTreeMap::new(),
            is_cut: false,
            whole: goods.uses_up_containers()?,
        };
        let mut next: Vec<usize> =
            named.iter().filter_map(|uri| found.add(uri, How::Named, None, None)).collect();
        let mut flows = Vec::new();
        for (at, uri) in named.iter().enumerate() {
            if canonical(uri).level() == Level::Class {
                found.products.insert(uri.clone());
                let (items, more) = goods.of_product(uri)?;
                let add = |uri: &String| found.add(uri, How::OfProduct, Some(at), None);
                next.extend(items.iter().filter_map(add));
                flows.extend(more.into_iter().map(|flow| (at, flow)));
            }
        }
        next.extend(found.go(goods, &flows)?);
        found.grow(goods, next)?;
        Ok(found)
    }

    /// Looks again at what new events named. `touched` are the canonical identifiers with the
    /// product of each and, for what was named without lot or serial, the flow from it. Says
    /// whether anything changed.
    ///
    /// # Errors
    /// When something cannot be read; the list is then as it was or a part of what it will be, and
    /// has to be found anew.
    pub fn follow<G: Goods>(&mut self, goods: &G, touched: &[Touched]) -> Result<bool, G::Error> {
        if !self.whole && !touched.is_empty() && goods.uses_up_containers()? {
            return self.start_over(goods);
        }
        let mut again = BTreeSet::new();
        let (mut containers, mut fresh, mut flows) = (BTreeSet::new(), Vec::new(), Vec::new());
        for one in touched {
            if let Some(from) = one.part_of.as_ref().and_then(|of| self.processes.get(of)) {
                if one.is_correction {
                    return self.start_over(goods);
                }
                let flow = Flow { position: one.position, role: ItemRole::Output };
                flows.push((*from, flow));
            }
            if let Some(at) = self.places.get(&one.uri) {
                if self.products.contains(&one.uri) {
                    if one.is_correction {
                        return self.start_over(goods);
                    }
                    flows.extend(one.flow.map(|flow| (*at, flow)));
                }
                again.insert(*at);
            } else if one.product.as_ref().is_some_and(|of| self.products.contains(of)) {
                let from = one.product.as_ref().and_then(|of| self.places.get(of)).copied();
                fresh.extend(self.add(&one.uri, How::OfProduct, from, None));
            }
            if self.around.contains_key(&one.uri) {
                containers.insert(one.uri.clone());
            }
        }
        if again.is_empty() && containers.is_empty() && fresh.is_empty() && flows.is_empty() {
            return Ok(false);
        }
        let ends_count = self.has_used_up();
        let again: Vec<usize> = again.into_iter().collect();
        for part in again.chunks(BATCH) {
            let uris: Vec<String> = part.iter().map(|at| self.entries[*at].uri.clone()).collect();
            for (at, look) in part.iter().zip(goods.looks(&uris, self.whole)?) {
                let before = std::mem::replace(&mut self.entries[*at].look, look);
                let now = self.entries[*at].look.as_deref();
                if before.is_some_and(|before| !before.is_kept_by(now, ends_count)) {
                    return self.start_over(goods);
                }
            }
        }
        let containers: Vec<String> = containers.into_iter().collect();
        for part in containers.chunks(BATCH) {
            for (uri, look) in part.iter().zip(goods.looks(part, self.whole)?) {
                let before = self.around.insert(uri.clone(), look).flatten();
                let now = self.around.get(uri).and_then(Option::as_deref);
                if before.is_some_and(|before| !before.is_kept_by(now, ends_count)) {
                    return self.start_over(goods);
                }
            }
        }
        let mut next = self.go(goods, &flows)?;
        next.extend(fresh);
        let mut flows = Vec::new();
        for at in &again {
            flows.extend(self.flows_of(*at));
        }
        next.extend(self.go(goods, &flows)?);
        self.look_around(goods, &again)?;
        if !containers.is_empty() {
            // Somebody may have put a container into another.
            self.look_outward(goods, containers)?;
        }
        self.grow(goods, next)?;
        Ok(true)
    }

    /// What is affected, in the order in which it was found.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How something is affected.
    #[must_use]
    pub fn entry(&self, uri: &str) -> Option<&Entry> {
        self.places.get(uri).and_then(|at| self.entries.get(*at))
    }

    /// Whether anything affected ever was in it.
    #[must_use]
    pub fn was_around(&self, uri: &str) -> bool {
        self.around.contains_key(uri)
    }

    /// Whether more is affected than is listed.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn start_over<G: Goods>(&mut self, goods: &G) -> Result<bool, G::Error> {
        *self = Affected::by(goods, &self.named)?;
        Ok(true)
    }

    fn add(
        &mut self,
        uri: &str,
        how: How,
        from: Option<usize>,
        via: Option<Position>,
    ) -> Option<usize> {
        self.add_of(uri.to_owned(), canonical(uri).level(), how, from, via)
    }

    fn add_of(
        &mut self,
        uri: String,
        level: Level,
        how: How,
        from: Option<usize>,
        via: Option<Position>,
    ) -> Option<usize> {
        if self.places.contains_key(&uri) {
            return None;
        }
        if self.entries.len() >= MAX_AFFECTED {
            self.is_cut = true;
            return None;
        }
        let at = self.entries.len();
        self.places.insert(uri.clone(), at);
        self.entries.push(Entry { uri, level, how, from, via, look: None });
        Some(at)
    }

    /// Goes on from these entries, which were not looked at yet, until nothing new is found.
    fn grow<G: Goods>(&mut self, goods: &G, mut next: Vec<usize>) -> Result<(), G::Error> {
        loop {
            while !next.is_empty() {
                let mut found = Vec::new();
                for part in next.chunks(BATCH) {
                    let uris: Vec<String> =
                        part.iter().map(|at| self.entries[*at].uri.clone()).collect();
                    for (at, look) in part.iter().zip(goods.looks(&uris, self.whole)?) {
                        self.entries[*at].look = look;
                    }
                    let flows: Vec<(usize, Flow)> =
                        part.iter().flat_map(|at| self.flows_of(*at)).collect();
                    found.extend(self.go(goods, &flows)?);
                    self.look_around(goods, part)?;
                }
                next = found;
            }
            next = self.go(goods, &self.flows_of_containers())?;
            if next.is_empty() {
                return Ok(());
            }
        }
    }

    fn flows_of(&self, at: usize) -> Vec<(usize, Flow)> {
        let look = self.entries[at].look.as_deref();
        look.into_iter().flat_map(Look::flows).map(|flow| (at, flow)).collect()
    }

    /// Follows what was not followed yet; gives the new entries.
    fn go<G: Goods>(&mut self, goods: &G, flows: &[(usize, Flow)]) -> Result<Vec<usize>, G::Error> {
        let new: Vec<&(usize, Flow)> =
            flows.iter().filter(|(_, flow)| self.followed.insert(*flow)).collect();
        let mut found = Vec::new();
        for part in new.chunks(BATCH) {
            let asked: Vec<Flow> = part.iter().map(|(_, flow)| *flow).collect();
            for ((from, flow), reached) in part.iter().zip(goods.reached(&asked)?) {
                if let Some(process) = reached.process {
                    self.processes.entry(process).or_insert(*from);
                }
                let how = if flow.role == ItemRole::Child { How::Packed } else { How::Made };
                let (from, via) = (Some(*from), Some(flow.position));
                let add = |(uri, level)| self.add_of(uri, level, how, from, via);
                found.extend(reached.things.into_iter().filter_map(add));
            }
        }
        Ok(found)
    }

    /// Looks at the containers that these entries were in, and at those around them.
    fn look_around<G: Goods>(&mut self, goods: &G, of: &[usize]) -> Result<(), G::Error> {
        let looks = of.iter().filter_map(|at| self.entries[*at].look.as_ref());
        let unknown: BTreeSet<String> = looks
            .flat_map(|look| look.stays.iter().map(|stay| &stay.parent))
            .filter(|parent| !self.around.contains_key(*parent))
            .cloned()
            .collect();
        self.look_outward(goods, unknown.into_iter().collect())
    }

    fn look_outward<G: Goods>(&mut self, goods: &G, inner: Vec<String>) -> Result<(), G::Error> {
        let mut next = inner;
        for _ in 0..=MAX_PACKING_DEPTH {
            let mut outer = BTreeSet::new();
            for part in next.chunks(BATCH) {
                for (uri, look) in part.iter().zip(goods.looks(part, self.whole)?) {
                    let stays = look.iter().flat_map(|look| &look.stays);
                    outer.extend(stays.map(|stay| stay.parent.clone()));
                    self.around.insert(uri.clone(), look);
                }
            }
            next = outer.into_iter().filter(|uri| !self.around.contains_key(uri)).collect();
            if next.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Whether any container that something affected was ever in was used up.
    fn has_used_up(&self) -> bool {
        let is_used =
            |look: &Option<Box<Look>>| look.as_ref().is_some_and(|l| !l.used_in.is_empty());
        self.around.values().any(is_used)
    }

    /// The flows from containers that were used up while something affected was inside.
    fn flows_of_containers(&self) -> Vec<(usize, Flow)> {
        if !self.whole || !self.has_used_up() {
            return Vec::new();
        }
        let mut flows = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let Some(look) = &entry.look else { continue };
            for stay in &look.stays {
                self.used_up(stay, None, 0, &mut |flow| flows.push((at, flow)));
            }
        }
        flows
    }

    /// The flows from a container during a stay, and from the containers around it meanwhile.
    fn used_up(
        &self,
        stay: &StayOf,
        within: Option<&StayOf>,
        depth: usize,
        found: &mut impl FnMut(Flow),
    ) {
        let Some(Some(container)) = self.around.get(&stay.parent) else { return };
        let mut window = stay.ended_by(container);
        if let Some(within) = within {
            window.joined = window.joined.max(within.joined);
            window.left = match (window.left, within.left) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            };
        }
        if window.left.is_some_and(|left| left < window.joined) || depth > MAX_PACKING_DEPTH {
            return;
        }
        for (mark, position) in &container.used_in {
            if window.joined <= *mark && window.left.is_none_or(|left| *mark <= left) {
                found(Flow { position: *position, role: ItemRole::Output });
            }
        }
        for outer in &container.stays {
            self.used_up(outer, Some(&window), depth + 1, found);
        }
    }
}

/// Something that a new event named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Its canonical identifier.
    pub uri: String,
    /// The canonical identifier of its product, if it is of one.
    pub product: Option<String>,
    /// Where things went from it, if the event names it without lot or serial as what is used up
    /// or packed into.
    pub flow: Option<Flow>,
    /// The transformation of several events that the event is a part of.
    pub part_of: Option<Process>,
    /// The event.
    pub position: Position,
    /// Whether the event declares another one wrong.
    pub is_correction: bool,
}
