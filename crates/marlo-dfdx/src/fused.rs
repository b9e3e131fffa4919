//! One operation on dfdx's tape with marlo's derived gradient.

use dfdx::prelude::*;
use dfdx::tensor::CpuError;
use marlo_ir::eval::{Batch, Outcome, Scalar, evaluate, outcome};
use marlo_ir::graph::Axis as Along;
use marlo_ir::loss::{Gradient, Loss, Wrt};

use crate::progress::Progress;
use crate::{DfdxError, Element};

/// An input by its name: a tensor over samples or over classes.
pub type NamedTensor<N, E, T> = (String, Tensor<(N,), E, Cpu, T>);

/// A loss as a dfdx operation: cosines (or logits) in, the loss of the batch out.
///
/// Hyperparameters, schedules and states stand in its [`Progress`].
#[derive(Clone, Debug)]
pub struct Fused {
    gradient: Gradient,
    progress: Progress,
}

impl Fused {
    /// Derives the gradient once; `given` sets hyperparameters over their defaults and schedules, and states over their
    /// starts.
    ///
    /// # Errors
    /// When a hyperparameter is unknown, out of range or missing.
    pub fn new(loss: &Loss, given: &[(String, f64)]) -> Result<Self, DfdxError> {
        let progress = Progress::new(loss, given)?;
        // Only what is on a tape is computed in the end.
        let inputs: Vec<Wrt> = (1..loss.graph.inputs.len() as u32).map(Wrt::Input).collect();
        Ok(Fused { gradient: loss.gradient_by(&inputs), progress })
    }

    /// Where training stands.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The same, to be moved: [`advance`](Progress::advance) it once a step.
    pub fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    /// The loss of the batch, on the tape of the matrix. The gradient is computed only where a tape asks for it, and so are
    /// the next values of states, which take effect with [`advance`](Progress::advance).
    ///
    /// The shape may be known at compile time or at run time, and the layout need not be contiguous. A loss with K centres a
    /// class takes (B, C·K): the centres of a class stand next to each other.
    ///
    /// # Errors
    /// When the inputs don't fit the loss, see [`Batch::new`], or a schedule ends before this step.
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
    /// As [`apply`](Self::apply).
    pub fn apply_with<B: Dim, C: Dim, E: Element, T: Tape<E, Cpu>>(
        &self,
        matrix: Tensor<(B, C), E, Cpu, T>,
        labels: &[usize],
        inputs: Vec<(String, Vec<E>)>,
    ) -> Result<Tensor<Rank0, E, Cpu, T>, DfdxError> {
        let none: Vec<NamedTensor<usize, E, NoneTape>> = Vec::new();
        self.apply_traced(matrix, labels, none, inputs)
    }

