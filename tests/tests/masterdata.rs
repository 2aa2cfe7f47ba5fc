//! Four nodes of four members: what an owner says of a product, and its picture, are seen at all.

mod common;

use std::time::{Duration, Instant};

use common::{Network, wait_until};
use serde_json::{Value, json};
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_testnet::client::Answer;
use tracehold_testnet::manifest::Plan;

const MILK: &str = "https://id.gs1.org/01/09521321000018";

/// A PNG, as far as its head; the rest stands for pixels.
fn picture() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x10\0\0\0\x10\x08\x02\0\0\0".to_vec();
    bytes.extend((0..200_000_u32).flat_map(u32::to_be_bytes));
    bytes
}

fn put(network: &Network, node: usize, kind: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/{kind}");
    network.net.nodes[node].client().put(&path, body.to_string().as_bytes()).expect("an answer")
}

fn product(network: &Network, node: usize) -> Value {
    let path = format!("/api/v1/products?id={}", percent_encoded(MILK));
    network.net.nodes[node].client().get(&path).expect("an answer").json
}

fn show(network: &Network, node: usize, digest: &str) -> Answer {
    let path = format!("/api/v1/pictures/{digest}");
    network.net.nodes[node].client().get_as(&path, "image/*").expect("an answer")
}

/// Promise P30, P32, P33, P34.
#[test]
fn a_product_and_its_picture_are_seen_at_every_node() {
    let mut plan = Plan::plain(4, 0);
    plan.members[0].prefixes = vec!["9521321".to_owned()];
    for (member, prefix) in [(1, "952111"), (2, "952112"), (3, "952113")] {
        plan.members[member].prefixes = vec![prefix.to_owned()];
    }
    let mut network = Network::of(plan);

    // Uploaded and set at node 0.
    let picture = picture();
    let client = network.net.nodes[0].client();
    let kept = client.upload("/api/v1/pictures", "image/png", &picture).expect("an answer");
    assert_eq!(kept.status, 201, "{}", kept.text);
    let digest = kept.json["digest"].as_str().expect("a digest").to_owned();
    assert_eq!(digest, Digest::of_file(&picture).to_string());
    assert_eq!(show(&network, 3, &digest).status, 404, "no product names it yet");
    let milk = json!({"id": MILK, "names": {"en": "Milk", "zh": "牛奶"}, "picture": digest,
        "limits": [{"type": "Temperature", "max": 8, "uom": "CEL"}]});
    let set = put(&network, 0, "products", &milk);
    assert_eq!(set.status, 200, "{}", set.text);

    // Read at node 3, with the same bytes; then also when nobody else could give them.
    wait_until("the product at node 3", || product(&network, 3)["names"]["en"] == "Milk");
    assert_eq!(product(&network, 3), set.json);
    // A node asks the peers that it is connected to: two that began together may not be yet, and
    // what nobody had is asked for again after a while.
    wait_until("the same bytes at node 3", || show(&network, 3, &digest).bytes == picture);
    network.net.stop_node(0);
    assert!(show(&network, 3, &digest).bytes == picture, "node 3 keeps it");
    wait_until("the product at node 1", || product(&network, 1)["names"]["en"] == "Milk");
    wait_until("node 3 to pass it on", || show(&network, 1, &digest).bytes == picture);
    network.net.restart(0).expect("the node restarts");
    assert!(show(&network, 0, &digest).bytes == picture, "uploads survive a restart");

    // Another member cannot set it, by HTTP or in a document.
    let stolen = put(&network, 1, "products", &milk);
    assert_eq!(
        (stolen.status, &stolen.json["code"]),
        (403, &json!("not-yours")),
        "{}",
        stolen.text
    );
    assert_eq!(stolen.json["errors"][0]["field"], "/id");
    assert_eq!(product(&network, 1)["record"]["version"], 1);

    // What is no picture is refused; a missing one holds nobody up.
    let client = network.net.nodes[2].client();
    let upload = |media: &str, bytes: &[u8]| {
        let answer = client.upload("/api/v1/pictures", media, bytes).expect("an answer");
        (answer.status, answer.json["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(upload("image/png", b"<svg/>"), (415, "not_a_picture".to_owned()));
    let mut large = picture.clone();
    large.resize(5 * 1024 * 1024, 0);
    assert_eq!(upload("image/png", &large), (400, "damaged_picture".to_owned()));
    let nowhere = Digest::of_file(b"nobody has this").to_string();
    let named = json!({"id": MILK, "picture": nowhere});
    assert_eq!(put(&network, 0, "products", &named).status, 200);
    let begun = Instant::now();
    let placeholder = show(&network, 0, &nowhere);
    assert_eq!(placeholder.status, 404);
    assert!(placeholder.text.starts_with("<svg"), "{}", placeholder.text);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    network.caught_up();
    network.assert_agreement(&[0, 1, 2, 3]);

    // Built again from the block log, a node knows the product, and which pictures may be fetched.
    network.net.stop_node(2);
    for folder in ["sled", "pictures"] {
        let folder = network.net.nodes[2].dir.join(folder);
        std::fs::remove_dir_all(folder).expect("the folders are where the guide says");
    }
    network.net.restart(2).expect("the node rebuilds");
    assert_eq!(product(&network, 2), product(&network, 0));
    // Named once, it is found for ever, though not before the node is connected to who has it.
    wait_until("the picture at the rebuilt node", || show(&network, 2, &digest).bytes == picture);
}
