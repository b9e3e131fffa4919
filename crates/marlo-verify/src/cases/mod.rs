//! Inputs that reach the hard places of a loss, drawn at random and made small when they fail.
//!
//! A [`Case`] is a batch that isn't checked yet. Cases come in [strata](Stratum), each a place where losses go wrong, so
//! that a report can say how often it looked there.

mod draw;
mod shrink;

use std::fmt::Write;

use marlo_ir::eval::{Batch, InputError, Scalar, interleave};
use marlo_ir::graph::{Axis, Input, Param};
use marlo_ir::kind::Kind;
use marlo_ir::loss::Loss;

use crate::big::Precision;
use crate::domain;

pub use draw::{Source, cases};
pub use shrink::shrunk;

/// Inputs of one evaluation, not checked against a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The hard place that it was drawn for.
    pub stratum: Stratum,
    /// C.
    pub classes: usize,
    /// The cosines or logits, (B, C), row by row; with several centres a class those of the first.
    pub matrix: Vec<f64>,
    /// The class of each row.
    pub labels: Vec<usize>,
    /// The further inputs in the order of the loss's graph: (B, C) for a further centre, (B,) or (C,).
    pub vectors: Vec<Vec<f64>>,
    /// The hyperparameters in the order of the header.
    pub params: Vec<f64>,
}

/// A hard place.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stratum {
    /// Anything at all, evenly.
    Random,
    /// Two classes.
    TwoClasses,
    /// Cosines of exactly ±1.
    Ends,
    /// Cosines just inside ±1, the nearest one or a power of ten away.
    Inside,
    /// The target's cosine equals another's, or others tie.
    Ties,
    /// Neighbouring f64 on the two sides of a place where a mask, floor, corner or maximum flips.
    Border,
    /// Every sample far on the right side.
    Easy,
    /// Every sample far on the wrong side.
    Hard,
    /// Cosines near ±1 on both sides and the greatest scale: p_y as near to 0 or 1 as it comes.
    Saturated,
    /// Every distance between the target and the others alike, so every decade of the loss.
    Tails,
    /// Hyperparameters at the lower end of their range.
    Least,
    /// Hyperparameters at the upper end of their range.
    Greatest,
    /// Logits that are large: ±30, ±10⁴.
    Large,
    /// Drawn by no stratum: given by a caller.
    Given,
}

impl Stratum {
    /// Every stratum that is drawn.
    pub const ALL: [Stratum; 13] = [
        Stratum::Random,
        Stratum::TwoClasses,
        Stratum::Ends,
        Stratum::Inside,
        Stratum::Ties,
        Stratum::Border,
        Stratum::Easy,
        Stratum::Hard,
        Stratum::Saturated,
        Stratum::Tails,
        Stratum::Least,
        Stratum::Greatest,
        Stratum::Large,
    ];

    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Stratum::Random => "random",
            Stratum::TwoClasses => "two classes",
            Stratum::Ends => "cos = ±1",
            Stratum::Inside => "just inside ±1",
            Stratum::Ties => "ties",
            Stratum::Border => "borders",
            Stratum::Easy => "all easy",
            Stratum::Hard => "all hard",
            Stratum::Saturated => "saturated",
            Stratum::Tails => "tails",
            Stratum::Least => "least settings",
            Stratum::Greatest => "greatest settings",
            Stratum::Large => "large logits",
            Stratum::Given => "given",
        }
    }
}

/// The closed range that a further input's values are drawn from: the declared one, an end without a bound cut to a sane
/// size.
fn input_range(input: &Input) -> (f64, f64) {
    let (low, high) = domain::of_input(input);
    let sane: (f64, f64) = match input.kind {
        Kind::Norm => (0.0, 128.0),
        Kind::Cosine => (-1.0, 1.0),
        Kind::Scale | Kind::Weight | Kind::Factor => (0.0, 8.0),
        Kind::Angle => (0.0, std::f64::consts::FRAC_PI_2),
        _ if input.axis == Axis::Matrix => (-8.0, 8.0),
        _ => (-5.0, 5.0),
    };
    let from = if low.is_finite() { low } else { sane.0.min(high) };
    let to = if high.is_finite() { high } else { sane.1.max(8.0 * from.abs()) };
    (from, to)
}

