//! When to try again.

use std::time::Duration;

/// How failures are met.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After the first failure; doubled with each further one.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// From the beginning of one delivery to the next, unless that one is full: what comes in
    /// between goes together.
    pub gather: Duration,
    /// When deliveries have failed for so long, the subscription is paused.
    pub pause_after: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(300),
            gather: Duration::from_millis(200),
            pause_after: Duration::from_secs(72 * 3_600),
        }
    }
}

impl Pace {
    /// How long to wait after so many failures in a row: half of it for certain, the other half as
    /// `chance` falls, so that those who failed together do not all come back together.
    #[must_use]
    pub fn wait(&self, failures: u32, chance: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let half = whole / 2;
        // The chance is at most one, in parts of 2^32.
        let share = (half.as_nanos() * u128::from(chance)) >> 32;
        whole - half + Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX))
    }
}

/// A number that nobody can foresee; without randomness of the system, one that is good enough.
pub fn chance() -> u32 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u32::from_le_bytes(bytes),
        Err(_) => u32::MAX / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_differ() {
        let pace = Pace::default();
        for (failures, least, most) in
            [(1, 500, 1_000), (2, 1_000, 2_000), (5, 8_000, 16_000), (90, 150_000, 300_000)]
        {
            assert_eq!(pace.wait(failures, 0), Duration::from_millis(least));
            let longest = pace.wait(failures, u32::MAX);
            assert!(longest <= Duration::from_millis(most), "{longest:?}");
            assert!(longest > Duration::from_millis(most * 9 / 10), "{longest:?}");
        }
    }

    #[test]
    fn an_hour_of_failures_is_far_from_a_pause_and_costs_few_attempts() {
        let pace = Pace::default();
        let mut waited = Duration::ZERO;
        let mut failures = 0;
        while waited < Duration::from_secs(3_600) {
            failures += 1;
            waited += pace.wait(failures, 0);
        }
        assert!((15..60).contains(&failures), "{failures}");
        assert!(waited < pace.pause_after);
    }
}
