//! The native kernels against the reference: all shipped specs on the hard places, rows of many tiles, every set of
//! instructions, derivatives by further inputs, in place, and random programs.

mod operations;
mod places;

use marlo::eval::{Batch, Scalar};
use marlo::loss::{Loss, Wrt};
use marlo::schedule::RowProgram;
use marlo::{Backend, Outcome, native, sample, specs};
use marlo_native::emit::Emitted;
use marlo_native::isa::Instructions;
use marlo_native::math::Real;
use marlo_native::{Inputs, Kernel, Library, Outputs};
use quickcheck::TestResult;

use crate::agreement::{cases, distance, settings, spec};
use crate::gradient::{batch as random_batch, rounding_decides};
use crate::programs::{Allow, drawn, program};

/// The sweeps of all shipped losses as Rust, each once.
fn shipped_sweeps() -> String {
    let mut emitted = Emitted::new("crate");
    for shipped in specs::ALL {
        emitted.add(&RowProgram::of(&spec(shipped.name)));
    }
    format!(
        "//! The sweeps of the shipped losses, compiled. Generated from `specs/`; do not edit.\n\n/// Every sweep, each once.\npub static ENTRIES: &[crate::compiled::Entry] = &[\n{}];\n{}",
        emitted.entries, emitted.structs
    )
}

#[test]
fn shipped_sweeps_are_compiled() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/marlo-native/src/shipped.rs");
    let text = shipped_sweeps();
    if std::env::var_os("MARLO_UPDATE_KERNELS").is_some() {
        std::fs::write(path, &text).expect("the file can be written");
    }
    let found = std::fs::read_to_string(path).expect("the file is there");
    assert!(
        found == text,
        "crates/marlo-native/src/shipped.rs is not what the specs compile to: run MARLO_UPDATE_KERNELS=1 cargo test -p \
         marlo-tests shipped_sweeps and read the difference"
    );
}

fn kernel<F: Real>(loss: &Loss, instructions: Instructions) -> Kernel<F> {
    kernel_of(loss, &Library::shipped(), instructions)
}

fn kernel_of<F: Real>(loss: &Loss, library: &Library, instructions: Instructions) -> Kernel<F> {
    Kernel::new(&RowProgram::of(loss), library).with_instructions(instructions)
}

