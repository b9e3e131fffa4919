//! `pairs.txt` of LFW, view 2, read and written.
//!
//! ```text
//! 10  300                              folds, and pairs of each kind a fold
//! Abel_Pacheco  1  4                  300 lines: photographs 1 and 4 of one person
//! …
//! Abdel_Madi_Shabneh  1  Dean_Barker  1   300 lines: a photograph of each of two people
//! …                                    and so for each fold
//! ```
//!
//! A header of one number, as view 1 has it, is one fold. Photograph 4 of `Abel_Pacheco` is the image
//! `Abel_Pacheco/Abel_Pacheco_0004.jpg`.

use std::fmt::Write;
use std::path::Path;

use super::{FormatError, Line, Lines, text};
use crate::pairs::{Names, Pair, PairList, PairsError};

const HEADER: &str =
    "give the number of folds and of pairs of each kind a fold, such as `10 300`, in the first line";
const PAIR: &str = "give `name i j` for one person or `name i name j` for two, with photographs from 1";

/// Reads a file.
///
/// # Errors
/// [`FormatError`]: what is wrong, with its line.
pub fn read(path: impl AsRef<Path>) -> Result<PairList, FormatError> {
    let (file, text) = text(path.as_ref(), "a pairs.txt as LFW has it")?;
    parse(&file, &text)
}

/// Reads a text; `file` names it in messages and becomes the list's name.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, text: &str) -> Result<PairList, FormatError> {
    let lines = Lines::new(file, text);
    let mut rest = lines.words(char::is_whitespace);
    let Some(header) = rest.next() else {
        return Err(lines.error("an empty file", HEADER));
    };
    let (folds, each): (usize, usize) = match *header.words {
        [each] => (1, header.number(each, HEADER)?),
        [folds, each] => (header.number(folds, HEADER)?, header.number(each, HEADER)?),
        _ => return Err(header.error(format!("{} words in the header", header.words.len()), HEADER)),
    };
    if folds == 0 || each == 0 {
        return Err(header.error("no pairs", HEADER));
    }
    let (mut names, mut list) = (Names::default(), Vec::new());
    let (mut found, mut fold) = (0_usize, Vec::new());
    for line in rest {
        let pair = pair(&line, &mut names)?;
        if list.len() == folds {
            let what = format!("more than the {folds} × {each} × 2 pairs of the header");
            return Err(line.error(what, "mend the header, or take the line out"));
        }
        let same = fold.len() < each;
        if pair.same != same {
            let what = format!("pair {} of fold {} is of the other kind", fold.len() + 1, list.len() + 1);
            return Err(
                line.error(what, "list each fold's pairs of one person first, as many as the header says")
            );
        }
        fold.push(pair);
        found += 1;
        if fold.len() / 2 == each {
            list.push(std::mem::take(&mut fold));
        }
    }
    if list.len() != folds {
        let what = format!("{found} pairs, and the header promises {folds} × {each} × 2");
        return Err(lines.error(what, "restore the lines that are missing, or mend the header"));
    }
    Ok(names.list(file.into(), list))
}

/// The pair of a line, as LFW and RFW write it.
pub(super) fn pair(line: &Line<'_>, names: &mut Names) -> Result<Pair, FormatError> {
    let image = |name: &str, photograph: &str| {
        let number: u32 = line.number(photograph, PAIR)?;
        Ok(format!("{name}/{name}_{number:04}.jpg"))
    };
    match *line.words {
        [name, i, j] => Ok(names.pair(image(name, i)?, image(name, j)?, true)),
        [first, i, second, j] => Ok(names.pair(image(first, i)?, image(second, j)?, false)),
        _ => Err(line.error(format!("{} words", line.words.len()), PAIR)),
    }
}

/// Writes a list so that [`parse`] gives it again: lines with tabs, as the original.
///
/// # Errors
/// [`PairsError::Unwritable`] where the folds are not halves of one size, one person first, or an image is not
/// named as LFW names them.
pub fn write(list: &PairList) -> Result<String, PairsError> {
    let unwritable = |what: String| PairsError::Unwritable { list: list.name().into(), what };
    let each = list.folds().first().map_or(0, |fold| fold.len() / 2);
    let halves = |fold: &Vec<Pair>| {
        let same = fold.iter().take(each).all(|pair| pair.same);
        fold.len() == 2 * each && same && !fold.iter().skip(each).any(|pair| pair.same)
    };
    if each == 0 || !list.folds().iter().all(halves) {
        let what = "pairs.txt holds folds of one size, half of them one person and first; order the pairs so";
        return Err(unwritable(what.into()));
    }
    let name = |image: usize| {
        let image = list.images()[image].as_str();
        split(image)
            .ok_or_else(|| unwritable(format!("`{image}` is not of the form name/name_0001.jpg; rename it")))
    };
    let mut text = format!("{}\t{each}\n", list.folds().len());
    for pair in list.folds().iter().flatten() {
        let ((first, i), (second, j)) = (name(pair.first)?, name(pair.second)?);
        // Writing to a String cannot fail.
        let _ = match (pair.same, first == second) {
            (true, true) => writeln!(text, "{first}\t{i}\t{j}"),
            (false, _) => writeln!(text, "{first}\t{i}\t{second}\t{j}"),
            (true, false) => return Err(unwritable(format!("one person is named {first} and {second}"))),
        };
    }
    Ok(text)
}

/// Who is on an image: the folder that it is in.
pub fn identity(image: &str) -> &str {
    image.rsplit_once('/').map_or(image, |(folder, _)| folder)
}

/// The person and the photograph's number of an image, where [`parse`] would name it so.
fn split(image: &str) -> Option<(&str, u32)> {
    let (name, file) = image.split_once('/')?;
    let number = file.strip_prefix(name)?.strip_prefix('_')?.strip_suffix(".jpg")?.parse().ok()?;
    let whole = !name.is_empty() && !name.contains(char::is_whitespace);
    (whole && image == format!("{name}/{name}_{number:04}.jpg")).then_some((name, number))
}
