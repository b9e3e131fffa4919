//! `marlo verify`: proves what can be proved of a loss, or of all shipped ones.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use marlo::specs;
use marlo::verify::{Effort, Report, verify};
use marlo::wgsl::Gpu;
use serde_json::{Value, json};

use super::error::CliError;
use super::{print, say, spec};

/// Arguments of `marlo verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every line says what was shown: proved (for all inputs, hyperparameters and numbers of classes, and how), \
    checked\n(on how many cases), REFUTED (with a command that shows it), or unknown. Exit 1 when anything is refuted.\n\
    docs/verification.md explains each line."
)]
pub(crate) struct Args {
    /// Path to a .loss file, or the name of a shipped loss
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    spec: Option<String>,
    /// Every shipped loss, and a table of claims
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Cases for each comparison of gradients and backends
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    cases: Option<u32>,
    /// The seed of the cases
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Steps of a proof that are printed
    #[arg(long, value_name = "N", default_value_t = 3)]
    steps: usize,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let gpu = || match Gpu::new(None) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            say(&format!("warning: the shader is not tried: {error}"));
            None
        }
    };
    let mut effort = Effort::default();
    effort.gradient.seed = args.seed;
    if let Some(cases) = args.cases {
        effort.gradient.cases = cases as usize;
        effort.gradient.differences = cases.div_ceil(10) as usize;
        effort.accuracy = cases as usize;
    }
    let reports = match &args.spec {
        Some(name) => {
            let (source, compiled) = spec::compile(name)?;
            vec![verify(&compiled, &source.text, name, gpu().as_ref(), &effort)]
        }
        None => all(gpu().as_ref(), &effort)?,
    };
    show(args, &reports)?;
    if reports.iter().any(Report::is_refuted) { Err(CliError::Said) } else { Ok(()) }
}

/// Every shipped loss, on all cores, in the order of the list.
fn all(gpu: Option<&Gpu>, effort: &Effort) -> Result<Vec<Report>, CliError> {
    let bar = ProgressBar::with_draw_target(Some(specs::ALL.len() as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {eta}") {
        bar.set_style(style);
    }
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let work = || {
        while let Some((at, shipped)) = take(&next) {
            bar.set_message(shipped.name);
            let report = specs::compile(shipped.name)
                .map(|compiled| verify(&compiled, shipped.source, shipped.name, gpu, effort));
            bar.inc(1);
            // A worker that panicked has poisoned nothing that matters here.
            found.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((at, report));
        }
    };
    std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        (0..workers).for_each(|_| drop(scope.spawn(work)));
    });
    bar.finish_and_clear();
    let mut found = found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    found.sort_by_key(|f| f.0);
    let wrong = |_| CliError::Input("a shipped loss does not compile".into());
    found.into_iter().map(|f| f.1.map_err(wrong)).collect()
}

fn take(next: &AtomicUsize) -> Option<(usize, &'static specs::Spec)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    specs::ALL.get(at).map(|spec| (at, spec))
}

fn show(args: &Args, reports: &[Report]) -> Result<(), CliError> {
    if args.json {
        let all: Vec<Value> = reports.iter().map(Report::json).collect();
        let value = if args.all { json!(all) } else { all.into_iter().next().unwrap_or_default() };
        return print(&format!("{value:#}\n"));
    }
    for report in reports {
        // Of many reports the proofs would bury the rest.
        print(&report.text(if args.all { 0 } else { args.steps }))?;
        let [proved, checked, refuted, unknown] = report.count();
        print(&format!("  {proved} proved, {checked} checked, {refuted} refuted, {unknown} unknown\n"))?;
    }
    if args.all { print(&format!("\n{}", marlo::verify::table(reports))) } else { Ok(()) }
}
