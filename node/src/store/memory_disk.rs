//! A disk in memory that forgets what was not synced, for tests and simulation.
//!
//! It has no randomness of its own: whoever calls [`MemoryDisk::crash`] says how much of every
//! unsynced write survives, to the byte, so that one seed gives one run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::disk::Disk;
use crate::fault::Fault;

/// A folder in memory. Clones are the same folder.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

/// What of a disk is at stake in a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced<'a> {
    /// So many names made, changed or removed since the folder was synced; the first of them
    /// survive.
    Names(usize),
    /// So many bytes appended to this file since it was synced; the first of them survive. Zero
    /// bytes when an unsynced cut is at stake: it survives when at least one byte does.
    Bytes(&'a str, usize),
}

#[derive(Default)]
struct State {
    /// Names as programs see them.
    names: BTreeMap<String, u64>,
    /// Names as a crash leaves them, before `pending`.
    durable_names: BTreeMap<String, u64>,
    /// What was done to names since the folder was synced.
    pending: Vec<NameChange>,
    files: BTreeMap<u64, Contents>,
    next_file: u64,
    /// Syncs to go until one fails.
    fail_sync_in: Option<u64>,
    failed: Option<Fault>,
    syncs: u64,
}

#[derive(Clone)]
enum NameChange {
    Set(String, u64),
    Remove(String),
}

#[derive(Default)]
struct Contents {
    /// What programs see.
    live: Vec<u8>,
    /// What the disk holds.
    durable: Vec<u8>,
    /// The first bytes, which are the same in both.
    common: usize,
}

impl Contents {
    fn sync(&mut self) {
        self.durable.truncate(self.common);
        self.durable.extend_from_slice(&self.live[self.common..]);
        self.common = self.live.len();
    }

    /// The first `kept` bytes appended since the last sync survive.
    fn crash(&mut self, kept: usize) {
        let cut_is_lost = self.durable.len() > self.common && kept == 0;
        if !cut_is_lost {
            let end = self.live.len().min(self.common.saturating_add(kept));
            self.durable.truncate(self.common);
            self.durable.extend_from_slice(&self.live[self.common..end]);
        }
        self.live.clone_from(&self.durable);
        self.common = self.live.len();
    }
}

fn apply(names: &mut BTreeMap<String, u64>, change: &NameChange) {
    match change {
        NameChange::Set(name, file) => names.insert(name.clone(), *file),
        NameChange::Remove(name) => names.remove(name),
    };
}

impl State {
    fn change_name(&mut self, change: NameChange) {
        apply(&mut self.names, &change);
        self.pending.push(change);
    }

    fn id(&self, file: &str) -> Result<u64, Fault> {
        self.names.get(file).copied().ok_or_else(|| Fault::in_file(file, "there is no such file"))
    }

    fn contents(&mut self, file: &str) -> Result<&mut Contents, Fault> {
        let id = self.id(file)?;
        Ok(self.files.get_mut(&id).expect("every name has a file"))
    }

