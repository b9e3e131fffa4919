//! What a loss is evaluated on: arrays that a user names, rows that stand in the command line, or the sample that ships
//! with the program.

use std::path::{Path, PathBuf};

use marlo::backend::Precision;
use marlo::data::array::{self, Array, Real};
use marlo::data::glyphs;
use marlo::eval::{Batch, InputError, Scalar, SettingError, settings};
use marlo::graph::Param;
use marlo::kind::Kind;
use marlo::loss::Loss;
use marlo::sample;
use marlo::setting::{Moment, Setting};
use marlo::state::States;
use serde_json::{Map, Value};

use super::error::CliError;
use super::say;

/// The most entries of typed rows whose loss and gradient stand in a summary.
const SHOWN: usize = 64;

/// The arguments that choose the input and the hyperparameters.
#[derive(Debug, clap::Args)]
pub(crate) struct InputArgs {
    /// Cosines (or logits), (B, C), or (B, C, K) with K centres a class, float32 or float64
    #[arg(long, value_name = "C.npy", requires = "labels", visible_alias = "logits")]
    cosines: Option<PathBuf>,
    /// The class of each sample, (B,), int64
    #[arg(long, value_name = "Y.npy", requires = "cosines")]
    labels: Option<PathBuf>,
    /// Cosines (or logits) of a sample, in f64, instead of --cosines; again for each sample. With K centres a class those of
    /// the first class come first
    #[arg(long = "row", value_name = "C,C,..", value_parser = parse_numbers, allow_hyphen_values = true)]
    #[arg(requires = "row_labels", conflicts_with_all = ["cosines", "labels"])]
    rows: Vec<Vec<f64>>,
    /// The class of a --row
    #[arg(long = "label", value_name = "Y", requires = "rows", value_parser = parse_label, allow_negative_numbers = true)]
    row_labels: Vec<i64>,
    /// Set a hyperparameter, or a state: to a number, or to a schedule in `step`, as in s='ramp(16, 64, 10000)'
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    set: Vec<(String, Given)>,
    /// The number of steps made before, for schedules and draws [default: 0, or that of --state]
    #[arg(long, value_name = "N")]
    step: Option<u64>,
    /// The seed of inputs that are drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Give a further input that the loss declares, over samples or classes: a file or numbers, as in norm=0.5,2
    #[arg(long = "input", value_name = "NAME=F.npy", value_parser = parse_input)]
    inputs: Vec<(String, PathBuf)>,
}

impl InputArgs {
    /// Every file that is read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.cosines.iter().chain(&self.labels).chain(self.inputs.iter().map(|input| &input.1))
    }
}

/// A value that a user gives to a hyperparameter.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    /// The same at every step.
    Number(f64),
    /// Worked out at each step.
    Schedule(Setting),
}

impl Given {
    /// The value at a moment, of the hyperparameter of that name.
    fn at(&self, name: &str, moment: Moment) -> Result<f64, CliError> {
        match self {
            Given::Number(number) => Ok(*number),
            Given::Schedule(setting) => setting.at(moment, &|_| None).ok_or_else(|| {
                let (text, (first, last), step) = (&setting.text, setting.steps, moment.step);
                CliError::Input(format!(
                    "--set {name}={text}: it is for the steps {first} to {last}, and this is step {step}; `ramp` holds its ends"
                ))
            }),
        }
    }
}

fn parse_setting(text: &str) -> Result<(String, Given), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, as in s=64")?;
    let (name, value) = (name.trim().to_owned(), value.trim());
    if let Ok(number) = value.parse() {
        return Ok((name, Given::Number(number)));
    }
    // A default is where the language has schedules.
    let program = format!("loss given(value: Real = {value}) {{ value * logit[y] }}");
    let wrong = |message: &str| format!("`{value}` is neither a number nor a schedule: {message}");
    let compiled = marlo::compile(&program, &marlo::lang::Empty)
        .map_err(|found| wrong(found.first().map_or("it can't be read", |first| first.message.as_str())))?;
    match compiled.loss.graph.params.into_iter().next().map(|param| (param.default, param.setting)) {
        Some((Some(number), _)) => Ok((name, Given::Number(number))),
        Some((_, Some(setting))) => Ok((name, Given::Schedule(setting))),
        _ => Err(wrong("it has no value")),
    }
}

