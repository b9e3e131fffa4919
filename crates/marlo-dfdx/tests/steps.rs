//! The fused operation over steps: schedules, states, several centres, and gradients into further inputs.

use dfdx::prelude::*;
use marlo_dfdx::{DfdxError, Fused, autodiff, autodiff_by};
use marlo_ir::build::{Builder, TypeError};
use marlo_ir::eval::{Batch, InputError, SettingError, settings};
use marlo_ir::graph::{Axis as Along, Graph, Id, Param};
use marlo_ir::kind::Kind;
use marlo_ir::loss::Loss;
use marlo_ir::op::{At, Op};
use marlo_ir::setting::{Moment, Setting};

const LABELS: [usize; 2] = [0, 2];
const COSINES: [[f64; 3]; 2] = [[0.8, 0.1, -0.2], [0.3, 0.5, 0.4]];

fn build(body: impl FnOnce(&mut Builder) -> Result<Id, TypeError>) -> Loss {
    let mut b = Builder::new();
    let value = body(&mut b).expect("the program is right");
    b.finish("test", value).expect("it is a loss")
}

fn param(b: &mut Builder, name: &str, default: f64) -> Result<Id, TypeError> {
    b.param(Param { default: Some(default), ..Param::new(name, Kind::Real) })
}

fn on(b: &mut Builder, op: Op, args: &[Id]) -> Id {
    b.graph.add(op, args)
}

fn scaled(b: &mut Builder, s: Id, target: Id, other: Id) -> Result<Id, TypeError> {
    let (target, other) = (on(b, Op::Mul, &[s, target]), on(b, Op::Mul, &[s, other]));
    let p = b.softmax(target, other, None)?;
    Ok(b.ce(p))
}

/// The state is a running mean of the cosines at the label; its new value is a margin.
fn running_mean() -> Loss {
    build(|b| {
        let s = param(b, "s", 8.0)?;
        let t = b.param(Param {
            default: Some(0.5),
            state: true,
            low: -1.0,
            high: 1.0,
            ..Param::new("t", Kind::Real)
        })?;
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        let mean = on(b, Op::MeanI, &[y]);
        let half = b.number(0.5);
        let sum = on(b, Op::Add, &[t, mean]);
        let next = on(b, Op::Mul, &[half, sum]);
        let now = b.update(t, next)?;
        let f = on(b, Op::Sub, &[y, now]);
        scaled(b, s, f, k)
    })
}

/// The norm of an embedding scales its cosines.
fn norm_scaled() -> Loss {
    build(|b| {
        let input = b.input("norm", Kind::Norm, Along::Rows)?;
        let norm = b.read(input, At::Row);
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        scaled(b, norm, y, k)
    })
}

fn matrix() -> Tensor<Rank2<2, 3>, f64, Cpu> {
    Cpu::default().tensor(COSINES)
}

fn near(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}");
    }
}

#[test]
fn states_go_on_with_each_step() {
    let mut fused = Fused::new(&running_mean(), &[]).expect("the settings are right");
    let mean = (0.8 + 0.4) / 2.0;
    assert!(fused.progress().states().is_empty());
    let first = fused.apply(matrix().leaky_trace(), &LABELS).expect("the inputs fit").array();
    // The same state again, on a tape or not, until it is told to go on.
    let again = fused.apply(matrix(), &LABELS).expect("the inputs fit").array();
    assert_eq!(first, again);
    fused.progress_mut().advance();
    let state = (0.5 + mean) / 2.0;
    assert_eq!(fused.progress().step(), 1);
    near(&[fused.progress().states()[0].1], &[state], 1e-15);

    let copy = fused.clone();
    let x = matrix();
    let second = fused.apply(x.leaky_trace(), &LABELS).expect("the inputs fit");
    assert_ne!(first, second.array());
    let params = vec![8.0, state];
    let batch = Batch::new(
        &running_mean(),
        3,
        COSINES.as_flattened().to_vec(),
        &LABELS.map(|y| y as i64),
        vec![],
        params,
    );
    let exact = autodiff(&running_mean(), &batch.expect("the inputs fit")).expect("dfdx runs it");
    near(&[second.array()], &[exact.mean_loss], 1e-14);
    near(&second.backward().get(&x).as_vec(), &exact.gradient, 1e-14);

    fused.progress_mut().advance();
    near(&[fused.progress().states()[0].1], &[(state + mean) / 2.0], 1e-15);
    // Without a batch in between, states stay and the step goes on.
    fused.progress_mut().advance();
    near(&[fused.progress().states()[0].1], &[(state + mean) / 2.0], 1e-15);
    assert_eq!((fused.progress().step(), copy.progress().step()), (3, 1));
}

