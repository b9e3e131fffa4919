//! The claims of the shipped specs and the well-known truths.

use std::path::Path;

use marlo_lang::{Compiled, Library, compile};
use marlo_verify::claims::{Effort, decide};

struct Specs;

impl Library for Specs {
    fn source(&self, name: &str) -> Option<String> {
        let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs");
        std::fs::read_dir(specs).ok()?.flatten().find_map(|family| {
            std::fs::read_to_string(family.path().join(format!("{name}.loss"))).ok()
        })
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
        for claim in &compiled.claims {
            let start = std::time::Instant::now();
            let verdict = decide(&compiled.loss, claim, Effort::default());
            println!("{name:26} {:?} {:?} {verdict}", claim.name, start.elapsed());
        }
    }
}
