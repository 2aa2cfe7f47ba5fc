//! Runs many worlds: `cargo run --release -p tracehold-tests --bin sim -- --seeds 1000`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use tracehold_tests::scenario::{Bug, Scenario};
use tracehold_tests::world::{Report, run};

/// Runs replicas through lost messages, partitions and crashes, and checks what must hold.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 300)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run this seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Tell what happens, step by step (with --seed).
    #[arg(long)]
    trace: bool,
    /// Plant a mistake: one of votes-not-synced, blocks-not-synced, send-before-sync,
    /// answer-before-sync, batch-beyond-block, vote-without-executing, skip-replay.
    #[arg(long)]
    bug: Option<String>,
    /// How many to run at a time.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let bug = match &arguments.bug {
        None => None,
        Some(name) => match Bug::ALL.iter().find(|(known, _)| known == name) {
            Some((_, bug)) => Some(*bug),
            None => {
                let known: Vec<&str> = Bug::ALL.iter().map(|(name, _)| *name).collect();
                eprintln!("--bug {name}: there is no such mistake; choose {}", known.join(", "));
                return ExitCode::from(2);
            }
        },
    };
    let scenario = |seed| match bug {
        Some(bug) => Scenario::with_bug(seed, bug),
        None => Scenario::of_seed(seed),
    };
    if let Some(seed) = arguments.seed {
        println!("{:#?}", scenario(seed));
        let report = run(scenario(seed), arguments.trace);
        println!("{report:#?}");
        return if report.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from.saturating_add(arguments.seeds);
    let reports: Mutex<Vec<(u64, Report)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let report = run(scenario(seed), false);
                    if let Some(violation) = &report.violation {
                        println!("seed {seed}: {violation}");
                    }
                    let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
                    reports.push((seed, report));
                }
            });
        }
    });
    summary(&reports.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn summary(reports: &[(u64, Report)]) -> ExitCode {
    let violations = reports.iter().filter(|(_, report)| report.violation.is_some()).count();
    let sum =
        |of: &dyn Fn(&Report) -> u64| reports.iter().map(|(_, report)| of(report)).sum::<u64>();
    let slowest = reports.iter().max_by_key(|(_, report)| report.healed_ms);
    println!(
        "{} seeds, {} violations; {} heights, {} steps, {} crashes, {} answers with decided \
         blocks, {} transactions, {} acknowledged; highest round {}; slowest recovery {} ms \
         (seed {})",
        reports.len(),
        violations,
        sum(&|r| r.height.0),
        sum(&|r| r.steps),
        sum(&|r| r.crashes),
        sum(&|r| r.taken_over),
        sum(&|r| r.transactions as u64),
        sum(&|r| r.acknowledged as u64),
        reports.iter().map(|(_, report)| report.highest_round).max().unwrap_or(0),
        slowest.map_or(0, |(_, report)| report.healed_ms),
        slowest.map_or(0, |(seed, _)| *seed),
    );
    if violations > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
