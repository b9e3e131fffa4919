//! Further centres, inputs, hyperparameters, states and ranks: every backend against the reference, and the reference's
//! derivatives against dual numbers and finite differences.

use marlo::backend::{Precision, on_gpu_by};
use marlo::build::{Builder, TypeError};
use marlo::eval::{Batch, Dual, Scalar, evaluate, on_border, settings};
use marlo::graph::{Axis, Id, Param};
use marlo::kind::Kind;
use marlo::loss::{Loss, Wrt};
use marlo::op::{At, Op};
use marlo::schedule::RowProgram;
use marlo::setting::Moment;
use marlo::wgsl::{Gpu, Kernel};
use marlo::{Backend, Outcome, wgsl};

use quickcheck::TestResult;

use crate::agreement::gpu;
use crate::programs::{Allow, drawn, program};

type Made = Result<Id, TypeError>;

fn build(name: &str, body: impl FnOnce(&mut Builder) -> Made) -> Loss {
    let mut b = Builder::new();
    let value = body(&mut b).expect("the program is right");
    b.finish(name, value).expect("it is a loss")
}

fn param(b: &mut Builder, name: &str, kind: Kind, default: f64) -> Made {
    b.param(Param { default: Some(default), ..Param::new(name, kind) })
}

/// An operation on values whatever their kinds are.
fn on(b: &mut Builder, op: Op, args: &[Id]) -> Made {
    Ok(b.graph.add(op, args))
}

fn mul(b: &mut Builder, x: Id, y: Id) -> Made {
    on(b, Op::Mul, &[x, y])
}

/// ce(softmax(s·target, s·other)).
fn scaled(b: &mut Builder, s: Id, target: Id, other: Id) -> Made {
    let (target, other) = (mul(b, s, target)?, mul(b, s, other)?);
    let p = b.softmax(target, other, None)?;
    Ok(b.ce(p))
}

/// The nearest of several centres of each class.
fn nearest(b: &mut Builder, at: At, centres: u32) -> Made {
    let mut best = b.cos_of_centre(at, 0)?;
    for centre in 1..centres {
        let next = b.cos_of_centre(at, centre)?;
        best = on(b, Op::Max, &[best, next])?;
    }
    Ok(best)
}

fn three_centres() -> Loss {
    build("three_centres", |b| {
        let (s, m) = (param(b, "s", Kind::Scale, 8.0)?, param(b, "m", Kind::Angle, 0.3)?);
        b.set_centres(3);
        let (y, k) = (nearest(b, At::Target, 3)?, nearest(b, At::Other, 3)?);
        let theta = on(b, Op::Acos, &[y])?;
        let turned = on(b, Op::Add, &[theta, m])?;
        let f = on(b, Op::Cos, &[turned])?;
        scaled(b, s, f, k)
    })
}

/// MagFace's shape: a margin and a penalty that depend on the embedding's norm.
fn norm_margin() -> Loss {
    build("norm_margin", |b| {
        let (s, slope) = (param(b, "s", Kind::Scale, 8.0)?, param(b, "slope", Kind::Real, 0.4)?);
        let input = b.input("norm", Kind::Norm, Axis::Rows)?;
        let norm = b.read(input, At::Row);
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        let m = mul(b, slope, norm)?;
        let f = on(b, Op::Sub, &[y, m])?;
        let ce = scaled(b, s, f, k)?;
        let one = b.number(1.0);
        let inverse = on(b, Op::Div, &[one, norm])?;
        let penalty = on(b, Op::Add, &[norm, inverse])?;
        on(b, Op::Add, &[ce, penalty])
    })
}

/// A margin of each class, read at the label and at the others, and a scale from the number of classes.
fn class_margin() -> Loss {
    build("class_margin", |b| {
        let s = param(b, "s", Kind::Real, 2.0)?;
        let input = b.input("margin", Kind::Real, Axis::Classes)?;
        let (own, other) = (b.read(input, At::Target), b.read(input, At::Other));
        let classes = b.graph.add(Op::Classes, &[]);
        let ln = on(b, Op::Ln, &[classes])?;
        let s = mul(b, s, ln)?;
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        let f = on(b, Op::Sub, &[y, own])?;
        let against = mul(b, k, other)?;
        scaled(b, s, f, against)
    })
}

