//! Says what is being done: in place on a terminal, line by line in a pipe.

use std::io::{IsTerminal as _, Write as _};

use crate::cli::{Failure, output};

/// What is being done.
pub struct Progress {
    is_shown: bool,
    in_place: bool,
    step: usize,
    steps: usize,
}

impl Progress {
    /// Shows `steps` steps on stdout, if at all.
    pub fn new(is_shown: bool, steps: usize) -> Progress {
        Progress { is_shown, in_place: std::io::stdout().is_terminal(), step: 0, steps }
    }

    /// The next step begins.
    ///
    /// # Errors
    /// [`Failure::ReaderGone`] when nobody reads it any more.
    pub fn next(&mut self, what: &str) -> Result<(), Failure> {
        self.step += 1;
        if !self.is_shown {
            return Ok(());
        }
        let text = format!("[{}/{}] {what} …", self.step, self.steps);
        if !self.in_place {
            return output::line(text);
        }
        // Back to the first column, and clear what stood there.
        let mut stdout = std::io::stdout().lock();
        let written = write!(stdout, "\r\x1b[2K{text}").and_then(|()| stdout.flush());
        written.map_err(|_| Failure::ReaderGone)
    }

    /// Nothing more is being done: a terminal's line is free again.
    pub fn end(&self) {
        if self.is_shown && self.in_place {
            let mut stdout = std::io::stdout().lock();
            let _ = write!(stdout, "\r\x1b[2K").and_then(|()| stdout.flush());
        }
    }
}
