//! Places where kernels go wrong: a million classes, logits of ten thousand, numbers that are nearly 0, the coarser
//! cosines of f32 in f64, several matrices in place; compiled and interpreted.

use marlo::build::Builder;
use marlo::eval::{Batch, Scalar};
use marlo::kind::Kind;
use marlo::loss::Loss;
use marlo::op::{At, Op};
use marlo::schedule::RowProgram;
use marlo::{Backend, Outcome, native, sample, specs};
use marlo_native::isa::Instructions;
use marlo_native::math::Real;
use marlo_native::{Inputs, Kernel, Library, Outputs};

use super::{kernel_of, many, off, ways};
use crate::agreement::{cases, settings, spec};

/// How far both ways of running a loss are off in f64, and in f32.
fn worst(loss: &Loss, batch: &Batch<f64>, floors: (f64, f64)) -> (f64, f64) {
    let widest = Instructions::detect();
    let mut found = (0.0_f64, 0.0_f64);
    for (_, library) in ways() {
        let double = off(&kernel_of::<f64>(loss, &library, widest), loss, batch, floors.0);
        let single = off(&kernel_of::<f32>(loss, &library, widest), loss, &batch.convert(), floors.1);
        found = (found.0.max(double), found.1.max(single));
    }
    found
}

#[test]
fn cosines_of_single_precision_in_double() {
    for shipped in specs::ALL {
        let loss = spec(shipped.name);
        for case in cases(f64::from(f32::EPSILON)) {
            let batch =
                sample::batch(&loss, case.classes, &case.cosines, &case.labels, settings(&loss, None), 1);
            let mut batch = batch.expect("the case is valid");
            batch.resolution = <f32 as Scalar>::RESOLUTION;
            for (way, library) in ways() {
                let kernel = kernel_of::<f64>(&loss, &library, Instructions::detect());
                let off = off(&kernel, &loss, &batch, 1e-300);
                assert!(off <= 1e-11, "{way}, {}, {}: {off:e}", shipped.name, case.name);
            }
        }
    }
}

#[test]
fn a_million_classes() {
    let classes = 1_000_000;
    let (cosines, _) = many(1, classes, 4);
    for (name, label) in [("normface", 0), ("mv_arc_adaptive", 999_999), ("sphereface2", 70_000)] {
        let loss = spec(name);
        let batch = sample::batch(&loss, classes, &cosines, &[label], settings(&loss, None), 3)
            .expect("the batch is valid");
        let (double, single) = worst(&loss, &batch, (1e-300, 1e-30));
        assert!(double <= 1e-11 && single <= 4e-6, "{name}: {double:e} and {single:e}");
    }
}

/// A gradient that is too large for the caches is written past them: the same as row by row.
#[test]
fn past_the_caches() {
    let (rows, classes) = (3, 1_400_000);
    let (cosines, labels) = many(rows, classes, 6);
    let loss = spec("mv_arc_adaptive");
    let of = |cosines: &[f64], labels: &[i64]| -> Batch<f32> {
        let batch = sample::batch(&loss, classes, cosines, labels, settings(&loss, None), 3);
        batch.expect("the batch is valid").convert()
    };
    for (way, library) in ways() {
        let kernel = kernel_of::<f32>(&loss, &library, Instructions::detect());
        let run = |batch: &Batch<f32>| native::run(&kernel, &loss, batch).expect("the kernel runs");
        let whole = run(&of(&cosines, &labels));
        for row in 0..rows {
            let cells = row * classes..(row + 1) * classes;
            let alone = run(&of(&cosines[cells.clone()], &labels[row..=row]));
            assert_eq!(whole.loss[row], alone.loss[0], "{way}");
            let close = |(a, b): (&f32, &f32)| (3.0 * a - b).abs() <= 1e-6 * b.abs().max(1e-30);
            assert!(whole.gradient[cells].iter().zip(&alone.gradient).all(close), "{way}, row {row}");
        }
    }
}

