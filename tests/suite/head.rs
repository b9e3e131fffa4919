//! The native head against the reference: cosines in f64, the reference's gradient by them, and the chain rule.

use marlo::eval::Batch;
use marlo::loss::Loss;
use marlo::{Backend, sample, specs};
use marlo_native::head::{self, Gradients, Head, Mode, Report, Step};
use marlo_native::math::Real;

use crate::agreement::{settings, spec};

/// Numbers between −1 and 1, the same for the same seed.
fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2862933555777941757).wrapping_add(3037000493);
    let mut next = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Inputs of a head, in f64 numbers that f32 holds.
#[derive(Clone)]
struct Case {
    rows: usize,
    classes: usize,
    dim: usize,
    x: Vec<f64>,
    w: Vec<f64>,
    labels: Vec<usize>,
}

impl Case {
    fn new(loss: &Loss, rows: usize, classes: usize, dim: usize) -> Case {
        let narrow = |values: Vec<f64>| values.into_iter().map(|v| f64::from(v as f32)).collect::<Vec<f64>>();
        let labels = (0..rows).map(|row| row * (classes - 1) / (rows - 1).max(1)).collect();
        let x = narrow(numbers(rows * dim, 3));
        let w = narrow(numbers(classes * loss.graph.centres() * dim, 5));
        Case { rows, classes, dim, x, w, labels }
    }

    /// The batch of cosines or products for the reference, over the classes that take part.
    fn batch(&self, loss: &Loss, sampled: &[usize]) -> (Batch<f64>, Vec<Vec<f64>>) {
        let centres = loss.graph.centres();
        let is_unit = loss.graph.inputs[0].name == "cos";
        let mut matrix = Vec::new();
        for row in 0..self.rows {
            for class in sampled {
                for centre in 0..centres {
                    matrix.push(product(self.x(row), self.w(*class, centre, centres), is_unit));
                }
            }
        }
        let place = |label: &usize| sampled.iter().position(|class| class == label).expect("sampled") as i64;
        let places: Vec<i64> = self.labels.iter().map(place).collect();
        let all: Vec<i64> = self.labels.iter().map(|label| *label as i64).collect();
        let mut inputs = sample::inputs(loss, &all, self.classes, &[]);
        inputs.extend(sample::drawn(loss, (self.rows, self.classes), 3, 0, &[]));
        let vectors: Vec<Vec<f64>> = loss.graph.inputs[1..]
            .iter()
            .filter_map(|input| {
                inputs.iter().find(|given| given.0 == input.name).map(|given| given.1.clone())
            })
            .map(|values| values.into_iter().map(|v| f64::from(v as f32)).collect())
            .collect();
        let mut given = Vec::new();
        let further = loss.graph.inputs[1..].iter().filter(|i| inputs.iter().any(|given| given.0 == i.name));
        for (input, values) in further.zip(&vectors) {
            let of_classes = values.len() == self.classes && input.axis == marlo::graph::Axis::Classes;
            let values =
                if of_classes { sampled.iter().map(|c| values[*c]).collect() } else { values.clone() };
            given.push((input.name.clone(), values));
        }
        let batch = Batch::new(loss, sampled.len(), matrix, &places, given, settings(loss, None));
        (batch.expect("the batch is valid"), vectors)
    }

    fn x(&self, row: usize) -> &[f64] {
        &self.x[row * self.dim..][..self.dim]
    }