/// The state is the running mean of cosines at the label, and this step's value weighs the other classes.
fn running_mean() -> Loss {
    build("running_mean", |b| {
        let s = param(b, "s", Kind::Scale, 8.0)?;
        let t = b.param(Param { default: Some(0.2), state: true, ..Param::new("t", Kind::Real) })?;
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        let mean = on(b, Op::MeanI, &[y])?;
        let (keep, take) = (b.number(0.9), b.number(0.1));
        let (kept, taken) = (mul(b, keep, t)?, mul(b, take, mean)?);
        let next = on(b, Op::Add, &[kept, taken])?;
        let now = b.update(t, next)?;
        let weight = on(b, Op::Add, &[now, k])?;
        let hard = mul(b, k, weight)?;
        scaled(b, s, y, hard)
    })
}

/// Norms matched to the order of the losses, a quantile, a deviation: phases after phases.
fn ranked() -> Loss {
    build("ranked", |b| {
        let s = param(b, "s", Kind::Scale, 4.0)?;
        let input = b.input("norm", Kind::Norm, Axis::Rows)?;
        let norm = b.read(input, At::Row);
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        let ce = scaled(b, s, y, k)?;
        let matched = b.matched(norm, ce)?;
        let half = b.number(0.5);
        let median = b.quantile(ce, half)?;
        let spread = b.deviation(ce)?;
        let off = on(b, Op::Sub, &[ce, median])?;
        let one = b.number(1.0);
        let below = on(b, Op::Add, &[spread, one])?;
        let part = on(b, Op::Div, &[off, below])?;
        let square = mul(b, part, part)?;
        let weighted = mul(b, matched, square)?;
        let rank = on(b, Op::RankI, &[norm])?;
        let rows = b.graph.add(Op::BatchSize, &[]);
        let share = on(b, Op::Div, &[rank, rows])?;
        let shared = mul(b, share, ce)?;
        let sum = on(b, Op::Add, &[weighted, shared])?;
        let also = mul(b, norm, ce)?;
        on(b, Op::Add, &[sum, also])
    })
}

/// A sum over the batch: a picked value is itself a derivative, and so is the mean.
fn picked() -> Loss {
    build("picked", |b| {
        let input = b.input("norm", Kind::Norm, Axis::Rows)?;
        let norm = b.read(input, At::Row);
        let other = b.input("weight", Kind::Real, Axis::Rows)?;
        let weight = b.read(other, At::Row);
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        let picked = b.matched(y, norm)?;
        let mean = on(b, Op::MeanI, &[y])?;
        let (by_pick, by_mean) = (mul(b, norm, picked)?, mul(b, weight, mean)?);
        let greatest = on(b, Op::MaxK, &[k])?;
        let sum = on(b, Op::Add, &[by_pick, by_mean])?;
        let all = on(b, Op::Add, &[sum, greatest])?;
        on(b, Op::SumI, &[all])
    })
}

/// Two centres, a margin of each class and the norm in the hardest share of the batch: all at once.
fn together() -> Loss {
    build("together", |b| {
        let (s, share) = (param(b, "s", Kind::Scale, 6.0)?, param(b, "share", Kind::Real, 0.55)?);
        let norm = b.input("norm", Kind::Norm, Axis::Rows)?;
        let margin = b.input("margin", Kind::Real, Axis::Classes)?;
        b.set_centres(2);
        let (y, k) = (nearest(b, At::Target, 2)?, nearest(b, At::Other, 2)?);
        let (norm, own, other) =
            (b.read(norm, At::Row), b.read(margin, At::Target), b.read(margin, At::Other));
        let m = mul(b, norm, own)?;
        let f = on(b, Op::Sub, &[y, m])?;
        let against = on(b, Op::Add, &[k, other])?;
        let ce = scaled(b, s, f, against)?;
        on(b, Op::TopI, &[ce, share])
    })
}

fn losses() -> Vec<Loss> {
    vec![three_centres(), norm_margin(), class_margin(), running_mean(), ranked(), picked(), together()]
}

/// Everything that a loss can be differentiated by beside its matrix.
fn everything(loss: &Loss) -> Vec<Wrt> {
    let inputs = (1..loss.graph.inputs.len() as u32).map(Wrt::Input);
    let params = (0..loss.graph.params.len() as u32).filter(|&at| !loss.graph.params[at as usize].state);
    inputs.chain(params.map(Wrt::Param)).collect()
}

