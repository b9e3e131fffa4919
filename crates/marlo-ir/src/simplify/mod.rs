//! Simplification: a graph goes in, an equal graph comes out, in normal form.
//!
//! Sums and products are collected (like terms, common factors, powers of one base); ln h folds into logits;
//! cos(acos c + m) becomes one angle operation; 1 − σ(u) becomes σ(−u), so that no tail is lost. Nothing is ever
//! multiplied out, and a masked value stays a [`Select`](crate::op::Op::Select): a branch that is off is never multiplied by zero.

mod function;
mod product;
mod sum;

use crate::graph::{Graph, Id};
use crate::op::Op;
use crate::shape::Shape;

/// The simplified graph of what `roots` need, and a map from old nodes to new (`None` for nodes that nobody needs).
pub fn simplify(graph: &Graph, roots: &[Id]) -> (Graph, Vec<Option<Id>>) {
    rebuild(graph, roots, |s, op, args| s.apply(op, args))
}

/// The same graph without its stop-gradients: what remains of them once derivatives have been taken.
pub fn without_detach(graph: &Graph, roots: &[Id]) -> (Graph, Vec<Option<Id>>) {
    rebuild(graph, roots, |s, op, args| if op == Op::Detach { args[0] } else { s.apply(op, args) })
}

/// Rewrites what no backend computes as such.
///
/// Angles: c·cos b − sin θ·sin b in place of cos(θ + b), and so on; what remains of them is sin θ = √((1−c)(1+c)),
/// 1/sin θ, and cos(aθ), sin(aθ), sin(aθ)/sin θ for an `a` that is known only at run time. The mean of the hardest
/// share: the sum over the samples that are kept by their number.
pub fn lower(graph: &Graph, roots: &[Id]) -> (Graph, Vec<Option<Id>>) {
    rebuild(graph, roots, |s, op, args| match op {
        Op::CosAngle | Op::SinAngle | Op::SinRatio => s.expand_angle(op, args),
        Op::TopI => s.expand_top(args[0], args[1]),
        _ => s.apply(op, args),
    })
}

/// Rewrites the mean of the hardest share alone, for a backend that has angles itself.
pub fn lower_top(graph: &Graph, roots: &[Id]) -> (Graph, Vec<Option<Id>>) {
    rebuild(graph, roots, |s, op, args| match op {
        Op::TopI => s.expand_top(args[0], args[1]),
        _ => s.apply(op, args),
    })
}

fn rebuild(
    graph: &Graph,
    roots: &[Id],
    rule: impl Fn(&mut Simplifier, Op, &[Id]) -> Id,
) -> (Graph, Vec<Option<Id>>) {
    let needed = graph.reachable(roots);
    let mut simplifier = Simplifier { g: graph.like() };
    let mut map: Vec<Option<Id>> = vec![None; graph.len()];
    for id in graph.ids().filter(|id| needed[id.index()]) {
        let node = graph.node(id);
        let args: Vec<Id> = node.args().iter().filter_map(|a| map[a.index()]).collect();
        map[id.index()] = Some(rule(&mut simplifier, node.op, &args));
    }
    (simplifier.g, map)
}

/// How deep a rule looks into an expression. Deeper ones are met as they are: shared parts could make a walk through
/// all of them very long, and no formula of a paper comes near.
const FAR: u32 = 10;

/// Builds nodes in normal form.
struct Simplifier {
    g: Graph,
}

impl Simplifier {
    fn number(&mut self, value: f64) -> Id {
        self.g.number(value)
    }

    /// The normal form of an operation on arguments in normal form.
    fn apply(&mut self, op: Op, args: &[Id]) -> Id {
        if let Some(value) = self.fold(op, args) {
            return self.number(value);
        }
        match op {
            Op::Add => self.sum(&[(1.0, args[0]), (1.0, args[1])]),
            Op::Sub => self.sum(&[(1.0, args[0]), (-1.0, args[1])]),
            Op::Neg => self.sum(&[(-1.0, args[0])]),
            Op::Mul => self.product(&[(args[0], 1.0), (args[1], 1.0)]),
            Op::Div => self.product(&[(args[0], 1.0), (args[1], -1.0)]),
            Op::Pow => self.power(args[0], args[1]),
            Op::Select => self.select(args[0], args[1], args[2]),
            Op::SumK => self.sum_over_classes(args[0]),
            Op::SumI | Op::MeanI | Op::TopI if self.g.shape(args[0]) == Shape::Scalar => {
                let batch = self.g.add(Op::BatchSize, &[]);
                if op == Op::SumI { self.product(&[(args[0], 1.0), (batch, 1.0)]) } else { args[0] }
            }
            _ => self.function(op, args),
        }
    }

    /// The value of an operation on literals, where it is finite.
    fn fold(&self, op: Op, args: &[Id]) -> Option<f64> {
        if args.is_empty() || op.is_batch() || op.is_class_reduction() || matches!(op, Op::KeptI | Op::Select)
        {
            return None;
        }
        let values: Option<Vec<f64>> = args.iter().map(|&a| self.g.constant(a)).collect();
        // Trigonometric and transcendental values stay symbols (cos 0.5 is read better than 0.8775825618903728).
        let value = match (op, values?.as_slice()) {
            (Op::Neg, [x]) => -x,
            (Op::Add, [x, y]) => x + y,
            (Op::Sub, [x, y]) => x - y,
            (Op::Mul, [x, y]) => x * y,
            (Op::Div, [x, y]) => x / y,
            (Op::Pow, [x, y]) => x.powf(*y),
            (Op::Min, [x, y]) => x.min(*y),
            (Op::Max, [x, y]) => x.max(*y),
            (Op::Abs, [x]) => x.abs(),
            (Op::Floor, [x]) => x.floor(),
            (Op::Relu, [x]) => x.max(0.0),
            (Op::Exp | Op::Cos, [0.0]) => 1.0,
            (Op::Ln, [1.0]) => 0.0,
            (Op::Log1p | Op::Expm1 | Op::Sin | Op::Tanh, [0.0]) => 0.0,
            (Op::Sqrt, [x]) if x.sqrt().fract() == 0.0 => x.sqrt(),
            _ => return None,
        };
        value.is_finite().then_some(value)
    }

    /// Where factors and terms stand: literals, hyperparameters in the order of the header, other scalars, rows,
    /// cells; within one group the simple before the deep, then by what they are, never by when they were made.
    fn rank(&self, id: Id) -> (u8, u32, u32, u64) {
        let node = self.g.node(id);
        let (group, place) = match node.op {
            Op::Const(_) => (0, 0),
            Op::Param(p) => (1, p),
            Op::BatchSize | Op::Classes | Op::KeptI => (8, 0),
            Op::Input(i, _) => (3 + node.shape as u8, i),
            Op::Select => (3 + node.shape as u8, u32::MAX),
            _ => (3 + node.shape as u8, u32::MAX / 2),
        };
        (group, place, node.depth, node.key)
    }
}
