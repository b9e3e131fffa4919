//! The replay: a proof of the e-graph, checked step by step without it.
//!
//! egg's own check takes unknown rules and ignores conditions. Here a step counts when a rule of the table, matched by
//! [`super::pattern`], turns one term into the next at one place, when its conditions follow from the declared ranges of the
//! terms at hand, and when both whole terms have the same value at random points.

use std::fmt::Write;

use marlo_ir::eval::evaluate;
use marlo_ir::graph::{Graph, Id};
use marlo_ir::op::Op;
use num_rational::BigRational;

use super::egraph::{FOLD, RawStep, fold};
use super::exact;
use super::normal::Normaliser;
use super::pattern::Bindings;
use super::points::Points;
use super::rules::{Need, Rule};
use super::sample::tracked_batch;
use super::term::{Head, TermId, Terms};

/// A step of a proof that stood up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The rule.
    pub rule: String,
    /// What was replaced.
    pub from: String,
    /// By what.
    pub to: String,
    /// The rule's conditions, which were found to hold: `s > 0`.
    pub conditions: Vec<String>,
}

/// Why a proof does not stand up.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Rejection {
    /// No such rule.
    #[error("step {step}: there is no rule `{rule}`")]
    UnknownRule { step: usize, rule: String },
    /// The rule makes no such change.
    #[error("step {step}: `{rule}` does not lead there")]
    NoSuchChange { step: usize, rule: String },
    /// A condition is not known to hold.
    #[error("step {step}: `{rule}` asks that {condition}, which the declared ranges don't give")]
    Condition { step: usize, rule: String, condition: String },
    /// The values differ.
    #[error("step {step}: the value changes from {before} to {after}")]
    Value { step: usize, before: f64, after: f64 },
    /// The proof does not end where it must.
    #[error("the proof does not end at the other side")]
    End,
}

/// How many points every term is evaluated at.
const POINTS: usize = 6;

/// Checks a proof from one term to another.
pub(crate) fn check(
    graph: &Graph,
    terms: &mut Terms,
    from: TermId,
    to: TermId,
    rules: &[Rule],
    steps: &[RawStep],
) -> Result<Vec<Step>, Rejection> {
    if steps.last().map_or(from, |s| s.term) != to {
        return Err(Rejection::End);
    }
    let mut checked = Vec::with_capacity(steps.len());
    let mut before = from;
    for (at, raw) in steps.iter().enumerate() {
        checked.push(check_step(graph, terms, rules, (at + 1, before, raw))?);
        before = raw.term;
    }
    check_values(graph, terms, from, steps)?;
    Ok(checked)
}

fn check_step(
    graph: &Graph,
    terms: &mut Terms,
    rules: &[Rule],
    (step, before, raw): (usize, TermId, &RawStep),
) -> Result<Step, Rejection> {
    // Read from right to left, a backward step is a forward one.
    let (source, target) = if raw.backward { (raw.term, before) } else { (before, raw.term) };
    let places = places(terms, source, target);
    let rule = raw.rule.clone();
    let found = if raw.rule == FOLD {
        places
            .into_iter()
            .find(|(a, b)| folded(terms, *a).is_some_and(|q| terms.head(*b) == &Head::Number(q)))
            .map(|place| (place, vec![]))
    } else {
        let Some(known) = rules.iter().find(|r| r.name == raw.rule) else {
            return Err(Rejection::UnknownRule { step, rule });
        };
        match apply(graph, terms, known, &places) {
            Some(Ok(found)) => Some(found),
            Some(Err(condition)) => return Err(Rejection::Condition { step, rule, condition }),
            None => None,
        }
    };
    let Some(((a, b), conditions)) = found else { return Err(Rejection::NoSuchChange { step, rule }) };
    let (a, b) = if raw.backward { (b, a) } else { (a, b) };
    Ok(Step { rule, from: terms.text(graph, a), to: terms.text(graph, b), conditions })
}

/// The pairs of sub-terms on the way down to what differs: the change happened at one of them.
fn places(terms: &Terms, a: TermId, b: TermId) -> Vec<(TermId, TermId)> {
    let mut found = vec![(a, b)];
    let (mut a, mut b) = (a, b);
    while a != b && terms.head(a) == terms.head(b) {
        let mut differ = terms.args(a).iter().zip(terms.args(b)).filter(|(x, y)| x != y);
        let (Some((x, y)), None) = (differ.next(), differ.next()) else { break };
        (a, b) = (*x, *y);
        found.push((a, b));
    }
    found
}

