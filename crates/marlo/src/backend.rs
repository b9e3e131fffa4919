//! One door before the backends: a loss and a checked batch in, loss and gradient out.

use marlo_dfdx::DfdxError;
use marlo_ir::eval::{Batch, Scalar, outcome};
use marlo_ir::loss::Loss;
use marlo_ir::schedule::RowProgram;
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
}

/// Loss and gradient of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<S> {
    /// Each sample's own loss, (B,).
    pub loss: Vec<S>,
    /// The loss of the batch.
    pub mean_loss: f64,
    /// ∂(loss of the batch)/∂(matrix), (B, C), row by row.
    pub gradient: Vec<S>,
}

impl<S: Scalar> Outcome<S> {
    /// The largest entry of the gradient, without its sign.
    pub fn largest_gradient(&self) -> f64 {
        self.gradient.iter().map(|g| g.to_f64().abs()).fold(0.0, f64::max)
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
    /// The loss or gradient is not finite.
    #[error(
        "{backend}: the {what} {place} is not finite, though the inputs are: the loss leaves its domain there (an \
         overflow, a division by 0, ln or sqrt of a negative number), or the precision is too small for it"
    )]
    NotFinite {
        /// The backend's name.
        backend: &'static str,
        /// Loss or gradient.
        what: &'static str,
        /// The row, or the whole batch, in words.
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
    fn by_dfdx(loss: &Loss, batch: &Batch<Self>) -> Result<marlo_dfdx::Outcome<Self>, DfdxError>;
}

macro_rules! precision {
    ($($float:ty)*) => {$(
        impl Precision for $float {
            fn by_dfdx(loss: &Loss, batch: &Batch<Self>) -> Result<marlo_dfdx::Outcome<Self>, DfdxError> {
                marlo_dfdx::autodiff(loss, batch)
            }
        }
    )*};
}
precision!(f32 f64);

impl Backend {
    /// Every backend, the reference first.
    pub const ALL: [Backend; 3] = [Backend::Reference, Backend::Dfdx, Backend::Wgpu];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Reference => "reference",
            Backend::Dfdx => "dfdx",
            Backend::Wgpu => "wgpu",
        }
    }

    /// Runs a loss. wgpu computes in f32, whatever the precision of the batch, on the default adapter; see [`on_gpu`]
    /// for another one, or for more than one run.
    ///
    /// # Errors
    /// When the backend is not to be had on this machine, or gives a number that is not finite.
    pub fn run<S: Precision>(self, loss: &Loss, batch: &Batch<S>) -> Result<Outcome<S>, BackendError> {
        let outcome = match self {
            Backend::Reference => reference(loss, batch),
            Backend::Dfdx => {
                let found = S::by_dfdx(loss, batch)?;
                Outcome { loss: found.loss, mean_loss: found.mean_loss.to_f64(), gradient: found.gradient }
            }
            Backend::Wgpu => return on_gpu(&Gpu::new(None)?, loss, batch),
        };
        finite(self, outcome, batch.classes)
    }
}

/// Runs a loss on a device that is open already.
///
/// # Errors
/// When the device refuses the work or is lost, or gives a number that is not finite.
pub fn on_gpu<S: Precision>(gpu: &Gpu, loss: &Loss, batch: &Batch<S>) -> Result<Outcome<S>, BackendError> {
    let found = Kernel::new(gpu, &RowProgram::of(loss))?.run(&batch.convert::<f32>())?;
    let widen = |values: Vec<f32>| values.into_iter().map(|v| S::from_f64(f64::from(v))).collect();
    let outcome =
        Outcome { loss: widen(found.loss), mean_loss: found.mean_loss, gradient: widen(found.gradient) };
    finite(Backend::Wgpu, outcome, batch.classes)
}

/// No result that is not finite leaves here.
fn finite<S: Precision>(
    backend: Backend,
    outcome: Outcome<S>,
    classes: usize,
) -> Result<Outcome<S>, BackendError> {
    let bad = |values: &[S]| values.iter().position(|v| !v.to_f64().is_finite());
    let (what, place) = match (bad(&outcome.loss), bad(&outcome.gradient)) {
        (Some(row), _) => ("loss", format!("at row {row}")),
        (_, Some(at)) => ("gradient", format!("at row {}", at / classes)),
        _ if !outcome.mean_loss.is_finite() => ("loss", "of the batch".to_owned()),
        _ => return Ok(outcome),
    };
    Err(BackendError::NotFinite { backend: backend.name(), what, place })
}

/// The reference computes in f64 whatever the precision of the inputs, so that what it gives is right to the last digit
/// of f32: a logit of 128 in f32 would carry 64 ulp into the exponential.
fn reference<S: Precision>(loss: &Loss, batch: &Batch<S>) -> Outcome<S> {
    let found = outcome(&loss.gradient(), &batch.convert::<f64>());
    let narrow = |values: Vec<f64>| values.into_iter().map(S::from_f64).collect();
    Outcome { loss: narrow(found.loss), mean_loss: found.total, gradient: narrow(found.gradient) }
}
