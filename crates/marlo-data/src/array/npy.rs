//! One array a file.

use std::fs;
use std::path::Path;

use npyz::{DType, NpyFile, Order, TypeChar, WriterBuilder};

use super::{Array, ArrayError, Element, Real};
use crate::atomic;

/// The longest header that is read, in bytes: NumPy's own limit.
const MAX_HEADER: usize = 10_000;

/// Reads a vector, a matrix or an array (B, C, K) of `float32` or `float64`.
///
/// # Errors
/// [`ArrayError`]: the file is missing, no `.npy` file or truncated; it holds another kind of number;
/// it has not one to three dimensions.
pub fn read_real(path: impl AsRef<Path>) -> Result<Real, ArrayError> {
    let (path, place) = (path.as_ref(), path.as_ref().display().to_string());
    let bytes = read_file(path)?;
    let file = open(&bytes, &place)?;
    if !matches!(file.shape().len(), 1..=3) {
        return Err(dimensions(&file, place, "an array of one to three dimensions"));
    }
    match dtype_name(&file.dtype()).as_str() {
        f64::DTYPE => Ok(Real::F64(decode(file, &place)?)),
        f32::DTYPE => Ok(Real::F32(decode(file, &place)?)),
        found => Err(ArrayError::Dtype {
            place,
            found: found.into(),
            expected: "float32 or float64",
            remedy: f32::DTYPE,
        }),
    }
}

/// Reads a vector of `int64` labels, one a sample.
///
/// Whether each label names a class is for the one who knows the number of classes to check.
///
/// # Errors
/// [`ArrayError`]: the file is missing, no `.npy` file or truncated; it does not hold `int64`; it does
/// not have exactly one dimension.
pub fn read_labels(path: impl AsRef<Path>) -> Result<Vec<i64>, ArrayError> {
    let (path, place) = (path.as_ref(), path.as_ref().display().to_string());
    let bytes = read_file(path)?;
    let file = open(&bytes, &place)?;
    check_dtype::<i64>(&file, &place)?;
    if file.shape().len() != 1 {
        return Err(dimensions(&file, place, "a vector of labels (one dimension)"));
    }
    Ok(decode::<i64>(file, &place)?.data)
}

/// Reads an array of any shape, of exactly the kind `T`.
///
/// # Errors
/// [`ArrayError`]: the file is missing, no `.npy` file or truncated; it holds another kind of number.
pub fn read_npy<T: Element>(path: impl AsRef<Path>) -> Result<Array<T>, ArrayError> {
    let bytes = read_file(path.as_ref())?;
    from_bytes(&bytes, &path.as_ref().display().to_string())
}

/// Writes an array, atomically; a file already there is replaced.
///
/// # Errors
/// [`ArrayError::Io`] where the file cannot be written, [`ArrayError::Shape`] where the array's shape
/// and data do not belong together.
pub fn write_npy<T: Element>(path: impl AsRef<Path>, array: &Array<T>) -> Result<(), ArrayError> {
    let path = path.as_ref();
    let bytes = to_bytes(array, &path.display().to_string())?;
    atomic::write_atomically(path, &bytes).map_err(|source| ArrayError::Io { path: path.into(), source })
}

/// The bytes of an `.npy` file as an array; `place` names them in errors.
pub(super) fn from_bytes<T: Element>(bytes: &[u8], place: &str) -> Result<Array<T>, ArrayError> {
    let file = open(bytes, place)?;
    check_dtype::<T>(&file, place)?;
    decode(file, place)
}

/// An array as the bytes of an `.npy` file.
pub(super) fn to_bytes<T: Element>(array: &Array<T>, place: &str) -> Result<Vec<u8>, ArrayError> {
    array.check(place)?;
    let shape: Vec<u64> = array.shape.iter().map(|&d| d as u64).collect();
    let mut bytes = Vec::new();
    let mut write = || {
        let mut writer =
            npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
        writer.extend(array.data.iter().copied())?;
        writer.finish()
    };
    write().map_err(|source| ArrayError::Io { path: place.into(), source })?;
    Ok(bytes)
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, ArrayError> {
    fs::read(path).map_err(|source| ArrayError::Io { path: path.into(), source })
}

fn open<'a>(bytes: &'a [u8], place: &str) -> Result<NpyFile<&'a [u8]>, ArrayError> {
    let not_npy = |reason: String| ArrayError::NotNpy { place: place.into(), reason };
    check_header(bytes).map_err(|reason| not_npy(reason.into()))?;
    NpyFile::new(bytes).map_err(|error| not_npy(error.to_string()))
}

