//! Proofs that stand up, and proofs that were tampered with.

use marlo_ir::graph::{Axis, Graph, Input, Param};
use marlo_ir::kind::Kind;
use marlo_ir::op::{At, Op};

use super::Limits;
use super::egraph::{FOLD, NoProof, RawStep, prove};
use super::pattern::Pattern;
use super::replay::{Rejection, check, print};
use super::rules::{self, Row, Rule};
use super::term::{Head, TermId, Terms};

/// cos, and s from 1 to 8.
fn graph() -> Graph {
    let mut graph = Graph::default();
    graph.inputs.push(Input::new("cos", Kind::Cosine, Axis::Matrix));
    graph.params.push(Param { low: 1.0, high: 8.0, ..Param::new("s", Kind::Scale) });
    graph.params.push(Param { low: -2.0, high: 2.0, ..Param::new("x", Kind::Real) });
    graph
}

/// Reads a term without variables; `?c`, `?s` and `?x` are cos[y], s and x.
fn term(terms: &mut Terms, text: &'static str) -> TermId {
    let pattern = Pattern::read(text).expect("a pattern");
    let mut bound = super::pattern::Bindings::new();
    for (name, op) in [("?c", Op::Input(0, At::Target)), ("?s", Op::Param(0)), ("?x", Op::Param(1))] {
        bound.insert(name, terms.add(Head::Op(op), vec![]));
    }
    pattern.instance(terms, &bound).expect("no other variables")
}

fn proved(from: &'static str, to: &'static str) -> (Graph, Terms, TermId, TermId, Vec<RawStep>) {
    let (graph, mut terms) = (graph(), Terms::default());
    let (a, b) = (term(&mut terms, from), term(&mut terms, to));
    let steps = prove(&graph, &mut terms, a, b, &rules::all(), Limits::default()).expect("a proof");
    (graph, terms, a, b, steps)
}

#[test]
fn a_proof_stands_up_and_can_be_read() {
    let (graph, mut terms, a, b, steps) = proved("(mul ?s (cos (add (acos ?c) 0)))", "(mul ?s ?c)");
    let steps = check(&graph, &mut terms, a, b, &rules::all(), &steps).expect("it stands up");
    let text = print(&steps, 10);
    assert!(
        text.contains("cos(acos(cos[y]))  →  cos[y]   [cos acos a = a, as cos[y] lies in [-1, 1]]"),
        "{text}"
    );
    assert!(print(&steps, 1).contains("and 1 more"));
}

#[test]
fn tampered_proofs_are_rejected() {
    let (graph, terms, a, b, steps) = proved("(mul ?s (cos (add (acos ?c) (sub 1 1))))", "(mul ?s ?c)");
    let all = rules::all();
    let again = |steps: &[RawStep]| check(&graph, &mut terms.clone(), a, b, &all, steps);
    assert!(again(&steps).is_ok());

    let mut unknown = steps.clone();
    unknown[0].rule = "trust me".into();
    assert!(matches!(again(&unknown), Err(Rejection::UnknownRule { step: 1, .. })));

    let mut other = steps.clone();
    other[0].rule = "ab = ba".into();
    assert!(matches!(again(&other), Err(Rejection::NoSuchChange { step: 1, .. })));

    let mut folded = steps.clone();
    let last = folded.len() - 1;
    folded[last].rule = FOLD.into();
    assert!(matches!(again(&folded), Err(Rejection::NoSuchChange { .. })));

    let mut altered = steps.clone();
    altered[0].term = a;
    assert!(matches!(again(&altered), Err(Rejection::NoSuchChange { .. })));

    let mut turned = steps.clone();
    turned[0].backward = !turned[0].backward;
    assert!(again(&turned).is_err());

    assert!(matches!(again(&steps[..steps.len() - 1]), Err(Rejection::End)));
    let mut skipped = steps.clone();
    skipped.remove(0);
    assert!(again(&skipped).is_err());
}

#[test]
fn a_condition_that_does_not_hold_is_rejected() {
    let (graph, mut terms) = (graph(), Terms::default());
    for (from, to, rule) in [
        ("(cos (acos ?x))", "?x", "cos acos a = a"),
        ("(div ?x ?x)", "1", "a/a = 1"),
        ("(sqrt (mul ?x ?x))", "?x", "sqrt(aa) = a"),
        ("(exp (ln ?x))", "?x", "exp ln a = a"),
        ("(mean[i] ?c)", "?c", "mean r = r"),
    ] {
        let (a, b) = (term(&mut terms, from), term(&mut terms, to));
        let step = RawStep { rule: rule.into(), backward: false, term: b };
        let found = check(&graph, &mut terms, a, b, &rules::all(), &[step]);
        assert!(matches!(found, Err(Rejection::Condition { .. })), "{from}: {found:?}");
    }
}

#[test]
fn numbers_reject_what_a_wrong_rule_proves() {
    let wrong = Row { name: "sqrt", left: "(sqrt (mul ?a ?a))", right: "?a", needs: &[] };
    let mut with: Vec<Rule> = rules::all();
    with.extend(wrong.read());
    let (graph, mut terms) = (graph(), Terms::default());
    let (a, b) = (term(&mut terms, "(sqrt (mul ?x ?x))"), term(&mut terms, "?x"));
    match prove(&graph, &mut terms, a, b, &with, Limits::default()) {
        Ok(steps) => {
            let found = check(&graph, &mut terms, a, b, &with, &steps);
            assert!(matches!(found, Err(Rejection::Value { .. })), "{found:?}");
        }
        // The ranges may see it first.
        Err(NoProof::Contradiction(_)) => {}
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_wrong_rule_that_contradicts_ranges_is_noticed() {
    let wrong = Row { name: "exp", left: "(exp ?a)", right: "(neg (exp ?a))", needs: &[] };
    let mut with: Vec<Rule> = rules::all();
    with.extend(wrong.read());
    let (graph, mut terms) = (graph(), Terms::default());
    let (a, b) = (term(&mut terms, "(exp ?x)"), term(&mut terms, "(exp ?s)"));
    let found = prove(&graph, &mut terms, a, b, &with, Limits::default());
    assert!(matches!(found, Err(NoProof::Contradiction(_))), "{found:?}");
}

#[test]
fn what_is_false_is_not_proved() {
    let (graph, mut terms) = (graph(), Terms::default());
    let limits = Limits { milliseconds: 300, ..Limits::default() };
    for (from, to) in
        [("(div (sub ?x ?x) (sub ?x ?x))", "1"), ("(sqrt (mul ?x ?x))", "?x"), ("(mul ?s ?c)", "?c")]
    {
        let (a, b) = (term(&mut terms, from), term(&mut terms, to));
        let found = prove(&graph, &mut terms, a, b, &rules::all(), limits);
        assert!(matches!(found, Err(NoProof::NotFound(_))), "{from}: {found:?}");
    }
}
