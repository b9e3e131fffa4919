//! The workload of rows: cosines or logits (B, C) and labels in, each row's loss and the gradient out, by native kernels.

use std::cell::RefCell;

use marlo_ir::eval::{Scalar, settings};
use marlo_ir::loss::Loss;
use marlo_ir::schedule::RowProgram;
use marlo_ir::setting::Moment;
use marlo_native::{Inputs, Kernel, Library, Outputs};

use super::inputs::Cosines;
use super::memory::peak_above;
use super::{BenchError, Contender, Work};
use crate::sample;

/// The gradients' buffers, one for each centre, which all losses share: allocated once, as in training.
pub type Gradients = RefCell<Vec<Vec<f32>>>;

/// A loss that is ready to run on given cosines, with [stand-ins](crate::sample) for what else it reads.
#[derive(Debug)]
pub struct Case<'a> {
    /// The loss's name.
    pub name: String,
    cosines: &'a Cosines,
    kernel: Kernel<f32>,
    /// The matrices of further centres.
    further: Vec<Vec<f32>>,
    vectors: Vec<Vec<f32>>,
    params: Vec<f64>,
    losses: Vec<f32>,
}

impl<'a> Case<'a> {
    /// Makes a loss ready: its sweeps run compiled where `library` has them.
    ///
    /// # Errors
    /// When a hyperparameter has no value, or an input no stand-in.
    pub fn new(
        loss: &Loss,
        cosines: &'a Cosines,
        library: &Library,
        seed: u64,
    ) -> Result<Case<'a>, BenchError> {
        let (rows, classes) = (cosines.rows, cosines.classes);
        let missing = |input| BenchError::Input { loss: loss.name.clone(), input };
        Ok(Case {
            name: loss.name.clone(),
            kernel: Kernel::new(&RowProgram::of(loss), library),
            further: (1..loss.graph.centres()).map(|centre| cosines.of_centre(centre)).collect(),
            vectors: sample::vectors(loss, &cosines.labels, classes, seed).map_err(missing)?,
            params: settings(loss, &[], Moment::start(classes))?,
            losses: vec![0.0; rows],
            cosines,
        })
    }

    /// The number of matrices, one for each centre.
    pub fn matrices(&self) -> usize {
        1 + self.further.len()
    }

    /// What a step does at the least: each matrix read once, each gradient written once.
    pub fn work(&self) -> Work {
        let cells = (self.cosines.matrix.len() * self.matrices()) as u64;
        Work { cells, bytes: 8 * cells, flops: 0 }
    }

    /// Are all of its sweeps compiled?
    pub fn is_compiled(&self) -> bool {
        self.kernel.is_compiled()
    }

    /// One step: the loss of the batch; the gradients are written to the first buffers.
    ///
    /// # Errors
    /// When there are too few buffers, or they are too short.
    pub fn step(&mut self, gradients: &Gradients) -> Result<f64, BenchError> {
        let mut gradients = gradients.borrow_mut();
        let matrices: Vec<&[f32]> =
            [&self.cosines.matrix].into_iter().chain(&self.further).map(Vec::as_slice).collect();
        let mut gradients: Vec<&mut [f32]> =
            gradients.iter_mut().take(matrices.len()).map(Vec::as_mut_slice).collect();
        let vectors: Vec<&[f32]> = self.vectors.iter().map(Vec::as_slice).collect();
        let inputs = Inputs {
            classes: self.cosines.classes,
            matrices: &matrices,
            stride: self.cosines.classes,
            labels: &self.cosines.labels,
            vectors: &vectors,
            params: &self.params,
            resolution: <f32 as Scalar>::RESOLUTION,
        };
        let mut outputs = Outputs { loss: &mut self.losses, gradients: &mut gradients };
        Ok(self.kernel.run(&inputs, &mut outputs)?.loss)
    }

    /// The most memory that a step after the first takes above the inputs, in bytes, where it is known: its gradients are
    /// counted.
    ///
    /// # Errors
    /// When a step fails.
    pub fn memory(&mut self) -> Result<Option<u64>, BenchError> {
        let (matrices, cells) = (self.matrices(), self.cosines.matrix.len());
        let mut gradients = None;
        peak_above(|| self.step(gradients.get_or_insert_with(|| buffers(matrices, cells))))
    }

    /// As something to be timed, in buffers that others use, too.
    pub fn contender<'s>(&'s mut self, name: impl Into<String>, gradients: &'s Gradients) -> Contender<'s> {
        let work = self.work();
        Contender::new(name, work, move || self.step(gradients).map(|_| ()))
    }
}

/// That many buffers, touched: else the first to write to them would wait for their pages.
pub fn buffers(matrices: usize, cells: usize) -> Gradients {
    RefCell::new(vec![vec![f32::MIN_POSITIVE; cells]; matrices])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_loss_can_be_measured() {
        let cosines = Cosines::draw(5, 77, 1);
        let gradients = buffers(8, cosines.matrix.len());
        for spec in crate::specs::ALL {
            let loss = crate::specs::compile(spec.name).expect("it ships").loss;
            let [compiled, interpreted] = [Library::shipped(), Library::empty()].map(|library| {
                let mut case = Case::new(&loss, &cosines, &library, 0).expect("there are stand-ins");
                case.step(&gradients).expect("it fits")
            });
            assert!(compiled.is_finite(), "{}", spec.name);
            let difference = (compiled - interpreted).abs();
            assert!(difference <= 1e-5 * compiled.abs().max(1.0), "{}: {compiled} {interpreted}", spec.name);
        }
    }
}
