//! Every backend against the reference: all shipped specs on the hard places, and random programs.

use std::sync::OnceLock;

use marlo::eval::Batch;
use marlo::loss::Loss;
use marlo::schedule::RowProgram;
use marlo::wgsl::{Gpu, Kernel};
use marlo::{Backend, Outcome, sample, specs};
use quickcheck::TestResult;

use crate::gradient::{batch as random_batch, rounding_decides};
use crate::programs::{Allow, drawn, program};

/// The adapter, found once. With CI set a missing one is a failure; elsewhere those tests say that they skip.
pub(crate) fn gpu() -> Option<&'static Gpu> {
    static GPU: OnceLock<Option<Gpu>> = OnceLock::new();
    GPU.get_or_init(|| match Gpu::new(None) {
        Ok(gpu) => Some(gpu),
        Err(error) if std::env::var_os("CI").is_some() => panic!("no adapter, and CI needs one: {error}"),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    })
    .as_ref()
}

/// A named place where losses go wrong.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) classes: usize,
    pub(crate) cosines: Vec<f64>,
    pub(crate) labels: Vec<i64>,
}

/// cos = ±1, just inside, and just past it as rounding leaves it in a precision (`epsilon`), ties on the mask's border, all easy, all hard, two classes, one class, saturated rows.
pub(crate) fn cases(epsilon: f64) -> Vec<Case> {
    let case = |name, classes, cosines: &[f64], labels: &[i64]| Case {
        name,
        classes,
        cosines: cosines.to_vec(),
        labels: labels.to_vec(),
    };
    let (inside, past) = (1.0 - epsilon / 2.0, 1.0 + 2.0 * epsilon);
    vec![
        case("exact", 3, &[1.0, -1.0, 0.0, -1.0, 1.0, 0.5, 0.0, 1.0, 1.0], &[0, 0, 2]),
        case("inside", 3, &[inside, -inside, 0.25, -inside, inside, 0.5], &[0, 0]),
        case("overshoot", 2, &[past, -past, 0.0, past], &[0, 0]),
        case("far overshoot", 2, &[1.0 + 9e-7, -1.0 - 9e-7, 0.0, 1.0 + 9e-7, 1.0, 0.9], &[0, 0, 0]),
        case("ties", 4, &[0.25, 0.25, 0.25, 0.25, -0.5, 0.75, 0.75, -0.5], &[1, 0]),
        case("easy", 4, &[0.9, -0.8, -0.7, -0.9, -0.9, 0.95, -0.6, -0.75], &[0, 1]),
        case("hard", 4, &[-0.9, 0.8, 0.7, 0.9, 0.9, -0.95, 0.6, 0.75], &[0, 1]),
        case("two classes", 2, &[0.3, 0.6, -0.2, 0.1], &[0, 1]),
        case("one class", 1, &[0.3, -0.7], &[0, 0]),
        case("one sample", 5, &[0.1, 0.2, 0.3, -0.4, 0.5], &[4]),
    ]
}

pub(crate) fn settings(loss: &Loss, s: Option<f64>) -> Vec<f64> {
    let given: Vec<(String, f64)> = s
        .and_then(|s| Some((s, loss.graph.params.iter().find(|p| p.name == "s" && !p.state)?)))
        .map(|(s, param)| ("s".to_owned(), s.clamp(param.low, param.high)))
        .into_iter()
        .collect();
    marlo::eval::settings(loss, &given, marlo::setting::Moment::start(7)).expect("s is in its range")
}

pub(crate) fn spec(name: &str) -> Loss {
    specs::compile(name).expect("shipped specs compile").loss
}

/// The largest difference of a gradient entry, relative to the largest of its row; of the loss, relative to max(1, loss).
pub(crate) fn distance(
    exact: &Outcome<f64>,
    loss: &[f64],
    gradient: &[f64],
    classes: usize,
    floor: f64,
) -> f64 {
    let losses = exact.loss.iter().zip(loss).map(|(a, b)| (a - b).abs() / a.abs().max(1.0));
    let rows = exact.gradient.chunks(classes).zip(gradient.chunks(classes)).flat_map(|(a, b)| {
        let scale = a.iter().fold(floor, |m, x| m.max(x.abs()));
        a.iter().zip(b).map(move |(x, y)| (x - y).abs() / scale)
    });
    losses.chain(rows).fold(0.0, |m, d| if d.is_nan() { f64::INFINITY } else { f64::max(m, d) })
}