fn random(loss: &Loss, seed: u64, rows: usize, classes: usize) -> Batch<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let matrix = (0..rows * classes * loss.graph.centres()).map(|_| 1.8 * draw() - 0.9).collect();
    let labels: Vec<i64> = (0..rows).map(|_| (draw() * classes as f64) as i64).collect();
    let mut vectors = Vec::new();
    for input in loss.graph.inputs.iter().filter(|input| input.axis != Axis::Matrix) {
        let length = if input.axis == Axis::Rows { rows } else { classes };
        vectors.push((input.name.clone(), (0..length).map(|_| 0.3 + 0.6 * draw()).collect()));
    }
    let params = settings(loss, &[], Moment::start(classes)).expect("all have defaults");
    Batch::new(loss, classes, matrix, &labels, vectors, params).expect("the inputs fit")
}

fn entry<S: Scalar>(batch: &mut Batch<S>, input: usize, at: usize) -> &mut S {
    match input {
        0 => &mut batch.matrix[at],
        _ => &mut batch.vectors[input - 1][at],
    }
}

/// ∂/∂ of an entry of an input, by dual numbers over the program as it was written.
fn by_dual(loss: &Loss, batch: &Batch<f64>, input: usize, at: usize) -> f64 {
    let mut dual = batch.convert::<Dual<f64>>();
    entry(&mut dual, input, at).slope = 1.0;
    evaluate(&loss.graph, &[loss.total], &dual)[0][0].slope
}

fn by_difference(loss: &Loss, batch: &Batch<f64>, change: &dyn Fn(&mut Batch<f64>, f64)) -> f64 {
    let value = |by: f64| {
        let mut moved = batch.clone();
        change(&mut moved, by);
        evaluate(&loss.graph, &[loss.total], &moved)[0][0]
    };
    (value(1e-6) - value(-1e-6)) / 2e-6
}

fn near(found: f64, wanted: f64, tolerance: f64, what: &str) {
    assert!((found - wanted).abs() <= tolerance * (1.0 + wanted.abs()), "{what}: {found} is not {wanted}");
}

#[test]
fn derivatives_are_those_of_the_program() {
    for loss in losses() {
        // What is detached, or picked, a difference quotient sees through.
        let smooth = !loss.graph.depends(loss.total, |op| matches!(op, Op::Detach | Op::PickI));
        for seed in 1..4 {
            let batch = random(&loss, seed, 5, 4);
            let found = Backend::Reference.run_by(&loss, &batch, &everything(&loss)).expect("finite");
            let check = |input: usize, at: usize, derivative: f64| {
                let what = format!("{} by {}, {at}", loss.name, loss.graph.inputs[input].name);
                near(derivative, by_dual(&loss, &batch, input, at), 1e-11, &what);
                if smooth {
                    let change = |batch: &mut Batch<f64>, by| *entry(batch, input, at) += by;
                    near(derivative, by_difference(&loss, &batch, &change), 1e-7, &what);
                }
            };
            let centres = loss.graph.centres();
            let matrices: Vec<usize> =
                (0..loss.graph.inputs.len()).filter(|&i| loss.graph.inputs[i].axis == Axis::Matrix).collect();
            for (at, derivative) in found.gradient.iter().enumerate() {
                check(matrices[at % centres], at / centres, *derivative);
            }
            for (by, values) in &found.partials {
                match *by {
                    Wrt::Input(input) => {
                        values.iter().enumerate().for_each(|(at, d)| check(input as usize, at, *d));
                    }
                    Wrt::Param(param) if smooth => {
                        let change = |batch: &mut Batch<f64>, by| batch.params[param as usize] += by;
                        let wanted = by_difference(&loss, &batch, &change);
                        near(values[0], wanted, 1e-7, &format!("{} by parameter {param}", loss.name));
                    }
                    Wrt::Param(_) => {}
                }
            }
        }
    }
}

/// Everything that an outcome holds, one list after another with its name.
fn all<S: Precision>(found: &Outcome<S>) -> Vec<(String, Vec<f64>)> {
    let wide = |values: &[S]| values.iter().map(|v| v.to_f64()).collect::<Vec<f64>>();
    let mut lists = vec![
        ("loss".to_owned(), wide(&found.loss)),
        ("total".to_owned(), vec![found.mean_loss]),
        ("gradient".to_owned(), wide(&found.gradient)),
        ("states".to_owned(), found.states.clone()),
    ];
    lists.extend(found.partials.iter().map(|(by, values)| (format!("{by:?}"), wide(values))));
    lists
}

