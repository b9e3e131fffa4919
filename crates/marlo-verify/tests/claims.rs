//! Claims: those of the shipped specs, the well-known truths, and false ones.

use std::path::{Path, PathBuf};

use marlo_lang::{Compiled, Library, compile};
use marlo_verify::border::borders;
use marlo_verify::claims::{Effort, decide};
use marlo_verify::verdict::Verdict;

/// The shipped specs, by name.
struct Specs;

fn files() -> Vec<PathBuf> {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs");
    let families = std::fs::read_dir(specs).expect("the specs").flatten();
    let mut files: Vec<PathBuf> = families
        .flat_map(|family| std::fs::read_dir(family.path()).into_iter().flatten().flatten())
        .map(|file| file.path())
        .collect();
    files.sort();
    files
}

impl Library for Specs {
    fn source(&self, name: &str) -> Option<String> {
        let file = files().into_iter().find(|file| file.file_stem().is_some_and(|stem| stem == name))?;
        std::fs::read_to_string(file).ok()
    }
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

fn compiled(text: &str) -> Compiled {
    compile(text, &Specs).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"))
}

/// What is said of each claim of a program.
fn verdicts(text: &str) -> Vec<Verdict> {
    let compiled = compiled(text);
    compiled.claims.iter().map(|claim| decide(&compiled.loss, claim, Effort::default())).collect()
}

#[test]
fn every_claim_of_the_specs_is_proved() {
    let mut count = 0;
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("it can be read");
        for verdict in verdicts(&text) {
            assert!(matches!(verdict, Verdict::Proved { .. }), "{}: {verdict}", file.display());
            count += 1;
        }
    }
    assert!(count >= 80, "{count}");
}

/// Values that claims are made of.
const OWN: &str = "loss own(s: Scale = 32 in 1..128, m: Angle = 0.5 in 0..pi/2, n: Factor = 4 in 1..8, a: Real = 1 in 0..) {
    let arc = cos(theta[y] + m)
    let multiple = cos(n * theta[y])
    let whole = floor(n * theta[y] / pi)
    let psi = (-1)^whole * multiple - 2 * whole
    let fallback = if cos[y] > cos(pi - m) then arc else cos[y] - m * sin(m)
    let up = if cos[y] > 0 then cos[y] else cos[y] + 1
    let down = if cos[y] > 0 then cos[y] else cos[y] - 1
    let held = cos[y] + detach(arc - cos[y])
    let p = softmax(s * arc, s * cos[k])
    ce(p) + 0 * (psi + fallback + up + down + held + a)
}
";

const PROVED: &[&str] = &[
    // The well-known truths.
    "decreasing(arc, theta[y] in 0..pi - m)",
    "decreasing(fallback, theta[y] in 0..pi)",
    "decreasing(psi, theta[y] in 0..pi)",
    "decreasing(cos[y] - 0.35, theta[y] in 0..pi)",
    "decreasing(held, theta[y] in 0..pi - m)",
    // Steps, corners, other variables.
    "increasing(down, cos[y] in -1..1)",
    "decreasing(floor(3 * cos[y]), theta[y] in 0..pi)",
    "decreasing(max(cos[y], 0), theta[y] in 0..pi)",
    "increasing(abs(cos[y]), cos[y] in 0..1)",
    "decreasing(cos(m), m in 0..pi / 2)",
    "increasing(cos[k] - cos[y], cos[k] in -1..1)",
    "decreasing(cos[k] - cos[y], cos[y] in -1..1)",
    "increasing(exp(s) * a, s in 1..128)",
    // Ranges.
    "bounded(p[y], 0, 1)",
    "bounded(p[k], 0, 1)",
    "bounded(arc, -1, 1)",
    "bounded(cos[y] - cos[k], -2, 2)",
    "bounded(mean[k](cos[k]), -1, 1)",
    "bounded(max[k](cos[k]) - cos[k], 0, 2)",
    "bounded(whole, 0, 8)",
    "nonnegative(lse[k](s * cos[k]) - s * cos[k])",
    "nonnegative(cos(m) + m * sin(m) - 1)",
    "nonnegative(if cos[y] > 0 then ln(1 + cos[y]) else 0)",
    "pushes_others",
];

