//! `*_pairs.txt` of RFW: LFW's lines without its header, one file a group of people.
//!
//! The pairs are cut into folds of one size in their order, 10 of 600 for the published files.

use std::path::Path;

use super::{FormatError, Lines, equal_folds, lfw, text};
use crate::pairs::{Names, PairList};

pub use super::lfw::identity;

/// Reads a file of `folds` folds.
///
/// # Errors
/// [`FormatError`]: what is wrong, with its line.
pub fn read(path: impl AsRef<Path>, folds: usize) -> Result<PairList, FormatError> {
    let (file, text) = text(path.as_ref(), "a list of pairs as RFW has it")?;
    parse(&file, &text, folds)
}

/// Reads a text; `file` names it in messages and becomes the list's name.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, text: &str, folds: usize) -> Result<PairList, FormatError> {
    let (lines, mut names) = (Lines::new(file, text), Names::default());
    let pairs = lines.words(char::is_whitespace).map(|line| lfw::pair(&line, &mut names));
    let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    let folds = equal_folds(&lines, &pairs, folds)?;
    Ok(names.list(file.into(), folds))
}
