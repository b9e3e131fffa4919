//! A folder of images: one folder an identity, that person's or class's images inside.
//!
//! ```text
//! faces/
//!   anna/  1.png 2.png
//!   bela/  a.jpg b.jpg c.pgm
//! ```
//!
//! In: the path of the outer folder. Out: an [`ImageSet`] whose classes are the inner folders' names in
//! natural order (`s2` before `s10`), colours turned to grey, every image at the size of the first one
//! (others are resized, whatever their proportions: crop first if that matters).
//!
//! Real folders hold stray files, so one bad file does not stop the reading: whatever cannot be read
//! as PNG, JPEG or PGM is skipped, and [`Folder::skipped`] names each with the reason.

use std::cmp::Ordering;
use std::fs;
use std::io;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

use image::imageops::FilterType;
use image::{DynamicImage, ImageReader};

use crate::{ImageSet, ImageSetError};

/// A folder as it was read.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The images, by identity and then by file name, both in natural order.
    pub images: ImageSet,
    /// The file of each image.
    pub files: Vec<PathBuf>,
    /// How many images had another size than the first and were resized to it.
    pub resized: usize,
    /// What was not read, and why.
    pub skipped: Vec<Skipped>,
}

/// A file or a folder that was not read.
#[derive(Clone, Debug, PartialEq)]
pub struct Skipped {
    /// The file or the folder.
    pub path: PathBuf,
    /// Why, in words.
    pub reason: String,
}

/// Why a folder of images could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The outer folder cannot be listed.
    #[error("{}: {source}; give a folder that holds one folder an identity", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Fewer than two images are left.
    #[error(
        "{}: {images} readable image(s) in {identities} identity folder(s), {} skipped{}; \
         at least two images are needed, as PNG, JPEG or PGM files in one folder an identity",
        path.display(),
        skipped.len(),
        skipped.first().map(|s| format!(" (the first: {}: {})", s.path.display(), s.reason)).unwrap_or_default()
    )]
    TooFew {
        /// The folder.
        path: PathBuf,
        /// The images that could be read.
        images: usize,
        /// The identities they belong to.
        identities: usize,
        /// What was not read, and why.
        skipped: Vec<Skipped>,
    },
    /// The images do not make a set.
    #[error(transparent)]
    Set(#[from] ImageSetError),
}

/// Reads a folder that holds one folder an identity.
///
/// # Errors
/// [`FolderError`]: the folder cannot be listed, or fewer than two images in it can be read.
pub fn read(path: impl AsRef<Path>) -> Result<Folder, FolderError> {
    let path = path.as_ref();
    let mut reader = Reader::default();
    for entry in list(path).map_err(|source| FolderError::Io { path: path.into(), source })? {
        if entry.is_dir() {
            reader.identity(&entry);
        } else {
            reader.skip(&entry, "not in an identity's folder");
        }
    }
    reader.finish(path)
}

#[derive(Default)]
struct Reader {
    size: Option<(u32, u32)>,
    pixels: Vec<u8>,
    labels: Vec<i64>,
    names: Vec<String>,
    files: Vec<PathBuf>,
    resized: usize,
    skipped: Vec<Skipped>,
}

impl Reader {
    fn identity(&mut self, folder: &Path) {
        let files = match list(folder) {
            Ok(files) => files,
            Err(error) => return self.skip(folder, error.to_string()),
        };
        let before = self.files.len();
        for file in files {
            if file.is_dir() {
                self.skip(&file, "a folder inside an identity's folder");
                continue;
            }
            match decode(&file) {
                Ok(image) => self.add(file, image),
                Err(reason) => self.skip(&file, reason),
            }
        }
        if self.files.len() == before {
            self.skip(folder, "no readable image in it");
        } else {
            let name = folder.file_name().unwrap_or(folder.as_os_str());
            self.names.push(name.to_string_lossy().into_owned());
        }
    }

    fn add(&mut self, file: PathBuf, image: DynamicImage) {
        let mut grey = DynamicImage::ImageLuma8(image.into_luma8());
        let found = (grey.width(), grey.height());
        let (width, height) = *self.size.get_or_insert(found);
        if found != (width, height) {
            grey = grey.resize_exact(width, height, FilterType::Triangle);
            self.resized += 1;
        }
        self.pixels.extend_from_slice(grey.as_bytes());
        self.labels.push(self.names.len() as i64);
        self.files.push(file);
    }

    fn skip(&mut self, path: &Path, reason: impl Into<String>) {
        self.skipped.push(Skipped { path: path.into(), reason: reason.into() });
    }

    fn finish(self, path: &Path) -> Result<Folder, FolderError> {
        let Some((width, height)) = self.size.filter(|_| self.files.len() >= 2) else {
            return Err(FolderError::TooFew {
                path: path.into(),
                images: self.files.len(),
                identities: self.names.len(),
                skipped: self.skipped,
            });
        };
        let images = ImageSet::new(width as usize, height as usize, self.pixels, self.labels, self.names)?;
        Ok(Folder { images, files: self.files, resized: self.resized, skipped: self.skipped })
    }
}

/// An image by what it holds, whatever its name ends in.
fn decode(file: &Path) -> Result<DynamicImage, String> {
    let bytes = fs::File::open(file).map_err(|error| error.to_string())?;
    let reader = ImageReader::new(io::BufReader::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    if reader.format().is_none() {
        return Err("not a PNG, JPEG or PGM image".into());
    }
    let image = reader.decode().map_err(|error| error.to_string())?;
    if image.width() == 0 || image.height() == 0 {
        return Err("an image without pixels".into());
    }
    Ok(image)
}

/// What a folder holds, in natural order of the names.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    entries.sort_by(|a, b| natural(&name(a), &name(b)).then_with(|| a.cmp(b)));
    Ok(entries)
}

/// Compares names as people order them: runs of digits by their value, the rest by character.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        let order = match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return Ordering::Equal,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (digits(&mut a), digits(&mut b));
                x.len().cmp(&y.len()).then_with(|| x.cmp(&y))
            }
            (x, y) => {
                a.next();
                b.next();
                x.cmp(&y)
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Takes a run of digits, without its leading zeros.
fn digits(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut run = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        if digit != '0' || !run.is_empty() {
            run.push(digit);
        }
    }
    run
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn names_are_in_natural_order() {
        let mut names = ["s10", "s2", "s1", "t", "s01b", "", "s1a", "s100000000000000000000000", "S3"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "S3", "s1", "s1a", "s01b", "s2", "s10", "s100000000000000000000000", "t"]);
    }
}
