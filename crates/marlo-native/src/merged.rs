//! Reductions over the tiles of a row, in the order of the tiles.

use marlo_ir::eval::NO_CLASS;
use marlo_ir::graph::Id;

use crate::row_values::Layout;
use crate::sweep::Reduce;

/// A reduction over the tiles of a row.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Merged {
    /// sum·2^shift
    Lse {
        shift: f64,
        sum: f64,
    },
    Sum(f64),
    Max(f64),
}

impl Merged {
    /// Of no tile yet.
    pub(crate) fn new(reduce: &Reduce) -> Merged {
        match reduce {
            Reduce::Lse { .. } => Merged::Lse { shift: 0.0, sum: 0.0 },
            Reduce::Sum(_) => Merged::Sum(0.0),
            Reduce::Max(_) => Merged::Max(NO_CLASS),
        }
    }

    /// Merges what a tile gave, in the order of the tiles.
    pub(crate) fn add(&mut self, found: f64, own: f64) {
        match self {
            // A tile whose terms are all 0 says nothing; one that is no number makes the row none.
            Merged::Lse { shift, sum } if found != 0.0 => {
                if *sum == 0.0 {
                    (*shift, *sum) = (own, found);
                } else if own > *shift {
                    *sum = found + *sum * (*shift - own).exp2();
                    *shift = own;
                } else {
                    *sum += found * (own - *shift).exp2();
                }
            }
            Merged::Lse { .. } => {}
            Merged::Sum(sum) => *sum += found,
            Merged::Max(max) => *max = max.max(found),
        }
    }

    /// Stores the result as a value of the row.
    pub(crate) fn store(self, layout: &Layout, values: &mut [f64], id: Id) {
        match self {
            Merged::Lse { shift, sum } => layout.store_lse(values, id, shift, sum),
            Merged::Sum(value) | Merged::Max(value) => values[layout.slot(id)] = value,
        }
    }
}
