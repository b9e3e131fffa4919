//! A program on the inputs of a case.

use std::path::{Path, PathBuf};

use marlo::eval::{Batch, Dual, evaluate, settings};
use marlo::graph::Axis;
use marlo::loss::Loss;
use marlo::{Backend, Outcome, specs};

use super::numbers::{Case, Inputs};
use super::table::{Given, Run};

/// A compiled program with the inputs of a case.
pub(super) struct Evaluation {
    /// The program.
    pub(super) loss: Loss,
    /// Does it read raw logits?
    pub(super) raw: bool,
    /// What it is given.
    pub(super) batch: Batch<f64>,
    /// For each entry of its matrix, the row of W that it belongs to.
    pub(super) chosen: Vec<usize>,
    times: f64,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/programs")
}

/// The names of the programs that stand beside the table.
pub(super) fn own_programs() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("tests/oracle/programs is there");
    let name = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    entries.filter_map(|entry| name(entry.expect("it can be listed").path())).collect()
}

/// A shipped spec, else a program beside the table.
pub(super) fn compiled(name: &str) -> Loss {
    let result = if specs::find(name).is_some() {
        specs::compile(name)
    } else {
        let path = folder().join(format!("{name}.loss"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("there is no program `{name}`"));
        marlo::compile(&text, &specs::Shipped { folder: Some(folder()) })
    };
    result.unwrap_or_else(|found| panic!("{name}: {found:?}")).loss
}

impl Evaluation {
    /// Puts a program and a case together.
    pub(super) fn new(loss: &Loss, run: &Run, case: &mut Case<'_>) -> Evaluation {
        if let Some(name) = &run.labels {
            case.inputs.labels = case.wanted(name).iter().map(|&label| label as i64).collect();
        }
        let classes = case.inputs.weights() / run.centres;
        let raw = loss.graph.inputs[0].name == "logit";
        let matrix = if raw { case.inputs.logits() } else { case.inputs.cos.data.clone() };
        let (matrix, chosen) = greatest(&matrix, case.inputs.weights(), run.centres);
        let vectors = run.inputs.iter().map(|(name, source)| (name.clone(), input(loss, name, source, case)));
        let vectors = vectors.collect();
        let given = run.set.iter().map(|(name, given)| (name.clone(), setting(given, classes, case)));
        let given: Vec<(String, f64)> = given.collect();
        let place = format!("{} {}: {}", case.of, case.name, run.program);
        let moment = marlo::setting::Moment::start(classes);
        let params = settings(loss, &given, moment).unwrap_or_else(|error| panic!("{place}: {error}"));
        let batch = Batch::new(loss, classes, matrix, &case.inputs.labels, vectors, params)
            .unwrap_or_else(|error| panic!("{place}: {error}"));
        Evaluation { loss: loss.clone(), raw, batch, chosen, times: run.times }
    }

    /// Loss and gradient, if they are finite.
    pub(super) fn run(&self) -> Result<Outcome<f64>, String> {
        let found = Backend::Reference.run(&self.loss, &self.batch).map_err(|error| error.to_string())?;
        Ok(self.times(found))
    }

    /// What a backend gave, as many times as the code has it.
    pub(super) fn times(&self, mut found: Outcome<f64>) -> Outcome<f64> {
        found.mean_loss *= self.times;
        found.gradient.iter_mut().for_each(|g| *g *= self.times);
        found
    }

    /// The gradient by a further input, by dual numbers over the program as it was written: no backend gives it yet.
    pub(super) fn partial(&self, name: &str) -> Vec<f64> {
        let inputs = &self.loss.graph.inputs[1..];
        let at = inputs.iter().position(|input| input.name == name);
        let at = at.unwrap_or_else(|| panic!("{} has no input `{name}`", self.loss.name));
        let slope = |entry: usize| {
            let mut dual = self.batch.convert::<Dual<f64>>();
            dual.vectors[at][entry].slope = 1.0;
            evaluate(&self.loss.graph, &[self.loss.total], &dual)[0][0].slope * self.times
        };
        (0..self.batch.vectors[at].len()).map(slope).collect()
    }
}

/// The greatest of each class's entries, and where it was.
fn greatest(matrix: &[f64], width: usize, centres: usize) -> (Vec<f64>, Vec<usize>) {
    let best = |row: &[f64], first: usize| {
        let mut best = first;
        for at in first + 1..first + centres {
            if row[at] > row[best] {
                best = at;
            }
        }
        (row[best], best)
    };
    let classes = width / centres;
    matrix.chunks(width).flat_map(|row| (0..classes).map(move |class| best(row, class * centres))).unzip()
}

/// A further input of the program: lengths, shares of counts, margins in an order, or the case's numbers as they are.
fn input(loss: &Loss, name: &str, source: &str, case: &mut Case<'_>) -> Vec<f64> {
    let inputs: &Inputs = &case.inputs;
    let whole = loss.graph.inputs.iter().find(|input| input.name == name);
    match source {
        "|x|" => inputs.norms(),
        "|W|" => inputs.sizes(),
        _ if source.starts_with("share of ") => {
            let counts = case.wanted(&source["share of ".len()..]);
            let all: f64 = counts.iter().sum();
            counts.iter().map(|count| count / all).collect()
        }
        "margin in the code's order" | "margin by rank" => {
            ordered(&case.wanted("margin"), &case.inputs, source == "margin by rank")
        }
        _ => {
            let numbers = case.wanted(source);
            let rows = whole.is_some_and(|input| input.axis == Axis::Rows);
            // One number stands for all.
            let wanted = if rows { case.inputs.batch() } else { case.inputs.weights() };
            if numbers.len() == 1 { vec![numbers[0]; wanted] } else { numbers }
        }
    }
}

/// ElasticFace+ hands its margins, from small to large, to samples from the greatest cosine down. Its code takes
/// margin[order] for that, where order lists the samples; what belongs to a sample is margin[rank], the inverse.
fn ordered(margins: &[f64], inputs: &Inputs, by_rank: bool) -> Vec<f64> {
    let mut sorted = margins.to_vec();
    sorted.sort_by(f64::total_cmp);
    let own = |row: usize| inputs.cos.data[row * inputs.weights() + inputs.labels[row] as usize];
    let mut order: Vec<usize> = (0..sorted.len()).collect();
    order.sort_by(|a, b| own(*b).total_cmp(&own(*a)));
    if !by_rank {
        return order.iter().map(|at| sorted[*at]).collect();
    }
    let mut found = sorted.clone();
    order.iter().zip(sorted).for_each(|(row, margin)| found[*row] = margin);
    found
}

fn setting(given: &Given, classes: usize, case: &mut Case<'_>) -> f64 {
    match given {
        Given::Number(number) => *number,
        Given::Named(name) if name == "classes" => classes as f64,
        Given::Named(name) if name == "batch" => case.inputs.batch() as f64,
        Given::Named(name) => case.wanted(name)[0],
    }
}
