//! The schedule: a gradient in, a [`RowProgram`] out, the one plan that every fused backend follows.
//!
//! A row is worked through in steps: values of the row, then a sweep over its other classes that feeds reductions, then
//! values of the row that need these, and so on; the last sweep writes the gradient. Cells are never stored: each sweep
//! computes what it needs. Where something needs the whole batch (`top[i]`), the rows are worked through again in a
//! further phase. What does not vary with the row (cos m, s·t) is a uniform, computed once outside in f64.

use std::fmt::Write as _;

use crate::eval::{Batch, Scalar, evaluate};
use crate::graph::{Axis, Graph, Id, Input};
use crate::loss::{Gradient, Loss, Partial, Wrt};
use crate::op::Op;
use crate::shape::Shape;
use crate::simplify::lower;

/// A plan for the loss and gradient of a batch, row by row.
#[derive(Clone, Debug)]
pub struct RowProgram {
    /// The loss as it was written.
    pub loss: Loss,
    /// The gradient, in what backends compute (see [`lower`]).
    pub gradient: Gradient,
    /// Scalars that rows read and that depend on hyperparameters, B and C alone. Literals are not among them.
    pub uniforms: Vec<Id>,
    /// The pass that writes each sample's own loss.
    pub written: usize,
    /// The passes over the rows; one, unless something needs the whole batch.
    pub phases: Vec<Phase>,
}

/// One pass over the rows.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// What is done for a row, in order.
    pub steps: Vec<Step>,
    /// Row values of earlier phases that this one reads.
    pub reads: Vec<Id>,
    /// Row values that later phases or batch operations read.
    pub keeps: Vec<Id>,
    /// Operations over the batch that follow the pass, in order.
    pub batch: Vec<Id>,
    /// Scalars that are made from batch results before the next pass, in order.
    pub after: Vec<Id>,
}

/// One step of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Values of the row, in order.
    Row(Vec<Id>),
    /// A sweep over the other classes.
    Sweep {
        /// Values of each cell, in order.
        cells: Vec<Id>,
        /// Reductions that the sweep feeds.
        reductions: Vec<Id>,
        /// Are the [derivatives of each cell](RowProgram::cells) written?
        writes: bool,
    },
}

impl RowProgram {
    /// Plans a loss with its usual derivatives.
    pub fn of(loss: &Loss) -> RowProgram {
        RowProgram::by(loss, &loss.usual())
    }

    /// Plans a loss with the derivatives that are asked for beside that by the matrix.
    pub fn by(loss: &Loss, wrt: &[Wrt]) -> RowProgram {
        let gradient = lowered(&loss.gradient_by(wrt));
        let roots: Vec<Id> = gradient.all_roots().into_iter().map(|root| root.1).collect();
        let graph = &gradient.loss.graph;
        let needed = graph.reachable(&roots);
        let order: Vec<Id> = graph.ids().filter(|id| needed[id.index()]).collect();
        let phase_of = graph.phases();
        let ready = |id: Id| phase_of[id.index()] + usize::from(graph.op(id).is_batch());
        let written = ready(gradient.loss.row);
        let write = cells(&gradient).iter().flatten().map(|&id| ready(id)).max().unwrap_or(0);
        let kept = rows(&gradient);
        let row_last = kept.iter().map(|&id| ready(id)).max().unwrap_or(0);
        let last =
            order.iter().map(|id| phase_of[id.index()]).chain([written, write, row_last]).max().unwrap_or(0);
        let mut phases: Vec<Phase> =
            (0..=last).map(|p| phase(&gradient, &order, &phase_of, p, p == write)).collect();
        for p in 0..phases.len() {
            let read_later = |id: &Id| phases[p + 1..].iter().any(|later| later.reads.contains(id));
            let read_by_batch = |id: &Id| phases[p].batch.iter().any(|&op| graph.args(op).contains(id));
            let keeps = order
                .iter()
                .filter(|id| graph.shape(**id) == Shape::Row && phase_of[id.index()] == p)
                .filter(|id| !graph.op(**id).is_batch())
                .filter(|id| read_later(id) || read_by_batch(id) || kept.contains(id))
                .copied()
                .collect();
            phases[p].keeps = keeps;
        }
        let read_by_rows = |id: Id| {
            order.iter().any(|&user| {
                (graph.shape(user) != Shape::Scalar
                    || graph.op(user).is_batch()
                    || phase_of[user.index()] > 0)
                    && graph.args(user).contains(&id)
            }) || roots.contains(&id)
        };
        let uniforms = order
            .iter()
            .copied()
            .filter(|&id| graph.shape(id) == Shape::Scalar && phase_of[id.index()] == 0)
            .filter(|&id| !graph.op(id).is_batch() && graph.constant(id).is_none() && read_by_rows(id))
            .collect();
        RowProgram { uniforms, phases, gradient, written, loss: loss.clone() }
    }

    /// The graph that the plan's nodes belong to.
    pub fn graph(&self) -> &Graph {
        &self.gradient.loss.graph
    }

