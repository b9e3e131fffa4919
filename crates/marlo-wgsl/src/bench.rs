//! How fast the device is: kernels on buffers that stay there, against a plain copy.
//!
//! A row kernel can't be faster than reading its matrix once and writing its gradient once. [`copy`] measures what the same
//! device gives to a kernel that does just that, so `rows(..).bytes_per_second() / copy(..).bytes_per_second()` is the share
//! of what is possible.
//!
//! Steps of a round are submitted one after another, and the device is waited for once at its end: submission overlaps
//! with work, as it does in training. Nothing is read back within the time. A first round is not counted: in it drivers
//! compile.

use std::time::Instant;

use marlo_ir::eval::Batch;

use crate::gpu::{Gpu, GpuError};
use crate::head::GpuHead;
use crate::resident::Resident;
use crate::runtime::Kernel;
use crate::stage::{Stage, module, pipeline};

/// How often something is repeated. Rounds or steps of 0 count as 1.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Effort {
    /// How many times are taken.
    pub rounds: usize,
    /// The steps of each round, with one wait at its end.
    pub steps: usize,
}

impl Default for Effort {
    /// 7 rounds of 20 steps.
    fn default() -> Effort {
        Effort { rounds: 7, steps: 20 }
    }
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// Seconds a step took, the mean of each round.
    pub seconds: Vec<f64>,
    /// The bytes that a step has to move through memory at least: what it reads once and writes once.
    pub bytes: u64,
    /// The multiplications and additions of a step's products of matrices; 0 where there are none.
    pub operations: u64,
}

impl Timing {
    /// The median of the rounds, in seconds a step.
    pub fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The fastest round, in seconds a step.
    pub fn fastest(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The least traffic over the median time, in bytes a second.
    pub fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.median()
    }

    /// The products' operations over the median time, in operations a second.
    pub fn operations_per_second(&self) -> f64 {
        self.operations as f64 / self.median()
    }
}

/// Times a copy of so many f32 numbers (rounded up to 4): `bytes` are 8 for each.
///
/// # Errors
/// When the buffers do not fit the device, or it is lost.
pub fn copy(gpu: &Gpu, numbers: usize, effort: Effort) -> Result<Timing, GpuError> {
    // With so many that the next multiple of 4 has no number, `array` refuses.
    let numbers = numbers.max(1).checked_next_multiple_of(4).unwrap_or(numbers);
    let [source, target] = [gpu.array(numbers)?, gpu.array(numbers)?];
    let text = include_str!("../../../shaders/device/copy.wgsl");
    let copy = pipeline(gpu, &module(gpu, "copy", text)?, "copy")?;
    // So many that an invocation of a software driver stays far below the loop iterations that it may make.
    let groups = numbers.div_ceil(4 * 64).min(16_384);
    let stage = Stage::new(gpu, &copy, &[(0, &source), (1, &target)], [groups, 1, 1])?;
    let step = || {
        gpu.submit("a copy", |encoder| {
            stage.record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        })
    };
    Ok(Timing { seconds: time(gpu, effort, step)?, bytes: 8 * numbers as u64, operations: 0 })
}

/// Times the steps of a loss on a batch, which is taken to the device first. `bytes` are those of its matrices, read once,
/// and of its derivatives, written once.
///
/// # Errors
/// When the batch does not fit the device as a whole, or the device is lost.
pub fn rows(kernel: &Kernel<'_>, batch: &Batch<f32>, effort: Effort) -> Result<Timing, GpuError> {
    resident(&mut kernel.place(batch)?, &batch.params, effort)
}

/// Times steps on buffers that are bound already; `bytes` as for [`rows`]. Where the gradient overwrites the matrix, each
/// step takes the gradient of the one before for its matrix: the time is right, the numbers mean nothing.
///
/// # Errors
/// When the hyperparameters do not fit, or the device is lost.
pub fn resident(bound: &mut Resident<'_>, params: &[f64], effort: Effort) -> Result<Timing, GpuError> {
    let gpu = bound.gpu();
    let arrays = bound.shader().matrices + bound.shader().outputs;
    let bytes = 4 * arrays as u64 * bound.extent.rows as u64 * bound.extent.classes as u64;
    Ok(Timing { seconds: time(gpu, effort, || bound.step(params))?, bytes, operations: 0 })
}

/// Times the steps of a head. `operations` are those of its three products, 6·B·C·K·d; `bytes` those of embeddings and class
/// vectors, read once, and of their gradients, written once.
///
/// # Errors
/// When the hyperparameters do not fit, or the device is lost.
pub fn head(head: &mut GpuHead<'_>, params: &[f64], effort: Effort) -> Result<Timing, GpuError> {
    let (gpu, sizes) = (head.kernel().gpu(), head.sizes());
    let vectors = sizes.classes * head.kernel().shader().matrices;
    let operations = 6 * sizes.rows as u64 * vectors as u64 * sizes.width as u64;
    let bytes = 8 * (sizes.rows + vectors) as u64 * sizes.width as u64;
    Ok(Timing { seconds: time(gpu, effort, || head.step(params))?, bytes, operations })
}

/// Seconds a step, for each round.
fn time(
    gpu: &Gpu,
    effort: Effort,
    mut step: impl FnMut() -> Result<(), GpuError>,
) -> Result<Vec<f64>, GpuError> {
    let steps = effort.steps.max(1);
    let mut round = |steps: usize| {
        let start = Instant::now();
        (0..steps).try_for_each(|_| step())?;
        gpu.wait()?;
        Ok(start.elapsed().as_secs_f64() / steps as f64)
    };
    round(1)?;
    (0..effort.rounds.max(1)).map(|_| round(steps)).collect()
}
