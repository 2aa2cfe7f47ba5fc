//! `tracehold bench pages`: how soon somebody with a slow phone line sees something.

mod goods;
mod line;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tracehold_testnet::Testnet;

use super::OnNetwork;
use super::browser::{self, Browser};
use crate::cli::{Failure, output};

/// The line: kilobits a second to the phone, and milliseconds there and back, once for the
/// connection and once for each request.
const KILOBITS: u64 = 400;
const LATENCY_MS: u64 = 400;

/// A phone's window.
const WIDTH: u32 = 390;
const HEIGHT: u32 = 844;

/// The browser's processor does so many times less than it could, as a cheap phone's.
const SLOWED: u32 = 4;

/// What a page tells of its own loading, when a check that it makes has held, or has not for long.
const ASK: &str = "(async () => { \
    await new Promise((done) => setTimeout(done)); \
    const box = document.querySelector('#check'); let checked = 0; \
    for (let n = 0; box && n < 3000 && !checked; n += 1) { \
      if (box.classList.contains('held')) checked = performance.now(); \
      else await new Promise((done) => setTimeout(done, 10)); } \
    const [page] = performance.getEntriesByType('navigation'); \
    const paint = Object.fromEntries(performance.getEntriesByType('paint').map((e) => [e.name, e.startTime])); \
    const others = performance.getEntriesByType('resource'); \
    return { first: page.responseStart, paint: paint['first-contentful-paint'], load: page.loadEventEnd, \
      bytes: page.transferSize, others: others.length, other_bytes: others.reduce((sum, e) => sum + e.transferSize, 0), \
      blocking: others.filter((e) => e.renderBlockingStatus === 'blocking').length, \
      has_check: box !== null, checked }; })()";

#[derive(Debug, clap::Args)]
pub struct Pages {
    /// Visits of each page, each with an empty cache; the median is told
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=99))]
    visits: u8,
    /// The Chromium to look with [default: the one on the search path]
    #[arg(long, value_name = "FILE")]
    browser: Option<PathBuf>,
    #[command(flatten)]
    network: OnNetwork,
}

/// What `bench pages` prints.
#[derive(Debug, Serialize)]
struct Report {
    browser: String,
    kilobits_per_s: u64,
    latency_ms: u64,
    processor_slowed: u32,
    visits: u8,
    pages: Vec<Page>,
}

/// A page; times are medians in milliseconds from the start of the visit.
#[derive(Debug, Serialize)]
struct Page {
    name: &'static str,
    path: String,
    /// The first byte.
    first_byte_ms: u64,
    /// The first text or picture.
    first_paint_ms: u64,
    /// Everything, without pictures that are further down.
    loaded_ms: u64,
    /// The page says that the history was checked in the browser; nothing of pages that check none.
    #[serde(skip_serializing_if = "Option::is_none")]
    checked_ms: Option<u64>,
    /// The page itself, compressed, with its head.
    page_bytes: u64,
    /// What it loads besides.
    other_requests: u64,
    other_bytes: u64,
    /// How many of those hold up the first paint.
    blocking: u64,
}

pub fn run(args: &Pages) -> Result<(), Failure> {
    // Before the network, which takes a while.
    let program = args.browser.clone().map_or_else(browser::installed, Ok)?;
    args.network.measure(None, |network, _| measure(args, &program, network), show)?;
    Ok(())
}

fn measure(args: &Pages, program: &std::path::Path, network: &Testnet) -> Result<Report, Failure> {
    let client = network.nodes[0].client();
    let piece = goods::record(&client)?;
    let node = client.base().trim_start_matches("http://");
    let slow = line::open(node, KILOBITS, Duration::from_millis(LATENCY_MS))
        .map_err(|error| Failure::Refused(format!("no slow line can be opened: {error}")))?;
    let base = format!("http://{slow}");
    let id = format!("https%3A%2F%2Fid.gs1.org{}", piece.replace('/', "%2F"));
    let paths = [
        ("scan of an item", piece.clone()),
        ("its whole story", format!("{piece}?view=full")),
        ("home", "/".to_owned()),
        ("shipments", "/shipments".to_owned()),
        ("network", "/network".to_owned()),
        ("labels", format!("/label?id={id}")),
        ("nothing found", "/search?q=nothing".to_owned()),
    ];
    let mut browser = Browser::start(program)?;
    let version = browser.version()?;
    // What the first visit starts in the browser itself is not the page's doing.
    visit(&mut browser, &format!("{base}/"))?;
    let mut pages = Vec::new();
    for (name, path) in paths {
        let url = format!("{base}{path}");
        let visits = (0..args.visits).map(|_| visit(&mut browser, &url));
        pages.push(page(name, path, &visits.collect::<Result<Vec<Value>, _>>()?)?);
    }
    Ok(Report {
        browser: version,
        kilobits_per_s: KILOBITS,
        latency_ms: LATENCY_MS,
        processor_slowed: SLOWED,
        visits: args.visits,
        pages,
    })
}

