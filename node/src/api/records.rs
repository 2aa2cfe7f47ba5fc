//! Reading pages of events for answers.

use tracehold_chain::epcis::Event;
use tracehold_chain::state::Position;

use super::limits::MAX_PAGE_BYTES;
use super::problem::{Kind, Problem};
use crate::fault::Fault;
use crate::view::{Order, ReadView, StoredEvent};

/// Events in commit order, oldest first.
#[derive(Debug)]
pub struct Page {
    /// The events.
    pub events: Vec<StoredEvent>,
}

impl Page {
    /// Ends a list of events of which there may be more than wanted.
    fn of(mut events: Vec<StoredEvent>, most: usize) -> Page {
        let mut bytes = 0_usize;
        let fit = events.iter().take(most).take_while(|event| {
            let first = bytes == 0;
            bytes += event.body().text_bytes();
            first || bytes <= MAX_PAGE_BYTES
        });
        let fit = fit.count();
        events.truncate(fit);
        Page { events }
    }
}

/// All events after `after`, at most `most`.
///
/// # Errors
/// [`Fault`] when they cannot be read.
pub fn all(view: &ReadView, after: Option<Position>, most: usize) -> Result<Page, Fault> {
    let found = view.events_after(after, most.saturating_add(1))?;
    Ok(Page::of(found.events, most))
}

/// The events after `after` that name any of these canonical identifiers, each once, at most
/// `most`.
///
/// # Errors
/// [`Fault`] when they cannot be read.
pub fn naming_any(
    view: &ReadView,
    identifiers: &[String],
    after: Option<Position>,
    most: usize,
) -> Result<Page, Fault> {
    let mut events = Vec::new();
    for identifier in identifiers {
        let found = view.history(identifier, after, most.saturating_add(1), Order::OldestFirst)?;
        events.extend(found.events);
    }
    events.sort_by_key(|event| event.position);
    events.dedup_by_key(|event| event.position);
    Ok(Page::of(events, most))
}

/// The event of a stored body.
///
/// # Errors
/// [`Kind::Internal`]: what was accepted once no longer is, which is our mistake.
pub fn event(stored: &StoredEvent) -> Result<Event, Problem> {
    stored.body().event().map_err(|error| {
        let detail = format!("the event at {:?} is damaged: {error}", stored.position);
        Problem::new(Kind::Internal, detail)
    })
}
