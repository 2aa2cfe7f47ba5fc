//! Named queries on disk: one file each, replaced whole, so that a crash leaves the old or the new.
//!
//! ```text
//! DIR/queries/q_5f….json    whose, its name, what it asks
//! ```
//!
//! A named query is a member's and lives on the node where it was made: other members do not see
//! it, and may use the same name. The files stand beside the block log and apart from the database,
//! which may be deleted. Their first line is a checksum of the rest.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracehold_chain::epcis::query::{Extensions, ParameterError, Query};
use tracehold_chain::state::key::name_digest;
use tracehold_chain::units::{AgentId, MemberId, TimestampMs};

use crate::keystore::files;

/// The folder's name in a data folder.
pub const QUERIES_FOLDER: &str = "queries";

/// Named queries that one member may have on a node.
pub const MAX_NAMED_QUERIES: usize = 500;

/// Characters of a query's name: letters, digits, `-`, `_` and `.`.
pub const MAX_QUERY_NAME: usize = 128;

const LABEL: &str = "tracehold-query crc32:";

/// A query that was given a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedQuery {
    /// Its name: one of its member's queries has it.
    pub name: String,
    /// Who made it; it is its member's.
    pub agent: AgentId,
    /// What it asks, as it was given: the object of `query-schema.json`.
    pub query: Value,
    /// Prefixes that the header `GS1-Extensions` declared when it was made.
    pub extensions: Extensions,
    /// When it was made.
    pub created_at: TimestampMs,
}

impl NamedQuery {
    /// Reads what it asks.
    ///
    /// # Errors
    /// What is wrong with it; one that was kept has been read before.
    pub fn parsed(&self) -> Result<Query, Vec<ParameterError>> {
        Query::from_json(&self.query, &self.extensions)
    }

    /// Whose it is.
    #[must_use]
    pub fn member(&self) -> &MemberId {
        self.agent.member()
    }
}

/// Why a query is not kept or removed.
#[derive(Debug, thiserror::Error)]
pub enum QueriesError {
    /// The member has one of this name.
    #[error("the name {0} is taken")]
    Taken(String),
    /// The member has as many as it may.
    #[error("a member may have at most {MAX_NAMED_QUERIES} named queries on a node")]
    TooMany,
    /// The files.
    #[error("{}: {reason}", path.display())]
    Store {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Hears that a query was removed.
pub type OnDeleted = Box<dyn Fn(&NamedQuery) + Send + Sync>;

/// The named queries of a node.
pub struct NamedQueries {
    folder: PathBuf,
    known: Mutex<BTreeMap<(MemberId, String), NamedQuery>>,
    on_deleted: Mutex<Vec<OnDeleted>>,
}

impl NamedQueries {
    /// Opens the store of the data folder `dir`. A file that is damaged is named in the log and
    /// left alone.
    ///
    /// # Errors
    /// [`QueriesError::Store`] when the folder cannot be made or read.
    pub fn open(dir: &Path) -> Result<NamedQueries, QueriesError> {
        let folder = dir.join(QUERIES_FOLDER);
        let failed = |error: std::io::Error| store_error(&folder, &error);
        files::make_dir(&folder).map_err(|error| store_error(&folder, &error))?;
        let mut known = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => match read(&path) {
                    Ok(query) => {
                        known.insert((query.member().clone(), query.name.clone()), query);
                    }
                    Err(error) => tracing::error!(%error, "a named query's file is damaged"),
                },
                // Left by a crash while it was written.
                Some("new") => drop(fs::remove_file(&path)),
                _ => {}
            }
        }
        Ok(NamedQueries { folder, known: Mutex::new(known), on_deleted: Mutex::default() })
    }

    /// Calls `hook` with every query that is removed from now on, after it is gone.
    pub fn on_deleted(&self, hook: OnDeleted) {
        self.on_deleted.lock().unwrap_or_else(PoisonError::into_inner).push(hook);
    }

    /// A member's query of this name.
    #[must_use]
    pub fn get(&self, member: &MemberId, name: &str) -> Option<NamedQuery> {
        self.lock().get(&(member.clone(), name.to_owned())).cloned()
    }

    /// A member's queries after the name `after`, by name; at most `limit`.
    #[must_use]
    pub fn list(&self, member: &MemberId, after: Option<&str>, limit: usize) -> Vec<NamedQuery> {
        let from = (member.clone(), after.unwrap_or_default().to_owned());
        let known = self.lock();
        let of_member = known.range(from..).take_while(|((own, _), _)| own == member);
        let beyond = of_member.filter(|((_, name), _)| after.is_none_or(|after| name != after));
        beyond.take(limit).map(|(_, query)| query.clone()).collect()
    }

    /// Keeps a new query; it is durable when this returns.
    ///
    /// # Errors
    /// [`QueriesError`]: the name is taken, there are too many, or it cannot be written.
    pub fn put(&self, query: NamedQuery) -> Result<(), QueriesError> {
        let mut known = self.lock();
        let key = (query.member().clone(), query.name.clone());
        if known.contains_key(&key) {
            return Err(QueriesError::Taken(query.name));
        }
        if known.keys().filter(|(member, _)| *member == key.0).count() >= MAX_NAMED_QUERIES {
            return Err(QueriesError::TooMany);
        }
        let path = self.path(&key);
        let json = serde_json::to_string(&query).expect("a query is plain data");
        let text = format!("{LABEL}{:08x}\n{json}\n", crc32fast::hash(json.as_bytes()));
        files::write(&path, &text).map_err(|error| store_error(&path, &error))?;
        known.insert(key, query);
        Ok(())
    }

