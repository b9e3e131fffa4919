//! One operation on dfdx's tape with marlo's derived gradient.

use std::sync::{Mutex, PoisonError};

use dfdx::prelude::*;
use marlo_ir::eval::{Batch, Outcome, Scalar, SettingError, evaluate, outcome, settings};
use marlo_ir::graph::Axis as Along;
use marlo_ir::loss::{Gradient, Loss, Wrt};
use marlo_ir::setting::Moment;

use crate::{DfdxError, Element};

/// An input by its name: a tensor over samples or over classes.
pub type NamedTensor<N, E, T> = (String, Tensor<(N,), E, Cpu, T>);

/// A loss as a dfdx operation: cosines (or logits) in, the loss of the batch out.
///
/// Hyperparameters follow their schedules from the [step](Self::step), states what the batches make of them. Both move
/// only when they are told to: [`apply`](Self::apply) on an owned tape, then [`advance`](Self::advance), once a step.
#[derive(Debug)]
pub struct Fused {
    loss: Loss,
    gradient: Gradient,
    given: Vec<(String, f64)>,
    step: u64,
    /// Where states stand that have left their start.
    states: Vec<(String, f64)>,
    /// Where they go at the next step.
    next: Mutex<Vec<(String, f64)>>,
}

impl Clone for Fused {
    fn clone(&self) -> Self {
        Fused {
            loss: self.loss.clone(),
            gradient: self.gradient.clone(),
            given: self.given.clone(),
            step: self.step,
            states: self.states.clone(),
            next: Mutex::new(self.next.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        }
    }
}

impl Fused {
    /// Derives the gradient once; `given` sets hyperparameters over their defaults and schedules, and states over their
    /// starts.
    ///
    /// # Errors
    /// When a hyperparameter is unknown, out of range or missing.
    pub fn new(loss: &Loss, given: &[(String, f64)]) -> Result<Self, DfdxError> {
        check(loss, given)?;
        // Only what is on a tape is computed in the end.
        let inputs: Vec<Wrt> = (1..loss.graph.inputs.len() as u32).map(Wrt::Input).collect();
        Ok(Fused {
            loss: loss.clone(),
            gradient: loss.gradient_by(&inputs),
            given: given.to_vec(),
            step: 0,
            states: Vec::new(),
            next: Mutex::default(),
        })
    }

    /// Sets hyperparameters over their defaults and schedules, and states over where they stand; nothing is derived anew.
    /// Hyperparameters that are not among `given` go back to their defaults.
    ///
    /// # Errors
    /// When a hyperparameter is unknown, out of range or missing.
    pub fn set(&mut self, given: &[(String, f64)]) -> Result<(), DfdxError> {
        check(&self.loss, given)?;
        self.states.retain(|(state, _)| given.iter().all(|(name, _)| name != state));
        self.given = given.to_vec();
        Ok(())
    }

    /// The number of steps that were made, which schedules read.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Sets the number of steps that were made, as when training goes on from a checkpoint.
    pub fn set_step(&mut self, step: u64) {
        self.step = step;
    }

    /// The states by name that have left their start: what a checkpoint keeps beside the [step](Self::step).
    pub fn states(&self) -> &[(String, f64)] {
        &self.states
    }

    /// Sets states by name; those that are not named go back to their start.
    ///
    /// # Errors
    /// When a name is none of a state, or a value is out of its range.
    pub fn set_states(&mut self, states: &[(String, f64)]) -> Result<(), DfdxError> {
        let params = &self.loss.graph.params;
        let known: Vec<String> = params.iter().filter(|p| p.state).map(|p| p.name.clone()).collect();
        if let Some((name, _)) = states.iter().find(|(name, _)| !known.contains(name)) {
            return Err(
                SettingError::Unknown { loss: self.loss.name.clone(), name: name.clone(), known }.into()
            );
        }
        check(&self.loss, &[self.given.as_slice(), states].concat())?;
        self.states = states.to_vec();
        Ok(())
    }

    /// Goes on to the next step: the number of steps rises by 1, and states take the values that the last
    /// [`apply`](Self::apply) on an owned tape has found for them. Without one since the last step, they stay.
    pub fn advance(&mut self) {
        self.step += 1;
        let next = self.next.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !next.is_empty() {
            self.states = std::mem::take(next);
        }
    }

    /// The loss of the batch, on the tape of the matrix. The gradient is computed only where a tape asks for it, and so are
    /// the next values of states, which take effect with [`advance`](Self::advance).
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
            leaves.push((self.loss.wrt(&name), input));
        }
        let classes = matrix.shape().1.size() / self.loss.graph.centres();
        let batch = self.batch(classes, matrix.as_vec(), labels, vectors)?;
        let device = Cpu::default();
        if !T::OWNS_TAPE {
            let total = evaluate(&self.gradient.loss.graph, &[self.gradient.loss.total], &batch)[0][0];
            return Ok(device.try_tensor_from_vec(vec![total], ())?.put_tape(tape));
        }
        let on_tape = |by| R::OWNS_TAPE && leaves.iter().any(|leaf| leaf.0 == Some(by));
        let found = self.found(&batch, &on_tape);
        let output = device.try_tensor_from_vec(vec![found.total], ())?;
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
        let given = [self.given.as_slice(), &self.states].concat();
        let params = settings(&self.loss, &given, Moment { step: self.step, classes })?;
        Ok(Batch::new(&self.loss, classes, matrix, &labels, vectors, params)?)
    }

    /// The loss with the derivatives by the matrix and by what else is on the tape; the next states are kept.
    fn found<E: Element>(&self, batch: &Batch<E>, on_tape: &dyn Fn(Wrt) -> bool) -> Outcome<E> {
        let graph = &self.loss.graph;
        let is_matrix = |by| matches!(by, Wrt::Input(at) if graph.inputs[at as usize].axis == Along::Matrix);
        let mut asked = self.gradient.clone();
        asked.partials.retain(|partial| is_matrix(partial.by) || on_tape(partial.by));
        let found = outcome(&asked, batch);
        let name = |param: u32| graph.params[param as usize].name.clone();
        let updates = self.loss.updates.iter().zip(&found.states);
        let next = updates.map(|(update, value)| (name(update.param), Scalar::to_f64(*value))).collect();
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = next;
        found
    }
}

/// Are the names and values right, as far as can be told before a batch is there? What follows from the number of classes
/// or from the step can't.
fn check(loss: &Loss, given: &[(String, f64)]) -> Result<(), SettingError> {
    match settings(loss, given, Moment::start(2)) {
        Err(SettingError::Range { name, .. }) if given.iter().all(|one| one.0 != name) => Ok(()),
        Err(SettingError::Step { .. }) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Lets the gradient flow from the loss into a tensor.
fn flow<S: Shape, E: Element>(
    tape: &mut impl Tape<E, Cpu>,
    from: &Tensor<Rank0, E, Cpu>,
    to: &Tensor<S, E, Cpu>,
    derivative: Vec<E>,
) {
    let (from, to) = (from.ghost(), to.ghost());
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
