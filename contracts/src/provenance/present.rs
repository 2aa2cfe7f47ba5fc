//! Where an item is and who holds it, its containers taken into account.

use super::facts::MAX_PACKING_DEPTH;
use super::state::{ItemState, Said, Transit};
use super::step::{Mark, Party};

/// What is true of an item when its containers are taken into account.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Present {
    /// What it is in, from the inside out: canonical identifiers.
    pub parents: Vec<String>,
    /// Who holds it: who holds the outermost container that anybody holds. Of a lot, who got some
    /// last.
    pub holder: Option<Party>,
    /// Where it, or any container it is in, was seen last.
    pub place: Option<Said<String>>,
    /// Shipments under way.
    pub transits: Vec<Transit>,
}

/// Works out the present of an item from its own state and the states of its containers, which
/// `read` gives by canonical identifier. For a time in the past, give states as of that time.
///
/// # Errors
/// Whatever `read` fails with.
pub fn present<E>(
    state: &ItemState,
    read: &mut dyn FnMut(&str) -> Result<Option<ItemState>, E>,
) -> Result<Present, E> {
    let mut found = Present {
        parents: Vec::new(),
        holder: state.holder().map(|holder| holder.what.clone()),
        place: state.place.clone(),
        transits: state.transits.clone(),
    };
    let mut next = state.parent.clone();
    let mut joined_first: Option<Mark> = None;
    while let Some(parent) = next.take() {
        if found.parents.len() >= MAX_PACKING_DEPTH || found.parents.contains(&parent.what) {
            break;
        }
        let Some(container) = read(&parent.what)? else { break };
        let joined = *joined_first.get_or_insert(parent.mark);
        if let Some(emptied) = container.emptied_after(parent.mark) {
            // It came out with everything else, where the container was, and was held as that.
            if found.parents.is_empty() {
                found.holder = emptied.holder.clone().or(found.holder);
                if let Some((place, mark)) = &emptied.place {
                    found.seen(&Said { what: place.clone(), mark: *mark }, joined);
                }
                found.transits.clone_from(&emptied.transits);
            }
            break;
        }
        if let Some(holder) = container.holder() {
            found.holder = Some(holder.what.clone());
            found.transits.clone_from(&container.transits);
        }
        if let Some(place) = &container.place {
            found.seen(place, joined);
        }
        found.parents.push(parent.what);
        next = container.parent;
    }
    Ok(found)
}

impl Present {
    /// A container was seen at a place: so was what is in it, if that was in it by then.
    fn seen(&mut self, place: &Said<String>, joined: Mark) {
        if place.mark > joined && self.place.as_ref().is_none_or(|own| place.mark > own.mark) {
            self.place = Some(place.clone());
        }
    }
}
