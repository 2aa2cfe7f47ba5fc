//! Capture jobs: what became of a captured document.
//!
//! Jobs are in memory, in bounds, the oldest finished one being forgotten first; and in a file of
//! the data folder ([`journal`]), so that a restart forgets none. They are this node's: nobody
//! agreed on them. The id of a job with `rollback` is that of its one transaction, so that what
//! became of it can be told from the ledger: on another node, and when the node stopped in the
//! middle of it.
//!
//! [`originals`] keeps documents that are recorded in another form than they came in.

mod journal;
mod originals;
mod running;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracehold_chain::units::{MemberId, TimestampMs};

use super::limits::{MAX_FINISHED_JOBS, MAX_JOB_ERROR_BYTES, MAX_JOB_LINES};
use super::problem::{FieldError, Kind, Problem};
use journal::Journal;
use originals::Originals;
pub use running::Running;

/// The folder's name in a data folder.
const FOLDER: &str = "capture";

/// What to do with the good events of a document that has bad ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ErrorBehaviour {
    /// Nothing is captured unless everything is.
    Rollback,
    /// Everything that can be captured is.
    Proceed,
}

/// A capture job as the EPCIS binding shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Names the job.
    #[serde(rename = "captureID")]
    pub capture_id: String,
    /// When it began.
    pub created_at: String,
    /// When it ended; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// Whether it still runs.
    pub running: bool,
    /// Whether no error has occurred.
    pub success: bool,
    /// What was asked for.
    pub capture_error_behaviour: ErrorBehaviour,
    /// What went wrong, with the event it went wrong with.
    #[schema(value_type = Vec<super::problem::ProblemBody>)]
    pub errors: Vec<Problem>,
    /// Events of the document that were on record before it came: it is, or holds, a retry.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub already_recorded: usize,
    /// What the lenient reading changed, each with its place in the document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub normalised: Vec<FieldError>,
    /// What is odd and refused nothing, such as an undeclared prefix, or leniently a wrong check
    /// digit, each with its place in the document. The first 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<FieldError>,
    /// The document as it was sent; absent when the job is told from the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// What became of the master data that came with the document, when some did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_data: Option<MasterDataDone>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_nought(count: &usize) -> bool {
    *count == 0
}

/// A document as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Original {
    /// Its media type.
    pub media_type: String,
    /// How many bytes it has.
    pub bytes: usize,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Where this node gives it back, byte for byte; absent when it does not keep it. A document
    /// that was read strictly from JSON is on the ledger as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// What became of the master data of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MasterDataDone {
    /// Products, places and parties that the document changes, if the job succeeds.
    pub set: usize,
    /// Those of which it says what is on record already.
    pub unchanged: usize,
    /// What is left out, where it stood and why. It refuses no event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<FieldError>,
}

/// A job that is to begin.
pub struct NewJob {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub member: MemberId,
    /// What was asked for.
    pub behaviour: ErrorBehaviour,
    /// The document.
    pub original: Option<Original>,
    /// The document's bytes, when they are to be kept.
    pub keep: Option<Vec<u8>>,
    /// What the lenient reading changed.
    pub normalised: Vec<FieldError>,
    /// What is against good sense.
    pub notices: Vec<FieldError>,
}

impl Job {
    fn new(capture_id: String, behaviour: ErrorBehaviour, now: TimestampMs) -> Job {
        Job {
            capture_id,
            created_at: now.to_string(),
            finished_at: None,
            running: true,
            success: true,
            capture_error_behaviour: behaviour,
            errors: Vec::new(),
            already_recorded: 0,
            normalised: Vec::new(),
            notices: Vec::new(),
            original: None,
            master_data: None,
        }
    }

    /// A finished job, as told from the ledger.
    #[must_use]
    pub fn finished(
        capture_id: String,
        behaviour: ErrorBehaviour,
        at: TimestampMs,
        error: Option<Problem>,
    ) -> Job {
        let mut job = Job::new(capture_id, behaviour, at);
        job.end(at, error);
        job
    }

    fn end(&mut self, at: TimestampMs, error: Option<Problem>) {
        self.success &= error.is_none();
        self.errors.extend(error.map(Problem::in_epcis));
        self.running = false;
        self.finished_at = Some(at.to_string());
    }

    /// About how many bytes of it the document or its faults decide.
    fn weight(&self) -> usize {
        let field = |error: &FieldError| {
            error.field.len() + error.rule.len() + error.mend.as_ref().map_or(0, String::len)
        };
        let left_out = self.master_data.iter().flat_map(|done| &done.left_out);
        self.errors.iter().map(|problem| problem.weight()).sum::<usize>()
            + self.normalised.iter().chain(&self.notices).chain(left_out).map(field).sum::<usize>()
    }
}

