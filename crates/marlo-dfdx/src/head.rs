//! The head as a dfdx module with weights.

use std::sync::{Arc, Mutex, PoisonError};

use dfdx::prelude::*;
use marlo_ir::graph::{Axis as Along, Input};
use marlo_ir::kind::Kind;
use marlo_ir::loss::{Loss, Wrt};
use marlo_ir::schedule::RowProgram;
use marlo_ir::setting::draw;
use marlo_native::head::{Builder, Gradients as Found, Head, Report, Step, sample};
use marlo_native::math::Real;
use num_traits::Float;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Normal};

use crate::fused::{flow, tensor_of};
use crate::progress::{Progress, STATES};
use crate::{DfdxError, Element};

/// A head with its class weights: embeddings (B, d) and labels in, the loss of the batch out.
///
/// A dfdx module, forward and backward through the fused native kernels; embeddings and weights need not have length 1. The
/// number of classes and the length of an embedding are each known at compile time (`Const<10>`) or at run time (`usize`):
///
/// - Where both are constants the head is a collection of tensors: a model that holds it is trained by dfdx's optimisers
///   and saved and loaded with the head's step and states.
/// - Else its weights are trained by [`RuntimeSgd`](crate::RuntimeSgd) or [`RuntimeAdam`](crate::RuntimeAdam), which are dfdx's, and
///   saved and loaded by [`save`](crate::MarginHead::save) and [`load`](crate::MarginHead::load), in the same format.
///
/// An input of the samples that is a norm (`norm[i]: Norm`) is that of the embeddings unless it is
/// [given](Self::apply_with), and the loss's gradient flows through it. One that is drawn is drawn from the
/// [seed](Self::seed) and the step.
#[derive(Debug)]
pub struct MarginHead<C: Dim, D: Dim, E: Element + Real> {
    /// The class weights, (C, d). With K centres a class (C·K, d): those of a class stand next to each other.
    pub weight: Tensor<(C, D), E, Cpu>,
    /// What inputs and sampled classes are drawn from.
    pub seed: u64,
    /// The share of all classes that takes part in a step (Partial FC): those of its labels and others at random. 1: all.
    pub share: f64,
    pub(crate) progress: Progress,
    /// The inputs over classes, by name.
    classes: Vec<(String, Vec<E>)>,
    head: Arc<Head<E>>,
    norms: Vec<u32>,
    last: Arc<Mutex<Option<Report>>>,
}

impl<C: Dim, D: Dim, E: Element + Real> Clone for MarginHead<C, D, E> {
    fn clone(&self) -> Self {
        MarginHead {
            weight: self.weight.clone(),
            progress: self.progress.clone(),
            classes: self.classes.clone(),
            head: Arc::clone(&self.head),
            norms: self.norms.clone(),
            last: Arc::default(),
            ..*self
        }
    }
}

impl<C: Dim, D: Dim, E: Element + Real> MarginHead<C, D, E> {
    /// A head for a loss, with normal weights of that seed and of length 1 on average: only their directions matter to a cosine,
    /// but the shorter they are, the faster they turn. `given` sets hyperparameters over their defaults. `classes`
    /// counts rows of weights: with K centres a class it is C·K.
    ///
    /// # Errors
    /// When a hyperparameter is unknown, out of range or missing, there is no class, an embedding has no length, or the
    /// rows are no whole number of centres a class.
    pub fn new(
        loss: &Loss,
        given: &[(String, f64)],
        (classes, dim): (C, D),
        seed: u64,
    ) -> Result<Self, DfdxError> {
        Self::with(loss, given, (classes, dim), seed, |builder| builder)
    }

    /// The same with a head of one's own making: a memory budget, gradient filtering, embedded sweeps.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when the head can't be built.
    pub fn with(
        loss: &Loss,
        given: &[(String, f64)],
        (classes, dim): (C, D),
        seed: u64,
        change: impl FnOnce(Builder<E>) -> Builder<E>,
    ) -> Result<Self, DfdxError> {
        let progress = Progress::new(loss, given)?;
        let found = progress.state_names().count();
        if found > STATES {
            return Err(DfdxError::States { loss: loss.name.clone(), found, most: STATES });
        }
        let centres = loss.graph.centres();
        if !classes.size().is_multiple_of(centres) {
            return Err(DfdxError::Centres { rows: classes.size(), centres });
        }
        let inputs = loss.graph.inputs.iter().zip(0_u32..);
        let norms: Vec<u32> = inputs.filter(|(input, _)| is_norm(input)).map(|(_, at)| at).collect();
        let by: Vec<Wrt> = norms.iter().map(|&at| Wrt::Input(at)).collect();
        let builder = Head::builder(loss).classes(classes.size() / centres).dim(dim.size());
        let head = change(builder.program(RowProgram::by(loss, &by))).build()?;
        let shape = (classes, dim);
        let weight =
            Cpu::default().try_tensor_from_vec(normal(shape.num_elements(), shape.1.size(), seed), shape)?;
        Ok(MarginHead {
            weight,
            seed,
            share: 1.0,
            progress,
            classes: Vec::new(),
            head: Arc::new(head),
            norms,
            last: Arc::default(),
        })
    }