#[test]
fn dfdx_agrees_on_shipped_losses() {
    for shipped in specs::ALL {
        let loss = spec(shipped.name);
        for s in [None, Some(1.0), Some(128.0)] {
            for case in cases(f64::EPSILON) {
                let batch =
                    sample::batch(&loss, case.classes, &case.cosines, &case.labels, settings(&loss, s), 1)
                        .expect("the case is valid");
                let exact = Backend::Reference.run(&loss, &batch).expect("the loss is finite");
                let found = Backend::Dfdx.run(&loss, &batch).expect("dfdx runs every loss");
                let distance = distance(&exact, &found.loss, &found.gradient, case.classes, 1e-300);
                assert!(distance <= 1e-9, "{}, s {s:?}, {}: {distance:e}", shipped.name, case.name);
            }
        }
    }
}

/// Cosines that were f32, evaluated in f64: their resolution and their overshoot past ±1 are those of f32.
#[test]
fn dfdx_agrees_on_cosines_of_single_precision() {
    for shipped in specs::ALL {
        let loss = spec(shipped.name);
        for case in cases(f64::from(f32::EPSILON)) {
            let batch =
                sample::batch(&loss, case.classes, &case.cosines, &case.labels, settings(&loss, None), 1);
            let mut batch = batch.expect("the case is valid");
            batch.resolution = <f32 as marlo::eval::Scalar>::RESOLUTION;
            let exact = Backend::Reference.run(&loss, &batch).expect("the loss is finite");
            let found = Backend::Dfdx.run(&loss, &batch).expect("dfdx runs every loss");
            let distance = distance(&exact, &found.loss, &found.gradient, case.classes, 1e-300);
            assert!(distance <= 1e-9, "{}, {}: {distance:e}", shipped.name, case.name);
        }
    }
}

#[test]
fn wgpu_agrees_on_shipped_losses() {
    let Some(gpu) = gpu() else { return };
    for shipped in specs::ALL {
        let loss = spec(shipped.name);
        let kernel = Kernel::new(gpu, &RowProgram::of(&loss)).expect("the shader compiles");
        for s in [None, Some(1.0), Some(128.0)] {
            for case in cases(f64::from(f32::EPSILON)) {
                let cosines: Vec<f32> = case.cosines.iter().map(|&c| c as f32).collect();
                let batch = sample::batch(&loss, case.classes, &cosines, &case.labels, settings(&loss, s), 1)
                    .expect("the case is valid");
                let exact =
                    Backend::Reference.run(&loss, &batch.convert::<f64>()).expect("the loss is finite");
                let found = kernel.run(&batch).expect("the kernel runs");
                let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
                // Gradients that f32 flushes to zero are not held against it: 1.2e-38 times s = 128 and 1/sin θ = 4096.
                let distance =
                    distance(&exact, &wide(&found.loss), &wide(&found.gradient), case.classes, 1e-28);
                assert!(distance <= 2e-4, "{}, s {s:?}, {}: {distance:e}", shipped.name, case.name);
            }
        }
    }
}

#[test]
fn dfdx_agrees_on_random_programs() {
    fn property(bytes: Vec<u8>, seed: u64) -> TestResult {
        let loss = program(&bytes, Allow::All);
        let batch = random_batch(&loss, seed, 3, 4);
        let exact = Backend::Reference.run(&loss, &batch).expect("the values are bounded");
        let found = match Backend::Dfdx.run(&loss, &batch) {
            Ok(found) => found,
            Err(error) => return TestResult::error(error.to_string()),
        };
        let distance = distance(&exact, &found.loss, &found.gradient, 4, 1.0);
        if distance <= 1e-9 {
            TestResult::passed()
        } else if rounding_decides(&loss, &batch) {
            TestResult::discard()
        } else {
            TestResult::error(format!("{distance:e}\n{}", loss.graph.print(&[("loss", loss.total)])))
        }
    }
    drawn(48, 17, 600).quickcheck(property as fn(Vec<u8>, u64) -> TestResult);
}

#[test]
fn wgpu_agrees_on_random_programs() {
    fn property(bytes: Vec<u8>, seed: u64) -> TestResult {
        let Some(gpu) = gpu() else { return TestResult::discard() };
        let loss = program(&bytes, Allow::All);
        let wide = random_batch(&loss, seed, 3, 4);
        let narrow: Batch<f32> = wide.convert();
        let batch = narrow.convert::<f64>();
        let exact = Backend::Reference.run(&loss, &batch).expect("the values are bounded");
        // Where a change of the inputs that f32 can't see changes the answer (a mask's border, a floor), there is
        // nothing to compare.
        let moved = Batch { matrix: batch.matrix.iter().map(|c| c + 4e-7).collect(), ..batch.clone() };
        let nearby = Backend::Reference.run(&loss, &moved).expect("the values are bounded");
        if distance(&exact, &nearby.loss, &nearby.gradient, 4, 1.0) > 2e-5 {
            return TestResult::discard();
        }
        let found = match Kernel::new(gpu, &RowProgram::of(&loss)).and_then(|kernel| kernel.run(&narrow)) {
            Ok(found) => found,
            Err(error) => return TestResult::error(error.to_string()),
        };
        let widen = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let distance = distance(&exact, &widen(&found.loss), &widen(&found.gradient), 4, 1.0);
        if distance <= 5e-4 {
            TestResult::passed()
        } else {
            TestResult::error(format!("{distance:e}\n{}", loss.graph.print(&[("loss", loss.total)])))
        }
    }
    if gpu().is_some() {
        drawn(40, 19, 40).max_tests(200).quickcheck(property as fn(Vec<u8>, u64) -> TestResult);
    }
}

