//! `marlo plot`: losses as figures, overlaid or side by side, written as SVG and PNG.

use std::path::{Path, PathBuf};

use marlo::loss::Loss;
use marlo_plot::{Figure, Options, Subject, Theme, Unit, plot};

use super::error::CliError;
use super::{print, spec};

/// The most names of losses in the name of a file.
const NAMES: usize = 4;

/// Arguments of `marlo plot`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A SPEC may have hyperparameters of its own, so that one loss is drawn several times:\n  \
    marlo plot arcface:m=0.3 arcface:m=0.5 cosface -o margins.svg -o margins.png\n\
    Every --input that is not given has a usual value, which the figure names: 20 for a Norm, 64 for a Scale, 1/classes for a\n\
    Prob, 1 for a Factor or a Real, else 0. A loss over a batch is drawn for a batch of one sample.\n\
    docs/plots.md shows what each figure is."
)]
pub(crate) struct Args {
    /// Paths to .loss files or names of shipped losses, each with hyperparameters where wanted
    #[arg(value_name = "SPEC[:NAME=VALUE,..]", required = true)]
    specs: Vec<String>,
    /// What is drawn
    #[arg(long, value_enum, default_value = "target")]
    figure: Choice,
    /// The unit of the axes
    #[arg(long, value_enum, default_value = "degrees")]
    axis: Axis,
    /// The part of the axes, in their unit
    #[arg(long, value_name = "LOW..HIGH", value_parser = parse_range, allow_hyphen_values = true)]
    range: Option<(f64, f64)>,
    /// The angle that is held: θ_y in `other` (60), θ_k in `target` and `weight` (90)
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true)]
    at: Option<f64>,
    /// The number of classes; those beyond two stand at 90°
    #[arg(long, default_value_t = 2)]
    classes: usize,
    /// Leave logits as they are, without dividing by the scale
    #[arg(long)]
    logits: bool,
    /// What a cosine is multiplied with, for a loss over raw logits
    #[arg(long, value_name = "SCALE", default_value_t = 64.0, allow_negative_numbers = true)]
    logit_scale: f64,
    /// Set a hyperparameter of every loss that has it, or of the one that is named
    #[arg(long, value_name = "[LOSS:]NAME=VALUE", value_parser = parse_setting)]
    set: Vec<Setting>,
    /// Give a further input, one value for all samples or classes
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = parse_value)]
    inputs: Vec<(String, f64)>,
    /// The title, in place of the figure's own
    #[arg(long)]
    title: Option<String>,
    /// Colours for white or for a dark page. Without it an SVG follows the reader's system, and a PNG is white
    #[arg(long, value_enum)]
    theme: Option<Page>,
    /// The width of a PNG in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1440)]
    width: u32,
    /// Where to write, .svg or .png, once or more; SPEC-..-FIGURE.svg here where none is given
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
enum Choice {
    /// The target logit against the angle to the sample's class
    Target,
    /// The logit of another class against the angle to it, and the border of a mask
    Other,
    /// The loss over both angles
    Loss,
    /// Its derivatives over both angles
    Gradient,
    /// Where two classes are told apart, and the margin between them
    Boundary,
    /// The gradient by the target logit against p, relative to cross entropy's
    Weight,
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
enum Axis {
    Degrees,
    Cosine,
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
enum Page {
    Light,
    Dark,
}

/// Names with their values.
type Settings = Vec<(String, f64)>;

/// A hyperparameter's value, of one loss or of all.
#[derive(Clone, Debug)]
struct Setting {
    loss: Option<String>,
    name: String,
    value: f64,
}

fn parse_value(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, as in m=0.5")?;
    let value = value.trim().parse().map_err(|_| format!("`{}` is not a number", value.trim()))?;
    Ok((name.trim().to_owned(), value))
}

fn parse_setting(text: &str) -> Result<Setting, String> {
    let (name, value) = parse_value(text)?;
    Ok(match name.rsplit_once(':') {
        Some((loss, name)) => Setting { loss: Some(loss.to_owned()), name: name.to_owned(), value },
        None => Setting { loss: None, name, value },
    })
}

fn parse_range(text: &str) -> Result<(f64, f64), String> {
    let (low, high) = text.split_once("..").ok_or("expected LOW..HIGH, as in 20..100")?;
    let number = |part: &str| part.trim().parse().map_err(|_| format!("`{}` is not a number", part.trim()));
    Ok((number(low)?, number(high)?))
}

/// A spec and the hyperparameters behind its colon.
fn parse_spec(text: &str) -> Result<(&str, Settings), CliError> {
    let Some((spec, set)) = text.rsplit_once(':').filter(|(_, set)| set.contains('=')) else {
        return Ok((text, Vec::new()));
    };
    let set = set.split(',').map(parse_value).collect::<Result<_, String>>();
    Ok((spec, set.map_err(|wrong| CliError::Usage(format!("`{text}`: {wrong}")))?))
}

/// What a file is to hold, by its extension.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Format {
    Svg,
    Png,
}

fn format(path: &Path) -> Result<Format, CliError> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("svg") => Ok(Format::Svg),
        Some("png") => Ok(Format::Png),
        _ => Err(CliError::Usage(format!(
            "`{}`: a figure is written as .svg or .png, and the file's name says which",
            path.display()
        ))),
    }
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    for path in &args.out {
        format(path)?;
    }
    let subjects = subjects(args)?;
    let figure = plot(&subjects, &options(args))?;
    let files = match &args.out[..] {
        [] => vec![PathBuf::from(name(&subjects, args.figure))],
        files => files.to_vec(),
    };
    let theme = match args.theme {
        None => Theme::Auto,
        Some(Page::Light) => Theme::Light,
        Some(Page::Dark) => Theme::Dark,
    };
    let mut drawn = Vec::new();
    for path in files {
        let bytes = match format(&path)? {
            Format::Svg => figure.svg(theme).into_bytes(),
            Format::Png => figure.png(theme, args.width)?,
        };
        drawn.push((path, bytes));
    }
    for (path, bytes) in drawn {
        let name = path.display();
        marlo::data::write_atomically(&path, &bytes)
            .map_err(|error| CliError::Input(format!("cannot write `{name}`: {error}")))?;
        print(&format!("wrote {name}\n"))?;
    }
    Ok(())
}

