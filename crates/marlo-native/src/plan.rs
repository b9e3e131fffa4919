//! From a [`RowProgram`] to what the kernels run: values of the row in f64, sweeps as [`Sweep`]s, and where the algebra
//! allows a last sweep that only scales what an earlier one kept.
//!
//! Most losses have a gradient R·K·exp(b − LSE) + O with R and O of the row and K a factor of the cell that is known
//! before the log-sum-exp is. The sweep that feeds the LSE has formed exp(b − shift) already: it keeps K times that, and
//! what is left to do once the LSE is known is to scale it by R·exp(shift − LSE). One exponential a cell, and the sweep
//! that writes the gradient is the same for all losses.

mod affine;
mod cells;
mod scale;

use marlo_ir::graph::{Axis, Graph, Id};
use marlo_ir::loss::Wrt;
use marlo_ir::op::{At, Op};
use marlo_ir::schedule::{RowProgram, Step};
use marlo_ir::shape::Shape;

use crate::sweep::Sweep;

/// What the kernels run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The program that it was made from.
    pub(crate) program: RowProgram,
    /// The program's graph with the values of the row that scale what was kept.
    pub(crate) graph: Graph,
    /// Scalars that are known before the first row, in order.
    pub(crate) scalars: Vec<Id>,
    /// The passes over the rows.
    pub(crate) phases: Vec<Phase>,
    /// The derivatives of each cell, what stands at the label and to what it belongs.
    pub(crate) outputs: Vec<Output>,
    /// For each input of the graph its place among the matrices, or among the further inputs.
    pub(crate) places: Vec<usize>,
    /// Is what one pass over the rows keeps scaled by a later one?
    pub(crate) crosses: bool,
}

/// What a sweep writes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    /// Nothing.
    Nothing,
    /// What will be scaled.
    Kept,
    /// The gradient.
    Gradient,
}

/// A derivative of each cell.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Output {
    /// What stands at the label, a value of the row.
    pub(crate) target: Id,
    /// Where it goes.
    pub(crate) to: To,
}

/// Where a derivative of each cell goes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// To the gradient by the matrix of that number.
    Matrix(usize),
    /// It is one by an input of the classes, and is added up over the rows; among these it has that number.
    Classes(usize),
}

/// One pass over the rows.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    /// What is done for a row, in order.
    pub(crate) steps: Vec<Act>,
    /// Operations over the batch that follow, in order.
    pub(crate) batch: Vec<Id>,
    /// Scalars that are made from these, in order.
    pub(crate) after: Vec<Id>,
}

/// One step of a row.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Values of the row, in order.
    Row(Vec<Id>),
    /// A sweep.
    Sweep(Box<Pass>),
    /// What a sweep kept is scaled; the gradient is written. One a derivative.
    Scale(Vec<Scale>),
}

/// A sweep and what it is joined to.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// What is computed.
    pub(crate) sweep: Sweep,
    /// The values of the row that it reads.
    pub(crate) rows: Vec<RowValue>,
    /// The inputs that it reads, by their index in the graph.
    pub(crate) inputs: Vec<usize>,
    /// The nodes of its reductions.
    pub(crate) reductions: Vec<Id>,
    /// What it writes.
    pub(crate) writes: Writes,
    /// Its number among all sweeps of the plan.
    pub(crate) number: usize,
}

/// A value of the row that a sweep reads.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowValue {
    /// A node.
    Node(Id),
    /// A node, times log₂e.
    Binary(Id),
    /// The power of two that a log-sum-exp is given relative to: LSE = ln(sum·2^shift).
    Shift(Id),
    /// 1/sum of a log-sum-exp, 0 where there is no term.
    Share(Id),
    /// The greatest cosine that the batch can tell from 1.
    Inside,
}

impl RowValue {
    /// The node.
    pub(crate) fn node(self) -> Option<Id> {
        match self {
            RowValue::Node(id) | RowValue::Binary(id) | RowValue::Shift(id) | RowValue::Share(id) => Some(id),
            RowValue::Inside => None,
        }
    }
}

/// A derivative is R·kept·exp(shift − LSE) + O.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Scale {
    /// R; without it nothing was kept, and the derivative is O.
    pub(crate) factor: Option<Id>,
    /// The log-sum-exp whose exponential is in what was kept.
    pub(crate) lse: Option<Id>,
    /// O
    pub(crate) offset: Option<Id>,
}

impl Plan {
    /// Plans a program.
    pub(crate) fn of(program: &RowProgram) -> Plan {
        let mut graph = program.graph().clone();
        let outputs = outputs(program);
        let others: Vec<Id> = program.cells().iter().map(|pair| pair[1]).collect();
        let scaled = scale::plan(&mut graph, program, &others, &outputs);
        let mut phases = Vec::new();
        let (mut sweeps, mut crosses) = (0, false);
        let mut known: Vec<Id> = Vec::new();
        for (number, phase) in program.phases.iter().enumerate() {
            let mut steps = Vec::new();
            for (place, step) in phase.steps.iter().enumerate() {
                let here = (number, place);
                match step {
                    Step::Row(ids) => steps.push(Act::Row(inner(&graph, ids))),
                    Step::Sweep { reductions, writes, .. } => {
                        let kept = scaled.as_ref().filter(|s| s.keeps == here);
                        if *writes && let Some(scaled) = &scaled {
                            crosses = scaled.keeps.0 != number;
                            steps.push(Act::Row(scaled.rows.clone()));
                            steps.push(Act::Scale(scaled.scales.clone()));
                            continue;
                        }
                        let wanted = match kept {
                            Some(scaled) => cells::Wanted::Kept(&scaled.kept),
                            None if *writes => cells::Wanted::Values(&others),
                            None => cells::Wanted::Nothing,
                        };
                        let pass = cells::pass(&mut graph, reductions, wanted, sweeps);
                        sweeps += 1;
                        let rows = pass.rows.iter().filter_map(|row| row.node()).collect::<Vec<_>>();
                        // One that is there may have been formed on the way to another: it was not needed then.
                        let mut new = added(&graph, program.graph().len(), &rows);
                        new.retain(|id| !known.contains(id));
                        known.extend(&new);
                        steps.push(Act::Row(new));
                        steps.push(Act::Sweep(Box::new(pass)));
                    }
                }
            }
            phases.push(Phase { steps, batch: phase.batch.clone(), after: phase.after.clone() });
        }
        let ready = graph.phases();
        let (scalars, late): (Vec<Id>, Vec<Id>) =
            scalars(&graph, program, &phases).into_iter().partition(|id| ready[id.index()] == 0);
        for id in late {
            phases[ready[id.index()] - 1].after.push(id);
        }
        let places = places(&graph);
        Plan { program: program.clone(), graph, scalars, phases, outputs, places, crosses }
    }

