use std::time::Duration;

use tracehold_chain::state::key::name_digest;
use tracehold_chain::state::{StateKey, Table};
use tracehold_chain::units::Height;
use tracehold_contracts::Verdict;

use super::*;
use crate::api::now;
use crate::audit::audit;
use crate::testing::{PATIENCE, TestNetwork, item, observed, running, start};
use crate::view::Order;

async fn submit(handle: &NodeHandle, network: &mut TestNetwork, event: u64) -> Height {
    let bundle = network.bundle(now(), &[observed(event, 7)]);
    let submitted = tokio::time::timeout(PATIENCE, handle.submit(bundle)).await;
    let committed = submitted.unwrap().unwrap();
    assert!(matches!(committed.receipt.verdict, Verdict::Recorded { .. }));
    committed.height
}

/// Promise P7, P14.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_acknowledges_is_readable_and_there_after_a_restart() {
    let path = tempfile::tempdir().unwrap();
    let mut network = TestNetwork::new();
    network.genesis.created_at = now();
    let mut number = 0;
    for _ in 0..3 {
        let handle = start(&network, path.path()).unwrap();
        assert!(start(&network, path.path()).is_err(), "one process for one folder");
        running(&handle).await;
        let mut changes = handle.changes();
        for _ in 0..3 {
            number += 1;
            let height = submit(&handle, &mut network, number).await;
            let view = handle.view().unwrap();
            assert!(view.height() >= height && *changes.borrow_and_update() >= height);
            let page = view.history(&item(7), None, 100, Order::NewestFirst).unwrap();
            assert_eq!(page.events.len(), usize::try_from(number).unwrap());
            assert_eq!(page.events[0].position.height, height);
        }
        let status = handle.status().unwrap();
        assert_eq!(status.node.unwrap().as_str(), "acme-1");
        handle.stop();
        handle.ended().await.unwrap();
        assert_eq!(handle.phase(), Phase::Stopped);
        assert!(handle.submit(network.bundle(now(), &[observed(1, 7)])).await.is_err());
        // The history follows from its beginning.
        let report = audit(path.path(), &network.genesis, &mut |_, _| {}).unwrap();
        assert_eq!((report.events, report.state_root), (number, status.state_root));
        assert_eq!(report.unfinished, None);
    }
}

/// Promise P7. More come at once than are stepped through together, and none is left without an
/// answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_is_answered_however_many_ask_at_once() {
    let path = tempfile::tempdir().unwrap();
    let mut network = TestNetwork::new();
    network.genesis.created_at = now();
    let handle = start(&network, path.path()).unwrap();
    running(&handle).await;
    let bundle = network.bundle(now(), &[observed(1, 7)]);
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..600 {
        let (handle, bundle) = (handle.clone(), bundle.clone());
        asked.spawn(async move { handle.submit(bundle).await });
    }
    let answers = tokio::time::timeout(PATIENCE, asked.join_all()).await.unwrap();
    assert!(answers.iter().any(Result::is_ok));
    assert!(!answers.iter().any(|answer| matches!(answer, Err(SubmitError::Unknown))));
    handle.stop();
    handle.ended().await.unwrap();
}

/// Promise P12.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_table_is_built_again_and_nothing_is_lost() {
    let path = tempfile::tempdir().unwrap();
    let mut network = TestNetwork::new();
    network.genesis.created_at = now();
    let handle = start(&network, path.path()).unwrap();
    running(&handle).await;
    for number in 1..=5 {
        submit(&handle, &mut network, number).await;
    }
    let before = handle.status().unwrap();
    handle.stop();
    handle.ended().await.unwrap();
    drop(handle);
    std::fs::remove_dir_all(path.path().join(crate::store::recover::TABLE_FOLDER)).unwrap();
    let handle = start(&network, path.path()).unwrap();
    running(&handle).await;
    let view = handle.view().unwrap();
    assert!(view.height() >= before.height);
    assert_eq!(view.header(before.height).unwrap().unwrap().header.state_root, before.state_root);
    let page = view.history(&item(7), None, 100, Order::OldestFirst).unwrap();
    assert_eq!(page.events.len(), 5);
    handle.stop();
    handle.ended().await.unwrap();
}

/// Promise P13.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_log_keeps_the_node_from_starting_and_is_named() {
    let path = tempfile::tempdir().unwrap();
    let mut network = TestNetwork::new();
    network.genesis.created_at = now();
    let handle = start(&network, path.path()).unwrap();
    running(&handle).await;
    for number in 1..=3 {
        submit(&handle, &mut network, number).await;
    }
    handle.stop();
    handle.ended().await.unwrap();
    let logs = path.path().join(crate::store::recover::LOG_FOLDER);
    let segment = std::fs::read_dir(logs).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.into_iter().find(|p| p.to_string_lossy().contains("blocks-")).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[300] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let handle = start(&network, path.path()).unwrap();
    let fault = handle.ended().await.unwrap_err();
    assert_eq!(fault.file(), Some(segment.to_string_lossy().as_ref()));
    assert!(fault.offset().is_some_and(|offset| offset <= 300));
    assert_eq!(handle.phase(), Phase::Failed(fault));
    assert!(audit(path.path(), &network.genesis, &mut |_, _| {}).is_err());
}

/// Opens the table of a node that has just ended: its thread may hold the folder a moment longer.
async fn open_when_free(folder: &std::path::Path) -> crate::store::SledTable {
    let wait = async {
        loop {
            match crate::store::SledTable::open(folder, 1024 * 1024) {
                Ok(table) => return table,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the table is free")
}

/// Promise P12, P13.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_lacks_steps_is_found_at_the_start_and_built_again() {
    let path = tempfile::tempdir().unwrap();
    let mut network = TestNetwork::new();
    network.genesis.created_at = now();
    let handle = start(&network, path.path()).unwrap();
    running(&handle).await;
    for number in 1..=5 {
        submit(&handle, &mut network, number).await;
    }
    handle.stop();
    handle.ended().await.unwrap();
    drop(handle);
    // The journal is part of the agreed state: without it the root is another.
    let table = path.path().join(crate::store::recover::TABLE_FOLDER);
    let opened = open_when_free(&table).await;
    let key = StateKey::Journal { item: name_digest(&item(7)), chunk: 0 }.encode();
    assert!(opened.get(&key).unwrap().is_some());
    opened.apply(&[(key, None)].into()).unwrap();
    opened.flush().unwrap();
    drop(opened);

    let handle = start(&network, path.path()).unwrap();
    running(&handle).await;
    let whole = handle.view().unwrap().history(&item(7), None, 100, Order::OldestFirst).unwrap();
    assert_eq!(whole.events.len(), 5);
    handle.stop();
    handle.ended().await.unwrap();
}
