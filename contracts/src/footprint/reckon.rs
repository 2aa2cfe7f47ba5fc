//! The reckoning: from a [`Graph`] to the [`Footprint`] of one thing.
//!
//! It walks backwards from the thing that is asked for. Everything is kept by leg, so each leg's
//! milligrams are conserved on their own, and primary data stay apart from the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tracehold_chain::epcis::activity::{Activity, Covers, DataType, Kind, MAX_MASS, Quantity};

use super::allocate::allocate;
use super::graph::{Graph, Load, Nature};
use super::reason::Reason;
use crate::provenance::Mark;

/// Containers inside containers that are looked through.
pub const MAX_PACKING_LEVELS: usize = 16;

/// Transformations before transformations that are looked through.
pub const MAX_TRANSFORMATION_LEVELS: usize = 32;

/// Steps of one reckoning: things, packings and shares that are looked at.
pub const MAX_STEPS: usize = 500_000;

/// A thing's share of one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which leg, by its place in [`Graph::legs`].
    pub leg: usize,
    /// The share, in milligrams of carbon dioxide equivalent.
    pub milligrams: u128,
    /// What the leg carried, where that was not the thing itself: the container it was in, the
    /// ingredients it was made of and what they were in.
    pub carried_by: Vec<String>,
}

/// Something that is not in the sum, because something is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Open {
    /// Which leg; `None` when it is not about one leg.
    pub leg: Option<usize>,
    /// Why.
    pub reason: Reason,
    /// The thing at which it is missing.
    pub at: String,
}

/// What is known of the footprint of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// The thing.
    pub id: String,
    /// All its shares together.
    pub milligrams: u128,
    /// How much of that rests on primary data.
    pub primary_milligrams: u128,
    /// The same in permille, to the nearest; `None` when there is nothing to have a share of.
    pub primary_permille: Option<u16>,
    /// How much of it went on into what was made of the thing.
    pub passed_on: u128,
    /// Its share of each leg, in the order of the legs.
    pub parts: Vec<Part>,
    /// What is not in the sum.
    pub open: Vec<Open>,
}

/// Reckons the footprint of `id` from all that `graph` knows.
#[must_use]
pub fn footprint(graph: &Graph, id: &str) -> Footprint {
    let mut reckoner = Reckoner::new(graph);
    let story = reckoner.story(id, None, 0);
    let mut open: Vec<Open> = Vec::new();
    for (leg, reason, at) in story.gathered.open {
        open.push(Open { leg, reason, at: at.to_owned() });
    }
    let is_primary = |leg: usize| {
        let activity = graph.legs.get(leg).and_then(|leg| leg.activity.as_ref());
        activity.is_some_and(|activity| activity.data_type == DataType::Primary)
    };
    let mut footprint = Footprint {
        id: id.to_owned(),
        milligrams: 0,
        primary_milligrams: 0,
        primary_permille: None,
        passed_on: story.passed_on,
        parts: Vec::new(),
        open,
    };
    for (leg, part) in story.gathered.parts {
        footprint.milligrams += part.milligrams;
        if is_primary(leg) {
            footprint.primary_milligrams += part.milligrams;
        }
        let carried_by = part.via.into_iter().filter(|via| *via != id).map(str::to_owned);
        let carried_by = carried_by.collect();
        footprint.parts.push(Part { leg, milligrams: part.milligrams, carried_by });
    }
    footprint.primary_permille = permille(footprint.primary_milligrams, footprint.milligrams);
    footprint
}

fn permille(part: u128, whole: u128) -> Option<u16> {
    let rounded = (part * 2_000 + whole).checked_div(whole * 2)?;
    u16::try_from(rounded).ok()
}

/// What reaches a thing from one leg, or why that is not known, and at which thing.
type Share<'g> = Result<u128, (Reason, &'g str)>;

type Shares<'g> = Rc<BTreeMap<&'g str, Share<'g>>>;

