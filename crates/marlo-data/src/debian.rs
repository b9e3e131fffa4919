//! Files from Debian's packages: downloaded and unpacked into a folder, not installed, without root rights.
//!
//! Needs the programs `apt-get` and `dpkg`, as Debian, Ubuntu and their like have them, and package lists
//! (`apt-get update`).
//!
//! ```no_run
//! use marlo_data::{dataset, debian};
//!
//! let missing = debian::fetch(&[debian::FASHION_MNIST], "data", |package| println!("fetching {package}"))?;
//! assert!(missing.is_empty());
//! let dataset = dataset::open(format!("data/{}", debian::FASHION_MNIST_FOLDER))?;
//! assert_eq!((dataset.images.len(), dataset.test.map(|test| test.len())), (60_000, Some(10_000)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's package of Fashion-MNIST: idx files of 70,000 images under the MIT licence, 31 MB to download.
pub const FASHION_MNIST: &str = "dataset-fashion-mnist";

/// Where the package [`FASHION_MNIST`] puts its files, under the folder it is unpacked into: a folder for
/// [`dataset::open`](crate::dataset::open).
pub const FASHION_MNIST_FOLDER: &str = "usr/share/datasets/fashion-mnist";

/// A package that could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The package.
    pub package: String,
    /// What `apt-get` or `dpkg` said.
    pub reason: String,
}

/// Why no package could be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A program is not there.
    #[error(
        "cannot run {program}: {source}; on a system without Debian's packages, download the files in another way \
         and give their folder"
    )]
    NoProgram {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The folder cannot be written.
    #[error("{}: {source}; give a folder that can be written", path.display())]
    Io {
        /// The folder or a file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// None of the packages could be had.
    #[error(
        "none of {} package(s) could be fetched{}; run `apt-get update`, and look whether there is a network",
        missing.len(),
        missing.first().map(|m| format!(" (the first: {}: {})", m.package, m.reason)).unwrap_or_default()
    )]
    Nothing {
        /// The packages and what was said of each.
        missing: Vec<Missing>,
    },
}

/// Downloads packages and unpacks them into a folder, made where it is missing: `usr/share/..` is then
/// below it. `progress` is called with each package's name before it is fetched. Returns the packages that
/// could not be had.
///
/// # Errors
/// [`FetchError`]: a program is missing, the folder cannot be written, or no package could be had.
pub fn fetch(
    packages: &[&str],
    into: impl AsRef<Path>,
    progress: impl FnMut(&str),
) -> Result<Vec<Missing>, FetchError> {
    fetch_with(["apt-get", "dpkg"], packages, into.as_ref(), progress)
}

fn fetch_with(
    [apt_get, dpkg]: [&str; 2],
    packages: &[&str],
    into: &Path,
    mut progress: impl FnMut(&str),
) -> Result<Vec<Missing>, FetchError> {
    let io = |path: &Path, source| FetchError::Io { path: path.into(), source };
    fs::create_dir_all(into).map_err(|error| io(into, error))?;
    // dpkg runs in another folder.
    let into = fs::canonicalize(into).map_err(|error| io(into, error))?;
    let downloads = into.join(format!(".downloads-{}", std::process::id()));
    fs::create_dir_all(&downloads).map_err(|error| io(&downloads, error))?;
    let mut missing = Vec::new();
    let fetched = packages.iter().try_for_each(|package| {
        progress(package);
        if let Some(reason) = one([apt_get, dpkg], package, &downloads, &into)? {
            missing.push(Missing { package: (*package).into(), reason });
        }
        Ok(())
    });
    fs::remove_dir_all(&downloads).map_err(|error| io(&downloads, error))?;
    fetched?;
    if missing.len() == packages.len() && !packages.is_empty() {
        return Err(FetchError::Nothing { missing });
    }
    Ok(missing)
}

