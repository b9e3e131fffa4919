//! Fused CPU kernels from any loss, and the head that turns embeddings into loss and gradients.
//!
//! A loss that `marlo-ir` has scheduled as a [`RowProgram`](marlo_ir::schedule::RowProgram) runs here in f32 or f64, over
//! cosines that are there already ([`Kernel`]) or over embeddings and class weights ([`Head`]), which never forms the whole
//! matrix of cosines unless that is the quicker way. Values of a row are computed in f64, cells in the precision of the
//! matrix, so that a logit of 64 costs f32 no digits. No bit of a result hangs on the number of threads.
//!
//! - **Values of the row** are few and run through a list of operations.
//! - **Sweeps** over a row's other classes are where the time goes. A [`sweep::Sweep`] names places instead of a loss's
//!   hyperparameters, so losses share sweeps: [`shipped`] has those of all shipped losses as Rust, written by [`emit`], and
//!   a [`Library`] finds them by their text. A sweep that no library has is interpreted, an instruction at a time over a
//!   chunk of cells, with the same numbers to the last digits.
//! - **Instructions** (AVX-512, AVX2, NEON or what every machine has) are chosen when a kernel is made: see [`isa`].
//!
//! What it is not: no tensor library and no autodiff (the derivative is `marlo-ir`'s), no home for losses (none is named
//! here), and nothing for a GPU. It takes numbers as they are; whoever takes them from outside checks them first, as
//! `marlo_ir::eval::Batch::new` does.
//!
//! ```
//! use marlo_ir::{schedule::RowProgram, typed::{self, kinds}};
//! use marlo_native::{Inputs, Kernel, Library, Outputs};
//!
//! let loss = typed::define("cosface", |l| {
//!     let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
//!     let m = l.param::<kinds::Cosine>("m", 0.35, 0.0..=1.0);
//!     typed::ce(typed::softmax(s * (l.cos_target() - m), s * l.cos_other()))
//! });
//! let kernel = Kernel::<f32>::new(&RowProgram::of(&loss), &Library::shipped());
//! assert!(kernel.is_compiled()); // its one sweep is arcface's, too
//!
//! let cosines = [0.6, 0.2, -0.1, 0.0, 0.1, 0.7];
//! let inputs = Inputs {
//!     classes: 3, matrices: &[&cosines], stride: 3, labels: &[0, 2],
//!     vectors: &[], params: &[64.0, 0.35], resolution: f64::from(f32::EPSILON) / 2.0,
//! };
//! let (mut losses, mut gradient) = ([0.0; 2], [0.0; 6]);
//! let totals = kernel.run(&inputs, &mut Outputs { loss: &mut losses, gradients: &mut [&mut gradient] })?;
//! assert!(totals.loss > 0.0 && gradient[0] < 0.0 && gradient[1] > 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![allow(
    clippy::needless_range_loop,
    reason = "the lanes of several arrays move together, and an index is what becomes vector code"
)]

pub mod compiled;
pub mod emit;
pub mod error;
#[cfg(feature = "head")]
pub mod head;
#[allow(unsafe_code, reason = "reads and writes the cells of a tile through its pointers")]
mod interpret;
#[allow(unsafe_code, reason = "calls functions for instructions that were detected")]
pub mod isa;
#[allow(unsafe_code, reason = "hands tiles that lie in checked slices to the loops over them")]
pub mod kernel;
#[allow(unsafe_code, reason = "stores past the caches, and functions for instructions that were detected")]
pub mod limits;
pub mod math;
mod merged;
mod plan;
#[allow(unsafe_code, reason = "threads share the batch's arrays, each at rows of its own")]
mod row;
mod row_values;
#[allow(
    unsafe_code,
    reason = "what is scaled in place has one place for both, and stores go past the caches"
)]
mod stream;
#[rustfmt::skip]
#[allow(clippy::approx_constant, reason = "a generated file has its numbers in full")]
pub mod shipped;
pub mod sweep;
#[allow(unsafe_code, reason = "in place a tile's outputs are its inputs, which no slices can say")]
pub mod tile;

pub use compiled::Library;
pub use error::NativeError;
#[cfg(feature = "head")]
pub use head::Head;
pub use kernel::{Inputs, Kernel, Outputs, Totals};
