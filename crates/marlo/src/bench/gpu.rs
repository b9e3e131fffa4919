//! Both workloads on a GPU: everything stays on the device from step to step, beside a copy that the device makes itself.

use marlo_ir::eval::{Batch, settings};
use marlo_ir::loss::Loss;
use marlo_ir::schedule::RowProgram;
use marlo_ir::setting::Moment;
use marlo_wgsl::bench::{self, Effort, Timing};
use marlo_wgsl::{Gpu, GpuError, GpuHead, HeadArrays, HeadSizes, Kernel};

use super::inputs::{Cosines, Embeddings};
use super::limits::COPY;
use super::{BenchError, Measurement, Work};
use crate::sample;

/// A copy of as many numbers as a matrix of those sizes has, by the device.
///
/// # Errors
/// When they do not fit the device, or it is lost.
pub fn copy(gpu: &Gpu, (rows, columns): (usize, usize), effort: Effort) -> Result<Measurement, BenchError> {
    let numbers = rows.checked_mul(columns).ok_or_else(|| GpuError::TooLarge {
        what: format!("a copy of {rows} × {columns} numbers"),
        limit: format!("{} numbers", usize::MAX),
    })?;
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
    Ok(told(&loss.name, cells, &bench::rows(&kernel, &batch, effort)?))
}

/// Steps of a head, with [stand-ins](crate::sample) for what else its loss reads.
///
/// # Errors
/// When the loss has several centres, there is no embedding or no class vector, the arrays do not fit the device, or it is
/// lost.
pub fn head(
    gpu: &Gpu,
    loss: &Loss,
    embeddings: &Embeddings,
    seed: u64,
    effort: Effort,
) -> Result<Measurement, BenchError> {
    if loss.graph.centres() > 1 {
        return Err(BenchError::Centres { loss: loss.name.clone(), centres: loss.graph.centres() });
    }
    let HeadSizes { rows, classes, width } = sizes(embeddings)?;
    let program = RowProgram::of(loss);
    let labels: Vec<i64> = embeddings.labels.iter().map(|label| *label as i64).collect();
    let mut given = sample::inputs(loss, &labels, classes, &[]);
    given.extend(sample::drawn(loss, (rows, classes), seed, 0, &[]));
    let mut vectors = Vec::new();
    for input in GpuHead::inputs(&program) {
        let Some((_, values)) = given.iter().find(|given| given.0 == input.name) else {
            return Err(BenchError::Input { loss: loss.name.clone(), input: input.name.clone() });
        };
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        vectors.push(gpu.array_of(&values)?);
    }
    let labels: Vec<u32> = embeddings.labels.iter().map(|label| *label as u32).collect();
    let arrays = HeadArrays {
        embeddings: gpu.array_of(&embeddings.embeddings)?,
        weights: gpu.array_of(&embeddings.weights)?,
        labels: gpu.array_of(&labels)?,
        losses: gpu.array(rows)?,
        by_embeddings: gpu.array(embeddings.embeddings.len())?,
        by_weights: gpu.array(embeddings.weights.len())?,
        vectors,
    };
    let params = settings(loss, &[], Moment::start(classes))?;
    let mut head = GpuHead::new(gpu, &program, HeadSizes { rows, classes, width }, arrays)?;
    Ok(told(&loss.name, (rows * classes) as u64, &bench::head(&mut head, &params, effort)?))
}

/// The sizes that embeddings have, at least 1 each.
fn sizes(embeddings: &Embeddings) -> Result<HeadSizes, BenchError> {
    let rows = embeddings.labels.len();
    let width = embeddings.embeddings.len().checked_div(rows).unwrap_or(0);
    let classes = embeddings.weights.len().checked_div(width).unwrap_or(0);
    if classes == 0 {
        return Err(BenchError::Gpu(GpuError::Argument {
            what: "the head".into(),
            found: format!("{rows} rows, {classes} classes and vectors of {width} numbers"),
            wanted: "at least 1 of each".into(),
        }));
    }
    Ok(HeadSizes { rows, classes, width })
}

fn told(name: &str, cells: u64, timing: &Timing) -> Measurement {
    let work = Work { cells, bytes: timing.bytes, flops: timing.operations };
    Measurement::of(name, work, timing.seconds.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One step of one round, which 0 of either means too.
    const ONCE: Effort = Effort { rounds: 0, steps: 0 };

    #[test]
    fn heads_of_all_kinds_can_be_measured() {
        let Ok(gpu) = Gpu::new(None) else { return };
        let embeddings = Embeddings::draw(5, 77, 8, 1, crate::bench::inputs::LEARNING);
        for name in ["arcface", "adaface", "balanced_softmax", "elasticface_arc_plus", "softmax"] {
            let loss = crate::specs::compile(name).expect("it ships").loss;
            let found = head(&gpu, &loss, &embeddings, 3, ONCE);
            assert_eq!(
                found.map(|found| found.repetitions).map_err(|error| error.to_string()),
                Ok(1),
                "{name}"
            );
        }
        let loss = crate::specs::compile("subcentre_arcface").expect("it ships").loss;
        let error = head(&gpu, &loss, &embeddings, 3, ONCE).expect_err("several centres").to_string();
        assert!(error.starts_with("`subcentre_arcface` has 3 centres a class"), "{error}");
    }

    #[test]
    fn nothing_is_an_error() {
        let Ok(gpu) = Gpu::new(None) else { return };
        let loss = crate::specs::compile("arcface").expect("it ships").loss;
        let empty = [
            Embeddings { embeddings: vec![], weights: vec![1.0; 8], labels: vec![] },
            Embeddings { embeddings: vec![1.0; 8], weights: vec![], labels: vec![0] },
            Embeddings { embeddings: vec![], weights: vec![], labels: vec![0] },
        ];
        for embeddings in empty {
            let error = head(&gpu, &loss, &embeddings, 3, ONCE).expect_err("it is empty").to_string();
            assert!(error.ends_with("but at least 1 of each is needed"), "{error}");
        }
        for classes in [0, 5] {
            let cosines = Cosines { rows: 0, classes, matrix: vec![], labels: vec![] };
            let error = rows(&gpu, &loss, &cosines, 3, ONCE).expect_err("it is empty").to_string();
            assert!(error.starts_with("the batch is empty"), "{error}");
        }
        let error = copy(&gpu, (usize::MAX, 2), ONCE).expect_err("too many").to_string();
        assert!(error.contains("exceeds what the adapter can do"), "{error}");
        let error = copy(&gpu, (usize::MAX, 1), ONCE).expect_err("too many").to_string();
        assert!(error.contains("exceeds what the adapter can do"), "{error}");
    }
}
