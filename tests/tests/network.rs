//! Four nodes as four processes on loopback: one history whatever is done to them.

mod common;

use std::time::{Duration, Instant};

use common::{Network, event, wait_until};

const SOON: Duration = Duration::from_secs(1);

/// Promise P6, P7: what one node answered with success is on every node within a second, and all
/// have the same blocks and state roots.
#[test]
fn an_event_captured_at_one_node_is_readable_at_all() {
    let network = Network::up(4, 1);
    let mut quickest = [Duration::MAX; 5];
    for round in 0..5 {
        let serial = format!("seen{round}");
        let (status, body) = network.post_event(0, &event(&serial));
        assert_eq!(status, 201, "{body}");
        let id = format!("urn:example:event:{serial}");
        assert!(network.has_event(0, &id), "success means readable on the answering node");
        for (node, quickest) in quickest.iter_mut().enumerate().skip(1) {
            let waited = wait_until("the event", || network.has_event(node, &id));
            println!("node {node} had it after {waited:?}");
            *quickest = (*quickest).min(waited);
        }
    }
    // One slow round is the machine's doing, all of them are ours.
    assert!(quickest[1..].iter().all(|waited| *waited < SOON), "{quickest:?}");
    network.assert_agreement(&[0, 1, 2, 3, 4]);
    let (status, body) = network.post_event(1, &event("seen0"));
    assert_eq!(status, 409, "an eventID names one event: {body}");
    // A follower takes writes too: it hands them on to the validators.
    let (status, body) = network.post_event(4, &event("by-follower"));
    assert_eq!(status, 201, "{body}");
}

/// Promise P7, P8: any one node may be killed; the others go on and it catches up, with nothing
/// lost that was answered. Then all four are killed at once. Then a sled folder is deleted.
#[test]
fn killed_nodes_lose_nothing_and_catch_up() {
    let mut network = Network::up(4, 0);
    let mut acknowledged = Vec::new();
    let mut capture = |network: &Network, node: usize, serial: String| {
        let (status, body) = network.post_event(node, &event(&serial));
        assert_eq!(status, 201, "{body}");
        acknowledged.push(format!("urn:example:event:{serial}"));
    };
    for victim in 0..4 {
        let other = (victim + 1) % 4;
        capture(&network, victim, format!("before{victim}"));
        network.net.kill(victim);
        for n in 0..3 {
            capture(&network, other, format!("without{victim}-{n}"));
        }
        network.net.restart(victim).expect("the node restarts");
        let height = network.height(other);
        wait_until("the node to catch up", || network.height(victim) >= height);
        capture(&network, victim, format!("after{victim}"));
    }
    capture(&network, 2, "last".to_owned());
    network.net.kill_all();
    network.net.start_missing().expect("the network restarts");
    capture(&network, 3, "again".to_owned());

    network.net.kill(1);
    let tables = network.net.nodes[1].dir.join("sled");
    std::fs::remove_dir_all(&tables).expect("the sled folder is where the guide says");
    network.net.restart(1).expect("the node rebuilds");

    let height = network.height(3);
    for node in 0..4 {
        wait_until("all to catch up", || network.height(node) >= height);
        for id in &acknowledged {
            assert!(network.has_event(node, id), "{id} is lost on node {node}");
        }
    }
    network.assert_agreement(&[0, 1, 2, 3]);
}

/// Promise P7: kills at random moments in the middle of a stream of captures.
#[test]
fn kills_in_the_middle_of_writing_lose_nothing() {
    let mut network = Network::up(4, 0);
    let start = Instant::now();
    let mut acknowledged = Vec::new();
    for round in 0..4_usize {
        let clients: Vec<_> = (0..4).map(|node| network.net.nodes[node].client()).collect();
        let writers: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(node, client)| {
                std::thread::spawn(move || {
                    let mut done = Vec::new();
                    for n in 0..200 {
                        let serial = format!("r{round}n{node}i{n}");
                        let body = event(&serial).to_string();
                        let posted = client.post("/epcis/v2/events", body.as_bytes(), &[]);
                        match posted {
                            Ok(answer) if answer.status == 201 => {
                                done.push(format!("urn:example:event:{serial}"));
                            }
                            _ => break,
                        }
                    }
                    done
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300 + 170 * round as u64));
        if round % 2 == 0 {
            network.net.kill(round);
            std::thread::sleep(Duration::from_millis(500));
        }
        network.net.kill_all();
        for writer in writers {
            acknowledged.extend(writer.join().expect("a writer"));
        }
        network.net.start_missing().expect("the network restarts");
    }
    println!("{} events acknowledged in {:?}", acknowledged.len(), start.elapsed());
    assert!(acknowledged.len() > 20, "the writers got something done");
    let (status, body) = network.post_event(0, &event("final"));
    assert_eq!(status, 201, "{body}");
    let height = network.height(0);
    for node in 0..4 {
        wait_until("all to catch up", || network.height(node) >= height);
        for id in &acknowledged {
            assert!(network.has_event(node, id), "{id} is lost on node {node}");
        }
    }
    network.assert_agreement(&[0, 1, 2, 3]);
}

/// Promise P14: the audit reproduces every root, and finds a byte that was changed.
#[test]
fn the_audit_reproduces_every_root() {
    let mut network = Network::up(4, 0);
    for n in 0..3 {
        let (status, body) = network.post_event(n, &event(&format!("audited{n}")));
        assert_eq!(status, 201, "{body}");
    }
    let height = network.height(0);
    network.net.stop_node(0);
    let dir = network.net.nodes[0].dir.clone();
    let audit = || {
        std::process::Command::new(common::binary())
            .args(["audit", "--json", "--dir"])
            .arg(&dir)
            .output()
            .expect("the command runs")
    };
    let output = audit();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(report["height"].as_u64().expect("a height") >= height, "{report}");

    let mut segments: Vec<_> = std::fs::read_dir(dir.join("log"))
        .expect("the block log is where the guide says")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("blocks")))
        .collect();
    segments.sort();
    let mut bytes = std::fs::read(&segments[0]).expect("a segment");
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    std::fs::write(&segments[0], bytes).expect("the segment can be written");
    let output = audit();
    assert!(!output.status.success(), "a changed byte must be found");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("blocks-") && said.contains("byte"), "file and offset: {said}");
}
