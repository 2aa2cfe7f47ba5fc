//! Subscriptions on disk: one file each, replaced whole, so that a crash leaves the old or the new.
//!
//! ```text
//! DIR/deliver/wh_5f….json    who, where to, what, how far; the secret: closed to others (0600)
//! ```
//!
//! The files stand beside the block log and apart from the database, which may be deleted. The
//! first line is a checksum of the rest: a damaged cursor must not skip events in silence.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracehold_chain::state::Position;
use tracehold_chain::units::{AgentId, TimestampMs};

use super::filter::Filter;
use super::standing::Standing;
use crate::keystore::files as secret_file;

/// The folder's name in a data folder.
pub const DELIVER_FOLDER: &str = "deliver";

/// Attempts that a subscription remembers.
pub const MAX_REMEMBERED_ATTEMPTS: usize = 20;

const LABEL: &str = "tracehold-subscription crc32:";

/// A subscription as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Names it.
    pub id: String,
    /// Who asked for it; it is its member's.
    pub agent: AgentId,
    /// Where deliveries go.
    pub url: String,
    /// What they are signed with.
    pub secret: String,
    /// What people call it.
    pub description: Option<String>,
    /// What it hears of.
    pub filter: Filter,
    /// What it asks, when it is a subscription of the EPCIS binding; the filter is empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// When it was made.
    pub created_at: TimestampMs,
    /// How far it is.
    pub progress: Progress,
}

/// How far a subscription is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Everything up to here was delivered or is not asked for.
    pub cursor: Option<Position>,
    /// What is being delivered. It stands here before it is first sent, so that after a crash the
    /// same is sent again under the same id.
    pub pending: Option<Pending>,
    /// Set while nothing is sent.
    pub paused: Option<Paused>,
    /// Attempts that failed since the last that did not.
    pub failures: u32,
    /// When the first of them failed.
    pub failing_since: Option<TimestampMs>,
    /// When a delivery last arrived.
    pub delivered_at: Option<TimestampMs>,
    /// Events that arrived.
    pub delivered_events: u64,
    /// When its schedule wants the next report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<TimestampMs>,
    /// The last attempts, oldest first.
    pub attempts: VecDeque<Attempt>,
}

/// A delivery under way: the events that are asked for after the cursor and up to `until`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The delivery's id.
    pub delivery: String,
    /// Its end in the history.
    pub until: Position,
    /// Attempts begun.
    pub attempts: u32,
    /// When it was put together.
    #[serde(default)]
    pub at: TimestampMs,
    /// Whether it says that nothing matched.
    #[serde(default)]
    pub empty: bool,
}

/// Why nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Since when.
    pub at: TimestampMs,
    /// Who paused it.
    pub by: PausedBy,
}

/// Who paused a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PausedBy {
    /// A call.
    Caller,
    /// The node, as deliveries had failed for too long.
    Failures,
}

/// One attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The delivery's id.
    pub delivery: String,
    /// Which attempt of this delivery, from 1.
    pub attempt: u32,
    /// When it began.
    pub at: TimestampMs,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Events in it.
    pub events: usize,
    /// Whether it was a test.
    pub test: bool,
    /// The status that was answered.
    pub status: Option<u16>,
    /// Why it failed; `None` when it arrived.
    pub error: Option<String>,
}

impl Progress {
    /// Remembers an attempt, and forgets the oldest.
    pub fn remember(&mut self, attempt: Attempt) {
        if self.attempts.len() >= MAX_REMEMBERED_ATTEMPTS {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt);
    }
}