fn agree<S: Precision>(loss: &Loss, who: &str, exact: &Outcome<f64>, found: &Outcome<S>, tolerance: f64) {
    let (exact, found) = (all(exact), all(found));
    assert_eq!(exact.len(), found.len(), "{}, {who}", loss.name);
    for ((name, wanted), (also, values)) in exact.iter().zip(&found) {
        assert_eq!(name, also, "{}, {who}", loss.name);
        assert_eq!(wanted.len(), values.len(), "{}, {who}: {name}", loss.name);
        let scale = wanted.iter().fold(1e-3_f64, |m, x| m.max(x.abs()));
        for (at, (wanted, value)) in wanted.iter().zip(values).enumerate() {
            let off = (wanted - value).abs() / scale;
            assert!(off <= tolerance, "{}, {who}: {name} {at} is {value}, not {wanted}", loss.name);
        }
    }
}

#[test]
fn every_backend_agrees() {
    for loss in losses() {
        let wrt = everything(&loss);
        for (seed, rows, classes) in [(1, 5, 4), (2, 1, 3), (3, 70, 200), (4, 3, 1), (5, 9, 2)] {
            let wide = random(&loss, seed, rows, classes);
            let exact = Backend::Reference.run_by(&loss, &wide, &wrt).expect("finite");
            let found = Backend::Dfdx.run_by(&loss, &wide, &wrt).expect("dfdx runs it");
            agree(&loss, "dfdx f64", &exact, &found, 1e-10);
            let found = Backend::Native.run_by(&loss, &wide, &wrt).expect("native runs it");
            agree(&loss, "native f64", &exact, &found, 1e-12);

            let narrow: Batch<f32> = wide.convert();
            let exact = Backend::Reference.run_by(&loss, &narrow.convert(), &wrt).expect("finite");
            let found = Backend::Dfdx.run_by(&loss, &narrow, &wrt).expect("dfdx runs it");
            agree(&loss, "dfdx f32", &exact, &found, 2e-4);
            let found = Backend::Native.run_by(&loss, &narrow, &wrt).expect("native runs it");
            agree(&loss, "native f32", &exact, &found, 1e-6);
            if let Some(gpu) = gpu() {
                let found = on_gpu_by(gpu, &loss, &narrow, &wrt).expect("the GPU runs it");
                agree(&loss, "wgpu", &exact, &found, 2e-4);
            }
        }
    }
}

/// What depends on hyperparameters alone is decided in f64 by every backend: ⌊0.29·100⌋ is 28, which f32 would make 29.
#[test]
fn hyperparameters_are_decided_in_double_precision() {
    let loss = build("decided", |b| {
        let share = param(b, "share", Kind::Real, 0.29)?;
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        let hundred = b.number(100.0);
        let count = mul(b, share, hundred)?;
        let count = on(b, Op::Floor, &[count])?;
        scaled(b, count, y, k)
    });
    let batch: Batch<f32> = random(&loss, 5, 4, 3).convert();
    let exact = Backend::Reference.run(&loss, &batch.convert::<f64>()).expect("finite");
    agree(&loss, "dfdx f32", &exact, &Backend::Dfdx.run(&loss, &batch).expect("dfdx runs it"), 2e-5);
    agree(&loss, "native f32", &exact, &Backend::Native.run(&loss, &batch).expect("native runs it"), 1e-6);
    if let Some(gpu) = gpu() {
        agree(&loss, "wgpu", &exact, &on_gpu_by(gpu, &loss, &batch, &[]).expect("it runs"), 2e-5);
    }
}

