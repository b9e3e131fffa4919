//! All cosines between two sets of embeddings, a block at a time.
//!
//! A block is [`ROWS`] × [`ROWS`] cosines in f32, of rows scaled to length 1 and rounded to f32; memory beside
//! the embeddings is a block and [`ROWS`] rows of each side a thread. Every block has its full size, whatever
//! stands in rows that are left over, so that each cosine is summed in the same order wherever its rows stand:
//! equal rows have equal cosines, and cos(i, j) is cos(j, i), to the last bit. Between machines with different
//! instructions the last bit may differ.

use std::ops::Range;

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::embeddings::Embeddings;

/// The rows and columns of a block.
pub(crate) const ROWS: usize = 256;

/// Cosines of a range of left rows with a range of right rows.
pub(crate) struct Block<'a> {
    /// The rows on the left.
    pub(crate) left: Range<usize>,
    /// The rows on the right.
    pub(crate) right: Range<usize>,
    cosines: &'a DMatrix<f32>,
}

impl Block<'_> {
    /// Each left row with its cosines with the right rows, in order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let columns = self.cosines.as_slice().chunks_exact(ROWS);
        self.left.clone().zip(columns.map(|column| &column[..self.right.len()]))
    }
}

/// Hands the blocks of `left` × `right`, of one number of columns, to `take`: those of a range of left rows one
/// after another, with a state that `new` made for that range. Gives the states, in the order of the left rows
/// where they are collected. Blocks for which `wanted` is false are not computed.
pub(crate) fn blocks<S: Send>(
    left: &Embeddings,
    right: &Embeddings,
    wanted: impl Fn(&Range<usize>, &Range<usize>) -> bool + Sync + Send,
    new: impl Fn(Range<usize>) -> S + Sync + Send,
    take: impl Fn(&mut S, Block<'_>) + Sync + Send,
) -> impl IndexedParallelIterator<Item = S> {
    let dim = left.dim();
    let scratch = move || {
        let rows = DMatrix::zeros(dim, ROWS);
        (rows, DMatrix::zeros(ROWS, dim), DMatrix::zeros(ROWS, ROWS))
    };
    let starts: Vec<usize> = (0..left.len()).step_by(ROWS).collect();
    let range = |start: usize, of: &Embeddings| start..(start + ROWS).min(of.len());
    starts.into_par_iter().map_init(scratch, move |(lefts, rights, cosines), start| {
        let rows = range(start, left);
        let mut state = new(rows.clone());
        left.unit(rows.clone()).for_each(|(row, column, value)| lefts[(column, row)] = value);
        for columns in (0..right.len()).step_by(ROWS).map(|start| range(start, right)) {
            if wanted(&rows, &columns) {
                right.unit(columns.clone()).for_each(|(row, column, value)| rights[(row, column)] = value);
                cosines.gemm(1.0, rights, lefts, 0.0);
                take(&mut state, Block { left: rows.clone(), right: columns, cosines });
            }
        }
        state
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_does_not_depend_on_where_its_rows_stand() {
        let mut state = 1_u32;
        let mut number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        for dim in [1, 3, 64, 300] {
            let distinct: Vec<f32> = (0..7 * dim).map(|_| number()).collect();
            let n = ROWS + 45;
            let rows = (0..n * dim).map(|k| distinct[k % (7 * dim)]).collect();
            let rows = Embeddings::new(rows, dim).unwrap();
            let all = blocks(
                &rows,
                &rows,
                |_, _| true,
                |rows| vec![Vec::new(); rows.len()],
                |found, block| {
                    block.rows().zip(found).for_each(|((_, scores), found)| found.extend_from_slice(scores));
                },
            );
            let all: Vec<Vec<f32>> = all.flatten().collect();
            for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                assert_eq!(all[i][j].to_bits(), all[i % 7][j % 7].to_bits(), "{dim}: {i}, {j}");
                assert_eq!(all[i][j].to_bits(), all[j][i].to_bits(), "{dim}: {i}, {j}");
                assert!((f64::from(all[i][j]) - rows.cosine(i, j)).abs() < 1e-6);
            }
        }
    }
}
