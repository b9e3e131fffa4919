//! Making a failing case small.

use marlo_ir::graph::Axis;
use marlo_ir::loss::Loss;

use super::{Case, Stratum, number};
use crate::domain;

/// Values that are simple to look at.
const SIMPLE: [f64; 5] = [0.0, 0.5, -0.5, 1.0, -1.0];
/// How many smaller cases are tried before the best so far is taken.
const TRIES: usize = 3000;

/// The smallest case found from a failing one that still fails.
pub fn shrunk(loss: &Loss, case: &Case, fails: &dyn Fn(&Case) -> bool) -> Case {
    let mut small = case.clone();
    let mut tries = 0;
    let mut step = |case: &Case| {
        let mut smaller = case.shrink(loss).take_while(|_| {
            tries += 1;
            tries <= TRIES
        });
        smaller.find(|candidate| fails(candidate))
    };
    while let Some(smaller) = step(&small) {
        small = smaller;
    }
    small
}

impl Case {
    /// Cases that are one step smaller: without a row or a class, a hyperparameter at its default, a simple value, fewer
    /// digits. Each step makes the printed case shorter, so that shrinking ends.
    pub fn shrink<'a>(&'a self, loss: &'a Loss) -> impl Iterator<Item = Case> + 'a {
        let rows = (0..self.rows()).filter(|_| self.rows() > 1).map(move |row| self.without_row(loss, row));
        let free = (0..self.classes).filter(|class| self.classes > 2 && !self.labels.contains(class));
        let classes = free.map(move |class| self.without_class(loss, class));
        rows.chain(classes).chain(self.with_defaults(loss)).chain(self.with_simple_values(loss))
    }

    fn without_row(&self, loss: &Loss, row: usize) -> Case {
        let mut case = self.clone();
        for input in domain::matrices(&loss.graph) {
            if let Some(values) = case.values_mut(input) {
                values.drain(row * self.classes..(row + 1) * self.classes);
            }
        }
        case.labels.remove(row);
        case.drop_from_vectors(loss, Axis::Rows, row);
        case
    }

    fn without_class(&self, loss: &Loss, class: usize) -> Case {
        let mut case = self.clone();
        case.classes -= 1;
        for input in domain::matrices(&loss.graph) {
            if let Some(values) = case.values_mut(input) {
                let kept = values.iter().enumerate().filter(|(at, _)| at % self.classes != class);
                *values = kept.map(|(_, x)| *x).collect();
            }
        }
        case.labels.iter_mut().filter(|label| **label > class).for_each(|label| *label -= 1);
        case.drop_from_vectors(loss, Axis::Classes, class);
        case
    }

    fn drop_from_vectors(&mut self, loss: &Loss, axis: Axis, at: usize) {
        for (input, values) in loss.graph.inputs.iter().skip(1).zip(&mut self.vectors) {
            if input.axis == axis && at < values.len() {
                values.remove(at);
                domain::add_up(input, values);
            }
        }
    }

    fn with_defaults(&self, loss: &Loss) -> impl Iterator<Item = Case> {
        domain::defaults(&loss.graph, self.classes).into_iter().enumerate().filter_map(|(at, default)| {
            let mut case = self.clone();
            let place = case.params.get_mut(at)?;
            (*place != default?).then(|| *place = default.unwrap_or_default())?;
            Some(case)
        })
    }

    fn with_simple_values<'a>(&'a self, loss: &'a Loss) -> impl Iterator<Item = Case> + 'a {
        let entries =
            domain::matrices(&loss.graph).flat_map(|input| (0..self.matrix.len()).map(move |at| (input, at)));
        entries.flat_map(move |(input, at)| {
            let now = if input == 0 { self.matrix[at] } else { self.vectors[input - 1][at] };
            let rounded = [1, 2, 3, 6, 9].into_iter().map(move |digits| round(now, digits));
            let simpler = SIMPLE.into_iter().chain(rounded);
            simpler.filter(move |&x| plainness(x) < plainness(now)).filter_map(move |x| {
                let mut case = self.clone();
                *case.values_mut(input)?.get_mut(at)? = x;
                // It no longer stands where it was drawn to stand.
                case.stratum = Stratum::Given;
                Some(case)
            })
        })
    }
}

/// How much there is to read: the place among the simple values, then the length.
fn plainness(x: f64) -> usize {
    SIMPLE.iter().position(|&simple| simple == x).unwrap_or(SIMPLE.len() + number(x).len())
}

/// The number to that many decimal digits.
fn round(x: f64, digits: i32) -> f64 {
    let scale = 10.0_f64.powi(digits);
    (x * scale).round() / scale
}