#[test]
fn a_checkpoint_goes_on() {
    let mut fused = Fused::new(&running_mean(), &[("t".into(), -0.5)]).expect("the settings are right");
    fused.apply(matrix().leaky_trace(), &LABELS).expect("the inputs fit");
    fused.progress_mut().advance();
    let mut other = Fused::new(&running_mean(), &[]).expect("the settings are right");
    other.progress_mut().set_step(fused.progress().step());
    other.progress_mut().set_states(&fused.progress().states()).expect("they are states");
    let value = |fused: &Fused| fused.apply(matrix(), &LABELS).expect("the inputs fit").array();
    assert_eq!(value(&fused), value(&other));
    // Hyperparameters change, the state stays; unless it is given itself.
    fused.progress_mut().set(&[("s".into(), 4.0)]).expect("in range");
    assert_eq!(fused.progress().states(), other.progress().states());
    fused.progress_mut().set(&[("t".into(), 0.0)]).expect("in range");
    assert!(fused.progress().states().is_empty());
    let error = other.progress_mut().set_states(&[("s".into(), 1.0)]).expect_err("no state");
    assert!(matches!(error, SettingError::Unknown { .. }), "{error}");
    let error = other.progress_mut().set_states(&[("t".into(), 2.0)]).expect_err("out of range");
    assert!(matches!(error, SettingError::Range { .. }), "{error}");
}

/// s = classes + step, for ten steps.
#[test]
fn schedules_follow_the_step() {
    let mut graph = Graph::default();
    graph.params.push(Param::new(Setting::STEP, Kind::Real));
    let (step, classes) = (graph.add(Op::Param(0), &[]), graph.add(Op::Classes, &[]));
    let value = graph.add(Op::Add, &[step, classes]);
    let setting = Setting { text: "C + step".into(), graph: graph.into(), value, steps: (1, 10) };
    let loss = build(|b| {
        let s = b.param(Param { setting: Some(setting), ..Param::new("s", Kind::Real) })?;
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        scaled(b, s, y, k)
    });
    let mut fused = Fused::new(&loss, &[]).expect("what a step before the first is, a batch will tell");
    let error = fused.apply(matrix(), &LABELS).expect_err("there is no step 0");
    assert!(matches!(error, DfdxError::Setting(SettingError::Step { step: 0, .. })), "{error}");
    for step in 1..=10 {
        fused.progress_mut().advance();
        let fixed = Fused::new(&loss, &[("s".into(), 3.0 + f64::from(step))]).expect("in range");
        let value = |fused: &Fused| fused.apply(matrix(), &LABELS).expect("the inputs fit").array();
        assert_eq!(value(&fused), value(&fixed));
    }
    fused.progress_mut().set_step(11);
    assert!(matches!(fused.apply(matrix(), &LABELS), Err(DfdxError::Setting(SettingError::Step { .. }))));
}

/// Two centres a class: a row holds the centres of a class next to each other.
#[test]
fn centres_stand_next_to_each_other() {
    let loss = build(|b| {
        let s = param(b, "s", 8.0)?;
        b.set_centres(2);
        let [y, k] = [At::Target, At::Other].map(|at| {
            let (first, second) = (b.cos_of_centre(at, 0)?, b.cos_of_centre(at, 1)?);
            Ok(on(b, Op::Max, &[first, second]))
        });
        scaled(b, s, y?, k?)
    });
    let values = [[0.8, 0.6, 0.1, 0.2, -0.2, -0.3], [0.3, -0.3, 0.5, 0.1, 0.4, 0.45]];
    let device = Cpu::default();
    let matrix: Tensor<Rank2<2, 6>, f64, _> = device.tensor(values);
    let fused = Fused::new(&loss, &[]).expect("the settings are right");
    let value = fused.apply(matrix.leaky_trace(), &LABELS).expect("the inputs fit");
    let labels = LABELS.map(|y| y as i64);
    let batch = Batch::new(&loss, 3, values.as_flattened().to_vec(), &labels, vec![], vec![8.0]);
    let exact = autodiff(&loss, &batch.expect("the inputs fit")).expect("dfdx runs it");
    near(&[value.array()], &[exact.mean_loss], 1e-14);
    let found = value.backward().get(&matrix).as_vec();
    near(&found, &exact.gradient, 1e-14);
    // Class 0 of the first row is nearest to its first centre, class 1 to its second.
    assert!(found[0] < 0.0 && found[1] == 0.0 && found[2] == 0.0 && found[3] > 0.0);
    let odd: Tensor<Rank2<2, 5>, f64, _> = device.zeros();
    assert!(matches!(fused.apply(odd, &LABELS), Err(DfdxError::Input(InputError::Length { .. }))));
}

