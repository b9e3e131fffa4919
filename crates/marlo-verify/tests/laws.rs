//! Laws: those of the shipped specs, those of the papers, and false ones.

use std::path::PathBuf;
use std::time::Instant;

use marlo_ir::loss::{Loss, Role};
use marlo_ir::op::{At, Op};
use marlo_lang::{Compiled, Library, compile};
use marlo_verify::laws::{Gradients, LawVerdict, Limits, Sameness, decide, decide_losses, equal, print};

/// The shipped specs, by name.
struct Specs;

fn files() -> Vec<PathBuf> {
    let specs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../specs");
    let folders = std::fs::read_dir(specs).expect("the specs").flatten();
    let inside = folders.flat_map(|f| std::fs::read_dir(f.path()).into_iter().flatten().flatten());
    let mut files: Vec<PathBuf> = inside.map(|f| f.path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "loss"));
    files.sort();
    files
}

impl Library for Specs {
    fn source(&self, name: &str) -> Option<String> {
        let file = files().into_iter().find(|f| f.file_stem().is_some_and(|s| s == name))?;
        std::fs::read_to_string(file).ok()
    }

    fn names(&self) -> Vec<String> {
        files().iter().filter_map(|f| f.file_stem()).map(|s| s.to_string_lossy().into_owned()).collect()
    }
}

fn compiled(text: &str) -> Compiled {
    compile(text, &Specs).unwrap_or_else(|e| panic!("{text}\n{e:#?}"))
}

fn loss(header: &str, body: &str) -> Loss {
    compiled(&format!("loss a({header}) {{\n{body}\n}}\n")).loss
}

/// One line about a verdict: normal form, steps of the e-graph's proof, gradients.
fn line(verdict: &LawVerdict) -> String {
    match verdict {
        LawVerdict::Proved { normal_form, rewriting, gradients, .. } => {
            let steps = match rewriting {
                Ok(steps) => format!("{} steps", steps.len()),
                Err(why) => format!("no steps: {why}"),
            };
            let gradients = if matches!(gradients, Gradients::Agree { .. }) { "too" } else { "DIFFER" };
            format!("proved; normal form {normal_form}; {steps}; gradients {gradients}")
        }
        other => format!("{other:?}"),
    }
}

fn start_of(law: &str) -> String {
    law.split_whitespace().take(8).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_laws_of_all_specs_are_proved_in_both_ways() {
    let mut count = 0;
    let mut less: Vec<String> = Vec::new();
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("readable");
        for law in compiled(&text).laws {
            let source = &text[law.source.span.start..law.source.span.end];
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let start = Instant::now();
            let verdict = decide(&law);
            let ms = start.elapsed().as_secs_f64() * 1e3;
            println!("{name:24} {source:48} {ms:7.1} ms  {}", line(&verdict));
            count += 1;
            let LawVerdict::Proved { normal_form, rewriting, side_conditions, gradients } = verdict else {
                less.push(format!("{name}: {}: checked", start_of(source)));
                continue;
            };
            if !normal_form || rewriting.is_err() {
                less.push(format!("{name}: {}: in one way", start_of(source)));
            }
            assert!(side_conditions.iter().all(|c| c.holds), "{name}");
            assert!(matches!(gradients, Gradients::Agree { cases } if cases > 50), "{name}: {gradients:?}");
        }
    }
    assert!(count >= 40, "{count}");
    // Kept, so that a prover that gets weaker is seen; a new loss adds its lines.
    insta::assert_snapshot!(less.join("\n"));
}

const S: &str = "s: Scale = 32 in 1..128";
const SM: &str = "s: Scale = 32 in 1..128, m: Angle = 0.5 in 0..pi/2";
const SMT: &str = "s: Scale = 32 in 1..128, m: Cosine = 0.35 in 0..1, t: Weight = 0.2 in 0..1";
const CE: &str = "ce(softmax(s * cos[y], s * cos[k]))";

