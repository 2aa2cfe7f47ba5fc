//! Reading blocks while others are being written.

use std::sync::{Arc, RwLock};

use tracehold_chain::block::{Block, BlockHeader};
use tracehold_chain::certificate::{CommitCertificate, DecidedBlock};
use tracehold_chain::codec;
use tracehold_chain::epcis::SectionedEvent;
use tracehold_chain::transaction::{Bundle, Transaction};
use tracehold_chain::units::{Height, TimestampMs};

use super::record::{LEAD_BYTES, Lead, Part, parse_table};
use crate::fault::Fault;
use crate::store::disk::Disk;

/// Reads any synced block, from any thread. Clones read the same log.
#[derive(Clone)]
pub struct BlockReader {
    disk: Arc<dyn Disk>,
    index: Arc<RwLock<Index>>,
}

/// Where every block is.
#[derive(Default)]
pub(super) struct Index {
    /// Names of the segments.
    pub segments: Vec<String>,
    /// The place of the block at height `i + 1`.
    pub places: Vec<Place>,
}

/// The segment of a block, where its record begins in there, and how many transactions it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub segment: u32,
    pub offset: u32,
    pub transactions: u32,
}

/// A block without its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHeader {
    /// What was agreed on.
    pub header: BlockHeader,
    /// The proof that it was.
    pub certificate: CommitCertificate,
    /// How many transactions the block has.
    pub transactions: u32,
}

/// A bundle as it is encoded. Events that follow each other in an answer often came in one bundle.
#[derive(Debug)]
pub struct EncodedBundle {
    place: (Height, u32),
    block_time: TimestampMs,
    bytes: Vec<u8>,
    /// Where it was read.
    file: String,
    at: u64,
}

impl EncodedBundle {
    /// The block it is in, and its number there, from 0.
    #[must_use]
    pub fn place(&self) -> (Height, u32) {
        self.place
    }

    /// The time of its block.
    #[must_use]
    pub fn block_time(&self) -> TimestampMs {
        self.block_time
    }

    /// One of its events, with its transaction; the others are passed over unread. `None` when it
    /// has no such event.
    ///
    /// # Errors
    /// [`Fault`] when it is damaged.
    pub fn event(&self, event: u32) -> Result<Option<(Transaction, SectionedEvent)>, Fault> {
        Bundle::one_of(&self.bytes, event as usize)
            .map_err(|error| Fault::at(&self.file, self.at, format!("a bundle: {error}")))
    }
}

/// A record's table, and where its body begins.
struct Opened {
    file: String,
    body: u64,
    parts: Vec<Part>,
}

impl Opened {
    /// Where a part begins.
    fn offset_of(&self, index: usize) -> u64 {
        self.body + self.parts[..index].iter().map(|part| u64::from(part.length)).sum::<u64>()
    }
}

impl BlockReader {
    pub(super) fn new(disk: Arc<dyn Disk>, index: Index) -> BlockReader {
        BlockReader { disk, index: Arc::new(RwLock::new(index)) }
    }

