//! Problems that people who scanned a thing have told: one file each, replaced whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::keystore::files;

/// The folder's name in a data folder.
const FOLDER: &str = "reports";

/// Reports that a node keeps; more are refused until whoever runs it has removed some.
pub const MAX_REPORTS: usize = 1_000;

/// Reports about one thing that a node keeps.
pub const MAX_REPORTS_OF_ONE: usize = 20;

/// Letters of what somebody writes.
pub const MAX_REPORT_LETTERS: usize = 1_000;

/// What kind of problem.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ReportKind {
    /// It may be a copy.
    Copy,
    /// It is damaged or spoilt.
    Damaged,
    /// What the page says is wrong.
    Wrong,
    /// Something else.
    Other,
}

/// A problem that somebody told. Who that was is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Names it.
    pub report: String,
    /// The canonical identifier of the thing.
    pub id: String,
    /// What kind.
    pub kind: ReportKind,
    /// What was written; may be empty.
    pub text: String,
    /// The day it was told (UTC), such as `2026-03-01`.
    pub day: String,
}

/// Why a report is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// There are as many as a node keeps, of this thing or in all.
    Full,
    /// The disk refused it; the log says why.
    Disk,
}

/// The reports of a node.
#[derive(Clone, Debug)]
pub struct Reports {
    folder: PathBuf,
    kept: Arc<Mutex<Vec<Report>>>,
}

impl Reports {
    /// Opens those of the data folder `dir`. A file that cannot be read is named in the log.
    #[must_use]
    pub fn open(dir: &Path) -> Reports {
        let folder = dir.join(FOLDER);
        let mut kept: Vec<Report> = Vec::new();
        if let Err(error) = files::make_dir(&folder) {
            tracing::error!(%error, "the folder of reports cannot be made");
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = files::read(&path).map_err(|error| error.to_string());
            match text.and_then(|text| serde_json::from_str(&text).map_err(|e| e.to_string())) {
                Ok(report) => kept.push(report),
                Err(error) => tracing::error!(%error, path = %path.display(), "a damaged report"),
            }
        }
        kept.sort_by(|one, other| (&one.day, &one.report).cmp(&(&other.day, &other.report)));
        Reports { folder, kept: Arc::new(Mutex::new(kept)) }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Report>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, report: &str) -> PathBuf {
        self.folder.join(format!("{report}.json"))
    }

    /// Keeps a report; it is durable when this returns.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn keep(&self, report: Report) -> Result<(), NotKept> {
        let mut kept = self.kept();
        let of_one = kept.iter().filter(|known| known.id == report.id).count();
        if kept.len() >= MAX_REPORTS || of_one >= MAX_REPORTS_OF_ONE {
            return Err(NotKept::Full);
        }
        let text = serde_json::to_string(&report).map_err(|_| NotKept::Disk)?;
        files::write(&self.path(&report.report), &text).map_err(|error| {
            tracing::error!(%error, "a report cannot be written");
            NotKept::Disk
        })?;
        kept.push(report);
        Ok(())
    }

    /// The reports about a thing, or all, the newest first.
    #[must_use]
    pub fn about(&self, id: Option<&str>) -> Vec<Report> {
        let kept = self.kept();
        let wanted = kept.iter().rev().filter(|report| id.is_none_or(|id| report.id == id));
        wanted.cloned().collect()
    }

    /// Removes a report; says whether there was one.
    #[must_use]
    pub fn remove(&self, report: &str) -> bool {
        let mut kept = self.kept();
        let Some(at) = kept.iter().position(|known| known.report == report) else { return false };
        if let Err(error) = fs::remove_file(self.path(report)) {
            tracing::error!(%error, "a report cannot be removed");
            return false;
        }
        kept.remove(at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(number: usize, id: &str) -> Report {
        Report {
            report: format!("rp_{number}"),
            id: id.to_owned(),
            kind: ReportKind::Copy,
            text: "two of them".to_owned(),
            day: "2026-03-01".to_owned(),
        }
    }

    /// Promise P121.
    #[test]
    fn reports_outlive_the_node_until_they_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let reports = Reports::open(dir.path());
        for number in 0..MAX_REPORTS_OF_ONE {
            reports.keep(report(number, "urn:x:1")).unwrap();
        }
        assert_eq!(reports.keep(report(99, "urn:x:1")), Err(NotKept::Full));
        reports.keep(report(100, "urn:x:2")).unwrap();
        let again = Reports::open(dir.path());
        assert_eq!(again.about(Some("urn:x:2")), [report(100, "urn:x:2")]);
        assert_eq!(again.about(None).len(), MAX_REPORTS_OF_ONE + 1);
        assert!(again.remove("rp_100") && !again.remove("rp_100"));
        assert_eq!(Reports::open(dir.path()).about(None).len(), MAX_REPORTS_OF_ONE);
    }
}