    /// The values of the [uniforms](Self::uniforms) for hyperparameters and the sizes B and C.
    pub fn uniform_values(&self, params: &[f64], rows: usize, classes: usize) -> Vec<f64> {
        let batch = Batch {
            rows,
            classes,
            matrix: Vec::new(),
            labels: vec![0; rows],
            vectors: Vec::new(),
            params: params.to_vec(),
            resolution: f64::RESOLUTION,
        };
        evaluate::<f64>(self.graph(), &self.uniforms, &batch).into_iter().map(|v| v[0]).collect()
    }

    /// The derivatives that a sweep writes for each cell: of the matrix, then those partials that have cells; of each what
    /// stands at the label and what stands at another class.
    pub fn cells(&self) -> Vec<[Id; 2]> {
        cells(&self.gradient)
    }

    /// The derivatives with one value a row, which are [kept](Phase::keeps).
    pub fn rows(&self) -> Vec<Id> {
        rows(&self.gradient)
    }

    /// The scalars that a batch ends with: its loss, then the derivatives by hyperparameters, then the next states.
    pub fn ends(&self) -> Vec<Id> {
        let by_param = |p: &&Partial| matches!(p.by, Wrt::Param(_));
        let partials = self.gradient.partials.iter().filter(by_param).map(|p| p.target);
        let updates = self.gradient.loss.updates.iter().map(|u| u.next);
        [self.gradient.loss.total].into_iter().chain(partials).chain(updates).collect()
    }

    /// The values of the [ends](Self::ends) from the row values that batch operations read: `row(id)` gives those, one a
    /// row. NaN where something is missing.
    pub fn end_values<'a>(
        &self,
        params: &[f64],
        sizes: (usize, usize),
        row: &dyn Fn(Id) -> Option<&'a [f64]>,
    ) -> Vec<f64> {
        self.values_from(&self.ends(), params, sizes, row).into_iter().map(|values| values[0]).collect()
    }

    /// The values of scalars and rows from the row values that the passes [keep](Phase::keeps): `row(id)` gives those. One
    /// value for a scalar, one a row for a row; a NaN where something is missing.
    pub fn values_from<'a>(
        &self,
        roots: &[Id],
        params: &[f64],
        (rows, classes): (usize, usize),
        row: &dyn Fn(Id) -> Option<&'a [f64]>,
    ) -> Vec<Vec<f64>> {
        let graph = self.graph();
        let mut small = graph.like();
        let mut vectors = Vec::new();
        let mut map: Vec<Option<Id>> = vec![None; graph.len()];
        let needed = graph.reachable(roots);
        for id in graph.ids().filter(|id| needed[id.index()]) {
            let args: Vec<Id> = graph.args(id).iter().filter_map(|a| map[a.index()]).collect();
            if graph.shape(id) == Shape::Row
                && let Some(values) = row(id)
            {
                vectors.push(values.to_vec());
                let name = format!("row{}", id.index());
                small.inputs.push(Input::new(&name, graph.node(id).kind, Axis::Rows));
                let input = small.inputs.len() as u32 - 1;
                map[id.index()] = Some(small.add(Op::Input(input, crate::op::At::Row), &[]));
            } else if args.len() == graph.args(id).len() && graph.shape(id) != Shape::Cell {
                map[id.index()] = Some(small.add(graph.op(id), &args));
            }
        }
        // The further inputs of the loss stand before ours; nothing here reads them.
        let mut all = vec![Vec::new(); graph.inputs.len() - 1];
        all.extend(vectors);
        let batch = Batch {
            rows,
            classes,
            matrix: Vec::new(),
            labels: vec![0; rows],
            vectors: all,
            params: params.to_vec(),
            resolution: f64::RESOLUTION,
        };
        let value = |root: &Id| match map[root.index()] {
            Some(id) => evaluate(&small, &[id], &batch).remove(0),
            None => vec![f64::NAN],
        };
        roots.iter().map(value).collect()
    }

    /// Prints the plan.
    pub fn print(&self) -> String {
        let graph = self.graph();
        let name = |id: &Id| match graph.leaf(*id) {
            Some(leaf) => leaf,
            None => format!("{id}"),
        };
        let list = |ids: &[Id]| ids.iter().map(&name).collect::<Vec<_>>().join(", ");
        let mut out = String::new();
        let node = |out: &mut String, indent: &str, id: &Id| {
            if graph.leaf(*id).is_some() {
                return;
            }
            let _ = writeln!(out, "{indent}{id} = {}({})", graph.op(*id).entry().name, list(graph.args(*id)));
        };
        let _ = writeln!(out, "uniforms {}", list(&self.uniforms));
        for (number, phase) in self.phases.iter().enumerate() {
            let _ = writeln!(out, "phase {number}, reads [{}]", list(&phase.reads));
            for step in &phase.steps {
                match step {
                    Step::Row(ids) => {
                        let _ = writeln!(out, "  row");
                        ids.iter().for_each(|id| node(&mut out, "    ", id));
                    }
                    Step::Sweep { cells, reductions, writes } => {
                        let _ =
                            writeln!(out, "  sweep{}", if *writes { ", writes the gradient" } else { "" });
                        cells.iter().for_each(|id| node(&mut out, "    ", id));
                        reductions.iter().for_each(|id| node(&mut out, "    reduce ", id));
                    }
                }
            }
            let _ = writeln!(out, "  keeps [{}]", list(&phase.keeps));
            phase.batch.iter().chain(&phase.after).for_each(|id| node(&mut out, "  batch ", id));
        }
        out
    }
}

