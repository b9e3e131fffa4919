//! What a run gives: what the rows left behind on the device, summed up on the host in f64.

use marlo_ir::eval::interleave;
use marlo_ir::graph::{Axis, Id};
use marlo_ir::loss::Wrt;
use marlo_ir::schedule::RowProgram;

/// Loss and gradient of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Each sample's own loss, (B,).
    pub loss: Vec<f32>,
    /// The loss of the batch, summed up in f64.
    pub mean_loss: f64,
    /// ∂(loss of the batch)/∂(matrix), (B, C), row by row; with K centres (B, C, K).
    pub gradient: Vec<f32>,
    /// The further derivatives of the program, but for those by further centres, which belong to the matrix: (B,) by an
    /// input of the samples, (C,) by one of the classes, one number by a hyperparameter. Summed up in f64.
    pub partials: Vec<(Wrt, Vec<f64>)>,
    /// The next value of each state, in the order of [`marlo_ir::loss::Loss::updates`].
    pub states: Vec<f64>,
}

/// A derivative of each cell, as the chunks give it.
#[derive(Debug)]
pub(crate) enum Cells {
    /// By a matrix: as it is.
    Matrix(Vec<f32>),
    /// By an input of the classes: the sums over the rows.
    Classes(Vec<f64>),
}

/// What an input varies with; `None` for a hyperparameter.
fn axis(program: &RowProgram, by: Wrt) -> Option<Axis> {
    match by {
        Wrt::Input(at) => Some(program.graph().inputs[at as usize].axis),
        Wrt::Param(_) => None,
    }
}

impl Cells {
    /// The derivatives that a sweep writes, before any chunk.
    pub(crate) fn none(program: &RowProgram, rows: usize, classes: usize) -> Vec<Cells> {
        let matrix = || Cells::Matrix(Vec::with_capacity(rows * classes));
        let gradient = &program.gradient;
        let by_cells =
            gradient.partials.iter().map(|partial| partial.by).filter(|by| gradient.has_cells(*by));
        let further = by_cells.map(|by| match axis(program, by) {
            Some(Axis::Matrix) => matrix(),
            _ => Cells::Classes(vec![0.0; classes]),
        });
        [matrix()].into_iter().chain(further).collect()
    }

    /// Adds the values of a chunk.
    pub(crate) fn add(&mut self, values: &[f32], classes: usize) {
        match self {
            Cells::Matrix(all) => all.extend(values),
            Cells::Classes(sums) => {
                for (at, value) in values.iter().enumerate() {
                    sums[at % classes] += f64::from(*value);
                }
            }
        }
    }
}

impl Outcome {
    /// What the host works out in f64 from what the rows left behind: the loss of the batch, derivatives by inputs of the
    /// samples and by hyperparameters, the next values of states. `kept` are the values of the slots, (slots, B).
    pub(crate) fn new(
        program: &RowProgram,
        params: &[f64],
        classes: usize,
        loss: Vec<f32>,
        (slots, kept): (&[Id], &[f32]),
        cells: Vec<Cells>,
    ) -> Outcome {
        let rows = loss.len();
        let widen = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let mut stored: Vec<(Id, Vec<f64>)> = vec![(program.gradient.loss.row, widen(&loss))];
        stored.extend(slots.iter().zip(kept.chunks(rows)).map(|(&id, values)| (id, widen(values))));
        let row = |id: Id| stored.iter().find(|s| s.0 == id).map(|s| s.1.as_slice());

        let gradient = &program.gradient;
        let of_rows = gradient.partials.iter().filter(|partial| !gradient.has_cells(partial.by));
        let mut roots = vec![gradient.loss.total];
        roots.extend(of_rows.map(|partial| partial.target));
        roots.extend(gradient.loss.updates.iter().map(|update| update.next));
        let found = program.values_from(&roots, params, (rows, classes), &row);
        let mut found = found.into_iter();
        let mean_loss = found.next().map_or(f64::NAN, |total| total[0]);
        let (mut slabs, mut sums) = (Vec::new(), Vec::new());
        for cells in cells {
            match cells {
                Cells::Matrix(slab) => slabs.push(slab),
                Cells::Classes(sum) => sums.push(sum),
            }
        }
        let mut sums = sums.into_iter();
        let mut partials = Vec::new();
        for by in gradient.partials.iter().map(|partial| partial.by) {
            let values = match axis(program, by) {
                Some(Axis::Matrix) => continue,
                Some(Axis::Classes) => sums.next(),
                // The same for all samples is given once.
                Some(Axis::Rows) => found.next().map(|values| match values.as_slice() {
                    [one] => vec![*one; rows],
                    _ => values,
                }),
                None => found.next(),
            };
            partials.push((by, values.unwrap_or_default()));
        }
        let states = found.map(|next| next[0]).collect();
        let gradient = if slabs.is_empty() { Vec::new() } else { interleave(slabs) };
        Outcome { loss, mean_loss, gradient, partials, states }
    }
}
