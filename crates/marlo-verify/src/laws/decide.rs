//! The verdict on a law.

use marlo_ir::graph::{Graph, Id};
use marlo_ir::loss::{Gradient, Loss};
use marlo_ir::op::Op;
use marlo_lang::Law;

use super::conditions::{self, Condition};
use super::egraph::{self, NoProof};
use super::normal::{Normaliser, Sameness};
use super::replay::{self, Step};
use super::rules::{self, Rule};
use super::sample::{self, Counterexample, Sampled};
use super::term::Terms;

/// How much work a proof may take.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nodes of the e-graph.
    pub nodes: usize,
    /// Rounds of rewriting.
    pub rounds: usize,
    /// Time for the e-graph, in milliseconds; a first try with few rules takes up to a quarter of it on top.
    pub milliseconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { nodes: 20_000, rounds: 16, milliseconds: 1_500 }
    }
}

/// Do the gradients agree, too: by the matrices, and by the norms of embeddings?
#[derive(Clone, Debug, PartialEq)]
pub enum Gradients {
    /// They agree in so many cases.
    Agree {
        /// How many.
        cases: usize,
    },
    /// The losses are equal and their gradients are not: a stop-gradient does that.
    Differ(Box<Counterexample>),
}

/// What is known of a law.
#[derive(Clone, Debug, PartialEq)]
pub enum LawVerdict {
    /// It holds for all inputs.
    Proved {
        /// The normal forms are equal.
        normal_form: bool,
        /// The proof of the e-graph, every step replayed, or why there is none.
        rewriting: Result<Vec<Step>, NoProof>,
        /// What was asked of the ranges; all of it holds.
        side_conditions: Vec<Condition>,
        /// Do the gradients agree, too?
        gradients: Gradients,
    },
    /// It held wherever it was tried.
    Checked {
        /// How many cases were tried.
        cases: usize,
        /// Why that is all.
        why_not_proved: String,
        /// Do the gradients agree, too?
        gradients: Gradients,
    },
    /// It does not hold.
    Refuted {
        /// Where.
        counterexample: Box<Counterexample>,
    },
    /// Nothing could be shown.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What is known of two nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Equality {
    /// What the normal form says.
    pub normal_form: Sameness,
    /// The proof of the e-graph, every step replayed, or why there is none.
    pub rewriting: Result<Vec<Step>, NoProof>,
    /// Where both are defined; what does not hold for all inputs must be excepted.
    pub side_conditions: Vec<Condition>,
}

/// Decides a law.
pub fn decide(law: &Law) -> LawVerdict {
    decide_losses(&law.left, &law.right, Limits::default())
}

/// Decides whether two losses over the same declarations are equal, and whether the states that both carry on go on alike.
pub fn decide_losses(left: &Loss, right: &Loss, limits: Limits) -> LawVerdict {
    if left.graph.params != right.graph.params || left.graph.inputs != right.graph.inputs {
        return LawVerdict::Unknown { why: "the two sides declare different parameters or inputs".into() };
    }
    let one_sided = left.updates.is_empty() || right.updates.is_empty();
    if !one_sided && !same_states(left, right) {
        return LawVerdict::Unknown { why: "the two sides carry on different states".into() };
    }
    let (graph, a, b) = joined(left, right);
    let cases = match sample::values(left, right) {
        Sampled::Agree { cases } => cases,
        Sampled::Differ(counterexample) => return refuted(left, right, counterexample),
    };
    let proof = equal(&graph, a, b, limits);
    let gradients = match sample::gradients(left, right) {
        Sampled::Agree { cases } => Gradients::Agree { cases },
        Sampled::Differ(counterexample) => Gradients::Differ(counterexample),
    };
    let open: Vec<&str> =
        proof.side_conditions.iter().filter(|c| !c.holds).map(|c| c.text.as_str()).collect();
    let normal_form = proof.normal_form == Sameness::Equal;
    if let Err(NoProof::Contradiction(what)) = &proof.rewriting {
        // Never seen; then no proof of this run is to be relied on.
        return LawVerdict::Unknown {
            why: format!("the rules of the verifier contradict each other: {what}"),
        };
    }
    let loss_shown = normal_form || proof.rewriting.is_ok();
    let unlike = unlike_states(left, right, limits);
    let shown = loss_shown && unlike.is_none();
    // Equal values have equal derivatives, but for stop-gradients: there the derivatives are asked themselves.
    let stop = |op: Op| matches!(op, Op::Detach | Op::PickI);
    let stops = [left, right].iter().any(|loss| loss.graph.depends(loss.total, stop));
    let agree = matches!(gradients, Gradients::Agree { .. });
    let written_alike = a == b;
    if shown && open.is_empty() && stops && agree && !written_alike && !same_gradient(left, right) {
        let why_not_proved =
            "the losses are proved equal, their gradients behind stop-gradients are not".into();
        return LawVerdict::Checked { cases, why_not_proved, gradients };
    }
    if shown && open.is_empty() {
        let Equality { rewriting, side_conditions, .. } = proof;
        return LawVerdict::Proved { normal_form, rewriting, side_conditions, gradients };
    }
    let why_not_proved = match (loss_shown, proof.normal_form, &proof.rewriting) {
        (true, ..) if open.is_empty() => {
            format!("the losses are proved equal, the next {} is not", unlike.unwrap_or_default())
        }
        (true, ..) => format!("it is proved only where {}", open.join(", ")),
        (_, Sameness::Unknown(stuck), Err(none)) => format!("{stuck}, and {none}"),
        (_, _, Err(none)) => format!("the normal forms differ, and {none}"),
        (_, _, Ok(_)) => String::new(),
    };
    if cases == 0 {
        return LawVerdict::Unknown {
            why: format!("{why_not_proved}, and no point was found where numbers decide"),
        };
    }
    LawVerdict::Checked { cases, why_not_proved, gradients }
}

