//! The file that capture jobs are written to, so that a restart does not forget them.
//!
//! ```text
//! DIR/capture/jobs.log     one job a line, the newest line of a job being true:
//! 5d3c1a0e {"seq":17,"member":"acme","job":{"captureID":"0c39…", …}}
//! ```
//!
//! A line begins with the CRC-32 of what follows. Lines are appended by one thread, which writes
//! all that wait at once and syncs once for all that ask for it. From time to time the file is
//! written anew with what is still remembered.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use tokio::sync::oneshot;

/// The file's name in its folder.
const FILE: &str = "jobs.log";

/// Who may read it: the errors of a job name what its member sent.
const MODE: u32 = 0o600;

/// Hears whether something was synced; why not, in the system's words.
type Heard = oneshot::Sender<Result<(), String>>;

enum Order {
    /// Append a line; who waits for it hears when it is synced.
    Line(String, Option<Heard>),
    /// Put these lines in place of all that were written so far.
    Whole(Vec<String>),
    /// Nothing but to hear when all before is synced.
    Sync(Heard),
}

/// The way to the thread that writes. Clones lead to the same.
#[derive(Clone)]
pub struct Journal(mpsc::Sender<Order>);

impl Journal {
    /// Opens the journal in `folder`, which exists, and gives what stands in it, oldest line
    /// first. A line that is damaged is named in the log and left out: half a line is what a crash
    /// leaves.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn open(folder: &Path) -> io::Result<(Journal, Vec<String>)> {
        let path = folder.join(FILE);
        let mut lines = Vec::new();
        match std::fs::read(&path) {
            Ok(bytes) => {
                let pieces = bytes.split(|byte| *byte == b'\n').enumerate();
                for (number, piece) in pieces.filter(|(_, piece)| !piece.is_empty()) {
                    match text_of(piece) {
                        Some(text) => lines.push(text),
                        None => tracing::warn!(
                            file = %path.display(),
                            line = number + 1,
                            "a line of the capture jobs is damaged: left out"
                        ),
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = opened(&path)?;
        // Half a line must not swallow the next one.
        if !lines.is_empty() || file.metadata()?.len() > 0 {
            (&file).write_all(b"\n")?;
        }
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        let (to, orders) = mpsc::channel();
        std::thread::Builder::new()
            .name("capture-jobs".to_owned())
            .spawn(move || Writer { path, file }.run(&orders))?;
        Ok((Journal(to), lines))
    }

    /// Appends a line, some time soon.
    pub fn append(&self, text: &str) {
        self.order(Order::Line(line(text), None));
    }

    /// Appends a line; what is given back says when it is synced.
    #[must_use]
    pub fn append_synced(&self, text: &str) -> oneshot::Receiver<Result<(), String>> {
        let (heard, hears) = oneshot::channel();
        self.order(Order::Line(line(text), Some(heard)));
        hears
    }

    /// Puts these lines in place of all others, some time soon. A crash leaves the old or the new.
    pub fn replace<'t>(&self, texts: impl Iterator<Item = &'t str>) {
        self.order(Order::Whole(texts.map(line).collect()));
    }

    /// Comes back when everything that was appended before is synced, or could not be.
    pub async fn settled(&self) {
        let (heard, hears) = oneshot::channel();
        self.order(Order::Sync(heard));
        // A thread that is gone has nothing left to write.
        let _ = hears.await;
    }

    fn order(&self, order: Order) {
        // The thread ends with the process, or after its last sender.
        let _ = self.0.send(order);
    }
}

fn line(text: &str) -> String {
    format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()))
}

fn text_of(piece: &[u8]) -> Option<String> {
    let (head, text) = std::str::from_utf8(piece).ok()?.split_once(' ')?;
    let sum = u32::from_str_radix(head, 16).ok()?;
    (sum == crc32fast::hash(text.as_bytes())).then(|| text.to_owned())
}

fn opened(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(MODE).open(path)
}

struct Writer {
    path: PathBuf,
    file: File,
}

impl Writer {
    fn run(mut self, orders: &mpsc::Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            let mut waiting = Vec::new();
            let mut text = String::new();
            let mut failed: Option<String> = None;
            for order in std::iter::once(first).chain(orders.try_iter()) {
                match order {
                    Order::Line(line, heard) => {
                        text.push_str(&line);
                        waiting.extend(heard);
                    }
                    Order::Sync(heard) => waiting.push(heard),
                    Order::Whole(lines) => {
                        // What was appended so far is in the new lines.
                        text.clear();
                        if let Err(error) = self.rewrite(&lines) {
                            failed = Some(error.to_string());
                        }
                    }
                }
            }
            let written = self.write(&text, !waiting.is_empty());
            let failed = failed.or(written.err().map(|error| error.to_string()));
            if let Some(why) = &failed {
                let file = self.path.display();
                tracing::error!(%file, why, "capture jobs cannot be written down");
            }
            for heard in waiting {
                // Who gave up waiting does not mind.
                let _ = heard.send(failed.clone().map_or(Ok(()), Err));
            }
        }
    }

    fn write(&mut self, text: &str, sync: bool) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        if sync { self.file.sync_data() } else { Ok(()) }
    }

    fn rewrite(&mut self, lines: &[String]) -> io::Result<()> {
        let new = self.path.with_extension("log.new");
        // Left by a crash; it never became anything.
        let _ = std::fs::remove_file(&new);
        let mut file = opened(&new)?;
        for line in lines {
            file.write_all(line.as_bytes())?;
        }
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        self.file = file;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P99.
    #[tokio::test]
    async fn what_was_written_is_read_again_and_damage_costs_its_own_line_only() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, found) = Journal::open(dir.path()).unwrap();
        assert!(found.is_empty());
        journal.append("one");
        journal.append_synced("two").await.unwrap().unwrap();
        journal.append("three");
        journal.settled().await;
        let path = dir.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        let two = bytes.windows(3).position(|window| window == b"two").unwrap();
        bytes[two] = b'T';
        bytes.extend_from_slice(b"0000");
        std::fs::write(&path, bytes).unwrap();

        let (journal, found) = Journal::open(dir.path()).unwrap();
        assert_eq!(found, ["one", "three"]);
        journal.append("four");
        journal.settled().await;
        let (journal, found) = Journal::open(dir.path()).unwrap();
        assert_eq!(found, ["one", "three", "four"], "half a line swallows no other");
        journal.replace(["four"].into_iter());
        journal.append("five");
        journal.settled().await;
        assert_eq!(Journal::open(dir.path()).unwrap().1, ["four", "five"]);
    }
}