    fn w(&self, class: usize, centre: usize, centres: usize) -> &[f64] {
        &self.w[(class * centres + centre) * self.dim..][..self.dim]
    }
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn product(x: &[f64], w: &[f64], is_unit: bool) -> f64 {
    let dot: f64 = x.iter().zip(w).map(|(x, w)| x * w).sum();
    let norms = norm(x) * norm(w);
    match is_unit {
        true if norms == 0.0 => 0.0,
        true => (dot / norms).clamp(-1.0, 1.0),
        false => dot,
    }
}

/// Loss, ∂L/∂x and ∂L/∂W by the chain rule over the reference's gradient.
fn expected(loss: &Loss, case: &Case, sampled: &[usize]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (batch, _) = case.batch(loss, sampled);
    let exact = Backend::Reference.run(loss, &batch).expect("the loss is finite");
    let centres = loss.graph.centres();
    let is_unit = loss.graph.inputs[0].name == "cos";
    let mut by_x = vec![0.0; case.x.len()];
    let mut by_w = vec![0.0; sampled.len() * centres * case.dim];
    for row in 0..case.rows {
        for (place, class) in sampled.iter().enumerate() {
            for centre in 0..centres {
                let g = exact.gradient[(row * sampled.len() + place) * centres + centre];
                let (x, w) = (case.x(row), case.w(*class, centre, centres));
                let (nx, nw) = if is_unit { (norm(x), norm(w)) } else { (1.0, 1.0) };
                if nx == 0.0 || nw == 0.0 {
                    continue;
                }
                let cosine = if is_unit { product(x, w, true) } else { 0.0 };
                for at in 0..case.dim {
                    let (x, w) = (x[at] / nx, w[at] / nw);
                    by_x[row * case.dim + at] += g * (w - cosine * x) / nx;
                    by_w[(place * centres + centre) * case.dim + at] += g * (x - cosine * w) / nw;
                }
            }
        }
    }
    (exact.loss, by_x, by_w)
}

/// What a head gives, in f64.
struct Found {
    loss: Vec<f64>,
    by_x: Vec<f64>,
    by_w: Vec<f64>,
    report: Report,
}

fn step<F: Real>(head: &Head<F>, loss: &Loss, case: &Case, sampled: Option<&[usize]>) -> Found {
    let narrow = |values: &[f64]| values.iter().map(|v| F::from_f64(*v)).collect::<Vec<F>>();
    let wide = |values: &[F]| values.iter().map(|v| v.to_f64()).collect::<Vec<f64>>();
    let all: Vec<usize> = (0..case.classes).collect();
    let (batch, vectors) = case.batch(loss, sampled.unwrap_or(&all));
    let vectors: Vec<Vec<F>> = vectors.iter().map(|v| narrow(v)).collect();
    let vectors: Vec<&[F]> = vectors.iter().map(Vec::as_slice).collect();
    let (x, w) = (narrow(&case.x), narrow(&case.w));
    let classes = sampled.map_or(case.classes, <[usize]>::len);
    let (mut losses, mut by_x) = (vec![F::default(); case.rows], vec![F::default(); x.len()]);
    let mut by_w = vec![F::from_f64(9.0); classes * head.centres() * case.dim];
    let step = Step { x: &x, w: &w, labels: &case.labels, vectors: &vectors, params: &batch.params, sampled };
    let mut out = Gradients { loss: &mut losses, x: &mut by_x, w: &mut by_w };
    let report = head.step(&step, &mut out).expect("the head runs");
    Found { loss: wide(&losses), by_x: wide(&by_x), by_w: wide(&by_w), report }
}

fn head<F: Real>(loss: &Loss, case: &Case, change: impl Fn(head::Builder<F>) -> head::Builder<F>) -> Head<F> {
    change(Head::<F>::builder(loss).classes(case.classes).dim(case.dim)).build().expect("the head is built")
}

/// The largest difference of two arrays, relative to the largest entry.
fn off(exact: &[f64], found: &[f64]) -> f64 {
    assert_eq!(exact.len(), found.len());
    let scale = exact.iter().fold(1e-30_f64, |m, x| m.max(x.abs()));
    let differences = exact.iter().zip(found).map(|(a, b)| (a - b).abs() / scale);
    differences.fold(0.0, |m, d| if d.is_nan() { f64::INFINITY } else { f64::max(m, d) })
}

fn compare(found: &Found, exact: &(Vec<f64>, Vec<f64>, Vec<f64>), limit: f64, place: &str) {
    for (what, a, b) in
        [("loss", &exact.0, &found.loss), ("x", &exact.1, &found.by_x), ("W", &exact.2, &found.by_w)]
    {
        let off = off(a, b);
        assert!(off <= limit, "{place}, {what}: {off:e}");
    }
}

/// Every shipped loss, over several tiles: fast with its blocks in ∂L/∂W and in memory of their own, and low memory.
#[test]
fn heads_agree_on_shipped_losses() {
    for shipped in specs::ALL {
        let loss = spec(shipped.name);
        for (rows, classes, dim) in [(5, 300, 520), (9, 2100, 4)] {
            let case = Case::new(&loss, rows, classes, dim);
            let all: Vec<usize> = (0..classes).collect();
            let exact = expected(&loss, &case, &all);
            let place = |what: &str| format!("{}, {what}, d = {dim}", shipped.name);
            let fast = step(&head::<f64>(&loss, &case, |b| b), &loss, &case, None);
            assert_eq!(fast.report.mode, Mode::Fast);
            compare(&fast, &exact, 1e-10, &place("fast f64"));
            let low = step(&head::<f64>(&loss, &case, |b| b.low_memory()), &loss, &case, None);
            assert_eq!(low.report.mode, Mode::LowMemory);
            compare(&low, &exact, 1e-10, &place("low f64"));
            let single = step(&head::<f32>(&loss, &case, |b| b), &loss, &case, None);
            compare(&single, &exact, 2e-3, &place("fast f32"));
        }
    }
}

/// Sampled classes are a head of those classes alone.
#[test]
fn sampled_classes_are_a_head_of_their_own() {
    for name in ["arcface", "mv_arc_adaptive", "softmax", "balanced_softmax", "subcentre_arcface"] {
        let loss = spec(name);
        let case = Case::new(&loss, 6, 5000, 8);
        let sampled = head::sample(&case.labels, 5000, 0.5, 11);
        assert_eq!(sampled.len(), 2500);
        let exact = expected(&loss, &case, &sampled);
        let found = step(&head::<f64>(&loss, &case, |b| b), &loss, &case, Some(&sampled));
        compare(&found, &exact, 1e-10, name);
    }
}

/// A memory budget chooses the mode, and both give the same.
#[test]
fn a_budget_chooses_the_mode() {
    let loss = spec("arcface");
    let case = Case::new(&loss, 40, 3000, 8);
    let narrow = head::<f32>(&loss, &case, |b| b.memory(300_000));
    let wide = head::<f32>(&loss, &case, |b| b.memory(1 << 30));
    assert_eq!(narrow.mode_for(40, 3000).0, Mode::LowMemory);
    assert_eq!(wide.mode_for(40, 3000).0, Mode::Fast);
    let (a, b) = (step(&narrow, &loss, &case, None), step(&wide, &loss, &case, None));
    assert_eq!((a.report.mode, b.report.mode), (Mode::LowMemory, Mode::Fast));
    assert_eq!(a.by_x, b.by_x);
    assert_eq!(a.by_w, b.by_w);
}

/// At θ = 0 and π, and a hair beside them, gradients are bounded as they are at any angle, and right where there is a
/// right one: towards the pole they tend to a limit along the unit tangent, though sin θ vanishes.
#[test]
fn the_tangent_bounds_the_gradient_at_the_poles() {
    for name in ["arcface", "mv_arc_adaptive", "sphereface", "airface", "combined_margin"] {
        let loss = spec(name);
        for sign in [1.0, -1.0] {
            // The gradients at the last tilt, to which those at smaller ones must be near.
            let mut before: Option<[Found; 2]> = None;
            for tilt in [1e-3, 1e-4, 1e-5, 1e-6, 0.0] {
                let mut case = Case::new(&loss, 2, 50, 8);
                for row in 0..2 {
                    let label = case.labels[row];
                    for at in 0..8 {
                        let w = case.w[label * 8 + at];
                        case.x[row * 8 + at] = f64::from((sign * 2.0 * w) as f32);
                    }
                    case.x[row * 8] = f64::from((case.x[row * 8] + tilt) as f32);
                }
                let all: Vec<usize> = (0..50).collect();
                let found = [
                    step(&head::<f64>(&loss, &case, |b| b), &loss, &case, None),
                    step(&head::<f32>(&loss, &case, |b| b), &loss, &case, None),
                ];
                let place = format!("{name}, {sign}, tilt {tilt:e}");
                for found in &found {
                    let largest = found.by_x.iter().chain(&found.by_w).fold(0.0_f64, |m, x| m.max(x.abs()));
                    assert!(largest <= 4.0 * 128.0, "{place}: {largest:e}");
                }
                if tilt == 1e-3 {
                    let exact = expected(&loss, &case, &all);
                    compare(&found[0], &exact, 1e-8, &place);
                    compare(&found[1], &exact, 2e-3, &place);
                }
                // A margin of cos(mθ) pulls less and less there.
                if let Some(before) = &before
                    && tilt > 0.0
                    && name != "sphereface"
                {
                    for (before, found) in before.iter().zip(&found) {
                        assert!(off(&before.by_x, &found.by_x) <= 0.02, "{place}, x");
                        assert!(off(&before.by_w, &found.by_w) <= 0.02, "{place}, W");
                    }
                }
                before = Some(found);
            }
        }
    }
}

/// A vector without direction has cosines of 0 and no gradient.
#[test]
fn zero_vectors_have_no_gradient() {
    let loss = spec("arcface");
    let mut case = Case::new(&loss, 3, 100, 8);
    case.x[8..16].fill(0.0);
    case.w[16..24].fill(0.0);
    let all: Vec<usize> = (0..100).collect();
    let exact = expected(&loss, &case, &all);
    let found = step(&head::<f32>(&loss, &case, |b| b), &loss, &case, None);
    compare(&found, &exact, 1e-4, "zero vectors");
    assert!(found.by_x[8..16].iter().chain(&found.by_w[16..24]).all(|x| *x == 0.0));
}

/// The same bits for any number of threads.
#[test]
fn threads_change_no_bit_of_a_head() {
    for name in ["arcface", "balanced_softmax", "ohem_share"] {
        let loss = spec(name);
        let case = Case::new(&loss, 7, 9000, 32);
        let by = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let found = pool.install(|| step(&head::<f32>(&loss, &case, |b| b), &loss, &case, None));
            (found.loss, found.by_x, found.by_w)
        };
        let one = by(1);
        for threads in [2, 3, 5] {
            assert!(by(threads) == one, "{name}, {threads} threads");
        }
    }
}

