//! What is in what: edges between parents and children, and what a container passes on to what is
//! in it.

use std::collections::BTreeMap;

use tracehold_chain::anomaly::{AnomalyKind, AnomalySet};
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Action, EventType};
use tracehold_chain::state::key::name_digest;
use tracehold_chain::state::{ItemRole, StateKey};

use super::capture::Recording;
use super::facts::{MAX_PACKING_DEPTH, NamedItem};
use super::fold::fold_of;
use super::journal;
use super::quantity;
use super::state::{Emptied, ItemState, Said, Transit};
use super::step::{Basis, Correction, Edge, Inherited, ItemRecord, Mark, Party, Step};
use crate::receipt::RejectionCode;
use crate::stop::Stop;

/// What is around the containers that were asked for while an event is recorded, by the digests of
/// their names.
#[derive(Default)]
pub(super) struct Surroundings {
    present: BTreeMap<Digest, Around>,
    /// As it was at the time of the event, where something happened later.
    past: BTreeMap<Digest, Around>,
}

/// A container and what is around it.
#[derive(Clone)]
pub(super) struct Around {
    /// The container and what it is in, from the inside out.
    chain: Vec<Digest>,
    /// The newest event in the story of any of them.
    newest: Mark,
    /// When the container was emptied.
    emptied: Vec<Emptied>,
    /// Who holds the outermost container that anybody holds.
    holder: Option<Party>,
    /// Where any of the containers was seen last.
    place: Option<(String, Mark)>,
    /// Whether and where to the outermost is on its way.
    transits: Vec<Transit>,
}

impl Recording<'_, '_> {
    /// What is around things in a container, as it was at `mark`.
    fn around(&mut self, container: &str, mark: Mark) -> Result<Around, Stop> {
        let first = name_digest(container);
        if let Some(known) = self.around.present.get(&first).filter(|a| a.newest <= mark) {
            return Ok(known.clone());
        }
        if let Some(known) = self.around.past.get(&first).filter(|_| mark != Mark::LAST) {
            return Ok(known.clone());
        }
        let mut is_present = true;
        let mut around = Around {
            chain: Vec::new(),
            newest: Mark::default(),
            emptied: Vec::new(),
            holder: None,
            place: None,
            transits: Vec::new(),
        };
        let mut next = Some((first, None::<Mark>));
        while let Some((name, joined)) = next.take() {
            if around.chain.len() > MAX_PACKING_DEPTH || around.chain.contains(&name) {
                break;
            }
            let Some(record) = journal::item(self.staged, &name)? else { break };
            let state = self.state_at(&name, record, mark, &mut is_present)?;
            around.newest = around.newest.max(state.last);
            if joined.is_some_and(|joined| state.emptied_after(joined).is_some()) {
                break;
            }
            around.pass(&state);
            around.chain.push(name);
            next = state.parent.map(|parent| (name_digest(&parent.what), Some(parent.mark)));
        }
        let known = if is_present { &mut self.around.present } else { &mut self.around.past };
        known.insert(first, around.clone());
        Ok(around)
    }

    /// The state of a container at `mark`: the present one, unless something happened later.
    fn state_at(
        &mut self,
        name: &Digest,
        record: ItemRecord,
        mark: Mark,
        is_present: &mut bool,
    ) -> Result<ItemState, Stop> {
        if record.state.last <= mark {
            return Ok(record.state);
        }
        *is_present = false;
        // Of a story too long to be told again, the present is the best that is known.
        let Some(steps) = journal::steps_to_refold(self.staged, name, &record)? else {
            return Ok(record.state);
        };
        Ok(fold_of(steps.iter().filter(|step| step.mark() <= mark || step.correction.is_some()))
            .state)
    }

    /// What a step inherits from the container that the item is in: for a lot, from the one it
    /// comes out of.
    pub(super) fn inherited(
        &mut self,
        item: &NamedItem,
        parent: Option<&Said<String>>,
        step: &Step,
    ) -> Result<Option<Inherited>, Stop> {
        let mark = step.mark();
        let (parent, joined) = match parent {
            Some(parent) => (parent.what.clone(), Some(parent.mark)),
            None if item.is_divisible() && step.action == Some(Action::Delete) => {
                match &step.parent {
                    Some(parent) => (parent.clone(), None),
                    None => return Ok(None),
                }
            }
            None => return Ok(None),
        };
        let around = self.around(&parent, mark)?;
        let emptied = joined.and_then(|joined| {
            around.emptied.iter().find(|emptied| emptied.mark > joined && emptied.mark < mark)
        });
        Ok(Some(match emptied {
            Some(emptied) => Inherited {
                parent,
                emptied: Some(emptied.mark),
                holder: emptied.holder.clone(),
                place: emptied.place.clone(),
                transits: emptied.transits.clone(),
            },
            None => Inherited {
                parent,
                emptied: None,
                holder: around.holder,
                place: around.place,
                transits: around.transits,
            },
        }))
    }

