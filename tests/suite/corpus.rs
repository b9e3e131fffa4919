//! Programs in `tests/programs`, published or contrived: each compiles to every target, prints, and gives the same on every
//! backend, on generic cosines and at the ends. Adding a case is adding a file.

use std::fs;
use std::path::Path;

use marlo::agree::compare;
use marlo::eval::{Batch, Scalar};
use marlo::formula::{Style, gradient};
use marlo::loss::Loss;
use marlo::schedule::RowProgram;
use marlo::{lang, wgsl};

use crate::agreement::gpu;
use crate::gradient::batch as random_batch;

pub(crate) fn programs() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    let entries = fs::read_dir(folder).expect("the folder is there").flatten();
    let mut programs: Vec<(String, String)> = entries
        .map(|entry| {
            let name = entry.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, fs::read_to_string(entry.path()).expect("the file can be read"))
        })
        .collect();
    programs.sort();
    assert!(programs.len() > 20);
    programs
}

fn compiled(name: &str, text: &str) -> Loss {
    let compiled = marlo::compile(text, &lang::Empty).unwrap_or_else(|found| panic!("{name}: {found:?}"));
    assert!(compiled.warnings.is_empty(), "{name}: {:?}", compiled.warnings);
    assert_eq!(compiled.loss.name, name);
    assert_eq!(lang::format(text).expect("it compiles"), text, "{name}");
    compiled.loss
}

#[test]
fn programs_agree_on_every_backend() {
    for (name, text) in programs() {
        let loss = compiled(&name, &text);
        let random = (0..4).map(|seed| random_batch(&loss, seed, 5, 7));
        // ±1, 0, and ties with each other.
        let ends = random.clone().take(2).map(|mut batch| {
            let values = [1.0, 0.0, -1.0, 0.25, 0.25, -0.5, 1.0];
            let places = batch.matrix.iter_mut().enumerate();
            places.for_each(|(at, c)| *c = values[(at * at + at / 7) % 7]);
            batch
        });
        for (number, batch) in random.chain(ends).enumerate() {
            let mut narrow: Batch<f32> = batch.convert();
            narrow.resolution = <f32 as Scalar>::RESOLUTION;
            let found = compare(&loss, &narrow, &narrow.convert(), gpu());
            let found = found.unwrap_or_else(|error| panic!("{name}, batch {number}: {error}"));
            assert!(found.agrees(), "{name}, batch {number}: {found:#?}");
        }
    }
}

#[test]
fn programs_print_and_compile_to_every_target() {
    for (name, text) in programs() {
        let loss = compiled(&name, &text);
        for style in [Style::Text, Style::Latex, Style::MathMl] {
            let printed = gradient(&loss, style);
            assert!(printed.len() < 20_000, "{name}: {} characters", printed.len());
            assert!(!printed.contains("}^{") || !printed.contains("}^{}^"), "{name}: {printed}");
        }
        let shader = wgsl::emit(&RowProgram::of(&loss));
        for target in [
            wgsl::Target::Wgsl,
            wgsl::Target::Spirv,
            wgsl::Target::Msl,
            wgsl::Target::Hlsl,
            wgsl::Target::Glsl,
        ] {
            let compiled = wgsl::compile(&shader, target);
            assert!(
                compiled.is_ok(),
                "{name} to {target:?}: {}",
                compiled.err().map_or(String::new(), |e| e.to_string())
            );
        }
    }
}

/// Formulas of values that are used again and again inside each other stay readable in size.
#[test]
fn formulas_do_not_explode() {
    let mut nested = String::from("cos[y]");
    for _ in 0..12 {
        nested = format!("g({nested})");
    }
    let text = format!("fn g(x) = x * sigmoid(x)\nloss nested() {{ {nested} + sum[k](cos[k]) }}");
    let loss = marlo::compile(&text, &lang::Empty).expect("the program is right").loss;
    let printed = gradient(&loss, Style::Text);
    assert!(printed.len() < 10_000, "{} characters", printed.len());
    assert!(printed.contains("v1 = "), "{printed}");
    assert!(wgsl::emit(&RowProgram::of(&loss)).source.len() < 30_000);
}
