use std::fs;
use std::path::Path;

use tracehold_chain::digest::Digest;
use tracehold_chain::state::{MemoryTable, Table};

use super::*;
use crate::testing::{CREATED, TestNetwork, observed};

const BLOCKS: u64 = 40;

fn folder(path: &Path) -> DataFolder {
    DataFolder { path: path.to_owned(), table_cache_bytes: 1024 * 1024 }
}

/// Writes a history into the block log of a data folder; returns the network and each state root.
fn history(path: &Path) -> (TestNetwork, Vec<Digest>) {
    let mut network = TestNetwork::new();
    let table = Arc::new(MemoryTable::default());
    let mut ledger = Ledger::open(&network.genesis, table).unwrap();
    let disk = FileDisk::open(folder(path).logs()).unwrap();
    let mut log = BlockLog::open(Arc::new(disk)).unwrap();
    let mut roots = vec![ledger.head().state_root];
    for height in 1..=BLOCKS {
        let bundle =
            network.bundle(CREATED.plus_ms(height * 1_000), &[observed(height, height % 5)]);
        let (decided, _) = network.decide(&mut ledger, &[bundle]);
        log.append(&decided).unwrap();
        roots.push(ledger.head().state_root);
    }
    log.sync().unwrap();
    (network, roots)
}

fn recovered(path: &Path, genesis: &Genesis) -> Result<(Recovered, ProgressReport), Fault> {
    let progress = Progress::default();
    let recovered = recover(&folder(path), genesis, &progress)?;
    Ok((recovered, progress.report()))
}

/// Promise P12.
#[test]
fn a_missing_table_is_built_from_the_log() {
    let path = tempfile::tempdir().unwrap();
    let (network, roots) = history(path.path());
    let (first, report) = recovered(path.path(), &network.genesis).unwrap();
    assert_eq!(first.ledger.head().height, Height(BLOCKS));
    assert_eq!(first.ledger.head().state_root, *roots.last().unwrap());
    let tip = Height(BLOCKS);
    assert_eq!(report, ProgressReport { height: tip, tip, rebuilding: true });
    drop(first);
    // The second start finds it done.
    let (second, report) = recovered(path.path(), &network.genesis).unwrap();
    assert_eq!(second.ledger.head().height, Height(BLOCKS));
    assert!(!report.rebuilding);
    drop(second);
    // Deleting the folder is harmless.
    fs::remove_dir_all(folder(path.path()).table()).unwrap();
    let (third, _) = recovered(path.path(), &network.genesis).unwrap();
    assert_eq!(third.ledger.head().state_root, *roots.last().unwrap());
}

#[test]
fn a_table_that_lags_is_brought_up() {
    let path = tempfile::tempdir().unwrap();
    let (network, roots) = history(path.path());
    // The table of a node that was killed when it had written the first half.
    let table = SledTable::open(&folder(path.path()).table(), 1024 * 1024).unwrap();
    let table = Arc::new(table);
    let mut ledger = Ledger::open(&network.genesis, table.clone()).unwrap();
    let disk = FileDisk::open(folder(path.path()).logs()).unwrap();
    let (reader, _) = BlockLog::read_only(Arc::new(disk)).unwrap();
    for height in 1..=BLOCKS / 2 {
        let decided = reader.read(Height(height)).unwrap().unwrap();
        let outcome = ledger.replay_block(&decided.block).unwrap();
        table.apply(&ledger.commit(outcome).writes).unwrap();
        ledger.flushed(Height(height));
    }
    drop(ledger);
    drop(table);
    let (recovered, report) = recovered(path.path(), &network.genesis).unwrap();
    assert!(!report.rebuilding);
    assert_eq!(recovered.ledger.head().state_root, *roots.last().unwrap());
}

/// Promise P12.
#[test]
fn a_table_whose_state_was_changed_behind_our_back_is_built_again() {
    let path = tempfile::tempdir().unwrap();
    let (network, roots) = history(path.path());
    let (first, _) = recovered(path.path(), &network.genesis).unwrap();
    let some = first.table.range(b"si", b"sj", 1).unwrap().remove(0);
    first.table.apply(&[(some.0, Some(b"rot".to_vec()))].into()).unwrap();
    drop(first);
    let (second, report) = recovered(path.path(), &network.genesis).unwrap();
    assert!(report.rebuilding);
    assert_eq!(second.ledger.head().state_root, *roots.last().unwrap());
}

/// Promise P12.
#[test]
fn a_table_with_damaged_files_is_built_again() {
    let path = tempfile::tempdir().unwrap();
    let (network, roots) = history(path.path());
    drop(recovered(path.path(), &network.genesis).unwrap());
    for entry in fs::read_dir(folder(path.path()).table()).unwrap() {
        let file = entry.unwrap().path();
        if file.is_file() {
            let mut bytes = fs::read(&file).unwrap();
            bytes.iter_mut().skip(64).step_by(7).for_each(|byte| *byte ^= 0x5a);
            fs::write(&file, bytes).unwrap();
        }
    }
    let (second, _) = recovered(path.path(), &network.genesis).unwrap();
    assert_eq!(second.ledger.head().state_root, *roots.last().unwrap());
    assert_eq!(second.ledger.head().height, Height(BLOCKS));
}

