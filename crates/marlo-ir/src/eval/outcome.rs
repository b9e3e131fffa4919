//! Loss and gradient of a batch by the derived formula, whatever the arithmetic.

use super::{Batch, Scalar, evaluate};
use crate::graph::{Axis, Id};
use crate::loss::{Gradient, Wrt};

/// Loss and gradient of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<S> {
    /// Each sample's own loss, (B,).
    pub loss: Vec<S>,
    /// The loss of the batch.
    pub total: S,
    /// ∂(loss of the batch)/∂(matrix), (B, C), row by row; with K centres (B, C, K).
    pub gradient: Vec<S>,
    /// The further derivatives of [`Gradient::partials`], but for those by further centres, which belong to the matrix.
    pub partials: Vec<(Wrt, Vec<S>)>,
    /// The next value of each state, in the order of [`crate::loss::Loss::updates`].
    pub states: Vec<S>,
}

/// Evaluates a derived gradient, and the loss with it.
///
/// A partial is (B,) by an input of the samples, (C,) by one of the classes, one number by a hyperparameter.
pub fn outcome<S: Scalar>(gradient: &Gradient, batch: &Batch<S>) -> Outcome<S> {
    let graph = &gradient.loss.graph;
    let mut roots: Vec<Id> = gradient.roots().map(|root| root.1).to_vec();
    roots.extend(gradient.partials.iter().flat_map(|p| [p.target, p.other]));
    roots.extend(gradient.loss.updates.iter().map(|update| update.next));
    let values = evaluate(graph, &roots, batch);
    let (pairs, states) = values[2..].split_at(2 + 2 * gradient.partials.len());
    let matrix = |pair: &[Vec<S>]| spread_over_cells(&pair[0], &pair[1], batch);
    let mut slabs = vec![matrix(&pairs[..2])];
    let mut partials = Vec::new();
    for (partial, pair) in gradient.partials.iter().zip(pairs[2..].chunks(2)) {
        let axis = match partial.by {
            Wrt::Param(_) => None,
            Wrt::Input(at) => Some(graph.inputs[at as usize].axis),
        };
        match axis {
            None => partials.push((partial.by, vec![pair[0][0]])),
            Some(Axis::Rows) => {
                partials.push((partial.by, (0..batch.rows).map(|row| spread(&pair[0], row)).collect()));
            }
            Some(Axis::Classes) => partials.push((partial.by, over_rows(&matrix(pair), batch.classes))),
            Some(Axis::Matrix) => slabs.push(matrix(pair)),
        }
    }
    Outcome {
        loss: (0..batch.rows).map(|row| spread(&values[0], row)).collect(),
        total: values[1][0],
        gradient: interleave(slabs),
        partials,
        states: states.iter().map(|state| state[0]).collect(),
    }
}

fn spread<S: Copy>(values: &[S], row: usize) -> S {
    values[if values.len() == 1 { 0 } else { row }]
}

/// A derivative of each cell from what stands at the label and what stands at another class, (B, C).
fn spread_over_cells<S: Scalar>(target: &[S], other: &[S], batch: &Batch<S>) -> Vec<S> {
    let mut matrix = if other.len() == batch.rows * batch.classes {
        other.to_vec()
    } else {
        // A gradient that is the same for all cells of a row, or for all rows, is not a cell value.
        let line = |row| std::iter::repeat_n(row, batch.classes);
        (0..batch.rows).flat_map(line).map(|row| spread(other, row)).collect()
    };
    for (row, &label) in batch.labels.iter().enumerate() {
        matrix[row * batch.classes + label] = spread(target, row);
    }
    matrix
}

/// The sum of each column, for a derivative by an input of the classes.
pub fn over_rows<S: Scalar>(matrix: &[S], classes: usize) -> Vec<S> {
    let column = |class: usize| super::reference::sum(matrix.iter().skip(class).step_by(classes).copied());
    (0..classes).map(column).collect()
}

/// K matrices (B, C) as one (B, C, K).
pub fn interleave<S: Copy>(mut slabs: Vec<Vec<S>>) -> Vec<S> {
    match slabs.len() {
        1 => slabs.remove(0),
        _ => (0..slabs[0].len()).flat_map(|at| slabs.iter().map(move |slab| slab[at])).collect(),
    }
}

/// One (B, C, K) as K matrices (B, C).
pub fn slabs<S: Copy>(matrix: &[S], centres: usize) -> Vec<Vec<S>> {
    (0..centres).map(|centre| matrix.iter().skip(centre).step_by(centres).copied().collect()).collect()
}