    /// Brings the edges of a thing in line with its state: it is in one parent at most.
    pub(super) fn repack(
        &mut self,
        name: &Digest,
        before: Option<&Said<String>>,
        record: &ItemRecord,
        late: bool,
    ) -> Result<(), Stop> {
        let after = record.state.parent.as_ref();
        let same = before == after;
        if !same
            && let Some(before) = before
            && after.is_none_or(|after| after.what != before.what)
        {
            let edge = StateKey::Edge { parent: name_digest(&before.what), child: *name };
            self.staged.overlay.remove(edge.encode());
        }
        let Some(after) = after else { return Ok(()) };
        if same && !late {
            return Ok(());
        }
        if late && !same && record.levels > 0 {
            // Told again, a container has gone elsewhere: what was around things before is over.
            self.around = Surroundings::default();
        }
        let around = self.around(&after.what, Mark::LAST)?;
        if around.chain.contains(name) {
            return Err(self.refused(RejectionCode::PackingCycle, &record.uri));
        }
        let levels = usize::from(record.levels);
        if around.chain.len().saturating_add(levels) > MAX_PACKING_DEPTH {
            return Err(self.refused(RejectionCode::PackingTooDeep, &record.uri));
        }
        if !same {
            let parent = name_digest(&after.what);
            let edge = Edge { child: record.uri.clone(), mark: after.mark, amounts: Vec::new() };
            let key = StateKey::Edge { parent, child: *name }.encode();
            self.staged.overlay.put(key, codec::pack(&edge));
            if self.facts.parent().is_some_and(|own| own.name == parent) {
                self.packed_levels = self.packed_levels.max(Some(record.levels));
            }
        }
        Ok(())
    }

    /// Notes on the containers how many levels they hold now.
    pub(super) fn grow_levels(&mut self) -> Result<(), Stop> {
        let (Some(levels), Some(parent)) = (self.packed_levels, self.facts.parent()) else {
            return Ok(());
        };
        let around = self.around(&parent.named.uri, Mark::LAST)?;
        for (name, levels) in around.chain.iter().zip(levels.saturating_add(1)..) {
            let Some(mut record) = journal::item(self.staged, name)? else { break };
            if record.levels >= levels {
                break;
            }
            record.levels = levels;
            journal::write(self.staged, name, &record);
        }
        Ok(())
    }

    /// Keeps the edge of a lot or class: so much of it is in the parent.
    pub(super) fn pack_some(
        &mut self,
        item: &NamedItem,
        step: &Step,
        noted: &mut AnomalySet,
    ) -> Result<(), Stop> {
        let telling = &self.facts.telling;
        let packing = matches!(telling.event_type, EventType::Aggregation | EventType::Association);
        let Some(parent) = self.facts.parent() else { return Ok(()) };
        let moves = matches!(telling.action, Some(Action::Add | Action::Delete));
        let counts = match step.correction {
            None => self.parent_counts,
            Some(Correction::Voids(_)) => self.undoes,
            Some(Correction::Nothing) => false,
        };
        if !packing || item.role != ItemRole::Child || !moves || !counts {
            return Ok(());
        }
        let mark = step.mark();
        let emptied = self.around(&parent.named.uri, Mark::LAST)?.emptied;
        let key = StateKey::Edge { parent: parent.name, child: item.name }.encode();
        let inside = |edge: &Edge| emptied.iter().all(|emptied| emptied.mark < edge.mark);
        let edge = self.staged.overlay.record::<Edge>(&key)?.filter(inside);
        let voids = step.correction.is_some();
        let adds = (telling.action == Some(Action::Add)) != voids;
        if emptied.iter().any(|emptied| emptied.mark > mark) {
            // It was out again by the time this came, or what is undone is out already.
            return Ok(());
        }
        if adds {
            let child = item.named.uri.clone();
            let mut edge = edge.unwrap_or(Edge { child, mark, amounts: Vec::new() });
            edge.mark = edge.mark.max(mark);
            for amount in &item.amounts {
                let _ = quantity::add(&mut edge.amounts, &amount.unit, amount.value);
            }
            self.staged.overlay.put(key, codec::pack(&edge));
            return Ok(());
        }
        let Some(mut edge) = edge else {
            if !voids {
                noted.insert(AnomalyKind::UnpackedWhereNotIn);
            }
            return Ok(());
        };
        for amount in &item.amounts {
            let left = edge.amounts.iter_mut().find(|(unit, _)| *unit == amount.unit);
            match left {
                Some((_, left)) if *left >= amount.value => *left -= amount.value,
                Some((_, left)) => {
                    *left = rust_decimal::Decimal::ZERO;
                    noted.insert(AnomalyKind::UnpackedWhereNotIn);
                }
                None => noted.insert(AnomalyKind::UnpackedWhereNotIn),
            }
        }
        edge.amounts.retain(|(_, left)| !left.is_zero());
        if item.amounts.is_empty() || edge.amounts.is_empty() {
            self.staged.overlay.remove(key);
        } else {
            self.staged.overlay.put(key, codec::pack(&edge));
        }
        Ok(())
    }
}

impl Around {
    /// Adds what is known of the next container outwards.
    fn pass(&mut self, state: &ItemState) {
        if self.chain.is_empty() {
            self.emptied.clone_from(&state.emptied);
        }
        if let Some(holder) = state.holder() {
            self.holder = Some(holder.what.clone());
            // As with holders, a lot passes on its newest: each thing inside keeps a copy.
            self.transits = state.transit().cloned().into_iter().collect();
        }
        let newer = |place: &Said<String>| self.place.as_ref().is_none_or(|at| place.mark > at.1);
        if let Some(place) = state.place.as_ref().filter(|place| newer(place)) {
            self.place = Some((place.what.clone(), place.mark));
        }
    }
}

impl Step {
    /// Whether it is about a lot or class.
    #[must_use]
    pub fn is_of_a_lot(&self) -> bool {
        self.basis.has(Basis::LOT)
    }
}