    /// Sets an input over the classes, such as their counts: (C,).
    ///
    /// # Errors
    /// When the loss has no such input, or it has another length.
    pub fn set_input(&mut self, name: &str, values: Vec<E>) -> Result<(), DfdxError> {
        let known = |input: &&Input| input.axis == Along::Classes && input.name == name;
        if self.loss().graph.inputs.iter().find(known).is_none() {
            return Err(DfdxError::NoInput { loss: self.loss().name.clone(), name: name.into() });
        }
        let classes = self.head.classes();
        if values.len() != classes {
            return Err(DfdxError::Length { name: name.into(), wanted: classes, found: values.len() });
        }
        self.classes.retain(|one| one.0 != name);
        self.classes.push((name.into(), values));
        Ok(())
    }

    /// The loss.
    pub fn loss(&self) -> &Loss {
        self.progress.loss()
    }

    /// The number of classes, C.
    pub fn classes(&self) -> usize {
        self.head.classes()
    }

    /// Where training stands: hyperparameters, step, states.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The same, to be moved: [`advance`](Progress::advance) it once a step.
    pub fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    /// What the last forward pass on an owned tape reported: its mode, what was filtered.
    pub fn report(&self) -> Option<Report> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The loss of the batch, on the tape of the embeddings. The gradient flows into these and into the weights.
    ///
    /// # Errors
    /// When labels or inputs don't fit, an embedding is not finite, or a schedule ends before this step.
    pub fn apply<B: Dim, T: Tape<E, Cpu>>(
        &self,
        x: Tensor<(B, D), E, Cpu, T>,
        labels: &[usize],
    ) -> Result<Tensor<Rank0, E, Cpu, T>, DfdxError> {
        self.apply_with(x, labels, Vec::new())
    }

    /// The same with further inputs over the samples, by name: (B,).
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_with<B: Dim, T: Tape<E, Cpu>>(
        &self,
        x: Tensor<(B, D), E, Cpu, T>,
        labels: &[usize],
        inputs: Vec<(String, Vec<E>)>,
    ) -> Result<Tensor<Rank0, E, Cpu, T>, DfdxError> {
        // A gradient has the physical layout of its tensor.
        let (x, mut tape) = x.try_contiguous()?.split_tape();
        let done = self.run(&x, labels, inputs)?;
        let output = tensor_of(x.device(), &[done.loss], ())?;
        if T::OWNS_TAPE {
            self.progress.found(&done.report.totals.states);
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(done.report);
            flow(&mut tape, &output, &x, done.by_x);
            flow(&mut tape, &output, &self.weight, self.of_all(done.by_w, done.sampled.as_deref()));
        }
        Ok(output.put_tape(tape))
    }

    fn run<B: Dim>(
        &self,
        x: &Tensor<(B, D), E, Cpu>,
        labels: &[usize],
        inputs: Vec<(String, Vec<E>)>,
    ) -> Result<Done<E>, DfdxError> {
        let (rows, dim) = (x.shape().0.size(), x.shape().1.size());
        let values = physical(x);
        if let Some(row) = values.chunks(dim.max(1)).position(|x| x.iter().any(|x| !Float::is_finite(*x))) {
            return Err(DfdxError::Embedding { row });
        }
        let weights = physical(&self.weight);
        let params = self.progress.params(self.classes())?;
        let given: Vec<String> = inputs.iter().map(|one| one.0.clone()).collect();
        let vectors = self.vectors(&values, (rows, dim), inputs)?;
        let vectors: Vec<&[E]> = vectors.iter().map(Vec::as_slice).collect();
        let step = self.progress.step();
        let sampled = (self.share < 1.0)
            .then(|| sample(labels, self.classes(), self.share, self.seed ^ step.wrapping_mul(0x9e37_79b9)));
        let taking_part = sampled.as_ref().map_or(self.classes(), Vec::len);
        let zeros = |count: usize| vec![<E as Default>::default(); count];
        let (mut losses, mut by_x) = (zeros(labels.len()), zeros(values.len()));
        let mut by_w = zeros(taking_part * self.head.centres() * dim);
        let step = Step {
            x: &values,
            w: &weights,
            labels,
            vectors: &vectors,
            params: &params,
            sampled: sampled.as_deref(),
        };
        let found = &mut Found { loss: &mut losses, x: &mut by_x, w: &mut by_w };
        let report = self.head.step(&step, found)?;
        if !report.totals.loss.is_finite() {
            return Err(DfdxError::NotFinite { row: losses.iter().position(|l| !Float::is_finite(*l)) });
        }
        for (by, derivative) in &report.totals.partials {
            let is_norm = |&&at: &&u32| Wrt::Input(at) == *by && !given.contains(&self.input(at).name);
            if self.norms.iter().find(is_norm).is_some() {
                through_norms(&values, derivative, dim, &mut by_x);
            }
        }
        Ok(Done { loss: Real::rounded(report.totals.loss), by_x, by_w, sampled, report })
    }

