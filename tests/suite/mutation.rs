//! The verifier's own examination: mistakes that a person would make, and whether `verify` finds them.
//!
//! docs/mutation.md holds the result and is kept equal: `MARLO_UPDATE_DOCS=1 cargo test -p marlo-tests mutation` writes it.

use std::fmt::Write as _;

use marlo::eval::outcome;
use marlo::graph::Id;
use marlo::lang::{Compiled, parse};
use marlo::loss::{Gradient, Loss};
use marlo::op::{At, Op};
use marlo::specs::{self, Shipped, Spec};
use marlo_verify::cases;
use marlo_verify::claims::{self, Effort};
use marlo_verify::gradient::check_derivative;
use marlo_verify::laws::{Limits, decide_losses};
use marlo_verify::mutate::mutants;
use marlo_verify::report::of_law;

/// Mistakes that change nothing, and why: no verifier can find them.
const HARMLESS: [(&str, &str, &str); 11] = [
    ("arcface_fallback", "in `f`: - became +", "cos(π + m) is cos(π - m)"),
    ("arcface_fallback", "+ for - at sub", "cos(π + m) is cos(π - m)"),
    ("sphereface", "in `n`: `n` detached", "a floor has no derivative"),
    ("mv_am_fixed", "in `h`: `h` detached", "h holds hyperparameters alone"),
    ("mv_arc_fixed", "in `h`: `h` detached", "h holds hyperparameters alone"),
    ("mv_am_adaptive", "in `f`: 2 * s for s", "a margin does not hold s"),
    ("mv_am_fixed", "in `f`: 2 * s for s", "a margin does not hold s"),
    ("mv_arc_adaptive", "in `f`: 2 * s for s", "a margin does not hold s"),
    ("mv_arc_fixed", "in `f`: 2 * s for s", "a margin does not hold s"),
    ("sv_am", "in `f`: 2 * s for s", "a margin does not hold s"),
    ("sv_arc", "in `f`: 2 * s for s", "a margin does not hold s"),
];

/// How a mutant fared.
enum Fate {
    /// It does not compile.
    Rejected,
    /// A claim or law was refuted.
    Refuted,
    /// Nothing was refuted.
    Survived,
}

/// The fate of a program: compiled, then its claims and laws, until one is refuted.
fn fate(source: &str) -> Fate {
    let Ok(compiled) = marlo::compile(source, &Shipped::default()) else { return Fate::Rejected };
    if refuted(&compiled) { Fate::Refuted } else { Fate::Survived }
}

fn refuted(compiled: &Compiled) -> bool {
    // No proof is waited for: what counts is whether the mistake is found.
    let limits = Limits { nodes: 1, rounds: 1, milliseconds: 1 };
    let effort = Effort { boxes: 1, cases: 60 };
    let loss = &compiled.loss;
    let law = |law: &marlo::lang::Law| {
        of_law(loss, &loss.name, law, decide_losses(&law.left, &law.right, limits)).0.is_refuted()
    };
    compiled.laws.iter().any(law)
        || compiled.claims.iter().any(|claim| claims::decide(loss, claim, effort).is_refuted())
}

/// The gradient of a loss with one operation of it changed, by name.
fn wrong_gradients(loss: &Loss) -> Vec<(String, Gradient)> {
    let right = loss.gradient();
    let needed = right.loss.graph.reachable(&[right.target, right.other]);
    let mut found = Vec::new();
    for id in right.loss.graph.ids().filter(|id| needed[id.index()]) {
        let op = right.loss.graph.op(id);
        let args = right.loss.graph.args(id).to_vec();
        let mut keep = |what: &str, change: &dyn Fn(&mut Gradient) -> Id| {
            let mut wrong = right.clone();
            let other = change(&mut wrong);
            let graph = &mut wrong.loss.graph;
            let swapped = marlo_verify::mutate::replaced(graph, &[wrong.target, wrong.other], id, other);
            if wrong.loss.graph.shape(swapped[0]) <= marlo::shape::Shape::Row {
                (wrong.target, wrong.other) = (swapped[0], swapped[1]);
                found.push((format!("{what} at {}", op.entry().name), wrong));
            }
        };
        let other = |op: Op| move |g: &mut Gradient, args: &[Id]| g.loss.graph.add(op, args);
        match op {
            Op::Neg => keep("a sign left out", &|_| args[0]),
            Op::Add => {
                keep("- for +", &|g| other(Op::Sub)(g, &args));
                keep("a term left out", &|_| args[0]);
                keep("a term left out", &|_| args[1]);
            }
            Op::Sub => keep("+ for -", &|g| other(Op::Add)(g, &args)),
            Op::Mul => {
                keep("a factor left out", &|_| args[0]);
                keep("a factor left out", &|_| args[1]);
            }
            Op::Select => keep("branches swapped", &|g| other(Op::Select)(g, &[args[0], args[2], args[1]])),
            Op::Lt => keep("mask inverted", &|g| other(Op::Lt)(g, &[args[1], args[0]])),
            Op::SinRatio => keep("cos for sin", &|g| other(Op::CosAngle)(g, &args)),
            Op::Sigmoid => keep("the opposite probability", &|g| {
                let minus = g.loss.graph.add(Op::Neg, &args);
                g.loss.graph.add(Op::Sigmoid, &[minus])
            }),
            Op::Input(0, At::Other) => {
                keep("[y] for [k]", &|g| g.loss.graph.add(Op::Input(0, At::Target), &[]));
            }
            Op::Div => keep("a divisor left out", &|_| args[0]),
            _ => {}
        }
    }
    found
}

