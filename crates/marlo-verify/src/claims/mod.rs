//! The claims of a program: what its `prove` lines promise.
//!
//! Each is proved by intervals where that can be done, refuted by a concrete batch that 256 bits confirm, or unknown.

mod monotone;
mod refute;

pub(crate) use monotone::replace;
pub(crate) use refute::{probe, replay};

use std::collections::HashMap;

use marlo_ir::derivative::differentiate;
use marlo_ir::graph::{Axis, Graph, Id, Input};
use marlo_ir::kind::Kind;
use marlo_ir::loss::{Gradient, Loss, Update, Wrt};
use marlo_ir::op::{At, Op};
use marlo_ir::shape::Shape;
use marlo_ir::simplify::{simplify, without_detach};
use marlo_lang::{Claim, ClaimName};

use crate::domain;
use crate::interval::Interval;
use crate::range::search::{Outcome, prove};
use crate::range::{Bounds, Leaf, Model, Value, written_out};
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
        ClaimName::PullsTarget => signed(loss, At::Target, Sign::NotAbove, effort),
        ClaimName::PushesOthers => signed(loss, At::Other, Sign::NotBelow, effort),
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
                let above =
                    not_below(loss, value.value, Some(low.value), "the value less its lower bound", effort);
                if above.is_refuted() {
                    return above;
                }
                let what = "the upper bound less the value";
                let below = not_below(loss, high.value, Some(value.value), what, effort);
                let first = below.is_refuted() || matches!(above, Verdict::Proved { .. });
                if first { below } else { above }
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
    let model = Model::new(graph, &[root], between);
    let corner = Corner::of(graph, root);
    let far = |value: Value| {
        let far = match sign {
            Sign::NotAbove => value.range.hi,
            Sign::NotBelow => -value.range.lo,
        };
        if value.defined { far } else { f64::INFINITY }
    };
    let root = model.roots[0];
    let outcome = prove(
        &model,
        &|found| far(found.at(root)),
        &|found| {
            let range = found.at(root).range;
            found.at(root).defined && if sign == Sign::NotAbove { range.lo > 0.0 } else { range.hi < 0.0 }
        },
        &|bounds| corner.as_ref().is_some_and(|corner| corner.holds(&model, bounds, sign, &far)),
        effort.boxes,
    );
    (model, outcome)
}

/// A value of hyperparameters alone. It may be 0 at a corner of their ranges, where boxes never get small enough: there the
/// signs of its slopes tell that the corner is the least.
struct Corner {
    /// Without what holds for the value in focus: the way to the corner may leave that.
    model: Model,
}

impl Corner {
    /// Nothing where the value varies with the sample, has steps, or the batch is in it: slopes say nothing of those.
    fn of(graph: &Graph, root: Id) -> Option<Corner> {
        let steps = |op: Op| {
            let decides = matches!(op, Op::Lt | Op::Le | Op::Eq | Op::Select | Op::Floor | Op::Parity);
            decides || op == Op::KeptI || op.is_batch() || op.is_class_reduction()
        };
        let (mut graph, nodes) = written_out(graph, &[root]);
        if graph.shape(nodes[0]) != Shape::Scalar || graph.depends(nodes[0], steps) {
            return None;
        }
        // A stop-gradient hides a slope.
        let (plain, map) = without_detach(&graph, &nodes);
        let root = map[nodes[0].index()]?;
        graph = plain;
        let params: Vec<Id> = graph.ids().filter(|&id| matches!(graph.op(id), Op::Param(_))).collect();
        let slopes = differentiate(&mut graph, root, &params);
        let all: Vec<Id> = [&[root], params.as_slice(), &slopes].concat();
        let (simple, map) = simplify(&graph, &all);
        let all: Vec<Id> = all.iter().map(|id| map[id.index()].unwrap_or(*id)).collect();
        Some(Corner { model: Model::new(&simple, &all, &[]) })
    }

