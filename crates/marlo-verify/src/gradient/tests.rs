use marlo_ir::eval::Batch;
use marlo_ir::loss::Loss;

use super::*;

fn compile(text: &str) -> Loss {
    marlo_lang::compile(text, &marlo_lang::Empty).expect("the program is right").loss
}

const SMALL: Effort = Effort { cases: 52, differences: 13, seed: 3, slack: 4.0 };

fn holds(text: &str, effort: &Effort) -> Report {
    let loss = compile(text);
    let report = check(&loss, &[], effort);
    for pair in &report.pairs {
        assert!(pair.holds(), "{text}\n{pair:#?}");
        assert!(pair.entries > 30, "{text}\n{pair:#?}");
    }
    report
}

#[test]
fn derived_gradients_hold() {
    let programs = [
        "loss arc(s: Scale = 64 in 1..128, m: Angle = 0.5 in 0..pi/2) {
            let f = if cos[y] > 0 then cos(theta[y] + m) else cos[y]
            ce(softmax(s * f, s * cos[k]))
        }",
        "loss raw() { ce(softmax(logit[y], logit[k])) }",
        "loss sphere(s: Scale = 30 in 1..128, m: Factor = 4 in 1..8) {
            ce(softmax(s * cos(m * theta[y]), s * cos[k]))
        }",
        "loss hard(s: Scale = 32 in 1..128, m: Angle = 0.5 in 0..pi/2, t: Weight = 0.2 in 0..1) {
            let f = cos(theta[y] + m)
            let h = indicator(cos[k] > f, exp(s * t * (cos[k] + 1)))
            ce(softmax(s * f, s * cos[k], weight: h))
        }",
        "loss mined(s: Scale = 32 in 1..128, share: Real = 0.9 in 0..1) {
            top[i](ce(softmax(s * cos[y], s * cos[k])), share)
        }",
        "loss curious(prior[k]: Prob) {
            let gap = max[k](cos[k] * prior[k]) - cos[y]
            relu(gap) + 0.1 * abs(gap + 0.3) + detach(cos[y]) * mean[i](cos[y]^2)
        }",
    ];
    for text in programs {
        holds(text, &SMALL);
    }
}

#[test]
fn a_wrong_gradient_comes_out_small() {
    let loss = compile("loss c(s: Scale = 64 in 1..128) { ce(softmax(s * (cos[y] - 0.25), s * cos[k])) }");
    let subject = Subject::of(&loss);
    let wrong = |batch: &Batch<f64>| {
        let mut gradient = subject.derived::<f64>(batch).gradient;
        gradient
            .iter_mut()
            .zip(&batch.matrix)
            .for_each(|(g, &c)| *g *= if c > 0.7 { 1.0 + 1e-9 } else { 1.0 });
        Ok(gradient)
    };
    let found = check_derivative(&loss, &wrong, &cases(&loss, 100, 1), 4.0).failure.expect("it is wrong");
    assert_eq!((found.case.rows(), found.case.classes), (1, 2));
    assert!(found.case.matrix.iter().all(|c| [0.0, 0.5, -0.5, 1.0, -1.0, 0.8, 0.9].contains(c)), "{found:?}");
    let place = found.place.expect("there are numbers");
    assert!((place.found / place.expected - 1.0 - 1e-9).abs() < 1e-12);
    assert!(found.allowed < 1e-12 * place.expected.abs());
}

#[test]
fn what_is_no_gradient_is_a_failure() {
    let loss = compile("loss c() { ce(softmax(logit[y], logit[k])) }");
    let cases = cases(&loss, 20, 1);
    let of = |f: Claim<'_>| check_derivative(&loss, f, &cases, 4.0);
    assert!(!of(&|batch| Ok(vec![f64::NAN; batch.matrix.len()])).holds());
    assert!(!of(&|_| Ok(vec![])).holds());
    let refused = of(&|_| Err("no".into())).failure.expect("a refusal");
    assert_eq!((refused.error.as_deref(), refused.place), (Some("no"), None));
}

#[test]
fn witnesses_are_compared_on_what_they_see() {
    let loss = compile(
        "loss m(s: Scale = 64 in 1..128) {
            ce(softmax(s * (cos[y] - 0.35), s * cos[k], weight: indicator(cos[k] > cos[y], 2)))
        }",
    );
    let subject = Subject::of(&loss);
    let single = |_: &Loss, batch: &Batch<f64>| -> Numbers {
        let found = subject.derived::<f32>(batch);
        let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
        Ok((wide(found.loss), wide(found.gradient)).into())
    };
    let double = |_: &Loss, batch: &Batch<f64>| -> Numbers { Ok(subject.derived::<f64>(batch).into()) };
    let witness = |run, precision, limit| Witness { name: "formula", precision, limit, run };
    let effort = Effort { differences: 0, ..SMALL };
    let good = [witness(&single as &_, Precision::F32, 2e-4), witness(&double as &_, Precision::F64, 1e-12)];
    let report = check(&loss, &good, &effort);
    assert!(report.holds(), "{report:#?}");
    let [.., f32_pair, f64_pair] = &report.pairs[..] else { panic!("two witnesses") };
    assert!(f32_pair.on_border > 0 && f32_pair.entries > 100, "{f32_pair:#?}");
    assert_eq!((f64_pair.used, f64_pair.on_border), (0.0, 0));
    let report = check(&loss, &[witness(&single, Precision::F64, 1e-9)], &effort);
    assert!(!report.holds(), "f32 is not f64");
}
