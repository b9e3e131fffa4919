//! The head on the device against its formulas in f64: unit vectors, cosines, the reference's gradient by them, and the
//! chain rule back.

use marlo::eval::{Batch, outcome};
use marlo::loss::{Loss, Wrt};
use marlo::schedule::RowProgram;
use marlo::wgsl::{Gpu, GpuError, GpuHead, HeadArrays, HeadSizes, bench};
use marlo::{compile, lang, sample, specs};

use crate::agreement::gpu;

fn spec(name: &str) -> Loss {
    specs::compile(name).expect("shipped specs compile").loss
}

/// A head on the host.
struct Host {
    loss: Loss,
    sizes: HeadSizes,
    embeddings: Vec<f32>,
    weights: Vec<f32>,
    labels: Vec<i64>,
    params: Vec<f64>,
}

/// What a head gives, in f64.
struct Exact {
    loss: Vec<f64>,
    by_embeddings: Vec<f64>,
    by_weights: Vec<f64>,
    /// The inputs that the head does not know, in the order of the loss.
    vectors: Vec<Vec<f32>>,
}

fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
    };
    (0..count).map(|_| draw()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Each vector divided by its length, and the lengths; a vector of zeros stays one.
fn unit(vectors: &[f32], width: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let wide: Vec<Vec<f64>> =
        vectors.chunks(width).map(|v| v.iter().map(|&x| f64::from(x)).collect()).collect();
    let lengths: Vec<f64> = wide.iter().map(|v| dot(v, v).sqrt()).collect();
    let divide = |(v, length): (&Vec<f64>, &f64)| v.iter().map(|x| x / length.max(1e-300)).collect();
    (wide.iter().zip(&lengths).map(divide).collect(), lengths)
}

impl Host {
    fn new(loss: Loss, sizes: HeadSizes, seed: u64) -> Host {
        let HeadSizes { rows, classes, width } = sizes;
        let labels: Vec<i64> = (0..rows).map(|row| (row * 7 % classes.min(11)) as i64).collect();
        let moment = marlo::setting::Moment::start(classes);
        let params = marlo::eval::settings(&loss, &[], moment).expect("every hyperparameter has a default");
        let weights = noise(seed + 1, classes * loss.graph.centres() * width);
        let mut embeddings = noise(seed, rows * width);
        // Samples that are learnt somewhat.
        for (row, &label) in labels.iter().enumerate() {
            let own = &weights[label as usize * loss.graph.centres() * width..];
            for f in 0..width {
                embeddings[row * width + f] += 0.1 * (row % 9) as f32 * own[f];
            }
        }
        Host { loss, sizes, embeddings, weights, labels, params }
    }

    /// Is the loss one of cosines?
    fn cosines(&self) -> bool {
        self.loss.graph.inputs[0].name != "logit"
    }

    fn exact(&self) -> Exact {
        let HeadSizes { rows, classes, width } = self.sizes;
        let centres = self.loss.graph.centres();
        let ((x, x_length), (w, w_length)) = (unit(&self.embeddings, width), unit(&self.weights, width));
        let scale = |length: f64| if self.cosines() { 1.0 } else { length };
        let mut cells = Vec::new();
        for i in 0..rows {
            for j in 0..classes * centres {
                cells.push(dot(&x[i], &w[j]) * scale(x_length[i]) * scale(w_length[j]));
            }
        }
        let mut vectors = sample::inputs(&self.loss, &self.labels, classes, &[]);
        let known = |name: &str| {
            self.loss.graph.inputs.iter().any(|input| {
                input.name == name
                    && input.kind == marlo::kind::Kind::Norm
                    && input.axis == marlo::graph::Axis::Rows
            })
        };
        for (name, values) in &mut vectors {
            if known(name) {
                values.clone_from(&x_length);
            }
        }
        vectors.extend(sample::drawn(&self.loss, (rows, classes), 3, 0, &[]));
        let given = self.loss.graph.inputs[1..].iter().filter(|input| !known(&input.name));
        let given = given.filter_map(|input| vectors.iter().find(|(name, _)| *name == input.name));
        let narrow: Vec<Vec<f32>> =
            given.map(|(_, values)| values.iter().map(|&v| v as f32).collect()).collect();
        let batch = Batch::new(&self.loss, classes, cells, &self.labels, vectors, self.params.clone());
        let found = outcome(&self.loss.gradient(), &batch.expect("the inputs are valid"));
        let mut by_embeddings = vec![0.0; rows * width];
        let mut by_weights = vec![0.0; classes * centres * width];
        let radial = found.partials.iter().find(|(by, _)| matches!(by, Wrt::Input(_)));
        for i in 0..rows {
            for j in 0..classes * centres {
                let g = found.gradient[i * classes * centres + j];
                for f in 0..width {
                    let (dx, dw) = if self.cosines() {
                        let c = dot(&x[i], &w[j]);
                        let over = |length: f64| if length > 0.0 { 1.0 / length } else { 0.0 };
                        (
                            over(x_length[i]) * (w[j][f] - c * x[i][f]),
                            over(w_length[j]) * (x[i][f] - c * w[j][f]),
                        )
                    } else {
                        (w[j][f] * w_length[j], x[i][f] * x_length[i])
                    };
                    by_embeddings[i * width + f] += g * dx;
                    by_weights[j * width + f] += g * dw;
                }
            }
            if let Some((_, by_norm)) = radial {
                for f in 0..width {
                    by_embeddings[i * width + f] += by_norm[i] * x[i][f];
                }
            }
        }
        Exact { loss: found.loss, by_embeddings, by_weights, vectors: narrow }
    }

    fn on<'g>(&self, gpu: &'g Gpu, vectors: &[Vec<f32>]) -> Result<GpuHead<'g>, GpuError> {
        let labels: Vec<u32> = self.labels.iter().map(|&l| l as u32).collect();
        let arrays = HeadArrays {
            embeddings: gpu.array_of(&self.embeddings)?,
            weights: gpu.array_of(&self.weights)?,
            labels: gpu.array_of(&labels)?,
            losses: gpu.array(self.sizes.rows)?,
            by_embeddings: gpu.array(self.embeddings.len())?,
            by_weights: gpu.array(self.weights.len())?,
            vectors: vectors.iter().map(|v| gpu.array_of(v)).collect::<Result<_, _>>()?,
        };
        GpuHead::new(gpu, &RowProgram::of(&self.loss), self.sizes, arrays)
    }

    /// Runs a step and compares.
    fn agrees(&self, gpu: &Gpu) {
        let exact = self.exact();
        let mut head = self.on(gpu, &exact.vectors).expect("the head fits");
        head.step(&self.params).expect("the step runs");
        let name = &self.loss.name;
        let loss = head.summary().expect("there is one").loss;
        let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
        close(name, "loss", &exact.loss, &wide(loss), 5e-6);
        close(name, "by embeddings", &exact.by_embeddings, &wide(head.by_embeddings().expect("there")), 2e-5);
        close(name, "by weights", &exact.by_weights, &wide(head.by_weights().expect("there")), 2e-5);
    }
}

