//! Laws: are two losses equal as functions of real numbers, wherever they are declared?
//!
//! 1. `normal` brings both into a normal form; equality is then decided by cross multiplication.
//! 2. `egraph` looks for a chain of rewritings from one to the other, independently; `replay` checks each step.
//! 3. [`sample`] compares numbers at many points: a false law gets its counterexample here.
//!
//! Proved is what 1 or 2 proved and 3 does not contradict. Both speak of real numbers, of at least two classes, and of
//! values: a law says nothing about derivatives, so [`Gradients`] says whether those agree too. Literals count as the
//! decimals that were written, and those next to a simple multiple of π as that.

mod conditions;
mod decide;
mod egraph;
mod exact;
mod facts;
mod normal;
mod pattern;
mod points;
mod range;
mod replay;
mod rules;
pub mod sample;
mod term;
mod tracked;

pub use conditions::Condition;
pub use decide::{Equality, Gradients, LawVerdict, Limits, decide, decide_losses, equal};
pub use egraph::NoProof;
pub use normal::{Sameness, Stuck};
pub use replay::{Step, print};
pub use sample::{Counterexample, Sampled};

#[cfg(test)]
mod replay_test;
#[cfg(test)]
mod rules_test;
