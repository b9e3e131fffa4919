//! The claims of a program: what its `prove` lines promise.
//!
//! Each is proved by intervals where that can be done, refuted by a concrete batch that 256 bits confirm, or unknown.

mod monotone;
mod refute;

pub(crate) use monotone::replace;
pub(crate) use refute::probe;
pub use refute::replay;

use marlo_ir::derivative::differentiate;
use marlo_ir::graph::{Graph, Id};
use marlo_ir::loss::{Gradient, Loss};
use marlo_ir::op::Op;
use marlo_ir::shape::Shape;
use marlo_ir::simplify::simplify;
use marlo_lang::{Claim, ClaimName};

use crate::interval::Interval;
use crate::range::search::{Outcome, prove};
use crate::range::{Leaf, Model, written_out};
use crate::verdict::Verdict;

/// How much work a claim may be.
#[derive(Copy, Clone, Debug)]
pub struct Effort {
    /// The most boxes that are looked at for one claim.
    pub boxes: usize,
    /// The number of batches in which a counterexample is sought.
    pub cases: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { boxes: 3000, cases: 300 }
    }
}

/// Decides a claim about a loss; the ids of the claim are those of `loss.graph`.
pub fn decide(loss: &Loss, claim: &Claim, effort: Effort) -> Verdict {
    match claim.name {
        ClaimName::Finite => finite(loss, effort),
        ClaimName::PullsTarget => {
            let gradient = loss.row_gradient();
            signed(loss, &gradient, gradient.target, Sign::NotAbove, effort)
        }
        ClaimName::PushesOthers => {
            let gradient = loss.row_gradient();
            signed(loss, &gradient, gradient.other, Sign::NotBelow, effort)
        }
        ClaimName::Nonnegative => {
            let of = claim.arguments.first().map_or(loss.row, |argument| argument.value);
            let about = if claim.arguments.is_empty() { vec![loss.row, loss.total] } else { vec![of] };
            let mut verdict = Verdict::Unknown { why: String::new() };
            for value in about {
                verdict = not_below(loss, value, None, "it", effort);
                if !matches!(verdict, Verdict::Proved { .. }) {
                    return verdict;
                }
            }
            verdict
        }
        ClaimName::Bounded => match claim.arguments.as_slice() {
            [value, low, high] => {
                let above = not_below(loss, value.value, Some(low.value), "e - low", effort);
                if !matches!(above, Verdict::Proved { .. }) {
                    return above;
                }
                not_below(loss, high.value, Some(value.value), "high - e", effort)
            }
            _ => Verdict::Unknown { why: "the claim is not complete".into() },
        },
        ClaimName::Decreasing | ClaimName::Increasing => monotone::decide(loss, claim, effort),
    }
}

/// The sign that is claimed of a value.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Sign {
    /// ≤ 0
    NotAbove,
    /// ≥ 0
    NotBelow,
}

impl Sign {
    /// How far a number is from having the sign: not above 0 where it has.
    fn distance(self, x: f64) -> f64 {
        match self {
            Sign::NotAbove => x,
            Sign::NotBelow => -x,
        }
    }
}

/// Looks for a proof that a root of a graph in normal form has a sign on the whole domain.
fn by_intervals(
    graph: &Graph,
    root: Id,
    sign: Sign,
    between: &[(Id, Id, Id)],
    effort: Effort,
) -> (Model, Outcome) {
    // What depends on hyperparameters alone may be 0 at a corner, where boxes never get small enough: there the
    // slopes tell that the corner is the least.
    let mut graph = graph.clone();
    let mut roots = vec![root];
    let mut between = between.to_vec();
    if graph.shape(root) == Shape::Scalar && !graph.depends(root, Op::is_batch) {
        let ends = between.iter().flat_map(|b| [b.0, b.1, b.2]);
        let (plain, mut nodes) = written_out(&graph, &std::iter::once(root).chain(ends).collect::<Vec<Id>>());
        graph = plain;
        let params: Vec<Id> = graph.ids().filter(|&id| matches!(graph.op(id), Op::Param(_))).collect();
        let slopes = differentiate(&mut graph, nodes[0], &params);
        nodes.extend(params.iter().chain(&slopes));
        let (simple, map) = simplify(&graph, &nodes);
        graph = simple;
        nodes.iter_mut().for_each(|id| *id = map[id.index()].unwrap_or(*id));
        let rest = nodes.split_off(1);
        let (ends, names) = rest.split_at(3 * between.len());
        between = ends.chunks(3).map(|b| (b[0], b[1], b[2])).collect();
        roots = [nodes.as_slice(), names].concat();
    }
    let model = Model::new(&graph, &roots, &between);
    let root = model.roots[0];
    let outcome = prove(
        &model,
        &|found| {
            let value = found.at(root);
            let far = match sign {
                Sign::NotAbove => value.range.hi,
                Sign::NotBelow => -value.range.lo,
            };
            if value.defined { far } else { f64::INFINITY }
        },
        &|found| {
            let range = found.at(root).range;
            found.at(root).defined && if sign == Sign::NotAbove { range.lo > 0.0 } else { range.hi < 0.0 }
        },
        &|found, bounds| {
            let names = model.roots.len() / 2;
            let mut moved = false;
            for at in 0..names {
                let (param, slope) = (model.roots[1 + at], found.at(model.roots[1 + names + at]).range);
                let Some(place) = model.leaves.iter().position(|leaf| leaf.id == param) else { continue };
                let range = bounds.leaves[place];
                let rises = slope.lo >= 0.0;
                if range.is_point() || !(rises || slope.hi <= 0.0) {
                    continue;
                }
                let low = rises == (sign == Sign::NotBelow);
                bounds.leaves[place] = Interval::point(if low { range.lo } else { range.hi });
                moved = true;
            }
            moved
        },
        effort.boxes,
    );
    (model, outcome)
}