const REFUTED: &[&str] = &[
    "decreasing(arc, theta[y] in 0..pi)",
    "decreasing(multiple, theta[y] in 0..pi)",
    "decreasing(held, theta[y] in 0..pi)",
    "pulls_target",
    "increasing(up, cos[y] in -1..1)",
    "decreasing(fallback, cos[y] in -1..1)",
    "bounded(arc, -0.9, 1)",
    "bounded(p[k], 0, 0.5)",
    "nonnegative(arc)",
    "nonnegative(ln(s) - 1)",
    "increasing(cos[k] - cos[y], cos[y] in -1..1)",
    "increasing(cos(m), m in 0..pi / 2)",
];

/// True, but not to be shown by these means; and nothing is said that was not shown.
const UNKNOWN: &[&str] = &[
    "decreasing(multiple, theta[y] in 0..pi / n)",
    "nonnegative(4 + n^2 - 4 * n)",
    "bounded(sin(theta[y])^2 + cos[y]^2, 0, 1)",
];

#[test]
fn claims_are_proved_refuted_or_left_open() {
    let say = |claim: &str| verdicts(&format!("{OWN}\nprove {claim}\n")).remove(0);
    for claim in PROVED {
        let verdict = say(claim);
        assert!(matches!(verdict, Verdict::Proved { .. }), "{claim}: {verdict}");
    }
    for claim in REFUTED {
        match say(claim) {
            Verdict::Refuted { replay: Some(replay), .. } => {
                assert!(replay.starts_with("marlo eval own --row="), "{replay}")
            }
            other => panic!("{claim}: {other}"),
        }
    }
    for claim in UNKNOWN {
        let verdict = say(claim);
        assert!(matches!(verdict, Verdict::Unknown { .. }), "{claim}: {verdict}");
    }
}

#[test]
fn what_overflows_is_not_finite() {
    let say = |body: &str| {
        let text =
            format!("loss own(s: Scale = 32 in 1..128, a: Real = 1 in 0..) {{ {body} }}\nprove finite\n");
        verdicts(&text).remove(0).word()
    };
    for (body, word) in [
        ("ce(softmax(s * cos[y], s * cos[k]))", "proved"),
        ("exp(exp(s * cos[y]))", "REFUTED"),
        ("ln(cos[y] + 1) + 0 * s", "REFUTED"),
        ("1 / (cos[y] + 1 + 1 / s)", "proved"),
        // Its derivative is infinite at cos = -1.
        ("sqrt(cos[y] + 1) + 0 * s", "REFUTED"),
        ("if cos[y] > -0.5 then ln(cos[y] + 1) else 0 * s", "proved"),
        // a has no upper end: up to 1e30 it is tried, and e^a overflows long before.
        ("exp(a) * cos[y]", "REFUTED"),
        ("a * cos[y]", "proved"),
    ] {
        assert_eq!(say(body), word, "{body}");
    }
}

/// Where MV's mask comes on, its loss jumps by ln(1 + p_k·(h − 1)).
#[test]
fn the_jump_of_mv_is_measured_and_has_a_formula() {
    let loss = compiled(&Specs.source("mv_am_fixed").expect("it ships")).loss;
    let found = borders(&loss);
    let [border] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(border.place, "cos θ_k = f");
    assert_eq!(border.step, Some(("the logit of class k".into(), "s·t".into())));
    let jump = border.jump.clone().expect("it was found");
    // s = 32, t = 0.2: on both sides L = ln(1 + x) and ln(1 + x·h) up to the other classes.
    let (on, off) = (jump.sides.0.max(jump.sides.1), jump.sides.0.min(jump.sides.1));
    assert!(((on - off) - jump.loss).abs() < 1e-12 && jump.places > 4);
    let h = (32.0_f64 * 0.2).exp();
    // The largest jump is met where class k is the only rival: p_k = 1 − e^(−off).
    let formula = (1.0 + (1.0 - (-off).exp()) * (h - 1.0)).ln();
    assert!((jump.loss - formula).abs() < 1e-3, "{} and {formula}", jump.loss);
}

