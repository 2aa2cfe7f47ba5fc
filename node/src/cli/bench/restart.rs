//! `tracehold bench restart`: how soon nodes are back after a stop, a kill and the loss of their
//! table.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use tracehold_testnet::client::Client;
use tracehold_testnet::{Testnet, measure};

use super::OnNetwork;
use crate::cli::{Failure, output};
use crate::store::recover::TABLE_FOLDER;

/// How long a node may take for its whole history.
const READY_TIMEOUT: Duration = Duration::from_secs(3_600);
/// How often a node that builds its table again is asked how far it is.
const PROGRESS_POLL: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub struct Restart {
    /// The folder of a network with a history, such as `bench ingest --dir` leaves
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Its validators
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    nodes: u8,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What `bench restart` prints. Times are in seconds.
#[derive(Debug, Serialize)]
struct Report {
    nodes: usize,
    height: u64,
    one_after_stop_s: f64,
    one_after_kill_s: f64,
    all_after_stop_s: f64,
    all_after_kill_s: f64,
    /// One node whose table was deleted, the others running.
    rebuild_s: f64,
    /// Of the node that built its table again, since it started.
    rebuild_cpu_s: f64,
    rebuild_rss_mb_max: u64,
    /// How many times `/readyz` told a greater height while the table was built.
    rebuild_progress_steps: usize,
}

pub fn run(args: &Restart) -> Result<(), Failure> {
    if !args.dir.is_dir() {
        let dir = args.dir.display();
        return Err(Failure::Refused(format!(
            "{dir} is no folder: record a history first with `tracehold bench ingest --dir {dir}`"
        )));
    }
    let network = OnNetwork {
        nodes: args.nodes,
        parameters: Vec::new(),
        dir: Some(args.dir.clone()),
        json: args.json,
    };
    network.measure(Some(READY_TIMEOUT), |network, _| measure_restarts(network), show)?;
    Ok(())
}

fn measure_restarts(network: &mut Testnet) -> Result<Report, Failure> {
    network.stop_node(0);
    let one_after_stop_s = back(network)?;
    network.kill(0);
    let one_after_kill_s = back(network)?;
    network.stop();
    let all_after_stop_s = back(network)?;
    network.kill_all();
    let all_after_kill_s = back(network)?;

    network.stop_node(0);
    let table = network.nodes[0].dir.join(TABLE_FOLDER);
    std::fs::remove_dir_all(&table)
        .map_err(|error| Failure::Refused(format!("cannot remove {}: {error}", table.display())))?;
    let since = Instant::now();
    network.start(0)?;
    let rebuild_progress_steps = follow_progress(network)?;
    let rebuild_s = since.elapsed().as_secs_f64();
    let pid = network.nodes[0].pid();
    let status = network.nodes[0].client().get("/api/v1/status").ok();
    let height = status.and_then(|answer| answer.json.get("height")?.as_u64());
    Ok(Report {
        nodes: network.nodes.len(),
        height: height.unwrap_or(0),
        one_after_stop_s,
        one_after_kill_s,
        all_after_stop_s,
        all_after_kill_s,
        rebuild_s,
        rebuild_cpu_s: measure::cpu_time(pid).as_secs_f64(),
        rebuild_rss_mb_max: measure::rss_max_mib(pid),
        rebuild_progress_steps,
    })
}

/// Starts what does not run; the seconds until all are ready.
fn back(network: &mut Testnet) -> Result<f64, Failure> {
    let since = Instant::now();
    network.start_all()?;
    network.wait_ready()?;
    Ok(since.elapsed().as_secs_f64())
}

/// Waits until node 0 is ready; how many times its readiness told of progress meanwhile.
fn follow_progress(network: &mut Testnet) -> Result<usize, Failure> {
    let probe = Client::with_timeout(&network.nodes[0].http, Duration::from_secs(2));
    let (mut steps, mut blocks) = (0, 0);
    loop {
        network.check_running()?;
        if let Ok(answer) = probe.get("/readyz") {
            if answer.status == 200 {
                return Ok(steps);
            }
            let done = answer.json.get("done").and_then(Value::as_u64).unwrap_or(0);
            if done > blocks {
                (steps, blocks) = (steps + 1, done);
            }
        }
        thread::sleep(PROGRESS_POLL);
    }
}

fn show(report: &Report) -> Result<(), Failure> {
    let seconds = |seconds: f64| format!("{seconds:.1} s");
    let rows = [
        ("height", report.height.to_string()),
        ("one, stopped", seconds(report.one_after_stop_s)),
        ("one, killed", seconds(report.one_after_kill_s)),
        ("all, stopped", seconds(report.all_after_stop_s)),
        ("all, killed", seconds(report.all_after_kill_s)),
        (
            "one, no table",
            format!(
                "{:.1} s, {:.1} s of processor, {} MiB at most, progress told {} times",
                report.rebuild_s,
                report.rebuild_cpu_s,
                report.rebuild_rss_mb_max,
                report.rebuild_progress_steps
            ),
        ),
    ];
    rows.into_iter().try_for_each(|(name, value)| output::line(format!("{name:<16}{value}")))
}