    /// The same with inputs that are tensors: where they have a tape it is merged into that of the matrix, and the loss's
    /// gradient flows into them. So the norms of embeddings, (B,), get the radial part of the gradient back to these.
    ///
    /// Tensors over samples and over classes can stand together as `Tensor<(usize,), …>`.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_traced<B: Dim, C: Dim, N: Dim, E: Element, T: Tape<E, Cpu> + Merge<R>, R: Tape<E, Cpu>>(
        &self,
        matrix: Tensor<(B, C), E, Cpu, T>,
        labels: &[usize],
        traced: Vec<NamedTensor<N, E, R>>,
        inputs: Vec<(String, Vec<E>)>,
    ) -> Result<Tensor<Rank0, E, Cpu, T>, DfdxError> {
        // A gradient has the physical layout of its tensor.
        let (matrix, mut tape) = matrix.try_contiguous()?.split_tape();
        let mut vectors = inputs;
        let mut leaves = Vec::new();
        for (name, input) in traced {
            let (input, other) = input.try_contiguous()?.split_tape();
            tape = tape.merge(other);
            vectors.push((name.clone(), input.as_vec()));
            leaves.push((self.loss().wrt(&name), input));
        }
        let classes = matrix.shape().1.size() / self.loss().graph.centres();
        let batch = self.batch(classes, matrix.as_vec(), labels, vectors)?;
        let device = matrix.device();
        if !T::OWNS_TAPE {
            let total = evaluate(&self.gradient.loss.graph, &[self.gradient.loss.total], &batch)[0][0];
            return Ok(tensor_of(device, &[total], ())?.put_tape(tape));
        }
        let on_tape = |by| R::OWNS_TAPE && leaves.iter().any(|leaf| leaf.0 == Some(by));
        let found = self.found(&batch, &on_tape);
        let output = tensor_of(device, &[found.total], ())?;
        flow(&mut tape, &output, &matrix, found.gradient);
        for (by, derivative) in found.partials {
            if let Some((_, leaf)) = leaves.iter().find(|leaf| leaf.0 == Some(by)) {
                flow(&mut tape, &output, leaf, derivative);
            }
        }
        Ok(output.put_tape(tape))
    }

    fn batch<E: Element>(
        &self,
        classes: usize,
        matrix: Vec<E>,
        labels: &[usize],
        vectors: Vec<(String, Vec<E>)>,
    ) -> Result<Batch<E>, DfdxError> {
        let labels: Vec<i64> = labels.iter().map(|&l| i64::try_from(l).unwrap_or(i64::MAX)).collect();
        let params = self.progress.params(classes)?;
        Ok(Batch::new(self.loss(), classes, matrix, &labels, vectors, params)?)
    }

    fn loss(&self) -> &Loss {
        self.progress.loss()
    }

    /// The loss with the derivatives by the matrix and by what else is on the tape; the next states are kept.
    fn found<E: Element>(&self, batch: &Batch<E>, on_tape: &dyn Fn(Wrt) -> bool) -> Outcome<E> {
        let graph = &self.loss().graph;
        let is_matrix = |by| matches!(by, Wrt::Input(at) if graph.inputs[at as usize].axis == Along::Matrix);
        let mut asked = self.gradient.clone();
        asked.partials.retain(|partial| is_matrix(partial.by) || on_tape(partial.by));
        let found = outcome(&asked, batch);
        let states: Vec<f64> = found.states.iter().map(|state| Scalar::to_f64(*state)).collect();
        self.progress.found(&states);
        found
    }
}

/// A tensor of these values in a buffer of the device. Where that keeps buffers (`enable_cache`), one that it did not hand out
/// would be one more with every step.
pub fn tensor_of<S: Shape, E: Element>(
    device: &Cpu,
    values: &[E],
    shape: S,
) -> Result<Tensor<S, E, Cpu>, DfdxError> {
    if shape.num_elements() != values.len() {
        return Err(CpuError::WrongNumElements.into());
    }
    let mut tensor = device.try_zeros_like(&shape)?;
    tensor.copy_from(values);
    Ok(tensor)
}

/// Lets the gradient flow from the loss into a tensor.
pub(crate) fn flow<S: Shape, E: Element>(
    tape: &mut impl Tape<E, Cpu>,
    from: &Tensor<Rank0, E, Cpu>,
    to: &Tensor<S, E, Cpu>,
    derivative: Vec<E>,
) {
    flow_by(tape, from, to, move |above, below| {
        for (sum, d) in below.iter_mut().zip(&derivative) {
            *sum += above[0] * *d;
        }
    });
}

/// Lets the gradient flow from one tensor into another: `add` is given that of the one and adds to that of the other.
pub(crate) fn flow_by<R: Shape, S: Shape, E: Element>(
    tape: &mut impl Tape<E, Cpu>,
    from: &Tensor<R, E, Cpu>,
    to: &Tensor<S, E, Cpu>,
    add: impl FnOnce(&[E], &mut [E]) + 'static,
) {
    let (from, to) = (from.ghost(), to.ghost());
    tape.add_backward_op(move |gradients| {
        gradients.try_alloc_for(&from)?;
        gradients.try_alloc_for(&to)?;
        // One gradient at a time can be borrowed, so that of the output is taken out; it goes back when it was read.
        let above = std::mem::take(&mut **gradients.get_or_alloc_mut(&from)?);
        add(&above, gradients.get_or_alloc_mut(&to)?);
        **gradients.get_or_alloc_mut(&from)? = above;
        Ok(())
    });
}
