//! One node as a process of its own, which never outlives us.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The variable that tells a node to end when its parent does; its value is the parent's process
/// id.
pub const STOP_WITH_PARENT: &str = "TRACEHOLD_STOP_WITH_PARENT";
/// How long a node may take to stop by itself before it is killed.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a stopping process is looked at.
const POLL: Duration = Duration::from_millis(10);
/// Bytes of a log shown when its node fails.
const LOG_TAIL_BYTES: u64 = 4_000;

/// A running node.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    log: PathBuf,
}

impl NodeProcess {
    /// Starts the node of the data folder `dir`; its log is appended to `log`.
    ///
    /// # Errors
    /// The system's, when the log cannot be opened or the binary not run.
    pub fn start(
        binary: &Path,
        dir: &Path,
        log: &Path,
        env: &[(String, String)],
    ) -> std::io::Result<NodeProcess> {
        let file = OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = Command::new(binary);
        command
            .arg("start")
            .arg("--dir")
            .arg(dir)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .env(STOP_WITH_PARENT, std::process::id().to_string())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            // A group of its own: ctrl-C in the terminal reaches us alone, and we stop the nodes.
            .process_group(0);
        Ok(NodeProcess { child: spawn_from_lasting_thread(command)?, log: log.to_owned() })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends it at once, as a power cut would as far as the process can tell (`SIGKILL`), and waits
    /// until it is gone. A paused process ends too.
    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop (`SIGTERM`) without waiting.
    pub fn ask_to_stop(&self) {
        self.signal(Signal::CONT);
        self.signal(Signal::TERM);
    }

    /// Waits until it has ended; after `timeout` it is killed. True if it ended by itself, with
    /// success.
    pub fn wait_stopped(&mut self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            if let Some(status) = self.ended() {
                return status.success();
            }
            thread::sleep(POLL);
        }
        self.kill();
        false
    }

    /// Sends a signal; to a process that has ended, nothing happens.
    pub fn signal(&self, signal: Signal) {
        // The child is not reaped while we hold it, so its id cannot have become another's.
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// The end of its log, for an error message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        log_tail(&self.log).unwrap_or_default()
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn log_tail(path: &Path) -> std::io::Result<String> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A command to run and where its child process goes.
type Job = (Command, Sender<std::io::Result<Child>>);

/// Runs `command` from a thread that lives as long as this process. The system ends a child with
/// the *thread* that started it ([`STOP_WITH_PARENT`]), and callers' threads come and go.
fn spawn_from_lasting_thread(command: Command) -> std::io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        thread::spawn(move || {
            for (mut command, reply) in jobs {
                // Whoever asked waits for the reply below.
                let _ = reply.send(command.spawn());
            }
        });
        sender
    });
    let (reply, child) = channel();
    spawner.send((command, reply)).expect("the spawning thread never ends");
    child.recv().expect("the spawning thread always replies")
}
