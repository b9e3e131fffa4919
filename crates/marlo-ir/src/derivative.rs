//! Symbolic differentiation: reverse mode over the graph, reductions included. The result is a graph again.
//!
//! Masks and [`Op::Detach`] pass no derivative. Where a derivative has a choice it is stated in the
//! [table of operations](crate::op::Op): |x| and relu have 0 at 0, a tied maximum over classes shares evenly, a tied
//! `min` or `max` follows its first argument.

use std::collections::HashMap;

use crate::graph::{Graph, Id};
use crate::op::{Op, Rule};
use crate::shape::Shape;

/// ∂root/∂w for each w in `wrt`, as new nodes of the same graph.
///
/// A row-shaped root is differentiated row by row: the result's row i is the derivative of the root's row i.
pub fn differentiate(graph: &mut Graph, root: Id, wrt: &[Id]) -> Vec<Id> {
    let mut adjoints: HashMap<Id, Id> = HashMap::new();
    let one = graph.number(1.0);
    let zero = graph.number(0.0);
    adjoints.insert(root, one);
    let needed = graph.reachable(&[root]);
    let order: Vec<Id> = graph.ids().filter(|id| needed[id.index()]).collect();
    for &id in order.iter().rev() {
        let Some(&adjoint) = adjoints.get(&id) else { continue };
        let args = graph.args(id).to_vec();
        for (place, &arg) in args.iter().enumerate() {
            let Some(mut part) = pullback(graph, id, &args, place, adjoint) else { continue };
            part = reduce(graph, part, read_at(graph, id), graph.shape(arg));
            let sum = match adjoints.get(&arg) {
                Some(&before) => graph.add(Op::Add, &[before, part]),
                None => part,
            };
            adjoints.insert(arg, sum);
        }
    }
    wrt.iter().map(|w| adjoints.get(w).copied().unwrap_or(zero)).collect()
}

/// The shape at which a node reads its arguments: a reduction reads more than it gives.
fn read_at(graph: &Graph, id: Id) -> Shape {
    match graph.op(id).entry().rule {
        Rule::OverClasses => Shape::Cell,
        Rule::OverBatch | Rule::WithinBatch => Shape::Row,
        Rule::Fixed(_) | Rule::Join => graph.shape(id),
    }
}

/// Where a value was broadcast, its adjoint is summed back.
fn reduce(graph: &mut Graph, part: Id, from: Shape, to: Shape) -> Id {
    let mut part = part;
    if from == Shape::Cell && to < Shape::Cell {
        part = graph.add(Op::SumK, &[part]);
    }
    if from > Shape::Scalar && to == Shape::Scalar {
        part = if graph.shape(part) == Shape::Scalar {
            let batch = graph.add(Op::BatchSize, &[]);
            graph.add(Op::Mul, &[part, batch])
        } else {
            graph.add(Op::SumI, &[part])
        };
    }
    part
}

