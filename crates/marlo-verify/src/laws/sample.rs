//! Numbers: two losses at many points, simple ones first. Here a false law gets its counterexample.

use marlo_ir::eval::{Batch, evaluate, on_border};
use marlo_ir::graph::{Axis, Graph, Id, Input, Param};
use marlo_ir::loss::{Gradient, Loss, Update};
use marlo_ir::op::Op;

use super::points::{Points, simple_values};
use super::range::Range;
use super::tracked::Tracked;
use crate::domain;

/// Inputs at which two losses differ, and what they are there.
#[derive(Clone, Debug, PartialEq)]
pub struct Counterexample {
    /// The hyperparameters by name.
    pub params: Vec<(String, f64)>,
    /// The number of classes.
    pub classes: usize,
    /// The cosines or logits, row by row.
    pub matrix: Vec<f64>,
    /// The class of each row.
    pub labels: Vec<i64>,
    /// The further inputs by name.
    pub vectors: Vec<(String, Vec<f64>)>,
    /// What is compared: `loss`, or an entry of the gradient.
    pub what: String,
    /// Its value on the left.
    pub left: f64,
    /// Its value on the right.
    pub right: f64,
}

/// What numbers say of two losses.
#[derive(Clone, Debug, PartialEq)]
pub enum Sampled {
    /// They agree in so many cases.
    Agree {
        /// The cases; those where rounding decides, or one side is undefined, are not counted.
        cases: usize,
    },
    /// They differ.
    Differ(Box<Counterexample>),
}

/// How many random cases are tried, after the simple ones.
const RANDOM: usize = 160;
/// How many node evaluations are affordable, and how many points are worth it.
const WORK: u64 = 20_000_000;
const FEWEST: u64 = 8;
/// How near to a border numbers are no evidence.
const BORDER: f64 = 1e-9;

/// A point of the domain.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) params: Vec<f64>,
    pub(super) classes: usize,
    pub(super) matrix: Vec<f64>,
    pub(super) labels: Vec<i64>,
    pub(super) vectors: Vec<Vec<f64>>,
}

/// What is compared at a point: roots of two graphs, by name.
struct Pair<'a> {
    left: &'a Loss,
    right: &'a Loss,
    roots: Vec<(String, Id, Id)>,
    /// Are they derivatives?
    slopes: bool,
}

/// Compares the values of two losses over the same declarations, and the next values of the states that both carry on.
pub fn values(left: &Loss, right: &Loss) -> Sampled {
    let mut roots = vec![("loss".to_owned(), left.total, right.total)];
    for (update, other) in states(left, right) {
        roots.push((next_of(&left.graph, &update), update.next, other.next));
    }
    search(&Pair { left: &watched(left), right: &watched(right), roots, slopes: false })
}

/// The next value of a state, in words.
pub(super) fn next_of(graph: &Graph, update: &Update) -> String {
    format!("the next {}", graph.params[update.param as usize].name)
}

/// The loss with what its states go on to in its total, so that their decisions are seen as its own.
fn watched(loss: &Loss) -> Loss {
    let mut loss = loss.clone();
    for update in &loss.updates {
        loss.total = loss.graph.add(Op::Add, &[loss.total, update.next]);
    }
    loss
}

/// The states that both losses carry on, by name: declarations are the same, so a state is its place among them.
pub(super) fn states(left: &Loss, right: &Loss) -> Vec<(Update, Update)> {
    let other = |update: &Update| right.updates.iter().find(|other| other.param == update.param).copied();
    left.updates.iter().filter_map(|update| Some((*update, other(update)?))).collect()
}

/// Compares their gradients: by the matrices, and by what else belongs to a gradient.
pub fn gradients(left: &Loss, right: &Loss) -> Sampled {
    let (a, b): (Gradient, Gradient) = (left.gradient(), right.gradient());
    let mut roots = vec![
        ("gradient at the label".to_owned(), a.target, b.target),
        ("gradient at another class".to_owned(), a.other, b.other),
    ];
    let named = |gradient: &Gradient| gradient.all_roots().into_iter().skip(gradient.roots().len());
    let further = named(&a).zip(named(&b)).filter(|(a, _)| !a.0.starts_with("next "));
    roots.extend(further.map(|(a, b)| (format!("gradient {}", a.0), a.1, b.1)));
    search(&Pair { left: &a.loss, right: &b.loss, roots, slopes: true })
}

