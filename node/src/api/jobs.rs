//! Capture jobs: what became of a captured document.
//!
//! Jobs are kept in memory, in bounds; the oldest finished one is forgotten first. The id of a job
//! with `rollback` is that of its one transaction, so that what became of it can be told from the
//! ledger when the job itself is forgotten: after a restart, or on another node.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracehold_chain::units::TimestampMs;

use super::limits::{MAX_FINISHED_JOBS, MAX_JOB_ERROR_BYTES, MAX_JOB_ERRORS};
use super::problem::{FieldError, Kind, Problem};

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
    /// What became of the master data that came with the document, when some did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_data: Option<MasterDataDone>,
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
        job.success = error.is_none();
        job.errors.extend(error);
        job.running = false;
        job.finished_at = Some(at.to_string());
        job
    }
}

/// All jobs that are remembered.
#[derive(Clone)]
pub struct Jobs(Arc<Mutex<Registry>>);

struct Registry {
    jobs: HashMap<String, Job>,
    /// One for each job that runs; dropped when it ends, which is what waiters hear.
    ends: HashMap<String, watch::Sender<()>>,
    finished: VecDeque<String>,
    running: usize,
    most_running: usize,
    /// Bytes of the errors of each job that has any, and of all.
    error_bytes: HashMap<String, usize>,
    all_error_bytes: usize,
}

impl Registry {
    /// Forgets the oldest finished jobs until what is left is within bounds.
    fn forget(&mut self) {
        let is_full = |registry: &Registry| {
            registry.finished.len() > MAX_FINISHED_JOBS
                || registry.all_error_bytes > MAX_JOB_ERROR_BYTES
        };
        while is_full(self)
            && let Some(oldest) = self.finished.pop_front()
        {
            self.jobs.remove(&oldest);
            self.all_error_bytes -= self.error_bytes.remove(&oldest).unwrap_or(0);
        }
    }
}

/// A job that runs. Dropped without [`Running::finish`], it ends with an error.
pub struct Running {
    jobs: Jobs,
    id: String,
    open: bool,
}

impl Jobs {
    /// No jobs; at most `most_running` may run at once.
    #[must_use]
    pub fn new(most_running: usize) -> Jobs {
        Jobs(Arc::new(Mutex::new(Registry {
            jobs: HashMap::new(),
            ends: HashMap::new(),
            finished: VecDeque::new(),
            running: 0,
            most_running,
            error_bytes: HashMap::new(),
            all_error_bytes: 0,
        })))
    }

    /// Begins a job.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when too many run.
    pub fn begin(
        &self,
        id: String,
        behaviour: ErrorBehaviour,
        now: TimestampMs,
    ) -> Result<Running, Problem> {
        let mut registry = self.lock();
        if registry.running >= registry.most_running {
            let detail = format!(
                "{} capture jobs are running, which is the limit; try again in a second",
                registry.running
            );
            return Err(Problem::new(Kind::Unavailable, detail).code("too_many_jobs"));
        }
        registry.running += 1;
        registry.jobs.insert(id.clone(), Job::new(id.clone(), behaviour, now));
        registry.ends.insert(id.clone(), watch::Sender::new(()));
        Ok(Running { jobs: self.clone(), id, open: true })
    }

    /// The job with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Job> {
        self.lock().jobs.get(id).cloned()
    }

    /// The job with this id, when it has ended or `longest` is over.
    pub async fn wait(&self, id: &str, longest: Duration) -> Option<Job> {
        let end = self.lock().ends.get(id).map(watch::Sender::subscribe);
        if let Some(mut end) = end {
            // Nothing is ever sent: the change is that the sender goes. After `longest` the job is
            // shown as it is.
            let _ = tokio::time::timeout(longest, end.changed()).await;
        }
        self.get(id)
    }

    /// How many run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.lock().running
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.0.lock().expect("no one panics while holding the jobs")
    }
}

impl Running {
    /// Notes an error; beyond [`MAX_JOB_ERRORS`] only that there were more.
    pub fn error(&self, problem: Problem) {
        let mut registry = self.jobs.lock();
        let Some(job) = registry.jobs.get_mut(&self.id) else { return };
        job.success = false;
        let problem = match job.errors.len() {
            0..MAX_JOB_ERRORS => problem.in_epcis(),
            MAX_JOB_ERRORS => {
                let detail = format!("more errors occurred than the {MAX_JOB_ERRORS} listed here");
                Problem::new(Kind::Validation, detail).in_epcis()
            }
            _ => return,
        };
        let bytes = problem.weight();
        job.errors.push(problem);
        *registry.error_bytes.entry(self.id.clone()).or_default() += bytes;
        registry.all_error_bytes += bytes;
    }

