//! Verification of losses: what can be proved is proved, what can't is refuted or checked, and nothing more is said than
//! was shown.
//!
//! ```
//! use marlo_verify::claims::{Effort, decide};
//! use marlo_verify::verdict::Verdict;
//!
//! let text = "loss arc(s: Scale = 64 in 1..128, m: Angle = 0.5 in 0..pi/2) {
//!     let f = cos(theta[y] + m)
//!     ce(softmax(s * f, s * cos[k]))
//! }
//! prove decreasing(f, theta[y] in 0..pi - m), decreasing(f, theta[y] in 0..pi)";
//! let arc = marlo_lang::compile(text, &marlo_lang::Empty).expect("it is right");
//!
//! let verdict = |at: usize| decide(&arc.loss, &arc.claims[at], Effort::default());
//! assert!(matches!(verdict(0), Verdict::Proved { .. }));
//! assert!(matches!(verdict(1), Verdict::Refuted { .. }));
//! ```
//!
//! The crate refuses to know a loss by name, and runs no backend: a backend is handed in as a witness.

pub mod accuracy;
pub mod big;
pub mod border;
pub mod cases;
pub mod claims;
pub mod decisions;
pub mod domain;
pub mod gradient;
pub mod interval;
pub mod laws;
pub mod mutate;
pub mod oracle;
pub mod range;
pub mod report;
pub mod shifted;
pub mod table;
pub mod tracked;
pub mod verdict;
