//! Programs written by strangers work with a node, unchanged.
//!
//! `tests/foreign` pins them: epcis2.js, a client that a generator makes from GS1's published
//! OpenAPI document, and schemathesis, which makes requests from an OpenAPI document and compares
//! the answers with what it says. Needs node, npm and python3 with venv; `.ci/run` installs what is
//! missing. GS1's document is read beside the checkout: a clone without it tries the rest.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::{Network, corpora};
use serde_json::Value;

/// Requests that schemathesis makes up for each operation beside those at the limits of the schema.
const REQUESTS_EACH: &str = "15";

/// Runs to its end, which must be a good one.
fn run(command: &mut Command, what: &str) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{what} does not start: {error}"));
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(done.status.success(), "{what}: {said}");
    said
}

/// A folder under `target` with what `tests/foreign` pins, installed.
fn workshop() -> &'static Path {
    static SHOP: OnceLock<PathBuf> = OnceLock::new();
    SHOP.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (from, shop) = (root.join("foreign"), root.join("../target/foreign"));
        std::fs::create_dir_all(shop.join("nothing")).expect("target can be written");
        for file in [
            "package.json",
            "package-lock.json",
            "nothing/package.json",
            "requirements.txt",
            "epcis2.mjs",
            "generated.mjs",
            "own.toml",
            "gs1.toml",
        ] {
            std::fs::copy(from.join(file), shop.join(file)).expect("a copy");
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&shop);
        run(&mut npm, "npm ci (apt-get install npm)");
        let venv = shop.join("venv");
        if !venv.join("bin/pip").is_file() {
            let mut make = Command::new("python3");
            run(
                make.args(["-m", "venv"]).arg(&venv),
                "python3 -m venv (apt-get install python3-venv)",
            );
        }
        let mut pip = Command::new(venv.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"]);
        run(pip.current_dir(&shop), "pip install");
        shop.canonicalize().expect("it was just made")
    })
}

/// Mistakes in GS1's published OpenAPI document, each with what it says instead and why: places in
/// the document that contradict its own examples or the text of the standard.
const ERRATA: &str = include_str!("../foreign/gs1-errata.json");

/// Puts `value` where `pointer` leads, into an object or a list that is there.
fn put(document: &mut Value, pointer: &str, value: &Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a JSON pointer");
    let key = key.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.insert(key, value.clone())),
        _ => panic!("{pointer}: GS1's document has no such place any more"),
    }
}

/// GS1's published OpenAPI document without its mistakes, as a file that generators read: it gives
/// a parameter to a path and again to its operation, which their programs do not bear.
fn gs1_document(shop: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(corpora()?.join("epcis-schema/openapi.json"));
    let text = text.expect("the corpora have GS1's document");
    let mut document: Value = serde_json::from_str(&text).expect("GS1's document is JSON");
    let errata: Vec<Value> = serde_json::from_str(ERRATA).expect("the errata are a list");
    for mistake in &errata {
        assert!(mistake["why"].as_str().is_some_and(|why| why.len() > 20), "{mistake}");
        for place in mistake["at"].as_array().expect("places") {
            put(&mut document, place.as_str().expect("a pointer"), &mistake["set"]);
        }
    }
    let paths = document["paths"].as_object_mut().expect("it has paths");
    for path in paths.values_mut().filter_map(Value::as_object_mut) {
        let of_path = path.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
        for operation in path.values_mut() {
            let own = operation.get_mut("parameters").and_then(Value::as_array_mut);
            if let Some(own) = own {
                own.retain(|parameter| !of_path.contains(parameter));
            }
        }
    }
    let path = shop.join("gs1.json");
    std::fs::write(&path, document.to_string()).expect("target can be written");
    Some(path)
}

/// Calls a node with requests made from an OpenAPI document; findings without a reason in `config`
/// fail.
fn schemathesis(shop: &Path, config: &str, document: &str, base: &str, key: &str) {
    let mut command = Command::new(shop.join("venv/bin/schemathesis"));
    command.args(["--config-file", config, "run", document, "--url", base]);
    command.args(["--header", &format!("Authorization: Bearer {key}")]);
    command.args(["--max-examples", REQUESTS_EACH, "--seed", "1", "--continue-on-failure"]);
    command.args(["--no-color", "--generation-database", "none"]);
    let said = run(command.current_dir(shop), &format!("schemathesis with {config}"));
    assert!(said.contains("generated"), "no request was made: {said}");
    println!("{}", said.lines().rev().take(12).collect::<Vec<_>>().join("\n"));
}

/// Promise P107.
#[test]
fn clients_of_strangers_capture_and_ask() {
    let shop = workshop();
    let network = Network::up(1, 0);
    let node = &network.net.nodes[0];
    let base = format!("{}/epcis/v2", node.http);
    let mut epcis2 = Command::new("node");
    epcis2.args(["epcis2.mjs", &format!("{base}/"), &node.api_key]);
    println!("{}", run(epcis2.current_dir(shop), "epcis2.js"));
    let Some(document) = gs1_document(shop) else {
        println!("GS1's OpenAPI document is not beside the checkout: no client was made from it");
        return;
    };
    let mut generate = Command::new(shop.join("node_modules/.bin/openapi"));
    generate.arg("--input").arg(&document).args(["--output", "generated", "--client", "fetch"]);
    generate.args(["--name", "Epcis", "--useOptions"]);
    run(generate.current_dir(shop), "the generator");
    let mut bundle = Command::new(shop.join("node_modules/.bin/esbuild"));
    bundle.args(["generated/index.ts", "--bundle", "--format=esm", "--platform=node"]);
    run(bundle.arg("--outfile=client.mjs").current_dir(shop), "the bundler");
    let mut client = Command::new("node");
    client.args(["generated.mjs", "client.mjs", &base, &node.api_key]);
    println!("{}", run(client.current_dir(shop), "the generated client"));
}

/// Promise P108.
#[test]
fn answers_are_those_that_the_openapi_documents_describe() {
    let shop = workshop();
    let network = Network::up(1, 0);
    let node = &network.net.nodes[0];
    let own = format!("{}/openapi.json", node.http);
    schemathesis(shop, "own.toml", &own, &node.http, &node.api_key);
    match gs1_document(shop) {
        Some(gs1) => {
            let base = format!("{}/epcis/v2", node.http);
            schemathesis(shop, "gs1.toml", &gs1.to_string_lossy(), &base, &node.api_key);
        }
        None => println!("GS1's OpenAPI document is not beside the checkout: only ours was tried"),
    }
}
