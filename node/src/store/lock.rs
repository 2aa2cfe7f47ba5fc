//! One process at a time works in a data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The lock file in a data folder; it holds the process id of who has the folder open.
pub const LOCK_FILE: &str = "tracehold.pid";

/// Why a data folder could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process works in it.
    #[error(
        "the data folder is in use by process {pid}: stop that node first, or use another folder \
         (lock file {})", .file.display()
    )]
    InUse {
        /// The process, as far as the lock file tells.
        pid: String,
        /// The lock file.
        file: PathBuf,
    },
    /// The lock file cannot be made or locked.
    #[error("{} cannot be locked: {error}", .file.display())]
    Failed {
        /// The lock file.
        file: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// The right to work in a data folder; given back when dropped, or by the system when the process
/// ends in whatever way.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock of a data folder, which is made when it is missing.
    ///
    /// # Errors
    /// [`LockError`] names the lock file, and the process that has it.
    pub fn acquire(folder: &Path) -> Result<DataLock, LockError> {
        let path = folder.join(LOCK_FILE);
        let failed = |error| LockError::Failed { file: path.clone(), error };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).map_err(failed)?;
                return Err(LockError::InUse { pid: pid.trim().to_owned(), file: path });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // The old id goes only now that the lock is ours.
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(DataLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nodes_cannot_open_one_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let lock = DataLock::acquire(folder.path()).unwrap();
        let refused = DataLock::acquire(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(&std::process::id().to_string()), "{refused}");
        assert!(refused.contains(LOCK_FILE), "{refused}");
        drop(lock);
        DataLock::acquire(folder.path()).unwrap();
    }
}