/// `0.3,-0.95`
fn parse_numbers(text: &str) -> Result<Vec<f64>, String> {
    let number = |part: &str| match part.trim() {
        "" => Err("expected numbers with a comma between two, as in 0.3,-0.95".to_owned()),
        part => part.parse().map_err(|_| format!("`{part}` is not a number")),
    };
    text.split(',').map(number).collect()
}

fn parse_label(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| "a class is a whole number, the first one 0".to_owned())
}

fn parse_input(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("expected NAME=FILE.npy, as in norm=norms.npy")?;
    Ok((name.trim().to_owned(), PathBuf::from(path)))
}

/// A matrix and a label of each of its rows.
struct Samples {
    name: String,
    labels_name: String,
    matrix: Real,
    labels: Vec<i64>,
}

impl Samples {
    fn of(args: &InputArgs) -> Result<Samples, CliError> {
        match (&args.cosines, &args.labels) {
            (Some(cosines), Some(labels)) => Samples::read(cosines, labels),
            _ if !args.rows.is_empty() => Samples::given(&args.rows, &args.row_labels),
            _ => {
                let sample = glyphs::cosines()?;
                let name = "glyphs (shipped: 64 kanji × 16 typefaces)".to_owned();
                let matrix = Real::F32(sample.cosines);
                Ok(Samples { labels_name: name.clone(), name, matrix, labels: sample.labels })
            }
        }
    }

    fn read(cosines: &Path, labels: &Path) -> Result<Samples, CliError> {
        let (name, labels_name) = (cosines.display().to_string(), labels.display().to_string());
        let matrix = array::read_real(cosines)?;
        let (&[rows, _] | &[rows, _, _]) = matrix.shape() else {
            return Err(CliError::Input(format!(
                "{name}: an array of shape {:?}; cosines have two axes, (samples, classes), or a third one, (.., centres)",
                matrix.shape()
            )));
        };
        let labels = array::read_labels(labels)?;
        if labels.len() != rows {
            return Err(CliError::Input(format!(
                "{labels_name} holds {} labels, but {name} has {rows} rows: one label a row is wanted",
                labels.len(),
            )));
        }
        Ok(Samples { name, labels_name, matrix, labels })
    }

    /// Those of the command line.
    fn given(rows: &[Vec<f64>], labels: &[i64]) -> Result<Samples, CliError> {
        if rows.len() != labels.len() {
            return Err(CliError::Usage(format!(
                "--row is given {} and --label {}: each row has a label",
                times(rows.len()),
                times(labels.len())
            )));
        }
        let classes = rows.first().map_or(0, Vec::len);
        if let Some((number, row)) = rows.iter().enumerate().find(|(_, row)| row.len() != classes) {
            return Err(CliError::Usage(format!(
                "row {number} has the length {}, but row 0 has {classes}: each --row holds one number a class",
                row.len()
            )));
        }
        let matrix = Real::F64(Array::new([rows.len(), classes], rows.concat())?);
        let (name, labels_name) = ("--row".into(), "--label".into());
        Ok(Samples { name, labels_name, matrix, labels: labels.to_vec() })
    }
}

fn times(number: usize) -> String {
    if number == 1 { "once".into() } else { format!("{number} times") }
}

/// A further input: a file, or else the numbers themselves.
fn vector(name: &str, given: &Path) -> Result<Real, CliError> {
    let numbers = parse_numbers(&given.to_string_lossy());
    let vector = match numbers {
        Ok(numbers) if !given.is_file() => Real::F64(Array::new([numbers.len()], numbers)?),
        // With a comma in it, it was hardly meant as a file.
        Err(wrong) if !given.exists() && given.to_string_lossy().contains(',') => {
            return Err(CliError::Usage(format!(
                "--input {name}={}: neither a file nor numbers: {wrong}",
                given.display()
            )));
        }
        _ => array::read_real(given)?,
    };
    if vector.shape().len() != 1 {
        return Err(CliError::Input(format!(
            "{}: an array of shape {:?}; the input `{name}` has one axis",
            given.display(),
            vector.shape()
        )));
    }
    Ok(vector)
}