#[test]
fn a_table_from_a_longer_history_than_the_log_is_built_again() {
    let path = tempfile::tempdir().unwrap();
    let (network, roots) = history(path.path());
    drop(recovered(path.path(), &network.genesis).unwrap());
    // The log loses its second half, as when an old copy of it is put back.
    let logs = folder(path.path()).logs();
    let disk = Arc::new(FileDisk::open(&logs).unwrap());
    let (reader, _) = BlockLog::read_only(disk).unwrap();
    let half: Vec<_> =
        (1..=BLOCKS / 2).map(|height| reader.read(Height(height)).unwrap().unwrap()).collect();
    fs::remove_dir_all(&logs).unwrap();
    let mut log = BlockLog::open(Arc::new(FileDisk::open(&logs).unwrap())).unwrap();
    half.iter().for_each(|decided| log.append(decided).unwrap());
    log.sync().unwrap();
    let (second, _) = recovered(path.path(), &network.genesis).unwrap();
    let middle = usize::try_from(BLOCKS / 2).unwrap();
    assert_eq!(second.ledger.head().state_root, roots[middle]);
}

/// Promise P9, P13.
#[test]
fn a_log_that_lost_blocks_this_node_has_voted_above_is_a_fault() {
    let path = tempfile::tempdir().unwrap();
    let (network, _) = history(path.path());
    let disk = Arc::new(FileDisk::open(folder(path.path()).logs()).unwrap());
    let (mut votes, _) = VoteLog::open(disk).unwrap();
    votes.reset(Height(BLOCKS + 1)).unwrap();
    votes.sync().unwrap();
    assert!(recovered(path.path(), &network.genesis).is_ok());
    votes.reset(Height(BLOCKS + 2)).unwrap();
    votes.append(b"vote").unwrap();
    votes.sync().unwrap();
    let fault = recovered(path.path(), &network.genesis).err().unwrap().to_string();
    assert!(fault.contains("missing"), "{fault}");
}

#[test]
fn the_log_of_another_network_is_a_fault_and_stays_untouched() {
    let path = tempfile::tempdir().unwrap();
    let (mut network, roots) = history(path.path());
    network.genesis.parameters.min_block_interval_ms += 1;
    let fault = recovered(path.path(), &network.genesis).err().unwrap().to_string();
    assert!(fault.contains("another network"), "{fault}");
    network.genesis.parameters.min_block_interval_ms -= 1;
    let (again, _) = recovered(path.path(), &network.genesis).unwrap();
    assert_eq!(again.ledger.head().state_root, *roots.last().unwrap());
}

/// Not run by itself: measures the start of a node with a long history.
/// `EVENTS=1000000 HISTORY=folder cargo test --release -p tracehold-node --lib -- --ignored
/// --nocapture long_history`
#[test]
#[ignore = "measures; takes minutes"]
fn how_long_a_start_takes_with_a_long_history() {
    const PER_TRANSACTION: u64 = 50;
    const PER_BLOCK: u64 = 20;
    let events: u64 = std::env::var("EVENTS").map_or(100_000, |text| text.parse().unwrap());
    let made = tempfile::tempdir().unwrap();
    let path = std::env::var_os("HISTORY").map_or(made.path().to_owned(), Into::into);
    let mut network = TestNetwork::new();
    network.genesis.parameters.state_buckets_log2 = 20;
    let folder = DataFolder { path, table_cache_bytes: 128 * 1024 * 1024 };
    let since = std::time::Instant::now();
    if !folder.logs().exists() {
        let table = Arc::new(MemoryTable::default());
        let mut ledger = Ledger::open(&network.genesis, table.clone()).unwrap();
        let disk = FileDisk::open(folder.logs()).unwrap();
        let mut log = BlockLog::open(Arc::new(disk)).unwrap();
        let mut number = 0;
        while number < events {
            let time = ledger.head().block_time;
            let mut bundles = Vec::new();
            for _ in 0..PER_BLOCK {
                let serials = number + 1..=number + PER_TRANSACTION;
                number += PER_TRANSACTION;
                let events: Vec<_> = serials.map(|n| observed(n, n / 4)).collect();
                bundles.push(network.bundle(time, &events));
            }
            let (decided, layer) = network.decide(&mut ledger, &bundles);
            log.append(&decided).unwrap();
            table.apply(&layer.writes).unwrap();
            ledger.flushed(layer.head.height);
        }
        log.sync().unwrap();
    }
    println!("{events} events written in {:?}", since.elapsed());
    for what in ["rebuild", "clean start"] {
        let (since, before) = (std::time::Instant::now(), usage());
        let recovered = recover(&folder, &network.genesis, &Progress::default()).unwrap();
        let (wall, after) = (since.elapsed(), usage());
        let cpu = after.0 - before.0;
        let height = recovered.ledger.head().height;
        println!("{what} to height {height}: {wall:?}, CPU {cpu} ms, memory {}", after.1);
        drop(recovered);
    }
}

/// Milliseconds of CPU this process has used, and the memory it has now and had at most.
fn usage() -> (u64, String) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let memory = status.lines().filter(|l| l.starts_with("VmHWM") || l.starts_with("VmRSS"));
    (ticks * 10, memory.collect::<Vec<_>>().join(" "))
}
