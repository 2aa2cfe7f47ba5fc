//! What is in the log when it is opened.

use tracehold_chain::units::Height;

use super::TornTail;
use super::reader::{Index, Place};
use super::record::{self, LEAD_BYTES, Lead, Part};
use crate::fault::Fault;
use crate::store::disk::{Disk, looks_unwritten};

const PREFIX: &str = "blocks-";
const SUFFIX: &str = ".log";
/// Bytes read at a time: the heads of several small records, or that of one large.
const WINDOW_BYTES: u64 = 16 * 1024;
/// How far from its beginning a record's head is looked at for sectors that were never written.
const HEAD_SECTORS_BYTES: u64 = 1024;

/// The name of the segment that begins with the block at `height`.
pub(super) fn segment_name(height: Height) -> String {
    format!("{PREFIX}{:020}{SUFFIX}", height.0)
}

fn first_height(name: &str) -> Option<Height> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let height = Height(digits.parse().ok()?);
    (segment_name(height) == name).then_some(height)
}

/// What [`scan`] found.
pub(super) struct Scanned {
    pub index: Index,
    pub last: Option<(String, u64)>,
    pub torn: Option<TornTail>,
}

/// Finds all blocks, and an unfinished one at the end.
pub(super) fn scan(disk: &dyn Disk) -> Result<Scanned, Fault> {
    let mut index = Index::default();
    let (mut last, mut torn) = (None, None);
    let files: Vec<(Height, String)> = disk
        .list()?
        .into_iter()
        .filter_map(|name| first_height(&name).map(|height| (height, name)))
        .collect();
    let count = files.len();
    for (number, (first, file)) in files.into_iter().enumerate() {
        let expected = Height(index.places.len() as u64 + 1);
        if first != expected {
            let what = format!("block {expected} should be the first here: a segment is missing");
            return Err(Fault::in_file(disk.describe(&file), what));
        }
        let is_last = number + 1 == count;
        let mut segment = Segment { disk, length: disk.len(&file)?, file, window: Window::empty() };
        let mut offset = 0;
        while offset < segment.length {
            let height = Height(index.places.len() as u64 + 1);
            match segment.record_at(offset, height, is_last)? {
                Found::Record { transactions, end } => {
                    let place = Place {
                        segment: u32::try_from(number).expect("segments are few"),
                        offset: u32::try_from(offset).map_err(|_| segment.damage(offset))?,
                        transactions,
                    };
                    index.places.push(place);
                    offset = end;
                }
                Found::Unfinished if is_last => {
                    torn = Some(segment.torn_at(offset));
                    break;
                }
                Found::Unfinished => return Err(segment.damage(offset)),
            }
        }
        last = Some((segment.file.clone(), offset));
        index.segments.push(segment.file);
    }
    Ok(Scanned { index, last, torn })
}

enum Found {
    /// The record of a block with so many transactions; the next one begins at `end`.
    Record { transactions: u32, end: u64 },
    /// The beginning of a record whose rest was never written.
    Unfinished,
}

struct Segment<'a> {
    disk: &'a dyn Disk,
    file: String,
    length: u64,
    window: Window,
}

/// A stretch of a file that was read in one go.
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn empty() -> Window {
        Window { start: 0, bytes: Vec::new() }
    }
}

impl Segment<'_> {
    /// The `length` bytes from `offset` on; `None` when the file ends before.
    fn bytes(&mut self, offset: u64, length: u64) -> Result<Option<&[u8]>, Fault> {
        let end = offset.saturating_add(length);
        if end > self.length {
            return Ok(None);
        }
        let window_end = self.window.start + self.window.bytes.len() as u64;
        if offset < self.window.start || end > window_end {
            let wanted = length.max(WINDOW_BYTES).min(self.length - offset);
            let mut bytes = vec![0; usize::try_from(wanted).expect("a segment fits memory")];
            self.disk.read(&self.file, offset, &mut bytes)?;
            self.window = Window { start: offset, bytes };
        }
        let from = usize::try_from(offset - self.window.start).expect("within the window");
        let length = usize::try_from(length).expect("within the window");
        Ok(Some(&self.window.bytes[from..from + length]))
    }

    /// Looks at the record at `offset`, which must be that of the block at `height`. Its body is
    /// read only when `in_full`.
    fn record_at(&mut self, offset: u64, height: Height, in_full: bool) -> Result<Found, Fault> {
        let Some(lead) = self.bytes(offset, LEAD_BYTES as u64)? else {
            return Ok(Found::Unfinished);
        };
        let lead = Lead::parse(lead.try_into().expect("as many bytes as asked for"));
        let Some(lead) = lead.filter(|lead| lead.height == height) else {
            return self.unfinished_or_damaged(offset, HEAD_SECTORS_BYTES, offset);
        };
        let table_at = offset + LEAD_BYTES as u64;
        let table_bytes = lead.table_bytes() as u64;
        let Some(table) = self.bytes(table_at, table_bytes)? else {
            return Ok(Found::Unfinished);
        };
        let Some(parts) = record::parse_table(table) else {
            return self.unfinished_or_damaged(table_at, table_bytes, table_at);
        };
        let body = table_at + table_bytes;
        let end = body + record::body_bytes(&parts);
        if end > self.length {
            return Ok(Found::Unfinished);
        }
        if in_full && let Some(bad) = self.first_bad_part(body, &parts)? {
            // Others follow: this one was finished, and damaged since.
            if end < self.length {
                return Err(self.damage(bad));
            }
            return self.unfinished_or_damaged(body, end - body, bad);
        }
        Ok(Found::Record { transactions: lead.parts - 1, end })
    }

    /// Where the first part begins that does not have its checksum.
    fn first_bad_part(&mut self, body: u64, parts: &[Part]) -> Result<Option<u64>, Fault> {
        let mut offset = body;
        for part in parts {
            let length = u64::from(part.length);
            let bytes = self.bytes(offset, length)?.expect("the record ends inside the file");
            if crc32fast::hash(bytes) != part.crc {
                return Ok(Some(offset));
            }
            offset += length;
        }
        Ok(None)
    }

    /// Tells a write that was not finished from damage, in the `length` bytes from `from` on.
    fn unfinished_or_damaged(
        &mut self,
        from: u64,
        length: u64,
        blame: u64,
    ) -> Result<Found, Fault> {
        let length = length.min(self.length - from);
        let bytes = self.bytes(from, length)?.expect("cut to the file's length");
        if looks_unwritten(from, bytes) && !self.record_follows(from)? {
            return Ok(Found::Unfinished);
        }
        Err(self.damage(blame))
    }

    /// Whether a record begins somewhere after `from`: then what is there was finished once.
    fn record_follows(&mut self, from: u64) -> Result<bool, Fault> {
        let rest = self.bytes(from, self.length - from)?.expect("up to the file's end");
        Ok(rest.windows(LEAD_BYTES).skip(1).any(|bytes| {
            let lead = bytes.try_into().expect("windows of that size");
            bytes.starts_with(&record::MAGIC) && Lead::parse(lead).is_some()
        }))
    }

    fn damage(&self, offset: u64) -> Fault {
        let file = self.disk.describe(&self.file);
        Fault::at(file, offset, "the block log is damaged: what is here was not written here")
    }

    fn torn_at(&self, offset: u64) -> TornTail {
        TornTail { file: self.file.clone(), offset, bytes: self.length - offset }
    }
}