/// The largest difference, relative to the largest entry.
fn close(name: &str, what: &str, exact: &[f64], found: &[f64], most: f64) {
    assert_eq!(exact.len(), found.len());
    let scale = exact.iter().fold(1e-12, |m: f64, v| m.max(v.abs()));
    let apart =
        exact.iter().zip(found).map(|(a, b)| if b.is_finite() { (a - b).abs() } else { f64::INFINITY });
    let distance = apart.fold(0.0, f64::max) / scale;
    assert!(distance <= most, "{name}, {what}: {distance:e}");
}

const ODD: HeadSizes = HeadSizes { rows: 37, classes: 203, width: 50 };

#[test]
fn heads_agree_with_their_formulas() {
    let Some(gpu) = gpu() else { return };
    for name in [
        "normface",
        "arcface",
        "cosface",
        "magface",
        "adaface",
        "curricularface",
        "mv_arc_adaptive",
        "circle",
        "balanced_softmax",
        "subcentre_arcface",
        "ohem_share",
        "softmax",
        "sphereface2",
    ] {
        Host::new(spec(name), ODD, 5).agrees(gpu);
    }
}

/// Sizes of one, of a tile, of one more, and sums that are cut into parts.
#[test]
fn heads_take_every_size() {
    let Some(gpu) = gpu() else { return };
    let sizes = [(1, 1, 1), (1, 2, 64), (64, 64, 64), (65, 65, 65), (3, 9000, 17), (130, 20, 5)];
    for (rows, classes, width) in sizes {
        Host::new(spec("arcface"), HeadSizes { rows, classes, width }, 9).agrees(gpu);
    }
    let busy = Gpu::new(None).expect("it was there before").with_invocations(3200).without_subgroups();
    for name in ["arcface", "subcentre_arcface", "magface"] {
        Host::new(spec(name), HeadSizes { rows: 6, classes: 4300, width: 33 }, 4).agrees(&busy);
    }
}

