//! A command that runs a network until it is asked to stop.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tracehold_testnet::client::Client;

use super::binary;

/// Runs a command of `tracehold` in `dir` to its end.
pub fn run(dir: &Path, args: &[&str]) -> Output {
    Command::new(binary()).args(args).current_dir(dir).output().expect("the command runs")
}

/// Sends a signal, such as `-INT`.
pub fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([name, &pid]).status().expect("kill runs");
    assert!(sent.success());
}

/// Whether the process runs. One that has ended but that nobody has asked about yet does not.
pub fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start().chars().next());
    !matches!(state, None | Some(None | Some('Z' | 'X')))
}

/// A command that runs a network, and what it printed first.
pub struct Up {
    /// The command.
    pub child: Child,
    /// The JSON of its first line.
    pub first: Value,
    // Closing the pipe early would end the command's output.
    _stdout: BufReader<std::process::ChildStdout>,
}

impl Up {
    /// Runs the command with these arguments until it has printed its first line.
    pub fn start(dir: &Path, args: &[&str]) -> Up {
        let mut child = Command::new(binary())
            .args(args)
            .current_dir(dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command runs");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a first line");
        let first = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        Up { child, first, _stdout: stdout }
    }

    /// The processes of its nodes.
    pub fn pids(&self) -> Vec<u64> {
        let nodes = self.first["nodes"].as_array().expect("nodes");
        nodes.iter().map(|node| node["pid"].as_u64().expect("a pid")).collect()
    }

    /// A client of a node, with its key.
    pub fn client(&self, node: usize) -> Client {
        let node = &self.first["nodes"][node];
        let http = node["http"].as_str().expect("an address");
        Client::new(http).with_key(node["api_key"].as_str().expect("a key"))
    }

    /// The newest block of a node.
    pub fn height(&self, node: usize) -> u64 {
        let status = self.client(node).get("/api/v1/status").expect("a status");
        status.json["height"].as_u64().expect("a height")
    }

    /// What must be the same when the network is started again.
    pub fn lasting(&self) -> Value {
        let mut first = self.first.clone();
        for node in first["nodes"].as_array_mut().expect("nodes") {
            node["pid"] = Value::Null;
        }
        first
    }

    /// Sends a signal: it ends with success, and so do its nodes.
    pub fn stop(mut self, name: &str) {
        signal(&self.child, name);
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
        for pid in self.pids() {
            assert!(!runs(pid), "process {pid} was left behind");
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // A test that failed must not leave a network behind; one that passed has ended it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
