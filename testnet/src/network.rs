//! A network of node processes.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;

use crate::client::Client;
use crate::manifest::{HTTP_PORT, Manifest, P2P_PORT, Plan, absolute};
use crate::spawn::{NodeProcess, STOP_TIMEOUT};

/// How often readiness is asked.
const READY_POLL: Duration = Duration::from_millis(40);
/// How often a network is started with other ports when somebody takes one in between.
const PORT_TRIES: usize = 3;
/// The lock file's name in a network's folder.
pub const LOCK_FILE: &str = "lock";

/// Why a network could not be made or run.
#[derive(Debug, thiserror::Error)]
pub enum TestnetError {
    /// The file system or process table refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file of the network is not what it should be.
    #[error("{} is damaged ({reason}): remove the network's folder to make a new one",
            path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The folder holds another network than the one asked for.
    #[error("{} holds a network of {found}, not {asked}: use another folder, or remove it",
            dir.display())]
    Different {
        /// The folder.
        dir: PathBuf,
        /// What is there.
        found: String,
        /// What was asked for.
        asked: String,
    },
    /// Another process runs the network of this folder.
    #[error("{} is in use by another running network", .0.display())]
    InUse(PathBuf),
    /// A `tracehold` command failed.
    #[error("tracehold {command}: {reason}")]
    Command {
        /// Its arguments.
        command: String,
        /// What it said.
        reason: String,
    },
    /// No free port.
    #[error("no free TCP port from {0} upwards")]
    Ports(u16),
    /// A node ended before it was ready.
    #[error("{name} ended ({status}) before it was ready; the end of its log:\n{log}")]
    Ended {
        /// Which node.
        name: String,
        /// How it ended.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// A node was not ready in time.
    #[error("{name} was not ready after {seconds} s; the end of its log:\n{log}")]
    NotReady {
        /// Which node.
        name: String,
        /// How long it had.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// The caller gave up.
    #[error("stopped before the network was ready")]
    Cancelled,
}

impl TestnetError {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> TestnetError {
        TestnetError::Io { action, path: path.to_owned(), source }
    }
}

/// Keeps a network's folder to one process at a time. The system releases it when the process
/// ends, however it ends.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "held for its lock alone")] File);

impl FolderLock {
    /// Takes the folder `dir` for this process.
    ///
    /// # Errors
    /// [`TestnetError::InUse`] when another process has it.
    pub fn take(dir: &Path) -> Result<FolderLock, TestnetError> {
        let path = dir.join(LOCK_FILE);
        let file = File::create(&path).map_err(|source| TestnetError::io("make", &path, source))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| TestnetError::InUse(dir.to_owned()))?;
        Ok(FolderLock(file))
    }
}

/// What to run and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `tracehold` binary.
    pub binary: PathBuf,
    /// The network's folder: a network found there is started again.
    pub dir: PathBuf,
    /// What to make when the folder holds no network.
    pub plan: Plan,
    /// First choice of the first node's HTTP port and its port for other nodes; 0 for any.
    pub first_ports: (u16, u16),
    /// A node, by its place, whose HTTP interface listens on this address of the machine instead of
    /// loopback: whoever can reach the address can reach the node.
    pub open_to: Option<(usize, IpAddr)>,
    /// Variables for the nodes' processes.
    pub env: Vec<(String, String)>,
    /// How long all nodes have to become ready.
    pub ready_timeout: Duration,
    /// Set by the caller to give up waiting.
    pub cancelled: Arc<AtomicBool>,
}

impl Options {
    /// `validators` members of equal rights in `dir`, run by `binary`.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>, dir: impl Into<PathBuf>, validators: usize) -> Options {
        Options {
            binary: binary.into(),
            dir: dir.into(),
            plan: Plan::plain(validators, 0),
            first_ports: (HTTP_PORT, P2P_PORT),
            open_to: None,
            env: Vec::new(),
            ready_timeout: Duration::from_secs(120),
            cancelled: Arc::default(),
        }
    }
}

/// One node of a running network.
#[derive(Debug)]
pub struct RunningNode {
    /// Its name.
    pub name: String,
    /// `validator` or `follower`.
    pub role: String,
    /// The member that runs it.
    pub member: String,
    /// Its HTTP interface, such as `http://127.0.0.1:8080`.
    pub http: String,
    /// An API key of the member's agent at this node.
    pub api_key: String,
    /// Its data folder.
    pub dir: PathBuf,
    /// Its process; `None` while it is killed or stopped.
    pub process: Option<NodeProcess>,
}

