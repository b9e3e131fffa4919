//! A batch of inputs, checked once for every backend.

use super::Scalar;
use crate::graph::Axis;
use crate::kind::Kind;
use crate::loss::Loss;

/// How far rounding may have pushed a cosine past ±1; such a cosine counts as ±1.
pub const OVERSHOOT: f64 = 1e-6;

/// Inputs that don't fit a loss.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InputError {
    /// No rows, or no classes.
    #[error("the batch is empty: {rows} rows and {classes} classes; give at least one of each")]
    Empty {
        /// Rows found.
        rows: usize,
        /// Classes found.
        classes: usize,
    },
    /// An array of the wrong length.
    #[error("`{name}` holds {found} values, but {wanted} are wanted ({why})")]
    Length {
        /// The array.
        name: String,
        /// Values found.
        found: usize,
        /// Values wanted.
        wanted: usize,
        /// Where that number comes from.
        why: &'static str,
    },
    /// A label that is no class.
    #[error("the label of row {row} is {label}, but the {classes} classes are numbered from 0 to {last}", last = .classes - 1)]
    Label {
        /// The row.
        row: usize,
        /// Its label.
        label: i64,
        /// The number of classes.
        classes: usize,
    },
    /// NaN or an infinity.
    #[error("`{name}` is {value} at {place}: every input must be finite")]
    NotFinite {
        /// The array.
        name: String,
        /// Where, in words.
        place: String,
        /// The value.
        value: f64,
    },
    /// A further input out of the range of its kind.
    #[error("`{name}` is {value} at index {index}: a {kind} is {range}")]
    Range {
        /// The array.
        name: String,
        /// The index.
        index: usize,
        /// The value.
        value: f64,
        /// What it means.
        kind: Kind,
        /// The range of that kind, in words.
        range: &'static str,
    },
    /// A number that is no cosine.
    #[error(
        "`cos` is {value} at row {row}, class {class}: a cosine lies in [-1, 1] (up to {OVERSHOOT:e} of rounding); \
         normalise the embeddings and class weights, or use a loss over raw logits such as `softmax`"
    )]
    NotACosine {
        /// The row.
        row: usize,
        /// The class.
        class: usize,
        /// The value.
        value: f64,
    },
    /// An input that the loss declares and that was not given.
    #[error("the loss needs the input `{name}` ({axis}): give it with --input {name}=FILE.npy")]
    Missing {
        /// Its name.
        name: String,
        /// What it varies with, in words.
        axis: &'static str,
    },
    /// An input that was given and that the loss does not declare.
    #[error("the loss has no input `{name}`{}", listed(.known))]
    Unknown {
        /// Its name.
        name: String,
        /// The inputs that it has.
        known: Vec<String>,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "; it has none".into() } else { format!("; it has {}", names.join(", ")) }
}

/// Hyperparameters that don't fit a loss.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingError {
    /// A name that the loss has not.
    #[error("`{loss}` has no hyperparameter `{name}`{}", listed(.known))]
    Unknown {
        /// The loss.
        loss: String,
        /// The name given.
        name: String,
        /// The names that it has.
        known: Vec<String>,
    },
    /// A value out of its range.
    #[error("`{name}` is {value}, but its range is {low} to {high}")]
    Range {
        /// The hyperparameter.
        name: String,
        /// The value given.
        value: f64,
        /// The smallest allowed.
        low: f64,
        /// The largest allowed.
        high: f64,
    },
    /// No default and no value.
    #[error("`{name}` has no default: give it with --set {name}=VALUE")]
    Missing {
        /// The hyperparameter.
        name: String,
    },
}

/// The value of each hyperparameter: the given ones over the defaults, in the order of the header.
///
/// # Errors
/// When a name is unknown, a value is out of range or not a number, or a hyperparameter has neither value nor default.
pub fn settings(loss: &Loss, given: &[(String, f64)]) -> Result<Vec<f64>, SettingError> {
    let params = &loss.graph.params;
    if let Some((name, _)) = given.iter().find(|(name, _)| params.iter().all(|p| p.name != *name)) {
        let known = params.iter().map(|p| p.name.clone()).collect();
        return Err(SettingError::Unknown { loss: loss.name.clone(), name: name.clone(), known });
    }
    let mut values = Vec::with_capacity(params.len());
    for param in params {
        let set = given.iter().rev().find(|(name, _)| *name == param.name).map(|g| g.1);
        let Some(value) = set.or(param.default) else {
            return Err(SettingError::Missing { name: param.name.clone() });
        };
        if !(param.low..=param.high).contains(&value) {
            return Err(SettingError::Range {
                name: param.name.clone(),
                value,
                low: param.low,
                high: param.high,
            });
        }
        values.push(value);
    }
    Ok(values)
}

