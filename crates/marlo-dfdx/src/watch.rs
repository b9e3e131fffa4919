//! What margin papers watch while they train: angles, and how many classes stand in the way.

use dfdx::prelude::*;
use marlo_ir::eval::{Batch, Scalar, evaluate};
use marlo_ir::kind::Kind;
use marlo_ir::shape::Shape as Of;
use marlo_native::NativeError;
use marlo_native::math::Real;

use crate::head::{MarginHead, norm};
use crate::{DfdxError, Element};

/// Means over a batch.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Watched {
    /// The mean angle between an embedding and its class vector, in radians; of K centres the nearest counts.
    pub target: f64,
    /// The mean angle to all other class vectors, in radians.
    pub others: f64,
    /// The share of other classes that are nearer than the own one.
    pub nearer: f64,
    /// The share of other classes that the loss's first mask picks; none where the loss has no mask over classes.
    pub masked: Option<f64>,
}

impl<C: Dim, D: Dim, E: Element + Real> MarginHead<C, D, E> {
    /// Looks at embeddings (B, d), row by row, with their labels. It forms all B × C cosines: watch a few batches, not all.
    ///
    /// # Errors
    /// When labels and embeddings don't fit, or an input is missing.
    pub fn watch(&self, x: &[E], labels: &[usize]) -> Result<Watched, DfdxError> {
        let dim = self.weight.shape().1.size();
        let (classes, centres) = (self.classes(), self.loss().graph.centres());
        let rows = labels.len();
        if x.len() != rows * dim {
            return Err(DfdxError::Length { name: "embeddings".into(), wanted: rows * dim, found: x.len() });
        }
        if let Some(row) = labels.iter().position(|label| *label >= classes) {
            return Err(NativeError::Label { row, label: labels[row], classes }.into());
        }
        let units = |vectors: &[E]| -> Vec<f64> {
            vectors
                .chunks(dim.max(1))
                .flat_map(|v| {
                    let norm = norm(v).max(f64::MIN_POSITIVE);
                    v.iter().map(move |x| Scalar::to_f64(*x) / norm)
                })
                .collect()
        };
        let (unit_x, unit_w) = (units(x), units(&self.weight.as_vec()));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>().clamp(-1.0, 1.0);
        let cosines: Vec<f64> = unit_x
            .chunks(dim.max(1))
            .flat_map(|x| unit_w.chunks(dim.max(1)).map(move |w| dot(x, w)))
            .collect();
        let mut watched = Watched::default();
        for (row, &label) in cosines.chunks(classes * centres).zip(labels) {
            let nearest =
                |class: usize| row[class * centres..][..centres].iter().fold(-1.0, |top: f64, c| top.max(*c));
            let own = nearest(label);
            let (mut angles, mut nearer) = (0.0, 0);
            for cosine in (0..classes).filter(|class| *class != label).map(nearest) {
                angles += cosine.acos();
                nearer += usize::from(cosine > own);
            }
            let count = (classes.max(2) - 1) as f64;
            watched.target += own.acos() / rows as f64;
            watched.others += angles / count / rows as f64;
            watched.nearer += nearer as f64 / count / rows as f64;
        }
        watched.masked = self.masked(x, cosines, labels)?;
        Ok(watched)
    }

    fn masked(&self, x: &[E], cosines: Vec<f64>, labels: &[usize]) -> Result<Option<f64>, DfdxError> {
        let graph = &self.loss().graph;
        let needed = graph.reachable(&[self.loss().total]);
        let is_mask = |id: &_| graph.node(*id).kind == Kind::Mask && graph.shape(*id) == Of::Cell;
        let Some(mask) = graph.ids().find(|id| needed[id.index()] && is_mask(id)) else { return Ok(None) };
        let (classes, rows) = (self.classes(), labels.len());
        let params = self.progress().params(classes)?;
        let vectors = self.vectors(x, (rows, self.weight.shape().1.size()), Vec::new())?;
        let further = graph.inputs.iter().filter(|input| input.axis != marlo_ir::graph::Axis::Matrix);
        let wide = |values: &Vec<E>| values.iter().map(|x| Scalar::to_f64(*x)).collect();
        let vectors =
            further.zip(&vectors).map(|(input, values)| (input.name.clone(), wide(values))).collect();
        let labels: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
        let batch = Batch::<f64>::new(self.loss(), classes, cosines, &labels, vectors, params)?;
        let on: f64 = evaluate(graph, &[mask], &batch)[0].iter().sum();
        Ok(Some(on / ((classes.max(2) - 1) * rows) as f64))
    }
}
