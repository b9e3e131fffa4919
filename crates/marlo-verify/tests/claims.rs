//! The claims of the shipped specs and the well-known truths.

use std::path::Path;

use marlo_lang::{Compiled, Library, compile};
use marlo_verify::claims::{Effort, decide};

struct Specs;

impl Library for Specs {
    fn source(&self, name: &str) -> Option<String> {
        let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs");
        std::fs::read_dir(specs)
            .ok()?
            .flatten()
            .find_map(|family| std::fs::read_to_string(family.path().join(format!("{name}.loss"))).ok())
    }
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

fn spec(name: &str) -> Compiled {
    compile(&Specs.source(name).expect("it ships"), &Specs).expect("it is right")
}

#[test]
fn all() {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs");
    let mut names: Vec<String> = Vec::new();
    for family in std::fs::read_dir(specs).expect("there").flatten() {
        for file in std::fs::read_dir(family.path()).expect("there").flatten() {
            names.push(file.path().file_stem().expect("a name").to_string_lossy().into_owned());
        }
    }
    names.sort();
    for name in names {
        let compiled = spec(&name);
        for b in marlo_verify::border::borders(&compiled.loss) {
            println!("{name}: {b}");
        }
        for claim in &compiled.claims {
            let start = std::time::Instant::now();
            let verdict = decide(&compiled.loss, claim, Effort::default());
            println!("{name:26} {:?} {:?} {verdict}", claim.name, start.elapsed());
        }
    }
}

/// What is said of each claim of a program.
fn said(program: &str) -> Vec<String> {
    let compiled = compile(program, &Specs).expect("it is right");
    let verdict = |claim| decide(&compiled.loss, claim, Effort::default()).to_string();
    compiled.claims.iter().map(verdict).collect()
}

#[test]
fn truths() {
    let head = "loss own(s: Scale = 32 in 1..128, m: Angle = 0.5 in 0..pi/2, n: Factor = 4 in 1..8) {
        let f = cos(theta[y] + m)
        let g = cos(n * theta[y])
        let d = if cos[y] > 0 then cos[y] else 2 * cos[y]
        let up = if cos[y] > 0 then cos[y] else cos[y] + 1
        let h = exp(100 * s) + 0 * g + 0 * d + 0*up
        let q = softmax(s * f, s * cos[k])
        ce(q) + 0 * m
    }\n";
    for claim in [
        "decreasing(f, theta[y] in 0..pi)",
        "decreasing(g, theta[y] in 0..pi)",
        "decreasing(f, theta[y] in 0..pi - m)",
        "pulls_target",
        "increasing(d, cos[y] in -1..1)",
        "increasing(up, cos[y] in -1..1)",
        "bounded(q[y], 0, 1), bounded(q[k], 0, 1), bounded(f, -1, 1)",
        "bounded(f, -0.9, 1)",
        "nonnegative(f + 1)",
        "nonnegative(f)",
        "decreasing(f, m in 0..pi/2)",
        "decreasing(cos(m), m in 0..pi/2)",
        "increasing(h, s in 1..128)",
        "decreasing(f, cos[y] in -1..1)",
        "nonnegative(1 + m^2 - 2*m)",
        "nonnegative(h)",
        "bounded(h, 0, 1e30)",
        "decreasing(floor(3*cos[y]), theta[y] in 0..pi)",
        "decreasing(max(cos[y], 0), theta[y] in 0..pi)",
        "increasing(abs(cos[y]), cos[y] in 0..1)",
        "increasing(cos[k] - cos[y], cos[k] in -1..1)",
        "increasing(cos[k] - cos[y], cos[y] in -1..1)",
    ] {
        println!("{claim}: {:?}", said(&format!("{head}\nprove {claim}\n")));
    }
}
