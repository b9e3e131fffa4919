//! One door before the backends: a loss and a checked batch in, loss and gradient out.

use marlo_dfdx::DfdxError;
use marlo_ir::eval::{Batch, Scalar, outcome};
use marlo_ir::graph::Axis;
use marlo_ir::loss::{Loss, Wrt};
use marlo_ir::schedule::RowProgram;
use marlo_native::NativeError;
use marlo_wgsl::{Gpu, GpuError, Kernel};

/// Where a loss runs.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// The reference evaluator: the meaning of a program.
    Reference,
    /// dfdx tensor operations under dfdx's own autodiff.
    Dfdx,
    /// The generated WGSL shader on wgpu, in f32.
    Wgpu,
    /// Fused loops on the CPU.
    Native,
}

/// Loss and gradient of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<S> {
    /// Each sample's own loss, (B,).
    pub loss: Vec<S>,
    /// The loss of the batch.
    pub mean_loss: f64,
    /// ∂(loss of the batch)/∂(matrix), (B, C), row by row; with K centres (B, C, K).
    pub gradient: Vec<S>,
    /// The further derivatives, but for those by further centres, which belong to the matrix: (B,) by an input of the
    /// samples, (C,) by one of the classes, one number by a hyperparameter.
    pub partials: Vec<(Wrt, Vec<S>)>,
    /// The next value of each state, in the order of [`Loss::updates`].
    pub states: Vec<f64>,
}

impl<S: Scalar> Outcome<S> {
    /// The largest entry of the gradient, without its sign.
    pub fn largest_gradient(&self) -> f64 {
        self.gradient.iter().map(|g| g.to_f64().abs()).fold(0.0, f64::max)
    }

    /// The derivative by an input or a hyperparameter, where it was asked for.
    pub fn partial(&self, by: Wrt) -> Option<&[S]> {
        self.partials.iter().find(|partial| partial.0 == by).map(|partial| partial.1.as_slice())
    }
}

/// Why a backend gave no result.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// From dfdx.
    #[error("dfdx: {0}")]
    Dfdx(#[from] DfdxError),
    /// From wgpu.
    #[error("wgpu: {0}")]
    Wgpu(#[from] GpuError),
    /// From the native kernels.
    #[error("native: {0}")]
    Native(#[from] NativeError),
    /// The loss, a derivative or the next value of a state is not finite.
    #[error(
        "{backend}: the {what} {place} is not finite, though the inputs are: the loss leaves its domain there (an \
         overflow, a division by 0, ln or sqrt of a negative number), or the precision is too small for it"
    )]
    NotFinite {
        /// The backend's name.
        backend: &'static str,
        /// What is not finite, in words.
        what: String,
        /// The row, the class, or the whole batch, in words.
        place: String,
    },
}

impl BackendError {
    /// Is the reason that this machine has no GPU adapter, not even a software one?
    pub fn is_missing_adapter(&self) -> bool {
        matches!(self, BackendError::Wgpu(GpuError::NoAdapter { .. }))
    }
}

/// A precision that every backend has: f32 or f64.
pub trait Precision: Scalar {
    /// The loss by dfdx, which has no generic door for both.
    #[doc(hidden)]
    fn by_dfdx(loss: &Loss, batch: &Batch<Self>, wrt: &[Wrt])
    -> Result<marlo_dfdx::Outcome<Self>, DfdxError>;

    /// The loss by a native kernel.
    #[doc(hidden)]
    fn by_native(loss: &Loss, batch: &Batch<Self>, wrt: &[Wrt]) -> Result<Outcome<Self>, NativeError>;
}

macro_rules! precision {
    ($($float:ty)*) => {$(
        impl Precision for $float {
            fn by_dfdx(
                loss: &Loss,
                batch: &Batch<Self>,
                wrt: &[Wrt],
            ) -> Result<marlo_dfdx::Outcome<Self>, DfdxError> {
                marlo_dfdx::autodiff_by(loss, batch, wrt)
            }

            fn by_native(
                loss: &Loss,
                batch: &Batch<Self>,
                wrt: &[Wrt],
            ) -> Result<Outcome<Self>, NativeError> {
                crate::native::outcome(loss, batch, wrt)
            }
        }
    )*};
}
precision!(f32 f64);

impl Backend {
    /// Every backend, the reference first.
    pub const ALL: [Backend; 4] = [Backend::Reference, Backend::Dfdx, Backend::Wgpu, Backend::Native];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Reference => "reference",
            Backend::Dfdx => "dfdx",
            Backend::Wgpu => "wgpu",
            Backend::Native => "native",
        }
    }

    /// Runs a loss, with the derivatives that [always belong to it](Loss::usual). wgpu computes in f32, whatever the
    /// precision of the batch, on the default adapter; see [`on_gpu`] for another one, or for more than one run.
    ///
    /// # Errors
    /// When the backend is not to be had on this machine, or gives a number that is not finite.
    pub fn run<S: Precision>(self, loss: &Loss, batch: &Batch<S>) -> Result<Outcome<S>, BackendError> {
        self.run_by(loss, batch, &[])
    }

    /// Runs a loss with derivatives by further inputs and hyperparameters, beside those that always belong to it.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_by<S: Precision>(
        self,
        loss: &Loss,
        batch: &Batch<S>,
        wrt: &[Wrt],
    ) -> Result<Outcome<S>, BackendError> {
        let outcome = match self {
            Backend::Reference => reference(loss, batch, wrt),
            Backend::Dfdx => {
                let found = S::by_dfdx(loss, batch, &with_usual(loss, wrt))?;
                Outcome {
                    loss: found.loss,
                    mean_loss: found.mean_loss.to_f64(),
                    gradient: found.gradient,
                    partials: found.partials,
                    states: found.states.into_iter().map(Scalar::to_f64).collect(),
                }
            }
            Backend::Native => S::by_native(loss, batch, &with_usual(loss, wrt))?,
            Backend::Wgpu => return on_gpu_by(&Gpu::new(None)?, loss, batch, wrt),
        };
        finite(self, loss, outcome, batch.classes)
    }
}

