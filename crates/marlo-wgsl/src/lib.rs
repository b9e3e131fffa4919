//! Losses as WGSL compute shaders.
//!
//! [`emit()`] turns a [`RowProgram`](marlo_ir::schedule::RowProgram) into text; no GPU is needed for that. The text is
//! meant to be read: variables have the spec's own names, and each line says the formula that it computes.
//! [`compile`] validates it with naga and translates it to SPIR-V, MSL, HLSL and GLSL. With the feature `gpu` (on by
//! default) [`Gpu`] and [`Kernel`] run it through wgpu.
//!
//! ```
//! use marlo_ir::{schedule::RowProgram, typed::{self, kinds}};
//! use marlo_wgsl::{Output, Target};
//!
//! let loss = typed::define("normface", |l| {
//!     let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
//!     typed::ce(typed::softmax(s * l.cos_target(), s * l.cos_other()))
//! });
//! let shader = marlo_wgsl::emit(&RowProgram::of(&loss));
//! assert!(shader.source.contains("@compute"));
//! let Output::Text(msl) = marlo_wgsl::compile(&shader, Target::Msl)? else { unreachable!() };
//! assert!(msl.contains("metal"));
//! # Ok::<(), marlo_wgsl::ShaderError>(())
//! ```
//!
//! Shaders compute in f32. The crate refuses to know a loss by name, and to hide a result that is not finite.

#[cfg(feature = "gpu")]
pub mod bench;
mod emit;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "gpu")]
mod head;
mod helpers;
mod lanes;
mod names;
#[cfg(feature = "gpu")]
mod outcome;
#[cfg(feature = "gpu")]
mod pipeline;
#[cfg(feature = "gpu")]
mod product;
#[cfg(feature = "gpu")]
mod resident;
#[cfg(feature = "gpu")]
mod runtime;
#[cfg(feature = "gpu")]
mod stage;
mod sweep;
mod translate;

pub use emit::{Form, Over, Pass, Shader, WORKGROUP, emit, emit_with};
#[cfg(feature = "gpu")]
pub use gpu::{Gpu, GpuError};
#[cfg(feature = "gpu")]
pub use head::{GpuHead, HeadArrays, HeadSizes};
#[cfg(feature = "gpu")]
pub use outcome::Outcome;
#[cfg(feature = "gpu")]
pub use resident::{Arrays, Resident};
#[cfg(feature = "gpu")]
pub use runtime::Kernel;
pub use translate::{Output, ShaderError, Target, compile, validate};
/// The version of wgpu whose buffers a [`Kernel`] takes.
#[cfg(feature = "gpu")]
pub use wgpu;
