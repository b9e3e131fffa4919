//! The losses that the programs of these tests may use.

use std::collections::BTreeMap;
use std::path::Path;

use marlo_lang::Library;

/// `.loss` files by the names of their files.
pub(crate) struct Files(BTreeMap<String, String>);

impl Files {
    /// The losses that marlo ships.
    pub(crate) fn shipped() -> Self {
        let mut files = BTreeMap::new();
        read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs")), &mut files);
        assert!(files.contains_key("arcface"), "the shipped losses are not found");
        Self(files)
    }

    /// The same, and those of another folder of this crate.
    #[allow(dead_code, reason = "not every test builds on more than what ships")]
    pub(crate) fn and(mut self, folder: &str) -> Self {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut self.0);
        self
    }
}

fn read(folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "loss") {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            files.insert(name, std::fs::read_to_string(&path).expect("the loss is readable"));
        }
    }
}

impl Library for Files {
    fn source(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}
