//! The vote log: what this node has said in the height that is being decided.
//!
//! A validator that forgets its votes in a crash could vote twice, so every vote is synced here
//! before it leaves the node. Votes of decided heights are worth nothing: [`VoteLog::reset`] marks
//! a new height, and what was written before the mark is not given back. The mark needs no sync of
//! its own, as the next vote's sync covers it and losing it only brings back votes of a height that
//! the block log says is decided. When the file has grown, a reset replaces it by a new one.
//!
//! A file is a row of entries, and an entry is
//! `height u64 ‖ length u32 ‖ body crc u32 ‖ lead crc u32 ‖ body`, little-endian, CRC-32 (IEEE).
//! An entry without a body is the mark of a new height.

use std::sync::Arc;

use tracehold_chain::units::Height;

use super::disk::{Disk, looks_unwritten};
use crate::fault::Fault;

const FILE: &str = "votes.log";
const NEW_FILE: &str = "votes.new";
/// A reset replaces a file that has grown above this. The blocks voted on are logged too, so this
/// is some blocks long.
const REPLACE_ABOVE_BYTES: u64 = 16 * 1024 * 1024;
const LEAD_BYTES: usize = 20;

/// The votes of one height. There is one writer.
pub struct VoteLog {
    disk: Arc<dyn Disk>,
    height: Height,
    length: u64,
    unsynced: bool,
    replace_above: u64,
}

/// What was in the vote log when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Votes {
    /// The height they were cast in; 0 when there never were any.
    pub height: Height,
    /// What was appended, in order.
    pub entries: Vec<Vec<u8>>,
}

struct Entry {
    height: Height,
    body: Vec<u8>,
}

impl VoteLog {
    /// Opens the log of a folder, and makes it when there is none. An unfinished entry at the end,
    /// which no sync ever covered, is dropped.
    ///
    /// # Errors
    /// [`Fault`] when the folder cannot be read or written, or the log is damaged before its end:
    /// a node that does not know what it voted must not vote.
    pub fn open(disk: Arc<dyn Disk>) -> Result<(VoteLog, Votes), Fault> {
        VoteLog::open_with(disk, REPLACE_ABOVE_BYTES)
    }

    fn open_with(disk: Arc<dyn Disk>, replace_above: u64) -> Result<(VoteLog, Votes), Fault> {
        let names = disk.list()?;
        let exists = |name: &str| names.iter().any(|n| n == name);
        if exists(NEW_FILE) {
            disk.remove(NEW_FILE)?;
        }
        if !exists(FILE) {
            disk.create(FILE)?;
            disk.sync_folder()?;
        }
        let (entries, length) = read_entries(disk.as_ref())?;
        if length < disk.len(FILE)? {
            disk.truncate(FILE, length)?;
            disk.sync(FILE)?;
        }
        let height = entries.last().map_or(Height::GENESIS, |entry| entry.height);
        let bodies = entries.into_iter().filter(|e| e.height == height && !e.body.is_empty());
        let votes = Votes { height, entries: bodies.map(|entry| entry.body).collect() };
        Ok((VoteLog { disk, height, length, unsynced: false, replace_above }, votes))
    }

    /// The height that appended entries belong to.
    #[must_use]
    pub fn height(&self) -> Height {
        self.height
    }

    /// Adds an entry for the current height. It is durable after [`VoteLog::sync`].
    ///
    /// # Errors
    /// [`Fault`] when it cannot be written.
    ///
    /// # Panics
    /// When the entry is empty, which nothing we log is.
    pub fn append(&mut self, entry: &[u8]) -> Result<(), Fault> {
        assert!(!entry.is_empty(), "an empty entry would be a mark");
        self.write(entry)
    }

    fn write(&mut self, body: &[u8]) -> Result<(), Fault> {
        let bytes = encode(self.height, body);
        self.disk.append(FILE, &bytes)?;
        self.length += bytes.len() as u64;
        self.unsynced = true;
        Ok(())
    }