fn search(pair: &Pair) -> Sampled {
    let mut cases = 0;
    for point in Points::new(&pair.left.graph, RANDOM).take(affordable(pair)) {
        match compare(pair, &point) {
            None => {}
            Some(None) => cases += 1,
            Some(Some(_)) => {
                let (point, found) = simplest(pair, point);
                if let Some(difference) = found {
                    return Sampled::Differ(Box::new(counterexample(&pair.left.graph, point, difference)));
                }
            }
        }
    }
    Sampled::Agree { cases }
}

/// How many points may be tried: a huge program gets few, or none.
fn affordable(pair: &Pair) -> usize {
    let cost = |loss: &Loss| {
        let decides =
            |op| matches!(op, Op::Lt | Op::Le | Op::Eq | Op::Floor | Op::Min | Op::Max | Op::Relu | Op::Abs);
        let borders = loss.graph.ids().filter(|id| decides(loss.graph.op(*id))).count();
        // On a border or not: that takes an evaluation for every decision.
        loss.graph.len() as u64 * (borders as u64 + 4)
    };
    let points = WORK / (cost(pair.left) + cost(pair.right)).max(1);
    if points < FEWEST { 0 } else { points as usize }
}

/// What differs, and both values.
type Difference = (String, f64, f64);

/// The first difference at a point, or that there is none; `None`: the point is no evidence.
fn compare(pair: &Pair, point: &Point) -> Option<Option<Difference>> {
    let plain = batch(pair.left, point)?;
    // At cos = ±1 a derivative by the cosine is a limit, and two forms may take two.
    let graph = &pair.left.graph;
    let ends = |values: &Vec<f64>| values.iter().any(|c| c.abs() == 1.0);
    let further = graph.inputs[1..].iter().zip(&plain.vectors).filter(|(input, _)| domain::is_cosine(input));
    let at_end = ends(&plain.matrix) || further.map(|(_, values)| values).any(ends);
    if pair.slopes && domain::reads_cosines(graph) && at_end {
        return None;
    }
    if [pair.left, pair.right].iter().any(|loss| on_border(loss, &plain, BORDER).contains(&true)) {
        return None;
    }
    let tracked = tracked(&plain);
    let left: Vec<_> = pair.roots.iter().map(|r| r.1).collect();
    let right: Vec<_> = pair.roots.iter().map(|r| r.2).collect();
    let (left, right) =
        (evaluate(&pair.left.graph, &left, &tracked), evaluate(&pair.right.graph, &right, &tracked));
    let mut evidence = false;
    for (((what, ..), left), right) in pair.roots.iter().zip(left).zip(right) {
        // One side may not vary with the sample.
        let count = left.len().max(right.len());
        for at in 0..count {
            let pick = |v: &[Tracked]| v.get(at).or(v.first()).copied();
            let (Some(a), Some(b)) = (pick(&left), pick(&right)) else { continue };
            if a.says_nothing(b) {
                continue;
            }
            evidence = true;
            if !a.agrees(b) {
                return Some(Some((what.clone(), a.value, b.value)));
            }
        }
    }
    evidence.then_some(None)
}

fn exact(values: &[f64]) -> Vec<Tracked> {
    values.iter().map(|&value| Tracked { value, error: 0.0 }).collect()
}

fn tracked(plain: &Batch<f64>) -> Batch<Tracked> {
    Batch {
        rows: plain.rows,
        classes: plain.classes,
        matrix: exact(&plain.matrix),
        labels: plain.labels.clone(),
        vectors: plain.vectors.iter().map(|v| exact(v)).collect(),
        params: plain.params.clone(),
        resolution: plain.resolution,
    }
}