/// A job as it is remembered and written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Known {
    /// Counts the jobs of this node.
    pub seq: u64,
    /// Whose it is.
    pub member: MemberId,
    /// What is shown.
    pub job: Job,
    /// The node stopped in the middle of it, and nobody has found out yet what became of it.
    #[serde(skip)]
    pub interrupted: bool,
}

/// All jobs that are remembered.
#[derive(Clone)]
pub struct Jobs(Arc<Shared>);

struct Shared {
    registry: Mutex<Registry>,
    journal: Journal,
    originals: Originals,
}

struct Registry {
    jobs: HashMap<String, Known>,
    /// One for each job that runs; dropped when it ends, which is what waiters hear.
    ends: HashMap<String, watch::Sender<()>>,
    /// Oldest first.
    finished: VecDeque<String>,
    running: usize,
    most_running: usize,
    next_seq: u64,
    /// Bytes of what was counted of each finished job, and of all.
    weights: HashMap<String, usize>,
    all_weights: usize,
    /// Lines in the journal.
    lines: usize,
}

impl Registry {
    /// Counts a finished job, forgets the oldest ones until what is left is within bounds, and
    /// gives back their ids.
    fn finish(&mut self, id: &str) -> Vec<String> {
        let weight = self.jobs.get(id).map_or(0, |known| known.job.weight());
        self.weights.insert(id.to_owned(), weight);
        self.all_weights += weight;
        self.finished.push_back(id.to_owned());
        let mut gone = Vec::new();
        while (self.finished.len() > MAX_FINISHED_JOBS || self.all_weights > MAX_JOB_ERROR_BYTES)
            && let Some(oldest) = self.finished.pop_front()
        {
            self.jobs.remove(&oldest);
            self.all_weights -= self.weights.remove(&oldest).unwrap_or(0);
            gone.push(oldest);
        }
        gone
    }

    /// All jobs, oldest first.
    fn in_order(&self) -> Vec<&Known> {
        let mut all: Vec<&Known> = self.jobs.values().collect();
        all.sort_by_key(|known| known.seq);
        all
    }
}

fn line(known: &Known) -> String {
    serde_json::to_string(known).expect("a job is plain data")
}

impl Jobs {
    /// Opens the jobs of the data folder `dir`; at most `most_running` may run at once, and
    /// originals take `room` bytes at most.
    ///
    /// # Errors
    /// What the system says of the folder.
    pub fn open(dir: &Path, most_running: u32, room: u64) -> io::Result<Jobs> {
        let folder = dir.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        let (journal, lines) = Journal::open(&folder)?;
        let mut registry = Registry {
            jobs: HashMap::new(),
            ends: HashMap::new(),
            finished: VecDeque::new(),
            running: 0,
            most_running: usize::try_from(most_running).unwrap_or(usize::MAX),
            next_seq: 1,
            weights: HashMap::new(),
            all_weights: 0,
            lines: lines.len(),
        };
        for text in lines {
            match serde_json::from_str::<Known>(&text) {
                Ok(mut known) => {
                    known.interrupted = known.job.running;
                    registry.next_seq = registry.next_seq.max(known.seq.saturating_add(1));
                    registry.jobs.insert(known.job.capture_id.clone(), known);
                }
                Err(error) => tracing::warn!(%error, "a capture job cannot be read: left out"),
            }
        }
        let order: Vec<String> =
            registry.in_order().iter().map(|known| known.job.capture_id.clone()).collect();
        for id in order {
            registry.finish(&id);
        }
        let known: Vec<String> = registry.finished.iter().cloned().collect();
        let originals = Originals::open(&folder, room, known.into_iter())?;
        Ok(Jobs(Arc::new(Shared { registry: Mutex::new(registry), journal, originals })))
    }

    /// Begins a job. It is written down, and the document kept if it is to be, when this returns.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when too many run; [`Kind::Internal`] when it cannot be written.
    pub async fn begin(&self, new: NewJob, now: TimestampMs) -> Result<Running, Problem> {
        let NewJob { id, member, behaviour, original, keep, normalised, notices } = new;
        let mut job = Job { original, normalised, notices, ..Job::new(id.clone(), behaviour, now) };
        if let Some(original) = job.original.as_mut().filter(|_| keep.is_some()) {
            original.document = Some(format!("/epcis/v2/capture/{id}/document"));
        }
        let known = Known { seq: 0, member, job, interrupted: false };
        let running = self.enter(known)?;
        if let Some(bytes) = keep {
            let (originals, id) = (self.0.originals.clone(), id.clone());
            let kept = tokio::task::spawn_blocking(move || originals.keep(&id, &bytes)).await;
            let kept = kept.unwrap_or_else(|error| Err(io::Error::other(error)));
            kept.map_err(|error| unwritten(&error.to_string()))?;
        }
        let synced = {
            let mut registry = self.lock();
            registry.lines += 1;
            let text = registry.jobs.get(&id).map(line).unwrap_or_default();
            self.0.journal.append_synced(&text)
        };
        match synced.await {
            Ok(Ok(())) => Ok(running),
            Ok(Err(why)) => Err(unwritten(&why)),
            Err(_) => Err(unwritten("the thread that writes them is gone")),
        }
    }

