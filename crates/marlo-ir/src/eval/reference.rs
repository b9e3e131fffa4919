//! Evaluates a graph node by node, over any [`Scalar`]. Clarity and exactness before speed.
//!
//! Work is done in phases, divided by what needs the whole batch; in a phase each row is evaluated by itself, so that
//! memory does not grow with the number of rows times classes times nodes.

use std::collections::HashMap;

use super::{Batch, NO_CLASS, Scalar};
use crate::graph::{Axis, Graph, Id};
use crate::op::{At, Op};
use crate::shape::Shape;

/// The values of the roots: one value for a scalar, B for a row, B × C for a cell (0 at the label).
pub fn evaluate<S: Scalar>(graph: &Graph, roots: &[Id], batch: &Batch<S>) -> Vec<Vec<S>> {
    let needed = graph.reachable(roots);
    let order: Vec<Id> = graph.ids().filter(|id| needed[id.index()]).collect();
    let phases = graph.phases();
    let last = order.iter().map(|id| phases[id.index()]).max().unwrap_or(0);
    let mut state = State::new(graph, batch, &order);
    let mut cells: Vec<(Id, Vec<S>)> = roots
        .iter()
        .filter(|r| graph.shape(**r) == Shape::Cell)
        .map(|&r| (r, vec![S::zero(); batch.rows * batch.classes]))
        .collect();
    for phase in 0..=last {
        let here = |id: Id| phases[id.index()] == phase && !graph.op(id).is_batch();
        for &id in order.iter().filter(|id| graph.shape(**id) == Shape::Scalar && here(**id)) {
            state.scalars[id.index()] = state.scalar(id);
        }
        for row in 0..batch.rows {
            for &id in &order {
                match graph.shape(id) {
                    Shape::Row if here(id) => state.rows[id.index()][row] = state.row(id, row),
                    Shape::Cell if phases[id.index()] <= phase => state.cell(id, row),
                    _ => {}
                }
            }
            for (id, out) in cells.iter_mut().filter(|c| phases[c.0.index()] == phase) {
                let line = &mut out[row * batch.classes..(row + 1) * batch.classes];
                line.copy_from_slice(&state.cells[id.index()]);
                line[batch.labels[row]] = S::zero();
            }
        }
        for &id in order.iter().filter(|id| phases[id.index()] == phase && graph.op(**id).is_batch()) {
            state.over_batch(id);
        }
    }
    roots
        .iter()
        .map(|&root| match graph.shape(root) {
            Shape::Scalar => vec![state.scalars[root.index()]],
            Shape::Row => state.rows[root.index()].clone(),
            Shape::Cell => cells.iter().find(|c| c.0 == root).map(|c| c.1.clone()).unwrap_or_default(),
        })
        .collect()
}

struct State<'a, S> {
    graph: &'a Graph,
    batch: &'a Batch<S>,
    scalars: Vec<S>,
    rows: Vec<Vec<S>>,
    cells: Vec<Vec<S>>,
    /// Of each LSE and row the greatest value and ln of the sum relative to it: their sum would lose the digits of the
    /// second where the first is large, so differences are taken from each.
    ends: HashMap<Id, Vec<(S, S)>>,
}

impl<'a, S: Scalar> State<'a, S> {
    fn new(graph: &'a Graph, batch: &'a Batch<S>, order: &[Id]) -> Self {
        let mut rows = vec![Vec::new(); graph.len()];
        let mut cells = vec![Vec::new(); graph.len()];
        for &id in order {
            match graph.shape(id) {
                Shape::Row => rows[id.index()] = vec![S::zero(); batch.rows],
                Shape::Cell => cells[id.index()] = vec![S::zero(); batch.classes],
                Shape::Scalar => {}
            }
        }
        let lse = order.iter().filter(|id| graph.op(**id) == Op::LseK);
        let ends = lse.map(|&id| (id, vec![(S::zero(), S::zero()); batch.rows])).collect();
        State { graph, batch, scalars: vec![S::zero(); graph.len()], rows, cells, ends }
    }

