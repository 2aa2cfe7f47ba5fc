//! `tracehold bench evidence`: how large evidence is, and how soon it is made and checked.

mod story;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::evidence::{Report as Checked, Trust, verify};
use tracehold_chain::units::TimestampMs;
use tracehold_explorer::assets::CHECK;
use tracehold_testnet::Testnet;
use tracehold_testnet::client::Client;
use tracehold_testnet::load;
use tracehold_testnet::load::goods::Goods;
use tracehold_testnet::measure::Latencies;

use super::OnNetwork;
use super::browser::{self, Browser};
use super::ingest::{Finality, wait_agree};
use super::trace::record_all;
use crate::cli::init::now;
use crate::cli::{Failure, output};
use story::{EVENTS, LEVELS, Story};

/// Things whose evidence is made.
const STORIES: u64 = 20;
/// How often each is made.
const TIMES: u64 = 15;
/// On how many pages, one after the other, a file is checked in the browser at each speed.
const CHECKS: usize = 15;
/// How many times slower than this machine the slow browser is.
const SLOWED: u64 = 4;
/// Bytes that a compressed file may have.
const MAX_COMPRESSED: usize = 50_000;
/// Milliseconds in which a file is made, and in which it is checked in the browser, at the median.
const MAX_MADE_MS: f64 = 10.0;
const MAX_CHECKED_MS: f64 = 150.0;
/// How long before now the first story begins.
const BEGINS_MS: u64 = 90 * 24 * 3_600_000;

#[derive(Debug, clap::Args)]
pub struct Evidence {
    /// Things and lots of the history beside them
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    items: u64,
    /// Events of that history; 0 for none, on a kept folder that has one
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// The Chromium to check with [default: the one on the search path]
    #[arg(long, value_name = "FILE")]
    browser: Option<PathBuf>,
    #[command(flatten)]
    network: OnNetwork,
}

/// What `bench evidence` prints.
#[derive(Debug, Serialize)]
struct Report {
    nodes: usize,
    items: u64,
    events: u64,
    /// Events that were refused or not answered.
    failed: u64,
    recording_s: f64,
    /// Of each thing whose evidence was made.
    own_events: u64,
    levels: u8,
    /// In a file: items, containers and inputs; and all events.
    logs: usize,
    shown_events: usize,
    /// The largest file.
    bytes: usize,
    compressed_bytes: usize,
    /// From asking for it to having it.
    made_ms: Finality,
    /// By `tracehold verify`'s checker.
    checked_ms: Finality,
    in_the_browser: InTheBrowser,
    /// Whether every bar is met.
    meets: bool,
    messages: Vec<String>,
}

#[derive(Debug, Serialize)]
struct InTheBrowser {
    browser: String,
    checked_ms: f64,
    /// With a processor that is slowed down.
    slowed: u64,
    slowed_checked_ms: f64,
    /// Without the browser's own cryptography, as on pages without a secure context.
    own_checked_ms: f64,
}

pub fn run(args: &Evidence) -> Result<(), Failure> {
    // Before the network, which takes a while.
    let program = args.browser.clone().map_or_else(browser::installed, Ok)?;
    let measure = |network: &mut Testnet, stop: &Arc<AtomicBool>| {
        measure_evidence(args, &program, network, stop)
    };
    let report = args.network.measure(None, measure, show)?;
    if report.failed == 0 && report.messages.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(format!("{} events failed; see the messages", report.failed)))
}

