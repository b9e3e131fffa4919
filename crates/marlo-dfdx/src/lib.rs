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
pub mod batch_norm;
pub mod conv;
mod elementwise;
mod fused;
mod head;
mod leaves;
mod lower;
mod operation;
mod progress;
mod runtime;
mod saved;
mod watch;

use std::path::PathBuf;

use dfdx::tensor::CpuError;
use marlo_ir::eval::{InputError, Scalar, SettingError};
use marlo_ir::loss::Wrt;
use marlo_native::NativeError;
use safetensors::SafeTensorError;

pub use fused::{Fused, NamedTensor, tensor_of};
pub use head::MarginHead;
pub use lower::{autodiff, autodiff_by};
pub use progress::Progress;
pub use runtime::{RuntimeAdam, RuntimeSgd};
pub use saved::HeadTensors;
pub use watch::Watched;

/// A precision that both dfdx and marlo compute in: f32 or f64.
pub trait Element:
    dfdx::dtypes::Dtype + dfdx::dtypes::NotMixedPrecision + Scalar + num_traits::Float
{
}
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
    /// The batch doesn't fit the head, or the head can't be built.
    #[error(transparent)]
    Native(#[from] NativeError),
    /// A number of rows of weights that makes no whole classes.
    #[error(
        "{rows} rows of weights are no whole number of classes of {centres} centres: give classes times centres"
    )]
    Centres {
        /// The rows of the weights.
        rows: usize,
        /// Centres a class.
        centres: usize,
    },
    /// States that would not be saved with the model.
    #[error("`{loss}` has {found} states, but a head keeps at most {most} with its model")]
    States {
        /// The loss.
        loss: String,
        /// Its states.
        found: usize,
        /// The most that are kept.
        most: usize,
    },
    /// An input that the loss hasn't.
    #[error("`{loss}` has no further input `{name}` of that axis")]
    NoInput {
        /// The loss.
        loss: String,
        /// The name.
        name: String,
    },
    /// An input that was not given.
    #[error(
        "`{loss}` reads `{name}`, which was not given: set it on the head if it has a value a class, else with the batch"
    )]
    Missing {
        /// The loss.
        loss: String,
        /// The input.
        name: String,
    },
    /// An input of another length.
    #[error("`{name}` has {found} values, but {wanted} are wanted")]
    Length {
        /// The input.
        name: String,
        /// The values wanted.
        wanted: usize,
        /// The values given.
        found: usize,
    },
    /// An embedding that is not finite.
    #[error("the embedding of row {row} is not finite: training has diverged, try a smaller learning rate")]
    Embedding {
        /// The row.
        row: usize,
    },
    /// A loss that is not finite.
    #[error("the loss{} is not finite: weights or inputs are too large, or no numbers",
        .row.map(|row| format!(" of row {row}")).unwrap_or_default())]
    NotFinite {
        /// The first row, where it is one row's.
        row: Option<usize>,
    },
    /// A window that doesn't fit into an image.
    #[error(
        "a window of {side} × {side} pixels, stride {stride}, does not fit images of {height} × {width} pixels",
        side = .window.side, stride = .window.stride
    )]
    Window {
        /// The window.
        window: conv::Window,
        /// The images' height.
        height: usize,
        /// The images' width.
        width: usize,
    },
    /// Weights of a convolution that don't fit its window or its images.
    #[error(
        "a convolution of {rows} rows of weights does not fit: a window of side {side} wants {side}² rows a channel"
    )]
    Patch {
        /// The rows of the weights.
        rows: usize,
        /// The side of the window.
        side: usize,
    },
    /// A file that can't be read.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is no saved head.
    #[error("no file of saved tensors: {0}")]
    Format(#[from] SafeTensorError),
    /// The file of another head.
    #[error("{}: it has {found}, but {wanted} is wanted", .path.display())]
    Saved {
        /// The file.
        path: PathBuf,
        /// Type and shape of this head's weights.
        wanted: String,
        /// Type and shape in the file.
        found: String,
    },
}

impl From<CpuError> for DfdxError {
    fn from(error: CpuError) -> Self {
        DfdxError::Tensor(error)
    }
}