/// A point as a batch of numbers with error bounds.
pub(super) fn tracked_batch(graph: &Graph, point: &Point) -> Option<Batch<Tracked>> {
    let labels = point.labels.iter().map(|&l| usize::try_from(l).ok()).collect::<Option<Vec<usize>>>()?;
    let count = |input: &Input| domain::length(input, labels.len(), point.classes);
    let fits = graph.inputs.iter().skip(1).zip(&point.vectors).all(|(input, v)| v.len() == count(input));
    let fits = fits && point.vectors.len() + 1 >= graph.inputs.len();
    (fits && labels.iter().all(|l| *l < point.classes)).then(|| {
        tracked(&Batch {
            rows: labels.len(),
            classes: point.classes,
            matrix: point.matrix.clone(),
            labels: labels.clone(),
            vectors: point.vectors.clone(),
            params: point.params.clone(),
            resolution: f64::EPSILON / 2.0,
        })
    })
}

fn batch(loss: &Loss, point: &Point) -> Option<Batch<f64>> {
    domain::batch(loss, point.classes, &point.matrix, &point.labels, &point.vectors, &point.params).ok()
}

/// A point that shows a difference, made simpler step by step.
fn simplest(pair: &Pair, mut point: Point) -> (Point, Option<Difference>) {
    let mut found = compare(pair, &point).flatten();
    let mut attempt = |point: &mut Point, simpler: Point| {
        if simpler != *point
            && let Some(Some(difference)) = compare(pair, &simpler)
        {
            (*point, found) = (simpler, Some(difference));
        }
    };
    let defaults = Point { params: simple_values(&pair.left.graph, point.classes), ..point.clone() };
    attempt(&mut point, defaults);
    if let Some(row) = (0..point.labels.len()).next().filter(|_| point.labels.len() > 1) {
        let line = row * point.classes..(row + 1) * point.classes;
        let vectors = point.vectors.iter().zip(&pair.left.graph.inputs[1..]);
        let vectors = vectors.map(|(v, input)| match input.axis {
            Axis::Rows => vec![v[row]],
            Axis::Matrix => v[line.clone()].to_vec(),
            Axis::Classes => v.clone(),
        });
        let one = Point {
            matrix: point.matrix[line.clone()].to_vec(),
            labels: vec![point.labels[row]],
            vectors: vectors.collect(),
            ..point.clone()
        };
        attempt(&mut point, one);
    }
    for digits in [2, 1] {
        let scale = 10.0_f64.powi(digits);
        let round = |v: &[f64]| v.iter().map(|x| (x * scale).round() / scale).collect::<Vec<f64>>();
        let vectors = point.vectors.iter().map(|v| round(v)).collect();
        let kept = |(x, d): (&f64, f64)| if *x == d { d } else { (x * scale).round() / scale };
        let params =
            point.params.iter().zip(simple_values(&pair.left.graph, point.classes)).map(kept).collect();
        let rounded = Point { matrix: round(&point.matrix), vectors, params, ..point.clone() };
        let inside =
            rounded.params.iter().zip(&pair.left.graph.params).all(|(x, p)| p.low <= *x && *x <= p.high);
        if inside {
            attempt(&mut point, rounded);
        }
    }
    (point, found)
}

fn counterexample(graph: &Graph, point: Point, (what, left, right): Difference) -> Counterexample {
    let names = graph.inputs.iter().skip(1).map(|i| i.name.clone());
    Counterexample {
        params: graph.params.iter().map(|p: &Param| p.name.clone()).zip(point.params).collect(),
        classes: point.classes,
        matrix: point.matrix,
        labels: point.labels,
        vectors: names.zip(point.vectors).collect(),
        what,
        left,
        right,
    }
}

/// The range in which an input is sampled.
pub(super) fn sampled_range(range: Range) -> (f64, f64) {
    let finite = |x: f64, other: f64| if x.is_finite() { x } else { other };
    let low = finite(range.lo, if range.hi.is_finite() { range.hi - 10.0 } else { -10.0 });
    (low, finite(range.hi, low.max(0.0) + 30.0))
}
