//! `tracehold bench query`: how soon one node answers queries while events are being captured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_testnet::Testnet;
use tracehold_testnet::client::Client;
use tracehold_testnet::load::{self, Load, Numbers, gs1};
use tracehold_testnet::measure::{self, Latencies};

use super::OnNetwork;
use super::ingest::{Finality, generator};
use crate::cli::init::now;
use crate::cli::{Failure, output};

/// Events a second that are captured while queries are measured.
const CAPTURED_RATE: u64 = 500;
/// Events in one document of these.
const CAPTURED_PER_TRANSACTION: usize = 10;
/// The p50 of each kind of query that issue and documentation promise, in milliseconds.
const P50_BAR_MS: f64 = 5.0;
/// The p99, likewise.
const P99_BAR_MS: f64 = 30.0;
/// Events that are read to know what to ask for.
const SAMPLED: u64 = 200;

#[derive(Debug, clap::Args)]
pub struct Query {
    /// Events on record before anything is asked
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Events in one document of these, which is one transaction
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    per_transaction: u16,
    /// Queries of each kind
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    queries: u32,
    #[command(flatten)]
    network: OnNetwork,
}

/// What `bench query` prints.
#[derive(Debug, Serialize)]
struct Report {
    /// Events on record when the first query was asked.
    events: u64,
    /// Events a second captured meanwhile, as asked and as they were.
    captured_per_s: (u64, u64),
    /// Events that were not captured.
    failed: u64,
    kinds: Vec<Kind>,
    p50_bar_ms: f64,
    p99_bar_ms: f64,
    /// Whether every kind keeps below both.
    within_bars: bool,
    rss_mb_max: u64,
    messages: Vec<String>,
}

/// One kind of query, its first page of 100.
#[derive(Debug, Serialize)]
struct Kind {
    name: &'static str,
    example: String,
    queries: usize,
    /// Events on the pages, on average.
    events_a_page: f64,
    ms: Finality,
}

pub fn run(args: &Query) -> Result<(), Failure> {
    let measure =
        |network: &mut Testnet, stop: &Arc<AtomicBool>| measure_query(args, network, stop);
    let report = args.network.measure(None, measure, show)?;
    if report.within_bars && report.failed == 0 {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "not every kind of query is below p50 {P50_BAR_MS} ms and p99 {P99_BAR_MS} ms, or events \
         failed: {}",
        report.failed
    )))
}

fn measure_query(
    args: &Query,
    network: &Testnet,
    stop: &Arc<AtomicBool>,
) -> Result<Report, Failure> {
    let start = now()?;
    let node = network.nodes.first().ok_or_else(|| Failure::Refused("no node".to_owned()))?;
    let mut load = Load {
        nodes: network.nodes.iter().map(|n| (n.http.clone(), n.api_key.clone())).collect(),
        generator: generator(start, 0),
        events: args.events,
        per_transaction: usize::from(args.per_transaction),
        rate: None,
        in_flight: 8,
    };
    let history = load::run(&load, stop);

    load.generator = generator(start, 1);
    // Far more than there is time for: it is ended when the queries are.
    load.events = CAPTURED_RATE * 86_400;
    load.per_transaction = CAPTURED_PER_TRANSACTION;
    load.rate = Some(CAPTURED_RATE);
    let client = Client::new(&node.http).with_key(&node.api_key);
    let asked = AtomicBool::new(false);
    let (kinds, captured) = thread::scope(|scope| {
        let capture = scope.spawn(|| load::run(&load, &asked));
        // Connections are open and the load is under way.
        thread::sleep(Duration::from_secs(2));
        let kinds = ask(args, &client, start.0, stop);
        asked.store(true, Ordering::Relaxed);
        (kinds, capture.join().expect("the load never panics"))
    });
    let kinds = kinds?;
    let within_bars = kinds.iter().all(|kind| kind.ms.p50 < P50_BAR_MS && kind.ms.p99 < P99_BAR_MS);
    let captured_per_s = captured.committed.checked_div(captured.elapsed.as_secs()).unwrap_or(0);
    let mut messages = history.messages;
    messages.extend(captured.messages);
    Ok(Report {
        events: history.committed,
        captured_per_s: (CAPTURED_RATE, captured_per_s),
        failed: history.failed + captured.failed,
        kinds,
        p50_bar_ms: P50_BAR_MS,
        p99_bar_ms: P99_BAR_MS,
        within_bars,
        rss_mb_max: measure::rss_max_mib(node.pid()),
        messages,
    })
}

/// A kind of query, and how it is made from an event on record.
type Ask = (&'static str, fn(&Value, u64) -> Option<Vec<(&'static str, String)>>);

