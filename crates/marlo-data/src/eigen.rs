//! The leading eigenvectors of a symmetric matrix without negative eigenvalues.
//!
//! A small matrix is decomposed whole. A large one of which few directions are wanted goes through
//! orthogonal iteration: a block of vectors is multiplied by the matrix and made orthonormal again and
//! again, until the leading directions stand still. That is nearly all matrix products, so its cost
//! grows with the directions wanted instead of the side of the matrix, and it needs no random numbers.

use nalgebra::{Cholesky, DMatrix, SymmetricEigen};

/// Up to this side a matrix is decomposed whole.
const SMALL: usize = 128;
/// Rounds of the iteration between two looks at its result; each multiplies by the matrix twice.
const ROUNDS: usize = 5;
/// The most looks: reached only where neighbouring eigenvalues are all but equal, so that their
/// directions are as good as one another.
const LOOKS: usize = 50;
/// The iteration ends when a look finds this little more in the leading directions, as a share.
const GAIN: f64 = 1e-12;

/// The `k` largest eigenvalues, falling, and their eigenvectors as columns of length 1.
///
/// `matrix` is symmetric, finite, with no eigenvalue below zero but for rounding. The signs are those of
/// [`fix_signs`].
pub(crate) fn leading(matrix: &DMatrix<f64>, k: usize) -> (Vec<f64>, DMatrix<f64>) {
    let side = matrix.nrows();
    let k = k.min(side);
    let block = k + (k / 2).max(16);
    let (values, mut vectors) =
        if side <= SMALL || side < 2 * block { whole(matrix.clone(), k) } else { iterate(matrix, k, block) };
    fix_signs(&mut vectors);
    (values, vectors)
}

/// Turns each column so that its entry of the largest size is positive (the first one of several).
pub(crate) fn fix_signs(columns: &mut DMatrix<f64>) {
    for mut column in columns.column_iter_mut() {
        let largest = column.iter().fold(0.0f64, |best, &x| if x.abs() > best.abs() { x } else { best });
        if largest < 0.0 {
            column.neg_mut();
        }
    }
}

/// The `k` leading eigenpairs from the full decomposition.
fn whole(matrix: DMatrix<f64>, k: usize) -> (Vec<f64>, DMatrix<f64>) {
    let eigen = SymmetricEigen::new(matrix);
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]).then(a.cmp(&b)));
    order.truncate(k);
    let values = order.iter().map(|&i| eigen.eigenvalues[i]).collect();
    (values, eigen.eigenvectors.select_columns(&order))
}

/// The `k` leading eigenpairs by orthogonal iteration with `block` vectors.
fn iterate(matrix: &DMatrix<f64>, k: usize, block: usize) -> (Vec<f64>, DMatrix<f64>) {
    let mut vectors = start(matrix.nrows(), block);
    let mut captured = 0.0;
    let mut looks = 0;
    loop {
        for _ in 0..ROUNDS {
            vectors = orthonormal(&(matrix * (matrix * vectors)));
        }
        // Once more: a block that was far from orthonormal is only nearly so after one pass.
        vectors = orthonormal(&vectors);
        let small = vectors.transpose() * (matrix * &vectors);
        let (values, turn) = whole((&small + small.transpose()) * 0.5, block);
        vectors *= turn;

        let now: f64 = values.iter().take(k).sum();
        looks += 1;
        if now - captured <= GAIN * now || looks == LOOKS {
            return (values.into_iter().take(k).collect(), vectors.columns(0, k).into_owned());
        }
        captured = now;
    }
}

/// Columns that span the same space and are orthonormal, by Cholesky of their products.
///
/// A shift far below the leading directions keeps the factorisation alive where the columns are
/// dependent; what they lack then comes out as columns near zero.
fn orthonormal(columns: &DMatrix<f64>) -> DMatrix<f64> {
    let mut products = columns.transpose() * columns;
    let shift = products.trace() * 1e-14 + f64::MIN_POSITIVE;
    for i in 0..products.nrows() {
        products[(i, i)] += shift;
    }
    let identity = DMatrix::identity(products.nrows(), products.ncols());
    let inverse = Cholesky::new(products).and_then(|factor| factor.l().solve_lower_triangular(&identity));
    match inverse {
        Some(inverse) => columns * inverse.transpose(),
        None => columns.clone(),
    }
}

/// Vectors that no data will be orthogonal to: fixed, without a pattern.
fn start(rows: usize, columns: usize) -> DMatrix<f64> {
    let mut state = 0u64;
    orthonormal(&DMatrix::from_fn(rows, columns, |_, _| {
        // SplitMix64, its upper bits as a number in [-1, 1).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Products of the columns of `start`, weighted so that eigenvalue i is `value(i)`.
    fn with_spectrum(side: usize, value: impl Fn(usize) -> f64) -> DMatrix<f64> {
        let basis = orthonormal(&start(side, side));
        let values = nalgebra::DVector::from_fn(side, |i, _| value(i));
        &basis * DMatrix::from_diagonal(&values) * basis.transpose()
    }

    fn residual(matrix: &DMatrix<f64>, values: &[f64], vectors: &DMatrix<f64>) -> f64 {
        let values = DMatrix::from_diagonal(&nalgebra::DVector::from_column_slice(values));
        (matrix * vectors - vectors * values).amax()
    }

    #[test]
    fn iteration_finds_the_spectrum_of_a_large_matrix() {
        let matrix = with_spectrum(160, |i| 0.95f64.powi(i as i32));
        let (values, vectors) = iterate(&matrix, 8, 24);
        for (i, value) in values.iter().enumerate() {
            assert!((value - 0.95f64.powi(i as i32)).abs() < 1e-10, "{i}: {value}");
        }
        assert!(residual(&matrix, &values, &vectors) < 1e-5);
        assert!((vectors.transpose() * &vectors - DMatrix::identity(8, 8)).amax() < 1e-12);
    }

    #[test]
    fn iteration_survives_a_matrix_of_low_rank() {
        let matrix = with_spectrum(140, |i| if i < 3 { 3.0 - i as f64 } else { 0.0 });
        let (values, vectors) = iterate(&matrix, 8, 24);
        for (i, expected) in [3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0].into_iter().enumerate() {
            assert!((values[i] - expected).abs() < 1e-10, "{i}: {}", values[i]);
        }
        assert!(residual(&matrix, &values, &vectors) < 1e-9);
    }

    #[test]
    fn signs_do_not_depend_on_the_method() {
        let matrix = with_spectrum(130, |i| 0.7f64.powi(i as i32));
        let (_, mut reference) = whole(matrix.clone(), 4);
        let (_, vectors) = leading(&matrix, 4);
        for (mut a, b) in reference.column_iter_mut().zip(vectors.column_iter()) {
            if a.dot(&b) < 0.0 {
                a.neg_mut();
            }
            assert!((a - b).amax() < 1e-8);
            assert!(b.max() >= -b.min());
        }
    }
}
