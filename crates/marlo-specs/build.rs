//! Gathers the shipped specs: every `specs/FAMILY/NAME.loss` becomes an entry of a table. Adding a loss is adding a file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../specs");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut table = String::from("&[\n");
    for family in sorted(&root)? {
        println!("cargo::rerun-if-changed={}", family.display());
        for file in sorted(&family)? {
            if file.extension().is_some_and(|e| e == "loss") {
                let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let family = family.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let path = file.canonicalize()?;
                let _ = writeln!(
                    table,
                    "Spec {{ name: {name:?}, family: {family:?}, source: include_str!({path:?}) }},"
                );
            }
        }
    }
    table.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("specs.rs"), table)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
