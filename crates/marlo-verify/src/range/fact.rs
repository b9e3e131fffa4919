//! Facts that an interval cannot see by itself: L ≥ 0 for a difference L of two nodes.
//!
//! Where x + L or x − L simplifies to less than x holds (θ + m + (π − m − θ) is π), it bounds x.

use marlo_ir::graph::{Graph, Id};
use marlo_ir::op::Op;
use marlo_ir::simplify::simplify;

use super::raise::Raise;

/// x lies below `upper` and above `lower`, when the decision has that outcome or always.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) x: Id,
    pub(super) upper: Option<Id>,
    pub(super) lower: Option<Id>,
    pub(super) when: Option<(Id, bool)>,
    /// Is the bound met by some sample of the batch?
    pub(super) met: bool,
}

/// `greater − less ≥ 0`
#[derive(Copy, Clone, Debug)]
pub(super) struct Difference {
    pub(super) greater: Id,
    pub(super) less: Id,
    pub(super) when: Option<(Id, bool)>,
    /// Is it 0 for some sample of the batch?
    pub(super) met: bool,
}

/// The facts about x that a difference gives.
pub(super) fn derive(raise: &mut Raise, x: Id, difference: Difference) -> Option<Fact> {
    let Difference { greater, less, when, met } = difference;
    let upper = shorter(raise, x, greater, less);
    let lower = shorter(raise, x, less, greater);
    (upper.is_some() || lower.is_some()).then_some(Fact { x, upper, lower, when, met })
}

/// x + plus − minus, if that holds less than x.
fn shorter(raise: &mut Raise, x: Id, plus: Id, minus: Id) -> Option<Id> {
    let mut graph = raise.graph.clone();
    let sum = graph.add(Op::Add, &[x, plus]);
    let sum = graph.add(Op::Sub, &[sum, minus]);
    let (simple, map) = simplify(&graph, &[sum]);
    let root = map[sum.index()]?;
    if weight(&simple, root) >= weight(&raise.graph, x) {
        return None;
    }
    raise.copy(&simple, &[root])[root.index()]
}

/// How much an expression holds: its leaves that vary, and its reductions.
fn weight(graph: &Graph, root: Id) -> usize {
    let needed = graph.reachable(&[root]);
    let counts = |id: &Id| {
        let op = graph.op(*id);
        let leaf = matches!(op, Op::Param(_) | Op::Input(..) | Op::Classes | Op::Others);
        needed[id.index()] && (leaf || op.is_class_reduction())
    };
    graph.ids().filter(counts).count()
}
