//! The files of a real folder.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::disk::Disk;
use crate::fault::Fault;

/// Files kept open at a time. Those with unsynced bytes are kept open above this number: a failure
/// to write them out is reported only to who had them open.
const MAX_OPEN_FILES: usize = 64;

/// A folder on this machine.
pub struct FileDisk {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<String, OpenFile>,
    failed: Option<Fault>,
}

struct OpenFile {
    file: Arc<File>,
    unsynced: bool,
}

impl FileDisk {
    /// Opens a folder, and makes it when it is missing.
    ///
    /// # Errors
    /// [`Fault`] when it is no folder or cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<FileDisk, Fault> {
        let folder = folder.into();
        if !folder.is_dir() {
            std::fs::create_dir_all(&folder).map_err(|e| {
                Fault::in_file(folder.display().to_string(), format!("cannot be made: {e}"))
            })?;
            // What is synced in a folder is lost with the folder's own name.
            if let Some(parent) = folder.parent().filter(|parent| parent.is_dir()) {
                sync_folder(parent)?;
            }
        }
        Ok(FileDisk { folder, state: Mutex::default() })
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding the lock")
    }

    fn handle(&self, file: &str) -> Result<Arc<File>, Fault> {
        let mut state = self.state();
        if let Some(open) = state.open.get(file) {
            return Ok(Arc::clone(&open.file));
        }
        if state.open.len() >= MAX_OPEN_FILES {
            state.open.retain(|_, open| open.unsynced);
        }
        let opened = OpenOptions::new().read(true).append(true).open(self.path(file));
        let opened = Arc::new(opened.map_err(|e| self.fault(file, "cannot be opened", &e))?);
        let entry = OpenFile { file: Arc::clone(&opened), unsynced: false };
        state.open.insert(file.to_owned(), entry);
        Ok(opened)
    }

    fn fault(&self, file: &str, what: &str, error: &std::io::Error) -> Fault {
        Fault::in_file(self.describe(file), format!("{what}: {error}"))
    }

    /// Does a change, unless one failed before; remembers the first that fails.
    fn change(&self, work: impl FnOnce() -> Result<(), Fault>) -> Result<(), Fault> {
        if let Some(fault) = &self.state().failed {
            return Err(fault.clone());
        }
        work().inspect_err(|fault| self.state().failed = Some(fault.clone()))
    }

    fn mark(&self, file: &str, unsynced: bool) {
        if let Some(open) = self.state().open.get_mut(file) {
            open.unsynced = unsynced;
        }
    }
}

impl Disk for FileDisk {
    fn list(&self) -> Result<Vec<String>, Fault> {
        let describe = |e: std::io::Error| {
            Fault::in_file(self.folder.display().to_string(), format!("cannot be listed: {e}"))
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(describe)? {
            let entry = entry.map_err(describe)?;
            let is_file = entry.file_type().map_err(describe)?.is_file();
            // A name that is no text was not given by us.
            if let (true, Ok(name)) = (is_file, entry.file_name().into_string()) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn len(&self, file: &str) -> Result<u64, Fault> {
        let metadata = self.handle(file)?.metadata();
        Ok(metadata.map_err(|e| self.fault(file, "its length cannot be read", &e))?.len())
    }

    fn read(&self, file: &str, offset: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        let read = self.handle(file)?.read_exact_at(buffer, offset);
        read.map_err(|e| {
            let what = format!("{} bytes cannot be read: {e}", buffer.len());
            Fault::at(self.describe(file), offset, what)
        })
    }

    fn create(&self, file: &str) -> Result<(), Fault> {
        self.change(|| {
            let made =
                OpenOptions::new().read(true).append(true).create_new(true).open(self.path(file));
            let made = made.map_err(|e| self.fault(file, "cannot be made", &e))?;
            let entry = OpenFile { file: Arc::new(made), unsynced: true };
            self.state().open.insert(file.to_owned(), entry);
            Ok(())
        })
    }

    fn append(&self, file: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.change(|| {
            let handle = self.handle(file)?;
            self.mark(file, true);
            let written = (&*handle).write_all(bytes);
            written.map_err(|e| self.fault(file, "cannot be appended to", &e))
        })
    }

    fn sync(&self, file: &str) -> Result<(), Fault> {
        self.change(|| {
            let synced = self.handle(file)?.sync_data();
            synced.map_err(|e| self.fault(file, "cannot be synced", &e))?;
            self.mark(file, false);
            Ok(())
        })
    }

    fn truncate(&self, file: &str, length: u64) -> Result<(), Fault> {
        self.change(|| {
            let handle = self.handle(file)?;
            self.mark(file, true);
            handle.set_len(length).map_err(|e| self.fault(file, "cannot be cut off", &e))
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        self.change(|| {
            let renamed = std::fs::rename(self.path(from), self.path(to));
            renamed.map_err(|e| self.fault(from, "cannot be renamed", &e))?;
            let mut state = self.state();
            match state.open.remove(from) {
                Some(open) => state.open.insert(to.to_owned(), open),
                None => state.open.remove(to),
            };
            Ok(())
        })
    }

    fn remove(&self, file: &str) -> Result<(), Fault> {
        self.change(|| {
            self.state().open.remove(file);
            let removed = std::fs::remove_file(self.path(file));
            removed.map_err(|e| self.fault(file, "cannot be removed", &e))
        })
    }

    fn sync_folder(&self) -> Result<(), Fault> {
        self.change(|| sync_folder(&self.folder))
    }

    fn describe(&self, file: &str) -> String {
        self.path(file).display().to_string()
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Fault> {
    let synced = File::open(folder).and_then(|opened| opened.sync_all());
    synced
        .map_err(|e| Fault::in_file(folder.display().to_string(), format!("cannot be synced: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_appended_read_cut_renamed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let disk = FileDisk::open(folder.path().join("made")).unwrap();
        disk.create("a").unwrap();
        disk.append("a", b"one two").unwrap();
        disk.sync("a").unwrap();
        disk.truncate("a", 4).unwrap();
        disk.append("a", b"three").unwrap();
        disk.rename("a", "b").unwrap();
        disk.sync_folder().unwrap();
        assert_eq!(disk.list().unwrap(), ["b"]);
        assert_eq!(disk.len("b").unwrap(), 9);
        let mut buffer = [0; 5];
        disk.read("b", 4, &mut buffer).unwrap();
        assert_eq!(&buffer, b"three");
        let short = disk.read("b", 8, &mut buffer).unwrap_err();
        assert_eq!(short.offset(), Some(8));
        disk.remove("b").unwrap();
        assert!(disk.list().unwrap().is_empty());
    }

    #[test]
    fn nothing_is_tried_again_after_a_failed_change() {
        let folder = tempfile::tempdir().unwrap();
        let disk = FileDisk::open(folder.path()).unwrap();
        disk.create("a").unwrap();
        let first = disk.create("a").unwrap_err();
        assert_eq!(disk.append("a", b"x").unwrap_err(), first);
        assert_eq!(disk.sync("a").unwrap_err(), first);
        // Reading goes on: what was synced is still there.
        assert_eq!(disk.len("a").unwrap(), 0);
    }
}