fn lowered(gradient: &Gradient) -> Gradient {
    let loss = &gradient.loss;
    let mut roots = loss.roots();
    roots.extend(gradient.all_roots().iter().map(|root| root.1));
    let (graph, map) = lower(&loss.graph, &roots);
    let at = |id: Id| map[id.index()].unwrap_or(id);
    let partial = |p: &Partial| Partial { target: at(p.target), other: at(p.other), ..*p };
    let partials = gradient.partials.iter().map(partial).collect();
    let loss = loss.mapped(graph, &map);
    Gradient { loss, target: at(gradient.target), other: at(gradient.other), partials }
}

/// See [`RowProgram::cells`].
fn cells(gradient: &Gradient) -> Vec<[Id; 2]> {
    let further = gradient.partials.iter().filter(|p| gradient.has_cells(p.by));
    let further = further.map(|p| [p.target, p.other]);
    [[gradient.target, gradient.other]].into_iter().chain(further).collect()
}

/// See [`RowProgram::rows`].
fn rows(gradient: &Gradient) -> Vec<Id> {
    let of_rows = |p: &&Partial| matches!(p.by, Wrt::Input(_)) && !gradient.has_cells(p.by);
    gradient.partials.iter().filter(of_rows).map(|p| p.target).collect()
}

fn phase(gradient: &Gradient, order: &[Id], phase_of: &[usize], number: usize, writes: bool) -> Phase {
    let graph = &gradient.loss.graph;
    let here = |id: Id| phase_of[id.index()] == number;
    let is_row = |id: Id| graph.shape(id) == Shape::Row;
    // How many sweeps must have been made before the value is there.
    let mut level = vec![0_usize; graph.len()];
    for &id in order {
        let deepest = graph.args(id).iter().map(|a| level[a.index()]).max().unwrap_or(0);
        level[id.index()] = match graph.shape(id) {
            Shape::Cell => deepest,
            Shape::Row if here(id) && !graph.op(id).is_batch() => {
                deepest + usize::from(graph.op(id).is_class_reduction())
            }
            _ => 0,
        };
    }
    let rows: Vec<Id> =
        order.iter().copied().filter(|&id| is_row(id) && here(id) && !graph.op(id).is_batch()).collect();
    let outputs = cells(gradient);
    let others: Vec<Id> = outputs.iter().map(|pair| pair[1]).collect();
    let writes_at = writes.then(|| others.iter().map(|id| level[id.index()]).max().unwrap_or(0));
    let deepest = rows.iter().map(|id| level[id.index()]).chain(writes_at).max().unwrap_or(0);
    let mut steps = Vec::new();
    for depth in 0..=deepest {
        let values: Vec<Id> = rows
            .iter()
            .copied()
            .filter(|&id| level[id.index()] == depth && !graph.op(id).is_class_reduction())
            .collect();
        if !values.is_empty() {
            steps.push(Step::Row(values));
        }
        let reductions: Vec<Id> = rows
            .iter()
            .copied()
            .filter(|&id| graph.op(id).is_class_reduction() && level[id.index()] == depth + 1)
            .collect();
        let writes = writes_at == Some(depth);
        if writes || !reductions.is_empty() {
            let mut roots: Vec<Id> = reductions.iter().map(|&r| graph.args(r)[0]).collect();
            roots.extend(others.iter().filter(|_| writes));
            let wanted = graph.reachable(&roots);
            let cells = order
                .iter()
                .copied()
                .filter(|&id| wanted[id.index()] && graph.shape(id) == Shape::Cell)
                .collect();
            steps.push(Step::Sweep { cells, reductions, writes });
        }
    }
    let reads = order
        .iter()
        .copied()
        .filter(|&id| is_row(id) && phase_of[id.index()] < number)
        .filter(|&id| is_read(graph, &steps, id) || (writes && outputs.as_flattened().contains(&id)))
        .collect();
    let batch: Vec<Id> = order.iter().copied().filter(|&id| graph.op(id).is_batch() && here(id)).collect();
    let after = order
        .iter()
        .copied()
        .filter(|&id| graph.shape(id) == Shape::Scalar && phase_of[id.index()] == number + 1)
        .filter(|&id| !graph.op(id).is_batch())
        .collect();
    Phase { steps, reads, keeps: Vec::new(), batch, after }
}

/// Does a node that this phase computes have the value among its arguments?
fn is_read(graph: &Graph, steps: &[Step], id: Id) -> bool {
    steps.iter().any(|step| match step {
        Step::Row(ids) => ids.iter().any(|&user| graph.args(user).contains(&id)),
        Step::Sweep { cells, reductions, .. } => {
            cells.iter().chain(reductions).any(|&user| graph.args(user).contains(&id))
        }
    })
}
