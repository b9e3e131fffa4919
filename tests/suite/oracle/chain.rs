//! From the gradient by cosines or logits to that by the embeddings and the class weights.
//!
//! With x̂ = x/|x|, ŵ = w/|w| and c = x̂·ŵ it is ∂c/∂x = (ŵ − c·x̂)/|x| and ∂c/∂w = (x̂ − c·ŵ)/|w|; a loss that reads the
//! length of x or of w has the derivative by that times x̂ or ŵ beside it.

use super::evaluate::{Evaluation, Found};
use super::numbers::Inputs;
use super::table::{Run, Weights};

/// A sum of products, with what its rounding and that of its factors is measured by.
#[derive(Copy, Clone, Default, Debug)]
pub(super) struct Sum {
    /// The sum.
    pub(super) value: f64,
    /// The sum of its terms' sizes.
    pub(super) size: f64,
    /// How far the sum moves where every derivative in it moves by 1.
    pub(super) slope: f64,
}

impl Sum {
    /// A number that is no sum.
    pub(super) fn single(value: f64) -> Sum {
        Sum { value, size: value.abs(), slope: 1.0 }
    }

    fn add(&mut self, derivative: f64, factor: f64) {
        self.value += derivative * factor;
        self.size += (derivative * factor).abs();
        self.slope += factor.abs();
    }
}

/// The gradient by x and by W.
pub(super) struct Chained {
    /// By x, (B, D).
    pub(super) dx: Vec<Sum>,
    /// By W, (C, D).
    pub(super) dw: Vec<Sum>,
}

/// Chains the gradient of a program with that of the cosines or logits: a column for each row of W, whether it is a class
/// or one of its centres.
pub(super) fn chained(evaluation: &Evaluation, gradient: &[f64], run: &Run, inputs: &Inputs) -> Chained {
    let width = inputs.x.shape[1];
    let mut found = Chained {
        dx: vec![Sum::default(); inputs.x.data.len()],
        dw: vec![Sum::default(); inputs.w.data.len()],
    };
    let (norms, sizes) = (inputs.norms(), inputs.sizes());
    let columns = inputs.weights();
    for (at, &g) in gradient.iter().enumerate() {
        let (row, column) = (at / columns, at % columns);
        let x = &inputs.x.data[row * width..][..width];
        let w = &inputs.w.data[column * width..][..width];
        let dx = &mut found.dx[row * width..][..width];
        let dw = &mut found.dw[column * width..][..width];
        if evaluation.raw {
            (0..width).for_each(|d| {
                dx[d].add(g, w[d]);
                dw[d].add(g, x[d]);
            });
            continue;
        }
        let c = inputs.cos.data[at];
        let (a, b) = (norms[row], sizes[column]);
        for d in 0..width {
            let (x, w) = (x[d] / a, w[d] / b);
            dx[d].add(g, w / a);
            dx[d].add(g, -c * x / a);
            let size = if run.weights == Weights::Given { b } else { 1.0 };
            dw[d].add(g, x / size);
            if run.weights != Weights::Unprojected {
                dw[d].add(g, -c * w / size);
            }
        }
    }
    found
}

impl Chained {
    /// Adds what comes by the lengths of x and W that the program reads.
    pub(super) fn add_lengths(&mut self, found: &Found, run: &Run, inputs: &Inputs) {
        let width = inputs.x.shape[1];
        for (name, source) in &run.inputs {
            let (by, vectors, lengths) = match source.as_str() {
                "|x|" => (&mut self.dx, &inputs.x, inputs.norms()),
                "|W|" => (&mut self.dw, &inputs.w, inputs.sizes()),
                _ => continue,
            };
            for (line, &partial) in found.partial(name).iter().enumerate() {
                let at = line * width..(line + 1) * width;
                for (sum, v) in by[at.clone()].iter_mut().zip(&vectors.data[at]) {
                    sum.add(partial, v / lengths[line]);
                }
            }
        }
    }
}
