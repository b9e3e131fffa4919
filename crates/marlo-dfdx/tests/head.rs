//! The head as a dfdx module: its gradients through a network, dfdx's optimisers, files, and its errors.

use dfdx::nn::modules;
use dfdx::optim::{Adam, AdamConfig, Momentum, Sgd, SgdConfig};
use dfdx::prelude::*;
use marlo_dfdx::{DfdxError, Fused, MarginHead, RuntimeAdam, RuntimeSgd};
use marlo_ir::loss::Loss;
use marlo_ir::typed::{self, kinds};

const LABELS: [usize; 4] = [0, 2, 1, 2];

/// The norm of the embedding is the scale.
fn by_norm() -> Loss {
    typed::define("by_norm", |l| {
        let norm = l.row_input::<kinds::Norm>("norm");
        typed::ce(typed::softmax(norm * l.cos_target(), norm * l.cos_other()))
    })
}

fn arcface() -> Loss {
    typed::define("arcface", |l| {
        let s = l.param::<kinds::Scale>("s", 8.0, 1.0..=128.0);
        let m = l.param::<kinds::Angle>("m", 0.5, 0.0..=1.5);
        typed::ce(typed::softmax(s * (l.theta_target() + m).cos(), s * l.cos_other()))
    })
}

type Network = (modules::Linear<5, 7, f64, Cpu>, Tanh, modules::Linear<7, 3, f64, Cpu>);
type Model = (Network, MarginHead<Const<4>, Const<3>, f64>);

fn model(loss: &Loss) -> Model {
    let device = Cpu::seed_from_u64(1);
    let head = MarginHead::new(loss, &[], (Const, Const), 7).expect("it has a size");
    (device.build_module::<(builders::Linear<5, 7>, builders::Tanh, builders::Linear<7, 3>), f64>(), head)
}

fn images() -> Tensor<Rank2<4, 5>, f64, Cpu> {
    Cpu::seed_from_u64(2).sample_normal()
}

fn value(model: &Model, x: &Tensor<Rank2<4, 5>, f64, Cpu>) -> f64 {
    model.1.forward((model.0.forward(x.clone()), LABELS)).array()
}

/// The derivative by entry (row, column) of a tensor of the model, by central differences.
fn differences<const M: usize, const N: usize>(
    model: &Model,
    x: &Tensor<Rank2<4, 5>, f64, Cpu>,
    of: impl Fn(&mut Model) -> &mut Tensor<Rank2<M, N>, f64, Cpu>,
) -> Vec<f64> {
    const STEP: f64 = 1e-6;
    let at = |place: usize, by: f64| {
        let mut moved = model.clone();
        let tensor = of(&mut moved);
        let mut values = tensor.as_vec();
        values[place] += by;
        tensor.copy_from(&values);
        value(&moved, x)
    };
    (0..M * N).map(|place| (at(place, STEP) - at(place, -STEP)) / (2.0 * STEP)).collect()
}

fn near(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    let size = b.iter().fold(1e-3, |size: f64, b| size.max(b.abs()));
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= tolerance * size, "{a} is not {b}");
    }
}

#[test]
fn gradients_reach_every_layer() {
    for loss in [arcface(), by_norm()] {
        let (model, x) = (model(&loss), images());
        let embeddings = model.0.forward(x.leaky_trace());
        let gradients = model.1.forward((embeddings, LABELS)).backward();
        near(&gradients.get(&model.1.weight).as_vec(), &differences(&model, &x, |m| &mut m.1.weight), 1e-6);
        let last = &model.0.2.weight;
        near(&gradients.get(last).as_vec(), &differences(&model, &x, |m| &mut m.0.2.weight), 1e-6);
        let first = &model.0.0.weight;
        near(&gradients.get(first).as_vec(), &differences(&model, &x, |m| &mut m.0.0.weight), 1e-6);
    }
}