/// Inputs as they were read, in their own precision.
#[derive(Clone)]
pub(crate) struct Input {
    name: String,
    /// The labels' file, where they come from one.
    labels_name: String,
    /// Do the rows stand in the command line?
    inline: bool,
    matrix: Real,
    labels: Vec<i64>,
    vectors: Vec<(String, Real)>,
    set: Vec<(String, Given)>,
    step: Option<u64>,
    seed: u64,
    /// Is it the sample that ships with the program? Then inputs that are not given have [stand-ins](marlo::sample).
    shipped: bool,
}

impl Input {
    /// Reads the arrays; a single class is warned of.
    pub(crate) fn read(args: &InputArgs) -> Result<Input, CliError> {
        let Samples { name, labels_name, matrix, labels } = Samples::of(args)?;
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
            vectors.push((name.clone(), vector(name, path)?));
        }
        let inline = !args.rows.is_empty();
        let shipped = !inline && args.cosines.is_none();
        let (set, step, seed) = (args.set.clone(), args.step, args.seed);
        Ok(Input { name, labels_name, inline, matrix, labels, vectors, set, step, seed, shipped })
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

    /// C, for a loss: a row of the command line holds all centres of a class, then those of the next.
    pub(crate) fn classes(&self, loss: &Loss) -> usize {
        let (width, centres) = (self.matrix.shape()[1], loss.graph.centres());
        if self.inline && width.is_multiple_of(centres) { width / centres } else { width }
    }

    /// The number of steps made before this one.
    pub(crate) fn step(&self) -> u64 {
        self.step.unwrap_or(0)
    }

    /// The same input with the states that an earlier step left; what was given by hand stays.
    pub(crate) fn with_states(self, states: &States) -> Input {
        let carried = states.values.iter().map(|(name, value)| (name.clone(), Given::Number(*value)));
        let set = carried.chain(self.set.iter().cloned()).collect();
        Input { set, step: self.step.or(Some(states.step)), ..self }
    }

    /// Says which inputs the shipped sample has no values of its own for.
    pub(crate) fn say_stand_ins(&self, loss: &Loss) {
        let given: Vec<String> = self.vectors.iter().map(|vector| vector.0.clone()).collect();
        let made = if self.shipped { sample::inputs(loss, &[], 1, &given) } else { Vec::new() };
        let names: Vec<String> = made.into_iter().map(|input| format!("`{}`", input.0)).collect();
        if !names.is_empty() {
            let names = names.join(", ");
            say(&format!(
                "note: the sample that ships with marlo has stand-ins for {names}; give your own with --input"
            ));
        }
    }

    /// The matrix for a loss, with [stand-ins](marlo::sample::with_centres) for further centres of the shipped sample.
    fn matrix<S: Precision>(&self, loss: &Loss) -> Result<Vec<S>, CliError> {
        let centres = loss.graph.centres();
        let found = self.matrix.shape().get(2).copied().unwrap_or(1);
        if found == centres || self.inline && self.matrix.shape()[1].is_multiple_of(centres) {
            return Ok(cast(&self.matrix));
        }
        if self.shipped {
            let matrix = sample::with_centres(cast::<f64>(&self.matrix), centres);
            return Ok(matrix.into_iter().map(S::from_f64).collect());
        }
        Err(CliError::Input(format!(
            "{}: an array of shape {:?}; `{}` has {centres} centres a class, so cosines are (samples, classes{})",
            self.name,
            self.matrix.shape(),
            loss.name,
            if centres == 1 { String::new() } else { format!(", {centres}") }
        )))
    }

