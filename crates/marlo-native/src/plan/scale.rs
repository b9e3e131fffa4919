//! When is a gradient R·K·exp(b − LSE) + O? See [`super`].

use marlo_ir::graph::{Graph, Id};
use marlo_ir::op::Op;
use marlo_ir::schedule::{RowProgram, Step};
use marlo_ir::shape::Shape;

use super::cells::Kept;
use super::{Output, Scale, To, added};

/// A plan whose last sweep only scales.
pub(super) struct Scaled {
    /// The phase and the step of the sweep that keeps.
    pub(super) keeps: (usize, usize),
    /// What it keeps, one a derivative.
    pub(super) kept: Vec<Kept>,
    /// How that is scaled.
    pub(super) scales: Vec<Scale>,
    /// The further values of the row that the scales need, in order.
    pub(super) rows: Vec<Id>,
}

/// A value of a cell as R·K·E + O: R and O of the row, K known before the sweep that keeps, E its exponential.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
struct Form {
    row: Option<Id>,
    cell: Option<Id>,
    lse: Option<Id>,
    offset: Option<Id>,
}

/// Finds the form of every derivative, and adds what scales them to the graph.
pub(super) fn plan(
    graph: &mut Graph,
    program: &RowProgram,
    others: &[Id],
    outputs: &[Output],
) -> Option<Scaled> {
    // What is summed over the rows has no place of its own that something could be kept in.
    if outputs.iter().any(|output| matches!(output.to, To::Classes(_))) {
        return None;
    }
    let (write, keeps) = last_two_sweeps(program)?;
    let Step::Sweep { reductions, .. } = &program.phases[write.0].steps[write.1] else { return None };
    if !reductions.is_empty() {
        return None;
    }
    let Step::Sweep { reductions, .. } = &program.phases[keeps.0].steps[keeps.1] else { return None };
    let before = graph.len();
    // What a later pass, or a batch operation after this one, makes is not known yet.
    let ready = |graph: &Graph, phase: usize, id: Id| phase + usize::from(graph.op(id).is_batch());
    let phases = graph.phases();
    let mut known: Vec<Option<bool>> = graph
        .ids()
        .map(|id| (ready(graph, phases[id.index()], id) > keeps.0).then_some(false))
        .collect();
    let forms: Option<Vec<Form>> = others
        .iter()
        .map(|&other| Splitter { graph, reductions, early: &mut known }.split(other))
        .collect();
    let forms = forms?;
    let mut kept = Vec::new();
    let mut scales = Vec::new();
    for form in forms {
        let lse = form.lse;
        if form.cell.is_some() && lse.is_none() {
            return None;
        }
        let one = graph.number(1.0);
        scales.push(Scale { factor: lse.map(|_| form.row.unwrap_or(one)), lse, offset: form.offset });
        match lse {
            Some(lse) => kept.push(Kept { lse, factor: form.cell }),
            None => kept.push(Kept { lse: *reductions.iter().find(|r| graph.op(**r) == Op::LseK)?, factor: None }),
        }
    }
    let roots: Vec<Id> = scales.iter().flat_map(|s| [s.factor, s.offset]).flatten().collect();
    let rows = added(graph, before, &roots);
    Some(Scaled { keeps, kept, scales, rows })
}

/// The sweep that writes, and the one before it.
fn last_two_sweeps(program: &RowProgram) -> Option<((usize, usize), (usize, usize))> {
    let mut sweeps = Vec::new();
    for (number, phase) in program.phases.iter().enumerate() {
        for (place, step) in phase.steps.iter().enumerate() {
            if let Step::Sweep { writes, .. } = step {
                sweeps.push(((number, place), *writes));
            }
        }
    }
    let (write, writes) = sweeps.pop()?;
    let (keeps, _) = sweeps.pop()?;
    writes.then_some((write, keeps))
}

struct Splitter<'a> {
    graph: &'a mut Graph,
    /// Those of the sweep that keeps.
    reductions: &'a [Id],
    /// Of each node: is it known before that sweep's reductions are?
    early: &'a mut Vec<Option<bool>>,
}