/// What was asked for, after what always belongs to a loss.
fn with_usual(loss: &Loss, wrt: &[Wrt]) -> Vec<Wrt> {
    let mut all = loss.usual();
    for by in wrt {
        if !all.contains(by) {
            all.push(*by);
        }
    }
    all
}

/// Runs a loss on a device that is open already.
///
/// # Errors
/// When the device refuses the work or is lost, or gives a number that is not finite.
pub fn on_gpu<S: Precision>(gpu: &Gpu, loss: &Loss, batch: &Batch<S>) -> Result<Outcome<S>, BackendError> {
    on_gpu_by(gpu, loss, batch, &[])
}

/// Runs a loss on a device that is open already, with derivatives by further inputs and hyperparameters.
///
/// # Errors
/// As [`on_gpu`].
pub fn on_gpu_by<S: Precision>(
    gpu: &Gpu,
    loss: &Loss,
    batch: &Batch<S>,
    wrt: &[Wrt],
) -> Result<Outcome<S>, BackendError> {
    let program = RowProgram::by(loss, &with_usual(loss, wrt));
    let found = Kernel::new(gpu, &program)?.run(&batch.convert::<f32>())?;
    let widen = |values: Vec<f32>| values.into_iter().map(|v| S::from_f64(f64::from(v))).collect();
    let outcome = Outcome {
        loss: widen(found.loss),
        mean_loss: found.mean_loss,
        gradient: widen(found.gradient),
        partials: narrow_partials(found.partials),
        states: found.states,
    };
    finite(Backend::Wgpu, loss, outcome, batch.classes)
}

fn narrow_partials<S: Precision>(partials: Vec<(Wrt, Vec<f64>)>) -> Vec<(Wrt, Vec<S>)> {
    let narrow = |values: Vec<f64>| values.into_iter().map(S::from_f64).collect();
    partials.into_iter().map(|(by, values)| (by, narrow(values))).collect()
}

/// No result that is not finite leaves here.
fn finite<S: Precision>(
    backend: Backend,
    loss: &Loss,
    outcome: Outcome<S>,
    classes: usize,
) -> Result<Outcome<S>, BackendError> {
    match not_finite(loss, &outcome, classes) {
        None => Ok(outcome),
        Some((what, place)) => Err(BackendError::NotFinite { backend: backend.name(), what, place }),
    }
}

/// What is not finite, and where.
fn not_finite<S: Precision>(loss: &Loss, outcome: &Outcome<S>, classes: usize) -> Option<(String, String)> {
    let graph = &loss.graph;
    let bad = |values: &[S]| values.iter().position(|v| !v.to_f64().is_finite());
    let whole = || "of the batch".to_owned();
    if let Some(row) = bad(&outcome.loss) {
        return Some(("loss".into(), format!("at row {row}")));
    }
    if let Some(at) = bad(&outcome.gradient) {
        return Some(("gradient".into(), format!("at row {}", at / (classes * graph.centres()))));
    }
    if !outcome.mean_loss.is_finite() {
        return Some(("loss".into(), whole()));
    }
    for (by, values) in &outcome.partials {
        let Some(at) = bad(values) else { continue };
        let (name, place) = match *by {
            Wrt::Param(param) => (&graph.params[param as usize].name, whole()),
            Wrt::Input(input) => {
                let input = &graph.inputs[input as usize];
                let axis = if input.axis == Axis::Classes { "class" } else { "row" };
                (&input.name, format!("at {axis} {at}"))
            }
        };
        return Some((format!("derivative by `{name}`"), place));
    }
    let mut states = loss.updates.iter().zip(&outcome.states);
    let (update, _) = states.find(|(_, next)| !next.is_finite())?;
    let name = &graph.params[update.param as usize].name;
    Some((format!("next value of the state `{name}`"), "after the batch".into()))
}

/// The reference computes in f64 whatever the precision of the inputs, so that what it gives is right to the last digit
/// of f32: a logit of 128 in f32 would carry 64 ulp into the exponential.
fn reference<S: Precision>(loss: &Loss, batch: &Batch<S>, wrt: &[Wrt]) -> Outcome<S> {
    let found = outcome(&loss.gradient_by(&with_usual(loss, wrt)), &batch.convert::<f64>());
    let narrow = |values: Vec<f64>| values.into_iter().map(S::from_f64).collect();
    Outcome {
        loss: narrow(found.loss),
        mean_loss: found.total,
        gradient: narrow(found.gradient),
        partials: narrow_partials(found.partials),
        states: found.states,
    }
}
