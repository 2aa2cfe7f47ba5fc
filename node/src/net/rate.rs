//! A bucket that fills with time: how much may pass now, and when some more may.

use std::time::{Duration, Instant};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Lets `per_second` units pass in the long run and up to `burst` at once after a pause.
#[derive(Clone, Debug)]
pub struct Bucket {
    per_second: u32,
    burst: u64,
    /// Units that may pass now; below zero after [`Bucket::take`] took more than there was.
    level: i128,
    updated: Instant,
}

impl Bucket {
    /// A full bucket. A rate of zero counts as one.
    #[must_use]
    pub fn new(per_second: u32, burst: u32, now: Instant) -> Bucket {
        let per_second = per_second.max(1);
        let burst = u64::from(burst.max(1));
        Bucket { per_second, burst, level: i128::from(burst), updated: now }
    }

    /// Takes `units` if that many are there.
    pub fn try_take(&mut self, units: u64, now: Instant) -> bool {
        self.fill(now);
        let enough = self.level >= i128::from(units);
        if enough {
            self.level -= i128::from(units);
        }
        enough
    }

    /// Takes `units` even when there are not enough; [`Bucket::wait`] then says for how long
    /// nothing more should be taken.
    pub fn take(&mut self, units: u64, now: Instant) {
        self.fill(now);
        self.level -= i128::from(units);
    }

    /// How long until the bucket is above zero; `None` when it is.
    pub fn wait(&mut self, now: Instant) -> Option<Duration> {
        self.fill(now);
        if self.level > 0 {
            return None;
        }
        let missing = u128::try_from(1 - self.level).unwrap_or(0);
        let nanos = (missing * NANOS_PER_SECOND).div_ceil(u128::from(self.per_second));
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.updated).as_nanos();
        let rate = u128::from(self.per_second);
        let units = elapsed.saturating_mul(rate) / NANOS_PER_SECOND;
        if units == 0 {
            return; // `updated` stays: short intervals add up.
        }
        let full = i128::from(self.burst);
        let units = i128::try_from(units).unwrap_or(full);
        self.level = self.level.saturating_add(units).min(full);
        self.updated = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_the_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(100, 50, start);
        assert!(bucket.try_take(50, start));
        assert!(!bucket.try_take(1, start));
        let later = start + Duration::from_millis(100);
        assert!(!bucket.try_take(11, later));
        assert!(bucket.try_take(10, later));
        // A long pause fills it to the burst, not beyond.
        let much_later = later + Duration::from_secs(3_600);
        assert!(!bucket.try_take(51, much_later));
        assert!(bucket.try_take(50, much_later));
    }

    #[test]
    fn a_debt_is_waited_off() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1_000, 10, start);
        assert_eq!(bucket.wait(start), None);
        bucket.take(110, start);
        let wait = bucket.wait(start).unwrap();
        assert_eq!(wait, Duration::from_millis(101));
        assert_eq!(bucket.wait(start + wait), None);
    }
}
