//! The head: embeddings x (B, d), class weights W (C, d) and labels in, loss and the gradients by x and W out.
//!
//! Cosines are formed, and gradients multiplied back, a tile of classes at a time: a tile of W, its cosines with all
//! embeddings and what becomes of these stay in the cache of the thread that works on it. Between the tiles' reductions
//! and their gradients lies what needs whole rows. Two modes:
//!
//! - *fast*: what is kept of the cosines stands in memory once, (B, C). Where d is at least B it needs none of its own: a
//!   tile's block lies in the rows of ∂L/∂W that the tile will write last.
//! - *low memory*: no (B, C) at all. The second time a tile's cosines are needed they are computed again, which costs a
//!   fourth matrix product.
//!
//! Gradients go through the unit tangent: ∂cos θ/∂x = (ŵ − cos θ·x̂)/‖x‖, of length sin θ/‖x‖. Where a loss's derivative
//! by cos θ is singular, at θ = 0 and π, the product of both is not: the label's term, in which margins make it so, is
//! computed in f64 from the vectors themselves and is bounded and right there. A vector of length 0 has no direction: its
//! cosines are 0 and so is its gradient.
//!
//! ```
//! use marlo_ir::typed::{self, kinds};
//! use marlo_native::{Head, head::{Gradients, Step}};
//!
//! let loss = typed::define("normface", |l| {
//!     let s = l.param::<kinds::Scale>("s", 16.0, 1.0..=128.0);
//!     typed::ce(typed::softmax(s * l.cos_target(), s * l.cos_other()))
//! });
//! let head = Head::<f32>::builder(&loss)
//!     .classes(3)
//!     .dim(2)
//!     .memory(1 << 30) // a batch that needs more forms its cosines twice
//!     .build()?;
//!
//! let (x, w) = ([3.0, 1.0, -1.0, 2.0], [1.0, 0.0, 0.0, 1.0, -1.0, -1.0]);
//! let (mut losses, mut by_x, mut by_w) = ([0.0; 2], [0.0_f32; 4], [0.0; 6]);
//! let step = Step { x: &x, w: &w, labels: &[0, 1], vectors: &[], params: &[16.0], sampled: None };
//! let report = head.step(&step, &mut Gradients { loss: &mut losses, x: &mut by_x, w: &mut by_w })?;
//! // Lengths don't matter to a cosine, so the gradient stands upright on its vector.
//! assert!(report.totals.loss > 0.0 && (3.0 * by_x[0] + by_x[1]).abs() < 1e-5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
#[allow(unsafe_code, reason = "threads share ∂L/∂W and the blocks that lie in it, each at tiles of its own")]
mod pass;
#[allow(unsafe_code, reason = "the matrix product takes pointers")]
mod product;
mod sample;
mod target;
#[allow(unsafe_code, reason = "reads and writes the tile's parts of arrays that threads share")]
mod tile;
mod vector;

pub use build::{Builder, Mode};
pub use sample::sample;

use std::sync::Mutex;

use marlo_ir::eval::Scalar;
use marlo_ir::graph::Axis;
use marlo_ir::loss::Loss;
use rayon::prelude::*;

use crate::error::NativeError;
use crate::kernel::{Kernel, Totals};
use crate::math::Real;
use crate::plan::{Act, Plan, To};
use crate::row_values::compute_scalars;
use pass::{Run, Work};
use tile::Scratch;

/// A head for one loss.
#[derive(Debug)]
pub struct Head<F: Real> {
    pub(crate) kernel: Kernel<F>,
    pub(crate) classes: usize,
    pub(crate) dim: usize,
    pub(crate) memory: Option<usize>,
    pub(crate) low_memory: bool,
    pub(crate) filter: Option<f64>,
    work: Mutex<Work<F>>,
    scratch: Mutex<Vec<Scratch<F>>>,
}