    /// Makes every appended entry durable.
    ///
    /// # Errors
    /// [`Fault`] when the disk cannot promise that. It must not be called again then.
    pub fn sync(&mut self) -> Result<(), Fault> {
        if self.unsynced {
            self.disk.sync(FILE)?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Begins `height`: entries of other heights are of no use any more. To be called only when
    /// the block below is synced.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be written.
    ///
    /// # Panics
    /// When `height` is below the current one: heights are decided in order.
    pub fn reset(&mut self, height: Height) -> Result<(), Fault> {
        assert!(height >= self.height, "heights are decided in order");
        if height == self.height {
            return Ok(());
        }
        self.height = height;
        if self.length > self.replace_above { self.replace() } else { self.write(&[]) }
    }

    /// A new file with nothing but the mark takes the place of the old one, all at once.
    fn replace(&mut self) -> Result<(), Fault> {
        let mark = encode(self.height, &[]);
        self.disk.create(NEW_FILE)?;
        self.disk.append(NEW_FILE, &mark)?;
        self.disk.sync(NEW_FILE)?;
        self.disk.rename(NEW_FILE, FILE)?;
        self.disk.sync_folder()?;
        self.length = mark.len() as u64;
        self.unsynced = false;
        Ok(())
    }
}

fn encode(height: Height, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("what we log about a vote is small");
    let mut bytes = Vec::with_capacity(LEAD_BYTES + body.len());
    bytes.extend_from_slice(&height.0.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// All finished entries, and where the last of them ends.
fn read_entries(disk: &dyn Disk) -> Result<(Vec<Entry>, u64), Fault> {
    let length = usize::try_from(disk.len(FILE)?).expect("a vote log fits memory");
    let mut bytes = vec![0; length];
    disk.read(FILE, 0, &mut bytes)?;
    let mut entries = Vec::new();
    let mut offset = 0;
    while let Some((entry, end)) = parse(&bytes, offset).map_err(|()| {
        let what = "the vote log is damaged: what is here was not written here";
        Fault::at(disk.describe(FILE), offset as u64, what)
    })? {
        entries.push(entry);
        offset = end;
    }
    Ok((entries, offset as u64))
}

/// The entry at `offset` and where it ends; `None` when nothing was finished there; an error when
/// it was, and is damaged.
fn parse(bytes: &[u8], offset: usize) -> Result<Option<(Entry, usize)>, ()> {
    let rest = &bytes[offset..];
    let Some((lead, after)) = rest.split_first_chunk::<LEAD_BYTES>() else { return Ok(None) };
    let (checked, crc) = lead.split_last_chunk::<4>().ok_or(())?;
    if crc32fast::hash(checked) != u32::from_le_bytes(*crc) {
        let unwritten = looks_unwritten(offset as u64, rest) && !entry_follows(rest);
        return if unwritten { Ok(None) } else { Err(()) };
    }
    let (height, sizes) = checked.split_first_chunk::<8>().ok_or(())?;
    let (length, crc) = sizes.split_first_chunk::<4>().ok_or(())?;
    let crc = u32::from_le_bytes(*crc.first_chunk().ok_or(())?);
    let length = u32::from_le_bytes(*length) as usize;
    let Some(body) = after.get(..length) else { return Ok(None) };
    if crc32fast::hash(body) != crc {
        let last = after.len() == length;
        let unwritten = looks_unwritten((offset + LEAD_BYTES) as u64, body);
        return if last && unwritten { Ok(None) } else { Err(()) };
    }
    let entry = Entry { height: Height(u64::from_le_bytes(*height)), body: body.to_vec() };
    Ok(Some((entry, offset + LEAD_BYTES + length)))
}

/// Whether an entry begins somewhere after the first byte: then what is there was finished once.
fn entry_follows(rest: &[u8]) -> bool {
    rest.windows(LEAD_BYTES).skip(1).any(|lead| {
        let (checked, crc) = lead.split_at(LEAD_BYTES - 4);
        checked.iter().any(|byte| *byte != 0) && crc32fast::hash(checked).to_le_bytes() == crc
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::MemoryDisk;
    use crate::store::memory_disk::Unsynced;

    fn open(disk: &MemoryDisk) -> (VoteLog, Votes) {
        VoteLog::open_with(Arc::new(disk.clone()), 200).unwrap()
    }

    #[test]
    fn votes_of_the_last_height_come_back_and_others_do_not() {
        let disk = MemoryDisk::new();
        let (mut log, votes) = open(&disk);
        assert_eq!(votes, Votes { height: Height(0), entries: Vec::new() });
        for height in 1..=20 {
            log.reset(Height(height)).unwrap();
            log.append(b"prevote").unwrap();
            log.append(b"precommit").unwrap();
            log.sync().unwrap();
        }
        let (_, votes) = open(&disk);
        let entries = vec![b"prevote".to_vec(), b"precommit".to_vec()];
        assert_eq!(votes, Votes { height: Height(20), entries });
        assert!(disk.len(FILE).unwrap() < 400, "old votes do not pile up");
    }

    #[test]
    fn a_flipped_bit_in_any_entry_is_found_and_named() {
        let disk = MemoryDisk::new();
        let (mut log, _) = open(&disk);
        log.reset(Height(1)).unwrap();
        log.append(b"one vote").unwrap();
        log.append(b"another vote").unwrap();
        log.sync().unwrap();
        for at in 0..disk.len(FILE).unwrap() {
            disk.damage(FILE, at, 4).unwrap();
            let fault = VoteLog::open(Arc::new(disk.clone())).err().unwrap();
            assert_eq!(fault.file(), Some(FILE));
            assert!(fault.offset().unwrap() <= at);
            disk.damage(FILE, at, 4).unwrap();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Promise P9. Whatever a crash leaves: the synced votes of the height are there, in order,
        /// perhaps followed by votes that were not synced; or, when a reset was not synced, votes
        /// of the height before, which is decided.
        #[test]
        fn no_crash_loses_a_synced_vote(
            steps in prop::collection::vec((0..4_u8, 1..80_usize), 1..40),
            kept in prop::collection::vec(any::<prop::sample::Index>(), 8),
        ) {
            let disk = MemoryDisk::new();
            let (mut log, _) = open(&disk);
            let mut said: Vec<Vec<u8>> = Vec::new();
            let (mut synced, mut synced_height) = (0, Height(0));
            for (number, (step, length)) in steps.into_iter().enumerate() {
                match step {
                    0 => {
                        let next = log.height().next();
                        log.reset(next).unwrap();
                        (said, synced) = (Vec::new(), 0);
                    }
                    1 => {
                        log.sync().unwrap();
                        (synced, synced_height) = (said.len(), log.height());
                    }
                    _ => {
                        let vote = vec![u8::try_from(number).unwrap() | 0x80; length];
                        log.append(&vote).unwrap();
                        said.push(vote);
                    }
                }
            }
            let last = log.height();
            let mut kept = kept.into_iter().cycle();
            disk.crash(&mut |what| {
                let (Unsynced::Names(most) | Unsynced::Bytes(_, most)) = what;
                kept.next().unwrap().index(most + 1)
            });
            let (mut log, votes) = open(&disk);
            prop_assert!(votes.height >= synced_height && votes.height <= last);
            if votes.height == last {
                prop_assert!(votes.entries.len() >= synced);
                prop_assert!(said.starts_with(&votes.entries));
            } else {
                prop_assert_eq!(synced, 0, "synced votes of the last height are lost");
            }
            log.reset(last.next()).unwrap();
            log.append(b"goes on").unwrap();
            log.sync().unwrap();
            let (_, votes) = open(&disk);
            prop_assert_eq!(votes.entries, vec![b"goes on".to_vec()]);
        }
    }
}
