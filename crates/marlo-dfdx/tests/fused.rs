//! The fused operation on dfdx's tape: its gradient against dfdx's own autodiff, through a model, and its errors.

use dfdx::prelude::*;
use marlo_dfdx::{DfdxError, Element, Fused, autodiff};
use marlo_ir::eval::{Batch, settings};
use marlo_ir::loss::Loss;
use marlo_ir::typed::{self, kinds};

/// MV-Arc-Softmax, adaptive.
fn mv_arc() -> Loss {
    typed::define("mv_arc", |l| {
        let s = l.param::<kinds::Scale>("s", 8.0, 1.0..=128.0);
        let m = l.param::<kinds::Angle>("m", 0.5, 0.0..=1.5);
        let t = l.param::<kinds::Weight>("t", 0.2, 0.0..=1.0);
        let f = (l.theta_target() + m).cos();
        let h = typed::indicator(l.cos_other().gt(f), (s * t * (l.cos_other() + 1.0)).exp());
        typed::ce(typed::softmax_weighted(s * f, s * l.cos_other(), h))
    })
}

const LABELS: [usize; 2] = [0, 2];
const COSINES: [[f64; 3]; 2] = [[0.8, 0.1, -0.2], [0.3, 0.5, 0.4]];

fn by_autodiff<E: Element>(loss: &Loss) -> (E, Vec<E>)
where
    Cpu: Device<E>,
{
    let values = COSINES.iter().flatten().map(|&c| <E as marlo_ir::eval::Scalar>::from_f64(c)).collect();
    let params =
        settings(loss, &[], marlo_ir::setting::Moment::start(7)).expect("every hyperparameter has a default");
    let labels = LABELS.map(|y| y as i64);
    let batch = Batch::new(loss, 3, values, &labels, vec![], params).expect("cosines are cosines");
    let found = autodiff(loss, &batch).expect("dfdx runs it");
    (found.mean_loss, found.gradient)
}

fn near(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}");
    }
}

#[test]
fn the_gradient_is_that_of_autodiff() {
    let loss = mv_arc();
    let fused = Fused::new(&loss, &[]).expect("the settings are right");
    let device = Cpu::default();
    let matrix: Tensor<Rank2<2, 3>, f64, _> = device.tensor(COSINES);
    let value = fused.apply(matrix.leaky_trace(), &LABELS).expect("the inputs fit");
    let (total, gradient) = by_autodiff::<f64>(&loss);
    near(&[value.array()], &[total], 1e-14);
    near(&value.backward().get(&matrix).as_vec(), &gradient, 1e-14);
}

#[test]
fn single_precision() {
    let loss = mv_arc();
    let fused = Fused::new(&loss, &[]).expect("the settings are right");
    let device = Cpu::default();
    let matrix: Tensor<Rank2<2, 3>, f32, _> = device.tensor(COSINES.map(|row| row.map(|c| c as f32)));
    let value = fused.apply(matrix.leaky_trace(), &LABELS).expect("the inputs fit");
    let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
    let (_, gradient) = by_autodiff::<f64>(&loss);
    near(&wide(value.backward().get(&matrix).as_vec()), &gradient, 1e-6);
}

/// What stands above the loss scales its gradient, and another use of the matrix adds to it.
#[test]
fn it_takes_part_in_a_larger_sum() {
    let fused = Fused::new(&mv_arc(), &[]).expect("the settings are right");
    let device = Cpu::default();
    let matrix: Tensor<Rank2<2, 3>, f64, _> = device.tensor(COSINES);
    let penalty = matrix.leaky_trace().square().sum();
    let (penalty, tape) = penalty.split_tape();
    let value = fused.apply(matrix.clone().put_tape(tape), &LABELS).expect("the inputs fit");
    let found = (value * 3.0 + penalty).backward().get(&matrix).as_vec();
    let (_, gradient) = by_autodiff::<f64>(&mv_arc());
    let wanted: Vec<f64> = COSINES.iter().flatten().zip(gradient).map(|(c, g)| 3.0 * g + 2.0 * c).collect();
    near(&found, &wanted, 1e-13);
}

