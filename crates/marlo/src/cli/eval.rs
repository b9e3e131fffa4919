//! `marlo eval`: loss and gradient on cosines, by one backend or by all of them.

use std::path::PathBuf;
use std::time::Instant;

use marlo::backend::{Backend, Outcome, Precision};
use marlo::data::array::{self, AnyArray, Array, Real};
use marlo::data::glyphs;
use marlo::eval::{Batch, settings};
use marlo::graph::Axis;
use marlo::loss::Loss;
use serde_json::{Map, Value, json};

use super::error::CliError;
use super::{print, spec};

/// Arguments of `marlo eval`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --cosines and --labels the shipped sample is used: 64 kanji in 16 typefaces, embedded by \
    grey pixels and PCA,\ncompared with class means. A loss over raw logits takes its logits from --cosines.\n\
    RESULT holds loss (B,), mean_loss () and dcos (B, C), the gradient of mean_loss. A JSON summary is printed."
)]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// What computes
    #[arg(long, value_enum, default_value = "reference")]
    backend: Choice,
    /// The precision; that of the cosines where none is given
    #[arg(long, value_enum)]
    dtype: Option<Dtype>,
    /// Write the result to an .npz file
    #[arg(long, value_name = "RESULT.npz")]
    out: Option<PathBuf>,
}

