//! What evidence is made of: records as they stand in the state, logs told from the journals, and
//! events from the block log.

use tracehold_chain::epcis::SectionedEvent;
use tracehold_chain::evidence::{About, Draft, Entry, Show, Source, Unsealed, draft, draft_state};
use tracehold_chain::state::{ItemRole, Position, StateKey};
use tracehold_contracts::provenance::{ItemRecord, MadeOf, Step, leaf};

use super::reading::event_of;
use super::{Order, ReadView};
use crate::fault::Fault;

impl ReadView {
    /// Gathers what evidence of an item is made of; `None` when the ledger went on meanwhile in a
    /// way that shows: read again with a newer view.
    ///
    /// # Errors
    /// [`Fault`] when something cannot be read or is damaged.
    pub fn draft(&self, id: &str, show: &Show) -> Result<Option<Draft>, Fault> {
        match draft(&mut Records(self), id, show) {
            Ok(draft) => Ok(Some(draft)),
            Err(Unsealed::Moved) => Ok(None),
            Err(Unsealed::Source(fault)) => Err(fault),
        }
    }

    /// As [`ReadView::draft`], of an agreement or a balance; `None` when `about` names nothing that
    /// could have a record.
    ///
    /// # Errors
    /// [`Fault`] when the record cannot be read.
    pub fn draft_state(&self, about: About) -> Result<Option<Draft>, Fault> {
        let Some(key) = about.state_key() else { return Ok(None) };
        Ok(draft_state(about, self.bytes(&key.encode())?))
    }

    /// What the event of a step says was used up, if the step says that something was made.
    fn made_of(&self, step: &Step) -> Result<Option<MadeOf>, Fault> {
        if step.role != ItemRole::Output {
            return Ok(None);
        }
        let Some(stored) = self.event_at(step.position)? else { return Ok(None) };
        Ok(MadeOf::of(&tracehold_contracts::provenance::Facts::of(&event_of(&stored)?)))
    }
}

/// A view, read for evidence.
struct Records<'a>(&'a ReadView);

impl Source for Records<'_> {
    type Error = Fault;

    fn record(&mut self, key: &StateKey) -> Result<Option<Vec<u8>>, Fault> {
        self.0.bytes(&key.encode())
    }

    fn entries(&mut self, id: &str, record: &[u8], _count: u64) -> Result<Vec<Entry>, Fault> {
        let view = self.0;
        let record: ItemRecord = view.unpacked(record)?;
        let steps = view.steps(id, &record, None, usize::MAX, Order::OldestFirst)?;
        let mut entries = Vec::with_capacity(steps.len());
        for step in steps {
            let made_of = view.made_of(&step)?;
            let leaf = leaf(&step, made_of.as_ref());
            let names = match made_of {
                Some(made_of) => made_of.inputs,
                None => step.parent.into_iter().collect(),
            };
            entries.push(Entry { leaf, names });
        }
        Ok(entries)
    }

    fn event(&mut self, position: Position) -> Result<Option<SectionedEvent>, Fault> {
        Ok(self.0.event_at(position)?.map(|stored| stored.body().clone()))
    }
}
