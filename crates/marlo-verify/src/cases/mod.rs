//! Inputs that reach the hard places of a loss, drawn at random and made small when they fail.
//!
//! A [`Case`] is a batch that isn't checked yet. Cases come in [strata](Stratum), each a place where losses go wrong, so
//! that a report can say how often it looked there.

mod draw;
mod shrink;

use std::fmt::Write;

use marlo_ir::eval::{Batch, InputError, Scalar};
use marlo_ir::graph::{Axis, Input, Param};
use marlo_ir::kind::Kind;
use marlo_ir::loss::Loss;

use crate::big::Precision;

pub use draw::{Source, cases};
pub use shrink::shrunk;

/// Inputs of one evaluation, not checked against a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The hard place that it was drawn for.
    pub stratum: Stratum,
    /// C.
    pub classes: usize,
    /// The cosines or logits, (B, C), row by row.
    pub matrix: Vec<f64>,
    /// The class of each row.
    pub labels: Vec<usize>,
    /// The further inputs in the order of the loss's header, each (B,) or (C,).
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

/// Does the loss read cosines, and not raw logits?
fn reads_cosines(loss: &Loss) -> bool {
    loss.graph.inputs.first().is_some_and(|input| input.name == "cos")
}

/// The closed range that a further input's values are drawn from; of a logit, that of a sane size.
fn input_range(input: &Input) -> (f64, f64) {
    match input.kind {
        Kind::Prob => (0.0, 1.0),
        Kind::Cosine => (-1.0, 1.0),
        Kind::Norm | Kind::Scale | Kind::Weight | Kind::Factor => (0.0, 8.0),
        Kind::Angle => (0.0, std::f64::consts::FRAC_PI_2),
        _ => (-5.0, 5.0),
    }
}

/// A hyperparameter's range, an end without a bound cut to a sane size.
fn param_range(param: &Param) -> (f64, f64) {
    let size = 8.0 * param.default.unwrap_or(1.0).abs().max(1.0);
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
        let names = loss.graph.inputs[1..].iter().map(|input| input.name.clone());
        let vectors = names.zip(self.vectors.iter().cloned()).collect();
        Batch::new(loss, self.classes, self.matrix.clone(), &labels, vectors, self.params.clone())
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
    pub fn replay(&self, loss: &Loss, name: &str) -> String {
        let list = |values: &[f64]| values.iter().map(|&x| number(x)).collect::<Vec<String>>().join(",");
        let mut text = format!("marlo eval {name}");
        for (row, label) in self.matrix.chunks(self.classes.max(1)).zip(&self.labels) {
            let _ = write!(text, " --row={} --label={label}", list(row));
        }
        for (param, &value) in loss.graph.params.iter().zip(&self.params) {
            if param.default != Some(value) {
                let _ = write!(text, " --set {}={}", param.name, number(value));
            }
        }
        for (input, values) in loss.graph.inputs[1..].iter().zip(&self.vectors) {
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

/// How many values the axis of an input asks for.
fn length(input: &Input, rows: usize, classes: usize) -> usize {
    if input.axis == Axis::Rows { rows } else { classes }
}

#[cfg(test)]
mod tests;