/// Centres stand in the matrix by their number, in whatever order they are read.
#[test]
fn centres_have_their_place() {
    let made = |order: [u32; 3]| {
        build("centres", |b| {
            for centre in order {
                b.cos_of_centre(At::Other, centre)?;
            }
            let weights = [1.0, 2.0, 4.0].map(|n| b.number(n));
            let mut ends = Vec::new();
            for at in [At::Target, At::Other] {
                let mut sum = weights[0];
                for (r, weight) in (0..).zip(weights) {
                    let cos = b.cos_of_centre(at, r)?;
                    let part = mul(b, weight, cos)?;
                    sum = on(b, Op::Add, &[sum, part])?;
                }
                ends.push(sum);
            }
            let one = b.number(1.0);
            scaled(b, one, ends[0], ends[1])
        })
    };
    let batch = random(&made([0, 1, 2]), 9, 3, 4);
    let run = |order| Backend::Reference.run(&made(order), &batch).expect("finite");
    assert_eq!(run([0, 1, 2]), run([2, 0, 1]));
}

/// The usual derivatives: further centres belong to the gradient, norms are given beside it, the rest is not.
#[test]
fn the_usual_derivatives() {
    let loss = together();
    let batch = random(&loss, 7, 4, 3);
    let usual = Backend::Reference.run(&loss, &batch).expect("finite");
    assert_eq!(usual.gradient.len(), 4 * 3 * 2);
    let norm = loss.wrt("norm").expect("there is one");
    assert_eq!(usual.partials.iter().map(|p| p.0).collect::<Vec<_>>(), [norm]);
    assert_eq!(usual.partial(norm).map(<[f64]>::len), Some(4));
    // Asked for twice, given once.
    let asked = Backend::Dfdx.run_by(&loss, &batch, &[norm]).expect("dfdx runs it");
    assert_eq!(asked.partials.len(), 1);
}

/// Rows in chunks: the same bits, whatever stands one after another in a binding.
#[test]
fn chunks_do_not_matter() {
    let Some(gpu) = gpu() else { return };
    let classes = 30;
    for loss in losses() {
        let program = RowProgram::by(&loss, &everything(&loss));
        let arrays = program.cells().len().max(loss.graph.centres());
        let limit = (4 * classes * arrays * 4) as u64;
        let small = Gpu::new(None).expect("it was there before").with_binding_limit(limit);
        let batch: Batch<f32> = random(&loss, 3, 11, classes).convert();
        let whole = Kernel::new(gpu, &program).and_then(|k| k.run(&batch)).expect("the kernel runs");
        let parts = Kernel::new(&small, &program).and_then(|k| k.run(&batch)).expect("the kernel runs");
        assert_eq!(whole, parts, "{}", loss.name);
    }
}

/// A value of the batch that rows read again where they keep nothing but their loss.
#[test]
fn nothing_is_kept_but_the_loss() {
    let mut loss = build("again", |b| {
        let k = b.cos(At::Other)?;
        on(b, Op::SumK, &[k])
    });
    loss.total = loss.graph.add(Op::Mul, &[loss.total, loss.total]);
    let shader = wgsl::emit(&RowProgram::of(&loss));
    assert!(shader.kept.is_empty() && !shader.batch.is_empty());
    let batch: Batch<f32> = random(&loss, 2, 40, 5).convert();
    let exact = Backend::Reference.run(&loss, &batch.convert::<f64>()).expect("finite");
    if let Some(gpu) = gpu() {
        agree(&loss, "wgpu", &exact, &on_gpu_by(gpu, &loss, &batch, &[]).expect("it runs"), 2e-4);
    }
}

#[test]
fn shaders_are_valid_everywhere() {
    use wgsl::Target;
    for loss in losses() {
        let shader = wgsl::emit(&RowProgram::by(&loss, &everything(&loss)));
        assert_eq!(shader.matrices, loss.graph.centres());
        assert_eq!(shader.source.contains("cells: u32"), shader.matrices.max(shader.outputs) > 1);
        for target in [Target::Wgsl, Target::Spirv, Target::Msl, Target::Hlsl, Target::Glsl] {
            if let Err(error) = wgsl::compile(&shader, target) {
                panic!("{} to {target:?}: {error}\n{}", loss.name, shader.source);
            }
        }
    }
}