/// Are the normal forms of both derivatives equal?
fn same_gradient(left: &Loss, right: &Loss) -> bool {
    let (a, b) = (left.gradient(), right.gradient());
    let mut graph = b.loss.graph.clone();
    let slopes = |gradient: &Gradient| {
        let further = gradient.partials.iter().flat_map(|partial| [partial.target, partial.other]);
        [gradient.target, gradient.other].into_iter().chain(further).collect::<Vec<Id>>()
    };
    let roots = copied(&mut graph, &a.loss.graph, &slopes(&a));
    let mut normaliser = Normaliser::new(&graph);
    let pairs = roots.into_iter().zip(slopes(&b));
    pairs.into_iter().all(|(a, b)| normaliser.compare(a, b) == Sameness::Equal)
}

/// Do both sides carry on the same states?
fn same_states(left: &Loss, right: &Loss) -> bool {
    let both = sample::states(left, right).len();
    both == left.updates.len() && both == right.updates.len()
}

/// The first state that both sides carry on and that is not proved to go on alike.
///
/// A state that one side alone carries on is a hyperparameter that is free: the law is about the loss and its gradient
/// for each of its values, and says nothing of the next one.
fn unlike_states(left: &Loss, right: &Loss, limits: Limits) -> Option<String> {
    for (update, other) in sample::states(left, right) {
        let mut graph = right.graph.clone();
        let next = copied(&mut graph, &left.graph, &[update.next])[0];
        let (sameness, conditions) = normal_form(&graph, next, other.next);
        let alike = sameness == Sameness::Equal || rewriting(&graph, next, other.next, limits).is_ok();
        if !alike || conditions.iter().any(|condition| !condition.holds) {
            return Some(left.graph.params[update.param as usize].name.clone());
        }
    }
    None
}

/// Numbers say that a law is false; a proof must not say otherwise.
fn refuted(left: &Loss, right: &Loss, counterexample: Box<Counterexample>) -> LawVerdict {
    let state = sample::states(left, right)
        .into_iter()
        .find(|(update, _)| counterexample.what == sample::next_of(&left.graph, update));
    let (of, other) = state.map_or((left.total, right.total), |(update, other)| (update.next, other.next));
    let mut graph = right.graph.clone();
    let of = copied(&mut graph, &left.graph, &[of])[0];
    let (normal_form, conditions) = normal_form(&graph, of, other);
    if normal_form == Sameness::Equal && conditions.iter().all(|c| c.holds) {
        let (left, right) = (counterexample.left, counterexample.right);
        let why = format!(
            "the normal forms are equal, but numbers differ: {left} and {right}; one of them is a mistake in marlo"
        );
        return LawVerdict::Unknown { why };
    }
    LawVerdict::Refuted { counterexample }
}

/// What the normal form says, and where both nodes are defined.
fn normal_form(graph: &Graph, a: Id, b: Id) -> (Sameness, Vec<Condition>) {
    let mut normaliser = Normaliser::new(graph);
    let sameness = normaliser.compare(a, b);
    (sameness, conditions::of(graph, &[a, b], |id| normaliser.range(id)))
}

/// Compares two nodes of one graph.
pub fn equal(graph: &Graph, a: Id, b: Id, limits: Limits) -> Equality {
    let (normal_form, side_conditions) = normal_form(graph, a, b);
    Equality { normal_form, rewriting: rewriting(graph, a, b, limits), side_conditions }
}

/// A proof by rewriting that stood up to the replay.
fn rewriting(graph: &Graph, a: Id, b: Id, limits: Limits) -> Result<Vec<Step>, NoProof> {
    let mut terms = Terms::default();
    let roots = terms.read(graph, &[a, b]);
    let rules = rules::all();
    let plain: Vec<Rule> = rules.iter().filter(|r| r.is_plain()).cloned().collect();
    // What simple rules prove, they prove in few steps.
    let short = Limits { milliseconds: limits.milliseconds / 4, ..limits };
    let mut attempt =
        |rules: &[Rule], limits| egraph::prove(graph, &mut terms, roots[0], roots[1], rules, limits);
    let steps = attempt(&plain, short).or_else(|_| attempt(&rules, limits))?;
    replay::check(graph, &mut terms, roots[0], roots[1], &rules, &steps)
        .map_err(|rejection| NoProof::Rejected(rejection.to_string()))
}

/// Both losses in one graph.
fn joined(left: &Loss, right: &Loss) -> (Graph, Id, Id) {
    let mut graph = right.graph.clone();
    let total = copied(&mut graph, &left.graph, &[left.total])[0];
    (graph, total, right.total)
}

/// The roots of another graph with the same declarations, as nodes of this one.
fn copied(graph: &mut Graph, from: &Graph, roots: &[Id]) -> Vec<Id> {
    let needed = from.reachable(roots);
    let mut map: Vec<Option<Id>> = vec![None; from.len()];
    for id in from.ids().filter(|id| needed[id.index()]) {
        let args: Vec<Id> = from.args(id).iter().filter_map(|a| map[a.index()]).collect();
        map[id.index()] = Some(graph.add(from.op(id), &args));
    }
    roots.iter().map(|root| map[root.index()].unwrap_or(*root)).collect()
}