/// A hyperparameter's range, an end without a bound cut to a sane size around its start.
fn param_range(param: &Param, start: Option<f64>) -> (f64, f64) {
    let size = 8.0 * start.unwrap_or(1.0).abs().max(1.0);
    (param.low.max(-size), param.high.min(size).max(param.low))
}

impl Case {
    /// B.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// The inputs of a batch.
    pub fn of(batch: &Batch<f64>) -> Case {
        Case {
            stratum: Stratum::Random,
            classes: batch.classes,
            matrix: batch.matrix.clone(),
            labels: batch.labels.clone(),
            vectors: batch.vectors.clone(),
            params: batch.params.clone(),
        }
    }

    /// The batch, checked against the loss.
    ///
    /// # Errors
    /// As [`Batch::new`].
    pub fn batch(&self, loss: &Loss) -> Result<Batch<f64>, InputError> {
        let labels: Vec<i64> = self.labels.iter().map(|&label| label as i64).collect();
        domain::batch(loss, self.classes, &self.matrix, &labels, &self.vectors, &self.params)
    }

    /// The numbers of an input: the matrix is the first.
    pub(crate) fn values_mut(&mut self, input: usize) -> Option<&mut Vec<f64>> {
        match input {
            0 => Some(&mut self.matrix),
            _ => self.vectors.get_mut(input - 1),
        }
    }

    /// The batch that a backend of a precision sees: every input rounded to it, and cosines as near to ±1 as its numbers
    /// come. A hyperparameter that rounding would push out of its range is rounded inwards.
    ///
    /// # Errors
    /// As [`Batch::new`].
    pub fn batch_in(&self, loss: &Loss, precision: Precision) -> Result<Batch<f64>, InputError> {
        if precision == Precision::F64 {
            return self.batch(loss);
        }
        let round = |values: &[f64]| values.iter().map(|&x| precision.round(x)).collect::<Vec<f64>>();
        let inward = |(value, param): (&f64, &Param)| {
            let near = *value as f32;
            let narrow = match f64::from(near) {
                x if x > param.high => near.next_down(),
                x if x < param.low => near.next_up(),
                _ => near,
            };
            f64::from(narrow)
        };
        let rounded = Case {
            matrix: round(&self.matrix),
            vectors: self.vectors.iter().map(|values| round(values)).collect(),
            params: self.params.iter().zip(&loss.graph.params).map(inward).collect(),
            ..self.clone()
        };
        let mut batch = rounded.batch(loss)?;
        batch.resolution = <f32 as Scalar>::RESOLUTION;
        Ok(batch)
    }

    /// The command that evaluates the loss on this case, exactly: `marlo eval NAME --row=0.3,-0.95 --label=0 --set m=0.5`.
    /// With several centres a class a row holds those of the first class, then of the second, and so on.
    pub fn replay(&self, loss: &Loss, name: &str) -> String {
        let list = |values: &[f64]| values.iter().map(|&x| number(x)).collect::<Vec<String>>().join(",");
        let mut text = format!("marlo eval {name}");
        let further = loss.graph.inputs[1..].iter().zip(&self.vectors);
        let centres = further.clone().filter(|(input, _)| input.axis == Axis::Matrix).map(|(_, v)| v.clone());
        let slabs: Vec<Vec<f64>> = std::iter::once(self.matrix.clone()).chain(centres).collect();
        let width = self.classes.max(1) * slabs.len();
        for (row, label) in interleave(slabs).chunks(width).zip(&self.labels) {
            let _ = write!(text, " --row={} --label={label}", list(row));
        }
        let defaults = domain::defaults(&loss.graph, self.classes);
        for ((param, &value), default) in loss.graph.params.iter().zip(&self.params).zip(defaults) {
            if default != Some(value) {
                let _ = write!(text, " --set {}={}", param.name, number(value));
            }
        }
        for (input, values) in further.filter(|(input, _)| input.axis != Axis::Matrix) {
            let _ = write!(text, " --input {}={}", input.name, list(values));
        }
        text
    }
}

/// The shortest decimal that reads back as the same f64: `0.3`, `1`, `1e-30`.
pub fn number(x: f64) -> String {
    let text = format!("{x:?}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests;
