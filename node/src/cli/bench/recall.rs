//! `tracehold bench recall`: how soon everything that a recall reaches is listed.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tracehold_testnet::Testnet;
use tracehold_testnet::client::Client;
use tracehold_testnet::load::goods::{Goods, Phase};
use tracehold_testnet::measure::{self, Latencies};

use super::OnNetwork;
use super::ingest::Finality;
use super::trace::record_all;
use crate::cli::init::now;
use crate::cli::{Failure, output};

/// How often the whole list is asked for.
const LISTS: u64 = 10;
/// Lines on one page.
const PAGE: usize = 10_000;
/// How often the page of something affected is looked at.
const PAGES: u64 = 100;
/// The bar: the whole list in so many milliseconds.
const BAR_MS: f64 = 1_000.0;

#[derive(Debug, clap::Args)]
pub struct Recall {
    /// Things that the recalled lot reaches
    #[arg(long, default_value_t = 100_000,
        value_parser = clap::value_parser!(u64).range(300..=400_000))]
    affected: u64,
    /// Events in all
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    #[command(flatten)]
    network: OnNetwork,
}

/// What `bench recall` prints.
#[derive(Debug, Serialize)]
struct Report {
    nodes: usize,
    items: u64,
    events: u64,
    /// Events that were refused or not answered.
    failed: u64,
    recording_s: f64,
    affected: u64,
    holding: u64,
    /// The first page of the list, asked for when the recall has just been committed: the node
    /// finds everything meanwhile.
    found_ms: f64,
    /// The whole list as JSON, page after page.
    listed_ms: Finality,
    /// The whole list as CSV.
    csv_ms: Finality,
    csv_bytes: usize,
    /// The page of something affected, without a key.
    page_ms: Finality,
    /// The whole list again after one more block with an affected thing in it.
    after_a_block_ms: f64,
    rss_mb_max: u64,
    /// Whether the list comes in under a second: the first time, whole as JSON and as CSV, and
    /// after one more block.
    meets: bool,
    messages: Vec<String>,
}

pub fn run(args: &Recall) -> Result<(), Failure> {
    let measure =
        |network: &mut Testnet, stop: &Arc<AtomicBool>| measure_recall(args, network, stop);
    let report = args.network.measure(None, measure, show)?;
    if report.failed == 0 && report.messages.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(format!("{} events failed; {:?}", report.failed, report.messages)))
}

fn measure_recall(
    args: &Recall,
    network: &Testnet,
    stop: &Arc<AtomicBool>,
) -> Result<Report, Failure> {
    let start = now()?;
    let goods = Goods::reaching(start.0, start, args.affected, args.events);
    let since = Instant::now();
    let mut messages = Vec::new();
    let failed = record_all(&goods, network, stop, &mut messages);
    let recording_s = since.elapsed().as_secs_f64();
    super::ingest::wait_agree(network);

    let client = network.nodes[0].client();
    let id = declare(&client, &goods)?;
    let list = format!("/api/v1/recalls/{id}/affected");
    let (first, found) = timed(&client, &format!("{list}?perPage=1"))?;
    let told: Value = serde_json::from_str(&first).unwrap_or_default();
    let affected = told["affected"].as_u64().unwrap_or(0);
    let wanted = goods.affected();
    if affected != wanted {
        messages.push(format!("{affected} things are affected, not {wanted}"));
    }
    let mut listed = Latencies::default();
    for _ in 0..LISTS {
        listed.add(whole(&client, &list)?);
    }
    let (mut csv, mut csv_bytes) = (Latencies::default(), 0);
    for _ in 0..LISTS {
        let (text, took) = timed(&client, &format!("{list}?format=csv"))?;
        csv_bytes = text.len();
        csv.add(took);
    }
    let mut pages = Latencies::default();
    let anybody = Client::new(client.base());
    for n in 0..PAGES {
        let thing = goods.unit(n * (goods.reached() / PAGES).max(1));
        let path = thing.trim_start_matches("https://id.gs1.org").to_owned();
        let (text, took) = timed(&anybody, &path)?;
        if !text.contains("finding stop") {
            messages.push(format!("the page {path} says nothing of the recall"));
            break;
        }
        pages.add(took);
    }
    let document = goods.document(Phase::Sightings, goods.count(Phase::Sightings), 1);
    if let Err(message) = tracehold_testnet::load::capture(&client, document.as_bytes()) {
        messages.push(message);
    }
    let after = whole(&client, &list)?;
    let (listed_ms, csv_ms) = (Finality::of(&mut listed), Finality::of(&mut csv));
    let (found_ms, after_a_block_ms) = (ms(found), ms(after));
    let bars = [found_ms, listed_ms.p50, csv_ms.p50, after_a_block_ms];
    let meets = messages.is_empty() && bars.iter().all(|ms| *ms < BAR_MS);
    let rss = network.nodes.iter().map(|node| measure::rss_max_mib(node.pid())).max();
    Ok(Report {
        nodes: network.nodes.len(),
        items: goods.items(),
        events: args.events,
        failed,
        recording_s,
        affected,
        holding: told["holding"].as_u64().unwrap_or(0),
        found_ms,
        listed_ms,
        csv_ms,
        csv_bytes,
        page_ms: Finality::of(&mut pages),
        after_a_block_ms,
        rss_mb_max: rss.unwrap_or(0),
        meets,
        messages,
    })
}