/// Name, header, both sides, and whether the e-graph finds a proof, too.
const TRUE: &[(&str, &str, &str, &str, bool)] = &[
    (
        "the h-form of MV is a modified cosine",
        SMT,
        "let f = cos[y] - m\nlet I = mask(cos[k] > f)\nlet h = indicator(I, exp(s * t * (cos[k] + 1)))\n\
         ce(softmax(s * f, s * cos[k], weight: h))",
        "let f = cos[y] - m\nlet I = mask(cos[k] > f)\n\
         ce(softmax(s * f, if I then s * ((t + 1) * cos[k] + t) else s * cos[k]))",
        true,
    ),
    (
        "the fixed h-form",
        SMT,
        "let f = cos[y] - m\nlet I = mask(cos[k] > f)\nce(softmax(s * f, s * cos[k], weight: indicator(I, exp(s * t))))",
        "let f = cos[y] - m\nlet I = mask(cos[k] > f)\nce(softmax(s * f, s * (cos[k] + (if I then t else 0))))",
        true,
    ),
    ("a shift of all logits", S, CE, "ce(softmax(s * (cos[y] + 1), s * (cos[k] + 1)))", true),
    ("a shift by the target", S, CE, "ce(softmax(0 * cos[y], s * (cos[k] - cos[y])))", true),
    (
        "a common weight",
        S,
        "ce(softmax(s * cos[y], s * cos[k], weight: exp(s)))",
        "ce(softmax(s * (cos[y] - 1), s * cos[k]))",
        true,
    ),
    (
        "the angle addition theorem",
        SM,
        "ce(softmax(s * cos(theta[y] + m), s * cos[k]))",
        "ce(softmax(s * (cos[y] * cos(m) - sqrt(1 - cos[y]^2) * sin(m)), s * cos[k]))",
        true,
    ),
    (
        "the double angle",
        S,
        "ce(softmax(s * cos(2 * theta[y]), s * cos[k]))",
        "ce(softmax(s * (2 * cos[y]^2 - 1), s * cos[k]))",
        true,
    ),
    (
        "four times the angle",
        S,
        "ce(softmax(s * cos(4 * theta[y]), s * cos[k]))",
        "ce(softmax(s * (8 * cos[y]^4 - 8 * cos[y]^2 + 1), s * cos[k]))",
        false,
    ),
    ("−ln of p", S, CE, "let p = softmax(s * cos[y], s * cos[k])\n-ln(p[y])", true),
    ("a sum by hand", S, CE, "ln(exp(s * cos[y]) + sum[k](exp(s * cos[k]))) - s * cos[y]", true),
    ("log1p", S, CE, "log1p(sum[k](exp(s * (cos[k] - cos[y]))))", true),
    ("the maximum", S, "relu(max[k](s * cos[k]) - s * cos[y])", "s * max(max[k](cos[k]) - cos[y], 0)", true),
    ("the size", S, "abs(s * cos[y] - 0.5)", "max(s * cos[y] - 0.5, 0.5 - s * cos[y])", true),
    ("tanh", S, "tanh(s * cos[y])", "2 * sigmoid(2 * s * cos[y]) - 1", true),
    ("softplus", S, "softplus(s * cos[y])", "softplus(-s * cos[y]) + s * cos[y]", true),
    ("the mean of a batch", S, "mean[i](s * cos[y])", "s * mean[i](cos[y])", true),
    (
        "the mean of the classes",
        S,
        "mean[k](s * cos[k] + s * cos[y])",
        "s * mean[k](cos[k]) + s * cos[y]",
        true,
    ),
    (
        "focal, written out",
        "s: Scale = 32 in 1..128, gamma: Weight = 2 in 0..8",
        "focal(softmax(s * cos[y], s * cos[k]), gamma)",
        "let p = softmax(s * cos[y], s * cos[k])\npow(1 - p[y], gamma) * -ln(p[y])",
        true,
    ),
    ("relu is a mask", S, "if cos[y] > 0 then s * cos[y] else 0", "s * relu(cos[y])", true),
    (
        "the opposite mask",
        S,
        "if cos[y] > 0.5 then 1 else cos[y]",
        "if cos[y] <= 0.5 then cos[y] else 1",
        true,
    ),
    ("decimals are what they say", S, "s * cos[y] * (1.2 - 1)", "s * cos[y] * 0.2", true),
    ("a power of an exponential", S, "pow(exp(s * cos[y]), 2)", "exp(2 * s * cos[y])", true),
    ("roots", S, "sqrt(s) * sqrt(s) * cos[y]", "s * cos[y]", true),
];

#[test]
fn the_laws_of_the_papers_are_proved() {
    for (name, header, left, right, steps) in TRUE {
        let start = Instant::now();
        // Two of them take a second where the compiler does not optimise.
        let limits = Limits { milliseconds: if *steps { 20_000 } else { 300 }, ..Limits::default() };
        let verdict = decide_losses(&loss(header, left), &loss(header, right), limits);
        println!("{name:40} {:7.1} ms  {}", start.elapsed().as_secs_f64() * 1e3, line(&verdict));
        let LawVerdict::Proved { normal_form, rewriting, .. } = verdict else {
            panic!("{name}: {verdict:?}")
        };
        assert!(normal_form, "{name}");
        assert!(!steps || rewriting.is_ok(), "{name}: {rewriting:?}");
        if let Ok(steps) = rewriting {
            assert!(print(&steps, 5).lines().count() <= 6);
        }
    }
}