#[derive(Clone, Debug, Default)]
struct Shared<'g> {
    milligrams: u128,
    via: BTreeSet<&'g str>,
}

/// What a thing, or a part of a batch, carries.
#[derive(Clone, Debug, Default)]
struct Burden<'g> {
    parts: BTreeMap<usize, Shared<'g>>,
    open: BTreeSet<(Option<usize>, Reason, &'g str)>,
}

impl<'g> Burden<'g> {
    fn add(&mut self, leg: usize, milligrams: u128, via: impl IntoIterator<Item = &'g str>) {
        let part = self.parts.entry(leg).or_default();
        part.milligrams += milligrams;
        part.via.extend(via);
    }

    fn join(&mut self, other: &Burden<'g>) {
        for (leg, part) in &other.parts {
            self.add(*leg, part.milligrams, part.via.iter().copied());
        }
        self.open.extend(&other.open);
    }

    fn milligrams(&self) -> u128 {
        self.parts.values().map(|part| part.milligrams).sum()
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.open.is_empty()
    }

    /// Shares every leg out by mass.
    fn share_out<K: Ord + Clone>(&self, masses: &BTreeMap<K, u64>) -> BTreeMap<K, Burden<'g>> {
        let nothing = || Burden { parts: BTreeMap::new(), open: self.open.clone() };
        let mut out: BTreeMap<K, Burden<'g>> =
            masses.keys().map(|key| (key.clone(), nothing())).collect();
        for (leg, part) in &self.parts {
            for (key, milligrams) in allocate(part.milligrams, masses) {
                if let Some(burden) = out.get_mut(&key).filter(|_| milligrams > 0) {
                    burden.add(*leg, milligrams, part.via.iter().copied());
                }
            }
        }
        out
    }
}

/// What the outputs of a transformation share.
#[derive(Debug, Default)]
struct Pool<'g> {
    burden: Burden<'g>,
    masses: BTreeMap<&'g str, Option<u64>>,
}

/// What happened to one thing that matters here, in the order of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// So much of it began to exist.
    Made(Option<u64>),
    /// It came out of a transformation.
    Output(usize),
    /// A leg reached it.
    Leg(usize),
    /// It went into a transformation.
    Input(usize),
}

/// The story of one thing.
#[derive(Debug, Default)]
struct Story<'g> {
    /// All that ever reached it.
    gathered: Burden<'g>,
    /// How much of that went on into transformations.
    passed_on: u128,
    /// What went into the transformation at which the story was to stop.
    taken: Burden<'g>,
}

/// How much of a batch is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Nothing was said to be made.
    Unheard,
    Mass(u64),
    /// Something was made of which nobody says how much.
    Unknown,
}

impl Left {
    fn plus(self, made: Option<u64>) -> Left {
        match (self, made) {
            (Left::Unknown, _) | (_, None) => Left::Unknown,
            (Left::Unheard, Some(made)) => Left::Mass(made),
            (Left::Mass(left), Some(made)) => {
                left.checked_add(made).filter(|m| *m <= MAX_MASS).map_or(Left::Unknown, Left::Mass)
            }
        }
    }
}

pub(super) struct Reckoner<'g> {
    graph: &'g Graph,
    legs_of: BTreeMap<&'g str, Vec<usize>>,
    packing_of_child: BTreeMap<&'g str, Vec<usize>>,
    packing_of_parent: BTreeMap<&'g str, Vec<usize>>,
    made: BTreeMap<&'g str, Vec<usize>>,
    made_by: BTreeMap<&'g str, BTreeSet<usize>>,
    used_by: BTreeMap<&'g str, BTreeSet<usize>>,
    cut: BTreeSet<&'g str>,
    steps: usize,
    shares_of_leg: BTreeMap<usize, Shares<'g>>,
    shares_inside: BTreeMap<(usize, &'g str), Shares<'g>>,
    pools: BTreeMap<usize, Rc<Pool<'g>>>,
}

