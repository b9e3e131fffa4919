//! One operation on dfdx's tape with marlo's derived gradient.

use dfdx::prelude::*;
use marlo_ir::eval::{Batch, evaluate, settings};
use marlo_ir::graph::Id;
use marlo_ir::loss::{Gradient, Loss};
use marlo_ir::setting::Moment;

use crate::{DfdxError, Element};

/// A loss as a dfdx operation: cosines (or logits) in, the loss of the batch out.
#[derive(Clone, Debug)]
pub struct Fused {
    loss: Loss,
    gradient: Gradient,
    settings: Vec<f64>,
}

impl Fused {
    /// Derives the gradient once; `given` sets hyperparameters over their defaults.
    ///
    /// # Errors
    /// When a hyperparameter is unknown, out of range or missing.
    pub fn new(loss: &Loss, given: &[(String, f64)]) -> Result<Self, DfdxError> {
        let settings = settings(loss, given, Moment::start(2))?;
        Ok(Fused { loss: loss.clone(), gradient: loss.gradient(), settings })
    }

    /// Sets hyperparameters over their defaults; nothing is derived anew.
    ///
    /// # Errors
    /// When a hyperparameter is unknown, out of range or missing.
    pub fn set(&mut self, given: &[(String, f64)]) -> Result<(), DfdxError> {
        self.settings = settings(&self.loss, given, Moment::start(2))?;
        Ok(())
    }

    /// The loss of the batch, on the tape of the matrix. The gradient is computed only where a tape asks for it.
    ///
    /// The shape may be known at compile time or at run time, and the layout need not be contiguous.
    ///
    /// # Errors
    /// When the inputs don't fit the loss: see [`Batch::new`].
    pub fn apply<B: Dim, C: Dim, E: Element, T: Tape<E, Cpu>>(
        &self,
        matrix: Tensor<(B, C), E, Cpu, T>,
        labels: &[usize],
    ) -> Result<Tensor<Rank0, E, Cpu, T>, DfdxError> {
        self.apply_with(matrix, labels, Vec::new())
    }

    /// The same with further inputs by name: vectors over samples or classes.
    ///
    /// # Errors
    /// When the inputs don't fit the loss: see [`Batch::new`].
    pub fn apply_with<B: Dim, C: Dim, E: Element, T: Tape<E, Cpu>>(
        &self,
        matrix: Tensor<(B, C), E, Cpu, T>,
        labels: &[usize],
        inputs: Vec<(String, Vec<E>)>,
    ) -> Result<Tensor<Rank0, E, Cpu, T>, DfdxError> {
        // A gradient has the physical layout of its tensor.
        let (matrix, mut tape) = matrix.try_contiguous()?.split_tape();
        let (rows, classes) = (matrix.shape().0.size(), matrix.shape().1.size());
        let signed: Vec<i64> = labels.iter().map(|&l| i64::try_from(l).unwrap_or(i64::MAX)).collect();
        let batch = Batch::new(&self.loss, classes, matrix.as_vec(), &signed, inputs, self.settings.clone())?;
        let graph = &self.gradient.loss.graph;
        let total = self.gradient.loss.total;
        let roots: Vec<Id> =
            if T::OWNS_TAPE { vec![total, self.gradient.target, self.gradient.other] } else { vec![total] };
        let values = evaluate(graph, &roots, &batch);
        let output = Cpu::default().try_tensor_from_vec(vec![values[0][0]], ())?;
        if let [_, target, other] = values.as_slice() {
            let at = |values: &[E], row: usize, cell: usize| match values.len() {
                1 => values[0],
                n if n == rows && n != rows * classes => values[row],
                _ => values[cell],
            };
            let mut derivative = Vec::with_capacity(rows * classes);
            for (row, &label) in batch.labels.iter().enumerate() {
                for class in 0..classes {
                    let cell = row * classes + class;
                    derivative.push(if class == label { at(target, row, row) } else { at(other, row, cell) });
                }
            }
            let (from, to) = (output.ghost(), matrix.ghost());
            tape.add_backward_op(move |gradients| {
                gradients.try_alloc_for(&from)?;
                gradients.try_alloc_for(&to)?;
                let above = gradients.get_or_alloc_mut(&from)?[0];
                let below = gradients.get_or_alloc_mut(&to)?;
                for (sum, d) in below.iter_mut().zip(&derivative) {
                    *sum += above * *d;
                }
                Ok(())
            });
        }
        Ok(output.put_tape(tape))
    }
}
