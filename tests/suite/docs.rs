//! Pages of docs/ that a program writes.

use std::path::Path;

/// A page of docs/ is equal to what was found; with MARLO_UPDATE_DOCS it is written instead.
pub(crate) fn kept(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var_os("MARLO_UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).expect("docs/ can be written");
        return;
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(before == text, "docs/{name} is not what is found today; MARLO_UPDATE_DOCS=1 writes it:\n{text}");
}