/// Angles of 0, of π, and close to them: bounded there, right nearby, where the derivative by the cosine has no bound.
#[test]
fn heads_are_right_where_the_cosine_is_one() {
    let Some(gpu) = gpu() else { return };
    let sizes = HeadSizes { rows: 12, classes: 20, width: 40 };
    for name in ["arcface", "normface", "arcface_easy", "subcentre_arcface"] {
        let mut host = Host::new(spec(name), sizes, 6);
        // So small that rows close to their class are not saturated.
        host.params[0] = 1.0;
        let centres = host.loss.graph.centres();
        let aside = noise(77, 12 * 40);
        // Rows in pairs, one towards its class and one away from it; the first two exactly.
        for row in 0..12 {
            let own = host.labels[row] as usize * centres * 40;
            let (side, angle) = ([1.0, -1.0][row % 2], [0.0, 3e-4, 1e-3, 1e-2, 0.1, 0.5][row / 2]);
            for f in 0..40 {
                host.embeddings[row * 40 + f] =
                    3.0 * side * (host.weights[own + f] + angle * aside[row * 40 + f]);
            }
        }
        let exact = host.exact();
        let mut head = host.on(gpu, &exact.vectors).expect("the head fits");
        head.step(&host.params).expect("the step runs");
        let found: Vec<f64> = head.by_embeddings().expect("there").into_iter().map(f64::from).collect();
        let by_weights = head.by_weights().expect("there");
        assert!(by_weights.iter().all(|g| g.is_finite()));
        for row in 0..12 {
            let [exact, found] = [&exact.by_embeddings, &found].map(|all| &all[row * 40..][..40]);
            let length = |v: &[f64]| dot(v, v).sqrt();
            // s / B / |x|; a margin gives about as much.
            let bound = 1.0
                / 12.0
                / length(
                    &host.embeddings[row * 40..][..40].iter().map(|&x| f64::from(x)).collect::<Vec<_>>(),
                );
            assert!(found.iter().all(|g| g.is_finite()) && length(found) <= 4.0 * bound, "{name}, row {row}");
            if row >= 2 {
                let apart: Vec<f64> = exact.iter().zip(found).map(|(a, b)| a - b).collect();
                // Where the cosine is 1 but for rounding, its sine is known to 3.5e-4.
                let most = if row < 6 { 4e-4 } else { 2e-5 };
                let distance = length(&apart) / bound;
                assert!(
                    distance <= most,
                    "{name}, row {row}: {distance:e} {} {}",
                    length(exact),
                    length(found)
                );
            }
        }
    }
}

/// A vector of zeros has no direction, and gets no gradient; the others get theirs.
#[test]
fn heads_take_vectors_of_zeros() {
    let Some(gpu) = gpu() else { return };
    for name in ["arcface", "normface"] {
        let mut host = Host::new(spec(name), HeadSizes { rows: 5, classes: 9, width: 20 }, 8);
        host.embeddings[20..40].fill(0.0);
        let own = host.labels[3] as usize * 20;
        host.weights[own..own + 20].fill(0.0);
        host.weights[8 * 20..].fill(0.0);
        host.agrees(gpu);
    }
}

fn write(gpu: &Gpu, buffer: &marlo::wgsl::wgpu::Buffer, values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    gpu.queue().write_buffer(buffer, 0, &bytes);
}

/// Steps follow each other on the device; hyperparameters and vectors change between them.
#[test]
fn heads_make_steps() {
    let Some(gpu) = gpu() else { return };
    let host = Host::new(spec("cosface"), ODD, 2);
    let mut head = host.on(gpu, &[]).expect("the head fits");
    head.step(&host.params).expect("the step runs");
    let first = (head.summary().expect("there"), head.by_weights().expect("there"));
    let other = Host {
        weights: noise(99, host.weights.len()),
        params: vec![16.0, 0.1],
        ..Host::new(spec("cosface"), ODD, 2)
    };
    write(gpu, &head.arrays().weights, &other.weights);
    head.step(&other.params).expect("the step runs");
    let exact = other.exact();
    let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
    close("cosface", "by weights", &exact.by_weights, &wide(head.by_weights().expect("there")), 2e-5);
    write(gpu, &head.arrays().weights, &host.weights);
    head.step(&host.params).expect("the step runs");
    assert_eq!(first, (head.summary().expect("there"), head.by_weights().expect("there")));
}

