//! Embeddings: n rows of d numbers, checked once, so that nobody else needs to.
//!
//! In: rows as a network gives them, of any length. Out: an [`Embeddings`], whose rows are finite and not
//! zero. Everything that this crate computes depends on a row's direction alone: rows count as scaled to
//! length 1.

use std::ops::Range;

/// n × d embeddings, row by row.
///
/// The rows are kept as given, with their lengths beside them in f64, so that [`cosine`](Self::cosine) is
/// right to about 1e-15 and memory is that of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    rows: Vec<f32>,
    dim: usize,
    norms: Vec<f64>,
}

/// Why numbers are no embeddings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EmbeddingsError {
    /// There are no numbers, or rows without any.
    #[error("no embeddings: {numbers} numbers in rows of {dim}; at least one row of one number is needed")]
    Empty {
        /// The numbers.
        numbers: usize,
        /// The numbers a row.
        dim: usize,
    },
    /// The numbers do not fill whole rows.
    #[error("{numbers} numbers do not fill rows of {dim}; give n × {dim} of them")]
    Shape {
        /// The numbers.
        numbers: usize,
        /// The numbers a row.
        dim: usize,
    },
    /// A number is infinite or NaN.
    #[error("row {row}, column {column} is {value}; mend or leave out the image that it belongs to")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The number.
        value: f32,
    },
    /// A row has no direction.
    #[error("row {row} is zero and has no direction; mend or leave out the image that it belongs to")]
    Zero {
        /// The row, from 0.
        row: usize,
    },
    /// Two sets that belong together have different shapes.
    #[error("{} × {} and {} × {} embeddings do not belong together", left.0, left.1, right.0, right.1)]
    Differ {
        /// Rows and columns of the one.
        left: (usize, usize),
        /// Rows and columns of the other.
        right: (usize, usize),
    },
}

impl Embeddings {
    /// Takes rows of `dim` numbers, one after another.
    ///
    /// # Errors
    /// [`EmbeddingsError`]: no rows, a last row that is not whole, a number that is not finite, a row of zeros.
    pub fn new(rows: Vec<f32>, dim: usize) -> Result<Self, EmbeddingsError> {
        let numbers = rows.len();
        if numbers == 0 || dim == 0 {
            return Err(EmbeddingsError::Empty { numbers, dim });
        }
        if !numbers.is_multiple_of(dim) {
            return Err(EmbeddingsError::Shape { numbers, dim });
        }
        if let Some(at) = rows.iter().position(|value| !value.is_finite()) {
            return Err(EmbeddingsError::NotFinite { row: at / dim, column: at % dim, value: rows[at] });
        }
        let norms: Vec<f64> = rows.chunks_exact(dim).map(|row| dot(row, row).sqrt()).collect();
        match norms.iter().position(|&norm| norm == 0.0) {
            Some(row) => Err(EmbeddingsError::Zero { row }),
            None => Ok(Embeddings { rows, dim, norms }),
        }
    }

    /// The sum of each image's embedding and its mirror image's, which is what the published evaluations of
    /// insightface judge ("flip", F2). The sum is that of the rows as given, in f32, before any scaling.
    ///
    /// # Errors
    /// [`EmbeddingsError::Differ`] where the shapes differ, and those of [`Embeddings::new`]: a sum can be zero.
    pub fn with_flips(original: &Self, flipped: &Self) -> Result<Self, EmbeddingsError> {
        let (left, right) = ((original.len(), original.dim), (flipped.len(), flipped.dim));
        if left != right {
            return Err(EmbeddingsError::Differ { left, right });
        }
        Embeddings::new(original.rows.iter().zip(&flipped.rows).map(|(a, b)| a + b).collect(), original.dim)
    }

    /// The number of rows, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.norms.len()
    }

    /// The numbers a row, at least 1.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Row `i` as it was given.
    ///
    /// # Panics
    /// Where `i` is not below [`len`](Self::len).
    pub fn row(&self, i: usize) -> &[f32] {
        &self.rows[i * self.dim..(i + 1) * self.dim]
    }

    /// The cosine of rows `i` and `j`, in f64.
    ///
    /// # Panics
    /// Where `i` or `j` is not below [`len`](Self::len).
    pub fn cosine(&self, i: usize, j: usize) -> f64 {
        dot(self.row(i), self.row(j)) / (self.norms[i] * self.norms[j])
    }

    /// The rows of `range`, scaled to length 1 and rounded to f32, one number at a time with its place in the
    /// range and its column.
    pub(crate) fn unit(&self, range: Range<usize>) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
        let start = range.start;
        range.flat_map(move |i| {
            let scaled = move |&value: &f32| (f64::from(value) / self.norms[i]) as f32;
            self.row(i).iter().map(scaled).enumerate().map(move |(column, value)| (i - start, column, value))
        })
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_embedding_is_refused() {
        use EmbeddingsError as E;
        assert_eq!(Embeddings::new(vec![], 2), Err(E::Empty { numbers: 0, dim: 2 }));
        assert_eq!(Embeddings::new(vec![1.0], 0), Err(E::Empty { numbers: 1, dim: 0 }));
        assert_eq!(Embeddings::new(vec![1.0; 3], 2), Err(E::Shape { numbers: 3, dim: 2 }));
        assert_eq!(Embeddings::new(vec![1.0, 0.0, 0.0, 0.0], 2), Err(E::Zero { row: 1 }));
        let nan = Embeddings::new(vec![1.0, 0.0, 0.0, f32::NAN], 2);
        assert!(matches!(nan, Err(E::NotFinite { row: 1, column: 1, .. })));
    }

    #[test]
    fn the_smallest_and_largest_numbers_have_directions() {
        let tiny = f32::from_bits(1);
        let e = Embeddings::new(vec![tiny, tiny, f32::MAX, f32::MAX, -1.0, 1.0], 2).unwrap();
        assert!((e.cosine(0, 1) - 1.0).abs() < 1e-15);
        assert!(e.cosine(0, 2).abs() < 1e-15);
    }

    #[test]
    fn flips_are_summed_before_they_are_scaled() {
        let a = Embeddings::new(vec![3.0, 0.0, 1.0, 1.0], 2).unwrap();
        let b = Embeddings::new(vec![0.0, 4.0, 1.0, 1.0], 2).unwrap();
        let sum = Embeddings::with_flips(&a, &b).unwrap();
        assert_eq!(sum.row(0), [3.0, 4.0]);
        let opposite = Embeddings::new(vec![-3.0, 0.0, 1.0, 1.0], 2).unwrap();
        assert_eq!(Embeddings::with_flips(&a, &opposite), Err(EmbeddingsError::Zero { row: 0 }));
        let short = Embeddings::new(vec![1.0, 1.0], 2).unwrap();
        assert!(matches!(Embeddings::with_flips(&a, &short), Err(EmbeddingsError::Differ { .. })));
    }
}
