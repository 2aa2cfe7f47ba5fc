//! A capture job that runs.

use tracehold_chain::units::TimestampMs;

use super::super::limits::MAX_JOB_ERRORS;
use super::super::now;
use super::super::problem::{Kind, Problem};
use super::{Job, Jobs, MasterDataDone};

/// A job that runs. Dropped without [`Running::finish`], it ends with an error.
pub struct Running {
    jobs: Jobs,
    id: String,
    open: bool,
}

impl Running {
    pub(super) fn new(jobs: Jobs, id: String) -> Running {
        Running { jobs, id, open: true }
    }

    fn change(&self, change: impl FnOnce(&mut Job)) {
        let mut registry = self.jobs.lock();
        if let Some(known) = registry.jobs.get_mut(&self.id) {
            change(&mut known.job);
        }
    }

    /// Notes an error; beyond [`MAX_JOB_ERRORS`] only that there were more.
    pub fn error(&self, problem: Problem) {
        self.change(|job| {
            job.success = false;
            let problem = match job.errors.len() {
                0..MAX_JOB_ERRORS => problem.in_epcis(),
                MAX_JOB_ERRORS => {
                    let detail =
                        format!("more errors occurred than the {MAX_JOB_ERRORS} listed here");
                    Problem::new(Kind::Validation, detail).in_epcis()
                }
                _ => return,
            };
            job.errors.push(problem);
        });
    }

    /// Notes that so many events were on record before.
    pub fn already_recorded(&self, events: usize) {
        self.change(|job| job.already_recorded += events);
    }

    /// Notes what becomes of the document's master data.
    pub fn master_data(&self, done: Option<MasterDataDone>) {
        if done.is_some() {
            self.change(|job| job.master_data = done);
        }
    }

    /// Ends the job.
    pub fn finish(mut self, now: TimestampMs) {
        self.open = false;
        self.jobs.close(&self.id, now);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.open {
            self.error(Problem::new(
                Kind::Unavailable,
                "the node stopped before the outcome was known: send the document again, what is \
                 on record is known by its eventID and not recorded twice",
            ));
            self.jobs.close(&self.id, now());
        }
    }
}