const KINDS: [Ask; 7] = [
    ("MATCH_anyEPC of an item", |event, _| {
        let first = event["epcList"].get(0).or_else(|| event["childEPCs"].get(0));
        Some(vec![("MATCH_anyEPC", first?.as_str()?.to_owned())])
    }),
    ("MATCH_epc of a class, by pattern", |event, _| {
        let first = event["epcList"].get(0).or_else(|| event["childEPCs"].get(0));
        // `…/01/` and 14 digits: indicator, company prefix, item, check digit.
        let gtin = first?.as_str()?.split('/').nth(4)?;
        let (indicator, rest) = gtin.split_at_checked(1)?;
        let item = rest.strip_prefix(gs1::PREFIX)?;
        let item = item.get(..item.len().checked_sub(1)?)?;
        let class = format!("urn:epc:idpat:sgtin:{}.{indicator}{item}.*", gs1::PREFIX);
        Some(vec![("MATCH_epc", class)])
    }),
    ("EQ_bizTransaction_po", |event, _| {
        let order = event["bizTransactionList"][0]["bizTransaction"].as_str()?;
        Some(vec![("EQ_bizTransaction_po", order.to_owned())])
    }),
    ("EQ_readPoint", |event, _| {
        Some(vec![("EQ_readPoint", event["readPoint"]["id"].as_str()?.to_owned())])
    }),
    ("EQ_bizStep", |event, _| Some(vec![("EQ_bizStep", event["bizStep"].as_str()?.to_owned())])),
    ("eventTime in a window", |event, span| window(event, span)),
    ("EQ_bizStep in a window, newest first", |event, span| {
        let mut pairs = window(event, span)?;
        pairs.push(("EQ_bizStep", event["bizStep"].as_str()?.to_owned()));
        pairs.push(("orderBy", "eventTime".to_owned()));
        Some(pairs)
    }),
];

/// From the event's time on, for a thousandth of the history's `span` in milliseconds.
fn window(event: &Value, span: u64) -> Option<Vec<(&'static str, String)>> {
    let from = tracehold_chain::epcis::time::parse(event["eventTime"].as_str()?).ok()?;
    let to = from.plus_ms((span / 1_000).max(1_000));
    Some(vec![("GE_eventTime", from.to_string()), ("LT_eventTime", to.to_string())])
}

fn ask(args: &Query, client: &Client, seed: u64, stop: &AtomicBool) -> Result<Vec<Kind>, Failure> {
    let mut numbers = Numbers::new(seed);
    // Events follow each other by a millisecond.
    let history = generator(tracehold_chain::units::TimestampMs(seed), 0);
    let sample: Vec<Value> = (0..SAMPLED)
        .filter_map(|_| serde_json::from_str(&history.event(numbers.below(args.events))).ok())
        .collect();
    let mut kinds = Vec::new();
    for (name, make) in KINDS {
        let queries: Vec<String> = sample
            .iter()
            .filter_map(|event| make(event, args.events))
            .map(|pairs| path(&pairs))
            .collect();
        let (mut times, mut events) = (Latencies::default(), 0_usize);
        let mut asked = 0_usize;
        for query in queries.iter().cycle().take(args.queries as usize) {
            if stop.load(Ordering::Relaxed) {
                return Err(Failure::Refused("stopped".to_owned()));
            }
            let (status, text, took) =
                client.get_timed(query).map_err(|e| Failure::Refused(e.to_string()))?;
            times.add(took);
            if status != 200 {
                return Err(Failure::Refused(format!("{query}: {status} {text}")));
            }
            let answer: Value = serde_json::from_str(&text).unwrap_or_default();
            let list = &answer["epcisBody"]["queryResults"]["resultsBody"]["eventList"];
            events += list.as_array().map_or(0, Vec::len);
            asked += 1;
        }
        let example = queries.into_iter().next().unwrap_or_default();
        let events_a_page = events as f64 / asked.max(1) as f64;
        let ms = Finality::of(&mut times);
        kinds.push(Kind { name, example, queries: asked, events_a_page, ms });
    }
    Ok(kinds)
}

fn path(pairs: &[(&str, String)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value)));
    format!("/epcis/v2/events?perPage=100&{}", pairs.collect::<Vec<_>>().join("&"))
}

fn show(report: &Report) -> Result<(), Failure> {
    let (wanted, done) = report.captured_per_s;
    output::line(format!(
        "{} events on record, {done} events/s captured meanwhile ({wanted} wanted, {} failed), \
         {} MiB at most",
        report.events, report.failed, report.rss_mb_max
    ))?;
    for kind in &report.kinds {
        let (ms, page) = (&kind.ms, kind.events_a_page);
        let name = kind.name;
        let line = format!("{name:<40}p50 {:>6.2} ms  p99 {:>6.2} ms", ms.p50, ms.p99);
        output::line(format!("{line}  {page:.0} events a page"))?;
    }
    let kept = if report.within_bars { "all below" } else { "NOT ALL below" };
    output::line(format!("{kept} p50 {P50_BAR_MS} ms and p99 {P99_BAR_MS} ms"))?;
    report.messages.iter().try_for_each(|message| output::line(format!("failed: {message}")))
}
