//! The laws of all shipped specs.

use std::path::PathBuf;
use std::time::Instant;

use marlo_lang::{Compiled, Library, compile};
use marlo_verify::laws::{LawVerdict, decide};

struct Specs;

fn specs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../specs")
}

fn files() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(specs()).expect("specs").flatten();
    let mut files: Vec<PathBuf> = folders
        .flat_map(|f| std::fs::read_dir(f.path()).into_iter().flatten().flatten())
        .map(|f| f.path())
        .filter(|p| p.extension().is_some_and(|e| e == "loss"))
        .collect();
    files.sort();
    files
}

impl Library for Specs {
    fn source(&self, name: &str) -> Option<String> {
        let file = files().into_iter().find(|f| f.file_stem().is_some_and(|s| s == name))?;
        std::fs::read_to_string(file).ok()
    }
    fn names(&self) -> Vec<String> {
        files().iter().filter_map(|f| f.file_stem()).map(|s| s.to_string_lossy().into_owned()).collect()
    }
}

fn compiled(text: &str) -> Compiled {
    compile(text, &Specs).unwrap_or_else(|e| panic!("{text}\n{e:?}"))
}

#[test]
fn all_spec_laws() {
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("readable");
        for law in compiled(&text).laws {
            let source = &text[law.source.span.start..law.source.span.end];
            let start = Instant::now();
            let verdict = decide(&law);
            let ms = start.elapsed().as_secs_f64() * 1e3;
            let text = match verdict.clone() {
                LawVerdict::Proved { side_conditions, gradients, rewriting, .. } => format!(
                    "PROVED {} {:?} {:?}",
                    side_conditions.len(),
                    gradients,
                    rewriting.map(|s| s.len())
                ),
                other => format!("{other:?}"),
            };
            if let (Ok(_), LawVerdict::Proved { rewriting: Ok(steps), .. }) =
                (std::env::var("PROOFS"), &verdict)
            {
                println!("{}", marlo_verify::laws::print(steps, 200));
            }
            println!("{:24} {source:50} {ms:7.1} ms {}", file.file_stem().unwrap().to_string_lossy(), text);
        }
    }
}