    /// Notes what becomes of the document's master data.
    pub fn master_data(&self, done: Option<MasterDataDone>) {
        let Some(done) = done else { return };
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let each = done.left_out.iter();
        let bytes: usize = each.map(|e| e.field.len() + e.rule.len() + text(&e.mend)).sum();
        let mut registry = self.jobs.lock();
        if let Some(job) = registry.jobs.get_mut(&self.id) {
            job.master_data = Some(done);
            *registry.error_bytes.entry(self.id.clone()).or_default() += bytes;
            registry.all_error_bytes += bytes;
        }
    }

    /// Ends the job.
    pub fn finish(mut self, now: TimestampMs) {
        self.open = false;
        self.close(now);
    }

    fn close(&self, now: TimestampMs) {
        let mut registry = self.jobs.lock();
        registry.running -= 1;
        if let Some(job) = registry.jobs.get_mut(&self.id) {
            job.running = false;
            job.finished_at = Some(now.to_string());
        }
        registry.ends.remove(&self.id);
        registry.finished.push_back(self.id.clone());
        registry.forget();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.open {
            self.error(Problem::new(
                Kind::Unavailable,
                "the node stopped before the outcome was known; ask for the events by eventID",
            ));
            self.close(super::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_a_job_hears_of_its_end_at_once() {
        let jobs = Jobs::new(2);
        let running = jobs.begin("a".into(), ErrorBehaviour::Rollback, TimestampMs(0)).unwrap();
        let short = jobs.wait("a", Duration::from_millis(1)).await.unwrap();
        assert!(short.running);
        let waiter = tokio::spawn({
            let jobs = jobs.clone();
            async move { jobs.wait("a", Duration::from_secs(3_600)).await }
        });
        tokio::task::yield_now().await;
        running.finish(TimestampMs(1));
        assert!(!waiter.await.unwrap().unwrap().running);
        assert!(jobs.wait("b", Duration::from_secs(3_600)).await.is_none());
    }

    #[test]
    fn a_job_runs_collects_errors_and_ends() {
        let jobs = Jobs::new(2);
        let running = jobs.begin("a".into(), ErrorBehaviour::Proceed, TimestampMs(0)).unwrap();
        let job = jobs.get("a").unwrap();
        assert!(job.running && job.success && job.finished_at.is_none());
        for n in 0..MAX_JOB_ERRORS + 10 {
            running.error(Problem::new(Kind::Exists, "known").event(n, Some("urn:x:1")));
        }
        running.finish(TimestampMs(5));
        let job = jobs.get("a").unwrap();
        assert!(!job.running && !job.success);
        assert_eq!(job.errors.len(), MAX_JOB_ERRORS + 1);
        assert_eq!(job.errors[0].type_, "epcisException:ResourceAlreadyExistsException");
        let json = serde_json::to_value(&job).unwrap();
        assert_eq!(json["captureID"], "a");
        assert_eq!(json["captureErrorBehaviour"], "proceed");
        assert_eq!(json["errors"][3]["event"], 3);
    }

    #[test]
    fn jobs_are_bounded_running_and_finished() {
        let jobs = Jobs::new(1);
        let begin =
            |id: usize| jobs.begin(id.to_string(), ErrorBehaviour::Rollback, TimestampMs(0));
        let first = begin(0).unwrap();
        assert_eq!(begin(1).err().unwrap().code, "too_many_jobs");
        first.finish(TimestampMs(1));
        for id in 1..=MAX_FINISHED_JOBS {
            begin(id).unwrap().finish(TimestampMs(1));
        }
        assert!(jobs.get("0").is_none(), "the oldest is forgotten");
        assert!(jobs.get("1").is_some());
    }

    #[test]
    fn errors_of_remembered_jobs_take_bounded_memory() {
        let jobs = Jobs::new(1);
        let long = "x".repeat(MAX_JOB_ERROR_BYTES / 10);
        for id in 0..20 {
            let running = jobs.begin(id.to_string(), ErrorBehaviour::Proceed, TimestampMs(0));
            let running = running.unwrap();
            running.error(Problem::new(Kind::Exists, long.clone()));
            running.finish(TimestampMs(1));
        }
        let left: Vec<usize> = (0..20).filter(|id| jobs.get(&id.to_string()).is_some()).collect();
        assert_eq!(left, (11..20).collect::<Vec<_>>());
        assert!(jobs.lock().all_error_bytes <= MAX_JOB_ERROR_BYTES);
    }

    #[test]
    fn a_job_that_is_given_up_ends_with_an_error() {
        let jobs = Jobs::new(1);
        drop(jobs.begin("a".into(), ErrorBehaviour::Rollback, TimestampMs(0)).unwrap());
        let job = jobs.get("a").unwrap();
        assert!(!job.running && !job.success && job.errors.len() == 1);
        assert_eq!(jobs.running(), 0);
    }
}
