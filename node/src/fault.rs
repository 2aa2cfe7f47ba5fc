//! What is wrong on this machine.
//!
//! A [`Fault`] is never the sender's doing and is never answered to one: a disk that fails, a file
//! that is damaged, a state that does not follow from its blocks. It stops the node, in one clear
//! line that names the file and where in it to look.

use std::fmt;

use tracehold_chain::state::TableError;

/// This machine's failure: it stops the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    file: Option<String>,
    offset: Option<u64>,
    what: String,
}

impl Fault {
    /// A fault of no file in particular.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Fault {
        Fault { file: None, offset: None, what: what.into() }
    }

    /// A fault of a whole file or folder.
    #[must_use]
    pub fn in_file(file: impl Into<String>, what: impl Into<String>) -> Fault {
        Fault { file: Some(file.into()), offset: None, what: what.into() }
    }

    /// A fault at a byte of a file.
    #[must_use]
    pub fn at(file: impl Into<String>, offset: u64, what: impl Into<String>) -> Fault {
        Fault { file: Some(file.into()), offset: Some(offset), what: what.into() }
    }

    /// The file at fault, when there is one.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The byte in that file from which on it is at fault, when known.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.offset) {
            (Some(file), Some(offset)) => write!(f, "{file} at byte {offset}: {}", self.what),
            (Some(file), None) => write!(f, "{file}: {}", self.what),
            (None, _) => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for Fault {}

impl From<TableError> for Fault {
    fn from(error: TableError) -> Fault {
        Fault::new(error.to_string())
    }
}
