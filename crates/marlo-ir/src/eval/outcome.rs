//! Loss and gradient of a batch by the derived formula, whatever the arithmetic.

use super::{Batch, Scalar, evaluate};
use crate::loss::Gradient;

/// Loss and gradient of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<S> {
    /// Each sample's own loss, (B,).
    pub loss: Vec<S>,
    /// The loss of the batch.
    pub total: S,
    /// ∂(loss of the batch)/∂(matrix), (B, C), row by row.
    pub gradient: Vec<S>,
}

/// Evaluates a derived gradient, and the loss with it.
pub fn outcome<S: Scalar>(gradient: &Gradient, batch: &Batch<S>) -> Outcome<S> {
    let roots = gradient.roots().map(|root| root.1);
    let mut values = evaluate(&gradient.loss.graph, &roots, batch);
    let [row, total, target, other] = [0, 1, 2, 3].map(|at| std::mem::take(&mut values[at]));
    let spread = |values: &[S], row: usize| values[if values.len() == 1 { 0 } else { row }];
    let mut matrix = if other.len() == batch.rows * batch.classes {
        other
    } else {
        // A gradient that is the same for all cells of a row, or for all rows, is not a cell value.
        let line = |row| std::iter::repeat_n(row, batch.classes);
        (0..batch.rows).flat_map(line).map(|row| spread(&other, row)).collect()
    };
    for (row, &label) in batch.labels.iter().enumerate() {
        matrix[row * batch.classes + label] = spread(&target, row);
    }
    Outcome { loss: (0..batch.rows).map(|i| spread(&row, i)).collect(), total: total[0], gradient: matrix }
}
