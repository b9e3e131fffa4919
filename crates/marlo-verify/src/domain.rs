//! What inputs and hyperparameters can be: one place for proofs, drawn cases and counterexamples.

use marlo_ir::eval::{Batch, InputError, interleave};
use marlo_ir::graph::{Axis, Graph, Input};
use marlo_ir::kind::Kind;
use marlo_ir::loss::{Loss, Wrt};
use marlo_ir::setting::Moment;

/// The closed range of an input's values. A cosine of a matrix lies in ±1; another value of that kind may be a margin.
pub fn of_input(input: &Input) -> (f64, f64) {
    match (input.axis, input.sum) {
        (Axis::Matrix, _) if input.kind == Kind::Cosine => (-1.0, 1.0),
        // None is above the sum of values that are not below 0.
        (_, Some(sum)) if input.low >= 0.0 => (input.low, input.high.min(sum)),
        _ => (input.low, input.high),
    }
}

/// Is it a matrix of cosines: that of the first centre, or of a further one?
pub fn is_cosine(input: &Input) -> bool {
    input.axis == Axis::Matrix && input.kind == Kind::Cosine
}

/// Does the loss read cosines, and not raw logits?
pub fn reads_cosines(graph: &Graph) -> bool {
    graph.inputs.first().is_some_and(is_cosine)
}

/// The matrices, one a centre: the first input, and those further ones.
pub fn matrices(graph: &Graph) -> impl Iterator<Item = usize> + '_ {
    (0..graph.inputs.len()).filter(|&at| graph.inputs[at].axis == Axis::Matrix)
}

/// How many values the axis of an input asks for.
pub fn length(input: &Input, rows: usize, classes: usize) -> usize {
    match input.axis {
        Axis::Matrix => rows * classes,
        Axis::Rows => rows,
        Axis::Classes => classes,
    }
}

/// Each hyperparameter's value where none is given, before the first step: its default, its setting, a state's start.
/// Nothing where there is none, or none in its range.
pub fn defaults(graph: &Graph, classes: usize) -> Vec<Option<f64>> {
    let mut found: Vec<Option<f64>> = Vec::new();
    for param in &graph.params {
        let known =
            |name: &str| graph.params.iter().zip(&found).find(|p| p.0.name == name).and_then(|p| *p.1);
        let value = match &param.setting {
            Some(setting) => setting.at(Moment::start(classes), &known),
            None => param.default,
        };
        found.push(value.filter(|value| (param.low..=param.high).contains(value)));
    }
    found
}

/// Makes the values of an input add up to what they must, as near to what they were as its range allows.
pub fn add_up(input: &Input, values: &mut [f64]) {
    let Some(sum) = input.sum.filter(|_| !values.is_empty()) else { return };
    let (low, high) = of_input(input);
    let even = sum / values.len() as f64;
    let total: f64 = values.iter().sum();
    if total > 0.0 && total.is_finite() && sum > 0.0 {
        values.iter_mut().for_each(|x| *x *= sum / total);
    } else {
        values.fill(even);
    }
    // Towards the even ones until all fit.
    for _ in 0..60 {
        if values.iter().all(|x| (low..=high).contains(x)) {
            return;
        }
        values.iter_mut().for_each(|x| *x = even + (*x - even) / 2.0);
    }
    values.fill(even);
}

/// Checked inputs from a matrix a centre and vectors, as they stand in a [`Batch`].
///
/// # Errors
/// As [`Batch::new`].
pub fn batch(
    loss: &Loss,
    classes: usize,
    matrix: &[f64],
    labels: &[i64],
    vectors: &[Vec<f64>],
    params: &[f64],
) -> Result<Batch<f64>, InputError> {
    let mut slabs = vec![matrix.to_vec()];
    let mut named = Vec::new();
    for (input, values) in loss.graph.inputs[1..].iter().zip(vectors) {
        match input.axis {
            Axis::Matrix => slabs.push(values.clone()),
            _ => named.push((input.name.clone(), values.clone())),
        }
    }
    // What does not fit is refused for its length.
    let fits = slabs.iter().all(|slab| slab.len() == matrix.len());
    let cells = if fits { interleave(slabs) } else { Vec::new() };
    Batch::new(loss, classes, cells, labels, named, params.to_vec())
}

/// Everything that a loss can be differentiated by beside its first matrix.
pub fn everything(loss: &Loss) -> Vec<Wrt> {
    let inputs = (1..loss.graph.inputs.len() as u32).map(Wrt::Input);
    let params = loss.graph.params.iter().zip(0..).filter(|(param, _)| !param.state);
    inputs.chain(params.map(|(_, at)| Wrt::Param(at))).collect()
}

/// The matrices of further centres, which belong to the gradient by the matrix.
pub fn centres(loss: &Loss) -> Vec<Wrt> {
    matrices(&loss.graph).skip(1).map(|at| Wrt::Input(at as u32)).collect()
}
