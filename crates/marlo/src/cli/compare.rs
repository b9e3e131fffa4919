//! `marlo compare`: losses trained under one plan, and a page that shows how they did.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use marlo::data::write_atomically;
use marlo::recognition::compare::{Contestant, Entrant, compare};
use marlo::recognition::page::{Facts, html, name};
use marlo::recognition::summary::means;
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
    #[arg(long, value_name = "N", default_value_t = 1)]
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
    if args.seeds == 0 {
        return Err(CliError::Usage("--seeds 0: give at least one".into()));
    }
    let mut entrants = Vec::new();
    for text in &args.specs {
        let (_, compiled) = spec::compile(text)?;
        let has = |name: &String| compiled.loss.graph.params.iter().any(|param| param.name == *name);
        let given = args.set.iter().filter(|one| has(&one.0)).cloned().collect();
        entrants.push(Entrant { loss: compiled.loss, given });
    }
    let unused =
        args.set.iter().find(|one| entrants.iter().all(|e| e.given.iter().all(|given| given.0 != one.0)));
    if let Some((name, _)) = unused {
        return Err(CliError::Input(format!("--set {name}: no loss here has a hyperparameter of that name")));
    }
    let faces = args.training.faces()?;
    let seeds: Vec<u64> = (0..args.seeds).collect();
    catch_interrupts();
    let start = Instant::now();
    let bar = bar();
    let contestants = compare(
        entrants,
        &faces,
        &seeds,
        |seed| args.training.plan(seed),
        |at| {
            bar.set_length(at.steps.1);
            bar.set_position(at.steps.0);
            bar.set_message(match at.seed {
                Some(seed) => format!("{}, seed {seed}", at.loss),
                None => format!("{}, in the plane", at.loss),
            });
            if is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    bar.finish_and_clear();
    let contestants = contestants?;
    let images = &faces.train.images;
    let plan = args.training.plan(0);
    let row = |name: &str, value: String| (name.to_owned(), value);
    let facts = Facts {
        command: command(),
        table: vec![
            row("data", faces.source.clone()),
            row("SHA-256 of the data", faces.train.hash.clone()),
            row("training", format!("{} images of {} identities", images.len(), images.class_names().len())),
            row(
                "testing",
                format!(
                    "{} images of {} identities, unseen",
                    faces.test.len(),
                    faces.test.class_names().len()
                ),
            ),
            row("images", format!("{} × {} pixels", images.height(), images.width())),
            row("plan", format!("{plan:?}")),
            row("seeds", format!("{seeds:?}")),
            row("marlo", env!("CARGO_PKG_VERSION").to_owned()),
            row("threads", std::thread::available_parallelism().map_or(1, usize::from).to_string()),
            row("time", format!("{:.0} s", start.elapsed().as_secs_f64())),
        ],
    };
    write_atomically(&args.out, html(&facts, &contestants).as_bytes())
        .map_err(|error| CliError::Input(format!("cannot write {}: {error}", args.out.display())))?;
    say(&format!("{} has the curves and formulas", args.out.display()));
    match args.json {
        true => print(&format!("{:#}\n", summary(&facts, &contestants))),
        false => print(&markdown(&contestants)),
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent} %  {msg}  {elapsed} gone, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

/// The command line, as it was given.
fn command() -> String {
    let words = std::env::args().skip(1).map(|word| match word.contains([' ', '\'', '"', '$', '*']) {
        true => format!("'{}'", word.replace('\'', r"'\''")),
        false => word,
    });
    format!("marlo {}", words.collect::<Vec<_>>().join(" "))
}

/// A table for people, which is one of Markdown, too.
fn markdown(contestants: &[Contestant]) -> String {
    let rows: Vec<_> = contestants.iter().map(|one| means(&one.runs)).collect();
    let Some(first) = rows.first() else { return String::new() };
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
            .map(|run| json!({ "seed": run.seed, "report": run.judged.report.to_json(), "seconds": run.seconds }))
            .collect();
        json!({ "loss": name(one), "means": measures, "runs": runs })
    };
    json!({
        "command": facts.command,
        "facts": facts.table.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "losses": contestants.iter().map(of).collect::<Vec<_>>(),
    })
}
