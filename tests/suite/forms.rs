//! Every form of a shader: valid for every spec, and the same numbers on the device.

use marlo::eval::Batch;
use marlo::loss::Loss;
use marlo::schedule::RowProgram;
use marlo::wgsl::{Arrays, Form, Gpu, GpuError, Kernel, Target, compile, emit_with};
use marlo::{Backend, specs};

use crate::agreement::gpu;
use crate::gradient::batch as random_batch;

fn spec(name: &str) -> Loss {
    specs::compile(name).expect("shipped specs compile").loss
}

#[test]
fn shaders_of_every_form_are_valid() {
    for shipped in specs::ALL {
        let program = RowProgram::of(&spec(shipped.name));
        for bits in 1..8 {
            let [split, in_place, subgroups] = [1, 2, 4].map(|bit| bits & bit != 0);
            let ahead = split != in_place;
            let shader = emit_with(&program, Form { split, in_place, ahead, subgroups, ..Form::default() });
            for target in [Target::Spirv, Target::Msl, Target::Hlsl] {
                if let Err(error) = compile(&shader, target) {
                    panic!("{} {:?} to {target:?}: {error}\n{}", shipped.name, shader.form, shader.source);
                }
            }
        }
    }
}

/// Shipped losses may overwrite the matrix, but for one whose own loss is known after its gradient.
#[test]
fn gradients_may_overwrite_the_matrix() {
    let refused: Vec<&str> = specs::ALL
        .iter()
        .map(|shipped| shipped.name)
        .filter(|name| !Form::allows_in_place(&RowProgram::of(&spec(name))))
        .collect();
    assert_eq!(refused, ["ohem_share"]);
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// The largest difference from the reference, relative to the largest entry of the gradient, or of the loss.
fn distance(exact: &marlo::Outcome<f64>, loss: &[f32], gradient: &[f32]) -> f64 {
    let scale = |values: &[f64], least: f64| values.iter().fold(least, |m, v| v.abs().max(m));
    let apart = |a: &[f64], b: &[f32], scale: f64| {
        a.iter().zip(wide(b)).map(|(x, y)| (x - y).abs() / scale).fold(0.0, f64::max)
    };
    let of_loss = apart(&exact.loss, loss, scale(&exact.loss, 1.0));
    of_loss.max(apart(&exact.gradient, gradient, scale(&exact.gradient, 1e-28)))
}

/// The arrays of a batch on the device, and what is to be written.
fn arrays(gpu: &Gpu, loss: &Loss, batch: &Batch<f32>, in_place: bool) -> Arrays {
    let matrices = loss.graph.centres();
    let labels: Vec<u32> = batch.labels.iter().map(|&l| l as u32).collect();
    let mut matrix = batch.matrix.clone();
    batch.vectors[..matrices - 1].iter().for_each(|further| matrix.extend(further));
    let vectors = &batch.vectors[matrices - 1..];
    Arrays {
        matrix: gpu.array_of(&matrix).expect("it fits"),
        labels: gpu.array_of(&labels).expect("it fits"),
        losses: gpu.array(batch.rows).expect("it fits"),
        gradients: (!in_place).then(|| gpu.array(matrix.len()).expect("it fits")),
        vectors: vectors.iter().map(|v| gpu.array_of(v).expect("it fits")).collect(),
    }
}

/// The software driver of the tests has subgroup operations, so that they are tested at all.
#[test]
fn subgroups_are_used_where_there_are_some() {
    let Some(gpu) = gpu() else { return };
    let there = gpu.device().features().contains(marlo::wgsl::wgpu::Features::SUBGROUP);
    let kernel = Kernel::new(gpu, &RowProgram::of(&spec("arcface"))).expect("the shader compiles");
    assert_eq!(kernel.shader().source.contains("subgroupAdd"), there);
    println!("subgroups: {there}");
}

/// Rows that are shared out to workgroups: with subgroup operations and the gradient in the matrix's place, and with neither.
#[test]
fn split_rows_agree_with_the_reference() {
    if gpu().is_none() {
        return;
    }
    let open = || Gpu::new(None).expect("it was there before").with_invocations(1024);
    let devices = [open(), open().without_subgroups()];
    let classes = 2100;
    for shipped in specs::ALL {
        let loss = spec(shipped.name);
        let batch: Batch<f32> = random_batch(&loss, 11, 2, classes).convert();
        let exact = Backend::Reference.run(&loss, &batch.convert::<f64>()).expect("the loss is finite");
        for (gpu, in_place) in devices.iter().zip([true, false]) {
            let kernel = Kernel::new(gpu, &RowProgram::of(&loss)).expect("the shader compiles");
            let arrays = arrays(gpu, &loss, &batch, in_place && kernel.allows_in_place());
            let mut bound = kernel.bind(2, classes, arrays).expect("the arrays fit");
            assert_eq!((bound.parts(), bound.shader().form.workgroup), (2, 64));
            bound.step(&batch.params).expect("the step runs");
            let found = bound.outcome().expect("there is one");
            let distance = distance(&exact, &found.loss, &found.gradient);
            assert!(distance <= 2e-4, "{} {:?}: {distance:e}", loss.name, bound.shader().form);
            assert!((found.mean_loss - exact.mean_loss).abs() <= 2e-4 * exact.mean_loss.abs().max(1.0));
            assert_eq!(found.states.len(), exact.states.len());
        }
    }
}

/// Steps on the same arrays: hyperparameters change, the matrix changes, bits do not.
#[test]
fn steps_follow_each_other_on_the_device() {
    let Some(gpu) = gpu() else { return };
    let loss = spec("mv_arc_adaptive");
    let batch: Batch<f32> = random_batch(&loss, 11, 5, 700).convert();
    let kernel = Kernel::new(gpu, &RowProgram::of(&loss)).expect("the shader compiles");
    let mut bound = kernel.bind(5, 700, arrays(gpu, &loss, &batch, false)).expect("the arrays fit");
    assert!(bound.outcome().is_err(), "there was no step");
    assert!(bound.step(&[1.0]).expect_err("one is missing").to_string().contains("hyperparameters"));
    for wrong in [f64::NAN, f64::INFINITY, 1e39] {
        let params: Vec<f64> = batch.params.iter().enumerate().map(|(at, p)| [*p, wrong][at % 2]).collect();
        let error = bound.step(&params).expect_err("it is not finite").to_string();
        let name = &loss.graph.params[1].name;
        let text = format!("the hyperparameter `{name}` is {wrong} at index 1, but it must be finite in f32");
        assert_eq!(error, text);
    }
    let mut other = batch.clone();
    other.params[0] = 8.0;
    for now in [&batch, &other, &batch] {
        bound.step(&now.params).expect("the step runs");
        assert_eq!(bound.outcome().expect("there is one"), kernel.run(now).expect("the kernel runs"));
    }
    other.matrix.iter_mut().for_each(|c| *c = -*c);
    gpu.queue().write_buffer(&bound.arrays().matrix, 0, &bytes(&other.matrix));
    bound.step(&other.params).expect("the step runs");
    let found = bound.outcome().expect("there is one");
    assert_eq!(found, kernel.run(&other).expect("the kernel runs"));
    assert_eq!(bound.losses().expect("there are some"), found.loss);
    bound.check().expect("the inputs are valid");
    other.matrix[701] = f32::NAN;
    gpu.queue().write_buffer(&bound.arrays().matrix, 0, &bytes(&other.matrix));
    let error = bound.check().expect_err("one is NaN").to_string();
    assert!(error.contains("the matrix is NaN at index 701"), "{error}");
}

/// A device that somebody else has opened: buffers are shared with no copy.
#[test]
fn devices_may_be_shared() {
    let Some(gpu) = gpu() else { return };
    let info = gpu.device().adapter_info();
    let theirs = Gpu::of_device(&info, gpu.device().clone(), gpu.queue().clone());
    assert_eq!((theirs.adapter(), theirs.has_subgroups()), (gpu.adapter(), gpu.has_subgroups()));
    let loss = spec("cosface");
    let batch: Batch<f32> = random_batch(&loss, 2, 3, 40).convert();
    let kernel = Kernel::new(&theirs, &RowProgram::of(&loss)).expect("the shader compiles");
    let mut bound = kernel.bind(3, 40, arrays(gpu, &loss, &batch, true)).expect("the arrays fit");
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let error = bound.encode(&mut encoder).expect_err("no hyperparameters yet");
    assert!(matches!(error, GpuError::NotSet) && error.to_string().contains("call `set` before"), "{error}");
    bound.set(&batch.params).expect("they are all there");
    bound.encode(&mut encoder).expect("they are set");
    gpu.queue().submit([encoder.finish()]);
    gpu.wait().expect("the device is there");
    let found = gpu.read::<f32>(&bound.arrays().matrix, 120).expect("it can be read");
    assert_eq!(found, kernel.run(&batch).expect("the kernel runs").gradient);
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Arrays that don't fit are refused, and said which.
#[test]
fn arrays_that_do_not_fit_are_refused() {
    let Some(gpu) = gpu() else { return };
    let loss = spec("balanced_softmax");
    let batch: Batch<f32> = random_batch(&loss, 11, 2, 50).convert();
    let kernel = Kernel::new(gpu, &RowProgram::of(&loss)).expect("the shader compiles");
    let fresh = || arrays(gpu, &loss, &batch, false);
    let refused = |rows, arrays, text: &str| {
        let error = kernel.bind(rows, 50, arrays).expect_err("it is refused").to_string();
        assert!(error.contains(text), "{error}");
    };
    refused(
        2,
        Arrays { vectors: vec![], ..fresh() },
        "the list of further inputs has 0 buffers, but 1 is needed",
    );
    refused(40, fresh(), "the matrix has 400 bytes, but 8000 is needed");
    refused(0, fresh(), "the batch has 0 rows and 50 classes, but at least 1 of each is needed");
    refused(70_000, fresh(), "65535 rows");
    let uniform = gpu.device().create_buffer(&marlo::wgsl::wgpu::BufferDescriptor {
        label: None,
        size: 400,
        usage: marlo::wgsl::wgpu::BufferUsages::UNIFORM,
        mapped_at_creation: false,
    });
    refused(2, Arrays { losses: uniform, ..fresh() }, "the usage STORAGE");
}

/// A batch that was changed by hand: an error, no access beyond its arrays.
#[test]
fn batches_that_do_not_fit_are_refused() {
    let Some(gpu) = gpu() else { return };
    let loss = spec("balanced_softmax");
    let batch: Batch<f32> = random_batch(&loss, 11, 2, 50).convert();
    let kernel = Kernel::new(gpu, &RowProgram::of(&loss)).expect("the shader fits");
    let refused = |change: &dyn Fn(&mut Batch<f32>), text: &str| {
        let mut batch = batch.clone();
        change(&mut batch);
        let found = [kernel.run(&batch).map(|_| ()), kernel.place(&batch).map(|_| ())];
        for found in found {
            assert_eq!(found.expect_err("it is refused").to_string(), text);
        }
    };
    refused(&|b| b.rows = 0, "the batch has 0 rows and 50 classes, but at least 1 of each is needed");
    refused(&|b| b.classes = 0, "the batch has 2 rows and 0 classes, but at least 1 of each is needed");
    refused(&|b| b.rows = 3, "the array of labels has 2, but 3 is needed");
    refused(
        &|b| b.classes = usize::MAX,
        &format!("the input `logit` has 100, but 2 × {} is needed", usize::MAX),
    );
    refused(&|b| drop(b.vectors.pop()), "the list of further inputs has 0, but 1 is needed");
    refused(&|b| b.vectors[0].truncate(7), "the input `count` has 7, but 50 is needed");
    refused(
        &|b| b.labels[1] = 50,
        "the label is 50 at index 1, but the 50 classes are numbered from 0 to 49",
    );
    let fresh = || arrays(gpu, &loss, &batch, false);
    let error = kernel.bind(2, usize::MAX, fresh()).expect_err("too many").to_string();
    assert!(error.contains(&format!("a matrix of 2 × {} numbers exceeds", usize::MAX)), "{error}");
    let error = gpu.array(usize::MAX).expect_err("too many").to_string();
    assert!(error.contains("4294967295 numbers an array"), "{error}");
}

/// Numbers of 4 bytes go to the device and come back; none of them are none.
#[test]
fn arrays_come_back() {
    let Some(gpu) = gpu() else { return };
    let buffer = gpu.array_of(&[-1_i32, 7]).expect("it fits");
    assert_eq!(gpu.read::<i32>(&buffer, 2).expect("they are there"), [-1, 7]);
    assert_eq!(gpu.read::<u32>(&buffer, 1).expect("it is there"), [u32::MAX]);
    assert_eq!(gpu.read::<f32>(&buffer, 0).expect("there is nothing to read"), [0.0; 0]);
    assert!(gpu.read::<f32>(&buffer, 5000).is_err());
}

/// Further inputs are checked, too: what they are called, and their range.
#[test]
fn further_inputs_are_checked() {
    let Some(gpu) = gpu() else { return };
    let loss = spec("balanced_softmax");
    let mut batch: Batch<f32> = random_batch(&loss, 11, 2, 50).convert();
    let kernel = Kernel::new(gpu, &RowProgram::of(&loss)).expect("the shader fits");
    kernel.place(&batch).and_then(|bound| bound.check()).expect("the inputs are valid");
    batch.vectors[0][3] = f32::NAN;
    let error = kernel.place(&batch).and_then(|bound| bound.check()).expect_err("one is NaN").to_string();
    assert_eq!(error, "the input `count` is NaN at index 3, but every input must be finite");
    batch.vectors[0][3] = -1.0;
    let error = kernel.place(&batch).and_then(|bound| bound.check()).expect_err("one is below 0").to_string();
    assert!(error.starts_with("the input `count` is -1 at index 3, but its range is"), "{error}");
}

/// Chunks of rows that are shared out: the same bits as all rows at once.
#[test]
fn chunks_of_split_rows_give_the_same_bits() {
    if gpu().is_none() {
        return;
    }
    let classes = 4200;
    let open = || Gpu::new(None).expect("it was there before").with_invocations(4096);
    let small = open().with_binding_limit(4 * classes as u64 * 2);
    for name in ["arcface", "curricularface", "ohem_share"] {
        let loss = spec(name);
        let batch: Batch<f32> = random_batch(&loss, 5, 5, classes).convert();
        let run = |gpu: &Gpu| {
            Kernel::new(gpu, &RowProgram::of(&loss)).and_then(|k| k.run(&batch)).expect("the kernel runs")
        };
        assert_eq!(run(&open()), run(&small), "{name}");
    }
}

/// The largest workgroups, whole rows and shared ones.
#[test]
fn large_workgroups_agree_with_the_reference() {
    if gpu().is_none() {
        return;
    }
    let loss = spec("mv_arc_adaptive");
    let batch: Batch<f32> = random_batch(&loss, 11, 2, 40_000).convert();
    let exact = Backend::Reference.run(&loss, &batch.convert::<f64>()).expect("the loss is finite");
    let open = |invocations| Gpu::new(None).expect("it was there before").with_invocations(invocations);
    let devices =
        [(open(1024), 1), (open(1_000_000), 4), (open(1_000_000).without_subgroups(), 4), (open(64), 1)];
    for (gpu, parts) in devices {
        let kernel = Kernel::new(&gpu, &RowProgram::of(&loss)).expect("the shader compiles");
        let mut bound = kernel.place(&batch).expect("the batch fits");
        let workgroup = if gpu.invocations() == 64 { 64 } else { 512 };
        assert_eq!((bound.parts(), bound.shader().form.workgroup), (parts, workgroup));
        bound.step(&batch.params).expect("the step runs");
        let found = bound.outcome().expect("there is one");
        let distance = distance(&exact, &found.loss, &found.gradient);
        assert!(distance <= 2e-5, "{:?}: {distance:e}", bound.shader().form);
    }
}

/// The corners of the compiler, and random programs: shared rows give what whole ones give, valid in every form.
#[test]
fn split_programs_agree_with_whole_ones() {
    let Some(whole) = gpu() else { return };
    let split = Gpu::new(None).expect("it was there before").with_invocations(1024);
    let parsed = |(name, text): (String, String)| match marlo::compile(&text, &marlo::lang::Empty) {
        Ok(compiled) => compiled.loss,
        Err(found) => panic!("{name}: {found:?}"),
    };
    let written = crate::corpus::programs().into_iter().map(parsed);
    let drawn = (0..30_u8).map(|seed| {
        let bytes: Vec<u8> =
            (0..40_u8).map(|at| seed.wrapping_mul(37).wrapping_add(at.wrapping_mul(91))).collect();
        crate::programs::program(&bytes, crate::programs::Allow::All)
    });
    for loss in written.chain(drawn) {
        let program = RowProgram::of(&loss);
        for bits in 1..8 {
            let [split, in_place, subgroups] = [1, 2, 4].map(|bit| bits & bit != 0);
            let ahead = split != in_place;
            let shader = emit_with(&program, Form { split, in_place, ahead, subgroups, ..Form::default() });
            if let Err(error) = compile(&shader, Target::Spirv) {
                panic!("{} {:?}: {error}\n{}", loss.name, shader.form, shader.source);
            }
        }
        let batch: Batch<f32> = random_batch(&loss, 11, 3, 2100).convert();
        let [a, b] = [whole, &split].map(|gpu| {
            let kernel = Kernel::new(gpu, &program).expect("the shader compiles");
            kernel.run(&batch).expect("the kernel runs")
        });
        let scale = |values: &[f32]| values.iter().fold(1e-20_f32, |m, v| v.abs().max(m));
        let apart =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max) / scale(a);
        let distance = apart(&a.loss, &b.loss).max(apart(&a.gradient, &b.gradient));
        assert!(distance <= 1e-3, "{}: {distance:e}\n{}", loss.name, program.print());
    }
}
