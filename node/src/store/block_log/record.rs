//! How one block lies in a segment.
//!
//! ```text
//! "TBLK"  height u64  parts u32  crc u32           the lead, 20 bytes; the crc is over the 16 before
//! (length u32, crc u32) for each part   crc u32    the table
//! part 0 ‖ part 1 ‖ …                              the body
//! ```
//!
//! Integers are little-endian, checksums CRC-32 (IEEE). Part 0 is the header with its certificate,
//! part i the i-th bundle. Lead and table have checksums of their own: how long a record is can
//! then be believed before its body is read, which tells a record that the machine did not finish
//! writing from one that was damaged later.

use tracehold_chain::units::Height;

/// What every record begins with.
pub(super) const MAGIC: [u8; 4] = *b"TBLK";
/// Bytes of the lead.
pub(super) const LEAD_BYTES: usize = 20;
/// Parts one record can have; far above what fits a block.
const MAX_PARTS: u32 = 1 << 20;

/// One part: how long, and its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub length: u32,
    pub crc: u32,
}

/// The beginning of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lead {
    pub height: Height,
    pub parts: u32,
}

impl Lead {
    /// Reads the lead; `None` when it is not what was written.
    pub fn parse(bytes: &[u8; LEAD_BYTES]) -> Option<Lead> {
        let (checked, crc) = bytes.split_last_chunk::<4>()?;
        let (magic, rest) = checked.split_first_chunk::<4>()?;
        let (height, parts) = rest.split_first_chunk::<8>()?;
        let parts = u32::from_le_bytes(*parts.first_chunk()?);
        let whole = *magic == MAGIC && crc32fast::hash(checked) == u32::from_le_bytes(*crc);
        let possible = (1..=MAX_PARTS).contains(&parts);
        (whole && possible).then_some(Lead { height: Height(u64::from_le_bytes(*height)), parts })
    }

    /// Bytes of the table that follows.
    pub fn table_bytes(self) -> usize {
        self.parts as usize * 8 + 4
    }
}

/// Reads a table; `None` when it is not what was written.
pub(super) fn parse_table(bytes: &[u8]) -> Option<Vec<Part>> {
    let (checked, crc) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(checked) != u32::from_le_bytes(*crc) {
        return None;
    }
    let parts = checked.as_chunks::<8>().0.iter().map(|entry| {
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *entry;
        Part {
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        }
    });
    Some(parts.collect())
}

/// Bytes of the body that a table describes.
pub(super) fn body_bytes(parts: &[Part]) -> u64 {
    parts.iter().map(|part| u64::from(part.length)).sum()
}

/// The whole record of a block.
pub(super) fn build(height: Height, parts: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(parts.len()).expect("a block has far fewer bundles");
    assert!((1..=MAX_PARTS).contains(&count), "a block has far fewer bundles");
    let body: usize = parts.iter().map(Vec::len).sum();
    let mut record = Vec::with_capacity(LEAD_BYTES + parts.len() * 8 + 4 + body);
    record.extend_from_slice(&MAGIC);
    record.extend_from_slice(&height.0.to_le_bytes());
    record.extend_from_slice(&count.to_le_bytes());
    record.extend_from_slice(&crc32fast::hash(&record).to_le_bytes());
    for part in parts {
        let length = u32::try_from(part.len()).expect("the codec encodes less than this");
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(&crc32fast::hash(part).to_le_bytes());
    }
    let table_crc = crc32fast::hash(&record[LEAD_BYTES..]);
    record.extend_from_slice(&table_crc.to_le_bytes());
    for part in parts {
        record.extend_from_slice(part);
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_of_a_record_is_fixed_to_the_byte() {
        let record = build(Height(258), &[b"head".to_vec(), b"b".to_vec()]);
        assert_eq!(
            hex::encode(&record),
            concat!(
                "54424c4b",
                "0201000000000000",
                "02000000",
                "5ac41a24",
                "04000000",
                "9cf6f3a7",
                "01000000",
                "f9efbe71",
                "6db1a983",
                "68656164",
                "62"
            )
        );
        let lead = Lead::parse(record[..LEAD_BYTES].try_into().unwrap()).unwrap();
        assert_eq!(lead, Lead { height: Height(258), parts: 2 });
        let table = parse_table(&record[LEAD_BYTES..LEAD_BYTES + lead.table_bytes()]).unwrap();
        assert_eq!(body_bytes(&table), 5);
    }
}
