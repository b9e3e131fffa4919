//! Losses inside dfdx, in two ways.
//!
//! [`autodiff`] lowers the *loss* to dfdx tensor operations and lets dfdx's own autodiff differentiate it. Nothing of
//! marlo's derivative is used, which makes it an **independent witness**; it is the slow way.
//!
//! [`Fused`] is one operation on dfdx's tape with marlo's **derived gradient**: the way to train.
//!
//! ```
//! use dfdx::prelude::*;
//! use marlo_dfdx::Fused;
//! use marlo_ir::typed::{self, kinds};
//!
//! let arcface = typed::define("arcface", |l| {
//!     let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
//!     let m = l.param::<kinds::Angle>("m", 0.5, 0.0..=1.5);
//!     typed::ce(typed::softmax(s * (l.theta_target() + m).cos(), s * l.cos_other()))
//! });
//! let loss = Fused::new(&arcface, &[("s".into(), 16.0)])?;
//!
//! let dev = Cpu::default();
//! let cosines: Tensor<Rank2<2, 3>, f64, _> = dev.tensor([[0.8, 0.1, -0.2], [0.3, 0.5, 0.4]]);
//! let value = loss.apply(cosines.leaky_trace(), &[0, 1])?;
//! let gradient = value.backward().get(&cosines).array();
//! assert!(gradient[0][0] < 0.0 && gradient[0][1] > 0.0);
//! # Ok::<(), marlo_dfdx::DfdxError>(())
//! ```
//!
//! The crate refuses to know a loss by name, and has no kernels of its own.

mod angle;
mod elementwise;
mod fused;
mod leaves;
mod lower;
mod operation;

use dfdx::tensor::CpuError;
use marlo_ir::eval::{InputError, Scalar, SettingError};
use marlo_ir::loss::Wrt;

pub use fused::{Fused, NamedTensor};
pub use lower::{autodiff, autodiff_by};

/// A precision that both dfdx and marlo compute in: f32 or f64.
pub trait Element: dfdx::dtypes::Dtype + Scalar + num_traits::Float {}
impl Element for f32 {}
impl Element for f64 {}

/// Loss and gradient of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<E> {
    /// Each sample's own loss, (B,).
    pub loss: Vec<E>,
    /// The loss of the batch.
    pub mean_loss: E,
    /// ∂(loss of the batch)/∂(matrix), (B, C), row by row; with K centres (B, C, K).
    pub gradient: Vec<E>,
    /// The further derivatives that were asked for, but for those by further centres, which belong to the matrix: (B,) by
    /// an input of the samples, (C,) by one of the classes, one number by a hyperparameter.
    pub partials: Vec<(Wrt, Vec<E>)>,
    /// The next value of each state, in the order of [`marlo_ir::loss::Loss::updates`].
    pub states: Vec<E>,
}

/// Why dfdx gave no result.
#[derive(Debug, thiserror::Error)]
pub enum DfdxError {
    /// dfdx ran out of memory or was given a wrong number of values.
    #[error("a tensor could not be made: {0:?}")]
    Tensor(CpuError),
    /// The inputs don't fit the loss.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The hyperparameters don't fit the loss.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

impl From<CpuError> for DfdxError {
    fn from(error: CpuError) -> Self {
        DfdxError::Tensor(error)
    }
}