fn measure_evidence(
    args: &Evidence,
    program: &Path,
    network: &Testnet,
    stop: &Arc<AtomicBool>,
) -> Result<Report, Failure> {
    let start = now()?;
    let since = Instant::now();
    let (mut failed, mut messages) = (0, Vec::new());
    if args.events > 0 {
        let goods = Goods::new(start.0, start, args.items, args.events);
        failed += record_all(&goods, network, stop, &mut messages);
    }
    let client = network.nodes[0].client();
    let begins = start.0.saturating_sub(BEGINS_MS);
    // Two runs on one ledger tell of different things.
    let first = start.0 % 100_000_000 * 100;
    let stories: Vec<Story> =
        (first..first + STORIES).map(|number| Story::new(number, TimestampMs(begins))).collect();
    for story in &stories {
        for document in story.documents() {
            load::capture(&client, document.as_bytes()).map_err(Failure::Refused)?;
        }
    }
    let recording_s = since.elapsed().as_secs_f64();
    wait_agree(network);

    let genesis = crate::config::load_genesis(&network.nodes[0].dir);
    let genesis = genesis.map_err(|error| Failure::Folder(error.to_string()))?;
    let trust = Trust { genesis: Some(genesis.id().0), ..Trust::default() };
    let (mut made, mut checked) = (Latencies::default(), Latencies::default());
    let mut largest = String::new();
    let mut report = None;
    let mut compressed_bytes = 0;
    for round in 0..TIMES {
        for story in &stories {
            let path = path_of(story);
            let (status, text, took) = client.get_timed(&path)?;
            if status != 200 {
                return Err(Failure::Refused(format!("{path}: {status} {text}")));
            }
            made.add(took);
            let since = Instant::now();
            let holds = verify(text.as_bytes(), &trust);
            checked.add(since.elapsed());
            let holds = holds.map_err(|error| Failure::CheckFailed(format!("{error:?}")))?;
            expect(&holds, &mut messages);
            report = Some(holds);
            if round == 0 {
                compressed_bytes = compressed_bytes.max(compressed(&client, &path)?);
            }
            if text.len() > largest.len() {
                largest = text;
            }
        }
    }
    let report = report.and_then(|report| report.item).unwrap_or_default();
    let browser = in_the_browser(program, client.base(), &largest, &trust, &mut messages)?;
    let made_ms = Finality::of(&mut made);
    let meets = compressed_bytes <= MAX_COMPRESSED
        && made_ms.p50 < MAX_MADE_MS
        && browser.checked_ms < MAX_CHECKED_MS
        && messages.is_empty();
    Ok(Report {
        nodes: network.nodes.len(),
        items: args.items,
        events: args.events,
        failed,
        recording_s,
        own_events: report.count,
        levels: report.levels,
        logs: 1 + report.inputs + report.spans.len(),
        shown_events: report.events,
        bytes: largest.len(),
        compressed_bytes,
        made_ms,
        checked_ms: Finality::of(&mut checked),
        in_the_browser: browser,
        meets,
        messages,
    })
}

fn path_of(story: &Story) -> String {
    format!("/api/v1/evidence?id={}&inputs={LEVELS}", percent_encoded(&story.piece()))
}

/// Says when a file is of less than what is to be measured.
fn expect(checked: &Checked, messages: &mut Vec<String>) {
    let item = checked.item.clone().unwrap_or_default();
    let is_whole = (item.count, u32::from(item.levels)) == (EVENTS, LEVELS) && item.cuts.is_empty();
    if !is_whole && messages.is_empty() {
        messages.push(format!("the evidence is of less: {item:?}"));
    }
}

/// Bytes of a file as a browser gets it.
fn compressed(client: &Client, path: &str) -> Result<usize, Failure> {
    let answer = client.get_with(path, &[("accept-encoding", "gzip")])?;
    if answer.bytes.get(..2) == Some(b"\x1f\x8b") {
        return Ok(answer.bytes.len());
    }
    Err(Failure::Refused(format!("{path} is not compressed")))
}

