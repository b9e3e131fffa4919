//! Agreement: every backend against the f64 reference on the same inputs.

use marlo_ir::eval::{Batch, on_border};
use marlo_ir::loss::Loss;
use marlo_verify::gradient::reach;
use marlo_wgsl::Gpu;

use crate::backend::{Backend, BackendError, Outcome, Precision, on_gpu};

/// Every backend's distance from the reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The rows of the batch.
    pub rows: usize,
    /// Rows that f32 may decide the other way (a mask's border, a rank; see [`on_border`]): not compared in f32.
    pub on_border: usize,
    /// The loss of the batch by the reference.
    pub mean_loss: f64,
    /// The largest entry of the reference's gradient, without its sign.
    pub largest_gradient: f64,
    /// The backends, each in each precision that it has.
    pub backends: Vec<Distance>,
}

/// The largest differences of a backend from the f64 reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Distance {
    /// The backend and its precision.
    pub name: &'static str,
    /// Of a sample's loss and of the batch's, relative to max(1, loss).
    pub loss: f64,
    /// Of a gradient, relative to the largest entry of its row.
    pub gradient: f64,
    /// How far off both may be.
    pub limit: f64,
}

/// How far a backend may be off. f32 logits up to 2·s = 256 carry an error of 256·2⁻²⁴ ≈ 1.5e-5 into the exponential.
const LIMIT_F32: f64 = 2e-4;
/// The same for f64, where the error is 256·2⁻⁵³ ≈ 3e-14 and derivatives near cos = ±1 amplify it.
const LIMIT_F64: f64 = 1e-9;

impl Distance {
    /// Is it within its limit?
    pub fn agrees(&self) -> bool {
        self.loss <= self.limit && self.gradient <= self.limit
    }
}

impl Comparison {
    /// Was any row compared in f32?
    pub fn compared(&self) -> bool {
        self.on_border < self.rows
    }

    /// Is every backend within its limit?
    pub fn agrees(&self) -> bool {
        self.backends.iter().all(Distance::agrees)
    }
}

/// How far apart two numbers must be for f32 to tell which is greater: a few units in the last place of logits.
const BORDER_F32: f64 = 2e-5;
/// The same for f64.
const BORDER_F64: f64 = 1e-13;

/// Runs every backend on the same inputs in both precisions; the GPU only where there is one.
///
/// # Errors
/// When a backend can't run, or gives a number that is not finite.
pub fn compare(
    loss: &Loss,
    narrow: &Batch<f32>,
    wide: &Batch<f64>,
    gpu: Option<&Gpu>,
) -> Result<Comparison, BackendError> {
    let exact = Backend::Reference.run(loss, wide)?;
    // Backends in f32 see rounded cosines, so they are held to the reference on those.
    let seen = narrow.convert::<f64>();
    let rounded = Backend::Reference.run(loss, &seen)?;
    let unsure = on_border(loss, &seen, BORDER_F32);
    let reach = reach(loss, wide);
    let single = |name, found: Outcome<f32>| distance(name, &rounded, &found, &unsure, reach * LIMIT_F32);
    let double = Backend::Dfdx.run(loss, wide)?;
    let native = Backend::Native.run(loss, wide)?;
    let mut backends = vec![
        distance("dfdx f64", &exact, &double, &on_border(loss, wide, BORDER_F64), reach * LIMIT_F64),
        single("dfdx f32", Backend::Dfdx.run(loss, narrow)?),
        distance("native f64", &exact, &native, &on_border(loss, wide, BORDER_F64), reach * LIMIT_F64),
        single("native f32", Backend::Native.run(loss, narrow)?),
        single("reference f32", Backend::Reference.run(loss, narrow)?),
    ];
    if let Some(gpu) = gpu {
        backends.push(single("wgpu f32", on_gpu(gpu, loss, narrow)?));
    }
    Ok(Comparison {
        rows: unsure.len(),
        on_border: unsure.iter().filter(|row| **row).count(),
        mean_loss: exact.mean_loss,
        largest_gradient: exact.largest_gradient(),
        backends,
    })
}

/// The distance over the rows that are not on a border; that of the batch's loss where none is.
fn distance<S: Precision>(
    name: &'static str,
    exact: &Outcome<f64>,
    found: &Outcome<S>,
    unsure: &[bool],
    limit: f64,
) -> Distance {
    let relative = |a: f64, b: f64| (a - b).abs() / a.abs().max(1.0);
    let classes = exact.gradient.len() / unsure.len();
    let losses = exact.loss.iter().zip(&found.loss).zip(unsure).filter(|row| !row.1);
    let losses = losses.map(|((a, b), _)| relative(*a, b.to_f64()));
    let whole = if unsure.contains(&true) { 0.0 } else { relative(exact.mean_loss, found.mean_loss) };
    let loss = losses.fold(whole, f64::max);
    let rows = exact.gradient.chunks(classes).zip(found.gradient.chunks(classes)).zip(unsure);
    let gradient = rows
        .filter(|row| !row.1)
        .map(|((a, b), _)| {
            // Below what f32 can hold, a gradient that is flushed to zero is not wrong.
            let scale = a.iter().fold(1e-30_f64, |m, x| m.max(x.abs()));
            let off = |(x, y): (&f64, &S)| Some((x - y.to_f64()).abs()).filter(|off| *off > 1e-30);
            a.iter().zip(b).filter_map(off).map(|off| off / scale).fold(0.0, f64::max)
        })
        .fold(0.0, f64::max);
    // The rest couples all samples, or is one value a sample as the gradient's row is.
    let rest = if unsure.contains(&true) { 0.0 } else { further(exact, found) };
    Distance { name, loss, gradient: gradient.max(rest), limit }
}

/// The largest difference of a further derivative, relative to the largest of its own, and of a state, relative to max(1, state).
fn further<S: Precision>(exact: &Outcome<f64>, found: &Outcome<S>) -> f64 {
    let partial = |(a, b): (&[f64], &[S])| {
        let scale = a.iter().fold(1e-30_f64, |m, x| m.max(x.abs()));
        a.iter().zip(b).map(|(x, y)| (x - y.to_f64()).abs() / scale).fold(0.0, f64::max)
    };
    let pairs = exact.partials.iter().zip(&found.partials);
    let partials = pairs.map(|(a, b)| partial((a.1.as_slice(), b.1.as_slice())));
    let states = exact.states.iter().zip(&found.states).map(|(x, y)| (x - y).abs() / x.abs().max(1.0));
    partials.chain(states).fold(0.0, f64::max)
}