fn ms(took: Duration) -> f64 {
    took.as_micros() as f64 / 1_000.0
}

/// Declares a recall of the one raw lot; its id.
fn declare(client: &Client, goods: &Goods) -> Result<String, Failure> {
    let body = json!({
        "reference": "bench",
        "items": [goods.raw_lot()],
        "reason": {"en": "Glass was found."},
        "what_to_do": {"en": "Bring it back."},
        "contact": "+49 30 1234567",
    });
    let answer = client.post("/api/v1/recalls", body.to_string().as_bytes(), &[])?;
    match answer.json["id"].as_str() {
        Some(id) if answer.is_success() => Ok(id.to_owned()),
        _ => Err(Failure::Refused(answer.problem())),
    }
}

fn timed(client: &Client, path: &str) -> Result<(String, Duration), Failure> {
    match client.get_timed(path)? {
        (200, text, took) => Ok((text, took)),
        (status, text, _) => Err(Failure::Refused(format!("{path}: {status} {text}"))),
    }
}

/// How long the whole list takes, page after page.
fn whole(client: &Client, list: &str) -> Result<Duration, Failure> {
    let (mut from, mut took) = (0, Duration::ZERO);
    loop {
        let path = format!("{list}?perPage={PAGE}&nextPageToken={from}");
        let (text, page) = timed(client, &path)?;
        took += page;
        let told: Value = serde_json::from_str(&text).unwrap_or_default();
        let lines = told["items"].as_array().map_or(0, Vec::len);
        from += lines;
        if lines < PAGE {
            return Ok(took);
        }
    }
}

fn show(report: &Report) -> Result<(), Failure> {
    let of = |ms: &Finality| format!("p50 {:.1} ms, p99 {:.1} ms", ms.p50, ms.p99);
    let rows = [
        ("recorded", format!("{} items, {} events", report.items, report.events)),
        ("affected", format!("{} things, {} hold them", report.affected, report.holding)),
        ("found", format!("{:.1} ms after the recall", report.found_ms)),
        ("listed", of(&report.listed_ms)),
        ("as CSV", format!("{}, {} bytes", of(&report.csv_ms), report.csv_bytes)),
        ("page of an item", of(&report.page_ms)),
        ("after a block", format!("{:.1} ms", report.after_a_block_ms)),
        ("memory", format!("{} MiB at most in one node", report.rss_mb_max)),
        ("bar", if report.meets { "met" } else { "NOT MET" }.to_owned()),
    ];
    for (name, value) in rows {
        output::line(format!("{name:<16}{value}"))?;
    }
    report.messages.iter().try_for_each(|message| output::line(format!("failed: {message}")))
}
