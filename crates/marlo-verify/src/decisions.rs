//! Where a program decides: its comparisons, floors, corners and ranks.
//!
//! On the border of a mask two precisions may take two branches, and both are right. Here it is found out, node by node
//! with the error that its two sides really carry, whether rounding could have decided; a cosine compared with a
//! literal never is in doubt, however near they are.

use std::cmp::Ordering;

use marlo_ir::eval::{Batch, Scalar, evaluate, hardest, kept_rows};
use marlo_ir::graph::{Graph, Id};
use marlo_ir::loss::{Gradient, Loss};
use marlo_ir::op::Op;
use marlo_ir::shape::Shape;

use crate::big::Big;
use crate::tracked::Tracked;

/// [`kept_rows`] takes ⌊share·B⌋ after a step up by this factor.
const KEPT_SLACK: f64 = 1.0 + 1e-7;

/// One decision: what is compared with what.
#[derive(Copy, Clone, Debug)]
pub struct Site<S> {
    /// The row; `None` where it is made for the whole batch.
    pub row: Option<usize>,
    /// The one side.
    pub left: S,
    /// The other: a value, 0 for a corner, the nearest whole number for a floor, the greatest for a maximum, the nearest
    /// value on the other side for a rank.
    pub right: S,
    floor: bool,
}

impl<S: Scalar> Site<S> {
    /// Which way it went: the order of the sides, or the step of a floor.
    pub fn outcome(&self) -> (Option<Ordering>, Option<i64>) {
        if self.floor {
            (None, Some(self.left.to_f64().floor() as i64))
        } else {
            (self.left.partial_cmp(&self.right), None)
        }
    }
}

/// The deciding nodes of a graph that given roots need.
#[derive(Clone, Debug)]
pub struct Decisions {
    graph: Graph,
    nodes: Vec<Id>,
    /// What is evaluated: each node's arguments, and the node itself for a maximum.
    roots: Vec<Id>,
}