    fn at(&self, id: Id, row: usize, class: usize) -> S {
        match self.graph.shape(id) {
            Shape::Scalar => self.scalars[id.index()],
            Shape::Row => self.rows[id.index()][row],
            Shape::Cell => self.cells[id.index()][class],
        }
    }

    fn scalar(&self, id: Id) -> S {
        let batch = self.batch;
        match self.graph.op(id) {
            Op::Const(n) => S::from_f64(n.get()),
            Op::Param(p) => S::from_f64(batch.params[p as usize]),
            Op::BatchSize => S::from_f64(batch.rows as f64),
            Op::Classes => S::from_f64(batch.classes as f64),
            Op::Others => S::from_f64(batch.classes.saturating_sub(1).max(1) as f64),
            Op::KeptI => {
                S::from_f64(kept_rows(self.at(self.graph.args(id)[0], 0, 0).to_f64(), batch.rows) as f64)
            }
            op => self.elementwise(op, id, 0, 0),
        }
    }

    fn row(&mut self, id: Id, row: usize) -> S {
        let (batch, label) = (self.batch, self.batch.labels[row]);
        match self.graph.op(id) {
            Op::Input(0, _) => batch.matrix[row * batch.classes + label],
            Op::Input(i, At::Row) => batch.vectors[i as usize - 1][row],
            Op::Input(i, _) if self.graph.inputs[i as usize].axis == Axis::Matrix => {
                batch.vectors[i as usize - 1][row * batch.classes + label]
            }
            Op::Input(i, _) => batch.vectors[i as usize - 1][label],
            Op::LseK => {
                let (max, rest) = self.lse(self.graph.args(id)[0], row);
                if let Some(ends) = self.ends.get_mut(&id) {
                    ends[row] = (max, rest);
                }
                max + rest
            }
            op if op.is_class_reduction() => self.over_classes(op, self.graph.args(id)[0], row),
            op => self.elementwise(op, id, row, label),
        }
    }

    fn cell(&mut self, id: Id, row: usize) {
        let (batch, label) = (self.batch, self.batch.labels[row]);
        for class in (0..batch.classes).filter(|&c| c != label) {
            self.cells[id.index()][class] = match self.graph.op(id) {
                Op::Input(0, _) => batch.matrix[row * batch.classes + class],
                Op::Input(i, _) if self.graph.inputs[i as usize].axis == Axis::Matrix => {
                    batch.vectors[i as usize - 1][row * batch.classes + class]
                }
                Op::Input(i, _) => batch.vectors[i as usize - 1][class],
                op => self.elementwise(op, id, row, class),
            };
        }
    }

    fn elementwise(&self, op: Op, id: Id, row: usize, class: usize) -> S {
        let mut args = [S::zero(); 3];
        let ids = self.graph.args(id);
        if op == Op::Sub {
            let end = |place: usize| self.ends.get(&ids[place]).map(|ends| ends[row]);
            let (x, y) = (self.at(ids[0], row, class), self.at(ids[1], row, class));
            match (end(0), end(1)) {
                (Some((max, rest)), None) => return (max - y) + rest,
                (None, Some((max, rest))) => return (x - max) - rest,
                (Some(a), Some(b)) => return (a.0 - b.0) + (a.1 - b.1),
                (None, None) => {}
            }
        }
        for (slot, &a) in args.iter_mut().zip(ids) {
            *slot = self.at(a, row, class);
        }
        apply(op, &args[..ids.len()], self.batch.resolution)
    }

