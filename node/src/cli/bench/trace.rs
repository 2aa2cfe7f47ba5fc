//! `tracehold bench trace`: how soon a story is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_testnet::Testnet;
use tracehold_testnet::client::Client;
use tracehold_testnet::load::goods::{Goods, LEVELS, Phase};
use tracehold_testnet::load::{self, Load, Numbers};
use tracehold_testnet::measure::{self, Latencies};

use super::OnNetwork;
use super::ingest::{Finality, generator};
use crate::cli::init::now;
use crate::cli::{Failure, output};

/// Events in one document, which is one transaction.
const PER_TRANSACTION: u64 = 50;
/// The same of events that name a thousand things each.
const LARGE_PER_TRANSACTION: u64 = 5;
/// Documents under way at each node at once.
const IN_FLIGHT: usize = 8;
/// Traces of ten levels.
const TRACES: u64 = 300;
/// Items whose state is asked for.
const STATES: u64 = 1_000;
/// Traces forward from the one raw lot.
const FORWARD: u64 = 10;
/// Events a second while items are asked for.
const LOAD_RATE: u64 = 500;
/// How long the load lasts.
const LOAD_TIME: Duration = Duration::from_secs(20);
/// Between two questions under load.
const PAUSE: Duration = Duration::from_millis(10);
/// Messages of failures that are kept.
const MAX_MESSAGES: usize = 5;

#[derive(Debug, clap::Args)]
pub struct Trace {
    /// Things and lots
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    items: u64,
    /// Events about them
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    #[command(flatten)]
    network: OnNetwork,
}

/// What `bench trace` prints.
#[derive(Debug, Serialize)]
struct Report {
    nodes: usize,
    items: u64,
    events: u64,
    /// Events that were refused or not answered.
    failed: u64,
    recording_s: f64,
    /// A trace back over ten levels of transformations.
    ten_levels_ms: Finality,
    /// `GET /api/v1/items`.
    item_state_ms: Finality,
    forward: Forward,
    under_load: UnderLoad,
    rss_mb_max: u64,
    /// Whether every bar is met.
    meets: bool,
    messages: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Forward {
    reached: u64,
    bytes: usize,
    ms: Finality,
}

#[derive(Debug, Serialize)]
struct UnderLoad {
    rate: u64,
    committed: u64,
    asked: usize,
    item_state_ms: Finality,
}

pub fn run(args: &Trace) -> Result<(), Failure> {
    let measure =
        |network: &mut Testnet, stop: &Arc<AtomicBool>| measure_traces(args, network, stop);
    let report = args.network.measure(None, measure, show)?;
    if report.failed == 0 {
        return Ok(());
    }
    Err(Failure::Refused(format!("{} events failed", report.failed)))
}

fn measure_traces(
    args: &Trace,
    network: &Testnet,
    stop: &Arc<AtomicBool>,
) -> Result<Report, Failure> {
    let start = now()?;
    let goods = Goods::new(start.0, start, args.items, args.events);
    let since = Instant::now();
    let mut messages = Vec::new();
    let failed = record_all(&goods, network, stop, &mut messages);
    let recording_s = since.elapsed().as_secs_f64();
    super::ingest::wait_agree(network);

    let client = network.nodes[0].client();
    let mut numbers = Numbers::new(start.0);
    let mut asking = Asking { client: &client, messages };
    let mut ten_levels = Latencies::default();
    for n in 0..TRACES {
        let id = goods.end_of_chain(n);
        let text = asking.ask("trace", &id, "&direction=back", &mut ten_levels);
        let levels = text.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let levels = levels.map_or(0, |json| deepest(&json));
        if levels != LEVELS {
            asking.complain(format!("a trace of {id} has {levels} levels"));
        }
    }
    let mut item_state = Latencies::default();
    for _ in 0..STATES {
        asking.ask("items", &goods.unit(numbers.draw()), "", &mut item_state);
    }
    let mut forward = Latencies::default();
    let (mut bytes, mut reached) = (0, 0);
    for _ in 0..FORWARD {
        let raw = goods.raw_lot();
        let text = asking.ask("trace", &raw, "&direction=forward", &mut forward);
        let text = text.unwrap_or_default();
        bytes = text.len();
        reached = serde_json::from_str::<Value>(&text).map_or(0, |json| pieces(&json));
    }
    if reached != goods.reached() {
        asking.complain(format!("{reached} pieces reached, not {}", goods.reached()));
    }
    let under_load = under_load(&goods, network, stop, &mut asking, &mut numbers)?;
    let messages = std::mem::take(&mut asking.messages);
    let rss = network.nodes.iter().map(|node| measure::rss_max_mib(node.pid())).max();
    let forward = Forward { reached, bytes, ms: Finality::of(&mut forward) };
    let (ten_levels_ms, item_state_ms) =
        (Finality::of(&mut ten_levels), Finality::of(&mut item_state));
    let meets = ten_levels_ms.p50 < 50.0
        && item_state_ms.p50 < 2.0
        && forward.ms.p50 < 1_000.0
        && under_load.item_state_ms.p99 < 30.0
        && messages.is_empty();
    Ok(Report {
        nodes: network.nodes.len(),
        items: goods.items(),
        events: args.events,
        failed,
        recording_s,
        ten_levels_ms,
        item_state_ms,
        forward,
        under_load,
        rss_mb_max: rss.unwrap_or(0),
        meets,
        messages,
    })
}

/// The greatest depth among the items of a trace.
fn deepest(json: &Value) -> u64 {
    let items = json["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item["depth"].as_u64()).max().unwrap_or(0)
}

/// The single things of a trace.
fn pieces(json: &Value) -> u64 {
    let items = json["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter(|item| item["kind"] == "instance").count() as u64
}

/// Asks one node, one question at a time.
struct Asking<'a> {
    client: &'a Client,
    messages: Vec<String>,
}

impl Asking<'_> {
    fn ask(
        &mut self,
        what: &str,
        id: &str,
        more: &str,
        latencies: &mut Latencies,
    ) -> Option<String> {
        let path = format!("/api/v1/{what}?id={}{more}", percent_encoded(id));
        match self.client.get_timed(&path) {
            Ok((200, text, took)) => {
                latencies.add(took);
                return Some(text);
            }
            Ok((status, text, _)) => self.complain(format!("{path}: {status} {text}")),
            Err(error) => self.complain(error.to_string()),
        }
        None
    }

    fn complain(&mut self, message: String) {
        if self.messages.len() < MAX_MESSAGES {
            self.messages.push(message);
        }
    }
}

/// Records all phases over all nodes; how many events failed.
pub(super) fn record_all(
    goods: &Goods,
    network: &Testnet,
    stop: &Arc<AtomicBool>,
    messages: &mut Vec<String>,
) -> u64 {
    Phase::ALL.into_iter().map(|phase| record(goods, phase, network, stop, messages)).sum()
}

/// Records a phase over all nodes; how many events failed.
fn record(
    goods: &Goods,
    phase: Phase,
    network: &Testnet,
    stop: &Arc<AtomicBool>,
    messages: &mut Vec<String>,
) -> u64 {
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let count = goods.count(phase);
    let together = if phase == Phase::Reached { LARGE_PER_TRANSACTION } else { PER_TRANSACTION };
    let heard = std::sync::Mutex::new(std::mem::take(messages));
    thread::scope(|scope| {
        for node in network.nodes.iter().cycle().take(network.nodes.len() * IN_FLIGHT) {
            let client = node.client();
            let (next, failed, heard) = (&next, &failed, &heard);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let first = next.fetch_add(together, Ordering::Relaxed);
                    let Some(left) = count.checked_sub(first).filter(|left| *left > 0) else {
                        break;
                    };
                    let size = left.min(together);
                    let document = goods.document(phase, first, size);
                    if let Err(message) = load::capture(&client, document.as_bytes()) {
                        failed.fetch_add(size, Ordering::Relaxed);
                        let mut heard = heard.lock().expect("a lane never panics");
                        if heard.len() < MAX_MESSAGES {
                            heard.push(format!("{phase:?}: {message}"));
                        }
                    }
                }
            });
        }
    });
    *messages = heard.into_inner().expect("a lane never panics");
    failed.load(Ordering::Relaxed)
}

