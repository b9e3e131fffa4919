//! All cosines between two sets of embeddings, a block at a time.
//!
//! A block is [`ROWS`] × [`ROWS`] cosines in f32, of rows scaled to length 1 and rounded to f32; memory beside
//! the embeddings is three blocks' worth a thread. Every block has its full size, whatever stands in rows that are left over, so
//! that each cosine is summed in the same order wherever its rows stand: equal rows have equal cosines, and
//! cos(i, j) is cos(j, i), to the last bit. Between machines with different instructions the last bit may
//! differ.

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
