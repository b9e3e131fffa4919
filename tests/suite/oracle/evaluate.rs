//! A program on the inputs of a case.

use std::path::{Path, PathBuf};

use marlo::eval::{Batch, Dual, evaluate, outcome, settings};
use marlo::graph::Axis;
use marlo::loss::{Gradient, Loss, Wrt};
use marlo::schedule::RowProgram;
use marlo::setting::Moment;
use marlo::{native, specs};
use marlo_native::{Kernel, Library};

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
    /// Its derivatives by the matrix and by each further input.
    derived: Gradient,
    times: f64,
}

/// Where the states of a program come from.
#[derive(Copy, Clone)]
pub(super) enum States<'a> {
    /// From what the code had before the case.
    Published,
    /// These; of the others each has its start.
    Are(&'a [(String, f64)]),
}

/// What came of an evaluation, as many times as the code has it.
pub(super) struct Found {
    /// The loss of the batch.
    pub(super) loss: f64,
    /// By the cosines or logits, a column for each row of W.
    pub(super) gradient: Vec<f64>,
    /// By further inputs.
    pub(super) partials: Vec<(String, Vec<f64>)>,
    /// The next value of each state; of none where it was not asked for.
    pub(super) states: Vec<(String, f64)>,
}

impl Found {
    /// The derivative by a further input.
    pub(super) fn partial(&self, name: &str) -> &[f64] {
        let found = self.partials.iter().find(|partial| partial.0 == name);
        &found.unwrap_or_else(|| panic!("no derivative by `{name}`")).1
    }

    /// The next value of a state.
    pub(super) fn state(&self, name: &str) -> f64 {
        self.states.iter().find(|state| state.0 == name).unwrap_or_else(|| panic!("no state `{name}`")).1
    }
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

/// The text of a program that stands beside the table.
pub(super) fn text(name: &str) -> String {
    let path = folder().join(format!("{name}.loss"));
    std::fs::read_to_string(path).unwrap_or_else(|_| panic!("there is no program `{name}`"))
}

/// A shipped spec, else a program beside the table.
pub(super) fn compiled(name: &str) -> Loss {
    let result = if specs::find(name).is_some() {
        specs::compile(name)
    } else {
        marlo::compile(&text(name), &specs::Shipped { folder: Some(folder()) })
    };
    result.unwrap_or_else(|found| panic!("{name}: {found:?}")).loss
}

impl Evaluation {
    /// Puts a program and a case together.
    pub(super) fn new(loss: &Loss, run: &Run, states: States<'_>, case: &mut Case<'_>) -> Evaluation {
        if let Some(name) = &run.labels {
            case.inputs.labels = case.wanted(name).iter().map(|&label| label as i64).collect();
        }
        let classes = case.inputs.weights() / loss.graph.centres();
        let raw = loss.graph.inputs[0].name == "logit";
        let matrix = if raw { case.inputs.logits() } else { case.inputs.cos.data.clone() };
        let vectors = run.inputs.iter().map(|(name, from)| (name.clone(), input(loss, name, from, case)));
        let vectors = vectors.collect();
        let mut given = Vec::new();
        for (name, from) in &run.set {
            given.push((name.clone(), number(from, classes, case)));
        }
        match states {
            States::Are(carried) => given.extend_from_slice(carried),
            States::Published => given.extend(
                run.state
                    .iter()
                    .map(|(name, from)| (name.clone(), case.wanted(&format!("{from}_before"))[0])),
            ),
        }
        let place = format!("{} {}: {}", case.of, case.name, run.program);
        let moment = Moment { step: number(&run.step, classes, case) as u64, classes };
        let params = settings(loss, &given, moment).unwrap_or_else(|error| panic!("{place}: {error}"));
        let batch = Batch::new(loss, classes, matrix, &case.inputs.labels, vectors, params)
            .unwrap_or_else(|error| panic!("{place}: {error}"));
        let further = (1..).take(loss.graph.inputs.len() - 1).map(Wrt::Input);
        let derived = loss.gradient_by(&further.collect::<Vec<_>>());
        Evaluation { loss: loss.clone(), raw, batch, derived, times: number(&run.times, classes, case) }
    }

    /// Loss and derivatives, if they are finite.
    pub(super) fn run(&self) -> Result<Found, String> {
        self.on(&self.batch)
    }

    /// The same on a batch that is nearly this evaluation's.
    pub(super) fn on(&self, batch: &Batch<f64>) -> Result<Found, String> {
        let found = outcome(&self.derived, batch);
        let found = self.named(found.total, found.gradient, found.partials, found.states);
        let all = found.gradient.iter().chain(found.partials.iter().flat_map(|p| &p.1));
        let finite = found.loss.is_finite() && all.into_iter().all(|number| number.is_finite());
        finite.then_some(found).ok_or_else(|| "loss or gradient is not finite".to_owned())
    }

    /// Loss and derivatives by the native kernels in f64.
    pub(super) fn by_native(&self) -> Found {
        let program = RowProgram::by(&self.loss, &self.further());
        let kernel = Kernel::new(&program, &Library::shipped());
        let found = native::run(&kernel, &self.loss, &self.batch).expect("the kernel runs");
        self.named(found.mean_loss, found.gradient, found.partials, found.states)
    }

