//! Fused CPU kernels from any loss, and the head that turns embeddings into loss and gradients.
#![allow(unsafe_code)]
pub mod compiled;
pub mod emit;
pub mod error;
#[cfg(feature = "head")]
pub mod head;
mod interpret;
pub mod isa;
pub mod kernel;
pub mod limits;
pub mod math;
mod merged;
mod plan;
mod row;
mod rows;
mod stream;
#[rustfmt::skip]
pub mod shipped;
pub mod sweep;
pub mod tile;

pub use compiled::Library;
pub use error::NativeError;
#[cfg(feature = "head")]
pub use head::Head;
pub use kernel::{Inputs, Kernel, Outputs, Totals};
