//! Stand-ins for further inputs, where a loss is tried on cosines alone: the shipped sample, a plot, a test.
//!
//! They are made of the labels and of what the header says, never of a loss's name.

use marlo_ir::eval::{Batch, InputError, Scalar};
use marlo_ir::graph::{Axis, Input};
use marlo_ir::kind::Kind;
use marlo_ir::loss::Loss;
use marlo_ir::setting;

/// A value for each further input that is neither given nor drawn, by its kind: norms from 15 to 25, probabilities that
/// follow the labels, margins and other numbers in the middle of their range, counts of the labels where the range has no
/// upper end; what must have a sum is divided by its own.
pub fn inputs(loss: &Loss, labels: &[i64], classes: usize, given: &[String]) -> Vec<(String, Vec<f64>)> {
    let missing = |input: &&Input| !given.contains(&input.name) && input.drawn.is_none();
    let further = loss.graph.inputs.iter().skip(1).filter(|input| input.axis != Axis::Matrix);
    further.filter(missing).map(|input| (input.name.clone(), values(input, labels, classes))).collect()
}

/// The inputs that are drawn and not given.
pub fn drawn(
    loss: &Loss,
    (rows, classes): (usize, usize),
    seed: u64,
    step: u64,
    given: &[(String, Vec<f64>)],
) -> Vec<(String, Vec<f64>)> {
    setting::draw(&loss.graph, rows, classes, seed, step, given)
}

/// Every further input of a loss but matrices, in its order: [stand-ins](inputs), and [draws](drawn) of that seed. The name of
/// the first one that has neither is the error.
///
/// # Errors
/// When an input has neither a stand-in nor a law that it is drawn by.
pub fn vectors<S: Scalar>(
    loss: &Loss,
    labels: &[usize],
    classes: usize,
    seed: u64,
) -> Result<Vec<Vec<S>>, String> {
    let labels: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
    let mut given = inputs(loss, &labels, classes, &[]);
    given.extend(drawn(loss, (labels.len(), classes), seed, 0, &[]));
    let vector = |input: &Input| match given.iter().find(|(name, _)| *name == input.name) {
        Some((_, values)) => Ok(values.iter().map(|value| S::from_f64(*value)).collect()),
        None => Err(input.name.clone()),
    };
    loss.graph.inputs.iter().filter(|input| input.axis != Axis::Matrix).map(vector).collect()
}

/// A batch of cosines (B, C) alone: [stand-ins](inputs) for what else the loss reads, [draws](drawn) of that seed, and
/// [further centres](with_centres).
///
/// # Errors
/// When the cosines, labels or settings don't fit the loss.
pub fn batch<S: Scalar>(
    loss: &Loss,
    classes: usize,
    matrix: &[S],
    labels: &[i64],
    params: Vec<f64>,
    seed: u64,
) -> Result<Batch<S>, InputError> {
    let mut vectors = inputs(loss, labels, classes, &[]);
    vectors.extend(drawn(loss, (labels.len(), classes), seed, 0, &[]));
    let narrow = |values: Vec<f64>| values.into_iter().map(S::from_f64).collect();
    let vectors = vectors.into_iter().map(|(name, values)| (name, narrow(values))).collect();
    let matrix = match loss.graph.centres() {
        1 => matrix.to_vec(),
        centres => {
            let wide = with_centres(matrix.iter().map(|x| x.to_f64()).collect(), centres);
            wide.into_iter().map(S::from_f64).collect()
        }
    };
    Batch::new(loss, classes, matrix, labels, vectors, params)
}

/// K centres a class from one: each further one's cosines are nine tenths of those before, (B, C, K).
pub fn with_centres(matrix: Vec<f64>, centres: usize) -> Vec<f64> {
    let of = |x: f64| (0..centres).map(move |centre| x * 0.9_f64.powi(centre as i32));
    matrix.into_iter().flat_map(of).collect()
}

fn values(input: &Input, labels: &[i64], classes: usize) -> Vec<f64> {
    let count = if input.axis == Axis::Rows { labels.len() } else { classes };
    let raw = (0..count).map(|at| {
        // 0 to 1, without an order that labels could share.
        let spread = (at * 7 % 11) as f64 / 10.0;
        let samples = || 1.0 + labels.iter().filter(|&&label| label == at as i64).count() as f64;
        match (input.kind, input.low.is_finite(), input.high.is_finite()) {
            (Kind::Norm, ..) => 15.0 + 10.0 * spread,
            (Kind::Prob, ..) if input.axis == Axis::Classes => samples() / (labels.len() + classes) as f64,
            (_, true, true) => input.low + (input.high - input.low) * (0.25 + 0.5 * spread),
            (_, true, false) if input.axis == Axis::Classes => input.low.max(0.0) + samples(),
            (_, true, false) => input.low + 1.0 + spread,
            _ => 0.3 + 0.1 * spread,
        }
    });
    let raw: Vec<f64> = raw.map(|x| x.clamp(input.low, input.high)).collect();
    match input.sum {
        Some(sum) => {
            let found: f64 = raw.iter().sum();
            raw.into_iter().map(|x| x * sum / found).collect()
        }
        None => raw,
    }
}
