//! The files that list pairs, each format in a file.
//!
//! | format | set | by |
//! |---|---|---|
//! | header, then `name i j` and `name i name j` in blocks | LFW | [`lfw`] |
//! | the same lines without a header | RFW | [`rfw`] |
//! | two lines `file label` a pair | CALFW, CPLFW | [`two_lines`] |
//! | a folder of lists and of `i,j` lines | CFP-FF, CFP-FP | [`cfp`] |
//! | `first second label` | AgeDB-30, as text | [`agedb`] |
//! | a pickle of images and booleans, `.bin` | what insightface packs | [`insightface`] |
//!
//! Sources: the files themselves, and the parsers of FaceX-Zoo (`pairs_parser.py`) and insightface
//! (`verification.py`). A bad file is refused with its line and what to do.

pub mod agedb;
pub mod cfp;
pub mod insightface;
pub mod lfw;
pub mod rfw;
pub mod two_lines;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::pairs::Pair;
use crate::verification::contiguous_folds;

/// Why a list of pairs could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// A file cannot be opened.
    #[error("{}: {source}; give {wanted}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What should be there.
        wanted: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("{file}, line {line}: {what}; {remedy}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file as a whole is not what it should be.
    #[error("{file}: {what}; {remedy}")]
    File {
        /// The file.
        file: String,
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
}

/// The lines of a text that hold something, with their numbers.
struct Lines<'a> {
    file: &'a str,
    text: &'a str,
}

/// A line's words.
struct Line<'a> {
    file: &'a str,
    number: usize,
    words: Vec<&'a str>,
}

impl<'a> Lines<'a> {
    fn new(file: &'a str, text: &'a str) -> Self {
        Lines { file, text: text.trim_start_matches('\u{feff}') }
    }

    /// Lines split at `separator`s, empty ones left out.
    fn words(&self, separator: fn(char) -> bool) -> impl Iterator<Item = Line<'a>> {
        let file = self.file;
        let lines = self.text.lines().enumerate().map(move |(number, line)| {
            let words = line.split(separator).filter(|word| !word.is_empty()).collect();
            Line { file, number: number + 1, words }
        });
        lines.filter(|line| !line.words.is_empty())
    }

    fn error(&self, what: impl Into<String>, remedy: &'static str) -> FormatError {
        FormatError::File { file: self.file.into(), what: what.into(), remedy }
    }
}

impl Line<'_> {
    fn error(&self, what: impl Into<String>, remedy: &'static str) -> FormatError {
        FormatError::Line { file: self.file.into(), line: self.number, what: what.into(), remedy }
    }

    /// A word as a number.
    fn number<N: std::str::FromStr>(&self, word: &str, remedy: &'static str) -> Result<N, FormatError> {
        word.parse().map_err(|_| self.error(format!("`{word}` is not a number"), remedy))
    }
}

/// The whole of a text file, and its name for messages.
fn text(path: &Path, wanted: &'static str) -> Result<(String, String), FormatError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(source) => Err(FormatError::Io { path: path.into(), wanted, source }),
    }
}

/// Pairs in their order, cut into `folds` of one size.
fn equal_folds(lines: &Lines<'_>, pairs: &[Pair], folds: usize) -> Result<Vec<Vec<Pair>>, FormatError> {
    if pairs.is_empty() || pairs.len().checked_rem(folds) != Some(0) {
        let what = format!("{} pairs do not make {folds} folds of one size", pairs.len());
        return Err(lines.error(what, "restore the lines that are missing, or give another number of folds"));
    }
    Ok(contiguous_folds(pairs.len(), folds).map(|range| pairs[range].to_vec()).collect())
}
