//! Loading a network with events the way members do: documents over HTTP, each waited for until its
//! capture job says that it is committed.

mod events;
pub mod goods;
pub mod gs1;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use events::{Generator, Numbers};

use crate::client::{Client, Unreachable};
use crate::measure::Latencies;

/// How long a transaction may wait for commitment.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the node is asked to hold back its answer while a capture job runs.
const WAIT: (&str, &str) = ("prefer", "wait=20");
/// The first pause between two looks at a capture job; it doubles up to [`MAX_POLL`].
const MIN_POLL: Duration = Duration::from_millis(4);
/// The longest pause between two looks at a capture job.
const MAX_POLL: Duration = Duration::from_millis(64);
/// Messages of failures that are kept.
const MAX_MESSAGES: usize = 5;

/// What to send.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where to, in turn: address and API key of each node.
    pub nodes: Vec<(String, String)>,
    /// Makes the events.
    pub generator: Generator,
    /// How many events.
    pub events: u64,
    /// Events in one document, which is one transaction.
    pub per_transaction: usize,
    /// Events to send in a second; as many as the network takes when absent.
    pub rate: Option<u64>,
    /// Transactions in flight at each node at once.
    pub in_flight: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Events whose capture job ended with success.
    pub committed: u64,
    /// Events in documents that were refused or not answered in time.
    pub failed: u64,
    /// From the first document sent to the last answer.
    pub elapsed: Duration,
    /// From sending a document to its success. With a rate, from when it was due to be sent.
    pub finality: Latencies,
    /// The first few reasons of failures.
    pub messages: Vec<String>,
}

impl Outcome {
    fn merge(&mut self, other: Outcome) {
        self.committed += other.committed;
        self.failed += other.failed;
        self.finality.merge(other.finality);
        self.messages.extend(other.messages);
        self.messages.truncate(MAX_MESSAGES);
    }
}

/// Sends the whole load and waits for every answer, or until `cancelled` is set.
#[must_use]
pub fn run(load: &Load, cancelled: &AtomicBool) -> Outcome {
    let next = AtomicU64::new(0);
    let started = Instant::now();
    let mut outcome = Outcome::default();
    thread::scope(|scope| {
        let lanes = load.nodes.iter().cycle().take(load.nodes.len() * load.in_flight.max(1));
        let lanes: Vec<_> = lanes
            .map(|(http, api_key)| {
                let client = Client::new(http).with_key(api_key);
                let next = &next;
                scope.spawn(move || lane(load, &client, next, started, cancelled))
            })
            .collect();
        for lane in lanes {
            outcome.merge(lane.join().expect("a lane never panics"));
        }
    });
    outcome.elapsed = started.elapsed();
    outcome
}

/// Sends one document after the other until all are sent.
fn lane(
    load: &Load,
    client: &Client,
    next: &AtomicU64,
    started: Instant,
    cancelled: &AtomicBool,
) -> Outcome {
    let mut outcome = Outcome::default();
    let size = load.per_transaction.max(1) as u64;
    while !cancelled.load(Ordering::Relaxed) {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(left) = load.events.checked_sub(index.saturating_mul(size)).filter(|n| *n > 0)
        else {
            break;
        };
        let count = left.min(size);
        // Made before it is due, so that making it is no part of the latency.
        let count_usize = usize::try_from(count).expect("at most per_transaction");
        let document = load.generator.document_from(index * size, count_usize);
        let due = load.rate.map(|rate| started + due_after(index * size, rate));
        if let Some(due) = due {
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let sent = due.unwrap_or_else(Instant::now);
        match capture(client, document.as_bytes()) {
            Ok(()) => {
                outcome.committed += count;
                outcome.finality.add(sent.elapsed());
            }
            Err(message) => {
                outcome.failed += count;
                if outcome.messages.len() < MAX_MESSAGES {
                    outcome.messages.push(message);
                }
            }
        }
    }
    outcome
}

fn due_after(events_before: u64, rate: u64) -> Duration {
    Duration::from_micros(events_before.saturating_mul(1_000_000) / rate.max(1))
}

/// Captures one document and waits until it is committed.
///
/// # Errors
/// What the node said, in one line.
pub fn capture(client: &Client, document: &[u8]) -> Result<(), String> {
    let answer =
        client.post("/epcis/v2/capture", document, &[]).map_err(|error| error.to_string())?;
    if answer.status != 202 {
        return Err(answer.problem());
    }
    let location = answer.location.ok_or("the answer to a capture has no Location")?;
    let job = wait_for_job(client, &location, COMMIT_TIMEOUT).map_err(|e| e.to_string())?;
    match job {
        Some(job) if job["success"] == true => Ok(()),
        Some(job) => Err(format!("refused: {}", job["errors"])),
        None => Err(format!("not committed after {} s", COMMIT_TIMEOUT.as_secs())),
    }
}

/// Looks at a capture job until it has ended, and returns it; `None` when it runs longer than
/// `timeout`.
///
/// # Errors
/// [`Unreachable`] when the node does not answer, or not with a job.
pub fn wait_for_job(
    client: &Client,
    location: &str,
    timeout: Duration,
) -> Result<Option<serde_json::Value>, Unreachable> {
    let deadline = Instant::now() + timeout;
    let mut pause = MIN_POLL;
    while Instant::now() < deadline {
        let answer = client.get_with(location, &[WAIT])?;
        if !answer.is_success() {
            return Err(Unreachable { url: location.to_owned(), reason: answer.problem() });
        }
        if answer.json["running"] == false {
            return Ok(Some(answer.json));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(MAX_POLL);
    }
    Ok(None)
}
