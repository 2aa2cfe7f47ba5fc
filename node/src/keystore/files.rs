//! Secret files: written whole or not at all, readable by their owner only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::KeystoreError;

/// Mode of secret files: read and written by their owner, nobody else.
const SECRET_MODE: u32 = 0o600;
/// Mode of folders that hold secret files.
const SECRET_DIR_MODE: u32 = 0o700;
/// Permission bits of group and others; none of them may be set on a secret file.
const OTHERS: u32 = 0o077;
/// No key file is near this long; more is some other file.
const MAX_SECRET_BYTES: u64 = 4 * 1024 * 1024;

/// Makes `dir` and its parents, closed to everyone else.
pub(crate) fn make_dir(dir: &Path) -> Result<(), KeystoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(SECRET_DIR_MODE)
        .create(dir)
        .map_err(|source| KeystoreError::io("make the folder", dir, source))
}

/// Reads a secret file after checking that nobody else can.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, KeystoreError> {
    let metadata = fs::metadata(path).map_err(|source| {
        if source.kind() == std::io::ErrorKind::NotFound {
            KeystoreError::Missing(path.to_owned())
        } else {
            KeystoreError::io("read", path, source)
        }
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(KeystoreError::Open { path: path.to_owned(), mode });
    }
    if metadata.len() > MAX_SECRET_BYTES {
        return Err(KeystoreError::malformed(path, "the file is far too long for a key file"));
    }
    fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| KeystoreError::io("read", path, source))
}

/// Writes a secret file: first beside it, synced, then moved into its place, so that a crash leaves
/// the old file or the new one.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), KeystoreError> {
    let failed = |source| KeystoreError::io("write", path, source);
    let dir = path.parent().expect("secret files are inside a folder");
    make_dir(dir)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    // A crash may have left a temporary file of the same name; it never became anything.
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(SECRET_MODE)
        .open(&temporary)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)
}