/// All loads of one name.
#[derive(Clone, Copy)]
struct Together {
    nature: Nature,
    mass: Option<u64>,
    is_claim: bool,
}

/// Loads of the same name together.
fn together(loads: &[Load]) -> BTreeMap<&str, Together> {
    let mut all: BTreeMap<&str, Together> = BTreeMap::new();
    for load in loads {
        let mass = load.mass.filter(|mass| *mass <= MAX_MASS);
        all.entry(&load.id)
            .and_modify(|sofar| {
                sofar.mass = plus(sofar.mass, mass);
                sofar.is_claim |= load.is_claim;
            })
            .or_insert(Together { nature: load.nature, mass, is_claim: load.is_claim });
    }
    all
}

fn plus(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one?.checked_add(other?).filter(|mass| *mass <= MAX_MASS)
}

fn is_within(mark: Mark, from: Option<Mark>, until: Option<Mark>) -> bool {
    from.is_none_or(|from| from <= mark) && until.is_none_or(|until| mark <= until)
}

impl<'g> Reckoner<'g> {
    pub(super) fn new(graph: &'g Graph) -> Reckoner<'g> {
        let mut reckoner = Reckoner {
            graph,
            legs_of: BTreeMap::new(),
            packing_of_child: BTreeMap::new(),
            packing_of_parent: BTreeMap::new(),
            made: BTreeMap::new(),
            made_by: BTreeMap::new(),
            used_by: BTreeMap::new(),
            cut: graph.cut.iter().map(String::as_str).collect(),
            steps: 0,
            shares_of_leg: BTreeMap::new(),
            shares_inside: BTreeMap::new(),
            pools: BTreeMap::new(),
        };
        for (index, leg) in graph.legs.iter().enumerate() {
            for id in together(&leg.loads).into_keys() {
                reckoner.legs_of.entry(id).or_default().push(index);
            }
        }
        for (index, packing) in graph.packing.iter().enumerate() {
            reckoner.packing_of_child.entry(&packing.child).or_default().push(index);
            reckoner.packing_of_parent.entry(&packing.parent).or_default().push(index);
        }
        for (index, made) in graph.made.iter().enumerate() {
            reckoner.made.entry(&made.id).or_default().push(index);
        }
        for (index, transformation) in graph.transformations.iter().enumerate() {
            for load in &transformation.outputs {
                reckoner.made_by.entry(&load.id).or_default().insert(index);
            }
            for load in &transformation.inputs {
                reckoner.used_by.entry(&load.id).or_default().insert(index);
            }
        }
        reckoner
    }

    /// Counts a step; whether there was one left.
    fn step(&mut self) -> bool {
        self.steps += 1;
        self.steps <= MAX_STEPS
    }

    /// Whether the steps are used up: what was just looked up may be short, so it must not count.
    fn is_exhausted(&self) -> bool {
        self.steps > MAX_STEPS
    }

    /// What is in `parent` at `mark`, and its mass.
    fn contents(
        &mut self,
        parent: &str,
        mark: Mark,
        levels: usize,
    ) -> BTreeMap<&'g str, Option<u64>> {
        let graph = self.graph;
        let mut contents: BTreeMap<&'g str, Option<u64>> = BTreeMap::new();
        let packings = self.packing_of_parent.get(parent).cloned().unwrap_or_default();
        for packing in packings.into_iter().filter_map(|index| graph.packing.get(index)) {
            if !self.step() || !is_within(mark, Some(packing.from), packing.until) {
                continue;
            }
            let child = packing.child.as_str();
            let mass = packing.mass.filter(|mass| *mass <= MAX_MASS);
            let mass = mass.or_else(|| self.mass_of(child, mark, levels));
            contents.entry(child).and_modify(|sofar| *sofar = plus(*sofar, mass)).or_insert(mass);
        }
        contents
    }

