//! The pages in a real browser: both languages, with and without scripts, narrow and wide.
//!
//! Needs node, npm and Debian's Chromium; `.ci/run` installs what is missing. What the browser saw
//! is kept as pictures under `target/browser/seen`.

mod common;
#[path = "browser/evidence.rs"]
mod evidence;
#[path = "browser/goods.rs"]
mod goods;
#[path = "browser/sales.rs"]
mod sales;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::{Network, binary, wait_until};
use goods::Goods;
use serde_json::{Value, json};
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_node::config::GENESIS_FILE;
use tracehold_testnet::client::Client;

/// Bytes of the compressed page that a scan shows, which is all of its first view.
const MOST_FIRST_VIEW: usize = 14 * 1024;

/// Bytes of any compressed page of an item without its photograph.
const MOST_ITEM_PAGE: usize = 40 * 1024;

/// The checks of `craft.mjs`.
const CRAFTED: [&str; 9] =
    ["keyboard", "print", "motion", "copying", "attacks", "firstView", "live", "session", "scan"];

/// The node after the four validators.
const FOLLOWER: usize = 4;

/// A program on the search path.
fn program(names: &[&str], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{names:?} is missing: apt-get install {package}"))
}

/// A folder under `target` with the packages that the browser tests need.
fn workshop() -> PathBuf {
    static SHOP: OnceLock<PathBuf> = OnceLock::new();
    SHOP.get_or_init(furnished).clone()
}

fn furnished() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shop = root.join("../target/browser");
    std::fs::create_dir_all(shop.join("seen")).expect("target can be written");
    for file in [
        "package.json",
        "package-lock.json",
        "check.mjs",
        "craft.mjs",
        "scan.mjs",
        "evidence.mjs",
        "wcag.mjs",
    ] {
        std::fs::copy(root.join("browser").join(file), shop.join(file)).expect("a copy");
    }
    let npm = program(&["npm"], "npm");
    let mut install = Command::new(npm);
    install.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&shop);
    let done = install.output().expect("npm runs");
    assert!(done.status.success(), "npm ci: {}", String::from_utf8_lossy(&done.stderr));
    shop
}

/// A photograph as a phone makes it, too large for a page and for being kept as it is.
fn photograph() -> Vec<u8> {
    let mut grain = 3_u32;
    let scene = image::RgbImage::from_fn(2_000, 1_500, |x, y| {
        grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let shade = |value: u32| u8::try_from((value + (grain >> 27)).min(255)).unwrap_or(255);
        // A mug, more or less.
        let (dx, dy) = (x.abs_diff(1_000), y.abs_diff(750));
        if dx * dx + dy * dy < 400_000 {
            image::Rgb([shade(120), shade(70), shade(40)])
        } else {
            image::Rgb([shade(x / 10), shade(150 + y / 20), shade(190)])
        }
    });
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.encode_image(&scene).expect("a picture");
    assert!(bytes.len() > 1024 * 1024, "{}", bytes.len());
    bytes
}

fn path(uri: &str) -> String {
    uri.strip_prefix("https://id.gs1.org").expect("a GS1 identifier").to_owned()
}

/// Bytes of a page, compressed as a browser takes it.
fn compressed(client: &Client, path: &str) -> usize {
    let answer = client.get_with(path, &[("accept-encoding", "gzip"), ("accept", "text/html")]);
    let answer = answer.expect("an answer");
    assert_eq!(&answer.bytes[..2], b"\x1f\x8b", "{path} is compressed");
    answer.bytes.len()
}

/// What a scan's page let somebody take along is checked by the command, long after the page is
/// gone: the evidence file, and the page that was kept.
fn what_is_kept_holds(network: &Network, seen: &Path) {
    let genesis = network.net.nodes[FOLLOWER].dir.join(GENESIS_FILE);
    for language in ["en", "zh"] {
        for (file, code) in [("evidence", 0), ("kept", 0), ("broken", 6)] {
            let ending = if file == "evidence" { "json" } else { "html" };
            let file = seen.join(format!("{file}-{language}.{ending}"));
            let mut verify = Command::new(binary());
            verify.arg("verify").arg(&file).arg("--genesis").arg(&genesis);
            let done = verify.output().expect("the command runs");
            let errors = String::from_utf8_lossy(&done.stderr);
            assert_eq!(done.status.code(), Some(code), "{}: {errors}", file.display());
        }
    }
}