    /// By which further inputs the program is differentiated: all of them.
    fn further(&self) -> Vec<Wrt> {
        (1..).take(self.loss.graph.inputs.len() - 1).map(Wrt::Input).collect()
    }

    /// Numbers under the names that they have in the program.
    fn named(
        &self,
        loss: f64,
        gradient: Vec<f64>,
        partials: Vec<(Wrt, Vec<f64>)>,
        states: Vec<f64>,
    ) -> Found {
        let graph = &self.loss.graph;
        let partials = partials.into_iter().map(|(by, values)| match by {
            Wrt::Input(at) => (graph.inputs[at as usize].name.clone(), self.times(values)),
            Wrt::Param(at) => (graph.params[at as usize].name.clone(), self.times(values)),
        });
        let updates = self.derived.loss.updates.iter().map(|update| update.param as usize);
        let states = updates.zip(states).map(|(at, next)| (graph.params[at].name.clone(), next));
        Found {
            loss: self.times * loss,
            gradient: self.times(gradient),
            partials: partials.collect(),
            states: states.collect(),
        }
    }

    /// Numbers as many times as the code has them.
    pub(super) fn times(&self, numbers: impl IntoIterator<Item = f64>) -> Vec<f64> {
        numbers.into_iter().map(|number| self.times * number).collect()
    }

    /// The value of a hyperparameter.
    pub(super) fn setting(&self, name: &str) -> f64 {
        let at = self.loss.graph.params.iter().position(|param| param.name == name);
        self.batch.params[at.unwrap_or_else(|| panic!("no hyperparameter `{name}`"))]
    }

    /// The derivatives by further inputs, a second time: by dual numbers over the program as it was written.
    pub(super) fn check_by_dual_numbers(&self, found: &Found) {
        for (name, partial) in &found.partials {
            let at = self.loss.graph.inputs[1..].iter().position(|input| input.name == *name);
            let at = at.expect("it is an input of the program");
            for (entry, &derived) in partial.iter().enumerate() {
                let mut dual = self.batch.convert::<Dual<f64>>();
                dual.vectors[at][entry].slope = 1.0;
                let slope = evaluate(&self.loss.graph, &[self.loss.total], &dual)[0][0].slope * self.times;
                let off = (slope - derived).abs();
                let allowed = 1e-9 * slope.abs() + 1e-12;
                assert!(off <= allowed, "{} by {name} {entry}: {derived}, {slope}", self.loss.name);
            }
        }
    }
}

/// A further input of the program: lengths, or a [`source`].
fn input(loss: &Loss, name: &str, from: &str, case: &mut Case<'_>) -> Vec<f64> {
    let declared = loss.graph.inputs.iter().find(|input| input.name == name);
    let wanted = match declared.map(|input| input.axis) {
        Some(Axis::Rows) => case.inputs.batch(),
        _ => case.inputs.weights(),
    };
    let numbers = match from {
        "|x|" => case.inputs.norms(),
        "|W|" => case.inputs.sizes(),
        _ => source(from, case),
    };
    // One number stands for all.
    if numbers.len() == 1 { vec![numbers[0]; wanted] } else { numbers }
}

/// Numbers of the case: as they are by their name, `share of NAME`, the margins `in the code's order`, or
/// `(SOURCE - a) / b`, which is the noise of margins with mean a and deviation b.
fn source(text: &str, case: &mut Case<'_>) -> Vec<f64> {
    if let Some((inner, deviation)) = text.strip_prefix('(').and_then(|rest| rest.split_once(") / ")) {
        let (name, mean) = inner.rsplit_once(" - ").expect("`(SOURCE - a) / b`");
        let number = |text: &str| -> f64 { text.parse().unwrap_or_else(|_| panic!("`{text}` is no number")) };
        let (mean, deviation) = (number(mean), number(deviation));
        return source(name, case).into_iter().map(|margin| (margin - mean) / deviation).collect();
    }
    if let Some(name) = text.strip_prefix("share of ") {
        let counts = case.wanted(name);
        let all: f64 = counts.iter().sum();
        return counts.iter().map(|count| count / all).collect();
    }
    match text.strip_suffix(" in the code's order") {
        Some(name) => permuted(&case.wanted(name), &case.inputs),
        None => case.wanted(text),
    }
}

/// ElasticFace+ is to hand its margins, from small to large, to samples from the greatest cosine down. Its code takes
/// margin[order] for that, where order lists the samples; what belongs to a sample is margin[rank], the inverse.
fn permuted(margins: &[f64], inputs: &Inputs) -> Vec<f64> {
    let mut sorted = margins.to_vec();
    sorted.sort_by(f64::total_cmp);
    let own = |row: usize| inputs.cos.data[row * inputs.weights() + inputs.labels[row] as usize];
    let mut order: Vec<usize> = (0..sorted.len()).collect();
    order.sort_by(|a, b| own(*b).total_cmp(&own(*a)));
    order.iter().map(|at| sorted[*at]).collect()
}

fn number(given: &Given, classes: usize, case: &mut Case<'_>) -> f64 {
    match given {
        Given::Number(number) => *number,
        Given::OverClasses(number) => number / classes as f64,
        Given::Named(name) if name == "count" => f64::from(case.step().unwrap_or(0) + 1),
        Given::Named(name) => case.wanted(name)[0],
    }
}