/// A matrix that is a transposed view, with sizes that are known at run time.
#[test]
fn layout_and_runtime_sizes() {
    let fused = Fused::new(&mv_arc(), &[]).expect("the settings are right");
    let device = Cpu::default();
    let turned: Vec<f64> = (0..3).flat_map(|k| COSINES.iter().map(move |row| row[k])).collect();
    let columns: Tensor<(usize, usize), f64, _> = device.tensor_from_vec(turned, (3, 2));
    let matrix = columns.leaky_trace().permute::<(usize, usize), Axes2<1, 0>>();
    let value = fused.apply(matrix, &LABELS).expect("the inputs fit");
    let found = value.backward().get(&columns).as_vec();
    let (_, gradient) = by_autodiff::<f64>(&mv_arc());
    let wanted: Vec<f64> = (0..3).flat_map(|k| [gradient[k], gradient[3 + k]]).collect();
    near(&found, &wanted, 1e-14);
}

/// A linear head learns: normalised embeddings times normalised class weights, loss, step.
#[test]
fn a_head_learns() {
    let mut fused = Fused::new(&mv_arc(), &[("s".into(), 8.0)]).expect("the settings are right");
    let device = Cpu::default();
    let embeddings = [[1.0, 0.2], [0.9, -0.1], [-0.3, 1.0], [0.1, 0.8], [-1.0, -0.9], [-0.7, -1.0]];
    let x: Tensor<Rank2<6, 2>, f64, _> = device.tensor(embeddings);
    let labels = [0, 0, 1, 1, 2, 2];
    let unit = |t: Tensor<Rank2<6, 2>, f64, Cpu, OwnedTape<f64, Cpu>>| {
        let norm = t.retaped::<NoneTape>().square().sum::<_, Axis<1>>().sqrt();
        t / norm.broadcast()
    };
    let x = unit(x.leaky_trace()).split_tape().0;
    let mut weights: Tensor<Rank2<3, 2>, f64, _> = device.tensor([[0.3, 0.4], [0.5, -0.2], [0.1, 0.6]]);
    let mut losses = Vec::new();
    for step in 0..60 {
        if step == 30 {
            // A schedule: nothing is derived anew.
            fused.progress_mut().set(&[("s".into(), 8.0), ("m".into(), 0.3)]).expect("in range");
        }
        let (w, tape) = weights.leaky_trace().split_tape();
        let norm = w.clone().put_tape(tape).square().sum::<_, Axis<1>>().sqrt();
        let (norm, tape) = norm.split_tape();
        let unit = w.put_tape(tape) / norm.broadcast();
        let cosines = unit.matmul(x.clone().permute::<Rank2<2, 6>, _>()).permute::<Rank2<6, 3>, _>();
        let value = fused.apply(cosines, &labels).expect("the inputs fit");
        losses.push(value.array());
        let gradient = value.backward().get(&weights);
        weights = weights - gradient * 0.1;
    }
    assert!(losses[29] < 0.5 * losses[0], "{losses:?}");
    assert!(losses[59] < losses[30], "{losses:?}");
}

#[test]
fn wrong_inputs_are_errors() {
    assert!(matches!(Fused::new(&mv_arc(), &[("q".into(), 1.0)]), Err(DfdxError::Setting(_))));
    assert!(matches!(Fused::new(&mv_arc(), &[("s".into(), 1e9)]), Err(DfdxError::Setting(_))));
    let fused = Fused::new(&mv_arc(), &[]).expect("the settings are right");
    let device = Cpu::default();
    let matrix: Tensor<Rank2<2, 3>, f64, _> = device.tensor(COSINES);
    for labels in [vec![0, 3], vec![0], vec![]] {
        let error = fused.apply(matrix.clone(), &labels).expect_err("the labels don't fit");
        assert!(matches!(error, DfdxError::Input(_)), "{labels:?}: {error}");
    }
    let beyond: Tensor<Rank2<1, 2>, f64, _> = device.tensor([[1.5, 0.0]]);
    assert!(matches!(fused.apply(beyond, &[0]), Err(DfdxError::Input(_))));
}