/// The fused operation on cosines that dfdx forms and differentiates.
#[test]
fn it_is_what_dfdx_makes_of_cosines() {
    for loss in [arcface(), by_norm()] {
        let x: Tensor<Rank2<4, 3>, f64, Cpu> = Cpu::seed_from_u64(3).sample_normal();
        let head: MarginHead<Const<5>, Const<3>, f64> =
            MarginHead::new(&loss, &[], (Const, Const), 4).expect("it fits");
        let found = head.apply(x.leaky_trace(), &LABELS).expect("it fits");
        let lengths =
            |t: Tensor<Rank2<4, 3>, f64, Cpu, OwnedTape<f64, Cpu>>| t.square().sum::<_, Axis<1>>().sqrt();
        let norms = lengths(x.leaky_trace());
        let wide: Tensor<Rank2<5, 3>, f64, Cpu, _> = head.weight.leaky_trace();
        let wide = wide.square().sum::<Rank1<5>, Axis<1>>().sqrt().broadcast::<Rank2<5, 3>, Axis<1>>();
        let w = head.weight.leaky_trace() / wide;
        let unit = x.leaky_trace() / lengths(x.leaky_trace()).broadcast::<Rank2<4, 3>, Axis<1>>();
        let fused = Fused::new(&loss, &[]).expect("the settings are right");
        let traced = match loss.graph.inputs.len() {
            1 => vec![],
            _ => vec![("norm".into(), norms)],
        };
        let wanted = fused.apply_traced(unit.matmul(w.permute()), &LABELS, traced, vec![]).expect("it fits");
        near(&[found.array()], &[wanted.array()], 1e-12);
        let (found, wanted) = (found.backward(), wanted.backward());
        near(&found.get(&x).as_vec(), &wanted.get(&x).as_vec(), 1e-10);
        near(&found.get(&head.weight).as_vec(), &wanted.get(&head.weight).as_vec(), 1e-10);
    }
}

#[test]
fn optimisers_of_dfdx_train_it() {
    let loss = arcface();
    let (mut model, x) = (model(&loss), images());
    let config = SgdConfig { lr: 0.05, momentum: Some(Momentum::Classic(0.9)), weight_decay: None };
    let mut sgd = Sgd::new(&model, config);
    let before = value(&model, &x);
    for _ in 0..300 {
        let embeddings = model.0.forward(x.leaky_trace());
        let gradients = model.1.forward((embeddings, LABELS)).backward();
        sgd.update(&mut model, &gradients).expect("every tensor has a gradient");
        model.1.progress_mut().advance();
    }
    assert!(value(&model, &x) < 0.2 * before, "{} of {before}", value(&model, &x));
    assert_eq!(model.1.progress().step(), 300);
}

/// A number of classes that is known at run time makes no difference to what dfdx's rules compute.
#[test]
fn sizes_of_the_run_time_are_trained_alike() {
    let loss = arcface();
    let x: Tensor<Rank2<4, 3>, f64, Cpu> = Cpu::seed_from_u64(3).sample_normal();
    let mut fixed: MarginHead<Const<5>, Const<3>, f64> =
        MarginHead::new(&loss, &[], (Const, Const), 4).expect("it fits");
    let mut free: MarginHead<usize, usize, f64> = MarginHead::new(&loss, &[], (5, 3), 4).expect("it fits");
    let config = SgdConfig {
        lr: 0.1,
        momentum: Some(Momentum::Nesterov(0.9)),
        weight_decay: Some(WeightDecay::L2(5e-4)),
    };
    let (mut sgd, mut runtime) = (Sgd::new(&fixed, config), RuntimeSgd::new(config));
    let (mut adam, mut runtime_adam) =
        (Adam::new(&fixed, AdamConfig::default()), RuntimeAdam::new(AdamConfig::default()));
    for step in 0..8 {
        let gradients = fixed.apply(x.leaky_trace(), &LABELS).expect("it fits").backward();
        let free_x = x.leaky_trace().reshape_like(&(4_usize, 3_usize));
        let mut others = free.apply(free_x, &LABELS).expect("it fits").backward();
        if step < 4 {
            sgd.update(&mut fixed, &gradients).expect("it has a gradient");
            runtime.update(&mut free.weight, &mut others).expect("there is memory");
        } else {
            adam.update(&mut fixed, &gradients).expect("it has a gradient");
            runtime_adam.update(&mut free.weight, &mut others).expect("there is memory");
            runtime_adam.advance();
        }
        assert_eq!(fixed.weight.as_vec(), free.weight.as_vec(), "step {step}");
    }
}

