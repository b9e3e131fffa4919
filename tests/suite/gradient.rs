//! The symbolic gradient of random programs against dual numbers and finite differences.

use marlo::eval::{Batch, Dual, evaluate, settings};
use marlo::graph::Axis;
use marlo::loss::Loss;
use marlo::setting::Moment;
use marlo::{Backend, lang, sample};
use quickcheck::TestResult;

use crate::programs::{Allow, drawn, program};

/// A small batch for a loss, drawn from a seed: generic cosines, no two alike.
pub(crate) fn batch(loss: &Loss, seed: u64, rows: usize, classes: usize) -> Batch<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let matrix = (0..rows * classes * loss.graph.centres()).map(|_| 1.9 * draw() - 0.95).collect();
    let labels: Vec<i64> = (0..rows).map(|_| (draw() * classes as f64) as i64).collect();
    let mut vectors = sample::inputs(loss, &labels, classes, &[]);
    vectors.extend(sample::drawn(loss, (rows, classes), seed, 0, &[]));
    let params = settings(loss, &[], Moment::start(classes)).expect("every hyperparameter has a default");
    Batch::new(loss, classes, matrix, &labels, vectors, params).expect("the inputs are cosines")
}

/// The derivative of the loss by one entry of the matrix, by dual numbers over the program as it was written.
pub(crate) fn by_dual(loss: &Loss, batch: &Batch<f64>, at: usize) -> f64 {
    let mut dual = batch.convert::<Dual<f64>>();
    let centres = loss.graph.centres();
    let (cell, centre) = (at / centres, (at % centres) as u32);
    match loss.graph.inputs.iter().skip(1).position(|i| i.axis == Axis::Matrix && i.centre == centre) {
        Some(slab) if centre > 0 => dual.vectors[slab][cell].slope = 1.0,
        _ => dual.matrix[cell].slope = 1.0,
    }
    evaluate(&loss.graph, &[loss.total], &dual)[0][0].slope
}

fn value(loss: &Loss, batch: &Batch<f64>) -> f64 {
    evaluate(&loss.graph, &[loss.total], batch)[0][0]
}

/// The central difference, or nothing where a corner or a jump is near: there two step sizes disagree.
pub(crate) fn by_difference(loss: &Loss, batch: &Batch<f64>, at: usize) -> Option<f64> {
    let slope = |h: f64| {
        let mut moved = batch.clone();
        moved.matrix[at] += h;
        let up = value(loss, &moved);
        moved.matrix[at] -= 2.0 * h;
        (up - value(loss, &moved)) / (2.0 * h)
    };
    let [wide, narrow] = [slope(1e-5), slope(2.5e-6)];
    ((wide - narrow).abs() <= 1e-5 * (1.0 + narrow.abs())).then_some(narrow)
}

/// Does rounding decide a mask or a floor here, as in ln(exp(x)) < x? Then there is nothing to compare.
pub(crate) fn rounding_decides(loss: &Loss, batch: &Batch<f64>) -> bool {
    // The value, and its derivative along a direction that tells the entries apart.
    let outcome = |batch: &Batch<f64>| {
        let mut dual = batch.convert::<Dual<f64>>();
        dual.matrix.iter_mut().enumerate().for_each(|(at, x)| x.slope = 1.0 + at as f64 / 10.0);
        let total = evaluate(&loss.graph, &[loss.total], &dual)[0][0];
        (total.value, total.slope)
    };
    let here = outcome(batch);
    (1..=8).any(|step| {
        let mut moved = batch.clone();
        let inputs = moved.matrix.iter_mut().chain(moved.vectors.iter_mut().flatten());
        inputs.enumerate().for_each(|(at, x)| *x += 1e-13 * f64::from(step) * (1.0 + at as f64));
        let there = outcome(&moved);
        (here.0 - there.0).abs() > 1e-8 || (here.1 - there.1).abs() > 1e-6 * (1.0 + here.1.abs())
    })
}