/// What a loss is evaluated on.
#[derive(Debug, clap::Args)]
pub(crate) struct InputArgs {
    /// Path to a .loss file, or the name of a shipped loss
    pub(crate) spec: String,
    /// Cosines (or logits), (B, C), float32 or float64
    #[arg(long, value_name = "C.npy", requires = "labels", visible_alias = "logits")]
    cosines: Option<PathBuf>,
    /// The class of each sample, (B,), int64
    #[arg(long, value_name = "Y.npy", requires = "cosines")]
    labels: Option<PathBuf>,
    /// Set a hyperparameter
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    set: Vec<(String, f64)>,
    /// Give a further input that the loss declares, a vector over samples or classes
    #[arg(long = "input", value_name = "NAME=F.npy", value_parser = parse_input)]
    inputs: Vec<(String, PathBuf)>,
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
enum Choice {
    Reference,
    Dfdx,
    Wgpu,
    /// Every backend, with the differences; exit 1 when they disagree
    All,
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
enum Dtype {
    F32,
    F64,
}

fn parse_setting(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, as in s=64")?;
    let value = value.trim().parse().map_err(|_| format!("`{value}` is not a number"))?;
    Ok((name.trim().to_owned(), value))
}

fn parse_input(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("expected NAME=FILE.npy, as in norm=norms.npy")?;
    Ok((name.trim().to_owned(), PathBuf::from(path)))
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let (_, compiled) = spec::compile(&args.input.spec)?;
    let loss = compiled.loss;
    let backend = match args.backend {
        Choice::All => {
            if args.dtype.is_some() || args.out.is_some() {
                let message = "`--backend all` compares in every precision and writes no file: leave --dtype and --out out";
                return Err(CliError::Usage(message.into()));
            }
            return all(&loss, &args.input);
        }
        Choice::Reference => Backend::Reference,
        Choice::Dfdx => Backend::Dfdx,
        Choice::Wgpu => Backend::Wgpu,
    };
    if backend == Backend::Wgpu && args.dtype == Some(Dtype::F64) {
        let message = "shaders compute in f32: use --dtype f32, or another backend for f64";
        return Err(CliError::Usage(message.into()));
    }
    let input = read(&loss, &args.input)?;
    let wants_f64 = match args.dtype {
        Some(dtype) => dtype == Dtype::F64,
        None => matches!(input.matrix, Real::F64(_)) && backend != Backend::Wgpu,
    };
    if wants_f64 {
        one::<f64>(backend, &loss, &input, args, AnyArray::F64)
    } else {
        one::<f32>(backend, &loss, &input, args, AnyArray::F32)
    }
}

fn one<S: Precision>(
    backend: Backend,
    loss: &Loss,
    input: &Input,
    args: &Args,
    array: impl Fn(Array<S>) -> AnyArray,
) -> Result<(), CliError> {
    let batch = input.batch::<S>(loss)?;
    let start = Instant::now();
    let outcome = backend.run(loss, &batch)?;
    let seconds = start.elapsed().as_secs_f64();
    let mut summary = head(loss, input, &batch);
    summary.insert("backend".into(), backend.name().into());
    summary.insert("dtype".into(), if S::RESOLUTION > 1e-10 { "f32" } else { "f64" }.into());
    summary.insert("mean_loss".into(), outcome.mean_loss.into());
    summary.insert("largest_gradient".into(), largest(&outcome.gradient).into());
    summary.insert("seconds".into(), seconds.into());
    if let Some(path) = &args.out {
        let entries = [
            ("loss", array(Array::new([batch.rows], outcome.loss)?)),
            ("mean_loss", array(Array::new(Vec::new(), vec![S::from_f64(outcome.mean_loss)])?)),
            ("dcos", array(Array::new([batch.rows, batch.classes], outcome.gradient)?)),
        ];
        array::write_npz(path, &entries)?;
        summary.insert("out".into(), path.display().to_string().into());
    }
    print(&format!("{:#}\n", Value::Object(summary)))
}

/// How far a backend may be from the f64 reference on the same inputs, relative to the largest entry of the row's
/// gradient and to the loss. f32 logits up to 2·s = 256 carry an error of 256·2⁻²⁴ ≈ 1.5e-5 into the exponential.
fn tolerance(f64: bool) -> f64 {
    if f64 { 1e-9 } else { 2e-4 }
}

/// Runs every backend and prints how far each is from the reference in f64.
pub(crate) fn all(loss: &Loss, args: &InputArgs) -> Result<(), CliError> {
    let input = read(loss, args)?;
    let narrow = input.batch::<f32>(loss)?;
    let wide = input.batch::<f64>(loss)?;
    let exact = Backend::Reference.run(loss, &wide)?;
    // Backends in f32 see rounded cosines, so they are held to the reference on those.
    let rounded = narrow.convert::<f64>();
    let exact_of_rounded = Backend::Reference.run(loss, &rounded)?;
    let mut summary = head(loss, &input, &wide);
    summary.insert("mean_loss".into(), exact.mean_loss.into());
    summary.insert("largest_gradient".into(), largest(&exact.gradient).into());
    let mut backends = Map::new();
    let mut agree = true;
    let mut record = |name: &str, found: Difference, limit: f64| {
        let within = found.loss <= limit && found.gradient <= limit;
        agree &= within;
        backends.insert(
            name.into(),
            json!({"loss_difference": found.loss, "gradient_difference": found.gradient, "limit": limit, "agrees": within}),
        );
    };
    let found = Backend::Reference.run(loss, &narrow)?;
    record("reference f32", difference(&exact_of_rounded, &found, &narrow), tolerance(false));
    let found = Backend::Dfdx.run(loss, &wide)?;
    record("dfdx f64", difference(&exact, &found, &wide), tolerance(true));
    let found = Backend::Dfdx.run(loss, &narrow)?;
    record("dfdx f32", difference(&exact_of_rounded, &found, &narrow), tolerance(false));
    match Backend::Wgpu.run(loss, &narrow) {
        Ok(found) => record("wgpu f32", difference(&exact_of_rounded, &found, &narrow), tolerance(false)),
        Err(error) if error.is_missing_adapter() => {
            anstream::eprintln!("note: {error}");
            backends.insert("wgpu f32".into(), json!({"skipped": error.to_string()}));
        }
        Err(error) => return Err(error.into()),
    }
    summary.insert("reference".into(), "f64".into());
    summary.insert("backends".into(), backends.into());
    summary.insert("agree".into(), agree.into());
    print(&format!("{:#}\n", Value::Object(summary)))?;
    if agree { Ok(()) } else { Err(CliError::Input(format!("the backends disagree on `{}`", loss.name))) }
}

struct Difference {
    loss: f64,
    gradient: f64,
}

/// The largest differences: of a sample's loss relative to max(1, loss), of a gradient relative to its row's largest.
fn difference<S: Precision>(exact: &Outcome<f64>, found: &Outcome<S>, batch: &Batch<S>) -> Difference {
    let losses = exact.loss.iter().zip(&found.loss);
    let loss = losses.map(|(a, b)| (a - b.to_f64()).abs() / a.abs().max(1.0)).fold(0.0, f64::max);
    let mean = (exact.mean_loss - found.mean_loss).abs() / exact.mean_loss.abs().max(1.0);
    let rows = exact.gradient.chunks(batch.classes).zip(found.gradient.chunks(batch.classes));
    let gradient = rows
        .map(|(a, b)| {
            let scale = a.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
            // Below what f32 can hold, a gradient that is flushed to zero is not wrong.
            let scale = scale.max(1e-30);
            a.iter().zip(b).map(|(x, y)| (x - y.to_f64()).abs() / scale).fold(0.0, f64::max)
        })
        .fold(0.0, f64::max);
    Difference { loss: loss.max(mean), gradient }
}

fn largest<S: Precision>(values: &[S]) -> f64 {
    values.iter().map(|v| v.to_f64().abs()).fold(0.0, f64::max)
}

fn head<S: Precision>(loss: &Loss, input: &Input, batch: &Batch<S>) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("loss".into(), loss.name.clone().into());
    head.insert("input".into(), input.name.clone().into());
    head.insert("samples".into(), batch.rows.into());
    head.insert("classes".into(), batch.classes.into());
    let settings: Map<String, Value> = loss
        .graph
        .params
        .iter()
        .zip(&batch.params)
        .map(|(param, value)| (param.name.clone(), (*value).into()))
        .collect();
    head.insert("settings".into(), settings.into());
    head
}

/// Inputs as they were read.
struct Input {
    name: String,
    matrix: Real,
    labels: Vec<i64>,
    vectors: Vec<(String, Real)>,
    settings: Vec<f64>,
}

fn read(loss: &Loss, args: &InputArgs) -> Result<Input, CliError> {
    let settings = settings(loss, &args.set)?;
    let (name, matrix, labels) = match (&args.cosines, &args.labels) {
        (Some(cosines), Some(labels)) => {
            let matrix = array::read_real(cosines)?;
            if matrix.shape().len() != 2 {
                return Err(CliError::Input(format!(
                    "{}: an array of shape {:?}; cosines have two axes, (samples, classes)",
                    cosines.display(),
                    matrix.shape()
                )));
            }
            let read = array::read_labels(labels)?;
            if read.len() != matrix.shape()[0] {
                return Err(CliError::Input(format!(
                    "{} holds {} labels, but {} has {} rows: one label a row is wanted",
                    labels.display(),
                    read.len(),
                    cosines.display(),
                    matrix.shape()[0]
                )));
            }
            (cosines.display().to_string(), matrix, read)
        }
        _ => {
            let sample = glyphs::cosines()?;
            ("glyphs (shipped: 64 kanji × 16 typefaces)".to_owned(), Real::F32(sample.cosines), sample.labels)
        }
    };
    if matrix.shape()[1] == 1 {
        anstream::eprintln!(
            "warning: there is a single class, so there is nothing to tell apart: the loss of a softmax is 0"
        );
    }
    let mut vectors = Vec::new();
    for (name, path) in &args.inputs {
        let vector = array::read_real(path)?;
        if vector.shape().len() != 1 {
            return Err(CliError::Input(format!(
                "{}: an array of shape {:?}; the input `{name}` has one axis",
                path.display(),
                vector.shape()
            )));
        }
        vectors.push((name.clone(), vector));
    }
    debug_assert!(loss.graph.inputs.first().is_some_and(|i| i.axis == Axis::Matrix));
    Ok(Input { name, matrix, labels, vectors, settings })
}

impl Input {
    fn batch<S: Precision>(&self, loss: &Loss) -> Result<Batch<S>, CliError> {
        let classes = self.matrix.shape()[1];
        let vectors = self.vectors.iter().map(|(name, values)| (name.clone(), cast(values))).collect();
        let mut batch =
            Batch::new(loss, classes, cast(&self.matrix), &self.labels, vectors, self.settings.clone())?;
        if matches!(self.matrix, Real::F32(_)) {
            batch.resolution = <f32 as marlo::eval::Scalar>::RESOLUTION;
        }
        Ok(batch)
    }
}

fn cast<S: Precision>(values: &Real) -> Vec<S> {
    match values {
        Real::F32(array) => array.data.iter().map(|&v| S::from_f64(f64::from(v))).collect(),
        Real::F64(array) => array.data.iter().map(|&v| S::from_f64(v)).collect(),
    }
}