impl Splitter<'_> {
    fn is_early(&mut self, id: Id) -> bool {
        if let Some(Some(known)) = self.early.get(id.index()) {
            return *known;
        }
        let args = self.graph.args(id).to_vec();
        let early = !self.reductions.contains(&id)
            && args.into_iter().all(|arg| self.is_early(arg));
        if let Some(slot) = self.early.get_mut(id.index()) {
            *slot = Some(early);
        }
        early
    }

    fn split(&mut self, id: Id) -> Option<Form> {
        if self.graph.shape(id) != Shape::Cell {
            return Some(Form { offset: Some(id), ..Form::default() });
        }
        if self.is_early(id) {
            return Some(Form { cell: Some(id), ..Form::default() });
        }
        let args = self.graph.args(id).to_vec();
        match self.graph.op(id) {
            Op::Exp => self.exponential(args[0]),
            Op::Neg => {
                let form = self.split(args[0])?;
                let minus = self.graph.number(-1.0);
                self.times_row(form, minus)
            }
            Op::Mul => {
                let (a, b) = (self.split(args[0])?, self.split(args[1])?);
                self.times(a, b)
            }
            Op::Div if self.graph.shape(args[1]) != Shape::Cell => {
                let form = self.split(args[0])?;
                let over = |this: &mut Self, id: Option<Id>| {
                    id.map(|id| this.graph.add(Op::Div, &[id, args[1]]))
                };
                let one = self.graph.number(1.0);
                let has_cells = form.cell.is_some() || form.lse.is_some();
                let row = over(self, form.row.or(has_cells.then_some(one)));
                Some(Form { row, offset: over(self, form.offset), ..form })
            }
            op @ (Op::Add | Op::Sub) => {
                let (a, b) = (self.split(args[0])?, self.split(args[1])?);
                self.plus(op, a, b)
            }
            Op::Select => self.select(&args),
            _ => None,
        }
    }

    /// exp(b − LSE(b))
    fn exponential(&mut self, argument: Id) -> Option<Form> {
        let args = self.graph.args(argument);
        let lse = *args.get(1)?;
        let is_own = self.graph.op(argument) == Op::Sub
            && self.reductions.contains(&lse)
            && self.graph.op(lse) == Op::LseK
            && self.graph.args(lse)[0] == args[0];
        is_own.then_some(Form { lse: Some(lse), ..Form::default() })
    }

    fn times_row(&mut self, form: Form, by: Id) -> Option<Form> {
        let times = |this: &mut Self, id: Option<Id>| id.map(|id| this.graph.add(Op::Mul, &[id, by]));
        let has_cells = form.cell.is_some() || form.lse.is_some();
        let row = match form.row {
            Some(_) => times(self, form.row),
            None => has_cells.then_some(by),
        };
        Some(Form { row, offset: times(self, form.offset), ..form })
    }

    fn times(&mut self, a: Form, b: Form) -> Option<Form> {
        let is_row = |form: Form| form.cell.is_none() && form.lse.is_none();
        if is_row(a) {
            return self.times_row(b, a.offset?);
        }
        if is_row(b) {
            return self.times_row(a, b.offset?);
        }
        if a.offset.is_some() || b.offset.is_some() || (a.lse.is_some() && b.lse.is_some()) {
            return None;
        }
        let join = |this: &mut Self, a: Option<Id>, b: Option<Id>| match (a, b) {
            (Some(a), Some(b)) => Some(this.graph.add(Op::Mul, &[a, b])),
            (one, other) => one.or(other),
        };
        let (row, cell) = (join(self, a.row, b.row), join(self, a.cell, b.cell));
        Some(Form { row, cell, lse: a.lse.or(b.lse), offset: None })
    }

    fn plus(&mut self, op: Op, a: Form, b: Form) -> Option<Form> {
        let is_row = |form: Form| form.cell.is_none() && form.lse.is_none();
        if !(is_row(a) || is_row(b) || (a.cell == b.cell && a.lse == b.lse)) {
            return None;
        }
        let one = self.graph.number(1.0);
        let part = |form: Form| form.row.or((!is_row(form)).then_some(one));
        let row = self.sum(op, part(a), part(b));
        let offset = self.sum(op, a.offset, b.offset);
        Some(Form { row, offset, cell: a.cell.or(b.cell), lse: a.lse.or(b.lse) })
    }

    fn sum(&mut self, op: Op, a: Option<Id>, b: Option<Id>) -> Option<Id> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.graph.add(op, &[a, b])),
            (None, Some(b)) if op == Op::Sub => {
                let minus = self.graph.number(-1.0);
                Some(self.graph.add(Op::Mul, &[b, minus]))
            }
            (a, b) => a.or(b),
        }
    }

    /// A choice by a value of the row scales; one by a mask of the cell is a factor of it, or 0.
    fn select(&mut self, args: &[Id]) -> Option<Form> {
        let (a, b) = (self.split(args[1])?, self.split(args[2])?);
        let is_zero = |graph: &Graph, form: Form| {
            form.cell.is_none()
                && form.lse.is_none()
                && form.offset.is_none_or(|id| graph.constant(id) == Some(0.0))
        };
        let (zero, one) = (self.graph.number(0.0), self.graph.number(1.0));
        let (no_a, no_b) = (is_zero(self.graph, a), is_zero(self.graph, b));
        let some = if no_a { b } else { a };
        if !(no_a || no_b || (a.cell == b.cell && a.lse == b.lse)) || (some.cell.is_none() && some.lse.is_none())
        {
            return None;
        }
        if self.graph.shape(args[0]) != Shape::Cell {
            let pick = |this: &mut Self, a: Option<Id>, b: Option<Id>, none: Id| {
                this.graph.add(Op::Select, &[args[0], a.unwrap_or(none), b.unwrap_or(none)])
            };
            let row = |form: Form, none: bool| if none { Some(zero) } else { form.row.or(Some(one)) };
            let row = pick(self, row(a, no_a), row(b, no_b), zero);
            let offset = (a.offset.is_some() || b.offset.is_some())
                .then(|| pick(self, a.offset, b.offset, zero));
            return Some(Form { row: Some(row), offset, ..some });
        }
        let has_offset = |form: Form, none: bool| !none && form.offset.is_some();
        if !self.is_early(args[0]) || has_offset(a, no_a) || has_offset(b, no_b) {
            return None;
        }
        if !(no_a || no_b || a.row == b.row) {
            return None;
        }
        let cell = |form: Form, none: bool| if none { zero } else { form.cell.unwrap_or(one) };
        let cell = self.graph.add(Op::Select, &[args[0], cell(a, no_a), cell(b, no_b)]);
        Some(Form { cell: Some(cell), offset: None, ..some })
    }
}
