//! What is known of each value on the declared ranges: its [`Range`], from those of its arguments.

use marlo_ir::graph::{Graph, Id, Input, Param};
use marlo_ir::op::{At, Op};

use super::exact::multiple_of_pi;
use super::range::Range;
use crate::domain;
use crate::interval::Interval;

/// The range of a literal; π itself lies between two floats.
pub(crate) fn literal(value: f64) -> Range {
    if multiple_of_pi(value).is_some() {
        return Range::new(value.next_down(), value.next_up());
    }
    // What was written is a decimal, and the float stands beside it.
    let exact = (value * 1024.0).fract() == 0.0 && value.abs() < 1e9;
    if exact { Range::point(value) } else { Range::new(value.next_down(), value.next_up()) }
}

/// The declared range of a hyperparameter.
pub(crate) fn param(param: &Param) -> Range {
    between(param.low, param.high)
}

/// The range of an input, as [`marlo_ir::eval::Batch::new`] checks it.
pub(crate) fn input(input: &Input) -> Range {
    let (low, high) = domain::of_input(input);
    between(low, high)
}

/// Between two declared ends. A bound such as pi/2 was rounded; it counts as allowed either way.
fn between(low: f64, high: f64) -> Range {
    let outside = |x: f64, up: bool| match multiple_of_pi(x) {
        Some(_) if up => x.next_up(),
        Some(_) => x.next_down(),
        None => x,
    };
    Range::new(outside(low, false), outside(high, true))
}

/// The range of a leaf.
pub(crate) fn leaf(graph: &Graph, op: Op) -> Range {
    match op {
        Op::Const(n) => literal(n.get()),
        Op::Param(p) => graph.params.get(p as usize).map_or(Range::ANY, param),
        Op::Input(i, At::Target | At::Other | At::Row) => {
            graph.inputs.get(i as usize).map_or(Range::ANY, input)
        }
        Op::BatchSize | Op::Others => Range::new(1.0, f64::INFINITY),
        // A law speaks of two classes or more.
        Op::Classes => Range::new(2.0, f64::INFINITY),
        _ => Range::ANY,
    }
}

/// The range of an operation on arguments of known ranges. A class reduction is over at least one class.
pub(crate) fn of(op: Op, args: &[Range]) -> Range {
    match (op, args) {
        (Op::Neg, [x]) => x.neg(),
        (Op::Exp, [x]) => x.map(Interval::exp).nonzero_if(true),
        (Op::Ln, [x]) => x.map(Interval::ln),
        (Op::Log1p, [x]) => x.map(Interval::log1p).nonzero_if(x.nonzero),
        (Op::Expm1, [x]) => x.map(Interval::expm1).nonzero_if(x.nonzero),
        (Op::Sqrt, [x]) => x.map(Interval::sqrt).nonzero_if(x.positive()),
        (Op::Sin, [x]) => x.map(Interval::sin),
        (Op::Cos, [x]) => x.map(Interval::cos),
        (Op::Tanh, [x]) => x.map(Interval::tanh).nonzero_if(x.nonzero),
        (Op::Sigmoid, [x]) => x.map(Interval::sigmoid).nonzero_if(true),
        (Op::Softplus, [x]) => x.map(Interval::softplus).nonzero_if(true),
        (Op::Relu, [x]) => Range::new(x.lo.max(0.0), x.hi.max(0.0)).nonzero_if(x.positive()),
        (Op::Abs, [x]) => x.map(Interval::abs).nonzero_if(x.nonzero),
        (Op::Floor, [x]) => x.map(Interval::floor),
        (Op::Parity, [_]) => Range { nonzero: true, ..Range::COSINE },
        (Op::Acos, [x]) => x.map(Interval::acos),
        (Op::Csc, [_]) => Range { lo: 1.0, hi: f64::INFINITY, nonzero: true },
        (Op::Detach | Op::MeanI | Op::MaxK, [x]) => *x,
        (Op::TopI, [x, _]) => *x,
        (Op::PickI, [x, ..]) => *x,
        (Op::RankI, _) => Range::NONNEGATIVE,
        (Op::Add, [x, y]) => x.add(*y),
        (Op::Sub, [x, y]) => x.sub(*y),
        (Op::Mul, [x, y]) => x.mul(*y),
        (Op::Div, [x, y]) => x.div(*y),
        (Op::Pow, [x, y]) => power(*x, *y),
        (Op::Min, [x, y]) => Range::new(x.lo.min(y.lo), x.hi.min(y.hi)),
        (Op::Max, [x, y]) => Range::new(x.lo.max(y.lo), x.hi.max(y.hi)),
        (Op::Select, [_, x, y]) => x.join(*y),
        (Op::CosAngle | Op::SinAngle, _) => Range::COSINE,
        (Op::SumK | Op::SumI, [x]) => many(*x),
        (Op::LseK, [x]) => Range { lo: x.lo, hi: f64::INFINITY, nonzero: x.positive() },
        (Op::KeptI, _) => Range::new(1.0, f64::INFINITY),
        (Op::Not | Op::Lt | Op::Le | Op::Eq | Op::And | Op::Or | Op::InTopI, _) => Range::MASK,
        _ => Range::ANY,
    }
}

/// At least one of such values, summed.
fn many(x: Range) -> Range {
    let lo = if x.lo >= 0.0 { x.lo } else { f64::NEG_INFINITY };
    let hi = if x.hi <= 0.0 { x.hi } else { f64::INFINITY };
    Range { lo, hi, nonzero: x.positive() || x.negative() }
}

/// xʸ
pub(crate) fn power(x: Range, y: Range) -> Range {
    if y.lo == y.hi && y.lo.fract() == 0.0 && y.lo.abs() <= 64.0 {
        return x.whole_power(y.lo as i32);
    }
    if x.nonnegative() {
        x.map(|x| x.pow(Interval::new(y.lo, y.hi))).nonzero_if(x.positive()).meet(Range::NONNEGATIVE)
    } else {
        Range::ANY
    }
}

/// The range of every node.
pub(crate) fn of_graph(graph: &Graph) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let args: Vec<Range> = graph.args(id).iter().map(|a| ranges[a.index()]).collect();
        ranges.push(of_node(graph, id, &args));
    }
    ranges
}

fn of_node(graph: &Graph, id: Id, args: &[Range]) -> Range {
    match (graph.op(id), graph.args(id)) {
        (op, []) => leaf(graph, op),
        // A square is not below 0.
        (Op::Mul, [x, y]) if x == y => args[0].whole_power(2),
        (op, _) => of(op, args),
    }
}
