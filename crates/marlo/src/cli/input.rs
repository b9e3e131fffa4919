//! What a loss is evaluated on: arrays that a user names, or the sample that ships with the program.

use std::path::PathBuf;

use marlo::backend::Precision;
use marlo::data::array::{self, Real};
use marlo::data::glyphs;
use marlo::eval::{Batch, InputError, Scalar, settings};
use marlo::loss::Loss;
use serde_json::{Map, Value};

use super::error::CliError;
use super::say;

/// The arguments that choose the input and the hyperparameters.
#[derive(Debug, clap::Args)]
pub(crate) struct InputArgs {
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

impl InputArgs {
    /// Every file that is read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.cosines.iter().chain(&self.labels).chain(self.inputs.iter().map(|input| &input.1))
    }
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

/// Inputs as they were read, in their own precision.
#[derive(Clone)]
pub(crate) struct Input {
    name: String,
    /// The labels' file, where they come from one.
    labels_name: String,
    matrix: Real,
    labels: Vec<i64>,
    vectors: Vec<(String, Real)>,
    set: Vec<(String, f64)>,
}

impl Input {
    /// Reads the arrays; a single class is warned of.
    pub(crate) fn read(args: &InputArgs) -> Result<Input, CliError> {
        let (name, labels_name, matrix, labels) = match (&args.cosines, &args.labels) {
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
                (cosines.display().to_string(), labels.display().to_string(), matrix, read)
            }
            _ => {
                let sample = glyphs::cosines()?;
                let name = "glyphs (shipped: 64 kanji × 16 typefaces)".to_owned();
                (name.clone(), name, Real::F32(sample.cosines), sample.labels)
            }
        };
        if matrix.shape()[1] == 1 {
            say(
                "warning: there is a single class, so there is nothing to tell apart: the loss of a softmax is 0",
            );
        }
        let twice = |names: Vec<&String>, what: &str| match names
            .iter()
            .enumerate()
            .find(|(at, name)| names[..*at].contains(name))
        {
            Some((_, name)) => Err(CliError::Usage(format!("{what} `{name}` is given twice"))),
            None => Ok(()),
        };
        twice(args.set.iter().map(|set| &set.0).collect(), "the hyperparameter")?;
        twice(args.inputs.iter().map(|input| &input.0).collect(), "the input")?;
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
        Ok(Input { name, labels_name, matrix, labels, vectors, set: args.set.clone() })
    }

    /// Do the cosines come in double precision?
    pub(crate) fn is_f64(&self) -> bool {
        matches!(self.matrix, Real::F64(_))
    }

    /// The same input for a loss among several: hyperparameters that this one has not are left out.
    pub(crate) fn of_many(&self, losses: &[Loss]) -> Result<impl Fn(&Loss) -> Input + '_, CliError> {
        let has = |loss: &Loss, name: &String| loss.graph.params.iter().any(|param| param.name == *name);
        if let Some((name, _)) = self.set.iter().find(|(name, _)| !losses.iter().any(|loss| has(loss, name)))
        {
            return Err(CliError::Input(format!("none of these losses has a hyperparameter `{name}`")));
        }
        Ok(move |loss: &Loss| {
            let set = self.set.iter().filter(|(name, _)| has(loss, name)).cloned().collect();
            Input { set, ..self.clone() }
        })
    }

    /// The checked batch for a loss, in a precision.
    pub(crate) fn batch<S: Precision>(&self, loss: &Loss) -> Result<Batch<S>, CliError> {
        let settings = settings(loss, &self.set)?;
        let classes = self.matrix.shape()[1];
        let vectors = self.vectors.iter().map(|(name, values)| (name.clone(), cast(values))).collect();
        let made = Batch::new(loss, classes, cast(&self.matrix), &self.labels, vectors, settings);
        let mut batch = made.map_err(|error| {
            let file = match &error {
                InputError::Label { .. } => format!("{}: ", self.labels_name),
                InputError::NotFinite { name, .. } if *name != loss.graph.inputs[0].name => String::new(),
                InputError::Empty { .. } | InputError::NotFinite { .. } | InputError::NotACosine { .. } => {
                    format!("{}: ", self.name)
                }
                _ => String::new(),
            };
            CliError::Input(format!("{file}{error}"))
        })?;
        if !self.is_f64() {
            batch.resolution = <f32 as Scalar>::RESOLUTION;
        }
        Ok(batch)
    }

    /// What was evaluated on what: the start of a summary.
    pub(crate) fn summary<S: Precision>(&self, loss: &Loss, batch: &Batch<S>) -> Map<String, Value> {
        let params = loss.graph.params.iter().zip(&batch.params);
        let settings: Map<String, Value> =
            params.map(|(param, value)| (param.name.clone(), (*value).into())).collect();
        Map::from_iter([
            ("loss".into(), loss.name.clone().into()),
            ("input".into(), self.name.clone().into()),
            ("samples".into(), batch.rows.into()),
            ("classes".into(), batch.classes.into()),
            ("settings".into(), settings.into()),
        ])
    }

    /// The name of the input and its sizes, in words.
    pub(crate) fn describe(&self) -> String {
        format!("{}: {} samples, {} classes", self.name, self.matrix.shape()[0], self.matrix.shape()[1])
    }
}

fn cast<S: Precision>(values: &Real) -> Vec<S> {
    match values {
        Real::F32(array) => array.data.iter().map(|&v| S::from_f64(f64::from(v))).collect(),
        Real::F64(array) => array.data.iter().map(|&v| S::from_f64(v)).collect(),
    }
}