    pub(super) fn index_mut(&self) -> std::sync::RwLockWriteGuard<'_, Index> {
        self.index.write().expect("nobody panics while holding the lock")
    }

    pub(super) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The height of the last synced block; 0 before the first.
    #[must_use]
    pub fn tip(&self) -> Height {
        Height(self.index().places.len() as u64)
    }

    /// The lowest block from `from` up to `to` that has transactions. Reads nothing: an idle
    /// network's empty blocks are skipped at no cost.
    #[must_use]
    pub fn next_filled(&self, from: Height, to: Height) -> Option<Height> {
        self.filled(from, to, |places| places.iter().position(|place| place.transactions > 0))
    }

    /// The highest block from `from` up to `to` that has transactions.
    #[must_use]
    pub fn last_filled(&self, from: Height, to: Height) -> Option<Height> {
        self.filled(from, to, |places| places.iter().rposition(|place| place.transactions > 0))
    }

    fn filled(
        &self,
        from: Height,
        to: Height,
        find: impl Fn(&[Place]) -> Option<usize>,
    ) -> Option<Height> {
        let index = self.index();
        let first = from.0.max(1);
        let last = to.0.min(index.places.len() as u64);
        if first > last {
            return None;
        }
        let range = usize::try_from(first - 1).ok()?..usize::try_from(last).ok()?;
        find(&index.places[range]).map(|found| Height(first + found as u64))
    }

    fn index(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.index.read().expect("nobody panics while holding the lock")
    }

    /// The block at `height` with its certificate; `None` below the first and above the tip.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn read(&self, height: Height) -> Result<Option<DecidedBlock>, Fault> {
        let Some(opened) = self.open(height)? else { return Ok(None) };
        let (header, certificate) = self.read_part(&opened, 0)?;
        let bundles =
            (1..opened.parts.len()).map(|part| self.read_part(&opened, part).map(Arc::new));
        let bundles = bundles.collect::<Result<Vec<Arc<Bundle>>, Fault>>()?;
        Ok(Some(DecidedBlock { block: Block { header, bundles }, certificate }))
    }

    /// The header at `height`; `None` below the first and above the tip.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn read_header(&self, height: Height) -> Result<Option<StoredHeader>, Fault> {
        let Some(opened) = self.open(height)? else { return Ok(None) };
        let (header, certificate) = self.read_part(&opened, 0)?;
        let transactions = u32::try_from(opened.parts.len() - 1).expect("read from a u32");
        Ok(Some(StoredHeader { header, certificate, transactions }))
    }

    /// The bundle at `index`, from 0, of the block at `height`, without reading the rest; `None`
    /// when there is no such block or the block has fewer.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn read_bundle(&self, height: Height, index: u32) -> Result<Option<Bundle>, Fault> {
        let Some(opened) = self.open(height)? else { return Ok(None) };
        let part = (index as usize).saturating_add(1);
        if part >= opened.parts.len() {
            return Ok(None);
        }
        self.read_part(&opened, part).map(Some)
    }

    /// The bundle at `index` as it is encoded, of which events can be read alone; what else is in
    /// the block is not read. `None` when there is none.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn read_encoded(&self, height: Height, index: u32) -> Result<Option<EncodedBundle>, Fault> {
        let Some(opened) = self.open(height)? else { return Ok(None) };
        let part = (index as usize).saturating_add(1);
        if part >= opened.parts.len() {
            return Ok(None);
        }
        let file = self.disk.describe(&opened.file);
        let (header, _): (BlockHeader, usize) = codec::decode_begin(&self.part_bytes(&opened, 0)?)
            .map_err(|error| Fault::at(&file, opened.body, format!("a block's header: {error}")))?;
        let (at, block_time) = (opened.offset_of(part), header.block_time);
        let bytes = self.part_bytes(&opened, part)?;
        Ok(Some(EncodedBundle { place: (height, index), block_time, bytes, file, at }))
    }

    fn open(&self, height: Height) -> Result<Option<Opened>, Fault> {
        let Some((file, offset)) = self.place(height) else { return Ok(None) };
        let damaged = |what: &str| Fault::at(self.disk.describe(&file), offset, what);
        let mut lead = [0; LEAD_BYTES];
        self.disk.read(&file, offset, &mut lead)?;
        let lead = Lead::parse(&lead).filter(|lead| lead.height == height);
        let lead = lead.ok_or_else(|| damaged("the record of a block is damaged"))?;
        let mut table = vec![0; lead.table_bytes()];
        let table_at = offset + LEAD_BYTES as u64;
        self.disk.read(&file, table_at, &mut table)?;
        let parts = parse_table(&table)
            .ok_or_else(|| damaged("the table of parts of a block is damaged"))?;
        Ok(Some(Opened { body: table_at + table.len() as u64, file, parts }))
    }

    fn place(&self, height: Height) -> Option<(String, u64)> {
        let index = self.index();
        let position = usize::try_from(height.0.checked_sub(1)?).ok()?;
        let place = index.places.get(position)?;
        Some((index.segments[place.segment as usize].clone(), place.offset.into()))
    }

    fn read_part<T>(&self, opened: &Opened, index: usize) -> Result<T, Fault>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        let bytes = self.part_bytes(opened, index)?;
        codec::decode(&bytes).map_err(|error| {
            let what = format!("part {index} of a block: {error}");
            Fault::at(self.disk.describe(&opened.file), opened.offset_of(index), what)
        })
    }

    fn part_bytes(&self, opened: &Opened, index: usize) -> Result<Vec<u8>, Fault> {
        let offset = opened.offset_of(index);
        let part = opened.parts[index];
        let mut bytes = vec![0; part.length as usize];
        self.disk.read(&opened.file, offset, &mut bytes)?;
        if crc32fast::hash(&bytes) != part.crc {
            let what = format!("part {index} of a block does not have its checksum");
            return Err(Fault::at(self.disk.describe(&opened.file), offset, what));
        }
        Ok(bytes)
    }
}