/// A loss with a state: half of it is forgotten at each step.
fn with_state() -> Loss {
    typed::define("with_state", |l| {
        let s = l.param::<kinds::Scale>("s", 8.0, 1.0..=128.0);
        let t = l.state::<kinds::Real, _>("t", 0.0, -1.0..=1.0, |t| {
            0.5 * t + 0.5 * l.cos_target().mean_over_batch()
        });
        typed::ce(typed::softmax(s * (l.cos_target() - 0.1 * t), s * l.cos_other()))
    })
}

#[test]
fn files_keep_weights_step_and_states() {
    let folder = tempfile::tempdir().expect("a folder");
    let loss = with_state();
    let x: Tensor<Rank2<4, 3>, f64, Cpu> = Cpu::seed_from_u64(3).sample_normal();
    let mut trained: MarginHead<Const<5>, Const<3>, f64> =
        MarginHead::new(&loss, &[], (Const, Const), 4).expect("it fits");
    let fresh =
        |seed| MarginHead::<Const<5>, Const<3>, f64>::new(&loss, &[], (Const, Const), seed).expect("it fits");
    for _ in 0..3 {
        trained.apply(x.leaky_trace(), &LABELS).expect("it fits").backward();
        trained.progress_mut().advance();
    }
    let is_same = |head: &MarginHead<Const<5>, Const<3>, f64>| {
        assert_eq!(head.weight.as_vec(), trained.weight.as_vec());
        assert_eq!(head.progress().step(), 3);
        assert_eq!(head.progress().states(), trained.progress().states());
        assert_eq!(head.progress().states().len(), 1);
    };
    // By dfdx, within a model.
    let device = Cpu::default();
    let path = folder.path().join("model.safetensors");
    let model = (device.build_module::<builders::Linear<5, 3>, f64>(), trained.clone());
    model.save_safetensors(&path).expect("it is written");
    let mut other = (device.build_module::<builders::Linear<5, 3>, f64>(), fresh(9));
    other.load_safetensors(&path).expect("it is read");
    is_same(&other.1);
    // Alone, by dfdx and by the head itself, in all four pairs.
    let (ours, dfdx) = (folder.path().join("ours.safetensors"), folder.path().join("dfdx.safetensors"));
    trained.save(&ours).expect("it is written");
    trained.save_safetensors(&dfdx).expect("it is written");
    for path in [&ours, &dfdx] {
        let (mut a, mut b) = (fresh(9), fresh(10));
        a.load(path).expect("it is read");
        b.load_safetensors(path).expect("it is read");
        is_same(&a);
        is_same(&b);
    }
    // A size of the run time, and the file of another head.
    let mut free: MarginHead<usize, usize, f64> = MarginHead::new(&loss, &[], (5, 3), 1).expect("it fits");
    free.load(&ours).expect("it is read");
    assert_eq!(free.weight.as_vec(), trained.weight.as_vec());
    let mut small: MarginHead<usize, usize, f64> = MarginHead::new(&loss, &[], (4, 3), 1).expect("it fits");
    let before = small.weight.as_vec();
    let error = small.load(&ours).expect_err("another head").to_string();
    assert!(error.ends_with("it has F64 [5, 3], but F64 [4, 3] is wanted"), "{error}");
    assert_eq!(small.weight.as_vec(), before);
    std::fs::write(&ours, "no tensors").expect("it is written");
    assert!(matches!(small.load(&ours), Err(DfdxError::Format(_))));
    assert!(matches!(small.load(folder.path().join("none")), Err(DfdxError::File { .. })));
}

#[test]
fn a_head_of_another_precision_is_its_numbers() {
    let head: MarginHead<Const<5>, Const<3>, f64> =
        MarginHead::new(&arcface(), &[], (Const, Const), 4).expect("it fits");
    let narrow = head.to_dtype::<f32>();
    let wanted: Vec<f32> = head.weight.as_vec().into_iter().map(|w| w as f32).collect();
    assert_eq!(narrow.weight.as_vec(), wanted);
}

