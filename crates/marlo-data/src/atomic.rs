//! A file appears whole or not at all: written beside its place, then renamed into it.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Writes `bytes` to `path`, replacing what was there.
///
/// A reader sees the old file or the new one, never a part; when the write fails, the old file stays.
///
/// # Errors
/// What the system says: no such folder, no permission, no space.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
    let path = path.as_ref();
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.{unique}.tmp", std::process::id()));
    let temporary = path.with_file_name(temporary);

    let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell; a leftover that cannot be removed adds nothing to it.
        let _ = fs::remove_file(&temporary);
    }
    written
}