    /// The mass of one thing: what product data say, else what is in it.
    fn mass_of(&mut self, id: &str, mark: Mark, levels: usize) -> Option<u64> {
        if let Some(mass) = self.graph.masses.get(id) {
            return Some(*mass).filter(|mass| *mass <= MAX_MASS);
        }
        if levels == 0 || !self.packing_of_parent.contains_key(id) {
            return None;
        }
        let contents = self.contents(id, mark, levels - 1);
        if contents.is_empty() || self.is_exhausted() {
            return None;
        }
        contents.into_values().try_fold(0, |sum, mass| plus(Some(sum), mass))
    }

    /// Whether `id` was inside one of `names`, however deep.
    fn is_inside_any(
        &mut self,
        id: &str,
        names: &BTreeSet<&str>,
        mark: Mark,
        levels: usize,
    ) -> bool {
        let graph = self.graph;
        let packings = self.packing_of_child.get(id).cloned().unwrap_or_default();
        packings.into_iter().filter_map(|index| graph.packing.get(index)).any(|packing| {
            self.step()
                && is_within(mark, Some(packing.from), packing.until)
                && (names.contains(packing.parent.as_str())
                    || (levels > 0 && self.is_inside_any(&packing.parent, names, mark, levels - 1)))
        })
    }

    /// What of a leg reaches each thing that it names. A thing inside another that is named too
    /// gets its share through that.
    fn shares_of_leg(&mut self, index: usize) -> Shares<'g> {
        if let Some(shares) = self.shares_of_leg.get(&index) {
            return Rc::clone(shares);
        }
        let graph = self.graph;
        let mut shares = BTreeMap::new();
        if let Some(leg) = graph.legs.get(index) {
            let loads = together(&leg.loads);
            let names: BTreeSet<&str> = loads.keys().copied().collect();
            let mut masses: BTreeMap<&'g str, Option<u64>> = BTreeMap::new();
            for (id, Together { nature, mass, .. }) in loads {
                let one = nature == Nature::One;
                if one && self.is_inside_any(id, &names, leg.mark, MAX_PACKING_LEVELS) {
                    continue;
                }
                let looked_up = |reckoner: &mut Self| {
                    one.then(|| reckoner.mass_of(id, leg.mark, MAX_PACKING_LEVELS)).flatten()
                };
                masses.insert(id, mass.or_else(|| looked_up(self)));
            }
            shares = match &leg.activity {
                Some(activity) => among(activity, &masses),
                None => masses.keys().map(|id| (*id, Err((Reason::NoActivity, *id)))).collect(),
            };
        }
        let loads = graph.legs.get(index).into_iter().flat_map(|leg| &leg.loads);
        for claimed in loads.filter(|load| load.is_claim) {
            // The others keep their shares: nobody can shift his load on them by a claim.
            shares.entry(claimed.id.as_str()).and_modify(|share| {
                *share = Err((Reason::Claim, claimed.id.as_str()));
            });
        }
        if self.is_exhausted() {
            shares.iter_mut().for_each(|(id, share)| *share = Err((Reason::Limit, *id)));
        }
        let shares = Rc::new(shares);
        self.shares_of_leg.insert(index, Rc::clone(&shares));
        shares
    }

    /// What of a leg reaches each thing in `parent`.
    fn shares_inside(&mut self, leg: usize, parent: &'g str, levels: usize) -> Shares<'g> {
        if let Some(shares) = self.shares_inside.get(&(leg, parent)) {
            return Rc::clone(shares);
        }
        let share = self.share(leg, parent, levels);
        let mark = self.graph.legs.get(leg).map(|leg| leg.mark);
        let contents =
            mark.map(|mark| self.contents(parent, mark, MAX_PACKING_LEVELS)).unwrap_or_default();
        let everybody = |share: Share<'g>| contents.keys().map(|id| (*id, share)).collect();
        let unknown = contents.iter().find(|(_, mass)| mass.is_none()).map(|(id, _)| *id);
        let shares: BTreeMap<&'g str, Share<'g>> = match (share, unknown) {
            _ if self.is_exhausted() => everybody(Err((Reason::Limit, parent))),
            (Err(_) | Ok(0), _) => everybody(share),
            // One thing has all of it, whatever its mass.
            (Ok(_), _) if contents.len() == 1 => everybody(share),
            (Ok(_), Some(unknown)) => everybody(Err((Reason::ContentMass, unknown))),
            (Ok(milligrams), None) => {
                let masses = contents.iter().filter_map(|(id, mass)| Some((*id, (*mass)?)));
                let shares = allocate(milligrams, &masses.collect());
                shares.into_iter().map(|(id, share)| (id, Ok(share))).collect()
            }
        };
        let shares = Rc::new(shares);
        self.shares_inside.insert((leg, parent), Rc::clone(&shares));
        shares
    }

    /// The containers that `id` was in.
    fn parents(&mut self, id: &str, mark: Mark) -> BTreeSet<&'g str> {
        let graph = self.graph;
        let packings = self.packing_of_child.get(id).cloned().unwrap_or_default();
        let mut parents = BTreeSet::new();
        for packing in packings.into_iter().filter_map(|index| graph.packing.get(index)) {
            if self.step() && is_within(mark, Some(packing.from), packing.until) {
                parents.insert(packing.parent.as_str());
            }
        }
        parents
    }

    /// What of a leg reaches `id`: by name, and through what it was in.
    fn share(&mut self, leg: usize, id: &'g str, levels: usize) -> Share<'g> {
        if !self.step() {
            return Err((Reason::Limit, id));
        }
        let mut sum = match self.shares_of_leg(leg).get(id) {
            Some(share) => (*share)?,
            None => 0,
        };
        let Some(mark) = self.graph.legs.get(leg).map(|leg| leg.mark) else { return Ok(sum) };
        for parent in self.parents(id, mark) {
            if levels == 0 {
                return Err((Reason::Limit, id));
            }
            if let Some(share) = self.shares_inside(leg, parent, levels - 1).get(id) {
                sum += (*share)?;
            }
        }
        if self.is_exhausted() { Err((Reason::Limit, id)) } else { Ok(sum) }
    }

    /// The things named by a leg through which it reached `id`.
    fn carriers(&mut self, leg: usize, id: &'g str, levels: usize, found: &mut BTreeSet<&'g str>) {
        if self.shares_of_leg(leg).contains_key(id) {
            found.insert(id);
        }
        let Some(mark) = self.graph.legs.get(leg).map(|leg| leg.mark) else { return };
        for parent in self.parents(id, mark) {
            if levels > 0 {
                self.carriers(leg, parent, levels - 1, found);
            }
        }
    }

    /// The legs that may have reached `id` in a span of time.
    fn legs_reaching(
        &mut self,
        id: &str,
        from: Option<Mark>,
        until: Option<Mark>,
        levels: usize,
        found: &mut BTreeSet<usize>,
    ) {
        let graph = self.graph;
        for leg in self.legs_of.get(id).into_iter().flatten() {
            let mark = graph.legs.get(*leg).map(|leg| leg.mark);
            if mark.is_some_and(|mark| is_within(mark, from, until)) {
                found.insert(*leg);
            }
        }
        let packings = self.packing_of_child.get(id).cloned().unwrap_or_default();
        for packing in packings.into_iter().filter_map(|index| graph.packing.get(index)) {
            let from = Some(from.map_or(packing.from, |from| from.max(packing.from)));
            let until = match (until, packing.until) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            let overlap = until.is_none_or(|until| from.is_some_and(|from| from <= until));
            if overlap && levels > 0 && self.step() {
                self.legs_reaching(&packing.parent, from, until, levels - 1, found);
            }
        }
    }

    /// Whether a transport reached `id` from one moment on, and before another; also when the
    /// steps do not suffice to say that none did.
    pub(super) fn has_transport(&mut self, id: &str, from: Mark, before: Option<Mark>) -> bool {
        let graph = self.graph;
        let mut found = BTreeSet::new();
        self.legs_reaching(id, Some(from), before, MAX_PACKING_LEVELS, &mut found);
        let found = found.into_iter().filter_map(|index| graph.legs.get(index)).any(|leg| {
            let transport = leg.activity.as_ref().is_some_and(|a| a.kind == Kind::Transport);
            transport && before.is_none_or(|before| leg.mark < before)
        });
        found || self.is_exhausted()
    }

    /// What happened to `id` until it went into the transformation `stop`, in order.
    fn happenings(&mut self, id: &str, stop: Option<usize>) -> Vec<(Mark, Happening)> {
        let graph = self.graph;
        let until = stop.and_then(|stop| graph.transformations.get(stop)).map(|stop| stop.mark);
        let mut happenings = Vec::new();
        for made in self.made.get(id).into_iter().flatten().filter_map(|i| graph.made.get(*i)) {
            happenings.push((made.mark, Happening::Made(made.mass)));
        }
        for index in self.made_by.get(id).into_iter().flatten() {
            let Some(transformation) = graph.transformations.get(*index) else { continue };
            // Strictly before: so the walk back through transformations comes to an end.
            if until.is_none_or(|until| transformation.mark < until) {
                happenings.push((transformation.mark, Happening::Output(*index)));
            }
        }
        for index in self.used_by.get(id).into_iter().flatten() {
            let Some(transformation) = graph.transformations.get(*index) else { continue };
            happenings.push((transformation.mark, Happening::Input(*index)));
        }
        let mut legs = BTreeSet::new();
        self.legs_reaching(id, None, until, MAX_PACKING_LEVELS, &mut legs);
        for leg in legs {
            let Some(mark) = graph.legs.get(leg).map(|leg| leg.mark) else { continue };
            happenings.push((mark, Happening::Leg(leg)));
        }
        happenings.retain(|(mark, _)| is_within(*mark, None, until));
        happenings.sort_unstable();
        happenings
    }

    /// The story of `id`, until it goes into the transformation `stop`.
    fn story(&mut self, id: &'g str, stop: Option<usize>, depth: usize) -> Story<'g> {
        let graph = self.graph;
        let mut story = Story::default();
        let mut held = Burden::default();
        let mut left = Left::Unheard;
        if self.cut.contains(id) {
            held.open.insert((None, Reason::Limit, id));
            story.gathered.join(&held);
        }
        let happenings = self.happenings(id, stop);
        for (_, happening) in happenings {
            if !self.step() {
                // What is held goes nowhere from here, rather than to the wrong place.
                let limit = (None, Reason::Limit, id);
                story.gathered.open.insert(limit);
                story.taken.open.insert(limit);
                return story;
            }
            match happening {
                Happening::Made(mass) => left = left.plus(mass),
                Happening::Output(index) => {
                    let outputs = graph.transformations.get(index).map(|t| together(&t.outputs));
                    let own = outputs.and_then(|all| all.get(id).copied());
                    if own.is_some_and(|own| own.is_claim) {
                        let mut claimed = Burden::default();
                        claimed.open.insert((None, Reason::Claim, id));
                        story.gathered.join(&claimed);
                        continue;
                    }
                    left = left.plus(own.and_then(|own| own.mass));
                    let share = self.output_of(index, id, depth);
                    held.join(&share);
                    story.gathered.join(&share);
                }
                Happening::Leg(leg) => {
                    let mut reached = Burden::default();
                    match self.share(leg, id, MAX_PACKING_LEVELS) {
                        Ok(milligrams) => {
                            let mut via = BTreeSet::new();
                            self.carriers(leg, id, MAX_PACKING_LEVELS, &mut via);
                            reached.add(leg, milligrams, via);
                        }
                        Err((reason, at)) => {
                            reached.open.insert((Some(leg), reason, at));
                        }
                    }
                    held.join(&reached);
                    story.gathered.join(&reached);
                }
                Happening::Input(index) => {
                    let inputs = graph.transformations.get(index).map(|t| together(&t.inputs));
                    let used = inputs.and_then(|all| all.get(id).copied());
                    let Some(used) = used.filter(|used| !used.is_claim) else { continue };
                    self.steps += held.parts.len();
                    let taken = take(id, &mut held, &mut left, used);
                    story.passed_on += taken.milligrams();
                    if stop == Some(index) {
                        story.taken = taken;
                        return story;
                    }
                }
            }
        }
        story
    }

    /// What the outputs of a transformation share: what its inputs carried, and its processes.
    fn pool(&mut self, index: usize, depth: usize) -> Rc<Pool<'g>> {
        if let Some(pool) = self.pools.get(&index) {
            return Rc::clone(pool);
        }
        let graph = self.graph;
        let Some(transformation) = graph.transformations.get(index) else { return Rc::default() };
        let outputs = together(&transformation.outputs);
        let first = outputs.keys().next().copied().unwrap_or_default();
        let mut burden = Burden::default();
        if depth >= MAX_TRANSFORMATION_LEVELS {
            burden.open.insert((None, Reason::Limit, first));
        } else {
            for (id, Together { nature, is_claim, .. }) in together(&transformation.inputs) {
                if is_claim {
                    burden.open.insert((None, Reason::Claim, id));
                } else if nature == Nature::Class {
                    burden.open.insert((None, Reason::InputClass, id));
                } else {
                    burden.join(&self.story(id, Some(index), depth + 1).taken);
                }
            }
        }
        let mut masses: BTreeMap<&'g str, Option<u64>> = BTreeMap::new();
        for (id, Together { mass, .. }) in outputs {
            let mass = mass.or_else(|| self.mass_of(id, transformation.mark, MAX_PACKING_LEVELS));
            masses.insert(id, mass);
        }
        let sum = masses.values().try_fold(0, |sum, mass| plus(Some(sum), *mass));
        for leg in &transformation.legs {
            let Some(activity) = graph.legs.get(*leg).and_then(|leg| leg.activity.as_ref()) else {
                continue;
            };
            match activity.emissions(sum) {
                Ok(milligrams) => burden.add(*leg, milligrams, []),
                Err(unknown) => {
                    burden.open.insert((Some(*leg), unknown.into(), first));
                }
            }
        }
        let pool = Rc::new(Pool { burden, masses });
        self.pools.insert(index, Rc::clone(&pool));
        pool
    }

    /// What one output of a transformation carries.
    fn output_of(&mut self, index: usize, id: &'g str, depth: usize) -> Burden<'g> {
        let pool = self.pool(index, depth);
        let mut share = Burden { parts: BTreeMap::new(), open: pool.burden.open.clone() };
        self.steps += pool.burden.parts.len() * pool.masses.len();
        let unknown = pool.masses.iter().find(|(_, mass)| mass.is_none()).map(|(id, _)| *id);
        match unknown {
            _ if self.is_exhausted() => {
                share.open.insert((None, Reason::Limit, id));
            }
            // One thing has all of it, whatever its mass.
            _ if pool.masses.len() == 1 => share.parts = pool.burden.parts.clone(),
            // Nobody can tell who gets what: all of it is open.
            Some(unknown) if !pool.burden.parts.is_empty() => {
                share.open.insert((None, Reason::OutputMass, unknown));
            }
            Some(_) => {}
            None => {
                let masses = pool.masses.iter().map(|(id, mass)| (*id, mass.unwrap_or(0)));
                let masses = masses.collect();
                for (leg, part) in &pool.burden.parts {
                    let own = allocate(part.milligrams, &masses).remove(id).unwrap_or(0);
                    if own > 0 {
                        share.add(*leg, own, part.via.iter().copied());
                    }
                }
            }
        }
        share
    }
}

/// What goes with the part of a thing that a transformation uses; the rest stays with `held`.
fn take<'g>(id: &'g str, held: &mut Burden<'g>, left: &mut Left, used: Together) -> Burden<'g> {
    if used.nature == Nature::One {
        return std::mem::take(held);
    }
    let (Left::Mass(there), Some(used)) = (*left, used.mass) else {
        *left = Left::Unknown;
        let mut taken = Burden { parts: BTreeMap::new(), open: held.open.clone() };
        if !held.is_empty() {
            taken.open.insert((None, Reason::InputMass, id));
        }
        return taken;
    };
    let rest = there.saturating_sub(used);
    *left = Left::Mass(rest);
    if rest == 0 {
        let open = held.open.clone();
        let taken = std::mem::take(held);
        held.open = open;
        return taken;
    }
    let mut both = held.share_out(&BTreeMap::from([(false, used), (true, rest)]));
    *held = both.remove(&true).unwrap_or_default();
    both.remove(&false).unwrap_or_default()
}

/// What of an activity's emissions goes to each thing that it is about.
fn among<'g>(
    activity: &Activity,
    masses: &BTreeMap<&'g str, Option<u64>>,
) -> BTreeMap<&'g str, Share<'g>> {
    let unknown: Vec<&'g str> =
        masses.iter().filter(|(_, mass)| mass.is_none()).map(|(id, _)| *id).collect();
    let known = masses.iter().filter_map(|(id, mass)| Some((Some(*id), (*mass)?)));
    // `None` stands for what else was in the vehicle; it sorts first.
    let mut weights: BTreeMap<Option<&'g str>, u64> = known.collect();
    let sum: u128 = weights.values().map(|mass| u128::from(*mass)).sum();
    let sum = u64::try_from(sum).ok().filter(|sum| *sum <= MAX_MASS);
    let declared = activity.mass.and_then(Quantity::micrograms);
    let rest = declared.map_or(0, |declared| declared.saturating_sub(sum.unwrap_or(u64::MAX)));
    let everybody = |share: Share<'g>| masses.keys().map(|id| (*id, share)).collect();
    let mut total = activity.emissions(sum.filter(|_| unknown.is_empty()));
    match (activity.covers, unknown.as_slice()) {
        (Covers::Vehicle, _) if declared.is_some() => {
            if rest > 0 {
                weights.insert(None, rest);
            }
        }
        (_, []) => {
            if sum.is_none() && declared.is_none() && activity.goes_by_mass() {
                return everybody(Err((Reason::TooLarge, masses.keys().next().unwrap_or(&""))));
            }
        }
        // One thing has all of it, or what the others leave of the load.
        (_, [only]) if masses.len() == 1 => {
            weights.insert(Some(*only), 0);
        }
        (_, [only]) if rest > 0 => {
            weights.insert(Some(*only), rest);
        }
        (_, [_, _, ..]) if rest > 0 => {
            weights.insert(None, rest);
        }
        // Each is reckoned by its own mass, so those whose mass is known need not wait.
        _ if declared.is_none() && activity.goes_by_mass() => {
            total = activity.emissions(sum);
        }
        (_, [first, ..]) => return everybody(Err((Reason::ParcelMass, first))),
    }
    let total = match total {
        Ok(total) => total,
        Err(unknown) => {
            return masses.keys().map(|id| (*id, Err((unknown.into(), *id)))).collect();
        }
    };
    let shares = if weights.is_empty() { BTreeMap::new() } else { allocate(total, &weights) };
    let share = |id: &'g str| shares.get(&Some(id)).copied().ok_or((Reason::ParcelMass, id));
    masses.keys().map(|id| (*id, share(id))).collect()
}
