//! The `tracehold` command as people and programs use it.

mod common;

use std::io::Read as _;
use std::process::{Command, Stdio};

use common::up::{Up, run, runs, signal};
use common::{binary, event, turn, wait_until};
use serde_json::Value;
use tracehold_chain::epcis::uri::percent_encoded;

const UP: [&str; 11] = [
    "testnet",
    "up",
    "--nodes",
    "4",
    "--followers",
    "1",
    "--dir",
    "net",
    "--json",
    "--set",
    "state_buckets_log2=10",
];

#[test]
fn a_test_network_says_what_it_is_resumes_and_leaves_nothing_behind() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let up = Up::start(folder.path(), &UP);
    assert!(up.first["chain_id"].is_string());
    let roles: Vec<&Value> =
        up.first["nodes"].as_array().unwrap().iter().map(|n| &n["role"]).collect();
    assert_eq!(roles, ["validator", "validator", "validator", "validator", "follower"]);
    for field in ["name", "role", "member", "http", "api_key", "dir"] {
        assert!(up.first["nodes"][4][field].is_string(), "{field}");
    }
    let posted = up.client(0).post("/epcis/v2/events", event("kept").to_string().as_bytes(), &[]);
    assert_eq!(posted.unwrap().status, 201);
    let (lasting, height) = (up.lasting(), up.height(0));
    up.stop("-INT");

    let up = Up::start(folder.path(), &UP);
    assert_eq!(up.lasting(), lasting, "the same keys and ports");
    let second = run(folder.path(), &UP);
    assert_eq!(second.status.code(), Some(1), "one folder, one network");
    let path = format!("/epcis/v2/events/{}", percent_encoded("urn:example:event:kept"));
    for node in 0..5 {
        assert!(up.height(node) >= height, "node {node} is behind what was answered");
        wait_until("the event", || up.client(node).get(&path).unwrap().status == 200);
    }
    let pids = up.pids();
    signal(&up.child, "-KILL");
    wait_until("nodes to end with their network", || pids.iter().all(|pid| !runs(*pid)));
    drop(up);
    Up::start(folder.path(), &UP).stop("-TERM");

    let other = run(folder.path(), &["testnet", "up", "--nodes", "2", "--dir", "net"]);
    assert_eq!(other.status.code(), Some(3), "another network than the folder's");
}

#[test]
fn a_file_of_any_form_is_captured_and_every_event_has_its_outcome() {
    let network = common::Network::up(1, 0);
    let node = &network.net.nodes[0];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let capture = |name: &str, text: String, more: &[&str]| {
        std::fs::write(folder.path().join(name), text).unwrap();
        let mut args = vec!["capture", name, "--node", &node.http, "--api-key", &node.api_key];
        args.extend(["--json"].iter().chain(more));
        let output = run(folder.path(), &args);
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code(), shown)
    };
    let (code, shown) = capture("bare.json", event("bare").to_string(), &[]);
    assert_eq!((code, &shown["recorded"]), (Some(0), &1.into()), "{shown}");

    let mut other = event("bare");
    other["bizStep"] = "shipping".into();
    let mut good = event("good");
    for event in [&mut other, &mut good] {
        event.as_object_mut().unwrap().remove("@context");
    }
    let document = serde_json::json!({
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": "2026-03-01T10:00:00.000Z",
        "epcisBody": { "eventList": [other, good] },
    });
    let (code, shown) = capture("two.json", document.to_string(), &[]);
    assert_eq!((code, &shown["recorded"]), (Some(1), &0.into()), "all or nothing: {shown}");
    let (code, shown) = capture("two.json", document.to_string(), &["--proceed"]);
    assert_eq!((code, &shown["recorded"]), (Some(1), &1.into()), "the good one: {shown}");
    assert_eq!(shown["events"][0]["recorded"], false);
    assert_eq!(shown["events"][1]["recorded"], true);

    let status = run(folder.path(), &["status", "--json", "--node", &node.http]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["role"], "validator");
}

#[test]
fn every_kind_of_failure_has_its_exit_code() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path();
    let code = |args: &[&str]| run(dir, args).status.code();
    assert_eq!(code(&["no-such-command"]), Some(2));
    assert_eq!(code(&["init", "--dir", "a", "--member", "Not A Name"]), Some(2));
    assert!(!dir.join("a").exists(), "a wrong command line leaves nothing behind");
    assert_eq!(code(&["start", "--dir", "nowhere"]), Some(3));
    assert_eq!(code(&["status", "--node", "http://127.0.0.1:1"]), Some(4));
    let init =
        ["init", "--dir", "a", "--member", "acme", "--prefix", "9521234", "--alone", "alone"];
    assert_eq!(code(&init), Some(0));
    assert_eq!(code(&init), Some(3), "keys are never replaced");
    assert_eq!(code(&["keys", "revoke-api-key", "--dir", "a", "00000000"]), Some(1));
    std::fs::write(dir.join("a/tracehold.toml"), "[http]\nport = 80\n").unwrap();
    let refused = run(dir, &["start", "--dir", "a"]);
    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("port") && said.contains("listen"), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    run(folder.path(), &["init", "--dir", "a", "--member", "acme", "--alone", "alone"]);
    for args in [
        &["--help"][..],
        &["completions", "bash"],
        &["openapi"],
        &["keys", "list", "--dir", "a"],
        &["keys", "create-api-key", "--dir", "a", "acme/app", "--json"],
    ] {
        let mut child = Command::new(binary())
            .args(args)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command runs");
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = child.wait().unwrap();
        assert!(status.success() && said.is_empty(), "{args:?}: {status} {said}");
    }
}