/// A weight of 0 leaves a class out: some of them, or all.
#[test]
fn classes_of_weight_zero_are_left_out() {
    for weight in ["indicator(cos[k] > 0.4, 0)", "relu(cos[k] - 0.1)", "indicator(cos[k] > -2, 0)"] {
        let text =
            format!("loss filter(s: Scale = 64) {{ ce(softmax(s * cos[y], s * cos[k], weight: {weight})) }}");
        let loss = marlo::compile(&text, &marlo::lang::Empty).expect("the program is right").loss;
        let batch: Batch<f32> = random_batch(&loss, 7, 4, 9).convert();
        let found =
            marlo::agree::compare(&loss, &batch, &batch.convert(), gpu()).expect("every backend runs");
        assert!(found.agrees(), "{weight}: {found:#?}");
        assert!(found.mean_loss > 0.0 || weight.contains("-2"));
    }
}

/// Rows that don't fit a binding together are worked through in chunks: the same bits, batch operations included.
#[test]
fn wgpu_works_through_rows_in_chunks() {
    let Some(gpu) = gpu() else { return };
    let classes = 96;
    let small = Gpu::new(None).expect("it was there before").with_binding_limit(4 * classes as u64 * 3);
    let norm = "loss scaled(norm[i]: Norm, prior[k]: Logit) {
        let u = lse[k](norm[i] * cos[k] + prior[k]) - norm[i] * cos[y] - prior[y]
        top[i](softplus(u), 0.5) + mean[i](u)^2
    }";
    let own = marlo::compile(norm, &marlo::lang::Empty).expect("the program is right").loss;
    for loss in [spec("mv_arc_adaptive"), spec("ohem_share"), own] {
        let batch: Batch<f32> = random_batch(&loss, 5, 11, classes).convert();
        let program = RowProgram::of(&loss);
        let whole = Kernel::new(gpu, &program).and_then(|k| k.run(&batch)).expect("the kernel runs");
        let parts = Kernel::new(&small, &program).and_then(|k| k.run(&batch)).expect("the kernel runs");
        assert_eq!(whole, parts, "{}", loss.name);
        let exact = Backend::Reference.run(&loss, &batch.convert::<f64>()).expect("the loss is finite");
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let distance = distance(&exact, &wide(&whole.loss), &wide(&whole.gradient), classes, 1e-30);
        assert!(distance <= 2e-4, "{}: {distance:e}", loss.name);
    }
}

/// More classes than the usual workgroup can sweep over: software drivers end loops after 65,535 iterations.
#[test]
fn wgpu_takes_millions_of_classes() {
    let Some(gpu) = gpu() else { return };
    let loss = spec("normface");
    let classes = 2_200_000;
    let batch: Batch<f32> = random_batch(&loss, 3, 1, classes).convert();
    let found =
        Kernel::new(gpu, &RowProgram::of(&loss)).and_then(|k| k.run(&batch)).expect("the kernel runs");
    let exact = Backend::Reference.run(&loss, &batch.convert::<f64>()).expect("the loss is finite");
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let distance = distance(&exact, &wide(&found.loss), &wide(&found.gradient), classes, 1e-30);
    assert!(distance <= 2e-4, "{distance:e}");
}

/// A row that no binding holds is an error that says so.
#[test]
fn wgpu_refuses_a_row_that_does_not_fit() {
    if gpu().is_none() {
        return;
    }
    let tiny = Gpu::new(None).expect("it was there before").with_binding_limit(64);
    let loss = spec("normface");
    let batch: Batch<f32> = random_batch(&loss, 3, 1, 100).convert();
    let error =
        Kernel::new(&tiny, &RowProgram::of(&loss)).and_then(|k| k.run(&batch)).expect_err("too large");
    assert!(error.to_string().contains("a row of 100 classes exceeds"), "{error}");
}