/// The wrong gradients that the check lets pass.
fn unseen(loss: &Loss) -> (usize, Vec<String>) {
    let drawn = cases::cases(loss, 52, 3);
    let wrong = wrong_gradients(loss);
    let count = wrong.len();
    let passes = |gradient: &Gradient| {
        let found = check_derivative(loss, &|batch| Ok(outcome(gradient, batch).gradient), &drawn, 4.0);
        found.holds()
    };
    (count, wrong.into_iter().filter(|w| passes(&w.1)).map(|w| w.0).collect())
}

/// The mistakes in a spec: how many were rejected, how many refuted, and those that survived.
fn examine(spec: &Spec) -> (usize, usize, Vec<String>) {
    let (file, _) = parse(spec.source);
    let (mut rejected, mut found, mut survivors) = (0, 0, Vec::new());
    for mutant in mutants(&file) {
        match fate(&mutant.source) {
            Fate::Rejected => rejected += 1,
            Fate::Refuted => found += 1,
            Fate::Survived => survivors.push(mutant.mistake),
        }
    }
    (rejected, found, survivors)
}

#[test]
fn mistakes_are_found() {
    let mut rows = String::new();
    let (mut notes, mut changed_nothing) = (String::new(), String::new());
    let (mut all, mut killed) = ([0; 2], [0; 2]);
    for spec in specs::ALL {
        let loss = specs::compile(spec.name).expect("shipped specs compile").loss;
        let (rejected, found, survivors) = examine(spec);
        let (wrong, unseen) = unseen(&loss);
        all[0] += found + survivors.len();
        killed[0] += found;
        all[1] += wrong;
        killed[1] += wrong - unseen.len();
        let _ = writeln!(
            rows,
            "| {} | {rejected} | {found} of {} | {} of {wrong} |",
            spec.name,
            found + survivors.len(),
            wrong - unseen.len()
        );
        for (what, left) in [("the program", survivors), ("the gradient", unseen)] {
            for mistake in left {
                let harmless = HARMLESS.iter().find(|h| h.0 == spec.name && mistake == h.1);
                let (list, why) = match harmless {
                    Some((_, _, why)) => (&mut changed_nothing, format!(": {why}")),
                    None => (&mut notes, String::new()),
                };
                let _ = writeln!(list, "- {}, {what}: {mistake}{why}", spec.name);
            }
        }
    }
    let left = if notes.is_empty() { "None.\n".to_owned() } else { notes };
    let text = format!(
        "# The verifier examined\n\n\
         Each shipped spec is broken in the ways that a person would break it, one at a time, and verified again. A mistake\n\
         in the program is found when the compiler rejects it, or a claim or law of the spec is refuted. A mistake in the\n\
         derived gradient is found when the comparison with dual numbers of 256 bits fails.\n\n\
         Written by `MARLO_UPDATE_DOCS=1 cargo test -p marlo-tests mutation`, and kept equal by that test.\n\n\
         Found: {} of {} mistakes in programs that compile, {} of {} in gradients.\n\n\
         | loss | does not compile | programs found | gradients found |\n|---|---|---|---|\n{rows}\n\
         ## Survivors\n\n{left}\n## Survivors that change nothing\n\n{changed_nothing}",
        killed[0], all[0], killed[1], all[1]
    );
    crate::docs::kept("mutation.md", &text);
}
