//! The folder of pictures: one file for each, named by its SHA-256.
//!
//! `uploaded/` has what was given to this node; it stays. `cached/` has what came from peers; when
//! it is full, what was not used for longest goes. A file is written under another name and
//! renamed when it is synced, so that a name always stands for the whole. What is read is checked:
//! a damaged file is removed and never given out.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use tracehold_chain::digest::Digest;

use crate::fault::Fault;
use crate::store::sync_folder;

/// The folder's name in a data folder.
pub const PICTURES_FOLDER: &str = "pictures";
/// Where what was given to this node is.
const UPLOADED: &str = "uploaded";
/// Where what came from peers is.
const CACHED: &str = "cached";
/// A file that is being written begins so.
const UNFINISHED: &str = ".unfinished-";
/// A cached picture's time of use is written to its file at most this often.
const NOTE_USE_AFTER: Duration = Duration::from_secs(3_600);

/// How much the folder may hold.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Bytes of all pictures that were given to this node.
    pub uploaded_bytes: u64,
    /// Bytes of all pictures that came from peers.
    pub cached_bytes: u64,
}

/// Why a picture was not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// No room for another upload.
    #[error("this node keeps {limit} bytes of pictures, which is the limit")]
    Full {
        /// The limit.
        limit: u64,
    },
    /// The disk.
    #[error("the picture could not be written: {0}")]
    Io(#[from] io::Error),
}

/// The folder.
pub struct Store {
    folder: PathBuf,
    limits: StoreLimits,
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    pictures: HashMap<Digest, Kept>,
    uploaded_bytes: u64,
    cached_bytes: u64,
    /// Counts uses: the larger, the later.
    clock: u64,
    unfinished: u64,
}

struct Kept {
    bytes: u64,
    uploaded: bool,
    used: u64,
    noted: SystemTime,
}

impl Store {
    /// Opens the folder in the data folder `dir`, and makes it when it is missing.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be made or read.
    pub fn open(dir: &Path, limits: StoreLimits) -> Result<Store, Fault> {
        let folder = dir.join(PICTURES_FOLDER);
        let fault = |error: io::Error| {
            Fault::in_file(folder.display().to_string(), format!("cannot be opened: {error}"))
        };
        let found = scan(&folder).map_err(fault)?;
        let mut index = Index::default();
        for (digest, bytes, uploaded, used) in found {
            index.add(digest, bytes, uploaded, used);
        }
        let store = Store { folder, limits, index: Mutex::new(index) };
        store.make_room(0);
        Ok(store)
    }

