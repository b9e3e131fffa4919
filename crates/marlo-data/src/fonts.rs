//! Free fonts with kanji: the packages of Debian that hold them, and the font files under a folder.
//!
//! [`debian::fetch`](crate::debian::fetch) downloads and unpacks the packages without installing them;
//! [`glyphs::benchmark`](crate::glyphs::benchmark) draws with what [`find`] finds.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Debian's packages of Japanese, and some Chinese, typefaces: type, pen, brush and display designs under
/// free licences, each in the package's `usr/share/doc/*/copyright`.
///
/// Those of Debian 12, 261 MB to download, hold 120 font files with 129 faces. The benchmark keeps 33 typefaces
/// and 2,816 characters: 92,928 images in a file of 17 MB. `cargo run -p marlo-data --example glyph_benchmark
/// -- FONTS OUTPUT` fetches them, draws and says so; on two busy cores fetching and unpacking took 85 s, drawing
/// 69 s.
pub const PACKAGES: [&str; 38] = [
    "fonts-aoyagi-kouzan-t",
    "fonts-aoyagi-soseki",
    "fonts-arphic-ukai",
    "fonts-arphic-uming",
    "fonts-cwtex-kai",
    "fonts-dejima-mincho",
    "fonts-dotgothic16",
    "fonts-droid-fallback",
    "fonts-hanazono",
    "fonts-horai-umefont",
    "fonts-ipaexfont-gothic",
    "fonts-ipaexfont-mincho",
    "fonts-ipafont-gothic",
    "fonts-ipafont-mincho",
    "fonts-kiloji",
    "fonts-klee",
    "fonts-komatuna",
    "fonts-kouzan-mouhitsu",
    "fonts-mona",
    "fonts-morisawa-bizud-gothic",
    "fonts-morisawa-bizud-mincho",
    "fonts-motoya-l-cedar",
    "fonts-motoya-l-maruberi",
    "fonts-oradano-mincho-gsrr",
    "fonts-rampart",
    "fonts-reggae",
    "fonts-sawarabi-gothic",
    "fonts-sawarabi-mincho",
    "fonts-seto",
    "fonts-takao-gothic",
    "fonts-takao-mincho",
    "fonts-train",
    "fonts-vlgothic",
    "fonts-wqy-microhei",
    "fonts-wqy-zenhei",
    "fonts-yozvox-yozfont-antique",
    "fonts-yozvox-yozfont-standard-kana",
    "fonts-yusei-magic",
];

/// Where systems keep their fonts; those that do not exist are passed over by [`find`].
pub const SYSTEM_ROOTS: [&str; 4] =
    ["/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts"];

/// The font files (`.ttf`, `.otf`, `.ttc`) under some folders, each once, by path.
///
/// Links to files are followed, links to folders are not. What cannot be listed is passed over: fonts are
/// looked for in many places, few of which need exist.
pub fn find<P: AsRef<Path>>(roots: &[P]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = roots.iter().map(|root| root.as_ref().into()).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if is_font(&path) && path.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(fs::canonicalize(file).unwrap_or_else(|_| file.clone())));
    files
}

fn is_font(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    ["ttf", "otf", "ttc"].contains(&ending.as_str())
}
