//! The block log: every decided block with its certificate, in order, for ever.
//!
//! Segments of about 64 MiB are named by the height of their first block. A block that was synced
//! is never changed again. What a crash can leave behind is one unfinished record at the very end;
//! it is cut off when the log is opened. Damage anywhere else is a [`Fault`] that names the file
//! and the byte: this log is the truth, and nothing in it is skipped in silence.

mod reader;
mod record;
mod scan;

use std::sync::Arc;

use tracehold_chain::certificate::DecidedBlock;
use tracehold_chain::codec;
use tracehold_chain::units::Height;

pub use reader::{BlockReader, EncodedBundle, StoredHeader};

use super::disk::Disk;
use crate::fault::Fault;
use reader::Place;

/// A segment that has grown to this many bytes is followed by a new one.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// The end of the log that a crash left unfinished, cut off when the log was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub file: String,
    /// Where the unfinished record began.
    pub offset: u64,
    /// How many bytes there were of it.
    pub bytes: u64,
}

/// The writing end of the log; there is one.
pub struct BlockLog {
    reader: BlockReader,
    segment_bytes: u64,
    /// The last segment and its length; `None` before the first block.
    last: Option<(String, u64)>,
    /// Appended and not yet synced: not yet readable.
    unsynced: Vec<Place>,
    torn: Option<TornTail>,
}

impl BlockLog {
    /// Opens the log of a folder, empty if there is none.
    ///
    /// Reads the record heads of all segments and checks the last segment in full; an unfinished
    /// record at the very end is cut off (see [`BlockLog::torn_tail`]).
    ///
    /// # Errors
    /// [`Fault`] when the folder cannot be read, a segment is missing, or anything else is damaged.
    pub fn open(disk: Arc<dyn Disk>) -> Result<BlockLog, Fault> {
        BlockLog::open_with(disk, SEGMENT_BYTES)
    }

    fn open_with(disk: Arc<dyn Disk>, segment_bytes: u64) -> Result<BlockLog, Fault> {
        let scanned = scan::scan(disk.as_ref())?;
        if let Some(torn) = &scanned.torn {
            disk.truncate(&torn.file, torn.offset)?;
            disk.sync(&torn.file)?;
        }
        Ok(BlockLog {
            reader: BlockReader::new(disk, scanned.index),
            segment_bytes,
            last: scanned.last,
            unsynced: Vec::new(),
            torn: scanned.torn,
        })
    }

    /// Looks at the log of a folder and changes nothing, an unfinished end included, so that it can
    /// be used beside a running node.
    ///
    /// # Errors
    /// As [`BlockLog::open`].
    pub fn read_only(disk: Arc<dyn Disk>) -> Result<(BlockReader, Option<TornTail>), Fault> {
        let scanned = scan::scan(disk.as_ref())?;
        Ok((BlockReader::new(disk, scanned.index), scanned.torn))
    }

    /// What was cut off when the log was opened.
    #[must_use]
    pub fn torn_tail(&self) -> Option<&TornTail> {
        self.torn.as_ref()
    }

    /// A reader of the synced blocks.
    #[must_use]
    pub fn reader(&self) -> BlockReader {
        self.reader.clone()
    }

    /// The height of the last synced block; 0 before the first.
    #[must_use]
    pub fn tip(&self) -> Height {
        self.reader.tip()
    }

    /// Appends the next block. It is durable, and readable, after [`BlockLog::sync`].
    ///
    /// # Errors
    /// [`Fault`] when it cannot be written.
    ///
    /// # Panics
    /// When the block is not the one above the last: deciding blocks out of order is our bug.
    pub fn append(&mut self, decided: &DecidedBlock) -> Result<(), Fault> {
        let height = decided.block.header.height;
        let next = self.tip().0 + self.unsynced.len() as u64 + 1;
        assert_eq!(height.0, next, "blocks are logged in order");
        let mut parts = Vec::with_capacity(decided.block.bundles.len() + 1);
        parts.push(codec::encode(&(&decided.block.header, &decided.certificate)));
        parts.extend(decided.block.bundles.iter().map(codec::encode));
        let record = record::build(height, &parts);

        let (file, offset) = self.segment_for(height)?;
        self.reader.disk().append(&file, &record)?;
        let segment = self.reader.index_mut().segments.len() - 1;
        self.unsynced.push(Place {
            segment: u32::try_from(segment).expect("segments are large, so there are few"),
            offset: u32::try_from(offset).expect("a segment ends soon after 64 MiB"),
            transactions: u32::try_from(decided.block.bundles.len()).expect("blocks are small"),
        });
        self.last = Some((file, offset + record.len() as u64));
        Ok(())
    }

    /// The segment that the block at `height` goes to and its length; begins a new one when the
    /// last is full.
    fn segment_for(&mut self, height: Height) -> Result<(String, u64), Fault> {
        if let Some((file, length)) = &self.last {
            if *length < self.segment_bytes {
                return Ok((file.clone(), *length));
            }
            // Only the last segment may end in an unfinished record.
            self.reader.disk().sync(file)?;
        }
        let file = scan::segment_name(height);
        self.reader.disk().create(&file)?;
        self.reader.disk().sync_folder()?;
        self.reader.index_mut().segments.push(file.clone());
        Ok((file, 0))
    }

    /// Makes all appended blocks durable, and lets readers see them.
    ///
    /// # Errors
    /// [`Fault`] when the disk cannot promise that. It must not be called again then.
    pub fn sync(&mut self) -> Result<(), Fault> {
        let Some((file, _)) = &self.last else { return Ok(()) };
        if !self.unsynced.is_empty() {
            self.reader.disk().sync(file)?;
            self.reader.index_mut().places.append(&mut self.unsynced);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