    /// Keeps a picture that was given to this node; `true` when it is new here.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn upload(&self, bytes: &[u8]) -> Result<(Digest, bool), NotKept> {
        let digest = Digest::of_file(bytes);
        let length = length(bytes);
        let was_uploaded = {
            let index = self.index();
            let known = index.pictures.get(&digest).map(|kept| kept.uploaded);
            let room = self.limits.uploaded_bytes.saturating_sub(index.uploaded_bytes);
            if known != Some(true) && length > room {
                return Err(NotKept::Full { limit: self.limits.uploaded_bytes });
            }
            known
        };
        if was_uploaded == Some(true) && self.read(&digest).is_some() {
            return Ok((digest, false));
        }
        self.write(UPLOADED, &digest, bytes)?;
        let mut index = self.index();
        if index.remove(&digest).is_some_and(|before| !before.uploaded) {
            // Kept twice for a moment rather than not at all.
            let _ = fs::remove_file(self.path(CACHED, &digest));
        }
        index.add(digest, length, true, SystemTime::now());
        Ok((digest, was_uploaded.is_none()))
    }

    /// Keeps a picture that came from a peer, and removes what was not used for longest when there
    /// is no room.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn cache(&self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        let length = length(bytes);
        if length > self.limits.cached_bytes || self.index().pictures.contains_key(&digest) {
            return Ok(());
        }
        self.make_room(length);
        self.write(CACHED, &digest, bytes)?;
        let mut index = self.index();
        if index.pictures.contains_key(&digest) {
            return Ok(());
        }
        index.add(digest, length, false, SystemTime::now());
        Ok(())
    }

    /// The picture with this digest; `None` when it is not here, or damaged.
    #[must_use]
    pub fn read(&self, digest: &Digest) -> Option<Vec<u8>> {
        let (uploaded, note_use) = {
            let mut index = self.index();
            index.clock += 1;
            let now = index.clock;
            let kept = index.pictures.get_mut(digest)?;
            kept.used = now;
            let since = SystemTime::now().duration_since(kept.noted).unwrap_or_default();
            let note_use = !kept.uploaded && since > NOTE_USE_AFTER;
            if note_use {
                kept.noted = SystemTime::now();
            }
            (kept.uploaded, note_use)
        };
        let path = self.path(if uploaded { UPLOADED } else { CACHED }, digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a picture cannot be read");
                // It may be there again when, say, fewer files are open.
                if error.kind() == io::ErrorKind::NotFound {
                    self.forget(digest, uploaded);
                }
                return None;
            }
        };
        if Digest::of_file(&bytes) != *digest {
            tracing::error!(path = %path.display(), "a picture is damaged; it is removed");
            let _ = fs::remove_file(&path);
            self.forget(digest, uploaded);
            return None;
        }
        if note_use {
            // Only the order of removal after a restart depends on it.
            let _ = File::options()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_modified(SystemTime::now()));
        }
        Some(bytes)
    }

    /// Forgets a picture, unless it was uploaded since it was looked for among the cached.
    fn forget(&self, digest: &Digest, uploaded: bool) {
        let mut index = self.index();
        if index.pictures.get(digest).is_some_and(|kept| kept.uploaded == uploaded) {
            index.remove(digest);
        }
    }

    /// Bytes kept: given to this node, and of peers.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        let index = self.index();
        (index.uploaded_bytes, index.cached_bytes)
    }

    /// Removes the cached pictures that were not used for longest until `bytes` more fit.
    fn make_room(&self, bytes: u64) {
        let mut index = self.index();
        while index.cached_bytes.saturating_add(bytes) > self.limits.cached_bytes {
            let cached = index.pictures.iter().filter(|(_, kept)| !kept.uploaded);
            let oldest = cached.min_by_key(|(_, kept)| kept.used).map(|(digest, _)| *digest);
            let Some(oldest) = oldest else { return };
            index.remove(&oldest);
            if let Err(error) = fs::remove_file(self.path(CACHED, &oldest)) {
                tracing::warn!(picture = %oldest, %error, "a cached picture cannot be removed");
            }
        }
    }

    fn write(&self, part: &str, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder.join(part);
        let number = {
            let mut index = self.index();
            index.unfinished += 1;
            index.unfinished
        };
        let unfinished = folder.join(format!("{UNFINISHED}{number}"));
        let written = (|| {
            let mut file = File::create(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, self.path(part, digest))?;
            sync_folder(&folder).map_err(io::Error::other)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    fn path(&self, part: &str, digest: &Digest) -> PathBuf {
        self.folder.join(part).join(digest.to_string())
    }

    fn index(&self) -> std::sync::MutexGuard<'_, Index> {
        self.index.lock().expect("nobody panics while holding the lock")
    }
}

impl Index {
    fn add(&mut self, digest: Digest, bytes: u64, uploaded: bool, noted: SystemTime) {
        self.remove(&digest);
        self.clock += 1;
        let total = if uploaded { &mut self.uploaded_bytes } else { &mut self.cached_bytes };
        *total = total.saturating_add(bytes);
        self.pictures.insert(digest, Kept { bytes, uploaded, used: self.clock, noted });
    }

    fn remove(&mut self, digest: &Digest) -> Option<Kept> {
        let kept = self.pictures.remove(digest)?;
        let total = if kept.uploaded { &mut self.uploaded_bytes } else { &mut self.cached_bytes };
        *total = total.saturating_sub(kept.bytes);
        Some(kept)
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The pictures of a folder, from the one that was not used for longest; makes what is missing and
/// removes what was not finished.
fn scan(folder: &Path) -> io::Result<Vec<(Digest, u64, bool, SystemTime)>> {
    let mut found = Vec::new();
    for (part, uploaded) in [(CACHED, false), (UPLOADED, true)] {
        let part = folder.join(part);
        fs::create_dir_all(&part)?;
        for entry in fs::read_dir(&part)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
                continue;
            }
            let metadata = entry.metadata()?;
            match name.parse::<Digest>() {
                Ok(digest) if metadata.is_file() => {
                    let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    found.push((digest, metadata.len(), uploaded, used));
                }
                _ => tracing::warn!(path = %entry.path().display(), "this is no picture"),
            }
        }
    }
    // A picture in both places is an upload: it comes last, and stands.
    found.sort_by_key(|(_, _, uploaded, used)| (*uploaded, *used));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: StoreLimits = StoreLimits { uploaded_bytes: 100, cached_bytes: 100 };

    fn cache(store: &Store, bytes: &[u8]) -> Digest {
        let digest = Digest::of_file(bytes);
        store.cache(digest, bytes).unwrap();
        digest
    }

    #[test]
    fn uploads_stay_and_are_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), SMALL).unwrap();
        let (digest, new) = store.upload(&[1; 60]).unwrap();
        assert!(new);
        assert_eq!(store.upload(&[1; 60]).unwrap(), (digest, false));
        assert!(matches!(store.upload(&[2; 41]), Err(NotKept::Full { limit: 100 })));
        assert_eq!(store.bytes(), (60, 0));
        fs::write(dir.path().join("pictures/uploaded/.unfinished-7"), b"half").unwrap();
        let store = Store::open(dir.path(), SMALL).unwrap();
        assert_eq!(store.read(&digest), Some(vec![1; 60]));
        assert_eq!(fs::read_dir(dir.path().join("pictures/uploaded")).unwrap().count(), 1);
    }

    #[test]
    fn the_cache_lets_go_of_what_was_not_used_for_longest() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), SMALL).unwrap();
        let (upload, _) = store.upload(&[9; 90]).unwrap();
        let [a, b, c] = [1, 2, 3].map(|n| cache(&store, &[n; 30]));
        assert_eq!(store.read(&a), Some(vec![1; 30]));
        let d = cache(&store, &[4; 30]);
        assert_eq!(store.read(&b), None, "it was not used for longest");
        assert!([a, c, d, upload].iter().all(|kept| store.read(kept).is_some()));
        assert_eq!(store.bytes(), (90, 90));
        // Larger than the whole cache: shown once, not kept.
        let large = cache(&store, &[5; 101]);
        assert_eq!((store.read(&large), store.bytes()), (None, (90, 90)));
        // What was cached and is then given to this node stays.
        assert!(matches!(store.upload(&[1; 30]), Err(NotKept::Full { .. })));
        let tight = StoreLimits { uploaded_bytes: 200, cached_bytes: 10 };
        let store = Store::open(dir.path(), tight).unwrap();
        assert_eq!(store.bytes(), (90, 0), "a smaller limit holds from the start");
    }

    #[test]
    fn a_cached_picture_that_is_uploaded_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), SMALL).unwrap();
        let digest = cache(&store, &[1; 30]);
        assert_eq!(store.upload(&[1; 30]).unwrap(), (digest, false));
        assert_eq!(store.bytes(), (30, 0));
        let store = Store::open(dir.path(), SMALL).unwrap();
        assert_eq!((store.bytes(), store.read(&digest)), ((30, 0), Some(vec![1; 30])));
    }

    /// Promise P33.
    #[test]
    fn a_damaged_file_is_never_given_out() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), SMALL).unwrap();
        let (digest, _) = store.upload(&[1; 30]).unwrap();
        fs::write(dir.path().join(format!("pictures/uploaded/{digest}")), [2; 30]).unwrap();
        assert_eq!(store.read(&digest), None);
        assert_eq!(store.bytes(), (0, 0));
        assert_eq!(store.upload(&[1; 30]).unwrap().0, digest, "it can be given again");
        assert_eq!(store.read(&digest), Some(vec![1; 30]));
    }
}