fn boxes(count: usize) -> String {
    if count == 1 { "intervals, 1 box".into() } else { format!("intervals, {count} boxes") }
}

/// In words, where a search was given up.
fn place(model: &Model, at: &[Interval]) -> String {
    let name = |leaf: &Leaf| model.name(leaf.id);
    let parts: Vec<String> =
        model.leaves.iter().zip(at).map(|(leaf, range)| format!("{} in {range}", name(leaf))).collect();
    parts.join(", ")
}

/// A derivative that has a sign.
fn signed(loss: &Loss, gradient: &Gradient, root: Id, sign: Sign, effort: Effort) -> Verdict {
    let at_target = root == gradient.target;
    if let Some(found) = refute::gradient(loss, at_target, sign, effort) {
        return found;
    }
    let (model, outcome) = by_intervals(&gradient.loss.graph, root, sign, &[], effort);
    match outcome {
        Outcome::Holds { boxes: count } => Verdict::Proved { how: boxes(count) },
        Outcome::Fails { at } | Outcome::Open { at, .. } => Verdict::Unknown {
            why: format!("no proof and no counterexample; open at {}", place(&model, &at)),
        },
    }
}

/// `value − less ≥ 0`
fn not_below(loss: &Loss, value: Id, less: Option<Id>, what: &str, effort: Effort) -> Verdict {
    let mut graph = loss.graph.clone();
    let raw = match less {
        Some(less) => graph.add(Op::Sub, &[value, less]),
        None => value,
    };
    if let Some(found) = refute::value(loss, &graph, raw, what, effort) {
        return found;
    }
    let (simple, map) = simplify(&graph, &[raw]);
    let root = map[raw.index()].unwrap_or(raw);
    let (model, outcome) = by_intervals(&simple, root, Sign::NotBelow, &[], effort);
    match outcome {
        Outcome::Holds { boxes: count } => Verdict::Proved { how: boxes(count) },
        Outcome::Fails { at } | Outcome::Open { at, .. } => Verdict::Unknown {
            why: format!("no proof and no counterexample; open at {}", place(&model, &at)),
        },
    }
}

/// Loss and gradient are numbers, nothing overflows.
fn finite(loss: &Loss, effort: Effort) -> Verdict {
    if let Some(found) = refute::finite(loss, effort) {
        return found;
    }
    let gradient = loss.gradient();
    let roots = gradient.roots().map(|root| root.1);
    let model = Model::new(&gradient.loss.graph, &roots, &[]);
    let roots = model.roots.clone();
    let outcome = prove(
        &model,
        &|found| {
            let bad = |id: &&Id| {
                let value = found.at(**id);
                // Far below overflow, so that rounding does not lead there either.
                !value.defined || value.range.lo < -1e300 || value.range.hi > 1e300
            };
            roots.iter().filter(bad).count() as f64
        },
        &|_| false,
        &|_, _| false,
        effort.boxes,
    );
    match outcome {
        Outcome::Holds { boxes: count } => Verdict::Proved { how: boxes(count) },
        Outcome::Fails { at } | Outcome::Open { at, .. } => Verdict::Unknown {
            why: format!("no proof and no counterexample; open at {}", place(&model, &at)),
        },
    }
}
