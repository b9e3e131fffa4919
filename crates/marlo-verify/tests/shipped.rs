//! The shipped losses under the gradient and accuracy checks: no false alarm, every hard place reached.

use std::path::{Path, PathBuf};
use std::time::Instant;

use marlo_ir::eval::{Batch, Scalar};
use marlo_ir::loss::Loss;
use marlo_verify::accuracy::{Accuracy, accuracy};
use marlo_verify::big::Precision;
use marlo_verify::gradient::{Effort, Numbers, Witness, check};
use marlo_verify::oracle::Subject;

/// The folder of the shipped specs.
struct Specs;

impl Specs {
    fn files() -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs");
        let folders = std::fs::read_dir(root).expect("the specs are there").flatten();
        folders.flat_map(|folder| loss_files(&folder.path())).collect()
    }
}

/// The programs of a folder, by name.
fn loss_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is there").flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "loss"));
    files.sort();
    files
}

impl marlo_lang::Library for Specs {
    fn source(&self, name: &str) -> Option<String> {
        let is = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == name);
        Specs::files().iter().find(is).and_then(|path| std::fs::read_to_string(path).ok())
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

fn losses(files: &[PathBuf]) -> Vec<Loss> {
    let compile = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("the program is readable");
        let compiled = marlo_lang::compile(&text, &Specs);
        compiled.unwrap_or_else(|errors| panic!("{}: {errors:?}", path.display())).loss
    };
    files.iter().map(compile).collect()
}

/// Checks every loss with that effort and tells what it took.
fn all(losses: &[Loss], witnesses: &[Witness<'_>], effort: &Effort) {
    for loss in losses {
        let start = Instant::now();
        let report = check(loss, witnesses, effort);
        let took = start.elapsed().as_secs_f64();
        println!("{:26} {took:6.2} s", loss.name);
        for pair in &report.pairs {
            let worst = pair.worst.as_ref().map(|w| (w.deviation, w.stratum.name()));
            println!(
                "    {:42} {:6} entries, {:3} on borders, {:3} unbounded, used {:.2}, worst {:?}",
                pair.name, pair.entries, pair.on_border, pair.unbounded, pair.used, worst
            );
        }
        for pair in &report.pairs {
            if let Some(failure) = &pair.failure {
                println!("{}\n{failure:#?}", failure.case.replay(loss, &loss.name));
            }
        }
        assert!(report.holds(), "{}", loss.name);
    }
}

/// The reference evaluator in f32.
fn single(loss: &Loss, batch: &Batch<f64>) -> Numbers {
    let found = Subject::of(loss).derived::<f32>(batch);
    let wide = |values: Vec<f32>| values.into_iter().map(Scalar::to_f64).collect();
    Ok((wide(found.loss), wide(found.gradient)).into())
}

const NARROW: Witness<'_> =
    Witness { name: "reference", precision: Precision::F32, limit: 2e-4, run: &single };

/// The programs of the compiler's own tests.
fn odd() -> Vec<PathBuf> {
    loss_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/programs"))
}

/// Measures every loss in both precisions and tells what was found.
fn measured(count: usize, seed: u64) {
    for loss in losses(&Specs::files()) {
        let start = Instant::now();
        let found = accuracy(&loss, &[NARROW], count, seed);
        println!("{:26} {:6.2} s", loss.name, start.elapsed().as_secs_f64());
        for accuracy in &found {
            tell(&loss, accuracy);
            assert_eq!(accuracy.wrong_zeros, 0, "{}", loss.name);
            assert!(accuracy.rows > count / 2, "{}: {} rows", loss.name, accuracy.rows);
        }
        assert_eq!(found[0].not_finite, 0, "{}", loss.name);
        assert!(found[0].loss.median < 30.0 && found[0].row.median < 30.0, "{}", loss.name);
    }
}

fn tell(loss: &Loss, found: &Accuracy) {
    let worst = |m: &marlo_verify::accuracy::Measure| {
        m.worst.clone().map_or((0.0, ""), |w| (w.ulps, w.case.stratum.name()))
    };
    println!(
        "    {} {:4} rows, {} on borders, {} not finite; loss {:.1} worst {:?}; gradient {:.1} worst {:?}; of the row {:.1} worst {:?}; 1e{} to 1e{}",
        found.precision.name(),
        found.rows,
        found.on_border,
        found.not_finite,
        found.loss.median,
        worst(&found.loss),
        found.gradient.median,
        worst(&found.gradient),
        found.row.median,
        worst(&found.row),
        found.decades.first().map_or(0, |d| d.power),
        found.decades.last().map_or(0, |d| d.power),
    );
    if let Some(worst) = &found.row.worst
        && worst.ulps > 1e3
    {
        println!(
            "        {} entry {:?} {:e} {:e}",
            worst.case.replay(loss, &loss.name),
            worst.class,
            worst.exact,
            worst.found
        );
    }
}

#[test]
fn shipped_losses_are_accurate() {
    measured(40, 1);
}

#[test]
#[ignore = "takes a minute in release"]
fn shipped_losses_are_accurate_everywhere() {
    measured(2000, 2);
}

const FEW: Effort = Effort { cases: 26, differences: 4, seed: 1, slack: 4.0 };

#[test]
fn gradients_of_shipped_losses_hold() {
    all(&losses(&Specs::files()), &[NARROW], &FEW);
}

/// Programs with every shape of a gradient, batch operations and rare functions among them.
#[test]
fn gradients_of_odd_programs_hold() {
    all(&losses(&odd()), &[], &FEW);
}

#[test]
#[ignore = "takes minutes in release"]
fn gradients_hold_everywhere() {
    for seed in 1..10 {
        all(&losses(&Specs::files()), &[NARROW], &Effort { seed, ..Effort::default() });
        all(&losses(&odd()), &[], &Effort { seed, ..Effort::default() });
    }
}
