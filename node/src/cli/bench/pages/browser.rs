//! A Chromium without a window, told what to do over a pipe (Chrome DevTools Protocol, flat
//! sessions: <https://chromedevtools.github.io/devtools-protocol/>).

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::Failure;

/// Nothing that a browser is asked for takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it has to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// What it is called where it is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Chromium reads what it is told from descriptor 3 and answers on 4. The shell puts our pipes
/// there and is gone.
const WITH_PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: mpsc::Receiver<Value>,
    /// What it told of its own accord.
    events: VecDeque<Value>,
    next_id: u64,
    profile: PathBuf,
}

fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::Refused(format!("the browser: {what}"))
}

/// The browser that is installed.
///
/// # Errors
/// When there is none.
pub fn installed() -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let files = std::env::split_paths(&path)
        .flat_map(|folder| NAMES.iter().map(move |name| folder.join(name)));
    files.into_iter().find(|file| file.is_file()).ok_or_else(|| {
        let mend = "install one (Debian: apt-get install chromium), or name it with --browser";
        Failure::Refused(format!("there is no Chromium on the search path: {mend}"))
    })
}

impl Browser {
    /// Starts one with a profile of its own.
    ///
    /// # Errors
    /// When it does not start or does not answer.
    pub fn start(program: &Path) -> Result<Browser, Failure> {
        let profile =
            std::env::temp_dir().join(format!("tracehold-bench-browser-{}", std::process::id()));
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(WITH_PIPES).arg(program).args([
            "--headless",
            "--remote-debugging-pipe",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]);
        command.arg(format!("--user-data-dir={}", profile.display()));
        if rustix::process::geteuid().is_root() {
            // Its sandbox does not work for root; it only sees pages of this program.
            command.arg("--no-sandbox");
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = child.spawn().map_err(broken)?;
        let (Some(to), Some(out)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(broken("it has no pipes"));
        };
        let (told, from) = mpsc::channel();
        std::thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut bytes = Vec::new();
            while out.read_until(0, &mut bytes).is_ok_and(|read| read > 0) {
                bytes.pop();
                let message = serde_json::from_slice(&bytes);
                if message.is_ok_and(|message| told.send(message).is_err()) {
                    return;
                }
                bytes.clear();
            }
        });
        let events = VecDeque::new();
        let mut browser = Browser { child, to, from, events, next_id: 1, profile };
        browser.call(None, "Browser.getVersion", &json!({}))?;
        Ok(browser)
    }

    /// What it is, with its version.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn version(&mut self) -> Result<String, Failure> {
        let version = self.call(None, "Browser.getVersion", &json!({}))?;
        Ok(version["product"].as_str().unwrap_or_default().to_owned())
    }

    /// Asks for something and waits for the answer.
    ///
    /// # Errors
    /// When it refuses, is gone or takes too long.
    pub fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: &Value,
    ) -> Result<Value, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).and_then(|()| self.to.flush()).map_err(broken)?;
        let end = Instant::now() + PATIENCE;
        loop {
            let mut told = self.hear(end, method)?;
            if told["id"] == id {
                return match told.get("error") {
                    Some(error) => Err(broken(format!("{method}: {error}"))),
                    None => Ok(told["result"].take()),
                };
            }
            self.events.push_back(told);
        }
    }

    /// Waits until a session tells of an event.
    ///
    /// # Errors
    /// When it is gone or takes too long.
    pub fn wait_for(&mut self, session: &str, method: &str) -> Result<(), Failure> {
        let is_it = |told: &Value| told["method"] == method && told["sessionId"] == session;
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.events.iter().position(is_it) {
                self.events.remove(at);
                return Ok(());
            }
            let told = self.hear(end, method)?;
            self.events.push_back(told);
        }
    }

    fn hear(&mut self, end: Instant, what: &str) -> Result<Value, Failure> {
        let left = end.saturating_duration_since(Instant::now());
        self.from.recv_timeout(left).map_err(|error| broken(format!("{what}: {error}")))
    }

    /// Forgets what it was not waited for.
    pub fn forget_events(&mut self) {
        self.events.clear();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It is ended either way.
        let _ = self.call(None, "Browser.close", &json!({}));
        let end = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