    /// Does the claim hold at the hardest corner of a box, and so on all of it?
    fn holds(&self, of: &Model, bounds: &Bounds, sign: Sign, far: &dyn Fn(Value) -> f64) -> bool {
        let mut here = self.model.whole();
        for (leaf, range) in self.model.leaves.iter().zip(&mut here.leaves) {
            // By what they are: a hyperparameter may be called as another leaf is.
            let same = |other: &Leaf| of.op(other.id) == self.model.op(leaf.id);
            if let Some(at) = of.leaves.iter().position(same) {
                *range = bounds.leaves[at];
            }
        }
        let Some(found) = self.model.enclose(&here) else { return false };
        let value = found.at(self.model.roots[0]);
        if !value.defined || !value.range.is_finite() {
            return false;
        }
        let names = self.model.roots.len() / 2;
        for at in 0..names {
            let (param, slope) = (self.model.roots[1 + at], found.at(self.model.roots[1 + names + at]));
            let Some(place) = self.model.leaves.iter().position(|leaf| leaf.id == param) else { continue };
            let rises = slope.range.lo >= 0.0;
            if !slope.defined || !(rises || slope.range.hi <= 0.0) {
                continue;
            }
            let range = here.leaves[place];
            let low = rises == (sign == Sign::NotBelow);
            here.leaves[place] = Interval::point(if low { range.lo } else { range.hi });
        }
        self.model.enclose(&here).is_some_and(|found| far(found.at(self.model.roots[0])) <= 0.0)
    }
}

fn boxes(count: usize) -> String {
    if count == 1 { "intervals, 1 box".into() } else { format!("intervals, {count} boxes") }
}

/// In words, where a search was given up.
fn place(model: &Model, at: &[Interval]) -> String {
    let name = |leaf: &Leaf| model.name(leaf.id);
    let parts: Vec<String> =
        model.leaves.iter().zip(at).map(|(leaf, range)| format!("{} in {range}", name(leaf))).collect();
    if parts.is_empty() { "the only point there is".into() } else { parts.join(", ") }
}

/// The derivatives by the matrices, one a centre, read at the label or at another class: their names and nodes.
fn by_matrices(loss: &Loss, gradient: &Gradient, at: At) -> Vec<(String, Id)> {
    let of = |target: Id, other: Id| if at == At::Target { target } else { other };
    let index = if at == At::Target { "y" } else { "k" };
    let name = |input: usize| format!("{}[{index}]", loss.graph.inputs[input].name);
    let further = gradient.partials.iter().filter_map(|partial| match partial.by {
        Wrt::Input(input) if loss.graph.inputs[input as usize].axis == Axis::Matrix => {
            Some((name(input as usize), of(partial.target, partial.other)))
        }
        _ => None,
    });
    std::iter::once((name(0), of(gradient.target, gradient.other))).chain(further).collect()
}

/// The derivatives by every centre have a sign.
fn signed(loss: &Loss, at: At, sign: Sign, effort: Effort) -> Verdict {
    if let Some(found) = refute::gradient(loss, at, sign, effort) {
        return found;
    }
    let gradient = loss.row_gradient();
    let mut total = 0;
    for (_, root) in by_matrices(loss, &gradient, at) {
        let (model, mut outcome) = by_intervals(&gradient.loss.graph, root, sign, &[], effort);
        if let (Outcome::Open { .. }, Some((graph, root))) =
            (&outcome, nearest_as_one(&gradient.loss.graph, root))
        {
            let (_, again) = by_intervals(&graph, root, sign, &[], effort);
            outcome = if matches!(again, Outcome::Holds { .. }) { again } else { outcome };
        }
        match outcome {
            Outcome::Holds { boxes: count } => total += count,
            Outcome::Fails { at } | Outcome::Open { at, .. } => return open(&model, &at),
        }
    }
    Verdict::Proved { how: boxes(total) }
}