/// What programs are told about a running network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The network's name.
    pub chain_id: String,
    /// Its nodes, validators first.
    pub nodes: Vec<NodeDescription>,
}

/// What programs are told about a running node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeDescription {
    /// Its name.
    pub name: String,
    /// `validator` or `follower`.
    pub role: String,
    /// The member that runs it.
    pub member: String,
    /// Its HTTP interface.
    pub http: String,
    /// An API key of the member's agent at this node.
    pub api_key: String,
    /// Its process id; 0 while it does not run.
    pub pid: u32,
    /// Its data folder.
    pub dir: PathBuf,
}

impl RunningNode {
    /// A client with the node's API key.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.http).with_key(&self.api_key)
    }

    /// Whether the node says that it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let probe = Client::with_timeout(&self.http, Duration::from_secs(2));
        probe.get("/readyz").is_ok_and(|answer| answer.status == 200)
    }

    /// The height of its newest block; `None` when it does not say.
    #[must_use]
    pub fn height(&self) -> Option<u64> {
        let answer = self.client().get("/api/v1/status").ok()?;
        answer.json["height"].as_u64()
    }

    /// Its process id; 0 while it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, NodeProcess::pid)
    }
}

/// A running network. Dropping it kills its nodes; [`Testnet::stop`] stops them cleanly.
#[derive(Debug)]
pub struct Testnet {
    /// The network's name.
    pub chain_id: String,
    /// Its nodes, validators first.
    pub nodes: Vec<RunningNode>,
    pub(crate) options: Options,
    /// Released last, after the nodes are gone.
    lock: Option<FolderLock>,
}

