//! Events ready to be signed, and which of them are on record.

use std::collections::{BTreeSet, HashMap};

use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::hash_id::Reading;
use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::units::TimestampMs;

use super::super::problem::{Kind, Problem};
use super::super::submit::already_recorded;
use super::super::{ApiState, prepare};
use crate::keystore::AgentSigner;

/// An event cut and ready to be signed, with what a client needs to find it again.
pub struct Ready {
    pub name: Name,
    pub event: SectionedEvent,
}

impl Ready {
    /// The event at `place` of its document, named as `reading` of the document asks, and cut.
    pub fn new(agent: &AgentSigner, place: usize, event: Event, reading: &Reading) -> Ready {
        let (event, by_hash) = prepare::named(event, reading);
        let cut = prepare::sectioned(agent, &event);
        let name = Name {
            place,
            event_id: event.event_id().unwrap_or_default().to_owned(),
            declared_at: event.error_declaration().map(|declaration| declaration.declaration_time),
            digest: cut.digest(),
            by_hash,
        };
        Ready { name, event: cut }
    }
}

/// What names an event: its place in the document, its eventID, and when it was declared wrong.
#[derive(Clone)]
pub struct Name {
    pub place: usize,
    pub event_id: String,
    pub declared_at: Option<TimestampMs>,
    /// The same for the same event of the same member.
    pub digest: Digest,
    /// Whether the eventID is its hash id, and what has the same one is the same event.
    pub by_hash: bool,
}

impl Name {
    /// The problem of this event.
    pub fn at(&self, problem: Problem) -> Problem {
        problem.event(self.place, Some(&self.event_id))
    }

    fn is(&self, digest: Digest) -> bool {
        self.by_hash || self.digest == digest
    }
}

/// What is known of events before they are recorded, by their index in the list.
#[derive(Default)]
pub struct Known {
    /// These are on record, or in the list before, as the very same: nothing is left to do.
    pub recorded: BTreeSet<usize>,
    /// Of these the eventID is another event's.
    pub taken: Vec<(usize, Problem)>,
}

impl Known {
    /// Looks these events up.
    pub async fn look_up(state: &ApiState, events: &[Ready]) -> Result<Known, Problem> {
        let names: Vec<Name> = events.iter().map(|ready| ready.name.clone()).collect();
        let wanted: Vec<_> =
            names.iter().map(|name| (name.event_id.clone(), name.declared_at)).collect();
        let on_record = state.read(move |view| {
            let records = wanted.iter().map(|(id, declared)| {
                Ok(view.event_record(id, *declared)?.map(|record| record.digest))
            });
            records.collect::<Result<Vec<Option<Digest>>, _>>()
        });
        Ok(Known::of(&names, on_record.await?))
    }

    fn of(names: &[Name], on_record: Vec<Option<Digest>>) -> Known {
        let mut known = Known::default();
        let mut seen: HashMap<(&str, Option<TimestampMs>), Digest> = HashMap::new();
        for (index, (name, recorded)) in names.iter().zip(on_record).enumerate() {
            let earlier = seen.get(&(name.event_id.as_str(), name.declared_at)).copied();
            match (recorded, earlier) {
                (Some(digest), _) | (None, Some(digest)) if name.is(digest) => {
                    known.recorded.insert(index);
                }
                (Some(_), _) => {
                    known.taken.push((index, name.at(already_recorded(&name.event_id))));
                }
                (None, Some(_)) => {
                    let detail = format!(
                        "the document has two events with the eventID {}: give each its own",
                        name.event_id
                    );
                    let problem = Problem::new(Kind::Exists, detail).code("event-id-taken");
                    known.taken.push((index, name.at(problem)));
                }
                (None, None) => {
                    seen.insert((name.event_id.as_str(), name.declared_at), name.digest);
                }
            }
        }
        known
    }

    /// The events that are new, in their order.
    pub fn fresh(&self, events: Vec<Ready>) -> Vec<Ready> {
        let taken: BTreeSet<usize> = self.taken.iter().map(|(index, _)| *index).collect();
        let is_new = |index: &usize| !self.recorded.contains(index) && !taken.contains(index);
        let events = events.into_iter().enumerate().filter(|(index, _)| is_new(index));
        events.map(|(_, ready)| ready).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: &str, digest: u8, by_hash: bool) -> Name {
        Name {
            place: 0,
            event_id: id.to_owned(),
            declared_at: None,
            digest: Digest([digest; 32]),
            by_hash,
        }
    }

    /// Promise P100.
    #[test]
    fn the_same_event_is_known_and_another_under_its_name_is_refused() {
        let digest = |byte| Some(Digest([byte; 32]));
        let declared = Name { declared_at: Some(TimestampMs(1)), ..name("h", 9, true) };
        let names = [
            name("a", 1, false), // on record, the same
            name("b", 2, false), // on record, another
            name("h", 3, true),  // on record under its hash id, cut under another context
            declared,            // declares it wrong: no duplicate
            name("c", 5, false), // new
            name("c", 5, false), // the same again in the document
            name("c", 6, false), // another of its name
        ];
        let on_record = vec![digest(1), digest(7), digest(8), None, None, None, None];
        let known = Known::of(&names, on_record);
        assert_eq!(known.recorded.into_iter().collect::<Vec<_>>(), [0, 2, 5]);
        let taken: Vec<(usize, &str)> =
            known.taken.iter().map(|(index, problem)| (*index, problem.code.as_str())).collect();
        assert_eq!(taken, [(1, "event-id-taken"), (6, "event-id-taken")]);
    }
}
