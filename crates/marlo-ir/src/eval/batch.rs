//! A batch of inputs, checked once for every backend.

use super::Scalar;
use crate::graph::{Axis, Input};
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
    /// A further input out of its range.
    #[error("`{name}` is {value} at index {index}, but {range}")]
    Range {
        /// The array.
        name: String,
        /// The index.
        index: usize,
        /// The value.
        value: f64,
        /// What its range is, in words.
        range: String,
    },
    /// A further input that does not add up to what the loss declares.
    #[error(
        "the values of `{name}` add up to {found}, but the loss needs {wanted}: divide them by their sum"
    )]
    Sum {
        /// The array.
        name: String,
        /// What they add up to.
        found: f64,
        /// What they must add up to.
        wanted: f64,
    },
    /// An input that is drawn, where there is no seed to draw it with.
    #[error("the input `{name}` is drawn anew for each batch: give a seed, or its values")]
    NotDrawn {
        /// Its name.
        name: String,
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

pub(super) fn listed(names: &[String]) -> String {
    if names.is_empty() { "; it has none".into() } else { format!("; it has {}", names.join(", ")) }
}

/// Checked inputs of one evaluation.
#[derive(Clone, Debug)]
pub struct Batch<S> {
    /// B.
    pub rows: usize,
    /// C.
    pub classes: usize,
    /// The cosines or logits, (B, C), row by row; with several centres a class those of the first centre.
    pub matrix: Vec<S>,
    /// The class of each row.
    pub labels: Vec<usize>,
    /// The further inputs in the order of [`crate::graph::Graph::inputs`], without the first: the matrices (B, C) of further
    /// centres, then vectors.
    pub vectors: Vec<Vec<S>>,
    /// The hyperparameters in the order of the header.
    pub params: Vec<f64>,
    /// How close a cosine can come to ±1 without being ±1; see [`Scalar::RESOLUTION`].
    pub resolution: f64,
}

impl<S: Scalar> Batch<S> {
    /// Checks inputs against the loss: the matrix (B, C), or (B, C, K) for one with K centres a class, the labels, and the
    /// further inputs by name. A cosine that rounding put past ±1 becomes ±1.
    ///
    /// # Errors
    /// When the batch is empty, an array has the wrong length, a label is no class, a value is not finite, a cosine lies
    /// beyond ±(1 + [`OVERSHOOT`]), or a further input is missing, out of its range or does not have its sum.
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
        let centres = loss.graph.centres();
        check_matrix(&inputs[0].name, &mut matrix, (rows, classes, centres))?;
        for (row, &label) in labels.iter().enumerate() {
            if label < 0 || label as usize >= classes {
                return Err(InputError::Label { row, label, classes });
            }
        }
        let mut slabs = super::slabs(&matrix, centres).into_iter();
        let matrix = slabs.next().unwrap_or_default();
        let mut ordered = Vec::new();
        for input in &inputs[1..] {
            if input.axis == Axis::Matrix {
                ordered.extend(slabs.next());
                continue;
            }
            let Some(at) = vectors.iter().position(|v| v.0 == input.name) else {
                let (name, axis) = (input.name.clone(), axis_in_words(input.axis));
                return Err(match input.drawn {
                    Some(_) => InputError::NotDrawn { name },
                    None => InputError::Missing { name, axis },
                });
            };
            let values = vectors.swap_remove(at).1;
            check_vector(input, &values, (rows, classes))?;
            ordered.push(values);
        }
        if let Some((name, _)) = vectors.into_iter().next() {
            let known =
                inputs[1..].iter().filter(|i| i.axis != Axis::Matrix).map(|i| i.name.clone()).collect();
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

fn check_matrix<S: Scalar>(
    name: &str,
    matrix: &mut [S],
    (rows, classes, centres): (usize, usize, usize),
) -> Result<(), InputError> {
    let why = if centres == 1 { "labels × classes" } else { "labels × classes × centres" };
    length(name, matrix.len(), rows * classes * centres, why)?;
    let cosines = name == "cos";
    for (at, cell) in matrix.iter_mut().enumerate() {
        let value = cell.to_f64();
        let (row, class) = (at / centres / classes, at / centres % classes);
        if !value.is_finite() {
            let place = format!("row {row}, class {class}");
            return Err(InputError::NotFinite { name: name.to_owned(), place, value });
        }
        if cosines && value.abs() > 1.0 + OVERSHOOT {
            return Err(InputError::NotACosine { row, class, value });
        }
        if cosines && *cell > S::one() {
            *cell = S::one();
        } else if cosines && *cell < -S::one() {
            *cell = -S::one();
        }
    }
    Ok(())
}

fn axis_in_words(axis: Axis) -> &'static str {
    if axis == Axis::Rows { "one value a sample" } else { "one value a class" }
}

fn check_vector<S: Scalar>(
    input: &Input,
    values: &[S],
    (rows, classes): (usize, usize),
) -> Result<(), InputError> {
    let name = || input.name.clone();
    let (wanted, why) =
        if input.axis == Axis::Rows { (rows, "one a sample") } else { (classes, "one a class") };
    length(&input.name, values.len(), wanted, why)?;
    if let Some(at) = values.iter().position(|v| !v.to_f64().is_finite()) {
        let value = values[at].to_f64();
        return Err(InputError::NotFinite { name: name(), place: format!("index {at}"), value });
    }
    // An f32 may stand an ulp outside of a bound that it can't hold.
    let slack = |bound: f64| bound.abs() * 1e-6;
    let (low, high) = (input.low - slack(input.low), input.high + slack(input.high));
    let out = |v: &S| !(low..=high).contains(&v.to_f64());
    if let Some(index) = values.iter().position(out) {
        let value = values[index].to_f64();
        return Err(InputError::Range { name: name(), index, value, range: range_in_words(input) });
    }
    if let Some(wanted) = input.sum {
        let found: f64 = values.iter().map(|v| v.to_f64()).sum();
        if (found - wanted).abs() > 1e-5 * wanted.abs().max(1.0) {
            return Err(InputError::Sum { name: name(), found, wanted });
        }
    }
    Ok(())
}

fn range_in_words(input: &Input) -> String {
    let (low, high) = (input.low, input.high);
    let words = match (low.is_finite(), high.is_finite()) {
        (true, true) => format!("between {low} and {high}"),
        (true, false) => format!("at least {low}"),
        _ => format!("at most {high}"),
    };
    match input.kind.range() == (low, high) {
        true => format!("a {} is {words}", input.kind),
        false => format!("it must be {words}"),
    }
}

fn length(name: &str, found: usize, wanted: usize, why: &'static str) -> Result<(), InputError> {
    if found == wanted {
        return Ok(());
    }
    Err(InputError::Length { name: name.to_owned(), found, wanted, why })
}
