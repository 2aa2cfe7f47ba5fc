//! The replica's timers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::replica::TimerId;

/// Timers that are set. Setting one again moves it.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Instant, TimerId)>,
    set: BTreeMap<TimerId, Instant>,
}

impl Timers {
    pub fn set(&mut self, id: TimerId, after_ms: u64, now: Instant) {
        self.cancel(id);
        let at = now + Duration::from_millis(after_ms);
        self.set.insert(id, at);
        self.due.insert((at, id));
    }

    pub fn cancel(&mut self, id: TimerId) {
        if let Some(at) = self.set.remove(&id) {
            self.due.remove(&(at, id));
        }
    }

    /// When the next one fires.
    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes a timer whose time has come.
    pub fn take_due(&mut self, now: Instant) -> Option<TimerId> {
        let (at, id) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.cancel(id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_once_in_order_and_move_when_set_again() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(TimerId::Pace, 10, start);
        timers.set(TimerId::Sync, 5, start);
        timers.set(TimerId::Pool, 1, start);
        timers.set(TimerId::Pace, 2, start);
        timers.cancel(TimerId::Pool);
        assert_eq!(timers.next(), Some(start + Duration::from_millis(2)));
        assert_eq!(timers.take_due(start), None);
        let later = start + Duration::from_millis(20);
        assert_eq!(timers.take_due(later), Some(TimerId::Pace));
        assert_eq!(timers.take_due(later), Some(TimerId::Sync));
        assert_eq!((timers.take_due(later), timers.next()), (None, None));
    }
}