    fn input(&self, at: u32) -> &Input {
        &self.loss().graph.inputs[at as usize]
    }

    /// The further inputs, in the order of the loss.
    pub(crate) fn vectors(
        &self,
        x: &[E],
        (rows, dim): (usize, usize),
        inputs: Vec<(String, Vec<E>)>,
    ) -> Result<Vec<Vec<E>>, DfdxError> {
        let graph = &self.loss().graph;
        let known = |name: &String| graph.inputs.iter().any(|i| i.axis == Along::Rows && i.name == *name);
        if let Some((name, _)) = inputs.iter().find(|one| !known(&one.0)) {
            return Err(DfdxError::NoInput { loss: self.loss().name.clone(), name: name.clone() });
        }
        let mut all = [inputs, self.classes.clone()].concat();
        all.extend(draw(graph, rows, self.classes(), self.seed, self.progress.step(), &all));
        let further = graph.inputs.iter().filter(|input| input.axis != Along::Matrix);
        let values = further.map(|input| match all.iter().find(|one| one.0 == input.name) {
            Some((_, values)) => Ok(values.clone()),
            None if is_norm(input) => Ok(x.chunks(dim.max(1)).map(|x| Real::from_f64(norm(x))).collect()),
            None => Err(DfdxError::Missing { loss: self.loss().name.clone(), name: input.name.clone() }),
        });
        values.collect()
    }

    /// The gradient by all weights from that by those which took part.
    fn of_all(&self, by_w: Vec<E>, sampled: Option<&[usize]>) -> Vec<E> {
        let Some(sampled) = sampled else { return by_w };
        let wide = self.weight.shape().num_elements() / self.classes();
        let mut all = vec![<E as Default>::default(); self.weight.shape().num_elements()];
        for (from, &class) in by_w.chunks(wide).zip(sampled) {
            all[class * wide..][..wide].copy_from_slice(from);
        }
        all
    }
}

struct Done<E> {
    loss: E,
    by_x: Vec<E>,
    by_w: Vec<E>,
    sampled: Option<Vec<usize>>,
    report: Report,
}

impl<B: Dim, C: Dim, D: Dim, E: Element + Real, T: Tape<E, Cpu>, L: AsRef<[usize]>>
    Module<(Tensor<(B, D), E, Cpu, T>, L)> for MarginHead<C, D, E>
{
    type Output = Tensor<Rank0, E, Cpu, T>;
    type Error = DfdxError;

    fn try_forward(&self, (x, labels): (Tensor<(B, D), E, Cpu, T>, L)) -> Result<Self::Output, DfdxError> {
        self.apply(x, labels.as_ref())
    }
}

impl<B: Dim, C: Dim, D: Dim, E: Element + Real, T: Tape<E, Cpu>, L: AsRef<[usize]>>
    ModuleMut<(Tensor<(B, D), E, Cpu, T>, L)> for MarginHead<C, D, E>
{
    type Output = Tensor<Rank0, E, Cpu, T>;
    type Error = DfdxError;

    fn try_forward_mut(&mut self, input: (Tensor<(B, D), E, Cpu, T>, L)) -> Result<Self::Output, DfdxError> {
        self.try_forward(input)
    }
}

/// Is that input the norm of the embeddings?
fn is_norm(input: &Input) -> bool {
    input.axis == Along::Rows && input.kind == Kind::Norm && input.drawn.is_none()
}

/// ‖x‖
pub(crate) fn norm<E: Real>(x: &[E]) -> f64 {
    x.iter().map(|x| x.to_f64() * x.to_f64()).sum::<f64>().sqrt()
}

/// Adds ∂L/∂‖x‖ · x/‖x‖. The norm of 0 has no direction to grow in.
fn through_norms<E: Real>(x: &[E], derivative: &[f64], dim: usize, by_x: &mut [E]) {
    for ((x, d), by_x) in x.chunks(dim).zip(derivative).zip(by_x.chunks_mut(dim)) {
        let norm = norm(x);
        if norm > 0.0 {
            for (by_x, x) in by_x.iter_mut().zip(x) {
                *by_x = Real::rounded(by_x.to_f64() + d * (x.to_f64() / norm));
            }
        }
    }
}

/// The values of a tensor without strides of its own.
fn physical<S: Shape, E: Element>(tensor: &Tensor<S, E, Cpu>) -> Vec<E> {
    let mut values = vec![<E as Default>::default(); tensor.shape().num_elements()];
    tensor.copy_into(&mut values);
    values
}

/// Numbers from N(0, 1/d).
fn normal<E: Real>(count: usize, dim: usize, seed: u64) -> Vec<E> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let deviation = (dim.max(1) as f64).sqrt().recip();
    let values = Normal::new(0.0, deviation)
        .map(|normal| (0..count).map(|_| Real::from_f64(normal.sample(&mut random))).collect());
    // The deviation is above 0, so there is such a distribution.
    values.unwrap_or_default()
}
