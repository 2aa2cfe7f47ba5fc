//! What is kept of the scans of one thing, and when they cannot all be of one thing.

use serde::{Deserialize, Serialize};

/// Days of which the count of each is kept.
pub const MAX_DAYS: usize = 31;

/// Hours and offsets that are kept: the newest.
pub const MAX_ZONES: usize = 24;

/// Scans of one thing in a day from which on that is unusual.
pub const MANY_IN_A_DAY: u32 = 100;

/// Hours of offset from which on two phones are far apart: China's one offset borders on three
/// others, up to three and a half hours away.
const FAR_APART: u32 = 4;

/// Hours of offset that an aircraft crosses in an hour, at most: as far north as Oslo one of them
/// is 830 km wide.
const CROSSED_IN_AN_HOUR: u32 = 2;

const MS_IN_AN_HOUR: u64 = 3_600_000;
const HOURS_IN_A_DAY: u32 = 24;

/// What is kept of the scans of one thing. Nothing of it is about whoever scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many in all.
    pub total: u64,
    /// The day of the first one, in days since 1970 (UTC).
    pub since: u32,
    /// How many on each of the last days with any, the newest last.
    pub days: Vec<(u32, u32)>,
    /// The hour (since 1970) and the offset from UTC, in whole hours, of phones that said theirs,
    /// the newest last.
    pub zones: Vec<(u32, i8)>,
}

/// What is odd about the scans of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Within so many hours it was scanned in two parts of the world that are so many hours of
    /// offset apart: no aircraft is as fast.
    FarApart {
        /// Hours between the two scans, at most.
        within: u32,
        /// Hours of offset between the two places.
        offset: u32,
    },
    /// It was scanned so often in one day.
    Many {
        /// How often.
        times: u32,
    },
}

/// The hour of a moment.
pub fn hour(now_ms: u64) -> u32 {
    u32::try_from(now_ms / MS_IN_AN_HOUR).unwrap_or(u32::MAX)
}

impl Tally {
    /// Counts a scan.
    pub fn count(&mut self, now_ms: u64) {
        let day = hour(now_ms) / HOURS_IN_A_DAY;
        if self.total == 0 {
            self.since = day;
        }
        self.total = self.total.saturating_add(1);
        match self.days.last_mut() {
            // A clock that was set back counts for the newest day.
            Some((last, times)) if *last >= day => *times = times.saturating_add(1),
            _ => self.days.push((day, 1)),
        }
        let old = self.days.len().saturating_sub(MAX_DAYS);
        self.days.drain(..old);
    }

    /// Notes the offset of a phone, once in an hour.
    pub fn note(&mut self, now_ms: u64, offset_hours: i8) {
        let said = (hour(now_ms), offset_hours);
        if !self.zones.contains(&said) {
            self.zones.push(said);
        }
        let old = self.zones.len().saturating_sub(MAX_ZONES);
        self.zones.drain(..old);
    }

    /// Scans on the day of a moment.
    #[must_use]
    pub fn today(&self, now_ms: u64) -> u32 {
        let day = hour(now_ms) / HOURS_IN_A_DAY;
        self.days.last().filter(|(last, _)| *last == day).map_or(0, |(_, times)| *times)
    }

    /// What is odd, if anything: two places at once go before many scans.
    #[must_use]
    pub fn pattern(&self) -> Option<Pattern> {
        let mut pairs =
            self.zones.iter().enumerate().flat_map(|(at, one)| {
                self.zones.iter().skip(at + 1).map(move |other| (*one, *other))
            });
        let apart = pairs.find_map(|((then, here), (now, there))| {
            // Hours are whole: what is in one and the next may be nearly two apart.
            let within = now.abs_diff(then) + 1;
            let offset = u32::from(here.abs_diff(there)) % HOURS_IN_A_DAY;
            let offset = offset.min(HOURS_IN_A_DAY - offset);
            let impossible = offset >= FAR_APART && within * CROSSED_IN_AN_HOUR < offset;
            impossible.then_some(Pattern::FarApart { within, offset })
        });
        let busiest = self.days.iter().map(|(_, times)| *times).max().unwrap_or(0);
        apart.or_else(|| (busiest >= MANY_IN_A_DAY).then_some(Pattern::Many { times: busiest }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = MS_IN_AN_HOUR;

    fn seen(zones: &[(u64, i8)]) -> Option<Pattern> {
        let mut tally = Tally::default();
        for (hour, offset) in zones {
            tally.note(500_000 * HOUR + hour * HOUR, *offset);
        }
        tally.pattern()
    }

    /// Promise P120: a warning needs a pattern that one thing cannot make.
    #[test]
    fn only_what_one_thing_cannot_do_is_odd() {
        // A scan, or several in one region, or over a border of China's one offset.
        assert_eq!(seen(&[(0, 1)]), None);
        assert_eq!(seen(&[(0, 1), (0, 2), (1, 1)]), None);
        assert_eq!(seen(&[(0, 8), (0, 5)]), None);
        // Berlin and Los Angeles within two hours; the flight takes eleven.
        let apart = Some(Pattern::FarApart { within: 2, offset: 9 });
        assert_eq!(seen(&[(0, 1), (1, -8)]), apart);
        assert_eq!(seen(&[(0, 1), (11, -8)]), None);
        // Both sides of the date line are neighbours.
        assert_eq!(seen(&[(0, 12), (0, -11)]), None);
        // Not the first and the last only.
        assert_eq!(seen(&[(0, 1), (1, -8), (40, 1)]), apart);
    }

    /// Promise P120.
    #[test]
    fn days_are_counted_and_little_is_kept() {
        let mut tally = Tally::default();
        for day in 0..100_u64 {
            tally.count((20_000 + day) * 24 * HOUR);
            tally.note((20_000 + day) * 24 * HOUR, 1);
        }
        assert_eq!((tally.total, tally.since), (100, 20_000));
        assert_eq!((tally.days.len(), tally.zones.len()), (MAX_DAYS, MAX_ZONES));
        assert_eq!(tally.today(20_099 * 24 * HOUR + 5 * HOUR), 1);
        assert_eq!(tally.today(20_100 * 24 * HOUR), 0);
        assert_eq!(tally.pattern(), None);
        (0..200).for_each(|_| tally.count(20_100 * 24 * HOUR));
        assert_eq!(tally.pattern(), Some(Pattern::Many { times: 200 }));
    }
}