/// What is not finite is named: a derivative, a state.
#[test]
fn what_is_not_finite_is_named() {
    let loss = build("root", |b| {
        let input = b.input("weight", Kind::Real, Axis::Rows)?;
        let weight = b.read(input, At::Row);
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        let four = b.number(4.0);
        let ce = scaled(b, four, y, k)?;
        let root = on(b, Op::Sqrt, &[weight])?;
        on(b, Op::Add, &[ce, root])
    });
    let weight = loss.wrt("weight").expect("there is one");
    let batch = Batch::new(&loss, 2, vec![0.1; 4], &[0, 1], vec![("weight".into(), vec![1.0, 0.0])], vec![]);
    let batch: Batch<f64> = batch.expect("the inputs fit");
    assert!(Backend::Reference.run(&loss, &batch).is_ok());
    let error = Backend::Reference.run_by(&loss, &batch, &[weight]).expect_err("1/0");
    assert!(error.to_string().contains("the derivative by `weight` at row 1 is not finite"), "{error}");

    let loss = build("overflow", |b| {
        let t = b.param(Param { default: Some(0.0), state: true, ..Param::new("t", Kind::Real) })?;
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        let mean = on(b, Op::MeanI, &[y])?;
        let next = on(b, Op::Ln, &[mean])?;
        b.update(t, next)?;
        let four = b.number(4.0);
        let ce = scaled(b, four, y, k)?;
        on(b, Op::Add, &[ce, t])
    });
    let batch: Batch<f64> =
        Batch::new(&loss, 2, vec![-0.1; 4], &[0, 1], vec![], vec![0.0]).expect("the inputs fit");
    for backend in [Backend::Reference, Backend::Dfdx, Backend::Native] {
        let error = backend.run(&loss, &batch).expect_err("ln of a negative number");
        assert!(error.to_string().contains("the next value of the state `t` after the batch"), "{error}");
    }
}

/// Random programs, differentiated by everything that they read.
#[test]
fn random_programs_agree_on_every_derivative() {
    fn property(bytes: Vec<u8>, seed: u64) -> TestResult {
        let loss = program(&bytes, Allow::All);
        let wrt = everything(&loss);
        let narrow: Batch<f32> = random(&loss, seed, 3, 4).convert();
        let batch = narrow.convert::<f64>();
        let run = |batch: &Batch<f64>| Backend::Reference.run_by(&loss, batch, &wrt);
        // Not where the derivative by a hyperparameter leaves its domain, nor where rounding decides.
        let Ok(exact) = run(&batch) else { return TestResult::discard() };
        let moved = Batch { matrix: batch.matrix.iter().map(|c| c + 4e-7).collect(), ..batch.clone() };
        let Ok(nearby) = run(&moved) else { return TestResult::discard() };
        if on_border(&loss, &batch, 2e-5).contains(&true) || apart(&exact, &nearby) > 2e-5 {
            return TestResult::discard();
        }
        let mut found = vec![
            ("dfdx", Backend::Dfdx.run_by(&loss, &batch, &wrt), 1e-9),
            ("native", Backend::Native.run_by(&loss, &batch, &wrt), 1e-9),
            ("native f32", Backend::Native.run_by(&loss, &narrow, &wrt).map(widened), 1e-4),
        ];
        if let Some(gpu) = gpu() {
            found.push(("wgpu", on_gpu_by(gpu, &loss, &batch, &wrt), 5e-4));
        }
        for (who, found, limit) in found {
            let apart = found.as_ref().map_or(f64::INFINITY, |found| apart(&exact, found));
            if apart > limit {
                let text = loss.graph.print(&[("loss", loss.total)]);
                return TestResult::error(format!("{who}: {apart:e}\n{exact:?}\n{found:?}\n{text}"));
            }
        }
        TestResult::passed()
    }
    drawn(32, 23, 120).max_tests(2000).quickcheck(property as fn(Vec<u8>, u64) -> TestResult);
}

/// What f32 gave, in f64.
fn widened(found: Outcome<f32>) -> Outcome<f64> {
    let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
    Outcome {
        loss: wide(found.loss),
        mean_loss: found.mean_loss,
        gradient: wide(found.gradient),
        partials: found.partials.into_iter().map(|(by, values)| (by, wide(values))).collect(),
        states: found.states,
    }
}

/// The largest difference, relative to the greatest number of its list or 1.
fn apart(exact: &Outcome<f64>, found: &Outcome<f64>) -> f64 {
    let mut most = 0.0_f64;
    for ((_, wanted), (_, values)) in all(exact).iter().zip(&all(found)) {
        let scale = wanted.iter().fold(1.0_f64, |m, x| m.max(x.abs()));
        for (x, y) in wanted.iter().zip(values) {
            most = most.max((x - y).abs() / scale);
        }
    }
    most
}