/// One visit with an empty cache over the slow line.
fn visit(browser: &mut Browser, url: &str) -> Result<Value, Failure> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let context =
        text(&browser.call(None, "Target.createBrowserContext", &json!({}))?["browserContextId"]);
    let made = json!({"url": "about:blank", "browserContextId": context});
    let target = text(&browser.call(None, "Target.createTarget", &made)?["targetId"]);
    let attach = json!({"targetId": target, "flatten": true});
    let session = text(&browser.call(None, "Target.attachToTarget", &attach)?["sessionId"]);
    let on = Some(session.as_str());
    let phone = json!({"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 3, "mobile": true});
    browser.call(on, "Page.enable", &json!({}))?;
    browser.call(on, "Emulation.setDeviceMetricsOverride", &phone)?;
    browser.call(on, "Emulation.setCPUThrottlingRate", &json!({"rate": SLOWED}))?;
    browser.forget_events();
    browser.call(on, "Page.navigate", &json!({"url": url}))?;
    browser.wait_for(&session, "Page.loadEventFired")?;
    // The event comes while the load event is under way; its end is known when scripts run again.
    let ask = json!({"expression": ASK, "awaitPromise": true, "returnByValue": true});
    let mut told = browser.call(on, "Runtime.evaluate", &ask)?;
    browser.call(None, "Target.disposeBrowserContext", &json!({"browserContextId": context}))?;
    let told = told["result"]["value"].take();
    if told["has_check"] == true && told["checked"] == 0 {
        return Err(Failure::Refused(format!("{url} did not say that its history was checked")));
    }
    let missing = || Failure::Refused(format!("{url} tells nothing of its loading"));
    told.is_object().then_some(told).ok_or_else(missing)
}

fn page(name: &'static str, path: String, visits: &[Value]) -> Result<Page, Failure> {
    let median = |of: &str| {
        let mut values: Vec<f64> = visits.iter().filter_map(|visit| visit[of].as_f64()).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.get(values.len() / 2).copied();
        let missing = || Failure::Refused(format!("{path}: the browser does not tell {of}"));
        // Never negative, and far below what a cast would cut.
        middle.map(|value| value.round() as u64).ok_or_else(missing)
    };
    let first_byte_ms = median("first")?;
    if first_byte_ms < LATENCY_MS {
        return Err(Failure::Refused(format!(
            "{path} began after {first_byte_ms} ms: that is no slow line"
        )));
    }
    Ok(Page {
        name,
        first_byte_ms,
        first_paint_ms: median("paint")?,
        loaded_ms: median("load")?,
        checked_ms: match visits.iter().any(|visit| visit["has_check"] == true) {
            true => Some(median("checked")?),
            false => None,
        },
        page_bytes: median("bytes")?,
        other_requests: median("others")?,
        other_bytes: median("other_bytes")?,
        blocking: median("blocking")?,
        path,
    })
}

fn show(report: &Report) -> Result<(), Failure> {
    let Report { browser, kilobits_per_s, latency_ms, processor_slowed, visits, .. } = report;
    output::line(format!(
        "{browser}, {kilobits_per_s} kbit/s, {latency_ms} ms, processor slowed {processor_slowed} \
         times, median of {visits} visits with an empty cache"
    ))?;
    output::line(format!(
        "{:<16} {:>10} {:>11} {:>8} {:>10} {:>11} {:>16}",
        "page", "first byte", "first paint", "loaded", "checked", "page", "besides"
    ))?;
    report.pages.iter().try_for_each(|page| {
        output::line(format!(
            "{:<16} {:>7} ms {:>8} ms {:>5} ms {:>10} {:>9} B {:>3}: {:>9} B",
            page.name,
            page.first_byte_ms,
            page.first_paint_ms,
            page.loaded_ms,
            page.checked_ms.map(|ms| format!("{ms} ms")).unwrap_or_default(),
            page.page_bytes,
            page.other_requests,
            page.other_bytes
        ))
    })
}
