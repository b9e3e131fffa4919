//! AgeDB's pairs (AgeDB-30 and the other age gaps), as text.
//!
//! The original is a MATLAB file whose `splits` hold 10 × 600 pairs of file names and labels, −1 for two people.
//! This reads the same as text, a pair a line, `first second label`, words parted by blanks or commas; label 1
//! says one person, 0 or −1 two. The folds follow each other. Names are taken as they stand (the MATLAB
//! file has no `.jpg`).

use std::path::Path;

use super::{FormatError, Lines, equal_folds, text};
use crate::pairs::{Names, PairList};

const PAIR: &str = "give `first second label` a line, with label 1 for one person and -1 or 0 for two";

/// Reads a file of `folds` folds.
///
/// # Errors
/// [`FormatError`]: what is wrong, with its line. A MATLAB file is refused, with how to make text of it.
pub fn read(path: impl AsRef<Path>, folds: usize) -> Result<PairList, FormatError> {
    let path = path.as_ref();
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mat")) {
        return Err(FormatError::File {
            file: path.display().to_string(),
            what: "a MATLAB file, which is not read".into(),
            remedy: "write its `splits` as text, `first second label` a line, with scipy.io.loadmat or MATLAB",
        });
    }
    let (file, text) = text(path, "AgeDB's pairs as text")?;
    parse(&file, &text, folds)
}

/// Reads a text; `file` names it in messages and becomes the list's name.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, text: &str, folds: usize) -> Result<PairList, FormatError> {
    let (lines, mut names) = (Lines::new(file, text), Names::default());
    let pairs = lines.words(|c| c.is_whitespace() || c == ',').map(|line| match *line.words {
        [first, second, "1"] => Ok(names.pair(first.into(), second.into(), true)),
        [first, second, "-1" | "0"] => Ok(names.pair(first.into(), second.into(), false)),
        [_, _, label] => Err(line.error(format!("label `{label}`"), PAIR)),
        _ => Err(line.error(format!("{} words", line.words.len()), PAIR)),
    });
    let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    let folds = equal_folds(&lines, &pairs, folds)?;
    Ok(names.list(file.into(), folds))
}

/// Who is on an image: the second part of a name such as `0_MariaCallas_35_f.jpg`.
pub fn identity(image: &str) -> &str {
    image.split('_').nth(1).unwrap_or(image)
}
