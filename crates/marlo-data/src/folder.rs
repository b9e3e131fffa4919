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
//! as PNG, JPEG or PGM is skipped, and [`Folder::skipped`] names each with the reason. Files are decoded by
//! all cores; the order is the same whatever their number.

use std::cmp::Ordering;
use std::fs;
use std::io;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, ImageReader, imageops};
use rayon::prelude::*;

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
    /// How many images have colours and were turned to grey.
    pub coloured: usize,
    /// The sizes of the images as they were, with the number of images of each: the first is the set's.
    pub sizes: Vec<Size>,
    /// What was not read, and why.
    pub skipped: Vec<Skipped>,
}

/// A size that images of a folder had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The width, in pixels.
    pub width: u32,
    /// The height, in pixels.
    pub height: u32,
    /// The number of images that had it.
    pub images: usize,
}

/// A file or a folder that was not read.
#[derive(Clone, Debug, PartialEq)]
pub struct Skipped {
    /// The file or the folder.
    pub path: PathBuf,
    /// Why, in words.
    pub reason: String,
    /// What was skipped.
    pub kind: SkippedKind,
}

/// What was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkippedKind {
    /// A file that should hold an image and could not be read as one, or a folder that could not be listed.
    Unreadable,
    /// An identity's folder without a readable image.
    EmptyIdentity,
    /// A file beside the identities' folders, or a folder inside one.
    Stray,
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
    let entries = list(path).map_err(|source| FolderError::Io { path: path.into(), source })?;
    for entries in entries.chunks(AT_A_TIME) {
        let decoded: Vec<_> = entries.par_iter().map(|entry| decode_all(entry)).collect();
        for (entry, files) in entries.iter().zip(decoded) {
            match files {
                Ok(files) => reader.identity(entry, files),
                Err((kind, reason)) => reader.skip(entry, kind, reason),
            }
        }
    }
    reader.finish(path)
}

/// The identities that are decoded at a time: enough for many cores, and few enough to hold twice.
const AT_A_TIME: usize = 16;

#[derive(Default)]
struct Reader {
    pixels: Vec<u8>,
    labels: Vec<i64>,
    names: Vec<String>,
    files: Vec<PathBuf>,
    coloured: usize,
    sizes: Vec<Size>,
    skipped: Vec<Skipped>,
}

impl Reader {
    fn identity(&mut self, folder: &Path, files: Vec<File>) {
        let before = self.files.len();
        for (file, decoded) in files {
            match decoded {
                Ok(image) => self.add(file, image),
                Err((kind, reason)) => self.skip(&file, kind, reason),
            }
        }
        if self.files.len() == before {
            self.skip(folder, SkippedKind::EmptyIdentity, "no readable image in it");
        } else {
            let name = folder.file_name().unwrap_or(folder.as_os_str());
            self.names.push(name.to_string_lossy().into_owned());
        }
    }

    fn add(&mut self, file: PathBuf, Decoded { mut grey, coloured }: Decoded) {
        let (width, height) = grey.dimensions();
        match self.sizes.iter_mut().find(|size| (size.width, size.height) == (width, height)) {
            Some(size) => size.images += 1,
            None => self.sizes.push(Size { width, height, images: 1 }),
        }
        let first = self.sizes[0];
        if (width, height) != (first.width, first.height) {
            grey = imageops::resize(&grey, first.width, first.height, FilterType::Triangle);
        }
        self.coloured += usize::from(coloured);
        self.pixels.extend_from_slice(&grey);
        self.labels.push(self.names.len() as i64);
        self.files.push(file);
    }

    fn skip(&mut self, path: &Path, kind: SkippedKind, reason: impl Into<String>) {
        self.skipped.push(Skipped { path: path.into(), reason: reason.into(), kind });
    }

    fn finish(self, path: &Path) -> Result<Folder, FolderError> {
        let Some(&size) = self.sizes.first().filter(|_| self.files.len() >= 2) else {
            return Err(FolderError::TooFew {
                path: path.into(),
                images: self.files.len(),
                identities: self.names.len(),
                skipped: self.skipped,
            });
        };
        let (width, height) = (size.width as usize, size.height as usize);
        let images = ImageSet::new(width, height, self.pixels, self.labels, self.names)?;
        Ok(Folder {
            resized: self.files.len() - size.images,
            images,
            files: self.files,
            coloured: self.coloured,
            sizes: self.sizes,
            skipped: self.skipped,
        })
    }
}

/// An image in grey, and whether it was so in the file.
struct Decoded {
    grey: GrayImage,
    coloured: bool,
}

/// Why something is no image.
type NoImage = (SkippedKind, String);

/// A file and what it holds.
type File = (PathBuf, Result<Decoded, NoImage>);

/// The files of an identity's folder, decoded, in natural order of their names.
fn decode_all(folder: &Path) -> Result<Vec<File>, NoImage> {
    if !folder.is_dir() {
        return Err((SkippedKind::Stray, "not in an identity's folder".into()));
    }
    let files = list(folder).map_err(|error| (SkippedKind::Unreadable, error.to_string()))?;
    Ok(files.into_par_iter().map(|file| (file.clone(), decode(&file))).collect())
}

/// A file as an image.
fn decode(file: &Path) -> Result<Decoded, NoImage> {
    if file.is_dir() {
        return Err((SkippedKind::Stray, "a folder inside an identity's folder".into()));
    }
    let image = open(file).map_err(|reason| (SkippedKind::Unreadable, reason))?;
    Ok(Decoded { coloured: image.color().has_color(), grey: image.into_luma8() })
}

/// An image by what it holds, whatever its name ends in.
fn open(file: &Path) -> Result<DynamicImage, String> {
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
pub(crate) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
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
