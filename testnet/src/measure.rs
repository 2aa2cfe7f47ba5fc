//! What a node costs: processor time, memory, disk. Read from `/proc` and the file system (Linux).

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Clock ticks in a second of `/proc/PID/stat`; the kernel shows every process this unit, whatever
/// its own tick is.
const TICKS_PER_SECOND: u64 = 100;
/// The longest latency kept apart, in microseconds; longer ones count as this.
const MAX_LATENCY_US: u64 = 3_600_000_000;

/// Processor time the process has used, in user and system mode; zero when it has ended.
#[must_use]
pub fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field is the name in brackets and may hold anything; user and system time are the
    // twelfth and thirteenth after it.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 1_000 / TICKS_PER_SECOND)
}

/// The most memory the process has held at once, in MiB; 0 when it has ended.
#[must_use]
pub fn rss_max_mib(pid: u32) -> u64 {
    status_kib(pid, "VmHWM:") / 1024
}

/// The memory the process holds now, in MiB; 0 when it has ended.
#[must_use]
pub fn rss_mib(pid: u32) -> u64 {
    status_kib(pid, "VmRSS:") / 1024
}

fn status_kib(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Bytes that all files under `dir` take on disk; what vanishes while we look counts nothing.
#[must_use]
pub fn disk_bytes(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    /// Bytes of a block as `stat` counts them.
    const BLOCK: u64 = 512;
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => metadata.blocks() * BLOCK,
        Err(_) => 0,
    });
    sizes.sum()
}

/// A set of latencies.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    micros: Vec<u64>,
}

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(MAX_LATENCY_US);
        self.micros.push(micros.min(MAX_LATENCY_US));
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Latencies) {
        self.micros.extend(other.micros);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.micros.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.micros.is_empty()
    }

    /// The least latency that `percent` of all do not exceed (nearest rank); zero when there is
    /// none.
    #[must_use]
    pub fn percentile(&mut self, percent: usize) -> Duration {
        self.micros.sort_unstable();
        let rank = (self.micros.len() * percent.min(100)).div_ceil(100).max(1);
        Duration::from_micros(self.micros.get(rank - 1).copied().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_cost_something() {
        let pid = std::process::id();
        let mut sum = 0_u64;
        while cpu_time(pid) < Duration::from_millis(20) {
            sum = sum.wrapping_mul(31).wrapping_add(std::hint::black_box(7));
        }
        assert!(rss_max_mib(pid) >= rss_mib(pid) && rss_mib(pid) > 0);
        assert_eq!(cpu_time(u32::MAX), Duration::ZERO);
        assert!(sum != 1);
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50), Duration::ZERO);
        for micros in [40, 10, 30, 20] {
            latencies.add(Duration::from_micros(micros));
        }
        assert_eq!(latencies.percentile(50), Duration::from_micros(20));
        assert_eq!(latencies.percentile(99), Duration::from_micros(40));
        assert_eq!(latencies.percentile(1), Duration::from_micros(10));
    }

    #[test]
    fn folders_are_measured_with_what_is_inside_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("inner")).unwrap();
        fs::write(dir.path().join("inner/file"), vec![1; 100_000]).unwrap();
        assert!(disk_bytes(dir.path()) >= 100_000);
    }
}