/// What a head can't do is an error that says so.
#[test]
fn heads_refuse_what_does_not_fit() {
    let Some(gpu) = gpu() else { return };
    let mut host = Host::new(spec("balanced_softmax"), ODD, 2);
    let error = host.on(gpu, &[]).expect_err("the counts are missing").to_string();
    assert!(error.contains("0 buffers, but 1 is needed"), "{error}");
    host.loss = spec("arcface");
    host.sizes.width = 51;
    let error = host.on(gpu, &[]).expect_err("the vectors are shorter").to_string();
    assert!(error.contains("the array of embeddings has 7408 bytes, but 7548 is needed"), "{error}");
    host.sizes.classes = 0;
    assert!(host.on(gpu, &[]).expect_err("no classes").to_string().contains("at least 1"));
    let tiny = Gpu::new(None).expect("it was there before").with_binding_limit(1000);
    let host = Host::new(spec("arcface"), ODD, 2);
    assert!(matches!(host.on(&tiny, &[]), Err(GpuError::TooLarge { .. })));
    let own =
        "loss two(norm[i]: Norm, length[i]: Norm) { ce(softmax(norm[i] * cos[y], length[i] * cos[k])) }";
    let loss = compile(own, &lang::Empty).expect("the program is right").loss;
    let error = Host::new(loss, ODD, 2).on(gpu, &[]).expect_err("two norms").to_string();
    assert!(error.contains("`length`"), "{error}");
}

/// Numbers that are not finite, and lengths beyond f32, show: an error that names the row and the class.
#[test]
fn heads_tell_what_is_not_finite() {
    let Some(gpu) = gpu() else { return };
    let sizes = HeadSizes { rows: 70, classes: 90, width: 33 };
    for (name, what) in [("arcface", "cosine"), ("subcentre_arcface", "cosine"), ("softmax", "logit")] {
        let host = Host::new(spec(name), sizes, 3);
        let centres = host.loss.graph.centres();
        let mut head = host.on(gpu, &[]).expect("the head fits");
        let mut refused = |host: &Host, text: &str| {
            write(gpu, &head.arrays().embeddings, &host.embeddings);
            write(gpu, &head.arrays().weights, &host.weights);
            head.step(&host.params).expect("the step runs");
            let found =
                [head.summary().map(|_| ()), head.by_embeddings().map(|_| ()), head.by_weights().map(|_| ())];
            for found in found {
                let error = found.expect_err("it is not finite").to_string();
                assert!(error.starts_with(text), "{name}: {error}");
            }
        };
        let other = || Host::new(spec(name), sizes, 3);
        for wrong in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut host = other();
            host.embeddings[67 * 33 + 32] = wrong;
            refused(&host, &format!("the {what} of row 67 and class 0 is not finite"));
            // All numbers beside it are 0.
            host.embeddings[67 * 33..68 * 33 - 1].fill(0.0);
            refused(&host, &format!("the {what} of row 67 and class 0 is not finite"));
            let mut host = other();
            host.weights[88 * centres * 33 + 5] = wrong;
            refused(&host, &format!("the {what} of row 0 and class 88 is not finite"));
        }
        let mut host = other();
        host.embeddings[2 * 33..3 * 33].fill(3e38);
        host.weights.fill(3.0);
        refused(&host, &format!("the {what} of row 2 and class 0 is not finite"));
        // What is right again shows nothing.
        write(gpu, &head.arrays().embeddings, &host_of(name, sizes).embeddings);
        write(gpu, &head.arrays().weights, &host_of(name, sizes).weights);
        head.step(&host.params).expect("the step runs");
        assert!(head.summary().expect("all is finite").mean_loss.is_finite());
    }
}

fn host_of(name: &str, sizes: HeadSizes) -> Host {
    Host::new(spec(name), sizes, 3)
}

/// Lengths from f32's least normal number on, and up to 2^126; a shorter vector counts as one of zeros.
#[test]
fn heads_take_short_and_long_vectors() {
    let Some(gpu) = gpu() else { return };
    let sizes = HeadSizes { rows: 5, classes: 9, width: 20 };
    let mut host = Host::new(spec("normface"), sizes, 8);
    host.params[0] = 4.0;
    for (vector, length) in [(0, 1e-30), (1, 1e-34), (2, 1e30), (3, 5e37)] {
        let numbers = &mut host.weights[(vector + 5) * 20..][..20];
        numbers.iter_mut().for_each(|x| *x *= length);
    }
    let exact = host.exact();
    let mut head = host.on(gpu, &[]).expect("the head fits");
    head.step(&host.params).expect("the step runs");
    let loss: Vec<f64> = head.summary().expect("there").loss.into_iter().map(f64::from).collect();
    close("normface", "loss", &exact.loss, &loss, 5e-6);
    let short = |scale: f32| {
        let mut host = Host::new(spec("normface"), sizes, 8);
        host.weights[8 * 20..].iter_mut().for_each(|x| *x *= scale);
        write(gpu, &head.arrays().weights, &host.weights);
        let mut head = host.on(gpu, &[]).expect("the head fits");
        head.step(&host.params).expect("the step runs");
        let gradient = head.by_weights().expect("there");
        (head.summary().expect("there").loss, gradient[8 * 20..].to_vec())
    };
    assert_eq!(short(1e-39), short(0.0));
    assert_eq!(short(0.0).1, vec![0.0; 20]);
}