/// The two ways of running a sweep: compiled where it is one of a shipped loss, and interpreted.
fn ways() -> [(&'static str, Library); 2] {
    [("compiled", Library::shipped()), ("interpreted", Library::empty())]
}

fn wide<F: Real>(values: &[F]) -> Vec<f64> {
    values.iter().map(|v| v.to_f64()).collect()
}

/// How far a kernel is from the reference on the same inputs.
fn off<F: Real + Scalar>(kernel: &Kernel<F>, loss: &Loss, batch: &Batch<F>, floor: f64) -> f64 {
    let exact = Backend::Reference.run(loss, &batch.convert::<f64>()).expect("the loss is finite");
    let found = native::run(kernel, loss, batch).expect("the kernel runs");
    let classes = batch.classes * loss.graph.centres();
    distance(&exact, &wide(&found.loss), &wide(&found.gradient), classes, floor)
}

#[test]
fn native_agrees_on_shipped_losses() {
    for shipped in specs::ALL {
        let loss = spec(shipped.name);
        for (way, library) in ways() {
            for instructions in Instructions::available() {
                let double = kernel_of::<f64>(&loss, &library, instructions);
                let single = kernel_of::<f32>(&loss, &library, instructions);
                let place = format!("{}, {way}, {}", shipped.name, instructions.name());
                for s in [None, Some(1.0), Some(128.0)] {
                    agrees(&double, &loss, s, (1e-300, 1e-9), &place);
                    agrees(&single, &loss, s, (1e-28, 2e-4), &place);
                }
            }
        }
    }
}

/// Holds a kernel to the reference on the hard places.
fn agrees<F: Real + Scalar>(
    kernel: &Kernel<F>,
    loss: &Loss,
    s: Option<f64>,
    (floor, limit): (f64, f64),
    place: &str,
) {
    for case in cases(if F::RESOLUTION > 1e-10 { f64::from(f32::EPSILON) } else { f64::EPSILON }) {
        let cosines: Vec<F> = case.cosines.iter().map(|&c| Real::from_f64(c)).collect();
        let batch = sample::batch(loss, case.classes, &cosines, &case.labels, settings(loss, s), 1)
            .expect("the case is valid");
        let off = off(kernel, loss, &batch, floor);
        assert!(off <= limit, "{place}, s {s:?}, {}: {off:e}", case.name);
    }
}

/// Random cosines, (B, C), with labels spread over the classes; the targets are larger.
fn many(rows: usize, classes: usize, seed: u64) -> (Vec<f64>, Vec<i64>) {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut cosines: Vec<f64> = (0..rows * classes).map(|_| 0.4 * (next() - 0.5)).collect();
    let labels: Vec<i64> = (0..rows).map(|row| (row * (classes - 1) / (rows - 1).max(1)) as i64).collect();
    for (row, &label) in labels.iter().enumerate() {
        cosines[row * classes + label as usize] = 0.1 + 0.7 * next();
    }
    (cosines, labels)
}

/// Rows of many tiles, with the label at the first and the last cell, at the border of tiles, and between; lengths that
/// leave a rest. Sums over 6,000 classes in f32 keep all but the last digit.
#[test]
fn native_agrees_on_long_rows() {
    for classes in [63, 64, 65, 2047, 2048, 2049, 6001] {
        let (cosines, labels) = many(5, classes, classes as u64);
        for shipped in specs::ALL {
            let loss = spec(shipped.name);
            let batch = sample::batch(&loss, classes, &cosines, &labels, settings(&loss, None), 3)
                .expect("the batch is valid");
            let widest = Instructions::detect();
            let double = off(&kernel::<f64>(&loss, widest), &loss, &batch, 1e-300);
            assert!(double <= 1e-11, "f64, {}, {classes}: {double:e}", shipped.name);
            let single = off(&kernel::<f32>(&loss, widest), &loss, &batch.convert(), 1e-30);
            assert!(single <= 5e-5, "f32, {}, {classes}: {single:e}", shipped.name);
        }
    }
}

/// Far from each other in one row: a tile that the first tile's shift does not fit is worked through again.
#[test]
fn terms_of_any_size_are_kept() {
    let loss = spec("softmax");
    let classes = 5000;
    for (early, late) in [(-300.0, 400.0), (400.0, -300.0), (0.0, 1000.0), (-1e4, -9e3)] {
        let mut logits: Vec<f64> =
            (0..classes).map(|k| if k < 2500 { early } else { late } + (k % 7) as f64).collect();
        logits[10] = late + 2.0;
        let batch = sample::batch(&loss, classes, &logits, &[10], settings(&loss, None), 1).expect("valid");
        let double = off(&kernel::<f64>(&loss, Instructions::detect()), &loss, &batch, 1e-300);
        assert!(double <= 1e-11, "f64, {early} and {late}: {double:e}");
        let single = off(&kernel::<f32>(&loss, Instructions::detect()), &loss, &batch.convert(), 1e-30);
        assert!(single <= 2e-5, "f32, {early} and {late}: {single:e}");
    }
}

/// The gradient over the matrix, and beside it: the same numbers, in rows that lie apart.
#[test]
fn in_place_and_strided_give_the_same() {
    let (rows, classes, stride) = (4, 4100, 4133);
    let (cosines, labels) = many(rows, classes, 5);
    for name in
        ["arcface", "mv_arc_adaptive", "label_smoothing", "sphereface2", "ohem_share", "curricularface"]
    {
        let loss = spec(name);
        let batch =
            sample::batch(&loss, classes, &cosines, &labels, settings(&loss, None), 1).expect("valid");
        let batch: Batch<f32> = batch.convert();
        for (way, library) in ways() {
            let name = format!("{name}, {way}");
            let kernel = kernel_of::<f32>(&loss, &library, Instructions::detect());
            let beside = native::run(&kernel, &loss, &batch).expect("the kernel runs");
            let mut apart = vec![7.0_f32; (rows - 1) * stride + classes];
            for row in 0..rows {
                apart[row * stride..][..classes].copy_from_slice(&batch.matrix[row * classes..][..classes]);
            }
            let mut losses = vec![0.0; rows];
            let inputs = Inputs {
                classes,
                matrices: &[],
                stride,
                labels: &batch.labels,
                vectors: &[],
                params: &batch.params,
                resolution: batch.resolution,
            };
            let mut outputs = Outputs { loss: &mut losses, gradients: &mut [apart.as_mut_slice()] };
            kernel.run(&inputs, &mut outputs).expect("the kernel runs");
            let close = |a: f32, b: f32| (a - b).abs() <= 2e-6 * b.abs().max(1e-30);
            assert!(
                losses.iter().zip(&beside.loss).all(|(a, b)| close(*a, *b)),
                "{name}: {losses:?} {:?}",
                beside.loss
            );
            for row in 0..rows {
                let (a, b) =
                    (&apart[row * stride..][..classes], &beside.gradient[row * classes..][..classes]);
                let worst = a.iter().zip(b).position(|(a, b)| !close(*a, *b));
                assert!(
                    worst.is_none(),
                    "{name}, row {row}, class {worst:?}: {:?}",
                    worst.map(|k| (a[k], b[k]))
                );
                if row + 1 < rows {
                    assert!(
                        apart[row * stride + classes..(row + 1) * stride].iter().all(|x| *x == 7.0),
                        "{name}"
                    );
                }
            }
        }
    }
}

/// The same bits for any number of threads.
#[test]
fn threads_change_no_bit() {
    let (cosines, labels) = many(13, 3000, 9);
    for name in ["arcface", "mv_arc_adaptive", "ohem_share", "balanced_softmax"] {
        let loss = spec(name);
        let batch = sample::batch(&loss, 3000, &cosines, &labels, settings(&loss, None), 1).expect("valid");
        let batch: Batch<f32> = batch.convert();
        let kernel = kernel::<f32>(&loss, Instructions::detect());
        let by = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| native::run(&kernel, &loss, &batch)).expect("the kernel runs")
        };
        let bits = |outcome: Outcome<f32>| {
            let gradient: Vec<u32> = outcome.gradient.iter().map(|g| g.to_bits()).collect();
            (outcome.mean_loss.to_bits(), gradient)
        };
        let one = bits(by(1));
        for threads in [2, 3, 5] {
            assert!(bits(by(threads)) == one, "{name}, {threads} threads");
        }
    }
}

