//! The workload of a head: embeddings (B, D), class vectors (C, D) and labels in, losses and both gradients out.

use std::cell::RefCell;

use marlo_ir::eval::settings;
use marlo_ir::loss::Loss;
use marlo_ir::setting::Moment;
use marlo_native::head::{Builder, Filtered, Gradients, Head, Step};

use super::inputs::Embeddings;
use super::memory::peak_above;
use super::{BenchError, Contender, Work};
use crate::sample;

/// Where the gradients of all heads go: by the embeddings, and by the class vectors.
pub type Buffers = RefCell<(Vec<f32>, Vec<f32>)>;

/// Buffers for embeddings of that shape, touched: else the first to write to them would wait for their pages.
pub fn buffers(embeddings: &Embeddings) -> Buffers {
    let touched = |count: usize| vec![f32::MIN_POSITIVE; count];
    RefCell::new((touched(embeddings.embeddings.len()), touched(embeddings.weights.len())))
}

/// A head that is ready to take steps, with [stand-ins](crate::sample) for what else its loss reads.
#[derive(Debug)]
pub struct HeadCase<'a> {
    /// The loss's name.
    pub name: String,
    embeddings: &'a Embeddings,
    head: Head<f32>,
    vectors: Vec<Vec<f32>>,
    params: Vec<f64>,
    losses: Vec<f32>,
    /// What the last step filtered out.
    pub filtered: Filtered,
}

impl<'a> HeadCase<'a> {
    /// Makes a head for a loss with one centre a class; `change` says how it differs from the usual one.
    ///
    /// # Errors
    /// When the loss has several centres, a hyperparameter has no value, or the head can't be built.
    pub fn new(
        loss: &Loss,
        embeddings: &'a Embeddings,
        seed: u64,
        change: impl Fn(Builder<f32>) -> Builder<f32>,
    ) -> Result<HeadCase<'a>, BenchError> {
        if loss.graph.centres() > 1 {
            return Err(BenchError::Centres { loss: loss.name.clone(), centres: loss.graph.centres() });
        }
        let rows = embeddings.labels.len();
        let width = embeddings.embeddings.len() / rows;
        let classes = embeddings.weights.len() / width;
        let missing = |input| BenchError::Input { loss: loss.name.clone(), input };
        Ok(HeadCase {
            name: loss.name.clone(),
            head: change(Head::<f32>::builder(loss).classes(classes).dim(width)).build()?,
            vectors: sample::vectors(loss, &embeddings.labels, classes, seed).map_err(missing)?,
            params: settings(loss, &[], Moment::start(classes))?,
            losses: vec![0.0; rows],
            embeddings,
            filtered: Filtered::default(),
        })
    }

    /// What a step does at the least.
    pub fn work(&self) -> Work {
        Work::of_head(self.losses.len(), self.head.classes(), self.head.dim())
    }

    /// One step: the loss of the batch.
    ///
    /// # Errors
    /// When the buffers do not fit.
    pub fn step(&mut self, buffers: &Buffers) -> Result<f64, BenchError> {
        let (x, w) = &mut *buffers.borrow_mut();
        let vectors: Vec<&[f32]> = self.vectors.iter().map(Vec::as_slice).collect();
        let step = Step {
            x: &self.embeddings.embeddings,
            w: &self.embeddings.weights,
            labels: &self.embeddings.labels,
            vectors: &vectors,
            params: &self.params,
            sampled: None,
        };
        let report = self.head.step(&step, &mut Gradients { loss: &mut self.losses, x, w })?;
        self.filtered = report.filtered;
        Ok(report.totals.loss)
    }

    /// The most memory that a step after the first takes above the inputs, in bytes, where it is known: its gradients are
    /// counted.
    ///
    /// # Errors
    /// When a step fails.
    pub fn memory(&mut self) -> Result<Option<u64>, BenchError> {
        let (embeddings, mut gradients) = (self.embeddings, None);
        peak_above(|| self.step(gradients.get_or_insert_with(|| buffers(embeddings))))
    }

    /// As something to be timed, in buffers that others use, too.
    pub fn contender<'s>(&'s mut self, name: impl Into<String>, buffers: &'s Buffers) -> Contender<'s> {
        let work = self.work();
        Contender::new(name, work, move || self.step(buffers).map(|_| ()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_all_kinds_can_be_measured() {
        let embeddings = Embeddings::draw(5, 77, 8, 1, crate::bench::inputs::LEARNING);
        let buffers = buffers(&embeddings);
        for spec in crate::specs::ALL {
            let loss = crate::specs::compile(spec.name).expect("it ships").loss;
            match HeadCase::new(&loss, &embeddings, 0, |builder| builder) {
                Ok(mut case) => assert!(case.step(&buffers).expect("it fits").is_finite(), "{}", spec.name),
                Err(error) => assert!(loss.graph.centres() > 1, "{}: {error}", spec.name),
            }
        }
    }
}