fn check(bytes: &[u8], seed: u64, allow: Allow) -> TestResult {
    let result = compare(bytes, seed, allow);
    let loss = program(bytes, allow);
    if result.is_failure() && rounding_decides(&loss, &batch(&loss, seed, 2, 4)) {
        return TestResult::discard();
    }
    result
}

fn compare(bytes: &[u8], seed: u64, allow: Allow) -> TestResult {
    let loss = program(bytes, allow);
    let batch = batch(&loss, seed, 2, 4);
    let found = Backend::Reference.run(&loss, &batch).expect("the values are bounded");
    let scale = found.gradient.iter().fold(1.0_f64, |m, g| m.max(g.abs()));
    for (at, &symbolic) in found.gradient.iter().enumerate() {
        let dual = by_dual(&loss, &batch, at);
        if (symbolic - dual).abs() > 1e-9 * scale {
            return TestResult::error(format!(
                "entry {at}: symbolic {symbolic}, dual {dual}\n{}",
                print(&loss)
            ));
        }
        if allow == Allow::Differences
            && let Some(difference) = by_difference(&loss, &batch, at)
            && (symbolic - difference).abs() > 1e-4 * scale
        {
            return TestResult::error(format!(
                "entry {at}: symbolic {symbolic}, difference {difference}\n{}",
                print(&loss)
            ));
        }
    }
    TestResult::passed()
}

fn print(loss: &Loss) -> String {
    loss.graph.print(&[("loss", loss.total)])
}

#[test]
fn random_programs_have_the_gradient_of_dual_numbers() {
    fn property(bytes: Vec<u8>, seed: u64) -> TestResult {
        check(&bytes, seed, Allow::All)
    }
    drawn(60, 7, 2000).quickcheck(property as fn(Vec<u8>, u64) -> TestResult);
}

#[test]
fn random_programs_have_the_gradient_of_finite_differences() {
    fn property(bytes: Vec<u8>, seed: u64) -> TestResult {
        check(&bytes, seed, Allow::Differences)
    }
    drawn(60, 11, 1500).quickcheck(property as fn(Vec<u8>, u64) -> TestResult);
}

/// Simplification and the expansion of angles keep the value.
#[test]
fn normal_form_keeps_the_value() {
    fn property(bytes: Vec<u8>, seed: u64) -> TestResult {
        let loss = program(&bytes, Allow::All);
        let batch = batch(&loss, seed, 3, 5);
        let normal = loss.normalised();
        let [raw, simple] = [value(&loss, &batch), value(&normal, &batch)];
        if (raw - simple).abs() <= 1e-12 * (1.0 + raw.abs()) {
            TestResult::passed()
        } else if rounding_decides(&loss, &batch) {
            TestResult::discard()
        } else {
            TestResult::error(format!("{raw} became {simple}\n{}\n{}", print(&loss), print(&normal)))
        }
    }
    drawn(60, 13, 2000).quickcheck(property as fn(Vec<u8>, u64) -> TestResult);
}

#[test]
fn shipped_losses_have_the_gradient_of_dual_numbers() {
    for spec in marlo::specs::ALL {
        let loss = marlo::specs::compile(spec.name).expect("shipped specs compile").loss;
        for seed in 0..20 {
            let batch = batch(&loss, seed, 3, 6);
            let found = Backend::Reference.run(&loss, &batch).expect("the loss is finite");
            let scale = found.gradient.iter().fold(1e-300_f64, |m, g| m.max(g.abs()));
            for (at, &symbolic) in found.gradient.iter().enumerate() {
                let dual = by_dual(&loss, &batch, at);
                assert!(
                    (symbolic - dual).abs() <= 1e-12 * scale,
                    "{} seed {seed} entry {at}: symbolic {symbolic:e}, dual {dual:e}",
                    spec.name
                );
            }
        }
    }
}

/// Every shipped spec is laid out as the formatter lays it out, and means the same after it.
#[test]
fn shipped_losses_are_formatted() {
    for spec in marlo::specs::ALL {
        assert_eq!(lang::format(spec.source).expect("shipped specs parse"), spec.source, "{}", spec.name);
    }
}