/// Every derivative that the reference has, by every input and hyperparameter.
#[test]
fn further_derivatives_agree() {
    let (cosines, labels) = many(4, 2100, 2);
    for shipped in specs::ALL {
        let loss = spec(shipped.name);
        let batch = sample::batch(&loss, 2100, &cosines, &labels, settings(&loss, None), 3).expect("valid");
        let usual = loss.usual();
        let inputs = (1..loss.graph.inputs.len() as u32).map(Wrt::Input);
        let params = 0..loss.graph.params.len() as u32;
        let params = params.filter(|p| !loss.graph.feeds_a_setting(*p)).map(Wrt::Param);
        let wrt: Vec<Wrt> = inputs.chain(params).filter(|by| !usual.contains(by)).collect();
        let exact = Backend::Reference.run_by(&loss, &batch, &wrt).expect("the loss is finite");
        let found = Backend::Native.run_by(&loss, &batch, &wrt).expect("the kernel runs");
        let partials = exact.partials.iter().zip(&found.partials);
        for ((by, a), (_, b)) in partials {
            assert_eq!(a.len(), b.len(), "{}, {by:?}", shipped.name);
            let scale = a.iter().fold(1e-30_f64, |m, x| m.max(x.abs()));
            let off = a.iter().zip(b).map(|(x, y)| (x - y).abs() / scale).fold(0.0, f64::max);
            assert!(off <= 1e-9, "{}, {by:?}: {off:e}", shipped.name);
        }
        let states = exact.states.iter().zip(&found.states);
        assert!(states.clone().all(|(a, b)| (a - b).abs() <= 1e-12 * a.abs().max(1.0)), "{}", shipped.name);
    }
}

#[test]
fn native_agrees_on_random_programs() {
    fn property(bytes: Vec<u8>, seed: u64) -> TestResult {
        let loss = program(&bytes, Allow::All);
        let batch = random_batch(&loss, seed, 3, 4);
        let off = off(&kernel::<f64>(&loss, Instructions::detect()), &loss, &batch, 1.0);
        if off <= 1e-9 {
            TestResult::passed()
        } else if rounding_decides(&loss, &batch) {
            TestResult::discard()
        } else {
            TestResult::error(format!("{off:e}\n{}", loss.graph.print(&[("loss", loss.total)])))
        }
    }
    drawn(48, 23, 600).quickcheck(property as fn(Vec<u8>, u64) -> TestResult);
}

/// The same in f32, where a change of the inputs that f32 can't see changes no answer.
#[test]
fn native_agrees_on_random_programs_in_single_precision() {
    fn property(bytes: Vec<u8>, seed: u64) -> TestResult {
        let loss = program(&bytes, Allow::All);
        let narrow: Batch<f32> = random_batch(&loss, seed, 3, 4).convert();
        let batch = narrow.convert::<f64>();
        let exact = Backend::Reference.run(&loss, &batch).expect("the values are bounded");
        let moved = Batch { matrix: batch.matrix.iter().map(|c| c + 4e-7).collect(), ..batch.clone() };
        let nearby = Backend::Reference.run(&loss, &moved).expect("the values are bounded");
        if distance(&exact, &nearby.loss, &nearby.gradient, 4, 1.0) > 2e-5 {
            return TestResult::discard();
        }
        let off = off(&kernel::<f32>(&loss, Instructions::detect()), &loss, &narrow, 1.0);
        if off <= 1e-4 {
            TestResult::passed()
        } else {
            TestResult::error(format!("{off:e}\n{}", loss.graph.print(&[("loss", loss.total)])))
        }
    }
    drawn(48, 29, 400).max_tests(2000).quickcheck(property as fn(Vec<u8>, u64) -> TestResult);
}
