//! **marlo**: a compiler for classification losses of the softmax family. A loss is written once, in a few lines that
//! read like the paper; marlo types it, derives its gradient as a formula, and runs it on several backends that are
//! held to one reference.
//!
//! ```
//! use marlo::{Backend, eval::Batch, formula::{self, Style}};
//!
//! // A shipped loss, or one's own text with `marlo::compile`.
//! let loss = marlo::specs::compile("mv_arc_adaptive").unwrap().loss;
//! assert!(formula::gradient(&loss, Style::Text).contains("∂L/∂cos θ_k = s·p_k·(1 + t·I_k)"));
//!
//! // Two samples, three classes.
//! let cosines = vec![0.8, 0.1, -0.2, 0.3, 0.5, 0.4];
//! let settings = marlo::eval::settings(&loss, &[("s".into(), 64.0)], marlo::setting::Moment::start(3)).unwrap();
//! let batch = Batch::new(&loss, 3, cosines, &[0, 1], vec![], settings).unwrap();
//! let outcome = Backend::Reference.run(&loss, &batch).unwrap();
//! assert_eq!(outcome.gradient.len(), 6);
//! ```
//!
//! The crate re-exports the compiler's parts, ships the specs, and puts one door before the backends. It refuses to
//! know a loss by name: ArcFace is a file.

/// The README's Rust runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

pub mod agree;
pub mod backend;
pub mod bench;
pub mod native;
pub mod recognition;
pub mod sample;
pub mod state;
pub mod verify;

pub use backend::{Backend, Outcome};
pub use marlo_data as data;
pub use marlo_dfdx as dfdx;
pub use marlo_ir::{build, eval, formula, graph, kind, loss, op, schedule, setting, shape, typed};
pub use marlo_judge as judging;
pub use marlo_lang::{self as lang, compile};
pub use marlo_specs as specs;
pub use marlo_train as train;
pub use marlo_wgsl as wgsl;