fn options(args: &Args) -> Options {
    Options {
        figure: match args.figure {
            Choice::Target => Figure::Target,
            Choice::Other => Figure::Other,
            Choice::Loss => Figure::Loss,
            Choice::Gradient => Figure::Gradient,
            Choice::Boundary => Figure::Boundary,
            Choice::Weight => Figure::Weight,
        },
        unit: if args.axis == Axis::Degrees { Unit::Degrees } else { Unit::Cosine },
        range: args.range,
        at: args.at,
        classes: args.classes,
        logits: args.logits,
        logit_scale: args.logit_scale,
        inputs: args.inputs.clone(),
        title: args.title.clone(),
    }
}

/// The losses, each with its hyperparameters: those behind its colon before those of `--set`.
fn subjects(args: &Args) -> Result<Vec<Subject>, CliError> {
    let mut subjects = Vec::new();
    for text in &args.specs {
        let (name, set) = parse_spec(text)?;
        let (_, compiled) = spec::compile(name)?;
        subjects.push(Subject { loss: compiled.loss, set });
    }
    for setting in args.set.iter().rev() {
        let is_meant = |loss: &Loss| {
            setting.loss.as_ref().is_none_or(|name| *name == loss.name)
                && loss.graph.params.iter().any(|param| param.name == setting.name)
        };
        let mut is_used = false;
        // Before those of the spec itself: the last one counts.
        for subject in subjects.iter_mut().filter(|subject| is_meant(&subject.loss)) {
            subject.set.insert(0, (setting.name.clone(), setting.value));
            is_used = true;
        }
        if !is_used {
            let whose = setting
                .loss
                .as_ref()
                .map_or("none of these losses".into(), |name| format!("no loss `{name}` here"));
            return Err(CliError::Input(format!("{whose} has a hyperparameter `{}`", setting.name)));
        }
    }
    Ok(subjects)
}

/// The name of the file where none is given.
fn name(subjects: &[Subject], figure: Choice) -> String {
    let mut names: Vec<&str> = subjects.iter().map(|subject| subject.loss.name.as_str()).collect();
    names.dedup();
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    let more = if more > 0 { format!("-and-{more}-more") } else { String::new() };
    format!("{}{more}-{}.svg", names.join("-"), format!("{figure:?}").to_lowercase())
}
