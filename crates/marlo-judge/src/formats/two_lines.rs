//! `pairs_CALFW.txt` and `pairs_CPLFW.txt`: two lines a pair, `file label` each.
//!
//! A label of 0 says two people; any other, one person (CALFW numbers its folds so). The file lists all pairs of
//! one person first. The published evaluation makes folds of both kinds: fold k has the k-th part of the pairs
//! of one person, and then the k-th part of those of two. For the published files that is 10 times 300 + 300.

use std::path::Path;

use super::{FormatError, Line, Lines, equal_folds, text};
use crate::pairs::{Names, PairList};

const PAIR: &str = "give two lines `file label` a pair, with label 0 for two people";

/// Reads a file of `folds` folds.
///
/// # Errors
/// [`FormatError`]: what is wrong, with its line.
pub fn read(path: impl AsRef<Path>, folds: usize) -> Result<PairList, FormatError> {
    let (file, text) = text(path.as_ref(), "a list of pairs as CALFW or CPLFW has it")?;
    parse(&file, &text, folds)
}

/// Reads a text; `file` names it in messages and becomes the list's name.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, text: &str, folds: usize) -> Result<PairList, FormatError> {
    let (lines, mut names) = (Lines::new(file, text), Names::default());
    let (mut same, mut different) = (Vec::new(), Vec::new());
    let mut words = lines.words(char::is_whitespace);
    while let Some(line) = words.next() {
        let (first, of_one) = image(&line)?;
        let Some(next) = words.next() else {
            return Err(line.error("the last pair has one line", PAIR));
        };
        let (second, as_well) = image(&next)?;
        if of_one != as_well {
            return Err(next.error("the two lines of a pair disagree on the label", PAIR));
        }
        let pair = names.pair(first.into(), second.into(), of_one);
        if of_one { &mut same } else { &mut different }.push(pair);
    }
    let mut list = equal_folds(&lines, &same, folds)?;
    for (fold, different) in list.iter_mut().zip(equal_folds(&lines, &different, folds)?) {
        fold.extend(different);
    }
    Ok(names.list(file.into(), list))
}

fn image<'a>(line: &Line<'a>) -> Result<(&'a str, bool), FormatError> {
    match *line.words {
        [file, label] => Ok((file, line.number::<i64>(label, PAIR)? != 0)),
        _ => Err(line.error(format!("{} words", line.words.len()), PAIR)),
    }
}

/// Who is on an image: its name up to the last `_`, as in `Aaron_Peirsol_0001.jpg`.
pub fn identity(image: &str) -> &str {
    image.rsplit_once('_').map_or(image, |(person, _)| person)
}
