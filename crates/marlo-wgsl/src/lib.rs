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
//!
//! # On the device
//!
//! [`Kernel::bind`] ties a loss to buffers of the caller ([`Arrays`]); a [`step`](Resident::step) is then one submission of
//! all passes, and nothing is made, copied or read back in it. [`GpuHead`] does the same from embeddings and class vectors to
//! the gradients by both. [`mod@bench`] times either against a plain copy.
//!
//! ```no_run
//! # use marlo_wgsl::{Gpu, GpuError, wgpu::Buffer};
//! # fn train(
//! #     program: marlo_ir::schedule::RowProgram,
//! #     forward: impl Fn(&Gpu, &Buffer, &Buffer),
//! #     backward: impl Fn(&Gpu, &Buffer),
//! # ) -> Result<(), GpuError> {
//! use marlo_wgsl::{Arrays, Kernel};
//!
//! let (rows, classes) = (512, 10_000);
//! let gpu = Gpu::new(None)?;
//! let kernel = Kernel::new(&gpu, &program)?;
//! let arrays = Arrays {
//!     matrix: gpu.array(rows * classes)?,
//!     labels: gpu.array(rows)?,
//!     losses: gpu.array(rows)?,
//!     gradients: None, // it overwrites the cosines
//!     vectors: vec![],
//! };
//! let mut bound = kernel.bind(rows, classes, arrays)?;
//! for step in 0..1000 {
//!     // Kernels of one's own: they write the cosines of the next batch and its labels, where the last step has left its
//!     // gradient,
//!     forward(&gpu, &bound.arrays().matrix, &bound.arrays().labels);
//!     bound.step(&[64.0, 0.5_f64.min(step as f64 / 500.0)])?;
//!     // and take the gradient on from the same buffer.
//!     backward(&gpu, &bound.arrays().matrix);
//! }
//! println!("{}", bound.summary()?.mean_loss);
//! # Ok(())
//! # }
//! ```
//!
//! # Reads and writes
//!
//! A loss over a softmax needs its row twice: for the reduction, and for the gradient that depends on it. What matters is
//! how often the row comes from memory. What follows is reckoned from the sizes of caches, not measured on such devices; the
//! functions of [`mod@bench`] measure the one at hand.
//!
//! - Usually one workgroup sweeps over a row, twice, and the second sweep finds it in a cache: workgroups grow with the
//!   number of classes, so that the rows which a device works on at a time stay few: 64 invocations, 128 from 4096 classes on,
//!   256 from 8192, 512 from 16,384. A device of 132 processors with room for 2048 invocations each works on 1056 rows of
//!   10,000 classes at a time (groups of 256), 42 MB, and on 528 rows of 20,000 (groups of 512), as much again. Where a cache
//!   holds that, memory gives each number once and takes each derivative once, as in a copy; else rows come twice. Rows are
//!   not kept in workgroup memory: it would bound their length, and the groups that a processor has room for, to do what a
//!   cache does unasked.
//! - Where rows are too few to fill the device, or too long for one workgroup, they are shared out ([`Form::split`]). The
//!   sweeps become passes, and a matrix larger than the cache is read once a sweep: for a softmax, 3 transfers a number where
//!   a copy has 2.
//! - The exponential of a class is computed in both sweeps. To store it would cost a transfer; some 20 operations on a
//!   number that has to come from memory anyway are cheaper.
//! - The gradient may overwrite the matrix ([`Form::in_place`]), which halves the memory, not the traffic.
//! - Neighbouring invocations read neighbouring numbers, which makes whole cache lines for any number of classes; vectors of
//!   four would need a multiple of 4. To keep memory busy each invocation of a GPU asks for the inputs of four classes before
//!   it works on the first ([`Form::ahead`]): 2048 invocations with one number each under way are half of what memory of
//!   3 TB/s and 0.6 μs can have under way on each of 132 processors.

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
