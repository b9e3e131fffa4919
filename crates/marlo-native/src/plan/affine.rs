//! Values of a cell that are A·x + B in one other, with A and B of the row: one instruction, however they are written.

use marlo_ir::graph::{Graph, Id};
use marlo_ir::op::{At, Op};
use marlo_ir::shape::Shape;

/// A·x + B.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) struct Affine {
    /// x, of the cell.
    pub(super) of: Id,
    /// A, of the row.
    pub(super) slope: Id,
    /// B, of the row.
    pub(super) offset: Id,
    /// So many operations on cells it is written with.
    pub(super) operations: usize,
}

/// A value of a cell as A·x + B. What is `shared` with others is an x of its own: it is computed anyway, and what is made of
/// it may share more with them.
pub(super) fn affine(graph: &mut Graph, id: Id, shared: &dyn Fn(Id) -> bool) -> Option<Affine> {
    if graph.shape(id) != Shape::Cell {
        return None;
    }
    let args = graph.args(id).to_vec();
    let is_row = |graph: &Graph, id: Id| graph.shape(id) != Shape::Cell;
    match graph.op(id) {
        Op::Neg => {
            let minus = graph.number(-1.0);
            within(graph, args[0], shared)?.times(graph, minus)
        }
        Op::Mul if is_row(graph, args[0]) => within(graph, args[1], shared)?.times(graph, args[0]),
        Op::Mul if is_row(graph, args[1]) => within(graph, args[0], shared)?.times(graph, args[1]),
        Op::Div if is_row(graph, args[1]) => {
            let one = graph.number(1.0);
            let inverse = graph.add(Op::Div, &[one, args[1]]);
            within(graph, args[0], shared)?.times(graph, inverse)
        }
        op @ (Op::Add | Op::Sub) => sum(graph, op, (args[0], args[1]), shared).or_else(|| itself(graph, id)),
        // What is done to a choice may be done to its sides.
        Op::Select => None,
        _ => itself(graph, id),
    }
}

/// A part of a value, unless it is shared.
fn within(graph: &mut Graph, id: Id, shared: &dyn Fn(Id) -> bool) -> Option<Affine> {
    if shared(id) { itself(graph, id) } else { affine(graph, id, shared) }
}

/// x as 1·x + 0.
fn itself(graph: &mut Graph, id: Id) -> Option<Affine> {
    let (slope, offset) = (graph.number(1.0), graph.number(0.0));
    Some(Affine { of: id, slope, offset, operations: 0 })
}

/// x + y or x − y as A·x + B.
pub(super) fn sum(
    graph: &mut Graph,
    op: Op,
    (x, y): (Id, Id),
    shared: &dyn Fn(Id) -> bool,
) -> Option<Affine> {
    let row = |graph: &Graph, id: Id| graph.shape(id) != Shape::Cell;
    match (row(graph, x), row(graph, y)) {
        (true, true) => None,
        (false, true) => {
            let a = within(graph, x, shared)?;
            Some(Affine { offset: of_rows(graph, op, a.offset, y), operations: a.operations + 1, ..a })
        }
        (true, false) => {
            let a = within(graph, y, shared)?;
            let zero = graph.number(0.0);
            let slope = of_rows(graph, op, zero, a.slope);
            Some(Affine { slope, offset: of_rows(graph, op, x, a.offset), operations: a.operations + 1, ..a })
        }
        (false, false) => {
            let (a, b) = (within(graph, x, shared)?, within(graph, y, shared)?);
            let slope = of_rows(graph, op, a.slope, b.slope);
            let offset = of_rows(graph, op, a.offset, b.offset);
            let operations = a.operations + b.operations + 1;
            (a.of == b.of).then_some(Affine { of: a.of, slope, offset, operations })
        }
    }
}

impl Affine {
    /// Whether one instruction replaces several, or a quicker one a division.
    pub(super) fn saves(self, graph: &Graph, id: Id) -> bool {
        self.operations > 1 || graph.op(id) == Op::Div && self.operations == 1
    }

    /// It, if x is an input read at the cell.
    pub(super) fn of_input(self, graph: &Graph) -> Option<Affine> {
        matches!(graph.op(self.of), Op::Input(_, At::Other)).then_some(self)
    }

    fn times(self, graph: &mut Graph, by: Id) -> Option<Affine> {
        let (slope, offset) =
            (of_rows(graph, Op::Mul, self.slope, by), of_rows(graph, Op::Mul, self.offset, by));
        Some(Affine { slope, offset, operations: self.operations + 1, ..self })
    }
}

/// An operation on two values of the row, without those that change nothing.
pub(super) fn of_rows(graph: &mut Graph, op: Op, a: Id, b: Id) -> Id {
    let (x, y) = (graph.constant(a), graph.constant(b));
    match (op, x, y) {
        (Op::Add, Some(x), Some(y)) => graph.number(x + y),
        (Op::Sub, Some(x), Some(y)) => graph.number(x - y),
        (Op::Mul, Some(x), Some(y)) => graph.number(x * y),
        (Op::Add, Some(0.0), _) | (Op::Mul, Some(1.0), _) => b,
        (Op::Add | Op::Sub, _, Some(0.0)) | (Op::Mul, _, Some(1.0)) => a,
        (Op::Mul, Some(0.0), _) => a,
        (Op::Mul, _, Some(0.0)) => b,
        (Op::Sub, Some(0.0), _) => {
            let minus = graph.number(-1.0);
            of_rows(graph, Op::Mul, b, minus)
        }
        _ => graph.add(op, &[a, b]),
    }
}
