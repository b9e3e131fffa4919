//! A file appears whole or not at all: written beside its place, then renamed into it.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Writes `bytes` to `path`, replacing what was there.
///
/// A reader sees the old file or the new one, never a part; when the write fails, the old file stays, and its permissions
/// stay in any case. A link is followed. What is no plain file (a pipe, a device) is written to, not replaced.
///
/// # Errors
/// What the system says: no such folder, no permission, no space. A file that is read-only is not replaced.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
    let Ok(place) = fs::canonicalize(path.as_ref()) else {
        return match fs::symlink_metadata(path.as_ref()) {
            // A link to what has no name (a pipe), to nothing yet, or to itself: the system follows it, or says why not.
            Ok(there) if there.is_symlink() => fs::write(path, bytes),
            _ => replace(path.as_ref(), bytes, None),
        };
    };
    let there = fs::metadata(&place)?;
    if !there.is_file() {
        return fs::OpenOptions::new().write(true).open(&place)?.write_all(bytes);
    }
    if there.permissions().readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
    }
    replace(&place, bytes, Some(there.permissions()))
}

/// Writes a file beside the place and renames it into it.
fn replace(path: &Path, bytes: &[u8], permissions: Option<fs::Permissions>) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.{unique}.tmp", std::process::id()));
    let temporary = path.with_file_name(temporary);

    // What is renamed before it is on the disk may be empty after a power cut.
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(&temporary)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    };
    let written = write()
        .and_then(|()| permissions.map_or(Ok(()), |wanted| fs::set_permissions(&temporary, wanted)))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell; a leftover that cannot be removed adds nothing to it.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("marlo-atomic-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    #[test]
    fn links_are_followed_and_permissions_stay() {
        let folder = folder("links");
        let (file, link) = (folder.join("file"), folder.join("link"));
        fs::write(&file, "old").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
        symlink(&file, &link).expect("linked");
        write_atomically(&link, b"new").expect("written");
        assert_eq!(fs::read(&file).expect("there"), b"new");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).expect("set");
        assert!(write_atomically(&link, b"newer").is_err());
        assert_eq!(fs::read(&file).expect("there"), b"new");
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn links_that_lead_nowhere_stay_links() {
        let folder = folder("nowhere");
        let (target, dangling, own) = (folder.join("target"), folder.join("dangling"), folder.join("own"));
        symlink(&target, &dangling).expect("linked");
        symlink(&own, &own).expect("linked");
        write_atomically(&dangling, b"new").expect("written");
        assert_eq!(fs::read(&target).expect("there"), b"new");
        assert!(fs::symlink_metadata(&dangling).expect("there").is_symlink());
        assert!(write_atomically(&own, b"new").is_err());
        assert!(fs::symlink_metadata(&own).expect("there").is_symlink());
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn a_device_stays_one() {
        write_atomically("/dev/null", b"gone").expect("written");
        assert!(!fs::metadata("/dev/null").expect("there").is_file());
    }
}