/// What gradient filtering leaves out is what it says.
#[test]
fn filtering_keeps_its_bound() {
    let loss = spec("arcface");
    let mut case = Case::new(&loss, 6, 9000, 32);
    // A trained model: each sample near its class, so that most tiles have next to no probability.
    for row in 0..6 {
        let label = case.labels[row];
        for at in 0..32 {
            let near = case.w[label * 32 + at] + 0.05 * case.x[row * 32 + at];
            case.x[row * 32 + at] = f64::from(near as f32);
        }
    }
    let all: Vec<usize> = (0..9000).collect();
    let exact = expected(&loss, &case, &all);
    let plain = step(&head::<f64>(&loss, &case, |b| b), &loss, &case, None);
    assert_eq!(plain.report.filtered.tiles, 0);
    for bound in [1e-12, 1e-6, 1e-2, 10.0] {
        let found = step(&head::<f64>(&loss, &case, |b| b.filter(bound)), &loss, &case, None);
        let filtered = found.report.filtered;
        assert!(filtered.error <= bound, "{bound:e}: {filtered:?}");
        let longest = |a: &[f64], b: &[f64], of: &[f64]| {
            let rows = a.chunks(32).zip(b.chunks(32)).zip(of.chunks(32));
            rows.map(|((a, b), v)| {
                let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
                norm(&difference) * norm(v)
            })
            .fold(0.0, f64::max)
        };
        let error = longest(&exact.1, &found.by_x, &case.x).max(longest(&exact.2, &found.by_w, &case.w));
        assert!(error <= filtered.error + 1e-10, "{bound:e}: {error:e} is more than {filtered:?} says");
    }
    let all_skipped = step(&head::<f64>(&loss, &case, |b| b.filter(1e6)), &loss, &case, None).report.filtered;
    assert_eq!(all_skipped.tiles, all_skipped.of);
    assert!(all_skipped.of > 1);
}