fn under_load(
    goods: &Goods,
    network: &Testnet,
    stop: &Arc<AtomicBool>,
    asking: &mut Asking<'_>,
    numbers: &mut Numbers,
) -> Result<UnderLoad, Failure> {
    let load = Load {
        nodes: network.nodes.iter().map(|n| (n.http.clone(), n.api_key.clone())).collect(),
        generator: generator(now()?, 1),
        events: LOAD_RATE * LOAD_TIME.as_secs(),
        per_transaction: usize::try_from(PER_TRANSACTION).unwrap_or(1),
        rate: Some(LOAD_RATE),
        in_flight: IN_FLIGHT,
    };
    let mut latencies = Latencies::default();
    let done = AtomicBool::new(false);
    let outcome = thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let outcome = load::run(&load, stop);
            done.store(true, Ordering::Relaxed);
            outcome
        });
        while !done.load(Ordering::Relaxed) {
            asking.ask("items", &goods.unit(numbers.draw()), "", &mut latencies);
            thread::sleep(PAUSE);
        }
        sending.join().expect("a load never panics")
    });
    outcome.messages.into_iter().for_each(|message| asking.complain(message));
    Ok(UnderLoad {
        rate: LOAD_RATE,
        committed: outcome.committed,
        asked: latencies.len(),
        item_state_ms: Finality::of(&mut latencies),
    })
}

fn show(report: &Report) -> Result<(), Failure> {
    let of = |ms: &Finality| format!("p50 {:.1} ms, p99 {:.1} ms", ms.p50, ms.p99);
    let forward = &report.forward;
    let loaded = &report.under_load;
    let rows = [
        ("recorded", format!("{} items, {} events", report.items, report.events)),
        ("ten levels", of(&report.ten_levels_ms)),
        ("item state", of(&report.item_state_ms)),
        ("forward", format!("{} to {} pieces", of(&forward.ms), forward.reached)),
        ("under load", format!("{} at {} events/s", of(&loaded.item_state_ms), loaded.rate)),
        ("memory", format!("{} MiB at most in one node", report.rss_mb_max)),
        ("bars", if report.meets { "all met" } else { "NOT ALL MET" }.to_owned()),
    ];
    for (name, value) in rows {
        output::line(format!("{name:<16}{value}"))?;
    }
    report.messages.iter().try_for_each(|message| output::line(format!("failed: {message}")))
}