    /// How many derivatives are summed over the rows.
    pub(crate) fn sums(&self) -> usize {
        self.outputs.iter().filter(|output| matches!(output.to, To::Classes(_))).count()
    }

    /// The sweep that keeps what is scaled.
    pub(crate) fn keeper(&self) -> Option<&Pass> {
        self.sweeps().find(|pass| pass.writes == Writes::Kept)
    }

    /// How many reductions the sweep has that keeps what is scaled.
    pub(crate) fn kept_reductions(&self) -> usize {
        self.keeper().map_or(0, |pass| pass.reductions.len())
    }

    /// The place of a log-sum-exp among them.
    pub(crate) fn lse_place(&self, lse: Id) -> usize {
        self.keeper().and_then(|pass| pass.reductions.iter().position(|id| *id == lse)).unwrap_or(0)
    }

    /// How many matrices the loss reads: one for each centre of a class.
    pub(crate) fn matrices(&self) -> usize {
        self.graph.centres()
    }

    /// All sweeps, in order.
    pub(crate) fn sweeps(&self) -> impl Iterator<Item = &Pass> {
        self.phases.iter().flat_map(|phase| &phase.steps).filter_map(|step| match step {
            Act::Sweep(pass) => Some(&**pass),
            _ => None,
        })
    }
}

/// Values that have to be computed; leaves are not among them.
fn inner(graph: &Graph, ids: &[Id]) -> Vec<Id> {
    ids.iter().copied().filter(|id| !matches!(graph.op(*id), Op::Input(..) | Op::Const(_))).collect()
}

/// The values of the row among the nodes from `before` on that others need, in order.
fn added(graph: &Graph, before: usize, roots: &[Id]) -> Vec<Id> {
    let needed = graph.reachable(roots);
    let is_new = |id: &Id| id.index() >= before && needed[id.index()];
    graph.ids().filter(|id| is_new(id) && graph.shape(*id) == Shape::Row).collect()
}

fn outputs(program: &RowProgram) -> Vec<Output> {
    let gradient = &program.gradient;
    let graph = program.graph();
    let of_classes = |by: Wrt| match by {
        Wrt::Input(at) => graph.inputs[at as usize].axis == Axis::Classes,
        Wrt::Param(_) => false,
    };
    let further = gradient.partials.iter().filter(|p| gradient.has_cells(p.by)).map(|p| of_classes(p.by));
    let (mut matrices, mut sums) = (0, 0);
    let next = |count: &mut usize| {
        *count += 1;
        *count - 1
    };
    let mut to = |of_classes: bool| match of_classes {
        true => To::Classes(next(&mut sums)),
        false => To::Matrix(next(&mut matrices)),
    };
    let kinds = [false].into_iter().chain(further);
    let cells = program.cells();
    cells.iter().zip(kinds).map(|(pair, kind)| Output { target: pair[0], to: to(kind) }).collect()
}

/// See [`Plan::places`].
fn places(graph: &Graph) -> Vec<usize> {
    let is_matrix = |at: usize| graph.inputs[at].axis == Axis::Matrix;
    let place = |at: usize| (0..at).filter(|before| is_matrix(*before) == is_matrix(at)).count();
    (0..graph.inputs.len()).map(place).collect()
}

/// Every scalar that something reads, but for those that the program computes after a batch operation.
fn scalars(graph: &Graph, program: &RowProgram, phases: &[Phase]) -> Vec<Id> {
    let late: Vec<Id> = phases.iter().flat_map(|p| p.batch.iter().chain(&p.after)).copied().collect();
    let mut roots: Vec<Id> = program.ends();
    roots.extend(program.rows());
    roots.push(program.gradient.loss.row);
    roots.extend(program.cells().iter().flatten());
    roots.extend(late.iter().copied());
    for phase in phases {
        for step in &phase.steps {
            match step {
                Act::Row(ids) => roots.extend(ids),
                Act::Sweep(pass) => roots.extend(pass.rows.iter().filter_map(|row| row.node())),
                Act::Scale(scales) => {
                    roots.extend(scales.iter().flat_map(|s| [s.factor, s.offset]).flatten());
                }
            }
        }
    }
    let needed = graph.reachable(&roots);
    graph
        .ids()
        .filter(|id| needed[id.index()] && graph.shape(*id) == Shape::Scalar && !late.contains(id))
        .filter(|id| !graph.op(*id).is_batch())
        .collect()
}

/// Is a node an input of the rows or read at the label?
pub(crate) fn is_row_input(op: Op) -> bool {
    matches!(op, Op::Input(_, At::Target | At::Row))
}