/// Sizes and orders that a head refuses.
#[test]
fn heads_refuse_more_than_they_can_do() {
    let Some(gpu) = gpu() else { return };
    let mut host = Host::new(spec("arcface"), HeadSizes { rows: 60_000, classes: 2, width: 1 }, 2);
    let error = host.on(gpu, &[]).expect_err("labels are compared").to_string();
    assert!(
        error.contains("a head of 60000 rows exceeds") && error.contains("60000 loop iterations"),
        "{error}"
    );
    host = Host::new(spec("arcface"), ODD, 2);
    host.sizes.classes = usize::MAX;
    let error = host.on(gpu, &[]).expect_err("too many classes").to_string();
    assert!(error.contains("the array of class vectors of 18446744073709551615 × 1 × 50 numbers"), "{error}");
    host = Host::new(spec("arcface"), ODD, 2);
    let head = host.on(gpu, &[]).expect("the head fits");
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    assert!(matches!(head.encode(&mut encoder), Err(GpuError::NotSet)));
}

/// What a step does not look at, a check finds and places.
#[test]
fn heads_check_their_inputs() {
    let Some(gpu) = gpu() else { return };
    let host = Host::new(spec("arcface"), ODD, 2);
    let head = host.on(gpu, &[]).expect("the head fits");
    head.check().expect("the inputs are valid");
    let refused = |text: &str| {
        let error = head.check().expect_err("an input is wrong").to_string();
        assert!(error.contains(text), "{error}");
    };
    let mut weights = host.weights.clone();
    weights[300] = f32::INFINITY;
    write(gpu, &head.arrays().weights, &weights);
    refused("the array of class vectors is inf at index 300, but every input must be finite");
    let mut embeddings = host.embeddings.clone();
    embeddings[7] = f32::NAN;
    write(gpu, &head.arrays().embeddings, &embeddings);
    refused("the array of embeddings is NaN at index 7");
    write(gpu, &head.arrays().labels, &[f32::from_bits(1), f32::from_bits(203)]);
    refused("the label is 203 at index 1, but the 203 classes are numbered from 0 to 202");
    let host = Host::new(spec("balanced_softmax"), ODD, 2);
    let mut vectors = host.exact().vectors;
    vectors[0][9] = f32::INFINITY;
    let error =
        host.on(gpu, &vectors).and_then(|head| head.check()).expect_err("one is infinite").to_string();
    assert_eq!(error, "the input `count` is inf at index 9, but every input must be finite");
}

/// The measurements are what they say: positive times, and the traffic of the sizes.
#[test]
fn benchmarks_measure() {
    let Some(gpu) = gpu() else { return };
    let effort = bench::Effort { rounds: 2, steps: 2 };
    let copy = bench::copy(gpu, 1001, effort).expect("it runs");
    assert_eq!((copy.bytes, copy.seconds.len()), (8 * 1004, 2));
    let loss = spec("arcface");
    let kernel = marlo::wgsl::Kernel::new(gpu, &RowProgram::of(&loss)).expect("it compiles");
    let batch: Batch<f32> = crate::gradient::batch(&loss, 1, 4, 30).convert();
    let rows = bench::rows(&kernel, &batch, effort).expect("it runs");
    assert_eq!((rows.bytes, rows.operations), (8 * 4 * 30, 0));
    assert!(rows.fastest() > 0.0 && rows.fastest() <= rows.median() && rows.bytes_per_second() > 0.0);
    let host = Host::new(loss, ODD, 2);
    let mut head = host.on(gpu, &[]).expect("the head fits");
    let timing = bench::head(&mut head, &host.params, effort).expect("it runs");
    assert_eq!(timing.operations, 6 * 37 * 203 * 50);
    assert!(timing.operations_per_second() > 0.0);
    let none = bench::Effort { rounds: 0, steps: 0 };
    let timing = bench::head(&mut head, &host.params, none).expect("it runs");
    assert_eq!((timing.seconds.len(), timing.median().is_finite()), (1, true));
}