    /// The other classes' values of a row.
    fn others(&self, arg: Id, row: usize) -> impl Iterator<Item = S> + '_ {
        let label = self.batch.labels[row];
        (0..self.batch.classes)
            .filter(move |&class| class != label)
            .map(move |class| self.at(arg, row, class))
    }

    fn over_classes(&self, op: Op, arg: Id, row: usize) -> S {
        if op == Op::SumK {
            return sum(self.others(arg, row));
        }
        let Some(max) = greatest(self.others(arg, row)) else {
            return S::from_f64(NO_CLASS);
        };
        // The value is exactly the maximum; its derivative is the mean of those that are tied.
        let tied = || self.others(arg, row).filter(|x| *x == max);
        let slope = sum(tied().map(|x| x - x.detach())) / S::from_f64(tied().count() as f64);
        max.detach() + slope
    }

    /// ln Σ exp as the greatest value and ln of the sum relative to it.
    fn lse(&self, arg: Id, row: usize) -> (S, S) {
        match greatest(self.others(arg, row)) {
            // Where every class has weight 0, that is as if there were none.
            Some(max) if max.to_f64() != f64::NEG_INFINITY => {
                (max, sum(self.others(arg, row).map(|b| (b - max).exp())).ln())
            }
            _ => (S::from_f64(NO_CLASS), S::zero()),
        }
    }

    fn over_batch(&mut self, id: Id) {
        let args = self.graph.args(id).to_vec();
        let count = S::from_f64(self.batch.rows as f64);
        let values: Vec<S> = (0..self.batch.rows).map(|row| self.at(args[0], row, 0)).collect();
        let total = match self.graph.op(id) {
            Op::SumI => sum(values.into_iter()),
            Op::MeanI => sum(values.into_iter()) / count,
            Op::RankI => {
                let ranks = ranks(&values).into_iter();
                self.rows[id.index()] = ranks.map(|rank| S::from_f64(rank as f64)).collect();
                return;
            }
            Op::PickI => {
                let all = |arg: Id| (0..self.batch.rows).map(|row| self.at(arg, row, 0)).collect::<Vec<S>>();
                self.rows[id.index()] = picked(&values, &all(args[1]), &all(args[2]));
                return;
            }
            op => {
                let given = self.at(args[1], 0, 0).to_f64();
                let count = if op == Op::TopI { kept_rows(given, self.batch.rows) } else { given as usize };
                let hard = hardest(&values, count);
                if op == Op::InTopI {
                    self.rows[id.index()] = hard.iter().map(|&h| truth(h)).collect();
                    return;
                }
                sum(values.into_iter().zip(&hard).filter(|v| *v.1).map(|v| v.0)) / S::from_f64(count as f64)
            }
        };
        self.scalars[id.index()] = total;
    }
}

/// How many rows a share keeps: ⌊share·rows⌋, at least 1. A share that stood in an f32 (0.9 is 0.89999998 there) keeps as
/// many as it did in an f64.
pub fn kept_rows(share: f64, rows: usize) -> usize {
    ((share * rows as f64 * (1.0 + 1e-7)).floor() as usize).clamp(1, rows)
}

/// An order of all numbers, as a sort needs: NaN is the greatest.
fn rising<S: Scalar>(a: S, b: S) -> std::cmp::Ordering {
    let nan = |x: S| x.partial_cmp(&x).is_none();
    a.partial_cmp(&b).unwrap_or_else(|| nan(a).cmp(&nan(b)))
}

/// Is each row among the `count` with the greatest values? Ties go to the earlier row.
pub fn hardest<S: Scalar>(values: &[S], count: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| rising(values[b], values[a]));
    let mut hard = vec![false; values.len()];
    for &row in &order[..count.min(values.len())] {
        hard[row] = true;
    }
    hard
}

/// How many values come before each in rising order; of equal ones the earlier comes first.
pub fn ranks<S: Scalar>(values: &[S]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| rising(values[a], values[b]));
    let mut ranks = vec![0; values.len()];
    order.into_iter().enumerate().for_each(|(rank, row)| ranks[row] = rank);
    ranks
}

/// The value, without its derivative, of the row whose rank each row wants; its own where no row has that rank.
pub fn picked<S: Scalar>(values: &[S], ranks: &[S], wanted: &[S]) -> Vec<S> {
    let row_of = |(own, wanted): (usize, &S)| ranks.iter().position(|rank| rank == wanted).unwrap_or(own);
    wanted.iter().enumerate().map(|one| values[row_of(one)].detach()).collect()
}

/// A sum whose error does not grow with the number of terms (Neumaier's compensation).
pub(super) fn sum<S: Scalar>(values: impl Iterator<Item = S>) -> S {
    let (mut total, mut lost) = (S::zero(), S::zero());
    for value in values {
        let next = total + value;
        let bigger =
            if total.to_f64().abs() >= value.to_f64().abs() { (total, value) } else { (value, total) };
        lost += (bigger.0 - next) + bigger.1;
        total = next;
    }
    total + lost
}

