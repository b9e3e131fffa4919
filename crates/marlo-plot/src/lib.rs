//! **marlo-plot** draws a loss: the target logit as in ArcFace's paper, the other classes' logits with the border of a
//! mask, loss and gradient as surfaces, decision boundaries, and how samples are weighted.
//!
//! [`plot`] asks the losses and gives a [`Plot`], which is plain data; [`Plot::svg`] and [`Plot::png`] draw it.
//!
//! ```
//! use marlo_ir::typed::{self, kinds};
//! use marlo_plot::{Options, Subject, Theme, plot};
//!
//! let loss = typed::define("cosface", |l| {
//!     let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
//!     let m = l.param::<kinds::Cosine>("m", 0.35, 0.0..=1.0);
//!     typed::ce(typed::softmax(s * (l.cos_target() - m), s * l.cos_other()))
//! });
//! let figure = plot(&[Subject { loss, set: vec![] }], &Options::default())?;
//! assert!(figure.svg(Theme::Auto).starts_with("<svg"));
//! # Ok::<(), marlo_plot::PlotError>(())
//! ```
//!
//! What it refuses to be for: it knows no loss by name, writes no files, and compares no backends.

mod contour;
mod draw;
mod figure;
mod font;
mod label;
mod probe;
mod scale;
mod svg;
mod theme;
mod trace;

use marlo_ir::eval::{InputError, SettingError};
use marlo_ir::loss::Loss;

pub use figure::plot;
pub use label::Label;
pub use scale::{Axis, Unit};
pub use theme::Theme;

/// What is drawn.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Figure {
    /// The target logit against the angle to the sample's class.
    #[default]
    Target,
    /// Another class's logit against the angle to it.
    Other,
    /// The loss over both angles.
    Loss,
    /// The size of the derivative by the target's cosine, and the derivative by another's, over both angles.
    Gradient,
    /// Where two classes are told apart, and the margin between them.
    Boundary,
    /// The gradient by the target logit, relative to that of the plain cross entropy.
    Weight,
}

/// A loss with values for some of its hyperparameters; the rest has its defaults.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The loss.
    pub loss: Loss,
    /// Names and values of hyperparameters.
    pub set: Vec<(String, f64)>,
}

/// How a figure is drawn.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is drawn.
    pub figure: Figure,
    /// The unit of the axes.
    pub unit: Unit,
    /// The part of the axes that is drawn, in their unit; all of them where none is given.
    pub range: Option<(f64, f64)>,
    /// The angle that is held, in degrees: θ_y in [`Figure::Other`] (60 where none is given), θ_k in [`Figure::Target`] and
    /// [`Figure::Weight`] (90).
    pub at: Option<f64>,
    /// The number of classes; those beyond two stand at a right angle to the sample.
    pub classes: usize,
    /// Are logits left as they are, and not divided by the scale?
    pub logits: bool,
    /// What a cosine is multiplied with to make the logit that a loss over raw logits reads.
    pub logit_scale: f64,
    /// Values of further inputs, one for all samples or classes.
    pub inputs: Vec<(String, f64)>,
    /// The title, in place of the figure's own.
    pub title: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            figure: Figure::Target,
            unit: Unit::Degrees,
            range: None,
            at: None,
            classes: 2,
            logits: false,
            logit_scale: 64.0,
            inputs: Vec::new(),
            title: None,
        }
    }
}

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlotError {
    /// Hyperparameters that don't fit a loss.
    #[error("{loss}: {source}")]
    Setting {
        /// The loss.
        loss: String,
        /// What is wrong.
        source: SettingError,
    },
    /// Inputs that don't fit a loss.
    #[error("{loss}: {source}")]
    Input {
        /// The loss.
        loss: String,
        /// What is wrong.
        source: InputError,
    },
    /// No loss at all.
    #[error("there is no loss to draw")]
    Nothing,
    /// An input that none of the losses declares.
    #[error("none of these losses has an input `{name}`")]
    UnknownInput {
        /// Its name.
        name: String,
    },
    /// A number of an option that is out of its range.
    #[error("{what} is {value}, but it lies between {low} and {high}")]
    Option {
        /// The option, in words.
        what: &'static str,
        /// The value given.
        value: f64,
        /// The smallest allowed.
        low: f64,
        /// The largest allowed.
        high: f64,
    },
    /// A range of the axes that goes nowhere.
    #[error("the axis would run from {low} to {high}: the first must be the smaller one")]
    EmptyRange {
        /// Where it would begin.
        low: f64,
        /// Where it would end.
        high: f64,
    },
    /// A loss without one finite value in the figure.
    #[error("`{loss}` is not finite anywhere in this figure")]
    NotFinite {
        /// The loss.
        loss: String,
    },
    /// A picture that can't be made from the drawing.
    #[error("the figure cannot be made a PNG: {0}")]
    Png(String),
}

/// A figure as data.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Its title.
    pub title: Label,
    /// What stands below it: what was held, and what was taken for inputs that nobody gave.
    pub notes: Vec<Label>,
    /// What is drawn.
    pub content: Content,
}

/// What a figure shows.
#[derive(Clone, Debug)]
pub enum Content {
    /// Lines over two axes.
    Chart(Chart),
    /// Surfaces side by side: a row of panels with one colour scale each.
    Surfaces(Vec<Strip>),
}

/// Lines over two axes.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The axis from left to right.
    pub x: Axis,
    /// The axis from bottom to top.
    pub y: Axis,
    /// Both axes mean the same, and are drawn alike.
    pub square: bool,
    /// One a loss.
    pub curves: Vec<Curve>,
}

/// What is drawn for one loss.
#[derive(Clone, Debug)]
pub struct Curve {
    /// The loss.
    pub name: String,
    /// Its hyperparameters, and what else is to be said of it.
    pub detail: Label,
    /// The curve, broken where it jumps.
    pub pieces: Vec<Vec<(f64, f64)>>,
    /// Where, on the axis from left to right, a mask switches.
    pub borders: Vec<f64>,
    /// Outlines of a region that is shaded.
    pub region: Vec<Vec<(f64, f64)>>,
}

/// Surfaces that share a colour scale.
#[derive(Clone, Debug)]
pub struct Strip {
    /// What the colours mean.
    pub label: Label,
    /// The borders between two colours, from low to high.
    pub levels: Vec<f64>,
    /// Do values go on beyond the next border above?
    pub goes_on: bool,
    /// The surfaces.
    pub panels: Vec<Panel>,
}

/// A surface over two axes.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The loss.
    pub name: String,
    /// Its hyperparameters.
    pub detail: Label,
    /// The axis from left to right.
    pub x: Axis,
    /// The axis from bottom to top.
    pub y: Axis,
    /// The values on an even grid over both axes.
    pub field: Field,
}

/// Values on a grid, row by row from the bottom.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The number of columns and of rows; both at least 2.
    pub size: (usize, usize),
    /// The values.
    pub values: Vec<f64>,
}
