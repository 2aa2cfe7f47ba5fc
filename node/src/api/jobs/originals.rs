//! Documents that were captured in another form than they are recorded in, as they came.
//!
//! An event captured strictly from JSON is on the ledger as it was given. Of a document in XML, or
//! one that the lenient reading changed, the ledger has what it was read as; the document itself
//! is kept here, byte for byte, by this node alone: no other node has it and nobody agreed on it,
//! but its SHA-256 stands in the job. When there is no more room the oldest go first.
//!
//! ```text
//! DIR/capture/originals/0c3986e8…     one file a job, named like it
//! ```

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The folder's name.
const FOLDER: &str = "originals";

/// Documents are their member's alone.
const MODE: u32 = 0o600;

/// The folder of originals. Clones are the same.
#[derive(Clone)]
pub struct Originals {
    folder: PathBuf,
    room: u64,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    /// Oldest first, with their bytes.
    files: VecDeque<(String, u64)>,
    bytes: u64,
}

impl Originals {
    /// Opens the originals in `folder`, with room for so many bytes. `known` are the jobs that are
    /// remembered, oldest first; what belongs to no job is removed.
    ///
    /// # Errors
    /// What the system says of the folder.
    pub fn open(
        folder: &Path,
        room: u64,
        known: impl Iterator<Item = String>,
    ) -> io::Result<Originals> {
        let folder = folder.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let mut kept = Kept::default();
        for id in known {
            if let Ok(metadata) = fs::metadata(folder.join(&id)) {
                kept.bytes += metadata.len();
                kept.files.push_back((id, metadata.len()));
            }
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if !kept.files.iter().any(|(id, _)| name == id.as_str()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Originals { folder, room, kept: Arc::new(Mutex::new(kept)) })
    }

    /// Keeps the document of a job; it is durable when this returns. May wait for the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep(&self, id: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.folder.join(id);
        let written = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&path);
        let written = written.and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            File::open(&self.folder)?.sync_all()
        });
        if let Err(error) = written {
            // What there is of it says nothing.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let mut gone = Vec::new();
        {
            let mut kept = self.lock();
            kept.files.push_back((id.to_owned(), size));
            kept.bytes = kept.bytes.saturating_add(size);
            while kept.bytes > self.room
                && kept.files.len() > 1
                && let Some((oldest, size)) = kept.files.pop_front()
            {
                kept.bytes -= size;
                gone.push(oldest);
            }
        }
        gone.iter().for_each(|id| self.unlink(id));
        Ok(())
    }

    /// The document of a job; `None` when it is not kept (any more). May wait for the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(&self, id: &str) -> io::Result<Option<Vec<u8>>> {
        // An id that is none of ours leads nowhere.
        if !self.lock().files.iter().any(|(kept, _)| kept == id) {
            return Ok(None);
        }
        match fs::read(self.folder.join(id)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Forgets the document of a job.
    pub fn forget(&self, id: &str) {
        let mut kept = self.lock();
        let Some(at) = kept.files.iter().position(|(kept, _)| kept == id) else { return };
        let size = kept.files.remove(at).map_or(0, |(_, size)| size);
        kept.bytes -= size;
        drop(kept);
        self.unlink(id);
    }

    fn unlink(&self, id: &str) {
        if let Err(error) = fs::remove_file(self.folder.join(id)) {
            tracing::warn!(job = id, %error, "the original of a capture job cannot be removed");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().expect("no one panics while holding the list")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P99.
    #[test]
    fn originals_come_back_byte_for_byte_and_the_oldest_go_when_there_is_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let originals = Originals::open(dir.path(), 10, std::iter::empty()).unwrap();
        originals.keep("a", b"12345").unwrap();
        originals.keep("b", b"\xff\x00<x>").unwrap();
        assert_eq!(originals.read("b").unwrap().unwrap(), b"\xff\x00<x>");
        originals.keep("c", b"1").unwrap();
        assert!(originals.read("a").unwrap().is_none());
        assert!(originals.read("../secret").unwrap().is_none());
        // A crash left one without its job.
        fs::write(dir.path().join(FOLDER).join("d"), "half").unwrap();
        let known = ["a", "b", "c"].map(str::to_owned);
        let originals = Originals::open(dir.path(), 10, known.into_iter()).unwrap();
        assert_eq!(originals.read("c").unwrap().unwrap(), b"1");
        assert_eq!(fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), 2);
        originals.forget("b");
        originals.keep("e", b"123456789").unwrap();
        assert!(originals.read("c").unwrap().is_some(), "forgetting makes room");
    }
}