/// Checks a file on a page of the node, again and again.
fn in_the_browser(
    program: &Path,
    base: &str,
    text: &str,
    trust: &Trust,
    messages: &mut Vec<String>,
) -> Result<InTheBrowser, Failure> {
    let mut browser = Browser::start(program)?;
    let version = browser.version()?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let target = word(
        &browser.call(None, "Target.createTarget", &json!({"url": "about:blank"}))?["targetId"],
    );
    let attach = json!({"targetId": target, "flatten": true});
    let session = word(&browser.call(None, "Target.attachToTarget", &attach)?["sessionId"]);
    let on = Some(session.as_str());
    browser.call(on, "Page.enable", &json!({}))?;
    // The file is handed over by this program, which the page's own rules do not allow.
    browser.call(on, "Page.setBypassCSP", &json!({"enabled": true}))?;
    let genesis = trust.genesis.map(|digest| digest.to_string());
    // Each check is the first of its page, as after a scan.
    let mut once = |browser: &mut Browser, own: bool| -> Result<f64, Failure> {
        browser.forget_events();
        browser.call(on, "Page.navigate", &json!({"url": format!("{base}/livez")}))?;
        browser.wait_for(&session, "Page.loadEventFired")?;
        let ask = format!(
            "(async () => {{ \
               if ({own}) Object.defineProperty(globalThis, 'crypto', {{ value: undefined }}); \
               const source = new Blob([{source}], {{ type: 'text/javascript' }}); \
               const {{ check }} = await import(URL.createObjectURL(source)); \
               const file = {file}; const since = performance.now(); \
               const {{ state }} = await check(file, {{ genesis: {genesis} }}); \
               return {{ state, ms: performance.now() - since }}; }})()",
            source = json!(CHECK.text),
            file = json!(text),
            genesis = json!(genesis),
        );
        let ask = json!({"expression": ask, "awaitPromise": true, "returnByValue": true});
        let told = browser.call(on, "Runtime.evaluate", &ask)?;
        let value = &told["result"]["value"];
        if value["state"] != "holds" && messages.is_empty() {
            messages.push(format!("in the browser: {told}"));
        }
        Ok(value["ms"].as_f64().unwrap_or(f64::MAX))
    };
    let mut median = |browser: &mut Browser, own: bool, slowed: u64| -> Result<f64, Failure> {
        browser.call(on, "Emulation.setCPUThrottlingRate", &json!({"rate": slowed}))?;
        let times = (0..CHECKS).map(|_| once(browser, own));
        let mut times = times.collect::<Result<Vec<f64>, Failure>>()?;
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    };
    let checked_ms = median(&mut browser, false, 1)?;
    let slowed_checked_ms = median(&mut browser, false, SLOWED)?;
    let own_checked_ms = median(&mut browser, true, 1)?;
    Ok(InTheBrowser {
        browser: version,
        checked_ms,
        slowed: SLOWED,
        slowed_checked_ms,
        own_checked_ms,
    })
}

fn show(report: &Report) -> Result<(), Failure> {
    let of = |ms: &Finality| format!("p50 {:.1} ms, p99 {:.1} ms", ms.p50, ms.p99);
    let Report { own_events, levels, logs, shown_events, bytes, compressed_bytes, .. } = report;
    let browser = &report.in_the_browser;
    let rows = [
        ("recorded", format!("{} items, {} events beside", report.items, report.events)),
        ("evidence of", format!("{own_events} events, {levels} levels of inputs")),
        ("a file has", format!("{logs} logs, {shown_events} events, {bytes} bytes")),
        ("compressed", format!("{compressed_bytes} bytes")),
        ("made", of(&report.made_ms)),
        ("checked", of(&report.checked_ms)),
        ("in the browser", format!("p50 {:.1} ms ({})", browser.checked_ms, browser.browser)),
        ("slowed", format!("p50 {:.1} ms, {} times", browser.slowed_checked_ms, browser.slowed)),
        ("own signatures", format!("p50 {:.1} ms", browser.own_checked_ms)),
        ("bars", if report.meets { "all met" } else { "NOT ALL MET" }.to_owned()),
    ];
    for (name, value) in rows {
        output::line(format!("{name:<16}{value}"))?;
    }
    report.messages.iter().try_for_each(|message| output::line(format!("failed: {message}")))
}

#[cfg(test)]
mod tests {
    use tracehold_chain::epcis::Document;

    use super::*;

    #[test]
    fn a_story_has_as_many_events_as_the_bar_asks_for() {
        let story = Story::new(7, TimestampMs(1_780_000_000_000));
        let piece = story.piece();
        let mut named = 0;
        for text in story.documents() {
            assert!(Document::parse(text.as_bytes()).is_ok(), "{text}");
            let value: Value = serde_json::from_str(&text).unwrap();
            let events = value["epcisBody"]["eventList"].as_array().unwrap().clone();
            named +=
                events.iter().filter(|event| event.to_string().contains(&piece)).count() as u64;
        }
        assert_eq!(named, EVENTS);
    }
}