    /// The further inputs for a loss: those that were given, stand-ins for the shipped sample, and those that are drawn.
    fn vectors<S: Precision>(&self, loss: &Loss) -> Vec<(String, Vec<S>)> {
        let mut vectors: Vec<(String, Vec<f64>)> =
            self.vectors.iter().map(|(name, values)| (name.clone(), cast(values))).collect();
        let (rows, classes) = (self.labels.len(), self.classes(loss));
        if self.shipped {
            let given: Vec<String> = vectors.iter().map(|vector| vector.0.clone()).collect();
            vectors.extend(sample::inputs(loss, &self.labels, classes, &given));
        }
        vectors.extend(sample::drawn(loss, (rows, classes), self.seed, self.step(), &vectors));
        let narrow = |values: Vec<f64>| values.into_iter().map(S::from_f64).collect();
        vectors.into_iter().map(|(name, values)| (name, narrow(values))).collect()
    }

    /// The checked batch for a loss, in a precision.
    pub(crate) fn batch<S: Precision>(&self, loss: &Loss) -> Result<Batch<S>, CliError> {
        let classes = self.classes(loss);
        let moment = Moment { step: self.step(), classes };
        let set = self.set.iter().map(|(name, given)| Ok((name.clone(), given.at(name, moment)?)));
        let set = set.collect::<Result<Vec<_>, CliError>>()?;
        let settings = settings(loss, &set, moment).map_err(|error| self.explain(loss, &error))?;
        let matrix = self.matrix(loss)?;
        let made = Batch::new(loss, classes, matrix, &self.labels, self.vectors(loss), settings);
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

    /// A wrong setting, and what may have been meant.
    fn explain(&self, loss: &Loss, error: &SettingError) -> CliError {
        let kind =
            |name: &str| loss.graph.params.iter().find(|param| param.name == name).map(|param| param.kind);
        CliError::Input(match error {
            SettingError::Missing { name } if self.vectors.iter().any(|vector| vector.0 == *name) => format!(
                "{error}; it is one number; for one value a sample declare `{name}[i]: {}`",
                kind(name).map_or("Real", Kind::name)
            ),
            SettingError::Unknown { name, .. } if name == "centres" && loss.graph.centres() > 1 => {
                let wanted = self.set.iter().find_map(|(name, given)| match given {
                    Given::Number(number) if name == "centres" => Some(*number),
                    _ => None,
                });
                format!(
                    "the number of centres is fixed while compiling: write `centres: Count = {}` in a file of your own",
                    wanted.unwrap_or(2.0)
                )
            }
            _ => error.to_string(),
        })
    }

    /// What was evaluated on what: the start of a summary.
    pub(crate) fn summary<S: Precision>(&self, loss: &Loss, batch: &Batch<S>) -> Map<String, Value> {
        let params = loss.graph.params.iter().zip(&batch.params);
        let settings: Map<String, Value> =
            params.map(|(param, value)| (param.name.clone(), (*value).into())).collect();
        let mut summary = Map::from_iter([
            ("loss".into(), loss.name.clone().into()),
            ("input".into(), self.name.clone().into()),
            ("samples".into(), batch.rows.into()),
            ("classes".into(), batch.classes.into()),
            ("settings".into(), settings.into()),
        ]);
        let given = |name: &str| self.vectors.iter().any(|vector| vector.0 == name);
        let drawn = loss.graph.inputs.iter().any(|input| input.drawn.is_some() && !given(&input.name));
        let schedule = |given: &Given| matches!(given, Given::Schedule(setting) if setting.is_schedule());
        let set = |name: &str| self.set.iter().find(|set| set.0 == name).map(|set| schedule(&set.1));
        let own = |param: &Param| param.setting.as_ref().is_some_and(Setting::is_schedule);
        let scheduled = loss.graph.params.iter().any(|param| set(&param.name).unwrap_or(own(param)));
        if drawn || scheduled || self.step.is_some() {
            summary.insert("step".into(), self.step().into());
        }
        if drawn {
            summary.insert("seed".into(), self.seed.into());
        }
        summary
    }

    /// Is it so little that whoever typed it wants to see every number of the result?
    pub(crate) fn is_typed(&self) -> bool {
        self.inline && self.matrix.shape().iter().product::<usize>() <= SHOWN
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