/// The inputs of a step.
#[derive(Copy, Clone, Debug)]
pub struct Step<'a, F> {
    /// Embeddings, (B, d).
    pub x: &'a [F],
    /// Class weights, (C, d), or (C, K, d) with K centres a class.
    pub w: &'a [F],
    /// The class of each sample, (B,).
    pub labels: &'a [usize],
    /// The further inputs that are no matrices, in the order of [`marlo_ir::graph::Graph::inputs`]: (B,) or (C,).
    pub vectors: &'a [&'a [F]],
    /// The hyperparameters, in the order of the header.
    pub params: &'a [f64],
    /// The classes that take part, rising, among them every label: see [`sample()`]. `None`: all.
    pub sampled: Option<&'a [usize]>,
}

/// Where the results of a step go.
#[derive(Debug)]
pub struct Gradients<'a, F> {
    /// Each sample's own loss, (B,).
    pub loss: &'a mut [F],
    /// ∂(loss of the batch)/∂x, (B, d).
    pub x: &'a mut [F],
    /// ∂(loss of the batch)/∂W, (C, d) or (C, K, d); with sampled classes only theirs, in their order.
    pub w: &'a mut [F],
}

/// What a step gives beside its [`Gradients`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The loss of the batch, further derivatives, next states.
    pub totals: Totals,
    /// The mode it ran in.
    pub mode: Mode,
    /// What [gradient filtering](Builder::filter) left out.
    pub filtered: Filtered,
}

/// What gradient filtering left out.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Filtered {
    /// Tiles of classes that the backward products skipped.
    pub tiles: usize,
    /// All tiles.
    pub of: usize,
    /// Σ|∂L/∂cos| over what was skipped: a bound on the error of every row of the gradients by x̂ and Ŵ, and so, divided
    /// by ‖x‖ or ‖w‖, of those by x and W.
    pub error: f64,
}

impl<F: Real> Head<F> {
    /// Starts building a head.
    pub fn builder(loss: &Loss) -> Builder<F> {
        Builder::new(loss)
    }

    /// The number of classes, C.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The length of an embedding, d.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Centres a class, K.
    pub fn centres(&self) -> usize {
        self.kernel.plan.matrices()
    }

    /// The mode for a batch of so many rows and classes, and the bytes that it takes beside ∂L/∂W.
    pub fn mode_for(&self, rows: usize, classes: usize) -> (Mode, usize) {
        let blocks = if rows <= self.dim { 0 } else { rows * classes * self.centres() * size_of::<F>() };
        let rest = pass::bytes::<F>(self, rows, classes);
        let fits = self.memory.is_none_or(|budget| blocks + rest <= budget);
        match self.low_memory || !fits {
            true => (Mode::LowMemory, rest),
            false => (Mode::Fast, blocks + rest),
        }
    }

    /// Loss and gradients of a batch, on the threads of the current rayon pool. The same bits for any number of threads.
    ///
    /// # Errors
    /// When arrays do not fit each other, a label is no class, or sampled classes are not rising or miss a label.
    pub fn step(&self, step: &Step<'_, F>, out: &mut Gradients<'_, F>) -> Result<Report, NativeError> {
        let (rows, classes) = self.check(step, out)?;
        let places = self.places(step, classes)?;
        let (mode, _) = self.mode_for(rows, classes);
        let mut work = self.work.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (kernel, plan) = (&self.kernel, &self.kernel.plan);
        let mut scalars = vec![0.0; plan.graph.len()];
        compute_scalars(&plan.graph, &plan.scalars, &mut scalars, step.params, (rows, classes));
        let mut run = Run::new(self, step, &places, classes, mode, &mut work, out.w);
        let steps = plan.phases.iter().flat_map(|phase| &phase.steps);
        let mut left = steps.filter(|act| !matches!(act, Act::Row(_))).count();
        let mut first = true;
        for (phase, lines) in plan.phases.iter().zip(&kernel.lines) {
            for (act, lines) in phase.steps.iter().zip(lines) {
                match act {
                    Act::Row(_) => run.each_row(|values| {
                        lines.iter().for_each(|line| line.compute(&scalars, values, f64::RESOLUTION));
                    }),
                    Act::Sweep(_) | Act::Scale(_) => {
                        left -= 1;
                        run.pass(act, &scalars, first, left == 0);
                        first = false;
                    }
                }
            }
            for &id in &phase.batch {
                kernel.layout.over_batch(&plan.graph, id, &mut scalars, run.values, rows);
            }
            compute_scalars(&plan.graph, &phase.after, &mut scalars, step.params, (rows, classes));
        }
        let filtered = run.finish(&scalars, out.x);
        let row = plan.program.gradient.loss.row;
        for (loss, values) in out.loss.iter_mut().zip(run.values.chunks(kernel.layout.width.max(1))) {
            *loss = F::rounded(kernel.layout.value(&plan.graph, &scalars, values, row));
        }
        let sums = std::mem::take(&mut run.sums);
        let totals = kernel.totals(&scalars, run.values, rows, sums);
        Ok(Report { totals, mode, filtered })
    }