    fn enter(&self, mut known: Known) -> Result<Running, Problem> {
        let mut registry = self.lock();
        if registry.running >= registry.most_running {
            let detail = format!(
                "{} capture jobs are running, which is the limit; try again in a second",
                registry.running
            );
            return Err(Problem::new(Kind::Unavailable, detail).code("too_many_jobs"));
        }
        registry.running += 1;
        known.seq = registry.next_seq;
        registry.next_seq += 1;
        let id = known.job.capture_id.clone();
        registry.jobs.insert(id.clone(), known);
        registry.ends.insert(id.clone(), watch::Sender::new(()));
        Ok(Running::new(self.clone(), id))
    }

    /// The job with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Known> {
        self.lock().jobs.get(id).cloned()
    }

    /// The job with this id, when it has ended or `longest` is over.
    pub async fn wait(&self, id: &str, longest: Duration) -> Option<Known> {
        let end = self.lock().ends.get(id).map(watch::Sender::subscribe);
        if let Some(mut end) = end {
            // Nothing is ever sent: the change is that the sender goes. After `longest` the job is
            // shown as it is.
            let _ = tokio::time::timeout(longest, end.changed()).await;
        }
        self.get(id)
    }

    /// The jobs of a member, newest first: at most `most` of those before the one counted
    /// `before`, and whether there are more.
    #[must_use]
    pub fn of_member(
        &self,
        member: &MemberId,
        before: Option<u64>,
        most: usize,
    ) -> (Vec<Known>, bool) {
        let registry = self.lock();
        let asked = |known: &&&Known| {
            known.member == *member && before.is_none_or(|before| known.seq < before)
        };
        let mut all = registry.in_order();
        all.reverse();
        let found: Vec<Known> =
            all.iter().filter(asked).take(most.saturating_add(1)).map(|k| (*k).clone()).collect();
        let more = found.len() > most;
        (found.into_iter().take(most).collect(), more)
    }

    /// Notes what became of a job that was interrupted, and gives it back.
    pub fn settle(&self, id: &str, now: TimestampMs, error: Option<Problem>) -> Option<Known> {
        let mut registry = self.lock();
        let known = registry.jobs.get_mut(id)?;
        if known.interrupted {
            known.interrupted = false;
            known.job.end(now, error);
            let known = known.clone();
            self.write(&mut registry, &known);
            return Some(known);
        }
        Some(known.clone())
    }

    /// The document of a job, when it is kept.
    ///
    /// # Errors
    /// [`Kind::Internal`] when it cannot be read.
    pub async fn document(&self, id: &str) -> Result<Option<Vec<u8>>, Problem> {
        let (originals, id) = (self.0.originals.clone(), id.to_owned());
        let read = tokio::task::spawn_blocking(move || originals.read(&id)).await;
        let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
        read.map_err(|error| {
            let detail = format!("this node cannot read its captured documents: {error}");
            Problem::new(Kind::Internal, detail)
        })
    }

    /// Comes back when everything that became of jobs so far is written down.
    pub async fn settled(&self) {
        self.0.journal.settled().await;
    }

    /// How many run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.lock().running
    }

    /// Ends a job that runs.
    fn close(&self, id: &str, now: TimestampMs) {
        let mut registry = self.lock();
        registry.running -= 1;
        if let Some(known) = registry.jobs.get_mut(id) {
            known.job.end(now, None);
            let known = known.clone();
            self.write(&mut registry, &known);
        }
        registry.ends.remove(id);
        let gone = registry.finish(id);
        drop(registry);
        gone.iter().for_each(|id| self.0.originals.forget(id));
    }

    /// Writes a job down, some time soon, and now and then all of them anew.
    fn write(&self, registry: &mut Registry, known: &Known) {
        registry.lines += 1;
        // In the order of the lock: what is written anew holds everything appended before.
        if registry.lines > MAX_JOB_LINES {
            let lines: Vec<String> = registry.in_order().into_iter().map(line).collect();
            registry.lines = lines.len();
            self.0.journal.replace(lines.iter().map(String::as_str));
        } else {
            self.0.journal.append(&line(known));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.0.registry.lock().expect("no one panics while holding the jobs")
    }
}

fn unwritten(why: &str) -> Problem {
    Problem::new(Kind::Internal, format!("this node cannot write its capture jobs: {why}"))
}