#[test]
fn sv_is_mv_on_another_scale() {
    let header = "s: Scale = 32 in 1..128, m: Cosine = 0.35 in 0..1, t: Weight = 0.2 in 0..1";
    for (sv, mv) in [
        ("sv_am(s, m, 1 + t)", "mv_am_adaptive(s, m, t)"),
        ("sv_softmax(s, 1 + t)", "mv_am_adaptive(s, 0, t)"),
    ] {
        let [left, right] = [sv, mv].map(|call| {
            let name = call.split('(').next().unwrap_or_default();
            compiled(&format!("use {name}\nloss a({header}) {{\n{call} + 0 * m * t\n}}\n")).loss
        });
        let verdict = decide_losses(&left, &right, Limits::default());
        println!("{sv} = {mv}: {}", line(&verdict));
        assert!(matches!(verdict, LawVerdict::Proved { normal_form: true, .. }), "{verdict:?}");
    }
}

/// Name, header and both sides.
const FALSE: &[(&str, &str, &str, &str)] = &[
    (
        "t in place of t + 1",
        SMT,
        "let f = cos[y] - m\nlet I = mask(cos[k] > f)\nlet h = indicator(I, exp(s * t * (cos[k] + 1)))\n\
         ce(softmax(s * f, s * cos[k], weight: h))",
        "let f = cos[y] - m\nlet I = mask(cos[k] > f)\nce(softmax(s * f, if I then s * (t * cos[k] + t) else s * cos[k]))",
    ),
    (
        "a wrong sign",
        SM,
        "ce(softmax(s * cos(theta[y] + m), s * cos[k]))",
        "ce(softmax(s * (cos[y] * cos(m) + sqrt(1 - cos[y]^2) * sin(m)), s * cos[k]))",
    ),
    (
        "sin for cos",
        SM,
        "ce(softmax(s * cos(theta[y] + m), s * cos[k]))",
        "ce(softmax(s * sin(theta[y] + m), s * cos[k]))",
    ),
    (
        "a thousandth more",
        SMT,
        "ce(softmax(s * (cos[y] - m), s * cos[k]))",
        "ce(softmax(s * (cos[y] - (m + 1e-3)), s * cos[k]))",
    ),
    ("a millionth more", SMT, "s * (cos[y] - m)", "s * (cos[y] - (m + 1e-6))"),
    (
        "a wrong coefficient",
        S,
        "ce(softmax(s * cos(3 * theta[y]), s * cos[k]))",
        "ce(softmax(s * (4 * cos[y]^3 - 2 * cos[y]), s * cos[k]))",
    ),
    ("the mean is no sum", S, "sum[k](s * cos[k])", "mean[k](s * cos[k])"),
    ("a mask that forgets", S, CE, "if cos[y] > -0.9 then ce(softmax(s * cos[y], s * cos[k])) else 0"),
    ("the root of a square", S, "sqrt(cos[y]^2) * s", "s * cos[y]"),
];

#[test]
fn false_laws_are_refuted_with_numbers() {
    for (name, header, left, right) in FALSE {
        let verdict = decide_losses(&loss(header, left), &loss(header, right), Limits::default());
        let LawVerdict::Refuted { counterexample } = verdict else { panic!("{name}: {verdict:?}") };
        println!("{name}: {counterexample:?}");
        assert!((counterexample.left - counterexample.right).abs() > 0.0);
        assert_eq!(counterexample.what, "loss");
        // The simple ones come first: one row, two classes.
        assert!(counterexample.labels.len() == 1 && counterexample.classes <= 3, "{name}");
    }
}

#[test]
fn a_stop_gradient_is_reported() {
    let body = "let f = cos[y] + detach(cos(theta[y] + m) - cos[y])\nce(softmax(s * f, s * cos[k]))";
    let left = loss(SM, body);
    let right = loss(SM, "ce(softmax(s * cos(theta[y] + m), s * cos[k]))");
    let verdict = decide_losses(&left, &right, Limits::default());
    let LawVerdict::Proved { gradients: Gradients::Differ(at), .. } = verdict else { panic!("{verdict:?}") };
    assert!(at.what.contains("label"), "{at:?}");
}

#[test]
fn a_law_that_holds_only_in_part_is_not_proved() {
    let verdict = decide_losses(
        &loss("s: Real = 2 in 0..4", "s * cos[y] / s"),
        &loss("s: Real = 2 in 0..4", "cos[y]"),
        Limits::default(),
    );
    let LawVerdict::Checked { why_not_proved, cases, .. } = &verdict else { panic!("{verdict:?}") };
    assert!(why_not_proved.contains("s ≠ 0") && *cases > 50, "{verdict:?}");
}