    fn usable(&self) -> Result<(), Fault> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Counts a sync, and fails it if its turn has come.
    fn count_sync(&mut self, file: &str) -> Result<(), Fault> {
        self.syncs += 1;
        match &mut self.fail_sync_in {
            Some(0) => {
                self.fail_sync_in = None;
                let fault = Fault::in_file(file, "cannot be synced: planned failure");
                self.failed = Some(fault.clone());
                Err(fault)
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl MemoryDisk {
    /// An empty folder.
    #[must_use]
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics while holding the lock")
    }

    /// The machine loses power and starts again. For each thing at stake, in a fixed order (the
    /// names first, then files by name), `keep` says how much of it survives; more than there is
    /// means all. Afterwards everything that is left is durable, and changes work again.
    pub fn crash(&self, keep: &mut dyn FnMut(Unsynced<'_>) -> usize) {
        let mut state = self.state();
        let state = &mut *state;
        let pending = std::mem::take(&mut state.pending);
        let kept = if pending.is_empty() { 0 } else { keep(Unsynced::Names(pending.len())) };
        for change in pending.iter().take(kept) {
            apply(&mut state.durable_names, change);
        }
        state.names = state.durable_names.clone();
        for (name, id) in &state.names {
            let contents = state.files.get_mut(id).expect("every name has a file");
            let unsynced = contents.live.len().saturating_sub(contents.common);
            if unsynced > 0 || contents.durable.len() > contents.common {
                contents.crash(keep(Unsynced::Bytes(name, unsynced)));
            }
        }
        let State { files, names, .. } = state;
        files.retain(|id, _| names.values().any(|named| named == id));
        state.failed = None;
        state.fail_sync_in = None;
    }

    /// Lets the sync after the next `successes` ones fail. Every change after that fails too, until
    /// [`MemoryDisk::crash`].
    pub fn fail_sync_after(&self, successes: u64) {
        self.state().fail_sync_in = Some(successes);
    }

    /// How many syncs there were, of files and of the folder.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Flips bits of a byte that is on the disk, as rot would.
    ///
    /// # Errors
    /// [`Fault`] when there is no such byte.
    pub fn damage(&self, file: &str, offset: u64, bits: u8) -> Result<(), Fault> {
        let mut state = self.state();
        let contents = state.contents(file)?;
        let index = usize::try_from(offset).unwrap_or(usize::MAX);
        let missing = || Fault::at(file, offset, "there is no such byte");
        *contents.live.get_mut(index).ok_or_else(missing)? ^= bits;
        if let Some(byte) = contents.durable.get_mut(index) {
            *byte ^= bits;
        }
        Ok(())
    }

    /// A copy of a file as programs see it.
    ///
    /// # Errors
    /// [`Fault`] when there is no such file.
    pub fn contents(&self, file: &str) -> Result<Vec<u8>, Fault> {
        Ok(self.state().contents(file)?.live.clone())
    }
}

impl Disk for MemoryDisk {
    fn list(&self) -> Result<Vec<String>, Fault> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn len(&self, file: &str) -> Result<u64, Fault> {
        Ok(self.state().contents(file)?.live.len() as u64)
    }

    fn read(&self, file: &str, offset: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        let mut state = self.state();
        let live = &state.contents(file)?.live;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(live.len());
        let found = &live[start..];
        if found.len() < buffer.len() {
            let what = format!("{} bytes cannot be read: the file ends", buffer.len());
            return Err(Fault::at(file, offset, what));
        }
        buffer.copy_from_slice(&found[..buffer.len()]);
        Ok(())
    }

    fn create(&self, file: &str) -> Result<(), Fault> {
        let mut state = self.state();
        state.usable()?;
        if state.names.contains_key(file) {
            return Err(Fault::in_file(file, "cannot be made: it exists"));
        }
        let id = state.next_file;
        state.next_file += 1;
        state.files.insert(id, Contents::default());
        state.change_name(NameChange::Set(file.to_owned(), id));
        Ok(())
    }

    fn append(&self, file: &str, bytes: &[u8]) -> Result<(), Fault> {
        let mut state = self.state();
        state.usable()?;
        state.contents(file)?.live.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&self, file: &str) -> Result<(), Fault> {
        let mut state = self.state();
        state.usable()?;
        state.count_sync(file)?;
        state.contents(file)?.sync();
        Ok(())
    }

    fn truncate(&self, file: &str, length: u64) -> Result<(), Fault> {
        let mut state = self.state();
        state.usable()?;
        let contents = state.contents(file)?;
        contents.live.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        contents.common = contents.common.min(contents.live.len());
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        let mut state = self.state();
        state.usable()?;
        let id = state.id(from)?;
        // One change on a real disk; here two that a crash could part, so the new name comes
        // first: the file is never without one.
        state.change_name(NameChange::Set(to.to_owned(), id));
        state.change_name(NameChange::Remove(from.to_owned()));
        Ok(())
    }

    fn remove(&self, file: &str) -> Result<(), Fault> {
        let mut state = self.state();
        state.usable()?;
        state.id(file)?;
        state.change_name(NameChange::Remove(file.to_owned()));
        Ok(())
    }

    fn sync_folder(&self) -> Result<(), Fault> {
        let mut state = self.state();
        state.usable()?;
        state.count_sync("the folder")?;
        state.durable_names = state.names.clone();
        state.pending.clear();
        Ok(())
    }

    fn describe(&self, file: &str) -> String {
        file.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crash_keeping(disk: &MemoryDisk, names: usize, bytes: usize) {
        disk.crash(&mut |what| match what {
            Unsynced::Names(_) => names,
            Unsynced::Bytes(..) => bytes,
        });
    }

    #[test]
    fn a_crash_keeps_what_was_synced_and_as_much_of_the_rest_as_told() {
        let disk = MemoryDisk::new();
        disk.create("a").unwrap();
        disk.sync_folder().unwrap();
        disk.append("a", b"synced").unwrap();
        disk.sync("a").unwrap();
        disk.append("a", b" and not").unwrap();
        disk.create("b").unwrap();
        crash_keeping(&disk, 0, 3);
        assert_eq!(disk.list().unwrap(), ["a"]);
        assert_eq!(disk.contents("a").unwrap(), b"synced an");
    }

    #[test]
    fn an_unsynced_cut_can_come_undone() {
        let disk = MemoryDisk::new();
        disk.create("a").unwrap();
        disk.append("a", b"torn").unwrap();
        disk.sync("a").unwrap();
        disk.sync_folder().unwrap();
        disk.truncate("a", 1).unwrap();
        crash_keeping(&disk, 0, 0);
        assert_eq!(disk.contents("a").unwrap(), b"torn");
        disk.truncate("a", 1).unwrap();
        disk.sync("a").unwrap();
        crash_keeping(&disk, 0, 0);
        assert_eq!(disk.contents("a").unwrap(), b"t");
    }

    #[test]
    fn a_failed_sync_is_final_until_the_machine_starts_again() {
        let disk = MemoryDisk::new();
        disk.create("a").unwrap();
        disk.fail_sync_after(1);
        disk.sync_folder().unwrap();
        disk.append("a", b"x").unwrap();
        let fault = disk.sync("a").unwrap_err();
        assert_eq!(disk.sync("a").unwrap_err(), fault);
        assert_eq!(disk.append("a", b"y").unwrap_err(), fault);
        crash_keeping(&disk, 0, 0);
        disk.append("a", b"y").unwrap();
        disk.sync("a").unwrap();
        assert_eq!(disk.contents("a").unwrap(), b"y");
    }
}
