//! CFP's `Protocol` folder: frontal photographs against frontal ones, or against profiles.
//!
//! ```text
//! Protocol/
//!   Pair_list_F.txt      `1 ../Data/Images/001/frontal/01.jpg` a line: the frontal photographs
//!   Pair_list_P.txt      the profiles
//!   Split/FF/01/same.txt `i,j` a line: one person
//!   Split/FF/01/diff.txt two people
//!   Split/FP/…           i counts the frontal photographs, j the profiles
//! ```
//!
//! Each folder of numbers below `FF` or `FP` is a fold, in their order: 10 of 350 + 350 pairs in the published
//! set. Images are named from the set's folder on, `Data/Images/001/frontal/01.jpg`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{FormatError, Lines, text};
use crate::pairs::{Names, PairList};

/// Which photographs are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Views {
    /// Frontal with frontal: CFP-FF.
    FrontalFrontal,
    /// Frontal with profile: CFP-FP.
    FrontalProfile,
}

const FOLDER: &str = "the folder `Protocol` of CFP";
const LISTED: &str = "give `number path` a line";
const PAIR: &str = "give `i,j` a line, numbers of the lists Pair_list_F.txt and Pair_list_P.txt";

/// Reads the folder `Protocol`.
///
/// # Errors
/// [`FormatError`]: a file that is missing, or what is wrong, with its line.
pub fn read(protocol: impl AsRef<Path>, views: Views) -> Result<PairList, FormatError> {
    let protocol = protocol.as_ref();
    let (name, second) = match views {
        Views::FrontalFrontal => ("FF", "Pair_list_F.txt"),
        Views::FrontalProfile => ("FP", "Pair_list_P.txt"),
    };
    let (first, second) = (images(&protocol.join("Pair_list_F.txt"))?, images(&protocol.join(second))?);
    let split = protocol.join("Split").join(name);
    let (mut names, mut folds) = (Names::default(), Vec::new());
    for folder in numbered(&split)? {
        let mut fold = Vec::new();
        for (file, same) in [("same.txt", true), ("diff.txt", false)] {
            let (file, text) = text(&folder.join(file), FOLDER)?;
            for line in Lines::new(&file, &text).words(|c| c.is_whitespace() || c == ',') {
                let [i, j] = *line.words else {
                    return Err(line.error(format!("{} words", line.words.len()), PAIR));
                };
                let image = |list: &HashMap<u32, String>, word: &str| {
                    let number: u32 = line.number(word, PAIR)?;
                    let image = list.get(&number).cloned();
                    image.ok_or_else(|| line.error(format!("image {number} is not listed"), PAIR))
                };
                fold.push(names.pair(image(&first, i)?, image(&second, j)?, same));
            }
        }
        folds.push(fold);
    }
    if folds.iter().any(Vec::is_empty) || folds.is_empty() {
        return Err(FormatError::File {
            file: split.display().to_string(),
            what: "no folds, or an empty one".into(),
            remedy: "restore the folders `01` to `10` with their same.txt and diff.txt",
        });
    }
    Ok(names.list(format!("CFP-{name}"), folds))
}

/// Who is on an image: the folder after `Images`.
pub fn identity(image: &str) -> &str {
    let mut folders = image.split('/').skip_while(|&folder| folder != "Images");
    folders.nth(1).unwrap_or(image)
}

/// The images of a list by their numbers.
fn images(path: &Path) -> Result<HashMap<u32, String>, FormatError> {
    let (file, text) = text(path, FOLDER)?;
    let mut images = HashMap::new();
    for line in Lines::new(&file, &text).words(char::is_whitespace) {
        let [number, image] = *line.words else {
            return Err(line.error(format!("{} words", line.words.len()), LISTED));
        };
        let number = line.number(number, LISTED)?;
        if images.insert(number, image.trim_start_matches("../").to_string()).is_some() {
            return Err(line.error(format!("image {number} again"), "number each image once"));
        }
    }
    Ok(images)
}

/// The folders whose names are numbers, in the order of these.
fn numbered(folder: &Path) -> Result<Vec<PathBuf>, FormatError> {
    let io = |source| FormatError::Io { path: folder.into(), wanted: FOLDER, source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let number =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok());
        found.extend(number.filter(|_| path.is_dir()).map(|number| (number, path)));
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