fn greatest<S: Scalar>(values: impl Iterator<Item = S>) -> Option<S> {
    values.reduce(|a, b| if b > a { b } else { a })
}

fn truth<S: Scalar>(on: bool) -> S {
    if on { S::one() } else { S::zero() }
}

/// The value of an elementwise operation; masks are 1 and 0.
///
/// `resolution` says how close a cosine can come to ±1 without being ±1: at ±1 itself, 1/sin θ is taken there.
///
/// # Panics
/// On a leaf or a reduction, which are no functions of single values.
pub fn apply<S: Scalar>(op: Op, args: &[S], resolution: f64) -> S {
    let on = |place: usize| args[place] != S::zero();
    match (op, args) {
        (Op::Neg, [x]) => -*x,
        (Op::Exp, [x]) => x.exp(),
        (Op::Ln, [x]) => x.ln(),
        (Op::Log1p, [x]) => x.log1p(),
        (Op::Expm1, [x]) => x.expm1(),
        (Op::Sqrt, [x]) => x.sqrt(),
        (Op::Sin, [x]) => x.sin(),
        (Op::Cos, [x]) => x.cos(),
        (Op::Tanh, [x]) => x.tanh(),
        (Op::Sigmoid, [x]) => x.sigmoid(),
        (Op::Softplus, [x]) => x.softplus(),
        (Op::Relu, [x]) => {
            if *x > S::zero() {
                *x
            } else {
                S::zero()
            }
        }
        (Op::Abs, [x]) => {
            if *x > S::zero() {
                *x
            } else if *x < S::zero() {
                -*x
            } else {
                S::zero()
            }
        }
        (Op::Floor, [x]) => x.floor(),
        (Op::Parity, [k]) => {
            let two = S::one() + S::one();
            let half = (*k / two).floor();
            S::one() - two * (*k - two * half)
        }
        (Op::Acos, [c]) => c.acos(),
        (Op::Csc, [c]) => S::one() / c.inside(resolution).sin_acos(),
        (Op::Not, [_]) => truth(!on(0)),
        (Op::Detach, [x]) => x.detach(),
        (Op::Add, [x, y]) => *x + *y,
        (Op::Sub, [x, y]) => *x - *y,
        (Op::Mul, [x, y]) => *x * *y,
        (Op::Div, [x, y]) => *x / *y,
        (Op::Pow, [x, y]) => x.pow(*y),
        (Op::Min, [x, y]) => {
            if x <= y {
                *x
            } else {
                *y
            }
        }
        (Op::Max, [x, y]) => {
            if y <= x {
                *x
            } else {
                *y
            }
        }
        (Op::Lt, [x, y]) => truth(x < y),
        (Op::Le, [x, y]) => truth(x <= y),
        (Op::Eq, [x, y]) => truth(x == y),
        (Op::And, [_, _]) => truth(on(0) && on(1)),
        (Op::Or, [_, _]) => truth(on(0) || on(1)),
        (Op::Select, [_, x, y]) => {
            if on(0) {
                *x
            } else {
                *y
            }
        }
        (Op::CosAngle, [a, b, c]) => {
            let (cosine, sine) = multiple(*a, *c);
            cosine * b.cos() - sine * b.sin()
        }
        (Op::SinAngle, [a, b, c]) => {
            let (cosine, sine) = multiple(*a, *c);
            sine * b.cos() + cosine * b.sin()
        }
        (Op::SinRatio, [a, b, c]) => {
            let csc = S::one() / c.inside(resolution).sin_acos();
            c.sin_ratio(*a, resolution) * b.cos() + c.cos_multiple(*a) * b.sin() * csc
        }
        (op, _) => unreachable!("{op:?} is no elementwise operation"),
    }
}

/// cos(aθ) and sin(aθ).
fn multiple<S: Scalar>(a: S, c: S) -> (S, S) {
    (c.cos_multiple(a), c.sin_multiple(a))
}