/// Why the store could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct StoreError {
    /// Which file or folder.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// The folder of subscriptions.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens the store of the data folder `dir` and reads what is in it. A file that is damaged is
    /// named in the log and left alone: its subscription rests until it is mended or removed.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be made or read.
    pub fn open(dir: &Path) -> Result<(Store, Vec<Subscription>), StoreError> {
        let folder = dir.join(DELIVER_FOLDER);
        let failed =
            |error: std::io::Error| StoreError { path: folder.clone(), reason: error.to_string() };
        secret_file::make_dir(&folder)
            .map_err(|error| StoreError { path: folder.clone(), reason: error.to_string() })?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => match read(&path) {
                    Ok(subscription) => found.push(subscription),
                    Err(error) => tracing::error!(%error, "a webhook's file is damaged: it rests"),
                },
                // Left by a crash while it was written; the file it was to replace is there.
                Some("new") => drop(fs::remove_file(&path)),
                _ => {}
            }
        }
        found.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok((Store { folder }, found))
    }

    /// Writes a subscription; it is durable when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written; what was there before is there still.
    pub fn write(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let path = self.path(&subscription.id);
        let json = serde_json::to_string(subscription).expect("a subscription is plain data");
        let text = format!("{LABEL}{:08x}\n{json}\n", crc32fast::hash(json.as_bytes()));
        secret_file::write(&path, &text)
            .map_err(|error| StoreError { path, reason: error.to_string() })
    }

    /// Removes a subscription.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be removed.
    pub fn remove(&self, id: &str) -> Result<(), StoreError> {
        let path = self.path(id);
        let removed = fs::remove_file(&path)
            .and_then(|()| fs::File::open(&self.folder).and_then(|folder| folder.sync_all()));
        removed.map_err(|error| StoreError { path, reason: error.to_string() })
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

fn read(path: &Path) -> Result<Subscription, StoreError> {
    let wrong = |reason: String| StoreError { path: path.to_owned(), reason };
    let text = secret_file::read(path).map_err(|error| wrong(error.to_string()))?;
    let (head, json) = text.split_once('\n').unwrap_or_default();
    let json = json.strip_suffix('\n').unwrap_or(json);
    let crc = head.strip_prefix(LABEL).and_then(|crc| u32::from_str_radix(crc, 16).ok());
    if crc != Some(crc32fast::hash(json.as_bytes())) {
        return Err(wrong("the checksum does not match: this is not what was written".to_owned()));
    }
    let subscription: Subscription =
        serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
    let named = path.file_stem().and_then(|stem| stem.to_str());
    if named != Some(subscription.id.as_str()) {
        return Err(wrong(format!("it holds the subscription {}", subscription.id)));
    }
    Ok(subscription)
}

#[cfg(test)]
mod tests {
    use tracehold_chain::units::Height;

    use super::*;

    pub(in crate::deliver) fn subscription(id: &str) -> Subscription {
        Subscription {
            id: id.to_owned(),
            agent: "acme/erp".parse().unwrap(),
            url: "https://erp.example.com/hook".to_owned(),
            secret: "whsec_x".to_owned(),
            description: None,
            filter: Filter::default(),
            standing: None,
            created_at: TimestampMs(7),
            progress: Progress {
                cursor: Some(Position { height: Height(3), transaction: 1, event: 2 }),
                ..Progress::default()
            },
        }
    }

    #[test]
    fn what_was_written_is_read_after_a_crash_and_damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let (store, found) = Store::open(dir.path()).unwrap();
        assert!(found.is_empty());
        let (one, other) = (subscription("wh_1"), subscription("wh_2"));
        store.write(&one).unwrap();
        store.write(&other).unwrap();
        // A crash left half of a new file beside the old one.
        let folder = dir.path().join(DELIVER_FOLDER);
        fs::write(folder.join("wh_1.json.7.new"), "tracehold-sub").unwrap();
        let (store, found) = Store::open(dir.path()).unwrap();
        assert_eq!(found, [one.clone(), other]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        store.remove("wh_2").unwrap();

        let path = folder.join("wh_1.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"height\":3", "\"height\":4")).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("wh_1.json: the checksum"));
        let (_, found) = Store::open(dir.path()).unwrap();
        assert!(found.is_empty() && path.exists(), "it rests and is not lost");
    }

    #[test]
    fn attempts_are_remembered_in_bounds() {
        let mut progress = Progress::default();
        for n in 0..50 {
            progress.remember(Attempt {
                delivery: String::new(),
                attempt: n,
                at: TimestampMs(0),
                took_ms: 0,
                events: 0,
                test: false,
                status: None,
                error: None,
            });
        }
        assert_eq!(progress.attempts.len(), MAX_REMEMBERED_ATTEMPTS);
        assert_eq!(progress.attempts.back().unwrap().attempt, 49);
    }
}