/// Losses over raw logits, far from 0 and from each other.
#[test]
fn large_logits() {
    let logits = [1e4, -1e4, 9999.0, 0.0, -1e4, -1e4, -9999.5, -9998.0, 0.0, 0.0, 0.0, 1e4];
    let raw = specs::ALL.iter().filter(|shipped| spec(shipped.name).graph.inputs[0].name == "logit");
    let mut tried = 0;
    for shipped in raw {
        let loss = spec(shipped.name);
        let batch = sample::batch(&loss, 4, &logits, &[0, 3, 3], settings(&loss, None), 1).expect("valid");
        let (double, single) = worst(&loss, &batch, (1e-300, 1e-28));
        // Half a unit of a logit of 1e4 in f32, where something is added to it.
        assert!(double <= 1e-11 && single <= 5e-4, "{}: {double:e} and {single:e}", shipped.name);
        tried += 1;
    }
    assert!(tried > 3, "{tried} losses read logits");
}

/// A sample that is classified well has a gradient of 1e-27 and less, whatever the order in which its classes come: here the
/// second tile's terms are larger than the first one's by 2⁸⁰.
#[test]
fn small_gradients_are_kept() {
    let loss = spec("softmax");
    for (early, late) in [(-130.0, -75.0), (-75.0, -130.0), (-66.0, -64.0)] {
        let logits = [[early; 3].as_slice(), &[0.0], &[late; 5]].concat();
        let batch = sample::batch(&loss, 9, &logits, &[3], settings(&loss, None), 1).expect("valid");
        let (double, single) = worst(&loss, &batch, (1e-300, 1e-36));
        assert!(double <= 1e-12 && single <= 1e-6, "{early}, {late}: {double:e} and {single:e}");
    }
}

/// Tiles in which every class has weight 0, before and after one that has others.
#[test]
fn tiles_without_a_class() {
    let text =
        "loss filter(s: Scale = 64) { ce(softmax(s * cos[y], s * cos[k], weight: relu(cos[k] - 0.1))) }";
    let loss = marlo::compile(text, &marlo::lang::Empty).expect("the program is right").loss;
    for label in [0, 2, 4, 6] {
        let cosines = [-0.5, -0.6, 0.3, -0.2, 0.4, -0.3, -0.1];
        let batch = sample::batch(&loss, 7, &cosines, &[label], settings(&loss, None), 1).expect("valid");
        let (double, single) = worst(&loss, &batch, (1e-300, 1e-30));
        assert!(double <= 1e-12 && single <= 1e-5, "{label}: {double:e} and {single:e}");
    }
}

/// Cosines that are 0, and that f32 can only hold with fewer digits.
#[test]
fn numbers_that_are_nearly_zero() {
    let cosines = [0.0, 1e-40, -1e-42, 1e-45, -0.0, -1e-39, 0.3, 1e-38, 1e-44, -1e-30, 0.2, 0.0];
    for shipped in specs::ALL {
        let loss = spec(shipped.name);
        let batch = sample::batch(&loss, 4, &cosines, &[0, 3, 1], settings(&loss, None), 1).expect("valid");
        // What the reference sees is what f32 holds.
        let batch: Batch<f32> = batch.convert();
        let (double, single) = worst(&loss, &batch.convert(), (1e-300, 1e-30));
        assert!(double <= 1e-11 && single <= 2e-5, "{}: {double:e} and {single:e}", shipped.name);
    }
}

/// ln Σ exp(s·a·b) of two centres: what is kept for each is a multiple of the other's cosine.
fn pair() -> Loss {
    let mut b = Builder::new();
    b.set_centres(2);
    let mut of = |at| {
        let centres = [0, 1].map(|centre| b.cos_of_centre(at, centre).expect("there are two"));
        let (product, eight) = (b.graph.add(Op::Mul, &centres), b.number(8.0));
        b.graph.add(Op::Mul, &[eight, product])
    };
    let (target, other) = (of(At::Target), of(At::Other));
    let p = b.softmax(target, other, None).expect("they are logits");
    let value = b.ce(p);
    b.finish("pair", value).expect("it is a loss")
}

/// Σ over the batch and the classes of a·b: each derivative is the other matrix.
fn exchanged() -> Loss {
    let mut b = Builder::new();
    b.set_centres(2);
    let centres = [0, 1].map(|centre| b.cos_of_centre(At::Other, centre).expect("there are two"));
    let product = b.graph.add(Op::Mul, &centres);
    let row = b.graph.add(Op::SumK, &[product]);
    let total = b.graph.add(Op::SumI, &[row]);
    b.finish("exchanged", total).expect("it is a loss")
}

