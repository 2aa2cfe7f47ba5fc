//! The pages in a real browser: both languages, with and without scripts, narrow and wide.
//!
//! Needs node, npm and Debian's Chromium; `.ci/run` installs what is missing. What the browser saw
//! is kept as pictures under `target/browser/seen`.

mod common;
#[path = "browser/goods.rs"]
mod goods;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Network, wait_until};
use goods::Goods;
use serde_json::{Value, json};
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_testnet::client::Client;

/// Bytes of the compressed page of an item, which is all of its first view.
const MOST_FIRST_VIEW: usize = 14 * 1024;

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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shop = root.join("../target/browser");
    std::fs::create_dir_all(shop.join("seen")).expect("target can be written");
    for file in ["package.json", "package-lock.json", "check.mjs"] {
        std::fs::copy(root.join("browser").join(file), shop.join(file)).expect("a copy");
    }
    let npm = program(&["npm"], "npm");
    let mut install = Command::new(npm);
    install.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&shop);
    let done = install.output().expect("npm runs");
    assert!(done.status.success(), "npm ci: {}", String::from_utf8_lossy(&done.stderr));
    shop
}

/// A small picture with a right head: one grey point as PNG.
const POINT: &[u8] = &[
    0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0x0D, 0x49, 0x48, 0x44, 0x52, 0, 0, 0,
    1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0x3A, 0x7E, 0x9B, 0x55, 0, 0, 0, 0x0A, 0x49, 0x44, 0x41, 0x54,
    0x78, 0x9C, 0x63, 0x68, 0, 0, 0, 0x82, 0, 0x81, 0x77, 0xCD, 0x72, 0xB6, 0, 0, 0, 0, 0x49, 0x45,
    0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82,
];

fn path(uri: &str) -> String {
    uri.strip_prefix("https://id.gs1.org").expect("a GS1 identifier").to_owned()
}

/// Bytes of a page, compressed as a browser takes it.
fn compressed(base: &str, path: &str) -> usize {
    let answer = Client::new(base).get_with(path, &[("accept-encoding", "gzip")]);
    let answer = answer.expect("an answer");
    assert_eq!(&answer.bytes[..2], b"\x1f\x8b", "{path} is compressed");
    answer.bytes.len()
}

/// Promise P73, P74, P75, P76, P77.
#[test]
fn pages_are_fine_in_a_real_browser() {
    let chromium = program(&["chromium", "chromium-browser"], "chromium");
    let node = program(&["node", "nodejs"], "nodejs");
    let shop = workshop();
    let network = Network::of(goods::plan());
    let client = network.net.nodes[1].client();
    let kept = client.upload("/api/v1/pictures", "image/png", POINT).expect("an answer");
    let picture = kept.json["digest"].as_str().expect("a digest").to_owned();
    let mut goods = Goods::new(&network);
    goods.describe(&picture);
    goods.coffee();
    goods.vaccine();
    goods.bag();
    let attack = goods.attacks();
    // Whoever scans may reach any node: these pages are a follower's.
    wait_until("the goods at the follower", || network.has_event(FOLLOWER, &attack));
    let follower = network.net.nodes[FOLLOWER].client();

    let bag = format!("{}/21/1", path(&goods::product(1, 1)));
    let vaccine = format!("{}/21/V1", path(&goods::product(3, 1)));
    let copied = format!("{}/21/B1", path(&goods::product(2, 1)));
    let hostile = format!("{}/21/{}", path(&goods::product(2, 2)), percent_encoded("<b>\"'&-1"));
    let label = format!("/label?id={}", percent_encoded(&format!("https://id.gs1.org{bag}")));
    let code = label.replace("/label", "/qr");
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
        entry("label", &label),
        json!({"name": "not-found", "path": "/search?q=coffee", "status": 404}),
        json!({"name": "unknown", "path": "/01/09506000134352/21/none", "status": 404}),
        json!({"name": "malformed", "path": "/01/123", "status": 400}),
    ]);
    let (base, key) = (follower.base().to_owned(), &network.net.nodes[FOLLOWER].api_key);
    let seen = shop.join("seen");
    let plan = json!({
        "base": base, "key": key, "chromium": chromium, "out": seen, "pages": pages,
        "codes": [
            {"path": code, "selector": "svg"},
            {"path": label, "selector": ".label svg"},
        ],
        "paints": [bag, vaccine, "/"],
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
    for code in report["codes"].as_array().expect("codes") {
        assert_eq!(code["read"], json!(format!("{base}{bag}")), "{code}");
    }
    println!("paint times at 400 kbit/s and 400 ms: {}", report["paints"]);

    for path in ["/", &bag, &vaccine, &copied, &hostile, &format!("{bag}?view=full")] {
        let bytes = compressed(&base, path);
        println!("{path}: {bytes} bytes compressed");
        assert!(bytes <= MOST_FIRST_VIEW, "{path} has {bytes} bytes");
    }
}
