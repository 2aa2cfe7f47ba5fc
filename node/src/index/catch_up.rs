//! Filing what is on record and not in the index: after a stop, or when there was none.

use std::sync::Arc;

use tracehold_chain::epcis::query::terms::Findable;
use tracehold_chain::units::Height;

use super::EventIndex;
use crate::fault::Fault;
use crate::view::ReadView;

/// Events filed between two lines of the log that say how far it is.
const EVENTS_BETWEEN_WORDS: usize = 100_000;

impl EventIndex {
    /// Files the events of every block up to the height of `view` from the block log, and tells
    /// how far it is. The table holds everything up to that height, and nobody else writes to it.
    ///
    /// # Errors
    /// [`Fault`] when blocks cannot be read or the table cannot be written.
    pub fn catch_up(&self, view: &ReadView, at: &dyn Fn(Height)) -> Result<(), Fault> {
        let (mut events, mut told) = (0_usize, 0_usize);
        while let Some(height) = self.next_to_file(view) {
            let mut found = Vec::new();
            for stored in view.recorded_in(height)? {
                let event = stored.body().recorded().map_err(|error| {
                    Fault::new(format!("the event at {:?}: {error}", stored.position))
                })?;
                found.push((stored.position, Arc::new(Findable::of(&event))));
            }
            events += found.len();
            if let Some(sealed) = self.file(height, &found) {
                self.table.apply(&sealed)?;
                self.flushed(height);
                at(height);
            }
            if events - told >= EVENTS_BETWEEN_WORDS {
                told = events;
                tracing::info!(events, %height, "filing events that the index lacks");
            }
        }
        if events > 0 {
            tracing::info!(events, height = %self.height(), "the index of events is complete");
        }
        Ok(())
    }

    /// The next block that is to be filed and has anything; empty ones are passed over.
    fn next_to_file(&self, view: &ReadView) -> Option<Height> {
        let mut inner = self.write();
        let next = view.next_filled(inner.height.next());
        let before = next.and_then(Height::previous).unwrap_or_else(|| view.height());
        inner.height = inner.height.max(before);
        next
    }
}