/// Runs a loss of two centres in place, its rows further apart than they are long.
fn in_place<F: Real + Scalar>(kernel: &Kernel<F>, batch: &Batch<F>, stride: usize) -> (Vec<F>, Vec<F>) {
    let (rows, classes) = (batch.rows, batch.classes);
    let spread = |matrix: &[F]| {
        let mut apart = vec![<F as Real>::from_f64(0.125); (rows - 1) * stride + classes];
        for (row, cells) in matrix.chunks(classes).enumerate() {
            apart[row * stride..][..classes].copy_from_slice(cells);
        }
        apart
    };
    let mut slabs = [spread(&batch.matrix), spread(&batch.vectors[0])];
    let inputs = Inputs {
        classes,
        matrices: &[],
        stride,
        labels: &batch.labels,
        vectors: &[],
        params: &batch.params,
        resolution: batch.resolution,
    };
    let mut losses = vec![F::default(); rows];
    let mut gradients: Vec<&mut [F]> = slabs.iter_mut().map(Vec::as_mut_slice).collect();
    let mut outputs = Outputs { loss: &mut losses, gradients: &mut gradients };
    kernel.run(&inputs, &mut outputs).expect("the kernel runs");
    let cell = |at: usize| {
        let (row, class) = (at / 2 / classes, at / 2 % classes);
        slabs[at % 2][row * stride + class]
    };
    (losses, (0..2 * rows * classes).map(cell).collect())
}

#[test]
fn several_matrices_in_place() {
    for loss in [pair(), exchanged()] {
        for classes in [3, 700, 2300] {
            let (cosines, labels) = many(3, classes, 8);
            let batch = sample::batch(&loss, classes, &cosines, &labels, vec![], 1).expect("valid");
            for (way, library) in ways() {
                let kernel: Kernel<f64> = Kernel::new(&RowProgram::of(&loss), &library);
                let exact = Backend::Reference.run(&loss, &batch).expect("the loss is finite");
                let (losses, gradient) = in_place(&kernel, &batch, classes + 5);
                let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-12);
                let place = format!("{way}, {}, {classes} classes", loss.name);
                assert!(close(&losses, &exact.loss), "{place}: {losses:?}, {:?}", exact.loss);
                assert!(close(&gradient, &exact.gradient), "{place}");
            }
        }
    }
}

/// Interpreted sweeps don't hang on the number of threads either.
#[test]
fn threads_change_no_bit_of_what_is_interpreted() {
    let (cosines, labels) = many(13, 3000, 9);
    let loss = spec("mv_arc_adaptive");
    let batch = sample::batch(&loss, 3000, &cosines, &labels, settings(&loss, None), 1).expect("valid");
    let batch: Batch<f32> = batch.convert();
    let kernel = kernel_of::<f32>(&loss, &Library::empty(), Instructions::detect());
    let by = |threads: usize| -> Outcome<f32> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| native::run(&kernel, &loss, &batch)).expect("the kernel runs")
    };
    assert!(by(1) == by(3));
}

/// A loss that divides by what may be 0 says so by a number that is not finite, which the door refuses.
#[test]
fn what_is_not_finite_is_refused() {
    let mut b = Builder::new();
    let input = b.input("x", Kind::Real, marlo::graph::Axis::Rows).expect("a new input");
    let x = b.read(input, At::Row);
    let (y, k) = (b.cos(At::Target).expect("a matrix"), b.cos(At::Other).expect("a matrix"));
    let ratio = b.graph.add(Op::Div, &[k, x]);
    let sum = b.graph.add(Op::SumK, &[ratio]);
    let total = b.graph.add(Op::Add, &[sum, y]);
    let loss = b.finish("ratio", total).expect("it is a loss");
    let vectors = vec![("x".to_owned(), vec![1.0, 0.0])];
    let batch: Batch<f64> = Batch::new(&loss, 2, vec![0.25; 4], &[0, 1], vectors, vec![]).expect("valid");
    for result in [
        Backend::Native.run(&loss, &batch).map(|_| ()),
        Backend::Native.run(&loss, &batch.convert::<f32>()).map(|_| ()),
    ] {
        let error = result.expect_err("1/0").to_string();
        assert!(error.starts_with("native: the loss at row 1 is not finite"), "{error}");
    }
}
