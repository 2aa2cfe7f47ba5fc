//! Which recalls belong to the story of an item.
//!
//! As with logs and events, that is not for the maker of a file to say: which identifiers are
//! looked up follows from the walk, and which recalls are shown from the lists that stand at those
//! identifiers under the state root.

use std::collections::{BTreeMap, BTreeSet};

use crate::epcis::canonical;
use crate::masterdata::product_of;
use crate::recall::{OpenRecalls, RecallId, RecallRecord};

/// An open recall, and what in the story it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRecall {
    /// The recall.
    pub record: RecallRecord,
    /// The identifiers that were looked up and that it names, in the order of the walk.
    pub names: Vec<String>,
}

/// The items of a story, each with its product if that is to be looked up after it: once, and not
/// when it is itself among the items.
pub(super) fn looked_up(order: &[String]) -> Vec<(&str, Option<String>)> {
    let mut seen: BTreeSet<String> = order.iter().cloned().collect();
    let mut unseen =
        |id: &str| product_of(&canonical(id)).filter(|class| seen.insert(class.clone()));
    order.iter().map(|id| (id.as_str(), unseen(id))).collect()
}

/// The recalls that lists mention, each once, in the order in which they are mentioned first.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    found: Vec<(RecallId, Vec<String>)>,
    at: BTreeMap<RecallId, usize>,
}

impl Mentions {
    /// Takes in the list of one identifier.
    pub(super) fn add(&mut self, list: OpenRecalls) {
        for id in list.open {
            let at = *self.at.entry(id.clone()).or_insert(self.found.len());
            match self.found.get_mut(at) {
                Some((_, names)) => names.push(list.uri.clone()),
                None => self.found.push((id, vec![list.uri.clone()])),
            }
        }
    }

    /// Each recall, with the identifiers that it names.
    pub(super) fn into_found(self) -> Vec<(RecallId, Vec<String>)> {
        self.found
    }
}
