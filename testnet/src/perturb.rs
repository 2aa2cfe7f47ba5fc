//! Breaking a network: killing, pausing and restarting its nodes.

use rustix::process::Signal;

use crate::network::{Testnet, TestnetError};
use crate::spawn::STOP_TIMEOUT;

impl Testnet {
    /// Ends node `index` at once (`SIGKILL`).
    pub fn kill(&mut self, index: usize) {
        // Dropping the process kills it and waits until it is gone.
        self.nodes[index].process = None;
    }

    /// Ends every node at once: all signals are sent before any process is waited for.
    pub fn kill_all(&mut self) {
        for process in self.nodes.iter().filter_map(|node| node.process.as_ref()) {
            process.signal(Signal::KILL);
        }
        for index in 0..self.nodes.len() {
            self.kill(index);
        }
    }

    /// Stops node `index` cleanly; true if it ended by itself, with success.
    pub fn stop_node(&mut self, index: usize) -> bool {
        self.nodes[index].process.take().is_none_or(|mut process| {
            process.ask_to_stop();
            process.wait_stopped(STOP_TIMEOUT)
        })
    }

    /// Freezes node `index` (`SIGSTOP`): its sockets stay open and answer nothing.
    pub fn pause(&self, index: usize) {
        if let Some(process) = &self.nodes[index].process {
            process.signal(Signal::STOP);
        }
    }

    /// Lets a frozen node go on (`SIGCONT`).
    pub fn resume(&self, index: usize) {
        if let Some(process) = &self.nodes[index].process {
            process.signal(Signal::CONT);
        }
    }

    /// Starts node `index` again, killing it first if it runs, and waits until all are ready and
    /// level.
    ///
    /// # Errors
    /// [`TestnetError`] when it does not get so far.
    pub fn restart(&mut self, index: usize) -> Result<(), TestnetError> {
        self.kill(index);
        self.start(index)?;
        self.wait_level()
    }

    /// Starts every node that does not run and waits until all are ready and level.
    ///
    /// # Errors
    /// [`TestnetError`] when one does not get so far.
    pub fn start_missing(&mut self) -> Result<(), TestnetError> {
        self.start_all()?;
        self.wait_level()
    }
}
