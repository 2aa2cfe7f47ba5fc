//! What is known of an item now, or was known at a time, with what its containers say.

use std::collections::BTreeSet;

use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Action, EventType};
use tracehold_chain::state::ItemRole;
use tracehold_chain::state::key::name_digest;

use super::told::Told;
use super::{TraceReader, was_known};
use crate::provenance::{
    AsOf, Edge, Emptied, ItemState, MAX_PACKING_DEPTH, Mark, Party, Said, Transit,
};

/// Something that an event said, of the item itself or of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Through<T> {
    /// What, and the event.
    pub said: Said<T>,
    /// The container of which it was said; `None` when it was said of the item itself.
    pub container: Option<String>,
}

/// What is known of an item, its containers included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// What its own story says.
    pub state: ItemState,
    /// The containers it is in, from the inside out, each with the event that put in it what is
    /// inside.
    pub containers: Vec<Said<String>>,
    /// The event that took everything out of the container that it was packed in, if that is why
    /// it is in none.
    pub emptied: Option<Mark>,
    /// Who holds it, or what it is in.
    pub holder: Option<Through<Party>>,
    /// Where it was seen last, or what it is in.
    pub place: Option<Through<String>>,
    /// Whether and where to it is on its way.
    pub transits: Vec<Through<Transit>>,
}

/// What is known of an item, its containers included; `None` when nothing is.
///
/// # Errors
/// When it cannot be read.
pub fn present<R: TraceReader>(
    reader: &R,
    uri: &str,
    as_of: Option<AsOf>,
) -> Result<Option<Present>, R::Error> {
    let state_of = |uri: &str| -> Result<Option<ItemState>, R::Error> {
        match as_of {
            None => Ok(reader.item(uri)?.map(|record| record.state)),
            Some(_) => Ok(Told::read(reader, uri, as_of)?.map(|told| told.state)),
        }
    };
    let Some(state) = state_of(uri)? else { return Ok(None) };
    resolve(state, uri, state_of).map(Some)
}

/// Goes outward from container to container.
pub(super) fn resolve<E>(
    state: ItemState,
    uri: &str,
    mut state_of: impl FnMut(&str) -> Result<Option<ItemState>, E>,
) -> Result<Present, E> {
    let own = |said: &Said<Party>| Through { said: said.clone(), container: None };
    let mut present = Present {
        holder: state.holder().map(own),
        place: state.place.clone().map(|said| Through { said, container: None }),
        transits: state.transits.iter().map(|transit| on_the_way(transit, None)).collect(),
        containers: Vec::new(),
        emptied: None,
        state,
    };
    let mut seen = BTreeSet::from([uri.to_owned()]);
    let mut next = present.state.parent.clone();
    // What was said of a container before the item was inside does not concern it.
    let mut inside_since = Mark::default();
    while let Some(joined) = next.take() {
        if present.containers.len() >= MAX_PACKING_DEPTH || !seen.insert(joined.what.clone()) {
            break;
        }
        let Some(around) = state_of(&joined.what)? else { break };
        inside_since = inside_since.max(joined.mark);
        if let Some(emptied) = around.emptied_after(joined.mark) {
            if present.containers.is_empty() {
                present.leave(&joined.what, emptied, inside_since);
            }
            break;
        }
        let container = Some(joined.what.clone());
        if let Some(holder) = around.holder() {
            present.holder = Some(Through { said: holder.clone(), container: container.clone() });
            let transits = around.transits.iter();
            present.transits =
                transits.map(|transit| on_the_way(transit, container.clone())).collect();
        }
        if let Some(place) = &around.place
            && place.mark > inside_since
            && present.place.as_ref().is_none_or(|known| known.said.mark < place.mark)
        {
            present.place = Some(Through { said: place.clone(), container: container.clone() });
        }
        next = around.parent.clone();
        present.containers.push(joined);
    }
    Ok(present)
}

fn on_the_way(transit: &Transit, container: Option<String>) -> Through<Transit> {
    let said = Said { what: transit.clone(), mark: transit.since };
    Through { said, container }
}

impl Present {
    /// It came out when its container was emptied: what was true of that then is true of it.
    fn leave(&mut self, parent: &str, emptied: &Emptied, inside_since: Mark) {
        self.emptied = Some(emptied.mark);
        let container = Some(parent.to_owned());
        if let Some(holder) = &emptied.holder {
            let said = Said { what: holder.clone(), mark: emptied.mark };
            self.holder = Some(Through { said, container: container.clone() });
        }
        if let Some((place, at)) = &emptied.place
            && *at > inside_since
            && self.place.as_ref().is_none_or(|known| known.said.mark < *at)
        {
            let said = Said { what: place.clone(), mark: *at };
            self.place = Some(Through { said, container: container.clone() });
        }
        let transits = emptied.transits.iter();
        self.transits = transits.map(|transit| on_the_way(transit, container.clone())).collect();
    }
}

/// Something in a container.
pub type Contained = Edge;

/// What is in a container, or was known to be in it, in the order of the digests of their names:
/// at most `limit`, after the cursor `after`.
///
/// # Errors
/// When it cannot be read.
pub fn contents<R: TraceReader>(
    reader: &R,
    uri: &str,
    as_of: Option<AsOf>,
    after: Option<&Digest>,
    limit: usize,
) -> Result<Vec<Contained>, R::Error> {
    if as_of.is_none() {
        return reader.contents(uri, after, limit);
    }
    let Some(told) = Told::read(reader, uri, as_of)? else { return Ok(Vec::new()) };
    let mut named: std::collections::BTreeMap<Digest, String> = Default::default();
    for step in &told.steps {
        let packing = matches!(step.event_type, EventType::Aggregation | EventType::Association);
        if !packing || step.role != ItemRole::Parent || step.action != Some(Action::Add) {
            continue;
        }
        let Some(body) = reader.event(step.position)? else { continue };
        if !was_known(as_of, step.position, &body) {
            continue;
        }
        let children = body.facts.items.iter().filter(|item| item.role == ItemRole::Child);
        named.extend(children.map(|item| (item.name, item.named.uri.clone())));
    }
    let mut inside = Vec::new();
    for (name, child) in &named {
        if inside.len() >= limit {
            break;
        }
        if after.is_some_and(|after| name <= after) {
            continue;
        }
        debug_assert_eq!(*name, name_digest(child), "items are named by their digests");
        let Some(child) = Told::read(reader, child, as_of)? else { continue };
        for stay in child.stays.iter().filter(|stay| stay.parent == uri) {
            if Told::end_of(stay, Some(&told)).is_none() {
                let (mark, amounts) = (stay.joined, stay.amounts.clone());
                inside.push(Edge { child: child.uri.clone(), mark, amounts });
            }
        }
    }
    Ok(inside)
}
