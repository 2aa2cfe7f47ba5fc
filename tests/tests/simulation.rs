//! Agreement under lost messages, partitions, crashes and a liar, in seeded worlds.

use tracehold_node::replica::PlantedBug;
use tracehold_tests::scenario::{Bug, Scenario};
use tracehold_tests::workload::genesis;
use tracehold_tests::world::{Report, run};

/// Seeds of the suite. `cargo run --release -p tracehold-tests --bin sim -- --seeds N` runs more.
const SEEDS: u64 = 300;

/// Worlds in which a planted mistake must be found.
const BUG_SEEDS: u64 = 300;

/// Runs seeds `from..from + count`, and fails with every violation.
fn hold(from: u64, count: u64) -> Vec<Report> {
    let reports: Vec<Report> =
        (from..from + count).map(|seed| run(Scenario::of_seed(seed), false)).collect();
    let violations: Vec<String> = reports
        .iter()
        .zip(from..)
        .filter_map(|(report, seed)| Some(format!("seed {seed}: {}", report.violation.as_ref()?)))
        .collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    reports
}

/// Promises: one block at each height; no key signs twice; only valid blocks; nothing acknowledged
/// is lost; a whole network moves on. Promise P72: money is neither made nor lost nor paid twice,
/// whatever happens to nodes, and every agreement ends once.
#[test]
fn the_promises_hold_in_every_world() {
    let reports = hold(0, SEEDS);
    // The worlds are as bad as they should be, and things do happen in them.
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    assert!(sum(|r| r.crashes) > SEEDS, "crashes");
    assert!(sum(|r| r.taken_over) > SEEDS / 2, "blocks taken over from peers");
    assert!(sum(|r| r.acknowledged as u64) > SEEDS * 5, "acknowledged transactions");
    assert!(sum(|r| r.height.0) > SEEDS * 5, "heights");
    assert!(reports.iter().any(|r| r.highest_round >= 3), "rounds");
    assert!(sum(|r| r.moved.paid) > SEEDS * 4, "payments");
    assert!(sum(|r| r.moved.repeated) > SEEDS * 4, "payments asked for again");
    assert!(sum(|r| r.moved.released) > SEEDS / 10, "sales paid for what arrived");
    assert!(sum(|r| r.moved.ended_otherwise) > SEEDS / 2, "sales that ended otherwise");
    assert!(sum(|r| r.moved.due) > SEEDS / 10, "deadlines");
}

/// Promise: one seed, one run, to the bit.
#[test]
fn a_seed_run_twice_gives_the_same_trace() {
    for seed in 0..10 {
        let [first, second] = [0, 1].map(|_| run(Scenario::of_seed(seed), false).trace);
        assert_eq!(first, second, "seed {seed}");
    }
    assert_ne!(run(Scenario::of_seed(0), false).trace, run(Scenario::of_seed(1), false).trace);
}

/// Promise: a network without work makes a block at each idle interval and no more.
#[test]
fn an_idle_network_does_not_spin() {
    const MS: u64 = 30_000;
    let report = run(Scenario::quiet(1, MS, 0), false);
    assert_eq!(report.violation, None);
    let idle = genesis(&Scenario::quiet(1, MS, 0)).parameters.idle_block_interval_ms;
    // After the healing, transactions are sent and three more blocks are waited for.
    let blocks = (MS + report.healed_ms) / idle + 3;
    assert!((MS / idle - 3..=blocks).contains(&report.height.0), "{report:?}");
}

/// Promise: a node that was away for many blocks takes them over from its peers and joins in.
#[test]
fn a_node_that_slept_through_a_hundred_blocks_catches_up() {
    let scenario = Scenario { sleeper: true, ..Scenario::quiet(2, 40_000, 250) };
    let report = run(scenario, false);
    assert_eq!(report.violation, None);
    assert!(report.height.0 > 100 && report.taken_over >= 2, "{report:?}");
    assert!(report.healed_ms < 10_000, "{report:?}");
}

/// The first violation in worlds with this mistake in them.
fn found(bug: Bug) -> String {
    (0..BUG_SEEDS)
        .find_map(|seed| run(Scenario::with_bug(seed, bug), false).violation)
        .unwrap_or_else(|| panic!("{bug:?} was not found in {BUG_SEEDS} worlds"))
}

#[test]
fn votes_that_are_not_synced_are_found() {
    assert!(found(Bug::VotesNotSynced).contains("second signature"));
}

#[test]
fn blocks_that_are_not_synced_are_found() {
    assert!(found(Bug::BlocksNotSynced).contains("durability"));
}

#[test]
fn votes_that_leave_before_they_are_synced_are_found() {
    assert!(found(Bug::SendBeforeSync).contains("second signature"));
}

#[test]
fn answers_that_leave_before_the_block_is_synced_are_found() {
    assert!(found(Bug::AnswerBeforeSync).contains("durability"));
}

#[test]
fn a_batch_that_goes_on_beyond_a_block_is_found() {
    let violation = found(Bug::BatchBeyondBlock);
    assert!(violation.contains("votes of") || violation.contains("second signature"));
}

#[test]
fn votes_for_blocks_that_were_not_run_are_found() {
    let violation = found(Bug::Replica(PlantedBug::VoteWithoutExecuting));
    assert!(violation.contains("cannot be applied") || violation.contains("validity"));
}

#[test]
fn a_vote_log_that_is_not_replayed_is_found() {
    assert!(found(Bug::Replica(PlantedBug::SkipReplay)).contains("second signature"));
}