/// Fetches and unpacks one package; says why where it cannot be had.
fn one(
    [apt_get, dpkg]: [&str; 2],
    package: &str,
    downloads: &Path,
    into: &Path,
) -> Result<Option<String>, FetchError> {
    // After "--" a name is a name, whatever it starts with.
    let mut download = Command::new(apt_get);
    download.args(["-q", "download", "--", package]).current_dir(downloads);
    if let Some(reason) = run(apt_get, download)? {
        return Ok(Some(reason));
    }
    let listed = fs::read_dir(downloads).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let files = listed.map_err(|source| FetchError::Io { path: downloads.into(), source })?;
    if files.is_empty() {
        return Ok(Some("nothing was downloaded".into()));
    }
    let mut reason = None;
    for file in files.into_iter().map(|entry| entry.path()) {
        let mut unpack = Command::new(dpkg);
        unpack.arg("-x").arg(&file).arg(into).current_dir(downloads);
        reason = reason.or(run(dpkg, unpack)?);
        fs::remove_file(&file).map_err(|source| FetchError::Io { path: file, source })?;
    }
    Ok(reason)
}

/// Runs a program to its end; where it fails, the last line of what it complains of.
fn run(program: &str, mut command: Command) -> Result<Option<String>, FetchError> {
    let output = command
        .env("LC_ALL", "C")
        .output()
        .map_err(|source| FetchError::NoProgram { program: program.into(), source })?;
    if output.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().rfind(|line| !line.trim().is_empty());
    Ok(Some(line.map_or_else(|| format!("{program} ended with {}", output.status), str::to_owned)))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A folder with two scripts in the place of the programs.
    struct Scripts(PathBuf);

    impl Scripts {
        fn new(name: &str, apt_get: &str, dpkg: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("marlo-debian-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).expect("a folder");
            for (program, text) in [("apt-get", apt_get), ("dpkg", dpkg)] {
                let path = folder.join(program);
                fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
            }
            Self(folder)
        }

        fn fetch(&self, packages: &[&str]) -> Result<Vec<Missing>, FetchError> {
            let [apt_get, dpkg] = ["apt-get", "dpkg"].map(|p| self.0.join(p).display().to_string());
            fetch_with([&apt_get, &dpkg], packages, &self.0.join("into"), |_| ())
        }
    }

    impl Drop for Scripts {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const APT: &str = r#"case "$4" in gone) echo "E: Unable to locate package gone" >&2; exit 100;; esac
        echo content > "$4.deb""#;
    const DPKG: &str = r#"cp "$2" "$3/$(basename "$2" .deb)""#;

    #[test]
    fn packages_are_unpacked_and_missing_ones_named() {
        let scripts = Scripts::new("some", APT, DPKG);
        let missing = scripts.fetch(&["one", "gone", "two"]).expect("two of three");
        let reason = "E: Unable to locate package gone".to_owned();
        assert_eq!(missing, [Missing { package: "gone".into(), reason }]);
        let mut names: Vec<_> = fs::read_dir(scripts.0.join("into"))
            .expect("there")
            .map(|e| e.expect("an entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["one", "two"], "and no downloads are left");
    }

    #[test]
    fn nothing_to_be_had_is_an_error() {
        let scripts = Scripts::new("nothing", APT, DPKG);
        let error = scripts.fetch(&["gone"]).expect_err("nothing").to_string();
        assert!(error.contains("gone: E: Unable to locate package gone"), "{error}");
        let scripts = Scripts::new("damaged", APT, "exit 2");
        let error = scripts.fetch(&["one"]).expect_err("nothing unpacked").to_string();
        assert!(error.contains("dpkg ended with exit status: 2"), "{error}");
        assert!(Scripts::new("none", "exit 0", DPKG).fetch(&["one"]).is_err());
    }

    #[test]
    fn a_system_without_the_programs_is_an_error() {
        let scripts = Scripts::new("absent", APT, DPKG);
        let result = fetch_with(["no-apt-get-here", "dpkg"], &["one"], &scripts.0.join("into"), |_| ());
        let error = result.expect_err("no program").to_string();
        assert!(error.starts_with("cannot run no-apt-get-here: "), "{error}");
        assert!(error.contains("in another way"), "{error}");
    }
}