/// Promise P73, P74, P75, P76, P77, P93, P95, P119, P128, P129, P130.
#[test]
fn pages_are_fine_in_a_real_browser() {
    let chromium = program(&["chromium", "chromium-browser"], "chromium");
    let node = program(&["node", "nodejs"], "nodejs");
    let shop = workshop();
    let network = Network::of(goods::plan());
    let client = network.net.nodes[1].client();
    let kept = client.upload("/api/v1/pictures", "image/jpeg", &photograph()).expect("an answer");
    let picture = kept.json["digest"].as_str().expect("a digest").to_owned();
    let mut goods = Goods::new(&network);
    goods.describe(&picture);
    goods.coffee();
    goods.vaccine();
    goods.bag();
    goods.sound();
    goods.recalled();
    goods.everything();
    let sales = sales::record(&network);
    let attack = goods.attacks();
    // Whoever scans may reach any node: these pages are a follower's.
    wait_until("the goods at the follower", || network.has_event(FOLLOWER, &attack));
    let follower = network.net.nodes[FOLLOWER].client();

    let bag = format!("{}/21/1", path(&goods::product(1, 1)));
    let vaccine = format!("{}/21/V1", path(&goods::product(3, 1)));
    let copied = format!("{}/21/B1", path(&goods::product(2, 1)));
    let hostile = format!("{}/21/{}", path(&goods::product(2, 2)), percent_encoded("<b>\"'&-1"));
    let recalled = copied.replace("/21/B1", "/21/NAMED");
    let made = copied.replace("/21/B1", "/21/MADE");
    let label = format!("/label?id={}", percent_encoded(&format!("https://id.gs1.org{bag}")));
    let code = label.replace("/label", "/qr");
    let everything = format!("{}/21/all-1", path(&goods::product(1, 7)));
    let transactions = |height: u64| {
        let block = follower.get(&format!("/api/v1/blocks/{height}")).expect("a block").json;
        block["transactions"].get(0).and_then(Value::as_str).map(str::to_owned)
    };
    let height = network.height(FOLLOWER);
    let full = (1..=height).rev().find(|height| transactions(*height).is_some());
    let full = full.expect("a block with a transaction");
    let transaction = transactions(full).expect("it has one");
    let entry = |name: &str, path: &str| json!({"name": name, "path": path});
    let keyed = |name: &str, path: &str| json!({"name": name, "path": path, "keyed": true});
    let pages = json!([
        entry("home", "/"),
        entry("bag-scan", &bag),
        entry("bag-full", &format!("{bag}?view=full")),
        keyed("bag-member", &bag),
        keyed("lot-member", &format!("{}/10/GREEN-1", path(&goods::product(0, 1)))),
        entry("vaccine", &vaccine),
        entry("copied", &copied),
        entry("recalled", &recalled),
        entry("recalled-full", &format!("{made}?view=full")),
        entry("recalls", "/recalls"),
        entry("hostile", &format!("{hostile}?view=full")),
        entry("hostile-event", &format!("/event/{}", percent_encoded(&attack))),
        keyed("hostile-event-member", &format!("/event/{}", percent_encoded(&attack))),
        keyed("pallet", &path(&goods::unit(1, 2))),
        entry("product", &path(&goods::product(1, 1))),
        entry("shipments", "/shipments"),
        keyed("shipments-member", "/shipments"),
        entry("network", "/network"),
        entry("member", "/member/member-1"),
        entry("place", &path(&goods::place(1, 1))),
        keyed("place-member", &path(&goods::place(1, 1))),
        entry("block", "/block/3"),
        entry("full-block", &format!("/block/{full}")),
        keyed("full-block-member", &format!("/block/{full}")),
        entry("transaction", &format!("/transaction/{transaction}")),
        entry("event", "/event/urn%3Auuid%3A00000000-0000-4000-8000-000000000001"),
        entry("everything", &everything),
        entry("everything-full", &format!("{everything}?view=full")),
        keyed("everything-member", &everything),
        entry("search-names", "/search?q=e"),
        entry("label", &label),
        entry("report", &label.replace("/label", "/report")),
        entry("sign-in", "/sign-in"),
        json!({"name": "closed", "path": sales.paid, "status": 401}),
        keyed("agreements", "/agreements"),
        keyed("agreement-proposed", &sales.proposed),
        keyed("agreement-waiting", &sales.waiting),
        keyed("agreement-paid", &sales.paid),
        keyed("agreement-disputed", &sales.disputed),
        keyed("accounts", "/accounts"),
        keyed("account", "/accounts/member-0:main"),
        keyed("approvals", "/approvals"),
        json!({"name": "not-found", "path": "/search?q=nobody+calls+it+so", "status": 404}),
        json!({"name": "search-empty", "path": "/search?q=", "status": 400}),
        json!({"name": "no-place", "path": path(&goods::place(1, 99)), "status": 404}),
        json!({"name": "no-event", "path": "/event/urn%3Ax%3Anone", "status": 404}),
        json!({"name": "no-block", "path": "/block/99999999", "status": 404}),
        json!({"name": "no-page", "path": "/nothing/here", "status": 404}),
        json!({"name": "no-label", "path": "/label?id=x", "status": 400}),
        json!({"name": "unknown", "path": "/01/09506000134352/21/none", "status": 404}),
        json!({"name": "malformed", "path": "/01/123", "status": 400}),
        json!({"name": "unknown-serial", "path": bag.replace("/21/1", "/21/9999"), "status": 404}),
    ]);
    let (base, key) = (follower.base().to_owned(), &network.net.nodes[FOLLOWER].api_key);
    let seen = shop.join("seen");
    let plan = json!({
        "base": base, "key": key, "chromium": chromium, "out": seen, "pages": pages,
        "codes": [
            {"path": code, "selector": "svg"},
            {"path": label, "selector": ".label svg"},
        ],
        "item": format!("{vaccine}?view=full"), "pictured": bag,
        "scan": copied.replace("/21/B1", "/21/FINE"), "biggest": everything,
        "recalled": recalled, "made": made, "vaccine": vaccine,
        "corrected": format!("{}/21/sale-3", path(&goods::product(0, 1))),
        "serial": bag.replace("/21/1", "/21/9999"),
        "scans": {"copied": copied, "warned": bag.replace("/21/1", "/21/3")},
        "table": "/network", "label": label, "attack": goods::ATTACK,
        "search": {"typed": "埃斯佩兰萨", "path": path(&goods::product(1, 1))},
        "hostile": [
            {"name": "item", "path": format!("{hostile}?view=full"), "keyed": true},
            {"name": "event", "path": format!("/event/{}", percent_encoded(&attack)), "keyed": true},
            {"name": "scan", "path": hostile, "keyed": false},
        ],
        "event": goods::observed(),
        "session": {"path": sales.paid, "price": "1,234,567.89"},
    });
    std::fs::write(shop.join("plan.json"), plan.to_string()).expect("a plan");
    let looked = Command::new(node)
        .args(["check.mjs", "plan.json"])
        .current_dir(&shop)
        .output()
        .expect("node runs");
    let errors = String::from_utf8_lossy(&looked.stderr);
    assert!(looked.status.success(), "the browser: {errors}");
    let report: Value = serde_json::from_slice(&looked.stdout).expect("a report");
    let findings = report["findings"].as_array().expect("findings");
    let told: Vec<&str> = findings.iter().filter_map(Value::as_str).collect();
    assert!(told.is_empty(), "{} findings:\n{}", told.len(), told.join("\n"));
    let expected = pages.as_array().expect("pages").len() * 2 * 2 * 3;
    assert_eq!(report["looks"], expected, "every page was looked at in every way");
    what_is_kept_holds(&network, &seen);
    for code in report["codes"].as_array().expect("codes") {
        assert_eq!(code["read"], json!(format!("{base}{bag}")), "{code}");
    }
    assert_eq!(report["crafted"], json!(CRAFTED), "everything was tried");

    let client = Client::new(&base);
    for path in ["/", &bag, &vaccine, &copied, &hostile, &everything] {
        let bytes = compressed(&client, path);
        println!("{path}: {bytes} bytes compressed");
        assert!(bytes <= MOST_FIRST_VIEW, "{path} has {bytes} bytes");
    }
    // A scan with everything that it loads by itself, the check included, but for the photograph.
    let evidence = percent_encoded(&format!("https://id.gs1.org{bag}"));
    let page = client.get_as(&bag, "text/html").expect("an answer").text;
    let evidence = format!("/api/v1/evidence?id={evidence}&sections=public&inputs=3");
    assert!(page.contains(&evidence.replace('&', "&#38;")), "the page asks for {evidence}");
    let assets = page.split('"').filter(|part| part.starts_with("/assets/"));
    let assets: std::collections::BTreeSet<&str> = assets.collect();
    assert!(assets.len() >= 4, "{assets:?}");
    let parts = assets.into_iter().chain([bag.as_str(), &evidence]);
    let bytes: usize = parts.map(|path| compressed(&client, path)).sum();
    println!("a scan in all: {bytes} bytes compressed");
    assert!(bytes <= MOST_ITEM_PAGE, "a scan has {bytes} bytes in all");
    for path in [&bag, &vaccine, &copied, &hostile, &everything] {
        for (client, path) in [(&client, format!("{path}?view=full")), (&follower, path.clone())] {
            let bytes = compressed(client, &path);
            println!("{path}: {bytes} bytes compressed");
            assert!(bytes <= MOST_ITEM_PAGE, "{path} has {bytes} bytes");
        }
    }
}
