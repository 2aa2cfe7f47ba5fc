use std::sync::Arc;

use proptest::prelude::*;
use tracehold_chain::block::{BLOCK_VERSION, Block, BlockHeader, BlockId};
use tracehold_chain::certificate::CommitCertificate;
use tracehold_chain::digest::Digest;
use tracehold_chain::keys::{PublicKey, SecretKey};
use tracehold_chain::transaction::{Bundle, Command, Nonce, TransactionBody};
use tracehold_chain::units::{ChainId, TimestampMs};

use super::*;
use crate::store::MemoryDisk;
use crate::store::memory_disk::Unsynced;

/// A block that is good enough to be stored; `bundles` and their `weight` make it longer.
fn decided(height: u64, bundles: usize, weight: usize) -> DecidedBlock {
    let chain_id = ChainId::new("log").unwrap();
    let digest = Digest([3; 32]);
    let bundle = |n: usize| -> Arc<Bundle> {
        let body = TransactionBody {
            chain_id: chain_id.clone(),
            sender: "acme/erp".parse().unwrap(),
            nonce: Nonce([u8::try_from(n).unwrap(); 16]),
            expires_at: TimestampMs(1),
            commands: vec![Command::Capture(Vec::new()); weight],
        };
        let transaction = body.sign(&SecretKey::from_seed(&[1; 32]));
        Arc::new(Bundle { transaction, events: Vec::new() })
    };
    let header = BlockHeader {
        version: BLOCK_VERSION,
        chain_id: chain_id.clone(),
        height: Height(height),
        previous_block_id: BlockId(digest),
        block_time: TimestampMs(height),
        proposer: PublicKey([9; 32]),
        validators: digest,
        next_validators: digest,
        transactions_root: digest,
        receipts_root: digest,
        state_root: digest,
    };
    let block_id = header.id();
    let block = Block { header, bundles: (0..bundles).map(bundle).collect() };
    let certificate =
        CommitCertificate { height: Height(height), round: 0, block_id, signatures: Vec::new() };
    DecidedBlock { block, certificate }
}

fn open(disk: &MemoryDisk, segment_bytes: u64) -> Result<BlockLog, Fault> {
    BlockLog::open_with(Arc::new(disk.clone()), segment_bytes)
}

fn filled(blocks: u64, segment_bytes: u64) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let mut log = open(&disk, segment_bytes).unwrap();
    for height in 1..=blocks {
        log.append(&decided(height, 3, 2)).unwrap();
    }
    log.sync().unwrap();
    disk
}

#[test]
fn blocks_headers_and_single_bundles_are_read_back() {
    let disk = filled(20, 2_000);
    assert!(disk.list().unwrap().len() > 3, "several segments");
    let reader = open(&disk, 2_000).unwrap().reader();
    assert_eq!(reader.tip(), Height(20));
    let whole = decided(7, 3, 2);
    assert_eq!(reader.read(Height(7)).unwrap().as_ref(), Some(&whole));
    let header = reader.read_header(Height(7)).unwrap().unwrap();
    assert_eq!((&header.header, header.transactions), (&whole.block.header, 3));
    let bundle = reader.read_bundle(Height(7), 2).unwrap();
    assert_eq!(bundle.as_ref(), Some(whole.block.bundles[2].as_ref()));
    assert_eq!(reader.read_bundle(Height(7), 3).unwrap(), None);
    assert_eq!(reader.read(Height(0)).unwrap(), None);
    assert_eq!(reader.read(Height(21)).unwrap(), None);
}

#[test]
fn empty_blocks_are_skipped() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk, SEGMENT_BYTES).unwrap();
    for (height, bundles) in (1..).zip([0, 2, 0, 0, 1, 0]) {
        log.append(&decided(height, bundles, 1)).unwrap();
    }
    log.sync().unwrap();
    for reader in [log.reader(), open(&disk, SEGMENT_BYTES).unwrap().reader()] {
        let next = |from, to| reader.next_filled(Height(from), Height(to)).map(|height| height.0);
        let last = |from, to| reader.last_filled(Height(from), Height(to)).map(|height| height.0);
        assert_eq!(
            [next(0, 9), next(3, 9), next(3, 4), next(6, 9)],
            [Some(2), Some(5), None, None]
        );
        assert_eq!(
            [last(0, 9), last(0, 4), last(3, 4), last(9, 1)],
            [Some(5), Some(2), None, None]
        );
    }
}

#[test]
fn readers_see_a_block_only_when_it_is_synced() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk, SEGMENT_BYTES).unwrap();
    let reader = log.reader();
    log.append(&decided(1, 1, 1)).unwrap();
    assert_eq!((reader.tip(), reader.read(Height(1)).unwrap()), (Height(0), None));
    log.sync().unwrap();
    assert_eq!(reader.tip(), Height(1));
    assert!(reader.read(Height(1)).unwrap().is_some());
}

