//! How often a thing was scanned at this node, and what people reported about it.
//!
//! Local to the node and never on the ledger. Of a scan is kept: that there was one on that day,
//! and, when the phone says so, its offset from UTC in that hour ([`pattern::Tally`]). No address,
//! no name of a browser, no cookie, no place and no exact time is written anywhere. So that a page
//! that is loaded again counts once, the node remembers a hash of what the visitor's request looks
//! like, in memory, for an hour at most, under a key that is made anew each hour.

pub mod pattern;
pub mod reports;

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tracehold_chain::state::key::name_digest;
use tracehold_chain::state::table::{Batch, Table as _};

use self::pattern::{Tally, hour};
use self::reports::Reports;
use crate::store::sled_table::SledTable;

/// The folder's name in a data folder.
const FOLDER: &str = "scans";

/// Memory for reading tallies.
const CACHE_BYTES: u64 = 4 * 1024 * 1024;

/// Visitors that are told apart in one hour; those beyond are not counted.
const MAX_VISITORS: usize = 200_000;

/// Tallies that are written before they are flushed.
const FLUSH_EVERY: u32 = 16;

/// The scans and reports of a node. Cheap to clone.
#[derive(Clone)]
pub struct Scans {
    counts: Arc<Mutex<Counts>>,
    reports: Reports,
}

struct Counts {
    /// `None` when it cannot be opened; then nothing is counted.
    table: Option<SledTable>,
    /// The hour of `seen`.
    hour: u32,
    key: RandomState,
    seen: HashSet<u64>,
    unflushed: u32,
}

impl Drop for Counts {
    fn drop(&mut self) {
        if let Some(table) = &self.table {
            // A few counts may be lost; the log says so.
            drop(table.flush().inspect_err(|error| tracing::warn!(%error, "scan counts")));
        }
    }
}

fn table(dir: &Path) -> Option<SledTable> {
    let folder = dir.join(FOLDER);
    let open = || SledTable::open(&folder, CACHE_BYTES);
    let opened = open().or_else(|error| {
        tracing::warn!(%error, "the counts of scans are damaged and begin anew");
        SledTable::remove(&folder).and_then(|()| open())
    });
    opened.inspect_err(|error| tracing::error!(%error, "scans are not counted")).ok()
}

impl Scans {
    /// Opens those of the data folder `dir`. What cannot be opened is told in the log: pages are
    /// shown all the same.
    #[must_use]
    pub fn open(dir: &Path) -> Scans {
        let counts = Counts {
            table: table(dir),
            hour: 0,
            key: RandomState::new(),
            seen: HashSet::new(),
            unflushed: 0,
        };
        Scans { counts: Arc::new(Mutex::new(counts)), reports: Reports::open(dir) }
    }

    /// What people reported.
    #[must_use]
    pub fn reports(&self) -> &Reports {
        &self.reports
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the scans of a thing.
    #[must_use]
    pub fn of(&self, id: &str) -> Tally {
        self.counts().read(id)
    }

    /// Counts a scan of a thing by whoever looks like `visitor`, once in an hour.
    #[must_use]
    pub fn count(&self, id: &str, visitor: &[&[u8]], now_ms: u64) -> Tally {
        let mut counts = self.counts();
        let mut tally = counts.read(id);
        if counts.is_first(("scan", id, visitor), now_ms) {
            tally.count(now_ms);
            counts.write(id, &tally);
        }
        tally
    }

    /// Notes the offset from UTC that a visitor's phone says it has, once in an hour.
    #[must_use]
    pub fn note(&self, id: &str, visitor: &[&[u8]], offset_minutes: i16, now_ms: u64) -> Tally {
        let mut counts = self.counts();
        let mut tally = counts.read(id);
        // A thing that nobody was shown has no scans.
        if tally.total > 0 && counts.is_first(("zone", id, visitor), now_ms) {
            tally.note(now_ms, i8::try_from(offset_minutes.div_euclid(60)).unwrap_or(0));
            counts.write(id, &tally);
        }
        tally
    }

    /// Whether a visitor may report on a thing: once in an hour.
    #[must_use]
    pub fn may_report(&self, id: &str, visitor: &[&[u8]], now_ms: u64) -> bool {
        self.counts().is_first(("report", id, visitor), now_ms)
    }
}

impl Counts {
    fn read(&self, id: &str) -> Tally {
        let key = name_digest(id);
        let bytes = self.table.as_ref().and_then(|table| table.get(key.as_bytes()).ok().flatten());
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn write(&mut self, id: &str, tally: &Tally) {
        let (Some(table), Ok(bytes)) = (&self.table, serde_json::to_vec(tally)) else { return };
        let mut batch = Batch::default();
        batch.insert(name_digest(id).as_bytes().to_vec(), Some(bytes));
        self.unflushed += 1;
        let flush = self.unflushed >= FLUSH_EVERY;
        let written = table.apply(&batch).and_then(|()| if flush { table.flush() } else { Ok(()) });
        if flush {
            self.unflushed = 0;
        }
        if let Err(error) = written {
            tracing::error!(%error, "scans are not counted any more");
            self.table = None;
        }
    }

    /// Whether this is the first of its kind in this hour.
    fn is_first(&mut self, what: (&str, &str, &[&[u8]]), now_ms: u64) -> bool {
        let now = hour(now_ms);
        if now != self.hour {
            (self.hour, self.key, self.seen) = (now, RandomState::new(), HashSet::new());
        }
        let hash = self.key.hash_one(what);
        self.seen.len() < MAX_VISITORS && self.seen.insert(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    /// Promise P120: a page that is loaded again counts once, counts outlive the node, and nothing
    /// of a visitor is written.
    #[test]
    fn scans_are_counted_once_an_hour_and_hold_nothing_of_whoever_scans() {
        let dir = tempfile::tempdir().unwrap();
        let scans = Scans::open(dir.path());
        let (anna, ben): (&[&[u8]], &[&[u8]]) = (&[b"192.0.2.77", b"Phone/7"], &[b"192.0.2.78"]);
        assert_eq!(scans.note("urn:x:1", anna, 60, HOUR).zones, [], "nobody was shown it");
        for _ in 0..3 {
            assert_eq!(scans.count("urn:x:1", anna, 500_000 * HOUR).total, 1);
        }
        assert_eq!(scans.count("urn:x:1", ben, 500_000 * HOUR).total, 2);
        assert_eq!(scans.count("urn:x:1", anna, 500_001 * HOUR).total, 3);
        assert_eq!(scans.of("urn:x:2").total, 0);
        let _ = scans.note("urn:x:1", anna, 60, 500_001 * HOUR);
        let told = scans.note("urn:x:1", anna, -480, 500_001 * HOUR);
        assert_eq!(told.zones, [(500_001, 1)], "one phone is in one place");
        assert!(scans.may_report("urn:x:1", anna, 0) && !scans.may_report("urn:x:1", anna, 0));
        drop(scans);
        let again = Scans::open(dir.path());
        assert_eq!(again.of("urn:x:1"), told);
        drop(again);
        let mut files = vec![dir.path().join(FOLDER)];
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            for secret in [&b"192.0.2.77"[..], b"Phone/7", b"urn:x:1"] {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{path:?}");
            }
        }
    }
}
