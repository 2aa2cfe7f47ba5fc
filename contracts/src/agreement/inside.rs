//! What was in what at the time of an event, as far as is on record when that is recorded.

use std::collections::BTreeMap;

use tracehold_chain::digest::Digest;
use tracehold_chain::state::TableError;
use tracehold_chain::state::key::name_digest;

use crate::execute::Staged;
use crate::provenance::{ItemState, MAX_PACKING_DEPTH, Mark, fold_of, journal};

/// What was in what just before one event.
pub(super) struct Inside {
    mark: Mark,
    states: BTreeMap<Digest, Option<ItemState>>,
}

impl Inside {
    /// Just before the event that stands here.
    pub fn at(mark: Mark) -> Inside {
        Inside { mark, states: BTreeMap::new() }
    }

    /// Whether a thing was in a container, or in something that was.
    pub fn is_in(
        &mut self,
        staged: &mut Staged<'_>,
        thing: &Digest,
        container: &Digest,
    ) -> Result<bool, TableError> {
        let mut next = *thing;
        for _ in 0..MAX_PACKING_DEPTH {
            let Some(parent) = self.state(staged, &next)?.and_then(|state| state.parent.clone())
            else {
                return Ok(false);
            };
            next = name_digest(&parent.what);
            let emptied = self.state(staged, &next)?.and_then(|s| s.emptied_after(parent.mark));
            if emptied.is_some() {
                return Ok(false);
            }
            if next == *container {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The state of a thing. Of a story too long to be told again, and when the block has told too
    /// much again, what is not known did not happen.
    fn state(
        &mut self,
        staged: &mut Staged<'_>,
        name: &Digest,
    ) -> Result<Option<&ItemState>, TableError> {
        if !self.states.contains_key(name) {
            let state = self.read(staged, name)?;
            self.states.insert(*name, state);
        }
        Ok(self.states.get(name).and_then(Option::as_ref))
    }

    fn read(
        &self,
        staged: &mut Staged<'_>,
        name: &Digest,
    ) -> Result<Option<ItemState>, TableError> {
        let Some(left) = staged.refold_left.checked_sub(1) else {
            staged.is_short = true;
            return Ok(None);
        };
        staged.refold_left = left;
        let Some(record) = journal::item(staged, name)? else { return Ok(None) };
        if record.state.last < self.mark {
            return Ok(Some(record.state));
        }
        let Some(steps) = journal::steps_to_refold(staged, name, &record)? else { return Ok(None) };
        let before = steps.iter().filter(|s| s.correction.is_some() || s.mark() < self.mark);
        Ok(Some(fold_of(before).state))
    }
}
