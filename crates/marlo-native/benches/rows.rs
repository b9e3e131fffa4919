//! The row kernel at 64 × 10,000 cells: a few shipped losses, compiled, and interpreted as those first seen at run time.

use std::path::Path;

use divan::Bencher;
use divan::counter::ItemsCount;
use marlo_ir::eval::{Scalar, settings};
use marlo_ir::schedule::RowProgram;
use marlo_ir::setting::Moment;
use marlo_native::{Inputs, Kernel, Library, Outputs, shipped};

fn main() {
    divan::main();
}

const ROWS: usize = 64;
const CLASSES: usize = 10_000;
const LOSSES: [&str; 5] = ["arcface", "mv_arc_adaptive", "sphereface", "curricularface", "circle"];

/// The specs' folder: the name of a loss to its text.
struct Specs;

impl marlo_lang::Library for Specs {
    fn source(&self, name: &str) -> Option<String> {
        let families = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs")).ok()?;
        let files = families.flatten().map(|family| family.path().join(format!("{name}.loss")));
        files.into_iter().find_map(|file| std::fs::read_to_string(file).ok())
    }

    fn names(&self) -> Vec<String> {
        LOSSES.map(str::to_owned).to_vec()
    }
}

#[divan::bench(args = LOSSES)]
fn compiled(bencher: Bencher<'_, '_>, name: &str) {
    run(bencher, name, &Library::of(shipped::ENTRIES));
}

#[divan::bench(args = LOSSES)]
fn interpreted(bencher: Bencher<'_, '_>, name: &str) {
    run(bencher, name, &Library::empty());
}

fn run(bencher: Bencher<'_, '_>, name: &str, library: &Library) {
    let source = marlo_lang::Library::source(&Specs, name).expect("the spec is there");
    let loss = marlo_lang::compile(&source, &Specs).expect("it compiles").loss;
    let kernel = Kernel::<f32>::new(&RowProgram::of(&loss), library);
    let params = settings(&loss, &[], Moment::start(CLASSES)).expect("there are defaults");
    let matrix: Vec<f32> =
        (0..ROWS * CLASSES).map(|at| ((at * 7919) % 2001) as f32 / 10_000.0 - 0.1).collect();
    let labels: Vec<usize> = (0..ROWS).map(|row| row * 131 % CLASSES).collect();
    let mut gradient = vec![0.0; matrix.len()];
    let mut losses = vec![0.0; ROWS];
    bencher.counter(ItemsCount::new(matrix.len())).bench_local(|| {
        let inputs = Inputs {
            classes: CLASSES,
            matrices: &[&matrix],
            stride: CLASSES,
            labels: &labels,
            vectors: &[],
            params: &params,
            resolution: <f32 as Scalar>::RESOLUTION,
        };
        kernel.run(&inputs, &mut Outputs { loss: &mut losses, gradients: &mut [&mut gradient] })
    });
}