impl Decisions {
    /// Finds them.
    pub fn of(graph: &Graph, roots: &[Id]) -> Self {
        let needed = graph.reachable(roots);
        let decides = |id: &Id| {
            let by_value = matches!(graph.op(*id), Op::Lt | Op::Le | Op::Eq | Op::Min | Op::Max | Op::MaxK);
            let by_corner = matches!(graph.op(*id), Op::Floor | Op::Relu | Op::Abs);
            let by_rank = matches!(graph.op(*id), Op::TopI | Op::InTopI | Op::KeptI | Op::RankI);
            needed[id.index()] && (by_value || by_corner || by_rank)
        };
        let nodes: Vec<Id> = graph.ids().filter(decides).collect();
        let operands = |id: &Id| graph.args(*id).iter().copied().chain(Some(*id)).collect::<Vec<Id>>();
        let roots = nodes.iter().flat_map(operands).collect();
        Decisions { graph: graph.clone(), nodes, roots }
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Every decision on a batch, in an order that depends on the shape of the batch alone.
    pub fn sites<S: Scalar>(&self, batch: &Batch<S>) -> Vec<Site<S>> {
        let values = evaluate(&self.graph, &self.roots, batch);
        let mut sites = Vec::new();
        let mut at = 0;
        for &id in &self.nodes {
            let operands = self.graph.args(id).len() + 1;
            let found = &values[at..at + operands];
            at += operands;
            match self.graph.op(id) {
                Op::TopI => {
                    sites.push(kept(found[1][0], batch.rows));
                    ranks(&found[0], kept_rows(found[1][0].to_f64(), batch.rows), batch.rows, &mut sites);
                }
                Op::InTopI => ranks(&found[0], found[1][0].to_f64() as usize, batch.rows, &mut sites),
                Op::KeptI => sites.push(kept(found[0][0], batch.rows)),
                Op::RankI => order(&found[0], batch.rows, &mut sites),
                _ => self.compare(id, found, batch, &mut sites),
            }
        }
        sites
    }

    fn compare<S: Scalar>(&self, id: Id, found: &[Vec<S>], batch: &Batch<S>, sites: &mut Vec<Site<S>>) {
        let op = self.graph.op(id);
        let args = self.graph.args(id);
        let widest = args.iter().map(|&a| self.graph.shape(a)).max().unwrap_or(Shape::Scalar);
        let read = |values: &[S], shape: Shape, row: usize, class: usize| match shape {
            Shape::Scalar => values[0],
            Shape::Row => values[row],
            Shape::Cell => values[row * batch.classes + class],
        };
        let site = |row: usize, class: usize| {
            let side = |place: usize| read(&found[place], self.graph.shape(args[place]), row, class);
            let left = side(0);
            let right = match op {
                Op::Relu | Op::Abs => S::zero(),
                Op::Floor => S::from_f64(left.to_f64().round()),
                Op::MaxK => read(&found[1], Shape::Row, row, class),
                _ => side(1),
            };
            let row = (widest != Shape::Scalar).then_some(row);
            Site { row, left, right, floor: op == Op::Floor }
        };
        match widest {
            Shape::Scalar => sites.push(site(0, 0)),
            Shape::Row => sites.extend((0..batch.rows).map(|row| site(row, 0))),
            Shape::Cell => {
                for (row, &label) in batch.labels.iter().enumerate() {
                    sites.extend((0..batch.classes).filter(|&c| c != label).map(|class| site(row, class)));
                }
            }
        }
    }
}

/// How many rows a share keeps: a floor.
fn kept<S: Scalar>(share: S, rows: usize) -> Site<S> {
    let left = share * S::from_f64(rows as f64 * KEPT_SLACK);
    Site { row: None, left, right: S::from_f64(left.to_f64().round()), floor: true }
}

/// A kept row against the greatest that is dropped, a dropped one against the least that is kept.
fn ranks<S: Scalar>(found: &[S], count: usize, rows: usize, sites: &mut Vec<Site<S>>) {
    let value = |row: usize| found[if found.len() == 1 { 0 } else { row }];
    let values: Vec<S> = (0..rows).map(value).collect();
    let hard = hardest(&values, count);
    let side = |kept: bool| values.iter().zip(&hard).filter(move |v| *v.1 == kept).map(|v| *v.0);
    let least = side(true).reduce(|a, b| if b < a { b } else { a });
    let greatest = side(false).reduce(|a, b| if b > a { b } else { a });
    for (row, &kept) in hard.iter().enumerate() {
        let left = values[row];
        let right = if kept { greatest } else { least }.unwrap_or(left);
        sites.push(Site { row: Some(row), left, right, floor: false });
    }
}

/// Every pair of rows: which of the two comes first. Any row may read what another one's rank decides.
fn order<S: Scalar>(found: &[S], rows: usize, sites: &mut Vec<Site<S>>) {
    let value = |row: usize| found[if found.len() == 1 { 0 } else { row }];
    let pairs = (0..rows).flat_map(|second| (0..second).map(move |first| (first, second)));
    sites.extend(pairs.map(|(first, second)| Site {
        row: None,
        left: value(first),
        right: value(second),
        floor: false,
    }));
}

/// The decisions of a loss, as it was written and as it is derived.
#[derive(Clone, Debug)]
pub struct Doubt {
    forms: [Decisions; 2],
    coupled: bool,
}

impl Doubt {
    /// The decisions of a loss and of its gradient.
    pub fn of(loss: &Loss, gradient: &Gradient) -> Self {
        let roots: Vec<Id> = gradient.all_roots().into_iter().map(|root| root.1).collect();
        let derived = Decisions::of(&gradient.loss.graph, &roots);
        let next = loss.updates.iter().map(|update| update.next);
        let written: Vec<Id> = [loss.row, loss.total].into_iter().chain(next).collect();
        let forms = [Decisions::of(&loss.graph, &written), derived];
        Doubt { forms, coupled: loss.couples_rows() }
    }

