//! Native kernels for losses: the sweeps of the shipped losses, and of those that a program [embeds](Embedded), are
//! compiled; others are interpreted.

#[doc(hidden)]
pub mod embedded;

use marlo_ir::eval::{Batch, interleave};
use marlo_ir::graph::Axis;
use marlo_ir::loss::{Loss, Wrt};
use marlo_ir::schedule::RowProgram;
use marlo_native::math::Real;

use crate::backend::Outcome;

pub use embedded::Embedded;
pub use marlo_native::{Head, Inputs, Kernel, Library, NativeError, Outputs, Totals, head, isa, math};

/// Runs a loss on a checked batch.
pub(crate) fn outcome<S: Real>(
    loss: &Loss,
    batch: &Batch<S>,
    wrt: &[Wrt],
) -> Result<Outcome<S>, NativeError> {
    run(&Kernel::new(&RowProgram::by(loss, wrt), &Library::shipped()), loss, batch)
}

/// Runs a kernel on a checked batch of its loss.
///
/// # Errors
/// When the batch is one of another loss.
pub fn run<S: Real>(kernel: &Kernel<S>, loss: &Loss, batch: &Batch<S>) -> Result<Outcome<S>, NativeError> {
    let further = loss.graph.inputs[1..].iter().zip(&batch.vectors);
    let of = |is_matrix: bool| {
        further
            .clone()
            .filter(move |(input, _)| (input.axis == Axis::Matrix) == is_matrix)
            .map(|(_, v)| v.as_slice())
    };
    let matrices: Vec<&[S]> = [batch.matrix.as_slice()].into_iter().chain(of(true)).collect();
    let vectors: Vec<&[S]> = of(false).collect();
    let mut slabs = vec![vec![S::default(); batch.matrix.len()]; matrices.len()];
    let mut gradients: Vec<&mut [S]> = slabs.iter_mut().map(Vec::as_mut_slice).collect();
    let mut losses = vec![S::default(); batch.rows];
    let inputs = Inputs {
        classes: batch.classes,
        matrices: &matrices,
        stride: batch.classes,
        labels: &batch.labels,
        vectors: &vectors,
        params: &batch.params,
        resolution: batch.resolution,
    };
    let narrow = |(by, values): (Wrt, Vec<f64>)| (by, values.into_iter().map(S::from_f64).collect());
    let totals = kernel.run(&inputs, &mut Outputs { loss: &mut losses, gradients: &mut gradients })?;
    Ok(Outcome {
        loss: losses,
        mean_loss: totals.loss,
        gradient: interleave(slabs),
        partials: totals.partials.into_iter().map(narrow).collect(),
        states: totals.states,
    })
}
