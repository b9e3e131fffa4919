//! Both workloads on a GPU: everything stays on the device from step to step, beside a copy that the device makes itself.

use marlo_ir::eval::{Batch, settings};
use marlo_ir::loss::Loss;
use marlo_ir::schedule::RowProgram;
use marlo_ir::setting::Moment;
use marlo_wgsl::bench::{self, Effort, Timing};
use marlo_wgsl::{Gpu, GpuHead, HeadArrays, HeadSizes, Kernel};

use super::inputs::{Cosines, Embeddings};
use super::limits::COPY;
use super::{BenchError, Measurement, Work};
use crate::sample;

/// A copy of as many numbers, by the device.
///
/// # Errors
/// When they do not fit the device, or it is lost.
pub fn copy(gpu: &Gpu, numbers: usize, effort: Effort) -> Result<Measurement, BenchError> {
    Ok(told(COPY, numbers as u64, &bench::copy(gpu, numbers, effort)?))
}

/// Steps of a loss on cosines.
///
/// # Errors
/// When the loss can't read them, they do not fit the device, or it is lost.
pub fn rows(
    gpu: &Gpu,
    loss: &Loss,
    cosines: &Cosines,
    seed: u64,
    effort: Effort,
) -> Result<Measurement, BenchError> {
    let labels: Vec<i64> = cosines.labels.iter().map(|label| *label as i64).collect();
    let params = settings(loss, &[], Moment::start(cosines.classes))?;
    let batch: Batch<f32> = sample::batch(loss, cosines.classes, &cosines.matrix, &labels, params, seed)?;
    let kernel = Kernel::new(gpu, &RowProgram::of(loss))?;
    let cells = (cosines.matrix.len() * loss.graph.centres()) as u64;
    Ok(told(&loss.name, cells, &bench::rows(gpu, &kernel, &batch, effort)?))
}

/// Steps of a head.
///
/// # Errors
/// When the loss reads what a head has not, the arrays do not fit the device, or it is lost.
pub fn head(
    gpu: &Gpu,
    loss: &Loss,
    embeddings: &Embeddings,
    effort: Effort,
) -> Result<Measurement, BenchError> {
    if loss.graph.inputs.len() > 1 {
        let input = loss.graph.inputs[1].name.clone();
        return Err(BenchError::Input { loss: loss.name.clone(), input });
    }
    let rows = embeddings.labels.len();
    let width = embeddings.embeddings.len() / rows;
    let classes = embeddings.weights.len() / width;
    let labels: Vec<u32> = embeddings.labels.iter().map(|label| *label as u32).collect();
    let arrays = HeadArrays {
        embeddings: gpu.array_of(&embeddings.embeddings)?,
        weights: gpu.array_of(&embeddings.weights)?,
        labels: gpu.array_of(&labels)?,
        losses: gpu.array(rows)?,
        by_embeddings: gpu.array(embeddings.embeddings.len())?,
        by_weights: gpu.array(embeddings.weights.len())?,
        vectors: Vec::new(),
    };
    let params = settings(loss, &[], Moment::start(classes))?;
    let mut head = GpuHead::new(gpu, &RowProgram::of(loss), HeadSizes { rows, classes, width }, arrays)?;
    Ok(told(&loss.name, (rows * classes) as u64, &bench::head(gpu, &mut head, &params, effort)?))
}

fn told(name: &str, cells: u64, timing: &Timing) -> Measurement {
    let work = Work { cells, bytes: timing.bytes, flops: timing.operations };
    Measurement::of(name, work, timing.seconds.clone())
}
