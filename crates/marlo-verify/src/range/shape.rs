//! Shapes of expressions of which more is known than of their parts.

use marlo_ir::graph::{Graph, Id};
use marlo_ir::op::Op;
use marlo_ir::shape::Shape;

use crate::interval::Interval;

/// In Σ over the batch of `if rank = n then x else 0` for one n: x, and whether some row is sure to have that rank. Ranks are
/// all different, so at most one has.
pub(super) fn single(graph: &Graph, op: Op, term: Id) -> Option<(Id, bool)> {
    let [mask, x, other] = *graph.args(term) else { return None };
    let chosen = op == Op::SumI && graph.op(term) == Op::Select && graph.constant(other) == Some(0.0);
    if !chosen || graph.op(mask) != Op::Eq {
        return None;
    }
    let [a, b] = *graph.args(mask) else { return None };
    let (rank, place) = if graph.op(a) == Op::RankI { (a, b) } else { (b, a) };
    let one = graph.op(rank) == Op::RankI && graph.shape(place) == Shape::Scalar;
    one.then(|| (x, is_place(graph, place)))
}

/// The x of which a node is the greatest in the batch: that with the rank B − 1.
pub(super) fn greatest_of(graph: &Graph, id: Id) -> Option<Id> {
    let term = *graph.args(id).first()?;
    let (x, _) = single(graph, graph.op(id), term)?;
    let [a, b] = *graph.args(*graph.args(term).first()?) else { return None };
    let (rank, place) = if graph.op(a) == Op::RankI { (a, b) } else { (b, a) };
    let place = if graph.op(place) == Op::Floor { graph.args(place)[0] } else { place };
    (is_rows_less_one(graph, place) && graph.args(rank)[0] == x).then_some(x)
}

/// Is a whole number sure to be one from 0 to B − 1: ⌊q·(B − 1)⌋ for a share q in 0..1, or 0?
fn is_place(graph: &Graph, place: Id) -> bool {
    if graph.op(place) != Op::Floor {
        return graph.constant(place) == Some(0.0) || is_rows_less_one(graph, place);
    }
    let share = |id: Id| match graph.op(id) {
        Op::Const(n) => (0.0..=1.0).contains(&n.get()),
        Op::Param(p) => {
            let param = &graph.params[p as usize];
            param.low >= 0.0 && param.high <= 1.0
        }
        _ => false,
    };
    let inside = graph.args(place)[0];
    let pair = |a: Id, b: Id| share(a) && is_rows_less_one(graph, b);
    match (graph.op(inside), graph.args(inside)) {
        (Op::Mul, &[a, b]) => pair(a, b) || pair(b, a),
        _ => is_rows_less_one(graph, inside),
    }
}

/// Is it B − 1?
fn is_rows_less_one(graph: &Graph, id: Id) -> bool {
    let rows = |id: Id| graph.op(id) == Op::BatchSize;
    match (graph.op(id), graph.args(id)) {
        (Op::Sub, &[a, b]) => rows(a) && graph.constant(b) == Some(1.0),
        (Op::Add, &[a, b]) => {
            rows(a) && graph.constant(b) == Some(-1.0) || rows(b) && graph.constant(a) == Some(-1.0)
        }
        _ => false,
    }
}

/// B over a node that counts samples, for any number of them: 1 for B, from 1 to 2 for max(B − 1, 1).
pub(super) fn counts_rows(graph: &Graph, id: Id) -> Option<Interval> {
    let least = |a: Id, b: Id| is_rows_less_one(graph, a) && graph.constant(b) == Some(1.0);
    match (graph.op(id), graph.args(id)) {
        (Op::BatchSize, _) => Some(Interval::point(1.0)),
        (Op::Max, &[a, b]) if least(a, b) || least(b, a) => Some(Interval::new(1.0, 2.0)),
        _ => None,
    }
}

/// Is a term `if x = max[k](x) then 1 else 0`? Over the classes at least one is 1.
pub(super) fn counts_tied(graph: &Graph, term: Id) -> bool {
    let (Op::Select, &[mask, on, off]) = (graph.op(term), graph.args(term)) else { return false };
    let (Op::Eq, &[a, b]) = (graph.op(mask), graph.args(mask)) else { return false };
    let most_of = |most: Id, x: Id| graph.op(most) == Op::MaxK && graph.args(most)[0] == x;
    graph.constant(on) == Some(1.0) && graph.constant(off) == Some(0.0) && (most_of(a, b) || most_of(b, a))
}

/// Have two factors the same sign: x and tanh x, or tanh of x times what is not below 0?
pub(super) fn same_sign(graph: &Graph, a: Id, b: Id) -> bool {
    let follows = |x: Id, function: Id| {
        let odd = matches!(graph.op(function), Op::Tanh | Op::Expm1);
        odd && is_multiple(graph, graph.args(function)[0], x)
    };
    follows(a, b) || follows(b, a)
}

/// Is a value x, or x times hyperparameters and numbers that are not below 0?
fn is_multiple(graph: &Graph, value: Id, x: Id) -> bool {
    let positive = |id: Id| match graph.op(id) {
        Op::Const(n) => n.get() >= 0.0,
        Op::Param(p) => graph.params[p as usize].low >= 0.0,
        _ => false,
    };
    match (graph.op(value), graph.args(value)) {
        _ if value == x => true,
        (Op::Mul, &[a, b]) => {
            positive(a) && is_multiple(graph, b, x) || positive(b) && is_multiple(graph, a, x)
        }
        (Op::Div, &[a, b]) => positive(b) && is_multiple(graph, a, x),
        _ => false,
    }
}

/// In a·x + (1 − a)·y for a hyperparameter or literal a: a, x and y. A mixture of two lies between them where a is in 0..1.
pub(super) fn mixture(graph: &Graph, sum: Id) -> Option<[Id; 3]> {
    let (Op::Add, &[left, right]) = (graph.op(sum), graph.args(sum)) else { return None };
    let factors = |id: Id| match (graph.op(id), graph.args(id)) {
        (Op::Mul, &[a, b]) => vec![(a, b), (b, a)],
        _ => Vec::new(),
    };
    let rest_of = |id: Id| match (graph.op(id), graph.args(id)) {
        (Op::Sub, &[one, a]) if graph.constant(one) == Some(1.0) => Some(a),
        _ => None,
    };
    for (one, other) in [(left, right), (right, left)] {
        for (share, x) in factors(one) {
            for (rest, y) in factors(other) {
                if rest_of(rest) == Some(share) {
                    return Some([share, x, y]);
                }
            }
        }
    }
    None
}
