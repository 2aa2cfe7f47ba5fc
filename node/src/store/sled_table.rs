//! The table that queries read: one sled tree.
//!
//! sled 0.34 has known damage after abrupt stops, its `flush` is no fsync, and where it finds
//! damage it may panic. So nothing here is the only copy of anything: whatever goes wrong is a
//! [`TableError`], leaves a mark beside the folder, and at the next start the table is built again
//! from the block log.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tracehold_chain::state::table::{Batch, Pair, Table, TableError};

use super::squeeze::{squeeze, unsqueeze};

/// One collection frees at most 512 things; a written key leaves several.
const KEYS_PER_COLLECTION: usize = 64;
/// Collections after any batch: what was left now is free after two more turns.
const LEAST_COLLECTIONS: usize = 16;

/// A sled tree in a folder of its own.
pub struct SledTable {
    tree: sled::Tree,
    db: sled::Db,
    folder: PathBuf,
    damaged: AtomicBool,
}

impl SledTable {
    /// Opens the table of a folder, empty when there is none. `cache_bytes` is what sled is told to
    /// keep in memory; it can take a multiple of that.
    ///
    /// # Errors
    /// [`TableError`] when it is damaged, was found damaged before, or cannot be opened: it is to
    /// be removed ([`SledTable::remove`]) and built again.
    pub fn open(folder: &Path, cache_bytes: u64) -> Result<SledTable, TableError> {
        if mark_path(folder).exists() {
            return Err(TableError("it was found damaged before".into()));
        }
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(cache_bytes)
            // The writer flushes; a thread of sled's own would only get in its way.
            .flush_every_ms(None);
        let db = caught(|| config.open())?;
        let tree: sled::Tree = (*db).clone();
        let folder = folder.to_owned();
        Ok(SledTable { tree, db, folder, damaged: AtomicBool::new(false) })
    }

    /// Removes the table of a folder, open or damaged or not there.
    ///
    /// # Errors
    /// [`TableError`] when the system does not let us.
    pub fn remove(folder: &Path) -> Result<(), TableError> {
        let absent = |e: &std::io::Error| e.kind() == std::io::ErrorKind::NotFound;
        let removed = match fs::remove_dir_all(folder) {
            Err(error) if !absent(&error) => Err((folder.to_owned(), error)),
            _ => match fs::remove_file(mark_path(folder)) {
                Err(error) if !absent(&error) => Err((mark_path(folder), error)),
                _ => Ok(()),
            },
        };
        removed.map_err(|(path, error)| {
            TableError(format!("{} cannot be removed: {error}", path.display()))
        })
    }

    /// Writes what sled holds back. A kill loses nothing that was flushed; a power cut may.
    ///
    /// # Errors
    /// [`TableError`] when it cannot be written.
    pub fn flush(&self) -> Result<(), TableError> {
        self.checked(|| self.db.flush()).map(|_| ())
    }

    /// Leaves a mark: the table is not opened again before it was built anew.
    pub fn mark_damaged(&self) {
        if !self.damaged.swap(true, Ordering::Relaxed)
            && let Err(error) = fs::write(mark_path(&self.folder), b"")
        {
            tracing::error!(%error, folder = %self.folder.display(), "cannot mark the table");
        }
    }

    fn checked<T>(&self, work: impl FnOnce() -> sled::Result<T>) -> Result<T, TableError> {
        caught(work).inspect_err(|_| self.mark_damaged())
    }

    fn pairs(
        &self,
        pairs: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
        limit: usize,
    ) -> Result<Vec<Pair>, TableError> {
        self.checked(|| {
            pairs
                .take(limit)
                .map(|pair| pair.and_then(|(k, v)| Ok((k.to_vec(), whole(&v)?))))
                .collect()
        })
    }
}

/// The mark of a damaged table lies beside its folder, which belongs to sled.
fn mark_path(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".damaged");
    PathBuf::from(name)
}