#[test]
fn derived_gradients_are_those_of_the_papers() {
    // ∂/∂cos[y] and ∂/∂cos[k] in terms of s, p_y, p_k, as the papers have them.
    let mut cross_entropy = loss(S, CE).row_gradient();
    let named = |role| move |n: &&marlo_ir::loss::Named| n.role == role;
    let names = cross_entropy.loss.names.clone();
    let graph = &mut cross_entropy.loss.graph;
    let p = names.iter().find(named(Role::PTarget)).expect("p_y").id;
    let q = names.iter().find(named(Role::POther)).expect("p_k").id;
    let (s, one) = (graph.add(Op::Param(0), &[]), graph.number(1.0));
    let less = graph.add(Op::Sub, &[p, one]);
    let by_target = graph.add(Op::Mul, &[s, less]);
    let by_other = graph.add(Op::Mul, &[s, q]);
    let wrong = graph.add(Op::Mul, &[s, p]);
    for (derived, paper) in [(cross_entropy.target, by_target), (cross_entropy.other, by_other)] {
        let found = equal(graph, derived, paper, Limits::default());
        assert_eq!(found.normal_form, Sameness::Equal);
        assert!(found.rewriting.is_ok(), "{:?}", found.rewriting);
        assert!(found.side_conditions.iter().all(|c| c.holds), "{found:?}");
    }
    let quick = Limits { milliseconds: 200, ..Limits::default() };
    assert_ne!(equal(graph, cross_entropy.target, wrong, quick).normal_form, Sameness::Equal);
}

#[test]
fn the_gradient_of_a_margin_is_known_away_from_its_poles() {
    // ArcFace: ∂/∂cos[y] = s·(p − 1)·sin(θ + m)/sin θ, where cos θ ≠ ±1.
    let mut arcface = loss(SM, "ce(softmax(s * cos(theta[y] + m), s * cos[k]))").row_gradient();
    let names = arcface.loss.names.clone();
    let graph = &mut arcface.loss.graph;
    let p = names.iter().find(|n| n.role == Role::PTarget).expect("p_y").id;
    let (s, m, one) = (graph.add(Op::Param(0), &[]), graph.add(Op::Param(1), &[]), graph.number(1.0));
    let c = graph.add(Op::Input(0, At::Target), &[]);
    let theta = graph.add(Op::Acos, &[c]);
    let turned = graph.add(Op::Add, &[theta, m]);
    let (above, below) = (graph.add(Op::Sin, &[turned]), graph.add(Op::Sin, &[theta]));
    let ratio = graph.add(Op::Div, &[above, below]);
    let less = graph.add(Op::Sub, &[p, one]);
    let scaled = graph.add(Op::Mul, &[s, less]);
    let paper = graph.add(Op::Mul, &[scaled, ratio]);
    let found = equal(graph, arcface.target, paper, Limits { milliseconds: 300, ..Limits::default() });
    assert_eq!(found.normal_form, Sameness::Equal);
    assert!(found.side_conditions.iter().any(|c| c.text == "cos[y] ≠ ±1" && !c.holds), "{found:?}");
}

/// A quotient that is 0 where its numerator is must not be taken for one that never is.
#[test]
fn quotients_that_may_be_0_are_no_proof() {
    let header = "s: Scale = 32 in 1..128, norm[i]: Norm";
    let body = "s * (1 - cos[y]) + s * norm[i]";
    for other in [
        "s * (1 - cos[y]) + (if norm[i] / (norm[i] + 1) > 0 then s * norm[i] else s * 1)",
        "s * (1 - cos[y]) + s * norm[i] + (if norm[i] / (norm[i] + 1) == 0 then 1 else 0)",
        "s * (1 - cos[y]) + s * norm[i] + ln(norm[i] / (norm[i] + 1)) - ln(norm[i] / (norm[i] + 1))",
        "(s * (1 - cos[y]) + s * norm[i]) * ((norm[i] / (norm[i] + 1)) / (norm[i] / (norm[i] + 1)))",
        "s * (1 - cos[y]) + s * norm[i] + s * cos[y] * (if theta[y] / (theta[y] + 1) > 0 then 0 else 1)",
    ] {
        let (left, right) = (loss(header, body), loss(header, other));
        let verdict = decide_losses(&left, &right, Limits::default());
        assert!(!matches!(verdict, LawVerdict::Proved { .. }), "{other}: {verdict:?}");
    }
}

/// Equal values do not prove equal gradients where one hides behind a stop-gradient.
#[test]
fn a_gradient_behind_a_stop_is_asked_for_itself() {
    let left = loss(S, "s * (1 - cos[y])");
    let right = loss(S, "s * (1 - (if cos[y] > 0.501 and cos[y] < 0.5015 then detach(cos[y]) else cos[y]))");
    let verdict = decide_losses(&left, &right, Limits::default());
    assert!(!matches!(verdict, LawVerdict::Proved { gradients: Gradients::Agree { .. }, .. }), "{verdict:?}");
}
