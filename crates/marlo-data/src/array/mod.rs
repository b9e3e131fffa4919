//! Arrays on disk: NumPy's `.npy` (one array) and `.npz` (a zip file of named `.npy` entries).
//!
//! In: a path. Out: an [`Array`], always in C order (the last index runs fastest), whatever order the
//! file had. Four kinds of number are read, `float32`, `float64`, `int64` and `uint8`, in either byte order;
//! any other is an error that says how to convert it, as a silent conversion could hide a mistake.
//! Files are written in C order and little-endian, and atomically: a reader never sees half a file.

mod npy;
mod npz;

use std::io;
use std::path::PathBuf;

pub use npy::{read_labels, read_npy, read_real, write_npy};
pub use npz::{AnyArray, Npz, write_npz};

/// Numbers with a shape, in C order.
///
/// `data.len()` is the product of `shape`; a scalar has the empty shape and one number.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T> {
    /// The length of each dimension, outermost first.
    pub shape: Vec<usize>,
    /// The numbers; the last index runs fastest.
    pub data: Vec<T>,
}

impl<T> Array<T> {
    /// An array of `shape` over `data`.
    ///
    /// # Errors
    /// [`ArrayError::Shape`] where the number of elements is not the product of `shape`.
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<T>) -> Result<Self, ArrayError> {
        let array = Self { shape: shape.into(), data };
        array.check("a new array")?;
        Ok(array)
    }

    /// The rows of a matrix, in order; for a vector, its one row; nothing where a row has no elements.
    pub fn rows(&self) -> impl Iterator<Item = &[T]> {
        let width = self.shape.last().copied().unwrap_or(1);
        self.data.chunks_exact(width.max(1))
    }

    fn check(&self, place: &str) -> Result<(), ArrayError> {
        let product = self.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if product == Some(self.data.len()) {
            return Ok(());
        }
        Err(ArrayError::Shape { place: place.into(), shape: self.shape.clone(), len: self.data.len() })
    }
}

/// Real numbers in the precision that the file holds them.
#[derive(Clone, Debug, PartialEq)]
pub enum Real {
    /// `float32`.
    F32(Array<f32>),
    /// `float64`.
    F64(Array<f64>),
}

impl Real {
    /// The length of each dimension, outermost first.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32(array) => &array.shape,
            Self::F64(array) => &array.shape,
        }
    }
}

/// A kind of number that can be read and written: `f32`, `f64`, `u8` or `i64`.
pub trait Element: npyz::Deserialize + npyz::AutoSerialize + Copy + sealed::Sealed {
    /// NumPy's name of the kind, such as `float32`.
    const DTYPE: &'static str;
}

impl Element for f32 {
    const DTYPE: &'static str = "float32";
}
impl Element for f64 {
    const DTYPE: &'static str = "float64";
}
impl Element for u8 {
    const DTYPE: &'static str = "uint8";
}
impl Element for i64 {
    const DTYPE: &'static str = "int64";
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for u8 {}
    impl Sealed for i64 {}
}

/// Why an array could not be read or written. Each message starts with the file, or with the entry of
/// an `.npz` file, and ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum ArrayError {
    /// The file cannot be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes are no `.npy` array.
    #[error("{place}: not a .npy array ({reason}); save it with np.save")]
    NotNpy {
        /// The file, or the file and the entry in it.
        place: String,
        /// What is wrong with the bytes.
        reason: String,
    },
    /// The file ends before its array does.
    #[error(
        "{place}: truncated: its header promises {expected} bytes of numbers, {found} follow; save or copy it again"
    )]
    Truncated {
        /// The file, or the file and the entry in it.
        place: String,
        /// The bytes that the shape and the kind of number need.
        expected: usize,
        /// The bytes that follow the header.
        found: usize,
    },
    /// The array holds another kind of number.
    #[error("{place}: {found} found, {expected} expected; save it with .astype(np.{remedy})")]
    Dtype {
        /// The file, or the file and the entry in it.
        place: String,
        /// NumPy's name of the kind found.
        found: String,
        /// The kinds that fit.
        expected: &'static str,
        /// The kind to convert to.
        remedy: &'static str,
    },
    /// The array has a number of dimensions that does not fit.
    #[error("{place}: an array of shape {shape:?} found, {expected} expected; save it with .reshape")]
    Dimensions {
        /// The file.
        place: String,
        /// The shape found.
        shape: Vec<usize>,
        /// What fits, in words.
        expected: &'static str,
    },
    /// A shape and a number of elements that do not belong together.
    #[error("{place}: shape {shape:?} does not hold {len} elements; give the shape of the data")]
    Shape {
        /// Where the array was to go.
        place: String,
        /// The shape given.
        shape: Vec<usize>,
        /// The elements given.
        len: usize,
    },
    /// The file is no `.npz`, that is, no zip file, or a damaged one.
    #[error("{}: not an .npz file, or a damaged one ({reason}); save it with np.savez", path.display())]
    NotNpz {
        /// The file.
        path: PathBuf,
        /// What the zip reader said.
        reason: String,
    },
    /// The `.npz` file has no such array.
    #[error("{}: no array {name:?}; it holds: {}", path.display(), names.join(", "))]
    NoSuchArray {
        /// The file.
        path: PathBuf,
        /// The name asked for.
        name: String,
        /// The names there are.
        names: Vec<String>,
    },
    /// Two entries of one name, or a name that a zip file cannot hold.
    #[error("{}: cannot write an array named {name:?}; give each array its own name", path.display())]
    BadName {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
}