#[test]
fn sampled_classes_alone_are_moved() {
    let x: Tensor<Rank2<4, 3>, f64, Cpu> = Cpu::seed_from_u64(3).sample_normal();
    let mut head: MarginHead<usize, Const<3>, f64> =
        MarginHead::new(&arcface(), &[], (40, Const), 4).expect("it fits");
    head.share = 0.2;
    let gradient =
        head.apply(x.leaky_trace(), &LABELS).expect("it fits").backward().get(&head.weight).as_vec();
    let moved: Vec<usize> =
        (0..40).filter(|class| gradient[class * 3..][..3].iter().any(|g| *g != 0.0)).collect();
    assert_eq!(moved.len(), 8);
    assert!(LABELS.iter().all(|label| moved.contains(label)), "{moved:?}");
    // The next step has others.
    head.progress_mut().advance();
    let other = head.apply(x.leaky_trace(), &LABELS).expect("it fits").backward().get(&head.weight).as_vec();
    assert!((0..40).any(|class| !moved.contains(&class) && other[class * 3] != 0.0));
}

#[test]
fn what_does_not_fit_is_named() {
    let (loss, device) = (arcface(), Cpu::default());
    let mut head: MarginHead<usize, Const<3>, f64> =
        MarginHead::new(&loss, &[], (5, Const), 4).expect("it fits");
    let x: Tensor<Rank2<4, 3>, f64, Cpu> = device.sample_normal();
    let of = |labels: &[usize]| head.apply(x.clone(), labels).expect_err("it doesn't fit").to_string();
    assert_eq!(of(&[0, 1, 5, 2]), "the label of row 2 is 5, but the 5 classes are numbered from 0 to 4");
    assert!(of(&[0]).contains("values of the embeddings"), "{}", of(&[0]));
    let broken = device.tensor([[1.0, 2.0, 3.0], [1.0, f64::NAN, 0.0]]);
    let error = head.apply(broken, &[0, 1]).expect_err("no number").to_string();
    assert!(error.starts_with("the embedding of row 1 is not finite"), "{error}");
    let error =
        head.apply_with(x, &LABELS, vec![("noise".into(), vec![])]).expect_err("no input").to_string();
    assert_eq!(error, "`arcface` has no further input `noise` of that axis");
    assert!(matches!(head.set_input("count", vec![1.0; 5]), Err(DfdxError::NoInput { .. })));
    assert!(MarginHead::<usize, usize, f64>::new(&loss, &[("q".into(), 1.0)], (5, 3), 0).is_err());
    assert!(MarginHead::<usize, usize, f64>::new(&loss, &[], (0, 3), 0).is_err());
}

#[test]
fn angles_and_masked_classes_are_watched() {
    let loss = typed::define("mined", |l| {
        let s = l.param::<kinds::Scale>("s", 8.0, 1.0..=128.0);
        let h = typed::indicator(l.cos_other().gt(l.cos_target() - 0.3), s * 1.0 + 1.0);
        typed::ce(typed::softmax_weighted(s * l.cos_target(), s * l.cos_other(), h))
    });
    let mut head: MarginHead<usize, usize, f64> = MarginHead::new(&loss, &[], (3, 2), 4).expect("it fits");
    let turned = |angle: f64| [2.0 * angle.cos(), 2.0 * angle.sin()];
    head.weight.copy_from(&[turned(0.0), turned(1.0), turned(2.0)].concat());
    // The first is 0.2 from its class and 0.8 from the next one, the second nearer to another class than to its own.
    let x = [turned(0.2), turned(0.9)].concat();
    let found = head.watch(&x, &[0, 2]).expect("it fits");
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a}, {b}");
    near(found.target, (0.2 + 1.1) / 2.0);
    near(found.others, (0.8 + 1.8 + 0.9 + 0.1) / 4.0);
    near(found.nearer, 2.0 / 4.0);
    // cos 0.8 = 0.697 is more than 0.3 below cos 0.2 = 0.980? 0.283: no, so it is masked, too.
    near(found.masked.expect("it has a mask"), 3.0 / 4.0);
    let without = MarginHead::<usize, usize, f64>::new(&arcface(), &[], (3, 2), 4).expect("it fits");
    assert_eq!(without.watch(&x, &[0, 2]).expect("it fits").masked, None);
}