    /// Removes a member's query and tells who asked to hear of it; `false` when there is none.
    ///
    /// # Errors
    /// [`QueriesError::Store`] when it cannot be removed.
    pub fn remove(&self, member: &MemberId, name: &str) -> Result<bool, QueriesError> {
        let key = (member.clone(), name.to_owned());
        let removed = {
            let mut known = self.lock();
            let Some(query) = known.get(&key).cloned() else { return Ok(false) };
            let path = self.path(&key);
            let gone = fs::remove_file(&path)
                .and_then(|()| fs::File::open(&self.folder).and_then(|folder| folder.sync_all()));
            gone.map_err(|error| store_error(&path, &error))?;
            known.remove(&key);
            query
        };
        let hooks = self.on_deleted.lock().unwrap_or_else(PoisonError::into_inner);
        hooks.iter().for_each(|hook| hook(&removed));
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(MemberId, String), NamedQuery>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, (member, name): &(MemberId, String)) -> PathBuf {
        let digest = name_digest(&format!("{member}\n{name}")).to_string();
        let short: String = digest.chars().filter(char::is_ascii_hexdigit).take(32).collect();
        self.folder.join(format!("q_{short}.json"))
    }
}

fn store_error(path: &Path, error: &dyn std::fmt::Display) -> QueriesError {
    QueriesError::Store { path: path.to_owned(), reason: error.to_string() }
}

fn read(path: &Path) -> Result<NamedQuery, QueriesError> {
    let text = files::read(path).map_err(|error| store_error(path, &error))?;
    let (head, json) = text.split_once('\n').unwrap_or_default();
    let json = json.strip_suffix('\n').unwrap_or(json);
    let crc = head.strip_prefix(LABEL).and_then(|crc| u32::from_str_radix(crc, 16).ok());
    if crc != Some(crc32fast::hash(json.as_bytes())) {
        return Err(store_error(
            path,
            &"the checksum does not match: this is not what was written",
        ));
    }
    serde_json::from_str(json).map_err(|error| store_error(path, &error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query(agent: &str, name: &str) -> NamedQuery {
        NamedQuery {
            name: name.to_owned(),
            agent: agent.parse().unwrap(),
            query: json!({"EQ_bizStep": ["shipping"]}),
            extensions: Extensions::of_header("ex=https://ns.example.org/v#"),
            created_at: TimestampMs(7),
        }
    }

    /// Promise P98: a named query outlives a restart, and is its member's.
    #[test]
    fn what_was_kept_is_there_after_a_restart_and_is_its_members() {
        let dir = tempfile::tempdir().unwrap();
        let queries = NamedQueries::open(dir.path()).unwrap();
        queries.put(query("acme/erp", "a")).unwrap();
        queries.put(query("acme/wms", "b")).unwrap();
        queries.put(query("zulu/erp", "a")).unwrap();
        assert!(matches!(queries.put(query("acme/wms", "a")), Err(QueriesError::Taken(_))));
        drop(queries);

        let queries = NamedQueries::open(dir.path()).unwrap();
        let acme = MemberId::new("acme").unwrap();
        let names = |after: Option<&str>, limit| {
            let list = queries.list(&acme, after, limit);
            list.into_iter().map(|query| query.name).collect::<Vec<_>>()
        };
        assert_eq!(names(None, 9), ["a", "b"]);
        assert_eq!(names(None, 1), ["a"]);
        assert_eq!(names(Some("a"), 9), ["b"]);
        assert_eq!(queries.get(&acme, "a"), Some(query("acme/erp", "a")));
        assert!(queries.get(&acme, "a").unwrap().parsed().is_ok());

        let heard = std::sync::Arc::new(Mutex::new(Vec::new()));
        let hears = std::sync::Arc::clone(&heard);
        queries.on_deleted(Box::new(move |gone| hears.lock().unwrap().push(gone.name.clone())));
        assert!(queries.remove(&acme, "a").unwrap());
        assert!(!queries.remove(&acme, "a").unwrap());
        assert_eq!(*heard.lock().unwrap(), ["a"]);
        let queries = NamedQueries::open(dir.path()).unwrap();
        assert_eq!(queries.get(&acme, "a"), None);
        assert!(queries.get(&MemberId::new("zulu").unwrap(), "a").is_some());
    }

    #[test]
    fn a_damaged_file_is_left_alone_and_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let queries = NamedQueries::open(dir.path()).unwrap();
        queries.put(query("acme/erp", "a")).unwrap();
        let path = fs::read_dir(dir.path().join(QUERIES_FOLDER)).unwrap().next().unwrap().unwrap();
        let text = fs::read_to_string(path.path()).unwrap();
        fs::write(path.path(), text.replace("shipping", "receiving")).unwrap();
        let queries = NamedQueries::open(dir.path()).unwrap();
        assert_eq!(queries.list(&MemberId::new("acme").unwrap(), None, 9), []);
        assert!(path.path().exists());
    }
}
