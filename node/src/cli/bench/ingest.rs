//! `tracehold bench ingest`: what recording events costs.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use tracehold_chain::units::TimestampMs;
use tracehold_testnet::Testnet;
use tracehold_testnet::load::{self, Generator, Load};
use tracehold_testnet::measure::{self, Latencies};

use super::OnNetwork;
use crate::cli::init::now;
use crate::cli::{Failure, output};

/// Events a second of the light load, during which finality is measured by itself.
const LIGHT_RATE: u64 = 200;
/// Events of the light load.
const LIGHT_EVENTS: u64 = 3_000;
/// How long the nodes have, after the load, to show the same height and state root.
const AGREE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long before now the first event happened. Events follow by milliseconds, and come in faster
/// than that: none of them may be to come.
const BEGINS_MS: u64 = 24 * 60 * 60 * 1_000;

#[derive(Debug, clap::Args)]
pub struct Ingest {
    /// Events to record
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Events in one document, which is one transaction
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    per_transaction: u16,
    /// Events to send in a second [default: as many as the network takes]
    #[arg(long)]
    rate: Option<u64>,
    /// Documents under way at each node at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    in_flight: u16,
    #[command(flatten)]
    network: OnNetwork,
}

/// What `bench ingest` prints.
#[derive(Debug, Serialize)]
struct Report {
    nodes: usize,
    events: u64,
    per_transaction: u16,
    /// Events committed.
    committed: u64,
    /// Events refused or not answered.
    failed: u64,
    seconds: f64,
    events_per_s: u64,
    /// Processor time of all nodes together.
    cpu_us_per_event: u64,
    finality_ms: Finality,
    /// The same at 200 events a second.
    light: Light,
    /// Of one node, on average.
    disk_bytes_per_event: u64,
    /// Of the node that held most.
    rss_mb_max: u64,
    rss_mb_max_by_node: Vec<u64>,
    /// Whether all nodes showed one height and state root at the end.
    agree: bool,
    messages: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Light {
    rate: u64,
    events: u64,
    finality_ms: Finality,
}

#[derive(Debug, Serialize)]
pub(super) struct Finality {
    pub p50: f64,
    pub p99: f64,
}

impl Finality {
    pub fn of(latencies: &mut Latencies) -> Finality {
        let ms = |latency: Duration| latency.as_micros() as f64 / 1_000.0;
        Finality { p50: ms(latencies.percentile(50)), p99: ms(latencies.percentile(99)) }
    }
}

pub fn run(args: &Ingest) -> Result<(), Failure> {
    let measure =
        |network: &mut Testnet, stop: &Arc<AtomicBool>| measure_ingest(args, network, stop);
    let report = args.network.measure(None, measure, show)?;
    if report.failed == 0 && report.agree {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "{} events failed; nodes agree at the end: {}",
        report.failed, report.agree
    )))
}

fn measure_ingest(
    args: &Ingest,
    network: &Testnet,
    stop: &Arc<AtomicBool>,
) -> Result<Report, Failure> {
    let start = now()?;
    let mut load = Load {
        nodes: network.nodes.iter().map(|n| (n.http.clone(), n.api_key.clone())).collect(),
        generator: generator(start, 0),
        events: LIGHT_EVENTS.min(args.events),
        per_transaction: usize::from(args.per_transaction),
        rate: Some(LIGHT_RATE),
        in_flight: usize::from(args.in_flight),
    };
    let mut light = load::run(&load, stop);

    load.generator = generator(start, 1);
    load.events = args.events;
    load.rate = args.rate;
    let cpu = || network.nodes.iter().map(|node| measure::cpu_time(node.pid())).sum::<Duration>();
    let cpu_before = cpu();
    let mut main = load::run(&load, stop);
    let agree = wait_agree(network);
    let cpu_used = cpu().saturating_sub(cpu_before);

    let per_event = |total: u128, events: u64| {
        u64::try_from(total / u128::from(events.max(1))).unwrap_or(u64::MAX)
    };
    let disk: u64 = network.nodes.iter().map(|node| measure::disk_bytes(&node.dir)).sum();
    let stored = (main.committed + light.committed) * network.nodes.len() as u64;
    let rss: Vec<u64> = network.nodes.iter().map(|node| measure::rss_max_mib(node.pid())).collect();
    let seconds = main.elapsed.as_secs_f64();
    let mut messages = light.messages.clone();
    messages.extend(main.messages.clone());
    Ok(Report {
        nodes: network.nodes.len(),
        events: args.events,
        per_transaction: args.per_transaction,
        committed: main.committed,
        failed: main.failed + light.failed,
        seconds,
        events_per_s: per_event(
            u128::from(main.committed) * 1_000_000,
            u64::try_from(main.elapsed.as_micros()).unwrap_or(u64::MAX),
        ),
        cpu_us_per_event: per_event(cpu_used.as_micros(), main.committed),
        finality_ms: Finality::of(&mut main.finality),
        light: Light {
            rate: LIGHT_RATE,
            events: light.committed,
            finality_ms: Finality::of(&mut light.finality),
        },
        disk_bytes_per_event: per_event(u128::from(disk), stored),
        rss_mb_max: rss.iter().copied().max().unwrap_or(0),
        rss_mb_max_by_node: rss,
        agree,
        messages,
    })
}

/// Events of one phase: no two runs or phases make the same eventIDs.
pub(super) fn generator(start: TimestampMs, phase: u64) -> Generator {
    let begins = TimestampMs(start.0.saturating_sub(BEGINS_MS));
    Generator::new(start.0.wrapping_mul(2).wrapping_add(phase), begins)
}

/// Waits until all nodes show one height and state root.
pub(super) fn wait_agree(network: &Testnet) -> bool {
    let deadline = Instant::now() + AGREE_TIMEOUT;
    while Instant::now() < deadline {
        let status = |node: &tracehold_testnet::network::RunningNode| {
            let answer = node.client().get("/api/v1/status").ok()?.json;
            Some((answer["height"].as_u64()?, answer["state_root"].as_str()?.to_owned()))
        };
        let mut shown: Vec<_> = network.nodes.iter().map(status).collect();
        shown.dedup();
        if shown.len() == 1 && shown[0].is_some() {
            return true;
        }
        thread::sleep(Duration::from_millis(200));
    }
    false
}

fn show(report: &Report) -> Result<(), Failure> {
    let rows = [
        ("committed", format!("{} events, {} failed", report.committed, report.failed)),
        ("throughput", format!("{} events/s", report.events_per_s)),
        ("processor", format!("{} µs an event, all nodes together", report.cpu_us_per_event)),
        (
            "finality",
            format!("p50 {:.0} ms, p99 {:.0} ms", report.finality_ms.p50, report.finality_ms.p99),
        ),
        (
            "  at light load",
            format!(
                "p50 {:.0} ms, p99 {:.0} ms ({} events/s)",
                report.light.finality_ms.p50, report.light.finality_ms.p99, report.light.rate
            ),
        ),
        ("disk", format!("{} bytes an event and node", report.disk_bytes_per_event)),
        ("memory", format!("{} MiB at most in one node", report.rss_mb_max)),
        ("agreement", if report.agree { "one state root" } else { "NODES DIFFER" }.to_owned()),
    ];
    for (name, value) in rows {
        output::line(format!("{name:<16}{value}"))?;
    }
    report.messages.iter().try_for_each(|message| output::line(format!("failed: {message}")))
}