/// Checked inputs of one evaluation.
#[derive(Clone, Debug)]
pub struct Batch<S> {
    /// B.
    pub rows: usize,
    /// C.
    pub classes: usize,
    /// The cosines or logits, (B, C), row by row.
    pub matrix: Vec<S>,
    /// The class of each row.
    pub labels: Vec<usize>,
    /// The further inputs in the order of [`crate::graph::Graph::inputs`], without the matrix.
    pub vectors: Vec<Vec<S>>,
    /// The hyperparameters in the order of the header.
    pub params: Vec<f64>,
    /// How close a cosine can come to ±1 without being ±1; see [`Scalar::RESOLUTION`].
    pub resolution: f64,
}

impl<S: Scalar> Batch<S> {
    /// Checks inputs against the loss. A cosine that rounding put past ±1 becomes ±1.
    ///
    /// # Errors
    /// When the batch is empty, an array has the wrong length, a label is no class, a value is not finite, or a cosine
    /// lies beyond ±(1 + [`OVERSHOOT`]).
    pub fn new(
        loss: &Loss,
        classes: usize,
        matrix: Vec<S>,
        labels: &[i64],
        mut vectors: Vec<(String, Vec<S>)>,
        params: Vec<f64>,
    ) -> Result<Self, InputError> {
        let mut matrix = matrix;
        let rows = labels.len();
        if rows == 0 || classes == 0 {
            return Err(InputError::Empty { rows, classes });
        }
        let inputs = &loss.graph.inputs;
        let name = inputs[0].name.clone();
        length(&name, matrix.len(), rows * classes, "labels × classes")?;
        for (at, value) in matrix.iter().map(|v| v.to_f64()).enumerate() {
            let (row, class) = (at / classes, at % classes);
            if !value.is_finite() {
                return Err(InputError::NotFinite {
                    name,
                    place: format!("row {row}, class {class}"),
                    value,
                });
            }
            if name == "cos" && value.abs() > 1.0 + OVERSHOOT {
                return Err(InputError::NotACosine { row, class, value });
            }
        }
        if name == "cos" {
            let end = |c: S| {
                if c > S::one() {
                    S::one()
                } else if c < -S::one() {
                    -S::one()
                } else {
                    c
                }
            };
            matrix.iter_mut().for_each(|c| *c = end(*c));
        }
        for (row, &label) in labels.iter().enumerate() {
            if label < 0 || label as usize >= classes {
                return Err(InputError::Label { row, label, classes });
            }
        }
        let mut ordered = Vec::new();
        for input in &inputs[1..] {
            let (axis, wanted, why) = match input.axis {
                Axis::Rows => ("one value a sample", rows, "one a sample"),
                _ => ("one value a class", classes, "one a class"),
            };
            let Some(at) = vectors.iter().position(|v| v.0 == input.name) else {
                return Err(InputError::Missing { name: input.name.clone(), axis });
            };
            let (name, values) = vectors.swap_remove(at);
            length(&name, values.len(), wanted, why)?;
            if let Some(at) = values.iter().position(|v| !v.to_f64().is_finite()) {
                let value = values[at].to_f64();
                return Err(InputError::NotFinite { name, place: format!("index {at}"), value });
            }
            let (low, high, range) = match input.kind {
                Kind::Prob => (0.0, 1.0, "between 0 and 1"),
                Kind::Norm | Kind::Scale => (0.0, f64::INFINITY, "at least 0"),
                _ => (f64::NEG_INFINITY, f64::INFINITY, ""),
            };
            let out = |v: &S| !(low..=high).contains(&v.to_f64());
            if let Some(index) = values.iter().position(out) {
                let value = values[index].to_f64();
                return Err(InputError::Range { name, index, value, kind: input.kind, range });
            }
            ordered.push(values);
        }
        if let Some((name, _)) = vectors.into_iter().next() {
            let known = inputs[1..].iter().map(|i| i.name.clone()).collect();
            return Err(InputError::Unknown { name, known });
        }
        let labels = labels.iter().map(|&l| l as usize).collect();
        Ok(Batch { rows, classes, matrix, labels, vectors: ordered, params, resolution: S::RESOLUTION })
    }

    /// The same batch in another precision; the resolution of its cosines stays what it was.
    pub fn convert<T: Scalar>(&self) -> Batch<T> {
        let convert = |values: &[S]| values.iter().map(|v| T::from_f64(v.to_f64())).collect::<Vec<T>>();
        Batch {
            rows: self.rows,
            classes: self.classes,
            matrix: convert(&self.matrix),
            labels: self.labels.clone(),
            vectors: self.vectors.iter().map(|v| convert(v)).collect(),
            params: self.params.clone(),
            resolution: self.resolution,
        }
    }
}

fn length(name: &str, found: usize, wanted: usize, why: &'static str) -> Result<(), InputError> {
    if found == wanted {
        return Ok(());
    }
    Err(InputError::Length { name: name.to_owned(), found, wanted, why })
}