impl Testnet {
    /// Makes the network if its folder holds none, starts all nodes and waits until they are ready
    /// and level.
    ///
    /// # Errors
    /// [`TestnetError`] with the end of the log of the node that failed.
    pub fn up(mut options: Options) -> Result<Testnet, TestnetError> {
        options.binary = absolute(&options.binary);
        options.dir = absolute(&options.dir);
        fs::create_dir_all(&options.dir)
            .map_err(|source| TestnetError::io("make", &options.dir, source))?;
        let mut lock = Some(FolderLock::take(&options.dir)?);
        let mut manifest = match Manifest::load(&options.dir)? {
            Some(manifest) => check_same(manifest, &options)?,
            None => Manifest::create(&options.binary, &options.dir, &options.plan)?,
        };
        let mut tries = 1;
        loop {
            manifest.assign_ports(&options.dir, options.first_ports, options.open_to)?;
            let mut network = Testnet::of(&manifest, &options);
            let started = network.start_all().and_then(|()| network.wait_level());
            match started {
                Ok(()) => {
                    network.lock = lock.take();
                    return Ok(network);
                }
                // Somebody took a port between our look and the node's: choose again.
                Err(TestnetError::Ended { log, .. })
                    if tries < PORT_TRIES && log.contains("in use") =>
                {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn of(manifest: &Manifest, options: &Options) -> Testnet {
        let nodes = manifest.nodes.iter().enumerate().map(|(index, node)| RunningNode {
            name: node.name.clone(),
            role: node.role.clone(),
            member: node.member.clone(),
            http: format!("http://{}", listens(index, node.http_port, options.open_to)),
            api_key: node.api_key.clone(),
            dir: options.dir.join(&node.name),
            process: None,
        });
        let nodes = nodes.collect();
        Testnet { chain_id: manifest.chain_id.clone(), nodes, options: options.clone(), lock: None }
    }

    /// Starts every node that does not run, without waiting until it is ready.
    ///
    /// # Errors
    /// [`TestnetError::Io`] when a process cannot be started.
    pub fn start_all(&mut self) -> Result<(), TestnetError> {
        (0..self.nodes.len()).try_for_each(|index| self.start(index))
    }

    /// Starts node `index` if it does not run, without waiting until it is ready.
    ///
    /// # Errors
    /// [`TestnetError::Io`] when the process cannot be started.
    pub fn start(&mut self, index: usize) -> Result<(), TestnetError> {
        let node = &mut self.nodes[index];
        if node.process.is_some() {
            return Ok(());
        }
        let log = self.options.dir.join(format!("{}.log", node.name));
        let process = NodeProcess::start(&self.options.binary, &node.dir, &log, &self.options.env);
        node.process = Some(process.map_err(|source| TestnetError::io("start", &log, source))?);
        Ok(())
    }

    /// Waits until every node that runs is ready.
    ///
    /// # Errors
    /// [`TestnetError`] when one ends, is not ready in time, or the caller gives up.
    pub fn wait_ready(&mut self) -> Result<(), TestnetError> {
        self.wait_each(Instant::now() + self.options.ready_timeout, RunningNode::is_ready)
    }

    /// Waits until every node that runs is ready and has the newest block that any of them had by
    /// then: a node says that it is ready when some blocks are still missing, and whoever reads
    /// from it would not find what another node answered before.
    ///
    /// # Errors
    /// [`TestnetError`] when one ends, is not so far in time, or the caller gives up.
    pub fn wait_level(&mut self) -> Result<(), TestnetError> {
        let deadline = Instant::now() + self.options.ready_timeout;
        self.wait_each(deadline, RunningNode::is_ready)?;
        let running = self.nodes.iter().filter(|node| node.process.is_some());
        let newest = running.map(RunningNode::height).max().flatten();
        self.wait_each(deadline, |node| node.height() >= newest)
    }

    fn wait_each(
        &mut self,
        deadline: Instant,
        is_done: impl Fn(&RunningNode) -> bool,
    ) -> Result<(), TestnetError> {
        for index in 0..self.nodes.len() {
            while self.nodes[index].process.is_some() && !is_done(&self.nodes[index]) {
                self.check_running()?;
                if self.options.cancelled.load(Ordering::Relaxed) {
                    return Err(TestnetError::Cancelled);
                }
                if Instant::now() > deadline {
                    let node = &self.nodes[index];
                    return Err(TestnetError::NotReady {
                        name: node.name.clone(),
                        seconds: self.options.ready_timeout.as_secs(),
                        log: node.process.as_ref().map(NodeProcess::log_tail).unwrap_or_default(),
                    });
                }
                thread::sleep(READY_POLL);
            }
        }
        Ok(())
    }

    /// Checks that no node has ended by itself.
    ///
    /// # Errors
    /// [`TestnetError::Ended`] for the first one that has.
    pub fn check_running(&mut self) -> Result<(), TestnetError> {
        for node in &mut self.nodes {
            let Some(process) = &mut node.process else { continue };
            if let Some(status) = process.ended() {
                let (name, log) = (node.name.clone(), process.log_tail());
                return Err(TestnetError::Ended { name, status: status.to_string(), log });
            }
        }
        Ok(())
    }

    /// Stops all nodes cleanly, at once; true if all of them ended by themselves, with success.
    pub fn stop(&mut self) -> bool {
        for process in self.nodes.iter().filter_map(|node| node.process.as_ref()) {
            process.ask_to_stop();
        }
        let mut clean = true;
        for node in &mut self.nodes {
            if let Some(mut process) = node.process.take() {
                clean &= process.wait_stopped(STOP_TIMEOUT);
            }
        }
        clean
    }

    /// What programs are told about this network.
    #[must_use]
    pub fn description(&self) -> Description {
        let nodes = self.nodes.iter().map(|node| NodeDescription {
            name: node.name.clone(),
            role: node.role.clone(),
            member: node.member.clone(),
            http: node.http.clone(),
            api_key: node.api_key.clone(),
            pid: node.pid(),
            dir: node.dir.clone(),
        });
        Description { chain_id: self.chain_id.clone(), nodes: nodes.collect() }
    }
}

/// Where the HTTP interface of a node listens.
pub(crate) fn listens(index: usize, port: u16, open_to: Option<(usize, IpAddr)>) -> SocketAddr {
    let open = open_to.filter(|(node, _)| *node == index);
    SocketAddr::new(open.map_or(Ipv4Addr::LOCALHOST.into(), |(_, address)| address), port)
}

fn check_same(manifest: Manifest, options: &Options) -> Result<Manifest, TestnetError> {
    let validators = manifest.nodes.iter().filter(|node| node.role == "validator").count();
    let followers = manifest.nodes.len() - validators;
    let asked = options.plan.size();
    if (validators, followers) == asked {
        return Ok(manifest);
    }
    let words = |(v, f): (usize, usize)| format!("{v} validators and {f} followers");
    Err(TestnetError::Different {
        dir: options.dir.clone(),
        found: words((validators, followers)),
        asked: words(asked),
    })
}