/// Frees the old versions of pages that a batch of so many keys has left. sled collects them a few
/// at a time when it begins an operation, and a batch of thousands of keys is one operation: left
/// alone, batches leave garbage faster than it is collected, gigabytes of it.
fn collect_garbage(keys: usize) {
    for _ in 0..keys / KEYS_PER_COLLECTION + LEAST_COLLECTIONS {
        crossbeam_epoch::pin().flush();
    }
}

fn whole(kept: &[u8]) -> sled::Result<Vec<u8>> {
    unsqueeze(kept).ok_or_else(|| sled::Error::ReportableBug("a value is damaged".into()))
}

fn caught<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, TableError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(TableError(error.to_string())),
        Err(_) => Err(TableError("sled panicked".into())),
    }
}

impl Table for SledTable {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        self.checked(|| self.tree.get(key)?.as_deref().map(whole).transpose())
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, TableError> {
        if from >= to {
            return Ok(Vec::new());
        }
        self.pairs(self.tree.range(from..to), limit)
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, TableError> {
        if from >= to {
            return Ok(Vec::new());
        }
        self.pairs(self.tree.range(from..to).rev(), limit)
    }

    fn apply_all(&self, batches: &[&Batch]) -> Result<(), TableError> {
        let mut merged = sled::Batch::default();
        let mut keys = 0;
        for (key, value) in batches.iter().copied().flatten() {
            keys += 1;
            match value {
                Some(value) => merged.insert(key.as_slice(), squeeze(value)),
                None => merged.remove(key.as_slice()),
            }
        }
        self.checked(|| self.tree.apply_batch(merged))?;
        collect_garbage(keys);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tracehold_chain::state::MemoryTable;

    use super::*;

    const CACHE: u64 = 1024 * 1024;

    #[test]
    fn a_table_marked_damaged_is_not_opened_before_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        let table = SledTable::open(&path, CACHE).unwrap();
        table.apply(&Batch::from([(b"a".to_vec(), Some(b"1".to_vec()))])).unwrap();
        table.mark_damaged();
        drop(table);
        assert!(SledTable::open(&path, CACHE).is_err());
        SledTable::remove(&path).unwrap();
        let table = SledTable::open(&path, CACHE).unwrap();
        assert_eq!(table.get(b"a").unwrap(), None);
    }

    #[test]
    fn a_damaged_folder_is_an_error_and_not_the_end_of_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        let table = SledTable::open(&path, CACHE).unwrap();
        for n in 0..2_000_u32 {
            let entry = (n.to_be_bytes().to_vec(), Some(vec![7; 200]));
            table.apply(&Batch::from([entry])).unwrap();
        }
        table.flush().unwrap();
        drop(table);
        fs::write(path.join("conf"), b"not what sled wrote").unwrap();
        assert!(SledTable::open(&path, CACHE).is_err());
        SledTable::remove(&path).unwrap();
        SledTable::open(&path, CACHE).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// sled behind the seam answers as the table in memory does, also after reopening.
        #[test]
        fn it_answers_as_a_table_in_memory_does(
            batches in prop::collection::vec(
                prop::collection::btree_map(
                    prop::collection::vec(0..4_u8, 0..3),
                    prop::option::of(prop::collection::vec(any::<u8>(), 0..4)),
                    0..8,
                ),
                1..6,
            ),
            from in prop::collection::vec(0..4_u8, 0..3),
            to in prop::collection::vec(0..5_u8, 0..3),
            limit in 0..6_usize,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let model = MemoryTable::default();
            let table = SledTable::open(folder.path(), CACHE).unwrap();
            for batch in &batches {
                model.apply(batch).unwrap();
                table.apply(batch).unwrap();
            }
            table.flush().unwrap();
            drop(table);
            let table = SledTable::open(folder.path(), CACHE).unwrap();
            prop_assert_eq!(table.get(&from).unwrap(), model.get(&from).unwrap());
            let (ours, theirs) = (table.range(&from, &to, limit), model.range(&from, &to, limit));
            prop_assert_eq!(ours.unwrap(), theirs.unwrap());
            let ours = table.range_back(&from, &to, limit);
            prop_assert_eq!(ours.unwrap(), model.range_back(&from, &to, limit).unwrap());
        }
    }
}
