//! A set of images from whatever a path holds.
//!
//! | at the path | read as |
//! |---|---|
//! | a folder with one folder an identity | [`folder`](mod@crate::folder): PNG, JPEG and PGM images |
//! | a folder with `train` and `test` (or `val`), each as any other line | two parts |
//! | a folder with `*-images-idx3-ubyte` and `*-labels-idx1-ubyte`, plain or `.gz` | [`idx`]; `train` and `t10k` are two parts |
//! | a folder with `images.npy` (`uint8`, N × height × width) and `labels.npy` (`int64`, N), perhaps `classes.txt` | NumPy's arrays; a line of `classes.txt` names a label |
//! | a file of glyphs | [`glyphs`](crate::glyphs): the benchmark |
//!
//! All images are grey, one byte a pixel, and of one size: colours are turned to grey and other sizes
//! to that of the first image; [`Dataset::findings`] tells where that happened.
//!
//! ```
//! use marlo_data::{dataset, glyphs};
//!
//! let path = std::env::temp_dir().join("marlo-data-glyphs.bin.gz");
//! std::fs::write(&path, glyphs::file()?.encode()?)?;
//! let dataset = dataset::open(&path)?;
//! assert_eq!(dataset.images, glyphs::sample()?);
//! assert!(dataset.test.is_none() && dataset.findings().is_empty());
//! # std::fs::remove_file(path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::array::{self, ArrayError};
use crate::findings::Findings;
use crate::folder::{self, FolderError, Size, Skipped};
use crate::glyphs::{GlyphError, GlyphFile};
use crate::idx::{self, IdxError};
use crate::images::renumber;
use crate::{ImageSet, ImageSetError};

/// Images with where they come from.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The images; those for training where the source has a part for testing.
    pub images: ImageSet,
    /// The images that the source itself keeps for testing: its `t10k` files, its folder `test` or `val`.
    pub test: Option<ImageSet>,
    /// Where the images come from, in words.
    pub source: String,
    /// The SHA-256 sum of all pixels, sizes, labels and class names, in 64 hexadecimal digits: two sets that
    /// agree in it are the same, however they are stored.
    pub hash: String,
    /// What was not read, and why.
    pub skipped: Vec<Skipped>,
    /// How many images had another size than the first of their part and were resized to it.
    pub resized: usize,
    /// How many images had colours and were turned to grey.
    pub coloured: usize,
    /// The sizes of the images as they were: more than one only for a folder of images.
    pub sizes: Vec<Size>,
}

/// Why a path could not be read as a set of images.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The path is not there, or cannot be read.
    #[error("{}: {source}; give the path of a set of images", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is no set of images.
    #[error(
        "{}: not a file of glyphs; for images give a folder: one folder an identity, idx files, or images.npy and \
         labels.npy", path.display()
    )]
    UnknownFile {
        /// The file.
        path: PathBuf,
    },
    /// One of two files that belong together is not there.
    #[error("{}: it has {found}, but no {missing}; put the two together", path.display())]
    Incomplete {
        /// The folder.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What is not.
        missing: String,
    },
    /// More than one pair of idx files that could be the images.
    #[error("{}: more than one set of idx files ({}); give each its own folder", path.display(), stems.join(", "))]
    Ambiguous {
        /// The folder.
        path: PathBuf,
        /// What the files' names start with.
        stems: Vec<String>,
    },
    /// The parts for training and testing have different sizes of image.
    #[error(
        "{}: images of {} x {} for training, of {} x {} for testing; make them one size",
        path.display(), train.0, train.1, test.0, test.1
    )]
    Sizes {
        /// The folder.
        path: PathBuf,
        /// Width and height of the images for training.
        train: (usize, usize),
        /// Width and height of the images for testing.
        test: (usize, usize),
    },
    /// `classes.txt` does not name a label.
    #[error("{}: label {label} has no line in classes.txt; lines count from 0", path.display())]
    NoName {
        /// The folder.
        path: PathBuf,
        /// The label.
        label: i64,
    },
    /// A folder of images that cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// An idx file that cannot be read.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// An array that cannot be read.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// A glyph file that cannot be read.
    #[error("{}: {source}", path.display())]
    Glyphs {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: GlyphError,
    },
    /// Images and labels that do not make a set.
    #[error("{}: {source}", path.display())]
    Set {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        source: ImageSetError,
    },
}