/// Raw logits that are large: what is to be added to the greatest one is not swallowed by it.
#[test]
fn large_logits_keep_the_digits_of_their_differences() {
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    // Every backend but native, and what tells how native is in f32.
    let run = |loss: &Loss, logits: &[f64]| {
        let narrow: Vec<f32> = logits.iter().map(|&z| z as f32).collect();
        let batch = Batch::<f32>::new(loss, 4, narrow, &[0, 3], vec![], settings(loss, None)).expect("valid");
        let exact = Backend::Reference.run(loss, &batch.convert::<f64>()).expect("finite");
        let off = |found: &Outcome<f64>| distance(&exact, &found.loss, &found.gradient, 4, 1e-300);
        let single =
            |found: Outcome<f32>| distance(&exact, &wide(&found.loss), &wide(&found.gradient), 4, 1e-300);
        let mut all = vec![
            ("dfdx f64", off(&Backend::Dfdx.run(loss, &batch.convert::<f64>()).expect("dfdx runs"))),
            ("dfdx f32", single(Backend::Dfdx.run(loss, &batch).expect("dfdx runs"))),
            ("reference f32", single(Backend::Reference.run(loss, &batch).expect("finite"))),
        ];
        if let Some(gpu) = gpu() {
            all.push(("wgpu f32", single(marlo::backend::on_gpu(gpu, loss, &batch).expect("wgpu runs"))));
        }
        assert!(all.iter().all(|backend| backend.1 < 1e-6), "{all:?}");
        let double = Backend::Native.run(loss, &batch.convert::<f64>()).map(|found| off(&found));
        (exact.clone(), double, Backend::Native.run(loss, &batch).map(single))
    };
    // Between passes over the rows too, and in the difference of two. There native rounds each probability in f32, up to
    // 0.7, where the rest of the gradient is 5e-5; the others take equal ones from each other.
    for (text, limit) in [
        ("top[i](ce(softmax(logit[y], logit[k])), 0.5)", 1e-6),
        (
            "tanh(lse[k](logit[k]) - lse[k](if logit[k] > logit[y] then logit[k] else logit[k] - 1)) + logit[y] / 10000",
            1e-3,
        ),
    ] {
        let loss = marlo::compile(&format!("loss large() {{ {text} }}"), &marlo::lang::Empty);
        let loss = loss.expect("the program is right").loss;
        let (_, double, single) = run(&loss, &[3e4, 3e4 - 3.0, 3e4 - 1.0, 3e4 - 2.0, 7.0, 1e4, 1e4, 9e3]);
        assert!(double.expect("native runs") < 1e-6 && single.expect("native runs") < limit, "{text}");
    }
    let (found, ..) = run(&spec("softmax"), &[3e4, 3e4, 3e4 - 1.0, 3e4 - 2.0, 7.0, 1e30, 1e30, -1e30]);
    assert!((found.loss[0] - (2.0 + (-1.0_f64).exp() + (-2.0_f64).exp()).ln()).abs() < 1e-14);
    assert_eq!(&found.gradient[4..], [0.0, 0.25, 0.25, -0.5]);
    let (_, double, single) = run(&spec("softmax"), &[3e4, 3e4, 3e4 - 1.0, 3e4 - 2.0, 7.0, 1e5, 1e5, -1e5]);
    assert!(double.expect("native runs") < 1e-6 && single.expect("native runs") < 1e-6);
}

/// Past 2²⁰ the native kernels have no power of two for a term, above or below, and say so instead of giving another number.
#[test]
fn native_refuses_logits_that_it_has_no_digits_for() {
    let loss = spec("softmax");
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs().max(1e-30);
    for logits in [[7.0, 1e30, -1e30], [0.0, -1e7, -1e7 - 1.0], [-1e7, 5.0, -1e7 - 1.0], [-1e9, -1e9, -1e9]] {
        for label in 0..3 {
            let batch = Batch::<f64>::new(&loss, 3, logits.to_vec(), &[label], vec![], settings(&loss, None));
            let batch = batch.expect("valid");
            let exact = Backend::Reference.run(&loss, &batch).expect("finite");
            let single = Backend::Native.run(&loss, &batch.convert::<f32>()).map(|found| {
                (f64::from(found.loss[0]), found.gradient.iter().map(|&g| f64::from(g)).collect::<Vec<f64>>())
            });
            let double = Backend::Native.run(&loss, &batch).map(|found| (found.loss[0], found.gradient));
            for (value, gradient) in [single, double].into_iter().flatten() {
                assert!(close(value, exact.loss[0]), "{logits:?}, {label}: {value}, {:?}", exact.loss);
                let all = gradient.iter().zip(&exact.gradient).all(|(a, b)| close(*a, *b));
                assert!(all, "{logits:?}, {label}: {gradient:?}, {:?}", exact.gradient);
            }
        }
    }
    let far = Batch::<f32>::new(&loss, 2, vec![-1e9, -1e9], &[0], vec![], settings(&loss, None));
    assert!(Backend::Native.run(&loss, &far.expect("valid")).is_err());
}