/// The adjoint that node `id` sends to its argument at `place`; `None` where there is no derivative.
fn pullback(g: &mut Graph, id: Id, args: &[Id], place: usize, adjoint: Id) -> Option<Id> {
    let arg = |i: usize| args[i];
    let one = g.number(1.0);
    let zero = g.number(0.0);
    let factor = match g.op(id) {
        Op::Const(_) | Op::Param(_) | Op::Input(..) | Op::BatchSize => return None,
        Op::Classes | Op::Others => return None,
        Op::Floor | Op::Parity | Op::Detach | Op::KeptI | Op::RankI | Op::PickI => return None,
        Op::Not | Op::Lt | Op::Le | Op::Eq | Op::And | Op::Or | Op::InTopI => return None,

        Op::Add => return Some(adjoint),
        Op::Sub if place == 0 => return Some(adjoint),
        Op::Neg | Op::Sub => return Some(g.add(Op::Neg, &[adjoint])),
        Op::Mul => arg(1 - place),
        Op::Div if place == 0 => return Some(g.add(Op::Div, &[adjoint, arg(1)])),
        Op::Div => {
            let ratio = g.add(Op::Div, &[id, arg(1)]);
            g.add(Op::Neg, &[ratio])
        }
        Op::Pow if place == 0 => {
            let less = g.add(Op::Sub, &[arg(1), one]);
            let power = g.add(Op::Pow, &[arg(0), less]);
            g.add(Op::Mul, &[arg(1), power])
        }
        Op::Pow => {
            // At x = 0 the power is 0 for all exponents around.
            let ln = g.add(Op::Ln, &[arg(0)]);
            let slope = g.add(Op::Mul, &[id, ln]);
            let on = g.add(Op::Lt, &[zero, arg(0)]);
            let part = g.add(Op::Mul, &[adjoint, slope]);
            return Some(g.add(Op::Select, &[on, part, zero]));
        }
        Op::Exp => id,
        Op::Ln => return Some(g.add(Op::Div, &[adjoint, arg(0)])),
        Op::Log1p => {
            let sum = g.add(Op::Add, &[one, arg(0)]);
            return Some(g.add(Op::Div, &[adjoint, sum]));
        }
        Op::Expm1 => g.add(Op::Exp, &[arg(0)]),
        Op::Sqrt => {
            let two = g.number(2.0);
            let twice = g.add(Op::Mul, &[two, id]);
            return Some(g.add(Op::Div, &[adjoint, twice]));
        }
        Op::Sin => g.add(Op::Cos, &[arg(0)]),
        Op::Cos => {
            let sin = g.add(Op::Sin, &[arg(0)]);
            g.add(Op::Neg, &[sin])
        }
        Op::Tanh => {
            // 1 − tanh² x = 4·σ(2x)·σ(−2x), which keeps its digits where tanh is near ±1.
            let [four, two, minus] = [4.0, 2.0, -2.0].map(|n| g.number(n));
            let [up, down] = [two, minus].map(|n| g.add(Op::Mul, &[n, arg(0)]));
            let [up, down] = [up, down].map(|x| g.add(Op::Sigmoid, &[x]));
            let product = g.add(Op::Mul, &[up, down]);
            g.add(Op::Mul, &[four, product])
        }
        Op::Sigmoid => {
            let opposite = g.add(Op::Neg, &[arg(0)]);
            let rest = g.add(Op::Sigmoid, &[opposite]);
            g.add(Op::Mul, &[id, rest])
        }
        Op::Softplus => g.add(Op::Sigmoid, &[arg(0)]),
        Op::Relu => {
            let on = g.add(Op::Lt, &[zero, arg(0)]);
            return Some(g.add(Op::Select, &[on, adjoint, zero]));
        }
        Op::Abs => {
            let positive = g.add(Op::Lt, &[zero, arg(0)]);
            let negative = g.add(Op::Lt, &[arg(0), zero]);
            let minus = g.number(-1.0);
            let left = g.add(Op::Select, &[negative, minus, zero]);
            g.add(Op::Select, &[positive, one, left])
        }
        Op::Acos => {
            let csc = g.add(Op::Csc, &[arg(0)]);
            g.add(Op::Neg, &[csc])
        }
        Op::Csc => {
            // 1/sin θ = (1 − c²)^(−1/2), so the derivative by c is c·csc³ θ.
            let three = g.number(3.0);
            let cube = g.add(Op::Pow, &[id, three]);
            g.add(Op::Mul, &[arg(0), cube])
        }
        Op::Min | Op::Max => {
            let [low, high] = if g.op(id) == Op::Min { [arg(0), arg(1)] } else { [arg(1), arg(0)] };
            let first = g.add(Op::Le, &[low, high]);
            let [on, off] = if place == 0 { [adjoint, zero] } else { [zero, adjoint] };
            return Some(g.add(Op::Select, &[first, on, off]));
        }
        Op::Select => {
            return match place {
                0 => None,
                1 => Some(g.add(Op::Select, &[arg(0), adjoint, zero])),
                _ => Some(g.add(Op::Select, &[arg(0), zero, adjoint])),
            };
        }
        Op::CosAngle | Op::SinAngle | Op::SinRatio => angle(g, id, args, place),
        Op::SumK | Op::SumI => return Some(adjoint),
        Op::MaxK => {
            let tied = g.add(Op::Eq, &[arg(0), id]);
            let each = g.add(Op::Select, &[tied, one, zero]);
            let count = g.add(Op::SumK, &[each]);
            let share = g.add(Op::Div, &[adjoint, count]);
            return Some(g.add(Op::Select, &[tied, share, zero]));
        }
        Op::LseK => {
            let less = g.add(Op::Sub, &[arg(0), id]);
            g.add(Op::Exp, &[less])
        }
        Op::MeanI => {
            let batch = g.add(Op::BatchSize, &[]);
            return Some(g.add(Op::Div, &[adjoint, batch]));
        }
        Op::TopI => {
            if place == 1 {
                return None;
            }
            let kept = g.add(Op::KeptI, &[arg(1)]);
            let on = g.add(Op::InTopI, &[arg(0), kept]);
            let share = g.add(Op::Div, &[adjoint, kept]);
            return Some(g.add(Op::Select, &[on, share, zero]));
        }
    };
    Some(g.add(Op::Mul, &[adjoint, factor]))
}

/// Derivatives of cos(aθ + b), sin(aθ + b) and sin(aθ + b)/sin θ by a, b and c = cos θ, where dθ/dc = −1/sin θ.
fn angle(g: &mut Graph, id: Id, args: &[Id], place: usize) -> Id {
    let cosine = g.add(Op::CosAngle, args);
    let sine = g.add(Op::SinAngle, args);
    let csc = g.add(Op::Csc, &[args[2]]);
    if place == 2 {
        return match g.op(id) {
            Op::CosAngle => {
                let ratio = g.add(Op::SinRatio, args);
                g.add(Op::Mul, &[args[0], ratio])
            }
            Op::SinAngle => {
                let scaled = g.add(Op::Mul, &[args[0], cosine]);
                let ratio = g.add(Op::Mul, &[scaled, csc]);
                g.add(Op::Neg, &[ratio])
            }
            _ => {
                let turned = g.add(Op::Mul, &[args[2], id]);
                let scaled = g.add(Op::Mul, &[args[0], cosine]);
                let difference = g.add(Op::Sub, &[turned, scaled]);
                let two = g.number(2.0);
                let square = g.add(Op::Pow, &[csc, two]);
                g.add(Op::Mul, &[difference, square])
            }
        };
    }
    let by_shift = match g.op(id) {
        Op::CosAngle => g.add(Op::Neg, &[sine]),
        Op::SinAngle => cosine,
        _ => g.add(Op::Mul, &[cosine, csc]),
    };
    if place == 1 {
        return by_shift;
    }
    let theta = g.add(Op::Acos, &[args[2]]);
    g.add(Op::Mul, &[theta, by_shift])
}
