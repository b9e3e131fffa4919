//! Ranges: what a value can be, for every input and hyperparameter in a box and for any number of classes.
//!
//! A [`Model`] encloses each node of a graph by an [`Interval`](crate::interval::Interval). Four views of the batch stand
//! side by side: one sample and one of its other classes in focus, whose inputs are the box; that sample's other classes,
//! of which only the declared range is known; another sample; and the other classes of that one. A reduction over n classes
//! of values in [a, b] lies in [a, b + ln n] (ln Σ exp), [a, b] (max) or n·[a, b] (Σ), for every n from 1 to
//! [`CLASSES`], so nothing is tested at some number of classes. See docs/verification.md for the argument.
//!
//! [`search`] splits boxes until a claim holds on each.

mod fact;
mod model;
mod raise;
pub mod search;
mod shape;
mod transfer;

pub(crate) use model::written_out;
pub use model::{Bounds, Leaf, Model, Value};

/// The most classes, and the most samples, that a proof covers: 2³².
pub const CLASSES: f64 = 4_294_967_296.0;
/// The size up to which raw logits and inputs without a range are considered. It is the size of the guard of an empty LSE.
pub const FAR: f64 = 1e30;
