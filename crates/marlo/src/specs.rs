//! The specs that ship with marlo, and the library in which programs find the losses that they `use`.

use std::path::PathBuf;

use marlo_lang::{Compiled, Diagnostic, Library};

/// A shipped spec.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name, that of its file.
    pub name: &'static str,
    /// The family, its folder in `specs/`.
    pub family: &'static str,
    /// Its text.
    pub source: &'static str,
}

/// Every shipped spec, by family, then by name.
pub const ALL: &[Spec] = include!(concat!(env!("OUT_DIR"), "/specs.rs"));

/// The shipped spec of that name.
pub fn find(name: &str) -> Option<&'static Spec> {
    ALL.iter().find(|spec| spec.name == name)
}

/// Compiles a shipped spec.
///
/// # Errors
/// When there is none of that name.
pub fn compile(name: &str) -> Result<Compiled, Vec<Diagnostic>> {
    match find(name) {
        Some(spec) => marlo_lang::compile(spec.source, &Shipped::default()),
        None => {
            let message = format!("no loss named `{name}` ships with marlo");
            Err(vec![Diagnostic::error("unknown-loss", marlo_lang::Span::default(), message)])
        }
    }
}

/// The library of shipped specs, after the files beside the user's own.
#[derive(Clone, Debug, Default)]
pub struct Shipped {
    /// The folder of the program, looked through first.
    pub folder: Option<PathBuf>,
}

impl Library for Shipped {
    fn source(&self, name: &str) -> Option<String> {
        let beside =
            self.folder.as_ref().map(|f| f.join(format!("{name}.loss"))).filter(|path| path.exists());
        match beside {
            // One that can't be read is wrong; the shipped one is not taken for it in silence.
            Some(path) => Some(match std::fs::read(path) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) => format!("\"{error}\""),
            }),
            None => find(name).map(|spec| spec.source.to_owned()),
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = ALL.iter().map(|spec| spec.name.to_owned()).collect();
        if let Some(entries) = self.folder.as_ref().and_then(|f| std::fs::read_dir(f).ok()) {
            names.extend(entries.flatten().filter_map(|entry| {
                let path = entry.path();
                (path.extension()? == "loss")
                    .then(|| path.file_stem().map(|s| s.to_string_lossy().into_owned()))?
            }));
        }
        names.sort();
        names.dedup();
        names
    }
}
