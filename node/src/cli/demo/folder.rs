//! The demo's folder: whose it is, when its story begins, and what the printed commands use.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use tracehold_chain::units::TimestampMs;
use tracehold_testnet::manifest::{MANIFEST_FILE, Manifest};
use tracehold_testnet::network::{FolderLock, LOCK_FILE, RunningNode};

use super::companies::Who;
use super::parts::{DAY_MS, Start};
use crate::cli::Failure;
use crate::cli::init::now;

/// Says that a folder is the demo's, of which version, and when its story begins: a folder is
/// resumed with the same events. It is written before everything else.
const STORY_FILE: &str = "story.json";
/// The version of the story. A folder with another one is not resumed.
const STORY: u64 = 2;
/// The year of the story ends on the day before it is recorded.
const DAYS: u64 = 360;
/// An event for people to capture by hand.
pub const EXAMPLE_FILE: &str = "event.json";
/// Address and API key of every node, for shell loops.
pub const NODES_FILE: &str = "nodes.txt";

/// Removes an earlier demo, and nothing that is none.
pub fn reset(dir: &Path) -> Result<(), Failure> {
    if !dir.exists() {
        return Ok(());
    }
    if !dir.join(STORY_FILE).exists() {
        let reason = "it holds no demo; nothing was removed";
        return Err(Failure::Folder(format!("{}: {reason}", dir.display())));
    }
    let _lock = FolderLock::take(dir)?;
    remove(dir)
}

/// Removes the folder. What says that it is a demo's goes last, and what says that it is a whole
/// one first: a stop in between leaves what the next start takes for an unfinished one.
fn remove(dir: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::Folder(format!("cannot remove {}: {error}", dir.display()))
    };
    match fs::remove_file(dir.join(MANIFEST_FILE)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            fs::remove_dir_all(&path).map_err(failed)?;
        } else if path.file_name().is_some_and(|name| name != STORY_FILE && name != LOCK_FILE) {
            fs::remove_file(&path).map_err(failed)?;
        }
    }
    fs::remove_dir_all(dir).map_err(failed)
}

/// Makes the folder ready: it is empty, or a demo of this version that goes on. What a stop left of
/// keys that no network was made with is removed.
pub fn open(dir: &Path) -> Result<(Start, bool), Failure> {
    let cannot =
        |error: std::io::Error| Failure::Folder(format!("cannot use {}: {error}", dir.display()));
    fs::create_dir_all(dir).map_err(cannot)?;
    let path = dir.join(STORY_FILE);
    let manifest = Manifest::load(dir)?;
    if let Ok(text) = fs::read_to_string(&path) {
        let story: Value = serde_json::from_str(&text).unwrap_or_default();
        let start = story["start"].as_u64().filter(|_| story["story"] == STORY);
        let is_ours = |manifest: &Manifest| {
            let members = manifest.nodes.iter().map(|node| node.member.as_str());
            members.eq(Who::ALL.iter().map(|who| who.id()))
        };
        let start = start.filter(|_| manifest.as_ref().is_none_or(is_ours)).ok_or_else(|| {
            let reason = "holds another version's demo: --reset removes it and begins anew";
            Failure::Folder(format!("{} {reason}", dir.display()))
        })?;
        if manifest.is_none() {
            // Stopped while keys were made: nothing was signed with them.
            let _lock = FolderLock::take(dir)?;
            remove(dir)?;
            fs::create_dir_all(dir).map_err(cannot)?;
            write_start(&path, start)?;
        }
        return Ok((Start(TimestampMs(start)), manifest.is_some()));
    }
    let mut entries = fs::read_dir(dir).map_err(cannot)?;
    if entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != LOCK_FILE)) {
        let reason = "is no demo's folder: give another with --dir";
        return Err(Failure::Folder(format!("{} {reason}", dir.display())));
    }
    let today = now()?.0 / DAY_MS * DAY_MS;
    let start = today.saturating_sub(DAYS * DAY_MS);
    write_start(&path, start)?;
    Ok((Start(TimestampMs(start)), false))
}

fn write_start(path: &Path, start: u64) -> Result<(), Failure> {
    let text = json!({ "story": STORY, "start": start }).to_string();
    fs::write(path, text)
        .map_err(|error| Failure::Folder(format!("cannot write {}: {error}", path.display())))
}

/// Writes the files that the printed commands use.
pub fn write_helpers(dir: &Path, nodes: &[RunningNode], example: &Value) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::Folder(format!("cannot write into {}: {error}", dir.display()))
    };
    let text = serde_json::to_string_pretty(example).expect("JSON");
    fs::write(dir.join(EXAMPLE_FILE), text + "\n").map_err(failed)?;
    // API keys: for their owner's eyes only.
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = file.open(dir.join(NODES_FILE)).map_err(failed)?;
    nodes
        .iter()
        .try_for_each(|node| writeln!(file, "{} {}", node.http, node.api_key).map_err(failed))
}

/// A path as a word of a shell command.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell() {
        for (path, word) in [
            (".data/demo", ".data/demo"),
            ("/tmp/my coffee", "'/tmp/my coffee'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        fs::write(path.join("letter.txt"), "dear").unwrap();
        assert!(matches!(open(path), Err(Failure::Folder(_))));
        assert!(matches!(reset(path), Err(Failure::Folder(_))));
        assert!(path.join("letter.txt").exists());
    }

    /// A stop while keys are made leaves folders that no network can be made of.
    #[test]
    fn a_stop_before_there_was_a_network_is_no_hindrance() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo");
        let (start, resumed) = open(&path).unwrap();
        assert!(!resumed);
        fs::create_dir(path.join("lumen-1")).unwrap();
        let (again, resumed) = open(&path).unwrap();
        assert_eq!((again, resumed), (start, false));
        assert!(!path.join("lumen-1").exists());
        // A removal that was stopped at its very end.
        fs::remove_file(path.join(STORY_FILE)).unwrap();
        fs::write(path.join(LOCK_FILE), "").unwrap();
        assert!(open(&path).is_ok());
        fs::write(path.join(STORY_FILE), r#"{"start": 5}"#).unwrap();
        let refused = open(&path).unwrap_err().to_string();
        assert!(refused.contains("--reset"), "{refused}");
        reset(&path).unwrap();
        assert!(!path.exists());
    }
}
