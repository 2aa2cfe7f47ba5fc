//! Putting the story on record through the nodes' HTTP interface, as its companies would. What is
//! on record already is not recorded again: a folder that was stopped anywhere goes on from there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_testnet::Testnet;
use tracehold_testnet::client::{Answer, Client};
use tracehold_testnet::load::wait_for_job;
use tracehold_testnet::network::RunningNode;

use super::companies::Who;
use super::describe::{PICTURES, Record, records};
use super::parts::{Chapter, Start, Step, context};
use crate::cli::Failure;

/// How long one step may take to be committed, and a node to catch up with another.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a node that is behind is asked again.
const AGAIN: Duration = Duration::from_millis(25);
/// Requests that are under way at once.
const AT_ONCE: usize = 12;

/// Why the story is not told to its end.
#[derive(Debug)]
pub enum Halt {
    /// Somebody asked to stop.
    Asked,
    /// Something failed.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Halt {
    fn from(error: E) -> Halt {
        Halt::Failed(error.into())
    }
}

/// The network, and whether to go on.
#[derive(Clone, Copy)]
pub struct Stage<'n> {
    pub network: &'n Testnet,
    pub stop: &'n AtomicBool,
}

impl<'n> Stage<'n> {
    /// A company's node.
    pub fn node(self, who: Who) -> &'n RunningNode {
        let found = self.network.nodes.iter().find(|node| node.member == who.id());
        found.expect("the folder was checked to have a node of every company")
    }

    /// A client with the company's key.
    pub fn client(self, who: Who) -> Client {
        self.node(who).client()
    }

    fn go_on(self) -> Result<(), Halt> {
        if self.stop.load(Ordering::Relaxed) { Err(Halt::Asked) } else { Ok(()) }
    }

    /// Sends a command; a node that has not caught up with the others yet is given time.
    pub fn post(self, who: Who, path: &str, body: &Value) -> Result<Value, Halt> {
        let client = self.client(who);
        let text = body.to_string();
        self.insist(who, path, || client.post(path, text.as_bytes(), &[]).map_err(Failure::from))
    }

    fn insist(
        self,
        who: Who,
        path: &str,
        ask: impl Fn() -> Result<Answer, Failure>,
    ) -> Result<Value, Halt> {
        let since = Instant::now();
        loop {
            self.go_on()?;
            let answer = ask()?;
            if answer.is_success() {
                return Ok(answer.json);
            }
            let behind = matches!(answer.status, 404 | 503);
            if !behind || since.elapsed() > STEP_TIMEOUT {
                let node = &self.node(who).name;
                let reason = format!("{node}: {path}: {}", answer.problem());
                return Err(Failure::Refused(reason).into());
            }
            thread::sleep(AGAIN);
        }
    }

    /// Does `work` for all of `items`, several at once, and returns what came of each in order.
    pub fn each<T: Sync, R: Send>(
        self,
        items: &[T],
        work: impl Fn(&T) -> Result<R, Halt> + Sync,
    ) -> Result<Vec<R>, Halt> {
        let share = items.len().div_ceil(AT_ONCE).max(1);
        let work = &work;
        thread::scope(|scope| {
            let parts: Vec<_> = items
                .chunks(share)
                .map(|part| {
                    scope.spawn(move || {
                        let done = part.iter().map(|item| {
                            self.go_on()?;
                            work(item)
                        });
                        done.collect::<Result<Vec<R>, Halt>>()
                    })
                })
                .collect();
            let mut all = Vec::with_capacity(items.len());
            for part in parts {
                all.extend(part.join().expect("the work does not panic")?);
            }
            Ok(all)
        })
    }
}

/// Uploads the pictures, and sets what the companies say of their products, places and themselves.
pub fn describe(stage: Stage<'_>) -> Result<(), Halt> {
    let digests = stage.each(&PICTURES, |picture| {
        let answer =
            stage.client(picture.who).upload("/api/v1/pictures", "image/jpeg", picture.file)?;
        let digest = answer.json["digest"].as_str().map(str::to_owned);
        digest.ok_or_else(|| {
            let reason = format!("a picture was not taken: {}", answer.problem());
            Halt::from(Failure::Refused(reason))
        })
    })?;
    let records = records(|who, product| {
        let found = PICTURES.iter().position(|p| p.who == who && p.product == product)?;
        digests.get(found).cloned()
    });
    stage.each(&records, |record| set(stage, record))?;
    // The store's node shows the pages: it fetches the pictures before the first reader comes.
    stage.each(&digests, |digest| {
        let path = format!("/api/v1/pictures/{digest}");
        stage.client(Who::Store).get_as(&path, "image/*")?;
        Ok(())
    })?;
    Ok(())
}