/// The graph with a cosine of its own in place of each maximum or minimum of cosines, such as that of the nearest centre:
/// what holds for any cosine there holds for that one, and it is one dimension in place of many.
fn nearest_as_one(graph: &Graph, root: Id) -> Option<(Graph, Id)> {
    let picks = |id: Id| matches!(graph.op(id), Op::Max | Op::Min);
    let needed = graph.reachable(&[root]);
    let mut cosine = vec![false; graph.len()];
    for id in graph.ids() {
        cosine[id.index()] = match graph.op(id) {
            Op::Input(input, _) => domain::is_cosine(&graph.inputs[input as usize]),
            _ => picks(id) && graph.args(id).iter().all(|arg| cosine[arg.index()]),
        };
    }
    let of_cosines = |id: &Id| needed[id.index()] && picks(*id) && cosine[id.index()];
    let all: Vec<Id> = graph.ids().filter(of_cosines).collect();
    let inner: Vec<Id> = all.iter().flat_map(|&id| graph.args(id).to_vec()).collect();
    let mut changed = graph.clone();
    let mut with = HashMap::new();
    for id in all.into_iter().filter(|id| !inner.contains(id)) {
        let name = format!("nearest{}", with.len() + 1);
        changed.inputs.push(Input::new(&name, Kind::Cosine, Axis::Matrix));
        let at = if graph.shape(id) == Shape::Cell { At::Other } else { At::Target };
        let fresh = changed.add(Op::Input(changed.inputs.len() as u32 - 1, at), &[]);
        with.insert(id, fresh);
    }
    let root = replace(&mut changed, &[root], &with)[0];
    (!with.is_empty()).then_some((changed, root))
}

fn open(model: &Model, at: &[Interval]) -> Verdict {
    Verdict::Unknown { why: format!("no proof and no counterexample; open at {}", place(model, at)) }
}

/// What holds of each state without being claimed: its next value stays in its range, where that has an end.
pub fn states(loss: &Loss, effort: Effort) -> Vec<(String, Verdict)> {
    let mut found = Vec::new();
    for update in &loss.updates {
        let param = &loss.graph.params[update.param as usize];
        if !param.low.is_finite() && !param.high.is_finite() {
            continue;
        }
        found.push((format!("state {} stays in its range", param.name), stays(loss, update, effort)));
    }
    found
}

fn stays(loss: &Loss, update: &Update, effort: Effort) -> Verdict {
    let param = &loss.graph.params[update.param as usize];
    for (end, above) in [(param.low, true), (param.high, false)].into_iter().filter(|end| end.0.is_finite()) {
        let mut graph = loss.graph.clone();
        let number = graph.number(end);
        let (args, what) = match above {
            true => ([update.next, number], format!("the next {} less its lower bound", param.name)),
            false => ([number, update.next], format!("the upper bound less the next {}", param.name)),
        };
        let over = graph.add(Op::Sub, &args);
        if let Some(found) = refute::value(loss, &graph, over, &what, effort) {
            return found;
        }
    }
    let (simple, map) = without_detach(&loss.graph, &[update.next]);
    let model = Model::new(&simple, &[map[update.next.index()].unwrap_or(update.next)], &[]);
    let root = model.roots[0];
    let outside = |value: Value| match value.defined {
        true => (param.low - value.range.lo).max(value.range.hi - param.high),
        false => f64::INFINITY,
    };
    match prove(&model, &|found| outside(found.at(root)), &|_| false, &|_| false, effort.boxes) {
        Outcome::Holds { boxes: count } => Verdict::Proved { how: boxes(count) },
        Outcome::Fails { at } | Outcome::Open { at, .. } => open(&model, &at),
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
    // A value is the same without its stop-gradients.
    let (simple, map) = without_detach(&graph, &[raw]);
    let root = map[raw.index()].unwrap_or(raw);
    let (model, outcome) = by_intervals(&simple, root, Sign::NotBelow, &[], effort);
    match outcome {
        Outcome::Holds { boxes: count } => Verdict::Proved { how: boxes(count) },
        Outcome::Fails { at } | Outcome::Open { at, .. } => open(&model, &at),
    }
}

/// Loss, gradient and next states are numbers, nothing overflows.
fn finite(loss: &Loss, effort: Effort) -> Verdict {
    if let Some(found) = refute::finite(loss, effort) {
        return found;
    }
    let gradient = loss.gradient();
    let roots: Vec<Id> = gradient.all_roots().into_iter().map(|root| root.1).collect();
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
        &|_| false,
        effort.boxes,
    );
    match outcome {
        Outcome::Holds { boxes: count } => Verdict::Proved { how: boxes(count) },
        Outcome::Fails { at } | Outcome::Open { at, .. } => open(&model, &at),
    }
}
