//! Many named arrays in one zip file.

use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use npyz::npz::{array_name_from_file_name, file_name_from_array_name};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::npy::{from_bytes, read_file, to_bytes};
use super::{Array, ArrayError, Element};
use crate::atomic;

/// An open `.npz` file.
///
/// ```
/// use marlo_data::array::{AnyArray, Array, Npz, write_npz};
///
/// let path = std::env::temp_dir().join("marlo-data-example.npz");
/// let cosines = Array::new([2, 3], vec![0.9, 0.1, -0.2, 0.0, 0.8, 0.3])?;
/// write_npz(&path, &[("cosines", cosines.clone().into())])?;
///
/// let mut file = Npz::open(&path)?;
/// assert_eq!(file.names(), ["cosines"]);
/// assert_eq!(file.get::<f64>("cosines")?, cosines);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Npz {
    path: PathBuf,
    archive: ZipArchive<Cursor<Vec<u8>>>,
    names: Vec<String>,
}

impl Npz {
    /// Opens the file and reads its list of arrays; an array itself is decoded when it is asked for.
    ///
    /// # Errors
    /// [`ArrayError::Io`] where the file cannot be read, [`ArrayError::NotNpz`] where it is no zip file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ArrayError> {
        let path = path.as_ref().to_path_buf();
        let archive = ZipArchive::new(Cursor::new(read_file(&path)?))
            .map_err(|error| ArrayError::NotNpz { path: path.clone(), reason: error.to_string() })?;
        let names = archive
            .file_names()
            .filter_map(Result::ok)
            .filter_map(|name| array_name_from_file_name(&name).map(str::to_owned))
            .collect();
        Ok(Self { path, archive, names })
    }

    /// The names of the arrays, in the order of the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The array `name`, which must hold exactly the kind `T`: `f32`, `f64` or `i64`.
    ///
    /// # Errors
    /// [`ArrayError`]: there is no such array, it is damaged, or it holds another kind of number.
    pub fn get<T: Element>(&mut self, name: &str) -> Result<Array<T>, ArrayError> {
        if !self.names.iter().any(|known| known == name) {
            return Err(ArrayError::NoSuchArray {
                path: self.path.clone(),
                name: name.into(),
                names: self.names.clone(),
            });
        }
        let damaged = |reason: String| ArrayError::NotNpz { path: self.path.clone(), reason };
        let mut bytes = Vec::new();
        self.archive
            .by_name(&file_name_from_array_name(name))
            .map_err(|error| damaged(format!("array {name:?}: {error}")))?
            .read_to_end(&mut bytes)
            .map_err(|error| damaged(format!("array {name:?}: {error}")))?;
        from_bytes(&bytes, &format!("{}, array {name:?}", self.path.display()))
    }
}

/// An array of any of the kinds that can be written.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyArray {
    /// `float32`.
    F32(Array<f32>),
    /// `float64`.
    F64(Array<f64>),
    /// `int64`.
    I64(Array<i64>),
}

impl From<Array<f32>> for AnyArray {
    fn from(array: Array<f32>) -> Self {
        Self::F32(array)
    }
}

impl From<Array<f64>> for AnyArray {
    fn from(array: Array<f64>) -> Self {
        Self::F64(array)
    }
}

impl From<Array<i64>> for AnyArray {
    fn from(array: Array<i64>) -> Self {
        Self::I64(array)
    }
}

/// Writes the named arrays as a deflated `.npz` file, atomically; a file already there is replaced.
///
/// The same entries always give the same bytes.
///
/// # Errors
/// [`ArrayError::BadName`] for a name given twice, [`ArrayError::Shape`] for an array whose shape and
/// data do not belong together, [`ArrayError::Io`] where the file cannot be written.
pub fn write_npz(path: impl AsRef<Path>, entries: &[(&str, AnyArray)]) -> Result<(), ArrayError> {
    let path = path.as_ref();
    let io = |source| ArrayError::Io { path: path.into(), source };
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut seen = BTreeSet::new();
    for (name, array) in entries {
        let bad_name = || ArrayError::BadName { path: path.into(), name: (*name).into() };
        let place = format!("{}, array {name:?}", path.display());
        let bytes = match array {
            AnyArray::F32(array) => to_bytes(array, &place)?,
            AnyArray::F64(array) => to_bytes(array, &place)?,
            AnyArray::I64(array) => to_bytes(array, &place)?,
        };
        if name.is_empty() || name.contains('\0') || !seen.insert(*name) {
            return Err(bad_name());
        }
        writer.start_file(file_name_from_array_name(name), options).map_err(|_| bad_name())?;
        writer.write_all(&bytes).map_err(io)?;
    }
    let bytes = writer.finish().map_err(|error| io(error.into()))?.into_inner();
    atomic::write_atomically(path, &bytes).map_err(io)
}