/// Reads the images at a path, a file or a folder, recognising what it is.
///
/// # Errors
/// [`DatasetError`]: the path holds no set of images, or one that is damaged; the message names the file and
/// what to do. Damaged images in a folder of images are no error: see [`Dataset::findings`].
pub fn open(path: impl AsRef<Path>) -> Result<Dataset, DatasetError> {
    let path = path.as_ref();
    let names = names(path)?;
    let test_folder = ["test", "val"].into_iter().find(|part| names.iter().any(|name| name == part));
    let mut dataset = match test_folder {
        Some(test) if is_two_parts(path, &names) => {
            let (mut train, test) = (read(&path.join(TRAIN))?, read(&path.join(test))?);
            train.source = format!("{} for training, {} for testing", train.source, test.source);
            train.skipped.extend(test.skipped);
            train.resized += test.resized;
            train.coloured += test.coloured;
            test.sizes.into_iter().for_each(|size| add_size(&mut train.sizes, size));
            Dataset { test: Some(test.images), ..train }
        }
        _ => read(path)?,
    };
    let size = |images: &ImageSet| (images.width(), images.height());
    if let Some(test) = dataset.test.as_ref().map(size).filter(|test| *test != size(&dataset.images)) {
        return Err(DatasetError::Sizes { path: path.into(), train: size(&dataset.images), test });
    }
    dataset.hash = hash(&dataset);
    Ok(dataset)
}

/// The glyphs that ship with this crate, see [`glyphs`](crate::glyphs).
///
/// # Errors
/// None, as long as the shipped file is whole.
pub fn shipped() -> Result<Dataset, DatasetError> {
    let wrong = |source| DatasetError::Glyphs { path: "the shipped glyphs".into(), source };
    let file = crate::glyphs::file().map_err(wrong)?;
    let source =
        format!("{} kanji in {} typefaces, shipped with marlo", file.characters.len(), file.typefaces.len());
    let mut dataset = Dataset::plain(file.to_images().map_err(wrong)?, None, source);
    dataset.hash = hash(&dataset);
    Ok(dataset)
}

impl Dataset {
    /// What makes the set doubtful for training: to warn by, or to refuse by.
    pub fn findings(&self) -> Findings {
        Findings::new(&self.images, &self.skipped, &self.sizes, self.coloured)
    }

    fn plain(images: ImageSet, test: Option<ImageSet>, source: String) -> Self {
        Self {
            images,
            test,
            source,
            hash: String::new(),
            skipped: Vec::new(),
            resized: 0,
            coloured: 0,
            sizes: Vec::new(),
        }
    }
}

/// The names in a folder, in natural order; none for a file.
fn names(path: &Path) -> Result<Vec<String>, DatasetError> {
    let io = |source| DatasetError::Io { path: path.into(), source };
    if !fs::metadata(path).map_err(io)?.is_dir() {
        return Ok(Vec::new());
    }
    let listed = folder::list(path).map_err(io)?;
    Ok(listed.iter().filter_map(|path| path.file_name()).map(|n| n.to_string_lossy().into_owned()).collect())
}

/// The folder of the images for training.
const TRAIN: &str = "train";

/// Whether `train` is a part, rather than an identity of that name: it and the other part are the only
/// folders, and it holds folders, idx files or arrays.
fn is_two_parts(path: &Path, names: &[String]) -> bool {
    let folders = names.iter().filter(|name| path.join(name).is_dir()).count();
    let train = path.join(TRAIN);
    let inner = self::names(&train).unwrap_or_default();
    folders == 2 && inner.iter().any(|name| train.join(name).is_dir() || is_images(name))
}

/// Whether a file of that name holds the images of a set.
fn is_images(name: &str) -> bool {
    idx_stem(name).is_some() || name == IMAGES
}

fn add_size(sizes: &mut Vec<Size>, size: Size) {
    match sizes.iter_mut().find(|known| (known.width, known.height) == (size.width, size.height)) {
        Some(known) => known.images += size.images,
        None => sizes.push(size),
    }
}

/// Reads a set that is not in two folders.
fn read(path: &Path) -> Result<Dataset, DatasetError> {
    if path.is_file() {
        return read_glyphs(path);
    }
    let names = names(path)?;
    if names.iter().any(|name| idx_stem(name).is_some()) {
        return read_idx(path, &names);
    }
    if names.iter().any(|name| name == IMAGES) {
        return read_arrays(path, &names);
    }
    let read = folder::read(path)?;
    Ok(Dataset {
        skipped: read.skipped,
        resized: read.resized,
        coloured: read.coloured,
        sizes: read.sizes,
        ..Dataset::plain(read.images, None, format!("the folder of images {}", path.display()))
    })
}