fn set(stage: Stage<'_>, record: &Record) -> Result<(), Halt> {
    let client = stage.client(record.who);
    let id = record.body["id"].as_str().unwrap_or_default();
    let path = format!("/api/v1/{}", record.kind);
    if client.get(&format!("{path}?id={}", percent_encoded(id)))?.is_success() {
        return Ok(());
    }
    let body = record.body.to_string();
    let put = || client.put(&path, body.as_bytes()).map_err(Failure::from);
    stage.insist(record.who, &path, put).map(drop)
}

/// Records the chapters in order: what one company does in a row is one document, signed once.
/// `done` is told before each chapter.
pub fn tell(
    stage: Stage<'_>,
    start: Start,
    chapters: &[Chapter],
    mut begin: impl FnMut(&Chapter) -> Result<(), Failure>,
) -> Result<(), Halt> {
    for (number, chapter) in chapters.iter().enumerate() {
        stage.go_on()?;
        begin(chapter)?;
        let mut events = chapter
            .steps
            .iter()
            .enumerate()
            .map(|(place, step)| (step.who, with_id(start, number * 100 + place, step)));
        let mut rows: Vec<(Who, Vec<Value>)> = Vec::new();
        for (who, event) in &mut events {
            match rows.last_mut().filter(|(last, _)| *last == who) {
                Some((_, row)) => row.push(event),
                None => rows.push((who, vec![event])),
            }
        }
        for (who, row) in rows {
            stage.go_on()?;
            capture(stage, who, row)?;
        }
    }
    Ok(())
}

/// The number of the event that people record by hand.
pub const EXAMPLE_NUMBER: usize = 9_900;

/// A step's event with its eventID: a UUID that belongs to this run of the story.
pub fn with_id(start: Start, number: usize, step: &Step) -> Value {
    let (high, low) = (start.0.0 >> 16 & 0xFFFF_FFFF, start.0.0 & 0xFFFF);
    let mut event = step.event.clone();
    event["eventID"] = format!("urn:uuid:{high:08x}-{low:04x}-4000-8000-{number:012x}").into();
    event
}

/// Whether a node knows the event.
pub fn is_recorded(stage: Stage<'_>, who: Who, event: &Value) -> Result<bool, Failure> {
    let id = percent_encoded(event["eventID"].as_str().unwrap_or_default());
    Ok(stage.client(who).get(&format!("/epcis/v2/events/{id}"))?.is_success())
}

/// Records events of one company, all or none, unless they are on record.
fn capture(stage: Stage<'_>, who: Who, events: Vec<Value>) -> Result<(), Halt> {
    if let Some(last) = events.last()
        && is_recorded(stage, who, last)?
    {
        return Ok(());
    }
    let first = &events[0];
    let document = json!({
        "@context": context(),
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": first["eventTime"],
        "epcisBody": { "eventList": events },
    });
    let client = stage.client(who);
    let failed = |reason: String| {
        let id = &document["epcisBody"]["eventList"][0]["eventID"];
        let node = &stage.node(who).name;
        Halt::from(Failure::Refused(format!("{node} could not record event {id}: {reason}")))
    };
    let answer = client.post("/epcis/v2/capture", document.to_string().as_bytes(), &[])?;
    if answer.status != 202 {
        return Err(failed(format!("{} {}", answer.problem(), answer.json["errors"])));
    }
    let location = answer.location.unwrap_or_default();
    let job = wait_for_job(&client, &location, STEP_TIMEOUT)?
        .ok_or_else(|| failed("it is not committed in time".to_owned()))?;
    // Recorded by an attempt whose answer was lost: its document is on record as a whole.
    let errors = job["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let on_record = |error: &Value| error["code"] == "event-id-taken";
    let is_on_record = !errors.is_empty() && errors.iter().all(on_record);
    if job["success"] == true || is_on_record {
        return Ok(());
    }
    Err(failed(job["errors"].to_string()))
}
