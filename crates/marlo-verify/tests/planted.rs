//! Twelve bugs planted into a gradient that is right: the check finds every one, and finds nothing where there is none.
//!
//! The loss is ArcFace of two classes with the branch that published codes take past θ + m = π. Of these bugs the
//! tolerances in use elsewhere (gradcheck, 1e-3, …) miss between eight and twelve.

use marlo_ir::eval::{Batch, Scalar};
use marlo_ir::loss::Loss;
use marlo_verify::cases::{Case, cases};
use marlo_verify::gradient::{Effort, check_derivative};
use num_traits::Float;

const ARCFACE: &str = "loss arcface(s: Scale = 64 in 1..128, m: Angle = 0.5 in 0..pi/2) {
    let f = if cos[y] > cos(pi - m) then cos(theta[y] + m) else cos[y] - m * sin(m)
    ce(softmax(s * f, s * cos[k]))
}";

/// What is wrong with a gradient.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Bug {
    None,
    Times(f64),
    /// √(1 − c² + ε) for sin θ.
    Cushion(f64),
    BranchForgotten,
    ClampKillsGradient,
    AbsoluteCosine,
    TailFlushed,
    Single,
    UnmarginedProbability,
}

const BUGS: [Bug; 12] = [
    Bug::Times(1e-6),
    Bug::Times(1e-4),
    Bug::Times(9e-4),
    Bug::Times(5e-2),
    Bug::Cushion(1e-5),
    Bug::Cushion(1e-9),
    Bug::BranchForgotten,
    Bug::ClampKillsGradient,
    Bug::AbsoluteCosine,
    Bug::TailFlushed,
    Bug::Single,
    Bug::UnmarginedProbability,
];

/// ∂L/∂cos_y and ∂L/∂cos_k of one sample, by hand.
fn by_hand<F: Float + Scalar>(c: F, other: F, s: F, m: F, bug: Bug) -> [F; 2] {
    let n = |x: f64| <F as Scalar>::from_f64(x);
    let margin = bug == Bug::BranchForgotten || c > Float::cos(n(std::f64::consts::PI) - m);
    let logit = |margin: bool| {
        if margin { Float::cos(Scalar::acos(c) + m) } else { c - m * Float::sin(m) }
    };
    let f = if bug == Bug::UnmarginedProbability { c } else { logit(margin) };
    let mut wrong = Scalar::sigmoid(s * (other - f));
    if bug == Bug::TailFlushed && wrong < n(1e-4) {
        wrong = F::zero();
    }
    let inside = Scalar::inside(c, F::RESOLUTION);
    let sine = match bug {
        Bug::Cushion(extra) => Float::sqrt((F::one() - c) * (F::one() + c) + n(extra)),
        _ => Scalar::sin_acos(inside),
    };
    let cosine = if bug == Bug::AbsoluteCosine { Float::abs(c) } else { c };
    let mut factor = if margin { Float::cos(m) + cosine * Float::sin(m) / sine } else { F::one() };
    if bug == Bug::ClampKillsGradient && Float::abs(c) > n(1.0 - 1e-4) {
        factor = F::zero();
    }
    let by = |factor: F| match bug {
        Bug::Times(size) => factor * s * wrong * n(1.0 + size),
        _ => factor * s * wrong,
    };
    [-by(factor), by(F::one())]
}

fn gradient(batch: &Batch<f64>, bug: Bug) -> Result<Vec<f64>, String> {
    let (s, m) = (batch.params[0], batch.params[1]);
    let rows = batch.rows as f64;
    let mut found = Vec::new();
    for (row, &label) in batch.matrix.chunks(2).zip(&batch.labels) {
        let (c, other) = (row[label], row[1 - label]);
        let [target, other] = match bug {
            Bug::Single => by_hand(c as f32, other as f32, s as f32, m as f32, bug).map(f64::from),
            _ => by_hand(c, other, s, m, bug),
        };
        let line = if label == 0 { [target, other] } else { [other, target] };
        found.extend(line.map(|g| g / rows));
    }
    Ok(found)
}

/// Cases of two classes, every stratum among them.
fn pairs(loss: &Loss, count: usize, seed: u64) -> Vec<Case> {
    let drawn = cases(loss, 5 * count, seed).into_iter();
    drawn.filter(|case| case.classes == 2).take(count).collect()
}

fn arcface() -> Loss {
    marlo_lang::compile(ARCFACE, &marlo_lang::Empty).expect("the program is right").loss
}

#[test]
fn the_right_gradient_raises_no_alarm() {
    let loss = arcface();
    let slack = Effort::default().slack;
    let (mut entries, mut on_border, mut used) = (0, 0, 0.0_f64);
    for seed in 0..300 {
        let found =
            check_derivative(&loss, &|batch| gradient(batch, Bug::None), &pairs(&loss, 20, seed), slack);
        assert!(found.holds(), "seed {seed}: {found:#?}");
        entries += found.entries;
        on_border += found.on_border;
        used = used.max(found.used);
    }
    println!("right: {entries} entries, {on_border} rows on borders, {used:.2} of the tolerance used");
    assert!(entries > 10_000 && on_border < entries / 20, "{entries} entries, {on_border} on borders");
}

#[test]
fn every_planted_bug_is_found() {
    let loss = arcface();
    let slack = Effort::default().slack;
    let seeds = 10;
    for bug in BUGS {
        let failures = (0..seeds).filter_map(|seed| {
            let cases = pairs(&loss, 52, 1000 + seed);
            check_derivative(&loss, &|batch| gradient(batch, bug), &cases, slack).failure
        });
        let failures: Vec<_> = failures.collect();
        let example = failures.first().map(|f| f.case.replay(&loss, "arcface")).unwrap_or_default();
        println!("{:24} {:3} of {seeds}   {example}", format!("{bug:?}"), failures.len());
        assert_eq!(failures.len(), seeds as usize, "{bug:?}");
        assert!(failures.iter().all(|f| f.case.rows() == 1), "{bug:?}: {failures:#?}");
    }
}