fn read_glyphs(path: &Path) -> Result<Dataset, DatasetError> {
    let bytes = fs::read(path).map_err(|source| DatasetError::Io { path: path.into(), source })?;
    if !GlyphFile::is_one(&bytes) {
        return Err(DatasetError::UnknownFile { path: path.into() });
    }
    let wrong = |source| DatasetError::Glyphs { path: path.into(), source };
    let file = GlyphFile::decode(&bytes).map_err(wrong)?;
    let images = file.to_images().map_err(wrong)?;
    let (characters, typefaces) = (file.characters.len(), file.typefaces.len());
    let source = format!("the glyphs {}: {characters} characters in {typefaces} typefaces", path.display());
    Ok(Dataset::plain(images, None, source))
}

/// What the name of an idx file of images starts with, such as `train`.
fn idx_stem(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    // The files were published with a hyphen, and unpacked by some programs to a point.
    name.strip_suffix("-images-idx3-ubyte").or_else(|| name.strip_suffix("-images.idx3-ubyte"))
}

fn read_idx(path: &Path, names: &[String]) -> Result<Dataset, DatasetError> {
    let mut stems: Vec<&str> = names.iter().filter_map(|name| idx_stem(name)).collect();
    stems.dedup();
    let (train, test) = match stems.as_slice() {
        [one] => (*one, None),
        [test, train] if train.ends_with("train") && (test.ends_with("t10k") || test.ends_with("test")) => {
            (*train, Some(*test))
        }
        _ => {
            let stems = stems.into_iter().map(str::to_owned).collect();
            return Err(DatasetError::Ambiguous { path: path.into(), stems });
        }
    };
    let pair = |stem: &str| {
        let images = names.iter().find(|name| idx_stem(name) == Some(stem)).map_or("", String::as_str);
        let labels = images.replace("-images", "-labels").replace("idx3", "idx1");
        let other = labels.strip_suffix(".gz").map_or_else(|| format!("{labels}.gz"), str::to_owned);
        let found = [&labels, &other].into_iter().find(|name| names.contains(name));
        match found {
            Some(labels) => Ok(idx::read(path.join(images), path.join(labels))?),
            None => {
                Err(DatasetError::Incomplete { path: path.into(), found: images.into(), missing: labels })
            }
        }
    };
    let source = format!("the idx files in {}", path.display());
    Ok(Dataset::plain(pair(train)?, test.map(pair).transpose()?, source))
}

const IMAGES: &str = "images.npy";
const LABELS: &str = "labels.npy";
const CLASSES: &str = "classes.txt";

fn read_arrays(path: &Path, names: &[String]) -> Result<Dataset, DatasetError> {
    if !names.iter().any(|name| name == LABELS) {
        let (found, missing) = (IMAGES.into(), LABELS.into());
        return Err(DatasetError::Incomplete { path: path.into(), found, missing });
    }
    let images = array::read_npy::<u8>(path.join(IMAGES))?;
    let &[_, height, width] = images.shape.as_slice() else {
        return Err(ArrayError::Dimensions {
            place: path.join(IMAGES).display().to_string(),
            shape: images.shape,
            expected: "images × height × width (three dimensions)",
        }
        .into());
    };
    let (labels, used) = renumber(&array::read_labels(path.join(LABELS))?);
    let class_names: Vec<String> = if names.iter().any(|name| name == CLASSES) {
        let file = path.join(CLASSES);
        let text = fs::read_to_string(&file).map_err(|source| DatasetError::Io { path: file, source })?;
        let lines: Vec<&str> = text.lines().collect();
        let line = |label: i64| usize::try_from(label).ok().and_then(|line| lines.get(line));
        let named = used.into_iter().map(|label| {
            line(label).map(|l| (*l).to_owned()).ok_or(DatasetError::NoName { path: path.into(), label })
        });
        named.collect::<Result<_, _>>()?
    } else {
        used.into_iter().map(|label| label.to_string()).collect()
    };
    let set = ImageSet::new(width, height, images.data, labels, class_names)
        .map_err(|source| DatasetError::Set { path: path.into(), source })?;
    Ok(Dataset::plain(set, None, format!("the arrays in {}", path.display())))
}

/// The sum of everything that training and testing see.
fn hash(dataset: &Dataset) -> String {
    let mut sum = Sha256::new();
    for images in [Some(&dataset.images), dataset.test.as_ref()].into_iter().flatten() {
        let lengths = [images.len(), images.height(), images.width(), images.class_names().len()];
        lengths.iter().for_each(|&length| sum.update((length as u64).to_le_bytes()));
        sum.update(images.pixels());
        images.labels().iter().for_each(|label| sum.update(label.to_le_bytes()));
        for name in images.class_names() {
            // The length first: "ab", "c" is not "a", "bc".
            sum.update((name.len() as u64).to_le_bytes());
            sum.update(name);
        }
    }
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