/// A place, and the rule's conditions there, or the one that does not hold.
type Found = Result<((TermId, TermId), Vec<String>), String>;

fn apply(graph: &Graph, terms: &mut Terms, rule: &Rule, places: &[(TermId, TermId)]) -> Option<Found> {
    let mut refused = None;
    for &(a, b) in places {
        let mut bound = Bindings::new();
        if !rule.left.matches(terms, a, &mut bound) || rule.right.instance(terms, &bound) != Some(b) {
            continue;
        }
        let mut conditions = Vec::new();
        let mut open = None;
        for (need, variable) in rule.needs {
            let term = *bound.get(variable)?;
            let text = format!("{} {need}", terms.text(graph, term));
            if holds(graph, terms, *need, term) { conditions.push(text) } else { open = Some(text) }
        }
        match open {
            None => return Some(Ok(((a, b), conditions))),
            Some(text) => refused = Some(Err(text)),
        }
    }
    refused
}

/// Does a term fulfil a condition: by its own intervals, or by those of its normal form?
fn holds(graph: &Graph, terms: &Terms, need: Need, term: TermId) -> bool {
    if need.holds(terms.ranges(graph)[term], terms.shapes()[term]) {
        return true;
    }
    let mut written = graph.like();
    let id = write(terms, term, &mut written, &mut vec![None; terms.len()]);
    let mut normaliser = Normaliser::new(&written);
    normaliser.build(&[id]).is_ok() && need.holds(normaliser.range(id), normaliser.shape(id))
}

/// The exact value of an operation on literals.
fn folded(terms: &Terms, term: TermId) -> Option<BigRational> {
    let Head::Op(op) = terms.head(term) else { return None };
    let literal = |a: &TermId| match terms.head(*a) {
        Head::Number(q) => Some(q.clone()),
        _ => None,
    };
    let args: Option<Vec<BigRational>> = terms.args(term).iter().map(literal).collect();
    fold(*op, &args?)
}

/// Compares the values of all terms at a few points.
fn check_values(graph: &Graph, terms: &Terms, from: TermId, steps: &[RawStep]) -> Result<(), Rejection> {
    let mut written = graph.like();
    let mut map: Vec<Option<Id>> = vec![None; terms.len()];
    let first = write(terms, from, &mut written, &mut map);
    let roots: Vec<Id> = steps.iter().map(|s| write(terms, s.term, &mut written, &mut map)).collect();
    for point in Points::random_only(graph, POINTS) {
        let Some(batch) = tracked_batch(graph, &point) else { continue };
        let start = evaluate(&written, &[first], &batch).remove(0);
        for (step, values) in evaluate(&written, &roots, &batch).into_iter().enumerate() {
            for at in 0..values.len().max(start.len()) {
                let (Some(a), Some(b)) = (start.get(at).or(start.first()), values.get(at).or(values.first()))
                else {
                    continue;
                };
                if !a.agrees(*b) {
                    return Err(Rejection::Value { step: step + 1, before: a.value, after: b.value });
                }
            }
        }
    }
    Ok(())
}

/// The term as a node.
pub(crate) fn write(terms: &Terms, root: TermId, graph: &mut Graph, map: &mut [Option<Id>]) -> Id {
    let mut stack = vec![root];
    while let Some(&id) = stack.last() {
        if map[id].is_some() {
            stack.pop();
            continue;
        }
        let open: Vec<TermId> = terms.args(id).iter().copied().filter(|a| map[*a].is_none()).collect();
        if !open.is_empty() {
            stack.extend(open);
            continue;
        }
        let args: Vec<Id> = terms.args(id).iter().filter_map(|a| map[*a]).collect();
        map[id] = Some(match terms.head(id) {
            Head::Number(q) => graph.number(exact::nearest(q)),
            Head::Pi => graph.number(std::f64::consts::PI),
            Head::Op(op) => graph.add(*op, &args),
        });
    }
    map[root].unwrap_or_else(|| graph.add(Op::BatchSize, &[]))
}

/// A proof as text, one step a line; of a long one the first steps and a count.
pub fn print(steps: &[Step], most: usize) -> String {
    let mut out = String::new();
    for (at, step) in steps.iter().enumerate().take(most) {
        let conditions = match step.conditions.is_empty() {
            true => String::new(),
            false => format!(", as {}", step.conditions.join(" and ")),
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "{:3}. {}  →  {}   [{}{conditions}]", at + 1, step.from, step.to, step.rule);
    }
    if steps.len() > most {
        let _ = writeln!(out, "     … and {} more", steps.len() - most);
    }
    out
}