/// A corner is no step, and what hyperparameters decide is no border.
#[test]
fn continuous_borders_are_told() {
    let place = |body: &str| {
        let found = borders(&compiled(&format!("loss own(m: Factor = 2 in 1..4) {{ {body} }}")).loss);
        found.iter().map(|b| b.jump.as_ref().is_some_and(|j| j.is_continuous())).collect::<Vec<bool>>()
    };
    assert_eq!(place("if cos[y] > 0 then cos[y] else 2 * cos[y] + 0 * m"), [true]);
    assert_eq!(place("if cos[y] > 0 then cos[y] else 2 * cos[y] + 1 + 0 * m"), [false]);
    assert_eq!(place("cos[y] * floor(m)"), [] as [bool; 0]);
}

/// False claims that once were, or could be, taken for true: a value that jumps between the corners of its parameters, a
/// stop-gradient that hides a slope, a pole, a corner outside of a claim's range, odd powers, two borders in one place,
/// masks inside reductions, derivatives that are sums over classes or samples, a share.
const TRAPS: &[&str] = &[
    "nonnegative(if u > 0.501 and u < 0.502 then -1 else 1)",
    "bounded(if floor(10000 * u) == 5013 then -1 else 1, 0, 2)",
    "nonnegative(1 - 2 * (floor(u + 0.4985) - floor(u + 0.4975)))",
    "nonnegative(detach((u - 0.505)^2 - 0.000001))",
    "nonnegative(1 / (u - 0.505) + 500)",
    "decreasing((u - 0.499)^2, u in 0..0.5)",
    "decreasing(if u * u > t then (t - 0.805) * 2 else 0, u in 0..0.9)",
    "nonnegative(min(100000 * (cos[y] + 0.9395) * (cos[y] + 0.9305), 1)^65)",
    "decreasing(-10 * u + (if u > 0.5 and 2 * u > 1 then 0.01 else 0), u in 0..1)",
    "decreasing(-10 * u + floor(u + 0.3) * floor(2 * u + 0.6) * 0.01, u in 0..1)",
    "increasing(min(abs(sum[k](if cos[k] > cos[y] then 1 else 0) - 1), 1), cos[y] in -1..1)",
    "decreasing(max[k](if cos[k] > cos[y] then 1 else 0) * sum[k](cos[k] - cos[y]), cos[y] in -1..1)",
    "increasing(1.5 * mean[k](cos[k]) - cos[k], cos[k] in -1..1)",
    "increasing(2 * mean[i](cos[y]) - cos[y], cos[y] in -1..1)",
    "increasing(top[i](1 - cos[y], u), u in 0..1)",
];

#[test]
fn no_trap_is_taken_for_proved() {
    for claim in TRAPS {
        let text = format!(
            "loss own(u: Real = 0.3 in 0..1, t: Real = 0.5 in 0..1) {{ 1 - cos[y] + 0 * (u + t) }}\nprove {claim}\n"
        );
        let verdict = verdicts(&text).remove(0);
        assert!(!matches!(verdict, Verdict::Proved { .. }), "{claim}: {verdict}");
    }
    // The derivative jumps to the other sign between two values of a hyperparameter.
    let text =
        "loss own(u: Real = 0.3 in 0..1) { (1 - cos[y]) * (if u > 0.501 and u < 0.502 then -1 else 1) }
prove pulls_target";
    assert!(!matches!(verdicts(text).remove(0), Verdict::Proved { .. }));
}

/// True claims that rounding makes look false, and ranges that reach past what x can be.
#[test]
fn rounding_refutes_nothing() {
    for claim in [
        "nonnegative((u + cos[y]) - u - cos[y])",
        "nonnegative((u + cos[y])^2 - u^2 - 2 * u * cos[y])",
        "nonnegative(10000000000 * (cos(theta[y] + m) - (cos[y] * cos(m) - sin(theta[y]) * sin(m))))",
        "decreasing(cos(theta[y]), theta[y] in 0..2 * pi)",
        "decreasing(cos(m), m in 0..2 * pi)",
    ] {
        let text = format!(
            "loss own(u: Real = 1 in 0.., m: Angle = 0.5 in 0..pi/2) {{ 1 - cos[y] + 0 * (u + sin(m)) }}\nprove {claim}\n"
        );
        let verdict = verdicts(&text).remove(0);
        assert!(!verdict.is_refuted(), "{claim}: {verdict}");
    }
}