/// Embeddings whose norm is an input of the loss: what arrives at them is the derivative of the whole.
#[test]
fn the_gradient_of_the_norm_reaches_the_embedding() {
    let device = Cpu::default();
    let fused = Fused::new(&norm_scaled(), &[]).expect("the settings are right");
    let weights: Tensor<Rank2<3, 2>, f64, _> = device.tensor([[1.0, 0.0], [0.0, 1.0], [-0.6, 0.8]]);
    let run = |values: [[f64; 2]; 2]| {
        let x: Tensor<Rank2<2, 2>, f64, _> = device.tensor(values);
        let length = x.leaky_trace().square().sum::<Rank1<2>, Axis<1>>().sqrt();
        let (length, tape) = length.split_tape();
        let unit = x.clone().put_tape(tape) / length.clone().broadcast::<Rank2<2, 2>, Axis<1>>();
        let cosines = unit.matmul(weights.clone().permute::<Rank2<2, 3>, _>());
        let norm = x.leaky_trace().square().sum::<Rank1<2>, Axis<1>>().sqrt();
        let value = fused
            .apply_traced(cosines, &LABELS, vec![("norm".into(), norm)], vec![])
            .expect("the inputs fit");
        (value.array(), value.backward().get(&x).as_vec())
    };
    let values = [[1.5, 0.7], [-0.4, 0.9]];
    let (_, gradient) = run(values);
    for at in 0..4 {
        let moved = |by: f64| {
            let mut moved = values;
            moved[at / 2][at % 2] += by;
            run(moved).0
        };
        near(&[gradient[at]], &[(moved(1e-6) - moved(-1e-6)) / 2e-6], 1e-8);
    }
    // As plain values no gradient passes them; a wrong length and a wrong name are errors.
    let plain = fused
        .apply_with(matrix().leaky_trace(), &LABELS, vec![("norm".into(), vec![1.0, 2.0])])
        .expect("the inputs fit");
    assert!(plain.array() > 0.0);
    let traced = |name: &str, values: Vec<f64>| {
        let length = (values.len(),);
        let norm: Tensor<(usize,), f64, _> = device.tensor_from_vec(values, length);
        fused.apply_traced(matrix().leaky_trace(), &LABELS, vec![(name.into(), norm.leaky_trace())], vec![])
    };
    assert!(traced("norm", vec![1.0, 2.0]).is_ok());
    assert!(matches!(traced("norm", vec![1.0]), Err(DfdxError::Input(InputError::Length { .. }))));
    assert!(matches!(traced("size", vec![1.0, 2.0]), Err(DfdxError::Input(InputError::Missing { .. }))));
}

/// Inputs over samples and over classes on one tape, against dfdx's own autodiff.
#[test]
fn inputs_of_both_axes_are_traced() {
    let loss = build(|b| {
        let norm = b.input("norm", Kind::Norm, Along::Rows)?;
        let margin = b.input("margin", Kind::Real, Along::Classes)?;
        let (norm, own, other) =
            (b.read(norm, At::Row), b.read(margin, At::Target), b.read(margin, At::Other));
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        let f = on(b, Op::Sub, &[y, own]);
        let against = on(b, Op::Mul, &[k, other]);
        scaled(b, norm, f, against)
    });
    let device = Cpu::default();
    let norm: Tensor<Rank1<2>, f64, _> = device.tensor([1.5, 2.5]);
    let margin: Tensor<Rank1<3>, f64, _> = device.tensor([0.1, 0.2, 0.3]);
    let x = matrix();
    let traced = vec![
        ("norm".to_owned(), norm.leaky_trace().realize::<(usize,)>()),
        ("margin".to_owned(), margin.leaky_trace().realize::<(usize,)>()),
    ];
    let fused = Fused::new(&loss, &[]).expect("the settings are right");
    let value = fused.apply_traced(x.leaky_trace(), &LABELS, traced, vec![]).expect("the inputs fit");
    let gradients = value.backward();
    let params = settings(&loss, &[], Moment::start(3)).expect("there are none");
    let vectors = vec![("norm".into(), norm.as_vec()), ("margin".into(), margin.as_vec())];
    let labels = LABELS.map(|y| y as i64);
    let batch = Batch::new(&loss, 3, x.as_vec(), &labels, vectors, params).expect("the inputs fit");
    let wrt = ["norm", "margin"].map(|name| loss.wrt(name).expect("there is one"));
    let exact = autodiff_by(&loss, &batch, &wrt).expect("dfdx runs it");
    near(&gradients.get(&x).as_vec(), &exact.gradient, 1e-14);
    near(&gradients.get(&norm).as_vec(), &exact.partials[0].1, 1e-14);
    near(&gradients.get(&margin).as_vec(), &exact.partials[1].1, 1e-14);
}
