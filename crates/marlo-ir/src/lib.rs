//! The intermediate representation of marlo: a loss as a **typed graph** with its **derivative as a formula**, a
//! **schedule** that every fused backend shares, and a **reference evaluator** that is the meaning of a program.
//!
//! Data flows one way. A front end calls the checked [`build::Builder`] (or [`typed`], where the Rust compiler does the
//! checking) and gets a [`loss::Loss`]; [`loss::Loss::gradient`] brings it into [normal form](simplify) and
//! [differentiates](derivative) it; [`formula`] prints it; [`schedule`] orders it into sweeps over classes; [`eval`] runs it.
//!
//! ```
//! use marlo_ir::formula::{self, Style};
//! use marlo_ir::typed::{self, kinds};
//!
//! let loss = typed::define("cosface", |l| {
//!     let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
//!     let m = l.param::<kinds::Cosine>("m", 0.35, 0.0..=1.0);
//!     typed::ce(typed::softmax(s * (l.cos_target() - m), s * l.cos_other()))
//! });
//! let gradient = formula::gradient(&loss, Style::Text);
//! assert!(gradient.contains("∂L/∂cos θ_k = s·p_k"), "{gradient}");
//! ```
//!
//! What it refuses to be for: it reads no text (that is `marlo-lang`), knows no loss by name and no backend at all.

pub mod build;
pub mod derivative;
pub mod eval;
pub mod formula;
pub mod graph;
pub mod kind;
pub mod loss;
pub mod op;
pub mod schedule;
pub mod setting;
pub mod shape;
pub mod simplify;
pub mod typed;