    /// The rows and the classes that take part.
    fn check(&self, step: &Step<'_, F>, out: &Gradients<'_, F>) -> Result<(usize, usize), NativeError> {
        let rows = step.labels.len();
        let classes = step.sampled.map_or(self.classes, <[usize]>::len);
        if rows == 0 || classes == 0 {
            return Err(NativeError::Empty { rows, classes });
        }
        // Too large to be counted is too large for any array.
        let numbers = |vectors: usize| vectors.saturating_mul(self.dim);
        let of_classes = |classes: usize| numbers(classes.saturating_mul(self.centres()));
        let plan = &self.kernel.plan;
        let further: Vec<_> = plan.graph.inputs.iter().filter(|i| i.axis != Axis::Matrix).collect();
        let counts = [
            ("values of the embeddings", numbers(rows), step.x.len()),
            ("values of the class weights", of_classes(self.classes), step.w.len()),
            ("losses", rows, out.loss.len()),
            ("values of the gradient by the embeddings", numbers(rows), out.x.len()),
            ("values of the gradient by the class weights", of_classes(classes), out.w.len()),
            ("hyperparameters", plan.graph.params.len(), step.params.len()),
            ("further inputs", further.len(), step.vectors.len()),
        ];
        let count = |what: &str, wanted: usize, found: usize| match wanted == found {
            true => Ok(()),
            false => Err(NativeError::Count { what: what.to_owned(), wanted, found }),
        };
        for (what, wanted, found) in counts {
            count(what, wanted, found)?;
        }
        for (input, vector) in further.iter().zip(step.vectors) {
            let wanted = if input.axis == Axis::Rows { rows } else { self.classes };
            count(&format!("values of `{}`", input.name), wanted, vector.len())?;
        }
        match step.labels.iter().position(|label| *label >= self.classes) {
            Some(row) => Err(NativeError::Label { row, label: step.labels[row], classes: self.classes }),
            None => Ok((rows, classes)),
        }
    }

    /// The place of each label among the classes that take part.
    fn places(&self, step: &Step<'_, F>, classes: usize) -> Result<Vec<usize>, NativeError> {
        let Some(sampled) = step.sampled else { return Ok(step.labels.to_vec()) };
        let rising = sampled.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || sampled[classes - 1] >= self.classes {
            return Err(NativeError::Sampled { classes: self.classes });
        }
        let place = |(row, label): (usize, &usize)| {
            sampled.binary_search(label).map_err(|_| NativeError::NotSampled { row, label: *label })
        };
        step.labels.iter().enumerate().map(place).collect()
    }
}

/// The derivative by each matrix that stands at the label.
fn targets(plan: &Plan) -> impl Iterator<Item = (usize, marlo_ir::graph::Id)> {
    plan.outputs.iter().filter_map(|output| match output.to {
        To::Matrix(matrix) => Some((matrix, output.target)),
        To::Classes(_) => None,
    })
}

/// Work on each of so many rows, on all threads.
fn each_row(values: &mut [f64], width: usize, work: impl Fn(&mut [f64]) + Sync) {
    values.par_chunks_mut(width.max(1)).with_min_len(4).for_each(&work);
}
