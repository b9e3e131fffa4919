//! The idx files of the MNIST family: one of images, one of labels, each plain or packed by gzip.
//!
//! In: the paths of the two files, `train-images-idx3-ubyte.gz` and `train-labels-idx1-ubyte.gz` for
//! example. Out: an [`ImageSet`]. The labels that occur are numbered from 0 without gaps; a class is named
//! by the number the file has for it, or as the caller says.
//!
//! An idx file is two zero bytes, the kind of number (8: one byte, the only one read), the number of
//! dimensions, the length of each in four bytes (the highest first), and the numbers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::gz::{self, Content};
use crate::images::renumber;
use crate::{ImageSet, ImageSetError};

/// The first bytes of a file of bytes, before the number of dimensions.
const MAGIC: [u8; 3] = [0, 0, 8];

/// Why idx files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum IdxError {
    /// The file cannot be read.
    #[error("{}: {source}; give the path of an idx file", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes are no idx file of bytes with that many dimensions.
    #[error("{}: not an idx file of {expected} ({reason}); fetch it again, or give the right file", path.display())]
    NotIdx {
        /// The file.
        path: PathBuf,
        /// What the file should hold.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The file does not hold what its header promises.
    #[error("{}: its header promises {shape:?} numbers of one byte, {reason}; fetch it again", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// The lengths of its dimensions.
        shape: Vec<usize>,
        /// Whether it ends before or goes on after them, or what the unpacking said.
        reason: String,
    },
    /// Images and labels of different number.
    #[error(
        "{}: {labels} labels, but {images} images in {}; give the files that belong together",
        labels_path.display(), images_path.display()
    )]
    Count {
        /// The file of the images.
        images_path: PathBuf,
        /// The images in it.
        images: usize,
        /// The file of the labels.
        labels_path: PathBuf,
        /// The labels in it.
        labels: usize,
    },
    /// A label without a name.
    #[error("{}: label {label}, but {names} class names; give a name for each label from 0", path.display())]
    Name {
        /// The file of the labels.
        path: PathBuf,
        /// The label.
        label: u8,
        /// The names given.
        names: usize,
    },
    /// The images do not make a set.
    #[error("{}: {source}", path.display())]
    Set {
        /// The file of the images.
        path: PathBuf,
        /// What is wrong.
        source: ImageSetError,
    },
}

/// Reads a file of images and the file of their labels; a class is named by its number in the file.
///
/// # Errors
/// [`IdxError`]: a file cannot be read or is no idx file of images (labels), is cut short or too long;
/// the files have different lengths; there is no image, or images without pixels.
pub fn read(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<ImageSet, IdxError> {
    assemble(images.as_ref(), labels.as_ref(), |label| Some(label.to_string()))
}

/// Reads a file of images and the file of their labels; label `l` is named `names[l]`.
///
/// # Errors
/// As for [`read`], and [`IdxError::Name`] where a label has no name.
pub fn read_named(
    images: impl AsRef<Path>,
    labels: impl AsRef<Path>,
    names: &[String],
) -> Result<ImageSet, IdxError> {
    let labels = labels.as_ref();
    assemble(images.as_ref(), labels, |label| names.get(usize::from(label)).cloned()).map_err(|error| {
        match error {
            IdxError::Name { path, label, .. } => IdxError::Name { path, label, names: names.len() },
            other => other,
        }
    })
}

fn assemble(images: &Path, labels: &Path, name: impl Fn(u8) -> Option<String>) -> Result<ImageSet, IdxError> {
    let ([count, height, width], pixels) = numbers(images, "images")?;
    let ([label_count], bytes) = numbers(labels, "labels")?;
    if count != label_count {
        return Err(IdxError::Count {
            images_path: images.into(),
            images: count,
            labels_path: labels.into(),
            labels: label_count,
        });
    }
    let (numbered, used) = renumber(&bytes.into_iter().map(i64::from).collect::<Vec<_>>());
    // The labels came from bytes.
    let names = used.into_iter().map(|label| {
        let label = label as u8;
        name(label).ok_or(IdxError::Name { path: labels.into(), label, names: 0 })
    });
    let names = names.collect::<Result<Vec<_>, _>>()?;
    ImageSet::new(width, height, pixels, numbered, names)
        .map_err(|source| IdxError::Set { path: images.into(), source })
}

/// The lengths and the numbers of a file with `N` dimensions.
fn numbers<const N: usize>(path: &Path, expected: &'static str) -> Result<([usize; N], Vec<u8>), IdxError> {
    let file = fs::read(path).map_err(|source| IdxError::Io { path: path.into(), source })?;
    let mut content = gz::unpack(&file);
    let shape =
        header(&mut content).map_err(|reason| IdxError::NotIdx { path: path.into(), expected, reason })?;
    let wrong = |reason: String| IdxError::Size { path: path.into(), shape: shape.to_vec(), reason };
    let size = shape.iter().try_fold(1usize, |size, &length| size.checked_mul(length));
    let size = size.ok_or_else(|| wrong("more than memory can hold".into()))?;
    let read = content.bytes(size).and_then(|bytes| Ok((bytes, content.is_at_end()?)));
    match read {
        Ok((bytes, true)) => Ok((shape, bytes)),
        Ok((_, false)) => Err(wrong("but it goes on after them".into())),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(wrong("but it ends before".into())),
        Err(error) => Err(wrong(format!("but unpacking says: {error}"))),
    }
}

fn header<const N: usize>(content: &mut Content<'_>) -> Result<[usize; N], String> {
    let mut next = || content.array::<4>().map_err(|error| format!("its header: {error}"));
    let [a, b, kind, dimensions] = next()?;
    if [a, b, kind] != MAGIC {
        return Err(format!("it starts with {:02x?}, not with {MAGIC:02x?}", [a, b, kind]));
    }
    if usize::from(dimensions) != N {
        return Err(format!("{dimensions} dimensions, {N} expected"));
    }
    let mut shape = [0; N];
    for length in &mut shape {
        *length = u32::from_be_bytes(next()?) as usize;
    }
    Ok(shape)
}
