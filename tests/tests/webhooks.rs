//! A webhook of a real node that is killed in the middle of a delivery.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use common::{Network, event, wait_until};
use serde_json::{Value, json};

/// A delivery as it came.
#[derive(Clone, Debug, PartialEq)]
struct Got {
    delivery: String,
    attempt: u32,
    body: String,
}

impl Got {
    fn event_ids(&self) -> Vec<String> {
        let body: Value = serde_json::from_str(&self.body).expect("JSON");
        let events = body["events"].as_array().expect("events").clone();
        let id = |entry: &Value| entry["event"]["eventID"].as_str().expect("an id").to_owned();
        events.iter().map(id).collect()
    }
}

/// A receiver that answers 200, or nothing while it is told to hold.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
    hold: Arc<AtomicBool>,
}

impl Receiver {
    fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (got, hold) = (Arc::<Mutex<Vec<Got>>>::default(), Arc::<AtomicBool>::default());
        let receiver = Receiver { url, got: Arc::clone(&got), hold: Arc::clone(&hold) };
        std::thread::spawn(move || {
            // Connections that are held open end with the test.
            let mut held = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                let mut stream = stream;
                let Some(delivery) = read(&mut stream) else { continue };
                got.lock().expect("no panics").push(delivery);
                if hold.load(Ordering::SeqCst) {
                    held.push(stream);
                } else {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                }
            }
        });
        receiver
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().expect("no panics").clone()
    }

    fn wait_for(&self, count: usize) -> Vec<Got> {
        wait_until("the delivery", || self.got().len() >= count);
        self.got()
    }
}

fn read(stream: &mut TcpStream) -> Option<Got> {
    let mut text = String::new();
    let mut part = [0; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let header = |name: &str| {
                let line = head.lines().find(|line| line.to_lowercase().starts_with(name))?;
                line.split_once(": ").map(|(_, value)| value.to_owned())
            };
            if body.len() >= header("content-length")?.parse().ok()? {
                return Some(Got {
                    delivery: header("tracehold-delivery")?,
                    attempt: header("tracehold-attempt")?.parse().ok()?,
                    body: body.to_owned(),
                });
            }
        }
        let count = stream.read(&mut part).ok().filter(|count| *count > 0)?;
        text.push_str(std::str::from_utf8(&part[..count]).ok()?);
    }
}

/// Promise P35, P36: the node is killed while the receiver has a delivery and has not answered. The
/// database is deleted too: cursors are not in it.
#[test]
fn a_killed_node_sends_what_was_under_way_again_and_says_so() {
    let mut network = Network::up(1, 0);
    network.net.kill(0);
    let settings = network.net.nodes[0].dir.join("tracehold.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    let text = text.replace("allow_http = false", "allow_http = true");
    let text = text.replace("allow_private_addresses = false", "allow_private_addresses = true");
    std::fs::write(&settings, text).expect("settings are written");
    network.net.restart(0).expect("the node starts");

    let receiver = Receiver::start();
    let request = json!({"url": receiver.url, "filter": {"kind": "inspecting"}}).to_string();
    let client = network.net.nodes[0].client();
    let made = client.post("/api/v1/webhooks", request.as_bytes(), &[]).expect("an answer");
    assert_eq!(made.status, 201, "{}", made.text);
    let (status, body) = network.post_event(0, &event("one"));
    assert_eq!(status, 201, "{body}");
    assert_eq!(receiver.wait_for(1)[0].event_ids(), ["urn:example:event:one"]);

    receiver.hold.store(true, Ordering::SeqCst);
    assert_eq!(network.post_event(0, &event("two")).0, 201);
    let under_way = receiver.wait_for(2)[1].clone();
    network.net.kill(0);
    receiver.hold.store(false, Ordering::SeqCst);
    std::fs::remove_dir_all(network.net.nodes[0].dir.join("sled")).expect("the database");
    network.net.restart(0).expect("the node starts again");
    assert_eq!(network.post_event(0, &event("three")).0, 201);

    let got = receiver.wait_for(4);
    assert_eq!((under_way.attempt, got.len()), (1, 4), "{got:#?}");
    assert_eq!(got[2], Got { attempt: 2, ..under_way });
    assert_eq!((got[3].event_ids(), got[3].attempt), (vec!["urn:example:event:three".into()], 1));
    let path = made.location.expect("a location");
    wait_until("the cursor", || {
        let webhook = network.net.nodes[0].client().get(&path).expect("an answer").json;
        webhook["deliveredEvents"] == 3 && webhook["state"] == "active"
    });
}
