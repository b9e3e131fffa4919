//! Matrix products: the `gemm` crate, on one thread. One product a tile and thread beats one on many threads.

use crate::math::Real;

/// A matrix in memory: its first number, and how far apart those of neighbouring rows and columns are.
#[derive(Copy, Clone, Debug)]
pub(super) struct Matrix<P> {
    pub(super) first: P,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<P> Matrix<P> {
    /// One whose columns are neighbours.
    pub(super) fn by_rows(first: P, row: usize) -> Self {
        Matrix { first, row, column: 1 }
    }

    /// One whose rows are neighbours.
    pub(super) fn transposed(first: P, column: usize) -> Self {
        Matrix { first, row: 1, column }
    }
}

/// out = a·b, or out += a·b, for a (m, k) and b (k, n).
///
/// # Safety
/// The matrices lie in memory that may be read, and written for `out`, and `out` overlaps neither of the others.
pub(super) unsafe fn multiply<F: Real>(
    (m, n, k): (usize, usize, usize),
    out: Matrix<*mut F>,
    adds: bool,
    a: Matrix<*const F>,
    b: Matrix<*const F>,
) {
    let one = F::from_f64(1.0);
    let of = |stride: usize| stride as isize;
    // SAFETY: as the caller says.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.first,
            of(out.column),
            of(out.row),
            adds,
            a.first,
            of(a.column),
            of(a.row),
            b.first,
            of(b.column),
            of(b.row),
            one,
            one,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