    /// Could numbers with that relative error keep another count of rows in a ranking by share?
    pub fn counts(&self, batch: &Batch<f64>, tolerance: f64) -> bool {
        let near = |site: &Site<f64>| (site.left - site.right).abs() <= tolerance * site.left.abs();
        let counted = |form: &Decisions| {
            let share = form.nodes.iter().any(|&id| matches!(form.graph.op(id), Op::TopI | Op::KeptI));
            share && form.sites(batch).iter().any(|site| site.floor && site.row.is_none() && near(site))
        };
        self.forms.iter().any(counted)
    }

    /// Which rows hold a decision that rounding in f64 could take the other way; all of them, where one row's gradient
    /// depends on the others and one is in doubt. A tie that is exact with 256 bits too is no doubt.
    pub fn rows(&self, batch: &Batch<f64>) -> Vec<bool> {
        let mut rows = vec![false; batch.rows];
        for form in self.forms.iter().filter(|form| !form.is_empty()) {
            let tracked = form.sites(&batch.convert::<Tracked>());
            let doubtful = |site: &Site<Tracked>| {
                let error = site.left.error + site.right.error;
                // A side that isn't finite compares as it should.
                let gap = (site.left.value - site.right.value).abs();
                error > 0.0 && gap <= error
            };
            if !tracked.iter().any(doubtful) {
                continue;
            }
            let exact = form.sites(&batch.convert::<Big>());
            for (site, exact) in tracked.iter().zip(&exact).filter(|s| doubtful(s.0)) {
                if site.left.value == site.right.value && exact.left == exact.right {
                    continue;
                }
                match site.row {
                    Some(row) => rows[row] = true,
                    None => rows.fill(true),
                }
            }
        }
        if self.coupled && rows.contains(&true) {
            rows.fill(true);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubt(text: &str, classes: usize, cosines: &[f64], labels: &[i64]) -> Vec<bool> {
        let loss = marlo_lang::compile(text, &marlo_lang::Empty).expect("the program is right").loss;
        let params = marlo_ir::eval::settings(&loss, &[], marlo_ir::setting::Moment::start(5))
            .expect("there are defaults");
        let batch =
            Batch::new(&loss, classes, cosines.to_vec(), labels, vec![], params).expect("the batch is right");
        Doubt::of(&loss, &loss.gradient()).rows(&batch)
    }

    #[test]
    fn only_rounding_makes_doubt() {
        let next = 0.5_f64.next_up();
        let plain = "loss a() { if cos[y] > 0.5 then cos[y] else 0 }";
        assert_eq!(doubt(plain, 2, &[0.5, 0.0, next, 0.0], &[0, 0]), [false, false]);
        let rounded = "loss b() { if cos(theta[y] + 0.1) > 0.5 then cos[y] else 0 }";
        let border = (0.5_f64.acos() - 0.1).cos();
        assert_eq!(doubt(rounded, 2, &[border, 0.0, border + 1e-13, 0.0], &[0, 0]), [true, false]);
    }

    #[test]
    fn exact_ties_are_no_doubt() {
        let text = "loss c() { max[k](exp(3 * cos[k])) - cos[y] }";
        let cosines = [0.1, 0.3, 0.3, 0.1, 0.3, 0.3_f64.next_up()];
        assert_eq!(doubt(text, 3, &cosines, &[0, 0]), [false, true]);
    }

    #[test]
    fn a_rank_in_doubt_leaves_no_row() {
        let text = "loss d() { top[i](exp(cos[y]), 0.5) }";
        let cosines = [0.1, 0.0, 0.3, 0.0, 0.3_f64.next_up(), 0.0, 0.2, 0.0];
        assert_eq!(doubt(text, 2, &cosines, &[0; 4]), [false; 4]);
        let share = "loss e() { top[i](exp(cos[y]), 0.25) }";
        assert_eq!(doubt(share, 2, &cosines, &[0; 4]), [true; 4]);
    }
}
