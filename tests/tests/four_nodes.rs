//! Four whole nodes over real sockets in one process agree, go on without one of them, and take it
//! back.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

mod in_process;

use std::time::Instant;

use in_process::Cluster;
use tracehold_contracts::Verdict;
use tracehold_node::net::metrics::Dropped;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_at_one_node_is_the_same_at_all() {
    let mut cluster = Cluster::start(4).await;
    let mut times = Vec::new();
    for round in 0..12 {
        let begun = Instant::now();
        let committed = cluster.record(round % 4).await.unwrap();
        let verdict = &committed.receipt.verdict;
        assert!(matches!(verdict, Verdict::Recorded { .. }), "round {round}: {verdict:?}");
        times.push(begun.elapsed());
    }
    println!("finality: {times:?}");
    assert!(cluster.assert_agreed().await.0 >= 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_go_on_without_the_fourth_and_it_catches_up() {
    let mut cluster = Cluster::start(4).await;
    cluster.record(0).await.unwrap();
    cluster.stop_node(3).await;
    for round in 0..6 {
        cluster.record(round % 3).await.unwrap();
    }
    cluster.start_node(3);
    cluster.wait(3, |status| status.peers.len() == 3).await;
    cluster.assert_agreed().await;
    // It takes part again.
    cluster.record(3).await.unwrap();
    cluster.assert_agreed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_four_stop_and_go_on() {
    let mut cluster = Cluster::start(4).await;
    let before = cluster.record(0).await.unwrap().height;
    for index in 0..4 {
        cluster.stop_node(index).await;
    }
    for index in 0..4 {
        cluster.start_node(index);
    }
    for index in 0..4 {
        cluster.wait(index, |status| status.height >= before && status.peers.len() == 3).await;
    }
    assert!(cluster.record(1).await.unwrap().height > before);
    cluster.assert_agreed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_transactions_at_all_nodes_at_once_are_all_recorded() {
    let mut cluster = Cluster::start(4).await;
    let mut submitted = tokio::task::JoinSet::new();
    for number in 0..120 {
        let bundle = cluster.bundle(number % 4, 50_000);
        let node = cluster.node(number % 4).clone();
        submitted.spawn(async move { node.submit(bundle).await });
    }
    while let Some(outcome) = submitted.join_next().await {
        let verdict = outcome.unwrap().unwrap().receipt.verdict;
        assert!(matches!(verdict, Verdict::Recorded { .. }), "{verdict:?}");
    }
    cluster.assert_agreed().await;
    for index in 0..4 {
        let metrics = cluster.network_metrics(index);
        for reason in [Dropped::SlowPeer, Dropped::SlowConsumer, Dropped::AuthorLimit] {
            assert_eq!(metrics.dropped(reason), 0, "node {index}: {reason:?}");
        }
    }
}