#[test]
fn a_failed_sync_is_a_fault_and_shows_nothing_to_readers() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk, SEGMENT_BYTES).unwrap();
    log.append(&decided(1, 1, 1)).unwrap();
    disk.fail_sync_after(0);
    assert!(log.sync().is_err());
    assert_eq!(log.tip(), Height(0));
}

#[test]
fn a_missing_segment_is_found_and_named() {
    let disk = filled(20, 2_000);
    let files = disk.list().unwrap();
    disk.remove(&files[1]).unwrap();
    let fault = open(&disk, 2_000).err().unwrap();
    assert_eq!(fault.file(), Some(files[2].as_str()));
}

#[test]
fn a_finished_record_full_of_holes_is_cut_off_only_at_the_end() {
    let (good, last) = (filled(2, SEGMENT_BYTES), filled(3, SEGMENT_BYTES));
    let file = &last.list().unwrap()[0];
    let start = good.len(file).unwrap();
    let length = last.len(file).unwrap();
    // The machine lengthened the file for block 3 but never wrote its sectors.
    for at in start..length {
        let bits = last.contents(file).unwrap()[usize::try_from(at).unwrap()];
        last.damage(file, at, bits).unwrap();
    }
    let log = open(&last, SEGMENT_BYTES).unwrap();
    assert_eq!(log.tip(), Height(2));
    assert_eq!(
        log.torn_tail().map(|torn| (torn.offset, torn.bytes)),
        Some((start, length - start))
    );
    // The same hole before a good record is damage: that block was synced.
    let middle = filled(6, SEGMENT_BYTES);
    for at in start..length {
        let bits = middle.contents(file).unwrap()[usize::try_from(at).unwrap()];
        middle.damage(file, at, bits).unwrap();
    }
    assert_eq!(open(&middle, SEGMENT_BYTES).err().unwrap().offset(), Some(start));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Promise P7. Whatever a crash leaves of unsynced writes, to the byte: the log opens with
    /// every synced block, perhaps more, and goes on from there.
    #[test]
    fn no_crash_loses_a_synced_block(
        steps in prop::collection::vec((0..4_usize, 0..6_usize, any::<bool>()), 1..24),
        kept in prop::collection::vec(any::<prop::sample::Index>(), 8),
        segment_bytes in 600..4_000_u64,
    ) {
        let disk = MemoryDisk::new();
        let mut log = open(&disk, segment_bytes).unwrap();
        let mut written = Vec::new();
        let mut synced = 0;
        for (bundles, weight, sync) in steps {
            let block = decided(written.len() as u64 + 1, bundles, weight);
            log.append(&block).unwrap();
            written.push(block);
            if sync {
                log.sync().unwrap();
                synced = written.len();
            }
        }
        let mut kept = kept.into_iter().cycle();
        disk.crash(&mut |what| {
            let (Unsynced::Names(most) | Unsynced::Bytes(_, most)) = what;
            kept.next().unwrap().index(most + 1)
        });
        let mut log = open(&disk, segment_bytes).unwrap();
        let tip = usize::try_from(log.tip().0).unwrap();
        prop_assert!((synced..=written.len()).contains(&tip), "{synced} {tip}");
        for (index, block) in written.iter().take(tip).enumerate() {
            let read = log.reader().read(Height(index as u64 + 1)).unwrap();
            prop_assert_eq!(read.as_ref(), Some(block));
        }
        log.append(&decided(tip as u64 + 1, 1, 1)).unwrap();
        log.sync().unwrap();
        let again = open(&disk, segment_bytes).unwrap();
        prop_assert_eq!(again.tip(), Height(tip as u64 + 1));
        prop_assert_eq!(again.torn_tail(), None);
    }

    /// Promise P13. A flipped bit anywhere in what was synced is found when the log is opened or
    /// the block is read, and the fault names the file and a byte of the block that is damaged.
    #[test]
    fn every_flipped_bit_is_found_and_named(
        file in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let disk = filled(12, 2_500);
        let files = disk.list().unwrap();
        let file = file.get(&files);
        let length = usize::try_from(disk.len(file).unwrap()).unwrap();
        let at = at.index(length) as u64;
        disk.damage(file, at, 1 << bit).unwrap();
        let fault = match open(&disk, 2_500) {
            Err(fault) => fault,
            Ok(log) => {
                prop_assert_eq!(log.tip(), Height(12), "nothing is cut off in silence");
                let read = (1..=12).map(|height| log.reader().read(Height(height)));
                read.filter_map(Result::err).next().expect("found at the latest when read")
            }
        };
        prop_assert_eq!(fault.file(), Some(file.as_str()));
        let named = fault.offset().expect("a byte is named");
        prop_assert!(named <= at && at - named < 2_500, "{} for {}", named, at);
    }
}