/// How deep brackets may stand inside each other in a header: those of a record with a shaped field.
const MAX_NESTING: i32 = 6;

/// Refuses what the parser of `npyz` would not survive: a header that runs past the end or is huge,
/// and a shape whose size overflows.
fn check_header(bytes: &[u8]) -> Result<(), &'static str> {
    let Some(after_magic) = bytes.strip_prefix(b"\x93NUMPY") else {
        return Err(if bytes.is_empty() { "the file is empty" } else { "it does not start with \\x93NUMPY" });
    };
    let (length, text) = match after_magic {
        [1, _, a, b, text @ ..] => (u16::from_le_bytes([*a, *b]) as usize, text),
        [2 | 3, _, a, b, c, d, text @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, text),
        [] | [1..=3, ..] => return Err("its header is cut short"),
        _ => return Err("its version of the format is not 1, 2 or 3"),
    };
    if length > MAX_HEADER {
        return Err("its header is longer than 10000 bytes");
    }
    let text = text.get(..length).ok_or("its header is cut short")?;
    // The parser's work doubles with each bracket inside another; a plain array's header has two.
    let depths = text.iter().scan(0i32, |depth, byte| {
        *depth += i32::from(b"[({".contains(byte)) - i32::from(b"])}".contains(byte));
        Some(*depth)
    });
    if depths.max() > Some(MAX_NESTING) {
        return Err("its header has brackets inside brackets, as no array of plain numbers has");
    }
    let numbers = text.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let product = numbers.map(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok()).try_fold(
        1usize,
        // A dimension of 0 empties the array, but the strides of the others must still fit.
        |product, number| product.checked_mul(number?.max(1)),
    );
    product.filter(|&n| n <= isize::MAX as usize).map(|_| ()).ok_or("its shape is larger than memory")
}

fn check_dtype<T: Element>(file: &NpyFile<&[u8]>, place: &str) -> Result<(), ArrayError> {
    let found = dtype_name(&file.dtype());
    if found == T::DTYPE {
        return Ok(());
    }
    Err(ArrayError::Dtype { place: place.into(), found, expected: T::DTYPE, remedy: T::DTYPE })
}

/// NumPy's name of a kind of number, such as `int32`.
fn dtype_name(dtype: &DType) -> String {
    let DType::Plain(plain) = dtype else { return format!("the structured type {}", dtype.descr()) };
    let bits = plain.size_field().saturating_mul(8);
    match plain.type_char() {
        TypeChar::Float => format!("float{bits}"),
        TypeChar::Int => format!("int{bits}"),
        TypeChar::Uint => format!("uint{bits}"),
        TypeChar::Complex => format!("complex{bits}"),
        TypeChar::Bool => "bool".into(),
        TypeChar::Object => "object".into(),
        _ => format!("the type {plain}"),
    }
}

/// The numbers, in C order. The kind has been checked to be `T`.
fn decode<T: Element>(file: NpyFile<&[u8]>, place: &str) -> Result<Array<T>, ArrayError> {
    let shape = shape_of(&file);
    let fortran = file.order() == Order::Fortran;
    let count: usize = shape.iter().product();
    let (header, payload) = (file.header().clone(), file.into_inner());

    // The header's check has shown that count times 8 bytes may be computed.
    let expected = count.saturating_mul(size_of::<T>());
    if payload.len() < expected {
        return Err(ArrayError::Truncated { place: place.into(), expected, found: payload.len() });
    }
    let data: Vec<T> = NpyFile::with_header(header, payload)
        .into_vec()
        .map_err(|error| ArrayError::NotNpy { place: place.into(), reason: error.to_string() })?;
    let data = if fortran && shape.len() > 1 { to_c_order(&shape, &data) } else { data };
    Ok(Array { shape, data })
}

/// Column-major data (the first index runs fastest) in row-major order.
fn to_c_order<T: Copy>(shape: &[usize], data: &[T]) -> Vec<T> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &dimension in shape {
        strides.push(stride);
        stride *= dimension;
    }
    let mut out = Vec::with_capacity(data.len());
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    for _ in 0..data.len() {
        out.push(data[at]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    out
}

fn shape_of(file: &NpyFile<&[u8]>) -> Vec<usize> {
    // The header's check has shown that each dimension fits.
    file.shape().iter().map(|&d| d as usize).collect()
}

fn dimensions(file: &NpyFile<&[u8]>, place: String, expected: &'static str) -> ArrayError {
    ArrayError::Dimensions { place, shape: shape_of(file), expected }
}
