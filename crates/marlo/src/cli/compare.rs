//! `marlo compare`: losses trained under one plan, and a page that shows how they did.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use marlo::data::write_atomically;
use marlo::recognition::Faces;
use marlo::recognition::compare::{Contestant, Entrant, Progress, compare};
use marlo::recognition::page::{Facts, html, name};
use marlo::recognition::summary::means;
use marlo::train::Fall;
use serde_json::json;

use super::error::CliError;
use super::train::{Training, catch_interrupts, is_stopped, parse_number};
use super::{print, say, spec};

/// Arguments of `marlo compare`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every loss is trained with every seed under the same plan and judged on the same unseen identities. \
    --out is one file with all tables, curves, formulas, the command and the hash of the data.\n\n    \
    marlo compare softmax cosface arcface mv_arc_adaptive --seeds 5 --out report.html"
)]
pub(crate) struct Args {
    /// The losses: .loss files, or names of shipped ones
    #[arg(required = true)]
    specs: Vec<String>,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// So many seeds, from 0 on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Set a hyperparameter of the losses that have it
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_number)]
    set: Vec<(String, f64)>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    training: Training,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let entrants = entrants(args)?;
    let faces = args.training.faces()?;
    // What can't be written is better known now than after an hour.
    write(&args.out, "not done yet")?;
    let seeds: Vec<u64> = (0..args.seeds).collect();
    catch_interrupts();
    let start = Instant::now();
    let bar = bar();
    let watch = |at: &Progress| {
        bar.set_length(at.steps.1);
        bar.set_position(at.steps.0);
        bar.set_message(match at.seed {
            Some(seed) => format!("{}, seed {seed}", at.loss),
            None => format!("{}, in the plane", at.loss),
        });
        if is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let contestants = compare(entrants, &faces, &seeds, |seed| args.training.plan(seed), watch);
    bar.finish_and_clear();
    let contestants = contestants?;
    let mut facts = facts(args, &faces);
    facts.table.push(("time".into(), format!("{:.0} s", start.elapsed().as_secs_f64())));
    for failed in contestants.iter().flat_map(|one| &one.failed) {
        say(&format!("failed: {failed}"));
    }
    match args.json {
        true => print(&format!("{:#}\n", summary(&facts, &contestants)))?,
        false => print(&markdown(&contestants))?,
    }
    write(&args.out, &html(&facts, &contestants))?;
    say(&format!("{} has the curves and formulas", args.out.display()));
    match is_stopped() {
        true => Err(CliError::Input("stopped: what is shown is what was complete".into())),
        false => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    write_atomically(path, text.as_bytes())
        .map_err(|error| CliError::Input(format!("cannot write {}: {error}", path.display())))
}

/// The losses with the settings that they have.
fn entrants(args: &Args) -> Result<Vec<Entrant>, CliError> {
    let mut entrants = Vec::new();
    for text in &args.specs {
        let (_, compiled) = spec::compile(text)?;
        let has = |name: &String| compiled.loss.graph.params.iter().any(|param| param.name == *name);
        let given = args.set.iter().filter(|one| has(&one.0)).cloned().collect();
        entrants.push(Entrant { loss: compiled.loss, given });
    }
    let is_used = |name: &String| entrants.iter().any(|e| e.given.iter().any(|given| given.0 == *name));
    match args.set.iter().find(|one| !is_used(&one.0)) {
        Some((name, _)) => {
            Err(CliError::Input(format!("--set {name}: no loss here has a hyperparameter of that name")))
        }
        None => Ok(entrants),
    }
}

/// What stands at the head of the page.
fn facts(args: &Args, faces: &Faces) -> Facts {
    let (train, test) = (&faces.train.images, &faces.test);
    let plan = args.training.plan(0);
    let fall = match &plan.rate.fall {
        Fall::Steps(at) => format!("falling to a tenth at {at:?}"),
        Fall::Cosine => "falling along half a cosine".into(),
    };
    let overlap = match faces.overlap.is_empty() {
        true => "none of which training has seen".to_owned(),
        false => format!("{} of which training has seen", faces.overlap.names.len()),
    };
    let rows = [
        ("data", faces.source.clone()),
        ("SHA-256 of the data", faces.train.hash.clone()),
        ("training", format!("{} images of {} identities", train.len(), train.class_names().len())),
        ("testing", format!("{} images of {} identities, {overlap}", test.len(), test.class_names().len())),
        ("images", format!("{} × {} pixels", train.height(), train.width())),
        ("steps", format!("{} epochs in batches of {}", plan.epochs, plan.batch)),
        ("rate", format!("{}, rising over {} of the way, {fall}", plan.rate.base, plan.rate.warm_up)),
        (
            "descent",
            format!(
                "momentum {}, weight decay {}, gradients up to {}",
                plan.momentum, plan.weight_decay, plan.longest_gradient
            ),
        ),
        ("network", format!("{} channels first, embeddings of {}", plan.width, plan.embedding)),
        (
            "motion",
            format!("shifts up to {} pixels{}", plan.shift, if plan.flip { ", mirrored" } else { "" }),
        ),
        ("seeds", format!("0 to {}; the split's: {}", args.seeds - 1, args.training.split_seed)),
        ("marlo", env!("CARGO_PKG_VERSION").to_owned()),
        ("threads", std::thread::available_parallelism().map_or(1, usize::from).to_string()),
    ];
    Facts { command: command(), table: rows.map(|(name, value)| (name.to_owned(), value)).into() }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent} %  {msg}  {elapsed} gone, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

/// The command line, as it was given, to be pasted into a shell.
pub(crate) fn command() -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./=,:@%+-".contains(c);
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let quoted = words.map(|word| match !word.is_empty() && word.chars().all(plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    });
    format!("marlo {}", quoted.collect::<Vec<_>>().join(" "))
}

/// A table for people, which is one of Markdown, too.
fn markdown(contestants: &[Contestant]) -> String {
    let rows: Vec<_> = contestants.iter().map(|one| means(&one.runs)).collect();
    let Some(first) = rows.iter().find(|row| !row.is_empty()) else { return String::new() };
    let mut text = format!(
        "| loss | {} |\n",
        first.iter().map(|cell| cell.0.name.clone()).collect::<Vec<_>>().join(" | ")
    );
    text += &format!("|---|{}\n", "---:|".repeat(first.len()));
    for (one, row) in contestants.iter().zip(&rows) {
        let cells: Vec<String> = row.iter().map(|(measure, mean)| measure.show(*mean)).collect();
        text += &format!("| {} | {} |\n", name(one), cells.join(" | "));
    }
    text
}

fn summary(facts: &Facts, contestants: &[Contestant]) -> serde_json::Value {
    let of = |one: &Contestant| {
        let measures: serde_json::Map<String, serde_json::Value> = means(&one.runs)
            .into_iter()
            .map(|(measure, mean)| {
                (measure.name, json!({ "mean": mean.mean, "half_width": mean.half_width }))
            })
            .collect();
        let runs: Vec<_> = one
            .runs
            .iter()
            .map(|run| json!({ "seed": run.seed, "report": run.report.to_json(), "seconds": run.seconds }))
            .collect();
        json!({ "loss": name(one), "means": measures, "runs": runs })
    };
    json!({
        "command": facts.command,
        "facts": facts.table.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "losses": contestants.iter().map(of).collect::<Vec<_>>(),
    })
}
