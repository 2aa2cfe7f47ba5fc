//! The seam to the files that the logs are made of.

use crate::fault::Fault;

/// Named append-only files in one folder.
///
/// Nothing here repairs anything: whatever fails is a [`Fault`]. After a failed append or sync
/// nobody can say what is on the disk (Linux forgets the pages it could not write), so nothing is
/// tried a second time: every later change answers with the first failure.
pub trait Disk: Send + Sync {
    /// The names of all files, sorted.
    ///
    /// # Errors
    /// [`Fault`] when the folder cannot be read.
    fn list(&self) -> Result<Vec<String>, Fault>;

    /// The length of a file in bytes.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be found out.
    fn len(&self, file: &str) -> Result<u64, Fault>;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// [`Fault`] when the file cannot be read or ends before the buffer is full.
    fn read(&self, file: &str, offset: u64, buffer: &mut [u8]) -> Result<(), Fault>;

    /// Makes a new empty file. Its name is durable after [`Disk::sync_folder`].
    ///
    /// # Errors
    /// [`Fault`] when it exists already or cannot be made.
    fn create(&self, file: &str) -> Result<(), Fault>;

    /// Adds bytes at the end of a file. They are durable after [`Disk::sync`].
    ///
    /// # Errors
    /// [`Fault`] when they cannot all be written.
    fn append(&self, file: &str, bytes: &[u8]) -> Result<(), Fault>;

    /// Makes everything appended to a file durable (`fdatasync`).
    ///
    /// # Errors
    /// [`Fault`] when the system cannot promise that.
    fn sync(&self, file: &str) -> Result<(), Fault>;

    /// Cuts a file off at `length`. Durable after [`Disk::sync`].
    ///
    /// # Errors
    /// [`Fault`] when it cannot be cut.
    fn truncate(&self, file: &str, length: u64) -> Result<(), Fault>;

    /// Gives a file another name, in place of whatever had that name, all at once. Durable after
    /// [`Disk::sync_folder`].
    ///
    /// # Errors
    /// [`Fault`] when it cannot be renamed.
    fn rename(&self, from: &str, to: &str) -> Result<(), Fault>;

    /// Removes a file. Durable after [`Disk::sync_folder`].
    ///
    /// # Errors
    /// [`Fault`] when it cannot be removed.
    fn remove(&self, file: &str) -> Result<(), Fault>;

    /// Makes every new, renamed and removed name durable.
    ///
    /// # Errors
    /// [`Fault`] when the system cannot promise that.
    fn sync_folder(&self) -> Result<(), Fault>;

    /// How messages to people call a file: its whole path.
    fn describe(&self, file: &str) -> String;
}

/// Bytes in a sector: what a disk writes whole or not at all.
const SECTOR: usize = 512;
/// The shortest stretch of zeros that is taken for a sector that was never written. Shorter ones
/// occur in good records.
const LEAST_ZEROS: usize = 16;

/// Whether `bytes`, which lie at `offset` of a file and are not what was written there, look like
/// a write that the machine did not finish: some file systems lengthen a file before they write
/// its sectors, and a sector that was never written reads as zeros. Anything else is damage.
pub(super) fn looks_unwritten(offset: u64, bytes: &[u8]) -> bool {
    let into_sector = usize::try_from(offset % SECTOR as u64).expect("less than a sector");
    let first = (SECTOR - into_sector).min(bytes.len());
    let (head, rest) = bytes.split_at(first);
    std::iter::once(head)
        .chain(rest.chunks(SECTOR))
        .any(|sector| sector.len() >= LEAST_ZEROS && sector.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_sectors_of_zeros_look_unwritten() {
        let mut bytes = vec![7; 2_000];
        assert!(!looks_unwritten(100, &bytes));
        bytes[600..1_100].fill(0);
        assert!(!looks_unwritten(100, &bytes), "zeros, but no whole sector of them");
        bytes[412..924].fill(0);
        assert!(looks_unwritten(100, &bytes));
        bytes.fill(7);
        bytes[1_948..].fill(0);
        assert!(looks_unwritten(100, &bytes), "the last sector, as far as the file goes");
    }
}
